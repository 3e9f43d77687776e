//! What is taken of a page, how it is protected, and how long that may take.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// The longest CSS selector, in bytes.
pub const SELECTOR_BYTES_MAX: usize = 64 * 1024;

/// A part of a page that can be taken. Most become one artifact of a fixed name; some become
/// several, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum PagePart {
    /// `view.png`: what the window shows.
    ViewPng,
    /// `page.html`: the document as it stands, with doctype and shadow roots.
    Html,
    /// `frame-1.html` …: the documents of its frames, of this process and of others.
    Frames,
    /// `element.html`: the element that the selector finds, or the nearest ancestor that is there.
    ElementHtml,
    /// `element.png`: a picture of the same element.
    ElementPng,
    /// `text.txt`: the text that a reader sees.
    Text,
    /// `aria.yml`: the accessibility tree, as Playwright writes it.
    Aria,
    /// `source.html`: the document as the server sent it.
    Source,
    /// `page.mhtml`: the page with its styles and pictures in one file, which Chromium opens.
    Mhtml,
    /// `full.png`: the page from top to bottom, or `full-001.png` … where it is too tall for one.
    FullPng,
    /// `body-001.json` …: the bodies of responses.
    Bodies,
    /// `page.pdf`: the page as it is printed.
    Pdf,
    /// `console.jsonl`: console messages, exceptions and log entries, one JSON object a line.
    Console,
    /// `network.har`: requests and responses, HAR 1.2.
    Network,
}

impl PagePart {
    /// All of them, in the order in which they are taken: what disturbs the page least comes
    /// first, what others add to comes last.
    pub const ALL: [PagePart; 14] = [
        PagePart::ViewPng,
        PagePart::Html,
        PagePart::Frames,
        PagePart::ElementHtml,
        PagePart::ElementPng,
        PagePart::Text,
        PagePart::Aria,
        PagePart::Source,
        PagePart::Mhtml,
        PagePart::FullPng,
        PagePart::Bodies,
        PagePart::Pdf,
        PagePart::Console,
        PagePart::Network,
    ];

    /// The name of the artifact that it becomes, and of its line in the ledger; `frames` and
    /// `bodies` become artifacts of other names.
    pub fn artifact_name(self) -> &'static str {
        match self {
            PagePart::ViewPng => "view.png",
            PagePart::Html => "page.html",
            PagePart::Frames => "frames",
            PagePart::ElementHtml => "element.html",
            PagePart::ElementPng => "element.png",
            PagePart::Text => "text.txt",
            PagePart::Aria => "aria.yml",
            PagePart::Source => "source.html",
            PagePart::Mhtml => "page.mhtml",
            PagePart::FullPng => "full.png",
            PagePart::Bodies => "bodies",
            PagePart::Pdf => "page.pdf",
            PagePart::Console => "console.jsonl",
            PagePart::Network => "network.har",
        }
    }

    /// The media type of the artifact that it becomes.
    pub fn media_type(self) -> &'static str {
        match self {
            PagePart::ViewPng | PagePart::FullPng | PagePart::ElementPng => "image/png",
            PagePart::Html | PagePart::Frames | PagePart::ElementHtml | PagePart::Source => {
                "text/html"
            }
            PagePart::Text => "text/plain",
            PagePart::Aria => "application/yaml",
            PagePart::Mhtml => "multipart/related",
            PagePart::Bodies => "application/octet-stream",
            PagePart::Pdf => "application/pdf",
            PagePart::Console => "application/x-ndjson",
            PagePart::Network => "application/har+json",
        }
    }

    /// Whether it is made by the page as it stands, rather than recorded about it.
    pub fn is_of_the_page(self) -> bool {
        !matches!(self, PagePart::Console | PagePart::Network | PagePart::Bodies | PagePart::Source)
    }

    /// Whether it is taken of the element that the selector finds.
    pub fn is_of_the_element(self) -> bool {
        matches!(self, PagePart::ElementHtml | PagePart::ElementPng)
    }
}

impl FromStr for PagePart {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        PagePart::ALL.into_iter().find(|part| part.artifact_name() == text).ok_or_else(|| {
            let known: Vec<_> = PagePart::ALL.iter().map(|part| part.artifact_name()).collect();
            Error::invalid("artifact", text, format!("known are {}", known.join(", ")))
        })
    }
}

impl TryFrom<String> for PagePart {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<PagePart> for &'static str {
    fn from(part: PagePart) -> &'static str {
        part.artifact_name()
    }
}

/// The name of the artifact that every capture has: what is known about the page and the capture.
pub const FACTS: &str = "facts.json";

/// How much of a page is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum CaptureMode {
    /// The page, from top to bottom.
    #[default]
    FullPage,
    /// The element that the selector finds, and the page around it as the window shows it.
    Selector,
    /// The document and what the page said: no pictures.
    Minimal,
    /// The page and the element.
    Both,
}

impl CaptureMode {
    /// All of them.
    pub const ALL: [CaptureMode; 4] =
        [CaptureMode::FullPage, CaptureMode::Selector, CaptureMode::Minimal, CaptureMode::Both];

