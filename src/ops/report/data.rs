//! Data: JSON as a table and as text, texts, pictures, bytes; and what changed since the snapshot
//! before.

use std::fmt::Write;

use maud::{Markup, html};
use serde_json::Value;

use super::evidence::{Content, Part};
use super::frame::frame;
use super::history::History;
use super::lacking::{get, lacking};
use super::layout::laid_out;
use super::parts::{Column, Row, Tab, Tone, badge, command, notice, table, tabs};
use super::picture::Pictures;
use super::subject::{Subject, is_json};
use super::text::{BLOCK_BYTES_MAX, block, code, count, line, moment, number, shown_of, size};
use crate::error::{Error, Result};
use crate::format::diff::{Change, Comparison, Form};
use crate::model::snapshot::Snapshot;
use crate::ops::compare::{Standing, compare_as};
use crate::store::Repository;

/// The most artifacts that are shown; the ledger lists all.
const ARTIFACTS_MAX: usize = 24;
/// The most bytes of JSON that are read to be laid out.
const JSON_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The most rows and columns of a table of values.
const ROWS_MAX: usize = 200;
const COLUMNS_MAX: usize = 12;
/// The most bytes that are shown of what is neither text nor a picture.
const HEX_BYTES_MAX: usize = 1024;
/// The most bytes, of both, that are compared, and the most changes that are shown.
const COMPARED_BYTES_MAX: u64 = 8 * 1024 * 1024;
const CHANGES_MAX: usize = 100;

/// The section's body; nothing where there is no data.
///
/// Fails where the store itself can't be read.
pub(super) fn body(
    repo: &Repository,
    subject: &Subject<'_>,
    history: &History,
    pictures: &mut Pictures,
) -> Result<Option<Markup>> {
    let names = subject.others();
    if names.is_empty() {
        return Ok(None);
    }
    let mut shown = Vec::new();
    for (at, name) in names.iter().take(ARTIFACTS_MAX).enumerate() {
        shown.push((name, artifact(subject, name, &format!("data-{}", at + 1), pictures)?));
    }
    let before = history.before();
    let changes = match before {
        Some(before) => Some(since(repo, before, subject.snapshot())?),
        None => None,
    };
    Ok(Some(html! {
        @for (name, body) in &shown {
            @if names.len() > 1 { h3 { (line(name)) } }
            (body)
        }
        @if names.len() > shown.len() {
            p.cut { "Shown are the first " (shown.len()) " of " (number(names.len() as u64)) "." }
        }
        @if let (Some(before), Some(changes)) = (before, &changes) {
            h3 { "What changed since the one before" }
            p {
                "Before it came " (code(before.version.as_str())) ", taken "
                (moment(before.created_at)) ". "
                (command(&["tintype", "diff", before.version.as_str(), subject.snapshot().version.as_str()]))
            }
            (changes)
        }
        @if let Some(after) = history.after() {
            p {
                "After it came " (code(after.version.as_str())) ", taken " (moment(after.created_at)) ". "
                (command(&["tintype", "diff", subject.snapshot().version.as_str(), after.version.as_str()]))
            }
        }
    }))
}

/// An artifact in the forms that tell most.
fn artifact(
    subject: &Subject<'_>,
    name: &str,
    id: &str,
    pictures: &mut Pictures,
) -> Result<Markup> {
    let Some(artifact) = subject.snapshot().artifact(name) else { return Ok(html! {}) };
    let version = &subject.snapshot().version;
    if artifact.media_type.starts_with("image/") && artifact.hash.is_some() {
        return pictures.show(&subject.evidence, name, &format!("The picture {name}"));
    }
    let limit = match is_json(&artifact.media_type) && artifact.bytes <= JSON_BYTES_MAX {
        true => JSON_BYTES_MAX as usize,
        false => BLOCK_BYTES_MAX,
    };
    let part = subject.evidence.head(name, limit)?;
    let Part::Here(content) = &part else {
        return Ok(lacking(version, name, &part).unwrap_or_default());
    };
    let kind = artifact.media_type.split(';').next().unwrap_or_default().trim();
    let is_html = matches!(kind, "text/html" | "application/xhtml+xml");
    Ok(html! {
        p.soft {
            (line(&artifact.media_type)) ", " (size(artifact.bytes))
            @if let Some(entries) = artifact.entries { ", " (count(entries, "member")) }
            " " (get(version, name))
        }
        (forms(content, name, id, is_json(&artifact.media_type), is_html))
    })
}

