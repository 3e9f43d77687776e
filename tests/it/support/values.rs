//! Values that tests of the store are written with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tintype::{Clock, Context, Repository, Tag, Time, Version};

/// A clock that stands until it is set.
pub struct Still(Mutex<Time>);

impl Still {
    pub fn at(text: &str) -> Self {
        Still(Mutex::new(text.parse().unwrap()))
    }
}

impl Still {
    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(time);
    }

    /// Puts it at a time, on or back.
    #[cfg(feature = "cli")]
    pub fn set(&self, text: &str) {
        *self.0.lock().unwrap() = text.parse().unwrap();
    }
}

impl Clock for Still {
    fn now(&self) -> Time {
        *self.0.lock().unwrap()
    }
}

/// The same clock, for a store that takes it.
#[derive(Clone)]
pub struct Shared(pub Arc<Still>);

impl Clock for Shared {
    fn now(&self) -> Time {
        self.0.now()
    }
}

pub fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

pub fn context(text: &str) -> Context {
    text.parse().unwrap()
}

/// A document that changes a little from one version to the next.
pub fn document(n: usize) -> Vec<u8> {
    let mut text = String::new();
    for line in 0..200 {
        let value = if line % 50 == n % 50 { n * 7919 } else { line * 104_729 };
        text += &format!("{{\"line\": {line}, \"value\": {value}}}\n");
    }
    text.into_bytes()
}

/// A store in a file, on a clock that stands until it is told to pass.
pub fn still() -> (tempfile::TempDir, Arc<Still>, Repository) {
    let clock = Arc::new(Still::at("2026-11-22T12:00:30Z"));
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::builder().clock(Shared(clock.clone())).init(path).unwrap();
    (folder, clock, repo)
}
