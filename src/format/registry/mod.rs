//! The store of a Python snapshot manager that keeps a registry.
//!
//! ```text
//! registry.json                {"snapshots": {version: entry, …}}
//! metadata/<version>.json      the same entry once more
//! data/<version>.data          the value, in a form that nothing tells
//! data/<version>.delta         or what differs from another version's value, as a pickle
//! ```
//!
//! An entry has `version`, `created_at` (UTC, the fraction missing where it is zero), `tags`,
//! `description`, `user_info`, `checksum` (see [`Pickle::check`](crate::format::pickle::Pickle::check)),
//! `size_bytes` (what the value took in memory) and `entry_count`. A delta is told by
//! `delta_base_version` in the user info; its checksum is of the value that it makes.
//!
//! [`value`] tells what a value is, [`delta`] applies what differs.

pub mod delta;
pub mod value;

use std::collections::HashSet;
use std::ops::Range;

use serde_json::Map;

use crate::format::export;
use crate::format::layout;
use crate::format::pyjson::{Kind, PyJson, Value};
use crate::model::id::Tag;
use crate::model::time::Time;

/// The longest JSON that is read of such a store, in bytes.
pub const JSON_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The most values in one text of JSON. Each takes 16 bytes.
pub const JSON_VALUES_MAX: usize = 16_000_000;
/// The field of the user info that names the version which a delta is on.
pub const DELTA_BASE: &str = "delta_base_version";
/// The most notes on one entry.
const NOTES_MAX: usize = 100;

/// What an entry tells of a snapshot.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Entry {
    /// Its name, which need not be one that a store of ours takes.
    pub version: Option<String>,
    /// When it was taken.
    pub created_at: Option<Time>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// What a person said about it; an empty text is none.
    pub description: Option<String>,
    /// What a program said about it.
    pub user_info: Map<String, serde_json::Value>,
    /// The SHA-256 of its value.
    pub checksum: Option<String>,
    /// What the value took in memory.
    pub size_bytes: Option<u64>,
    /// How many elements or members the value has; 0 where it can't have any.
    pub entry_count: Option<u64>,
    /// All of the entry.
    pub all: Map<String, serde_json::Value>,
    /// What can't be told as it is written.
    pub notes: Vec<String>,
}

impl Entry {
    /// Reads an entry that is a file by itself. Fails, saying why, where it is no entry.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let json = parse(bytes)?;
        match is_entry(json.root()) {
            true => Ok(Entry::of(json.root())),
            false => Err("JSON, but no entry of a registry".to_owned()),
        }
    }

    /// Reads an entry.
    pub fn of(entry: Value<'_, '_>) -> Self {
        let mut notes = Vec::new();
        let given = |name: &str| entry.get(name).filter(|value| value.kind() != Kind::Null);
        let mut text = |name: &str| {
            let value = given(name)?;
            value.string().or_else(|| {
                notes.push(format!("{name} is no text: {}", value.text()));
                None
            })
        };
        let version = text("version");
        let description = text("description").filter(|words| !words.is_empty());
        let checksum = text("checksum");
        let created_at = text("created_at").and_then(|told| match told.parse() {
            Ok(time) => Some(time),
            Err(_) => {
                notes
                    .push(format!("it was taken at \"{}\", which is no time", told.escape_debug()));
                None
            }
        });
        let number = |name: &str| given(name).and_then(|value| value.text().parse::<u64>().ok());
        let (size_bytes, entry_count) = (number("size_bytes"), number("entry_count"));
        let tags = given("tags");
        if let Some(tags) = tags.filter(|tags| tags.kind() != Kind::List) {
            notes.push(format!("its tags are no list: {}", tags.text()));
        }
        let (mut kept, mut known) = (Vec::new(), HashSet::new());
        for tag in tags.into_iter().flat_map(Value::items) {
            match tag.string().map(|tag| tag.parse::<Tag>()) {
                Some(Ok(tag)) if known.contains(&tag) => {}
                Some(Ok(tag)) => {
                    known.insert(tag.clone());
                    kept.push(tag);
                }
                _ => notes.push(format!("a tag that can't be one here: {}", tag.text())),
            }
        }
        let user_info = export::fields(entry.get("user_info"), "user info", &mut notes);
        let mut again = Vec::new();
        let all = export::fields(Some(entry), "entry", &mut again);
        if notes.len() > NOTES_MAX {
            notes.truncate(NOTES_MAX);
            notes.push("and more of this kind".to_owned());
        }
        Entry {
            version,
            created_at,
            tags: kept,
            description,
            user_info,
            checksum,
            size_bytes,
            entry_count,
            all,
            notes,
        }
    }

    /// The version that it is a delta on, where it says that it is one.
    pub fn base(&self) -> Option<&str> {
        self.user_info.get(DELTA_BASE)?.as_str().filter(|base| !base.is_empty())
    }
}

