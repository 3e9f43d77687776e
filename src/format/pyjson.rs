//! JSON as Python's module `json` reads and writes it.
//!
//! It is JSON (RFC 8259) and more: `NaN`, `Infinity` and `-Infinity` are values, and half a surrogate
//! pair may stand in a text. Integers have any length, the last of several members of one name
//! counts, and nothing limits the levels.
//!
//! A text is read into a flat list of what stands where in it, so every value can be given back as it
//! is written, and neither reading nor dropping goes down a stack.
//!
//! **Invariant:** what is read takes 16 bytes for each value and name besides the text, however deep
//! it is.
//!
//! Python hashes a value by dumping it: `json.dumps(value, sort_keys=True)`. [`Value::canonical`]
//! writes the same text, by what CPython's `json/encoder.py` and `float.__repr__` say.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::model::json;

/// The longest text that is read, in bytes: places in it have 32 bits, and what is made of it is held
/// in memory.
pub const TEXT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Why a text is not JSON even to Python, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJson {
    /// What is wrong.
    pub why: &'static str,
    /// The line, from 1 on.
    pub line: usize,
    /// The byte in the line, from 1 on.
    pub column: usize,
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.why, self.line, self.column)
    }
}

impl std::error::Error for NotJson {}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number without fraction and exponent, of any length.
    Integer,
    /// A number with a fraction or an exponent.
    Float,
    /// `NaN`, `Infinity` or `-Infinity`.
    NotFinite,
    /// A text; the names of members are such too.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
}

/// A value, the bytes of the text that it stands in, and the node after all that is in it.
#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    start: u32,
    end: u32,
    next: u32,
}

/// A text of JSON in Python's dialect, read.
#[derive(Debug, Clone)]
pub struct PyJson<'t> {
    text: &'t str,
    /// All values, each before what is in it. A member is its name and its value.
    nodes: Vec<Node>,
    /// Whether it was seen to be JSON to others than Python too.
    standard: bool,
}

impl<'t> PyJson<'t> {
    /// Reads a text.
    pub fn parse(text: &'t [u8]) -> Result<Self, NotJson> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(fault(text, 0, "it is longer than what is read"));
        }
        let text = std::str::from_utf8(text)
            .map_err(|error| fault(text, error.valid_up_to(), "a byte that is not UTF-8"))?;
        let bytes = text.as_bytes();
        let mut reader =
            Reader { bytes, at: 0, nodes: Vec::new(), open: Vec::new(), standard: true };
        reader.read()?;
        Ok(PyJson { text, nodes: reader.nodes, standard: reader.standard })
    }

    /// The value that the text is.
    pub fn root(&self) -> Value<'_, 't> {
        Value { json: self, at: 0 }
    }
}

