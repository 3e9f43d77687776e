//! A real browser.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tintype::capture::chrome::{Browser, BrowserOptions};

pub fn launch(load_timeout_ms: u64) -> Browser {
    let options = BrowserOptions {
        load_timeout: Duration::from_millis(load_timeout_ms),
        ..BrowserOptions::default()
    };
    match Browser::launch(options) {
        Ok(browser) => browser,
        Err(why) => panic!("these tests need Chromium, which `make test` installs: {why}"),
    }
}

/// A browser that the tests share that run at the same time; the last one closes it.
pub fn shared() -> Arc<Browser> {
    static SHARED: Mutex<Weak<Browser>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let browser = Arc::new(launch(30_000));
        *shared = Arc::downgrade(&browser);
        browser
    })
}
