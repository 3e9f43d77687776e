//! Pages that somebody else drives: watched as they are, and captured where they stand.
//!
//! **Invariant:** nothing is done to such a page but looking: its window, its dialogs, its network
//! stay its driver's. Only a capture that finds it stuck brings it back to its senses, and says so.
//!
//! **Invariant:** what was said before it was watched is had as far as the browser remembers.

use std::sync::Arc;
use std::time::Duration;

use headless_chrome::browser::tab::Tab as CrateTab;
use serde_json::json;

use super::cdp::{Cdp, PAGE};
use super::page::ChromePage;
use super::replay::Replay;
use super::socket::Socket;
use super::through::Through;
use super::world::evaluate;
use crate::capture::{Facts, Fault, Viewport};
use crate::error::{Error, Result};
use crate::model::time::{Clock, SystemClock};

/// The longest that a question to the page about itself may take.
const ASK_MAX: Duration = Duration::from_secs(2);

impl ChromePage {
    /// Watches a tab that the caller drives with `headless_chrome`, over a connection of its own to
    /// that browser.
    ///
    /// The sooner it is called, the more is seen; on a tab that nobody watched, what the browser
    /// remembers is recovered: all of the console, most of the network.
    ///
    /// ```no_run
    /// use tintype::capture::chrome::{ChromePage, headless_chrome};
    /// use tintype::{CaptureConfig, Recorder, Repository};
    ///
    /// let browser = headless_chrome::Browser::default()?;
    /// let tab = browser.new_tab()?;
    /// let recorder = Recorder::new(&Repository::open("tintype.db")?);
    ///
    /// let mut page = ChromePage::watch(&browser, &tab)?;
    /// tab.navigate_to("https://shop.example/")?.wait_for_element(".price")?;
    /// recorder.capture(&mut page, &"shop.example/prices".parse()?, &CaptureConfig::default())?.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Fails with [`Error::Browser`] where the tab can't be reached.
    pub fn watch(browser: &headless_chrome::Browser, tab: &Arc<CrateTab>) -> Result<Self> {
        // A browser that the crate did not start tells no address.
        match browser.get_ws_url().split_once("/devtools/browser/") {
            Some((host, _)) => {
                ChromePage::watch_at(&format!("{host}/devtools/page/{}", tab.get_target_id()))
            }
            None => ChromePage::watch_tab(tab),
        }
    }

    /// Watches a tab through `headless_chrome` alone, where nothing is known of its browser.
    ///
    /// It is slower by some 0.1 s for each artifact, and gives less: frames in processes of their own
    /// and some events are out of reach. The facts say `"channel": "crate"`.
    pub fn watch_tab(tab: &Arc<CrateTab>) -> Result<Self> {
        let through = Through::listen(tab).map_err(|fault| refused(&fault))?;
        ChromePage::standing(Box::new(through)).map_err(|fault| refused(&fault))
    }

    /// Watches a page by its address: `ws://127.0.0.1:9222/devtools/page/8A1F…`, as a browser with
    /// `--remote-debugging-port` lists it at `http://127.0.0.1:9222/json`.
    ///
    /// Fails with `Invalid` where the address is none of a page, and with [`Error::Browser`] where
    /// nothing that speaks the DevTools protocol answers.
    pub fn watch_at(address: &str) -> Result<Self> {
        let path = address.strip_prefix("ws://").and_then(|rest| rest.split_once('/'));
        if path.is_none_or(|(_, path)| !path.starts_with("devtools/page/")) {
            let why = "an address like ws://127.0.0.1:9222/devtools/page/8A1F… is needed";
            return Err(Error::invalid("address of a page", address, why));
        }
        let socket = Socket::connect(address).map_err(|fault| refused(&fault))?;
        ChromePage::standing(Box::new(socket)).map_err(|fault| refused(&fault))
    }