fn fault(bytes: &[u8], at: usize, why: &'static str) -> NotJson {
    let before = &bytes[..at.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    NotJson { why, line, column }
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The lists and objects that have not ended.
    open: Vec<u32>,
    standard: bool,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), NotJson> {
        if self.bytes.starts_with("\u{feff}".as_bytes()) {
            return Err(self.fault("a byte order mark"));
        }
        'value: loop {
            self.skip_space();
            let start = self.at;
            let opened = match self.peek() {
                Some(b'[') => Some((Kind::List, b']')),
                Some(b'{') => Some((Kind::Object, b'}')),
                _ => None,
            };
            if let Some((kind, close)) = opened {
                self.at += 1;
                self.open.push(self.nodes.len() as u32);
                self.push(kind, start);
                self.standard &= self.open.len() <= json::DEPTH_MAX;
                self.skip_space();
                if self.peek() == Some(close) {
                    self.close();
                } else {
                    if kind == Kind::Object {
                        self.name()?;
                    }
                    continue 'value;
                }
            } else {
                let kind = self.scalar()?;
                self.push(kind, start);
            }
            // A value has ended here, and maybe what it is in.
            loop {
                self.skip_space();
                let Some(&top) = self.open.last() else {
                    if self.at == self.bytes.len() {
                        return Ok(());
                    }
                    return Err(self.fault("more after the end of the value"));
                };
                match (self.peek(), self.nodes[top as usize].kind) {
                    (Some(b','), kind) => {
                        self.at += 1;
                        if kind == Kind::Object {
                            self.skip_space();
                            self.name()?;
                        }
                        continue 'value;
                    }
                    (Some(b']'), Kind::List) | (Some(b'}'), Kind::Object) => self.close(),
                    (_, Kind::Object) => return Err(self.fault("neither a comma nor a }")),
                    _ => return Err(self.fault("neither a comma nor a ]")),
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fault(&self, why: &'static str) -> NotJson {
        let ended = self.at >= self.bytes.len();
        fault(self.bytes, self.at, if ended { "it ends early" } else { why })
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { kind, start: start as u32, end: self.at as u32, next });
    }

    /// Takes the bracket that ends the innermost list or object.
    fn close(&mut self) {
        self.at += 1;
        let next = self.nodes.len() as u32;
        if let Some(node) = self.open.pop().and_then(|top| self.nodes.get_mut(top as usize)) {
            (node.end, node.next) = (self.at as u32, next);
        }
    }

    /// Takes the name of a member and the colon after it.
    fn name(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.fault("a name in quotes is missing"));
        }
        self.string()?;
        self.push(Kind::Text, start);
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.fault("a colon is missing"));
        }
        self.at += 1;
        Ok(())
    }

    fn scalar(&mut self) -> Result<Kind, NotJson> {
        const WORDS: [(&[u8], Kind); 6] = [
            (b"null", Kind::Null),
            (b"true", Kind::Bool),
            (b"false", Kind::Bool),
            (b"NaN", Kind::NotFinite),
            (b"Infinity", Kind::NotFinite),
            (b"-Infinity", Kind::NotFinite),
        ];
        if self.peek() == Some(b'"') {
            self.string()?;
            return Ok(Kind::Text);
        }
        for (word, kind) in WORDS {
            let rest = &self.bytes[self.at..];
            if rest.starts_with(word) {
                self.at += word.len();
                self.standard &= kind != Kind::NotFinite;
                return Ok(kind);
            }
            if !rest.is_empty() && word.starts_with(rest) {
                self.at = self.bytes.len();
            }
        }
        self.number()
    }

    fn number(&mut self) -> Result<Kind, NotJson> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits("")?,
            _ => return Err(self.fault("a value is missing")),
        }
        let mut kind = Kind::Integer;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("a digit is missing")?;
            kind = Kind::Float;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits("a digit is missing")?;
            kind = Kind::Float;
        }
        Ok(kind)
    }

    /// Takes digits, at least one.
    fn digits(&mut self, why: &'static str) -> Result<(), NotJson> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.fault(why)) } else { Ok(()) }
    }

    /// Takes a text in quotes.
    fn string(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        let start = self.at;
        let mut has_surrogates = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                        Some(b'u') => {
                            let first = self.bytes.get(self.at + 1);
                            has_surrogates |= matches!(first, Some(b'd' | b'D'));
                            for _ in 0..4 {
                                self.at += 1;
                                if !self.peek().is_some_and(|digit| digit.is_ascii_hexdigit()) {
                                    return Err(self.fault("a hex digit is missing"));
                                }
                            }
                        }
                        _ => return Err(self.fault("an escape that there is not")),
                    }
                    self.at += 1;
                }
                Some(0x20..) => self.at += json::plain_bytes(&self.bytes[self.at..]),
                _ => return Err(self.fault("a control character in a text")),
            }
        }
        self.standard &= !has_surrogates || json::string_end(self.bytes, start).is_ok();
        self.at += 1;
        Ok(())
    }
}

/// By what Python sorts the names of members. The names of its dictionaries may be numbers, which
/// become texts in JSON; it sorts them before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOrder {
    /// By their characters.
    Texts,
    /// By their values where all names of an object are numbers, else by their characters.
    Numbers,
}

/// What a checksum says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the checksum of this value.
    Matches,
    /// It is that of another.
    Differs,
    /// It is not the checksum of this value, yet need not be that of another: a member has a name
    /// that Python may have made of a number, `True`, `False` or `None`. Where names of several kinds
    /// stand together, Python hashes a text that tells them apart, and JSON does not.
    Unknowable,
}

/// A value in a text.
#[derive(Debug, Clone, Copy)]
pub struct Value<'j, 't> {
    json: &'j PyJson<'t>,
    at: usize,
}

impl<'j, 't> Value<'j, 't> {
    fn node(self) -> Node {
        self.json.nodes[self.at]
    }

    fn sibling(self, at: u32) -> Self {
        Value { json: self.json, at: at as usize }
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// The value as it is written, without white space around it.
    pub fn text(self) -> &'t str {
        &self.json.text[self.node().start as usize..self.node().end as usize]
    }

