//! What is taken of a page, and how long that may take.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A part of a page that can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PagePart {
    /// `view.png`: what the window shows.
    ViewPng,
    /// `page.html`: the document as it stands, with doctype and shadow roots.
    Html,
    /// `full.png`: the page from top to bottom.
    FullPng,
    /// `console.jsonl`: console messages, exceptions and log entries, one JSON object a line.
    Console,
    /// `network.har`: requests and responses, HAR 1.2.
    Network,
}

impl PagePart {
    /// All of them, in the order in which they are taken: what disturbs the page least comes
    /// first, what others add to comes last.
    pub const ALL: [PagePart; 5] = [
        PagePart::ViewPng,
        PagePart::Html,
        PagePart::FullPng,
        PagePart::Console,
        PagePart::Network,
    ];

    /// The name of the artifact that it becomes.
    pub fn artifact_name(self) -> &'static str {
        match self {
            PagePart::ViewPng => "view.png",
            PagePart::Html => "page.html",
            PagePart::FullPng => "full.png",
            PagePart::Console => "console.jsonl",
            PagePart::Network => "network.har",
        }
    }

    /// The media type of the artifact that it becomes.
    pub fn media_type(self) -> &'static str {
        match self {
            PagePart::ViewPng | PagePart::FullPng => "image/png",
            PagePart::Html => "text/html",
            PagePart::Console => "application/x-ndjson",
            PagePart::Network => "application/har+json",
        }
    }
}

/// The name of the artifact that every capture has: what is known about the page and the capture.
pub const FACTS: &str = "facts.json";

/// How a page is captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureConfig {
    /// What is taken. The facts are, always.
    pub parts: BTreeSet<PagePart>,
    /// The longest that all of the taking may last. What is not had by then is told as failed.
    pub time_box: Duration,
}

/// Everything, within ten seconds.
impl Default for CaptureConfig {
    fn default() -> Self {
        CaptureConfig { parts: PagePart::ALL.into(), time_box: Duration::from_secs(10) }
    }
}
