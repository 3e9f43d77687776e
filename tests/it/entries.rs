//! Requests and console messages compared by entry: what is matched with what, what is passed over,
//! and what is left to be compared as JSON or text.

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::format::diff::{Comparison, Form, compare};
use tintype::format::entries::{
    CHANGES_MAX, ConsoleDiff, RequestsDiff, TEXT_CHARS_MAX, compare_console, compare_requests,
};
use tintype::ops::compare::{Standing, compare_as};
use tintype::{ArtifactStatus, Draft, DraftArtifact, Repository};

// Requests

fn har(entries: impl IntoIterator<Item = Value>) -> Vec<u8> {
    let entries: Vec<_> = entries.into_iter().collect();
    json!({"log": {"version": "1.2", "entries": entries}}).to_string().into_bytes()
}

/// An entry as a capture makes it; the time is its own.
fn entry(method: &str, url: &str, status: i64, kind: &str, bytes: u64, time: u32) -> Value {
    json!({
        "startedDateTime": format!("2026-01-26T06:00:{:02}.000000Z", time % 60),
        "time": time,
        "request": {"method": method, "url": url, "headers": [], "bodySize": 0},
        "response": {
            "status": status, "statusText": "", "headers": [{"name": "date", "value": time}],
            "content": {"size": bytes, "mimeType": kind},
        },
        "timings": {"wait": time},
    })
}

fn get(path: &str, time: u32) -> Value {
    entry("GET", &format!("https://shop.example/{path}"), 200, "text/html", 100, time)
}

/// Compares two lists of requests and checks what holds for any two.
fn check_requests(before: &[Value], after: &[Value]) -> RequestsDiff {
    let (old, new) = (har(before.to_vec()), har(after.to_vec()));
    let diff = compare_requests(&old, &new).unwrap();
    let back = compare_requests(&new, &old).unwrap();
    assert_eq!((diff.added, diff.gone, diff.changed), (back.gone, back.added, back.changed));
    assert_eq!((diff.before, diff.after), (before.len() as u64, after.len() as u64));
    assert_eq!(diff.before + diff.added, diff.after + diff.gone);
    let all = diff.added + diff.gone + diff.changed;
    assert_eq!(diff.equal, all == 0);
    assert_eq!(diff.changes.len() as u64, all.min(CHANGES_MAX as u64));
    assert!(compare_requests(&new, &new).unwrap().equal);
    let told = serde_json::to_value(&diff).unwrap();
    assert_eq!(serde_json::from_value::<RequestsDiff>(told).unwrap(), diff);
    diff
}

/// The changes in a few words each: the sign and the end of the address.
fn signs(diff: &RequestsDiff) -> Vec<String> {
    let told = serde_json::to_value(&diff.changes).unwrap();
    let sign = |change: &Value| {
        let (sign, side) = match change["change"].as_str().unwrap() {
            "added" => ("+", "after"),
            "gone" => ("-", "before"),
            _ => ("~", "after"),
        };
        let url = change[side]["url"].as_str().unwrap();
        format!("{sign}{}", url.rsplit('/').next().unwrap())
    };
    told.as_array().unwrap().iter().map(sign).collect()
}

#[test]
fn requests_that_differ_in_their_times_and_order_alone_are_the_same() {
    let before = [get("", 1), get("a.js", 2), get("b.js", 3)];
    let after = [get("", 41), get("b.js", 42), get("a.js", 43)];
    assert!(check_requests(&before, &after).equal);
}

#[test]
fn the_nth_request_of_an_address_is_compared_with_the_nth() {
    let poll = |status, time| entry("GET", "https://a/poll", status, "text/html", 1, time);
    let before = [poll(200, 1), poll(200, 2), poll(500, 3)];
    let after = [poll(200, 1), poll(500, 2), poll(500, 3), poll(200, 4)];
    let diff = check_requests(&before, &after);
    assert_eq!(signs(&diff), ["~poll", "+poll"]);
    // Another method is another request.
    let post = entry("POST", "https://a/poll", 200, "text/html", 1, 1);
    assert_eq!(signs(&check_requests(&before[..1], &[post])), ["-poll", "+poll"]);
}

