//! What was counted in a window, added up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::stored::{Sizes, Times, Window};
use crate::codec::histogram::Histogram;
use crate::error::{Error, Result};
use crate::model::metric::{Counters, Family};
use crate::model::time::Time;
use crate::records::metrics::{self, Rollup};
use crate::store::Repository;

/// What was counted while pages were captured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The first moment that was asked for.
    pub since: Option<Time>,
    /// The moment after the last that was asked for.
    pub until: Option<Time>,
    /// Captures that were stored.
    pub captures: u64,
    /// How many of each status.
    pub statuses: BTreeMap<String, u64>,
    /// Captures that could not be stored, by kind of error.
    pub errors: BTreeMap<String, u64>,
    /// The share of all captures, errors too, that are complete or partial, from 0 to 1; nothing where
    /// there is none.
    pub success_rate: Option<f64>,
    /// How long captures took, from the first look at the page until they were durable.
    pub took: Option<Times>,
    /// Artifacts, by status.
    pub artifacts: BTreeMap<String, u64>,
    /// Contents, by what they became: `new`, `delta`, `equal`.
    pub contents: BTreeMap<String, u64>,
    /// What it took, and what it did not take. Of a content that was there already nothing is stored.
    pub sizes: Sizes,
    /// Incidents, by what became of them.
    pub incidents: BTreeMap<String, u64>,
    /// Each site.
    pub sites: BTreeMap<String, SiteSummary>,
    /// Rows that are damaged and were left out; `verify` tells which.
    pub damaged: u64,
}

/// What was counted at a site.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SiteSummary {
    /// Captures that were stored.
    pub captures: u64,
    /// Captures that came to nothing: of status `failed`, or not stored.
    pub failed: u64,
    /// How long captures took until they were durable.
    pub took: Option<Times>,
}

/// Adds up what was counted in a window, by all processes; what this one has not written yet is written
/// first.
///
/// A minute counts where any of it lies in the window; of older minutes only their hours are kept, and
/// of older hours one row, which counts where the window has no beginning.
///
/// Fails with `Invalid` where the window ends before it begins, or asks for less than whole sites, which
/// is what is counted by.
pub fn summary(repo: &Repository, window: &Window) -> Result<Summary> {
    window.check()?;
    let [site, rest @ ..] = window.contexts.parts();
    if rest.iter().any(Option::is_some) {
        let why = "what was counted is known for whole sites only";
        return Err(Error::invalid("contexts", &window.contexts, why));
    }
    let (mut rollups, damaged) = counted(repo, window.since, window.until)?;
    if let Some(site) = site {
        rollups.retain(|of, _| of == site);
    }
    let mut whole = Rollup::default();
    let mut sites = BTreeMap::new();
    for (site, rollup) in rollups {
        whole.took.merge(&rollup.took);
        whole.counters.merge(&rollup.counters);
        sites.insert(site, SiteSummary::of(&rollup));
    }
    let counters = &whole.counters;
    let captures = counters.sum(Family::Captures, &[]);
    let tried = captures.saturating_add(counters.sum(Family::Errors, &[]));
    let had = ["complete", "partial"].map(|status| counters.sum(Family::Captures, &[status]));
    let had = had.into_iter().fold(0, u64::saturating_add);
    Ok(Summary {
        since: window.since,
        until: window.until,
        captures,
        statuses: counters.by_first(Family::Captures),
        errors: counters.by_first(Family::Errors),
        success_rate: (tried > 0).then(|| had as f64 / tried as f64),
        took: times(&whole.took),
        artifacts: counters.by_first(Family::Artifacts),
        contents: counters.by_first(Family::Contents),
        sizes: sizes(counters),
        incidents: outcomes(counters),
        sites,
        damaged,
    })
}

/// What was counted, by site, with what this process has not written yet; and how many rows are damaged.
pub(super) fn counted(
    repo: &Repository,
    since: Option<Time>,
    until: Option<Time>,
) -> Result<(BTreeMap<String, Rollup>, u64)> {
    repo.settle()?;
    repo.read(|view| metrics::rollups(view, since, until))
}

impl SiteSummary {
    fn of(rollup: &Rollup) -> Self {
        let captures = rollup.counters.sum(Family::Captures, &[]);
        let failed = rollup.counters.sum(Family::Captures, &["failed"]);
        let errors = rollup.counters.sum(Family::Errors, &[]);
        SiteSummary { captures, failed: failed.saturating_add(errors), took: times(&rollup.took) }
    }
}

fn times(took: &Histogram) -> Option<Times> {
    let at = |share| took.at_share(share).map(|micros| micros as f64 / 1000.0);
    Some(Times {
        mean_ms: took.sum_us() as f64 / took.count().max(1) as f64 / 1000.0,
        p50_ms: at(0.50)?,
        p95_ms: at(0.95)?,
        p99_ms: at(0.99)?,
        max_ms: at(1.0)?,
    })
}

fn sizes(counters: &Counters) -> Sizes {
    let saved = |by: &str| counters.sum(Family::SavedBytes, &[by]);
    Sizes {
        bytes: counters.sum(Family::GivenBytes, &[]),
        stored: counters.sum(Family::StoredBytes, &[]),
        saved_by_deduplication: saved("deduplication"),
        saved_by_deltas: saved("deltas"),
        saved_by_compression: saved("compression"),
    }
}

/// Incidents of all kinds by what became of them.
fn outcomes(counters: &Counters) -> BTreeMap<String, u64> {
    let mut outcomes = BTreeMap::new();
    for (counter, count) in counters.iter() {
        if let (Family::Incidents, [_, outcome]) = (counter.family(), counter.words()) {
            let known: &mut u64 = outcomes.entry(outcome.clone()).or_default();
            *known = known.saturating_add(count);
        }
    }
    outcomes
}
