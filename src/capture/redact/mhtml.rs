//! MHTML: each part is decoded, redacted as what it is, and encoded again where that changed it.

use super::{Pass, escape};
use crate::format::mhtml::{Mhtml, from_quoted_printable};

impl Pass<'_> {
    /// Redacts a page with its parts.
    pub(super) fn mhtml(&mut self, text: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let Some(mut page) = Mhtml::parse(text) else {
            let encoding = b"content-transfer-encoding";
            let encoded = text.windows(encoding.len()).any(|w| w.eq_ignore_ascii_case(encoding));
            return match encoded {
                true => {
                    Err("its parts can't be told apart, and what is encoded can't be read".into())
                }
                false => Ok(self.string(text)),
            };
        };
        let mut changed = page.headers.edit(|name, value| self.mhtml_header(name, value));
        for around in [&mut page.preamble, &mut page.epilogue] {
            if let Some(redacted) = self.string(around) {
                *around = redacted;
                changed = true;
            }
        }
        for part in &mut page.parts {
            changed |= part.headers.edit(|name, value| self.mhtml_header(name, value));
            let kind = part.media_type();
            let redacted = {
                let content = part.content();
                self.deeper(|pass| Some(pass.content(&kind, &content))).unwrap_or(Ok(None))?
            };
            if let Some(redacted) = redacted {
                part.set_content(&redacted);
                changed = true;
            }
        }
        Ok(changed.then(|| page.write()))
    }

    fn mhtml_header(&mut self, name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        if name.eq_ignore_ascii_case(b"snapshot-content-location") {
            return self.address(value);
        }
        let plain = words(value);
        let redacted = self.header(name, plain.as_deref().unwrap_or(value))?;
        match plain {
            None => Some(redacted),
            Some(_) => {
                let digits = escape::to_base64(&redacted);
                Some(format!("=?utf-8?B?{digits}?=").into_bytes())
            }
        }
    }
}

/// Reads encoded words (RFC 2047) where a header has some.
fn words(value: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut rest = value;
    let mut found = false;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"=?") {
        let mut pieces = rest[at + 2..].splitn(4, |byte| *byte == b'?');
        let (_charset, kind) = (pieces.next(), pieces.next());
        let (text, after) = (pieces.next(), pieces.next());
        let (Some(kind), Some(text), Some(after)) = (kind, text, after) else { break };
        let Some(after) = after.strip_prefix(b"=") else { break };
        let word = match kind {
            b"q" | b"Q" => {
                let spaced: Vec<u8> =
                    text.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
                from_quoted_printable(&spaced)
            }
            b"b" | b"B" => escape::base64(text)?,
            _ => break,
        };
        // Spaces between two words are none.
        let between = &rest[..at];
        if !(found && between.trim_ascii().is_empty()) {
            plain.extend_from_slice(between);
        }
        plain.extend(word);
        found = true;
        rest = after;
    }
    plain.extend_from_slice(rest);
    found.then_some(plain)
}
