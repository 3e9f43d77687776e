//! What the beginning of each file shows, before any reader has its say.

use crate::format::shape::{self, Members, Shape};
use crate::ops::legacy::files::{FileId, Tree, Unread};

/// Bytes at the beginning of a file that are looked at first.
const HEAD_BYTES: u64 = 4 * 1024;
/// Bytes of a JSON object that are looked at where its beginning does not tell what it is.
const OBJECT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What the beginning of a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    /// It can't be read.
    Unread,
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

/// What the beginning of each file shows, and which files a reader has taken.
#[derive(Debug, Default)]
pub struct Candidates {
    looks: Vec<Look>,
    taken: Vec<bool>,
}

impl Candidates {
    /// Looks at all files, telling how many were looked at.
    pub fn of(tree: &Tree, told: &mut dyn FnMut(u64)) -> Self {
        let mut looks = Vec::with_capacity(tree.len());
        for file in tree.ids() {
            looks.push(look(tree, file).unwrap_or(Look::Unread));
            told(looks.len() as u64);
        }
        Candidates { taken: vec![false; looks.len()], looks }
    }

    /// What a file looks like.
    pub fn look(&self, file: FileId) -> Look {
        self.looks.get(file.index()).copied().unwrap_or(Look::Other)
    }

    /// The files that look so and were not taken, in order.
    pub fn like(&self, tree: &Tree, look: Look) -> Vec<FileId> {
        let is_free = |file: &FileId| !self.is_taken(*file) && self.look(*file) == look;
        tree.ids().filter(is_free).collect()
    }

    /// Takes a file, so that no other reader looks at it.
    pub fn take(&mut self, file: FileId) {
        if let Some(taken) = self.taken.get_mut(file.index()) {
            *taken = true;
        }
    }

    /// Whether a reader has taken a file.
    pub fn is_taken(&self, file: FileId) -> bool {
        self.taken.get(file.index()).copied().unwrap_or(false)
    }
}

fn look(tree: &Tree, file: FileId) -> Result<Look, Unread> {
    let bytes = tree.size(file);
    if bytes == 0 {
        return Ok(Look::Empty);
    }
    let head = tree.head(file, HEAD_BYTES)?;
    let members = match shape::of(&head) {
        // A page may begin with a screen of white space.
        Shape::Empty if bytes > HEAD_BYTES => {
            return Ok(match shape::of(&tree.head(file, OBJECT_BYTES_MAX)?) {
                Shape::Object(members) => of_object(&members).unwrap_or(Look::Json),
                other => simple(&other),
            });
        }
        Shape::Object(members) => members,
        other => return Ok(simple(&other)),
    };
    if let Some(look) = of_object(&members) {
        return Ok(look);
    }
    if members.whole {
        return Ok(Look::Json);
    }
    match shape::of(&tree.head(file, OBJECT_BYTES_MAX)?) {
        Shape::Object(members) => Ok(of_object(&members).unwrap_or(Look::Json)),
        other => Ok(simple(&other)),
    }
}

fn simple(shape: &Shape) -> Look {
    match shape {
        Shape::Empty => Look::Empty,
        Shape::Object(_) | Shape::List => Look::Json,
        Shape::Html => Look::Html,
        Shape::Png => Look::Png,
        Shape::Gzip => Look::Gzip,
        Shape::Sqlite => Look::Sqlite,
        Shape::Pickle => Look::Pickle,
        Shape::Other => Look::Other,
    }
}

/// What an object with these members is; nothing where they don't tell.
pub(crate) fn of_object(members: &Members) -> Option<Look> {
    const ALL: [(&[&str], Look); 9] = [
        (&["schema_version", "captured_at", "page"], Look::Flat),
        (&["page_id", "url", "timestamp", "content"], Look::Flat),
        (&["page_id", "url", "timestamp", "screenshot_path"], Look::Flat),
        (&["context", "timestamp", "bundle_path", "artifacts"], Look::BundleMetadata),
        (&["context", "timestamp", "artifacts", "content_hash"], Look::BundleMetadata),
        (&["id", "selector_name", "snapshot_type"], Look::Selector),
        (&["session_id", "configuration", "created_at"], Look::Session),
        (&["version", "created_at", "tags", "checksum"], Look::RegistryEntry),
        (&["data", "metadata"], Look::Export),
    ];
    let known = ALL.iter().find(|(names, _)| members.have(names)).map(|(_, look)| *look);
    known
        .or_else(|| {
            let is_index = members.inner_have(&["selector_name", "snapshot_type", "file_path"]);
            is_index.then_some(Look::SelectorIndex)
        })
        .or_else(|| (members.names == ["snapshots"]).then_some(Look::Registry))
        .or_else(|| (members.names == ["session_id"] && members.whole).then_some(Look::Session))
}
