//! A browser as a caller has it: pages are opened in it, whatever becomes of its processes.
//!
//! **Invariant:** a browser that died or hangs is replaced when the next page is opened, once for each
//! page; one that has shown many pages is replaced by a new one. The old one ends when its last page
//! is dropped.
//!
//! **Invariant:** when a [`Browser`] is dropped nothing of what was started for it is there any more.
//! One that it was connected to stays as it was.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::cdp::Cdp;
use super::guard::{Guard, Names};
use super::options::{BrowserOptions, PageOptions};
use super::page::{ChromePage, Tab};
use super::running::{CALL_MAX, Running};
use super::socket::Socket;
use crate::capture::Fault;
use crate::capture::address::{Given, Host, reach_of, reach_of_name};
use crate::error::{Error, Result};
use crate::store::locked;

/// How long it may take to find out whether the name that a caller gives is a private one. Until it is
/// known it is taken for a public one.
const LOOK_UP_MAX: Duration = Duration::from_secs(3);

/// Chromium, with a profile of its own that goes when it goes.
///
/// It can be shared by threads that open pages at the same time. From the second page on it keeps
/// one empty tab ready for the next, which takes some tens of megabytes.
pub struct Browser {
    source: Source,
    options: BrowserOptions,
    names: Arc<Names>,
    state: Mutex<State>,
}

/// Where a browser comes from, each time that one is needed.
enum Source {
    Launch,
    Connect(String),
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// Those that were replaced while a page was open in them.
    retired: Vec<Weak<Running>>,
}

/// The browser in which pages are opened at present.
struct Current {
    running: Arc<Running>,
    /// How many pages were opened in it.
    opened: u32,
    /// A tab that is made ready while another page is looked at. Making one is half a second of
    /// waiting for the browser's processes, mostly. A browser that is asked twice will be asked
    /// again; for a single page nothing is made ahead.
    next: Option<Ahead>,
}

/// A page that is being made ready.
type Ahead = JoinHandle<Result<ChromePage, Fault>>;

impl Browser {
    /// Finds a browser and starts it.
    ///
    /// What browsers of processes that were killed left behind is cleared away first.
    ///
    /// Fails with [`Error::NoBrowser`] where there is none, where it does not start, where it is too
    /// old, and where the profile is in use; with `Invalid` where an option can't be taken.
    pub fn launch(options: BrowserOptions) -> Result<Self> {
        options.check()?;
        Browser::from(Source::Launch, options)
    }

    /// Connects to a browser that somebody else started with `--remote-debugging-port`, by
    /// `http://127.0.0.1:9222`, or by `ws://127.0.0.1:9222/devtools/browser/8A1F…`.
    ///
    /// Pages have contexts of their own in it, and see nothing of what is open there. It is never
    /// closed from here; what was made in it goes.
    ///
    /// Fails, within some seconds, with `Invalid` where the address is none of a browser, and with
    /// [`Error::Browser`] where nobody answers, where it is something else that answers, and where
    /// the browser is too old.
    pub fn connect(address: &str) -> Result<Self> {
        Browser::from(Source::Connect(address.to_owned()), BrowserOptions::default())
    }

    fn from(source: Source, options: BrowserOptions) -> Result<Self> {
        let names = Names::new(options.proxy.is_none() && !has_proxy_of_environment());
        let browser = Browser { source, options, names, state: Mutex::default() };
        let running = browser.start()?;
        locked(&browser.state).current = Some(Current::new(running));
        Ok(browser)
    }

    fn start(&self) -> Result<Arc<Running>> {
        match &self.source {
            Source::Launch => Running::launch(&self.options),
            Source::Connect(address) => Running::connect(address, self.options.window),
        }
        .map(Arc::new)
    }

    /// Opens an address in a page of its own and waits until it has loaded. The page is of no use any
    /// more when the browser has been dropped.
    ///
    /// A page that does not load is a page that says so in its [facts](crate::capture::Facts). Fails
    /// where the address is none of `http` or `https`, and where the browser is gone and can't be had
    /// again.
    pub fn open(&self, url: &str) -> Result<ChromePage> {
        self.open_as(url, &PageOptions::default(), false)
    }

