//! What a page gives, made into a draft.
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
//!
//! **Invariant:** where redaction is on, nothing comes into the draft that did not go through it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::redact::{Redactions, Redactor};
use super::{Facts, Fault, Item, Load, Page, Taken, millis};
use crate::error::{Error, Result};
use crate::model::artifact::{ArtifactStatus, DraftArtifact, MEDIA_BYTES, MEDIA_JSON};
use crate::model::config::{CaptureConfig, FACTS, PagePart};
use crate::model::id::ArtifactName;
use crate::model::snapshot::{DeltaPolicy, Draft, Status};
use crate::model::time::Stopwatch;
use crate::ops::monitor::CAPTURE_MS;

/// The most of the time box that is kept back for what was recorded while the page loaded
/// (console, network), so that a page that eats all the time still leaves its evidence.
const EVIDENCE_RESERVE_MAX: Duration = Duration::from_millis(500);

/// The longest address, reason or description that is kept beside the artifacts, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Takes what `config` asks for of a page and adds it to a draft, which may say already where it
/// belongs, when it was taken, and what else is known of it.
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
pub fn draft_of(
    page: &mut dyn Page,
    draft: Draft,
    config: &CaptureConfig,
    redactor: &Redactor,
) -> Result<Draft> {
    let redactor = config.redact.then_some(redactor);
    let watch = Stopwatch::start();
    let loaded = guarded(|| page.facts()).is_ok_and(|facts| facts.load != Load::Failed);
    let reserve = (config.time_box / 10).min(EVIDENCE_RESERVE_MAX);

    let mut draft = draft;
    if !config.deduplication_enabled {
        draft = draft.delta(DeltaPolicy::Never);
    }
    let mut ledger = Ledger::default();
    for part in config.parts() {
        let step = Stopwatch::start();
        let limit = match part.is_of_the_page() {
            true => config.time_box.saturating_sub(reserve),
            false => config.time_box,
        };
        let left = watch.left_of(limit).min(share(part, config.time_box));
        let outcome = if part.is_of_the_page() && !loaded {
            Outcome::missing(ArtifactStatus::Skipped, "the page did not load")
        } else if left.is_zero() {
            let why = format!("the time box of {} ms had run out", config.time_box.as_millis());
            Outcome::missing(ArtifactStatus::Failed, why)
        } else if part == PagePart::Pdf && redactor.is_some() && ledger.shows_secrets() {
            // Its text is compressed, and what stands in it can't be told from outside.
            let why = "the page shows secrets, and what is printed can't be redacted";
            Outcome::missing(ArtifactStatus::Redacted, why)
        } else {
            let taken = guarded(|| page.take(part, config, left)).unwrap_or(Err(Fault::Panicked));
            outcome_of(part, taken, redactor)
        };
        let took = step.elapsed();
        for artifact in ledger.enter(part, outcome, took, redactor)? {
            draft = draft.artifact(artifact.took(took));
        }
    }

    let facts_watch = Stopwatch::start();
    // Asked for again: taking the parts may have changed them (rescues, dropped events).
    let facts = guarded(|| page.facts()).unwrap_or_default();
    let status = ledger.status(loaded);
    let mut told = facts_told(&facts, status, &ledger, config, watch.elapsed())?;
    if let Some(redactor) = redactor {
        redactor.value(&mut told, &mut Redactions::default());
    }
    let refuse = |why: serde_json::Error| Error::invalid("facts", "", why.to_string());
    let content = serde_json::to_vec_pretty(&told).map_err(refuse)?;
    let name = FACTS.parse::<ArtifactName>()?;
    let artifact = DraftArtifact::stored(name, MEDIA_JSON, content)?;
    // As they were redacted.
    let text = |name: &str| clipped(told[name].as_str().unwrap_or_default().to_owned());
    let mut draft = draft.info("url", text("url"));
    if facts.load_error.is_some() && draft.description.is_none() {
        draft = draft.describe(text("load_error"));
    }
    if let Some(http_status) = facts.http_status {
        draft = draft.info("http_status", http_status);
    }
    draft = draft.info(CAPTURE_MS, millis(watch.elapsed()));
    Ok(draft.artifact(artifact.took(facts_watch.elapsed())).status(status))
}

/// What became of one part.
enum Outcome {
    Items(Vec<(Item, Redactions)>),
    Missing(ArtifactStatus, String),
}

impl Outcome {
    fn missing(status: ArtifactStatus, why: impl Into<String>) -> Self {
        Outcome::Missing(status, why.into())
    }
}

fn outcome_of(part: PagePart, taken: Result<Taken, Fault>, redactor: Option<&Redactor>) -> Outcome {
    let items = match taken {
        Ok(Taken::Content(content)) => vec![Item {
            name: part.artifact_name().to_owned(),
            media_type: part.media_type().to_owned(),
            content,
            detail: Value::Null,
        }],
        Ok(Taken::Several(items)) => items,
        Ok(Taken::Nothing(why)) => return Outcome::missing(ArtifactStatus::Empty, why),
        Ok(Taken::Withheld(why)) => return Outcome::missing(ArtifactStatus::Redacted, why),
        Err(fault) => return Outcome::missing(ArtifactStatus::Failed, fault.to_string()),
    };
    if items.is_empty() || items.iter().any(|item| item.content.is_empty()) {
        return Outcome::missing(ArtifactStatus::Failed, Fault::Empty.to_string());
    }
    let mut kept = Vec::new();
    for mut item in items {
        let mut redactions = Redactions::default();
        if let Some(redactor) = redactor {
            let content = std::mem::take(&mut item.content);
            let redacted = guarded(|| redactor.content(&item.media_type, content, &mut redactions));
            match redacted {
                Ok(Ok(content)) => item.content = content,
                Ok(Err(why)) => return Outcome::missing(ArtifactStatus::Redacted, why),
                Err(_) => {
                    let why = "redacting it panicked, and nothing unredacted is kept";
                    return Outcome::missing(ArtifactStatus::Redacted, why);
                }
            }
            redactor.value(&mut item.detail, &mut redactions);
        }
        kept.push((item, redactions));
    }
    Outcome::Items(kept)
}

