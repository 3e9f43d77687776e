//! Captures of one site, by whoever scrapes it.
//!
//! A [`SiteRecorder`] knows the site, the session and the environment, so that a scraper says no more
//! than the step it is at. A scraper that has one gets its verbs with a line, as a [`Scraper`].

use serde_json::{Map, Value};

use super::Page;
use super::handling::Outcome;
use super::recorder::{Captured, Recorder};
use super::trigger::UNKNOWN;
use crate::error::Result;
use crate::model::config::{CaptureConfig, Environment};
use crate::model::context::{Context, check_part};
use crate::model::incident::Incident;
use crate::model::snapshot::Draft;

/// Why nothing is captured that did not fail.
const ONLY_FAILURES: &str = "in production only failures are captured";
/// The function of a page that was loaded, where nobody says another.
const PAGE_LOAD: &str = "page_load";

/// Captures for one site. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SiteRecorder {
    recorder: Recorder,
    site: String,
    session: String,
    environment: Environment,
}

/// Where a scraper is. What is left out is `unknown`.
///
/// ```
/// use tintype::capture::site::Step;
/// let step = Step::of("products", "list", "read_prices").selector(".price").with("page", 3);
/// assert_eq!(step.module, Some("products"));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step<'s> {
    /// The module of the scraper.
    pub module: Option<&'s str>,
    /// The component of it.
    pub component: Option<&'s str>,
    /// The function.
    pub function: Option<&'s str>,
    /// The selector of the element that it is about.
    pub selector: Option<&'s str>,
    /// What else is known, which becomes user info.
    pub more: Map<String, Value>,
}

impl<'s> Step<'s> {
    /// A step of which the place is known.
    pub fn of(module: &'s str, component: &'s str, function: &'s str) -> Self {
        let [module, component, function] = [module, component, function].map(Some);
        Step { module, component, function, ..Step::default() }
    }

    /// Says which element it is about.
    pub fn selector(self, selector: &'s str) -> Self {
        Step { selector: Some(selector), ..self }
    }

    /// Says more of it.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.more.insert(key.into(), value.into());
        self
    }
}

/// What became of a capture of a page that did not fail.
#[derive(Debug)]
#[must_use = "it says whether it is stored only when it is waited for"]
pub enum Scraped {
    /// It was captured.
    Captured(Captured),
    /// It was not, and why.
    Skipped(&'static str),
}

impl SiteRecorder {
    /// A recorder for a site, in the environment `testing`, of an unknown session.
    ///
    /// Fails with `Invalid` where the site can't be a part of a context.
    pub fn new(recorder: &Recorder, site: &str) -> Result<Self> {
        check_part("site", site)?;
        Ok(SiteRecorder {
            recorder: recorder.clone(),
            site: site.to_owned(),
            session: UNKNOWN.to_owned(),
            environment: Environment::Testing,
        })
    }

    /// The same in another environment.
    pub fn environment(self, environment: Environment) -> Self {
        SiteRecorder { environment, ..self }
    }

    /// The same for a session.
    ///
    /// Fails with `Invalid` where it can't be a part of a context.
    pub fn session(self, session: &str) -> Result<Self> {
        check_part("session", session)?;
        Ok(SiteRecorder { session: session.to_owned(), ..self })
    }

    /// What it stores with.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The context of a step.
    ///
    /// Fails with `Invalid` where a part of it can't be one.
    pub fn context(&self, step: &Step<'_>) -> Result<Context> {
        let told = |part: Option<&str>| Some(part.unwrap_or(UNKNOWN).to_owned());
        Context::from_parts([
            Some(self.site.clone()),
            told(step.module),
            told(step.component),
            Some(self.session.clone()),
            told(step.function),
        ])
    }

    /// Captures a page as it was met, as much as the environment takes; in production nothing is.
    pub fn capture_scraping(&self, page: &mut dyn Page, step: &Step<'_>) -> Result<Scraped> {
        if self.environment == Environment::Production {
            return Ok(Scraped::Skipped(ONLY_FAILURES));
        }
        let config = CaptureConfig::for_environment(self.environment);
        let mode = config.mode();
        let config = config.of(mode, step.selector)?;
        let mut draft = Draft::new().context(self.context(step)?);
        for (key, value) in &step.more {
            draft = draft.info(key, value.clone());
        }
        Ok(Scraped::Captured(self.recorder.capture_as(page, draft, &config)?))
    }

    /// Tells of an error, and captures the page where that is due; see [`Recorder::handle`].
    pub fn capture_failure(
        &self,
        page: &mut dyn Page,
        error_type: &str,
        error_message: &str,
        step: &Step<'_>,
    ) -> Result<Outcome> {
        let mut incident = Incident::failure(self.context(step)?, error_type, error_message);
        if let Some(selector) = step.selector {
            incident = incident.with("selector", selector);
        }
        self.recorder.handle(page, &self.more(incident, step))
    }

    /// Tells that a selector found nothing, and captures the page where that is due; see
    /// [`Recorder::handle`].
    pub fn handle_selector_failure(
        &self,
        page: &mut dyn Page,
        selector: &str,
        step: &Step<'_>,
    ) -> Result<Outcome> {
        let incident = Incident::selector_failure(self.context(step)?, selector);
        self.recorder.handle(page, &self.more(incident, step))
    }

    fn more(&self, mut incident: Incident, step: &Step<'_>) -> Incident {
        let more = step.more.iter().map(|(key, value)| (key.clone(), value.clone()));
        incident.more.extend(more);
        incident
    }
}

/// A scraper that has snapshots taken.
///
/// ```
/// use tintype::capture::site::{Scraper, SiteRecorder};
///
/// struct Shop {
///     snapshots: SiteRecorder,
/// }
///
/// impl Scraper for Shop { fn snapshots(&self) -> &SiteRecorder { &self.snapshots } }
/// ```
pub trait Scraper {
    /// Its recorder.
    fn snapshots(&self) -> &SiteRecorder;

    /// Captures a page that was loaded; the function is `page_load` where none is told. See
    /// [`SiteRecorder::capture_scraping`].
    fn capture_page(&self, page: &mut dyn Page, step: &Step<'_>) -> Result<Scraped> {
        let function = step.function.or(Some(PAGE_LOAD));
        self.snapshots().capture_scraping(page, &Step { function, ..step.clone() })
    }

    /// Tells of an error; see [`SiteRecorder::capture_failure`].
    fn handle_failure(
        &self,
        page: &mut dyn Page,
        error_type: &str,
        error_message: &str,
        step: &Step<'_>,
    ) -> Result<Outcome> {
        self.snapshots().capture_failure(page, error_type, error_message, step)
    }

    /// Tells that a selector found nothing; see [`SiteRecorder::handle_selector_failure`].
    fn handle_selector_failure(
        &self,
        page: &mut dyn Page,
        selector: &str,
        step: &Step<'_>,
    ) -> Result<Outcome> {
        self.snapshots().handle_selector_failure(page, selector, step)
    }
}
