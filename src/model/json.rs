//! What a caller gives as JSON, taken exactly or refused.
//!
//! A value is put together by a serializer that knows what JSON can hold. `serde_json` alone makes
//! null of numbers that are not finite, lets the last of two members of one name win, and writes
//! what it can't read back.
//!
//! **Invariant:** what is taken reads back as it was given: no number, member or level of it is lost.
//!
//! **Refused**, with the JSON pointer (RFC 6901) to where it stands: numbers that are not finite,
//! integers beyond 64 bits, names that are no text, a name twice in an object, more than
//! [`DEPTH_MAX`] levels.

use std::fmt;

use serde::de::IgnoredAny;
use serde::ser::{self, Impossible, Serialize};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};

/// The most levels of lists and objects within each other. With one more, JSON is not read back: a
/// reader that goes down without a limit can be made to overflow its stack.
pub const DEPTH_MAX: usize = 127;
/// The most values within each other on the way down, with those that leave no trace in JSON, such
/// as an `Option` in an `Option`: the stack is not endless.
const CALLS_MAX: usize = 512;

/// What `serde_json` gives numbers as where it keeps them as text, and JSON that is kept as text.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";
const RAW_TOKEN: &str = "$serde_json::private::RawValue";

/// Makes a JSON value of any value that says how.
pub(crate) fn value_of(value: &(impl Serialize + ?Sized)) -> Result<Value> {
    value.serialize(Writer { depth: 0, calls: 0 }).map_err(|refusal| {
        let escape = |part: &String| format!("/{}", part.replace('~', "~0").replace('/', "~1"));
        let pointer: String = refusal.path.iter().rev().map(escape).collect();
        Error::invalid("JSON value", pointer, refusal.why)
    })
}

/// Counts the members or elements of a value; none where it has no such.
pub(crate) fn entries_of(value: &Value) -> Option<u64> {
    match value {
        Value::Array(items) => Some(items.len() as u64),
        Value::Object(members) => Some(members.len() as u64),
        _ => None,
    }
}

/// Checks that a text is JSON, and counts the members or elements of it, each as it is written.
pub(crate) fn check_text(text: &str) -> Result<Option<u64>> {
    let refuse = |why: String| Err(Error::invalid("JSON text", text, why));
    if text.starts_with('\u{feff}') {
        return refuse("it begins with a byte order mark".to_owned());
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return refuse(error.to_string());
    }
    // It is JSON, so brackets match and strings end.
    let bytes = text.as_bytes();
    let (mut depth, mut commas, mut is_filled, mut is_scalar) = (0_usize, 0, false, true);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if depth == 1 && !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b']' | b'}') {
            is_filled = true;
        }
        match byte {
            b'[' | b'{' => {
                is_scalar = false;
                depth += 1;
                if depth > DEPTH_MAX {
                    return refuse(format!("{}{}", too_deep(), place(bytes, at)));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 1 => commas += 1,
            b'"' => match string_end(bytes, at + 1) {
                Ok(end) => at = end,
                Err(at) => {
                    let place = place(bytes, at);
                    return refuse(format!("half a surrogate pair, which is no character{place}"));
                }
            },
            _ => {}
        }
        at += 1;
    }
    Ok(if is_scalar { None } else { Some(commas + u64::from(is_filled)) })
}

/// Finds the quote that ends a string; fails with the place of half a surrogate pair.
pub(crate) fn string_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => break,
            b'\\' => match (unit(at), unit(at + 6)) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
                (Some(0xd800..=0xdfff), _) => return Err(at),
                (Some(_), _) => at += 6,
                (None, _) => at += 2,
            },
            _ => at += plain_bytes(&bytes[at..]).max(1),
        }
    }
    Ok(at)
}

/// Counts the bytes up to the first that does not stand for itself in a string of JSON: a quote, a
/// backslash or a control character. Eight are looked at together.
pub(crate) fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGHS: u64 = ONES << 7;
    // The highest bit of each byte that is less than `limit`, which is at most 128; above the lowest
    // such byte others may be marked too.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let equal = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let mut at = 0;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*eight);
        let marks = below(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let is_plain = |byte: &&u8| **byte >= 0x20 && !matches!(byte, b'"' | b'\\');
    at + bytes[at..].iter().take_while(is_plain).count()
}

/// A place in a text as `serde_json` tells it.
fn place(bytes: &[u8], at: usize) -> String {
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!(" at line {line} column {column}")
}

fn too_deep() -> String {
    format!("it has more than {DEPTH_MAX} levels of lists and objects")
}

/// Why a value is not taken, and where: the innermost part of the path first.
#[derive(Debug)]
struct Refusal {
    why: String,
    path: Vec<String>,
}

impl Refusal {
    fn new(why: impl Into<String>) -> Self {
        Refusal { why: why.into(), path: Vec::new() }
    }

