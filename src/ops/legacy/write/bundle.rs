//! Writing the hierarchical folder of a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Written;
use crate::error::{Error, Result};
use crate::format::bundle::path::{self, Precision};
use crate::format::bundle::{self, Config, METADATA_BYTES_MAX, Own};
use crate::model::artifact::{Artifact, DraftArtifact};
use crate::model::config::{FACTS, PagePart};
use crate::model::context::Context;
use crate::model::id::{ArtifactName, Version};
use crate::model::snapshot::Draft;
use crate::model::time::Time;
use crate::store::{Repository, copy, file};

/// Where older programs keep the page.
const PAGE: &str = "html/fullpage.html";
/// Where older programs keep what the window showed.
const VIEW: &str = "screenshots/viewport.png";
/// How many folders are tried for a snapshot whose place is taken.
const PLACES_MAX: u32 = 1_000;

/// The folder that a snapshot of this context and time gets within a tree of bundles:
/// `site/module/component/YYYYMMDD/HHMMSS_session`, in UTC.
///
/// Each part is a name on every file system, and two contexts that differ in more than the function
/// never have the same path; see [`bundle::path`](crate::format::bundle::path). Nothing is looked up and
/// nothing is made.
pub fn bundle_path(context: &Context, time: Time) -> PathBuf {
    PathBuf::from(path::bundle_path(context, time, Precision::Seconds))
}

/// Writes a snapshot as a hierarchical folder in a tree of such, which is made where it is not there.
///
/// The folder is [`bundle_path`]; where that is taken, the microseconds stand in its name too. Python
/// programs that wrote such folders read it, and find its hash right.
///
/// Fails with `NotFound` where the version is not in the store, with `StoreExists` where it was written
/// to this tree before, with `TooLarge` where its metadata is longer than what is read of such, and
/// with `Corrupt` where content can't be proved intact.
pub fn export_bundle(repo: &Repository, version: &Version, tree: &Path) -> Result<Written> {
    let copy = repo.read(|view| copy::copy(view.conn, version, Some(version)))?;
    let draft = copy.draft;
    let time = draft.time.unwrap_or(Time::MIN);
    for place in places(&draft.context, time) {
        let folder = tree.join(place);
        if is_of(&folder, version) {
            return Err(Error::StoreExists { path: folder });
        }
        if folder.symlink_metadata().is_ok() {
            continue;
        }
        let above = folder.parent().unwrap_or(tree);
        fs::create_dir_all(above).map_err(|source| Error::io(above, source))?;
        let mut written =
            Written { path: folder.clone(), files: 0, bytes: 0, left_out: Vec::new() };
        let made = file::create_folder(&folder, |within| {
            fill(repo, version, &draft, &folder, within, &mut written)
        });
        match made {
            // Another got there meanwhile.
            Err(Error::StoreExists { .. }) => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(written),
        }
    }
    Err(Error::StoreExists { path: tree.join(bundle_path(&draft.context, time)) })
}

/// The paths that a snapshot may get, the likeliest first.
fn places(context: &Context, time: Time) -> impl Iterator<Item = String> {
    let seconds = path::bundle_path(context, time, Precision::Seconds);
    let micros = path::bundle_path(context, time, Precision::Micros);
    let again = micros.clone();
    // A number stands before the `_` that ends the time, so that the session is still read.
    let numbered = (2..PLACES_MAX).map(move |number| {
        let (above, name) = again.rsplit_once('/').unwrap_or(("", &again));
        let (clock, session) = name.split_once('_').unwrap_or((name, ""));
        format!("{above}/{clock}-{number}_{session}")
    });
    [seconds, micros].into_iter().chain(numbered)
}

/// Whether a folder is the bundle of this version.
fn is_of(folder: &Path, version: &Version) -> bool {
    let path = folder.join(bundle::FILE_NAMES[0]);
    let is_short = path.metadata().is_ok_and(|found| found.len() <= METADATA_BYTES_MAX as u64);
    let Some(bytes) = is_short.then(|| fs::read(&path).ok()).flatten() else { return false };
    let own = bundle::File::parse(&bytes).ok().and_then(|file| file.metadata().own);
    own.is_some_and(|own| own.version == *version)
}

