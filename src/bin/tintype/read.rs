//! What reads: `get`, `list`, `show`, `tags`, `events`, `stats`.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tintype::model::config::FACTS;
use tintype::{
    Artifact, ArtifactStatus, ContentReader, Error, EventQuery, Query, Repository, Selector,
    Snapshot, Status, Tag, Time, Version, View,
};

use crate::args::{Events, Get, List};
use crate::out::{BOLD, Bar, CYAN, DIM, Done, Failure, Out, RED, Run, YELLOW, plain, size, table};
use crate::suggest;

pub fn get(repo: &Repository, args: &Get, out: &Out) -> Run {
    let version = repo.resolve(&args.version)?;
    let snapshot = repo.get(&version)?;
    let held: Vec<&Artifact> =
        snapshot.artifacts.iter().filter(|artifact| artifact.hash.is_some()).collect();
    let chosen: Vec<&Artifact> = match &args.artifact {
        Some(name) => held.iter().copied().filter(|artifact| artifact.name == *name).collect(),
        None => held.clone(),
    };
    let names = || {
        let names: Vec<_> = held.iter().map(|artifact| artifact.name.as_str()).collect();
        names.join(", ")
    };
    let output = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    match (chosen.as_slice(), output) {
        ([], _) => {
            let name = args.artifact.as_ref().map_or("with content", |name| name.as_str());
            let name = format!("{name} in snapshot {version}, which holds: {}", names());
            Err(Error::NotFound { what: tintype::What::Artifact, name }.into())
        }
        ([one], None) => {
            let mut reader = repo.reader(&version, one.name.as_str())?;
            let tame = args.output.is_none() && io::stdout().is_terminal();
            pour(&mut reader, |part| match tame && disturbs(part) {
                true => Err(Failure::Usage(
                    "this content would disturb the terminal; write it with -o FILE, or print it \
                     all the same with -o -"
                        .to_owned(),
                )),
                false => out.bytes(part),
            })?;
            Ok(Done::Ok)
        }
        ([one], Some(path)) if !is_folder(path) => {
            save(repo, &version, one, path, out)?;
            Ok(Done::Ok)
        }
        (_, None) => Err(Failure::Usage(format!(
            "snapshot {version} has {} artifacts; choose one with --artifact, or a folder for all \
             with -o DIR: {}",
            held.len(),
            names()
        ))),
        (all, Some(folder)) => {
            fs::create_dir_all(folder).map_err(|source| Error::io(folder, source))?;
            for artifact in all {
                let path = folder.join(artifact.name.as_str());
                save(repo, &version, artifact, &path, out)?;
                out.note(plain(&path.display().to_string()));
            }
            Ok(Done::Ok)
        }
    }
}

/// Whether bytes hold what steers a terminal: control characters, those of two bytes included.
fn disturbs(part: &[u8]) -> bool {
    let steers = |byte: &u8| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127);
    part.iter().any(steers) || part.windows(2).any(|two| matches!(two, [0xC2, 0x80..=0x9F]))
}

