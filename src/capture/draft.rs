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

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::{Ledger, clipped};
use super::redact::{Looked, Redactions, Redactor, Seen};
use super::taken::{Outcome, PANICKED, Parts, Step, guarded};
use super::{Facts, Fault, FrameFacts, Load, Page, millis};
use crate::error::{Error, Result};
use crate::model::artifact::{ArtifactStatus, DraftArtifact, MEDIA_JSON};
use crate::model::config::{CaptureConfig, FACTS, PagePart};
use crate::model::id::ArtifactName;
use crate::model::snapshot::{DeltaPolicy, Draft};
use crate::model::time::Stopwatch;
use crate::ops::monitor::CAPTURE_MS;

/// The most of the time box that is kept back for what was recorded while the page loaded
/// (console, network), so that a page that eats all the time still leaves its evidence.
const EVIDENCE_RESERVE_MAX: Duration = Duration::from_millis(500);

/// How often all that was taken is searched for what was secret elsewhere in it.
const SEARCHES_MAX: usize = 6;

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
    let (mut steps, mut seen) = thread::scope(|scope| {
        let mut parts = Parts::new(scope, redactor);
        for part in config.parts() {
            let limit = match part.is_of_the_page() {
                true => config.time_box.saturating_sub(reserve),
                false => config.time_box,
            };
            let mut take = |part: PagePart, asked: bool| {
                let step = Stopwatch::start();
                let left = watch.left_of(limit).min(share(part, config.time_box));
                let outcome = if part.is_of_the_page() && !loaded {
                    Outcome::missing(ArtifactStatus::Skipped, "the page did not load")
                } else if left.is_zero() {
                    let time_box = config.time_box.as_millis();
                    let why = format!("the time box of {time_box} ms had run out");
                    Outcome::missing(ArtifactStatus::Failed, why)
                } else {
                    let taken = guarded(|| page.take(part, config, left));
                    Outcome::of(part, taken.unwrap_or(Err(Fault::Panicked)))
                };
                Step { part, outcome, took: step.elapsed(), asked }
            };
            if part == PagePart::Pdf && redactor.is_some() {
                // What is printed can't be redacted, so what would be printed is looked at.
                for look in LOOKED_AT {
                    if !parts.has(look) {
                        parts.add(take(look, false));
                    }
                }
                if loaded && let Some(why) = shows_secrets(parts.redacted(), config) {
                    let outcome = Outcome::missing(ArtifactStatus::Redacted, why);
                    parts.add(Step { part, outcome, took: Duration::ZERO, asked: true });
                    continue;
                }
            }
            parts.add(take(part, true));
        }
        parts.end()
    });

    let facts_watch = Stopwatch::start();
    // Asked for again: taking the parts may have changed them (rescues, dropped events).
    let facts = guarded(|| page.facts()).unwrap_or_default();
    let mut told = facts_told(&facts, config)?;
    let mut redactions = Redactions::default();
    if let Some(redactor) = redactor {
        let all = guarded(|| {
            redact_all(&mut steps, &mut told, &mut draft, redactor, &mut redactions, &mut seen);
        });
        if all.is_err() {
            // What might not be redacted is not kept; that there was a capture is.
            told = json!({ "status": null, "missing": PANICKED });
            (draft.description, draft.user_info) = (None, Default::default());
            for step in &mut steps {
                step.outcome = Outcome::missing(ArtifactStatus::Redacted, PANICKED);
            }
        }
        let is_lost = |frame: &FrameFacts| frame.missing.is_some();
        let unseen = facts.frames.iter().any(is_lost).then_some(UNSEEN);
        if let Some(why) = shows_secrets(&steps, config).or(unseen) {
            for step in steps.iter_mut().filter(|step| step.part == PagePart::Pdf) {
                if matches!(step.outcome, Outcome::Items(_)) {
                    step.outcome = Outcome::missing(ArtifactStatus::Redacted, why);
                }
            }
        }
    }

    let mut ledger = Ledger::new(redactions);
    for step in steps.into_iter().filter(|step| step.asked) {
        for artifact in ledger.enter(step.part, step.outcome, step.took, redactor, &mut seen) {
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

/// Why a page is not printed of which not all can be looked at.
const UNSEEN: &str = "what would be printed can't be looked at, and might be secret";

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
                return Some(UNSEEN);
            }
            Outcome::Missing(..) => {}
        }
    }
    None
}

/// Redacts what is told of the page and what the caller says of the capture, and all of that and what
/// was taken until nothing secret of the one stands in the other: what was a cookie in a header may
/// stand in a text.
fn redact_all(
    steps: &mut [Step],
    told: &mut Value,
    draft: &mut Draft,
    redactor: &Redactor,
    redactions: &mut Redactions,
    seen: &mut Seen,
) {
    // An error may be quoted, and that quotes an address.
    let description = draft.description.take();
    // What the caller says is not counted: it is not of the page.
    let mut uncounted = Redactions::default();
    let info = std::mem::take(&mut draft.user_info);
    let mut said = json!({ "description": description, "info": info });
    let (mut told_looked, mut said_looked) = (Looked::default(), Looked::default());
    for _ in 0..SEARCHES_MAX {
        let mut lacks = false;
        if told_looked.lacks(seen) {
            redactor.value_of(told, redactions, seen, &mut told_looked);
            lacks = true;
        }
        if said_looked.lacks(seen) {
            redactor.value_of(&mut said, &mut uncounted, seen, &mut said_looked);
            lacks = true;
        }
        for step in steps.iter_mut() {
            if step.outcome.lacks(seen) {
                step.outcome.redact(redactor, seen);
                lacks = true;
            }
        }
        if !lacks {
            break;
        }
    }
    draft.description = said["description"].as_str().map(str::to_owned);
    if let Value::Object(info) = said["info"].take() {
        draft.user_info = info;
    }
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

fn facts_told(facts: &Facts, config: &CaptureConfig) -> Result<Value> {
    let refuse = |why: serde_json::Error| Error::invalid("facts", &facts.url, why.to_string());
    let mut value = serde_json::to_value(facts).map_err(refuse)?;
    value["status"] = Value::Null;
    value["config"] = serde_json::to_value(config).map_err(refuse)?;
    Ok(value)
}
