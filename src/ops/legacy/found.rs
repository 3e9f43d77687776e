//! An old snapshot as a reader found it: what it is, what it says of itself, where its content
//! lies.
//!
//! It is a plan of a snapshot, not the content: what stands in a file is read when the snapshot is
//! stored, and once more when it is verified.

use std::collections::BTreeSet;
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
use crate::ops::legacy::files::{FileId, FolderId};

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
    /// The folder within which these two names mean a snapshot; the whole tree where there is none.
    pub names_of: Option<FolderId>,
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
    /// The files that belong to it, `source` too. Of these it accounts for the ones that are content
    /// of its artifacts, and for the ones that are `retold`. A file that another snapshot accounts
    /// for may be used as content without standing here.
    pub files: Vec<FileId>,
    /// The files of which every byte follows from what is said here, so that none of it is lost where
    /// they are no artifacts.
    pub retold: Vec<FileId>,
    /// Where or when it says that it was written down: told, and no part of what it is.
    pub written: Option<String>,
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
            names_of: None,
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
            retold: Vec::new(),
            written: None,
            problems: Vec::new(),
        }
    }

    /// Keeps of the files those that it accounts for: a file of which something would be lost is left
    /// to be taken by itself.
    pub(crate) fn account(&mut self) {
        let mut kept: Vec<FileId> = self.retold.clone();
        kept.extend(self.parts.iter().filter_map(|part| match part.content {
            Content::File(file) => Some(file),
            _ => None,
        }));
        kept.sort_unstable();
        self.files.retain(|file| kept.binary_search(file).is_ok());
    }
}

/// What two imports of one old snapshot agree in: all that it is and says. Where it lies, when its
/// files were written and which zone is assumed don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(pub [u8; 16]);

/// All that makes an old snapshot itself. It can be gathered from a folder, and from the store.
pub(crate) struct Facts<'a> {
    pub(crate) kind: &'a str,
    pub(crate) key: &'a str,
    pub(crate) version: Option<&'a str>,
    pub(crate) based_on: Option<&'a str>,
    /// How its time is told, and the time; none where it does not tell one.
    pub(crate) time: Option<(&'static str, Time)>,
    pub(crate) context: &'a Context,
    pub(crate) status: Status,
    pub(crate) description: Option<&'a str>,
    /// The digest of its tags, where it has some.
    pub(crate) tags: Option<&'a str>,
    /// The digest of its user info.
    pub(crate) info: &'a str,
    /// The digest of what it says of itself.
    pub(crate) metadata: &'a str,
    /// Name, media type and hash of each artifact.
    pub(crate) parts: Vec<(&'a str, &'a str, Option<BlobHash>)>,
}

/// A time that an offset stands beside.
pub(crate) const MOMENT: &str = "moment";
/// A reading of a clock of which no zone is told.
pub(crate) const READING: &str = "reading";

impl Facts<'_> {
    pub(crate) fn identity(mut self) -> Identity {
        self.parts.sort_unstable();
        let mut fields = Fields::new();
        fields.text(self.kind).text(self.key);
        fields.text_or_none(self.version).text_or_none(self.based_on);
        fields.text_or_none(self.time.map(|(how, _)| how));
        fields.number_or_none(self.time.map(|(_, time)| time.micros()));
        self.context.parts().iter().for_each(|part| {
            fields.text(part);
        });
        fields.text(self.status.as_str()).text_or_none(self.description);
        fields.text_or_none(self.tags).text(self.info).text(self.metadata);
        for (name, media_type, hash) in self.parts {
            let hash = hash.map(|hash| hash.to_string());
            fields.text(name).text(media_type).text_or_none(hash.as_deref());
        }
        Identity(fields.digest())
    }
}

/// A digest of a JSON value, the members of objects in their order, as hex digits.
pub(crate) fn digest_of(value: &impl serde::Serialize) -> String {
    // What was read as JSON can be written as JSON.
    let text = serde_json::to_vec(value).unwrap_or_default();
    hex(Fields::new().bytes(&text).digest())
}

/// A digest of tags, in whatever order; none where there are none.
pub(crate) fn digest_of_tags(tags: &[Tag]) -> Option<String> {
    let tags: BTreeSet<&str> = tags.iter().map(Tag::as_str).collect();
    let mut fields = Fields::new();
    tags.iter().for_each(|tag| {
        fields.text(tag);
    });
    (!tags.is_empty()).then(|| hex(fields.digest()))
}

fn hex(digest: [u8; 16]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Identity {
    /// The identity of a snapshot whose content has these hashes, in the order of its parts; none
    /// for a part without content.
    pub fn of(found: &Found, hashes: &[Option<BlobHash>]) -> Self {
        let tags = digest_of_tags(&found.tags);
        let parts = found.parts.iter().zip(hashes);
        Facts {
            kind: found.kind.as_str(),
            key: &found.key,
            version: found.version.as_deref(),
            based_on: found.based_on.as_deref(),
            time: match found.when {
                When::At(time) => Some((MOMENT, time)),
                When::Naive(time) => Some((READING, time)),
                When::Changed(_) => None,
            },
            context: &found.context,
            status: found.status,
            description: found.description.as_deref(),
            tags: tags.as_deref(),
            info: &digest_of(&found.info),
            metadata: &digest_of(&found.metadata),
            parts: parts
                .map(|(part, hash)| (part.name.as_str(), part.media_type.as_str(), *hash))
                .collect(),
        }
        .identity()
    }

    /// Some bits of it, for a version: a number below `limit`.
    pub(crate) fn salt(self, limit: u32) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]) % limit
    }

    /// Other bits of it as a time shortly after 1970, for the version of what tells no time.
    pub(crate) fn micros(self) -> i64 {
        let [.., a, b, c, d] = self.0;
        i64::from(u32::from_le_bytes([a, b, c, d]))
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&hex(self.0))
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
