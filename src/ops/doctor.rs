//! Whether a machine gives what a store needs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::event::EventQuery;
use crate::model::snapshot::Draft;
use crate::model::time::{Clock, SystemClock, Time};
use crate::ops::monitor::space_of;
use crate::store::{Repository, sqlite_version};

/// Under so many bytes of free space a store is warned of.
const FREE_WARN: u64 = 1 << 30;
/// Under so many it soon can't be written.
const FREE_FAIL: u64 = 64 << 20;
/// No machine's clock stood before 2026 when this was written.
const CLOCK_MIN_US: i64 = 1_767_225_600_000_000;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and something should be looked at.
    Warn,
    /// It does not work.
    Fail,
}

/// What was found where something was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at: `sqlite`, `folder`, `write-ahead log`, `space`, `temporary files`,
    /// `clock`, `store`, `writing`.
    pub check: &'static str,
    /// How well it is.
    pub state: State,
    /// What was seen.
    pub detail: String,
    /// What to do, where something is to be done.
    pub advice: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Finding { check, state: State::Ok, detail: detail.into(), advice: None }
    }

    /// Something that should be looked at.
    pub fn warn(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding { check, state: State::Warn, detail: detail.into(), advice: Some(advice.into()) }
    }

    /// Something that does not work.
    pub fn fail(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding { check, state: State::Fail, detail: detail.into(), advice: Some(advice.into()) }
    }
}

/// Looks at the folder of a store, at the machine and at the store itself, which need not be there.
/// Nothing stays of what is tried; a lock of another process is waited for no longer than
/// `busy_timeout`.
pub fn examine(store: &Path, busy_timeout: Duration) -> Vec<Finding> {
    examine_at(store, busy_timeout, SystemClock.now())
}

/// The same at a time that is told.
pub fn examine_at(store: &Path, busy_timeout: Duration, now: Time) -> Vec<Finding> {
    let folder = match store.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut found = vec![Finding::ok("sqlite", format!("SQLite {}", sqlite_version()))];
    found.extend(folder_findings(folder));
    found.extend(space(folder));
    found.push(temporary());
    let opened = Repository::builder().busy_timeout(busy_timeout).open(store);
    let last = opened.as_ref().ok().and_then(last_change);
    found.push(clock(now, last));
    match opened {
        Ok(repo) => {
            found.push(reads(&repo));
            found.push(writes(&repo));
        }
        Err(Error::NoStore { .. }) => found.push(Finding::warn(
            "store",
            format!("there is none at {}", store.display()),
            format!("make one with: tintype init --store {}", store.display()),
        )),
        Err(error) => found.push(Finding::fail("store", error.to_string(), advice_for(&error))),
    }
    found
}

/// Whether a store can be made in a folder, and be written and read there at the same time.
fn folder_findings(folder: &Path) -> Vec<Finding> {
    let name = format!(".tintype-doctor-{}", std::process::id());
    let trial = Trial(folder.join(name));
    let shown = folder.display();
    if let Err(error) = fs::create_dir(&trial.0) {
        let advice = "name a folder that is there and can be written with --store PATH";
        let detail = format!("{shown} can't be written: {error}");
        return vec![Finding::fail("folder", detail, advice)];
    }
    let mut found = vec![Finding::ok("folder", format!("{shown} can be written"))];
    found.push(match reads_while_written(&trial.0.join("trial.db")) {
        Ok(()) => Finding::ok("write-ahead log", "readers and a writer do not wait for each other"),
        Err(error) => Finding::fail(
            "write-ahead log",
            format!("it does not work in {shown}: {error}"),
            "put the store on a disk of this machine, not on one of the network",
        ),
    });
    found
}

/// A folder that is tried, gone with this value.
struct Trial(PathBuf);

impl Drop for Trial {
    fn drop(&mut self) {
        // It may not have been made.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn reads_while_written(path: &Path) -> Result<()> {
    let writer = Repository::init(path)?;
    let reader = Repository::open(path)?;
    let (before, version) = reader.read(|view| {
        let before = view.versions()?.len();
        // The writer commits while this view is open.
        Ok((before, writer.create(Draft::text("a trial"))?))
    })?;
    let content = reader.content(&version, "data")?;
    if before != 0 || content != b"a trial" {
        let why = "what was written is not what is read".into();
        return Err(Error::Database { doing: "reading while writing", source: why });
    }
    reader.close()?;
    writer.close()
}

fn space(folder: &Path) -> Option<Finding> {
    let (free, all) = space_of(folder)?;
    let detail = format!("{} of {} MiB are free", free >> 20, all >> 20);
    let advice = "make room; tintype gc --now frees what is forgotten";
    Some(match free {
        0..FREE_FAIL => Finding::fail("space", detail, advice),
        FREE_FAIL..FREE_WARN => Finding::warn("space", detail, advice),
        _ => Finding::ok("space", detail),
    })
}

/// Whether the folder for temporary files can be written, which a browser's profile needs.
fn temporary() -> Finding {
    let folder = std::env::temp_dir();
    let trial = Trial(folder.join(format!("tintype-doctor-{}", std::process::id())));
    let tried = fs::create_dir(&trial.0)
        .and_then(|()| fs::File::create(trial.0.join("trial")))
        .and_then(|mut file| file.write_all(b"a trial"));
    match tried {
        Ok(()) => Finding::ok("temporary files", format!("{} can be written", folder.display())),
        Err(error) => Finding::fail(
            "temporary files",
            format!("{} can't be written: {error}", folder.display()),
            "name another folder with the variable TMPDIR",
        ),
    }
}

fn last_change(repo: &Repository) -> Option<Time> {
    let newest = EventQuery { limit: 1, ..EventQuery::default() };
    repo.events(&newest).ok()?.first().map(|event| event.at)
}

fn clock(now: Time, last: Option<Time>) -> Finding {
    let advice = "set the clock; snapshots are ordered by their times";
    match last {
        _ if now.micros() < CLOCK_MIN_US => {
            Finding::fail("clock", format!("it says {now}, which can't be"), advice)
        }
        Some(last) if last > now => Finding::warn(
            "clock",
            format!("it says {now}, and the store was changed at {last}"),
            advice,
        ),
        _ => Finding::ok("clock", now.to_string()),
    }
}

fn reads(repo: &Repository) -> Finding {
    match repo.stats() {
        Ok(stats) => Finding::ok(
            "store",
            format!(
                "{}: {} snapshots, schema {}",
                repo.path().display(),
                stats.snapshots,
                stats.schema
            ),
        ),
        Err(error) => Finding::fail("store", error.to_string(), advice_for(&error)),
    }
}

/// Whether the store can be written: a transaction that changes nothing is begun and ended.
fn writes(repo: &Repository) -> Finding {
    match repo.write(|_| Ok(())) {
        Ok(()) => Finding::ok("writing", "nobody keeps the store from being written"),
        Err(error @ Error::Locked { .. }) => {
            Finding::warn("writing", error.to_string(), advice_for(&error))
        }
        Err(error) => Finding::fail("writing", error.to_string(), advice_for(&error)),
    }
}

fn advice_for(error: &Error) -> String {
    match error {
        Error::Locked { .. } => "see who holds it; wait longer with --busy-timeout SECONDS",
        Error::ReadOnly { .. } => "check the permissions of the file and its folder",
        Error::NewerStore { .. } => "use the newer tintype that wrote it",
        Error::NotAStore { .. } => "name your store with --store PATH",
        Error::NoSpace { .. } => "make room",
        Error::Corrupt(_) => "see all damage with: tintype verify --read-data",
        _ => "look at the store with: tintype verify",
    }
    .to_owned()
}
