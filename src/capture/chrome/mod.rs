//! Pages in Chromium.
//!
//! `headless_chrome` finds out how to start a browser, starts it, and ends it. Everything that is
//! asked of a page goes over WebSockets of our own, as plain JSON: the crate's typed protocol
//! drops events that it does not know and takes about 0.1 s for each call, a socket of our own
//! answers in half a millisecond.
//!
//! ```text
//! launch    the executable: found, started, cleared away after
//! browser   its life; one socket to it: new pages, closing them
//! page      one page: its tab, rescue, what is taken of it   one socket to each page
//! load      going to an address, waiting
//! parts     what is taken of it: HTML, pictures, text, tree, frames
//! sessions  its frames in processes of their own, its workers
//! cdp       the protocol as a trait: calls, events       socket   the one over WebSocket
//! events    what is kept of them                         (as files: format::console, format::har)
//! ```
//!
//! **Invariant:** each call has a deadline; an answer that comes later is thrown away.
//!
//! **Invariant:** each capture has a browser context of its own, so that no cookie, cache or
//! storage goes from one to the next.

mod browser;
mod cdp;
mod events;
mod launch;
mod load;
mod lock;
mod page;
mod parts;
mod sessions;
mod socket;

pub use browser::{Browser, BrowserOptions};
pub use page::ChromePage;
