//! Folders of captures as Python scrapers wrote them: what `metadata.json` tells, the hashes in it, and
//! the paths of the folders.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::format::bundle::path::{self, Precision, bundle_path};
use tintype::format::bundle::{File, Generation, HashCheck, NotMetadata};
use tintype::format::hashes::md5;
use tintype::{Context, Query, Repository, Snapshot, Status, Time};

use crate::legacy::{notes, taken};
use crate::support::old::{Old, page, png};

/// A `metadata.json` as the writers laid it out. Its hashes were made with CPython 3.11: `hashlib.md5`
/// over `json.dumps({…five members…}, sort_keys=True)` and `hashlib.sha256` over
/// `json.dumps({…, "content_hash": None}, sort_keys=True, separators=(",", ":"))`, the mode of the
/// latter being `"<SnapshotMode.BOTH: 'both'>"`.
const METADATA: &str = r#"{
  "context": {
    "site": "shop.example",
    "module": "prices",
    "component": "list.item",
    "session_id": "run_7",
    "function": null,
    "additional_metadata": {
      "url": "https://shop.example/é",
      "ratio": 1e-07,
      "big": 1e+16,
      "list": [
        1,
        null,
        true,
        0.5
      ],
      "n": -0.0,
      "emoji": "😀"
    }
  },
  "timestamp": "2026-02-14T12:40:54.000120",
  "config": {
    "mode": "both",
    "capture_html": true,
    "capture_screenshot": true,
    "capture_network": false,
    "capture_console": false,
    "selector": ".price > b",
    "capture_full_page": false,
    "deduplication_enabled": true,
    "async_save": true
  },
  "bundle_path": "C:\\data\\snapshots\\shop.example\\prices\\list.item\\20260214\\124054_run_7",
  "artifacts": [
    "screenshots/viewport_124054.png",
    "html/fullpage_0a1b2c3d.html"
  ],
  "metadata": {
    "capture_duration_seconds": 0.1,
    "capture_mode": "both",
    "parallel_execution": false
  },
  "content_hash": "HASH",
  "bundle_version": "1.0"
}"#;
const MD5: &str = "7234a9785e5174680f1b2ee73293156e";
const SHA256: &str = "4f7320542a03a268644a34013c56df206fc56002ccbf102f039b0eab935606b6";

fn check(text: &str) -> HashCheck {
    File::parse(text.as_bytes()).unwrap().check_hash()
}

#[test]
fn hashes_of_both_generations_are_found_right() {
    assert_eq!(check(&METADATA.replace("HASH", MD5)), HashCheck::Matches(Generation::Md5));
    assert_eq!(check(&METADATA.replace("HASH", SHA256)), HashCheck::Matches(Generation::Sha256));
    // Line ends and the case of the digits are not part of the facts.
    let elsewhere = METADATA.replace("HASH", &SHA256.to_uppercase()).replace('\n', "\r\n");
    assert_eq!(check(&elsewhere), HashCheck::Matches(Generation::Sha256));
    let marked = format!("\u{feff}{}", METADATA.replace("HASH", MD5));
    assert_eq!(check(&marked), HashCheck::Matches(Generation::Md5));
}

#[test]
fn a_changed_fact_is_found_by_both_generations() {
    for (hash, generation) in [(MD5, Generation::Md5), (SHA256, Generation::Sha256)] {
        let changed = METADATA.replace("HASH", hash).replace("1e-07", "2e-07");
        match check(&changed) {
            HashCheck::Differs { generation: told, found } => {
                assert_eq!(told, generation);
                assert_eq!(found.len(), hash.len());
                assert_eq!(check(&changed.replace(hash, &found)), HashCheck::Matches(generation));
            }
            other => panic!("{other:?}"),
        }
    }
    // The older generation says nothing of where the folder is.
    let moved = METADATA.replace("C:\\\\data", "D:\\\\moved");
    assert_eq!(check(&moved.replace("HASH", MD5)), HashCheck::Matches(Generation::Md5));
    assert!(matches!(check(&moved.replace("HASH", SHA256)), HashCheck::Differs { .. }));
}

#[test]
fn what_has_no_known_hash_says_so() {
    assert_eq!(check(METADATA), HashCheck::Unknown);
    assert_eq!(check(&METADATA.replace("HASH", "12345")), HashCheck::Unknown);
    assert_eq!(check(&METADATA.replace("\"HASH\"", "null")), HashCheck::Absent);
    assert_eq!(check(&METADATA.replace("\"content_hash\"", "\"hash\"")), HashCheck::Absent);
}

