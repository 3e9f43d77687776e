//! The DevTools protocol through `headless_chrome` alone, for a tab of which nothing else is known.
//!
//! It is the way round: each call takes about 0.1 s, frames in processes of their own and workers
//! can't be reached, and events that the crate's types don't fit are lost before they come here. Of
//! Chromium 156 those are the headers as they crossed the wire, and console calls with values of new
//! kinds. [`Socket`](super::socket::Socket) knows none of this.
//!
//! **Invariant:** a call that takes too long is left to itself, in a thread that ends when the crate
//! gives up on it. What the crate does with its connection then is out of our hands.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use headless_chrome::browser::tab::{EventListener, Tab};
use headless_chrome::protocol::cdp::types::{Event, Method};
use serde::Serialize;
use serde_json::Value;

use super::cdp::{Cdp, PAGE};
use super::inbox::{Inbox, Reflex};
use crate::capture::Fault;
use crate::capture::taken::guarded;
use crate::model::time::{Clock, SystemClock};

/// The crate's listeners, as it names them.
type Listener = dyn EventListener<Event> + Send + Sync;

/// A tab, spoken to through the crate.
pub(super) struct Through {
    tab: Arc<Tab>,
    inbox: Arc<Inbox>,
    listener: Weak<Listener>,
}

/// Puts each event into the inbox. Anything else that it did would hold up the crate's thread.
struct Ear(Arc<Inbox>);

impl EventListener<Event> for Ear {
    fn on_event(&self, event: &Event) {
        // A panic here would end the crate's connection.
        let _ = guarded(|| {
            if let Some((method, params)) = told(event) {
                // Reflexes call, and a call from within this thread would wait for itself: a dialog
                // on this way is seen to when something times out.
                self.0.record(SystemClock.now(), String::new(), method.to_owned(), &params);
            }
        });
    }
}

impl Through {
    /// Listens to a tab.
    pub fn listen(tab: &Arc<Tab>) -> Result<Self, Fault> {
        let inbox = Arc::new(Inbox::default());
        let listener: Arc<Listener> = Arc::new(Ear(Arc::clone(&inbox)));
        let listener =
            tab.add_event_listener(listener).map_err(|why| Fault::Gone(why.to_string()))?;
        Ok(Through { tab: Arc::clone(tab), inbox, listener })
    }
}

impl Drop for Through {
    fn drop(&mut self) {
        let _ = self.tab.remove_event_listener(&self.listener);
    }
}

impl Cdp for Through {
    fn channel(&self) -> &'static str {
        "crate"
    }

    fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    fn call_in(
        &mut self,
        session: &str,
        method: &str,
        params: Value,
        within: Duration,
    ) -> Result<Value, Fault> {
        if session != PAGE {
            return Err(Fault::Refused("other sessions can't be reached through the crate".into()));
        }
        if let Some(fault) = self.inbox.ended() {
            return Err(fault);
        }
        let (tell, wait) = mpsc::channel();
        let (tab, method) = (Arc::clone(&self.tab), method.to_owned());
        let spawned = thread::Builder::new().name("tintype-tab".into()).spawn(move || {
            let called = guarded(|| call(&tab, &method, params));
            let _ = tell.send(called.unwrap_or(Err(Fault::Panicked)));
        });
        spawned.map_err(|why| Fault::Gone(why.to_string()))?;
        match wait.recv_timeout(within) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => {
                // A crashed page answers nothing.
                Err(self.inbox.ended().unwrap_or(Fault::TimedOut { after: within }))
            }
            Err(RecvTimeoutError::Disconnected) => Err(Fault::Panicked),
        }
    }

    fn send(&mut self, session: &str, method: &str, params: Value) -> Result<(), Fault> {
        // The caller's own code speaks in this session: what it switched on stays on.
        if method.ends_with(".disable") {
            return Ok(());
        }
        self.call_in(session, method, params, SEND_MAX).map(drop)
    }

    /// Nothing can be called at once on this way.
    fn on(&mut self, _: Reflex) {}
}

/// The longest that a call whose answer nobody waits for may take: the crate knows no such calls.
const SEND_MAX: Duration = Duration::from_secs(1);

