//! Whether captures of a site are tried at all: a circuit breaker.
//!
//! ```text
//!          5 failures in 60 s            300 s later, and somebody asks
//!  closed ───────────────────▶ open ────────────────────────────────────▶ half open, one probe
//!    ▲                          ▲                                            │        │
//!    │                          └──────────────── the probe fails ───────────┘        │
//!    └───────────────────────────────────────── the probe succeeds ───────────────────┘
//! ```
//!
//! A probe of which nothing is heard for 60 s is given up, and the next who asks has one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::time::Time;

/// So many failures open it …
pub const FAILURES_MAX: usize = 5;
/// … within so long.
pub const FAILURES_WITHIN: Duration = Duration::from_secs(60);
/// How long it stays open.
pub const OPEN_FOR: Duration = Duration::from_secs(300);
/// How long a probe is waited for.
pub const PROBE_MAX: Duration = Duration::from_secs(60);

/// The state of a breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breaker {
    /// Captures are tried; these failed lately, the oldest first.
    Closed {
        /// When.
        failures: Vec<Time>,
    },
    /// None is tried.
    Open {
        /// When it was opened.
        since: Time,
    },
    /// One is tried, to see.
    HalfOpen {
        /// Since when.
        since: Time,
    },
}

/// That a capture may be tried. What becomes of it is told to the breaker with this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// As one of many.
    Usual,
    /// As the one that decides.
    Probe,
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker::Closed { failures: Vec::new() }
    }
}

impl Breaker {
    /// What whoever asks now would get; nothing where no capture may be tried.
    pub fn would_admit(&self, now: Time) -> Option<Pass> {
        match self {
            Breaker::Closed { .. } => Some(Pass::Usual),
            Breaker::Open { since } => is_over(*since, OPEN_FOR, now).then_some(Pass::Probe),
            Breaker::HalfOpen { since } => is_over(*since, PROBE_MAX, now).then_some(Pass::Probe),
        }
    }

    /// Asks for a pass. Whoever gets a probe is the only one to have it.
    pub fn admit(&mut self, now: Time) -> Option<Pass> {
        let pass = self.would_admit(now);
        if pass == Some(Pass::Probe) {
            *self = Breaker::HalfOpen { since: now };
        }
        pass
    }

    /// Tells that a capture went well.
    pub fn succeeded(&mut self, pass: Pass) {
        if pass == Pass::Probe {
            *self = Breaker::default();
        }
    }

    /// Tells that a capture was not tried after all: a probe is there for the next who asks.
    pub fn withdrawn(&mut self, pass: Pass, now: Time) {
        if pass == Pass::Probe {
            *self = Breaker::Open { since: now.minus(OPEN_FOR) };
        }
    }

    /// Tells that a capture failed.
    pub fn failed(&mut self, pass: Pass, now: Time) {
        match (&mut *self, pass) {
            (Breaker::Closed { failures }, _) => {
                failures.retain(|at| !is_over(*at, FAILURES_WITHIN, now));
                failures.push(now);
                if failures.len() >= FAILURES_MAX {
                    *self = Breaker::Open { since: now };
                }
            }
            (_, Pass::Probe) => *self = Breaker::Open { since: now },
            // It began before the breaker opened, and tells nothing new.
            (_, Pass::Usual) => {}
        }
    }
}

/// Whether a stretch of time is over, also where the clock was put back by more than that: what lies a
/// little ahead was told by another process.
fn is_over(since: Time, limit: Duration, now: Time) -> bool {
    now.since(since) >= limit || since.since(now) > limit
}
