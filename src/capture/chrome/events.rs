//! The events of a page, as many as are worth keeping.
//!
//! What a page says has no limit, and what is kept of it has: the beginning, which is where things
//! went wrong first, and the end, which is where they stand. What lies between is counted, and an
//! event of our own ([`EVENTS_DROPPED`]) stands in its place.
//!
//! That a piece of an answer came is told once for all its pieces: it is the most frequent event of
//! all, and only the sizes are of interest.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use crate::format::protocol::{self, EVENTS_DROPPED, ProtocolEvent};
use crate::model::time::Time;

/// Every event is wanted.
pub(super) fn every(_: &str) -> bool {
    true
}

/// An event with its number. Numbers grow, from 1 on, over all sessions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbered {
    /// The number.
    pub seq: u64,
    /// The event.
    pub event: ProtocolEvent,
}

/// How much of one kind of event is kept: so many bytes of the first, and of the last.
struct Limits {
    head_bytes: usize,
    tail_bytes: usize,
}

/// Console calls, exceptions, log entries.
const SAID: Limits = Limits { head_bytes: 256 * 1024, tail_bytes: 768 * 1024 };
/// Requests and responses: some 600 of them.
const NETWORK: Limits = Limits { head_bytes: 2 * 1024 * 1024, tail_bytes: 2 * 1024 * 1024 };
/// What comes and goes over WebSockets and event streams.
const MESSAGES: Limits = Limits { head_bytes: 512 * 1024, tail_bytes: 512 * 1024 };
/// Loading, frames, dialogs, crashes: what capture itself steers by.
const STEERING: Limits = Limits { head_bytes: 256 * 1024, tail_bytes: 256 * 1024 };
/// What an event takes beside its text.
const EVENT_OVERHEAD: usize = 96;
/// The most answers that are under way at once whose pieces are added up.
const UNDER_WAY_MAX: usize = 1_000;

/// That a piece of an answer came.
const PIECE: &str = "Network.dataReceived";
/// What marks the sizes of an answer that has not ended.
pub(super) const UNDER_WAY: &str = "underWay";

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

    fn read(&self) -> Numbered {
        let event = ProtocolEvent {
            at: self.at,
            session: self.session.as_ref().to_owned(),
            method: self.method.as_ref().to_owned(),
            params: protocol::read(&self.params).unwrap_or_default(),
        };
        Numbered { seq: self.seq, event }
    }
}

/// The pieces of an answer that have come so far.
struct Pieces {
    at: Time,
    timestamp: f64,
    data_bytes: u64,
    encoded_bytes: u64,
}

impl Pieces {
    fn told(&self, id: &str) -> Value {
        json!({
            "requestId": id,
            "timestamp": self.timestamp,
            "dataLength": self.data_bytes,
            "encodedDataLength": self.encoded_bytes,
        })
    }
}

/// The first and the last events of one kind.
struct Lane {
    /// What the kind is called in [`EVENTS_DROPPED`].
    kind: &'static str,
    limits: Limits,
    head: Vec<Kept>,
    head_bytes: usize,
    head_full: bool,
    tail: VecDeque<Kept>,
    tail_bytes: usize,
    dropped: u64,
    /// The number and the time of the last that was dropped.
    last_dropped: Option<(u64, Time)>,
}

impl Lane {
    fn new(kind: &'static str, limits: Limits) -> Self {
        Lane {
            kind,
            limits,
            head: Vec::new(),
            head_bytes: 0,
            head_full: false,
            tail: VecDeque::new(),
            tail_bytes: 0,
            dropped: 0,
            last_dropped: None,
        }
    }

    /// Keeps an event, and lets go of others for it.
    fn keep(&mut self, event: Kept) {
        let bytes = event.bytes();
        if !self.head_full && self.head_bytes + bytes <= self.limits.head_bytes {
            self.head_bytes += bytes;
            self.head.push(event);
            return;
        }
        self.head_full = true;
        if bytes > self.limits.tail_bytes {
            return self.drop(&event);
        }
        self.tail_bytes += bytes;
        self.tail.push_back(event);
        while self.tail_bytes > self.limits.tail_bytes {
            let Some(oldest) = self.tail.pop_front() else { break };
            self.tail_bytes -= oldest.bytes();
            self.drop(&oldest);
        }
    }

    fn drop(&mut self, event: &Kept) {
        self.dropped += 1;
        self.last_dropped = Some((event.seq, event.at));
    }

