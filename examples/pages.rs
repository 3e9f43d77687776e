//! Two states of a page, captured and compared. Needs Chromium.
//!
//! Run it with `cargo run --example pages`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use tintype::capture::chrome::{Browser, BrowserOptions};
use tintype::format::diff::Comparison;
use tintype::ops::compare::compare;
use tintype::{CaptureConfig, Context, Recorder, Repository};

/// The page, before and after a change that a scraper trips over: a class has another name.
const STATES: [&str; 2] = [
    "<!DOCTYPE html><title>Shop</title><p>Kettle\n<b class=price>24.50</b>",
    "<!DOCTYPE html><title>Shop</title><p>Kettle\n<b class=amount>24.50</b>",
];

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let repo = Repository::temporary()?;
    let recorder = Recorder::new(&repo);
    // One browser serves all captures; each has cookies and storage of its own.
    let browser = Browser::launch(BrowserOptions::default())?;
    let place: Context = "shop.example/kettle".parse()?;

    let mut versions = Vec::new();
    for state in STATES {
        let url = serve(state)?;
        // A page that does not load, or loads in part, gives a snapshot too: it says what it lacks.
        let mut page = browser.open(&url)?;
        let captured = recorder.capture(&mut page, &place, &CaptureConfig::default())?;
        let Some(receipt) = captured.wait()? else { continue };
        let version = receipt.version;
        let snapshot = repo.get(&version)?;
        println!("{version} is {}:", snapshot.status.as_str());
        for artifact in &snapshot.artifacts {
            println!(
                "  {:14} {:7} bytes, {}",
                artifact.name,
                artifact.bytes,
                artifact.status.as_str()
            );
        }
        versions.push(version);
    }

    // What changed in the HTML, as a unified diff.
    let compared = compare(&repo, &versions[0], &versions[1], Some(&"page.html".parse()?))?;
    if let Some(Comparison::Text(text)) = &compared.artifacts[0].content {
        print!("{}", text.unified);
    }
    Ok(())
}

/// Answers every request to a new address with this page, for as long as the process lives.
fn serve(page: &'static str) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", listener.local_addr()?);
    std::thread::spawn(move || {
        for visitor in listener.incoming().flatten() {
            // A visitor who has gone needs no answer; one who is slow keeps nobody waiting.
            std::thread::spawn(move || answer(visitor, page));
        }
    });
    Ok(url)
}

fn answer(mut visitor: TcpStream, page: &str) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = visitor.read(&mut request)?;
    let length = page.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
    write!(visitor, "{head}Content-Length: {length}\r\n\r\n{page}")
}
