//! Floor 4: what is kept beside snapshots, in tables of its own.
//!
//! **Invariant:** a change of it is one transaction, whole or not at all, as one of snapshots is.
//!
//! **Invariant:** no damage to a row goes unseen. What is decided by people stands in the log, and
//! replaying that gives it; what is observed is too much for the log, so each row carries a seal: the
//! digest of its own fields, in the column `seal`. [`ops::verify`](crate::ops::verify) checks both.
//!
//! A row that can't be believed is a [`Corruption`], not a reason to give up the rest.

pub mod flags;
pub mod incidents;

use rusqlite::Connection;

use crate::error::{Corruption, Result};
use crate::store::{Transaction, View};

/// Looks for damage to rows of this floor.
pub(crate) fn check(view: &View<'_>, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    flags::check(view, found)?;
    incidents::check(view, found)
}

/// A damaged store, as well as it can be read, and the one that takes its place.
pub(crate) struct Taken<'a> {
    pub(crate) from: &'a Connection,
    pub(crate) into: &'a Connection,
}

/// Takes what can be believed of the rows of this floor out of a damaged store.
pub(crate) fn take_over(from: &Connection, tx: &mut Transaction<'_>) -> Result<()> {
    tx.records(|records| incidents::take_over(&Taken { from, into: records.conn }))
}