fn forms(content: &Content, name: &str, id: &str, is_json: bool, is_html: bool) -> Markup {
    let whole = content.bytes.len() as u64 == content.whole_bytes;
    let text = match std::str::from_utf8(&content.bytes) {
        Ok(text) => Some(text),
        // A text may be cut within a character.
        Err(error) if !whole && error.error_len().is_none() => {
            std::str::from_utf8(&content.bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    let Some(text) = text.filter(|text| !text.contains('\0')) else {
        return hex(content, name);
    };
    let cut = shown_of(content.bytes.len() as u64, content.whole_bytes);
    if is_html {
        let all = [
            Tab { name: "Text", body: html! { (block(name, text)) (cut) } },
            Tab { name: "Document", body: frame(name, text, content.whole_bytes) },
        ];
        return tabs(id, "Forms of the document", &all);
    }
    let pretty = if is_json && whole { laid_out(text, BLOCK_BYTES_MAX * 2) } else { None };
    let Some(pretty) = pretty else {
        return html! { (block(name, text)) (cut) };
    };
    let values = serde_json::from_str::<Value>(text).ok().and_then(|value| values(&value));
    let laid = html! { (block(name, &pretty)) };
    match values {
        Some(values) => {
            let all = [Tab { name: "Table", body: values }, Tab { name: "JSON", body: laid }];
            tabs(id, "Forms of the data", &all)
        }
        None => laid,
    }
}

/// A list of objects as a table; nothing where it is none that would fit one.
fn values(value: &Value) -> Option<Markup> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    let rows: Vec<_> = list.iter().take(ROWS_MAX).map(Value::as_object).collect::<Option<_>>()?;
    let mut names: Vec<&str> = Vec::new();
    for name in rows.iter().flat_map(|row| row.keys()) {
        if !names.contains(&name.as_str()) && names.len() <= COLUMNS_MAX {
            names.push(name);
        }
    }
    if names.is_empty() || names.len() > COLUMNS_MAX {
        return None;
    }
    let is_number = |name: &str| rows.iter().all(|row| row.get(name).is_none_or(Value::is_number));
    let columns: Vec<Column> = std::iter::once(Column::number("#"))
        .chain(names.iter().map(|name| match is_number(name) {
            true => Column::number((*name).to_owned()),
            false => Column::text((*name).to_owned()),
        }))
        .collect();
    let row = |(at, row): (usize, &&serde_json::Map<String, Value>)| {
        let cells = names.iter().map(|name| match row.get(*name) {
            Some(Value::String(text)) => line(text),
            Some(value) => line(&value.to_string()),
            None => html! { span.soft { "–" } },
        });
        Row::of(std::iter::once(html! { (at + 1) }).chain(cells).collect())
    };
    Some(html! {
        (table("The data, a row for each member", &columns, rows.iter().enumerate().map(row)))
        @if rows.len() < list.len() {
            p.cut { "Shown are the first " (rows.len()) " rows of " (number(list.len() as u64)) "." }
        }
    })
}

/// The beginning of bytes, as numbers and as characters.
fn hex(content: &Content, name: &str) -> Markup {
    let shown = &content.bytes[..content.bytes.len().min(HEX_BYTES_MAX)];
    let mut text = String::with_capacity(shown.len() * 5);
    for (at, line) in shown.chunks(16).enumerate() {
        let _ = write!(text, "{:08x} ", at * 16);
        for place in 0..16 {
            let _ = match line.get(place) {
                Some(byte) => write!(text, " {byte:02x}"),
                None => write!(text, "   "),
            };
        }
        text.push_str("  ");
        text.extend(line.iter().map(|byte| match byte {
            0x20..=0x7e => char::from(*byte),
            _ => '.',
        }));
        text.push('\n');
    }
    html! {
        (block(name, &text))
        (shown_of(shown.len() as u64, content.whole_bytes))
    }
}

/// What differs between the snapshot before and this one.
fn since(repo: &Repository, before: &Snapshot, this: &Snapshot) -> Result<Markup> {
    if before.bytes().saturating_add(this.bytes()) > COMPARED_BYTES_MAX {
        return Ok(html! { p.soft { "They are too large to be compared here." } });
    }
    let plain = |form: Form| if form == Form::Image { form } else { form.plain() };
    let found = match compare_as(repo, &before.version, &this.version, None, plain) {
        Ok(found) => found,
        Err(Error::Corrupt(damage)) => {
            let why = damage.to_string();
            return Ok(notice(Tone::Bad, html! { "They can't be compared: " (line(&why)) }));
        }
        Err(error) => return Err(error),
    };
    if found.equal {
        return Ok(html! { p { "Nothing: both hold the same." } });
    }
    let differing = found.artifacts.iter().filter(|pair| pair.standing != Standing::Same);
    let bodies: Vec<Markup> = differing
        .take(ARTIFACTS_MAX)
        .map(|pair| {
            let words = match pair.standing {
                Standing::Added => "is new",
                Standing::Removed => "is gone",
                Standing::Same | Standing::Changed => "changed",
            };
            html! {
                p { (code(pair.name.as_str())) " " (words) "." }
                @match &pair.content {
                    Some(Comparison::Json(diff)) => (changes(&diff.changes)),
                    Some(Comparison::Text(diff)) => (block("The difference", &diff.unified)),
                    _ => {},
                }
            }
        })
        .collect();
    Ok(html! { @for body in bodies { (body) } })
}

fn changes(changes: &[Change]) -> Markup {
    let columns =
        [Column::text("Where"), Column::text("How"), Column::text("Before"), Column::text("After")];
    let shown = |value: &Value| match value {
        Value::String(text) => line(text),
        other => line(&other.to_string()),
    };
    let none = || html! { span.soft { "–" } };
    let rows = changes.iter().take(CHANGES_MAX).map(|change| {
        let (path, tone, word, before, after) = match change {
            Change::Added { path, after } => (path, Tone::Good, "new", none(), shown(after)),
            Change::Removed { path, before } => (path, Tone::Bad, "gone", shown(before), none()),
            Change::Changed { path, before, after } => {
                (path, Tone::Warn, "changed", shown(before), shown(after))
            }
        };
        Row::of(vec![
            code(if path.is_empty() { "(the whole)" } else { path }),
            badge(tone, word),
            before,
            after,
        ])
    });
    html! {
        @if changes.is_empty() {
            p.soft { "The values are the same; they are written differently." }
        } @else {
            (table("What changed, by JSON pointer", &columns, rows))
        }
        @if changes.len() > CHANGES_MAX {
            p.cut { "Shown are " (CHANGES_MAX) " of " (number(changes.len() as u64)) " changes." }
        }
    }
}
