//! Taking a snapshot out of a store with everything that was said of it, for another store.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Map;

use crate::codec::digest::Digest;
use crate::error::{Corruption, Error, Result, What};
use crate::model::artifact::{ArtifactStatus, DraftArtifact};
use crate::model::id::{Tag, Version};
use crate::model::snapshot::{Draft, Status};
use crate::model::time::Time;
use crate::store::{blobs, snapshots};

/// A draft that says of a snapshot all that the store knows, content included. Stored elsewhere under
/// its own name it has the same manifest; with no name, a new version is made.
pub(crate) fn draft(conn: &Connection, version: &Version, name: Option<&Version>) -> Result<Draft> {
    let id = snapshots::require(conn, version)?;
    let record = snapshots::load(conn, &[id])?.pop();
    let record = record.ok_or_else(|| Error::not_found(What::Snapshot, version))?;
    let damaged = |detail: String| Error::from(Corruption::of_snapshot(version, detail));
    let mut draft = Draft::new()
        .at(Time::from_micros(record.created)?)
        .context(record.context)
        .status(snapshots::value(&Status::ALL, "status", record.status)?);
    draft.version = name.cloned();
    draft.base_elsewhere = true;
    draft.based_on = record.based_on.map(|base| snapshots::stored("version", base)).transpose()?;
    draft.description = record.description;
    draft.user_info = match &record.user_info {
        None => Map::new(),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| damaged(format!("its user info can't be read: {error}")))?,
    };
    for tag in record.tags {
        draft.tags.insert(snapshots::stored::<Tag>("tag", tag)?);
    }
    for artifact in record.artifacts {
        let content = match &artifact.blob {
            None => None,
            Some(row) => Some(blobs::read(conn, row).map_err(|error| match error {
                Error::Corrupt(damage) => damage.within(version, &artifact.name).into(),
                error => error,
            })?),
        };
        draft.artifacts.push(DraftArtifact {
            name: snapshots::stored("artifact name", artifact.name)?,
            media_type: artifact.media_type,
            status: snapshots::value(&ArtifactStatus::ALL, "artifact status", artifact.status)?,
            reason: artifact.reason,
            took: artifact.took.map(|took| Duration::from_micros(took.max(0) as u64)),
            content: content.map(Into::into),
            entries: artifact.entries.map(|entries| entries as u64),
        });
    }
    Ok(draft)
}

/// Versions by time, ties by insertion, each once.
pub(crate) fn in_order(conn: &Connection, versions: &[Version]) -> Result<Vec<Version>> {
    let mut ordered = BTreeMap::new();
    for version in versions {
        let id = snapshots::require(conn, version)?;
        ordered.insert((snapshots::created_of(conn, id)?, id), version.clone());
    }
    Ok(ordered.into_values().collect())
}

/// The manifest of a snapshot that is there, forgotten or not; nothing where none is.
pub(crate) fn manifest(conn: &Connection, version: &Version) -> Result<Option<Digest>> {
    let Some(id) = snapshots::id_of(conn, version)? else { return Ok(None) };
    Ok(snapshots::load(conn, &[id])?.pop().map(|record| snapshots::manifest(&record)))
}
