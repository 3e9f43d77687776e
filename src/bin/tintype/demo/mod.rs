//! `demo`: the five-minute tour. A small shop on loopback changes and at last breaks; it is
//! captured each time, with the data that a scraper would make of it beside.

mod site;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tintype::capture::chrome::{Browser, BrowserOptions};
use tintype::model::config::FACTS;
use tintype::model::time::Stopwatch;
use tintype::ops::compare;
use tintype::ops::verify::{self, Depth};
use tintype::{
    CaptureConfig, CaptureMode, Context, Draft, Error, Recorder, Repository, Snapshot, Version,
};

use crate::args::{Demo, Global};
use crate::capture::closed_by_signal;
use crate::diff;
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

/// The snapshots of one visit.
struct Visit {
    page: Version,
    data: Option<Version>,
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
    let mut visits = Vec::new();
    for (number, (stage, what)) in (1..).zip(VISITS) {
        shop.set(stage);
        out.line("")?;
        head(out, &format!("Visit {number}: {what}"))?;
        visits.push(visit(&repo, &browser, &shop, number, out)?);
    }
    drop((hooked, browser));
    out.line("")?;
    compare_ends(&repo, &visits, out)?;
    out.line("")?;
    cost(&repo, &store, out)?;
    repo.close()?;
    out.line("")?;
    next(&store, out)?;
    Ok(Done::Ok)
}

