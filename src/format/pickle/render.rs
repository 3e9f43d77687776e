//! Pickles as JSON, as Python writes it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Id, Made, Node, Pickle, RENDERED_BYTES_MAX, RENDERED_DEPTH_MAX, RENDERED_MAX};

impl Pickle {
    /// What Python's `json.dumps` gives for the value, with its order and its separators; nothing where
    /// it would refuse it, or where it would not come back as it is: tuples, names that are no texts,
    /// bytes, objects. `NaN` and half surrogate pairs are written as Python writes them.
    pub fn json(&self) -> Option<String> {
        self.json_of(self.root)
    }

    /// The same of a value within it.
    pub fn json_of(&self, id: Id) -> Option<String> {
        let dumped = self.dumped(id)?;
        dumped.is_exact.then_some(dumped.text)
    }

    /// What Python's `json.dumps` gives for a value within it, also where that would not come back as
    /// it is: tuples become lists, and names that are numbers, `True`, `False` or `None` become texts.
    /// Nothing where Python would refuse it.
    pub fn dumped(&self, id: Id) -> Option<Dumped> {
        let mut writer =
            Writer { pickle: self, out: String::new(), left: RENDERED_MAX, is_exact: true };
        writer.value(id, 0)?;
        Some(Dumped { text: writer.out, is_exact: writer.is_exact })
    }
}

/// What Python's `json.dumps` gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dumped {
    /// The text.
    pub text: String,
    /// Whether the value comes back from it as it is.
    pub is_exact: bool,
}

impl Pickle {
    /// The number that a scalar of NumPy is which is a `float` to Python: one of 64 bits.
    pub(super) fn numpy_float(&self, made: &Made) -> Option<f64> {
        let (kind, bytes) = self.numpy_scalar(made)?;
        let bytes: [u8; 8] = bytes.try_into().ok()?;
        (kind == "f8").then(|| f64::from_le_bytes(bytes))
    }

    /// The type of a scalar of NumPy, and its bytes, little end first.
    pub(super) fn numpy_scalar(&self, made: &Made) -> Option<(&str, &[u8])> {
        let Node::Global { module, name } = self.node(made.by) else { return None };
        if !matches!(module.as_str(), "numpy._core.multiarray" | "numpy.core.multiarray")
            || name != "scalar"
        {
            return None;
        }
        let Node::Tuple(arguments) = self.node(made.arguments) else { return None };
        let [of, bytes] = arguments.as_slice() else { return None };
        let (Node::Made(of), Node::Bytes(bytes)) = (self.node(*of), self.node(*bytes)) else {
            return None;
        };
        let Node::Tuple(arguments) = self.node(of.arguments) else { return None };
        // The second field of its state is the order of the bytes.
        let order = of.state.and_then(|state| match self.node(state) {
            Node::Tuple(fields) => self.text(*fields.get(1)?),
            _ => None,
        });
        let kind = self.text(*arguments.first()?)?;
        (order != Some(">")).then_some((kind, bytes))
    }
}

/// The units of UTF-16 of a text that is UTF-8 with half surrogate pairs as if they were characters.
pub(super) fn utf16(text: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(valid) => valid,
            Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default(),
        };
        units.extend(valid.encode_utf16());
        rest = &rest[valid.len()..];
        match rest {
            [0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf, after @ ..] => {
                units.push(0xd000 | u16::from(high & 0x3f) << 6 | u16::from(low & 0x3f));
                rest = after;
            }
            [_, after @ ..] => {
                units.push(0xfffd);
                rest = after;
            }
            [] => {}
        }
    }
    units
}

/// Writes JSON as Python's `json.dumps` does.
struct Writer<'p> {
    pickle: &'p Pickle,
    out: String,
    left: usize,
    is_exact: bool,
}

