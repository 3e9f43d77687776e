//! What incidents have in common, so that a thousand of a kind are told as one group.
//!
//! Two incidents are alike where they have the same kind, the same place, the same selector or
//! operation and the same message, once what differs from time to time is replaced:
//!
//! | in a message | becomes |
//! |---|---|
//! | an address, `https://shop.example/p/7` | `<url>` |
//! | a UUID | `<uuid>` |
//! | eight or more hexadecimal digits, one of them a digit; `0x7f` | `<hex>` |
//! | a number, with what is written between its digits: `1,234.5`, `12:30:05`, `2026-01-29`, `30s` | `<n>` |
//! | a word of eight or more characters, three of them digits | `<id>` |
//! | digits within any other word | `<n>` |
//! | what stands in quotes | `<text>` |
//! | a secret that was taken out | `<secret>` |
//! | white space | one space |
//!
//! In a selector quotes stay, and so do short numbers outside of parentheses: `h1` is not `h2`.

use super::{Cause, Incident};
use crate::model::context::Context;

/// The version of these rules, which is a part of each fingerprint: groups that were made by other
/// rules stay what they are.
pub const RULES: u32 = 1;

/// The most bytes of a message or a selector that are looked at.
const LOOKED_AT_MAX: usize = 2048;
/// The longest secret's token that is known as one, in bytes.
const TOKEN_BYTES_MAX: usize = 64;
const TOKEN_BEGIN: &str = "[redacted:";

/// What the incidents of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Likeness {
    /// The word for the kind.
    pub kind: String,
    /// Site, module, component, function.
    pub place: [String; 4],
    /// The selector, the operation or the type of the error; empty where there is none.
    pub subject: String,
    /// The message; empty where there is none.
    pub message: String,
    /// The group that the caller named instead of subject and message.
    pub named: Option<String>,
}

impl Likeness {
    /// What an incident has in common with those that are like it, in this context.
    pub fn of(incident: &Incident, context: &Context) -> Self {
        let (subject, message) = match (&incident.cause, &incident.group) {
            (_, Some(_)) => (String::new(), String::new()),
            (Cause::SelectorFailure { selector, .. }, _) => {
                (normalized_selector(selector), String::new())
            }
            (Cause::RetryExhaustion { operation, last_error, .. }, _) => {
                (normalized(operation), normalized(last_error.as_deref().unwrap_or_default()))
            }
            (Cause::Timeout { operation, .. }, _) => (normalized(operation), String::new()),
            (Cause::ExtractionMismatch { validation_errors, .. }, _) => {
                (String::new(), normalized(&validation_errors.join("; ")))
            }
            (Cause::Failure { error_type, error_message }, _) => {
                (normalized(error_type), normalized(error_message))
            }
            (Cause::Custom { .. }, _) => {
                let text = |names: &[&str]| {
                    let found = names.iter().find_map(|name| incident.field(name)?.as_str());
                    found.unwrap_or_default()
                };
                let subject = match incident.field("selector").and_then(|value| value.as_str()) {
                    Some(selector) => normalized_selector(selector),
                    None => normalized(text(&["operation", "error_type"])),
                };
                (subject, normalized(text(&["message", "error_message", "last_error"])))
            }
        };
        Likeness {
            kind: incident.cause.kind().to_owned(),
            place: context.place().map(str::to_owned),
            subject,
            message,
            named: incident.group.clone(),
        }
    }

    /// What they have in common, on a line for people.
    pub fn title(&self) -> String {
        if let Some(named) = &self.named {
            return named.clone();
        }
        match (self.subject.as_str(), self.message.as_str()) {
            ("", message) => message.to_owned(),
            (subject, "") => subject.to_owned(),
            (subject, message) => format!("{subject}: {message}"),
        }
    }
}

/// A message without what differs from time to time.
pub fn normalized(text: &str) -> String {
    walk(text, false)
}

/// A selector without what differs from time to time.
pub fn normalized_selector(text: &str) -> String {
    walk(text, true)
}

