//! The functions that `sqlite3` gets of the extension: they give what the library gives, or an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tintype::format::diff::{Comparison, Form, compare};
use tintype::ops::{gc, repack};
use tintype::{Draft, DraftArtifact, Query, Repository};

use crate::repack::picture;
use crate::support::extension::{ask, ask_after, refused, told};
use crate::support::full::full_store;
use crate::support::noise;
use crate::support::values::{document, version};

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tintype.db");
    (folder, path)
}

/// A store with two versions of a document, `a` and `b`, of a text, `one` and `two`, and of bytes.
fn small() -> (TempDir, PathBuf) {
    let (folder, path) = folder();
    let repo = Repository::init(&path).unwrap();
    let before = json!({"kettle": {"price": 24.5, "stock": 3}, "list": [1, 2, 3], "lamp": true});
    let after = json!({"kettle": {"price": 22, "stock": 3}, "list": [1, 3], "new/~": {"a": null}});
    for (name, value) in [("a", &before), ("b", &after)] {
        repo.create(Draft::json(value).unwrap().version(version(name))).unwrap();
    }
    for (name, text) in [("one", "first\nsecond\n"), ("two", "first\n2nd\n")] {
        repo.create(Draft::text(text).version(version(name))).unwrap();
    }
    let bytes = Draft::bytes(vec![0xFF, 0, 0xFE]).version(version("bytes"));
    repo.create(bytes.tag("odd/tag").unwrap()).unwrap();
    repo.close().unwrap();
    (folder, path)
}

/// Compares every artifact of a store, as the extension gives it, with what the library gives.
fn compare_all(folder: &Path, path: &Path) -> usize {
    let out = folder.join("out");
    fs::create_dir_all(&out).unwrap();
    let sql = format!(
        "SELECT count(writefile('{}/' || version || '@' || name, tintype_bytes(hash)))
         FROM v_artifact WHERE hash IS NOT NULL",
        out.display()
    );
    let written = told(path, &sql);
    let repo = Repository::open(path).unwrap();
    let mut compared = 0;
    for snapshot in repo.find(&Query::all().limit(10_000)).unwrap() {
        for artifact in snapshot.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
            let name = artifact.name.as_str();
            let given = fs::read(out.join(format!("{}@{name}", snapshot.version))).unwrap();
            assert!(given == repo.content(&snapshot.version, name).unwrap(), "{name}");
            compared += 1;
        }
    }
    repo.close().unwrap();
    assert_eq!(written.trim(), compared.to_string());
    compared
}

/// The versions of the packages in a lock file.
fn locked(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
        line.unwrap().trim_matches('"').to_owned()
    };
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for package in text.split("[[package]]").skip(1) {
        found.entry(field(package, "name")).or_default().insert(field(package, "version"));
    }
    found
}

