//! Questions in SQL of the caller's own, answered row by row.
//!
//! **Invariant:** a question changes nothing: the connection is opened for reading, told so once more,
//! and may not touch what SQLite keeps about the file; of the statement only what reads is let through.
//!
//! **Invariant:** what a question costs is bounded: a value by [`SQL_VALUE_BYTES_MAX`], the time by
//! [`SqlOptions`]. Rows are handed on as they are found, and sorting spills to the disk.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};
use crate::model::time::Stopwatch;
use crate::store::Repository;
use crate::store::schema::Location;
use crate::store::sqlite::{self, Doing, from_sqlite};

/// The longest value that a question may make or read, in bytes.
pub const SQL_VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The longest question, in bytes.
pub const SQL_BYTES_MAX: usize = 1024 * 1024;
/// After so many steps of SQLite's machine it is looked whether the time is over.
const STEPS: i32 = 10_000;
/// Page cache of the connection, in KiB.
const CACHE_KIB: i64 = 8 * 1024;

/// How long a question may take.
#[derive(Debug, Clone, Default)]
pub struct SqlOptions {
    /// The longest that it may take, with what is done with its rows; nothing is no limit.
    pub time_max: Option<Duration>,
    /// Raised by another thread, it ends the question.
    pub stop: Option<Arc<AtomicBool>>,
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SqlValue<'r> {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// Another number, which may be infinite.
    Real(f64),
    /// A text as it is stored, which need not be UTF-8.
    Text(&'r [u8]),
    /// Bytes.
    Blob(&'r [u8]),
}

/// What a question is answered with: the names of the columns once, then each row.
#[derive(Debug)]
pub enum SqlAnswer<'r> {
    /// The names of the columns, in order; two may be the same.
    Columns(&'r [String]),
    /// The values of a row, one for each column.
    Row(&'r [SqlValue<'r>]),
}

impl Repository {
    /// Asks a question in SQL and hands on the answer as it comes, in memory that does not grow with
    /// it: the columns first, then row by row, until `take` breaks off. Gives how many rows were
    /// handed on. What can be asked is described in `migrations/README.md`.
    ///
    /// It sees one state of the store, which can't be moved on from while it runs.
    ///
    /// Fails with `Invalid` where the statement is none, is several, or does more than read; with
    /// `TooLarge` above [`SQL_BYTES_MAX`], and with `Database` where the time of the options is over.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tintype::store::{SqlAnswer, SqlOptions, SqlValue};
    /// let repo = tintype::Repository::temporary()?;
    /// let question = "SELECT count(*) AS snapshots FROM v_snapshot";
    /// let mut count = None;
    /// repo.sql(question, &SqlOptions::default(), |answer| -> tintype::Result<_> {
    ///     if let SqlAnswer::Row([SqlValue::Integer(number)]) = answer {
    ///         count = Some(*number);
    ///     }
    ///     Ok(ControlFlow::Continue(()))
    /// })?;
    /// assert_eq!(count, Some(0));
    /// # Ok::<(), tintype::Error>(())
    /// ```
    pub fn sql<E: From<Error>>(
        &self,
        statement: &str,
        options: &SqlOptions,
        take: impl FnMut(SqlAnswer<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<u64, E> {
        sqlite::be_patient(self.handle.shared.busy_timeout);
        ask(&self.handle.shared.location, statement, options, take)
    }
}

/// Asks a question and hands on the answer as it comes; gives how many rows were handed on.
fn ask<E: From<Error>>(
    location: &Location,
    question: &str,
    options: &SqlOptions,
    mut take: impl FnMut(SqlAnswer<'_>) -> Result<ControlFlow<()>, E>,
) -> Result<u64, E> {
    if question.len() > SQL_BYTES_MAX {
        let bytes = question.len() as u64;
        let limit = SQL_BYTES_MAX as u64;
        return Err(Error::TooLarge { what: "the statement".into(), bytes, limit }.into());
    }
    let conn = open(location, options).doing("opening the store")?;
    let told = |error: rusqlite::Error| explain(&conn, question, options, error);
    let mut statement = conn.prepare(question).map_err(told)?;
    let refuse = |why: &str| Err(E::from(Error::invalid("statement", question, why)));
    if statement.column_count() == 0 {
        return refuse("it asks nothing; one that gives rows is needed");
    }
    if !statement.readonly() {
        return refuse("it would change something; a store is only read here");
    }
    if statement.parameter_count() > 0 {
        return refuse("it has parameters, and nothing gives them values");
    }
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let width = columns.len();
    let mut count = 0;
    if take(SqlAnswer::Columns(&columns))?.is_break() {
        return Ok(count);
    }
    let mut rows = statement.query([]).map_err(told)?;
    while let Some(row) = rows.next().map_err(told)? {
        let mut values = Vec::with_capacity(width);
        for at in 0..width {
            values.push(match row.get_ref(at).map_err(told)? {
                ValueRef::Null => SqlValue::Null,
                ValueRef::Integer(number) => SqlValue::Integer(number),
                ValueRef::Real(number) => SqlValue::Real(number),
                ValueRef::Text(text) => SqlValue::Text(text),
                ValueRef::Blob(bytes) => SqlValue::Blob(bytes),
            });
        }
        count += 1;
        if take(SqlAnswer::Row(&values))?.is_break() {
            break;
        }
    }
    Ok(count)
}

/// A connection that can't change anything, and gives up when its time is over.
fn open(location: &Location, options: &SqlOptions) -> rusqlite::Result<Connection> {
    let (uri, flags) = location.reader();
    let flags = match location {
        // In memory, what is opened for reading alone is another store.
        Location::Memory(_) => flags,
        _ => (flags - OpenFlags::SQLITE_OPEN_READ_WRITE) | OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let conn = Connection::open_with_flags(uri, flags)?;
    sqlite::make_patient(&conn)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, SQL_VALUE_BYTES_MAX as i32)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    conn.authorizer(Some(allow))?;
    let options = options.clone();
    let watch = Stopwatch::start();
    conn.progress_handler(STEPS, Some(move || is_over(&options, watch)))?;
    Ok(conn)
}

fn is_over(options: &SqlOptions, watch: Stopwatch) -> bool {
    options.time_max.is_some_and(|limit| watch.left_of(limit).is_zero())
        || options.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
}

/// Lets through what reads the store, and no setting that would be changed.
fn allow(asked: AuthContext<'_>) -> Authorization {
    let lets = match asked.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive => true,
        AuthAction::Pragma { pragma_name, pragma_value } => match pragma_value {
            // Those that name a thing rather than set one.
            Some(_) => pragma_name.ends_with("_info") || pragma_name.ends_with("_list"),
            None => true,
        },
        _ => false,
    };
    if lets { Authorization::Allow } else { Authorization::Deny }
}

/// What became of a question, in words of who asked it.
fn explain(
    conn: &Connection,
    question: &str,
    options: &SqlOptions,
    error: rusqlite::Error,
) -> Error {
    use rusqlite::{Error as Sqlite, ErrorCode};
    let invalid = |why: String| Error::invalid("statement", question, why);
    let code = match &error {
        Sqlite::SqlInputError { error, .. } => Some(error.code),
        other => other.sqlite_error_code(),
    };
    match (&error, code) {
        (Sqlite::MultipleStatement, _) => {
            invalid("these are several statements; give one at a time".into())
        }
        (_, Some(ErrorCode::OperationInterrupted)) => {
            let why = match options.time_max {
                Some(limit) => {
                    format!("it took longer than {} s and was ended", limit.as_secs_f64())
                }
                None => "it was ended".to_owned(),
            };
            Error::Database { doing: "running the statement", source: why.into() }
        }
        (_, Some(ErrorCode::AuthorizationForStatementDenied)) => {
            invalid("it would change something, or read what is no part of the store".into())
        }
        (_, Some(ErrorCode::TooBig)) => {
            invalid(format!("it makes a value of more than {SQL_VALUE_BYTES_MAX} bytes"))
        }
        (_, Some(ErrorCode::Unknown)) => {
            let said = match &error {
                Sqlite::SqlInputError { msg, .. } | Sqlite::SqliteFailure(_, Some(msg)) => {
                    msg.clone()
                }
                other => other.to_string(),
            };
            match said.contains("no such table") {
                true => invalid(format!("{said}; there are {}", readable(conn).join(", "))),
                false => invalid(said),
            }
        }
        _ => from_sqlite("running the statement", error),
    }
}

/// The names of what can be asked, the views first.
fn readable(conn: &Connection) -> Vec<String> {
    conn.prepare(
        "SELECT name FROM sqlite_schema
         WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         ORDER BY type = 'table', name",
    )
    .and_then(|mut list| list.query_map([], |row| row.get(0))?.collect())
    .unwrap_or_default()
}
