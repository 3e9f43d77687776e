//! What differs between two JSON documents, and of what is known about two snapshots.

use maud::{Markup, html};
use serde_json::Value;

use super::super::parts::{Column, Row, table};
use super::super::text::{code, count, number};
use super::entries::mark;
use crate::format::diff::{Change, JsonDiff};
use crate::ops::compare::Field;

/// The most changes to a document that are listed.
const CHANGES_MAX: usize = 2_000;
/// The most bytes of a value that are told; `diff` tells them whole.
const VALUE_BYTES_MAX: usize = 2_000;

/// The list of changes to a document, under its name.
pub(super) fn document(name: &str, diff: &JsonDiff) -> Markup {
    let many = diff.changes.len() as u64;
    html! {
        h3 { (code(name)) }
        @if diff.equal {
            p { "The same values, written differently." }
        } @else {
            (changes(&format!("{name}: {}", count(many, "change")), &diff.changes))
        }
    }
}

fn changes(caption: &str, changes: &[Change]) -> Markup {
    let columns =
        [Column::wide("Where"), Column::text("How"), Column::wide("Before"), Column::wide("After")];
    let none = || html! { span.soft { "–" } };
    let row = |change: &Change| {
        let (path, kind, before, after) = match change {
            Change::Added { path, after } => (path, "new", none(), told(after)),
            Change::Removed { path, before } => (path, "gone", told(before), none()),
            Change::Changed { path, before, after } => (path, "changed", told(before), told(after)),
        };
        let path = if path.is_empty() {
            html! { "the whole document" }
        } else {
            code(path)
        };
        Row::of(vec![path, mark(kind), before, after])
    };
    html! {
        (table(caption, &columns, changes.iter().take(CHANGES_MAX).map(row)))
        @if changes.len() > CHANGES_MAX {
            p.cut { (number((changes.len() - CHANGES_MAX) as u64)) " more are not listed." }
        }
    }
}

/// What is known about two snapshots and differs.
pub(super) fn fields(fields: &[Field]) -> Markup {
    let columns = [Column::text("What"), Column::wide("Before"), Column::wide("After")];
    let row =
        |field: &Field| Row::of(vec![code(&field.name), told(&field.before), told(&field.after)]);
    table(
        "What is known about them and differs",
        &columns,
        fields.iter().take(CHANGES_MAX).map(row),
    )
}

/// A value as JSON, as much of it as fits.
fn told(value: &Value) -> Markup {
    match value {
        Value::Null => html! { span.soft { "null" } },
        value => {
            let mut text = value.to_string();
            text.truncate(text.floor_char_boundary(VALUE_BYTES_MAX));
            code(&text)
        }
    }
}
