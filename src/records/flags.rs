//! The feature flags of a store: asking them, and changing them.
//!
//! The set stands in one row. Each change of it is an event that tells who changed what, and the whole
//! set as it was afterwards: replaying the flags is to read the last event of them. Each such event names
//! the one before, so that their history is read without the rest of the log.
//!
//! [`Flags`] asks from a set that it holds. It looks whether another process changed it at most every
//! [`LOOK_EVERY`]; what this process changed through the same [`Repository`] it sees at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::{Corruption, Error, Result, What};
use crate::model::event::EventKind;
use crate::model::flag::{EvalContext, Evaluation, FlagSet, Rollout, Target, differences};
use crate::model::time::{Stopwatch, Time};
use crate::store::sqlite::Doing;
use crate::store::{Repository, Transaction, View, locked};

/// How often it is looked whether another process changed the flags. Looking reads one row, which takes
/// some microseconds.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);
/// When to look again where the flags could not be read: each time it is logged.
const LOOK_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Asks the flags of a store. Cheap to clone; clones share what they know.
///
/// ```
/// use tintype::model::flag::EvalContext;
/// use tintype::records::flags::Flags;
/// use tintype::{Repository, ops::rollout};
/// let repo = Repository::temporary()?;
/// let flags = Flags::of(&repo);
/// let asked = EvalContext { site: Some("shop.example"), ..EvalContext::default() };
/// assert!(flags.is_enabled("performance_monitoring", &asked));
/// rollout::disable(&repo, "performance_monitoring", &rollout::By::new("ann"))?;
/// assert!(!flags.is_enabled("performance_monitoring", &asked));
/// # Ok::<(), tintype::Error>(())
/// ```
#[derive(Clone)]
pub struct Flags {
    inner: Arc<Inner>,
}

struct Inner {
    repo: Repository,
    watch: Stopwatch,
    /// When to look again, in microseconds of the watch.
    look_at: AtomicU64,
    /// What [`Repository::beside`] told when it was last looked.
    seen: AtomicU64,
    held: RwLock<Held>,
    /// Held by who looks.
    looking: Mutex<()>,
}

/// The set that is asked, and the event that it is of.
struct Held {
    set: Arc<FlagSet>,
    seq: Option<i64>,
}

impl Flags {
    /// The flags of a store, as they are now.
    ///
    /// Where they can't be read they are those of a new store, until they can.
    pub fn of(repo: &Repository) -> Self {
        let held = Held { set: Arc::new(FlagSet::default()), seq: None };
        let inner = Inner {
            repo: repo.clone(),
            watch: Stopwatch::start(),
            look_at: AtomicU64::new(0),
            seen: AtomicU64::new(u64::MAX),
            held: RwLock::new(held),
            looking: Mutex::new(()),
        };
        let flags = Flags { inner: Arc::new(inner) };
        flags.look();
        flags
    }

    /// Whether a flag is on for who is asked for. Never fails: an unknown flag is off, and where the
    /// store can't be read the flags stay as they were.
    pub fn is_enabled(&self, name: &str, asked: &EvalContext<'_>) -> bool {
        self.evaluate(name, asked).value
    }

    /// Whether a flag is on for who is asked for, and why.
    pub fn evaluate(&self, name: &str, asked: &EvalContext<'_>) -> Evaluation {
        self.look_if_due();
        let held = self.inner.held.read().unwrap_or_else(PoisonError::into_inner);
        held.set.evaluate(name, asked)
    }

    /// As [`evaluate`](Flags::evaluate), with each step.
    pub fn explain(&self, name: &str, asked: &EvalContext<'_>) -> Evaluation {
        self.set().explain(name, asked)
    }

    /// All flags as they are now.
    pub fn set(&self) -> Arc<FlagSet> {
        self.look_if_due();
        self.inner.held.read().unwrap_or_else(PoisonError::into_inner).set.clone()
    }

    /// Looks now whether the flags were changed, instead of when it is time to.
    pub fn look(&self) {
        let looking = locked(&self.inner.looking);
        self.look_holding(looking);
    }

    fn look_if_due(&self) {
        let inner = &self.inner;
        let has_changed = || inner.seen.load(Ordering::Acquire) != inner.repo.beside();
        if has_changed() {
            // What this process changed is seen by whoever asks after it did.
            let looking = locked(&inner.looking);
            if has_changed() {
                self.look_holding(looking);
            }
            return;
        }
        let look_at = inner.look_at.load(Ordering::Relaxed);
        if micros(inner.watch.elapsed()) >= look_at
            && let Ok(looking) = inner.looking.try_lock()
        {
            // One looks; the others go on with what is known.
            self.look_holding(looking);
        }
    }

