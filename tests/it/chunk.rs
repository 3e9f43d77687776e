//! Content cut into pieces: all of it is there, and a change touches what is around it.

use std::collections::HashSet;
use std::io::{self, Read};

use proptest::prelude::*;
use tintype::codec::chunk::{
    Cutter, PIECE_BYTES_AVERAGE, PIECE_BYTES_MAX, PIECE_BYTES_MIN, pieces,
};
use tintype::codec::frame;

/// Bytes without a pattern.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

fn cut(content: &[u8]) -> Vec<Vec<u8>> {
    let pieces: Vec<_> = pieces(content).collect::<io::Result<_>>().unwrap();
    assert!(pieces.concat() == content);
    for (at, piece) in pieces.iter().enumerate() {
        assert!(piece.len() <= PIECE_BYTES_MAX);
        assert!(piece.len() >= PIECE_BYTES_MIN || at + 1 == pieces.len() && !piece.is_empty());
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn pieces_do_not_depend_on_how_they_are_fed(
        seed in 1_u64..1_000,
        bytes in 0_usize..3_000_000,
        steps in prop::collection::vec(1_usize..700_000, 1..6),
    ) {
        let content = noise(seed, bytes);
        let expected = cut(&content);
        let mut cutter = Cutter::new();
        let mut found = Vec::new();
        let mut rest = &content[..];
        for step in steps.iter().cycle() {
            let (mut fed, after) = rest.split_at((*step).min(rest.len()));
            while let Some(piece) = cutter.feed(&mut fed) {
                found.push(piece);
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        found.extend(cutter.finish());
        prop_assert!(found == expected);
    }
}

#[test]
fn an_insertion_makes_few_pieces_new() {
    let content = noise(1, 20_000_000);
    let before = cut(&content);
    assert!(before.len() > 20_000_000 / PIECE_BYTES_AVERAGE / 2, "{} pieces", before.len());
    let known: HashSet<_> = before.iter().map(|piece| frame::hash(piece)).collect();
    for at in [0, 1_000_000, 9_999_999, 20_000_000] {
        let mut edited = content.clone();
        edited.splice(at..at, *b"a line that was not there");
        let after = cut(&edited);
        let new = after.iter().filter(|piece| !known.contains(&frame::hash(piece))).count();
        assert!((1..=3).contains(&new), "{new} of {} are new", after.len());
    }
}

#[test]
fn content_without_a_place_to_cut_is_cut_at_a_limit() {
    let pieces = cut(&vec![0; 2 * PIECE_BYTES_MAX + 1]);
    assert!(pieces[0].len() == PIECE_BYTES_MAX || pieces[0].len() == PIECE_BYTES_MIN + 1);
}

#[test]
fn nothing_has_no_pieces() {
    assert_eq!(cut(b"").len(), 0);
    assert_eq!(cut(b"a").len(), 1);
    assert_eq!(cut(&noise(1, PIECE_BYTES_MIN)).len(), 1);
}

#[test]
fn a_reader_that_fails_ends_the_pieces_with_its_error() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(io::ErrorKind::Interrupted.into()),
                2 => {
                    buffer[0] = 7;
                    Ok(1)
                }
                _ => Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }
    let mut pieces = pieces(Failing(0));
    assert_eq!(pieces.next().unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(pieces.next().is_none());
}
