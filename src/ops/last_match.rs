//! `last match`: when a selector that finds nothing on a page found something there.
//!
//! A capture that was told of a selector keeps what the browser found with it. Of any other the stored
//! HTML is asked, as [`format::document`](crate::format::document) reads it.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::format::document::{Document, Element, HTML_BYTES_MAX, Query as Css};
use crate::model::config::{FACTS, PagePart};
use crate::model::context::Pattern;
use crate::model::id::{BlobHash, Version};
use crate::model::query::Query;
use crate::model::snapshot::{INCIDENT, Snapshot};
use crate::model::time::Time;
use crate::store::{Repository, View};

/// The most snapshots that are looked at, from the newest back.
pub const SNAPSHOTS_MAX: usize = 500;
/// The most different pages that are parsed for it.
pub const PAGES_MAX: usize = 100;
/// How many snapshots are listed at a time.
const BATCH: usize = 50;
/// The largest `facts.json` that is read, in bytes.
const FACTS_BYTES_MAX: u64 = 8 << 20;

/// What became of looking for the last match of a selector.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LastMatch {
    /// The selector.
    pub selector: String,
    /// The snapshot in which it found something last, where there is one.
    pub found: Option<Match>,
    /// The snapshots that were looked at, the one of `found` among them.
    pub looked_at: usize,
    /// Of these, those that could not be asked: they hold no HTML, or what they hold is damaged or
    /// beyond the limits.
    pub silent: usize,
    /// Whether there are older ones that were not looked at, since there are too many.
    pub limited: bool,
    /// Why stored HTML can't be asked for this selector, where it can't. What browsers found with it
    /// was looked at.
    pub refused: Option<String>,
}

/// A snapshot in which a selector found something.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Match {
    /// Its version.
    pub version: Version,
    /// When it was taken.
    pub created_at: Time,
    /// How many elements the selector found.
    pub count: u64,
    /// Whether the browser said so when the page was captured, rather than the stored HTML now.
    pub by_browser: bool,
    /// The first of the elements in the stored HTML, where that can be asked and has it.
    pub element: Option<Element>,
}

/// The newest snapshot before this one, of the same place whatever the session, in which a selector
/// found something: at most [`SNAPSHOTS_MAX`] are looked at, of one state of the store.
///
/// Fails with `NotFound` where the version is not there or forgotten. What is damaged is passed over
/// and counted.
pub fn last_match(repo: &Repository, version: &Version, selector: &str) -> Result<LastMatch> {
    let css = Css::parse(selector);
    let mut told = LastMatch {
        selector: selector.to_owned(),
        found: None,
        looked_at: 0,
        silent: 0,
        limited: false,
        refused: css.as_ref().err().cloned(),
    };
    let mut search = Search { selector, css: css.ok(), fruitless: HashSet::new() };
    repo.read(|view| {
        let place = Pattern::place_of(&view.get(version)?.context);
        let mut after = version.clone();
        loop {
            let older = Query::context(place.clone()).after(after).limit(BATCH);
            let older = view.find(&older)?;
            for snapshot in &older {
                if told.looked_at == SNAPSHOTS_MAX || search.fruitless.len() == PAGES_MAX {
                    told.limited = true;
                    return Ok(told);
                }
                told.looked_at += 1;
                match search.ask(view, snapshot)? {
                    Answer::Found(found) => {
                        told.found = Some(*found);
                        return Ok(told);
                    }
                    Answer::Nothing => {}
                    Answer::Silent => told.silent += 1,
                }
            }
            match older.last() {
                Some(last) if older.len() == BATCH => after = last.version.clone(),
                _ => return Ok(told),
            }
        }
    })
}

/// What the ledger in the facts of a capture says of an artifact; null where it says nothing.
pub(super) fn ledger_line<'f>(facts: &'f Value, name: &str) -> &'f Value {
    let mut lines = facts["ledger"].as_array().into_iter().flatten();
    lines.find(|line| line["name"] == name).unwrap_or(&Value::Null)
}

