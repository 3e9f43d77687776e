//! The life of browsers: started, found, replaced, ended, and nothing left of them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tintype::capture::address::AddressPolicy;
use tintype::capture::chrome::{Browser, BrowserOptions, PageOptions, Sandbox};
use tintype::capture::redact::Redactor;
use tintype::capture::{Load, Page, draft_of};
use tintype::model::time::Stopwatch;
use tintype::{CaptureConfig, Draft, Error, PagePart, Status};
use tungstenite::Message;

use crate::support::browsers::{becomes, launch, processes_with, shared, signal};
use crate::support::process::{Diary, lines, orders, worker};
use crate::support::site::{Site, closed_address};

/// No processes.
const NONE: [u32; 0] = [];

fn capture(browser: &Browser, url: &str) -> Draft {
    taken(&mut browser.open(url).unwrap())
}

fn taken(page: &mut dyn Page) -> Draft {
    let mut config = CaptureConfig::default().only([
        PagePart::ViewPng,
        PagePart::Html,
        PagePart::Console,
        PagePart::Network,
    ]);
    // Several browsers run at the same time here, on a machine that may have other work.
    config.time_box = Duration::from_secs(60);
    draft_of(page, Draft::new(), &config, &Redactor::new([7; 32])).unwrap()
}

fn status(draft: &Draft) -> Status {
    draft.chosen_status().unwrap()
}

// Started

#[test]
fn a_browser_that_is_not_there_or_does_not_start_is_told_with_what_to_do() {
    for path in ["/no/such/browser", "/etc/hostname", "/bin/false", "/"] {
        let options = BrowserOptions { executable: Some(path.into()), ..BrowserOptions::default() };
        let why = Browser::launch(options).unwrap_err();
        assert!(matches!(why, Error::NoBrowser { .. }), "{why}");
        assert!(why.to_string().contains("--browser PATH"), "{why}");
        assert!(why.to_string().contains(path), "{why}");
    }
}

#[test]
fn options_that_can_not_be_taken_are_refused_by_their_value() {
    let plain = BrowserOptions::default;
    for (options, value) in [
        (BrowserOptions { window: (0, 600), ..plain() }, "0x600"),
        (BrowserOptions { window: (16_385, 600), ..plain() }, "16385x600"),
        (BrowserOptions { arguments: vec!["--no-sandbox".into()], ..plain() }, "--no-sandbox"),
        (BrowserOptions { proxy: Some("u:p4ss@host:1".into()), ..plain() }, "host:1"),
        (BrowserOptions { recycle_after: Some(0), ..plain() }, "0"),
        (BrowserOptions { load_timeout: Duration::MAX, ..plain() }, "ms"),
    ] {
        let refused = Browser::launch(options).unwrap_err();
        assert!(matches!(refused, Error::Invalid { .. }), "{refused}");
        let told = refused.to_string();
        assert!(told.contains(value) && !told.contains("p4ss"), "{told}");
    }
}

#[test]
fn one_that_does_not_start_in_time_is_given_up_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let slow = folder.path().join("slow");
    fs::write(
        &slow,
        "#!/bin/sh\n[ \"$1\" = --version ] && echo Chromium 1 && exit\nexec sleep 60\n",
    )
    .unwrap();
    let mut mode = fs::metadata(&slow).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    fs::set_permissions(&slow, mode).unwrap();
    let options = BrowserOptions {
        executable: Some(slow.clone()),
        launch_timeout: Duration::from_millis(500),
        ..BrowserOptions::default()
    };
    let watch = Stopwatch::start();
    let refused = Browser::launch(options).unwrap_err();
    assert!(refused.to_string().contains("within 500 ms"), "{refused}");
    assert!(watch.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_sandbox_that_is_required_is_there_or_nothing_is_started() {
    let options = BrowserOptions { sandbox: Sandbox::Required, ..BrowserOptions::default() };
    let is_root = we_are_root();
    match Browser::launch(options) {
        Ok(browser) => {
            assert!(!is_root);
            let site = Site::start();
            let facts = browser.open(&site.url("/plain")).unwrap().facts();
            assert_eq!(facts.sandboxed, Some(true));
        }
        Err(Error::NoBrowser { why }) => assert!(is_root && why.contains("sandbox"), "{why}"),
        Err(other) => panic!("{other}"),
    }
}

/// Whether these tests run as root: what they make belongs to them.
fn we_are_root() -> bool {
    let folder = TempDir::new().unwrap();
    std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.path()).unwrap()) == 0
}

