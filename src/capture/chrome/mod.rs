//! Pages in Chromium.
//!
//! `headless_chrome` finds out how to start a browser, starts it, and ends it. Everything that is
//! asked of a page goes over WebSockets of our own, as plain JSON: the crate's typed protocol
//! drops events that it does not know and takes about 0.1 s for each call, a socket of our own
//! answers in half a millisecond.
//!
//! ```text
//! options   what a caller may choose
//! browser   pages are opened in it, whatever becomes of its processes
//! running   one browser: started (launch, home, reaper) or found (connect), ended
//! page      one page: its tab, rescue, what is taken of it   one socket to each page
//! setup     what was chosen, told to the browser             guard   kept from private addresses
//! load      going to an address, waiting
//! parts     what is taken of it: HTML, pictures, text, tree, frames
//! world     scripts of our own in it
//! sessions  its frames in processes of their own, its workers
//! bodies    bodies of answers and requests
//! backfill  what is known of a page that nobody watched
//! failure   a selector that found nothing in a caller's tab
//! cdp       the protocol as a trait: calls, events       socket   the one over WebSocket
//! events    what is kept of them                         (as files: format::console, format::har)
//! ```
//!
//! **Invariant:** each call has a deadline; an answer that comes later is thrown away.
//!
//! **Invariant:** each capture has a browser context of its own, so that no cookie, cache or
//! storage goes from one to the next.

mod backfill;
mod bodies;
mod browser;
mod cdp;
mod connect;
mod events;
mod failure;
mod guard;
mod home;
mod inbox;
mod launch;
mod load;
mod options;
mod page;
mod parts;
mod reaper;
mod replay;
mod running;
mod sessions;
mod setup;
mod socket;
mod through;
mod watch;
mod world;

pub use browser::Browser;
pub use failure::capture_selector_failure;
/// The crate that starts and drives browsers, in the version whose tabs can be watched.
pub use headless_chrome;
pub use options::{BrowserOptions, Cookie, Header, PageOptions, Sandbox, WaitFor};
pub use page::ChromePage;
