//! Pickles as Python's `repr` shows them, and the checksums that were made of that.
//!
//! Only values of Python's own library are shown, and objects of other classes as a dataclass shows
//! them, which is a guess. A checksum that fits proves the guess; one that does not says nothing.

use super::render::float;
use super::{Id, Made, Node, Pickle, RENDERED_BYTES_MAX, RENDERED_DEPTH_MAX, RENDERED_MAX};
use crate::format::hashes;
use crate::format::pyjson::{NameOrder, PyJson, Verdict};

impl Pickle {
    /// Compares a value within it with the SHA-256 that a registry store has of it: over the characters
    /// of a text, over bytes, over `json.dumps(value, sort_keys=True)` of what that takes, over
    /// `repr(value)` of anything else. Where it is the checksum of another, the true one is told.
    pub fn check(&self, value: Id, checksum: &str) -> (Verdict, Option<String>) {
        let is = |bytes: &[u8]| hashes::sha256(bytes).eq_ignore_ascii_case(checksum);
        if let Node::Text(bytes) | Node::Bytes(bytes) = self.node(value) {
            return match is(bytes) {
                true => (Verdict::Matches, None),
                false => (Verdict::Differs, Some(hashes::sha256(bytes))),
            };
        }
        let dumped = self.dumped(value);
        let json = dumped.as_ref().and_then(|it| PyJson::parse(it.text.as_bytes()).ok());
        let verdict = json.as_ref().map_or(Verdict::Unknowable, |json| json.root().check(checksum));
        let guessed = || {
            // A named tuple is a list to `json.dumps`, a number of a class of numbers is that number.
            let Node::Made(made) = self.node(value) else { return false };
            let scalar = match self.node(made.arguments) {
                Node::Tuple(items) => items.first().filter(|_| items.len() == 1),
                _ => None,
            };
            [Some(made.arguments), scalar.copied()].into_iter().flatten().any(|id| {
                self.dumped(id).is_some_and(|dumped| {
                    PyJson::parse(dumped.text.as_bytes())
                        .is_ok_and(|json| is(json.root().canonical(NameOrder::Texts).as_bytes()))
                })
            })
        };
        let is_member = || self.members(value).iter().any(|shown| is(shown.as_bytes()));
        let shown = || {
            [true, false].into_iter().any(|is_recent| {
                self.repr_of(value, is_recent).is_some_and(|shown| is(shown.as_bytes()))
            })
        };
        match verdict {
            Verdict::Matches => (Verdict::Matches, None),
            _ if guessed() || shown() || is_member() => (Verdict::Matches, None),
            Verdict::Differs => {
                let found = json.map(|json| json.root().checksum(NameOrder::Texts));
                (Verdict::Differs, found)
            }
            Verdict::Unknowable => (Verdict::Unknowable, None),
        }
    }

    /// How a value may show itself that is a member of an enum: most are named after their values.
    fn members(&self, value: Id) -> Vec<String> {
        let Node::Made(made) = self.node(value) else { return Vec::new() };
        let (Node::Global { name, .. }, Node::Tuple(arguments)) =
            (self.node(made.by), self.node(made.arguments))
        else {
            return Vec::new();
        };
        let [member] = arguments.as_slice() else { return Vec::new() };
        let Some(text) = self.text(*member) else { return Vec::new() };
        let shown = quoted(text);
        let plain = text.replace(['-', ' '], "_");
        [plain.to_uppercase(), plain].map(|member| format!("<{name}.{member}: {shown}>")).into()
    }

    /// The type of a value in Python, with its module where it is none of Python's own.
    pub fn type_of(&self, id: Id) -> String {
        let by = match self.node(id) {
            Node::None => return "NoneType".to_owned(),
            Node::Bool(_) => return "bool".to_owned(),
            Node::Int(_) => return "int".to_owned(),
            Node::Float(_) => return "float".to_owned(),
            Node::Bytes(_) => return "bytes".to_owned(),
            Node::ByteArray(_) => return "bytearray".to_owned(),
            Node::Text(_) => return "str".to_owned(),
            Node::List(_) => return "list".to_owned(),
            Node::Tuple(_) => return "tuple".to_owned(),
            Node::Set(_) => return "set".to_owned(),
            Node::FrozenSet(_) => return "frozenset".to_owned(),
            Node::Dict(_) => return "dict".to_owned(),
            Node::Global { .. } => return "type".to_owned(),
            Node::Made(made) => match self.numpy_type(made) {
                Some(name) => return format!("numpy.{name}"),
                None => made.by,
            },
            Node::Persistent(_) | Node::Extension(_) | Node::Buffer => return "unknown".to_owned(),
        };
        match self.node(by) {
            Node::Global { module, name } if module == "builtins" => name.clone(),
            Node::Global { module, name } => format!("{module}.{name}"),
            _ => "unknown".to_owned(),
        }
    }

