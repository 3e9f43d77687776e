//! What was counted while pages were captured, kept as rollups: a row for each site and minute.
//!
//! A process that captures may live for a second, so what it counts is kept in the store, where what
//! several processes count adds up. It gathers in memory first: a transaction that commits anyway
//! takes along the minutes that are over, so that counting costs no wait for the disk, and flushing
//! and closing the store write what is left. A process that is killed loses what it counted since.
//!
//! **Invariant:** totals never fall. What is older than [`Thinning`] says is added to coarser rows
//! before it goes.
//!
//! Where the flag `performance_monitoring` is off for a site when its minutes are written, they are not.
//!
//! **Invariant:** what it takes is bounded: so many sites, counters of each, and minutes in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::codec::digest::{Digest, Fields};
use crate::codec::histogram::Histogram;
use crate::error::{Corruption, Error, Result};
use crate::model::flag::EvalContext;
use crate::model::metric::{Counter, Counters, Family, OTHER, SITES_MAX, Thinning};
use crate::model::snapshot::{Draft, Receipt, Status};
use crate::model::time::{Stopwatch, Time};
use crate::records::flags;
use crate::store::gather::Gathers;
use crate::store::sqlite::Doing;
use crate::store::{Repository, Transaction, View, locked};

/// The seconds of a stretch that a row stands for: all time before, a minute, an hour.
const BEFORE: i64 = 0;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const SECOND_US: i64 = 1_000_000;

/// The flag that says whether rollups are written.
const FLAG: &str = "performance_monitoring";
/// The most bytes of a site's name, as in a context; what is longer is no site.
const SITE_BYTES_MAX: usize = 255;
/// The most rows that wait in memory. Where more come, their counts go to the first of them.
const WAITING_MAX: usize = 10 * SITES_MAX;
/// The most rows that become coarser in one transaction.
const THINNED_MAX: usize = 5_000;
/// How long writing is not tried again after it failed.
const PAUSE: Duration = Duration::from_secs(60);

/// What was counted at a site in a stretch of time.
#[derive(Debug, Clone, Default)]
pub struct Rollup {
    /// How often what.
    pub counters: Counters,
    /// How long captures took until they were durable.
    pub took: Histogram,
}

impl Rollup {
    fn merge(&mut self, other: &Rollup) {
        self.counters.merge(&other.counters);
        self.took.merge(&other.took);
    }
}

/// Counts what happens at a store. One store handle with its clones has one.
///
/// ```
/// use tintype::Repository;
/// use tintype::model::metric::{Counter, Family};
/// use tintype::records::metrics::Collector;
///
/// let repo = Repository::temporary()?;
/// let counter = Counter::new(Family::Incidents, &["selector_failure", "suppressed"])?;
/// Collector::of(&repo).count("shop.example", &counter, 1);
/// # Ok::<(), tintype::Error>(())
/// ```
#[derive(Clone)]
pub struct Collector {
    gathering: Arc<Gathering>,
    repo: Repository,
}

impl Collector {
    /// The one of this store handle.
    pub fn of(repo: &Repository) -> Self {
        // Nothing else gathers beside a store.
        let gathering = repo.gathers().unwrap_or_default();
        Collector { gathering, repo: repo.clone() }
    }

    /// Counts something at a site so many times more.
    pub fn count(&self, site: &str, counter: &Counter, count: u64) {
        self.enter(site, |row| row.counters.add(counter, count));
    }

    /// Counts several things at a site, and a capture's duration where there is one.
    pub fn count_all(&self, site: &str, counters: &Counters, took: Option<Duration>) {
        self.enter(site, |row| {
            row.counters.merge(counters);
            if let Some(took) = took {
                row.took.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            }
        });
    }

    /// Says how long rollups are kept where this handle writes them.
    ///
    /// Fails with `Invalid` where minutes would be kept longer than hours.
    pub fn thin_as(&self, thinning: Thinning) -> Result<()> {
        thinning.check()?;
        self.gathering.lock().thinning = thinning;
        Ok(())
    }

    fn enter(&self, site: &str, enter: impl FnOnce(&mut Rollup)) {
        let minute = floor(self.repo.now(), MINUTE);
        self.gathering.lock().row(minute, site, enter);
    }
}

