//! Large content: a row without data, and pieces that, one after another, are it.
//!
//! Each piece is a content like any other: kept once whatever holds it, whole or as a delta. The
//! row of the large content names it by the hash of all of it, and no delta is made on that row.
//!
//! What is on its way in is held by no snapshot yet. A row of `loose` says until when it is to be
//! left alone; it may be of content that something holds as well, so that this is not removed from
//! under a stream that has come across it.
//!
//! **Invariant:** large content is read and checked in memory that a piece and its chain take.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use crate::codec::frame::Hasher;
use crate::error::{Corruption, Error, Result, What};
use crate::model::id::BlobHash;
use crate::model::time::Time;
use crate::store::blobs::{self, CONTENT_BYTES_MAX, PIECES, Row};
use crate::store::sqlite::Doing;

/// Reads content part by part: small content is one, and of large content each piece is one.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    row: Row,
    /// How many parts were read, and the bytes of them.
    number: i64,
    at: u64,
    /// Of what was read of content in pieces.
    hasher: Hasher,
}

impl Parts {
    /// The parts of a content, from the first.
    pub(crate) fn of(row: Row) -> Self {
        Parts { row, number: 0, at: 0, hasher: Hasher::new() }
    }

    /// The row of the content.
    pub(crate) fn row(&self) -> &Row {
        &self.row
    }

    /// Reads the next part and checks it, on bases that are `at_hand` where there are some; none
    /// at the end. The last part is given only where all parts together have the content's hash.
    ///
    /// Each part may be read in another view. Content that was purged and stored again meanwhile
    /// is found again by its hash; where it is gone, that is `NotFound`.
    pub(crate) fn next(
        &mut self,
        conn: &Connection,
        at_hand: &dyn Fn(i64) -> Option<Arc<[u8]>>,
    ) -> Result<Option<Vec<u8>>> {
        if self.at == self.row.bytes && self.number > 0 {
            return Ok(None);
        }
        if blobs::by_id(conn, self.row.id)?.is_none() {
            self.find_again(conn)?;
        }
        if self.row.codec != PIECES {
            let content = blobs::read_on(conn, &self.row, at_hand)?;
            (self.number, self.at) = (1, self.row.bytes);
            return Ok(Some(content));
        }
        let damaged = |detail: &str| Error::from(Corruption::of_blob(self.row.hash, detail));
        let piece = at(conn, self.row.id, self.number)?;
        let piece = piece.ok_or_else(|| damaged("lacks a piece"))?;
        let content = blobs::read_on(conn, &piece, at_hand)?;
        let end = self.at + content.len() as u64;
        if end > self.row.bytes {
            return Err(damaged("has pieces of another length"));
        }
        let mut hasher = self.hasher.clone();
        hasher.update(&content);
        if end == self.row.bytes && hasher.hash() != self.row.hash {
            return Err(damaged("does not match its hash"));
        }
        (self.number, self.at, self.hasher) = (self.number + 1, end, hasher);
        Ok(Some(content))
    }

    /// Finds content that is no longer where it was, at the place up to which it was read.
    fn find_again(&mut self, conn: &Connection) -> Result<()> {
        let gone = || {
            let name = format!("with content {}: it was purged meanwhile", self.row.hash.short());
            Error::not_found(What::Artifact, name)
        };
        let row = blobs::find(conn, &self.row.hash)?;
        let row = row.filter(|row| row.codec == self.row.codec).ok_or_else(gone)?;
        if self.at > 0 {
            self.number = conn
                .prepare_cached(
                    "SELECT number FROM (
                       SELECT number, sum(bytes) OVER (ORDER BY number) - bytes AS start
                       FROM piece JOIN blob ON id = piece_id WHERE blob_id = ?1)
                     WHERE start = ?2",
                )
                .and_then(|mut find| {
                    find.query_row(params![row.id, self.at as i64], |row| row.get(0)).optional()
                })
                .doing("looking for a piece")?
                .ok_or_else(gone)?;
        }
        self.row = row;
        Ok(())
    }
}

/// Reads a content as one, and checks it. `what` it is, for the error where it is too large.
pub(crate) fn read(conn: &Connection, row: &Row, what: &dyn Fn() -> String) -> Result<Vec<u8>> {
    if row.codec != PIECES {
        return blobs::read(conn, row);
    }
    let bytes = usize::try_from(row.bytes).ok().filter(|bytes| *bytes <= CONTENT_BYTES_MAX);
    let too_large = || Error::TooLarge {
        what: format!("{}, given as one rather than read as a stream,", what()),
        bytes: row.bytes,
        limit: CONTENT_BYTES_MAX as u64,
    };
    let bytes = bytes.ok_or_else(too_large)?;
    let mut content = Vec::new();
    content.try_reserve_exact(bytes).map_err(|_| too_large())?;
    let mut parts = Parts::of(row.clone());
    while let Some(part) = parts.next(conn, &|_| None)? {
        content.extend_from_slice(&part);
    }
    Ok(content)
}

/// A piece of a large content, by its number.
pub(crate) fn at(conn: &Connection, whole: i64, number: i64) -> Result<Option<Row>> {
    let piece: Option<i64> = conn
        .prepare_cached("SELECT piece_id FROM piece WHERE blob_id = ?1 AND number = ?2")
        .and_then(|mut find| find.query_row([whole, number], |row| row.get(0)).optional())
        .doing("looking for a piece")?;
    piece.map_or(Ok(None), |piece| blobs::by_id(conn, piece))
}

