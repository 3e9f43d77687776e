//! What the tour tells at its end: of the failure, what differs, what it cost, and what to try next.

use std::path::Path;

use serde_json::Value;
use tintype::format::diff::Comparison;
use tintype::format::entries::MessageChange;
use tintype::model::config::FACTS;
use tintype::ops::compare;
use tintype::ops::good::last_good;
use tintype::ops::monitor::Window;
use tintype::ops::report::{self, Options};
use tintype::ops::rollout::{self, By};
use tintype::ops::verify::{self, Depth};

use tintype::records::incidents::{GroupQuery, groups};
use tintype::{EvalContext, Flags, Query, Repository, Rollout, Version};

use super::site::SECRET;
use super::{PAGES, Visit, head, page_of};
use crate::diff;
use crate::out::{DIM, Failure, GREEN, Out, RED, plain, size};

/// The flag that the tour turns.
const FLAG: &str = "async_performance";
/// How many sessions are asked for it.
const SESSIONS: u32 = 1_000;

/// How often the selector failed, and what was captured of it.
pub fn incident(repo: &Repository, out: &Out) -> Result<(), Failure> {
    head(out, "The failure, as it is kept")?;
    for group in groups(repo, &GroupQuery::default())? {
        out.line(format!(
            "  {} times {} {}, the first {}",
            group.count,
            plain(&group.kind),
            plain(&group.message),
            group.first_at
        ))?;
        out.line(format!(
            "  captured {} of them; the next is the tenth, or in an hour, or where the page is another",
            match group.captured {
                1 => "one".to_owned(),
                more => more.to_string(),
            }
        ))?;
        let Some(failing) = group.last_version else { continue };
        match last_good(repo, &failing)? {
            Some(good) => out.line(format!("  when all was well: {good}"))?,
            None => out.line("  it was never well")?,
        }
    }
    Ok(())
}

/// The difference between the last good visit and the broken one, and between its data.
pub fn ends(repo: &Repository, visits: &[Visit], out: &Out) -> Result<(), Failure> {
    let data: Vec<&Version> = visits.iter().filter_map(|visit| visit.data.as_ref()).collect();
    if let [.., before, after, _] = data.as_slice() {
        head(out, "What changed in the data on visit 3, told to be a day later")?;
        diff::text(&compare::compare(repo, before, after, None)?, out)?;
        out.line("")?;
    }
    let [.., broken] = visits else { return Ok(()) };
    let Some(good) = last_good(repo, &broken.page)? else { return Ok(()) };
    head(out, "The last good visit against the broken one")?;
    for name in ["page.html", "console.jsonl", "network.har", "full.png"] {
        let compared = compare::compare(repo, &good, &broken.page, Some(&name.parse()?))?;
        for pair in &compared.artifacts {
            let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "nothing".to_owned(), size);
            let (before, after) = (bytes(pair.before_bytes), bytes(pair.after_bytes));
            out.line(format!("  {}: {before} → {after}{}", pair.name, diff::count(pair)))?;
            if let Some(Comparison::Console(console)) = &pair.content {
                for change in &console.changes {
                    let MessageChange::Added { message, .. } = change else { continue };
                    let first = message.text.lines().next().unwrap_or_default();
                    if message.level == "error" {
                        out.line(out.paint(RED, &format!("  + {}", plain(first))))?;
                    }
                }
            }
        }
    }
    let tags = repo.get(&broken.page)?.tags;
    let tags: Vec<_> = tags.iter().map(|tag| tag.as_str()).collect();
    out.line(format!("  the snapshot is tagged {}", tags.join(", ")))
}

