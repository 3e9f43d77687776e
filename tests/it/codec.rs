//! Frames: what goes in comes out, and nothing else does.

use proptest::prelude::*;
use tintype::codec::frame::{self, Codec, Effort};
use tintype::codec::level::{self, CHAIN_LENGTH, DEPTH_MAX};

/// Content that has something in common with other content, as versions of a page have.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2_000),
        prop::collection::vec("[a-e]{1,4} ", 0..600).prop_map(|words| words.concat().into_bytes()),
    ]
}

fn edited() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (content(), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(base, at, inserted)| {
            let at = at.index(base.len() + 1);
            let mut edited = base.clone();
            edited.splice(at..(at + inserted.len() / 2).min(base.len()), inserted);
            (base, edited)
        },
    )
}

proptest! {
    #[test]
    fn content_comes_back_whole_and_as_a_delta((base, content) in edited()) {
        for base in [None, Some(&base[..])] {
            let frame = frame::encode(&content, base);
            prop_assert!(base.is_some() || frame.codec != Codec::Delta);
            prop_assert!(frame.data.len() <= content.len());
            let back = frame::decode(frame.codec, &frame.data, base, content.len());
            prop_assert_eq!(back.unwrap(), content.clone());
        }
    }

    #[test]
    fn a_cold_frame_decodes_to_the_same_as_any((base, content) in edited()) {
        for base in [None, Some(&base[..])] {
            let frame = frame::encode_cold(&content, base);
            prop_assert!(frame.data.len() <= content.len());
            let back = frame::decode(frame.codec, &frame.data, base, content.len());
            prop_assert_eq!(back.unwrap(), content.clone());
        }
    }

    #[test]
    fn a_quick_frame_decodes_to_the_same_as_any((base, content) in edited(), times in 1_usize..40) {
        let (base, content) = (base.repeat(times), content.repeat(times));
        for base in [None, Some(&base[..])] {
            let frame = frame::encode_with(Effort::Quick, &content, base);
            prop_assert!(base.is_some() || frame.codec != Codec::Delta);
            prop_assert!(frame.data.len() <= content.len());
            prop_assert!(frame.gives(&content, base));
            let back = frame::decode(frame.codec, &frame.data, base, content.len());
            prop_assert_eq!(back.unwrap(), content.clone());
        }
    }

    #[test]
    fn what_was_not_encoded_decodes_to_an_error_or_the_length_asked_for(
        data in prop::collection::vec(any::<u8>(), 0..200),
        base in content(),
        bytes in 0_usize..5_000,
    ) {
        for codec in Codec::ALL {
            let decoded = frame::decode(codec, &data, Some(&base), bytes);
            if let Ok(content) = decoded.and_then(|found| frame::restore(codec, found, bytes)) {
                prop_assert_eq!(content.len(), bytes);
            }
        }
    }

    #[test]
    fn a_damaged_frame_never_yields_another_length(
        (base, content) in edited(),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut frame = frame::encode(&content, Some(&base));
        if !frame.data.is_empty() {
            let at = at.index(frame.data.len());
            frame.data[at] ^= flip;
        }
        if let Ok(back) = frame::decode(frame.codec, &frame.data, Some(&base), content.len()) {
            prop_assert_eq!(back.len(), content.len());
        }
    }
}

#[test]
fn a_frame_that_claims_more_than_was_recorded_is_an_error() {
    let frame = frame::encode(&vec![0; 1 << 20], None);
    assert!(frame.data.len() < 1_000);
    for bytes in [0, 1, 1_000, (1 << 20) - 1, (1 << 20) + 1] {
        assert!(frame::decode(frame.codec, &frame.data, None, bytes).is_err());
    }
}

#[test]
fn a_cold_frame_is_smaller_and_needs_no_more_to_be_read() {
    let words = ["kettle", "spoon", "enamel", "price", "quiet", "litre", "stove"];
    let text = |seed: usize| {
        let word = |n: usize| words[(n * n / 3 + n * seed) % words.len()];
        (0..4_000).map(|n| format!("{} {}\n", word(n), n * seed % 97)).collect::<String>()
    };
    let (base, content) = (text(3).into_bytes(), text(4).into_bytes());
    for base in [None, Some(&base[..])] {
        let (usual, cold) = (frame::encode(&content, base), frame::encode_cold(&content, base));
        assert!(cold.data.len() < usual.data.len());
        let back = frame::decode(cold.codec, &cold.data, base, content.len()).unwrap();
        assert_eq!(back, content);
    }
}

