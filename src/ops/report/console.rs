//! What a page said, read from its console log.

use serde_json::Value;

use crate::model::time::Time;

/// The most bytes of a log that are read; what comes later is told by its size.
pub(super) const LOG_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most calls of a stack that are shown.
const STACK_MAX: usize = 12;

/// A line of the log.
#[derive(Debug)]
pub(super) struct Message {
    /// When it was said, where that is told.
    pub at: Option<Time>,
    /// What said it: `console`, `exception`, `log`, `dialog`, `navigation`, `crash` …
    pub kind: String,
    /// How grave it is: `error`, `warning`, `info`, `debug`.
    pub level: String,
    /// What was said.
    pub text: String,
    /// Where in which script, where that is told: `https://…/app.js:12:3`.
    pub place: Option<String>,
    /// The calls that led to it, the innermost first.
    pub stack: Vec<String>,
    /// How many times it was said, one after the other.
    pub times: u64,
    /// Whether the browser says it of a request, which is told of with the requests too.
    pub of_request: bool,
}

impl Message {
    /// Whether it is an error.
    pub(super) fn failed(&self) -> bool {
        matches!(self.kind.as_str(), "exception" | "crash") || self.level == "error"
    }
}

/// The messages of a log: JSON, an object a line. A line that is no such object is a message of its
/// text. Where the log was cut, the line that is not whole is left out.
pub(super) fn messages(log: &[u8], is_cut: bool) -> Vec<Message> {
    let end = match is_cut {
        true => log.iter().rposition(|byte| *byte == b'\n').unwrap_or(0),
        false => log.len(),
    };
    let lines =
        log[..end].split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map(message).collect()
}

fn message(line: &[u8]) -> Message {
    let value = serde_json::from_slice(line).ok().filter(Value::is_object).unwrap_or(Value::Null);
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let said = match value["text"].as_str() {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(line).into_owned(),
    };
    let stack =
        value["stack"].as_array().into_iter().flatten().take(STACK_MAX).filter_map(|call| {
            let function = call["function"].as_str().filter(|name| !name.is_empty());
            Some(format!("{} ({})", function.unwrap_or("(anonymous)"), place(call)?))
        });
    Message {
        at: value["time"].as_str().and_then(|time| time.parse().ok()),
        kind: if value["kind"].is_string() { text("kind") } else { "console".to_owned() },
        level: text("level"),
        text: said,
        place: place(&value),
        stack: stack.collect(),
        of_request: value["request_id"].is_string(),
        times: value["repeat"].as_u64().unwrap_or(1),
    }
}

fn place(call: &Value) -> Option<String> {
    let url = call["url"].as_str().filter(|url| !url.is_empty())?;
    Some(match (call["line"].as_u64(), call["column"].as_u64()) {
        (Some(line), Some(column)) => format!("{url}:{line}:{column}"),
        (Some(line), None) => format!("{url}:{line}"),
        _ => url.to_owned(),
    })
}
