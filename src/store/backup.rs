//! Whole copies of a store: taken while others write, and put back in one transaction.
//!
//! A copy is taken page by page with SQLite's online backup, all of it in one view. Asked for a view
//! a step, SQLite begins anew whenever somebody has written meanwhile, and comes to no end where
//! somebody always writes. With one view nobody waits and nothing begins anew; what is paid is that
//! the write-ahead log can't be moved into the file as long as it takes. `VACUUM INTO` takes one view
//! too, but reads rows, not pages, so that it stops at damage.
//!
//! Putting back is the same the other way round: all pages of the copy are written as one transaction
//! of the store, so that it happens whole or not at all, and whoever holds the store sees it as any
//! other change. The file stays the file that it was, and its log the log of it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use tempfile::TempDir;

use crate::codec::digest::Digest;
use crate::error::{Corruption, Error, Result};
use crate::store::events::{self, Head};
use crate::store::schema::{self, Location};
use crate::store::sqlite::{self, Doing, make_patient};
use crate::store::{Builder, Repository, View};

/// Pages that are copied between two words of progress: 16 MiB.
const STEP_PAGES: i32 = 4096;
/// What the names of folders begin with in which something is being made. One that nobody makes any
/// more is what a process left behind that was killed.
const MAKING: &str = ".tintype-making-";
/// The file that who makes something in a folder holds a lock on.
const LOCK: &str = ".tintype-lock";

/// What tells one state of a store from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// The store's own id.
    pub(crate) store: Digest,
    /// Where its log stands.
    pub(crate) head: Head,
    /// Snapshots that are not forgotten.
    pub(crate) snapshots: u64,
    /// The last number that content was given; no number is given twice.
    pub(crate) last_blob: i64,
}

/// The state that a store is in.
pub(crate) fn state(conn: &Connection) -> Result<State> {
    let doing = "reading the state of the store";
    let store = conn.query_row("SELECT uuid FROM store", [], |row| row.get(0)).doing(doing)?;
    let count = "SELECT count(*) FROM snapshot WHERE forgotten_us IS NULL";
    let snapshots = conn.query_row(count, [], |row| row.get(0)).doing(doing)?;
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'blob'";
    let last_blob = conn.query_row(last, [], |row| row.get(0)).optional().doing(doing)?;
    Ok(State { store, head: events::head(conn)?, snapshots, last_blob: last_blob.unwrap_or(0) })
}

/// The last event that two logs have in common; 0 where they have none.
pub(crate) fn common(a: &Connection, b: &Connection) -> Result<i64> {
    let chain = |conn: &Connection, seq: i64| -> Result<Option<Digest>> {
        conn.prepare_cached("SELECT chain FROM event WHERE seq = ?1")
            .and_then(|mut find| find.query_row([seq], |row| row.get(0)).optional())
            .doing("comparing logs")
    };
    // A chain tells all that came before it, so what they have in common is a beginning.
    let (mut known, mut beyond) = (0, events::head(a)?.seq.min(events::head(b)?.seq) + 1);
    while beyond - known > 1 {
        let middle = known + (beyond - known) / 2;
        match (chain(a, middle)?, chain(b, middle)?) {
            (Some(a), Some(b)) if a == b => known = middle,
            _ => beyond = middle,
        }
    }
    Ok(known)
}

/// How many snapshots came after an event, forgotten ones too, and how many events did.
pub(crate) fn since(conn: &Connection, seq: i64) -> Result<(u64, u64)> {
    let count = "SELECT count(*) FROM snapshot WHERE id > ?1";
    let snapshots = conn.query_row(count, [seq], |row| row.get(0));
    let events = events::head(conn)?.seq.saturating_sub(seq).max(0) as u64;
    Ok((snapshots.doing("counting what came since")?, events))
}

/// Lets new content get numbers beyond this one. Whoever works on a store across transactions knows
/// content by its number, and must find nothing else there after it was put back.
pub(crate) fn skip_numbers(conn: &Connection, last: i64) -> Result<()> {
    let doing = "skipping numbers of content";
    let set = "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'blob'";
    if conn.execute(set, [last]).doing(doing)? == 0 && last > 0 {
        let add = "INSERT INTO sqlite_sequence (name, seq) VALUES ('blob', ?1)";
        conn.execute(add, params![last]).doing(doing)?;
    }
    Ok(())
}