/// Whether a path names a folder: one that is there, or one to be made, by the slash at its end.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn save(
    repo: &Repository,
    version: &Version,
    artifact: &Artifact,
    path: &Path,
    out: &Out,
) -> Result<(), Failure> {
    let bar = out.progress_bytes(Some(artifact.bytes));
    let _unfinished = out.stop.unfinished();
    let mut reader = repo.reader(version, artifact.name.as_str())?;
    write(path, &mut reader, &bar)?;
    bar.finish_and_clear();
    match out.json {
        true => out.object(json!({
            "version": version,
            "artifact": artifact.name,
            "path": path,
            "bytes": artifact.bytes,
        })),
        false => Ok(()),
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, reader: &mut ContentReader, bar: &Bar) -> Result<(), Failure> {
    let fail = |source| Failure::from(Error::io(path, source));
    let mut fill = |path: &Path| {
        let mut file = fs::File::create(path).map_err(fail)?;
        pour(reader, |part| {
            bar.on(part.len() as u64);
            file.write_all(part).map_err(fail)
        })
    };
    let special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    if special {
        return fill(path);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = Half(path.with_file_name(name));
    fill(&beside.0)?;
    fs::rename(&beside.0, path).map_err(fail)
}

/// A file that is not whole yet, gone with this value.
struct Half(PathBuf);

impl Drop for Half {
    fn drop(&mut self) {
        // It may not have been made, or have its name by now.
        let _ = fs::remove_file(&self.0);
    }
}

/// Hands content on, part by part.
fn pour(
    reader: &mut ContentReader,
    mut write: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        let part = reader.fill_buf().map_err(|error| match error.downcast::<Error>() {
            Ok(error) => Failure::Error(error),
            Err(error) => Failure::Output(error),
        })?;
        if part.is_empty() {
            return Ok(());
        }
        write(part)?;
        let count = part.len();
        reader.consume(count);
    }
}

pub fn list(repo: &Repository, args: List, out: &Out) -> Run {
    let (pattern, tags) = (args.context.clone(), args.tags.clone());
    let mut query = Query::context(args.context).limit(args.limit);
    query = args.tags.into_iter().fold(query, Query::tag);
    query = args.fields.into_iter().fold(query, |query, (key, value)| query.field(key, value));
    query = args.since.into_iter().fold(query, Query::since);
    query = args.until.into_iter().fold(query, Query::until);
    query = args.status.into_iter().fold(query, Query::status);
    query = args.text.into_iter().fold(query, Query::text);
    query = args.after.into_iter().fold(query, Query::after);
    if args.oldest {
        query = query.oldest_first();
    }
    if args.forgotten {
        query = query.forgotten();
    }
    let found = repo.find(&query)?;
    if out.json {
        found.iter().try_for_each(|snapshot| out.object(summary(snapshot)))?;
        return Ok(Done::Ok);
    }
    if found.is_empty() {
        out.note(match args.forgotten {
            true => "no forgotten snapshot fits",
            false => "no snapshot fits",
        });
        suggest::context(repo, &pattern, out);
        tags.iter().for_each(|tag| suggest::tag(repo, tag.as_str(), out));
        return Ok(Done::Ok);
    }
    let heads = ["VERSION", "TIME", "STATUS", "SIZE", "CONTEXT", "TAGS", "DESCRIPTION"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|snapshot| {
        vec![
            snapshot.version.to_string(),
            moment(snapshot.created_at),
            snapshot.status.as_str().to_owned(),
            size(snapshot.bytes()),
            snapshot.context.to_string(),
            tags_text(&snapshot.tags),
            snapshot.description.clone().unwrap_or_default(),
        ]
    }));
    if args.forgotten {
        let when = found.iter().map(|one| one.forgotten_at.map_or_else(String::new, moment));
        let cells = std::iter::once("FORGOTTEN".to_owned()).chain(when);
        rows.iter_mut().zip(cells).for_each(|(row, cell)| row.insert(2, cell));
    }
    for (line, snapshot) in
        table(&rows).into_iter().zip([None].into_iter().chain(found.iter().map(Some)))
    {
        out.line(match snapshot.map(|snapshot| snapshot.status) {
            None => out.paint(BOLD, &line),
            Some(status) if status != Status::Complete => out.paint(color(status), &line),
            Some(_) => line,
        })?;
    }
    if found.len() == args.limit
        && let Some(last) = found.last()
    {
        out.note(plain(&format!("go on with --after {}", last.version)));
    }
    Ok(Done::Ok)
}

/// A time as a table tells it, to the second.
pub fn moment(time: Time) -> String {
    let time = time.to_string();
    format!("{} {}", &time[..10], &time[11..19])
}

fn color(status: Status) -> u8 {
    match status {
        Status::Complete => CYAN,
        Status::Partial | Status::Minimal => YELLOW,
        _ => RED,
    }
}

pub fn tags_text(tags: &[Tag]) -> String {
    let tags: Vec<_> = tags.iter().map(Tag::as_str).collect();
    tags.join(", ")
}

fn summary(snapshot: &Snapshot) -> Value {
    let mut summary = json!({
        "version": snapshot.version,
        "created_at": snapshot.created_at,
        "context": snapshot.context,
        "tags": snapshot.tags,
        "status": snapshot.status,
        "description": snapshot.description,
        "bytes": snapshot.bytes(),
    });
    if let Some(forgotten) = snapshot.forgotten_at {
        summary["forgotten_at"] = json!(forgotten);
    }
    summary
}