    /// The type that NumPy's functions make, which stand where a class does.
    fn numpy_type(&self, made: &Made) -> Option<&str> {
        if let Some((kind, _)) = self.numpy_scalar(made) {
            return numpy_name(kind);
        }
        let Node::Global { name, .. } = self.node(made.by) else { return None };
        let Node::Tuple(arguments) = self.node(made.arguments) else { return None };
        match self.node(*arguments.first().filter(|_| name == "_reconstruct")?) {
            Node::Global { module, name } if module == "numpy" => Some(name),
            _ => None,
        }
    }

    /// What `repr` gives, where it is known; nothing else has the same bytes in each process. NumPy and
    /// `OrderedDict` show themselves in another way since NumPy 2 and Python 3.12, which `is_recent`
    /// asks for.
    pub fn repr(&self, is_recent: bool) -> Option<String> {
        self.repr_of(self.root, is_recent)
    }

    fn repr_of(&self, value: Id, is_recent: bool) -> Option<String> {
        let mut shower = Shower {
            pickle: self,
            is_recent,
            left: RENDERED_MAX,
            bytes_left: RENDERED_BYTES_MAX,
            depth: 0,
        };
        shower.value(value)
    }
}

struct Shower<'p> {
    pickle: &'p Pickle,
    is_recent: bool,
    left: usize,
    bytes_left: usize,
    depth: usize,
}

