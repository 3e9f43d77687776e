//! Content in the file: found by hash, read through its chain, written once.
//!
//! **Invariant:** the key of a blob is the BLAKE3 hash of its content, and every read checks it.
//!
//! **Invariant:** what reading a blob costs is bounded when it is written: at most
//! [`DEPTH_MAX`](crate::codec::level::DEPTH_MAX) deltas, and at most [`CHAIN_BYTES_MAX`] bytes
//! decoded, unless the content alone is larger.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::codec::frame::{self, Codec, Effort, Form, Frame};
use crate::codec::level::{self, DEPTH_MAX};
use crate::error::{Corruption, Error, Result};
use crate::model::id::BlobHash;
use crate::store::sqlite::Doing;

/// The largest content that is given back as one, in bytes; larger content is read as a stream.
/// SQLite holds up to a billion bytes in a row.
pub const CONTENT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The most bytes that are decoded to read content that is kept as a delta.
pub const CHAIN_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The code of content that is in pieces: its own row has no data, and is no base of a delta.
pub(crate) const PIECES: i64 = 5;

/// A blob without its data.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) hash: BlobHash,
    pub(crate) codec: i64,
    pub(crate) bytes: u64,
    pub(crate) base: Option<i64>,
    pub(crate) depth: u32,
    pub(crate) position: u64,
    pub(crate) stored: u64,
}

impl Row {
    /// The form that its frame holds.
    pub(crate) fn form(&self) -> Form {
        codec(self.codec).map_or(Form::Restored, Codec::form)
    }
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        hash: BlobHash(row.get(1)?),
        codec: row.get(2)?,
        bytes: row.get(3)?,
        base: row.get(4)?,
        depth: row.get(5)?,
        position: row.get(6)?,
        stored: row.get(7)?,
    })
}

/// The blob of this hash, if it is here.
pub(crate) fn find(conn: &Connection, hash: &BlobHash) -> Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT id, hash, codec, bytes, base_id, depth, position, length(data)
         FROM blob WHERE substr(hash, 1, 6) = substr(?1, 1, 6) AND hash = ?1",
    )
    .and_then(|mut find| find.query_row([hash.0], row).optional())
    .doing("looking for content")
}

/// The blob of this number, if it is still here.
pub(crate) fn by_id(conn: &Connection, id: i64) -> Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT id, hash, codec, bytes, base_id, depth, position, length(data)
         FROM blob WHERE id = ?1",
    )
    .and_then(|mut find| find.query_row([id], row).optional())
    .doing("looking for content")
}

/// What a blob is a delta on, where it is one and that is still here.
pub(crate) fn base(conn: &Connection, row: &Row) -> Result<Option<Row>> {
    Ok(row.base.map(|base| by_id(conn, base)).transpose()?.flatten())
}

/// The numbers of blobs in their order, from `after` on, at most `limit`.
pub(crate) fn ids(conn: &Connection, after: i64, limit: usize) -> Result<Vec<i64>> {
    let doing = "listing content";
    let mut list = conn
        .prepare_cached("SELECT id FROM blob WHERE id > ?1 ORDER BY id LIMIT ?2")
        .doing(doing)?;
    let rows = list.query_map(params![after, limit as i64], |row| row.get(0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

/// The deltas on a base, in the order of their places.
pub(crate) fn on(conn: &Connection, base: i64) -> Result<Vec<Row>> {
    let doing = "looking for deltas";
    let mut list = conn
        .prepare_cached("SELECT id FROM blob WHERE base_id = ?1 ORDER BY position, id")
        .doing(doing)?;
    let ids = list
        .query_map([base], |row| row.get(0))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<i64>>>()
        .doing(doing)?;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.extend(by_id(conn, id)?);
    }
    Ok(rows)
}

/// What a row must still be when what was made of it takes effect.
pub(crate) fn seen(row: &Row) -> (i64, i64, Option<i64>, u32, u64) {
    (row.id, row.codec, row.base, row.depth, row.stored)
}

/// The frame of a blob.
pub(crate) fn data(conn: &Connection, row: &Row) -> Result<Vec<u8>> {
    conn.prepare_cached("SELECT data FROM blob WHERE id = ?1")
        .and_then(|mut find| find.query_row([row.id], |row| row.get(0)))
        .doing("reading content")
}

/// A piece of content in a chain of deltas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) hash: BlobHash,
    pub(crate) position: u64,
    pub(crate) depth: u32,
    /// The bytes that are decoded to read it, its own among them.
    pub(crate) chain_bytes: u64,
}

/// The chain of a blob, the content kept whole first, the blob itself last. Content in pieces has
/// none: nothing can be a delta on it.
pub(crate) fn chain(conn: &Connection, id: i64) -> Result<Vec<Link>> {
    let mut rows = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next {
        if rows.len() > DEPTH_MAX as usize {
            return Err(too_deep());
        }
        let Some(row) = by_id(conn, id)? else { return Err(no_base()) };
        if row.codec == PIECES {
            return Ok(Vec::new());
        }
        next = row.base;
        rows.push(row);
    }
    let mut chain_bytes = 0_u64;
    let link = |row: &Row| {
        chain_bytes = chain_bytes.saturating_add(row.bytes);
        Link { hash: row.hash, position: row.position, depth: row.depth, chain_bytes }
    };
    Ok(rows.iter().rev().map(link).collect())
}

/// Where the content that follows a chain goes: its position, and the link that it is a delta on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) base: Link,
    pub(crate) position: u64,
}

