//! `gc`: forgotten snapshots are purged, and what nothing needs any more is freed.
//!
//! Three steps, each in short transactions: snapshots that were forgotten long enough ago are purged,
//! and content that they alone held is deleted; content that stays because deltas lie on it is freed
//! where making those deltas anew wins; pages that became free are given back to the file system.
//!
//! **Invariant:** ended at any moment, the store is whole, and the next run goes on where this one
//! was.
//!
//! **Invariant:** work grows with what is let go, not with the store.
//!
//! Where the disk is full this is what makes room, so it asks for little: it goes on in smaller steps,
//! each in the room that the log of the one before took.

use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::time::Time;
use crate::ops::progress::Progress;
use crate::store::gc::{self as letting_go, Freed};
use crate::store::{Repository, rebase};

/// How long forgotten snapshots can be had back, unless told: seven days.
pub const PURGE_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Snapshots that are purged in one transaction.
const BATCH: usize = 200;
/// Pages that are given back in one transaction: 8 MiB.
const PAGES: usize = 2_048;
/// How much smaller a step becomes for which there was no room.
const SMALLER: usize = 8;

/// What is done, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Snapshots that were forgotten so long ago are purged.
    pub purge_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { purge_after: PURGE_AFTER }
    }
}

impl Options {
    /// Purges all that is forgotten, however lately.
    pub fn now() -> Self {
        Options { purge_after: Duration::ZERO }
    }
}

/// What a run would purge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Snapshots that are due.
    pub snapshots: u64,
    /// The bytes of content in the file that they alone hold. Deltas that lie on it may keep a part.
    pub bytes: u64,
    /// Contents that were kept for the deltas on them when this was asked.
    pub kept_for_deltas: u64,
    /// The bytes that these take in the file.
    pub kept_for_deltas_bytes: u64,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Snapshots that were purged.
    pub snapshots: u64,
    /// Contents that were deleted.
    pub blobs: u64,
    /// The bytes that content takes less than before.
    pub bytes: u64,
    /// Contents that had only deltas on them, and could be deleted after those were made anew.
    pub rebased: u64,
    /// Contents that are kept for the deltas on them.
    pub kept_for_deltas: u64,
    /// The bytes that these take in the file.
    pub kept_for_deltas_bytes: u64,
    /// The bytes of the file before.
    pub file_bytes_before: u64,
    /// The bytes of the file now.
    pub file_bytes: u64,
}

/// Tells what a run would purge, and changes nothing.
pub fn plan(repo: &Repository, options: &Options) -> Result<Plan> {
    let until = until(repo, options);
    repo.read(|view| {
        let (snapshots, bytes) = letting_go::due(view.conn, until)?;
        let (kept_for_deltas, kept_for_deltas_bytes) = letting_go::kept_for_deltas(view.conn)?;
        Ok(Plan { snapshots, bytes, kept_for_deltas, kept_for_deltas_bytes })
    })
}

/// Purges what is due and frees what nothing needs, telling `progress` how far it has come.
pub fn run(
    repo: &Repository,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    let until = until(repo, options);
    let file_bytes_before = repo.read(|view| view.file_bytes())?;
    let (due, _) = repo.read(|view| letting_go::due(view.conn, until))?;
    let mut all = Freed::default();
    all.add(fitting(repo, &mut 1, &mut |_| repo.write(|tx| tx.end_leases()))?);
    let mut batch = BATCH;
    loop {
        let mut purge = |batch: usize| repo.write(|tx| tx.purge(until, batch));
        let freed = fitting(repo, &mut batch, &mut purge)?;
        if freed.snapshots == 0 {
            break;
        }
        all.add(freed);
        progress(Progress { stage: "snapshots", done: all.snapshots, total: due });
    }
    let rebased = rebase_all(repo, &mut |freed| all.add(freed), progress)?;
    let (mut given_back, mut step) = (0, PAGES);
    while let Some(pages) = fitting(repo, &mut step, &mut |step| repo.give_back(step as u32))? {
        given_back += u64::from(pages);
        progress(Progress { stage: "pages", done: given_back, total: 0 });
    }
    repo.read(|view| {
        let (kept_for_deltas, kept_for_deltas_bytes) = letting_go::kept_for_deltas(view.conn)?;
        Ok(Report {
            snapshots: all.snapshots,
            blobs: all.blobs,
            bytes: all.bytes,
            rebased,
            kept_for_deltas,
            kept_for_deltas_bytes,
            file_bytes_before,
            file_bytes: view.file_bytes()?,
        })
    })
}

/// Does a step of a size, and where there is no room for it, once more in what the log took, then
/// smaller ones.
fn fitting<T>(
    repo: &Repository,
    size: &mut usize,
    step: &mut dyn FnMut(usize) -> Result<T>,
) -> Result<T> {
    let mut emptied = false;
    loop {
        match step(*size) {
            Err(Error::NoSpace { .. }) if !emptied || *size > 1 => {
                repo.empty_log()?;
                if emptied {
                    *size = (*size / SMALLER).max(1);
                }
                emptied = true;
            }
            done => return done,
        }
    }
}

fn until(repo: &Repository, options: &Options) -> Time {
    let age = i64::try_from(options.purge_after.as_micros()).unwrap_or(i64::MAX);
    Time::from_micros(repo.now().micros().saturating_sub(age)).unwrap_or(Time::MIN)
}

/// Makes deltas anew where that frees what they lie on; tells how much content could go.
fn rebase_all(
    repo: &Repository,
    freed: &mut dyn FnMut(Freed),
    progress: &mut dyn FnMut(Progress),
) -> Result<u64> {
    let (mut looked_at, mut rebased) = (0, 0);
    // The newest first, so that deltas are moved before what they are moved onto is looked at, and
    // again: what goes may leave its base without a reason. Each round settles or deletes what it
    // looks at, so that this comes to an end.
    loop {
        let (mut round, mut before) = (0, i64::MAX);
        loop {
            let next = repo.read(|view| letting_go::unsettled(view.conn, before, BATCH))?;
            let Some(last) = next.last() else { break };
            before = *last;
            for base in next {
                let Some(plan) = repo.read(|view| rebase::plan(view.conn, base))? else { continue };
                let mut replace = |_| repo.write(|tx| tx.replace(&plan));
                let replaced = match fitting(repo, &mut 1, &mut replace) {
                    Err(error @ Error::NoSpace { .. }) => {
                        log::warn!("{error}; deltas are left as they are");
                        None
                    }
                    replaced => replaced?,
                };
                if let Some(won) = replaced {
                    round += 1;
                    rebased += u64::from(won.blobs > 0);
                    freed(won);
                }
                looked_at += 1;
                progress(Progress { stage: "deltas", done: looked_at, total: 0 });
            }
        }
        if round == 0 {
            return Ok(rebased);
        }
    }
}
