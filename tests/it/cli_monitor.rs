//! `metrics`, `monitor` and `alert`, as scripts see them.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tintype::Repository;
use tintype::model::metric::{Counter, Counters, Family};
use tintype::records::metrics::Collector;

use crate::support::promtool::promtool;
use crate::support::shell::{Shell, check_members};

/// A store at one site of which captures fail.
fn broken() -> Shell {
    let shell = Shell::new();
    let repo = Repository::open(shell.path("tintype.db")).unwrap();
    let mut counters = Counters::default();
    counters.add(&Counter::new(Family::Captures, &["failed"]).unwrap(), 4);
    counters.add(&Counter::new(Family::Errors, &["no_space"]).unwrap(), 2);
    Collector::of(&repo).count_all("bad.example", &counters, Some(Duration::from_secs(1)));
    repo.close().unwrap();
    shell
}

/// Rules that don't look at the disk of whoever runs this.
const RULES: &str = r#"[{"name": "failures", "type": "capture_failure", "severity": "error",
    "metric": "failed_captures", "is": ">=", "threshold": 3, "over_s": 86400, "by": "site"}]"#;

#[test]
fn metrics_tell_what_was_counted_too() {
    let shell = broken();
    let counted = &shell.json("metrics")[0]["counted"];
    assert_eq!((&counted["captures"], &counted["errors"]["no_space"]), (&json!(4), &json!(2)));
    assert_eq!(counted["sites"]["bad.example"]["failed"], 6);
    assert_eq!(shell.json("metrics --context bad.example")[0]["counted"]["captures"], 4);
    assert_eq!(shell.json("metrics --context bad.example/login")[0]["counted"], Value::Null);
    assert!(shell.done("metrics").contains("2 no_space"));
    shell
        .run("metrics --since 2026-02-01 --until 2026-01-01")
        .failed(2, "it ends before it begins");
    let run = shell.run("metrics --since 2026-02-01 --until 2026-01-01 --json");
    run.failed_as_json(2, "invalid");
    shell.run("metrics --prometheus --json").failed(2, "cannot be used with");
}

#[test]
fn prometheus_reads_what_is_printed_for_it() {
    let shell = broken();
    let text = shell.done("metrics --prometheus");
    promtool(&["check", "metrics"], &text);
    assert!(text.contains("tintype_captures_total{site=\"bad.example\",status=\"failed\"} 4\n"));
}

#[test]
fn an_alert_by_hand_goes_its_way() {
    let shell = Shell::new();
    assert_eq!(shell.run("alert list").err, "no alert is open\n");
    let raise = ["alert", "raise", "CAPTURE_FAILURE", "error", "login is down", "--info"];
    let raised = shell.run_with(&[&raise[..], &["site=a.example", "--json"]].concat(), b"");
    let raised: Value = serde_json::from_slice(&raised.out).unwrap();
    let id = raised["id"].as_str().unwrap();
    let open = shell.json("alert list");
    assert_eq!(open, std::slice::from_ref(&raised));
    check_members(
        &open[0],
        json!({
            "id": "", "name": "", "type": "", "severity": "", "state": "", "labels": {},
            "message": "", "metadata": {}, "occurrences": 1, "active_at": "", "seen_at": "",
            "fired_at": null, "acknowledged_at": null, "resolved_at": null,
        }),
    );
    assert_eq!(
        (&open[0]["state"], &open[0]["metadata"]["site"]),
        (&json!("firing"), &json!("a.example"))
    );
    assert_eq!(shell.json(&format!("alert ack {id}"))[0]["state"], "acknowledged");
    let listed = shell.done("alert list");
    assert!(listed.contains("login is down") && listed.contains("acknowledged"), "{listed}");
    assert_eq!(shell.done(&format!("alert resolve {id}")), format!("{id}\n"));
    assert_eq!(shell.json("alert list"), [Value::Null; 0]);
    assert_eq!(shell.json("alert history")[0]["id"], id);
    assert_eq!(shell.json("alert history --since 2999-01-01"), [Value::Null; 0]);

    shell.run(&format!("alert resolve {id}")).failed(14, "tintype alert list");
    shell.run(&format!("alert ack {id} --json")).failed_as_json(14, "not_found");
    shell.run("alert ack nonsense").failed(2, "16 hexadecimal digits");
    shell.run("alert raise sad error oh").failed(2, "known are performance_degradation");
    shell.run("alert raise capture_failure fatal oh").failed(2, "known are info");
    assert_eq!(shell.json("alert history").len(), 1);
    shell.done("verify");
}