#[test]
fn a_profile_that_is_given_is_kept_and_has_one_browser_at_a_time() {
    let folder = TempDir::new().unwrap();
    let profile = folder.path().join("profile");
    let options = || BrowserOptions { profile: Some(profile.clone()), ..BrowserOptions::default() };
    let site = Site::start();

    let browser = launch(options());
    assert_eq!(browser.profile().unwrap(), profile);
    assert_eq!(status(&capture(&browser, &site.url("/plain"))), Status::Complete);
    let refused = Browser::launch(options()).unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    drop(browser);
    assert!(profile.join("Local State").exists());
    assert_eq!(processes_with(&profile), NONE);

    // It can be used again; and not where a Chromium of somebody else has it.
    drop(launch(options()));
    let lock = profile.join("SingletonLock");
    let _ = fs::remove_file(&lock);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    std::os::unix::fs::symlink(format!("{}-{}", host.trim(), std::process::id()), &lock).unwrap();
    let refused = Browser::launch(options()).unwrap_err();
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink("elsewhere-1", &lock).unwrap();
    let refused = Browser::launch(options()).unwrap_err();
    assert!(refused.to_string().contains("host elsewhere"), "{refused}");
    // One that died left its lock behind, and is no hindrance.
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(format!("{}-4194999", host.trim()), &lock).unwrap();
    drop(launch(options()));
}

#[test]
fn windows_that_a_page_opens_do_not_stay_open() {
    let site = Site::serve(|request| {
        let opens = "<title>Opens</title><script>for (let i = 0; i < 20; i++) \
                     window.open('/opened', '_blank', i % 2 ? 'noopener' : '')</script>";
        let body = if request.url() == "/" { opens } else { "opened" };
        let html = tiny_http::Header::from_bytes("Content-Type", "text/html").unwrap();
        let _ = request.respond(tiny_http::Response::from_string(body).with_header(html));
    });
    // Chromium opens none that nobody clicked for, unless told to.
    let arguments = vec!["--disable-popup-blocking".to_owned()];
    let browser = launch(BrowserOptions { arguments, ..BrowserOptions::default() });
    let mut page = browser.open(&site.url("/")).unwrap();
    assert_eq!(status(&taken(&mut page)), Status::Complete);
    assert_eq!(page.facts().popups, 20);
    let port = port_of(&browser);
    assert!(becomes(|| pages_at(port).iter().all(|url| !url.ends_with("/opened"))));
    assert!(pages_at(port).iter().any(|url| *url == site.url("/")));
    assert_eq!(status(&capture(&browser, &site.url("/"))), Status::Complete);
}

/// Where a browser that was started here listens.
fn port_of(browser: &Browser) -> u16 {
    let told = fs::read_to_string(browser.profile().unwrap().join("DevToolsActivePort")).unwrap();
    told.lines().next().unwrap().parse().unwrap()
}

/// What a server answers to a request.
fn get(port: u16, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).unwrap();
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && serde_json::from_str::<Value>(body).is_ok()
        {
            return body.to_owned();
        }
        assert!(read > 0, "{text}");
    }
}

