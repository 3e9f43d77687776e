//! Under which version an old snapshot is in the store, or gets there.
//!
//! It keeps its own name, where it has one that is a version and is free. Otherwise its version is
//! made of the time that it tells and its identity. Neither the zone that is assumed nor the time
//! at which a file was written has a part in it, so that an old snapshot has one version however it
//! is imported.

use crate::error::{Error, Result};
use crate::model::id::Version;
use crate::model::time::Time;
use crate::ops::legacy::found::{Identity, When};
use crate::ops::legacy::settle::{self, Settled};
use crate::store::{View, copy};

/// How many names are tried for a snapshot whose own are taken by others.
const NAMES_MAX: u32 = 1_000;

/// The versions under which an old snapshot may be found, the likeliest first.
fn names(settled: &Settled) -> impl Iterator<Item = Version> {
    let identity = settled.identity;
    let time = match settled.found.when {
        When::At(time) | When::Naive(time) => time,
        When::Changed(_) => Time::from_micros(identity.micros()).unwrap_or(Time::MIN),
    };
    let own = settled.found.version.as_deref().and_then(|own| own.parse::<Version>().ok());
    let made = (0..NAMES_MAX).map(move |attempt| Version::made_at(time, identity.salt(attempt)));
    own.into_iter().chain(made)
}

/// The version of an old snapshot that is in the store, and whether it is forgotten.
pub(crate) fn find(view: &View<'_>, settled: &Settled) -> Result<Option<(Version, bool)>> {
    Ok(match look(view, settled, &|_| false)? {
        Found::There(version, is_forgotten) => Some((version, is_forgotten)),
        Found::Free(_) => None,
    })
}

/// Whether the snapshot of this version is an old one of this identity.
pub(crate) fn is(view: &View<'_>, version: &Version, identity: Identity) -> Result<bool> {
    let told = copy::user_info(view.conn, version)?;
    let identity = identity.to_string();
    Ok(told.is_some_and(|(info, _)| {
        settle::told_of(&info).is_some_and(|told| told["identity"] == *identity)
    }))
}

/// What a look for an old snapshot found.
pub(crate) enum Found {
    /// It is in the store under this version; whether it is forgotten.
    There(Version, bool),
    /// It is not, and this version is free.
    Free(Version),
}

/// Looks for an old snapshot; versions that are `taken` are passed over.
///
/// Fails with `Invalid` where all names for it are taken by others.
pub(crate) fn look(
    view: &View<'_>,
    settled: &Settled,
    taken: &dyn Fn(&Version) -> bool,
) -> Result<Found> {
    let identity = settled.identity.to_string();
    for version in names(settled) {
        if taken(&version) {
            continue;
        }
        let Some((info, is_forgotten)) = copy::user_info(view.conn, &version)? else {
            return Ok(Found::Free(version));
        };
        if settle::told_of(&info).is_some_and(|told| told["identity"] == *identity) {
            return Ok(Found::There(version, is_forgotten));
        }
    }
    Err(Error::invalid("version", &settled.found.key, "all names for it are taken"))
}