/// The slot for content of `bytes` bytes that follows this chain, unless it is to be kept whole.
pub(crate) fn slot_after(chain: &[Link], bytes: u64) -> Option<Slot> {
    let position = chain.last()?.position + 1;
    let base_position = level::base_position(position)?;
    // Where the beginning of the chain was let go of, the first that is left stands for it.
    let below = chain.iter().rev().find(|link| link.position <= base_position);
    let base = below.or(chain.first())?;
    fits(base, bytes).then_some(Slot { base: *base, position })
}

/// Whether a delta of `bytes` bytes on this base can be read within the bounds.
fn fits(base: &Link, bytes: u64) -> bool {
    base.depth < DEPTH_MAX && base.chain_bytes.saturating_add(bytes) <= CHAIN_BYTES_MAX
}

/// Whether a slot can be had on the base that is here: it may lie in another chain than it was
/// thought to, where the same content was stored from elsewhere.
fn still_fits(conn: &Connection, slot: &Slot, base: &Row, bytes: u64) -> Result<bool> {
    if (base.position, base.depth) == (slot.base.position, slot.base.depth) {
        return Ok(true);
    }
    let chain = chain(conn, base.id)?;
    Ok(base.position < slot.position && chain.last().is_some_and(|base| fits(base, bytes)))
}

/// Reads a blob's content through its chain and checks it.
pub(crate) fn read(conn: &Connection, row: &Row) -> Result<Vec<u8>> {
    read_on(conn, row, &|_| None)
}

/// Reads a blob's content and checks it, on the nearest base whose content is `at_hand`.
pub(crate) fn read_on(
    conn: &Connection,
    row: &Row,
    at_hand: &dyn Fn(i64) -> Option<Arc<[u8]>>,
) -> Result<Vec<u8>> {
    let content = decode(conn, row, at_hand, Form::Restored)?;
    if frame::hash(&content) != row.hash {
        return Err(Corruption::of_blob(row.hash, "does not match its hash").into());
    }
    Ok(content)
}

/// Decodes a blob to the form that its frame holds: a picture that is opened up stays so. That is
/// not compared with its hash.
pub(crate) fn decoded(conn: &Connection, row: &Row) -> Result<Vec<u8>> {
    decode(conn, row, &|_| None, row.form())
}

/// Decodes a blob through its chain.
fn decode(
    conn: &Connection,
    row: &Row,
    at_hand: &dyn Fn(i64) -> Option<Arc<[u8]>>,
    form: Form,
) -> Result<Vec<u8>> {
    let damaged = |detail: &str| Error::from(Corruption::of_blob(row.hash, detail));
    let mut steps: Vec<(Codec, usize, Vec<u8>)> = Vec::new();
    let mut base: Option<Arc<[u8]>> = None;
    let mut held = 0;
    let mut next = Some(row.id);
    while let Some(id) = next {
        // A frame is never larger than its content, so no chain that was written holds more.
        if steps.len() > DEPTH_MAX as usize || held > CONTENT_BYTES_MAX {
            return Err(damaged("lies deeper in deltas than any is written"));
        }
        let step = conn
            .prepare_cached("SELECT codec, bytes, data, base_id FROM blob WHERE id = ?1")
            .and_then(|mut find| {
                find.query_row([id], |row| {
                    Ok((
                        row.get(0)?,
                        row.get::<_, i64>(1)?,
                        row.get::<_, Vec<u8>>(2)?,
                        row.get::<_, Option<i64>>(3)?,
                    ))
                })
                .optional()
            })
            .doing("reading content")?
            .ok_or_else(|| damaged("lacks the content that it is a delta on"))?;
        let (code, bytes, data, below) = step;
        let bytes = usize::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes <= CONTENT_BYTES_MAX)
            .ok_or_else(|| damaged("or a base of it has an impossible length"))?;
        let codec = codec(code).ok_or_else(|| damaged("is coded in a way that is not known"))?;
        held += data.len();
        steps.push((codec, bytes, data));
        // What is at hand are contents, not opened forms.
        base = below.filter(|_| codec.base_form() == Some(Form::Restored)).and_then(at_hand);
        next = below.filter(|_| base.is_none());
    }
    let mut content: Option<Vec<u8>> = None;
    while let Some((codec, bytes, data)) = steps.pop() {
        let on = content.as_deref().or(base.as_deref());
        let wanted = match steps.last() {
            Some((next, ..)) => next.base_form().unwrap_or(codec.form()),
            None => form,
        };
        let decoded = frame::decode(codec, &data, on, bytes)
            .and_then(|decoded| match wanted {
                Form::Opened => Ok(decoded),
                Form::Restored => frame::restore(codec, decoded, bytes),
            })
            .map_err(|error| damaged(&error.to_string()))?;
        content = Some(decoded);
    }
    Ok(content.unwrap_or_default())
}

