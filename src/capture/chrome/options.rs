//! What a caller may choose: how a browser is started, how a page is opened in it, what is waited
//! for. Checked before anything is started, and each error names the value.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::capture::address::AddressPolicy;
use crate::error::{Error, Result};
use crate::model::config::SELECTOR_BYTES_MAX;

/// The largest side of a window, in CSS pixels. Beyond it Chromium shows what it likes.
const WINDOW_SIDE_MAX: u32 = 16_384;
/// The largest device scale. Telephones have up to 4.
const DEVICE_SCALE_MAX: f64 = 8.0;
/// The longest user agent, language, header or cookie, name and value together, in bytes: Chromium
/// takes no longer cookies, servers no longer headers.
const FIELD_BYTES_MAX: usize = 4096;
/// How many headers and cookies, and how many waits, may be given.
const FIELDS_MAX: usize = 100;
const WAITS_MAX: usize = 20;
/// The longest that any of the times may be.
const TIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// How a browser is started, and what its pages have unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserOptions {
    /// The browser's executable. Where there is none, the one that `CHROME` names, or else one
    /// that is found in `PATH`.
    pub executable: Option<PathBuf>,
    /// Width and height of a page's window, inside, in CSS pixels.
    pub window: (u32, u32),
    /// How long a page may take to load; then it is captured as it stands.
    pub load_timeout: Duration,
    /// The proxy that everything goes through, but what is on loopback: `127.0.0.1:8080`,
    /// `socks5://host:1080`. One that asks for a password can't be used.
    pub proxy: Option<String>,
    /// The folder of the profile, which is made where it is not there, and kept. Another browser may
    /// not use it at the same time. Where there is none, a new profile is made, and removed at the
    /// end.
    ///
    /// Pages do not see the profile's cookies: each has a context of its own.
    pub profile: Option<PathBuf>,
    /// Further arguments for the browser, which stand in the facts of each capture. Those that would
    /// take its sandbox or the walls between sites down, and those that are chosen here, are refused.
    pub arguments: Vec<String>,
    /// Whether the browser must have its sandbox.
    pub sandbox: Sandbox,
    /// After how many pages a new browser is started in the place of this one, since what a browser
    /// takes grows; none for never.
    pub recycle_after: Option<u32>,
    /// How long starting may take. A cold start on a busy machine takes some seconds.
    pub launch_timeout: Duration,
}

/// A window of 1280×800, 30 seconds to load, a new browser after 100 pages, 40 seconds to start.
impl Default for BrowserOptions {
    fn default() -> Self {
        BrowserOptions {
            executable: None,
            window: (1280, 800),
            load_timeout: Duration::from_secs(30),
            proxy: None,
            profile: None,
            arguments: Vec::new(),
            sandbox: Sandbox::IfPossible,
            recycle_after: Some(100),
            launch_timeout: Duration::from_secs(40),
        }
    }
}

/// Whether a browser has the sandbox that keeps its pages from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sandbox {
    /// It has it, or is not started.
    Required,
    /// It has it, but for root, for whom Chromium refuses it. The facts say which.
    #[default]
    IfPossible,
    /// It has none.
    Disabled,
}

impl FromStr for Sandbox {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "required" => Ok(Sandbox::Required),
            "if-possible" => Ok(Sandbox::IfPossible),
            "disabled" => Ok(Sandbox::Disabled),
            _ => Err(Error::invalid("sandbox", text, "required, if-possible or disabled")),
        }
    }
}

/// How a page is opened. What is not chosen is as the browser has it.
#[derive(Debug, Clone, PartialEq)]
pub struct PageOptions {
    /// Width and height of the window, inside, in CSS pixels.
    pub window: Option<(u32, u32)>,
    /// Device pixels for each CSS pixel.
    pub device_scale: f64,
    /// What the page is told that it is viewed with.
    pub user_agent: Option<String>,
    /// The languages that the page is asked for, the best first: `de-DE,de,en`. The first is also
    /// how numbers and dates are written.
    pub language: Option<String>,
    /// Headers of every request that the page makes, to other sites too.
    pub headers: Vec<Header>,
    /// Cookies that are there before the page is.
    pub cookies: Vec<Cookie>,
    /// How long the page may take to load; then it is captured as it stands.
    pub load_timeout: Option<Duration>,
    /// What is waited for before the page is taken, one after the other. What does not come is told
    /// in the facts, and costs nothing but its time.
    pub waits: Vec<WaitFor>,
    /// How long each of the waits may take, but those of loading.
    pub wait_timeout: Duration,
    /// Where the page may lead.
    pub addresses: AddressPolicy,
}

