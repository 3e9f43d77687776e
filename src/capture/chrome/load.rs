//! Going to an address, and what is waited for before anything is taken.

use std::time::Duration;

use serde_json::json;

use super::page::{ChromePage, HANG_AFTER};
use super::world::WORLD;
use crate::capture::{Fault, Load, Wait, millis};
use crate::format::protocol::ProtocolEvent;
use crate::model::time::{Clock, Stopwatch, SystemClock};

/// The longest that a page is given to settle after its load event: fonts, two frames. It is
/// given this by its own timer, and [`HANG_AFTER`] where it does not even run that.
const SETTLE_MAX: Duration = Duration::from_millis(500);

/// What the events of a page say about its loading.
enum Step {
    Going,
    Loaded,
    Failed(String),
}

impl ChromePage {
    /// Goes to the address and waits for its load event, then until fonts and frames are there.
    pub(super) fn load(&mut self, url: &str, timeout: Duration) {
        let watch = Stopwatch::start();
        self.facts.url = url.to_owned();
        self.facts.navigated_at = Some(SystemClock.now());
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
            match self.cdp.wait(self.seen, watch.left_of(timeout)) {
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
        let new = self.cdp.events(self.seen);
        let mut step = Step::Going;
        for numbered in &new {
            self.seen = numbered.seq;
            let ProtocolEvent { method, params, .. } = &numbered.event;
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
}