    fn within(mut self, part: impl ToString) -> Self {
        self.path.push(part.to_string());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refusal {}

impl ser::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Refusal::new(message.to_string())
    }
}

type Taken<T> = Result<T, Refusal>;

/// Makes a [`Value`] of what it is given.
#[derive(Clone, Copy)]
struct Writer {
    /// How many lists and objects are around it.
    depth: usize,
    /// How many values are.
    calls: usize,
}

impl Writer {
    /// The writer for what a value stands for.
    fn within(self) -> Taken<Writer> {
        if self.calls == CALLS_MAX {
            return Err(Refusal::new(format!("more than {CALLS_MAX} values within each other")));
        }
        Ok(Writer { calls: self.calls + 1, ..self })
    }

    /// The writer for what is in a list or an object.
    fn deeper(self) -> Taken<Writer> {
        if self.depth == DEPTH_MAX {
            return Err(Refusal::new(too_deep()));
        }
        Ok(Writer { depth: self.depth + 1, ..self.within()? })
    }

    fn list(self, variant: Option<&'static str>) -> Taken<List> {
        let inside = if variant.is_some() { self.deeper()? } else { self };
        Ok(List { writer: inside.deeper()?, items: Vec::new(), variant })
    }

    fn object(self, variant: Option<&'static str>) -> Taken<Object> {
        let inside = if variant.is_some() { self.deeper()? } else { self };
        let (members, writer) = (Map::new(), inside.deeper()?);
        Ok(Object { writer, members, name: None, variant, is_number: false })
    }
}

fn tagged(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Object(Map::from_iter([(variant.to_owned(), value)])),
        None => value,
    }
}

/// An array in the making.
struct List {
    writer: Writer,
    items: Vec<Value>,
    variant: Option<&'static str>,
}

impl List {
    fn push(&mut self, value: &(impl Serialize + ?Sized)) -> Taken<()> {
        let taken = value.serialize(self.writer).map_err(|refusal| {
            let refusal = refusal.within(self.items.len());
            self.variant.iter().fold(refusal, Refusal::within)
        });
        self.items.push(taken?);
        Ok(())
    }

    fn done(self) -> Taken<Value> {
        Ok(tagged(self.variant, Value::Array(self.items)))
    }
}

/// An object in the making.
struct Object {
    writer: Writer,
    members: Map<String, Value>,
    /// The name that a value is awaited for.
    name: Option<String>,
    variant: Option<&'static str>,
    /// Whether this is a number that is given as text.
    is_number: bool,
}

impl Object {
    fn put(&mut self, name: String, value: &(impl Serialize + ?Sized)) -> Taken<()> {
        let why = match value.serialize(self.writer) {
            Err(refusal) if self.is_number => refusal,
            Err(refusal) => refusal.within(name),
            Ok(value) => match self.members.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(value);
                    return Ok(());
                }
                Entry::Occupied(place) => {
                    Refusal::new("there are two members of this name").within(place.key())
                }
            },
        };
        Err(self.variant.iter().fold(why, Refusal::within))
    }

    fn done(self) -> Taken<Value> {
        if !self.is_number {
            return Ok(tagged(self.variant, Value::Object(self.members)));
        }
        let text = self.members.get(NUMBER_TOKEN).and_then(Value::as_str).unwrap_or_default();
        let number: Option<Number> = serde_json::from_str(text).ok();
        number
            .filter(|number| number.to_string() == text)
            .map(Value::Number)
            .ok_or_else(|| Refusal::new(format!("{text} is a number that is not kept exactly")))
    }
}

/// Numbers and what is like them, taken by value.
macro_rules! as_they_are {
    ($($method:ident($type:ty)),+) => {
        $(fn $method(self, value: $type) -> Taken<Value> {
            Ok(Value::from(value))
        })+
    };
}

impl ser::Serializer for Writer {
    type Ok = Value;
    type Error = Refusal;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Object;

