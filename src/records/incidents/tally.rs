//! What is counted, and what is captured of it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::codec::digest::Digest;
use crate::error::{Error, Result};
use crate::model::context::Context;
use crate::model::id::Version;
use crate::model::incident::breaker::Pass;
use crate::model::incident::budget::Rate;
use crate::model::incident::likeness::Likeness;
use crate::model::incident::schedule::{self, Due};
use crate::model::incident::{Incident, Suppression};
use crate::model::time::Time;
use crate::records::incidents::rows::{self, Counts, Gates, Head, Row};
use crate::records::incidents::{Fingerprint, GROUPS_MAX, head, others};
use crate::store::{Records, Repository, View, locked};

/// How long what is only counted is held back.
const HELD_MAX: Duration = Duration::from_secs(1);
/// The most groups that are held in memory. They are written, and found again where they are needed.
const GROUPS_HELD_MAX: usize = 1_024;
/// So many of a group are held back at least, …
const HELD_MIN: u64 = 16;
/// … and one in so many of those that are known: so others learn of a tenth and hundredth in time, and
/// a thousand come to some thirty writes.
const HELD_SHARE: u64 = 8;
/// How often it is looked whether the page has another structure, for each group: that asks the page.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The most structures of a group that are remembered, the last ones.
const STRUCTURES_MAX: usize = 16;
const DIGEST_BYTES: usize = size_of::<Digest>();

const WAITS: &str = "incidents that were counted wait to be written";

/// Counts the incidents of one handle of a store. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Incidents {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    repo: Repository,
    /// Held while something is written: who flushes waits for what others are writing.
    writing: Mutex<()>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    groups: HashMap<Key, Local>,
    gates: HashMap<(String, String), Gates>,
    /// Sites that have as many groups as they may.
    full: HashSet<String>,
    /// Whether something was counted that is not written.
    waiting: bool,
    closed: bool,
}

/// Site and fingerprint.
type Key = (String, Digest);

/// What is known here of a group.
struct Local {
    head: Head,
    /// As the store had it when it was last asked.
    known: Known,
    waiting: Waiting,
    /// When it was last looked for another structure of the page.
    looked_at: Option<Time>,
}

#[derive(Default)]
struct Known {
    count: u64,
    due: u64,
    captured_at: Option<Time>,
    structures: Vec<u8>,
}

impl Known {
    fn of(row: Option<&Row>) -> Self {
        let Some(row) = row else { return Known { due: 1, ..Known::default() } };
        Known {
            count: row.counts.all(),
            due: row.due,
            captured_at: row.captured_at.and_then(|micros| Time::from_micros(micros).ok()),
            structures: row.structures.clone(),
        }
    }

    /// Takes over what the store has. Another write may be under way, whose counts are here already.
    fn learn(&mut self, row: &Row) {
        let count = self.count;
        *self = Known::of(Some(row));
        self.count = self.count.max(count);
    }
}

/// What was counted here and is not written.
#[derive(Clone, Default)]
struct Waiting {
    suppressed: [u64; Suppression::ALL.len()],
    /// When the first and the last of them were met.
    met: Option<(Time, Time)>,
}

impl Waiting {
    fn count(&self) -> u64 {
        self.suppressed.iter().sum()
    }

    fn add(&mut self, why: Suppression, now: Time) {
        self.suppressed[why as usize] += 1;
        let (first, last) = self.met.unwrap_or((now, now));
        self.met = Some((first.min(now), last.max(now)));
    }

    fn add_all(&mut self, other: &Waiting) {
        for (sum, count) in self.suppressed.iter_mut().zip(other.suppressed) {
            *sum += count;
        }
        if let Some((first, last)) = other.met {
            let (mine_first, mine_last) = self.met.unwrap_or((first, last));
            self.met = Some((mine_first.min(first), mine_last.max(last)));
        }
    }

    fn put_into(&self, row: &mut Row) {
        for (sum, count) in row.counts.suppressed.iter_mut().zip(self.suppressed) {
            *sum = sum.saturating_add(count);
        }
        if let Some((first, last)) = self.met {
            row.first = row.first.min(first.micros());
            row.last = row.last.max(last.micros());
        }
    }
}

/// An incident, and what is to be known to decide on it.
pub(crate) struct Question<'a> {
    /// What happened, with what was secret taken out.
    pub incident: &'a Incident,
    /// Where, with what was left out filled in.
    pub context: &'a Context,
    /// The trigger whose budget it is.
    pub trigger: &'a str,
    pub rate: Rate,
    /// Whether incidents are captured at all.
    pub enabled: bool,
    /// Tells the structure of the page, where it can; nothing where there is no page.
    pub structure: Option<&'a mut dyn FnMut() -> Option<Digest>>,
}

