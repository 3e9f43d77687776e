//! `export`, `import` and `repair` as scripts see them.

use std::fs;

use serde_json::{Value, json};
use tintype::Repository;

use crate::support::full::full_store;
use crate::support::shell::{Shell, objects};

/// A document as a Python snapshot manager writes it.
const DOCUMENT: &str = r#"{
  "data": {"low": -Infinity, "half": "\ud83d"},
  "metadata": {
    "version": "py-1", "created_at": "2026-01-26T06:00:00+00:00", "tags": ["good"], "description": "",
    "user_info": {"run": 7}, "size_bytes": 99, "entry_count": 2,
    "checksum": "83f91226ed11ad4aebb5848e22830a8d34ccb0786afde44c1f1b20f0d086c4f9"
  },
  "exported_at": "2026-01-27T00:00:00+00:00", "source_id": "py-1"
}"#;

/// A store with three snapshots: JSON, bytes, and a page.
fn shop() -> Shell {
    let shell = Shell::new();
    shell.file("feed.json", "{\"price\": 24}\n");
    shell.file("image.bin", [0, 255, 1]);
    shell.file("network.har", r#"{"log": {"version": "1.2", "entries": []}}"#);
    shell.file("page.mhtml", "MIME-Version: 1.0\r\n");
    shell.put("feed.json --version feed --tag good --at 2026-01-26 --context shop.example/feed");
    shell.put("image.bin --version image --at 2026-01-27");
    shell.put("network.har page.mhtml --together --version page --at 2026-01-28");
    shell
}

/// How many files stand in the folder.
fn files(shell: &Shell) -> usize {
    fs::read_dir(shell.path("")).unwrap().count()
}

#[test]
fn an_archive_goes_out_and_comes_in() {
    let shell = shop();
    let out = shell.json("export feed oldest page -o a.tintype");
    assert_eq!((&out[0]["archive"], &out[0]["snapshots"]), (&json!("a.tintype"), &json!(2)));
    assert_eq!(out[0]["file_bytes"], fs::metadata(shell.path("a.tintype")).unwrap().len());
    assert_eq!(shell.done("list --store a.tintype --json").lines().count(), 2);
    shell.done("init --store b.db");
    let import = shell.run("import a.tintype --store b.db");
    assert_eq!((import.code, import.text().as_str()), (0, "feed\npage\n"), "{}", import.err);
    assert!(import.err.ends_with("2 imported, 0 were here already\n"), "{}", import.err);
    for version in ["feed --artifact data", "page --artifact page.mhtml"] {
        let get = |store| shell.run(&format!("get {version} --store {store}")).out;
        assert_eq!(get("b.db"), get("tintype.db"));
    }
    for one in shell.json("import a.tintype --store b.db") {
        assert_eq!((&one["present"], one.get("notes")), (&json!(true), None));
    }
    shell.run("export feed -o a.tintype").failed(15, "choose another name");
    shell.run("export feed nowhere -o c.tintype").failed(14, "there is no snapshot nowhere");
    assert!(!shell.path("c.tintype").exists());
    shell.run("export feed").failed(2, "--output");
    shell.run("import a.tintype --as-version x --store b.db").failed(2, "holds 2 snapshots");
    shell.run("import a.tintype --as-version x --new-version").failed(2, "cannot be used with");
    shell.run("import none.tintype").failed(10, "there is no store at none.tintype");
}

#[test]
fn a_taken_version_is_an_error_unless_another_is_asked_for() {
    let shell = shop();
    shell.done("init --store b.db");
    shell.done("put image.bin --version feed --store b.db");
    shell.done("export feed -o a.tintype");
    shell.done("export feed -o a.json --as json");
    for file in ["a.tintype", "a.json"] {
        let import = |flags: &str| shell.run(&format!("import {file} --store b.db {flags}"));
        import("").failed(15, "version feed exists already");
        import("--json").failed_as_json(15, "version_exists");
        assert_eq!(import("--new-version").text().trim().len(), 16);
        let name = file.replace('.', "-");
        assert_eq!(import(&format!("--as-version {name}")).text(), format!("{name}\n"));
        let got = shell.run(&format!("get {name} --store b.db")).out;
        assert_eq!(got, shell.read("feed.json"));
    }
}

#[test]
fn one_snapshot_goes_out_as_json_and_comes_in_byte_for_byte() {
    let shell = shop();
    let out = shell.json("export latest:good -o feed.out --as json");
    assert_eq!(
        out[0],
        json!({
            "schema": 1, "path": "feed.out", "version": "feed", "artifact": null, "bytes": 14,
            "file_bytes": shell.read("feed.out").len(),
        })
    );
    let document: Value = serde_json::from_slice(&shell.read("feed.out")).unwrap();
    assert_eq!(document["data"], json!({"price": 24}));
    assert_eq!(document["metadata"]["tags"], json!(["good"]));
    assert_eq!(document["tintype"]["context"], "shop.example/feed");
    shell.done("init --store b.db");
    assert_eq!(shell.done("import feed.out --store b.db"), "feed\n");
    assert_eq!(shell.run("get feed --store b.db").out, shell.read("feed.json"));
    let before = files(&shell);
    shell.run("export feed -o feed.out --as json").failed(15, "feed.out exists already");
    shell.run("export feed image -o x --as json").failed(2, "it has to be one");
    shell.run("export image -o x --as json").failed(2, "an archive can");
    shell.run("export page -o x --as json").failed(2, "it has 2 artifacts");
    shell.run("export never -o x --as json").failed(14, "there is no snapshot never");
    shell.run("export image -o x --as json --json").failed_as_json(2, "invalid");
    shell
        .run("export feed -o x --as paper")
        .failed(2, "[possible values: archive, json, har, mhtml, bundle, flat]");
    assert_eq!(files(&shell), before);
}

#[test]
fn a_page_goes_out_as_har_and_mhtml_or_it_is_told_what_there_is() {
    let shell = shop();
    for (form, name) in [("har", "network.har"), ("mhtml", "page.mhtml")] {
        let out = shell.json(&format!("export page -o out.{form} --as {form}"));
        assert_eq!((&out[0]["artifact"], &out[0]["version"]), (&json!(name), &json!("page")));
        assert_eq!(shell.read(&format!("out.{form}")), shell.read(name));
        let told = format!("no artifact {name} in snapshot feed, which holds data");
        shell.run(&format!("export feed -o x --as {form}")).failed(14, &told);
        shell.run(&format!("export page -o out.{form} --as {form}")).failed(15, "exists already");
        shell.run(&format!("export page feed -o x --as {form}")).failed(2, "it has to be one");
    }
    assert!(!shell.path("x").exists());
}

#[test]
fn the_requests_of_a_capture_go_out_with_bodies_inside() {
    let shell = Shell::new();
    shell.file(
        "network.har",
        r#"{"log": {"creator": {"name": "Tintype"}, "entries": [
            {"response": {"content": {"size": 9, "_artifact": "body-001.json"}}},
            {"response": {"content": {"size": 9}}}]}}"#,
    );
    shell.file("body-001.json", r#"{"a": "ü"}"#);
    shell.put("network.har body-001.json --together --version page");
    let out = shell.json("export page -o out.har --as har");
    assert_eq!(out[0]["artifact"], "network.har");
    assert_eq!(out[0]["file_bytes"], shell.read("out.har").len());
    let har: Value = serde_json::from_slice(&shell.read("out.har")).unwrap();
    let content = |at: usize| &har["log"]["entries"][at]["response"]["content"];
    assert_eq!(content(0), &json!({"size": 9, "text": "{\"a\": \"ü\"}"}));
    assert_eq!(content(1), &json!({"size": 9, "comment": "its body was not taken"}));
    // In the store it stays as it was taken.
    assert_eq!(shell.run("get page --artifact network.har").out, shell.read("network.har"));
}