/// Stores the draft of a capture, and counts what it came to: how it went, what became of its artifacts,
/// and how long it took since `begun` until it was durable. `split` are flags that are on for some
/// captures only, and what they said of this one.
pub(crate) fn store(
    repo: &Repository,
    draft: Draft,
    split: &[(&str, bool)],
    begun: Stopwatch,
) -> Result<Receipt> {
    let site = draft.context.site_name().to_owned();
    let status = draft.chosen_status().unwrap_or(Status::Complete);
    let mut tally = Tally::default();
    tally.add(Family::Captures, &[status.as_str()], 1);
    for artifact in draft.artifacts() {
        tally.add(Family::Artifacts, &[artifact.status().as_str()], 1);
    }
    let stored = repo.store(draft);
    match &stored {
        Ok(receipt) => tally.add_receipt(receipt),
        Err(error) => {
            tally = Tally::default();
            tally.add(Family::Errors, &[error.kind()], 1);
        }
    }
    let outcome = if stored.is_ok() && status != Status::Failed { "ok" } else { "failed" };
    for (flag, is_on) in split {
        let group = if *is_on { "on" } else { "off" };
        tally.add(Family::Cohorts, &[flag, group, outcome], 1);
    }
    let took = stored.is_ok().then(|| begun.elapsed());
    Collector::of(repo).count_all(&site, &tally.counters, took);
    stored
}

/// Counts a capture that could not be stored.
pub(crate) fn failed(repo: &Repository, site: &str, error: &Error) {
    if let Ok(counter) = Counter::new(Family::Errors, &[error.kind()]) {
        Collector::of(repo).count(site, &counter, 1);
    }
}

/// What there is to count of a capture.
#[derive(Default)]
struct Tally {
    counters: Counters,
}

impl Tally {
    fn add_receipt(&mut self, receipt: &Receipt) {
        for kept in &receipt.artifacts {
            let saved = kept.bytes.saturating_sub(kept.stored);
            let (became, by, stored, saved) = match (kept.deduplicated, kept.base) {
                (true, _) => ("equal", "deduplication", 0, kept.bytes),
                (false, Some(_)) => ("delta", "deltas", kept.stored, saved),
                (false, None) => ("new", "compression", kept.stored, saved),
            };
            self.add(Family::Contents, &[became], 1);
            self.add(Family::GivenBytes, &[], kept.bytes);
            self.add(Family::StoredBytes, &[], stored);
            self.add(Family::SavedBytes, &[by], saved);
        }
    }

    fn add(&mut self, family: Family, words: &[&str], count: u64) {
        // These words are ours, so that they are ones.
        if let Ok(counter) = Counter::new(family, words) {
            self.counters.add(&counter, count);
        }
    }
}

/// What has gathered and is not in the file yet.
#[derive(Default)]
struct Gathering(Mutex<State>);

#[derive(Default)]
struct State {
    /// By the first microsecond of the minute, and the site.
    waiting: Rows,
    /// What was written in a transaction whose end is not known yet.
    in_hand: Rows,
    /// The sites that the file knows, once they were read.
    sites: BTreeSet<String>,
    thinning: Thinning,
    /// The hour in which rows last became coarser.
    thinned: Option<i64>,
    /// When writing may be tried again.
    paused_to: Option<Time>,
}

type Rows = BTreeMap<(i64, String), Rollup>;

impl Gathering {
    fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }
}

impl State {
    fn row(&mut self, minute: i64, site: &str, enter: impl FnOnce(&mut Rollup)) {
        let is_site = (1..=SITE_BYTES_MAX).contains(&site.len());
        let site = if is_site { site } else { OTHER };
        let key = (minute, site.to_owned());
        if let Some(row) = self.waiting.get_mut(&key) {
            return enter(row);
        }
        let sites = self.waiting.range((minute, String::new())..).count();
        let key = match self.waiting.first_key_value() {
            Some((first, _)) if self.waiting.len() >= WAITING_MAX => (first.0, OTHER.to_owned()),
            _ if sites >= SITES_MAX => (minute, OTHER.to_owned()),
            _ => key,
        };
        enter(self.waiting.entry(key).or_default());
    }
}