pub fn show(repo: &Repository, version: &Selector, out: &Out) -> Run {
    let snapshot = repo.read(|view| view.get(&view.resolve(version)?))?;
    let capture = facts_of(repo, &snapshot, out);
    if out.json {
        let mut object = summary(&snapshot);
        object["user_info"] = json!(snapshot.user_info);
        object["based_on"] = json!(snapshot.based_on);
        object["artifacts"] = json!(snapshot.artifacts);
        if let Some(capture) = capture {
            object["facts"] = capture;
        }
        out.object(object)?;
        return Ok(Done::Ok);
    }
    let mut facts = vec![
        ("version", plain(snapshot.version.as_str())),
        ("taken", snapshot.created_at.to_string()),
        ("context", plain(&snapshot.context.to_string())),
        ("status", out.paint(color(snapshot.status), snapshot.status.as_str())),
    ];
    if !snapshot.tags.is_empty() {
        facts.push(("tags", plain(&tags_text(&snapshot.tags))));
    }
    if let Some(description) = &snapshot.description {
        facts.push(("description", plain(description)));
    }
    if let Some(base) = &snapshot.based_on {
        facts.push(("based on", plain(base.as_str())));
    }
    for (key, value) in &snapshot.user_info {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        facts.push(("info", format!("{} = {}", plain(key), plain(&value))));
    }
    facts.extend(capture.iter().flat_map(told));
    for (name, value) in facts {
        out.line(format!("{} {value}", out.paint(DIM, &format!("{name:<11}"))))?;
    }
    out.line("")?;
    let heads = ["ARTIFACT", "STATUS", "SIZE", "KEPT", "HOW", "TOOK", "HASH"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(snapshot.artifacts.iter().map(row));
    for (at, line) in table(&rows).into_iter().enumerate() {
        out.line(if at == 0 { out.paint(BOLD, &line) } else { line })?;
    }
    Ok(Done::Ok)
}

/// What is known about a capture; nothing for a snapshot of another kind, and where it can't be read,
/// which costs no more than this.
fn facts_of(repo: &Repository, snapshot: &Snapshot, out: &Out) -> Option<Value> {
    snapshot.artifact(FACTS).filter(|facts| facts.hash.is_some())?;
    match repo.content(&snapshot.version, FACTS) {
        Ok(content) => serde_json::from_slice(&content).ok(),
        Err(error) => {
            out.warn(FACTS, &error);
            None
        }
    }
}

/// The facts of a capture that a person looks for first; all of them are in the artifact.
fn told(facts: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => plain(text),
        value => plain(&value.to_string()),
    };
    let mut told = Vec::new();
    for (name, field) in [
        ("title", "title"),
        ("went to", "final_url"),
        ("load", "load"),
        ("browser", "browser"),
        ("through", "channel"),
    ] {
        if !facts[field].is_null() {
            told.push((name, text(&facts[field])));
        }
    }
    let config = &facts["config"];
    if config.is_object() {
        let selector = match config["selector"].as_str() {
            Some(selector) => format!(", {}", plain(selector)),
            None => String::new(),
        };
        told.push(("mode", text(&config["mode"]) + &selector));
    }
    for wait in facts["waits"].as_array().into_iter().flatten() {
        let met = if wait["met"] == true { "came" } else { "did not come" };
        told.push(("waited for", format!("{} {met}, {} ms", text(&wait["what"]), wait["took_ms"])));
    }
    for rescue in facts["rescues"].as_array().into_iter().flatten() {
        told.push(("rescued", text(rescue)));
    }
    for (rule, count) in facts["redacted"].as_object().into_iter().flatten() {
        told.push(("redacted", format!("{count} {}", plain(rule))));
    }
    told
}

fn row(artifact: &Artifact) -> Vec<String> {
    let stored = artifact.status == ArtifactStatus::Stored;
    let how = match (artifact.base, artifact.depth) {
        (..) if !stored => plain(artifact.reason.as_deref().unwrap_or_default()),
        (Some(base), depth) => format!("delta on {}, depth {depth}", base.short()),
        (None, depth) if artifact.pieces > 0 => {
            format!("{} pieces, depth {depth}", artifact.pieces)
        }
        (None, _) => "whole".to_owned(),
    };
    vec![
        artifact.name.to_string(),
        artifact.status.as_str().to_owned(),
        if stored { size(artifact.bytes) } else { String::new() },
        if stored { size(artifact.stored) } else { String::new() },
        how,
        artifact.took_ms.map_or_else(String::new, |took| format!("{took} ms")),
        artifact.hash.map_or_else(String::new, |hash| hash.short()),
    ]
}

/// Tells which tags snapshots carry after a change, to programs alone.
pub fn tagged(changed: &[Snapshot], out: &Out) -> Run {
    for snapshot in changed.iter().filter(|_| out.json) {
        out.object(json!({"version": snapshot.version, "tags": snapshot.tags}))?;
    }
    Ok(Done::Ok)
}

