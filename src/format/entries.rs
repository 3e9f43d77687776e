//! What differs between two lists of what a page did: the requests of a HAR, the messages of a
//! console log.
//!
//! Both are full of times that differ each time, and of the order in which things happened to end.
//! So entries are matched by what they are: a request by its method and address, the first of
//! such to the first, the second to the second; messages of one kind, level, text and address are
//! one message that was said so many times.
//!
//! **Invariant:** what is compared here is wholly in the expected form, each entry of it;
//! everything else is left to be compared as JSON or text, in which nothing is passed over.
//!
//! **Invariant:** what is told is bounded by [`CHANGES_MAX`] and [`TEXT_CHARS_MAX`]; the counts are
//! those of all changes.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The largest content that is read by entries, in bytes.
pub const CONTENT_BYTES_MAX: usize = 64 << 20;
/// The most changes that are told; the counts tell of those left out.
pub const CHANGES_MAX: usize = 1_000;
/// The most characters of an address or a message that are told; a longer one ends with `…`.
pub const TEXT_CHARS_MAX: usize = 2_000;

/// The kinds of a console log that a capture takes.
const KINDS: [&str; 9] = [
    "console",
    "exception",
    "log",
    "dialog",
    "navigation",
    "download",
    "popup",
    "crash",
    "dropped",
];
/// The words with which browsers, and the tools that drive them, tell the type or level of a
/// message; in lower case.
const LEVELS: [&str; 24] = [
    "assert",
    "clear",
    "count",
    "debug",
    "dir",
    "dirxml",
    "endgroup",
    "error",
    "info",
    "log",
    "pageerror",
    "profile",
    "profileend",
    "severe",
    "startgroup",
    "startgroupcollapsed",
    "table",
    "timeend",
    "timelog",
    "timestamp",
    "trace",
    "verbose",
    "warn",
    "warning",
];
/// The members that other tools give to a message. A line that has one of another name may be
/// anything, and all of it counts.
const MEMBERS: [&str; 15] = [
    "args",
    "column",
    "columnNumber",
    "level",
    "line",
    "lineNumber",
    "location",
    "source",
    "stack",
    "stackTrace",
    "text",
    "time",
    "timestamp",
    "type",
    "url",
];

/// What differs between two lists of entries, told by `C`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EntriesDiff<C> {
    /// Whether nothing differs of what is compared. Times and order may.
    pub equal: bool,
    /// The entries of the first.
    pub before: u64,
    /// The entries of the second.
    pub after: u64,
    /// How many changes tell of what only the second has.
    pub added: u64,
    /// How many changes tell of what only the first has.
    pub gone: u64,
    /// How many changes tell of what both have, and not the same.
    pub changed: u64,
    /// What differs, in the order of the second list, with what is gone where it was in the first;
    /// at most [`CHANGES_MAX`].
    pub changes: Vec<C>,
}

/// What differs between the requests of two HARs.
pub type RequestsDiff = EntriesDiff<RequestChange>;
/// What differs between two console logs.
pub type ConsoleDiff = EntriesDiff<MessageChange>;

/// A request and what was answered, as far as they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The method: `GET`.
    pub method: String,
    /// The address.
    pub url: String,
    /// The answer's status; none where there was no answer.
    pub status: Option<i64>,
    /// The answer's media type in lower case, without parameters.
    pub mime_type: Option<String>,
    /// The size of what was answered, in bytes, decompressed.
    pub bytes: Option<u64>,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// A change to the requests of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum RequestChange {
    /// Only the second has it.
    Added {
        /// What was requested.
        after: Request,
    },
    /// Only the first has it.
    Gone {
        /// What was requested.
        before: Request,
    },
    /// It was answered in another way.
    Changed {
        /// How it was.
        before: Request,
        /// How it is.
        after: Request,
    },
}

/// What a page said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// What said it, where that is known: `console`, `exception`, `log`, `dialog`, `crash` …
    pub kind: Option<String>,
    /// How grave it is, or the call that said it: `error`, `warning`, `info`, `debug`.
    pub level: String,
    /// What was said.
    pub text: String,
    /// The script or document that said it, where that is known.
    pub url: Option<String>,
}

/// A change to what a page said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum MessageChange {
    /// Only the second has it.
    Added {
        /// What was said.
        message: Message,
        /// How many times.
        after: u64,
    },
    /// Only the first has it.
    Gone {
        /// What was said.
        message: Message,
        /// How many times.
        before: u64,
    },
    /// It was said more or less often.
    Changed {
        /// What was said.
        message: Message,
        /// How many times it was.
        before: u64,
        /// How many times it is.
        after: u64,
    },
}

