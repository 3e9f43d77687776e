//! A browser that runs: started by us, or somebody else's.
//!
//! **Invariant:** when a [`Running`] that we started is closed or dropped, its processes and its
//! folder are gone, or were killed and removed by force, within [`CLOSE_MAX`] for each step. Somebody
//! else's stays; what was made in it goes.
//!
//! **Invariant:** windows that a page of ours opens are closed at once.
//!
//! `headless_chrome` attaches to each new tab too, and gives its connection up where a tab is
//! closed before it is done with that. Nothing here needs that connection once the browser runs:
//! the crate keeps hold of the process, and ends it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::cdp::{Cdp, PAGE};
use super::connect::{self, Connected};
use super::home::{self, Home};
use super::inbox::Call;
use super::launch::{Start, arguments, find, kill, no_browser, sandboxed, start};
use super::options::BrowserOptions;
use super::reaper::Reaper;
use super::socket::Socket;
use crate::capture::{Facts, Fault, Viewport};
use crate::error::{Error, Result};
use crate::store::locked;

/// The longest that each step of closing may take.
const CLOSE_MAX: Duration = Duration::from_secs(3);
/// The longest that a call to the browser (not to a page) may take.
pub(super) const CALL_MAX: Duration = Duration::from_secs(10);
/// A browser that does not even tell its version for so long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(5);
/// The oldest Chromium, by its major version, that knows all that is asked of it. An older one leaves
/// what it does not know out of its answers, without a word: shadow roots of the HTML, for one.
const MAJOR_MIN: u32 = 141;

/// A browser that runs.
pub(super) struct Running {
    link: Arc<Socket>,
    address: String,
    facts: Facts,
    profile: Option<PathBuf>,
    process: Option<u32>,
    contexts: Contexts,
    held: Mutex<Option<Held>>,
}

/// The contexts that were made here, and not by somebody else.
type Contexts = Arc<Mutex<BTreeSet<String>>>;

/// What goes when a browser that we started goes.
struct Held {
    browser: headless_chrome::Browser,
    process: Option<u32>,
    reaper: Option<Reaper>,
    home: Home,
}

impl Running {
    /// Finds a browser and starts it.
    ///
    /// Fails with [`Error::NoBrowser`] where there is none, where it does not start, and where it is
    /// too old.
    pub fn launch(options: &BrowserOptions) -> Result<Self> {
        home::sweep();
        let executable = find(options.executable.as_deref())?;
        let home = Home::make(options.profile.as_deref())?;
        let sandboxed = sandboxed(options.sandbox, home.folder())?;
        let told = arguments(options);
        let mut arguments = told.clone();
        arguments.push(home.argument());
        let started = start(Start {
            executable: &executable,
            profile: home.profile(),
            arguments,
            environment: home.environment(),
            sandboxed,
            window: options.window,
            within: options.launch_timeout,
        });
        // Where it is not started, what there is of it goes with its home.
        let browser = started?;

        let url = browser.get_ws_url();
        let process = browser.get_process_id();
        let profile = home.profile().to_owned();
        let reaper = process.and_then(|process| Reaper::watch(process, home.folder()));
        // From here on it ends with this value.
        let held = Held { browser, process, reaper, home };
        let refuse = |why: String| no_browser(&executable, &why);
        let (link, facts, contexts) = match greet(&url, options.window) {
            Ok(greeted) => greeted,
            Err(why) => {
                close(held, None);
                return Err(refuse(why));
            }
        };
        log::info!("browser: started {}", facts.browser.as_deref().unwrap_or("?"));
        Ok(Running {
            link,
            address: host_of(&url),
            facts: Facts { arguments: told, sandboxed: Some(sandboxed), ..facts },
            profile: Some(profile),
            process,
            contexts,
            held: Mutex::new(Some(held)),
        })
    }

    /// Connects to a browser that somebody else started.
    pub fn connect(address: &str, window: (u32, u32)) -> Result<Self> {
        let fail = |why: String| Error::Browser { doing: "connecting to a browser", why };
        let Connected { url } = connect::find(address)?;
        // A peer may feed the handshake byte by byte, each in time.
        let (tell, told) = mpsc::channel();
        let to = url.clone();
        thread::spawn(move || {
            let _ = tell.send(greet(&to, window));
        });
        let greeted = told.recv_timeout(CALL_MAX).map_err(|_| {
            fail(format!("{address}: no DevTools protocol within {} s", CALL_MAX.as_secs()))
        })?;
        let (link, facts, contexts) = greeted.map_err(|why| fail(format!("{address}: {why}")))?;
        log::info!("browser: connected to {}", facts.browser.as_deref().unwrap_or("?"));
        Ok(Running {
            link,
            address: host_of(&url),
            facts,
            profile: None,
            process: None,
            contexts,
            held: Mutex::new(None),
        })
    }

    /// The connection to the browser itself.
    pub fn link(&self) -> &Arc<Socket> {
        &self.link
    }

    /// Where it listens: `ws://127.0.0.1:41234`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The port on which it listens.
    pub fn port(&self) -> Option<u16> {
        self.address.rsplit_once(':')?.1.parse().ok()
    }

