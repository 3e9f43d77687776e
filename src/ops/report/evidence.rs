//! What a snapshot holds, read so that what is missing, damaged or too large costs only itself.

use std::io::Read;

use serde_json::Value;

use super::text::size;
use crate::error::{Corruption, Error, Result};
use crate::model::artifact::{Artifact, ArtifactStatus};
use crate::model::id::Version;
use crate::model::snapshot::Snapshot;
use crate::store::Repository;

/// The most bytes of an artifact that are read to be understood as a whole: JSON, a HAR, a log.
pub(super) const WHOLE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// What was found, or the damage that hid it. Other errors are handed on.
pub(super) fn softly<T>(found: Result<T>) -> Result<std::result::Result<T, Corruption>> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(Error::Corrupt(damage)) => Ok(Err(damage)),
        Err(error) => Err(error),
    }
}

/// What became of reading an artifact.
#[derive(Debug)]
pub(super) enum Part {
    /// Its content, or the beginning of it.
    Here(Content),
    /// It is not stored, and this is what the ledger says.
    Missing(ArtifactStatus, String),
    /// It can't be given as it was stored; the text names what and why.
    Damaged(String),
    /// It is larger than what is read; bytes.
    TooLarge(u64),
    /// The snapshot has no artifact of this name.
    None,
}

/// Content, or the beginning of it.
#[derive(Debug)]
pub(super) struct Content {
    /// The bytes that were read.
    pub bytes: Vec<u8>,
    /// The size of all of it.
    pub whole_bytes: u64,
}

impl Content {
    /// The bytes as text; what is not UTF-8 is shown as U+FFFD.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Part {
    /// The content, where there is some.
    pub(super) fn content(&self) -> Option<&Content> {
        match self {
            Part::Here(content) => Some(content),
            _ => None,
        }
    }

    /// The content as JSON, where it is that.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.content()?.bytes).ok()
    }

    /// Why there is no content, in words; nothing where there is some, or was none to have.
    pub(super) fn lack(&self) -> Option<String> {
        match self {
            Part::Here(_) | Part::None => None,
            Part::Missing(status, reason) if reason.is_empty() => Some(status.as_str().to_owned()),
            Part::Missing(status, reason) => Some(format!("{}: {reason}", status.as_str())),
            Part::Damaged(why) => Some(format!("damaged: {why}")),
            Part::TooLarge(bytes) => {
                let limit = size(WHOLE_BYTES_MAX);
                Some(format!("too large to be shown: {}, at most {limit}", size(*bytes)))
            }
        }
    }
}

/// A snapshot of which parts are read one by one.
pub(super) struct Evidence<'a> {
    repo: &'a Repository,
    /// The snapshot.
    pub snapshot: Snapshot,
}

impl<'a> Evidence<'a> {
    /// The evidence that a snapshot is. Fails with `NotFound` where it is not there.
    pub(super) fn of(repo: &'a Repository, version: &Version) -> Result<Self> {
        Ok(Evidence { repo, snapshot: repo.get(version)? })
    }

    /// An artifact as a whole; what is larger than [`WHOLE_BYTES_MAX`] is not read.
    ///
    /// Fails where the store itself can't be read.
    pub(super) fn whole(&self, name: &str) -> Result<Part> {
        self.read(name, WHOLE_BYTES_MAX, true)
    }

    /// The beginning of an artifact, of at most so many bytes.
    ///
    /// Fails where the store itself can't be read.
    pub(super) fn head(&self, name: &str, limit: usize) -> Result<Part> {
        self.read(name, limit as u64, false)
    }

    fn read(&self, name: &str, limit: u64, whole: bool) -> Result<Part> {
        let Some(artifact) = self.snapshot.artifact(name) else { return Ok(Part::None) };
        if artifact.hash.is_none() {
            let reason = artifact.reason.clone().unwrap_or_default();
            return Ok(Part::Missing(artifact.status, reason));
        }
        if whole && artifact.bytes > limit {
            return Ok(Part::TooLarge(artifact.bytes));
        }
        Ok(match softly(self.bytes(artifact, limit))? {
            Ok(bytes) => Part::Here(Content { bytes, whole_bytes: artifact.bytes }),
            Err(damage) => Part::Damaged(damage.to_string()),
        })
    }

    fn bytes(&self, artifact: &Artifact, limit: u64) -> Result<Vec<u8>> {
        let reader = self.repo.reader(&self.snapshot.version, artifact.name.as_str())?;
        let mut bytes = Vec::new();
        reader.take(limit).read_to_end(&mut bytes).map_err(|error| {
            error.downcast::<Error>().unwrap_or_else(|error| Error::io(self.repo.path(), error))
        })?;
        Ok(bytes)
    }
}
