//! What a browser tells of itself: events of the DevTools protocol.

use serde_json::Value;

use crate::model::time::Time;

/// The name of an event that no browser tells: that others stood here and were not kept, since
/// there were too many. Its parameters are their `kind` (`said`, `network`, `messages`, `steering`)
/// and their `count`.
pub const EVENTS_DROPPED: &str = "Tintype.eventsDropped";

/// Something that happened, as the browser told it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtocolEvent {
    /// When it was received.
    pub at: Time,
    /// The session that told it: empty for the page itself, an id for a frame in a process of its
    /// own or a worker.
    pub session: String,
    /// Its name: `Page.loadEventFired`.
    pub method: String,
    /// What it says.
    pub params: Value,
}
