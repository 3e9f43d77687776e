//! Snapshots out of a store and into another.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tintype::codec::frame::{Codec, decode};
use tintype::ops::transfer::{self, Naming};
use tintype::ops::verify::{self, Depth};
use tintype::{
    ArtifactStatus, Draft, DraftArtifact, Error, Keep, Place, Query, Repository, Status, Tag,
    Version,
};

use crate::support::values::{context, document, tag, version};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn export(repo: &Repository, names: &[&str], path: &Path) -> tintype::Result<transfer::Exported> {
    let versions: Vec<Version> = names.iter().map(|name| version(name)).collect();
    transfer::export(repo, &versions, path, &mut |_| {})
}

fn import(repo: &Repository, path: &Path, naming: Naming) -> tintype::Result<Vec<(String, bool)>> {
    let imported = transfer::import(repo, path, &naming, &mut |_| {})?;
    Ok(imported.into_iter().map(|one| (one.version.to_string(), one.present)).collect())
}

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

/// A store that says all that can be said of snapshots.
fn rich() -> Repository {
    let repo = Repository::temporary().unwrap();
    let missing = |name: &str, status, reason: Option<&str>| {
        let reason = reason.map(str::to_owned);
        DraftArtifact::missing(name.parse().unwrap(), "image/png", status, reason).unwrap()
    };
    let page = DraftArtifact::stored("page.html".parse().unwrap(), "text/html", document(1));
    let draft = Draft::new()
        .artifact(page.unwrap().took(Duration::from_micros(12_345)))
        .artifact(missing("full.png", ArtifactStatus::Failed, Some("timed out")))
        .artifact(missing("view.png", ArtifactStatus::Skipped, None).took(Duration::from_micros(1)))
        .version(version("page"))
        .at("1969-12-31T23:59:59.999999Z".parse().unwrap())
        .context(context("shop.example/a%2Fb/-/run-1/scrape"))
        .describe("line one\nline two")
        .info("float", 0.1 + 0.2)
        .info("small", 5e-324)
        .info("nested", json!({"b": [1, null, "é"], "a": u64::MAX}))
        .status(Status::Partial)
        .tag("good")
        .unwrap()
        .tag(Tag::pinned())
        .unwrap();
    repo.create(draft).unwrap();
    for n in 0..30 {
        let mut draft = Draft::bytes(document(n))
            .version(version(&format!("n{n:02}")))
            .at(format!("2026-02-{:02}", n / 3 + 1).parse().unwrap());
        if n == 20 {
            draft = draft.based_on(version("n03"));
        }
        repo.create(draft).unwrap();
    }
    repo.create(Draft::bytes(vec![]).version(version("empty"))).unwrap();
    repo
}

/// All that two stores say of a snapshot.
fn same(a: &Repository, b: &Repository, name: &str, as_name: &str) {
    let (one, other) = (a.get(&version(name)).unwrap(), b.get(&version(as_name)).unwrap());
    let said = |snapshot: &tintype::Snapshot| {
        let artifacts: Vec<_> = snapshot
            .artifacts
            .iter()
            .map(|it| {
                json!([
                    it.name,
                    it.media_type,
                    it.status,
                    it.reason,
                    it.took_ms,
                    it.hash,
                    it.bytes,
                    it.entries
                ])
            })
            .collect();
        json!([
            snapshot.created_at,
            snapshot.context,
            snapshot.status,
            snapshot.tags,
            snapshot.description,
            snapshot.user_info,
            snapshot.based_on,
            artifacts
        ])
    };
    assert_eq!(said(&one), said(&other));
    for artifact in one.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
        let name = artifact.name.as_str();
        assert_eq!(
            a.content(&one.version, name).unwrap(),
            b.content(&other.version, name).unwrap()
        );
    }
}

