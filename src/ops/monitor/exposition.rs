//! What was counted and what the store holds, told to Prometheus.

use std::collections::BTreeMap;

use super::{disk, summary};
use crate::codec::histogram::Histogram;
use crate::error::Result;
use crate::format::prometheus::{Buckets, Kind, Label, Text};
use crate::model::metric::{Counter, Family};
use crate::records::alerts;
use crate::store::Repository;

/// The upper bounds of the buckets of durations, in seconds.
const BOUNDS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0];

/// The metrics of a store in Prometheus's text format, in base units.
///
/// Counters count since the store was made, in all processes: what was counted by this one and is not
/// written yet is written first. There are as many sites as are counted by name
/// ([`SITES_MAX`](crate::model::metric::SITES_MAX)); all others are `_other`.
pub fn exposition(repo: &Repository) -> Result<String> {
    let (sites, damaged) = summary::counted(repo, None, None)?;
    let (stats, open) = repo.read(|view| Ok((view.stats()?, alerts::open(view)?)))?;
    let mut text = Text::default();
    for family in Family::ALL {
        let mut samples: Vec<(Vec<Label<'_>>, f64)> = Vec::new();
        for (site, rollup) in &sites {
            let counters = rollup.counters.iter();
            for (counter, count) in counters.filter(|(counter, _)| counter.family() == family) {
                samples.push((labels(site, counter), count as f64));
            }
        }
        let name = format!("tintype_{}_total", family.as_str());
        text.metric(&name, family.help(), Kind::Counter, samples);
    }
    let took = sites.iter().filter(|(_, rollup)| rollup.took.count() > 0);
    text.histogram(
        "tintype_capture_duration_seconds",
        "How long captures took until they were durable.",
        took.map(|(site, rollup)| (vec![("site", site.as_str())], buckets(&rollup.took))),
    );
    let mut gauge = |name: &str, help: &str, value: Option<u64>| {
        let sample = value.map(|value| (Vec::new(), value as f64));
        text.metric(&format!("tintype_{name}"), help, Kind::Gauge, sample);
    };
    gauge("snapshots", "Snapshots that are not forgotten.", Some(stats.snapshots));
    gauge("forgotten_snapshots", "Snapshots that are forgotten.", Some(stats.forgotten));
    gauge("blobs", "Contents, each counted once.", Some(stats.blobs));
    gauge("content_bytes", "Bytes of all artifacts, as given.", Some(stats.bytes));
    gauge("content_stored_bytes", "Bytes that contents take.", Some(stats.stored));
    gauge("store_bytes", "Bytes of the file of the store.", Some(stats.file_bytes));
    gauge("wal_bytes", "Bytes of the write-ahead log.", disk::wal_bytes(repo));
    let space = disk::space(repo);
    gauge("disk_free_bytes", "Bytes that are free on the disk.", space.map(|(free, _)| free));
    gauge("disk_bytes", "Bytes of the disk of the store.", space.map(|(_, all)| all));
    gauge("damaged_metrics", "Damaged rows of metrics that are left out.", Some(damaged));
    let mut alerts: BTreeMap<[&str; 3], u64> = BTreeMap::new();
    for alert in &open {
        let labels = [alert.kind.as_str(), alert.severity.as_str(), alert.state.as_str()];
        *alerts.entry(labels).or_default() += 1;
    }
    text.metric(
        "tintype_alerts",
        "Alerts that are open.",
        Kind::Gauge,
        alerts.iter().map(|([kind, severity, state], count)| {
            (vec![("type", *kind), ("severity", *severity), ("state", *state)], *count as f64)
        }),
    );
    text.metric(
        "tintype_build_info",
        "The version that tells this.",
        Kind::Gauge,
        [(vec![("version", env!("CARGO_PKG_VERSION"))], 1.0)],
    );
    Ok(text.finish())
}

fn labels<'a>(site: &'a str, counter: &'a Counter) -> Vec<Label<'a>> {
    let names = counter.family().labels().iter().copied();
    let words = counter.words().iter().map(String::as_str);
    [("site", site)].into_iter().chain(names.zip(words)).collect()
}

fn buckets(took: &Histogram) -> Buckets {
    Buckets {
        to: BOUNDS.iter().map(|bound| (*bound, took.count_to((bound * 1e6) as u64))).collect(),
        count: took.count(),
        sum: took.sum_us() as f64 / 1e6,
    }
}
