//! `report` of two snapshots: what differs between them, to look at.
//!
//! Artifacts are paired and compared as [`compare`] does it, each for itself, so that damage to one
//! costs only that. Texts are shown with what is unchanged folded between.

mod entries;
mod lines;
mod pairs;
mod pictures;
mod values;

use maud::{Markup, html};

use self::pairs::Sides;
use super::history::{tone_of, word_of};
use super::parts::{Column, Row, Tone, badge, command, facts, notice, table};
use super::shell::{Document, Section};
use super::subject::Subject;
use super::text::{code, count, line, moment, plain, size};
use super::{Options, lost};
use crate::error::{Error, Result, What};
use crate::model::id::{ArtifactName, Version};
use crate::ops::compare::{self, Standing};
use crate::store::Repository;

/// Writes what differs between two snapshots, or in one artifact of them: an HTML page in UTF-8 that
/// needs no other file.
///
/// Damage to an artifact is told in it and costs only that artifact. Fails with `NotFound` where a
/// version is not there, or where neither holds the artifact, with `Corrupt` where what is known of a
/// snapshot itself is damaged, and where the store can't be read.
pub fn difference(
    repo: &Repository,
    before: &Version,
    after: &Version,
    artifact: Option<&ArtifactName>,
    options: &Options,
) -> Result<String> {
    let sides = Sides { before: Subject::of(repo, before)?, after: Subject::of(repo, after)? };
    let told = pairs::compared(repo, &sides, artifact, options)?;
    if let (Some(name), []) = (artifact, told.rows.as_slice()) {
        return Err(Error::not_found(What::Artifact, format!("{name} in {before} or {after}")));
    }
    let lost = match artifact {
        None => lost::of(repo, &sides.after)?,
        Some(_) => None,
    };
    let mut sections = Vec::new();
    if let Some(lost) = &lost {
        sections.push(Section::new(
            "selector",
            "The selector",
            html! { (lost::headline(lost)) (lost::body(lost)) },
        ));
    }
    for (id, title, body) in [
        ("pictures", "Pictures", told.pictures),
        ("texts", "Text and HTML", told.texts),
        ("console", "Console", told.console),
        ("requests", "Requests", told.requests),
        ("data", "Data", told.data),
    ] {
        if let Some(body) = body {
            sections.push(Section::new(id, title, body));
        }
    }
    sections.push(Section::new("artifacts", "Artifacts", artifacts(&sides, told.rows)));
    let mut known = compare::fields(sides.before.snapshot(), sides.after.snapshot());
    if artifact.is_some() {
        known.clear();
    }
    if !known.is_empty() || told.facts.is_some() {
        let body = html! {
            @if !known.is_empty() { (values::fields(&known)) }
            @if let Some(facts) = told.facts { (facts) }
        };
        sections.push(Section::new("known", "What is known of them", body));
    }
    let glance = glance(&sides, &told.glance, artifact);
    sections.insert(0, Section::new("summary", "At a glance", glance));
    let document = Document {
        title: format!("{before} → {after} · Tintype"),
        kind: "Difference",
        heading: heading(&sides),
        lead: lead(&sides),
        sections,
        made_at: repo.now(),
    };
    Ok(document.page())
}

/// What the two are of: the page's title or address where it is one page, else where they belong.
fn heading(sides: &Sides<'_>) -> Markup {
    let title =
        |subject: &Subject<'_>| subject.facts["title"].as_str().unwrap_or_default().to_owned();
    let titles = [title(&sides.before), title(&sides.after)];
    let place = sides.after.snapshot().context.to_string();
    match titles {
        [before, after] if before == after && !after.trim().is_empty() => line(&after),
        _ => line(&place),
    }
}

fn lead(sides: &Sides<'_>) -> Markup {
    let side = |word: &str, subject: &Subject<'_>| {
        let snapshot = subject.snapshot();
        html! {
            span.side {
                b { (word) } " " (badge(tone_of(snapshot), &word_of(snapshot))) " "
                (code(snapshot.version.as_str())) " " (moment(snapshot.created_at)) " UTC"
            }
        }
    };
    html! {
        div.lead { (side("Before", &sides.before)) (side("After", &sides.after)) }
    }
}

/// A part of what differs, in a few words.
pub(super) struct Glance {
    /// The section that has more of it.
    pub section: &'static str,
    /// What it is.
    pub title: &'static str,
    /// What became of it.
    pub words: String,
    /// Whether anything differs.
    pub differs: bool,
}

