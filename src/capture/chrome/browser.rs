//! The browser's life: found, started, closed.
//!
//! **Invariant:** when a [`Browser`] is dropped its processes and its profile folder are gone, or
//! were killed and removed by force, within [`CLOSE_MAX`] for each step.
//!
//! `headless_chrome` attaches to each new tab too, and gives its connection up where a tab is
//! closed before it is done with that. Nothing here needs that connection once the browser runs:
//! the crate keeps hold of the process, and ends it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::cdp::PAGE;
use super::launch::{arguments, find, is_of_root, kill, make_profile, no_browser, remove, start};
use super::lock::lock;
use super::page::{ChromePage, Tab};
use super::socket::Socket;
use crate::capture::{Facts, Fault, Viewport};
use crate::error::{Error, Result};

/// The longest that each step of closing may take.
const CLOSE_MAX: Duration = Duration::from_secs(3);
/// The longest that a call to the browser (not to a page) may take.
const CALL_MAX: Duration = Duration::from_secs(10);
/// How a browser is started and how pages are opened in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserOptions {
    /// The browser's executable. Where there is none, the one that `CHROME` names, or else one
    /// that is found in `PATH`.
    pub executable: Option<PathBuf>,
    /// Width and height of a page's window, inside, in CSS pixels.
    pub window: (u32, u32),
    /// How long a page may take to load; then it is captured as it stands.
    pub load_timeout: Duration,
}

/// A window of 1280×800, 30 seconds.
impl Default for BrowserOptions {
    fn default() -> Self {
        BrowserOptions {
            executable: None,
            window: (1280, 800),
            load_timeout: Duration::from_secs(30),
        }
    }
}

/// A running Chromium, with a profile of its own that goes when it goes.
///
/// It can be shared by threads that open pages at the same time. From the second page on it keeps
/// one empty tab ready for the next, which takes some tens of megabytes.
pub struct Browser {
    crate_browser: Option<headless_chrome::Browser>,
    link: Arc<Socket>,
    pub(super) address: String,
    profile: Option<TempDir>,
    process: Option<u32>,
    options: BrowserOptions,
    facts: Facts,
    ahead: Mutex<Ahead>,
}

/// A tab that is made ready while another page is looked at. Making one is half a second of
/// waiting for the browser's processes, mostly.
#[derive(Default)]
struct Ahead {
    /// Whether a page was opened before. A browser that is asked twice will be asked again; for
    /// a single page nothing is made ahead.
    opened_before: bool,
    next: Option<JoinHandle<Result<ChromePage, Fault>>>,
}

impl Browser {
    /// Finds a browser and starts it.
    ///
    /// Fails with [`Error::NoBrowser`] where there is none, or where it does not start.
    pub fn launch(options: BrowserOptions) -> Result<Self> {
        let (width, height) = options.window;
        if width == 0 || height == 0 {
            return Err(Error::invalid("window", format!("{width}x{height}"), "it has no area"));
        }
        let executable = find(options.executable.as_deref())?;
        let profile = make_profile()?;
        // Chromium refuses to run as root with its sandbox.
        let sandboxed = !is_of_root(profile.path());
        let started = start(&executable, profile.path(), sandboxed, options.window)?;

        let url = started.get_ws_url();
        let process = started.get_process_id();
        let refuse = |why: String| no_browser(&executable, &why);
        let link = Socket::connect(&url).map_err(|fault| refuse(fault.to_string()))?;
        let version = link
            .ask(PAGE, "Browser.getVersion", &json!({}), CALL_MAX)
            .map_err(|fault| refuse(fault.to_string()))?;
        let facts = Facts {
            viewport: Some(Viewport { width, height, device_scale: 1.0 }),
            user_agent: version["userAgent"].as_str().map(str::to_owned),
            browser: version["product"].as_str().map(str::to_owned),
            arguments: arguments().map(str::to_owned).collect(),
            sandboxed: Some(sandboxed),
            ..Facts::default()
        };
        log::info!("browser: started {}", facts.browser.as_deref().unwrap_or("?"));
        let address = url.split("/devtools/").next().unwrap_or_default().to_owned();
        Ok(Browser {
            crate_browser: Some(started),
            link: Arc::new(link),
            address,
            profile: Some(profile),
            process,
            options,
            facts,
            ahead: Mutex::default(),
        })
    }

