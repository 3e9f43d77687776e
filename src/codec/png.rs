//! PNG opened up: the pixels as plain bytes, and what it takes to make the same PNG of them.
//!
//! What a PNG holds is compressed already, so two pictures of one page that differ in a word have
//! hardly a byte in common. Their pixels have nearly all. A PNG is a Deflate stream (RFC 1951) in a
//! Zlib stream (RFC 1950) in chunks; [`open`] undoes all of it and keeps what tells how it was
//! done, and [`close`] makes the very bytes again. For the Deflate stream that is the work of
//! `preflate-rs`: it guesses the compressor from what it wrote, runs it again, and keeps only what
//! it guessed wrongly, the *corrections*.
//!
//! # The opened form
//!
//! A *number* has seven bits a byte, the lowest first, the highest bit set in all bytes but the
//! last (LEB128).
//!
//! | field | bytes |
//! |---|---|
//! | what it is | the letters `PNGo`, then `01`: the version of this form |
//! | seal | 16: the first of the BLAKE3 hash of all that follows |
//! | length of the corrections | a number |
//! | length of the pixels | a number |
//! | head | its length, a number, and itself: the PNG up to its first `IDAT` chunk |
//! | tail | its length, a number, and itself: the PNG after its last `IDAT` chunk |
//! | chunks | how many runs follow, a number; for each run two numbers: how many `IDAT` chunks, and how many bytes each of them holds |
//! | Zlib header | 2: how the Zlib stream begins |
//! | Zlib trailer | its length, a number, and itself: the Zlib stream after its Deflate stream, usually the Adler-32 of the pixels |
//! | corrections | what `preflate-rs` 0.7.6 needs beside the pixels: the bytes that its `recreate_whole_deflate_stream` takes |
//! | pixels | what the Deflate stream holds: rows of filtered samples as the PNG standard has them |
//!
//! To close it: make the Deflate stream of pixels and corrections; put the Zlib header before and
//! the trailer after it; cut that into `IDAT` chunks (the length in 4 bytes, `IDAT`, the bytes, the
//! CRC-32 of the last two) of the lengths given, which must come out even; put the head before and
//! the tail after them. The pixels alone can be had without `preflate-rs`: they are the end of the
//! form.
//!
//! # What holds
//!
//! **Invariant:** what [`open`] gives, [`close`] turned into the same PNG just before.
//!
//! **Invariant:** neither takes more memory than some small multiple of [`OPENED_BYTES_MAX`]. What
//! a PNG says of its size is compared with the limit before anything is decompressed, and
//! decompressing stops where it yields more than that.
//!
//! **Invariant:** corrections are used only under an intact seal. `preflate-rs` checks little of
//! what it reads: wrong corrections can make it panic, or add blocks without end. No damage passes
//! the seal, and a panic is caught and becomes an error (its message is still printed, by the
//! panic hook). **Refused:** a promise against forgery. Who makes a form with a seal of his own can
//! keep [`close`] busy for as long as he likes, so opened forms are read from one's own stores and
//! not taken from others.

use std::panic::{AssertUnwindSafe, catch_unwind};

use preflate_rs::{PreflateConfig, PreflateStreamProcessor, recreate_whole_deflate_stream};

use crate::codec::{DecodeError, varint};

/// The largest opened form, in bytes: some 17,000 rows of a page 1,280 pixels wide.
pub const OPENED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The largest PNG that is opened or closed, in bytes. What undoing it takes grows with its
/// symbols, which are some ten bytes each and up to eight a byte of it.
pub const PNG_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Corrections of more than this share of the Deflate stream say that its compressor was not
/// recognised: the form would keep the stream in another shape.
const CORRECTIONS_SHARE_MAX: usize = 4;
/// Corrections of so few bytes say nothing: what tells the compressor is some thirty of them.
const CORRECTIONS_BYTES_MIN: usize = 64;
/// How far back a compressor is followed through places that look alike: the most that Zlib does.
const CHAIN_MAX: u32 = 4_096;

/// What each opened form begins with.
const MAGIC: [u8; 5] = *b"PNGo\x01";
const SEAL_BYTES: usize = 16;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
const IDAT: [u8; 4] = *b"IDAT";
/// The bytes of a chunk around its data: length, kind and checksum.
const CHUNK_FRAME_BYTES: usize = 12;

