//! One page: opened, loaded, brought back to its senses, captured.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::cdp::{Call, Cdp, PAGE};
use super::socket::Socket;
use super::{backfill, bodies, parts};
use crate::capture::{Facts, Fault, Load, Page, Taken, Viewport};
use crate::format::console;
use crate::format::har::{Backfill, Body, HarPage, Traffic};
use crate::format::protocol::ProtocolEvent;
use crate::model::config::{CaptureConfig, PagePart};
use crate::model::time::{Stopwatch, Time};

/// The longest that a call which the page itself need not answer may take.
const SETUP_CALL_MAX: Duration = Duration::from_secs(10);
/// A page that does not answer for so long is taken to hang in a script.
pub(super) const HANG_AFTER: Duration = Duration::from_millis(1_500);
/// The longest that is waited for title and address, which the browser knows without the page.
const FACTS_CALL_MAX: Duration = Duration::from_secs(1);
/// The longest that is waited for what the record of the network lacks.
const POSTS_CALL_MAX: Duration = Duration::from_secs(1);

/// A browser context with one tab in it. Both go when this goes.
pub(super) struct Tab {
    link: Arc<Socket>,
    context: Value,
    target: String,
}

impl Tab {
    /// Opens an empty tab. A context of its own gives it a window of its own, without which a
    /// tab in the background would not paint.
    pub(super) fn open(link: &Arc<Socket>, within: Duration) -> Result<Self, Fault> {
        let call = |method: &str, params: Value| link.ask(PAGE, method, &params, within);
        let mut made = call("Target.createBrowserContext", json!({ "disposeOnDetach": true }))?;
        let context = made["browserContextId"].take();
        let mut tab = Tab { link: Arc::clone(link), context, target: String::new() };
        let deny = json!({ "behavior": "deny", "browserContextId": tab.context });
        call("Browser.setDownloadBehavior", deny)?;
        let blank = json!({ "url": "about:blank", "browserContextId": tab.context });
        let made = call("Target.createTarget", blank)?;
        tab.target = made["targetId"].as_str().unwrap_or_default().to_owned();
        Ok(tab)
    }

    /// The tab's id.
    pub(super) fn target(&self) -> &str {
        &self.target
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // Nobody waits for the answer; where the browser is gone, so is the tab.
        let asked = json!({ "browserContextId": self.context });
        let _ = self.link.tell(PAGE, "Target.disposeBrowserContext", &asked);
    }
}

/// A page in Chromium. Its tab is closed when this is dropped.
pub struct ChromePage {
    pub(super) cdp: Box<dyn Cdp>,
    pub(super) facts: Facts,
    viewport: Viewport,
    pub(super) frame: String,
    pub(super) loader: String,
    /// The number of the last event that `ChromePage::watch` has looked at.
    pub(super) seen: u64,
    /// What became of bodies, where they were taken.
    bodies: Vec<Body>,
    /// Requests that were made for a capture's sake.
    ours: BTreeSet<String>,
    /// What is known of the time before it was watched.
    backfill: Backfill,
    pub(super) _tab: Tab,
}

impl std::fmt::Debug for ChromePage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChromePage").field("load", &self.facts.load).finish_non_exhaustive()
    }
}

impl ChromePage {
    /// Prepares an empty tab: everything that is to be recorded is switched on before the page
    /// is asked for.
    pub(super) fn attach(cdp: Box<dyn Cdp>, tab: Tab, facts: Facts) -> Result<Self, Fault> {
        let viewport =
            facts.viewport.unwrap_or(Viewport { width: 1280, height: 800, device_scale: 1.0 });
        let (frame, loader) = (String::new(), String::new());
        let mut page = ChromePage {
            cdp,
            facts,
            viewport,
            frame,
            loader,
            seen: 0,
            bodies: Vec::new(),
            ours: BTreeSet::new(),
            backfill: Backfill::default(),
            _tab: tab,
        };
        page.cdp.on(Box::new(|event| match event.method.as_str() {
            "Page.javascriptDialogOpening" => vec![Call {
                session: event.session.clone(),
                method: "Page.handleJavaScriptDialog",
                params: json!({ "accept": false }),
            }],
            _ => Vec::new(),
        }));
        let metrics = json!({
            "width": viewport.width,
            "height": viewport.height,
            "deviceScaleFactor": viewport.device_scale,
            "mobile": false,
        });
        for (method, params) in [
            ("Page.enable", json!({})),
            ("Page.setLifecycleEventsEnabled", json!({ "enabled": true })),
            ("Inspector.enable", json!({})),
            ("Runtime.enable", json!({})),
            ("Log.enable", json!({})),
            ("Emulation.setDeviceMetricsOverride", metrics),
        ] {
            page.cdp.call(method, params, SETUP_CALL_MAX)?;
        }
        bodies::record(&mut *page.cdp, PAGE, SETUP_CALL_MAX)?;
        // Not every browser has it, and nothing hangs on it.
        let kinds = json!({ "eventTypes": ["largest-contentful-paint", "layout-shift"] });
        page.cdp.send(PAGE, "PerformanceTimeline.enable", kinds)?;
        Ok(page)
    }

    /// This page, if it still answers.
    pub(super) fn still_ready(mut self) -> Option<Self> {
        let answer = self.cdp.call("Page.getNavigationHistory", json!({}), FACTS_CALL_MAX);
        answer.is_ok().then_some(self)
    }

