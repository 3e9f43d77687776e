//! Taking a snapshot out of a store with everything that was said of it, for another store.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::Map;

use crate::codec::digest::Digest;
use crate::error::{Corruption, Error, Result, What};
use crate::model::artifact::{ArtifactStatus, DraftArtifact, Given};
use crate::model::id::{BlobHash, Tag, Version};
use crate::model::snapshot::{Draft, Status};
use crate::model::time::Time;
use crate::store::blobs::{self, PIECES};
use crate::store::snapshots::{self, Record};
use crate::store::sqlite::Doing;

/// A snapshot as it is to be stored elsewhere.
pub(crate) struct Copy {
    /// All that is said of it, and its content but what is large.
    pub(crate) draft: Draft,
    /// The artifacts, by their place in the draft, whose content is large: to be read as a stream.
    pub(crate) large: Vec<usize>,
}

/// A draft that says of a snapshot all that the store knows. Stored elsewhere under its own name it
/// has the same manifest; with no name, a new version is made.
pub(crate) fn copy(conn: &Connection, version: &Version, name: Option<&Version>) -> Result<Copy> {
    let id = snapshots::require(conn, version)?;
    let record = snapshots::load(conn, &[id])?.pop();
    let record = record.ok_or_else(|| Error::not_found(What::Snapshot, version))?;
    let mut copy = said(&record)?;
    copy.draft.version = name.cloned();
    for tag in &record.tags {
        copy.draft.tags.insert(snapshots::stored::<Tag>("tag", tag.clone())?);
    }
    for (at, artifact) in record.artifacts.iter().enumerate() {
        match &artifact.blob {
            None => {}
            Some(row) if row.codec == PIECES => copy.large.push(at),
            Some(row) => {
                let content = blobs::read(conn, row).map_err(|error| match error {
                    Error::Corrupt(damage) => damage.within(version, &artifact.name).into(),
                    error => error,
                })?;
                copy.draft.artifacts[at].content = Some(Given::Held(content.into()));
            }
        }
    }
    Ok(copy)
}

/// All that the rows of a snapshot say of it but its tags, and no content.
pub(crate) fn said(record: &Record) -> Result<Copy> {
    let version: Version = snapshots::stored("version", record.version.clone())?;
    let mut draft = Draft::new()
        .version(version.clone())
        .at(Time::from_micros(record.created)?)
        .context(record.context.clone())
        .status(snapshots::value(&Status::ALL, "status", record.status)?);
    draft.base_elsewhere = true;
    draft.based_on =
        record.based_on.clone().map(|base| snapshots::stored("version", base)).transpose()?;
    draft.description = record.description.clone();
    draft.user_info = match &record.user_info {
        None => Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            Corruption::of_snapshot(&version, format!("its user info can't be read: {error}"))
        })?,
    };
    for artifact in &record.artifacts {
        draft.artifacts.push(DraftArtifact {
            name: snapshots::stored("artifact name", artifact.name.clone())?,
            media_type: artifact.media_type.clone(),
            status: snapshots::value(&ArtifactStatus::ALL, "artifact status", artifact.status)?,
            reason: artifact.reason.clone(),
            took: artifact.took.map(|took| Duration::from_micros(took.max(0) as u64)),
            content: None,
            entries: artifact.entries.map(|entries| entries as u64),
        });
    }
    Ok(Copy { draft, large: Vec::new() })
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

/// The user info of a snapshot that is there, and whether it is forgotten; nothing where none is.
pub(crate) fn user_info(
    conn: &Connection,
    version: &Version,
) -> Result<Option<(Map<String, serde_json::Value>, bool)>> {
    let Some((id, forgotten)) = snapshots::find(conn, version)? else { return Ok(None) };
    let Some(record) = snapshots::load(conn, &[id])?.pop() else { return Ok(None) };
    Ok(Some((said(&record)?.draft.user_info, forgotten)))
}

/// The versions from one to another, in the order of text, forgotten ones too. Both are made, and of
/// one time.
pub(crate) fn versions_between(
    conn: &Connection,
    first: &Version,
    last: &Version,
) -> Result<Vec<Version>> {
    let doing = "looking for snapshots";
    let time = first.made_time().unwrap_or(Time::MIN).micros();
    let mut ask = conn
        .prepare_cached(
            "SELECT version FROM snapshot
             WHERE created_us = ?3 AND chosen = 0 AND version BETWEEN ?1 AND ?2
             UNION ALL
             SELECT version FROM snapshot WHERE chosen = 1 AND version BETWEEN ?1 AND ?2",
        )
        .doing(doing)?;
    let found = ask
        .query_map(params![first.as_str(), last.as_str(), time], |row| row.get(0))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>)
        .doing(doing)?;
    found.into_iter().map(|version| snapshots::stored("version", version)).collect()
}

/// Whether the content of this hash is there.
pub(crate) fn holds(conn: &Connection, hash: &BlobHash) -> Result<bool> {
    Ok(blobs::find(conn, hash)?.is_some())
}
