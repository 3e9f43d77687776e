//! Incidents, captured where they are worth it.
//!
//! An incident goes through: does a trigger match → which group → flag → breaker → budget → schedule →
//! capture. Whatever becomes of it, it is counted in its group, unless nothing matched.
//!
//! **Invariant:** what is stored of an incident, in its group and with a snapshot, has gone through
//! redaction first, and so has what its group is told by.

use serde_json::{Value, json};

use super::recorder::Recorder;
use super::structure;
use super::taken::guarded;
use super::trigger::{Trigger, filled};
use super::{Page, Taken};
use crate::codec::digest::Digest;
use crate::error::Result;
use crate::model::config::{CaptureConfig, PagePart};
use crate::model::context::Context;
use crate::model::flag::{CONTEXT_AWARE_BUNDLES, EVENT_DRIVEN_SNAPSHOTS};
use crate::model::id::Version;
use crate::model::incident::likeness::Likeness;
use crate::model::incident::{Cause, Incident, Suppression};
use crate::model::metric::{Counter, Family};
use crate::model::snapshot::{Draft, INCIDENT, Status};
use crate::model::time::Stopwatch;
use crate::records::incidents::{Claim, Decision, Fingerprint, Question};
use crate::records::metrics::Collector;

use std::sync::Arc;
use std::time::Duration;

/// The longest that a page is asked for its HTML to see what it is made of.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// What became of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was captured, and the snapshot is durable.
    Captured(Version),
    /// It was counted, and not captured.
    Suppressed(Suppression),
    /// No trigger is for it; it was not counted.
    NotMatched,
    /// It was to be captured, and nothing of the page could be had: the snapshot says what is known.
    Failed(Version),
}

impl Outcome {
    /// The snapshot, where there is one.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Outcome::Captured(version) | Outcome::Failed(version) => Some(version),
            Outcome::Suppressed(_) | Outcome::NotMatched => None,
        }
    }

    /// The word for it: `captured`, `suppressed`, `not_matched`, `failed`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::Captured(_) => "captured",
            Outcome::Suppressed(_) => "suppressed",
            Outcome::NotMatched => "not_matched",
            Outcome::Failed(_) => "failed",
        }
    }
}

/// Where the page of an incident is.
enum Source<'s, 'p> {
    Open(&'s mut dyn Page),
    Opened(Box<dyn FnOnce() -> Result<Box<dyn Page + 'p>> + 's>),
    Nothing,
}

/// An incident that a trigger is for.
struct Matched {
    trigger: Arc<dyn Trigger>,
    /// With what was secret taken out.
    incident: Incident,
    context: Context,
}

impl Recorder {
    /// Adds a trigger. It is asked before those that are known, after those that were added before; of
    /// two of one name the later holds.
    ///
    /// Fails with `Invalid` where its name can't be one.
    pub fn register_trigger(&self, trigger: impl Trigger + 'static) -> Result<()> {
        self.triggers().add(Arc::new(trigger))
    }

    /// Counts an incident, and captures the page it was met on where that is due.
    ///
    /// A snapshot of it has in its user info, under `incident`, all that is known of it, its group, which
    /// of the group it is and why it was captured; it carries the tag `incident`.
    ///
    /// Fails where counting or storing fails. A page of which nothing can be had is an
    /// [`Outcome::Failed`].
    ///
    /// ```no_run
    /// # fn f(recorder: &tintype::Recorder, page: &mut dyn tintype::capture::Page) -> tintype::Result<()> {
    /// use tintype::capture::Outcome;
    /// use tintype::model::incident::Incident;
    /// let incident = Incident::selector_failure("shop.example/products".parse()?, ".price");
    /// if let Outcome::Captured(version) = recorder.handle(page, &incident)? {
    ///     println!("see {version}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn handle(&self, page: &mut dyn Page, incident: &Incident) -> Result<Outcome> {
        self.decide(Source::Open(page), incident)
    }