    /// Makes sure that the page answers: a script that runs for ever is stopped, once each time.
    fn rouse(&mut self) -> Result<(), Fault> {
        let asked = json!({ "expression": "0", "returnByValue": true });
        match self.cdp.call("Runtime.evaluate", asked, HANG_AFTER) {
            Err(Fault::TimedOut { .. }) => self.stop_script(),
            Err(fault @ (Fault::Crashed | Fault::Gone(_))) => return Err(fault),
            // What it answered is of no interest.
            _ => {}
        }
        Ok(())
    }

    pub(super) fn stop_script(&mut self) {
        let stopped = self.cdp.call("Runtime.terminateExecution", json!({}), HANG_AFTER);
        let what = match stopped {
            Ok(_) => "a script that did not end was stopped".to_owned(),
            Err(fault) => format!("a script that did not end could not be stopped: {fault}"),
        };
        log::debug!("capture: {what}");
        self.facts.rescues.push(what);
    }

    fn events(&mut self) -> Vec<ProtocolEvent> {
        let events = self.cdp.events(0).into_iter().map(|numbered| numbered.event);
        let is_ours = |event: &ProtocolEvent| {
            event.params["requestId"].as_str().is_some_and(|id| self.ours.contains(id))
        };
        events.filter(|event| !is_ours(event)).collect()
    }

    /// Learns what is known of the time before this page was watched.
    pub(super) fn backfill(&mut self, sessions: &[String], until: Option<Time>, within: Duration) {
        self.facts.watched_from_start = false;
        match backfill::backfill(&mut *self.cdp, sessions, until, within) {
            Ok(found) => {
                self.facts.http_status = self.facts.http_status.or(found.http_status);
                self.backfill = found;
            }
            Err(fault) => log::warn!("capture: the page told nothing of its requests: {fault}"),
        }
    }

    fn har(&mut self, within: Duration) -> Vec<u8> {
        let facts = self.facts();
        let traffic = Traffic::of(&self.events());
        let within = within.min(POSTS_CALL_MAX);
        let page = HarPage {
            title: facts.title.filter(|title| !title.is_empty()).unwrap_or(facts.url),
            started: facts.navigated_at,
            browser: facts.browser.unwrap_or_default(),
            bodies: self.bodies.clone(),
            posts: bodies::posts(&mut *self.cdp, traffic.untold_posts(), within),
            backfill: self.backfill.clone(),
        };
        traffic.har(&page).to_string().into_bytes()
    }

    fn take_bodies(&mut self, within: Duration) -> Result<Taken, Fault> {
        let answers = Traffic::of(&self.events()).answers();
        let taken = bodies::take(&mut *self.cdp, answers, within);
        self.bodies = taken.told;
        match (taken.items, taken.fault) {
            (items, _) if !items.is_empty() => Ok(Taken::Several(items)),
            (_, Some(fault)) => Err(fault),
            _ => Ok(Taken::Nothing("no answer has a body of a kind that is taken".to_owned())),
        }
    }

    fn source(&mut self, within: Duration) -> Result<Taken, Fault> {
        let watched = self.facts.watched_from_start;
        bodies::source(&mut *self.cdp, &self.loader, watched, &mut self.ours, within)
    }
}

impl Page for ChromePage {
    fn facts(&mut self) -> Facts {
        let failed = self.facts.load == Load::Failed;
        let history = self.cdp.call("Page.getNavigationHistory", json!({}), FACTS_CALL_MAX);
        if !failed && let Ok(history) = history {
            let at = history["currentIndex"].as_u64().and_then(|at| usize::try_from(at).ok());
            let entry = &history["entries"][at.unwrap_or(usize::MAX)];
            let text = |name: &str| entry[name].as_str().map(str::to_owned);
            self.facts.final_url = text("url").or(self.facts.final_url.take());
            self.facts.title = text("title").or(self.facts.title.take());
        }
        let status = self.events().iter().rev().find_map(|event| {
            let is_document = event.method == "Network.responseReceived"
                && event.params["requestId"] == self.loader.as_str();
            is_document.then(|| event.params["response"]["status"].as_u64())?
        });
        let status = status.and_then(|status| u16::try_from(status).ok());
        self.facts.http_status = status.or(self.facts.http_status);
        self.facts.events_dropped = self.cdp.dropped();
        self.facts.clone()
    }

    fn take(
        &mut self,
        part: PagePart,
        _config: &CaptureConfig,
        within: Duration,
    ) -> Result<Taken, Fault> {
        let watch = Stopwatch::start();
        let viewport = self.viewport;
        match part {
            PagePart::ViewPng => {
                self.rouse()?;
                parts::view_png(&mut *self.cdp, viewport, watch.left_of(within))
            }
            PagePart::Html => {
                self.rouse()?;
                parts::html(&mut *self.cdp, watch.left_of(within))
            }
            PagePart::FullPng => {
                self.rouse()?;
                parts::full_png(&mut *self.cdp, viewport, watch.left_of(within))
            }
            PagePart::Console => {
                let lines = console::lines(&self.events());
                if lines.is_empty() {
                    return Ok(Taken::Nothing("the page said nothing".to_owned()));
                }
                Ok(lines)
            }
            PagePart::Network => Ok(self.har(watch.left_of(within))),
            PagePart::Bodies => return self.take_bodies(within),
            PagePart::Source => return self.source(within),
            _ => Err(Fault::Refused("it is not taken yet".into())),
        }
        .map(Taken::Content)
    }
}
