//! The other way: snapshots written in the forms that older programs read.
//!
//! [`export_bundle`] writes the hierarchical folder of a capture, with everything known of the snapshot
//! in its metadata; [`crate::ops::transfer::import`] takes it back, the same in everything.
//! [`export_flat`] writes into a flat folder, which holds a page and its picture.
//!
//! **Invariant:** nothing that stands in a folder is replaced, and nothing is written outside of it,
//! whatever the context of a snapshot is.
//!
//! **Invariant:** a bundle is in its place whole or not at all.

mod bundle;
mod flat;
mod read;

use std::path::PathBuf;

use serde::Serialize;

pub use bundle::{bundle_path, export_bundle};
pub use flat::export_flat;
pub(crate) use read::archive_of;

/// What was written of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Written {
    /// The folder that was made, or the document in a flat folder.
    pub path: PathBuf,
    /// How many files were written.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The artifacts that the form can't hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}
