//! The hierarchical folder of one capture, as Python scrapers wrote it: `metadata.json` and files.
//!
//! ```text
//! site/module/component/20260214/154054_session/
//!     metadata.json
//!     html/  screenshots/  logs/
//! ```
//!
//! `metadata.json` has `context` (`site`, `module`, `component`, `session_id`, `function`,
//! `additional_metadata`), `timestamp` (a time without a zone, mostly), `config`, `bundle_path`,
//! `artifacts` (paths within the folder), `metadata`, `content_hash` and `bundle_version`. The hash is
//! over these facts, never over the files. Two generations of it are known:
//!
//! - 32 hex digits: the MD5 of Python's `json.dumps(…, sort_keys=True)` of `artifacts` (sorted),
//!   `config`, `context`, `metadata` and `timestamp`;
//! - 64 hex digits: the SHA-256 of the same dump of the whole object without white space, where
//!   `content_hash` is null and the mode is what Python's `repr` gives of its enum. Nobody could check
//!   it, since the file has another mode and the hash itself.
//!
//! **Invariant:** what is read is told as it is written. What can't be kept so stands in a note.

pub mod path;
mod write;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::format::export;
use crate::format::hashes;
use crate::format::pyjson::{self, Kind, NameOrder, NotJson, PyJson, Value};
use crate::model::artifact::{Artifact, ArtifactStatus};
use crate::model::context::Context;
use crate::model::id::{ArtifactName, BlobHash, Tag, Version};
use crate::model::snapshot::{Snapshot, Status};
use crate::model::time::Time;

pub use write::{Config, write};

/// The names that the file has.
pub const FILE_NAMES: [&str; 2] = ["metadata.json", "meta.json"];
/// The members that the file has.
pub const MEMBERS: [&str; 8] = [
    "context",
    "timestamp",
    "config",
    "bundle_path",
    "artifacts",
    "metadata",
    "content_hash",
    "bundle_version",
];
/// The longest file that is read, in bytes.
pub const METADATA_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The member of `metadata` that holds what only Tintype knows.
pub const OWN: &str = "tintype";
/// The most notes on one file; a file of a million odd members is not told member by member.
const NOTES_MAX: usize = 100;

/// How `content_hash` was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// An MD5 over five members.
    Md5,
    /// A SHA-256 over all members.
    Sha256,
}

impl Generation {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Generation::Md5 => "md5",
            Generation::Sha256 => "sha256",
        }
    }
}

/// What `content_hash` says of the facts beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HashCheck {
    /// There is none.
    Absent,
    /// It is theirs.
    Matches(Generation),
    /// It is that of others; this would be theirs.
    Differs {
        /// How it was made, by its length.
        generation: Generation,
        /// The hash of the facts as they are.
        found: String,
    },
    /// It has the form of no hash that is known.
    Unknown,
}

/// What `metadata.json` tells.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// The site, unless it is missing or empty. So are the other parts of the context.
    pub site: Option<String>,
    /// The module.
    pub module: Option<String>,
    /// The component.
    pub component: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The function.
    pub function: Option<String>,
    /// What the caller said of the capture.
    pub additional_metadata: Map<String, serde_json::Value>,
    /// When it was taken, as it is written: in ISO 8601, mostly without a zone.
    pub timestamp: Option<String>,
    /// How it was taken.
    pub config: Map<String, serde_json::Value>,
    /// Where the folder was.
    pub bundle_path: Option<String>,
    /// The files that belong to it, as they are written.
    pub artifacts: Vec<String>,
    /// What the scraper said of the capture.
    pub metadata: Map<String, serde_json::Value>,
    /// The hash over these facts, as it is written.
    pub content_hash: Option<String>,
    /// The version of the form.
    pub bundle_version: Option<String>,
    /// What Tintype said, where it wrote the folder.
    pub own: Option<Own>,
    /// What can't be told as it is written.
    pub notes: Vec<String>,
}

/// What the folder of a snapshot says beside what older systems know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Own {
    /// The snapshot's version.
    pub version: Version,
    /// When it was taken.
    pub created_at: Time,
    /// Where it belongs.
    pub context: Context,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// What a person said about it.
    pub description: Option<String>,
    /// The version that it comes from.
    pub based_on: Option<Version>,
    /// How much of what was asked for it holds.
    pub status: Status,
    /// Its artifacts, those without content too.
    pub artifacts: Vec<OwnArtifact>,
}

/// An artifact of such a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnArtifact {
    /// Its name in the snapshot.
    pub name: ArtifactName,
    /// Its file in the folder, where it has content.
    pub path: Option<String>,
    /// What kind of content it is.
    pub media_type: String,
    /// What became of it.
    pub status: ArtifactStatus,
    /// Why it is not stored.
    pub reason: Option<String>,
    /// How long taking it took, in microseconds.
    pub took_us: Option<u64>,
    /// The number of members of a JSON object or array given as a value.
    pub entries: Option<u64>,
    /// The hash of its content.
    pub blake3: Option<BlobHash>,
}

