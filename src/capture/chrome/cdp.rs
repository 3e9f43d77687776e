//! The DevTools protocol as capture sees it: calls with deadlines, and a record of events.

use std::time::Duration;

use serde_json::Value;

use crate::capture::Fault;
use crate::format::protocol::ProtocolEvent;

/// The session of the page itself. Frames in processes of their own and workers have others.
pub(super) const PAGE: &str = "";

/// A connection to something in a browser.
pub(super) trait Cdp: Send {
    /// What it goes through: `direct`, `crate`, `replay`.
    fn channel(&self) -> &'static str;

    /// Calls a method in a session and waits for its answer.
    fn call_in(
        &mut self,
        session: &str,
        method: &str,
        params: Value,
        within: Duration,
    ) -> Result<Value, Fault>;

    /// Calls a method of the page.
    fn call(&mut self, method: &str, params: Value, within: Duration) -> Result<Value, Fault> {
        self.call_in(PAGE, method, params, within)
    }

    /// Calls a method whose answer nobody waits for.
    fn send(&mut self, session: &str, method: &str, params: Value) -> Result<(), Fault>;

    /// Waits until an event is recorded that came after the one with this number. `Ok(false)` when
    /// the time is up.
    fn wait(&mut self, after: u64, within: Duration) -> Result<bool, Fault>;

    /// The events that are kept, from the one after this number on, in the order in which they
    /// came.
    fn events(&mut self, after: u64) -> Vec<Numbered>;

    /// The number of the newest event; 0 where there was none.
    fn last(&mut self) -> u64;

    /// How many events were not kept, since there were too many.
    fn dropped(&mut self) -> u64;

    /// Does something each time that an event comes for which a reflex has an answer, also while
    /// something else is waited for: an open dialog holds up everything but its own end.
    fn on(&mut self, reflex: Reflex);
}

/// What is called at once when an event comes; nothing for most.
pub(super) type Reflex = Box<dyn FnMut(&ProtocolEvent) -> Vec<Call> + Send>;

/// A call that nobody waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// In which session.
    pub session: String,
    /// What is called.
    pub method: &'static str,
    /// With what.
    pub params: Value,
}

/// An event with its number. Numbers grow, from 1 on, over all sessions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbered {
    /// The number.
    pub seq: u64,
    /// The event.
    pub event: ProtocolEvent,
}
