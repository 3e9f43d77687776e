//! What people exchange: formats that other programs read and write.

pub mod har;
