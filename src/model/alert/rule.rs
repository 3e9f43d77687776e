//! Rules: what is measured, from when on that is wrong, and for how long.
//!
//! As JSON, with what may be left out:
//!
//! ```
//! use tintype::model::alert::Rule;
//! let rule: Rule = serde_json::from_str(r#"{
//!     "name": "slow_captures", "type": "performance_degradation", "severity": "warning",
//!     "metric": "capture_p95_seconds", "is": "above", "threshold": 5,
//!     "over_s": 900, "for_s": 300, "keep_firing_for_s": 0, "samples_min": 5, "by": "site"
//! }"#)?;
//! rule.check()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AlertType, Condition, Severity, Timing};
use crate::error::{Error, Result};
use crate::model::flag::Group;
use crate::model::metric::{Counters, Family};

/// The longest that a rule looks back.
pub const OVER_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest that a rule waits.
const HOLD_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// The most characters of a rule's name.
const NAME_CHARS_MAX: usize = 100;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// Captures.
    Captures,
    /// Captures of which nothing came: status `failed`, or they could not be stored.
    FailedCaptures,
    /// Their share of all captures, from 0 to 1.
    ErrorRate,
    /// How long half of the captures took at most, in seconds.
    CaptureP50Seconds,
    /// How long 95 of a hundred took at most.
    CaptureP95Seconds,
    /// How long 99 of a hundred took at most.
    CaptureP99Seconds,
    /// Incidents.
    Incidents,
    /// Bytes that are free on the disk of the store.
    FreeBytes,
    /// The share of that disk that is free, from 0 to 1.
    FreeShare,
    /// Bytes of the store's write-ahead log.
    WalBytes,
    /// For each flag, by how much captures fail more often where it is on: a difference of shares,
    /// from -1 to 1.
    FlagGap,
}

/// What a measure is compared with its threshold as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Wrong above the threshold.
    #[serde(alias = ">")]
    Above,
    /// Wrong at the threshold and above.
    #[serde(alias = ">=")]
    AtLeast,
    /// Wrong below the threshold.
    #[serde(alias = "<")]
    Below,
    /// Wrong at the threshold and below.
    #[serde(alias = "<=")]
    AtMost,
}

impl Comparison {
    /// Whether a value is wrong.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Above => value > threshold,
            Comparison::AtLeast => value >= threshold,
            Comparison::Below => value < threshold,
            Comparison::AtMost => value <= threshold,
        }
    }

    /// The sign for it.
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
        }
    }
}

/// What is looked at by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole store.
    #[default]
    Store,
    /// Each site.
    Site,
}

/// A rule: it raises an alert for whatever it finds wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, which its alerts have too.
    pub name: String,
    /// What kind of trouble its alerts tell of.
    #[serde(rename = "type")]
    pub kind: AlertType,
    /// How bad that is.
    pub severity: Severity,
    /// What is measured.
    pub metric: Measure,
    /// How it is compared.
    pub is: Comparison,
    /// With what.
    pub threshold: f64,
    /// How far back captures are counted; a quarter of an hour unless told, and in whole minutes, the
    /// first and the last counted in.
    #[serde(rename = "over_s", with = "seconds", default = "quarter")]
    pub over: Duration,
    /// How long it must be wrong before the alert fires.
    #[serde(rename = "for_s", with = "seconds", default)]
    pub hold: Duration,
    /// How long the alert goes on firing after.
    #[serde(rename = "keep_firing_for_s", with = "seconds", default)]
    pub keep_firing: Duration,
    /// How many captures there must be to tell anything by; in each group for [`Measure::FlagGap`].
    #[serde(default)]
    pub samples_min: u64,
    /// What is looked at by itself.
    #[serde(default)]
    pub by: Scope,
}

fn quarter() -> Duration {
    Duration::from_secs(900)
}

