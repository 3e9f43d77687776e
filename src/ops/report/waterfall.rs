//! What a page asked for: its requests with a bar each, from when to when, and what was answered.

use maud::{Markup, html};

use super::lacking::lacking;
use super::network::{Request, origin, short};
use super::parts::{Column, Row, Tone, badge, filter, folded, notice, table};
use super::subject::Subject;
use super::text::{code, count, line, millis, number, size};
use super::timeline::after;
use crate::model::config::PagePart;

/// The most requests that are shown.
const REQUESTS_MAX: usize = 500;
/// The most bytes of headers that are shown, of all requests together.
const HEADERS_BYTES_MAX: usize = 256 * 1024;
/// The most headers of one message.
const HEADERS_MAX: usize = 60;
/// The width of the drawing of a bar, in its own units.
const WIDTH: f64 = 1000.0;

/// The section's body; nothing where no requests are recorded.
pub(super) fn body(subject: &Subject<'_>) -> Option<Markup> {
    let version = &subject.snapshot().version;
    let name = PagePart::Network.artifact_name();
    let Some(requests) = subject.requests.as_deref() else {
        let unread = subject.network.content().map(|_| {
            notice(Tone::Warn, html! { (code(name)) " is no HAR: it has no list of entries." })
        });
        return unread.or_else(|| lacking(version, name, &subject.network));
    };
    if requests.is_empty() {
        return Some(html! { p.soft { "The page asked for nothing." } });
    }
    let shown = &requests[..requests.len().min(REQUESTS_MAX)];
    let began = subject.began_at().map_or(0, |time| time.micros()) as f64 / 1e3;
    let start_of = |request: &Request| request.sent_at.map(|at| at.micros() as f64 / 1e3 - began);
    let span = shown
        .iter()
        .filter_map(|request| Some(start_of(request)? + request.took_ms))
        .fold(1.0, f64::max);
    let own = origin(subject.url());
    let mut headers_left = HEADERS_BYTES_MAX;
    let bytes: u64 = requests.iter().filter_map(|request| request.bytes).sum();
    let failed = requests.iter().filter(|request| request.failed()).count() as u64;
    let columns = [
        Column::number("Sent"),
        Column::text("Answer"),
        Column::wide("Request"),
        Column::text("Type"),
        Column::number("Size"),
        Column::number("Took"),
        Column::bar(format!("0 to {}", millis(span))),
    ];
    let rows: Vec<Row> = shown
        .iter()
        .map(|request| {
            let tone = if request.failed() { Tone::Bad } else { Tone::Plain };
            let row = Row::of(vec![
                html! { (after(request.sent_at, subject.began_at())) },
                badge(if request.failed() { Tone::Bad } else { Tone::Good }, &request.outcome()),
                html! {
                    (code(&format!("{} {}", request.method, short(&request.url, own))))
                    @if let Some(artifact) = &request.artifact {
                        " " span.soft { "body: " (line(artifact)) }
                    }
                    (headers(request, &mut headers_left))
                },
                html! { (line(if request.media_type.is_empty() { &request.kind } else { &request.media_type })) },
                html! { (request.bytes.map_or("–".to_owned(), size)) },
                html! { (millis(request.took_ms)) },
                bar(request, start_of(request), span),
            ]);
            let kinds = if request.failed() { vec!["failed"] } else { vec!["fine"] };
            row.kinds(kinds).toned(tone)
        })
        .collect();
    let kinds = [("failed", "Failed".to_owned()), ("fine", "Answered well".to_owned())];
    Some(html! {
        p {
            (count(requests.len() as u64, "request")) ", " (size(bytes)) " of answers, "
            (number(failed)) " failed; the last ended " (millis(span)) " after the page was asked for."
        }
        @if failed > 0 { (filter("Show", &kinds)) }
        p.key aria-hidden="true" {
            span { i.bar-a {} "until it was sent" } span { i.bar-b {} "waiting for the answer" }
            span { i.bar-c {} "receiving it" }
        }
        (table("Requests in the order in which they were sent", &columns, rows))
        @if shown.len() < requests.len() {
            p.cut {
                "Shown are the first " (number(shown.len() as u64)) " of "
                (number(requests.len() as u64)) "."
            }
        }
    })
}

/// A bar that says the same as the numbers beside it.
fn bar(request: &Request, start: Option<f64>, span: f64) -> Markup {
    let scale = WIDTH / span;
    let Some(start) = start.filter(|start| start.is_finite()) else { return html! {} };
    let mut from = (start * scale).clamp(0.0, WIDTH);
    let told: f64 = request.phases_ms.iter().sum();
    let phases = match told > 0.0 {
        true => request.phases_ms,
        false => [0.0, request.took_ms, 0.0],
    };
    html! {
        svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
            @for (class, millis) in ["bar-a", "bar-b", "bar-c"].into_iter().zip(phases) {
                @let wide = (millis * scale).clamp(0.0, WIDTH - from);
                @if wide > 0.0 {
                    @let at = { let at = from; from += wide; at };
                    rect class=(class) x=(tenths(at)) y="1" width=(tenths(wide.max(2.0))) height="8" {}
                }
            }
        }
    }
}

fn tenths(number: f64) -> String {
    format!("{number:.1}")
}

/// The headers of a request and its answer, as far as there is room.
fn headers(request: &Request, left: &mut usize) -> Markup {
    let bytes: usize = request
        .headers
        .iter()
        .flat_map(|list| list.iter().take(HEADERS_MAX))
        .map(|(name, value)| name.len() + value.len().min(600) + 60)
        .sum();
    if bytes == 0 || bytes > *left {
        return html! {};
    }
    *left -= bytes;
    folded(
        html! { "Headers" },
        html! {
            @for (title, list) in ["Sent", "Answered"].into_iter().zip(&request.headers) {
                @if !list.is_empty() {
                    p.soft { (title) }
                    dl.headers {
                        @for (name, value) in list.iter().take(HEADERS_MAX) {
                            div { dt { (line(name)) } dd { (line(value)) } }
                        }
                    }
                    @if list.len() > HEADERS_MAX { p.cut { "and " (list.len() - HEADERS_MAX) " more" } }
                }
            }
        },
    )
}
