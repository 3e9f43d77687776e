//! Snapshots written in older forms, and read back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tintype::format::bundle::{File, Generation, HashCheck};
use tintype::ops::legacy::{self, Options};
use tintype::ops::transfer::{self, Naming, bundle_path, export_bundle, export_flat};
use tintype::{
    ArtifactName, ArtifactStatus, Context, Draft, DraftArtifact, Error, Repository, Snapshot,
    Status, Tag, Time, Version,
};

fn stored(name: &str, media_type: &str, content: impl Into<Vec<u8>>) -> DraftArtifact {
    DraftArtifact::stored(name.parse().unwrap(), media_type, content.into()).unwrap()
}

fn missing(name: &str, status: ArtifactStatus, why: Option<&str>) -> DraftArtifact {
    let why = why.map(str::to_owned);
    DraftArtifact::missing(name.parse().unwrap(), "image/png", status, why).unwrap()
}

/// What an older folder had, kept as an artifact.
const METADATA: &str = r#"{"context": {"site": "a"}, "timestamp": "2026-01-01", "artifacts": [],
    "bundle_path": "a"}"#;

/// A capture with nearly everything that one can have.
fn capture(context: &str) -> Draft {
    Draft::new()
        .context(context.parse().unwrap())
        .at("2026-02-14T12:40:54.000120Z".parse().unwrap())
        .tag("good")
        .unwrap()
        .describe("after the sale")
        .info("url", "https://shop.example/")
        .info("nested", json!({"a": [1, null, 0.1, 1e300, "é"]}))
        .status(Status::Partial)
        .artifact(stored("page.html", "text/html", "<p>é</p>").took(Duration::from_micros(1_234)))
        .artifact(stored("element.html", "text/html", "<b>1</b>"))
        .artifact(stored("view.png", "image/png", b"\x89PNG not one".to_vec()))
        .artifact(stored("console.jsonl", "application/x-ndjson", "{}\n"))
        .artifact(stored("facts.json", "application/json", r#"{"config":{"mode":"minimal"}}"#))
        .artifact(stored("Fullpage.HTML", "text/html", ""))
        .artifact(stored("metadata.json", "application/json", METADATA))
        .artifact(stored("odd ~name", "application/octet-stream", b"\0".to_vec()))
        .artifact(missing("full.png", ArtifactStatus::Failed, Some("timed out")))
        .artifact(missing("network.har", ArtifactStatus::Empty, None))
}

fn get(repo: &Repository, version: &Version) -> Snapshot {
    repo.get(version).unwrap()
}

/// All files below a folder, by path.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => drop(found.insert(path)),
            }
        }
    }
    found
}

/// Reads a folder into a new store, and checks that it is what was written.
fn reads_back(repo: &Repository, version: &Version, folder: &Path) {
    let other = Repository::temporary().unwrap();
    let imported = transfer::import(&other, folder, &Naming::Keep, &mut |_| {}).unwrap();
    assert_eq!(imported.len(), 1);
    let (was, is) = (get(repo, version), get(&other, version));
    let said = |snapshot: &Snapshot| {
        let mut said = snapshot.clone();
        // How it is kept is not what it is.
        for artifact in &mut said.artifacts {
            (artifact.stored, artifact.base, artifact.depth, artifact.pieces) = (0, None, 0, 0);
        }
        said
    };
    assert_eq!(said(&was), said(&is));
    for artifact in was.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
        let content = |repo: &Repository| repo.content(version, artifact.name.as_str()).unwrap();
        assert!(content(repo) == content(&other), "{}", artifact.name);
    }
    // The same in everything, it is found again.
    let again = transfer::import(repo, folder, &Naming::Keep, &mut |_| {}).unwrap();
    assert!(again[0].present);
}

#[test]
fn a_bundle_is_read_back_the_same_in_everything() {
    let repo = Repository::temporary().unwrap();
    let base = repo.create(Draft::text("base")).unwrap();
    let draft = capture("shop.example/m%2Fx/../s 1/extract").based_on(&base);
    let version = repo.create(draft.version("v 1".parse().unwrap())).unwrap();
    let folder = TempDir::new().unwrap();
    let written = export_bundle(&repo, &version, &folder.path().join("tree")).unwrap();
    let place = "tree/shop.example/m%2Fx/%2E%2E/20260214/124054_s%201";
    assert_eq!(written.path, folder.path().join(place));
    let all = files(folder.path());
    assert_eq!(all.len() as u64, written.files);
    assert!(all.iter().all(|file| file.starts_with(&written.path)), "{all:?}");
    assert!(written.path.join("html/fullpage.html").is_file());
    let metadata = |path: &&PathBuf| path.ends_with("metadata.json");
    assert_eq!(all.iter().filter(metadata).count(), 1, "a folder is looked for by it");
    reads_back(&repo, &version, &written.path);
    reads_back(&repo, &version, folder.path());
}

