//! What is counted while pages are captured. Plain values; where they are kept is told elsewhere.
//!
//! A counter has a [`Family`], which says what is counted, and a word for each of the family's labels,
//! which says of what sort it was: `errors` of the kind `no_space`. As text the parts stand with dots
//! between them, `errors.no_space`; a dot or a percent sign within a part is `%2E` or `%25`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The most sites that are counted by name. Each costs a row a minute, and a time series in whatever
/// collects the metrics.
pub const SITES_MAX: usize = 100;
/// The most counters that one site has. Some have words of the caller's in them.
pub const COUNTERS_MAX: usize = 128;
/// The most characters of a label.
const LABEL_CHARS_MAX: usize = 100;
/// What stands for the sites and the labels beyond the limits.
pub const OTHER: &str = "_other";

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Captures that were stored, by status: `complete`, `partial`, `minimal`, `failed`.
    Captures,
    /// Captures that could not be stored, by the [kind](Error::kind) of the error.
    Errors,
    /// Artifacts of captures, by status: `stored`, `empty`, `failed`, `skipped`, `redacted`.
    Artifacts,
    /// Contents that captures brought, by what they came to: `new`, `delta`, or `equal` where the
    /// store had them already.
    Contents,
    /// Bytes of the artifacts of captures, as they were given.
    GivenBytes,
    /// Bytes that captures added to the store.
    StoredBytes,
    /// Bytes that were not added, by why not: `deduplication`, `deltas`, `compression`.
    SavedBytes,
    /// Incidents, by kind and by what became of them.
    Incidents,
    /// Captures that a flag had a say in, by the flag, its answer (`on`, `off`), and how they went
    /// (`ok`, `failed`).
    Cohorts,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 9] = [
        Family::Captures,
        Family::Errors,
        Family::Artifacts,
        Family::Contents,
        Family::GivenBytes,
        Family::StoredBytes,
        Family::SavedBytes,
        Family::Incidents,
        Family::Cohorts,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Captures => "captures",
            Family::Errors => "errors",
            Family::Artifacts => "artifacts",
            Family::Contents => "contents",
            Family::GivenBytes => "given_bytes",
            Family::StoredBytes => "stored_bytes",
            Family::SavedBytes => "saved_bytes",
            Family::Incidents => "incidents",
            Family::Cohorts => "cohorts",
        }
    }

    /// The names of its labels; a counter of it has as many words.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Family::Captures | Family::Artifacts => &["status"],
            Family::Errors => &["kind"],
            Family::Contents => &["became"],
            Family::GivenBytes | Family::StoredBytes => &[],
            Family::SavedBytes => &["by"],
            Family::Incidents => &["kind", "outcome"],
            Family::Cohorts => &["flag", "group", "outcome"],
        }
    }

    /// What is counted, in a line.
    pub fn help(self) -> &'static str {
        match self {
            Family::Captures => "Captures that were stored, by status.",
            Family::Errors => "Captures that could not be stored, by kind of error.",
            Family::Artifacts => "Artifacts of captures, by status.",
            Family::Contents => "Contents of captures, by what they became in the store.",
            Family::GivenBytes => "Bytes of the artifacts of captures, as given.",
            Family::StoredBytes => "Bytes that captures added to the store.",
            Family::SavedBytes => "Bytes that captures did not add to the store, by why not.",
            Family::Incidents => "Incidents, by kind and by what became of them.",
            Family::Cohorts => "Captures by a flag's answer and by how they went.",
        }
    }
}

/// A counter of a family, with a word for each label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    family: Family,
    words: Vec<String>,
}

impl Counter {
    /// The counter of a family with these words.
    ///
    /// Fails with `Invalid` where there are not as many words as the family has labels, or one is
    /// empty, has control characters or is longer than a hundred characters.
    pub fn new(family: Family, words: &[&str]) -> Result<Self> {
        let labels = family.labels();
        if words.len() != labels.len() {
            let why = match labels {
                [] => "it has no labels".to_owned(),
                _ => format!("it needs a word for each of: {}", labels.join(", ")),
            };
            return Err(Error::invalid("counter", join(family, words), why));
        }
        for (label, word) in labels.iter().zip(words) {
            let is_bad = word.is_empty()
                || word.chars().any(char::is_control)
                || word.chars().nth(LABEL_CHARS_MAX).is_some();
            if is_bad {
                let why = format!(
                    "a {label} has 1 to {LABEL_CHARS_MAX} characters, and none that control"
                );
                return Err(Error::invalid("counter", join(family, words), why));
            }
        }
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Ok(Counter { family, words })
    }

