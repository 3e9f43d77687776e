//! Writing a document so that older programs read it.

use serde_json::{Value, json};

use super::FlatOwn;
use crate::error::{Error, Result};
use crate::format::bundle::path;
use crate::format::hashes;

/// The page of a document.
#[derive(Debug, Clone, Copy)]
pub struct Page<'p> {
    /// Its file, within the folder.
    pub path: &'p str,
    /// What is in the file.
    pub content: &'p [u8],
}

/// The picture of a document.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'p> {
    /// Its file, within the folder.
    pub path: &'p str,
    /// The size of the file.
    pub bytes: u64,
    /// Whether it shows the whole page, not just the window.
    pub is_full: bool,
}

/// The document of a snapshot with this page and this picture. It follows from them alone, so that
/// one who reads it can tell whether it was written so.
///
/// Fails with `Invalid` where JSON can't hold what the snapshot says.
pub fn write(
    own: &FlatOwn,
    page: Option<Page<'_>>,
    picture: Option<Picture<'_>>,
) -> Result<Vec<u8>> {
    let FlatOwn { snapshot, user_info } = own;
    let captured_at = snapshot.created_at.to_string().replace('Z', "+00:00");
    let content = page.and_then(|page| std::str::from_utf8(page.content).ok());
    let said = |name: &str| user_info.get(name).and_then(Value::as_str);
    let html_metadata = page.map(|page| {
        // Characters and the hash of the text, as older programs count and make them.
        let characters = content.map_or(page.content.len(), |content| content.chars().count());
        json!({
            "filepath": page.path,
            "captured_at": captured_at,
            "file_size_bytes": characters,
            "content_length": characters,
            "content_hash": hashes::sha256(page.content),
            "format": "html",
        })
    });
    let picture_metadata = picture.map(|picture| {
        json!({
            "filepath": picture.path,
            "captured_at": captured_at,
            "width": 0,
            "height": 0,
            "file_size_bytes": picture.bytes,
            "capture_mode": if picture.is_full { "fullpage" } else { "viewport" },
            "format": "png",
        })
    });
    let document = json!({
        "page_id": page_id(snapshot.context.parts()),
        "url": said("url").unwrap_or_default(),
        "timestamp": snapshot.created_at.micros() as f64 / 1e6,
        "title": said("title").unwrap_or_default(),
        "content": content.unwrap_or_default(),
        "selector_results": {},
        "network_requests": [],
        "console_logs": [],
        "screenshot_path": picture.map(|picture| picture.path),
        "html_metadata": html_metadata,
        "screenshot_metadata": picture_metadata,
        "tintype": own,
    });
    let refuse =
        |why: serde_json::Error| Error::invalid("snapshot", &snapshot.version, why.to_string());
    serde_json::to_vec_pretty(&document).map_err(refuse)
}

/// The name of the page: what of its place, the parts of a context, tells most, in the characters of
/// a name.
pub fn page_id(parts: &[String; 5]) -> String {
    let [site, module, component, ..] = parts;
    let told = [module, site, component].into_iter().find(|part| *part != "-");
    slug(told.map_or("page", String::as_str))
}

/// A text in letters, digits and `_`, as older programs make a name of it.
pub fn slug(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(80).collect();
    let plain = plain.trim_matches('_');
    if plain.is_empty() { "unknown".to_owned() } else { path::part(plain) }
}
