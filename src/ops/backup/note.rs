//! The note beside the store of a backup: what that is, in JSON.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::codec::digest::Fields;
use crate::codec::frame::Hasher;
use crate::error::{Error, Result};
use crate::model::id::BlobHash;
use crate::model::time::Time;
use crate::ops::progress::Progress;
use crate::store::backup::{State, hex};
use crate::store::file;

/// The number of the form of a note; fields are only ever added to it.
const FORM: u32 = 1;
/// The most bytes of a note: a description and what stands around it.
const NOTE_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes that are read at once.
const READ_BYTES: usize = 1024 * 1024;

/// What is known of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Backup {
    /// Its name: sixteen characters that begin with the time, as a made version has them.
    pub id: String,
    /// When it was taken.
    pub created_at: Time,
    /// What was said of it in words.
    pub description: Option<String>,
    /// What took the place of it, where it was kept when that was restored: the id of a backup, or a
    /// path.
    pub replaced_by: Option<String>,
    /// The id of the store that it was taken of, 32 hex digits.
    pub store: String,
    /// The schema of the store.
    pub store_schema: i64,
    /// The number of the last event that it holds.
    pub event: u64,
    /// The chain of that event, 32 hex digits: no other history has it.
    pub chain: String,
    /// Snapshots that it holds, without the forgotten ones.
    pub snapshots: u64,
    /// Whether all of its content was decoded and compared with its hashes when it was made.
    pub checked: bool,
    /// The bytes of its file.
    pub bytes: u64,
    /// The BLAKE3 hash of its file.
    pub hash: BlobHash,
}

impl Backup {
    /// Whether it was taken of a store in this state.
    pub(crate) fn is_of(&self, state: &State) -> bool {
        (&self.store, self.event) == (&hex(&state.store), state.head.seq.max(0) as u64)
            && (&self.chain, self.snapshots) == (&hex(&state.head.chain), state.snapshots)
    }
}

/// The digest of the members of a note but the seal itself.
fn seal(members: &Value) -> String {
    hex(&Fields::new().text(&members.to_string()).digest())
}

/// Writes the note of a backup, whole or not at all.
pub(crate) fn write(path: &Path, backup: &Backup) -> Result<()> {
    let mut note = json!(backup);
    if let Some(members) = note.as_object_mut() {
        members.shift_insert(0, "form".to_owned(), json!(FORM));
    }
    note["seal"] = json!(seal(&note));
    let io = |source| Error::io(path, source);
    let text = serde_json::to_string_pretty(&note).map_err(|error| io(error.into()))?;
    file::create(path, |file| writeln!(file, "{text}").map_err(io)).map(drop)
}

/// Reads the note of a backup, or says why it can't be believed.
pub(crate) fn read(path: &Path) -> Result<Backup, String> {
    let read = |text: &mut String| {
        let file = File::open(path)?;
        file.take(NOTE_BYTES_MAX).read_to_string(text)
    };
    let mut text = String::new();
    read(&mut text).map_err(|error| format!("its note can't be read: {error}"))?;
    let mut note: Value =
        serde_json::from_str(&text).map_err(|error| format!("its note is damaged: {error}"))?;
    let sealed = note.as_object_mut().and_then(|members| members.shift_remove("seal"));
    if sealed != Some(Value::from(seal(&note))) {
        return Err("its note is damaged: it does not match its seal".to_owned());
    }
    serde_json::from_value(note).map_err(|error| format!("its note is of another form: {error}"))
}

/// The length and the hash of a file.
pub(crate) fn hash_of(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(u64, BlobHash)> {
    let io = |source| Error::io(path, source);
    let total = fs::metadata(path).map_err(io)?.len();
    let mut file = File::open(path).map_err(io)?;
    let (mut hasher, mut buffer, mut done) = (Hasher::new(), vec![0; READ_BYTES], 0);
    loop {
        let count = file.read(&mut buffer).map_err(io)?;
        if count == 0 {
            return Ok((done, hasher.hash()));
        }
        hasher.update(&buffer[..count]);
        done += count as u64;
        progress(Progress { stage: "bytes", done, total });
    }
}
