//! From an old snapshot to a draft: its content read, its hashes made again, its identity known.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::codec::frame;
use crate::error::{Error, Result};
use crate::format::hashes::Sha256Stream;
use crate::model::artifact::{ArtifactStatus, DraftArtifact, Given, Staged};
use crate::model::id::BlobHash;
use crate::model::snapshot::{Draft, Snapshot, Status};
use crate::model::time::{Time, Zone};
use crate::ops::legacy::declared::{Algorithm, Checked, Declared, Over};
use crate::ops::legacy::files::{FileId, Tree, Unread};
use crate::ops::legacy::found::{
    Content, Facts, Found, Identity, MOMENT, READING, When, digest_of, digest_of_tags,
};
use crate::store::UNCUT_BYTES_MAX;

/// The member of user info in which an import says where a snapshot comes from.
pub const LEGACY: &str = "legacy";
/// The most bytes of content that is held for as long as a hash of it is made, where that can't be
/// made piece by piece.
const WHOLE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most bytes of the files of one snapshot that are held. What is beyond is read piece by piece, once
/// to know it and once to store it.
pub(crate) const HELD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many hashes and notes user info tells where it can't hold all that is to be told.
pub(crate) const HASHES_MAX: usize = 500;
/// The same of notes.
pub(crate) const NOTES_MAX: usize = 100;
/// How much of such a note is told.
pub(crate) const NOTE_CHARACTERS_MAX: usize = 240;
/// Bytes that are read at once of what is not held.
const PIECE_BYTES: usize = 256 * 1024;

/// Content that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Here.
    Held(Arc<[u8]>),
    /// In a file, too large to be held by itself or with what is held already.
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
    let mut declared_of: HashMap<&str, Vec<&Declared>> = HashMap::new();
    for declared in &found.declared {
        declared_of.entry(&declared.artifact).or_default().push(declared);
    }
    let mut held = 0;
    for part in &found.parts {
        let declared = declared_of.remove(part.name.as_str()).unwrap_or_default();
        let read = match &part.content {
            Content::Held(content) => Ok((Ready::Held(content.as_slice().into()), None)),
            Content::Missing(status, why) => Ok((Ready::Missing(*status, why.clone()), None)),
            Content::File(file)
                if tree.size(*file) <= UNCUT_BYTES_MAX as u64
                    && held + tree.size(*file) <= HELD_BYTES_MAX =>
            {
                tree.content(*file, UNCUT_BYTES_MAX as u64).map(|held| (Ready::Held(held), None))
            }
            Content::File(file) => {
                let is_sha256 = |one: &&Declared| one.algorithm == Algorithm::Sha256;
                let hashes = stream(tree, *file, declared.iter().any(is_sha256));
                hashes.map(|hashes| (Ready::File(*file), Some(hashes)))
            }
        };
        if let Ok((Ready::Held(content), _)) = &read {
            held += content.len() as u64;
        }
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
                (Ready::File(_), Some((hash, sha256))) => large(declared, *hash, sha256),
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
    // What is left is declared of artifacts that it does not have.
    let left = |declared: &&Declared| declared_of.contains_key(declared.artifact.as_str());
    checked.extend(found.declared.iter().filter(left).map(|declared| declared.check(None)));
    drop(declared_of);
    if !unread.is_empty() && found.status == Status::Complete {
        found.status = Status::Partial;
    }
    let hashes: Vec<_> = contents.iter().map(|(_, hash, _)| *hash).collect();
    let identity = Identity::of(&found, &hashes);
    Settled { found, contents, checked, identity, unread }
}

/// The hashes of a file that is not held: of its content as a blob, and as SHA-256, where one was
/// declared.
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

