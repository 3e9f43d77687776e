//! Pages to snapshots.
//!
//! A [`Page`] is something that stands in a browser, or pretends to: it tells facts about itself
//! and gives its parts. [`draft_of`] asks it for what a [`CaptureConfig`] names, one part after
//! the other, and makes a [`Draft`](crate::Draft) of what it got.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::config::{CaptureConfig, PagePart};
use crate::model::time::Time;

pub mod address;
#[cfg(feature = "chrome")]
pub mod chrome;
mod draft;
mod keep;
mod ledger;
pub mod legacy;
mod recorder;
pub mod redact;
mod taken;

pub use draft::draft_of;
pub use recorder::{Captured, Recorder, RecorderOptions};

/// A page that can be captured.
///
/// Implemented by `chrome::ChromePage`; tests have one that follows a script.
pub trait Page {
    /// Tells what is known about the page at this moment.
    fn facts(&mut self) -> Facts;

    /// Takes one part, within a deadline.
    ///
    /// Whatever goes wrong is a [`Fault`], which is put on record; the next part is asked for
    /// all the same.
    fn take(
        &mut self,
        part: PagePart,
        config: &CaptureConfig,
        within: Duration,
    ) -> Result<Taken, Fault>;
}

/// What taking a part came to.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Its content, for the artifact that has the part's name.
    Content(Vec<u8>),
    /// Content with something to say about it, or several pieces of content: tiles, frames, bodies.
    Several(Vec<Item>),
    /// There was nothing to take, and that is no failure; the text says what there was none of.
    Nothing(String),
    /// It was withheld, since what is secret in it could not be taken out; the text says what.
    Withheld(String),
}

/// A piece of what was taken: an artifact of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The artifact's name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its content.
    pub content: Vec<u8>,
    /// What its line of the ledger says beside what every line says: the offset of a tile, what a
    /// selector found. Null where there is nothing.
    pub detail: Value,
}

/// Why a part could not be taken. A soft failure: it is put on record with its text.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It took too long.
    #[error("timed out after {} ms", after.as_millis())]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
    },
    /// The page's process crashed.
    #[error("the page crashed")]
    Crashed,
    /// The browser, or the connection to it, is gone.
    #[error("the browser is gone: {0}")]
    Gone(String),
    /// The browser answered with an error.
    #[error("refused by the browser: {0}")]
    Refused(String),
    /// The browser answered without an error and without content.
    #[error("the browser gave empty content")]
    Empty,
    /// It is larger than what is taken.
    #[error("{what} is {size}; the limit is {limit}")]
    TooLarge {
        /// What is too large, with its unit: `the page's height in px`.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The named limit.
        limit: u64,
    },
    /// The browser gave something else than what was asked for.
    #[error("the browser gave something else: {0}")]
    Unfit(String),
    /// The code that takes it failed. That is a mistake in Tintype, or in the caller's `Page`.
    #[error("taking it panicked")]
    Panicked,
}

/// How the loading of a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Its load event came.
    #[default]
    Loaded,
    /// It began, and its load event did not come in time; the page is captured as it stood.
    TimedOut,
    /// There is no page.
    Failed,
}

/// What is known about a page and how it was looked at. Becomes the beginning of `facts.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The address that was asked for.
    pub url: String,
    /// The address that the page has, after redirects.
    pub final_url: Option<String>,
    /// The page's title.
    pub title: Option<String>,
    /// The status of the response that the page was made from.
    pub http_status: Option<u16>,
    /// How the loading ended.
    pub load: Load,
    /// Why there is no page, where there is none.
    pub load_error: Option<String>,
    /// The window's inside.
    pub viewport: Option<Viewport>,
    /// What the page says that it is viewed with.
    pub user_agent: Option<String>,
    /// The browser's name and version.
    pub browser: Option<String>,
    /// What the browser was started with.
    pub arguments: Vec<String>,
    /// Whether the browser's sandbox was on, where that is known.
    pub sandboxed: Option<bool>,
    /// What the page was spoken to through: `direct`, `crate`, `replay`.
    pub channel: Option<String>,
    /// When the address was asked for.
    pub navigated_at: Option<Time>,
    /// Since when a page is watched that somebody else drives.
    pub watched_since: Option<Time>,
    /// The media type of what the page was made from, as the server told it.
    pub media_type: Option<String>,
    /// The languages that the page was asked for, where they were chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The names of the headers that each request was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers_set: Vec<String>,
    /// The names of the cookies that were there before the page was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies_set: Vec<String>,
    /// Whether the page was kept from private addresses: it is of a public one.
    pub guarded: bool,
    /// What the page was kept from: the first, and how many in all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<Blocked>,
    /// How many requests the page was kept from.
    pub blocked_count: u64,
    /// What a page of a public address got from a private one all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unexpected: Vec<Blocked>,
    /// How many windows the page tried to open. None stays open.
    pub popups: u64,
    /// Whether the page was watched before its address was asked for. If not, its requests are
    /// told by its own record, as far as that goes.
    pub watched_from_start: bool,
    /// What was waited for before anything was taken, in that order.
    pub waits: Vec<Wait>,
    /// The page's document and those of its frames, as far as something was taken of the page; the
    /// page itself comes first, and `frame-N.html` is of the one at place N.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<FrameFacts>,
    /// What was done to get at a page that did not answer.
    pub rescues: Vec<String>,
    /// How many events of the page were left out of the record, since there were too many.
    pub events_dropped: u64,
}

/// What is known of a document of the page: its own, or a frame's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameFacts {
    /// Its address.
    pub url: String,
    /// The frame's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The place in the list of the document that it stands in.
    pub parent: usize,
    /// Whether it runs in the page's own process. Documents of other sites do not.
    pub same_process: bool,
    /// Why its document could not be had, where it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// The size of the window's inside, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Viewport {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Device pixels for each CSS pixel.
    pub device_scale: f64,
}

/// An address that a page was led to against the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The address.
    pub url: String,
    /// Where it leads: `127.0.0.1 is a loopback address`.
    pub why: String,
}

/// Something that was waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What it was: `response`, `load`, `fonts`, `selector:.price`.
    pub what: String,
    /// Whether it came in time.
    pub met: bool,
    /// How long it was waited for, in milliseconds.
    pub took_ms: u64,
    /// Why it can't come, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whole milliseconds, rounded.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from((duration.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}
