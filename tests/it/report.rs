//! The report of a snapshot, as text: what it says of what is there, and of what is not.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::model::incident::Incident;
use tintype::ops::report::{self, Options};
use tintype::{
    ArtifactStatus, Draft, DraftArtifact, Error, Recorder, Repository, Status, Tag, Version,
};

use crate::support::pictures::plain_png;
use crate::support::script::Script;

fn page_of(repo: &Repository, version: &Version) -> String {
    let page = report::snapshot(repo, version, &Options::default()).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "it is not whole");
    page
}

#[track_caller]
fn says(page: &str, wanted: &str) {
    assert!(page.contains(wanted), "{wanted} is not in the report");
}

fn stored(name: &str, media_type: &str, content: impl Into<Vec<u8>>) -> DraftArtifact {
    let content: Vec<u8> = content.into();
    DraftArtifact::stored(name.parse().unwrap(), media_type, content).unwrap()
}

fn missing(name: &str, status: ArtifactStatus, why: &str) -> DraftArtifact {
    DraftArtifact::missing(name.parse().unwrap(), "text/html", status, Some(why.into())).unwrap()
}

fn request(at: usize, status: i64, url: &str) -> Value {
    let header = |n: usize| json!({"name": format!("x-header-{n}"), "value": "v".repeat(60)});
    let headers: Vec<Value> = (0..16).map(header).collect();
    json!({
        "startedDateTime": format!("2026-03-01T12:00:{:02}.{:03}Z", at / 100, at % 100 * 10),
        "time": 12.5,
        "request": {"method": "GET", "url": url, "headers": headers},
        "response": {
            "status": status,
            "content": {"size": 1234, "mimeType": "text/css; charset=utf-8"},
            "headers": headers,
        },
        "timings": {"blocked": 1.0, "dns": -1, "connect": -1, "send": 0.5, "wait": 9.0, "receive": 2.0},
        "_resourceType": "stylesheet",
    })
}

fn har(entries: Vec<Value>) -> DraftArtifact {
    let har = json!({"log": {"version": "1.2", "entries": entries}});
    stored("network.har", "application/har+json", har.to_string())
}

/// A page on which a selector matched nothing.
fn broken() -> Draft {
    let facts = json!({
        "url": "https://shop.example/list", "title": "The shop", "http_status": 200,
        "load": "loaded", "navigated_at": "2026-03-01T12:00:00Z",
        "browser": "Chrome/150", "viewport": {"width": 1280, "height": 800, "device_scale": 1.0},
        "waits": [{"what": "selector:.price", "met": false, "took_ms": 5000, "why": "it never came"}],
        "config": {"selector": ".price", "redact": true, "mode": "both"},
        "redacted": {"password": 2},
        "ledger": [
            {"name": "text.txt", "status": "stored", "redacted": {"password": 2}},
            {"name": "frames", "status": "empty", "reason": "the page has no frames"},
        ],
    });
    let console = [
        json!({"time": "2026-03-01T12:00:00.100Z", "kind": "console", "level": "info", "text": "hello"}),
        json!({"time": "2026-03-01T12:00:00.200Z", "kind": "exception", "level": "error",
            "text": "Uncaught TypeError: no prices\n  at all", "url": "https://shop.example/a.js",
            "line": 3, "column": 9, "stack": [{"function": "f", "url": "https://shop.example/a.js", "line": 3, "column": 9}]}),
    ];
    let console: Vec<String> = console.iter().map(Value::to_string).collect();
    let entries = vec![
        request(0, 200, "https://shop.example/list"),
        request(15, 503, "https://shop.example/api/prices?page=2"),
    ];
    Draft::new()
        .context("shop.example/products/list".parse().unwrap())
        .status(Status::Partial)
        .artifact(stored("facts.json", "application/json", facts.to_string()))
        .artifact(stored("view.png", "image/png", plain_png(40, 30, [200, 10, 10])))
        .artifact(stored("text.txt", "text/plain", "All prices are gone\n"))
        .artifact(stored("aria.yml", "application/yaml", "- heading \"The shop\" [level=1]\n"))
        .artifact(stored("page.html", "text/html", "<h1>The shop</h1><script>x()</script>"))
        .artifact(stored("console.jsonl", "application/x-ndjson", console.join("\n") + "\n"))
        .artifact(har(entries))
        .artifact(missing("element.html", ArtifactStatus::Empty, "nothing matches .price"))
        .artifact(missing("full.png", ArtifactStatus::Failed, "timed out after 3000 ms"))
}

