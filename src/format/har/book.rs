//! Requests, put together from the events that tell of them.
//!
//! A request is a chain of hops: a redirect closes one and opens the next, under the same id. Ids
//! are those of a session; a frame in a process of its own is loaded in its parent's session, which
//! tells of the request and of the answer's beginning, and told of to its end in its own. So what
//! no request of a session fits is looked for under the same id in the others.
//!
//! What really was on the wire comes in events of its own, on another channel, before or after
//! those that tell of the hop; the n-th belongs to the n-th hop that crossed the network.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::pages::Pages;
use crate::format::protocol::{EVENTS_DROPPED, ProtocolEvent};

/// How far apart two tellings of one request may be, in seconds.
const SAME_REQUEST: f64 = 0.001;

/// A request and what was answered.
#[derive(Default)]
pub(super) struct Hop {
    /// The session that told of it first.
    pub session: String,
    /// The parameters of `Network.requestWillBeSent`, or what is like them.
    pub sent: Value,
    /// When it was sent: seconds since 1970.
    pub wall: f64,
    /// The same on the browser's own clock, to which all other times belong.
    pub sent_at: f64,
    pub response: Value,
    /// The address that the answer leads to.
    pub redirect: Option<String>,
    /// Whether the browser says that it will tell what was on the wire.
    pub told: Option<bool>,
    /// What was on the wire, where that was told: the parameters of both `ExtraInfo` events.
    pub request_wire: Value,
    pub response_wire: Value,
    pub ended_at: Option<f64>,
    pub content_bytes: u64,
    pub transferred: Option<f64>,
    pub from_memory: bool,
    pub priority: Value,
    pub error: Option<String>,
    /// Whether it is a WebSocket.
    pub is_socket: bool,
    /// What went over a WebSocket, or came over an event stream.
    pub messages: Vec<Value>,
}

impl Hop {
    pub fn id(&self) -> &str {
        self.sent["requestId"].as_str().unwrap_or_default()
    }

    pub fn url(&self) -> &str {
        self.sent["request"]["url"].as_str().unwrap_or_default()
    }

    /// What kind of thing was asked for: `document`, `fetch`, `eventsource`.
    pub fn resource_type(&self) -> String {
        self.sent["type"].as_str().unwrap_or("Other").to_ascii_lowercase()
    }

    /// Whether it is of a kind that stays open as long as it is needed.
    pub fn stays_open(&self) -> bool {
        self.is_socket || self.sent["type"] == "EventSource"
    }
}

/// The hops of one request.
#[derive(Default)]
struct Chain {
    sessions: Vec<String>,
    hops: Vec<usize>,
    requests_wire: Vec<Value>,
    responses_wire: Vec<Value>,
}

/// All hops in the order in which they were sent, and the pages that they belong to.
#[derive(Default)]
pub(super) struct Book {
    pub hops: Vec<Hop>,
    pub pages: Pages,
    /// How many events of the network were not kept.
    pub dropped: u64,
    chains: Vec<Chain>,
    of_id: HashMap<String, Vec<usize>>,
    /// What is to be added to the browser's clock to get seconds since 1970.
    clock: Option<f64>,
}

impl Book {
    pub fn of(events: &[ProtocolEvent]) -> Self {
        let mut book = Book::default();
        for event in events {
            book.enter(event);
        }
        book.settle();
        book
    }

    fn enter(&mut self, event: &ProtocolEvent) {
        let ProtocolEvent { session, method, params, .. } = event;
        if method == EVENTS_DROPPED && params["kind"] == "network" {
            self.dropped += params["count"].as_u64().unwrap_or(0);
        }
        if session.is_empty() {
            self.pages.enter(method, params);
        }
        let Some(name) = method.strip_prefix("Network.") else { return };
        let Some(id) = params["requestId"].as_str() else { return };
        match name {
            "requestWillBeSent" => self.sent(session, id, params),
            "webSocketCreated" => self.opened(session, id, params),
            "requestWillBeSentExtraInfo" => {
                self.chain(session, id).requests_wire.push(params.clone());
            }
            "responseReceivedExtraInfo" => {
                self.chain(session, id).responses_wire.push(params.clone());
            }
            _ => self.told(session, id, name, params),
        }
    }

