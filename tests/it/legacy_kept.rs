//! Nothing of an old folder is lost unseen: what tells two old snapshots apart, files that are not
//! what would be written for what they tell, what is more than a store takes, and what can't be read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};
use tintype::codec::frame::Hasher;
use tintype::format::bundle::{self, Config, Own, OwnArtifact};
use tintype::format::flat;
use tintype::format::hashes::{md5, sha256};
use tintype::format::pickle::{Pickle, RENDERED_MAX};
use tintype::ops::gc;
use tintype::ops::legacy::verify::DifferenceKind;
use tintype::ops::legacy::write::{export_bundle, export_flat};
use tintype::ops::legacy::{self, Options, Report};
use tintype::ops::transfer::{self, Naming};
use tintype::{
    ArtifactStatus, Context, Draft, DraftArtifact, Query, Repository, Snapshot, Status, Zone,
};

use crate::legacy::{notes, taken};
use crate::support::old::{Old, page, png};

fn import(repo: &Repository, folder: &Path) -> Report {
    let plan = legacy::plan(repo, folder, &mut |_| {}).unwrap();
    legacy::apply(repo, plan, &Options::default(), &mut |_| {}).unwrap()
}

fn all(repo: &Repository) -> Vec<Snapshot> {
    repo.find(&Query::all().oldest_first().limit(1_000)).unwrap()
}

/// The artifacts that have this content, by name.
fn kept_as(repo: &Repository, content: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for snapshot in all(repo) {
        for artifact in snapshot.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
            if repo.content(&snapshot.version, artifact.name.as_str()).unwrap() == content {
                names.insert(artifact.name.to_string());
            }
        }
    }
    names
}

/// Whether each file of a folder is content of an artifact.
fn is_all_kept(repo: &Repository, old: &Old) -> bool {
    old.files().iter().all(|(_, content)| !kept_as(repo, content).is_empty())
}

fn reason(report: &Report, path: &str) -> String {
    report.items().find(|item| item.path == path).unwrap().reason.unwrap_or_default()
}

/// A registry store of these entries, each with the value `[1]`, in a folder; gives its registry.
fn store(old: &Old, within: &str, entries: &[(&str, Value)]) -> Value {
    let mut registry = Map::new();
    for (version, more) in entries {
        let mut entry = json!({
            "version": version, "created_at": "2026-02-14T12:40:54+00:00", "tags": ["good"],
            "description": "", "user_info": {}, "checksum": sha256(b"[1]"), "size_bytes": 64,
            "entry_count": 1,
        });
        for (name, value) in more.as_object().unwrap() {
            entry[name] = value.clone();
        }
        old.file(&format!("{within}data/{version}.data"), "[1]");
        old.json(&format!("{within}metadata/{version}.json"), &entry);
        registry.insert((*version).to_owned(), entry);
    }
    let registry = json!({ "snapshots": registry });
    old.json(&format!("{within}registry.json"), &registry);
    registry
}

// What is the same, and what is not

#[test]
fn what_differs_in_anything_that_is_told_is_another_snapshot() {
    let old = Old::new();
    let others = [
        json!({}),
        json!({"tags": ["bad"]}),
        json!({"tags": ["good", "bad"]}),
        json!({"description": "after the sale"}),
        json!({"user_info": {"n": 1}}),
        json!({"user_info": {"n": 2}}),
        json!({"user_info": {"delta_base_version": "v0"}}),
        json!({"created_at": "2026-02-14T12:40:54.000001+00:00"}),
        json!({"size_bytes": 65}),
    ];
    for (at, other) in others.iter().enumerate() {
        store(&old, &format!("{at}/"), &[("v1", other.clone())]);
    }
    // The same once more, elsewhere.
    store(&old, "again/", &[("v1", json!({}))]);
    let (repo, report) = taken(&old);
    let (count, files) = (report.snapshots.imported, report.files.duplicates);
    assert_eq!((count, files), (others.len() as u64, 3), "{}", notes(&report));
    assert_eq!(all(&repo).len(), others.len());
}

