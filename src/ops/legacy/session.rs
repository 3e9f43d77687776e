//! What programs kept of their browser sessions: a JSON object a file.
//!
//! The module is `browser_sessions`, the session is the one that it tells; a session belongs to no
//! site. Times that tell no offset are UTC: the programs that wrote them wrote that.

use serde_json::{Map, Value};

use crate::error::Result;
use crate::format::export::exactly;
use crate::format::pyjson::{Kind as Json, PyJson};
use crate::model::artifact::{MEDIA_JSON, MEDIA_PYTHON_JSON};
use crate::model::context::Context;
use crate::model::time::Time;
use crate::ops::legacy::files::Tree;
use crate::ops::legacy::found::{Content, Found, Kind, Part, When, context_part};
use crate::ops::legacy::look::{Candidates, Look};
use crate::ops::legacy::{Reader, Unit};

/// The largest file that is read, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Reads browser sessions.
#[derive(Debug, Default)]
pub struct SessionReader;

impl Reader for SessionReader {
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit> {
        let found = files.like(tree, Look::Session);
        found.iter().for_each(|file| files.take(*file));
        let unit = |source| Unit { kind: Kind::BrowserSession, source, number: 0 };
        found.into_iter().map(unit).collect()
    }

    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String> {
        let source = unit.source;
        let bytes = tree.read(source, DOCUMENT_BYTES_MAX).map_err(|error| error.to_string())?;
        let parsed = PyJson::parse(&bytes).map_err(|error| format!("no whole JSON: {error}"))?;
        let root = parsed.root();
        let text = |name: &str| root.get(name)?.string();
        let session = text("session_id").ok_or("JSON, but its `session_id` is no text")?;
        let time = text("created_at").as_deref().and_then(Time::read_iso);
        let when = match time {
            Some((time, _)) => When::At(time),
            None => When::Changed(tree.modified(source)),
        };
        let mut found = Found::new(Kind::BrowserSession, source, when);
        found.variant = match root.get("configuration").map(|told| told.kind()) {
            Some(Json::Object) => "configured",
            _ => "name alone",
        }
        .to_owned();
        match time {
            Some((_, false)) => {
                let note = "its time has no offset; programs that wrote such wrote UTC";
                found.problems.push(note.to_owned());
            }
            Some((_, true)) => {}
            None => found.problems.push("it does not tell when it began".to_owned()),
        }
        let wrong = |error: crate::error::Error| error.to_string();
        found.context = Context::from_parts([
            None,
            Some("browser_sessions".to_owned()),
            None,
            context_part(&session),
            None,
        ])
        .map_err(wrong)?;
        let mut metadata = Map::new();
        for (name, value) in root.members() {
            if let Some(key) = name.string() {
                metadata.insert(key, exactly(value).unwrap_or_else(|_| value.text().into()));
            }
        }
        found.metadata = Value::Object(metadata);
        found.key = session;
        let standard = root.standard().is_ok();
        let media_type = if standard { MEDIA_JSON } else { MEDIA_PYTHON_JSON };
        let part = Part::new("session.json", media_type, Content::File(source));
        found.parts.push(part.map_err(wrong)?);
        Ok(found)
    }
}
