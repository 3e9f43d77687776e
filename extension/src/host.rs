//! The program that loads the extension: all that is not safe is here.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};

use rusqlite::functions::Context;
use rusqlite::vtab::VTabConnection;
use rusqlite::{Connection, Result, ffi};

use crate::{changes, functions};

/// What SQLite calls when it loads the extension.
///
/// # Safety
///
/// It is for SQLite alone to call, which gives a connection that is open, a place for a message, and the
/// table of its functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_extension_init(
    db: *mut ffi::sqlite3,
    message: *mut *mut c_char,
    api: *mut ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: these are the values that SQLite gave, and `register` does nothing but register.
    unsafe { Connection::extension_init2(db, message, api, register) }
}

fn register(conn: Connection) -> Result<bool> {
    functions::register(&conn)?;
    changes::register(&conn)?;
    // It is loaded for this connection, not for all that the program opens later.
    Ok(false)
}

/// Does something with the connection that a function is called on.
pub(crate) fn with_connection<T>(
    context: &Context<'_>,
    read: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    // SAFETY: SQLite calls functions on the thread that uses the connection, which waits for the answer.
    // The reference does not leave this call, and with it go all statements that were prepared on it.
    let conn = unsafe { context.get_connection() }?;
    read(&conn)
}

/// The connection that a table-valued function belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Host(*mut ffi::sqlite3);

impl Host {
    /// The connection that a table is made on.
    pub(crate) fn of(connection: &mut VTabConnection) -> Self {
        // SAFETY: the handle is only kept, for `with`.
        Host(unsafe { connection.handle() })
    }

    /// Does something with the connection. Only the methods of a table and its cursors may: SQLite calls
    /// them while the connection is open, and takes both down before it closes it.
    pub(crate) fn with<T>(self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        // SAFETY: as it is told above the connection is open, and this thread is the one that uses it. One
        // that is made of a handle does not close it when it is dropped.
        let conn = unsafe { Connection::from_handle(self.0) }?;
        read(&conn)
    }
}
