//! Proof: what was imported, beside what it was imported from, or beside what that declared.
//!
//! **Invariant:** it changes nothing. What it finds is a report, not an error.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Read};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::codec::frame::Hasher;
use crate::error::{Error, Result};
use crate::format::hashes::Sha256Stream;
use crate::model::artifact::Artifact;
use crate::model::id::{BlobHash, Version};
use crate::model::query::Query;
use crate::model::snapshot::Snapshot;
use crate::ops::legacy::declared::{Algorithm, Checked};
use crate::ops::legacy::files::Tree;
use crate::ops::legacy::found::When;
use crate::ops::legacy::names::{self, Bases};
use crate::ops::legacy::report::Hashes;
use crate::ops::legacy::settle::{self, Ready, Settled};
use crate::ops::progress::Progress;
use crate::store::Repository;

/// Snapshots that are listed at once.
const PAGE: usize = 500;

/// What kind of difference was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It is not in the store.
    Absent,
    /// It is there, and forgotten.
    Forgotten,
    /// The store has other artifacts of it.
    Artifacts,
    /// The store has other content.
    Content,
    /// The store says something else of it.
    Facts,
    /// A declared hash comes out other than it did when it was imported.
    Hash,
}

/// A place where the store is not what was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// What kind it is.
    pub kind: DifferenceKind,
    /// The file that stands for the old snapshot, within its folder.
    pub path: String,
    /// The snapshot.
    pub version: Option<Version>,
    /// The artifact.
    pub artifact: Option<String>,
    /// What was seen.
    pub detail: String,
}

/// What was compared, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[non_exhaustive]
pub struct Verified {
    /// Whether all could be read, and nothing differs.
    pub ok: bool,
    /// Where the store is not what was imported.
    pub problems: Vec<Difference>,
    /// Files that could not be read, or not all that is in them, and why.
    pub unread: BTreeMap<String, String>,
    /// Declared hashes that were not the true ones when they were imported, and still are not.
    pub known: Vec<Difference>,
    /// Files that were read; none where no folder was named.
    pub files: u64,
    /// Snapshots that were compared.
    pub snapshots: u64,
    /// Artifacts that were compared.
    pub artifacts: u64,
    /// Bytes of their content.
    pub bytes: u64,
    /// The declared hashes, made again.
    pub hashes: Hashes,
}

