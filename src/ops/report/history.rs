//! How often: the snapshots of one place over time, and the group of the incident.

use maud::{Markup, html};
use serde_json::Value;

use super::evidence::softly;
use super::parts::{Column, Row, Tone, badge, facts, figures, folded, notice, table};
use super::text::{code, count, line, moment, number, size};
use super::went::Went;
use crate::error::Result;
use crate::model::context::Pattern;
use crate::model::incident::Suppression;
use crate::model::query::Query;
use crate::model::snapshot::{INCIDENT, Snapshot};
use crate::model::time::Time;
use crate::records::incidents::{GROUPS_MAX, Group, GroupQuery, groups};
use crate::store::Repository;

/// The most snapshots of the place that are looked at before this one, and after it.
const NEIGHBOURS_MAX: usize = 200;
/// The most rows of the table behind the chart.
const ROWS_MAX: usize = 60;
/// The bars of the chart.
const BARS: usize = 48;

/// What is known of a place over time.
pub(super) struct History {
    /// The snapshots, the oldest first; this one is among them.
    pub snapshots: Vec<Snapshot>,
    /// Which of them this one is.
    pub here: usize,
    /// Whether there are older ones, and newer ones.
    pub more: [bool; 2],
    /// Why it could not be read, where it could not.
    pub damage: Option<String>,
}

impl History {
    /// The snapshots around this one, of the same site, module, component and function.
    ///
    /// Fails where the store can't be read; damage is told in it.
    pub(super) fn around(repo: &Repository, snapshot: &Snapshot) -> Result<Self> {
        let place = Query::context(Pattern::place_of(&snapshot.context))
            .after(snapshot.version.clone())
            .limit(NEIGHBOURS_MAX + 1);
        let found = match snapshot.forgotten_at {
            Some(_) => Ok((Vec::new(), Vec::new())),
            None => repo.read(|view| Ok((view.find(&place)?, view.find(&place.oldest_first())?))),
        };
        let (mut older, mut newer, damage) = match softly(found)? {
            Ok((older, newer)) => (older, newer, None),
            Err(damage) => (Vec::new(), Vec::new(), Some(damage.to_string())),
        };
        let more = [older.len() > NEIGHBOURS_MAX, newer.len() > NEIGHBOURS_MAX];
        older.truncate(NEIGHBOURS_MAX);
        newer.truncate(NEIGHBOURS_MAX);
        let here = older.len();
        let snapshots = older.into_iter().rev().chain([snapshot.clone()]).chain(newer).collect();
        Ok(History { snapshots, here, more, damage })
    }

    /// The snapshot before this one.
    pub(super) fn before(&self) -> Option<&Snapshot> {
        self.snapshots.get(self.here.checked_sub(1)?)
    }

    /// The snapshot after this one.
    pub(super) fn after(&self) -> Option<&Snapshot> {
        self.snapshots.get(self.here + 1)
    }

    /// The newest before this one that is complete and was not taken of an incident.
    pub(super) fn last_good(&self) -> Option<&Snapshot> {
        self.snapshots[..self.here].iter().rev().find(|one| Went::of(one) == Went::Good)
    }
}

/// The colour of how a snapshot went.
pub(super) fn tone_of(snapshot: &Snapshot) -> Tone {
    Went::of(snapshot).tone()
}

/// What a snapshot is, in a word.
pub(super) fn word_of(snapshot: &Snapshot) -> String {
    let kind = snapshot.user_info.get(INCIDENT).and_then(|incident| incident["kind"].as_str());
    match (snapshot.user_info.contains_key(INCIDENT), kind) {
        (true, Some(kind)) => format!("incident: {}", kind.replace('_', " ")),
        (true, None) => "incident".to_owned(),
        (false, _) => snapshot.status.as_str().to_owned(),
    }
}

/// The group that an incident is counted in. The text says why it can't be told.
///
/// Fails where the store can't be read.
pub(super) fn group_of(
    repo: &Repository,
    snapshot: &Snapshot,
) -> Result<std::result::Result<Option<Group>, String>> {
    let incident = snapshot.user_info.get(INCIDENT).unwrap_or(&Value::Null);
    let Some(fingerprint) = incident["fingerprint"].as_str() else { return Ok(Ok(None)) };
    let query = GroupQuery {
        context: Pattern::place_of(&snapshot.context),
        kind: incident["kind"].as_str().map(str::to_owned),
        limit: GROUPS_MAX as usize,
        ..GroupQuery::default()
    };
    let found = softly(groups(repo, &query))?.map_err(|damage| damage.to_string());
    Ok(found
        .map(|found| found.into_iter().find(|group| group.fingerprint.to_string() == fingerprint)))
}

/// Why incidents were counted and not captured.
fn words(why: Suppression) -> &'static str {
    match why {
        Suppression::Flag => "a flag was off",
        Suppression::Breaker => "too many captures of the site had failed",
        Suppression::Budget => "there were too many of the site",
        Suppression::Schedule => "it was not their turn",
        Suppression::NoPage => "no page was at hand",
    }
}

/// What is told of a group.
pub(super) fn group(group: &Group) -> Markup {
    let suppressed: Vec<String> = group
        .suppressed
        .iter()
        .map(|(why, count)| format!("{}: {}", number(*count), words(*why)))
        .collect();
    html! {
        (figures([
            ("met in all", number(group.count)),
            ("captured", number(group.captured)),
            ("capture failed", number(group.failed)),
        ]))
        (facts([
            ("Group", code(&group.fingerprint.to_string())),
            ("In common", line(&group.message)),
            ("First met", moment(group.first_at)),
            ("Last met", moment(group.last_at)),
            ("Only counted", match suppressed.is_empty() {
                true => html! { "none" },
                false => line(&suppressed.join(", ")),
            }),
            ("Last captured", match &group.last_version {
                Some(version) => code(version.as_str()),
                None => html! { "never" },
            }),
        ]))
    }
}

