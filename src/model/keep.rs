//! What is kept and what is forgotten: a decision, made from times and tags alone.
//!
//! The rules are those of restic and borg. Each rule keeps what it keeps; what no rule keeps is
//! forgotten. "The last `n` days" are the last `n` days that have a snapshot, so that a scraper that
//! stood still for a month loses nothing by it.
//!
//! **Invariant:** the newest snapshot of a place is kept, whatever the rules say: no rule can empty
//! a place.
//!
//! **Invariant:** a snapshot with the tag `pinned` is kept.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::id::Tag;
use crate::model::time::{Period, Time};

/// What is kept of the snapshots of a place. The empty one keeps all.
///
/// ```
/// use tintype::Keep;
/// let keep = Keep::last(30).daily(7).monthly(12).tag("good".parse()?);
/// assert_eq!(keep.to_string(), "last 30, daily 7, monthly 12, tag good");
/// # Ok::<(), tintype::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The newest so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    /// The newest of each of the last so many hours that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly: Option<u32>,
    /// The newest of each of the last so many days that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
    /// The newest of each of the last so many weeks that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<u32>,
    /// The newest of each of the last so many months that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u32>,
    /// The newest of each of the last so many years that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yearly: Option<u32>,
    /// Those taken within so many seconds before the newest of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_s: Option<u64>,
    /// Those with one of these tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
}

impl Keep {
    /// Keeps all.
    pub fn all() -> Self {
        Keep::default()
    }

    /// Keeps the newest `count`.
    pub fn last(count: u32) -> Self {
        Keep { last: Some(count), ..Keep::default() }
    }

    /// Keeps the newest of each of the last `count` hours that have one, too.
    pub fn hourly(self, count: u32) -> Self {
        Keep { hourly: Some(count), ..self }
    }

    /// Keeps the newest of each of the last `count` days that have one, too.
    pub fn daily(self, count: u32) -> Self {
        Keep { daily: Some(count), ..self }
    }

    /// Keeps the newest of each of the last `count` weeks that have one, too.
    pub fn weekly(self, count: u32) -> Self {
        Keep { weekly: Some(count), ..self }
    }

    /// Keeps the newest of each of the last `count` months that have one, too.
    pub fn monthly(self, count: u32) -> Self {
        Keep { monthly: Some(count), ..self }
    }

    /// Keeps the newest of each of the last `count` years that have one, too.
    pub fn yearly(self, count: u32) -> Self {
        Keep { yearly: Some(count), ..self }
    }

    /// Keeps those taken within this time before the newest of the place, too.
    pub fn within(self, time: Duration) -> Self {
        Keep { within_s: Some(time.as_secs()), ..self }
    }

    /// Keeps those with this tag, too.
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tags.insert(tag);
        self
    }

    /// Whether it keeps all: no rule is set.
    pub fn keeps_all(&self) -> bool {
        *self == Keep::default()
    }

    /// Refuses rules that keep nothing.
    pub fn check(&self) -> Result<()> {
        let [last, hourly, daily, weekly, monthly, yearly] =
            [self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly];
        for (rule, count) in [
            ("last", last),
            ("hourly", hourly),
            ("daily", daily),
            ("weekly", weekly),
            ("monthly", monthly),
            ("yearly", yearly),
        ] {
            if count == Some(0) {
                let why = "0 would keep nothing; leave the rule out, or keep 1";
                return Err(Error::invalid("rule of retention", rule, why));
            }
        }
        if self.within_s == Some(0) {
            let why = "less than a second would keep nothing";
            return Err(Error::invalid("rule of retention", "within", why));
        }
        Ok(())
    }

    /// Whether the newest so many are kept and nothing else is said.
    pub(crate) fn only_last(&self) -> Option<u32> {
        self.last.filter(|count| *self == Keep::last(*count))
    }

    /// Decides on the snapshots of one place, given the newest first: for each why it is kept; the
    /// empty list where it is to be forgotten.
    pub fn decide<'c>(
        &self,
        newest_first: impl IntoIterator<Item = (Time, &'c [Tag])>,
    ) -> Vec<Vec<Reason>> {
        let mut periods = [
            (Period::Hour, self.hourly),
            (Period::Day, self.daily),
            (Period::Week, self.weekly),
            (Period::Month, self.monthly),
            (Period::Year, self.yearly),
        ]
        .map(|(period, count)| (period, count.unwrap_or(0), String::new()));
        let mut newest = None;
        let decide = |(at, (time, tags)): (usize, (Time, &[Tag]))| {
            let newest = *newest.get_or_insert(time);
            let mut reasons = Vec::new();
            if self.keeps_all() {
                reasons.push(Reason::All);
            }
            if self.last.is_some_and(|count| at < count as usize) {
                reasons.push(Reason::Last(at as u32 + 1));
            }
            for (period, left, latest) in &mut periods {
                if *left == 0 {
                    continue;
                }
                let name = time.within(*period);
                if name != *latest {
                    *left -= 1;
                    reasons.push(Reason::Period(*period, name.clone()));
                    *latest = name;
                }
            }
            if self.within_s.is_some_and(|within| newest.since(time).as_secs_f64() <= within as f64)
            {
                reasons.push(Reason::Within);
            }
            reasons.extend(
                tags.iter().filter(|tag| self.tags.contains(tag)).cloned().map(Reason::Tag),
            );
            if tags.iter().any(Tag::is_pinned) {
                reasons.push(Reason::Pinned);
            }
            if at == 0 && reasons.is_empty() {
                reasons.push(Reason::Newest);
            }
            reasons
        };
        newest_first.into_iter().enumerate().map(decide).collect()
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("last", self.last),
            ("hourly", self.hourly),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ];
        let mut parts: Vec<String> = counts
            .iter()
            .filter_map(|(rule, count)| Some(format!("{rule} {}", (*count)?)))
            .collect();
        parts.extend(self.within_s.map(|seconds| format!("within {}", duration(seconds))));
        parts.extend(self.tags.iter().map(|tag| format!("tag {tag}")));
        f.pad(&if parts.is_empty() { "all".to_owned() } else { parts.join(", ") })
    }
}

fn duration(seconds: u64) -> String {
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

/// Why a snapshot is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "rule", content = "what")]
pub enum Reason {
    /// No rule is set.
    All,
    /// It is among the newest; its place among them, from 1 on.
    Last(u32),
    /// It is the newest of a period, which is named.
    Period(Period, String),
    /// It is not much older than the newest.
    Within,
    /// It carries this tag.
    Tag(Tag),
    /// It is pinned.
    Pinned,
    /// No rule keeps it, but it is the newest of its place.
    Newest,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::All => f.write_str("all are kept"),
            Reason::Last(at) => write!(f, "last {at}"),
            Reason::Period(Period::Hour, name) => write!(f, "hourly {name}"),
            Reason::Period(Period::Day, name) => write!(f, "daily {name}"),
            Reason::Period(Period::Week, name) => write!(f, "weekly {name}"),
            Reason::Period(Period::Month, name) => write!(f, "monthly {name}"),
            Reason::Period(Period::Year, name) => write!(f, "yearly {name}"),
            Reason::Within => f.write_str("within"),
            Reason::Tag(tag) => write!(f, "tag {tag}"),
            Reason::Pinned => f.write_str("pinned"),
            Reason::Newest => f.write_str("newest of its place"),
        }
    }
}
