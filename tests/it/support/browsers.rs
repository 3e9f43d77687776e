//! Browsers for tests, and what is left of them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tintype::capture::chrome::{Browser, BrowserOptions};
use tintype::model::time::Stopwatch;

/// Starts a browser.
pub fn launch(options: BrowserOptions) -> Browser {
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
        let browser = Arc::new(launch(BrowserOptions::default()));
        *shared = Arc::downgrade(&browser);
        browser
    })
}

/// Waits until something is so, no longer than that it surely is not.
pub fn becomes(what: impl Fn() -> bool) -> bool {
    let watch = Stopwatch::start();
    loop {
        if what() {
            return true;
        }
        if watch.left_of(Duration::from_secs(20)).is_zero() {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The processes that have this path in their command line.
pub fn processes_with(path: &Path) -> Vec<u32> {
    assert!(Path::new("/proc/self/cmdline").exists(), "Linux is needed");
    let wanted = path.to_str().unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_it = |process: &u32| {
        let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(wanted)
    };
    numbers.filter(has_it).collect()
}

/// Sends a signal to a process that this test started.
pub fn signal(process: u32, name: &str) {
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args([name, &process.to_string()]).status().unwrap().success());
}
