//! Flat folders: JSON documents with HTML and PNG files beside them.
//!
//! The site is the host of the page's address (see [`site_of`]), the module is what the name of the
//! page or of the file says without stamps and sessions, the session is the one that the document
//! or its name tells. The document is an artifact of the snapshot, byte for byte; so are the files
//! that it names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::Result;
use crate::format::flat::{self, Document, FlatOwn, Named};
use crate::format::hashes;
use crate::model::artifact::{ArtifactStatus, MEDIA_JSON, MEDIA_PYTHON_JSON};
use crate::model::config::PagePart;
use crate::model::context::Context;
use crate::model::id::ArtifactName;
use crate::model::snapshot::Status;
use crate::ops::legacy::declared::{Algorithm, Declared, Over};
use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::found::{Content, Found, Kind, Part, When, context_part};
use crate::ops::legacy::look::{Candidates, Look};
use crate::ops::legacy::{Reader, Unit, ours};

/// The largest document that is read, in bytes.
pub const DOCUMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The largest page that is compared with the text in a document, in bytes.
const PAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many seconds before a document a picture of the page may have been named after.
const SECONDS_APART_MAX: u64 = 60;

/// Reads flat folders.
#[derive(Debug, Default)]
pub struct FlatReader;

impl Reader for FlatReader {
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit> {
        let found = files.like(tree, Look::Flat);
        found.iter().for_each(|file| files.take(*file));
        let unit = |source| Unit { kind: Kind::Flat, source, number: 0 };
        found.into_iter().map(unit).collect()
    }

    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String> {
        let source = unit.source;
        let bytes = tree.peek(source, DOCUMENT_BYTES_MAX).map_err(|error| error.to_string())?;
        let document = flat::read(&bytes)?;
        read(tree, source, document, &bytes).map_err(|error| error.to_string())
    }
}

fn read(tree: &Tree, source: FileId, mut document: Document, bytes: &[u8]) -> Result<Found> {
    let name = tree.name(source);
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let when = match (document.time, flat::stamp_in_name(stem), flat::seconds_in_name(stem)) {
        (Some(time), ..) => When::At(time),
        (None, Some((_, time)), _) => When::At(time),
        (None, None, Some((_, seconds))) => {
            let time = crate::model::time::Time::from_seconds(seconds as f64);
            time.map_or(When::Changed(tree.modified(source)), When::At)
        }
        (None, None, None) => When::Changed(tree.modified(source)),
    };
    let mut found = Found::new(Kind::Flat, source, when);
    found.variant = std::mem::take(&mut document.variant);
    found.key = name.clone();
    found.problems = std::mem::take(&mut document.notes);
    let session = document.session.clone().or_else(|| flat::session_in_name(stem));
    let page = flat::prefix_in_name(document.page_id.as_deref().unwrap_or(stem));
    found.context = Context::from_parts([
        Some(site_of(document.url.as_deref())),
        context_part(page),
        None,
        session.as_deref().and_then(context_part),
        None,
    ])?;
    for (key, text) in [("url", &document.url), ("title", &document.title)] {
        if let Some(text) = text {
            found.info.insert(key.to_owned(), text.as_str().into());
        }
    }
    found.metadata = Value::Object(std::mem::take(&mut document.metadata));
    let media_type = if document.standard { MEDIA_JSON } else { MEDIA_PYTHON_JSON };
    found.parts.push(Part::new("snapshot.json", media_type, Content::File(source))?);
    add_page(tree, &document, stem, &mut found)?;
    add_picture(tree, &document, &mut found)?;
    found.status = match () {
        () if found.parts.iter().any(|part| matches!(part.content, Content::Missing(..))) => {
            Status::Partial
        }
        () if found.parts.len() == 1 => Status::Minimal,
        () => Status::Complete,
    };
    match document.own.take() {
        Some(own) => of_ours(tree, own, bytes, found),
        None => Ok(found),
    }
}