/// Compares the requests of two HARs by status, media type, size and error.
///
/// Reads HAR 1.1 and 1.2 of any tool, with the error where Chrome (`_error`) and Playwright
/// (`_failureText`) put it. Gives `None` where one of them is no such HAR, or larger than
/// [`CONTENT_BYTES_MAX`].
pub fn compare_requests(before: &[u8], after: &[u8]) -> Option<RequestsDiff> {
    let (before, after) = (requests(before)?, requests(after)?);
    // The places in the second list of what is asked for again and again.
    let mut free: HashMap<(&str, &str), VecDeque<usize>> = HashMap::new();
    for (at, request) in after.iter().enumerate() {
        free.entry((&request.method, &request.url)).or_default().push_back(at);
    }
    let partners: Vec<Option<usize>> = before
        .iter()
        .map(|request| free.get_mut(&(&*request.method, &*request.url))?.pop_front())
        .collect();
    let lengths = (before.len() as u64, after.len() as u64);
    Some(merged(lengths, &partners, after.len(), |old, new| {
        match (old.map(|at| &before[at]), new.map(|at| &after[at])) {
            (Some(old), Some(new)) if old == new => None,
            (Some(old), Some(new)) => {
                Some(RequestChange::Changed { before: old.clipped(), after: new.clipped() })
            }
            (Some(old), None) => Some(RequestChange::Gone { before: old.clipped() }),
            (None, new) => new.map(|new| RequestChange::Added { after: new.clipped() }),
        }
    }))
}

/// Compares two console logs by what was said, and how many times.
///
/// Reads JSON Lines as a capture takes them, and those of other tools with a `text` and a `type` or
/// `level` in each line. Gives `None` where one of them has a line that is no such message, or is
/// larger than [`CONTENT_BYTES_MAX`]. Nothing at all is a log without messages.
pub fn compare_console(before: &[u8], after: &[u8]) -> Option<ConsoleDiff> {
    let (before, after) = (Said::of(before)?, Said::of(after)?);
    let places: HashMap<&Message, usize> =
        after.messages.iter().enumerate().map(|(at, (message, _))| (message, at)).collect();
    let partners: Vec<Option<usize>> =
        before.messages.iter().map(|(message, _)| places.get(message).copied()).collect();
    let lines = (before.lines, after.lines);
    Some(merged(lines, &partners, after.messages.len(), |old, new| {
        match (old.map(|at| &before.messages[at]), new.map(|at| &after.messages[at])) {
            (Some((_, old)), Some((_, new))) if old == new => None,
            (Some((message, old)), Some((_, new))) => Some(MessageChange::Changed {
                message: message.clipped(),
                before: *old,
                after: *new,
            }),
            (Some((message, old)), None) => {
                Some(MessageChange::Gone { message: message.clipped(), before: *old })
            }
            (None, new) => new.map(|(message, new)| MessageChange::Added {
                message: message.clipped(),
                after: *new,
            }),
        }
    }))
}

/// Goes through two lists at once, in the order of the second. `partners` tells for each of the
/// first which of the second it is matched with, `change` what differs between two, or what one
/// without a partner is.
fn merged<C>(
    entries: (u64, u64),
    partners: &[Option<usize>],
    after_len: usize,
    change: impl Fn(Option<usize>, Option<usize>) -> Option<C>,
) -> EntriesDiff<C> {
    let mut diff = EntriesDiff {
        equal: true,
        before: entries.0,
        after: entries.1,
        added: 0,
        gone: 0,
        changed: 0,
        changes: Vec::new(),
    };
    let mut tell = |old: Option<usize>, new: Option<usize>| {
        let Some(change) = change(old, new) else { return };
        diff.equal = false;
        *match (old, new) {
            (Some(_), Some(_)) => &mut diff.changed,
            (Some(_), None) => &mut diff.gone,
            (None, _) => &mut diff.added,
        } += 1;
        if diff.changes.len() < CHANGES_MAX {
            diff.changes.push(change);
        }
    };
    // What is gone is told after what came before it, where that is now.
    let mut matched: Vec<Option<usize>> = vec![None; after_len];
    let mut gone: Vec<(Option<usize>, usize)> = Vec::new();
    let mut last = None;
    for (old, partner) in partners.iter().enumerate() {
        match partner {
            Some(new) => {
                matched[*new] = Some(old);
                last = Some(*new);
            }
            None => gone.push((last, old)),
        }
    }
    gone.sort_unstable();
    let mut gone = gone.into_iter().peekable();
    while let Some((_, old)) = gone.next_if(|(place, _)| place.is_none()) {
        tell(Some(old), None);
    }
    for (new, old) in matched.into_iter().enumerate() {
        tell(old, Some(new));
        while let Some((_, old)) = gone.next_if(|(place, _)| *place == Some(new)) {
            tell(Some(old), None);
        }
    }
    diff
}