#[test]
fn a_file_tells_what_it_says() {
    let file = File::parse(METADATA.as_bytes()).unwrap();
    let told = file.metadata();
    assert_eq!(told.site.as_deref(), Some("shop.example"));
    assert_eq!(told.component.as_deref(), Some("list.item"));
    assert_eq!(told.session.as_deref(), Some("run_7"));
    assert_eq!(told.function, None);
    assert_eq!(told.additional_metadata["emoji"], "😀");
    assert_eq!(told.timestamp.as_deref(), Some("2026-02-14T12:40:54.000120"));
    assert_eq!(told.config["selector"], ".price > b");
    assert_eq!(told.metadata["capture_duration_seconds"], 0.1);
    assert_eq!(told.artifacts, ["screenshots/viewport_124054.png", "html/fullpage_0a1b2c3d.html"]);
    assert_eq!(told.bundle_version.as_deref(), Some("1.0"));
    assert!(told.own.is_none() && told.notes.is_empty(), "{:?}", told.notes);
}

#[test]
fn what_a_file_says_oddly_stands_in_notes() {
    let odd = r#"{"context": {"site": 7, "module": "", "additional_metadata": [1]},
        "timestamp": 1.5, "artifacts": ["a", {"path": "b"}, {"x": 1}, 3], "config": {"n": NaN},
        "metadata": {"tintype": {"version": 1}}}"#;
    let told = File::parse(odd.as_bytes()).unwrap().metadata();
    assert_eq!((told.site, told.module, told.timestamp), (None, None, None));
    assert_eq!(told.artifacts, ["a", "b"]);
    assert_eq!(told.config["n"], "NaN");
    let notes = told.notes.join("\n");
    for words in ["site is no text: 7", "timestamp is no text", "additional metadata", "{\"x\": 1}"]
    {
        assert!(notes.contains(words), "{words} is not in {notes}");
    }
    let many =
        format!(r#"{{"context": {{"site": "a"}}, "artifacts": [{}1]}}"#, "1,".repeat(100_000));
    assert!(File::parse(many.as_bytes()).unwrap().metadata().notes.len() < 200);
}