/// What becomes of an incident.
pub(crate) enum Decision {
    /// It is to be captured, and what becomes of that is told with the claim.
    Capture(Box<Claim>),
    Suppressed(Suppression),
}

/// That an incident is to be captured.
pub(crate) struct Claim {
    key: Key,
    head: Head,
    trigger: String,
    rate: Rate,
    pass: Pass,
    /// The occurrence that was due.
    due_before: u64,
    /// Which of its group it is.
    pub occurrence: u64,
    /// Why it is captured.
    pub why: Due,
    pub fingerprint: Fingerprint,
}

impl Incidents {
    /// Counts for this store.
    pub fn of(repo: &Repository) -> Self {
        let shared = Shared {
            repo: repo.clone(),
            writing: Mutex::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        let inner = Inner { shared: Arc::new(shared), thread: Mutex::new(None) };
        Incidents { inner: Arc::new(inner) }
    }

    /// Writes what was counted and is not written yet.
    pub fn flush(&self) -> Result<()> {
        self.inner.shared.flush()
    }

    /// Counts an incident, and decides whether it is captured.
    pub(crate) fn decide(&self, mut asked: Question<'_>) -> Result<Decision> {
        let shared = &self.inner.shared;
        let now = shared.repo.now();
        let (key, head, mut verdict, may_look, is_much) = {
            let (mut state, key) = shared.known_to(&asked)?;
            let state = &mut *state;
            let gates = state.gates.get(&gate_key(&key, asked.trigger)).cloned();
            let Some(local) = state.groups.get_mut(&key) else { return Err(gone()) };
            let occurrence = local.known.count.saturating_add(local.waiting.count()) + 1;
            let due = schedule::due(occurrence, local.known.due, local.known.captured_at, now);
            let off_schedule = due.is_none().then_some(Suppression::Schedule);
            let verdict = gates.unwrap_or_default().refuse(&asked, now).or(off_schedule);
            let may_look = verdict == Some(Suppression::Schedule)
                && !local.known.structures.is_empty()
                && local.looked_at.is_none_or(|at| now.since(at) >= LOOK_EVERY);
            match verdict {
                Some(_) if may_look => local.looked_at = Some(now),
                Some(why) => {
                    local.waiting.add(why, now);
                    state.waiting = true;
                }
                None => {}
            }
            let head = (may_look || verdict.is_none()).then(|| local.head.clone());
            let held_max = HELD_MIN.max(local.known.count / HELD_SHARE);
            (key, head, verdict, may_look, local.waiting.count() >= held_max)
        };
        let mut structure = None;
        if may_look && let Some(head) = &head {
            // The page is asked with nothing locked: it may take its time.
            structure = asked.structure.as_mut().and_then(|look| look());
            let mut state = shared.state();
            let local = state.local(&key, head);
            match structure.is_some_and(|it| !has(&local.known.structures, &it)) {
                true => verdict = None,
                false => {
                    local.waiting.add(Suppression::Schedule, now);
                    state.waiting = true;
                }
            }
        }
        match (verdict, head) {
            (None, Some(head)) => shared.claim(&asked, key, head, structure, now),
            (why, _) => {
                // What can't be written now waits; who flushes is told.
                if is_much && let Err(error) = shared.flush() {
                    log::warn!("{WAITS}: {error}");
                }
                self.write_soon()?;
                Ok(Decision::Suppressed(why.unwrap_or(Suppression::Schedule)))
            }
        }
    }

    /// Tells that an incident was captured.
    pub(crate) fn captured(
        &self,
        claim: Claim,
        version: &Version,
        structure: Option<Digest>,
    ) -> Result<()> {
        let now = self.inner.shared.repo.now();
        self.inner.shared.settle(&claim, now, |row, gates| {
            row.counts.failed = row.counts.failed.saturating_sub(1);
            row.counts.captured = row.counts.captured.saturating_add(1);
            row.captured_at = Some(now.micros());
            row.first_version.get_or_insert_with(|| version.to_string());
            row.last_version = Some(version.to_string());
            if let Some(structure) = structure.filter(|it| !has(&row.structures, it)) {
                row.structures.extend(structure);
                let more = row.structures.len().saturating_sub(STRUCTURES_MAX * DIGEST_BYTES);
                row.structures.drain(..more);
            }
            gates.breaker.succeeded(claim.pass);
        })
    }

    /// Tells that an incident could not be captured: the token is given back, its turn comes again.
    pub(crate) fn failed(&self, claim: Claim) -> Result<()> {
        let now = self.inner.shared.repo.now();
        self.inner.shared.settle(&claim, now, |row, gates| {
            row.due = row.due.min(claim.due_before);
            gates.budget.give_back(claim.rate);
            gates.breaker.failed(claim.pass, now);
        })
    }

    /// Tells that an incident was not captured after all, for a reason of which the site can do nothing.
    pub(crate) fn withdrawn(&self, claim: Claim, why: Suppression) -> Result<()> {
        let now = self.inner.shared.repo.now();
        self.inner.shared.settle(&claim, now, |row, gates| {
            row.counts.failed = row.counts.failed.saturating_sub(1);
            row.counts.suppressed[why as usize] += 1;
            row.due = row.due.min(claim.due_before);
            gates.budget.give_back(claim.rate);
            gates.breaker.withdrawn(claim.pass, now);
        })
    }

    /// Sees to it that what was counted is written before long.
    fn write_soon(&self) -> Result<()> {
        let shared = &self.inner.shared;
        let mut thread = locked(&self.inner.thread);
        if thread.is_none() {
            let writing = Arc::clone(shared);
            let spawned = std::thread::Builder::new()
                .name("tintype-tally".to_owned())
                .spawn(move || writing.write_on())
                .map_err(|source| Error::Database {
                    doing: "starting the thread that writes counts",
                    source: Box::new(source),
                })?;
            *thread = Some(spawned);
        }
        drop(thread);
        shared.changed.notify_all();
        Ok(())
    }
}

impl std::fmt::Debug for Incidents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.inner.shared.repo.path();
        f.debug_struct("Incidents").field("store", &path).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        if let Err(error) = self.shared.flush() {
            log::error!("incidents that were counted could not be written: {error}");
        }
    }
}

