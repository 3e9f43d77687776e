//! Content on its way in from a stream: large content is cut into pieces, which are written as they
//! come, in transactions of a size that keeps nobody waiting.
//!
//! What was written so is no change to the store yet: no event tells of it and nothing refers to
//! it. A lease keeps it from being removed. It becomes content when a snapshot is stored that holds
//! it; where none is, it is garbage when the lease is over.
//!
//! **Invariant:** what staging takes in memory does not grow with the content, but for eight bytes
//! a piece.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::codec::chunk::Cutter;
use crate::codec::frame::{self, Hasher};
use crate::error::{Error, Result, What};
use crate::model::artifact::{Given, Staged};
use crate::model::id::{ArtifactName, BlobHash};
use crate::model::snapshot::Draft;
use crate::model::time::Time;
use crate::store::blobs::{self, Encoded, PIECES, Slot};
use crate::store::{Shared, pieces, snapshots};

/// The largest content that is kept as one; larger content is cut into pieces. Below, a version is
/// one delta on the one before, which is smaller than deltas on pieces are.
pub const UNCUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The largest content that is taken, in bytes: a list of some 65,000 pieces.
pub const STAGED_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// How long staged content is kept from being removed, since something of it came last.
pub const LEASE: Duration = Duration::from_secs(24 * 3600);

/// Content of pieces that are written in one transaction. More would keep other writers waiting
/// and make the write-ahead log grow; less would wait for the disk more often.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Leases are renewed when so much of them is over.
const LEASE_USED_MAX: Duration = Duration::from_secs(6 * 3600);
/// Bytes that are read at once.
const READ_BYTES: usize = 256 * 1024;

/// Reads content that goes where the draft says, as its artifact of this name.
pub(crate) fn stage(
    shared: &Shared,
    draft: &Draft,
    name: &ArtifactName,
    input: &mut dyn Read,
) -> Result<Staged> {
    stage_beyond(shared, draft, name, input, UNCUT_BYTES_MAX)
}

/// The same; up to `held_max` bytes are held and not written.
pub(crate) fn stage_beyond(
    shared: &Shared,
    draft: &Draft,
    name: &ArtifactName,
    input: &mut dyn Read,
    held_max: usize,
) -> Result<Staged> {
    let failed = |source| Error::io(name.as_str(), source);
    let mut head = Vec::new();
    let mut limited = input.take(held_max as u64 + 1);
    limited.read_to_end(&mut head).map_err(failed)?;
    if head.len() <= held_max {
        return Ok(Staged(Given::Held(head.into())));
    }
    let mut staging = Staging::begin(shared, draft, name)?;
    let mut cutter = Cutter::new();
    let mut take = |staging: &mut Staging<'_>, mut bytes: &[u8]| -> Result<()> {
        while let Some(piece) = cutter.feed(&mut bytes) {
            staging.add(piece)?;
        }
        Ok(())
    };
    take(&mut staging, &head)?;
    drop(head);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => take(&mut staging, &buffer[..count])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    if let Some(piece) = cutter.finish() {
        staging.add(piece)?;
    }
    staging.end()
}

/// A piece that is to be written.
struct Piece {
    hash: BlobHash,
    bytes: u64,
    /// How it is to be kept; none where the store had it when this was looked up.
    encoded: Option<Encoded>,
    /// Its content, where that may be needed once more: what it was found as, or was to be a delta
    /// on, may be gone when it is written.
    content: Option<Vec<u8>>,
}

/// Large content of which a part has come.
struct Staging<'s> {
    shared: &'s Shared,
    name: &'s ArtifactName,
    hasher: Hasher,
    bytes: u64,
    /// The content that this one comes from, where that is in pieces.
    before: Option<i64>,
    /// The number of the piece of it that the next one here comes from, most likely.
    next: i64,
    /// The one that the last came from, where that may be cut in two.
    near: Option<i64>,
    /// Whether the last was known.
    was_known: bool,
    /// What is to be written next, and the bytes of its content.
    batch: Vec<Piece>,
    batch_bytes: usize,
    /// The pieces that were written.
    written: Vec<i64>,
    /// When the oldest of their leases began.
    leased: Time,
}

impl<'s> Staging<'s> {
    fn begin(shared: &'s Shared, draft: &Draft, name: &'s ArtifactName) -> Result<Self> {
        shared.refuse_nested()?;
        // The version before this one may be on its way.
        shared.queue.drain();
        let before = shared.reading(|conn| {
            let before = snapshots::before(conn, draft, name)?;
            let row = before.map_or(Ok(None), |before| blobs::by_id(conn, before))?;
            Ok(row.filter(|row| row.codec == PIECES).map(|row| row.id))
        })?;
        Ok(Staging {
            shared,
            name,
            hasher: Hasher::new(),
            bytes: 0,
            before,
            next: 0,
            near: None,
            was_known: false,
            batch: Vec::new(),
            batch_bytes: 0,
            written: Vec::new(),
            leased: shared.now(),
        })
    }

