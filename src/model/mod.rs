//! Floor 0: the values that everything else speaks in. No I/O, no SQL, no clock of its own.

pub mod alert;
pub mod artifact;
pub mod config;
pub mod context;
pub mod event;
pub mod flag;
pub mod id;
pub mod incident;
pub mod json;
pub mod keep;
pub mod metric;
pub mod place;
pub mod query;
pub mod snapshot;
pub mod time;
