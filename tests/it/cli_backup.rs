//! The command's backups: what is printed, and with which exit code it ends.

use std::fs;

use serde_json::json;

use crate::support::noise;
use crate::support::shell::{Shell, check_members};

/// A store with three snapshots.
fn stocked() -> Shell {
    let shell = Shell::new();
    for n in 0..3 {
        shell.file(&format!("{n}.txt"), format!("number {n}"));
    }
    shell.put("0.txt 1.txt 2.txt --context shop");
    shell
}

fn id(shell: &Shell) -> String {
    shell.done("backup create").trim_end().to_owned()
}

#[test]
fn a_backup_is_made_listed_looked_at_and_put_back() {
    let shell = stocked();
    let made = shell.run_with(&["backup", "create", "--description", "before\u{1b} it"], b"");
    assert_eq!(made.code, 0, "{}", made.err);
    let id = made.text().trim_end().to_owned();
    assert!(made.err.starts_with("3 snapshots up to event 4, "), "{}", made.err);
    let list = shell.done("backup list");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("ID "), "{list}");
    assert!(lines[1].starts_with(&id) && lines[1].ends_with(r"before\u{1b} it"), "{list}");
    assert_eq!(shell.done("backup verify latest"), format!("{id}: ok\n"));
    shell.put("0.txt --context later");
    let words = format!("backup restore {id}");
    let refused = shell.run(&words);
    assert!(refused.err.contains("would lose newer snapshots, 1 in all"), "{}", refused.err);
    refused.failed(1, "say that it is meant with --force");
    let dry = shell.run(&format!("{words} --dry-run"));
    assert_eq!(dry.code, 0);
    assert_eq!(
        dry.err,
        "would lose 1 snapshot and 1 change that came after the backup; nothing was changed\n"
    );
    assert_eq!(shell.done("list").lines().count(), 5);
    let restored = shell.run(&format!("{words} --force"));
    assert_eq!(restored.code, 0, "{}", restored.err);
    assert!(restored.err.starts_with("restored 3 snapshots, and lost 1 snapshot and 1 change"));
    assert_eq!(shell.done("list").lines().count(), 4);
    shell.done("verify --read-data");
    assert!(shell.done("events --kind restore").contains(&id));
    // It says how to undo it.
    let line = restored.err.lines().find(|line| line.contains("undo it with")).unwrap();
    shell.done(line.split_once("tintype ").unwrap().1);
    assert_eq!(shell.done("list").lines().count(), 5);
    assert_eq!(shell.done("backup list").lines().count(), 4);
}

#[test]
fn programs_are_told_all_of_it() {
    let shell = stocked();
    let made = shell.json("backup create --description first").remove(0);
    let example = json!({
        "id": "", "created_at": "", "description": "", "replaced_by": null, "store": "", "store_schema": 1, "event": 1,
        "chain": "", "snapshots": 1, "checked": true, "bytes": 1, "hash": "", "path": "",
    });
    check_members(&made, example);
    let id = made["id"].as_str().unwrap();
    let listed = shell.json("backup list").remove(0);
    check_members(&listed, json!({"id": "", "path": "", "backup": {}, "problem": null}));
    assert_eq!(listed["backup"]["hash"], made["hash"]);
    let looked = shell.json(&format!("backup verify {id}")).remove(0);
    check_members(&looked, json!({"path": "", "ok": true, "backup": {}, "problems": []}));
    shell.put("0.txt");
    shell.run(&format!("backup restore {id} --json")).failed_as_json(1, "newer_snapshots");
    let restored = shell.json(&format!("backup restore {id} --force")).remove(0);
    let example = json!({
        "backup": {}, "from": "", "snapshots": 1, "lost_snapshots": 1, "lost_events": 1, "kept": {},
        "kept_at": null, "dry_run": true,
    });
    check_members(&restored, example);
    let plan = shell.json("backup prune --keep-last 1 --dry-run").remove(0);
    let example = json!({"folder": "", "kept": [], "removed": [], "left": [], "dry_run": true});
    check_members(&plan, example);
    assert_eq!(plan["removed"].as_array().unwrap().len(), 1);
    let pruned = shell.json("backup prune --keep-last 1 --yes").remove(0);
    assert_eq!(pruned["applied"]["removed"], 1);
    assert_eq!(shell.json("backup list").len(), 1);
}

