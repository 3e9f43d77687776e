//! The JSON document that holds one data snapshot: what `export_snapshot` of a Python snapshot manager
//! writes and `import_snapshot` reads.
//!
//! `{"data", "metadata": {"version", "created_at", "tags", "description", "user_info", "checksum",
//! "size_bytes", "entry_count"}, "exported_at", "source_id"}`. The checksum is a SHA-256 over the value
//! as Python [dumps](pyjson::Value::canonical) it.
//!
//! A document that is written here has one member more, `tintype`: what those managers know nothing
//! of, and the hash of the content. So it comes back byte for byte, and they read it too.
//!
//! **Invariant:** a value that does not fit its checksum or its hash is not taken. One that can't be
//! checked is, and a note says so.
//!
//! **Invariant:** what can't be kept as it is stands in a note. Of what is computed from the value
//! (`size_bytes`, `entry_count`) and of what tells of the document (`exported_at`, `source_id`) nothing
//! is kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::codec::frame;
use crate::error::{Corruption, Error, Result};
use crate::format::layout;
use crate::format::pickle::{Id, Pickle};
use crate::format::pyjson::{self, Kind, NameOrder, PyJson, Value, Verdict};
use crate::model::artifact::{DraftArtifact, MEDIA_JSON, MEDIA_PYTHON_JSON, MEDIA_TEXT};
use crate::model::context::Context;
use crate::model::id::{ArtifactName, BlobHash, Tag, Version};
use crate::model::snapshot::{Draft, Status};
use crate::model::time::Time;

/// The field of the user info in which the notes of an import stand.
pub const NOTES: &str = "import_notes";

/// The members of the metadata that are read, and those that are computed anew.
const METADATA: [&str; 8] = [
    "version",
    "created_at",
    "tags",
    "description",
    "user_info",
    "checksum",
    "size_bytes",
    "entry_count",
];
/// The members of the document. `exported_at` may stand in both.
const DOCUMENT: [&str; 4] = ["data", "metadata", "source_id", "tintype"];

/// What those managers know nothing of.
#[derive(Debug, Serialize, Deserialize)]
struct Own {
    context: Context,
    status: Status,
    based_on: Option<Version>,
    artifact: ArtifactName,
    media_type: String,
    entries: Option<u64>,
    took_us: Option<u64>,
    blake3: BlobHash,
}

/// A snapshot as a document tells of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// All that is said of it, and its content, but no version.
    pub draft: Draft,
    /// Its name, which need not be one that a store takes.
    pub version: Option<String>,
    /// What is not as it was, or could not be checked.
    pub notes: Vec<String>,
}

/// Why a document is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is something else.
    Foreign(String),
    /// It is damaged, or not whole.
    Damaged(Corruption),
}

