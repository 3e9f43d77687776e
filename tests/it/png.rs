//! PNG opened up: the same bytes come back, and nothing else is taken for an opened form.

use std::sync::LazyLock;

use png::{BitDepth, ColorType, Compression, DeflateCompression, Filter};
use proptest::prelude::*;
use tintype::codec::frame::{self, Codec, Form, Frame};
use tintype::codec::png::{OPENED_BYTES_MAX, close, open};

/// Two pictures that Chromium took of one page; a price changes, and a line comes in.
const KETTLES: [&[u8]; 2] =
    [include_bytes!("../data/kettles-1.png"), include_bytes!("../data/kettles-2.png")];

/// Their opened forms.
static OPENED: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| KETTLES.map(|png| open(png).unwrap()));

/// How a test picture is made.
#[derive(Debug, Clone)]
struct Made {
    color: ColorType,
    depth: BitDepth,
    compression: DeflateCompression,
    filter: Filter,
    size: (u32, u32),
    seed: u32,
}

impl Made {
    fn png(&self) -> Vec<u8> {
        let (width, height) = self.size;
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(self.color);
        encoder.set_depth(self.depth);
        encoder.set_compression(Compression::Balanced);
        encoder.set_deflate_compression(self.compression);
        encoder.set_filter(self.filter);
        if self.color == ColorType::Indexed {
            encoder.set_palette([200; 256 * 3].as_slice());
        }
        encoder.add_text_chunk("Title".into(), format!("picture {}", self.seed)).unwrap();
        let row = (width as usize * self.color.samples() * self.depth as usize).div_ceil(8);
        // Bands with a little in them, as pages have.
        let pixels: Vec<u8> = (0..row * height as usize)
            .map(|at| {
                let (x, y) = (at % row, at / row);
                let ink = (x * 7 + y * 13 + self.seed as usize).is_multiple_of(11);
                if ink { (x * y) as u8 } else { (y / 16 * 40) as u8 }
            })
            .collect();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
        drop(writer);
        out
    }
}

fn made() -> impl Strategy<Value = Made> {
    let kind = prop::sample::select(vec![
        (ColorType::Rgb, BitDepth::Eight),
        (ColorType::Rgba, BitDepth::Eight),
        (ColorType::Rgb, BitDepth::Sixteen),
        (ColorType::Grayscale, BitDepth::One),
        (ColorType::GrayscaleAlpha, BitDepth::Eight),
        (ColorType::Indexed, BitDepth::Eight),
        (ColorType::Indexed, BitDepth::Four),
    ]);
    let compression = prop_oneof![
        Just(DeflateCompression::NoCompression),
        Just(DeflateCompression::FdeflateUltraFast),
        (1_u8..10).prop_map(DeflateCompression::Level),
    ];
    let filter = prop::sample::select(vec![
        Filter::NoFilter,
        Filter::Sub,
        Filter::Up,
        Filter::Avg,
        Filter::Paeth,
        Filter::Adaptive,
    ]);
    (kind, compression, filter, (1_u32..200, 1_u32..200), 0_u32..50).prop_map(
        |((color, depth), compression, filter, size, seed)| Made {
            color,
            depth,
            compression,
            filter,
            size,
            seed,
        },
    )
}

/// A chunk, with its checksum.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut checked = kind.to_vec();
    checked.extend(data);
    let mut crc = !0_u32;
    for byte in &checked {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    [&(data.len() as u32).to_be_bytes()[..], &checked, &(!crc).to_be_bytes()].concat()
}

/// The chunks of a PNG.
fn chunks(png: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let mut rest = &png[8..];
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        chunks.push((rest[4..8].try_into().unwrap(), rest[8..8 + length].to_vec()));
        rest = &rest[12 + length..];
    }
    chunks
}

/// The PNG with its `IDAT` data cut into chunks of these lengths, the rest in a last one.
fn recut(png: &[u8], lengths: &[usize]) -> Vec<u8> {
    let chunks = chunks(png);
    let idat: Vec<u8> = chunks
        .iter()
        .filter(|(kind, _)| kind == b"IDAT")
        .flat_map(|(_, data)| data.clone())
        .collect();
    let mut out = png[..8].to_vec();
    let mut written = false;
    for (kind, data) in chunks {
        if kind != *b"IDAT" {
            out.extend(chunk(&kind, &data));
        } else if !written {
            written = true;
            let mut rest = &idat[..];
            for length in lengths {
                let (piece, after) = rest.split_at((*length).min(rest.len()));
                out.extend(chunk(b"IDAT", piece));
                rest = after;
            }
            out.extend(chunk(b"IDAT", rest));
        }
    }
    out
}

/// A PNG with this header and these bytes as its pixels, stored.
fn stored(width: u32, height: u32, interlace: u8, deflated: &[u8]) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, interlace]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(chunk(b"IHDR", &header));
    png.extend(chunk(b"IDAT", &[b"\x78\x01", deflated, b"adle"].concat()));
    png.extend(chunk(b"IEND", b""));
    png
}

