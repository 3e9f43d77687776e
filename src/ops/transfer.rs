//! `export` and `import`: snapshots out of a store and into another, with everything known of them.
//!
//! An archive is a store like any other, with just the snapshots that were asked for. So it can be
//! opened, listed, verified and read with `sqlite3` wherever it goes, and what guards a store guards
//! it: hashes of all content, manifests of all snapshots, one whole file or none.
//!
//! **Invariant:** an imported snapshot has the manifest that it had: version, time, context,
//! description, user info, artifacts and ledger, byte for byte. Only where a new version was asked
//! for does that differ.
//!
//! **Invariant:** an archive is checked whole before the first snapshot of it is stored, and is not
//! changed.

use std::path::Path;

use serde::Serialize;

use crate::error::{Corruption, Error, Result};
use crate::model::id::Version;
use crate::model::query::Query;
use crate::ops::verify::{self, Depth};
use crate::store::{Builder, Repository, copy};

/// Snapshots that are listed at once.
const PAGE: usize = 1_000;

/// What an export came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exported {
    /// Snapshots that the archive holds.
    pub snapshots: u64,
    /// Bytes of their content, as given.
    pub bytes: u64,
    /// Bytes of the archive.
    pub file_bytes: u64,
}

/// Which versions imported snapshots get.
///
/// Whatever is said here, a snapshot that is in the store already, the same in everything, is found
/// again, and nothing is added for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Naming {
    /// Their own. Where one is taken by another snapshot nothing is imported, and an error names it.
    #[default]
    Keep,
    /// Their own, and where one is taken by another snapshot a new one.
    NewWhereTaken,
    /// This one, for an archive of one snapshot.
    As(Version),
}

/// A snapshot of an archive, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// Its version in the archive.
    pub from: Version,
    /// Its version in the store.
    pub version: Version,
    /// Whether it was in the store already, so that nothing was added.
    pub present: bool,
}

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done: `pages`, `events` or `contents` of the archive are checked, or `snapshots`
    /// are stored.
    pub stage: &'static str,
    /// How many were.
    pub done: u64,
    /// How many there are; 0 where that is not known.
    pub total: u64,
}

/// Writes snapshots into an archive at `path`, whole or not at all.
///
/// Fails with `StoreExists` where something stands there, with `NotFound` where a version is not in
/// the store, and with `Corrupt` where content can't be proved intact.
pub fn export(
    repo: &Repository,
    versions: &[Version],
    path: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Exported> {
    // By time, ties by insertion, so that the archive lists them as the store does.
    let ordered = repo.read(|view| copy::in_order(view.conn, versions))?;
    if ordered.is_empty() {
        return Err(Error::invalid("export", "", "no snapshot is named"));
    }
    let total = ordered.len() as u64;
    let names: Vec<_> =
        ordered.into_iter().map(|version| (version.clone(), Some(version))).collect();
    let path = path.as_ref();
    let bytes = repo.build(path, |archive| {
        let mut told = |done| progress(Progress { stage: "snapshots", done, total });
        copy_all(repo, archive, &names, &mut told)?;
        Ok(archive.stats()?.bytes)
    })?;
    let written = std::fs::metadata(path).map_err(|source| Error::io(path, source))?;
    Ok(Exported { snapshots: total, bytes, file_bytes: written.len() })
}

/// Stores all snapshots of an archive, the oldest first, and tells what became of each.
///
/// Rules of retention hold for them as for all others. Ended early and done again, it goes on: what
/// is there already is found again.
///
/// Fails with `NoStore` or `NotAStore` where the archive is none, with `Corrupt` where it is damaged,
/// and with `VersionExists` where a version is taken that is to be used; then nothing is imported.
pub fn import(
    repo: &Repository,
    path: impl AsRef<Path>,
    naming: &Naming,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Imported>> {
    let archive = open(path.as_ref(), progress)?;
    let versions = versions(&archive)?;
    if let (Naming::As(version), false) = (naming, versions.len() == 1) {
        let why = format!("the archive holds {} snapshots; a name fits just one", versions.len());
        return Err(Error::invalid("version", version, why));
    }
    let mut found = Vec::with_capacity(versions.len());
    for from in versions {
        let own = archive.read(|view| copy::manifest(view.conn, &from))?;
        let taken = repo.read(|view| copy::manifest(view.conn, &from))?;
        let present = taken.is_some() && taken == own;
        let name = match naming {
            _ if present => Some(from.clone()),
            Naming::As(version) => {
                if repo.read(|view| copy::manifest(view.conn, version))?.is_some() {
                    return Err(Error::VersionExists { version: version.clone() });
                }
                Some(version.clone())
            }
            _ if taken.is_none() => Some(from.clone()),
            Naming::NewWhereTaken => None,
            Naming::Keep => return Err(Error::VersionExists { version: from }),
        };
        found.push((from, name, present));
    }
    let names: Vec<_> = found
        .iter()
        .filter(|(_, _, present)| !present)
        .map(|(from, name, _)| (from.clone(), name.clone()))
        .collect();
    let total = names.len() as u64;
    let mut told = |done| progress(Progress { stage: "snapshots", done, total });
    let mut stored = copy_all(&archive, repo, &names, &mut told)?.into_iter();
    let imported = found.into_iter().map(|(from, name, present)| {
        // What is not present was stored, in the same order.
        let version = if present { name } else { stored.next() };
        Imported { version: version.unwrap_or_else(|| from.clone()), from, present }
    });
    Ok(imported.collect())
}

/// Opens an archive and checks it whole.
fn open(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Repository> {
    let archive = Builder::default().open_untouched(path)?;
    let report = verify::verify(&archive, Depth::Data, &mut |told| {
        progress(Progress { stage: told.stage, done: told.done, total: told.total });
    })?;
    match report.problems.into_iter().next() {
        None => Ok(archive),
        Some(first) => Err(Error::Corrupt(Corruption {
            version: first.version,
            artifact: first.artifact,
            blob: first.hash,
            detail: format!("{}: {}", path.display(), first.detail),
        })),
    }
}

/// All versions that are not forgotten, by time, ties by insertion.
fn versions(archive: &Repository) -> Result<Vec<Version>> {
    let mut versions: Vec<Version> = Vec::new();
    loop {
        let mut query = Query::all().oldest_first().limit(PAGE);
        if let Some(last) = versions.last() {
            query = query.after(last.clone());
        }
        let page = archive.find(&query)?;
        let more = page.len() == PAGE;
        versions.extend(page.into_iter().map(|found| found.version));
        if !more {
            return Ok(versions);
        }
    }
}

/// Stores snapshots of one store in another, each under its name there or a new one; gives the
/// versions that they got, in their order.
fn copy_all(
    from: &Repository,
    to: &Repository,
    names: &[(Version, Option<Version>)],
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Version>> {
    let tickets = to.bulk(|| {
        let mut tickets = Vec::with_capacity(names.len());
        for (version, name) in names {
            let mut copy = from.read(|view| copy::copy(view.conn, version, name.as_ref()))?;
            for at in copy.large.drain(..) {
                let artifact = &mut copy.draft.artifacts[at];
                let content = from.reader(version, artifact.name.as_str())?;
                let staged = to.stage(&copy.draft.context, &artifact.name, content);
                artifact.content = Some(staged.map_err(Error::unwrapped)?.0);
            }
            tickets.push(to.submit(to.prepare(copy.draft)?));
            progress(tickets.len() as u64);
        }
        Ok::<_, Error>(tickets)
    })?;
    tickets.into_iter().map(|ticket| Ok(ticket.wait()?.version)).collect()
}
