//! Keeping what is cold in less: stronger compression, chains laid anew, pictures opened up.
//!
//! A chain as it grows has each content as a delta on an earlier one. Once it stands still, half of
//! the deltas can point the other way, and each is on its nearest neighbour: a *span* of 64 has an
//! *anchor* in its middle; what comes after the anchor is a delta on the one before, what comes
//! before it a delta on the one after. Anchors are deltas on the anchor before, each eighth on the
//! one eight before. So the steps are as short as in a plain chain, and reading takes no more of
//! them than in a chain as it grows.
//!
//! ```text
//! 0 … 31 ← 32 → 33 … 63 | 64 … 95 ← 96 → 97 … 127 | 128 …
//!           └──────────────────────┘
//! ```
//!
//! The end of a chain, less than a span, stays as it grew, so that it can grow on.
//!
//! Frames are made with no lock held. A chain is changed in one transaction, which looks whether it
//! is still what it was.
//!
//! **Invariant:** each new frame was decoded again, on its new base, before it is written.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use crate::codec::frame::{self, Codec, Form, Frame};
use crate::codec::level::DEPTH_MAX;
use crate::codec::png;
use crate::error::{Corruption, Error, Result};
use crate::store::blobs::{self, CHAIN_BYTES_MAX, Row};
use crate::store::sqlite::Doing;

/// Contents of a span. Twice as many win three percent more and take half as long again to read.
const SPAN: usize = 64;
/// Anchors between two that are far apart.
const ANCHORS: usize = 8;
/// The most contents of a chain that is laid anew in one transaction, and the most bytes of frames.
const CHAIN_MAX: usize = 20_000;
const FRAME_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most bytes of content of a span, which is held in memory.
const SPAN_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The most bytes that are decoded to read a picture that is kept opened up: some 0.1 s.
const OPENED_CHAIN_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A chain of deltas with everything that lies on it.
#[derive(Debug)]
pub(crate) struct Chain {
    /// One content for each position, in their order.
    line: Vec<Row>,
    /// What else lies on these, each after what it is a delta on.
    branches: Vec<Row>,
}