/// Opens a PNG: gives its opened form, or nothing where it has none.
///
/// That is where the bytes are no PNG or one that is not as the standard has it, where PNG or form
/// are larger than [`PNG_BYTES_MAX`] or [`OPENED_BYTES_MAX`], where the compressor was not
/// recognised, or where closing it does not give the same bytes. Whether keeping the form wins
/// anything depends on what it is made a delta on. Takes some 20 ms for a megabyte of pixels.
pub fn open(png: &[u8]) -> Option<Vec<u8>> {
    let parts = Parts::of(png)?;
    let deflated = parts.stream.get(2..)?;
    let config = PreflateConfig {
        max_chain_length: CHAIN_MAX,
        plain_text_limit: parts.pixels,
        // The whole PNG is compared below.
        verify_compression: false,
    };
    let undone = catch_unwind(AssertUnwindSafe(|| {
        let mut undoing = PreflateStreamProcessor::new(&config);
        let undone = undoing.decompress(deflated).ok()?;
        undoing.is_done().then(|| (undone, undoing.detach_plain_text()))
    }));
    let (undone, plain) = undone.ok()??;
    let (pixels, corrections) = (plain.text(), &undone.corrections[..]);
    let trailer = deflated.get(undone.compressed_size..)?;
    if pixels.len() != parts.pixels
        || corrections.len()
            > CORRECTIONS_BYTES_MIN + undone.compressed_size / CORRECTIONS_SHARE_MAX
    {
        return None;
    }

    let mut body = Vec::new();
    varint::put(&mut body, corrections.len() as u64);
    varint::put(&mut body, pixels.len() as u64);
    put_bytes(&mut body, parts.head);
    put_bytes(&mut body, parts.tail);
    varint::put(&mut body, parts.runs.len() as u64);
    for (chunks, bytes) in &parts.runs {
        varint::put(&mut body, *chunks);
        varint::put(&mut body, *bytes);
    }
    body.extend(&parts.stream[..2]);
    put_bytes(&mut body, trailer);
    let bytes = MAGIC.len() + SEAL_BYTES + body.len() + corrections.len() + pixels.len();
    if bytes > OPENED_BYTES_MAX {
        return None;
    }
    let mut opened = Vec::with_capacity(bytes);
    opened.extend(MAGIC);
    opened.extend([0; SEAL_BYTES]);
    opened.extend(body);
    opened.extend(corrections);
    opened.extend(pixels);
    drop((plain, undone, parts));
    let sealed = MAGIC.len() + SEAL_BYTES;
    let seal = seal(&opened[sealed..]);
    opened[MAGIC.len()..sealed].copy_from_slice(&seal);
    (close(&opened).as_deref() == Ok(png)).then_some(opened)
}

/// Closes an opened form: makes the PNG that it was opened from.
pub fn close(opened: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let fail = |what: &str| DecodeError(format!("is no opened PNG: {what}"));
    if opened.len() > OPENED_BYTES_MAX {
        return Err(fail("it is too large"));
    }
    let rest = opened.strip_prefix(&MAGIC).ok_or_else(|| fail("it begins otherwise"))?;
    let (found, rest) = rest.split_at_checked(SEAL_BYTES).ok_or_else(|| fail("it ends early"))?;
    if found != seal(rest) {
        return Err(fail("it does not match its seal"));
    }
    let form = Opened::read(rest).ok_or_else(|| fail("its fields do not fit"))?;
    let deflated = catch_unwind(|| recreate_whole_deflate_stream(form.pixels, form.corrections))
        .map_err(|_| fail("its corrections do not fit"))?
        .map_err(|_| fail("its corrections do not fit"))?;
    let streamed = deflated.len().checked_add(form.zlib_head.len() + form.trailer.len());
    if streamed != Some(form.idat_bytes) {
        return Err(fail("its chunks do not fit"));
    }
    let stream = [form.zlib_head, &deflated, form.trailer].concat();
    let mut left = &stream[..];
    let mut png = Vec::with_capacity(form.png_bytes);
    png.extend(form.head);
    for (chunks, bytes) in form.runs {
        for _ in 0..chunks {
            let (data, after) = left.split_at(bytes);
            left = after;
            png.extend((bytes as u32).to_be_bytes());
            let checked = png.len();
            png.extend(IDAT);
            png.extend(data);
            let checksum = crc32fast::hash(&png[checked..]);
            png.extend(checksum.to_be_bytes());
        }
    }
    png.extend(form.tail);
    Ok(png)
}

/// Whether bytes begin as a PNG does.
pub fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

fn seal(rest: &[u8]) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&blake3::hash(rest).as_bytes()[..SEAL_BYTES]);
    seal
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.extend(bytes);
}

fn take_bytes<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(bytes)?;
    *rest = after;
    Some(taken)
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    varint::take(rest).and_then(|length| usize::try_from(length).ok())
}

/// A PNG taken apart.
struct Parts<'a> {
    /// What stands before the first `IDAT` chunk.
    head: &'a [u8],
    /// What stands after the last.
    tail: &'a [u8],
    /// How many `IDAT` chunks follow each other, and how many bytes each of them holds.
    runs: Vec<(u64, u64)>,
    /// What the `IDAT` chunks hold together: a Zlib stream.
    stream: Vec<u8>,
    /// How many bytes it holds, from the head.
    pixels: usize,
}