/// A document that this crate wrote: the snapshot that it was written from, without what such
/// folders don't hold.
fn of_ours(tree: &Tree, own: FlatOwn, bytes: &[u8], mut found: Found) -> Result<Found> {
    let is_as_written = is_as_written(tree, &own, bytes, &found);
    let here: BTreeMap<ArtifactName, Content> =
        found.parts.drain(..).map(|part| (part.name, part.content)).collect();
    found.declared.clear();
    let (source, media_type) = (found.source, MEDIA_JSON);
    ours::tell(own.snapshot, own.user_info, &mut found, |artifact, found| {
        match (here.get(&artifact.name), artifact.status) {
            (Some(content), _) if artifact.path.is_some() => content.clone(),
            (_, ArtifactStatus::Stored) => {
                found.status = found.status.max(Status::Partial);
                let why = "a flat folder does not hold it".to_owned();
                Content::Missing(ArtifactStatus::Skipped, why)
            }
            (_, status) => Content::Missing(status, artifact.reason.clone().unwrap_or_default()),
        }
    })?;
    if !is_as_written {
        found.problems.push("its document is not as it was written".to_owned());
    }
    ours::account(source, is_as_written, "snapshot.json", media_type, &mut found)?;
    Ok(found)
}

/// Whether a document is what is written for the snapshot that it tells of and the files beside it.
fn is_as_written(tree: &Tree, own: &FlatOwn, bytes: &[u8], found: &Found) -> bool {
    let here = |part: PagePart| {
        let name = part.artifact_name();
        let told = own.snapshot.artifacts.iter().find(|it| it.name.as_str() == name)?;
        let content = &found.parts.iter().find(|part| part.name.as_str() == name)?.content;
        let Content::File(file) = content else { return None };
        Some((told.path.as_deref()?, *file))
    };
    let text = here(PagePart::Html).map(|(path, file)| (path, tree.peek(file, PAGE_BYTES_MAX)));
    let page = match &text {
        Some((path, Ok(content))) => Some(flat::Page { path, content }),
        Some((_, Err(_))) => return false,
        None => None,
    };
    let full = here(PagePart::FullPng);
    let picture = full.or_else(|| here(PagePart::ViewPng)).map(|(path, file)| flat::Picture {
        path,
        bytes: tree.size(file),
        is_full: full.is_some(),
    });
    flat::write(own, page, picture).is_ok_and(|written| written == bytes)
}

/// Adds the page: the file that is named, else a file of the same name and text, else the text.
fn add_page(tree: &Tree, document: &Document, stem: &str, found: &mut Found) -> Result<()> {
    let folder = tree.folder(found.source);
    let inline = document.content.as_ref();
    let mut content = None;
    if let Some(named) = &document.html {
        match file_of(tree, found, named) {
            Ok(file) => content = Some(Content::File(file)),
            Err(why) if inline.is_some() => {
                found.problems.push(format!("{why}; its page is the text in the document"));
            }
            Err(why) => content = Some(Content::Missing(ArtifactStatus::Failed, why)),
        }
    } else if let Some(inline) = inline {
        let names = [format!("html/{stem}.html"), format!("{stem}.html")];
        let beside = names.iter().find_map(|name| tree.find(folder, name));
        let same = beside.filter(|file| {
            let Ok(page) = tree.peek(*file, PAGE_BYTES_MAX) else { return false };
            *page == *inline.as_bytes()
                || hashes::line_feeds(&page).is_some_and(|plain| plain == inline.as_bytes())
        });
        if let Some(file) = same {
            let path = tree.path(file);
            found.problems.push(format!("{path} is not named by it, and has the same text"));
            content = Some(Content::File(file));
        }
    }
    let declared = document.html.as_ref().and_then(|named| named.hash.as_deref());
    if let Some(hash) = declared {
        match Declared::of_text("page.html", hash) {
            Some(declared) => found.declared.push(declared),
            None => found.problems.push(format!("the hash of its page is none: {}", short(hash))),
        }
    }
    let Some(content) = content.or_else(|| Some(Content::Held(inline?.clone().into_bytes())))
    else {
        return Ok(());
    };
    if let (Content::File(_), Some(inline)) = (&content, inline) {
        // The text in the document is a second witness of what the file was.
        let hash = hashes::sha256(inline.as_bytes());
        if declared.is_none_or(|declared| !declared.eq_ignore_ascii_case(&hash)) {
            found.declared.push(Declared {
                artifact: "page.html".to_owned(),
                algorithm: Algorithm::Sha256,
                hash,
                over: vec![Over::Bytes, Over::LineFeeds],
            });
        }
    }
    if let Content::File(file) = content {
        found.files.push(file);
    }
    found.parts.push(Part::new("page.html", "text/html", content)?);
    Ok(())
}

