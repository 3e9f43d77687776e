//! Finding Chromium, starting it, and clearing away after it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use headless_chrome::LaunchOptions;

use super::options::{BrowserOptions, Sandbox};
use crate::error::{Error, Result};

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
/// `headless_chrome` closes its connection when nothing happens for so long, and uses the same
/// limit for each of its calls. Capture has deadlines of its own.
const CRATE_IDLE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

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
    // Pages can't send datagrams about, past proxy and check of addresses.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
];
/// What is switched off in it. The address bar's own pages, which each new window would load in
/// processes of their own though nobody sees them, and processes held ready for pages to come, are half
/// of what Chromium 156 computes for a capture.
const FEATURES_OFF: &str = "--disable-features=AutofillServerCommunication,\
    CertificateTransparencyComponentUpdater,DestroyProfileOnBrowserClose,DialMediaRouteProvider,\
    GlobalMediaControls,HttpsUpgrades,MediaRouter,OptimizationHints,PaintHolding,\
    SpareRendererForSitePerProcess,Translate,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,\
    WebUIOmniboxPopup";

/// Finds the executable, without running it.
pub(super) fn find(given: Option<&Path>) -> Result<PathBuf> {
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

pub(super) fn no_browser(executable: &Path, why: &str) -> Error {
    let advice = "name another one with --browser PATH or the variable CHROME";
    Error::NoBrowser { why: format!("{}: {why}; {advice}", executable.display()) }
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

/// All arguments of a browser but those that `headless_chrome` adds. Chromium heeds only the last
/// list of features to switch off, so a further one becomes part of ours.
pub(super) fn arguments(options: &BrowserOptions) -> Vec<String> {
    const OFF: &str = "--disable-features=";
    let mut features = FEATURES_OFF.to_owned();
    let mut arguments: Vec<String> = ARGUMENTS.into_iter().map(str::to_owned).collect();
    for argument in &options.arguments {
        match argument.strip_prefix(OFF) {
            Some(more) => features = format!("{features},{more}"),
            None => arguments.push(argument.clone()),
        }
    }
    arguments.push(features);
    arguments.extend(options.proxy.iter().map(|proxy| format!("--proxy-server={proxy}")));
    arguments
}

/// Decides whether a browser that we start has its sandbox: Chromium refuses it for root.
pub(super) fn sandboxed(policy: Sandbox, folder_of_ours: &Path) -> Result<bool> {
    match (policy, is_of_root(folder_of_ours)) {
        (Sandbox::Disabled, _) | (Sandbox::IfPossible, true) => Ok(false),
        (Sandbox::IfPossible | Sandbox::Required, false) => Ok(true),
        (Sandbox::Required, true) => Err(Error::NoBrowser {
            why:
                "the sandbox is required, and Chromium has none for root; run as another user, or \
                  allow it to be left out"
                    .to_owned(),
        }),
    }
}

/// What a browser is started with.
pub(super) struct Start<'a> {
    pub executable: &'a Path,
    pub profile: &'a Path,
    pub arguments: Vec<String>,
    pub environment: HashMap<String, String>,
    pub sandboxed: bool,
    pub window: (u32, u32),
    pub within: Duration,
}

/// What one of the two threads of [`start`] has to say.
enum News {
    Started(Result<headless_chrome::Browser, String>),
    Unfit(String),
}

/// Starts the browser. Asks it for its version at the same time: an executable that ends at once
/// is noticed by that, where `headless_chrome` waits half a minute for it to speak.
pub(super) fn start(how: Start<'_>) -> Result<headless_chrome::Browser> {
    let Start { executable, profile, arguments, environment, sandboxed, window, within } = how;
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
            args: arguments.iter().map(std::ffi::OsStr::new).collect(),
            process_envs: Some(environment),
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
    match news.recv_timeout(within) {
        Ok(News::Started(Ok(browser))) => Ok(browser),
        Ok(News::Started(Err(why)) | News::Unfit(why)) => Err(no_browser(executable, &why)),
        Err(_) => {
            let why = format!("it did not start within {} ms", within.as_millis());
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
pub(super) fn kill(process: u32) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_a_caller_switches_off_stay_off_beside_ours() {
        let options = BrowserOptions {
            arguments: vec!["--disable-features=Mine".into(), "--lang=de".into()],
            proxy: Some("127.0.0.1:1".into()),
            ..BrowserOptions::default()
        };
        let arguments = arguments(&options);
        let off: Vec<&String> =
            arguments.iter().filter(|it| it.starts_with("--disable-features=")).collect();
        assert_eq!(off.len(), 1, "{arguments:?}");
        assert!(off[0].ends_with(",WebUIOmniboxPopup,Mine"), "{}", off[0]);
        assert!(!off[0].contains(char::is_whitespace), "{}", off[0]);
        assert!(arguments.contains(&"--lang=de".to_owned()));
        assert!(arguments.contains(&"--proxy-server=127.0.0.1:1".to_owned()));
    }
}
