//! Old snapshot folders, made as the programs made them that wrote such.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tintype::format::hashes::sha256;

/// A folder, gone with this value.
pub struct Old {
    folder: TempDir,
}

impl Old {
    pub fn new() -> Self {
        Old { folder: TempDir::new().unwrap() }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders that it is in.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn json(&self, name: &str, value: &Value) {
        self.file(name, serde_json::to_string_pretty(value).unwrap());
    }

    /// A flat snapshot with a page and a picture, each in a file, as of `seconds`.
    pub fn flat(&self, within: &str, seconds: u64, page: &str, picture: &[u8]) -> Value {
        let html = format!("html/shop_{seconds}.html");
        let png = format!("screenshots/shop_{seconds}.png");
        self.file(&format!("{within}{html}"), page);
        self.file(&format!("{within}{png}"), picture);
        let document = dom(seconds, page, Some(&html), Some((&png, picture.len())));
        self.json(&format!("{within}shop_{seconds}.json"), &document);
        document
    }

    /// All files with their content, by path.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut open = vec![self.root().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => open.push(entry.path()),
                    kind if kind.is_file() => {
                        let path = entry.path().strip_prefix(self.root()).unwrap().to_owned();
                        let path = path.to_str().unwrap().replace('\\', "/");
                        files.push((path, fs::read(entry.path()).unwrap()));
                    }
                    _ => {}
                }
            }
        }
        files.sort();
        files
    }
}

/// A document of the family that holds the text of its page.
pub fn dom(seconds: u64, page: &str, html: Option<&str>, png: Option<(&str, usize)>) -> Value {
    let text = page.replace("\r\n", "\n");
    let html = html.map(|path| {
        json!({
            "filepath": path, "captured_at": "2026-01-29T10:37:28.698889+00:00",
            "file_size_bytes": text.chars().count(), "content_length": text.chars().count(),
            "content_hash": sha256(text.as_bytes()), "format": "html",
        })
    });
    let picture = png.map(|(path, bytes)| {
        json!({
            "filepath": path, "captured_at": "2026-01-29T10:37:28.681385+00:00", "width": 2,
            "height": 2, "file_size_bytes": bytes, "capture_mode": "fullpage", "format": "png",
        })
    });
    json!({
        "page_id": "shop", "url": "https://shop.example/kettles?sort=price",
        "timestamp": seconds as f64 + 0.25, "title": "Kettles", "content": text,
        "selector_results": {}, "network_requests": [], "console_logs": [],
        "screenshot_path": png.map(|(path, _)| path),
        "html_metadata": html, "screenshot_metadata": picture,
    })
}

/// A document of the family with a schema version.
pub fn schema(version: &str, captured_at: &str, page: Value) -> Value {
    json!({
        "schema_version": version, "captured_at": captured_at, "page": page,
        "session": {
            "session_id": "a7b39adf-df7f-4de2-8050-4a5e022db5c7", "status": "active",
            "browser_type": "chromium",
        },
        "timing": {"total_ms": 17396},
    })
}

/// A page of which each number makes another.
pub fn page(number: u64) -> String {
    format!("<!DOCTYPE html>\n<html><body>\n<p>kettle {number}</p>\n</body></html>\n")
}

/// Bytes that begin as a PNG.
pub fn png(number: u64) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), &super::noise(number, 200)].concat()
}

/// Damages files of a folder: cuts one off, changes a byte of it, or takes it away.
pub fn damage(old: &Old, damages: &[(proptest::sample::Index, u8, u16)]) {
    for (file, how, at) in damages {
        let files = old.files();
        if files.is_empty() {
            return;
        }
        let (path, content) = &files[file.index(files.len())];
        let at = usize::from(*at) % content.len().max(1);
        match how {
            0 => old.file(path, &content[..at.min(content.len())]),
            1 => {
                let mut changed = content.clone();
                if let Some(byte) = changed.get_mut(at) {
                    *byte ^= 0x55;
                }
                old.file(path, changed);
            }
            _ => fs::remove_file(old.path(path)).unwrap(),
        }
    }
}
