//! What a selector engine kept of pages on which a selector failed: `{"id", "selector_name",
//! "snapshot_type", "dom_content", "metadata": {"page_url", …}, "file_path", "created_at",
//! "file_size"}`, and a list of such in one object, by id.

use serde_json::{Map, Value as Json};

use crate::format::export::exactly;
use crate::format::pyjson::{Kind, PyJson, Value};
use crate::model::time::Time;

/// A snapshot of a selector engine.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// Its id.
    pub id: String,
    /// The selector that it is about.
    pub selector: Option<String>,
    /// Why it was taken: `failure`, `drift_analysis` or `manual`, say.
    pub reason: Option<String>,
    /// The address of the page.
    pub url: Option<String>,
    /// When it was taken, and whether an offset was told; one that was not is UTC.
    pub time: Option<(Time, bool)>,
    /// The text of the page, where it has characters alone.
    pub content: Option<String>,
    /// Whether others than Python read it as JSON.
    pub standard: bool,
    /// All members but the text of the page.
    pub metadata: Map<String, Json>,
    /// What is not as it should be.
    pub notes: Vec<String>,
}

/// Reads a snapshot. An error is why it is none.
pub fn read(bytes: &[u8]) -> Result<Document, String> {
    let parsed = PyJson::parse(bytes).map_err(|error| format!("no whole JSON: {error}"))?;
    let root = parsed.root();
    let text = |name: &str| root.get(name).and_then(Value::string);
    let id = text("id").ok_or("JSON, but its `id` is no text")?;
    let dom = root.get("dom_content").filter(|dom| dom.kind() != Kind::Null);
    let content = dom.and_then(Value::string);
    let mut notes = Vec::new();
    if dom.is_some() && content.is_none() {
        notes.push("its text has no characters that can be told apart from it".to_owned());
    }
    let created = root.get("created_at").and_then(Value::string);
    let time = created.as_deref().and_then(Time::read_iso);
    if time.is_none() {
        notes.push("it does not tell when it was taken".to_owned());
    }
    let mut metadata = Map::new();
    for (name, value) in root.members() {
        let Some(key) = name.string().filter(|key| content.is_none() || key != "dom_content")
        else {
            continue;
        };
        metadata.insert(key, exactly(value).unwrap_or_else(|_| value.text().into()));
    }
    Ok(Document {
        id,
        selector: text("selector_name"),
        reason: text("snapshot_type"),
        url: root.get("metadata").and_then(|about| about.get("page_url")?.string()),
        time,
        content,
        standard: root.standard().is_ok(),
        metadata,
        notes,
    })
}

/// The ids of an object that lists snapshots, with the path that each is said to have.
pub fn read_index(bytes: &[u8]) -> Result<Vec<(String, Option<String>)>, String> {
    let parsed = PyJson::parse(bytes).map_err(|error| format!("no whole JSON: {error}"))?;
    let entry = |(name, value): (Value<'_, '_>, Value<'_, '_>)| {
        let path = value.get("file_path").and_then(Value::string);
        Some((name.string()?, path))
    };
    Ok(parsed.root().members().filter_map(entry).collect())
}