#[test]
fn older_programs_find_the_metadata_right() {
    let repo = Repository::temporary().unwrap();
    let version = repo.create(capture("shop.example/m/c/s/f")).unwrap();
    let folder = TempDir::new().unwrap();
    let written = export_bundle(&repo, &version, folder.path()).unwrap();
    let bytes = fs::read(written.path.join("metadata.json")).unwrap();
    let file = File::parse(&bytes).unwrap();
    assert_eq!(file.check_hash(), HashCheck::Matches(Generation::Md5));
    let told: Value = serde_json::from_slice(&bytes).unwrap();
    // They take just these members, and a time without a zone.
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let context = ["site", "module", "component", "session_id", "function", "additional_metadata"];
    assert_eq!(members(&told["context"]), context);
    assert_eq!(members(&told["config"]).len(), 9);
    assert_eq!(told["config"]["mode"], "minimal");
    assert_eq!(told["timestamp"], "2026-02-14T12:40:54.000120");
    assert_eq!(told["bundle_path"], written.path.to_str().unwrap());
    // Python writes no fraction that is zero.
    let whole = capture("shop.example/m/c/s/f").at("2026-02-14T12:40:55Z".parse().unwrap());
    let version = repo.create(whole).unwrap();
    let at = export_bundle(&repo, &version, folder.path()).unwrap().path.join("metadata.json");
    let whole: Value = serde_json::from_slice(&fs::read(at).unwrap()).unwrap();
    assert_eq!(whole["timestamp"], "2026-02-14T12:40:55");
    for artifact in told["artifacts"].as_array().unwrap() {
        assert!(written.path.join(artifact.as_str().unwrap()).is_file(), "{artifact}");
    }
}

#[test]
fn two_of_one_second_and_session_stand_beside_each_other() {
    let repo = Repository::temporary().unwrap();
    let folder = TempDir::new().unwrap();
    let mut paths = BTreeSet::new();
    for number in 0..4 {
        // The function is not in the path.
        let context = format!("shop.example/m/c/s_1/f{number}");
        let version = repo.create(capture(&context)).unwrap();
        let written = export_bundle(&repo, &version, folder.path()).unwrap();
        reads_back(&repo, &version, &written.path);
        let again = export_bundle(&repo, &version, folder.path()).unwrap_err();
        assert!(matches!(again, Error::StoreExists { .. }), "{again}");
        paths.insert(written.path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    let wanted = ["124054.000120-2_s_1", "124054.000120-3_s_1", "124054.000120_s_1", "124054_s_1"];
    assert!(paths.iter().map(String::as_str).eq(wanted), "{paths:?}");
    let other = Repository::temporary().unwrap();
    let imported = transfer::import(&other, folder.path(), &Naming::Keep, &mut |_| {}).unwrap();
    assert_eq!(imported.len(), 4);
}

#[test]
fn a_bundle_that_was_changed_is_not_taken_for_what_was_written() {
    let repo = Repository::temporary().unwrap();
    let version = repo.create(capture("shop.example/m/c/s")).unwrap();
    let changes: [fn(&Path); 4] = [
        |at| fs::write(at.join("html/fullpage.html"), "other").unwrap(),
        |at| fs::remove_file(at.join("screenshots/viewport.png")).unwrap(),
        |at| fs::write(at.join("html/more.html"), "more").unwrap(),
        |at| {
            let path = at.join("metadata.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace("after the sale", "before")).unwrap();
        },
    ];
    for change in changes {
        let folder = TempDir::new().unwrap();
        let written = export_bundle(&repo, &version, folder.path()).unwrap();
        change(&written.path);
        let other = Repository::temporary().unwrap();
        let refused = transfer::import(&other, folder.path(), &Naming::Keep, &mut |_| {});
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
        assert!(other.versions().unwrap().is_empty());
        // Taken in as an old folder, all of it is kept, and what differs is told.
        let plan = legacy::plan(&other, folder.path(), &mut |_| {}).unwrap();
        let report = legacy::apply(&other, plan, &Options::default(), &mut |_| {}).unwrap();
        assert_eq!((report.snapshots.imported, report.files.failed), (1, 0));
        assert!(report.notes().next().is_some());
    }
    let empty = TempDir::new().unwrap();
    let refused = transfer::import(&repo, empty.path(), &Naming::Keep, &mut |_| {});
    assert!(matches!(refused, Err(Error::NotAStore { .. })));
}

#[test]
fn nothing_that_stands_there_is_replaced_and_nothing_is_left_of_a_failure() {
    let repo = Repository::temporary().unwrap();
    let version = repo.create(capture("shop.example/m/c/s")).unwrap();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("shop.example"), "a file").unwrap();
    assert!(export_bundle(&repo, &version, folder.path()).is_err());
    assert_eq!(files(folder.path()).len(), 1);
    let nothing: Version = "nothing".parse().unwrap();
    let refused = export_bundle(&repo, &nothing, folder.path()).unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    let refused = export_flat(&repo, &nothing, folder.path()).unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
}

#[test]
fn large_content_goes_out_and_comes_back() {
    let repo = Repository::temporary().unwrap();
    let content = crate::support::noise(1, 9_000_000);
    let draft = Draft::new().artifact(stored("video.bin", "video/mp4", content));
    let version = repo.create(draft).unwrap();
    let folder = TempDir::new().unwrap();
    let written = export_bundle(&repo, &version, folder.path()).unwrap();
    reads_back(&repo, &version, &written.path);
}

#[test]
fn a_page_in_a_flat_folder_is_imported_as_what_it_was() {
    let repo = Repository::temporary().unwrap();
    let folder = TempDir::new().unwrap();
    let versions: Vec<Version> = ["shop.example/prices/c/s-1/f", "shop.example/prices/c/s-1/g"]
        .map(|context| repo.create(capture(context)).unwrap())
        .into();
    for version in &versions {
        let written = export_flat(&repo, version, folder.path()).unwrap();
        assert_eq!(written.files, 3);
        let left_out = [
            "Fullpage.HTML",
            "console.jsonl",
            "element.html",
            "facts.json",
            "metadata.json",
            "odd ~name",
        ];
        assert_eq!(written.left_out, left_out);
    }
    assert!(folder.path().join("prices_s_1_1771072854.json").is_file());
    assert!(folder.path().join("html/prices-2_s_1_1771072854.html").is_file());
    let other = Repository::temporary().unwrap();
    let plan = legacy::plan(&other, folder.path(), &mut |_| {}).unwrap();
    let report = legacy::apply(&other, plan, &Options::default(), &mut |_| {}).unwrap();
    assert_eq!((report.files.imported, report.snapshots.imported), (6, 2));
    for version in &versions {
        let (was, is) = (get(&repo, version), get(&other, version));
        assert_eq!(
            (was.created_at, &was.context, &was.tags, &was.description, was.status),
            (is.created_at, &is.context, &is.tags, &is.description, is.status)
        );
        let mut info = is.user_info.clone();
        info.shift_remove("legacy");
        assert_eq!(info, was.user_info);
        for name in ["page.html", "view.png"] {
            let content = |repo: &Repository| repo.content(version, name).unwrap();
            assert!(content(&repo) == content(&other), "{name}");
        }
        let console = is.artifact("console.jsonl").unwrap();
        assert_eq!(console.status, ArtifactStatus::Skipped);
        assert_eq!(is.artifact("full.png").unwrap().reason.as_deref(), Some("timed out"));
    }
    let proof = legacy::verify(&other, Some(folder.path()), &mut |_| {}).unwrap();
    assert!(proof.ok, "{:?}", proof.problems);
}

#[test]
fn the_path_of_a_bundle_is_known_without_a_snapshot() {
    let context: Context = "shop.example/m/c/run_7/f".parse().unwrap();
    let time: Time = "2026-02-14T12:40:54.5Z".parse().unwrap();
    let path = bundle_path(&context, time);
    assert_eq!(path, Path::new("shop.example/m/c/20260214/124054_run_7"));
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "page.html",
            "view.png",
            "a.html",
            "A.html",
            "metadata.json",
            "CON",
            "x%",
            ".hidden",
            "fullpage.html",
            "é.png",
            "a~2.html",
            "console.jsonl",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9 ._%~-]{1,30}",
    ]
    .prop_filter("an artifact's name", |name| name.parse::<ArtifactName>().is_ok())
}