#[test]
fn other_json_is_not_taken_for_it() {
    for other in [
        "{}",
        "[1]",
        "null",
        r#"{"context": "a", "artifacts": []}"#,
        r#"{"context": {"module": "a"}, "artifacts": []}"#,
        r#"{"context": {"site": "a"}, "snapshots": {}}"#,
    ] {
        let refused = File::parse(other.as_bytes()).err().unwrap();
        assert!(matches!(refused, NotMetadata::Foreign(_)), "{other}");
    }
    for damaged in ["", "{", &METADATA[..400], "\u{0}"] {
        let refused = File::parse(damaged.as_bytes()).err().unwrap();
        assert!(matches!(refused, NotMetadata::Json(_)), "{damaged}");
    }
    let deep = format!(r#"{{"context": {}"#, "{\"site\":".repeat(1_000_000));
    assert!(File::parse(deep.as_bytes()).is_err());
}

// Paths

fn context(parts: [&str; 4]) -> Context {
    let part = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let [site, module, component, session] = parts.map(part);
    Context::from_parts([site, module, component, session, None]).unwrap()
}

fn path_of(parts: [&str; 4]) -> String {
    let time = "2026-02-14T15:40:54.123456Z".parse().unwrap();
    bundle_path(&context(parts), time, Precision::Seconds)
}

#[test]
fn a_path_has_the_form_that_the_writers_gave_it() {
    assert_eq!(
        path_of(["shop.example", "prices", "list.item", "run_7"]),
        "shop.example/prices/list.item/20260214/154054_run_7"
    );
    let time: Time = "2026-02-14T15:40:54.123456Z".parse().unwrap();
    let micros = bundle_path(&context(["a", "b", "c", "d"]), time, Precision::Micros);
    assert_eq!(micros, "a/b/c/20260214/154054.123456_d");
    assert_eq!(path_of(["a", "", "", ""]), "a/-/-/20260214/154054_-");
}

#[test]
fn no_part_leads_out_of_its_place_or_is_no_file_name() {
    for (part, written) in [
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../../etc", "%2E./../etc"),
        (".tmp_a", "%2Etmp_a"),
        ("a.", "a%2E"),
        ("C:\\a", "C%3A%5Ca"),
        ("é x", "%C3%A9%20x"),
        ("100%", "100%25"),
        ("CON", "%43ON"),
        ("nul.txt", "%6Eul.txt"),
        ("com1", "%63om1"),
        ("common", "common"),
        ("partition_1", "%70artition_1"),
    ] {
        let written = written.replace('/', "%2F");
        assert_eq!(path::part(part), written, "{part}");
        assert_eq!(path::name(&written).as_deref(), Some(part));
    }
    let long = path::part(&"ü".repeat(120));
    assert_eq!(long.len(), 120 + 2 + 32);
    assert_eq!(path::name(&long), None);
    assert_ne!(long, path::part(&"ü".repeat(121)));
}

#[test]
fn a_path_is_read_from_wherever_its_folder_lies() {
    let parts = path::parse("D:\\data\\snapshots\\shop\\m\\c\\partition_1\\20260214\\154054_a_b");
    let parts = parts.unwrap();
    assert_eq!(parts.site.as_deref(), Some("shop"));
    assert_eq!(parts.component.as_deref(), Some("c"));
    assert_eq!(parts.session.as_deref(), Some("a_b"));
    assert_eq!(parts.timestamp, "2026-02-14T15:40:54");
    let short = path::parse("shop/m/20260214/154054_s").unwrap();
    assert_eq!((short.site.as_deref(), short.component.as_deref()), (Some("shop"), None));
    assert!(path::parse("20260214/154054.000001_s").unwrap().timestamp.ends_with("54.000001"));
    for other in ["a/b/c/20261314/154054_s", "a/2026/154054_s", "a/20260214/1540_s", "a", ""] {
        assert_eq!(path::parse(other), None, "{other}");
    }
}

// Folders

const PLACE: &str = "shop.example/prices/list.item/20260214/124054_run_7";

/// A bundle at a path, with a page, a picture and logs, and the metadata changed as told.
fn bundle(old: &Old, at: &str, change: impl FnOnce(&mut Value)) {
    old.file(&format!("{at}/html/fullpage_0a1b2c3d.html"), page(1));
    old.file(&format!("{at}/html/element_01020304.html"), "<b>1</b>");
    old.file(&format!("{at}/screenshots/viewport_124054.png"), png(1));
    let mut metadata: Value = serde_json::from_str(&METADATA.replace("HASH", MD5)).unwrap();
    metadata["artifacts"].as_array_mut().unwrap().push(json!("html/element_01020304.html"));
    metadata["content_hash"] = Value::Null;
    change(&mut metadata);
    old.json(&format!("{at}/metadata.json"), &metadata);
}

fn all(repo: &Repository) -> Vec<Snapshot> {
    repo.find(&Query::all().oldest_first()).unwrap()
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.artifacts.iter().map(|artifact| artifact.name.as_str()).collect()
}

#[test]
fn a_bundle_comes_with_its_context_its_time_and_its_files() {
    let old = Old::new();
    old.file(&format!("{PLACE}/metadata.json"), METADATA.replace("HASH", MD5));
    old.file(&format!("{PLACE}/html/fullpage_0a1b2c3d.html"), page(1));
    old.file(&format!("{PLACE}/screenshots/viewport_124054.png"), png(1));
    std::fs::create_dir_all(old.path(&format!("{PLACE}/logs"))).unwrap();
    let (repo, report) = taken(&old);
    let [snapshot] = all(&repo).try_into().unwrap();
    assert_eq!(snapshot.context.to_string(), "shop.example/prices/list.item/run_7");
    assert_eq!(snapshot.created_at.to_string(), "2026-02-14T12:40:54.000120Z");
    assert_eq!(report.zones_assumed, 1);
    assert_eq!(snapshot.user_info["emoji"], "😀");
    let told = &snapshot.user_info["legacy"];
    assert_eq!((&told["variant"], &told["hashes"][0]["agrees"]), (&json!("md5"), &json!(true)));
    assert_eq!(told["metadata"]["config"]["selector"], ".price > b");
    // It was of mode `both`, and no element was kept.
    assert_eq!(snapshot.status, Status::Partial);
    assert_eq!(names(&snapshot), ["element.html", "metadata.json", "page.html", "view.png"]);
    let kept = repo.content(&snapshot.version, "page.html").unwrap();
    assert!(kept == page(1).as_bytes());
    let kept = repo.content(&snapshot.version, "metadata.json").unwrap();
    assert!(kept == METADATA.replace("HASH", MD5).as_bytes());
}

#[test]
fn bundles_are_found_wherever_they_lie_and_whatever_they_are_called() {
    let old = Old::new();
    bundle(&old, "moved/to/here", |_| {});
    bundle(&old, "partition_20260214_120000/x", |metadata| {
        metadata["artifacts"] = json!([
            "html\\fullpage_0a1b2c3d.html",
            "C:\\data\\20260214\\124054_run_7\\screenshots\\viewport_124054.png",
            "./html/element_01020304.html",
        ]);
        metadata["timestamp"] = json!("2026-02-14T12:40:54+03:00");
    });
    bundle(&old, "third", |_| {});
    std::fs::rename(old.path("third/metadata.json"), old.path("third/meta.json")).unwrap();
    let (repo, report) = taken(&old);
    assert_eq!((report.snapshots.imported, report.files.imported), (3, 12));
    let found = all(&repo);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].created_at.to_string(), "2026-02-14T09:40:54.000000Z");
    for snapshot in found {
        assert_eq!(snapshot.status, Status::Complete, "{}", notes(&report));
        assert_eq!(names(&snapshot), ["element.html", "metadata.json", "page.html", "view.png"]);
    }
}

