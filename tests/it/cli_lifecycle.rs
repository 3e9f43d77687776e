//! What becomes of snapshots, as scripts see it: `forget`, `undelete`, `pin`, `retention`, `gc`,
//! `clear`, `events`.

use serde_json::{Value, json};

use crate::support::shell::{Shell, check_members, objects};
use crate::support::values::document;

/// A store with a snapshot a day in the first week of January, `v1` to `v5` in one place and `w1` in
/// another; `v2` is tagged `good`.
fn week() -> Shell {
    let shell = Shell::new();
    for day in 1..=5 {
        shell.file("feed", format!("{{\"day\": {day}}}"));
        let tag = if day == 2 { "--tag good" } else { "" };
        shell.put(&format!(
            "feed --version v{day} --at 2026-01-0{day} --context shop.example/feed {tag}"
        ));
    }
    shell.put("feed --version w1 --at 2026-01-06 --context book.example");
    shell
}

fn versions(shell: &Shell, line: &str) -> String {
    let found = shell.json(line);
    let names: Vec<_> = found.iter().map(|one| one["version"].as_str().unwrap()).collect();
    names.join(" ")
}

fn live(shell: &Shell) -> String {
    versions(shell, "list --oldest")
}

/// Runs a line that must change nothing, with `--json` too, whatever it comes to.
fn changes_nothing(shell: &Shell, line: &str) {
    // Whoever opens a store may move its log into it; then it stays as it is.
    shell.done("stats");
    let before = shell.read("tintype.db");
    for line in [line.to_owned(), format!("{line} --json")] {
        shell.run(&line);
        assert!(shell.read("tintype.db") == before, "{line} changed the file");
    }
}

// forget and undelete

#[test]
fn versions_are_forgotten_by_every_word_for_them() {
    let shell = week();
    let run = shell.run("forget oldest latest:good latest v1");
    assert_eq!((run.code, run.text().as_str()), (0, "v1\nv2\nw1\n"));
    assert_eq!(run.err, "forgot 3 snapshots; take one back with: tintype undelete VERSION\n");
    assert_eq!(live(&shell), "v3 v4 v5");
    // The words mean what they mean before anything is forgotten.
    assert_eq!(
        shell.json("forget latest latest"),
        [json!({"schema": 1, "dry_run": false, "versions": ["v5"]})]
    );
    assert_eq!(shell.run("forget v3 --quiet").err, "");
    assert_eq!(live(&shell), "v4");
    shell.done("verify --read-data");
}

#[test]
fn versions_are_forgotten_all_or_none() {
    let shell = week();
    shell.put("feed --version v10");
    shell.done("pin v4");
    for (line, code, kind, told) in [
        ("forget v2 v9", 14, "not_found", "there is no snapshot v9"),
        ("forget v2 v", 14, "ambiguous", "v is the beginning of 6 versions"),
        ("forget v2 latest:bad", 14, "not_found", "there is no tag bad"),
        ("forget v2 v4 v3", 1, "pinned", "snapshot v4 is pinned"),
    ] {
        for line in [line.to_owned(), format!("{line} --dry-run")] {
            shell.run(&line).failed(code, told);
            shell.run(&format!("{line} --json")).failed_as_json(code, kind);
        }
        changes_nothing(&shell, line);
    }
    assert!(shell.run("forget v4").err.contains("take the pin off with: tintype unpin v4"));
    assert_eq!(live(&shell), "v1 v2 v3 v4 v5 w1 v10");
    // A forgotten one can't be forgotten again; the hint says where it is.
    shell.done("forget v3");
    assert!(shell.run("forget v3").failed(14, "no snapshot v3").contains("list --forgotten"));
}

