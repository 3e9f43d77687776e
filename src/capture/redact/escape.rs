//! How text is written within other text: in addresses, in strings of JSON and JavaScript, in base64.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Takes padding and leaves it, as senders do.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Decodes `%41` and `+` (URL Standard, `application/x-www-form-urlencoded`).
pub(super) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    decode_with(text, b' ')
}

/// Decodes `%41` alone.
pub(super) fn decode_percents(text: &[u8]) -> Cow<'_, [u8]> {
    decode_with(text, b'+')
}

fn decode_with(text: &[u8], plus: u8) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        plain.push(match (byte, after) {
            (b'+', _) => plus,
            (b'%', [a, b, after @ ..]) => match (hex(*a), hex(*b)) {
                (Some(a), Some(b)) => {
                    rest = after;
                    a << 4 | b
                }
                _ => b'%',
            },
            (byte, _) => *byte,
        });
    }
    Cow::Owned(plain)
}

/// Encodes everything that has a meaning in an address.
pub(super) fn encode(plain: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(plain.len() * 3);
    for byte in plain {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => text.push(*byte),
            byte => {
                text.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    text
}

/// Reads the escapes of a string of JSON or JavaScript; what is no escape stays.
pub(super) fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let (b'\\', Some((escape, after))) = (byte, after.split_first()) else {
            plain.push(*byte);
            continue;
        };
        rest = after;
        match escape {
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'b' => plain.push(8),
            b'f' => plain.push(12),
            b'x' => match hex_number(after, 2) {
                Some(unit) => {
                    push_char(unit, &mut plain);
                    rest = &after[2..];
                }
                None => plain.push(b'x'),
            },
            b'u' => match hex_number(after, 4) {
                Some(unit) => {
                    rest = &after[4..];
                    let low = match rest {
                        [b'\\', b'u', low @ ..] if (0xD800..0xDC00).contains(&unit) => {
                            hex_number(low, 4).filter(|low| (0xDC00..0xE000).contains(low))
                        }
                        _ => None,
                    };
                    match low {
                        Some(low) => {
                            rest = &rest[6..];
                            push_char(
                                0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00),
                                &mut plain,
                            );
                        }
                        None => push_char(unit, &mut plain),
                    }
                }
                None => plain.push(b'u'),
            },
            other => plain.push(*other),
        }
    }
    Cow::Owned(plain)
}

/// Writes what stands between the quotes of a JSON string. `<` is escaped, so that it may stand in a
/// script too.
pub(super) fn json(plain: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(plain.len() + 8);
    for byte in plain {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', *byte]),
            b'\n' => text.extend(b"\\n"),
            b'\r' => text.extend(b"\\r"),
            b'\t' => text.extend(b"\\t"),
            0..0x20 | b'<' => {
                text.extend(b"\\u00");
                text.extend([digit(byte >> 4), digit(byte & 15)]);
            }
            byte => text.push(*byte),
        }
    }
    text
}

/// Decodes base64 of either alphabet, with or without padding.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()
}

/// Encodes base64 (RFC 4648, 4).
pub(super) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Whether it is a user and a password as `Basic` has them (RFC 7617).
pub(super) fn is_basic(text: &[u8]) -> bool {
    base64(text).is_some_and(|plain| {
        plain.contains(&b':') && !plain.iter().any(|byte| *byte < 0x20 || *byte == 0x7F)
    })
}

fn push_char(code: u32, text: &mut Vec<u8>) {
    // Half of a pair is no character.
    let found = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend(found.encode_utf8(&mut [0; 4]).as_bytes());
}

fn hex_number(text: &[u8], digits: usize) -> Option<u32> {
    text.get(..digits)?.iter().try_fold(0, |sum, byte| Some(sum << 4 | u32::from(hex(*byte)?)))
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn digit(half: u8) -> u8 {
    b"0123456789ABCDEF"[usize::from(half & 15)]
}

/// Whether a word may begin here: after no letter or digit, unless that is the end of an escape.
pub(super) fn starts_word(text: &[u8], at: usize) -> bool {
    let before = &text[..at];
    match before {
        [.., last] if !is_word(*last) => true,
        [] => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., b'\\', b'x', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'0'] => true,
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()),
        _ => false,
    }
}

/// Whether a byte is of a word: a letter, a digit, or a line below.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_and_what_is_none_stays() {
        assert_eq!(&*decode(b"a%41+%zz%4"), b"aA %zz%4");
        assert_eq!(
            &*unescape(br#"a\"b\u0041\ud83d\ude00\ud83d\x41\/\q\"#),
            "a\"bA😀\u{fffd}A/q\\".as_bytes()
        );
        assert_eq!(json(b"a\"<\n\x01"), br#"a\"\u003C\n\u0001"#);
        assert!(is_basic(b"dXNlcjpwYXNz"));
        assert!(!is_basic(b"instructions"));
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        // Every byte, before and after every other.
        for first in 0..=255 {
            let bytes: Vec<u8> = (0..=255).flat_map(|second| [first, second]).collect();
            assert_eq!(&*decode(&encode(&bytes)), &bytes[..]);
            assert_eq!(&*unescape(&json(&bytes)), &bytes[..]);
        }
    }
}
