//! Floor 2: the forms in which people read and exchange content. Pure functions on bytes, no I/O.

pub mod diff;
