//! What an argument names, and its content.

use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, ffi, params};

use crate::error::{Corruption, Error, Result, What};
use crate::format::diff::Form;
use crate::model::id::BlobHash;
use crate::model::query::Selector;
use crate::store::blobs::{self, Row};
use crate::store::sqlite::Doing;
use crate::store::{pieces, snapshots};

/// Content that an argument names.
pub(crate) struct Content {
    /// What it is called in messages and in the head of a difference: a version and an artifact, or where
    /// nothing holds it the beginning of its hash.
    pub(crate) label: String,
    /// The form that fits its media type.
    pub(crate) form: Form,
    row: Row,
}

impl Content {
    /// Finds what an argument names; nothing for null.
    pub(crate) fn named(conn: &Connection, argument: ValueRef<'_>) -> Result<Option<Content>> {
        let found = match argument {
            ValueRef::Null => return Ok(None),
            ValueRef::Blob(bytes) => match bytes.try_into() {
                Ok(hash) => Content::of_hash(conn, &BlobHash(hash)),
                Err(_) => Err(refuse(format!("{} bytes", bytes.len()))),
            },
            ValueRef::Text(text) => {
                let text = str::from_utf8(text).map_err(|_| refuse("text that is not UTF-8"))?;
                match (text.rsplit_once('/'), text.parse::<BlobHash>()) {
                    (Some((version, name)), _) => Content::of_artifact(conn, version, name),
                    (None, Ok(hash)) => Content::of_hash(conn, &hash),
                    (None, Err(_)) => Err(refuse(text)),
                }
            }
            ValueRef::Integer(number) => Err(refuse(number)),
            ValueRef::Real(number) => Err(refuse(number)),
        };
        found.map(Some)
    }

    fn of_hash(conn: &Connection, hash: &BlobHash) -> Result<Content> {
        let missing = || Error::not_found(What::Artifact, format!("with content {}", hash.short()));
        let found = blobs::find(conn, hash).map_err(|error| about(&hash.short(), error))?;
        let row = found.ok_or_else(missing)?;
        // The first that holds it tells what it is.
        let holder = conn
            .prepare_cached(
                "SELECT version, name.text, media.text FROM artifact
                 JOIN snapshot ON snapshot.id = snapshot_id
                 JOIN name ON name.id = name_id
                 JOIN name AS media ON media.id = media_id
                 WHERE blob_id = ?1 ORDER BY snapshot_id, name_id LIMIT 1",
            )
            .and_then(|mut find| {
                find.query_row([row.id], |row| {
                    let (version, name): (String, String) = (row.get(0)?, row.get(1)?);
                    Ok((format!("{version}/{name}"), row.get::<_, String>(2)?))
                })
                .optional()
            })
            .doing("looking for an artifact")?;
        let (label, media_type) = holder.unwrap_or_else(|| (hash.short(), String::new()));
        Ok(Content { label, form: Form::of(&media_type), row })
    }

    fn of_artifact(conn: &Connection, version: &str, name: &str) -> Result<Content> {
        let version = snapshots::resolve(conn, &version.parse::<Selector>()?)?;
        let label = format!("{version}/{name}");
        let row = snapshots::held(conn, &version, name).map_err(|error| about(&label, error))?;
        let id = snapshots::require(conn, &version)?;
        let media_type: String = conn
            .prepare_cached(
                "SELECT media.text FROM artifact JOIN name AS media ON media.id = media_id
                 WHERE snapshot_id = ?1 AND name_id = (SELECT id FROM name WHERE text = ?2)",
            )
            .and_then(|mut find| find.query_row(params![id, name], |row| row.get(0)))
            .doing("looking for an artifact")?;
        Ok(Content { label, form: Form::of(&media_type), row })
    }

    /// Whether two are the same content.
    pub(crate) fn is(&self, other: &Content) -> bool {
        self.row.hash == other.row.hash
    }

    /// The bytes of it, compared with their hash.
    pub(crate) fn read(&self, conn: &Connection) -> Result<Vec<u8>> {
        pieces::read(conn, &self.row, &|| self.label.clone())
            .map_err(|error| about(&self.label, error))
    }

    /// Fails with SQLite's own error where the content is longer than any value that the connection takes.
    pub(crate) fn check_fits(&self, conn: &Connection) -> rusqlite::Result<()> {
        let longest = conn.limit(Limit::SQLITE_LIMIT_LENGTH)?;
        match i32::try_from(self.row.bytes) {
            Ok(bytes) if bytes <= longest => Ok(()),
            _ => Err(too_big()),
        }
    }
}

/// Says of damage which artifact it was found in.
fn about(label: &str, error: Error) -> Error {
    match error {
        Error::Corrupt(damage) if damage.version.is_none() => {
            Corruption::of_store(format!("{label}: {damage}")).into()
        }
        error => error,
    }
}

fn refuse(value: impl std::fmt::Display) -> Error {
    Error::invalid("artifact", value, "a hash of 64 hex digits, or VERSION/NAME, is needed")
}

/// SQLite's error for values that are too long.
fn too_big() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), None)
}

/// An error of Tintype as one of SQLite, with what it says.
pub(crate) fn told(error: Error) -> rusqlite::Error {
    match error {
        Error::TooLarge { .. } => too_big(),
        error => rusqlite::Error::UserFunctionError(Box::new(error)),
    }
}
