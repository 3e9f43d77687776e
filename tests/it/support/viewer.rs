//! A browser in which pages that were made here are looked at, by keys and by questions.

use std::ffi::OsStr;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tintype::capture::chrome::headless_chrome::protocol::cdp::Emulation;
use tintype::capture::chrome::headless_chrome::{Browser, LaunchOptions, Tab};

use super::browsers::becomes;

/// A page that is open in a browser of its own.
pub struct Viewer {
    _browser: Browser,
    tab: std::sync::Arc<Tab>,
    _folder: TempDir,
}

impl Viewer {
    /// Opens a page from a file, as people do.
    pub fn open(html: &str) -> Self {
        Viewer::open_with(html, true)
    }

    /// Opens a page where no script runs.
    pub fn open_without_scripts(html: &str) -> Self {
        Viewer::open_with(html, false)
    }

    fn open_with(html: &str, scripts: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("page.html");
        std::fs::write(&path, html).unwrap();
        let options = LaunchOptions::default_builder()
            .sandbox(false)
            .port(Some(0))
            .window_size(Some((1280, 900)))
            .idle_browser_timeout(Duration::from_secs(600))
            .args(vec![OsStr::new("--force-prefers-reduced-motion")])
            .build()
            .unwrap();
        let browser = match Browser::new(options) {
            Ok(browser) => browser,
            Err(why) => panic!("these tests need Chromium, which `make test` installs: {why}"),
        };
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(Duration::from_secs(120));
        if !scripts {
            tab.call_method(Emulation::SetScriptExecutionDisabled { value: true }).unwrap();
        }
        let viewer = Viewer { _browser: browser, tab, _folder: folder };
        let url = format!("file://{}", path.display());
        viewer.tab.navigate_to(&url).unwrap();
        assert!(
            becomes(
                || viewer.ask("location.href + document.readyState") == url.clone() + "complete"
            ),
            "the page does not load"
        );
        viewer
    }

    /// What an expression gives in the page, as JSON.
    pub fn ask(&self, expression: &str) -> Value {
        let script = format!("JSON.stringify({expression})");
        let answer =
            self.tab.evaluate(&script, false).unwrap_or_else(|why| panic!("{script}: {why}"));
        match answer.value {
            Some(Value::String(json)) => serde_json::from_str(&json).unwrap(),
            _ => Value::Null,
        }
    }

    /// Asks until the answer is this.
    pub fn answers(&self, expression: &str, wanted: impl Into<Value>) {
        let wanted = wanted.into();
        let so = becomes(|| self.ask(expression) == wanted);
        assert!(so, "{expression} is {}, not {wanted}", self.ask(expression));
    }

    /// Gives the focus to what a selector finds first.
    pub fn focus(&self, selector: &str) {
        let focus = format!(
            "(document.querySelector({0}).focus(), document.activeElement === document.querySelector({0}))",
            Value::from(selector)
        );
        assert_eq!(self.ask(&focus), true, "{selector} can't have the focus");
    }

    /// Presses a key: `Tab`, `ArrowRight`, `End`.
    pub fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    /// The rectangle of what a selector finds first: left, top, width, height.
    pub fn place(&self, selector: &str) -> [f64; 4] {
        let script = format!(
            "(({{x, y, width, height}}) => [x, y, width, height])\
             (document.querySelector({}).getBoundingClientRect())",
            Value::from(selector)
        );
        let place = self.ask(&script);
        [0, 1, 2, 3].map(|at| place[at].as_f64().unwrap_or_else(|| panic!("{selector}: {place}")))
    }
}
