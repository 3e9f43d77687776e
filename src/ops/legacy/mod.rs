//! `legacy`: old snapshot folders of Python programs, taken in whole, with proof.
//!
//! A folder is walked ([`files`]). Readers look at the beginning of each file and say what they
//! know ([`Reader`]); each old snapshot becomes a [`found::Found`]. What no reader knows, or what
//! one can't understand, is kept as the bytes that it is, with the reason.
//!
//! **Invariant:** a file is recognised by what is in it. Its name only helps to find what belongs
//! to it.

pub mod adaptive;
pub mod bundles;
pub mod declared;
pub mod exports;
pub mod files;
pub mod flat;
pub mod found;
pub mod import;
mod limits;
pub mod look;
mod names;
mod ours;
pub mod plan;
pub mod registry;
pub mod report;
pub mod scan;
pub mod selector_engine;
pub mod session;
pub mod settle;
pub mod verify;
pub mod write;

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::found::{Found, Kind};
pub use crate::ops::legacy::import::{Options, apply};
pub use crate::ops::legacy::look::{Candidates, Look};
pub use crate::ops::legacy::plan::Plan;
pub use crate::ops::legacy::report::{Counts, Outcome, Report};
pub use crate::ops::legacy::scan::{Scan, scan};
pub use crate::ops::legacy::verify::{Verified, verify};
use crate::ops::progress::Progress;
use crate::store::Repository;

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
    /// Looks through a folder and gives the snapshots in it. A file that it takes for its own is
    /// taken from `files`, so that no reader after it looks at it.
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit>;

    /// Reads a snapshot. An error is why it can't be understood; its files are then kept as bytes.
    ///
    /// What the error or the snapshot says is the same each time that it is read.
    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String>;
}

/// Looks through a folder, to be taken into a store: nothing is changed. The files of the store
/// itself are passed over where they lie in the folder.
///
/// Fails with `Io` where the folder can't be read.
pub fn plan(
    repo: &Repository,
    folder: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Plan> {
    Plan::of(folder.as_ref(), &files_of(repo.path()), progress)
}

/// The files of the store at this path, whether they are there or not.
pub fn files_of(store: &Path) -> Vec<PathBuf> {
    let beside = |end| {
        let mut path = store.as_os_str().to_owned();
        path.push(end);
        PathBuf::from(path)
    };
    ["", "-wal", "-shm", "-journal", "-head"].map(beside).into()
}
