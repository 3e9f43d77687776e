//! A reader that a stranger wrote: by `migrations/README.md` alone, with SQLite, Zstandard, BLAKE3,
//! `preflate-rs` and CRC-32, and with none of Tintype's own code. Tintype makes the stores that it reads,
//! and tells what should come out. Where this fails, the page or the file is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tintype::model::incident::Incident;
use tintype::model::metric::{Counter, Counters, Family};
use tintype::ops::{backup, gc, repack};
use tintype::records::incidents::{self, GroupQuery};
use tintype::records::metrics::Collector;
use tintype::{Context, Draft, DraftArtifact, Query, Recorder, Repository};
use zstd::zstd_safe::DCtx;

use crate::support::full::full_store;
use crate::support::noise;
use crate::support::script::Script;
use crate::support::values::document;

// What the page says

/// A field of a digest.
enum Field<'f> {
    Bytes(&'f [u8]),
    Number(i64),
    Nothing,
}
use Field::{Bytes, Nothing, Number};

fn text(text: &str) -> Field<'_> {
    Bytes(text.as_bytes())
}

fn digest(fields: &[Field<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        match field {
            Bytes(field) => {
                bytes.push(1);
                bytes.extend((field.len() as u64).to_le_bytes());
                bytes.extend(*field);
            }
            Number(number) => {
                bytes.push(2);
                bytes.extend(number.to_le_bytes());
            }
            Nothing => bytes.push(0),
        }
    }
    blake3::hash(&bytes).as_bytes()[..16].to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number of seven bits a byte.
fn number(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

fn take<'b>(bytes: &mut &'b [u8], length: u64) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(length as usize);
    *bytes = rest;
    taken
}

fn unpack(frame: &[u8], prefix: Option<&[u8]>, bytes: u64) -> Vec<u8> {
    let mut decoder = DCtx::create();
    if let Some(prefix) = prefix {
        decoder.ref_prefix(prefix).unwrap();
    }
    let mut out = Vec::with_capacity(bytes as usize);
    decoder.decompress(&mut out, frame).unwrap();
    assert_eq!(out.len() as u64, bytes);
    out
}

/// Makes the PNG of its opened form.
fn close(opened: &[u8]) -> Vec<u8> {
    let mut rest = opened;
    assert_eq!(take(&mut rest, 5), b"PNGo\x01");
    let seal = take(&mut rest, 16);
    assert_eq!(seal, &blake3::hash(rest).as_bytes()[..16]);
    let (corrections, pixels) = (number(&mut rest), number(&mut rest));
    let length = number(&mut rest);
    let head = take(&mut rest, length);
    let length = number(&mut rest);
    let tail = take(&mut rest, length);
    let runs: Vec<_> =
        (0..number(&mut rest)).map(|_| (number(&mut rest), number(&mut rest))).collect();
    let zlib_head = take(&mut rest, 2);
    let length = number(&mut rest);
    let trailer = take(&mut rest, length);
    let corrections = take(&mut rest, corrections);
    let pixels = take(&mut rest, pixels);
    assert!(rest.is_empty());
    let deflated = preflate_rs::recreate_whole_deflate_stream(pixels, corrections).unwrap();
    let stream = [zlib_head, &deflated, trailer].concat();
    let mut stream = &stream[..];
    let mut png = head.to_vec();
    for (chunks, bytes) in runs {
        for _ in 0..chunks {
            let data = [b"IDAT", take(&mut stream, bytes)].concat();
            png.extend((bytes as u32).to_be_bytes());
            png.extend(&data);
            png.extend(crc32fast::hash(&data).to_be_bytes());
        }
    }
    assert!(stream.is_empty(), "it comes out even");
    png.extend(tail);
    png
}

struct Stranger {
    conn: Connection,
    /// The codecs that were met.
    codecs: BTreeSet<i64>,
}

impl Stranger {
    fn open(path: &Path) -> Self {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        Stranger { conn, codecs: BTreeSet::new() }
    }