fn walk(text: &str, selector: bool) -> String {
    let text = &text[..text.floor_char_boundary(LOOKED_AT_MAX)];
    let mut out = String::with_capacity(text.len().min(256));
    let mut parentheses = 0_usize;
    // Quotes of which there is no further end: that was looked for once, and is not again.
    let mut endless: Vec<char> = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            at += rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        } else if let Some(length) = token(rest) {
            out.push_str("<secret>");
            at += length;
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (told, length) = word(rest, length, selector, parentheses > 0);
            out.push_str(&told);
            at += length;
        } else {
            let before = text[..at].chars().next_back();
            let quoted = match selector || endless.contains(&first) {
                true => None,
                false => quote(rest, first, before, &mut endless),
            };
            match quoted {
                Some(length) => {
                    out.push_str("<text>");
                    at += length;
                }
                None => {
                    match first {
                        '(' => parentheses += 1,
                        ')' => parentheses = parentheses.saturating_sub(1),
                        _ => {}
                    }
                    out.push(first);
                    at += first.len_utf8();
                }
            }
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a secret's token that a text begins with.
fn token(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix(TOKEN_BEGIN)?;
    let end = inner.bytes().take(TOKEN_BYTES_MAX).position(|byte| byte == b']')?;
    Some(TOKEN_BEGIN.len() + end + 1)
}

/// What becomes of the word that a text begins with, and how much of the text that takes.
fn word(rest: &str, length: usize, selector: bool, within: bool) -> (String, usize) {
    let word = &rest[..length];
    if !selector && rest[length..].starts_with("://") {
        let ends = |c: char| c.is_whitespace() || "\"'<>()[]{}«»“”".contains(c);
        return ("<url>".into(), rest.find(ends).unwrap_or(rest.len()));
    }
    if let Some(length) = uuid(rest) {
        return ("<uuid>".into(), length);
    }
    let digits = word.chars().filter(char::is_ascii_digit).count();
    if digits == 0 {
        return (word.into(), length);
    }
    let characters = word.chars().count();
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = digits == characters;
    let prefixed = word.strip_prefix("0x").or(word.strip_prefix("0X")).is_some_and(is_hex);
    if prefixed || (!is_number && characters >= 8 && is_hex(word)) {
        return ("<hex>".into(), length);
    }
    let begins_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
    if selector {
        let told = match () {
            () if is_number && (within || digits >= 3) => "<n>",
            () if is_number => word,
            () if begins_with_digit && characters >= 6 => "<id>",
            () if digits >= 3 && characters >= 6 => "<id>",
            () => word,
        };
        return (told.into(), length);
    }
    if begins_with_digit {
        // With what goes on the number: 1,234.5 and 12:30:05 and 2026-01-29T06:43:41Z.
        let mut length = length;
        loop {
            let more = rest[length..].strip_prefix([',', '.', ':', '-', '/', '+']);
            let more = more.filter(|more| more.starts_with(|c: char| c.is_ascii_digit()));
            let Some(more) = more else { break };
            length = rest.len() - more.len() + more.find(|c| !is_word(c)).unwrap_or(more.len());
        }
        return ("<n>".into(), length);
    }
    if characters >= 8 && digits >= 3 {
        return ("<id>".into(), length);
    }
    let mut told = String::new();
    let mut was_digit = false;
    for c in word.chars() {
        let is_digit = c.is_ascii_digit();
        match (is_digit, was_digit) {
            (true, false) => told.push_str("<n>"),
            (true, true) => {}
            (false, _) => told.push(c),
        }
        was_digit = is_digit;
    }
    (told, length)
}

/// The length of a UUID that a text begins with.
fn uuid(rest: &str) -> Option<usize> {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    const LENGTH: usize = 36;
    let head = rest.as_bytes().get(..LENGTH)?;
    let fits = head.iter().enumerate().all(|(at, byte)| match DASHES.contains(&at) {
        true => *byte == b'-',
        false => byte.is_ascii_hexdigit(),
    });
    let ends = !rest[fits.then_some(LENGTH)?..].starts_with(is_word);
    ends.then_some(LENGTH)
}

/// The length of what stands in quotes at the beginning of a text, quotes and all.
fn quote(rest: &str, open: char, before: Option<char>, endless: &mut Vec<char>) -> Option<usize> {
    let close = match open {
        '"' | '`' | '\'' => open,
        '“' => '”',
        '‘' => '’',
        '«' => '»',
        _ => return None,
    };
    // An apostrophe begins nothing.
    if open == '\'' && before.is_some_and(is_word) {
        return None;
    }
    let inner = &rest[open.len_utf8()..];
    let end = inner.char_indices().find(|(at, c)| {
        let after = &inner[at + c.len_utf8()..];
        *c == close && !(open == '\'' && after.starts_with(is_word))
    });
    match end {
        Some((at, _)) => Some(open.len_utf8() + at + close.len_utf8()),
        None => {
            endless.push(open);
            None
        }
    }
}