    /// A request is sent, for the first time or led on.
    fn sent(&mut self, session: &str, id: &str, params: &Value) {
        let Some(sent_at) = params["timestamp"].as_f64() else { return };
        let url = params["request"]["url"].as_str().unwrap_or_default();
        // What is in the address itself, or in the browser's memory, crosses no network.
        if url.is_empty() || ["data:", "blob:"].iter().any(|kind| url.starts_with(kind)) {
            return;
        }
        let wall = params["wallTime"].as_f64().unwrap_or(0.0);
        self.clock = self.clock.or((wall > 0.0).then_some(wall - sent_at));
        let twin = |hop: &Hop| hop.url() == url && (hop.sent_at - sent_at).abs() < SAME_REQUEST;
        let led_on = params["redirectResponse"].is_object();
        let of_others = self.of_id.get(id).into_iter().flatten().copied().find(|at| {
            let chain = &self.chains[*at];
            let last = chain.hops.last().map(|hop| &self.hops[*hop]);
            !chain.sessions.iter().any(|told| told == session) && last.is_some_and(twin)
        });
        if let Some(chain) = of_others {
            // Told by a frame's parent already.
            self.chains[chain].sessions.push(session.to_owned());
            return;
        }
        let index = self.hops.len();
        let chain = match led_on {
            true => self.chain(session, id),
            false => self.own_chain(session, id),
        };
        let before = chain.hops.last().copied();
        chain.hops.push(index);
        if led_on && let Some(hop) = before.and_then(|at| self.hops.get_mut(at)) {
            let response = params["redirectResponse"].clone();
            hop.transferred = response["encodedDataLength"].as_f64();
            hop.response = response;
            hop.told = params["redirectHasExtraInfo"].as_bool();
            hop.redirect = Some(url.to_owned());
            hop.ended_at = Some(sent_at);
        }
        self.hops.push(Hop {
            session: session.to_owned(),
            sent: params.clone(),
            wall,
            sent_at,
            ..Hop::default()
        });
    }

    /// A WebSocket is opened; when, is told with its handshake.
    fn opened(&mut self, session: &str, id: &str, params: &Value) {
        let index = self.hops.len();
        self.own_chain(session, id).hops.push(index);
        let sent = json!({
            "requestId": id,
            "type": "WebSocket",
            "initiator": params["initiator"],
            "request": { "url": params["url"], "method": "GET", "headers": {} },
        });
        // Until the handshake tells, as late as what came before it.
        let sent_at = self.hops.last().map_or(0.0, |hop| hop.sent_at);
        let wall = self.hops.last().map_or(0.0, |hop| hop.wall);
        let session = session.to_owned();
        self.hops.push(Hop { session, sent, wall, sent_at, is_socket: true, ..Hop::default() });
    }

    /// Something is told of a request that is under way.
    fn told(&mut self, session: &str, id: &str, name: &str, params: &Value) {
        let at = params["timestamp"].as_f64();
        let clock = self.clock.unwrap_or(0.0);
        let moment = at.map(|at| ((at + clock) * 1e6).round() / 1e6);
        let Some(hop) = self.find(session, id).and_then(|chain| self.chains[chain].hops.last())
        else {
            return;
        };
        let hop = &mut self.hops[*hop];
        match name {
            "responseReceived" => {
                hop.response = params["response"].clone();
                hop.told = params["hasExtraInfo"].as_bool();
                // A frame's own session knows better what it is.
                if hop.sent["type"].is_null() {
                    hop.sent["type"] = params["type"].clone();
                }
            }
            "requestServedFromCache" => hop.from_memory = true,
            "resourceChangedPriority" => hop.priority = params["newPriority"].clone(),
            "dataReceived" => hop.content_bytes += params["dataLength"].as_u64().unwrap_or(0),
            "loadingFinished" => {
                hop.ended_at = at;
                hop.transferred = params["encodedDataLength"].as_f64();
            }
            "loadingFailed" => {
                hop.ended_at = at;
                // An event stream is ended by whoever reads it.
                if hop.stays_open() && params["canceled"] == true && hop.response.is_object() {
                    return;
                }
                let why = params["errorText"].as_str().filter(|why| !why.is_empty());
                let blocked = params["blockedReason"].as_str();
                let cors = params["corsErrorStatus"]["corsError"].as_str();
                let reasons: Vec<&str> = [why, blocked, cors].into_iter().flatten().collect();
                hop.error = Some(match reasons.is_empty() {
                    true => "failed".to_owned(),
                    false => reasons.join(", "),
                });
            }
            "webSocketWillSendHandshakeRequest" => {
                hop.sent_at = at.unwrap_or(hop.sent_at);
                hop.wall = params["wallTime"].as_f64().unwrap_or(hop.wall);
                hop.request_wire = params["request"].clone();
            }
            "webSocketHandshakeResponseReceived" => {
                let response = &params["response"];
                if response["requestHeaders"].is_object() {
                    hop.request_wire = json!({ "headers": response["requestHeaders"] });
                }
                hop.response_wire = response.clone();
                let mut response = response.as_object().cloned().unwrap_or_default();
                response.insert("timing".to_owned(), json!({ "answered": at }));
                hop.response = response.into();
            }
            "webSocketFrameSent" | "webSocketFrameReceived" => {
                let direction = if name == "webSocketFrameSent" { "send" } else { "receive" };
                hop.messages.push(json!({
                    "type": direction,
                    "time": moment,
                    "opcode": params["response"]["opcode"],
                    "data": params["response"]["payloadData"],
                }));
            }
            "webSocketFrameError" => {
                hop.error = params["errorMessage"].as_str().map(str::to_owned);
            }
            "webSocketClosed" => hop.ended_at = at,
            "eventSourceMessageReceived" => hop.messages.push(json!({
                "type": "receive",
                "time": moment,
                "eventName": params["eventName"],
                "eventId": params["eventId"],
                "data": params["data"],
            })),
            _ => {}
        }
    }

