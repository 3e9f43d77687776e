//! Group commit: many snapshots, one transaction, one wait for the disk.
//!
//! Prepared snapshots queue up. One thread takes what is waiting, writes each within a savepoint
//! of its own, commits once, and then tells each caller. While it waits for the disk the next
//! group gathers, so that the more callers there are, the fewer waits there are for each. Of a bulk
//! import, what comes while a group is written goes on with it.
//!
//! **Invariant:** a caller is told that a snapshot is stored only when it is durable.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::snapshot::Receipt;
use crate::model::time::Stopwatch;
use crate::store::lanes::Lane;
use crate::store::prepare::Prepared;
use crate::store::{Shared, sqlite};

/// The most snapshots that are committed together.
const GROUP_MAX: usize = 4_096;
/// The most bytes that are committed together. A larger transaction keeps others waiting and
/// makes the write-ahead log grow.
const GROUP_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most snapshots that wait; whoever brings more waits too.
const QUEUE_MAX: usize = 2 * GROUP_MAX;
/// The most bytes that wait.
const QUEUE_BYTES_MAX: usize = 2 * GROUP_BYTES_MAX;
/// How long after a group began it is committed, where a bulk import keeps bringing more. What comes
/// is written meanwhile, and others that write wait. Then it is their turn for as long.
const GATHER: Duration = Duration::from_millis(250);

/// From so many bytes on a group does not go on: the disk takes them while the rest is made ready.
const GOES_ON_BYTES_MAX: usize = 4 * 1024 * 1024;

struct Job {
    prepared: Prepared,
    bytes: usize,
    /// Whether somebody waits for it already.
    awaited: bool,
    reply: SyncSender<Result<Receipt>>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    bytes: usize,
    awaited: usize,
    /// How many snapshots were ever added, and how many of them were written, well or not.
    added: u64,
    written: u64,
    /// How many are being written just now.
    in_hand: usize,
    /// Bulk imports that are bringing more.
    bulk: usize,
    closed: bool,
}

/// Prepared snapshots that wait to be written.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

/// A snapshot on its way into the store.
#[must_use = "a snapshot is stored when its ticket says so"]
pub struct Ticket(Fate);

enum Fate {
    Waiting(Receiver<Result<Receipt>>),
    Refused(Error),
    Told,
}

impl Ticket {
    /// A ticket of a snapshot that is not even tried.
    pub(crate) fn refused(error: Error) -> Self {
        Ticket(Fate::Refused(error))
    }

    /// Tells how it went, once, where that is known by now; nothing where it is not, and nothing
    /// after it was told.
    pub fn poll(&mut self) -> Option<Result<Receipt>> {
        let result = match &self.0 {
            Fate::Told => return None,
            Fate::Refused(error) => Err(error.again()),
            Fate::Waiting(reply) => match reply.try_recv() {
                Ok(result) => result,
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => Err(gone()),
            },
        };
        self.0 = Fate::Told;
        Some(result)
    }

    /// Waits until the snapshot is durable.
    ///
    /// Fails with what kept it from being stored. After [`poll`](Ticket::poll) has told, there
    /// is nothing to wait for, and this fails too.
    pub fn wait(self) -> Result<Receipt> {
        match self.0 {
            Fate::Waiting(reply) => reply.recv().unwrap_or_else(|_| Err(gone())),
            Fate::Refused(error) => Err(error),
            Fate::Told => Err(Error::invalid("ticket", "", "it has told already")),
        }
    }
}

