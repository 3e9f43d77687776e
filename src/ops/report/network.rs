//! The requests of a page, read from its HAR, whoever wrote that.

use serde_json::Value;

use crate::model::time::Time;

/// A request and what was answered.
#[derive(Debug)]
pub(super) struct Request {
    /// When it was sent, where that is told.
    pub sent_at: Option<Time>,
    /// How long it took in all, in milliseconds.
    pub took_ms: f64,
    /// How long it waited to be sent (queue, name, connection), for the answer, and for its body, in
    /// milliseconds.
    pub phases_ms: [f64; 3],
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// The answer's status; none where there was no answer.
    pub status: Option<i64>,
    /// The answer's media type, without parameters.
    pub media_type: String,
    /// What the browser wanted it for: `document`, `script`, `xhr`.
    pub kind: String,
    /// The bytes of the answer's body, decompressed, where they are told.
    pub bytes: Option<u64>,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// The artifact that has the answer's body.
    pub artifact: Option<String>,
    /// The headers that were sent, and that were answered.
    pub headers: [Vec<(String, String)>; 2],
}

impl Request {
    /// Whether it did not go well: no answer, or one that says so.
    pub(super) fn failed(&self) -> bool {
        self.error.is_some() || self.status.is_none_or(|status| !(100..400).contains(&status))
    }

    /// What came of it, in a word.
    pub(super) fn outcome(&self) -> String {
        match (self.status, &self.error) {
            (Some(status), None) => status.to_string(),
            (Some(status), Some(error)) => format!("{status}, {error}"),
            (None, Some(error)) => error.clone(),
            (None, None) => "no answer".to_owned(),
        }
    }
}

/// The requests of a HAR, in the order in which they were sent. Nothing where it is none.
pub(super) fn requests(har: &Value) -> Option<Vec<Request>> {
    let mut requests: Vec<Request> =
        har["log"]["entries"].as_array()?.iter().map(request).collect();
    // Those of which no time is told come last, as they stood.
    requests.sort_by_key(|request| request.sent_at.unwrap_or(Time::MAX));
    Some(requests)
}

fn request(entry: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (request, response) = (&entry["request"], &entry["response"]);
    let known = |value: &Value| value.as_f64().filter(|ms| *ms > 0.0).unwrap_or(0.0);
    let timings = &entry["timings"];
    let sum = |names: &[&str]| names.iter().map(|name| known(&timings[*name])).sum::<f64>();
    // `ssl` is a part of `connect`.
    let phases_ms =
        [sum(&["blocked", "dns", "connect", "send"]), sum(&["wait"]), sum(&["receive"])];
    let errors = [&response["_error"], &entry["_error"], &response["_failureText"]];
    let error = errors.iter().find_map(|error| error.as_str()).filter(|error| !error.is_empty());
    let media_type = response["content"]["mimeType"].as_str().unwrap_or_default();
    Request {
        sent_at: entry["startedDateTime"].as_str().and_then(|time| time.parse().ok()),
        took_ms: known(&entry["time"]),
        phases_ms,
        method: text(&request["method"]),
        url: text(&request["url"]),
        status: response["status"].as_i64().filter(|status| *status > 0),
        media_type: media_type.split(';').next().unwrap_or_default().trim().to_owned(),
        kind: text(&entry["_resourceType"]),
        bytes: response["content"]["size"].as_u64(),
        error: error.map(str::to_owned),
        artifact: response["content"]["_artifact"].as_str().map(str::to_owned),
        headers: [headers(&request["headers"]), headers(&response["headers"])],
    }
}

fn headers(list: &Value) -> Vec<(String, String)> {
    let header = |header: &Value| {
        let text = |name: &str| header[name].as_str().unwrap_or_default().to_owned();
        (text("name"), text("value"))
    };
    list.as_array().into_iter().flatten().map(header).collect()
}

/// An address as it fits a line: without the origin where that is the page's own, and what is within a
/// `data:` address left out.
pub(super) fn short(url: &str, origin: &str) -> String {
    if let Some(rest) = url.strip_prefix("data:") {
        let kind = rest.split(',').next().unwrap_or_default();
        return format!("data:{kind},… ({} characters)", url.chars().count());
    }
    match url.strip_prefix(origin) {
        Some(path) if !origin.is_empty() && path.starts_with('/') => path.to_owned(),
        _ => url.to_owned(),
    }
}

/// The scheme, host and port of an address; empty where it has none.
pub(super) fn origin(url: &str) -> &str {
    let Some(host) = url.find("://").map(|at| at + 3) else { return "" };
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |length| host + length);
    &url[..end]
}