impl Gates {
    /// Why an incident is not captured, whatever its turn is.
    fn refuse(&self, asked: &Question<'_>, now: Time) -> Option<Suppression> {
        if asked.structure.is_none() {
            Some(Suppression::NoPage)
        } else if !asked.enabled {
            Some(Suppression::Flag)
        } else if self.breaker.would_admit(now).is_none() {
            Some(Suppression::Breaker)
        } else if !self.budget.has(asked.rate, now) {
            Some(Suppression::Budget)
        } else {
            None
        }
    }
}

impl State {
    /// What is known of a group, which may have been put out of memory meanwhile.
    fn local(&mut self, key: &Key, head: &Head) -> &mut Local {
        self.groups.entry(key.clone()).or_insert_with(|| Local {
            head: head.clone(),
            known: Known::of(None),
            waiting: Waiting::default(),
            looked_at: None,
        })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// The state in which the group and the gates of an incident are known, and its key.
    fn known_to(&self, asked: &Question<'_>) -> Result<(MutexGuard<'_, State>, Key)> {
        let likeness = Likeness::of(asked.incident, asked.context);
        let site = likeness.place[0].clone();
        let key = (site.clone(), Fingerprint::of(&likeness).0);
        let state = self.state();
        let has_gates = state.gates.contains_key(&gate_key(&key, asked.trigger));
        if has_gates && state.groups.contains_key(&key) {
            return Ok((state, key));
        }
        let has_room = state.groups.len() < GROUPS_HELD_MAX;
        let is_full = state.full.contains(&site);
        drop(state);
        if !has_room {
            self.flush()?;
            let mut state = self.state();
            state.groups.retain(|_, local| local.waiting.count() > 0);
            state.gates.clear();
            state.full.clear();
        }
        let head = head(likeness, asked.incident);
        let (row, head, is_full, gates) = self.repo.read(|view| {
            let (row, head, is_full) = place_of(view, head, is_full)?;
            Ok((row, head, is_full, rows::gates(view.conn, &site, asked.trigger)?))
        })?;
        let key = (site, head.fingerprint);
        let mut state = self.state();
        if is_full {
            state.full.insert(key.0.clone());
        }
        state.gates.entry(gate_key(&key, asked.trigger)).or_insert(gates);
        state.groups.entry(key.clone()).or_insert_with(|| Local {
            head,
            known: Known::of(row.as_ref()),
            waiting: Waiting::default(),
            looked_at: None,
        });
        Ok((state, key))
    }

    /// Decides on an incident that may be due, as the store stands.
    fn claim(
        &self,
        asked: &Question<'_>,
        key: Key,
        head: Head,
        structure: Option<Digest>,
        now: Time,
    ) -> Result<Decision> {
        self.write(Some((&key, &head)), |records| {
            let conn = records.conn;
            let before = rows::gates(conn, &key.0, asked.trigger)?;
            let row = rows::find(conn, &key.0, &key.1)?;
            let mut row = row.unwrap_or_else(|| Row::new(head.clone(), now.micros()));
            let occurrence = row.counts.all().saturating_add(1);
            let captured_at = row.captured_at.and_then(|micros| Time::from_micros(micros).ok());
            let is_new = structure.is_some_and(|structure| !has(&row.structures, &structure));
            let due = schedule::due(occurrence, row.due, captured_at, now)
                .or(is_new.then_some(Due::Structure));
            let mut gates = before.clone();
            let decision = match (gates.refuse(asked, now), due) {
                (Some(why), _) => Err(why),
                (None, None) => Err(Suppression::Schedule),
                (None, Some(due)) => match gates.breaker.admit(now) {
                    Some(pass) => Ok((due, pass)),
                    None => Err(Suppression::Breaker),
                },
            };
            row.last = row.last.max(now.micros());
            row.first = row.first.min(now.micros());
            let decision = match decision {
                Ok((why, pass)) => {
                    gates.budget.take(asked.rate, now);
                    row.counts.failed = row.counts.failed.saturating_add(1);
                    let due_before = row.due;
                    row.due = row.due.max(schedule::next_due(occurrence));
                    Decision::Capture(Box::new(Claim {
                        fingerprint: Fingerprint(key.1),
                        key: key.clone(),
                        head: head.clone(),
                        trigger: asked.trigger.to_owned(),
                        rate: asked.rate,
                        pass,
                        due_before,
                        occurrence,
                        why,
                    }))
                }
                Err(why) => {
                    let count = &mut row.counts.suppressed[why as usize];
                    *count = count.saturating_add(1);
                    Decision::Suppressed(why)
                }
            };
            rows::write(conn, &row)?;
            rows::write_gates(conn, &key.0, asked.trigger, &before, &gates)?;
            Ok((decision, Some(Changed { trigger: asked.trigger.to_owned(), row, gates })))
        })
    }

    /// Writes what became of a capture.
    fn settle(
        &self,
        claim: &Claim,
        now: Time,
        change: impl FnOnce(&mut Row, &mut Gates),
    ) -> Result<()> {
        let key = &claim.key;
        self.write(Some((key, &claim.head)), |records| {
            let conn = records.conn;
            let before = rows::gates(conn, &key.0, &claim.trigger)?;
            let mut row = match rows::find(conn, &key.0, &key.1)? {
                Some(row) => row,
                // Somebody took it out by hand.
                None => Row {
                    counts: Counts { failed: 1, ..Counts::default() },
                    ..Row::new(claim.head.clone(), now.micros())
                },
            };
            let mut gates = before.clone();
            change(&mut row, &mut gates);
            rows::write(conn, &row)?;
            rows::write_gates(conn, &key.0, &claim.trigger, &before, &gates)?;
            Ok(((), Some(Changed { trigger: claim.trigger.clone(), row, gates })))
        })
    }

    fn flush(&self) -> Result<()> {
        let _turn = self.turn();
        if !self.state().waiting {
            return Ok(());
        }
        self.write_in_turn(None, |_| Ok(((), None)))
    }

    /// Waits until nobody writes; a thread that is within a transaction is refused by the store, and
    /// must not wait for who waits for it.
    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let may_wait = !self.repo.is_writing_here();
        may_wait.then(|| locked(&self.writing))
    }

