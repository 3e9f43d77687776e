//! What can go wrong, in one enum.
//!
//! A variant stands for what the caller can tell apart and do something about; everything else
//! carries its `source`. Messages say what, which one and why, without a full stop, so that they
//! can be put into a longer sentence.
//!
//! Soft failures are no errors: a capture that lacks an artifact, or a store in which `verify`
//! found damage, are results that say so.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::id::{BlobHash, Version};

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a floor below that callers can only report.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Everything that an operation of this crate can fail with.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no store at this path.
    #[error("there is no store at {}", path.display())]
    NoStore {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// A store was to be created where something stands already.
    #[error("{} exists already", path.display())]
    StoreExists {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The file is not a store.
    #[error("{} is not a Tintype store: {why}", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        why: String,
    },
    /// The file was written by a newer version of this crate; it was left untouched.
    #[error(
        "{} has schema {found}; this version of Tintype reads up to {known}",
        path.display()
    )]
    NewerStore {
        /// The file.
        path: PathBuf,
        /// Its schema number.
        found: i64,
        /// The newest schema number that this crate knows.
        known: i64,
    },
    /// Another process held the file for longer than the busy timeout.
    #[error("{} is locked by another process; waited {} ms", path.display(), waited.as_millis())]
    Locked {
        /// The store.
        path: PathBuf,
        /// How long the lock was waited for.
        waited: Duration,
    },
    /// The file or its folder can't be written.
    #[error("{} can't be written: {why}", path.display())]
    ReadOnly {
        /// The store.
        path: PathBuf,
        /// What the operating system said.
        why: String,
    },
    /// The disk, or a limit set on the file, is full; nothing of the change was kept.
    #[error("no space left for {}", path.display())]
    NoSpace {
        /// The store.
        path: PathBuf,
    },
    /// What was named does not exist.
    #[error("there is no {what} {name}")]
    NotFound {
        /// What kind of thing was asked for.
        what: What,
        /// The name that was asked for.
        name: String,
    },
    /// A prefix of a version fits more than one.
    #[error("{prefix} is the beginning of {count} versions, {} and {} among them", examples.0, examples.1)]
    Ambiguous {
        /// The prefix that was asked for.
        prefix: String,
        /// How many versions begin with it.
        count: u64,
        /// Two of them.
        examples: (Version, Version),
    },
    /// A version that was to be made exists already (a forgotten one too, until it is purged).
    #[error("version {version} exists already")]
    VersionExists {
        /// The version.
        version: Version,
    },
    /// A snapshot that is pinned was to be forgotten.
    #[error("snapshot {version} is pinned; take the tag `pinned` off it first")]
    Pinned {
        /// The version.
        version: Version,
    },
    /// A backup was to be put back over snapshots that it does not hold.
    #[error("restoring {} would lose newer snapshots, {snapshots} in all", backup.display())]
    NewerSnapshots {
        /// The backup.
        backup: PathBuf,
        /// How many snapshots came after it, those that are forgotten and not purged among them.
        snapshots: u64,
    },
    /// A value given by the caller can't be taken.
    #[error("{what} {}: {why}", quoted(value))]
    Invalid {
        /// What the value was meant to be.
        what: &'static str,
        /// The value, or the beginning of it.
        value: String,
        /// Why it can't be taken.
        why: String,
    },
    /// Content is larger than the store takes.
    #[error("{what} is {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        bytes: u64,
        /// The named limit.
        limit: u64,
    },
    /// Stored data is damaged. Nothing wrong was returned.
    #[error("{0}")]
    Corrupt(#[from] Corruption),
    /// There is no browser to capture with.
    #[error("no browser: {why}")]
    NoBrowser {
        /// Where was looked, or what the browser said.
        why: String,
    },
    /// The browser failed in a way that left nothing to store.
    #[error("browser: {doing}: {why}")]
    Browser {
        /// What was being done.
        doing: &'static str,
        /// What was answered.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// SQLite refused a statement for a reason that is none of the above.
    #[error("{doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: Source,
    },
}

impl Error {
    /// Makes an [`Error::Invalid`], with the value cut to a length that fits a message.
    pub fn invalid(what: &'static str, value: impl fmt::Display, why: impl Into<String>) -> Self {
        Error::Invalid { what, value: clip(&value.to_string(), 80), why: why.into() }
    }

    /// Makes an [`Error::NotFound`].
    pub fn not_found(what: What, name: impl fmt::Display) -> Self {
        Error::NotFound { what, name: clip(&name.to_string(), 80) }
    }