#[test]
fn a_change_tells_how_it_was_answered_before_and_after() {
    let before = entry("GET", "https://a/api", 200, "Application/JSON; charset=utf-8", 512, 1);
    let mut after = entry("GET", "https://a/api", 0, "x-unknown", 0, 2);
    after["response"]["_error"] = json!("net::ERR_CONNECTION_RESET");
    let diff = check_requests(&[before], &[after]);
    assert_eq!(
        serde_json::to_value(&diff).unwrap(),
        json!({
            "equal": false, "before": 1, "after": 1, "added": 0, "gone": 0, "changed": 1,
            "changes": [{
                "change": "changed",
                "before": {"method": "GET", "url": "https://a/api", "status": 200,
                           "mime_type": "application/json", "bytes": 512, "error": null},
                "after": {"method": "GET", "url": "https://a/api", "status": null,
                          "mime_type": null, "bytes": 0, "error": "net::ERR_CONNECTION_RESET"},
            }],
        })
    );
}

#[test]
fn what_is_gone_is_told_where_it_was() {
    let list =
        |names: &str| names.chars().map(|name| get(&name.to_string(), 1)).collect::<Vec<_>>();
    let diff = check_requests(&list("xabycdz"), &list("a1bcd2"));
    assert_eq!(signs(&diff), ["-x", "+1", "-y", "-z", "+2"]);
    let diff = check_requests(&list("ab"), &list("cd"));
    assert_eq!(signs(&diff), ["-a", "-b", "+c", "+d"]);
}

#[test]
fn hars_of_other_tools_are_read() {
    // Playwright: -1 where nothing is known, the error beside the status.
    let playwright = json!({"log": {
        "version": "1.2", "creator": {"name": "Playwright", "version": "1.48.0"},
        "browser": {"name": "chromium", "version": "130.0"}, "pages": [],
        "entries": [
            {"startedDateTime": "2026-01-26T06:00:00.000Z", "time": 3.1, "_monotonicTime": 9.5,
             "request": {"method": "GET", "url": "https://a/", "httpVersion": "HTTP/2.0",
                         "cookies": [], "headers": [], "queryString": [], "headersSize": 10,
                         "bodySize": 0},
             "response": {"status": 200, "statusText": "", "httpVersion": "HTTP/2.0", "cookies": [],
                          "headers": [], "headersSize": 5, "bodySize": 400, "redirectURL": "",
                          "content": {"size": 1000, "mimeType": "text/html; charset=utf-8",
                                      "_sha1": "aa.html"}, "_transferSize": 405},
             "cache": {}, "timings": {"send": -1, "wait": 2, "receive": 1}},
            {"request": {"method": "GET", "url": "https://a/x.js"},
             "response": {"status": -1, "content": {"size": -1, "mimeType": "x-unknown"},
                          "_failureText": "net::ERR_ABORTED"}},
        ],
    }});
    // Firefox: a status of 0, nulls, and sizes with a fraction do no harm; a mark begins the file.
    let firefox = json!({"log": {
        "version": "1.2", "creator": {"name": "Firefox", "version": "133.0"},
        "entries": [
            {"pageref": "page_1", "request": {"method": "GET", "url": "https://a/", "bodySize": 0},
             "response": {"status": 200, "bodySize": 400, "_error": null,
                          "content": {"mimeType": "text/html", "size": 1000.0, "text": "<p>"}}},
            {"request": {"method": "GET", "url": "https://a/x.js"},
             "response": {"status": 0, "content": {}}},
            {"request": {"method": "GET", "url": "https://a/y.js"}, "response": null},
        ],
    }});
    let firefox = format!("\u{feff}{firefox}").into_bytes();
    let diff = compare_requests(playwright.to_string().as_bytes(), &firefox).unwrap();
    let told = serde_json::to_value(&diff).unwrap();
    assert_eq!(signs(&diff), ["~x.js", "+y.js"], "{told}");
    assert_eq!(told["changes"][0]["before"]["error"], "net::ERR_ABORTED");
    assert_eq!(told["changes"][0]["after"]["error"], Value::Null);
    assert_eq!(told["changes"][0]["before"]["bytes"], Value::Null);
}

