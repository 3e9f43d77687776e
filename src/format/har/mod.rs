//! HTTP Archive 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>) from the events of the
//! DevTools protocol.
//!
//! Pure: events in, a JSON value out. One entry for each hop: a redirect closes its entry and
//! opens the next; a WebSocket is an entry too. One page for each document that the window showed.
//! Headers and cookies are those of the wire, where the browser tells them.
//!
//! ```text
//! book      events put together: requests, hops      pages     documents, and when they were there
//! entry     a hop as an entry                        phases    how long what took
//! fields    headers, cookies, queries, forms         clock     times as numbers
//! resources what is known of requests that nobody watched
//! inline    bodies put into a HAR
//! ```
//!
//! What HAR has no field for is told where Chrome's own export and other tools tell it: cookies
//! have `sameSite`; names that begin with `_` are `_initiator`, `_priority`, `_resourceType`,
//! `_transferSize`, `_error`, `_requestId`, `_frameId`, `_fromCache`, `_fetchedViaServiceWorker`,
//! `_securityDetails`, `_webSocketMessages`, `_eventSourceMessages`, `_blockedCookies`,
//! `_blockedReasons`; of this program alone are `_artifact`, the name of the artifact that has the
//! body, and `_backfilled`.
//!
//! **Invariant:** nothing is withheld here. Secrets stand in the fields that HAR has for them:
//! headers, cookies, addresses, queries, bodies, messages.

mod book;
mod clock;
mod entry;
mod fields;
pub mod inline;
mod pages;
mod phases;
pub mod resources;

pub use resources::Backfill;

use std::collections::HashMap;

use serde_json::{Value, json};

use book::{Book, Hop};

use crate::format::protocol::ProtocolEvent;
use crate::model::time::Time;

/// The name of this program, as the creator of a HAR.
pub(crate) const CREATOR: &str = "Tintype";

/// Whether events of this method are looked at.
pub fn reads(method: &str) -> bool {
    ["Network.", "Page.", "PerformanceTimeline."].iter().any(|domain| method.starts_with(domain))
}

/// What is told about the page that the requests belong to, beside the events.
#[derive(Debug, Clone, Default)]
pub struct HarPage {
    /// Its title; its address where it has none.
    pub title: String,
    /// When its address was asked for.
    pub started: Option<Time>,
    /// The browser's name and version, divided by `/`: `Chrome/156.0.8078.79`.
    pub browser: String,
    /// What became of the bodies of answers.
    pub bodies: Vec<Body>,
    /// Bodies of requests that no event told.
    pub posts: Vec<Post>,
    /// What is known of the time before anybody watched.
    pub backfill: Backfill,
}

/// What became of the body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The request.
    pub request: RequestId,
    /// What became of it.
    pub kept: Kept,
}

/// What became of the body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is an artifact of its own.
    Artifact {
        /// The artifact's name.
        name: String,
        /// Its size.
        bytes: u64,
    },
    /// It is empty.
    Empty,
    /// It was not taken; the text says why.
    Not(String),
}

/// A body of a request that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The request.
    pub request: RequestId,
    /// The body.
    pub content: Vec<u8>,
}

/// What names a request: its id, which is that of a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// The session that told of it.
    pub session: String,
    /// The id.
    pub id: String,
}

/// An answer whose body can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The request that it answers.
    pub request: RequestId,
    /// Its address.
    pub url: String,
    /// Its media type, as the browser found it.
    pub media_type: String,
    /// The size of its body as far as that is told.
    pub bytes: u64,
    /// Whether it has all come.
    pub finished: bool,
}

/// The requests of a page, and what was answered.
pub struct Traffic(Book);

impl Traffic {
    /// Puts together what events tell, in the order in which they came.
    pub fn of(events: &[ProtocolEvent]) -> Self {
        Traffic(Book::of(events))
    }

