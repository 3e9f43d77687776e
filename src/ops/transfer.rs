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
//!
//! The requests of a page go out as a HAR that other tools read, with bodies inside; any artifact goes
//! out as it is.
//!
//! A snapshot also goes out as the hierarchical folder in which Python scrapers keep a capture, and comes
//! in from it the same in everything.
//!
//! A single data snapshot also goes out as a [JSON document](crate::format::export), the form in which
//! Python snapshot managers exchange one, and comes in from such. What it can't hold is refused on the
//! way out. On the way in its value is compared with its checksum.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde::Serialize;

use crate::codec::frame;
use crate::error::{Corruption, Error, Result, What};
use crate::format::export::{self, Document, Fault};
use crate::format::har::inline;
use crate::format::pyjson;
use crate::model::artifact::{Artifact, Given};
use crate::model::id::{ArtifactName, Version};
use crate::model::query::Query;
use crate::model::snapshot::Snapshot;
use crate::ops::legacy::write;
use crate::ops::progress::Progress;
use crate::ops::verify::{self, Depth};
use crate::store::{Builder, Repository, copy, file};

pub use crate::ops::legacy::write::{Written, bundle_path, export_bundle, export_flat};

/// Snapshots that are listed at once.
const PAGE: usize = 1_000;
/// The bytes of a file that tell what it is.
const HEAD_BYTES: u64 = 4_096;

/// What an export came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exported {
    /// Snapshots that the file holds.
    pub snapshots: u64,
    /// Bytes of their content, as given.
    pub bytes: u64,
    /// Bytes of the file.
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
    /// Its version in the archive or document.
    pub from: Version,
    /// Its version in the store.
    pub version: Version,
    /// Whether it was in the store already, so that nothing was added.
    pub present: bool,
    /// What is not as it was, or could not be checked; they also stand in the snapshot's user info, as
    /// [`NOTES`](crate::format::export::NOTES). An archive leaves none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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

/// Writes a data snapshot into a [JSON document](crate::format::export) at `path`, whole or not at
/// all. [`import`] takes it back, byte for byte.
///
/// Fails with `StoreExists` where something stands there, with `NotFound` where the version is not in
/// the store, with `Corrupt` where its content can't be proved intact, and with `Invalid` where it has
/// several artifacts or content that is neither JSON nor text: [`export()`] takes that too.
pub fn export_json(
    repo: &Repository,
    version: &Version,
    path: impl AsRef<Path>,
) -> Result<Exported> {
    let mut copy = repo.read(|view| copy::copy(view.conn, version, Some(version)))?;
    if let ([artifact], [_]) = (copy.draft.artifacts.as_mut_slice(), copy.large.as_slice()) {
        let content = repo.content(version, artifact.name.as_str())?;
        artifact.content = Some(Given::Held(content.into()));
    }
    let document = export::write(&copy.draft, repo.now())?;
    let path = path.as_ref();
    let file_bytes = file::create(path, |file| {
        file.write_all(&document).map_err(|source| Error::io(path, source))
    })?;
    let content = copy.draft.artifacts.first().and_then(|artifact| artifact.content());
    Ok(Exported { snapshots: 1, bytes: content.map_or(0, |it| it.len() as u64), file_bytes })
}

/// Writes the content of an artifact into a file at `path`, byte for byte, whole or not at all.
///
/// Fails with `StoreExists` where something stands there, with `NotFound` where there is no such
/// content, telling what there is, and with `Corrupt` where it can't be proved intact.
pub fn export_artifact(
    repo: &Repository,
    version: &Version,
    artifact: &ArtifactName,
    path: impl AsRef<Path>,
) -> Result<Exported> {
    let snapshot = repo.get(version)?;
    let found = held(&snapshot, artifact.as_str())?;
    let file_bytes = file::create(path.as_ref(), |file| {
        repo.copy_to(version, artifact.as_str(), file).map(drop)
    })?;
    Ok(Exported { snapshots: 1, bytes: found.bytes, file_bytes })
}

