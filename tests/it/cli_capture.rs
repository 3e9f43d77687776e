//! The command `capture`, on real pages.

use serde_json::{Value, json};
use tintype::capture::chrome::{Browser, BrowserOptions};
use tiny_http::{Header, Request, Response};

use crate::support::shell::{Output, Shell};
use crate::support::site::{Site, closed_address};

/// A site that tells in its page what it was asked with, and what the window is like.
fn site() -> Site {
    Site::serve(|request: Request| {
        let headers: Vec<String> = request.headers().iter().map(ToString::to_string).collect();
        let page = format!(
            "<!DOCTYPE html><title>Shop</title><h1 class=price>24.50</h1><input type=password \
             value=hunter2><pre>{}</pre><p id=inside></p><script>\
             document.getElementById('inside').textContent = \
             [innerWidth, innerHeight, devicePixelRatio, navigator.language].join(' ');\
             console.log('hello');</script>",
            headers.join("\n")
        );
        let html = Header::from_bytes("Content-Type", "text/html").unwrap();
        let code = if request.url().starts_with("/gone") { 410 } else { 200 };
        let answer = Response::from_string(page).with_status_code(code).with_header(html);
        let _ = request.respond(answer);
    })
}

fn captured(shell: &Shell, args: &[&str], input: &str) -> (Output, Vec<Value>) {
    let mut all = vec!["capture", "--json"];
    all.extend(args);
    let run = shell.run_with(&all, input.as_bytes());
    let lines = run.text();
    let objects = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (run, objects)
}

fn one(shell: &Shell, args: &[&str]) -> Value {
    let (run, mut objects) = captured(shell, args, "");
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(objects.len(), 1);
    objects.remove(0)
}

fn names(capture: &Value) -> Vec<String> {
    let artifacts = capture["artifacts"].as_array().unwrap();
    artifacts.iter().map(|artifact| artifact["name"].as_str().unwrap().to_owned()).collect()
}

fn text(shell: &Shell, version: &Value, artifact: &str) -> String {
    shell.done(&format!("get {} --artifact {artifact}", version.as_str().unwrap()))
}

#[test]
fn a_capture_says_what_it_is_of_what_it_has_and_when_it_is_durable() {
    let (shell, site) = (Shell::new(), site());
    let capture = one(
        &shell,
        &[
            &site.url("/"),
            "--context",
            "shop.example/products/list",
            "--tag",
            "good",
            "--description",
            "a look",
            "--info",
            "run:=7",
            "--at",
            "2026-01-29T06:43:41Z",
        ],
    );
    assert_eq!(capture["schema"], 1);
    assert_eq!(capture["status"], "complete");
    assert_eq!(capture["url"], site.url("/"));
    assert_eq!(capture["http_status"], 200);
    assert_eq!(capture["title"], "Shop");
    assert!(capture["duration_ms"].as_u64().is_some());
    let page = capture["artifacts"].as_array().unwrap();
    let page = page.iter().find(|artifact| artifact["name"] == "page.html").unwrap();
    assert_eq!(page["status"], "stored");
    assert_eq!(page["hash"].as_str().unwrap().len(), 64);
    assert!(page["bytes"].as_u64() > Some(0) && page["stored"].as_u64() > Some(0));
    assert_eq!(page["deduplicated"], false);

    let shown = &shell.json("show latest")[0];
    assert_eq!(shown["version"], capture["version"]);
    assert_eq!(shown["context"], "shop.example/products/list");
    assert_eq!(shown["tags"], json!(["good"]));
    assert_eq!(shown["description"], "a look");
    assert_eq!(shown["user_info"]["run"], 7);
    assert_eq!(shown["created_at"], "2026-01-29T06:43:41.000000Z");
    assert_eq!(shown["facts"]["config"]["mode"], "full_page");
    let words = shell.done("show latest");
    for word in ["Shop", "full_page", "waited for", "load came", "redacted"] {
        assert!(words.contains(word), "{word} in {words}");
    }
}