/// What was taken out of the captures before they were stored.
pub fn secrets(repo: &Repository, out: &Out) -> Result<(), Failure> {
    head(out, "What was not kept")?;
    let snapshots = repo.find(&Query::all())?;
    let (mut contents, mut found) = (0, 0);
    for snapshot in &snapshots {
        for artifact in snapshot.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
            let content = repo.content(&snapshot.version, artifact.name.as_str())?;
            contents += 1;
            let secret = SECRET.as_bytes();
            found += u32::from(content.windows(secret.len()).any(|part| part == secret));
        }
    }
    let last = snapshots.iter().find(|snapshot| snapshot.artifact(FACTS).is_some());
    if let Some(last) = last {
        let facts: Value =
            serde_json::from_slice(&repo.content(&last.version, FACTS)?).unwrap_or_default();
        for (rule, count) in facts["redacted"].as_object().into_iter().flatten() {
            out.line(format!("  {count} {} in {}", plain(rule), last.version))?;
        }
    }
    let color = if found == 0 { GREEN } else { RED };
    out.line(format!(
        "  the key with which the page asks its API is in {} of {contents} artifacts",
        out.paint(color, &found.to_string())
    ))
}

/// A feature, rolled out for more and more, and switched off at once.
pub fn flags(repo: &Repository, out: &Out) -> Result<(), Failure> {
    head(out, "A feature flag, while scrapers run")?;
    let flags = Flags::of(repo);
    let by = By::new("demo").because("the tour");
    let who = || {
        let session = |number: u32| format!("run-{number}");
        let is_in = |session: &String| {
            let asked = EvalContext { session: Some(session), ..EvalContext::default() };
            flags.is_enabled(FLAG, &asked)
        };
        (0..SESSIONS).map(session).filter(is_in).collect::<Vec<_>>()
    };
    let mut before: Vec<String> = Vec::new();
    for percent in [10.0, 25.0] {
        rollout::set_rollout(repo, FLAG, Rollout::percent(percent)?, &by)?;
        let now = who();
        let stayed = before.iter().filter(|session| now.contains(session)).count();
        let stayed = match before.len() {
            0 => String::new(),
            all => format!(", {stayed} of the {all} before among them"),
        };
        out.line(format!(
            "  {FLAG} at {percent} %: on for {} of {SESSIONS} sessions{stayed}",
            now.len()
        ))?;
        before = now;
    }
    rollout::emergency_disable(repo, &by)?;
    out.line(format!("  in an emergency: on for {}", who().len()))?;
    rollout::emergency_release(repo, &by)?;
    rollout::set_rollout(repo, FLAG, Rollout::ALL, &by.force())?;
    out.line(out.paint(DIM, "  as it was again; `tintype flag history` tells who did it, and why"))
}

/// What keeping all of it costs, and that it is whole.
pub fn cost(repo: &Repository, store: &Path, out: &Out) -> Result<(), Failure> {
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

/// Writes a page for people of the failure, one of what differs from when all was well, and one of all
/// visits.
pub fn pages(repo: &Repository, store: &Path, visits: &[Visit], out: &Out) -> Result<(), Failure> {
    head(out, "To look at")?;
    let [.., broken] = visits else { return Ok(()) };
    let options = Options::default();
    let mut pages = vec![report::snapshot(repo, &broken.page, &options)?];
    if let Some(good) = last_good(repo, &broken.page)? {
        pages.push(report::difference(repo, &good, &broken.page, None, &options)?);
        pages.push(report::overview(repo, &Window::default())?);
    }
    for (page, name) in pages.iter().zip(PAGES) {
        let path = page_of(store, name);
        let bytes = report::write(repo, page, &path, true)?;
        out.line(format!("  {} ({})", plain(&path.display().to_string()), size(bytes)))?;
    }
    out.line(out.paint(DIM, "  each is one file that loads nothing; open it in any browser"))
}

/// Commands that go on from here.
pub fn next(store: &Path, out: &Out) -> Result<(), Failure> {
    head(out, "Try next")?;
    let store = store.display();
    let tintype = std::env::args().next().unwrap_or_else(|| "tintype".to_owned());
    for (command, what) in [
        (format!("{tintype} --store {store} list --context 'shop.example/*'"), "what there is"),
        (format!("{tintype} --store {store} show latest:broken"), "all about the failure"),
        (format!("{tintype} --store {store} incident list"), "how often it was met"),
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
