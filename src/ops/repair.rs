//! `repair`: a new store of what can still be read of a damaged one.
//!
//! Every snapshot is read by itself and compared with its manifest in the log and with the hashes of
//! its content. What is proved to be what was stored goes into a new store, with its tags, with
//! what is kept where, with the feature flags, and with the groups of incidents, metrics and alerts that
//! can be believed; the new store takes the place of the damaged one, which stays beside it under another
//! name.
//!
//! **Invariant:** the damaged file stays as it was. Nothing is deleted.
//!
//! **Invariant:** an artifact whose content is lost stays in its snapshot, as one that failed, with
//! the hash that it had. What can't be proved is left out unless it is [accepted](Options::accept).

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Corruption, Error, Result};
use crate::model::id::{Tag, Version};
use crate::model::time::{Clock, SystemClock};
use crate::ops::progress::Progress;
use crate::ops::verify::{self, Depth, Problem, ProblemKind};
use crate::records::{self, flags};
use crate::store::salvage::{self, Copied, Remains, Salvage, Salvaged};
use crate::store::{Builder, Repository, replace};

/// What is done with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Options {
    /// Whether snapshots that can be read but not proved are taken as they are. That makes a row that
    /// was changed by hand the truth.
    pub accept: bool,
    /// Whether nothing is written: the report tells what would be.
    pub dry_run: bool,
}

impl Options {
    /// Takes what can be read as it is.
    pub fn accepting() -> Self {
        Options { accept: true, ..Options::default() }
    }

    /// Tells what would be done, and does nothing.
    pub fn dry_run(self) -> Self {
        Options { dry_run: true, ..self }
    }
}

/// What a repair came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether there was anything to repair.
    pub damaged: bool,
    /// Snapshots that the new store holds, whole or in part.
    pub kept: u64,
    /// Those of them that lack artifacts now: an entry for each artifact.
    pub kept_in_part: Vec<Problem>,
    /// Snapshots that can be read but not proved. They are kept where that was accepted.
    pub doubtful: Vec<Problem>,
    /// Snapshots that can't be read.
    pub lost: Vec<Problem>,
    /// Where the damaged file is now.
    pub damaged_file: Option<PathBuf>,
}

/// Repairs the store at `path`, where it is damaged.
///
/// Nobody else may have the store open: a process that has would go on writing to the damaged file.
/// Fails with `Locked` where one has, with `NoStore` where nothing is there, with `NotAStore` where
/// nothing of it can be read, and with `NewerStore` where a newer version wrote it.
pub fn repair(
    path: impl AsRef<Path>,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    let path = &replace::real(path.as_ref());
    let mut report = Report {
        damaged: false,
        kept: 0,
        kept_in_part: Vec::new(),
        doubtful: Vec::new(),
        lost: Vec::new(),
        damaged_file: None,
    };
    replace::refuse_used(path)?;
    let stamp = replace::Stamp::of(path);
    // To open a store with a log is to move that into the file, as far as it can be read; that is
    // done to a copy only.
    let has_log = replace::has_log(path);
    if !has_log && is_whole(path, progress)? {
        return Ok(report);
    }
    let copied = Copied::of(path)?;
    if has_log && !copied.log_of_another && is_whole(&copied.path(), progress)? {
        return Ok(report);
    }
    report.damaged = true;
    let salvage = Salvage::open(copied, path)?;
    if options.dry_run {
        each(&salvage, options, &mut report, progress, &mut |_| Ok(()))?;
        return Ok(report);
    }
    let aside = replace::replace(path, &stamp, SystemClock.now(), false, |beside| {
        let repo = Builder::default().init(beside)?;
        fill(&repo, &salvage, options, &mut report, progress)?;
        repo.close()
    })?;
    report.damaged_file = Some(aside);
    Ok(report)
}

