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

use crate::error::{Corruption, Result};
use crate::store::View;

/// Looks for damage to rows of this floor.
pub(crate) fn check(view: &View<'_>, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    flags::check(view, found)
}