impl Gathers for Gathering {
    fn write(&self, tx: &mut Transaction<'_>, all: bool) -> Result<()> {
        let mut state = self.lock();
        let state = &mut *state;
        let now = tx.now();
        let present = floor(now, MINUTE);
        // A clock that went back leaves rows of later minutes.
        let is_due = |minute: i64| all || minute != present;
        let paused = !all && state.paused_to.is_some_and(|until| now < until);
        if paused || !state.waiting.keys().any(|(minute, _)| is_due(*minute)) {
            return Ok(());
        }
        let hour = floor(now, HOUR);
        let thinning = (state.thinned != Some(hour)).then_some(state.thinning);
        let (due, waiting) =
            std::mem::take(&mut state.waiting).into_iter().partition(|(key, _)| is_due(key.0));
        state.waiting = waiting;
        let sites = &mut state.sites;
        let written = tx.records(|records| {
            write(records.conn, &due, sites)?;
            match thinning {
                Some(thinning) => thin(records.conn, now, &thinning, THINNED_MAX).map(drop),
                None => Ok(()),
            }
        });
        match written {
            Ok(()) => {
                state.in_hand = due;
                state.thinned = Some(hour);
                state.paused_to = None;
            }
            // The caller's own change goes on.
            Err(error) => {
                log::warn!("metrics could not be written: {error}");
                put_back(&mut state.waiting, due);
                state.paused_to = Some(now.plus(PAUSE));
            }
        }
        Ok(())
    }

    fn ended(&self, committed: bool) {
        let mut state = self.lock();
        let in_hand = std::mem::take(&mut state.in_hand);
        if !committed && !in_hand.is_empty() {
            put_back(&mut state.waiting, in_hand);
            // What was seen in the transaction may not be so.
            state.sites.clear();
            state.thinned = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }
}

fn put_back(waiting: &mut Rows, rows: Rows) {
    for (key, row) in rows {
        waiting.entry(key).or_default().merge(&row);
    }
}

/// The first microsecond of the stretch of so many seconds that a moment lies in.
fn floor(time: Time, span_s: i64) -> i64 {
    let span_us = span_s * SECOND_US;
    time.micros().div_euclid(span_us) * span_us
}

/// Adds rows of minutes to those in the file, but for the sites where the flag for that is off.
fn write(conn: &Connection, rows: &Rows, sites: &mut BTreeSet<String>) -> Result<()> {
    if rows.keys().any(|(_, site)| site != OTHER && !sites.contains(site)) {
        let doing = "reading the sites of metrics";
        let mut list = conn.prepare_cached("SELECT DISTINCT site FROM metric").doing(doing)?;
        let found = list.query_map([], |row| row.get(0)).doing(doing)?;
        *sites = found.collect::<rusqlite::Result<_>>().doing(doing)?;
        sites.remove(OTHER);
    }
    // Where the flags can't be read, `verify` tells, and counting goes on.
    let flags = flags::load(conn).map(|(_, flags)| flags).unwrap_or_default();
    for ((minute, site), row) in rows {
        let asked = EvalContext { site: Some(site), ..EvalContext::default() };
        if !flags.evaluate(FLAG, &asked).value {
            continue;
        }
        // The first sites to come keep their names, so that no series breaks off.
        let is_named = site != OTHER && (sites.contains(site) || sites.len() < SITES_MAX);
        let site = if is_named { site.as_str() } else { OTHER };
        if is_named {
            sites.insert(site.to_owned());
        }
        add(conn, &Key { span_s: MINUTE, start_us: *minute, site: site.to_owned() }, row)?;
    }
    Ok(())
}

/// What a row stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    span_s: i64,
    start_us: i64,
    site: String,
}

/// A row as it stands in the file.
struct Stored {
    key: Key,
    counts: String,
    /// p50, p95, p99 and the longest.
    shares: [Option<i64>; 4],
    took: Vec<u8>,
    seal: Vec<u8>,
}

const COLUMNS: &str = "span_s, start_us, site, counts, p50_us, p95_us, p99_us, max_us, took, seal";

