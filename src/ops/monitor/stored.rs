//! How captures went that are stored, computed from the snapshots themselves: how many, how whole, how
//! long collecting them took, and what keeping them costs.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::artifact::ArtifactStatus;
use crate::model::config::FACTS;
use crate::model::context::Pattern;
use crate::model::id::BlobHash;
use crate::model::query::Query;
use crate::model::snapshot::{Snapshot, Status};
use crate::model::time::Time;
use crate::store::Repository;

/// The field of user info that tells how long collecting a capture took, in milliseconds.
pub const CAPTURE_MS: &str = "capture_ms";
/// How many snapshots are read at a time.
const BATCH: usize = 500;

/// What is looked at: captures of these contexts, taken from `since` on and before `until`.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// The contexts; all unless told.
    pub contexts: Pattern,
    /// The first moment.
    pub since: Option<Time>,
    /// The moment after the last.
    pub until: Option<Time>,
}

impl Window {
    /// Fails with `Invalid` where it ends before it begins.
    pub fn check(&self) -> Result<()> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if until < since => {
                let value = format!("{since} to {until}");
                Err(Error::invalid("window", value, "it ends before it begins"))
            }
            _ => Ok(()),
        }
    }
}

/// How the captures of a window went. A capture is a snapshot with `facts.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// How many captures there are.
    pub captures: u64,
    /// How many of each status.
    pub statuses: BTreeMap<&'static str, u64>,
    /// The share of captures that are complete or partial, from 0 to 1; nothing where there is none.
    pub success_rate: Option<f64>,
    /// How long collecting took, where it was measured.
    pub collecting: Option<Times>,
    /// How many artifacts are stored, and how many are not, of each status.
    pub artifacts: BTreeMap<&'static str, u64>,
    /// The artifacts that failed most, by name.
    pub failures: BTreeMap<String, u64>,
    /// What it all takes.
    pub sizes: Sizes,
}

/// Durations in milliseconds. Computed from snapshots, percentiles are interpolated between the two
/// nearest ranks (Hyndman and Fan 1996, type 7); counted, they are those of a histogram, which are
/// right to within a thousandth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Times {
    /// The mean.
    pub mean_ms: f64,
    /// Half took no longer.
    pub p50_ms: f64,
    /// Of a hundred, 95 took no longer.
    pub p95_ms: f64,
    /// Of a hundred, 99 took no longer.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Bytes of content, and how they come to be fewer in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Sizes {
    /// The bytes of all artifacts, as given.
    pub bytes: u64,
    /// The bytes that their content takes in the file.
    pub stored: u64,
    /// What keeping equal content once saves.
    pub saved_by_deduplication: u64,
    /// What keeping content as deltas saves, compression of the deltas included.
    pub saved_by_deltas: u64,
    /// What compressing the rest saves.
    pub saved_by_compression: u64,
}

/// Computes the metrics of a window.
///
/// Fails with `Invalid` where the window ends before it begins.
pub fn metrics(repo: &Repository, window: &Window) -> Result<Metrics> {
    window.check()?;
    let mut book = Book::default();
    let mut after = None;
    loop {
        let mut query = Query::context(window.contexts.clone()).limit(BATCH);
        if let Some(since) = window.since {
            query = query.since(since);
        }
        if let Some(until) = window.until {
            query = query.until(until);
        }
        if let Some(after) = after {
            query = query.after(after);
        }
        let found = repo.find(&query)?;
        for snapshot in found.iter().filter(|snapshot| snapshot.artifact(FACTS).is_some()) {
            book.enter(snapshot);
        }
        match found.last() {
            Some(last) if found.len() == BATCH => after = Some(last.version.clone()),
            _ => return Ok(book.close()),
        }
    }
}

/// What was seen so far.
#[derive(Default)]
struct Book {
    captures: u64,
    statuses: BTreeMap<&'static str, u64>,
    artifacts: BTreeMap<&'static str, u64>,
    failures: BTreeMap<String, u64>,
    took: Vec<f64>,
    bytes: u64,
    /// Each content once: its bytes, the bytes it takes, and whether it is a delta.
    contents: HashMap<BlobHash, (u64, u64, bool)>,
}

impl Book {
    fn enter(&mut self, snapshot: &Snapshot) {
        self.captures += 1;
        *self.statuses.entry(snapshot.status.as_str()).or_default() += 1;
        self.took.extend(snapshot.user_info.get(CAPTURE_MS).and_then(|took| took.as_f64()));
        for artifact in &snapshot.artifacts {
            *self.artifacts.entry(artifact.status.as_str()).or_default() += 1;
            if artifact.status == ArtifactStatus::Failed {
                *self.failures.entry(artifact.name.to_string()).or_default() += 1;
            }
            self.bytes += artifact.bytes;
            if let Some(hash) = artifact.hash {
                let kept = (artifact.bytes, artifact.stored, artifact.base.is_some());
                self.contents.insert(hash, kept);
            }
        }
    }

    fn close(mut self) -> Metrics {
        let mut sizes = Sizes { bytes: self.bytes, ..Sizes::default() };
        let mut once = 0;
        for (bytes, stored, is_delta) in self.contents.into_values() {
            once += bytes;
            sizes.stored += stored;
            let saved = bytes.saturating_sub(stored);
            match is_delta {
                true => sizes.saved_by_deltas += saved,
                false => sizes.saved_by_compression += saved,
            }
        }
        sizes.saved_by_deduplication = self.bytes.saturating_sub(once);
        let had = [Status::Complete, Status::Partial].map(Status::as_str);
        let had: u64 = had.iter().filter_map(|status| self.statuses.get(status)).sum();
        Metrics {
            captures: self.captures,
            success_rate: (self.captures > 0).then(|| had as f64 / self.captures as f64),
            statuses: self.statuses,
            collecting: Times::of(&mut self.took),
            artifacts: self.artifacts,
            failures: self.failures,
            sizes,
        }
    }
}

impl Times {
    fn of(took: &mut [f64]) -> Option<Self> {
        took.sort_by(f64::total_cmp);
        let max_ms = *took.last()?;
        let at = |share: f64| {
            let rank = share * (took.len() - 1) as f64;
            let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
            took[below] + (took[above] - took[below]) * rank.fract()
        };
        Some(Times {
            mean_ms: took.iter().sum::<f64>() / took.len() as f64,
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms,
        })
    }
}
