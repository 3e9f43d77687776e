//! The note beside the file: how far the log had come, for whoever opens the file next.
//!
//! SQLite drops what follows a damaged byte in its write-ahead log without a word: committed
//! changes are gone and the file is whole. The note lets that be seen. It is written after each
//! commit, not synchronised to the disk, and ignored where it is damaged or belongs to another
//! store. A store without its note is a good store.
//!
//! **Invariant:** a note is only raised, and only along the log that it tells of. Once the log
//! has lost its end, what is written later does not cover that up. Only who puts a backup back takes
//! away what was noted of the log that this ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::codec::digest::{Digest, Fields};
use crate::model::time::Stopwatch;
use crate::store::events::Head;

/// How long it is waited for who holds the note, which takes a moment.
const WAIT: Duration = Duration::from_secs(2);

/// A note: which store, and how far its log had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) store: Digest,
    pub(crate) head: Head,
}

impl Note {
    /// One line: the store's id, the last event's number, its chain, and the digest of all three.
    fn line(&self) -> String {
        let Note { store, head } = self;
        let digest = Fields::new().bytes(store).number(head.seq).bytes(&head.chain).digest();
        format!("{} {:020} {} {}\n", hex(store), head.seq, hex(&head.chain), hex(&digest))
    }
}

fn path_of(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push("-head");
    path.into()
}

/// Reads the note of a store; none where there is none, or none that can be believed.
pub(crate) fn read(store: &Path) -> Option<Note> {
    let mut file = File::open(path_of(store)).ok()?;
    file.lock_shared().ok()?;
    parse(&mut file)
}

/// Says this, or nothing any more, whatever was noted before. Where somebody keeps holding the note,
/// it is removed: a store without one is a good store.
pub(crate) fn say(store: &Path, note: Option<Note>) -> io::Result<()> {
    let watch = Stopwatch::start();
    let mut file = open(store)?;
    while file.try_lock().is_err() {
        if watch.elapsed() > WAIT {
            return std::fs::remove_file(path_of(store));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    file.set_len(0)?;
    match note {
        Some(note) => file.write_all(note.line().as_bytes()),
        None => Ok(()),
    }
}

/// The note of a store as this process raises it.
#[derive(Default)]
pub(crate) struct Raised(Option<File>);

impl Raised {
    /// Raises the note of a store to `note`, where the log that ends there passes through what was
    /// noted before, as `passes` tells. Failing to is no failure of what was committed.
    pub(crate) fn raise(&mut self, store: &Path, note: Note, passes: impl FnOnce(&Head) -> bool) {
        if let Err(error) = self.try_raise(store, note, passes) {
            log::warn!("the note beside {} was not written: {error}", store.display());
            self.0 = None;
        }
    }

    fn try_raise(
        &mut self,
        store: &Path,
        note: Note,
        passes: impl FnOnce(&Head) -> bool,
    ) -> io::Result<()> {
        let file = match &mut self.0 {
            Some(file) => file,
            none => none.insert(open(store)?),
        };
        // Whoever holds it raises it too, and the next commit raises it further.
        if file.try_lock().is_err() {
            return Ok(());
        }
        let raised = (|| {
            file.seek(SeekFrom::Start(0))?;
            match parse(file) {
                Some(noted) if noted.store == note.store => {
                    if noted.head.seq >= note.head.seq || !passes(&noted.head) {
                        return Ok(());
                    }
                }
                // All notes are of one length; what else stands there may be longer.
                _ => file.set_len(0)?,
            }
            file.seek(SeekFrom::Start(0))?;
            file.write_all(note.line().as_bytes())
        })();
        file.unlock()?;
        raised
    }
}

fn open(store: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path_of(store))
}

fn parse(file: &mut File) -> Option<Note> {
    let mut text = String::new();
    file.take(256).read_to_string(&mut text).ok()?;
    let mut words = text.split_ascii_whitespace();
    let store = unhex(words.next()?)?;
    let seq = words.next()?.parse().ok()?;
    let note = Note { store, head: Head { seq, chain: unhex(words.next()?)? } };
    Some(note).filter(|note| note.line() == text)
}

fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Digest> {
    u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32).map(u128::to_be_bytes)
}
