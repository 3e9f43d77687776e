//! Which backups stay, by the rules that snapshots are kept by.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Backup, Found};
use crate::error::{Error, Result};
use crate::model::keep::{Keep, Reason};
use crate::model::time::Time;
use crate::store::{Repository, backup};

/// A backup that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kept {
    /// The backup.
    pub backup: Backup,
    /// Why it stays.
    pub reasons: Vec<Reason>,
}

/// What rules make of the backups of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The folder that they are in.
    pub folder: PathBuf,
    /// Those that stay, the newest first.
    pub kept: Vec<Kept>,
    /// Those that go, the newest first.
    pub removed: Vec<Backup>,
    /// What is neither counted nor touched: what is damaged, as far as that is seen without reading
    /// all of it, and what is of other stores.
    pub left: Vec<Found>,
}

/// What carrying a plan out came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pruned {
    /// Backups that were removed.
    pub removed: u64,
    /// The bytes of their files.
    pub bytes: u64,
}

/// Plans which backups of a store stay, in the folder that they are in, and changes nothing. The
/// newest one stays whatever the rules say.
///
/// Fails with `Invalid` where a rule would keep nothing, where none is said, and where one is about
/// tags, which backups don't carry.
pub fn plan(repo: &Repository, folder: impl AsRef<Path>, keep: &Keep) -> Result<Plan> {
    keep.check()?;
    if keep.keeps_all() {
        let why = "no rule is said, so that all would stay";
        return Err(Error::invalid("rules for backups", keep, why));
    }
    if let Some(tag) = keep.tags.first() {
        return Err(Error::invalid("rule for backups", tag.as_str(), "backups carry no tags"));
    }
    let folder = folder.as_ref();
    let own = repo.read(|view| backup::state(view.conn))?.store;
    let own = backup::hex(&own);
    let (mut backups, mut left) = (Vec::new(), Vec::new());
    for found in super::list(folder)? {
        match found.backup.clone() {
            Some(backup) if found.problem.is_none() && backup.store == own => backups.push(backup),
            _ => left.push(found),
        }
    }
    backups.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    let times: Vec<Time> = backups.iter().map(|backup| backup.created_at).collect();
    let reasons = keep.decide(times.into_iter().map(|time| (time, [].as_slice())));
    let mut plan = Plan { folder: folder.to_owned(), kept: Vec::new(), removed: Vec::new(), left };
    for (backup, reasons) in backups.into_iter().zip(reasons) {
        match reasons.is_empty() {
            true => plan.removed.push(backup),
            false => plan.kept.push(Kept { backup, reasons }),
        }
    }
    Ok(plan)
}

impl Plan {
    /// Removes what goes, the oldest first; what others removed meanwhile is gone already.
    pub fn apply(&self, progress: &mut dyn FnMut(u64)) -> Result<Pruned> {
        let mut pruned = Pruned { removed: 0, bytes: 0 };
        for (done, gone) in (1..).zip(self.removed.iter().rev()) {
            match backup::remove(&self.folder, &gone.id) {
                Ok(()) => {
                    pruned.removed += 1;
                    pruned.bytes += gone.bytes;
                }
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            progress(done);
        }
        Ok(pruned)
    }
}