/// The most of the time box that one part may take, so that the first that hangs leaves time for
/// the next.
fn share(part: PagePart, time_box: Duration) -> Duration {
    match part {
        PagePart::FullPng | PagePart::Console | PagePart::Network => time_box,
        PagePart::Html => time_box * 4 / 10,
        _ => time_box * 3 / 10,
    }
}

/// Cuts a text that a page may have made as long as it likes.
fn clipped(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push('…');
    }
    text
}

/// Runs what a `Page` does, so that a mistake in it costs no more than this one thing.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Fault::Panicked)
}

/// What became of each part that was asked for.
#[derive(Default)]
struct Ledger {
    lines: Vec<Value>,
    names: BTreeSet<String>,
    page_parts_asked: usize,
    page_parts_had: usize,
    failures: usize,
    redactions: Redactions,
}

impl Ledger {
    /// Writes what became of a part, and gives its artifacts.
    fn enter(
        &mut self,
        part: PagePart,
        outcome: Outcome,
        took: Duration,
        redactor: Option<&Redactor>,
    ) -> Result<Vec<DraftArtifact>> {
        self.page_parts_asked += usize::from(part.is_of_the_page());
        match outcome {
            Outcome::Items(items) => {
                self.page_parts_had += usize::from(part.is_of_the_page());
                let mut artifacts = Vec::new();
                for (mut item, redactions) in items {
                    let bytes = item.content.len();
                    let artifact = match self.artifact(&mut item) {
                        Ok(artifact) => artifact,
                        Err(why) => {
                            self.fail(&item.name, &why.to_string(), took);
                            continue;
                        }
                    };
                    let mut line = json!({
                        "name": item.name,
                        "status": ArtifactStatus::Stored.as_str(),
                        "bytes": bytes,
                        "took_ms": millis(took),
                    });
                    if !redactions.is_empty() {
                        line["redacted"] = json!(redactions);
                    }
                    if !item.detail.is_null() {
                        line["detail"] = item.detail;
                    }
                    self.lines.push(line);
                    self.redactions += redactions;
                    artifacts.push(artifact);
                }
                Ok(artifacts)
            }
            Outcome::Missing(status, why) => {
                let why = match redactor {
                    Some(redactor) => redactor.text(&why, &mut self.redactions),
                    None => why,
                };
                let why = clipped(why);
                if status == ArtifactStatus::Failed {
                    log::warn!("capture: {}: {why}", part.artifact_name());
                }
                self.failures += usize::from(status == ArtifactStatus::Failed);
                self.lines.push(json!({
                    "name": part.artifact_name(),
                    "status": status.as_str(),
                    "reason": why,
                    "took_ms": millis(took),
                }));
                // That there was no frame and no body needs no artifact to say it.
                let several = matches!(part, PagePart::Frames | PagePart::Bodies);
                if several && status == ArtifactStatus::Empty {
                    return Ok(Vec::new());
                }
                let name = part.artifact_name().parse::<ArtifactName>()?;
                self.names.insert(part.artifact_name().to_owned());
                let missing = DraftArtifact::missing(name, part.media_type(), status, Some(why))?;
                Ok(vec![missing])
            }
        }
    }

    /// The artifact of an item; fails where its name is none or is taken.
    fn artifact(&mut self, item: &mut Item) -> Result<DraftArtifact> {
        let name = item.name.parse::<ArtifactName>()?;
        if !self.names.insert(item.name.clone()) {
            return Err(Error::invalid("artifact name", &name, "it is there twice"));
        }
        let content: Arc<[u8]> = std::mem::take(&mut item.content).into();
        // A media type that a server made up is no reason to lose what it sent.
        DraftArtifact::stored(name.clone(), item.media_type.as_str(), Arc::clone(&content))
            .or_else(|_| DraftArtifact::stored(name, MEDIA_BYTES, content))
    }

    fn fail(&mut self, name: &str, why: &str, took: Duration) {
        self.failures += 1;
        self.lines.push(json!({
            "name": clipped(name.to_owned()),
            "status": ArtifactStatus::Failed.as_str(),
            "reason": why,
            "took_ms": millis(took),
        }));
    }

    /// Whether something that was taken of the page had a secret in it.
    fn shows_secrets(&self) -> bool {
        !self.redactions.is_empty()
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

fn facts_told(
    facts: &Facts,
    status: Status,
    ledger: &Ledger,
    config: &CaptureConfig,
    took: Duration,
) -> Result<Value> {
    let refuse = |why: serde_json::Error| Error::invalid("facts", &facts.url, why.to_string());
    let mut value = serde_json::to_value(facts).map_err(refuse)?;
    value["status"] = json!(status.as_str());
    value["config"] = serde_json::to_value(config).map_err(refuse)?;
    value["took_ms"] = json!(millis(took));
    value["redacted"] = json!(ledger.redactions);
    value["ledger"] = Value::from(ledger.lines.clone());
    Ok(value)
}