#[test]
fn a_dry_run_tells_what_would_be_forgotten_and_changes_nothing() {
    let shell = week();
    let run = shell.run("forget oldest v2 --dry-run");
    assert_eq!((run.code, run.text().as_str()), (0, "v1\nv2\n"));
    assert_eq!(run.err, "would forget 2 snapshots; nothing was changed\n");
    assert_eq!(
        shell.json("forget v1 --dry-run")[0],
        json!({"schema": 1, "dry_run": true, "versions": ["v1"]})
    );
    shell.done("retention set --keep-last 1");
    for line in [
        "forget v1 v2 --dry-run",
        "forget --keep-last 1 --dry-run",
        "retention apply --dry-run",
        "clear --dry-run",
        "clear --yes --dry-run",
        "clear",
    ] {
        changes_nothing(&shell, line);
    }
    shell.done("forget v1");
    changes_nothing(&shell, "gc --now --dry-run");
    changes_nothing(&shell, "gc --dry-run");
    changes_nothing(&shell, "repack --dry-run");
    changes_nothing(&shell, "gc --now");
    let told = shell.run("gc --now").failed(2, "--yes");
    assert!(told.contains("--dry-run"), "{told}");
    shell.run("gc --now --json").failed_as_json(2, "usage");
    assert_eq!(versions(&shell, "list --forgotten"), "v1");
}

#[test]
fn each_rule_keeps_what_it_says() {
    let shell = Shell::new();
    shell.file("feed", "1");
    for (version, at) in [
        ("a", "2024-05-01T10:00:00Z"),
        ("b", "2025-12-01T10:00:00Z"),
        ("c", "2025-12-30T10:00:00Z"),
        ("d", "2026-01-05T09:00:00Z"),
        ("e", "2026-01-06T08:00:00Z"),
        ("f", "2026-01-06T09:10:00Z"),
        ("g", "2026-01-06T09:40:00Z"),
    ] {
        let tag = if version == "a" { "--tag good" } else { "" };
        shell.put(&format!("feed --version {version} --at {at} {tag}"));
    }
    for (rules, kept) in [
        ("--keep-last 2", "g f"),
        ("--keep-hourly 2", "g e"),
        ("--keep-daily 2", "g d"),
        ("--keep-weekly 2", "g c"),
        ("--keep-monthly 2", "g c"),
        ("--keep-yearly 3", "g c a"),
        ("--keep-within 30m", "g f"),
        ("--keep-within 2h", "g f e"),
        ("--keep-within 6000s", "g f e"),
        ("--keep-within 1d", "g f e"),
        ("--keep-within 1w", "g f e d c"),
        ("--keep-tag good", "g a"),
        ("--keep-tag good --keep-last 1 --keep-daily 2", "g d a"),
        ("--keep-last 1 --tag good", "a"),
        ("--keep-last 4294967295", "g f e d c b a"),
    ] {
        let told = &shell.json(&format!("forget {rules} --dry-run"))[0];
        let kept_there: Vec<_> = told["groups"][0]["kept"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["version"].as_str().unwrap())
            .collect();
        assert_eq!(kept_there.join(" "), kept, "{rules}");
    }
}

#[test]
fn rules_forget_place_by_place_and_the_plan_says_why_the_rest_stays() {
    let shell = week();
    let told = &shell.json("forget --keep-last 2 --keep-tag good --dry-run")[0];
    check_members(told, json!({"dry_run": true, "groups": [], "applied": null}));
    let [book, shop] = told["groups"].as_array().unwrap().as_slice() else { panic!("{told}") };
    check_members(shop, json!({"place": "", "keep": {}, "kept": [], "forgotten": []}));
    assert_eq!(
        (&book["place"], &shop["place"]),
        (&json!("book.example/-/-/-"), &json!("shop.example/feed/-/-"))
    );
    assert_eq!(shop["keep"], json!({"last": 2, "tags": ["good"]}));
    assert_eq!(
        shop["kept"][2],
        json!({"version": "v2", "created_at": "2026-01-02T00:00:00.000000Z",
               "reasons": [{"rule": "tag", "what": "good"}]})
    );
    assert_eq!(
        shop["forgotten"],
        json!([
            {"version": "v3", "created_at": "2026-01-03T00:00:00.000000Z", "tags": []},
            {"version": "v1", "created_at": "2026-01-01T00:00:00.000000Z", "tags": []},
        ])
    );
    let run = shell.run("forget --keep-last 2 --keep-tag good --dry-run");
    assert_eq!(
        run.text(),
        "book.example/-/-/-: keep last 2, tag good; forget 0 of 1\n  \
           keep  w1  2026-01-06 00:00:00  last 1\n\
         shop.example/feed/-/-: keep last 2, tag good; forget 2 of 5\n  \
           keep    v5  2026-01-05 00:00:00  last 1\n  \
           keep    v4  2026-01-04 00:00:00  last 2\n  \
           forget  v3  2026-01-03 00:00:00\n  \
           keep    v2  2026-01-02 00:00:00  tag good\n  \
           forget  v1  2026-01-01 00:00:00\n"
    );
    assert_eq!(run.err, "would forget 2 snapshots, 4 stay; nothing was changed\n");
    // Without looking first it tells what goes alone, and with --verbose all.
    let run = shell.run("forget --keep-last 3");
    assert_eq!(
        run.text(),
        "shop.example/feed/-/-: keep last 3; forget 2 of 5\n  \
           forget  v2  2026-01-02 00:00:00  good\n  \
           forget  v1  2026-01-01 00:00:00\n"
    );
    assert_eq!(
        run.err,
        "forgot 2 snapshots, 4 stay; take one back with: tintype undelete VERSION\n"
    );
    assert_eq!(live(&shell), "v3 v4 v5 w1");
    let run = shell.run("forget --keep-last 2 --verbose");
    assert!(run.text().contains("  keep    v4  2026-01-04 00:00:00  last 2\n"), "{}", run.text());
    assert_eq!(
        shell.json("forget --keep-last 1 --context shop.example")[0]["applied"],
        json!({"forgotten": 1, "changed": []})
    );
    assert_eq!(live(&shell), "v5 w1");
    // No rule empties a place.
    let run = shell.run("forget --keep-tag none");
    assert_eq!((run.text().as_str(), run.err.as_str()), ("", "nothing to forget, 2 stay\n"));
    let run = shell.run("forget --keep-last 1 --context other.example");
    assert_eq!((run.code, run.err.as_str()), (0, "no snapshot fits\n"));
    shell.done("verify --read-data");
}

