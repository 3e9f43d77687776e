//! Forms, as they are sent: `application/x-www-form-urlencoded` (URL Standard, 5) and
//! `multipart/form-data` (RFC 7578).

use super::names::{Place, Secrecy, looks_made, secrecy};
use super::{Pass, Patches};
use crate::format::mhtml;

impl Pass<'_> {
    /// Redacts `name=value&name=value`.
    pub(super) fn form(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        // What calls itself a form is often JSON.
        if super::json::looks_like(text) {
            return self.json(text);
        }
        let mut patches = Patches::default();
        let mut start = 0;
        for pair in text.split(|byte| *byte == b'&') {
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, from) = match equals {
                Some(at) => (&pair[..at], at + 1),
                None => (&pair[..0], 0),
            };
            let value = &pair[from..];
            let redacted = match self.parameter(name, value, Place::Query) {
                None if !value.contains(&b'%') => self.string(value),
                redacted => redacted,
            };
            if let Some(redacted) = redacted {
                patches.add(start + from..start + pair.len(), redacted);
            }
            start += pair.len() + 1;
        }
        patches.apply(text)
    }

    /// Redacts a body of several parts by the name of each, and by what each is.
    pub(super) fn multipart(
        &mut self,
        media_type: &str,
        text: &[u8],
    ) -> Result<Option<Vec<u8>>, String> {
        let Some(delimiter) = delimiter(media_type, text) else { return Ok(self.string(text)) };
        let mut patches = Patches::default();
        let mut part_start = None;
        let mut line_start = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(&delimiter) {
                if let Some(start) = part_start.take() {
                    self.part(text, start, line_start, &mut patches)?;
                }
                part_start = Some(line_start + line.len());
            }
            line_start += line.len();
        }
        if let Some(start) = part_start {
            self.part(text, start, text.len(), &mut patches)?;
        }
        Ok(patches.apply(text))
    }

    /// Redacts one part: its headers, an empty line, its content.
    fn part(
        &mut self,
        text: &[u8],
        start: usize,
        end: usize,
        patches: &mut Patches,
    ) -> Result<(), String> {
        let mut at = start;
        let (mut name, mut kind) = (None, None);
        for line in text[start..end].split_inclusive(|byte| *byte == b'\n') {
            at += line.len();
            let line = line.trim_ascii();
            if line.is_empty() {
                break;
            }
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (header, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if header.eq_ignore_ascii_case(b"content-disposition") {
                name = mhtml::parameter(value, b"name");
            } else if header.eq_ignore_ascii_case(b"content-type") {
                kind = Some(String::from_utf8_lossy(value).into_owned());
            }
        }
        let content = text[at..end].strip_suffix(b"\n").unwrap_or(&text[at..end]);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let secret = match name.as_deref().and_then(|name| secrecy(name, Place::Query)) {
            Some(Secrecy::Always) => true,
            Some(Secrecy::IfMade) => looks_made(content),
            None => false,
        };
        let redacted = match (secret, kind) {
            (true, _) => self.secret("key", content),
            (false, Some(kind)) => {
                let content = self.deeper(|pass| Some(pass.content(&kind, content)));
                content.unwrap_or(Ok(None))?
            }
            (false, None) => self.string(content),
        };
        if let Some(redacted) = redacted {
            patches.add(at..at + content.len(), redacted);
        }
        Ok(())
    }
}

/// What begins each part: as the media type says, or as the first line does.
fn delimiter(media_type: &str, text: &[u8]) -> Option<Vec<u8>> {
    let told = mhtml::parameter(media_type.as_bytes(), b"boundary");
    let told = told.filter(|boundary| !boundary.is_empty());
    told.map(|boundary| [b"--".as_slice(), &boundary].concat()).or_else(|| {
        let first = text.split(|byte| *byte == b'\n').next()?.trim_ascii_end();
        (first.len() > 2 && first.starts_with(b"--")).then(|| first.to_vec())
    })
}
