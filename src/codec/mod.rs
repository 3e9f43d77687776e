//! Floor 1: bytes to bytes. Total functions: whatever comes in, a result or an error goes out,
//! in bounded memory.

use std::fmt;

pub mod chunk;
pub mod digest;
pub mod frame;
pub mod gzip;
pub mod histogram;
pub mod level;
mod packed;
mod patch;
pub mod png;
mod varint;

/// Why bytes could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(String);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}