impl<'a> Parts<'a> {
    /// Takes a PNG apart whose `IDAT` chunks stand together and whose pixels are not too many.
    fn of(png: &'a [u8]) -> Option<Parts<'a>> {
        if png.len() > PNG_BYTES_MAX || !is_png(png) {
            return None;
        }
        let mut rest = &png[SIGNATURE.len()..];
        let (kind, header) = take_chunk(&mut rest)?;
        let pixels = Some(header).filter(|_| kind == *b"IHDR").and_then(pixel_bytes)?;
        let mut first = rest;
        while let (kind, _) = take_chunk(&mut rest)?
            && kind != IDAT
        {
            first = rest;
        }
        let head = &png[..png.len() - first.len()];
        let mut runs: Vec<(u64, u64)> = Vec::new();
        let mut stream = Vec::new();
        let mut tail = first;
        while let Some((IDAT, data)) = take_chunk(&mut first) {
            let bytes = data.len() as u64;
            match runs.last_mut() {
                Some((chunks, length)) if *length == bytes => *chunks += 1,
                _ => runs.push((1, bytes)),
            }
            stream.extend(data);
            tail = first;
        }
        Some(Parts { head, tail, runs, stream, pixels })
    }
}

/// Takes a chunk off the front: its kind and its data.
fn take_chunk<'a>(rest: &mut &'a [u8]) -> Option<([u8; 4], &'a [u8])> {
    let (length, after) = rest.split_first_chunk()?;
    let (kind, after) = after.split_first_chunk()?;
    let (data, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let (_checksum, after) = after.split_first_chunk::<4>()?;
    *rest = after;
    Some((*kind, data))
}

/// How many bytes of filtered samples a PNG with this header holds, if those are not too many.
fn pixel_bytes(header: &[u8]) -> Option<usize> {
    /// Where the seven passes of an interlaced picture begin, and how far they step: x, y.
    const PASSES: [[u64; 4]; 7] = [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
    ];
    let [w0, w1, w2, w3, h0, h1, h2, h3, depth, color, 0, 0, interlace] = *header else {
        return None;
    };
    let width = u64::from(u32::from_be_bytes([w0, w1, w2, w3]));
    let height = u64::from(u32::from_be_bytes([h0, h1, h2, h3]));
    let samples = match color {
        0 | 3 => 1,
        2 => 3,
        4 => 2,
        6 => 4,
        _ => return None,
    };
    let pass = |width: u64, height: u64| {
        let bits = width.checked_mul(u64::from(depth) * samples)?;
        // A row is its filter's number and its samples.
        if bits == 0 { Some(0) } else { height.checked_mul(1 + bits.div_ceil(8)) }
    };
    let bytes = match interlace {
        0 => pass(width, height)?,
        1 => {
            let mut sum = 0_u64;
            for [x, y, x_step, y_step] in PASSES {
                let columns = width.saturating_sub(x).div_ceil(x_step);
                let rows = height.saturating_sub(y).div_ceil(y_step);
                sum = sum.checked_add(pass(columns, rows)?)?;
            }
            sum
        }
        _ => return None,
    };
    usize::try_from(bytes).ok().filter(|bytes| (1..=OPENED_BYTES_MAX).contains(bytes))
}

/// The fields of an opened form.
struct Opened<'a> {
    head: &'a [u8],
    tail: &'a [u8],
    runs: Vec<(usize, usize)>,
    zlib_head: &'a [u8],
    trailer: &'a [u8],
    corrections: &'a [u8],
    pixels: &'a [u8],
    /// What the `IDAT` chunks hold together.
    idat_bytes: usize,
    /// What the whole PNG takes.
    png_bytes: usize,
}

impl<'a> Opened<'a> {
    /// Reads what follows the seal.
    fn read(mut rest: &'a [u8]) -> Option<Opened<'a>> {
        let rest = &mut rest;
        let corrections = take_length(rest)?;
        let pixels = take_length(rest)?;
        let length = take_length(rest)?;
        let head = take_bytes(rest, length)?;
        let length = take_length(rest)?;
        let tail = take_bytes(rest, length)?;
        let mut runs = Vec::new();
        let mut idat_bytes = 0_usize;
        let mut png_bytes = head.len().checked_add(tail.len())?;
        for _ in 0..take_length(rest)? {
            let (chunks, bytes) = (take_length(rest)?, take_length(rest)?);
            let held = chunks.checked_mul(bytes)?;
            idat_bytes = idat_bytes.checked_add(held)?;
            let framed = chunks.checked_mul(CHUNK_FRAME_BYTES)?.checked_add(held)?;
            png_bytes = png_bytes.checked_add(framed).filter(|sum| *sum <= PNG_BYTES_MAX)?;
            runs.push((chunks, bytes));
        }
        let zlib_head = take_bytes(rest, 2)?;
        let length = take_length(rest)?;
        let trailer = take_bytes(rest, length)?;
        let corrections = take_bytes(rest, corrections)?;
        let pixels = take_bytes(rest, pixels)?;
        rest.is_empty().then_some(Opened {
            head,
            tail,
            runs,
            zlib_head,
            trailer,
            corrections,
            pixels,
            idat_bytes,
            png_bytes,
        })
    }
}
