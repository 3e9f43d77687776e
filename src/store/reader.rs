//! Content read as a stream, in bounded memory.

use std::fmt;
use std::io::{self, BufRead, Read};

use crate::error::{Error, Result, What};
use crate::model::id::{BlobHash, Version};
use crate::store::pieces::Parts;
use crate::store::{Repository, snapshots};

/// The content of an artifact as a stream, part by part.
///
/// Each part is compared with its hash before any of it is given, and the last one is given only
/// where all of them together have the hash of the whole. So what was read to its end is the
/// content; where it ends in an error, what was given before is not to be used.
///
/// Each part is read in a view of its own: reading may take as long as it likes and keeps nothing
/// and nobody waiting. A snapshot that is forgotten meanwhile can be read on until it is purged.
///
/// Its [`io::Error`]s hold an [`Error`](crate::Error): `error.downcast::<tintype::Error>()`. It can
/// be read on where the error was of the moment, such as a lock.
pub struct ContentReader {
    repo: Repository,
    version: Version,
    artifact: String,
    parts: Parts,
    /// The part that is being given, and how much of it was.
    part: Vec<u8>,
    given: usize,
}

impl ContentReader {
    pub(crate) fn open(repo: &Repository, version: &Version, artifact: &str) -> Result<Self> {
        let row = repo.read(|view| snapshots::held(view.conn, version, artifact))?;
        Ok(ContentReader {
            repo: repo.clone(),
            version: version.clone(),
            artifact: artifact.to_owned(),
            parts: Parts::of(row),
            part: Vec::new(),
            given: 0,
        })
    }

    /// The hash of all of the content.
    pub fn hash(&self) -> BlobHash {
        self.parts.row().hash
    }

    /// The size of all of the content in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.parts.row().bytes
    }

    /// What was read and not given yet; reads the next part where that is nothing. Nothing at the
    /// end.
    pub(crate) fn fill(&mut self) -> Result<&[u8]> {
        while self.given == self.part.len() {
            // The memory of one part is let go before the next is read.
            (self.part, self.given) = (Vec::new(), 0);
            let parts = &mut self.parts;
            let read = self.repo.read(|view| parts.next(view.conn, &|_| None));
            match read.map_err(|error| name(error, &self.version, &self.artifact))? {
                Some(part) => self.part = part,
                None => break,
            }
        }
        Ok(&self.part[self.given..])
    }
}

/// Names the snapshot and artifact that could not be read.
fn name(error: Error, version: &Version, artifact: &str) -> Error {
    match error {
        Error::Corrupt(damage) => damage.within(version, artifact).into(),
        Error::NotFound { what: What::Artifact, name } => {
            let name = format!("{artifact} in snapshot {version} {name}");
            Error::NotFound { what: What::Artifact, name }
        }
        error => error,
    }
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let count = rest.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for ContentReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill().map_err(|error| {
            let kind = match error {
                Error::Corrupt(_) => io::ErrorKind::InvalidData,
                Error::NotFound { .. } => io::ErrorKind::NotFound,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, error)
        })
    }

    fn consume(&mut self, count: usize) {
        self.given = self.part.len().min(self.given + count);
    }
}

impl fmt::Debug for ContentReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentReader")
            .field("version", &self.version)
            .field("artifact", &self.artifact)
            .field("hash", &self.hash())
            .finish_non_exhaustive()
    }
}
