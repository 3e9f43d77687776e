//! Python's pickles, read and never executed.
//!
//! A pickle is a program for a small stack machine (CPython's `Lib/pickletools.py` documents each
//! instruction, PEP 307, 3154 and 574 their protocols, 0 to 5). Instructions that would import a name
//! or call it make a node here that says so: [`Node::Global`], [`Node::Made`]. What it comes to is a
//! graph, since a list may hold itself and two places may hold the same list.
//!
//! **Invariant:** whatever the bytes, reading ends: each instruction is looked at once and makes at
//! most one node, and [`INSTRUCTIONS_MAX`] are carried out. What bytes stand in it is held once more.
//!
//! **Invariant:** the order of a dict is kept, and so are the digits of every number.
//!
//! ```
//! use tintype::format::pickle::Pickle;
//! let pickle = Pickle::read(b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94\x8c\x01a\x94K\x01s.")?;
//! assert_eq!(pickle.json().as_deref(), Some(r#"{"a": 1}"#));
//! # Ok::<(), tintype::format::pickle::NotPickle>(())
//! ```

mod render;
mod repr;
mod tagged;

pub use render::Dumped;
pub(crate) use render::name_of;
pub(crate) use tagged::Tagger;

use std::collections::HashMap;

/// The most nodes of a pickle that are rendered. What is shared is rendered at each of its places, so a
/// small pickle can be a huge tree.
pub const RENDERED_MAX: usize = 1_000_000;
/// The most bytes that a rendering takes, within one text, and so in memory: it is written as it is made.
pub const RENDERED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The deepest that a rendering goes: what readers of JSON take.
pub const RENDERED_DEPTH_MAX: usize = 100;
/// The most instructions of a pickle that are carried out. Each makes one value at most, which takes
/// some hundred bytes.
pub const INSTRUCTIONS_MAX: usize = 4_000_000;
/// The longest integer that is told in decimal digits, in bytes of its binary form. Longer ones take
/// time that grows with their square.
const INTEGER_BYTES_MAX: usize = 2_048;

/// Why bytes are no pickle that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no pickle: {why}, at byte {at}")]
pub struct NotPickle {
    /// What is wrong.
    pub why: &'static str,
    /// Where, from 0 on.
    pub at: usize,
}

/// The place of a node in its pickle.
pub type Id = usize;

/// A value, or what it takes to make one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Node {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of any size, as decimal digits.
    Int(String),
    /// A floating-point number.
    Float(f64),
    /// `bytes`, and the `str` of Python 2.
    Bytes(Vec<u8>),
    /// `bytearray`.
    ByteArray(Vec<u8>),
    /// `str`: UTF-8, with half surrogate pairs as if they were characters.
    Text(Vec<u8>),
    /// A list.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A set, in the order in which it was written.
    Set(Vec<Id>),
    /// A frozenset, in the order in which it was written.
    FrozenSet(Vec<Id>),
    /// A dict, in its order.
    Dict(Vec<(Id, Id)>),
    /// A name that would be imported.
    Global {
        /// The module.
        module: String,
        /// The name in it, which may have dots.
        name: String,
    },
    /// A value that would be made by calling something.
    Made(Box<Made>),
    /// An object that is kept outside of the pickle, by what names it.
    Persistent(Id),
    /// A name that would be looked up in a registry of extensions.
    Extension(u32),
    /// A buffer that is kept outside of the pickle.
    Buffer,
}

/// A value that would be made by calling a class or a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// What would be called: a [`Node::Global`] mostly.
    pub by: Id,
    /// With what: a tuple mostly.
    pub arguments: Id,
    /// And with what by name, a dict.
    pub named: Option<Id>,
    /// What it would be given then, by `__setstate__` or as its fields.
    pub state: Option<Id>,
    /// What would be appended to it.
    pub items: Vec<Id>,
    /// What would be set in it.
    pub entries: Vec<(Id, Id)>,
}

/// A pickle that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pickle {
    nodes: Vec<Node>,
    root: Id,
    protocol: u8,
    /// The bytes that it took; others may follow.
    length: usize,
}

impl Pickle {
    /// Reads the pickle that bytes begin with.
    pub fn read(bytes: &[u8]) -> Result<Self, NotPickle> {
        let mut machine = Machine { bytes, ..Machine::default() };
        let root = machine.run()?;
        let Machine { nodes, protocol, at, .. } = machine;
        Ok(Pickle { nodes, root, protocol, length: at })
    }

