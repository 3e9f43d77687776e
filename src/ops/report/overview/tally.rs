//! What an overview counts, in one pass over the snapshots of a window, the newest first.
//!
//! **Invariant:** whatever the number of snapshots, the memory that this takes is bounded: by
//! [`PLACES_MAX`], [`COLUMNS_MAX`] and [`CONTENTS_MAX`].

use std::collections::{BTreeMap, HashSet};

use super::super::went::Went;
use crate::codec::histogram::Histogram;
use crate::error::Result;
use crate::model::context::Context;
use crate::model::id::Version;
use crate::model::query::Query;
use crate::model::snapshot::{INCIDENT, Snapshot, Status};
use crate::model::time::Time;
use crate::ops::monitor::{CAPTURE_MS, Sizes, Window};
use crate::store::{Repository, View};

/// The most snapshots that are counted, from the newest back.
pub(super) const SNAPSHOTS_MAX: u64 = 1_000_000;
/// The most sites with their modules that are counted by themselves; others are counted together.
pub(super) const PLACES_MAX: usize = 2_000;
/// The most columns of time.
pub(super) const COLUMNS_MAX: usize = 53;
/// The most contents that are told apart, to know which are the same.
pub(super) const CONTENTS_MAX: usize = 1_000_000;
/// The most failures that are kept, the newest.
pub(super) const FAILURES_MAX: usize = 25;
/// The most characters of what is said of a failure.
const SAID_CHARS_MAX: usize = 300;
/// How many snapshots are read at a time.
const BATCH: usize = 500;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// How wide a column of time may be; beyond the last its multiples by two.
const STEPS: [i64; 12] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    WEEK,
    2 * WEEK,
    4 * WEEK,
];
/// A Monday, from which weeks are counted: 1970-01-05.
const MONDAY: i64 = 4 * DAY;

/// How many snapshots there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    /// All of them.
    pub all: u64,
    /// Those that lack a part, and are of no incident.
    pub partial: u64,
    /// Those that were taken of an incident, and those of a page that could not be read or did not
    /// load.
    pub failed: u64,
}

impl Count {
    fn add(&mut self, kind: Went) {
        self.all += 1;
        match kind {
            Went::Good => {}
            Went::Partial => self.partial += 1,
            Went::Failed => self.failed += 1,
        }
    }

    fn merge(&mut self, other: &Count) {
        self.all += other.all;
        self.partial += other.partial;
        self.failed += other.failed;
    }
}

/// Columns of time, all of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    /// Where the first begins.
    start: i64,
    /// How wide each is, in microseconds.
    step: i64,
    /// How many there are.
    pub count: usize,
}

impl Columns {
    /// The columns that hold both moments and all between: the narrowest of which there are at most
    /// [`COLUMNS_MAX`].
    pub(super) fn over(first: Time, last: Time) -> Self {
        let (first, last) = (first.micros(), last.micros().max(first.micros()));
        let mut step = STEPS[0];
        let mut at = 0;
        loop {
            let offset = if step >= WEEK { MONDAY } else { 0 };
            let start = (first - offset).div_euclid(step) * step + offset;
            let count = (last - start) / step + 1;
            if count <= COLUMNS_MAX as i64 {
                return Columns { start, step, count: count as usize };
            }
            at += 1;
            step = STEPS.get(at).copied().unwrap_or(step * 2);
        }
    }

    /// The column of a moment.
    fn of(&self, time: Time) -> Option<usize> {
        let at = (time.micros() - self.start).div_euclid(self.step);
        usize::try_from(at).ok().filter(|at| *at < self.count)
    }

    /// When a column begins.
    pub(super) fn begin(&self, at: usize) -> Time {
        Time::from_micros(self.start + self.step * at as i64).unwrap_or(Time::MIN)
    }

    /// The name of a column: when it begins, as exact as it is wide.
    pub(super) fn name(&self, at: usize) -> String {
        let begin = self.begin(at).to_string();
        match self.step {
            step if step >= DAY => begin[..10].to_owned(),
            _ => format!("{} {}", &begin[..10], &begin[11..16]),
        }
    }

    /// How wide a column is, in words.
    pub(super) fn width(&self) -> String {
        let (many, unit) = match self.step {
            step if step % WEEK == 0 => (step / WEEK, "week"),
            step if step % DAY == 0 => (step / DAY, "day"),
            step if step % HOUR == 0 => (step / HOUR, "hour"),
            step => (step / MINUTE, "minute"),
        };
        if many == 1 { unit.to_owned() } else { format!("{many} {unit}s") }
    }
}