    /// What is kept of those after this number and wanted, with what stands for those that are not
    /// kept.
    fn after(&self, seq: u64, wanted: &dyn Fn(&str) -> bool) -> impl Iterator<Item = Numbered> {
        let gap = self.last_dropped.filter(|(last, _)| *last > seq).map(|(last, at)| {
            let params = json!({ "kind": self.kind, "count": self.dropped });
            let (session, method) = (String::new(), EVENTS_DROPPED.to_owned());
            Numbered { seq: last, event: ProtocolEvent { at, session, method, params } }
        });
        let kept = self.head.iter().chain(&self.tail);
        let kept = kept.filter(move |kept| kept.seq > seq && wanted(&kept.method));
        kept.map(Kept::read).chain(gap)
    }
}

/// The events of a page in the order in which they came, up to limits of bytes.
pub(super) struct EventLog {
    said: Lane,
    network: Lane,
    messages: Lane,
    steering: Lane,
    /// Pieces of answers that are under way, by session and request.
    under_way: HashMap<(Box<str>, Box<str>), Pieces>,
    last: u64,
}

impl Default for EventLog {
    fn default() -> Self {
        EventLog {
            said: Lane::new("said", SAID),
            network: Lane::new("network", NETWORK),
            messages: Lane::new("messages", MESSAGES),
            steering: Lane::new("steering", STEERING),
            under_way: HashMap::new(),
            last: 0,
        }
    }
}

impl EventLog {
    /// Records an event; `params` is JSON.
    pub fn record(&mut self, at: Time, session: &str, method: &str, params: &str) {
        self.last += 1;
        match method {
            PIECE if self.add_piece(at, session, params) => return,
            "Network.loadingFinished" | "Network.loadingFailed" => {
                self.end_pieces(session, params);
            }
            _ => {}
        }
        self.keep(at, session, method, params);
    }

    fn keep(&mut self, at: Time, session: &str, method: &str, params: &str) {
        let event = Kept {
            seq: self.last,
            at,
            session: session.into(),
            method: method.into(),
            params: params.into(),
        };
        let lane = match method {
            "Runtime.consoleAPICalled"
            | "Runtime.exceptionThrown"
            | "Runtime.exceptionRevoked"
            | "Log.entryAdded" => &mut self.said,
            "Network.webSocketFrameSent"
            | "Network.webSocketFrameReceived"
            | "Network.eventSourceMessageReceived" => &mut self.messages,
            _ if method.starts_with("Network.") || method.starts_with("PerformanceTimeline.") => {
                &mut self.network
            }
            _ => &mut self.steering,
        };
        lane.keep(event);
    }

    /// Adds a piece to what has come of its answer; false where that is not followed.
    fn add_piece(&mut self, at: Time, session: &str, params: &str) -> bool {
        let Ok(params) = protocol::read(params) else { return false };
        let Some(id) = params["requestId"].as_str() else { return false };
        let key = (Box::from(session), Box::from(id));
        if self.under_way.len() >= UNDER_WAY_MAX && !self.under_way.contains_key(&key) {
            return false;
        }
        let none = Pieces { at, timestamp: 0.0, data_bytes: 0, encoded_bytes: 0 };
        let pieces = self.under_way.entry(key).or_insert(none);
        pieces.at = at;
        pieces.timestamp = params["timestamp"].as_f64().unwrap_or(0.0);
        let bytes = |name: &str| params[name].as_u64().unwrap_or(0);
        pieces.data_bytes = pieces.data_bytes.saturating_add(bytes("dataLength"));
        pieces.encoded_bytes = pieces.encoded_bytes.saturating_add(bytes("encodedDataLength"));
        true
    }