    /// Writes what is waiting and makes another change, in one transaction. The change gives what it
    /// came to, and how `group` and its gates stand then.
    fn write<T>(
        &self,
        group: Option<(&Key, &Head)>,
        change: impl FnOnce(&Records<'_>) -> Result<(T, Option<Changed>)>,
    ) -> Result<T> {
        let _turn = self.turn();
        self.write_in_turn(group, change)
    }

    fn write_in_turn<T>(
        &self,
        group: Option<(&Key, &Head)>,
        change: impl FnOnce(&Records<'_>) -> Result<(T, Option<Changed>)>,
    ) -> Result<T> {
        let mut taken: Vec<(Key, Head, Waiting)> = Vec::new();
        {
            let mut state = self.state();
            state.waiting = false;
            for (key, local) in &mut state.groups {
                if local.waiting.count() > 0 {
                    let waiting = std::mem::take(&mut local.waiting);
                    // Counted as known meanwhile, so that the next occurrence has its number.
                    local.known.count = local.known.count.saturating_add(waiting.count());
                    taken.push((key.clone(), local.head.clone(), waiting));
                }
            }
        }
        let written = self.repo.write(|tx| {
            tx.records(|records| {
                let rows_now = put(records, &taken)?;
                let (value, changed) = change(records)?;
                Ok((value, changed, rows_now))
            })
        });
        let mut state = self.state();
        match written {
            Ok((value, changed, rows_now)) => {
                for ((key, head, _), row) in taken.iter().zip(&rows_now) {
                    if let Some(row) = row {
                        state.local(key, head).known.learn(row);
                    }
                }
                if let (Some((key, head)), Some(Changed { trigger, row, gates })) = (group, changed)
                {
                    state.local(key, head).known.learn(&row);
                    // All triggers of a site have one breaker.
                    for ((site, _), known) in &mut state.gates {
                        if *site == key.0 {
                            known.breaker = gates.breaker.clone();
                        }
                    }
                    state.gates.insert((key.0.clone(), trigger), gates);
                }
                Ok(value)
            }
            Err(error) => {
                for (key, head, waiting) in taken {
                    let local = state.local(&key, &head);
                    local.known.count = local.known.count.saturating_sub(waiting.count());
                    local.waiting.add_all(&waiting);
                    state.waiting = true;
                }
                Err(error)
            }
        }
    }

    /// Writes what is waiting, until all is over.
    fn write_on(&self) {
        let mut state = self.state();
        loop {
            while !state.waiting && !state.closed {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.closed {
                return;
            }
            let held = self.changed.wait_timeout_while(state, HELD_MAX, |state| !state.closed);
            state = held.unwrap_or_else(PoisonError::into_inner).0;
            if state.closed {
                return;
            }
            drop(state);
            if let Err(error) = self.flush() {
                log::warn!("{WAITS}: {error}");
            }
            state = self.state();
        }
    }
}

/// A group and its gates, as a transaction leaves them.
struct Changed {
    trigger: String,
    row: Row,
    gates: Gates,
}

/// Adds what was counted to the rows; gives them as they stand then, in the same order. A row that is
/// damaged stays as it is, and costs no other.
fn put(records: &Records<'_>, taken: &[(Key, Head, Waiting)]) -> Result<Vec<Option<Row>>> {
    let conn = records.conn;
    let mut groups_of: HashMap<&str, u64> = HashMap::new();
    let mut rows_now = Vec::new();
    for ((site, fingerprint), head, waiting) in taken {
        let found = match rows::find(conn, site, fingerprint) {
            Err(Error::Corrupt(damage)) => {
                log::error!("{damage}; {} more are not counted", waiting.count());
                rows_now.push(None);
                continue;
            }
            found => found?,
        };
        let at = waiting.met.map_or(records.now, |(first, _)| first).micros();
        let mut row = match found {
            Some(row) => row,
            None => {
                let groups = match groups_of.entry(site) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(rows::count(conn, site)?),
                };
                let others = others(site);
                if *groups < GROUPS_MAX || *fingerprint == others.fingerprint {
                    *groups += 1;
                    Row::new(head.clone(), at)
                } else {
                    let row = rows::find(conn, site, &others.fingerprint)?;
                    row.unwrap_or_else(|| Row::new(others, at))
                }
            }
        };
        waiting.put_into(&mut row);
        rows::write(conn, &row)?;
        rows_now.push(Some(row));
    }
    Ok(rows_now)
}

/// The row of a group and its head; the group of what is one too many, where its site is full.
fn place_of(view: &View<'_>, head: Head, is_full: bool) -> Result<(Option<Row>, Head, bool)> {
    let site = &head.place[0];
    if let Some(row) = rows::find(view.conn, site, &head.fingerprint)? {
        return Ok((Some(row), head, is_full));
    }
    if !is_full && rows::count(view.conn, site)? < GROUPS_MAX {
        return Ok((None, head, false));
    }
    let others = others(site);
    let row = rows::find(view.conn, site, &others.fingerprint)?;
    Ok((row, others, true))
}

fn gate_key(key: &Key, trigger: &str) -> (String, String) {
    (key.0.clone(), trigger.to_owned())
}

fn has(structures: &[u8], structure: &Digest) -> bool {
    structures.chunks_exact(DIGEST_BYTES).any(|known| known == structure)
}

fn gone() -> Error {
    Error::Database { doing: "counting an incident", source: "its group is gone".into() }
}
