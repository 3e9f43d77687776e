//! What differs between two contents: images by pixels, HARs by requests, console logs by messages,
//! JSON by members and elements, text by lines, bytes by size.
//!
//! [`compare`] tries the form that was asked for and falls back where content does not have it: an
//! image that can't be decoded is compared as bytes, what is no HAR as JSON, no console log or no
//! JSON as text, not UTF-8 as bytes. The result says which form it has.
//!
//! **Invariant:** applying [`JsonDiff::patch`] to the first content gives the second, as JSON;
//! applying [`TextDiff::unified`] gives it byte for byte. Both are empty just where nothing differs.
//!
//! **Invariant:** the same two contents give the same result, on any machine under any load: work is
//! bounded by counts, never by time.
//!
//! **Refused:** a shortest possible result at any price. Where content is large and has little in
//! common, a correct but longer result is given.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::hash::Hash;

use json_patch::jsonptr::{PointerBuf, Token};
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use similar::udiff::UnifiedHunkHeader;
use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use crate::format::entries::{ConsoleDiff, RequestsDiff, compare_console, compare_requests};
use crate::format::image::{ImageDiff, compare_images};

/// The largest content that is compared as JSON, in bytes; a larger one is compared as text. A
/// parsed document takes up to some twenty times its size in memory.
pub const JSON_BYTES_MAX: usize = 64 << 20;
/// The most that the paths of all changes to a JSON document may come to, in bytes: a long name
/// above many changes is repeated with each. Beyond, the document is told as changed as a whole.
pub const PATH_BYTES_MAX: usize = 64 << 20;
/// The most lines of two texts, or elements of arrays in two documents, that are searched for what
/// is equal in them; equal ones at the beginning and the end don't count. Beyond, lines are told as
/// replaced, and elements are compared by their position. The search takes at worst a time that
/// grows with this to the power of 1.5: a second or two at this limit.
pub const SEARCHED_MAX: usize = 1 << 18;
/// Members by which the elements of an array are told apart, the surest first. The first that each
/// element has, as a text or a number that no other has, is taken.
const KEYS: [&str; 14] = [
    "id", "_id", "@id", "key", "uuid", "guid", "sku", "isbn", "url", "href", "slug", "code",
    "name", "title",
];
/// The lines shown before and after a change.
pub const CONTEXT_LINES: usize = 3;

/// The form in which contents are compared, those that ask most of content first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// By pixels.
    Image,
    /// By requests: a HAR.
    Requests,
    /// By messages: a console log.
    Console,
    /// By members and elements.
    Json,
    /// By lines.
    Text,
    /// By size alone.
    Bytes,
}

impl Form {
    /// The form that fits a media type. For two of them it is the [maximum](Ord::max) of both: of
    /// two that have little in common, the one that asks for less.
    ///
    /// What nothing is known about may be text, so [`Form::Text`] is given for
    /// `application/octet-stream`.
    pub fn of(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/').unwrap_or((&essence, ""));
        match (kind, subtype) {
            (_, "har+json") => Form::Requests,
            (_, "x-ndjson" | "ndjson" | "jsonl" | "x-jsonlines") => Form::Console,
            (_, "json") => Form::Json,
            (_, rest) if rest.ends_with("+json") => Form::Json,
            (_, rest) if rest.ends_with("+xml") => Form::Text,
            ("image", "png" | "jpeg" | "jpg" | "webp") => Form::Image,
            ("image" | "audio" | "video" | "font", _) => Form::Bytes,
            (_, "pdf" | "gzip" | "zip" | "zstd" | "x-npy") => Form::Bytes,
            _ => Form::Text,
        }
    }

    /// The form of the same content that says all there is, so that a program can make the second
    /// of the first with it: JSON, text, or bytes where there is neither.
    pub fn plain(self) -> Self {
        match self {
            Form::Image => Form::Bytes,
            Form::Requests => Form::Json,
            Form::Console => Form::Text,
            other => other,
        }
    }
}

/// What differs between two contents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "lowercase")]
pub enum Comparison {
    /// Both are images.
    Image(ImageDiff),
    /// Both are HARs.
    Requests(RequestsDiff),
    /// Both are console logs.
    Console(ConsoleDiff),
    /// Both are JSON.
    Json(JsonDiff),
    /// Both are UTF-8.
    Text(TextDiff),
    /// At least one of them is none of these.
    Bytes(BytesDiff),
}

impl Comparison {
    /// Tells whether both contents say the same: the same pixels, the same JSON value, the same text,
    /// the same bytes; of requests and messages, as far as they are compared.
    pub fn is_equal(&self) -> bool {
        match self {
            Comparison::Image(diff) => diff.equal,
            Comparison::Requests(diff) => diff.equal,
            Comparison::Console(diff) => diff.equal,
            Comparison::Json(diff) => diff.equal,
            Comparison::Text(diff) => diff.equal,
            Comparison::Bytes(diff) => diff.equal,
        }
    }
}

