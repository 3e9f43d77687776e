//! `capture`: pages into the store, one browser for all of them.

pub mod args;

use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tintype::capture::Page;
use tintype::capture::chrome::{Browser, BrowserOptions, ChromePage, PageOptions};
use tintype::model::config::FACTS;
use tintype::model::time::Stopwatch;
use tintype::{
    CaptureConfig, Draft, DraftArtifact, Error, Receipt, Recorder, RecorderOptions, Repository,
    Status,
};

use crate::interrupt::{Hooked, Stop};
use crate::out::{Bar, Done, Failure, GREEN, Out, RED, Run, YELLOW, count, plain, size};
use crate::put::about;
use args::{BrowserArgs, Capture, Choice, PageArgs};

/// The address that stands for standard input.
const STDIN: &str = "-";
/// What the address of a page, rather than of a browser, has in it.
pub const PAGE_PATH: &str = "/devtools/page/";

pub fn capture(repo: &Repository, args: Capture, out: &Out) -> Run {
    let config = config(&args)?;
    if args.about.at.is_some() && args.urls.len() > 1 {
        out.note("--at gives the same time to each of the captures");
    }
    let page = page_options(&args.page);
    // Before a browser is started.
    page.check()?;
    let mut work = Work {
        recorder: Recorder::with(repo, options(&args)),
        config,
        page,
        args: &args,
        out,
        bar: out.progress(args.urls.len() as u64, "pages"),
        kept: 0,
        failed: 0,
    };
    match args.browser.connect.as_deref().filter(|address| address.contains(PAGE_PATH)) {
        Some(address) => {
            if !args.urls.is_empty() {
                return Err(Failure::Usage(
                    "--connect names a page, which is captured as it stands: no URL can be given \
                     with it"
                        .to_owned(),
                ));
            }
            let watch = Stopwatch::start();
            let mut page = ChromePage::watch_at(address)?;
            work.take(&mut page, address, watch)?;
        }
        None if args.urls.is_empty() => {
            return Err(Failure::Usage(
                "a URL is needed: --connect names a browser, not a page of it".to_owned(),
            ));
        }
        None => work.open_all()?,
    }
    work.bar.finish_and_clear();
    Ok(match (work.kept, work.failed) {
        (_, 0) => Done::Ok,
        (0, _) => Done::Failed,
        _ => Done::InPart,
    })
}

/// The configuration that the arguments come to.
fn config(args: &Capture) -> Result<CaptureConfig, Failure> {
    let mut config =
        args.preset.map_or_else(CaptureConfig::default, CaptureConfig::for_environment);
    let mode = args.mode.unwrap_or(config.mode());
    config = config.of(mode, args.selector.as_deref())?;
    let only: Vec<_> = args
        .artifacts
        .iter()
        .filter_map(|choice| match choice {
            Choice::Only(part) => Some(*part),
            Choice::With(_) | Choice::Without(_) => None,
        })
        .collect();
    if !only.is_empty() {
        config = config.only(only.iter().copied());
    }
    for choice in &args.artifacts {
        config = match choice {
            Choice::Only(_) => config,
            Choice::With(part) => config.with(*part),
            Choice::Without(part) => config.without(*part),
        };
    }
    if let Some(part) = only.iter().find(|part| part.is_of_the_element())
        && args.selector.is_none()
    {
        return Err(Failure::Usage(format!("{} needs a --selector", part.artifact_name())));
    }
    config.time_box = args.time_box;
    config.redact = !args.no_redact;
    config.mask.clone_from(&args.mask);
    // The time that is told is the time until it is durable.
    config.async_save = false;
    Ok(config)
}

/// The browser that the arguments name.
pub fn browser(given: &BrowserArgs) -> tintype::Result<Browser> {
    match &given.connect {
        Some(address) => Browser::connect(address),
        None => Browser::launch(BrowserOptions {
            executable: given.browser.clone(),
            proxy: given.proxy.clone(),
            profile: given.profile.clone(),
            ..BrowserOptions::default()
        }),
    }
}

/// Starts a browser that a signal closes, so that nobody waits for what it would answer.
pub fn closed_by_signal(
    start: impl FnOnce() -> tintype::Result<Browser>,
    stop: &Arc<Stop>,
) -> tintype::Result<(Arc<Browser>, Hooked)> {
    // One that is on its way can't be closed yet.
    let unfinished = stop.unfinished();
    let browser = Arc::new(start()?);
    let known = Arc::downgrade(&browser);
    let hooked = stop.hooked(move || {
        if let Some(browser) = known.upgrade() {
            browser.close();
        }
    });
    drop(unfinished);
    stop.check();
    Ok((browser, hooked))
}

