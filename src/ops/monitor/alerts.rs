//! Alerts as people deal with them: seen, acknowledged, ended, and raised by hand.

use crate::error::Result;
use crate::model::alert::{Alert, AlertId, NewAlert};
use crate::model::time::Time;
use crate::records::alerts;
use crate::store::Repository;

/// The alerts that are open, those that are pending too: the worst first, then the latest.
pub fn open(repo: &Repository) -> Result<Vec<Alert>> {
    repo.read(alerts::open)
}

/// The alerts that were over at this time or later, at most so many: what ended last comes first.
pub fn history(repo: &Repository, since: Option<Time>, limit: usize) -> Result<Vec<Alert>> {
    repo.read(|view| alerts::history(view, since, limit))
}

/// Raises an alert. One that is open for the same type, message and site is raised once more instead:
/// it counts that, and has the severity and metadata that were given last.
///
/// ```
/// use tintype::Repository;
/// use tintype::model::alert::{AlertType, NewAlert, Severity};
/// use tintype::ops::monitor::alerts;
///
/// let repo = Repository::temporary()?;
/// let slow = NewAlert::new(AlertType::PerformanceDegradation, Severity::Warning, "login is slow");
/// alerts::raise(&repo, &slow.clone().with("seconds", 9))?;
/// let alert = alerts::raise(&repo, &slow)?;
/// assert_eq!((alert.occurrences, alerts::open(&repo)?.len()), (2, 1));
/// alerts::resolve(&repo, alert.id)?;
/// # Ok::<(), tintype::Error>(())
/// ```
///
/// Fails with `Invalid` where it says nothing or too much, or too many alerts are open.
pub fn raise(repo: &Repository, new: &NewAlert) -> Result<Alert> {
    repo.write(|tx| tx.records(|records| alerts::raise(records, new)))
}

/// Says that somebody knows of an alert. It is open until it is over. Once more changes nothing.
///
/// Fails with `NotFound` where none of this id is open, and with `Invalid` where it is pending.
pub fn acknowledge(repo: &Repository, id: AlertId) -> Result<Alert> {
    repo.write(|tx| tx.records(|records| alerts::acknowledge(records, id)))
}

/// Says that an alert is over. Where a rule raised it and finds it true still, another one begins.
///
/// Fails with `NotFound` where none of this id is open, and with `Invalid` where it is pending.
pub fn resolve(repo: &Repository, id: AlertId) -> Result<Alert> {
    repo.write(|tx| tx.records(|records| alerts::resolve(records, id)))
}
