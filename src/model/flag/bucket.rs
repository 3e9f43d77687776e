//! Where a key stands among all keys: one hash, one multiplication.
//!
//! MurmurHash3 is by Austin Appleby, in the public domain (`MurmurHash3.cpp` of SMHasher,
//! `MurmurHash3_x86_32`). A hash becomes a bucket by multiplying and shifting, as Lemire tells in "Fast
//! Random Integer Generation in an Interval" (2019) and flagd's fractional evaluation does: without
//! floating point, and without the bias that a remainder has.

/// How many buckets there are: one for each thousandth of a percent.
pub const BUCKETS: u32 = 100_000;

/// MurmurHash3, 32 bits, for x86, of some bytes in several parts.
pub fn murmur3_x86_32(parts: &[&[u8]], seed: u32) -> u32 {
    let mixed =
        |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let taken = |hash: u32, word: u32| {
        (hash ^ mixed(word)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    };
    // What came and fills no word yet, in the low bytes.
    let (mut hash, mut open, mut open_bits, mut length) = (seed, 0_u64, 0_u32, 0_usize);
    for part in parts {
        length += part.len();
        let (words, rest) = part.as_chunks::<4>();
        for word in words {
            open |= u64::from(u32::from_le_bytes(*word)) << open_bits;
            hash = taken(hash, open as u32);
            open >>= 32;
        }
        for byte in rest {
            open |= u64::from(*byte) << open_bits;
            open_bits += 8;
        }
        if open_bits >= 32 {
            hash = taken(hash, open as u32);
            open >>= 32;
            open_bits -= 32;
        }
    }
    if open_bits > 0 {
        hash ^= mixed(open as u32);
    }
    hash ^= length as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// The bucket of a key, from 0 up to [`BUCKETS`]: the hash of `<salt>:<key>`, seed 0.
pub fn bucket(salt: &str, key: &str) -> u32 {
    let hash = murmur3_x86_32(&[salt.as_bytes(), b":", key.as_bytes()], 0);
    ((u64::from(hash) * u64::from(BUCKETS)) >> 32) as u32
}
