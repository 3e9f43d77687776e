//! From an old snapshot to a draft: its content read, its hashes made again, its identity known.

use std::io::Read;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::codec::frame;
use crate::error::{Error, Result};
use crate::format::hashes::Sha256Stream;
use crate::model::artifact::{ArtifactStatus, DraftArtifact};
use crate::model::id::BlobHash;
use crate::model::snapshot::{Draft, Status};
use crate::model::time::{Time, Zone};
use crate::ops::legacy::declared::{Algorithm, Checked, Declared, Over};
use crate::ops::legacy::files::{FileId, Tree, Unread};
use crate::ops::legacy::found::{Content, Found, Identity, When};
use crate::store::UNCUT_BYTES_MAX;

/// The member of user info in which an import says where a snapshot comes from.
pub const LEGACY: &str = "legacy";
/// The most bytes of content that is held for as long as a hash of it is made, where that can't be
/// made piece by piece.
const WHOLE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes that are read at once of what is not held.
const PIECE_BYTES: usize = 256 * 1024;

/// Content that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Here.
    Held(Arc<[u8]>),
    /// In a file, too large to be held.
    File(FileId),
    /// None, and why.
    Missing(ArtifactStatus, String),
}

/// An old snapshot whose content was read once.
pub(crate) struct Settled {
    pub(crate) found: Found,
    /// The content of each part, its hash and its size.
    pub(crate) contents: Vec<(Ready, Option<BlobHash>, u64)>,
    pub(crate) checked: Vec<Checked>,
    pub(crate) identity: Identity,
    /// Files of it that could not be read, and why.
    pub(crate) unread: Vec<(FileId, String)>,
}

/// How a naive time was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dated {
    pub(crate) time: Time,
    /// Whether the zone was assumed, as none was given.
    pub(crate) assumed: bool,
    how: &'static str,
}

/// Reads the content of an old snapshot.
pub(crate) fn settle(tree: &Tree, mut found: Found) -> Settled {
    let mut contents = Vec::with_capacity(found.parts.len());
    let mut checked = Vec::new();
    let mut unread = Vec::new();
    for part in &found.parts {
        let name = part.name.as_str();
        let declared: Vec<&Declared> =
            found.declared.iter().filter(|declared| declared.artifact == name).collect();
        let read = match &part.content {
            Content::Held(content) => Ok((Ready::Held(content.as_slice().into()), None)),
            Content::Missing(status, why) => Ok((Ready::Missing(*status, why.clone()), None)),
            Content::File(file) if tree.size(*file) <= UNCUT_BYTES_MAX as u64 => tree
                .read(*file, UNCUT_BYTES_MAX as u64)
                .map(|content| (Ready::Held(content.into()), None)),
            Content::File(file) => {
                let hashes = stream(tree, *file, !declared.is_empty());
                hashes.map(|hashes| (Ready::File(*file), Some(hashes)))
            }
        };
        let (ready, streamed) = read.unwrap_or_else(|why| {
            let why = why.to_string();
            if let Content::File(file) = part.content {
                unread.push((file, why.clone()));
            }
            (Ready::Missing(ArtifactStatus::Failed, why), None)
        });
        for declared in declared {
            checked.push(match (&ready, &streamed) {
                (Ready::Held(content), _) => declared.check(Some(content)),
                (Ready::File(file), Some(_)) if is_held(declared, tree.size(*file)) => {
                    declared.check(tree.read(*file, WHOLE_BYTES_MAX).ok().as_deref())
                }
                (Ready::File(_), Some((_, sha256))) => large(declared, sha256),
                _ => declared.check(None),
            });
        }
        contents.push(match (ready, streamed) {
            (Ready::Held(content), _) => {
                let (hash, bytes) = (frame::hash(&content), content.len() as u64);
                (Ready::Held(content), Some(hash), bytes)
            }
            (Ready::File(file), Some((hash, _))) => {
                (Ready::File(file), Some(hash), tree.size(file))
            }
            (ready, _) => (ready, None, 0),
        });
    }
    let named =
        |declared: &&Declared| !found.parts.iter().any(|p| p.name.as_str() == declared.artifact);
    checked.extend(found.declared.iter().filter(named).map(|declared| declared.check(None)));
    if !unread.is_empty() && found.status == Status::Complete {
        found.status = Status::Partial;
    }
    let hashes: Vec<_> = contents.iter().map(|(_, hash, _)| *hash).collect();
    let identity = Identity::of(&found, &hashes);
    Settled { found, contents, checked, identity, unread }
}

/// The hashes of a file that is too large to be held: of its content as a blob, and as SHA-256,
/// where one was declared.
fn stream(tree: &Tree, file: FileId, is_declared: bool) -> Result<(BlobHash, String), Unread> {
    let mut stream = tree.stream(file)?;
    let (mut hasher, mut sha256) = (frame::Hasher::new(), Sha256Stream::default());
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&buffer[..count]);
                if is_declared {
                    sha256.update(&buffer[..count]);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unread::Failed(error.to_string())),
        }
    }
    stream.end()?;
    Ok((hasher.hash(), sha256.hex()))
}

