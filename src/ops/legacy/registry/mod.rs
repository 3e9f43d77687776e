//! Registry stores: a registry, and folders of metadata and values beside it.
//!
//! A store is known by its registry, or by the entries that lie in its folder `metadata`. Each version
//! becomes a snapshot: its value is the artifact `data`, or what can be said of it. Where a value was
//! kept as a delta, `data` is the value that it makes, and the delta stands beside it as `data.delta`.
//! Where it was pickled and JSON can hold it, `data` is the JSON, with `data.pickle` beside it; else
//! `data` is the pickle, with the tagged rendering `data.json` beside it.
//!
//! Metadata is told in user info, and a file of it is `metadata.json` where it is not just what is told
//! there, laid out as those managers lay it out. A registry is a snapshot of its own where it is not just
//! what its versions tell.
//!
//! **Invariant:** nothing of a store is passed over. What belongs to no version is kept as the bytes that
//! it is: deltas whose version was deleted, what was being written when a program ended, registries that
//! are damaged. A value without an entry is a snapshot of which nothing else is known.

mod layout;
mod value;

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::format::layout::is_laid_out;
use crate::format::registry::{self, Entry, JSON_BYTES_MAX};
use crate::model::artifact::{MEDIA_BYTES, MEDIA_JSON};
use crate::model::snapshot::Status;
use crate::ops::legacy::files::{FileId, FolderId, Tree};
use crate::ops::legacy::found::{Content, Found, Kind, Part, When};
use crate::ops::legacy::look::Candidates;
use crate::ops::legacy::{Reader, Unit};

pub(crate) use value::{add_json, add_pickle, add_text, declare, told_type};

/// The media type of a pickle of Python.
pub const MEDIA_PICKLE: &str = "application/x-python-pickle";

/// The most bytes of an entry that user info is given; it holds its user info twice.
const INFO_BYTES_MAX: usize = 256 * 1024;

/// Reads registry stores.
#[derive(Debug, Default)]
pub struct RegistryReader {
    jobs: Vec<Job>,
    /// By store, the jobs that the versions are.
    versions: Vec<HashMap<String, u32>>,
    /// The base that was read last: many deltas are on one.
    last_base: Option<(FileId, Vec<u8>)>,
}

/// What a unit is.
#[derive(Debug, Clone)]
enum Job {
    Version(Slot),
    /// Something that belongs to a store, and is no value of it.
    Aside {
        file: FileId,
        variant: &'static str,
        why: String,
    },
    /// Data that a program kept beside its store.
    Beside {
        file: FileId,
        variant: &'static str,
    },
}

/// What is known of a version before it is read.
#[derive(Debug, Clone)]
struct Slot {
    store: u32,
    /// The folder of its store.
    root: FolderId,
    version: String,
    entry: EntryAt,
    /// The version that the entry says it is a delta on.
    base: Option<String>,
    /// Its file in the folder of metadata, where it has one.
    metadata: Option<FileId>,
    data: Option<FileId>,
    delta: Option<FileId>,
    /// A registry that this version accounts for.
    registry: Option<FileId>,
    /// The registry that tells of it, which another version may account for.
    told_by: Option<FileId>,
    notes: Vec<String>,
}

/// Where an entry is told.
#[derive(Debug, Clone)]
enum EntryAt {
    /// In its file in the folder of metadata.
    File,
    /// In the registry; this is its text.
    Registry(Box<str>),
    /// Nowhere.
    Nowhere,
}

impl Slot {
    fn source(&self) -> Option<FileId> {
        self.metadata.or(self.data).or(self.delta).or(self.told_by)
    }
}

impl Reader for RegistryReader {
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit> {
        layout::scan(self, tree, files);
        let units = self.jobs.iter().enumerate().filter_map(|(number, job)| {
            let source = match job {
                Job::Version(slot) => slot.source()?,
                Job::Aside { file, .. } | Job::Beside { file, .. } => *file,
            };
            Some(Unit { kind: Kind::Registry, source, number: u32::try_from(number).ok()? })
        });
        units.collect()
    }

    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String> {
        let job = self.jobs.get(unit.number as usize).cloned();
        let read = match job.ok_or("it is of no store that was seen")? {
            Job::Version(slot) => self.version(tree, unit.source, &slot),
            Job::Aside { file, variant, why } => aside(tree, file, variant, why),
            Job::Beside { file, variant } => beside(tree, file, variant),
        };
        read.map_err(|error| error.to_string())
    }
}

