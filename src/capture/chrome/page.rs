//! One page: opened, loaded, brought back to its senses, captured.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::cdp::{Cdp, Event};
use super::lock::lock;
use super::socket::Socket;
use super::{console, parts};
use crate::capture::{Facts, Fault, Load, Page, Taken, Viewport, Wait, millis};
use crate::format::har::{self, HarPage};
use crate::model::config::PagePart;
use crate::model::time::{Clock, Stopwatch, SystemClock};

/// The longest that a call which the page itself need not answer may take.
const SETUP_CALL_MAX: Duration = Duration::from_secs(10);
/// The longest that a page is given to settle after its load event: fonts, two frames. It is
/// given this by its own timer, and [`HANG_AFTER`] where it does not even run that.
const SETTLE_MAX: Duration = Duration::from_millis(500);
/// A page that does not answer for so long is taken to hang in a script.
const HANG_AFTER: Duration = Duration::from_millis(1_500);
/// The longest that is waited for title and address, which the browser knows without the page.
const FACTS_CALL_MAX: Duration = Duration::from_secs(1);
/// What the browser may keep of response bodies: in all, and of one.
const BODIES_BYTES_MAX: u64 = 100 * 1024 * 1024;
const BODY_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// The name of the world in which our scripts run, out of reach of the page's.
const WORLD: &str = "tintype";

/// A browser context with one tab in it. Both go when this goes.
pub(super) struct Tab {
    link: Arc<Mutex<Socket>>,
    context: Value,
    target: String,
}

impl Tab {
    /// Opens an empty tab. A context of its own gives it a window of its own, without which a
    /// tab in the background would not paint.
    pub(super) fn open(link: &Arc<Mutex<Socket>>, within: Duration) -> Result<Self, Fault> {
        // Locked for each call alone, so that who closes the browser need not wait for all.
        let call = |method: &str, params: Value| lock(link).call(method, params, within);
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
        let mut socket = lock(&self.link);
        // Nobody waits for the answer; where the browser is gone, so is the tab.
        let asked = json!({ "browserContextId": self.context });
        let _ = socket.send("Target.disposeBrowserContext", asked);
    }
}

/// A page in Chromium. Its tab is closed when this is dropped.
pub struct ChromePage {
    cdp: Box<dyn Cdp>,
    facts: Facts,
    viewport: Viewport,
    frame: String,
    loader: String,
    /// How many events [`ChromePage::watch`] has looked at.
    seen: usize,
    _tab: Tab,
}

impl std::fmt::Debug for ChromePage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChromePage").field("load", &self.facts.load).finish_non_exhaustive()
    }
}

/// What the events of a page say about its loading.
enum Step {
    Going,
    Loaded,
    Failed(String),
}

impl ChromePage {
    /// Prepares an empty tab: everything that is to be recorded is switched on before the page
    /// is asked for.
    pub(super) fn attach(cdp: Box<dyn Cdp>, tab: Tab, facts: Facts) -> Result<Self, Fault> {
        let viewport =
            facts.viewport.unwrap_or(Viewport { width: 1280, height: 800, device_scale: 1.0 });
        let (frame, loader) = (String::new(), String::new());
        let mut page = ChromePage { cdp, facts, viewport, frame, loader, seen: 0, _tab: tab };
        let dialog = "Page.javascriptDialogOpening";
        page.cdp.on(dialog, "Page.handleJavaScriptDialog", json!({ "accept": false }));
        let metrics = json!({
            "width": viewport.width,
            "height": viewport.height,
            "deviceScaleFactor": viewport.device_scale,
            "mobile": false,
        });
        // Bodies of requests are not recorded.
        let network = json!({
            "maxTotalBufferSize": BODIES_BYTES_MAX,
            "maxResourceBufferSize": BODY_BYTES_MAX,
            "maxPostDataSize": 0,
        });
        for (method, params) in [
            ("Page.enable", json!({})),
            ("Page.setLifecycleEventsEnabled", json!({ "enabled": true })),
            ("Inspector.enable", json!({})),
            ("Runtime.enable", json!({})),
            ("Log.enable", json!({})),
            ("Network.enable", network),
            ("Emulation.setDeviceMetricsOverride", metrics),
        ] {
            page.cdp.call(method, params, SETUP_CALL_MAX)?;
        }
        Ok(page)
    }

    /// This page, if it still answers.
    pub(super) fn still_ready(mut self) -> Option<Self> {
        let answer = self.cdp.call("Page.getNavigationHistory", json!({}), FACTS_CALL_MAX);
        answer.is_ok().then_some(self)
    }

    /// Goes to the address and waits for its load event, then until fonts and frames are there.
    pub(super) fn load(&mut self, url: &str, timeout: Duration) {
        let watch = Stopwatch::start();
        self.facts.url = url.to_owned();
        self.facts.navigated_at = Some(SystemClock.now());
        let answer = match self.cdp.call("Page.navigate", json!({ "url": url }), timeout) {
            Ok(answer) => answer,
            Err(fault) => {
                let why = match fault {
                    Fault::TimedOut { after } => {
                        format!("no response within {} ms", after.as_millis())
                    }
                    fault => fault.to_string(),
                };
                self.waited("response", false, watch);
                return self.fail(why);
            }
        };
        self.frame = answer["frameId"].as_str().unwrap_or_default().to_owned();
        self.loader = answer["loaderId"].as_str().unwrap_or_default().to_owned();
        if let Some(why) = answer["errorText"].as_str().filter(|why| !why.is_empty()) {
            self.waited("response", false, watch);
            let what = if answer["isDownload"] == true { ", a download" } else { "" };
            return self.fail(format!("{why}{what}"));
        }
        self.waited("response", true, watch);

        let began = Stopwatch::start();
        let outcome = loop {
            match self.watch() {
                Step::Going => {}
                step => break Ok(step),
            }
            match self.cdp.wait(watch.left_of(timeout)) {
                Ok(true) => {}
                Ok(false) => break Ok(Step::Going),
                Err(fault) => break Err(fault),
            }
        };
        self.waited("load", matches!(outcome, Ok(Step::Loaded)), began);
        match outcome {
            Ok(Step::Loaded) => {}
            Ok(Step::Going) => self.facts.load = Load::TimedOut,
            Ok(Step::Failed(why)) => return self.fail(why),
            Err(fault) => return self.fail(fault.to_string()),
        }
        self.settle();
    }

