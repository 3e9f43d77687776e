//! HTTP Archive 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>) from the events of the
//! DevTools protocol.
//!
//! Pure: events in, a JSON value out. One entry for each hop: a redirect closes its entry and
//! opens the next. What HAR has no field for has a name that begins with `_`: `_initiator`,
//! `_priority`, `_resourceType`, `_transferSize`, `_error`, `_requestId`, `_frameId`.
//!
//! **Invariant:** no value of a header that carries a secret ([`SECRET_HEADERS`]) and no body of a
//! request is in the result.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::format::protocol::ProtocolEvent;
use crate::model::time::Time;

/// Headers whose values are withheld, in lower case.
pub const SECRET_HEADERS: [&str; 9] = [
    "authorization",
    "cookie",
    "cookie2",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-xsrf-token",
];
/// What stands where a value is withheld.
const WITHHELD: &str = "[withheld]";

/// What is told about the page that the requests belong to.
#[derive(Debug, Clone, Default)]
pub struct HarPage {
    /// Its title; its address where it has none.
    pub title: String,
    /// When its address was asked for.
    pub started: Option<Time>,
    /// The browser's name and version, divided by `/`: `Chrome/156.0.8078.79`.
    pub browser: String,
}

/// Makes a HAR of events in the order in which they came.
pub fn assemble(events: &[ProtocolEvent], page: &HarPage) -> Value {
    let mut book = Book::default();
    for event in events {
        book.enter(&event.method, &event.params);
    }
    let (name, version) = page.browser.split_once('/').unwrap_or((&page.browser, ""));
    let timing = |seconds: Option<f64>| match (seconds, book.first) {
        (Some(at), Some(first)) if at >= first => json!(micros((at - first) * 1000.0)),
        _ => json!(-1),
    };
    let started = page
        .started
        .or_else(|| book.hops.first().and_then(|hop| wall(hop.wall)))
        .unwrap_or(Time::MIN);
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": "Tintype", "version": env!("CARGO_PKG_VERSION") },
        "browser": { "name": name, "version": version },
        "pages": [{
            "startedDateTime": started.to_string(),
            "id": "page_1",
            "title": page.title,
            "pageTimings": {
                "onContentLoad": timing(book.content_loaded),
                "onLoad": timing(book.loaded),
            },
        }],
        "entries": book.hops.iter().map(|hop| entry(hop, started)).collect::<Vec<_>>(),
    } })
}

/// A request and what was answered.
struct Hop {
    /// The parameters of `Network.requestWillBeSent`.
    sent: Value,
    /// When it was sent: seconds since 1970.
    wall: f64,
    /// The same on the browser's own clock, to which all other times belong.
    sent_at: f64,
    response: Option<Value>,
    redirect: String,
    ended_at: Option<f64>,
    content_bytes: u64,
    transferred: Option<f64>,
    from_cache: bool,
    error: Option<String>,
}

/// The hops so far, and which is the open one of each request.
#[derive(Default)]
struct Book {
    hops: Vec<Hop>,
    open: HashMap<String, usize>,
    first: Option<f64>,
    content_loaded: Option<f64>,
    loaded: Option<f64>,
}

impl Book {
    fn enter(&mut self, method: &str, params: &Value) {
        let at = params["timestamp"].as_f64();
        match method {
            "Page.domContentEventFired" => self.content_loaded = at,
            "Page.loadEventFired" => self.loaded = at,
            "Network.requestWillBeSent" => self.sent(params, at),
            _ => {}
        }
        let Some(hop) = params["requestId"]
            .as_str()
            .and_then(|id| self.open.get(id))
            .and_then(|index| self.hops.get_mut(*index))
        else {
            return;
        };
        match method {
            "Network.responseReceived" => hop.response = Some(params["response"].clone()),
            "Network.requestServedFromCache" => hop.from_cache = true,
            "Network.dataReceived" => {
                hop.content_bytes += params["dataLength"].as_u64().unwrap_or(0);
            }
            "Network.loadingFinished" => {
                hop.ended_at = at;
                hop.transferred = params["encodedDataLength"].as_f64();
            }
            "Network.loadingFailed" => {
                hop.ended_at = at;
                let why = params["errorText"].as_str().filter(|why| !why.is_empty());
                let blocked = params["blockedReason"].as_str();
                let cors = params["corsErrorStatus"]["corsError"].as_str();
                let reasons: Vec<&str> = [why, blocked, cors].into_iter().flatten().collect();
                hop.error = Some(match reasons.is_empty() {
                    true => "failed".to_owned(),
                    false => reasons.join(", "),
                });
            }
            _ => {}
        }
    }