/// The roots of chains after this one: contents that are whole, and have deltas on them.
pub(crate) fn roots(conn: &Connection, after: i64, limit: usize) -> Result<Vec<i64>> {
    let doing = "looking for chains";
    let mut list = conn
        .prepare_cached(
            "SELECT id FROM blob WHERE id > ?1 AND base_id IS NULL AND codec IN (0, 1)
               AND EXISTS (SELECT 1 FROM blob AS delta WHERE delta.base_id = blob.id)
             ORDER BY id LIMIT ?2",
        )
        .doing(doing)?;
    let rows = list.query_map(params![after, limit as i64], |row| row.get(0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

/// All that lies on a root, each after what it is a delta on.
fn tree(conn: &Connection, root: i64) -> Result<Option<Vec<Row>>> {
    let Some(root) = blobs::by_id(conn, root)? else { return Ok(None) };
    let mut rows = vec![root];
    let mut at = 0;
    while at < rows.len() {
        if rows.len() > CHAIN_MAX {
            return Ok(None);
        }
        rows.extend(blobs::on(conn, rows[at].id)?);
        at += 1;
    }
    Ok(Some(rows))
}

/// Reads a chain, where it is one that can be laid anew.
pub(crate) fn chain(conn: &Connection, root: i64) -> Result<Option<Chain>> {
    let Some(rows) = tree(conn, root)? else { return Ok(None) };
    let pictures = |row: &Row| {
        !matches!(blobs::codec(row.codec), Some(Codec::Zstd | Codec::Delta | Codec::Raw))
    };
    if rows.iter().any(pictures) {
        return Ok(None);
    }
    // Of several at one position that which came first is in the line.
    let mut first: BTreeMap<u64, i64> = BTreeMap::new();
    for row in &rows {
        let id = first.entry(row.position).or_insert(row.id);
        *id = row.id.min(*id);
    }
    let in_line = |row: &Row| first.get(&row.position) == Some(&row.id);
    let (mut line, branches): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(in_line);
    line.sort_by_key(|row| row.position);
    let spans = line.len() / SPAN;
    let bytes: u64 = line.iter().chain(&branches).map(|row| row.stored).sum();
    let largest = line.iter().map(|row| row.bytes).max().unwrap_or(0);
    let too_large = bytes > FRAME_BYTES_MAX || largest * SPAN as u64 > SPAN_BYTES_MAX;
    if spans == 0 || too_large || is_laid(&line, spans) {
        return Ok(None);
    }
    Ok(Some(Chain { line, branches }))
}

/// Whether all spans of a chain are laid as they would be.
fn is_laid(line: &[Row], spans: usize) -> bool {
    (0..spans).all(|span| line[span * SPAN].base == Some(line[span * SPAN + 1].id))
}

/// The place in the line of what the content at this place is to be a delta on.
fn base_at(at: usize, spans: usize) -> Option<usize> {
    let (span, anchor) = (at / SPAN, |span: usize| span * SPAN + SPAN / 2);
    if span >= spans {
        // As it grows: steps of one, each 24th from where that began.
        let (first, steps) = (spans * SPAN, at - spans * SPAN);
        return Some(match steps {
            0 => anchor(spans - 1),
            _ if steps.is_multiple_of(24) => first + steps - 24,
            _ => at - 1,
        });
    }
    match at.cmp(&anchor(span)) {
        std::cmp::Ordering::Less => Some(at + 1),
        std::cmp::Ordering::Greater => Some(at - 1),
        std::cmp::Ordering::Equal if span == 0 => None,
        std::cmp::Ordering::Equal if span.is_multiple_of(ANCHORS) => Some(anchor(span - ANCHORS)),
        std::cmp::Ordering::Equal => Some(anchor(span - 1)),
    }
}

/// A chain laid anew: for each content of the line its frame, and the place of its base.
pub(crate) struct Laid {
    chain: Chain,
    frames: Vec<(Frame, Option<usize>)>,
    depths: HashMap<i64, u32>,
}

impl Chain {
    /// How many contents are in its line.
    pub(crate) fn len(&self) -> usize {
        self.line.len()
    }

    /// Lays the chain anew; nothing where that does not make it smaller or reading would go beyond
    /// its limits. `read` gives contents by their rows; `step` is told of each content.
    pub(crate) fn lay(
        self,
        read: &dyn Fn(&Row) -> Result<Vec<u8>>,
        step: &mut dyn FnMut(),
    ) -> Result<Option<Laid>> {
        let spans = self.line.len() / SPAN;
        let mut frames: Vec<(Frame, Option<usize>)> = Vec::with_capacity(self.line.len());
        let mut anchors: HashMap<usize, Vec<u8>> = HashMap::new();
        for first in (0..self.line.len()).step_by(SPAN) {
            let end = (first + SPAN).min(self.line.len());
            let contents: Vec<Vec<u8>> =
                self.line[first..end].iter().map(read).collect::<Result<_>>()?;
            let made = in_parallel(end - first, &|at| {
                let at = first + at;
                let base = base_at(at, spans);
                let on = base.and_then(|base| match contents.get(base.wrapping_sub(first)) {
                    Some(content) => Some(content.as_slice()),
                    None => anchors.get(&base).map(Vec::as_slice),
                });
                let content = &contents[at - first];
                let frame = frame::encode_cold(content, on);
                match frame.gives(content, on) {
                    true => Ok((frame, base)),
                    false => Err(Error::from(Corruption::of_blob(
                        self.line[at].hash,
                        "did not decode to what was encoded",
                    ))),
                }
            });
            for one in made {
                let (frame, base) = one?;
                let base = base.filter(|_| frame.codec == Codec::Delta);
                frames.push((frame, base));
                step();
            }
            // What later anchors and the end are deltas on.
            let anchor = first + SPAN / 2;
            if end - first == SPAN {
                anchors.insert(anchor, contents[SPAN / 2].clone());
                anchors.retain(|at, _| {
                    at / SPAN + 1 > first / SPAN
                        || (at / SPAN).is_multiple_of(ANCHORS) && at / SPAN + ANCHORS > first / SPAN
                });
            }
        }
        Ok(self.weigh(frames))
    }

    /// The chain with new frames, where it gets smaller and stays within the limits of reading.
    fn weigh(self, frames: Vec<(Frame, Option<usize>)>) -> Option<Laid> {
        let before: u64 = self.line.iter().map(|row| row.stored).sum();
        let after: u64 = frames.iter().map(|(frame, _)| frame.data.len() as u64).sum();
        if after >= before {
            return None;
        }
        // Bases come before or after; each is known once what it lies on is.
        let mut known: HashMap<i64, (u32, u64)> = HashMap::new();
        for at in 0..self.line.len() {
            let mut path = vec![at];
            while let Some(base) = frames[path[path.len() - 1]].1 {
                if known.contains_key(&self.line[base].id) || path.len() > self.line.len() {
                    break;
                }
                path.push(base);
            }
            for at in path.into_iter().rev() {
                let row = &self.line[at];
                let below = match frames[at].1 {
                    None => None,
                    Some(base) => Some(*known.get(&self.line[base].id)?),
                };
                let (depth, bytes) = below.map_or((0, 0), |(depth, bytes)| (depth + 1, bytes));
                known.insert(row.id, (depth, bytes + row.bytes));
            }
        }
        for row in &self.branches {
            let (depth, bytes) = *known.get(&row.base?)?;
            known.insert(row.id, (depth + 1, bytes + row.bytes));
        }
        let fits = |(depth, bytes): &(u32, u64)| *depth <= DEPTH_MAX && *bytes <= CHAIN_BYTES_MAX;
        let depths = known.iter().map(|(id, (depth, _))| (*id, *depth)).collect();
        known.values().all(fits).then_some(Laid { chain: self, frames, depths })
    }
}

/// Does work for each number below `count`, on all processors; gives the results in order.
fn in_parallel<T: Send>(count: usize, work: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count.max(1));
    let mut done: Vec<Vec<T>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || (first..count).step_by(threads).map(work).collect::<Vec<T>>())
            })
            .collect();
        handles.into_iter().filter_map(|handle| handle.join().ok()).collect()
    });
    done.iter_mut().for_each(|part| part.reverse());
    (0..count).filter_map(|at| done.get_mut(at % threads).and_then(Vec::pop)).collect()
}