    /// Opens an address in a page of its own and waits until it has loaded.
    ///
    /// A page that does not load is a page that says so in its [facts](Facts). Fails where the
    /// address is none of `http` or `https`, and where the browser is gone.
    pub fn open(&self, url: &str) -> Result<ChromePage> {
        check_address(url)?;
        let ready = lock(&self.ahead).next.take();
        // One that has died in the meantime is replaced.
        let ready = ready.and_then(|thread| thread.join().ok()?.ok());
        let ready = ready.and_then(ChromePage::still_ready);
        let mut page = match ready {
            Some(page) => page,
            None => prepare(&self.link, &self.address, &self.facts).map_err(|fault| {
                Error::Browser { doing: "opening a page", why: fault.to_string() }
            })?,
        };
        page.load(url, self.options.load_timeout);
        self.make_ahead();
        Ok(page)
    }

    /// Begins to make the next tab ready, unless that is under way.
    fn make_ahead(&self) {
        let mut ahead = lock(&self.ahead);
        if ahead.opened_before && ahead.next.is_none() {
            let (link, address, facts) =
                (Arc::clone(&self.link), self.address.clone(), self.facts.clone());
            ahead.next = Some(thread::spawn(move || prepare(&link, &address, &facts)));
        }
        ahead.opened_before = true;
    }

    /// The browser's process, where it is known.
    pub fn process_id(&self) -> Option<u32> {
        self.process
    }

    /// The folder of its profile.
    pub fn profile(&self) -> Option<&Path> {
        self.profile.as_ref().map(TempDir::path)
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked first, so that its helper processes end in order; the connection ends last.
        if self.link.tell(PAGE, "Browser.close", &json!({})).is_ok() {
            self.link.wait_for_end(CLOSE_MAX);
        }
        // The crate kills what is left and collects it, but may wait for an answer that never
        // comes.
        let (done, wait) = mpsc::channel();
        let crate_browser = self.crate_browser.take();
        thread::spawn(move || {
            drop(crate_browser);
            let _ = done.send(());
        });
        if wait.recv_timeout(CLOSE_MAX) == Err(RecvTimeoutError::Timeout) {
            log::warn!("browser: it did not close in time and is killed");
            if let Some(process) = self.process {
                kill(process);
            }
        }
        // Its connections have ended, and so does its thread.
        if let Some(next) = lock(&self.ahead).next.take() {
            let _ = next.join();
        }
        if let Some(profile) = self.profile.take() {
            remove(profile);
        }
    }
}

/// Makes a tab of its own ready for a page, with everything recorded from the beginning.
fn prepare(link: &Arc<Socket>, address: &str, facts: &Facts) -> Result<ChromePage, Fault> {
    let tab = Tab::open(link, CALL_MAX)?;
    let socket = Socket::connect(&format!("{address}/devtools/page/{}", tab.target()))?;
    ChromePage::attach(Box::new(socket), tab, facts.clone())
}

/// Says what can be captured: addresses of `http` and `https`.
fn check_address(url: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::invalid("address", url, why));
    let Some((scheme, rest)) = url.split_once("://") else {
        return refuse("http:// or https:// is needed");
    };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return refuse("only http and https can be captured");
    }
    if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
        return refuse("it names no host");
    }
    if url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return refuse("it has a space or a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_taken() {
        for good in ["http://a", "HTTPS://a.example:8080/x?y#z", "http://[::1]:80/"] {
            assert!(check_address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "file:///etc/passwd",
            "chrome://version",
            "data:text/html,x",
            "javascript://x",
            "http://",
            "http:///x",
            "http://?x",
            "http://a b",
            "http://a\n",
        ] {
            assert!(matches!(check_address(bad), Err(Error::Invalid { .. })), "{bad}");
        }
    }
}