    /// The value that it is.
    pub fn root(&self) -> Id {
        self.root
    }

    /// The highest protocol whose instructions it says that it has; 0 where it says nothing.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// How many bytes it took.
    pub fn length(&self) -> usize {
        self.length
    }

    /// A node of it.
    ///
    /// # Panics
    ///
    /// Where the place is not of this pickle.
    #[expect(clippy::indexing_slicing, reason = "documented")]
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// The characters of a text; nothing where it is none, or has half a surrogate pair.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// The value of this name in a dict.
    pub fn get(&self, dict: Id, name: &str) -> Option<Id> {
        let Node::Dict(entries) = self.node(dict) else { return None };
        let found = entries.iter().rev().find(|(key, _)| self.text(*key) == Some(name));
        found.map(|(_, value)| *value)
    }
}

// Reading

/// The machine that a pickle is a program for.
#[derive(Default)]
struct Machine<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where the instruction began that is being carried out.
    began: usize,
    protocol: u8,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

type Step<T = ()> = Result<T, NotPickle>;

impl<'b> Machine<'b> {
    fn wrong<T>(&self, why: &'static str) -> Step<T> {
        Err(NotPickle { why, at: self.began })
    }

    fn run(&mut self) -> Step<Id> {
        for _ in 0..INSTRUCTIONS_MAX {
            self.began = self.at;
            let code = self.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
        }
        self.wrong("more instructions than are carried out")
    }

