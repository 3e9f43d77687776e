//! Snapshots that were exported each into a file by itself: [JSON](crate::format::export), or a pickle of
//! the same.
//!
//! The value becomes the artifact `data`. Of a pickle the file itself stands beside it, as `data.pickle`;
//! where JSON can't hold the value it is `data`, with the tagged rendering `data.json` beside it. A
//! document that this crate wrote becomes the snapshot that it was written from. A document that does not
//! follow, byte for byte, from its value and what is told of that is `export.json`.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::format::export;
use crate::format::layout::is_laid_out;
use crate::format::pickle::{Node, Pickle};
use crate::format::pyjson::{self, Kind as JsonKind};
use crate::format::registry::value::{VALUE_BYTES_MAX, json_type};
use crate::format::registry::{self, Entry};
use crate::model::artifact::{MEDIA_BYTES, MEDIA_JSON, MEDIA_PYTHON_JSON, MEDIA_TEXT};
use crate::model::snapshot::Status;
use crate::model::time::Time;
use crate::ops::legacy::declared::Over;
use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::found::{Content, Found, Kind, Part, When};
use crate::ops::legacy::look::{Candidates, Look};
use crate::ops::legacy::registry::{
    add_json, add_pickle, add_text, declare, fits_info, tell_info, told_type,
};
use crate::ops::legacy::{Reader, Unit, ours};

/// Bytes of a pickle that are searched for what every export has.
const HEAD_BYTES: u64 = 1024;

/// Reads exported snapshots.
#[derive(Debug, Default)]
pub struct ExportReader;

impl Reader for ExportReader {
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit> {
        let mut found = files.like(tree, Look::Export);
        // A pickled export is a dict that begins with the name of its value.
        let is_export = |file: &FileId| {
            let head = tree.head(*file, HEAD_BYTES).unwrap_or_default();
            let names = head.windows(4).take(64).any(|window| window == b"data");
            names
                && tree.read(*file, VALUE_BYTES_MAX).is_ok_and(|bytes| {
                    Pickle::read(&bytes).is_ok_and(|pickle| export::in_pickle(&pickle).is_some())
                })
        };
        // One that was not finished is no JSON, and says so when it is read.
        let is_cut = |file: &FileId| {
            let head = tree.head(*file, HEAD_BYTES).unwrap_or_default();
            let begins = head.trim_ascii_start().strip_prefix(b"{");
            begins.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\"data\""))
                && tree
                    .read(*file, VALUE_BYTES_MAX)
                    .is_ok_and(|bytes| registry::parse(&bytes).is_err())
        };
        found.extend(files.like(tree, Look::Json).into_iter().filter(is_cut));
        found.extend(files.like(tree, Look::Pickle).into_iter().filter(is_export));
        found.iter().for_each(|file| files.take(*file));
        let unit = |source| Unit { kind: Kind::Export, source, number: 0 };
        found.into_iter().map(unit).collect()
    }

    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String> {
        let file = unit.source;
        let bytes = tree.read(file, VALUE_BYTES_MAX).map_err(|why| why.to_string())?;
        let mut found = Found::new(Kind::Export, file, When::Changed(tree.modified(file)));
        found.key = tree.name(file);
        found.names_of = Some(tree.folder(file));
        match bytes.first() {
            Some(0x80) => of_pickle(&bytes, &mut found),
            _ => of_json(&bytes, &mut found),
        }?;
        Ok(found)
    }
}

fn of_json(bytes: &[u8], found: &mut Found) -> Result<(), String> {
    let json = registry::parse(bytes)?;
    let root = json.root();
    if root.get("tintype").is_some() {
        return of_ours(bytes, found);
    }
    let (Some(data), Some(metadata)) = (root.get("data"), root.get("metadata")) else {
        return Err("JSON, but no export: it lacks `data` or `metadata`".to_owned());
    };
    if metadata.kind() != JsonKind::Object {
        return Err("JSON, but no export: `metadata` is no object".to_owned());
    }
    let entry = Entry::of(metadata);
    tell(&entry, found);
    let text = |value: Option<pyjson::Value<'_, '_>>| value.and_then(pyjson::Value::string);
    let exported = text(root.get("exported_at")).or_else(|| text(metadata.get("exported_at")));
    tell_time(&entry, exported.as_deref(), found);
    if found.version.is_none() {
        found.version = text(root.get("source_id"));
    }
    let mut all = Map::new();
    for (name, value) in root.members() {
        if let Some(name) = name.string().filter(|name| name != "data") {
            let exact = export::exactly(value).unwrap_or_else(|_| value.text().into());
            all.insert(name, exact);
        }
    }
    let is_told = tell_info(&entry, found) && fits_info(&all).is_ok();
    // The document can be made again of its value and what is said of that.
    let is_retold = is_told
        && export::exactly(root).is_ok_and(|document| is_laid_out(bytes, &document, 0))
        && data.standard().is_ok();
    found.metadata = if is_told { Value::Object(all) } else { Value::Null };
    told_type(json_type(data.kind()), found);
    match is_retold {
        true => found.retold.push(found.source),
        false => {
            let media_type = if root.standard().is_ok() { MEDIA_JSON } else { MEDIA_PYTHON_JSON };
            let part = Part::new("export.json", media_type, Content::File(found.source));
            found.parts.push(part.map_err(|error| error.to_string())?);
        }
    }
    let added = match data.string() {
        Some(text) => {
            declare("data", Over::Bytes, Some(&entry), found);
            add_text(text.as_bytes(), MEDIA_TEXT, found)
        }
        None => {
            declare("data", Over::PythonValue, Some(&entry), found);
            add_json(data.laid_out(), data.entries(), found)
        }
    };
    added.map_err(|error| error.to_string())
}

