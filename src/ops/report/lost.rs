//! A selector that finds nothing: where it found something last, what that was, and what stands there
//! now.

use maud::{Markup, html};
use serde_json::Value;

use super::evidence::softly;
use super::parts::{Column, Row, Tone, badge, command, facts, folded, notice, table};
use super::subject::Subject;
use super::text::{block, code, count, line, moment, number, size};
use crate::error::Result;
use crate::format::document::{Document, ELEMENT_BYTES_MAX, Element, Found, Query};
use crate::model::config::PagePart;
use crate::model::id::Version;
use crate::ops::last_match::{self, LastMatch, Match, last_match};
use crate::store::Repository;

/// The most elements that are told to resemble the one that is gone.
const SIMILAR_MAX: usize = 5;

/// What is known of a selector that failed.
pub(super) struct Lost {
    /// The snapshot in which it failed.
    version: Version,
    selector: String,
    /// How far the browser came with it: each beginning of it, and how many elements that found.
    steps: Vec<(String, u64)>,
    /// Where it found something last; the text says why that can't be told.
    last: std::result::Result<LastMatch, String>,
    now: Now,
}

/// What stands on the page now.
enum Now {
    /// It can't be told.
    Unknown(String),
    /// The selector finds something in the stored page.
    Found(Found),
    /// It finds nothing.
    Gone {
        /// What stands at the same place, or around it: whether it is the very place.
        near: Option<(bool, Element)>,
        /// What resembles the element that it found last, and how much.
        similar: Vec<(f64, Element)>,
    },
}

/// What is known of the selector that failed in a snapshot; nothing where none did.
///
/// Fails where the store can't be read.
pub(super) fn of(repo: &Repository, subject: &Subject<'_>) -> Result<Option<Lost>> {
    let Some(selector) = failed(subject) else { return Ok(None) };
    let last = match subject.snapshot().forgotten_at {
        Some(_) => Err("the snapshot is forgotten".to_owned()),
        None => softly(last_match(repo, &subject.snapshot().version, &selector))?
            .map_err(|damage| damage.to_string()),
    };
    let element = last.as_ref().ok().and_then(|told| told.found.as_ref()?.element.as_ref());
    let now = now(subject, &selector, element)?;
    let version = subject.snapshot().version.clone();
    Ok(Some(Lost { version, steps: steps(subject), selector, last, now }))
}

/// The selector that found nothing: that of the incident, or that of the capture.
fn failed(subject: &Subject<'_>) -> Option<String> {
    let incident = subject.incident().and_then(|incident| incident.get("selector")?.as_str());
    if let Some(selector) = incident {
        return Some(selector.to_owned());
    }
    let selector = subject.facts["config"]["selector"].as_str()?;
    let line = ledger_line(subject);
    let found = line["detail"]["matched"].as_u64().unwrap_or(0);
    (line["status"] != "stored" || found == 0).then(|| selector.to_owned())
}

/// What the ledger says of the element.
fn ledger_line<'s>(subject: &'s Subject<'_>) -> &'s Value {
    last_match::ledger_line(&subject.facts, PagePart::ElementHtml.artifact_name())
}

fn steps(subject: &Subject<'_>) -> Vec<(String, u64)> {
    let step =
        |step: &Value| Some((step["selector"].as_str()?.to_owned(), step["matched"].as_u64()?));
    let path = ledger_line(subject)["detail"]["path"].as_array();
    path.into_iter().flatten().take(40).filter_map(step).collect()
}

fn now(subject: &Subject<'_>, selector: &str, last: Option<&Element>) -> Result<Now> {
    let name = PagePart::Html.artifact_name();
    let part = subject.evidence.whole(name)?;
    let Some(content) = part.content() else {
        let why = part.lack().unwrap_or_else(|| "it is not there".to_owned());
        return Ok(Now::Unknown(format!("{name}: {why}")));
    };
    let page = match Document::parse(&content.text()) {
        Ok(page) => page,
        Err(why) => return Ok(Now::Unknown(format!("{name}: {why}"))),
    };
    if let Ok(query) = Query::parse(selector)
        && let Some(found) = page.find(&query)
    {
        return Ok(Now::Found(found));
    }
    let Some(last) = last else { return Ok(Now::Gone { near: None, similar: Vec::new() }) };
    Ok(Now::Gone {
        near: nearest(&page, &last.path),
        similar: page.resembling(&last.portrait, SIMILAR_MAX),
    })
}