/// How a site and a module of it went.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// The site.
    pub site: String,
    /// The module.
    pub module: String,
    /// All of its snapshots.
    pub count: Count,
    /// Those of each column of time.
    pub columns: Vec<Count>,
    /// When the newest was taken.
    pub last_at: Time,
    /// The newest that is complete and of no incident.
    pub last_good: Option<(Version, Time)>,
    /// The bytes of all artifacts.
    pub bytes: u64,
    /// How many told how long collecting took, and that together, in milliseconds.
    pub took: (u64, f64),
}

/// A snapshot of something that went wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// Its version.
    pub version: Version,
    /// When it was taken.
    pub created_at: Time,
    /// Where.
    pub context: Context,
    /// How much of it there is.
    pub status: Status,
    /// The kind of the incident, where it was taken of one.
    pub incident: Option<String>,
    /// What is said of it.
    pub said: String,
}

/// What was counted.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// When the first and the last of them were taken.
    pub taken: (Time, Time),
    /// All of them.
    pub count: Count,
    /// How many of each status.
    pub statuses: BTreeMap<&'static str, u64>,
    /// The columns of time.
    pub columns: Columns,
    /// All of them by column of time.
    pub over_time: Vec<Count>,
    /// Each site and module, by name.
    pub places: Vec<Place>,
    /// How many snapshots are of places beyond the limit, and are not among `places`.
    pub elsewhere: u64,
    /// The newest failures, the newest first.
    pub failures: Vec<Failure>,
    /// What they take.
    pub sizes: Sizes,
    /// Whether there were more contents than are told apart, so that what equal ones save is more
    /// than `sizes` tells.
    pub sizes_limited: bool,
    /// How long collecting took.
    pub took: Histogram,
    /// Whether there are older snapshots that were not counted, since there are too many.
    pub limited: bool,
}

/// Counts the snapshots of a window; nothing where there is none.
pub(super) fn count(repo: &Repository, window: &Window) -> Result<Option<Tally>> {
    repo.read(|view| {
        let one = |query: Query| -> Result<Option<Snapshot>> {
            Ok(view.find(&query.limit(1))?.into_iter().next())
        };
        let first = one(query(window).oldest_first())?;
        let (Some(first), Some(last)) = (first, one(query(window))?) else { return Ok(None) };
        let taken = (first.created_at, last.created_at);
        let mut book = Book::new(taken);
        book.enter_all(view, window)?;
        Ok(Some(book.close()))
    })
}

fn query(window: &Window) -> Query {
    let mut query = Query::context(window.contexts.clone());
    if let Some(since) = window.since {
        query = query.since(since);
    }
    if let Some(until) = window.until {
        query = query.until(until);
    }
    query
}

/// What was seen so far.
struct Book {
    tally: Tally,
    places: BTreeMap<(String, String), Place>,
    /// The beginnings of the hashes of contents.
    contents: HashSet<[u8; 8]>,
    /// The bytes of all artifacts that could be told apart.
    bytes: u64,
    once: u64,
}

impl Book {
    fn new(taken: (Time, Time)) -> Self {
        let columns = Columns::over(taken.0, taken.1);
        let tally = Tally {
            taken,
            count: Count::default(),
            statuses: BTreeMap::new(),
            columns,
            over_time: vec![Count::default(); columns.count],
            places: Vec::new(),
            elsewhere: 0,
            failures: Vec::new(),
            sizes: Sizes::default(),
            sizes_limited: false,
            took: Histogram::default(),
            limited: false,
        };
        Book { tally, places: BTreeMap::new(), contents: HashSet::new(), bytes: 0, once: 0 }
    }

    fn enter_all(&mut self, view: &View<'_>, window: &Window) -> Result<()> {
        let mut after: Option<Version> = None;
        loop {
            let mut next = query(window).limit(BATCH);
            if let Some(after) = after {
                next = next.after(after);
            }
            let found = view.find(&next)?;
            for snapshot in &found {
                if self.tally.count.all == SNAPSHOTS_MAX {
                    self.tally.limited = true;
                    return Ok(());
                }
                self.enter(snapshot);
            }
            match found.last() {
                Some(last) if found.len() == BATCH => after = Some(last.version.clone()),
                _ => return Ok(()),
            }
        }
    }