/// A document of ours.
fn of_ours(bytes: &[u8], found: &mut Found) -> Result<(), String> {
    let document = export::read(bytes).map_err(|fault| match fault {
        export::Fault::Foreign(why) => why,
        export::Fault::Damaged(damage) => damage.detail,
    })?;
    let draft = document.draft;
    // What is written follows from the snapshot and the time of writing.
    let exported_at = registry::parse(bytes).ok().and_then(|json| {
        json.root().get("exported_at").and_then(|told| told.string()?.parse::<Time>().ok())
    });
    let named = document.version.as_deref().and_then(|version| version.parse().ok());
    let is_as_written = exported_at.zip(named).is_some_and(|(time, version)| {
        let again = export::write(&draft.clone().version(version), time);
        again.is_ok_and(|text| text == bytes)
    });
    found.written = exported_at.map(|time| time.to_string());
    found.variant = "json of tintype".to_owned();
    found.names_of = None;
    found.version = document.version;
    found.based_on = draft.based_on.map(String::from);
    found.context = draft.context;
    if let Some(time) = draft.time {
        found.when = When::At(time);
    }
    found.tags = draft.tags.into_iter().collect();
    found.description = draft.description;
    found.status = draft.status.unwrap_or(Status::Complete);
    found.info = draft.user_info;
    found.problems = document.notes;
    for artifact in draft.artifacts {
        let content = artifact.content().unwrap_or_default().to_vec();
        let part = Part::new(artifact.name.as_str(), &artifact.media_type, Content::Held(content));
        let part = part.map_err(|error| error.to_string())?;
        found.parts.push(Part { entries: artifact.entries, took: artifact.took, ..part });
    }
    let source = found.source;
    ours::account(source, is_as_written, "export.json", MEDIA_PYTHON_JSON, found)
        .map_err(|error| error.to_string())
}

fn of_pickle(bytes: &[u8], found: &mut Found) -> Result<(), String> {
    let pickle = Pickle::read(bytes).map_err(|error| error.to_string())?;
    let (data, metadata) = export::in_pickle(&pickle).ok_or("a pickle, but no export")?;
    let told = pickle.dumped(metadata).ok_or("its metadata can't be read")?;
    let json = registry::parse(told.text.as_bytes())?;
    let entry = Entry::of(json.root());
    tell(&entry, found);
    found.variant = "pickle".to_owned();
    let text = |name: &str| pickle.get(pickle.root(), name).and_then(|id| pickle.text(id));
    tell_time(&entry, text("exported_at"), found);
    if found.version.is_none() {
        found.version = text("source_id").map(str::to_owned);
    }
    let mut all = Map::new();
    all.insert("metadata".to_owned(), Value::Object(entry.all.clone()));
    for name in ["exported_at", "source_id"] {
        if let Some(text) = text(name) {
            all.insert(name.to_owned(), text.into());
        }
    }
    found.metadata = match tell_info(&entry, found) {
        true => Value::Object(all),
        false => Value::Null,
    };
    told_type(&pickle.type_of(data), found);
    let original = Content::File(found.source);
    let add = |found: &mut Found| -> Result<(), Error> {
        let held = match pickle.node(data) {
            Node::Text(text) => Some((text, MEDIA_TEXT)),
            Node::Bytes(bytes) => Some((bytes, MEDIA_BYTES)),
            _ => None,
        };
        let held =
            held.filter(|(text, media)| *media == MEDIA_BYTES || std::str::from_utf8(text).is_ok());
        let artifact = match held {
            Some((held, media_type)) => {
                add_text(held, media_type, found)?;
                let part = Part::new("data.pickle", super::registry::MEDIA_PICKLE, original)?;
                found.parts.push(part);
                "data.pickle"
            }
            None => add_pickle(&pickle, data, original, found)?,
        };
        declare(artifact, Over::PickleValue, Some(&entry), found);
        Ok(())
    };
    add(found).map_err(|error| error.to_string())
}

fn tell(entry: &Entry, found: &mut Found) {
    found.variant = "json".to_owned();
    found.version.clone_from(&entry.version);
    found.based_on = entry.base().map(str::to_owned);
    found.tags.clone_from(&entry.tags);
    found.description.clone_from(&entry.description);
    found.problems.extend(entry.notes.iter().cloned());
}

fn tell_time(entry: &Entry, exported: Option<&str>, found: &mut Found) {
    let exported = exported.and_then(|text| text.parse::<Time>().ok());
    match (entry.created_at, exported) {
        (Some(time), _) => found.when = When::At(time),
        (None, Some(time)) => {
            found.problems.push("its time is when it was exported".to_owned());
            found.when = When::At(time);
        }
        (None, None) => {}
    }
}