#[test]
fn an_archive_holds_everything_known_of_its_snapshots_and_is_a_store() {
    let folder = folder();
    let path = folder.path().join("out.tintype");
    let repo = rich();
    let exported = export(&repo, &["n20", "page", "n05", "page", "n04", "empty"], &path).unwrap();
    assert_eq!(exported.snapshots, 5);
    assert_eq!(exported.file_bytes, fs::metadata(&path).unwrap().len());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let archive = Repository::open(&path).unwrap();
    whole(&archive);
    let listed: Vec<_> = archive
        .find(&Query::all().oldest_first())
        .unwrap()
        .into_iter()
        .map(|one| one.version)
        .collect();
    // By time, ties by insertion.
    assert_eq!(
        listed.iter().map(Version::as_str).collect::<Vec<_>>(),
        ["page", "n04", "n05", "n20", "empty"]
    );
    let target = Repository::temporary().unwrap();
    archive.close().unwrap();
    let imported = import(&target, &path, Naming::Keep).unwrap();
    assert!(imported.iter().all(|(_, present)| !present));
    for name in ["page", "n04", "n05", "n20", "empty"] {
        same(&repo, &target, name, name);
    }
    assert_eq!(target.get(&version("n20")).unwrap().based_on, Some(version("n03")));
    whole(&target);
    // Once more adds nothing, neither there nor where it came from.
    for store in [&target, &repo] {
        let before = store.stats().unwrap();
        let again = import(store, &path, Naming::Keep).unwrap();
        assert!(again.iter().all(|(_, present)| *present), "{again:?}");
        assert_eq!(store.stats().unwrap(), before);
    }
}

#[test]
fn a_version_that_is_taken_is_an_error_unless_a_new_one_is_asked_for() {
    let folder = folder();
    let path = folder.path().join("out.tintype");
    let repo = rich();
    export(&repo, &["n01", "n02"], &path).unwrap();
    let target = Repository::temporary().unwrap();
    target.create(Draft::text("another").version(version("n02"))).unwrap();
    let before = target.stats().unwrap();
    match import(&target, &path, Naming::Keep) {
        Err(Error::VersionExists { version }) => assert_eq!(version.as_str(), "n02"),
        other => panic!("{other:?}"),
    }
    assert_eq!(target.stats().unwrap(), before);
    let imported = import(&target, &path, Naming::NewWhereTaken).unwrap();
    assert_eq!(imported[0].0, "n01");
    assert_eq!(imported[1].0.len(), 16);
    same(&repo, &target, "n02", &imported[1].0);
    assert_eq!(target.content(&version("n02"), "data").unwrap(), b"another");
    // A name fits just one.
    assert!(matches!(
        import(&target, &path, Naming::As(version("x"))),
        Err(Error::Invalid { what: "version", .. })
    ));
    let one = folder.path().join("one.tintype");
    export(&repo, &["page"], &one).unwrap();
    assert!(matches!(
        import(&target, &one, Naming::As(version("n01"))),
        Err(Error::VersionExists { .. })
    ));
    assert_eq!(import(&target, &one, Naming::As(version("mine"))).unwrap()[0].0, "mine");
    same(&repo, &target, "page", "mine");
    // What is forgotten is still taken.
    target.forget(&version("n01")).unwrap();
    assert!(matches!(import(&target, &path, Naming::As(version("y"))), Err(Error::Invalid { .. })));
    whole(&target);
}

