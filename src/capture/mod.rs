//! Pages to snapshots.
//!
//! A [`Page`] is something that stands in a browser, or pretends to: it tells facts about itself
//! and gives its parts. [`draft_of`] asks it for what a [`CaptureConfig`] names, one part after
//! the other, and makes a [`Draft`] of what it got. It stores nothing; the caller does.
//!
//! **Invariant:** what goes wrong with one part is told in that part's line of the ledger and
//! costs no other part.
//!
//! **Invariant:** every draft has `facts.json`, and that holds the ledger: for each part asked
//! for, what became of it.
//!
//! **Invariant:** the taking ends within the time box, as far as the page keeps the deadlines
//! that it is given.
//!
//! **Invariant:** of a page that did not load no HTML and no picture is taken: that would be the
//! browser's own error page.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::model::artifact::{ArtifactStatus, DraftArtifact, MEDIA_JSON};
use crate::model::config::{CaptureConfig, FACTS, PagePart};
use crate::model::context::Context;
use crate::model::id::ArtifactName;
use crate::model::snapshot::{Draft, Status};
use crate::model::time::{Stopwatch, Time};

#[cfg(feature = "chrome")]
pub mod chrome;

/// The most of the time box that is kept back for what was recorded while the page loaded
/// (console, network), so that a page that eats all the time still leaves its evidence.
const EVIDENCE_RESERVE_MAX: Duration = Duration::from_millis(500);

/// A page that can be captured.
///
/// Implemented by `chrome::ChromePage`; tests have one that follows a script.
pub trait Page {
    /// Tells what is known about the page at this moment.
    fn facts(&mut self) -> Facts;

    /// Takes one part, within a deadline.
    ///
    /// Whatever goes wrong is a [`Fault`], which is put on record; the next part is asked for
    /// all the same.
    fn take(&mut self, part: PagePart, within: Duration) -> Result<Taken, Fault>;
}

/// What taking a part came to.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Its content.
    Content(Vec<u8>),
    /// There was nothing to take, and that is no failure; the text says what there was none of.
    Nothing(String),
}

/// Why a part could not be taken. A soft failure: it is put on record with its text.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It took too long.
    #[error("timed out after {} ms", after.as_millis())]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
    },
    /// The page's process crashed.
    #[error("the page crashed")]
    Crashed,
    /// The browser, or the connection to it, is gone.
    #[error("the browser is gone: {0}")]
    Gone(String),
    /// The browser answered with an error.
    #[error("refused by the browser: {0}")]
    Refused(String),
    /// The browser answered without an error and without content.
    #[error("the browser gave empty content")]
    Empty,
    /// It is larger than what is taken.
    #[error("{what} is {size}; the limit is {limit}")]
    TooLarge {
        /// What is too large, with its unit: `the page's height in px`.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The named limit.
        limit: u64,
    },
    /// The browser gave something else than what was asked for.
    #[error("the browser gave something else: {0}")]
    Unfit(String),
    /// The code that takes it failed. That is a mistake in Tintype, or in the caller's `Page`.
    #[error("taking it panicked")]
    Panicked,
}

/// How the loading of a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Its load event came.
    #[default]
    Loaded,
    /// It began, and its load event did not come in time; the page is captured as it stood.
    TimedOut,
    /// There is no page.
    Failed,
}

/// What is known about a page and how it was looked at. Becomes the beginning of `facts.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The address that was asked for.
    pub url: String,
    /// The address that the page has, after redirects.
    pub final_url: Option<String>,
    /// The page's title.
    pub title: Option<String>,
    /// The status of the response that the page was made from.
    pub http_status: Option<u16>,
    /// How the loading ended.
    pub load: Load,
    /// Why there is no page, where there is none.
    pub load_error: Option<String>,
    /// The window's inside.
    pub viewport: Option<Viewport>,
    /// What the page says that it is viewed with.
    pub user_agent: Option<String>,
    /// The browser's name and version.
    pub browser: Option<String>,
    /// What the browser was started with.
    pub arguments: Vec<String>,
    /// Whether the browser's sandbox was on, where that is known.
    pub sandboxed: Option<bool>,
    /// When the address was asked for.
    pub navigated_at: Option<Time>,
    /// What was waited for before anything was taken, in that order.
    pub waits: Vec<Wait>,
    /// What was done to get at a page that did not answer.
    pub rescues: Vec<String>,
    /// How many events of the page were left out of the record, since there were too many.
    pub events_dropped: u64,
}

/// The size of the window's inside, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Viewport {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Device pixels for each CSS pixel.
    pub device_scale: f64,
}

/// Something that was waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What it was: `response`, `load`, `settled`.
    pub what: String,
    /// Whether it came in time.
    pub met: bool,
    /// How long it was waited for, in milliseconds.
    pub took_ms: u64,
}

