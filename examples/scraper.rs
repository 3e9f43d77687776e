//! A scraper that says what it met and did not expect, on a site that breaks. Needs Chromium.
//!
//! Run it with `cargo run --example scraper`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use tintype::capture::chrome::{ChromePage, headless_chrome};
use tintype::capture::site::{Scraped, Scraper, SiteRecorder, Step};
use tintype::ops::good::last_good;
use tintype::records::incidents::{GroupQuery, groups};
use tintype::{Recorder, Repository};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

// The scraper

struct Shop {
    tab: Arc<headless_chrome::Tab>,
    snapshots: SiteRecorder,
}

impl Scraper for Shop {
    fn snapshots(&self) -> &SiteRecorder {
        &self.snapshots
    }
}

impl Shop {
    /// Reads a price, and captures the page: as it was met, or because there is none.
    fn price(&self, page: &mut ChromePage, url: &str) -> Result<Option<f64>> {
        let step = Step::of("products", "page", "price").with("url", url);
        self.tab.navigate_to(url)?.wait_until_navigated()?;
        let found = self.tab.find_element(".price").and_then(|it| it.get_inner_text());
        let Ok(text) = found else {
            self.handle_selector_failure(page, ".price", &step)?;
            return Ok(None);
        };
        let Ok(price) = text.parse() else {
            self.handle_failure(page, "NotANumber", &format!("{text:?} is no price"), &step)?;
            return Ok(None);
        };
        if let Scraped::Captured(captured) = self.capture_page(page, &step)? {
            captured.wait()?;
        }
        Ok(Some(price))
    }
}

// What becomes of it

fn main() -> Result<()> {
    let repo = Repository::temporary()?;
    scrape(&repo)?;
    for group in groups(&repo, &GroupQuery::default())? {
        println!("{} times {}: {}", group.count, group.kind, group.message);
        let Some(version) = group.first_version else { continue };
        println!("  see {version}; when all was well: {:?}", last_good(&repo, &version)?);
    }
    Ok(())
}

/// Scrapes a dozen pages of a site that is built anew meanwhile.
pub fn scrape(repo: &Repository) -> Result<()> {
    let options = headless_chrome::LaunchOptions::default_builder()
        .sandbox(false) // as root, in a container; elsewhere leave it on
        .port(Some(0))
        .build()?;
    let browser = headless_chrome::Browser::new(options)?;
    let tab = browser.new_tab()?;
    let mut page = ChromePage::watch(&browser, &tab)?;
    let snapshots = SiteRecorder::new(&Recorder::new(repo), "shop.example")?;
    let shop = Shop { tab, snapshots };
    let site = serve()?;
    for product in 0..12 {
        let price = shop.price(&mut page, &format!("{site}/product/{product}"))?;
        println!("{product}: {price:?}");
    }
    Ok(shop.snapshots.recorder().flush()?)
}

/// The site: four products are well, of six the class has another name, of two there is no price.
fn page(product: usize) -> String {
    let price = match product {
        0..4 => format!("<b class=price>{product}.50</b>"),
        4..10 => format!("<b class=amount>{product}.50</b>"),
        _ => "<b class=price>sold out</b>".to_owned(),
    };
    format!("<!DOCTYPE html><title>Shop</title><h1>Kettle {product}</h1>{price}")
}

/// Answers requests to a new address, for as long as the process lives.
fn serve() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let site = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for visitor in listener.incoming().flatten() {
            // A visitor who has gone needs no answer; one who is slow keeps nobody waiting.
            std::thread::spawn(move || answer(visitor));
        }
    });
    Ok(site)
}

fn answer(mut visitor: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let length = visitor.read(&mut request)?;
    let request = String::from_utf8_lossy(&request[..length]);
    let product = request.split(['/', ' ']).find_map(|word| word.parse().ok()).unwrap_or(0);
    let page = page(product);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
    write!(visitor, "{head}Content-Length: {}\r\n\r\n{page}", page.len())
}