    as_they_are!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_str(&str)
    );

    fn serialize_i128(self, value: i128) -> Taken<Value> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => Ok(value.into()),
            (_, Ok(value)) => Ok(value.into()),
            _ => Err(Refusal::new(format!("{value} is beyond 64 bits; a text can hold it"))),
        }
    }

    fn serialize_u128(self, value: u128) -> Taken<Value> {
        match u64::try_from(value) {
            Ok(value) => Ok(value.into()),
            _ => Err(Refusal::new(format!("{value} is beyond 64 bits; a text can hold it"))),
        }
    }

    fn serialize_f32(self, value: f32) -> Taken<Value> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Taken<Value> {
        let number = Number::from_f64(value).map(Value::Number);
        number.ok_or_else(|| Refusal::new(format!("JSON has no number {value}")))
    }

    fn serialize_char(self, value: char) -> Taken<Value> {
        Ok(value.to_string().into())
    }

    fn serialize_bytes(self, value: &[u8]) -> Taken<Value> {
        self.deeper()?;
        Ok(value.into())
    }

    fn serialize_none(self) -> Taken<Value> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Taken<Value> {
        value.serialize(self.within()?)
    }

    fn serialize_unit(self) -> Taken<Value> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Taken<Value> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Taken<Value> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Taken<Value> {
        value.serialize(self.within()?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Taken<Value> {
        let value = value.serialize(self.deeper()?).map_err(|refusal| refusal.within(variant))?;
        Ok(tagged(Some(variant), value))
    }

    fn serialize_seq(self, _: Option<usize>) -> Taken<List> {
        self.list(None)
    }

    fn serialize_tuple(self, _: usize) -> Taken<List> {
        self.list(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Taken<List> {
        self.list(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Taken<List> {
        self.list(Some(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Taken<Object> {
        self.object(None)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Taken<Object> {
        match name {
            RAW_TOKEN => Err(Refusal::new("raw JSON within a value; a text of JSON can be given")),
            // No object, so no level of its own.
            NUMBER_TOKEN => {
                let (writer, members) = (self.within()?, Map::new());
                Ok(Object { writer, members, name: None, variant: None, is_number: true })
            }
            _ => self.object(None),
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Taken<Object> {
        self.object(Some(variant))
    }
}

/// The traits of lists, which differ in the name of their method alone.
macro_rules! list {
    ($($of:ident::$method:ident),+) => {
        $(impl ser::$of for List {
            type Ok = Value;
            type Error = Refusal;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Taken<()> {
                self.push(value)
            }
            fn end(self) -> Taken<Value> {
                self.done()
            }
        })+
    };
}
list!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! object {
    ($($of:ident),+) => {
        $(impl ser::$of for Object {
            type Ok = Value;
            type Error = Refusal;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Taken<()> {
                self.put(name.to_owned(), value)
            }
            fn end(self) -> Taken<Value> {
                self.done()
            }
        })+
    };
}
object!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Object {
    type Ok = Value;
    type Error = Refusal;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Taken<()> {
        self.name = Some(name.serialize(Name { calls: self.writer.calls })?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Taken<()> {
        match self.name.take() {
            Some(name) => self.put(name, value),
            None => Err(Refusal::new("a member without a name")),
        }
    }

    fn end(self) -> Taken<Value> {
        match self.name {
            Some(name) => Err(Refusal::new("a name without a value").within(name)),
            None => self.done(),
        }
    }
}

/// Makes a name of a member of what it is given: numbers and such become text, as `serde_json` has
/// it.
struct Name {
    calls: usize,
}

type Never = Impossible<String, Refusal>;

impl Name {
    fn refuse<T>(what: &str) -> Taken<T> {
        Err(Refusal::new(format!("the name of a member is {what}, not a text")))
    }
}

macro_rules! as_text {
    ($($method:ident($type:ty)),+) => {
        $(fn $method(self, value: $type) -> Taken<String> {
            Ok(value.to_string())
        })+
    };
}

impl ser::Serializer for Name {
    type Ok = String;
    type Error = Refusal;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    as_text!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_char(char),
        serialize_str(&str)
    );

    fn serialize_f32(self, value: f32) -> Taken<String> {
        if value.is_finite() {
            return serde_json::to_string(&value).map_err(ser::Error::custom);
        }
        Name::refuse(&value.to_string())
    }

    fn serialize_f64(self, value: f64) -> Taken<String> {
        if value.is_finite() {
            return serde_json::to_string(&value).map_err(ser::Error::custom);
        }
        Name::refuse(&value.to_string())
    }

    fn serialize_bytes(self, _: &[u8]) -> Taken<String> {
        Name::refuse("bytes")
    }

    fn serialize_none(self) -> Taken<String> {
        Name::refuse("nothing")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Taken<String> {
        Name::refuse("an option")
    }

    fn serialize_unit(self) -> Taken<String> {
        Name::refuse("nothing")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Taken<String> {
        Name::refuse("nothing")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Taken<String> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Taken<String> {
        let Writer { calls, .. } = Writer { depth: 0, calls: self.calls }.within()?;
        value.serialize(Name { calls })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Taken<String> {
        Name::refuse("an object")
    }

    fn serialize_seq(self, _: Option<usize>) -> Taken<Never> {
        Name::refuse("a list")
    }

    fn serialize_tuple(self, _: usize) -> Taken<Never> {
        Name::refuse("a list")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Taken<Never> {
        Name::refuse("a list")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Taken<Never> {
        Name::refuse("an object")
    }

    fn serialize_map(self, _: Option<usize>) -> Taken<Never> {
        Name::refuse("an object")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Taken<Never> {
        Name::refuse("an object")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Taken<Never> {
        Name::refuse("an object")
    }
}
