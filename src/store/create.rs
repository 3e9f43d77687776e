//! Writing a prepared snapshot: its rows, the content that is new, and the event that tells of it.

use std::sync::Arc;

use rusqlite::{Connection, params};
use serde_json::json;

use crate::error::{Corruption, Error, Result, What};
use crate::model::artifact::{ArtifactStatus, DraftArtifact};
use crate::model::id::{BlobHash, Version};
use crate::model::snapshot::{Kept, Receipt, Status};
use crate::model::time::Time;
use crate::store::blobs::{self, Row};
use crate::store::events::{Kind, Log};
use crate::store::lanes::Lanes;
use crate::store::prepare::{self, Prepared, PreparedContent};
use crate::store::snapshots::{self, ArtifactRecord, Record};
use crate::store::sqlite::Doing;
use crate::store::{contexts, forget, pieces, stage, tags};

/// Writes a prepared snapshot, its artifacts and tags, and the event that tells of it.
pub(crate) fn create(
    conn: &Connection,
    lanes: &Lanes,
    log: &mut Log,
    now: Time,
    prepared: &Prepared,
) -> Result<Receipt> {
    let draft = &prepared.draft;
    let version = free_version(conn, prepared)?;
    let id = log.next_seq();
    let mut receipt = Receipt { version: version.clone(), artifacts: Vec::new(), forgotten: false };
    let place = contexts::intern_place(conn, &draft.context)?;
    let session = contexts::intern_session(conn, &draft.context)?;
    let based_on = match draft.based_on_latest {
        true => snapshots::newest_in_place(conn, place)?,
        false => draft.based_on.clone(),
    };
    let mut record = Record {
        id,
        version: version.to_string(),
        chosen: snapshots::is_chosen(&version, prepared.time.micros()),
        created: prepared.time.micros(),
        context: draft.context.clone(),
        status: snapshots::code(&Status::ALL, draft.status.unwrap_or(Status::Complete)),
        forgotten: None,
        based_on: based_on.as_ref().map(Version::to_string),
        description: draft.description.clone(),
        user_info: Some(&draft.user_info)
            .filter(|info| !info.is_empty())
            .map(|info| json!(info).to_string()),
        tags: Vec::new(),
        artifacts: Vec::new(),
    };
    conn.prepare_cached(
        "INSERT INTO snapshot (id, version, created_us, place_id, session_id, status, based_on,
                               description, user_info, chosen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            id,
            record.version,
            record.created,
            place,
            session,
            record.status,
            record.based_on,
            record.description,
            record.user_info,
            record.chosen
        ])
    })
    .doing("writing a snapshot")?;

    let mut contents = prepared.contents.iter();
    for artifact in &draft.artifacts {
        let name = contexts::intern_name(conn, artifact.name.as_str())?;
        let media = contexts::intern_name(conn, &artifact.media_type)?;
        let blob = match artifact.content.as_ref().and_then(|_| contents.next()) {
            None => None,
            Some(content) => {
                let (blob, base, new) = keep(conn, lanes, prepared, artifact, content)?;
                if new {
                    set_lane(conn, place, name, blob.id)?;
                }
                receipt.artifacts.push(Kept {
                    name: artifact.name.clone(),
                    hash: blob.hash,
                    bytes: blob.bytes,
                    stored: blob.stored,
                    base,
                    deduplicated: !new,
                });
                Some(blob)
            }
        };
        let status = snapshots::code(&ArtifactStatus::ALL, artifact.status);
        let entries = artifact.entries.map(|entries| entries as i64);
        let took = artifact.took.map(|took| i64::try_from(took.as_micros()).unwrap_or(i64::MAX));
        conn.prepare_cached(
            "INSERT INTO artifact (snapshot_id, name_id, media_id, blob_id, status, entries,
                                   took_us, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                id,
                name,
                media,
                blob.as_ref().map(|blob| blob.id),
                status,
                entries,
                took,
                artifact.reason
            ])
        })
        .doing("writing an artifact")?;
        record.artifacts.push(ArtifactRecord {
            name: artifact.name.to_string(),
            media_type: artifact.media_type.clone(),
            status,
            entries,
            took,
            reason: artifact.reason.clone(),
            blob,
            base: None,
            pieces: 0,
        });
    }
    for tag in &draft.tags {
        tags::put(conn, id, record.created, tag)?;
    }
    let detail =
        Some(&draft.tags).filter(|tags| !tags.is_empty()).map(|tags| json!({"tags": tags}));
    log.append(conn, now, Kind::Create, None, detail.as_ref(), snapshots::manifest(&record))?;
    receipt.forgotten = forget::apply(conn, log, now, place, id)?;
    Ok(receipt)
}