fn place() -> impl Strategy<Value = Option<String>> {
    let odd = prop::sample::select(vec!["..", "a/b", "CON", "%", "é", "-", "~", "a\\b"]);
    prop::option::of(prop_oneof![odd.prop_map(str::to_owned), "[a-zA-Z0-9._ %-]{1,20}"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read_back(
        parts in prop::array::uniform5(place()),
        micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
        artifacts in prop::collection::btree_map(
            name(),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
            1..8,
        ),
        info in prop::collection::btree_map("\\PC{0,8}", any::<(i64, f64, String)>(), 0..4),
        tags in prop::collection::btree_set("[a-z ]{1,8}", 0..3),
        description in prop::option::of("\\PC{0,40}"),
        took in prop::option::of(0_u64..10_000_000),
    ) {
        let mut draft = Draft::new()
            .context(Context::from_parts(parts).unwrap())
            .at(Time::from_micros(micros).unwrap());
        for (name, content) in artifacts {
            let artifact = match content {
                Some(content) => stored(&name, "application/octet-stream", content),
                None => missing(&name, ArtifactStatus::Skipped, Some("by \u{1F600} choice")),
            };
            let took = took.map(Duration::from_micros);
            draft = draft.artifact(match took {
                Some(took) => artifact.took(took),
                None => artifact,
            });
        }
        for (key, value) in info {
            draft = draft.info(key, json!(value));
        }
        for tag in tags {
            if let Ok(tag) = tag.parse::<Tag>() {
                draft = draft.tag(tag).unwrap();
            }
        }
        if let Some(description) = description {
            draft = draft.describe(description);
        }
        let repo = Repository::in_memory().unwrap();
        let version = repo.create(draft).unwrap();
        let folder = TempDir::new().unwrap();
        let written = export_bundle(&repo, &version, folder.path()).unwrap();
        let metadata = fs::read(written.path.join("metadata.json")).unwrap();
        let check = File::parse(&metadata).unwrap().check_hash();
        prop_assert_eq!(check, HashCheck::Matches(Generation::Md5));
        reads_back(&repo, &version, folder.path());
    }
}
