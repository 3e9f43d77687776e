//! The note beside the file: how far the log had come, for whoever opens the file next.
//!
//! SQLite drops what follows a damaged byte in its write-ahead log without a word: committed
//! changes are gone and the file is whole. The note lets that be seen. It is written after each
//! commit, not synchronised to the disk, only ever raised, and ignored where it belongs to
//! another store. A store without its note is a good store.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::codec::digest::Digest;
use crate::store::events::Head;

/// A note: which store, and how far its log had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) store: Digest,
    pub(crate) head: Head,
}

fn path_of(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push("-head");
    path.into()
}

/// Reads the note of a store; none where there is none, or none that can be read.
pub(crate) fn read(store: &Path) -> Option<Note> {
    parse(&mut File::open(path_of(store)).ok()?)
}

/// Raises the note of a store to `note`. Failing to is no failure of what was committed.
pub(crate) fn raise(store: &Path, note: Note) {
    if let Err(error) = try_raise(store, note) {
        log::warn!("the note beside {} was not written: {error}", store.display());
    }
}

fn try_raise(store: &Path, note: Note) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path_of(store))?;
    file.lock()?;
    let raised = parse(&mut file)
        .is_some_and(|known| known.store == note.store && known.head.seq >= note.head.seq);
    if raised {
        return Ok(());
    }
    let line = format!("{} {:020} {}\n", hex(&note.store), note.head.seq, hex(&note.head.chain));
    file.seek(SeekFrom::Start(0))?;
    file.write_all(line.as_bytes())?;
    file.set_len(line.len() as u64)
}

fn parse(file: &mut File) -> Option<Note> {
    let mut text = String::new();
    file.take(256).read_to_string(&mut text).ok()?;
    let mut words = text.split_ascii_whitespace();
    let store = unhex(words.next()?)?;
    let seq = words.next()?.parse().ok()?;
    Some(Note { store, head: Head { seq, chain: unhex(words.next()?)? } })
}

fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Digest> {
    u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32).map(u128::to_be_bytes)
}
