//! An old snapshot as a reader found it: what it is, what it says of itself, where its content
//! lies.
//!
//! It is a plan of a snapshot, not the content: what stands in a file is read when the snapshot is
//! stored, and once more when it is verified.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::codec::digest::Fields;
use crate::error::Result;
use crate::model::artifact::ArtifactStatus;
use crate::model::context::{Context, PART_BYTES_MAX};
use crate::model::id::{ArtifactName, BlobHash, Tag};
use crate::model::snapshot::Status;
use crate::model::time::Time;
use crate::ops::legacy::declared::Declared;
use crate::ops::legacy::files::FileId;

/// What kind of thing an old snapshot was found as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A JSON document of a flat folder, with the HTML and PNG files that it names.
    Flat,
    /// A folder of one page with its `metadata.json`, and such a folder without it.
    Bundle,
    /// A snapshot of a selector engine: JSON, or JSON in gzip.
    SelectorEngine,
    /// What a program kept of a browser session.
    BrowserSession,
    /// A row of the SQLite file of adaptive selectors.
    AdaptiveDb,
    /// A snapshot of a registry store.
    Registry,
    /// A snapshot that was exported by itself.
    Export,
    /// A page or a picture that no document names.
    Orphan,
    /// A file that is kept as the bytes that it is.
    Bytes,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 9] = [
        Kind::Flat,
        Kind::Bundle,
        Kind::SelectorEngine,
        Kind::BrowserSession,
        Kind::AdaptiveDb,
        Kind::Registry,
        Kind::Export,
        Kind::Orphan,
        Kind::Bytes,
    ];

    /// The word for it, in user info and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Flat => "flat",
            Kind::Bundle => "bundle",
            Kind::SelectorEngine => "selector_engine",
            Kind::BrowserSession => "browser_session",
            Kind::AdaptiveDb => "adaptive_db",
            Kind::Registry => "registry",
            Kind::Export => "export",
            Kind::Orphan => "orphan",
            Kind::Bytes => "bytes",
        }
    }
}

/// When an old snapshot says that it was taken.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// At this moment: an offset stands beside the time, it counts seconds since 1970, or it is
    /// known that its writer wrote UTC.
    At(Time),
    /// At this reading of a clock, told as if it were UTC. Which zone the clock showed is not said.
    Naive(Time),
    /// It does not say; a file of it was last changed then.
    Changed(Time),
}

/// Content of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A whole file.
    File(FileId),
    /// Made of what was read, the same each time that it is.
    Held(Vec<u8>),
    /// None, and why.
    Missing(ArtifactStatus, String),
}

/// An artifact of an old snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its name in the new snapshot, unique there.
    pub name: ArtifactName,
    /// What kind of content it is.
    pub media_type: String,
    /// The content.
    pub content: Content,
    /// The number of members of a JSON object or list, where it is one.
    pub entries: Option<u64>,
    /// How long taking it took, where that is told.
    pub took: Option<Duration>,
}

impl Part {
    /// An artifact of this name. Fails with `Invalid` where the name can't be one.
    pub fn new(name: &str, media_type: &str, content: Content) -> Result<Self> {
        let (name, media_type) = (name.parse()?, media_type.to_owned());
        Ok(Part { name, media_type, content, entries: None, took: None })
    }
}

/// An old snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What it was found as.
    pub kind: Kind,
    /// Which writer or generation of that kind it is of: `V1.2c`, say.
    pub variant: String,
    /// The file that stands for it in reports.
    pub source: FileId,
    /// What tells it apart where two have equal content: the name of a file, the number of a row.
    /// It is part of its identity, so it must not depend on where the folder lies.
    pub key: String,
    /// The name that it had, which becomes its version where that can be and is free.
    pub version: Option<String>,
    /// The name of the old snapshot that it is said to come from.
    pub based_on: Option<String>,
    /// Where it belongs.
    pub context: Context,
    /// When it was taken.
    pub when: When,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// What a person said about it.
    pub description: Option<String>,
    /// How much of what was asked for it holds.
    pub status: Status,
    /// Members of its user info, as the old snapshot has them or as captures of ours have them.
    pub info: Map<String, Value>,
    /// The whole of what the old snapshot says of itself but content, as JSON.
    pub metadata: Value,
    /// Its artifacts; at least one.
    pub parts: Vec<Part>,
    /// The hashes that it says its content has.
    pub declared: Vec<Declared>,
    /// The files that it accounts for, `source` too. A file that another snapshot accounts for may
    /// be used as content without standing here.
    pub files: Vec<FileId>,
    /// What is not as it should be, in words.
    pub problems: Vec<String>,
}

impl Found {
    /// A snapshot of which nothing is known yet but where it was found.
    pub fn new(kind: Kind, source: FileId, when: When) -> Self {
        Found {
            kind,
            variant: String::new(),
            source,
            key: String::new(),
            version: None,
            based_on: None,
            context: Context::default(),
            when,
            tags: Vec::new(),
            description: None,
            status: Status::Complete,
            info: Map::new(),
            metadata: Value::Null,
            parts: Vec::new(),
            declared: Vec::new(),
            files: vec![source],
            problems: Vec::new(),
        }
    }
}

/// What two imports of one old snapshot agree in: its kind, its key, and its content. Where it
/// lies, when its files were written and which zone is assumed don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(pub [u8; 16]);

impl Identity {
    /// The identity of a snapshot whose content has these hashes, in the order of its parts; none
    /// for a part without content.
    pub fn of(found: &Found, hashes: &[Option<BlobHash>]) -> Self {
        let names = found.parts.iter().map(|part| part.name.as_str());
        let parts = names.zip(hashes.iter().copied()).collect();
        Identity::made(found.kind.as_str(), &found.key, found.version.as_deref(), parts)
    }

    /// The identity of what these words and these hashes of artifacts tell.
    pub(crate) fn made(
        kind: &str,
        key: &str,
        version: Option<&str>,
        mut parts: Vec<(&str, Option<BlobHash>)>,
    ) -> Self {
        parts.sort_unstable();
        let mut fields = Fields::new();
        fields.text(kind).text(key).text_or_none(version);
        for (name, hash) in parts {
            fields.text(name).text_or_none(hash.map(|hash| hash.to_string()).as_deref());
        }
        Identity(fields.digest())
    }

    /// Some bits of it, for a version.
    pub(crate) fn salt(self, attempt: u32) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]).wrapping_add(attempt)
    }

    /// Other bits of it as a time shortly after 1970, for the version of what tells no time.
    pub(crate) fn micros(self) -> i64 {
        let [.., a, b, c, d] = self.0;
        i64::from(u32::from_le_bytes([a, b, c, d]))
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text of unknown origin as a part of a context: control characters become `_`, a lone `*`
/// becomes `%2A`, what is too long is cut; nothing is none.
pub fn context_part(text: &str) -> Option<String> {
    let clean: String = text.trim().chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    let mut end = clean.len().min(PART_BYTES_MAX);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    match &clean[..end] {
        "" => None,
        "*" => Some("%2A".to_owned()),
        part => Some(part.to_owned()),
    }
}