/// Takes what `config` asks for of a page and makes a draft of it.
///
/// The parts are taken in the order of [`PagePart::ALL`], each within what is left of the time
/// box, then the facts. The draft's status is
///
/// - `complete` where everything that was asked for is stored, or there was nothing to take,
/// - `partial` where something failed,
/// - `minimal` where HTML or pictures were asked for and none could be had,
/// - `failed` where the page did not load.
///
/// A capture that lacks parts is a result, not an error. This fails only where a draft can't be
/// made at all.
pub fn draft_of(page: &mut dyn Page, context: Context, config: &CaptureConfig) -> Result<Draft> {
    let watch = Stopwatch::start();
    let loaded = guarded(|| page.facts()).is_ok_and(|facts| facts.load != Load::Failed);
    let reserve = (config.time_box / 10).min(EVIDENCE_RESERVE_MAX);

    let mut draft = Draft::new().context(context);
    let mut ledger = Ledger::default();
    for part in PagePart::ALL.into_iter().filter(|part| config.parts.contains(part)) {
        let step = Stopwatch::start();
        let limit = match is_of_the_page(part) {
            true => config.time_box.saturating_sub(reserve),
            false => config.time_box,
        };
        let left = watch.left_of(limit).min(share(part, config.time_box));
        let outcome = if is_of_the_page(part) && !loaded {
            Outcome::Missing(ArtifactStatus::Skipped, "the page did not load".into())
        } else if left.is_zero() {
            let why = format!("the time box of {} ms had run out", config.time_box.as_millis());
            Outcome::Missing(ArtifactStatus::Failed, why)
        } else {
            match guarded(|| page.take(part, left)).unwrap_or(Err(Fault::Panicked)) {
                Ok(Taken::Content(content)) if content.is_empty() => {
                    Outcome::Missing(ArtifactStatus::Failed, Fault::Empty.to_string())
                }
                Ok(Taken::Content(content)) => Outcome::Content(content),
                Ok(Taken::Nothing(why)) => Outcome::Missing(ArtifactStatus::Empty, why),
                Err(fault) => {
                    log::warn!("capture: {}: {fault}", part.artifact_name());
                    Outcome::Missing(ArtifactStatus::Failed, fault.to_string())
                }
            }
        };
        let took = step.elapsed();
        ledger.enter(part, &outcome, took);
        let name = part.artifact_name().parse::<ArtifactName>()?;
        let artifact = match outcome {
            Outcome::Content(content) => DraftArtifact::stored(name, part.media_type(), content)?,
            Outcome::Missing(status, why) => {
                DraftArtifact::missing(name, part.media_type(), status, Some(why))?
            }
        };
        draft = draft.artifact(artifact.took(took));
    }

    let facts_watch = Stopwatch::start();
    // Asked for again: taking the parts may have changed them (rescues, dropped events).
    let facts = guarded(|| page.facts()).unwrap_or_default();
    let status = ledger.status(loaded);
    let content = facts_json(&facts, status, &ledger, config, watch.elapsed())?;
    let name = FACTS.parse::<ArtifactName>()?;
    let artifact = DraftArtifact::stored(name, MEDIA_JSON, content)?;
    let mut draft = draft.info("url", facts.url.as_str());
    if let Some(load_error) = &facts.load_error {
        draft = draft.describe(load_error);
    }
    if let Some(http_status) = facts.http_status {
        draft = draft.info("http_status", http_status);
    }
    Ok(draft.artifact(artifact.took(facts_watch.elapsed())).status(status))
}

/// What became of one part.
enum Outcome {
    Content(Vec<u8>),
    Missing(ArtifactStatus, String),
}

/// The most of the time box that one part may take, so that the first that hangs leaves time for
/// the next.
fn share(part: PagePart, time_box: Duration) -> Duration {
    match part {
        PagePart::ViewPng => time_box * 3 / 10,
        PagePart::Html => time_box * 4 / 10,
        PagePart::FullPng | PagePart::Console | PagePart::Network => time_box,
    }
}

/// Whether a part is made by the page itself, rather than recorded about it.
fn is_of_the_page(part: PagePart) -> bool {
    match part {
        PagePart::ViewPng | PagePart::Html | PagePart::FullPng => true,
        PagePart::Console | PagePart::Network => false,
    }
}

/// Runs what a `Page` does, so that a mistake in it costs no more than this one thing.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Fault::Panicked)
}

/// What became of each part that was asked for.
#[derive(Default)]
struct Ledger {
    lines: Vec<Value>,
    page_parts_asked: usize,
    page_parts_had: usize,
    failures: usize,
}

impl Ledger {
    fn enter(&mut self, part: PagePart, outcome: &Outcome, took: Duration) {
        let (status, reason, bytes) = match outcome {
            Outcome::Content(content) => (ArtifactStatus::Stored, None, Some(content.len())),
            Outcome::Missing(status, why) => (*status, Some(why), None),
        };
        self.page_parts_asked += usize::from(is_of_the_page(part));
        self.page_parts_had +=
            usize::from(is_of_the_page(part) && status == ArtifactStatus::Stored);
        self.failures += usize::from(status == ArtifactStatus::Failed);
        let mut line = json!({ "name": part.artifact_name(), "status": status.as_str() });
        if let Some(reason) = reason {
            line["reason"] = json!(reason);
        }
        if let Some(bytes) = bytes {
            line["bytes"] = json!(bytes);
        }
        line["took_ms"] = json!(millis(took));
        self.lines.push(line);
    }

    fn status(&self, loaded: bool) -> Status {
        if !loaded {
            Status::Failed
        } else if self.page_parts_asked > 0 && self.page_parts_had == 0 {
            Status::Minimal
        } else if self.failures > 0 {
            Status::Partial
        } else {
            Status::Complete
        }
    }
}

fn facts_json(
    facts: &Facts,
    status: Status,
    ledger: &Ledger,
    config: &CaptureConfig,
    took: Duration,
) -> Result<Vec<u8>> {
    let refuse = |why: serde_json::Error| Error::invalid("facts", &facts.url, why.to_string());
    let mut value = serde_json::to_value(facts).map_err(refuse)?;
    value["status"] = json!(status.as_str());
    value["time_box_ms"] = json!(millis(config.time_box));
    value["took_ms"] = json!(millis(took));
    value["ledger"] = Value::from(ledger.lines.clone());
    serde_json::to_vec_pretty(&value).map_err(refuse)
}

/// Whole milliseconds, rounded.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from((duration.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}
