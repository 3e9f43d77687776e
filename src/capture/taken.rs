//! What was taken of a page, part by part. Each is redacted on a thread of its own while the page is
//! asked for the next one: the page has processes of its own, and would only wait.
//!
//! **Invariant:** nothing leaves here that did not go through redaction, where that is on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::redact::{Looked, Redactions, Redactor, Seen};
use super::{Fault, Item, Taken};
use crate::model::artifact::ArtifactStatus;
use crate::model::config::PagePart;
use crate::model::time::Stopwatch;

/// Why something is withheld that could not be redacted.
pub(super) const PANICKED: &str = "redacting it panicked, and nothing unredacted is kept";

/// One part, and what became of it.
pub(super) struct Step {
    pub part: PagePart,
    pub outcome: Outcome,
    pub took: Duration,
    /// Whether it was asked for, and not only looked at.
    pub asked: bool,
}

/// What became of one part.
pub(super) enum Outcome {
    Items(Vec<Kept>),
    Missing(ArtifactStatus, String),
}

impl Outcome {
    pub fn missing(status: ArtifactStatus, why: impl Into<String>) -> Self {
        Outcome::Missing(status, why.into())
    }

    /// What a page gave; not redacted yet.
    pub fn of(part: PagePart, taken: Result<Taken, Fault>) -> Self {
        let items = match taken {
            Ok(Taken::Content(content)) => vec![Item {
                name: part.artifact_name().to_owned(),
                media_type: part.media_type().to_owned(),
                content,
                detail: Value::Null,
            }],
            Ok(Taken::Several(items)) => items,
            Ok(Taken::Nothing(why)) => return Outcome::missing(ArtifactStatus::Empty, why),
            Ok(Taken::Withheld(why)) => return Outcome::missing(ArtifactStatus::Redacted, why),
            Err(fault) => return Outcome::missing(ArtifactStatus::Failed, fault.to_string()),
        };
        if items.is_empty() || items.iter().any(|item| item.content.is_empty()) {
            return Outcome::missing(ArtifactStatus::Failed, Fault::Empty.to_string());
        }
        Outcome::Items(items.into_iter().map(Kept::new).collect())
    }

    /// Redacts what was taken, also by what was secret elsewhere, unless that was done.
    pub fn redact(&mut self, redactor: &Redactor, seen: &mut Seen) {
        if let Outcome::Items(items) = self {
            items.iter_mut().for_each(|kept| kept.redact(redactor, seen));
        }
    }

    /// Whether something secret was seen that this was not searched for.
    pub fn lacks(&self, seen: &Seen) -> bool {
        let lacks = |kept: &Kept| kept.withheld.is_none() && kept.looked.lacks(seen);
        matches!(self, Outcome::Items(items) if items.iter().any(lacks))
    }
}

/// A piece of what was taken.
pub(super) struct Kept {
    pub item: Item,
    pub redactions: Redactions,
    /// Why nothing of it is kept, where that is so.
    pub withheld: Option<String>,
    looked: Looked,
}

impl Kept {
    fn new(item: Item) -> Self {
        let (redactions, looked) = (Redactions::default(), Looked::default());
        Kept { item, redactions, withheld: None, looked }
    }

    fn redact(&mut self, redactor: &Redactor, seen: &mut Seen) {
        if self.withheld.is_some() || !self.looked.lacks(seen) {
            return;
        }
        let Kept { item, redactions, looked, .. } = self;
        let mut detail_looked = *looked;
        let content = std::mem::take(&mut item.content);
        let redacted =
            guarded(|| redactor.content_of(&item.media_type, content, redactions, seen, looked));
        match redacted {
            Ok(Ok(content)) => item.content = content,
            Ok(Err(why)) => self.withheld = Some(why),
            Err(_) => self.withheld = Some(PANICKED.to_owned()),
        }
        if !item.detail.is_null() {
            redactor.value_of(&mut item.detail, redactions, seen, &mut detail_looked);
            *looked = detail_looked.min(*looked);
        }
        item.media_type = redactor.text(&item.media_type, redactions);
    }
}

/// The parts of a capture, in the order in which they were taken.
pub(super) struct Parts<'scope> {
    steps: Vec<Step>,
    redactor: Option<&'scope Redactor>,
    /// Redacts, where that is on and a thread can be had.
    worker: Option<Worker<'scope>>,
    /// What was secret, where there is no thread that knows it.
    seen: Seen,
}

/// A thread that redacts one after the other.
struct Worker<'scope> {
    todo: Sender<Outcome>,
    done: Receiver<(Outcome, Duration)>,
    /// Up to here the steps are redacted.
    redacted: usize,
    thread: ScopedJoinHandle<'scope, Seen>,
}

impl<'scope> Parts<'scope> {
    /// No parts yet.
    pub fn new<'env>(scope: &'scope Scope<'scope, 'env>, redactor: Option<&'env Redactor>) -> Self {
        let worker = redactor.and_then(|redactor| Worker::start(scope, redactor).ok());
        Parts { steps: Vec::new(), redactor, worker, seen: Seen::default() }
    }

    /// Adds a part that was taken just now.
    pub fn add(&mut self, mut step: Step) {
        match (&self.worker, self.redactor) {
            (Some(worker), _) => {
                let outcome = std::mem::replace(&mut step.outcome, Worker::lost());
                // Where the thread has ended the part is lost, which is what stands there.
                let _ = worker.todo.send(outcome);
            }
            (None, Some(redactor)) => step.outcome.redact(redactor, &mut self.seen),
            (None, None) => {}
        }
        self.steps.push(step);
    }

    /// Whether a part was taken.
    pub fn has(&self, part: PagePart) -> bool {
        self.steps.iter().any(|step| step.part == part)
    }

    /// Waits until all that was taken so far is redacted, and gives it.
    pub fn redacted(&mut self) -> &[Step] {
        if let Some(worker) = &mut self.worker {
            for step in self.steps.iter_mut().skip(worker.redacted) {
                if let Ok((outcome, took)) = worker.done.recv() {
                    step.outcome = outcome;
                    step.took += took;
                }
                worker.redacted += 1;
            }
        }
        &self.steps
    }

    /// Gives all parts, redacted, and what was secret in them.
    pub fn end(mut self) -> (Vec<Step>, Seen) {
        self.redacted();
        let seen = match self.worker {
            Some(Worker { todo, thread, .. }) => {
                drop(todo);
                thread.join().unwrap_or_default()
            }
            None => self.seen,
        };
        (self.steps, seen)
    }
}

impl<'scope> Worker<'scope> {
    fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        redactor: &'env Redactor,
    ) -> std::io::Result<Self> {
        let (todo, given) = mpsc::channel::<Outcome>();
        let (give, done) = mpsc::channel();
        let thread = thread::Builder::new().name("tintype-redact".into());
        let thread = thread.spawn_scoped(scope, move || {
            let mut seen = Seen::default();
            for mut outcome in given {
                let watch = Stopwatch::start();
                if guarded(|| outcome.redact(redactor, &mut seen)).is_err() {
                    outcome = Worker::lost();
                }
                if give.send((outcome, watch.elapsed())).is_err() {
                    break;
                }
            }
            seen
        })?;
        Ok(Worker { todo, done, redacted: 0, thread })
    }

    /// What stands for a part until it is redacted.
    fn lost() -> Outcome {
        Outcome::missing(ArtifactStatus::Redacted, PANICKED)
    }
}

/// Runs what a `Page` does, so that a mistake in it costs no more than this one thing.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Fault::Panicked)
}
