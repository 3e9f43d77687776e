//! The command `flag`, as scripts see it.

use serde_json::{Value, json};

use crate::support::shell::{Shell, check_members};

/// Runs a line that must be refused so, with `--json` too, and change nothing.
fn refused(shell: &Shell, line: &str, code: i32, kind: &str, told: &str) {
    let before = (shell.done("flag export"), shell.done("flag history --json"));
    shell.run(line).failed(code, told);
    shell.run(&format!("{line} --json")).failed_as_json(code, kind);
    assert_eq!((shell.done("flag export"), shell.done("flag history --json")), before, "{line}");
}

fn value(shell: &Shell, line: &str) -> bool {
    let told = shell.json(&format!("flag explain {line}"));
    told[0]["value"].as_bool().unwrap()
}

#[test]
fn flags_are_listed_and_shown() {
    let shell = Shell::new();
    let listed = shell.json("flag list");
    let names: Vec<_> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 6);
    assert!(names.is_sorted());
    for one in &listed {
        check_members(
            one,
            json!({"name": "x", "enabled": true, "rollout": 100, "environments": [], "dependencies": [],
                   "description": "x", "stage": "x"}),
        );
    }
    let run = shell.run("flag list");
    assert_eq!(run.code, 0);
    assert!(run.text().contains("async_performance       on   100  "), "{}", run.text());
    assert_eq!(run.err, "stage full_rollout\n");
    let shown = shell.json("flag show dual_capture");
    assert_eq!(shown[0]["name"], "dual_html_capture");
    let text = shell.done("flag show legacy_compatibility");
    assert!(
        text.contains("state    off\n") && text.contains("where    in all environments\n"),
        "{text}"
    );
    shell.run("flag show nope").failed(14, "there is no flag nope");
    assert!(shell.run("flag show nope").err.contains("tintype flag list"));
    shell.run("flag show nope --json").failed_as_json(14, "not_found");
}

#[test]
fn a_change_tells_what_it_changed_and_stands_in_the_history() {
    let shell = Shell::new();
    let run = shell.run("flag enable async_performance --rollout 10 --by ann --why slow-disks");
    assert_eq!((run.code, run.text().as_str()), (0, ""));
    assert_eq!(run.err, "changed, event 2:\n  flags/async_performance/rollout: 100 → 10\n");
    let told = shell.json("flag disable dual_capture --by bob");
    assert_eq!((&told[0]["changed"], &told[0]["event"]), (&json!(true), &json!(3)));
    assert_eq!(told[0]["before"]["/flags/dual_html_capture/enabled"], json!(true));
    let run = shell.run("flag disable dual_capture");
    assert_eq!(run.err, "it is so already; nothing was changed\n");
    assert_eq!(shell.json("flag disable dual_capture")[0]["changed"], json!(false));
    let history = shell.json("flag history");
    let words: Vec<_> = history.iter().map(|one| (&one["what"], &one["by"], &one["why"])).collect();
    assert_eq!(
        words,
        [
            (&json!("disable"), &json!("bob"), &Value::Null),
            (&json!("enable"), &json!("ann"), &json!("slow-disks")),
        ]
    );
    assert_eq!(shell.json("flag history async_performance").len(), 1);
    assert_eq!(shell.json("flag history --limit 1").len(), 1);
    let text = shell.done("flag history dual_capture");
    assert!(
        text.contains("disable by bob\n  flags/dual_html_capture/enabled: true → false\n"),
        "{text}"
    );
    assert_eq!(shell.json("events --kind flag").len(), 2);
    // Who it was is the user, unless told.
    let mut command = shell.command();
    command.args(["flag", "stage", "beta-testing"]).env("USER", "carol");
    assert!(command.output().unwrap().status.success());
    assert_eq!(shell.json("flag history --limit 1")[0]["by"], "carol");
    shell.done("verify");
}