/// The crate's calls have their names in their types.
macro_rules! calls {
    ($($name:literal)*) => {
        fn call(tab: &Tab, method: &str, params: Value) -> Result<Value, Fault> {
            let answer = match method {
                $($name => {
                    #[derive(Debug, Serialize)]
                    #[serde(transparent)]
                    struct Call(Value);
                    impl Method for Call {
                        const NAME: &'static str = $name;
                        type ReturnObject = Value;
                    }
                    tab.call_method(Call(params))
                })*
                _ => return Err(Fault::Refused(format!("{method} can't be called through the crate"))),
            };
            answer.map_err(|why| match why.to_string() {
                text if text.contains("connection is closed") => Fault::Gone(text),
                text => Fault::Refused(text),
            })
        }
    };
}

calls! {
    "Accessibility.disable" "Accessibility.enable" "Accessibility.getFullAXTree"
    "Browser.getVersion"
    "DOM.disable" "DOM.enable" "DOM.getBoxModel" "DOM.describeNode" "DOM.getDocument"
    "DOM.getContentQuads" "DOM.getOuterHTML" "DOM.querySelector" "DOM.querySelectorAll"
    "DOM.resolveNode" "DOM.performSearch" "DOM.getSearchResults" "DOM.discardSearchResults"
    "DOMSnapshot.captureSnapshot"
    "Inspector.enable"
    "IO.close" "IO.read"
    "Log.enable"
    "Network.enable" "Network.getRequestPostData" "Network.getResponseBody"
    "Page.addScriptToEvaluateOnNewDocument" "Page.bringToFront" "Page.captureScreenshot"
    "Page.captureSnapshot" "Page.createIsolatedWorld" "Page.enable" "Page.getFrameTree"
    "Page.getLayoutMetrics" "Page.getNavigationHistory" "Page.getResourceContent"
    "Page.getResourceTree" "Page.handleJavaScriptDialog" "Page.printToPDF"
    "Page.removeScriptToEvaluateOnNewDocument" "Page.setLifecycleEventsEnabled"
    "Performance.getMetrics" "PerformanceTimeline.enable"
    "Runtime.callFunctionOn" "Runtime.enable" "Runtime.evaluate" "Runtime.getProperties"
    "Runtime.releaseObject" "Runtime.releaseObjectGroup" "Runtime.terminateExecution"
    "Target.getTargetInfo"
}

/// What an event is called and says, for those that capture looks at.
macro_rules! told {
    ($($variant:ident $name:literal)*) => {
        fn told(event: &Event) -> Option<(&'static str, String)> {
            let (method, params) = match event {
                $(Event::$variant(event) => ($name, serde_json::to_string(&event.params)),)*
                Event::InspectorTargetCrashed(_) => ("Inspector.targetCrashed", Ok("{}".to_owned())),
                _ => return None,
            };
            Some((method, params.ok()?))
        }
    };
}

told! {
    RuntimeConsoleAPICalled "Runtime.consoleAPICalled"
    RuntimeExceptionThrown "Runtime.exceptionThrown"
    RuntimeExceptionRevoked "Runtime.exceptionRevoked"
    LogEntryAdded "Log.entryAdded"
    NetworkRequestWillBeSent "Network.requestWillBeSent"
    NetworkRequestWillBeSentExtraInfo "Network.requestWillBeSentExtraInfo"
    NetworkResponseReceived "Network.responseReceived"
    NetworkResponseReceivedExtraInfo "Network.responseReceivedExtraInfo"
    NetworkRequestServedFromCache "Network.requestServedFromCache"
    NetworkDataReceived "Network.dataReceived"
    NetworkLoadingFinished "Network.loadingFinished"
    NetworkLoadingFailed "Network.loadingFailed"
    NetworkWebSocketCreated "Network.webSocketCreated"
    NetworkWebSocketFrameReceived "Network.webSocketFrameReceived"
    NetworkWebSocketFrameSent "Network.webSocketFrameSent"
    NetworkWebSocketClosed "Network.webSocketClosed"
    PageDomContentEventFired "Page.domContentEventFired"
    PageLoadEventFired "Page.loadEventFired"
    PageLifecycleEvent "Page.lifecycleEvent"
    PageFrameNavigated "Page.frameNavigated"
    PageNavigatedWithinDocument "Page.navigatedWithinDocument"
    PageFrameAttached "Page.frameAttached"
    PageFrameDetached "Page.frameDetached"
    PageJavascriptDialogOpening "Page.javascriptDialogOpening"
    PageJavascriptDialogClosed "Page.javascriptDialogClosed"
}