impl Writer<'_> {
    fn value(&mut self, id: Id, depth: usize) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        if depth > RENDERED_DEPTH_MAX || self.out.len() > RENDERED_BYTES_MAX {
            return None;
        }
        match self.pickle.node(id) {
            Node::None => self.out += "null",
            Node::Bool(true) => self.out += "true",
            Node::Bool(false) => self.out += "false",
            Node::Int(digits) => self.out += digits,
            Node::Float(number) => self.out += &float(*number),
            Node::Text(text) => self.text(text)?,
            Node::List(items) => self.list(items, depth)?,
            Node::Tuple(items) => {
                self.is_exact = false;
                self.list(items, depth)?;
            }
            Node::Dict(entries) => self.dict(entries, depth)?,
            Node::Made(made) => {
                self.is_exact = false;
                self.made(made, depth)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn list(&mut self, items: &[Id], depth: usize) -> Option<()> {
        self.out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out += ", ";
            }
            self.value(*item, depth + 1)?;
        }
        self.out.push(']');
        Some(())
    }

    fn dict(&mut self, entries: &[(Id, Id)], depth: usize) -> Option<()> {
        self.out.push('{');
        for (at, (name, value)) in self.last_of_each(entries)?.into_iter().enumerate() {
            if at > 0 {
                self.out += ", ";
            }
            match self.pickle.node(name) {
                Node::Text(name) => self.text(name)?,
                other => {
                    self.is_exact = false;
                    self.out += &format!("\"{}\"", name_of(other)?);
                }
            }
            self.out += ": ";
            self.value(value, depth + 1)?;
        }
        self.out.push('}');
        Some(())
    }

    /// What is of a class that `json.dumps` takes for one that it knows.
    fn made(&mut self, made: &Made, depth: usize) -> Option<()> {
        let Node::Global { module, name } = self.pickle.node(made.by) else { return None };
        match (module.as_str(), name.as_str()) {
            ("collections", "OrderedDict" | "defaultdict" | "Counter") => {
                self.dict(&made.entries, depth)
            }
            _ => {
                self.out += &float(self.pickle.numpy_float(made)?);
                Some(())
            }
        }
    }

    /// The entries of a dict: a name that is set again keeps its place and gets the new value. Nothing
    /// where a name can't be one in JSON.
    fn last_of_each(&self, entries: &[(Id, Id)]) -> Option<Vec<(Id, Id)>> {
        let mut places: HashMap<(bool, Cow<'_, [u8]>), usize> = HashMap::new();
        let mut kept: Vec<(Id, Id)> = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let key = match self.pickle.node(*name) {
                Node::Text(text) => (true, Cow::Borrowed(text.as_slice())),
                other => (false, Cow::Owned(name_of(other)?.into_bytes())),
            };
            match places.get(&key) {
                Some(place) => kept[*place].1 = *value,
                None => {
                    places.insert(key, kept.len());
                    kept.push((*name, *value));
                }
            }
        }
        Some(kept)
    }

    fn text(&mut self, text: &[u8]) -> Option<()> {
        // No character takes less than it takes here.
        if text.len() > RENDERED_BYTES_MAX {
            return None;
        }
        self.out.push('"');
        for unit in utf16(text) {
            match unit {
                0x22 => self.out += "\\\"",
                0x5c => self.out += "\\\\",
                0x0a => self.out += "\\n",
                0x0d => self.out += "\\r",
                0x09 => self.out += "\\t",
                0x08 => self.out += "\\b",
                0x0c => self.out += "\\f",
                0x20..=0x7e => self.out.push(char::from(unit as u8)),
                _ => self.out += &format!("\\u{unit:04x}"),
            }
            if self.out.len() > RENDERED_BYTES_MAX {
                return None;
            }
        }
        self.out.push('"');
        Some(())
    }
}

/// What `json.dumps` makes of a name that is no text; nothing where it refuses it.
pub(crate) fn name_of(node: &Node) -> Option<String> {
    match node {
        Node::None => Some("null".to_owned()),
        Node::Bool(value) => Some(value.to_string()),
        Node::Int(digits) => Some(digits.clone()),
        Node::Float(number) => Some(float(*number)),
        _ => None,
    }
}

/// A number as Python's `repr` writes it: the fewest digits that mean it, an exponent of two digits at
/// least from 1e16 on and below 1e-4.
pub(super) fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{number}");
    if plain.contains('.') { plain } else { plain + ".0" }
}
