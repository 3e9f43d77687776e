//! What differs between what two pages asked for, and between what they said: matched by what each
//! entry is, so that another order is no change.

use maud::{Markup, html};

use super::super::network::short;
use super::super::parts::{Column, Row, Tone, badge, filter, table};
use super::super::text::{code, count, elided, line, number, size};
use crate::format::entries::{
    ConsoleDiff, EntriesDiff, Message, MessageChange, Request, RequestChange, RequestsDiff,
};

/// The most requests with another status that are named at a glance.
const TURNED_MAX: usize = 3;

/// What differs between the requests of two pages, in words and as a table. Addresses of the page's
/// own origin are told without it.
pub(super) fn requests(diff: &RequestsDiff, origin: &str) -> (String, Markup) {
    let columns = [
        Column::wide("Request"),
        Column::text("How"),
        Column::text("Before"),
        Column::text("After"),
    ];
    let nothing = || html! { span.soft { "–" } };
    let row = |change: &RequestChange| {
        let (kind, request, before, after) = match change {
            RequestChange::Added { after } => ("new", after, nothing(), answer(after)),
            RequestChange::Gone { before } => ("gone", before, answer(before), nothing()),
            RequestChange::Changed { before, after } => {
                ("changed", after, answer(before), answer(after))
            }
        };
        let name = html! { (code(&format!("{} {}", request.method, short(&request.url, origin)))) };
        Row::of(vec![name, mark(kind), before, after]).kinds(vec![kind])
    };
    let (words, table) = shown(diff, "request", &columns, row);
    // What answered with another status may be all that matters.
    let turned = diff.changes.iter().filter_map(|change| match change {
        RequestChange::Changed { before, after } if before.status != after.status => {
            let path = short(&after.url, origin);
            Some(format!("{}: {} → {}", elided(&path, 60), status(before), status(after)))
        }
        _ => None,
    });
    let words = std::iter::once(words).chain(turned.take(TURNED_MAX)).collect::<Vec<_>>();
    (words.join("; "), table)
}

fn status(request: &Request) -> String {
    request.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

/// What differs between what two pages said, in words and as a table.
pub(super) fn console(diff: &ConsoleDiff) -> (String, Markup) {
    let columns = [
        Column::wide("Message"),
        Column::text("How"),
        Column::text("Level"),
        Column::number("Before"),
        Column::number("After"),
    ];
    let row = |change: &MessageChange| {
        let (kind, message, before, after) = match change {
            MessageChange::Added { message, after } => ("new", message, 0, *after),
            MessageChange::Gone { message, before } => ("gone", message, *before, 0),
            MessageChange::Changed { message, before, after } => {
                ("changed", message, *before, *after)
            }
        };
        Row::of(vec![
            said(message),
            mark(kind),
            badge(tone_of(message), &message.level),
            html! { (number(before)) "×" },
            html! { (number(after)) "×" },
        ])
        .kinds(vec![kind])
    };
    shown(diff, "message", &columns, row)
}

fn shown<C>(
    diff: &EntriesDiff<C>,
    thing: &str,
    columns: &[Column],
    row: impl Fn(&C) -> Row,
) -> (String, Markup) {
    let EntriesDiff { before, after, added, gone, changed, .. } = diff;
    if diff.equal {
        let words = format!("the same {}", count(*after, thing));
        return (
            words.clone(),
            html! { p { "Both have " (words) "; times and order don't count." } },
        );
    }
    let words = format!(
        "{} new, {} gone, {} changed, of {} and {}",
        number(*added),
        number(*gone),
        number(*changed),
        number(*before),
        count(*after, thing)
    );
    let kinds: Vec<(&'static str, String)> = [("new", added), ("gone", gone), ("changed", changed)]
        .into_iter()
        .filter(|(_, count)| **count > 0)
        .map(|(kind, many)| (kind, format!("{kind} ({})", number(*many))))
        .collect();
    let all = added + gone + changed;
    let markup = html! {
        p { (words) ". What is the same but for time and order is not listed." }
        @if kinds.len() > 1 { (filter("Shown", &kinds)) }
        (table(&format!("What differs: {}", count(all, thing)), columns, diff.changes.iter().map(row)))
        @if all > diff.changes.len() as u64 {
            p.cut { (number(all - diff.changes.len() as u64)) " more are not listed." }
        }
    };
    (words, markup)
}

/// The word for how an entry changed.
pub(super) fn mark(kind: &str) -> Markup {
    let tone = match kind {
        "new" => Tone::Here,
        "gone" => Tone::Bad,
        _ => Tone::Warn,
    };
    badge(tone, kind)
}

/// What was answered.
fn answer(request: &Request) -> Markup {
    let mut facts = vec![status(request)];
    facts.extend(request.mime_type.clone());
    facts.extend(request.bytes.map(size));
    facts.extend(request.error.clone());
    line(&facts.join(", "))
}

fn said(message: &Message) -> Markup {
    html! {
        (line(&message.text))
        @if let Some(url) = &message.url { " " span.soft { (line(url)) } }
    }
}

fn tone_of(message: &Message) -> Tone {
    let level = message.level.to_ascii_lowercase();
    let kind = message.kind.as_deref();
    match level.as_str() {
        _ if matches!(kind, Some("exception" | "crash")) => Tone::Bad,
        "error" | "severe" | "pageerror" | "assert" => Tone::Bad,
        "warning" | "warn" => Tone::Warn,
        _ => Tone::Plain,
    }
}
