//! Of Tintype's formats, differences.
#![allow(dead_code, missing_docs, unused_imports)]

#[path = "../../src/format/diff.rs"]
pub mod diff;
#[path = "../../src/format/entries.rs"]
pub mod entries;
#[path = "../../src/format/image.rs"]
pub mod image;
