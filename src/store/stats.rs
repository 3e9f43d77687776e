//! Counts and sizes.

use rusqlite::Connection;
use serde::Serialize;

use crate::error::Result;
use crate::model::time::Time;
use crate::store::blobs::PIECES;
use crate::store::gc;
use crate::store::sqlite::Doing;

/// What a store holds, and what that costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Snapshots that are not forgotten.
    pub snapshots: u64,
    /// Artifacts of them that have content.
    pub artifacts: u64,
    /// Places that these snapshots belong to.
    pub places: u64,
    /// Contents, each counted once; the pieces of large ones too.
    pub blobs: u64,
    /// How many of them are pieces of large ones.
    pub pieces: u64,
    /// How many of them are kept as deltas.
    pub deltas: u64,
    /// The most deltas that are applied to read one content.
    pub max_depth: u32,
    /// Bytes of the content of all artifacts, as given.
    pub bytes: u64,
    /// Bytes of all contents, each counted once, as are the pieces of large ones.
    pub unique_bytes: u64,
    /// Bytes that the contents take in the file.
    pub stored: u64,
    /// Bytes of the file, with everything known about the snapshots.
    pub file_bytes: u64,
    /// Snapshots that are forgotten and not purged yet.
    pub forgotten: u64,
    /// The bytes that content takes in the file which they alone hold. Deltas that lie on it may keep
    /// a part of it.
    pub forgotten_bytes: u64,
    /// Contents that no snapshot holds, kept for the deltas on them.
    pub kept_for_deltas: u64,
    /// The bytes that these take in the file.
    pub kept_for_deltas_bytes: u64,
    /// Contents that are on their way in, held by no snapshot yet.
    pub in_flight: u64,
    /// The bytes that these take in the file.
    pub in_flight_bytes: u64,
    /// Rows of the log.
    pub events: u64,
    /// The schema of the file.
    pub schema: i64,
}

pub(crate) fn stats(conn: &Connection) -> Result<Stats> {
    let (forgotten, forgotten_bytes) = gc::due(conn, Time::MAX)?;
    let (kept_for_deltas, kept_for_deltas_bytes) = gc::kept_for_deltas(conn)?;
    let (in_flight, in_flight_bytes) = gc::in_flight(conn)?;
    conn.query_row(
        "SELECT
           (SELECT count(*) FROM snapshot WHERE forgotten_us IS NULL),
           (SELECT count(*) FROM place WHERE level = 4 AND EXISTS (
              SELECT 1 FROM snapshot WHERE place_id = place.id AND forgotten_us IS NULL)),
           (SELECT count(*) FROM blob),
           (SELECT count(*) FROM blob WHERE base_id IS NOT NULL),
           (SELECT coalesce(max(depth), 0) FROM blob),
           (SELECT coalesce(sum(bytes), 0) FROM blob WHERE codec <> ?1),
           (SELECT coalesce(sum(length(data)), 0) FROM blob),
           (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size),
           (SELECT head_seq FROM store),
           (SELECT user_version FROM pragma_user_version),
           (SELECT count(*) FROM artifact JOIN snapshot ON snapshot.id = snapshot_id
             WHERE blob_id IS NOT NULL AND forgotten_us IS NULL),
           (SELECT coalesce(sum(bytes), 0) FROM artifact
             JOIN snapshot ON snapshot.id = snapshot_id JOIN blob ON blob.id = blob_id
             WHERE forgotten_us IS NULL),
           (SELECT count(DISTINCT piece_id) FROM piece)",
        [PIECES],
        |row| {
            Ok(Stats {
                snapshots: row.get(0)?,
                places: row.get(1)?,
                blobs: row.get(2)?,
                deltas: row.get(3)?,
                max_depth: row.get(4)?,
                unique_bytes: row.get(5)?,
                stored: row.get(6)?,
                file_bytes: row.get(7)?,
                forgotten,
                forgotten_bytes,
                kept_for_deltas,
                kept_for_deltas_bytes,
                in_flight,
                in_flight_bytes,
                events: row.get(8)?,
                schema: row.get(9)?,
                artifacts: row.get(10)?,
                bytes: row.get(11)?,
                pieces: row.get(12)?,
            })
        },
    )
    .doing("counting what the store holds")
}

/// The bytes of the file, once its log is moved into it.
pub(crate) fn file_bytes(conn: &Connection) -> Result<u64> {
    conn.query_row(
        "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)",
        [],
        |row| row.get(0),
    )
    .doing("measuring the file")
}