    /// Where it stands in the whole text, in bytes.
    pub fn span(self) -> std::ops::Range<usize> {
        self.node().start as usize..self.node().end as usize
    }

    /// The characters of a text; nothing where it is no text, or one with half a surrogate pair.
    pub fn string(self) -> Option<String> {
        if self.kind() != Kind::Text {
            return None;
        }
        String::from_utf8(self.characters().into_owned()).ok()
    }

    /// The characters of a text as UTF-8, and half surrogate pairs as if they were characters. Such
    /// bytes sort as Python sorts texts.
    pub(crate) fn characters(self) -> Cow<'t, [u8]> {
        let text = self.text();
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        if !inner.contains('\\') {
            return Cow::Borrowed(inner.as_bytes());
        }
        Cow::Owned(unescape(inner))
    }

    /// The elements of a list; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Value<'j, 't>> {
        let end = if self.kind() == Kind::List { self.node().next } else { 0 };
        let first = Some(self.at as u32 + 1).filter(|first| *first < end);
        let nodes = &self.json.nodes;
        std::iter::successors(first, move |at| {
            Some(nodes[*at as usize].next).filter(|next| *next < end)
        })
        .map(move |at| self.sibling(at))
    }

    /// The members of an object in the order in which they are written, names and values; none of
    /// anything else.
    pub fn members(self) -> impl Iterator<Item = (Value<'j, 't>, Value<'j, 't>)> {
        let end = if self.kind() == Kind::Object { self.node().next } else { 0 };
        let first = Some(self.at as u32 + 1).filter(|first| *first < end);
        let nodes = &self.json.nodes;
        // A value follows its name at once.
        std::iter::successors(first, move |at| {
            Some(nodes[*at as usize + 1].next).filter(|next| *next < end)
        })
        .map(move |at| (self.sibling(at), self.sibling(at + 1)))
    }

    /// The value and all that is in it, names of members too, in the order of the text.
    pub fn within(self) -> impl Iterator<Item = Value<'j, 't>> {
        (self.at as u32..self.node().next).map(move |at| self.sibling(at))
    }

    /// The member of this name; of several the last.
    pub fn get(self, name: &str) -> Option<Value<'j, 't>> {
        let named = |(member, _): &(Value<'j, 't>, _)| *member.characters() == *name.as_bytes();
        self.members().filter(named).last().map(|(_, value)| value)
    }

    /// How many elements or members it has, those of one name counted once; none where it can't have
    /// any.
    pub fn entries(self) -> Option<u64> {
        match self.kind() {
            Kind::List => Some(self.items().count() as u64),
            Kind::Object => Some(self.sorted(NameOrder::Texts).len() as u64),
            _ => None,
        }
    }

    /// The members of an object, the last of each name, in order.
    pub(crate) fn sorted(self, order: NameOrder) -> Vec<(Value<'j, 't>, Value<'j, 't>)> {
        let mut members: Vec<_> =
            self.members().map(|(name, value)| (name.characters(), name, value)).collect();
        // Stable, so that the last of one name stays the last.
        members.sort_by(|a, b| a.0.cmp(&b.0));
        let mut kept: Vec<(Cow<'t, [u8]>, Value<'j, 't>, Value<'j, 't>)> = Vec::new();
        for member in members {
            match kept.last_mut() {
                Some(last) if last.0 == member.0 => *last = member,
                _ => kept.push(member),
            }
        }
        if order == NameOrder::Numbers {
            let numbers: Option<Vec<Number>> =
                kept.iter().map(|(name, ..)| Number::of_name(name)).collect();
            if let Some(numbers) = numbers {
                let mut ordered: Vec<_> = numbers.into_iter().zip(kept).collect();
                ordered.sort_by(|a, b| a.0.cmp_value(&b.0));
                kept = ordered.into_iter().map(|(_, member)| member).collect();
            }
        }
        kept.into_iter().map(|(_, name, value)| (name, value)).collect()
    }

    /// The text that Python's `json.dumps(value, sort_keys=True)` gives.
    pub fn canonical(self, order: NameOrder) -> String {
        self.dumped(order, ", ", ": ")
    }

    /// The same with these separators between elements and after names.
    pub fn dumped(self, order: NameOrder, between: &str, after_name: &str) -> String {
        struct Open<'j, 't> {
            rest: std::vec::IntoIter<(Option<Value<'j, 't>>, Value<'j, 't>)>,
            close: char,
            is_first: bool,
        }
        let mut out = String::new();
        let mut open: Vec<Open<'j, 't>> = Vec::new();
        let mut next = Some(self);
        loop {
            if let Some(value) = next.take() {
                let inside: Option<(Vec<_>, _)> = match value.kind() {
                    Kind::List => Some((value.items().map(|item| (None, item)).collect(), ']')),
                    Kind::Object => {
                        let members = value.sorted(order).into_iter();
                        Some((members.map(|(name, value)| (Some(name), value)).collect(), '}'))
                    }
                    Kind::Text => {
                        quote(&value.characters(), &mut out);
                        None
                    }
                    Kind::Float => {
                        out.push_str(&float(value.text()));
                        None
                    }
                    Kind::Integer if value.text() == "-0" => {
                        out.push('0');
                        None
                    }
                    Kind::Null | Kind::Bool | Kind::Integer | Kind::NotFinite => {
                        out.push_str(value.text());
                        None
                    }
                };
                if let Some((rest, close)) = inside {
                    out.push(if close == ']' { '[' } else { '{' });
                    open.push(Open { rest: rest.into_iter(), close, is_first: true });
                }
            }
            let Some(top) = open.last_mut() else { return out };
            match top.rest.next() {
                None => {
                    out.push(top.close);
                    open.pop();
                }
                Some((name, value)) => {
                    if !std::mem::take(&mut top.is_first) {
                        out.push_str(between);
                    }
                    if let Some(name) = name {
                        quote(&name.characters(), &mut out);
                        out.push_str(after_name);
                    }
                    next = Some(value);
                }
            }
        }
    }

    /// The SHA-256 by which Python code checks this value, as hex digits: over the characters of a
    /// text, and over the [canonical](Value::canonical) text of anything else.
    pub fn checksum(self, order: NameOrder) -> String {
        match self.kind() {
            Kind::Text => hex_sha256(&self.characters()),
            _ => hex_sha256(self.canonical(order).as_bytes()),
        }
    }

    /// Compares the value with a checksum.
    pub fn check(self, checksum: &str) -> Verdict {
        let is = |order| self.checksum(order).eq_ignore_ascii_case(checksum);
        if is(NameOrder::Texts) || is(NameOrder::Numbers) {
            return Verdict::Matches;
        }
        let mut names = self.within().flat_map(Value::members);
        let is_made = |(name, _): (Value<'_, '_>, _)| {
            let name = name.characters();
            matches!(&*name, b"null" | b"NaN") || Number::of_name(&name).is_some()
        };
        if names.any(is_made) { Verdict::Unknowable } else { Verdict::Differs }
    }

    /// The value with `, ` and `: ` between its parts and no other white space, as Python's
    /// `json.dumps(value)` lays it out. Every part stays as it is written.
    pub fn laid_out(self) -> String {
        let text = self.text();
        let bytes = text.as_bytes();
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            at += 1;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                b',' => out.push_str(", "),
                b':' => out.push_str(": "),
                b'"' => {
                    while let Some(&byte) = bytes.get(at) {
                        at += if byte == b'\\' { 2 } else { 1 };
                        if byte == b'"' {
                            break;
                        }
                    }
                    out.push_str(&text[start..at]);
                }
                // Outside of texts all is ASCII.
                byte => out.push(char::from(byte)),
            }
        }
        out
    }

    /// Checks that the text of the value is JSON to everybody.
    ///
    /// Fails with `Invalid`, which says why not: a number that is not finite, half a surrogate pair,
    /// more than [`DEPTH_MAX`](crate::model::json::DEPTH_MAX) levels. Where it does not fail, numbers
    /// may have more digits than others read, and members of one name may be there.
    pub fn standard(self) -> Result<&'t str> {
        let text = self.text();
        // What is in a text that is standard is so too.
        if !self.json.standard {
            json::check_text(text)?;
        }
        Ok(text)
    }
}