    /// Adds the next piece.
    fn add(&mut self, content: Vec<u8>) -> Result<()> {
        self.bytes += content.len() as u64;
        if self.bytes > STAGED_BYTES_MAX {
            return Err(Error::TooLarge {
                what: format!("artifact {}", self.name),
                bytes: self.bytes,
                limit: STAGED_BYTES_MAX,
            });
        }
        self.hasher.update(&content);
        let hash = frame::hash(&content);
        let bytes = content.len() as u64;
        let (before, next) = (self.before, self.next);
        let mut known = self.batch.iter().any(|earlier| earlier.hash == hash);
        let same = self.shared.reading(|conn| {
            let Some(here) = blobs::find(conn, &hash)? else { return Ok(None) };
            known = true;
            before.map_or(Ok(None), |before| pieces::number_of(conn, before, here.id, next))
        })?;
        let mut from = same.unwrap_or(next);
        let mut encoded = None;
        if !known {
            let mut first = self.encode(&content, from)?;
            if let Some(near) = self.near.filter(|near| first.slot.is_none() && *near != from) {
                let second = self.encode(&content, near)?;
                if second.slot.is_some() {
                    (first, from) = (second, near);
                }
            }
            encoded = Some(first);
        }
        let whole = encoded.as_ref().is_some_and(|encoded| encoded.slot.is_none());
        // Behind a piece that both have, the next is likely to come from the next.
        self.next = from + 1;
        self.near = Some(from).filter(|_| !known && (self.was_known || !whole));
        self.was_known = known;
        self.batch_bytes += content.len();
        let content = Some(content).filter(|_| !whole);
        self.batch.push(Piece { hash, bytes, encoded, content });
        if self.batch_bytes >= BATCH_BYTES { self.write() } else { Ok(()) }
    }

    /// Encodes a piece as one that comes from the piece of this number of the content before.
    fn encode(&self, content: &[u8], from: i64) -> Result<Encoded> {
        let base = match self.before {
            None => None,
            Some(whole) => {
                let bytes = content.len() as u64;
                self.shared.reading(|conn| base_of(conn, whole, from, bytes))?
            }
        };
        blobs::encode(content, base)
    }

    /// Writes the pieces that have come.
    fn write(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let now = self.shared.now();
        let until = now.plus(LEASE);
        let due = now.micros() - self.leased.micros() > LEASE_USED_MAX.as_micros() as i64;
        let written = &self.written;
        let more = self.shared.write(|tx| {
            pieces::shrink(tx.conn)?;
            if due {
                pieces::renew(tx.conn, written, until)?;
            }
            let ids = batch.iter().map(|piece| {
                let id = write_piece(tx.conn, piece)?;
                pieces::lease(tx.conn, id, until)?;
                Ok(id)
            });
            ids.collect::<Result<Vec<_>>>()
        })?;
        if due || self.written.is_empty() {
            self.leased = now;
        }
        self.written.extend(more);
        Ok(())
    }

    /// Writes the row that makes the pieces a content.
    fn end(mut self) -> Result<Staged> {
        self.write()?;
        let (hash, bytes) = (self.hasher.hash(), self.bytes);
        let until = self.shared.now().plus(LEASE);
        self.shared.write(|tx| {
            pieces::renew(tx.conn, &self.written, until)?;
            let whole = match blobs::find(tx.conn, &hash)? {
                Some(row) => Some(row.id),
                None => pieces::insert(tx.conn, &hash, bytes, &self.written)?,
            };
            let whole = whole.ok_or_else(|| gone(self.name, &hash))?;
            pieces::lease(tx.conn, whole, until)?;
            pieces::shrink(tx.conn)
        })?;
        Ok(Staged(Given::Staged { hash, bytes }))
    }
}

/// That content of an artifact was staged, but is not there any more.
pub(crate) fn gone(name: &ArtifactName, hash: &BlobHash) -> Error {
    let hours = LEASE.as_secs() / 3600;
    let what = format!("{} of artifact {name}: it is kept for {hours} hours", hash.short());
    Error::not_found(What::Staged, what)
}

/// What a piece is to be a delta on: a content in the chain of a piece of another content. A
/// damaged one is none.
fn base_of(
    conn: &Connection,
    whole: i64,
    number: i64,
    bytes: u64,
) -> Result<Option<(Slot, Arc<[u8]>)>> {
    let read = || -> Result<_> {
        let Some(piece) = pieces::at(conn, whole, number)? else { return Ok(None) };
        let chain = blobs::chain(conn, piece.id)?;
        let Some(slot) = blobs::slot_after(&chain, bytes) else { return Ok(None) };
        let Some(base) = blobs::find(conn, &slot.base.hash)? else { return Ok(None) };
        Ok(Some((slot, blobs::read(conn, &base)?.into())))
    };
    match read() {
        Err(Error::Corrupt(damage)) => {
            log::warn!("{damage}; what comes after it is kept whole");
            Ok(None)
        }
        found => found,
    }
}

/// Finds or writes a piece, and gives its number.
fn write_piece(conn: &Connection, piece: &Piece) -> Result<i64> {
    if let Some(row) = blobs::find(conn, &piece.hash)? {
        return Ok(row.id);
    }
    let mut row = None;
    if let Some(encoded) = &piece.encoded {
        row = blobs::insert(conn, &piece.hash, piece.bytes, encoded)?;
    }
    if let (None, Some(content)) = (&row, &piece.content) {
        let whole = blobs::encode(content, None)?;
        row = blobs::insert(conn, &piece.hash, piece.bytes, &whole)?;
    }
    row.map(|row| row.id).ok_or_else(|| Error::not_found(What::Staged, piece.hash.short()))
}