    /// The content of a blob, proved by its hash.
    fn content(&mut self, id: i64) -> Vec<u8> {
        let read = "SELECT hash, codec, bytes, base_id, data FROM blob WHERE id = ?1";
        let (hash, codec, bytes, base, data): (Vec<u8>, i64, u64, Option<i64>, Vec<u8>) = self
            .conn
            .query_row(read, [id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .unwrap();
        self.codecs.insert(codec);
        let content = match codec {
            0 => data,
            1 => unpack(&data, None, bytes),
            2 => {
                let base = self.content(base.unwrap());
                unpack(&data, Some(&base), bytes)
            }
            3 | 4 => close(&self.opened(id)),
            5 => {
                assert!(data.is_empty());
                let pieces: Vec<i64> = self.numbers(&format!(
                    "SELECT piece_id FROM piece WHERE blob_id = {id} ORDER BY number"
                ));
                pieces.into_iter().flat_map(|piece| self.content(piece)).collect()
            }
            codec => panic!("codec {codec}"),
        };
        assert_eq!(content.len() as u64, bytes);
        assert_eq!(blake3::hash(&content).as_bytes(), hash.as_slice(), "blob {id}");
        content
    }

    /// The opened form of a PNG.
    fn opened(&mut self, id: i64) -> Vec<u8> {
        let read = "SELECT codec, base_id, data FROM blob WHERE id = ?1";
        let (codec, base, data): (i64, Option<i64>, Vec<u8>) = self
            .conn
            .query_row(read, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        self.codecs.insert(codec);
        let mut frame = &data[..];
        let bytes = number(&mut frame);
        match codec {
            3 => unpack(frame, None, bytes),
            4 => {
                let base = self.opened(base.unwrap());
                unpack(frame, Some(&base), bytes)
            }
            codec => panic!("codec {codec} is no opened PNG"),
        }
    }

    fn numbers(&self, sql: &str) -> Vec<i64> {
        let mut list = self.conn.prepare(sql).unwrap();
        let rows = list.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let mut list = self.conn.prepare(sql).unwrap();
        let rows = list.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The parts of a place, the site first.
    fn place(&self, id: i64) -> Vec<String> {
        let (parent, level, name): (Option<i64>, i64, String) = self
            .conn
            .query_row("SELECT parent_id, level, name FROM place WHERE id = ?1", [id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        let Some(parent) = parent else { return Vec::new() };
        let mut parts = self.place(parent);
        parts.push(name);
        assert_eq!(parts.len() as i64, level);
        parts
    }

    /// The digest of a snapshot's manifest.
    fn manifest(&self, id: i64) -> Vec<u8> {
        let read =
            "SELECT version, created_us, place_id, session.name, status, based_on, description,
                      user_info FROM snapshot LEFT JOIN session ON session.id = session_id
                    WHERE snapshot.id = ?1";
        type Told = (String, i64, i64, Option<String>, i64, [Option<String>; 3]);
        let (version, created, place, session, status, told): Told = self
            .conn
            .query_row(read, [id], |row| {
                let told = [row.get(5)?, row.get(6)?, row.get(7)?];
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, told))
            })
            .unwrap();
        let mut parts = self.place(place);
        parts.insert(3, session.unwrap_or_else(|| "-".to_owned()));
        while parts.len() > 1 && parts.last().is_some_and(|part| part == "-") {
            parts.pop();
        }
        let context = join(&parts);
        let read = "SELECT name.text, media.text, artifact.status, entries, took_us, reason, hash, bytes
                    FROM artifact JOIN name ON name.id = name_id JOIN name AS media ON media.id = media_id
                    LEFT JOIN blob ON blob.id = blob_id WHERE snapshot_id = ?1";
        type Part = (
            String,
            String,
            i64,
            Option<i64>,
            Option<i64>,
            Option<String>,
            Option<Vec<u8>>,
            Option<i64>,
        );
        let mut list = self.conn.prepare(read).unwrap();
        let rows = list.query_map([id], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
            ))
        });
        let mut parts: Vec<Part> = rows.unwrap().map(Result::unwrap).collect();
        parts.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        let mut fields = vec![text(&version), Number(created), text(&context), Number(status)];
        fields.extend(told.iter().map(|told| told.as_deref().map_or(Nothing, text)));
        fields.push(Number(parts.len() as i64));
        for (name, media, status, entries, took, reason, hash, bytes) in &parts {
            fields.extend([text(name), text(media), Number(*status)]);
            fields.extend([entries.map_or(Nothing, Number), took.map_or(Nothing, Number)]);
            fields.push(reason.as_deref().map_or(Nothing, text));
            if let (Some(hash), Some(bytes)) = (hash, bytes) {
                fields.extend([Bytes(hash), Number(*bytes)]);
            }
        }
        digest(&fields)
    }
}

/// Parts with a slash between, as a text that can be taken apart again.
fn join(parts: &[String]) -> String {
    let escape = |part: &String| match part.as_str() {
        part => part.replace('%', "%25").replace('/', "%2F").replace('*', "%2A"),
    };
    parts.iter().map(escape).collect::<Vec<_>>().join("/")
}

/// What the log says that stands.
#[derive(Debug, Default, PartialEq)]
struct Stand {
    tags: BTreeMap<i64, BTreeSet<String>>,
    forgotten: BTreeMap<i64, i64>,
    kept: BTreeMap<String, String>,
    flags: Option<Value>,
}

/// Replays the log, and proves each event.
fn replay(stranger: &Stranger) -> (Stand, BTreeMap<i64, u64>) {
    let conn = &stranger.conn;
    let (uuid, created, head, chain): (Vec<u8>, i64, i64, Vec<u8>) = conn
        .query_row("SELECT uuid, created_us, head_seq, head_chain FROM store", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    let mut stand = Stand::default();
    let (mut before, mut last, mut kinds) = (vec![0; 16], 0, BTreeMap::new());
    let mut versions: BTreeMap<i64, String> = stranger
        .numbers("SELECT id FROM snapshot")
        .into_iter()
        .map(|id| {
            let find = "SELECT version FROM snapshot WHERE id = ?1";
            (id, conn.query_row(find, [id], |row| row.get(0)).unwrap())
        })
        .collect();
    // The names of what was purged stand in the log alone.
    for detail in stranger.texts("SELECT detail FROM event WHERE kind = 6") {
        let detail: Value = serde_json::from_str(&detail).unwrap();
        for pair in detail["purged"].as_array().unwrap() {
            versions.insert(pair[0].as_i64().unwrap(), pair[1].as_str().unwrap().to_owned());
        }
    }
    let mut list = conn
        .prepare(
            "SELECT seq, at_us, kind, snapshot_id, detail, digest, chain FROM event ORDER BY seq",
        )
        .unwrap();
    let mut rows = list.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (seq, at, kind): (i64, i64, i64) =
            (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
        let snapshot: Option<i64> = row.get(3).unwrap();
        let detail_text: Option<String> = row.get(4).unwrap();
        let (told, linked): (Vec<u8>, Vec<u8>) = (row.get(5).unwrap(), row.get(6).unwrap());
        last += 1;
        assert_eq!(seq, last);
        let tied = digest(&[
            Bytes(&before),
            Number(seq),
            Number(at),
            Number(kind),
            snapshot.map_or(Nothing, Number),
            detail_text.as_deref().map_or(Nothing, text),
            Bytes(&told),
        ]);
        assert_eq!(tied, linked, "event {seq}");
        before = linked;
        *kinds.entry(kind).or_default() += 1;
        assert_eq!(snapshot.is_some(), (2..=5).contains(&kind), "event {seq}");
        let detail: Value =
            detail_text.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
        let version = snapshot.map(|id| versions[&id].clone()).unwrap_or_default();
        let tag = detail["tag"].as_str().unwrap_or_default().to_owned();
        let made = match kind {
            0 => digest(&[Bytes(&uuid), Number(created)]),
            1 => {
                let tags = detail["tags"].as_array().cloned().unwrap_or_default();
                let tags = tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect();
                stand.tags.insert(seq, tags);
                let is_there = stranger
                    .numbers(&format!("SELECT count(*) FROM snapshot WHERE id = {seq}"))
                    == [1];
                // The manifest of what was purged is gone.
                if is_there { stranger.manifest(seq) } else { told.clone() }
            }
            2 | 3 => {
                let tags = stand.tags.get_mut(&snapshot.unwrap()).unwrap();
                let changed = if kind == 2 { tags.insert(tag.clone()) } else { tags.remove(&tag) };
                assert!(changed);
                digest(&[text(&version), text(&tag)])
            }
            4 => {
                stand.forgotten.insert(snapshot.unwrap(), at);
                digest(&[text(&version)])
            }
            5 => {
                assert!(stand.forgotten.remove(&snapshot.unwrap()).is_some());
                digest(&[text(&version)])
            }
            6 => {
                let mut fields = Vec::new();
                for pair in detail["purged"].as_array().unwrap() {
                    let id = pair[0].as_i64().unwrap();
                    fields.extend([Number(id), text(pair[1].as_str().unwrap())]);
                    assert!(stand.forgotten.remove(&id).is_some());
                    stand.tags.remove(&id);
                }
                digest(&fields)
            }
            7 => {
                let place = detail["place"].as_str().unwrap().to_owned();
                let keep = detail["keep"].as_str();
                let made = digest(&[text(&place), keep.map_or(Nothing, text)]);
                match keep {
                    Some(keep) => stand.kept.insert(place, keep.to_owned()),
                    None => stand.kept.remove(&place),
                };
                made
            }
            8..=10 => {
                if kind == 9 {
                    stand.flags = Some(detail["set"].clone());
                }
                digest(&[text(detail_text.as_deref().unwrap())])
            }
            kind => panic!("kind {kind}"),
        };
        assert_eq!(made, told, "event {seq} of kind {kind}");
    }
    assert_eq!((last, before), (head, chain));
    stand.tags.retain(|_, tags| !tags.is_empty());
    (stand, kinds)
}

/// What the tables say that stands.
fn tables(stranger: &Stranger) -> Stand {
    let mut stand = Stand::default();
    let mut list = stranger
        .conn
        .prepare(
            "SELECT snapshot_id, name FROM snapshot_tag JOIN tag ON tag.id = tag_id
             JOIN snapshot ON snapshot.id = snapshot_id
               AND snapshot.created_us = snapshot_tag.created_us",
        )
        .unwrap();
    let mut rows = list.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        stand.tags.entry(row.get(0).unwrap()).or_default().insert(row.get(1).unwrap());
    }
    let mut list = stranger
        .conn
        .prepare("SELECT id, forgotten_us FROM snapshot WHERE forgotten_us IS NOT NULL")
        .unwrap();
    let mut rows = list.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        stand.forgotten.insert(row.get(0).unwrap(), row.get(1).unwrap());
    }
    let mut list = stranger.conn.prepare("SELECT place_id, keep FROM retention").unwrap();
    let mut rows = list.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let parts = stranger.place(row.get(0).unwrap());
        let place = if parts.is_empty() { "*".to_owned() } else { join(&parts) };
        stand.kept.insert(place, row.get(1).unwrap());
    }
    let [document] = &stranger.texts("SELECT document FROM flag_set")[..] else { panic!("one") };
    stand.flags = Some(serde_json::from_str(document).unwrap());
    stand
}