#[test]
fn the_document_of_a_python_manager_comes_in_checked() {
    let shell = Shell::new();
    shell.file("py.txt", DOCUMENT);
    assert_eq!(shell.done("import py.txt"), "py-1\n");
    assert_eq!(shell.run("import py.txt").err, "0 imported, 1 were here already\n");
    assert_eq!(shell.done("get py-1"), r#"{"low": -Infinity, "half": "\ud83d"}"#);
    let shown = &shell.json("show py-1")[0];
    assert_eq!(shown["artifacts"][0]["media_type"], "application/x-python-json");
    assert_eq!((&shown["tags"], &shown["user_info"]), (&json!(["good"]), &json!({"run": 7})));
    shell.file("no-checksum.json", DOCUMENT.replace("\"83f9", "null, \"was\": \"83f9"));
    let import = shell.run("import no-checksum.json --new-version");
    assert_eq!((import.code, import.text().trim().len()), (0, 16));
    assert!(import.err.contains("no checksum was told"), "{}", import.err);
    assert_eq!(
        shell.json("import no-checksum.json --as-version x")[0]["notes"][1],
        json!(
            "metadata had \"was\": \"83f91226ed11ad4aebb5848e22830a8d34ccb0786afde44c1f1b20f0d086c4f9\""
        )
    );
    let before = shell.json("stats")[0]["snapshots"].clone();
    shell.file("changed.json", DOCUMENT.replace("-Infinity", "Infinity"));
    let told =
        shell.run("import changed.json").failed(13, "snapshot py-1: changed.json: its data has");
    assert!(!told.contains("tintype verify"), "{told}");
    shell.file("cut.json", &DOCUMENT[..60]);
    shell.run("import cut.json").failed(13, "it ends early at line 3 column");
    shell.run("import cut.json --json").failed_as_json(13, "corrupt");
    shell.file("other.json", "{\"a\": 1}");
    shell.run("import other.json").failed(12, "no export of a snapshot");
    shell.file("old.json", b"\x80\x04\x95\x01");
    shell.run("import old.json").failed(12, "a pickle of Python");
    shell.file("odd.json", DOCUMENT.replace("py-1", "a/b"));
    shell.run("import odd.json").failed(2, "it looks like a path");
    assert_eq!(shell.json("stats")[0]["snapshots"], before);
    assert_eq!(shell.done("import odd.json --as-version odd"), "odd\n");
    shell.done("verify --read-data");
}

// Repair

/// A store with all that can stand in one.
fn full() -> Shell {
    let shell = Shell::empty();
    full_store(&shell.path("tintype.db"));
    shell
}

/// Changes a byte of the content of `based`, which no other snapshot holds.
fn flip(shell: &Shell) {
    let mut bytes = shell.read("tintype.db");
    let content = br#"{"a":[1,2]}"#;
    let mut flipped = 0;
    // A page that is free may hold it too.
    for at in 0..bytes.len() - content.len() {
        if bytes[at..].starts_with(content) {
            bytes[at + 6] = b'3';
            flipped += 1;
        }
    }
    assert!(flipped > 0);
    shell.file("tintype.db", bytes);
}

#[test]
fn a_whole_store_is_not_repaired() {
    let shell = full();
    let before = shell.read("tintype.db");
    assert_eq!(shell.done("repair"), "ok: there is nothing to repair\n");
    assert_eq!(shell.done("repair --accept --dry-run"), "ok: there is nothing to repair\n");
    let told = &shell.json("repair")[0];
    assert_eq!((&told["damaged"], &told["damaged_file"]), (&json!(false), &Value::Null));
    assert!(shell.read("tintype.db") == before);
    shell.run("repair --store none.db").failed(10, "there is no store at none.db");
    shell.file("text.db", "price,stock\n".repeat(500));
    shell.run("repair --store text.db").failed(12, "not a Tintype store");
}

#[test]
fn lost_content_is_told_and_the_rest_is_kept() {
    let shell = full();
    flip(&shell);
    assert_eq!(shell.run("verify --read-data").code, 13);
    let damaged = shell.read("tintype.db");
    let count = files(&shell);
    let dry = shell.run("repair --dry-run");
    assert_eq!(dry.code, 3, "{}", dry.err);
    assert!(dry.text().starts_with("kept in part: based: data: "), "{}", dry.text());
    assert!(dry.text().contains(" snapshots would be kept\n"), "{}", dry.text());
    assert!(shell.read("tintype.db") == damaged && files(&shell) == count);
    let run = shell.run("repair");
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.text().contains(" snapshots are kept\n"), "{}", run.text());
    let aside = run.err.trim().rsplit(' ').next().unwrap();
    assert!(run.err.starts_with("the damaged store is "), "{}", run.err);
    assert!(fs::read(shell.path(aside)).unwrap() == damaged);
    shell.done("verify --read-data");
    shell.run("get based").failed(14, "based");
    let shown = &shell.json("show based")[0]["artifacts"][0];
    assert_eq!(shown["status"], "failed");
    assert_eq!(shell.done("repair"), "ok: there is nothing to repair\n");
}