    /// Records the pieces of an answer that has ended.
    fn end_pieces(&mut self, session: &str, params: &str) {
        #[derive(serde::Deserialize)]
        struct Ended<'a> {
            #[serde(rename = "requestId", borrow)]
            id: std::borrow::Cow<'a, str>,
        }
        let Ok(Ended { id }) = serde_json::from_str::<Ended<'_>>(params) else { return };
        let key = (Box::from(session), Box::from(id.as_ref()));
        if let Some(pieces) = self.under_way.remove(&key) {
            let told = pieces.told(&id).to_string();
            self.keep(pieces.at, session, PIECE, &told);
            // A number of its own.
            self.last += 1;
        }
    }

    /// The number of the newest event; 0 where there was none.
    pub fn last(&self) -> u64 {
        self.last
    }

    fn lanes(&self) -> [&Lane; 4] {
        [&self.said, &self.network, &self.messages, &self.steering]
    }

    /// How many events were not kept.
    pub fn dropped(&self) -> u64 {
        self.lanes().iter().map(|lane| lane.dropped).sum()
    }

    /// The events that are kept, from the one after this number on, of those the wanted ones; where
    /// some are not kept, an event says how many. Pieces of answers that are under way come last.
    pub fn after(&self, seq: u64, wanted: &dyn Fn(&str) -> bool) -> Vec<Numbered> {
        let mut events: Vec<Numbered> =
            self.lanes().into_iter().flat_map(|lane| lane.after(seq, wanted)).collect();
        events.sort_by_key(|numbered| numbered.seq);
        if self.last > seq && wanted(PIECE) {
            let pieces = self.under_way.iter().map(|((session, id), pieces)| Numbered {
                seq: self.last,
                event: ProtocolEvent {
                    at: pieces.at,
                    session: session.as_ref().to_owned(),
                    method: PIECE.to_owned(),
                    params: {
                        let mut told = pieces.told(id);
                        // They are told again, with what comes until then.
                        told[UNDER_WAY] = json!(true);
                        told
                    },
                },
            });
            events.extend(pieces);
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(log: &EventLog, method: &str) -> Vec<u64> {
        let of_it = log.after(0, &|name| name == method);
        of_it.iter().filter(|e| e.event.method == method).map(|e| e.seq).collect()
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

        // What was left out is told where it was.
        let all = log.after(0, &every);
        let at = all.iter().position(|it| it.event.method == EVENTS_DROPPED).unwrap();
        let params = json!({ "kind": "said", "count": log.dropped() });
        assert_eq!(all[at].event.params, params);
        let (head, tail) = (log.said.head.len(), log.said.tail.len());
        assert_eq!(all[at - 1].seq, 1 + head as u64);
        assert_eq!(all[at + 1].seq, 100_002 - tail as u64);
        assert!(log.after(100_001, &every).iter().all(|it| it.event.method != EVENTS_DROPPED));
    }

    #[test]
    fn a_flood_over_a_websocket_leaves_the_requests_alone() {
        let mut log = EventLog::default();
        let frame =
            format!(r#"{{"requestId":"1","response":{{"payloadData":{:?}}}}}"#, "x".repeat(999));
        for _ in 0..10_000 {
            log.record(Time::MIN, "", "Network.webSocketFrameReceived", &frame);
            log.record(Time::MIN, "", "Network.requestWillBeSent", "{}");
        }
        assert_eq!(numbers(&log, "Network.requestWillBeSent").len(), 10_000);
        assert!(log.messages.head_bytes + log.messages.tail_bytes <= 1024 * 1024);
    }

    #[test]
    fn the_pieces_of_an_answer_are_added_up() {
        let mut log = EventLog::default();
        let piece = |id: &str, bytes: u64| {
            json!({ "requestId": id, "timestamp": 7.5, "dataLength": bytes, "encodedDataLength": 1 })
                .to_string()
        };
        for _ in 0..1_000 {
            log.record(Time::MIN, "S", "Network.dataReceived", &piece("1", 10));
            log.record(Time::MIN, "", "Network.dataReceived", &piece("1", 5));
        }
        log.record(Time::MIN, "S", "Network.loadingFinished", r#"{"requestId":"1"}"#);
        log.record(Time::MIN, "S", "Network.loadingFailed", r#"{"requestId":"2"}"#);
        let all = log.after(0, &every);
        let told: Vec<_> = all
            .iter()
            .map(|it| (it.seq, it.event.method.as_str(), it.event.params["dataLength"].as_u64()))
            .collect();
        let wanted = [
            (2001, "Network.dataReceived", Some(10_000)),
            (2002, "Network.loadingFinished", None),
            (2003, "Network.loadingFailed", None),
            // What is still under way.
            (2003, "Network.dataReceived", Some(5_000)),
        ];
        assert_eq!(told, wanted);
        assert_eq!(all[0].event.session, "S");
        assert!(log.after(log.last(), &every).is_empty());

        // What never ends is not followed without end.
        for id in 0..2 * UNDER_WAY_MAX {
            log.record(Time::MIN, "", "Network.dataReceived", &piece(&format!("x{id}"), 1));
        }
        assert_eq!(log.under_way.len(), UNDER_WAY_MAX);
        assert_eq!(numbers(&log, "Network.dataReceived").len(), 2 * UNDER_WAY_MAX + 2);
    }

    #[test]
    fn a_few_huge_events_are_as_bounded_as_many_small_ones() {
        let mut log = EventLog::default();
        let huge = format!("{:?}", "x".repeat(NETWORK.tail_bytes));
        for _ in 0..5 {
            log.record(Time::MIN, "", "Network.x", &huge);
        }
        assert_eq!((numbers(&log, "Network.x").len(), log.dropped()), (0, 5));
        assert_eq!(numbers(&log, EVENTS_DROPPED), [5]);
        log.record(Time::MIN, "S", "Network.x", "{}");
        assert_eq!(log.after(5, &every)[0].event.session, "S");
        assert!(log.after(log.last(), &every).is_empty());
    }
}
