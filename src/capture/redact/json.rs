//! JSON as it is written: strings and numbers are replaced where they stand, everything else stays
//! byte for byte. JSON that ends in the middle, or is none, is read as far as it goes, and as a text
//! beside that.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Number, Value};

use super::names::{HeaderKind, Place, Secrecy, header_kind, looks_made, names_number, secrecy};
use super::text::Mode;
use super::{Pass, Patches, ROUNDS_MAX, escape};

/// The deepest that what is nested is looked at as JSON. Deeper, it is looked at as a text.
const DEPTH_MAX: usize = 512;

/// The longest name of a member that is remembered.
const NAME_BYTES_MAX: usize = 256;

/// What the names above a value say of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Above {
    /// Nothing.
    #[default]
    Plain,
    /// It is beneath a name that is secret.
    Secret,
    /// It is a list of cookies.
    Cookies,
    /// It is of a cookie, whose value is secret.
    Cookie,
}

/// An array or an object that is open.
struct Open {
    above: Above,
    is_object: bool,
    /// The name of the member that is being read.
    name: Option<Vec<u8>>,
    /// What a member `name` says of the member `value` beside it, as in HAR and in lists of fields.
    named: Option<Vec<u8>>,
    value: Option<Range<usize>>,
    expects_name: bool,
}

