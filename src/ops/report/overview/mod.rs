//! `report --context`: how the snapshots of a window went, over time and by place, what they cost, and
//! what is wrong now.
//!
//! **Invariant:** the page says the same of 1 snapshot and of [a million](tally): what is listed has a
//! named limit, and what is left out is counted.

mod calendar;
mod costs;
mod tally;
mod trouble;

use maud::{Markup, html};

use self::tally::{Place, SNAPSHOTS_MAX, Tally};
use super::evidence::softly;
use super::parts::{Column, Row, Tone, badge, command, figures, notice, table};
use super::shell::{Document, Section};
use super::text::{code, count, line, millis, moment, number, plain, size};
use crate::error::{Corruption, Result};
use crate::model::context::{LEFT_OUT, Pattern};
use crate::model::time::Time;
use crate::ops::monitor::Window;
use crate::ops::monitor::alerts;
use crate::records::incidents::{Group, GroupQuery, groups};
use crate::store::Repository;

/// The most places that are listed; those beyond are added up in one row.
const PLACES_SHOWN_MAX: usize = 200;
/// The most groups of incidents that are listed, and of alerts.
const GROUPS_SHOWN_MAX: usize = 50;
const ALERTS_SHOWN_MAX: usize = 50;

/// Writes how the snapshots of a window went: an HTML page in UTF-8 that needs no other file.
///
/// Damage to alerts or groups of incidents is told in their place. Fails with `Invalid` where the
/// window ends before it begins, with `Corrupt` where what is known of a snapshot is damaged, and where
/// the store can't be read.
pub fn overview(repo: &Repository, window: &Window) -> Result<String> {
    window.check()?;
    let tally = tally::count(repo, window)?;
    let alerts = softly(alerts::open(repo))?.map(|mut open| {
        let site = window.contexts.parts()[0].clone();
        open.retain(|alert| match (&site, alert.labels.get("site")) {
            (Some(wanted), Some(site)) => wanted == site,
            _ => true,
        });
        open
    });
    let asked = GroupQuery {
        context: window.contexts.clone(),
        since: window.since,
        limit: GROUPS_SHOWN_MAX + 1,
        ..GroupQuery::default()
    };
    let groups: std::result::Result<Vec<Group>, Corruption> = softly(groups(repo, &asked))?;
    let mut sections = Vec::new();
    if let Some(tally) = &tally {
        sections.push(Section::new("time", "Over time", calendar::body(tally)));
        sections.push(Section::new(
            "failures",
            "Newest failures",
            trouble::failures(tally, window),
        ));
    }
    sections.push(Section::new(
        "alerts",
        "Open alerts",
        trouble::alerts(&alerts, ALERTS_SHOWN_MAX),
    ));
    let shown = trouble::groups(&groups, GROUPS_SHOWN_MAX);
    sections.push(Section::new("incidents", "Incidents by kind", shown));
    if let Some(tally) = &tally {
        sections.push(Section::new("places", "Sites and modules", places(tally)));
        sections.push(Section::new("sizes", "Sizes and savings", costs::sizes(tally)));
        sections.push(Section::new("durations", "Durations", costs::durations(tally)));
    }
    let open = alerts.as_ref().map_or(0, Vec::len) as u64;
    sections
        .insert(0, Section::new("summary", "At a glance", summary(tally.as_ref(), open, window)));
    let document = Document {
        title: format!("{} · overview · Tintype", plain(&wanted(window))),
        kind: "Overview",
        heading: line(&wanted(window)),
        lead: lead(window, tally.as_ref()),
        sections,
        made_at: repo.now(),
    };
    Ok(document.page())
}

/// What is looked at, in words.
fn wanted(window: &Window) -> String {
    match window.contexts == Pattern::default() {
        true => "All snapshots".to_owned(),
        false => window.contexts.to_string(),
    }
}