impl Shower<'_> {
    fn value(&mut self, id: Id) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        if self.depth > RENDERED_DEPTH_MAX {
            return None;
        }
        let node = self.pickle.node(id);
        if let Node::Text(bytes) | Node::Bytes(bytes) | Node::ByteArray(bytes) = node {
            self.bytes_left = self.bytes_left.checked_sub(bytes.len())?;
        }
        self.depth += 1;
        let shown = self.node(node);
        self.depth -= 1;
        shown
    }

    fn node(&mut self, node: &Node) -> Option<String> {
        Some(match node {
            Node::None => "None".to_owned(),
            Node::Bool(true) => "True".to_owned(),
            Node::Bool(false) => "False".to_owned(),
            Node::Int(digits) => digits.clone(),
            Node::Float(number) => shown_float(*number),
            Node::Bytes(bytes) => format!("b{}", quoted_bytes(bytes, false)),
            Node::ByteArray(bytes) => format!("bytearray(b{})", quoted_bytes(bytes, true)),
            Node::Text(text) => quoted(std::str::from_utf8(text).ok()?),
            Node::List(items) => format!("[{}]", self.items(items)?),
            Node::Tuple(items) => self.tuple(items)?,
            Node::Set(items) if items.is_empty() => "set()".to_owned(),
            Node::Set(items) => format!("{{{}}}", self.items(items)?),
            Node::FrozenSet(items) if items.is_empty() => "frozenset()".to_owned(),
            Node::FrozenSet(items) => format!("frozenset({{{}}})", self.items(items)?),
            Node::Dict(entries) => self.dict(entries)?,
            Node::Global { module, name } if module == "builtins" => format!("<class '{name}'>"),
            Node::Global { module, name } => format!("<class '{module}.{name}'>"),
            Node::Made(made) => self.made(made)?,
            Node::Persistent(_) | Node::Extension(_) | Node::Buffer => return None,
        })
    }

    fn items(&mut self, items: &[Id]) -> Option<String> {
        let shown: Option<Vec<_>> = items.iter().map(|item| self.value(*item)).collect();
        Some(shown?.join(", "))
    }

    fn tuple(&mut self, items: &[Id]) -> Option<String> {
        let comma = if items.len() == 1 { "," } else { "" };
        Some(format!("({}{comma})", self.items(items)?))
    }

    fn dict(&mut self, entries: &[(Id, Id)]) -> Option<String> {
        let mut shown = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            shown.push(format!("{}: {}", self.value(*name)?, self.value(*value)?));
        }
        Some(format!("{{{}}}", shown.join(", ")))
    }

    fn made(&mut self, made: &Made) -> Option<String> {
        let pickle = self.pickle;
        let Node::Global { module, name } = pickle.node(made.by) else { return None };
        let Node::Tuple(arguments) = pickle.node(made.arguments) else { return None };
        let int = |at: usize| match pickle.node(*arguments.get(at)?) {
            Node::Int(digits) => digits.parse::<i64>().ok(),
            _ => None,
        };
        let bytes = |at: usize| match pickle.node(*arguments.get(at)?) {
            Node::Bytes(bytes) => Some(bytes.as_slice()),
            _ => None,
        };
        Some(match (module.as_str(), name.as_str()) {
            ("datetime", "date") => {
                let [high, low, month, day] = *bytes(0)? else { return None };
                let year = u32::from(high) << 8 | u32::from(low);
                format!("datetime.date({year}, {month}, {day})")
            }
            ("datetime", "datetime") => {
                let [high, low, month, day, rest @ ..] = bytes(0)? else { return None };
                let year = u32::from(*high) << 8 | u32::from(*low);
                let [hour, minute, clock @ ..] = rest else { return None };
                let (month, fold) = (month & 0x7f, month & 0x80 != 0);
                let shown = format!("{year}, {month}, {day}, {hour}, {minute}{}", seconds(clock)?);
                let zone = self.zone(arguments.get(1))?;
                let fold = if fold { ", fold=1" } else { "" };
                format!("datetime.datetime({shown}{fold}{zone})")
            }
            ("datetime", "time") => {
                let [hour, minute, clock @ ..] = bytes(0)? else { return None };
                let (hour, fold) = (hour & 0x7f, hour & 0x80 != 0);
                let zone = self.zone(arguments.get(1))?;
                let fold = if fold { ", fold=1" } else { "" };
                format!("datetime.time({hour}, {minute}{}{fold}{zone})", seconds(clock)?)
            }
            ("datetime", "timedelta") => {
                let parts = [("days", 0), ("seconds", 1), ("microseconds", 2)];
                let mut shown = Vec::new();
                for (word, at) in parts {
                    match int(at)? {
                        0 => {}
                        count => shown.push(format!("{word}={count}")),
                    }
                }
                let shown = if shown.is_empty() { "0".to_owned() } else { shown.join(", ") };
                format!("datetime.timedelta({shown})")
            }
            ("datetime", "timezone") => {
                let shown = self.items(arguments)?;
                match shown.as_str() {
                    "datetime.timedelta(0)" => "datetime.timezone.utc".to_owned(),
                    _ => format!("datetime.timezone({shown})"),
                }
            }
            ("builtins", "complex") => {
                let part = |at: usize| match pickle.node(*arguments.get(at)?) {
                    Node::Float(number) => Some(*number),
                    _ => None,
                };
                complex(part(0)?, part(1)?)
            }
            ("builtins", "range") => match (int(0)?, int(1)?, int(2)?) {
                (from, to, 1) => format!("range({from}, {to})"),
                (from, to, step) => format!("range({from}, {to}, {step})"),
            },
            ("builtins", "bytearray") => {
                format!("bytearray(b{})", quoted_bytes(bytes(0).unwrap_or_default(), true))
            }
            ("builtins", "set" | "frozenset") => {
                let [items] = arguments.as_slice() else { return None };
                let Node::List(items) = pickle.node(*items) else { return None };
                let shown = self.items(items)?;
                match (name.as_str(), items.is_empty()) {
                    (_, true) => format!("{name}()"),
                    ("set", _) => format!("{{{shown}}}"),
                    _ => format!("frozenset({{{shown}}})"),
                }
            }
            ("fractions", "Fraction") if arguments.len() == 1 => {
                let text = pickle.text(*arguments.first()?)?;
                let (above, below) = text.split_once('/').unwrap_or((text, "1"));
                format!("Fraction({above}, {below})")
            }
            ("uuid", "UUID") => {
                let number = match pickle.node(pickle.get(made.state?, "int")?) {
                    Node::Int(digits) => digits.parse::<u128>().ok()?,
                    _ => return None,
                };
                let hex = format!("{number:032x}");
                format!(
                    "UUID('{}-{}-{}-{}-{}')",
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..]
                )
            }
            ("pathlib" | "pathlib._local", _) if name.ends_with("Path") => {
                let parts: Option<Vec<_>> = arguments.iter().map(|it| pickle.text(*it)).collect();
                let joined = parts?.join("/").replacen("//", "/", 1);
                format!("{name}({})", quoted(if joined.is_empty() { "." } else { &joined }))
            }
            ("collections", "OrderedDict") => {
                let pairs: Option<Vec<_>> = match self.is_recent {
                    true => return Some(format!("OrderedDict({})", self.dict(&made.entries)?)),
                    false => made
                        .entries
                        .iter()
                        .map(|(name, value)| self.tuple(&[*name, *value]))
                        .collect(),
                };
                match pairs? {
                    pairs if pairs.is_empty() => "OrderedDict()".to_owned(),
                    pairs => format!("OrderedDict([{}])", pairs.join(", ")),
                }
            }
            _ if pickle.numpy_scalar(made).is_some() => self.numpy(made)?,
            _ => {
                let name = name.as_str();
                match made.state.map(|state| pickle.node(state)) {
                    None if made.entries.is_empty() && made.items.is_empty() => {
                        // As `Decimal('1.5')` and exceptions show themselves.
                        format!("{name}({})", self.items(arguments)?)
                    }
                    // As a dataclass shows itself.
                    Some(Node::Dict(fields)) if arguments.is_empty() => {
                        let mut shown = Vec::with_capacity(fields.len());
                        for (field, value) in fields {
                            shown.push(format!("{}={}", pickle.text(*field)?, self.value(*value)?));
                        }
                        format!("{name}({})", shown.join(", "))
                    }
                    _ => return None,
                }
            }
        })
    }

    fn zone(&mut self, zone: Option<&Id>) -> Option<String> {
        match zone {
            None => Some(String::new()),
            Some(zone) => Some(format!(", tzinfo={}", self.value(*zone)?)),
        }
    }

    fn numpy(&self, made: &Made) -> Option<String> {
        let (kind, bytes) = self.pickle.numpy_scalar(made)?;
        let name = numpy_name(kind)?;
        let mut wide = [0; 8];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let unsigned = u64::from_le_bytes(wide);
        let shown = match kind.as_bytes().first()? {
            b'f' if bytes.len() == 8 => shown_float(f64::from_bits(unsigned)),
            b'i' => match *bytes {
                [a] => i8::from_le_bytes([a]).to_string(),
                [a, b] => i16::from_le_bytes([a, b]).to_string(),
                [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).to_string(),
                _ => (unsigned as i64).to_string(),
            },
            b'u' => unsigned.to_string(),
            b'b' if self.is_recent => {
                return Some(format!("np.{}_", if unsigned == 0 { "False" } else { "True" }));
            }
            b'b' => if unsigned == 0 { "False" } else { "True" }.to_owned(),
            _ => return None,
        };
        Some(if self.is_recent { format!("np.{name}({shown})") } else { shown })
    }
}

