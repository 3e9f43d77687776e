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
pub(crate) use crate::store::schema::{has_log, real};
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
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log(path))
            .doing(doing)?;
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

/// What tells whether somebody has changed a store: lengths and times of its file and its log.
#[derive(PartialEq, Eq)]
pub(crate) struct Stamp([Option<(u64, Option<std::time::SystemTime>)>; 2]);

impl Stamp {
    /// The stamp of a store as it stands.
    pub(crate) fn of(path: &Path) -> Self {
        let of = |path: PathBuf| {
            let found = fs::metadata(path).ok()?;
            Some((found.len(), found.modified().ok()))
        };
        Stamp([of(path.to_owned()), of(schema::beside(path, "-wal"))])
    }
}

/// Lets `make` make a store at the path that it is given, and puts that in the place of the one at
/// `path`, which gets a name with the time in it; gives that name. Fails with `Locked` where somebody
/// has changed that since its stamp was taken, or has it open.
///
/// The new store may have the `same_id` as the old one, so that the log of the old one would be taken
/// for its own. Then that goes first: ended in between, the old file stands without its log, and both
/// stand beside it.
pub(crate) fn replace(
    path: &Path,
    stamp: &Stamp,
    now: Time,
    same_id: bool,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = schema::folder_of(path);
    let io = |source| Error::io(path, source);
    let beside = TempDir::with_prefix_in("tintype-", folder)
        .map_err(|error| Error::temporary(path, &error))?;
    let made = beside.path().join("tintype.db");
    make(&made).map_err(|error| sqlite::at(path, error))?;
    let when: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let aside = schema::beside(path, &format!(".damaged-{when}"));
    refuse_used(path)?;
    if Stamp::of(path) != *stamp {
        return Err(Error::Locked { path: path.to_owned(), waited: Duration::ZERO });
    }
    // The old files have both names until the new one has its own: ended in between, nothing is lost,
    // and the old log beside the new file is refused when that is opened.
    let twice = |from: &Path, to: &Path| {
        fs::hard_link(from, to).or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Err(error),
            _ => {
                fs::copy(from, to)?;
                fs::File::open(to)?.sync_all()
            }
        })
    };
    let parts = ["-wal", "-journal", "-head"].map(|end| (schema::beside(path, end), end));
    twice(path, &aside).map_err(io)?;
    for (part, end) in parts.iter().filter(|(part, _)| part.exists()) {
        twice(part, &schema::beside(&aside, end)).map_err(io)?;
    }
    schema::sync_folder(folder).map_err(io)?;
    let shared = schema::beside(path, "-shm");
    let remove_parts = || -> Result<()> {
        let all = parts.iter().map(|(part, _)| part).chain([&shared]);
        all.filter(|part| part.exists()).try_for_each(fs::remove_file).map_err(io)?;
        schema::sync_folder(folder).map_err(io)
    };
    if same_id {
        remove_parts()?;
    }
    fs::rename(&made, path).map_err(io)?;
    remove_parts()?;
    let note = schema::beside(&made, "-head");
    if note.exists() {
        fs::rename(&note, schema::beside(path, "-head")).map_err(io)?;
    }
    schema::sync_folder(folder).map_err(io)?;
    Ok(aside)
}
