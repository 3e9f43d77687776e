//! Every exit code, provoked: scripts lean on them.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::noise;
use crate::support::shell::{Shell, TINTYPE};

/// A store with two versions of a file, `v1` and `v2`.
fn two() -> Shell {
    let shell = Shell::new();
    shell.file("one.json", r#"{"price": 24}"#);
    shell.put("one.json --version v1 --tag good");
    shell.file("one.json", r#"{"price": 22}"#);
    shell.put("one.json --version v2");
    shell
}

/// Runs a line, which must end with this code, and with a line of what is wrong where it is no
/// success; and once more with `--json`, where that is an object that says the same.
fn ends(shell: &Shell, line: &str, code: i32, kind: &str) {
    let run = shell.run(line);
    assert_eq!(run.code, code, "{line}: {}{}", run.text(), run.err);
    let run = shell.run(&format!("{line} --json"));
    assert_eq!(run.code, code, "{line} --json: {}{}", run.text(), run.err);
    if !kind.is_empty() {
        run.failed_as_json(code, kind);
    }
}

#[test]
fn each_code_has_its_cause() {
    let shell = two();
    let mut provoked = BTreeSet::new();
    let mut expect = |shell: &Shell, line: &str, code: i32, kind: &str| {
        ends(shell, line, code, kind);
        provoked.insert(code);
    };
    // 0: all went well. An empty answer is one.
    for line in ["stats", "list", "list --tag none", "verify --read-data", "context tree", "tags"] {
        expect(&shell, line, 0, "");
    }
    // 1: it failed.
    expect(&shell, "put missing", 1, "io");
    expect(&shell, "man one.json/pages", 1, "io");
    // 2: what was typed makes no sense.
    for (line, kind) in [
        ("", "usage"),
        ("sql SELECT", "invalid"),
        ("schema paint", "invalid"),
        ("paint", "usage"),
        ("list --colour", "usage"),
        ("put", "usage"),
        ("put one.json one.json --version v3", "usage"),
        ("tag latest a/b\u{7}", "usage"),
        ("clear", "usage"),
    ] {
        expect(&shell, line, 2, kind);
    }
    // 3: done in part. What could be is there.
    let part = shell.run("put one.json missing");
    assert_eq!((part.code, part.text().lines().count()), (3, 1), "{}", part.err);
    expect(&shell, "put one.json missing", 3, "");
    // 10: there is no store.
    let empty = Shell::empty();
    for line in
        ["stats", "put Cargo.toml", "verify", "backup create", "context tree", "import missing"]
    {
        expect(&empty, line, 10, "no_store");
    }
    // 11: it is locked.
    let lock = shell.store();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    expect(&shell, "tag latest good --busy-timeout 0.1", 11, "locked");
    expect(&shell, "put one.json --busy-timeout 0.1", 11, "locked");
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    // 12: no store, or a newer one.
    shell.file("text.db", "price,stock\n24,3\n".repeat(100));
    expect(&shell, "list --store text.db", 12, "not_a_store");
    let newer = two();
    newer.store().execute_batch("PRAGMA user_version = 99").unwrap();
    expect(&newer, "list", 12, "newer_store");
    // 13: damage.
    let damaged = two();
    let blobs = "UPDATE blob SET data = zeroblob(length(data))";
    damaged.store().execute_batch(blobs).unwrap();
    expect(&damaged, "verify --read-data", 13, "");
    expect(&damaged, "get v2", 13, "corrupt");
    // 14: it is not there.
    for line in [
        "get v9",
        "show latest:none",
        "tag v9 good",
        "undelete v9",
        "get latest --artifact page.html",
        "flag show paint",
        "backup restore nowhere",
        "alert ack 5799056148416392",
        "diff v1 v9",
        "export v9 -o out",
        "get v",
    ] {
        let kind = if line == "get v" { "ambiguous" } else { "not_found" };
        expect(&shell, line, 14, kind);
    }
    // 15: it is there already.
    expect(&shell, "init", 15, "store_exists");
    expect(&shell, "put one.json --version v1", 15, "version_exists");
    // 16: there is no browser.
    #[cfg(feature = "chrome")]
    expect(&shell, "capture http://127.0.0.1:1/ --browser nowhere", 16, "no_browser");
    // 17: no space is left.
    #[cfg(unix)]
    {
        shell.file("large", noise(1, 4_000_000));
        let script = format!("trap '' XFSZ; ulimit -f 1000; exec {TINTYPE} put large");
        let mut limited = Command::new("bash");
        let ended = limited.args(["-c", &script]).current_dir(shell.path("")).output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(17), "{told}");
        assert!(told.contains("no space left") && told.contains("make room"), "{told}");
        provoked.insert(17);
    }
    shell.done("verify --read-data");
    // 130 and 143 have tests of their own.
    provoked.extend([130, 143]);
    let told = shell.done("--help");
    let (_, table) = told.split_once("Exit codes:\n").unwrap();
    let known: BTreeSet<i32> =
        table.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    let unprovoked: Vec<_> = known.difference(&provoked).collect();
    let expected: &[&i32] = if cfg!(feature = "chrome") { &[] } else { &[&16] };
    assert_eq!(unprovoked, expected);
    assert_eq!(known.len(), 14, "{known:?}");
}

#[test]
fn an_error_ends_with_what_to_do_next() {
    let shell = two();
    for (line, next) in [
        ("get v9", "tintype list"),
        ("get latest:goood", "did you mean good?"),
        ("get latset", "did you mean latest?"),
        ("get latest --artifact dato", "did you mean data?"),
        ("flag show async_performanse", "did you mean async_performance?"),
        ("flag show paint", "tintype flag list"),
        ("lst", "'list'"),
        ("list --contxt x", "'--context'"),
        ("init", "choose another --store"),
        ("list --store other.db", "tintype init --store other.db"),
        ("list --store other.db", "here are: tintype.db"),
        ("put one.json one.json --version v3", "tintype put --help"),
        ("schema lst", "did you mean list"),
        ("undelete v1x", "tintype list --forgotten"),
    ] {
        let run = shell.run(line);
        assert_ne!(run.code, 0, "{line}");
        assert!(run.err.contains(next), "{line}: {}", run.err);
        assert_eq!(run.text(), "", "{line}");
    }
    // Lists say so too, where nothing fits a name that is nearly one.
    for (line, next) in
        [("list --tag goood", "good"), ("list --context shap.example", "shop.example")]
    {
        shell.put("one.json --context shop.example/prices");
        let run = shell.run(line);
        assert_eq!((run.code, run.text().as_str()), (0, ""), "{}", run.err);
        assert!(run.err.contains(&format!("did you mean {next}?")), "{}", run.err);
    }
    let run = shell.run("get latset --json");
    let error: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert!(error["error"]["hint"].as_str().unwrap().starts_with("did you mean latest?"));
    shell.done("backup create");
    let id = shell.json("backup list").remove(0)["id"].as_str().unwrap().to_owned();
    let mistyped = format!("{}zz", &id[..id.len() - 2]);
    let run = shell.run(&format!("backup restore {mistyped}"));
    assert!(run.code == 14 && run.err.contains(&format!("did you mean {id}?")), "{}", run.err);
}
