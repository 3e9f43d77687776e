//! A browser for tests, and what is asked of a capture.

use std::time::Duration;

use serde_json::Value;
use tintype::capture::chrome::{Browser, BrowserOptions, ChromePage};
use tintype::capture::redact::Redactor;
use tintype::capture::{Page, draft_of};
use tintype::{CaptureConfig, CaptureMode, Draft, DraftArtifact, PagePart};

use super::browsers;
pub use super::browsers::shared;
use super::pages::Pages;

/// Starts a browser that gives pages so long to load.
pub fn launch_patient(load_timeout_ms: u64) -> Browser {
    let load_timeout = Duration::from_millis(load_timeout_ms);
    browsers::launch(BrowserOptions { load_timeout, ..BrowserOptions::default() })
}

/// Starts a browser.
pub fn launch() -> Browser {
    browsers::launch(BrowserOptions::default())
}

/// A configuration that takes these parts alone.
pub fn only(parts: &[PagePart]) -> CaptureConfig {
    patient().only(parts.iter().copied())
}

/// A configuration for a machine that has other tests to run.
pub fn patient() -> CaptureConfig {
    let mut config = CaptureConfig::default();
    config.time_box = Duration::from_secs(60);
    config
}

/// A configuration that takes the element of a selector, and these parts.
pub fn element(selector: &str, parts: &[PagePart]) -> CaptureConfig {
    let all =
        [PagePart::ElementHtml, PagePart::ElementPng].into_iter().chain(parts.iter().copied());
    patient().of(CaptureMode::Selector, Some(selector)).unwrap().only(all)
}

pub fn open(browser: &Browser, site: &Pages) -> ChromePage {
    browser.open(&site.url("/")).unwrap()
}

pub fn take(site: &Pages, config: &CaptureConfig) -> Shot {
    Shot::of(&mut open(&shared(), site), config)
}

/// Takes a page until it has this title, which a script gives it some time after it has loaded.
pub fn take_when(title: &str, site: &Pages, config: &CaptureConfig) -> Shot {
    let browser = shared();
    let mut page = open(&browser, site);
    let mut shots = (0..1_000).map(|_| Shot::of(&mut page, config));
    shots.find(|shot| shot.facts["title"] == title).unwrap_or_else(|| panic!("never {title}"))
}

pub fn take_page(html: &str, config: &CaptureConfig) -> Shot {
    take(&Pages::one(html), config)
}

/// A capture, and what it says of itself.
pub struct Shot {
    pub draft: Draft,
    pub facts: Value,
}

impl Shot {
    pub fn of(page: &mut dyn Page, config: &CaptureConfig) -> Self {
        let draft = draft_of(page, Draft::new(), config, &Redactor::new([7; 32])).unwrap();
        let found = draft.artifacts().iter().find(|one| one.name().as_str() == "facts.json");
        let facts = serde_json::from_slice(found.unwrap().content().unwrap()).unwrap();
        Shot { draft, facts }
    }

    pub fn find(&self, name: &str) -> Option<&DraftArtifact> {
        self.draft.artifacts().iter().find(|artifact| artifact.name().as_str() == name)
    }

    pub fn part(&self, name: &str) -> &DraftArtifact {
        self.find(name).unwrap_or_else(|| panic!("there is no {name}: {:#}", self.facts["ledger"]))
    }

    pub fn content(&self, name: &str) -> &[u8] {
        let part = self.part(name);
        part.content().unwrap_or_else(|| panic!("{name}: {:?}", part.reason()))
    }

    pub fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.content(name)).unwrap()
    }

    /// What the ledger says of a part.
    pub fn line(&self, name: &str) -> &Value {
        let mut lines = self.facts["ledger"].as_array().unwrap().iter();
        lines.find(|line| line["name"] == name).unwrap_or(&Value::Null)
    }

    pub fn reason(&self, name: &str) -> &str {
        self.part(name).reason().unwrap_or_else(|| panic!("{name} is there"))
    }

    /// A picture, decoded.
    pub fn picture(&self, name: &str) -> Picture {
        Picture::read(self.content(name))
    }
}

/// A decoded picture.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pixels: Vec<u8>,
    samples: usize,
}

impl Picture {
    fn read(png: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.bit_depth, png::BitDepth::Eight);
        let (width, height) = (info.width as usize, info.height as usize);
        Picture { width, height, pixels, samples: info.color_type.samples() }
    }

    /// Red, green, blue.
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * self.samples;
        [self.pixels[start], self.pixels[start + 1], self.pixels[start + 2]]
    }

    /// The one colour that all of it has.
    pub fn only_colour(&self) -> Option<[u8; 3]> {
        let first = self.at(0, 0);
        let all = self.pixels.chunks_exact(self.samples).all(|pixel| pixel[..3] == first);
        all.then_some(first)
    }
}
