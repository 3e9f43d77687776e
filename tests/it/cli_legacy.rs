//! `legacy` as scripts see it.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::old::{Old, dom, page, png};
use crate::support::shell::{Shell, check_members};

fn folder() -> Old {
    let old = Old::new();
    old.flat("old/", 1_769_683_048, &page(1), &png(1));
    old.file("old/readme", "hello");
    old
}

fn import(shell: &Shell, line: &str) -> Value {
    shell.json(&format!("legacy import {line}")).remove(0)
}

#[test]
fn a_folder_is_scanned_imported_and_verified() {
    let (shell, old) = (Shell::new(), folder());
    let path = old.path("old").to_str().unwrap().to_owned();
    let scan = shell.json(&format!("legacy scan {path}")).remove(0);
    check_members(
        &scan,
        json!({"folder": "", "files": 1, "bytes": 1, "snapshots": 1, "unread": 1, "kinds": [], "items": []}),
    );
    assert_eq!((&scan["files"], &scan["snapshots"]), (&json!(4), &json!(2)));
    let dry = import(&shell, &format!("{path} --dry-run"));
    assert_eq!(shell.done("list"), "");
    let report = import(&shell, &path);
    check_members(
        &report,
        json!({
            "folder": "", "dry_run": false, "scanned": 1, "imported": 1, "duplicates": 1,
            "kept_as_bytes": 1, "failed": 1, "items": [], "notes": [], "snapshots": {},
            "contents": {}, "hashes": {}, "passed_over": [], "zones_assumed": 0,
        }),
    );
    for count in ["scanned", "imported", "duplicates", "kept_as_bytes", "failed", "contents"] {
        assert_eq!(dry[count], report[count], "{count}");
    }
    assert_eq!((&report["scanned"], &report["imported"]), (&json!(4), &json!(3)));
    assert_eq!((&report["kept_as_bytes"], &report["failed"]), (&json!(1), &json!(0)));
    let items = report["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    let item = items.iter().find(|item| item["path"] == "readme").unwrap();
    assert_eq!(item["outcome"], "kept_as_bytes");
    assert_eq!(item["reason"], "of no form that is known");
    let again = import(&shell, &path);
    assert_eq!((&again["imported"], &again["duplicates"]), (&json!(0), &json!(4)));
    let text = shell.done(&format!("legacy verify {path}"));
    assert!(text.contains("ok: looked at 4 files, 2 snapshots, 4 artifacts"), "{text}");
    let proof = shell.json("legacy verify").remove(0);
    assert_eq!((&proof["ok"], &proof["hashes"]["agree"]), (&json!(true), &json!(1)));
    fs::write(old.path("old/readme"), "HELLO").unwrap();
    let run = shell.run(&format!("legacy verify {path}"));
    assert_eq!(run.code, 13);
    assert!(run.text().contains("readme: it is not in the store"), "{}", run.text());
}

#[test]
fn what_is_said_of_a_folder_can_be_read_by_people() {
    let (shell, old) = (Shell::new(), folder());
    let path = old.path("old").to_str().unwrap().to_owned();
    let scan = shell.done(&format!("legacy scan {path} --verbose"));
    assert!(scan.contains("KIND") && scan.contains("flat") && scan.contains("D3"), "{scan}");
    assert!(scan.contains("readme: of no form that is known"), "{scan}");
    let run = shell.run(&format!("legacy import {path} --dry-run"));
    assert!(run.err.contains("nothing was changed"), "{}", run.err);
    assert!(run.text().contains("4: 3 would be imported"), "{}", run.text());
    let text = shell.done(&format!("legacy import {path}"));
    assert!(text.contains("kept_as_bytes readme"), "{text}");
    assert!(text.contains("4: 3 imported, 0 there already, 1 kept as bytes, 0 failed"), "{text}");
}

#[test]
fn what_can_not_be_read_is_done_in_part() {
    let (shell, old) = (Shell::new(), folder());
    let path = old.path("old").to_str().unwrap().to_owned();
    // A link that is not followed is no part that lacks; what is neither file nor folder is.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/", old.path("old/link")).unwrap();
        assert_eq!(shell.run(&format!("legacy import {path}")).code, 0);
        let _socket = std::os::unix::net::UnixListener::bind(old.path("old/socket")).unwrap();
        for command in ["scan", "import", "verify"] {
            let run = shell.run(&format!("legacy {command} {path}"));
            assert_eq!(run.code, 3, "{command}: {} {}", run.text(), run.err);
            assert!(run.text().contains("socket: neither a file nor a folder"), "{command}");
        }
    }
    shell.run("legacy scan nowhere").failed(1, "nowhere");
    shell.run("legacy import nowhere --json").failed_as_json(1, "io");
    shell.run("legacy verify nowhere").failed(1, "nowhere");
    shell.run(&format!("legacy import {path} --time-zone Mars")).failed(2, "UTC, an offset");
    let empty = Shell::empty();
    empty.run(&format!("legacy import {path}")).failed(10, "tintype init");
    empty.run(&format!("legacy verify {path}")).failed(10, "tintype init");
    // To look needs no store.
    assert_ne!(empty.run(&format!("legacy scan {path}")).code, 10);
}

