//! Snapshots of a selector engine: JSON or JSON in gzip, a snapshot a file, and lists of them.
//!
//! The site is the host of the page's address, the module `selector_engine`, the component the name
//! of the selector. Times that tell no offset are UTC: the programs that wrote them wrote that. The
//! file is an artifact, byte for byte; the text of the page is another, taken out of it.

use serde_json::{Value, json};

use crate::codec::gzip;
use crate::error::Result;
use crate::format::selector_engine::{self as format, Document};
use crate::format::shape::{self, Shape};
use crate::model::artifact::{MEDIA_JSON, MEDIA_PYTHON_JSON};
use crate::model::context::Context;
use crate::model::snapshot::Status;
use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::flat::site_of;
use crate::ops::legacy::found::{Content, Found, Kind, Part, When, context_part};
use crate::ops::legacy::look::{Candidates, Look, of_object};
use crate::ops::legacy::{Reader, Unit};

/// The module of their contexts.
const MODULE: &str = "selector_engine";
/// The largest file that is read, in bytes, and the most that is taken out of gzip.
const DOCUMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of a compressed file that are looked at, and bytes of what comes out.
const HEAD_BYTES: u64 = 16 * 1024;
/// The most of what is missing that is named.
const NAMED_MAX: usize = 20;

/// What a unit's number says that its file is.
const JSON: u32 = 0;
const GZIP: u32 = 1;
const INDEX: u32 = 2;

/// Reads snapshots of a selector engine.
#[derive(Debug, Default)]
pub struct SelectorReader;

impl Reader for SelectorReader {
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit> {
        let mut units = Vec::new();
        let mut take = |source: FileId, number: u32, files: &mut Candidates| {
            files.take(source);
            units.push(Unit { kind: Kind::SelectorEngine, source, number });
        };
        for source in files.like(tree, Look::Selector) {
            take(source, JSON, files);
        }
        for source in files.like(tree, Look::Gzip) {
            let Ok(head) = tree.head(source, HEAD_BYTES) else { continue };
            if let Shape::Object(members) = shape::of(&gzip::head(&head, HEAD_BYTES as usize))
                && of_object(&members) == Some(Look::Selector)
            {
                take(source, GZIP, files);
            }
        }
        for source in files.like(tree, Look::SelectorIndex) {
            take(source, INDEX, files);
        }
        units
    }

    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String> {
        let source = unit.source;
        let file = tree.read(source, DOCUMENT_BYTES_MAX).map_err(|error| error.to_string())?;
        match unit.number {
            INDEX => index(tree, source, &file),
            GZIP => {
                let text = gzip::decode(&file, DOCUMENT_BYTES_MAX);
                let text = text.map_err(|error| error.to_string())?;
                snapshot(tree, source, format::read(&text)?, true)
            }
            _ => snapshot(tree, source, format::read(&file)?, false),
        }
        .map_err(|error| error.to_string())
    }
}

fn snapshot(
    tree: &Tree,
    source: FileId,
    mut document: Document,
    is_gzip: bool,
) -> Result<Found, String> {
    let wrong = |error: crate::error::Error| error.to_string();
    let when = match document.time {
        Some((time, _)) => When::At(time),
        None => When::Changed(tree.modified(source)),
    };
    let mut found = Found::new(Kind::SelectorEngine, source, when);
    found.problems = std::mem::take(&mut document.notes);
    if document.time.is_some_and(|(_, told)| !told) {
        let note = "its time has no offset; programs that wrote such wrote UTC";
        found.problems.push(note.to_owned());
    }
    found.variant = if is_gzip { "gzip" } else { "json" }.to_owned();
    found.context = Context::from_parts([
        Some(site_of(document.url.as_deref())),
        Some(MODULE.to_owned()),
        document.selector.as_deref().and_then(context_part),
        None,
        None,
    ])
    .map_err(wrong)?;
    let told = [("url", &document.url), ("selector", &document.selector)];
    for (key, text) in told.into_iter().chain([("snapshot_type", &document.reason)]) {
        if let Some(text) = text {
            found.info.insert(key.to_owned(), text.as_str().into());
        }
    }
    found.metadata = Value::Object(document.metadata);
    let (name, media_type) = match (is_gzip, document.standard) {
        (true, _) => ("snapshot.json.gz", "application/gzip"),
        (false, true) => ("snapshot.json", MEDIA_JSON),
        (false, false) => ("snapshot.json", MEDIA_PYTHON_JSON),
    };
    found.parts.push(Part::new(name, media_type, Content::File(source)).map_err(wrong)?);
    match document.content {
        Some(content) => {
            let content = Content::Held(content.into_bytes());
            found.parts.push(Part::new("page.html", "text/html", content).map_err(wrong)?);
        }
        None => found.status = Status::Partial,
    }
    found.key = document.id;
    Ok(found)
}

/// A list of snapshots: kept, and compared with what is there.
fn index(tree: &Tree, source: FileId, file: &[u8]) -> Result<Found, String> {
    let wrong = |error: crate::error::Error| error.to_string();
    let listed = format::read_index(file)?;
    let mut found = Found::new(Kind::SelectorEngine, source, When::Changed(tree.modified(source)));
    found.variant = "index".to_owned();
    found.key = tree.name(source);
    found.context =
        Context::from_parts([None, Some(MODULE.to_owned()), None, None, None]).map_err(wrong)?;
    found.metadata = json!({"name": found.key, "snapshots": listed.len()});
    let folder = tree.folder(source);
    let above = tree.parent(folder).unwrap_or(folder);
    let is_there = |(id, path): &&(String, Option<String>)| {
        let path = path.as_deref().unwrap_or(id);
        [above, folder, tree.top()].iter().any(|from| tree.resolve_end(*from, path).is_ok())
    };
    let missing: Vec<&str> = listed
        .iter()
        .filter(|entry| !is_there(entry))
        .map(|(id, _)| id.as_str())
        .take(NAMED_MAX)
        .collect();
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter().map(|id| id.chars().take(80).collect()).collect();
        found.problems.push(format!("it lists what is not there: {}", names.join(", ")));
    }
    let part = Part::new("index.json", MEDIA_JSON, Content::File(source)).map_err(wrong)?;
    found.parts.push(part);
    Ok(found)
}
