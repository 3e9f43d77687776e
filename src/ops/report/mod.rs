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
//! lacking   why a part is not there, and how it is got                  layout   JSON to be read
//! subject   a snapshot, understood: facts, messages, requests           the rest: a section each
//! difference/  two snapshots, side by side                              overview/  all of a context
//! ```
//!
//! **Invariant:** nothing of a store is trusted: no connection is made and no script runs but the
//! report's own.
//!
//! **Invariant:** any artifact may be missing, damaged, huge, or no text. Then the report says so where
//! it would stand, and shows the rest. What is cut says how much.

mod commands;
mod console;
mod data;
mod difference;
mod environment;
mod evidence;
mod frame;
mod history;
mod lacking;
mod layout;
mod ledger;
mod lost;
mod network;
mod overview;
mod parts;
mod picture;
mod problem;
mod seen;
mod shell;
mod subject;
mod text;
mod timeline;
mod waterfall;
mod went;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use maud::{Markup, html};

pub use self::difference::difference;
pub use self::overview::overview;

use self::history::History;
use self::parts::{Tone, badge};
use self::picture::Pictures;
use self::problem::Problems;
use self::shell::{Document, Section};
use self::subject::Subject;
use self::text::{code, line, moment, plain};
use crate::error::{Error, Result};
use crate::model::context::LEFT_OUT;
use crate::model::id::Version;
use crate::model::snapshot::Snapshot;
use crate::store::{Repository, file};

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
pub fn snapshot(repo: &Repository, version: &Version, options: &Options) -> Result<String> {
    let subject = Subject::of(repo, version)?;
    let history = History::around(repo, subject.snapshot())?;
    let group = history::group_of(repo, subject.snapshot())?;
    let mut pictures = Pictures::of_at_most(options.picture_bytes_max);
    let problems = Problems::of(&subject);
    let failed = problem::body(&subject, &problems, &group);
    let mut sections = vec![Section::new("failed", "What failed", failed)];
    let mut add = |id, title, body: Option<Markup>| {
        sections.extend(body.map(|body| Section::new(id, title, body)));
    };
    add("selector", "The selector", lost::of(repo, &subject)?.as_ref().map(lost::body));
    add("seen", "What was there", seen::body(&subject, &mut pictures)?);
    add("data", "Data", data::body(repo, &subject, &history, &mut pictures)?);
    add("timeline", "What happened", timeline::body(&subject));
    add("requests", "Requests", waterfall::body(&subject));
    add("history", "How often", Some(history::body(&history)));
    add("ledger", "What is kept", Some(ledger::body(&subject, &history)));
    add("environment", "Environment", environment::body(&subject)?);
    add("commands", "Commands", Some(commands::body(&subject, &history)));
    let document = Document {
        title: title(subject.snapshot()),
        kind: "Report",
        heading: heading(&subject),
        lead: lead(&subject, problems.tone()),
        sections,
        made_at: repo.now(),
    };
    Ok(document.page())
}

/// Writes a page into a file at `path`, whole or not at all, and gives its size in bytes. It is readable
/// for its owner alone, as the store is.
///
/// Fails with `StoreExists` where something stands there; with `over` a file there is replaced, but
/// not the store itself, and nothing that is no file: that fails with `Invalid`.
pub fn write(repo: &Repository, page: &str, path: &Path, over: bool) -> Result<u64> {
    let fill =
        |file: &mut File| file.write_all(page.as_bytes()).map_err(|source| Error::io(path, source));
    if !over {
        return file::create(path, fill);
    }
    if let Ok(there) = path.metadata() {
        let refuse = |why| Err(Error::invalid("file", path.display(), why));
        if !there.is_file() {
            return refuse("something stands there that is no file");
        }
        let same = path.canonicalize().ok().zip(repo.path().canonicalize().ok());
        if same.is_some_and(|(path, store)| path == store) {
            return refuse("it is the store");
        }
    }
    file::replace(path, fill)
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
fn lead(subject: &Subject<'_>, tone: Tone) -> Markup {
    let snapshot = subject.snapshot();
    let is_captured = subject.facts.is_object();
    html! {
        div.lead {
            @match (history::tone_of(snapshot), tone) {
                (Tone::Good, Tone::Bad) => (badge(Tone::Bad, "something failed")),
                (Tone::Good, Tone::Warn) => (badge(Tone::Warn, "with errors")),
                (Tone::Good, _) => (badge(Tone::Good, if is_captured { "captured whole" } else { "complete" })),
                (own, _) => (badge(own, &history::word_of(snapshot))),
            }
            (crumbs(snapshot))
            span { (moment(snapshot.created_at)) " UTC" }
            span { "version " (code(snapshot.version.as_str())) }
            @for tag in snapshot.tags.iter().take(20) { (badge(Tone::Plain, tag.as_str())) }
        }
        @if !subject.url().is_empty() { p.url { (code(subject.url())) } }
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
