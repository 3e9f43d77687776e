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
//! **Invariant:** where redaction is on, nothing comes into the draft that did not go through it:
//! not what is taken, not the reasons why something is not, not what the caller says of it. What
//! was found to be secret in one part is looked for in all of them. What can't be redacted is
//! withheld, alone: a page is printed only where nothing that would be printed had to be taken out.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::redact::{Redactions, Redactor, Seen};
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
    let mut seen = Seen::default();
    let mut steps: Vec<Step> = Vec::new();
    for part in config.parts() {
        let limit = match part.is_of_the_page() {
            true => config.time_box.saturating_sub(reserve),
            false => config.time_box,
        };
        let mut take = |part: PagePart, seen: &mut Seen| {
            let step = Stopwatch::start();
            let left = watch.left_of(limit).min(share(part, config.time_box));
            let outcome = if part.is_of_the_page() && !loaded {
                Outcome::missing(ArtifactStatus::Skipped, "the page did not load")
            } else if left.is_zero() {
                let why = format!("the time box of {} ms had run out", config.time_box.as_millis());
                Outcome::missing(ArtifactStatus::Failed, why)
            } else {
                let taken =
                    guarded(|| page.take(part, config, left)).unwrap_or(Err(Fault::Panicked));
                outcome_of(part, taken, redactor, seen)
            };
            Step { part, outcome, took: step.elapsed(), asked: true }
        };
        if part == PagePart::Pdf && redactor.is_some() {
            // What is printed can't be redacted, so what would be printed is looked at.
            for look in LOOKED_AT {
                if !steps.iter().any(|step| step.part == look) {
                    let step = take(look, &mut seen);
                    steps.push(Step { asked: false, ..step });
                }
            }
            if loaded && let Some(why) = shows_secrets(&steps, config) {
                let outcome = Outcome::missing(ArtifactStatus::Redacted, why);
                steps.push(Step { part, outcome, took: Duration::ZERO, asked: true });
                continue;
            }
        }
        let step = take(part, &mut seen);
        steps.push(step);
    }

    let facts_watch = Stopwatch::start();
    // Asked for again: taking the parts may have changed them (rescues, dropped events).
    let facts = guarded(|| page.facts()).unwrap_or_default();
    let mut told = facts_told(&facts, config)?;
    let mut facts_redactions = Redactions::default();
    if let Some(redactor) = redactor {
        redactor.value_seen(&mut told, &mut facts_redactions, &mut seen);
        said_redacted(&mut draft, redactor, &mut seen);
        // Now everything that is secret is known: what was a cookie in a header may stand in a text.
        seen.settle();
        for step in &mut steps {
            look_again(step, redactor, &seen);
        }
        redactor.value_again(&mut told, &mut facts_redactions, &seen);
        if let Some(why) = shows_secrets(&steps, config) {
            for step in steps.iter_mut().filter(|step| step.part == PagePart::Pdf) {
                if matches!(step.outcome, Outcome::Items(_)) {
                    step.outcome = Outcome::missing(ArtifactStatus::Redacted, why);
                }
            }
        }
    }

    let mut ledger = Ledger { redactions: facts_redactions, ..Ledger::default() };
    for step in steps.into_iter().filter(|step| step.asked) {
        for artifact in ledger.enter(step.part, step.outcome, step.took, redactor, &seen) {
            draft = draft.artifact(artifact.took(step.took));
        }
    }
    let status = ledger.status(loaded);
    // Counts and names of parts, in which there is no secret.
    told["status"] = json!(status.as_str());
    told["took_ms"] = json!(millis(watch.elapsed()));
    told["redacted"] = json!(ledger.redactions);
    told["ledger"] = Value::from(ledger.lines);
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

/// The parts that tell what would be printed; where one of them can't be had, nothing is printed.
const LOOKED_AT: [PagePart; 4] = [PagePart::Html, PagePart::Frames, PagePart::Text, PagePart::Aria];

/// Why a page may not be printed: what is printed is compressed, and can't be redacted.
fn shows_secrets(steps: &[Step], config: &CaptureConfig) -> Option<&'static str> {
    if !config.mask.is_empty() {
        return Some("what is masked in pictures would be printed");
    }
    let of_the_page = |step: &&Step| LOOKED_AT.contains(&step.part);
    for step in steps.iter().filter(of_the_page) {
        // The text and the tree only tell what the fields hold beside what the HTML tells.
        let needed = matches!(step.part, PagePart::Html | PagePart::Frames);
        match &step.outcome {
            Outcome::Items(items) => {
                if items.iter().any(|kept| kept.withheld.is_some() || kept.redactions.show()) {
                    return Some("the page shows secrets, and what is printed can't be redacted");
                }
            }
            Outcome::Missing(ArtifactStatus::Empty, _) => {}
            Outcome::Missing(..) if needed => {
                return Some("what would be printed can't be looked at, and might be secret");
            }
            Outcome::Missing(..) => {}
        }
    }
    None
}

/// Redacts what the caller says of the capture: a description may quote an error, and that an address.
fn said_redacted(draft: &mut Draft, redactor: &Redactor, seen: &mut Seen) {
    let mut redactions = Redactions::default();
    if let Some(description) = &mut draft.description {
        *description = redactor.text(description, &mut redactions);
    }
    let mut said = Value::Object(std::mem::take(&mut draft.user_info));
    redactor.value_seen(&mut said, &mut redactions, seen);
    if let Value::Object(said) = said {
        draft.user_info = said;
    }
}