/// The section's body.
pub(super) fn body(history: &History) -> Markup {
    let of = |tone: Tone| history.snapshots.iter().filter(|one| tone_of(one) == tone).count();
    let [good, warn, bad] = [Tone::Good, Tone::Warn, Tone::Bad].map(|tone| of(tone) as u64);
    let whole = history.snapshots.len() as u64;
    html! {
        @if let Some(damage) = &history.damage {
            (notice(Tone::Bad, html! { "What else is here can't be told: " (line(damage)) }))
        }
        @if whole < 2 {
            p { "This is the only snapshot of this place." }
        } @else {
            p {
                (count(whole, "snapshot")) " of this place"
                @if history.more.contains(&true) { ", those next to this one" }
                ": " (number(good)) " whole, " (number(warn)) " in part, " (number(bad))
                " failed or taken of an incident."
                @if let Some(good) = history.last_good().filter(|_| tone_of(&history.snapshots[history.here]) != Tone::Good) {
                    " The last good one before this is " (code(good.version.as_str())) ", taken "
                    (moment(good.created_at)) "."
                }
            }
            (chart(history))
            (folded(html! { "The snapshots as a table" }, rows(history)))
        }
    }
}

/// A bar for each stretch of time, with what became of the snapshots in it.
fn chart(history: &History) -> Markup {
    let times = history.snapshots.iter().map(|one| one.created_at.micros());
    let (first, last) = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
    let span = (last - first).max(1) as f64;
    let bar_of = |time: Time| {
        let share = (time.micros() - first) as f64 / span;
        ((share * BARS as f64) as usize).min(BARS - 1)
    };
    let tones = [Tone::Good, Tone::Warn, Tone::Bad];
    let mut bars = [[0u32; 3]; BARS];
    for one in &history.snapshots {
        let tone = tone_of(one);
        let at = tones.iter().position(|known| *known == tone).unwrap_or(0);
        bars[bar_of(one.created_at)][at] += 1;
    }
    let highest = bars.iter().map(|bar| bar.iter().sum::<u32>()).max().unwrap_or(1).max(1);
    let (width, height) = (20.0, 90.0);
    let here = bar_of(history.snapshots[history.here].created_at) as f64;
    html! {
        figure {
            svg.chart.spread viewBox={ "0 0 " (width * BARS as f64) " " (height + 10.0) }
                preserveAspectRatio="none" role="img" aria-labelledby="chart-title chart-desc" {
                title id="chart-title" { "Snapshots of this place over time" }
                desc id="chart-desc" {
                    "Bars from " (short(first, span)) " to " (short(last, span)) ", at most "
                    (highest) " in one. The table below tells each."
                }
                rect.fill-line x="0" y=(height) width=(width * BARS as f64) height="1" {}
                @for (at, bar) in bars.iter().enumerate() {
                    @let mut top = height;
                    @for (tone, many) in tones.iter().zip(bar) {
                        @if *many > 0 {
                            @let tall = (f64::from(*many) / f64::from(highest) * (height - 4.0)).max(3.0);
                            @let from = { top -= tall; top };
                            rect class={ "fill-" (tone.class()) } x=(at as f64 * width + 3.0)
                                y={ (format!("{from:.1}")) } width=(width - 6.0)
                                height={ (format!("{tall:.1}")) } {}
                        }
                    }
                }
                rect.fill-here x=(here * width + 1.0) y=(height + 4.0) width=(width - 2.0) height="5" {}
            }
            div.ends { span { (short(first, span)) } span { (short(last, span)) } }
            figcaption.key {
                span { i.good {} "whole" } span { i.warn {} "in part" }
                span { i.bad {} "failed or an incident" } span { i.here {} "this one" }
            }
        }
    }
}

/// A moment to the minute, or to the second where the chart spans less than two hours.
fn short(micros: i64, span: f64) -> String {
    let text = Time::from_micros(micros).map(|time| time.to_string()).unwrap_or_default();
    let end = if span < 7.2e9 { 19 } else { 16 };
    text.get(..end).unwrap_or_default().replace('T', " ")
}

/// The snapshots next to this one, the newest first.
fn rows(history: &History) -> Markup {
    let from = history.here.saturating_sub(ROWS_MAX / 2);
    let end = (from + ROWS_MAX).min(history.snapshots.len());
    let from = end.saturating_sub(ROWS_MAX);
    let columns = [
        Column::text("Version"),
        Column::text("Taken"),
        Column::text("How"),
        Column::number("Size"),
        Column::wide("Description"),
    ];
    let row = |(at, one): (usize, &Snapshot)| {
        let is_here = at == history.here;
        let row = Row::of(vec![
            html! { (code(one.version.as_str())) @if is_here { " " (badge(Tone::Here, "this one")) } },
            moment(one.created_at),
            badge(tone_of(one), &word_of(one)),
            html! { (size(one.bytes())) },
            line(one.description.as_deref().unwrap_or_default()),
        ]);
        if is_here { row.toned(Tone::Here) } else { row }
    };
    let shown = history.snapshots.iter().enumerate().skip(from).take(end - from).rev();
    html! {
        (table("Snapshots of this place, the newest first", &columns, shown.map(row)))
        @if end - from < history.snapshots.len() || history.more.contains(&true) {
            p.cut { "Shown are the " (end - from) " next to this one. All: tintype list --context" }
        }
    }
}
