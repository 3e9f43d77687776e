//! Three in the morning: a selector matches nothing any more. What did the page look like when it last
//! did, what stands there now, how often did it fail, and since when? Needs Chromium.
//!
//! Run it with `cargo run --example last_good`; with the path of a store it asks that one instead, and
//! needs none.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;
use tintype::capture::chrome::{Browser, BrowserOptions};
use tintype::capture::site::{Scraped, SiteRecorder, Step};
use tintype::format::diff::Comparison;
use tintype::model::config::FACTS;
use tintype::ops::compare::compare;
use tintype::ops::good::last_good;
use tintype::records::incidents::{GroupQuery, groups};
use tintype::{Recorder, Repository, Version};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let repo = match std::env::args_os().nth(1) {
        Some(store) => Repository::open(store)?,
        None => {
            let repo = Repository::temporary()?;
            scrape(&repo)?;
            repo
        }
    };
    answer(&repo, &mut std::io::stdout())
}

// The answer

/// Says of each group of incidents what is known of it, the one that was met last first.
pub fn answer(repo: &Repository, out: &mut dyn Write) -> Result<()> {
    for group in groups(repo, &GroupQuery::default())? {
        writeln!(out, "{}: {} of {}", group.context, group.kind, group.message)?;
        writeln!(out, "  {} times since {}", group.count, group.first_at)?;
        // The newest evidence of it, and what the page was like when nothing was wrong.
        let Some(failing) = group.last_version else { continue };
        writeln!(out, "  evidence: {failing}")?;
        for step in way_to_element(repo, &failing)? {
            writeln!(out, "  {step}")?;
        }
        match last_good(repo, &failing)? {
            Some(good) => difference(repo, &good, &failing, out)?,
            None => writeln!(out, "  it was never well")?,
        }
    }
    Ok(())
}

/// How far the selector still leads into the page, as the capture's ledger tells.
fn way_to_element(repo: &Repository, failing: &Version) -> Result<Vec<String>> {
    let facts: Value = serde_json::from_slice(&repo.content(failing, FACTS)?)?;
    let ledger = facts["ledger"].as_array().into_iter().flatten();
    let element = ledger.filter(|line| line["name"] == "element.html");
    let steps = element.filter_map(|line| line["detail"]["path"].as_array()).flatten();
    let told = steps.map(|step| {
        let selector = step["selector"].as_str().unwrap_or_default();
        format!("{selector} finds {}", step["matched"])
    });
    Ok(told.collect())
}

/// What differs between the last good snapshot and a failing one.
fn difference(
    repo: &Repository,
    good: &Version,
    failing: &Version,
    out: &mut dyn Write,
) -> Result<()> {
    let compared = compare(repo, good, failing, None)?;
    writeln!(out, "  it was well {:.0} s before, in {good}", compared.seconds)?;
    for pair in compared.artifacts {
        match pair.content {
            Some(Comparison::Text(text)) if pair.name.as_str() == "page.html" => {
                let lines = text.unified.lines().filter(|line| line.starts_with(['+', '-']));
                for line in
                    lines.filter(|line| !line.starts_with("+++") && !line.starts_with("---"))
                {
                    writeln!(out, "    {line}")?;
                }
            }
            Some(Comparison::Image(image)) => {
                let (name, share) = (&pair.name, image.share * 100.0);
                writeln!(out, "    {name}: {share:.1} % of its pixels changed")?;
            }
            _ => {}
        }
    }
    Ok(())
}

// The night before it

/// Visits a shop six times; at the fourth its page has been made anew.
pub fn scrape(repo: &Repository) -> Result<()> {
    let browser = Browser::launch(BrowserOptions::default())?;
    let shop = SiteRecorder::new(&Recorder::new(repo), "shop.example")?;
    let step = Step::of("products", "page", "price").selector("#kettle .price");
    for visit in 0..6 {
        let mut page = browser.open(&serve(PAGES[usize::from(visit >= 3)])?)?;
        if visit < 3 {
            if let Scraped::Captured(captured) = shop.capture_scraping(&mut page, &step)? {
                captured.wait()?;
            }
        } else {
            // The first of them is captured; the others are alike, and counted.
            shop.handle_selector_failure(&mut page, "#kettle .price", &step)?;
        }
    }
    Ok(shop.recorder().flush()?)
}

const PAGES: [&str; 2] = [
    "<!DOCTYPE html><title>Shop</title><div id=kettle>\n<b class=price>24.50</b>\n</div>",
    "<!DOCTYPE html><title>Shop</title><div id=kettle>\n<b class=amount>24.50 EUR</b>\n</div>",
];

/// Answers every request to a new address with this page, for as long as the process lives.
fn serve(page: &'static str) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", listener.local_addr()?);
    std::thread::spawn(move || {
        for visitor in listener.incoming().flatten() {
            // A visitor who has gone needs no answer; one who is slow keeps nobody waiting.
            std::thread::spawn(move || respond(visitor, page));
        }
    });
    Ok(url)
}

fn respond(mut visitor: TcpStream, page: &str) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = visitor.read(&mut request)?;
    let length = page.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
    write!(visitor, "{head}Content-Length: {length}\r\n\r\n{page}")
}