#[test]
fn two_folders_of_one_name_and_content_are_two_snapshots_where_they_belong_elsewhere() {
    let old = Old::new();
    for site in ["one.example", "two.example"] {
        old.file(&format!("{site}/m/c/20260214/124054_s/html/fullpage_1.html"), page(1));
    }
    let (repo, report) = taken(&old);
    assert_eq!(report.snapshots.imported, 2);
    let sites: Vec<_> = all(&repo).iter().map(|it| it.context.site_name().to_owned()).collect();
    assert_eq!(sites, ["one.example", "two.example"]);
}

#[test]
fn what_user_info_cannot_hold_tells_snapshots_apart_too() {
    let old = Old::new();
    for (at, word) in ["x", "y"].into_iter().enumerate() {
        let place = format!("{at}/m/c/20260214/124054_s");
        old.file(&format!("{place}/html/a.html"), page(1));
        let metadata = json!({
            "context": {"site": "s"}, "timestamp": "2026-02-14T12:40:54", "artifacts": ["html/a.html"],
            "metadata": {"long": word.repeat(2_000_000)},
        });
        old.json(&format!("{place}/metadata.json"), &metadata);
    }
    let (repo, report) = taken(&old);
    assert_eq!(report.snapshots.imported, 2);
    for snapshot in all(&repo) {
        let told = &snapshot.user_info["legacy"];
        assert!(told["metadata_digest"].is_string() && told.get("metadata").is_none());
    }
}

#[test]
fn what_was_imported_is_found_when_a_name_before_its_own_has_become_free() {
    let (one, two) = (Old::new(), Old::new());
    store(&one, "", &[("v1", json!({"description": "one"}))]);
    store(&two, "", &[("v1", json!({"description": "two"}))]);
    let repo = Repository::temporary().unwrap();
    import(&repo, one.root());
    import(&repo, two.root());
    assert_eq!(all(&repo).len(), 2);
    repo.forget(&"v1".parse().unwrap()).unwrap();
    gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
    let again = import(&repo, two.root());
    assert_eq!((again.files.imported, again.files.duplicates), (0, 3));
    assert!(legacy::verify(&repo, Some(two.root()), &mut |_| {}).unwrap().ok);
    assert_eq!(all(&repo).len(), 1);
}

#[test]
fn a_bundle_is_the_same_taken_in_with_its_tree_and_by_itself() {
    let old = Old::new();
    let place = "shop.example/m/c/20260214/124054_s";
    old.file(&format!("{place}/html/fullpage_1.html"), page(1));
    old.json(
        &format!("{place}/metadata.json"),
        &json!({
            "context": {"site": "shop.example"}, "timestamp": "2026-02-14T12:40:54",
            "artifacts": ["html/fullpage_1.html"], "bundle_path": "x",
        }),
    );
    let (repo, _) = taken(&old);
    assert_eq!(all(&repo)[0].user_info["legacy"]["key"], "124054_s");
    let alone = import(&repo, &old.path(place));
    assert_eq!((alone.files.imported, alone.files.duplicates), (0, 2));
    assert!(legacy::verify(&repo, Some(&old.path(place)), &mut |_| {}).unwrap().ok);
}

#[test]
fn a_base_is_of_the_same_store() {
    let old = Old::new();
    let more = |words: &str| json!({"description": words});
    for words in ["one", "two"] {
        let base = json!({"user_info": {"delta_base_version": "v2"}, "description": words});
        store(&old, &format!("{words}/"), &[("v2", more(words)), ("v1", base)]);
        // Without it they are found by the names of their files, in that order.
        fs::remove_file(old.path(&format!("{words}/registry.json"))).unwrap();
    }
    let (repo, _) = taken(&old);
    let found = all(&repo);
    for words in ["one", "two"] {
        let of = |name: &str| {
            let is_it = |it: &&Snapshot| {
                it.description.as_deref() == Some(words) && it.user_info["legacy"]["key"] == name
            };
            found.iter().find(is_it).unwrap()
        };
        assert_eq!(of("v1").based_on.as_ref(), Some(&of("v2").version), "{words}");
    }
}

