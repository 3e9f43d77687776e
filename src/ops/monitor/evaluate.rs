//! Rules, looked at once.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::{disk, summary};
use crate::error::{Error, Result};
use crate::model::alert::{
    Alert, AlertType, Comparison, Condition, Looked, Measure, Readings, Rule, Scope, Severity,
    Tally,
};
use crate::model::flag::Group;
use crate::model::metric::Family;
use crate::model::time::Time;
use crate::records::alerts;
use crate::records::alerts::Change;
use crate::records::metrics::Rollup;
use crate::store::Repository;

/// What people are told: that an alert fires, or that it is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// What happened to it.
    pub change: Change,
    /// The alert.
    pub alert: Alert,
}

const MINUTE: Duration = Duration::from_secs(60);
const GIB: f64 = (1_u64 << 30) as f64;

/// The rules that ship.
///
/// | rule | type, severity | fires where |
/// |---|---|---|
/// | `capture_failures` | `capture_failure`, error | three captures of a site came to nothing within 5 minutes |
/// | `slow_captures` | `performance_degradation`, warning | of a site's captures of 15 minutes, five or more, the slowest twentieth took over 5 s, for 5 minutes |
/// | `error_rate` | `error_rate_high`, warning | over 5 % of the captures of 15 minutes, twenty or more, came to nothing |
/// | `error_rate_critical` | `error_rate_high`, critical | over 25 % did |
/// | `low_disk_space` | `storage_space_low`, warning | under 10 % of the disk is free |
/// | `low_disk_bytes` | `storage_space_low`, warning | under 1 GiB is free |
/// | `no_disk_space` | `storage_space_low`, critical | under 2 % is free |
/// | `wal_growth` | `system_health`, warning | the write-ahead log is over 64 MiB, for 5 minutes: somebody reads without end |
/// | `flag_anomaly` | `feature_flag_anomaly`, error | where a flag is on, captures of an hour fail more often by 5 points or more, with fifty on each side |
pub fn shipped_rules() -> Vec<Rule> {
    let rule = |name: &str, kind, severity, metric, is, threshold| Rule {
        name: name.to_owned(),
        kind,
        severity,
        metric,
        is,
        threshold,
        over: 15 * MINUTE,
        hold: Duration::ZERO,
        keep_firing: Duration::ZERO,
        samples_min: 0,
        by: Scope::Store,
    };
    use AlertType as Type;
    use Comparison::{Above, AtLeast, Below};
    vec![
        Rule {
            over: 5 * MINUTE,
            samples_min: 1,
            by: Scope::Site,
            ..rule(
                "capture_failures",
                Type::CaptureFailure,
                Severity::Error,
                Measure::FailedCaptures,
                AtLeast,
                3.0,
            )
        },
        Rule {
            hold: 5 * MINUTE,
            samples_min: 5,
            by: Scope::Site,
            ..rule(
                "slow_captures",
                Type::PerformanceDegradation,
                Severity::Warning,
                Measure::CaptureP95Seconds,
                Above,
                5.0,
            )
        },
        Rule {
            keep_firing: 5 * MINUTE,
            samples_min: 20,
            ..rule(
                "error_rate",
                Type::ErrorRateHigh,
                Severity::Warning,
                Measure::ErrorRate,
                Above,
                0.05,
            )
        },
        Rule {
            keep_firing: 5 * MINUTE,
            samples_min: 20,
            ..rule(
                "error_rate_critical",
                Type::ErrorRateHigh,
                Severity::Critical,
                Measure::ErrorRate,
                Above,
                0.25,
            )
        },
        rule(
            "low_disk_space",
            Type::StorageSpaceLow,
            Severity::Warning,
            Measure::FreeShare,
            Below,
            0.10,
        ),
        rule(
            "low_disk_bytes",
            Type::StorageSpaceLow,
            Severity::Warning,
            Measure::FreeBytes,
            Below,
            GIB,
        ),
        rule(
            "no_disk_space",
            Type::StorageSpaceLow,
            Severity::Critical,
            Measure::FreeShare,
            Below,
            0.02,
        ),
        Rule {
            hold: 5 * MINUTE,
            ..rule(
                "wal_growth",
                Type::SystemHealth,
                Severity::Warning,
                Measure::WalBytes,
                Above,
                GIB / 16.0,
            )
        },
        Rule {
            over: 60 * MINUTE,
            samples_min: 50,
            ..rule(
                "flag_anomaly",
                Type::FeatureFlagAnomaly,
                Severity::Error,
                Measure::FlagGap,
                AtLeast,
                0.05,
            )
        },
    ]
}

