//! The DevTools protocol as capture sees it: calls with deadlines, and a record of events.

use std::time::Duration;

use serde_json::Value;

use super::events::Numbered;
use super::inbox::{Inbox, Reflex};
use crate::capture::Fault;

/// The session of the page itself. Frames in processes of their own and workers have others.
pub(super) const PAGE: &str = "";

/// A connection to something in a browser.
pub(super) trait Cdp: Send {
    /// What it goes through: `direct`, `crate`, `replay`.
    fn channel(&self) -> &'static str;

    /// What came in over it.
    fn inbox(&self) -> &Inbox;

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
    fn wait(&mut self, after: u64, within: Duration) -> Result<bool, Fault> {
        self.inbox().wait_for_event(after, within)
    }

    /// The events that are kept, from the one after this number on, in the order in which they
    /// came; of those only the ones that are wanted, by the name of the method. The others are not
    /// even read.
    fn events(&mut self, after: u64, wanted: &dyn Fn(&str) -> bool) -> Vec<Numbered> {
        self.inbox().events(after, wanted)
    }

    /// The number of the newest event; 0 where there was none.
    fn last(&self) -> u64 {
        self.inbox().last()
    }

    /// How many events were not kept, since there were too many.
    fn dropped(&self) -> u64 {
        self.inbox().dropped()
    }

    /// Does something each time that an event comes for which a reflex has an answer, also while
    /// something else is waited for: an open dialog holds up everything but its own end.
    fn on(&mut self, reflex: Reflex) {
        self.inbox().on(reflex);
    }
}
