//! MHTML: a page with its styles and pictures in one file (RFC 2557), as Chromium writes it.
//!
//! Total functions: any bytes are read, or are no MHTML. What was read and not changed is written
//! byte for byte.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The longest line of an encoded body (RFC 2045, 6.7 and 6.8).
const LINE_BYTES_MAX: usize = 76;
/// Takes padding and leaves it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A page with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mhtml {
    /// Its headers: where and when it was taken, its title.
    pub headers: Headers,
    /// What stands before the first part, as it stands there.
    pub preamble: Vec<u8>,
    /// Its parts; the first is the document.
    pub parts: Vec<Part>,
    /// What stands from the last boundary on.
    pub epilogue: Vec<u8>,
}

/// Headers, and the empty line after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    list: Vec<Header>,
    empty_line: Vec<u8>,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    /// All its lines.
    raw: Vec<u8>,
    name: Range<usize>,
}

/// A part: a document, a style sheet, a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The line of the boundary before it.
    delimiter: Vec<u8>,
    /// Its headers: where it comes from, what it is, how it is encoded.
    pub headers: Headers,
    /// Its content as it is encoded.
    body: Vec<u8>,
    /// The end of the line before the next boundary.
    line_end: Vec<u8>,
}

/// How the body of a part is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    QuotedPrintable,
    Base64,
    Identity,
}

impl Mhtml {
    /// Reads a page; nothing where there are no parts to be told apart.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (headers, at) = Headers::parse(text);
        let kind = headers.get("content-type")?;
        let boundary = parameter(&kind, b"boundary").filter(|boundary| !boundary.is_empty())?;
        let delimiter = [b"--".as_slice(), &boundary].concat();
        // Where each boundary's line begins and ends, and whether it is the last.
        let mut lines = Vec::new();
        let mut start = at;
        for line in text[at..].split_inclusive(|byte| *byte == b'\n') {
            if let Some(rest) = line.strip_prefix(&delimiter[..]) {
                let last = rest.starts_with(b"--") && rest[2..].trim_ascii().is_empty();
                if last || rest.trim_ascii().is_empty() {
                    lines.push((start, start + line.len()));
                }
                if last {
                    break;
                }
            }
            start += line.len();
        }
        let (first, _) = *lines.first()?;
        let is_last =
            |line: &(usize, usize)| text[line.0..line.1].trim_ascii_end().len() > delimiter.len();
        let mut parts = Vec::new();
        let mut end_of_parts = text.len();
        for (at, line) in lines.iter().enumerate() {
            if is_last(line) {
                end_of_parts = line.0;
                break;
            }
            let end = lines.get(at + 1).map_or(text.len(), |next| next.0);
            parts.push(Part::parse(&text[line.0..line.1], &text[line.1..end]));
        }
        Some(Mhtml {
            headers,
            preamble: text[at..first].to_vec(),
            parts,
            epilogue: text[end_of_parts..].to_vec(),
        })
    }

    /// Writes it.
    pub fn write(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.headers.write(&mut text);
        text.extend(&self.preamble);
        for part in &self.parts {
            text.extend(&part.delimiter);
            part.headers.write(&mut text);
            text.extend(&part.body);
            text.extend(&part.line_end);
        }
        text.extend(&self.epilogue);
        text
    }
}