/// A Deflate stream that holds these bytes as they are.
fn deflated(pixels: &[u8]) -> Vec<u8> {
    let length = pixels.len() as u16;
    [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), pixels].concat()
}

#[test]
fn pictures_that_chromium_took_come_back_to_the_byte() {
    for png in KETTLES {
        let opened = open(png).unwrap();
        assert!(opened.len() > 10 * png.len());
        assert_eq!(close(&opened).unwrap(), png);
    }
}

#[test]
fn the_pixels_stand_at_the_end_of_the_form_as_they_are() {
    let pixels: Vec<u8> = (0..3).flat_map(|row| [0, row, 1, 2, 3, row, 5]).collect();
    let png = stored(2, 3, 0, &deflated(&pixels));
    let opened = open(&png).unwrap();
    assert!(opened.starts_with(b"PNGo\x01"));
    assert!(opened.ends_with(&pixels));
    assert_eq!(close(&opened).unwrap(), png);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_opened_closes_to_the_same_bytes(made in made()) {
        let png = made.png();
        if let Some(opened) = open(&png) {
            prop_assert_eq!(close(&opened).unwrap(), png);
        }
    }

    #[test]
    fn chunks_may_be_cut_anywhere_and_anything_may_follow(
        lengths in prop::collection::vec(0_usize..4_000, 0..20),
        after in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut png = recut(KETTLES[0], &lengths);
        png.extend(after);
        let opened = open(&png).unwrap();
        prop_assert_eq!(close(&opened).unwrap(), png);
    }

    #[test]
    fn a_damaged_form_is_an_error(
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
        kept in any::<prop::sample::Index>(),
    ) {
        let opened = &OPENED[0];
        let mut damaged = opened.clone();
        damaged[at.index(opened.len())] ^= flip;
        prop_assert!(close(&damaged).is_err());
        prop_assert!(close(&opened[..kept.index(opened.len())]).is_err());
    }

    #[test]
    fn a_damaged_picture_is_not_opened_or_comes_back_as_it_is(
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
        kept in any::<prop::sample::Index>(),
    ) {
        let mut damaged = KETTLES[0].to_vec();
        damaged[at.index(KETTLES[0].len())] ^= flip;
        for png in [&damaged[..], &KETTLES[0][..kept.index(KETTLES[0].len())]] {
            if let Some(opened) = open(png) {
                prop_assert_eq!(close(&opened).unwrap(), png);
            }
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_no_picture(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(close(&bytes).is_err());
        prop_assert!(open(&bytes).is_none());
        let png = stored(3, 7, 0, &bytes);
        if let Some(opened) = open(&png) {
            prop_assert_eq!(close(&opened).unwrap(), png);
        }
    }
}

#[test]
fn every_kind_of_picture_that_compresses_well_is_opened() {
    let kinds = [
        (ColorType::Rgb, BitDepth::Eight),
        (ColorType::Rgba, BitDepth::Eight),
        (ColorType::Rgb, BitDepth::Sixteen),
        (ColorType::Indexed, BitDepth::Eight),
    ];
    for (color, depth) in kinds {
        let compression = DeflateCompression::Level(6);
        let size = (200, 150);
        let made = Made { color, depth, compression, filter: Filter::Up, size, seed: 1 };
        let png = made.png();
        assert_eq!(close(&open(&png).unwrap()).unwrap(), png, "{made:?}");
    }
}

#[test]
fn an_interlaced_picture_is_opened() {
    // Of 3 × 5 pixels, the passes hold 1, 0, 1, 1, 3, 2 × 1 and 2 × 3 of them in their rows.
    let rows: [(usize, usize); 7] = [(1, 1), (0, 0), (1, 1), (1, 2), (2, 1), (1, 3), (3, 2)];
    let bytes: usize = rows.iter().map(|(width, rows)| rows * (1 + width * 3)).sum();
    let png = stored(3, 5, 1, &deflated(&vec![0; bytes]));
    assert_eq!(close(&open(&png).unwrap()).unwrap(), png);
    assert_eq!(open(&stored(3, 5, 1, &deflated(&vec![0; bytes + 1]))), None);
}

#[test]
fn a_picture_that_claims_more_than_fits_is_not_opened() {
    for (width, height) in [(u32::MAX, u32::MAX), (1 << 20, 1 << 20), (1, OPENED_BYTES_MAX as u32)]
    {
        assert_eq!(open(&stored(width, height, 0, &deflated(&[0; 7]))), None);
        assert_eq!(open(&stored(width, height, 1, &deflated(&[0; 7]))), None);
    }
}

#[test]
fn a_picture_that_holds_more_or_less_than_it_claims_is_not_opened() {
    let png = Made {
        color: ColorType::Rgb,
        depth: BitDepth::Eight,
        compression: DeflateCompression::Level(9),
        filter: Filter::NoFilter,
        size: (2_000, 2_000),
        seed: 0,
    }
    .png();
    for (width, height) in [(1_u32, 1_u32), (2_000, 1_999), (2_000, 2_001)] {
        let mut chunks = chunks(&png);
        chunks[0].1[..8].copy_from_slice(&[width.to_be_bytes(), height.to_be_bytes()].concat());
        let chunks = chunks.iter().flat_map(|(kind, data)| chunk(kind, data));
        let lying: Vec<u8> = png[..8].iter().copied().chain(chunks).collect();
        assert_eq!(open(&lying), None);
    }
}

#[test]
fn an_unknown_picture_format_is_not_opened() {
    let cut = KETTLES[0].windows(4).position(|window| window == b"IDAT").unwrap() - 4;
    assert_eq!(open(b""), None);
    assert_eq!(open(&KETTLES[0][..8]), None);
    assert_eq!(open(&KETTLES[0][..cut]), None);
    assert_eq!(open(&KETTLES[0][1..]), None);
}

// Frames of opened forms

#[test]
fn a_picture_as_a_delta_is_a_fraction_of_it() {
    let [first, second] = KETTLES.map(|png| open(png).unwrap());
    let whole = frame::encode_opened(&first, None, KETTLES[0].len()).unwrap();
    assert_eq!(whole.codec, Codec::Opened);
    let delta = frame::encode_opened(&second, Some(&first), KETTLES[1].len()).unwrap();
    assert_eq!(delta.codec, Codec::OpenedDelta);
    assert!(delta.data.len() < KETTLES[1].len() / 4, "{}", delta.data.len());

    let bytes = KETTLES[0].len();
    let base = frame::decode(whole.codec, &whole.data, None, bytes).unwrap();
    assert_eq!(frame::decoded_bytes(whole.codec, &whole.data, bytes).unwrap(), base.len());
    assert_eq!(frame::restore(whole.codec, base.clone(), bytes).unwrap(), KETTLES[0]);
    let bytes = KETTLES[1].len();
    let opened = frame::decode(delta.codec, &delta.data, Some(&base), bytes).unwrap();
    assert_eq!(frame::restore(delta.codec, opened.clone(), bytes).unwrap(), KETTLES[1]);
    assert!(frame::restore(delta.codec, opened, bytes - 1).is_err());
    assert!(frame::decode(delta.codec, &delta.data, None, bytes).is_err());
}

#[test]
fn an_opened_form_that_wins_nothing_is_not_kept() {
    let opened = open(KETTLES[0]).unwrap();
    assert_eq!(frame::encode_opened(&opened, None, 100), None);
    let unlike = vec![7; 1_000];
    let frame = frame::encode_opened(&opened, Some(&unlike), KETTLES[0].len()).unwrap();
    assert_eq!(frame.codec, Codec::Opened);
}

#[test]
fn a_frame_that_claims_an_opened_form_larger_than_any_is_an_error() {
    let opened = open(KETTLES[0]).unwrap();
    let frame = frame::encode_opened(&opened, None, KETTLES[0].len()).unwrap();
    let zstd = frame.data.windows(4).position(|four| four == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    for claimed in [&[0xff; 9][..], &[0xff; 20], &[0x81, 0x80, 0x80, 0x20], &[0], &[]] {
        let data = [claimed, &frame.data[zstd..]].concat();
        assert!(frame::decode(Codec::Opened, &data, None, KETTLES[0].len()).is_err());
    }
}

#[test]
fn codecs_say_which_form_they_give_and_need() {
    let forms = Codec::ALL.map(|codec| (codec.form(), codec.base_form()));
    let expected = [
        (Form::Restored, None),
        (Form::Restored, None),
        (Form::Restored, Some(Form::Restored)),
        (Form::Opened, None),
        (Form::Opened, Some(Form::Opened)),
    ];
    assert_eq!(forms, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_damaged_frame_of_a_picture_is_an_error_or_the_same_picture(
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        static FRAME: LazyLock<Frame> = LazyLock::new(|| {
            let [base, opened] = &*OPENED;
            frame::encode_opened(opened, Some(base), KETTLES[1].len()).unwrap()
        });
        let (base, bytes) = (&OPENED[0], KETTLES[1].len());
        let frame = &*FRAME;
        let mut data = frame.data.clone();
        let at = at.index(data.len());
        data[at] ^= flip;
        let content = frame::decode(frame.codec, &data, Some(base), bytes)
            .and_then(|opened| frame::restore(frame.codec, opened, bytes));
        if let Ok(content) = content {
            // A bit of a frame that says nothing about its content.
            prop_assert_eq!(content, KETTLES[1]);
        }
    }
}