/// Whether content of so many bytes is held to make a hash of it.
pub(crate) fn is_held(declared: &Declared, bytes: u64) -> bool {
    bytes <= UNCUT_BYTES_MAX as u64 || (declared.needs_whole() && bytes <= WHOLE_BYTES_MAX)
}

/// Compares what is declared of content that is not held: only its bytes can have been hashed.
pub(crate) fn large(declared: &Declared, sha256: &str) -> Checked {
    if declared.algorithm != Algorithm::Sha256 || !declared.over.contains(&Over::Bytes) {
        return declared.check(None);
    }
    Checked {
        declared: declared.clone(),
        over: Some(Over::Bytes),
        actual: Some(sha256.to_owned()),
        agrees: Some(declared.hash.eq_ignore_ascii_case(sha256)),
    }
}

/// The moment at which an old snapshot was taken, its clock read in the zone given.
pub(crate) fn date(when: &When, zone: Option<Zone>) -> Dated {
    match (when, zone) {
        (When::At(time), _) => Dated { time: *time, assumed: false, how: "told" },
        (When::Changed(time), _) => Dated { time: *time, assumed: false, how: "file_changed" },
        (When::Naive(reading), Some(zone)) => {
            let time = zone.moment(*reading).unwrap_or(*reading);
            Dated { time, assumed: false, how: "zone_given" }
        }
        (When::Naive(reading), None) => Dated { time: *reading, assumed: true, how: "utc_assumed" },
    }
}

impl Settled {
    /// What is not as it should be, in words.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.found.problems.clone();
        notes.extend(self.checked.iter().filter_map(Checked::problem));
        notes.extend(self.checked.iter().filter_map(|checked| {
            match (checked.agrees, checked.over) {
                (Some(true), Some(Over::LineFeeds | Over::Windows1252)) => {
                    let artifact = &checked.declared.artifact;
                    Some(format!("the hash of {artifact} is that of its text with other line ends"))
                }
                _ => None,
            }
        }));
        notes
    }

    /// What user info says of the import, as `legacy`. What the old snapshot says of itself is left
    /// out where user info can't hold it.
    pub(crate) fn told(&self, tree: &Tree, zone: Option<Zone>, with_metadata: bool) -> Value {
        let found = &self.found;
        let dated = date(&found.when, zone);
        let mut told = json!({
            "kind": found.kind.as_str(),
            "variant": found.variant,
            "source": tree.path(found.source),
            "key": found.key,
            "identity": self.identity.to_string(),
            "time": dated.how,
        });
        if let (When::Naive(_), Some(zone)) = (&found.when, zone) {
            told["zone"] = zone.to_string().into();
        }
        if let Some(version) = &found.version {
            told["version"] = version.as_str().into();
        }
        if !self.checked.is_empty() {
            told["hashes"] = self.checked.iter().map(Checked::told).collect();
        }
        let notes = self.notes();
        if !notes.is_empty() {
            told["notes"] = notes.into();
        }
        match with_metadata {
            true => told["metadata"] = found.metadata.clone(),
            false => told["metadata_left_out"] = "more than user info holds".into(),
        }
        told
    }

    /// The draft without artifacts.
    pub(crate) fn draft(&self, tree: &Tree, zone: Option<Zone>, with_metadata: bool) -> Draft {
        let found = &self.found;
        let mut draft = Draft::new()
            .at(date(&found.when, zone).time)
            .context(found.context.clone())
            .status(found.status);
        draft.tags.extend(found.tags.iter().cloned());
        draft.description.clone_from(&found.description);
        draft.user_info.clone_from(&found.info);
        let mut key = LEGACY.to_owned();
        while draft.user_info.contains_key(&key) {
            key.push('_');
        }
        draft.info(key, self.told(tree, zone, with_metadata))
    }

    /// An artifact of the draft; content in a file is staged by `stage`.
    pub(crate) fn artifact(
        &self,
        at: usize,
        stage: &mut dyn FnMut(FileId, BlobHash) -> Result<crate::model::artifact::Staged>,
    ) -> Result<DraftArtifact> {
        let part = &self.found.parts[at];
        let (name, media_type) = (part.name.clone(), part.media_type.clone());
        let artifact = match &self.contents[at] {
            (Ready::Held(content), ..) => DraftArtifact::stored(name, media_type, content.clone())?,
            (Ready::Missing(status, why), ..) => {
                let why = Some(why.clone()).filter(|why| !why.is_empty());
                DraftArtifact::missing(name, media_type, *status, why)?
            }
            (Ready::File(file), Some(hash), _) => {
                DraftArtifact::staged(name, media_type, stage(*file, *hash)?)?
            }
            (Ready::File(_), None, _) => {
                return Err(Error::invalid("artifact", name, "its hash is not known"));
            }
        };
        Ok(DraftArtifact { entries: part.entries, took: part.took, ..artifact })
    }
}

/// What user info says of an import, where it does; the member may have got another name.
pub fn told_of(user_info: &serde_json::Map<String, Value>) -> Option<&Value> {
    let mut key = LEGACY.to_owned();
    let mut last = None;
    while let Some(told) = user_info.get(&key) {
        last = Some(told);
        key.push('_');
    }
    last.filter(|told| told["identity"].is_string() && told["kind"].is_string())
}