    /// What is counted.
    pub fn family(&self) -> Family {
        self.family
    }

    /// A word for each label of the family.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// What is counted in its place where there are too many.
    fn other(&self) -> Self {
        Counter { family: self.family, words: vec![OTHER.to_owned(); self.words.len()] }
    }
}

fn join(family: Family, words: &[&str]) -> String {
    let escaped = words.iter().map(|word| word.replace('%', "%25").replace('.', "%2E"));
    [family.as_str().to_owned()].into_iter().chain(escaped).collect::<Vec<_>>().join(".")
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&join(self.family, &self.words.iter().map(String::as_str).collect::<Vec<_>>()))
    }
}

impl FromStr for Counter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split('.');
        let name = parts.next().unwrap_or_default();
        let family = Family::ALL.into_iter().find(|family| family.as_str() == name);
        let family = family.ok_or_else(|| {
            let known: Vec<_> = Family::ALL.iter().map(|family| family.as_str()).collect();
            Error::invalid("counter", text, format!("known are {}", known.join(", ")))
        })?;
        let words: Vec<String> =
            parts.map(|part| part.replace("%2E", ".").replace("%25", "%")).collect();
        Counter::new(family, &words.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// How often what happened: at most [`COUNTERS_MAX`] counters, and one more for each family, which
/// counts what came beyond that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters(BTreeMap<Counter, u64>);

impl Counters {
    /// Counts something so many times more.
    pub fn add(&mut self, counter: &Counter, count: u64) {
        if let Some(known) = self.0.get_mut(counter) {
            *known = known.saturating_add(count);
        } else if count > 0 {
            let counter =
                if self.0.len() < COUNTERS_MAX { counter.clone() } else { counter.other() };
            let known = self.0.entry(counter).or_default();
            *known = known.saturating_add(count);
        }
    }

    /// Counts all that others have counted.
    pub fn merge(&mut self, others: &Counters) {
        others.0.iter().for_each(|(counter, count)| self.add(counter, *count));
    }

    /// The counters, in the order of their families and words, and their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&Counter, u64)> {
        self.0.iter().map(|(counter, count)| (counter, *count))
    }

    /// The count of a family whose first words are these.
    pub fn sum(&self, family: Family, words: &[&str]) -> u64 {
        let fits = |counter: &Counter| {
            counter.family == family
                && counter.words.iter().zip(words).all(|(word, wanted)| word == wanted)
        };
        let counts = self.iter().filter(|(counter, _)| fits(counter)).map(|(_, count)| count);
        counts.fold(0, u64::saturating_add)
    }

    /// The counts of a family by its first word.
    pub fn by_first(&self, family: Family) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (counter, count) in self.iter().filter(|(counter, _)| counter.family == family) {
            let word = counter.words.first().cloned().unwrap_or_default();
            let known: &mut u64 = counts.entry(word).or_default();
            *known = known.saturating_add(count);
        }
        counts
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The counters as a JSON object: their texts, and how often.
    pub fn to_json(&self) -> String {
        let object: BTreeMap<String, u64> =
            self.iter().map(|(counter, count)| (counter.to_string(), count)).collect();
        serde_json::to_string(&object).unwrap_or_default()
    }

    /// Reads what [`to_json`](Counters::to_json) wrote.
    pub fn from_json(text: &str) -> Result<Self> {
        let refuse = |why: String| Error::invalid("counters", text, why);
        let object: BTreeMap<String, u64> =
            serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let mut counters = Counters::default();
        for (name, count) in object {
            counters.add(&name.parse()?, count);
        }
        Ok(counters)
    }
}

/// How long rollups are kept. What is older than a minute's time becomes part of its hour, what is
/// older than an hour's time becomes part of one row for all time before, so that totals never fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thinning {
    /// How long minutes are kept; 2 days unless told.
    pub minutes: Duration,
    /// How long hours are kept; 90 days unless told.
    pub hours: Duration,
}

impl Default for Thinning {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Thinning { minutes: 2 * day, hours: 90 * day }
    }
}

impl Thinning {
    /// Fails with `Invalid` where minutes would be kept longer than hours.
    pub fn check(&self) -> Result<()> {
        if self.minutes > self.hours {
            let value = format!("{} s of {} s", self.minutes.as_secs(), self.hours.as_secs());
            let why = "minutes can't be kept longer than hours, which they become";
            return Err(Error::invalid("thinning", value, why));
        }
        Ok(())
    }
}