#[test]
fn proof_finds_that_a_snapshot_comes_from_another() {
    let old = Old::new();
    let base = json!({"user_info": {"delta_base_version": "v1"}});
    store(&old, "old/", &[("v1", json!({})), ("v2", base)]);
    let path = old.path("store.db");
    let repo = Repository::init(&path).unwrap();
    import(&repo, &old.path("old"));
    repo.close().unwrap();
    let conn = Connection::open(&path).unwrap();
    let change = "UPDATE snapshot SET based_on = 'v7' WHERE version = 'v2'";
    assert_eq!(conn.execute(change, []).unwrap(), 1);
    drop(conn);
    let repo = Repository::open(&path).unwrap();
    let proof = legacy::verify(&repo, Some(&old.path("old")), &mut |_| {}).unwrap();
    let [problem] = proof.problems.as_slice() else { panic!("{:?}", proof.problems) };
    assert_eq!(problem.kind, DifferenceKind::Facts);
    assert!(problem.detail.contains("from version v7, not from version v1"), "{problem:?}");
}

// Files that are not what would be written

#[test]
fn a_registry_is_kept_where_something_of_it_would_be_lost() {
    let entries = [("v1", json!({})), ("v2", json!({"description": "ü"}))];
    // What such managers write is told by its versions.
    let old = Old::new();
    let registry = store(&old, "", &entries);
    let (repo, report) = taken(&old);
    assert_eq!((report.snapshots.imported, report.files.imported), (2, 5));
    let plain = fs::read(old.path("registry.json")).unwrap();
    assert!(kept_as(&repo, &plain).is_empty());
    // In ASCII too.
    for path in ["registry.json", "metadata/v2.json"] {
        let text = fs::read_to_string(old.path(path)).unwrap();
        old.file(path, text.replace('ü', "\\u00fc"));
    }
    assert_eq!(taken(&old).1.snapshots.imported, 2);
    store(&old, "", &entries);

    let more = |change: fn(&mut Value)| {
        let mut changed = registry.clone();
        change(&mut changed);
        serde_json::to_string_pretty(&changed).unwrap()
    };
    for (at, changed) in [
        more(|it| it["format"] = json!(3)),
        more(|it| it["snapshots"]["v1"]["tags"] = json!(["other"])),
        more(|it| it["snapshots"]["v3"] = json!("none")),
        serde_json::to_string(&registry).unwrap(),
        String::from_utf8(plain.clone()).unwrap() + "\n",
        String::from_utf8(plain).unwrap().replace("64", "6.40e1"),
    ]
    .into_iter()
    .enumerate()
    {
        old.file("registry.json", &changed);
        let (repo, report) = taken(&old);
        assert_eq!((report.snapshots.imported, report.files.imported), (3, 5), "change {at}");
        assert!(kept_as(&repo, changed.as_bytes()).contains("data"), "change {at}");
    }
}

#[test]
fn metadata_of_a_version_is_kept_where_something_of_it_would_be_lost() {
    let old = Old::new();
    store(&old, "", &[("v1", json!({}))]);
    let path = "metadata/v1.json";
    let text = fs::read_to_string(old.path(path)).unwrap();
    for changed in [text.replace('\n', "\r\n"), text.replace("64", "64.00"), text.clone() + " "] {
        old.file(path, &changed);
        let (repo, _) = taken(&old);
        assert_eq!(kept_as(&repo, changed.as_bytes()), ["metadata.json".to_owned()].into());
    }
}