/// Adds the picture: the file that is named, else one that is named after the page shortly before.
fn add_picture(tree: &Tree, document: &Document, found: &mut Found) -> Result<()> {
    let Some(named) = &document.screenshot else {
        if let Some(file) = picture_beside(tree, document, found) {
            let path = tree.path(file);
            found.problems.push(format!("{path} is not named by it, but after the same page"));
            found.files.push(file);
            found.parts.push(Part::new("screenshot.png", "image/png", Content::File(file))?);
        }
        return Ok(());
    };
    let name = match named.mode.as_deref() {
        Some("fullpage" | "full_page" | "full") => "full.png",
        Some("viewport" | "view") => "view.png",
        _ => "screenshot.png",
    };
    let content = match file_of(tree, found, named) {
        Ok(file) => {
            if let Some(bytes) = named.bytes.filter(|bytes| *bytes != tree.size(file)) {
                let size = tree.size(file);
                let note = format!("its picture was said to have {bytes} bytes, and has {size}");
                found.problems.push(note);
            }
            found.files.push(file);
            Content::File(file)
        }
        Err(why) => Content::Missing(ArtifactStatus::Failed, why),
    };
    if let Some(hash) = &named.hash {
        match Declared::of_text(name, hash) {
            Some(declared) => found.declared.push(declared),
            None => {
                found.problems.push(format!("the hash of its picture is none: {}", short(hash)))
            }
        }
    }
    found.parts.push(Part::new(name, "image/png", content)?);
    Ok(())
}

/// The file that a document names; a path that was written down elsewhere is followed from its end.
fn file_of(tree: &Tree, found: &mut Found, named: &Named) -> Result<FileId, String> {
    let folder = tree.folder(found.source);
    match tree.resolve(folder, &named.path) {
        Ok(file) => Ok(file),
        Err(why) => {
            let file = tree.resolve_end(folder, &named.path).map_err(|_| why)?;
            let note = format!("its file {} was found at {}", short(&named.path), tree.path(file));
            found.problems.push(note);
            Ok(file)
        }
    }
}

/// A picture that is named after the page and a second shortly before the document.
fn picture_beside(tree: &Tree, document: &Document, found: &Found) -> Option<FileId> {
    let page_id = document.page_id.as_deref().filter(|id| !id.contains(['/', '\\']))?;
    let seconds = u64::try_from(document.time?.micros() / 1_000_000).ok()?;
    let folder = tree.folder(found.source);
    let folders = [Some(folder), tree.find_folder(folder, "screenshots")];
    (0..=SECONDS_APART_MAX).find_map(|apart| {
        let name = format!("{page_id}_{}.png", seconds.checked_sub(apart)?);
        folders.iter().flatten().find_map(|folder| tree.find(*folder, &name))
    })
}

/// The site that an address means: its host in lower case, with the port where one stands there;
/// `local` for a file, `unknown` where there is no address or no host in it.
pub fn site_of(url: Option<&str>) -> String {
    let unknown = || "unknown".to_owned();
    let Some((scheme, rest)) = url.and_then(|url| url.trim().split_once(':')) else {
        return unknown();
    };
    if scheme.eq_ignore_ascii_case("file") {
        return "local".to_owned();
    }
    let Some(rest) = rest.strip_prefix("//") else { return unknown() };
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    let default = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => ":",
    };
    let host = host.strip_suffix(default).unwrap_or(host).trim_end_matches('.');
    context_part(&host.to_lowercase()).unwrap_or_else(unknown)
}

/// What lies in a flat folder and no document names: a page or a picture by itself.
pub(crate) fn orphan(tree: &Tree, source: FileId, look: Look) -> Result<Found> {
    let name = tree.name(source);
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let seconds = flat::seconds_in_name(stem).map(|(_, seconds)| seconds as f64);
    let told = flat::stamp_in_name(stem)
        .map(|(_, time)| time)
        .or_else(|| crate::model::time::Time::from_seconds(seconds?));
    let mut found = match told {
        Some(time) => Found::new(Kind::Orphan, source, When::At(time)),
        None => Found::new(Kind::Orphan, source, When::Changed(tree.modified(source))),
    };
    if told.is_some() {
        found.problems.push("its time is the one in its name".to_owned());
    }
    let (variant, artifact, media_type) = match look {
        Look::Png => ("picture", "screenshot.png", "image/png"),
        _ => ("page", "page.html", "text/html"),
    };
    found.variant = variant.to_owned();
    found.key = name.clone();
    found.status = Status::Partial;
    found.context = Context::from_parts([
        Some(site_of(None)),
        context_part(flat::prefix_in_name(stem)),
        None,
        flat::session_in_name(stem).as_deref().and_then(context_part),
        None,
    ])?;
    found.metadata = json!({"name": name});
    found.problems.push("no document names it".to_owned());
    found.parts.push(Part::new(artifact, media_type, Content::File(source))?);
    Ok(found)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