#[test]
fn what_makes_no_sense_to_forget_is_usage() {
    let shell = week();
    for (line, told) in [
        ("forget", "--keep-last"),
        ("forget --dry-run", "--keep-last"),
        ("forget --context shop.example", "--keep-last"),
        ("forget --tag good", "--keep-last"),
        ("forget v1 --keep-last 2", "cannot be used with"),
        ("forget v1 --keep-tag good", "cannot be used with"),
        ("forget v1 --context shop.example", "--keep-last"),
        ("forget --keep-last 0", "a number from 1"),
        ("forget --keep-yearly -1", "unexpected argument"),
        ("forget --keep-daily many", "a number from 1"),
        ("forget --keep-within 30", "30d, 12h, 90m or 2w"),
        ("forget --keep-within 0d", "30d, 12h, 90m or 2w"),
        ("forget --keep-within 99999999999999999999d", "30d, 12h, 90m or 2w"),
        ("forget --keep-last 2 --context a//b", "invalid value"),
        ("undelete", "<VERSION>"),
        ("undelete latest", "a forgotten snapshot is named by its version"),
        ("pin", "<VERSION>"),
        ("unpin", "<VERSION>"),
        ("retention", "Usage: tintype retention"),
        ("retention set", "--keep-all"),
        ("retention set --context shop.example", "--keep-all"),
        ("retention set --keep-all --keep-last 2", "cannot be used with"),
        ("retention set --context shop.example/* --keep-last 2", "invalid value"),
        ("retention set --context a/b/c/d/e --keep-last 2", "at most four"),
        ("retention set --keep-monthly 0", "a number from 1"),
        ("retention show --keep-last 2", "--keep-last"),
        ("gc --yes", "--yes"),
        ("clear", "--yes"),
        ("events --kind paint", "known are init, create, tag"),
        ("events --limit 0", "a number from 1"),
        ("events --since monday", "invalid value"),
    ] {
        shell.run(line).failed(2, told);
        if line != "retention" {
            shell
                .run(&format!("{line} --json"))
                .failed_as_json(2, if line == "undelete latest" { "invalid" } else { "usage" });
        }
    }
    assert_eq!(live(&shell), "v1 v2 v3 v4 v5 w1");
}