/// Compares what is declared of content that is not held with its hash as a blob, which is a BLAKE3,
/// and its SHA-256: only its bytes can have been hashed.
pub(crate) fn large(declared: &Declared, hash: BlobHash, sha256: &str) -> Checked {
    let actual = match declared.algorithm {
        Algorithm::Blake3 => hash.to_string(),
        Algorithm::Sha256 => sha256.to_owned(),
        Algorithm::Md5 => return declared.check(None),
    };
    if !declared.over.contains(&Over::Bytes) {
        return declared.check(None);
    }
    Checked {
        declared: declared.clone(),
        over: Some(Over::Bytes),
        agrees: Some(declared.hash.eq_ignore_ascii_case(&actual)),
        actual: Some(actual),
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

    /// What user info says of the import, as `legacy`. Where user info can't hold all of it, what the
    /// old snapshot says of itself is left out, and so is what is beyond the first hashes and notes.
    /// What its identity is made of can be gathered from it in either case.
    pub(crate) fn told(&self, tree: &Tree, zone: Option<Zone>, with_all: bool) -> Value {
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
        if let (When::Naive(reading), Some(zone)) = (&found.when, zone) {
            told["zone"] = zone.to_string().into();
            told["reading"] = reading.to_string().into();
        }
        for (name, text) in [
            ("version", &found.version),
            ("based_on", &found.based_on),
            ("written", &found.written),
            ("tags_digest", &digest_of_tags(&found.tags)),
        ] {
            if let Some(text) = text {
                told[name] = text.as_str().into();
            }
        }
        // That a BLAKE3 is the true one is what the hash of the artifact says.
        let is_told = |checked: &&Checked| {
            checked.agrees != Some(true) || checked.declared.algorithm != Algorithm::Blake3
        };
        let hashes: Vec<&Checked> = self.checked.iter().filter(is_told).collect();
        let notes = self.notes();
        let (hashes_max, notes_max) =
            if with_all { (usize::MAX, usize::MAX) } else { (HASHES_MAX, NOTES_MAX) };
        if !hashes.is_empty() {
            told["hashes"] = hashes.iter().take(hashes_max).map(|one| one.told()).collect();
        }
        if !notes.is_empty() {
            let clip = |note: &String| match with_all {
                true => note.clone(),
                false => note.escape_debug().take(NOTE_CHARACTERS_MAX).collect(),
            };
            told["notes"] = notes.iter().take(notes_max).map(clip).collect();
        }
        if with_all {
            told["metadata"] = found.metadata.clone();
            return told;
        }
        told["metadata_left_out"] = "more than user info holds".into();
        told["metadata_digest"] = digest_of(&found.metadata).into();
        for (name, all, max) in [
            ("hashes_left_out", hashes.len(), HASHES_MAX),
            ("notes_left_out", notes.len(), NOTES_MAX),
        ] {
            if all > max {
                told[name] = (all - max).into();
            }
        }
        told
    }

    /// The draft without artifacts.
    pub(crate) fn draft(&self, tree: &Tree, zone: Option<Zone>, with_all: bool) -> Draft {
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
        draft.info(key, self.told(tree, zone, with_all))
    }

    /// An artifact of the draft; content in a file is staged by `stage`.
    pub(crate) fn artifact(
        &self,
        at: usize,
        stage: &mut dyn FnMut(FileId, BlobHash) -> Result<Staged>,
    ) -> Result<DraftArtifact> {
        let part = &self.found.parts[at];
        let (name, media_type) = (part.name.clone(), part.media_type.clone());
        let artifact = match &self.contents[at] {
            (Ready::Held(content), Some(hash), _) => {
                let hashed = Staged(Given::Hashed(content.clone(), *hash));
                DraftArtifact::staged(name, media_type, hashed)?
            }
            (Ready::Missing(status, why), ..) => {
                let why = Some(why.clone()).filter(|why| !why.is_empty());
                DraftArtifact::missing(name, media_type, *status, why)?
            }
            (Ready::File(file), Some(hash), _) => {
                DraftArtifact::staged(name, media_type, stage(*file, *hash)?)?
            }
            (Ready::Held(_) | Ready::File(_), None, _) => {
                return Err(Error::invalid("artifact", name, "its hash is not known"));
            }
        };
        Ok(DraftArtifact { entries: part.entries, took: part.took, ..artifact })
    }
}

/// What user info says of an import, where it does; the member may have got another name.
pub fn told_of(user_info: &Map<String, Value>) -> Option<&Value> {
    told_as(user_info).map(|(_, told)| told)
}

/// The same, with the name of the member.
fn told_as(user_info: &Map<String, Value>) -> Option<(String, &Value)> {
    let mut key = LEGACY.to_owned();
    let mut last = None;
    while let Some(told) = user_info.get(&key) {
        last = Some((key.clone(), told));
        key.push('_');
    }
    last.filter(|(_, told)| told["identity"].is_string() && told["kind"].is_string())
}

/// The identity of the old snapshot that a stored one was, made again of what is in the store: of all
/// but its tags, which may have changed since, and what was left out. None where user info does not
/// tell of an import.
pub(crate) fn identity_of(snapshot: &Snapshot) -> Option<Identity> {
    let (key, told) = told_as(&snapshot.user_info)?;
    let text = |name: &str| told[name].as_str();
    let mut info = snapshot.user_info.clone();
    info.shift_remove(&key);
    let time = match text("time") {
        Some("told") => Some((MOMENT, snapshot.created_at)),
        Some("utc_assumed") => Some((READING, snapshot.created_at)),
        Some("zone_given") => Some((READING, text("reading")?.parse().ok()?)),
        _ => None,
    };
    let metadata = match told.get("metadata") {
        Some(metadata) => digest_of(metadata),
        None => text("metadata_digest")?.to_owned(),
    };
    let facts = Facts {
        kind: text("kind")?,
        key: text("key")?,
        version: text("version"),
        based_on: text("based_on"),
        time,
        context: &snapshot.context,
        status: snapshot.status,
        description: snapshot.description.as_deref(),
        tags: text("tags_digest"),
        info: &digest_of(&info),
        metadata: &metadata,
        parts: snapshot
            .artifacts
            .iter()
            .map(|one| (one.name.as_str(), one.media_type.as_str(), one.hash))
            .collect(),
    };
    Some(facts.identity())
}