/// The addresses of the pages that are open in a browser.
fn pages_at(port: u16) -> Vec<String> {
    let list: Vec<Value> = serde_json::from_str(&get(port, "/json/list")).unwrap();
    let pages = list.iter().filter(|target| target["type"] == "page");
    let pages = pages.map(|target| target["url"].as_str().unwrap().to_owned());
    // The page that it opens by itself changes its address while it starts.
    pages.filter(|url| !url.starts_with("chrome:")).collect()
}

// Replaced

#[test]
fn a_browser_that_dies_costs_the_capture_and_the_next_page_has_a_new_one() {
    let site = Site::start();
    let browser = launch(BrowserOptions::default());
    let profile = browser.profile().unwrap();
    let mut page = browser.open(&site.url("/full")).unwrap();
    let process = browser.process_id().unwrap();
    signal(process, "-KILL");
    let draft = taken(&mut page);
    // What was recorded before it died is there.
    assert_eq!(status(&draft), Status::Minimal);
    let of = |name: &str| {
        draft.artifacts().iter().find(|artifact| artifact.name().as_str() == name).unwrap().clone()
    };
    assert!(of("page.html").reason().unwrap().contains("gone"));
    assert!(of("network.har").content().is_some());

    let mut next = browser.open(&site.url("/full")).unwrap();
    assert_eq!(status(&taken(&mut next)), Status::Complete);
    assert_ne!(browser.process_id().unwrap(), process);
    // What is left of the first goes with the last page that was open in it.
    drop(page);
    assert!(!profile.exists());
    let second = browser.profile().unwrap();
    drop(browser);
    assert!(!second.exists());
    assert_eq!(processes_with(&second), NONE);
}

#[test]
fn a_browser_that_dies_while_pages_load_is_replaced_for_those_that_follow() {
    let site = Site::start();
    let load_timeout = Duration::from_secs(2);
    let browser = launch(BrowserOptions { load_timeout, ..BrowserOptions::default() });
    for _ in 0..3 {
        // The tab that was made ready dies with it.
        assert_eq!(status(&capture(&browser, &site.url("/plain"))), Status::Complete);
        assert_eq!(status(&capture(&browser, &site.url("/plain"))), Status::Complete);
        let process = browser.process_id().unwrap();
        let stuck = site.url("/stuck");
        std::thread::scope(|scope| {
            let loading = scope.spawn(|| browser.open(&stuck).unwrap().facts());
            // It is on its way, or not yet: then a new browser waits in vain.
            signal(process, "-KILL");
            let facts = loading.join().unwrap();
            assert_eq!(facts.load, Load::Failed, "{facts:?}");
        });
    }
    assert_eq!(status(&capture(&browser, &site.url("/plain"))), Status::Complete);
}

#[test]
fn a_browser_that_hangs_is_replaced_and_killed() {
    let site = Site::start();
    let browser = launch(BrowserOptions::default());
    let (profile, process) = (browser.profile().unwrap(), browser.process_id().unwrap());
    assert_eq!(status(&capture(&browser, &site.url("/plain"))), Status::Complete);
    signal(process, "-STOP");
    let watch = Stopwatch::start();
    assert_eq!(status(&capture(&browser, &site.url("/plain"))), Status::Complete);
    assert!(watch.elapsed() < Duration::from_secs(40), "{:?}", watch.elapsed());
    assert!(!profile.exists());
    assert!(becomes(|| processes_with(&profile).is_empty()));

    // One that hangs when it is to be closed, too.
    let (profile, process) = (browser.profile().unwrap(), browser.process_id().unwrap());
    signal(process, "-STOP");
    let watch = Stopwatch::start();
    drop(browser);
    assert!(watch.elapsed() < Duration::from_secs(20), "{:?}", watch.elapsed());
    assert!(!profile.exists());
    assert!(becomes(|| processes_with(&profile).is_empty()));
}