    /// Looks at the events that came since it was last called for what concerns loading.
    fn watch(&mut self) -> Step {
        let events = self.cdp.events().kept();
        let new = &events[self.seen.min(events.len())..];
        self.seen = events.len();
        let mut step = Step::Going;
        for Event { method, params, .. } in new {
            match method.as_str() {
                // A page may replace itself while it loads.
                "Page.frameNavigated" if params["frame"]["id"] == self.frame.as_str() => {
                    let loader = params["frame"]["loaderId"].as_str().unwrap_or_default();
                    self.loader = loader.to_owned();
                    step = match params["frame"]["unreachableUrl"].is_string() {
                        true => Step::Failed("it leads to an address that can't be had".into()),
                        false => Step::Going,
                    };
                }
                "Page.lifecycleEvent"
                    if params["name"] == "load"
                        && params["frameId"] == self.frame.as_str()
                        && params["loaderId"] == self.loader.as_str()
                        && !matches!(step, Step::Failed(_)) =>
                {
                    step = Step::Loaded;
                }
                _ => {}
            }
        }
        step
    }

    /// Waits until fonts are there and two frames were drawn, in a world of our own.
    fn settle(&mut self) {
        let watch = Stopwatch::start();
        let cap = SETTLE_MAX.as_millis();
        let script = format!(
            "Promise.race([document.fonts.ready.then(() => new Promise(done => \
             requestAnimationFrame(() => requestAnimationFrame(() => done(true))))), \
             new Promise(done => setTimeout(done, {cap}, false))])"
        );
        let asked = json!({ "frameId": self.frame, "worldName": WORLD });
        let settled =
            self.cdp.call("Page.createIsolatedWorld", asked, HANG_AFTER).and_then(|world| {
                let asked = json!({
                    "expression": script,
                    "contextId": world["executionContextId"],
                    "awaitPromise": true,
                    "returnByValue": true,
                });
                self.cdp.call("Runtime.evaluate", asked, HANG_AFTER)
            });
        if matches!(settled, Err(Fault::TimedOut { .. })) {
            self.stop_script();
        }
        let met = settled.is_ok_and(|answer| answer["result"]["value"] == true);
        self.waited("settled", met, watch);
    }

    fn waited(&mut self, what: &str, met: bool, watch: Stopwatch) {
        let took_ms = millis(watch.elapsed());
        self.facts.waits.push(Wait { what: what.to_owned(), met, took_ms });
    }

    fn fail(&mut self, why: String) {
        log::debug!("capture: the page did not load: {why}");
        self.facts.load = Load::Failed;
        self.facts.load_error = Some(why);
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

    fn stop_script(&mut self) {
        let stopped = self.cdp.call("Runtime.terminateExecution", json!({}), HANG_AFTER);
        let what = match stopped {
            Ok(_) => "a script that did not end was stopped".to_owned(),
            Err(fault) => format!("a script that did not end could not be stopped: {fault}"),
        };
        log::debug!("capture: {what}");
        self.facts.rescues.push(what);
    }

    /// Records what came in while nobody looked.
    fn catch_up(&mut self) {
        /// More events than this in one go are left for the next time.
        const EVENTS_AT_ONCE: usize = 10_000;
        for _ in 0..EVENTS_AT_ONCE {
            if !matches!(self.cdp.wait(Duration::ZERO), Ok(true)) {
                return;
            }
        }
    }

    fn har(&mut self) -> Vec<u8> {
        let facts = self.facts();
        let page = HarPage {
            title: facts.title.filter(|title| !title.is_empty()).unwrap_or(facts.url),
            started: facts.navigated_at,
            browser: facts.browser.unwrap_or_default(),
        };
        let events = self.cdp.events().kept();
        let har = har::assemble(events.iter().map(|e| (e.method.as_str(), &e.params)), &page);
        har.to_string().into_bytes()
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
        let events = self.cdp.events();
        let status = events.kept().iter().rev().find_map(|event| {
            let is_document = event.method == "Network.responseReceived"
                && event.params["requestId"] == self.loader.as_str();
            is_document.then(|| event.params["response"]["status"].as_u64())?
        });
        self.facts.http_status = status.and_then(|status| u16::try_from(status).ok());
        self.facts.events_dropped = events.dropped();
        self.facts.clone()
    }

    fn take(&mut self, part: PagePart, within: Duration) -> Result<Taken, Fault> {
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
                self.catch_up();
                let lines = console::lines(self.cdp.events().kept());
                if lines.is_empty() {
                    return Ok(Taken::Nothing("the page said nothing".to_owned()));
                }
                Ok(lines)
            }
            PagePart::Network => {
                self.catch_up();
                Ok(self.har())
            }
        }
        .map(Taken::Content)
    }
}
