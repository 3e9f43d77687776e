//! Entries of requests that nobody watched: of a page that was there before anybody looked.
//!
//! The page's own record tells of them (<https://www.w3.org/TR/resource-timing/>): address, times,
//! sizes, status; not the method, no headers, and of other sites that don't allow it only when. The
//! browser's list of what the page is made of tells media types, and what failed.
//!
//! **Invariant:** every entry that comes from here has `_backfilled`.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use super::clock::{micros, wall};
use super::fields::query;
use crate::model::time::Time;

/// What one frame knows of its requests.
#[derive(Debug, Clone, Default)]
pub struct FrameRecord {
    /// The frame.
    pub frame: String,
    /// `performance.timeOrigin`: milliseconds since 1970.
    pub origin: f64,
    /// Its `PerformanceNavigationTiming` and `PerformanceResourceTiming` entries as JSON.
    pub entries: Vec<Value>,
    /// The `resources` of this frame in `Page.getResourceTree`, and the frame itself.
    pub resources: Vec<Value>,
}

/// What stands in each entry, since what is not there was not asked of anybody.
const COMMENT: &str = "nobody watched; told by the page's own record, which has neither method nor \
                       headers";

/// What is known of the time before anybody watched.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Backfill {
    /// Entries of a HAR, each marked as what it is, in the order in which they began.
    pub entries: Vec<Value>,
    /// The status of the document.
    pub http_status: Option<u16>,
    /// When the document was read, in milliseconds from its beginning.
    pub content_loaded: Option<f64>,
    /// When the page had loaded, likewise.
    pub loaded: Option<f64>,
}

impl Backfill {
    /// Makes use of what frames know, the outermost first, of what began before this moment.
    pub fn of(frames: &[FrameRecord], until: Option<Time>) -> Self {
        let document = frames.first().and_then(|frame| frame.entries.iter().find(is_document));
        let status = document.and_then(|it| it["responseStatus"].as_u64()).filter(|it| *it > 0);
        let at = |name: &str| {
            let at = document.and_then(|it| it[name].as_f64());
            at.filter(|at| *at > 0.0).map(micros)
        };
        Backfill {
            entries: entries(frames, until),
            http_status: status.and_then(|status| u16::try_from(status).ok()),
            content_loaded: at("domContentLoadedEventEnd"),
            loaded: at("loadEventEnd"),
        }
    }

    /// When the first request began.
    pub(super) fn started(&self) -> Option<Time> {
        self.entries.first()?["startedDateTime"].as_str()?.parse().ok()
    }
}

/// Makes HAR entries of what began before this moment, in the order in which it began.
fn entries(frames: &[FrameRecord], until: Option<Time>) -> Vec<Value> {
    // A frame's document is in its own record and, with less, in its parent's.
    let mut documents: HashMap<&str, usize> = HashMap::new();
    for record in frames {
        for timing in &record.entries {
            if let (Some(url), true) = (timing["name"].as_str(), is_document(&timing)) {
                *documents.entry(url).or_default() += 1;
            }
        }
    }
    let mut found: Vec<(f64, Value)> = Vec::new();
    for record in frames {
        let mut listed: HashMap<&str, VecDeque<&Value>> = HashMap::new();
        for resource in &record.resources {
            let url = resource["url"].as_str().unwrap_or_default();
            listed.entry(url).or_default().push_back(resource);
        }
        for timing in &record.entries {
            let url = timing["name"].as_str().unwrap_or_default();
            let resource = match listed.get_mut(url) {
                // One resource may have been asked for several times.
                Some(all) if all.len() > 1 => all.pop_front(),
                Some(all) => all.front().copied(),
                None => None,
            };
            if timing["initiatorType"] == "iframe"
                && let Some(left @ 1..) = documents.get_mut(url)
            {
                *left -= 1;
                continue;
            }
            let start = record.origin + of(timing, "startTime").max(0.0);
            found.push((start, entry(&record.frame, start, timing, resource)));
        }
        // The page's record has a limit, and a page may clear it.
        let told = |url: &str| record.entries.iter().any(|timing| timing["name"] == url);
        for resource in &record.resources {
            let url = resource["url"].as_str().unwrap_or_default();
            if crosses_network(url) && !told(url) {
                let timing = json!({ "name": url });
                found.push((
                    record.origin,
                    entry(&record.frame, record.origin, &timing, Some(resource)),
                ));
            }
        }
    }
    let before = |millis: f64| {
        let began = wall(millis / 1000.0);
        until.is_none_or(|until| began.is_none_or(|began| began < until))
    };
    found.retain(|(start, entry)| {
        before(*start) && entry["request"]["url"].as_str().is_some_and(crosses_network)
    });
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.into_iter().map(|(_, entry)| entry).collect()
}

