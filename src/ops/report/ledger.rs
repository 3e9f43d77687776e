//! What is kept of a snapshot and what is not, with the reason, the size, and the command that gets it.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::history::History;
use super::lacking::get;
use super::parts::{Column, Row, Tone, badge, figures, table};
use super::subject::Subject;
use super::text::{code, line, millis, number, size};
use crate::model::artifact::{Artifact, ArtifactStatus};
use crate::model::id::BlobHash;

/// The most artifacts that are listed.
const ROWS_MAX: usize = 500;

/// The section's body.
pub(super) fn body(subject: &Subject<'_>, history: &History) -> Markup {
    let snapshot = subject.snapshot();
    let told = told(&subject.facts);
    let columns = [
        Column::text("Artifact"),
        Column::text("Status"),
        Column::number("Size"),
        Column::number("In the file"),
        Column::wide("How it is kept, or why it is not; how to get it"),
        Column::number("Took"),
        Column::text("Redacted"),
    ];
    let rows = snapshot.artifacts.iter().take(ROWS_MAX).map(|artifact| {
        let name = artifact.name.as_str();
        let damage = subject.damaged.iter().find(|(damaged, _)| damaged == name);
        let redacted = told.get(name).and_then(|line| redactions(&line["redacted"]));
        let detail = told.get(name).map(|line| &line["detail"]).filter(|detail| !detail.is_null());
        let (tone, word) = match (damage, artifact.status) {
            (Some(_), _) => (Tone::Bad, "damaged"),
            (None, ArtifactStatus::Stored) => (Tone::Good, "stored"),
            (None, ArtifactStatus::Failed) => (Tone::Bad, "failed"),
            (None, ArtifactStatus::Redacted) => (Tone::Warn, "redacted"),
            (None, status) => (Tone::Plain, status.as_str()),
        };
        let here = artifact.hash.is_some();
        let row = Row::of(vec![
            code(name),
            badge(tone, word),
            html! { @if here { (size(artifact.bytes)) } @else { "–" } },
            html! { @if here { (size(artifact.stored)) } @else { "–" } },
            html! {
                @if let Some((_, why)) = damage { (line(why)) ". " }
                @if let Some(reason) = &artifact.reason { (line(reason)) }
                @if let Some(hash) = artifact.hash { (kept(artifact, hash, subject, history)) }
                @if let Some(detail) = detail { " " span.soft { (line(&detail.to_string())) } }
                @if here { div { (get(&snapshot.version, name)) } }
            },
            html! { (artifact.took_ms.map_or("–".to_owned(), |took| millis(took as f64))) },
            html! { (line(redacted.as_deref().unwrap_or("–"))) },
        ]);
        match tone {
            Tone::Bad => row.toned(Tone::Bad),
            _ => row,
        }
    });
    let (bytes, stored) = sums(&snapshot.artifacts);
    let all = redactions(&subject.facts["redacted"]);
    let told_in_figures = [("as given", size(bytes)), ("in the file", size(stored))]
        .into_iter()
        .chain((bytes > 0).then(|| ("saved", saved(bytes, stored))))
        .chain([("artifacts", number(snapshot.artifacts.len() as u64))]);
    html! {
        (figures(told_in_figures))
        @if subject.facts.is_object() {
            p {
                "Redacted: "
                @match (&all, subject.facts["config"]["redact"].as_bool()) {
                    (Some(all), _) => (line(all)),
                    (None, Some(false)) => "nothing, since that was switched off",
                    (None, Some(true)) => "nothing was found to be secret",
                    (None, None) => "nothing is told",
                }
                "."
            }
        }
        p.soft { "Equal content is kept once, whatever holds it." }
        (table("Artifacts, by name", &columns, rows))
        @if snapshot.artifacts.len() > ROWS_MAX {
            p.cut { "Shown are " (ROWS_MAX) " of " (number(snapshot.artifacts.len() as u64)) "." }
        }
        (unkept(subject, &told))
    }
}

/// The lines of the capture's own ledger, by name.
fn told(facts: &Value) -> BTreeMap<&str, &Value> {
    let lines = facts["ledger"].as_array().into_iter().flatten();
    lines.filter_map(|line| Some((line["name"].as_str()?, line))).collect()
}

/// What was asked for and is no artifact: that a page has no frames, say.
fn unkept(subject: &Subject<'_>, told: &BTreeMap<&str, &Value>) -> Markup {
    let is_here = |name: &str| subject.snapshot().artifact(name).is_some();
    let others: Vec<_> = told.iter().filter(|(name, _)| !is_here(name)).take(ROWS_MAX).collect();
    html! {
        @if !others.is_empty() {
            ul.bullets {
                @for (name, told) in others {
                    li {
                        (code(name)) ": " (line(told["status"].as_str().unwrap_or("not told")))
                        @if let Some(reason) = told["reason"].as_str() { ", " (line(reason)) }
                    }
                }
            }
        }
    }
}

/// How content is kept: whole, as a delta, in pieces, and where else it stands.
fn kept(artifact: &Artifact, hash: BlobHash, subject: &Subject<'_>, history: &History) -> Markup {
    let short = |hash: BlobHash| hash.to_string()[..12].to_owned();
    let mut same = subject.snapshot().artifacts.iter().filter(|other| other.hash == Some(hash));
    let twin = same.find(|other| other.name < artifact.name);
    let has_it = |one: &&crate::model::snapshot::Snapshot| {
        one.artifacts.iter().any(|other| other.hash == Some(hash))
    };
    let before = history.snapshots[..history.here].iter().rev().find(has_it);
    html! {
        @if artifact.pieces > 0 {
            "in " (number(artifact.pieces)) " pieces"
        } @else if let Some(base) = artifact.base {
            "delta on " (code(&short(base))) ", depth " (artifact.depth)
        } @else {
            "whole"
        }
        @if let Some(twin) = twin { ", the same as " (code(twin.name.as_str())) }
        @if let Some(before) = before { ", unchanged since " (code(before.version.as_str())) }
        " " span.soft title=(hash.to_string()) { (short(hash)) }
    }
}

/// The bytes as given and in the file; content that stands under two names is kept once.
fn sums(artifacts: &[Artifact]) -> (u64, u64) {
    let bytes = artifacts.iter().map(|artifact| artifact.bytes).sum();
    let once: BTreeMap<_, _> =
        artifacts.iter().filter_map(|artifact| Some((artifact.hash?, artifact.stored))).collect();
    (bytes, once.values().sum())
}

fn saved(bytes: u64, stored: u64) -> String {
    format!("{:.0} %", (1.0 - stored.min(bytes) as f64 / bytes as f64) * 100.0)
}

/// What was taken out, by kind: `3 passwords, 1 token`.
fn redactions(told: &Value) -> Option<String> {
    let kinds = told.as_object().filter(|kinds| !kinds.is_empty())?;
    let kinds = kinds.iter().map(|(kind, many)| format!("{many} × {}", kind.replace('_', " ")));
    Some(kinds.collect::<Vec<_>>().join(", "))
}