    fn sent(&mut self, params: &Value, at: Option<f64>) {
        let (Some(id), Some(sent_at)) = (params["requestId"].as_str(), at) else { return };
        // What is in the address itself crosses no network.
        if params["request"]["url"].as_str().is_none_or(|url| url.starts_with("data:")) {
            return;
        }
        let redirected = params["redirectResponse"].is_object();
        if redirected && let Some(hop) = self.open.get(id).and_then(|at| self.hops.get_mut(*at)) {
            let response = params["redirectResponse"].clone();
            hop.transferred = response["encodedDataLength"].as_f64();
            hop.response = Some(response);
            hop.redirect = params["request"]["url"].as_str().unwrap_or_default().to_owned();
            hop.ended_at = Some(sent_at);
        }
        self.first = self.first.or(Some(sent_at));
        self.open.insert(id.to_owned(), self.hops.len());
        self.hops.push(Hop {
            wall: params["wallTime"].as_f64().unwrap_or(0.0),
            sent: params.clone(),
            sent_at,
            response: None,
            redirect: String::new(),
            ended_at: None,
            content_bytes: 0,
            transferred: None,
            from_cache: false,
            error: None,
        });
    }
}

fn entry(hop: &Hop, page_started: Time) -> Value {
    let null = Value::Null;
    let response = hop.response.as_ref().unwrap_or(&null);
    let phases = Phases::of(hop, response);
    let mut entry = json!({
        "pageref": "page_1",
        "startedDateTime": wall(hop.wall + phases.began).unwrap_or(page_started).to_string(),
        "time": phases.total(),
        "request": request(hop, response),
        "response": answer(hop, response),
        "cache": {},
        "timings": phases.shown(),
        "_requestId": hop.sent["requestId"],
        "_initiator": initiator(&hop.sent["initiator"]),
        "_priority": hop.sent["request"]["initialPriority"],
        "_resourceType": hop.sent["type"].as_str().unwrap_or("Other").to_ascii_lowercase(),
        "_frameId": hop.sent["frameId"],
    });
    if let Some(address) = response["remoteIPAddress"].as_str() {
        entry["serverIPAddress"] = json!(address.trim_matches(['[', ']']));
    }
    if let Some(id) = response["connectionId"].as_f64().filter(|id| *id > 0.0) {
        entry["connection"] = json!(format!("{id}"));
    }
    entry
}

fn request(hop: &Hop, response: &Value) -> Value {
    let request = &hop.sent["request"];
    let address = request["url"].as_str().unwrap_or_default();
    let fragment = request["urlFragment"].as_str().unwrap_or_default();
    let has_body = request["hasPostData"] == true;
    let mut value = json!({
        "method": request["method"].as_str().unwrap_or("GET"),
        "url": format!("{address}{fragment}"),
        "httpVersion": http_version(response),
        "cookies": [],
        "headers": headers(&request["headers"]),
        "queryString": query(address),
        "headersSize": -1,
        "bodySize": if has_body { -1 } else { 0 },
    });
    if has_body {
        let kind = header(&request["headers"], "content-type").unwrap_or_default();
        value["postData"] =
            json!({ "mimeType": kind, "params": [], "text": "", "comment": WITHHELD });
    }
    value
}

fn answer(hop: &Hop, response: &Value) -> Value {
    let header_bytes = response["encodedDataLength"].as_f64();
    let body_bytes = match (hop.transferred, header_bytes) {
        (Some(all), Some(head)) if all >= head => json!((all - head) as u64),
        _ => json!(-1),
    };
    let mut value = json!({
        "status": response["status"].as_i64().unwrap_or(0),
        "statusText": response["statusText"].as_str().unwrap_or_default(),
        "httpVersion": http_version(response),
        "cookies": [],
        "headers": headers(&response["headers"]),
        "content": {
            "size": hop.content_bytes,
            "mimeType": response["mimeType"].as_str().filter(|kind| !kind.is_empty())
                .unwrap_or("x-unknown"),
        },
        "redirectURL": hop.redirect,
        "headersSize": -1,
        "bodySize": body_bytes,
        "_transferSize": hop.transferred.map_or(-1, |bytes| bytes as i64),
    });
    if hop.from_cache || response["fromDiskCache"] == true {
        value["_fromCache"] = json!(true);
    }
    if let Some(error) = &hop.error {
        value["_error"] = json!(error);
    } else if hop.ended_at.is_none() {
        value["_error"] = json!("not finished when it was captured");
    }
    value
}

/// How long each phase took, in milliseconds; -1 where it did not happen or is not known.
struct Phases {
    /// From the event that told of the request to the request, in seconds.
    began: f64,
    blocked: f64,
    dns: f64,
    connect: f64,
    ssl: f64,
    send: f64,
    wait: f64,
    receive: f64,
}