/// The name of the artifact that tells of a page's requests.
const NETWORK: &str = "network.har";

/// Writes the requests of a page into a HAR at `path`, whole or not at all, with the bodies that the
/// snapshot has inside (`content.text`; what is no text in base64). Where there is no body, the
/// entry says so. A HAR that another program made is written byte for byte.
///
/// Fails with `StoreExists` where something stands there, with `NotFound` where the snapshot has no
/// `network.har`, telling why and what there is, and with `Corrupt` where content can't be proved
/// intact.
pub fn export_har(
    repo: &Repository,
    version: &Version,
    path: impl AsRef<Path>,
) -> Result<Exported> {
    let snapshot = repo.get(version)?;
    let mut bytes = held(&snapshot, NETWORK)?.bytes;
    let har = repo.content(version, NETWORK)?;
    let body = |name: &str| {
        let artifact = snapshot.artifacts.iter().find(|artifact| artifact.name.as_str() == name);
        match artifact {
            Some(artifact) if artifact.hash.is_some() => {
                bytes += artifact.bytes;
                repo.content(version, name).map(Ok)
            }
            Some(artifact) => Ok(Err(artifact.reason.clone().unwrap_or_default())),
            None => Ok(Err(format!("there is no {name} in the snapshot"))),
        }
    };
    let written = match inline::inlined(&har, body)? {
        Some(inlined) => inlined.to_string().into_bytes(),
        None => har,
    };
    let path = path.as_ref();
    let file_bytes = file::create(path, |file| {
        file.write_all(&written).map_err(|source| Error::io(path, source))
    })?;
    Ok(Exported { snapshots: 1, bytes, file_bytes })
}

/// The artifact of this name that has content; else an error that says what there is.
fn held<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a Artifact> {
    let held = || snapshot.artifacts.iter().filter(|artifact| artifact.hash.is_some());
    if let Some(found) = held().find(|artifact| artifact.name.as_str() == name) {
        return Ok(found);
    }
    let names: Vec<_> = held().map(|held| held.name.as_str()).collect();
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let asked_for = snapshot.artifacts.iter().find(|artifact| artifact.name.as_str() == name);
    let why = asked_for.map_or(String::new(), |artifact| {
        let reason = artifact.reason.as_deref().map_or(String::new(), |why| format!(": {why}"));
        format!(" ({}{reason})", artifact.status.as_str())
    });
    let name = format!("{name} in snapshot {}{why}, which holds {names}", snapshot.version);
    Err(Error::NotFound { what: What::Artifact, name })
}

