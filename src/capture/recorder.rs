//! Captures into a store.
//!
//! A [`Recorder`] takes a page as [`draft_of`] does, redacts it with the store's own key, and stores
//! it: before it returns, or in a thread of its own, where the caller's page can't wait.
//!
//! **Invariant:** what was collected is stored, or an error says why not: to whoever waits for the
//! [`Captured`], and to [`Recorder::flush`]. Dropping the last recorder waits for what is queued.
//!
//! Four flags of the store govern it (see [`model::flag`](crate::model::flag)), asked for each capture:
//! whether captures are stored, whether in the background, whether the element is kept beside the page,
//! whether they are written in the old flat layout. That a flag is off is no error: [`Captured::off`]
//! says so.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::keep::{Way, Ways};
use super::redact::Redactor;
use super::taken::guarded;
use super::trigger::Triggers;
use super::{Page, draft_of};
use crate::error::{Error, Result};
use crate::model::artifact::ArtifactStatus;
use crate::model::config::{CaptureConfig, FACTS};
use crate::model::context::Context;
use crate::model::flag::CONTEXT_AWARE_BUNDLES;
use crate::model::snapshot::{Draft, Receipt, Status};
use crate::model::time::Stopwatch;
use crate::records::flags::Flags;
use crate::records::incidents::Incidents;
use crate::records::metrics;
use crate::store::{Repository, locked};

/// How many captures may be collected and not stored yet. A page is some megabytes.
const QUEUE_MAX: usize = 8;
/// What the key for redaction is derived for.
const REDACTION: &str = "tintype 2026-11 tokens in place of secrets";

/// What a recorder is told beside its store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecorderOptions {
    /// The environment in which it runs, as flags ask for it.
    pub environment: Option<String>,
    /// Where captures are written in the old flat layout while the flag `legacy_compatibility` is on:
    /// `<store>.legacy` unless told. A store in memory has no such place of its own.
    pub legacy_folder: Option<PathBuf>,
}

/// Stores captures of pages. Cheap to clone; clones share the queue.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    repo: Repository,
    ways: Arc<Ways>,
    redactor: Redactor,
    triggers: Triggers,
    incidents: Incidents,
    saver: Mutex<Option<Saver>>,
    /// The first error since [`Recorder::flush`] was last called.
    failure: Arc<Mutex<Option<Error>>>,
}

/// The thread that stores what was collected.
struct Saver {
    queue: SyncSender<Job>,
    thread: JoinHandle<()>,
}

enum Job {
    Store(Box<Draft>, Way, Stopwatch, SyncSender<Result<Option<Receipt>>>),
    Flush(SyncSender<()>),
}

/// A capture that was collected: what it has, and how to learn that it is durable.
#[must_use = "it says whether it is stored only when it is waited for"]
#[derive(Debug)]
pub struct Captured {
    /// How much of what was asked for it holds.
    pub status: Status,
    /// What is known about the page and the capture, as in `facts.json`, with the ledger.
    pub facts: Value,
    /// What could not be had, and why: artifact and reason.
    pub failures: Vec<(String, String)>,
    /// The flag that keeps it from being stored, where one does. Where nothing is written in the old
    /// layout either, the page was not looked at: there are no facts then.
    pub off: Option<&'static str>,
    stored: Stored,
}

#[derive(Debug)]
enum Stored {
    Already(Option<Receipt>),
    Soon(Receiver<Result<Option<Receipt>>>),
}

impl Captured {
    /// Waits until it is durable, where it is not yet; gives nothing where a flag keeps it from being
    /// stored, which [`off`](Captured::off) names.
    ///
    /// Fails where it could not be stored.
    pub fn wait(self) -> Result<Option<Receipt>> {
        match self.stored {
            Stored::Already(receipt) => Ok(receipt),
            Stored::Soon(told) => told.recv().unwrap_or_else(|_| {
                Err(Error::Database { doing: "storing a capture", source: GONE.into() })
            }),
        }
    }
}

/// Why nothing is heard of a capture.
const PANICKED: &str = "storing it panicked";
const GONE: &str = "the thread that stores captures has ended";

impl Recorder {
    /// A recorder into this store.
    pub fn new(repo: &Repository) -> Self {
        Recorder::with(repo, RecorderOptions::default())
    }