    /// The word for it: `full_page`, `selector`, `minimal`, `both`.
    pub fn as_str(self) -> &'static str {
        match self {
            CaptureMode::FullPage => "full_page",
            CaptureMode::Selector => "selector",
            CaptureMode::Minimal => "minimal",
            CaptureMode::Both => "both",
        }
    }

    /// Whether it says nothing without a selector.
    pub fn needs_selector(self) -> bool {
        matches!(self, CaptureMode::Selector | CaptureMode::Both)
    }
}

impl fmt::Display for CaptureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads the word in any case, with `-` or `_`; `full` is `full_page` too.
impl FromStr for CaptureMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let word = text.to_ascii_lowercase().replace('-', "_");
        let word = if word == "full" { "full_page" } else { word.as_str() };
        CaptureMode::ALL.into_iter().find(|mode| mode.as_str() == word).ok_or_else(|| {
            Error::invalid("capture mode", text, "full_page, selector, minimal or both")
        })
    }
}

impl TryFrom<String> for CaptureMode {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<CaptureMode> for &'static str {
    fn from(mode: CaptureMode) -> &'static str {
        mode.as_str()
    }
}

/// Where a scraper runs, which decides how much a capture takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Environment {
    /// Where it earns its keep: what a failure needs, little more.
    Production,
    /// Where it is looked at closely: everything.
    Debug,
    /// Where it is tried out: nearly everything.
    Testing,
}

impl Environment {
    /// All of them.
    pub const ALL: [Environment; 3] =
        [Environment::Production, Environment::Debug, Environment::Testing];

    /// The word for it: `production`, `debug`, `testing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Environment::Production => "production",
            Environment::Debug => "debug",
            Environment::Testing => "testing",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads the word in any case; `development` is `debug` and `staging` is `testing`.
impl FromStr for Environment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "production" => Ok(Environment::Production),
            "debug" | "development" => Ok(Environment::Debug),
            "testing" | "staging" => Ok(Environment::Testing),
            _ => Err(Error::invalid("environment", text, "production, debug or testing")),
        }
    }
}

impl TryFrom<String> for Environment {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Environment> for &'static str {
    fn from(environment: Environment) -> &'static str {
        environment.as_str()
    }
}

/// How a page is captured.
///
/// What is taken follows from the mode and the four switches; [`with`](CaptureConfig::with) and
/// [`without`](CaptureConfig::without) change it part by part, [`only`](CaptureConfig::only) names
/// it outright. The facts are always taken.
///
/// | part | in the modes | switch |
/// |---|---|---|
/// | `page.html`, frames | all | `html` |
/// | `text.txt`, `aria.yml`, `source.html` | all but minimal | `html` |
/// | `element.html` | selector, both; any but minimal where there is a selector | `html` |
/// | `view.png` | all but minimal | `screenshot` |
/// | `full.png` | full page, both | `screenshot` |
/// | `element.png` | as `element.html` | `screenshot` |
/// | `console.jsonl` | all | `console` |
/// | `network.har` | all but minimal | `network` |
///
/// Bodies, `page.mhtml` and `page.pdf` are taken where they are named.
///
/// ```
/// use tintype::{CaptureConfig, CaptureMode, PagePart};
/// let config = CaptureConfig::new(CaptureMode::Both, Some(".price"))?.with(PagePart::Pdf);
/// assert!(config.parts().contains(&PagePart::ElementPng));
/// assert!(CaptureConfig::new(CaptureMode::Selector, None).is_err());
/// # Ok::<(), tintype::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct CaptureConfig {
    mode: CaptureMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<String>,
    /// Whether HTML is taken, and what comes of it.
    pub capture_html: bool,
    /// Whether pictures are taken.
    pub capture_screenshot: bool,
    /// Whether what the page said is taken.
    pub capture_console: bool,
    /// Whether requests and responses are taken.
    pub capture_network: bool,
    /// Whether what is taken may be kept as deltas on what was taken before. Where it is off, each
    /// artifact stands alone; equal content is still kept once.
    pub deduplication_enabled: bool,
    /// Whether the capture returns when everything is collected, and is stored meanwhile.
    pub async_save: bool,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    with: BTreeSet<PagePart>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    without: BTreeSet<PagePart>,
    /// Whether secrets are replaced before anything is hashed or stored.
    pub redact: bool,
    /// CSS selectors of what is painted over in pictures, beside password and card fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mask: Vec<String>,
    /// The longest that all of the taking may last, in milliseconds. What is not had by then is
    /// told as failed.
    #[serde(rename = "time_box_ms", with = "millis")]
    pub time_box: Duration,
}

/// The whole page with everything that the switches give, within ten seconds, redacted, saved
/// while the caller goes on.
impl Default for CaptureConfig {
    fn default() -> Self {
        CaptureConfig {
            mode: CaptureMode::FullPage,
            selector: None,
            capture_html: true,
            capture_screenshot: true,
            capture_console: true,
            capture_network: true,
            deduplication_enabled: true,
            async_save: true,
            with: BTreeSet::new(),
            without: BTreeSet::new(),
            redact: true,
            mask: Vec::new(),
            time_box: Duration::from_secs(10),
        }
    }
}

