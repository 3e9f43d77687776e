//! What a page is made of: which elements, with which names and classes, however many of each.
//!
//! Two products have one structure; a shop that was built anew has another. The order, the number and
//! the text of elements say nothing, nor do digits in names, which are made up anew each time.

use std::collections::BTreeSet;

use html5gum::{Token, Tokenizer};

use crate::codec::digest::{Digest, Fields};

/// The most bytes of a document that are looked at.
const LOOKED_AT_MAX: usize = 4 * 1024 * 1024;
/// The most kinds of element that are told apart.
const KINDS_MAX: usize = 10_000;

/// The digest of what a document is made of.
pub(super) fn of(html: &[u8]) -> Digest {
    let html = &html[..html.len().min(LOOKED_AT_MAX)];
    let mut kinds: BTreeSet<Vec<u8>> = BTreeSet::new();
    for token in Tokenizer::new(html) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        if kinds.len() >= KINDS_MAX {
            break;
        }
        let mut kind = tag.name.to_vec();
        for name in [b"id".as_slice(), b"class"] {
            let Some(value) = tag.attributes.get(name) else { continue };
            let words: BTreeSet<Vec<u8>> = value
                .split(u8::is_ascii_whitespace)
                .map(|word| word.iter().copied().filter(|byte| !byte.is_ascii_digit()).collect())
                .collect();
            kind.push(if name == b"id" { b'#' } else { b'.' });
            kind.extend(words.into_iter().collect::<Vec<_>>().join(&b' '));
        }
        kinds.insert(kind);
    }
    let mut fields = Fields::new();
    for kind in &kinds {
        fields.bytes(kind);
    }
    fields.digest()
}