#[test]
fn an_export_is_kept_where_something_of_it_would_be_lost() {
    let document = json!({
        "data": {"a": [1, 2]},
        "metadata": {
            "version": "e-1", "created_at": "2026-02-14T12:00:00+00:00", "tags": [],
            "checksum": sha256(br#"{"a": [1, 2]}"#),
        },
        "source_id": "e-1",
    });
    let old = Old::new();
    old.json("e.json", &document);
    assert_eq!(all(&taken(&old).0)[0].artifacts.len(), 1);
    let compact = document.to_string();
    old.file("e.json", &compact);
    assert_eq!(kept_as(&taken(&old).0, compact.as_bytes()), ["export.json".to_owned()].into());

    // What this crate wrote follows from the snapshot.
    let repo = Repository::temporary().unwrap();
    let version = repo.create(Draft::json(&json!({"b": 1})).unwrap().describe("first")).unwrap();
    let old = Old::new();
    transfer::export_json(&repo, &version, old.path("ours.json")).unwrap();
    assert_eq!(all(&taken(&old).0)[0].artifacts.len(), 1);
    let written = fs::read_to_string(old.path("ours.json")).unwrap();
    let changed = written.replace("\"source_id\"", "\"sourceid\"");
    old.file("ours.json", &changed);
    assert!(kept_as(&taken(&old).0, changed.as_bytes()).contains("export.json"));
}

fn stored(name: &str, media_type: &str, content: &[u8]) -> DraftArtifact {
    DraftArtifact::stored(name.parse().unwrap(), media_type, content).unwrap()
}

fn capture() -> Draft {
    Draft::new()
        .context("shop.example/prices".parse().unwrap())
        .at("2026-02-14T12:40:54.000120Z".parse().unwrap())
        .describe("after the sale")
        .artifact(stored("page.html", "text/html", page(1).as_bytes()))
        .artifact(stored("view.png", "image/png", &png(1)))
}

#[test]
fn a_document_of_ours_is_kept_where_it_is_not_as_it_was_written() {
    let repo = Repository::temporary().unwrap();
    let version = repo.create(capture()).unwrap();
    let old = Old::new();
    let path = export_flat(&repo, &version, old.root()).unwrap().path;
    assert_eq!(all(&taken(&old).0)[0].artifacts.len(), 2);
    let text = fs::read_to_string(&path).unwrap();
    let more = text.replacen('{', "{\n  \"more\": 1,", 1);
    for changed in [more, text.replace("after the sale", "before"), text.clone() + "\n"] {
        // Another description is one that would be written.
        let is_written = changed.contains("before");
        fs::write(&path, &changed).unwrap();
        let (other, _) = taken(&old);
        assert_eq!(kept_as(&other, changed.as_bytes()).contains("snapshot.json"), !is_written);
        assert!(other.get(&version).unwrap().artifact("page.html").is_some());
    }
}

#[test]
fn what_a_document_of_ours_does_not_tell_of_is_taken_by_itself() {
    let repo = Repository::temporary().unwrap();
    let version = repo.create(capture()).unwrap();
    let old = Old::new();
    let path = export_flat(&repo, &version, old.root()).unwrap().path;
    // It names a page that the snapshot in it does not have.
    let mut document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    document["tintype"]["snapshot"]["artifacts"].as_array_mut().unwrap().remove(0);
    fs::write(&path, serde_json::to_vec_pretty(&document).unwrap()).unwrap();
    let (other, report) = taken(&old);
    assert_eq!((report.files.imported, report.snapshots.imported), (3, 2));
    assert!(is_all_kept(&other, &old));
}

#[test]
fn metadata_of_a_bundle_of_ours_is_kept_where_it_is_not_as_it_was_written() {
    let repo = Repository::temporary().unwrap();
    let version = repo.create(capture()).unwrap();
    let old = Old::new();
    let path = export_bundle(&repo, &version, old.root()).unwrap().path.join("metadata.json");
    let text = fs::read_to_string(&path).unwrap();
    let (other, report) = taken(&old);
    assert!(kept_as(&other, text.as_bytes()).is_empty(), "{}", notes(&report));
    assert_eq!(other.get(&version).unwrap().artifacts.len(), 2);
    // Its hash is still right, so it is what was exported.
    let more = text.replacen('{', "{\n  \"more\": 1,", 1);
    fs::write(&path, &more).unwrap();
    assert_eq!(kept_as(&taken(&old).0, more.as_bytes()), ["metadata.json".to_owned()].into());
    let back = Repository::temporary().unwrap();
    transfer::import(&back, old.root(), &Naming::Keep, &mut |_| {}).unwrap();
    assert_eq!(back.get(&version).unwrap().artifacts.len(), 2);
    // It is not any more.
    let edited = text.replace("after the sale", "before");
    fs::write(&path, &edited).unwrap();
    let (other, report) = taken(&old);
    assert!(kept_as(&other, edited.as_bytes()).contains("metadata.json"));
    assert!(notes(&report).contains("its hash differs"));
}

// What a name does not make it

#[test]
fn a_flat_folder_with_a_file_called_as_metadata_is_no_bundle() {
    for text in ["{\"format\": \"flat\"}", "", "{\"context\": {\"site\": \"cut", "no JSON"] {
        let old = Old::new();
        old.flat("", 1_769_683_048, &page(1), &png(1));
        old.flat("", 1_769_683_049, &page(2), &png(2));
        old.file("metadata.json", text);
        old.file("meta.json", "{}");
        let (repo, report) = taken(&old);
        assert_eq!(report.kinds[&("flat", "D3".to_owned())].imported, 2, "{text}");
        assert_eq!((report.files.imported, report.files.kept_as_bytes), (6, 2), "{text}");
        assert!(is_all_kept(&repo, &old));
    }
    // Nor is a folder that has nothing else of one.
    let old = Old::new();
    old.file("html/page.html", page(1));
    old.json("metadata.json", &json!({"name": "x"}));
    let (_, report) = taken(&old);
    assert_eq!(report.kinds[&("orphan", "page".to_owned())].imported, 1);
    // What is left of metadata makes one, wherever it lies.
    old.file("metadata.json", "{\"context\": {\"site\": \"shop.example\", \"mod");
    let (_, report) = taken(&old);
    assert_eq!(report.kinds[&("bundle", "damaged metadata".to_owned())].imported, 1);
}

// What is more than a store takes

/// What a bundle of this crate tells, with so many artifacts that have no content.
fn own(count: usize) -> Own {
    let artifact = |at: usize| OwnArtifact {
        name: format!("{at}.png").parse().unwrap(),
        path: None,
        media_type: "image/png".to_owned(),
        status: ArtifactStatus::Skipped,
        reason: None,
        took_us: None,
        entries: None,
        blake3: None,
    };
    Own {
        version: "many".parse().unwrap(),
        created_at: "2026-02-14T12:40:54Z".parse().unwrap(),
        context: Context::site("shop.example").unwrap(),
        tags: Vec::new(),
        description: None,
        based_on: None,
        status: Status::Partial,
        artifacts: (0..count).map(artifact).collect(),
    }
}

fn own_bundle(old: &Old, count: usize) {
    let text = bundle::write(&own(count), &Map::new(), &Config::default(), "x").unwrap();
    old.file("b/metadata.json", text);
}

#[test]
fn no_artifact_of_a_bundle_of_ours_is_left_out() {
    let old = Old::new();
    own_bundle(&old, 4_100);
    let (repo, _) = taken(&old);
    assert_eq!(all(&repo)[0].artifacts.len(), 4_100);
    let back = Repository::temporary().unwrap();
    transfer::import(&back, old.root(), &Naming::Keep, &mut |_| {}).unwrap();
    assert_eq!(all(&back)[0].artifacts.len(), 4_100);
    own_bundle(&old, 10_001);
    let report = import(&repo, old.root());
    assert_eq!((report.files.imported, report.files.kept_as_bytes), (0, 1));
    let why = reason(&report, "b/metadata.json");
    assert!(why.contains("10001 artifacts; a snapshot has at most 10000"), "{why}");
}

#[test]
fn what_is_more_than_a_store_takes_is_kept_as_bytes_with_the_reason() {
    let old = Old::new();
    let mut document = old.flat("flat/", 1_769_683_048, &page(1), &png(1));
    document["url"] = format!("https://shop.example/{}", "x".repeat(1_200_000)).into();
    old.json("flat/shop_1769683048.json", &document);
    let tags: Vec<_> = (0..1_001).map(|at| at.to_string()).collect();
    store(&old, "tags/", &[("v1", json!({"tags": tags}))]);
    store(&old, "words/", &[("v1", json!({"description": "x".repeat(70_000)}))]);
    let (repo, report) = taken(&old);
    assert_eq!((report.files.failed, report.snapshots.failed), (0, 0));
    assert!(is_all_kept(&repo, &old));
    for (path, words) in [
        ("flat/shop_1769683048.json", "user info holds at most"),
        ("tags/metadata/v1.json", "1001 tags; a snapshot has at most 1000"),
        ("tags/data/v1.data", "1001 tags"),
        ("tags/registry.json", "1001 tags"),
        ("words/metadata/v1.json", "70000 bytes; a snapshot's has at most 65536"),
    ] {
        let why = reason(&report, path);
        assert!(why.contains(words), "{path}: {why}");
    }
}

#[test]
fn what_a_document_of_ours_tells_and_cannot_be_is_kept_as_bytes_with_the_reason() {
    let repo = Repository::temporary().unwrap();
    let version = repo.create(capture()).unwrap();
    let old = Old::new();
    let path = export_flat(&repo, &version, old.root()).unwrap().path;
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 4] = [
        (|artifacts| artifacts[0]["name"] = artifacts[1]["name"].clone(), "two artifacts view.png"),
        (|artifacts| artifacts[0]["media_type"] = json!("x"), "not the form type/subtype"),
        (|artifacts| artifacts[0]["entries"] = json!(u64::MAX), "numbers that are none"),
        (|artifacts| artifacts[0]["took_us"] = json!(u64::MAX), "numbers that are none"),
    ];
    for (change, words) in changes {
        let mut changed = document.clone();
        change(&mut changed["tintype"]["snapshot"]["artifacts"]);
        fs::write(&path, serde_json::to_vec_pretty(&changed).unwrap()).unwrap();
        let (repo, report) = taken(&old);
        assert_eq!(report.files.failed, 0, "{words}");
        assert!(reason(&report, &name).contains(words), "{}", reason(&report, &name));
        assert!(is_all_kept(&repo, &old));
    }
}

