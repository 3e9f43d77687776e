//! Letting go: forgotten snapshots are purged, and content that nothing needs is deleted.
//!
//! Work grows with what is let go. Content is looked at when the last snapshot that held it is
//! purged, never otherwise. What deltas still need stays, is listed in the table `loose`, and is
//! freed by [making those deltas anew](rebase) on something else where that wins anything.
//!
//! **Invariant:** content that a snapshot holds, or that a delta needs, is not deleted. Foreign keys
//! see to that as well.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use crate::codec::digest::{Digest, Fields};
use crate::error::Result;
use crate::model::time::Time;
use crate::store::events::{Kind, Log};
use crate::store::sqlite::Doing;
use crate::store::{blobs, rebase, tags};

/// What was let go of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Freed {
    /// Snapshots that were purged.
    pub(crate) snapshots: u64,
    /// Contents that were deleted.
    pub(crate) blobs: u64,
    /// The bytes that they took in the file.
    pub(crate) bytes: u64,
}

impl Freed {
    /// Adds what else was let go of.
    pub(crate) fn add(&mut self, freed: Freed) {
        self.snapshots += freed.snapshots;
        self.blobs += freed.blobs;
        self.bytes += freed.bytes;
    }
}

/// The digest of an event that tells which snapshots were purged.
pub(crate) fn told<'v>(purged: impl IntoIterator<Item = (i64, &'v str)>) -> Digest {
    let mut fields = Fields::new();
    for (id, version) in purged {
        fields.number(id).text(version);
    }
    fields.digest()
}