#[test]
fn a_page_that_was_left_out_is_found_by_its_hash() {
    let old = Old::new();
    bundle(&old, "a/20260214/124054_one", |_| {});
    let hash = md5(page(1).as_bytes());
    // In its own folder it is named by eight digits, here by none.
    bundle(&old, "a/20260214/124055_two", |metadata| {
        metadata["artifacts"] = json!([format!("html/fullpage_{hash}.html")]);
        metadata["config"]["mode"] = json!("full_page");
        metadata["config"]["capture_screenshot"] = json!(false);
    });
    std::fs::remove_dir_all(old.path("a/20260214/124055_two/html")).unwrap();
    std::fs::remove_dir_all(old.path("a/20260214/124055_two/screenshots")).unwrap();
    bundle(&old, "a/20260214/124056_lost", |metadata| {
        let lost = md5(b"nowhere");
        metadata["artifacts"] = json!([format!("html/fullpage_{lost}.html"), "../../x.html"]);
    });
    let (repo, report) = taken(&old);
    let found = all(&repo);
    let two = found.iter().find(|it| it.user_info["legacy"]["key"] == "124055_two").unwrap();
    assert_eq!(two.status, Status::Complete, "{}", notes(&report));
    assert!(repo.content(&two.version, "page.html").unwrap() == page(1).as_bytes());
    assert_eq!(two.user_info["legacy"]["hashes"][0]["algorithm"], "md5");
    let lost = found.iter().find(|it| it.user_info["legacy"]["key"] == "124056_lost").unwrap();
    assert_eq!(lost.status, Status::Partial);
    assert_eq!(lost.artifact("page.html").unwrap().hash, None);
    // What is there and not named is kept under its own name.
    assert!(lost.artifact("fullpage_0a1b2c3d.html").is_some(), "{:?}", names(lost));
    assert_eq!(report.files.failed, 0);
}

#[test]
fn folders_without_metadata_are_kept_as_incomplete() {
    let old = Old::new();
    old.file(&format!("{PLACE}/html/fullpage_0a1b2c3d.html"), page(1));
    old.file(&format!("{PLACE}/logs/console_124054.json"), "[]");
    bundle(&old, "s/m/c/20260214/124055_damaged", |_| {});
    old.file("s/m/c/20260214/124055_damaged/metadata.json", &METADATA[..300]);
    bundle(&old, "s/m/c/20260214/.delete_124056_gone", |_| {});
    old.file("s/m/c/20260214/.tmp_124057_new/html/fullpage_1.html", page(2));
    let (repo, report) = taken(&old);
    assert_eq!(report.snapshots.imported, 4);
    let found = all(&repo);
    let with = |key: &str| found.iter().find(|it| it.user_info["legacy"]["key"] == key).unwrap();
    let plain = with("124054_run_7");
    assert_eq!(plain.status, Status::Partial);
    assert_eq!(plain.context.to_string(), "shop.example/prices/list.item/run_7");
    assert_eq!(plain.created_at.to_string(), "2026-02-14T12:40:54.000000Z");
    assert_eq!(names(plain), ["console.json", "page.html"]);
    let damaged = with("124055_damaged");
    assert_eq!(damaged.context.to_string(), "s/m/c/damaged");
    assert!(repo.content(&damaged.version, "metadata.json").unwrap() == METADATA.as_bytes()[..300]);
    assert_eq!(with(".delete_124056_gone").status, Status::Partial);
    assert_eq!(with(".tmp_124057_new").context.to_string(), "s/m/c/new");
    let notes = notes(&report);
    for words in ["its metadata can't be read", "being deleted", "being made"] {
        assert!(notes.contains(words), "{words} is not in {notes}");
    }
}

