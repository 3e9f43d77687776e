//! `report`: what a snapshot tells, as one HTML file for people.
//!
//! The file holds everything: it opens from a disk, in mail, among the results of a build, and loads
//! nothing. What is stored came from pages that nobody trusts, so each text is escaped, stored HTML
//! stands in a frame that can do nothing, and the file's policy forbids the rest.
//!
//! ```text
//! shell     the document: policy, style, script, header, navigation     text     texts and numbers
//! parts     badges, notices, facts, tables, tabs, commands              frame    stored HTML
//! evidence  artifacts, each read for itself                             picture  pictures
//! subject   a snapshot, understood: facts, messages, requests           the rest: a section each
//! ```
//!
//! **Invariant:** nothing of a store is trusted: no connection is made and no script runs but the
//! report's own.
//!
//! **Invariant:** any artifact may be missing, damaged, huge, or no text. Then the report says so where
//! it would stand, and shows the rest. What is cut says how much.

mod console;
mod difference;
mod evidence;
mod frame;
mod history;
mod lost;
mod network;
mod overview;
mod parts;
mod picture;
mod problem;
mod shell;
mod subject;
mod text;

use maud::{Markup, html};

pub use self::difference::difference;
pub use self::overview::overview;

use self::history::History;
use self::parts::{Tone, badge};
use self::shell::{Document, Section};
use self::subject::Subject;
use self::text::{code, line, moment, plain};
use crate::error::Result;
use crate::model::context::LEFT_OUT;
use crate::model::id::Version;
use crate::model::snapshot::Snapshot;
use crate::store::Repository;

/// The most bytes of pictures that are put into a report, unless told.
pub const PICTURE_BYTES_MAX: u64 = 24 * 1024 * 1024;

/// What goes into a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The most bytes of pictures that are put into the page. What is over it is named, with the
    /// command that gets it; 0 makes a report without pictures.
    pub picture_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { picture_bytes_max: PICTURE_BYTES_MAX }
    }
}

/// Writes the report of a snapshot: an HTML page in UTF-8 that needs no other file.
///
/// Damage to an artifact is told in it and costs only that artifact. Fails with `NotFound` where the
/// version is not there, with `Corrupt` where what is known of the snapshot itself is damaged, and
/// where the store can't be read.
pub fn snapshot(repo: &Repository, version: &Version, _options: &Options) -> Result<String> {
    let subject = Subject::of(repo, version)?;
    let history = History::around(repo, subject.snapshot())?;
    let group = history::group_of(repo, subject.snapshot())?;
    let sections = vec![
        Section::new("failed", "What failed", problem::body(&subject, &group)),
        Section::new("history", "How often", history::body(&history)),
    ];
    let document = Document {
        title: title(subject.snapshot()),
        kind: "Report",
        heading: heading(&subject),
        lead: lead(subject.snapshot()),
        sections,
        made_at: repo.now(),
    };
    Ok(document.page())
}

/// What a snapshot is called in a window's title.
fn title(snapshot: &Snapshot) -> String {
    format!("{} · {} · Tintype", plain(&snapshot.context.to_string()), snapshot.version)
}

/// What a snapshot is about: what a person said of it, else the page's title, else where it is of.
fn heading(subject: &Subject<'_>) -> Markup {
    let told = [subject.snapshot().description.as_deref(), subject.facts["title"].as_str()];
    let told = told.into_iter().flatten().find(|text| !text.trim().is_empty());
    match told {
        Some(text) => line(text),
        None => line(&subject.snapshot().context.to_string()),
    }
}

/// Where and when a snapshot is of, and how it is.
fn lead(snapshot: &Snapshot) -> Markup {
    html! {
        div.lead {
            (badge(history::tone_of(snapshot), &history::word_of(snapshot)))
            (crumbs(snapshot))
            span { (moment(snapshot.created_at)) " UTC" }
            span { "version " (code(snapshot.version.as_str())) }
            @for tag in snapshot.tags.iter().take(20) { (badge(Tone::Plain, tag.as_str())) }
        }
    }
}

/// The parts of a context, from the site to the function.
fn crumbs(snapshot: &Snapshot) -> Markup {
    let parts = snapshot.context.parts();
    let shown = parts.iter().rposition(|part| part != LEFT_OUT).map_or(1, |last| last + 1);
    html! {
        ol.crumbs aria-label="Context" {
            @for part in &parts[..shown] { li { (line(part)) } }
        }
    }
}