#[test]
fn a_report_says_what_failed_where_and_how_often_and_shows_what_was_there() {
    let repo = Repository::temporary().unwrap();
    let good = Draft::text("fine").context("shop.example/products/list".parse().unwrap());
    let good = repo.create(good).unwrap();
    let version = repo.create(broken().tag("nightly").unwrap()).unwrap();
    let page = page_of(&repo, &version);
    for wanted in [
        "There is no element for the selector",
        "nothing matches .price",
        "1 uncaught exception",
        "Uncaught TypeError: no prices",
        "1 request of 2 failed",
        "GET /api/prices?page=2",
        "timed out after 3000 ms",
        "shop.example",
        "All prices are gone",
        "heading &quot;The shop&quot; [level=1]",
        "data:image/png;base64,",
        "width=\"40\" height=\"30\"",
        "https://shop.example/a.js:3:9",
        "it never came",
        "the page has no frames",
        "2 × password",
        "2 snapshots of this place: 1 whole, 1 in part, 0 failed",
        "1280 × 800 px",
        "nightly",
    ] {
        says(&page, wanted);
    }
    says(&page, &format!("tintype get {version} --artifact text.txt -o text.txt"));
    says(&page, &format!("tintype diff {good} {version}"));
    // A data snapshot is no page, and its report has no sections of one.
    let page = page_of(&repo, &good);
    assert!(!page.contains("id=\"requests\"") && !page.contains("id=\"seen\""));
    says(&page, "Nothing is known to have failed");
}

#[test]
fn an_incident_is_told_in_words_with_how_often_it_was_met() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    let place = "shop.example/products/list";
    let met = || Incident::selector_failure(place.parse().unwrap(), ".price");
    recorder.handle(&mut Script::new(), &met()).unwrap();
    recorder.count_incident(&met()).unwrap();
    recorder.count_incident(&met()).unwrap();
    drop(recorder);
    let tag: Tag = "incident".parse().unwrap();
    let found = repo.find(&tintype::Query::all().tag(tag)).unwrap();
    let page = page_of(&repo, &found[0].version);
    says(&page, "matched nothing.");
    says(&page, "<code><bdi>.price</bdi></code>");
    says(&page, "incident: selector failure");
    says(&page, "<dt>met in all</dt><dd>3</dd>");
}

#[test]
fn what_is_unknown_is_an_error_that_names_it() {
    let repo = Repository::temporary().unwrap();
    let unknown: Version = "nowhere".parse().unwrap();
    match report::snapshot(&repo, &unknown, &Options::default()) {
        Err(Error::NotFound { name, .. }) => assert_eq!(name, "nowhere"),
        other => panic!("{other:?}"),
    }
}

/// Changes the content of the artifact that begins so, behind the store's back.
fn damage(path: &Path, hash: &str) {
    let sql = rusqlite::Connection::open(path).unwrap();
    let changed = sql
        .execute(
            "UPDATE blob SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE lower(hex(hash)) = ?1",
            [hash],
        )
        .unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn a_damaged_artifact_is_told_by_name_and_the_rest_is_shown() {
    for name in ["view.png", "text.txt", "console.jsonl", "network.har", "facts.json", "page.html"]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tintype.db");
        let repo = Repository::init(&path).unwrap();
        let version = repo.create(broken()).unwrap();
        let hash = repo.get(&version).unwrap().artifact(name).unwrap().hash.unwrap();
        repo.close().unwrap();
        damage(&path, &hash.to_string());
        let repo = Repository::open(&path).unwrap();
        assert!(repo.content(&version, name).is_err());
        let page = page_of(&repo, &version);
        says(&page, "artifacts can&#39;t be shown.".replace("&#39;", "'").as_str());
        says(&page, &format!("<code><bdi>{name}</bdi></code>: "));
        says(&page, "<span class=\"badge bad\"><bdi>damaged</bdi></span>");
        if name != "text.txt" {
            says(&page, "All prices are gone");
        }
    }
}