/// Proves the seals of a table; tells how many rows there were.
fn seals(conn: &Connection, table: &str) -> usize {
    let mut list = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns: Vec<String> = list.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = list.query([]).unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        let mut fields = Vec::new();
        for (at, column) in columns.iter().enumerate().filter(|(_, column)| *column != "seal") {
            fields.push(match row.get_ref(at).unwrap() {
                ValueRef::Null => Nothing,
                ValueRef::Integer(number) => Number(number),
                ValueRef::Real(float) => {
                    assert_eq!((table, column.as_str()), ("alert", "value"));
                    Number(float.to_bits() as i64)
                }
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Bytes(bytes),
            });
        }
        let seal: Vec<u8> = row.get("seal").unwrap();
        assert_eq!(digest(&fields), seal, "{table}");
        count += 1;
    }
    count
}

// What it reads

fn store() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    (folder, path)
}

#[test]
fn a_stranger_reads_every_content_however_it_is_kept() {
    let (_folder, path) = store();
    let repo = Repository::init(&path).unwrap();
    let name = || "view.png".parse().unwrap();
    for png in [
        include_bytes!("../data/kettles-1.png").as_slice(),
        include_bytes!("../data/kettles-2.png"),
    ] {
        let picture = DraftArtifact::stored(name(), "image/png", png).unwrap();
        let draft = Draft::new().context("pictures".parse().unwrap()).artifact(picture);
        repo.create(draft).unwrap();
    }
    for n in 0..60 {
        let draft = Draft::bytes(document(n)).context("documents".parse().unwrap());
        repo.create(draft).unwrap();
    }
    repo.create(Draft::bytes(noise(7, 5_000))).unwrap();
    repo.create(Draft::bytes(b"")).unwrap();
    let mut large = noise(1, 9_000_000);
    let context: Context = "large".parse().unwrap();
    for _ in 0..2 {
        let staged = repo.stage(&context, &"data".parse().unwrap(), &large[..]).unwrap();
        let artifact =
            DraftArtifact::staged("data".parse().unwrap(), "application/octet-stream", staged);
        let draft = Draft::new().context(context.clone()).artifact(artifact.unwrap());
        repo.create(draft).unwrap();
        large[4_500_000] ^= 1;
    }
    let read = |stranger: &mut Stranger| {
        let snapshots = repo.find(&Query::all().limit(1_000)).unwrap();
        assert_eq!(snapshots.len(), 66);
        for snapshot in snapshots {
            for artifact in &snapshot.artifacts {
                let find = "SELECT blob_id FROM artifact JOIN snapshot ON snapshot.id = snapshot_id
                            JOIN name ON name.id = name_id WHERE version = ?1 AND name.text = ?2";
                let params = [snapshot.version.as_str(), artifact.name.as_str()];
                let id = stranger.conn.query_row(find, params, |row| row.get(0)).unwrap();
                let content = repo.content(&snapshot.version, artifact.name.as_str()).unwrap();
                assert!(stranger.content(id) == content, "{}", snapshot.version);
            }
        }
    };
    let mut stranger = Stranger::open(&path);
    read(&mut stranger);
    assert_eq!(stranger.codecs, BTreeSet::from([0, 1, 2, 5]));
    repack::run(&repo, &mut |_| {}).unwrap();
    let mut stranger = Stranger::open(&path);
    read(&mut stranger);
    assert_eq!(stranger.codecs, BTreeSet::from([0, 1, 2, 3, 4, 5]));
}