#[test]
fn each_step_to_an_answer_is_explained() {
    let shell = Shell::new();
    shell.done("flag set async_performance --rollout 50");
    let told = shell.json("flag explain async_performance --site shop.example --session run-7");
    check_members(&told[0], json!({"value": true, "reason": "SPLIT", "steps": []}));
    assert_eq!(told[0]["reason"], "SPLIT");
    let checks: Vec<_> = told[0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        checks,
        ["flag", "emergency", "enabled", "environment", "stage", "rollout", "bucket"]
    );
    let bucket = told[0]["bucket"].as_u64().unwrap();
    assert_eq!(told[0]["value"], json!(bucket < 50_000));
    // With another key another bucket.
    let other = shell.json("flag explain async_performance --session run-7 --key k");
    assert_ne!(other[0]["bucket"], json!(bucket));
    let text = shell.done("flag explain async_performance --session run-7");
    assert!(text.starts_with(if bucket < 50_000 { "on SPLIT\n" } else { "off SPLIT\n" }), "{text}");
    assert!(text.contains("→  bucket"), "{text}");
    // Asking never fails.
    let unknown = shell.json("flag explain nope");
    assert_eq!(
        (&unknown[0]["value"], &unknown[0]["error"]),
        (&json!(false), &json!("FLAG_NOT_FOUND"))
    );
    let nobody = shell.json("flag explain async_performance");
    assert_eq!(nobody[0]["error"], "TARGETING_KEY_MISSING");
}

#[test]
fn sites_stages_environments_and_dependencies_decide() {
    let shell = Shell::new();
    shell.done("flag site shop.example 0 --flag dual_capture");
    assert!(!value(&shell, "dual_capture --site shop.example"));
    assert!(value(&shell, "dual_capture --site book.example"));
    shell.done("flag site shop.example --unset --flag dual_capture");
    assert!(value(&shell, "dual_capture --site shop.example"));
    shell.done("flag site shop.example 0");
    assert!(!value(&shell, "async_performance --site shop.example"));
    shell.done("flag site shop.example --unset");
    shell.done("flag stage internal_testing");
    assert!(!value(&shell, "dual_capture --environment production"));
    assert!(value(&shell, "dual_capture --environment staging"));
    shell.done("flag stage full_rollout");
    shell
        .done("flag set mine --new --description tried --environment qa --depends-on dual_capture");
    assert!(!value(&shell, "mine --environment qa"), "it is off until it is enabled");
    shell.done("flag enable mine");
    assert!(value(&shell, "mine --environment qa"));
    assert!(!value(&shell, "mine --environment production"));
    shell.done("flag disable dual_capture");
    assert!(!value(&shell, "mine --environment qa"));
    shell.done("flag set mine --independent --any-environment --salt other");
    assert!(value(&shell, "mine"));
    assert_eq!(shell.json("flag show mine")[0]["salt"], "other");
    shell.done("verify");
}

