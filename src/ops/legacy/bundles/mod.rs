//! Hierarchical bundles: a folder of one capture, with `metadata.json` and its files in `html`,
//! `screenshots` and `logs`.
//!
//! A bundle is known by its metadata, wherever the folder lies and whatever it is called. Where that is
//! gone or damaged, by the folder's path, which tells the context and the time. Site, module, component,
//! session and function are the context as they are told. Files become artifacts of the names that
//! captures have here: `page.html`, `element.html`, `view.png`; messages of the console and requests,
//! which older writers kept as one JSON array each, `console.json` and `network.json`. Other files keep
//! their names.
//!
//! **Invariant:** every file in such a folder is an artifact, and `metadata.json` too, byte for byte; of a
//! folder that this crate wrote that is none where it is as it was written. What is declared and not
//! there says so.

mod parts;
mod repair;

use std::collections::BTreeSet;

use crate::error::Result;
use crate::format::bundle::path::{self, PathParts};
use crate::format::bundle::{
    self, File, HashCheck, METADATA_BYTES_MAX, Metadata, NotMetadata, Own,
};
use crate::format::shape::{self, Shape};
use crate::model::artifact::{ArtifactStatus, MEDIA_JSON};
use crate::model::context::Context;
use crate::model::snapshot::{ARTIFACTS_MAX, Status};
use crate::model::time::Time;
use crate::ops::legacy::bundles::repair::Stems;
use crate::ops::legacy::declared::{Algorithm, Declared, Over};
use crate::ops::legacy::files::{FileId, FolderId, Tree};
use crate::ops::legacy::found::{Content, Found, Kind, When, context_part};
use crate::ops::legacy::look::{Candidates, Look};
use crate::ops::legacy::{Reader, Unit, ours};

/// The folders of a bundle that hold its files.
const FOLDERS: [&str; 4] = ["html", "screenshots", "logs", "artifacts"];
/// The most bytes of additional metadata that user info is given; the whole is an artifact.
const INFO_BYTES_MAX: usize = 256 * 1024;
/// The most problems of one bundle that are told one by one.
const PROBLEMS_MAX: usize = 200;
/// What the names of folders begin with that were being made or deleted, and what each was.
const UNFINISHED: [(&str, &str); 2] = [
    (".tmp_", "a bundle that was being made when its program ended"),
    (".delete_", "a bundle that was being deleted when its program ended"),
];

/// Reads hierarchical bundles.
#[derive(Debug, Default)]
pub struct BundleReader {
    jobs: Vec<Job>,
    /// The files by which what a bundle lacks may be found again.
    stems: Stems,
}

/// A bundle before it is read.
#[derive(Debug, Clone, Copy)]
struct Job {
    folder: FolderId,
    metadata: Option<FileId>,
}

impl Reader for BundleReader {
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit> {
        let mut units = Vec::new();
        for folder in tree.folders() {
            let metadata = metadata_in(tree, folder, files);
            if metadata.is_none() && !is_bundle_without(tree, folder, files) {
                continue;
            }
            let own: Vec<_> = parts::files_of(tree, folder)
                .into_iter()
                .filter(|file| !files.is_taken(*file))
                .collect();
            let Some(source) = metadata.or(own.first().copied()) else { continue };
            for file in own {
                files.take(file);
                self.stems.add(tree, file);
            }
            // Where it is damaged, it is what is called so.
            let metadata = metadata.or_else(|| named_in(tree, folder).next());
            let number = self.jobs.len() as u32;
            self.jobs.push(Job { folder, metadata });
            units.push(Unit { kind: Kind::Bundle, source, number });
        }
        units
    }

    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String> {
        let job = self.jobs.get(unit.number as usize).copied();
        let job = job.ok_or("it is no bundle that was seen")?;
        self.bundle(tree, unit.source, job).map_err(|error| error.to_string())
    }
}

/// The metadata of the bundle that a folder is.
fn metadata_in(tree: &Tree, folder: FolderId, files: &Candidates) -> Option<FileId> {
    let is_metadata = |file: &FileId| !files.is_taken(*file) && is_metadata(tree, *file, files);
    named_in(tree, folder).find(is_metadata).or_else(|| {
        let like = |file: &FileId| files.look(*file) == Look::BundleMetadata;
        tree.files_in(folder).filter(like).find(is_metadata)
    })
}

fn is_metadata(tree: &Tree, file: FileId, files: &Candidates) -> bool {
    match files.look(file) {
        Look::BundleMetadata => true,
        // Its beginning alone may not tell.
        Look::Json => tree
            .read(file, METADATA_BYTES_MAX as u64)
            .is_ok_and(|bytes| File::parse(&bytes).is_ok()),
        _ => false,
    }
}

