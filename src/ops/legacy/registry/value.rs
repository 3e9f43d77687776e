//! The artifacts that the value of a version becomes.

use serde_json::Value;

use super::{MEDIA_PICKLE, RegistryReader, Slot};
use crate::error::Result;
use crate::format::pickle::{Id, Pickle};
use crate::format::pyjson::{PyJson, Verdict};
use crate::format::registry::delta::{Delta, Rebuilt};
use crate::format::registry::value::{Shape, VALUE_BYTES_MAX, shape};
use crate::format::registry::{self, DELTA_BASE, Entry};
use crate::model::artifact::{
    ArtifactStatus, MEDIA_BYTES, MEDIA_JSON, MEDIA_PYTHON_JSON, MEDIA_TEXT,
};
use crate::ops::legacy::declared::{Algorithm, Declared, Over};
use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::found::{Content, Found, Part};

/// The field of the user info that names the type of the value in Python.
const PYTHON_TYPE: &str = "python_type";

impl RegistryReader {
    /// Adds the artifacts of a version.
    pub(super) fn add_value(
        &mut self,
        tree: &Tree,
        slot: &Slot,
        entry: Option<&Entry>,
        found: &mut Found,
    ) -> Result<()> {
        let is_delta = entry.is_some_and(|entry| entry.base().is_some());
        match (slot.data, slot.delta) {
            (None, None) => {
                let why = "its value is in no file".to_owned();
                found.variant = "without a value".to_owned();
                found.problems.push(why.clone());
                let missing = Content::Missing(ArtifactStatus::Failed, why);
                found.parts.push(Part::new("data", MEDIA_BYTES, missing)?);
                Ok(())
            }
            (Some(data), None) => {
                if is_delta {
                    found.problems.push(format!(
                        "{DELTA_BASE} says that it is a delta, and its value is here whole"
                    ));
                }
                add_file(tree, data, entry, found)
            }
            (None, Some(delta)) => self.add_delta(tree, slot, delta, entry, found),
            (Some(data), Some(delta)) if !is_delta => {
                let path = tree.path(delta);
                found.problems.push(format!("{path} is of an older snapshot of its name"));
                add_file(tree, data, entry, found)?;
                add_kept_delta(delta, found)
            }
            (Some(data), Some(delta)) => {
                let checksum = entry.and_then(|entry| entry.checksum.as_deref());
                let rebuilt = self.rebuilt(tree, slot, delta, entry);
                let is_delta = rebuilt
                    .as_ref()
                    .is_ok_and(|it| verdict(checksum, it) == Some(Verdict::Matches));
                if !is_delta && is_value(tree, data, entry) {
                    let path = tree.path(delta);
                    found.problems.push(format!("{path} makes another value than the one here"));
                    add_file(tree, data, entry, found)?;
                    return add_kept_delta(delta, found);
                }
                let path = tree.path(data);
                found.problems.push(format!("{path} is of an older snapshot of its name"));
                self.add_rebuilt(tree, delta, rebuilt, entry, found)?;
                let replaced = Part::new("replaced.data", MEDIA_BYTES, Content::File(data))?;
                found.parts.push(replaced);
                Ok(())
            }
        }
    }

    fn add_delta(
        &mut self,
        tree: &Tree,
        slot: &Slot,
        delta: FileId,
        entry: Option<&Entry>,
        found: &mut Found,
    ) -> Result<()> {
        let rebuilt = self.rebuilt(tree, slot, delta, entry);
        self.add_rebuilt(tree, delta, rebuilt, entry, found)
    }

    fn add_rebuilt(
        &mut self,
        tree: &Tree,
        delta: FileId,
        rebuilt: Result<Rebuilt, String>,
        entry: Option<&Entry>,
        found: &mut Found,
    ) -> Result<()> {
        found.variant = "delta".to_owned();
        let rebuilt = match rebuilt {
            Ok(rebuilt) => rebuilt,
            Err(why) => {
                found.problems.push(format!("its value can't be made again: {why}"));
                let missing = Content::Missing(ArtifactStatus::Failed, why);
                found.parts.push(Part::new("data", MEDIA_JSON, missing)?);
                add_kept_delta(delta, found)?;
                declare("data", Over::PythonValue, entry, found);
                return add_delta_rendering(tree, delta, found);
            }
        };
        told_type("dict", found);
        let checksum = entry.and_then(|entry| entry.checksum.as_deref());
        if verdict(checksum, &rebuilt) == Some(Verdict::Differs) {
            found.problems.push(
                "the value that its delta makes is not the one that was stored: its base was \
                 stored again since, or the delta lacks a change between equal values"
                    .to_owned(),
            );
        }
        found.problems.extend(rebuilt.notes);
        add_json(rebuilt.json, rebuilt.entries, found)?;
        declare("data", Over::PythonValue, entry, found);
        if let Some(tagged) = rebuilt.tagged {
            add_tagged(tagged, found)?;
        }
        add_kept_delta(delta, found)
    }

