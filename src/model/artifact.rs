//! A part of a snapshot: a name, what became of it, and the content.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::id::{ArtifactName, BlobHash};

/// The media type of content that nothing is known about.
pub const MEDIA_BYTES: &str = "application/octet-stream";
/// The media type of JSON.
pub const MEDIA_JSON: &str = "application/json";
/// The media type of JSON in Python's dialect, which others may not read: with `NaN`, half surrogate
/// pairs, or more levels than [`DEPTH_MAX`](crate::model::json::DEPTH_MAX).
pub const MEDIA_PYTHON_JSON: &str = "application/x-python-json";
/// The media type of plain text in UTF-8.
pub const MEDIA_TEXT: &str = "text/plain";
/// The longest media type, in bytes.
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// What became of an artifact that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactStatus {
    /// Its content is here.
    Stored,
    /// There was nothing to take: no console message was written, say.
    Empty,
    /// It could not be had; the reason is told.
    Failed,
    /// It was left out on purpose; the reason is told.
    Skipped,
    /// It was withheld, since a secret in it could not be taken out.
    Redacted,
}

impl ArtifactStatus {
    /// All of them, in the order of their codes in the file.
    pub const ALL: [ArtifactStatus; 5] = [
        ArtifactStatus::Stored,
        ArtifactStatus::Empty,
        ArtifactStatus::Failed,
        ArtifactStatus::Skipped,
        ArtifactStatus::Redacted,
    ];

    /// The word for it, in the file's views and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            ArtifactStatus::Stored => "stored",
            ArtifactStatus::Empty => "empty",
            ArtifactStatus::Failed => "failed",
            ArtifactStatus::Skipped => "skipped",
            ArtifactStatus::Redacted => "redacted",
        }
    }
}

/// An artifact of a stored snapshot: what it is, and what keeping it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Artifact {
    /// Its name within the snapshot.
    pub name: ArtifactName,
    /// What kind of content it is.
    pub media_type: String,
    /// What became of it.
    pub status: ArtifactStatus,
    /// Why it is not `stored`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long taking it took, in milliseconds, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// The hash of its content, unless there is none.
    pub hash: Option<BlobHash>,
    /// The size of its content in bytes.
    pub bytes: u64,
    /// The number of members of a JSON object or array given as a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// The bytes that its content takes in the file. Equal content is kept once, however many
    /// snapshots hold it, and so is each of its pieces.
    pub stored: u64,
    /// The content that this is kept as a delta on, if it is one.
    pub base: Option<BlobHash>,
    /// How many deltas are applied to read it; 0 is content kept whole. Of content in pieces, the
    /// most that are for one of them.
    pub depth: u32,
    /// The pieces that large content is cut into; 0 is content kept as one.
    pub pieces: u64,
}

/// Content that a store has read from a stream, to be put into a draft.
///
/// Plain data: it can be cloned, and dropped without harm. Large content is in the store already,
/// where nothing holds it until a snapshot with it is stored; the store keeps it for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged(pub(crate) Given);

impl Staged {
    /// The size of the content in bytes.
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Given::Held(content) | Given::Hashed(content, _) => content.len() as u64,
            Given::Staged { bytes, .. } => *bytes,
        }
    }
}

/// Content of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// Here, in memory.
    Held(Arc<[u8]>),
    /// The same, and its hash.
    Hashed(Arc<[u8]>, BlobHash),
    /// In the store, in pieces.
    Staged {
        /// The hash of the whole.
        hash: BlobHash,
        /// The length of the whole.
        bytes: u64,
    },
}

/// An artifact to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftArtifact {
    pub(crate) name: ArtifactName,
    pub(crate) media_type: String,
    pub(crate) status: ArtifactStatus,
    pub(crate) reason: Option<String>,
    pub(crate) took: Option<Duration>,
    pub(crate) content: Option<Given>,
    pub(crate) entries: Option<u64>,
}

impl DraftArtifact {
    /// An artifact with content.
    pub fn stored(
        name: ArtifactName,
        media_type: impl Into<String>,
        content: impl Into<Arc<[u8]>>,
    ) -> Result<Self> {
        DraftArtifact::staged(name, media_type, Staged(Given::Held(content.into())))
    }

    /// An artifact with content that the store has read from a stream.
    pub fn staged(
        name: ArtifactName,
        media_type: impl Into<String>,
        staged: Staged,
    ) -> Result<Self> {
        Ok(DraftArtifact {
            name,
            media_type: checked(media_type.into())?,
            status: ArtifactStatus::Stored,
            reason: None,
            took: None,
            content: Some(staged.0),
            entries: None,
        })
    }

    /// An artifact that was asked for and has no content; `reason` says why.
    ///
    /// Fails where `status` is [`ArtifactStatus::Stored`].
    pub fn missing(
        name: ArtifactName,
        media_type: impl Into<String>,
        status: ArtifactStatus,
        reason: Option<String>,
    ) -> Result<Self> {
        if status == ArtifactStatus::Stored {
            return Err(Error::invalid("artifact", name, "stored, but there is no content"));
        }
        Ok(DraftArtifact {
            name,
            media_type: checked(media_type.into())?,
            status,
            reason,
            took: None,
            content: None,
            entries: None,
        })
    }

    /// Keeps how long taking it took.
    pub fn took(mut self, took: Duration) -> Self {
        self.took = Some(took);
        self
    }

    /// The artifact's name.
    pub fn name(&self) -> &ArtifactName {
        &self.name
    }

    /// What became of it.
    pub fn status(&self) -> ArtifactStatus {
        self.status
    }

    /// Why it is not `stored`.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Its content, where it has one and that is in memory; of staged content only what is small
    /// is.
    pub fn content(&self) -> Option<&[u8]> {
        match &self.content {
            Some(Given::Held(content) | Given::Hashed(content, _)) => Some(content),
            Some(Given::Staged { .. }) | None => None,
        }
    }
}

fn checked(media_type: String) -> Result<String> {
    match check_media_type(&media_type) {
        Ok(()) => Ok(media_type),
        Err(why) => Err(Error::invalid("media type", &media_type, why)),
    }
}

/// Whether a text can be a media type; why not.
pub(crate) fn check_media_type(media_type: &str) -> Result<(), String> {
    if media_type.len() > MEDIA_TYPE_BYTES_MAX {
        return Err(format!("it is {} bytes; at most {MEDIA_TYPE_BYTES_MAX}", media_type.len()));
    }
    match media_type.split_once('/') {
        Some((kind, rest)) if !kind.is_empty() && !rest.is_empty() => {}
        _ => return Err("it has not the form type/subtype".to_owned()),
    }
    if !media_type.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err("it has a character that is not printable ASCII".to_owned());
    }
    Ok(())
}

/// Guesses the media type from the extension of a file's name.
pub fn media_type_of(file_name: &str) -> &'static str {
    let extension = file_name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "json" => MEDIA_JSON,
        "jsonl" | "ndjson" => "application/x-ndjson",
        "html" | "htm" => "text/html",
        "xhtml" => "application/xhtml+xml",
        "txt" | "log" => MEDIA_TEXT,
        "md" => "text/markdown",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "xml" => "application/xml",
        "yml" | "yaml" => "application/yaml",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "har" => "application/har+json",
        "mhtml" | "mht" => "multipart/related",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "gz" => "application/gzip",
        "zip" => "application/zip",
        "zst" => "application/zstd",
        "npy" => "application/x-npy",
        _ => MEDIA_BYTES,
    }
}