/// Whether a folder is a bundle whose metadata is gone or damaged: it has folders of files, and the path
/// of a bundle, or a file with what is left of its metadata. A folder of flat snapshots is none.
fn is_bundle_without(tree: &Tree, folder: FolderId, files: &Candidates) -> bool {
    if !FOLDERS.iter().any(|name| tree.find_folder(folder, name).is_some()) {
        return false;
    }
    let is_flat = |file: FileId| !files.is_taken(file) && files.look(file) == Look::Flat;
    if tree.files_in(folder).any(is_flat) || parts::files_of(tree, folder).len() > ARTIFACTS_MAX {
        return false;
    }
    let name = name_of(tree, folder);
    UNFINISHED.iter().any(|(begin, _)| name.starts_with(begin))
        || path_of(tree, folder).is_some()
        || named_in(tree, folder).any(|file| is_left_of_metadata(tree, file))
}

/// The files of a folder that have a name which metadata has.
fn named_in(tree: &Tree, folder: FolderId) -> impl Iterator<Item = FileId> + '_ {
    bundle::FILE_NAMES.iter().filter_map(move |name| tree.find(folder, name))
}

/// Whether a file is what is left of metadata: no JSON, but beginning as metadata begins.
fn is_left_of_metadata(tree: &Tree, file: FileId) -> bool {
    let Ok(bytes) = tree.read(file, METADATA_BYTES_MAX as u64) else { return false };
    let Shape::Object(members) = shape::of(&bytes) else { return false };
    let is_cut = matches!(File::parse(&bytes), Err(NotMetadata::Json(_)));
    let told = bundle::MEMBERS.iter().filter(|name| members.have(&[name])).count();
    let begins =
        members.names.first().is_some_and(|first| bundle::MEMBERS.contains(&first.as_str()));
    is_cut && begins && (told > 1 || members.inner_have(&["site"]) || members.names.len() == 1)
}

/// The name of a folder. The top has the one that it has where it lies, so that a bundle is the same
/// taken in by itself.
fn name_of(tree: &Tree, folder: FolderId) -> String {
    match tree.parent(folder) {
        Some(_) => tree.folder_name(folder),
        None => {
            let root = tree.root().canonicalize().ok();
            let name = root.as_ref().and_then(|root| root.file_name());
            name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        }
    }
}

/// What the path of a folder tells, where it is one of a bundle. The end of the path at which the whole
/// tree lies is asked where its own does not say enough.
fn path_of(tree: &Tree, folder: FolderId) -> Option<PathParts> {
    let name = name_of(tree, folder);
    let begin = UNFINISHED.iter().find(|(begin, _)| name.starts_with(begin));
    let within = tree.folder_path(folder);
    let within = match begin {
        Some((begin, _)) => {
            let (above, name) = within.rsplit_once('/').unwrap_or(("", &within));
            format!("{above}/{}", name.strip_prefix(begin).unwrap_or(name))
        }
        None => within,
    };
    let short = path::parse(&within);
    if short.as_ref().is_some_and(|parts| parts.component.is_some()) {
        return short;
    }
    let root = tree.root().canonicalize().ok()?;
    let root: Vec<_> = root.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let above = root.get(root.len().saturating_sub(5)..).unwrap_or_default().join("/");
    path::parse(&format!("{above}/{within}")).or(short)
}

impl BundleReader {
    fn bundle(&mut self, tree: &Tree, source: FileId, job: Job) -> Result<Found> {
        let files = parts::files_of(tree, job.folder);
        let changed = When::Changed(tree.modified(source));
        let mut found = Found::new(Kind::Bundle, source, changed);
        found.files.clone_from(&files);
        let name = name_of(tree, job.folder);
        found.key.clone_from(&name);
        let path = path_of(tree, job.folder);
        let read = job.metadata.map(|file| {
            let bytes = tree.read(file, METADATA_BYTES_MAX as u64);
            bytes.map_err(|why| why.to_string())
        });
        let told = match &read {
            Some(Ok(bytes)) => match File::parse(bytes) {
                Ok(file) => Some(file),
                Err(why) => {
                    found.problems.push(format!("its metadata can't be read: {why}"));
                    None
                }
            },
            Some(Err(why)) => {
                found.problems.push(format!("its metadata can't be read: {why}"));
                None
            }
            None => None,
        };
        match told {
            Some(file) => {
                let mut metadata = file.metadata();
                if let Some(own) = metadata.own.take() {
                    return of_ours(tree, job, own, metadata, &file, found);
                }
                tell(&file, &metadata, path.as_ref(), &mut found)?;
                self.add_parts(tree, job, Some(&metadata), &mut found)?;
            }
            None => {
                found.variant = match job.metadata {
                    Some(_) => "damaged metadata".to_owned(),
                    None => "without metadata".to_owned(),
                };
                found.problems.push(
                    "nothing tells what belongs to it: its context and its time \
                     are those of its path"
                        .to_owned(),
                );
                tell_path(path.as_ref(), &mut found)?;
                self.add_parts(tree, job, None, &mut found)?;
                found.status = Status::Partial;
            }
        }
        if let Some((begin, what)) = UNFINISHED.iter().find(|(begin, _)| name.starts_with(begin)) {
            found.variant = format!("{begin} folder");
            found.problems.push(format!("it is {what}"));
            found.status = Status::Partial;
        }
        if found.problems.len() > PROBLEMS_MAX {
            let more = found.problems.len() - PROBLEMS_MAX;
            found.problems.truncate(PROBLEMS_MAX);
            found.problems.push(format!("and {more} more of this kind"));
        }
        Ok(found)
    }
}

