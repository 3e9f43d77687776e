//! `capture`: pages into the store, one browser for all of them.

use std::time::Duration;

use serde_json::{Value, json};
use tintype::capture::chrome::{Browser, BrowserOptions};
use tintype::model::config::FACTS;
use tintype::model::time::Stopwatch;
use tintype::{
    CaptureConfig, Draft, DraftArtifact, Error, PagePart, Receipt, Recorder, Repository, Status,
};

use crate::args::Capture;
use crate::out::{Done, GREEN, Out, RED, Run, YELLOW, plain, size};
use crate::put::about;

pub fn capture(repo: &Repository, args: Capture, out: &Out) -> Run {
    let config = config(&args)?;
    let browser = Browser::launch(BrowserOptions {
        executable: args.browser.clone(),
        window: args.window,
        load_timeout: args.timeout,
        ..BrowserOptions::default()
    })?;
    let recorder = Recorder::new(repo);
    let bar = out.progress(args.urls.len() as u64, "pages");
    let (mut kept, mut failed) = (0, 0);
    for url in &args.urls {
        bar.set_message(plain(url));
        let watch = Stopwatch::start();
        let draft = about(Draft::new().context(args.about.context.clone()), &args.about)?;
        let taken = browser
            .open(url)
            .and_then(|mut page| recorder.draft(&mut page, draft, &config))
            .and_then(|draft| store(repo, draft));
        match taken {
            Ok(taken) => {
                if taken.status == Status::Failed {
                    failed += 1;
                }
                kept += 1;
                bar.suspend(|| tell(url, &taken, watch.elapsed(), out))?;
            }
            // What befalls the store or the browser befalls all that follow.
            Err(error @ Error::Invalid { what: "address", .. }) if args.urls.len() > 1 => {
                failed += 1;
                bar.suspend(|| out.warn(url, &error));
            }
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(match (kept, failed) {
        (_, 0) => Done::Ok,
        (0, _) => Done::Failed,
        _ => Done::InPart,
    })
}

fn config(args: &Capture) -> tintype::Result<CaptureConfig> {
    let config = CaptureConfig::default();
    if args.artifacts.is_empty() {
        return Ok(config);
    }
    let parts: Vec<PagePart> =
        args.artifacts.iter().map(|name| name.parse()).collect::<tintype::Result<_>>()?;
    Ok(config.only(parts))
}

/// What storing a capture came to, with what the draft knew.
struct Taken {
    receipt: Receipt,
    status: Status,
    ledger: Vec<Value>,
    lacks: Vec<String>,
    /// Why there is no page, where there is none.
    load_error: Option<String>,
}

fn store(repo: &Repository, draft: Draft) -> tintype::Result<Taken> {
    let status = draft.chosen_status().unwrap_or(Status::Complete);
    let parts: Vec<DraftArtifact> = draft.artifacts().to_vec();
    let facts = parts.iter().find(|part| part.name().as_str() == FACTS);
    let facts: Value =
        facts.and_then(|facts| serde_json::from_slice(facts.content()?).ok()).unwrap_or_default();
    let load_error = facts["load_error"].as_str().map(str::to_owned);
    let receipt = repo.store(draft)?;
    let kept =
        |part: &DraftArtifact| receipt.artifacts.iter().find(|kept| kept.name == *part.name());
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
    let lacks = parts
        .iter()
        .filter_map(|part| Some(format!("{}: {}", part.name(), part.reason()?)))
        .collect();
    Ok(Taken { receipt, status, ledger, lacks, load_error })
}

fn tell(url: &str, taken: &Taken, took: Duration, out: &Out) -> Result<(), crate::out::Failure> {
    let took_ms = took.as_millis() as u64;
    if out.json {
        return out.object(json!({
            "version": taken.receipt.version,
            "url": url,
            "status": taken.status,
            "load_error": taken.load_error,
            "duration_ms": took_ms,
            "artifacts": taken.ledger,
        }));
    }
    out.line(taken.receipt.version.as_str())?;
    let color = match taken.status {
        Status::Complete => GREEN,
        Status::Failed => RED,
        _ => YELLOW,
    };
    let sum = |size: fn(&tintype::Kept) -> u64| taken.receipt.artifacts.iter().map(size).sum();
    let new = |kept: &tintype::Kept| if kept.deduplicated { 0 } else { kept.stored };
    out.note(format!(
        "  {} {}: {} artifacts of {}, {} kept, {took_ms} ms",
        out.paint(color, taken.status.as_str()),
        plain(url),
        taken.receipt.artifacts.len(),
        size(sum(|kept| kept.bytes)),
        size(sum(new)),
    ));
    if let Some(why) = &taken.load_error {
        out.note(format!("  {}", plain(why)));
    }
    for lack in &taken.lacks {
        out.note(format!("  {}", plain(lack)));
    }
    Ok(())
}
