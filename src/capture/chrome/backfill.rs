//! What is known of a page that was there before anybody looked.
//!
//! What it said is told again when `Runtime.enable` and `Log.enable` are called. Its requests are
//! not: of those its own record tells, read in a world of our own, and the browser's list of what it
//! is made of.
//!
//! **Invariant:** nothing is asked of a server again.

use std::time::Duration;

use serde_json::{Value, json};

use super::cdp::{Cdp, PAGE};
use super::world::{evaluate, frames, member};
use crate::capture::Fault;
use crate::format::har::Backfill;
use crate::format::har::resources::FrameRecord;
use crate::model::time::{Stopwatch, Time};

/// The most frames whose records are read.
const FRAMES_MAX: usize = 50;
/// The record of a frame. Its limit is 250 entries, unless the page sets another.
const RECORD: &str = "({ origin: performance.timeOrigin, entries: [\
     ...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')\
     ].slice(0, 2000).map(entry => entry.toJSON()) })";

/// Reads what the frames of a page know of requests that began before this moment, when the page
/// was begun to be watched.
///
/// `sessions` are those of frames in processes of their own; the page's own is read first, and where
/// that fails this does.
pub(super) fn backfill(
    cdp: &mut dyn Cdp,
    sessions: &[String],
    until: Option<Time>,
    within: Duration,
) -> Result<Backfill, Fault> {
    let watch = Stopwatch::start();
    let mut records = records(cdp, PAGE, within)?;
    for session in sessions {
        match self::records(cdp, session, watch.left_of(within)) {
            Ok(more) => records.extend(more),
            Err(fault) => log::debug!("capture: a frame told nothing of its requests: {fault}"),
        }
    }
    Ok(Backfill::of(&records, until))
}