#[test]
fn a_row_that_cannot_be_taken_is_told_and_counted() {
    let old = Old::new();
    let conn = Connection::open(old.path("adaptive.db")).unwrap();
    conn.execute_batch("CREATE TABLE snapshots (id INTEGER, html_compressed BLOB, url TEXT)")
        .unwrap();
    for bytes in [10, 1_200_000] {
        let url = format!("https://shop.example/{}", "x".repeat(bytes));
        conn.execute("INSERT INTO snapshots VALUES (?1, NULL, ?2)", params![bytes, url]).unwrap();
    }
    conn.close().unwrap();
    let repo = Repository::temporary().unwrap();
    let report = import(&repo, old.root());
    assert_eq!((report.files.imported, report.files.failed), (1, 0));
    let snapshots = report.snapshots;
    assert_eq!((snapshots.scanned, snapshots.imported, snapshots.failed), (3, 2, 1));
    assert!(!report.is_whole());
    assert!(notes(&report).contains("1 in it can't be read"), "{}", notes(&report));
    let proof = legacy::verify(&repo, Some(old.root()), &mut |_| {}).unwrap();
    assert!(proof.problems.is_empty() && !proof.ok);
    assert!(proof.unread["adaptive.db"].contains("user info"), "{:?}", proof.unread);
}

