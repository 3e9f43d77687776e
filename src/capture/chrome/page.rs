//! One page: opened, loaded, brought back to its senses, captured.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::cdp::{Call, Cdp, PAGE};
use super::parts::{self, Seen, Subject};
use super::sessions::{Sessions, auto_attach};
use super::socket::Socket;
use crate::capture::{Facts, Fault, Load, Page, Taken, Viewport};
use crate::format::console;
use crate::format::har::{self, HarPage};
use crate::format::protocol::ProtocolEvent;
use crate::model::config::{CaptureConfig, PagePart};
use crate::model::time::Stopwatch;

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
/// What the browser may keep of response bodies: in all, and of one.
const BODIES_BYTES_MAX: u64 = 100 * 1024 * 1024;
const BODY_BYTES_MAX: u64 = 20 * 1024 * 1024;

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
    sessions: Sessions,
    frames: Seen,
    /// Whether the page was left hanging when it was last tried to bring it back to its senses.
    stuck: bool,
    _tab: Tab,
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
            sessions: Sessions::default(),
            frames: Seen::default(),
            stuck: false,
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
        // Bodies of requests are not recorded.
        let network = json!({
            "maxTotalBufferSize": BODIES_BYTES_MAX,
            "maxResourceBufferSize": BODY_BYTES_MAX,
            "maxPostDataSize": 0,
        });
        page.cdp.on(page.sessions.reflex(network.clone()));
        for (method, params) in [
            ("Target.setAutoAttach", auto_attach()),
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

    /// Makes sure that the page answers. Where it does not, a dialog that is open is dismissed, a
    /// script that runs for ever is stopped, and where it begins again the page's scripts are
    /// switched off.
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
        self.stop_script();
        if self.probe(RESCUE_MAX)?.is_ok() {
            return Ok(());
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
        let mut subject = Subject {
            cdp: &mut *self.cdp,
            sessions: &self.sessions,
            viewport: self.viewport,
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

    fn events(&mut self) -> Vec<ProtocolEvent> {
        self.cdp.events(0).into_iter().map(|numbered| numbered.event).collect()
    }

    fn har(&mut self) -> Vec<u8> {
        let facts = self.facts();
        let page = HarPage {
            title: facts.title.filter(|title| !title.is_empty()).unwrap_or(facts.url),
            started: facts.navigated_at,
            browser: facts.browser.unwrap_or_default(),
        };
        har::assemble(&self.events(), &page).to_string().into_bytes()
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
        self.facts.http_status = status.and_then(|status| u16::try_from(status).ok());
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
                let lines = console::lines(&self.events());
                if lines.is_empty() {
                    return Ok(Taken::Nothing("the page said nothing".to_owned()));
                }
                Ok(Taken::Content(lines))
            }
            PagePart::Network => Ok(Taken::Content(self.har())),
            PagePart::Source | PagePart::Bodies => {
                Err(Fault::Refused("it is not taken yet".into()))
            }
            _ => self.take_of_page(part, config, within),
        }
    }
}
