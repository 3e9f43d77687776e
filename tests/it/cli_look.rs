//! What looks: `context tree`, `sql`, `doctor`; and how the command explains itself: help, manual,
//! schema, tables.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::schema;
use crate::support::shell::{Shell, TINTYPE};

/// A store of snapshots in several places.
fn places() -> Shell {
    let shell = Shell::new();
    shell.file("a.json", r#"{"a": 1}"#);
    for (n, place) in ["a.example/home", "a.example/cart/list", "b.example/home"].iter().enumerate()
    {
        shell.put(&format!("a.json --context {place} --at 2026-01-0{} --version v{n}", n + 1));
    }
    shell.put("a.json --context a.example/home --at 2026-02-01 --version late --tag good");
    shell
}

#[test]
fn a_tree_counts_what_is_in_each_place() {
    let shell = places();
    let tree = shell.json("context tree --depth 2");
    let told: Vec<_> = tree
        .iter()
        .map(|place| (place["place"].as_str().unwrap(), place["snapshots"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("a.example", 3),
            ("a.example/cart", 1),
            ("a.example/home", 2),
            ("b.example", 1),
            ("b.example/home", 1)
        ]
    );
    assert_eq!((&tree[0]["newest"], &tree[0]["level"]), (&json!("late"), &json!(1)));
    assert_eq!(tree[0]["oldest_at"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(shell.json("context tree a.example/cart --depth 2").len(), 2);
    assert_eq!(shell.json("context tree */home --depth 2").len(), 4);
    assert_eq!(shell.json("context tree c.example").len(), 0);
    let lines = shell.done("context tree --depth 2");
    let line = lines.lines().find(|line| line.starts_with("  home")).unwrap();
    assert!(line.contains(" 2 ") && line.contains("2026-02-01 00:00:00") && line.ends_with("late"));
    // What is forgotten is not counted.
    shell.done("forget late");
    assert_eq!(shell.json("context tree a.example --depth 1")[0]["snapshots"], 2);
    shell.run("context tree --depth 5").failed(2, "--depth");
    shell.run("context tree a/b/c/d/e/f").failed(2, "a/b/c/d/e/f");
}

#[test]
fn failures_are_counted_where_they_are() {
    let shell = places();
    shell
        .store()
        .execute_batch(
            "UPDATE snapshot SET status = 3 WHERE version = 'late';
             UPDATE snapshot SET status = 1 WHERE version = 'v1'",
        )
        .unwrap();
    let tree = shell.json("context tree a.example --depth 1").remove(0);
    assert_eq!((&tree["failed"], &tree["incomplete"]), (&json!(1), &json!(1)));
}

#[test]
fn a_question_is_answered_as_table_json_and_csv() {
    let shell = places();
    let question = "select version, bytes from v_snapshot order by version";
    let run = |args: &[&str]| shell.run_with(&[&["sql", question], args].concat(), b"");
    let table = run(&[]);
    assert_eq!(
        table.text().lines().map(str::trim_end).collect::<Vec<_>>()[..2],
        ["version  bytes", "late     8"]
    );
    let csv = run(&["--format", "csv"]).text();
    assert_eq!(
        csv.lines().collect::<Vec<_>>(),
        ["version,bytes", "late,8", "v0,8", "v1,8", "v2,8"]
    );
    let rows = run(&["--json"]).text();
    assert_eq!(rows.lines().next(), Some(r#"{"schema":1,"row":{"version":"late","bytes":8}}"#));
    let limited = run(&["--limit", "2"]);
    assert_eq!(limited.text().lines().count(), 3);
    assert!(limited.err.contains("more than 2 rows"), "{}", limited.err);
    assert_eq!(run(&["--limit", "4"]).err, "");
    run(&["--json", "--format", "csv"]).failed_as_json(2, "usage");
    let odd = "select 1 as a, 'x,\"y\"' as a, x'00ff' as b, null as c, char(27) || 'c' as d, 9e999";
    let ask = |args: &[&str]| shell.run_with(&[&["sql", "-"], args].concat(), odd.as_bytes());
    assert_eq!(
        ask(&["--format", "csv"]).text(),
        "a,a,b,c,d,9e999\n1,\"x,\"\"y\"\"\",00ff,,\u{1b}c,inf\n"
    );
    let row: Value = serde_json::from_str(&ask(&["--json"]).text()).unwrap();
    assert_eq!(
        row["row"],
        json!({"a": 1, "a:1": "x,\"y\"", "b": "00ff", "c": null, "d": "\u{1b}c", "9e999": "inf"})
    );
    assert!(!ask(&[]).text().contains('\u{1b}'));
    shell.run_with(&["sql", "delete from snapshot"], b"").failed(2, "would change something");
    shell.run_with(&["sql", "select * from nowhere"], b"").failed(2, "v_snapshot");
    let endless =
        "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let late = shell.run_with(&["sql", endless, "--timeout", "0.05"], b"");
    assert!(late.code == 1 && late.err.contains("--timeout"), "{}", late.err);
    shell.done("verify --read-data");
}

#[test]
fn a_question_of_any_length_is_answered_in_little_memory() {
    let shell = Shell::new();
    let question = "with recursive n(i) as (select 1 union all select i + 1 from n limit 300000)
                    select i, hex(zeroblob(500)) as filler from n";
    // 300 MB of answer.
    let script = format!("ulimit -v 400000; exec {TINTYPE} \"$@\" | wc -l");
    let mut bash = Command::new("bash");
    bash.current_dir(shell.path("")).args(["-c", &script, "bash", "sql", question]);
    let ended = bash.args(["--format", "csv"]).output().unwrap();
    assert_eq!(
        (
            String::from_utf8_lossy(&ended.stdout).trim(),
            String::from_utf8_lossy(&ended.stderr).as_ref()
        ),
        ("300001", "")
    );
}

#[test]
fn a_doctor_tells_what_a_store_finds_here() {
    let shell = Shell::empty();
    let states = |shell: &Shell, line: &str| -> Vec<(String, String)> {
        let run = shell.run(&format!("doctor --no-browser {line} --json"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let found = crate::support::shell::objects(&run.text());
        assert_eq!(run.code, i32::from(found.iter().any(|one| one["state"] == "fail")));
        let found = found.iter().map(|one| (text(&one["check"]), text(&one["state"])));
        found.collect()
    };
    let of = |found: &[(String, String)], check: &str| {
        found.iter().find(|one| one.0 == check).map(|one| one.1.clone())
    };
    // A store that is not there yet is no failure.
    let found = states(&shell, "");
    assert_eq!(of(&found, "store").as_deref(), Some("warn"));
    for check in ["sqlite", "folder", "write-ahead log", "temporary files", "clock"] {
        assert_eq!(of(&found, check).as_deref(), Some("ok"), "{found:?}");
    }
    shell.done("init");
    let found = states(&shell, "");
    assert_eq!(of(&found, "store").as_deref(), Some("ok"));
    assert_eq!(of(&found, "writing").as_deref(), Some("ok"));
    // Nothing of what was tried is left.
    let names = fs::read_dir(shell.path("")).unwrap().count();
    states(&shell, "");
    assert_eq!(fs::read_dir(shell.path("")).unwrap().count(), names);
    let lock = shell.store();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(of(&states(&shell, "--busy-timeout 0.1"), "writing").as_deref(), Some("warn"));
    lock.execute_batch("ROLLBACK").unwrap();
    shell.file("text.db", "no store at all, but a text that is long enough to be read as one");
    assert_eq!(of(&states(&shell, "--store text.db"), "store").as_deref(), Some("fail"));
    let found = states(&shell, "--store nowhere/at/all.db");
    assert_eq!(of(&found, "folder").as_deref(), Some("fail"));
    // One of a newer tintype.
    lock.execute_batch("PRAGMA user_version = 99").unwrap();
    let run = shell.run("doctor --no-browser");
    assert_eq!(run.code, 1);
    assert!(run.text().contains("use the newer tintype"), "{}", run.text());
}

#[cfg(feature = "chrome")]
#[test]
fn a_doctor_tries_the_browser() {
    let shell = Shell::new();
    let found = shell.json("doctor");
    let of = |check: &str| found.iter().find(|one| one["check"] == check).unwrap();
    assert!(of("version")["detail"].as_str().unwrap().contains('/'), "{found:?}");
    let taken = of("taken")["detail"].as_str().unwrap();
    for part in ["page.html", "full.png", "facts.json"] {
        assert!(taken.contains(part), "{taken}");
    }
    let run = shell.run("doctor --browser nowhere");
    assert_eq!(run.code, 1);
    assert!(run.text().contains("apt-get install chromium"), "{}", run.text());
    assert_eq!(shell.json("stats")[0]["snapshots"], 0);
}

/// The names of all commands, as help lists them: `flag list`.
fn commands(shell: &Shell, of: &str) -> Vec<String> {
    let told = shell.done(&format!("{of} -h"));
    let Some((_, list)) = told.split_once("\nCommands:\n") else { return Vec::new() };
    let names = list.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        let is_name = line.starts_with("  ") && !line.starts_with("   ");
        line.split_whitespace().next().filter(|name| is_name && *name != "help")
    });
    let mut all = Vec::new();
    for name in names {
        let name = format!("{of} {name}").trim().to_owned();
        let below = commands(shell, &name);
        all.push(name);
        all.extend(below);
    }
    all
}

#[test]
fn every_command_shows_examples_that_can_be_typed() {
    let shell = Shell::empty();
    let all = commands(&shell, "");
    assert!(all.len() > 60, "{all:?}");
    let mut examples = Vec::new();
    for name in &all {
        let short = shell.done(&format!("{name} -h"));
        let long = shell.done(&format!("{name} --help"));
        let (before, after) =
            short.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{short}"));
        assert!(before.contains("Usage: tintype"), "{short}");
        // Examples come first.
        assert!(after.contains("\nOptions:\n") && after.contains("--store"), "{short}");
        assert!(long.contains("\nExamples:\n") && long.contains("Exit codes"), "{long}");
        let of_it = after.lines().take_while(|line| !line.is_empty());
        examples.extend(of_it.map(|line| line.trim().to_owned()));
    }
    assert!(examples.len() >= all.len());
    for example in examples {
        // The shell takes it apart; with --help in the end it is read, and not done.
        let typed = example.rsplit(" | ").next().unwrap();
        let typed = typed.split(" > ").next().unwrap().split(" < ").next().unwrap();
        let words = typed.strip_prefix("tintype ").unwrap_or_else(|| panic!("{example}"));
        let script = format!("exec {TINTYPE} {words} --help");
        let ended = Command::new("sh").args(["-c", &script]).output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{example}: {told}");
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let shell = Shell::empty();
    let written = shell.json("man pages").remove(0);
    let pages = written["pages"].as_array().unwrap();
    let mut names: Vec<String> = commands(&shell, "")
        .iter()
        .map(|name| format!("tintype-{}.1", name.replace(' ', "-")))
        .collect();
    names.push("tintype.1".to_owned());
    for name in &names {
        let page = String::from_utf8(shell.read(&format!("pages/{name}"))).unwrap();
        assert!(page.contains(".SH EXAMPLES") && page.contains(".SH \"EXIT STATUS\""), "{name}");
        assert!(page.contains(".TH tintype"), "{name}");
    }
    assert_eq!(pages.len(), names.len());
    shell.file("file", "");
    shell.run("man file/pages").failed(1, "file/pages");
}

#[test]
fn the_schema_is_printed_whole_or_for_a_command() {
    let shell = Shell::empty();
    assert_eq!(shell.done("schema"), schema::TEXT);
    let document: Value = serde_json::from_str(schema::TEXT).unwrap();
    // Every command that is listed is described, but those that print no JSON.
    let described = schema::commands(&document);
    let silent = ["completions", "schema", "demo", "flag export"];
    let groups = ["legacy", "backup", "alert", "retention", "flag", "context"];
    for name in commands(&shell, "") {
        let is_group = groups.contains(&name.as_str());
        let expected = !silent.contains(&name.as_str()) && !is_group;
        assert_eq!(described.contains(&name), expected, "{name}");
    }
    for name in &described {
        let one: Value = serde_json::from_str(&shell.done(&format!("schema {name}"))).unwrap();
        assert_eq!(one["$ref"], format!("#/$defs/{}", name.replace(' ', "%20")));
    }
    shell.run("schema paint").failed(2, "paint");
}

#[test]
fn a_table_fits_and_cuts_what_is_least_missed() {
    let shell = Shell::new();
    shell.file("a", "a");
    let long = "a description that goes on and on, wide: 漢字漢字漢字漢字漢字漢字漢字";
    let args =
        ["put", "a", "--description", long, "--context", "shop.example/prices/of/all/things"];
    for version in ["one-version", "another-version"] {
        let run = shell.run_with(&[&args[..], &["--version", version]].concat(), b"");
        assert_eq!(run.code, 0, "{}", run.err);
    }
    let told = |columns: &str| {
        let mut command = shell.command();
        let ended = command.env("COLUMNS", columns).arg("list").output().unwrap();
        String::from_utf8(ended.stdout).unwrap()
    };
    // As wide as a terminal shows it: these characters take two columns.
    let width =
        |line: &str| line.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum::<usize>();
    for columns in [60, 80, 100, 132] {
        let table = told(&columns.to_string());
        assert!(table.lines().all(|line| width(line) <= columns), "{columns}: {table}");
        assert!(table.contains("another-version"), "{table}");
        assert!(table.contains('…'), "{table}");
    }
    // Times stay whole where something else can be cut.
    let time = shell.json("list")[0]["created_at"].as_str().unwrap()[..19].replace('T', " ");
    assert!(told("90").contains(&time), "{}", told("90"));
    assert!(shell.done("list").contains(long));
    assert!(told("not a number").contains(long));
}

#[test]
fn colours_follow_option_environment_and_terminal() {
    let shell = places();
    let colored = |vars: &[(&str, &str)], args: &[&str]| {
        let mut command = shell.command();
        for name in ["CLICOLOR_FORCE", "CLICOLOR"] {
            command.env_remove(name);
        }
        command.envs(vars.iter().copied()).arg("list").args(args);
        String::from_utf8(command.output().unwrap().stdout).unwrap().contains('\u{1b}')
    };
    assert!(!colored(&[], &[]));
    assert!(colored(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!colored(&[("CLICOLOR_FORCE", "0")], &[]));
    assert!(!colored(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
    assert!(colored(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(!colored(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]));
}

#[test]
fn every_listing_stops_without_a_word_where_its_reader_has_gone() {
    let shell = places();
    shell.done("backup create");
    shell.done("retention set --keep-last 9");
    shell.done("alert raise capture_failure error down");
    shell.done("incident timeout --context a.example/cart");
    for line in [
        "list",
        "list --json",
        "tags",
        "events",
        "show late",
        "context tree",
        "context tree --json",
        "backup list",
        "retention show",
        "alert list",
        "flag list",
        "flag export",
        "incident list",
        "stats",
        "metrics",
        "metrics --prometheus",
        "schema",
        "diff v0 late",
        "get late",
        "verify",
        "doctor --no-browser",
        "flag explain async_performance",
        "monitor --show-rules",
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = shell.command();
        command.args(line.split(' ')).stdout(writer).stderr(Stdio::piped());
        let ended = command.spawn().unwrap().wait_with_output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), told.as_str()), (Some(0), ""), "{line}");
    }
}

#[cfg(target_os = "linux")]
mod terminal {
    use std::io::{Read, Write};

    use super::*;

    /// Runs a line on a terminal of its own, 60 columns wide, and gives what it shows.
    fn shown(shell: &Shell, line: &str) -> (Option<i32>, String) {
        let script = format!("stty rows 24 cols 60; exec {TINTYPE} {line}");
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &script, "/dev/null"]).current_dir(shell.path(""));
        terminal.env("TERM", "xterm").stdin(Stdio::null());
        for name in ["COLUMNS", "NO_COLOR", "TINTYPE_STORE"] {
            terminal.env_remove(name);
        }
        let ended = terminal.output().unwrap_or_else(|why| panic!("`script` is needed: {why}"));
        (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    #[test]
    fn a_terminal_gets_colours_a_table_that_fits_and_nothing_that_steers_it() {
        let shell = places();
        let (code, table) = shown(&shell, "list");
        assert_eq!(code, Some(0), "{table}");
        assert!(table.contains("\u{1b}[1mVERSION"), "{table:?}");
        let plain = table.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
        assert!(plain.lines().all(|line| line.chars().count() <= 60), "{plain}");
        shell.file("evil", "before \u{1b}]0;owned\u{7} after");
        shell.put("evil --version evil --description ok");
        let (code, refused) = shown(&shell, "get evil");
        assert_eq!(code, Some(2), "{refused}");
        assert!(!refused.contains("\u{1b}]0;") && refused.contains("-o FILE"), "{refused:?}");
        assert!(shown(&shell, "get evil -o -").1.contains("\u{1b}]0;owned"));
        assert!(shown(&shell, "get late").1.contains(r#"{"a": 1}"#));
        let question = "\"sql\" \"select char(27) || 'c' as x\" --format csv";
        let (_, answer) = shown(&shell, question);
        assert!(!answer.contains("\u{1b}c") && answer.contains(r"\u{1b}c"), "{answer:?}");
    }

    #[test]
    fn long_work_shows_how_far_it_is_with_its_rate() {
        let shell = Shell::new();
        assert!(Command::new("mkfifo").arg(shell.path("pipe")).status().unwrap().success());
        let script = format!("exec {TINTYPE} put pipe");
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &script, "/dev/null"]).current_dir(shell.path(""));
        terminal.env("TERM", "xterm").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = terminal.spawn().unwrap();
        let mut pipe = fs::File::options().write(true).open(shell.path("pipe")).unwrap();
        // It goes on coming until the bar was seen.
        let mut output = child.stdout.take().unwrap();
        let seen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let sees = std::sync::Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            let mut told = Vec::new();
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut part) {
                told.extend_from_slice(&part[..count]);
                if String::from_utf8_lossy(&told).contains("iB/s") {
                    sees.store(true, std::sync::atomic::Ordering::SeqCst);
                }
            }
            String::from_utf8_lossy(&told).into_owned()
        });
        for _ in 0..20_000 {
            pipe.write_all(&[b'x'; 10_000]).unwrap();
            if seen.load(std::sync::atomic::Ordering::SeqCst) {
                break;
            }
        }
        drop(pipe);
        let told = reader.join().unwrap();
        assert!(child.wait().unwrap().success(), "{told:?}");
        assert!(seen.load(std::sync::atomic::Ordering::SeqCst), "{told:?}");
        assert_eq!(shell.json("stats")[0]["snapshots"], 1);
    }
}
