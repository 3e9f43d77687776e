//! The SQLite file of adaptive selectors: a page a row.
//!
//! The site is the host of the page's address, the module `adaptive`, the component what the row
//! calls its selector's context. Times that tell no offset are UTC: the programs that wrote them
//! wrote that. The page of a row comes out of gzip; the file itself is kept too, as a snapshot of
//! its own, so that nothing else in it is lost.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use crate::codec::gzip;
use crate::error::Error;
use crate::format::hashes;
use crate::model::artifact::ArtifactStatus;
use crate::model::context::Context;
use crate::model::snapshot::Status;
use crate::model::time::Time;
use crate::ops::legacy::files::{FileId, Tree, Unread};
use crate::ops::legacy::flat::site_of;
use crate::ops::legacy::found::{Content, Found, Kind, Part, When, context_part};
use crate::ops::legacy::look::{Candidates, Look};
use crate::ops::legacy::{Reader, Unit};
use crate::store::foreign::{Adaptive, COPIED_BYTES_MAX, PAGE_COLUMN, VALUE_BYTES_MAX};

/// The module of their contexts.
const MODULE: &str = "adaptive";
/// Bytes that are searched at once.
const SEARCHED_BYTES: usize = 256 * 1024;
/// The number of the unit that is the file itself.
const WHOLE: u32 = u32::MAX;

/// Reads SQLite files of adaptive selectors.
#[derive(Default)]
pub struct AdaptiveReader {
    /// Each file, the files of its log, and the numbers of its rows.
    files: Vec<(FileId, Vec<FileId>, Vec<i64>)>,
    /// The file that is open.
    open: Option<(FileId, Adaptive)>,
}

impl Reader for AdaptiveReader {
    fn scan(&mut self, tree: &Tree, files: &mut Candidates) -> Vec<Unit> {
        let mut units = Vec::new();
        for source in files.like(tree, Look::Sqlite) {
            self.open = None;
            let Ok(adaptive) = open(tree, source) else { continue };
            let Ok(rows) = adaptive.rows() else { continue };
            self.open = Some((source, adaptive));
            files.take(source);
            let beside = ["-wal", "-shm"]
                .map(|end| tree.find(tree.folder(source), &format!("{}{end}", tree.name(source))));
            let beside: Vec<FileId> = beside.into_iter().flatten().collect();
            beside.iter().for_each(|file| files.take(*file));
            let unit = |number| Unit { kind: Kind::AdaptiveDb, source, number };
            units.push(unit(WHOLE));
            units.extend((0..rows.len() as u32).map(unit));
            self.files.push((source, beside, rows));
        }
        units
    }

    fn read(&mut self, tree: &Tree, unit: Unit) -> Result<Found, String> {
        let source = unit.source;
        let known = self.files.iter().find(|(file, ..)| *file == source);
        let (_, beside, rows) = known.ok_or("it was not looked at")?;
        if unit.number == WHOLE {
            return whole(tree, source, beside, rows.len()).map_err(|error| error.to_string());
        }
        let number = *rows.get(unit.number as usize).ok_or("it has no such row")?;
        if !matches!(&self.open, Some((file, _)) if *file == source) {
            self.open = None;
            self.open = Some((source, open(tree, source)?));
        }
        let Some((_, adaptive)) = &self.open else { return Err("it is not open".to_owned()) };
        row(tree, source, adaptive, number).map_err(|error| format!("row {number}: {error}"))
    }
}

fn open(tree: &Tree, source: FileId) -> Result<Adaptive, String> {
    let wrong = |why: Unread| why.to_string();
    let log = tree.find(tree.folder(source), &format!("{}-wal", tree.name(source)));
    let log = log.filter(|log| tree.size(*log) > 0);
    let bytes = tree.size(source) + log.map_or(0, |log| tree.size(log));
    if bytes > COPIED_BYTES_MAX {
        return Err(format!("{bytes} bytes; at most {COPIED_BYTES_MAX} are copied to be read"));
    }
    // Most files of SQLite are something else, and need not be copied to be known as that.
    let mut is_known = false;
    for file in [Some(source), log].into_iter().flatten() {
        is_known = is_known || has(&mut tree.stream(file).map_err(wrong)?, PAGE_COLUMN);
    }
    if !is_known {
        return Err("it has no table `snapshots` of a form that is known".to_owned());
    }
    let mut file = tree.stream(source).map_err(wrong)?;
    let mut beside = log.map(|log| tree.stream(log)).transpose().map_err(wrong)?;
    let adaptive = Adaptive::open(
        Path::new(&tree.path(source)),
        &mut file,
        beside.as_mut().map(|beside| beside as &mut dyn Read),
    );
    // What was copied has to be what was found.
    file.end().map_err(wrong)?;
    beside.map_or(Ok(()), |beside| beside.end()).map_err(wrong)?;
    adaptive.map_err(|error| error.to_string())
}

