//! HAR 1.2: each member is redacted as what it is. What it says beside that is redacted as JSON is.

use serde_json::Value;

use super::names::Place;
use super::{Pass, escape};

impl Pass<'_> {
    /// Redacts a HAR; where it is none, as JSON.
    pub(super) fn har(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let Ok(mut har) = serde_json::from_slice::<Value>(text) else { return self.json(text) };
        let before = har.clone();
        // Bodies are redacted by their own types, and are away while the rest is.
        let mut bodies = Vec::new();
        for_bodies(&mut har, |body, media_type, base64| {
            let away = match body.take() {
                Value::String(text) => Value::String(self.body(text, media_type, base64)),
                other => other,
            };
            bodies.push(away);
        });
        for entry in entries(&mut har) {
            for side in ["request", "response"] {
                let Some(side) = entry.get_mut(side) else { continue };
                for (list, place) in [("headers", None), ("queryString", Some(Place::Query))] {
                    self.pairs(side.get_mut(list), place);
                }
                for cookie in items(side.get_mut("cookies")) {
                    edit(cookie.get_mut("value"), |value| self.secret("cookie", value));
                }
                for address in ["url", "redirectURL"] {
                    edit(side.get_mut(address), |url| self.address(url));
                }
                let params = side.get_mut("postData").and_then(|body| body.get_mut("params"));
                self.pairs(params, Some(Place::Query));
            }
        }
        self.value(&mut har);
        let mut bodies = bodies.into_iter();
        for_bodies(&mut har, |body, _, _| {
            *body = bodies.next().unwrap_or_default();
        });
        if har == before {
            return None;
        }
        match text.contains(&b'\n') {
            true => serde_json::to_vec_pretty(&har).ok(),
            false => serde_json::to_vec(&har).ok(),
        }
    }

    /// Redacts a list of names and values: headers, unless a place is given.
    fn pairs(&mut self, list: Option<&mut Value>, place: Option<Place>) {
        for pair in items(list) {
            let name = pair.get("name").and_then(Value::as_str).unwrap_or_default();
            let name = name.as_bytes().to_vec();
            edit(pair.get_mut("value"), |value| match place {
                None => self.header(&name, value),
                Some(place) => self.parameter(&name, value, place).or_else(|| self.string(value)),
            });
        }
    }

    /// Redacts a body by its media type; what can't be redacted is left out.
    fn body(&mut self, text: String, media_type: &str, base64: bool) -> String {
        let plain = match base64 {
            true => escape::base64(text.as_bytes()),
            false => Some(text.as_bytes().to_vec()),
        };
        let Some(plain) = plain else { return String::new() };
        match self.content(media_type, &plain) {
            Ok(None) => text,
            Ok(Some(redacted)) if base64 => escape::to_base64(&redacted),
            Ok(Some(redacted)) => String::from_utf8_lossy(&redacted).into_owned(),
            Err(_) => String::new(),
        }
    }
}

fn entries(har: &mut Value) -> impl Iterator<Item = &mut Value> {
    items(har.get_mut("log").and_then(|log| log.get_mut("entries")))
}

fn items(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    list.and_then(Value::as_array_mut).into_iter().flatten()
}

/// Goes through the bodies in a HAR: of requests, of answers, and messages of WebSockets. Each
/// comes with its media type, and whether it is in base64.
fn for_bodies(har: &mut Value, mut each: impl FnMut(&mut Value, &str, bool)) {
    for entry in entries(har) {
        for (side, body) in [("request", "postData"), ("response", "content")] {
            let Some(body) = entry.get_mut(side).and_then(|side| side.get_mut(body)) else {
                continue;
            };
            let kind = body.get("mimeType").and_then(Value::as_str).unwrap_or_default().to_owned();
            let encoded = ["encoding", "_encoding"];
            let base64 = encoded.iter().any(|name| body.get(*name) == Some(&Value::from("base64")));
            if let Some(text) = body.get_mut("text") {
                each(text, &kind, base64);
            }
        }
        for message in items(entry.get_mut("_webSocketMessages")) {
            let binary = message.get("opcode").and_then(Value::as_f64) == Some(2.0);
            let kind = if binary { "application/octet-stream" } else { "text/plain" };
            if let Some(data) = message.get_mut("data") {
                each(data, kind, binary);
            }
        }
    }
}

/// Changes a text where there is one.
fn edit(value: Option<&mut Value>, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
    if let Some(Value::String(text)) = value
        && let Some(changed) = change(text.as_bytes())
    {
        *text = String::from_utf8_lossy(&changed).into_owned();
    }
}
