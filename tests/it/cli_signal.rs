//! Ctrl-C at any moment: the exit code tells, the store is whole, and nothing half is left.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tintype::model::time::Stopwatch;

use crate::support::noise;
use crate::support::old::{Old, page, png};
use crate::support::schema;
use crate::support::shell::Shell;
#[cfg(feature = "chrome")]
use crate::support::shell::TINTYPE;

/// What a command holds on to that waits for whoever holds the store.
const PATIENT: [&str; 2] = ["--busy-timeout", "3600"];

/// The signals, and the codes that a command ends with that got them.
const SIGNALS: [(&str, i32); 2] = [("-INT", 130), ("-TERM", 143)];

/// Waits until something is so, for as long as a machine may take that has much else to do.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let watch = Stopwatch::start();
    while !is() {
        assert!(!watch.left_of(Duration::from_secs(300)).is_zero(), "never {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn start(shell: &Shell, args: &[&str]) -> Child {
    let mut command = shell.command();
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let ended = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(ended.success());
}

/// Whether a process has this file open.
fn has_open(child: &Child, path: &Path) -> bool {
    let path = path.canonicalize().unwrap();
    let open = fs::read_dir(format!("/proc/{}/fd", child.id()));
    open.into_iter()
        .flatten()
        .flatten()
        .any(|one| fs::read_link(one.path()).is_ok_and(|target| target == path))
}

/// The names in a folder, but for what stands beside a store that is or was open.
fn names(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let beside = ["-wal", "-shm", "-head"];
    names.filter(|name| !beside.iter().any(|end| name.ends_with(end))).collect()
}

/// Waits for the end, and gives the code and what was printed.
fn ended(child: Child) -> (i32, String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    let code = output.status.code().unwrap_or_else(|| panic!("killed: {err}"));
    (code, out, err)
}

/// A store of some versions, and files for more.
fn filled() -> Shell {
    let shell = Shell::new();
    let mut page = noise(7, 400_000);
    for n in 0..12 {
        page[n * 999] ^= 1;
        shell.file(&format!("{n:02}.bin"), &page);
    }
    let files: Vec<String> = (0..12).map(|n| format!("{n:02}.bin")).collect();
    shell.put(&format!("{} --context shop.example/prices", files.join(" ")));
    shell.done("forget latest");
    shell
}

fn contents(shell: &Shell) -> (Vec<Value>, Vec<Value>) {
    (shell.json("list --limit 1000"), shell.json("events --limit 1000"))
}

#[test]
fn whatever_waits_for_the_store_ends_and_changes_nothing() {
    let shell = filled();
    shell.done("export latest oldest -o archive.tintype");
    let old = Old::new();
    old.flat("", 1_769_683_048, &page(1), &png(1));
    let folder = old.root().to_str().unwrap();
    let backup = shell.done("backup create");
    let lines: [&[&str]; 12] = [
        &["put", "00.bin"],
        &["put", "00.bin", "01.bin", "--together", "--json"],
        &["tag", "latest", "good"],
        &["forget", "--keep-last", "1"],
        &["clear", "--yes"],
        &["gc", "--now", "--yes"],
        &["repack"],
        &["import", "archive.tintype", "--new-version"],
        &["legacy", "import", folder],
        &["retention", "set", "--keep-last", "2"],
        &["backup", "restore", backup.trim(), "--force"],
        &["incident", "timeout", "--context", "shop.example/cart"],
    ];
    let before = contents(&shell);
    let there = names(&shell.path(""));
    let lock = shell.store();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waits: Vec<(Child, &[&str])> =
        lines.iter().map(|line| (start(&shell, &[*line, &PATIENT].concat()), *line)).collect();
    for (at, (child, line)) in waits.into_iter().enumerate() {
        let (name, code) = SIGNALS[at % SIGNALS.len()];
        until("open", || has_open(&child, &shell.path("tintype.db")));
        signal(&child, name);
        let (found, out, err) = ended(child);
        assert_eq!(found, code, "{line:?}: {err}");
        // A plan is told before it is carried out.
        assert!(out.is_empty() || line[0] == "forget", "{line:?}: {out}");
        if line.contains(&"--json") {
            schema::validate("error", err.trim());
            let error: Value = serde_json::from_str(&err).unwrap();
            let error = &error["error"];
            assert_eq!((&error["code"], &error["kind"]), (&code.into(), &"interrupted".into()));
        } else {
            assert!(err.contains("nothing is half done"), "{line:?}: {err}");
        }
    }
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    let after = names(&shell.path(""));
    assert_eq!(after, there);
    assert_eq!(contents(&shell), before);
    shell.done("verify --read-data");
}

#[test]
fn what_was_told_before_the_signal_is_stored() {
    let shell = Shell::new();
    let count = 40_u64;
    let files: Vec<String> = (0..count).map(|n| format!("{n:03}.bin")).collect();
    for (n, file) in files.iter().enumerate() {
        shell.file(file, noise(n as u64, 50_000));
    }
    let db = shell.path("tintype.db");
    let mut there = names(&shell.path(""));
    let mut stored = 0;
    for round in 0..6 {
        let (name, code) = SIGNALS[round % SIGNALS.len()];
        // The last file has no end, so that the command can't come to its own.
        let fifo = format!("endless-{round}");
        assert!(Command::new("mkfifo").arg(shell.path(&fifo)).status().unwrap().success());
        there.insert(fifo.clone());
        let mut both = fs::File::options();
        let mut endless = both.read(true).write(true).open(shell.path(&fifo)).unwrap();
        endless.write_all(b"it goes on").unwrap();
        let before = bytes(&shell);
        let mut args = vec!["put"];
        args.extend(files.iter().map(String::as_str));
        args.push(&fifo);
        let child = start(&shell, &args);
        // Each time at another moment, at the latest when it reads what has no end.
        let grown = before + 300_000 * round as u64;
        until("reads", || {
            has_open(&child, &shell.path(&fifo))
                || round % 3 > 0 && bytes(&shell) > grown && has_open(&child, &db)
        });
        signal(&child, name);
        let (found, out, err) = ended(child);
        drop(endless);
        assert_eq!(found, code, "{err}");
        let told = out.lines().count() as u64;
        for version in out.lines() {
            shell.done(&format!("show {version}"));
        }
        let now = shell.json("stats")[0]["snapshots"].as_u64().unwrap();
        assert!((stored + told..=stored + count).contains(&now), "{now}, {stored}, {told}");
        stored = now;
        shell.done("verify --read-data");
        assert_eq!(names(&shell.path("")), there);
    }
}

/// Bytes of the store and of its write-ahead log.
fn bytes(shell: &Shell) -> u64 {
    let of = |name: &str| fs::metadata(shell.path(name)).map_or(0, |found| found.len());
    of("tintype.db") + of("tintype.db-wal")
}

#[test]
fn what_comes_in_and_has_no_end_is_let_go_of() {
    let shell = Shell::new();
    for (name, code) in SIGNALS {
        let mut child = start(&shell, &["put", "-"]);
        let mut input = child.stdin.take().unwrap();
        // More than a pipe holds: some of it was read.
        input.write_all(&noise(1, 1_000_000)).unwrap();
        signal(&child, name);
        let (found, out, err) = ended(child);
        drop(input);
        assert_eq!((found, out.as_str()), (code, ""), "{err}");
    }
    assert_eq!(shell.json("stats")[0]["snapshots"], 0);
    shell.done("verify --read-data");
    // A question that has no answer, and a watch that has no end.
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    for args in [&["sql", endless, "--timeout", "0"][..], &["monitor", "--every", "3600"]] {
        let child = start(&shell, args);
        until("open", || has_open(&child, &shell.path("tintype.db")));
        signal(&child, "-INT");
        let (found, out, err) = ended(child);
        assert_eq!((found, out.as_str()), (130, ""), "{args:?}: {err}");
    }
}

#[test]
fn no_half_file_is_left() {
    let shell = Shell::new();
    let content = noise(3, 30_000_000);
    shell.file("large.bin", &content);
    shell.put("large.bin");
    fs::remove_file(shell.path("large.bin")).unwrap();
    let there = names(&shell.path(""));
    for (at, line) in ["get latest -o copy.bin", "export latest -o copy.tintype", "backup create"]
        .into_iter()
        .enumerate()
    {
        let (name, code) = SIGNALS[at % SIGNALS.len()];
        let child = start(&shell, &line.split(' ').collect::<Vec<_>>());
        // As soon as there is anything.
        let made = || names(&shell.path("")).difference(&there).next().is_some();
        until("written", || made() || fs::read_dir(format!("/proc/{}/fd", child.id())).is_err());
        signal(&child, name);
        let (found, _, err) = ended(child);
        // It may have come to its end before.
        assert!(found == code || found == 0, "{line}: {found}: {err}");
        let left: Vec<String> = names(&shell.path("")).difference(&there).cloned().collect();
        match (line, left.as_slice()) {
            (_, []) => assert_eq!(found, code, "{line}"),
            ("backup create", [folder]) => {
                // What is not whole is no backup, and is gone.
                let backups = names(&shell.path(folder));
                let backups = backups.iter().filter(|name| !name.starts_with('.')).count();
                let whole = shell.json("backup list").len();
                assert!(whole <= backups && whole <= 1, "{whole} {backups}");
                if whole == 1 {
                    shell.done("backup verify latest");
                } else {
                    assert_eq!(backups, 0);
                }
            }
            ("get latest -o copy.bin", [one]) => {
                assert_eq!(one, "copy.bin");
                assert!(shell.read("copy.bin") == content);
            }
            (_, [one]) => {
                assert_eq!(one, "copy.tintype");
                shell.done("verify --read-data --store copy.tintype");
            }
            (_, several) => panic!("{line} left {several:?}"),
        }
        for name in left {
            let path = shell.path(&name);
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap()
            } else {
                fs::remove_file(path).unwrap()
            }
        }
    }
    shell.done("verify --read-data");
}

