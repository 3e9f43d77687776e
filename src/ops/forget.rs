//! `forget`: which snapshots go, planned first, with the reason why each other stays.
//!
//! A [`Plan`] can be looked at and printed, and then applied. Forgetting is a mark:
//! [`Repository::undelete`] takes it off again until [`gc`](crate::ops::gc) has purged the snapshot.
//!
//! **Invariant:** what was pinned, tagged or stored since a plan was made is not forgotten by it.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::id::{Tag, Version};
use crate::model::keep::{Keep, Reason};
use crate::model::place::Place;
use crate::model::query::Query;
use crate::model::time::Time;
use crate::store::forget::{self, InPlace};
use crate::store::{Repository, Transaction, View};

/// Snapshots that are forgotten in one transaction.
const BATCH: usize = 1_000;

/// What is to be forgotten, and why the rest stays.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Place by place.
    pub groups: Vec<Group>,
}

/// What becomes of the snapshots of one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Group {
    /// The place.
    pub place: Place,
    /// The rules that hold there.
    pub keep: Keep,
    /// What stays, the newest first.
    pub kept: Vec<Kept>,
    /// What goes, the newest first.
    pub forgotten: Vec<Gone>,
}

/// A snapshot that stays.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Kept {
    /// The snapshot.
    pub version: Version,
    /// When it was taken.
    pub created_at: Time,
    /// Why it stays; one reason at least.
    pub reasons: Vec<Reason>,
}

/// A snapshot that goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Gone {
    /// The snapshot.
    pub version: Version,
    /// When it was taken.
    pub created_at: Time,
    /// Its tags when the plan was made.
    pub tags: Vec<Tag>,
}

/// What applying a plan came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[non_exhaustive]
pub struct Applied {
    /// How many snapshots were forgotten.
    pub forgotten: u64,
    /// Those that were left alone because they have changed since the plan was made.
    pub changed: Vec<Version>,
}

/// Plans what these rules forget of the snapshots that a query describes; its limit and its order
/// don't count. The rules are applied to each place by itself, whatever the session.
///
/// Fails with `Invalid` where the rules keep all, or one of them would keep nothing.
pub fn plan(repo: &Repository, keep: &Keep, query: &Query) -> Result<Plan> {
    if keep.keeps_all() {
        return Err(Error::invalid(
            "retention",
            "",
            "no rule is given, so nothing would be forgotten",
        ));
    }
    keep.check()?;
    make(repo, query, |_| Some(keep.clone()))
}

/// Plans what the rules forget that were [set](Repository::set_retention), as storing a snapshot in
/// each place would. Places where nothing is said are left out.
pub fn plan_retention(repo: &Repository, query: &Query) -> Result<Plan> {
    make(repo, query, |said| said)
}

fn make(
    repo: &Repository,
    query: &Query,
    keep_of: impl Fn(Option<Keep>) -> Option<Keep>,
) -> Result<Plan> {
    let found = repo.read(|view: &View<'_>| forget::candidates(view.conn, query))?;
    let mut groups = Vec::new();
    for InPlace { place, keep: said, found } in found {
        let Some(keep) = keep_of(said) else { continue };
        let reasons = keep.decide(found.iter().map(|one| (one.time, one.tags.as_slice())));
        let mut group = Group { place, keep, kept: Vec::new(), forgotten: Vec::new() };
        for (one, reasons) in found.into_iter().zip(reasons) {
            let (version, created_at) = (one.version, one.time);
            match reasons.is_empty() {
                true => group.forgotten.push(Gone { version, created_at, tags: one.tags }),
                false => group.kept.push(Kept { version, created_at, reasons }),
            }
        }
        groups.push(group);
    }
    Ok(Plan { groups })
}

impl Plan {
    /// How many snapshots are to be forgotten.
    pub fn forgotten(&self) -> usize {
        self.groups.iter().map(|group| group.forgotten.len()).sum()
    }

    /// How many snapshots stay.
    pub fn kept(&self) -> usize {
        self.groups.iter().map(|group| group.kept.len()).sum()
    }

    /// Forgets what is to be forgotten, telling `progress` how many were so far.
    ///
    /// A large plan is applied in several transactions; ended early, it can be made and applied
    /// again.
    pub fn apply(&self, repo: &Repository, progress: &mut dyn FnMut(u64)) -> Result<Applied> {
        let gone: Vec<&Gone> = self.groups.iter().flat_map(|group| &group.forgotten).collect();
        let mut applied = Applied::default();
        for batch in gone.chunks(BATCH) {
            let changed = repo.write(|tx| apply(tx, batch))?;
            applied.forgotten += (batch.len() - changed.len()) as u64;
            applied.changed.extend(changed);
            progress(applied.forgotten);
        }
        Ok(applied)
    }
}

fn apply(tx: &mut Transaction<'_>, batch: &[&Gone]) -> Result<Vec<Version>> {
    let mut changed = Vec::new();
    for gone in batch {
        match tx.get(&gone.version) {
            Ok(now) if now.tags == gone.tags && now.created_at == gone.created_at => {
                tx.forget(&gone.version)?;
            }
            Ok(_) | Err(Error::NotFound { .. }) => changed.push(gone.version.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}