/// Copies the store that a connection sees in its view into a new file, and waits until that is on
/// the disk. `told` hears how many pages were copied, and of how many.
pub(crate) fn copy(from: &Connection, to: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let io = |source| Error::io(to, source);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(to).map_err(io)?);
    copy_pages(from, to, told).map_err(|error| sqlite::at(to, error))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(io)
}

fn copy_pages(from: &Connection, to: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let doing = "copying the store";
    let mut conn = Connection::open_with_flags(
        to,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .doing(doing)?;
    // Where it is not done it is thrown away; it is waited for the disk once, at the end.
    conn.pragma_update(None, "journal_mode", "OFF").doing(doing)?;
    conn.pragma_update(None, "synchronous", "OFF").doing(doing)?;
    let backup = Backup::new(from, &mut conn).doing(doing)?;
    all_steps(&backup, told)?;
    drop(backup);
    conn.close().map_err(|(_, error)| error).doing(doing)
}

fn all_steps(backup: &Backup<'_, '_>, told: &mut dyn FnMut(u64, u64)) -> Result<()> {
    while !step(backup, STEP_PAGES)? {
        let progress = backup.progress();
        let (total, left) = (progress.pagecount.max(0) as u64, progress.remaining.max(0) as u64);
        told(total.saturating_sub(left), total);
    }
    Ok(())
}

/// Copies some pages; tells whether that were the last.
fn step(backup: &Backup<'_, '_>, pages: i32) -> Result<bool> {
    match backup.step(pages).doing("copying pages")? {
        StepResult::Done => Ok(true),
        StepResult::More => Ok(false),
        // The patience of this thread is over by then.
        _ => Err(sqlite::locked()),
    }
}

impl Builder {
    /// Opens a file that nobody changes, and leaves nothing beside it: an older one is brought to the
    /// present schema in a copy.
    pub(crate) fn open_frozen(self, path: &Path) -> Result<Repository> {
        self.open_copied(Location::Frozen(schema::real(path)))
    }
}

impl Repository {
    /// Opens a copy of this store for writing, with the same clock. One that goes back into memory has
    /// no write-ahead log, which is not to be had there.
    pub(crate) fn open_copy(&self, path: &Path) -> Result<Repository> {
        let shared = &self.handle.shared;
        set_journal(path, if self.in_file() { "WAL" } else { "DELETE" })?;
        let builder = Builder {
            clock: shared.clock.clone(),
            busy_timeout: shared.busy_timeout,
            retention: None,
        };
        builder.open(path)
    }

    /// Puts all of a copy in the place of all of this store, in one transaction.
    ///
    /// `decide` is called once nobody else can write, with a view of the store as it stands. It may
    /// still change the copy, and where it fails the store stays as it is. It must not write to the
    /// store.
    pub(crate) fn put_back<T>(
        &self,
        copy: &Path,
        decide: impl FnOnce(&View<'_>) -> Result<T>,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<T> {
        let shared = &self.handle.shared;
        let doing = "putting a backup back";
        shared.refuse_nested()?;
        shared.queue.drain();
        let value = shared.alone(|_| {
            let mut to = shared.location.open_writer()?;
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let from = Connection::open_with_flags(copy, flags).doing(doing)?;
            make_patient(&from).doing(doing)?;
            let backup = Backup::new(&from, &mut to).doing(doing)?;
            // The first page takes the lock that writers need, and keeps it; a file that is read from
            // can be written. In memory it can't, but all who write there wait for this thread.
            if self.in_file() {
                step(&backup, 1)?;
            }
            let value = self.read(decide)?;
            // What it says is of a log that ends here. Where this comes to no end, the next commit
            // says it again.
            shared.say(None);
            sqlite::be_patient(shared.busy_timeout);
            // The copy was changed meanwhile, so that SQLite begins again by itself.
            all_steps(&backup, told)?;
            Ok(value)
        })?;
        shared.lanes.forget_chains();
        let head = shared.reading(events::head);
        shared.say(head.ok());
        // It has its room in the log until somebody moves it into the file.
        let moved = shared.alone(|conn| {
            let moved = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            moved.doing("moving the log into the file")
        });
        if let Err(error) = moved {
            log::warn!("{error}; it is done later");
        }
        Ok(value)
    }
}

/// Gives a copy the journal that stores of its kind have.
pub(crate) fn set_journal(path: &Path, mode: &str) -> Result<()> {
    let conn = Location::File(path.to_owned()).open_writer()?;
    conn.pragma_update(None, "journal_mode", mode).doing("preparing a copy")
}

/// A folder within another, in which something is made that is there whole or not at all.
pub(crate) struct Making {
    // Dropped in this order: removed, then let go of.
    made: TempDir,
    _lock: Option<File>,
}

impl Making {
    /// Makes one, and removes what killed processes have left behind.
    pub(crate) fn within(folder: &Path) -> Result<Self> {
        let lock = hold(folder);
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let made = builder.prefix(MAKING).tempdir_in(folder);
        let made = made.map_err(|error| Error::temporary(folder, &error))?;
        Ok(Making { made, _lock: lock })
    }

    /// Where a file of this name is made.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.made.path().join(name)
    }

    /// Where something of this name stands in the folder that it is made in.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        schema::folder_of(self.made.path()).join(name)
    }

    /// Gives what was made its own name in the folder that it was made in, where nothing stands.
    pub(crate) fn put_in_place(self, name: &str) -> Result<PathBuf> {
        let folder = schema::folder_of(self.made.path()).to_owned();
        let path = folder.join(name);
        let io = |source| Error::io(&path, source);
        schema::sync_folder(self.made.path()).map_err(io)?;
        if path.symlink_metadata().is_ok() {
            return Err(Error::StoreExists { path });
        }
        std::fs::rename(self.made.path(), &path).map_err(io)?;
        // It is not there any more, so that nothing is removed.
        let _ = self.made.keep();
        schema::sync_folder(&folder).map_err(io)?;
        Ok(path)
    }
}