/// The store that is named, or one of the demo's own, made anew each time.
fn choose_store(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(named) = &global.store {
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

/// Visits the shop as a scraper does: looks at the page, takes its data, keeps both.
fn visit(
    repo: &Repository,
    browser: &Browser,
    shop: &Site,
    number: u32,
    out: &Out,
) -> Result<Visit, Failure> {
    let watch = Stopwatch::start();
    let context: Context = "shop.example/products/list".parse()?;
    let mut page = browser.open(shop.url())?;
    let draft = Draft::new().context(context);
    // The page, and what the scraper looks for in it.
    let config = CaptureConfig::new(CaptureMode::Both, Some(SELECTOR))?;
    let draft = Recorder::new(repo).draft(&mut page, draft, &config)?;
    out.stop.check();
    let ledger = ledger(&draft);
    let products = products(&draft);
    let draft = match &products {
        Some(_) => draft.tag("good")?,
        None => draft.tag("broken")?.describe(format!("{SELECTOR} matches nothing")),
    };
    let page = repo.store(draft.info("visit", number))?;
    let took = watch.elapsed().as_millis();
    let data = match &products {
        Some(products) => {
            let context = "shop.example/products/data".parse()?;
            let draft = Draft::json(products)?.context(context).info("visit", number);
            Some(repo.store(draft)?)
        }
        None => None,
    };
    match &products {
        Some(products) => out.line(format!(
            "{} {} prices by {SELECTOR}, captured in {took} ms",
            out.paint(GREEN, "scraped"),
            products.as_array().map_or(0, Vec::len)
        ))?,
        None => out.line(format!(
            "{} {SELECTOR} matches nothing; the evidence was captured in {took} ms",
            out.paint(RED, "failed")
        ))?,
    }
    let mut rows = vec![["ARTIFACT", "SIZE", "KEPT", "HOW"].map(str::to_owned).to_vec()];
    let mut kept = page.artifacts.clone();
    kept.extend(data.iter().flat_map(|data| data.artifacts.clone()));
    rows.extend(kept.iter().map(|kept| {
        let how = match (kept.deduplicated, kept.base) {
            (true, _) => "was here already".to_owned(),
            (false, Some(base)) => format!("delta on {}", base.short()),
            (false, None) => "whole".to_owned(),
        };
        let new = if kept.deduplicated { 0 } else { kept.stored };
        vec![kept.name.to_string(), size(kept.bytes), size(new), how]
    }));
    table(&rows).iter().try_for_each(|line| out.line(format!("  {line}")))?;
    if products.is_none() {
        nearest(&ledger, out)?;
    }
    Ok(Visit { page: page.version, data: data.map(|data| data.version) })
}

/// What became of each artifact, as the facts of a capture tell it.
fn ledger(draft: &Draft) -> Vec<Value> {
    let facts = draft.artifacts().iter().find(|part| part.name().as_str() == FACTS);
    let facts = facts.and_then(|facts| serde_json::from_slice::<Value>(facts.content()?).ok());
    facts
        .and_then(|mut facts| facts["ledger"].as_array_mut().map(std::mem::take))
        .unwrap_or_default()
}

/// How far the selector still leads into the page, where it finds nothing any more.
fn nearest(ledger: &[Value], out: &Out) -> Result<(), Failure> {
    let element = ledger.iter().find(|line| line["name"] == "element.html");
    let path =
        element.and_then(|line| line["detail"]["path"].as_array()).map_or(&[][..], Vec::as_slice);
    for step in path {
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

/// The difference between the last good visit and the broken one, and between its data.
fn compare_ends(repo: &Repository, visits: &[Visit], out: &Out) -> Result<(), Failure> {
    let data: Vec<&Version> = visits.iter().filter_map(|visit| visit.data.as_ref()).collect();
    if let [.., before, after, _] = data.as_slice() {
        head(out, "What changed in the data on visit 3")?;
        diff::text(&compare::compare(repo, before, after, None)?, out)?;
        out.line("")?;
    }
    let [.., good, broken] = visits else { return Ok(()) };
    head(out, "The last good visit against the broken one")?;
    for name in ["page.html", "console.jsonl", "full.png"] {
        let name = name.parse()?;
        let compared = compare::compare(repo, &good.page, &broken.page, Some(&name))?;
        let lines = shown(&compared);
        lines.iter().try_for_each(|line| out.line(line))?;
    }
    let failing = repo.get(&broken.page)?;
    let console = repo.content(&broken.page, "console.jsonl").unwrap_or_default();
    for line in String::from_utf8_lossy(&console).lines().filter(|line| is_error(line)) {
        let text = serde_json::from_str::<Value>(line).unwrap_or_default();
        let text =
            text["text"].as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
        out.line(out.paint(RED, &format!("  the page said: {}", plain(&text))))?;
    }
    out.line(format!("  the snapshot is {}, tagged {}", failing.status.as_str(), tags(&failing)))
}

fn is_error(line: &str) -> bool {
    line.contains("\"error\"")
}

fn tags(snapshot: &Snapshot) -> String {
    let tags: Vec<_> = snapshot.tags.iter().map(|tag| tag.as_str()).collect();
    tags.join(", ")
}

fn shown(compared: &compare::Compared) -> Vec<String> {
    let pair = |pair: &compare::Pair| {
        let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "nothing".to_owned(), size);
        format!(
            "  {}: {} → {}{}",
            pair.name,
            bytes(pair.before_bytes),
            bytes(pair.after_bytes),
            diff::count(pair)
        )
    };
    compared.artifacts.iter().map(pair).collect()
}

fn cost(repo: &Repository, store: &Path, out: &Out) -> Result<(), Failure> {
    head(out, "What it cost")?;
    let stats = repo.stats()?;
    out.line(format!(
        "  {} snapshots with {} artifacts of {}; {} of it distinct, kept in {}",
        stats.snapshots,
        stats.artifacts,
        size(stats.bytes),
        size(stats.unique_bytes),
        size(stats.stored)
    ))?;
    out.line(format!("  one file of {}: {}", size(stats.file_bytes), store.display()))?;
    let report = verify::verify(repo, Depth::Data, &mut |_| {})?;
    let verdict = match report.ok {
        true => out.paint(GREEN, "every byte is proved intact"),
        false => out.paint(RED, &format!("{} problems found", report.problems.len())),
    };
    out.line(format!("  {verdict}: {} contents decoded and hashed", report.blobs))
}

fn next(store: &Path, out: &Out) -> Result<(), Failure> {
    head(out, "Try next")?;
    let store = store.display();
    let tintype = std::env::args().next().unwrap_or_else(|| "tintype".to_owned());
    for (command, what) in [
        (format!("{tintype} --store {store} list --context 'shop.example/*'"), "what there is"),
        (format!("{tintype} --store {store} show latest:broken"), "all about the failure"),
        (
            format!(
                "{tintype} --store {store} diff latest:good latest:broken --artifact page.html"
            ),
            "what changed on the page",
        ),
        (
            format!(
                "{tintype} --store {store} get latest:broken --artifact full.png -o broken.png"
            ),
            "the picture of it",
        ),
        (format!("sqlite3 {store} 'select * from v_snapshot limit 5'"), "without tintype"),
    ] {
        out.line(format!("  {command}"))?;
        out.line(format!("      {what}"))?;
    }
    Ok(())
}
