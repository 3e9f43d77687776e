//! One request as an entry of a HAR.

use serde_json::{Map, Value, json};

use super::book::Hop;
use super::clock::wall;
use super::fields::{
    Posted, header, headers, kept_back, pairs, query, request_cookies, response_cookies,
};
use super::phases::Phases;
use super::{Body, Kept};
use crate::model::time::Time;

/// What the security of a connection is told with, beside what only a browser can use.
const SECURITY: [&str; 11] = [
    "protocol",
    "keyExchange",
    "keyExchangeGroup",
    "cipher",
    "mac",
    "subjectName",
    "sanList",
    "issuer",
    "validFrom",
    "validTo",
    "certificateTransparencyCompliance",
];

/// The most frames of the stack that a request began in.
const STACK_FRAMES_MAX: usize = 10;

/// What was on the wire, or else what the page was told.
struct Wire<'a> {
    request: &'a Value,
    response: &'a Value,
    status: i64,
    status_text: &'a str,
    version: String,
}

impl<'a> Wire<'a> {
    fn of(hop: &'a Hop) -> Self {
        let or = |told: &'a Value, else_: &'a Value| if told.is_object() { told } else { else_ };
        let (response, wire) = (&hop.response, &hop.response_wire);
        // The page is told 200 of what was not changed (304), and nothing of what was blocked.
        let told = response["status"].as_i64().unwrap_or(0);
        let status = wire["statusCode"].as_i64().filter(|status| *status > 0).unwrap_or(told);
        let line = wire["headersText"].as_str().and_then(|text| text.lines().next());
        let mut words = line.unwrap_or_default().splitn(3, ' ');
        let (first, text) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        let status_text = match response["statusText"].as_str() {
            Some(told_text) if status == told => told_text,
            _ => text,
        };
        Wire {
            request: or(&hop.request_wire["headers"], &hop.sent["request"]["headers"]),
            response: or(&wire["headers"], &response["headers"]),
            status,
            status_text,
            version: version(response, first),
        }
    }
}

/// Makes the entry of a hop that belongs to the page of this id.
pub(super) fn entry(
    hop: &Hop,
    page: &str,
    page_started: Time,
    body: Option<&Body>,
    posted: Option<&[u8]>,
) -> Value {
    let wire = Wire::of(hop);
    let phases = Phases::of(hop);
    let started = wall(hop.wall + phases.began).unwrap_or(page_started);
    let priority = match hop.priority.is_null() {
        true => &hop.sent["request"]["initialPriority"],
        false => &hop.priority,
    };
    let mut entry = json!({
        "pageref": page,
        "startedDateTime": started.to_string(),
        "time": phases.total(),
        "request": request(hop, &wire, posted),
        "response": response(hop, &wire, started, body),
        "cache": {},
        "timings": phases.shown(),
    });
    let response = &hop.response;
    if let Some(address) = response["remoteIPAddress"].as_str().filter(|at| !at.is_empty()) {
        entry["serverIPAddress"] = json!(address.trim_matches(['[', ']']));
    }
    if let Some(id) = response["connectionId"].as_f64().filter(|id| *id > 0.0) {
        entry["connection"] = json!(format!("{id}"));
    }
    entry["_requestId"] = json!(hop.id());
    entry["_initiator"] = initiator(&hop.sent["initiator"]);
    entry["_resourceType"] = json!(hop.resource_type());
    for (name, value) in [("_priority", priority), ("_frameId", &hop.sent["frameId"])] {
        if !value.is_null() {
            entry[name] = value.clone();
        }
    }
    if hop.from_memory {
        entry["_fromCache"] = json!("memory");
    } else if response["fromDiskCache"] == true {
        entry["_fromCache"] = json!("disk");
    } else if response["fromPrefetchCache"] == true {
        entry["_fromCache"] = json!("prefetch");
    }
    let security = &response["securityDetails"];
    if security.is_object() {
        let known = SECURITY.iter().filter(|name| !security[**name].is_null());
        let known: Map<_, _> =
            known.map(|name| ((*name).to_owned(), security[*name].clone())).collect();
        entry["_securityDetails"] = known.into();
    }
    if !hop.messages.is_empty() {
        let name = if hop.is_socket { "_webSocketMessages" } else { "_eventSourceMessages" };
        entry[name] = json!(hop.messages);
    }
    entry
}

