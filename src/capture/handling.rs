//! Incidents, captured where they are worth it.
//!
//! An incident goes through: does a trigger match → which group → flag → breaker → budget → schedule →
//! capture. Whatever becomes of it, it is counted in its group, unless nothing matched.
//!
//! **Invariant:** what is stored of an incident, in its group and with a snapshot, has gone through
//! redaction first, and so has what its group is told by.

use serde_json::{Value, json};

use super::draft::draft_of;
use super::recorder::Recorder;
use super::structure;
use super::taken::guarded;
use super::trigger::{Trigger, filled};
use super::{Page, Taken};
use crate::codec::digest::Digest;
use crate::error::Result;
use crate::model::config::{CaptureConfig, PagePart};
use crate::model::context::Context;
use crate::model::id::Version;
use crate::model::incident::likeness::Likeness;
use crate::model::incident::{Incident, Suppression};
use crate::model::snapshot::{Draft, INCIDENT, Status};
use crate::records::incidents::{Claim, Decision, Fingerprint, Question};

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
        self.decide(Some(page), incident)
    }

    /// Counts an incident that was met without a page.
    pub fn count_incident(&self, incident: &Incident) -> Result<Outcome> {
        self.decide(None, incident)
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
        let facts = facts.as_object_mut().map(std::mem::take).unwrap_or_default();
        let incident = Incident::from_facts(context.clone(), facts)?;
        Ok(Some(Matched { trigger, incident, context }))
    }

    fn decide(&self, mut page: Option<&mut dyn Page>, incident: &Incident) -> Result<Outcome> {
        let Some(matched) = self.matched(incident)? else { return Ok(Outcome::NotMatched) };
        let Matched { trigger, incident, context } = &matched;
        let mut config = trigger.config(incident);
        config.async_save = false;
        let decision = {
            let mut look = page.as_deref_mut().map(|page| || structure_of(page, &config));
            self.incidents().decide(Question {
                incident,
                context,
                trigger: trigger.name(),
                rate: trigger.rate(),
                enabled: self.captures_incidents(context),
                structure: look.as_mut().map(|look| look as &mut dyn FnMut() -> Option<Digest>),
            })?
        };
        match (decision, page) {
            (Decision::Suppressed(why), _) => Ok(Outcome::Suppressed(why)),
            (Decision::Capture(claim), Some(page)) => {
                self.capture_incident(page, &matched, &config, claim)
            }
            // What has no page is not let through.
            (Decision::Capture(claim), None) => {
                self.incidents().failed(claim)?;
                Ok(Outcome::Suppressed(Suppression::NoPage))
            }
        }
    }

    /// Whether incidents of a context are captured, rather than counted alone.
    fn captures_incidents(&self, _context: &Context) -> bool {
        true
    }

    fn capture_incident(
        &self,
        page: &mut dyn Page,
        matched: &Matched,
        config: &CaptureConfig,
        claim: Claim,
    ) -> Result<Outcome> {
        let drafted = self.incident_draft(matched, &claim).and_then(|draft| {
            let draft = draft_of(page, draft, config, self.redactor())?;
            let html = draft.artifacts().iter().find_map(|artifact| {
                let is_page = artifact.name().as_str() == PagePart::Html.artifact_name();
                artifact.content().filter(|_| is_page)
            });
            let made_of = html.map(structure::of);
            let status = draft.chosen_status().unwrap_or(Status::Complete);
            let version = self.repository().store(draft)?.version;
            Ok((version, status, made_of))
        });
        match drafted {
            Ok((version, Status::Complete | Status::Partial, made_of)) => {
                self.incidents().captured(claim, &version, made_of)?;
                Ok(Outcome::Captured(version))
            }
            Ok((version, Status::Minimal | Status::Failed, _)) => {
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
