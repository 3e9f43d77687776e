//! The file: how it is made, recognised and opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use tempfile::TempPath;

use crate::error::{Corruption, Error, Result};
use crate::model::time::Time;
use crate::store::events;
use crate::store::sqlite::{self, Doing, make_patient};

/// The four bytes `TinT` in the header of every store.
pub const APPLICATION_ID: i64 = 0x5469_6E54;

/// The steps that make the schema, in order. A shipped one is never changed.
const MIGRATIONS: [&str; 15] = [
    include_str!("../../migrations/01-store.sql"),
    include_str!("../../migrations/02-event.sql"),
    include_str!("../../migrations/03-context.sql"),
    include_str!("../../migrations/04-blob.sql"),
    include_str!("../../migrations/05-snapshot.sql"),
    include_str!("../../migrations/06-tag.sql"),
    include_str!("../../migrations/07-view.sql"),
    include_str!("../../migrations/08-retention.sql"),
    include_str!("../../migrations/09-content.sql"),
    include_str!("../../migrations/10-view.sql"),
    include_str!("../../migrations/11-flag.sql"),
    include_str!("../../migrations/12-incident.sql"),
    include_str!("../../migrations/13-metric.sql"),
    include_str!("../../migrations/14-alert.sql"),
    include_str!("../../migrations/15-view.sql"),
];

/// The newest schema that this crate knows; the file carries it as `user_version`.
pub const SCHEMA: i64 = MIGRATIONS.len() as i64;

/// Bytes of a page. Small, because each table and each index takes one at least.
pub(crate) const PAGE_BYTES: i64 = 4096;
/// Pages after which a commit moves the log into the file: 8 MiB.
const CHECKPOINT_PAGES: i64 = 2048;
/// The log is cut to this size when it has been moved into the file.
const LOG_BYTES: i64 = 16 * 1024 * 1024;
/// Page cache of the writing connection, in KiB.
const WRITER_CACHE_KIB: i64 = 32 * 1024;
/// Page cache of each reading connection, in KiB.
const READER_CACHE_KIB: i64 = 4 * 1024;

fn migrations() -> Migrations<'static> {
    Migrations::new(MIGRATIONS.iter().map(|sql| M::up(sql)).collect())
}

/// Where a store lives.
#[derive(Debug, Clone)]
pub(crate) enum Location {
    /// In a file.
    File(PathBuf),
    /// In a file that does not change and can't be written.
    Frozen(PathBuf),
    /// In memory, under a name that connections of this process share.
    Memory(String),
}

impl Location {
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Location::File(path) | Location::Frozen(path) => path.clone(),
            Location::Memory(_) => PathBuf::from(":memory:"),
        }
    }

    fn uri(&self) -> PathBuf {
        match self {
            Location::File(path) => path.clone(),
            Location::Frozen(path) => frozen_uri(path),
            Location::Memory(name) => PathBuf::from(format!("file:/{name}?vfs=memdb")),
        }
    }

    /// Opens the connection that writes.
    pub(crate) fn open_writer(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | match self {
                Location::File(_) => OpenFlags::empty(),
                Location::Frozen(path) => {
                    let why =
                        "the file, or the folder that it is in, may not be written".to_owned();
                    return Err(Error::ReadOnly { path: path.clone(), why });
                }
                Location::Memory(_) => OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_CREATE,
            };
        let conn = Connection::open_with_flags(self.uri(), flags).doing("opening the store")?;
        set_up_writer(&conn).doing("opening the store")?;
        Ok(conn)
    }

    /// The path and flags for connections that read.
    ///
    /// They could write, but are told not to: one that can't write leaves the files of the
    /// write-ahead log behind when it is the last to close.
    pub(crate) fn reader(&self) -> (PathBuf, OpenFlags) {
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
            | match self {
                Location::File(_) => OpenFlags::SQLITE_OPEN_READ_WRITE,
                Location::Frozen(_) => {
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI
                }
                Location::Memory(_) => {
                    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI
                }
            };
        (self.uri(), flags)
    }
}