#[test]
fn an_import_that_was_killed_goes_on() {
    let (shell, old) = (Shell::new(), Old::new());
    for at in 0..400 {
        old.json(&format!("shop_{at}.json"), &dom(1_769_683_000 + at, &page(at), None, None));
    }
    let path = old.root().to_str().unwrap();
    let store = shell.path("tintype.db");
    for round in 0..3 {
        let mut child = shell
            .command()
            .args(["legacy", "import", path])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Until it has begun to write, or has come to its end.
        let log = shell.path("tintype.db-wal");
        while round > 0 && child.try_wait().unwrap().is_none() {
            if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
                break;
            }
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(store.exists());
    let report = import(&shell, path);
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(count("imported") + count("duplicates"), 400);
    assert_eq!(shell.run(&format!("legacy verify {path}")).code, 0);
    assert_eq!(shell.run("verify --read-data").code, 0);
}

#[test]
fn times_are_read_in_the_zone_of_the_machine_where_that_is_asked_for() {
    let (shell, old) = (Shell::new(), Old::new());
    old.file("shop.example/m/c/20260214/154054_s/html/fullpage_1.html", page(1));
    let import = |tz: &str| {
        let mut command = shell.command();
        command.args(["legacy", "import", "--json", "--time-zone", "local"]).arg(old.root());
        command.env("TZ", tz).output().unwrap()
    };
    let refused = import("nowhere");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the variable TZ"));
    let report: Value = serde_json::from_slice(&import("Africa/Nairobi").stdout).unwrap();
    assert_eq!(report["zone"], "Africa/Nairobi");
    let found = shell.json("list");
    assert_eq!(found[0]["created_at"], "2026-02-14T12:40:54.000000Z");
}

#[test]
fn what_cannot_be_read_of_a_file_is_done_in_part() {
    let (shell, old) = (Shell::new(), Old::new());
    let conn = rusqlite::Connection::open(old.path("adaptive.db")).unwrap();
    let table = "CREATE TABLE snapshots (id INTEGER, html_compressed BLOB, url TEXT)";
    conn.execute(table, []).unwrap();
    let url = format!("https://shop.example/{}", "x".repeat(1_200_000));
    conn.execute("INSERT INTO snapshots VALUES (1, NULL, ?1)", [url]).unwrap();
    conn.close().unwrap();
    let path = old.root().to_str().unwrap();
    for (command, words) in [
        ("scan", "1 can't be read"),
        ("import", "1 failed"),
        ("verify", "1 could not be read: looked at 1 file"),
    ] {
        let run = shell.run(&format!("legacy {command} {path}"));
        assert_eq!(run.code, 3, "{command}");
        assert!(run.text().contains(words), "{command}: {}", run.text());
    }
}
