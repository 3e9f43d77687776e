//! Of Tintype's engine, what finds content in the file and reads it.
#![allow(dead_code, missing_docs)]

#[path = "../../src/store/blobs.rs"]
pub mod blobs;
#[path = "../../src/store/contexts.rs"]
pub mod contexts;
#[path = "../../src/store/pieces.rs"]
pub mod pieces;
#[path = "../../src/store/snapshots.rs"]
pub mod snapshots;
#[path = "../../src/store/sqlite.rs"]
pub mod sqlite;
#[path = "../../src/store/tags.rs"]
pub mod tags;