#[test]
fn what_is_forgotten_is_listed_and_comes_back_as_it_was() {
    let shell = week();
    shell.done("forget v1 v2 w1");
    let run = shell.run("list --forgotten --context shop.example");
    let text = run.text();
    let mut lines = text.lines();
    let heads: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(heads[..3], ["VERSION", "TIME", "FORGOTTEN"]);
    let cells: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(cells[..3], ["v2", "2026-01-02", "00:00:00"]);
    assert_eq!((cells[3].len(), cells[4].len(), cells.last()), (10, 8, Some(&"good")));
    assert_eq!(lines.count(), 1);
    let listed = &shell.json("list --forgotten --tag good")[0];
    check_members(listed, json!({"version": "", "created_at": "", "forgotten_at": "", "tags": []}));
    assert!(shell.json("list")[0].get("forgotten_at").is_none());
    let events = shell.json("events --version v2 --kind forget");
    assert_eq!(events[0]["at"], listed["forgotten_at"]);
    // Back, byte for byte, with the tag.
    let run = shell.run("undelete v2 w1");
    assert_eq!(
        (run.code, run.text().as_str(), run.err.as_str()),
        (0, "v2\nw1\n", "took 2 snapshots back\n")
    );
    assert_eq!(shell.done("get v2"), "{\"day\": 2}");
    assert_eq!(shell.json("show v2")[0]["tags"], json!(["good"]));
    assert_eq!(shell.json("undelete v")[0], json!({"schema": 1, "versions": ["v1"]}));
    assert_eq!(shell.run("list --forgotten").err, "no forgotten snapshot fits\n");
    assert_eq!(shell.json("list --forgotten"), [] as [Value; 0]);
    // One that is not forgotten is no failure.
    let run = shell.run("undelete v2");
    assert_eq!((run.code, run.err.as_str()), (0, "v2 is not forgotten\ntook 0 snapshots back\n"));
    assert_eq!(live(&shell), "v1 v2 v3 v4 v5 w1");
    shell.done("verify --read-data");
}

#[test]
fn forgotten_snapshots_come_back_all_or_none() {
    let shell = week();
    shell.done("forget v1 v2 w1");
    let told = shell.run("undelete v1 v9").failed(14, "there is no forgotten snapshot v9");
    assert!(told.contains("tintype list --forgotten"), "{told}");
    shell.run("undelete v1 v9 --json").failed_as_json(14, "not_found");
    // The words mean what they mean before anything comes back.
    shell.run("undelete v1 v").failed(14, "v is the beginning of 2 versions, v1 and v2");
    shell.run("undelete v1 v --json").failed_as_json(14, "ambiguous");
    shell.run("undelete latest:good").failed(2, "a forgotten snapshot is named by its version");
    assert_eq!(versions(&shell, "list --forgotten --oldest"), "v1 v2 w1");
    assert_eq!(shell.json("undelete v1 v1")[0]["versions"], json!(["v1"]));
}

// pin and unpin

#[test]
fn what_is_pinned_stays_whatever_the_rules() {
    let shell = week();
    assert_eq!(shell.done("pin oldest v3"), "");
    assert_eq!(
        shell.json("pin v1 latest:good"),
        [
            json!({"schema": 1, "version": "v1", "tags": ["pinned"]}),
            json!({"schema": 1, "version": "v2", "tags": ["good", "pinned"]}),
        ]
    );
    shell.run("pin v4 v9").failed(14, "v9");
    assert_eq!(versions(&shell, "list --tag pinned"), "v3 v2 v1");
    shell.run("forget v3").failed(1, "snapshot v3 is pinned");
    shell.done("forget --keep-last 1");
    assert_eq!(live(&shell), "v1 v2 v3 v5 w1");
    shell.done("retention set --keep-last 1");
    shell.put("feed --version v6 --context shop.example/feed");
    assert_eq!(live(&shell), "v1 v2 v3 w1 v6");
    assert_eq!(shell.json("unpin v1 v2")[1]["tags"], json!(["good"]));
    shell.run("unpin v9 v3").failed(14, "v9");
    shell.done("unpin v2");
    shell.done("forget v1 v2");
    assert_eq!(live(&shell), "v3 w1 v6");
}

// retention