fn request(hop: &Hop, wire: &Wire<'_>, posted: Option<&[u8]>) -> Value {
    let request = &hop.sent["request"];
    let address = hop.url();
    let method = request["method"].as_str().unwrap_or("GET");
    let list = headers(wire.request);
    let associated = &hop.request_wire["associatedCookies"];
    let posts = request["hasPostData"] == true || request["postData"].is_string();
    let asked_for = || posted.filter(|_| posts).map(|content| Posted::of_bytes(content.to_vec()));
    let body = Posted::of(request).or_else(asked_for);
    let body_bytes = match &body {
        Some(body) => json!(body.bytes),
        None if !posts => json!(0),
        None => {
            let told = header(wire.request, "content-length");
            json!(told.and_then(|bytes| bytes.parse::<i64>().ok()).unwrap_or(-1))
        }
    };
    let mut value = json!({
        "method": method,
        "url": address,
        "httpVersion": wire.version,
        "cookies": request_cookies(wire.request, associated),
        "headers": pairs(&list),
        "queryString": query(address),
        "headersSize": request_head_bytes(hop, wire, method, &list),
        "bodySize": body_bytes,
    });
    if posts {
        let kind = header(wire.request, "content-type").unwrap_or_default();
        value["postData"] = match &body {
            Some(body) => body.shown(kind),
            None => json!({ "mimeType": kind, "params": [], "text": "",
                "comment": "the browser did not tell it: it is too large, or has files in it" }),
        };
    }
    let kept_back = kept_back(associated);
    if kept_back.as_array().is_some_and(|all| !all.is_empty()) {
        value["_blockedCookies"] = kept_back;
    }
    value
}

/// The size of the head of a request, where what was sent is known and was sent as text.
fn request_head_bytes(hop: &Hop, wire: &Wire<'_>, method: &str, list: &[(String, String)]) -> i64 {
    if !hop.request_wire["headers"].is_object() || !wire.version.starts_with("HTTP/1") {
        return -1;
    }
    // From the path on: "GET /a?b HTTP/1.1\r\n", "Name: value\r\n" …, "\r\n".
    let address = hop.url().split_once("://").map_or("", |(_, rest)| rest);
    let target = address.find(['/', '?']).map_or("/", |at| &address[at..]);
    let line = method.len() + 1 + target.len() + 1 + wire.version.len() + 2;
    let fields: usize = list.iter().map(|(name, value)| name.len() + 2 + value.len() + 2).sum();
    (line + fields + 2) as i64
}

fn response(hop: &Hop, wire: &Wire<'_>, answered: Time, body: Option<&Body>) -> Value {
    let response = &hop.response;
    let cached = hop.from_memory || response["fromDiskCache"] == true;
    let head = hop.response_wire["headersText"].as_str().map(str::len);
    let head_bytes = response["encodedDataLength"].as_f64();
    let body_bytes = match (hop.transferred, head_bytes) {
        _ if cached || wire.status == 304 => 0,
        (Some(all), Some(head)) if all >= head => (all - head) as i64,
        // Of some answers (to preflights) only is told that they came.
        (Some(_), _) if hop.content_bytes == 0 => 0,
        _ => -1,
    };
    let mut value = json!({
        "status": wire.status,
        "statusText": wire.status_text,
        "httpVersion": wire.version,
        "cookies": response_cookies(wire.response, &hop.response_wire["blockedCookies"], answered),
        "headers": pairs(&headers(wire.response)),
        "content": content(hop, wire, body, body_bytes),
        "redirectURL": hop.redirect.as_deref().unwrap_or_default(),
        "headersSize": head.filter(|_| !cached).map_or(-1, |bytes| bytes as i64),
        "bodySize": body_bytes,
        "_transferSize": hop.transferred.map_or(-1, |bytes| bytes as i64),
    });
    if response["fromServiceWorker"] == true {
        value["_fetchedViaServiceWorker"] = json!(true);
    }
    if let Some(error) = &hop.error {
        value["_error"] = json!(error);
    } else if hop.ended_at.is_none() {
        match hop.stays_open() && response.is_object() {
            true => value["comment"] = json!("open when it was captured"),
            false => value["_error"] = json!("not finished when it was captured"),
        }
    }
    value
}