impl CaptureConfig {
    /// The default configuration with this mode and selector.
    ///
    /// Fails where the mode needs a selector and there is none, and where the selector is empty
    /// or longer than [`SELECTOR_BYTES_MAX`]. Whether it is CSS only a page can tell.
    pub fn new(mode: CaptureMode, selector: Option<&str>) -> Result<Self> {
        if mode.needs_selector() && selector.is_none() {
            return Err(Error::invalid("capture mode", mode, "it needs a selector"));
        }
        if let Some(selector) = selector {
            if selector.trim().is_empty() {
                return Err(Error::invalid("selector", selector, "it is empty"));
            }
            if selector.len() > SELECTOR_BYTES_MAX {
                let why = format!("it is {} bytes; at most {SELECTOR_BYTES_MAX}", selector.len());
                return Err(Error::invalid("selector", selector, why));
            }
        }
        let selector = selector.map(str::to_owned);
        Ok(CaptureConfig { mode, selector, ..CaptureConfig::default() })
    }

    /// What a failure in production needs: facts, HTML, the window's picture, what was said, text,
    /// tree, and the network without bodies.
    pub fn production() -> Self {
        CaptureConfig::default().without(PagePart::Source).without(PagePart::FullPng)
    }

    /// Everything, with bodies and MHTML.
    pub fn debug() -> Self {
        CaptureConfig::default().with(PagePart::Bodies).with(PagePart::Mhtml)
    }

    /// Everything but bodies and MHTML.
    pub fn testing() -> Self {
        CaptureConfig::default()
    }

    /// The preset for an environment.
    pub fn for_environment(environment: Environment) -> Self {
        match environment {
            Environment::Production => CaptureConfig::production(),
            Environment::Debug => CaptureConfig::debug(),
            Environment::Testing => CaptureConfig::testing(),
        }
    }

    /// The same with another mode and selector; fails as [`new`](CaptureConfig::new) does.
    pub fn of(self, mode: CaptureMode, selector: Option<&str>) -> Result<Self> {
        let CaptureConfig { mode, selector, .. } = CaptureConfig::new(mode, selector)?;
        Ok(CaptureConfig { mode, selector, ..self })
    }

    /// Takes this part too.
    pub fn with(mut self, part: PagePart) -> Self {
        self.without.remove(&part);
        self.with.insert(part);
        self
    }

    /// Leaves this part out.
    pub fn without(mut self, part: PagePart) -> Self {
        self.with.remove(&part);
        self.without.insert(part);
        self
    }

    /// Takes these parts and no other. Parts of an element are left out where there is no selector.
    pub fn only(mut self, parts: impl IntoIterator<Item = PagePart>) -> Self {
        self.with = parts.into_iter().collect();
        self.without = PagePart::ALL.into_iter().filter(|part| !self.with.contains(part)).collect();
        self
    }

    /// How much of a page is captured.
    pub fn mode(&self) -> CaptureMode {
        self.mode
    }

    /// The CSS selector of the element.
    pub fn selector(&self) -> Option<&str> {
        self.selector.as_deref()
    }

    /// What is taken, beside the facts.
    pub fn parts(&self) -> BTreeSet<PagePart> {
        let all = self.mode != CaptureMode::Minimal;
        let whole = matches!(self.mode, CaptureMode::FullPage | CaptureMode::Both);
        let switched = |part: PagePart| match part {
            PagePart::Html | PagePart::Frames => self.capture_html,
            PagePart::Text | PagePart::Aria | PagePart::Source | PagePart::ElementHtml => {
                all && self.capture_html
            }
            PagePart::ViewPng | PagePart::ElementPng => all && self.capture_screenshot,
            PagePart::FullPng => whole && self.capture_screenshot,
            PagePart::Console => self.capture_console,
            PagePart::Network => all && self.capture_network,
            PagePart::Bodies | PagePart::Mhtml | PagePart::Pdf => false,
        };
        PagePart::ALL
            .into_iter()
            .filter(|part| switched(*part) || self.with.contains(part))
            .filter(|part| !self.without.contains(part))
            .filter(|part| self.selector.is_some() || !part.is_of_the_element())
            .collect()
    }
}

// serde derives functions of these names, which know nothing of what is asked of a configuration.
impl Serialize for CaptureConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        CaptureConfig::serialize(self, serializer)
    }
}

/// What is left out is as in the default; an unknown name is an error, and so is what
/// [`CaptureConfig::new`] refuses.
impl<'de> Deserialize<'de> for CaptureConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let given = CaptureConfig::deserialize(deserializer)?;
        CaptureConfig::new(given.mode, given.selector.as_deref()).map_err(D::Error::custom)?;
        Ok(given)
    }
}

/// A duration as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        Ok(Duration::from_millis(u64::deserialize(deserializer)?))
    }
}