impl Stored {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Stored {
            key: Key { span_s: row.get(0)?, start_us: row.get(1)?, site: row.get(2)? },
            counts: row.get(3)?,
            shares: [row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?],
            took: row.get(8)?,
            seal: row.get(9)?,
        })
    }

    fn of(key: Key, rollup: &Rollup) -> Self {
        let took = &rollup.took;
        let share = |share| took.at_share(share).and_then(|micros| i64::try_from(micros).ok());
        let mut stored = Stored {
            key,
            counts: rollup.counters.to_json(),
            shares: [0.5, 0.95, 0.99, 1.0].map(share),
            took: took.encode(),
            seal: Vec::new(),
        };
        stored.seal = stored.digest().to_vec();
        stored
    }

    fn digest(&self) -> Digest {
        let mut fields = Fields::new();
        fields.number(self.key.span_s).number(self.key.start_us).text(&self.key.site);
        fields.text(&self.counts);
        for share in self.shares {
            fields.number_or_none(share);
        }
        fields.bytes(&self.took).digest()
    }

    /// Adds what the row holds, where it can be believed.
    fn add_to(&self, rollup: &mut Rollup) -> Result<()> {
        let damaged = |what: String| Corruption::of_store(format!("{}: {what}", self.place()));
        if self.digest().as_slice() != self.seal {
            return Err(damaged("it does not match its seal".into()).into());
        }
        let counters =
            Counters::from_json(&self.counts).map_err(|error| damaged(error.to_string()))?;
        let took = rollup.took.merge_encoded(&self.took);
        took.map_err(|error| damaged(error.to_string()))?;
        rollup.counters.merge(&counters);
        Ok(())
    }

    fn place(&self) -> String {
        let Key { span_s, start_us, site } = &self.key;
        match (span_s, Time::from_micros(*start_us)) {
            (&BEFORE, _) => format!("metrics of {site} for all time before"),
            (_, Ok(start)) => format!("metrics of {site} from {start} on"),
            (_, Err(_)) => format!("metrics of {site}"),
        }
    }
}