/// What differs between two JSON documents.
///
/// The order of members and white space don't count. Numbers are equal where they are the same
/// integer or the same 64-bit floating-point number; `1` and `1.0` differ. Of members of one name the
/// last counts. Elements of arrays are found again where others were put in or taken out before them:
/// objects by what tells them apart (`id`, `sku`, `url`, `name` and the like, where each has one of its
/// own), so that a changed one is told as changed; others where they are equal. One that went elsewhere
/// in its array is told as removed there and added here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JsonDiff {
    /// Whether both are the same value.
    pub equal: bool,
    /// Whether both are the same bytes. Equal values may be written differently.
    pub identical: bool,
    /// What differs, for people.
    pub changes: Vec<Change>,
    /// What makes the second document of the first (RFC 6902): operations in their order, each on
    /// what those before it have made.
    pub patch: Patch,
}

/// A change to a JSON document. `path` is a JSON pointer (RFC 6901); the empty one is the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// Only the second document has it.
    Added {
        /// Where it is in the second document.
        path: String,
        /// What was added.
        after: Value,
    },
    /// Only the first document has it.
    Removed {
        /// Where it is in the first document.
        path: String,
        /// What was removed.
        before: Value,
    },
    /// It has another value.
    Changed {
        /// Where it is in the second document.
        path: String,
        /// What it was.
        before: Value,
        /// What it is.
        after: Value,
    },
}

/// What differs between two texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextDiff {
    /// Whether both are the same, byte for byte.
    pub equal: bool,
    /// The lines that only the second text has.
    pub added: usize,
    /// The lines that only the first text has.
    pub removed: usize,
    /// The difference in the unified format of `diff -u`, which `patch` reads; empty where there is
    /// none. A line ends with a line feed; a carriage return before it is part of the line.
    pub unified: String,
}

/// What differs between two contents that are not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BytesDiff {
    /// Whether both are the same.
    pub equal: bool,
    /// The size of the first, in bytes.
    pub before_bytes: u64,
    /// The size of the second, in bytes.
    pub after_bytes: u64,
}

/// Compares two contents in this form, or in the next one that both have. The labels name them in
/// the head of a text's difference.
pub fn compare(before: &[u8], after: &[u8], labels: (&str, &str), form: Form) -> Comparison {
    let found = match form {
        Form::Image => compare_images(before, after).map(Comparison::Image),
        Form::Requests => compare_requests(before, after).map(Comparison::Requests),
        Form::Console => compare_console(before, after).map(Comparison::Console),
        Form::Json | Form::Text | Form::Bytes => None,
    };
    if let Some(found) = found {
        return found;
    }
    let form = form.plain();
    if form == Form::Json
        && let Some(diff) = compare_json(before, after)
    {
        return Comparison::Json(diff);
    }
    if form <= Form::Text
        && let (Ok(before), Ok(after)) = (str::from_utf8(before), str::from_utf8(after))
    {
        return Comparison::Text(compare_text(before, after, labels));
    }
    Comparison::Bytes(compare_bytes(before, after))
}

/// Compares two JSON documents.
///
/// Gives `None` where one of them is not JSON, is larger than [`JSON_BYTES_MAX`], nests deeper than
/// 127 levels, or has an integer that 64 bits can't hold: two of those could look the same.
pub fn compare_json(before: &[u8], after: &[u8]) -> Option<JsonDiff> {
    let parse = |text: &[u8]| -> Option<Value> {
        if text.len() > JSON_BYTES_MAX || has_wide_integer(text) {
            return None;
        }
        serde_json::from_slice(text).ok()
    };
    let identical = before == after;
    let before = parse(before)?;
    let (changes, patch) =
        if identical { Default::default() } else { json_changes(&before, &parse(after)?) };
    Some(JsonDiff { equal: changes.is_empty(), identical, changes, patch })
}

/// Gives the changes that make one JSON value of another, for people and as a patch.
pub fn json_changes(before: &Value, after: &Value) -> (Vec<Change>, Patch) {
    let mut walk = Walk::default();
    walk.values(before, after);
    if walk.path_bytes > PATH_BYTES_MAX {
        walk = Walk::default();
        walk.changed(before, after);
    }
    (walk.changes, Patch(walk.operations))
}

