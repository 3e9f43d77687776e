//! All tests that go through the public API, in one binary; a file an area.
//!
//! Those in `capture` and `demo` want a Chromium; `make test` installs one.
#![allow(clippy::unwrap_used, clippy::panic)]

mod capture;
mod codec;
mod diff;
mod faults;
mod model;
mod store;
mod support;
mod tidy;