    /// A recorder into this store that is told more.
    pub fn with(repo: &Repository, options: RecorderOptions) -> Self {
        let redactor = Redactor::new(repo.derived_key(REDACTION));
        let RecorderOptions { environment, legacy_folder } = options;
        let inner = Inner {
            repo: repo.clone(),
            ways: Arc::new(Ways::new(repo, environment, legacy_folder)),
            redactor,
            triggers: Triggers::default(),
            incidents: Incidents::of(repo),
            saver: Mutex::new(None),
            failure: Arc::default(),
        };
        Recorder { inner: Arc::new(inner) }
    }

    /// The store.
    pub fn repository(&self) -> &Repository {
        &self.inner.repo
    }

    /// The flags of the store.
    pub fn flags(&self) -> &Flags {
        &self.inner.ways.flags
    }

    /// What redacts with this store's key: the same secret becomes the same token in all of it.
    pub fn redactor(&self) -> &Redactor {
        &self.inner.redactor
    }

    /// Whether a flag is on for captures of a place.
    pub(super) fn is_on(&self, flag: &str, context: &Context) -> bool {
        self.inner.ways.is_on(flag, context)
    }

    pub(super) fn triggers(&self) -> &Triggers {
        &self.inner.triggers
    }

    pub(super) fn incidents(&self) -> &Incidents {
        &self.inner.incidents
    }

    /// Captures a page. See [`draft_of`] for what becomes of what can't be had.
    ///
    /// Where the configuration saves asynchronously this returns when everything is collected;
    /// [`Captured::wait`] and [`flush`](Recorder::flush) tell when it is durable.
    pub fn capture(
        &self,
        page: &mut dyn Page,
        context: &Context,
        config: &CaptureConfig,
    ) -> Result<Captured> {
        self.capture_as(page, Draft::new().context(context.clone()), config)
    }

    /// Captures a page into a draft that says already where it belongs, and maybe when it was taken,
    /// its tags, a description.
    ///
    /// ```no_run
    /// # fn f(recorder: &tintype::Recorder, page: &mut dyn tintype::capture::Page) -> tintype::Result<()> {
    /// use tintype::{CaptureConfig, Draft};
    /// let draft = Draft::new().context("shop.example/login".parse()?).at("2026-11-22".parse()?);
    /// let receipt = recorder.capture_as(page, draft, &CaptureConfig::debug())?.wait()?;
    /// // Nothing where captures are switched off.
    /// println!("{:?}", receipt.map(|receipt| receipt.version));
    /// # Ok(()) }
    /// ```
    pub fn capture_as(
        &self,
        page: &mut dyn Page,
        draft: Draft,
        config: &CaptureConfig,
    ) -> Result<Captured> {
        let begun = Stopwatch::start();
        let ways = &self.inner.ways;
        if let Some(flag) = self.is_off(&draft) {
            let (status, facts, failures) = (Status::Minimal, Value::Null, Vec::new());
            let (off, stored) = (Some(flag), Stored::Already(None));
            return Ok(Captured { status, facts, failures, off, stored });
        }
        let way = ways.of(&draft.context);
        let off = (!way.stored).then_some(CONTEXT_AWARE_BUNDLES);
        let config = &ways.allowed(&draft.context, config);
        let draft = self.drawn(page, draft, config)?;
        let status = draft.chosen_status().unwrap_or(Status::Complete);
        let facts = draft.artifacts().iter().find(|artifact| artifact.name().as_str() == FACTS);
        let facts = facts.and_then(|facts| serde_json::from_slice(facts.content()?).ok());
        let failed = draft.artifacts().iter().filter(|artifact| {
            matches!(artifact.status(), ArtifactStatus::Failed | ArtifactStatus::Redacted)
        });
        let failures = failed
            .map(|artifact| {
                (artifact.name().to_string(), artifact.reason().unwrap_or_default().to_owned())
            })
            .collect();
        let stored = match config.async_save {
            true => self.inner.save_soon(draft, way, begun)?,
            false => Stored::Already(self.inner.keep(draft, way, begun)?),
        };
        Ok(Captured { status, facts: facts.unwrap_or_default(), failures, off, stored })
    }

    /// Takes a page as [`capture_as`](Recorder::capture_as) does, and stores nothing: for who has more
    /// to say of it once it is seen.
    pub fn draft(
        &self,
        page: &mut dyn Page,
        draft: Draft,
        config: &CaptureConfig,
    ) -> Result<Draft> {
        let config = self.inner.ways.allowed(&draft.context, config);
        self.drawn(page, draft, &config)
    }