    /// Opens an address as the options say.
    ///
    /// Fails where [`open`](Browser::open) fails, and where an option can't be taken.
    ///
    /// ```no_run
    /// use tintype::capture::chrome::{Browser, BrowserOptions, PageOptions, WaitFor};
    /// let browser = Browser::launch(BrowserOptions::default())?;
    /// let mut options = PageOptions { language: Some("de-DE,de".into()), ..PageOptions::default() };
    /// options.waits.push(WaitFor::Selector(".price".into()));
    /// let page = browser.open_with("https://shop.example/", &options)?;
    /// # Ok::<(), tintype::Error>(())
    /// ```
    pub fn open_with(&self, url: &str, options: &PageOptions) -> Result<ChromePage> {
        self.open_as(url, options, false)
    }

    /// Opens an address as [`open`](Browser::open) does, and writes down what the browser says, to be
    /// [played again](ChromePage::replay) without one.
    pub fn open_recorded(&self, url: &str) -> Result<ChromePage> {
        self.open_as(url, &PageOptions::default(), true)
    }

    fn open_as(&self, url: &str, options: &PageOptions, recorded: bool) -> Result<ChromePage> {
        options.check()?;
        let given = options.addresses.check(url)?;
        let guarded = !options.addresses.allow_private && !self.is_private(&given);
        let (mut page, running) = self.page()?;
        if !options.addresses.allow_browser && is_of(&given, &running) {
            let why = "it is the browser's own debugging port";
            return Err(Error::invalid("address", url, why));
        }
        page.set_up(url, options, options.window.unwrap_or(self.options.window), guarded)?;
        let timeout = options.load_timeout.unwrap_or(self.options.load_timeout);
        if recorded {
            page.record(url, timeout);
        }
        page.go(url, timeout, options);
        self.make_ahead(&running);
        Ok(page)
    }

    /// Whether what the caller gives is a private address, which is taken as meant.
    fn is_private(&self, given: &Given) -> bool {
        match &given.host {
            Some(Host::Ip(ip)) => reach_of(*ip).is_private(),
            Some(Host::Name(name)) => {
                let reach = reach_of_name(name).or_else(|| match self.names.looks_up() {
                    true => self.names.ask_within(name, LOOK_UP_MAX),
                    false => None,
                });
                reach.is_some_and(|reach| reach.is_private())
            }
            // A file, or data: it was allowed by name.
            Some(Host::Unfit) | None => true,
        }
    }

    /// An empty page, in a browser that answers.
    fn page(&self) -> Result<(ChromePage, Arc<Running>)> {
        let (running, ready) = self.running()?;
        let told =
            |fault: Fault| Error::Browser { doing: "opening a page", why: fault.to_string() };
        // One that has died in the meantime is replaced.
        let ready = ready.and_then(|thread| thread.join().ok()?.ok());
        if let Some(page) = ready.and_then(ChromePage::still_ready) {
            return Ok((page, running));
        }
        let fault = match running.check().and_then(|()| prepare(&running, &self.names)) {
            Ok(page) => return Ok((page, running)),
            Err(fault) => fault,
        };
        log::warn!("browser: it is replaced: {fault}");
        self.retire(&running);
        drop(running);
        let (running, _) = self.running()?;
        let page = prepare(&running, &self.names).map_err(told)?;
        Ok((page, running))
    }

    /// The browser in which the next page is opened, and a tab of it that was made ready. Whoever
    /// comes first starts a new one, and the others wait.
    fn running(&self) -> Result<(Arc<Running>, Option<Ahead>)> {
        let mut state = locked(&self.state);
        state.retired.retain(|retired| retired.strong_count() > 0);
        if state.current.as_ref().is_some_and(|current| self.is_spent(current)) {
            log::info!("browser: a new one is started in its place");
            state.retire();
        }
        if state.current.is_none() {
            state.current = Some(Current::new(self.start()?));
        }
        let Some(current) = &mut state.current else {
            return Err(Error::Browser { doing: "opening a page", why: "there is none".into() });
        };
        current.opened += 1;
        Ok((Arc::clone(&current.running), current.next.take()))
    }