#[test]
fn modes_presets_and_artifacts_decide_what_is_taken() {
    let (shell, site) = (Shell::new(), site());
    let url = site.url("/");
    let of = |args: &[&str]| {
        let mut all = vec![url.as_str()];
        all.extend(args);
        names(&one(&shell, &all))
    };
    let minimal = of(&["--mode", "minimal"]);
    assert_eq!(minimal, ["page.html", "console.jsonl", "facts.json"]);
    let only = of(&["--artifacts", "page.html,view.png"]);
    assert_eq!(only, ["view.png", "page.html", "facts.json"]);
    let production = of(&["--preset", "production"]);
    assert!(!production.contains(&"full.png".to_owned()));
    assert!(production.contains(&"aria.yml".to_owned()), "{production:?}");
    let debug = of(&["--preset", "debug", "--artifacts", "-full.png,+page.pdf"]);
    for name in ["page.mhtml", "source.html"] {
        assert!(debug.contains(&name.to_owned()), "{name} in {debug:?}");
    }
    assert!(!debug.contains(&"full.png".to_owned()));
    assert!(debug.contains(&"page.pdf".to_owned()));
    let element = of(&["--mode", "selector", "--selector", ".price"]);
    for name in ["element.html", "element.png"] {
        assert!(element.contains(&name.to_owned()), "{name} in {element:?}");
    }
    assert!(shell.done("get latest --artifact element.html").contains("24.50"));
}

#[test]
fn a_page_is_asked_for_as_the_flags_say() {
    let (shell, site) = (Shell::new(), site());
    let capture = one(
        &shell,
        &[
            &site.url("/"),
            "--no-redact",
            "--header",
            "X-Run: 7",
            "--cookie",
            "session=abc",
            "--user-agent",
            "Tester/1.0",
            "--language",
            "de-AT,en",
            "--window",
            "500x400",
            "--device-scale",
            "2",
            "--artifacts",
            "page.html,view.png",
        ],
    );
    let html = text(&shell, &capture["version"], "page.html");
    for wanted in ["X-Run: 7", "session=abc", "Tester/1.0", "de-AT", "500 400 2 de-AT", "hunter2"] {
        assert!(html.contains(wanted), "{wanted} in {html}");
    }
    let png = shell.run("get latest --artifact view.png").out;
    assert_eq!(&png[16..24], &[0, 0, 3, 232, 0, 0, 3, 32], "1000 x 800");
}

#[test]
fn secrets_are_redacted_unless_told_and_the_summary_counts_them() {
    let (shell, site) = (Shell::new(), site());
    let run = shell.run(&format!("capture {} --cookie session=q8Zt4mVx2Lp9", site.url("/")));
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("redacted: "), "{}", run.err);
    let file = shell.read("tintype.db");
    for artifact in ["page.html", "network.har", "facts.json"] {
        let text = shell.done(&format!("get latest --artifact {artifact}"));
        for secret in ["q8Zt4mVx2Lp9", "hunter2"] {
            assert!(!text.contains(secret), "{secret} in {artifact}");
        }
    }
    assert!(!String::from_utf8_lossy(&file).contains("q8Zt4mVx2Lp9"));
}

#[test]
fn addresses_come_from_standard_input_too_and_each_that_fails_is_named() {
    let (shell, site) = (Shell::new(), site());
    let closed = closed_address();
    let input =
        format!("{}\n\n  {}\nfile:///etc/hostname\n{closed}\n", site.url("/"), site.url("/gone"));
    let (run, objects) = captured(&shell, &["-", "--artifacts", "page.html"], &input);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("file:///etc/hostname"), "{}", run.err);
    let told: Vec<_> = objects.iter().map(|object| (&object["status"], &object["url"])).collect();
    assert_eq!(
        told,
        [
            (&json!("complete"), &json!(site.url("/"))),
            (&json!("complete"), &json!(site.url("/gone"))),
            (&json!("failed"), &json!(closed)),
        ]
    );
    assert_eq!(objects[1]["http_status"], 410);
    assert_eq!(objects[2]["load_error"], "net::ERR_CONNECTION_REFUSED");
    assert_eq!(shell.json("stats")[0]["snapshots"], 3);
}

