//! Making deltas anew, on another base than the one that is to go.
//!
//! The new frames are made with no lock held and put into place in one short transaction, which
//! looks whether everything is still as it was. The content of a blob stays what it was, so do its
//! number and its place in its chain.
//!
//! **Invariant:** reading costs no more than before: each delta comes to lie less deep than it did.
//! The depths of what is further up the chain are not written anew; they are bounds.

use std::sync::Arc;

use rusqlite::Connection;

use crate::codec::frame::{self, Codec, Form};
use crate::error::{Error, Result};
use crate::store::blobs::{self, Encoded, Link, Row, Slot};
use crate::store::sqlite::Doing;

/// The most deltas on one base that are made anew at once. A base of more is well used.
const DELTAS_MAX: usize = 256;
/// The most bytes of content that are encoded anew at once.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// New frames for the deltas on a base.
pub(crate) struct Plan {
    /// The content that is to go.
    pub(crate) base: i64,
    /// The bytes that it takes in the file, and what below it goes with it.
    stored: u64,
    swaps: Vec<Swap>,
}

struct Swap {
    row: Row,
    /// What it becomes a delta on; none where it becomes whole.
    onto: Option<Row>,
    encoded: Encoded,
}

impl Plan {
    /// Whether the file gets smaller by it.
    pub(crate) fn wins(&self) -> bool {
        let before: u64 = self.swaps.iter().map(|swap| swap.row.stored).sum();
        let after: u64 = self.swaps.iter().map(|swap| swap.encoded.frame.data.len() as u64).sum();
        !self.swaps.is_empty() && after < before + self.stored
    }
}

/// Plans what becomes of the deltas on a base that nothing else needs: deltas on the nearest content
/// below that stays; where there is none, the first of them becomes whole and the others deltas on
/// that. A base that is well used, or whose deltas are too large or damaged, gets an empty plan.
pub(crate) fn plan(conn: &Connection, base: i64) -> Result<Option<Plan>> {
    let Some(row) = blobs::by_id(conn, base)? else { return Ok(None) };
    let mut plan = Plan { base, stored: row.stored, swaps: Vec::new() };
    match fill(conn, &row, &mut plan) {
        Ok(()) => {}
        Err(Error::Corrupt(damage)) => {
            log::warn!("{damage}; it is left as it is");
            plan.swaps.clear();
        }
        Err(error) => return Err(error),
    }
    Ok(Some(plan))
}

fn fill(conn: &Connection, row: &Row, plan: &mut Plan) -> Result<()> {
    let base = row.id;
    let deltas = blobs::on(conn, base)?;
    let bytes: u64 = deltas.iter().map(|delta| delta.bytes).sum();
    if deltas.len() > DELTAS_MAX || bytes > BYTES_MAX {
        return Ok(());
    }
    let mut below = blobs::base(conn, row)?;
    while let Some(here) = &below
        && only_leads_on(conn, here.id)?
    {
        plan.stored += here.stored;
        below = blobs::base(conn, here)?;
    }
    let mut onto = match below {
        None => None,
        Some(below) => Some(Onto::read(conn, below)?),
    };
    for delta in deltas {
        let one = Onto::read(conn, delta)?;
        let Some(encoded) = one.encode(onto.as_ref())? else {
            plan.swaps.clear();
            return Ok(());
        };
        let whole = encoded.slot.is_none();
        plan.swaps.push(Swap {
            row: one.row.clone(),
            onto: onto.as_ref().filter(|_| !whole).map(|onto| onto.row.clone()),
            encoded,
        });
        if onto.is_none() {
            onto = Some(Onto { row: Row { depth: 0, ..one.row }, ..one });
        }
    }
    Ok(())
}

/// A content that deltas are made on, in the forms that they may need.
struct Onto {
    row: Row,
    content: Arc<[u8]>,
    /// Of a picture that is opened up.
    opened: Option<Vec<u8>>,
}