fn is_document(timing: &&Value) -> bool {
    timing["entryType"] == "navigation"
}

fn crosses_network(url: &str) -> bool {
    ["http:", "https:", "ws:", "wss:"].iter().any(|scheme| url.starts_with(scheme))
}

fn of(timing: &Value, name: &str) -> f64 {
    timing[name].as_f64().unwrap_or(0.0)
}

fn entry(frame: &str, start: f64, timing: &Value, resource: Option<&Value>) -> Value {
    let null = Value::Null;
    let resource = resource.unwrap_or(&null);
    let url = timing["name"].as_str().unwrap_or_default();
    let of = |name: &str| of(timing, name);
    // 0 stands for what did not happen, or is not told.
    let span = |from: &str, to: &str| match (of(from), of(to)) {
        (from, to) if from > 0.0 && to > from => to - from,
        _ => -1.0,
    };
    let begun = of("startTime");
    let ended = if of("responseEnd") > 0.0 { of("responseEnd") } else { begun + of("duration") };
    let told = of("requestStart") > 0.0;
    let (blocked, wait, receive) = match told {
        true => {
            let first = ["domainLookupStart", "connectStart", "requestStart"].map(of);
            let first = first.into_iter().find(|at| *at > 0.0).unwrap_or(begun);
            let answered = of("responseStart").max(of("requestStart"));
            (first - begun, answered - of("requestStart"), ended - answered)
        }
        false => (-1.0, ended - begun, 0.0),
    };
    let (dns, connect) =
        (span("domainLookupStart", "domainLookupEnd"), span("connectStart", "connectEnd"));
    let ssl = span("secureConnectionStart", "connectEnd");
    let phases = [blocked, dns, connect, wait.max(0.0), receive.max(0.0)].map(micros);
    let [blocked, dns, connect, wait, receive] = phases;
    let total = phases.into_iter().map(|phase| phase.max(0.0)).sum::<f64>();

    let version = match timing["nextHopProtocol"].as_str() {
        Some("h2") => "HTTP/2".to_owned(),
        Some("h3") => "HTTP/3".to_owned(),
        other => other.unwrap_or_default().to_ascii_uppercase(),
    };
    let media_type = [&timing["contentType"], &resource["mimeType"]]
        .into_iter()
        .find_map(|kind| kind.as_str().filter(|kind| !kind.is_empty()))
        .unwrap_or("x-unknown");
    let initiator = timing["initiatorType"].as_str().unwrap_or("other");
    let kind = resource["type"].as_str().map(str::to_ascii_lowercase);
    let kind = kind.unwrap_or_else(|| {
        let known = match initiator {
            "navigation" | "iframe" | "frame" => "document",
            "img" | "image" | "input" => "image",
            "css" | "link" => "stylesheet",
            "xmlhttprequest" => "xhr",
            "beacon" => "ping",
            "audio" | "video" => "media",
            other => other,
        };
        known.to_owned()
    });
    let size = of("decodedBodySize").max(resource["contentSize"].as_f64().unwrap_or(0.0));
    let known = of("encodedBodySize") > 0.0 || of("transferSize") > 0.0;
    let whole = |bytes: f64| if known { bytes as i64 } else { -1 };
    let mut entry = json!({
        "pageref": "page_1",
        "startedDateTime": wall(start / 1000.0).unwrap_or(Time::MIN).to_string(),
        "time": micros(total),
        "request": {
            "method": if initiator == "beacon" { "POST" } else { "GET" },
            "url": url,
            "httpVersion": version,
            "cookies": [],
            "headers": [],
            "queryString": query(url),
            "headersSize": -1,
            "bodySize": -1,
        },
        "response": {
            "status": of("responseStatus") as i64,
            "statusText": "",
            "httpVersion": version,
            "cookies": [],
            "headers": [],
            "content": { "size": size as i64, "mimeType": media_type },
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": whole(of("encodedBodySize")),
            "_transferSize": whole(of("transferSize")),
        },
        "cache": {},
        "timings": {
            "blocked": blocked,
            "dns": dns,
            "connect": connect,
            "ssl": micros(ssl),
            "send": 0,
            "wait": wait,
            "receive": receive,
        },
        "comment": COMMENT,
        "_initiator": { "type": "other" },
        "_resourceType": kind,
        "_frameId": frame,
        "_backfilled": true,
    });
    if timing["deliveryType"] == "cache" {
        entry["_fromCache"] = json!("disk");
    }
    if resource["failed"] == true {
        entry["response"]["_error"] = json!("failed");
    } else if resource["canceled"] == true {
        entry["response"]["_error"] = json!("canceled");
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(name: &str, kind: &str, start: f64) -> Value {
        let entry_type = if kind == "navigation" { kind } else { "resource" };
        json!({ "name": name, "entryType": entry_type, "initiatorType": kind, "startTime": start,
            "duration": 30.0, "fetchStart": start, "requestStart": start + 10.0,
            "domainLookupStart": start + 1.0, "domainLookupEnd": start + 1.0,
            "connectStart": start + 2.0, "connectEnd": start + 6.0, "secureConnectionStart": 0,
            "responseStart": start + 15.0, "responseEnd": start + 30.0, "responseStatus": 200,
            "domContentLoadedEventEnd": 40, "loadEventEnd": 0, "transferSize": 400, "encodedBodySize": 100, "decodedBodySize": 300,
            "contentType": "text/css", "nextHopProtocol": "h2", "deliveryType": "" })
    }

    #[test]
    fn a_page_that_nobody_watched_tells_of_its_requests_itself() {
        let top = FrameRecord {
            frame: "F".into(),
            origin: 1_700_000_000_000.0,
            entries: vec![
                timing("https://a/", "navigation", 0.0),
                timing("https://a/frame", "iframe", 80.0),
                timing("https://a/x.css?v=1", "link", 50.0),
                json!({ "name": "https://b/y.js", "initiatorType": "script", "startTime": 60.0,
                    "duration": 5.0, "responseEnd": 65.0, "responseStatus": 0 }),
                timing("data:text/css,a", "link", 55.0),
                timing("https://a/late", "fetch", 9_000.0),
            ],
            resources: vec![
                json!({ "url": "https://a/gone.png", "type": "Image", "mimeType": "image/png",
                    "contentSize": 7, "failed": true }),
                json!({ "url": "https://b/y.js", "type": "Script", "mimeType": "text/javascript",
                    "contentSize": 12 }),
            ],
        };
        let frame = FrameRecord {
            frame: "G".into(),
            origin: 1_700_000_000_085.0,
            entries: vec![timing("https://a/frame", "navigation", 0.0)],
            resources: Vec::new(),
        };
        let until = Time::from_micros(1_700_000_005_000_000).ok();
        let found = Backfill::of(&[top, frame], until);
        assert_eq!(found.http_status, Some(200));
        assert_eq!((found.content_loaded, found.loaded), (Some(40.0), None));
        assert_eq!(found.started(), Time::from_micros(1_700_000_000_000_000).ok());
        let entries = found.entries;
        let told: Vec<(&str, &str, i64)> = entries
            .iter()
            .map(|entry| {
                let url = entry["request"]["url"].as_str().unwrap();
                let size = entry["response"]["content"]["size"].as_i64().unwrap();
                (url, entry["_resourceType"].as_str().unwrap(), size)
            })
            .collect();
        let wanted = [
            ("https://a/", "document", 300),
            ("https://a/gone.png", "image", 7),
            ("https://a/x.css?v=1", "stylesheet", 300),
            ("https://b/y.js", "script", 12),
            ("https://a/frame", "document", 300),
        ];
        assert_eq!(told, wanted);
        assert!(entries.iter().all(|entry| entry["_backfilled"] == true));
        let first = &entries[0];
        let timings = json!({ "blocked": 1.0, "dns": -1.0, "connect": 4.0, "ssl": -1.0, "send": 0,
            "wait": 5.0, "receive": 15.0 });
        assert_eq!(first["timings"], timings);
        assert_eq!(first["time"], 25.0);
        assert_eq!(first["response"]["bodySize"], 100);
        assert_eq!(first["response"]["httpVersion"], "HTTP/2");
        // Of another site only when is known.
        let other = &entries[3];
        assert_eq!((&other["response"]["status"], &other["time"]), (&json!(0), &json!(5.0)));
        assert_eq!(other["response"]["bodySize"], -1);
        assert_eq!(entries[1]["response"]["_error"], "failed");
        assert_eq!(entries[4]["_frameId"], "G");
    }

    #[test]
    fn records_of_any_shape_do_no_harm() {
        for odd in [
            json!(null),
            json!([]),
            json!({}),
            json!("x"),
            json!({ "name": 7,
            "startTime": "late", "responseEnd": -1e300, "responseStatus": -5 }),
        ] {
            let record = FrameRecord {
                origin: 1e300,
                entries: vec![odd.clone(), json!({ "name": "http://a/", "startTime": 1e300 })],
                resources: vec![odd],
                ..FrameRecord::default()
            };
            assert_eq!(Backfill::of(&[record], None).entries.len(), 1);
        }
    }
}
