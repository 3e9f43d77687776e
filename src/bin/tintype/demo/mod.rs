//! `demo`: the five-minute tour. A small shop on loopback changes and at last breaks; it is
//! captured each time, with the data that a scraper would make of it beside. The break is an incident:
//! told, counted and captured as a scraper's would be.

mod site;
mod tell;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tintype::capture::Outcome;
use tintype::capture::chrome::{Browser, BrowserOptions};
use tintype::capture::trigger::Trigger;
use tintype::model::config::FACTS;
use tintype::model::incident::{Incident, budget::Rate};
use tintype::model::time::Stopwatch;
use tintype::{
    BlobHash, CaptureConfig, CaptureMode, Clock, Context, Draft, Error, Recorder, Repository,
    SystemClock, Version,
};

use crate::args::{Demo, Global};
use crate::capture::closed_by_signal;
use crate::out::{BOLD, Done, Failure, GREEN, Out, RED, Run, plain, size, table};
use site::{SELECTOR, Site, Stage};

/// The store that the demo leaves, unless told.
const STORE: &str = "demo.db";

const VISITS: [(Stage, &str); 5] = [
    (Stage::First, "as it is seen first"),
    (Stage::Unchanged, "nothing has changed"),
    (Stage::SmallChange, "one price has changed"),
    (Stage::LargeChange, "another design, other products"),
    (Stage::Broken, "the API fails, the list is gone"),
];

/// Where the page is, and what was made of it.
const PAGE: &str = "shop.example/products/list/tour/read_prices";
const DATA: &str = "shop.example/products/data/tour/read_prices";

/// What is between two visits, as it is told; nobody waits for it.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the failure is told once more, by a scraper that goes on to other pages of the shop.
const MORE: u64 = 8;

/// The snapshots of one visit.
struct Visit {
    page: Version,
    data: Option<Version>,
}

/// A selector that fails is captured with all that a visit takes, so that both can be compared.
struct WholePage;

impl Trigger for WholePage {
    fn name(&self) -> &str {
        "selector_failure"
    }

    fn matches(&self, incident: &Incident) -> bool {
        incident.cause.kind() == self.name() && incident.happened()
    }

    fn rate(&self) -> Rate {
        Rate::ONE
    }

    fn config(&self, _: &Incident) -> CaptureConfig {
        config().unwrap_or_default()
    }
}

/// The page, and what the scraper looks for in it.
fn config() -> tintype::Result<CaptureConfig> {
    CaptureConfig::new(CaptureMode::Both, Some(SELECTOR))
}

pub fn demo(global: &Global, args: &Demo, out: &Out) -> Run {
    if out.json {
        return Err(Failure::Usage("demo tells people a story; it has no --json".to_owned()));
    }
    let store = choose_store(global)?;
    let _working = out.stop.working();
    let options = BrowserOptions { executable: args.browser.clone(), ..BrowserOptions::default() };
    let (browser, hooked) = closed_by_signal(|| Browser::launch(options), &out.stop)?;
    let shop = Site::start().map_err(|source| Error::io("the demo's shop", source))?;
    let repo = Repository::init(&store)?;
    head(out, "A shop that changes, and breaks")?;
    out.line(format!("store    {}", store.display()))?;
    out.line(format!("shop     {}", shop.url()))?;
    let recorder = Recorder::new(&repo);
    recorder.register_trigger(WholePage)?;
    let mut scraper = Scraper { recorder, browser, known: HashSet::new() };
    let mut visits = Vec::new();
    for (number, (stage, what)) in (1..).zip(VISITS) {
        shop.set(stage);
        out.line("")?;
        head(out, &format!("Visit {number}: {what}"))?;
        visits.push(scraper.visit(&shop, number, out)?);
    }
    drop((hooked, scraper));
    let told: [&dyn Fn() -> Result<(), Failure>; 7] = [
        &|| tell::incident(&repo, out),
        &|| tell::ends(&repo, &visits, out),
        &|| tell::secrets(&repo, out),
        &|| tell::flags(&repo, out),
        &|| tell::cost(&repo, &store, out),
        &|| tell::pages(&repo, &store, &visits, out),
        &|| tell::next(&store, out),
    ];
    for tell in told {
        out.line("")?;
        tell()?;
    }
    repo.close()?;
    Ok(Done::Ok)
}

/// The pages that are left beside the store: of the failure, of what differs, of all visits.
const PAGES: [&str; 3] = ["failure", "difference", "overview"];

/// Where a page is written.
fn page_of(store: &Path, page: &str) -> PathBuf {
    let stem = store.file_stem().unwrap_or_default().to_string_lossy();
    store.with_file_name(format!("{stem}-{page}.html"))
}

/// The store that is named, or one of the demo's own, made anew each time, and its pages with it.
fn choose_store(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(named) = &global.store {
        let pages = PAGES.map(|page| page_of(named, page));
        for path in [named].into_iter().chain(&pages) {
            if fs::exists(path).map_err(|source| Error::io(path, source))? {
                return Err(Error::StoreExists { path: path.clone() }.into());
            }
        }
        return Ok(named.clone());
    }
    let store = PathBuf::from(STORE);
    if fs::exists(&store).map_err(|source| Error::io(&store, source))? {
        // Only a store is replaced, not a file that happens to have the name.
        Repository::open(&store)?.close()?;
        for end in ["", "-wal", "-shm", "-head"] {
            let path = PathBuf::from(format!("{STORE}{end}"));
            match fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(&path, source).into());
                }
                _ => {}
            }
        }
    }
    Ok(store)
}

