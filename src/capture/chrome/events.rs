//! The events of a page, as many as are worth keeping.
//!
//! What a page says has no limit, and what is kept of it has: the beginning, which is where things
//! went wrong first, and the end, which is where they stand. What lies between is counted.

use std::collections::VecDeque;

use serde_json::Value;

use super::cdp::Numbered;
use crate::format::protocol::{self, ProtocolEvent};
use crate::model::time::Time;

/// How much of one kind of event is kept: so many bytes of the first, and of the last.
struct Limits {
    head_bytes: usize,
    tail_bytes: usize,
}

/// Console calls, exceptions, log entries.
const SAID: Limits = Limits { head_bytes: 256 * 1024, tail_bytes: 768 * 1024 };
/// Requests and responses: some 600 of them.
const NETWORK: Limits = Limits { head_bytes: 2 * 1024 * 1024, tail_bytes: 2 * 1024 * 1024 };
/// Loading, frames, dialogs, crashes: what capture itself steers by.
const STEERING: Limits = Limits { head_bytes: 256 * 1024, tail_bytes: 256 * 1024 };
/// What an event takes beside its text.
const EVENT_OVERHEAD: usize = 96;

/// An event as it came.
struct Kept {
    seq: u64,
    at: Time,
    session: Box<str>,
    method: Box<str>,
    params: Box<str>,
}

impl Kept {
    fn bytes(&self) -> usize {
        EVENT_OVERHEAD + self.session.len() + self.method.len() + self.params.len()
    }
}

/// The first and the last events of one kind.
struct Lane {
    limits: Limits,
    head: Vec<Kept>,
    head_bytes: usize,
    head_full: bool,
    tail: VecDeque<Kept>,
    tail_bytes: usize,
}

impl Lane {
    fn new(limits: Limits) -> Self {
        Lane {
            limits,
            head: Vec::new(),
            head_bytes: 0,
            head_full: false,
            tail: VecDeque::new(),
            tail_bytes: 0,
        }
    }

    /// Keeps an event; returns how many were let go for it.
    fn keep(&mut self, event: Kept) -> u64 {
        let bytes = event.bytes();
        if !self.head_full && self.head_bytes + bytes <= self.limits.head_bytes {
            self.head_bytes += bytes;
            self.head.push(event);
            return 0;
        }
        self.head_full = true;
        if bytes > self.limits.tail_bytes {
            return 1;
        }
        self.tail_bytes += bytes;
        self.tail.push_back(event);
        let mut dropped = 0;
        while self.tail_bytes > self.limits.tail_bytes {
            let Some(oldest) = self.tail.pop_front() else { break };
            self.tail_bytes -= oldest.bytes();
            dropped += 1;
        }
        dropped
    }

    fn after(&self, seq: u64) -> impl Iterator<Item = &Kept> {
        self.head.iter().chain(&self.tail).filter(move |kept| kept.seq > seq)
    }
}

/// The events of a page in the order in which they came, up to limits of bytes.
pub(super) struct EventLog {
    said: Lane,
    network: Lane,
    steering: Lane,
    last: u64,
    dropped: u64,
}

impl Default for EventLog {
    fn default() -> Self {
        EventLog {
            said: Lane::new(SAID),
            network: Lane::new(NETWORK),
            steering: Lane::new(STEERING),
            last: 0,
            dropped: 0,
        }
    }
}

impl EventLog {
    /// Records an event; `params` is JSON.
    pub fn record(&mut self, at: Time, session: &str, method: &str, params: &str) {
        self.last += 1;
        let params = match method {
            // The most frequent of all; only its size is of interest.
            "Network.dataReceived" => sizes_alone(params),
            _ => params.into(),
        };
        let event =
            Kept { seq: self.last, at, session: session.into(), method: method.into(), params };
        let lane = match method.split('.').next() {
            Some("Runtime" | "Log") => &mut self.said,
            Some("Network") => &mut self.network,
            _ => &mut self.steering,
        };
        self.dropped += lane.keep(event);
    }

    /// The number of the newest event; 0 where there was none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How many events were not kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The events that are kept, from the one after this number on.
    pub fn after(&self, seq: u64) -> Vec<Numbered> {
        let lanes = [&self.said, &self.network, &self.steering];
        let mut events: Vec<&Kept> = lanes.into_iter().flat_map(|lane| lane.after(seq)).collect();
        events.sort_unstable_by_key(|kept| kept.seq);
        let read = |kept: &Kept| Numbered {
            seq: kept.seq,
            event: ProtocolEvent {
                at: kept.at,
                session: kept.session.as_ref().to_owned(),
                method: kept.method.as_ref().to_owned(),
                params: protocol::read(&kept.params).unwrap_or_default(),
            },
        };
        events.into_iter().map(read).collect()
    }
}

fn sizes_alone(params: &str) -> Box<str> {
    let Ok(params) = protocol::read(params) else { return "{}".into() };
    let kept = ["requestId", "timestamp", "dataLength", "encodedDataLength"];
    let kept = kept.map(|name| (name.to_owned(), params[name].clone()));
    Value::Object(kept.into_iter().collect()).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(log: &EventLog, method: &str) -> Vec<u64> {
        let all = log.after(0);
        all.iter().filter(|e| e.event.method == method).map(|e| e.seq).collect()
    }

    #[test]
    fn a_flood_of_console_lines_hides_neither_the_load_event_nor_its_own_beginning_and_end() {
        let mut log = EventLog::default();
        log.record(Time::MIN, "", "Network.requestWillBeSent", "{}");
        for _ in 0..100_000 {
            log.record(Time::MIN, "", "Runtime.consoleAPICalled", r#"{"args":[]}"#);
        }
        log.record(Time::MIN, "", "Page.lifecycleEvent", "{}");
        assert_eq!(numbers(&log, "Network.requestWillBeSent"), [1]);
        assert_eq!(numbers(&log, "Page.lifecycleEvent"), [100_002]);
        let said = numbers(&log, "Runtime.consoleAPICalled");
        assert_eq!((said[0], said[said.len() - 1]), (2, 100_001));
        assert_eq!(said.len() as u64 + log.dropped(), 100_000);
        assert!(log.said.head_bytes + log.said.tail_bytes <= 1024 * 1024);
    }

    #[test]
    fn a_few_huge_events_are_as_bounded_as_many_small_ones() {
        let mut log = EventLog::default();
        let huge = format!("{:?}", "x".repeat(NETWORK.tail_bytes));
        for _ in 0..5 {
            log.record(Time::MIN, "", "Network.x", &huge);
        }
        assert_eq!((log.after(0).len(), log.dropped()), (0, 5));
        log.record(Time::MIN, "S", "Network.x", "{}");
        assert_eq!(log.after(0)[0].event.session, "S");
        assert!(log.after(log.last()).is_empty());
    }
}