    fn step(&mut self, code: u8) -> Step {
        match code {
            // What the pickle says of itself
            0x80 => {
                self.protocol = self.byte()?;
                if self.protocol > 5 {
                    return self.wrong("a protocol that is not known");
                }
                Ok(())
            }
            0x95 => self.take(8).map(drop),

            // The stack
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => match self.marks.last() {
                // As CPython does: a mark is taken off like a value.
                Some(mark) if *mark == self.stack.len() => {
                    self.marks.pop();
                    Ok(())
                }
                _ => self.pop().map(drop),
            },
            b'1' => self.take_to_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }

            // The memo
            b'p' => {
                let number = self.line_number()?;
                self.remember(number)
            }
            b'q' => {
                let number = self.byte()?;
                self.remember(number.into())
            }
            b'r' => {
                let number = self.u32()?;
                self.remember(number.into())
            }
            0x94 => {
                let number = self.memo.len() as u64;
                self.remember(number)
            }
            b'g' => {
                let number = self.line_number()?;
                self.recall(number)
            }
            b'h' => {
                let number = self.byte()?;
                self.recall(number.into())
            }
            b'j' => {
                let number = self.u32()?;
                self.recall(number.into())
            }

            // Values that are one thing
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Bool(true)),
            0x89 => self.push(Node::Bool(false)),
            b'I' => {
                let line = self.line()?;
                match line {
                    b"00" => self.push(Node::Bool(false)),
                    b"01" => self.push(Node::Bool(true)),
                    _ => self.digits(line),
                }
            }
            b'L' => {
                let line = self.line()?;
                self.digits(line.strip_suffix(b"L").unwrap_or(line))
            }
            b'J' => {
                let number = self.u32()? as i32;
                self.push(Node::Int(number.to_string()))
            }
            b'K' => {
                let number = self.byte()?;
                self.push(Node::Int(number.to_string()))
            }
            b'M' => {
                let number =
                    self.take(2)?.iter().rev().fold(0_u32, |sum, b| sum << 8 | u32::from(*b));
                self.push(Node::Int(number.to_string()))
            }
            0x8a => {
                let length = self.byte()?;
                self.long(length.into())
            }
            0x8b => {
                let length = self.u32()?;
                self.long(length.into())
            }
            b'F' => {
                let line = self.line()?;
                match std::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok()) {
                    Some(number) => self.push(Node::Float(number)),
                    None => self.wrong("a number that is none"),
                }
            }
            b'G' => {
                let mut number = [0; 8];
                number.copy_from_slice(self.take(8)?);
                self.push(Node::Float(f64::from_be_bytes(number)))
            }
            b'S' => {
                let line = self.line()?;
                match quoted(line) {
                    Some(bytes) => self.push(Node::Bytes(bytes)),
                    None => self.wrong("a text without its quotes"),
                }
            }
            b'V' => {
                let line = self.line()?;
                self.push(Node::Text(raw_unicode(line)))
            }
            b'U' | b'C' => {
                let length = self.byte()?;
                self.counted(length.into(), Node::Bytes)
            }
            b'T' | b'B' => {
                let length = self.u32()?;
                self.counted(length.into(), Node::Bytes)
            }
            0x8e => {
                let length = self.u64()?;
                self.counted(length, Node::Bytes)
            }
            0x96 => {
                let length = self.u64()?;
                self.counted(length, Node::ByteArray)
            }
            0x8c => {
                let length = self.byte()?;
                self.counted(length.into(), Node::Text)
            }
            b'X' => {
                let length = self.u32()?;
                self.counted(length.into(), Node::Text)
            }
            0x8d => {
                let length = self.u64()?;
                self.counted(length, Node::Text)
            }
            0x97 => self.push(Node::Buffer),
            0x98 => self.top().map(drop),

            // Values that hold others
            b']' => self.push(Node::List(Vec::new())),
            b'l' => {
                let items = self.take_to_mark()?;
                self.push(Node::List(items))
            }
            b')' => self.push(Node::Tuple(Vec::new())),
            b't' => {
                let items = self.take_to_mark()?;
                self.push(Node::Tuple(items))
            }
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let Some(from) = self.stack.len().checked_sub(count).filter(|at| self.is_free(*at))
                else {
                    return self.wrong("nothing on the stack");
                };
                let items = self.stack.split_off(from);
                self.push(Node::Tuple(items))
            }
            b'}' => self.push(Node::Dict(Vec::new())),
            b'd' => {
                let entries = self.take_to_mark()?;
                match entries.len() % 2 {
                    0 => self.push(Node::Dict(pairs(&entries))),
                    _ => self.wrong("a name without a value"),
                }
            }
            0x8f => self.push(Node::Set(Vec::new())),
            0x91 => {
                let items = self.take_to_mark()?;
                self.push(Node::FrozenSet(items))
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            b'e' | 0x90 => {
                let items = self.take_to_mark()?;
                self.append(items)
            }
            b's' => {
                let value = self.pop()?;
                let name = self.pop()?;
                self.set(vec![(name, value)])
            }
            b'u' => {
                let entries = self.take_to_mark()?;
                match entries.len() % 2 {
                    0 => self.set(pairs(&entries)),
                    _ => self.wrong("a name without a value"),
                }
            }

            // What Python would import and call
            b'c' => {
                let (module, name) = (self.text_line()?, self.text_line()?);
                self.push(Node::Global { module, name })
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.string(module), self.string(name)) {
                    (Some(module), Some(name)) => self.push(Node::Global { module, name }),
                    _ => self.wrong("a name that is no text"),
                }
            }
            b'R' | 0x81 => {
                let (arguments, by) = (self.pop()?, self.pop()?);
                self.made(by, arguments, None)
            }
            0x92 => {
                let (named, arguments, by) = (self.pop()?, self.pop()?, self.pop()?);
                self.made(by, arguments, Some(named))
            }
            b'i' => {
                let (module, name) = (self.text_line()?, self.text_line()?);
                let arguments = self.take_to_mark()?;
                let by = self.node(Node::Global { module, name });
                let arguments = self.node(Node::Tuple(arguments));
                self.made(by, arguments, None)
            }
            b'o' => {
                let mut arguments = self.take_to_mark()?;
                if arguments.is_empty() {
                    return self.wrong("nothing to call");
                }
                let by = arguments.remove(0);
                let arguments = self.node(Node::Tuple(arguments));
                self.made(by, arguments, None)
            }
            b'b' => {
                let state = self.pop()?;
                let top = self.top()?;
                match self.nodes.get_mut(top) {
                    Some(Node::Made(made)) => made.state = Some(state),
                    // A value of a kind of Python's own takes none; CPython would fail as well.
                    _ => return self.wrong("a state for what takes none"),
                }
                Ok(())
            }
            b'P' => {
                let line = self.line()?.to_vec();
                let name = self.node(Node::Bytes(line));
                self.push(Node::Persistent(name))
            }
            b'Q' => {
                let name = self.pop()?;
                self.push(Node::Persistent(name))
            }
            0x82 => {
                let number = self.byte()?;
                self.push(Node::Extension(number.into()))
            }
            0x83 => {
                let number =
                    self.take(2)?.iter().rev().fold(0_u32, |sum, b| sum << 8 | u32::from(*b));
                self.push(Node::Extension(number))
            }
            0x84 => {
                let number = self.u32()?;
                self.push(Node::Extension(number))
            }
            _ => self.wrong("an instruction that is not known"),
        }
    }

    // Bytes

    fn take(&mut self, count: usize) -> Step<&'b [u8]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..count));
        match taken {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => self.wrong("it ends in the middle"),
        }
    }

    fn byte(&mut self) -> Step<u8> {
        self.take(1).map(|bytes| bytes.iter().fold(0, |_, byte| *byte))
    }

    fn u32(&mut self) -> Step<u32> {
        self.take(4)
            .map(|bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn u64(&mut self) -> Step<u64> {
        self.take(8)
            .map(|bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// The bytes up to the next line feed, which is passed over.
    fn line(&mut self) -> Step<&'b [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return self.wrong("a line that does not end");
        };
        let line = self.take(end)?;
        self.at += 1;
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn text_line(&mut self) -> Step<String> {
        let line = self.line()?;
        match std::str::from_utf8(line) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => self.wrong("a name that is no text"),
        }
    }

    fn line_number(&mut self) -> Step<u64> {
        let line = self.line()?;
        match std::str::from_utf8(line).ok().and_then(|line| line.parse().ok()) {
            Some(number) => Ok(number),
            None => self.wrong("a number that is none"),
        }
    }

    fn counted(&mut self, length: u64, node: fn(Vec<u8>) -> Node) -> Step {
        let Ok(length) = usize::try_from(length) else {
            return self.wrong("it ends in the middle");
        };
        let bytes = self.take(length)?.to_vec();
        self.push(node(bytes))
    }

    fn digits(&mut self, line: &[u8]) -> Step {
        let text = std::str::from_utf8(line).unwrap_or_default().trim();
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.wrong("a number that is none");
        }
        let digits = digits.trim_start_matches('0');
        let number = match (digits, text.starts_with('-')) {
            ("", _) => "0".to_owned(),
            (digits, true) => format!("-{digits}"),
            (digits, false) => digits.to_owned(),
        };
        self.push(Node::Int(number))
    }

    /// An integer in two's complement, little end first.
    fn long(&mut self, length: u64) -> Step {
        let Ok(length) = usize::try_from(length) else {
            return self.wrong("it ends in the middle");
        };
        let bytes = self.take(length)?;
        if length > INTEGER_BYTES_MAX {
            return self.wrong("an integer longer than any that is told in digits");
        }
        self.push(Node::Int(decimal(bytes)))
    }

    // Values

    fn node(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn push(&mut self, node: Node) -> Step {
        let id = self.node(node);
        self.stack.push(id);
        Ok(())
    }

    /// Whether the stack may be taken off down to this height: marks hold what is below them.
    fn is_free(&self, height: usize) -> bool {
        self.marks.last().is_none_or(|mark| *mark <= height)
    }

    fn pop(&mut self) -> Step<Id> {
        let Some(height) = self.stack.len().checked_sub(1).filter(|at| self.is_free(*at)) else {
            return self.wrong("nothing on the stack");
        };
        let top = self.stack.get(height).copied().unwrap_or_default();
        self.stack.truncate(height);
        Ok(top)
    }

    fn top(&mut self) -> Step<Id> {
        let top = self.pop()?;
        self.stack.push(top);
        Ok(top)
    }

    fn take_to_mark(&mut self) -> Step<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark.min(self.stack.len()))),
            None => self.wrong("no mark on the stack"),
        }
    }

    fn remember(&mut self, number: u64) -> Step {
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn recall(&mut self, number: u64) -> Step {
        match self.memo.get(&number) {
            Some(id) => {
                self.stack.push(*id);
                Ok(())
            }
            None => self.wrong("something that was not remembered"),
        }
    }

    fn string(&self, id: Id) -> Option<String> {
        match self.nodes.get(id) {
            Some(Node::Text(text)) => String::from_utf8(text.clone()).ok(),
            _ => None,
        }
    }

    fn made(&mut self, by: Id, arguments: Id, named: Option<Id>) -> Step {
        self.push(Node::Made(Box::new(Made {
            by,
            arguments,
            named,
            state: None,
            items: Vec::new(),
            entries: Vec::new(),
        })))
    }

    fn append(&mut self, more: Vec<Id>) -> Step {
        let top = self.top()?;
        match self.nodes.get_mut(top) {
            Some(Node::List(items) | Node::Set(items)) => items.extend(more),
            Some(Node::Made(made)) => made.items.extend(more),
            _ => return self.wrong("something to append to what holds nothing"),
        }
        Ok(())
    }

    fn set(&mut self, more: Vec<(Id, Id)>) -> Step {
        let top = self.top()?;
        match self.nodes.get_mut(top) {
            Some(Node::Dict(entries)) => entries.extend(more),
            Some(Node::Made(made)) => made.entries.extend(more),
            _ => return self.wrong("something to set in what has no names"),
        }
        Ok(())
    }
}