// What is large

#[test]
fn content_that_is_never_held_whole_is_proved_to_be_ours() {
    const BYTES: usize = 257 << 20;
    const PIECE: usize = 1 << 20;
    let mut hasher = Hasher::new();
    for _ in 0..BYTES / PIECE {
        hasher.update(&[0; PIECE]);
    }
    let hash = hasher.hash();
    let old = Old::new();
    old.file("b/artifacts/video.bin", "");
    let file = fs::File::options().write(true).open(old.path("b/artifacts/video.bin")).unwrap();
    file.set_len(BYTES as u64).unwrap();
    let mut own = own(1);
    own.artifacts[0].path = Some("artifacts/video.bin".to_owned());
    own.artifacts[0].status = ArtifactStatus::Stored;
    own.artifacts[0].blake3 = Some(hash);
    let text = bundle::write(&own, &Map::new(), &Config::default(), "x").unwrap();
    old.file("b/metadata.json", text);
    let back = Repository::temporary().unwrap();
    transfer::import(&back, old.root(), &Naming::Keep, &mut |_| {}).unwrap();
    assert_eq!(back.get(&own.version).unwrap().artifacts[0].hash, Some(hash));
}

#[test]
fn of_a_snapshot_with_many_large_files_some_are_read_piece_by_piece() {
    const BYTES: u64 = 8 << 20;
    let old = Old::new();
    let place = "shop.example/m/c/20260214/124054_s";
    for at in 0..10_u8 {
        let path = format!("{place}/logs/{at}.bin");
        old.file(&path, [at]);
        fs::File::options().write(true).open(old.path(&path)).unwrap().set_len(BYTES).unwrap();
    }
    let repo = Repository::temporary().unwrap();
    let report = import(&repo, old.root());
    assert_eq!((report.files.imported, report.snapshots.imported), (10, 1));
    let artifacts = &all(&repo)[0].artifacts;
    // 64 MiB are held; what is not is in the store in pieces before the snapshot is.
    let in_pieces = artifacts.iter().filter(|artifact| artifact.pieces > 0).count();
    assert_eq!((artifacts.len(), in_pieces), (10, 2));
    assert!(legacy::verify(&repo, Some(old.root()), &mut |_| {}).unwrap().ok);
}

