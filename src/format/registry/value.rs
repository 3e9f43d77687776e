//! What a value of a registry store is.
//!
//! Its writer chose the form by the type of the value, and wrote it nowhere down: a dict or list as
//! JSON, a text as it is (in the encoding of the locale, with the line ends of the system), bytes as
//! they are, anything else as a pickle. The checksum tells a text or bytes from what they look like.

use super::{Entry, parse};
use crate::format::hashes;
use crate::format::pickle::Pickle;
use crate::format::pyjson::Kind;

/// The largest file that is looked into, in bytes. A larger one is kept as it is.
pub const VALUE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// What a value is, and so its file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// A `str`. Its file may have another encoding or other line ends than it had.
    Text,
    /// `bytes`.
    Bytes,
    /// A dict or a list, as JSON.
    Json {
        /// `dict` or `list`, or what else stands there.
        kind: Kind,
        /// Whether others than Python read it.
        is_standard: bool,
        /// How many elements or members it has.
        entries: Option<u64>,
    },
    /// Anything else, as a pickle.
    Pickle(Box<Pickle>),
    /// Nothing that could be found out; why.
    Opaque(String),
}

impl Shape {
    /// The type of the value in Python.
    pub fn python_type(&self) -> String {
        match self {
            Shape::Text => "str".to_owned(),
            Shape::Bytes => "bytes".to_owned(),
            Shape::Json { kind, .. } => json_type(*kind).to_owned(),
            Shape::Pickle(pickle) => pickle.type_of(pickle.root()),
            Shape::Opaque(_) => "unknown".to_owned(),
        }
    }
}

/// The type in Python of a value of JSON.
pub fn json_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "NoneType",
        Kind::Bool => "bool",
        Kind::Integer => "int",
        Kind::Float | Kind::NotFinite => "float",
        Kind::Text => "str",
        Kind::List => "list",
        Kind::Object => "dict",
    }
}

/// Tells what a value is from its file, and from its entry where there is one.
pub fn shape(bytes: &[u8], entry: Option<&Entry>) -> Shape {
    if let Some(entry) = entry
        && let Some(shape) = raw(bytes, entry)
    {
        return shape;
    }
    if let [0x80, 2..=5, ..] = bytes {
        return match Pickle::read(bytes) {
            Ok(pickle) if pickle.length() == bytes.len() => Shape::Pickle(Box::new(pickle)),
            Ok(_) => Shape::Opaque("a pickle with more behind it".to_owned()),
            Err(error) => Shape::Opaque(error.to_string()),
        };
    }
    let why = match parse(bytes) {
        Ok(json) => {
            let root = json.root();
            return Shape::Json {
                kind: root.kind(),
                is_standard: root.standard().is_ok(),
                entries: root.entries(),
            };
        }
        Err(why) => why,
    };
    Shape::Opaque(format!("neither text nor bytes of this checksum, no pickle, and {why}"))
}

/// Whether it is a text or bytes: then the checksum is over them.
fn raw(bytes: &[u8], entry: &Entry) -> Option<Shape> {
    let checksum = entry.checksum.as_ref()?;
    let is = |bytes: &[u8]| hashes::sha256(bytes).eq_ignore_ascii_case(checksum);
    if entry.entry_count.is_some_and(|count| count > 0) {
        return None;
    }
    if !is(bytes) {
        // A text that was written by Windows.
        let plain = hashes::line_feeds(bytes).filter(|plain| is(plain));
        let is_text = plain.is_some()
            || (!bytes.is_ascii() && is(hashes::from_windows_1252(bytes).as_bytes()));
        return is_text.then_some(Shape::Text);
    }
    let in_memory = entry.size_bytes;
    // An empty dict or list has the same checksum as the text that it is written as.
    let is_container = matches!(bytes, b"{}" | b"[]") && !matches!(in_memory, Some(35 | 43 | 51));
    if is_container {
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Some(Shape::Bytes) };
    let is_bytes = in_memory == Some(bytes.len() as u64 + BYTES_HEAD);
    let could_be_text = in_memory.is_some_and(|size| sizes_of_text(text).contains(&size));
    Some(if is_bytes && !could_be_text { Shape::Bytes } else { Shape::Text })
}

/// What `bytes` take in memory beside what they hold, as CPython's `sys.getsizeof` counts.
const BYTES_HEAD: u64 = 33;

/// What a text may take in memory (PEP 393): a head, and for each character one, two or four bytes by
/// the widest, with one more at the end. The first head is that of CPython 3.3 to 3.11, the second that
/// of later ones.
fn sizes_of_text(text: &str) -> [u64; 2] {
    let count = text.chars().count() as u64;
    match text.chars().max().map_or(0, u32::from) {
        0..=0x7f => [count + 49, count + 41],
        0x80..=0xff => [count + 73, count + 57],
        0x100..=0xffff => [2 * count + 74, 2 * count + 58],
        _ => [4 * count + 76, 4 * count + 60],
    }
}
