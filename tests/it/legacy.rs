//! Old folders, taken in and proved.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::format::hashes::sha256;
use tintype::ops::legacy::report::Item;
use tintype::ops::legacy::verify::DifferenceKind;
use tintype::ops::legacy::{self, Options, Outcome, Report};
use tintype::ops::verify::{self, Depth};
use tintype::{Draft, Keep, Query, Repository, Snapshot, Status, Version};

use crate::support::old::{Old, dom, page, png, schema};

fn import_as(repo: &Repository, folder: &Path, options: &Options) -> Report {
    let plan = legacy::plan(repo, folder, &mut |_| {}).unwrap();
    legacy::apply(repo, plan, options, &mut |_| {}).unwrap()
}

fn import(repo: &Repository, folder: &Path) -> Report {
    import_as(repo, folder, &Options::default())
}

/// Imports a folder into a new store and checks what holds for every folder.
pub fn taken(old: &Old) -> (Repository, Report) {
    let before = old.files();
    let repo = Repository::temporary().unwrap();
    let dry = Options { dry_run: true, ..Options::default() };
    let planned = import_as(&repo, old.root(), &dry);
    assert!(repo.versions().unwrap().is_empty());
    let report = import(&repo, old.root());
    let counts = |report: &Report| {
        (report.files, report.snapshots, report.contents, report.hashes, report.zones_assumed)
    };
    assert_eq!(counts(&planned), counts(&report));
    assert_eq!(report.files.scanned, before.len() as u64);
    let files = report.files;
    let sum = files.imported + files.duplicates + files.kept_as_bytes + files.failed;
    assert_eq!(sum, files.scanned);
    let paths: Vec<String> = report.items().map(|item| item.path).collect();
    let mut sorted = paths.clone();
    sorted.sort();
    assert_eq!(sorted, before.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>());
    let again = import(&repo, old.root());
    assert_eq!((again.files.imported, again.files.kept_as_bytes), (0, 0));
    assert_eq!(again.contents.artifacts, 0);
    let proof = legacy::verify(&repo, Some(old.root()), &mut |_| {}).unwrap();
    assert!(proof.ok, "{:?}", proof.problems);
    let proof = legacy::verify(&repo, None, &mut |_| {}).unwrap();
    assert!(proof.ok, "{:?}", proof.problems);
    assert!(verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap().ok);
    assert_eq!(old.files(), before);
    (repo, report)
}

fn items(report: &Report) -> BTreeMap<String, Item> {
    report.items().map(|item| (item.path.clone(), item)).collect()
}

