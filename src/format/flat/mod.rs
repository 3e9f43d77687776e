//! The JSON documents of flat snapshot folders, as a Python scraper wrote them over some weeks.
//!
//! Two families. One tells a schema version: `{"schema_version", "captured_at", "page", "session"?,
//! "timing"? or "metadata"?}`, where the page names its files in one of three ways. The other is a
//! page as an object: `{"page_id", "url", "timestamp", "title", "content", "selector_results",
//! "network_requests", "console_logs", "screenshot_path", "html_metadata"?,
//! "screenshot_metadata"?}`, with the text of the page inside.
//!
//! A variant has a name: `V` and the schema version with a letter for the way in which files are
//! named, or `D0` to `D3`. It describes what was found; nothing is refused because a member is
//! missing.

mod names;
mod write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::format::bundle::Own;
use crate::format::export::exactly;
use crate::format::pyjson::{Kind, PyJson, Value};
use crate::model::time::Time;

pub use names::{prefix_in_name, seconds_in_name, session_in_name, stamp_in_name};
pub use write::{Page, Picture, page_id, slug, write};

/// A file that a document names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Its path, as it is written.
    pub path: String,
    /// The hash that it is said to have.
    pub hash: Option<String>,
    /// Its size in bytes, where it is told and means that.
    pub bytes: Option<u64>,
    /// What was captured: `fullpage`, say.
    pub mode: Option<String>,
}

/// A document of a flat folder.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// The name of its variant.
    pub variant: String,
    /// The address of the page.
    pub url: Option<String>,
    /// The title of the page.
    pub title: Option<String>,
    /// The name of the page, in the family that has one.
    pub page_id: Option<String>,
    /// When it was taken, where that can be read.
    pub time: Option<Time>,
    /// The session that took it, where it tells one.
    pub session: Option<String>,
    /// The file of the page.
    pub html: Option<Named>,
    /// The picture of the page.
    pub screenshot: Option<Named>,
    /// The text of the page, where it stands in the document and has characters alone.
    pub content: Option<String>,
    /// Whether others than Python read it as JSON.
    pub standard: bool,
    /// All members but the text of the page.
    pub metadata: Map<String, Json>,
    /// What this crate said, where it wrote the document.
    pub own: Option<FlatOwn>,
    /// What is not as it should be.
    pub notes: Vec<String>,
}

/// What a document says beside what older programs know, as its member `tintype`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlatOwn {
    /// The snapshot; artifacts without a path are not in the folder.
    pub snapshot: Own,
    /// Its user info.
    pub user_info: Map<String, Json>,
}

/// Reads a document. An error is why it is none.
pub fn read(bytes: &[u8]) -> Result<Document, String> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let parsed = PyJson::parse(bytes).map_err(|error| format!("no whole JSON: {error}"))?;
    let root = parsed.root();
    let mut document = Document {
        variant: String::new(),
        url: None,
        title: None,
        page_id: None,
        time: None,
        session: None,
        html: None,
        screenshot: None,
        content: None,
        standard: root.standard().is_ok(),
        metadata: Map::new(),
        own: None,
        notes: Vec::new(),
    };
    match (object(root, "page"), root.get("page_id")) {
        (Some(page), None) => with_schema(root, page, &mut document),
        (_, Some(_)) => of_page(root, &mut document),
        (None, None) => return Err("JSON, but neither `page` nor `page_id` is in it".to_owned()),
    }
    if let Some(own) = object(root, "tintype") {
        match serde_json::from_str(own.text()) {
            Ok(own) => document.own = Some(own),
            Err(error) => document.notes.push(format!("its member `tintype`: {error}")),
        }
    }
    for (name, value) in root.members() {
        let is_content = document.content.is_some() && name.string().as_deref() == Some("content");
        let Some(key) = name.string().filter(|_| !is_content) else { continue };
        let kept = exactly(value).unwrap_or_else(|_| value.text().into());
        document.metadata.insert(key, kept);
    }
    Ok(document)
}

