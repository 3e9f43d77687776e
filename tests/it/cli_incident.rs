//! The command `incident`, as scripts see it.

use serde_json::{Value, json};

use crate::support::shell::{Shell, check_members};

#[test]
fn an_incident_without_a_page_is_counted_and_its_facts_are_kept() {
    let shell = Shell::new();
    let line = "incident selector_failure --context shop.example/prices --set selector=.price \
                --set run:=7";
    for count in 1..=3 {
        let told = &shell.json(line)[0];
        assert_eq!((&told["outcome"], &told["reason"]), (&json!("suppressed"), &json!("no_page")));
        assert_eq!((&told["count"], &told["version"]), (&json!(count), &Value::Null));
        check_members(told, json!({"kind": "", "fingerprint": "", "outcome": "", "count": 1}));
    }
    let run = shell.run(line);
    assert_eq!((run.code, run.text().as_str()), (0, ""));
    assert_eq!(run.err, "  counted, 4 of its group, and not captured: there is no page\n");

    let groups = shell.json("incident list");
    assert_eq!(groups.len(), 1);
    let group = &groups[0];
    check_members(
        group,
        json!({"fingerprint": "", "kind": "", "context": "", "message": "", "count": 1,
               "captured": 1, "failed": 1, "suppressed": {}, "first_at": "", "last_at": "",
               "captured_at": null, "first_version": null, "last_version": null, "exemplar": {}}),
    );
    assert_eq!((&group["count"], &group["suppressed"]), (&json!(4), &json!({"no_page": 4})));
    assert_eq!(group["exemplar"]["run"], 7);
    assert_eq!(group["message"], ".price");
    shell.done("verify --read-data");
}

#[test]
fn groups_are_listed_by_place_kind_and_time() {
    let shell = Shell::new();
    assert_eq!(shell.run("incident list").err, "no incidents\n");
    shell.done("incident selector_failure --context shop.example/prices --set selector=.price");
    shell.done("incident timeout --context shop.example/cart --set operation=checkout");
    shell.done("incident price_jump --context book.example --set by:=40");
    let kinds = |line: &str| -> Vec<String> {
        let found = shell.json(&format!("incident list {line}"));
        found.iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(""), ["price_jump", "timeout", "selector_failure"]);
    assert_eq!(kinds("--context shop.example"), ["timeout", "selector_failure"]);
    assert_eq!(kinds("--context */cart"), ["timeout"]);
    assert_eq!(kinds("--kind price_jump"), ["price_jump"]);
    assert_eq!(kinds("--limit 1"), ["price_jump"]);
    assert_eq!(kinds("--since 9999-01-01"), [""; 0]);
    let text = shell.done("incident list");
    assert!(text.starts_with("COUNT  CAPTURED  FIRST                LAST"), "{text}");
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains("checkout"), "{text}");
}

#[test]
fn what_went_well_is_not_counted() {
    let shell = Shell::new();
    let line = "incident selector_failure --set selector=.price --set matched_count:=2";
    assert_eq!(shell.json(line)[0]["outcome"], "not_matched");
    assert!(shell.run(line).err.contains("not counted"));
    assert_eq!(shell.json("incident list"), [] as [Value; 0]);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let shell = Shell::new();
    for (line, told) in [
        ("incident", "KIND"),
        ("incident Shouting", "kind of incident"),
        ("incident selector_failure", "selector"),
        ("incident selector_failure --set selector", "FIELD"),
        ("incident timeout --set timeout_duration=-1", "timeout_duration"),
        ("incident failure --set error_type:=1", "error_type"),
        ("incident failure --set error_type=E --context a//b", "module"),
        ("incident list --limit 0", "limit"),
        ("incident list --context a*", "pattern"),
    ] {
        let run = shell.run(line);
        assert_eq!(run.code, 2, "{line}: {}", run.err);
        assert!(run.err.contains(told), "{line}: {}", run.err);
        shell.run(&format!("{line} --json")).failed_as_json(
            2,
            match told {
                "kind of incident" | "selector" | "timeout_duration" | "error_type"
                    if !line.ends_with("--set selector") =>
                {
                    "invalid"
                }
                _ => "usage",
            },
        );
    }
    assert_eq!(shell.json("incident list"), [] as [Value; 0]);
    shell.run("incident timeout --store none.db").failed(10, "no store");
}

#[cfg(feature = "chrome")]
mod with_a_page {
    use super::*;
    use crate::support::site::{Site, closed_address};

    #[test]
    fn the_first_and_the_tenth_are_captured_and_the_others_counted() {
        let (shell, site) = (Shell::new(), Site::start());
        let line = format!(
            "incident selector_failure --context shop.example/prices --set selector=.price --url {}",
            site.url("/plain")
        );
        let run = shell.run(&line);
        assert_eq!(run.code, 0, "{}", run.err);
        let version = run.text().trim().to_owned();
        assert!(run.err.ends_with("  captured: 1 of its group\n"), "{}", run.err);
        let shown = &shell.json(&format!("show {version}"))[0];
        let told = &shown["user_info"]["incident"];
        assert_eq!(
            (&told["selector"], &told["url"]),
            (&json!(".price"), &json!(site.url("/plain")))
        );
        assert_eq!(shown["tags"], json!(["incident"]));
        assert!(shell.done(&format!("get {version} --artifact page.html")).contains("Hello"));
        for count in 2..=9 {
            let told = &shell.json(&line)[0];
            assert_eq!((&told["reason"], &told["count"]), (&json!("schedule"), &json!(count)));
        }
        assert_eq!(shell.json(&line)[0]["outcome"], "captured");
        let group = &shell.json("incident list")[0];
        assert_eq!((&group["count"], &group["captured"]), (&json!(10), &json!(2)));
        assert_eq!(group["first_version"], version.as_str());

        shell.done("flag disable event_driven_snapshots");
        let told = &shell.json(&line.replace(".price", ".other"))[0];
        assert_eq!((&told["outcome"], &told["reason"]), (&json!("suppressed"), &json!("flag")));
    }

    #[test]
    fn a_page_that_does_not_load_is_told_of_and_makes_the_exit_code_3() {
        let shell = Shell::new();
        let line = format!("incident price_jump --set by:=40 --url {}", closed_address());
        let run = shell.run(&line);
        assert_eq!(run.code, 3, "{}", run.err);
        let shown = &shell.json(&format!("show {}", run.text().trim()))[0];
        assert_eq!(shown["status"], "failed");
        assert_eq!(shown["user_info"]["incident"]["trigger"], "manual");
        shell.run("incident failure --set error_type=E --url about:version").failed(2, "address");
    }
}
