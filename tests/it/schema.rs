//! The file as others see it: its header, its schema, and that shipped migrations stay as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value;
use tintype::codec::frame::hash;
use tintype::model::alert::{AlertType, NewAlert, Severity};
use tintype::model::incident::Incident;
use tintype::model::metric::{Counter, Family};
use tintype::ops::gc;
use tintype::ops::monitor::alerts;
use tintype::records::metrics::Collector;
use tintype::store::{APPLICATION_ID, SCHEMA};
use tintype::{ArtifactStatus, Draft, DraftArtifact, Keep, Recorder, Repository};

use crate::support::full::full_store;
use crate::support::values::document;

/// Each migration: its file, its length, the BLAKE3 hash of it. A line is added with each new file;
/// of a file that was shipped, the line is never changed.
const FROZEN: &[(&str, usize, &str)] = &[
    ("01-store.sql", 713, "ead49bcb6bdaf23059d3fbb2baa5dae03df6f2e357d91b6a3782e00597141beb"),
    ("02-event.sql", 736, "d638840bdc5cb52c9a44c4a3e2c3d4357c43f2b07fdde8d30ff7b02ede69fea2"),
    ("03-context.sql", 792, "e3c476733f6a403522d15ecf577c967e49ea2f6a28b3f9eea1acde9471415fb7"),
    ("04-blob.sql", 1072, "acc8767e1e25d975a2910c2124a1bb2df8f0b9a0025c7be6bae7f5d77ba2cc71"),
    ("05-snapshot.sql", 2693, "73cfcf9f714efaebf47112d916ecc06e8de75c91e0f42e92bbf53fbf55048710"),
    ("06-tag.sql", 581, "2a071ab35f6d726eb3f123892b64bc42d95aed26d494b4825a9da6f568cba92e"),
    ("07-view.sql", 3797, "77c5474b1bc8a91d9d7bf03d5a4135595312254d10513b8a2e1f1c3a532be9e1"),
    ("08-retention.sql", 784, "29f674a134d7520ec5859a41061c2c794b9798504f18c9546d5faf8ac69b1b79"),
    ("09-content.sql", 1069, "7f124f28272e328ac87f7db307a0945b776c36baa131b89fae157e5cf656fd26"),
    ("10-view.sql", 3851, "fa8cd55a1c9b0d75ca2fb4a7d3b7ef9f89bec90d1fe7932a8edabdb2603a48ec"),
    ("11-flag.sql", 3280, "56e35334e297dd00bf058aac79d9c288c02d3045b7e78bc4b5c0114ec6bad089"),
    ("12-incident.sql", 3116, "ec9b50a66db4aebcdb56dfdba13c9857b80a48b51ab6dfefc4dcbe4097029cd6"),
    ("13-metric.sql", 2415, "ce243bb6e546feda1b55d7b0a2644629fe2ef0c97a5b3165ccf9286301ad3def"),
    ("14-alert.sql", 2382, "9a522fe9fddbde0ef34d03498c2e0dbe07635ee1643168a41dd8fba30db4667d"),
    ("15-view.sql", 17557, "7fe4b599ca1b0438dc3a006a7f5886e686a304f07aad5fcb1344588d2fafa301"),
];

fn migrations() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "sql"))
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// A store that was closed, and the folder that it is in.
fn store() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("tintype.db");
    Repository::init(&path).unwrap().close().unwrap();
    (folder, path)
}