pub fn tags(repo: &Repository, out: &Out) -> Run {
    for (tag, snapshots) in repo.tags()? {
        match out.json {
            true => out.object(json!({"tag": tag, "snapshots": snapshots}))?,
            false => out.line(format!("{snapshots:>7}  {}", plain(tag.as_str())))?,
        }
    }
    Ok(Done::Ok)
}

pub fn events(repo: &Repository, args: Events, out: &Out) -> Run {
    let found = repo.read(|view| {
        let version = args.version.as_ref().map(|word| known(view, word)).transpose()?;
        view.events(&EventQuery {
            after: args.after,
            version,
            kind: args.kind,
            since: args.since,
            limit: args.limit,
            oldest_first: args.oldest,
        })
    })?;
    if out.json {
        found.iter().try_for_each(|event| out.object(json!(event)))?;
        return Ok(Done::Ok);
    }
    if found.is_empty() {
        out.note("no event fits");
        return Ok(Done::Ok);
    }
    let mut rows = vec![["SEQ", "TIME", "KIND", "VERSION", "DETAIL"].map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|event| {
        vec![
            event.seq.to_string(),
            moment(event.at),
            event.kind.as_str().to_owned(),
            event.version.as_ref().map_or_else(String::new, Version::to_string),
            event.detail.as_ref().map_or_else(String::new, |detail| detail.to_string()),
        ]
    }));
    for (at, line) in table(&rows).into_iter().enumerate() {
        out.line(if at == 0 { out.paint(BOLD, &line) } else { line })?;
    }
    if found.len() == args.limit
        && let Some(last) = found.last()
    {
        out.note(format!("go on with --after {}", last.seq));
    }
    Ok(Done::Ok)
}

/// The version that a word means, of a snapshot that may be forgotten.
fn known(view: &View<'_>, word: &Selector) -> tintype::Result<Version> {
    match view.resolve(word) {
        Err(error @ Error::NotFound { .. }) if matches!(word, Selector::Prefix(_)) => {
            match view.resolve_forgotten(word) {
                Err(Error::NotFound { .. }) => Err(error),
                found => found,
            }
        }
        found => found,
    }
}

pub fn stats(repo: &Repository, out: &Out) -> Run {
    let stats = repo.stats()?;
    if out.json {
        let mut object = json!(stats);
        // `schema` is the number of the JSON form.
        object["store_schema"] = json!(stats.schema);
        out.object(object)?;
        return Ok(Done::Ok);
    }
    let share = |part: u64, whole: u64| match whole {
        0 => String::new(),
        // A small store is larger than what it holds, and a share says nothing.
        _ if part > whole => String::new(),
        _ => format!(", {:.2} %", part as f64 * 100.0 / whole as f64),
    };
    let bytes = stats.bytes;
    let held = |what: &str, count: u64, bytes: u64| match count {
        0 => "none".to_owned(),
        _ => format!("{count} {what}, {} ({bytes} bytes)", size(bytes)),
    };
    for (name, value) in [
        ("snapshots", stats.snapshots.to_string()),
        ("artifacts", stats.artifacts.to_string()),
        ("places", stats.places.to_string()),
        ("blobs", stats.blobs.to_string()),
        ("pieces", stats.pieces.to_string()),
        ("deltas", format!("{}, at most {} deep", stats.deltas, stats.max_depth)),
        ("given", format!("{} ({bytes} bytes)", size(bytes))),
        ("distinct", format!("{} ({} bytes)", size(stats.unique_bytes), stats.unique_bytes)),
        (
            "kept",
            format!(
                "{} ({} bytes{})",
                size(stats.stored),
                stats.stored,
                share(stats.stored, bytes)
            ),
        ),
        (
            "file",
            format!(
                "{} ({} bytes{})",
                size(stats.file_bytes),
                stats.file_bytes,
                share(stats.file_bytes, bytes)
            ),
        ),
        ("forgotten", held("snapshots", stats.forgotten, stats.forgotten_bytes)),
        ("for deltas", held("blobs", stats.kept_for_deltas, stats.kept_for_deltas_bytes)),
        ("on the way", held("blobs", stats.in_flight, stats.in_flight_bytes)),
        ("events", stats.events.to_string()),
        ("schema", stats.schema.to_string()),
    ] {
        out.line(format!("{} {value}", out.paint(DIM, &format!("{name:<10}"))))?;
    }
    Ok(Done::Ok)
}