/// How each page is opened.
pub fn page_options(args: &PageArgs) -> PageOptions {
    let mut options = PageOptions {
        window: Some(args.window),
        device_scale: args.device_scale,
        user_agent: args.user_agent.clone(),
        language: args.language.clone(),
        headers: args.header.clone(),
        cookies: args.cookie.clone(),
        load_timeout: Some(args.timeout),
        ..PageOptions::default()
    };
    options.waits.extend(
        args.wait.iter().filter(|wait| !options.waits.contains(wait)).cloned().collect::<Vec<_>>(),
    );
    options.addresses.allow_private = args.allow_private;
    options.addresses.allow_file = args.allow_file;
    options
}

/// What flags are asked for: the preset is that of an environment.
fn options(args: &Capture) -> RecorderOptions {
    let environment = args.preset.map(|preset| preset.as_str().to_owned());
    RecorderOptions { environment, ..RecorderOptions::default() }
}

/// Captures, one after the other.
struct Work<'a> {
    recorder: Recorder,
    config: CaptureConfig,
    page: PageOptions,
    args: &'a Capture,
    out: &'a Out,
    bar: Bar,
    kept: u64,
    failed: u64,
}

impl Work<'_> {
    fn open_all(&mut self) -> Result<(), Failure> {
        let start = || browser(&self.args.browser);
        let (browser, _hooked) = closed_by_signal(start, &self.out.stop)?;
        let several = self.args.urls.len() > 1 || self.args.urls.iter().any(|url| url == STDIN);
        for url in &self.args.urls {
            if url != STDIN {
                self.open(&browser, url, several)?;
                continue;
            }
            let mut lines = std::io::stdin().lock().lines();
            while let Some(line) = self.out.stop.waiting(|| lines.next()) {
                let line = line?;
                if !line.trim().is_empty() {
                    self.open(&browser, line.trim(), several)?;
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, browser: &Browser, url: &str, several: bool) -> Result<(), Failure> {
        self.bar.set_message(plain(url));
        self.bar.check();
        let watch = Stopwatch::start();
        match browser.open_with(url, &self.page) {
            Ok(mut page) => self.take(&mut page, url, watch)?,
            // What befalls the browser befalls all that follow.
            Err(error @ Error::Invalid { what: "address", .. }) if several => {
                self.failed += 1;
                self.bar.suspend(|| self.out.warn(url, &error));
            }
            Err(error) => return Err(error.into()),
        }
        self.bar.on(1);
        Ok(())
    }

    fn take(&mut self, page: &mut dyn Page, url: &str, watch: Stopwatch) -> Result<(), Failure> {
        let draft = about(Draft::new(), &self.args.about)?;
        if let Some(flag) = self.recorder.is_off(&draft) {
            self.kept += 1;
            return self.bar.suspend(|| tell_off(url, flag, self.out));
        }
        let draft = self.recorder.draft(page, draft, &self.config)?;
        // What was taken while the browser was closed says nothing of the page.
        self.bar.check();
        let taken = store(&self.recorder, draft, watch)?;
        if taken.status == Status::Failed {
            self.failed += 1;
        }
        self.kept += 1;
        self.bar.suspend(|| tell(url, &taken, watch.elapsed(), self.out))?;
        // What is stored and could not be written in the old layout.
        if let Err(error) = self.recorder.flush() {
            self.failed += 1;
            self.bar.suspend(|| self.out.warn(url, &error));
        }
        Ok(())
    }
}

/// What storing a capture came to, with what the draft knew.
struct Taken {
    /// Nothing where a flag lets it be written in the old layout only.
    receipt: Option<Receipt>,
    status: Status,
    facts: Value,
    ledger: Vec<Value>,
    lacks: Vec<String>,
}

fn store(recorder: &Recorder, draft: Draft, begun: Stopwatch) -> tintype::Result<Taken> {
    let status = draft.chosen_status().unwrap_or(Status::Complete);
    let parts: Vec<DraftArtifact> = draft.artifacts().to_vec();
    let facts = parts.iter().find(|part| part.name().as_str() == FACTS);
    let facts: Value =
        facts.and_then(|facts| serde_json::from_slice(facts.content()?).ok()).unwrap_or_default();
    let receipt = recorder.store(draft, begun)?;
    let kept_parts = receipt.as_ref().map_or(&[][..], |receipt| &receipt.artifacts);
    let kept = |part: &DraftArtifact| kept_parts.iter().find(|kept| kept.name == *part.name());
    let ledger = parts
        .iter()
        .map(|part| {
            let mut line = json!({"name": part.name(), "status": part.status()});
            if let Some(kept) = kept(part) {
                line["hash"] = json!(kept.hash);
                line["bytes"] = json!(kept.bytes);
                line["stored"] = json!(kept.stored);
                line["base"] = json!(kept.base);
                line["deduplicated"] = json!(kept.deduplicated);
            }
            if let Some(reason) = part.reason() {
                line["reason"] = json!(reason);
            }
            line
        })
        .collect();
    // Those that are missing for one reason stand in one line.
    let mut lacks: Vec<(String, Vec<&str>)> = Vec::new();
    for part in &parts {
        let Some(reason) = part.reason() else { continue };
        let why = format!("{}: {reason}", part.status().as_str());
        let name = part.name().as_str();
        match lacks.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(name),
            None => lacks.push((why, vec![name])),
        }
    }
    let lacks =
        lacks.into_iter().map(|(why, names)| format!("{} {why}", names.join(", "))).collect();
    Ok(Taken { receipt, status, facts, ledger, lacks })
}

/// Tells that a page was not captured, which is no failure: somebody wants it so.
fn tell_off(url: &str, flag: &str, out: &Out) -> Result<(), Failure> {
    if out.json {
        return out.object(json!({"version": null, "url": url, "off": flag, "artifacts": []}));
    }
    out.note(plain(&format!("  not captured: {url}: the flag {flag} is off")));
    out.note(format!("  see why with: tintype flag explain {flag}"));
    Ok(())
}

fn tell(url: &str, taken: &Taken, took: Duration, out: &Out) -> Result<(), Failure> {
    let took_ms = took.as_millis() as u64;
    let facts = &taken.facts;
    if out.json {
        return out.object(json!({
            "version": taken.receipt.as_ref().map(|receipt| &receipt.version),
            "url": url,
            "final_url": facts["final_url"],
            "http_status": facts["http_status"],
            "title": facts["title"],
            "status": taken.status,
            "load_error": facts["load_error"],
            "duration_ms": took_ms,
            "redacted": facts["redacted"],
            "artifacts": taken.ledger,
        }));
    }
    match &taken.receipt {
        Some(receipt) => out.line(receipt.version.as_str())?,
        None => {
            out.note("  not in the store; see why with: tintype flag explain context_aware_bundles")
        }
    }
    let color = match taken.status {
        Status::Complete => GREEN,
        Status::Failed => RED,
        _ => YELLOW,
    };
    let kept = taken.receipt.as_ref().map_or(&[][..], |receipt| &receipt.artifacts);
    let sum = |size: fn(&tintype::Kept) -> u64| kept.iter().map(size).sum();
    let new = |kept: &tintype::Kept| if kept.deduplicated { 0 } else { kept.stored };
    let answer = facts["http_status"].as_u64().map_or(String::new(), |code| format!(" {code},"));
    out.note(format!(
        "  {} {}:{answer} {} of {}, {} kept, {took_ms} ms",
        out.paint_note(color, taken.status.as_str()),
        plain(url),
        count(kept.len() as u64, "artifact"),
        size(sum(|kept| kept.bytes)),
        size(sum(new)),
    ));
    for (word, text) in [("title", "title"), ("why", "load_error")] {
        if let Some(text) = facts[text].as_str().filter(|text| !text.is_empty()) {
            out.note(format!("  {word}: {}", plain(text)));
        }
    }
    for wait in facts["waits"].as_array().into_iter().flatten() {
        if wait["met"] == false {
            let what = wait["what"].as_str().unwrap_or_default();
            out.note(format!("  waited in vain for: {} ({} ms)", plain(what), wait["took_ms"]));
        }
    }
    for rescue in facts["rescues"].as_array().into_iter().flatten() {
        out.note(format!("  {}", plain(rescue.as_str().unwrap_or_default())));
    }
    let redacted: Vec<String> = facts["redacted"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(rule, count)| format!("{count} {}", plain(rule)))
        .collect();
    if !redacted.is_empty() {
        out.note(format!("  redacted: {}", redacted.join(", ")));
    }
    for lack in &taken.lacks {
        out.note(format!("  {}", plain(lack)));
    }
    Ok(())
}
