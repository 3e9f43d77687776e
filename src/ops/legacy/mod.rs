//! `legacy`: old snapshot folders of Python programs, taken in whole, with proof.
//!
//! A folder is walked ([`files`]). Readers look at the beginning of each file and say what they know
//! ([`Reader`]); each old snapshot becomes a [`found::Found`]. What no reader knows, or what one can't
//! understand, is kept as the bytes that it is, with the reason.
//!
//! **Invariant:** a file is recognised by what is in it. Its name only helps to find what belongs to it.

pub mod declared;
pub mod exports;
pub mod files;
pub mod flat;
pub mod found;
pub mod look;
pub mod registry;

use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::found::{Found, Kind};
pub use crate::ops::legacy::look::{Candidates, Look};

/// An old snapshot that a reader has seen, in few bytes: there may be very many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// What it is; the reader of this kind reads it.
    pub kind: Kind,
    /// The file that stands for it.
    pub source: FileId,
    /// Which of several in that file, or what else its reader needs to know.
    pub number: u32,
}

/// What reads snapshots of one kind.
pub trait Reader {
    /// Looks through a folder and gives the snapshots in it. A file that it takes for its own is taken
    /// from `files`, so that no reader after it looks at it.
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit>;

    /// Reads a snapshot. An error is why it can't be understood; its files are then kept as bytes.
    ///
    /// What the error or the snapshot says is the same each time that it is read.
    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String>;
}
