//! One page: opened, loaded, brought back to its senses, captured.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::cdp::{Cdp, PAGE};
use super::guard::Guard;
use super::inbox::Call;
use super::parts::{self, Seen, Subject};
use super::replay::{Head, Lines, Recorded, Replay};
use super::running::Running;
use super::sessions::{Sessions, auto_attach};
use super::world::member;
use super::{backfill, bodies};
use crate::capture::{Facts, Fault, Load, Page, Taken, Viewport};
use crate::format::console;
use crate::format::har::{self, Backfill, Body, HarPage, Traffic};
use crate::format::protocol::ProtocolEvent;
use crate::model::config::{CaptureConfig, PagePart};
use crate::model::time::{Clock, Stopwatch, SystemClock, Time};
use crate::store::locked;

/// The longest that a call which the page itself need not answer may take.
const SETUP_CALL_MAX: Duration = Duration::from_secs(10);
/// A page that does not answer for so long is taken to hang in a script.
pub(super) const HANG_AFTER: Duration = Duration::from_millis(1_500);
/// The longest that a page may take to answer after what it hung in was stopped.
const RESCUE_MAX: Duration = Duration::from_millis(500);
/// The part of the time for a part that the first try has; the rest is for a rescue and another.
const FIRST_TRY: (u32, u32) = (2, 3);
/// The longest that is waited for title and address, which the browser knows without the page.
const FACTS_CALL_MAX: Duration = Duration::from_secs(1);
/// The first major version of Chromium whose search is known to look into closed shadow roots (measured
/// in this one; older ones were not looked at).
const SEARCHED_SINCE: u32 = 156;
/// The longest that is waited for what the record of the network lacks.
const POSTS_CALL_MAX: Duration = Duration::from_secs(1);

/// A browser context with one tab in it. Both go when this goes.
pub(super) struct Tab {
    running: Arc<Running>,
    context: Value,
    target: String,
}

impl Tab {
    /// Opens an empty tab. A context of its own gives it a window of its own, without which a
    /// tab in the background would not paint.
    pub(super) fn open(running: &Arc<Running>, within: Duration) -> Result<Self, Fault> {
        let call = |method: &str, params: Value| running.link().ask(PAGE, method, &params, within);
        let made = call("Target.createBrowserContext", json!({ "disposeOnDetach": true }))?;
        let context = member(made, "browserContextId");
        let mut tab = Tab { running: Arc::clone(running), context, target: String::new() };
        running.note_context(tab.context.as_str().unwrap_or_default(), true);
        let deny = json!({ "behavior": "deny", "browserContextId": tab.context });
        call("Browser.setDownloadBehavior", deny)?;
        let blank = json!({ "url": "about:blank", "browserContextId": tab.context });
        let made = call("Target.createTarget", blank)?;
        tab.target = made["targetId"].as_str().unwrap_or_default().to_owned();
        Ok(tab)
    }

    /// The address of its page: `ws://127.0.0.1:41234/devtools/page/8A1F…`.
    pub(super) fn address(&self) -> String {
        format!("{}/devtools/page/{}", self.running.address(), self.target)
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // Nobody waits for the answer; where the browser is gone, so is the tab.
        let asked = json!({ "browserContextId": self.context });
        let _ = self.running.link().tell(PAGE, "Target.disposeBrowserContext", &asked);
        self.running.note_context(self.context.as_str().unwrap_or_default(), false);
    }
}

/// A page in Chromium. Its tab is closed when this is dropped.
pub struct ChromePage {
    pub(super) cdp: Box<dyn Cdp>,
    pub(super) facts: Facts,
    pub(super) viewport: Viewport,
    pub(super) frame: String,
    pub(super) loader: String,
    /// The number of the last event that `ChromePage::step` has looked at.
    pub(super) seen: u64,
    /// What keeps it from private addresses, where it is of a public one.
    pub(super) guard: Option<Arc<Guard>>,
    recording: Option<Lines>,
    /// What became of bodies, where they were taken.
    bodies: Vec<Body>,
    /// Requests that were made for a capture's sake.
    ours: BTreeSet<String>,
    /// What is known of the time before it was watched.
    backfill: Backfill,
    /// The loader of the document that this is of.
    pub(super) backfilled_of: String,
    pub(super) sessions: Sessions,
    frames: Seen,
    /// Whether the page was left hanging when it was last tried to bring it back to its senses.
    stuck: bool,
    /// Whether a script of the page was stopped already.
    hung: bool,
    tab: Option<Tab>,
}