#[test]
fn a_page_that_differs_in_a_few_places_is_a_small_delta_at_any_effort() {
    let line =
        |n: u32| format!("<tr><td>{n}</td><td>{:x}</td></tr>\n", n.wrapping_mul(0x9E37_79B9));
    let page = |token: &str| {
        let rows = |from: u32| (from..from + 4_000).map(line).collect::<String>();
        format!("{}<input value=\"{token}\">{}", rows(0), rows(4_000)).into_bytes()
    };
    let base = page("3c1f");
    for content in [page("a917"), page("a longer one"), page(""), base.clone()] {
        for effort in [Effort::Usual, Effort::Quick] {
            let frame = frame::encode_with(effort, &content, Some(&base));
            assert_eq!(frame.codec, Codec::Delta);
            assert!(frame.data.len() < 200, "{effort:?}: {}", frame.data.len());
            assert!(frame.gives(&content, Some(&base)));
            assert!(!frame.gives(&base[1..], Some(&base)));
        }
    }
}

/// Lines that differ, as pages have them.
fn page(lines: u32) -> Vec<u8> {
    let line = |n: u32| format!("<li id=\"{n}\">{:x}</li>\n", n.wrapping_mul(0x9E37_79B9));
    (0..lines).flat_map(|n| line(n).into_bytes()).collect()
}

#[test]
fn a_list_in_another_order_is_a_small_delta_even_if_made_quickly() {
    let line = |n: u32| format!("<li class=\"result\"><b>{n}</b>{:x}</li>\n", n * 7_919);
    let item = |n: u32| (n * 100..n * 100 + 9).map(line).collect::<String>();
    let list = |order: [u32; 4]| {
        let items: String = order.into_iter().map(item).collect();
        [page(1_500), items.into_bytes(), page(3_000)].concat()
    };
    let (base, content) = (list([1, 2, 3, 4]), list([3, 2, 4, 1]));
    let frame = frame::encode_with(Effort::Quick, &content, Some(&base));
    assert!(frame.data.len() < content.len() / 100, "{}", frame.data.len());
    assert!(frame.gives(&content, Some(&base)));
}

#[test]
fn copies_of_every_length_come_back() {
    let base = page(12_000);
    for bytes in (16_384..16_424).chain(131_060..131_090) {
        let content = [b"#".as_slice(), &base[..50], b"new", &base[100..100 + bytes]].concat();
        let frame = frame::encode_with(Effort::Quick, &content, Some(&base));
        assert_eq!(frame.codec, Codec::Delta);
        assert!(frame.gives(&content, Some(&base)));
    }
}

#[test]
fn a_delta_without_its_base_is_an_error() {
    let base: Vec<u8> = (0..20_000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    let mut content = base.clone();
    content[10_000] ^= 1;
    let frame = frame::encode(&content, Some(&base));
    assert_eq!(frame.codec, Codec::Delta);
    assert!(frame.data.len() < 100, "{}", frame.data.len());
    assert!(frame::decode(Codec::Delta, &frame.data, None, content.len()).is_err());
}

#[test]
fn what_does_not_get_smaller_is_kept_as_it_is() {
    let noise: Vec<u8> = (0..64_u32)
        .flat_map(|n| *frame::hash(&n.to_le_bytes()).0.as_array::<32>().unwrap())
        .collect();
    assert_eq!(frame::encode(&noise, None).codec, Codec::Raw);
    assert_eq!(frame::encode(b"", None).codec, Codec::Raw);
}

#[test]
fn every_position_is_read_through_a_bounded_number_of_deltas() {
    let mut deepest = 0;
    for position in 0..2 * CHAIN_LENGTH {
        let mut depth = 0;
        let mut at = position;
        while let Some(base) = level::base_position(at) {
            assert!(base < at);
            at = base;
            depth += 1;
        }
        deepest = deepest.max(depth);
    }
    assert_eq!(deepest, DEPTH_MAX);
}
