//! Card numbers: 13 to 19 digits that the check of ISO/IEC 7812-1 (Luhn) holds for.
//!
//! One number in ten passes that check by chance. So what begins as no bank's number does (only
//! `22`-`27` and `3`-`6` do), what is part of a longer number, of an identifier, a UUID, a decimal
//! fraction or a telephone number, and a barcode of 13 digits (EAN-13) is let be. That leaves out
//! times: milliseconds since 1970 begin with 1, dates with 19 or 20.

use std::ops::Range;

/// The groups in which a card number is written.
const SHAPES: [&[usize]; 12] = [
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 4, 1],
    &[4, 4, 4, 4],
    &[4, 4, 4, 3],
    &[4, 4, 4, 2],
    &[4, 4, 4, 1],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 3, 3, 3],
    &[4, 5, 6],
    &[6, 13],
];
/// The most groups of a shape.
const GROUPS_MAX: usize = 5;

/// Finds the card numbers in the run of digits, single spaces and dashes that begins at `at`; tells
/// where that run ends.
pub(super) fn in_run(text: &[u8], at: usize, mut found: impl FnMut(Range<usize>)) -> usize {
    // Whether it hangs on a word: `d4-4111-1111-1111-1111` is no card.
    let mut hangs = !can_stand_before(text, at);
    let mut before = None;
    let mut next = Some(group_at(text, at));
    while let Some(first) = next {
        let groups = groups_from(text, &first);
        let card = if hangs { None } else { card_of(text, &groups, before) };
        // On with what comes after the card, or after this group.
        let last = match card {
            Some(count) => {
                let span = first.start..groups[count - 1].end;
                let last = groups[count - 1].clone();
                found(span);
                last
            }
            None => first,
        };
        before = Some(last.len());
        hangs &= text.get(last.end) == Some(&b'-');
        next = after_separator(text, last.end).map(|start| group_at(text, start));
        if next.is_none() {
            return last.end;
        }
    }
    at + 1
}

/// How many of these groups make a card number.
fn card_of(text: &[u8], groups: &[Range<usize>], before: Option<usize>) -> Option<usize> {
    let first = groups.first()?;
    if (13..=19).contains(&first.len()) {
        let ends = can_stand_after(text, first.end);
        let digits = &text[first.clone()];
        return (ends && !is_ean13(digits) && is_card(digits)).then_some(1);
    }
    SHAPES.iter().find_map(|shape| {
        let fits = groups.len() >= shape.len()
            && shape.iter().zip(groups).all(|(wanted, group)| *wanted == group.len());
        if !fits {
            return None;
        }
        let rest = groups.get(shape.len()).map(Range::len);
        // A row of numbers of four digits is a table.
        let in_a_row = before == Some(4) || (rest == Some(4) && shape.last() == Some(&4));
        let digits: Vec<u8> =
            groups[..shape.len()].iter().flat_map(|group| &text[group.clone()]).copied().collect();
        let end = groups[shape.len() - 1].end;
        (!in_a_row && can_stand_after(text, end) && is_card(&digits)).then_some(shape.len())
    })
}

fn groups_from(text: &[u8], first: &Range<usize>) -> Vec<Range<usize>> {
    let mut groups = vec![first.clone()];
    // One more, to see what follows.
    while groups.len() <= GROUPS_MAX && groups.iter().all(|group| group.len() <= 13) {
        let end = groups[groups.len() - 1].end;
        match after_separator(text, end) {
            Some(start) => groups.push(group_at(text, start)),
            None => break,
        }
    }
    groups
}

fn group_at(text: &[u8], start: usize) -> Range<usize> {
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    start..start + digits
}

/// Where the next group begins, if there is one after a single space, dash or no-break space.
fn after_separator(text: &[u8], at: usize) -> Option<usize> {
    let bytes = match text.get(at)? {
        b' ' | b'-' => 1,
        0xC2 if text.get(at + 1) == Some(&0xA0) => 2,
        _ => return None,
    };
    text.get(at + bytes)?.is_ascii_digit().then_some(at + bytes)
}

/// Whether a number may begin here, and is not the rest of something.
fn can_stand_before(text: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| text.get(at)).copied();
    match before(1) {
        Some(b'.' | b',') => !before(2).is_some_and(|byte| byte.is_ascii_digit()),
        // A telephone number.
        Some(b'+') => false,
        // The end of a UUID.
        Some(b'-') => {
            let hex = (2..=10).take_while(|back| before(*back).is_some_and(is_hex)).count();
            !matches!(hex, 4 | 8)
        }
        _ => super::escape::starts_word(text, at),
    }
}

fn can_stand_after(text: &[u8], at: usize) -> bool {
    let after = |on: usize| text.get(at + on).copied();
    match after(0) {
        Some(b'.' | b',') => !after(1).is_some_and(|byte| byte.is_ascii_digit()),
        Some(byte) => !byte.is_ascii_alphanumeric() && byte != b'_',
        None => true,
    }
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn is_card(digits: &[u8]) -> bool {
    let begins = match digits {
        [b'2', second, ..] => (b'2'..=b'7').contains(second),
        [first, ..] => (b'3'..=b'6').contains(first),
        [] => false,
    };
    begins && (13..=19).contains(&digits.len()) && luhn(digits)
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (u32::from(digit - b'0'), at % 2) {
            (digit, 0) => digit,
            (digit, _) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether it is a barcode of 13 digits (GS1 General Specifications, 7.9).
fn is_ean13(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(at, digit)| u32::from(digit - b'0') * if at % 2 == 0 { 1 } else { 3 })
        .sum();
    digits.len() == 13 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(start) = text.bytes().skip(at).position(|byte| byte.is_ascii_digit()) {
            let end = in_run(text.as_bytes(), at + start, |card| found.push(&text[card]));
            assert!(end > at + start);
            at = end;
        }
        found
    }

    #[test]
    fn cards_are_found_as_people_and_machines_write_them() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5500-0000-0000-0004",
            "378282246310005",
            "3782 822463 10005",
            "30569309025904",
            "6011000990139424",
            "2223003122003222",
            "4222222222222",
            "6304000000000000000",
            "4111\u{a0}1111\u{a0}1111\u{a0}1111",
        ] {
            assert_eq!(cards(card), [card]);
            assert_eq!(cards(&format!("pay with {card}, please")), [card]);
            assert_eq!(cards(&format!("1 {card} 12/27 123")), [card]);
            assert_eq!(cards(&format!("\"{card}\"")), [card]);
        }
        assert_eq!(cards("4111 1111 1111 1111 123"), ["4111 1111 1111 1111"]);
    }

    #[test]
    fn other_numbers_are_let_be() {
        for other in [
            "4111111111111112",
            "14111111111111111",
            "41111111111111110000",
            "1700000000000",
            "1700000000000000",
            "20260129064341",
            "2026-01-29 06 43 41",
            "0.4111111111111111",
            "4111111111111111.5",
            "id4111111111111111",
            "4111111111111111px",
            "+4930111111111111",
            "a1b2c3d4-4111-1111-1111-1111",
            "4111 1111 1111 1111 1111 1111",
            "1111 4111 1111 1111 1111",
            "4006381333931",
            "7992739871300000",
        ] {
            assert_eq!(cards(other), Vec::<&str>::new(), "{other}");
        }
    }
}