impl std::fmt::Debug for ChromePage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChromePage").field("load", &self.facts.load).finish_non_exhaustive()
    }
}

impl ChromePage {
    /// A page of which nothing is known yet but these facts.
    pub(super) fn over(cdp: Box<dyn Cdp>, tab: Option<Tab>, facts: Facts) -> Self {
        let viewport =
            facts.viewport.unwrap_or(Viewport { width: 1280, height: 800, device_scale: 1.0 });
        let (frame, loader) = (String::new(), String::new());
        ChromePage {
            cdp,
            facts,
            viewport,
            frame,
            loader,
            seen: 0,
            guard: None,
            recording: None,
            bodies: Vec::new(),
            ours: BTreeSet::new(),
            backfill: Backfill::default(),
            backfilled_of: String::new(),
            sessions: Sessions::default(),
            frames: Seen::default(),
            stuck: false,
            hung: false,
            tab,
        }
    }

    /// Prepares an empty tab: everything that is to be recorded is switched on before the page
    /// is asked for.
    pub(super) fn attach(cdp: Box<dyn Cdp>, tab: Tab, facts: Facts) -> Result<Self, Fault> {
        let mut page = ChromePage::over(cdp, Some(tab), facts);
        page.cdp.on(Box::new(|event| match event.method.as_str() {
            "Page.javascriptDialogOpening" => vec![Call {
                session: event.session.clone(),
                method: "Page.handleJavaScriptDialog",
                params: json!({ "accept": false }),
            }],
            _ => Vec::new(),
        }));
        page.switch_on()?;
        let metrics = json!({
            "width": page.viewport.width,
            "height": page.viewport.height,
            "deviceScaleFactor": page.viewport.device_scale,
            "mobile": false,
        });
        page.cdp.call("Emulation.setDeviceMetricsOverride", metrics, SETUP_CALL_MAX)?;
        Ok(page)
    }

    /// Watches the frames in processes of their own and the workers that come from now on.
    pub(super) fn watch_sessions(&mut self) {
        self.cdp.on(self.sessions.reflex(bodies::recording()));
    }