impl Request {
    fn clipped(&self) -> Self {
        Request {
            method: clipped(&self.method),
            url: clipped(&self.url),
            status: self.status,
            mime_type: self.mime_type.as_deref().map(clipped),
            bytes: self.bytes,
            error: self.error.as_deref().map(clipped),
        }
    }
}

impl Message {
    fn clipped(&self) -> Self {
        Message {
            kind: self.kind.clone(),
            level: self.level.clone(),
            text: clipped(&self.text),
            url: self.url.as_deref().map(clipped),
        }
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

// HAR

/// What is read of a HAR. What the tools disagree about is taken as it comes.
#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Asked,
    response: Option<Answer>,
    #[serde(default, rename = "_error")]
    error: Value,
    #[serde(default, rename = "_failureText")]
    failure: Value,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    url: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    status: Value,
    content: Option<Content>,
    #[serde(default, rename = "_error")]
    error: Value,
    #[serde(default, rename = "_failureText")]
    failure: Value,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    size: Value,
    #[serde(default, rename = "mimeType")]
    mime_type: Value,
}

fn requests(content: &[u8]) -> Option<Vec<Request>> {
    if content.len() > CONTENT_BYTES_MAX {
        return None;
    }
    // Some tools begin with a byte order mark.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let har: Har = serde_json::from_slice(content).ok()?;
    Some(har.log.entries.into_iter().map(Entry::request).collect())
}

impl Entry {
    fn request(self) -> Request {
        let answer = self.response.as_ref();
        let content = answer.and_then(|answer| answer.content.as_ref());
        let errors = answer.map(|answer| [&answer.error, &answer.failure]);
        let errors = errors.into_iter().flatten().chain([&self.error, &self.failure]);
        Request {
            // 0, and with some tools -1, is no status.
            status: answer.and_then(|answer| answer.status.as_i64()).filter(|status| *status > 0),
            mime_type: content.and_then(|content| essence(content.mime_type.as_str()?)),
            bytes: content.and_then(|content| bytes(&content.size)),
            error: errors.into_iter().find_map(said),
            method: self.request.method,
            url: self.request.url,
        }
    }
}

/// A media type as it is compared; none where it says that it is not known.
fn essence(media_type: &str) -> Option<String> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(essence).filter(|essence| !matches!(essence.as_str(), "" | "x-unknown"))
}

fn bytes(size: &Value) -> Option<u64> {
    let whole = |size: f64| (size >= 0.0).then_some(size as u64);
    size.as_u64().or_else(|| size.as_f64().and_then(whole))
}

fn said(error: &Value) -> Option<String> {
    match error {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

// Console

/// The messages of a log in the order in which each was said first, with how many times it was.
struct Said {
    messages: Vec<(Message, u64)>,
    lines: u64,
}

impl Said {
    fn of(content: &[u8]) -> Option<Self> {
        if content.len() > CONTENT_BYTES_MAX {
            return None;
        }
        let mut places: HashMap<Message, usize> = HashMap::new();
        let mut counts: Vec<u64> = Vec::new();
        let mut lines = 0_u64;
        for line in content.split(|byte| *byte == b'\n') {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let line = serde_json::from_slice(line).ok()?;
            let message = message(&line)?;
            // A line may stand for many of the same.
            let times = line.get("repeat").and_then(Value::as_u64).unwrap_or(1).max(1);
            lines = lines.saturating_add(times);
            let at = *places.entry(message).or_insert(counts.len());
            match counts.get_mut(at) {
                Some(count) => *count = count.saturating_add(times),
                None => counts.push(times),
            }
        }
        let mut messages: Vec<(Message, usize)> = places.into_iter().collect();
        messages.sort_unstable_by_key(|(_, at)| *at);
        let messages = messages.into_iter().map(|(message, at)| (message, counts[at])).collect();
        Some(Said { messages, lines })
    }
}

/// The message that a line tells; none where it tells something else.
fn message(line: &Map<String, Value>) -> Option<Message> {
    let word = |name: &str| line.get(name).and_then(Value::as_str);
    let text = word("text")?.to_owned();
    let kind = word("kind").filter(|kind| KINDS.contains(kind));
    let level = match kind {
        Some(_) => word("time").and(word("level"))?,
        None => {
            let level = word("level").or_else(|| word("type"))?;
            let is_known = LEVELS.contains(&level.to_ascii_lowercase().as_str());
            let mut names = line.keys();
            if !is_known || !names.all(|name| MEMBERS.contains(&name.as_str())) {
                return None;
            }
            level
        }
    };
    let url = match line.get("location") {
        Some(Value::Object(place)) => place.get("url").and_then(Value::as_str),
        Some(Value::String(place)) => Some(place.as_str()),
        _ => None,
    };
    Some(Message {
        kind: kind.map(str::to_owned),
        level: level.to_owned(),
        text,
        url: word("url").or(url).filter(|url| !url.is_empty()).map(str::to_owned),
    })
}