fn content(hop: &Hop, wire: &Wire<'_>, body: Option<&Body>, body_bytes: i64) -> Value {
    let kept = body.map(|body| &body.kept);
    let told = header(wire.response, "content-length").and_then(|bytes| bytes.parse().ok());
    let size = match kept {
        // The browser does not tell of each piece of what it has in memory.
        Some(Kept::Artifact { bytes, .. }) if hop.content_bytes == 0 => *bytes,
        _ if hop.content_bytes == 0 && hop.from_memory => told.unwrap_or(0),
        _ => hop.content_bytes,
    };
    let media_type = hop.response["mimeType"].as_str().filter(|kind| !kind.is_empty());
    let told_type = header(wire.response, "content-type").filter(|kind| !kind.is_empty());
    let mut content = json!({
        "size": size,
        "mimeType": media_type.or(told_type).unwrap_or("x-unknown"),
    });
    if body_bytes > 0 && header(wire.response, "content-encoding").is_some() {
        content["compression"] = json!(size as i64 - body_bytes);
    }
    match kept {
        Some(Kept::Artifact { name, .. }) => content["_artifact"] = json!(name),
        Some(Kept::Empty) => content["text"] = json!(""),
        Some(Kept::Not(why)) => content["comment"] = json!(why),
        None => {}
    }
    content
}

/// The version of HTTP: as the first line of the answer says it, else as the browser names it.
fn version(response: &Value, first: &str) -> String {
    match response["protocol"].as_str() {
        Some("h2") => "HTTP/2".to_owned(),
        Some("h3") => "HTTP/3".to_owned(),
        Some(other) if !other.is_empty() => other.to_ascii_uppercase(),
        _ => first.to_owned(),
    }
}

fn initiator(initiator: &Value) -> Value {
    let mut value = json!({ "type": initiator["type"].as_str().unwrap_or("other") });
    // What a promise or a timer began is told by what began that.
    let mut stack = &initiator["stack"];
    while stack["callFrames"].as_array().is_some_and(Vec::is_empty) && stack["parent"].is_object() {
        stack = &stack["parent"];
    }
    let frame = &stack["callFrames"][0];
    // As Chrome's own export has it: lines and columns count from 0.
    if let Some(frames) = stack["callFrames"].as_array() {
        let kept = ["functionName", "scriptId", "url", "lineNumber", "columnNumber"];
        let shown = frames.iter().take(STACK_FRAMES_MAX).map(|frame| {
            let kept = kept.iter().filter(|name| !frame[**name].is_null());
            kept.map(|name| ((*name).to_owned(), frame[*name].clone())).collect::<Map<_, _>>()
        });
        value["stack"] = json!({ "callFrames": shown.collect::<Vec<_>>() });
    }
    let place = if frame.is_object() { frame } else { initiator };
    if let Some(url) = place["url"].as_str() {
        value["url"] = json!(url);
    }
    if let Some(line) = place["lineNumber"].as_f64() {
        value["lineNumber"] = json!(line as i64 + 1);
    }
    if let Some(id) = initiator["requestId"].as_str() {
        value["requestId"] = json!(id);
    }
    value
}
