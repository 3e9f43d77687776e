//! `tintype_changes(a, b)`: what differs between two JSON documents, a row a change.

#![allow(unsafe_code)] // Two traits are unsafe to implement, for how their types lie in memory.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec;

use rusqlite::types::Value as Sql;
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConnection, VTabCursor,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Error, Result};
use serde_json::Value;

use crate::content::{Content, told};
use crate::error::Error as Failure;
use crate::format::diff::{self, Change};
use crate::host::Host;

/// Makes the table known to a connection.
pub(crate) fn register(conn: &Connection) -> Result<()> {
    const MODULE: Module<'static, Table> = Module::eponymous_only_module();
    conn.create_module(c"tintype_changes", &MODULE, None)
}

const COLUMNS: &CStr = c"CREATE TABLE x (path TEXT, op TEXT, old, new, a HIDDEN, b HIDDEN)";
/// The hidden columns are the arguments, the first and the second.
const ARGUMENTS: [c_int; 2] = [4, 5];
/// How many changes two documents are taken to have, for the plans that SQLite makes.
const ROWS: i64 = 25;

#[repr(C)]
struct Table {
    base: sqlite3_vtab, // has to be the first
    host: Host,
}

// SAFETY: it lies in memory as C has it, and SQLite's own part is the first.
unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = ();
    type Cursor = Cursor<'vtab>;

    fn connect(
        connection: &mut VTabConnection,
        _: Option<&()>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        let table = Table { base: sqlite3_vtab::default(), host: Host::of(connection) };
        Ok((COLUMNS.into(), table))
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        let mut given = [None, None];
        for (at, constraint) in info.constraints().enumerate() {
            let is_equal = constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ;
            let argument = ARGUMENTS.iter().position(|column| *column == constraint.column());
            let Some(argument) = argument.filter(|_| is_equal) else { continue };
            if !constraint.is_usable() {
                // What it is equal to is known in another order of the tables.
                return Ok(false);
            }
            given[argument] = Some(at);
        }
        let [Some(a), Some(b)] = given else {
            let why = "tintype_changes(a, b) needs two artifacts";
            return Err(Error::ModuleError(why.to_owned()));
        };
        for (number, at) in (1..).zip([a, b]) {
            let mut usage = info.constraint_usage(at);
            usage.set_argv_index(number);
            usage.set_omit(true);
        }
        info.set_estimated_cost(1000.0);
        info.set_estimated_rows(ROWS);
        Ok(true)
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            host: self.host,
            arguments: [Sql::Null, Sql::Null],
            rest: Vec::new().into_iter(),
            row: None,
            number: 0,
            table: PhantomData,
        })
    }
}

#[repr(C)]
struct Cursor<'vtab> {
    base: sqlite3_vtab_cursor, // has to be the first
    host: Host,
    arguments: [Sql; 2],
    rest: vec::IntoIter<Change>,
    /// The row that it stands on; none at the end.
    row: Option<Row>,
    number: i64,
    table: PhantomData<&'vtab Table>,
}

struct Row {
    path: String,
    op: &'static str,
    old: Sql,
    new: Sql,
}

impl Cursor<'_> {
    fn step(&mut self) {
        self.row = self.rest.next().map(Row::of);
        self.number += 1;
    }
}

// SAFETY: it lies in memory as C has it, and SQLite's own part is the first.
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, _: c_int, _: Option<&str>, filters: &Filters<'_>) -> Result<()> {
        self.arguments = [filters.get(0)?, filters.get(1)?];
        let arguments = &self.arguments;
        // A panic must not go through SQLite.
        let found =
            catch_unwind(AssertUnwindSafe(|| self.host.with(|conn| changes(conn, arguments))));
        self.rest = found.unwrap_or(Err(Error::UnwindingPanic))?.into_iter();
        self.number = 0;
        self.step();
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        self.step();
        Ok(())
    }

    fn eof(&self) -> bool {
        self.row.is_none()
    }

    fn column(&self, context: &mut Context, column: c_int) -> Result<()> {
        let Some(row) = &self.row else { return Ok(()) };
        match column {
            0 => context.set_result(&row.path),
            1 => context.set_result(&row.op),
            2 => context.set_result(&row.old),
            3 => context.set_result(&row.new),
            4 => context.set_result(&self.arguments[0]),
            _ => context.set_result(&self.arguments[1]),
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.number)
    }
}

/// The changes between two documents; none where one is null.
fn changes(conn: &Connection, arguments: &[Sql; 2]) -> Result<Vec<Change>> {
    let named = |argument: &Sql| Content::named(conn, argument.into()).map_err(told);
    let (Some(before), Some(after)) = (named(&arguments[0])?, named(&arguments[1])?) else {
        return Ok(Vec::new());
    };
    if before.is(&after) {
        return Ok(Vec::new());
    }
    let (first, second) = (before.read(conn).map_err(told)?, after.read(conn).map_err(told)?);
    let Some(diff) = diff::compare_json(&first, &second) else {
        let both = format!("{} and {}", before.label, after.label);
        let why = "one of them is not JSON, or larger or deeper than is compared; try tintype_diff";
        return Err(told(Failure::invalid("documents", both, why)));
    };
    Ok(diff.changes)
}

impl Row {
    /// A change in the words of JSON Patch (RFC 6902).
    fn of(change: Change) -> Row {
        match change {
            Change::Added { path, after } => {
                Row { path, op: "add", old: Sql::Null, new: sql(after) }
            }
            Change::Removed { path, before } => {
                Row { path, op: "remove", old: sql(before), new: Sql::Null }
            }
            Change::Changed { path, before, after } => {
                Row { path, op: "replace", old: sql(before), new: sql(after) }
            }
        }
    }
}

/// A JSON value as SQLite's own functions give it: objects and arrays as text, true as 1. An integer that
/// SQLite has no room for is text.
fn sql(value: Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(truth) => Sql::Integer(truth.into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Sql::Integer(integer),
            (None, Some(real)) if number.is_f64() => Sql::Real(real),
            _ => Sql::Text(number.to_string()),
        },
        Value::String(text) => Sql::Text(text),
        other => Sql::Text(other.to_string()),
    }
}
