//! Pickles as JSON with tags for what JSON can't hold.
//!
//! **Invariant:** a rendering is written as it is made and has an end: at most [`RENDERED_MAX`] nodes and
//! little more than [`RENDERED_BYTES_MAX`] bytes, whatever the pickle is.

use std::collections::HashMap;

use serde_json::json;

use super::render::utf16;
use super::{Id, Made, Node, Pickle, RENDERED_BYTES_MAX, RENDERED_DEPTH_MAX, RENDERED_MAX};

impl Pickle {
    /// The value as JSON that tells what JSON can't hold: an object with one member whose name begins
    /// with `$` stands for it.
    ///
    /// | in Python | here |
    /// |---|---|
    /// | tuple, set, frozenset | `{"$tuple": […]}`, `{"$set": […]}`, `{"$frozenset": […]}` |
    /// | bytes, bytearray | `{"$bytes": "hex"}`, `{"$bytearray": "hex"}` |
    /// | integers beyond 64 bits | `{"$int": "digits"}` |
    /// | NaN, infinities | `{"$float": "nan"}`, `"inf"`, `"-inf"` |
    /// | a text with half a surrogate pair | `{"$text": "UTF-16 units in hex"}` |
    /// | a dict with names that are no texts, or that begin with `$` | `{"$dict": [[name, value], …]}` |
    /// | a name that would be imported | `{"$global": "module name"}` |
    /// | what would be called | `{"$object": {"by": …, "arguments": …, "state": …, "items": …, "entries": …}}` |
    /// | what is within itself, or beyond the limits | `{"$cycle": place}`, `{"$omitted": place}` |
    ///
    /// Where there is no more room, what is omitted stands for all that comes after it in what it is in.
    pub fn tagged(&self) -> String {
        self.tagged_of(self.root)
    }

    /// The same of a value within it.
    pub fn tagged_of(&self, id: Id) -> String {
        let mut tagger = Tagger::new(self);
        tagger.value(id);
        tagger.end()
    }
}

/// Writes JSON that tells what JSON can't hold.
pub(crate) struct Tagger<'p> {
    pickle: &'p Pickle,
    out: String,
    /// What is being written, from the root down.
    above: Vec<Id>,
    left: usize,
    /// Whether there is no more room: what was omitted stands for the rest.
    is_full: bool,
}

impl<'p> Tagger<'p> {
    pub(crate) fn new(pickle: &'p Pickle) -> Self {
        Tagger { pickle, out: String::new(), above: Vec::new(), left: RENDERED_MAX, is_full: false }
    }

    /// What was written.
    pub(crate) fn end(self) -> String {
        self.out
    }

    /// Whether there is no more room.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Writes what is JSON already.
    pub(crate) fn raw(&mut self, json: &str) {
        self.out += json;
    }

    /// Writes a value of JSON that is of any length, where there is room for it.
    pub(crate) fn json(&mut self, json: &str) {
        match self.has_room(json.len()) {
            true => self.out += json,
            false => {
                self.is_full = true;
                self.out += r#"{"$omitted":null}"#;
            }
        }
    }

    /// Writes the name of a member, where there is room for it.
    pub(crate) fn name(&mut self, name: &str) {
        match self.has_room(escaped_bytes(name.as_bytes())) {
            true => self.text(name),
            false => {
                self.is_full = true;
                self.text("$omitted");
            }
        }
        self.out.push(':');
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.out.len().saturating_add(bytes) <= RENDERED_BYTES_MAX
    }