/// Looks at rules, lets their alerts live on, and tells which began to fire and which are over. Where
/// several processes evaluate the same rules, one of them is told.
///
/// Where nothing is wrong and nothing was, nothing is written.
///
/// Fails with `Invalid` where a rule is not one, or two have one name; then nothing was looked at.
pub fn evaluate(repo: &Repository, rules: &[Rule]) -> Result<Vec<Notice>> {
    check(rules)?;
    let now = repo.now();
    let mut readings: BTreeMap<Duration, Readings> = BTreeMap::new();
    let mut looks: Vec<(&Rule, Looked)> = Vec::new();
    for rule in rules {
        let readings = match readings.entry(rule.over) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(read(repo, rule.over, now)?),
        };
        looks.extend(rule.look(readings).into_iter().map(|looked| (rule, looked)));
    }
    // What is open and was not looked at: nothing is known of it.
    let open = repo.read(alerts::open)?;
    for alert in &open {
        let Some(rule) = rules.iter().find(|rule| rule.name == alert.name) else { continue };
        if !looks.iter().any(|(_, looked)| looked.labels == alert.labels) {
            let condition = Condition::Unknown;
            looks.push((rule, Looked { labels: alert.labels.clone(), condition, value: None }));
        }
    }
    let is_open = |looked: &Looked| open.iter().any(|alert| alert.labels == looked.labels);
    looks.retain(|(_, looked)| looked.condition == Condition::True || is_open(looked));
    if looks.is_empty() {
        return Ok(Vec::new());
    }
    repo.write(|tx| {
        let mut notices = Vec::new();
        for (rule, looked) in &looks {
            let message = message(rule, looked);
            match tx.records(|records| alerts::advance(records, rule, looked, &message)) {
                Ok(told) => {
                    notices.extend(told.map(|(change, alert)| Notice { change, alert }));
                }
                // The other rules are none the worse for it.
                Err(error @ (Error::Corrupt(_) | Error::Invalid { .. })) => {
                    log::warn!("rule {}: {error}", rule.name);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(notices)
    })
}

/// Fails where a rule is not one, or two have one name.
pub(super) fn check(rules: &[Rule]) -> Result<()> {
    let mut names = BTreeSet::new();
    for rule in rules {
        rule.check()?;
        if !names.insert(&rule.name) {
            return Err(Error::invalid("rule", &rule.name, "there are two of this name"));
        }
    }
    Ok(())
}

/// Reads what rules look at that look so far back.
fn read(repo: &Repository, over: Duration, now: Time) -> Result<Readings> {
    let back = i64::try_from(over.as_micros()).unwrap_or(i64::MAX);
    let since = Time::from_micros(now.micros().saturating_sub(back)).unwrap_or(Time::MIN);
    let (rollups, _) = summary::counted(repo, Some(since), None)?;
    let mut whole = Rollup::default();
    let mut readings = Readings::default();
    for (site, rollup) in &rollups {
        whole.counters.merge(&rollup.counters);
        whole.took.merge(&rollup.took);
        readings.sites.insert(site.clone(), tally(rollup));
    }
    readings.whole = tally(&whole);
    for flag in whole.counters.by_first(Family::Cohorts).into_keys() {
        let cohort = |group: &str| Group {
            total: whole.counters.sum(Family::Cohorts, &[&flag, group]),
            failed: whole.counters.sum(Family::Cohorts, &[&flag, group, "failed"]),
        };
        let both = (cohort("on"), cohort("off"));
        readings.flags.insert(flag, both);
    }
    let space = disk::space(repo);
    readings.free_bytes = space.map(|(free, _)| free);
    readings.disk_bytes = space.map(|(_, all)| all);
    readings.wal_bytes = disk::wal_bytes(repo);
    Ok(readings)
}

fn tally(rollup: &Rollup) -> Tally {
    let took = &rollup.took;
    Tally {
        p50_us: took.at_share(0.50),
        p95_us: took.at_share(0.95),
        p99_us: took.at_share(0.99),
        ..Tally::of(&rollup.counters)
    }
}

/// What is wrong, in a line.
fn message(rule: &Rule, looked: &Looked) -> String {
    let of = looked.labels.iter().find(|(name, _)| *name != "alertname");
    let of = of.map_or(String::new(), |(_, of)| format!("{of}: "));
    let metric = json!(rule.metric);
    let metric = metric.as_str().unwrap_or_default();
    let value = looked.value.unwrap_or_default();
    format!("{of}{metric} is {value}, and {} {} is wrong", rule.is.sign(), rule.threshold)
}