/// Finds or writes the blob of an artifact; tells its base and whether it is new.
///
/// What was prepared is used where it still fits. Where its base is gone, or lies deeper than it
/// did, the content is encoded anew on what is here now.
fn keep(
    conn: &Connection,
    lanes: &Lanes,
    prepared: &Prepared,
    artifact: &DraftArtifact,
    content: &PreparedContent,
) -> Result<(Row, Option<BlobHash>, bool)> {
    if let Some(mut row) = blobs::find(conn, &content.hash)? {
        let base = base_hash(conn, &row)?;
        row.stored = pieces::stored(conn, &row)?;
        let was_loose = pieces::hold(conn, &row)?;
        return Ok((row, base, was_loose && content.content.is_none()));
    }
    let bytes = content.bytes;
    let Some(held) = &content.content else {
        return Err(stage::gone(&artifact.name, &content.hash));
    };
    if let Some(encoded) = &content.encoded
        && let Some(row) = blobs::insert(conn, &content.hash, bytes, encoded)?
    {
        lanes.keep(content.hash, held.clone());
        return Ok((row, encoded.slot.map(|slot| slot.base.hash), true));
    }
    lanes.forget(&content.lane);
    let chain = match prepare::chain_for(conn, &prepared.draft, artifact) {
        // The version that it is based on was there when it was made ready. What was accepted then
        // is stored, whatever was forgotten since.
        Err(Error::NotFound { what: What::Snapshot, .. }) => Arc::new([]),
        chain => chain?,
    };
    let again = PreparedContent {
        chain,
        encoded: None,
        hash: content.hash,
        bytes,
        content: content.content.clone(),
        lane: content.lane.clone(),
    };
    let encoded = blobs::encode(held, prepare::base_for(conn, lanes, &again)?.here())?;
    if let Some(row) = blobs::insert(conn, &content.hash, bytes, &encoded)? {
        return Ok((row, encoded.slot.map(|slot| slot.base.hash), true));
    }
    let whole = blobs::encode(held, None)?;
    let row = blobs::insert(conn, &content.hash, bytes, &whole)?;
    let row = row.ok_or_else(|| Corruption::of_blob(content.hash, "is whole, yet lacks a base"))?;
    Ok((row, None, true))
}

/// The version of a prepared snapshot, made anew where a made one was taken meanwhile.
fn free_version(conn: &Connection, prepared: &Prepared) -> Result<Version> {
    let mut version = prepared.version.clone();
    let mut salt: u32 = 0;
    while snapshots::id_of(conn, &version)?.is_some() {
        if !prepared.made {
            return Err(Error::VersionExists { version });
        }
        version = Version::made_at(prepared.time, salt);
        salt += 1;
    }
    Ok(version)
}

fn base_hash(conn: &Connection, row: &Row) -> Result<Option<BlobHash>> {
    Ok(blobs::base(conn, row)?.map(|base| base.hash))
}

fn set_lane(conn: &Connection, place: i64, name: i64, blob: i64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO lane (place_id, name_id, blob_id) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET blob_id = excluded.blob_id",
    )
    .and_then(|mut set| set.execute(params![place, name, blob]))
    .map(drop)
    .doing("writing where the next delta starts")
}
