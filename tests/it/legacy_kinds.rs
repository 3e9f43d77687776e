//! Selector engines, browser sessions and adaptive SQLite files, taken in.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tintype::codec::gzip::{self, GzipError};
use tintype::format::shape::{self, Shape};
use tintype::format::{flat, selector_engine};
use tintype::ops::legacy::{self, Options, Report};
use tintype::{Query, Repository, Snapshot, Status};

use crate::support::old::{Old, dom, page};

fn packed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn import(old: &Old) -> (Repository, Report) {
    let before = old.files();
    let repo = Repository::temporary().unwrap();
    for round in 0..2 {
        let plan = legacy::plan(&repo, old.root(), &mut |_| {}).unwrap();
        let report = legacy::apply(&repo, plan, &Options::default(), &mut |_| {}).unwrap();
        assert_eq!(report.files.scanned, before.len() as u64);
        if round == 1 {
            assert_eq!(report.files.duplicates, before.len() as u64);
            let proof = legacy::verify(&repo, Some(old.root()), &mut |_| {}).unwrap();
            assert!(proof.ok, "{:?}", proof.problems);
            assert!(legacy::verify(&repo, None, &mut |_| {}).unwrap().ok);
            assert_eq!(old.files(), before);
            return (repo, report);
        }
    }
    unreachable!()
}

fn of_variant(repo: &Repository, variant: &str) -> Vec<Snapshot> {
    let mut found = repo.find(&Query::all().oldest_first().limit(1_000)).unwrap();
    found.retain(|snapshot| snapshot.user_info["legacy"]["variant"] == variant);
    found
}

fn selector(id: &str, dom: &str) -> Value {
    json!({
        "id": id, "selector_name": "price", "snapshot_type": "failure", "dom_content": dom,
        "metadata": {"page_url": "https://shop.example/kettles", "viewport_size": [1280, 720]},
        "file_path": format!("data\\storage\\snapshots\\{id}.jsongz"),
        "created_at": "2026-02-01T10:00:00.250000", "file_size": 123,
    })
}

#[test]
fn snapshots_of_a_selector_engine_come_with_their_page_and_their_list() {
    let old = Old::new();
    let first = serde_json::to_vec(&selector("failure_price_1", &page(1))).unwrap();
    // Its name says nothing: it is known by what is in it.
    old.file("snapshots/failure_price_1.jsongz", packed(&first));
    old.json("snapshots/failure_price_2.json", &selector("failure_price_2", &page(2)));
    let entry = |id: &str| {
        json!({
            "selector_name": "price", "snapshot_type": "failure", "file_size": 1,
            "created_at": "2026-02-01T10:00:00", "file_path": format!("data/storage/{id}.jsongz"),
        })
    };
    let index = json!({
        "failure_price_1": entry("failure_price_1"), "failure_price_3": entry("failure_price_3"),
    });
    old.json("snapshots/indexes/snapshots.json", &index);
    let (repo, report) = import(&old);
    let packed = &of_variant(&repo, "gzip")[0];
    assert_eq!(packed.context.to_string(), "shop.example/selector_engine/price");
    assert_eq!(packed.created_at.to_string(), "2026-02-01T10:00:00.250000Z");
    assert_eq!(packed.user_info["legacy"]["metadata"]["metadata"]["viewport_size"][0], 1280);
    assert_eq!(repo.content(&packed.version, "page.html").unwrap(), page(1).into_bytes());
    let file = repo.content(&packed.version, "snapshot.json.gz").unwrap();
    assert_eq!(gzip::decode(&file, 1 << 20).unwrap(), first);
    let plain = &of_variant(&repo, "json")[0];
    assert_eq!(repo.content(&plain.version, "page.html").unwrap(), page(2).into_bytes());
    assert_eq!(of_variant(&repo, "index").len(), 1);
    let notes: Vec<String> = report.notes().flat_map(|note| note.notes).collect();
    assert!(notes.iter().any(|note| note == "it lists what is not there: failure_price_3"));
}