fn glance(sides: &Sides<'_>, parts: &[Glance], artifact: Option<&ArtifactName>) -> Markup {
    let (before, after) = (sides.before.snapshot(), sides.after.snapshot());
    let equal = parts.iter().all(|part| !part.differs);
    let contexts = [before.context.to_string(), after.context.to_string()];
    html! {
        @if before.version == after.version {
            (notice(Tone::Warn, html! { p { "This is one snapshot, compared with itself." } }))
        } @else if equal {
            (notice(Tone::Good, html! { p.big { "No content differs." } }))
        }
        @if contexts[0] != contexts[1] {
            (notice(Tone::Warn, html! {
                p { "They are of different places: " (code(&contexts[0])) " and " (code(&contexts[1])) "." }
            }))
        }
        ul.glance {
            @for part in parts {
                li class=[part.differs.then_some("differs")] {
                    a href={ "#" (part.section) } { (part.title) }
                    span { (plain(&part.words)) }
                }
            }
        }
        (facts([
            ("Apart", html! { (span(after.created_at.micros() - before.created_at.micros())) }),
            ("Only of", match artifact {
                Some(name) => code(name.as_str()),
                None => html! { "all artifacts" },
            }),
            ("Before", addressed(&sides.before)),
            ("After", addressed(&sides.after)),
        ]))
        p {
            "Each by itself: " (command(&["tintype", "report", before.version.as_str(), "-o", "before.html"]))
            " " (command(&["tintype", "report", after.version.as_str(), "-o", "after.html"]))
        }
    }
}

/// Where a snapshot is of.
fn addressed(subject: &Subject<'_>) -> Markup {
    match subject.url() {
        "" => line(&subject.snapshot().context.to_string()),
        url => line(url),
    }
}

/// A stretch of time in words, from microseconds.
fn span(micros: i64) -> String {
    let seconds = micros.unsigned_abs() as f64 / 1e6;
    let words = match seconds {
        short if short < 120.0 => format!("{short:.1} s"),
        minutes if minutes < 7_200.0 => format!("{:.0} min", minutes / 60.0),
        hours if hours < 172_800.0 => format!("{:.1} hours", hours / 3_600.0),
        days => format!("{:.1} days", days / 86_400.0),
    };
    match micros {
        0 => "taken at the same time".to_owned(),
        later if later > 0 => format!("the second {words} later"),
        _ => format!("the second {words} earlier"),
    }
}

/// How a pair stands, as a row of the list of all.
pub(super) struct PairRow {
    /// The artifact's name.
    pub name: String,
    /// How the two stand to each other.
    pub standing: Standing,
    /// The bytes of each, or why it is not there.
    pub sides: [std::result::Result<u64, String>; 2],
    /// What differs, in a few words; why it can't be told, where it can't.
    pub words: std::result::Result<String, String>,
}

/// The word for how two artifacts stand to each other, and its colour.
pub(super) fn standing_words(standing: Standing) -> (Tone, &'static str) {
    match standing {
        Standing::Same => (Tone::Plain, "the same"),
        Standing::Changed => (Tone::Warn, "changed"),
        Standing::Added => (Tone::Here, "new"),
        Standing::Removed => (Tone::Bad, "gone"),
    }
}

fn artifacts(sides: &Sides<'_>, rows: Vec<PairRow>) -> Markup {
    let columns = [
        Column::text("Artifact"),
        Column::text("How"),
        Column::number("Before"),
        Column::number("After"),
        Column::wide("What differs"),
    ];
    let of = |standing: Standing| rows.iter().filter(|row| row.standing == standing).count() as u64;
    let told = format!(
        "{}: {} changed, {} new, {} gone, {} the same",
        count(rows.len() as u64, "artifact"),
        of(Standing::Changed),
        of(Standing::Added),
        of(Standing::Removed),
        of(Standing::Same)
    );
    let side = |side: &std::result::Result<u64, String>| match side {
        Ok(bytes) => html! { (size(*bytes)) },
        Err(why) => html! { span.soft { (line(why)) } },
    };
    let row = |row: PairRow| {
        let (tone, word) = standing_words(row.standing);
        let cells = vec![
            code(&row.name),
            badge(tone, word),
            side(&row.sides[0]),
            side(&row.sides[1]),
            match &row.words {
                Ok(words) => line(words),
                Err(why) => html! { (badge(Tone::Bad, "damaged")) " " (line(why)) },
            },
        ];
        let is_damaged = row.words.is_err();
        let row = Row::of(cells);
        if is_damaged { row.toned(Tone::Bad) } else { row }
    };
    let (before, after) = (sides.before.snapshot(), sides.after.snapshot());
    html! {
        (table(&told, &columns, rows.into_iter().map(row)))
        p {
            "The bytes of one: "
            (command(&["tintype", "get", after.version.as_str(), "--artifact", "NAME"]))
            " · all that differs, for programs: "
            (command(&["tintype", "diff", before.version.as_str(), after.version.as_str(), "--format", "json"]))
        }
    }
}