fn with_schema(root: Value<'_, '_>, page: Value<'_, '_>, document: &mut Document) {
    let schema = text(root, "schema_version").unwrap_or_else(|| "?".to_owned());
    document.url = text(page, "url");
    document.title = text(page, "title");
    document.session = object(root, "session").and_then(|session| text(session, "session_id"));
    let letter = match () {
        () if object(page, "html").is_some() => {
            document.html = object(page, "html").and_then(named);
            "c"
        }
        () if page.get("screenshot").is_some() => "b",
        () if schema.starts_with("1.2") => "a",
        () if schema == "1.0" => {
            if document.session.is_some() {
                "b"
            } else {
                "a"
            }
        }
        () => "",
    };
    document.variant = format!("V{schema}{letter}");
    if document.html.is_none()
        && let Some(path) = text(page, "html_file")
    {
        let hash = text(page, "content_hash");
        document.html = Some(Named { path, hash, ..Named::default() });
    }
    document.screenshot = object(page, "screenshot").and_then(named);
    let Some(captured_at) = text(root, "captured_at") else {
        document.notes.push("it does not tell when it was taken".to_owned());
        return;
    };
    match Time::read_iso(&captured_at) {
        Some((time, told)) => {
            document.time = Some(time);
            if !told {
                let note = "its time has no offset; programs that wrote such wrote UTC";
                document.notes.push(note.to_owned());
            }
        }
        None => document.notes.push(format!("its time can't be read: {}", short(&captured_at))),
    }
}

fn of_page(root: Value<'_, '_>, document: &mut Document) {
    let page_id = root.get("page_id");
    document.page_id = page_id.map(|id| id.string().unwrap_or_else(|| id.text().to_owned()));
    document.url = text(root, "url");
    document.title = text(root, "title");
    document.session = text(root, "session_id");
    document.html = object(root, "html_metadata").and_then(named);
    document.screenshot = object(root, "screenshot_metadata").and_then(named);
    let declared = text(root, "screenshot_path");
    if document.screenshot.is_none()
        && let Some(path) = declared.clone()
    {
        document.screenshot = Some(Named { path, ..Named::default() });
    }
    let has_metadata = root.get("html_metadata").is_some();
    document.variant = match (&document.html, &declared) {
        _ if !has_metadata => "D0",
        (None, None) => "D1",
        (_, Some(path)) if !path.contains(['/', '\\']) => "D2",
        _ => "D3",
    }
    .to_owned();
    if let Some(content) = root.get("content").filter(|content| content.kind() != Kind::Null) {
        document.content = content.string();
        if document.content.is_none() {
            let note = "its text has half a surrogate pair, so it stays in the document alone";
            document.notes.push(note.to_owned());
        }
    }
    let timestamp = root.get("timestamp");
    let seconds = timestamp.and_then(|timestamp| timestamp.text().parse::<f64>().ok());
    document.time = seconds.and_then(Time::from_seconds);
    if document.time.is_none()
        && let Some(iso) = timestamp.and_then(Value::string)
    {
        document.time = Time::read_iso(&iso).map(|(time, _)| time);
    }
    if document.time.is_none() {
        let told = timestamp.map_or("nothing", Value::text);
        document.notes.push(format!("its time can't be read: {}", short(told)));
    }
}

/// A file as an object names it.
fn named(object: Value<'_, '_>) -> Option<Named> {
    let bytes = object.get("file_size_bytes").and_then(|bytes| bytes.text().parse().ok());
    Some(Named {
        path: text(object, "filepath")?,
        hash: text(object, "content_hash"),
        bytes,
        mode: text(object, "capture_mode"),
    })
}

fn object<'j, 't>(value: Value<'j, 't>, name: &str) -> Option<Value<'j, 't>> {
    value.get(name).filter(|member| member.kind() == Kind::Object)
}

fn text(value: Value<'_, '_>, name: &str) -> Option<String> {
    value.get(name)?.string()
}

/// A text of unknown origin, cut to what fits a message.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