#[test]
fn what_can_t_be_proved_is_left_out_unless_it_is_accepted() {
    for (flag, code, there) in [("", 3, false), ("--accept", 0, true)] {
        let shell = full();
        let changed = "UPDATE snapshot SET description = 'by hand' WHERE version = 'version-4'";
        shell
            .store()
            .execute_batch(&format!("{changed}; PRAGMA wal_checkpoint(TRUNCATE)"))
            .unwrap();
        let run = shell.run(&format!("repair {flag} --json"));
        assert_eq!(run.code, code, "{}", run.err);
        let told = &objects(&run.text())[0];
        assert_eq!(told["doubtful"][0]["version"], "version-4", "{told}");
        assert_eq!((told["damaged"].clone(), told["lost"].clone()), (json!(true), json!([])));
        shell.done("verify --read-data");
        let shown = shell.run("show version-4 --json");
        assert_eq!(shown.code == 0, there, "{}", shown.err);
        assert_eq!(shown.text().contains("by hand"), there);
    }
}

#[test]
fn a_store_in_use_is_not_repaired() {
    let shell = full();
    flip(&shell);
    let user = Repository::open(shell.path("tintype.db")).unwrap();
    user.tags().unwrap();
    shell.run("repair --busy-timeout 0.1").failed(11, "locked");
    shell.run("repair --json").failed_as_json(11, "locked");
    drop(user);
    assert_eq!(shell.run("repair").code, 3);
}

#[test]
fn snapshots_go_out_as_folders_and_come_back() {
    let shell = shop();
    let out = shell.json("export feed page --as bundle -o tree");
    assert_eq!(out.len(), 2);
    assert_eq!(out[0]["path"], "tree/shop.example/feed/-/20260126/000000_-");
    let text = shell.done("export image --as bundle -o tree");
    assert_eq!(text, "tree/-/-/-/20260127/000000_-\n");
    shell.done("init --store b.db");
    let import = shell.run("import tree --store b.db");
    assert_eq!(import.code, 0, "{}", import.err);
    for version in ["feed --artifact data", "page --artifact page.mhtml", "image"] {
        let get = |store| shell.run(&format!("get {version} --store {store}")).out;
        assert_eq!(get("b.db"), get("tintype.db"));
    }
    shell.run("export feed --as bundle -o tree").failed(15, "exists already");
    let flat = shell.json("export page --as flat -o flat");
    assert_eq!(flat[0]["left_out"], json!(["network.har", "page.mhtml"]));
    let taken = shell.run("legacy import flat --store b.db");
    assert_eq!(taken.code, 0, "{}", taken.err);
    shell.run("import flat --store b.db").failed(12, "legacy import");
}