mod seconds {
    use super::*;

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(duration.as_secs())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

impl Rule {
    /// Fails with `Invalid` where it can't be evaluated, and says why.
    pub fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Error::invalid("rule", &self.name, why));
        let chars = self.name.chars();
        if self.name.is_empty() || chars.clone().count() > NAME_CHARS_MAX {
            return refuse(format!("a name has 1 to {NAME_CHARS_MAX} characters"));
        }
        if !chars.clone().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return refuse("a name has letters, digits, _ and - only".into());
        }
        if self.name == super::BY_HAND {
            return refuse("alerts that are raised by hand have this name".into());
        }
        if !self.threshold.is_finite() {
            return refuse("the threshold is no number".into());
        }
        if self.over < Duration::from_secs(60) || self.over > OVER_MAX {
            return refuse(format!("over_s is from 60 to {}", OVER_MAX.as_secs()));
        }
        for (name, value) in [("for_s", self.hold), ("keep_firing_for_s", self.keep_firing)] {
            if value > HOLD_MAX {
                return refuse(format!("{name} is at most {}", HOLD_MAX.as_secs()));
            }
        }
        if self.by == Scope::Site && !self.metric.is_of_captures() {
            return refuse("what it measures can't be told for each site".into());
        }
        Ok(())
    }

    /// How long it waits.
    pub fn timing(&self) -> Timing {
        Timing { hold: self.hold, keep_firing: self.keep_firing }
    }

    /// Looks at what was read: a line for the store, or for each site or flag.
    pub fn look(&self, readings: &Readings) -> Vec<Looked> {
        let mut found = Vec::new();
        let mut say = |label: Option<(&'static str, &str)>, value: Option<f64>| {
            let condition = match value {
                None => Condition::Unknown,
                Some(value) if self.is.holds(value, self.threshold) => Condition::True,
                Some(_) => Condition::False,
            };
            let mut labels = BTreeMap::from([("alertname".to_owned(), self.name.clone())]);
            labels.extend(label.map(|(name, of)| (name.to_owned(), of.to_owned())));
            found.push(Looked { labels, condition, value });
        };
        match (self.metric, self.by) {
            (Measure::FreeBytes, _) => {
                say(None, readings.free_bytes.map(|free| free as f64));
            }
            (Measure::FreeShare, _) => {
                let share = readings.free_bytes.zip(readings.disk_bytes);
                let share = share.filter(|(_, all)| *all > 0);
                say(None, share.map(|(free, all)| free as f64 / all as f64));
            }
            (Measure::WalBytes, _) => say(None, readings.wal_bytes.map(|bytes| bytes as f64)),
            (Measure::FlagGap, _) => {
                for (flag, (on, off)) in &readings.flags {
                    say(Some(("flag", flag)), flag_gap(*on, *off, self.samples_min));
                }
            }
            (_, Scope::Store) => say(None, self.of_captures(&readings.whole)),
            (_, Scope::Site) => {
                for (site, tally) in &readings.sites {
                    say(Some(("site", site)), self.of_captures(tally));
                }
            }
        }
        found
    }

    fn of_captures(&self, tally: &Tally) -> Option<f64> {
        if tally.tried() < self.samples_min {
            return None;
        }
        let seconds = |micros: Option<u64>| micros.map(|micros| micros as f64 / 1e6);
        match self.metric {
            Measure::Captures => Some(tally.tried() as f64),
            Measure::FailedCaptures => Some(tally.failed as f64),
            Measure::ErrorRate => {
                let tried = tally.tried();
                (tried > 0).then(|| tally.failed as f64 / tried as f64)
            }
            Measure::CaptureP50Seconds => seconds(tally.p50_us),
            Measure::CaptureP95Seconds => seconds(tally.p95_us),
            Measure::CaptureP99Seconds => seconds(tally.p99_us),
            Measure::Incidents => Some(tally.incidents as f64),
            Measure::FreeBytes | Measure::FreeShare | Measure::WalBytes | Measure::FlagGap => None,
        }
    }
}

impl Measure {
    /// Whether it is told from what was counted while pages were captured.
    fn is_of_captures(self) -> bool {
        !matches!(
            self,
            Measure::FreeBytes | Measure::FreeShare | Measure::WalBytes | Measure::FlagGap
        )
    }
}

/// What a rule saw of one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// The rule and the thing.
    pub labels: BTreeMap<String, String>,
    /// Whether it is wrong.
    pub condition: Condition,
    /// The measure's value, where there is one.
    pub value: Option<f64>,
}

/// What rules look at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings {
    /// Captures of all sites together.
    pub whole: Tally,
    /// Captures of each site.
    pub sites: BTreeMap<String, Tally>,
    /// For each flag, the captures where it was on and where it was off.
    pub flags: BTreeMap<String, (Group, Group)>,
    /// Bytes that are free on the disk of the store; nothing where that can't be told.
    pub free_bytes: Option<u64>,
    /// Bytes of that disk.
    pub disk_bytes: Option<u64>,
    /// Bytes of the write-ahead log.
    pub wal_bytes: Option<u64>,
}

/// How captures went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many were stored.
    pub stored: u64,
    /// How many could not be.
    pub errors: u64,
    /// How many came to nothing: those that could not be stored, and those of status `failed`.
    pub failed: u64,
    /// Incidents.
    pub incidents: u64,
    /// How long half of them took at most, in microseconds.
    pub p50_us: Option<u64>,
    /// How long 95 of a hundred took at most.
    pub p95_us: Option<u64>,
    /// How long 99 of a hundred took at most.
    pub p99_us: Option<u64>,
}

impl Tally {
    /// What was counted, without how long it took.
    pub fn of(counters: &Counters) -> Self {
        let errors = counters.sum(Family::Errors, &[]);
        Tally {
            stored: counters.sum(Family::Captures, &[]),
            errors,
            failed: errors.saturating_add(counters.sum(Family::Captures, &["failed"])),
            incidents: counters.sum(Family::Incidents, &[]),
            ..Tally::default()
        }
    }

    /// How many captures were tried.
    pub fn tried(&self) -> u64 {
        self.stored.saturating_add(self.errors)
    }
}

/// By how much captures fail more often where a flag is on: the share of failures there less the share
/// where it is off. Nothing where either group has fewer captures than `samples_min`, or none.
pub fn flag_gap(on: Group, off: Group, samples_min: u64) -> Option<f64> {
    let share = |group: Group| group.failure_rate().filter(|_| group.total >= samples_min);
    Some(share(on)? - share(off)?)
}