/// What the metadata says of a bundle.
fn tell(
    file: &File<'_>,
    metadata: &Metadata,
    path: Option<&PathParts>,
    found: &mut Found,
) -> Result<()> {
    let none = PathParts::default();
    let path = path.unwrap_or(&none);
    let part = |told: &Option<String>, path: &Option<String>| {
        told.as_deref().or(path.as_deref()).and_then(context_part)
    };
    found.context = Context::from_parts([
        part(&metadata.site, &path.site),
        part(&metadata.module, &path.module),
        part(&metadata.component, &path.component),
        part(&metadata.session, &path.session),
        part(&metadata.function, &None),
    ])?;
    let timestamp = metadata.timestamp.as_deref().and_then(Time::read_iso);
    match timestamp.or_else(|| Some((path.timestamp.parse().ok()?, false))) {
        Some((time, true)) => found.when = When::At(time),
        Some((time, false)) => found.when = When::Naive(time),
        None => found.problems.push("it does not tell when it was taken".to_owned()),
    }
    if timestamp.is_none()
        && let Some(told) = &metadata.timestamp
    {
        let told: String = told.chars().take(80).collect();
        found
            .problems
            .push(format!("it was taken at \"{}\", which is no time", told.escape_debug()));
    }
    let bytes = serde_json::to_vec(&metadata.additional_metadata).map_or(0, |text| text.len());
    match bytes > INFO_BYTES_MAX {
        false => found.info = metadata.additional_metadata.clone(),
        true => found.problems.push(format!(
            "its {bytes} bytes of additional metadata are more than user info is given"
        )),
    }
    if let Some(url) = found.info.get("page_url").filter(|url| url.is_string()).cloned() {
        found.info.entry("url").or_insert(url);
    }
    found.metadata = file.all();
    found.problems.extend(metadata.notes.iter().cloned());
    found.variant = match file.check_hash() {
        HashCheck::Matches(generation) | HashCheck::Differs { generation, .. } => {
            generation.as_str().to_owned()
        }
        HashCheck::Absent => "without a hash".to_owned(),
        HashCheck::Unknown => "of an unknown hash".to_owned(),
    };
    match metadata.content_hash.as_deref().map(|hash| (hash, Algorithm::of(hash))) {
        Some((hash, Some(algorithm))) => found.declared.push(Declared {
            artifact: parts::METADATA.to_owned(),
            algorithm,
            hash: hash.to_owned(),
            over: vec![Over::BundleFacts],
        }),
        Some((hash, None)) => {
            let shown: String = hash.chars().take(80).collect();
            found.problems.push(format!("its hash is none that is known: {shown}"));
        }
        None => {}
    }
    Ok(())
}

fn tell_path(path: Option<&PathParts>, found: &mut Found) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let part = |part: &Option<String>| part.as_deref().and_then(context_part);
    found.context = Context::from_parts([
        part(&path.site),
        part(&path.module),
        part(&path.component),
        part(&path.session),
        None,
    ])?;
    if let Ok(time) = path.timestamp.parse() {
        found.when = When::Naive(time);
    }
    Ok(())
}

/// A folder that this crate wrote: the snapshot that it was written from. Files that it does not name
/// are artifacts too, and told.
fn of_ours(
    tree: &Tree,
    job: Job,
    own: Own,
    metadata: Metadata,
    file: &File<'_>,
    mut found: Found,
) -> Result<Found> {
    if !matches!(file.check_hash(), HashCheck::Matches(_)) {
        found.problems.push("its metadata is not as it was written: its hash differs".to_owned());
    }
    found.problems.extend(metadata.notes);
    found.written = metadata.bundle_path;
    let (mut lacks, mut named) = (false, job.metadata.into_iter().collect::<BTreeSet<FileId>>());
    ours::tell(own, metadata.additional_metadata, &mut found, |artifact, found| {
        let Some(path) = &artifact.path else {
            let reason = artifact.reason.clone().unwrap_or_default();
            return Content::Missing(artifact.status, reason);
        };
        match tree.resolve(job.folder, path) {
            Ok(file) => {
                named.insert(file);
                Content::File(file)
            }
            Err(why) => {
                found.problems.push(why.clone());
                lacks = true;
                Content::Missing(ArtifactStatus::Failed, why)
            }
        }
    })?;
    if lacks {
        found.status = found.status.max(Status::Partial);
    }
    parts::add_left(tree, job, &named, &mut found)?;
    if let Some(metadata) = job.metadata {
        let is_as_written = file.is_as_written();
        ours::account(metadata, is_as_written, parts::METADATA, MEDIA_JSON, &mut found)?;
    }
    Ok(found)
}