#[test]
fn many_changes_and_long_addresses_are_told_in_part_and_counted_whole() {
    let many: Vec<_> = (0..CHANGES_MAX + 7).map(|at| get(&at.to_string(), 1)).collect();
    let diff = check_requests(&[], &many);
    assert_eq!((diff.added, diff.changes.len()), (CHANGES_MAX as u64 + 7, CHANGES_MAX));
    let long = |end: &str| get(&("é".repeat(TEXT_CHARS_MAX) + end), 1);
    let diff = check_requests(&[long("a")], &[long("b")]);
    let told = serde_json::to_value(&diff.changes).unwrap();
    let url = told[0]["before"]["url"].as_str().unwrap();
    assert_eq!(url.chars().count(), TEXT_CHARS_MAX + 1);
    assert!(url.ends_with('…'));
}

proptest! {
    #[test]
    fn the_counts_of_requests_add_up(
        before in prop::collection::vec((0u8..6, 0i64..3), 0..40),
        after in prop::collection::vec((0u8..6, 0i64..3), 0..40),
    ) {
        let list = |of: &[(u8, i64)]| -> Vec<Value> {
            of.iter()
                .map(|(at, status)| entry("GET", &format!("https://a/{at}"), *status, "", 1, 1))
                .collect()
        };
        check_requests(&list(&before), &list(&after));
    }

    #[test]
    fn the_counts_of_messages_add_up(
        before in prop::collection::vec(0u8..6, 0..40),
        after in prop::collection::vec(0u8..6, 0..40),
    ) {
        let list = |of: &[u8]| of.iter().map(|at| said("error", &at.to_string())).collect::<Vec<_>>();
        check_console(&list(&before), &list(&after));
    }
}

// Console

/// A line as a capture makes it.
fn said(level: &str, text: &str) -> Value {
    json!({"time": "2026-01-26T06:00:00.000000Z", "kind": "console", "level": level, "text": text,
           "type": "log", "url": "https://a/x.js", "line": 3, "column": 1})
}