/// The path as SQLite reads it where options follow.
pub(crate) fn frozen_uri(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'%' | b'?' | b'#' | 0x80.. => uri += &format!("%{byte:02X}"),
            byte => uri.push(byte as char),
        }
    }
    uri += "?immutable=1";
    uri.into()
}

fn set_up_writer(conn: &Connection) -> rusqlite::Result<()> {
    make_patient(conn)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES)
}

/// Sets up a connection of the pool.
pub(crate) fn set_up_reader(conn: &mut Connection) -> rusqlite::Result<()> {
    make_patient(conn)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    conn.pragma_update(None, "temp_store", "MEMORY")
}

/// Makes a store that is not there yet, whole or not at all.
///
/// A file is made under another name beside its place and then linked into it, so that a process
/// that is killed meanwhile leaves no half-made store, and an existing file is never touched.
pub(crate) fn create(location: &Location, now: Time) -> Result<Option<Connection>> {
    let path = match location {
        Location::Memory(_) => {
            let mut conn = location.open_writer()?;
            make(&mut conn, now)?;
            return Ok(Some(conn));
        }
        Location::File(path) | Location::Frozen(path) => path,
    };
    refuse_existing(path)?;
    let folder = folder_of(path);
    let temporary = tempfile::Builder::new()
        .prefix(".tintype-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(|error| Error::temporary(path, &error))?
        .into_temp_path();
    {
        let mut conn = Location::File(temporary.to_path_buf()).open_writer()?;
        make(&mut conn, now)?;
        conn.pragma_update(None, "journal_mode", "WAL").doing("making the store")?;
        conn.close().map_err(|(_, error)| error).doing("making the store")?;
    }
    persist(temporary, path)?;
    Ok(None)
}

/// Fails where a store is to be made and something stands there.
pub(crate) fn refuse_existing(path: &Path) -> Result<()> {
    // SQLite would play a log that was left behind into the new file: a log is part of a store.
    for end in ["", "-wal", "-journal"] {
        let beside = beside(path, end);
        if fs::symlink_metadata(&beside).is_ok() {
            return Err(Error::StoreExists { path: beside });
        }
    }
    Ok(())
}

/// Gives a whole store that was made under another name its own, unless something stands there.
pub(crate) fn put_in_place(made: &Path, path: &Path) -> Result<()> {
    let made = TempPath::try_from_path(made).map_err(|source| Error::io(path, source))?;
    persist(made, path)
}

fn persist(made: TempPath, path: &Path) -> Result<()> {
    made.persist_noclobber(path).map_err(|failed| match failed.error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::StoreExists { path: path.to_owned() },
        _ => Error::io(path, failed.error),
    })?;
    sync_folder(folder_of(path)).map_err(|source| Error::io(path, source))
}

/// Whether a write-ahead log with something in it stands beside a store.
pub(crate) fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// The path of a file that belongs to a store.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(end);
    beside.into()
}

fn make(conn: &mut Connection, now: Time) -> Result<()> {
    let doing = "making the store";
    // Neither takes effect once there is a table.
    conn.pragma_update(None, "page_size", PAGE_BYTES).doing(doing)?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL").doing(doing)?;
    conn.pragma_update(None, "application_id", APPLICATION_ID).doing(doing)?;
    migrate(conn)?;
    let tx = conn.transaction().doing(doing)?;
    events::init(&tx, now)?;
    tx.commit().doing(doing)
}

fn migrate(conn: &mut Connection) -> Result<()> {
    conn.set_transaction_behavior(TransactionBehavior::Immediate);
    let doing = "bringing the store to the present schema";
    migrations().to_latest(conn).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => sqlite::from_sqlite(doing, err),
        source => Error::Database { doing, source: Box::new(source) },
    })
}

