//! Patches of `bsdiff` 4, applied.
//!
//! A patch has a head (`BSDIFF40`, the lengths of two of its parts and of the result) and three parts,
//! each compressed with bzip2: instructions, differences, additions. An instruction says how many bytes
//! of the old text to add differences to, how many bytes to take from the additions, and how far to go
//! on in the old text. Numbers have eight bytes, little end first, with the sign in the highest bit
//! (Colin Percival, "Naive differences of executable code", 2003, and `bspatch.c` of bsdiff 4.3).
//!
//! **Invariant:** whatever the patch says, no more memory is taken than its result may have.

use std::io::Read;

use bzip2::read::BzDecoder;

/// The first bytes of a patch.
pub const MAGIC: &[u8; 8] = b"BSDIFF40";
/// The length of the head.
const HEAD_BYTES: usize = 32;
/// How much is read of a part at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why a patch can't be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no patch that can be applied: {0}")]
pub struct NotAPatch(&'static str);

/// Applies a patch to the old text; the result may have so many bytes.
pub fn apply(old: &[u8], patch: &[u8], bytes_max: usize) -> Result<Vec<u8>, NotAPatch> {
    let rest = patch.strip_prefix(MAGIC).ok_or(NotAPatch("it does not begin with BSDIFF40"))?;
    let head = rest.get(..HEAD_BYTES - MAGIC.len()).ok_or(CUT)?;
    let length = |at: usize| {
        let number = number(head.get(at..at + 8).unwrap_or_default());
        usize::try_from(number).map_err(|_| NotAPatch("a length below zero"))
    };
    let (instructions, differences, wanted) = (length(0)?, length(8)?, length(16)?);
    if wanted > bytes_max {
        return Err(NotAPatch("its result is larger than what is taken"));
    }
    let parts = &rest[HEAD_BYTES - MAGIC.len()..];
    let (instructions, parts) = parts.split_at_checked(instructions).ok_or(CUT)?;
    let (differences, additions) = parts.split_at_checked(differences).ok_or(CUT)?;
    let mut instructions = BzDecoder::new(instructions);
    let mut differences = BzDecoder::new(differences);
    let mut additions = BzDecoder::new(additions);

    let mut new = Vec::new();
    let mut at: i64 = 0;
    let mut was_idle = false;
    while new.len() < wanted {
        let mut instruction = [0; 24];
        instructions.read_exact(&mut instruction).map_err(|_| DAMAGED)?;
        let [change, add, go_on] = [0, 8, 16].map(|at| number(&instruction[at..at + 8]));
        let change = usize::try_from(change).map_err(|_| DAMAGED)?;
        let add = usize::try_from(add).map_err(|_| DAMAGED)?;
        // One that only goes elsewhere may come before one that takes something from there.
        let idle = change == 0 && add == 0;
        if idle && was_idle {
            return Err(NotAPatch("instructions that make nothing"));
        }
        was_idle = idle;
        let begin = new.len();
        take(&mut differences, change, wanted, &mut new)?;
        for byte in &mut new[begin..] {
            // What lies outside of the old text counts as zero.
            let base = usize::try_from(at).ok().and_then(|at| old.get(at));
            *byte = byte.wrapping_add(base.copied().unwrap_or(0));
            at = at.checked_add(1).ok_or(DAMAGED)?;
        }
        take(&mut additions, add, wanted, &mut new)?;
        at = at.checked_add(go_on).ok_or(DAMAGED)?;
    }
    // At its end each part has a checksum, which is compared when that is read.
    for part in [&mut instructions, &mut differences, &mut additions] {
        if !matches!(part.read(&mut [0]), Ok(0)) {
            return Err(DAMAGED);
        }
    }
    Ok(new)
}

const CUT: NotAPatch = NotAPatch("it ends in the middle");
const DAMAGED: NotAPatch = NotAPatch("it is damaged");

/// Takes so many bytes of a part.
fn take(
    part: &mut impl Read,
    count: usize,
    wanted: usize,
    new: &mut Vec<u8>,
) -> Result<(), NotAPatch> {
    if count > wanted - new.len() {
        return Err(NotAPatch("it makes more than it says"));
    }
    let mut left = count;
    while left > 0 {
        // No memory is taken before there is something to put in it.
        let begin = new.len();
        new.resize(begin + left.min(CHUNK_BYTES), 0);
        let read = part.read(&mut new[begin..]).map_err(|_| DAMAGED)?;
        new.truncate(begin + read);
        if read == 0 {
            return Err(DAMAGED);
        }
        left -= read;
    }
    Ok(())
}

/// A number: its size, and its sign in the highest bit.
fn number(bytes: &[u8]) -> i64 {
    let all = bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let size = (all & !(1 << 63)) as i64;
    if all >> 63 == 1 { -size } else { size }
}