/// Writes the document of a snapshot.
///
/// JSON stands in it byte for byte, text as a text of JSON. Fails with `Invalid` where the snapshot
/// has not just one artifact with content, where that is neither JSON nor text, and where it is said to
/// be JSON but others would not read it; of what is said to be JSON in Python's dialect only Python
/// has to.
pub fn write(draft: &Draft, exported_at: Time) -> Result<Vec<u8>> {
    let version = draft.version.as_ref().map_or("", Version::as_str);
    let refuse = |why: String| Error::invalid("export as JSON of snapshot", version, why);
    let [artifact] = draft.artifacts.as_slice() else {
        let count = draft.artifacts.len();
        return Err(refuse(format!("it has {count} artifacts; an archive holds them all")));
    };
    let Some(content) = artifact.content() else {
        return Err(refuse(format!("{} has no content; an archive tells why", artifact.name)));
    };
    let media_type = artifact.media_type.as_str();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    let is_python = essence == MEDIA_PYTHON_JSON;
    let is_json = is_python || subtype == "json" || subtype.ends_with("+json");
    if !is_json && !essence.starts_with("text/") {
        let why =
            format!("{} is {media_type}, which JSON can't hold; an archive can", artifact.name);
        return Err(refuse(why));
    }
    let unfit = |why: String| {
        refuse(format!(
            "{} is not what {media_type} is: {why}; an archive can hold it",
            artifact.name
        ))
    };
    let data = std::str::from_utf8(content).map_err(|error| unfit(error.to_string()))?;
    let quoted;
    let data = match is_json {
        true => data,
        false => {
            quoted = pyjson::quoted(data);
            &quoted
        }
    };
    let parsed = PyJson::parse(data.as_bytes()).map_err(|error| unfit(error.to_string()))?;
    let value = parsed.root();
    if !is_python {
        value.standard().map_err(|error| match error {
            Error::Invalid { why, .. } => unfit(why),
            error => error,
        })?;
    }
    let metadata = json!({
        "version": version,
        "created_at": draft.time.map(offset),
        "tags": draft.tags,
        "description": draft.description,
        "user_info": draft.user_info,
        "checksum": value.checksum(NameOrder::Texts),
        "size_bytes": content.len(),
        "entry_count": value.entries().unwrap_or(0),
    });
    let own = Own {
        context: draft.context.clone(),
        status: draft.status.unwrap_or(Status::Complete),
        based_on: draft.based_on.clone(),
        artifact: artifact.name.clone(),
        media_type: media_type.to_owned(),
        entries: artifact.entries,
        took_us: artifact.took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
        blake3: frame::hash(content),
    };
    let document = format!(
        "{{\n  \"data\": {data},\n  \"metadata\": {},\n  \"exported_at\": {},\n  \"source_id\": {},\n  \
         \"tintype\": {}\n}}",
        member(&metadata)?,
        member(&offset(exported_at))?,
        member(&version)?,
        member(&own)?,
    );
    Ok(document.into_bytes())
}

/// A time as Python's `isoformat` writes it.
fn offset(time: Time) -> String {
    time.to_string().replace('Z', "+00:00")
}

/// A value as a member of the document, in ASCII.
fn member(value: &impl Serialize) -> Result<String> {
    let refuse = |why: serde_json::Error| Error::invalid("JSON value", "", why.to_string());
    let text = serde_json::to_string_pretty(value).map_err(refuse)?.replace('\n', "\n  ");
    Ok(layout::ascii(&text))
}