    /// The answers that have come, without those that lead on.
    pub fn answers(&self) -> Vec<Answer> {
        let answered = self.0.last_hops().filter(|hop| hop.response.is_object());
        answered
            .filter(|hop| !hop.is_socket)
            .map(|hop| Answer {
                request: request_id(hop),
                url: hop.url().to_owned(),
                media_type: hop.response["mimeType"].as_str().unwrap_or_default().to_owned(),
                bytes: hop.content_bytes,
                finished: hop.ended_at.is_some() && hop.error.is_none(),
            })
            .collect()
    }

    /// The requests that had a body which no event told.
    pub fn untold_posts(&self) -> Vec<RequestId> {
        let posts = self.0.last_hops().filter(|hop| hop.sent["request"]["hasPostData"] == true);
        posts
            .filter(|hop| fields::Posted::of(&hop.sent["request"]).is_none())
            .map(request_id)
            .collect()
    }

    /// Makes a HAR of it.
    pub fn har(&self, page: &HarPage) -> Value {
        let book = &self.0;
        let (name, version) = page.browser.split_once('/').unwrap_or((&page.browser, ""));
        let begun = page.backfill.started().or(book.pages.started());
        let started = page.started.or(begun).unwrap_or(Time::MIN);
        let bodies: HashMap<&RequestId, &Body> =
            page.bodies.iter().map(|body| (&body.request, body)).collect();
        let posts: HashMap<&RequestId, &[u8]> =
            page.posts.iter().map(|post| (&post.request, post.content.as_slice())).collect();
        let watched = book.hops.iter().map(|hop| {
            let request = request_id(hop);
            let body = bodies.get(&request).copied().filter(|_| hop.redirect.is_none());
            let posted = posts.get(&request).copied();
            entry::entry(hop, &book.pages.of(hop.sent_at), started, body, posted)
        });
        let entries: Vec<Value> = page.backfill.entries.iter().cloned().chain(watched).collect();
        let mut log = json!({
            "version": "1.2",
            "creator": { "name": CREATOR, "version": env!("CARGO_PKG_VERSION") },
            "browser": { "name": name, "version": version },
            "pages": book.pages.shown(page, started),
            "entries": entries,
        });
        if book.dropped > 0 {
            let count = book.dropped;
            let what = format!("{count} events of the network were left out; there were too many");
            log["comment"] = json!(what);
        }
        json!({ "log": log })
    }
}

/// Makes a HAR of events in the order in which they came.
pub fn assemble(events: &[ProtocolEvent], page: &HarPage) -> Value {
    Traffic::of(events).har(page)
}