    fn enter(&mut self, snapshot: &Snapshot) {
        let kind = Went::of(snapshot);
        let tally = &mut self.tally;
        tally.count.add(kind);
        *tally.statuses.entry(snapshot.status.as_str()).or_default() += 1;
        let column = tally.columns.of(snapshot.created_at);
        if let Some(column) = column {
            tally.over_time[column].add(kind);
        }
        if kind == Went::Failed && tally.failures.len() < FAILURES_MAX {
            tally.failures.push(failure(snapshot));
        }
        let took = snapshot.user_info.get(CAPTURE_MS).and_then(|took| took.as_f64());
        let took = took.filter(|took| took.is_finite() && *took >= 0.0);
        if let Some(took) = took {
            tally.took.record((took * 1_000.0) as u64);
        }
        let mut bytes = 0_u64;
        for artifact in &snapshot.artifacts {
            bytes = bytes.saturating_add(artifact.bytes);
            let Some(hash) = artifact.hash else { continue };
            let mut start = [0; 8];
            start.copy_from_slice(&hash.0[..8]);
            let is_new = match self.contents.len() < CONTENTS_MAX {
                true => self.contents.insert(start),
                false => {
                    tally.sizes_limited = true;
                    !self.contents.contains(&start)
                }
            };
            if is_new {
                self.once = self.once.saturating_add(artifact.bytes);
                let saved = artifact.bytes.saturating_sub(artifact.stored);
                let sizes = &mut tally.sizes;
                sizes.stored = sizes.stored.saturating_add(artifact.stored);
                let by = match artifact.base {
                    Some(_) => &mut sizes.saved_by_deltas,
                    None => &mut sizes.saved_by_compression,
                };
                *by = by.saturating_add(saved);
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        let [site, module, ..] = snapshot.context.parts();
        let key = (site.clone(), module.clone());
        if !self.places.contains_key(&key) && self.places.len() == PLACES_MAX {
            tally.elsewhere += 1;
            return;
        }
        let columns = tally.columns.count;
        let place = self.places.entry(key).or_insert_with_key(|(site, module)| Place {
            site: site.clone(),
            module: module.clone(),
            count: Count::default(),
            columns: vec![Count::default(); columns],
            last_at: snapshot.created_at,
            last_good: None,
            bytes: 0,
            took: (0, 0.0),
        });
        place.count.add(kind);
        if let Some(column) = column {
            place.columns[column].add(kind);
        }
        if kind == Went::Good && place.last_good.is_none() {
            place.last_good = Some((snapshot.version.clone(), snapshot.created_at));
        }
        place.bytes = place.bytes.saturating_add(bytes);
        if let Some(took) = took {
            place.took = (place.took.0 + 1, place.took.1 + took);
        }
    }

    fn close(self) -> Tally {
        let Book { mut tally, places, bytes, once, .. } = self;
        tally.places = places.into_values().collect();
        tally.sizes.bytes = bytes;
        tally.sizes.saved_by_deduplication = bytes.saturating_sub(once);
        tally
    }
}

impl Place {
    /// Several places as one, which has the names of none.
    pub(super) fn together(places: &[Place]) -> Option<Place> {
        let (first, rest) = places.split_first()?;
        let mut all = first.clone();
        for other in rest {
            all.count.merge(&other.count);
            all.columns.iter_mut().zip(&other.columns).for_each(|(sum, count)| sum.merge(count));
            all.last_at = all.last_at.max(other.last_at);
            all.bytes = all.bytes.saturating_add(other.bytes);
            all.took = (all.took.0 + other.took.0, all.took.1 + other.took.1);
        }
        all.last_good = None;
        Some(all)
    }
}

fn failure(snapshot: &Snapshot) -> Failure {
    let incident = snapshot.user_info.get(INCIDENT);
    let clipped = |text: &str| text.chars().take(SAID_CHARS_MAX).collect::<String>();
    let kind = incident.and_then(|incident| incident.get("kind")).and_then(|kind| kind.as_str());
    Failure {
        version: snapshot.version.clone(),
        created_at: snapshot.created_at,
        context: snapshot.context.clone(),
        status: snapshot.status,
        incident: incident.map(|_| clipped(kind.unwrap_or("incident"))),
        said: clipped(snapshot.description.as_deref().unwrap_or_default()),
    }
}