    /// Makes an [`Error::Io`], or an [`Error::NoSpace`] where that is what the operating system says.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let path = path.as_ref().to_owned();
        match source.kind() {
            FileTooLarge | QuotaExceeded | StorageFull => Error::NoSpace { path },
            _ => Error::Io { path, source },
        }
    }

    /// Makes the error of a temporary file or folder that can't be made beside `path`. The crate for
    /// those puts a path of its own behind what the operating system said.
    pub(crate) fn temporary(path: impl AsRef<Path>, source: &std::io::Error) -> Self {
        let said = source.to_string();
        let said = said.split_once(" at path ").map_or(said.as_str(), |(said, _)| said);
        Error::io(path, std::io::Error::new(source.kind(), said))
    }

    /// The error that a stream of ours passed through foreign hands as an I/O error; others as they
    /// are.
    pub(crate) fn unwrapped(self) -> Self {
        match self {
            Error::Io { path, source } => {
                source.downcast().unwrap_or_else(|source| Error::Io { path, source })
            }
            error => error,
        }
    }

    /// The same error once more, for each of several callers whom it befell together. A source
    /// is kept as its text.
    pub(crate) fn again(&self) -> Self {
        match self {
            Error::Locked { path, waited } => Error::Locked { path: path.clone(), waited: *waited },
            Error::NoSpace { path } => Error::NoSpace { path: path.clone() },
            Error::ReadOnly { path, why } => {
                Error::ReadOnly { path: path.clone(), why: why.clone() }
            }
            Error::Corrupt(damage) => Error::Corrupt(damage.clone()),
            Error::Database { doing, source } => {
                Error::Database { doing, source: source.to_string().into() }
            }
            error => Error::Database { doing: "writing", source: error.to_string().into() },
        }
    }

    /// Returns the stable word for this error that machine-readable output carries.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::NoStore { .. } => "no_store",
            Error::StoreExists { .. } => "store_exists",
            Error::NotAStore { .. } => "not_a_store",
            Error::NewerStore { .. } => "newer_store",
            Error::Locked { .. } => "locked",
            Error::ReadOnly { .. } => "read_only",
            Error::NoSpace { .. } => "no_space",
            Error::NotFound { .. } => "not_found",
            Error::Ambiguous { .. } => "ambiguous",
            Error::VersionExists { .. } => "version_exists",
            Error::Pinned { .. } => "pinned",
            Error::NewerSnapshots { .. } => "newer_snapshots",
            Error::Invalid { .. } => "invalid",
            Error::TooLarge { .. } => "too_large",
            Error::Corrupt(_) => "corrupt",
            Error::NoBrowser { .. } => "no_browser",
            Error::Browser { .. } => "browser",
            Error::Io { .. } => "io",
            Error::Database { .. } => "database",
        }
    }
}

/// For conversions that can't fail, where a generic bound asks for one that can.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// The kinds of things that are looked up by name.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A snapshot, by its version.
    Snapshot,
    /// An artifact of a snapshot, by its name.
    Artifact,
    /// A tag.
    Tag,
    /// Content that was staged, by its hash: it was not stored within the time that it is kept for.
    Staged,
    /// A snapshot that was forgotten and is not purged, by its version.
    Forgotten,
    /// An alert that is open, by its id.
    Alert,
    /// A feature flag.
    Flag,
    /// A backup, by its id or its path.
    Backup,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Snapshot => "snapshot",
            What::Artifact => "artifact",
            What::Tag => "tag",
            What::Staged => "staged content",
            What::Forgotten => "forgotten snapshot",
            What::Alert => "open alert",
            What::Flag => "flag",
            What::Backup => "backup",
        })
    }
}

/// Damage to stored data: what is damaged, as far as it is known, and how that was seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{detail}", self.place())]
pub struct Corruption {
    /// The snapshot that can't be trusted, where one is known.
    pub version: Option<Version>,
    /// The artifact of it.
    pub artifact: Option<String>,
    /// The content, by the hash that it should have.
    pub blob: Option<BlobHash>,
    /// What was seen.
    pub detail: String,
}

impl Corruption {
    /// Damage that is not known to belong to a snapshot.
    pub fn of_store(detail: impl Into<String>) -> Self {
        Corruption { version: None, artifact: None, blob: None, detail: detail.into() }
    }

    /// Damage to a piece of content.
    pub fn of_blob(hash: BlobHash, detail: impl Into<String>) -> Self {
        Corruption { version: None, artifact: None, blob: Some(hash), detail: detail.into() }
    }

    /// Damage to what is known about a snapshot.
    pub fn of_snapshot(version: &Version, detail: impl Into<String>) -> Self {
        Corruption {
            version: Some(version.clone()),
            artifact: None,
            blob: None,
            detail: detail.into(),
        }
    }

    /// Names the snapshot and artifact whose content is damaged.
    pub fn within(mut self, version: &Version, artifact: &str) -> Self {
        self.version = Some(version.clone());
        self.artifact = Some(artifact.to_owned());
        self
    }

    fn place(&self) -> String {
        let mut place = String::new();
        if let Some(version) = &self.version {
            place += &format!("snapshot {version}");
            if let Some(artifact) = &self.artifact {
                place += &format!(", artifact {artifact}");
            }
            place += ": ";
        }
        if let Some(blob) = &self.blob {
            place += &format!("blob {} ", blob.short());
        }
        place
    }
}

/// Cuts a text to at most `limit` characters, on a character boundary, and says that it was cut.
fn clip(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Puts a caller's value into quotes with everything that could disturb a terminal escaped.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.escape_debug())
}