fn head(out: &Out, text: &str) -> Result<(), Failure> {
    out.line(out.paint(BOLD, text))
}

/// A scraper of the shop.
struct Scraper {
    recorder: Recorder,
    browser: Arc<Browser>,
    /// Content that is in the store already.
    known: HashSet<BlobHash>,
}

impl Scraper {
    /// Visits the shop, as it would each day: looks at the page, takes its data, keeps both. Where there
    /// is no data, tells that its selector failed, which captures the page.
    fn visit(&mut self, shop: &Site, number: u32, out: &Out) -> Result<Visit, Failure> {
        let repo = self.recorder.repository().clone();
        let watch = Stopwatch::start();
        let context: Context = PAGE.parse()?;
        let mut page = self.browser.open(shop.url())?;
        let days_ago = (VISITS.len() as u32).saturating_sub(number);
        let taken_at = SystemClock.now().minus(DAY * days_ago);
        let draft = Draft::new().context(context.clone()).at(taken_at).info("visit", number);
        let draft = self.recorder.draft(&mut page, draft, &config()?)?;
        out.stop.check();
        let Some(products) = products(&draft) else {
            let watch = Stopwatch::start();
            let incident = Incident::selector_failure(context, SELECTOR).at_url(shop.url());
            let outcome = self.recorder.handle(&mut page, &incident.with("visit", number))?;
            let (Outcome::Captured(version) | Outcome::Failed(version)) = outcome else {
                return Err(Failure::Usage(format!("the failure is {}", outcome.as_str())));
            };
            let took = watch.elapsed().as_millis();
            repo.tag(&version, &"broken".parse()?)?;
            out.line(format!(
                "{} {SELECTOR} matches nothing; the evidence was captured in {took} ms",
                out.paint(RED, "failed")
            ))?;
            self.artifacts(&[&version], out)?;
            nearest(&repo, &version, out)?;
            for _ in 0..MORE {
                let incident = Incident::selector_failure(PAGE.parse()?, SELECTOR);
                self.recorder.count_incident(&incident.at_url(shop.url()))?;
            }
            self.recorder.flush()?;
            return Ok(Visit { page: version, data: None });
        };
        let stored = self.recorder.store(draft.tag("good")?, watch)?;
        let off = || Failure::Usage("captures are switched off".to_owned());
        let page = stored.ok_or_else(off)?.version;
        let took = watch.elapsed().as_millis();
        let draft = Draft::json(&products)?.context(DATA.parse()?).at(taken_at);
        let data = repo.create(draft.info("visit", number))?;
        out.line(format!(
            "{} {} prices by {SELECTOR}, captured in {took} ms",
            out.paint(GREEN, "scraped"),
            products.as_array().map_or(0, Vec::len)
        ))?;
        self.artifacts(&[&page, &data], out)?;
        Ok(Visit { page, data: Some(data) })
    }

    /// Tells what snapshots hold, and what keeping it costs.
    fn artifacts(&mut self, versions: &[&Version], out: &Out) -> Result<(), Failure> {
        let mut rows = vec![["ARTIFACT", "SIZE", "KEPT", "HOW"].map(str::to_owned).to_vec()];
        for version in versions {
            for kept in self.recorder.repository().get(version)?.artifacts {
                let Some(hash) = kept.hash else { continue };
                let is_new = self.known.insert(hash);
                let how = match kept.base {
                    _ if !is_new => "was here already".to_owned(),
                    Some(base) => format!("delta on {}", base.short()),
                    None => "whole".to_owned(),
                };
                let stored = if is_new { kept.stored } else { 0 };
                rows.push(vec![kept.name.to_string(), size(kept.bytes), size(stored), how]);
            }
        }
        table(&rows).iter().try_for_each(|line| out.line(format!("  {line}")))
    }
}

/// How far the selector still leads into the page, where it finds nothing any more, as the ledger of
/// the capture tells.
fn nearest(repo: &Repository, version: &Version, out: &Out) -> Result<(), Failure> {
    let facts: Value = serde_json::from_slice(&repo.content(version, FACTS)?).unwrap_or_default();
    let ledger = facts["ledger"].as_array().into_iter().flatten();
    let path = ledger.filter(|line| line["name"] == "element.html");
    for step in path.filter_map(|line| line["detail"]["path"].as_array()).flatten() {
        let selector = step["selector"].as_str().unwrap_or_default();
        out.line(format!("  {} finds {}", plain(selector), step["matched"]))?;
    }
    Ok(())
}

/// What a scraper makes of the page: names and prices from its HTML, as the selector finds them.
fn products(draft: &Draft) -> Option<Value> {
    let html = draft.artifacts().iter().find(|part| part.name().as_str() == "page.html")?;
    let html = String::from_utf8_lossy(html.content()?).into_owned();
    let list = html.split_once("id=\"products\"")?.1;
    let after = |text: &str, mark: &str| {
        Some(text.split_once(mark)?.1.split('<').next()?.trim().to_owned())
    };
    let products: Vec<Value> = list
        .split("<li")
        .skip(1)
        .filter_map(|item| {
            Some(json!({"name": after(item, "<h3>")?, "price": after(item, "class=\"price\">")?}))
        })
        .collect();
    Some(Value::from(products))
        .filter(|products| products.as_array().is_some_and(|all| !all.is_empty()))
}