#[test]
fn a_pickle_of_very_many_items_is_rendered_as_far_as_there_is_room() {
    // A list of None, and a dict of such behind it.
    let items = RENDERED_MAX + 500_000;
    let pickle = [b"\x80\x04](".to_vec(), vec![b'N'; items], b"e.".to_vec()].concat();
    let read = Pickle::read(&pickle).unwrap();
    let tagged: Value = serde_json::from_str(&read.tagged()).unwrap();
    let rendered = tagged.as_array().unwrap();
    // The list is a node too, and the last stands for all that is left.
    assert_eq!(rendered.len(), RENDERED_MAX);
    assert_eq!(rendered.iter().filter(|item| !item.is_null()).count(), 1);
    assert!(rendered[RENDERED_MAX - 1].get("$omitted").is_some());
}

#[test]
fn names_and_tags_of_any_length_are_read() {
    let long = format!("shop{}", "_1769683048".repeat(20_000));
    assert_eq!(flat::prefix_in_name(&long), "shop");
    let session = "_a7b39adf_df7f_4de2_8050_4a5e022db5c7".repeat(5_000);
    assert_eq!(flat::prefix_in_name(&format!("shop{session}")), "shop");
    let tags: Vec<_> = (0..20_000).map(|at| (at % 10_000).to_string()).collect();
    let entry = json!({"version": "v", "created_at": "2026-02-14", "tags": tags}).to_string();
    let entry = tintype::format::registry::Entry::parse(entry.as_bytes()).unwrap();
    assert_eq!((entry.tags.len(), entry.tags[9_999].as_str()), (10_000, "9999"));
}

#[test]
fn of_several_files_that_a_page_may_have_been_the_nearest_is_taken() {
    let old = Old::new();
    let hash = md5(page(1).as_bytes());
    let sites = ["a/m/c/20260213", "b/m/c/20260214", "b/m/d/20260214", "c/m/c/20260214"];
    for site in sites {
        let place = format!("{site}/124054_one");
        old.file(&format!("{place}/html/fullpage_{}.html", &hash[..8]), page(1));
        old.json(
            &format!("{place}/metadata.json"),
            &json!({"context": {"site": "s"}, "timestamp": "2026-02-14T12:40:54", "artifacts": []}),
        );
    }
    let lacks = ["a/m/x/20260214", "b/m/c/20260214", "b/m/d/20260215", "b/z/c/20260214", "d/m/c/1"];
    for site in lacks {
        let metadata = json!({
            "context": {"site": "s"}, "timestamp": "2026-02-14T12:40:55",
            "artifacts": [format!("html/fullpage_{hash}.html")],
        });
        old.json(&format!("{site}/124055_two/metadata.json"), &metadata);
    }
    let (_, report) = taken(&old);
    let notes = notes(&report);
    let wanted =
        ["a/m/c/20260213", "b/m/c/20260214", "b/m/d/20260214", "b/m/c/20260214", "a/m/c/20260213"];
    let found: Vec<String> = report
        .notes()
        .filter(|note| note.path.contains("124055_two"))
        .map(|note| note.notes.join("; "))
        .collect();
    assert_eq!(found.len(), lacks.len(), "{notes}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.contains(&format!("is at {wanted}/")), "{wanted}: {found}");
    }
}