/// Opens a store to see what it is; gives how it can be opened, and its schema number.
///
/// A file that can't be written, in a folder that can't be either, is opened as one that does not
/// change: SQLite has nowhere to keep its locks there. Only a whole one can be: where a log stands
/// beside it, what it says would be missing.
pub(crate) fn look(location: Location) -> Result<(Location, i64)> {
    let path = location.path();
    if let Location::File(path) = &location {
        let_log_be_written(path);
    }
    let look = |location: &Location| -> Result<i64> {
        let (uri, flags) = location.reader();
        let conn = Connection::open_with_flags(uri, flags)
            .and_then(|conn| make_patient(&conn).map(|()| conn))
            .doing("opening the store")?;
        // To look is not to move the log into the file.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .doing("opening the store")?;
        refuse_log_of_another(&conn, location)?;
        recognise(&conn, &path)
    };
    let looked = match (look(&location), &location) {
        (Err(Error::ReadOnly { .. }), Location::File(path)) if !has_log(path) => {
            let frozen = Location::Frozen(path.clone());
            look(&frozen).map(|found| (frozen, found))
        }
        (Err(Error::ReadOnly { .. }), Location::File(path)) => {
            let log = beside(path, "-wal");
            let why = format!(
                "{} holds changes, which can only be read where both may be written; copy both",
                log.display()
            );
            Err(Error::ReadOnly { path: path.clone(), why })
        }
        (found, _) => found.map(|found| (location, found)),
    };
    looked.map_err(|error| sqlite::at(&path, error))
}

/// Gives the files of the log the mode that the store has now. SQLite makes them with the mode that
/// it had then, and whoever may only read leaves them behind.
fn let_log_be_written(path: &Path) {
    let Ok(mode) = fs::metadata(path).map(|file| file.permissions()) else { return };
    for end in ["-wal", "-shm"] {
        let part = beside(path, end);
        let is_shut = fs::symlink_metadata(&part)
            .is_ok_and(|part| part.is_file() && part.permissions().readonly());
        if is_shut && !mode.readonly() {
            // Only their owner can, which is who would be kept out otherwise.
            let _ = fs::set_permissions(&part, mode.clone());
        }
    }
}

/// Refuses a write-ahead log of another store, which SQLite would play into this one: nothing in a log
/// says which file it belongs to.
fn refuse_log_of_another(conn: &Connection, location: &Location) -> Result<()> {
    let Location::File(path) = location else { return Ok(()) };
    if !has_log(path) {
        return Ok(());
    }
    let uuid = |conn: &Connection| -> Result<Vec<u8>> {
        recognise(conn, path)?;
        let read = conn.query_row("SELECT uuid FROM store", [], |row| row.get(0));
        read.doing("opening the store")
    };
    let (uri, flags) = Location::Frozen(path.clone()).reader();
    let alone = Connection::open_with_flags(uri, flags).doing("opening the store");
    // A log of something else may leave nothing that can be read.
    let another = match (uuid(conn), alone.and_then(|file| uuid(&file))) {
        (Ok(with), Ok(alone)) => with != alone,
        (Err(Error::Corrupt(_) | Error::NotAStore { .. }), Ok(_)) => true,
        _ => false,
    };
    if another {
        let log = beside(path, "-wal");
        let why = format!("{} is not the log of this store; move it away", log.display());
        return Err(Corruption::of_store(why).into());
    }
    Ok(())
}

/// Whether the write-ahead log beside a store is that of another.
pub(crate) fn has_log_of_another(path: &Path) -> bool {
    let location = Location::File(path.to_owned());
    let (uri, flags) = location.reader();
    let Ok(conn) = Connection::open_with_flags(uri, flags) else { return false };
    let kept = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    kept.is_ok() && refuse_log_of_another(&conn, &location).is_err()
}

/// Copies a store to a path where nothing stands.
pub(crate) fn copy(from: &Location, to: &Path) -> Result<()> {
    let (uri, flags) = from.reader();
    let conn = Connection::open_with_flags(uri, flags).doing("copying the store")?;
    make_patient(&conn).doing("copying the store")?;
    conn.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map(drop).doing("copying the store")?;
    // The copy has no write-ahead log of its own yet.
    let conn = Location::File(to.to_owned()).open_writer()?;
    conn.pragma_update(None, "journal_mode", "WAL").doing("copying the store")
}