    /// The value that a delta makes of its base.
    fn rebuilt(
        &mut self,
        tree: &Tree,
        slot: &Slot,
        delta: FileId,
        entry: Option<&Entry>,
    ) -> Result<Rebuilt, String> {
        let bytes = tree.read(delta, VALUE_BYTES_MAX).map_err(|why| why.to_string())?;
        let delta = Delta::read(&bytes)?;
        drop(bytes);
        let base = entry.and_then(Entry::base).ok_or("nothing says what it is a delta on")?;
        let missing = || format!("its base {base} is not in the store");
        let versions = self.versions.get(slot.store as usize).ok_or_else(missing)?;
        let job = versions.get(base).and_then(|job| self.jobs.get(*job as usize));
        let Some(super::Job::Version(on)) = job else { return Err(missing()) };
        let file = on.data.ok_or_else(|| format!("its base {base} is not here whole"))?;
        if self.last_base.as_ref().is_none_or(|(known, _)| *known != file) {
            let read = tree.read(file, VALUE_BYTES_MAX);
            let bytes = read.map_err(|why| format!("its base {base}: {why}"))?;
            self.last_base = Some((file, bytes));
        }
        let bytes = self.last_base.as_ref().map(|(_, bytes)| bytes.as_slice());
        delta.apply(bytes.unwrap_or_default())
    }
}

/// What a checksum says of a value, where there is one.
fn verdict(checksum: Option<&str>, rebuilt: &Rebuilt) -> Option<Verdict> {
    let json = PyJson::parse(rebuilt.json.as_bytes()).ok()?;
    Some(json.root().check(checksum?))
}

/// Whether the value in a file has the checksum of an entry.
fn is_value(tree: &Tree, file: FileId, entry: Option<&Entry>) -> bool {
    let Some(checksum) = entry.and_then(|entry| entry.checksum.as_deref()) else { return false };
    let Ok(bytes) = tree.read(file, VALUE_BYTES_MAX) else { return false };
    match shape(&bytes, entry) {
        Shape::Text | Shape::Bytes => true,
        Shape::Json { .. } => registry::parse(&bytes)
            .is_ok_and(|json| json.root().check(checksum) == Verdict::Matches),
        Shape::Pickle(pickle) => pickle.check(pickle.root(), checksum).0 == Verdict::Matches,
        Shape::Opaque(_) => false,
    }
}

/// Adds the artifacts of a value that is in a file whole.
fn add_file(tree: &Tree, file: FileId, entry: Option<&Entry>, found: &mut Found) -> Result<()> {
    let bytes = match tree.read(file, VALUE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(why) => {
            // What is too large to be looked into is kept as it is, and what can't be read is told
            // where its content is read.
            found.variant = "opaque".to_owned();
            found.problems.push(format!("{}: {why}", tree.path(file)));
            found.parts.push(Part::new("data", MEDIA_BYTES, Content::File(file))?);
            declare("data", Over::Bytes, entry, found);
            return Ok(());
        }
    };
    let shape = shape(&bytes, entry);
    told_type(&shape.python_type(), found);
    match shape {
        Shape::Text => {
            found.variant = "text".to_owned();
            found.parts.push(Part::new("data", MEDIA_TEXT, Content::File(file))?);
            declare_all(
                "data",
                vec![Over::Bytes, Over::LineFeeds, Over::Windows1252],
                entry,
                found,
            );
        }
        Shape::Bytes => {
            found.variant = "bytes".to_owned();
            found.parts.push(Part::new("data", MEDIA_BYTES, Content::File(file))?);
            declare("data", Over::Bytes, entry, found);
        }
        Shape::Json { is_standard, entries, .. } => {
            found.variant = "json".to_owned();
            let media_type = if is_standard { MEDIA_JSON } else { MEDIA_PYTHON_JSON };
            let part = Part::new("data", media_type, Content::File(file))?;
            found.parts.push(Part { entries, ..part });
            declare("data", Over::PythonValue, entry, found);
        }
        Shape::Pickle(pickle) => {
            found.variant = "pickle".to_owned();
            let original = add_pickle(&pickle, pickle.root(), Content::File(file), found)?;
            declare(original, Over::PickleValue, entry, found);
        }
        Shape::Opaque(why) => {
            found.variant = "opaque".to_owned();
            found.problems.push(format!("its value is kept as bytes: {why}"));
            found.parts.push(Part::new("data", MEDIA_BYTES, Content::File(file))?);
            declare("data", Over::Bytes, entry, found);
        }
    }
    Ok(())
}