#[test]
fn a_hash_that_differs_and_a_place_that_leads_elsewhere_are_told() {
    let old = Old::new();
    bundle(&old, "x/20260214/124054_s", |metadata| {
        metadata["context"]["site"] = json!("../../escape");
        metadata["context"]["session_id"] = json!("*");
        metadata["content_hash"] = json!(MD5);
    });
    let (repo, report) = taken(&old);
    let [snapshot] = all(&repo).try_into().unwrap();
    assert_eq!(snapshot.context.site_name(), "../../escape");
    assert_eq!(snapshot.context.session(), Some("%2A"));
    assert_eq!((report.hashes.agree, report.hashes.differ), (0, 1));
}

#[test]
fn a_bundle_of_very_many_files_and_words_comes_in() {
    let old = Old::new();
    bundle(&old, "x/20260214/124054_s", |metadata| {
        let declared: Vec<_> = (0..6_000).map(|at| format!("html/{at}/x.html")).collect();
        metadata["artifacts"] = json!(declared);
        metadata["context"]["additional_metadata"] = json!({"long": "x".repeat(2_000_000)});
    });
    for at in 0..30 {
        old.file(&format!("x/20260214/124054_s/html/{at}.html"), page(at));
    }
    let (repo, report) = taken(&old);
    assert_eq!((report.snapshots.imported, report.files.failed), (1, 0));
    let [snapshot] = all(&repo).try_into().unwrap();
    assert!(snapshot.artifacts.len() > 4_000);
    assert!(notes(&report).contains("more than user info is given"));
}

fn part() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "..",
        ".",
        "CON",
        "con",
        "a/b",
        "a%2Fb",
        "a%b",
        "%-",
        "é",
        "\\",
        "partition_1",
        "a_b",
        "-a",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), "[a-zA-Z0-9._%/ é-]{1,40}", "\\PC{1,80}"]
        .prop_filter("a context takes it", |part| {
            part.len() <= 255 && part != "*" && !part.chars().any(char::is_control)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bundles_are_taken_in_with_every_file(
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any::<u16>()), 1..5),
    ) {
        let old = Old::new();
        bundle(&old, PLACE, |_| {});
        bundle(&old, "s/m/c/20260214/124055_b", |metadata| metadata["artifacts"] = json!(["a"]));
        crate::support::old::damage(&old, &damages);
        let (_, report) = taken(&old);
        prop_assert_eq!(report.files.failed, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_path_is_read_back_and_two_contexts_never_meet(
        parts in prop::collection::vec(prop::array::uniform4(part()), 1..20),
        micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
    ) {
        let time = Time::from_micros(micros).unwrap();
        let mut seen: BTreeMap<String, Context> = BTreeMap::new();
        for four in parts {
            let [site, module, component, session] = four.clone().map(Some);
            let context =
                Context::from_parts([site, module, component, session, None]).unwrap();
            for precision in [Precision::Seconds, Precision::Micros] {
                let path = bundle_path(&context, time, precision);
                prop_assert!(path.split('/').count() == 5);
                prop_assert!(path.split('/').all(|part| part.len() <= 200 && !part.starts_with('.')));
                if let Some(other) = seen.insert(path.clone(), context.clone()) {
                    prop_assert_eq!(&other, &context);
                }
                let read = path::parse(&path).unwrap();
                let told = [read.site, read.module, read.component, read.session];
                for (told, given) in told.into_iter().zip(&four) {
                    let is_cut = path::name(&path::part(given)).is_none();
                    let given = Some(given).filter(|given| *given != "-" && !is_cut);
                    prop_assert_eq!(told.as_ref(), given);
                }
                let text = time.to_string();
                prop_assert!(text.starts_with(&read.timestamp));
            }
        }
    }

    #[test]
    fn no_bytes_make_a_reader_fail_otherwise_than_by_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in 0_usize..METADATA.len(),
        byte in any::<u8>(),
    ) {
        let _ = File::parse(&bytes).map(|file| (file.metadata(), file.check_hash()));
        let mut damaged = METADATA.replace("HASH", MD5).into_bytes();
        damaged[at] = byte;
        let _ = File::parse(&damaged).map(|file| (file.metadata(), file.check_hash()));
        let _ = path::parse(&String::from_utf8_lossy(&bytes));
    }
}