#[test]
fn what_can_t_be_has_its_exit_code_and_changes_nothing() {
    let shell = stocked();
    let id = id(&shell);
    let before = shell.read("tintype.db");
    let failed = |line: &str, code: i32, kind: &str| {
        shell.run(&format!("{line} --json")).failed_as_json(code, kind);
        let told = shell.run(line);
        assert_eq!((told.code, told.text().as_str()), (code, ""), "{line}: {}", told.err);
        told.err
    };
    for line in ["backup verify nothing", "backup restore nothing", "backup restore ./nothing"] {
        assert!(failed(line, 14, "not_found").contains("there is no backup"), "{line}");
    }
    failed("backup create --to nowhere", 2, "invalid");
    failed("backup create --to 0.txt", 2, "invalid");
    failed("backup prune", 2, "usage");
    failed("backup prune --keep-last 0", 2, "usage");
    failed("backup prune --keep-tag good", 2, "invalid");
    failed("backup restore 0.txt", 12, "not_a_store");
    failed("backup restore tintype.db", 2, "invalid");
    failed("--store other.db backup create", 10, "no_store");
    shell.done("init --store other.db");
    let others = shell.done("backup create --store other.db");
    let others = format!("other.db.backups/{}", others.trim_end());
    assert!(failed(&format!("backup restore {others}"), 2, "invalid").contains("another store"));
    assert!(shell.read("tintype.db") == before);
    // A byte of the middle of it.
    let path = format!("tintype.db.backups/{id}/tintype.db");
    let mut damaged = shell.read(&path);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    shell.file(&path, &damaged);
    let told = failed(&format!("backup restore {id}"), 13, "corrupt");
    assert!(told.contains("the file was changed"), "{told}");
    assert!(shell.read("tintype.db") == before);
    let looked = shell.run(&format!("backup verify {id} {others} nothing"));
    assert_eq!(looked.code, 13, "{}", looked.err);
    assert!(looked.err.contains("there is no backup nothing"), "{}", looked.err);
    assert!(looked.text().contains("the file was changed") && looked.text().contains(": ok"));
    assert_eq!(shell.run(&format!("backup verify {others} nothing")).code, 3);
    shell.file(&path, &damaged[..500]);
    assert!(shell.done("backup list").contains("damaged: the file has 500 bytes instead of"));
    shell.run("backup restore latest").failed(14, "there is no backup latest");
}

#[test]
fn a_store_that_is_gone_or_can_t_be_opened_is_made_anew() {
    let shell = stocked();
    let id = id(&shell);
    fs::remove_file(shell.path("tintype.db")).unwrap();
    assert!(shell.done("backup list").contains(&id));
    shell.done("backup restore latest");
    assert_eq!(shell.done("list").lines().count(), 4);
    shell.done("verify --read-data");
    shell.file("tintype.db", noise(1, 30_000));
    let refused = shell.run("backup restore latest");
    assert_eq!(refused.code, 12, "{}", refused.err);
    assert!(refused.err.contains("it has to be forced"), "{}", refused.err);
    assert!(shell.read("tintype.db") == noise(1, 30_000));
    let restored = shell.run("backup restore latest --force");
    assert_eq!(restored.code, 0, "{}", restored.err);
    assert!(restored.err.contains("what can't be told"), "{}", restored.err);
    shell.done("verify --read-data");
    let aside = restored.err.split_once("is kept in ").unwrap().1.trim_end();
    assert!(shell.read(aside) == noise(1, 30_000));
}

/// A disk that is full, as far as a limit on the size of files is one.
#[cfg(unix)]
#[test]
fn where_there_is_no_room_nothing_is_left_and_nothing_changes() {
    use crate::support::shell::TINTYPE;

    let shell = Shell::new();
    for n in 0..40 {
        shell.file(&format!("{n}.bin"), noise(n, 20_000));
        shell.put(&format!("{n}.bin"));
    }
    let id = id(&shell);
    shell.put("0.bin --version later");
    let before = shell.done("list --json --limit 100");
    let names = || {
        let names = fs::read_dir(shell.path("tintype.db.backups")).unwrap();
        names.map(|name| name.unwrap().file_name()).collect::<Vec<_>>().len()
    };
    let there = names();
    let limited = |limit_kib: usize, line: &str| {
        let script = format!("trap '' XFSZ; ulimit -f {limit_kib}; exec {TINTYPE} {line}");
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &script]).current_dir(shell.path("")).output().unwrap()
    };
    for limit_kib in [60, 300, 700] {
        for line in ["backup create", &format!("backup restore {id} --force")] {
            let ended = limited(limit_kib, line);
            let told = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(17), "{line} within {limit_kib}: {told}");
            assert_eq!(shell.done("list --json --limit 100"), before);
            assert_eq!(names(), there, "{line} within {limit_kib}");
        }
    }
    shell.done("verify --read-data");
    // Room for the copies, none for the log: it holds all pages at once, and a head for each.
    let kib = fs::metadata(shell.path("tintype.db")).unwrap().len().div_ceil(1024) as usize;
    let ended = limited(kib, &format!("backup restore {id} --force"));
    let told = String::from_utf8_lossy(&ended.stderr);
    match ended.status.code() {
        Some(17) => assert_eq!(shell.done("list --json --limit 100"), before),
        code => assert_eq!(code, Some(0), "{told}"),
    }
    shell.done("verify --read-data");
}