/// Adds a pickled value: JSON where that holds it, with the pickle beside it, else the pickle with the
/// tagged rendering beside it. Gives the name of the artifact that the pickle is.
pub(crate) fn add_pickle(
    pickle: &Pickle,
    value: Id,
    original: Content,
    found: &mut Found,
) -> Result<&'static str> {
    if let Some(json) = pickle.json_of(value) {
        let entries = PyJson::parse(json.as_bytes()).ok().and_then(|json| json.root().entries());
        add_json(json, entries, found)?;
        found.parts.push(Part::new("data.pickle", MEDIA_PICKLE, original)?);
        return Ok("data.pickle");
    }
    found.parts.push(Part::new("data", MEDIA_PICKLE, original)?);
    add_tagged(pickle.tagged_of(value), found)?;
    Ok("data")
}

/// Adds a text, or bytes, that stand in another file.
pub(crate) fn add_text(bytes: &[u8], media_type: &str, found: &mut Found) -> Result<()> {
    found.parts.push(Part::new("data", media_type, Content::Held(bytes.to_vec()))?);
    Ok(())
}

pub(crate) fn add_json(json: String, entries: Option<u64>, found: &mut Found) -> Result<()> {
    let is_standard =
        PyJson::parse(json.as_bytes()).is_ok_and(|json| json.root().standard().is_ok());
    let media_type = if is_standard { MEDIA_JSON } else { MEDIA_PYTHON_JSON };
    let part = Part::new("data", media_type, Content::Held(json.into_bytes()))?;
    found.parts.push(Part { entries, ..part });
    Ok(())
}

fn add_tagged(tagged: String, found: &mut Found) -> Result<()> {
    let text = tagged.into_bytes();
    found.parts.push(Part::new("data.json", MEDIA_JSON, Content::Held(text))?);
    Ok(())
}

fn add_kept_delta(delta: FileId, found: &mut Found) -> Result<()> {
    found.parts.push(Part::new("data.delta", MEDIA_PICKLE, Content::File(delta))?);
    Ok(())
}

/// Adds what a delta says, where it is one and no value can be made with it.
pub(super) fn add_delta_rendering(tree: &Tree, file: FileId, found: &mut Found) -> Result<()> {
    let delta = tree.read(file, VALUE_BYTES_MAX).map_err(|why| why.to_string());
    if let Ok(delta) = delta.and_then(|bytes| Delta::read(&bytes)) {
        let text = delta.tagged().into_bytes();
        found.parts.push(Part::new("delta.json", MEDIA_JSON, Content::Held(text))?);
    }
    Ok(())
}

/// A file that ought to be JSON as the artifact `data`, and what is wrong with it.
pub(super) fn json_file(tree: &Tree, file: FileId) -> Result<(Part, Option<String>)> {
    let bytes = tree.read(file, VALUE_BYTES_MAX).map_err(|why| why.to_string());
    let (media_type, entries, problem) = match &bytes {
        Err(why) => (MEDIA_BYTES, None, Some(why.clone())),
        Ok(bytes) => match registry::parse(bytes) {
            Err(why) => (MEDIA_BYTES, None, Some(why)),
            Ok(json) if json.root().standard().is_ok() => (MEDIA_JSON, json.root().entries(), None),
            Ok(json) => (MEDIA_PYTHON_JSON, json.root().entries(), None),
        },
    };
    let part = Part::new("data", media_type, Content::File(file))?;
    Ok((Part { entries, ..part }, problem))
}

/// Keeps the checksum that an entry has, as one over an artifact.
pub(crate) fn declare(artifact: &str, over: Over, entry: Option<&Entry>, found: &mut Found) {
    declare_all(artifact, vec![over], entry, found);
}

fn declare_all(artifact: &str, over: Vec<Over>, entry: Option<&Entry>, found: &mut Found) {
    let Some(checksum) = entry.and_then(|entry| entry.checksum.as_ref()) else { return };
    match Algorithm::of(checksum) {
        Some(algorithm) => found.declared.push(Declared {
            artifact: artifact.to_owned(),
            algorithm,
            hash: checksum.clone(),
            over,
        }),
        None => {
            let shown: String = checksum.chars().take(80).collect();
            found.problems.push(format!("its checksum is none: {shown}"));
        }
    }
}

pub(crate) fn told_type(name: &str, found: &mut Found) {
    let name = Value::from(name);
    found.info.entry(PYTHON_TYPE).or_insert(name);
}