/// Puts a chain that was laid anew into place; gives the bytes that it takes less, or nothing where
/// the chain has changed meanwhile.
pub(crate) fn put(conn: &Connection, laid: &Laid) -> Result<Option<u64>> {
    let chain = &laid.chain;
    let Some(root) = chain.line.iter().chain(&chain.branches).find(|row| row.base.is_none()) else {
        return Ok(None);
    };
    let Some(now) = tree(conn, root.id)? else { return Ok(None) };
    let mut now: Vec<_> = now.iter().map(blobs::seen).collect();
    let mut then: Vec<_> = chain.line.iter().chain(&chain.branches).map(blobs::seen).collect();
    now.sort_unstable();
    then.sort_unstable();
    if now != then {
        return Ok(None);
    }
    let (mut before, mut after) = (0, 0);
    for (row, (frame, base)) in chain.line.iter().zip(&laid.frames) {
        let base = base.map(|base| chain.line[base].id);
        let depth = laid.depths.get(&row.id).copied().unwrap_or(0);
        blobs::set(conn, row, frame, base, depth)?;
        before += row.stored;
        after += frame.data.len() as u64;
    }
    for row in &chain.branches {
        conn.prepare_cached("UPDATE blob SET depth = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute(params![row.id, laid.depths.get(&row.id)]))
            .doing("laying a chain anew")?;
    }
    Ok(Some(u64::saturating_sub(before, after)))
}

/// Up to which content all is kept in as little as can be.
pub(crate) fn mark(conn: &Connection) -> Result<i64> {
    conn.prepare_cached("SELECT blob_id FROM repacked")
        .and_then(|mut find| find.query_row([], |row| row.get(0)).optional())
        .map(|mark| mark.unwrap_or(0))
        .doing("looking how far repacking has come")
}

/// Says so.
pub(crate) fn set_mark(conn: &Connection, mark: i64) -> Result<()> {
    conn.execute("DELETE FROM repacked", [])
        .and_then(|_| conn.execute("INSERT INTO repacked (blob_id) VALUES (?1)", [mark]))
        .map(drop)
        .doing("saying how far repacking has come")
}

/// The last content there is.
pub(crate) fn last(conn: &Connection) -> Result<i64> {
    conn.query_row("SELECT coalesce(max(id), 0) FROM blob", [], |row| row.get(0))
        .doing("looking for content")
}

/// A frame that takes the place of another, on the same base or on one that is opened up.
pub(crate) struct Remade {
    row: Row,
    frame: Frame,
    onto: Option<Row>,
    position: u64,
}

/// Encodes a content anew on the base that it has; nothing where that does not make it smaller.
pub(crate) fn again(conn: &Connection, id: i64) -> Result<Option<Remade>> {
    let Some(row) = blobs::by_id(conn, id)? else { return Ok(None) };
    if !matches!(blobs::codec(row.codec), Some(Codec::Zstd | Codec::Delta)) {
        return Ok(None);
    }
    let content = blobs::read(conn, &row)?;
    let onto = blobs::base(conn, &row)?;
    let base = onto.as_ref().map(|base| blobs::read(conn, base)).transpose()?;
    let frame = frame::encode_cold(&content, base.as_deref());
    let smaller = (frame.data.len() as u64) < row.stored;
    let position = row.position;
    let same = blobs::code(frame.codec) == row.codec && frame.gives(&content, base.as_deref());
    Ok((smaller && same).then_some(Remade { row, frame, onto, position }))
}

/// Pictures in the order in which each artifact of each place has had them.
pub(crate) fn pictures(conn: &Connection) -> Result<Vec<(i64, i64, i64)>> {
    let doing = "looking for pictures";
    let mut list = conn
        .prepare(
            "SELECT place_id, name_id, blob_id FROM artifact
             JOIN snapshot ON snapshot.id = snapshot_id
             WHERE media_id = (SELECT id FROM name WHERE text = 'image/png') AND blob_id IS NOT NULL
             ORDER BY place_id, name_id, snapshot.id",
        )
        .doing(doing)?;
    let rows =
        list.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

/// Opens a picture up, as a delta on the one before where that is opened up as well; nothing where
/// it does not get smaller.
pub(crate) fn opened(conn: &Connection, id: i64, before: Option<i64>) -> Result<Option<Remade>> {
    let Some(row) = blobs::by_id(conn, id)? else { return Ok(None) };
    let plain = matches!(blobs::codec(row.codec), Some(Codec::Raw | Codec::Zstd | Codec::Delta));
    if !plain {
        return Ok(None);
    }
    // What lies on it must lie deeper, so where something lies near it can only become whole.
    let nearest = blobs::on(conn, id)?.iter().map(|delta| delta.depth).min().unwrap_or(u32::MAX);
    let content = blobs::read(conn, &row)?;
    let Some(opened) = png::open(&content) else { return Ok(None) };
    let mut onto = None;
    if let Some(before) = before.map(|before| blobs::by_id(conn, before)).transpose()?.flatten()
        && before.form() == Form::Opened
        && before.depth < DEPTH_MAX
        && before.depth + 1 < nearest
        && fits_opened(conn, &before, opened.len() as u64)?
    {
        let base = blobs::decoded(conn, &before)?;
        onto = Some((before, base));
    }
    let base = onto.as_ref().map(|(_, base)| base.as_slice());
    let Some(frame) = frame::encode_opened(&opened, base, content.len()) else { return Ok(None) };
    if frame.data.len() as u64 >= row.stored || !frame.gives(&content, base) {
        return Ok(None);
    }
    let onto = onto.map(|(before, _)| before).filter(|_| frame.codec == Codec::OpenedDelta);
    let position = onto.as_ref().map_or(0, |onto| onto.position + 1);
    Ok(Some(Remade { row, frame, onto, position }))
}

/// Whether a picture of so many bytes when opened can lie on this one.
fn fits_opened(conn: &Connection, before: &Row, bytes: u64) -> Result<bool> {
    let mut sum = bytes;
    let mut next = Some(before.clone());
    while let Some(row) = next {
        let data = blobs::data(conn, &row)?;
        let codec = blobs::codec(row.codec).unwrap_or(Codec::Raw);
        let decoded = frame::decoded_bytes(codec, &data, row.bytes as usize)
            .map_err(|error| Corruption::of_blob(row.hash, error.to_string()))?;
        sum = sum.saturating_add(decoded as u64);
        if sum > OPENED_CHAIN_BYTES_MAX {
            return Ok(false);
        }
        next = blobs::base(conn, &row)?;
    }
    Ok(true)
}

/// Puts a frame into the place of another; gives the bytes that it takes less, or nothing where
/// things have changed since it was made.
pub(crate) fn replace(conn: &Connection, made: &Remade) -> Result<Option<u64>> {
    let now = blobs::by_id(conn, made.row.id)?;
    if now.as_ref().map(blobs::seen) != Some(blobs::seen(&made.row)) {
        return Ok(None);
    }
    let mut depth = 0;
    if let Some(onto) = &made.onto {
        match blobs::by_id(conn, onto.id)? {
            Some(now) if now.hash == onto.hash && now.form() == onto.form() => {
                depth = now.depth + 1
            }
            _ => return Ok(None),
        }
    }
    if blobs::on(conn, made.row.id)?.iter().any(|delta| delta.depth <= depth) {
        return Ok(None);
    }
    blobs::set(conn, &made.row, &made.frame, made.onto.as_ref().map(|onto| onto.id), depth)?;
    if made.position != made.row.position {
        conn.prepare_cached("UPDATE blob SET position = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute(params![made.row.id, made.position as i64]))
            .doing("keeping content in less")?;
    }
    Ok(Some(made.row.stored.saturating_sub(made.frame.data.len() as u64)))
}

/// Contents after this one that could be encoded anew, up to `last`.
pub(crate) fn cold(conn: &Connection, after: i64, last: i64, limit: usize) -> Result<Vec<i64>> {
    let doing = "looking for content";
    let mut list = conn
        .prepare_cached(
            "SELECT id FROM blob WHERE id > ?1 AND id <= ?2 AND codec IN (1, 2)
             ORDER BY id LIMIT ?3",
        )
        .doing(doing)?;
    let rows = list.query_map(params![after, last, limit as i64], |row| row.get(0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}
