//! Which earlier content a delta is made on.
//!
//! A chain of versions has positions 0, 1, 2, … and four levels. Most versions are deltas on the
//! one before; each [`SPANS`]`[0]`th is a delta on the one so many before it, and so on; position
//! 0 of the last span is kept whole:
//!
//! ```text
//! position   0   1   2  …  23  24  25  …  48  …  384  …  6144
//! base       –   0   1  …  22   0  24  …  24  …    0  …     –
//! ```
//!
//! So a version is read through at most [`DEPTH_MAX`] deltas, though most are deltas on their
//! nearest relative, which is where the small ones are.
//!
//! The choice is made by structure alone. Choosing the smallest delta under a bound of the depth
//! spends the bound on the first versions and then has to keep contents whole.

/// How many positions a delta of each level reaches back over.
pub const SPANS: [u64; 3] = [1, 24, 384];

/// The position in a chain at which a content is kept whole again.
pub const CHAIN_LENGTH: u64 = 6_144;

/// The most deltas that are applied to read one content: the most steps of each level.
pub const DEPTH_MAX: u32 =
    ((SPANS[1] / SPANS[0] - 1) + (SPANS[2] / SPANS[1] - 1) + (CHAIN_LENGTH / SPANS[2] - 1)) as u32;

/// The position of the base of the content at `position`, or nothing where it is kept whole.
pub fn base_position(position: u64) -> Option<u64> {
    let position = position % CHAIN_LENGTH;
    if position == 0 {
        return None;
    }
    let span = SPANS.iter().rev().find(|span| position.is_multiple_of(**span)).unwrap_or(&1);
    Some(position - span)
}
