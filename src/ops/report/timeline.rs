//! What happened, in one line of time: what the page said, where it went, what it asked for.

use maud::{Markup, html};

use super::console::Message;
use super::lacking::lacking;
use super::network::{Request, origin, short};
use super::parts::{Column, Row, Tone, badge, filter, folded, table};
use super::subject::Subject;
use super::text::{block, code, elided, line, millis, number, shown_of, size};
use crate::model::config::PagePart;
use crate::model::time::Time;

/// The most rows that are shown.
const ROWS_MAX: usize = 800;
/// The most bytes of long messages and stacks that are shown, and of one of them.
const DETAIL_BYTES_MAX: usize = 256 * 1024;
const DETAIL_BYTES_EACH: usize = 8 * 1024;
/// A first line of more characters than this has its whole text folded below it.
const HEADLINE_CHARS: usize = 240;

/// The most characters of an address here; the requests have all of it.
const ADDRESS_CHARS: usize = 160;

/// Something that happened.
enum Moment<'a> {
    Said(&'a Message),
    Asked(&'a Request),
}

impl Moment<'_> {
    fn at(&self) -> Option<Time> {
        match self {
            Moment::Said(message) => message.at,
            Moment::Asked(request) => request.sent_at,
        }
    }
}

/// The section's body; nothing where nothing is recorded.
pub(super) fn body(subject: &Subject<'_>) -> Option<Markup> {
    let version = &subject.snapshot().version;
    let notes: Vec<Markup> = [
        lacking(version, PagePart::Console.artifact_name(), &subject.console),
        lacking(version, PagePart::Network.artifact_name(), &subject.network),
    ]
    .into_iter()
    .flatten()
    .collect();
    let said = subject.messages.iter().map(Moment::Said);
    let asked = subject.requests.iter().flatten().map(Moment::Asked);
    let mut moments: Vec<Moment<'_>> = said.chain(asked).collect();
    if moments.is_empty() && notes.is_empty() {
        return None;
    }
    // Those of which no time is told come last, as they stood.
    moments.sort_by_key(|moment| moment.at().unwrap_or(Time::MAX));
    let began = subject.began_at();
    let own = origin(subject.url());
    let mut detail_left = DETAIL_BYTES_MAX;
    let rows: Vec<Row> = moments
        .iter()
        .take(ROWS_MAX)
        .map(|moment| match moment {
            Moment::Said(message) => said_row(message, began, &mut detail_left),
            Moment::Asked(request) => asked_row(request, began, own),
        })
        .collect();
    let many = |kind: &str| rows.iter().filter(|row| row.kinds.contains(&kind)).count() as u64;
    let kinds: Vec<(&'static str, String)> = [
        ("console", "Console"),
        ("network", "Network"),
        ("navigation", "Navigation"),
        ("fine", "What went well"),
    ]
    .into_iter()
    .map(|(kind, name)| (kind, many(kind), name))
    .filter(|(_, many, _)| *many > 0)
    .map(|(kind, many, name)| (kind, format!("{name} ({})", number(many))))
    .collect();
    let columns = [Column::number("After"), Column::text("What"), Column::wide("Told")];
    let shown = rows.len();
    let log = subject.console.content();
    Some(html! {
        @for note in &notes { (note) }
        @if let Some(log) = log { (shown_of(log.bytes.len() as u64, log.whole_bytes)) }
        @if !rows.is_empty() {
            (filter("Show", &kinds))
            (table("Console, network and navigation in the order of time", &columns, rows))
        }
        @if shown < moments.len() {
            p.cut {
                "Shown are the first " (number(shown as u64)) " of " (number(moments.len() as u64)) "."
            }
        }
    })
}

/// How long after the page was asked for something was.
pub(super) fn after(at: Option<Time>, began: Option<Time>) -> String {
    let (Some(at), Some(began)) = (at, began) else { return "–".to_owned() };
    let apart = (at.micros() - began.micros()) as f64 / 1e3;
    match apart < 0.0 {
        true => format!("−{}", millis(-apart)),
        false => millis(apart),
    }
}

fn said_row(message: &Message, began: Option<Time>, detail_left: &mut usize) -> Row {
    let first = message.text.lines().next().unwrap_or_default();
    let more =
        first.len() < message.text.trim_end().len() || first.chars().count() > HEADLINE_CHARS;
    let detail =
        if more || !message.stack.is_empty() { detail(message, more) } else { String::new() };
    let fits = detail.len() <= *detail_left;
    if fits {
        *detail_left -= detail.len();
    }
    let headline: String = first.chars().take(HEADLINE_CHARS).collect();
    let (class, tone) = match (message.kind.as_str(), message.level.as_str()) {
        ("navigation", _) => ("navigation", Tone::Here),
        _ if message.failed() => ("console", Tone::Bad),
        (_, "warning") => ("console", Tone::Warn),
        _ => ("console", Tone::Plain),
    };
    let mut kinds = vec![class];
    if matches!(tone, Tone::Plain | Tone::Here) {
        kinds.push("fine");
    }
    let word = match (message.kind.as_str(), message.level.as_str()) {
        ("console", level) if !level.is_empty() => level,
        (kind, _) => kind,
    };
    let row = Row::of(vec![
        html! { (after(message.at, began)) },
        badge(tone, word),
        html! {
            (line(&headline))
            @if headline.len() < first.len() { "…" }
            @if message.times > 1 { " " (badge(Tone::Plain, &format!("{} times", number(message.times)))) }
            @if let Some(place) = &message.place { " " span.soft { (line(&elided(place, ADDRESS_CHARS))) } }
            @if !detail.is_empty() && fits {
                (folded(html! { "All of it" }, block("The whole message", &detail)))
            } @else if !detail.is_empty() {
                p.cut { (size(detail.len() as u64)) " more; the report is full" }
            }
        },
    ]);
    let row = row.kinds(kinds);
    if matches!(tone, Tone::Bad | Tone::Warn) { row.toned(tone) } else { row }
}

/// The whole text of a message and the calls that led to it.
fn detail(message: &Message, with_text: bool) -> String {
    let mut detail = if with_text { message.text.clone() } else { String::new() };
    if !message.stack.is_empty() {
        if with_text {
            detail.push_str("\n\n");
        }
        detail.push_str(&message.stack.join("\n"));
    }
    if detail.len() > DETAIL_BYTES_EACH {
        let left = detail.len() - DETAIL_BYTES_EACH;
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_EACH));
        detail.push_str(&format!("… ({left} more bytes)"));
    }
    detail
}

fn asked_row(request: &Request, began: Option<Time>, own: &str) -> Row {
    let failed = request.failed();
    let row = Row::of(vec![
        html! { (after(request.sent_at, began)) },
        badge(if failed { Tone::Bad } else { Tone::Plain }, "request"),
        html! {
            (code(&format!("{} {}", request.method, elided(&short(&request.url, own), ADDRESS_CHARS))))
            " " span.soft { (line(&request.outcome())) ", " (millis(request.took_ms)) }
        },
    ]);
    match failed {
        true => row.kinds(vec!["network"]).toned(Tone::Bad),
        false => row.kinds(vec!["network", "fine"]),
    }
}