#[test]
fn a_browser_that_can_not_be_had_again_is_an_error_once_it_is_needed() {
    let folder = TempDir::new().unwrap();
    let chromium = folder.path().join("chromium");
    let real = std::env::var("CHROME").unwrap_or_else(|_| "chromium".into());
    fs::write(&chromium, format!("#!/bin/sh\nexec {real} \"$@\"\n")).unwrap();
    let mut mode = fs::metadata(&chromium).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    fs::set_permissions(&chromium, mode).unwrap();

    let site = Site::start();
    let options =
        BrowserOptions { executable: Some(chromium.clone()), ..BrowserOptions::default() };
    let browser = launch(options);
    signal(browser.process_id().unwrap(), "-KILL");
    fs::remove_file(&chromium).unwrap();
    for _ in 0..2 {
        let refused = browser.open(&site.url("/plain")).unwrap_err();
        assert!(matches!(refused, Error::NoBrowser { .. }), "{refused}");
    }
    assert_eq!(browser.process_id(), None);
}

#[test]
fn after_some_pages_there_is_a_new_browser_and_pages_of_the_old_one_live_on() {
    let site = Site::start();
    let browser = launch(BrowserOptions { recycle_after: Some(2), ..BrowserOptions::default() });
    let (first, process) = (browser.profile().unwrap(), browser.process_id().unwrap());
    let mut one = browser.open(&site.url("/plain")).unwrap();
    drop(browser.open(&site.url("/plain")).unwrap());
    assert_eq!(browser.process_id(), Some(process));
    let mut three = browser.open(&site.url("/plain")).unwrap();
    assert_ne!(browser.process_id(), Some(process));
    assert_eq!(status(&taken(&mut one)), Status::Complete);
    assert_eq!(status(&taken(&mut three)), Status::Complete);
    assert!(first.exists());
    drop(one);
    assert!(!first.exists());
    assert_eq!(processes_with(&first), NONE);
    // With no page open the old one goes at once.
    drop(three);
    let second = browser.profile().unwrap();
    drop(browser.open(&site.url("/plain")).unwrap());
    drop(browser.open(&site.url("/plain")).unwrap());
    assert!(!second.exists());
}

#[test]
fn dropping_the_browser_ends_those_that_it_replaced_too() {
    let site = Site::start();
    let browser = launch(BrowserOptions { recycle_after: Some(1), ..BrowserOptions::default() });
    let mut pages = Vec::new();
    let mut profiles = Vec::new();
    for _ in 0..2 {
        pages.push(browser.open(&site.url("/plain")).unwrap());
        profiles.push(browser.profile().unwrap());
    }
    assert_ne!(profiles[0], profiles[1]);
    drop(browser);
    for profile in &profiles {
        assert!(!profile.exists());
        assert_eq!(processes_with(profile), NONE);
    }
    for mut page in pages {
        assert_eq!(status(&taken(&mut page)), Status::Minimal);
    }
}

// Side by side

#[test]
fn threads_that_open_pages_at_the_same_time_have_a_context_each() {
    let site = Site::start();
    let browser = launch(BrowserOptions { recycle_after: Some(5), ..BrowserOptions::default() });
    let titles = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let mut page = browser.open(&site.url("/cookie")).unwrap();
                    titles.lock().unwrap().push(page.facts().title.unwrap());
                }
            });
        }
    });
    assert_eq!(*titles.lock().unwrap(), ["none"; 12]);
}

// Found

#[test]
fn a_running_browser_is_used_as_it_is_and_left_as_it_was() {
    let site = Site::start();
    let owner = launch(BrowserOptions::default());
    let mut theirs = owner.open(&site.url("/full")).unwrap();
    let port = port_of(&owner);
    let before = pages_at(port);
    let version: Value = serde_json::from_str(&get(port, "/json/version")).unwrap();
    let socket = version["webSocketDebuggerUrl"].as_str().unwrap().to_owned();
    for address in [socket, format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}/")]
    {
        let guest = Browser::connect(&address).unwrap();
        assert_eq!((guest.process_id(), guest.profile()), (None, None));
        let mut kept = guest.open(&site.url("/plain")).unwrap();
        for _ in 0..2 {
            let draft = capture(&guest, &site.url("/cookie"));
            assert_eq!(status(&draft), Status::Complete);
        }
        let facts = kept.facts();
        assert_eq!(facts.sandboxed, None);
        assert!(facts.browser.unwrap().contains("Chrome/"));
        // What was made in it goes, also where a page outlives its browser.
        drop(guest);
        drop(kept);
        assert!(becomes(|| pages_at(port) == before), "{:?}", pages_at(port));
    }
    assert_eq!(status(&taken(&mut theirs)), Status::Complete);
}