fn pairs(ids: &[Id]) -> Vec<(Id, Id)> {
    ids.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The bytes of a text in quotes, as `repr` writes the `str` of Python 2.
fn quoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let quote = *line.first().filter(|quote| matches!(quote, b'\'' | b'"'))?;
    let inside = line.get(1..)?.strip_suffix(&[quote])?;
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b'v' => bytes.push(11),
            b'f' => bytes.push(12),
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            digit @ b'0'..=b'7' => {
                let mut number = u32::from(digit - b'0');
                for _ in 0..2 {
                    if let Some(next) = rest.next_if(|next| matches!(next, b'0'..=b'7')) {
                        number = number * 8 + u32::from(next - b'0');
                    }
                }
                bytes.push(number as u8);
            }
            other @ (b'\\' | b'\'' | b'"') => bytes.push(other),
            other => bytes.extend([b'\\', other]),
        }
    }
    Some(bytes)
}

/// Python's encoding `raw-unicode-escape`: Latin 1 with `\uXXXX` and `\UXXXXXXXX`.
fn raw_unicode(line: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(line.len());
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        let digits = match (byte, line.get(at + 1)) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => 0,
        };
        let code = line
            .get(at + 2..at + 2 + digits)
            .filter(|code| digits > 0 && code.iter().all(u8::is_ascii_hexdigit))
            .and_then(|code| u32::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok())
            .filter(|code| *code < 0x11_0000);
        match code {
            Some(code) => {
                push_code(&mut text, code);
                at += 2 + digits;
            }
            None => {
                push_code(&mut text, u32::from(*byte));
                at += 1;
            }
        }
    }
    text
}