    /// Counts an incident, and opens and captures its page where that is due. Whether the page is made
    /// another way than before can't be seen without opening it, so that is not asked.
    ///
    /// Fails as [`handle`](Recorder::handle) does, and where the page can't be opened: the incident is
    /// counted then.
    pub fn handle_opening<'p>(
        &self,
        incident: &Incident,
        open: impl FnOnce() -> Result<Box<dyn Page + 'p>>,
    ) -> Result<Outcome> {
        self.decide(Source::Opened(Box::new(open)), incident)
    }

    /// Counts an incident that was met without a page.
    pub fn count_incident(&self, incident: &Incident) -> Result<Outcome> {
        self.decide(Source::Nothing, incident)
    }

    /// The group that an incident belongs to; nothing where no trigger is for it.
    pub fn incident_group(&self, incident: &Incident) -> Result<Option<Fingerprint>> {
        let Some(matched) = self.matched(incident)? else { return Ok(None) };
        Ok(Some(Fingerprint::of(&Likeness::of(&matched.incident, &matched.context))))
    }

    fn matched(&self, incident: &Incident) -> Result<Option<Matched>> {
        let Some(trigger) = self.triggers().find(incident) else { return Ok(None) };
        let context = filled(&incident.context, &*trigger)?;
        let mut facts = Value::Object(incident.facts());
        self.redactor().value(&mut facts, &mut Default::default());
        facts["kind"] = json!(incident.cause.kind());
        let facts = facts.as_object_mut().map(std::mem::take).unwrap_or_default();
        let incident = Incident::from_facts(context.clone(), facts)?;
        Ok(Some(Matched { trigger, incident, context }))
    }

    fn decide(&self, source: Source<'_, '_>, incident: &Incident) -> Result<Outcome> {
        let Some(matched) = self.matched(incident)? else { return Ok(Outcome::NotMatched) };
        let site = matched.context.site_name().to_owned();
        let kind = match &matched.incident.cause {
            // The caller's words have no end; a counter has few.
            Cause::Custom { .. } => "custom".to_owned(),
            cause => cause.kind().to_owned(),
        };
        let outcome = self.decide_matched(source, &matched)?;
        let counter = Counter::new(Family::Incidents, &[&kind, outcome.as_str()])?;
        Collector::of(self.repository()).count(&site, &counter, 1);
        Ok(outcome)
    }

    fn decide_matched(&self, mut source: Source<'_, '_>, matched: &Matched) -> Result<Outcome> {
        let Matched { trigger, incident, context } = matched;
        let mut config = trigger.config(incident);
        config.async_save = false;
        let has_page = !matches!(source, Source::Nothing);
        let decision = {
            let mut look = || match &mut source {
                Source::Open(page) => structure_of(&mut **page, &config),
                Source::Opened(_) | Source::Nothing => None,
            };
            let look: &mut dyn FnMut() -> Option<Digest> = &mut look;
            self.incidents().decide(Question {
                incident,
                context,
                trigger: trigger.name(),
                rate: trigger.rate(),
                enabled: self.captures_incidents(context),
                structure: has_page.then_some(look),
            })?
        };
        let claim = match decision {
            Decision::Capture(claim) => *claim,
            Decision::Suppressed(why) => return Ok(Outcome::Suppressed(why)),
        };
        match source {
            Source::Open(page) => self.capture_incident(page, matched, &config, claim),
            Source::Opened(open) => match open() {
                Ok(mut page) => self.capture_incident(&mut *page, matched, &config, claim),
                Err(error) => self.give_back(claim, Suppression::NoPage).and(Err(error)),
            },
            // What has no page is not let through.
            Source::Nothing => self.give_back(claim, Suppression::NoPage),
        }
    }

    /// Whether incidents of a context are captured, rather than counted alone: they are snapshots, so
    /// where none is stored there is none of them.
    fn captures_incidents(&self, context: &Context) -> bool {
        [EVENT_DRIVEN_SNAPSHOTS, CONTEXT_AWARE_BUNDLES].iter().all(|flag| self.is_on(flag, context))
    }

    fn capture_incident(
        &self,
        page: &mut dyn Page,
        matched: &Matched,
        config: &CaptureConfig,
        claim: Claim,
    ) -> Result<Outcome> {
        let begun = Stopwatch::start();
        let drafted = self.incident_draft(matched, &claim).and_then(|draft| {
            let draft = self.draft(page, draft, config)?;
            let html = draft.artifacts().iter().find_map(|artifact| {
                let is_page = artifact.name().as_str() == PagePart::Html.artifact_name();
                artifact.content().filter(|_| is_page)
            });
            let made_of = html.map(structure::of);
            let status = draft.chosen_status().unwrap_or(Status::Complete);
            let stored = self.store(draft, begun)?;
            Ok((stored.map(|receipt| receipt.version), status, made_of))
        });
        match drafted {
            // A flag was put off meanwhile.
            Ok((None, ..)) => self.give_back(claim, Suppression::Flag),
            Ok((Some(version), Status::Complete | Status::Partial, made_of)) => {
                self.incidents().captured(claim, &version, made_of)?;
                Ok(Outcome::Captured(version))
            }
            Ok((Some(version), Status::Minimal | Status::Failed, _)) => {
                self.incidents().failed(claim)?;
                Ok(Outcome::Failed(version))
            }
            Err(error) => {
                if let Err(also) = self.incidents().failed(claim) {
                    log::warn!("capture: that it failed could not be written: {also}");
                }
                Err(error)
            }
        }
    }

    /// Gives up what was to be captured, and was not tried.
    fn give_back(&self, claim: Claim, why: Suppression) -> Result<Outcome> {
        self.incidents().withdrawn(claim, why)?;
        Ok(Outcome::Suppressed(why))
    }

    fn incident_draft(&self, matched: &Matched, claim: &Claim) -> Result<Draft> {
        let Matched { trigger, incident, context } = matched;
        let mut facts = incident.facts();
        facts.insert("trigger".to_owned(), json!(trigger.name()));
        facts.insert("fingerprint".to_owned(), json!(claim.fingerprint));
        facts.insert("occurrence".to_owned(), json!(claim.occurrence));
        facts.insert("why".to_owned(), json!(claim.why));
        let title = Likeness::of(incident, context).title();
        let description = format!("{}: {title}", incident.cause.kind());
        let draft = Draft::new().context(context.clone()).tag(INCIDENT)?;
        Ok(draft.describe(description).info(INCIDENT, Value::Object(facts)))
    }
}

/// What a page is made of, as it stands; nothing where it does not say.
fn structure_of(page: &mut dyn Page, config: &CaptureConfig) -> Option<Digest> {
    match guarded(|| page.take(PagePart::Html, config, LOOK_MAX)) {
        Ok(Ok(Taken::Content(html))) => Some(structure::of(&html)),
        Ok(Ok(Taken::Several(items))) => items.first().map(|item| structure::of(&item.content)),
        _ => None,
    }
}
