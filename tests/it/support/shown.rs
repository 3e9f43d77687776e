//! HTML files as people open them: in Chromium, from a disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tintype::capture::chrome::ChromePage;
use tintype::capture::chrome::headless_chrome::browser::tab::point::Point;
use tintype::capture::chrome::headless_chrome::protocol::cdp::Emulation;
use tintype::capture::chrome::headless_chrome::protocol::cdp::types::Event;
use tintype::capture::chrome::headless_chrome::{Browser, LaunchOptions, Tab};

use super::chromium::Shot;

/// A browser that shows files.
pub struct Shower(Browser);

/// A file that is shown.
pub struct Shown {
    pub tab: Arc<Tab>,
    browser: Browser,
    dialogs: Arc<AtomicUsize>,
}

impl Shower {
    pub fn start() -> Self {
        let options = LaunchOptions::default_builder()
            .sandbox(false)
            .port(Some(0))
            // A machine with much else to do is slow to ask again.
            .idle_browser_timeout(Duration::from_secs(600))
            .build();
        match Browser::new(options.unwrap()) {
            Ok(browser) => Shower(browser),
            Err(why) => panic!("these tests need Chromium, which `make test` installs: {why}"),
        }
    }

    /// Opens a file as it is.
    pub fn open(&self, path: &Path) -> Shown {
        self.go(&format!("file://{}", path.canonicalize().unwrap().display()))
    }

    /// Opens an address and waits until it is there.
    pub fn go(&self, url: &str) -> Shown {
        let shown = self.send(url);
        shown.tab.wait_until_navigated().unwrap();
        shown
    }

    /// Opens a file, whatever comes of it.
    pub fn send_to(&self, path: &Path) -> Shown {
        self.send(&format!("file://{}", path.canonicalize().unwrap().display()))
    }

    fn send(&self, url: &str) -> Shown {
        let tab = self.0.new_tab().unwrap();
        let dialogs = Arc::new(AtomicUsize::new(0));
        let (counted, closing) = (Arc::clone(&dialogs), Arc::downgrade(&tab));
        let listener = move |event: &Event| {
            if let Event::PageJavascriptDialogOpening(_) = event {
                counted.fetch_add(1, Ordering::SeqCst);
                let closing = closing.clone();
                // Who listens may not wait for an answer.
                std::thread::spawn(move || {
                    if let Some(tab) = closing.upgrade() {
                        let _ = tab.get_dialog().dismiss();
                    }
                });
            }
        };
        tab.add_event_listener(Arc::new(listener)).unwrap();
        tab.navigate_to(url).unwrap();
        Shown { tab, browser: self.0.clone(), dialogs }
    }
}

impl Shown {
    /// What an expression comes to, as JSON.
    pub fn value(&self, expression: &str) -> Value {
        let wrapped =
            format!("Promise.resolve({expression}).then((it) => JSON.stringify(it) ?? 'null')");
        let found = self.tab.evaluate(&wrapped, true).unwrap();
        let text = found.value.unwrap_or_else(|| panic!("{expression}: {:?}", found.description));
        serde_json::from_str(text.as_str().unwrap()).unwrap()
    }

    /// Shows it in a window of this width, and with this scheme of colours.
    pub fn look(&self, width: u32, scheme: &str) {
        let window = Emulation::SetDeviceMetricsOverride {
            width,
            height: 900,
            device_scale_factor: 1.0,
            mobile: false,
            scale: None,
            screen_width: None,
            screen_height: None,
            position_x: None,
            position_y: None,
            dont_set_visible_size: None,
            screen_orientation: None,
            viewport: None,
            display_feature: None,
            device_posture: None,
        };
        self.tab.call_method(window).unwrap();
        let scheme = Emulation::MediaFeature {
            name: "prefers-color-scheme".to_owned(),
            value: scheme.to_owned(),
        };
        let media = Emulation::SetEmulatedMedia { media: None, features: Some(vec![scheme]) };
        self.tab.call_method(media).unwrap();
        self.settle();
    }

    /// Waits until it is drawn twice more.
    pub fn settle(&self) {
        self.value("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(1))))");
    }

    /// Clicks a point of the window.
    pub fn click(&self, x: f64, y: f64) {
        self.tab.click_point(Point { x, y }).unwrap();
    }

    /// How many dialogs it has opened.
    pub fn dialogs(&self) -> usize {
        self.dialogs.load(Ordering::SeqCst)
    }

    /// What the program itself takes of it.
    pub fn captured(&self) -> Shot {
        let mut page = ChromePage::watch(&self.browser, &self.tab).unwrap();
        Shot::of(&mut page, &super::chromium::patient())
    }
}
