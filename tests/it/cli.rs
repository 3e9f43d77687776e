//! The command as scripts see it: what it prints, where, and with which exit code.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::shell::{Shell, check_members, objects};

/// A run of each command that opens a store.
const OPENERS: [&str; 23] = [
    "put monday.json",
    "get latest",
    "list",
    "show latest",
    "tag latest good",
    "untag latest good",
    "tags",
    "diff oldest latest",
    "verify",
    "stats",
    "pin latest",
    "unpin latest",
    "events",
    "forget latest",
    "forget --keep-last 1",
    "undelete v1",
    "retention show",
    "retention set --keep-last 1",
    "retention unset",
    "retention apply",
    "gc",
    "clear",
    "clear --yes",
];

/// A store, and three files, the first and the last of one content.
fn three() -> Shell {
    let shell = Shell::new();
    shell.file("monday.json", r#"{"price": 24, "stock": [1, 2]}"#);
    shell.file("tuesday.json", r#"{"price": 22, "stock": [1, 2, 3]}"#);
    shell.file("friday.json", r#"{"price": 24, "stock": [1, 2]}"#);
    shell
}

// The store

#[test]
fn init_makes_a_store_once() {
    let shell = Shell::empty();
    let made = shell.run("init");
    assert_eq!((made.code, made.text().as_str(), made.err.as_str()), (0, "", "made tintype.db\n"));
    let before = shell.read("tintype.db");
    shell.run("init").failed(15, "tintype.db exists already");
    shell.run("init --json").failed_as_json(15, "store_exists");
    assert_eq!(shell.read("tintype.db"), before);
    assert_eq!(shell.json("init --store other.db")[0]["store"], "other.db");
}

#[test]
fn a_store_is_named_by_option_then_by_environment_then_by_default() {
    let shell = Shell::new();
    shell.done("init --store env.db");
    shell.done("init --store option.db");
    shell.file("a", "a");
    let count = |store: &str| shell.json(&format!("stats --store {store}"))[0]["snapshots"].clone();
    let put = |args: &[&str]| {
        let mut command = shell.command();
        command.env("TINTYPE_STORE", "env.db").args(["put", "a"]).args(args);
        assert!(command.output().unwrap().status.success());
    };
    put(&[]);
    assert_eq!((count("env.db"), count("tintype.db")), (json!(1), json!(0)));
    put(&["--store", "option.db"]);
    assert_eq!((count("env.db"), count("option.db")), (json!(1), json!(1)));
}

#[test]
fn every_command_without_a_store_is_refused_and_makes_none() {
    let shell = Shell::empty();
    shell.file("monday.json", "{}");
    for line in OPENERS {
        let told = shell.run(line).failed(10, "there is no store at tintype.db");
        assert!(told.contains("tintype init --store tintype.db"), "{told}");
        shell.run(&format!("{line} --json")).failed_as_json(10, "no_store");
    }
    #[cfg(feature = "chrome")]
    shell.run("capture http://127.0.0.1:1/").failed(10, "no store");
    assert!(!shell.path("tintype.db").exists());
}

#[test]
fn every_command_on_what_is_no_store_is_refused_and_leaves_it_alone() {
    let shell = Shell::empty();
    shell.file("text.db", "price,stock\n24,3\n".repeat(100));
    shell.file("empty.db", "");
    let other = rusqlite::Connection::open(shell.path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE price (cents INTEGER)").unwrap();
    drop(other);
    fs::create_dir(shell.path("folder.db")).unwrap();
    for (store, why) in [
        ("text.db", "not an SQLite database"),
        ("empty.db", "it is empty"),
        ("other.db", "an SQLite database of something else"),
        ("folder.db", "it is a folder"),
    ] {
        let content = fs::read(shell.path(store)).ok();
        for line in OPENERS {
            shell.run(&format!("{line} --store {store}")).failed(12, why);
        }
        shell.run(&format!("list --json --store {store}")).failed_as_json(12, "not_a_store");
        assert_eq!(fs::read(shell.path(store)).ok(), content);
    }
}

#[test]
fn a_newer_store_is_refused_and_not_a_byte_of_it_changes() {
    let shell = three();
    shell.put("monday.json");
    shell.store().execute_batch("PRAGMA user_version = 99").unwrap();
    let before = shell.read("tintype.db");
    for line in OPENERS {
        shell.run(line).failed(12, "has schema 99");
        shell.run(&format!("{line} --json")).failed_as_json(12, "newer_store");
    }
    assert!(shell.read("tintype.db") == before);
}

#[test]
fn a_locked_store_is_waited_for_as_long_as_told() {
    let shell = three();
    shell.put("monday.json");
    let other = shell.store();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    shell.run("put tuesday.json --busy-timeout 0.1").failed(11, "waited 100 ms");
    shell.run("tag latest good --busy-timeout 0.1 --json").failed_as_json(11, "locked");
    // Whoever reads waits for nobody.
    assert_eq!(shell.json("list --busy-timeout 0.1").len(), 1);
    other.execute_batch("COMMIT").unwrap();
    shell.done("tag latest good --busy-timeout 0.1");
}

// put and get

#[test]
fn files_become_versions_in_their_order_and_come_back_byte_for_byte() {
    let shell = three();
    shell.file("bytes.bin", [0, 255, 10, 13, 0]);
    let files = ["monday.json", "bytes.bin", "tuesday.json", "friday.json"];
    let versions = shell.put(&files.join(" "));
    assert_eq!(versions.len(), files.len());
    for (version, file) in versions.iter().zip(files) {
        let got = shell.run(&format!("get {version}"));
        assert_eq!((got.code, got.out), (0, shell.read(file)), "{file}");
    }
    let listed: Vec<_> =
        shell.json("list --oldest").iter().map(|line| line["version"].clone()).collect();
    assert_eq!(listed, versions);
}

#[test]
fn put_tells_of_each_artifact_what_keeping_it_took() {
    let shell = three();
    let kept = shell.json("put monday.json tuesday.json friday.json");
    for object in &kept {
        check_members(object, json!({"version": "", "artifacts": []}));
        let artifact = &object["artifacts"][0];
        check_members(
            artifact,
            json!({"name": "", "hash": "", "bytes": 0, "stored": 0, "base": null,
                   "deduplicated": false}),
        );
        assert_eq!(artifact["hash"].as_str().unwrap().len(), 64);
    }
    let artifact = |at: usize| &kept[at]["artifacts"][0];
    assert_eq!(artifact(1)["base"], artifact(0)["hash"]);
    assert_eq!(artifact(2)["hash"], artifact(0)["hash"]);
    let again: Vec<_> = (0..3).map(|at| artifact(at)["deduplicated"] == true).collect();
    assert_eq!(again, [false, false, true]);
    assert_eq!(shell.json("stats")[0]["blobs"], 2);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_kept() {
    let shell = three();
    let run = shell.run("put monday.json missing.json tuesday.json");
    assert_eq!(run.code, 3);
    assert!(run.err.contains("missing.json: No such file"), "{}", run.err);
    let text = run.text();
    let versions: Vec<_> = text.lines().collect();
    let [first, second] = versions.as_slice() else { panic!("{text}") };
    assert_eq!(shell.run(&format!("get {first}")).out, shell.read("monday.json"));
    assert_eq!(shell.run(&format!("get {second}")).out, shell.read("tuesday.json"));
    shell.run("put missing.json gone.json").failed(1, "gone.json");
    // Nothing of what belongs together is kept where a part is missing.
    shell.run("put monday.json missing.json --together").failed(1, "missing.json");
    let run = shell.run("put monday.json missing.json --json");
    assert_eq!((run.code, objects(&run.text()).len()), (3, 1));
    let errors = objects(&run.err);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0]["error"]["kind"], "io");
    assert_eq!(shell.json("stats")[0]["snapshots"], 3);
}

#[test]
fn what_comes_in_on_stdin_is_stored() {
    let shell = Shell::new();
    let run = shell.run_with(&["put", "-", "--media-type", "text/csv"], b"a,b\n1,2\n");
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(shell.done("get latest"), "a,b\n1,2\n");
    assert_eq!(shell.json("show latest")[0]["artifacts"][0]["media_type"], "text/csv");
    shell.run("put - -").failed(2, "once");
}

#[test]
fn files_together_are_artifacts_of_one_snapshot() {
    let shell = three();
    shell.file("page.html", "<p>");
    let versions = shell.put("monday.json page.html --together");
    assert_eq!(versions.len(), 1);
    let artifacts = shell.json("show latest")[0]["artifacts"].clone();
    let facts: Vec<_> = artifacts
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| {
            (artifact["name"].as_str().unwrap(), artifact["media_type"].as_str().unwrap())
        })
        .collect();
    assert_eq!(facts, [("monday.json", "application/json"), ("page.html", "text/html")]);
    let told = shell.run("get latest").failed(2, "--artifact");
    assert!(told.contains("monday.json, page.html"), "{told}");
    assert_eq!(shell.done("get latest --artifact page.html"), "<p>");
    assert_eq!(shell.done("get latest --artifact page.html -o one.html"), "");
    assert_eq!(shell.read("one.html"), b"<p>");
    shell.done("get latest -o all");
    shell.done("get latest --artifact page.html -o made/");
    for name in ["all/monday.json", "all/page.html", "made/page.html"] {
        assert_eq!(shell.read(name), shell.read(name.split('/').nth(1).unwrap()));
    }
    let written = shell.json("get latest -o all");
    check_members(&written[0], json!({"version": "", "artifact": "", "path": "", "bytes": 0}));
    shell.run("get latest --artifact page.png").failed(14, "monday.json, page.html");
}

#[test]
fn everything_said_with_put_is_shown() {
    let shell = three();
    let base = shell.put("monday.json --context shop.example/prices");
    let line = format!(
        "put tuesday.json --context shop.example/prices/feed/run-7/scrape --tag b --tag a --name feed \
         --media-type text/x-feed --info stage=live --info retries:=3 --info seen:=[1,null] \
         --version second --at 2026-01-29T06:43:41Z --base {}",
        base[0]
    );
    let mut args: Vec<_> = line.split_whitespace().collect();
    args.extend(["--description", "two words"]);
    let run = shell.run_with(&args, b"");
    assert_eq!((run.code, run.text().as_str()), (0, "second\n"), "{}", run.err);
    let shown = &shell.json("show second")[0];
    check_members(
        shown,
        json!({"version": "", "created_at": "", "context": "", "tags": [], "status": "",
               "description": null, "bytes": 0, "user_info": {}, "artifacts": []}),
    );
    assert_eq!(shown["created_at"], "2026-01-29T06:43:41.000000Z");
    assert_eq!(shown["context"], "shop.example/prices/feed/run-7/scrape");
    assert_eq!(shown["tags"], json!(["a", "b"]));
    assert_eq!(
        (&shown["status"], &shown["description"]),
        (&json!("complete"), &json!("two words"))
    );
    assert_eq!(shown["user_info"], json!({"stage": "live", "retries": 3, "seen": [1, null]}));
    assert_eq!(shown["based_on"], base[0].as_str());
    let artifact = &shown["artifacts"][0];
    check_members(
        artifact,
        json!({"name": "", "media_type": "", "hash": "", "bytes": 0, "stored": 0, "base": null,
               "depth": 0, "status": ""}),
    );
    assert_eq!(
        (&artifact["name"], &artifact["media_type"]),
        (&json!("feed"), &json!("text/x-feed"))
    );
    assert_eq!((&artifact["depth"], &artifact["status"]), (&json!(1), &json!("stored")));
    let told = shell.done("show second");
    for fact in ["second", "shop.example/prices/feed", "a, b", "two words", "stage = live", "feed"]
    {
        assert!(told.contains(fact), "{fact} is not in {told}");
    }
}

#[test]
fn a_version_is_never_overwritten() {
    let shell = three();
    shell.put("monday.json --version one");
    shell.run("put tuesday.json --version one").failed(15, "version one exists already");
    shell.run("put tuesday.json --version one --json").failed_as_json(15, "version_exists");
    shell.run("put monday.json tuesday.json --version two").failed(2, "--version");
    shell.run("put monday.json --media-type json").failed(2, "type/subtype");
    shell.run("put monday.json --version latest").failed(2, "latest");
    assert_eq!(shell.run("get one").out, shell.read("monday.json"));
    assert_eq!(shell.json("stats")[0]["snapshots"], 1);
}

#[test]
fn a_full_version_has_no_base() {
    let shell = three();
    shell.put("monday.json");
    let full = &shell.json("put tuesday.json --full")[0]["artifacts"][0];
    assert_eq!((&full["base"], &full["bytes"]), (&Value::Null, &json!(33)));
    shell.run("put tuesday.json --full --base latest").failed(2, "--base");
    shell.run("put tuesday.json --base nowhere").failed(14, "there is no snapshot nowhere");
}

#[test]
fn a_version_is_found_by_a_word_or_by_the_beginning_that_is_its_own() {
    let shell = three();
    shell.put("monday.json --version run-a --at 2026-01-01 --tag good");
    shell.put("tuesday.json --version run-b --at 2026-01-02");
    for (word, version) in
        [("oldest", "run-a"), ("latest", "run-b"), ("latest:good", "run-a"), ("run-b", "run-b")]
    {
        assert_eq!(shell.json(&format!("show {word}"))[0]["version"], version);
    }
    shell.run("get run").failed(14, "run is the beginning of 2 versions, run-a and run-b");
    shell.run("get run --json").failed_as_json(14, "ambiguous");
    shell.run("show walk").failed(14, "there is no snapshot walk");
    shell.run("diff walk latest --json").failed_as_json(14, "not_found");
    shell.run("get latest:gone").failed(14, "gone");
}

// list, tags

#[test]
fn list_finds_by_place_tag_status_field_words_and_time() {
    let shell = three();
    shell.put("monday.json --version a --at 2026-01-01 --context shop.example/cart/list --tag good --info n:=1");
    shell.put("monday.json --version b --at 2026-01-02 --context shop.example/home/list --tag good --tag slow --info n:=2");
    shell.run_with(
        &[
            "put",
            "monday.json",
            "--version",
            "c",
            "--at",
            "2026-01-03",
            "--context",
            "book.example/cart",
            "--description",
            "the price was gone",
            "--info",
            "n=2",
        ],
        b"",
    );
    for (line, versions) in [
        ("", "cba"),
        ("--oldest", "abc"),
        ("--context shop.example", "ba"),
        ("--context */cart", "ca"),
        ("--context shop.example/*/list", "ba"),
        ("--tag good", "ba"),
        ("--tag good --tag slow", "b"),
        ("--status complete", "cba"),
        ("--status failed", ""),
        ("--where n:=2", "b"),
        ("--where n=2", "c"),
        ("--text gone", "c"),
        ("--text came", ""),
        ("--since 2026-01-02", "cb"),
        ("--until 2026-01-02", "a"),
        ("--since 2026-01-02 --until 2026-01-03T00:00:00Z", "b"),
        ("--limit 2", "cb"),
        ("--limit 2 --after b", "a"),
        ("--oldest --after a --limit 1", "b"),
    ] {
        let found = shell.json(&format!("list {line}"));
        let found: Vec<_> = found.iter().map(|line| line["version"].as_str().unwrap()).collect();
        assert_eq!(found.concat(), versions, "{line}");
    }
    let words = shell.run_with(&["list", "--json", "--text", "price gone"], b"");
    assert_eq!(objects(&words.text()).len(), 1);
    check_members(
        &shell.json("list --limit 1")[0],
        json!({"version": "", "created_at": "", "context": "", "tags": [], "status": "",
               "description": null, "bytes": 0}),
    );
    for bad in [
        "--context a/b/c/d/e/f",
        "--context a//b",
        "--status fine",
        "--since monday",
        "--limit 0",
        "--where n",
    ] {
        shell.run(&format!("list {bad}")).failed(2, "invalid value");
        shell.run(&format!("list {bad} --json")).failed_as_json(2, "usage");
    }
    shell.run("list --after nowhere").failed(14, "nowhere");
    let none = shell.run("list --tag none");
    assert_eq!((none.code, none.text().as_str(), none.err.as_str()), (0, "", "no snapshot fits\n"));
}

#[test]
fn a_list_for_people_is_a_table_that_says_how_to_go_on() {
    let shell = three();
    shell.put("monday.json --version a --at 2026-01-01 --context shop.example/cart");
    shell.put("monday.json --version b --at 2026-01-02 --tag good");
    let run = shell.run("list --limit 1");
    let told = "VERSION  TIME                 STATUS    SIZE  CONTEXT  TAGS  DESCRIPTION\n\
                b        2026-01-02 00:00:00  complete  30 B  -        good\n";
    assert_eq!((run.text().as_str(), run.err.as_str()), (told, "go on with --after b\n"));
}

#[test]
fn tags_come_and_go() {
    let shell = three();
    shell.put("monday.json --version a");
    shell.put("tuesday.json --version b --tag good");
    assert_eq!(shell.done("tag a good first"), "");
    assert_eq!(shell.done("tags"), "      1  first\n      2  good\n");
    assert_eq!(shell.json("untag latest good absent")[0]["tags"], json!([]));
    assert_eq!(
        shell.json("tag latest z y")[0],
        json!({"schema": 1, "version": "b", "tags": ["y", "z"]})
    );
    let tags = shell.json("tags");
    assert_eq!(tags[0], json!({"schema": 1, "tag": "first", "snapshots": 1}));
    shell.run("tag nowhere good").failed(14, "nowhere");
    shell.run("tag a").failed(2, "TAGS");
    // All tags or none.
    shell.run_with(&["tag", "a", "fine", ""], b"").failed(2, "invalid value");
    assert_eq!(shell.json("tags").len(), 4);
}

// diff, verify, stats

#[test]
fn a_patch_leads_from_one_version_to_the_other() {
    let shell = three();
    shell.put("monday.json --version a --at 2026-01-01 --tag good");
    shell.put("tuesday.json --version b --at 2026-01-02 --name feed");
    let value = |name: &str| serde_json::from_slice::<Value>(&shell.read(name)).unwrap();
    let patch: json_patch::Patch =
        serde_json::from_str(&shell.done("diff a b --format patch")).unwrap();
    let mut patched = value("monday.json");
    json_patch::patch(&mut patched, &patch).unwrap();
    assert_eq!(patched, value("tuesday.json"));
    shell.file("one.txt", "a\nb\nc");
    shell.file("two.txt", "a\nB\nc\n");
    shell.put("one.txt --version c");
    shell.put("two.txt --version d");
    assert_eq!(crate::diff::apply("a\nb\nc", &shell.done("diff c d --format patch")), "a\nB\nc\n");
    shell.file("bytes", [0, 255]);
    shell.put("bytes --version e --media-type image/png");
    shell.run("diff d e --format patch").failed(2, "data is neither JSON nor text");
}

#[test]
fn a_difference_is_told_in_lines_and_as_json() {
    let shell = three();
    shell.put("monday.json --version a --at 2026-01-01 --tag good --name monday");
    shell.put("tuesday.json --version b --at 2026-01-02 --name tuesday");
    let told = shell.done("diff a b");
    // Lone artifacts are a pair whatever they are called.
    for line in [
        "a → b, 24.0 h later",
        "tags: [\"good\"] → []",
        "tuesday: 30 B → 33 B, 2 changes",
        "~ /price 24 → 22",
        "+ /stock/2 3",
    ] {
        assert!(told.lines().any(|told| told == line), "{line} is not in {told}");
    }
    let told = &shell.json("diff a b")[0];
    check_members(
        told,
        json!({"before": "", "after": "", "equal": false, "fields": [], "artifacts": []}),
    );
    assert_eq!(
        (&told["equal"], &told["artifacts"][0]["standing"]),
        (&json!(false), &json!("changed"))
    );
    assert_eq!(&objects(&shell.done("diff a b --format json"))[0], told);
    // Equal content is told as such, and its patch is empty.
    shell.put("friday.json --version c");
    assert_eq!(shell.json("diff a c")[0]["equal"], true);
    assert!(shell.done("diff a c").contains("data: the same"));
    assert_eq!(shell.done("diff a c --format patch"), "");
    shell.put("monday.json tuesday.json --together --version d");
    shell.put("tuesday.json monday.json --together --version e");
    shell.run("diff a d --format patch").failed(2, "choose one with --artifact");
    assert_eq!(
        shell.json("diff d e --artifact monday.json")[0]["artifacts"].as_array().unwrap().len(),
        1
    );
    shell.run("diff d e --artifact page.html").failed(14, "page.html");
}

#[test]
fn a_good_store_is_told_good_in_all_depths() {
    let shell = three();
    shell.put("monday.json tuesday.json friday.json --tag good");
    for (depth, told) in [
        ("--quick", "ok: looked at the pages\n"),
        ("", "ok: looked at 4 events, 3 snapshots; --read-data looks at content too\n"),
        ("--read-data", "ok: looked at 4 events, 3 snapshots, 2 contents of 63 B\n"),
    ] {
        assert_eq!(shell.done(&format!("verify {depth}")), told);
        let report = &shell.json(&format!("verify {depth}"))[0];
        assert_eq!((&report["ok"], &report["problems"]), (&json!(true), &json!([])));
    }
    shell.run("verify --quick --read-data").failed(2, "--read-data");
}

#[test]
fn damaged_content_is_named_and_never_given() {
    let shell = three();
    shell.put("monday.json --version a");
    shell.put("tuesday.json --version b --full");
    let changed = shell
        .store()
        .execute("UPDATE blob SET data = CAST(replace(data, '22', '23') AS BLOB) WHERE id = 2", [])
        .unwrap();
    assert_eq!(changed, 1);
    shell.done("verify");
    let run = shell.run("verify --read-data");
    assert_eq!(run.code, 13);
    assert!(run.text().contains("snapshot b: artifact data: blob "), "{}", run.text());
    assert!(!run.text().contains("snapshot a"), "{}", run.text());
    let run = shell.run("verify --read-data --json");
    let report = &objects(&run.text())[0];
    assert_eq!((run.code, &report["ok"]), (13, &json!(false)));
    let [problem] = report["problems"].as_array().unwrap().as_slice() else { panic!("{report}") };
    check_members(problem, json!({"kind": "", "version": "", "artifact": "", "detail": ""}));
    assert_eq!((&problem["version"], &problem["artifact"]), (&json!("b"), &json!("data")));
    shell.run("get b").failed(13, "snapshot b, artifact data: blob ");
    shell.run("get b -o b.json --json").failed_as_json(13, "corrupt");
    assert!(!shell.path("b.json").exists());
    assert_eq!(shell.run("get a").out, shell.read("monday.json"));
}

#[test]
fn a_row_changed_by_hand_is_damage() {
    let shell = three();
    shell.put("monday.json --version a");
    shell.store().execute("UPDATE snapshot SET description = 'never said'", []).unwrap();
    shell.done("verify --quick");
    let run = shell.run("verify");
    assert_eq!(run.code, 13);
    assert!(run.text().contains("snapshot a: "), "{}", run.text());
}

#[test]
fn stats_count_what_there_is() {
    let shell = three();
    shell.put("monday.json tuesday.json friday.json");
    let stats = &shell.json("stats")[0];
    let zero = json!({"snapshots": 0, "artifacts": 0, "blobs": 0, "deltas": 0, "max_depth": 0,
                      "bytes": 0, "stored": 0, "file_bytes": 0, "store_schema": 0});
    check_members(stats, zero);
    let count = |name: &str| stats[name].as_u64().unwrap();
    assert_eq!(
        ["snapshots", "artifacts", "blobs", "deltas", "max_depth", "bytes"].map(count),
        [3, 3, 2, 1, 1, 93]
    );
    assert_eq!(count("file_bytes"), fs::metadata(shell.path("tintype.db")).unwrap().len());
    let told = shell.done("stats");
    assert!(told.lines().any(|line| line == "snapshots  3"), "{told}");
}

// How it speaks

#[test]
fn every_shell_gets_its_completions() {
    let shell = Shell::empty();
    let scripts: BTreeSet<_> = ["bash", "elvish", "fish", "powershell", "zsh"]
        .map(|name| shell.done(&format!("completions {name}")))
        .into();
    assert_eq!(scripts.len(), 5);
    assert!(scripts.iter().all(|script| script.contains("tintype") && script.contains("untag")));
    shell.run("completions cmd").failed(2, "cmd");
}

#[test]
fn help_and_version_are_data_and_what_cannot_be_parsed_is_usage() {
    let shell = Shell::empty();
    assert_eq!(shell.done("--version"), concat!("tintype ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(shell.done("--help").contains("  0  all went well"));
    assert!(shell.done("help put").contains("--together"));
    shell.run("").failed(2, "Usage: tintype");
    for line in ["paint", "list --colour", "get", "put", "list --busy-timeout soon"] {
        shell.run(line).failed(2, "--help");
        shell.run(&format!("{line} --json")).failed_as_json(2, "usage");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let shell = three();
    shell.put("monday.json");
    for line in ["list", "list --json", "get latest", "stats", "--help", "completions bash"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = shell
            .command()
            .args(line.split_whitespace())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), told.as_str()), (Some(0), ""), "{line}");
    }
}

#[test]
fn quiet_leaves_data_and_errors() {
    let shell = Shell::empty();
    assert_eq!(shell.run("init --quiet").err, "");
    assert_eq!(shell.run("list --quiet").err, "");
    shell.file("a", "a");
    let run = shell.run("put a b --quiet");
    assert_eq!((run.code, run.text().lines().count()), (3, 1));
    assert!(run.err.starts_with("tintype: b: "), "{}", run.err);
    shell.run("list --quiet --verbose").failed(2, "--verbose");
}

#[test]
fn colours_are_for_those_who_want_them() {
    let shell = three();
    shell.put("monday.json");
    assert!(!shell.done("list").contains('\x1b'));
    assert!(shell.done("list --color always").contains("\x1b[1mVERSION"));
    assert!(!shell.done("list --color never").contains('\x1b'));
    let told = |args: &[&str]| {
        let mut command = shell.command();
        let ended = command.env("NO_COLOR", "1").arg("list").args(args).output().unwrap();
        String::from_utf8(ended.stdout).unwrap()
    };
    assert!(!told(&[]).contains('\x1b'));
    // What is asked for on the command line goes before the environment.
    assert!(told(&["--color", "always"]).contains('\x1b'));
}

#[test]
fn nothing_that_was_stored_can_steer_a_terminal() {
    let shell = three();
    let args = ["put", "monday.json", "--description", "red \x1b[31m\ntext", "--info", "k=\x07"];
    assert_eq!(shell.run_with(&args, b"").code, 0);
    for line in ["list", "show latest"] {
        let told = shell.done(line);
        assert!(!told.contains(['\x1b', '\x07']), "{told:?}");
        assert!(told.contains(r"red \u{1b}[31m\ntext"), "{told:?}");
    }
}

// Pages

#[cfg(feature = "chrome")]
mod pages {
    use super::*;
    use crate::support::site::{Site, closed_address};

    #[test]
    fn pages_become_versions_in_their_order() {
        let shell = Shell::new();
        let site = Site::start();
        let (plain, full) = (site.url("/plain"), site.url("/full"));
        let taken = shell.json(&format!(
            "capture {plain} {full} --context shop.example/home --tag good --info n:=1"
        ));
        assert_eq!([&taken[0]["url"], &taken[1]["url"]], [plain.as_str(), full.as_str()]);
        for object in &taken {
            check_members(
                object,
                json!({"version": "", "url": "", "status": "", "duration_ms": 0, "artifacts": []}),
            );
            check_members(&object["artifacts"][0], json!({"name": "", "status": ""}));
            assert_eq!(object["status"], "complete");
        }
        let listed =
            shell.json("list --oldest --tag good --where n:=1 --context shop.example/home");
        let versions: Vec<_> = listed.iter().map(|line| &line["version"]).collect();
        assert_eq!(versions, [&taken[0]["version"], &taken[1]["version"]]);
        assert!(shell.done("get oldest --artifact page.html").contains("<p>Hello"));
        shell.done("verify --read-data");
    }

    #[test]
    fn a_page_that_does_not_answer_is_stored_as_failed() {
        let shell = Shell::new();
        let url = closed_address();
        let run = shell.run(&format!("capture {url} --json"));
        assert_eq!(run.code, 3, "{}", run.err);
        let taken = &objects(&run.text())[0];
        assert_eq!(taken["status"], "failed");
        let found = shell.json("list --status failed");
        assert_eq!(found[0]["version"], taken["version"]);
        assert!(shell.done("get latest --artifact facts.json").contains("ERR_CONNECTION_REFUSED"));
    }

    #[test]
    fn what_cannot_be_captured_is_refused() {
        let shell = Shell::new();
        let url = closed_address();
        shell.run(&format!("capture {url} --browser /no/such")).failed(16, "/no/such");
        shell
            .run(&format!("capture {url} --browser /no/such --json"))
            .failed_as_json(16, "no_browser");
        shell.run("capture file:///etc/hostname").failed(2, "file:///etc/hostname");
        shell.run(&format!("capture {url} --artifacts page.gif")).failed(2, "known are");
        assert_eq!(shell.json("stats")[0]["snapshots"], 0);
    }

    #[test]
    fn the_demo_runs_to_its_end_and_leaves_a_good_store() {
        let shell = Shell::empty();
        let told = shell.done("demo --store shop.db");
        assert!(told.contains("Visit 5") && told.contains("every byte is proved intact"), "{told}");
        assert!(!shell.path("tintype.db").exists());
        shell.done("verify --read-data --store shop.db");
        assert_eq!(shell.json("stats --store shop.db")[0]["snapshots"], 9);
        // What failed was told nine times and captured once.
        let groups = shell.json("incident list --store shop.db");
        assert_eq!((&groups[0]["count"], &groups[0]["captured"]), (&json!(9), &json!(1)));
        assert!(told.contains("is in 0 of "), "{told}");
        for page in ["failure", "difference", "overview"] {
            let page = String::from_utf8(shell.read(&format!("shop-{page}.html"))).unwrap();
            assert!(page.contains("shop.example") && !page.contains("wet-plate-1851"));
        }
        shell.run("demo --store shop.db").failed(15, "shop.db exists already");
    }
}
