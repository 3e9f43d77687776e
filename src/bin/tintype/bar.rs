//! How far long work has come, on a terminal only.

use std::io::{self, Read};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tintype::ops::progress::Progress;

use crate::interrupt::{Stop, Working};

/// How things are counted of which the number is known, and how where it is not.
const COUNTED: &str = "{bar:30} {human_pos}/{human_len} {prefix}, {per_sec}, {eta} left {wide_msg}";
const UNCOUNTED: &str = "{spinner} {human_pos} {prefix}, {per_sec} {wide_msg}";
/// The same of bytes.
const BYTES: &str = "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left {wide_msg}";
const BYTES_UNCOUNTED: &str = "{spinner} {bytes}, {bytes_per_sec} {wide_msg}";

/// A bar for long work, gone with this value. Whoever moves it on is unwound there where the command
/// was interrupted.
pub struct Bar {
    bar: ProgressBar,
    stop: Arc<Stop>,
    counts: AtomicBool,
    _working: Working,
}

impl Bar {
    /// A bar for things that are counted, 0 where their number is not known.
    pub fn of_things(total: u64, unit: &'static str, shown: bool, stop: &Arc<Stop>) -> Bar {
        let bar = Bar::new(Some(total), COUNTED, shown, stop);
        bar.bar.set_prefix(unit);
        bar
    }

    /// A bar for content on its way, of which so many bytes are to come where that is known.
    pub fn of_bytes(total: Option<u64>, shown: bool, stop: &Arc<Stop>) -> Bar {
        let template = if total.is_some() { BYTES } else { BYTES_UNCOUNTED };
        Bar::new(total, template, shown, stop)
    }

    fn new(total: Option<u64>, template: &str, shown: bool, stop: &Arc<Stop>) -> Bar {
        let target = match shown {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(total, target);
        dress(&bar, template);
        Bar { bar, stop: Arc::clone(stop), counts: AtomicBool::new(true), _working: stop.working() }
    }

    /// Moves it on to so many.
    pub fn at(&self, done: u64) {
        self.stop.check();
        self.bar.set_position(done);
    }

    /// Moves it on by so many.
    pub fn on(&self, more: u64) {
        self.stop.check();
        self.bar.inc(more);
    }

    /// Reads something and moves the bar on by what was read.
    pub fn reading<R: Read>(&self, from: R) -> Reading<'_, R> {
        Reading { from, bar: self, waits: false }
    }

    /// Reads what somebody else writes, who may take his time.
    pub fn reading_of_others<R: Read>(&self, from: R) -> Reading<'_, R> {
        Reading { from, bar: self, waits: true }
    }

    /// Does something that waits for somebody else: a signal ends it where it stands.
    pub fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.stop.waiting(wait)
    }

    /// Unwinds where the command was interrupted.
    pub fn check(&self) {
        self.stop.check();
    }

    /// Shows how far work has come, as the library tells it.
    pub fn show(&self, told: Progress) {
        self.stop.check();
        let counts = told.total > 0;
        if self.counts.swap(counts, Ordering::Relaxed) != counts {
            dress(&self.bar, if counts { COUNTED } else { UNCOUNTED });
        }
        self.bar.set_prefix(told.stage);
        self.bar.set_length(told.total.max(told.done));
        self.bar.set_position(told.done);
    }
}

fn dress(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

/// A reader that moves a bar on.
pub struct Reading<'b, R> {
    from: R,
    bar: &'b Bar,
    waits: bool,
}

impl<R: Read> Read for Reading<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.waits {
            true => self.bar.stop.waiting(|| self.from.read(buffer))?,
            false => self.from.read(buffer)?,
        };
        self.bar.on(read as u64);
        Ok(read)
    }
}

impl Deref for Bar {
    type Target = ProgressBar;

    fn deref(&self) -> &ProgressBar {
        &self.bar
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
