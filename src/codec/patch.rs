//! Deltas on a base that content is but in a few places: found by walking along both, and written
//! as a Zstandard frame by hand.
//!
//! A page that was looked at again differs in a token, a time, a number. To find that, a general
//! compressor remembers the whole base first; to compare the two costs a tenth of it. What comes out is
//! a frame like any other: each decoder of Zstandard opens it with the base
//! as prefix.
//!
//! The frame is of the simplest form that the format (RFC 8878) has for this. A block holds one
//! sequence: new bytes as they are, then a copy out of the base. Of one sequence each of the three
//! codes is a table of one symbol, which takes no bits; what is left are the bits that the codes leave
//! open. So a sequence takes some 16 bytes beside what is new.

use std::ops::Range;

/// Content of less is left to the general compressor, which is as fast there.
const CONTENT_BYTES_MIN: usize = 16 * 1024;
/// The most that content and base may have together, so that the window holds both.
const REACH_BYTES_MAX: usize = 1 << 27;
/// The most places in which they differ, or come in another order.
const PLACES_MAX: usize = 64;
/// The most bytes that are new in all, and in content of less than 256 times as much a 256th of it.
const NEW_BYTES_MAX: usize = 2_048;
/// Within so many bytes of a difference, both are thought to go on side by side.
const BESIDE_BYTES: usize = 64;
/// How far from a difference, and for how many new bytes, it is looked where the content goes on in the
/// base: before it too, as lists come in another order.
const SEARCH_BYTES: usize = 4_096;
/// Two to this power places are remembered for that.
const SEARCH_LOG: u32 = 14;
/// How many bytes must be alike there.
const ANCHOR_BYTES: usize = 24;
/// The least bytes that the format copies.
const COPY_BYTES_MIN: usize = 3;
/// The most bytes of content that a block makes.
const BLOCK_BYTES_MAX: usize = 128 * 1024;

/// The least number of new bytes for each code from 16 on, and how many bits tell the rest (RFC 8878,
/// 3.1.1.3.2.1.1). The codes before stand for their number.
const NEW_CODES: [(u32, u32); 20] = [
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1_024, 10),
    (2_048, 11),
    (4_096, 12),
    (8_192, 13),
    (16_384, 14),
    (32_768, 15),
    (65_536, 16),
];
/// The same of the bytes that are copied, for each code from 32 on. Those before stand for their
/// number and three.
const COPY_CODES: [(u32, u32); 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1_027, 10),
    (2_051, 11),
    (4_099, 12),
    (8_195, 13),
    (16_387, 14),
    (32_771, 15),
    (65_539, 16),
];

/// New bytes of the content, and what comes after them: so many bytes of the base from there on.
struct Step {
    new: Range<usize>,
    from: usize,
    copied: usize,
}

/// A Zstandard frame of the content that needs the base as prefix; nothing where they differ in more
/// than a few places.
pub(crate) fn patch(content: &[u8], base: &[u8]) -> Option<Vec<u8>> {
    let reach = content.len() + base.len();
    if content.len() < CONTENT_BYTES_MIN || reach > REACH_BYTES_MAX {
        return None;
    }
    let steps = steps(content, base)?;
    let window_log = reach.next_power_of_two().trailing_zeros();
    let block_bytes = BLOCK_BYTES_MAX.min(1 << window_log);
    // The number of the format, no size, no checksum, no dictionary, the window.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (window_log as u8 - 10) << 3];
    let mut last = frame.len();
    for Step { mut new, mut from, copied } in steps {
        let mut left = copied;
        while left > 0 {
            let mut copied = left.min(block_bytes - new.len());
            if (1..COPY_BYTES_MIN).contains(&(left - copied)) {
                copied -= COPY_BYTES_MIN;
            }
            last = frame.len();
            // From what comes after the new bytes back to what is copied.
            let back = base.len() - from + new.end;
            add_block(&mut frame, &content[new.clone()], copied, back);
            new = new.end + copied..new.end + copied;
            from += copied;
            left -= copied;
        }
        if !new.is_empty() {
            last = frame.len();
            add_head(&mut frame, 0, new.len());
            frame.extend_from_slice(&content[new]);
        }
    }
    *frame.get_mut(last)? |= 1;
    Some(frame)
}

/// Walks along both, and tells what is new and what is copied.
fn steps(content: &[u8], base: &[u8]) -> Option<Vec<Step>> {
    let new_max = NEW_BYTES_MAX.min(content.len() / 256);
    let mut steps = Vec::new();
    let (mut at, mut there, mut new_from, mut new_bytes) = (0, 0, 0, 0);
    while at < content.len() {
        let copied = alike(&content[at..], &base[there..]);
        if copied >= COPY_BYTES_MIN {
            steps.push(Step { new: new_from..at, from: there, copied });
            new_from = at + copied;
        }
        (at, there) = (at + copied, there + copied);
        let new;
        (new, there) = find(&content[at..], base, there).unwrap_or((content.len() - at, there));
        at += new;
        new_bytes += new;
        if new_bytes > new_max || steps.len() > PLACES_MAX {
            return None;
        }
    }
    if new_from < content.len() {
        steps.push(Step { new: new_from..content.len(), from: 0, copied: 0 });
    }
    Some(steps)
}