impl Own {
    /// What a folder says of a snapshot. `file_of` names the file in the folder that an artifact is
    /// written to, where it is; `took_of` tells how long taking an artifact took, more exactly than the
    /// snapshot does where that is known.
    pub fn of(
        snapshot: &Snapshot,
        mut file_of: impl FnMut(&Artifact) -> Option<String>,
        took_of: impl Fn(&Artifact) -> Option<Duration>,
    ) -> Self {
        let artifacts = snapshot.artifacts.iter().map(|artifact| OwnArtifact {
            name: artifact.name.clone(),
            path: file_of(artifact),
            media_type: artifact.media_type.clone(),
            status: artifact.status,
            reason: artifact.reason.clone(),
            took_us: took_of(artifact)
                .map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            entries: artifact.entries,
            blake3: artifact.hash,
        });
        Own {
            version: snapshot.version.clone(),
            created_at: snapshot.created_at,
            context: snapshot.context.clone(),
            tags: snapshot.tags.clone(),
            description: snapshot.description.clone(),
            based_on: snapshot.based_on.clone(),
            status: snapshot.status,
            artifacts: artifacts.collect(),
        }
    }
}

/// Why a file is not the `metadata.json` of a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMetadata {
    /// It is not even JSON.
    #[error("no whole JSON: {0}")]
    Json(#[from] NotJson),
    /// It is something else.
    #[error("JSON, but not of a capture: {0}")]
    Foreign(&'static str),
    /// It is longer than [`METADATA_BYTES_MAX`].
    #[error("{0} bytes; at most {METADATA_BYTES_MAX} are read of such a file")]
    TooLarge(usize),
}

/// A `metadata.json`, read as JSON.
///
/// ```
/// use tintype::format::bundle::{File, HashCheck};
/// let text = br#"{"context": {"site": "shop.example"}, "artifacts": ["html/a.html"]}"#;
/// let file = File::parse(text)?;
/// assert_eq!(file.metadata().site.as_deref(), Some("shop.example"));
/// assert_eq!(file.check_hash(), HashCheck::Absent);
/// # Ok::<(), tintype::format::bundle::NotMetadata>(())
/// ```
pub struct File<'t> {
    bytes: &'t [u8],
    json: PyJson<'t>,
}

impl<'t> File<'t> {
    /// Reads a file. It is one of a capture where it has a `context` with a `site`, and one of
    /// `artifacts`, `bundle_path` and `content_hash`.
    pub fn parse(bytes: &'t [u8]) -> Result<Self, NotMetadata> {
        if bytes.len() > METADATA_BYTES_MAX {
            return Err(NotMetadata::TooLarge(bytes.len()));
        }
        // An editor may have put a byte order mark before it.
        let json = PyJson::parse(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes))?;
        let root = json.root();
        let Some(context) = root.get("context").filter(|it| it.kind() == Kind::Object) else {
            return Err(NotMetadata::Foreign("it has no context"));
        };
        if context.get("site").is_none() {
            return Err(NotMetadata::Foreign("its context has no site"));
        }
        if !["artifacts", "bundle_path", "content_hash"].iter().any(|it| root.get(it).is_some()) {
            return Err(NotMetadata::Foreign("it names neither files nor a folder"));
        }
        Ok(File { bytes, json })
    }

    /// All of it as JSON; what others would not read, as the text that it is written as.
    pub fn all(&self) -> serde_json::Value {
        let root = self.json.root();
        export::exactly(root)
            .unwrap_or_else(|_| export::fields(Some(root), "metadata", &mut Vec::new()).into())
    }

    /// What it tells.
    pub fn metadata(&self) -> Metadata {
        let root = self.json.root();
        let mut told = Metadata::default();
        let notes = &mut told.notes;
        let context = root.get("context");
        let [site, module, component, session, function] =
            ["site", "module", "component", "session_id", "function"].map(|name| {
                text(context.and_then(|context| context.get(name)), name, notes)
                    .filter(|part| !part.is_empty())
            });
        let timestamp = text(root.get("timestamp"), "timestamp", notes);
        let bundle_path = text(root.get("bundle_path"), "bundle_path", notes);
        let content_hash = text(root.get("content_hash"), "content_hash", notes);
        let bundle_version = text(root.get("bundle_version"), "bundle_version", notes);
        let additional = context.and_then(|context| context.get("additional_metadata"));
        let additional_metadata = export::fields(additional, "additional metadata", notes);
        let config = export::fields(root.get("config"), "configuration", notes);
        let metadata_of = root.get("metadata");
        let own = metadata_of.and_then(|metadata| metadata.get(OWN));
        let own = own.and_then(|own| match serde_json::from_str(own.text()) {
            Ok(own) => Some(own),
            Err(error) => {
                notes.push(format!("metadata.{OWN} can't be read: {error}"));
                None
            }
        });
        let mut metadata = export::fields(metadata_of, "metadata", notes);
        if own.is_some() {
            metadata.shift_remove(OWN);
        }
        let artifacts = artifacts(root.get("artifacts"), notes);
        if notes.len() > NOTES_MAX {
            let more = notes.len() - NOTES_MAX;
            notes.truncate(NOTES_MAX);
            notes.push(format!("and {more} more of this kind"));
        }
        Metadata {
            site,
            module,
            component,
            session,
            function,
            additional_metadata,
            timestamp,
            config,
            bundle_path,
            artifacts,
            metadata,
            content_hash,
            bundle_version,
            own,
            notes: std::mem::take(notes),
        }
    }

    /// Whether it is what is [written](write()) for what it tells of a snapshot, byte for byte.
    pub fn is_as_written(&self) -> bool {
        let mut metadata = self.metadata();
        let Some(own) = metadata.own.take() else { return false };
        let config = Config::of(&metadata.config);
        let place = metadata.bundle_path.unwrap_or_default();
        write(&own, &metadata.additional_metadata, &config, &place)
            .is_ok_and(|text| text == self.bytes)
    }

    /// Compares `content_hash` with the facts that it is over.
    pub fn check_hash(&self) -> HashCheck {
        let root = self.json.root();
        let told = match root.get("content_hash") {
            None => return HashCheck::Absent,
            Some(told) if told.kind() == Kind::Null => return HashCheck::Absent,
            Some(told) => told.string().unwrap_or_default(),
        };
        let is_hex = told.bytes().all(|byte| byte.is_ascii_hexdigit());
        let generation = match (is_hex, told.len()) {
            (true, 32) => Generation::Md5,
            (true, 64) => Generation::Sha256,
            _ => return HashCheck::Unknown,
        };
        // Names that were numbers sort as numbers, and the mode may have been written as a text.
        let mut first = None;
        for order in [NameOrder::Texts, NameOrder::Numbers] {
            for has_enum in [true, false] {
                let found = match generation {
                    Generation::Md5 => md5_of(root, order),
                    Generation::Sha256 => sha256_of(root, order, has_enum),
                };
                if found.eq_ignore_ascii_case(&told) {
                    return HashCheck::Matches(generation);
                }
                first.get_or_insert(found);
            }
        }
        HashCheck::Differs { generation, found: first.unwrap_or_default() }
    }
}

