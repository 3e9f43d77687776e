//! Pages that are hard to take, on a site on loopback.

use std::collections::HashMap;

use tiny_http::{Header, Response};

use super::site::Site;

/// A site with these pages. In a page `OTHER` stands for the same site under another name, which
/// Chromium keeps in another process.
pub struct Pages {
    site: Site,
}

impl Pages {
    pub fn of(pages: &[(&str, &str)]) -> Self {
        let pages: HashMap<String, String> =
            pages.iter().map(|(path, html)| ((*path).to_owned(), (*html).to_owned())).collect();
        let site = Site::serve(move |request| {
            let path = request.url().split('?').next().unwrap_or_default().to_owned();
            let host = request.headers().iter().find(|header| header.field.equiv("Host"));
            let host = host.map_or(String::new(), |host| host.value.to_string());
            let port = host.rsplit(':').next().unwrap_or_default();
            let other = match host.starts_with("localhost") {
                true => format!("http://127.0.0.1:{port}"),
                false => format!("http://localhost:{port}"),
            };
            let kind = match path.rsplit('.').next() {
                Some("js") => "text/javascript",
                Some("svg") => "image/svg+xml",
                _ => "text/html; charset=utf-8",
            };
            let status = if pages.contains_key(&path) { 200 } else { 404 };
            let body = pages.get(&path).map_or(String::new(), |page| page.replace("OTHER", &other));
            let answer = Response::from_string(body)
                .with_status_code(status)
                .with_header(Header::from_bytes("Content-Type", kind).unwrap());
            // The browser may have gone away in the meantime.
            let _ = request.respond(answer);
        });
        Pages { site }
    }

    /// A site with one page, at `/`.
    pub fn one(html: &str) -> Self {
        Pages::of(&[("/", html)])
    }

    pub fn url(&self, path: &str) -> String {
        self.site.url(path)
    }
}

/// What Playwright 1.65 calls the snapshot of this page is [`READER_YAML`], but for what
/// `format::aria` says that it does otherwise.
pub const READER: &str = include_str!("reader.html");
pub const READER_YAML: &str = include_str!("reader.yml");

/// A page of so many rows of 100 px, each of a colour of its own, under so many layers that hide
/// nothing.
pub fn rows(rows: usize, layers: usize) -> String {
    format!(
        "<!DOCTYPE html><title>Rows</title><style>body {{ margin: 0; position: relative }}
p {{ margin: 0; height: 100px }} i {{ position: absolute; inset: 0; will-change: transform;
background: linear-gradient(rgba(0,0,0,.004), rgba(0,0,0,.003)) }}</style><body><script>
for (let at = 0; at < {rows}; at++) {{
  const row = document.createElement('p');
  row.style.background = `rgb(${{at % 256}}, ${{at >> 8}}, 77)`;
  document.body.append(row);
}}
for (let at = 0; at < {layers}; at++) document.body.append(document.createElement('i'));
</script>"
    )
}

/// The colour of a row of [`rows`].
pub fn colour_of_row(row: usize) -> [u8; 3] {
    [(row % 256) as u8, (row >> 8) as u8, 77]
}