/// Compares two texts by lines. Control characters in the labels are escaped.
///
/// The search follows Myers (An O(ND) Difference Algorithm and Its Variations, 1986) with a limit on
/// its work that depends on the number of lines alone.
pub fn compare_text(before: &str, after: &str, labels: (&str, &str)) -> TextDiff {
    if before == after {
        return TextDiff { equal: true, added: 0, removed: 0, unified: String::new() };
    }
    let old: Vec<_> = before.split_inclusive('\n').collect();
    let new: Vec<_> = after.split_inclusive('\n').collect();
    let ops = align(&old, &new, &mut 0);
    let (mut added, mut removed) = (0, 0);
    for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        removed += op.old_range().len();
        added += op.new_range().len();
    }
    let mut unified = format!("--- {}\n+++ {}\n", label(labels.0), label(labels.1));
    let lines = |sign: char, lines: &[&str], out: &mut String| {
        for line in lines {
            out.push(sign);
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    for hunk in group_diff_ops(ops, CONTEXT_LINES).iter().filter(|hunk| !hunk.is_empty()) {
        // Writing to a String can't fail.
        let _ = writeln!(unified, "{}", UnifiedHunkHeader::new(hunk));
        for op in hunk {
            let (old, new) = (&old[op.old_range()], &new[op.new_range()]);
            if matches!(op, DiffOp::Equal { .. }) {
                lines(' ', old, &mut unified);
            } else {
                lines('-', old, &mut unified);
                lines('+', new, &mut unified);
            }
        }
    }
    TextDiff { equal: false, added, removed, unified }
}

/// Compares two contents as bytes.
pub fn compare_bytes(before: &[u8], after: &[u8]) -> BytesDiff {
    BytesDiff {
        equal: before == after,
        before_bytes: before.len() as u64,
        after_bytes: after.len() as u64,
    }
}

fn label(text: &str) -> String {
    let mut label = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_control() => label.extend(c.escape_default()),
            _ => label.push(c),
        }
    }
    label
}

/// Tells whether there is a number of digits alone that neither `i64` nor `u64` can hold. The parser
/// would make the nearest floating-point number of it.
fn has_wide_integer(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let rest = &text[at..];
        match byte {
            b'"' => {
                at += 1;
                while let Some(&byte) = text.get(at)
                    && byte != b'"'
                {
                    at += if byte == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let in_number =
                    |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let number = &rest[..rest.iter().take_while(in_number).count()];
                at += number.len();
                let digits = number.strip_prefix(b"-").unwrap_or(number);
                let fits = |text: &str| text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
                // Up to 18 digits always fit.
                if digits.len() > 18
                    && digits.iter().all(u8::is_ascii_digit)
                    && !str::from_utf8(number).is_ok_and(fits)
                {
                    return true;
                }
            }
            _ => at += 1,
        }
    }
    false
}

/// Finds what is equal in two sequences, in order. `searched` is what this has cost so far.
pub(super) fn align<'a, T: Eq + Hash>(
    old: &'a [T],
    new: &'a [T],
    searched: &mut usize,
) -> Vec<DiffOp> {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let (old_len, new_len) = (old_rest.len() - end, new_rest.len() - end);
    let mut ops = Vec::new();
    let equal = |old_index, new_index, len| DiffOp::Equal { old_index, new_index, len };
    if start > 0 {
        ops.push(equal(0, 0, start));
    }
    let is_search = old_len > 0 && new_len > 0 && old_len + new_len > 2;
    if is_search {
        *searched += old_len + new_len;
    }
    if is_search && *searched <= SEARCHED_MAX {
        // Each item is hashed once, and from then on compared as a number.
        let mut ids = HashMap::new();
        let mut identify = |items: &'a [T]| -> Vec<usize> {
            let mut id = |item| {
                let next = ids.len();
                *ids.entry(item).or_insert(next)
            };
            items.iter().map(&mut id).collect()
        };
        let (old, new) = (identify(&old_rest[..old_len]), identify(&new_rest[..new_len]));
        for mut op in capture_diff_slices(Algorithm::Myers, &old, &new) {
            match &mut op {
                DiffOp::Equal { old_index, new_index, .. }
                | DiffOp::Delete { old_index, new_index, .. }
                | DiffOp::Insert { old_index, new_index, .. }
                | DiffOp::Replace { old_index, new_index, .. } => {
                    *old_index += start;
                    *new_index += start;
                }
            }
            ops.push(op);
        }
    } else if old_len + new_len > 0 {
        ops.push(DiffOp::Replace { old_index: start, old_len, new_index: start, new_len });
    }
    if end > 0 {
        ops.push(equal(start + old_len, start + new_len, end));
    }
    ops
}

