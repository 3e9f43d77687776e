//! `legacy`: old snapshot folders of Python programs, taken in whole, with proof.
//!
//! A folder is walked ([`files`]). Readers look at the beginning of each file and say what they know
//! ([`Reader`]); each old snapshot becomes a [`found::Found`]. What no reader knows, or what one can't
//! understand, is kept as the bytes that it is, with the reason.
//!
//! **Invariant:** a file is recognised by what is in it. Its name only helps to find what belongs to it.

pub mod declared;
pub mod files;
pub mod found;

use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::found::{Found, Kind};

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

/// What the beginning of each file shows, and which files a reader has taken.
#[derive(Debug, Default)]
pub struct Candidates {
    looks: Vec<Look>,
}

/// What the beginning of a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    /// It can't be read.
    Unread,
    /// A reader has taken it.
    Taken,
    /// Nothing is in it.
    Empty,
    /// A JSON object with the members of a flat snapshot, with or without schema version.
    Flat,
    /// A JSON object with the members of a bundle's metadata.
    BundleMetadata,
    /// A JSON object with the members of a selector engine's snapshot.
    Selector,
    /// A JSON object that lists a selector engine's snapshots.
    SelectorIndex,
    /// A JSON object with the members of a browser session.
    Session,
    /// A JSON object with the member `snapshots`: the registry of a registry store.
    Registry,
    /// A JSON object with the members of one entry of such a registry.
    RegistryEntry,
    /// A JSON object with `data` and `metadata`.
    Export,
    /// Another JSON object, or a list.
    Json,
    /// HTML.
    Html,
    /// A PNG.
    Png,
    /// Something compressed with gzip.
    Gzip,
    /// An SQLite database.
    Sqlite,
    /// A pickle of protocol 2 or later.
    Pickle,
    /// Something else.
    Other,
}

impl Candidates {
    /// What a file looks like.
    pub fn look(&self, file: FileId) -> Look {
        self.looks.get(file.index()).copied().unwrap_or(Look::Other)
    }

    /// The files that look so and were not taken, in order.
    pub fn like<'c>(&'c self, tree: &Tree, look: Look) -> impl Iterator<Item = FileId> + use<'c> {
        tree.ids().filter(move |file| self.look(*file) == look)
    }

    /// Takes a file, so that no other reader looks at it.
    pub fn take(&mut self, file: FileId) {
        if let Some(look) = self.looks.get_mut(file.index()) {
            *look = Look::Taken;
        }
    }
}
