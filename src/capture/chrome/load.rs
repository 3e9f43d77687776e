//! Going to an address, and what is waited for before anything is taken.
//!
//! **Invariant:** what is waited for and does not come costs its time and nothing else: the page is
//! taken as it stands, and the facts say what did not come. Only a page that is not there at all is
//! not taken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::cdp::PAGE;
use super::events::every;
use super::options::{PageOptions, WaitFor};
use super::page::{ChromePage, HANG_AFTER};
use super::world;
use crate::capture::{Fault, Load, Wait, millis};
use crate::format::protocol::ProtocolEvent;
use crate::model::time::{Clock, Stopwatch, SystemClock};

/// The longest that a page is given to settle after its load event: fonts, two frames. It is
/// given this by its own timer, and [`HANG_AFTER`] where it does not even run that.
const SETTLE_MAX: Duration = Duration::from_millis(500);
/// So long nothing is under way where the network is quiet.
const QUIET: Duration = Duration::from_millis(500);
/// How often a page is looked at for a selector.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// After which pauses a picture is taken again, until two are the same; the last for ever.
const STILL_AFTER_MS: [u64; 4] = [100, 250, 500, 1_000];

/// What the events of a page say about its loading.
#[derive(Default)]
struct Progress {
    /// Its load event came.
    loaded: bool,
    /// Its `DOMContentLoaded` event came.
    read: bool,
    /// Why there is no page any more.
    failed: Option<String>,
    /// The requests that are under way, with their sessions.
    open: BTreeSet<(String, String)>,
    /// Changes each time that a request begins or ends.
    traffic: u64,
    /// Why documents could not be had, by their loaders.
    errors: BTreeMap<String, String>,
}

/// What a wait came to: whether it was met, or why it can't be.
type Met = Result<bool, Fault>;

impl ChromePage {
    /// Goes to the address and waits for its load event, then until fonts and frames are there.
    pub(super) fn load(&mut self, url: &str, timeout: Duration) {
        let options = PageOptions { load_timeout: Some(timeout), ..PageOptions::default() };
        self.go(url, timeout, &options);
    }

    /// Goes to the address and waits for what the options say; for loading no longer than `timeout`.
    pub(super) fn go(&mut self, url: &str, timeout: Duration, options: &PageOptions) {
        let watch = Stopwatch::start();
        self.facts.url = url.to_owned();
        self.facts.navigated_at.get_or_insert_with(|| SystemClock.now());
        self.facts.watched_from_start = true;
        let answer = match self.cdp.call("Page.navigate", json!({ "url": url }), timeout) {
            Ok(answer) => answer,
            Err(fault) => {
                let why = match fault {
                    Fault::TimedOut { after } => {
                        format!("no response within {} ms", after.as_millis())
                    }
                    fault => fault.to_string(),
                };
                self.waited("response", false, watch, None);
                return self.fail(why);
            }
        };
        self.frame = answer["frameId"].as_str().unwrap_or_default().to_owned();
        self.loader = answer["loaderId"].as_str().unwrap_or_default().to_owned();
        if let Some(why) = answer["errorText"].as_str().filter(|why| !why.is_empty()) {
            self.waited("response", false, watch, None);
            let what = if answer["isDownload"] == true { ", a download" } else { "" };
            return self.fail(format!("{why}{what}"));
        }
        self.waited("response", true, watch, None);

        let mut progress = Progress::default();
        for wait in &options.waits {
            let began = Stopwatch::start();
            let cap = options.wait_timeout;
            let of_loading = matches!(wait, WaitFor::Load | WaitFor::DomContentLoaded);
            let mut why = None;
            let met = match wait {
                WaitFor::Load => self.until(&mut progress, watch, timeout, |seen| seen.loaded),
                WaitFor::DomContentLoaded => {
                    self.until(&mut progress, watch, timeout, |seen| seen.read)
                }
                WaitFor::NetworkQuiet => self.quiet(&mut progress, cap),
                WaitFor::Fonts => self.settled(),
                WaitFor::Frames => self.still(&mut progress, cap),
                WaitFor::Selector(css) => self.found(&mut progress, css, true, cap, &mut why),
                WaitFor::Gone(css) => self.found(&mut progress, css, false, cap, &mut why),
                WaitFor::Delay(delay) => self.pause(&mut progress, *delay).map(|()| true),
            };
            self.waited(&wait.to_string(), matches!(met, Ok(true)), began, why);
            if let Some(why) = progress.failed.take() {
                return self.fail(why);
            }
            match met {
                Ok(false) if of_loading => self.facts.load = Load::TimedOut,
                Err(fault) if of_loading => return self.fail(fault.to_string()),
                _ => {}
            }
        }
        // While there is a page that has them.
        self.look_at_title();
    }

