//! Under which version an old snapshot is in the store, or gets there.
//!
//! It keeps its own name, where it has one that is a version and is free. Otherwise its version is
//! made of the time that it tells and its identity. Neither the zone that is assumed nor the time
//! at which a file was written has a part in it, so that an old snapshot has one version however it
//! is imported.
//!
//! A name that is free now may have been taken when the snapshot was stored, by one that was purged
//! since. So it is looked for under all names that it may have got, not under the first ones alone.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, Result};
use crate::model::id::Version;
use crate::model::time::Time;
use crate::ops::legacy::files::FolderId;
use crate::ops::legacy::found::{self, Identity, When};
use crate::ops::legacy::settle::{self, Settled};
use crate::store::{View, copy};

/// How many names are made for a snapshot whose own are taken by others.
const NAMES_MAX: u32 = 1_000;
/// How many salts a made version has room for.
const SALTS: u32 = 1 << 25;

/// The names that can be made for an old snapshot: they follow each other.
struct Names {
    time: Time,
    salt: u32,
}

impl Names {
    fn of(settled: &Settled) -> Self {
        let identity = settled.identity;
        let time = match settled.found.when {
            When::At(time) | When::Naive(time) => time,
            When::Changed(_) => Time::from_micros(identity.micros()).unwrap_or(Time::MIN),
        };
        Names { time, salt: identity.salt(SALTS - NAMES_MAX) }
    }

    fn at(&self, number: u32) -> Version {
        Version::made_at(self.time, self.salt + number)
    }
}

/// The version of an old snapshot that is in the store, and whether it is forgotten.
pub(crate) fn find(view: &View<'_>, settled: &Settled) -> Result<Option<(Version, bool)>> {
    match look(view, settled, &|_| false) {
        Ok(Found::There(version, is_forgotten)) => Ok(Some((version, is_forgotten))),
        Ok(Found::Free(_)) | Err(Error::Invalid { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the snapshot of this version is an old one of this identity.
pub(crate) fn is(view: &View<'_>, version: &Version, identity: Identity) -> Result<bool> {
    Ok(matches!(seen(view, version, identity)?, Seen::It(_)))
}

/// What has a version.
enum Seen {
    Nothing,
    Another,
    /// The old snapshot that was looked for; whether it is forgotten.
    It(bool),
}

fn seen(view: &View<'_>, version: &Version, identity: Identity) -> Result<Seen> {
    let Some((info, is_forgotten)) = copy::user_info(view.conn, version)? else {
        return Ok(Seen::Nothing);
    };
    let identity = identity.to_string();
    let is_it = settle::told_of(&info).is_some_and(|told| told["identity"] == *identity);
    Ok(if is_it { Seen::It(is_forgotten) } else { Seen::Another })
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
    let identity = settled.identity;
    let own = settled.found.version.as_deref().and_then(|own| own.parse::<Version>().ok());
    let mut free = None;
    if let Some(own) = own.filter(|own| !taken(own)) {
        match seen(view, &own, identity)? {
            Seen::It(is_forgotten) => return Ok(Found::There(own, is_forgotten)),
            Seen::Nothing => free = Some(own),
            Seen::Another => {}
        }
    }
    let names = Names::of(settled);
    let there = copy::versions_between(view.conn, &names.at(0), &names.at(NAMES_MAX - 1))?;
    for version in there.iter().filter(|version| !taken(version)) {
        if let Seen::It(is_forgotten) = seen(view, version, identity)? {
            return Ok(Found::There(version.clone(), is_forgotten));
        }
    }
    let there: HashSet<&Version> = there.iter().collect();
    let is_free = |version: &Version| !there.contains(version) && !taken(version);
    let free = free.or_else(|| (0..NAMES_MAX).map(|number| names.at(number)).find(is_free));
    free.map(Found::Free)
        .ok_or_else(|| Error::invalid("version", &settled.found.key, "all names for it are taken"))
}

/// The versions that old snapshots with names have got, within the folder that their names are of.
#[derive(Default)]
pub(crate) struct Bases(HashMap<(Option<FolderId>, String), Version>);

impl Bases {
    /// Notes the version of an old snapshot.
    pub(crate) fn add(&mut self, found: &found::Found, version: &Version) {
        if let Some(name) = &found.version {
            self.0.insert((found.names_of, name.clone()), version.clone());
        }
    }

    /// The version of what an old snapshot comes from: of those that have a version already the one
    /// of its name, else its name.
    pub(crate) fn of(&self, found: &found::Found) -> Option<Version> {
        let name = found.based_on.as_ref()?;
        let known = self.0.get(&(found.names_of, name.clone()));
        known.cloned().or_else(|| name.parse().ok())
    }
}
