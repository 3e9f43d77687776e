//! The artifacts of a bundle.

use std::collections::{BTreeMap, BTreeSet};

use super::{BundleReader, FOLDERS, Job};
use crate::error::Result;
use crate::format::bundle::Metadata;
use crate::model::artifact::{ArtifactStatus, MEDIA_BYTES, MEDIA_JSON, media_type_of};
use crate::model::config::PagePart;
use crate::model::id::ArtifactName;
use crate::model::snapshot::{ARTIFACTS_MAX, Status};
use crate::ops::legacy::declared::Declared;
use crate::ops::legacy::files::{FileId, FolderId, Tree};
use crate::ops::legacy::found::{Content, Found, Part};

/// The artifact that the metadata is.
pub(super) const METADATA: &str = "metadata.json";

/// The files of a bundle: those in its folder, and in the folders of it that hold files.
pub(super) fn files_of(tree: &Tree, folder: FolderId) -> Vec<FileId> {
    let below = FOLDERS.iter().filter_map(|name| tree.find_folder(folder, name));
    let folders = std::iter::once(folder).chain(below);
    folders.flat_map(|folder| tree.files_in(folder)).collect()
}

impl BundleReader {
    /// Adds the files that the metadata names, then those that it does not, then what was asked for and
    /// is not there.
    pub(super) fn add_parts(
        &mut self,
        tree: &Tree,
        job: Job,
        metadata: Option<&Metadata>,
        found: &mut Found,
    ) -> Result<()> {
        let mut names = Names::default();
        let mut added: BTreeSet<FileId> = BTreeSet::new();
        if let Some(file) = job.metadata {
            names.take(METADATA);
            added.insert(file);
            let media_type = if metadata.is_some() { MEDIA_JSON } else { MEDIA_BYTES };
            let part = Part::new(METADATA, media_type, Content::File(file))?;
            found.parts.push(part);
        }
        let mut is_whole = true;
        let declared = metadata.map_or(&[][..], |metadata| metadata.artifacts.as_slice());
        let mut paths = BTreeSet::new();
        // More of them are more than a snapshot holds, whatever comes after.
        let most = declared.iter().filter(|path| paths.insert(*path)).take(ARTIFACTS_MAX + 1);
        for path in most {
            match self.declared(tree, job, path, found) {
                Ok(file) if added.contains(&file) => {}
                Ok(file) => {
                    added.insert(file);
                    let (name, media_type) = names.of(path);
                    found.parts.push(Part::new(&name, media_type, Content::File(file))?);
                    if let Some(hash) = super::repair::full_hash(path) {
                        found.declared.extend(Declared::of_text(&name, hash));
                    }
                }
                Err(why) => {
                    is_whole = false;
                    let (name, media_type) = names.of(path);
                    found.problems.push(why.clone());
                    let missing = Content::Missing(ArtifactStatus::Failed, why);
                    found.parts.push(Part::new(&name, media_type, missing)?);
                }
            }
        }
        for file in files_of(tree, job.folder) {
            if added.contains(&file) {
                continue;
            }
            let path = tree.path(file);
            let (name, media_type) = match metadata {
                Some(_) => {
                    found.problems.push(format!("{path} is not named by its metadata"));
                    names.other(&tree.name(file))
                }
                None => names.of(&path),
            };
            found.parts.push(Part::new(&name, media_type, Content::File(file))?);
        }
        let Some(metadata) = metadata else { return Ok(()) };
        let mode = metadata.config.get("mode").and_then(|mode| mode.as_str()).unwrap_or_default();
        let is_minimal = mode == "minimal";
        for (part, names_of, switch) in ASKED {
            let is_on = metadata.config.get(switch).and_then(serde_json::Value::as_bool);
            let is_asked = is_on == Some(true)
                && !is_minimal
                && (part != PagePart::ElementHtml || matches!(mode, "selector" | "both"));
            if is_asked && !names_of.iter().any(|name| names.has(name)) {
                is_whole = false;
                let why = "it was asked for, and the bundle does not have it".to_owned();
                let missing = Content::Missing(ArtifactStatus::Failed, why);
                let name = names_of.first().copied().unwrap_or(part.artifact_name());
                found.parts.push(Part::new(name, media_type_of(name), missing)?);
            }
        }
        found.status = match is_whole {
            _ if is_minimal && declared.is_empty() => Status::Minimal,
            true => Status::Complete,
            false => Status::Partial,
        };
        Ok(())
    }