/// Looks at a file and says what keeps it from being opened, if anything does. An older store
/// gives its schema number, so that it can be brought up to date.
pub(crate) fn recognise(conn: &Connection, path: &Path) -> Result<i64> {
    let not_a_store = |why: &str| Error::NotAStore { path: path.to_owned(), why: why.to_owned() };
    let number = |pragma: &str| -> Result<i64> {
        conn.pragma_query_value(None, pragma, |row| row.get(0)).map_err(|error| {
            match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => not_a_store("it is not an SQLite database"),
                _ => sqlite::from_sqlite("opening the store", error),
            }
        })
    };
    match number("application_id")? {
        APPLICATION_ID => {}
        0 if number("page_count")? == 0 => return Err(not_a_store("it is empty")),
        _ => return Err(not_a_store("it is an SQLite database of something else")),
    }
    let found = number("user_version")?;
    if found > SCHEMA {
        return Err(Error::NewerStore { path: path.to_owned(), found, known: SCHEMA });
    }
    if found < 1 {
        return Err(not_a_store("it has no schema number"));
    }
    // What was asked so far stands in the first hundred bytes; this reads the schema.
    events::head(conn)?;
    Ok(found)
}

/// Refuses to write to a file that another process has brought to a newer schema meanwhile.
pub(crate) fn refuse_newer(conn: &Connection) -> Result<()> {
    let found: i64 = conn
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing("beginning to write")?;
    if found > SCHEMA {
        return Err(Error::NewerStore { path: PathBuf::new(), found, known: SCHEMA });
    }
    Ok(())
}

/// Opens the file of a store for writing and brings its schema up to date.
///
/// Of several processes that do so at once the first does it, and the others find it done.
pub(crate) fn upgrade(location: &Location) -> Result<()> {
    let mut conn = location.open_writer()?;
    let upgraded = migrate(&mut conn);
    match recognise(&conn, &location.path()) {
        Ok(SCHEMA) => Ok(()),
        _ => upgraded,
    }
}

/// The statements that make the schema, as the file keeps them: type, name, table and text.
pub(crate) fn statements(conn: &Connection) -> Result<Vec<[String; 4]>> {
    let doing = "reading the schema";
    let mut list = conn
        .prepare(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema
             WHERE name <> 'sqlite_stat1' ORDER BY type, name",
        )
        .doing(doing)?;
    let rows = list
        .query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
        .doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

/// The statements of a fresh store.
pub(crate) fn fresh_statements() -> Result<&'static [[String; 4]]> {
    static FRESH: OnceLock<Vec<[String; 4]>> = OnceLock::new();
    if let Some(fresh) = FRESH.get() {
        return Ok(fresh);
    }
    let mut conn = Connection::open_in_memory().doing("making a schema to compare with")?;
    migrate(&mut conn)?;
    let fresh = statements(&conn)?;
    Ok(FRESH.get_or_init(|| fresh))
}

/// What was set when the file was made and never changes: pragma and value.
pub(crate) const SETTINGS: [(&str, i64); 3] =
    [("application_id", APPLICATION_ID), ("page_size", PAGE_BYTES), ("auto_vacuum", 2)];

/// Checks that something stands where a store is to be opened, and that it is a file.
///
/// It is not opened for that. POSIX ends all locks that a process has on a file when the process
/// closes it through any descriptor: other handles of the store would go on without theirs, and the
/// next process to close the store would take the log from under them.
pub(crate) fn find(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(Error::NotAStore { path: path.to_owned(), why: "it is a folder".into() })
        }
        // SQLite removes the log of a file without a page, and with it all that is left.
        Ok(found) if found.len() == 0 && has_log(path) => {
            let log = beside(path, "-wal");
            let why = format!("the file is empty, and {} is not; copy that first", log.display());
            Err(Corruption::of_store(why).into())
        }
        Ok(_) => sqlite::readable(path).map_err(|source| Error::io(path, source)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NoStore { path: path.to_owned() })
        }
        Err(source) => Err(Error::io(path, source)),
    }
}

/// The path of the file that a link leads to: what belongs to a store stands beside that.
pub(crate) fn real(path: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink());
    let real = if is_link { fs::canonicalize(path).ok() } else { None };
    real.unwrap_or_else(|| path.to_owned())
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