/// A character as UTF-8, and half a surrogate pair as if it were one.
fn push_code(text: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(character) => {
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        None => text.extend([
            0xe0 | (code >> 12) as u8,
            0x80 | (code >> 6 & 0x3f) as u8,
            0x80 | (code & 0x3f) as u8,
        ]),
    }
}

/// The decimal digits of an integer in two's complement, little end first.
fn decimal(bytes: &[u8]) -> String {
    const BASE: u64 = 1_000_000_000;
    let negative = bytes.last().is_some_and(|top| top & 0x80 != 0);
    let mut carry = u16::from(negative);
    let magnitude: Vec<u8> = bytes
        .iter()
        .map(|byte| {
            let sum = u16::from(if negative { !byte } else { *byte }) + carry;
            carry = sum >> 8;
            sum as u8
        })
        .collect();
    // The lowest first, nine digits each. What is carried out of the top can only be of -256^n, whose
    // magnitude has one byte more.
    let mut limbs: Vec<u64> = Vec::new();
    for byte in std::iter::once(carry as u8).chain(magnitude.into_iter().rev()) {
        let mut add = u64::from(byte);
        for limb in &mut limbs {
            let sum = *limb * 256 + add;
            *limb = sum % BASE;
            add = sum / BASE;
        }
        if add > 0 {
            limbs.push(add);
        }
    }
    let Some((top, rest)) = limbs.split_last() else { return "0".to_owned() };
    let mut digits = if negative { "-".to_owned() } else { String::new() };
    digits += &top.to_string();
    for limb in rest.iter().rev() {
        digits += &format!("{limb:09}");
    }
    digits
}