impl Headers {
    /// Reads headers up to an empty line or the end; tells where what follows begins.
    fn parse(text: &[u8]) -> (Self, usize) {
        let mut list: Vec<Header> = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            at += line.len();
            if line.trim_ascii().is_empty() {
                return (Headers { list, empty_line: line.to_vec() }, at);
            }
            match list.last_mut() {
                // A line that begins with a space goes on with the one before.
                Some(header) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                    header.raw.extend_from_slice(line);
                }
                _ => {
                    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
                    list.push(Header { raw: line.to_vec(), name: 0..colon });
                }
            }
        }
        (Headers { list, empty_line: Vec::new() }, text.len())
    }

    fn write(&self, text: &mut Vec<u8>) {
        for header in &self.list {
            text.extend(&header.raw);
        }
        text.extend(&self.empty_line);
    }

    /// The value of the first header of this name, in one line.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let found = |header: &&Header| {
            header.raw[header.name.clone()].eq_ignore_ascii_case(name.as_bytes())
        };
        self.list.iter().find(found).map(Header::value)
    }

    /// Changes the values of headers: `change` gets a name and a value in one line, and gives a
    /// new one where there is one. Tells whether anything was changed.
    pub fn edit(&mut self, mut change: impl FnMut(&[u8], &[u8]) -> Option<Vec<u8>>) -> bool {
        let mut changed = false;
        for header in self.list.iter_mut().filter(|header| !header.name.is_empty()) {
            let name = &header.raw[header.name.clone()];
            if let Some(value) = change(name, &header.value()) {
                let end = match header.raw.ends_with(b"\r\n") {
                    true => b"\r\n".as_slice(),
                    false => b"\n",
                };
                // A header is one line, whatever was put into it.
                let value: Vec<u8> =
                    value.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
                header.raw = [name, b": ", &value, end].concat();
                changed = true;
            }
        }
        changed
    }
}

impl Header {
    fn value(&self) -> Vec<u8> {
        let after = self.raw.get(self.name.end + 1..).unwrap_or_default();
        let lines = after.split(|byte| *byte == b'\n');
        let mut value = Vec::new();
        for (at, line) in lines.enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            value.extend_from_slice(if at == 0 { line.trim_ascii_start() } else { line });
        }
        value.truncate(value.trim_ascii_end().len());
        value
    }
}

impl Part {
    fn parse(delimiter: &[u8], text: &[u8]) -> Self {
        let (headers, at) = Headers::parse(text);
        let body = &text[at..];
        let end = match body {
            [.., b'\r', b'\n'] => body.len() - 2,
            [.., b'\n'] => body.len() - 1,
            _ => body.len(),
        };
        Part {
            delimiter: delimiter.to_vec(),
            headers,
            body: body[..end].to_vec(),
            line_end: body[end..].to_vec(),
        }
    }

    /// Its media type, with parameters.
    pub fn media_type(&self) -> String {
        let kind = self.headers.get("content-type").unwrap_or_default();
        String::from_utf8_lossy(&kind).into_owned()
    }

    /// Its content, decoded.
    pub fn content(&self) -> Cow<'_, [u8]> {
        match self.encoding() {
            Encoding::Identity => Cow::Borrowed(&self.body),
            Encoding::QuotedPrintable => Cow::Owned(from_quoted_printable(&self.body)),
            Encoding::Base64 => {
                let digits: Vec<u8> =
                    self.body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
                match BASE64.decode(digits) {
                    Ok(content) => Cow::Owned(content),
                    Err(_) => Cow::Borrowed(&self.body),
                }
            }
        }
    }

    /// Puts other content in its place, encoded as that was.
    pub fn set_content(&mut self, content: &[u8]) {
        self.body = match self.encoding() {
            Encoding::Identity => content.to_vec(),
            Encoding::QuotedPrintable => to_quoted_printable(content),
            Encoding::Base64 => {
                let digits = BASE64.encode(content).into_bytes();
                let lines: Vec<&[u8]> = digits.chunks(LINE_BYTES_MAX).collect();
                lines.join(b"\r\n".as_slice())
            }
        };
    }

    fn encoding(&self) -> Encoding {
        let told = self.headers.get("content-transfer-encoding").unwrap_or_default();
        match told.to_ascii_lowercase().as_slice() {
            b"quoted-printable" => Encoding::QuotedPrintable,
            b"base64" => Encoding::Base64,
            _ => Encoding::Identity,
        }
    }
}

/// Decodes quoted-printable (RFC 2045, 6.7); what is no code stays.
pub fn from_quoted_printable(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'=' {
            plain.push(*byte);
            continue;
        }
        // At the end of a line, and spaces after it, it joins this line with the next.
        let spaces = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        match (&after[spaces..], after) {
            ([b'\r', b'\n', next @ ..] | [b'\n', next @ ..], _) => rest = next,
            ([], _) => rest = &[],
            (_, [a, b, next @ ..]) if digit(*a).is_some() && digit(*b).is_some() => {
                plain.push(digit(*a).unwrap_or(0) << 4 | digit(*b).unwrap_or(0));
                rest = next;
            }
            _ => plain.push(b'='),
        }
    }
    plain
}