/// Waits for the load event, fonts and two frames.
impl Default for PageOptions {
    fn default() -> Self {
        PageOptions {
            window: None,
            device_scale: 1.0,
            user_agent: None,
            language: None,
            headers: Vec::new(),
            cookies: Vec::new(),
            load_timeout: None,
            waits: vec![WaitFor::Load, WaitFor::Fonts],
            wait_timeout: Duration::from_secs(5),
            addresses: AddressPolicy::default(),
        }
    }
}

/// A header of a request. Its value is a secret: it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads `Name: value`.
impl FromStr for Header {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((name, value)) = text.split_once(':') else {
            // The text may be a value that somebody forgot the name of.
            return Err(Error::invalid("header", "", "Name: value is needed"));
        };
        let header = Header { name: name.trim().to_owned(), value: value.trim().to_owned() };
        header.check()?;
        Ok(header)
    }
}

/// Headers that are the connection's own. Chromium fails every request with one of most of them.
const OF_THE_CONNECTION: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

impl Header {
    fn check(&self) -> Result<()> {
        let refuse = |why: &str| Err(Error::invalid("header", &self.name, why));
        if !is_token(&self.name) {
            return refuse("its name is no name of a header");
        }
        let name = self.name.to_ascii_lowercase();
        if OF_THE_CONNECTION.contains(&name.as_str()) || name.starts_with("sec-") {
            return refuse("the browser alone may set it");
        }
        if name == "cookie" {
            return refuse("cookies are given as cookies");
        }
        if self.value.contains(|c: char| c.is_control() && c != '\t') {
            return refuse("its value has a line break or another control character");
        }
        if self.name.len() + self.value.len() > FIELD_BYTES_MAX {
            return refuse("it is too long");
        }
        Ok(())
    }
}

/// A cookie. Its value is a secret: it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The domain that it is for; the host of the page where there is none.
    pub domain: Option<String>,
    /// The path that it is for.
    pub path: String,
    /// Whether it is sent over TLS alone.
    pub secure: bool,
    /// Whether scripts can't read it.
    pub http_only: bool,
}

impl Cookie {
    /// A cookie for the whole host of the page.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Cookie {
            name: name.into(),
            value: value.into(),
            domain: None,
            path: "/".to_owned(),
            secure: false,
            http_only: false,
        }
    }

    fn check(&self) -> Result<()> {
        let refuse = |why: &str| Err(Error::invalid("cookie", &self.name, why));
        if !is_token(&self.name) {
            return refuse("its name is empty, or no name of a cookie");
        }
        if self.value.contains(|c: char| c.is_control() || c == ';') {
            return refuse("its value has a semicolon or a control character");
        }
        let is_of_domains =
            |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-._".contains(c);
        if let Some(domain) = &self.domain
            && (domain.is_empty() || !domain.chars().all(is_of_domains))
        {
            return refuse("its domain is none");
        }
        if !self.path.starts_with('/') || self.path.contains(|c: char| c.is_control() || c == ';') {
            return refuse("its path does not begin with /, or has a character that none has");
        }
        if self.name.len() + self.value.len() > FIELD_BYTES_MAX {
            return refuse("it is longer than the 4096 bytes that browsers take");
        }
        Ok(())
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads `name=value`.
impl FromStr for Cookie {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Error::invalid("cookie", "", "name=value is needed"));
        };
        let cookie = Cookie::new(name.trim(), value.trim());
        cookie.check()?;
        Ok(cookie)
    }
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let is_of_tokens = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_of_tokens)
}

/// Something that a page is waited for with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WaitFor {
    /// Its load event: everything that its HTML names is there.
    Load,
    /// Its `DOMContentLoaded` event: its HTML was read, its scripts ran.
    DomContentLoaded,
    /// Half a second without a request under way. Sockets, event streams, pings and the icon do not
    /// count.
    NetworkQuiet,
    /// Its fonts are there and two frames were drawn. Half a second at most.
    Fonts,
    /// Two pictures of the window in a row are the same.
    Frames,
    /// There is an element that this CSS selector finds.
    Selector(String),
    /// There is none.
    Gone(String),
    /// So much time passes.
    Delay(Duration),
}