    /// What every page in it has.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its process, where we started it.
    pub fn process(&self) -> Option<u32> {
        self.process
    }

    /// The folder of its profile, where we started it.
    pub fn profile(&self) -> Option<&Path> {
        self.profile.as_deref()
    }

    /// Notes that a context was made here, or is no more.
    pub fn note_context(&self, id: &str, is_there: bool) {
        let mut contexts = locked(&self.contexts);
        match is_there {
            true => contexts.insert(id.to_owned()),
            false => contexts.remove(id),
        };
    }

    /// Whether it answers.
    pub fn check(&self) -> Result<(), Fault> {
        self.link.ask(PAGE, "Browser.getVersion", &json!({}), HANGS_AFTER).map(drop)
    }

    /// Ends it, where we started it and it was not ended yet. Pages in it are gone then.
    pub fn close(&self) {
        let held = locked(&self.held).take();
        if let Some(held) = held {
            close(held, Some(&self.link));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.close();
    }
}

fn host_of(url: &str) -> String {
    url.split("/devtools/").next().unwrap_or_default().to_owned()
}

/// Opens the connection to a browser and asks what it is.
fn greet(url: &str, window: (u32, u32)) -> Result<(Arc<Socket>, Facts, Contexts), String> {
    let mut link = Socket::connect(url).map_err(|fault| fault.to_string())?;
    let version = link
        .ask(PAGE, "Browser.getVersion", &json!({}), CALL_MAX)
        .map_err(|fault| format!("it is no browser that speaks the DevTools protocol: {fault}"))?;
    let product = version["product"].as_str().unwrap_or_default();
    check_version(product)?;
    let contexts = Contexts::default();
    let ours = Arc::clone(&contexts);
    link.on(Box::new(move |event| {
        let info = &event.params["targetInfo"];
        let context = info["browserContextId"].as_str().unwrap_or_default();
        let is_popup = event.method == "Target.targetCreated"
            && info["type"] == "page"
            && info["openerId"].is_string()
            && locked(&ours).contains(context);
        let close = || Call {
            session: PAGE.to_owned(),
            method: "Target.closeTarget",
            params: json!({ "targetId": info["targetId"] }),
        };
        is_popup.then(close).into_iter().collect()
    }));
    let discover = json!({ "discover": true, "filter": [{ "type": "page" }] });
    link.ask(PAGE, "Target.setDiscoverTargets", &discover, CALL_MAX)
        .map_err(|fault| fault.to_string())?;
    let (width, height) = window;
    let facts = Facts {
        viewport: Some(Viewport { width, height, device_scale: 1.0 }),
        user_agent: version["userAgent"].as_str().map(str::to_owned),
        browser: Some(product.to_owned()),
        ..Facts::default()
    };
    Ok((Arc::new(link), facts, contexts))
}

/// Checks what a browser says that it is: `Chrome/156.0.8078.79`.
fn check_version(product: &str) -> Result<(), String> {
    let version = product.split_once('/').map_or("", |(_, version)| version);
    match version.split('.').next().unwrap_or_default().parse::<u32>() {
        Ok(major) if major >= MAJOR_MIN => Ok(()),
        Ok(_) => Err(format!("{product} is too old; Chromium {MAJOR_MIN} or later is needed")),
        Err(_) => Err(format!("it says that it is {product:?}, which is no version of Chromium")),
    }
}

/// Ends a browser that we started.
fn close(held: Held, link: Option<&Socket>) {
    let Held { browser, process, reaper, home } = held;
    // Asked first, so that its helper processes end in order; the connection ends last.
    let asked = link.is_some_and(|link| link.tell(PAGE, "Browser.close", &json!({})).is_ok());
    let ended =
        link.is_some_and(|link| link.wait_for_end(if asked { CLOSE_MAX } else { Duration::ZERO }));
    if !ended {
        log::warn!("browser: it did not close in time and is killed");
        process.into_iter().for_each(kill);
    }
    // The crate kills what is left and collects it, but may wait for an answer that never comes.
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        drop(browser);
        let _ = done.send(());
    });
    if wait.recv_timeout(CLOSE_MAX) == Err(RecvTimeoutError::Timeout) {
        log::warn!("browser: it did not end in time and is killed");
        process.into_iter().for_each(kill);
        let _ = wait.recv_timeout(CLOSE_MAX);
    }
    // Its process was collected, so that the reaper has nothing to do any more.
    drop(reaper);
    drop(home);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_is_too_old_or_none_is_refused_by_what_it_says() {
        for good in ["Chrome/156.0.8078.79", "HeadlessChrome/141.0.0.0", "Edg/150"] {
            assert_eq!(check_version(good), Ok(()), "{good}");
        }
        assert!(check_version("Chrome/99.0.1").unwrap_err().contains("too old"));
        for bad in ["", "Chrome", "Chrome/", "Chrome/x.1", "156.0"] {
            assert!(check_version(bad).unwrap_err().contains("no version"), "{bad}");
        }
    }
}