/// Whether these bytes stand somewhere in what is read; not, where it can't be read.
fn has(input: &mut dyn Read, wanted: &[u8]) -> bool {
    let mut buffer = vec![0; SEARCHED_BYTES];
    let mut kept = 0;
    loop {
        let count = match input.read(&mut buffer[kept..]) {
            Ok(0) => return false,
            Ok(count) => kept + count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return false,
        };
        let seen = &buffer[..count];
        let mut begins = seen.iter().enumerate().filter(|(_, byte)| wanted.first() == Some(byte));
        if begins.any(|(at, _)| seen[at..].starts_with(wanted)) {
            return true;
        }
        // It may stand half in what comes next.
        let rest = count.min(wanted.len().saturating_sub(1));
        buffer.copy_within(count - rest..count, 0);
        kept = rest;
    }
}

/// The file itself.
fn whole(
    tree: &Tree,
    source: FileId,
    beside: &[FileId],
    rows: usize,
) -> crate::error::Result<Found> {
    let name = tree.name(source);
    let mut found = Found::new(Kind::AdaptiveDb, source, When::Changed(tree.modified(source)));
    found.variant = "file".to_owned();
    found.context = Context::from_parts([None, Some(MODULE.to_owned()), None, None, None])?;
    found.metadata = json!({"name": name, "rows": rows});
    found.key = name;
    let media_type = "application/vnd.sqlite3";
    found.parts.push(Part::new("adaptive.db", media_type, Content::File(source))?);
    for file in beside {
        let end = if tree.name(*file).ends_with("-wal") { "wal" } else { "shm" };
        found.files.push(*file);
        let name = format!("adaptive.db-{end}");
        if !found.parts.iter().any(|part| part.name.as_str() == name) {
            let part = Part::new(&name, "application/octet-stream", Content::File(*file));
            found.parts.push(part?);
        }
    }
    Ok(found)
}

/// A page.
fn row(tree: &Tree, source: FileId, adaptive: &Adaptive, number: i64) -> Result<Found, Error> {
    let row = adaptive.row(number)?;
    let text = |name: &str| row.told.get(name).and_then(Value::as_str);
    let time = text("created_at").and_then(Time::read_iso);
    let when = match time {
        Some((time, _)) => When::At(time),
        None => When::Changed(tree.modified(source)),
    };
    let mut found = Found::new(Kind::AdaptiveDb, source, when);
    found.variant = "row".to_owned();
    found.key = match row.told.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(id) => id.to_string(),
        None => number.to_string(),
    };
    match time {
        Some((_, false)) => {
            let note = "its time has no offset; programs that wrote such wrote UTC";
            found.problems.push(note.to_owned());
        }
        Some((_, true)) => {}
        None => found.problems.push("it does not tell when it was taken".to_owned()),
    }
    found.context = Context::from_parts([
        Some(site_of(text("url"))),
        Some(MODULE.to_owned()),
        text("selector_context").and_then(context_part),
        None,
        None,
    ])?;
    for key in ["url", "failure_id", "correlation_id"] {
        if let Some(value) = row.told.get(key).filter(|value| !value.is_null()) {
            found.info.insert(key.to_owned(), value.clone());
        }
    }
    let algorithm = text("compression_algorithm").unwrap_or("gzip").to_ascii_lowercase();
    let part = match row.page {
        None => {
            let why = "the row has no page".to_owned();
            ("page.html", "text/html", Content::Missing(ArtifactStatus::Empty, why))
        }
        Some(page) if algorithm != "gzip" => {
            found.problems.push("its page is compressed in a way that is not known".to_owned());
            ("page.compressed", "application/octet-stream", Content::Held(page))
        }
        Some(page) => match gzip::decode(&page, VALUE_BYTES_MAX) {
            Ok(html) => {
                let told = row.told.get("original_size").and_then(Value::as_u64);
                let plain = hashes::line_feeds(&html).map(|plain| plain.len() as u64);
                let fits = |bytes| bytes == html.len() as u64 || Some(bytes) == plain;
                if let Some(bytes) = told.filter(|bytes| !fits(*bytes)) {
                    found.problems.push(format!(
                        "its page was said to have {bytes} bytes, and has {}",
                        html.len()
                    ));
                }
                ("page.html", "text/html", Content::Held(html))
            }
            Err(error) => {
                found.problems.push(error.to_string());
                found.status = Status::Partial;
                ("page.html.gz", "application/gzip", Content::Held(page))
            }
        },
    };
    if matches!(part.2, Content::Missing(..)) {
        found.status = Status::Partial;
    }
    found.parts.push(Part::new(part.0, part.1, part.2)?);
    found.metadata = Value::Object(row.told);
    Ok(found)
}