#[test]
fn what_is_kept_is_said_place_by_place_and_taken_back() {
    let shell = week();
    let run = shell.run("retention show");
    assert_eq!((run.code, run.text().as_str()), (0, ""));
    assert!(run.err.contains("nothing is said, so all is kept"), "{}", run.err);
    let run = shell.run("retention set --keep-last 3");
    assert_eq!((run.code, run.text().as_str()), (0, ""));
    assert_eq!(
        run.err,
        "kept in *: last 3\n  \
           from the next snapshot in a place on, or at once with: tintype retention apply\n"
    );
    let set = "retention set --context shop.example --keep-hourly 1 --keep-daily 2 --keep-weekly 3 \
               --keep-monthly 4 --keep-yearly 5 --keep-within 2w --keep-tag b --keep-tag a";
    let keep = json!({"hourly": 1, "daily": 2, "weekly": 3, "monthly": 4, "yearly": 5,
                      "within_s": 1_209_600, "tags": ["a", "b"]});
    let said = json!({"schema": 1, "place": "shop.example", "keep": keep});
    assert_eq!(shell.json(set)[0], said);
    let all = json!({"schema": 1, "place": "book.example/-", "keep": {}});
    assert_eq!(shell.json("retention set --context book.example/- --keep-all")[0], all);
    let whole = json!({"schema": 1, "place": "*", "keep": {"last": 3}});
    assert_eq!(shell.json("retention show"), [whole, all, said]);
    assert_eq!(
        shell.done("retention show"),
        "PLACE           KEEP\n\
         *               last 3\n\
         book.example/-  all\n\
         shop.example    hourly 1, daily 2, weekly 3, monthly 4, yearly 5, within 14d, tag a, tag b\n"
    );
    // Nothing was forgotten by saying so.
    assert_eq!(live(&shell), "v1 v2 v3 v4 v5 w1");
    // The same once more is no change.
    let events = shell.json("stats")[0]["events"].clone();
    shell.done("retention set --keep-last 3");
    assert_eq!(shell.json("stats")[0]["events"], events);
    assert_eq!(
        shell.json("retention unset --context shop.example"),
        [json!({"schema": 1, "place": "shop.example", "keep": null})]
    );
    assert_eq!(shell.run("retention unset").err, "nothing is said of * any more\n");
    let run = shell.run("retention unset");
    assert_eq!((run.code, run.err.as_str()), (0, "nothing was said of *\n"));
    assert_eq!(shell.json("retention show").len(), 1);
    shell.done("verify");
}

#[test]
fn what_is_said_takes_effect_at_the_next_snapshot_of_a_place() {
    let shell = week();
    shell.done("retention set --keep-last 2");
    shell.put("feed --version w2 --context book.example");
    assert_eq!(live(&shell), "v1 v2 v3 v4 v5 w1 w2");
    shell.put("feed --version v6 --context shop.example/feed");
    assert_eq!(live(&shell), "v5 w1 w2 v6");
    let events = shell.json("events --kind forget");
    assert_eq!(events.len(), 4);
    assert_eq!(events[0]["detail"], json!({"by": "retention"}));
}

#[test]
fn what_is_said_is_applied_at_once_on_demand() {
    let shell = week();
    let run = shell.run("retention apply");
    assert_eq!((run.code, run.text().as_str()), (0, ""));
    assert!(run.err.contains("say it with: tintype retention set"), "{}", run.err);
    shell.done("retention set --keep-last 1 --context shop.example");
    let run = shell.run("retention apply --dry-run");
    assert!(
        run.text().starts_with("shop.example/feed/-/-: keep last 1; forget 4 of 5\n"),
        "{}",
        run.text()
    );
    assert!(!run.text().contains("book.example"), "{}", run.text());
    shell.done("retention apply --context book.example");
    assert_eq!(live(&shell), "v1 v2 v3 v4 v5 w1");
    shell.done("retention set --keep-last 2 --context shop.example/feed");
    let told = &shell.json("retention apply --context shop.example/*")[0];
    check_members(told, json!({"dry_run": false, "groups": [], "applied": {}}));
    assert_eq!(told["applied"], json!({"forgotten": 3, "changed": []}));
    assert_eq!(told["groups"][0]["keep"], json!({"last": 2}));
    assert_eq!(live(&shell), "v4 v5 w1");
    shell.done("retention set --keep-all --context shop.example/feed");
    assert_eq!(shell.run("retention apply").err, "nothing to forget, 2 stay\n");
}

// gc