    /// Plays a recording: a page that gives what it gave when it was recorded, without a browser.
    ///
    /// Fails with `Invalid` where a line is not of a recording.
    pub fn replay(recording: &str) -> Result<Self> {
        let (head, replay) = Replay::read(recording)?;
        let mut page = ChromePage::over(Box::new(replay), None, head.facts);
        page.watch_sessions();
        if let Some(url) = head.url {
            page.load(&url, Duration::from_millis(head.load_timeout_ms));
        }
        Ok(page)
    }

    /// A page that stands already.
    fn standing(cdp: Box<dyn Cdp>) -> Result<Self, Fault> {
        let facts = Facts { watched_since: Some(SystemClock.now()), ..Facts::default() };
        let mut page = ChromePage::over(cdp, None, facts);
        page.switch_on()?;
        if let Ok(version) = page.cdp.call("Browser.getVersion", json!({}), ASK_MAX) {
            page.facts.user_agent = version["userAgent"].as_str().map(str::to_owned);
            page.facts.browser = version["product"].as_str().map(str::to_owned);
        }
        page.look_where();
        Ok(page)
    }

    /// Looks at a page that somebody else drives as it stands now: where it has gone, how large its
    /// window is.
    pub(super) fn look(&mut self) {
        self.look_where();
        let loader = self.loader.clone();
        let asked_for = self.cdp.events(0, &|method| method == "Network.requestWillBeSent");
        let saw_it_asked_for =
            asked_for.iter().any(|one| one.event.params["requestId"] == loader.as_str());
        self.facts.watched_from_start = saw_it_asked_for;
        if !saw_it_asked_for && self.backfilled_of != loader {
            let frames = self.sessions.frames().into_iter().filter(|frame| !frame.crashed);
            let sessions: Vec<String> = frames.map(|frame| frame.id).collect();
            self.backfill(&sessions, self.facts.watched_since, ASK_MAX);
            self.backfilled_of = loader;
        }
        if let Some(viewport) = self.window() {
            self.viewport = viewport;
            self.facts.viewport = Some(viewport);
        }
    }

    /// Looks at which document it shows now.
    fn look_where(&mut self) {
        if let Ok(tree) = self.cdp.call("Page.getFrameTree", json!({}), ASK_MAX) {
            let frame = &tree["frameTree"]["frame"];
            let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
            (self.frame, self.loader) = (text("id"), text("loaderId"));
            self.facts.url = text("url");
        }
    }

    /// The inside of the window, scroll bars included: what a picture of it has.
    fn window(&mut self) -> Option<Viewport> {
        let script = "[innerWidth, innerHeight, devicePixelRatio]";
        let told = evaluate(&mut *self.cdp, PAGE, &self.frame, script, ASK_MAX).ok()?;
        let side = |at: usize| told[at].as_f64().filter(|side| *side > 0.0);
        Some(Viewport { width: side(0)? as u32, height: side(1)? as u32, device_scale: side(2)? })
    }

    /// Lets the scroll bars of a page come back that somebody else drives. A picture of the whole page
    /// hides them, and Chromium 156 looks for them again only when something makes it; without that the
    /// page stays wider than it was.
    ///
    /// A style sheet of our own comes and goes, which no observer of the page is told of.
    pub(super) fn bring_back_scroll_bars(&mut self) {
        let script = "(() => { \
             const sheet = new CSSStyleSheet(); \
             sheet.replaceSync(':root { overflow: hidden !important }'); \
             document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]; \
             document.documentElement.getBoundingClientRect(); \
             document.adoptedStyleSheets = \
                 document.adoptedStyleSheets.filter(other => other !== sheet); \
             document.documentElement.getBoundingClientRect(); \
             })()";
        let _ = evaluate(&mut *self.cdp, PAGE, &self.frame, script, ASK_MAX);
    }
}

fn refused(fault: &Fault) -> Error {
    Error::Browser { doing: "watching a page", why: fault.to_string() }
}