/// `load`, `dom`, `network`, `fonts`, `frames`, `selector:CSS`, `gone:CSS`, `500ms`.
impl fmt::Display for WaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitFor::Load => f.pad("load"),
            WaitFor::DomContentLoaded => f.pad("dom"),
            WaitFor::NetworkQuiet => f.pad("network"),
            WaitFor::Fonts => f.pad("fonts"),
            WaitFor::Frames => f.pad("frames"),
            WaitFor::Selector(selector) => write!(f, "selector:{selector}"),
            WaitFor::Gone(selector) => write!(f, "gone:{selector}"),
            WaitFor::Delay(delay) => write!(f, "{}ms", delay.as_millis()),
        }
    }
}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for WaitFor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wait = match text.split_once(':') {
            Some(("selector", selector)) => WaitFor::Selector(selector.to_owned()),
            Some(("gone", selector)) => WaitFor::Gone(selector.to_owned()),
            _ => match text {
                "load" => WaitFor::Load,
                "dom" => WaitFor::DomContentLoaded,
                "network" => WaitFor::NetworkQuiet,
                "fonts" => WaitFor::Fonts,
                "frames" => WaitFor::Frames,
                _ => match text.strip_suffix("ms").map(str::parse) {
                    Some(Ok(millis)) => WaitFor::Delay(Duration::from_millis(millis)),
                    _ => {
                        let known = "load, dom, network, fonts, frames, selector:CSS, gone:CSS, \
                                     500ms";
                        return Err(Error::invalid("wait", text, format!("known are {known}")));
                    }
                },
            },
        };
        wait.check()?;
        Ok(wait)
    }
}

impl TryFrom<String> for WaitFor {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<WaitFor> for String {
    fn from(wait: WaitFor) -> String {
        wait.to_string()
    }
}

impl WaitFor {
    fn check(&self) -> Result<()> {
        match self {
            WaitFor::Selector(selector) | WaitFor::Gone(selector) => {
                let refuse = |why: &str| Err(Error::invalid("selector", selector, why));
                if selector.trim().is_empty() {
                    return refuse("it is empty");
                }
                if selector.len() > SELECTOR_BYTES_MAX {
                    return refuse("it is too long");
                }
                Ok(())
            }
            WaitFor::Delay(delay) => check_time("delay", *delay),
            _ => Ok(()),
        }
    }
}

impl BrowserOptions {
    /// Checks everything that can be told without starting a browser.
    pub(super) fn check(&self) -> Result<()> {
        check_window(self.window)?;
        check_time("load timeout", self.load_timeout)?;
        check_time("launch timeout", self.launch_timeout)?;
        if self.recycle_after == Some(0) {
            return Err(Error::invalid("recycle_after", 0, "a browser has at least one page"));
        }
        if let Some(proxy) = &self.proxy {
            let refuse = |why: &str| Err(Error::invalid("proxy", shown_proxy(proxy), why));
            if proxy.contains('@') {
                return refuse("Chromium takes no name and no password there");
            }
            if proxy.is_empty() || proxy.contains(|c: char| c.is_control() || c.is_whitespace()) {
                return refuse("host:port or scheme://host:port is needed");
            }
        }
        self.arguments.iter().try_for_each(|argument| check_argument(argument))
    }
}

/// A proxy without the name and the password that should not be in it.
fn shown_proxy(proxy: &str) -> &str {
    proxy.rsplit_once('@').map_or(proxy, |(_, host)| host)
}

/// Arguments that are not taken, with the reason.
const REFUSED_ARGUMENTS: [(&str, &str); 23] = [
    ("no-sandbox", SANDBOX),
    ("disable-setuid-sandbox", SANDBOX),
    ("disable-namespace-sandbox", SANDBOX),
    ("disable-seccomp-filter-sandbox", SANDBOX),
    ("disable-gpu-sandbox", SANDBOX),
    ("allow-sandbox-debugging", SANDBOX),
    ("no-zygote", SANDBOX),
    ("no-zygote-sandbox", SANDBOX),
    ("single-process", WALLS),
    ("in-process-gpu", WALLS),
    ("renderer-cmd-prefix", WALLS),
    ("disable-web-security", WALLS),
    ("disable-site-isolation-trials", WALLS),
    ("disable-site-isolation-for-policy", WALLS),
    ("allow-file-access", WALLS),
    ("allow-file-access-from-files", WALLS),
    ("crash-dumps-dir", OURS),
    ("headless", OURS),
    ("proxy-server", "it is given as the proxy"),
    ("user-data-dir", "it is given as the profile"),
    ("window-size", "it is given as the window"),
    ("remote-allow-origins", WALLS),
    ("load-extension", "an extension sees all pages, and belongs to none"),
];
const SANDBOX: &str = "it weakens the sandbox, which is chosen with the option for that";
const WALLS: &str = "it takes down walls that keep pages from each other and from this machine";
const OURS: &str = "the browser is started with another value";

fn check_argument(argument: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::invalid("browser argument", argument, why));
    let Some(rest) = argument.strip_prefix("--").filter(|rest| !rest.is_empty()) else {
        return refuse("--name or --name=value is needed");
    };
    if argument.contains('\0') {
        return refuse("it has a NUL");
    }
    // Chromium takes any case for Windows alone.
    let name = rest.split('=').next().unwrap_or_default().to_ascii_lowercase();
    if name.starts_with("remote-debugging-") {
        return refuse(OURS);
    }
    match REFUSED_ARGUMENTS.iter().find(|(refused, _)| *refused == name) {
        Some((_, why)) => refuse(why),
        None => Ok(()),
    }
}