/// Removes a folder at once, whole or not at all: it loses its name first.
pub(crate) fn remove(folder: &Path, name: &str) -> Result<()> {
    let (_lock, path) = (hold(folder), folder.join(name));
    let io = |source| Error::io(&path, source);
    let going = folder.join(format!("{MAKING}{name}"));
    std::fs::rename(&path, &going).map_err(io)?;
    schema::sync_folder(folder).map_err(io)?;
    std::fs::remove_dir_all(&going).map_err(io)
}

/// Says that something is being made in a folder, after removing what nobody makes any more. Where
/// there are no locks nothing is said, and nothing removed.
fn hold(folder: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(LOCK)).ok()?;
    if file.try_lock().is_ok() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(MAKING) {
                // What can't be removed is no reason to make nothing.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        file.unlock().ok()?;
    }
    // Only for a moment does somebody hold it alone.
    file.lock_shared().ok()?;
    Some(file)
}

/// The folder for backups that is made where it is not there, readable for its owner alone.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(Error::io(folder, source)),
        Ok(()) => {
            let above = schema::folder_of(folder);
            schema::sync_folder(above).map_err(|source| Error::io(above, source))
        }
    }
}

/// Brings a store that was made elsewhere to a path where none stands. A note that was left there is
/// of a log that is gone.
pub(crate) fn found(made: &Path, path: &Path) -> Result<()> {
    schema::refuse_existing(path)?;
    let note = schema::beside(path, "-head");
    match std::fs::remove_file(&note) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io(&note, error));
        }
        _ => {}
    }
    schema::put_in_place(made, path)
}

/// Fails where a copy is not of this store.
pub(crate) fn same_store(here: &Digest, there: &Digest, copy: &Path) -> Result<()> {
    if here == there {
        return Ok(());
    }
    let why = format!("it is of another store, {}; this one is {}", hex(there), hex(here));
    Err(Error::invalid("backup", copy.display(), why))
}

/// A digest as text.
pub(crate) fn hex(digest: &Digest) -> String {
    digest.map(|byte| format!("{byte:02x}")).concat()
}

/// Damage to a copy, which is named.
pub(crate) fn damaged(copy: &Path, detail: impl std::fmt::Display) -> Corruption {
    Corruption::of_store(format!("{}: {detail}", copy.display()))
}