/// Whether a file that begins so may be such a document: its first character opens an object.
pub fn begins(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Whether a file that begins so is a pickle, Python's own form: of protocol 2 or later.
pub fn begins_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

/// Where in a pickled export of a snapshot the value stands, and where the metadata; nothing where it is
/// no export.
pub fn in_pickle(pickle: &Pickle) -> Option<(Id, Id)> {
    let (data, metadata) =
        (pickle.get(pickle.root(), "data")?, pickle.get(pickle.root(), "metadata")?);
    let has = |name: &str| pickle.get(metadata, name).is_some();
    (has("version") || has("created_at")).then_some((data, metadata))
}

/// Reads the document of a snapshot.
///
/// A text becomes `text/plain`. Any other value becomes `application/json`, laid out as Python lays it
/// out by default, with each part as it is written; or `application/x-python-json` where others would
/// not read it as JSON. Where the document tells the hash of the content, it is that content.
pub fn read(bytes: &[u8]) -> Result<Document, Fault> {
    let damaged = |detail: String| Fault::Damaged(Corruption::of_store(detail));
    let parsed =
        PyJson::parse(bytes).map_err(|error| damaged(format!("no whole JSON: {error}")))?;
    let root = parsed.root();
    let (Some(data), Some(metadata)) = (root.get("data"), root.get("metadata")) else {
        let why = "JSON, but no export of a snapshot: it lacks `data` or `metadata`";
        return Err(Fault::Foreign(why.to_owned()));
    };
    if metadata.kind() != Kind::Object {
        let why = "JSON, but no export of a snapshot: `metadata` is no object";
        return Err(Fault::Foreign(why.to_owned()));
    }
    let mut notes = Vec::new();
    let version = metadata.get("version").filter(|version| version.kind() != Kind::Null);
    let version =
        version.map(|version| version.string().unwrap_or_else(|| version.text().to_owned()));
    let damaged = |detail: String| {
        let version = version.as_ref().and_then(|version| version.parse().ok());
        Fault::Damaged(Corruption { version, artifact: None, blob: None, detail })
    };

    check(data, metadata, &mut notes).map_err(damaged)?;
    let own = root.get("tintype").map(|own| serde_json::from_str::<Own>(own.text()));
    let own = own
        .transpose()
        .map_err(|error| damaged(format!("its member `tintype` can't be read: {error}")))?;
    let mut draft = Draft::new();
    let artifact = match &own {
        Some(own) => {
            draft = draft.context(own.context.clone()).status(own.status);
            draft.based_on = own.based_on.clone();
            draft.base_elsewhere = true;
            let whole = parsed_text(bytes);
            let content = candidates(whole, data)
                .into_iter()
                .find(|content| frame::hash(content.as_bytes()) == own.blake3);
            let content = content.ok_or_else(|| {
                damaged(format!("its data is not the content with the hash {}", own.blake3))
            })?;
            let stored = stored(own.artifact.clone(), &own.media_type, content, own.entries);
            let stored = stored.map_err(|error| damaged(error.to_string()))?;
            DraftArtifact { took: own.took_us.map(Duration::from_micros), ..stored }
        }
        None => {
            let (media_type, content, entries) = match (data.string(), data.standard()) {
                (Some(text), _) => (MEDIA_TEXT, text, None),
                (None, Ok(_)) => (MEDIA_JSON, data.laid_out(), data.entries()),
                (None, Err(_)) => (MEDIA_PYTHON_JSON, data.laid_out(), data.entries()),
            };
            let stored = stored(ArtifactName::data(), media_type, content, entries);
            stored.map_err(|error| damaged(error.to_string()))?
        }
    };
    draft = draft.artifact(artifact);
    draft.time = time(root, metadata, &mut notes);
    let tags = metadata.get("tags").filter(|tags| tags.kind() != Kind::Null);
    if let Some(tags) = tags.filter(|tags| tags.kind() != Kind::List) {
        notes.push(format!("its tags are no list: {}", tags.text()));
    }
    for tag in tags.into_iter().flat_map(Value::items) {
        match tag.string().map(|tag| tag.parse::<Tag>()) {
            Some(Ok(tag)) => {
                draft.tags.insert(tag);
            }
            _ => notes.push(format!("a tag that can't be one here: {}", tag.text())),
        }
    }
    match metadata.get("description").map(|words| (words.kind(), words.string(), words)) {
        None | Some((Kind::Null, ..)) => {}
        // Where nothing is said, those managers write this.
        Some((_, Some(words), _)) if words.is_empty() && own.is_none() => {}
        Some((_, Some(words), _)) => draft.description = Some(words),
        Some((_, None, words)) => {
            notes.push(format!("a description that can't be one here: {}", words.text()));
        }
    }
    let info = metadata.get("user_info");
    draft.user_info = fields(info, "user info", &mut notes);
    for (object, known, place) in
        [(metadata, &METADATA[..], "metadata"), (root, &DOCUMENT[..], "the document")]
    {
        for (name, value) in object.members() {
            let is_known = |name: String| known.contains(&name.as_str()) || name == "exported_at";
            if !name.string().is_some_and(is_known) {
                notes.push(format!("{place} had {}: {}", name.text(), value.text()));
            }
        }
    }
    Ok(Document { draft, version, notes })
}

/// The text of a document that was read.
fn parsed_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn stored(
    name: ArtifactName,
    media_type: &str,
    content: String,
    entries: Option<u64>,
) -> Result<DraftArtifact> {
    let stored = DraftArtifact::stored(name, media_type, content.into_bytes())?;
    Ok(DraftArtifact { entries, ..stored })
}

/// Compares the value with the checksum that is told.
fn check(
    data: Value<'_, '_>,
    metadata: Value<'_, '_>,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let told = metadata.get("checksum").filter(|told| told.kind() != Kind::Null);
    let Some(told) = told else {
        notes.push("no checksum was told, so its value was not checked".to_owned());
        return Ok(());
    };
    let checksum =
        told.string().ok_or_else(|| format!("its checksum is no text: {}", told.text()))?;
    match data.check(&checksum) {
        Verdict::Matches => Ok(()),
        Verdict::Differs => Err(format!(
            "its data has the SHA-256 {}, and its checksum is {checksum}",
            data.checksum(NameOrder::Texts)
        )),
        Verdict::Unknowable => {
            notes.push(format!(
                "its value could not be checked: names of members may have been no texts when the \
                 checksum {checksum} was made"
            ));
            Ok(())
        }
    }
}

/// What the content may have been: the text that a text stands for, what stands in the document with
/// the white space around it, and without.
fn candidates(whole: &str, data: Value<'_, '_>) -> Vec<String> {
    let span = data.span();
    let (before, after) = (&whole[..span.start], &whole[span.end..]);
    let space = [' ', '\t', '\n', '\r'];
    let lead = &before[before.trim_end_matches(space).len()..];
    let trail = &after[..after.len() - after.trim_start_matches(space).len()];
    // The first space is of the document.
    let lead = lead.strip_prefix(' ').unwrap_or(lead);
    let mut all: Vec<String> = data.string().into_iter().collect();
    all.push(format!("{lead}{}{trail}", data.text()));
    all.push(data.text().to_owned());
    all.push(data.laid_out());
    all
}

/// When it was taken, else when it was exported.
fn time(root: Value<'_, '_>, metadata: Value<'_, '_>, notes: &mut Vec<String>) -> Option<Time> {
    let read = |value: Value<'_, '_>| value.string()?.parse::<Time>().ok();
    let created = metadata.get("created_at").filter(|created| created.kind() != Kind::Null);
    if let Some(time) = created.and_then(read) {
        return Some(time);
    }
    let exported = [root, metadata].into_iter().find_map(|object| read(object.get("exported_at")?));
    let told = created.map_or_else(
        || "it does not tell when it was taken".to_owned(),
        |created| format!("it was taken at {}, which is no time", created.text()),
    );
    let used = if exported.is_some() { "exported" } else { "imported" };
    notes.push(format!("{told}; its time is when it was {used}"));
    exported
}

/// The members of an object, as far as they can be kept exactly; others as the text that they are
/// written as. `whose` names the object in notes.
pub(crate) fn fields(
    object: Option<Value<'_, '_>>,
    whose: &str,
    notes: &mut Vec<String>,
) -> Map<String, serde_json::Value> {
    let mut kept = Map::new();
    let object = object.filter(|object| object.kind() != Kind::Null);
    if let Some(object) = object.filter(|object| object.kind() != Kind::Object) {
        notes.push(format!("its {whose} is no object: {}", object.text()));
    }
    for (name, value) in object.into_iter().flat_map(Value::members) {
        let Some(key) = name.string() else {
            notes.push(format!("{whose} had {}: {}", name.text(), value.text()));
            continue;
        };
        match exactly(value) {
            Ok(exact) => {
                kept.insert(key, exact);
            }
            Err(why) => {
                notes.push(format!("{} of its {whose} is kept as a text: {why}", name.text()));
                kept.insert(key, value.text().into());
            }
        }
    }
    kept
}

/// A value that is kept as it is, or why not.
pub(crate) fn exactly(value: Value<'_, '_>) -> Result<serde_json::Value, String> {
    let text = value.text();
    let is_kept =
        |text: &str| text != "-0" && (text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok());
    if value.within().any(|one| one.kind() == Kind::Integer && !is_kept(one.text())) {
        return Err("an integer is not kept exactly".to_owned());
    }
    if value.within().any(|one| one.kind() == Kind::NotFinite) {
        return Err("a number is not finite".to_owned());
    }
    // It is to be a member of an object, which is a level more.
    let read = serde_json::from_str::<Map<String, serde_json::Value>>(&format!("{{\"\":{text}}}"));
    let mut object = read.map_err(|_| "others do not read it as JSON".to_owned())?;
    Ok(object.remove("").unwrap_or_default())
}
