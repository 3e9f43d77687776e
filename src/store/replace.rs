//! Another file in the place of a store, and the store that was there beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::model::time::Time;
use crate::store::schema;
use crate::store::sqlite::{self, Doing};

/// Fails with `Locked` where another connection has the store open.
pub(crate) fn refuse_used(path: &Path) -> Result<()> {
    schema::find(path)?;
    sqlite::be_patient(Duration::ZERO);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let looked = || -> Result<()> {
        let doing = "looking whether the store is in use";
        let conn = Connection::open_with_flags(path, flags).doing(doing)?;
        // What its log holds is not to be moved by looking.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).doing(doing)?;
        conn.busy_timeout(Duration::ZERO).doing(doing)?;
        // With this each connection of the write-ahead log needs the file for itself.
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE").doing(doing)?;
        conn.execute_batch("BEGIN EXCLUSIVE; ROLLBACK").doing(doing)
    };
    match looked() {
        Err(error @ Error::Locked { .. }) => Err(sqlite::at(path, error)),
        // What else is wrong with it is what it is to be repaired for.
        _ => Ok(()),
    }
}

/// Whether a write-ahead log stands beside a store.
pub(crate) fn has_log(path: &Path) -> bool {
    fs::metadata(schema::beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Lets `make` make a store at the path that it is given, and puts that in the place of the one at
/// `path`, which gets a name with the time in it; gives that name.
pub(crate) fn replace(
    path: &Path,
    now: Time,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = schema::folder_of(path);
    let io = |source| Error::io(path, source);
    let beside = TempDir::with_prefix_in("tintype-", folder)
        .map_err(|error| Error::temporary(path, &error))?;
    let made = beside.path().join("tintype.db");
    make(&made).map_err(|error| sqlite::at(path, error))?;
    let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let aside = schema::beside(path, &format!(".damaged-{stamp}"));
    // The old file has both names until the new one takes its own. Its log goes first: played into
    // the new file it would destroy that.
    fs::hard_link(path, &aside).or_else(|_| fs::copy(path, &aside).map(drop)).map_err(io)?;
    for end in ["-wal", "-head"] {
        let part = schema::beside(path, end);
        if part.exists() {
            fs::rename(&part, schema::beside(&aside, end)).map_err(io)?;
        }
    }
    let shared = schema::beside(path, "-shm");
    if shared.exists() {
        fs::remove_file(&shared).map_err(io)?;
    }
    schema::sync_folder(folder).map_err(io)?;
    fs::rename(&made, path).map_err(io)?;
    let note = schema::beside(&made, "-head");
    if note.exists() {
        fs::rename(&note, schema::beside(path, "-head")).map_err(io)?;
    }
    schema::sync_folder(folder).map_err(io)?;
    Ok(aside)
}