/// Encodes quoted-printable. Lines end where those of the content do, with CR and LF.
pub fn to_quoted_printable(plain: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(plain.len() + plain.len() / 16);
    let mut column = 0;
    let mut rest = plain;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if let (b'\r', Some((b'\n', next))) = (byte, after.split_first()) {
            text.extend(b"\r\n");
            (rest, column) = (next, 0);
            continue;
        }
        let line_ends = after.is_empty() || after.starts_with(b"\r\n");
        let plain = match byte {
            b' ' | b'\t' => !line_ends,
            b'=' => false,
            byte => byte.is_ascii_graphic(),
        };
        let bytes = if plain { 1 } else { 3 };
        // One place is left for the sign that the line goes on.
        if column + bytes >= LINE_BYTES_MAX {
            text.extend(b"=\r\n");
            column = 0;
        }
        match plain {
            true => text.push(*byte),
            false => text.extend(format!("={byte:02X}").into_bytes()),
        }
        column += bytes;
    }
    text
}

/// A parameter of a header's value: `boundary="…"`.
pub fn parameter(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    value.split(|byte| *byte == b';').find_map(|piece| {
        let piece = piece.trim_ascii();
        let equals = piece.iter().position(|byte| *byte == b'=')?;
        let said = piece[equals + 1..].trim_ascii();
        let said = said.strip_prefix(b"\"").unwrap_or(said);
        let said = said.strip_suffix(b"\"").unwrap_or(said);
        piece[..equals].trim_ascii().eq_ignore_ascii_case(name).then(|| said.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "From: <Saved by Blink>\r\nSnapshot-Content-Location: http://a/\r\n\
        Subject: A\r\n folded one\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\
        \ttype=\"text/html\";\r\n\tboundary=\"----B--x----\"\r\n\r\n\r\n------B--x----\r\n\
        Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\
        Content-Location: http://a/\r\n\r\n<p class=3D\"a\">caf=C3=A9 =\r\nand so on\r\n\r\n\
        ------B--x----\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        iVBORw0=\r\n\r\n------B--x------\r\n";

    #[test]
    fn parts_are_decoded_and_what_is_not_changed_is_written_as_it_was() {
        let mut page = Mhtml::parse(PAGE.as_bytes()).unwrap();
        assert_eq!(page.headers.get("subject").unwrap(), b"A folded one");
        assert_eq!(page.parts.len(), 2);
        assert_eq!(page.parts[0].media_type(), "text/html");
        assert_eq!(&*page.parts[0].content(), "<p class=\"a\">café and so on\r\n".as_bytes());
        assert_eq!(&*page.parts[1].content(), b"\x89PNG\r");
        assert_eq!(page.write(), PAGE.as_bytes());

        page.parts[0].set_content("é = ".repeat(40).as_bytes());
        page.parts[1].set_content(&[0xFF; 100]);
        assert!(page.headers.edit(|name, _| (name == b"Subject").then(|| b"B\r\nX: y".to_vec())));
        let again = Mhtml::parse(&page.write()).unwrap();
        assert_eq!(again.headers.get("subject").unwrap(), b"BX: y");
        assert_eq!(&*again.parts[0].content(), "é = ".repeat(40).as_bytes());
        assert_eq!(&*again.parts[1].content(), [0xFF; 100]);
        let lines = |part: &Part| part.body.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        assert!(again.parts.iter().all(|part| lines(part) <= Some(LINE_BYTES_MAX + 1)));
    }

    #[test]
    fn what_has_no_boundary_is_no_mhtml() {
        for text in ["", "a", "Content-Type: text/html\r\n\r\nx", "\r\n\r\n--\r\n"] {
            assert_eq!(Mhtml::parse(text.as_bytes()), None);
        }
    }
}