fn column(conn: &Connection, sql: &str) -> Vec<String> {
    let mut found = conn.prepare(sql).unwrap();
    let rows = found.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn shipped_migrations_are_as_they_were() {
    let found: Vec<_> = migrations()
        .into_iter()
        .map(|(name, text)| format!("    (\"{name}\", {}, \"{}\"),", text.len(), hash(&text)))
        .collect();
    let frozen: Vec<_> = FROZEN
        .iter()
        .map(|(name, length, hash)| format!("    (\"{name}\", {length}, \"{hash}\"),"))
        .collect();
    assert!(
        found == frozen,
        "a shipped migration changed, or a new one has no line yet. For what was never shipped, \
         FROZEN becomes:\n{}\n",
        found.join("\n")
    );
    let numbers: Vec<_> = found.iter().map(|line| line[6..8].parse::<i64>().unwrap()).collect();
    assert_eq!(numbers, (1..=SCHEMA).collect::<Vec<_>>());
}

#[test]
fn a_fresh_store_says_in_its_header_what_it_is() {
    let (_folder, path) = store();
    let header = fs::read(&path).unwrap();
    let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
    // Where the SQLite file format says that they are.
    assert_eq!(&header[..16], b"SQLite format 3\0");
    assert_eq!(u16::from_be_bytes([header[16], header[17]]), 4096);
    assert_eq!((header[18], header[19]), (2, 2), "WAL");
    assert_ne!(number(52), 0, "auto-vacuum");
    assert_eq!(number(64), 1, "incremental");
    assert_eq!(i64::from(number(60)), SCHEMA);
    assert_eq!(i64::from(number(68)), APPLICATION_ID);
    assert_eq!(number(68), 0x5469_6E54);
    let conn = Connection::open(&path).unwrap();
    let pragma =
        |name: &str| -> i64 { conn.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    assert_eq!(pragma("auto_vacuum"), 2);
    assert_eq!(column(&conn, "PRAGMA journal_mode"), ["wal"]);
    assert_eq!(column(&conn, "PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn all_tables_are_strict_and_say_what_their_rows_are() {
    let (_folder, path) = store();
    let conn = Connection::open(&path).unwrap();
    let loose = "SELECT name FROM pragma_table_list
                 WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'";
    assert_eq!(column(&conn, loose), [""; 0]);
    let silent = "SELECT name FROM sqlite_schema
                  WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'
                  AND sql NOT LIKE '%--%'";
    assert_eq!(column(&conn, silent), [""; 0]);
    let text = include_str!("../../migrations/README.md");
    for name in column(
        &conn,
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'",
    ) {
        assert!(text.contains(&format!("`{name}`")), "migrations/README.md lacks {name}");
    }
}

#[test]
fn every_view_runs_on_the_sqlite3_of_others_on_an_empty_store_too() {
    let (_folder, path) = store();
    let views = column(
        &Connection::open(&path).unwrap(),
        "SELECT name FROM sqlite_schema WHERE type = 'view'",
    );
    assert!(views.len() >= 5, "{views:?}");
    let rows = |view: &str| {
        let found = Command::new("sqlite3")
            .arg(&path)
            .arg(format!("SELECT * FROM {view}"))
            .output()
            .unwrap_or_else(|error| panic!("sqlite3: {error}; `make test` installs it"));
        let told = String::from_utf8(found.stderr).unwrap();
        assert!(found.status.success() && told.is_empty(), "{view}: {told}");
        String::from_utf8(found.stdout).unwrap().lines().count()
    };
    let empty: Vec<_> = views.iter().map(|view| (view.as_str(), rows(view))).collect();
    for (view, rows) in empty {
        // The making of the store is an event, and it has flags, a root of its places and itself.
        let some = [("v_event", 1), ("v_flag", 6), ("v_place", 1), ("v_store", 1)];
        let expected = some.into_iter().find(|(it, _)| *it == view);
        assert_eq!(rows, expected.map_or(0, |(_, rows)| rows), "{view}");
    }
    let repo = Repository::open(&path).unwrap();
    repo.create(Draft::text("one").tag("good").unwrap()).unwrap();
    let gone = repo.create(Draft::text("two")).unwrap();
    repo.forget(&gone).unwrap();
    repo.set_retention(&"shop.example/prices".parse().unwrap(), Some(&Keep::last(3))).unwrap();
    let incident = Incident::selector_failure("shop.example".parse().unwrap(), ".price");
    let _ = Recorder::new(&repo).count_incident(&incident).unwrap();
    let captures = Counter::new(Family::Captures, &["complete"]).unwrap();
    Collector::of(&repo).count("shop.example", &captures, 1);
    let new = NewAlert::new(AlertType::SystemHealth, Severity::Info, "all is well");
    alerts::raise(&repo, &new).unwrap();
    repo.close().unwrap();
    // All is well here, no content is like another, and of most things there is one.
    let none = ["v_broken", "v_chain", "v_duplicate", "v_failure", "v_flag_history", "v_gate"];
    let none = [&none[..], &["v_missing", "v_session", "v_user_info"]].concat();
    let some = [("v_event", 5), ("v_flag", 6), ("v_place", 7), ("v_blob", 2)];
    for view in &views {
        let expected = some.into_iter().find(|(it, _)| it == view).map(|(_, rows)| rows);
        let expected = expected.unwrap_or(usize::from(!none.contains(&view.as_str())));
        assert_eq!(rows(view), expected, "{view}");
    }
}

#[test]
fn every_view_has_something_to_show_where_all_that_can_stand_stands() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("tintype.db");
    full_store(&path);
    // Two that are alike, for a delta.
    let repo = Repository::open(&path).unwrap();
    for n in 0..2 {
        repo.create(Draft::bytes(document(n))).unwrap();
    }
    repo.close().unwrap();
    let conn = Connection::open(&path).unwrap();
    for view in column(&conn, "SELECT name FROM sqlite_schema WHERE type = 'view'") {
        let count = format!("SELECT CAST(count(*) AS TEXT) FROM {view}");
        assert_ne!(column(&conn, &count), ["0"], "{view}");
    }
}

/// What stands in the schema, the version with it.
fn schema(conn: &Connection) -> Vec<Vec<Value>> {
    let mut found = rows(conn, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
    found.push(rows(conn, "PRAGMA user_version").remove(0));
    found
}

#[test]
fn a_store_of_each_age_becomes_what_a_fresh_one_is() {
    let (folder, path) = store();
    let fresh = schema(&Connection::open(&path).unwrap());
    let store = "INSERT INTO store VALUES (1, zeroblob(16), 0, 1, zeroblob(16))";
    let event = "INSERT INTO event VALUES (1, 0, 0, NULL, NULL, zeroblob(16), zeroblob(16))";
    for age in 1..SCHEMA {
        let path = folder.path().join(format!("old-{age}.db"));
        let old = Connection::open(&path).unwrap();
        old.execute_batch("PRAGMA auto_vacuum = 2; PRAGMA journal_mode = WAL").unwrap();
        for (_, text) in migrations().into_iter().take(usize::try_from(age).unwrap()) {
            old.execute_batch(str::from_utf8(&text).unwrap()).unwrap();
        }
        old.execute_batch(store).unwrap();
        if age > 1 {
            old.execute_batch(event).unwrap();
        }
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", age).unwrap();
        drop(old);
        Repository::open(&path).unwrap().close().unwrap();
        assert!(schema(&Connection::open(&path).unwrap()) == fresh, "{age}");
    }
}

/// A list of fields as migrations/README.md writes them, and the first 16 bytes of its hash.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.push(1);
        self.0.extend((bytes.len() as u64).to_le_bytes());
        self.0.extend(bytes);
        self
    }

    fn number(mut self, number: i64) -> Self {
        self.0.push(2);
        self.0.extend(number.to_le_bytes());
        self
    }

    /// What stands in a row: a number, a text, bytes or nothing.
    fn value(mut self, value: Value) -> Self {
        match value {
            Value::Integer(number) => self.number(number),
            Value::Text(text) => self.bytes(text.as_bytes()),
            Value::Blob(bytes) => self.bytes(&bytes),
            _ => {
                self.0.push(0);
                self
            }
        }
    }

    fn digest(self) -> Vec<u8> {
        hash(&self.0).0[..16].to_vec()
    }
}

/// The rows of a query, each with its columns as they stand in the file.
fn rows(conn: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut found = conn.prepare(sql).unwrap();
    let columns = found.column_count();
    let rows = found.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn digests_and_chain_cover_what_the_description_of_the_format_says() {
    let (_folder, path) = store();
    let repo = Repository::open(&path).unwrap();
    let lacking = DraftArtifact::missing(
        "page.png".parse().unwrap(),
        "image/png",
        ArtifactStatus::Failed,
        Some("timed out".into()),
    );
    let draft = Draft::text("one")
        .artifact(lacking.unwrap().took(Duration::from_millis(12)))
        .context("shop.example/cart".parse().unwrap())
        .describe("all of it")
        .info("retries", 3)
        .tag("good")
        .unwrap();
    let version = repo.create(draft).unwrap();
    repo.tag(&version, &"late".parse().unwrap()).unwrap();
    repo.set_retention(&"shop.example".parse().unwrap(), Some(&Keep::last(3))).unwrap();
    repo.set_retention(&"shop.example".parse().unwrap(), None).unwrap();
    repo.forget(&version).unwrap();
    repo.undelete(&version).unwrap();
    repo.create(Draft::text("two").version("gone".parse().unwrap())).unwrap();
    repo.forget(&"gone".parse().unwrap()).unwrap();
    gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
    repo.close().unwrap();

    let conn = Connection::open(&path).unwrap();
    let mut digests = Vec::new();
    for store in rows(&conn, "SELECT uuid, created_us FROM store") {
        digests.push(Some(store.into_iter().fold(Fields::default(), Fields::value).digest()));
    }
    let snapshot = "SELECT version, created_us, 'shop.example/cart', status, based_on, description,
                           user_info, 2 FROM snapshot";
    let artifacts = "SELECT name.text, media.text, artifact.status, entries, took_us, reason,
                            hash, bytes
                     FROM artifact JOIN name ON name.id = name_id
                     JOIN name AS media ON media.id = media_id
                     LEFT JOIN blob ON blob.id = blob_id ORDER BY name.text";
    let mut manifest =
        rows(&conn, snapshot).remove(0).into_iter().fold(Fields::default(), Fields::value);
    for artifact in rows(&conn, artifacts) {
        let held = if artifact[6] == Value::Null { 6 } else { 8 };
        manifest = artifact.into_iter().take(held).fold(manifest, Fields::value);
    }
    let named = || Fields::default().bytes(version.as_str().as_bytes());
    let kept = Fields::default().bytes(b"shop.example").bytes(br#"{"last":3}"#);
    digests.extend([
        Some(manifest.digest()),
        Some(named().bytes(b"late").digest()),
        Some(kept.digest()),
        Some(Fields::default().bytes(b"shop.example").value(Value::Null).digest()),
        Some(named().digest()),
        Some(named().digest()),
        // What it was made of was purged.
        None,
        Some(Fields::default().bytes(b"gone").digest()),
        Some(Fields::default().number(8).bytes(b"gone").digest()),
    ]);

    let mut chain = vec![0; 16];
    let events =
        "SELECT seq, at_us, kind, snapshot_id, detail, digest, chain FROM event ORDER BY seq";
    let events = rows(&conn, events);
    assert_eq!(events.len(), digests.len());
    for (mut event, digest) in events.into_iter().zip(digests) {
        let told = event.pop().unwrap();
        if let Some(digest) = digest {
            assert_eq!(event[5], Value::Blob(digest), "the digest of event {:?}", event[0]);
        }
        chain = event.into_iter().fold(Fields::default().bytes(&chain), Fields::value).digest();
        assert_eq!(told, Value::Blob(chain.clone()));
    }
    assert_eq!(
        rows(&conn, "SELECT head_seq, head_chain FROM store"),
        [[Value::Integer(10), Value::Blob(chain)]]
    );
}