/// A name that is a number.
enum Number {
    /// Whether it is negative, and its digits.
    Integer(bool, Vec<u8>),
    Float(f64),
}

impl Number {
    /// Reads a name that Python makes of a number: in the form in which it writes it.
    fn of_name(name: &[u8]) -> Option<Self> {
        match name {
            b"Infinity" => return Some(Number::Float(f64::INFINITY)),
            b"-Infinity" => return Some(Number::Float(f64::NEG_INFINITY)),
            // They sort as 1 and 0.
            b"true" => return Some(Number::Integer(false, b"1".to_vec())),
            b"false" => return Some(Number::Integer(false, b"0".to_vec())),
            _ => {}
        }
        let (is_negative, digits) = match name.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, name),
        };
        match digits {
            b"0" if !is_negative => return Some(Number::Integer(false, digits.to_vec())),
            [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => {
                return Some(Number::Integer(is_negative, digits.to_vec()));
            }
            [b'0'..=b'9', ..] => {}
            _ => return None,
        }
        let text = std::str::from_utf8(name).ok()?;
        let is_own = float(text) == text;
        is_own.then(|| text.parse().ok().map(Number::Float)).flatten()
    }

    fn cmp_value(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Number::Integer(true, a), Number::Integer(true, b)) => {
                b.len().cmp(&a.len()).then_with(|| b.cmp(a))
            }
            (Number::Integer(false, a), Number::Integer(false, b)) => {
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            (Number::Integer(a, _), Number::Integer(b, _)) => b.cmp(a),
            _ => self.float().total_cmp(&other.float()),
        }
    }

    fn float(&self) -> f64 {
        match self {
            Number::Float(value) => *value,
            Number::Integer(is_negative, digits) => {
                let text = String::from_utf8_lossy(digits);
                let value = text.parse().unwrap_or(f64::INFINITY);
                if *is_negative { -value } else { value }
            }
        }
    }
}