#[test]
fn it_is_made_of_the_same_crates_as_the_library() {
    let library = include_str!("../../Cargo.toml");
    let manifest = include_str!("../../extension/Cargo.toml");
    let dependencies = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    let mut compared = 0;
    for line in dependencies.split("\n[profile").next().unwrap().lines() {
        let Some((name, _)) = line.split_once(" = ") else { continue };
        // SQLite is another one here, and that is all.
        if name != "rusqlite" {
            assert!(library.contains(&format!("\n{line}\n")), "Cargo.toml has another {name}");
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared}");
    let library = locked(include_str!("../../Cargo.lock"));
    for (name, versions) in locked(include_str!("../../extension/Cargo.lock")) {
        if let Some(known) = library.get(&name) {
            let why = "bring extension/Cargo.lock to what Cargo.lock has";
            assert!(versions.is_subset(known), "{name} {versions:?}, not {known:?}: {why}");
        }
    }
}

#[test]
fn every_artifact_is_given_as_the_library_gives_it() {
    let (folder, path) = folder();
    full_store(&path);
    let repo = Repository::open(&path).unwrap();
    for n in 0..3 {
        repo.create(Draft::bytes(document(n))).unwrap();
    }
    repo.close().unwrap();
    let compared = compare_all(folder.path(), &path);
    assert!(compared > 10, "{compared}");
    let codecs = told(&path, "SELECT group_concat(DISTINCT codec) FROM v_artifact");
    for codec in ["zstd", "delta", "pieces"] {
        assert!(codecs.contains(codec), "{codecs}");
    }
}

#[test]
fn pictures_that_were_opened_up_are_given_as_they_were() {
    let (folder, path) = folder();
    let repo = Repository::init(&path).unwrap();
    for n in 0..4 {
        let name = "view.png".parse().unwrap();
        let picture = DraftArtifact::stored(name, "image/png", picture(n)).unwrap();
        repo.create(Draft::new().artifact(picture)).unwrap();
    }
    repack::run(&repo, &mut |_| {}).unwrap();
    repo.close().unwrap();
    let codecs = told(&path, "SELECT group_concat(DISTINCT codec) FROM v_artifact");
    assert!(codecs.contains("png"), "{codecs}");
    assert_eq!(compare_all(folder.path(), &path), 4);
}

#[test]
fn an_artifact_is_named_by_its_hash_or_by_version_and_name() {
    let (_folder, path) = small();
    let (hash, upper) = ("SELECT hash FROM v_artifact WHERE version = 'one'", "upper(hash)");
    for (sql, expected) in [
        (format!("SELECT tintype_text(({hash}))"), "first\nsecond\n\n"),
        (format!("SELECT tintype_text(({}))", hash.replace("hash", upper)), "first\nsecond\n\n"),
        ("SELECT tintype_text(hash) FROM blob WHERE id = 3".into(), "first\nsecond\n\n"),
        ("SELECT tintype_text('one/data')".into(), "first\nsecond\n\n"),
        ("SELECT hex(tintype_bytes('latest/data'))".into(), "FF00FE\n"),
        ("SELECT hex(tintype_bytes('latest:odd/tag/data'))".into(), "FF00FE\n"),
        ("SELECT hex(tintype_bytes('byt/data'))".into(), "FF00FE\n"),
        (
            "SELECT typeof(tintype_bytes('one/data')), typeof(tintype_text('one/data'))".into(),
            "blob|text\n",
        ),
        // What is not text has none.
        ("SELECT typeof(tintype_text('bytes/data'))".into(), "null\n"),
    ] {
        assert_eq!(told(&path, &sql), expected, "{sql}");
    }
}

#[test]
fn null_gives_null() {
    let (_folder, path) = small();
    for sql in [
        "SELECT tintype_text(NULL), tintype_bytes(NULL)",
        "SELECT tintype_diff(NULL, 'a/data'), tintype_diff('a/data', NULL)",
    ] {
        assert_eq!(told(&path, sql), "|\n", "{sql}");
    }
    for sql in ["NULL, 'a/data'", "'a/data', NULL", "NULL, NULL", "'a/data', 'a/data'"] {
        let count = format!("SELECT count(*) FROM tintype_changes({sql})");
        assert_eq!(told(&path, &count), "0\n", "{sql}");
    }
    assert_eq!(told(&path, "SELECT tintype_diff('a/data', 'a/data') = ''"), "1\n");
}

#[test]
fn what_names_nothing_is_an_error_that_says_so() {
    let (_folder, path) = small();
    // Some words are SQLite's own.
    let says =
        |error: &str, expected: &str| error.to_lowercase().contains(&expected.to_lowercase());
    for (argument, expected) in [
        ("'nothing'", "artifact \"nothing\": a hash of 64 hex digits, or VERSION/NAME, is needed"),
        ("7", "artifact \"7\": a hash of 64 hex digits"),
        ("7.5", "artifact \"7.5\": a hash"),
        ("x'00'", "1 bytes"),
        ("''", "a hash of 64 hex digits"),
        ("'/'", "version"),
        ("CAST(x'FF' AS TEXT)", "utf-8"),
        ("zeroblob(32)", "there is no artifact with content 000000"),
        ("'a/page.html'", "there is no artifact page.html in snapshot a"),
        ("'none/data'", "there is no snapshot none"),
        ("'latest:none/data'", "there is no tag none"),
    ] {
        for function in ["tintype_text(X)", "tintype_bytes(X)", "tintype_diff('a/data', X)"] {
            let sql = format!("SELECT {}", function.replace('X', argument));
            let error = refused(&path, &sql);
            assert!(says(&error, expected), "{sql}: {error}");
        }
        let error = refused(&path, &format!("SELECT * FROM tintype_changes({argument}, 'a/data')"));
        assert!(says(&error, expected), "{argument}: {error}");
    }
    for (sql, expected) in [
        ("SELECT tintype_text()", "wrong number of arguments"),
        ("SELECT tintype_diff('a/data')", "wrong number of arguments"),
        ("SELECT * FROM tintype_changes", "tintype_changes(a, b) needs two artifacts"),
        ("SELECT * FROM tintype_changes('a/data')", "tintype_changes(a, b) needs two artifacts"),
        ("SELECT * FROM tintype_changes('one/data', 'a/data')", "one/data and a/data"),
    ] {
        let error = refused(&path, sql);
        assert!(error.contains(expected), "{sql}: {error}");
    }
    // A forgotten snapshot is not there.
    let repo = Repository::open(&path).unwrap();
    repo.forget(&version("one")).unwrap();
    repo.close().unwrap();
    let error = refused(&path, "SELECT tintype_text('one/data')");
    assert!(error.contains("there is no snapshot one"), "{error}");
}

#[test]
fn a_file_that_is_no_store_is_an_error() {
    let (_folder, path) = folder();
    let error = refused(&path, "SELECT tintype_text('latest/data')");
    assert!(error.contains("no such table: snapshot"), "{error}");
}

#[test]
fn nothing_in_a_schema_may_lean_on_the_functions() {
    let (_folder, path) = small();
    for sql in [
        "CREATE INDEX i ON name (tintype_text(text))",
        "CREATE TABLE t (x TEXT, y TEXT AS (tintype_text(x)))",
        "CREATE VIEW v AS SELECT tintype_text('one/data'); SELECT * FROM v",
    ] {
        let error = refused(&path, sql);
        assert!(error.contains("tintype_text"), "{sql}: {error}");
    }
    // What the one who asks has made for himself may.
    let view =
        "CREATE TEMP VIEW v AS SELECT tintype_text('one/data') AS t; SELECT length(t) FROM v";
    assert_eq!(told(&path, view), "13\n");
}

#[test]
fn what_others_write_and_repack_meanwhile_changes_no_answer() {
    let (_folder, path) = folder();
    let repo = Repository::init(&path).unwrap();
    let stored = |n: usize| {
        repo.create(Draft::bytes(document(n)).version(version(&format!("v{n}")))).unwrap();
    };
    (0..8).for_each(stored);
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut rounds = 0;
            while !enough.load(Ordering::Relaxed) || rounds == 0 {
                let next = 8 + rounds * 2;
                (next..next + 2).for_each(stored);
                repo.forget(&version(&format!("v{next}"))).unwrap();
                gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
                repack::run(&repo, &mut |_| {}).unwrap();
                rounds += 1;
            }
        });
        for _ in 0..6 {
            let wrong =
                "SELECT count(*), sum(length(tintype_bytes(hash)) <> bytes) FROM v_artifact";
            let found = told(&path, wrong);
            let (count, wrong) = found.trim().split_once('|').unwrap();
            assert!(count.parse::<usize>().unwrap() >= 8 && wrong == "0", "{found}");
        }
        enough.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    repo.close().unwrap();
}

