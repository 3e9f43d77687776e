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
//! page      one page: open, load, rescue                 one socket to each page
//! parts     HTML and pictures of it
//! console   its events as JSON Lines                     (its network: format::har)
//! cdp       the protocol as a trait: calls, events       socket   the one over WebSocket
//! ```
//!
//! **Invariant:** each call has a deadline; an answer that comes later is thrown away.
//!
//! **Invariant:** each capture has a browser context of its own, so that no cookie, cache or
//! storage goes from one to the next.

mod browser;
mod cdp;
mod console;
mod launch;
mod lock;
mod page;
mod parts;
mod socket;

pub use browser::{Browser, BrowserOptions};
pub use page::ChromePage;

use crate::capture::draft_of;
use crate::error::Result;
use crate::model::config::CaptureConfig;
use crate::model::context::Context;
use crate::model::snapshot::Draft;

/// Opens an address and makes a draft of the page.
///
/// A page that does not load gives a draft too, of status `failed`. Fails where the address is
/// none that can be captured, and where the browser is gone.
pub fn capture_url(
    browser: &Browser,
    url: &str,
    context: Context,
    config: &CaptureConfig,
) -> Result<Draft> {
    draft_of(&mut browser.open(url)?, context, config)
}
