//! What a snapshot was taken with, and what is noted of it: the browser, the window, what was waited
//! for, the configuration, user info.

use maud::{Markup, html};
use serde_json::Value;

use super::evidence::Part;
use super::lacking::lacking;
use super::parts::{Column, Row, Tone, badge, facts, folded, table};
use super::subject::Subject;
use super::text::{block, code, line, millis, plain};
use crate::error::Result;
use crate::model::config::FACTS;
use crate::model::snapshot::INCIDENT;

/// The most fields of user info, and the most things of a list, that are shown.
const SHOWN_MAX: usize = 100;

/// The section's body; nothing where nothing is told.
///
/// Fails where the store itself can't be read.
pub(super) fn body(subject: &Subject<'_>) -> Result<Option<Markup>> {
    let snapshot = subject.snapshot();
    let told = &subject.facts;
    let text = |name: &str| told[name].as_str().filter(|text| !text.is_empty());
    let mut known: Vec<(&str, Markup)> = Vec::new();
    let named = [
        ("Address", "url"),
        ("Went to", "final_url"),
        ("Title", "title"),
        ("Media type", "media_type"),
        ("Browser", "browser"),
        ("User agent", "user_agent"),
        ("Language", "language"),
        ("Spoken to through", "channel"),
    ];
    for (name, member) in named {
        if let Some(text) = text(member) {
            known.push((name, line(text)));
        }
    }
    let window = &told["viewport"];
    if window.is_object() {
        let of = |name: &str| window[name].as_f64().unwrap_or(0.0);
        let (wide, high, scale) = (of("width"), of("height"), of("device_scale"));
        known.push(("Window", html! { (wide) " × " (high) " px, scale " (scale) }));
    }
    if let Some(on) = told["sandboxed"].as_bool() {
        known.push(("Sandbox", html! { (if on { "on" } else { "off" }) }));
    }
    let config = &told["config"];
    if let Some(mode) = config["mode"].as_str() {
        known.push(("Mode", line(mode)));
    }
    if let Some(selector) = config["selector"].as_str() {
        known.push(("Selector", code(selector)));
    }
    if let Some(took) = told["took_ms"].as_f64() {
        known.push(("Capture took", html! { (millis(took)) }));
    }
    for (name, member) in [
        ("Kept from", "blocked_count"),
        ("Windows it opened", "popups"),
        ("Events left out", "events_dropped"),
    ] {
        if let Some(many) = told[member].as_u64().filter(|many| *many > 0) {
            known.push((name, html! { (many) }));
        }
    }
    for (name, member) in
        [("Headers set", "headers_set"), ("Cookies set", "cookies_set"), ("Rescues", "rescues")]
    {
        let list = told[member].as_array().into_iter().flatten().take(SHOWN_MAX);
        let list: Vec<&str> = list.filter_map(Value::as_str).collect();
        if !list.is_empty() {
            known.push((name, line(&list.join(", "))));
        }
    }
    let part = subject.evidence.whole(FACTS)?;
    let info = snapshot.user_info.iter().filter(|(name, _)| *name != INCIDENT);
    let info: Vec<_> = info.collect();
    if known.is_empty() && info.is_empty() && matches!(part, Part::None) {
        return Ok(None);
    }
    Ok(Some(html! {
        @if let Some(lacks) = lacking(&snapshot.version, FACTS, &part) { (lacks) }
        @if !known.is_empty() { (facts(known)) }
        (waits(&told["waits"]))
        @if !info.is_empty() {
            h3 { "Noted with it" }
            dl.facts {
                @for (name, value) in info.iter().take(SHOWN_MAX) {
                    @let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    div { dt { (line(name)) } dd { (line(&text)) } }
                }
            }
            @if info.len() > SHOWN_MAX { p.cut { "and " (info.len() - SHOWN_MAX) " more" } }
        }
        @if let Part::Here(content) = &part {
            (folded(html! { "Everything that is told of the capture" }, block(FACTS, &content.text())))
        }
    }))
}

/// What was waited for before anything was taken.
fn waits(waits: &Value) -> Markup {
    let columns = [
        Column::text("Waited for"),
        Column::text("It came"),
        Column::number("Took"),
        Column::wide("Why not"),
    ];
    let waits = waits.as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = waits.iter().take(SHOWN_MAX).map(|wait| {
        let met = wait["met"].as_bool().unwrap_or(false);
        Row::of(vec![
            html! { (plain(wait["what"].as_str().unwrap_or("?"))) },
            badge(if met { Tone::Good } else { Tone::Bad }, if met { "yes" } else { "no" }),
            html! { (wait["took_ms"].as_f64().map_or("–".to_owned(), millis)) },
            line(wait["why"].as_str().unwrap_or_default()),
        ])
    });
    html! {
        @if !waits.is_empty() { (table("What was waited for", &columns, rows)) }
    }
}
