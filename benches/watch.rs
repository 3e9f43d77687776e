//! What watching a page costs, and how fast a failure is captured on a page that is watched.
//!
//!     cargo bench --bench watch [-- FOLDER]
//!
//! Prints, for each HTML file in FOLDER (or the pages in `TINTYPE_SHARED`, or a generated one), how
//! long a capture with the preset for production takes: collected, and durable. Then lets a page make
//! some hundred events a second for a while and prints what the thread that watches it uses of a core,
//! and by how much the process grows. Linux only: times come from `/proc`.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tintype::capture::chrome::{ChromePage, headless_chrome};
use tintype::model::time::Stopwatch;
use tintype::{CaptureConfig, Context, Recorder, Repository};

/// How often each page is captured; the median counts.
const ROUNDS: usize = 7;
/// How long the busy page is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// Clock ticks of `/proc` in a second, on every Linux that there is.
const TICKS: f64 = 100.0;

/// Twenty requests, forty console calls and twenty changes a second.
const BUSY: &str = "<!DOCTYPE html><title>Busy</title><p id=p>0<script>
let n = 0;
setInterval(() => {
  document.getElementById('p').textContent = ++n;
  fetch('/data?' + n).then(answer => answer.text());
  console.log('tick', n, {a: 1, b: [1, 2, 3]});
  console.warn('a warning that says a little more than the tick before it', n);
}, 50);
</script>";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What `cargo bench` adds begins with dashes.
    let folder = std::env::args().skip(1).find(|word| !word.starts_with('-')).map(PathBuf::from);
    let folder = folder.or_else(|| {
        let shared = std::env::var_os("TINTYPE_SHARED").map_or("../shared".into(), PathBuf::from);
        Some(shared.join("legacy/flat/data")).filter(|folder| folder.is_dir())
    });
    let mut pages = vec![("a generated page".to_owned(), generated())];
    if let Some(folder) = folder {
        pages.clear();
        find(&folder, &mut pages)?;
    }
    let pages = Arc::new(pages);
    let base = serve(Arc::clone(&pages))?;

    let options = headless_chrome::LaunchOptions::default_builder()
        .sandbox(false)
        .port(Some(0))
        .idle_browser_timeout(Duration::from_secs(3600))
        .build()?;
    let browser = headless_chrome::Browser::new(options)?;
    let repo = Repository::temporary()?;
    let recorder = Recorder::new(&repo);
    let (mut collected, mut durable) = (Vec::new(), Vec::new());
    println!(
        "{:>10} {:>10}  a failure on a watched page, median of {ROUNDS}",
        "collected", "durable"
    );
    for (number, (name, _)) in pages.iter().enumerate() {
        let tab = browser.new_tab()?;
        let mut page = ChromePage::watch(&browser, &tab)?;
        tab.navigate_to(&format!("{base}/{number}"))?.wait_until_navigated()?;
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let watch = Stopwatch::start();
            let captured =
                recorder.capture(&mut page, &Context::default(), &CaptureConfig::production())?;
            here.push(watch.elapsed());
            captured.wait()?;
            there.push(watch.elapsed());
        }
        let (here, there) = (median(&mut here), median(&mut there));
        println!("{here:>7.0} ms {there:>7.0} ms  {name}");
        collected.push(here);
        durable.push(there);
        let _ = tab.close(false);
    }
    println!("{:>7.0} ms {:>7.0} ms  mean", mean(&collected), mean(&durable));

    let tab = browser.new_tab()?;
    let before = resident()?;
    let page = ChromePage::watch(&browser, &tab)?;
    tab.navigate_to(&format!("{base}/busy"))?.wait_until_navigated()?;
    let (ticks, watch) = (ticks_of("tintype-cdp")?, Stopwatch::start());
    thread::sleep(WATCHED);
    let used = (ticks_of("tintype-cdp")? - ticks) / TICKS / watch.elapsed().as_secs_f64();
    let grown = resident()?.saturating_sub(before) as f64 / 1024.0;
    println!("watching a busy page: {:.2} % of a core, {grown:.1} MiB more", used * 100.0);
    drop(page);
    Ok(())
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}

fn find(folder: &Path, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            find(&path, pages)?;
        } else if path.extension().is_some_and(|end| end == "html") {
            pages.push((entry.file_name().to_string_lossy().into_owned(), fs::read(&path)?));
        }
    }
    Ok(())
}

fn generated() -> Vec<u8> {
    let row = "<li><a href=/x>A name of a thing</a> <b>24.50</b> and some words about it</li>";
    format!("<!DOCTYPE html><title>Generated</title><ul>{}</ul>", row.repeat(1500)).into_bytes()
}

/// Answers `/0`, `/1` … with the pages, `/busy` with the busy one, all else with a little text.
fn serve(pages: Arc<Vec<(String, Vec<u8>)>>) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let base = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for visitor in listener.incoming().flatten() {
            let pages = Arc::clone(&pages);
            thread::spawn(move || answer(visitor, &pages));
        }
    });
    Ok(base)
}

fn answer(mut visitor: TcpStream, pages: &[(String, Vec<u8>)]) -> std::io::Result<()> {
    let mut request = [0; 8192];
    let length = visitor.read(&mut request)?;
    let request = String::from_utf8_lossy(&request[..length]);
    let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    let (kind, body) = match (path.as_str(), path.parse::<usize>()) {
        ("busy", _) => ("text/html", BUSY.as_bytes()),
        (_, Ok(number)) if number < pages.len() => ("text/html", pages[number].1.as_slice()),
        _ => ("text/plain", b"some data".as_slice()),
    };
    let length = body.len();
    write!(
        visitor,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )?;
    visitor.write_all(body)
}

/// The ticks that threads of this name have used.
fn ticks_of(name: &str) -> std::io::Result<f64> {
    let mut ticks = 0.0;
    for task in fs::read_dir("/proc/self/task")?.flatten() {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The name is in parentheses; what follows it is divided by spaces (proc(5)).
        let Some((head, rest)) = stat.rsplit_once(')') else { continue };
        if head.ends_with(name) {
            let fields = rest.split_whitespace().skip(11).take(2);
            ticks += fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
        }
    }
    Ok(ticks)
}

/// What the process holds in memory, in KiB.
fn resident() -> std::io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0))
}