/// What tells the elements of two arrays apart, if something does: the values of one member.
fn keys<'v>(before: &'v [Value], after: &'v [Value]) -> Option<(Vec<&'v Value>, Vec<&'v Value>)> {
    if before.is_empty() || after.is_empty() || before.len() + after.len() == 2 {
        return None;
    }
    let of = |elements: &'v [Value], name: &str| -> Option<Vec<&'v Value>> {
        let key = |element: &'v Value| {
            element.get(name).filter(|key| key.is_string() || key.is_i64() || key.is_u64())
        };
        let keys: Vec<_> = elements.iter().map(key).collect::<Option<_>>()?;
        let unlike: HashSet<_> = keys.iter().collect();
        (unlike.len() == keys.len()).then_some(keys)
    };
    // Most arrays hold no objects.
    before.first().filter(|first| first.is_object())?;
    KEYS.iter().find_map(|name| Some((of(before, name)?, of(after, name)?)))
}

/// Whether two objects share at least half of what they hold, so that one is the other under a new name.
fn is_alike(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return false };
    let same = before.iter().filter(|(name, value)| after.get(*name) == Some(value)).count();
    same * 2 >= before.len().max(after.len())
}

/// A walk through two JSON values at once.
#[derive(Default)]
struct Walk {
    changes: Vec<Change>,
    operations: Vec<PatchOperation>,
    /// Where the walk is in the first value.
    old: PointerBuf,
    /// Where it is in the second value. All before it is patched already, so this is where the
    /// operations find it too.
    new: PointerBuf,
    /// The bytes of all paths told so far.
    path_bytes: usize,
    /// The elements searched so far.
    searched: usize,
}

impl Walk {
    fn values(&mut self, before: &Value, after: &Value) {
        match (before, after) {
            _ if self.path_bytes > PATH_BYTES_MAX => {}
            (Value::Object(before), Value::Object(after)) => self.objects(before, after),
            (Value::Array(before), Value::Array(after)) => self.arrays(before, after),
            _ if before == after => {}
            _ => self.changed(before, after),
        }
    }

    fn objects(&mut self, before: &Map<String, Value>, after: &Map<String, Value>) {
        for (name, value) in before {
            if !after.contains_key(name) {
                self.step(name, name, |walk| walk.removed(value));
            }
        }
        for (name, value) in after {
            self.step(name, name, |walk| match before.get(name) {
                Some(before) => walk.values(before, value),
                None => walk.added(value),
            });
        }
    }

    fn arrays(&mut self, before: &[Value], after: &[Value]) {
        let keys = keys(before, after);
        let ops = match &keys {
            Some((old, new)) => align(old, new, &mut self.searched),
            None => align(before, after, &mut self.searched),
        };
        // What was too much to be searched is compared by position.
        let is_keyed = keys.is_some() && self.searched <= SEARCHED_MAX;
        for op in ops {
            let (old, new) = (op.old_range(), op.new_range());
            let paired = match op {
                DiffOp::Equal { .. } if keys.is_none() => continue,
                DiffOp::Equal { .. } => old.len(),
                _ if is_keyed && old.len() == 1 && new.len() == 1 => {
                    usize::from(is_alike(&before[old.start], &after[new.start]))
                }
                _ if is_keyed => 0,
                _ => old.len().min(new.len()),
            };
            for (old, new) in old.clone().zip(new.clone()) {
                self.step(old, new, |walk| walk.values(&before[old], &after[new]));
            }
            for old in old.skip(paired) {
                self.step(old, new.start + paired, |walk| walk.removed(&before[old]));
            }
            for new in new.skip(paired) {
                self.step(new, new, |walk| walk.added(&after[new]));
            }
        }
    }

    fn step<'t>(
        &mut self,
        old: impl Into<Token<'t>>,
        new: impl Into<Token<'t>>,
        then: impl FnOnce(&mut Self),
    ) {
        self.old.push_back(old);
        self.new.push_back(new);
        then(self);
        self.old.pop_back();
        self.new.pop_back();
    }

    fn removed(&mut self, before: &Value) {
        let path = self.old.to_string();
        if self.tell(Change::Removed { path, before: before.clone() }) {
            let path = self.new.clone();
            self.operations.push(PatchOperation::Remove(RemoveOperation { path }));
        }
    }

    fn added(&mut self, after: &Value) {
        let path = self.new.to_string();
        if self.tell(Change::Added { path, after: after.clone() }) {
            let (path, value) = (self.new.clone(), after.clone());
            self.operations.push(PatchOperation::Add(AddOperation { path, value }));
        }
    }

    fn changed(&mut self, before: &Value, after: &Value) {
        let (path, before) = (self.new.to_string(), before.clone());
        if self.tell(Change::Changed { path, before, after: after.clone() }) {
            let (path, value) = (self.new.clone(), after.clone());
            self.operations.push(PatchOperation::Replace(ReplaceOperation { path, value }));
        }
    }

    fn tell(&mut self, change: Change) -> bool {
        self.path_bytes += self.old.len().max(self.new.len());
        let tells = self.path_bytes <= PATH_BYTES_MAX;
        if tells {
            self.changes.push(change);
        }
        tells
    }
}