impl RegistryReader {
    fn version(&mut self, tree: &Tree, source: FileId, slot: &Slot) -> Result<Found> {
        let mut notes = slot.notes.clone();
        let mut is_retold = false;
        let entry = match &slot.entry {
            EntryAt::Nowhere => None,
            EntryAt::Registry(text) => {
                registry::parse(text.as_bytes()).ok().map(|json| Entry::of(json.root()))
            }
            EntryAt::File => slot.metadata.and_then(|file| {
                let read = tree.read(file, JSON_BYTES_MAX as u64).map_err(|why| why.to_string());
                let parsed = read.and_then(|bytes| {
                    let entry = Entry::parse(&bytes)?;
                    is_retold = is_laid_out(&bytes, &entry.all, 0);
                    Ok(entry)
                });
                parsed.map_err(|why| notes.push(format!("{}: {why}", tree.path(file)))).ok()
            }),
        };
        let changed = slot.data.or(slot.delta).unwrap_or(source);
        let when = match entry.as_ref().and_then(|entry| entry.created_at) {
            Some(time) => When::At(time),
            None => When::Changed(tree.modified(changed)),
        };
        let mut found = Found::new(Kind::Registry, source, when);
        found.key = slot.version.clone();
        found.version = Some(slot.version.clone());
        found.names_of = Some(slot.root);
        let files = [slot.metadata, slot.data, slot.delta, slot.registry];
        found.files = files.into_iter().flatten().collect();
        match &entry {
            Some(entry) => {
                notes.extend(entry.notes.iter().cloned());
                found.tags.clone_from(&entry.tags);
                found.description.clone_from(&entry.description);
                found.based_on = entry.base().map(str::to_owned);
            }
            None => notes.push("nothing but its value is known: no entry tells of it".to_owned()),
        }
        found.problems = notes;
        let is_told = entry.as_ref().is_some_and(|entry| tell_info(entry, &mut found));
        self.add_value(tree, slot, entry.as_ref(), &mut found)?;
        found.retold.extend(slot.registry);
        // What user info does not tell of it is kept beside the value, and so is a file of which
        // something would be lost.
        let is_all = is_told && is_retold;
        let is_alone = slot.data.is_none() && slot.delta.is_none();
        match (&slot.entry, slot.metadata) {
            (_, Some(file)) if !is_all || is_alone => {
                let media_type = if is_told { MEDIA_JSON } else { MEDIA_BYTES };
                found.parts.push(Part::new("metadata.json", media_type, Content::File(file))?);
            }
            (_, Some(file)) => found.retold.push(file),
            (EntryAt::Registry(text), None) if !is_told || is_alone => {
                let text = Content::Held(text.as_bytes().to_vec());
                found.parts.push(Part::new("metadata.json", MEDIA_JSON, text)?);
            }
            _ => {}
        }
        if found.parts.iter().any(|part| matches!(part.content, Content::Missing(..))) {
            found.status = Status::Partial;
        }
        Ok(found)
    }
}

/// Puts what an entry says into the user info, where that can hold it; tells whether it does.
pub(crate) fn tell_info(entry: &Entry, found: &mut Found) -> bool {
    if let Err(why) = fits_info(&entry.all) {
        found.problems.push(format!("{why}: it stands in an artifact"));
        return false;
    }
    found.info = entry.user_info.clone();
    found.metadata = Value::Object(entry.all.clone());
    true
}

/// Whether user info can hold what is said of a snapshot twice; why not.
pub(crate) fn fits_info(all: &Map<String, Value>) -> Result<(), String> {
    let text = serde_json::to_string(all).unwrap_or_default();
    if text.len() > INFO_BYTES_MAX {
        let bytes = text.len();
        return Err(format!("{bytes} bytes are said of it, more than user info is given"));
    }
    // It stands some levels deep in user info.
    let within = format!("[[[[{text}]]]]");
    match serde_json::from_str::<IgnoredAny>(&within) {
        Ok(_) => Ok(()),
        Err(_) => Err("what is said of it is nested deeper than user info can be".to_owned()),
    }
}

/// A file of a store that is no value of it.
fn aside(tree: &Tree, file: FileId, variant: &str, why: String) -> Result<Found> {
    let mut found = Found::new(Kind::Bytes, file, When::Changed(tree.modified(file)));
    found.variant = variant.to_owned();
    found.key = tree.name(file);
    found.status = Status::Partial;
    found.problems.push(why);
    let name = if variant == layout::ORPHANED_DELTA { "data.delta" } else { "data" };
    found.parts.push(Part::new(name, MEDIA_BYTES, Content::File(file))?);
    value::add_delta_rendering(tree, file, &mut found)?;
    Ok(found)
}

/// Data that a program kept beside its store: JSON, with the present state of what it keeps.
fn beside(tree: &Tree, file: FileId, variant: &str) -> Result<Found> {
    let mut found = Found::new(Kind::Registry, file, When::Changed(tree.modified(file)));
    found.variant = variant.to_owned();
    found.key = tree.name(file);
    let (part, problem) = value::json_file(tree, file)?;
    found.problems.extend(problem);
    if part.media_type != MEDIA_JSON {
        found.status = Status::Partial;
    }
    found.parts.push(part);
    Ok(found)
}