impl Onto {
    fn read(conn: &Connection, row: Row) -> Result<Self> {
        let content = blobs::read(conn, &row)?.into();
        let opened = match row.form() {
            Form::Opened => Some(blobs::decoded(conn, &row)?),
            Form::Restored => None,
        };
        Ok(Onto { row, content, opened })
    }

    /// Encodes it anew. A picture that is opened up stays so, since others may need that form of it;
    /// nothing where it can't.
    fn encode(&self, onto: Option<&Onto>) -> Result<Option<Encoded>> {
        let slot = onto.map(|onto| Slot {
            base: Link {
                hash: onto.row.hash,
                position: onto.row.position,
                depth: onto.row.depth,
                chain_bytes: 0,
            },
            position: self.row.position,
        });
        let Some(opened) = &self.opened else {
            let on = slot.zip(onto.map(|onto| onto.content.clone()));
            return blobs::encode(&self.content, on).map(Some);
        };
        let base = onto.and_then(|onto| onto.opened.as_deref());
        let bytes = self.content.len();
        let Some(frame) = frame::encode_opened(opened, base, bytes) else { return Ok(None) };
        if !frame.gives(&self.content, base) {
            return Ok(None);
        }
        let slot = slot.filter(|_| frame.codec == Codec::OpenedDelta);
        Ok(Some(Encoded { frame, slot }))
    }
}

/// Whether content goes as soon as the one delta on it does.
fn only_leads_on(conn: &Connection, blob: i64) -> Result<bool> {
    conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM loose WHERE blob_id = ?1 AND until_us IS NULL)
            AND (SELECT count(*) FROM (SELECT 1 FROM blob WHERE base_id = ?1 LIMIT 2)) = 1",
    )
    .and_then(|mut find| find.query_row([blob], |row| row.get(0)))
    .doing("making deltas anew")
}

/// Whether nothing has changed since a plan was made: nobody holds the base, its deltas are those
/// that were made anew, and what they are deltas on now is there.
pub(crate) fn still_holds(conn: &Connection, plan: &Plan) -> Result<bool> {
    let loose: bool = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM loose WHERE blob_id = ?1 AND until_us IS NULL)
                AND NOT EXISTS (SELECT 1 FROM artifact WHERE blob_id = ?1)
                AND NOT EXISTS (SELECT 1 FROM piece WHERE piece_id = ?1)",
        )
        .and_then(|mut find| find.query_row([plan.base], |row| row.get(0)))
        .doing("making deltas anew")?;
    if !loose {
        return Ok(false);
    }
    if plan.swaps.is_empty() {
        return Ok(true);
    }
    let now: Vec<_> = blobs::on(conn, plan.base)?.iter().map(blobs::seen).collect();
    let then: Vec<_> = plan.swaps.iter().map(|swap| blobs::seen(&swap.row)).collect();
    if now != then {
        return Ok(false);
    }
    let own = |id: i64| plan.swaps.iter().any(|swap| swap.row.id == id);
    for onto in plan.swaps.iter().filter_map(|swap| swap.onto.as_ref()).filter(|onto| !own(onto.id))
    {
        let now = blobs::by_id(conn, onto.id)?;
        if now.as_ref().map(blobs::seen) != Some(blobs::seen(onto)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts the new frames into place; gives the bytes that they took before and take now.
pub(crate) fn swap(conn: &Connection, plan: &Plan) -> Result<(u64, u64)> {
    let (mut before, mut after) = (0, 0);
    for swap in &plan.swaps {
        let depth = swap.onto.as_ref().map_or(0, |onto| onto.depth + 1);
        let onto = swap.onto.as_ref().map(|onto| onto.id);
        blobs::set(conn, &swap.row, &swap.encoded.frame, onto, depth)?;
        before += swap.row.stored;
        after += swap.encoded.frame.data.len() as u64;
    }
    Ok((before, after))
}
