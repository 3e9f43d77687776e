//! Cutting large content into pieces where the content says so.
//!
//! A hash runs over the last 64 bytes, and a piece ends where some of its bits are zero. So a byte
//! put in or taken out changes the piece that it is in, and perhaps the next; behind them, the same
//! bytes are cut at the same places. Near the middle length fewer bits must be zero than before it
//! (FastCDC, Xia et al. 2016), so that most pieces have about that length.
//!
//! **Invariant:** how content is cut depends on its bytes alone, not on how they came.

/// The shortest piece but the last, in bytes.
pub const PIECE_BYTES_MIN: usize = 256 * 1024;
/// From this length on, a piece ends soon.
pub const PIECE_BYTES_USUAL: usize = 1024 * 1024;
/// The longest piece, in bytes.
pub const PIECE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The bits that must be zero before the usual length, and behind it. The upper ones depend on the
/// most bytes.
const BEFORE: u64 = !0 << (64 - 21);
const BEHIND: u64 = !0 << (64 - 18);

/// A number without pattern for each byte.
const GEAR: [u64; 256] = gear();

/// Numbers of the generator SplitMix64.
const fn gear() -> [u64; 256] {
    let mut gear = [0; 256];
    let mut state: u64 = 0;
    let mut at = 0;
    while at < gear.len() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        gear[at] = mixed ^ (mixed >> 31);
        at += 1;
    }
    gear
}

/// Takes content bit by bit and gives it piece by piece.
#[derive(Debug, Default)]
pub struct Cutter {
    /// What came since the last cut, how much of it was looked at, and the hash there.
    rest: Vec<u8>,
    looked: usize,
    hash: u64,
}

impl Cutter {
    /// No content yet.
    pub fn new() -> Self {
        Cutter::default()
    }

    /// Adds what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Gives the next piece, where all of it has come.
    pub fn cut(&mut self) -> Option<Vec<u8>> {
        // What lies more than 64 bytes back has left the hash.
        self.looked = self.looked.max(PIECE_BYTES_MIN - 64);
        while self.looked < self.rest.len().min(PIECE_BYTES_MAX) {
            self.hash = (self.hash << 1).wrapping_add(GEAR[usize::from(self.rest[self.looked])]);
            self.looked += 1;
            let mask = if self.looked < PIECE_BYTES_USUAL { BEFORE } else { BEHIND };
            if (self.looked >= PIECE_BYTES_MIN && self.hash & mask == 0)
                || self.looked == PIECE_BYTES_MAX
            {
                let rest = self.rest.split_off(self.looked);
                (self.looked, self.hash) = (0, 0);
                return Some(std::mem::replace(&mut self.rest, rest));
            }
        }
        None
    }

    /// Gives what is left at the end of the content, if anything is; to be called when
    /// [`cut`](Cutter::cut) gives nothing more.
    pub fn end(self) -> Option<Vec<u8>> {
        Some(self.rest).filter(|rest| !rest.is_empty())
    }
}
