//! Rules, looked at again and again by a thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;

use super::evaluate::{self, Notice, shipped_rules};
use crate::error::{Error, Result};
use crate::model::alert::Rule;
use crate::model::metric::Thinning;
use crate::model::time::{Stopwatch, Time};
use crate::records::metrics::Collector;
use crate::store::{Repository, locked};

/// How often rules are looked at unless told.
const EVERY: Duration = Duration::from_secs(30);
/// The longest that it waits between two looks.
const EVERY_MAX: Duration = Duration::from_secs(24 * 3600);

type Listener = Box<dyn Fn(&Notice) + Send + Sync>;

/// Looks at the rules of a store again and again, in a thread of its own, and tells what listens of
/// alerts that fire and that are over.
///
/// It holds the store open until it is dropped. What listens may take its time, and may panic: that is
/// logged, and the others are told nevertheless.
///
/// ```
/// use std::sync::mpsc;
/// use tintype::Repository;
/// use tintype::ops::monitor::Monitor;
///
/// let repo = Repository::temporary()?;
/// let (told, alerts) = mpsc::channel();
/// let monitor = Monitor::new(&repo).on_notice(move |notice| {
///     let _ = told.send(notice.alert.message.clone());
/// });
/// monitor.start()?;
/// assert!(monitor.status().running);
/// monitor.stop();
/// # drop(alerts);
/// # Ok::<(), tintype::Error>(())
/// ```
pub struct Monitor {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Inner {
    repo: Repository,
    rules: Vec<Rule>,
    every: Duration,
    listeners: Vec<Listener>,
    state: Mutex<State>,
    /// Told that it is to stop.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of the thread that is to look, counted from 1; 0 where none is.
    looking: u64,
    /// How many were started.
    started: u64,
    status: MonitorStatus,
}

/// What a [`Monitor`] does and did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct MonitorStatus {
    /// Whether it is looking.
    pub running: bool,
    /// When it was last started.
    pub started_at: Option<Time>,
    /// How often it has looked at all rules.
    pub evaluations: u64,
    /// When it last did.
    pub evaluated_at: Option<Time>,
    /// What it has told those that listen.
    pub notices: u64,
    /// Why the last look failed, if it did.
    pub error: Option<String>,
}

impl Monitor {
    /// One of the rules that ship, every 30 seconds.
    pub fn new(repo: &Repository) -> Self {
        let inner = Inner {
            repo: repo.clone(),
            rules: shipped_rules(),
            every: EVERY,
            listeners: Vec::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Monitor { inner: Arc::new(inner), thread: Mutex::default() }
    }

    /// Looks at these rules instead.
    ///
    /// Fails with `Invalid` where one is not a rule, or two have one name, and where it was started.
    pub fn rules(mut self, rules: Vec<Rule>) -> Result<Self> {
        evaluate::check(&rules)?;
        self.change()?.rules = rules;
        Ok(self)
    }

    /// Looks so often.
    ///
    /// Fails with `Invalid` for no time at all and for more than a day, and where it was started.
    pub fn every(mut self, every: Duration) -> Result<Self> {
        if every.is_zero() || every > EVERY_MAX {
            let value = format!("{} s", every.as_secs_f64());
            return Err(Error::invalid("interval", value, "more than nothing and at most a day"));
        }
        self.change()?.every = every;
        Ok(self)
    }

    /// Says how long what was counted is kept where this handle of the store writes it.
    ///
    /// Fails with `Invalid` where minutes would be kept longer than hours.
    pub fn thinning(self, thinning: Thinning) -> Result<Self> {
        Collector::of(&self.inner.repo).thin_as(thinning)?;
        Ok(self)
    }

    /// Tells alerts to something, in the thread that looks. Once it was started it is too late.
    pub fn on_notice(mut self, listen: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        match self.change() {
            Ok(inner) => inner.listeners.push(Box::new(listen)),
            Err(error) => log::warn!("{error}"),
        }
        self
    }

    fn change(&mut self) -> Result<&mut Inner> {
        let started = "it was started; make another";
        Arc::get_mut(&mut self.inner).ok_or_else(|| Error::invalid("monitor", "", started))
    }

    /// Starts looking, at once for the first time. Where it looks already nothing changes.
    ///
    /// Fails where the system gives no thread.
    pub fn start(&self) -> Result<()> {
        let mut thread = locked(&self.thread);
        if self.status().running {
            return Ok(());
        }
        let number = {
            let now = self.inner.repo.now();
            let mut state = self.inner.state();
            state.started += 1;
            state.looking = state.started;
            state.status.running = true;
            state.status.started_at = Some(now);
            state.started
        };
        let inner = self.inner.clone();
        let spawned = thread::Builder::new().name("tintype-monitor".to_owned());
        match spawned.spawn(move || inner.run(number)) {
            Ok(started) => {
                *thread = Some(started);
                Ok(())
            }
            Err(source) => {
                self.inner.stop();
                let doing = "starting the thread that monitors";
                Err(Error::Database { doing, source: Box::new(source) })
            }
        }
    }

    /// Stops looking; waits until what is under way has ended, unless it is called by what listens.
    pub fn stop(&self) {
        self.inner.stop();
        let thread = locked(&self.thread).take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            log::error!("the thread that monitors panicked");
        }
    }

    /// What it does and did.
    pub fn status(&self) -> MonitorStatus {
        self.inner.state().status.clone()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    fn stop(&self) {
        let mut state = self.state();
        state.looking = 0;
        state.status.running = false;
        drop(state);
        self.changed.notify_all();
    }

    fn run(&self, number: u64) {
        while self.state().looking == number {
            let watch = Stopwatch::start();
            self.look();
            let mut state = self.state();
            loop {
                let left = watch.left_of(self.every);
                if state.looking != number || left.is_zero() {
                    break;
                }
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    fn look(&self) {
        let looked = catch_unwind(AssertUnwindSafe(|| evaluate::evaluate(&self.repo, &self.rules)));
        let panicked = || Error::Database { doing: "evaluating", source: "it panicked".into() };
        let looked = looked.unwrap_or_else(|_| Err(panicked()));
        let mut told = 0;
        for notice in looked.iter().flatten() {
            for listen in &self.listeners {
                if catch_unwind(AssertUnwindSafe(|| listen(notice))).is_err() {
                    log::error!("what listens to alerts panicked");
                }
            }
            told += 1;
        }
        if let Err(error) = &looked {
            log::warn!("monitor: {error}");
        }
        let now = self.repo.now();
        let mut state = self.state();
        state.status.evaluations += 1;
        state.status.evaluated_at = Some(now);
        state.status.notices += told;
        state.status.error = looked.err().map(|error| error.to_string());
    }
}