impl Phases {
    fn of(hop: &Hop, response: &Value) -> Self {
        let timing = &response["timing"];
        let ended = hop.ended_at.unwrap_or(hop.sent_at);
        let Some(requested) = timing["requestTime"].as_f64() else {
            // Cached, failed, or not answered yet: all of it was waiting.
            let wait = ((ended - hop.sent_at) * 1000.0).max(0.0);
            return Phases {
                began: 0.0,
                blocked: -1.0,
                dns: -1.0,
                connect: -1.0,
                ssl: -1.0,
                send: 0.0,
                wait,
                receive: 0.0,
            };
        };
        let of = |name: &str| timing[name].as_f64().unwrap_or(-1.0);
        let span = |start: &str, end: &str| match (of(start), of(end)) {
            (start, end) if start >= 0.0 && end >= start => end - start,
            _ => -1.0,
        };
        let first = ["dnsStart", "connectStart", "sendStart"].map(of);
        let headers_at = of("receiveHeadersEnd").max(0.0);
        Phases {
            began: requested - hop.sent_at,
            blocked: first.into_iter().find(|at| *at >= 0.0).unwrap_or(-1.0),
            dns: span("dnsStart", "dnsEnd"),
            connect: span("connectStart", "connectEnd"),
            ssl: span("sslStart", "sslEnd"),
            send: span("sendStart", "sendEnd").max(0.0),
            wait: span("sendEnd", "receiveHeadersEnd").max(0.0),
            receive: ((ended - requested) * 1000.0 - headers_at).max(0.0),
        }
    }

    /// The sum of what is known; `ssl` is within `connect`.
    fn total(&self) -> f64 {
        let phases = [self.blocked, self.dns, self.connect, self.send, self.wait, self.receive];
        micros(phases.into_iter().filter(|phase| *phase > 0.0).sum())
    }

    fn shown(&self) -> Value {
        json!({
            "blocked": micros(self.blocked),
            "dns": micros(self.dns),
            "connect": micros(self.connect),
            "ssl": micros(self.ssl),
            "send": micros(self.send),
            "wait": micros(self.wait),
            "receive": micros(self.receive),
        })
    }
}

fn headers(headers: &Value) -> Value {
    let mut list = Vec::new();
    for (name, value) in headers.as_object().into_iter().flatten() {
        let secret = SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str());
        // Several headers of one name come as one, a line each.
        for value in value.as_str().unwrap_or_default().split('\n') {
            let value = if secret { WITHHELD } else { value };
            list.push(json!({ "name": name, "value": value }));
        }
    }
    list.into()
}

fn header<'a>(headers: &'a Value, wanted: &str) -> Option<&'a str> {
    let mut all = headers.as_object()?.iter();
    all.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).and_then(|(_, value)| value.as_str())
}

fn query(address: &str) -> Value {
    let address = address.split('#').next().unwrap_or_default();
    let Some((_, query)) = address.split_once('?') else { return json!([]) };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            json!({ "name": name, "value": value })
        })
        .collect()
}

fn http_version(response: &Value) -> String {
    match response["protocol"].as_str() {
        Some("h2") => "HTTP/2".to_owned(),
        Some("h3") => "HTTP/3".to_owned(),
        Some(other) if !other.is_empty() => other.to_ascii_uppercase(),
        _ => String::new(),
    }
}

fn initiator(initiator: &Value) -> Value {
    let mut value = json!({ "type": initiator["type"].as_str().unwrap_or("other") });
    let frame = &initiator["stack"]["callFrames"][0];
    let place = if frame.is_object() { frame } else { initiator };
    if let Some(url) = place["url"].as_str() {
        value["url"] = json!(url);
    }
    if let Some(line) = place["lineNumber"].as_f64() {
        value["lineNumber"] = json!(line as i64 + 1);
    }
    value
}

/// A moment given in seconds since 1970.
fn wall(seconds: f64) -> Option<Time> {
    Time::from_micros((seconds * 1e6).round() as i64).ok()
}