#[test]
fn gc_purges_what_is_due_and_tells_what_that_came_to() {
    let shell = week();
    let numbers: String = (0..20_000).map(|n| format!("{} ", n * 7_919_u64 % 104_729)).collect();
    shell.file("large", numbers);
    shell.put("large --version large");
    shell.done("forget large v1");
    let zero = json!({"snapshots": 0, "bytes": 0, "kept_for_deltas": 0, "kept_for_deltas_bytes": 0,
                      "dry_run": true});
    let plan = &shell.json("gc --dry-run")[0];
    check_members(plan, zero);
    assert_eq!((&plan["snapshots"], &plan["dry_run"]), (&json!(0), &json!(true)));
    let plan = &shell.json("gc --dry-run --now")[0];
    assert_eq!(plan["snapshots"], 2);
    let told = shell.run("gc --dry-run --now");
    assert!(told.text().starts_with("would purge 2 snapshots\n"), "{}", told.text());
    assert_eq!(told.err, "nothing was changed\n");
    // What was forgotten lately stays, and it says so.
    let run = shell.run("gc");
    assert!(run.text().starts_with("purged      0 snapshots\n"), "{}", run.text());
    assert!(run.err.contains("tintype gc --now"), "{}", run.err);
    assert_eq!(versions(&shell, "list --forgotten --oldest"), "v1 large");
    let size = |shell: &Shell| shell.read("tintype.db").len() as u64;
    let before = size(&shell);
    let report = &shell.json("gc --now --yes")[0];
    check_members(
        report,
        json!({"dry_run": false, "snapshots": 0, "blobs": 0, "bytes": 0, "rebased": 0,
               "kept_for_deltas": 0, "kept_for_deltas_bytes": 0, "file_bytes_before": 0,
               "file_bytes": 0}),
    );
    assert_eq!((&report["snapshots"], &report["blobs"]), (&json!(2), &json!(2)));
    assert_eq!(report["bytes"], plan["bytes"]);
    assert_eq!(
        (report["file_bytes_before"].as_u64(), report["file_bytes"].as_u64()),
        (Some(before), Some(size(&shell)))
    );
    assert!(size(&shell) + report["bytes"].as_u64().unwrap() / 2 < before, "{report}");
    shell.run("undelete v1").failed(14, "there is no forgotten snapshot v1");
    shell.run("show large").failed(14, "there is no snapshot large");
    let run = shell.run("gc --now --yes");
    assert_eq!(run.err, "");
    let told: Vec<_> =
        run.text().lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
    assert_eq!(told, ["purged", "deleted", "freed", "kept", "file"]);
    shell.done("verify --read-data");
}

#[test]
fn what_deltas_need_is_counted() {
    let shell = Shell::new();
    for day in 0..40 {
        let lines: String = (0..300)
            .map(|line| format!("{line}: {}\n", if line == day { 1 } else { line * 104_729 }))
            .collect();
        shell.file("page", lines);
        shell.put(&format!("page --version p{day:02}"));
    }
    // Whatever is forgotten, the counts and the report agree, and the rest is intact.
    let all: Vec<_> = (0..39).map(|day| format!("p{day:02}")).collect();
    shell.done(&format!("forget {}", all.join(" ")));
    let stats = &shell.json("stats")[0];
    check_members(
        stats,
        json!({"forgotten": 0, "forgotten_bytes": 0, "kept_for_deltas": 0,
               "kept_for_deltas_bytes": 0, "in_flight": 0, "in_flight_bytes": 0}),
    );
    assert_eq!((&stats["forgotten"], &stats["in_flight"]), (&json!(39), &json!(0)));
    assert!(stats["forgotten_bytes"].as_u64() > Some(0), "{stats}");
    let told = shell.done("stats");
    assert!(told.contains("\nforgotten  39 snapshots, "), "{told}");
    assert!(told.contains("\nfor deltas none\non the way none\n"), "{told}");
    let report = &shell.json("gc --now --yes")[0];
    let stats = &shell.json("stats")[0];
    for name in ["kept_for_deltas", "kept_for_deltas_bytes", "file_bytes"] {
        assert_eq!(report[name], stats[name], "{name}");
    }
    assert_eq!((&stats["forgotten"], &stats["forgotten_bytes"]), (&json!(0), &json!(0)));
    assert_eq!(shell.run("get p39").out, shell.read("page"));
    shell.done("verify --read-data");
}

