//! Where a snapshot belongs: site, module, component, session, function.
//!
//! Site, module, component and function are a tree of *places*; the session stands beside them,
//! since there are as many sessions as runs. A [`Context`] is concrete and can be stored; a
//! [`Pattern`] may hold wildcards and can only be asked with, so that a wildcard is never stored.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The longest part of a context, in bytes.
pub const PART_BYTES_MAX: usize = 255;
/// What a part that was left out is stored as.
pub const LEFT_OUT: &str = "-";
/// The names of the five parts, in the order in which they are written.
pub const PARTS: [&str; 5] = ["site", "module", "component", "session", "function"];

/// Where a snapshot belongs, concretely.
///
/// As text the parts are joined with `/`; `%`, `/` and a `*` that is not alone are written as
/// `%25`, `%2F` and `%2A`, so that two contexts never have one text. Parts left out at the end
/// are stored as `-`, and a text may leave them out.
///
/// **Refused** as a part: the empty text, a lone `*`, control characters, more than
/// [`PART_BYTES_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Context {
    parts: [String; 5],
}

impl Context {
    /// A context of a site alone; the other parts are left out.
    pub fn site(site: impl Into<String>) -> Result<Self> {
        Context::from_parts([Some(site.into()), None, None, None, None])
    }

    /// A context of five parts in the order of [`PARTS`]; `None` is a part left out.
    pub fn from_parts(parts: [Option<String>; 5]) -> Result<Self> {
        let mut checked = [const { String::new() }; 5];
        for ((slot, part), name) in checked.iter_mut().zip(parts).zip(PARTS) {
            let part = part.unwrap_or_else(|| LEFT_OUT.to_owned());
            check_part(name, &part)?;
            *slot = part;
        }
        Ok(Context { parts: checked })
    }

    /// The five parts, in the order of [`PARTS`].
    pub fn parts(&self) -> &[String; 5] {
        &self.parts
    }

    /// The site: a host name, mostly.
    pub fn site_name(&self) -> &str {
        &self.parts[0]
    }

    /// The parts of the place: site, module, component, function.
    pub fn place(&self) -> [&str; 4] {
        [&self.parts[0], &self.parts[1], &self.parts[2], &self.parts[4]]
    }

    /// The session, if there is one.
    pub fn session(&self) -> Option<&str> {
        Some(self.parts[3].as_str()).filter(|part| *part != LEFT_OUT)
    }

    /// Whether a function is told.
    pub fn has_function(&self) -> bool {
        self.parts[4] != LEFT_OUT
    }
}

/// The context of what belongs nowhere in particular: every part left out.
impl Default for Context {
    fn default() -> Self {
        Context { parts: [const { LEFT_OUT }; 5].map(str::to_owned) }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = 5 - self.parts[1..].iter().rev().take_while(|part| *part == LEFT_OUT).count();
        let text: Vec<_> = self.parts[..shown].iter().map(|part| escape(part)).collect();
        f.pad(&text.join("/"))
    }
}

impl FromStr for Context {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = [const { None }; 5];
        for (slot, part) in parts.iter_mut().zip(split("context", text)?) {
            *slot = Some(unescape("context", part)?);
        }
        Context::from_parts(parts)
    }
}

impl TryFrom<String> for Context {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Context> for String {
    fn from(context: Context) -> String {
        context.to_string()
    }
}

/// Which contexts are meant: for each part a value, or any.
///
/// As text like a [`Context`], with `*` for any value of a part. Parts left out at the end match
/// anything. A `*` inside a part is not a wildcard; write it `%2A`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pattern {
    parts: [Option<String>; 5],
}

impl Pattern {
    /// The parts in the order of [`PARTS`]; `None` matches anything.
    pub fn parts(&self) -> &[Option<String>; 5] {
        &self.parts
    }

    /// All contexts of the place of one, whatever the session.
    pub fn place_of(context: &Context) -> Self {
        let mut pattern = Pattern::from(context);
        pattern.parts[3] = None;
        pattern
    }

    /// Tells whether a context is meant.
    pub fn matches(&self, context: &Context) -> bool {
        self.parts
            .iter()
            .zip(context.parts())
            .all(|(want, have)| want.as_ref().is_none_or(|want| want == have))
    }

    /// Tells whether everything is meant.
    pub fn is_any(&self) -> bool {
        self.parts.iter().all(Option::is_none)
    }
}

impl From<&Context> for Pattern {
    fn from(context: &Context) -> Self {
        Pattern { parts: context.parts.clone().map(Some) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = 5 - self.parts[1..].iter().rev().take_while(|part| part.is_none()).count();
        let text: Vec<_> = self.parts[..shown]
            .iter()
            .map(|part| part.as_ref().map_or("*".to_owned(), |part| escape(part)))
            .collect();
        f.pad(&text.join("/"))
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = [const { None }; 5];
        for ((slot, part), name) in parts.iter_mut().zip(split("pattern", text)?).zip(PARTS) {
            if part == "*" {
                continue;
            }
            if part.contains('*') {
                let why = "* stands for a whole part; a star itself is written %2A";
                return Err(Error::invalid("pattern", text, why));
            }
            let part = unescape("pattern", part)?;
            check_part(name, &part)?;
            *slot = Some(part);
        }
        Ok(Pattern { parts })
    }
}

fn split<'t>(what: &'static str, text: &'t str) -> Result<Vec<&'t str>> {
    let parts: Vec<_> = text.split('/').collect();
    if parts.len() > 5 {
        let why = format!("{} parts; at most five, {}", parts.len(), PARTS.join("/"));
        return Err(Error::invalid(what, text, why));
    }
    Ok(parts)
}

/// Refuses what can't be a part.
pub(crate) fn check_part(name: &'static str, part: &str) -> Result<()> {
    if part.is_empty() {
        return Err(Error::invalid(name, part, "it is empty"));
    }
    if part == "*" {
        return Err(Error::invalid(name, part, "a wildcard can be asked for, but not stored"));
    }
    if part.len() > PART_BYTES_MAX {
        let why = format!("it is {} bytes; at most {PART_BYTES_MAX}", part.len());
        return Err(Error::invalid(name, part, why));
    }
    if part.chars().any(char::is_control) {
        return Err(Error::invalid(name, part, "it has a control character"));
    }
    Ok(())
}

/// A part as it is written within a text.
pub(crate) fn escape(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F").replace('*', "%2A")
}

/// Undoes [`escape`]; a `%` that is not followed by two hex digits stands for itself.
pub(crate) fn unescape(what: &'static str, part: &str) -> Result<String> {
    let bytes = part.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(plain)
        .map_err(|_| Error::invalid(what, part, "its percent-encoding is not UTF-8"))
}