fn request_id(hop: &Hop) -> RequestId {
    RequestId { session: hop.session.clone(), id: hop.id().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::protocol::EVENTS_DROPPED;

    fn told(session: &str, method: &str, params: Value) -> ProtocolEvent {
        ProtocolEvent { at: Time::MIN, session: session.into(), method: method.into(), params }
    }

    fn page() -> HarPage {
        HarPage {
            title: "A page".into(),
            started: Time::from_micros(1_700_000_000_000_000).ok(),
            browser: "Chrome/156.0".into(),
            ..HarPage::default()
        }
    }

    fn har_of(events: &[(&str, Value)]) -> Value {
        let events: Vec<_> = events.iter().map(|(name, it)| told("", name, it.clone())).collect();
        assemble(&events, &page())
    }

    fn entries(har: &Value) -> &Vec<Value> {
        har["log"]["entries"].as_array().unwrap()
    }

    fn sent(id: &str, at: f64, url: &str) -> (&'static str, Value) {
        let request = json!({ "url": url, "method": "GET", "initialPriority": "High",
            "headers": { "Accept": "*/*" } });
        let params = json!({ "requestId": id, "timestamp": at, "wallTime": 1_700_000_000.0 + at,
            "type": "Fetch", "frameId": "F", "initiator": { "type": "script", "stack": {
                "callFrames": [{ "url": "http://a/x.js", "lineNumber": 3 }] } },
            "request": request });
        ("Network.requestWillBeSent", params)
    }

    fn answered(id: &str, at: f64, status: u16, wired: bool) -> (&'static str, Value) {
        let response = json!({ "status": status, "statusText": "Told", "protocol": "http/1.1",
            "mimeType": "text/plain", "headers": { "A": "page" }, "encodedDataLength": 50 });
        let params = json!({ "requestId": id, "timestamp": at, "hasExtraInfo": wired,
            "response": response });
        ("Network.responseReceived", params)
    }

    fn finished(id: &str, at: f64) -> (&'static str, Value) {
        let params = json!({ "requestId": id, "timestamp": at, "encodedDataLength": 60 });
        ("Network.loadingFinished", params)
    }

    fn wired(id: &str, name: &str) -> (&'static str, Value) {
        let params = json!({ "requestId": id, "associatedCookies": [],
            "headers": { "Authorization": name, "Cookie": "a=1" } });
        ("Network.requestWillBeSentExtraInfo", params)
    }

    fn wire_answered(id: &str, status: u16, name: &str) -> (&'static str, Value) {
        let params = json!({ "requestId": id, "statusCode": status, "blockedCookies": [],
            "headersText": format!("HTTP/1.1 {status} Wired well\r\nX: {name}\r\n\r\n"),
            "headers": { "X": name, "Set-Cookie": "b=2\nc=3; Secure" } });
        ("Network.responseReceivedExtraInfo", params)
    }

    fn value<'a>(side: &'a Value, name: &str) -> Option<&'a str> {
        let mut headers = side["headers"].as_array().unwrap().iter();
        headers.find(|header| header["name"] == name)?["value"].as_str()
    }

    #[test]
    fn the_phases_of_a_request_add_up_to_its_time() {
        let timing = json!({ "requestTime": 10.5, "dnsStart": 1.0, "dnsEnd": 3.0,
            "connectStart": 3.0, "connectEnd": 9.0, "sslStart": 4.0, "sslEnd": 9.0,
            "sendStart": 9.0, "sendEnd": 9.5, "receiveHeadersEnd": 20.0 });
        let response = json!({ "status": 200, "statusText": "OK", "protocol": "h2",
            "mimeType": "text/html", "headers": { "Set-Cookie": "a=1\nb=2", "content-encoding": "br" },
            "encodedDataLength": 100, "remoteIPAddress": "[::1]", "connectionId": 12,
            "timing": timing, "securityDetails": { "protocol": "TLS 1.3", "issuer": "CA",
                "certificateId": 0, "subjectName": "a", "validTo": 1_900_000_000 } });
        let har = har_of(&[
            sent("1", 10.25, "https://a/?q=1&r"),
            (
                "Network.responseReceived",
                json!({ "requestId": "1", "timestamp": 10.6, "response": response }),
            ),
            ("Network.dataReceived", json!({ "requestId": "1", "dataLength": 700 })),
            ("Network.dataReceived", json!({ "requestId": "1", "dataLength": 300 })),
            ("Network.resourceChangedPriority", json!({ "requestId": "1", "newPriority": "Low" })),
            (
                "Network.loadingFinished",
                json!({ "requestId": "1", "timestamp": 10.75, "encodedDataLength": 500 }),
            ),
            ("Page.loadEventFired", json!({ "timestamp": 11.25 })),
        ]);
        let entry = &entries(&har)[0];
        let timings = json!({ "blocked": 1.0, "dns": 2.0, "connect": 6.0, "ssl": 5.0,
            "send": 0.5, "wait": 10.5, "receive": 230.0 });
        assert_eq!(entry["timings"], timings);
        assert_eq!(entry["time"], 250.0);
        // Sent a quarter of a second after it was told of.
        assert_eq!(entry["startedDateTime"], "2023-11-14T22:13:30.500000Z");
        let content = json!({ "size": 1000, "mimeType": "text/html", "compression": 600 });
        assert_eq!(entry["response"]["content"], content);
        assert_eq!(entry["response"]["bodySize"], 400);
        assert_eq!(entry["response"]["httpVersion"], "HTTP/2");
        assert_eq!(entry["request"]["headersSize"], -1);
        assert_eq!(
            (&entry["serverIPAddress"], &entry["connection"]),
            (&json!("::1"), &json!("12"))
        );
        let stack = json!({ "callFrames": [{ "url": "http://a/x.js", "lineNumber": 3 }] });
        let initiator =
            json!({ "type": "script", "stack": stack, "url": "http://a/x.js", "lineNumber": 4 });
        assert_eq!(entry["_initiator"], initiator);
        assert_eq!(entry["_priority"], "Low");
        let security = json!({ "protocol": "TLS 1.3", "subjectName": "a", "issuer": "CA",
            "validTo": 1_900_000_000 });
        assert_eq!(entry["_securityDetails"], security);
        let query = json!([{ "name": "q", "value": "1" }, { "name": "r", "value": "" }]);
        assert_eq!(entry["request"]["queryString"], query);
        assert_eq!(entry["response"]["headers"].as_array().map(Vec::len), Some(3));
        assert_eq!(entry["response"]["cookies"].as_array().map(Vec::len), Some(2));
        assert_eq!(har["log"]["pages"][0]["pageTimings"]["onLoad"], 1000.0);
    }

    #[test]
    fn a_redirect_closes_one_entry_and_opens_the_next() {
        let (name, mut second) = sent("1", 2.0, "http://a/two");
        second["redirectResponse"] = json!({ "status": 302, "headers": { "Location": "/two" } });
        let har = har_of(&[
            sent("1", 1.0, "http://a/one"),
            (name, second),
            (
                "Network.loadingFailed",
                json!({ "requestId": "1", "timestamp": 3.0,
                "errorText": "net::ERR_FAILED", "corsErrorStatus": { "corsError": "Wrong" } }),
            ),
        ]);
        let entries = entries(&har);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["response"]["status"], 302);
        assert_eq!(entries[0]["response"]["redirectURL"], "http://a/two");
        assert_eq!(entries[0]["time"], 1000.0);
        assert_eq!(entries[1]["response"]["status"], 0);
        assert_eq!(entries[1]["response"]["_error"], "net::ERR_FAILED, Wrong");
    }

    #[test]
    fn the_wire_is_told_of_the_hop_that_it_belongs_to_whenever_it_comes() {
        let (name, mut second) = sent("1", 2.0, "http://a/two");
        second["redirectResponse"] = json!({ "status": 302, "headers": {} });
        second["redirectHasExtraInfo"] = json!(true);
        let hops = [
            sent("1", 1.0, "http://a/one"),
            (name, second),
            answered("1", 3.0, 200, true),
            finished("1", 4.0),
        ];
        let wire = [
            wired("1", "first"),
            wire_answered("1", 302, "first"),
            wired("1", "second"),
            wire_answered("1", 304, "second"),
        ];
        let before: Vec<_> = wire.iter().chain(&hops).cloned().collect();
        let after: Vec<_> = hops.iter().chain(&wire).cloned().collect();
        assert_eq!(har_of(&before), har_of(&after));
        let har = har_of(&after);
        let entries = entries(&har);
        for (at, name, status) in [(0, "first", 302), (1, "second", 304)] {
            let (request, response) = (&entries[at]["request"], &entries[at]["response"]);
            assert_eq!(value(request, "Authorization"), Some(name));
            assert_eq!(value(response, "X"), Some(name));
            assert_eq!(response["status"], status);
            assert_eq!(response["statusText"], "Wired well");
            assert_eq!(request["cookies"], json!([{ "name": "a", "value": "1" }]));
            assert_eq!(response["cookies"][1]["secure"], true);
        }
        // Of the second, whose version is known: "GET /two HTTP/1.1\r\n" and so on.
        let bytes = "GET /two HTTP/1.1\r\nAuthorization: second\r\nCookie: a=1\r\n\r\n".len();
        assert_eq!(entries[1]["request"]["headersSize"], bytes);
        let bytes = "HTTP/1.1 304 Wired well\r\nX: second\r\n\r\n".len();
        assert_eq!(entries[1]["response"]["headersSize"], bytes);
        assert_eq!(entries[1]["response"]["bodySize"], 0);
    }

    #[test]
    fn what_was_answered_and_kept_from_the_page_is_told() {
        let har = har_of(&[
            sent("1", 1.0, "http://b/x"),
            wired("1", "me"),
            wire_answered("1", 200, "them"),
            (
                "Network.loadingFailed",
                json!({ "requestId": "1", "timestamp": 3.0, "errorText": "", "canceled": false,
                "blockedReason": "corp-not-same-origin" }),
            ),
        ]);
        let response = &entries(&har)[0]["response"];
        assert_eq!((&response["status"], value(response, "X")), (&json!(200), Some("them")));
        assert_eq!(response["_error"], "corp-not-same-origin");
    }

    #[test]
    fn what_came_from_a_cache_says_so_and_has_nothing_of_the_wire() {
        let (name, mut disk) = answered("1", 2.0, 200, true);
        disk["response"]["fromDiskCache"] = json!(true);
        let har = har_of(&[
            sent("1", 1.0, "http://a/"),
            (name, disk),
            ("Network.dataReceived", json!({ "requestId": "1", "dataLength": 9 })),
            finished("1", 3.0),
            sent("2", 4.0, "http://a/"),
            ("Network.requestServedFromCache", json!({ "requestId": "2" })),
            answered("2", 5.0, 200, true),
            finished("2", 6.0),
        ]);
        let entries = entries(&har);
        assert_eq!(
            (&entries[0]["_fromCache"], &entries[1]["_fromCache"]),
            (&"disk".into(), &"memory".into())
        );
        for entry in entries {
            assert_eq!(entry["response"]["bodySize"], 0);
            assert_eq!(value(&entry["response"], "A"), Some("page"));
        }
        assert_eq!(entries[0]["response"]["content"]["size"], 9);
    }

    #[test]
    fn a_frame_in_a_process_of_its_own_goes_on_with_what_its_parent_began() {
        let (name, document) = sent("D", 1.0, "http://b/frame");
        let (got, response) = answered("D", 2.0, 200, true);
        let (end, done) = finished("D", 3.0);
        let data = json!({ "requestId": "D", "dataLength": 171 });
        let (_, other) = sent("7.1", 2.5, "http://a/own");
        let (_, own) = sent("7.1", 2.6, "http://b/own");
        let (_, own_done) = finished("7.1", 4.0);
        let events = [
            told("", name, document.clone()),
            // Its session tells of it again.
            told("S", name, document),
            told("", got, response),
            told("S", "Network.dataReceived", data),
            // Two requests with the same id in two sessions.
            told("", name, other),
            told("S", name, own),
            told("S", end, done),
            told("S", end, own_done),
        ];
        let traffic = Traffic::of(&events);
        let answers = traffic.answers();
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].request, RequestId { session: "".into(), id: "D".into() });
        assert_eq!((answers[0].bytes, answers[0].finished), (171, true));
        let har = traffic.har(&page());
        let entries = entries(&har);
        let urls: Vec<&str> =
            entries.iter().map(|entry| entry["request"]["url"].as_str().unwrap()).collect();
        assert_eq!(urls, ["http://b/frame", "http://a/own", "http://b/own"]);
        assert_eq!(entries[0]["time"], 2000.0);
        let unfinished = |at: usize| entries[at]["response"]["_error"].is_string();
        assert_eq!((unfinished(1), unfinished(2)), (true, false));
    }

    #[test]
    fn a_websocket_and_an_event_stream_are_told_with_their_messages() {
        let id = |mut params: Value| {
            params["requestId"] = json!("W");
            params
        };
        let (name, mut stream) = sent("E", 5.0, "http://a/events");
        stream["type"] = json!("EventSource");
        let har = har_of(&[
            sent("1", 1.0, "http://a/"),
            finished("1", 2.0),
            ("Network.webSocketCreated", id(json!({ "url": "ws://a/ws?x=1" }))),
            (
                "Network.webSocketWillSendHandshakeRequest",
                id(json!({ "timestamp": 3.0, "wallTime": 1_700_000_003.0,
                    "request": { "headers": { "Cookie": "a=1", "Host": "a" } } })),
            ),
            (
                "Network.webSocketHandshakeResponseReceived",
                id(json!({ "timestamp": 3.5, "response": { "status": 101,
                    "statusText": "Switching Protocols", "headers": { "Upgrade": "websocket" },
                    "headersText": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
                    "requestHeaders": { "Cookie": "a=1" } } })),
            ),
            (
                "Network.webSocketFrameSent",
                id(json!({ "timestamp": 4.0, "response": { "opcode": 1, "payloadData": "hi" } })),
            ),
            (
                "Network.webSocketFrameReceived",
                id(json!({ "timestamp": 4.5, "response": { "opcode": 2, "payloadData": "AAH/" } })),
            ),
            ("Network.webSocketClosed", id(json!({ "timestamp": 5.0 }))),
            (name, stream),
            answered("E", 5.5, 200, true),
            (
                "Network.eventSourceMessageReceived",
                json!({ "requestId": "E", "timestamp": 6.0, "eventName": "ping", "eventId": "1",
                    "data": "x" }),
            ),
        ]);
        let entries = entries(&har);
        let socket = &entries[1];
        assert_eq!(socket["request"]["url"], "ws://a/ws?x=1");
        assert_eq!(socket["request"]["queryString"][0]["name"], "x");
        assert_eq!(socket["request"]["cookies"][0]["name"], "a");
        assert_eq!(socket["response"]["status"], 101);
        assert_eq!(socket["response"]["statusText"], "Switching Protocols");
        assert_eq!(socket["response"]["httpVersion"], "HTTP/1.1");
        assert_eq!(socket["startedDateTime"], "2023-11-14T22:13:23.000000Z");
        assert_eq!((&socket["timings"]["wait"], &socket["time"]), (&json!(500.0), &json!(2000.0)));
        assert_eq!(socket["_resourceType"], "websocket");
        let messages = json!([
            { "type": "send", "time": 1_700_000_004.0, "opcode": 1, "data": "hi" },
            { "type": "receive", "time": 1_700_000_004.5, "opcode": 2, "data": "AAH/" },
        ]);
        assert_eq!(socket["_webSocketMessages"], messages);
        let stream = &entries[2];
        assert_eq!(stream["_eventSourceMessages"][0]["data"], "x");
        assert_eq!(stream["response"]["comment"], "open when it was captured");
        assert!(stream["response"].get("_error").is_none());
    }

    #[test]
    fn bodies_of_requests_are_told_where_the_browser_tells_them_or_gave_them_when_asked() {
        let post = |id: &str, body: Value| {
            let (name, mut params) = sent(id, 1.0, "http://a/");
            params["request"]["method"] = json!("POST");
            params["request"]["hasPostData"] = json!(true);
            let kind = "application/x-www-form-urlencoded";
            params["request"]["headers"]["Content-Type"] = json!(kind);
            if !body.is_null() {
                params["request"]["postData"] = body;
            }
            told("", name, params)
        };
        let id = |id: &str| RequestId { session: "".into(), id: id.into() };
        let events = [post("1", json!("a=1")), post("2", json!(null)), post("3", json!(null))];
        let traffic = Traffic::of(&events);
        assert_eq!(traffic.untold_posts(), [id("2"), id("3")]);
        let posts = vec![Post { request: id("2"), content: b"b=2".to_vec() }];
        let har = traffic.har(&HarPage { posts, ..page() });
        let told: Vec<_> = entries(&har)
            .iter()
            .map(|entry| (&entry["request"]["postData"], entry["request"]["bodySize"].as_i64()))
            .collect();
        assert_eq!((&told[0].0["text"], told[0].1), (&json!("a=1"), Some(3)));
        assert_eq!(told[1].0["params"], json!([{ "name": "b", "value": "2" }]));
        assert_eq!((&told[2].0["text"], told[2].1), (&json!(""), Some(-1)));
        assert!(told[2].0["comment"].is_string());
    }

    #[test]
    fn an_answer_names_the_artifact_that_has_its_body_or_says_why_there_is_none() {
        let mut events = Vec::new();
        for id in ["1", "2", "3", "4"] {
            events.extend([sent(id, 1.0, "http://a/"), answered(id, 2.0, 200, false)]);
            events.push(finished(id, 3.0));
        }
        let events: Vec<_> = events.into_iter().map(|(name, it)| told("", name, it)).collect();
        let body = |id: &str, kept: Kept| Body {
            request: RequestId { session: "".into(), id: id.into() },
            kept,
        };
        let bodies = vec![
            body("1", Kept::Artifact { name: "body-001.txt".into(), bytes: 7 }),
            body("2", Kept::Empty),
            body("3", Kept::Not("too large".into())),
        ];
        let har = assemble(&events, &HarPage { bodies, ..page() });
        let content = |at: usize| &entries(&har)[at]["response"]["content"];
        assert_eq!(
            (&content(0)["_artifact"], &content(0)["size"]),
            (&"body-001.txt".into(), &7.into())
        );
        assert_eq!(content(1)["text"], "");
        assert_eq!(content(2)["comment"], "too large");
        assert_eq!(content(3).as_object().map(|all| all.len()), Some(2));
    }

    #[test]
    fn each_document_of_the_window_is_a_page_with_its_times() {
        let document = |id: &str, at: f64, url: &str| {
            let (name, mut params) = sent(id, at, url);
            params["type"] = json!("Document");
            (name, params)
        };
        let shown = |loader: &str, url: &str| {
            let frame = json!({ "id": "F", "loaderId": loader, "url": url });
            ("Page.frameNavigated", json!({ "frame": frame }))
        };
        let child = json!({ "frame": { "id": "G", "parentId": "F", "loaderId": "C" } });
        let painted =
            json!({ "name": "firstContentfulPaint", "loaderId": "L2", "timestamp": 10.5 });
        let largest = json!({ "event": { "type": "largest-contentful-paint",
            "time": 1_700_000_010.75 } });
        let shift = |at: f64, value: f64, input: bool| {
            let details = json!({ "value": value, "hadRecentInput": input });
            let event =
                json!({ "type": "layout-shift", "time": at, "layoutShiftDetails": details });
            ("PerformanceTimeline.timelineEventAdded", json!({ "event": event }))
        };
        let mut events = vec![
            shown("blank", "about:blank"),
            document("L1", 1.0, "http://a/1"),
            shown("L1", "http://a/1"),
            sent("x", 2.0, "http://a/x"),
            ("Page.loadEventFired", json!({ "timestamp": 3.0 })),
            document("L2", 10.0, "http://a/2"),
            shown("L2", "http://a/2"),
            ("Page.frameNavigated", child),
            ("Page.domContentEventFired", json!({ "timestamp": 10.25 })),
            ("Page.lifecycleEvent", painted),
            ("PerformanceTimeline.timelineEventAdded", largest),
            shift(1_700_000_011.0, 0.1, false),
            shift(1_700_000_011.5, 0.15, false),
            shift(1_700_000_012.0, 9.0, true),
            sent("y", 11.0, "http://a/y"),
        ];
        let har = har_of(&events);
        let refs: Vec<_> = entries(&har).iter().map(|entry| &entry["pageref"]).collect();
        assert_eq!(refs, ["page_1", "page_1", "page_2", "page_2"]);
        let pages = &har["log"]["pages"];
        assert_eq!(pages.as_array().map(Vec::len), Some(2));
        assert_eq!(pages[0]["title"], "http://a/1");
        assert_eq!(pages[0]["pageTimings"], json!({ "onContentLoad": -1.0, "onLoad": 2000.0 }));
        assert_eq!(pages[1]["title"], "A page");
        assert_eq!(pages[1]["startedDateTime"], "2023-11-14T22:13:30.000000Z");
        let timings = json!({ "onContentLoad": 250.0, "onLoad": -1.0,
            "_firstContentfulPaint": 500.0, "_largestContentfulPaint": 750.0,
            "_cumulativeLayoutShift": 0.25 });
        assert_eq!(pages[1]["pageTimings"], timings);

        // What frames in other processes tell of themselves is not told of the window.
        events.truncate(4);
        let mut events: Vec<_> = events.into_iter().map(|(name, it)| told("", name, it)).collect();
        events.push(told("S", "Page.loadEventFired", json!({ "timestamp": 9.0 })));
        let har = assemble(&events, &page());
        assert_eq!(har["log"]["pages"][0]["pageTimings"]["onLoad"], -1.0);
    }

    #[test]
    fn what_is_in_the_address_itself_is_no_entry_and_what_is_not_finished_says_so() {
        let har = har_of(&[
            sent("1", 1.0, "data:text/css,a"),
            sent("2", 1.0, "http://a/"),
            sent("3", 1.0, "blob:http://a/1"),
        ]);
        assert_eq!(entries(&har).len(), 1);
        let error = entries(&har)[0]["response"]["_error"].as_str().unwrap();
        assert!(error.starts_with("not finished"));
    }

    #[test]
    fn what_nobody_watched_comes_first_and_what_was_left_out_is_counted() {
        let events = [
            told("", EVENTS_DROPPED, json!({ "kind": "network", "count": 7 })),
            told("", EVENTS_DROPPED, json!({ "kind": "said", "count": 9 })),
        ];
        let early =
            json!({ "_backfilled": true, "startedDateTime": "2023-11-14T22:00:00.000000Z" });
        let backfill = Backfill {
            entries: vec![early.clone()],
            content_loaded: Some(12.5),
            ..Backfill::default()
        };
        let har = assemble(&events, &HarPage { backfill, started: None, ..page() });
        assert_eq!(entries(&har), &[early]);
        let first = &har["log"]["pages"][0];
        assert_eq!(first["startedDateTime"], "2023-11-14T22:00:00.000000Z");
        assert_eq!(first["pageTimings"], json!({ "onContentLoad": 12.5, "onLoad": -1.0 }));
        assert!(har["log"]["comment"].as_str().unwrap().starts_with("7 events"));
    }

    #[test]
    fn events_of_any_shape_do_no_harm() {
        let (name, good) = sent("1", 1.0, "http://a/");
        for odd in [
            json!(null),
            json!([]),
            json!({}),
            json!({ "requestId": 7 }),
            json!({ "requestId": "1", "timestamp": "late", "request": 3, "response": [1],
                "wallTime": 1e300, "dataLength": -1, "encodedDataLength": "x" }),
            json!({ "requestId": "1", "timestamp": 1e300, "response": { "headers": "x",
                "timing": 5, "status": "x" }, "headers": [1], "statusCode": {},
                "frame": 7, "event": "x", "associatedCookies": [1, {}], "blockedCookies": 3 }),
        ] {
            let mut events = vec![(name, good.clone())];
            for method in [
                "Network.responseReceived",
                "Network.dataReceived",
                "Network.loadingFinished",
                "Network.loadingFailed",
                "Network.requestServedFromCache",
                "Network.requestWillBeSentExtraInfo",
                "Network.responseReceivedExtraInfo",
                "Network.webSocketWillSendHandshakeRequest",
                "Network.webSocketHandshakeResponseReceived",
                "Network.webSocketFrameSent",
                "Network.eventSourceMessageReceived",
                "Page.loadEventFired",
                "Page.frameNavigated",
                "PerformanceTimeline.timelineEventAdded",
            ] {
                events.push((method, odd.clone()));
            }
            events.push(("Network.requestWillBeSent", odd.clone()));
            events.push(("Network.webSocketCreated", odd.clone()));
            let har = har_of(&events);
            assert!(!entries(&har).is_empty());
        }
    }
}
