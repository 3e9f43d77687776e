//! Questions in SQL: they are answered row by row, change nothing, and cost no more than they may.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tintype::store::{SQL_BYTES_MAX, SqlAnswer, SqlOptions, SqlValue};
use tintype::{Draft, Error, Repository};

use crate::support::full::full_store;

/// A question that has no end.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

/// The rows of an answer, each as its columns would be printed in Rust.
fn ask(repo: &Repository, question: &str) -> tintype::Result<Vec<Vec<String>>> {
    ask_with(repo, question, &SqlOptions::default())
}

fn ask_with(
    repo: &Repository,
    question: &str,
    options: &SqlOptions,
) -> tintype::Result<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let count = repo.sql(question, options, |answer| -> tintype::Result<_> {
        if let SqlAnswer::Row(row) = answer {
            rows.push(row.iter().map(|value| format!("{value:?}")).collect());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    assert_eq!(count, rows.len() as u64);
    Ok(rows)
}

/// A question that is refused as what it is; gives why.
fn refused(repo: &Repository, question: &str) -> String {
    match ask(repo, question) {
        Err(Error::Invalid { what: "statement", why, .. }) => why,
        other => panic!("{question}: {other:?}"),
    }
}

#[test]
fn values_come_as_they_are() {
    let repo = Repository::temporary().unwrap();
    let question = "SELECT NULL, 7, -1.5, 9e999, 'tëxt', x'00ff', CAST(x'ff' AS TEXT)";
    let mut columns = 0;
    repo.sql(question, &SqlOptions::default(), |answer| -> tintype::Result<_> {
        match answer {
            SqlAnswer::Columns(names) => columns = names.len(),
            SqlAnswer::Row(row) => assert_eq!(
                row,
                [
                    SqlValue::Null,
                    SqlValue::Integer(7),
                    SqlValue::Real(-1.5),
                    SqlValue::Real(f64::INFINITY),
                    SqlValue::Text("tëxt".as_bytes()),
                    SqlValue::Blob(&[0, 255]),
                    SqlValue::Text(&[255]),
                ]
            ),
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(columns, 7);
}

#[test]
fn every_view_answers_and_nothing_changes_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    full_store(&path);
    let repo = Repository::open(&path).unwrap();
    let views = "SELECT name FROM sqlite_schema WHERE type = 'view'";
    let views = ask(&repo, views).unwrap();
    assert!(views.len() >= 8, "{views:?}");
    for view in &views {
        let name = view[0].trim_start_matches("Text(").trim_end_matches(')');
        let bytes: Vec<u8> =
            name.trim_matches(['[', ']']).split(", ").map(|byte| byte.parse().unwrap()).collect();
        let name = String::from_utf8(bytes).unwrap();
        ask(&repo, &format!("SELECT * FROM {name}")).unwrap();
    }
    let before = std::fs::read(&path).unwrap();
    for question in [
        "DELETE FROM snapshot",
        "UPDATE tag SET id = 9",
        "INSERT INTO name (id, text) VALUES (1, 'x') RETURNING *",
        "CREATE TABLE mine (a)",
        "CREATE TEMP TABLE mine (a)",
        "DROP VIEW v_snapshot",
        "PRAGMA user_version = 99",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = DELETE",
        "ATTACH '/tmp/other.db' AS other",
        "VACUUM",
        "VACUUM INTO '/tmp/other.db'",
        "BEGIN IMMEDIATE",
        "SAVEPOINT mine",
        "REINDEX",
        "ANALYZE",
    ] {
        refused(&repo, question);
    }
    assert!(refused(&repo, "SELECT 1; SELECT 2").contains("one at a time"));
    assert!(refused(&repo, "").contains("asks nothing"));
    assert!(refused(&repo, "-- nothing").contains("asks nothing"));
    assert!(refused(&repo, "SELECT ?1").contains("parameters"));
    assert!(refused(&repo, "SELECT * FROM v_snapsot").contains("v_snapshot"));
    assert!(refused(&repo, "SELEC 1").contains("syntax error"));
    refused(&repo, "SELECT load_extension('/tmp/x.so')");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(ask(&repo, "PRAGMA table_info(snapshot)").unwrap().len() > 5);
}

#[test]
fn what_a_question_costs_has_limits() {
    let repo = Repository::temporary().unwrap();
    let options = SqlOptions { time_max: Some(Duration::from_millis(30)), stop: None };
    match ask_with(&repo, ENDLESS, &options) {
        Err(Error::Database { source, .. }) => {
            assert!(source.to_string().contains("longer than 0.03 s"), "{source}");
        }
        other => panic!("{other:?}"),
    }
    let stop = Arc::new(AtomicBool::new(false));
    let options = SqlOptions { time_max: None, stop: Some(Arc::clone(&stop)) };
    // It goes on for as long as nobody ends it, and ends once somebody does.
    let mut rows = 0_u64;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let ended = repo.sql(endless, &options, |answer| -> tintype::Result<_> {
        if let SqlAnswer::Row(_) = answer {
            rows += 1;
            stop.store(rows > 1_000, Ordering::Relaxed);
        }
        Ok(ControlFlow::Continue(()))
    });
    assert!(matches!(ended, Err(Error::Database { .. })), "{ended:?}");
    assert!(rows > 1_000);
    // Whoever breaks off gets what there was until then.
    let mut taken = 0;
    let count = repo.sql(endless, &SqlOptions::default(), |answer| -> tintype::Result<_> {
        taken += u64::from(matches!(answer, SqlAnswer::Row(_)));
        Ok(if taken == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    assert_eq!((count.unwrap(), taken), (7, 7));
    refused(&repo, "SELECT zeroblob(200000000)");
    let long = format!("SELECT '{}'", "x".repeat(SQL_BYTES_MAX));
    assert!(matches!(ask(&repo, &long), Err(Error::TooLarge { .. })));
    // An error of who takes the rows comes back to him.
    let failed = repo.sql("SELECT 1", &SqlOptions::default(), |_| {
        Err::<ControlFlow<()>, _>(Error::invalid("row", "1", "it is not liked"))
    });
    assert!(matches!(failed, Err(Error::Invalid { what: "row", .. })));
}

#[test]
fn a_question_sees_one_state_and_waits_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let repo = Repository::init(&path).unwrap();
    repo.create(Draft::text("one")).unwrap();
    let question = "SELECT count(*) FROM v_snapshot AS a, v_snapshot AS b";
    let lock = rusqlite::Connection::open(&path).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(ask(&repo, question).unwrap(), [["Integer(1)"]]);
    lock.execute_batch("ROLLBACK").unwrap();
    // What is stored while rows are taken is not among them.
    let mut seen = 0;
    repo.sql("SELECT version FROM v_snapshot", &SqlOptions::default(), |answer| {
        if let SqlAnswer::Row(_) = answer {
            seen += 1;
            repo.create(Draft::text("more"))?;
        }
        Ok::<_, Error>(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!((seen, repo.stats().unwrap().snapshots), (1, 2));
    let memory = Repository::in_memory().unwrap();
    memory.create(Draft::text("one")).unwrap();
    assert_eq!(ask(&memory, question).unwrap(), [["Integer(1)"]]);
    refused(&memory, "DELETE FROM snapshot");
}