/// The version that an entry says it is a delta on, where it does, without reading all of it.
pub fn base_of(entry: Value<'_, '_>) -> Option<String> {
    entry.get("user_info")?.get(DELTA_BASE)?.string().filter(|base| !base.is_empty())
}

/// Whether an object is an entry: it has a `version`, and one of `created_at` and `checksum`.
pub fn is_entry(value: Value<'_, '_>) -> bool {
    let has_version = value.get("version").is_some_and(|version| version.kind() == Kind::Text);
    has_version && ["created_at", "checksum"].iter().any(|name| value.get(name).is_some())
}

/// Reads JSON in Python's dialect, where it is not larger than what is read. Fails, saying why.
pub fn parse(bytes: &[u8]) -> Result<PyJson<'_>, String> {
    if bytes.len() > JSON_BYTES_MAX {
        return Err(format!("{} bytes of JSON; at most {JSON_BYTES_MAX} are read", bytes.len()));
    }
    // At most one value begins at each of these, and one at the beginning.
    let begins = |byte: &&u8| matches!(byte, b'[' | b'{' | b',' | b':');
    let values = bytes.iter().filter(begins).count();
    if values > JSON_VALUES_MAX {
        return Err(format!("JSON of {values} values; at most {JSON_VALUES_MAX} are read"));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    PyJson::parse(bytes).map_err(|error| format!("no whole JSON: {error}"))
}

/// Where each snapshot's entry stands in a registry, by the name that it is filed under; of two of one
/// name the last. Fails, saying why, where it is no registry.
pub fn entries(registry: &PyJson<'_>) -> Result<Vec<(String, Range<usize>)>, String> {
    let snapshots = registry.root().get("snapshots").filter(|it| it.kind() == Kind::Object);
    let Some(snapshots) = snapshots else {
        return Err("JSON, but no registry: it has no object `snapshots`".to_owned());
    };
    let mut found: Vec<(String, Range<usize>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (name, entry) in snapshots.members() {
        let version = name.string().unwrap_or_else(|| name.text().to_owned());
        if entry.kind() != Kind::Object {
            continue;
        }
        match places.get(&version) {
            Some(place) => {
                if let Some(kept) = found.get_mut::<usize>(*place) {
                    kept.1 = entry.span();
                }
            }
            None => {
                places.insert(version.clone(), found.len());
                found.push((version, entry.span()));
            }
        }
    }
    Ok(found)
}

/// Whether a registry is nothing but its entries, laid out as those managers lay it out, so that every
/// byte of it follows from them.
pub fn is_plain(bytes: &[u8], registry: &PyJson<'_>) -> bool {
    let root = registry.root();
    let Some(snapshots) = root.get("snapshots") else { return false };
    let mut names = HashSet::new();
    let mut rest = bytes;
    // Takes what comes next, where it is that.
    let mut take = |next: &[u8]| match rest.strip_prefix(next) {
        Some(after) => {
            rest = after;
            true
        }
        None => false,
    };
    let mut before: &[u8] = b"{\n  \"snapshots\": {\n    ";
    for (name, entry) in snapshots.members() {
        let (Some(told), Ok(value)) = (name.string(), export::exactly(entry)) else { return false };
        let is_plain = layout::is_laid_out(name.text().as_bytes(), &told, 0)
            && entry.kind() == Kind::Object
            && layout::is_laid_out(entry.text().as_bytes(), &value, 2);
        if !is_plain || !names.insert(told) {
            return false;
        }
        let parts = [before, name.text().as_bytes(), b": ", entry.text().as_bytes()];
        if !parts.into_iter().all(&mut take) {
            return false;
        }
        before = b",\n    ";
    }
    take(b"\n  }\n}") && rest.is_empty()
}

/// What is left of a registry that was cut off: its text up to the last entry that is whole, closed
/// again. Nothing where no entry is, or where it is not laid out as those managers lay it out.
pub fn salvaged(bytes: &[u8]) -> Option<Vec<u8>> {
    // An entry ends with the only brace that stands so far from the margin.
    const END: &[u8] = b"\n    }";
    if bytes.len() > JSON_BYTES_MAX {
        return None;
    }
    let at = bytes.windows(END.len()).rposition(|window| window == END)?;
    let mut whole = bytes.get(..at + END.len())?.to_vec();
    whole.extend_from_slice(b"\n  }\n}");
    let json = parse(&whole).ok()?;
    json.root().get("snapshots")?;
    Some(whole)
}