#[test]
fn a_browser_that_somebody_else_ends_is_looked_for_again_and_then_an_error() {
    let site = Site::start();
    let owner = launch(BrowserOptions::default());
    let guest = Browser::connect(&format!("http://127.0.0.1:{}", port_of(&owner))).unwrap();
    assert_eq!(status(&capture(&guest, &site.url("/plain"))), Status::Complete);
    drop(owner);
    let refused = guest.open(&site.url("/plain")).unwrap_err();
    assert!(matches!(refused, Error::Browser { .. }), "{refused}");
}

/// A server that does this with each connection.
fn server(each: impl Fn(std::net::TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(each));
    port
}

/// A server that speaks WebSocket and answers every call with this.
fn websocket(result: Value) -> u16 {
    server(move |stream| {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        while let Ok(message) = socket.read() {
            let Ok(call) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default())
            else {
                continue;
            };
            let answer = json!({ "id": call["id"], "result": result });
            if socket.send(Message::text(answer.to_string())).is_err() {
                return;
            }
        }
    })
}

#[test]
fn what_is_no_browser_is_told_within_seconds_whatever_it_is() {
    let http = Site::start();
    let http = http.url("").trim_start_matches("http://").to_owned();
    let (keep, kept) = std::sync::mpsc::channel();
    let silent = server(move |stream| keep.send(stream).unwrap());
    let drip = server(|mut stream| {
        let beginning = b"HTTP/1.1 200 OK\r\nX: ".iter().chain(std::iter::repeat(&b'x'));
        for byte in beginning.take(200) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
    });
    let flood = server(|mut stream| while stream.write_all(&[b'x'; 65_536]).is_ok() {});
    let greeting = server(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        let _ = stream.read(&mut [0; 1024]);
    });
    let mute = websocket(json!(null));
    let other = websocket(json!({ "product": "Firefox/140.0", "protocolVersion": "1.3" }));
    let unknown = websocket(json!({ "product": "Thing", "protocolVersion": "1.3" }));
    let old = websocket(json!({ "product": "HeadlessChrome/99.0.4844.51", "userAgent": "x" }));
    let closed = closed_address();
    let closed = closed.trim_start_matches("http://").trim_end_matches('/');
    let ws = |at: &str| format!("ws://{at}/devtools/browser/8a");
    let on = |port: u16| format!("127.0.0.1:{port}");
    let cases = [
        (format!("http://{closed}"), "refused"),
        (ws(closed), "refused"),
        (format!("http://{http}"), "answers 404 to /json/version"),
        (ws(&http), "404"),
        (format!("http://{}", on(silent)), "did not answer"),
        (ws(&on(silent)), "timed out"),
        (format!("http://{}", on(drip)), "did not answer"),
        (ws(&on(drip)), ""),
        (format!("http://{}", on(flood)), "does not speak HTTP"),
        (ws(&on(flood)), ""),
        (format!("http://{}", on(greeting)), "does not speak HTTP"),
        (ws(&on(greeting)), ""),
        (ws(&on(mute)), "no version"),
        (ws(&on(other)), "too old"),
        (ws(&on(unknown)), "no version of Chromium"),
        (ws(&on(old)), "HeadlessChrome/99.0.4844.51 is too old"),
        ("http://nowhere.invalid:9222".to_owned(), "nowhere.invalid"),
    ];
    std::thread::scope(|scope| {
        for (address, why) in &cases {
            scope.spawn(move || {
                let watch = Stopwatch::start();
                let refused = Browser::connect(address).unwrap_err();
                assert!(matches!(refused, Error::Browser { .. }), "{address}: {refused}");
                assert!(refused.to_string().contains(why), "{address}: {refused}");
                let took = watch.elapsed();
                assert!(took < Duration::from_secs(20), "{address}: {took:?}");
            });
        }
    });
    drop(kept);
}