    /// Writes a value.
    pub(crate) fn value(&mut self, id: Id) {
        self.is_full |= self.left == 0 || !self.has_room(0);
        if self.is_full {
            return self.out += &format!(r#"{{"$omitted":{id}}}"#);
        }
        self.left -= 1;
        if self.above.contains(&id) {
            return self.out += &format!(r#"{{"$cycle":{id}}}"#);
        }
        let node = self.pickle.node(id);
        let bytes = match node {
            Node::Text(text) if std::str::from_utf8(text).is_ok() => escaped_bytes(text),
            Node::Text(text) => 4 * text.len(),
            Node::Bytes(bytes) | Node::ByteArray(bytes) => 2 * bytes.len(),
            Node::Int(digits) => digits.len(),
            Node::Global { module, name } => {
                escaped_bytes(module.as_bytes()) + escaped_bytes(name.as_bytes())
            }
            _ => 0,
        };
        if self.above.len() >= RENDERED_DEPTH_MAX / 3 || !self.has_room(bytes) {
            return self.out += &format!(r#"{{"$omitted":{id}}}"#);
        }
        self.above.push(id);
        self.tagged(node);
        self.above.pop();
    }

    fn tagged(&mut self, node: &Node) {
        match node {
            Node::None => self.out += "null",
            Node::Bool(value) => self.out += if *value { "true" } else { "false" },
            Node::Int(digits) => match (digits.parse::<i64>(), digits.parse::<u64>()) {
                (Ok(number), _) => self.out += &number.to_string(),
                (_, Ok(number)) => self.out += &number.to_string(),
                _ => self.tag("$int", |tagger| tagger.text(digits)),
            },
            Node::Float(number) if number.is_finite() => self.out += &json!(number).to_string(),
            Node::Float(number) => {
                let word = number.to_string().to_lowercase();
                self.tag("$float", |tagger| tagger.text(&word));
            }
            Node::Bytes(bytes) => self.tag("$bytes", |tagger| tagger.hex(bytes)),
            Node::ByteArray(bytes) => self.tag("$bytearray", |tagger| tagger.hex(bytes)),
            Node::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => self.text(text),
                Err(_) => self.tag("$text", |tagger| {
                    tagger.out.push('"');
                    utf16(text).iter().for_each(|unit| tagger.out += &format!("{unit:04x}"));
                    tagger.out.push('"');
                }),
            },
            Node::List(items) => self.list(items),
            Node::Tuple(items) => self.tag("$tuple", |tagger| tagger.list(items)),
            Node::Set(items) => self.tag("$set", |tagger| tagger.list(items)),
            Node::FrozenSet(items) => self.tag("$frozenset", |tagger| tagger.list(items)),
            Node::Dict(entries) => self.dict(entries),
            Node::Global { module, name } => {
                self.tag("$global", |tagger| tagger.text(&format!("{module} {name}")));
            }
            Node::Made(made) => self.tag("$object", |tagger| tagger.made(made)),
            Node::Persistent(name) => self.tag("$persistent", |tagger| tagger.value(*name)),
            Node::Extension(number) => self.tag("$extension", |tagger| {
                tagger.out += &number.to_string();
            }),
            Node::Buffer => self.tag("$buffer", |tagger| tagger.out += "null"),
        }
    }

    /// Writes an object with one member.
    fn tag(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.out += &format!("{{\"{name}\":");
        value(self);
        self.out.push('}');
    }

    fn text(&mut self, text: &str) {
        self.out += &json!(text).to_string();
    }

    fn hex(&mut self, bytes: &[u8]) {
        self.out.push('"');
        bytes.iter().for_each(|byte| self.out += &format!("{byte:02x}"));
        self.out.push('"');
    }

    /// Writes what stands in a list or in an object, with commas between, as far as there is room.
    fn each<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            write(self, item);
            if self.is_full {
                break;
            }
        }
    }

    fn list(&mut self, items: &[Id]) {
        self.out.push('[');
        self.each(items, |tagger, item| tagger.value(*item));
        self.out.push(']');
    }

    fn dict(&mut self, entries: &[(Id, Id)]) {
        let plain = entries
            .iter()
            .all(|(name, _)| self.pickle.text(*name).is_some_and(|name| !name.starts_with('$')));
        if !plain {
            return self.tag("$dict", |tagger| tagger.entries(entries));
        }
        // A name that is set again keeps its place and gets the new value.
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut kept: Vec<(&str, Id)> = Vec::with_capacity(entries.len());
        let pickle = self.pickle;
        for (name, value) in entries {
            let name = pickle.text(*name).unwrap_or_default();
            match places.get(name) {
                Some(place) => kept[*place].1 = *value,
                None => {
                    places.insert(name, kept.len());
                    kept.push((name, *value));
                }
            }
        }
        drop(places);
        self.out.push('{');
        self.each(&kept, |tagger, (name, value)| {
            tagger.name(name);
            tagger.value(*value);
        });
        self.out.push('}');
    }

    fn entries(&mut self, entries: &[(Id, Id)]) {
        self.out.push('[');
        self.each(entries, |tagger, (name, value)| {
            tagger.out.push('[');
            tagger.value(*name);
            tagger.out.push(',');
            tagger.value(*value);
            tagger.out.push(']');
        });
        self.out.push(']');
    }

    fn made(&mut self, made: &Made) {
        self.out += "{\"by\":";
        self.value(made.by);
        self.out += ",\"arguments\":";
        self.value(made.arguments);
        for (name, part) in [("named", made.named), ("state", made.state)] {
            if let Some(part) = part {
                self.out += &format!(",\"{name}\":");
                self.value(part);
            }
        }
        if !made.items.is_empty() {
            self.out += ",\"items\":";
            self.list(&made.items);
        }
        if !made.entries.is_empty() {
            self.out += ",\"entries\":";
            self.entries(&made.entries);
        }
        self.out.push('}');
    }
}

/// What a text takes in JSON, at most: a character that is escaped takes six bytes.
fn escaped_bytes(text: &[u8]) -> usize {
    let is_escaped = |byte: &&u8| **byte < 0x20 || matches!(**byte, b'"' | b'\\');
    text.len() + 5 * text.iter().filter(is_escaped).count()
}