fn lead(window: &Window, tally: Option<&Tally>) -> Markup {
    let end = |time: Option<Time>, word: &'static str| {
        html! {
            @if let Some(time) = time { span { (word) " " (moment(time)) " UTC" } }
        }
    };
    html! {
        div.lead {
            (end(window.since, "from"))
            (end(window.until, "until"))
            @if let Some(tally) = tally {
                span { "the first of " (moment(tally.taken.0)) ", the last of " (moment(tally.taken.1)) " UTC" }
            }
        }
    }
}

fn summary(tally: Option<&Tally>, open_alerts: u64, window: &Window) -> Markup {
    let Some(tally) = tally else {
        return notice(
            Tone::Warn,
            html! {
                p.big { "There is no snapshot here." }
                p {
                    "What there is: " (command(&["tintype", "list"]))
                    @if window.since.is_some() || window.until.is_some() { " · the window may be too narrow." }
                }
            },
        );
    };
    let count_of = &tally.count;
    let sizes = &tally.sizes;
    let saved = match sizes.bytes {
        0 => "–".to_owned(),
        bytes => format!("{:.1} %", 100.0 * (1.0 - sizes.stored as f64 / bytes as f64).max(0.0)),
    };
    let sites: std::collections::BTreeSet<&str> =
        tally.places.iter().map(|place| place.site.as_str()).collect();
    html! {
        @if tally.limited {
            (notice(Tone::Warn, html! {
                p { "Counted are the newest " (number(SNAPSHOTS_MAX)) "; there are older ones. Narrow the window with --since." }
            }))
        }
        (figures([
            ("snapshots", number(count_of.all)),
            ("failed or of an incident", number(count_of.failed)),
            ("partial", number(count_of.partial)),
            ("sites", number(sites.len() as u64)),
            ("open alerts", number(open_alerts)),
            ("content", size(sizes.bytes)),
            ("saved", saved),
        ]))
        p.soft {
            "By status: "
            @for (at, (status, count)) in tally.statuses.iter().enumerate() {
                @if at > 0 { ", " } (number(*count)) " " (status)
            }
            "."
        }
    }
}

/// How each site and module went.
fn places(tally: &Tally) -> Markup {
    let columns = [
        Column::wide("Site / module"),
        Column::number("Snapshots"),
        Column::number("Failed"),
        Column::number("Partial"),
        Column::text("Last"),
        Column::text("Last good"),
        Column::number("Content"),
        Column::number("Mean time"),
    ];
    let order = calendar::by_weight(&tally.places);
    let (shown, rest) = order.split_at(order.len().min(PLACES_SHOWN_MAX));
    let row = |name: Markup, place: &Place, is_many: bool| {
        let (timed, sum) = place.took;
        let row = Row::of(vec![
            name,
            html! { (number(place.count.all)) },
            html! { (number(place.count.failed)) },
            html! { (number(place.count.partial)) },
            moment(place.last_at),
            match &place.last_good {
                Some((version, at)) => {
                    html! { (code(version.as_str())) " " span.soft { (moment(*at)) } }
                }
                None if is_many => html! { "–" },
                None => badge(Tone::Bad, "none"),
            },
            html! { (size(place.bytes)) },
            match timed {
                0 => html! { "–" },
                timed => html! { (millis(sum / timed as f64)) },
            },
        ]);
        if place.count.failed > 0 && place.last_good.is_none() && !is_many {
            row.toned(Tone::Bad)
        } else {
            row
        }
    };
    let mut rows: Vec<Row> = shown.iter().map(|place| row(name(place), place, false)).collect();
    let others: Vec<Place> = rest.iter().map(|place| (*place).clone()).collect();
    if let Some(all) = Place::together(&others) {
        rows.push(row(html! { (count(rest.len() as u64, "other place")) }, &all, true));
    }
    html! {
        (table("Each site and module, those with failures first", &columns, rows))
        @if tally.elsewhere > 0 {
            p.cut { (count(tally.elsewhere, "snapshot")) " of places beyond the first " (tally::PLACES_MAX) " are counted in the sums only." }
        }
    }
}

/// A site and a module.
fn name(place: &Place) -> Markup {
    html! {
        (line(&place.site))
        @if place.module != LEFT_OUT { " / " (line(&place.module)) }
    }
}