#[test]
fn damaged_gzip_is_kept_as_bytes_with_the_reason() {
    let old = Old::new();
    let whole = packed(&serde_json::to_vec(&selector("x", &page(1))).unwrap());
    old.file("cut.jsongz", &whole[..whole.len() - 9]);
    old.file("notes.gz", packed(b"nothing that is known"));
    let (_, report) = import(&old);
    let reasons: Vec<String> = report.items().filter_map(|item| item.reason).collect();
    assert!(reasons[0].contains("damaged"), "{reasons:?}");
    assert!(reasons[1].contains("nothing that is known"), "{reasons:?}");
}

#[test]
fn gzip_that_holds_too_much_is_not_taken_apart() {
    let head = br#"{"id":"x","selector_name":"s","snapshot_type":"failure","dom_content":""#;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(head).unwrap();
    let spaces = vec![b' '; 1 << 20];
    (0..65).for_each(|_| encoder.write_all(&spaces).unwrap());
    encoder.write_all(b"\"}").unwrap();
    let old = Old::new();
    old.file("bomb.jsongz", encoder.finish().unwrap());
    let (repo, report) = import(&old);
    let item = report.items().next().unwrap();
    assert!(item.reason.unwrap().contains("more than 67108864 bytes"));
    let kept = repo.content(item.version.as_ref().unwrap(), "data").unwrap();
    assert_eq!(kept, old.files()[0].1);
    assert_eq!(gzip::decode(&packed(&[7; 100]), 99), Err(GzipError::TooLarge { limit: 99 }));
    assert_eq!(gzip::decode(&packed(&[7; 100]), 100), Ok(vec![7; 100]));
}

#[test]
fn browser_sessions_come_as_they_are() {
    let old = Old::new();
    let session = json!({
        "session_id": "a7b39adf-df7f-4de2-8050-4a5e022db5c7",
        "configuration": {"browser_type": "chromium", "headless": true}, "status": "active",
        "created_at": "2026-01-29T08:05:49.407883", "last_activity": null, "process_id": 7,
    });
    old.json("browser_sessions/a7b39adf.json", &session);
    old.json("shop/browser_sessions/sess-2", &json!({"session_id": "sess-2"}));
    let (repo, _) = import(&old);
    let found = &of_variant(&repo, "configured")[0];
    let context = "-/browser_sessions/-/a7b39adf-df7f-4de2-8050-4a5e022db5c7";
    assert_eq!(found.context.to_string(), context);
    assert_eq!(found.created_at.to_string(), "2026-01-29T08:05:49.407883Z");
    assert_eq!(found.user_info["legacy"]["metadata"], session);
    assert_eq!(of_variant(&repo, "name alone")[0].context.session(), Some("sess-2"));
}

const TABLE: &str = "CREATE TABLE snapshots (id INTEGER PRIMARY KEY, failure_id TEXT,
    html_compressed BLOB, original_size INTEGER, compressed_size INTEGER,
    compression_algorithm TEXT, viewport_size JSON, user_agent TEXT, url TEXT,
    selector_context TEXT, correlation_id TEXT, created_at TEXT)";

fn adaptive(old: &Old, name: &str, rows: u64) -> Connection {
    let conn = Connection::open(old.path(name)).unwrap();
    conn.execute_batch(TABLE).unwrap();
    for at in 0..rows {
        let html = page(at);
        conn.execute(
            "INSERT INTO snapshots VALUES (?1, 'f', ?2, ?3, ?4, 'gzip', 'null', 'agent',
             'https://shop.example/', 'header', NULL, '2026-02-01 10:00:0' || ?1 || '.5')",
            params![at, packed(html.as_bytes()), html.len(), 1],
        )
        .unwrap();
    }
    conn
}

#[test]
fn rows_of_an_adaptive_file_come_as_pages() {
    let old = Old::new();
    adaptive(&old, "adaptive.db", 5).close().unwrap();
    let (repo, report) = import(&old);
    assert_eq!((report.snapshots.scanned, report.files.scanned), (6, 1));
    for (at, snapshot) in of_variant(&repo, "row").iter().enumerate() {
        assert_eq!(snapshot.context.to_string(), "shop.example/adaptive/header");
        let second = format!("2026-02-01T10:00:0{at}.500000Z");
        assert_eq!(snapshot.created_at.to_string(), second);
        let html = repo.content(&snapshot.version, "page.html").unwrap();
        assert_eq!(html, page(at as u64).into_bytes());
        assert_eq!(snapshot.user_info["legacy"]["metadata"]["original_size"], html.len());
    }
    let whole = &of_variant(&repo, "file")[0];
    let file = repo.content(&whole.version, "adaptive.db").unwrap();
    assert_eq!(file, old.files()[0].1);
}

