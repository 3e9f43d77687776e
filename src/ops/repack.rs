//! `repack`: what is cold is kept in less, read as fast as before, and byte for byte the same.
//!
//! Chains of deltas are compressed with more effort and laid so that each content lies on its nearest
//! neighbour; pictures (PNG) are opened up, so that the next one is a delta on their pixels. That
//! takes some hundred times as long as storing did, so it is for when there is time.
//!
//! **Invariant:** ended at any moment, the store is whole. What was done stays done, and the next run
//! goes on with what came since.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::ops::progress::Progress;
use crate::store::{Repository, Transaction, repack};

/// Contents that are listed at once.
const BATCH: usize = 200;

/// A file up to so many bytes is written anew at the end, without gaps. Others can't write meanwhile;
/// this is some seconds.
pub const REWRITTEN_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Gaps of less than this share of what was won are let be.
const GAPS_SHARE: u64 = 20;

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Chains that were laid anew.
    pub chains: u64,
    /// Contents that are kept in less.
    pub blobs: u64,
    /// Pictures that were opened up.
    pub pictures: u64,
    /// The bytes that content takes less than before.
    pub bytes: u64,
    /// Chains and contents that others changed meanwhile, or that are damaged: left as they are.
    pub left: u64,
    /// The bytes of the file before.
    pub file_bytes_before: u64,
    /// The bytes of the file now.
    pub file_bytes: u64,
}

/// Keeps in less what can be, telling `progress` how far it has come.
pub fn run(repo: &Repository, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    let mut report =
        Report { file_bytes_before: repo.read(|view| view.file_bytes())?, ..Report::default() };
    let (mark, last) =
        repo.read(|view| Ok((repack::mark(view.conn)?, repack::last(view.conn)?)))?;
    chains(repo, last, &mut report, progress)?;
    contents(repo, (mark, last), &mut report, progress)?;
    pictures(repo, (mark, last), &mut report, progress)?;
    if last > mark {
        repo.write(|tx| repack::set_mark(tx.conn, last))?;
    }
    while repo.give_back(2_048)?.is_some() {}
    let file_bytes = repo.read(|view| view.file_bytes())?;
    // Smaller frames leave gaps in pages, which only a file written anew does not have.
    if report.bytes > file_bytes / GAPS_SHARE && file_bytes <= REWRITTEN_BYTES_MAX {
        progress(Progress { stage: "pages", done: 0, total: 0 });
        repo.close_gaps()?;
    }
    report.file_bytes = repo.read(|view| view.file_bytes())?;
    Ok(report)
}

/// Does all that on a copy beside the store, and tells what came out: exactly what [`run`] would come to
/// now, for the same time and the room of the copy. The store stays as it is.
pub fn rehearse(repo: &Repository, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    let mut told = |done, total| progress(Progress { stage: "pages copied", done, total });
    let copy = repo.copy_to_try(&mut told)?;
    let report = run(&copy, progress)?;
    copy.close()?;
    Ok(report)
}

/// What was made, where it could be made: damage is left as it is.
fn unless_damaged<T>(made: Result<Option<T>>, report: &mut Report) -> Result<Option<T>> {
    match made {
        Err(Error::Corrupt(damage)) => {
            log::warn!("{damage}; it is left as it is");
            report.left += 1;
            Ok(None)
        }
        made => made,
    }
}

/// Writes what was made, unless things have changed since; tells whether it could.
fn put(
    repo: &Repository,
    report: &mut Report,
    put: impl FnOnce(&mut Transaction<'_>) -> Result<Option<u64>>,
) -> Result<bool> {
    let won = repo.write(put)?;
    match won {
        Some(bytes) => report.bytes += bytes,
        None => report.left += 1,
    }
    Ok(won.is_some())
}

fn chains(
    repo: &Repository,
    last: i64,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let (mut after, mut done) = (0, 0);
    loop {
        let roots = repo.read(|view| repack::roots(view.conn, after, BATCH))?;
        let Some(next) = roots.last() else { return Ok(()) };
        after = *next;
        for root in roots {
            let chain = repo.read(|view| repack::chain(view.conn, root));
            let Some(chain) = unless_damaged(chain, report)? else { continue };
            let count = chain.len() as u64;
            let mut step = || {
                done += 1;
                progress(Progress { stage: "chains", done, total: last as u64 });
            };
            let laid = chain.lay(&|row| repo.read(|view| view.content_of(row)), &mut step);
            let Some(laid) = unless_damaged(laid, report)? else { continue };
            if put(repo, report, |tx| repack::put(tx.conn, &laid))? {
                repo.forget_chains();
                report.chains += 1;
                report.blobs += count;
            }
        }
    }
}

fn contents(
    repo: &Repository,
    (mark, last): (i64, i64),
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let (mut after, mut done) = (mark, 0);
    loop {
        let ids = repo.read(|view| repack::cold(view.conn, after, last, BATCH))?;
        let Some(next) = ids.last() else { return Ok(()) };
        after = *next;
        for id in ids {
            let made = repo.read(|view| repack::again(view.conn, id));
            if let Some(made) = unless_damaged(made, report)?
                && put(repo, report, |tx| repack::replace(tx.conn, &made))?
            {
                report.blobs += 1;
            }
            done += 1;
            progress(Progress { stage: "contents", done, total: (last - mark).max(0) as u64 });
        }
    }
}

fn pictures(
    repo: &Repository,
    (mark, last): (i64, i64),
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let all = repo.read(|view| repack::pictures(view.conn))?;
    let total = all.len() as u64;
    let mut before: Option<(i64, i64, i64)> = None;
    for (done, (place, name, blob)) in (1..).zip(all) {
        progress(Progress { stage: "pictures", done, total });
        let base = before.filter(|(at, of, _)| (*at, *of) == (place, name)).map(|(.., blob)| blob);
        if base == Some(blob) {
            continue;
        }
        if blob > mark && blob <= last {
            let made = repo.read(|view| repack::opened(view.conn, blob, base));
            if let Some(made) = unless_damaged(made, report)?
                && put(repo, report, |tx| repack::replace(tx.conn, &made))?
            {
                report.pictures += 1;
            }
        }
        before = Some((place, name, blob));
    }
    Ok(())
}