/// The codec of a code in the file.
pub(crate) fn codec(code: i64) -> Option<Codec> {
    usize::try_from(code).ok().and_then(|code| Codec::ALL.get(code)).copied()
}

/// The code of a codec in the file.
pub(crate) fn code(codec: Codec) -> i64 {
    // The order of `Codec::ALL` is the order of the codes.
    Codec::ALL.iter().position(|known| *known == codec).unwrap_or_default() as i64
}

/// Content with the frame that it is to be kept as, decoded again and found equal.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub(crate) frame: Frame,
    /// Where a delta goes; none is content kept whole, at position 0 of a new chain.
    pub(crate) slot: Option<Slot>,
}

/// Encodes content on a base, or whole where there is none or it does not help, and checks that
/// the frame decodes to the content.
pub(crate) fn encode(content: &[u8], base: Option<(Slot, Arc<[u8]>)>) -> Result<Encoded> {
    encode_with(Effort::Usual, content, base)
}

/// The same, with this effort.
pub(crate) fn encode_with(
    effort: Effort,
    content: &[u8],
    base: Option<(Slot, Arc<[u8]>)>,
) -> Result<Encoded> {
    let base_content = base.as_ref().map(|(_, content)| &**content);
    let frame = frame::encode_with(effort, content, base_content);
    if !frame.gives(content, base_content) {
        let hash = frame::hash(content);
        return Err(Corruption::of_blob(hash, "did not decode to what was encoded").into());
    }
    let slot = base.map(|(slot, _)| slot).filter(|_| frame.codec == Codec::Delta);
    Ok(Encoded { frame, slot })
}

/// Writes a blob and gives its row, or `None` where the base that the frame needs is not here as
/// it was.
pub(crate) fn insert(
    conn: &Connection,
    hash: &BlobHash,
    bytes: u64,
    encoded: &Encoded,
) -> Result<Option<Row>> {
    let base = match &encoded.slot {
        None => None,
        Some(slot) => match find(conn, &slot.base.hash)? {
            Some(base) if base.codec != PIECES && still_fits(conn, slot, &base, bytes)? => {
                Some(base)
            }
            _ => return Ok(None),
        },
    };
    let mut row = Row {
        id: 0,
        hash: *hash,
        codec: code(encoded.frame.codec),
        bytes,
        base: base.as_ref().map(|base| base.id),
        depth: base.as_ref().map_or(0, |base| base.depth + 1),
        position: encoded.slot.map_or(0, |slot| slot.position),
        stored: encoded.frame.data.len() as u64,
    };
    row.id = conn
        .prepare_cached(
            "INSERT INTO blob (hash, codec, bytes, base_id, depth, position, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .and_then(|mut insert| {
            insert.insert(params![
                hash.0,
                row.codec,
                bytes as i64,
                row.base,
                row.depth,
                row.position as i64,
                encoded.frame.data
            ])
        })
        .doing("writing content")?;
    Ok(Some(row))
}

/// Puts a frame, on this base, into the place of the one that a blob has.
pub(crate) fn set(
    conn: &Connection,
    row: &Row,
    frame: &Frame,
    base: Option<i64>,
    depth: u32,
) -> Result<()> {
    conn.prepare_cached(
        "UPDATE blob SET codec = ?2, base_id = ?3, depth = ?4, data = ?5 WHERE id = ?1",
    )
    .and_then(|mut update| {
        update.execute(params![row.id, code(frame.codec), base, depth, frame.data])
    })
    .doing("writing content anew")?;
    // What it lay on may be kept for nothing now.
    if let Some(old) = row.base.filter(|_| row.base != base) {
        conn.prepare_cached("UPDATE loose SET settled = 0 WHERE blob_id = ?1")
            .and_then(|mut unsettle| unsettle.execute([old]))
            .doing("writing content anew")?;
    }
    Ok(())
}

fn no_base() -> Error {
    Corruption::of_store("a blob lacks the content that it is a delta on").into()
}

fn too_deep() -> Error {
    Corruption::of_store("a blob lies deeper in deltas than any is written").into()
}
