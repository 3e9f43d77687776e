//! `last good`: what a page was like when nothing was wrong with it.

use crate::error::Result;
use crate::model::context::Pattern;
use crate::model::id::Version;
use crate::model::query::Query;
use crate::model::snapshot::{INCIDENT, Status};
use crate::store::Repository;

/// The newest snapshot before this one, by time, ties by insertion, of the same site, module, component
/// and function, whatever the session, that is complete and was not taken of an incident. Nothing where
/// there is none.
///
/// Fails with `NotFound` where the version is not there or forgotten.
pub fn last_good(repo: &Repository, version: &Version) -> Result<Option<Version>> {
    repo.read(|view| {
        let place = Pattern::place_of(&view.get(version)?.context);
        let good = Query::context(place).status(Status::Complete).without_field(INCIDENT);
        let found = view.find(&good.after(version.clone()).limit(1))?;
        Ok(found.into_iter().next().map(|snapshot| snapshot.version))
    })
}