/// How many snapshots were forgotten until then, and the bytes of content that they alone hold.
pub(crate) fn due(conn: &Connection, until: Time) -> Result<(u64, u64)> {
    conn.query_row(
        "WITH due AS (SELECT id FROM snapshot WHERE forgotten_us <= ?1),
              held AS (SELECT DISTINCT blob_id FROM artifact
                       WHERE snapshot_id IN (SELECT id FROM due) AND blob_id IS NOT NULL)
         SELECT (SELECT count(*) FROM due),
                (SELECT coalesce(sum(length(data)), 0) FROM blob
                  WHERE id IN (SELECT blob_id FROM held)
                    AND NOT EXISTS (SELECT 1 FROM artifact WHERE artifact.blob_id = blob.id
                                    AND snapshot_id NOT IN (SELECT id FROM due))
                    AND NOT EXISTS (SELECT 1 FROM piece WHERE piece_id = blob.id))",
        [until.micros()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .doing("counting what is to be purged")
}

/// Purges some of the snapshots that were forgotten until then, those forgotten first at first.
pub(crate) fn purge(
    conn: &Connection,
    log: &mut Log,
    now: Time,
    until: Time,
    limit: usize,
) -> Result<Freed> {
    let doing = "looking for what is to be purged";
    let mut list = conn
        .prepare_cached(
            "SELECT id, version, created_us, place_id, session_id FROM snapshot
             WHERE forgotten_us <= ?1 ORDER BY forgotten_us, id LIMIT ?2",
        )
        .doing(doing)?;
    let gone = list
        .query_map(params![until.micros(), limit as i64], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<(i64, String, i64, i64, Option<i64>)>>>()
        .doing(doing)?;
    if gone.is_empty() {
        return Ok(Freed::default());
    }
    let mut blobs = BTreeSet::new();
    let mut lanes = HashSet::new();
    let mut sessions = HashSet::new();
    for (id, _, created, place, session) in &gone {
        let doing = "purging a snapshot";
        tags::clear(conn, *id, *created)?;
        let mut held = conn
            .prepare_cached(
                "DELETE FROM artifact WHERE snapshot_id = ?1 RETURNING name_id, blob_id",
            )
            .doing(doing)?;
        let mut rows = held.query([id]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            if let Some(blob) = row.get::<_, Option<i64>>(1).doing(doing)? {
                blobs.insert(blob);
                lanes.insert((*place, row.get::<_, i64>(0).doing(doing)?, blob));
            }
        }
        conn.prepare_cached("DELETE FROM snapshot WHERE id = ?1")
            .and_then(|mut delete| delete.execute([id]))
            .doing(doing)?;
        sessions.extend(*session);
    }
    for session in sessions {
        conn.prepare_cached(
            "DELETE FROM session
             WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM snapshot WHERE session_id = ?1)",
        )
        .and_then(|mut delete| delete.execute([session]))
        .doing("purging a session")?;
    }
    for (place, name, blob) in lanes {
        move_lane(conn, place, name, blob)?;
    }
    let purged: Vec<(i64, &str)> =
        gone.iter().map(|(id, version, ..)| (*id, version.as_str())).collect();
    log.append(conn, now, Kind::Purge, None, Some(&json!({ "purged": purged })), told(purged))?;
    let mut freed = Freed { snapshots: gone.len() as u64, ..Freed::default() };
    // The newest first, so that a delta goes before its base is looked at.
    for blob in blobs.into_iter().rev() {
        release(conn, blob, &mut freed)?;
    }
    Ok(freed)
}

/// Lets a lane that ends with a content end with the newest that a snapshot of the place holds.
fn move_lane(conn: &Connection, place: i64, name: i64, blob: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE lane SET blob_id = coalesce(
           (SELECT artifact.blob_id FROM snapshot
            JOIN artifact ON snapshot_id = snapshot.id AND name_id = ?2
            WHERE place_id = ?1 AND forgotten_us IS NULL AND artifact.blob_id IS NOT NULL
            ORDER BY created_us DESC, snapshot.id DESC LIMIT 1), blob_id)
         WHERE place_id = ?1 AND name_id = ?2 AND blob_id = ?3
           AND NOT EXISTS (SELECT 1 FROM artifact WHERE artifact.blob_id = ?3)",
    )
    .and_then(|mut set| set.execute(params![place, name, blob]))
    .map(drop)
    .doing("finding where the next delta starts")
}

/// Deletes content that nothing holds, and then what it alone needed; lists it in `loose` where
/// deltas need it.
pub(crate) fn release(conn: &Connection, blob: i64, freed: &mut Freed) -> Result<()> {
    let doing = "letting go of content";
    let mut todo = vec![blob];
    while let Some(blob) = todo.pop() {
        let (held, leased, needed): (bool, bool, bool) = conn
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM artifact WHERE blob_id = ?1)
                     OR EXISTS (SELECT 1 FROM piece WHERE piece_id = ?1),
                   EXISTS (SELECT 1 FROM loose WHERE blob_id = ?1 AND until_us IS NOT NULL),
                   EXISTS (SELECT 1 FROM blob WHERE base_id = ?1)",
            )
            .and_then(|mut find| {
                find.query_row([blob], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            })
            .doing(doing)?;
        if held && !leased {
            conn.prepare_cached("DELETE FROM loose WHERE blob_id = ?1")
                .and_then(|mut delete| delete.execute([blob]))
                .doing(doing)?;
        }
        if held || leased {
            continue;
        }
        if needed {
            conn.prepare_cached(
                "INSERT INTO loose (blob_id, until_us, settled) VALUES (?1, NULL, 0)
                 ON CONFLICT DO UPDATE SET settled = 0",
            )
            .and_then(|mut keep| keep.execute([blob]))
            .doing(doing)?;
            continue;
        }
        let mut pieces = conn
            .prepare_cached("DELETE FROM piece WHERE blob_id = ?1 RETURNING piece_id")
            .doing(doing)?;
        let pieces = pieces
            .query_map([blob], |row| row.get(0))
            .doing(doing)?
            .collect::<rusqlite::Result<BTreeSet<i64>>>()
            .doing(doing)?;
        conn.prepare_cached("DELETE FROM loose WHERE blob_id = ?1")
            .and_then(|mut delete| delete.execute([blob]))
            .doing(doing)?;
        let gone: Option<(Option<i64>, u64)> = conn
            .prepare_cached("DELETE FROM blob WHERE id = ?1 RETURNING base_id, length(data)")
            .and_then(|mut delete| {
                delete.query_row([blob], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .doing(doing)?;
        if let Some((base, bytes)) = gone {
            freed.blobs += 1;
            freed.bytes += bytes;
            todo.extend(pieces);
            todo.extend(base);
        }
    }
    Ok(())
}

/// Lets go of content that was on its way in and whose time is over.
pub(crate) fn end_leases(conn: &Connection, now: Time, freed: &mut Freed) -> Result<()> {
    let doing = "looking for what did not come in";
    let mut list = conn
        .prepare_cached("UPDATE loose SET until_us = NULL WHERE until_us <= ?1 RETURNING blob_id")
        .doing(doing)?;
    let over = list
        .query_map([now.micros()], |row| row.get(0))
        .doing(doing)?
        .collect::<rusqlite::Result<BTreeSet<i64>>>()
        .doing(doing)?;
    over.into_iter().rev().try_for_each(|blob| release(conn, blob, freed))
}

/// The next contents before this one, the newest first, that are kept for their deltas alone and were
/// not looked at since that changed.
pub(crate) fn unsettled(conn: &Connection, before: i64, limit: usize) -> Result<Vec<i64>> {
    let doing = "looking for content that is kept for its deltas";
    let mut list = conn
        .prepare_cached(
            "SELECT blob_id FROM loose WHERE blob_id < ?1 AND until_us IS NULL AND settled = 0
             ORDER BY blob_id DESC LIMIT ?2",
        )
        .doing(doing)?;
    let rows = list.query_map(params![before, limit as i64], |row| row.get(0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

/// Puts deltas that were made anew in the place of those on a content that nothing else needs, and
/// deletes that. Tells whether it could: what the plan was made from may have changed since.
pub(crate) fn replace(conn: &Connection, plan: &rebase::Plan, freed: &mut Freed) -> Result<bool> {
    if !rebase::still_holds(conn, plan)? {
        return Ok(false);
    }
    if blobs::on(conn, plan.base)?.is_empty() {
        // Its deltas were moved elsewhere by others.
        release(conn, plan.base, freed)?;
        return Ok(true);
    }
    if !plan.wins() {
        conn.prepare_cached("UPDATE loose SET settled = 1 WHERE blob_id = ?1")
            .and_then(|mut settle| settle.execute([plan.base]))
            .doing("letting content be")?;
        return Ok(true);
    }
    let (before, after) = rebase::swap(conn, plan)?;
    freed.bytes += before.saturating_sub(after);
    let grown = after.saturating_sub(before);
    release(conn, plan.base, freed)?;
    freed.bytes = freed.bytes.saturating_sub(grown);
    Ok(true)
}

/// How much content is on its way in: how many, and the bytes that they take.
pub(crate) fn in_flight(conn: &Connection) -> Result<(u64, u64)> {
    conn.query_row(
        "SELECT count(*), coalesce(sum(length(data)), 0)
         FROM loose JOIN blob ON blob.id = blob_id WHERE until_us IS NOT NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .doing("counting content that is on its way in")
}

/// How much content is kept for its deltas alone: how many, and the bytes that they take.
pub(crate) fn kept_for_deltas(conn: &Connection) -> Result<(u64, u64)> {
    conn.query_row(
        "SELECT count(*), coalesce(sum(length(data)), 0)
         FROM loose JOIN blob ON blob.id = blob_id WHERE until_us IS NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .doing("counting content that is kept for its deltas")
}
