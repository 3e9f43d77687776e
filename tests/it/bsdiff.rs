//! Patches of bsdiff: one that the program made, and what nobody made.

use proptest::prelude::*;
use tintype::format::bsdiff::apply;

/// From [`old`] to [`new`], by bsdiff 4.
const PATCH: &str = "\
    425344494646343052000000000000002c000000000000003005000000000000425a6839314159265359d6b1be\
    da00000570f27f1c00420040000240000100200000202000314d32313131068469a34188a83799d6cf90ece444\
    05424982150c7613eab85129c3f8bb9229c28486b58df6d0425a6839314159265359c577c600000002e000c000\
    02000008200030cc089a49403c5dc914e1424315df1800425a683931415926535935bd7c430000069700400002\
    25090036a12000229e91a668d21000005ce4126e8d086d4db3209733a3e2ee48a70a1206b7af8860";
const FROM_NOTHING: &str = "425344494646343029000000000000000e000000000000000300000000000000425a683931415926\
5359748b428b00000040004c082000218c8334d1095d38bb9229c28483a45a1458425a683917724538509000000000425a683931\
4159265359648cbb73000000010038002000219819846177245385090648cbb730";
const TO_NOTHING: &str = "42534449464634300e000000000000000e000000000000000000000000000000425a68391772453850\
9000000000425a683917724538509000000000425a683917724538509000000000";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn old() -> Vec<u8> {
    (0..60).flat_map(|n| format!("line {n} of the old text\n").into_bytes()).collect()
}

fn new() -> Vec<u8> {
    let text = String::from_utf8(old()).unwrap();
    let text = text.replace("line 7 ", "LINE SEVEN ").replace("line 40 of the old text\n", "");
    let text = text + "an end";
    format!("a beginning {}{}", &text[300..], &text[..200]).into_bytes()
}

#[test]
fn a_patch_gives_what_it_was_made_of() {
    assert_eq!(apply(&old(), &bytes(PATCH), 10_000).unwrap(), new());
    assert_eq!(apply(b"", &bytes(FROM_NOTHING), 10).unwrap(), b"abc");
    assert_eq!(apply(b"abc", &bytes(TO_NOTHING), 0).unwrap(), b"");
}

#[test]
fn a_patch_that_claims_a_terabyte_is_refused_before_anything_is_done() {
    let mut patch = bytes(PATCH);
    patch[24..32].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    assert!(apply(&old(), &patch, 1 << 30).unwrap_err().to_string().contains("larger than"));
    // Where so much may be made, what is not there is missed.
    assert!(apply(&old(), &patch, usize::MAX).is_err());
    for length in [8, 16] {
        let mut patch = bytes(PATCH);
        patch[length..length + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        assert!(apply(&old(), &patch, 10_000).unwrap_err().to_string().contains("middle"));
        patch[length + 7] = 0x80;
        assert!(apply(&old(), &patch, 10_000).unwrap_err().to_string().contains("below zero"));
    }
    assert!(apply(&old(), b"BSDIFF41", 10).unwrap_err().to_string().contains("BSDIFF40"));
}

proptest! {
    #[test]
    fn a_part_of_a_patch_is_none(at in 0..220_usize) {
        let patch = bytes(PATCH);
        prop_assert!(apply(&old(), &patch[..at.min(patch.len() - 1)], 10_000).is_err());
    }

    #[test]
    fn no_bytes_do_harm(at in 0..220_usize, byte: u8, tail in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut patch = bytes(PATCH);
        let place = at % patch.len();
        patch[place] = byte;
        if let Ok(made) = apply(&old(), &patch, 100_000) {
            prop_assert!(made.len() <= 100_000);
        }
        let mut made_up = b"BSDIFF40".to_vec();
        made_up.extend(&tail);
        let _ = apply(&old(), &made_up, 100_000);
    }
}