#[test]
fn changes_are_rows() {
    let (_folder, path) = small();
    let changes = "SELECT path, op, typeof(old), old, typeof(new), new
                   FROM tintype_changes('a/data', 'b/data') ORDER BY path";
    assert_eq!(
        told(&path, changes),
        "/kettle/price|replace|real|24.5|integer|22\n\
         /lamp|remove|integer|1|null|\n\
         /list/1|remove|integer|2|null|\n\
         /new~1~0|add|null||text|{\"a\":null}\n"
    );
    // Arguments that come from other tables, whichever way round these are joined.
    let pairs =
        "WITH pair (x, y) AS (VALUES ('a/data', 'b/data'), ('b/data', 'a/data'), ('a/data', NULL))";
    for join in ["pair, tintype_changes(x, y)", "tintype_changes JOIN pair ON a = x AND b = y"] {
        let sql = format!(
            "{pairs} SELECT x, count(*), sum(op = 'add') FROM {join} GROUP BY x ORDER BY x"
        );
        assert_eq!(told(&path, &sql), "a/data|4|1\nb/data|4|2\n", "{join}");
    }
}

#[test]
fn differences_are_those_that_the_library_tells() {
    let (_folder, path) = small();
    let unified = told(&path, "SELECT tintype_diff('one/data', 'two/data')");
    assert_eq!(unified, "--- one/data\n+++ two/data\n@@ -1,2 +1,2 @@\n first\n-second\n+2nd\n\n");
    let repo = Repository::open(&path).unwrap();
    let content = |name: &str| repo.content(&version(name), "data").unwrap();
    for (a, b, form) in [("a", "b", Form::Json), ("bytes", "b", Form::Text)] {
        let found = told(&path, &format!("SELECT tintype_diff('{a}/data', '{b}/data')"));
        let labels = (format!("{a}/data"), format!("{b}/data"));
        let expected = compare(&content(a), &content(b), (&labels.0, &labels.1), form);
        assert!(!matches!(expected, Comparison::Text(_)));
        let expected = serde_json::to_value(expected).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), expected);
    }
}

#[test]
fn a_value_that_is_longer_than_the_connection_takes_is_too_big() {
    let (_folder, path) = folder();
    let repo = Repository::init(&path).unwrap();
    for (name, seed) in [("a", 1), ("b", 2)] {
        let hex: Vec<String> = noise(seed, 900).chunks(9).map(|it| format!("{it:02x?}")).collect();
        repo.create(Draft::text(hex.join("\n")).version(version(name))).unwrap();
    }
    repo.close().unwrap();
    for call in ["text('a/data')", "bytes('a/data')", "diff('a/data', 'b/data')"] {
        let found = ask_after(&[".limit length 1000"], &path, &format!("SELECT tintype_{call}"));
        let error = String::from_utf8(found.stderr).unwrap();
        assert!(!found.status.success() && error.contains("too big"), "{call}: {error}");
    }
}