    /// Looks at the events that came since it was last called for what concerns loading.
    fn step(&mut self, progress: &mut Progress) {
        let new = self.cdp.events(self.seen, &every);
        for numbered in &new {
            self.seen = numbered.seq;
            let ProtocolEvent { method, params, session, .. } = &numbered.event;
            let key = || (session.clone(), text(&params["requestId"]).to_owned());
            match method.as_str() {
                // A page may replace itself while it loads.
                "Page.frameNavigated" if params["frame"]["id"] == self.frame.as_str() => {
                    let loader = text(&params["frame"]["loaderId"]);
                    let lost = params["frame"]["unreachableUrl"].is_string();
                    self.loader = loader.to_owned();
                    let errors = std::mem::take(&mut progress.errors);
                    let why = errors.get(loader).map(|why| format!(": {why}"));
                    let why = why.unwrap_or_default();
                    *progress = Progress { traffic: progress.traffic + 1, ..Progress::default() };
                    progress.failed =
                        lost.then(|| format!("it leads to an address that can't be had{why}"));
                }
                "Page.lifecycleEvent"
                    if params["frameId"] == self.frame.as_str()
                        && params["loaderId"] == self.loader.as_str() =>
                {
                    match text(&params["name"]) {
                        "load" => (progress.loaded, progress.read) = (true, true),
                        "DOMContentLoaded" => progress.read = true,
                        _ => {}
                    }
                }
                "Network.requestWillBeSent" if counts(params) => {
                    progress.open.insert(key());
                    progress.traffic += 1;
                }
                "Network.loadingFinished" | "Network.loadingFailed" => {
                    if params["type"] == "Document" {
                        let (loader, why) =
                            (text(&params["requestId"]), text(&params["errorText"]));
                        progress.errors.insert(loader.to_owned(), why.to_owned());
                    }
                    progress.traffic += u64::from(progress.open.remove(&key()));
                }
                _ => {}
            }
        }
    }

    /// Waits until something is seen of the loading, or there is no page.
    fn until(
        &mut self,
        progress: &mut Progress,
        watch: Stopwatch,
        timeout: Duration,
        look: impl Fn(&Progress) -> bool,
    ) -> Met {
        loop {
            self.step(progress);
            if look(progress) {
                return Ok(true);
            }
            if progress.failed.is_some() || !self.cdp.wait(self.seen, watch.left_of(timeout))? {
                return Ok(false);
            }
        }
    }

    /// Lets time pass, and looks at what comes.
    fn pause(&mut self, progress: &mut Progress, time: Duration) -> Result<(), Fault> {
        let watch = Stopwatch::start();
        loop {
            self.step(progress);
            let left = watch.left_of(time);
            if left.is_zero() || !self.cdp.wait(self.seen, left)? {
                return Ok(());
            }
        }
    }

    /// Waits until nothing has been under way for a while.
    fn quiet(&mut self, progress: &mut Progress, cap: Duration) -> Met {
        let watch = Stopwatch::start();
        let (mut traffic, mut since) = (progress.traffic, watch);
        loop {
            self.step(progress);
            if progress.traffic != traffic {
                (traffic, since) = (progress.traffic, Stopwatch::start());
            }
            let left = watch.left_of(cap);
            let is_open = !progress.open.is_empty();
            let silence = if is_open { left } else { since.left_of(QUIET) };
            if !is_open && silence.is_zero() {
                return Ok(true);
            }
            if left.is_zero() || progress.failed.is_some() {
                return Ok(false);
            }
            if !self.cdp.wait(self.seen, silence.min(left))? {
                return Ok(!is_open && silence <= left);
            }
        }
    }

    /// Waits until fonts are there and two frames were drawn.
    fn settled(&mut self) -> Met {
        let cap = SETTLE_MAX.as_millis();
        let script = format!(
            "Promise.race([document.fonts.ready.then(() => new Promise(done => \
             requestAnimationFrame(() => requestAnimationFrame(() => done(true))))), \
             new Promise(done => setTimeout(done, {cap}, false))])"
        );
        Ok(self.evaluate(&script)?["result"]["value"] == true)
    }

