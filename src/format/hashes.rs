//! Hashes that other programs write down beside content, as hex digits, and the texts that they are
//! made of.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest, Sha256};

/// Puts together the hash of content that comes piece by piece.
pub struct Sha256Stream(Sha256);

impl Default for Sha256Stream {
    fn default() -> Self {
        Sha256Stream(Sha256::new())
    }
}

impl Sha256Stream {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all, as hex digits.
    pub fn hex(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The SHA-256 of bytes, as hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What names a script or style in a content security policy, as CSP Level 3 writes it:
/// `sha256-` and the hash in Base64.
pub fn source_expression(bytes: &[u8]) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(bytes)))
}

/// The MD5 of bytes, as hex digits. It tells what a program meant, and proves nothing.
pub fn md5(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text with each CR LF made LF; none where it has no CR LF.
pub fn line_feeds(text: &[u8]) -> Option<Vec<u8>> {
    if !text.windows(2).any(|pair| pair == b"\r\n") {
        return None;
    }
    let mut plain = Vec::with_capacity(text.len());
    for (at, byte) in text.iter().enumerate() {
        if *byte != b'\r' || text.get(at + 1) != Some(&b'\n') {
            plain.push(*byte);
        }
    }
    Some(plain)
}

/// Bytes as characters of Windows-1252, with each CR LF made LF. The five bytes that stand for
/// nothing there become the control characters of the same number, as WHATWG's table has it.
pub fn from_windows_1252(bytes: &[u8]) -> String {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let plain = line_feeds(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned);
    let character = |byte: &u8| match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        other => char::from(*other),
    };
    plain.iter().map(character).collect()
}
