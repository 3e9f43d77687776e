//! What is wrong: the newest failures, open alerts, incidents by what they have in common.

use maud::{Markup, html};

use super::super::parts::{Column, Row, Tone, badge, command, notice, table};
use super::super::text::{code, count, line, moment, number};
use super::tally::{FAILURES_MAX, Failure, Tally};
use crate::error::Corruption;
use crate::model::alert::{Alert, AlertState, Severity};
use crate::ops::monitor::Window;
use crate::records::incidents::Group;

/// The newest failures, with the commands that show them.
pub(super) fn failures(tally: &Tally, window: &Window) -> Markup {
    let columns = [
        Column::text("Version"),
        Column::text("Taken"),
        Column::text("What"),
        Column::text("Where"),
        Column::wide("Said, and how to see it"),
    ];
    let row = |failure: &Failure| {
        let version = failure.version.as_str();
        Row::of(vec![
            code(version),
            moment(failure.created_at),
            match &failure.incident {
                Some(kind) => badge(Tone::Bad, &kind.replace('_', " ")),
                None => badge(Tone::Bad, failure.status.as_str()),
            },
            line(&failure.context.to_string()),
            html! { div.commands {
                span { (line(&failure.said)) }
                (command(&["tintype", "report", version, "-o", "report.html"]))
                (command(&["tintype", "report", version, "--last-good", "-o", "difference.html"]))
            } },
        ])
    };
    let all = tally.count.failed;
    html! {
        @if tally.failures.is_empty() {
            (notice(Tone::Good, html! { p { "None failed, and none was taken of an incident." } }))
        } @else {
            (table("The newest failures and incidents", &columns, tally.failures.iter().map(row)))
            @if all > FAILURES_MAX as u64 {
                p.cut {
                    "Shown are the newest " (FAILURES_MAX) " of " (number(all)) ". Others: "
                    (command(&["tintype", "list", "--context", &window.contexts.to_string(), "--status", "failed"]))
                    " and "
                    (command(&["tintype", "list", "--context", &window.contexts.to_string(), "--tag", "incident"]))
                }
            }
        }
    }
}

/// Alerts that are open, the worst first.
pub(super) fn alerts(
    open: &std::result::Result<Vec<Alert>, Corruption>,
    shown_max: usize,
) -> Markup {
    let open = match open {
        Ok(open) => open,
        Err(damage) => return damaged("Alerts", damage),
    };
    if open.is_empty() {
        return notice(Tone::Good, html! { p { "No alert is open." } });
    }
    let columns = [
        Column::text("Alert"),
        Column::text("Severity"),
        Column::text("State"),
        Column::text("Since"),
        Column::number("Seen"),
        Column::wide("Message, and how to deal with it"),
    ];
    let row = |alert: &Alert| {
        let tone = match alert.severity {
            Severity::Info => Tone::Plain,
            Severity::Warning => Tone::Warn,
            _ => Tone::Bad,
        };
        let id = alert.id.to_string();
        Row::of(vec![
            line(&alert.name),
            badge(tone, alert.severity.as_str()),
            html! { (alert.state.as_str()) },
            moment(alert.fired_at.unwrap_or(alert.active_at)),
            html! { (number(alert.occurrences)) "×" },
            html! { div.commands {
                span { (line(&alert.message)) }
                @match alert.state {
                    AlertState::Firing => (command(&["tintype", "alert", "ack", &id])),
                    AlertState::Acknowledged => (command(&["tintype", "alert", "resolve", &id])),
                    _ => {}
                }
            } },
        ])
    };
    html! {
        (table("Open alerts, the worst first", &columns, open.iter().take(shown_max).map(row)))
        @if open.len() > shown_max {
            p.cut { (count((open.len() - shown_max) as u64, "more alert")) ": " (command(&["tintype", "alert", "list"])) }
        }
    }
}

/// Incidents by what they have in common, those that were met last first.
pub(super) fn groups(
    groups: &std::result::Result<Vec<Group>, Corruption>,
    shown_max: usize,
) -> Markup {
    let groups = match groups {
        Ok(groups) => groups,
        Err(damage) => return damaged("Incidents", damage),
    };
    if groups.is_empty() {
        return html! { p { "No incident was met." } };
    }
    let columns = [
        Column::wide("In common, and how to see the last"),
        Column::text("Kind"),
        Column::text("Where"),
        Column::number("Met"),
        Column::number("Captured"),
        Column::text("First and last"),
    ];
    let row = |group: &Group| {
        Row::of(vec![
            html! { div.commands {
                span { (line(&group.message)) }
                @match &group.last_version {
                    Some(version) => {
                        (command(&["tintype", "report", version.as_str(), "-o", "report.html"]))
                    }
                    None => span.soft { "none was captured" },
                }
            } },
            badge(Tone::Plain, &group.kind.replace('_', " ")),
            line(&group.context.to_string()),
            html! { (number(group.count)) "×" },
            html! { (number(group.captured)) "×" },
            html! { div { (moment(group.first_at)) } div { (moment(group.last_at)) } },
        ])
    };
    html! {
        (table("Groups of incidents that are alike, the one that was met last first", &columns,
            groups.iter().take(shown_max).map(row)))
        @if groups.len() > shown_max {
            p.cut { "There are more than the " (shown_max) " that were met last." }
        }
    }
}

fn damaged(what: &str, damage: &Corruption) -> Markup {
    notice(Tone::Bad, html! { p { (what) " can't be told: " (line(&damage.to_string())) } })
}
