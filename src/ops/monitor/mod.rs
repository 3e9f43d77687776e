//! How captures go, told to whoever wants to know, and to somebody when they go wrong.
//!
//! There are two sources. [`metrics()`] computes from the snapshots that are stored, so it knows all of
//! them, in any context, and nothing of what was never stored. [`summary()`] adds up what was counted
//! while capturing, minute by minute: also errors, incidents, and how long captures took until they were
//! durable. [`exposition()`] tells the latter to Prometheus.
//!
//! [`evaluate()`] looks at rules and raises, or ends, [`alerts`]; [`Monitor`] does so again and again.
//!
//! **Invariant:** to evaluate is to look: it changes alerts and nothing else, and what listens to it
//! can't harm it.

pub mod alerts;
mod disk;
mod evaluate;
mod exposition;
mod stored;
mod summary;
mod watch;

pub use crate::records::alerts::Change;
pub(crate) use disk::space_of;
pub use evaluate::{Notice, evaluate, shipped_rules};
pub use exposition::exposition;
pub use stored::{CAPTURE_MS, Metrics, Sizes, Times, Window, metrics};
pub use summary::{SiteSummary, Summary, summary};
pub use watch::{Monitor, MonitorStatus};