/// The name of a type of NumPy's numbers by its code: kind, and size in bytes.
fn numpy_name(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "f2" => "float16",
        "f4" => "float32",
        "f8" => "float64",
        "i1" => "int8",
        "i2" => "int16",
        "i4" => "int32",
        "i8" => "int64",
        "u1" => "uint8",
        "u2" => "uint16",
        "u4" => "uint32",
        "u8" => "uint64",
        "b1" => "bool",
        _ => return None,
    })
}

/// Seconds and microseconds where they are not zero.
fn seconds(clock: &[u8]) -> Option<String> {
    let [second, a, b, c] = *clock else { return None };
    let micros = u32::from_be_bytes([0, a, b, c]);
    Some(match (second, micros) {
        (0, 0) => String::new(),
        (second, 0) => format!(", {second}"),
        (second, micros) => format!(", {second}, {micros}"),
    })
}

fn shown_float(number: f64) -> String {
    match number {
        number if number.is_nan() => "nan".to_owned(),
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        number => float(number),
    }
}

fn complex(real: f64, imaginary: f64) -> String {
    let plain = |number: f64| {
        let shown = shown_float(number);
        shown.strip_suffix(".0").map(str::to_owned).unwrap_or(shown)
    };
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", plain(imaginary));
    }
    let sign = if imaginary.is_sign_negative() && !imaginary.is_nan() { "" } else { "+" };
    format!("({}{sign}{}j)", plain(real), plain(imaginary))
}

/// The quotes that `repr` puts around a text: single ones unless only those stand in it.
fn quote_for(has_single: bool, has_double: bool) -> char {
    if has_single && !has_double { '"' } else { '\'' }
}

fn quoted(text: &str) -> String {
    let quote = quote_for(text.contains('\''), text.contains('"'));
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            ' '..='~' if character == quote => out.extend(['\\', quote]),
            ' '..='~' => out.push(character),
            // Behind another character only what can't be printed is escaped by Rust, too.
            _ if format!("a{character}").escape_debug().count() == 2 => out.push(character),
            _ => match u32::from(character) {
                code @ 0..=0xff => out += &format!("\\x{code:02x}"),
                code @ 0..=0xffff => out += &format!("\\u{code:04x}"),
                code => out += &format!("\\U{code:08x}"),
            },
        }
    }
    out.push(quote);
    out
}

/// Bytes in quotes. Those of a `bytearray` have each single quote escaped, whichever are around them.
fn quoted_bytes(bytes: &[u8], is_array: bool) -> String {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    let mut out = String::from(quote);
    for byte in bytes {
        match *byte {
            b'\\' => out += "\\\\",
            b'\n' => out += "\\n",
            b'\r' => out += "\\r",
            b'\t' => out += "\\t",
            b'\'' if is_array => out += "\\'",
            byte @ b' '..=b'~' if char::from(byte) == quote => out.extend(['\\', quote]),
            byte @ b' '..=b'~' => out.push(char::from(byte)),
            byte => out += &format!("\\x{byte:02x}"),
        }
    }
    out.push(quote);
    out
}