/// The text of a member that ought to be one.
fn text(value: Option<Value<'_, '_>>, name: &str, notes: &mut Vec<String>) -> Option<String> {
    let value = value.filter(|value| value.kind() != Kind::Null)?;
    value.string().or_else(|| {
        notes.push(format!("{name} is no text: {}", value.text()));
        None
    })
}

fn artifacts(value: Option<Value<'_, '_>>, notes: &mut Vec<String>) -> Vec<String> {
    let Some(value) = value.filter(|value| value.kind() != Kind::Null) else { return Vec::new() };
    if value.kind() != Kind::List {
        notes.push(format!("artifacts is no list: {}", value.text()));
    }
    let mut paths = Vec::new();
    for item in value.items() {
        // Some writers told of each file more than its path.
        let path = ["path", "file", "filename"].iter().find_map(|name| item.get(name)?.string());
        match item.string().or(path) {
            Some(path) => paths.push(path),
            None => notes.push(format!("an artifact without a path: {}", item.text())),
        }
    }
    paths
}

/// The MD5 of the older generation, as hex digits.
fn md5_of(root: Value<'_, '_>, order: NameOrder) -> String {
    let dumped = |name: &str| {
        root.get(name).map_or_else(|| "null".to_owned(), |value| value.canonical(order))
    };
    let artifacts = match root.get("artifacts") {
        Some(list) if list.kind() == Kind::List => {
            let mut items: Vec<_> = list.items().collect();
            items.sort_by_cached_key(|item| item.characters().into_owned());
            let items: Vec<_> = items.iter().map(|item| item.canonical(order)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => "[]".to_owned(),
    };
    let mut text = format!("{{\"artifacts\": {artifacts}");
    for name in ["config", "context", "metadata", "timestamp"] {
        text += &format!(", \"{name}\": {}", dumped(name));
    }
    text.push('}');
    hashes::md5(text.as_bytes())
}

/// The SHA-256 of the newer generation, as hex digits.
fn sha256_of(root: Value<'_, '_>, order: NameOrder, has_enum: bool) -> String {
    let dump = |value: Value<'_, '_>| value.dumped(order, ",", ":");
    let mut members = Vec::new();
    for (name, value) in root.sorted(order) {
        let written = match name.string().as_deref() {
            Some("content_hash") => "null".to_owned(),
            Some("config") if has_enum && value.kind() == Kind::Object => {
                let mut fields = Vec::new();
                for (name, value) in value.sorted(order) {
                    let mode = value.string().filter(|_| name.string().as_deref() == Some("mode"));
                    let written = match mode {
                        Some(mode) => {
                            let (label, mode) = (mode.to_ascii_uppercase(), mode);
                            pyjson::quoted(&format!("<SnapshotMode.{label}: '{mode}'>"))
                        }
                        None => dump(value),
                    };
                    fields.push(format!("{}:{written}", dump(name)));
                }
                format!("{{{}}}", fields.join(","))
            }
            _ => dump(value),
        };
        members.push(format!("{}:{written}", dump(name)));
    }
    hashes::sha256(format!("{{{}}}", members.join(",")).as_bytes())
}