/// Whether a text begins as an object or an array does.
pub(super) fn looks_like(text: &[u8]) -> bool {
    let Some((first, rest)) = text.trim_ascii_start().split_first() else { return false };
    let next = rest.trim_ascii_start().first();
    match first {
        b'{' => matches!(next, Some(b'"' | b'}')),
        b'[' => matches!(
            next,
            Some(b'{' | b'[' | b'"' | b']' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
        ),
        _ => false,
    }
}

impl Pass<'_> {
    /// Redacts JSON, one value or one after the other.
    pub(super) fn json(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut patches = Patches::default();
        let whole = self.json_patches(text, &mut patches);
        let redacted = patches.apply(text);
        if whole {
            return redacted;
        }
        let again = self.scan(redacted.as_deref().unwrap_or(text), Mode::Text);
        again.or(redacted)
    }

    /// Redacts JSON Lines: a line that is broken costs no other.
    pub(super) fn json_lines(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut patches = Patches::default();
        let mut start = 0;
        for line in text.split(|byte| *byte == b'\n') {
            if let Some(redacted) = self.json(line) {
                patches.add(start..start + line.len(), redacted);
            }
            start += line.len() + 1;
        }
        patches.apply(text)
    }

    /// Finds what is to be replaced; tells whether all of it was JSON.
    fn json_patches(&mut self, text: &[u8], patches: &mut Patches) -> bool {
        let mut whole = true;
        let mut stack: Vec<Open> = Vec::new();
        let mut at = 0;
        while let Some(byte) = text.get(at).copied() {
            match byte {
                b'{' | b'[' => {
                    if stack.len() >= DEPTH_MAX {
                        return false;
                    }
                    let is_object = byte == b'{';
                    let (above, name) = match stack.last() {
                        Some(open) => {
                            let name = open.name.as_deref();
                            (beneath(name, open.above, is_object), open.name.clone())
                        }
                        None => (Above::Plain, None),
                    };
                    stack.push(Open {
                        above,
                        is_object,
                        // What is in an array has the array's name.
                        name: name.filter(|_| !is_object),
                        named: None,
                        value: None,
                        expects_name: byte == b'{',
                    });
                    at += 1;
                }
                b'}' | b']' => {
                    match stack.pop() {
                        Some(open) => {
                            whole &= open.is_object == (byte == b'}');
                            self.close(text, open, patches);
                        }
                        None => whole = false,
                    }
                    at += 1;
                }
                b',' => {
                    match stack.last_mut() {
                        Some(open) => {
                            open.expects_name = open.is_object;
                            if open.is_object {
                                open.name = None;
                            }
                        }
                        None => whole = false,
                    }
                    at += 1;
                }
                b':' => {
                    match stack.last_mut().filter(|open| open.is_object) {
                        Some(open) => open.expects_name = false,
                        None => whole = false,
                    }
                    at += 1;
                }
                b'"' => {
                    let (inner, end, closed) = string_at(text, at);
                    whole &= closed;
                    at = end;
                    let plain = escape::unescape(&text[inner.clone()]);
                    if let Some(open) = stack.last_mut().filter(|open| open.expects_name) {
                        open.name = Some(plain.into_owned()).filter(|n| n.len() <= NAME_BYTES_MAX);
                        open.expects_name = false;
                        if let Some(redacted) = self.scan(&text[inner.clone()], Mode::Shapes) {
                            patches.add(inner, redacted);
                        }
                        continue;
                    }
                    let (name, above) = stack.last().map_or((None, Above::Plain), Open::here);
                    if let Some(redacted) = self.member(name, above, &plain) {
                        let written = escape::json(&redacted);
                        patches.add(inner.clone(), written);
                    }
                    if let Some(open) = stack.last_mut() {
                        open.heard(Some(&plain), inner);
                    }
                }
                byte if byte.is_ascii_whitespace() => at += 1,
                byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                    let is_literal =
                        |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                    let end = at + text[at..].iter().take_while(|byte| is_literal(byte)).count();
                    let literal = &text[at..end];
                    let is_number = serde_json::from_slice::<Number>(literal).is_ok();
                    let is_name = stack.last().is_some_and(|open| open.expects_name);
                    whole &= !is_name;
                    whole &= is_number || matches!(literal, b"true" | b"false" | b"null");
                    let (name, above) = stack.last().map_or((None, Above::Plain), Open::here);
                    if is_number
                        && !is_name
                        && let Some(token) = self.number(name, above, literal)
                    {
                        let quoted = [b"\"".as_slice(), &token, b"\""].concat();
                        patches.add(at..end, quoted);
                    }
                    if let Some(open) = stack.last_mut() {
                        open.heard(None, at..end);
                    }
                    at = end;
                }
                _ => {
                    whole = false;
                    at += 1;
                }
            }
        }
        whole &= stack.is_empty();
        for open in stack.into_iter().rev() {
            self.close(text, open, patches);
        }
        whole
    }

    /// Redacts a member `value` where the member `name` beside it says that it is secret.
    fn close(&mut self, text: &[u8], open: Open, patches: &mut Patches) {
        let (Some(name), Some(span)) = (open.named, open.value) else { return };
        let raw = &text[span.clone()];
        let quoted = span.start > 0 && text[span.start - 1] == b'"';
        let plain = if quoted { escape::unescape(raw) } else { Cow::Borrowed(raw) };
        if let Some(redacted) = self.beside(&name, &plain) {
            let written = escape::json(&redacted);
            let written =
                if quoted { written } else { [b"\"".as_slice(), &written, b"\""].concat() };
            patches.add(span, written);
        }
    }

    /// Redacts a value by the name that stands beside it.
    fn beside(&mut self, name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let kind = header_kind(name);
        match secrecy(name, Place::Data) {
            Some(Secrecy::Always) => self.named("key", kind, value),
            Some(Secrecy::IfMade) if looks_made(value) => self.secret("key", value),
            _ if kind == HeaderKind::Other || kind == HeaderKind::Address => None,
            _ => self.named("header", kind, value),
        }
    }

    /// Redacts the text of a member, or of an array where there is no name.
    fn member(&mut self, name: Option<&[u8]>, above: Above, text: &[u8]) -> Option<Vec<u8>> {
        match (above, name) {
            (Above::Secret, _) => return self.secret("key", text),
            (Above::Cookie, Some(b"value")) => return self.secret("cookie", text),
            _ => {}
        }
        let Some(name) = name else { return self.string(text) };
        match secrecy(name, Place::Data) {
            Some(Secrecy::Always) => return self.named("key", header_kind(name), text),
            Some(Secrecy::IfMade) if looks_made(text) => return self.secret("key", text),
            _ => {}
        }
        match name {
            b"sourcesContent" | b"source" | b"script" | b"code" | b"css" => {
                self.scan(text, Mode::Code)
            }
            _ => self.string(text),
        }
    }

    fn number(&mut self, name: Option<&[u8]>, above: Above, number: &[u8]) -> Option<Vec<u8>> {
        let by_name = above == Above::Secret || name.is_some_and(names_number);
        if by_name {
            return self.secret("key", number);
        }
        // Anything else that a number can be is a card's.
        if number.len() < 13 {
            return None;
        }
        self.scan(number, Mode::Shapes)
    }

    /// Redacts every text within a value.
    pub(super) fn value(&mut self, value: &mut Value) {
        for _ in 0..ROUNDS_MAX {
            let before = self.redactions.total();
            self.value_in(None, Above::Plain, value);
            if self.redactions.total() == before {
                break;
            }
        }
    }

    fn value_in(&mut self, name: Option<&[u8]>, above: Above, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(redacted) = self.member(name, above, text.as_bytes()) {
                    *text = lossy(redacted);
                }
            }
            Value::Number(number) => {
                if let Some(token) = self.number(name, above, number.to_string().as_bytes()) {
                    *value = Value::from(lossy(token));
                }
            }
            Value::Array(items) => {
                let above = beneath(name, above, false);
                for item in items {
                    self.value_in(name, above, item);
                }
            }
            Value::Object(members) => {
                let above = beneath(name, above, true);
                let named = NAMES.iter().find_map(|name| members.get(*name)?.as_str());
                let named = named.map(|name| name.as_bytes().to_vec());
                for (name, member) in members {
                    let beside = named.as_deref().filter(|_| VALUES.contains(&name.as_str()));
                    if let Some(beside) = beside
                        && let Value::String(text) = member
                        && let Some(redacted) = self.beside(beside, text.as_bytes())
                    {
                        *text = lossy(redacted);
                        continue;
                    }
                    self.value_in(Some(name.as_bytes()), above, member);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// Members that name the value beside them.
const NAMES: [&str; 4] = ["name", "key", "Name", "Key"];
/// Members that hold the value.
const VALUES: [&str; 3] = ["value", "Value", "val"];

impl Open {
    /// What is said of what stands here.
    fn here(&self) -> (Option<&[u8]>, Above) {
        (self.name.as_deref(), self.above)
    }

    /// Notes a member that names another, or is named so.
    fn heard(&mut self, text: Option<&[u8]>, span: Range<usize>) {
        let Some(name) = self.name.as_deref() else { return };
        let is_one_of = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
        if is_one_of(&NAMES) && self.named.is_none() {
            self.named = text.map(<[u8]>::to_vec);
        } else if is_one_of(&VALUES) {
            self.value = Some(span);
        }
    }
}

/// What is said of what stands in an array or object that is a member of this name.
fn beneath(name: Option<&[u8]>, above: Above, is_object: bool) -> Above {
    let Some(name) = name else { return above };
    match above {
        Above::Secret => Above::Secret,
        Above::Cookies if is_object => Above::Cookie,
        _ if name.eq_ignore_ascii_case(b"cookies") && !is_object => Above::Cookies,
        _ if secrecy(name, Place::Data) == Some(Secrecy::Always) => Above::Secret,
        _ => Above::Plain,
    }
}

/// The inside of the string that begins here, where it ends, and whether it does: a string does not go
/// on in the next line.
fn string_at(text: &[u8], at: usize) -> (Range<usize>, usize, bool) {
    let start = at + 1;
    let mut end = start;
    while let Some(byte) = text.get(end) {
        match byte {
            b'"' => return (start..end, end + 1, true),
            b'\n' => return (start..end, end, false),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    let end = end.min(text.len());
    (start..end, end, false)
}

fn lossy(text: Vec<u8>) -> String {
    String::from_utf8(text)
        .unwrap_or_else(|why| String::from_utf8_lossy(why.as_bytes()).into_owned())
}