/// The number that a content has as a piece of a large one: the first from `from` on, else the
/// last before that.
pub(crate) fn number_of(
    conn: &Connection,
    whole: i64,
    piece: i64,
    from: i64,
) -> Result<Option<i64>> {
    conn.prepare_cached(
        "SELECT coalesce(
           (SELECT min(number) FROM piece WHERE piece_id = ?2 AND blob_id = ?1 AND number >= ?3),
           (SELECT max(number) FROM piece WHERE piece_id = ?2 AND blob_id = ?1))",
    )
    .and_then(|mut find| find.query_row([whole, piece, from], |row| row.get(0)))
    .doing("looking for a piece")
}

/// Writes the row of a large content whose pieces are there; gives its number, or `None` where one
/// of the pieces is not.
pub(crate) fn insert(
    conn: &Connection,
    hash: &BlobHash,
    bytes: u64,
    pieces: &[i64],
) -> Result<Option<i64>> {
    let doing = "writing content in pieces";
    let list = json!(pieces).to_string();
    let here: usize = conn
        .prepare_cached(
            "SELECT count(*) FROM json_each(?1) AS list JOIN blob ON blob.id = list.value",
        )
        .and_then(|mut count| count.query_row([&list], |row| row.get(0)))
        .doing(doing)?;
    if here != pieces.len() {
        return Ok(None);
    }
    let whole = conn
        .prepare_cached(
            "INSERT INTO blob (hash, codec, bytes, base_id, depth, position, data)
             VALUES (?1, ?2, ?3, NULL, 0, 0, x'')",
        )
        .and_then(|mut insert| insert.insert(params![hash.0, PIECES, bytes as i64]))
        .doing(doing)?;
    conn.prepare_cached(
        "INSERT INTO piece (blob_id, number, piece_id) SELECT ?1, key, value FROM json_each(?2)",
    )
    .and_then(|mut insert| insert.execute(params![whole, list]))
    .doing(doing)?;
    Ok(Some(whole))
}

/// The bytes that a content takes in the file; those of its pieces where it has some.
pub(crate) fn stored(conn: &Connection, row: &Row) -> Result<u64> {
    if row.codec != PIECES {
        return Ok(row.stored);
    }
    conn.prepare_cached(
        "SELECT coalesce(sum(length(data)), 0) FROM piece JOIN blob ON id = piece_id
         WHERE blob_id = ?1",
    )
    .and_then(|mut sum| sum.query_row([row.id], |row| row.get(0)))
    .doing("counting pieces")
}

/// Says of content on its way in that it is to be left alone until then.
pub(crate) fn lease(conn: &Connection, blob: i64, until: Time) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO loose (blob_id, until_us, settled) VALUES (?1, ?2, 0)
         ON CONFLICT (blob_id) DO UPDATE SET until_us = max(coalesce(until_us, 0), ?2)",
    )
    .and_then(|mut lease| lease.execute(params![blob, until.micros()]))
    .map(drop)
    .doing("holding what is on its way in")
}

/// Says so of many again, whatever was said before.
pub(crate) fn renew(conn: &Connection, blobs: &[i64], until: Time) -> Result<()> {
    conn.prepare_cached(
        "UPDATE loose SET until_us = ?2
         WHERE blob_id IN (SELECT value FROM json_each(?1)) AND until_us < ?2",
    )
    .and_then(|mut renew| renew.execute(params![json!(blobs).to_string(), until.micros()]))
    .map(drop)
    .doing("holding what is on its way in")
}

/// Makes content that was found again, and its pieces, content that something holds. Tells whether
/// nothing was known to hold it before.
pub(crate) fn hold(conn: &Connection, row: &Row) -> Result<bool> {
    let doing = "holding content that was found again";
    let was_loose = conn
        .prepare_cached("DELETE FROM loose WHERE blob_id = ?1")
        .and_then(|mut delete| delete.execute([row.id]))
        .doing(doing)?;
    if row.codec == PIECES {
        conn.prepare_cached(
            "DELETE FROM loose WHERE blob_id IN (SELECT piece_id FROM piece WHERE blob_id = ?1)",
        )
        .and_then(|mut delete| delete.execute([row.id]))
        .doing(doing)?;
    }
    Ok(was_loose > 0)
}

/// Lets SQLite give back the memory of pages that were written before.
pub(crate) fn shrink(conn: &Connection) -> Result<()> {
    conn.execute_batch("PRAGMA shrink_memory").doing("writing content in pieces")
}

/// The contents whose rows don't fit their pieces.
pub(crate) fn odd(conn: &Connection) -> Result<Vec<i64>> {
    let doing = "checking pieces";
    let mut list = conn
        .prepare(
            "SELECT blob.id FROM blob
             LEFT JOIN (SELECT blob_id, count(*) AS pieces, max(number) + 1 AS numbers,
                               sum(part.bytes) AS bytes, max(part.codec = ?1) AS nested
                        FROM piece JOIN blob AS part ON part.id = piece_id GROUP BY blob_id) AS cut
             ON cut.blob_id = blob.id
             WHERE (blob.codec = ?1) <> (cut.blob_id IS NOT NULL)
                OR blob.codec = ?1
                   AND (length(blob.data) > 0 OR cut.pieces <> cut.numbers
                        OR cut.bytes <> blob.bytes OR cut.nested)
             UNION
             SELECT blob.id FROM blob JOIN blob AS base ON base.id = blob.base_id
             WHERE base.codec = ?1",
        )
        .doing(doing)?;
    let rows = list.query_map([PIECES], |row| row.get(0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}