// Nothing left

#[test]
fn ten_captures_leave_no_process_and_no_folder() {
    let site = Site::start();
    let browser = launch(BrowserOptions::default());
    let profile = browser.profile().unwrap();
    let folder = profile.parent().unwrap().to_owned();
    assert!(!processes_with(&profile).is_empty());
    for _ in 0..10 {
        assert_eq!(status(&capture(&browser, &site.url("/plain"))), Status::Complete);
    }
    drop(browser);
    assert_eq!(processes_with(&folder), NONE);
    assert!(!folder.exists());
}

/// What this process has of the operating system.
fn descriptors_and_threads() -> (usize, usize) {
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

#[test]
fn two_hundred_captures_and_failures_leave_nothing() {
    const NAME: &str = "browser::two_hundred_captures_and_failures_leave_nothing";
    if orders().is_some() {
        return two_hundred();
    }
    // In a process of its own, and with a folder of its own for temporary files.
    let folder = TempDir::new().unwrap();
    let mut child = worker(NAME, &json!({})).env("TMPDIR", folder.path()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    let left: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
    assert_eq!(processes_with(folder.path()), NONE);
}

fn two_hundred() {
    const CAPTURES: usize = 200;
    // What is made once and stays is made.
    drop(launch(BrowserOptions::default()).open(&Site::start().url("/plain")).unwrap());
    let before = {
        // What the first browser had may take a moment to end.
        let mut least = descriptors_and_threads();
        let _ = becomes(|| processes_with(&std::env::temp_dir()).is_empty());
        for _ in 0..100 {
            std::thread::park_timeout(Duration::from_millis(10));
            let now = descriptors_and_threads();
            least = (least.0.min(now.0), least.1.min(now.1));
        }
        least
    };

    let site = Site::start();
    let browser = launch(BrowserOptions { recycle_after: Some(60), ..BrowserOptions::default() });
    let next = Mutex::new(0..CAPTURES);
    let seen = Mutex::new([0_usize; 5]);
    let one = |n: usize| {
        let kind = n % 5;
        let own = AddressPolicy { allow_browser: true, ..AddressPolicy::default() };
        let soon = PageOptions {
            load_timeout: Some(Duration::from_millis(200)),
            addresses: own,
            ..PageOptions::default()
        };
        let (url, options, wanted) = match kind {
            0 => (site.url("/plain"), PageOptions::default(), Load::Loaded),
            1 => (site.url("/nowhere"), PageOptions::default(), Load::Loaded),
            2 => (closed_address(), PageOptions::default(), Load::Failed),
            3 => ("chrome://crash".to_owned(), soon, Load::Failed),
            _ => (site.url("/stuck"), soon, Load::Failed),
        };
        let mut page = browser.open_with(&url, &options).unwrap();
        if kind == 0 {
            let draft = taken(&mut page);
            let lacks: Vec<_> = draft.artifacts().iter().filter_map(|part| part.reason()).collect();
            assert_eq!(status(&draft), Status::Complete, "{lacks:?}");
        }
        assert_eq!(page.facts().load, wanted, "{url}");
        seen.lock().unwrap()[kind] += 1;
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(n) = { next.lock().unwrap().next() } {
                    one(n);
                }
            });
        }
    });
    assert_eq!(*seen.lock().unwrap(), [CAPTURES / 5; 5]);
    drop(browser);
    // The server has the requests that it never answered.
    drop(site);
    let settled = becomes(|| {
        let now = descriptors_and_threads();
        now.0 <= before.0 && now.1 <= before.1
    });
    assert!(settled, "{before:?} before, {:?} after", descriptors_and_threads());
    assert!(becomes(|| processes_with(&std::env::temp_dir()).is_empty()));
}