#[test]
fn what_is_typed_wrong_is_told_before_a_browser_is_started() {
    let shell = Shell::new();
    for (line, code, told) in [
        ("capture", 2, "URL"),
        ("capture http://a --mode both", 2, "selector"),
        ("capture http://a --artifacts page.gif", 2, "page.gif"),
        ("capture http://a --artifacts element.png", 2, "--selector"),
        ("capture http://a --preset staging2", 2, "staging2"),
        ("capture http://a --window 0x5", 2, "WIDTHxHEIGHT"),
        ("capture http://a --header nothing", 2, "Name: value"),
        ("capture http://a --cookie nothing", 2, "name=value"),
        ("capture http://a --wait for-ever", 2, "for-ever"),
        ("capture http://a --device-scale 0", 2, "scale"),
        ("capture http://a --browser /no/such/browser", 16, "/no/such/browser"),
        ("capture http://a --connect ws://127.0.0.1:1/devtools/page/x", 2, "as it stands"),
        ("capture --connect http://127.0.0.1:1", 2, "URL"),
    ] {
        shell.run(line).failed(code, told);
    }
    assert_eq!(shell.json("stats")[0]["snapshots"], 0);
}

#[test]
fn a_running_browser_is_used_and_left_running_and_a_page_of_it_captured_as_it_stands() {
    let (shell, site) = (Shell::new(), site());
    let browser = Browser::launch(BrowserOptions::default()).unwrap();
    let page = browser.open(&site.url("/")).unwrap();
    let address = browser.address().unwrap();
    let capture = one(&shell, &[&site.url("/other"), "--connect", &address, "--mode", "minimal"]);
    assert_eq!(capture["status"], "complete");

    let socket = page.address().unwrap();
    let capture = one(&shell, &["--connect", &socket, "--context", "shop.example/cart"]);
    assert_eq!(capture["status"], "complete", "{capture:#}");
    assert_eq!(capture["title"], "Shop");
    assert!(text(&shell, &capture["version"], "console.jsonl").contains("hello"));
    // It is still there.
    browser.open(&site.url("/")).unwrap();

    shell.run("capture --connect ws://127.0.0.1:1/devtools/page/x").failed(1, "watching a page");
    shell.run(&format!("capture http://a --connect {}", site.url("/"))).failed(1, "browser");
}

#[test]
fn metrics_tell_of_the_captures() {
    let (shell, site) = (Shell::new(), site());
    one(&shell, &[&site.url("/"), "--mode", "minimal", "--context", "shop.example"]);
    shell.run(&format!("capture {} --mode minimal", closed_address()));
    let metrics = &shell.json("metrics")[0];
    assert_eq!(metrics["captures"], 2);
    assert_eq!(metrics["success_rate"], 0.5);
    assert!(metrics["collecting"]["p95_ms"].as_f64().is_some());
    assert_eq!(shell.json("metrics --context shop.example")[0]["captures"], 1);
    let words = shell.done("metrics");
    assert!(words.contains("50.0 % complete or partial"), "{words}");
    shell.run("metrics --since yesterday").failed(2, "yesterday");
}

#[test]
fn a_capture_that_a_flag_keeps_from_being_stored_is_told_and_no_failure() {
    let (shell, site) = (Shell::new(), site());
    shell.done("flag emergency-disable --by ann");
    let run = shell.run(&format!("capture {}", site.url("/")));
    assert_eq!((run.code, run.text().as_str()), (0, ""), "{}", run.err);
    assert!(run.err.contains("the flag context_aware_bundles is off"), "{}", run.err);
    let told = one(&shell, &[&site.url("/")]);
    assert_eq!((&told["version"], &told["off"]), (&Value::Null, &json!("context_aware_bundles")));
    assert!(!shell.path("tintype.db.legacy").exists());
    shell.done("flag emergency-legacy --by ann");
    let told = one(&shell, &[&site.url("/")]);
    assert_eq!((&told["version"], &told["status"]), (&Value::Null, &json!("complete")));
    assert!(shell.path("tintype.db.legacy/html").read_dir().unwrap().next().is_some());
    assert_eq!(shell.json("stats")[0]["snapshots"], 0);
    shell.done("flag emergency-release --by ann");
    assert!(one(&shell, &[&site.url("/")])["version"].is_string());
    // The preset is that of an environment.
    shell.done("flag stage internal_testing");
    assert!(one(&shell, &[&site.url("/"), "--preset", "testing"])["version"].is_string());
    assert!(one(&shell, &[&site.url("/"), "--preset", "production"])["version"].is_null());
}