/// What stands at the end of a path, or of the longest beginning of it that leads anywhere.
fn nearest(page: &Document, path: &str) -> Option<(bool, Element)> {
    let steps: Vec<&str> = path.split(" > ").collect();
    let find = |length: usize| {
        let query = Query::parse(&steps[..length].join(" > ")).ok()?;
        page.find(&query).map(|found| found.first)
    };
    // What a path finds lies within what each beginning of it finds.
    let (mut known, mut found) = (0, None);
    let mut beyond = steps.len() + 1;
    while known + 1 < beyond {
        let middle = (known + beyond) / 2;
        match find(middle) {
            Some(element) => (known, found) = (middle, Some(element)),
            None => beyond = middle,
        }
    }
    Some((known == steps.len(), found?))
}

/// That the selector found nothing, where nothing else says it.
pub(super) fn headline(lost: &Lost) -> Markup {
    notice(Tone::Bad, html! { p.big { "The selector " (code(&lost.selector)) " found nothing." } })
}

/// The section's body. Headings begin at the third level.
pub(super) fn body(lost: &Lost) -> Markup {
    html! {
        @if lost.steps.len() > 1 { (way(&lost.steps)) }
        h3 { "Where it matched last" }
        @match &lost.last {
            Ok(told) => (matched(told, &lost.version)),
            Err(why) => p { "That can't be told: " (line(why)) "." },
        }
        h3 { "What stands there now" }
        @match &lost.now {
            Now::Unknown(why) => p { "That can't be told: " (line(why)) "." },
            Now::Found(found) => {
                p {
                    "In the stored page it finds " (count(found.count as u64, "element"))
                    ", which came after the selector was looked for. The first:"
                }
                (element("The element that it finds now", &found.first))
            },
            Now::Gone { near, similar } => {
                @match near {
                    Some((true, now)) => {
                        p { "At the very place there is another element:" }
                        (element("What stands at the place now", now))
                    },
                    Some((false, now)) => {
                        p { "The place is gone. This is the nearest of what was around it:" }
                        (element("The nearest of what was around it", now))
                    },
                    None => p { "There is no element to go by." },
                }
                (resembling(similar))
            },
        }
    }
}

/// How far the browser came with a selector.
fn way(steps: &[(String, u64)]) -> Markup {
    let columns = [Column::wide("Selector"), Column::number("Found")];
    let row = |(selector, found): &(String, u64)| {
        let row = Row::of(vec![code(selector), html! { (number(*found)) }]);
        if *found == 0 { row.toned(Tone::Bad) } else { row }
    };
    table("How far the browser came with it", &columns, steps.iter().map(row))
}

fn matched(told: &LastMatch, version: &Version) -> Markup {
    let asked = html! {
        (count(told.looked_at as u64, "snapshot")) " before this one "
        @if told.looked_at == 1 { "was" } @else { "were" } " looked at"
        @if told.limited { ", and there are older ones" }
        @if told.silent > 0 { "; " (number(told.silent as u64)) " of them could not be asked" }
        "."
        @if let Some(why) = &told.refused { " Stored pages can't be asked for it: " (line(why)) "." }
    };
    match &told.found {
        None => html! { p { "It matched in none: " (asked) } },
        Some(found) => html! {
            p { "In " (code(found.version.as_str())) ", taken " (moment(found.created_at)) " UTC. " (asked) }
            (matching(found, version))
        },
    }
}

fn matching(found: &Match, version: &Version) -> Markup {
    let then = found.version.as_str();
    html! {
        (facts([
            ("Elements", html! { (number(found.count)) }),
            ("Known from", match found.by_browser {
                true => html! { "the browser, when it was captured" },
                false => html! { "the stored page" },
            }),
        ]))
        @match &found.element {
            Some(first) => (element("The element that it found", first)),
            None => p.soft { "Its element can't be told from the stored page." },
        }
        p {
            "What differs: "
            (command(&["tintype", "report", then, version.as_str(), "-o", "difference.html"]))
        }
    }
}

/// An element: its path, and its HTML.
fn element(label: &str, element: &Element) -> Markup {
    html! {
        p { span.soft { "Path " } (code(&element.path)) }
        (block(label, &element.html))
        @if element.html_bytes > element.html.len() {
            p.cut { "Shown are the first " (size(ELEMENT_BYTES_MAX as u64)) " of " (size(element.html_bytes as u64)) "." }
        }
    }
}

fn resembling(similar: &[(f64, Element)]) -> Markup {
    html! {
        @if similar.is_empty() {
            p.soft { "Nothing on the page resembles what it found." }
        } @else {
            h3 { "What resembles it" }
            @for (at, (score, one)) in similar.iter().enumerate() {
                @let summary = html! {
                    (badge(if *score >= 0.8 { Tone::Good } else { Tone::Plain }, &format!("{:.0} %", score * 100.0)))
                    " " (code(&one.path))
                };
                @let shown = element(&format!("Similar element {}", at + 1), one);
                @if at == 0 { div.folded { p { (summary) } (shown) } } @else { (folded(summary, shown)) }
            }
        }
    }
}