    /// The file that the metadata names, else one of another bundle with the content that it had.
    fn declared(
        &mut self,
        tree: &Tree,
        job: Job,
        path: &str,
        found: &mut Found,
    ) -> Result<FileId, String> {
        let why = match tree.resolve(job.folder, path) {
            Ok(file) => return Ok(file),
            Err(why) => why,
        };
        if let Some(hash) = super::repair::full_hash(path)
            && let Some(file) = self.stems.find(tree, hash, found.source)
        {
            let shown: String = path.chars().take(120).collect();
            let at = tree.path(file);
            let note = format!("{shown} is not there; the content that it had is at {at}");
            found.problems.push(note);
            return Ok(file);
        }
        let file = tree.resolve_end(job.folder, path).map_err(|_| why)?;
        let shown: String = path.chars().take(120).collect();
        found.problems.push(format!("{shown} is at {}", tree.path(file)));
        Ok(file)
    }
}

/// What the switches of a capture ask for, and the artifacts that it may be.
const ASKED: [(PagePart, &[&str], &str); 5] = [
    (PagePart::Html, &["page.html", "element.html"], "capture_html"),
    (PagePart::ElementHtml, &["element.html"], "capture_html"),
    (PagePart::ViewPng, &["view.png", "full.png", "element.png"], "capture_screenshot"),
    (PagePart::Console, &["console.json"], "capture_console"),
    (PagePart::Network, &["network.json"], "capture_network"),
];

/// Adds the files of a folder that this crate wrote which it does not name.
pub(super) fn add_left(
    tree: &Tree,
    job: Job,
    named: &BTreeSet<FileId>,
    found: &mut Found,
) -> Result<()> {
    let mut names = Names::default();
    found.parts.iter().for_each(|part| {
        names.take(part.name.as_str());
    });
    for file in files_of(tree, job.folder).into_iter().filter(|file| !named.contains(file)) {
        let (name, media_type) = names.other(&tree.name(file));
        found.parts.push(Part::new(&name, media_type, Content::File(file))?);
        found.problems.push(format!("{} is not named by it", tree.path(file)));
    }
    Ok(())
}

/// The names of the artifacts of a bundle, each given once.
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
    /// The number that comes next for a name that is taken.
    numbers: BTreeMap<String, u32>,
}

impl Names {
    fn take(&mut self, name: &str) -> bool {
        self.taken.insert(name.to_owned())
    }

    fn has(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// The name and the media type for a file of this path: the name that captures have here, where the
    /// file is of that kind and no other has it.
    fn of(&mut self, path: &str) -> (String, &'static str) {
        let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
        let kind = stem.split('_').next().unwrap_or_default();
        let known = match (kind, extension.to_ascii_lowercase().as_str()) {
            ("fullpage" | "page", "html" | "htm") => "page.html",
            ("element", "html" | "htm") => "element.html",
            ("viewport" | "view", "png") => "view.png",
            ("fullpage" | "full", "png") => "full.png",
            ("element", "png") => "element.png",
            ("console", "json") => "console.json",
            ("network", "json") => "network.json",
            _ => return self.other(file),
        };
        match self.take(known) {
            true => (known.to_owned(), media_type_of(known)),
            false => self.other(file),
        }
    }

    /// The name of a file as it is, or the likest that can be a name and that no other has.
    fn other(&mut self, file: &str) -> (String, &'static str) {
        let clean: String = file
            .chars()
            .map(|c| if c.is_control() || "/\\".contains(c) { '_' } else { c })
            .collect();
        let mut end = clean.len().min(200);
        while !clean.is_char_boundary(end) {
            end -= 1;
        }
        let clean = clean[..end].trim();
        let clean = if clean.parse::<ArtifactName>().is_ok() { clean } else { "file" };
        let mut name = clean.to_owned();
        while !self.take(&name) {
            let number = self.numbers.entry(clean.to_owned()).or_insert(1);
            *number += 1;
            name = match clean.rsplit_once('.') {
                Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
                None => format!("{clean}-{number}"),
            };
        }
        (name, media_type_of(file))
    }
}