/// A process that starts a browser, tells its profile, and waits to be killed.
fn keeper(test: &str, folder: &Path, profile: Option<&Path>) -> (Child, PathBuf) {
    let diary = folder.join("diary");
    let child = worker(test, &json!({ "diary": diary, "profile": profile }))
        .env("TMPDIR", folder)
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    assert!(becomes(|| !lines(&diary).is_empty()));
    let told = PathBuf::from(&lines(&diary)[0]);
    fs::remove_file(&diary).unwrap();
    (child, told)
}

fn keep_a_browser(orders: &Value) {
    let profile = orders["profile"].as_str().map(PathBuf::from);
    let browser = launch(BrowserOptions { profile, ..BrowserOptions::default() });
    let mut diary = Diary::open(Path::new(orders["diary"].as_str().unwrap()));
    diary.note(browser.profile().unwrap().to_str().unwrap());
    let (_hold, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv();
}

#[test]
fn who_is_killed_takes_the_browser_along() {
    const NAME: &str = "browser::who_is_killed_takes_the_browser_along";
    if let Some(orders) = orders() {
        return keep_a_browser(&orders);
    }
    let folder = TempDir::new().unwrap();
    let (mut child, profile) = keeper(NAME, folder.path(), None);
    assert!(!processes_with(&profile).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(becomes(|| processes_with(&profile).is_empty()));
    assert!(becomes(|| fs::read_dir(folder.path()).unwrap().count() == 0));
}

#[test]
fn what_a_killed_process_left_behind_goes_when_the_next_browser_is_started() {
    const NAME: &str =
        "browser::what_a_killed_process_left_behind_goes_when_the_next_browser_is_started";
    if let Some(orders) = orders() {
        if orders["diary"].is_string() {
            return keep_a_browser(&orders);
        }
        let profile = orders["profile"].as_str().map(PathBuf::from);
        return drop(launch(BrowserOptions { profile, ..BrowserOptions::default() }));
    }
    let given = TempDir::new().unwrap();
    for profile in [None, Some(given.path())] {
        let folder = TempDir::new().unwrap();
        // One of a process that lives on beside it.
        let (mut living, of_the_living) = keeper(NAME, folder.path(), None);
        let (mut dead, of_the_dead) = keeper(NAME, folder.path(), profile);
        // What would clear away after it is killed first.
        let home = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let of_the_dead_alone = home.filter(|home| !of_the_living.starts_with(home));
        for home in of_the_dead_alone {
            for process in processes_with(&home) {
                let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
                if String::from_utf8_lossy(&line).contains("tintype-reaper") {
                    signal(process, "-KILL");
                }
            }
        }
        dead.kill().unwrap();
        dead.wait().unwrap();
        std::thread::park_timeout(Duration::from_millis(300));
        assert!(!processes_with(&of_the_dead).is_empty(), "the browser is to be an orphan");

        let mut next = worker(NAME, &json!({ "profile": profile }))
            .env("TMPDIR", folder.path())
            .spawn()
            .unwrap();
        assert!(next.wait().unwrap().success());
        assert!(becomes(|| processes_with(&of_the_dead).is_empty()));
        assert!(!processes_with(&of_the_living).is_empty());
        assert_eq!(of_the_dead.exists(), profile.is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        living.kill().unwrap();
        living.wait().unwrap();
        assert!(becomes(|| fs::read_dir(folder.path()).unwrap().count() == 0));
    }
}

#[test]
fn a_browser_is_shared_by_those_who_ask_for_it_at_the_same_time() {
    let (one, other) = (shared(), shared());
    assert_eq!(one.process_id(), other.process_id());
}