fn gone() -> Error {
    let source = "the writing thread did not come to its end".into();
    Error::Database { doing: "writing a snapshot", source }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, state: MutexGuard<'q, State>) -> MutexGuard<'q, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a snapshot, waiting while the queue is full.
    pub(crate) fn push(&self, prepared: Prepared, awaited: bool) -> Ticket {
        let (reply, ticket) = sync_channel(1);
        let bytes = prepared.weight();
        let mut state = self.state();
        while !state.closed
            && (state.jobs.len() >= QUEUE_MAX
                || (state.bytes > 0 && state.bytes + bytes > QUEUE_BYTES_MAX))
        {
            state = self.wait(state);
        }
        if !state.closed {
            state.bytes += bytes;
            state.awaited += usize::from(awaited);
            state.added += 1;
            state.jobs.push_back(Job { prepared, bytes, awaited, reply });
        }
        drop(state);
        self.changed.notify_all();
        Ticket(Fate::Waiting(ticket))
    }

    /// Whether nothing waits, nothing is being written, and no more is known to come.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state();
        state.jobs.is_empty() && state.in_hand == 0 && state.bulk == 0 && !state.closed
    }

    /// Lets groups gather while `import` brings many snapshots.
    pub(crate) fn during_bulk<T>(&self, import: impl FnOnce() -> T) -> T {
        struct Bulk<'q>(&'q Queue);
        impl Drop for Bulk<'_> {
            fn drop(&mut self) {
                self.0.state().bulk -= 1;
                self.0.changed.notify_all();
            }
        }
        self.state().bulk += 1;
        let _bulk = Bulk(self);
        import()
    }

    /// Waits until all that is in the queue now has been written, well or not.
    pub(crate) fn drain(&self) {
        let mut state = self.state();
        let added = state.added;
        // As good as somebody who waits for a snapshot: a group that gathers ends gathering.
        state.awaited += 1;
        self.changed.notify_all();
        while state.written < added {
            state = self.wait(state);
        }
        state.awaited -= 1;
    }

    /// Lets the thread end when it has written what is waiting.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Lets a group that goes on be committed while `wait` waits for the turn to write.
    pub(crate) fn while_waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.state().awaited += 1;
        self.changed.notify_all();
        let turn = wait();
        self.state().awaited -= 1;
        turn
    }

    /// Takes what a group begins with; none when the queue is closed and empty. Where a bulk import
    /// brings more, it begins after a `pause`.
    fn take(&self, pause: Duration) -> Option<(Vec<Job>, Group)> {
        let mut state = self.state();
        state.written += std::mem::take(&mut state.in_hand) as u64;
        self.changed.notify_all();
        while state.jobs.is_empty() {
            if state.closed {
                return None;
            }
            state = self.wait(state);
        }
        let watch = Stopwatch::start();
        let mut group = Group::default();
        // Others that write come in between groups.
        state = self.gather(state, &watch, pause, |state| {
            state.jobs.len() >= GROUP_MAX || state.bytes >= GOES_ON_BYTES_MAX
        });
        // The first does not: at the first commit the disk is waited for three times.
        group.goes_on = state.bulk > 0 && state.awaited == 0 && !pause.is_zero();
        let jobs = self.hand_out(state, &mut group);
        Some((jobs, group))
    }

    /// Takes what goes on with a group; nothing where the group is to be committed.
    fn take_more(&self, group: &mut Group, watch: &Stopwatch) -> Vec<Job> {
        if !group.goes_on || group.count >= GROUP_MAX || group.bytes >= GOES_ON_BYTES_MAX {
            return Vec::new();
        }
        let state = self.gather(self.state(), watch, GATHER, |state| !state.jobs.is_empty());
        // Of an import that has ended, what is left.
        group.goes_on = state.awaited == 0 && !watch.left_of(GATHER).is_zero();
        match group.goes_on {
            true => self.hand_out(state, group),
            false => Vec::new(),
        }
    }

    /// Waits until there is `enough`, where a bulk import is known to bring more and nobody waits for
    /// what is there, or to write.
    fn gather<'q>(
        &self,
        mut state: MutexGuard<'q, State>,
        watch: &Stopwatch,
        time: Duration,
        enough: impl Fn(&State) -> bool,
    ) -> MutexGuard<'q, State> {
        while state.bulk > 0 && state.awaited == 0 && !state.closed && !enough(&state) {
            let left = watch.left_of(time);
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// Takes of what is there as much as a group has room for.
    fn hand_out(&self, mut state: MutexGuard<'_, State>, group: &mut Group) -> Vec<Job> {
        let mut jobs = Vec::new();
        while let Some(job) = state.jobs.pop_front_if(|job| group.has_room_for(job)) {
            group.add(&job);
            state.bytes -= job.bytes;
            state.awaited -= usize::from(job.awaited);
            jobs.push(job);
        }
        state.in_hand += jobs.len();
        drop(state);
        self.changed.notify_all();
        jobs
    }
}

/// How much is committed together.
#[derive(Default)]
struct Group {
    count: usize,
    bytes: usize,
    /// Whether what comes while it is written goes on with it.
    goes_on: bool,
}

impl Group {
    fn add(&mut self, job: &Job) {
        self.count += 1;
        self.bytes += job.bytes;
        self.goes_on &= !job.awaited;
    }

    fn has_room_for(&self, job: &Job) -> bool {
        self.count == 0 || (self.count < GROUP_MAX && self.bytes + job.bytes <= GROUP_BYTES_MAX)
    }
}

/// Writes groups until the queue is closed.
pub(crate) fn run(shared: Arc<Shared>) {
    let mut pause = Duration::ZERO;
    while let Some((jobs, group)) = shared.queue.take(pause) {
        let watch = Stopwatch::start();
        // A panic, of the caller's clock say, must not leave others waiting for ever: a job that
        // is dropped without a reply tells its ticket so.
        if catch_unwind(AssertUnwindSafe(|| write(&shared, jobs, group))).is_err() {
            log::error!("writing snapshots panicked; none of the group was stored");
        }
        pause = watch.elapsed().min(GATHER);
    }
}

/// A snapshot that was written and is not yet committed: what it holds is let go of.
struct Written {
    reply: SyncSender<Result<Receipt>>,
    lanes: Vec<Lane>,
    result: Option<Result<Receipt>>,
}

/// Writes a group that begins with these. What comes while it is written goes on with it.
fn write(shared: &Shared, mut jobs: Vec<Job>, mut group: Group) {
    let watch = Stopwatch::start();
    let mut written = Vec::with_capacity(jobs.len());
    let committed = shared.write(|tx| {
        loop {
            // All of them are to be told, also where the transaction dies of one.
            let mut dead = Ok(());
            for Job { prepared, reply, .. } in jobs.drain(..) {
                let result = dead.is_ok().then(|| tx.create_queued(&prepared));
                if dead.is_ok() {
                    dead = tx.alive();
                }
                let lanes = prepared.contents.into_iter().map(|content| content.lane).collect();
                written.push(Written { reply, lanes, result });
            }
            dead?;
            jobs = shared.queue.take_more(&mut group, &watch);
            if jobs.is_empty() {
                return Ok(());
            }
        }
    });
    let left = jobs.into_iter().map(|Job { prepared, reply, .. }| {
        let lanes = prepared.contents.into_iter().map(|content| content.lane).collect();
        Written { reply, lanes, result: None }
    });
    match committed {
        Ok(()) => {
            for Written { reply, result, .. } in written {
                // A caller that does not wait does not want to know.
                let result = result.unwrap_or_else(|| Err(gone()));
                let _ = reply.send(result.map_err(|error| sqlite::at(&shared.path, error)));
            }
        }
        // Those too that it did not come to: the transaction could not begin.
        Err(error) => {
            for Written { reply, lanes, .. } in written.into_iter().chain(left) {
                lanes.iter().for_each(|lane| shared.lanes.forget(lane));
                let _ = reply.send(Err(error.again()));
            }
        }
    }
}
