//! All tests that go through the public API, in one binary; a file an area.
//!
//! Those in `capture` and some in `cli` want a Chromium, `readme` and `schema` the programs
//! `sqlite3` and `zstd`; `make test` installs what is missing.
#![allow(clippy::unwrap_used, clippy::panic)]

mod capture;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod cli_lifecycle;
mod codec;
mod diff;
mod faults;
mod lifecycle;
mod model;
#[cfg(feature = "cli")]
mod readme;
mod schema;
mod seed;
mod store;
mod support;
mod tidy;