#[test]
fn a_rehearsal_of_repack_tells_what_repack_then_does() {
    let shell = Shell::new();
    for number in 0..40 {
        shell.file("feed.txt", document(number));
        shell.done("put feed.txt --context shop/feed");
    }
    let rehearsed = shell.json("repack --dry-run").remove(0);
    let done = shell.json("repack").remove(0);
    assert_eq!((&rehearsed["dry_run"], &done["dry_run"]), (&json!(true), &json!(false)));
    assert!(done["blobs"].as_u64().unwrap() > 0, "{done}");
    for member in ["chains", "blobs", "pictures", "bytes", "left"] {
        assert_eq!(rehearsed[member], done[member], "{member}");
    }
    let names = std::fs::read_dir(shell.path(".")).unwrap();
    let names: Vec<_> =
        names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.starts_with("tintype-")), "{names:?}");
}

// clear

#[test]
fn clearing_forgets_all_that_is_not_pinned_once_it_is_meant() {
    let shell = week();
    shell.done("pin v3");
    let told = shell.run("clear").failed(2, "--yes");
    assert!(told.contains("--dry-run"), "{told}");
    shell.run("clear --json").failed_as_json(2, "usage");
    // Off a terminal nobody is asked, whatever comes in.
    assert_eq!(shell.run_with(&["clear"], b"y\n").code, 2);
    assert_eq!(live(&shell), "v1 v2 v3 v4 v5 w1");
    let run = shell.run("clear --dry-run");
    assert_eq!((run.code, run.text().as_str()), (0, ""));
    assert_eq!(run.err, "would forget 5 snapshots, not the 1 pinned; nothing was changed\n");
    assert_eq!(
        shell.json("clear --dry-run"),
        [json!({"schema": 1, "dry_run": true, "forgotten": 5, "pinned": 1})]
    );
    let run = shell.run("clear --yes");
    assert_eq!((run.code, run.text().as_str()), (0, ""));
    for told in [
        "forgot 5 snapshots, not the 1 pinned",
        "tintype list --forgotten",
        "tintype undelete",
        "tintype gc --now",
    ] {
        assert!(run.err.contains(told), "{told} is not in: {}", run.err);
    }
    assert_eq!(live(&shell), "v3");
    shell.done("undelete v1");
    assert_eq!(
        shell.json("clear --yes"),
        [json!({"schema": 1, "dry_run": false, "forgotten": 1, "pinned": 1})]
    );
    assert_eq!(shell.run("clear --yes --quiet").err, "");
    shell.done("gc --now --yes");
    assert_eq!(shell.json("list --forgotten"), [] as [Value; 0]);
    shell.done("verify --read-data");
}

// events