#[cfg(feature = "chrome")]
#[test]
fn no_browser_and_no_profile_is_left() {
    use std::sync::mpsc;

    use crate::support::browsers::processes_with;
    use crate::support::site::Site;

    for (name, code) in SIGNALS {
        let shell = Shell::new();
        let temporary = shell.path("temporary");
        fs::create_dir(&temporary).unwrap();
        let (asked, is_asked) = mpsc::channel();
        let mut kept = Vec::new();
        // It never answers.
        let site = Site::serve(move |request| {
            kept.push(request);
            // Nobody may ask any more.
            let _ = asked.send(());
        });
        let mut command = Command::new(TINTYPE);
        command.current_dir(shell.path("")).env("TMPDIR", &temporary);
        command.args(["capture", &site.url("/"), "--timeout", "3600", "--time-box", "3600"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        is_asked.recv().unwrap();
        assert!(!processes_with(&temporary).is_empty());
        signal(&child, name);
        let (found, out, err) = ended(child);
        assert_eq!((found, out.as_str()), (code, ""), "{err}");
        // Those that were killed take a moment to be gone.
        until("gone", || processes_with(&temporary).is_empty());
        until("empty", || names(&temporary).is_empty());
        assert_eq!(shell.json("stats")[0]["snapshots"], 0);
        shell.done("verify --read-data");
    }
}
