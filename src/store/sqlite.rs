//! SQLite's manners: how locks are waited for, and how its answers become ours.

use std::cell::Cell;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, ffi};

use crate::error::{Corruption, Error, Result};
use crate::model::time::Stopwatch;

thread_local! {
    /// How long this thread waits for a lock, and since when it does.
    static PATIENCE: Cell<(Duration, Option<Stopwatch>)> =
        const { Cell::new((BUSY_TIMEOUT, None)) };
}

/// How long a lock is waited for unless the store was opened with another duration.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The version of SQLite that stores are read and written with, as `3.50.4`.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Sets how long this thread waits for locks from now on.
pub(crate) fn be_patient(patience: Duration) {
    PATIENCE.set((patience, None));
}

/// Lets a connection wait for locks as its thread's patience says.
pub(crate) fn make_patient(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_handler(Some(wait_for_lock))
}

/// SQLite calls this when another connection holds the lock that it wants.
///
/// SQLite's own handler sleeps up to 100 ms between attempts, so that writers in tight loops pass
/// each other by until some time out. Short sleeps of uneven length let everybody in. It is a lottery
/// still: where each commit takes long, some of many would lose until their time is over. So whoever
/// has waited for long looks more often, and is the likelier to come next.
fn wait_for_lock(attempt: i32) -> bool {
    let (patience, since) = PATIENCE.get();
    let since = since.filter(|_| attempt > 0).unwrap_or_else(Stopwatch::start);
    PATIENCE.set((patience, Some(since)));
    let waited = since.elapsed();
    if waited >= patience {
        return false;
    }
    let uneven = (attempt as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55;
    let sleep_us = match () {
        () if waited < patience / 16 => 300 + uneven,
        () if waited < patience / 6 => 100 + uneven / 8,
        () => 10 + uneven / 64,
    };
    std::thread::sleep(Duration::from_micros(sleep_us));
    true
}

/// The error of a lock that was waited for until this thread's patience was over.
pub(crate) fn locked() -> Error {
    Error::Locked { path: PathBuf::new(), waited: PATIENCE.get().0 }
}

/// Says what was being done when SQLite failed.
pub(crate) trait Doing<T> {
    /// Turns SQLite's error into ours.
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|error| from_sqlite(doing, error))
    }
}

/// Turns SQLite's error into ours. Paths are filled in by [`at`], which knows them.
pub(crate) fn from_sqlite(doing: &'static str, error: rusqlite::Error) -> Error {
    use rusqlite::Error as Sqlite;
    let path = PathBuf::new();
    match error.sqlite_error_code() {
        // A value that its column can't hold: the tables are STRICT, so it was not written there.
        None if matches!(
            error,
            Sqlite::FromSqlConversionFailure(..)
                | Sqlite::IntegralValueOutOfRange(..)
                | Sqlite::InvalidColumnType(..)
                | Sqlite::Utf8Error(..)
        ) =>
        {
            Error::Corrupt(Corruption::of_store(format!("{doing}: {error}")))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => locked(),
        Some(ErrorCode::DiskFull) => Error::NoSpace { path },
        Some(ErrorCode::SystemIoFailure) if is_writing(&error) && is_limited() => {
            Error::NoSpace { path }
        }
        Some(ErrorCode::CannotOpen) if let Some(source) = no_descriptors() => {
            Error::Io { path, source }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::ReadOnly { path, why: error.to_string() }
        }
        Some(ErrorCode::NotADatabase) => {
            Error::NotAStore { path, why: "it is not an SQLite database".into() }
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            Error::Corrupt(Corruption::of_store(format!("{doing}: {error}")))
        }
        _ => Error::Database { doing, source: Box::new(error) },
    }
}

/// Whether SQLite failed to make a file longer or to change it.
fn is_writing(error: &rusqlite::Error) -> bool {
    const WRITING: [i32; 3] =
        [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_TRUNCATE, ffi::SQLITE_IOERR_SHMSIZE];
    error.sqlite_error().is_some_and(|error| WRITING.contains(&error.extended_code))
}

/// Whether there is a limit on how large files may become. SQLite does not tell that from a disk
/// that is broken, as it does a full one.
fn is_limited() -> bool {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::Fsize).current.is_some();
    #[cfg(not(unix))]
    false
}

/// What the operating system says where no more files can be opened. SQLite calls that a file that
/// can't be.
fn no_descriptors() -> Option<io::Error> {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        // As many as SQLite opens at once; it has closed them again when one of them failed.
        let opened: io::Result<Vec<File>> = (0..4).map(|_| File::open("/")).collect();
        let full = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
        let is_full = |error: &io::Error| error.raw_os_error().is_some_and(|no| full.contains(&no));
        opened.err().filter(is_full)
    }
    #[cfg(not(unix))]
    None
}

/// What the operating system says where the file system has no locks. SQLite calls that a lock that
/// another holds.
fn no_locks(store: &Path) -> Option<io::Error> {
    // Not the store itself: to close it would end the locks that this process has on it.
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty());
    let probe = tempfile::tempfile_in(folder.unwrap_or(Path::new("."))).ok()?;
    let Err(TryLockError::Error(error)) = probe.try_lock() else { return None };
    let why = format!("its file system gives no locks, which a store needs ({error})");
    Some(io::Error::new(error.kind(), why))
}

/// Fails where a file may not be read, without opening it.
pub(crate) fn readable(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    rustix::fs::access(path, rustix::fs::Access::READ_OK)?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Fills the store's path into an error that could not know it.
pub(crate) fn at(store: &Path, mut error: Error) -> Error {
    match &mut error {
        Error::Locked { path, .. }
        | Error::NoSpace { path }
        | Error::ReadOnly { path, .. }
        | Error::NotAStore { path, .. }
        | Error::NewerStore { path, .. }
        | Error::Io { path, .. }
            if path.as_os_str().is_empty() =>
        {
            *path = store.to_owned();
        }
        _ => return error,
    }
    match error {
        Error::Locked { path, waited } => match no_locks(store) {
            Some(source) => Error::Io { path, source },
            None => Error::Locked { path, waited },
        },
        error => error,
    }
}