/// The records of the frames of one process, the outermost first.
fn records(cdp: &mut dyn Cdp, session: &str, within: Duration) -> Result<Vec<FrameRecord>, Fault> {
    let watch = Stopwatch::start();
    let tree = cdp.call_in(session, "Page.getResourceTree", json!({}), within)?;
    let mut records = Vec::new();
    for frame in frames(&tree["frameTree"]).into_iter().take(FRAMES_MAX) {
        let own = &frame["frame"];
        let id = own["id"].as_str().unwrap_or_default().to_owned();
        let told = match evaluate(cdp, session, &id, RECORD, watch.left_of(within)) {
            Err(fault) if records.is_empty() => return Err(fault),
            // It may have gone meanwhile.
            told => told.unwrap_or_default(),
        };
        let mut resources = frame["resources"].as_array().cloned().unwrap_or_default();
        let kind = json!({ "url": own["url"], "mimeType": own["mimeType"], "type": "Document" });
        resources.insert(0, kind);
        records.push(FrameRecord {
            frame: id,
            origin: told["origin"].as_f64().unwrap_or(0.0),
            entries: match member(told, "entries") {
                Value::Array(entries) => entries,
                _ => Vec::new(),
            },
            resources,
        });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};
    use std::thread;

    use super::super::events::every;
    use super::*;
    use crate::capture::Taken;
    use crate::capture::chrome::bodies;
    use crate::capture::chrome::socket::Socket;
    use crate::capture::chrome::{Browser, BrowserOptions, PageOptions, WaitFor};
    use crate::format::har::Traffic;
    use crate::model::time::{Clock, SystemClock};

    const WITHIN: Duration = Duration::from_secs(20);
    const PAGE: &str = "<!DOCTYPE html><title>T</title><link rel=stylesheet href=/style.css>\
                        <link rel=manifest href=/manifest><script src=/script.js></script>\
                        <iframe src=/frame></iframe><p>as sent";

    const FRAME: &str = "<!DOCTYPE html><script>fetch('/inner')</script>";

    /// A server that counts what it is asked for.
    fn serve() -> (String, Arc<Mutex<BTreeMap<String, usize>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let hits = Arc::<Mutex<BTreeMap<String, usize>>>::default();
        let counted = Arc::clone(&hits);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || {
                    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                    let Some(first) = lines.next() else { return };
                    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                    while lines.next().is_some_and(|line| !line.is_empty()) {}
                    let (kind, body) = match path.as_str() {
                        "/" => ("text/html", PAGE),
                        "/frame" => ("text/html", FRAME),
                        "/style.css" => ("text/css", "p{color:red}"),
                        "/script.js" => ("text/javascript", "console.log('said before')"),
                        _ => ("text/plain", "x"),
                    };
                    *counted.lock().unwrap().entry(path).or_default() += 1;
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\n\
                         Content-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = (&stream).write_all(head.as_bytes());
                });
            }
        });
        (address, hits)
    }

    #[test]
    fn a_page_that_nobody_watched_is_told_by_itself_and_nothing_is_asked_for_again() {
        let (address, hits) = serve();
        let browser = Browser::launch(BrowserOptions::default()).unwrap();
        // A frame in it asks for something once it is there.
        let mut options = PageOptions::default();
        options.waits.push(WaitFor::NetworkQuiet);
        let page = browser.open_with(&format!("{address}/"), &options).unwrap();
        // Another connection to the same page, which has seen nothing of it.
        let url = page.address().unwrap();
        let mut late = Socket::connect(&url).unwrap();
        let until = SystemClock.now();
        for method in ["Page.enable", "Runtime.enable", "Log.enable"] {
            late.call(method, json!({}), WITHIN).unwrap();
        }
        bodies::record(&mut late, super::PAGE, WITHIN).unwrap();

        let found = backfill(&mut late, &[], Some(until), WITHIN).unwrap();
        assert_eq!(found.http_status, Some(200));
        assert!(found.loaded >= found.content_loaded && found.content_loaded > Some(0.0));
        let told: BTreeSet<_> = found
            .entries
            .iter()
            .map(|entry| {
                let url = entry["request"]["url"].as_str().unwrap().replace(&address, "");
                let size = entry["response"]["content"]["size"].as_i64().unwrap();
                let kind = entry["_resourceType"].as_str().unwrap().to_owned();
                assert_eq!(entry["response"]["status"], 200, "{entry:#}");
                assert!(entry["time"].as_f64().unwrap() > 0.0, "{entry:#}");
                assert_eq!(entry["_backfilled"], true);
                (url, kind, size)
            })
            .collect();
        for (url, kind, size) in [
            ("/", "document", PAGE.len() as i64),
            ("/frame", "document", FRAME.len() as i64),
            ("/style.css", "stylesheet", 12),
            ("/script.js", "script", 26),
            ("/inner", "fetch", 1),
        ] {
            assert!(told.contains(&(url.to_owned(), kind.to_owned(), size)), "{url}: {told:?}");
        }
        let documents = told.iter().filter(|(url, ..)| url == "/frame").count();
        assert_eq!(documents, 1);

        // What was said is said again.
        let events: Vec<_> = late.events(0, &every).into_iter().map(|it| it.event).collect();
        let console = String::from_utf8(crate::format::console::lines(&events)).unwrap();
        assert!(console.contains("said before"), "{console}");

        // The document as it was sent, from the cache.
        let before = hits.lock().unwrap().clone();
        let mut ours = BTreeSet::new();
        let source = bodies::source(&mut late, "", false, &mut ours, WITHIN).unwrap();
        let items = match source {
            Taken::Several(items) => items,
            _ => Vec::new(),
        };
        assert_eq!(items[0].content, PAGE.as_bytes());
        assert_eq!(items[0].detail["from"], "the browser's cache");
        assert_eq!(*hits.lock().unwrap(), before);
        // The requests that were blocked for that are known, so that no record has them.
        assert!(!ours.is_empty());
        let events: Vec<_> = late.events(0, &every).into_iter().map(|it| it.event).collect();
        let foreign = Traffic::of(&events).har(&Default::default());
        for entry in foreign["log"]["entries"].as_array().unwrap() {
            assert!(ours.contains(entry["_requestId"].as_str().unwrap()), "{entry:#}");
        }
    }
}