/// Looks once more at what was taken, for what was secret elsewhere in the capture.
fn look_again(step: &mut Step, redactor: &Redactor, seen: &Seen) {
    let Outcome::Items(items) = &mut step.outcome else { return };
    for kept in items.iter_mut().filter(|kept| kept.withheld.is_none()) {
        let item = &mut kept.item;
        let content = std::mem::take(&mut item.content);
        let again = guarded(|| {
            redactor.content_again(&item.media_type, content, &mut kept.redactions, seen)
        });
        match again {
            Ok(Ok(content)) => item.content = content,
            Ok(Err(why)) => kept.withheld = Some(why),
            Err(_) => kept.withheld = Some(PANICKED.to_owned()),
        }
        redactor.value_again(&mut item.detail, &mut kept.redactions, seen);
    }
}

/// One part, and what became of it.
struct Step {
    part: PagePart,
    outcome: Outcome,
    took: Duration,
    /// Whether it was asked for, and not only looked at.
    asked: bool,
}

/// What became of one part.
enum Outcome {
    Items(Vec<Kept>),
    Missing(ArtifactStatus, String),
}

impl Outcome {
    fn missing(status: ArtifactStatus, why: impl Into<String>) -> Self {
        Outcome::Missing(status, why.into())
    }
}

/// A piece of what was taken, redacted.
struct Kept {
    item: Item,
    redactions: Redactions,
    /// Why nothing of it is kept, where that is so.
    withheld: Option<String>,
}

/// Why something is withheld that could not be redacted.
const PANICKED: &str = "redacting it panicked, and nothing unredacted is kept";

fn outcome_of(
    part: PagePart,
    taken: Result<Taken, Fault>,
    redactor: Option<&Redactor>,
    seen: &mut Seen,
) -> Outcome {
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
        let mut withheld = None;
        if let Some(redactor) = redactor {
            let content = std::mem::take(&mut item.content);
            let redacted =
                guarded(|| redactor.content_seen(&item.media_type, content, &mut redactions, seen));
            match redacted {
                Ok(Ok(content)) => item.content = content,
                Ok(Err(why)) => withheld = Some(why),
                Err(_) => withheld = Some(PANICKED.to_owned()),
            }
            redactor.value_seen(&mut item.detail, &mut redactions, seen);
            item.media_type = redactor.text(&item.media_type, &mut redactions);
        }
        kept.push(Kept { item, redactions, withheld });
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
        seen: &Seen,
    ) -> Vec<DraftArtifact> {
        self.page_parts_asked += usize::from(part.is_of_the_page());
        match outcome {
            Outcome::Items(items) => {
                self.page_parts_had += usize::from(part.is_of_the_page());
                items.into_iter().filter_map(|kept| self.keep(kept, took)).collect()
            }
            Outcome::Missing(status, why) => {
                let why = match redactor {
                    Some(redactor) => redactor.text_again(&why, &mut self.redactions, seen),
                    None => why,
                };
                let (name, media_type) = (part.artifact_name(), part.media_type());
                if status == ArtifactStatus::Failed {
                    log::warn!("capture: {name}: {}", clipped(why.clone()));
                }
                let missing = self.missing(name, media_type, status, why, took);
                // That there was no frame and no body needs no artifact to say it.
                let several = matches!(part, PagePart::Frames | PagePart::Bodies);
                missing
                    .filter(|_| !several || status != ArtifactStatus::Empty)
                    .into_iter()
                    .collect()
            }
        }
    }

    /// Writes that an item was taken, and gives its artifact.
    fn keep(&mut self, kept: Kept, took: Duration) -> Option<DraftArtifact> {
        let Kept { mut item, redactions, withheld } = kept;
        if let Some(why) = withheld {
            return self.missing(&item.name, MEDIA_BYTES, ArtifactStatus::Redacted, why, took);
        }
        let bytes = item.content.len();
        let artifact = match self.artifact(&mut item) {
            Ok(artifact) => artifact,
            Err(why) => {
                let failed = ArtifactStatus::Failed;
                return self.missing(&item.name, MEDIA_BYTES, failed, why.to_string(), took);
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
        Some(artifact)
    }

    /// The artifact of an item; fails where its name is none or is taken.
    fn artifact(&mut self, item: &mut Item) -> Result<DraftArtifact> {
        let name = self.name(&item.name)?;
        let content: Arc<[u8]> = std::mem::take(&mut item.content).into();
        // A media type that a server made up is no reason to lose what it sent.
        DraftArtifact::stored(name.clone(), item.media_type.as_str(), Arc::clone(&content))
            .or_else(|_| DraftArtifact::stored(name, MEDIA_BYTES, content))
    }

    /// A name that no other artifact of this capture has.
    fn name(&mut self, name: &str) -> Result<ArtifactName> {
        let parsed = name.parse::<ArtifactName>()?;
        if !self.names.insert(name.to_owned()) {
            return Err(Error::invalid("artifact name", &parsed, "it is there twice"));
        }
        Ok(parsed)
    }

    /// Writes that there is nothing of this name, and why; gives the artifact that says so where the
    /// name can be one.
    fn missing(
        &mut self,
        name: &str,
        media_type: &str,
        status: ArtifactStatus,
        why: String,
        took: Duration,
    ) -> Option<DraftArtifact> {
        let why = clipped(why);
        self.failures += usize::from(status == ArtifactStatus::Failed);
        self.lines.push(json!({
            "name": clipped(name.to_owned()),
            "status": status.as_str(),
            "reason": why,
            "took_ms": millis(took),
        }));
        let name = self.name(name).ok()?;
        DraftArtifact::missing(name, media_type, status, Some(why)).ok()
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

fn facts_told(facts: &Facts, config: &CaptureConfig) -> Result<Value> {
    let refuse = |why: serde_json::Error| Error::invalid("facts", &facts.url, why.to_string());
    let mut value = serde_json::to_value(facts).map_err(refuse)?;
    value["status"] = Value::Null;
    value["config"] = serde_json::to_value(config).map_err(refuse)?;
    Ok(value)
}