/// Whether nothing is wrong with a store, so that there is nothing to repair.
fn is_whole(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<bool> {
    let repo = match Builder::default().open_untouched(path) {
        Ok(repo) => repo,
        Err(error @ (Error::NoStore { .. } | Error::NewerStore { .. } | Error::Locked { .. })) => {
            return Err(error);
        }
        Err(error @ Error::Io { .. }) => return Err(error),
        Err(_) => return Ok(false),
    };
    match verify::verify(&repo, Depth::Data, progress) {
        Ok(report) => Ok(report.ok),
        Err(error @ Error::Locked { .. }) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Reads each snapshot, notes what becomes of it, and gives those that are kept to `keep`.
fn each(
    salvage: &Salvage,
    options: &Options,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
    keep: &mut dyn FnMut(Salvaged) -> Result<()>,
) -> Result<()> {
    let last = salvage.last();
    for id in 1..=last {
        match salvage.snapshot(id) {
            Remains::Nothing => {}
            Remains::Lost(damage) => report.lost.push(problem(damage)),
            Remains::Some(mut salvaged) => {
                if let Some(doubt) = salvaged.doubt.take() {
                    report.doubtful.push(problem(doubt));
                    if !options.accept {
                        continue;
                    }
                }
                report.kept += 1;
                report.kept_in_part.extend(salvaged.damaged.drain(..).map(problem));
                keep(*salvaged)?;
            }
        }
        progress(Progress { stage: "snapshots", done: id as u64, total: last as u64 });
    }
    Ok(())
}

fn fill(
    repo: &Repository,
    salvage: &Salvage,
    options: &Options,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let mut tickets = Vec::new();
    let mut forgotten: Vec<Version> = Vec::new();
    let mut lost_large: Vec<Corruption> = Vec::new();
    let mut refused: Vec<Problem> = Vec::new();
    let mut refuse = |version: &Version, error: Error| match error {
        // Two rows of one version, or rows that make no snapshot any more.
        Error::VersionExists { .. } | Error::Invalid { .. } | Error::TooLarge { .. } => {
            refused.push(problem(Corruption::of_snapshot(version, error.to_string())));
            Ok(())
        }
        error => Err(error),
    };
    repo.bulk(|| {
        each(salvage, options, report, progress, &mut |mut salvaged| {
            let Some(version) = salvaged.draft.version.clone() else { return Ok(()) };
            lost_large.extend(take_large(repo, salvage, &mut salvaged)?);
            match repo.prepare(salvaged.draft) {
                Ok(prepared) => {
                    tickets.push((version, salvaged.forgotten, repo.submit(prepared)));
                    Ok(())
                }
                Err(error) => refuse(&version, error),
            }
        })
    })?;
    for (version, was_forgotten, ticket) in tickets {
        match ticket.wait() {
            Ok(_) => forgotten.extend(was_forgotten.then_some(version)),
            Err(error) => refuse(&version, error)?,
        }
    }
    report.kept_in_part.extend(lost_large.into_iter().map(problem));
    report.kept -= refused.len() as u64;
    report.lost.extend(refused);
    repo.write(|tx| {
        for version in &forgotten {
            // It was tagged before it was forgotten; a pin can have come to it only by damage.
            tx.untag(version, &Tag::pinned())?;
            tx.forget(version)?;
        }
        for (place, keep) in salvage.retention() {
            tx.set_retention(&place, Some(&keep))?;
        }
        if let Some(told) = salvage.flags() {
            flags::take_over(tx, told)?;
        }
        records::take_over(salvage.conn(), tx)?;
        let versions = |problems: &[Problem]| -> Vec<Version> {
            problems.iter().filter_map(|problem| problem.version.clone()).collect()
        };
        let from = salvage.uuid().map(|uuid| uuid.map(|byte| format!("{byte:02x}")).concat());
        tx.note_repair(&serde_json::json!({
            "from": from,
            "kept": report.kept,
            "kept_in_part": versions(&report.kept_in_part),
            "doubtful": versions(&report.doubtful),
            "accepted": options.accept,
            "lost": report.lost.len(),
        }))
    })
}

/// Puts the large content of a snapshot into the new store; tells what of it is lost.
fn take_large(
    repo: &Repository,
    salvage: &Salvage,
    salvaged: &mut Salvaged,
) -> Result<Vec<Corruption>> {
    let mut lost = Vec::new();
    for (at, row) in std::mem::take(&mut salvaged.large) {
        let hash = row.hash.to_string();
        let name = salvaged.draft.artifacts[at].name.clone();
        let staged = repo.stage(&salvaged.draft.context, &name, salvage.stream(row));
        match staged {
            Ok(staged) => salvaged.draft.artifacts[at].content = Some(staged.0),
            // What can't be read of the old store is lost; what can't be written is no repair.
            Err(error @ Error::Io { .. }) => {
                lost.push(salvage::lose(&mut salvaged.draft, at, Some(&hash), error.unwrapped()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(lost)
}

fn problem(damage: Corruption) -> Problem {
    let kind = if damage.blob.is_some() { ProblemKind::Content } else { ProblemKind::Snapshot };
    verify::problem(kind, damage)
}
