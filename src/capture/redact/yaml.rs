//! YAML, by lines: what stands after a name, and what the accessibility tree says of a field.

use super::names::{Place, Secrecy, header_kind, labels_secret, secrecy};
use super::text::Mode;
use super::{Pass, Patches};

impl Pass<'_> {
    /// Redacts YAML. A value that becomes a token alone is put in quotes: in YAML `[` begins a list.
    pub(super) fn yaml(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut patches = Patches::default();
        let mut start = 0;
        for line in text.split(|byte| *byte == b'\n') {
            if let Some(redacted) = self.yaml_line(line) {
                patches.add(start..start + line.len(), redacted);
            }
            start += line.len() + 1;
        }
        let lines = patches.apply(text);
        // Keys that go over several lines.
        let blocks = self.scan(lines.as_deref().unwrap_or(text), Mode::Text);
        blocks.or(lines)
    }

    fn yaml_line(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let (name, value_at) = member_of(line);
        let raw = line[value_at..].trim_ascii_end();
        let quote = raw.first().copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let value = match quote {
            Some(quote) => {
                let inner = &raw[1..];
                inner.strip_suffix(&[quote]).unwrap_or(inner)
            }
            None => raw,
        };
        let redacted = match name {
            Some(name) if is_secret(name) => self.named("key", header_kind(name), value),
            _ => self.scan(value, Mode::Text),
        }?;
        let head = &line[..value_at];
        let tail = &line[value_at + raw.len()..];
        let quoted = match quote {
            Some(quote) => [&[quote], &redacted[..], &[quote]].concat(),
            None if redacted.starts_with(b"[") => {
                let plain = String::from_utf8_lossy(&redacted);
                format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\"")).into_bytes()
            }
            None => redacted,
        };
        Some([head, &quoted, tail].concat())
    }
}

/// The name in `- name: value`, and where the value begins.
fn member_of(line: &[u8]) -> (Option<&[u8]>, usize) {
    let mut start = line.len() - line.trim_ascii_start().len();
    while line[start..].starts_with(b"- ") {
        start += 2;
        start += line[start..].len() - line[start..].trim_ascii_start().len();
    }
    let mut quote = None;
    for (at, byte) in line.iter().enumerate().skip(start) {
        match (byte, quote) {
            (b'"', None) => quote = Some(*byte),
            (byte, Some(open)) if *byte == open && line[at - 1] != b'\\' => quote = None,
            (b':', None) if line.get(at + 1) == Some(&b' ') => {
                return (Some(&line[start..at]), at + 2);
            }
            _ => {}
        }
    }
    (None, start)
}

/// Whether a member is secret: by its name, or by the name of the field that it is:
/// `textbox "Password"`.
fn is_secret(name: &[u8]) -> bool {
    const FIELDS: [&[u8]; 4] = [b"combobox ", b"searchbox ", b"spinbutton ", b"textbox "];
    let name = name.strip_prefix(b"'").and_then(|name| name.strip_suffix(b"'")).unwrap_or(name);
    match FIELDS.iter().find_map(|field| name.strip_prefix(*field)) {
        Some(label) => labels_secret(label),
        None => {
            let plain = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
            secrecy(plain.unwrap_or(name), Place::Data) == Some(Secrecy::Always)
                && !name.contains(&b' ')
        }
    }
}