// What is told

#[test]
fn a_hash_that_is_none_is_told_of_a_picture_too() {
    let old = Old::new();
    let mut document = old.flat("", 1_769_683_048, &page(1), &png(1));
    document["screenshot_metadata"]["content_hash"] = json!("not a hash");
    old.json("shop_1769683048.json", &document);
    let (_, report) = taken(&old);
    assert!(notes(&report).contains("the hash of its picture is none: not a hash"));
}

#[test]
fn the_zone_of_a_machine_is_told_by_what_says_it_first() {
    let zone = |tz, link, file| Zone::of_machine(tz, link, file).map(|zone| zone.to_string());
    let at = |name: &str| Ok::<String, ()>(name.to_owned());
    let link = Some("/usr/share/zoneinfo/Europe/Berlin");
    for (told, wanted) in [
        ((Some("Africa/Nairobi"), link, None), "Africa/Nairobi"),
        ((Some(":Asia/Tokyo"), link, None), "Asia/Tokyo"),
        ((Some("/usr/share/zoneinfo/posix/Asia/Tokyo"), None, None), "Asia/Tokyo"),
        ((Some(""), link, None), "UTC"),
        ((None, link, Some("Asia/Tokyo\n")), "Europe/Berlin"),
        ((None, Some("../usr/share/zoneinfo/Etc/UTC"), None), "Etc/UTC"),
        ((None, Some("/var/lib/other"), Some("Asia/Tokyo\n")), "Asia/Tokyo"),
    ] {
        assert_eq!(zone(told.0, told.1, told.2).map_err(drop), at(wanted), "{told:?}");
    }
    let error = zone(Some("<-03>3"), link, None).unwrap_err().to_string();
    assert!(error.contains("<-03>3") && error.contains("TZ"), "{error}");
    assert!(zone(None, None, None).unwrap_err().to_string().contains("name it"));
    assert!(zone(Some("+03:00"), None, None).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever a registry says, each file is an artifact or follows from what is told; and whatever is
    /// changed in it, what was imported before is another snapshot or the same.
    #[test]
    fn no_byte_of_a_registry_is_lost(
        description in "[ -~äß€]{0,20}",
        tags in prop::collection::vec("[a-zé]{1,5}", 0..4),
        number in any::<f64>(),
        compact in any::<bool>(),
    ) {
        let old = Old::new();
        let more = json!({"description": description, "tags": tags, "user_info": {"n": number}});
        let registry = store(&old, "", &[("v1", more), ("v2", json!({}))]);
        if compact {
            old.file("registry.json", registry.to_string());
        }
        let (repo, report) = taken(&old);
        prop_assert_eq!((report.files.imported, report.files.failed), (5, 0));
        let bytes = fs::read(old.path("registry.json")).unwrap();
        prop_assert_eq!(kept_as(&repo, &bytes).is_empty(), !compact);
        let entry = &repo.get(&"v1".parse().unwrap()).unwrap().user_info["legacy"]["metadata"];
        let metadata = fs::read(old.path("metadata/v1.json")).unwrap();
        let again = serde_json::to_vec_pretty(entry).unwrap();
        prop_assert!(again == metadata || !kept_as(&repo, &metadata).is_empty());
    }
}
