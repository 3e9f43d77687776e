//! SQLite files of others, read with care.
//!
//! The one that is known is that of adaptive selectors: a table `snapshots` of pages in gzip.
//!
//! **Invariant:** SQLite opens a copy, never the file: the file is not changed, nothing is written beside
//! it, and what is read is what the caller opened, whatever its path leads to by then.
//!
//! **Invariant:** nothing that the file defines is run: what is asked is asked of a plain table.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::store::schema::frozen_uri;
use crate::store::sqlite::Doing;

/// The column of such a table that no other has: where its name does not stand in a file, the file is
/// none.
pub(crate) const PAGE_COLUMN: &[u8] = b"html_compressed";
/// The largest file that is copied, with its log, in bytes.
pub(crate) const COPIED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// The largest value that is read, in bytes.
pub(crate) const VALUE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most rows that are read.
const ROWS_MAX: usize = 10_000_000;
/// The most columns of the table.
const COLUMNS_MAX: usize = 100;

/// An SQLite file of adaptive selectors.
pub(crate) struct Adaptive {
    conn: Connection,
    columns: Vec<String>,
    /// Gone with the last use of what is in it.
    _copied: TempDir,
}

/// A row of the table: a page, and what is said of it.
pub(crate) struct Row {
    /// The page as it is kept: compressed, or nothing.
    pub(crate) page: Option<Vec<u8>>,
    /// All other columns.
    pub(crate) told: Map<String, Value>,
}

impl Adaptive {
    /// Copies a file, with the log that lies beside it where there is one, and opens the copy. `path` is
    /// what it is called in errors.
    ///
    /// Fails with `NotAStore` where it is not such a file, which says why, and with `Io` where it can't
    /// be copied.
    pub(crate) fn open<'r>(
        path: &Path,
        file: &'r mut dyn Read,
        log: Option<&'r mut dyn Read>,
    ) -> Result<Self> {
        let folder =
            TempDir::with_prefix("tintype-").map_err(|error| Error::temporary(path, &error))?;
        let copy = folder.path().join("copy.db");
        let is_logged = log.is_some();
        let parts = [Some((file, "copy.db")), log.map(|log| (log, "copy.db-wal"))];
        for (from, name) in parts.into_iter().flatten() {
            let copied = File::create_new(folder.path().join(name))
                .and_then(|mut to| std::io::copy(from, &mut to));
            copied.map_err(|source| Error::io(path, source))?;
        }
        // A log is played into the copy, which is written to then.
        let conn = match is_logged {
            true => Connection::open_with_flags(
                copy,
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            ),
            false => Connection::open_with_flags(
                frozen_uri(&copy),
                OpenFlags::SQLITE_OPEN_READ_ONLY
                    | OpenFlags::SQLITE_OPEN_URI
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            ),
        };
        let refuse = |why: String| Error::NotAStore { path: path.to_owned(), why };
        let asked = conn.and_then(|conn| {
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            conn.pragma_update(None, "trusted_schema", false)?;
            conn.pragma_update(None, "cell_size_check", true)?;
            conn.pragma_update(None, "query_only", true)?;
            let kind: String = conn.query_row(
                "SELECT type || CASE WHEN sql LIKE 'create virtual%' THEN ' virtual' ELSE '' END
                 FROM sqlite_schema WHERE name = 'snapshots'",
                [],
                |row| row.get(0),
            )?;
            // Hidden and computed columns are left out.
            let mut list = conn.prepare("SELECT name FROM pragma_table_info('snapshots')")?;
            let columns: Vec<String> =
                list.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            drop(list);
            Ok((conn, kind, columns))
        });
        let (conn, kind, columns) = asked.map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => {
                refuse("it has no table `snapshots`".to_owned())
            }
            error => refuse(error.to_string()),
        })?;
        if kind != "table" {
            return Err(refuse(format!("its `snapshots` is a {kind}, no plain table")));
        }
        let has = |name: &str| columns.iter().any(|column| column == name);
        if !has("id") || !has("html_compressed") || columns.len() > COLUMNS_MAX {
            return Err(refuse("its table `snapshots` is of no form that is known".to_owned()));
        }
        Ok(Adaptive { conn, columns, _copied: folder })
    }

    /// The numbers of all rows.
    ///
    /// Fails with `TooLarge` where there are more than are read.
    pub(crate) fn rows(&self) -> Result<Vec<i64>> {
        let doing = "listing rows";
        let mut list = self
            .conn
            .prepare("SELECT rowid FROM snapshots ORDER BY rowid LIMIT ?1")
            .doing(doing)?;
        let rows: Vec<i64> = list
            .query_map([ROWS_MAX as i64 + 1], |row| row.get(0))
            .and_then(Iterator::collect)
            .doing(doing)?;
        match rows.len() > ROWS_MAX {
            true => Err(Error::TooLarge {
                what: "the number of rows".to_owned(),
                bytes: rows.len() as u64,
                limit: ROWS_MAX as u64,
            }),
            false => Ok(rows),
        }
    }

    /// A row.
    ///
    /// Fails with `TooLarge` where a value of it is larger than is read.
    pub(crate) fn row(&self, number: i64) -> Result<Row> {
        let doing = "reading a row";
        let quoted: Vec<String> =
            self.columns.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
        let sizes: Vec<String> =
            quoted.iter().map(|name| format!("coalesce(octet_length({name}), 0)")).collect();
        // Asked first: a value that is not loaded takes no memory.
        let size: i64 = self
            .conn
            .prepare_cached(&format!(
                "SELECT {} FROM snapshots WHERE rowid = ?1",
                sizes.join(" + ")
            ))
            .and_then(|mut ask| ask.query_row([number], |row| row.get(0)))
            .doing(doing)?;
        if u64::try_from(size).unwrap_or(u64::MAX) > VALUE_BYTES_MAX {
            return Err(Error::TooLarge {
                what: format!("row {number}"),
                bytes: u64::try_from(size).unwrap_or(u64::MAX),
                limit: VALUE_BYTES_MAX,
            });
        }
        let select = format!("SELECT {} FROM snapshots WHERE rowid = ?1", quoted.join(", "));
        let read = |row: &rusqlite::Row<'_>| {
            let mut read = Row { page: None, told: Map::new() };
            for (at, name) in self.columns.iter().enumerate() {
                let value = row.get_ref(at)?;
                if name == "html_compressed" {
                    read.page = match value {
                        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Some(bytes.to_vec()),
                        _ => None,
                    };
                    continue;
                }
                let value = match value {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(number) => number.into(),
                    ValueRef::Real(number) => number.into(),
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
                    ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
                };
                read.told.insert(name.clone(), value);
            }
            Ok(read)
        };
        self.conn
            .prepare_cached(&select)
            .and_then(|mut ask| ask.query_row([number], read))
            .doing(doing)
    }
}