#[test]
fn a_monitor_tells_once_and_hands_the_alert_to_a_command() {
    let shell = broken();
    shell.file("rules.json", RULES);
    let exec = ["monitor", "--once", "--rules", "rules.json", "--json", "--exec", "cat >> told"];
    let run = shell.run_with(&exec, b"");
    assert_eq!(run.code, 0, "{}", run.err);
    let told: Value = serde_json::from_slice(&run.out).unwrap();
    assert_eq!((&told["schema"], &told["change"]), (&json!(1), &json!("fired")));
    assert_eq!(told["alert"]["labels"]["site"], "bad.example");
    assert_eq!(told["alert"]["value"], 6.0);
    let handed: Value = serde_json::from_slice(&shell.read("told")).unwrap();
    assert_eq!(handed, told);
    let run = shell.run_with(&exec, b"");
    assert_eq!((run.code, run.text().as_str()), (0, ""), "it is told once");
    assert_eq!(shell.json("alert list")[0]["occurrences"], 2);
    let line = format!("alert resolve {}", told["alert"]["id"].as_str().unwrap());
    shell.done(&line);
    let run = shell.run("monitor --once --rules rules.json");
    assert!(run.text().starts_with("firing error ") && run.text().contains("bad.example"));
}

#[test]
fn a_command_that_fails_harms_nothing() {
    let shell = broken();
    shell.file("rules.json", RULES);
    let run =
        shell.run_with(&["monitor", "--once", "--rules", "rules.json", "--exec", "exit 7"], b"");
    assert_eq!(run.code, 3);
    assert!(run.err.contains("exit status: 7"), "{}", run.err);
    assert_eq!(shell.json("alert list").len(), 1);
}

#[test]
fn rules_that_are_none_are_refused() {
    let shell = broken();
    for (text, why) in [
        ("", "file of rules"),
        ("{}", "file of rules"),
        (&RULES.replace("failed_captures", "sorrows"), "unknown variant"),
        (&RULES.replace("86400", "1"), "over_s is from 60"),
        (&RULES.replace("\"by\"", "\"bye\""), "unknown field"),
    ] {
        shell.file("rules.json", text);
        shell.run("monitor --once --rules rules.json").failed(2, why);
    }
    shell.run("monitor --once --rules nowhere").failed(1, "nowhere");
    shell.run("monitor --every 0").failed(2, "more than nothing");
    let shown = shell.done("monitor --show-rules");
    shell.file("rules.json", &shown);
    assert_eq!(shell.done("monitor --show-rules --rules rules.json"), shown);
    assert_eq!(shell.json("alert list"), [Value::Null; 0]);
}

#[test]
#[cfg(unix)]
fn a_monitor_that_watches_sees_what_others_count() {
    let shell = Shell::new();
    shell.file("rules.json", RULES);
    let mut child = shell
        .command()
        .args(["monitor", "--every", "0.01", "--rules", "rules.json", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let repo = Repository::open(shell.path("tintype.db")).unwrap();
    let failed = Counter::new(Family::Captures, &["failed"]).unwrap();
    Collector::of(&repo).count("late.example", &failed, 3);
    repo.flush().unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    let stopped = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    child.wait().unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(told["alert"]["labels"]["site"], "late.example");
}