#[test]
fn an_emergency_is_one_call_and_ends_with_one() {
    let shell = Shell::new();
    let on = |shell: &Shell| {
        let names = ["async_performance", "legacy_compatibility"];
        names.map(|name| value(shell, name))
    };
    assert_eq!(on(&shell), [true, false]);
    shell.done("flag emergency-disable --why prices-are-wrong --by ann");
    assert_eq!(on(&shell), [false, false]);
    let run = shell.run("flag list");
    assert!(run.err.contains("emergency: all off, by ann at "), "{}", run.err);
    assert!(shell.json("flag list")[0]["emergency"]["at"].is_string());
    shell.done("flag emergency-legacy");
    assert_eq!(on(&shell), [false, true]);
    shell.done("flag emergency-release");
    assert_eq!(on(&shell), [true, false]);
    let words: Vec<_> = shell
        .json("flag history")
        .iter()
        .map(|one| one["what"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(words, ["emergency-release", "emergency-legacy", "emergency-disable"]);
}

#[test]
fn flags_are_brought_back_to_a_stage_an_event_and_a_time() {
    let shell = Shell::new();
    shell.done("flag site shop.example 12.5");
    let then = shell.done("flag export");
    let at = shell.json("flag history")[0]["at"].as_str().unwrap().to_owned();
    shell.done("flag rollback --to stage:beta_testing --force");
    let shown = shell.json("flag show dual_capture");
    assert_eq!((&shown[0]["stage"], &shown[0]["rollout"]), (&json!("beta_testing"), &json!(10)));
    shell.done("flag rollback --to event:2");
    assert_eq!(shell.done("flag export"), then);
    shell.done("flag rollback --to stage:disabled");
    shell.done(&format!("flag rollback --to time:{at}"));
    assert_eq!(shell.done("flag export"), then);
    for (to, told) in [
        ("stage:nearly", "known are disabled"),
        ("event:99", "events of this store go from 1"),
        ("event:x", "stage:STAGE, event:NUMBER or time:TIME"),
        ("time:2000-01-01", "the store was made later"),
        ("time:2100-01-01", "it is still to come"),
        ("yesterday", "stage:STAGE, event:NUMBER or time:TIME"),
    ] {
        shell.run(&format!("flag rollback --to {to}")).failed(2, told);
    }
    assert_eq!(shell.done("flag export"), then);
}

#[test]
fn flags_go_out_and_come_in_as_files() {
    let shell = Shell::new();
    shell.done("flag set dual_capture --rollout 33.333");
    let run = shell.run("flag export -o flags.json");
    assert_eq!(run.err, "wrote flags.json\n");
    assert_eq!(shell.read("flags.json"), shell.done("flag export").into_bytes());
    shell.done("flag rollback --to stage:disabled");
    shell.done("flag import flags.json");
    assert_eq!(shell.read("flags.json"), shell.done("flag export").into_bytes());
    let old = json!({
        "current_stage": "gradual_rollout",
        "enabled_features": {"dual_html_capture": {
            "name": "dual_html_capture", "enabled": false, "description": "both", "rollout_percentage": 40.0,
            "dependencies": [], "environments": ["staging"], "last_modified": "2026-02-13T14:30:00"}},
        "site_rollout": {}, "global_settings": {"enable_telemetry": true},
    });
    let run = shell.run_with(&["flag", "import", "-"], old.to_string().as_bytes());
    assert_eq!(run.code, 0, "{}", run.err);
    let shown = &shell.json("flag show dual_capture")[0];
    assert_eq!((&shown["enabled"], &shown["environments"]), (&json!(false), &json!(["testing"])));
    shell.file("damaged.json", &old.to_string()[..60]);
    shell.file("binary.json", [0xFF, 0xFE, 0]);
    shell.file("other.json", "[1, 2]");
    refused(&shell, "flag import damaged.json", 2, "invalid", "flag file \"damaged.json\"");
    refused(&shell, "flag import binary.json", 2, "invalid", "it is not UTF-8");
    refused(&shell, "flag import other.json", 2, "invalid", "flag file");
    refused(&shell, "flag import nowhere.json", 1, "io", "nowhere.json");
}

#[test]
fn what_can_not_be_is_refused_with_a_reason() {
    let shell = Shell::new();
    for (line, told) in [
        ("flag enable async_performance --rollout 101", "0 to 100"),
        ("flag enable async_performance --rollout NaN", "0 to 100"),
        ("flag enable async_performance --rollout -1", "0 to 100"),
        ("flag site shop.example 101", "0 to 100"),
        ("flag site shop.example", "required"),
        ("flag site shop.example 5 --unset", "cannot be used with"),
        ("flag stage nearly", "known are disabled"),
        ("flag set mine --new --environment a --any-environment", "cannot be used with"),
        ("flag", "Usage"),
    ] {
        let run = shell.run(line);
        assert_eq!(run.code, 2, "{line}: {}", run.err);
        assert!(run.err.contains(told), "{line}: {}", run.err);
    }
    refused(&shell, "flag enable nope", 14, "not_found", "there is no flag nope");
    refused(&shell, "flag set nope --rollout 5", 14, "not_found", "there is no flag nope");
    refused(&shell, "flag site a 5 --flag nope", 14, "not_found", "there is no flag nope");
    refused(&shell, "flag history nope", 14, "not_found", "there is no flag nope");
    refused(&shell, "flag set dual_capture --new", 2, "invalid", "it is there already");
    shell.done("flag set dual_capture --depends-on event_driven");
    let circle = "flag set event_driven --depends-on dual_capture";
    refused(&shell, circle, 2, "invalid", "it goes in a circle");
    shell.done("flag enable async_performance --rollout 10");
    let raise = "flag enable async_performance --rollout 31";
    refused(&shell, raise, 2, "invalid", "20 are allowed a day");
    shell.done(&format!("{raise} --force"));
    assert_eq!(shell.json("flag show async_performance")[0]["rollout"], json!(31));
    Shell::empty().run("flag list").failed(10, "there is no store");
}