fn log(lines: &[Value]) -> Vec<u8> {
    lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

fn check_console(before: &[Value], after: &[Value]) -> ConsoleDiff {
    let diff = compare_console(&log(before), &log(after)).unwrap();
    let back = compare_console(&log(after), &log(before)).unwrap();
    assert_eq!((diff.added, diff.gone, diff.changed), (back.gone, back.added, back.changed));
    let said = |lines: &[Value]| {
        let times = lines.iter().map(|line| line["repeat"].as_u64().unwrap_or(1));
        times.fold(0, u64::saturating_add)
    };
    assert_eq!((diff.before, diff.after), (said(before), said(after)));
    assert_eq!(diff.equal, diff.changes.is_empty());
    assert!(compare_console(&log(after), &log(after)).unwrap().equal);
    let told = serde_json::to_value(&diff).unwrap();
    assert_eq!(serde_json::from_value::<ConsoleDiff>(told).unwrap(), diff);
    diff
}

#[test]
fn messages_are_counted_and_their_times_and_lines_are_not_looked_at() {
    let (slow, gone, new) =
        (said("warning", "slow"), said("info", "gone"), said("error", "it broke"));
    let mut later = slow.clone();
    later["time"] = json!("2026-01-27T06:00:00.000000Z");
    later["line"] = json!(77);
    assert!(check_console(&[slow.clone(), gone.clone()], &[gone.clone(), later.clone()]).equal);
    let before = [&slow, &gone, &slow, &slow].map(Value::clone);
    let after = [&later, &later, &new, &slow, &slow, &slow].map(Value::clone);
    let diff = check_console(&before, &after);
    let message = |level: &str, text: &str| json!({"kind": "console", "level": level, "text": text, "url": "https://a/x.js"});
    assert_eq!(
        serde_json::to_value(&diff).unwrap(),
        json!({
            "equal": false, "before": 4, "after": 6, "added": 1, "gone": 1, "changed": 1,
            "changes": [
                {"change": "changed", "message": message("warning", "slow"), "before": 3, "after": 5},
                {"change": "gone", "message": message("info", "gone"), "before": 1},
                {"change": "added", "message": message("error", "it broke"), "after": 1},
            ],
        })
    );
    // The same words of another script, or graver, are another message.
    let mut elsewhere = slow.clone();
    elsewhere["url"] = json!("https://a/y.js");
    for other in [elsewhere, said("error", "slow")] {
        let diff = check_console(std::slice::from_ref(&slow), &[other]);
        assert_eq!((diff.added, diff.gone), (1, 1));
    }
}

#[test]
fn a_line_that_stands_for_many_counts_as_many() {
    let repeated = |times: u64| {
        let mut line = said("info", "again");
        line["repeat"] = json!(times);
        line["until"] = json!("2026-01-26T06:00:01.000000Z");
        line
    };
    let one = said("info", "again");
    let diff = check_console(&[one.clone(), one.clone(), one.clone()], &[repeated(3)]);
    assert_eq!((diff.equal, diff.before, diff.after), (true, 3, 3));
    let diff = check_console(&[one], &[repeated(u64::MAX), repeated(7)]);
    assert_eq!((diff.changed, diff.after), (1, u64::MAX));
}

#[test]
fn console_logs_of_other_tools_are_read() {
    let line = |text: &str| json!({"type": "error", "text": text, "location": {"url": "https://a/", "lineNumber": 3}});
    let diff = check_console(&[line("one")], &[line("two"), json!({"level": "WARN", "text": "a"})]);
    let told = serde_json::to_value(&diff.changes).unwrap();
    assert_eq!(told[0]["message"]["url"], "https://a/", "{told}");
    assert_eq!((diff.added, diff.gone), (2, 1));
    // Empty lines and none at all are no messages.
    assert!(compare_console(b"", b"\n \r\n").unwrap().equal);
}

// What has not the form

#[test]
fn what_is_no_har_and_no_console_log_is_compared_as_json_or_text() {
    let form = |before: &[u8], after: &[u8], form| match compare(before, after, ("", ""), form) {
        Comparison::Requests(_) => Form::Requests,
        Comparison::Console(_) => Form::Console,
        Comparison::Json(_) => Form::Json,
        Comparison::Text(_) => Form::Text,
        Comparison::Bytes(_) => Form::Bytes,
        other => panic!("{other:?}"),
    };
    let good = har([get("", 1)]);
    assert_eq!(form(&good, &har([]), Form::Requests), Form::Requests);
    for (other, wanted) in [
        (&b"{}"[..], Form::Json),
        (b"[]", Form::Json),
        (br#"{"log": {}}"#, Form::Json),
        (br#"{"log": {"entries": {}}}"#, Form::Json),
        (br#"{"log": {"entries": [7]}}"#, Form::Json),
        (br#"{"log": {"entries": [{"request": {"url": "https://a/"}}]}}"#, Form::Json),
        (br#"{"log": {"entries": [{"request": {"method": 1, "url": "a"}}]}}"#, Form::Json),
        (br#"{"log": {"entries": [{"request": {"method": "GET", "url": null}}]}}"#, Form::Json),
        (&good[..good.len() - 2], Form::Text),
        (b"", Form::Text),
        (b"\xff\xfe", Form::Bytes),
    ] {
        let shown = String::from_utf8_lossy(other);
        assert_eq!(form(&good, other, Form::Requests), wanted, "{shown}");
        assert_eq!(form(other, &good, Form::Requests), wanted, "{shown}");
    }
    let good = log(&[said("error", "it broke")]);
    assert_eq!(form(&good, b"", Form::Console), Form::Console);
    for (other, wanted) in [
        // Data that a scraper made, some of it much like a message.
        (&br#"{"name": "kettle", "price": 24.5}"#[..], Form::Text),
        (br#"{"type": "review", "text": "it broke", "stars": 1}"#, Form::Text),
        (br#"{"type": "error", "text": "it broke", "stars": 1}"#, Form::Text),
        (br#"{"type": "review", "text": "it broke"}"#, Form::Text),
        (br#"{"level": 30, "text": "a", "time": 1}"#, Form::Text),
        (br#"{"level": "info", "message": "started", "timestamp": 1}"#, Form::Text),
        (br#"{"kind": "console", "level": "error", "text": "no time"}"#, Form::Text),
        (br#"{"level": "error"}"#, Form::Text),
        (br#"{"level": "error", "text": null}"#, Form::Text),
        (b"[1, 2]\n", Form::Text),
        (b"7\n", Form::Text),
        (b"not JSON\n", Form::Text),
        (&good[..good.len() - 5], Form::Text),
        (b"\xff\n", Form::Bytes),
    ] {
        let shown = String::from_utf8_lossy(other);
        assert_eq!(form(&good, other, Form::Console), wanted, "{shown}");
        assert_eq!(form(other, &good, Form::Console), wanted, "{shown}");
        let mixed = [&good[..], other].concat();
        assert_eq!(form(&good, &mixed, Form::Console), wanted, "{shown} as a second line");
    }
}

#[test]
fn the_form_of_a_comparison_is_the_callers_to_choose() {
    let repo = Repository::temporary().unwrap();
    let draft = |har: Vec<u8>, console: Option<Vec<u8>>| {
        let kind = "application/x-ndjson";
        let console = match console {
            Some(console) => DraftArtifact::stored("console.jsonl".parse()?, kind, console),
            None => {
                let name = "console.jsonl".parse()?;
                DraftArtifact::missing(name, kind, ArtifactStatus::Empty, None)
            }
        };
        let har = DraftArtifact::stored("network.har".parse()?, "application/har+json", har)?;
        repo.create(Draft::new().artifact(har).artifact(console?))
    };
    let spoke = log(&[said("error", "it broke")]);
    let one = draft(har([get("", 1)]), None).unwrap();
    let two = draft(har([get("", 2)]), Some(spoke.clone())).unwrap();
    let forms = |choose: fn(Form) -> Form| {
        let compared = compare_as(&repo, &one, &two, None, choose).unwrap();
        let [console, network] = &compared.artifacts[..] else { panic!("{compared:?}") };
        assert_eq!((console.standing, network.standing), (Standing::Added, Standing::Changed));
        (console.content.clone(), network.content.clone())
    };
    // A page that had nothing to say is compared with one that had.
    let (Some(Comparison::Console(console)), Some(Comparison::Requests(requests))) =
        forms(|form| form)
    else {
        panic!("not by entries");
    };
    assert_eq!((console.before, console.added), (0, 1));
    assert!(requests.equal);
    let (Some(Comparison::Text(text)), Some(Comparison::Json(json))) = forms(Form::plain) else {
        panic!("not plain");
    };
    assert_eq!(crate::diff::apply("", &text.unified).into_bytes(), spoke);
    assert!(!json.equal);
    let (_, network) = forms(|_| Form::Bytes);
    assert!(matches!(network, Some(Comparison::Bytes(_))));
}
