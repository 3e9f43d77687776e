//! Writing into a flat folder: a JSON document, and its page and picture in folders beside it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::Written;
use crate::error::{Error, Result};
use crate::format::bundle::Own;
use crate::format::flat::{self, FlatOwn};
use crate::model::artifact::Artifact;
use crate::model::config::PagePart;
use crate::model::id::Version;
use crate::model::snapshot::Snapshot;
use crate::store::{Repository, file};

/// The largest page that is written, in bytes: it stands in the document once more.
const PAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many names are tried for a document.
const NAMES_MAX: u32 = 1_000;

/// Writes a snapshot of a page into a flat folder, which is made where it is not there:
/// `<page>_<session>_<seconds>.json`, `html/…html` and `screenshots/…png`.
///
/// Such a folder holds a page and one picture of it: the whole page where there is one, else what the
/// window showed. What else the snapshot has is told as left out. `legacy import` takes back what was
/// written, with all that is known of the snapshot.
///
/// Fails with `NotFound` where the version is not in the store, with `TooLarge` where the page is
/// larger than 64 MiB, and with `Corrupt` where content can't be proved intact.
pub fn export_flat(repo: &Repository, version: &Version, folder: &Path) -> Result<Written> {
    let snapshot = repo.get(version)?;
    let held = |part: PagePart| {
        snapshot.artifact(part.artifact_name()).filter(|artifact| artifact.hash.is_some())
    };
    let page = held(PagePart::Html);
    let picture = held(PagePart::FullPng).or_else(|| held(PagePart::ViewPng));
    if let Some(page) = page.filter(|page| page.bytes > PAGE_BYTES_MAX) {
        let what = format!("the page of snapshot {version}");
        return Err(Error::TooLarge { what, bytes: page.bytes, limit: PAGE_BYTES_MAX });
    }
    let text = page.map(|page| repo.content(version, page.name.as_str())).transpose()?;
    let names = names(&snapshot);
    let name = names
        .into_iter()
        .find(|name| {
            let beside = [
                format!("{name}.json"),
                format!("html/{name}.html"),
                format!("screenshots/{name}.png"),
            ];
            beside.iter().all(|path| folder.join(path).symlink_metadata().is_err())
        })
        .ok_or_else(|| Error::StoreExists { path: folder.to_owned() })?;
    let html_path = text.as_ref().map(|_| format!("html/{name}.html"));
    let picture_path = picture.map(|_| format!("screenshots/{name}.png"));
    for name in ["html", "screenshots"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).map_err(|source| Error::io(&path, source))?;
    }
    let mut written =
        Written { path: folder.join(format!("{name}.json")), files: 1, bytes: 0, left_out: vec![] };
    if let (Some(text), Some(path)) = (&text, &html_path) {
        let path = folder.join(path);
        written.bytes += file::create(&path, |file| {
            file.write_all(text).map_err(|source| Error::io(&path, source))
        })?;
        written.files += 1;
    }
    if let (Some(picture), Some(path)) = (picture, &picture_path) {
        let path = folder.join(path);
        written.bytes += file::create(&path, |file| {
            repo.copy_to(version, picture.name.as_str(), file).map(drop)
        })?;
        written.files += 1;
    }
    let file_of = |artifact: &Artifact| match artifact.name.as_str() {
        name if page.is_some_and(|page| page.name.as_str() == name) => html_path.clone(),
        name if picture.is_some_and(|it| it.name.as_str() == name) => picture_path.clone(),
        _ => None,
    };
    let is_left_out = |it: &&Artifact| it.hash.is_some() && file_of(it).is_none();
    let left_out = snapshot.artifacts.iter().filter(is_left_out);
    written.left_out = left_out.map(|artifact| artifact.name.to_string()).collect();
    let took_of = |artifact: &Artifact| artifact.took_ms.map(Duration::from_millis);
    let own = FlatOwn {
        snapshot: Own::of(&snapshot, file_of, took_of),
        user_info: snapshot.user_info.clone(),
    };
    let page = text.as_deref().zip(html_path.as_deref());
    let page = page.map(|(content, path)| flat::Page { path, content });
    let picture = picture.zip(picture_path.as_deref()).map(|(picture, path)| flat::Picture {
        path,
        bytes: picture.bytes,
        is_full: picture.name.as_str() == PagePart::FullPng.artifact_name(),
    });
    let document = flat::write(&own, page, picture)?;
    // Last, so that a document that is there has its files.
    written.bytes += file::create(&written.path, |file| {
        file.write_all(&document).map_err(|source| Error::io(&written.path, source))
    })?;
    Ok(written)
}

/// The names that the document may get, the likeliest first.
fn names(snapshot: &Snapshot) -> Vec<String> {
    let page = flat::page_id(snapshot.context.parts());
    let session = snapshot.context.session().map_or_else(|| "unknown".to_owned(), flat::slug);
    let seconds = snapshot.created_at.micros().div_euclid(1_000_000);
    let again = (2..NAMES_MAX).map(|number| format!("{page}-{number}_{session}_{seconds}"));
    std::iter::once(format!("{page}_{session}_{seconds}")).chain(again).collect()
}
