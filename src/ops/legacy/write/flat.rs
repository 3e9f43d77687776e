//! Writing into a flat folder: a JSON document, and its page and picture in folders beside it.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::Written;
use crate::error::{Error, Result};
use crate::format::bundle::path;
use crate::format::bundle::{Own, OwnArtifact};
use crate::format::flat::FlatOwn;
use crate::format::hashes;
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
    let mut artifacts = Vec::with_capacity(snapshot.artifacts.len());
    for artifact in &snapshot.artifacts {
        let path = match artifact.name.as_str() {
            name if page.is_some_and(|page| page.name.as_str() == name) => html_path.clone(),
            name if picture.is_some_and(|it| it.name.as_str() == name) => picture_path.clone(),
            _ => None,
        };
        if path.is_none() && artifact.hash.is_some() {
            written.left_out.push(artifact.name.to_string());
        }
        artifacts.push(OwnArtifact {
            name: artifact.name.clone(),
            path,
            media_type: artifact.media_type.clone(),
            status: artifact.status,
            reason: artifact.reason.clone(),
            took_us: artifact.took_ms.map(|took| took.saturating_mul(1_000)),
            entries: artifact.entries,
            blake3: artifact.hash,
        });
    }
    let own = FlatOwn {
        snapshot: Own {
            version: snapshot.version.clone(),
            created_at: snapshot.created_at,
            context: snapshot.context.clone(),
            tags: snapshot.tags.clone(),
            description: snapshot.description.clone(),
            based_on: snapshot.based_on.clone(),
            status: snapshot.status,
            artifacts,
        },
        user_info: snapshot.user_info.clone(),
    };
    let captured_at = snapshot.created_at.to_string().replace('Z', "+00:00");
    let content = text.as_deref().and_then(|text| std::str::from_utf8(text).ok());
    let said = |name: &str| snapshot.user_info.get(name).and_then(Value::as_str);
    let html_metadata = text.as_deref().map(|text| {
        // Characters and the hash of the text, as older programs count and make them.
        let characters = content.map_or(text.len(), |content| content.chars().count());
        json!({
            "filepath": html_path,
            "captured_at": captured_at,
            "file_size_bytes": characters,
            "content_length": characters,
            "content_hash": hashes::sha256(text),
            "format": "html",
        })
    });
    let picture_metadata = picture.map(|picture| {
        let is_full = picture.name.as_str() == PagePart::FullPng.artifact_name();
        json!({
            "filepath": picture_path,
            "captured_at": captured_at,
            "width": 0,
            "height": 0,
            "file_size_bytes": picture.bytes,
            "capture_mode": if is_full { "fullpage" } else { "viewport" },
            "format": "png",
        })
    });
    let document = json!({
        "page_id": page_id(&snapshot),
        "url": said("url").unwrap_or_default(),
        "timestamp": snapshot.created_at.micros() as f64 / 1e6,
        "title": said("title").unwrap_or_default(),
        "content": content.unwrap_or_default(),
        "selector_results": {},
        "network_requests": [],
        "console_logs": [],
        "screenshot_path": picture_path,
        "html_metadata": html_metadata,
        "screenshot_metadata": picture_metadata,
        "tintype": own,
    });
    let refuse = |why: serde_json::Error| Error::invalid("snapshot", version, why.to_string());
    let document = serde_json::to_vec_pretty(&document).map_err(refuse)?;
    // Last, so that a document that is there has its files.
    written.bytes += file::create(&written.path, |file| {
        file.write_all(&document).map_err(|source| Error::io(&written.path, source))
    })?;
    Ok(written)
}

/// The name of the page: what of its place tells most, in the characters of a name.
fn page_id(snapshot: &Snapshot) -> String {
    let [site, module, component, ..] = snapshot.context.parts();
    let told = [module, site, component].into_iter().find(|part| *part != "-");
    slug(told.map_or("page", String::as_str))
}

/// The names that the document may get, the likeliest first.
fn names(snapshot: &Snapshot) -> Vec<String> {
    let page = page_id(snapshot);
    let session = snapshot.context.session().map_or_else(|| "unknown".to_owned(), slug);
    let seconds = snapshot.created_at.micros().div_euclid(1_000_000);
    let again = (2..NAMES_MAX).map(|number| format!("{page}-{number}_{session}_{seconds}"));
    std::iter::once(format!("{page}_{session}_{seconds}")).chain(again).collect()
}

/// A text in letters, digits and `_`, as older programs make a name of it.
fn slug(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(80).collect();
    let plain = plain.trim_matches('_');
    if plain.is_empty() { "unknown".to_owned() } else { path::part(plain) }
}
