//! What happens to a store from outside: damage.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::full::full_store;
use serde_json::json;
use tintype::ops::rollout;
use tintype::ops::verify::{self, Depth};
use tintype::{Draft, Error, EventQuery, Query, Repository};

/// Everything that a store answers.
fn answers(repo: &Repository) -> tintype::Result<String> {
    let mut all = String::new();
    for found in repo.find(&Query::all().limit(1_000))? {
        all += &json!(found).to_string();
        for artifact in found.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
            let content = repo.content(&found.version, artifact.name.as_str())?;
            all += &String::from_utf8_lossy(&content);
        }
        assert_eq!(repo.get(&found.version)?, found);
    }
    for site in 0..3 {
        let pattern = format!("site{site}/*/part").parse()?;
        all += &format!("{:?}", repo.find(&Query::context(pattern))?.len());
    }
    for tag in ["a", "b", "c", "later"] {
        all += &format!("{:?}", repo.find(&Query::all().tag(tag.parse()?))?.len());
    }
    let forgotten = repo.find(&Query::all().forgotten())?;
    let events = repo.events(&EventQuery { limit: 1_000, ..EventQuery::default() })?;
    all += &json!([forgotten, events, repo.retention()?, rollout::all(repo)?]).to_string();
    let stats = repo.stats()?;
    all += &format!("{:?} {stats:?}", repo.tags()?);
    Ok(all)
}

/// What became of a flipped byte.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Harmless,
    Found,
    Silent(String),
}

fn fate(path: &Path, before: &str) -> Fate {
    let repo = match Repository::builder().busy_timeout(Duration::ZERO).open(path) {
        Ok(repo) => repo,
        Err(_) => return Fate::Found,
    };
    match verify::verify(&repo, Depth::Data, &mut |_| {}) {
        Err(_) => Fate::Found,
        Ok(report) if !report.ok => Fate::Found,
        Ok(_) => match answers(&repo) {
            Ok(after) if after == before => Fate::Harmless,
            Ok(after) => Fate::Silent(after),
            Err(error) => Fate::Silent(error.to_string()),
        },
    }
}

/// Every byte where `TINTYPE_EVERY_BYTE` is set, one in two hundred otherwise.
#[test]
fn a_flipped_byte_is_found_or_changes_no_answer() {
    let stride = if std::env::var_os("TINTYPE_EVERY_BYTE").is_some() { 1 } else { 199 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    full_store(&path);
    let bytes = fs::read(&path).unwrap();
    let before = answers(&Repository::open(&path).unwrap()).unwrap();
    let (mut found, mut harmless, mut silent) = (0, 0, Vec::new());
    for at in (0..bytes.len()).step_by(stride) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        match fate(&path, &before) {
            Fate::Found => found += 1,
            Fate::Harmless => harmless += 1,
            Fate::Silent(after) => silent.push((at, after)),
        }
        for end in ["-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(folder.path().join(format!("tintype.db{end}")));
        }
    }
    println!(
        "{} flips: {found} found, {harmless} harmless, {} silent",
        found + harmless + silent.len(),
        silent.len()
    );
    assert!(silent.is_empty(), "silent: {:?}", silent.iter().map(|(at, _)| at).collect::<Vec<_>>());
    assert!(found > 50, "{found}");
}

#[test]
fn damage_is_named_and_the_rest_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    full_store(&path);
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch(
        "UPDATE blob SET data = CAST(substr(data, 1, length(data) - 1) || x'00' AS BLOB) WHERE id = 1;
         UPDATE snapshot SET description = 'other' WHERE version = 'version-5';",
    )
    .unwrap();
    drop(sql);
    let repo = Repository::open(&path).unwrap();
    let report = verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap();
    let named: Vec<_> = report
        .problems
        .iter()
        .map(|problem| problem.version.as_ref().map_or("", |version| version.as_str()))
        .collect();
    assert!(named.contains(&"version-0"), "{:?}", report.problems);
    assert!(named.contains(&"version-5"), "{:?}", report.problems);
    match repo.content(&"version-0".parse().unwrap(), "data") {
        Err(Error::Corrupt(damage)) => {
            assert_eq!(damage.version, Some("version-0".parse().unwrap()));
            assert_eq!(damage.artifact.as_deref(), Some("data"));
        }
        other => panic!("{other:?}"),
    }
    assert!(repo.content(&"version-1".parse().unwrap(), "data").is_ok());
    // What comes after damaged content does not depend on it.
    let context = "site0/module/part/-/scrape".parse().unwrap();
    let version = repo.create(Draft::text("0: 0\n1: 9").context(context)).unwrap();
    assert_eq!(repo.content(&version, "data").unwrap(), b"0: 0\n1: 9");
}

#[test]
fn a_lost_end_of_the_log_stays_visible() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    full_store(&path);
    let earlier = fs::read(&path).unwrap();
    let repo = Repository::open(&path).unwrap();
    repo.create(Draft::text("one")).unwrap();
    repo.create(Draft::text("two")).unwrap();
    repo.close().unwrap();
    // As if what was committed last had not come into the file.
    fs::write(&path, &earlier).unwrap();
    let problems = || {
        let repo = Repository::open(&path).unwrap();
        verify::verify(&repo, Depth::Quick, &mut |_| {}).unwrap().problems
    };
    assert!(problems()[0].detail.contains("is lost"), "{:?}", problems());
    // What is written since does not cover it up.
    let repo = Repository::open(&path).unwrap();
    for n in 0..5 {
        repo.create(Draft::text(format!("again {n}"))).unwrap();
    }
    repo.close().unwrap();
    assert!(problems()[0].detail.contains("is not the one"), "{:?}", problems());
}

#[test]
fn a_log_left_behind_is_not_played_into_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let log = folder.path().join("tintype.db-wal");
    fs::write(&log, "left behind").unwrap();
    match Repository::init(&path) {
        Err(Error::StoreExists { path }) => assert_eq!(path, log),
        other => panic!("{:?}", other.err()),
    }
    assert!(!path.exists());
    assert_eq!(fs::read_to_string(&log).unwrap(), "left behind");
}

#[test]
fn user_info_that_could_not_be_read_again_is_refused() {
    let repo = Repository::in_memory().unwrap();
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    assert!(matches!(
        repo.create(Draft::text("x").info("k", deep)),
        Err(Error::Invalid { what: "user info", .. })
    ));
}

#[test]
fn writing_within_a_transaction_through_the_repository_is_an_error_not_a_hang() {
    let repo = Repository::temporary().unwrap();
    let version = repo.create(Draft::text("x")).unwrap();
    repo.write(|tx| {
        assert!(repo.tag(&version, &"t".parse()?).is_err());
        assert!(repo.create(Draft::text("y")).is_err());
        tx.tag(&version, &"t".parse()?)
    })
    .unwrap();
    assert_eq!(repo.stats().unwrap().snapshots, 1);
    repo.create(Draft::text("y")).unwrap();
}
