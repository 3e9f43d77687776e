//! Floor 2: the forms in which people read and exchange content. Pure functions, no I/O.

pub mod aria;
pub mod bsdiff;
pub mod bundle;
pub mod console;
pub mod diff;
pub mod document;
pub mod entries;
pub mod export;
pub mod flat;
pub mod har;
pub mod hashes;
pub mod hunks;
pub mod image;
pub mod layout;
pub mod mhtml;
pub mod pickle;
pub mod prometheus;
pub mod protocol;
pub mod pyjson;
pub mod registry;
pub mod resemblance;
pub mod selector;
pub mod selector_engine;
pub mod shape;