    fn drawn(&self, page: &mut dyn Page, draft: Draft, config: &CaptureConfig) -> Result<Draft> {
        let site = draft.context.site_name().to_owned();
        let drawn = draft_of(page, draft, config, &self.inner.redactor);
        drawn.inspect_err(|error| metrics::failed(&self.inner.repo, &site, error))
    }

    /// Keeps a draft as the flags say, before this returns, and counts it as a capture that was begun
    /// then: gives nothing where a flag keeps it from being stored.
    ///
    /// Fails where it could not be stored.
    pub fn store(&self, draft: Draft, begun: Stopwatch) -> Result<Option<Receipt>> {
        let way = self.inner.ways.of(&draft.context);
        self.inner.keep(draft, way, begun)
    }

    /// The flag that keeps a draft from being kept in any way, where one does.
    pub fn is_off(&self, draft: &Draft) -> Option<&'static str> {
        let way = self.inner.ways.of(&draft.context);
        (!way.stored && !way.flat).then_some(CONTEXT_AWARE_BUNDLES)
    }

    /// Waits until everything that was collected is durable, and writes what was counted of incidents.
    ///
    /// Fails with the first error that storing met since this was last called, also where somebody
    /// was told of it.
    pub fn flush(&self) -> Result<()> {
        let (done, wait) = mpsc::sync_channel(1);
        let queue = locked(&self.inner.saver).as_ref().map(|saver| saver.queue.clone());
        if let Some(queue) = queue
            && (queue.send(Job::Flush(done)).is_err() || wait.recv().is_err())
        {
            return Err(Error::Database { doing: "storing captures", source: GONE.into() });
        }
        let counted = self.inner.incidents.flush();
        match locked(&self.inner.failure).take() {
            Some(error) => Err(error),
            None => counted,
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("store", &self.inner.repo.path()).finish_non_exhaustive()
    }
}

impl Inner {
    fn keep(&self, draft: Draft, way: Way, begun: Stopwatch) -> Result<Option<Receipt>> {
        self.ways.keep(&self.repo, draft, way, begun, |error| lacks(&self.failure, &error))
    }

    fn save_soon(&self, draft: Draft, way: Way, begun: Stopwatch) -> Result<Stored> {
        let queue = {
            let mut saver = locked(&self.saver);
            match &*saver {
                Some(saver) => saver.queue.clone(),
                None => {
                    let started = self.start()?;
                    let queue = started.queue.clone();
                    *saver = Some(started);
                    queue
                }
            }
        };
        let (told, wait) = mpsc::sync_channel(1);
        // Waits where the queue is full: what is collected has a limit.
        queue
            .send(Job::Store(Box::new(draft), way, begun, told))
            .map_err(|_| Error::Database { doing: "storing a capture", source: GONE.into() })?;
        Ok(Stored::Soon(wait))
    }

    fn start(&self) -> Result<Saver> {
        let (queue, jobs) = mpsc::sync_channel(QUEUE_MAX);
        let (repo, ways) = (self.repo.clone(), Arc::clone(&self.ways));
        let failure = Arc::clone(&self.failure);
        let thread = thread::Builder::new()
            .name("tintype-saver".to_owned())
            .spawn(move || save_all(&jobs, &repo, &ways, &failure))
            .map_err(|source| Error::Database {
                doing: "starting the thread that stores captures",
                source: Box::new(source),
            })?;
        Ok(Saver { queue, thread })
    }
}

/// Puts on record that a capture was stored, and could not be written in the old layout.
fn lacks(failure: &Mutex<Option<Error>>, error: &Error) {
    log::error!("capture: it is stored, and not written in the old layout: {error}");
    locked(failure).get_or_insert_with(|| error.again());
}

fn save_all(jobs: &Receiver<Job>, repo: &Repository, ways: &Ways, failure: &Mutex<Option<Error>>) {
    for job in jobs {
        match job {
            Job::Store(draft, way, begun, told) => {
                let lacking = |error| lacks(failure, &error);
                let keep = || ways.keep(repo, *draft, way, begun, lacking);
                let stored = guarded(keep).unwrap_or_else(|_| {
                    Err(Error::Database { doing: "storing a capture", source: PANICKED.into() })
                });
                if let Err(error) = &stored {
                    log::error!("capture: it could not be stored: {error}");
                    locked(failure).get_or_insert_with(|| error.again());
                }
                // Who dropped it does not want to know.
                let _ = told.send(stored);
            }
            Job::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let saver = self.saver.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Saver { queue, thread }) = saver {
            // The thread stores what is queued, and ends where nobody can queue any more.
            drop(queue);
            let _ = thread.join();
        }
    }
}
