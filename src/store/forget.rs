//! Forgetting: a mark on a snapshot, and the way back.
//!
//! A forgotten snapshot keeps its rows and its content until it is purged; queries, tags and words
//! for versions don't come across it.

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::codec::digest::Fields;
use crate::error::{Error, Result, What};
use crate::model::id::{Tag, Version};
use crate::model::keep::Keep;
use crate::model::place::Place;
use crate::model::query::Query;
use crate::model::time::Time;
use crate::store::events::{Kind, Log};
use crate::store::sqlite::Doing;
use crate::store::{contexts, query, retention, snapshots, tags};

/// Who asked for it, as the log tells.
const BY_RETENTION: &str = "retention";

/// Marks a snapshot forgotten.
pub(crate) fn forget(conn: &Connection, log: &mut Log, now: Time, version: &Version) -> Result<()> {
    let id = snapshots::require(conn, version)?;
    let created = snapshots::created_of(conn, id)?;
    if tags::carries(conn, id, created, &Tag::pinned())? {
        return Err(Error::Pinned { version: version.clone() });
    }
    mark(conn, log, now, (id, version), None)
}

/// Takes the mark off again; one that is not forgotten stays as it is.
pub(crate) fn undelete(
    conn: &Connection,
    log: &mut Log,
    now: Time,
    version: &Version,
) -> Result<()> {
    let (id, forgotten) =
        snapshots::find(conn, version)?.ok_or_else(|| Error::not_found(What::Snapshot, version))?;
    if !forgotten {
        return Ok(());
    }
    conn.prepare_cached("UPDATE snapshot SET forgotten_us = NULL WHERE id = ?1")
        .and_then(|mut update| update.execute([id]))
        .doing("taking a forgotten snapshot back")?;
    log.append(conn, now, Kind::Undelete, Some(id), None, told(version.as_str()))
}

/// Forgets every snapshot that is not pinned; tells how many.
pub(crate) fn clear(conn: &Connection, log: &mut Log, now: Time) -> Result<u64> {
    let doing = "listing snapshots";
    let mut list = conn
        .prepare(
            "SELECT id, version FROM snapshot WHERE forgotten_us IS NULL AND NOT EXISTS (
               SELECT 1 FROM snapshot_tag JOIN tag ON tag.id = tag_id
               WHERE snapshot_id = snapshot.id AND tag.name = ?1) ORDER BY id",
        )
        .doing(doing)?;
    let rows = list
        .query_map([Tag::pinned().as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()
        .doing(doing)?;
    for (id, version) in &rows {
        mark(conn, log, now, (*id, &version.parse()?), None)?;
    }
    Ok(rows.len() as u64)
}

fn mark(
    conn: &Connection,
    log: &mut Log,
    now: Time,
    (id, version): (i64, &Version),
    by: Option<&str>,
) -> Result<()> {
    conn.prepare_cached("UPDATE snapshot SET forgotten_us = ?2 WHERE id = ?1")
        .and_then(|mut update| update.execute(params![id, now.micros()]))
        .doing("forgetting a snapshot")?;
    let detail: Option<Value> = by.map(|by| json!({ "by": by }));
    log.append(conn, now, Kind::Forget, Some(id), detail.as_ref(), told(version.as_str()))
}

/// The digest of an event that tells of a version alone.
pub(crate) fn told(version: &str) -> crate::codec::digest::Digest {
    Fields::new().text(version).digest()
}

/// A snapshot that is decided on.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) id: i64,
    pub(crate) version: Version,
    pub(crate) time: Time,
    pub(crate) tags: Vec<Tag>,
}

/// Forgets what the rules of a place don't keep there, the rules of the nearest place above it that
/// has some. To be called when a snapshot was stored there; tells whether it was forgotten itself.
pub(crate) fn apply(
    conn: &Connection,
    log: &mut Log,
    now: Time,
    place: i64,
    stored: i64,
) -> Result<bool> {
    let Some(keep) = retention::of(conn, place)? else { return Ok(false) };
    let candidates = match keep.only_last() {
        // The index gives what lies beyond without a look at what is kept.
        Some(count) => live_in(conn, place, count)?,
        None if keep.keeps_all() => return Ok(false),
        None => live_in(conn, place, 0)?,
    };
    let decided = match keep.only_last() {
        Some(_) => candidates.iter().map(|one| one.tags.iter().any(Tag::is_pinned)).collect(),
        None => kept(&keep, &candidates),
    };
    let mut itself = false;
    for (one, kept) in candidates.iter().zip(decided) {
        if !kept {
            itself |= one.id == stored;
            mark(conn, log, now, (one.id, &one.version), Some(BY_RETENTION))?;
        }
    }
    Ok(itself)
}

fn kept(keep: &Keep, candidates: &[Candidate]) -> Vec<bool> {
    let decided = keep.decide(candidates.iter().map(|one| (one.time, one.tags.as_slice())));
    decided.iter().map(|reasons| !reasons.is_empty()).collect()
}

/// What stands in a place, the newest first, after so many.
fn live_in(conn: &Connection, place: i64, after: u32) -> Result<Vec<Candidate>> {
    let doing = "looking for what is to be forgotten";
    let mut list = conn
        .prepare_cached(
            "SELECT id FROM snapshot WHERE place_id = ?1 AND forgotten_us IS NULL
             ORDER BY created_us DESC, id DESC LIMIT -1 OFFSET ?2",
        )
        .doing(doing)?;
    let ids = list
        .query_map(params![place, after], |row| row.get(0))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<i64>>>()
        .doing(doing)?;
    ids.into_iter().map(|id| candidate(conn, id).map(|(_, one)| one)).collect()
}

/// What stands in a place, the newest first, and the rules that hold there.
pub(crate) struct InPlace {
    pub(crate) place: Place,
    pub(crate) keep: Option<Keep>,
    pub(crate) found: Vec<Candidate>,
}

/// What a query finds, whatever its limit, place by place, the newest first in each.
pub(crate) fn candidates(conn: &Connection, query: &Query) -> Result<Vec<InPlace>> {
    let query = Query { limit: usize::MAX, oldest_first: false, ..query.clone() };
    let mut groups: Vec<(i64, Vec<Candidate>)> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for id in query::find_ids(conn, &query)? {
        let (place, one) = candidate(conn, id)?;
        let at = *known.entry(place).or_insert_with(|| {
            groups.push((place, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(one);
    }
    let mut named = groups
        .into_iter()
        .map(|(place, found)| {
            let keep = retention::of(conn, place)?;
            Ok(InPlace { place: contexts::place_of(conn, place)?, keep, found })
        })
        .collect::<Result<Vec<_>>>()?;
    named.sort_by(|a: &InPlace, b| a.place.cmp(&b.place));
    Ok(named)
}

fn candidate(conn: &Connection, id: i64) -> Result<(i64, Candidate)> {
    let (version, created, place): (String, i64, i64) = conn
        .prepare_cached("SELECT version, created_us, place_id FROM snapshot WHERE id = ?1")
        .and_then(|mut find| {
            find.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        })
        .doing("looking for what is to be forgotten")?;
    let one = Candidate {
        id,
        version: snapshots::stored("version", version)?,
        time: Time::from_micros(created)?,
        tags: tags::of(conn, id)?,
    };
    Ok((place, one))
}
