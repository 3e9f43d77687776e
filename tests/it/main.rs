//! All tests that need no browser, in one binary; a file an area.
#![allow(clippy::unwrap_used, clippy::panic)]

mod diff;
mod tidy;
