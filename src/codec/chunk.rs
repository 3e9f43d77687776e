//! Large content cut into pieces where the content itself says so.
//!
//! Where a cut falls depends on the 64 bytes before it, so an insertion moves the cuts behind it
//! along: only the pieces around it are new, and the others are in the store already. This is
//! FastCDC (Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based
//! Storage Systems", 2020): a rolling hash that takes one shift and one addition a byte, no cut
//! before [`PIECE_BYTES_MIN`], and an easier condition from [`PIECE_BYTES_AVERAGE`] on, which keeps
//! lengths together.
//!
//! Where the cuts fall is no part of the format of the file: pieces cut in another way are read the
//! same, only less of them is found to be there already.
//!
//! **Invariant:** no more than [`PIECE_BYTES_MAX`] bytes are held, however much is fed.

use std::io::{self, Read};
use std::mem;

/// The shortest piece but for the last of a content, in bytes. Shorter ones cost more in rows
/// than they save.
pub const PIECE_BYTES_MIN: usize = 256 * 1024;
/// About the length of most pieces, in bytes.
pub const PIECE_BYTES_AVERAGE: usize = 1024 * 1024;
/// The longest piece, in bytes.
pub const PIECE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many bits of the hash are zero at a cut: one place in four times the average length before
/// that length is reached, four in one after.
const ZERO_BITS: [u32; 2] = [PIECE_BYTES_AVERAGE.ilog2() + 2, PIECE_BYTES_AVERAGE.ilog2() - 2];
/// How much is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// Cuts what it is fed into pieces.
pub struct Cutter {
    /// A number for each byte, from which the hash is made.
    gear: [u64; 256],
    /// What is fed and not cut off yet.
    piece: Vec<u8>,
    /// Of the bytes of the piece after the shortest length; a byte leaves it after 64 more.
    hash: u64,
}

impl Default for Cutter {
    fn default() -> Self {
        Cutter::new()
    }
}

impl Cutter {
    /// Nothing fed yet.
    pub fn new() -> Self {
        // The number of byte n is bytes 8n to 8n + 7 of the extended BLAKE3 hash of a name, little
        // end first.
        let mut stream = blake3::Hasher::new().update(b"tintype gear").finalize_xof();
        let gear = std::array::from_fn(|_| {
            let mut number = [0; 8];
            stream.fill(&mut number);
            u64::from_le_bytes(number)
        });
        Cutter { gear, piece: Vec::new(), hash: 0 }
    }

    /// Takes bytes off the front of `bytes` until a piece is complete, and gives that; nothing
    /// where all of them are taken and more is needed. To be called until it gives nothing.
    pub fn feed(&mut self, bytes: &mut &[u8]) -> Option<Vec<u8>> {
        let held = self.piece.len();
        let skipped = PIECE_BYTES_MIN.saturating_sub(held);
        let fits = bytes.len().min(PIECE_BYTES_MAX - held);
        let mut end = fits;
        let mut cut = fits == PIECE_BYTES_MAX - held;
        for (at, byte) in bytes[..fits].iter().enumerate().skip(skipped) {
            self.hash = (self.hash << 1).wrapping_add(self.gear[usize::from(*byte)]);
            let is_long = held + at >= PIECE_BYTES_AVERAGE;
            if self.hash.leading_zeros() >= ZERO_BITS[usize::from(is_long)] {
                (end, cut) = (at + 1, true);
                break;
            }
        }
        let (taken, rest) = bytes.split_at(end);
        self.piece.extend_from_slice(taken);
        *bytes = rest;
        if !cut {
            return None;
        }
        self.hash = 0;
        Some(mem::take(&mut self.piece))
    }

    /// Gives what is left as the last piece, if anything is.
    pub fn finish(self) -> Option<Vec<u8>> {
        Some(self.piece).filter(|piece| !piece.is_empty())
    }
}

/// The pieces of what a reader gives, in their order; together they are its bytes. Ends after the
/// first error of the reader.
pub fn pieces<R: Read>(reader: R) -> Pieces<R> {
    Pieces { reader, cutter: Some(Cutter::new()), buffer: vec![0; READ_BYTES], unfed: 0..0 }
}

/// Iterates over [`pieces`].
pub struct Pieces<R> {
    reader: R,
    /// None once the reader is at its end.
    cutter: Option<Cutter>,
    buffer: Vec<u8>,
    /// What of the buffer was not fed yet.
    unfed: std::ops::Range<usize>,
}

impl<R: Read> Iterator for Pieces<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let cutter = self.cutter.as_mut()?;
            let mut bytes = &self.buffer[self.unfed.clone()];
            let piece = cutter.feed(&mut bytes);
            self.unfed.start = self.unfed.end - bytes.len();
            if let Some(piece) = piece {
                return Some(Ok(piece));
            }
            match self.reader.read(&mut self.buffer) {
                Ok(0) => return self.cutter.take()?.finish().map(Ok),
                Ok(read) => self.unfed = 0..read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.cutter = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