#[test]
fn damaged_content_is_an_error_that_names_it() {
    let (folder, path) = folder();
    let repo = Repository::init(&path).unwrap();
    for n in 0..3 {
        let draft = Draft::bytes(document(n)).version(version(&format!("version-{n}")));
        repo.create(draft).unwrap();
    }
    let intact = document(2);
    repo.close().unwrap();
    let damaged = folder.path().join("damaged.db");
    let harm = |sql: &str| {
        fs::copy(&path, &damaged).unwrap();
        let conn = Connection::open(&damaged).unwrap();
        conn.execute_batch("PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1").unwrap();
        let changed = conn.execute(sql, []).unwrap();
        assert!(changed > 0, "{sql}");
        drop(conn);
        ask(&damaged, "SELECT hex(tintype_bytes('version-2/data'))")
    };
    let lengths: Vec<i64> = {
        let conn = Connection::open(&path).unwrap();
        let mut list = conn.prepare("SELECT length(data) FROM blob ORDER BY id").unwrap();
        let rows = list.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut harms: Vec<String> = vec![
        "UPDATE blob SET hash = zeroblob(32) WHERE id = 3".into(),
        "UPDATE blob SET codec = 99 WHERE id = 3".into(),
        "UPDATE blob SET codec = 0 WHERE id = 3".into(),
        "UPDATE blob SET codec = 4 WHERE id = 3".into(),
        "UPDATE blob SET codec = 5 WHERE id = 3".into(),
        "UPDATE blob SET bytes = -1 WHERE id = 3".into(),
        "UPDATE blob SET bytes = 9223372036854775807 WHERE id = 3".into(),
        "UPDATE blob SET bytes = bytes + 1 WHERE id = 3".into(),
        "UPDATE blob SET base_id = 3 WHERE id = 3".into(),
        "UPDATE blob SET base_id = NULL, depth = 0 WHERE id = 3".into(),
        "UPDATE blob SET data = x'' WHERE id = 1".into(),
        "UPDATE blob SET data = zeroblob(100000) WHERE id = 1".into(),
        "DELETE FROM blob WHERE id = 1".into(),
        "UPDATE artifact SET blob_id = 77 WHERE blob_id = 3".into(),
    ];
    for (id, length) in (1..).zip(&lengths) {
        harms.extend((1..=*length).step_by(*length as usize / 9 + 1).map(|at| {
            format!(
                "UPDATE blob SET data = CAST(substr(data, 1, {at} - 1) || \
                 iif(substr(data, {at}, 1) = x'AA', x'AB', x'AA') || substr(data, {at} + 1) AS BLOB) \
                 WHERE id = {id} AND id IN (1, 3)"
            )
        }));
    }
    let mut seen = 0;
    for sql in harms.iter().filter(|sql| !sql.contains("id = 2 AND")) {
        let found = harm(sql);
        let out = String::from_utf8(found.stdout).unwrap();
        let err = String::from_utf8(found.stderr).unwrap();
        if found.status.success() {
            // A byte that the frame does not lean on: the content is proved by its hash.
            let same: String = intact.iter().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(out.trim_end(), same, "{sql}");
        } else {
            assert!(out.is_empty(), "{sql}: {out}");
            // A length that no content has is too long for all that asks.
            assert!(err.contains("version-2") || err.contains("too big"), "{sql}: {err}");
            assert!(!err.contains("panic"), "{sql}: {err}");
            seen += 1;
        }
    }
    assert!(seen > harms.len() / 2, "{seen} of {}", harms.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Whatever stands in a store, its bytes are given, and its text just where it is UTF-8.
    #[test]
    fn bytes_and_text_are_what_was_stored(
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..9),
        text in "\\PC{0,40}",
    ) {
        let (_folder, path) = folder();
        let repo = Repository::init(&path).unwrap();
        let contents: Vec<_> = contents.into_iter().chain([text.into_bytes()]).collect();
        for (n, content) in contents.iter().enumerate() {
            repo.create(Draft::bytes(content.clone()).version(version(&format!("v{n}")))).unwrap();
        }
        repo.close().unwrap();
        let found = told(
            &path,
            "SELECT hex(tintype_bytes(version || '/data')), typeof(tintype_text(version || '/data')),
                    hex(coalesce(tintype_text(version || '/data'), ''))
             FROM snapshot ORDER BY id",
        );
        let expected: String = contents
            .iter()
            .map(|content| {
                let hex: String = content.iter().map(|byte| format!("{byte:02X}")).collect();
                match str::from_utf8(content) {
                    Ok(_) => format!("{hex}|text|{hex}\n"),
                    Err(_) => format!("{hex}|null|\n"),
                }
            })
            .collect();
        prop_assert_eq!(found, expected);
    }
}