#[test]
fn what_can_t_be_exported_leaves_nothing_behind() {
    let folder = folder();
    let path = folder.path().join("out.tintype");
    let repo = rich();
    assert!(matches!(export(&repo, &["n01", "never"], &path), Err(Error::NotFound { .. })));
    assert!(matches!(export(&repo, &[], &path), Err(Error::Invalid { .. })));
    fs::write(&path, "mine").unwrap();
    assert!(matches!(export(&repo, &["n01"], &path), Err(Error::StoreExists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let nowhere = folder.path().join("no/such/folder.tintype");
    assert!(matches!(export(&repo, &["n01"], &nowhere), Err(Error::Io { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_damaged_or_cut_archive_is_refused_and_nothing_of_it_is_stored() {
    let folder = folder();
    let path = folder.path().join("out.tintype");
    export(&rich(), &["n01", "n02", "page"], &path).unwrap();
    let good = fs::read(&path).unwrap();
    let target = Repository::temporary().unwrap();
    let before = target.stats().unwrap();
    let mut refused = 0;
    let mut attempt = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match import(&target, &path, Naming::Keep) {
            Ok(_) => {
                // A byte that means nothing: everything came in as it was.
                for name in ["n01", "n02", "page"] {
                    target.untag(&version(name), &Tag::pinned()).unwrap();
                    target.forget(&version(name)).unwrap();
                }
                tintype::ops::gc::run(&target, &tintype::ops::gc::Options::now(), &mut |_| {})
                    .unwrap();
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
        assert_eq!(target.stats().unwrap().snapshots, before.snapshots);
    };
    for cut in (0..good.len()).step_by(4_099).chain([good.len() - 1]) {
        attempt(&good[..cut]);
    }
    for at in (0..good.len()).step_by(1_499) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        attempt(&bytes);
    }
    attempt(b"not a store");
    assert!(refused > 30, "{refused}");
    assert!(matches!(
        import(&target, &folder.path().join("none"), Naming::Keep),
        Err(Error::NoStore { .. })
    ));
    whole(&target);
}

#[test]
fn rules_of_retention_hold_for_what_is_imported() {
    let folder = folder();
    let path = folder.path().join("out.tintype");
    export(&rich(), &["n01", "n02", "n03", "n04"], &path).unwrap();
    let target = Repository::temporary().unwrap();
    target.set_retention(&Place::whole(), Some(&Keep::last(2))).unwrap();
    assert_eq!(import(&target, &path, Naming::Keep).unwrap().len(), 4);
    assert_eq!(target.stats().unwrap().snapshots, 2);
    whole(&target);
}

/// A store as an earlier schema wrote it.
fn earlier(folder: &Path) -> PathBuf {
    let packed = include_bytes!("../data/schema-07.db.zst");
    let path = folder.join("earlier.db");
    fs::write(&path, decode(Codec::Zstd, packed, None, 118_784).unwrap()).unwrap();
    path
}

#[test]
fn a_store_of_an_earlier_schema_is_brought_up_to_date_and_says_the_same() {
    let folder = folder();
    let path = earlier(folder.path());
    let repo = Repository::open(&path).unwrap();
    whole(&repo);
    assert_eq!(repo.stats().unwrap().schema, tintype::store::SCHEMA);
    let found = repo.find(&Query::all().oldest_first()).unwrap();
    let names: Vec<_> = found.iter().map(|found| found.version.as_str()).collect();
    assert_eq!(names, ["old-1", "old-2", "old-3", "old-4", "old-5", "both"]);
    assert_eq!(repo.tags().unwrap(), [(tag("good"), 1), (tag("nightly"), 4)]);
    assert_eq!(found[4].user_info["n"], 5);
    assert_eq!(repo.content(&version("old-2"), "data").unwrap().len(), 2_942);
    let place = Query::context("shop.example/prices/*/run-3".parse().unwrap());
    assert_eq!(repo.find(&place).unwrap().len(), 1);
    repo.forget(&version("old-1")).unwrap();
    tintype::ops::gc::run(&repo, &tintype::ops::gc::Options::now(), &mut |_| {}).unwrap();
    whole(&repo);
}

#[test]
fn an_archive_of_an_earlier_schema_is_imported_and_stays_as_it_was() {
    let folder = folder();
    let path = earlier(folder.path());
    let before = fs::read(&path).unwrap();
    let target = Repository::temporary().unwrap();
    assert_eq!(import(&target, &path, Naming::Keep).unwrap().len(), 6);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    whole(&target);
}
