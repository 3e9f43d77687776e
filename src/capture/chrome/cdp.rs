//! The DevTools protocol as capture sees it: calls with deadlines, and a record of events.

use std::time::Duration;

use serde_json::Value;

use crate::capture::Fault;
use crate::model::time::Time;

/// The most events of one page that are kept. A page that says more than this says the same
/// thing many times; a busy real page makes about 2,000.
const EVENTS_MAX: usize = 20_000;
/// The most bytes of events, as they came, that are kept.
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Events that the capture itself steers by (loading, dialogs, crashes) are kept beyond
/// [`EVENTS_MAX`], up to this many.
const STEERING_EVENTS_MAX: usize = 2_000;

/// A connection to something in a browser.
pub(super) trait Cdp: Send {
    /// Calls a method and waits for its answer. Events that come before it are recorded.
    fn call(&mut self, method: &str, params: Value, within: Duration) -> Result<Value, Fault>;

    /// Calls a method whose answer nobody waits for.
    fn send(&mut self, method: &str, params: Value) -> Result<(), Fault>;

    /// Waits until another event is recorded. `Ok(false)` when the time is up.
    fn wait(&mut self, within: Duration) -> Result<bool, Fault>;

    /// The events so far.
    fn events(&self) -> &EventLog;

    /// Calls a method each time that an event of this name comes, also while something else is
    /// waited for: an open dialog holds up everything but its own end.
    fn on(&mut self, event: &'static str, method: &'static str, params: Value);
}

/// Something that happened, as the browser told it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// When it was received.
    pub at: Time,
    /// Its name: `Page.loadEventFired`.
    pub method: String,
    /// What it says.
    pub params: Value,
}

/// The events of a page in the order in which they came, up to a limit.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    kept: Vec<Event>,
    bytes: usize,
    steering: usize,
    dropped: u64,
}

impl EventLog {
    /// Records an event that took so many bytes, or counts it as dropped. Returns whether it was
    /// recorded.
    pub fn record(&mut self, event: Event, bytes: usize) -> bool {
        let steers = event.method.starts_with("Page.") || event.method.starts_with("Inspector.");
        let fits = match steers {
            true => self.steering < STEERING_EVENTS_MAX,
            false => {
                self.kept.len() - self.steering < EVENTS_MAX
                    && self.bytes + bytes <= EVENT_BYTES_MAX
            }
        };
        if fits {
            self.steering += usize::from(steers);
            self.bytes += if steers { 0 } else { bytes };
            self.kept.push(event);
        } else {
            self.dropped += 1;
        }
        fits
    }

    /// The events that were kept.
    pub fn kept(&self) -> &[Event] {
        &self.kept
    }

    /// How many were not.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_console_lines_does_not_hide_the_load_event() {
        let event =
            |method: &str| Event { at: Time::MIN, method: method.to_owned(), params: Value::Null };
        let mut log = EventLog::default();
        for _ in 0..EVENTS_MAX {
            assert!(log.record(event("Runtime.consoleAPICalled"), 10));
        }
        assert!(!log.record(event("Runtime.consoleAPICalled"), 10));
        assert!(log.record(event("Page.lifecycleEvent"), 10));
        assert_eq!((log.kept().len(), log.dropped()), (EVENTS_MAX + 1, 1));
    }

    #[test]
    fn a_few_huge_events_are_as_bounded_as_many_small_ones() {
        let event = Event { at: Time::MIN, method: "Network.x".into(), params: Value::Null };
        let mut log = EventLog::default();
        assert!(log.record(event.clone(), EVENT_BYTES_MAX));
        assert!(!log.record(event, 1));
    }
}