/// Adds to a row, which is made where it is not there.
///
/// A row that is damaged stays as it is, for `verify` to find: what came to it is lost with it.
fn add(conn: &Connection, key: &Key, row: &Rollup) -> Result<()> {
    let doing = "writing metrics";
    let find =
        format!("SELECT {COLUMNS} FROM metric WHERE span_s = ?1 AND start_us = ?2 AND site = ?3");
    let known = conn
        .prepare_cached(&find)
        .and_then(|mut find| {
            find.query_row(params![key.span_s, key.start_us, key.site], Stored::read).optional()
        })
        .doing(doing)?;
    let mut whole = row.clone();
    if let Some(known) = known {
        match known.add_to(&mut whole) {
            Ok(()) => {}
            Err(Error::Corrupt(damage)) => {
                log::warn!("metrics are lost: {damage}");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    insert(conn, &Stored::of(key.clone(), &whole), doing)
}

fn insert(conn: &Connection, stored: &Stored, doing: &'static str) -> Result<()> {
    let insert = format!(
        "INSERT OR REPLACE INTO metric ({COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
    );
    let Stored { key, counts, shares: [p50, p95, p99, max], took, seal } = stored;
    conn.prepare_cached(&insert)
        .and_then(|mut insert| {
            insert.execute(params![
                key.span_s,
                key.start_us,
                key.site,
                counts,
                p50,
                p95,
                p99,
                max,
                took,
                seal
            ])
        })
        .doing(doing)?;
    Ok(())
}

/// Makes rows coarser that are older than they are kept, at most so many; tells how many. Minutes
/// become hours, hours become all time before.
pub(crate) fn thin(
    conn: &Connection,
    now: Time,
    thinning: &Thinning,
    limit: usize,
) -> Result<usize> {
    let doing = "making metrics coarser";
    let before = |kept: Duration, span_s| {
        let kept_us = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        let end = Time::from_micros(now.micros().saturating_sub(kept_us)).unwrap_or(Time::MIN);
        floor(end, span_s)
    };
    let mut thinned = 0;
    for (span_s, until) in
        [(MINUTE, before(thinning.minutes, HOUR)), (HOUR, before(thinning.hours, HOUR))]
    {
        let find = format!(
            "SELECT {COLUMNS} FROM metric WHERE span_s = ?1 AND start_us < ?2
             ORDER BY start_us, site LIMIT ?3"
        );
        let mut coarser: BTreeMap<Key, Rollup> = BTreeMap::new();
        let mut gone = Vec::new();
        {
            let mut find = conn.prepare_cached(&find).doing(doing)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = find.query(params![span_s, until, limit]).doing(doing)?;
            while let Some(row) = rows.next().doing(doing)? {
                let stored = Stored::read(row).doing(doing)?;
                let start = Time::from_micros(stored.key.start_us).unwrap_or(Time::MIN);
                let key = match span_s {
                    MINUTE => Key {
                        span_s: HOUR,
                        start_us: floor(start, HOUR),
                        site: stored.key.site.clone(),
                    },
                    _ => Key { span_s: BEFORE, start_us: 0, site: stored.key.site.clone() },
                };
                // What is damaged stays, for `verify` to find.
                if stored.add_to(coarser.entry(key).or_default()).is_ok() {
                    gone.push(stored.key);
                }
            }
        }
        for (key, rollup) in &coarser {
            add(conn, key, rollup)?;
        }
        let delete = "DELETE FROM metric WHERE span_s = ?1 AND start_us = ?2 AND site = ?3";
        for key in &gone {
            conn.prepare_cached(delete)
                .and_then(|mut delete| delete.execute(params![key.span_s, key.start_us, key.site]))
                .doing(doing)?;
        }
        thinned += gone.len();
    }
    Ok(thinned)
}

/// What was counted from a moment on and before another, by site. A row counts where any of its
/// stretch lies within; the row for all time before where no first moment is given. Also tells how
/// many rows are damaged and were left out.
pub(crate) fn rollups(
    view: &View<'_>,
    since: Option<Time>,
    until: Option<Time>,
) -> Result<(BTreeMap<String, Rollup>, u64)> {
    let doing = "reading metrics";
    let find = format!(
        "SELECT {COLUMNS} FROM metric WHERE span_s = ?1 AND start_us > ?2 AND start_us < ?3"
    );
    let mut sites: BTreeMap<String, Rollup> = BTreeMap::new();
    let mut damaged = 0;
    let until = until.map_or(i64::MAX, Time::micros);
    for span_s in [BEFORE, HOUR, MINUTE] {
        let after = match since {
            None => i64::MIN,
            Some(_) if span_s == BEFORE => continue,
            Some(since) => since.micros() - span_s * SECOND_US,
        };
        let mut find = view.conn.prepare_cached(&find).doing(doing)?;
        let mut rows = find.query(params![span_s, after, until]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let stored = Stored::read(row).doing(doing)?;
            match stored.add_to(sites.entry(stored.key.site.clone()).or_default()) {
                Ok(()) => {}
                Err(Error::Corrupt(_)) => damaged += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok((sites, damaged))
}

/// Looks for rows that are not what was written.
pub(super) fn check(view: &View<'_>, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    each(view.conn, |stored| {
        let mut rollup = Rollup::default();
        match stored.add_to(&mut rollup) {
            Err(Error::Corrupt(damage)) => found(damage),
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        Ok(())
    })
}

/// Takes the rows of a damaged store over that can be believed. An error of writing is put into
/// `failed`.
pub(super) fn take_over(
    from: &Connection,
    to: &Connection,
    failed: &mut Option<Error>,
) -> Result<()> {
    each(from, |stored| {
        if stored.add_to(&mut Rollup::default()).is_ok() {
            let written = insert(to, &stored, "taking metrics over");
            return written.inspect_err(|error| *failed = Some(error.again()));
        }
        Ok(())
    })
}

fn each(conn: &Connection, mut see: impl FnMut(Stored) -> Result<()>) -> Result<()> {
    let doing = "reading metrics";
    let mut list = conn.prepare(&format!("SELECT {COLUMNS} FROM metric")).doing(doing)?;
    let mut rows = list.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        see(Stored::read(row).doing(doing)?)?;
    }
    Ok(())
}