/// Compares a folder with what the store has of it, artifact for artifact, byte for byte; without a
/// folder, every imported snapshot with the hashes that were declared for it and with its identity.
///
/// Fails where the store or the folder can't be looked at.
pub fn verify(
    repo: &Repository,
    folder: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified> {
    let mut verified = match folder {
        Some(folder) => beside_folder(repo, folder, progress)?,
        None => by_itself(repo, progress)?,
    };
    verified.ok = verified.problems.is_empty() && verified.unread.is_empty();
    Ok(verified)
}

fn beside_folder(
    repo: &Repository,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified> {
    let mut plan = super::plan(repo, folder, progress)?;
    let tree = plan.tree.clone();
    let total = tree.len() as u64;
    let mut verified = Verified::default();
    let mut bases = Bases::default();
    for aside in tree.asides().iter().filter(|aside| !aside.is_link) {
        verified.unread.insert(aside.path.clone(), aside.why.clone());
    }
    plan.each_settled(&mut |settled, files| {
        verified.files += files;
        compare(repo, &tree, &settled, &mut bases, &mut verified)?;
        progress(Progress { stage: "files", done: verified.files, total });
        Ok(())
    })?;
    for lost in plan.lost() {
        let why = format!("{} in it can't be read: {}", lost.count, lost.why);
        verified.unread.insert(tree.path(lost.source), why);
    }
    Ok(verified)
}

/// Compares an old snapshot with the one that it became.
fn compare(
    repo: &Repository,
    tree: &Tree,
    settled: &Settled,
    bases: &mut Bases,
    verified: &mut Verified,
) -> Result<()> {
    let path = tree.path(settled.found.source);
    for (file, why) in &settled.unread {
        verified.unread.insert(tree.path(*file), why.clone());
    }
    if !settled.unread.is_empty() {
        return Ok(());
    }
    let mut differs = |kind, version: Option<&Version>, artifact: Option<&str>, detail: String| {
        verified.problems.push(Difference {
            kind,
            path: path.clone(),
            version: version.cloned(),
            artifact: artifact.map(str::to_owned),
            detail,
        });
    };
    verified.snapshots += 1;
    verified.hashes.add(&settled.checked);
    let Some((version, is_forgotten)) = repo.read(|view| names::find(view, settled))? else {
        differs(DifferenceKind::Absent, None, None, "it is not in the store".to_owned());
        return Ok(());
    };
    if is_forgotten {
        let detail = "it was forgotten; undelete takes it back".to_owned();
        differs(DifferenceKind::Forgotten, Some(&version), None, detail);
        return Ok(());
    }
    let snapshot = repo.get(&version)?;
    let found = &settled.found;
    for detail in facts(&snapshot, settled, bases) {
        differs(DifferenceKind::Facts, Some(&version), None, detail);
    }
    bases.add(found, &version);
    if snapshot.artifacts.len() != found.parts.len() {
        let detail = format!(
            "{} artifacts are in the store, {} in the folder",
            snapshot.artifacts.len(),
            found.parts.len()
        );
        differs(DifferenceKind::Artifacts, Some(&version), None, detail);
    }
    let (mut artifacts, mut bytes) = (0, 0);
    let stored: HashMap<&str, &Artifact> =
        snapshot.artifacts.iter().map(|artifact| (artifact.name.as_str(), artifact)).collect();
    for (part, content) in found.parts.iter().zip(&settled.contents) {
        let name = part.name.as_str();
        let Some(artifact) = stored.get(name) else {
            let detail = "the store has no such artifact".to_owned();
            differs(DifferenceKind::Artifacts, Some(&version), Some(name), detail);
            continue;
        };
        artifacts += u64::from(artifact.hash.is_some());
        bytes += artifact.bytes;
        let same = match content {
            (Ready::Missing(..), ..) => match artifact.hash {
                None => Ok(()),
                Some(_) => Err("the store has content, and the folder none".to_owned()),
            },
            (_, hash, _) if artifact.hash != *hash => Err(format!(
                "the hash of the stored content is {}, that of the folder's {}",
                shown(artifact.hash),
                shown(*hash)
            )),
            (Ready::Held(content), ..) => {
                let mut content: &[u8] = content;
                equal(repo, &version, name, &mut content)?
            }
            (Ready::File(file), ..) => match tree.stream(*file) {
                Ok(mut stream) => equal(repo, &version, name, &mut stream)?,
                Err(why) => Err(why.to_string()),
            },
        };
        if let Err(detail) = same {
            differs(DifferenceKind::Content, Some(&version), Some(name), detail);
        }
    }
    verified.artifacts += artifacts;
    verified.bytes += bytes;
    for checked in settled.checked.iter().filter(|checked| checked.agrees != Some(true)) {
        verified.known.extend(told(&path, Some(&version), checked));
    }
    Ok(())
}

/// A declared hash that does not agree, in words.
fn told(path: &str, version: Option<&Version>, checked: &Checked) -> Option<Difference> {
    Some(Difference {
        kind: DifferenceKind::Hash,
        path: path.to_owned(),
        version: version.cloned(),
        artifact: Some(checked.declared.artifact.clone()),
        detail: checked.problem()?,
    })
}

/// What the store says otherwise of a snapshot than the folder.
fn facts(snapshot: &Snapshot, settled: &Settled, bases: &Bases) -> Vec<String> {
    let found = &settled.found;
    let mut differs = Vec::new();
    let Some(told) = settle::told_of(&snapshot.user_info) else {
        return vec!["its user info does not say where it comes from".to_owned()];
    };
    if snapshot.context != found.context {
        differs.push(format!("its context is {}, not {}", snapshot.context, found.context));
    }
    if snapshot.status != found.status {
        let (stored, here) = (snapshot.status.as_str(), found.status.as_str());
        differs.push(format!("its status is {stored}, not {here}"));
    }
    let zone = told["zone"].as_str().and_then(|zone| zone.parse().ok());
    let time = settle::date(&found.when, zone).time;
    // Files are touched when they are copied.
    if snapshot.created_at != time && !matches!(found.when, When::Changed(_)) {
        differs.push(format!("its time is {}, not {time}", snapshot.created_at));
    }
    if snapshot.description != found.description {
        differs.push("its description is another".to_owned());
    }
    // Where what it comes from was imported later, or never, the name alone is known.
    let named = found.based_on.as_ref().and_then(|name| name.parse::<Version>().ok());
    if snapshot.based_on != bases.of(found) && snapshot.based_on != named {
        let shown = |base: Option<&Version>| {
            base.map_or_else(|| "nothing".to_owned(), |base| format!("version {base}"))
        };
        differs.push(format!(
            "it comes from {}, not from {}",
            shown(snapshot.based_on.as_ref()),
            shown(bases.of(found).as_ref())
        ));
    }
    if told.get("metadata").is_some_and(|metadata| *metadata != found.metadata) {
        differs.push("what it says of itself is something else".to_owned());
    }
    for (key, value) in &found.info {
        if snapshot.user_info.get(key) != Some(value) {
            differs.push(format!("{} of its user info is another", key.escape_debug()));
        }
    }
    differs
}

fn shown(hash: Option<BlobHash>) -> String {
    hash.map_or("none".to_owned(), |hash| hash.to_string())
}

/// Compares stored content with other content, byte for byte.
fn equal(
    repo: &Repository,
    version: &Version,
    name: &str,
    other: &mut dyn Read,
) -> Result<std::result::Result<(), String>> {
    let mut compared = || -> Result<std::result::Result<u64, String>> {
        let mut reader = repo.reader(version, name)?;
        let mut buffer = Vec::new();
        let mut at = 0_u64;
        loop {
            let part = reader.fill_buf().map_err(|source| Error::io(name, source))?;
            let count = part.len();
            buffer.resize(count.max(1), 0);
            let read = match count {
                // Nothing may be left of the other either.
                0 => other.read(&mut buffer),
                _ => other.read_exact(&mut buffer).map(|()| count),
            };
            match read {
                Ok(0) if count == 0 => return Ok(Ok(at)),
                Ok(_) if count > 0 && buffer == part => {}
                Ok(_) => return Ok(Err(format!("they differ behind byte {at}"))),
                Err(error) => return Ok(Err(format!("the folder's can't be read: {error}"))),
            }
            at += count as u64;
            reader.consume(count);
        }
    };
    match compared().map_err(Error::unwrapped) {
        Ok(told) => Ok(told.map(drop)),
        Err(Error::Corrupt(damage)) => Ok(Err(damage.to_string())),
        Err(error) => Err(error),
    }
}

/// Looks at every imported snapshot.
fn by_itself(repo: &Repository, progress: &mut dyn FnMut(Progress)) -> Result<Verified> {
    let total = repo.stats()?.snapshots;
    let mut verified = Verified::default();
    let (mut last, mut done): (Option<Version>, u64) = (None, 0);
    loop {
        let mut query = Query::all().oldest_first().limit(PAGE);
        if let Some(last) = last.take() {
            query = query.after(last);
        }
        let page = repo.find(&query)?;
        for snapshot in &page {
            if let Some(told) = settle::told_of(&snapshot.user_info) {
                alone(repo, snapshot, told, &mut verified)?;
            }
            done += 1;
            progress(Progress { stage: "snapshots", done, total });
        }
        last = page.last().map(|snapshot| snapshot.version.clone());
        if page.len() < PAGE {
            return Ok(verified);
        }
    }
}

fn alone(
    repo: &Repository,
    snapshot: &Snapshot,
    told: &Value,
    verified: &mut Verified,
) -> Result<()> {
    let path = told["source"].as_str().unwrap_or_default().to_owned();
    let version = &snapshot.version;
    let mut problems = Vec::new();
    let mut differs = |kind, artifact: Option<&str>, detail: String| {
        problems.push(Difference {
            kind,
            path: path.clone(),
            version: Some(version.clone()),
            artifact: artifact.map(str::to_owned),
            detail,
        });
    };
    verified.snapshots += 1;
    let identity = settle::identity_of(snapshot).map(|identity| identity.to_string());
    if identity.as_deref() != told["identity"].as_str() {
        let detail = "its artifacts, or what is said of it, are not what was imported".to_owned();
        differs(DifferenceKind::Facts, None, detail);
    }
    let hashes = told["hashes"].as_array().map_or(&[][..], Vec::as_slice);
    let declared: Vec<Checked> = hashes.iter().filter_map(Checked::read).collect();
    if declared.len() != hashes.len() {
        let detail = "what its user info says of hashes can't be read".to_owned();
        differs(DifferenceKind::Facts, None, detail);
    }
    let mut declared_of: HashMap<&str, Vec<&Checked>> = HashMap::new();
    for one in &declared {
        declared_of.entry(&one.declared.artifact).or_default().push(one);
    }
    for artifact in snapshot.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
        verified.artifacts += 1;
        verified.bytes += artifact.bytes;
        let name = artifact.name.as_str();
        let wanted = declared_of.remove(name).unwrap_or_default();
        let again = match again(repo, version, artifact, &wanted) {
            Err(Error::Corrupt(damage)) => {
                differs(DifferenceKind::Content, Some(name), damage.to_string());
                continue;
            }
            again => again?,
        };
        for (before, after) in wanted.into_iter().zip(again) {
            verified.hashes.add(std::slice::from_ref(&after));
            if before.agrees != after.agrees || before.actual != after.actual {
                let detail = after.problem().unwrap_or_else(|| "it agrees now".to_owned());
                differs(DifferenceKind::Hash, Some(name), detail);
            } else {
                verified.known.extend(self::told(&path, Some(version), &after));
            }
        }
    }
    // What is left is declared of what has no content.
    let is_left = |one: &&Checked| declared_of.contains_key(one.declared.artifact.as_str());
    for one in declared.iter().filter(is_left) {
        let after = one.declared.check(None);
        verified.hashes.add(std::slice::from_ref(&after));
        verified.known.extend(self::told(&path, Some(version), &after));
    }
    verified.problems.extend(problems);
    Ok(())
}

/// Reads stored content and makes declared hashes of it again.
fn again(
    repo: &Repository,
    version: &Version,
    artifact: &Artifact,
    wanted: &[&Checked],
) -> Result<Vec<Checked>> {
    let name = artifact.name.as_str();
    if wanted.is_empty() {
        repo.copy_to(version, name, &mut std::io::sink())?;
        return Ok(Vec::new());
    }
    if wanted.iter().any(|one| settle::is_held(&one.declared, artifact.bytes)) {
        let content = repo.content(version, name)?;
        return Ok(wanted.iter().map(|one| one.declared.check(Some(&content))).collect());
    }
    let mut reader = repo.reader(version, name)?;
    let (mut hasher, mut sha256) = (Hasher::new(), Sha256Stream::default());
    let is_sha256 = wanted.iter().any(|one| one.declared.algorithm == Algorithm::Sha256);
    loop {
        let part = reader.fill_buf().map_err(|source| Error::io(name, source).unwrapped())?;
        let count = part.len();
        if count == 0 {
            break;
        }
        hasher.update(part);
        if is_sha256 {
            sha256.update(part);
        }
        reader.consume(count);
    }
    let (hash, sha256) = (hasher.hash(), sha256.hex());
    Ok(wanted.iter().map(|one| settle::large(&one.declared, hash, &sha256)).collect())
}