#[test]
fn an_adaptive_file_with_a_log_is_read_with_it_and_left_alone() {
    let old = Old::new();
    let conn = adaptive(&old, "live.db", 2);
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.execute(
        "INSERT INTO snapshots (id, html_compressed) VALUES (9, ?1)",
        [packed(page(9).as_bytes())],
    )
    .unwrap();
    // As a program leaves them that was killed.
    let copy = Old::new();
    for (path, content) in old.files() {
        copy.file(&path, content);
    }
    assert!(copy.path("live.db-wal").metadata().unwrap().len() > 0);
    let (repo, _) = import(&copy);
    assert_eq!(of_variant(&repo, "row").len(), 3);
    assert_eq!(of_variant(&repo, "file")[0].artifacts.len(), 3);
}

#[test]
fn a_hostile_sqlite_file_is_kept_as_bytes() {
    let old = Old::new();
    let endless = "CREATE VIEW snapshots AS WITH RECURSIVE t(id) AS (SELECT 1 UNION ALL
        SELECT id + 1 FROM t) SELECT id, id AS html_compressed FROM t";
    let conn = Connection::open(old.path("view.db")).unwrap();
    conn.execute_batch(endless).unwrap();
    conn.close().unwrap();
    let conn = Connection::open(old.path("other.db")).unwrap();
    conn.execute_batch("CREATE TABLE users (id INTEGER)").unwrap();
    conn.close().unwrap();
    let mut torn = {
        adaptive(&old, "torn.db", 5).close().unwrap();
        old.files().into_iter().find(|(path, _)| path == "torn.db").unwrap().1
    };
    torn.truncate(4_096);
    old.file("torn.db", torn);
    let conn = adaptive(&old, "rows.db", 0);
    conn.execute("INSERT INTO snapshots (id, html_compressed) VALUES (1, 'no gzip')", []).unwrap();
    conn.execute("INSERT INTO snapshots (id, html_compressed) VALUES (2, NULL)", []).unwrap();
    conn.close().unwrap();
    let (repo, report) = import(&old);
    let kept: Vec<String> =
        report.items().filter(|item| item.kind == Some("bytes")).map(|item| item.path).collect();
    assert!(kept.contains(&"view.db".into()) && kept.contains(&"other.db".into()), "{kept:?}");
    let rows = of_variant(&repo, "row");
    assert!(rows.iter().all(|row| row.status == Status::Partial));
    assert_eq!(rows.len(), 2);
}

#[test]
fn naive_times_are_read_in_the_zone_that_is_given() {
    use tintype::{Time, Zone};
    let at = |zone: &str, reading: &str| {
        let zone: Zone = zone.parse().unwrap();
        zone.moment(reading.parse::<Time>().unwrap()).unwrap().to_string()
    };
    assert_eq!(at("+03:00", "2026-02-14T15:40:54"), "2026-02-14T12:40:54.000000Z");
    assert_eq!(at("-0530", "2026-02-14T15:40:54"), "2026-02-14T21:10:54.000000Z");
    assert_eq!(at("Africa/Nairobi", "2026-02-14T15:40:54"), "2026-02-14T12:40:54.000000Z");
    assert_eq!(at("Z", "2026-02-14T15:40:54"), at("UTC", "2026-02-14T15:40:54"));
    // Shown twice, the first counts; never shown, it is read by the offset before.
    assert_eq!(at("Europe/Berlin", "2026-10-25T02:30:00"), "2026-10-25T00:30:00.000000Z");
    assert_eq!(at("Europe/Berlin", "2026-03-29T02:30:00"), "2026-03-29T01:30:00.000000Z");
    for wrong in ["", "+", "+25:00", "Mars/Olympus", "+3:7", "--3", "+٣"] {
        assert!(wrong.parse::<Zone>().is_err(), "{wrong}");
    }
    for zone in ["UTC", "+03:00", "-05:30", "Africa/Nairobi"] {
        assert_eq!(zone.parse::<Zone>().unwrap().to_string(), zone);
    }
}