    /// The chain of this session with this id; where there is none, one of another session.
    fn find(&self, session: &str, id: &str) -> Option<usize> {
        let chains = self.of_id.get(id)?;
        let own = |at: &&usize| self.chains[**at].sessions.iter().any(|told| told == session);
        chains.iter().rev().find(own).or(chains.last()).copied()
    }

    fn chain(&mut self, session: &str, id: &str) -> &mut Chain {
        let at = self.find(session, id).unwrap_or_else(|| self.begin(session, id));
        &mut self.chains[at]
    }

    /// The chain that a request of this session goes into: not that of another's request.
    fn own_chain(&mut self, session: &str, id: &str) -> &mut Chain {
        let fits = |at: &usize| {
            let chain = &self.chains[*at];
            chain.hops.is_empty() || chain.sessions.iter().any(|told| told == session)
        };
        let at = match self.find(session, id).filter(fits) {
            Some(at) => at,
            None => self.begin(session, id),
        };
        &mut self.chains[at]
    }

    fn begin(&mut self, session: &str, id: &str) -> usize {
        let at = self.chains.len();
        self.chains.push(Chain { sessions: vec![session.to_owned()], ..Chain::default() });
        self.of_id.entry(id.to_owned()).or_default().push(at);
        at
    }

    /// Gives each hop what was on the wire, and puts the hops in order.
    fn settle(&mut self) {
        for chain in &mut self.chains {
            let told: Vec<_> = chain
                .hops
                .iter()
                .map(|at| &self.hops[*at])
                .map(|hop| if hop.from_memory { Some(false) } else { hop.told })
                .collect();
            for (which, wire) in owners(&told, chain.requests_wire.len())
                .into_iter()
                .zip(std::mem::take(&mut chain.requests_wire))
            {
                self.hops[chain.hops[which]].request_wire = wire;
            }
            for (which, wire) in owners(&told, chain.responses_wire.len())
                .into_iter()
                .zip(std::mem::take(&mut chain.responses_wire))
            {
                self.hops[chain.hops[which]].response_wire = wire;
            }
        }
        // A WebSocket may have been opened before others and sent after them.
        self.hops.sort_by(|a, b| a.sent_at.total_cmp(&b.sent_at));
        let starts: HashMap<&str, (f64, f64)> =
            self.hops.iter().rev().map(|hop| (hop.id(), (hop.sent_at, hop.wall))).collect();
        self.pages.settle(&starts, self.clock);
    }

    /// The hops that end their chain, so that a body can belong to them.
    pub fn last_hops(&self) -> impl Iterator<Item = &Hop> {
        let mut later = HashSet::new();
        let mut last: Vec<&Hop> =
            self.hops.iter().rev().filter(|hop| later.insert((&hop.session, hop.id()))).collect();
        last.reverse();
        last.into_iter()
    }
}

/// For each of so many tellings of the wire, in order, the hop that it belongs to.
///
/// Where there is one for each hop it is that. Else hops of which the browser says that they have
/// none, since they were answered from a cache, come last. (It says so of some that have one.)
fn owners(told: &[Option<bool>], tellings: usize) -> Vec<usize> {
    let mut hops: Vec<usize> = (0..told.len()).collect();
    if tellings < told.len() {
        hops.sort_by_key(|at| told[*at] == Some(false));
        hops.truncate(tellings);
        hops.sort_unstable();
    }
    hops.truncate(tellings);
    hops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_is_told_of_each_hop_that_crossed_it() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(owners(&[yes, yes, None], 3), [0, 1, 2]);
        // A hop that failed before it was sent.
        assert_eq!(owners(&[yes, None], 1), [0]);
        // The browser led itself on (HSTS), or answered from its cache.
        assert_eq!(owners(&[no, yes], 1), [1]);
        assert_eq!(owners(&[yes, no, yes], 2), [0, 2]);
        // Blocked after it was answered: said to have none, and has one.
        assert_eq!(owners(&[no], 1), [0]);
        assert_eq!(owners(&[], 2), [0; 0]);
        assert_eq!(owners(&[yes], 0), [0; 0]);
        assert_eq!(owners(&[yes], 5), [0]);
    }
}
