//! All tests that go through the public API, in one binary; a file an area.
//!
//! Those in `capture` and some in `cli` want a Chromium, `readme`, `schema` and `concurrency` the
//! programs `sqlite3` and `zstd`, `locks` a C compiler; `make test` installs what is missing.
#![allow(clippy::unwrap_used, clippy::panic)]

mod capture;
mod chunk;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod cli_diff;
#[cfg(feature = "cli")]
mod cli_lifecycle;
#[cfg(feature = "cli")]
mod cli_transfer;
mod codec;
#[cfg(all(unix, feature = "cli"))]
mod concurrency;
#[cfg(all(unix, feature = "cli"))]
mod crash;
mod diff;
mod entries;
mod exchange;
mod faults;
mod image;
mod input;
mod large;
mod lifecycle;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod locks;
mod model;
mod png;
mod pyjson;
#[cfg(feature = "cli")]
mod readme;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod readonly;
mod recorder;
mod redact;
mod repack;
mod repair;
#[cfg(all(unix, feature = "cli"))]
mod room;
mod schema;
mod seed;
mod store;
#[cfg(all(unix, feature = "cli"))]
mod stream;
mod support;
mod tidy;
mod transfer;