#[test]
fn a_stranger_proves_the_log_and_what_stands_beside_it() {
    let (_folder, path) = store();
    full_store(&path);
    let repo = Repository::open(&path).unwrap();
    repo.undelete(&"version-11".parse().unwrap()).unwrap();
    let made = backup::create(&repo, &backup::Options::default(), &mut |_| {}).unwrap();
    let lost = repo.create(Draft::text("lost").context("a%/b*".parse().unwrap())).unwrap();
    repo.forget(&lost).unwrap();
    let found = backup::find(backup::folder_of(&path), &made.id).unwrap();
    backup::restore(&repo, &found, &backup::RestoreOptions::forced(), &mut |_| {}).unwrap();
    repo.create(Draft::text("odd").context("a%25%2Fb/-/c".parse().unwrap())).unwrap();
    gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();

    let mut stranger = Stranger::open(&path);
    let (told, kinds) = replay(&stranger);
    assert_eq!(told, tables(&stranger));
    assert!(!told.tags.is_empty() && !told.kept.is_empty(), "{told:?}");
    let met: Vec<_> = kinds.keys().copied().collect();
    assert_eq!(met, [0, 1, 2, 3, 4, 5, 6, 7, 9, 10]);
    for id in stranger.numbers("SELECT id FROM blob") {
        stranger.content(id);
    }
    for table in ["incident", "gate", "metric", "alert"] {
        assert!(seals(&stranger.conn, table) > 0, "{table}");
    }

    // The notes beside.
    let (uuid, seq, chain): (Vec<u8>, i64, Vec<u8>) = stranger
        .conn
        .query_row("SELECT uuid, head_seq, head_chain FROM store", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let sealed = digest(&[Bytes(&uuid), Number(seq), Bytes(&chain)]);
    let line = format!("{} {seq:020} {} {}\n", hex(&uuid), hex(&chain), hex(&sealed));
    assert_eq!(fs::read_to_string(path.with_file_name("tintype.db-head")).unwrap(), line);
    let note = fs::read_to_string(found.with_file_name("backup.json")).unwrap();
    let mut note: Value = serde_json::from_str(&note).unwrap();
    let seal = note.as_object_mut().unwrap().remove("seal").unwrap();
    assert_eq!(seal.as_str().unwrap(), hex(&digest(&[text(&note.to_string())])));
    let members: Vec<_> = note.as_object().unwrap().keys().map(String::as_str).collect();
    let page = include_str!("../../migrations/README.md");
    assert!(members.iter().all(|member| page.contains(&format!("`{member}`"))), "{members:?}");
    assert_eq!(note["hash"], hex(blake3::hash(&fs::read(&found).unwrap()).as_bytes()));
    assert_eq!((&note["form"], &note["store"]), (&1.into(), &hex(&uuid).into()));
}

#[test]
fn a_stranger_understands_what_was_observed() {
    let (_folder, path) = store();
    let repo = Repository::init(&path).unwrap();
    let recorder = Recorder::new(&repo);
    let context: Context = "shop.example/products/list/run-1/read".parse().unwrap();
    recorder
        .handle(&mut Script::new(), &Incident::selector_failure(context.clone(), ".price"))
        .unwrap();
    recorder.count_incident(&Incident::selector_failure(context, ".price")).unwrap();
    recorder.flush().unwrap();
    let took = [1_500_u64, 1_500, 80_000, 2_000_000];
    for took in took {
        let mut counters = Counters::default();
        counters.add(&Counter::new(Family::Errors, &["a.b%c"]).unwrap(), 2);
        Collector::of(&repo).count_all("b.example", &counters, Some(Duration::from_micros(took)));
    }
    repo.flush().unwrap();
    let conn = Stranger::open(&path).conn;

    let fingerprint = digest(&[
        Number(1),
        text("selector_failure"),
        text("shop.example"),
        text("products"),
        text("list"),
        text("read"),
        text(".price"),
        text(""),
        Nothing,
    ]);
    let (found, count): (Vec<u8>, i64) = conn
        .query_row("SELECT fingerprint, count FROM incident", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((found, count), (fingerprint.clone(), 2));
    let groups = incidents::groups(&repo, &GroupQuery::default()).unwrap();
    assert_eq!(groups[0].fingerprint.to_string(), hex(&fingerprint));
    let gates: BTreeMap<String, String> = conn
        .prepare("SELECT trigger, state FROM gate WHERE site = 'shop.example'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (trigger, state) in &gates {
        let state: Value = serde_json::from_str(state).unwrap();
        match trigger.as_str() {
            "" => assert!(state["closed"]["failures"].is_array(), "{state}"),
            _ => assert!(state["full_at"].as_str().unwrap().ends_with('Z'), "{state}"),
        }
    }
    assert!(!gates.is_empty());

    let (counts, histogram): (String, Vec<u8>) = conn
        .query_row("SELECT counts, took FROM metric WHERE site = 'b.example'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let counts: Value = serde_json::from_str(&counts).unwrap();
    assert_eq!(counts["errors.a%2Eb%25c"], 8);
    let mut rest = &histogram[..];
    assert_eq!(take(&mut rest, 1), [1]);
    assert_eq!(number(&mut rest), took.iter().sum::<u64>());
    let (mut highest, mut buckets) = (0, Vec::new());
    while !rest.is_empty() {
        highest += number(&mut rest);
        buckets.push((highest, number(&mut rest)));
    }
    let counts: Vec<u64> = buckets.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [2, 1, 1]);
    for ((highest, _), took) in buckets.iter().zip([1_500, 80_000, 2_000_000]) {
        assert!((took..=took + took / 1_000).contains(highest), "{highest} for {took}");
    }
}

#[test]
fn a_stranger_knows_a_made_version_and_the_id_of_an_alert() {
    let (_folder, path) = store();
    full_store(&path);
    let conn = Stranger::open(&path).conn;
    const DIGITS: &str = "0123456789abcdefghjkmnpqrstvwxyz";
    let mut list = conn.prepare("SELECT version, created_us, chosen FROM snapshot").unwrap();
    let mut rows = list.query([]).unwrap();
    let mut made = 0;
    while let Some(row) = rows.next().unwrap() {
        let (version, created, chosen): (String, i64, i64) =
            (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
        let digits: Option<Vec<_>> = version.chars().map(|digit| DIGITS.find(digit)).collect();
        let time = digits
            .filter(|digits| digits.len() == 16)
            .map(|digits| digits[..11].iter().fold(0, |time, digit| time * 32 + *digit as i64));
        assert_eq!(chosen == 0, time == Some(created), "{version}");
        made += usize::from(chosen == 0);
    }
    assert!(made > 0);
    let mut list = conn.prepare("SELECT cause, labels FROM alert").unwrap();
    let mut rows = list.query([]).unwrap();
    let mut alerts = 0;
    while let Some(row) = rows.next().unwrap() {
        let (cause, labels): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let labels: BTreeMap<String, String> = serde_json::from_str(&labels).unwrap();
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            for byte in text.bytes().chain([255]) {
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        assert_eq!(cause, format!("{sum:016x}"));
        alerts += 1;
    }
    assert!(alerts > 0);
}