    /// Switches on what is to be recorded.
    pub(super) fn switch_on(&mut self) -> Result<(), Fault> {
        self.watch_sessions();
        match self.cdp.call("Target.setAutoAttach", auto_attach(), SETUP_CALL_MAX) {
            // Other sessions can't be reached on every way.
            Ok(_) | Err(Fault::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
        for (method, params) in [
            ("Page.enable", json!({})),
            ("Page.setLifecycleEventsEnabled", json!({ "enabled": true })),
            ("Inspector.enable", json!({})),
            ("Runtime.enable", json!({})),
            ("Log.enable", json!({})),
        ] {
            self.cdp.call(method, params, SETUP_CALL_MAX)?;
        }
        bodies::record(&mut *self.cdp, PAGE, SETUP_CALL_MAX)?;
        // Not every browser has it, and nothing hangs on it.
        let kinds = json!({ "eventTypes": ["largest-contentful-paint", "layout-shift"] });
        self.cdp.send(PAGE, "PerformanceTimeline.enable", kinds)?;
        Ok(())
    }

    /// The address of its WebSocket, which [`ChromePage::watch_at`] takes, of a page that was opened
    /// here.
    pub fn address(&self) -> Option<String> {
        self.tab.as_ref().map(Tab::address)
    }

    /// Writes down from now on what the browser says, to be [played again](ChromePage::replay).
    pub(super) fn record(&mut self, url: &str, load_timeout: Duration) {
        // Played again, it was gone to at the same time.
        self.facts.navigated_at = Some(SystemClock.now());
        let head = Head::new(self.facts.clone(), Some(url.to_owned()), load_timeout);
        let inner = std::mem::replace(&mut self.cdp, Box::new(Replay::default()));
        let (recorded, lines) = Recorded::new(inner, &head);
        self.cdp = Box::new(recorded);
        self.recording = Some(lines);
    }

    /// What the browser said, where that is written down: [`ChromePage::replay`] reads it. It holds
    /// secrets.
    pub fn recording(&self) -> Option<String> {
        self.recording.as_ref().map(|lines| locked(lines).clone())
    }

    /// This page, if it still answers.
    pub(super) fn still_ready(mut self) -> Option<Self> {
        let answer = self.cdp.call("Page.getNavigationHistory", json!({}), FACTS_CALL_MAX);
        answer.is_ok().then_some(self)
    }

    /// Makes sure that the page answers. Where it does not, a dialog that is open is dismissed, a
    /// script that runs for ever is stopped, and where one was stopped before or it begins again, the
    /// page's scripts are switched off.
    fn rouse(&mut self) -> Result<(), Fault> {
        let first = if self.stuck { RESCUE_MAX } else { HANG_AFTER };
        let Err(Fault::TimedOut { .. }) = self.probe(first)? else {
            self.stuck = false;
            return Ok(());
        };
        let dismiss = json!({ "accept": false });
        let dialog = self.cdp.call("Page.handleJavaScriptDialog", dismiss, RESCUE_MAX);
        if dialog.is_ok() {
            self.facts.rescues.push("a dialog that was open was dismissed".to_owned());
            if self.probe(RESCUE_MAX)?.is_ok() {
                return Ok(());
            }
        }
        // What hangs again after that would do so in the middle of each part.
        if !self.hung {
            self.stop_script();
            if self.probe(RESCUE_MAX)?.is_ok() {
                return Ok(());
            }
        }
        // In this order: a script that begins anew at once would not let the second one through.
        self.cdp.send(PAGE, "Emulation.setScriptExecutionDisabled", json!({ "value": true }))?;
        self.cdp.send(PAGE, "Runtime.terminateExecution", json!({}))?;
        let awake = self.probe(RESCUE_MAX)?;
        self.stuck = awake.is_err();
        self.facts.rescues.push(match &awake {
            Ok(()) => "the page hung again and again, and its scripts were switched off".to_owned(),
            Err(fault) => format!("the page does not answer: {fault}"),
        });
        awake
    }

    /// Asks the page for nothing, to see whether it answers; `Err` where it never will.
    fn probe(&mut self, within: Duration) -> Result<Result<(), Fault>, Fault> {
        let asked = json!({ "expression": "0", "returnByValue": true });
        match self.cdp.call("Runtime.evaluate", asked, within) {
            Err(fault @ Fault::TimedOut { .. }) => Ok(Err(fault)),
            Err(fault @ (Fault::Crashed | Fault::Gone(_))) => Err(fault),
            // What it answered is of no interest.
            _ => Ok(Ok(())),
        }
    }

    pub(super) fn stop_script(&mut self) {
        self.hung = true;
        let stopped = self.cdp.call("Runtime.terminateExecution", json!({}), HANG_AFTER);
        let what = match stopped {
            Ok(_) => "a script that did not end was stopped".to_owned(),
            Err(fault) => format!("a script that did not end could not be stopped: {fault}"),
        };
        log::debug!("capture: {what}");
        self.facts.rescues.push(what);
    }

    /// Takes a part that the page makes, and again where it hung in the middle of that.
    fn take_of_page(
        &mut self,
        part: PagePart,
        config: &CaptureConfig,
        within: Duration,
    ) -> Result<Taken, Fault> {
        let watch = Stopwatch::start();
        self.rouse()?;
        let first = within * FIRST_TRY.0 / FIRST_TRY.1;
        let taken = self.try_to_take(part, config, watch.left_of(first));
        if !matches!(taken, Err(Fault::TimedOut { .. })) {
            return taken;
        }
        self.rouse()?;
        // A tab in the background does not paint.
        self.cdp.send(PAGE, "Page.bringToFront", json!({}))?;
        let again = self.try_to_take(part, config, watch.left_of(within));
        match again {
            Err(Fault::TimedOut { .. }) => Err(Fault::TimedOut { after: watch.elapsed() }),
            other => other,
        }
    }

    fn try_to_take(
        &mut self,
        part: PagePart,
        config: &CaptureConfig,
        within: Duration,
    ) -> Result<Taken, Fault> {
        let searches = self.searches_closed_roots();
        let mut subject = Subject {
            cdp: &mut *self.cdp,
            sessions: &self.sessions,
            viewport: self.viewport,
            searches,
            rescues: &mut self.facts.rescues,
            seen: &mut self.frames,
            worlds: HashMap::new(),
            watch: Stopwatch::start(),
            within,
        };
        let taken = parts::take(&mut subject, part, config);
        if let Err(fault) = &taken {
            log::debug!("capture: {}: {fault}", part.artifact_name());
        }
        self.facts.frames = self.frames.facts();
        taken
    }

    /// The events that are wanted, without those that were made for a capture's sake.
    fn events(&mut self, wanted: fn(&str) -> bool) -> Vec<ProtocolEvent> {
        let events = self.cdp.events(0, &wanted).into_iter().map(|numbered| numbered.event);
        let is_ours = |event: &ProtocolEvent| {
            event.params["requestId"].as_str().is_some_and(|id| self.ours.contains(id))
        };
        events.filter(|event| !is_ours(event)).collect()
    }

    /// Learns what is known of the time before this page was watched.
    pub(super) fn backfill(&mut self, sessions: &[String], until: Option<Time>, within: Duration) {
        match backfill::backfill(&mut *self.cdp, sessions, until, within) {
            Ok(found) => {
                self.facts.http_status = self.facts.http_status.or(found.http_status);
                self.backfill = found;
            }
            Err(fault) => log::warn!("capture: the page told nothing of its requests: {fault}"),
        }
    }

    /// Asks for address and title, which the browser knows without the page, as long as it has one.
    pub(super) fn look_at_title(&mut self) {
        if self.facts.load == Load::Failed {
            return;
        }
        let asked = self.cdp.call("Page.getNavigationHistory", json!({}), FACTS_CALL_MAX);
        let Ok(history) = asked else { return };
        let at = history["currentIndex"].as_u64().and_then(|at| usize::try_from(at).ok());
        let entry = &history["entries"][at.unwrap_or(usize::MAX)];
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        self.facts.final_url = text("url").or(self.facts.final_url.take());
        self.facts.title = text("title").or(self.facts.title.take());
    }

    fn har(&mut self, within: Duration) -> Vec<u8> {
        let facts = self.facts();
        let traffic = Traffic::of(&self.events(har::reads));
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
        let answers = Traffic::of(&self.events(har::reads)).answers();
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

/// The major version in `Chrome/156.0.8078.79`.
fn major(browser: &str) -> Option<u32> {
    browser.split_once('/')?.1.split('.').next()?.parse().ok()
}

impl ChromePage {
    /// Whether the search of this browser is known to look into closed shadow roots, and asking for
    /// it is quick: through the crate each call takes 0.1 s, and there are several.
    fn searches_closed_roots(&self) -> bool {
        let version = self.facts.browser.as_deref().and_then(major);
        version >= Some(SEARCHED_SINCE) && self.cdp.channel() != "crate"
    }
}

impl Page for ChromePage {
    fn facts(&mut self) -> Facts {
        self.facts.channel = Some(self.cdp.channel().to_owned());
        if self.facts.watched_since.is_some() {
            self.look();
        }
        self.look_at_title();
        self.look_after();
        self.facts.events_dropped = self.cdp.dropped();
        self.facts.clone()
    }

    fn take(
        &mut self,
        part: PagePart,
        config: &CaptureConfig,
        within: Duration,
    ) -> Result<Taken, Fault> {
        match part {
            PagePart::Console => {
                let lines = console::lines(&self.events(console::reads));
                if lines.is_empty() {
                    return Ok(Taken::Nothing("the page said nothing".to_owned()));
                }
                Ok(Taken::Content(lines))
            }
            PagePart::Network => Ok(Taken::Content(self.har(within))),
            PagePart::Bodies => self.take_bodies(within),
            PagePart::Source => self.source(within),
            PagePart::FullPng if self.facts.watched_since.is_some() => {
                let taken = self.take_of_page(part, config, within);
                self.bring_back_scroll_bars();
                taken
            }
            _ => self.take_of_page(part, config, within),
        }
    }
}