/// How many bytes at the beginning of both are the same.
fn alike(a: &[u8], b: &[u8]) -> usize {
    const TOGETHER: usize = 128;
    let (a_parts, b_parts) = (a.chunks_exact(TOGETHER), b.chunks_exact(TOGETHER));
    let same = a_parts.zip(b_parts).take_while(|(a, b)| a == b).count() * TOGETHER;
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

/// How much of the content is new after a difference, and where in the base it goes on after that: beside
/// what went before where it does, else near it.
fn find(content: &[u8], base: &[u8], there: usize) -> Option<(usize, usize)> {
    let until = |bytes: usize, most: usize| bytes.min(most + ANCHOR_BYTES);
    let anchors = |bytes: usize| bytes.saturating_sub(ANCHOR_BYTES - 1);
    let is_same = |at: usize, place: usize| {
        content[at..at + ANCHOR_BYTES] == base[place..place + ANCHOR_BYTES]
    };
    let beside = until(content.len().min(base.len() - there), BESIDE_BYTES);
    if let Some(new) = (0..anchors(beside)).find(|new| is_same(*new, there + new)) {
        return Some((new, there + new));
    }
    let slot = |bytes: &[u8]| {
        let eight = bytes.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
        (eight.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SEARCH_LOG)) as usize
    };
    let first = there.saturating_sub(SEARCH_BYTES);
    let near = until(base.len() - first, there - first + SEARCH_BYTES);
    // One more than how far it is from the first; nothing where that is 0.
    let mut places = vec![0_u16; 1 << SEARCH_LOG];
    // What comes next is likelier than what has passed.
    let (passed, all) = (there - first, anchors(near));
    for far in (passed..all).chain(0..passed.min(all)) {
        let place = &mut places[slot(&base[first + far..])];
        if *place == 0 {
            *place = far as u16 + 1;
        }
    }
    (0..anchors(until(content.len(), SEARCH_BYTES))).find_map(|new| {
        let far = usize::from(places[slot(&content[new..])]).checked_sub(1)?;
        is_same(new, first + far).then_some((new, first + far))
    })
}

/// Adds a block of one sequence.
fn add_block(frame: &mut Vec<u8>, new: &[u8], copied: usize, back: usize) {
    let head = frame.len();
    add_head(frame, 2, 0);
    let body = frame.len();
    // Bytes as they are, their number in one, two or three bytes.
    match new.len() as u32 {
        count @ ..=31 => frame.push((count << 3) as u8),
        count @ ..=4_095 => frame.extend_from_slice(&(count << 4 | 0b0100).to_le_bytes()[..2]),
        count => frame.extend_from_slice(&(count << 4 | 0b1100).to_le_bytes()[..3]),
    }
    frame.extend_from_slice(new);
    let (new_code, new_rest) = code(&NEW_CODES, 16, 0, new.len() as u32);
    let (copy_code, copy_rest) = code(&COPY_CODES, 32, COPY_BYTES_MIN as u32, copied as u32);
    // The first three numbers mean places that were used before.
    let back = back as u64 + 3;
    let back_code = back.ilog2();
    // One sequence, three tables of one symbol.
    frame.extend_from_slice(&[1, 0b0101_0100, new_code, back_code as u8, copy_code]);
    // Bits are read from the last to the first, below the highest that is set.
    let (mut bits, mut count) = (0_u64, 0);
    for (rest, width) in [new_rest, copy_rest, (back - (1 << back_code), back_code), (1, 1)] {
        bits |= rest << count;
        count += width;
    }
    frame.extend_from_slice(&bits.to_le_bytes()[..count.div_ceil(8) as usize]);
    let size = frame.len() - body;
    let mut written = Vec::with_capacity(3);
    add_head(&mut written, 2, size);
    frame[head..body].copy_from_slice(&written);
}

/// Adds the head of a block that is not the last.
fn add_head(frame: &mut Vec<u8>, kind: u32, bytes: usize) {
    frame.extend_from_slice(&((bytes as u32) << 3 | kind << 1).to_le_bytes()[..3]);
}

/// The code of a number; and what it leaves open, in how many bits.
fn code(codes: &[(u32, u32)], first: u8, least: u32, number: u32) -> (u8, (u64, u32)) {
    match codes.iter().rposition(|(from, _)| *from <= number) {
        Some(at) => {
            let (from, width) = codes[at];
            (first + at as u8, (u64::from(number - from), width))
        }
        None => ((number - least) as u8, (0, 0)),
    }
}