/// Writes the files of a bundle into a folder `within`, which will be `folder`.
fn fill(
    repo: &Repository,
    version: &Version,
    draft: &Draft,
    folder: &Path,
    within: &Path,
    written: &mut Written,
) -> Result<()> {
    // Older programs look for these, whether anything is in them or not.
    for name in ["html", "screenshots", "logs"] {
        let path = within.join(name);
        fs::create_dir(&path).map_err(|source| Error::io(&path, source))?;
    }
    // Whatever comes first.
    let mut taken = BTreeSet::from([PAGE, VIEW].map(str::to_owned));
    let snapshot = repo.get(version)?;
    let drafts: BTreeMap<&ArtifactName, &DraftArtifact> =
        draft.artifacts.iter().map(|artifact| (&artifact.name, artifact)).collect();
    let mut paths = BTreeMap::new();
    for artifact in snapshot.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
        let path = place_of(artifact.name.as_str(), &mut taken);
        let at = within.join(&path);
        let folder = at.parent().unwrap_or(within);
        fs::create_dir_all(folder).map_err(|source| Error::io(folder, source))?;
        let mut file = new_file(&at)?;
        match drafts.get(&artifact.name).and_then(|artifact| artifact.content()) {
            Some(content) => {
                file.write_all(content).map_err(|source| Error::io(&at, source))?;
            }
            None => {
                repo.copy_to(version, artifact.name.as_str(), &mut file)?;
            }
        }
        written.bytes += finish(&file, &at)?;
        written.files += 1;
        paths.insert(&artifact.name, path);
    }
    let took_of = |artifact: &Artifact| drafts.get(&artifact.name)?.took;
    let own = Own::of(&snapshot, |artifact| paths.remove(&artifact.name), took_of);
    let config = config_of(draft);
    let metadata = bundle::write(&own, &draft.user_info, &config, &folder.to_string_lossy())?;
    if metadata.len() > METADATA_BYTES_MAX {
        return Err(Error::TooLarge {
            what: format!("the metadata of snapshot {version}"),
            bytes: metadata.len() as u64,
            limit: METADATA_BYTES_MAX as u64,
        });
    }
    let at = within.join(bundle::FILE_NAMES[0]);
    let mut file = new_file(&at)?;
    file.write_all(&metadata).map_err(|source| Error::io(&at, source))?;
    written.bytes += finish(&file, &at)?;
    written.files += 1;
    Ok(())
}

fn new_file(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    opened.map_err(|source| Error::io(path, source))
}

/// Waits until a file is on the disk, and gives its size.
fn finish(file: &File, path: &Path) -> Result<u64> {
    let end = || -> std::io::Result<u64> {
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    end().map_err(|source| Error::io(path, source))
}

/// The path of an artifact within its folder: where older programs keep what it is, under their name for
/// it where they have one. No two differ in the case of letters alone.
fn place_of(name: &str, taken: &mut BTreeSet<String>) -> String {
    let is = |part: PagePart| name == part.artifact_name();
    let kept = path::part(name);
    let ends = |ends: &[&str]| ends.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    let place = match () {
        () if is(PagePart::Html) => return PAGE.to_owned(),
        () if is(PagePart::ViewPng) => return VIEW.to_owned(),
        () if ends(&[".html", ".htm"]) => format!("html/{kept}"),
        () if ends(&[".png", ".jpg", ".jpeg", ".webp"]) => format!("screenshots/{kept}"),
        // Folders are looked for by the file of this name.
        () if bundle::FILE_NAMES.contains(&kept.to_ascii_lowercase().as_str()) => {
            format!("artifacts/~{kept}")
        }
        () if is(PagePart::Console) || is(PagePart::Network) => format!("logs/{kept}"),
        () => format!("artifacts/{kept}"),
    };
    let mut free = place.clone();
    let mut number = 2;
    while !taken.insert(free.to_ascii_lowercase()) {
        // No name is written with a `~`.
        free = match place.rsplit_once('.') {
            Some((stem, extension)) if !extension.contains('/') => {
                format!("{stem}~{number}.{extension}")
            }
            _ => format!("{place}~{number}"),
        };
        number += 1;
    }
    free
}

/// How the snapshot was taken: as its facts tell, else as what it holds tells.
fn config_of(draft: &Draft) -> Config {
    let has = |ends: &str| {
        draft.artifacts.iter().any(|it| it.content.is_some() && it.name.as_str().ends_with(ends))
    };
    let mut config = Config {
        html: has(".html"),
        screenshot: has(".png"),
        console: has("console.jsonl"),
        network: has("network.har"),
        ..Config::default()
    };
    let facts = draft.artifacts.iter().find(|artifact| artifact.name.as_str() == FACTS);
    let facts = facts.and_then(|facts| serde_json::from_slice::<Value>(facts.content()?).ok());
    if let Some(told) = facts.as_ref().map(|facts| &facts["config"]) {
        if let Some(mode) = told["mode"].as_str().and_then(|mode| mode.parse().ok()) {
            config.mode = mode;
        }
        config.selector = told["selector"].as_str().map(str::to_owned);
    }
    config
}