#[test]
fn what_is_cut_says_how_much() {
    let repo = Repository::temporary().unwrap();
    let lines: Vec<String> = (0..5_000)
        .map(|n| {
            json!({"kind": "console", "level": "info", "text": format!("{n} {}", "x".repeat(200))})
                .to_string()
        })
        .collect();
    let requests =
        (0..900).map(|n| request(n, 200, &format!("https://shop.example/{n}"))).collect();
    let draft = Draft::new()
        .artifact(stored("text.txt", "text/plain", "a line of words\n".repeat(200_000)))
        .artifact(stored("page.html", "text/html", "<p>a paragraph</p>".repeat(100_000)))
        .artifact(stored("console.jsonl", "application/x-ndjson", lines.join("\n")))
        .artifact(har(requests))
        .artifact(stored("view.png", "image/png", plain_png(400, 300, [1, 2, 3])));
    let version = repo.create(draft).unwrap();
    let options = Options { picture_bytes_max: 0 };
    let page = report::snapshot(&repo, &version, &options).unwrap();
    says(&page, "Shown are the first 128 KiB of 3.05 MiB.");
    says(&page, " of 1.72 MiB.");
    says(&page, "Shown are the first 800 of 5,900.");
    says(&page, "Shown are the first 500 of 900.");
    says(&page, "and a report holds 0 B of pictures");
    assert!(!page.contains("data:image"));
    assert!(page.len() < 3_000_000, "{}", page.len());
}

#[test]
fn three_hundred_requests_weigh_less_than_two_megabytes() {
    let repo = Repository::temporary().unwrap();
    let url = |n: usize| format!("https://cdn.shop.example/assets/{n}/{}.css?v=1", "a".repeat(80));
    let requests = (0..300).map(|n| request(n, 200, &url(n))).collect();
    let lines: Vec<String> = (0..300)
        .map(|n| json!({"kind": "console", "level": "warning", "text": format!("{n} is slow\n{}", "at f\n".repeat(40))}).to_string())
        .collect();
    let draft = Draft::new()
        .artifact(stored(
            "page.html",
            "text/html",
            "<p class=\"row\">a paragraph</p>".repeat(20_000),
        ))
        .artifact(stored(
            "source.html",
            "text/html",
            "<p class=\"row\">a paragraph</p>".repeat(20_000),
        ))
        .artifact(stored("text.txt", "text/plain", "a line of words\n".repeat(20_000)))
        .artifact(stored("console.jsonl", "application/x-ndjson", lines.join("\n")))
        .artifact(har(requests));
    let version = repo.create(draft).unwrap();
    let page = page_of(&repo, &version);
    assert_eq!(page.matches("<svg class=\"bar\"").count(), 300);
    assert!(page.len() < 2_000_000, "{}", page.len());
}

