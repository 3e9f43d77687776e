//! What came in over a connection, and who waits for it.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::events::{EventLog, Numbered};
use crate::capture::Fault;
use crate::format::protocol::{self, ProtocolEvent};
use crate::model::time::{Stopwatch, Time};
use crate::store::locked;

/// What is called at once when an event comes; nothing for most.
pub(super) type Reflex = Box<dyn FnMut(&ProtocolEvent) -> Vec<Call> + Send>;

/// A call that nobody waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// In which session.
    pub session: String,
    /// What is called.
    pub method: &'static str,
    /// With what.
    pub params: Value,
}

/// Answers for whoever waits, events for the [log](EventLog).
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// What is waited for; what nobody waits for is thrown away.
    answers: HashMap<u64, Option<Result<Value, Fault>>>,
    log: EventLog,
    reflexes: Vec<Reflex>,
    crashed: bool,
    gone: Option<String>,
}

impl State {
    /// Why nothing will come any more.
    fn ended(&self) -> Option<Fault> {
        match &self.gone {
            Some(why) => Some(Fault::Gone(why.clone())),
            // A crashed page answers nothing.
            None if self.crashed => Some(Fault::Crashed),
            None => None,
        }
    }
}

impl Inbox {
    /// Records an event of which `params` is JSON, and tells what is to be called at once.
    pub fn record(&self, at: Time, session: String, method: String, params: &str) -> Vec<Call> {
        let mut calls = Vec::new();
        let mut state = locked(&self.state);
        state.log.record(at, &session, &method, params);
        state.crashed |= method == "Inspector.targetCrashed" && session.is_empty();
        if !state.reflexes.is_empty() && may_need_an_answer(&method) {
            let params = protocol::read(params).unwrap_or_default();
            let event = ProtocolEvent { at, session, method, params };
            calls = state.reflexes.iter_mut().flat_map(|reflex| reflex(&event)).collect();
        }
        drop(state);
        self.news.notify_all();
        calls
    }

    /// Makes a place for the answer to a call, before it is made.
    pub fn expect(&self, id: u64) {
        locked(&self.state).answers.insert(id, None);
    }

    /// Whether somebody waits for the answer to this call.
    pub fn is_awaited(&self, id: u64) -> bool {
        locked(&self.state).answers.contains_key(&id)
    }

    /// Gives an answer to whoever waits for it.
    pub fn answer(&self, id: u64, answer: Result<Value, Fault>) {
        if let Some(place) = locked(&self.state).answers.get_mut(&id) {
            *place = Some(answer);
        }
        self.news.notify_all();
    }

    /// Waits for the answer to a call that was [expected](Inbox::expect).
    pub fn await_answer(&self, id: u64, within: Duration) -> Result<Value, Fault> {
        let answer = self.wait(within, |state| state.answers.get_mut(&id)?.take());
        locked(&self.state).answers.remove(&id);
        answer?.unwrap_or(Err(Fault::TimedOut { after: within }))
    }

    /// Waits until there is an event after this number; false where there is none in time.
    pub fn wait_for_event(&self, after: u64, within: Duration) -> Result<bool, Fault> {
        let newer = |state: &mut State| (state.log.last() > after).then_some(());
        Ok(self.wait(within, newer)?.is_some())
    }

    /// Says that nothing will come any more, and why.
    pub fn end(&self, why: String) {
        locked(&self.state).gone = Some(why);
        self.news.notify_all();
    }

    /// Why nothing will come any more, where that is so.
    pub fn ended(&self) -> Option<Fault> {
        locked(&self.state).ended()
    }

    /// Waits until the connection has ended; false where it has not in time.
    pub fn wait_for_end(&self, within: Duration) -> bool {
        matches!(self.wait(within, |_| None::<()>), Err(Fault::Gone(_)))
    }

    /// The events after this number that are wanted.
    pub fn events(&self, after: u64, wanted: &dyn Fn(&str) -> bool) -> Vec<Numbered> {
        locked(&self.state).log.after(after, wanted)
    }

    /// The number of the newest event.
    pub fn last(&self) -> u64 {
        locked(&self.state).log.last()
    }

    /// How many events were not kept.
    pub fn dropped(&self) -> u64 {
        locked(&self.state).log.dropped()
    }

    /// Adds a reflex.
    pub fn on(&self, reflex: Reflex) {
        locked(&self.state).reflexes.push(reflex);
    }

    /// Waits until `look` finds what it looks for, or the time is up. What came is looked at before
    /// what ended it.
    fn wait<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let watch = Stopwatch::start();
        let mut state = locked(&self.state);
        loop {
            if let Some(found) = look(&mut state) {
                return Ok(Some(found));
            }
            if let Some(fault) = state.ended() {
                return Err(fault);
            }
            let left = watch.left_of(within);
            if left.is_zero() {
                return Ok(None);
            }
            state = wait_on(&self.news, state, left);
        }
    }
}

fn wait_on<'a>(
    news: &Condvar,
    state: MutexGuard<'a, State>,
    within: Duration,
) -> MutexGuard<'a, State> {
    news.wait_timeout(state, within).unwrap_or_else(PoisonError::into_inner).0
}

/// Whether an event is of a kind that something hangs on until it is answered.
fn may_need_an_answer(method: &str) -> bool {
    ["Page.javascriptDialogOpening", "Fetch.", "Target.", "Page.fileChooserOpened", "Inspector."]
        .iter()
        .any(|kind| method.starts_with(kind))
}
