//! Floor 1: bytes to bytes. Total functions: whatever comes in, a result or an error goes out,
//! in bounded memory.

pub mod chunk;
pub mod digest;
pub mod frame;
pub mod level;