#[test]
fn data_is_laid_out_with_every_digit_and_every_member() {
    let repo = Repository::temporary().unwrap();
    let place = || "shop.example/feed".parse().unwrap();
    let first =
        r#"{"n":123456789012345678901234567890.10,"a":1,"a":2,"s":"{[\",:]}","e":{},"l":[]}"#;
    let first = repo.create(Draft::json_text(first).unwrap().context(place())).unwrap();
    let page = page_of(&repo, &first);
    let laid_out = "{\n  &quot;n&quot;: 123456789012345678901234567890.10,\n  &quot;a&quot;: 1,\n  \
        &quot;a&quot;: 2,\n  &quot;s&quot;: &quot;{[\\&quot;,:]}&quot;,\n  &quot;e&quot;: {},\n  &quot;l&quot;: []\n}";
    says(&page, laid_out);
    let rows = json!([{"name": "kettle", "price": 24.5}, {"name": "pot", "stock": null}]);
    let second = repo.create(Draft::json(&rows).unwrap().context(place())).unwrap();
    let page = page_of(&repo, &second);
    for wanted in ["<bdi>name</bdi>", "<bdi>price</bdi>", "<bdi>24.5</bdi>", "Before it came"] {
        says(&page, wanted);
    }
    let third = repo.create(Draft::bytes([0u8, 255, 1, b'A']).context(place())).unwrap();
    let page = page_of(&repo, &third);
    says(&page, "00000000  00 ff 01 41");
    says(&page, "...A");
    // What came after a snapshot is told too.
    says(&page_of(&repo, &second), "After it came");
}

#[test]
fn a_page_is_written_whole_where_nothing_stands_or_where_that_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let repo = Repository::init(folder.path().join("tintype.db")).unwrap();
    let path = folder.path().join("page.html");
    assert_eq!(report::write(&repo, "<p>one", &path, false).unwrap(), 6);
    match report::write(&repo, "<p>other", &path, false) {
        Err(Error::StoreExists { path: told }) => assert_eq!(told, path),
        other => panic!("{other:?}"),
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "<p>one");
    report::write(&repo, "<p>two", &path, true).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "<p>two");
    for refused in [repo.path(), folder.path()] {
        let error = report::write(&repo, "<p>", refused, true).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    }
    assert!(report::write(&repo, "<p>", &folder.path().join("no/page.html"), true).is_err());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert!(names.iter().all(|name| !name.file_name().to_string_lossy().ends_with(".tmp")));
}

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn markup_that_is_not_escaped_is_written_in_one_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops/report");
    let mut found = Vec::new();
    for path in sources(&folder) {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("PreEscaped") {
            assert_eq!(text.matches("PreEscaped(").count(), 2, "{}", path.display());
            assert!(text.contains("PreEscaped(STYLE)") && text.contains("PreEscaped(SCRIPT)"));
            found.push(path);
        }
    }
    assert_eq!(found, [folder.join("shell.rs")]);
}

const NAMES: [&str; 12] = [
    "facts.json",
    "console.jsonl",
    "network.har",
    "view.png",
    "full.png",
    "full-001.png",
    "page.html",
    "frame-1.html",
    "element.html",
    "text.txt",
    "aria.yml",
    "data",
];

fn json_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2026-01-01T00:00:00Z")),
    ];
    let key = prop::sample::select(vec![
        "log",
        "entries",
        "request",
        "response",
        "url",
        "headers",
        "time",
        "timings",
        "status",
        "load",
        "title",
        "waits",
        "ledger",
        "name",
        "config",
        "selector",
        "viewport",
        "text",
        "stack",
        "kind",
        "level",
        "startedDateTime",
        "redacted",
        "content",
        "size",
        "navigated_at",
    ]);
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Any artifact may hold anything; the report is whole, and what it holds is escaped.
    #[test]
    fn whatever_artifacts_hold_the_report_is_whole(
        parts in prop::collection::btree_map(
            prop::sample::select(NAMES.to_vec()),
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                json_like().prop_map(|value| value.to_string().into_bytes()),
                Just(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
            ],
            1..8,
        ),
        info in json_like(),
        incident in json_like(),
    ) {
        let repo = Repository::temporary().unwrap();
        let mut draft = Draft::new().info("note", info).info("incident", incident);
        for (name, content) in parts {
            draft = draft.artifact(stored(name, "application/json", content));
        }
        let version = repo.create(draft).unwrap();
        let page = page_of(&repo, &version);
        prop_assert_eq!(page.matches("<script>").count(), 1);
        prop_assert_eq!(page.matches("<h1>").count(), 1);
        prop_assert!(page.len() < 400_000, "{}", page.len());
    }
}
