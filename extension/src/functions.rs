//! The functions that give one value.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Error, Result};

use crate::content::{Content, told};
use crate::format::diff::{self, Comparison};
use crate::host::with_connection;

/// Makes the functions known to a connection.
pub(crate) fn register(conn: &Connection) -> Result<()> {
    // Within a statement the same artifact has the same content, so what is asked for all rows is decoded
    // once. From one statement to the next it may have another, so no index or table may lean on it.
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function(c"tintype_bytes", 1, flags, bytes)?;
    conn.create_scalar_function(c"tintype_text", 1, flags, text)?;
    conn.create_scalar_function(c"tintype_diff", 2, flags, difference)
}

fn bytes(context: &Context<'_>) -> Result<Option<Vec<u8>>> {
    with_connection(context, |conn| {
        let Some(content) = Content::named(conn, context.get_raw(0)).map_err(told)? else {
            return Ok(None);
        };
        content.check_fits(conn)?;
        content.read(conn).map(Some).map_err(told)
    })
}

fn text(context: &Context<'_>) -> Result<Option<String>> {
    // What is not text has no text: a search through all artifacts passes over pictures.
    Ok(bytes(context)?.and_then(|bytes| String::from_utf8(bytes).ok()))
}

fn difference(context: &Context<'_>) -> Result<Option<String>> {
    with_connection(context, |conn| {
        let named = |at: usize| Content::named(conn, context.get_raw(at)).map_err(told);
        let (Some(before), Some(after)) = (named(0)?, named(1)?) else { return Ok(None) };
        if before.is(&after) {
            return Ok(Some(String::new()));
        }
        let (first, second) = (before.read(conn).map_err(told)?, after.read(conn).map_err(told)?);
        let labels = (before.label.as_str(), after.label.as_str());
        match diff::compare(&first, &second, labels, before.form.max(after.form)) {
            Comparison::Text(diff) => Ok(Some(diff.unified)),
            other => serde_json::to_string(&other)
                .map(Some)
                .map_err(|error| Error::UserFunctionError(Box::new(error))),
        }
    })
}
