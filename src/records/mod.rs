//! Floor 4: what is kept beside snapshots, in tables of its own.
//!
//! **Invariant:** a change of it is one transaction, whole or not at all, as one of snapshots is.
//!
//! **Invariant:** no damage to a row goes unseen. What is decided by people stands in the log, and
//! replaying that gives it; what is observed is too much for the log, so each row carries a seal: the
//! digest of its own fields, in the column `seal`. [`ops::verify`](crate::ops::verify) checks both.
//!
//! A row that can't be believed is a [`Corruption`], not a reason to give up the rest.

pub mod alerts;
pub mod flags;
pub mod incidents;
pub mod metrics;

use rusqlite::Connection;

use crate::error::{Corruption, Error, Result};
use crate::store::{Transaction, View};

/// Looks for damage to rows of a table.
type Check = fn(&View<'_>, &mut dyn FnMut(Corruption)) -> Result<()>;

/// Looks for damage to rows of this floor. What can't be read of one table hides no other.
pub(crate) fn check(view: &View<'_>, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    let all: [Check; 4] = [flags::check, incidents::check, metrics::check, alerts::check];
    for check in all {
        match check(view, found) {
            Err(Error::Corrupt(damage)) => found(damage),
            checked => checked?,
        }
    }
    Ok(())
}

/// Takes rows over from a damaged store into a new one; an error of writing is put into the last.
type TakeOver = fn(&Connection, &Connection, &mut Option<Error>) -> Result<()>;

/// Takes over what is observed and can be believed, from a damaged store into a new one.
pub(crate) fn take_over(from: &Connection, tx: &mut Transaction<'_>) -> Result<()> {
    let all: [(&str, TakeOver); 3] = [
        ("incidents", incidents::take_over),
        ("metrics", metrics::take_over),
        ("alerts", alerts::take_over),
    ];
    for (what, take_over) in all {
        let mut failed = None;
        // What comes after what can't be read is lost; what can't be written is no repair.
        let read = tx.records(|records| Ok(take_over(from, records.conn, &mut failed)))?;
        match (failed, read) {
            (Some(error), _) => return Err(error),
            (None, Err(damage)) => log::warn!("{what} are lost: {damage}"),
            (None, Ok(())) => {}
        }
    }
    Ok(())
}