/// Stores all snapshots of an archive, the oldest first, and tells what became of each. A
/// [JSON document](crate::format::export), which is known by how it begins, is an archive of one; a
/// folder is one of the [bundles](export_bundle) in it.
///
/// Rules of retention hold for them as for all others. Ended early and done again, it goes on: what
/// is there already is found again.
///
/// Fails with `NoStore` or `NotAStore` where the archive is none, with `Corrupt` where it is damaged
/// or a value does not fit its checksum, and with `VersionExists` where a version is taken that is to
/// be used; then nothing is imported. The name that a document tells need not be a version: then it is
/// `Invalid`, unless another is asked for.
pub fn import(
    repo: &Repository,
    path: impl AsRef<Path>,
    naming: &Naming,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Imported>> {
    let path = path.as_ref();
    if path.is_dir() {
        let archive = write::archive_of(path, progress)?;
        return import_all(repo, &archive, naming, progress);
    }
    // SQLite looks first: to open and close the file of a store by other means ends the locks that
    // this process has on it.
    let refused = match open(path, progress) {
        Ok(archive) => return import_all(repo, &archive, naming, progress),
        Err(error @ Error::NotAStore { .. }) => error,
        Err(error) => return Err(error),
    };
    let Some(document) = document(path)? else { return Err(refused) };
    let (archive, notes) = archive_of(repo, document, naming)?;
    let mut imported = import_all(repo, &archive, naming, progress)?;
    imported.iter_mut().for_each(|one| one.notes.clone_from(&notes));
    Ok(imported)
}

/// Reads a JSON document, where the file is one by its beginning.
fn document(path: &Path) -> Result<Option<Document>> {
    let mut head = Vec::new();
    // What can't be read is no document; the archive that it may be says why.
    let opened = File::open(path).and_then(|mut file| {
        (&mut file).take(HEAD_BYTES).read_to_end(&mut head)?;
        Ok(file)
    });
    let Ok(mut file) = opened else { return Ok(None) };
    let not_one = |why: String| Error::NotAStore { path: path.to_owned(), why };
    if export::begins_pickle(&head) {
        let why = "a pickle of Python, which can run code and is not read; export it as JSON";
        return Err(not_one(why.to_owned()));
    }
    if !export::begins(&head) {
        return Ok(None);
    }
    let limit = pyjson::TEXT_BYTES_MAX as u64;
    (&mut file)
        .take(limit + 1 - head.len() as u64)
        .read_to_end(&mut head)
        .map_err(|source| Error::io(path, source))?;
    if head.len() as u64 > limit {
        let bytes = file.metadata().map_or(head.len() as u64, |found| found.len());
        return Err(Error::TooLarge { what: path.display().to_string(), bytes, limit });
    }
    export::read(&head).map(Some).map_err(|fault| match fault {
        Fault::Foreign(why) => not_one(why),
        Fault::Damaged(damage) => {
            let detail = format!("{}: {}", path.display(), damage.detail);
            Error::Corrupt(Corruption { detail, ..damage })
        }
    })
}

/// A store in memory of the one snapshot of a document, and the notes on it.
fn archive_of(
    repo: &Repository,
    document: Document,
    naming: &Naming,
) -> Result<(Repository, Vec<String>)> {
    let Document { mut draft, version, mut notes } = document;
    let time = *draft.time.get_or_insert_with(|| repo.now());
    let own = match version.as_deref().map(str::parse::<Version>) {
        Some(Ok(version)) => Some(version),
        Some(Err(error)) if *naming == Naming::Keep => return Err(error),
        Some(Err(error)) => {
            notes.push(error.to_string());
            None
        }
        None => None,
    };
    // Made of what it is, so that it is found again.
    let content = draft.artifacts.first().and_then(|artifact| artifact.content());
    let hash = frame::hash(content.unwrap_or_default());
    let made = || {
        let [a, b, c, d, ..] = hash.0;
        Version::made_at(time, u32::from_le_bytes([a, b, c, d]))
    };
    draft.version = Some(own.unwrap_or_else(made));
    if !notes.is_empty() {
        let mut key = export::NOTES.to_owned();
        while draft.user_info.contains_key(&key) {
            key.push('_');
        }
        draft = draft.info(key, notes.clone());
    }
    let archive = Builder::default().in_memory()?;
    archive.create(draft)?;
    Ok((archive, notes))
}

fn import_all(
    repo: &Repository,
    archive: &Repository,
    naming: &Naming,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Imported>> {
    let versions = versions(archive)?;
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
    for (version, ..) in found.iter().filter(|(.., present)| *present) {
        // Forgotten meanwhile, it is asked for again.
        repo.undelete(version)?;
    }
    let total = names.len() as u64;
    let mut told = |done| progress(Progress { stage: "snapshots", done, total });
    let mut stored = copy_all(archive, repo, &names, &mut told)?.into_iter();
    let imported = found.into_iter().map(|(from, name, present)| {
        // What is not present was stored, in the same order.
        let version = if present { name } else { stored.next() };
        let version = version.unwrap_or_else(|| from.clone());
        Imported { version, from, present, notes: Vec::new() }
    });
    Ok(imported.collect())
}

/// Opens an archive and checks it whole.
fn open(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Repository> {
    let archive = Builder::default().open_untouched(path)?;
    let report = verify::verify(&archive, Depth::Data, progress)?;
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
