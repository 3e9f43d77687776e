//! The pages that requests belong to: one for each document that the window came to show, with
//! when it was there.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::HarPage;
use super::clock::{micros, wall};
use crate::model::time::Time;

/// The pauses that end a burst of layout shifts, and the longest burst, in seconds
/// (<https://web.dev/articles/cls>).
const SHIFT_PAUSE: f64 = 1.0;
const SHIFT_BURST: f64 = 5.0;

/// A document of the window.
#[derive(Default)]
struct Document {
    loader: String,
    url: String,
    /// When it was asked for: on the browser's clock, and in seconds since 1970.
    start: Option<(f64, f64)>,
    content_loaded: Option<f64>,
    loaded: Option<f64>,
    first_paint: Option<f64>,
    largest_paint: Option<f64>,
    shifts: Shifts,
}

/// How much the layout moved by itself: the worst burst of shifts.
#[derive(Default)]
struct Shifts {
    worst: Option<f64>,
    burst: f64,
    began: f64,
    last: f64,
}

impl Shifts {
    fn add(&mut self, at: f64, value: f64) {
        if at - self.last > SHIFT_PAUSE || at - self.began > SHIFT_BURST || self.burst == 0.0 {
            (self.burst, self.began) = (0.0, at);
        }
        self.last = at;
        self.burst += value;
        self.worst = Some(self.worst.unwrap_or(0.0).max(self.burst));
    }
}

/// The documents of the window so far; there is always one, of which nothing may be known.
pub(super) struct Pages {
    documents: Vec<Document>,
    clock: Option<f64>,
}

impl Default for Pages {
    fn default() -> Self {
        Pages { documents: vec![Document::default()], clock: None }
    }
}

impl Pages {
    fn last(&mut self) -> &mut Document {
        if self.documents.is_empty() {
            self.documents.push(Document::default());
        }
        let last = self.documents.len() - 1;
        &mut self.documents[last]
    }

    /// Takes an event of the window's own session.
    pub fn enter(&mut self, method: &str, params: &Value) {
        let at = params["timestamp"].as_f64();
        match method {
            "Page.frameNavigated" => {
                let frame = &params["frame"];
                if frame["parentId"].is_string() {
                    return;
                }
                let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
                let (loader, url) = (text("loaderId"), text("url"));
                if self.documents.iter().any(|known| known.loader == loader) {
                    return;
                }
                self.documents.push(Document { loader, url, ..Document::default() });
            }
            "Page.domContentEventFired" => self.last().content_loaded = at,
            "Page.loadEventFired" => self.last().loaded = at,
            "Page.lifecycleEvent" if params["name"] == "firstContentfulPaint" => {
                let last = self.last();
                if params["loaderId"] == last.loader.as_str() {
                    last.first_paint = at;
                }
            }
            "PerformanceTimeline.timelineEventAdded" => {
                let event = &params["event"];
                let Some(time) = event["time"].as_f64() else { return };
                let shift = &event["layoutShiftDetails"];
                let last = self.last();
                if event["type"] == "largest-contentful-paint" {
                    last.largest_paint = Some(time);
                } else if event["type"] == "layout-shift" && shift["hadRecentInput"] != true {
                    last.shifts.add(time, shift["value"].as_f64().unwrap_or(0.0));
                }
            }
            _ => {}
        }
    }

    /// Learns when each request began; documents that were not requested (`about:blank`) are no
    /// pages of their own.
    pub fn settle(&mut self, starts: &HashMap<&str, (f64, f64)>, clock: Option<f64>) {
        self.clock = clock;
        let first_request = starts.values().copied().reduce(|a, b| if b.0 < a.0 { b } else { a });
        for document in &mut self.documents {
            document.start = starts.get(document.loader.as_str()).copied();
        }
        // What was told before the first document that was requested belongs to it.
        let mut kept: Vec<Document> = Vec::new();
        for document in self.documents.drain(..) {
            match kept.last_mut() {
                Some(last) if document.start.is_none() => {
                    last.content_loaded = document.content_loaded.or(last.content_loaded);
                    last.loaded = document.loaded.or(last.loaded);
                }
                Some(last) if last.start.is_none() => *last = document,
                _ => kept.push(document),
            }
        }
        if let Some(first) = kept.first_mut() {
            first.start = first_request;
        }
        self.documents = kept;
    }

    /// The id of the page that a request belongs to which was sent at this time.
    pub fn of(&self, sent_at: f64) -> String {
        let later = |document: &&Document| document.start.is_some_and(|(at, _)| at <= sent_at);
        let number = self.documents.iter().skip(1).filter(later).count() + 1;
        format!("page_{number}")
    }

    /// When the first page was asked for, where that is known.
    pub fn started(&self) -> Option<Time> {
        self.documents.first().and_then(|document| document.start).and_then(|(_, at)| wall(at))
    }

    /// The `pages` of a HAR, the first of which began at this time; the last has the title.
    pub fn shown(&self, page: &HarPage, started: Time) -> Value {
        let count = self.documents.len();
        let shown = self.documents.iter().enumerate().map(|(index, document)| {
            let own = document.start.and_then(|(_, at)| wall(at)).unwrap_or(started);
            let mut timings = document.timings(self.clock);
            if index == 0 {
                for (name, known) in [
                    ("onContentLoad", page.backfill.content_loaded),
                    ("onLoad", page.backfill.loaded),
                ] {
                    if let (Some(known), true) = (known, timings[name] == -1.0) {
                        timings[name] = json!(known);
                    }
                }
            }
            let title = if index + 1 == count { &page.title } else { &document.url };
            json!({
                "startedDateTime": if index == 0 { started } else { own }.to_string(),
                "id": format!("page_{}", index + 1),
                "title": title,
                "pageTimings": timings,
            })
        });
        shown.collect()
    }
}

impl Document {
    fn timings(&self, clock: Option<f64>) -> Value {
        let since = |at: Option<f64>| match (at, self.start) {
            (Some(at), Some((first, _))) if at >= first => Some(micros((at - first) * 1000.0)),
            _ => None,
        };
        // Told in seconds since 1970.
        let largest = self.largest_paint.zip(clock).map(|(at, clock)| at - clock);
        let mut timings = Map::new();
        for (name, value) in [("onContentLoad", self.content_loaded), ("onLoad", self.loaded)] {
            timings.insert(name.to_owned(), json!(since(value).unwrap_or(-1.0)));
        }
        for (name, value) in [
            ("_firstContentfulPaint", since(self.first_paint)),
            ("_largestContentfulPaint", since(largest)),
            ("_cumulativeLayoutShift", self.shifts.worst.map(|sum| (sum * 1e4).round() / 1e4)),
        ] {
            if let Some(value) = value {
                timings.insert(name.to_owned(), json!(value));
            }
        }
        timings.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_burst_of_layout_shifts_counts() {
        let mut shifts = Shifts::default();
        for (at, value) in [(0.5, 0.1), (0.9, 0.1), (3.0, 0.05), (9.0, 0.15)] {
            shifts.add(at, value);
        }
        assert_eq!(shifts.worst, Some(0.2));
        // A burst lasts five seconds at most.
        let mut shifts = Shifts::default();
        (0..20).for_each(|at| shifts.add(f64::from(at) * 0.9, 0.5));
        assert_eq!(shifts.worst, Some(3.0));
    }
}