#[test]
fn a_file_is_known_by_how_it_begins() {
    for (head, shape) in [
        (&b""[..], Shape::Empty),
        (b" \n\t", Shape::Empty),
        (b"\xef\xbb\xbf <!DOCTYPE html>", Shape::Html),
        (b"<div class=x>", Shape::Html),
        (b"<?xml version='1.0'?>", Shape::Other),
        (b"\x89PNG\r\n\x1a\n", Shape::Png),
        (b"\x1f\x8b\x08", Shape::Gzip),
        (b"\x80\x04K\x01.", Shape::Pickle),
        (b"[1]", Shape::List),
        (b"plain", Shape::Other),
    ] {
        assert_eq!(shape::of(head), shape, "{head:?}");
    }
    let Shape::Object(members) = shape::of(br#"{"a":{"b":[{"c":1}],"d":"}"},"e\"f":[1,{"g":2}]}"#)
    else {
        panic!("no object")
    };
    assert_eq!(members.names, ["a", r#"e\"f"#]);
    assert_eq!(members.inner, ["b", "d"]);
    assert!(members.whole);
    let Shape::Object(members) = shape::of(br#"{"page_id":"x","content":"<html"#) else {
        panic!("no object")
    };
    assert_eq!((members.names.len(), members.whole), (2, false));
}

#[test]
fn names_tell_pages_sessions_and_times() {
    let long = "wikipedia_search_1769685205_7601a9d5_cc5c_44a9_9311_88eaae662ffe_1769685205";
    let session = flat::session_in_name(long).unwrap();
    assert_eq!(session, "7601a9d5-cc5c-44a9-9311-88eaae662ffe");
    assert_eq!(flat::prefix_in_name(long), "wikipedia_search");
    assert_eq!(flat::prefix_in_name("google_search_20260129_064341"), "google_search");
    assert_eq!(flat::prefix_in_name("wikipedia_search_1769685205"), "wikipedia_search");
    assert_eq!(flat::prefix_in_name("plain"), "plain");
    let (before, time) = flat::stamp_in_name("run_20260129_102350_x").unwrap();
    assert_eq!((before, time.to_string().as_str()), ("run", "2026-01-29T10:23:50.000000Z"));
    for none in ["20261329_102350", "x20260129_102350", "20260129_1023501", "é", "_"] {
        assert_eq!(flat::stamp_in_name(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn readers_stand_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,60}") {
        shape::of(&bytes);
        let _ = flat::read(&bytes);
        let _ = selector_engine::read(&bytes);
        let _ = selector_engine::read_index(&bytes);
        let _ = gzip::decode(&bytes, 1_000);
        gzip::head(&bytes, 100);
        flat::session_in_name(&text);
        flat::stamp_in_name(&text);
        flat::seconds_in_name(&text);
        prop_assert!(text.starts_with(flat::prefix_in_name(&text)));
        let _ = text.parse::<tintype::Zone>();
    }

    #[test]
    fn readers_stand_any_damage(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<bool>()) {
        let documents = [
            serde_json::to_vec(&dom(1_769_683_048, &page(1), Some("html/p.html"), Some(("p.png", 3)))).unwrap(),
            serde_json::to_vec(&selector("x", &page(1))).unwrap(),
        ];
        for document in documents {
            let at = at.index(document.len());
            let mut damaged = document.clone();
            damaged[at] = with;
            if cut {
                damaged.truncate(at);
            }
            shape::of(&damaged);
            let _ = flat::read(&damaged);
            let _ = selector_engine::read(&damaged);
            let packed = packed(&document);
            let mut damaged = packed.clone();
            let at = at % packed.len();
            damaged[at] ^= with;
            let told = gzip::decode(&damaged, 1 << 20);
            prop_assert!(told.is_err() || told.unwrap() == document);
        }
    }
}