/// Rounded to what is worth telling: the browser's clock has no more than that.
fn micros(millis: f64) -> f64 {
    if millis < 0.0 { -1.0 } else { (millis * 1000.0).round() / 1000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn har_of(events: &[(&str, Value)]) -> Value {
        let page = HarPage {
            title: "A page".into(),
            started: Time::from_micros(1_700_000_000_000_000).ok(),
            browser: "Chrome/156.0".into(),
        };
        let event = |(method, params): &(&str, Value)| ProtocolEvent {
            at: Time::MIN,
            session: String::new(),
            method: (*method).into(),
            params: params.clone(),
        };
        assemble(&events.iter().map(event).collect::<Vec<_>>(), &page)
    }

    fn sent(id: &str, at: f64, url: &str) -> (&'static str, Value) {
        let request = json!({ "url": url, "method": "GET", "initialPriority": "High",
            "headers": { "Accept": "*/*", "AUTHORIZATION": "Bearer s3cr3t" } });
        let params = json!({ "requestId": id, "timestamp": at, "wallTime": 1_700_000_000.0 + at,
            "type": "Fetch", "frameId": "F", "initiator": { "type": "script", "stack": {
                "callFrames": [{ "url": "http://a/x.js", "lineNumber": 3 }] } },
            "request": request });
        ("Network.requestWillBeSent", params)
    }

    #[test]
    fn the_phases_of_a_request_add_up_to_its_time() {
        let timing = json!({ "requestTime": 10.5, "dnsStart": 1.0, "dnsEnd": 3.0,
            "connectStart": 3.0, "connectEnd": 9.0, "sslStart": 4.0, "sslEnd": 9.0,
            "sendStart": 9.0, "sendEnd": 9.5, "receiveHeadersEnd": 20.0 });
        let response = json!({ "status": 200, "statusText": "OK", "protocol": "h2",
            "mimeType": "text/html", "headers": { "Set-Cookie": "a=s3cr3t\nb=s3cr3t" },
            "encodedDataLength": 100, "remoteIPAddress": "[::1]", "timing": timing });
        let har = har_of(&[
            sent("1", 10.25, "https://a/?q=1&r"),
            (
                "Network.responseReceived",
                json!({ "requestId": "1", "timestamp": 10.6, "response": response }),
            ),
            ("Network.dataReceived", json!({ "requestId": "1", "dataLength": 700 })),
            ("Network.dataReceived", json!({ "requestId": "1", "dataLength": 300 })),
            (
                "Network.loadingFinished",
                json!({ "requestId": "1", "timestamp": 10.75, "encodedDataLength": 500 }),
            ),
            ("Page.loadEventFired", json!({ "timestamp": 11.25 })),
        ]);
        let entry = &har["log"]["entries"][0];
        let timings = json!({ "blocked": 1.0, "dns": 2.0, "connect": 6.0, "ssl": 5.0,
            "send": 0.5, "wait": 10.5, "receive": 230.0 });
        assert_eq!(entry["timings"], timings);
        assert_eq!(entry["time"], 250.0);
        // Sent a quarter of a second after it was told of.
        assert_eq!(entry["startedDateTime"], "2023-11-14T22:13:30.500000Z");
        assert_eq!(entry["response"]["content"]["size"], 1000);
        assert_eq!(entry["response"]["bodySize"], 400);
        assert_eq!(entry["response"]["httpVersion"], "HTTP/2");
        assert_eq!(entry["serverIPAddress"], "::1");
        assert_eq!(
            entry["_initiator"],
            json!({ "type": "script", "url": "http://a/x.js",
            "lineNumber": 4 })
        );
        let query = json!([{ "name": "q", "value": "1" }, { "name": "r", "value": "" }]);
        assert_eq!(entry["request"]["queryString"], query);
        assert_eq!(entry["response"]["headers"].as_array().map(Vec::len), Some(2));
        assert_eq!(har["log"]["pages"][0]["pageTimings"]["onLoad"], 1000.0);
        assert!(!har.to_string().contains("s3cr3t"));
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
        let entries = har["log"]["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["response"]["status"], 302);
        assert_eq!(entries[0]["response"]["redirectURL"], "http://a/two");
        assert_eq!(entries[0]["time"], 1000.0);
        assert_eq!(entries[1]["response"]["status"], 0);
        assert_eq!(entries[1]["response"]["_error"], "net::ERR_FAILED, Wrong");
    }

    #[test]
    fn what_is_in_the_address_itself_is_no_entry_and_what_is_not_finished_says_so() {
        let har = har_of(&[sent("1", 1.0, "data:text/css,a"), sent("2", 1.0, "http://a/")]);
        let entries = har["log"]["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 1);
        assert!(entries[0]["response"]["_error"].as_str().unwrap().starts_with("not finished"));
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
        ] {
            let mut events = vec![(name, good.clone())];
            for method in [
                "Network.requestWillBeSent",
                "Network.responseReceived",
                "Network.dataReceived",
                "Network.loadingFinished",
                "Network.loadingFailed",
                "Network.requestServedFromCache",
                "Page.loadEventFired",
            ] {
                events.push((method, odd.clone()));
            }
            let har = har_of(&events);
            assert_eq!(har["log"]["entries"].as_array().map(Vec::len), Some(1));
        }
    }
}