    /// Whether a browser has shown enough pages. One with a profile that was given can't stand beside
    /// another, and stays until its pages are closed.
    fn is_spent(&self, current: &Current) -> bool {
        let enough = self.options.recycle_after.is_some_and(|most| current.opened >= most);
        // The tab that was made ready holds it too.
        let holders = 1 + usize::from(current.next.is_some());
        enough
            && matches!(self.source, Source::Launch)
            && (self.options.profile.is_none() || Arc::strong_count(&current.running) <= holders)
    }

    /// Opens no more pages in a browser.
    fn retire(&self, running: &Arc<Running>) {
        let mut state = locked(&self.state);
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.running, running)) {
            state.retire();
        }
    }

    /// Begins to make the next tab ready, unless that is under way.
    fn make_ahead(&self, running: &Arc<Running>) {
        let mut state = locked(&self.state);
        let Some(current) = &mut state.current else { return };
        let is_last = self.options.recycle_after.is_some_and(|most| current.opened >= most);
        if Arc::ptr_eq(&current.running, running)
            && current.opened > 1
            && current.next.is_none()
            && !is_last
        {
            let (running, names) = (Arc::clone(running), Arc::clone(&self.names));
            current.next = Some(thread::spawn(move || prepare(&running, &names)));
        }
    }

    /// Where the browser listens in which pages are opened at present: `http://127.0.0.1:41234`, as
    /// [`connect`](Browser::connect) takes it. Whoever knows it can do everything with the browser.
    pub fn address(&self) -> Option<String> {
        let state = locked(&self.state);
        let address = state.current.as_ref()?.running.address();
        Some(format!("http://{}", address.strip_prefix("ws://")?))
    }

    /// The process of the browser in which pages are opened at present, where it was started here.
    pub fn process_id(&self) -> Option<u32> {
        locked(&self.state).current.as_ref()?.running.process()
    }

    /// The folder of its profile, where it was started here.
    pub fn profile(&self) -> Option<PathBuf> {
        locked(&self.state).current.as_ref()?.running.profile().map(PathBuf::from)
    }
}

impl Current {
    fn new(running: Arc<Running>) -> Self {
        Current { running, opened: 0, next: None }
    }
}

impl State {
    /// Lets go of the present browser. It ends with its last page; where it has none, here.
    fn retire(&mut self) {
        let Some(current) = self.current.take() else { return };
        let Current { running, next, .. } = current;
        // What was made ready holds the browser.
        drop(next.map(JoinHandle::join));
        self.retired.push(Arc::downgrade(&running));
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("process", &self.process_id()).finish_non_exhaustive()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        let running = state.current.as_ref().map(|current| Arc::clone(&current.running));
        let retired = state.retired.iter().filter_map(Weak::upgrade);
        for running in running.into_iter().chain(retired) {
            running.close();
        }
        // Its connections have ended, and so does the thread that makes a tab ready.
        state.retire();
    }
}

/// Whether a browser that is started here finds a proxy in its environment.
fn has_proxy_of_environment() -> bool {
    let names = ["http_proxy", "https_proxy", "all_proxy", "auto_proxy"];
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    names.iter().any(|name| is_set(name) || is_set(&name.to_ascii_uppercase()))
}

/// Whether an address leads to a browser's own debugging port.
fn is_of(given: &Given, running: &Running) -> bool {
    let of_this_host = match &given.host {
        Some(Host::Ip(ip)) => reach_of(*ip).is_private(),
        Some(Host::Name(name)) => reach_of_name(name).is_some_and(|reach| reach.is_private()),
        Some(Host::Unfit) | None => false,
    };
    of_this_host && given.port.is_some() && given.port == running.port()
}

/// Makes a tab of its own ready for a page, with everything recorded from the beginning.
fn prepare(running: &Arc<Running>, names: &Arc<Names>) -> Result<ChromePage, Fault> {
    let tab = Tab::open(running, CALL_MAX)?;
    let mut socket = Socket::connect(&tab.address())?;
    let guard = Guard::new(socket.voice(), names);
    // Before what else there is, since it lets frames and workers go on.
    socket.on(guard.reflex());
    let mut page = ChromePage::attach(Box::new(socket), tab, running.facts().clone())?;
    page.guard = Some(guard);
    Ok(page)
}