enum Answer {
    Found(Box<Match>),
    Nothing,
    /// It can't be asked.
    Silent,
}

struct Search<'s> {
    selector: &'s str,
    /// The selector, where it can be looked for in stored HTML.
    css: Option<Css>,
    /// Pages in which it finds nothing.
    fruitless: HashSet<BlobHash>,
}

impl Search<'_> {
    fn ask(&mut self, view: &View<'_>, snapshot: &Snapshot) -> Result<Answer> {
        let failed = snapshot.user_info.get(INCIDENT).and_then(|incident| incident.get("selector"));
        if failed.and_then(Value::as_str) == Some(self.selector) {
            return Ok(Answer::Nothing);
        }
        let matched = self.matched_by_browser(view, snapshot)?;
        if matched == Some(0) {
            return Ok(Answer::Nothing);
        }
        let page = self.page(view, snapshot)?;
        let found = |count: u64, element: Option<Element>| {
            Answer::Found(Box::new(Match {
                version: snapshot.version.clone(),
                created_at: snapshot.created_at,
                count,
                by_browser: matched.is_some(),
                element,
            }))
        };
        Ok(match (matched, page) {
            (Some(count), Page::Found(_, element)) => found(count, Some(element)),
            (Some(count), _) => found(count, None),
            (None, Page::Found(count, element)) => found(count, Some(element)),
            (None, Page::Nothing) => Answer::Nothing,
            (None, Page::Silent) => Answer::Silent,
        })
    }

    /// How many elements the browser found with this very selector, where it was asked.
    fn matched_by_browser(&self, view: &View<'_>, snapshot: &Snapshot) -> Result<Option<u64>> {
        let part = PagePart::ElementHtml.artifact_name();
        let facts = snapshot.artifact(FACTS).filter(|facts| facts.bytes <= FACTS_BYTES_MAX);
        if snapshot.artifact(part).is_none() || facts.is_none() {
            return Ok(None);
        }
        let Some(facts) = content(view, snapshot, FACTS)? else { return Ok(None) };
        let Ok(facts) = serde_json::from_slice::<Value>(&facts) else { return Ok(None) };
        if facts["config"]["selector"].as_str() != Some(self.selector) {
            return Ok(None);
        }
        let line = ledger_line(&facts, part);
        Ok(match line["status"].as_str() {
            Some("stored") => line["detail"]["matched"].as_u64(),
            // Not even a beginning of the selector was found.
            Some("empty") => Some(0),
            _ => None,
        })
    }

    fn page(&mut self, view: &View<'_>, snapshot: &Snapshot) -> Result<Page> {
        let name = PagePart::Html.artifact_name();
        let (Some(css), Some(page)) = (&self.css, snapshot.artifact(name)) else {
            return Ok(Page::Silent);
        };
        let Some(hash) = page.hash.filter(|_| page.bytes <= HTML_BYTES_MAX as u64) else {
            return Ok(Page::Silent);
        };
        if self.fruitless.contains(&hash) {
            return Ok(Page::Nothing);
        }
        let Some(html) = content(view, snapshot, name)? else { return Ok(Page::Silent) };
        let Ok(document) = Document::parse(&String::from_utf8_lossy(&html)) else {
            return Ok(Page::Silent);
        };
        Ok(match document.find(css) {
            Some(found) => Page::Found(found.count as u64, found.first),
            None => {
                self.fruitless.insert(hash);
                Page::Nothing
            }
        })
    }
}

/// What the stored HTML of a page says.
enum Page {
    Found(u64, Element),
    Nothing,
    Silent,
}

/// The content of an artifact; nothing where it has none or is damaged.
fn content(view: &View<'_>, snapshot: &Snapshot, name: &str) -> Result<Option<Vec<u8>>> {
    match view.content(&snapshot.version, name) {
        Ok(content) => Ok(Some(content)),
        Err(Error::Corrupt(_) | Error::NotFound { .. } | Error::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
