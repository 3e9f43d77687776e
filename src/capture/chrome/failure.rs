//! A selector that found nothing in a tab that somebody else drives.

use std::sync::Arc;

use headless_chrome::browser::tab::Tab;

use super::page::ChromePage;
use crate::capture::{Outcome, Recorder};
use crate::error::Result;
use crate::model::context::Context;
use crate::model::incident::{Cause, Incident};

/// Tells that a selector matched so many elements in a tab, and captures it where that were none and it
/// is due; see [`Recorder::handle`]. True only where a snapshot was stored that holds the page.
///
/// ```no_run
/// use tintype::capture::chrome::{capture_selector_failure, headless_chrome};
/// use tintype::{Recorder, Repository};
///
/// let browser = headless_chrome::Browser::default()?;
/// let tab = browser.new_tab()?;
/// tab.navigate_to("https://shop.example/")?.wait_until_navigated()?;
/// let recorder = Recorder::new(&Repository::open("tintype.db")?);
/// let found = tab.find_elements(".price").map_or(0, |found| found.len() as u64);
/// let place = "shop.example/products/list".parse()?;
/// capture_selector_failure(&recorder, &browser, &tab, place, ".price", found)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Fails where the tab can't be reached, and where counting or storing fails.
pub fn capture_selector_failure(
    recorder: &Recorder,
    browser: &headless_chrome::Browser,
    tab: &Arc<Tab>,
    context: Context,
    selector: &str,
    matched_count: u64,
) -> Result<bool> {
    let cause = Cause::SelectorFailure { selector: selector.to_owned(), matched_count };
    let incident = Incident::new(context, cause).at_url(tab.get_url());
    // Nothing happened, so the tab need not be reached.
    if recorder.incident_group(&incident)?.is_none() {
        return Ok(false);
    }
    let mut page = ChromePage::watch(browser, tab)?;
    Ok(matches!(recorder.handle(&mut page, &incident)?, Outcome::Captured(_)))
}
