//! Being interrupted: what was begun is undone, and the exit code tells.
//!
//! A signal raises a flag. Long work looks at it wherever it tells how far it has come, and is unwound
//! from there: a transaction is rolled back, half a file goes with the value that holds it, a browser is
//! closed. What waits for somebody else, and so looks at nothing, is left where it stands: a store is
//! never harmed by the end of a process. What would leave half a file or a browser behind is waited for.
//! A second signal ends everything at once.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tintype::model::time::Stopwatch;

use crate::out;

/// How long a command that does nothing long may take to end by itself.
const IDLE_MAX: Duration = Duration::from_millis(300);
/// How long work may take to come to where it looks: where it waits for a lock, it does not look.
const WORK_MAX: Duration = Duration::from_secs(2);
/// How long what was begun may take to be undone, once that was seen, and a browser to be closed: one
/// that hangs takes nine seconds.
const UNDO_MAX: Duration = Duration::from_secs(20);
/// How often is looked whether the time is over.
const LOOK: Duration = Duration::from_millis(20);

/// Why a command is unwound.
pub struct Interrupted;

/// What a signal does before anything else, such as closing a browser that is waited for.
type Hook = Box<dyn FnOnce() + Send>;

/// Whether the command is to end.
#[derive(Default)]
pub struct Stop {
    /// The signal that came, 0 while there was none.
    signal: AtomicI32,
    /// Whether that was seen where it can be undone.
    seen: AtomicBool,
    /// How much is under way that would leave something behind if the process ended now.
    unfinished: AtomicUsize,
    /// How much is under way that looks whether it is to end.
    working: AtomicUsize,
    hook: Mutex<Option<Hook>>,
    /// How many hooks run.
    hooks: AtomicUsize,
    raised: Condvar,
    /// Raised with the signal, for those who look by themselves.
    flag: Arc<AtomicBool>,
}

/// Work that looks whether it is to end, as long as this is there.
pub struct Working(Arc<Stop>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Work that is waited for, as long as this is there.
pub struct Unfinished(Arc<Stop>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // If a signal has come, it goes on waiting until all is undone.
        if !self.0.is_raised() {
            self.0.unfinished.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// What a signal does, as long as this is there.
#[cfg(feature = "chrome")]
pub struct Hooked(Arc<Stop>);

#[cfg(feature = "chrome")]
impl Drop for Hooked {
    fn drop(&mut self) {
        // Taken out first: to drop it may take a while.
        let hook = self.0.hook().take();
        drop(hook);
    }
}

impl Stop {
    /// Begins to listen for SIGINT and SIGTERM, where there are signals.
    pub fn listen(json: bool) -> Arc<Stop> {
        let stop = Arc::new(Stop::default());
        #[cfg(unix)]
        {
            use signal_hook::consts::{SIGINT, SIGTERM};
            match signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) {
                Ok(mut signals) => {
                    let stop = Arc::clone(&stop);
                    thread::spawn(move || {
                        for signal in signals.forever() {
                            if stop.raise(signal) {
                                let stop = Arc::clone(&stop);
                                thread::spawn(move || stop.end_in_time(json));
                            } else {
                                std::process::exit(stop.code());
                            }
                        }
                    });
                }
                // They do then what they do by themselves.
                Err(why) => log::info!("signals are not listened for: {why}"),
            }
        }
        #[cfg(not(unix))]
        let _ = json;
        stop
    }

    /// The exit code of a command that was interrupted.
    pub fn code(&self) -> i32 {
        128 + self.signal.load(Ordering::SeqCst)
    }

    /// Unwinds this thread, if a signal has come.
    pub fn check(&self) {
        if self.is_raised() {
            self.seen.store(true, Ordering::SeqCst);
            // It is no panic: nothing is told, and `main` catches it.
            panic::resume_unwind(Box::new(Interrupted));
        }
    }

    /// Whether a signal has come.
    pub fn is_raised(&self) -> bool {
        self.signal.load(Ordering::SeqCst) != 0
    }

    /// What is raised with the signal.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// Waits until what the signal does is done.
    pub fn settle(&self) {
        while self.hooks.load(Ordering::SeqCst) > 0 {
            thread::sleep(LOOK);
        }
    }

    /// Says that work begins that looks whether it is to end.
    pub fn working(self: &Arc<Self>) -> Working {
        self.working.fetch_add(1, Ordering::SeqCst);
        Working(Arc::clone(self))
    }

    /// Says that something begins that would leave something behind if the process ended: half a
    /// file, a browser on its way. A signal waits for that, however long it takes.
    pub fn unfinished(self: &Arc<Self>) -> Unfinished {
        self.unfinished.fetch_add(1, Ordering::SeqCst);
        Unfinished(Arc::clone(self))
    }

    /// Does something that waits for somebody else: a signal ends it where it stands.
    pub fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        let working = self.working.swap(0, Ordering::SeqCst);
        let value = wait();
        self.working.store(working, Ordering::SeqCst);
        self.check();
        value
    }

    /// Sleeps; a signal wakes it, and this thread is unwound.
    pub fn sleep(&self, duration: Duration) {
        let watch = Stopwatch::start();
        let mut held = self.hook();
        while !self.is_raised() {
            let left = watch.left_of(duration);
            if left.is_zero() {
                return;
            }
            let woken = self.raised.wait_timeout(held, left);
            held = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(held);
        self.check();
    }

    /// Lets a signal do this too.
    #[cfg(feature = "chrome")]
    pub fn hooked(self: &Arc<Self>, hook: impl FnOnce() + Send + 'static) -> Hooked {
        *self.hook() = Some(Box::new(hook));
        Hooked(Arc::clone(self))
    }

    fn hook(&self) -> MutexGuard<'_, Option<Hook>> {
        self.hook.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a signal came; tells whether it is the first.
    #[cfg(unix)]
    fn raise(&self, signal: i32) -> bool {
        let first = self.signal.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
        self.flag.store(true, Ordering::SeqCst);
        // Held, so that nobody who is about to sleep misses it.
        drop(self.hook());
        self.raised.notify_all();
        first.is_ok()
    }

    /// Ends the process, where the command does not end by itself in time.
    #[cfg(unix)]
    fn end_in_time(self: &Arc<Self>, json: bool) {
        // Counted first, so that `settle` waits for one that was taken out and not begun yet.
        self.hooks.fetch_add(1, Ordering::SeqCst);
        let hook = self.hook().take();
        let closes = hook.is_some();
        let stop = Arc::clone(self);
        thread::spawn(move || {
            if let Some(hook) = hook {
                hook();
            }
            stop.hooks.fetch_sub(1, Ordering::SeqCst);
        });
        let watch = Stopwatch::start();
        loop {
            let limit = match self.working.load(Ordering::SeqCst) {
                _ if closes || self.seen.load(Ordering::SeqCst) => UNDO_MAX,
                0 => IDLE_MAX,
                _ => WORK_MAX,
            };
            let unfinished = self.unfinished.load(Ordering::SeqCst) > 0;
            if !unfinished && watch.left_of(limit).is_zero() {
                self.tell(json);
                std::process::exit(self.code());
            }
            thread::sleep(LOOK);
        }
    }

    /// Says that the command was interrupted.
    pub fn tell(&self, json: bool) {
        let message = match self.code() {
            130 => "interrupted; what was told before is stored, and nothing is half done",
            _ => "ended by a signal; what was told before is stored, and nothing is half done",
        };
        if json {
            let code = u8::try_from(self.code()).unwrap_or(1);
            out::say(&out::error_object(code, "interrupted", message, None).to_string());
        } else {
            out::say(&format!("tintype: {message}"));
        }
    }
}