impl PageOptions {
    /// Checks everything that can be told without a browser. Opening a page does so too.
    pub fn check(&self) -> Result<()> {
        if let Some(window) = self.window {
            check_window(window)?;
        }
        let scale = self.device_scale;
        if !scale.is_finite() || scale <= 0.0 || scale > DEVICE_SCALE_MAX {
            let why = format!("it must be above 0 and at most {DEVICE_SCALE_MAX}");
            return Err(Error::invalid("device scale", scale, why));
        }
        if let Some(agent) = &self.user_agent {
            let is_text = |c: char| c == ' ' || c.is_ascii_graphic();
            if agent.trim().is_empty()
                || agent.len() > FIELD_BYTES_MAX
                || !agent.chars().all(is_text)
            {
                let why = "it is empty, too long, or has other characters than those of ASCII";
                return Err(Error::invalid("user agent", agent, why));
            }
        }
        if let Some(language) = &self.language {
            let is_tag = |tag: &str| {
                (1..=35).contains(&tag.len())
                    && tag.starts_with(|c: char| c.is_ascii_alphabetic())
                    && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            if language.len() > FIELD_BYTES_MAX || !language.split(',').all(is_tag) {
                let why = "tags like de-DE are needed, with commas between them";
                return Err(Error::invalid("language", language, why));
            }
        }
        check_count("headers", self.headers.len(), FIELDS_MAX)?;
        check_count("cookies", self.cookies.len(), FIELDS_MAX)?;
        check_count("waits", self.waits.len(), WAITS_MAX)?;
        self.headers.iter().try_for_each(Header::check)?;
        self.cookies.iter().try_for_each(Cookie::check)?;
        self.waits.iter().try_for_each(WaitFor::check)?;
        if let Some(timeout) = self.load_timeout {
            check_time("load timeout", timeout)?;
        }
        check_time("wait timeout", self.wait_timeout)
    }
}

fn check_window((width, height): (u32, u32)) -> Result<()> {
    let refuse = |why: String| Err(Error::invalid("window", format!("{width}x{height}"), why));
    if width == 0 || height == 0 {
        return refuse("it has no area".into());
    }
    if width > WINDOW_SIDE_MAX || height > WINDOW_SIDE_MAX {
        return refuse(format!("a side may have {WINDOW_SIDE_MAX} px"));
    }
    Ok(())
}

fn check_time(what: &'static str, time: Duration) -> Result<()> {
    if time > TIME_MAX {
        let why = "it is longer than a day";
        return Err(Error::invalid(what, format!("{} ms", time.as_millis()), why));
    }
    Ok(())
}

fn check_count(what: &'static str, count: usize, most: usize) -> Result<()> {
    if count > most {
        return Err(Error::invalid(what, count, format!("at most {most} are taken")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(checked: Result<()>, what: &str, value: &str) {
        let refused = checked.unwrap_err();
        let wanted = format!("{what} \"{}\": ", value.escape_debug());
        assert!(refused.to_string().starts_with(&wanted), "{refused}: {wanted}");
    }

    fn refused(page: PageOptions, what: &str, value: &str) {
        told(page.check(), what, value);
    }

    #[test]
    fn what_a_page_may_not_have_is_refused_by_its_value() {
        let page = PageOptions::default;
        assert!(page().check().is_ok());
        for (window, shown) in
            [((0, 1), "0x1"), ((1, 0), "1x0"), ((16_385, 1), "16385x1"), ((1, 99_999), "1x99999")]
        {
            refused(PageOptions { window: Some(window), ..page() }, "window", shown);
        }
        assert!(PageOptions { window: Some((16_384, 1)), ..page() }.check().is_ok());
        for (device_scale, shown) in
            [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (0.0, "0"), (-1.0, "-1"), (8.1, "8.1")]
        {
            refused(PageOptions { device_scale, ..page() }, "device scale", shown);
        }
        for agent in ["", " ", "a\r\nX: y", "ä"] {
            let options = PageOptions { user_agent: Some(agent.into()), ..page() };
            refused(options, "user agent", agent);
        }
        for language in ["", "de,", "de;q=0.5", "de DE", "-", "de\r\nX: y"] {
            let options = PageOptions { language: Some(language.into()), ..page() };
            refused(options, "language", language);
        }
        assert!(PageOptions { language: Some("de-DE,de,en".into()), ..page() }.check().is_ok());
        for name in
            ["", "a b", "a:b", "a\r\nb", "Host", "content-length", "Sec-Fetch-Mode", "Cookie"]
        {
            let header = Header { name: name.into(), value: "x".into() };
            refused(PageOptions { headers: vec![header], ..page() }, "header", name);
        }
        for value in ["a\r\nX: y", "a\0", "\u{85}"] {
            let header = Header { name: "X-A".into(), value: value.into() };
            refused(PageOptions { headers: vec![header], ..page() }, "header", "X-A");
        }
        for name in ["", "a=b", "a;b", "a b", "a\n"] {
            let options = PageOptions { cookies: vec![Cookie::new(name, "x")], ..page() };
            refused(options, "cookie", name);
        }
        for cookie in [
            Cookie::new("a", "b;c"),
            Cookie::new("a", "b\r"),
            Cookie::new("a", "b".repeat(5000)),
            Cookie { domain: Some("a b".into()), ..Cookie::new("a", "b") },
            Cookie { path: "x".into(), ..Cookie::new("a", "b") },
        ] {
            refused(PageOptions { cookies: vec![cookie], ..page() }, "cookie", "a");
        }
        refused(PageOptions { waits: vec![WaitFor::Load; 21], ..page() }, "waits", "21");
        refused(
            PageOptions { wait_timeout: Duration::MAX, ..page() },
            "wait timeout",
            &format!("{} ms", Duration::MAX.as_millis()),
        );
    }

    #[test]
    fn arguments_that_take_walls_down_are_refused() {
        let with = |argument: &str| BrowserOptions {
            arguments: vec![argument.into()],
            ..BrowserOptions::default()
        };
        for bad in [
            "",
            "--",
            "-x",
            "no-sandbox",
            "--no-sandbox",
            "--No-Sandbox",
            "--no-sandbox=1",
            "--disable-web-security",
            "--single-process",
            "--remote-debugging-port=9222",
            "--remote-debugging-pipe",
            "--user-data-dir=/tmp",
            "--a\0b",
        ] {
            let refused = with(bad).check();
            assert!(
                matches!(refused, Err(Error::Invalid { what: "browser argument", .. })),
                "{bad}"
            );
        }
        for good in ["--lang=de", "--disable-features=A,B", "--host-resolver-rules=MAP a b"] {
            assert!(with(good).check().is_ok(), "{good}");
        }
        for (proxy, shown) in [("u:p4ss@h:1", "h:1"), ("", ""), ("a b", "a b")] {
            let options = BrowserOptions { proxy: Some(proxy.into()), ..BrowserOptions::default() };
            assert!(!options.check().unwrap_err().to_string().contains("p4ss"));
            told(options.check(), "proxy", shown);
        }
        let never = BrowserOptions { recycle_after: Some(0), ..BrowserOptions::default() };
        assert!(never.check().is_err());
    }

    #[test]
    fn waits_headers_and_cookies_are_read_as_they_are_written_and_show_no_secret() {
        for text in [
            "load",
            "dom",
            "network",
            "fonts",
            "frames",
            "selector:a:hover > b",
            "gone:.spinner",
            "250ms",
        ] {
            assert_eq!(text.parse::<WaitFor>().unwrap().to_string(), text);
        }
        for bad in ["", "loaded", "selector:", "gone: ", "ms", "-1ms", "1s", "99999999999ms"] {
            assert!(bad.parse::<WaitFor>().is_err(), "{bad}");
        }
        let header: Header = "X-Key:  s3cr3t ".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.as_str()), ("X-Key", "s3cr3t"));
        let cookie: Cookie = "id=s3cr3t=1".parse().unwrap();
        assert_eq!(cookie.value, "s3cr3t=1");
        assert!(!format!("{header:?} {cookie:?}").contains("s3cr3t"));
        for bad in ["s3cr3t", "s3 cr3t: x"] {
            let told = bad.parse::<Header>().unwrap_err().to_string();
            assert!(!told.contains("s3cr3t"), "{told}");
        }
    }
}