    /// Waits until two pictures of the window in a row are the same.
    fn still(&mut self, progress: &mut Progress, cap: Duration) -> Met {
        let watch = Stopwatch::start();
        let mut last = Value::Null;
        let pauses = STILL_AFTER_MS.into_iter().chain(std::iter::repeat(STILL_AFTER_MS[3]));
        for pause in pauses {
            let left = watch.left_of(cap);
            if left.is_zero() || progress.failed.is_some() {
                break;
            }
            let asked = json!({ "format": "png", "optimizeForSpeed": true });
            let picture = self.cdp.call("Page.captureScreenshot", asked, left)?;
            let picture = world::member(picture, "data");
            if picture.is_string() && picture == last {
                return Ok(true);
            }
            last = picture;
            self.pause(progress, Duration::from_millis(pause).min(watch.left_of(cap)))?;
        }
        Ok(false)
    }

    /// Waits until a selector finds something, or nothing.
    fn found(
        &mut self,
        progress: &mut Progress,
        selector: &str,
        wanted: bool,
        cap: Duration,
        why: &mut Option<String>,
    ) -> Met {
        let watch = Stopwatch::start();
        let script = format!("!!document.querySelector({})", Value::from(selector));
        // Counted too, since a recording is played without its time.
        for _ in 0..=cap.as_millis() / LOOK_EVERY.as_millis() {
            match self.evaluate(&script) {
                Ok(answer) if answer["exceptionDetails"].is_object() => {
                    let told = &answer["exceptionDetails"]["exception"]["description"];
                    *why = text(told).lines().next().map(str::to_owned);
                    return Ok(false);
                }
                Ok(answer) if answer["result"]["value"] == wanted => return Ok(true),
                // A page that leaves takes its world with it.
                Ok(_) | Err(Fault::Refused(_) | Fault::TimedOut { .. }) => {}
                Err(fault) => return Err(fault),
            }
            if watch.left_of(cap).is_zero() || progress.failed.is_some() {
                break;
            }
            self.pause(progress, LOOK_EVERY)?;
        }
        Ok(false)
    }

    /// Evaluates a script in a world of our own, and stops what keeps the page from it.
    fn evaluate(&mut self, script: &str) -> Result<Value, Fault> {
        let answer = world::run(&mut *self.cdp, PAGE, &self.frame, script, HANG_AFTER);
        if matches!(answer, Err(Fault::TimedOut { .. })) {
            self.stop_script();
        }
        answer
    }

    /// Brings up to date what the facts say of the answer that the page was made from, and of where
    /// the page led.
    pub(super) fn look_after(&mut self) {
        let wanted = ["Page.windowOpen", "Network.responseReceived", "Network.webSocketCreated"];
        let events = self.cdp.events(0, &|method| wanted.contains(&method));
        let events: Vec<ProtocolEvent> = events.into_iter().map(|one| one.event).collect();
        let opened = events.iter().filter(|event| event.method == "Page.windowOpen");
        self.facts.popups = opened.count() as u64;
        let response = events.iter().rev().find(|event| {
            event.method == "Network.responseReceived"
                && event.params["requestId"] == self.loader.as_str()
        });
        let response = response.map(|event| &event.params["response"]);
        let status = response.and_then(|response| response["status"].as_u64());
        // A page that nobody watched from the start has told of itself already.
        let status = status.and_then(|status| u16::try_from(status).ok());
        self.facts.http_status = status.or(self.facts.http_status);
        let media_type = response.and_then(|response| response["mimeType"].as_str());
        self.facts.media_type = media_type.map(str::to_owned).or(self.facts.media_type.take());
        if let Some(guard) = self.guard.as_ref().filter(|_| self.facts.guarded) {
            (self.facts.blocked, self.facts.blocked_count) = guard.kept_back();
            self.facts.unexpected = guard.unexpected(&events);
        }
    }

    fn waited(&mut self, what: &str, met: bool, watch: Stopwatch, why: Option<String>) {
        let took_ms = millis(watch.elapsed());
        self.facts.waits.push(Wait { what: what.to_owned(), met, took_ms, why });
    }

    fn fail(&mut self, why: String) {
        // What the guard knows says more than that it was blocked.
        let blocked = self.guard.as_ref().and_then(|guard| guard.kept_back().0.pop());
        let why = match blocked.filter(|_| why.contains("ERR_BLOCKED_BY_CLIENT")) {
            Some(blocked) => format!("{why}: {}", blocked.why),
            None => why,
        };
        log::debug!("capture: the page did not load: {why}");
        self.facts.load = Load::Failed;
        self.facts.load_error = Some(why);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether a request is one of those that a page waits for. Others last for ever, or are none of its
/// own.
fn counts(params: &Value) -> bool {
    let url = text(&params["request"]["url"]);
    let path = url.split(['?', '#']).next().unwrap_or_default();
    !matches!(
        text(&params["type"]),
        "WebSocket" | "EventSource" | "Ping" | "CSPViolationReport" | "Prefetch"
    ) && !path.ends_with("/favicon.ico")
        && !url.starts_with("data:")
}