#[test]
fn events_are_listed_by_snapshot_kind_and_time_and_a_part_at_a_time() {
    let shell = week();
    shell.done("tag v1 a");
    shell.done("untag v1 a");
    shell.done("forget v1");
    shell.done("retention set --keep-last 9");
    let listed = |line: &str| {
        let found = shell.json(&format!("events {line}"));
        let seqs: Vec<_> = found.iter().map(|one| one["seq"].as_u64().unwrap()).collect();
        seqs
    };
    assert_eq!(listed(""), (1..=11).rev().collect::<Vec<_>>());
    assert_eq!(listed("--oldest"), (1..=11).collect::<Vec<_>>());
    assert_eq!(listed("--limit 3"), [11, 10, 9]);
    assert_eq!(listed("--limit 3 --after 9"), [8, 7, 6]);
    assert_eq!(listed("--oldest --after 9"), [10, 11]);
    assert_eq!(listed("--version v1"), [10, 9, 8, 2]);
    assert_eq!(listed("--version latest"), [7]);
    assert_eq!(listed("--version v1 --kind tag"), [8]);
    assert_eq!(listed("--kind create --oldest --limit 2"), [2, 3]);
    for kind in ["undelete", "purge", "repair"] {
        assert_eq!(listed(&format!("--kind {kind}")), [] as [u64; 0]);
    }
    let at = shell.json("events --kind untag")[0]["at"].as_str().unwrap().to_owned();
    assert_eq!(listed(&format!("--since {at}")), [11, 10, 9]);
    assert_eq!(listed("--since 2026-01-01 --limit 1"), [11]);
    assert_eq!(listed("--since 9999-01-01"), [] as [u64; 0]);
    let event = &shell.json("events --kind tag")[0];
    check_members(event, json!({"seq": 0, "at": "", "kind": "", "version": "", "detail": {}}));
    assert_eq!((&event["version"], &event["detail"]), (&json!("v1"), &json!({"tag": "a"})));
    // A table for people, that says how to go on.
    let run = shell.run("events --limit 2");
    let text = run.text();
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["SEQ", "TIME", "KIND", "VERSION", "DETAIL"]);
    assert_eq!(lines[1][3..], ["retention", r#"{"place":"*","keep":"{\"last\":9}"}"#]);
    assert_eq!((lines[2][0], lines[2][3], lines[2][4]), ("10", "forget", "v1"));
    assert_eq!(run.err, "go on with --after 10\n");
    let run = shell.run("events --kind purge");
    assert_eq!((run.code, run.text().as_str(), run.err.as_str()), (0, "", "no event fits\n"));
    shell.run("events --version v9").failed(14, "there is no snapshot v9");
    shell.run("events --version v").failed(14, "v is the beginning of 4 versions");
    // Of what is purged the log tells on, though not by its version.
    shell.done("gc --now --yes");
    shell.run("events --version v1").failed(14, "there is no snapshot v1");
    assert_eq!(shell.json("events --kind purge")[0]["detail"], json!({"purged": [[2, "v1"]]}));
}

// The store

#[test]
fn whoever_changes_a_locked_store_waits_as_long_as_told_and_whoever_looks_does_not() {
    let shell = week();
    shell.done("forget v1");
    shell.done("retention set --keep-last 2 --context shop.example");
    let other = shell.store();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for line in [
        "forget v2",
        "forget --keep-last 2",
        "undelete v1",
        "pin v2",
        "unpin v2",
        "retention set --keep-last 3",
        "retention unset --context shop.example",
        "retention apply",
        "gc",
        "clear --yes",
    ] {
        let line = format!("{line} --busy-timeout 0.05");
        let run = shell.run(&line);
        assert_eq!(run.code, 11, "{line}: {}", run.err);
        assert!(run.err.contains("--busy-timeout SECONDS"), "{line}: {}", run.err);
        assert_eq!(shell.run(&format!("{line} --json")).code, 11, "{line}");
    }
    for line in [
        "forget v2 --dry-run",
        "forget --keep-last 2 --dry-run",
        "retention apply --dry-run",
        "retention show",
        "gc --dry-run --now",
        "clear --dry-run",
        "events",
        "list --forgotten",
    ] {
        shell.done(&format!("{line} --busy-timeout 0.05"));
    }
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(live(&shell), "v2 v3 v4 v5 w1");
}

// How it speaks

#[test]
fn nothing_that_was_said_can_steer_a_terminal() {
    let shell = Shell::new();
    shell.file("feed", "1");
    for n in 0..2 {
        let context = "shop\u{202e}example/feed";
        let tag = format!("t{n}\u{202e}");
        let args = ["put", "feed", "--context", context, "--tag", &tag];
        assert_eq!(shell.run_with(&args, b"").code, 0);
    }
    for args in [
        ["forget", "--dry-run", "--keep-tag", "t1\u{202e}"].as_slice(),
        &["retention", "set", "--context", "shop\u{202e}example", "--keep-tag", "t\u{202e}"],
        &["retention", "show"],
        &["retention", "apply", "--dry-run"],
        &["retention", "unset", "--context", "shop\u{202e}example"],
        &["events"],
        &["list"],
        &["show", "latest"],
        &["tags"],
        &["clear", "--yes"],
        &["list", "--forgotten"],
    ] {
        let run = shell.run_with(args, b"");
        assert_eq!(run.code, 0, "{args:?}: {}", run.err);
        assert!(
            !run.text().contains('\u{202e}') && !run.err.contains('\u{202e}'),
            "{args:?}: {}{}",
            run.text(),
            run.err
        );
    }
}

#[test]
fn progress_is_for_terminals_alone() {
    let shell = week();
    shell.done("retention set --keep-last 1");
    let run = shell.run("retention apply --quiet");
    assert_eq!(run.err, "");
    let run = shell.run("gc --now --yes --quiet");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for line in ["forget --keep-last 1 --json", "retention apply --json", "gc --json"] {
        let run = shell.run(line);
        assert_eq!((run.code, run.err.as_str(), objects(&run.text()).len()), (0, "", 1), "{line}");
    }
}
