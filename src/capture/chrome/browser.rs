//! The browser's life: found, started, closed.
//!
//! **Invariant:** when a [`Browser`] is dropped its processes and its profile folder are gone, or
//! were killed and removed by force, within [`CLOSE_MAX`] for each step.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use headless_chrome::LaunchOptions;
use serde_json::json;
use tempfile::TempDir;

use super::cdp::Cdp;
use super::page::{ChromePage, Tab};
use super::socket::Socket;
use crate::capture::{Facts, Fault, Viewport};
use crate::error::{Error, Result};
use crate::model::time::Stopwatch;

/// The names under which browsers are looked for in `PATH`, in this order.
const NAMES: [&str; 7] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
];
/// The longest that starting may take. A cold start on a busy machine takes some seconds.
const LAUNCH_MAX: Duration = Duration::from_secs(40);
/// The longest that each step of closing may take.
const CLOSE_MAX: Duration = Duration::from_secs(3);
/// The longest that a call to the browser (not to a page) may take.
const CALL_MAX: Duration = Duration::from_secs(10);
/// `headless_chrome` closes its connection when nothing happens for so long, and uses the same
/// limit for each of its calls. Capture has deadlines of its own.
const CRATE_IDLE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// The beginning of the name of each profile folder.
const PROFILE_PREFIX: &str = "tintype-chromium-";

/// What every browser is started with. `headless_chrome`'s own list is not used: it ignores
/// certificate errors and lets pages open windows.
const ARGUMENTS: [&str; 28] = [
    // Nothing of its own goes over the network.
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-field-trial-config",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
    // Pages in the background run as fast as others.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    // Nothing stands between the page and its picture.
    "--disable-back-forward-cache",
    "--disable-component-extensions-with-background-pages",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-prompt-on-repost",
    "--disable-search-engine-choice-screen",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-default-browser-check",
    "--password-store=basic",
    "--use-mock-keychain",
    // Shared memory is small in containers; a large picture would crash the page.
    "--disable-dev-shm-usage",
    "--disable-features=AutofillServerCommunication,CertificateTransparencyComponentUpdater,\
     DestroyProfileOnBrowserClose,DialMediaRouteProvider,GlobalMediaControls,HttpsUpgrades,\
     MediaRouter,OptimizationHints,PaintHolding,Translate",
];

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
/// It can be shared by threads that open pages at the same time.
pub struct Browser {
    crate_browser: Option<headless_chrome::Browser>,
    link: Arc<Mutex<Socket>>,
    address: String,
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
        let mut link = Socket::connect(&url).map_err(|fault| refuse(fault.to_string()))?;
        let version = link
            .call("Browser.getVersion", json!({}), CALL_MAX)
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
            link: Arc::new(Mutex::new(link)),
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
        if let Some(mut link) = lock_within(&self.link, CLOSE_MAX)
            && link.send("Browser.close", json!({})).is_ok()
        {
            let watch = Stopwatch::start();
            while !watch.left_of(CLOSE_MAX).is_zero()
                && link.wait(watch.left_of(CLOSE_MAX)).is_ok()
            {}
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
fn prepare(link: &Arc<Mutex<Socket>>, address: &str, facts: &Facts) -> Result<ChromePage, Fault> {
    let tab = Tab::open(link, CALL_MAX)?;
    let socket = Socket::connect(&format!("{address}/devtools/page/{}", tab.target()))?;
    ChromePage::attach(Box::new(socket), tab, facts.clone())
}

/// Locks, also where a thread panicked with the lock: what is behind it is checked by use.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks, unless another thread holds the lock for longer.
fn lock_within<T>(mutex: &Mutex<T>, within: Duration) -> Option<MutexGuard<'_, T>> {
    const PAUSE: Duration = Duration::from_millis(5);
    let watch = Stopwatch::start();
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poison)) => return Some(poison.into_inner()),
            Err(TryLockError::WouldBlock) if watch.left_of(within).is_zero() => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
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

/// Finds the executable, without running it.
fn find(given: Option<&Path>) -> Result<PathBuf> {
    let from_variable = || std::env::var_os("CHROME").filter(|path| !path.is_empty());
    let (path, whose) = match (given, from_variable()) {
        (Some(path), _) => (path.to_owned(), "the path that was given"),
        (None, Some(path)) => (PathBuf::from(path), "what CHROME names"),
        (None, None) => {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            let found = NAMES.iter().find_map(|name| {
                let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(name));
                paths.find(|path| is_executable(path))
            });
            return found.ok_or_else(|| Error::NoBrowser {
                why: format!(
                    "none of {} is in PATH; install Chromium, or name one with --browser PATH or \
                     the variable CHROME",
                    NAMES.join(", ")
                ),
            });
        }
    };
    match is_executable(&path) {
        true => Ok(path),
        false => Err(no_browser(&path, &format!("{whose} is no executable file"))),
    }
}

fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    metadata.is_file()
}

fn no_browser(executable: &Path, why: &str) -> Error {
    let advice = "name another one with --browser PATH or the variable CHROME";
    Error::NoBrowser { why: format!("{}: {why}; {advice}", executable.display()) }
}

fn make_profile() -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PROFILE_PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o700));
    }
    let folder = std::env::temp_dir();
    let profile = builder.tempdir_in(&folder).map_err(|why| Error::io(&folder, why))?;
    if profile.path().to_str().is_none() {
        let why = "the folder for temporary files has a name that is not UTF-8";
        return Err(Error::invalid("path", profile.path().display(), why));
    }
    Ok(profile)
}

/// Whether we run as root: what we make belongs to us.
fn is_of_root(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).is_ok_and(|metadata| metadata.uid() == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

fn arguments() -> impl Iterator<Item = &'static str> {
    ARGUMENTS.into_iter()
}

/// What one of the two threads of [`start`] has to say.
enum News {
    Started(Result<headless_chrome::Browser, String>),
    Unfit(String),
}

/// Starts the browser. Asks it for its version at the same time: an executable that ends at once
/// is noticed by that, where `headless_chrome` waits half a minute for it to speak.
fn start(
    executable: &Path,
    profile: &Path,
    sandboxed: bool,
    window: (u32, u32),
) -> Result<headless_chrome::Browser> {
    let (tell, news) = mpsc::channel();
    let (path, profile, tell_of_start) = (executable.to_owned(), profile.to_owned(), tell.clone());
    thread::spawn(move || {
        let options = LaunchOptions {
            path: Some(path),
            user_data_dir: Some(profile),
            window_size: Some(window),
            sandbox: sandboxed,
            port: Some(0),
            ignore_certificate_errors: false,
            disable_default_args: true,
            args: arguments().map(std::ffi::OsStr::new).collect(),
            idle_browser_timeout: CRATE_IDLE_MAX,
            ..LaunchOptions::default()
        };
        let started = headless_chrome::Browser::new(options).map_err(|why| why.to_string());
        // Where nobody waits any more it is dropped here, and ends.
        let _ = tell_of_start.send(News::Started(started));
    });
    let path = executable.to_owned();
    thread::spawn(move || {
        if let Err(why) = ask_version(&path) {
            let _ = tell.send(News::Unfit(why));
        }
    });
    match news.recv_timeout(LAUNCH_MAX) {
        Ok(News::Started(Ok(browser))) => Ok(browser),
        Ok(News::Started(Err(why)) | News::Unfit(why)) => Err(no_browser(executable, &why)),
        Err(_) => {
            let why = format!("it did not start within {} s", LAUNCH_MAX.as_secs());
            Err(no_browser(executable, &why))
        }
    }
}

fn ask_version(executable: &Path) -> Result<(), String> {
    let output = Command::new(executable)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("it can't be run: {why}"))?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if said.contains("snap install") || said.contains("requires the chromium snap") {
        return Err("it only stands for a snap that is not installed".to_owned());
    }
    match output.status.success() && !output.stdout.is_empty() {
        true => Ok(()),
        false => {
            let first: String = said.lines().next().unwrap_or_default().chars().take(200).collect();
            Err(format!("it ended with {} when asked for its version: {first}", output.status))
        }
    }
}

/// Kills a process that can't be waited for; the standard library kills only its own children.
fn kill(process: u32) {
    let killed = Command::new("kill")
        .args(["-KILL", &process.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !killed.is_ok_and(|status| status.success()) {
        log::warn!("browser: process {process} could not be killed");
    }
}

/// Removes the profile. A helper process that is on its way out may still write into it.
fn remove(profile: TempDir) {
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(50);
    let path = profile.keep();
    for _ in 0..TRIES {
        match fs::remove_dir_all(&path) {
            Ok(()) => return,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return,
            Err(_) => thread::sleep(PAUSE),
        }
    }
    log::warn!("browser: its profile could not be removed: {}", path.display());
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
            "", "a.example", "file:///etc/passwd", "chrome://version", "data:text/html,x",
            "javascript://x", "http://", "http:///x", "http://?x", "http://a b", "http://a\n",
        ] {
            assert!(matches!(check_address(bad), Err(Error::Invalid { .. })), "{bad}");
        }
    }
}
