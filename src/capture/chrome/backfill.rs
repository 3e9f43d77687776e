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
use super::world::{evaluate, frames};
use crate::capture::Fault;
use crate::format::har::resources::{self, FrameRecord};
use crate::model::time::{Stopwatch, Time};

/// The most frames whose records are read.
const FRAMES_MAX: usize = 50;
/// The record of a frame. Its limit is 250 entries, unless the page sets another.
const RECORD: &str = "({ origin: performance.timeOrigin, entries: [\
     ...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')\
     ].slice(0, 2000).map(entry => entry.toJSON()) })";

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Backfill {
    /// Entries of a HAR, each marked as what it is.
    pub entries: Vec<Value>,
    /// The status of the document.
    pub http_status: Option<u16>,
}

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
    let http_status = records.first().and_then(resources::document_status);
    for session in sessions {
        match self::records(cdp, session, watch.left_of(within)) {
            Ok(more) => records.extend(more),
            Err(fault) => log::debug!("capture: a frame told nothing of its requests: {fault}"),
        }
    }
    Ok(Backfill { entries: resources::entries(&records, until), http_status })
}

/// The records of the frames of one process, the outermost first.
fn records(cdp: &mut dyn Cdp, session: &str, within: Duration) -> Result<Vec<FrameRecord>, Fault> {
    let watch = Stopwatch::start();
    let tree = cdp.call_in(session, "Page.getResourceTree", json!({}), within)?;
    let mut records = Vec::new();
    for frame in frames(&tree["frameTree"]).into_iter().take(FRAMES_MAX) {
        let own = &frame["frame"];
        let id = own["id"].as_str().unwrap_or_default().to_owned();
        let mut told = match evaluate(cdp, session, &id, RECORD, watch.left_of(within)) {
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
            entries: told["entries"].take().as_array_mut().map(std::mem::take).unwrap_or_default(),
            resources,
        });
    }
    Ok(records)
}
