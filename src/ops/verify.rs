//! `verify`: is everything as it was stored?
//!
//! Three depths. *Quick* asks SQLite whether its pages hang together and whether the log came as
//! far as it had come. *Structure* also replays the log: each event follows from the one before,
//! each snapshot is what its event says, tags are what their events make them. *Data* also
//! decodes all content and compares it with its hash.
//!
//! **Invariant:** it changes nothing. What it finds is a report, not an error.

use serde::Serialize;

use crate::error::{Corruption, Error, Result};
use crate::model::id::{BlobHash, Version};
use crate::ops::progress::Progress;
use crate::records;
use crate::store::replay::Replay;
use crate::store::{Repository, check};

/// How often a store is looked at into which others put backups all the while.
const LOOKS_MAX: u32 = 3;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Depth {
    /// The pages of the file.
    Quick,
    /// The rows as well.
    #[default]
    Structure,
    /// The content as well.
    Data,
}

/// What kind of damage was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// SQLite's own structure.
    File,
    /// The log, or the end of it.
    Log,
    /// What is known about a snapshot.
    Snapshot,
    /// Content.
    Content,
    /// What is kept beside snapshots.
    Record,
}

/// A piece of damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// What kind it is.
    pub kind: ProblemKind,
    /// The snapshot that it touches, where one is known.
    pub version: Option<Version>,
    /// The artifact of it.
    pub artifact: Option<String>,
    /// The content, by the hash that it should have.
    pub hash: Option<BlobHash>,
    /// What was seen.
    pub detail: String,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether nothing was found.
    pub ok: bool,
    /// What was found, in the order in which it was.
    pub problems: Vec<Problem>,
    /// Events that were replayed.
    pub events: u64,
    /// Snapshots that were compared with their events.
    pub snapshots: u64,
    /// Contents that were decoded and compared with their hashes.
    pub blobs: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Looks for damage, telling `progress` how far it has come.
///
/// Fails only where the store can't be looked at: it is locked, say, or can't be read.
///
/// A store that a backup is put into meanwhile is looked at again.
pub fn verify(
    repo: &Repository,
    depth: Depth,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    let mut left = LOOKS_MAX;
    loop {
        let before = repo.read(|view| check::cookie(view.conn));
        let report = look(repo, depth, progress)?;
        left -= 1;
        let after = repo.read(|view| check::cookie(view.conn));
        match (before, after) {
            (Ok(before), Ok(after)) if before != after && !report.ok && left > 0 => {}
            _ => return Ok(report),
        }
    }
}

fn look(repo: &Repository, depth: Depth, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    let mut report =
        Report { ok: true, problems: Vec::new(), events: 0, snapshots: 0, blobs: 0, bytes: 0 };
    progress(Progress { stage: "pages", done: 0, total: 0 });
    part(&mut report, ProblemKind::File, |_, found| {
        let lines = repo.read(|view| check::file(view.conn, depth == Depth::Quick))?;
        lines.into_iter().for_each(|line| found(Corruption::of_store(line)));
        Ok(())
    })?;
    part(&mut report, ProblemKind::File, |_, found| {
        let (in_file, with_log) = (repo.in_file(), repo.in_file() && !repo.is_frozen());
        repo.read(|view| check::shape(view.conn, in_file, with_log, found))
    })?;
    part(&mut report, ProblemKind::Log, |_, found| {
        let Some(note) = repo.note() else { return Ok(()) };
        repo.read(|view| check::note(view.conn, &note))?.into_iter().for_each(found);
        Ok(())
    })?;
    if depth >= Depth::Structure {
        part(&mut report, ProblemKind::Snapshot, |_, found| {
            repo.read(|view| check::references(view.conn, found))
        })?;
        part(&mut report, ProblemKind::Snapshot, |report, found| {
            let total = repo.read(|view| check::events(view.conn))?;
            let mut replay = Replay::default();
            // A view for each page: the write-ahead log must not wait for all of this.
            while repo.read(|view| replay.step(view.conn, found))? {
                progress(Progress { stage: "events", done: replay.events, total });
            }
            (report.events, report.snapshots) = (replay.events, replay.snapshots);
            Ok(())
        })?;
        part(&mut report, ProblemKind::Content, |_, found| {
            repo.read(|view| {
                check::chains(view.conn, found)?;
                check::loose(view.conn, found)
            })
        })?;
        part(&mut report, ProblemKind::Record, |_, found| {
            repo.read(|view| records::check(view, found))
        })?;
    }
    if depth >= Depth::Data {
        part(&mut report, ProblemKind::Content, |report, found| {
            let total = repo.read(|view| check::blobs(view.conn))?;
            let mut data = check::DataCheck::default();
            while repo.read(|view| data.step(view.conn, found))? {
                progress(Progress { stage: "contents", done: data.blobs, total });
            }
            (report.blobs, report.bytes) = (data.blobs, data.bytes);
            Ok(())
        })?;
    }
    report.ok = report.problems.is_empty();
    Ok(report)
}

/// Does a part of the check; damage that ends it is a problem like what it found before.
fn part(
    report: &mut Report,
    kind: ProblemKind,
    check: impl FnOnce(&mut Report, &mut dyn FnMut(Corruption)) -> Result<()>,
) -> Result<()> {
    let mut found = Vec::new();
    match check(report, &mut |damage| found.push(damage)) {
        Ok(()) => {}
        Err(Error::Corrupt(damage)) => found.push(damage),
        Err(error) => return Err(error),
    }
    report.problems.extend(found.into_iter().map(|damage| problem(kind, damage)));
    Ok(())
}

/// Damage as a report tells of it.
pub(crate) fn problem(kind: ProblemKind, damage: Corruption) -> Problem {
    let kind = match (kind, &damage.version, &damage.blob) {
        (ProblemKind::Snapshot, None, None) => ProblemKind::Log,
        (kind, ..) => kind,
    };
    Problem {
        kind,
        version: damage.version,
        artifact: damage.artifact,
        hash: damage.blob,
        detail: damage.detail,
    }
}