/// The text of a number with fraction or exponent as Python's `float.__repr__` gives it: the fewest
/// digits that read back as the same number, with an exponent below -4 and from 16 on.
fn float(text: &str) -> String {
    let value: f64 = text.parse().unwrap_or(f64::NAN);
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}Infinity");
    }
    // The fewest digits, as `1.25e-7`.
    let shortest = format!("{:e}", value.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let direction = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{direction}{:02}", exponent.abs());
    }
    let digits = mantissa.replace('.', "");
    let places = exponent.unsigned_abs() as usize;
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(places - 1));
    }
    if digits.len() <= places + 1 {
        return format!("{sign}{digits}{}.0", "0".repeat(places + 1 - digits.len()));
    }
    let (whole, fraction) = digits.split_at(places + 1);
    format!("{sign}{whole}.{fraction}")
}

/// The inside of a text with its escapes resolved; two halves of a surrogate pair become one
/// character.
fn unescape(inner: &str) -> Vec<u8> {
    let bytes = inner.as_bytes();
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' {
            let run = json::plain_bytes(&bytes[at..]).max(1);
            out.extend_from_slice(&bytes[at..at + run]);
            at += run;
            continue;
        }
        let escaped = bytes.get(at + 1).copied().unwrap_or(b'\\');
        let unit = |at| if escaped == b'u' { unit(at) } else { None };
        let plain = match escaped {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            other => other,
        };
        match (unit(at), unit(at + 6)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                push_point(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), &mut out);
                at += 12;
            }
            (Some(unit), _) => {
                push_point(unit, &mut out);
                at += 6;
            }
            (None, _) => {
                out.push(plain);
                at += 2;
            }
        }
    }
    out
}

/// Adds a code point as UTF-8; half a surrogate pair in the three bytes that its number would have.
fn push_point(point: u32, out: &mut Vec<u8>) {
    match char::from_u32(point) {
        Some(character) => out.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend([
            0xe0 | (point >> 12) as u8,
            0x80 | (point >> 6 & 0x3f) as u8,
            0x80 | (point & 0x3f) as u8,
        ]),
    }
}

/// Adds a text in quotes, with everything escaped that is not printable ASCII.
///
/// Bytes are UTF-8 in which half surrogate pairs may stand.
fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let (text, other) = rest.split_at(valid);
        String::from_utf8_lossy(text).chars().for_each(|character| push_escaped(character, out));
        let (half, after) = other.split_at(other.len().min(3));
        if !half.is_empty() {
            let unit = half.iter().fold(0_u32, |unit, byte| unit << 6 | u32::from(byte & 0x3f));
            out.push_str(&format!("\\u{:04x}", unit & 0xffff));
        }
        rest = after;
    }
    out.push('"');
}

fn push_escaped(character: char, out: &mut String) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        ' '..='~' => out.push(character),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}

/// A text in quotes as Python's `json.dumps` writes it: ASCII, with everything else escaped.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(text.as_bytes(), &mut out);
    out
}

/// The SHA-256 of bytes, as hex digits.
pub fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