    fn look_holding(&self, _looking: MutexGuard<'_, ()>) {
        let inner = &self.inner;
        // In memory a thread would wait for itself within a transaction of its own.
        if !inner.repo.in_file() && inner.repo.is_writing_here() {
            return;
        }
        let beside = inner.repo.beside();
        let held = inner.held.read().unwrap_or_else(PoisonError::into_inner).seq;
        let first = inner.seen.load(Ordering::Acquire) == u64::MAX;
        let looked = inner.repo.read(|view| {
            let seq = seq(view.conn)?;
            if seq == held && !first { Ok(None) } else { load(view.conn).map(Some) }
        });
        let wait = match looked {
            Ok(None) => LOOK_EVERY,
            Ok(Some((seq, set))) => {
                let mut held = inner.held.write().unwrap_or_else(PoisonError::into_inner);
                *held = Held { set: Arc::new(set), seq };
                LOOK_EVERY
            }
            Err(error) => {
                log::warn!("flags: they can't be read, and stay as they were: {error}");
                LOOK_AFTER_FAILURE
            }
        };
        inner.seen.store(beside, Ordering::Release);
        inner.look_at.store(micros(inner.watch.elapsed() + wait), Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flags").field("store", &self.inner.repo.path()).finish_non_exhaustive()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// All flags of a store.
///
/// Fails with `Corrupt` where they can't be believed; to ask them without failing there is [`Flags`].
pub fn all(repo: &Repository) -> Result<FlagSet> {
    repo.read(|view| load(view.conn).map(|(_, set)| set))
}

/// A change of the flags, as the log tells of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FlagChange {
    /// The number of its event.
    pub event: u64,
    /// When it was made.
    pub at: Time,
    /// Who made it.
    pub by: String,
    /// What was done: `enable`, `stage`, `emergency-disable` …
    pub what: String,
    /// The flag, where it was one.
    pub flag: Option<String>,
    /// The site, where it was of one.
    pub site: Option<String>,
    /// Why, where that was told.
    pub why: Option<String>,
    /// Whether the guard rails were passed by force.
    pub forced: bool,
    /// What was there before, by JSON pointer.
    pub before: Map<String, Value>,
    /// What was there after.
    pub after: Map<String, Value>,
}

/// The changes of the flags, the newest first, at most so many.
///
/// Fails with `Corrupt` where the log does not tell of one.
pub fn history(repo: &Repository, flag: Option<&str>, limit: usize) -> Result<Vec<FlagChange>> {
    repo.read(|view| {
        let (_, set) = load(view.conn)?;
        // Under another name of it, too.
        let flag = flag.map(|name| set.find(name).map_or(name, |(name, _)| name));
        let mut found = Vec::new();
        for change in changes(view.conn)? {
            if found.len() >= limit {
                break;
            }
            let change = change?.told();
            let touches = |flag: &str| {
                let path = format!("/flags/{flag}");
                let within = |key: &String| {
                    key.strip_prefix(&path)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                change.flag.as_deref() == Some(flag) || change.after.keys().any(within)
            };
            if flag.is_none_or(touches) {
                found.push(change);
            }
        }
        Ok(found)
    })
}

/// What is said of a change that is to be made.
pub(crate) struct Order<'o> {
    pub(crate) by: &'o str,
    pub(crate) why: Option<&'o str>,
    pub(crate) forced: bool,
    pub(crate) what: &'static str,
    pub(crate) flag: Option<&'o str>,
    pub(crate) site: Option<&'o str>,
    /// What is raised by it, where it must stay within what a day allows.
    pub(crate) raises: Option<Target>,
}

/// Changes the flags in one transaction, with one event; tells the number of that, or nothing where
/// nothing changed.
pub(crate) fn change(
    repo: &Repository,
    order: &Order<'_>,
    edit: impl FnOnce(&mut FlagSet, &Past<'_>) -> Result<()>,
) -> Result<Option<FlagChange>> {
    let changed = repo.write(|tx| change_within(tx, order, edit))?;
    repo.changed_beside();
    Ok(changed)
}

/// A day, within which raises are counted.
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn change_within(
    tx: &mut Transaction<'_>,
    order: &Order<'_>,
    edit: impl FnOnce(&mut FlagSet, &Past<'_>) -> Result<()>,
) -> Result<Option<FlagChange>> {
    tx.records(|records| {
        let (conn, now) = (records.conn, records.now);
        let (previous, before) = load(conn)?;
        let mut after = before.clone();
        edit(&mut after, &Past { conn, now })?;
        after.check()?;
        if after == before {
            return Ok(None);
        }
        let mut raised = Rollout::NONE;
        if let Some(target) = &order.raises {
            raised = before.raised_by(&after, target);
            if !order.forced && raised > Rollout::NONE {
                before.allow_raise(target, used(conn, now, target)?, raised)?;
            }
        }
        for (name, flag) in &mut after.flags {
            if before.flags.get(name) != Some(flag) {
                // An import tells itself when its flags were changed.
                if flag.modified_at == before.flags.get(name).and_then(|flag| flag.modified_at) {
                    flag.modified_at = Some(now);
                }
            }
        }
        let (old, new) = (json!(before), json!(after));
        let found = differences(&old, &new);
        let detail = json!({
            "what": order.what,
            "by": order.by,
            "why": order.why,
            "flag": order.flag,
            "site": order.site,
            "forced": order.forced,
            "target": order.raises.as_ref().map(Target::to_string),
            "raised": raised,
            "before": found.before,
            "after": found.after,
            "previous": previous,
            "set": new,
        });
        let seq = records.note(EventKind::Flag, &detail)?;
        let document = new.to_string();
        conn.prepare_cached("UPDATE flag_set SET event_seq = ?1, document = ?2 WHERE id = 1")
            .and_then(|mut update| update.execute(params![seq, document]))
            .doing("changing flags")?;
        Ok(Some(Told { seq, at: now, detail }.told()))
    })
}

/// How much something was raised within the last day.
fn used(conn: &Connection, now: Time, target: &Target) -> Result<Rollout> {
    let (name, mut used) = (target.to_string(), 0_u32);
    for told in changes(conn)? {
        let told = told?;
        if now.since(told.at) >= DAY {
            break;
        }
        if told.detail["target"] == name.as_str() {
            let raised: Rollout =
                serde_json::from_value(told.detail["raised"].clone()).unwrap_or(Rollout::NONE);
            used = used.saturating_add(raised.buckets());
        }
    }
    Ok(Rollout::thousandths(used))
}

/// What the flags were.
pub(crate) struct Past<'c> {
    conn: &'c Connection,
    pub(crate) now: Time,
}

impl Past<'_> {
    /// The flags as they were after an event of the log, whatever that was of.
    pub(crate) fn at_event(&self, seq: u64) -> Result<FlagSet> {
        let head: i64 = self
            .conn
            .query_row("SELECT max(seq) FROM event", [], |row| row.get(0))
            .doing("reading the log")?;
        let known = i64::try_from(seq).ok().filter(|seq| (1..=head).contains(seq));
        let seq = known.ok_or_else(|| {
            Error::invalid("event", seq, format!("events of this store go from 1 to {head}"))
        })?;
        self.when(|told| told.seq <= seq)
    }

    /// The flags as they were at a time.
    pub(crate) fn at_time(&self, time: Time) -> Result<FlagSet> {
        let begun: i64 = self
            .conn
            .query_row("SELECT created_us FROM store", [], |row| row.get(0))
            .doing("reading the store's own row")?;
        if time.micros() < begun {
            return Err(Error::invalid("time", time, "the store was made later"));
        }
        if time > self.now {
            return Err(Error::invalid("time", time, "it is still to come"));
        }
        self.when(|told| told.at <= time)
    }

    /// The flags after the last change that fits; those of a new store where none does.
    fn when(&self, fits: impl Fn(&Told) -> bool) -> Result<FlagSet> {
        for told in changes(self.conn)? {
            let told = told?;
            if fits(&told) {
                return told.set();
            }
        }
        Ok(FlagSet::default())
    }
}

/// An event that tells of a change.
struct Told {
    seq: i64,
    at: Time,
    detail: Value,
}

impl Told {
    /// The set as it was afterwards.
    fn set(mut self) -> Result<FlagSet> {
        serde_json::from_value(self.detail["set"].take()).map_err(|error| {
            Corruption::of_store(format!("event {} tells no set of flags: {error}", self.seq))
                .into()
        })
    }

    fn told(mut self) -> FlagChange {
        let text = |name: &str| self.detail[name].as_str().map(str::to_owned);
        let (by, what) = (text("by").unwrap_or_default(), text("what").unwrap_or_default());
        let (flag, site, why) = (text("flag"), text("site"), text("why"));
        let forced = self.detail["forced"] == true;
        let mut map = |name: &str| match self.detail[name].take() {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let (before, after) = (map("before"), map("after"));
        let event = u64::try_from(self.seq).unwrap_or_default();
        FlagChange { event, at: self.at, by, what, flag, site, why, forced, before, after }
    }
}

/// The changes of the flags, the newest first.
fn changes(conn: &Connection) -> Result<impl Iterator<Item = Result<Told>> + '_> {
    let mut next = seq(conn)?;
    Ok(std::iter::from_fn(move || {
        let seq = next.take()?;
        let told = event(conn, seq);
        // Each comes after the one that it names, so this comes to an end.
        next = told.as_ref().ok().and_then(|told| told.detail["previous"].as_i64());
        next = next.filter(|before| *before < seq);
        Some(told)
    }))
}

fn event(conn: &Connection, seq: i64) -> Result<Told> {
    let found: Option<(i64, Option<String>)> = conn
        .prepare_cached("SELECT at_us, detail FROM event WHERE seq = ?1 AND kind = ?2")
        .and_then(|mut find| {
            let known = params![seq, EventKind::Flag as i64];
            find.query_row(known, |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .doing("reading the log")?;
    let (at, detail) = found.ok_or_else(|| {
        Corruption::of_store(format!("event {seq} should tell of flags, and does not"))
    })?;
    let detail = detail.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(Told { seq, at: Time::from_micros(at)?, detail })
}

/// The event that changed the flags last.
fn seq(conn: &Connection) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT event_seq FROM flag_set WHERE id = 1")
        .and_then(|mut find| find.query_row([], |row| row.get(0)).optional())
        .doing("reading flags")?
        .ok_or_else(|| missing().into())
}

pub(super) fn load(conn: &Connection) -> Result<(Option<i64>, FlagSet)> {
    let (seq, document): (Option<i64>, String) = row(conn)?.ok_or_else(missing)?;
    let set: FlagSet = serde_json::from_str(&document)
        .map_err(|error| Corruption::of_store(format!("the flags can't be read: {error}")))?;
    Ok((seq, set))
}

fn row(conn: &Connection) -> Result<Option<(Option<i64>, String)>> {
    conn.prepare_cached("SELECT event_seq, document FROM flag_set WHERE id = 1")
        .and_then(|mut find| find.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .doing("reading flags")
}

fn missing() -> Corruption {
    Corruption::of_store("the row of the flags is missing")
}

/// Compares the flags with what the log tells of them.
pub(super) fn check(view: &View<'_>, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    let last: Option<i64> = view
        .conn
        .query_row("SELECT max(seq) FROM event WHERE kind = ?1", [EventKind::Flag as i64], |row| {
            row.get(0)
        })
        .doing("checking flags")?;
    let (seq, document) = match row(view.conn) {
        Ok(Some(row)) => row,
        Ok(None) => {
            found(missing());
            return Ok(());
        }
        Err(Error::Corrupt(damage)) => {
            found(damage);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let told = match last {
        Some(last) => match event(view.conn, last) {
            Ok(told) => told.detail["set"].to_string(),
            Err(Error::Corrupt(damage)) => {
                found(damage);
                return Ok(());
            }
            Err(error) => return Err(error),
        },
        None => json!(FlagSet::default()).to_string(),
    };
    if seq != last {
        found(Corruption::of_store("the flags are not of the event that changed them last"));
    }
    if document != told {
        found(Corruption::of_store("the flags are not as the log tells"));
    }
    Ok(())
}

/// Takes flags over from a store that was damaged, as its log told of them.
pub(crate) fn take_over(tx: &mut Transaction<'_>, told: &Value) -> Result<()> {
    let order = Order {
        by: "repair",
        why: None,
        forced: true,
        what: "repair",
        flag: None,
        site: None,
        raises: None,
    };
    let Ok(set) = serde_json::from_value::<FlagSet>(told.clone()) else { return Ok(()) };
    if let Err(error) = set.check() {
        log::warn!("repair: the flags that the log tells of are left out: {error}");
        return Ok(());
    }
    change_within(tx, &order, |flags, _| {
        *flags = set;
        Ok(())
    })
    .map(drop)
}

/// Refuses what is no name of somebody.
pub(crate) fn check_by(by: &str) -> Result<()> {
    crate::model::flag::check_text("name of who changes flags", by)
}

/// The flag of a name, under the name that it is filed as.
pub(crate) fn filed(set: &FlagSet, name: &str) -> Result<String> {
    let found = set.find(name).map(|(name, _)| name.to_owned());
    found.ok_or_else(|| Error::not_found(What::Flag, name))
}