fn only(repo: &Repository) -> Snapshot {
    let found = repo.find(&Query::all()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

pub fn notes(report: &Report) -> String {
    report.notes().flat_map(|note| note.notes).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_flat_snapshot_comes_with_its_files_its_time_and_its_hashes() {
    let old = Old::new();
    let document = old.flat("", 1_769_683_048, &page(1), &png(1));
    let (repo, report) = taken(&old);
    assert_eq!((report.files.imported, report.snapshots.imported), (3, 1));
    let snapshot = only(&repo);
    assert_eq!(snapshot.context.to_string(), "shop.example/shop");
    assert_eq!(snapshot.created_at.to_string(), "2026-01-29T10:37:28.250000Z");
    assert_eq!(snapshot.status, Status::Complete);
    assert_eq!(snapshot.user_info["url"], document["url"]);
    let told = &snapshot.user_info["legacy"];
    assert_eq!((&told["kind"], &told["variant"]), (&json!("flat"), &json!("D3")));
    assert_eq!(told["metadata"]["html_metadata"], document["html_metadata"]);
    assert_eq!(told["metadata"].get("content"), None);
    let hash = sha256(page(1).as_bytes());
    let declared = json!({
        "artifact": "page.html", "algorithm": "sha256", "declared": hash, "over": "bytes",
        "actual": hash, "agrees": true,
    });
    assert_eq!(told["hashes"], json!([declared]));
    for (artifact, file) in [
        ("snapshot.json", "shop_1769683048.json"),
        ("page.html", "html/shop_1769683048.html"),
        ("full.png", "screenshots/shop_1769683048.png"),
    ] {
        let content = repo.content(&snapshot.version, artifact).unwrap();
        assert!(content == fs::read(old.path(file)).unwrap(), "{artifact}");
    }
    assert!(items(&report).values().all(|item| item.version.as_ref() == Some(&snapshot.version)));
}

#[test]
fn every_way_of_naming_files_is_followed() {
    let old = Old::new();
    let hash = sha256(page(7).as_bytes());
    let url = "https://shop.example:8080/";
    let pages = [
        ("1.0", "V1.0b", json!({"title": "t", "url": "file:///C:/x.html"}), 1),
        ("1.1", "V1.1", json!({"url": url, "html_file": "html/p.html", "content_hash": hash}), 2),
        ("1.2", "V1.2a", json!({"url": url, "html_file": "html\\p.html", "content_hash": hash}), 2),
        (
            "1.2",
            "V1.2b",
            json!({
                "url": url, "html_file": "html/p.html", "content_hash": hash,
                "screenshot": {"filepath": "screenshots/p.png", "file_size_bytes": 208},
            }),
            3,
        ),
        (
            "1.2",
            "V1.2c",
            json!({
                "url": url, "html": {"filepath": "html/p.html", "content_hash": hash},
                "screenshot": {"filepath": "screenshots/p.png", "capture_mode": "viewport"},
            }),
            3,
        ),
    ];
    for (at, (version, _, page, _)) in pages.iter().enumerate() {
        let time = format!("2026-01-29T08:02:38.33464{at}+00:00");
        old.json(&format!("run_{at}.json"), &schema(version, &time, page.clone()));
    }
    old.file("html/p.html", page(7));
    old.file("screenshots/p.png", png(7));
    let (repo, report) = taken(&old);
    assert_eq!((report.files.imported, report.hashes.agree), (7, 4));
    assert_eq!(report.contents.deduplicated, 4);
    let items = items(&report);
    for (at, (_, variant, _, artifacts)) in pages.iter().enumerate() {
        let version = items[&format!("run_{at}.json")].version.clone().unwrap();
        let snapshot = repo.get(&version).unwrap();
        assert_eq!(snapshot.user_info["legacy"]["variant"], *variant);
        assert_eq!(snapshot.artifacts.len(), *artifacts, "{variant}");
        let site = if at == 0 { "local" } else { "shop.example:8080" };
        assert_eq!(snapshot.context.site_name(), site);
        let session = Some("a7b39adf-df7f-4de2-8050-4a5e022db5c7");
        assert_eq!(snapshot.context.session(), session);
        let expected = if at == 0 { Status::Minimal } else { Status::Complete };
        assert_eq!(snapshot.status, expected);
    }
}

#[test]
fn a_page_in_the_document_is_found_in_the_file_of_its_name() {
    let old = Old::new();
    old.json("shop_9_1769683006.json", &{
        let mut document = dom(1_769_683_006, &page(3), None, None);
        document["page_id"] = json!("shop_9");
        document
    });
    old.file("html/shop_9_1769683006.html", page(3).replace('\n', "\r\n"));
    old.file("shop_9_1769683005.png", png(3));
    old.json("other_1769683100.json", &dom(1_769_683_100, &page(4), None, None));
    let (repo, report) = taken(&old);
    assert_eq!((report.files.imported, report.snapshots.imported), (4, 2));
    let items = items(&report);
    let version = items["shop_9_1769683006.json"].version.clone().unwrap();
    assert_eq!(items["html/shop_9_1769683006.html"].version.as_ref(), Some(&version));
    assert_eq!(items["shop_9_1769683005.png"].version.as_ref(), Some(&version));
    let content = repo.content(&version, "page.html").unwrap();
    assert_eq!(content, page(3).replace('\n', "\r\n").into_bytes());
    assert!(notes(&report).contains("html/shop_9_1769683006.html is not named by it"));
    // Without a file the page is the text in the document.
    let version = items["other_1769683100.json"].version.clone().unwrap();
    assert_eq!(repo.content(&version, "page.html").unwrap(), page(4).into_bytes());
}

#[test]
fn a_folder_from_windows_agrees_with_the_hashes_of_its_texts() {
    let old = Old::new();
    let text = page(5).replace('\n', "\r\n");
    old.file("data/html/p.html", &text);
    old.file("data/screenshots/p.png", png(5));
    let mut document = dom(1_769_683_048, &text, Some("html\\p.html"), None);
    document["screenshot_path"] = json!("data\\snapshots\\screenshots\\p.png");
    let document = serde_json::to_string_pretty(&document).unwrap().replace('\n', "\r\n");
    old.file("data/p_1769683048.json", &document);
    let (repo, report) = taken(&old);
    assert_eq!((report.files.imported, report.hashes.agree), (3, 1));
    let snapshot = only(&repo);
    let told = &snapshot.user_info["legacy"]["hashes"][0];
    assert_eq!((&told["over"], &told["agrees"]), (&json!("line_feeds"), &json!(true)));
    assert_eq!(repo.content(&snapshot.version, "page.html").unwrap(), text.into_bytes());
    assert!(notes(&report).contains("with other line ends"), "{}", notes(&report));
}

#[test]
fn what_no_document_names_comes_by_itself_and_the_unknown_as_bytes() {
    let old = Old::new();
    old.file("html/20260129_102350_d42c540b_737b5f039864.html", page(6));
    old.file("pictures/lost.png", png(6));
    old.file("notes.txt", "remember the milk");
    old.file("empty", "");
    old.file("broken.json", "{\"schema_version\": \"1.0\", \"captured_at\": 1, \"page\": {");
    old.json("settings.json", &json!({"interval": 5}));
    let (repo, report) = taken(&old);
    assert_eq!((report.files.imported, report.files.kept_as_bytes), (2, 4));
    let items = items(&report);
    let page_item = &items["html/20260129_102350_d42c540b_737b5f039864.html"];
    let orphan = repo.get(page_item.version.as_ref().unwrap()).unwrap();
    assert_eq!(orphan.created_at.to_string(), "2026-01-29T10:23:50.000000Z");
    assert_eq!((orphan.status, orphan.context.site_name()), (Status::Partial, "unknown"));
    for (path, why) in [
        ("notes.txt", "of no form that is known"),
        ("empty", "nothing is in it"),
        ("broken.json", "no whole JSON: it ends early"),
        ("settings.json", "JSON of no form that is known"),
    ] {
        let item = &items[path];
        assert_eq!(item.outcome, Outcome::KeptAsBytes, "{path}");
        assert!(item.reason.as_ref().unwrap().contains(why), "{path}: {:?}", item.reason);
        let content = repo.content(item.version.as_ref().unwrap(), "data").unwrap();
        assert_eq!(content, fs::read(old.path(path)).unwrap());
    }
}

#[test]
fn a_declared_hash_that_is_not_true_is_kept_beside_the_true_one() {
    let old = Old::new();
    old.flat("", 1_769_683_048, &page(8), &png(8));
    old.file("html/shop_1769683048.html", "<html>made pretty</html>");
    let (repo, report) = taken(&old);
    assert_eq!((report.hashes.agree, report.hashes.differ), (0, 1));
    let told = &only(&repo).user_info["legacy"];
    let (declared, actual) = (sha256(page(8).as_bytes()), sha256(b"<html>made pretty</html>"));
    assert_eq!(told["hashes"][0]["declared"], declared);
    assert_eq!(told["hashes"][0]["actual"], actual);
    assert_eq!(told["hashes"][0]["agrees"], false);
    assert!(notes(&report).contains(&format!("{declared}, and has {actual}")));
    let proof = legacy::verify(&repo, None, &mut |_| {}).unwrap();
    assert_eq!((proof.ok, proof.known.len(), proof.hashes.differ), (true, 1, 1));
}

#[test]
fn a_file_that_is_named_and_missing_leaves_a_reason() {
    let old = Old::new();
    old.flat("", 1_769_683_048, &page(9), &png(9));
    fs::remove_file(old.path("screenshots/shop_1769683048.png")).unwrap();
    fs::remove_file(old.path("html/shop_1769683048.html")).unwrap();
    let (repo, _) = taken(&old);
    let snapshot = only(&repo);
    assert_eq!(snapshot.status, Status::Partial);
    let picture = snapshot.artifact("full.png").unwrap();
    assert!(picture.reason.as_ref().unwrap().contains("there is no file"), "{picture:?}");
    // The page is in the document too.
    assert_eq!(repo.content(&snapshot.version, "page.html").unwrap(), page(9).into_bytes());
}

#[test]
fn nested_folders_share_content_and_copies_add_nothing() {
    let old = Old::new();
    for at in 0..4 {
        let folder = ["", "a/", "a/b/", "copy of a/"][at as usize];
        old.flat(folder, 1_769_683_048 + at / 3 * 1_000 + at, &page(at % 2), &png(1));
    }
    old.flat("copy/a/", 1_769_683_049, &page(1), &png(1));
    let (repo, report) = taken(&old);
    assert_eq!((report.files.imported, report.files.duplicates), (12, 3));
    assert_eq!((report.snapshots.imported, report.snapshots.duplicates), (4, 1));
    // Two pages, one picture, and the documents.
    assert_eq!(repo.stats().unwrap().blobs, 2 + 1 + 4);
    assert_eq!(report.contents.deduplicated, 4 * 2 - 3);
    // The same folder elsewhere, with other times on its files.
    let copy = Old::new();
    for (path, content) in old.files() {
        copy.file(&format!("moved/{path}"), content);
    }
    let again = import(&repo, copy.root());
    assert_eq!((again.files.imported, again.files.duplicates), (0, 15));
    assert!(legacy::verify(&repo, Some(copy.root()), &mut |_| {}).unwrap().ok);
}

#[test]
fn an_import_that_was_ended_goes_on() {
    let old = Old::new();
    for at in 0..60 {
        old.flat("", 1_769_683_000 + at, &page(at), &png(at));
    }
    let repo = Repository::temporary().unwrap();
    let plan = legacy::plan(&repo, old.root(), &mut |_| {}).unwrap();
    let stop = std::panic::AssertUnwindSafe(|| {
        legacy::apply(&repo, plan, &Options::default(), &mut |told| {
            assert!(told.stage != "files" || told.done < 90, "the end of this run");
        })
    });
    assert!(std::panic::catch_unwind(stop).is_err());
    repo.flush().unwrap();
    let there = repo.versions().unwrap().len() as u64;
    assert!((1..60).contains(&there), "{there}");
    let report = import(&repo, old.root());
    assert_eq!(report.snapshots.duplicates, there);
    assert_eq!(report.snapshots.imported, 60 - there);
    assert!(legacy::verify(&repo, Some(old.root()), &mut |_| {}).unwrap().ok);
}

#[test]
fn two_imports_at_once_store_each_snapshot_once() {
    let old = Old::new();
    for at in 0..150 {
        old.flat("", 1_769_683_000 + at, &page(at), &png(at));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    Repository::init(&path).unwrap().close().unwrap();
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let import = || import(&Repository::open(&path).unwrap(), old.root());
        let running: Vec<_> = (0..2).map(|_| scope.spawn(import)).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(reports.iter().all(|report| report.files.failed == 0));
    let imported: u64 = reports.iter().map(|report| report.snapshots.imported).sum();
    let repo = Repository::open(&path).unwrap();
    assert_eq!((imported, repo.versions().unwrap().len()), (150, 150));
    assert!(legacy::verify(&repo, Some(old.root()), &mut |_| {}).unwrap().ok);
}

#[test]
fn many_snapshots_are_few_commits() {
    let old = Old::new();
    for at in 0..200 {
        old.flat("", 1_769_683_000 + at, &page(at), &png(1));
    }
    let repo = Repository::temporary().unwrap();
    let before = repo.commits();
    import(&repo, old.root());
    let commits = repo.commits() - before;
    assert!(commits <= 20, "{commits} commits");
}

#[test]
fn progress_ends_with_every_file() {
    let old = Old::new();
    for at in 0..10 {
        old.flat("", 1_769_683_000 + at, &page(at), &png(at));
    }
    old.file("x", "y");
    let repo = Repository::temporary().unwrap();
    let plan = legacy::plan(&repo, old.root(), &mut |_| {}).unwrap();
    let mut told = Vec::new();
    legacy::apply(&repo, plan, &Options::default(), &mut |one| told.push(one)).unwrap();
    assert!(told.is_sorted_by_key(|one| one.done));
    let last = told.last().unwrap();
    assert_eq!((last.stage, last.done, last.total), ("files", 31, 31));
}

#[test]
fn a_store_in_the_folder_is_passed_over() {
    let old = Old::new();
    old.flat("", 1_769_683_048, &page(1), &png(1));
    let repo = Repository::init(old.path("tintype.db")).unwrap();
    repo.create(Draft::text("mine")).unwrap();
    let report = import(&repo, old.root());
    assert_eq!((report.files.scanned, report.files.imported), (3, 3));
    // Its locks still hold.
    repo.create(Draft::text("mine too")).unwrap();
    assert!(verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap().ok);
}

#[test]
fn what_was_forgotten_is_not_brought_back() {
    let old = Old::new();
    old.flat("", 1_769_683_048, &page(1), &png(1));
    let (repo, _) = taken(&old);
    repo.forget(&only(&repo).version).unwrap();
    let report = import(&repo, old.root());
    assert_eq!((report.files.imported, report.files.duplicates), (0, 3));
    assert!(notes(&report).contains("it is there, and forgotten"));
    assert!(repo.versions().unwrap().is_empty());
    let proof = legacy::verify(&repo, Some(old.root()), &mut |_| {}).unwrap();
    assert_eq!(proof.problems[0].kind, DifferenceKind::Forgotten);
}

#[test]
fn what_is_kept_in_a_place_holds_for_what_is_imported() {
    let old = Old::new();
    for at in 0..5 {
        old.flat("", 1_769_683_000 + at, &page(at), &png(at));
    }
    let repo = Repository::builder().retention(Keep::last(2)).temporary().unwrap();
    let report = import(&repo, old.root());
    assert_eq!(report.snapshots.imported, 5);
    assert_eq!(repo.versions().unwrap().len(), 2);
    assert_eq!(import(&repo, old.root()).snapshots.duplicates, 5);
}

#[test]
fn proof_finds_what_differs_in_the_folder() {
    let old = Old::new();
    old.flat("", 1_769_683_048, &page(1), &png(1));
    old.file("note.txt", "one");
    let (repo, _) = taken(&old);
    old.file("note.txt", "two");
    old.flat("", 1_769_683_050, &page(2), &png(2));
    let proof = legacy::verify(&repo, Some(old.root()), &mut |_| {}).unwrap();
    assert!(!proof.ok);
    let absent: Vec<&str> = proof.problems.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(absent, ["shop_1769683050.json", "note.txt"]);
    assert!(proof.problems.iter().all(|one| one.kind == DifferenceKind::Absent));
}

#[test]
fn proof_finds_what_differs_in_the_store() {
    let old = Old::new();
    old.flat("", 1_769_683_048, &page(1), &png(1));
    let path = old
        .path("../")
        .canonicalize()
        .unwrap()
        .join(format!("store-of-{}.db", old.root().file_name().unwrap().to_str().unwrap()));
    let repo = Repository::init(&path).unwrap();
    import(&repo, old.root());
    repo.close().unwrap();
    for (change, kind) in [
        ("user_info = replace(user_info, 'Kettles', 'Pots')", DifferenceKind::Facts),
        (
            "user_info = replace(user_info, '\"agrees\":true', '\"agrees\":false')",
            DifferenceKind::Hash,
        ),
        ("status = 1", DifferenceKind::Facts),
    ] {
        let conn = rusqlite::Connection::open(&path).unwrap();
        let before: (String, i64) = conn
            .query_row("SELECT user_info, status FROM snapshot", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(conn.execute(&format!("UPDATE snapshot SET {change}"), []).unwrap(), 1);
        drop(conn);
        let repo = Repository::open(&path).unwrap();
        let folder = Some(old.root()).filter(|_| kind == DifferenceKind::Facts);
        let proof = legacy::verify(&repo, folder, &mut |_| {}).unwrap();
        assert!(!proof.ok && proof.problems.iter().any(|one| one.kind == kind), "{change}");
        repo.close().unwrap();
        let conn = rusqlite::Connection::open(&path).unwrap();
        let restore = "UPDATE snapshot SET user_info = ?1, status = ?2";
        conn.execute(restore, rusqlite::params![before.0, before.1]).unwrap();
    }
    for end in ["", "-wal", "-shm", "-head"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
}

#[test]
fn what_says_more_than_user_info_holds_is_still_imported() {
    let old = Old::new();
    let mut document = dom(1_769_683_048, &page(1), None, None);
    document["console_logs"] = json!(vec!["x".repeat(1_000); 1_500]);
    old.json("shop_1769683048.json", &document);
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let text = serde_json::to_string(&dom(1_769_683_049, &page(2), None, None)).unwrap();
    let text = text.replace("\"selector_results\":{}", &format!("\"selector_results\":{deep}"));
    old.file("shop_1769683049.json", text);
    let (repo, report) = taken(&old);
    assert_eq!(report.snapshots.imported, 2);
    for snapshot in repo.find(&Query::all()).unwrap() {
        let told = &snapshot.user_info["legacy"];
        let is_left_out = told.get("metadata_left_out").is_some();
        assert_eq!(is_left_out, told["source"] == "shop_1769683048.json");
    }
}

/// Paths that a program may have written for files, and others.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(/[a-z.]{1,8}){0,3}",
        "(\\.\\./){0,3}[a-z/.]{0,12}",
        "[A-Z]:\\\\[a-z\\\\]{0,12}",
        "\\PC{0,30}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn any_flat_folder_comes_in_whole(
        pages in prop::collection::vec((0..6_u64, 0..4_u64, prop::option::of(name()), any::<bool>()), 1..8),
        loose in prop::collection::vec(("[a-z]{1,6}(/[a-z]{1,6}){0,2}\\.[a-z]{1,4}", prop::collection::vec(any::<u8>(), 0..64)), 0..5),
    ) {
        let old = Old::new();
        for (at, (text, picture, other, is_windows)) in pages.into_iter().enumerate() {
            let seconds = 1_769_683_000 + at as u64;
            let mut text = page(text);
            if is_windows {
                text = text.replace('\n', "\r\n");
            }
            let mut document = old.flat("", seconds, &text, &png(picture));
            if let Some(other) = other {
                document["html_metadata"]["filepath"] = Value::from(other.clone());
                document["screenshot_path"] = Value::from(other);
                old.json(&format!("shop_{seconds}.json"), &document);
            }
        }
        for (path, content) in loose {
            old.file(&format!("loose/{path}x"), content);
        }
        taken(&old);
    }
}

#[test]
fn versions_are_made_of_what_is_imported() {
    let old = Old::new();
    old.flat("", 1_769_683_048, &page(1), &png(1));
    let versions: Vec<Vec<Version>> = (0..2).map(|_| taken(&old).0.versions().unwrap()).collect();
    assert_eq!(versions[0], versions[1]);
}
