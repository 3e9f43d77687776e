//! What is recorded of pages in Chromium: what they say, what they request, what is answered.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;
use tintype::capture::draft_of;
use tintype::capture::redact::Redactor;
use tintype::model::artifact::ArtifactStatus::{Empty, Failed, Stored};
use tintype::ops::transfer;
use tintype::{
    ArtifactName, CaptureConfig, Draft, DraftArtifact, PagePart, Recorder, Repository, Version,
};
use tungstenite::protocol::{Message, Role, WebSocket};

use crate::support::chromium::{launch_patient, only, shared};
use crate::support::har::check_har;
use crate::support::server::{Asked, Server};
use crate::support::site::closed_address;

/// How often each address was asked for.
type Hits = Arc<Mutex<BTreeMap<String, usize>>>;

/// A site of these pages and of what they ask for. A page that has `<img src=/hold>` has loaded when
/// its script asks for `/release`.
fn site(pages: Vec<(&'static str, String)>) -> (Server, Hits) {
    let hits = Hits::default();
    let counted = Arc::clone(&hits);
    let mut held = Vec::new();
    let site = Server::start(move |asked| {
        let path = asked.path().to_owned();
        *counted.lock().unwrap().entry(path.clone()).or_default() += 1;
        if path == "/hold" {
            held.push(asked);
            return;
        }
        if path == "/release" {
            held.drain(..).for_each(|held| answer(held, "/pixel.svg"));
        }
        match pages.iter().find(|(page, _)| *page == path) {
            Some((_, page)) => {
                let cookies = ["sess=abc; HttpOnly; Path=/", "vis=1; SameSite=Strict; Max-Age=60"];
                let mut fields = vec![("Content-Type", "text/html; charset=utf-8")];
                fields.extend(cookies.map(|cookie| ("Set-Cookie", cookie)));
                asked.respond("200 OK", page.as_bytes(), &fields);
            }
            None => answer(asked, &path),
        }
    });
    (site, hits)
}

fn answer(asked: Asked, path: &str) {
    const TEXT: (&str, &str) = ("Content-Type", "text/plain");
    const JSON: (&str, &str) = ("Content-Type", "application/json");
    match path {
        "/one" => {
            let fields = [("Location", "/two"), ("Set-Cookie", "hop=one; Path=/")];
            asked.respond("302 Found", b"moved", &fields);
        }
        "/two" => {
            asked.respond("301 Moved Permanently", b"", &[("Location", "/data.json?from=two")])
        }
        "/led" => asked.respond("307 Temporary Redirect", b"", &[("Location", "/posted?led")]),
        "/data.json" => asked.respond("200 OK", b"{\"a\":1}", &[JSON]),
        "/posted" => {
            let expires = "p=1; Path=/; Secure; Expires=Wed, 01 Jan 2031 00:00:00 GMT";
            asked.respond("200 OK", b"{\"ok\":true}", &[JSON, ("Set-Cookie", expires)]);
        }
        "/checked" if asked.header("if-none-match").is_some() => {
            asked.respond("304 Not Modified", b"", &[("ETag", "\"v1\""), ("X-Fresh", "yes")]);
        }
        "/checked" => {
            let fields = [TEXT, ("ETag", "\"v1\""), ("Cache-Control", "no-cache")];
            asked.respond("200 OK", b"checked body", &fields);
        }
        "/kept" => {
            let fields = [TEXT, ("Cache-Control", "max-age=1000"), ("Set-Cookie", "kept=1")];
            asked.respond("200 OK", b"kept body", &fields);
        }
        "/style.css" => asked.respond("200 OK", b"b{color:red}", &[("Content-Type", "text/css")]),
        "/script.js" => {
            asked.respond("200 OK", b"'use strict'", &[("Content-Type", "text/javascript")])
        }
        "/broken" => asked.respond("500 Internal Server Error", b"", &[]),
        "/nothing" => asked.respond("200 OK", b"", &[TEXT]),
        "/huge" => asked.respond("200 OK", &vec![b'x'; 6 << 20], &[TEXT]),
        "/worker.js" => {
            let script = b"console.log('in a worker', {w: 1}); postMessage(1)";
            asked.respond("200 OK", script, &[("Content-Type", "text/javascript")]);
        }
        "/frame" => {
            let page = b"<!DOCTYPE html><script>console.log('in a frame')</script>";
            asked.respond("200 OK", page, &[("Content-Type", "text/html")]);
        }
        "/file" => {
            let fields = [("Content-Disposition", "attachment; filename=a.bin")];
            asked.respond("200 OK", b"content", &fields);
        }
        "/socket" => echo(asked),
        "/events" => {
            let events = b"id: 1\nevent: ping\ndata: {\"x\":1}\n\ndata: two\n\n";
            asked.respond("200 OK", events, &[("Content-Type", "text/event-stream")]);
        }
        "/csp" => {
            let page = b"<!DOCTYPE html><img src=/pixel.svg>";
            let fields =
                [("Content-Type", "text/html"), ("Content-Security-Policy", "img-src 'none'")];
            asked.respond("200 OK", page, &fields);
        }
        "/pixel.svg" | "/release" | "/favicon.ico" => {
            let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>";
            asked.respond("200 OK", svg, &[("Content-Type", "image/svg+xml")]);
        }
        _ => asked.respond(
            "404 Not Found",
            b"<!DOCTYPE html><h1>no",
            &[("Content-Type", "text/html")],
        ),
    }
}

/// A page whose script runs before the page has loaded: until it ends, and for so many milliseconds.
fn page(script: &str, more: &str) -> String {
    format!(
        "<!DOCTYPE html><title>T</title><body><img src=/hold><script>(async () => {{\n{script}\n\
         }})().catch(why => console.error('the test:', why)).then(() => fetch('/release'));\
         </script>{more}"
    )
}

fn config(parts: &[PagePart]) -> CaptureConfig {
    let mut config = only(parts);
    config.redact = false;
    config
}

/// Captures these parts of a page, as they are.
fn captured(url: &str, parts: &[PagePart]) -> Draft {
    let browser = shared();
    let mut page = browser.open(url).unwrap();
    draft_of(&mut page, Draft::new(), &config(parts), &Redactor::new([7; 32])).unwrap()
}

fn part<'a>(draft: &'a Draft, name: &str) -> &'a DraftArtifact {
    let found = draft.artifacts().iter().find(|artifact| artifact.name().as_str() == name);
    found.unwrap_or_else(|| panic!("the draft has no {name}"))
}

fn text(draft: &Draft, name: &str) -> String {
    let artifact = part(draft, name);
    let content = artifact.content().unwrap_or_else(|| panic!("{name}: {:?}", artifact.reason()));
    String::from_utf8(content.to_vec()).unwrap()
}

fn facts(draft: &Draft) -> Value {
    serde_json::from_str(&text(draft, "facts.json")).unwrap()
}

fn console(draft: &Draft) -> Vec<Value> {
    let text = text(draft, "console.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

/// The HAR of a capture, checked against the form that HAR 1.2 asks for.
fn har(draft: &Draft) -> Value {
    let har = serde_json::from_str(&text(draft, "network.har")).unwrap();
    check_har(&har);
    har
}

/// The entries whose addresses end so.
fn entries<'a>(har: &'a Value, end: &str) -> Vec<&'a Value> {
    let all = har["log"]["entries"].as_array().unwrap().iter();
    all.filter(|entry| entry["request"]["url"].as_str().unwrap().ends_with(end)).collect()
}

fn entry<'a>(har: &'a Value, end: &str) -> &'a Value {
    let found = entries(har, end);
    assert_eq!(found.len(), 1, "{end} in {har:#}");
    found[0]
}

fn header<'a>(side: &'a Value, name: &str) -> Option<&'a str> {
    let mut headers = side["headers"].as_array().unwrap().iter();
    let found = headers.find(|it| it["name"].as_str().unwrap().eq_ignore_ascii_case(name))?;
    found["value"].as_str()
}

// The console

#[test]
fn everything_that_a_page_says_is_told_as_its_console_shows_it() {
    let script = "
        console.log('a log', 1, {a: 1, b: [1, 2]}, [1, 'x'], null, undefined, 10n, new Map([[1, 2]]));
        console.debug('a debug'); console.info('an info'); console.error('an error');
        console.warn('a warning'); console.dir({d: 1}); console.dirxml(document.head);
        console.table([{a: 1}, {a: 2}]); console.trace('a trace');
        console.group('outer'); console.groupCollapsed('inner'); console.groupEnd();
        console.assert(false, 'as %s', 'said'); console.count('times'); console.time('timer');
        console.timeEnd('timer'); console.clear();
        console.log('%cstyled %s', 'color: red', 'text');
        for (let i = 0; i < 5; i++) console.log('again');
        const policy = trustedTypes.createPolicy('p', {createHTML: text => text});
        console.log(policy.createHTML('<b>trusted</b>'));";
    let (site, _) = site(vec![("/", page(script, ""))]);
    let draft = captured(&site.url("/"), &[PagePart::Console]);
    let lines = console(&draft);
    let said: Vec<(&str, &str, &str)> = of_kind(&lines, "console")
        .into_iter()
        .map(|line| {
            let field = |name: &str| line[name].as_str().unwrap();
            (field("type"), field("level"), field("text"))
        })
        .collect();
    let timer = said.iter().find(|line| line.0 == "timeEnd").unwrap().2;
    assert!(timer.starts_with("timer: ") && timer.ends_with(" ms"), "{timer}");
    let wanted = [
        (
            "log",
            "info",
            "a log 1 {a: 1, b: Array(2)} [1, \"x\"] null undefined 10n Map(1) {1 => 2}",
        ),
        ("debug", "debug", "a debug"),
        ("info", "info", "an info"),
        ("error", "error", "an error"),
        ("warning", "warning", "a warning"),
        ("dir", "info", "{d: 1}"),
        ("dirxml", "info", "head"),
        ("table", "info", "[{a: 1}, {a: 2}]"),
        ("trace", "info", "a trace"),
        ("startGroup", "info", "outer"),
        ("startGroupCollapsed", "info", "inner"),
        ("endGroup", "info", "console.groupEnd"),
        ("assert", "error", "as said"),
        ("count", "info", "times: 1"),
        ("timeEnd", "info", timer),
        ("clear", "info", "console.clear"),
        ("log", "info", "styled text"),
        ("log", "info", "again"),
        ("log", "info", "<b>trusted</b>"),
    ];
    assert_eq!(said, wanted);
    let again = lines.iter().find(|line| line["text"] == "again").unwrap();
    assert_eq!(again["repeat"], 5);
    assert!(again["until"].as_str() >= again["time"].as_str());
    let said = of_kind(&lines, "console");
    let times: Vec<&str> = said.iter().map(|line| line["time"].as_str().unwrap()).collect();
    assert!(times.iter().all(|time| time.len() == "2026-01-29T06:43:41.714106Z".len()));
    assert!(times.is_sorted());
}

#[test]
fn what_is_thrown_is_told_and_what_is_handled_after_all_is_marked() {
    let script = "
        const next = () => new Promise(done => setTimeout(done, 5));
        function thrower() { throw new Error('on purpose'); }
        setTimeout(thrower);
        setTimeout(() => { throw 'a text'; });
        Promise.reject(new Error('rejected'));
        Promise.reject({code: 7});
        const late = Promise.reject(new Error('handled late'));
        await next();
        late.catch(() => {});
        await next();";
    let (site, _) = site(vec![("/", page(script, ""))]);
    let lines = console(&captured(&site.url("/"), &[PagePart::Console]));
    let thrown = of_kind(&lines, "exception");
    let mut told: Vec<(&str, bool)> = thrown
        .iter()
        .map(|line| {
            let first = line["text"].as_str().unwrap().lines().next().unwrap();
            (first, line.get("revoked").is_some())
        })
        .collect();
    told.sort_unstable();
    let wanted = [
        ("Uncaught (in promise) Error: handled late", true),
        ("Uncaught (in promise) Error: rejected", false),
        ("Uncaught (in promise) {code: 7}", false),
        ("Uncaught Error: on purpose", false),
        ("Uncaught a text", false),
    ];
    assert_eq!(told, wanted);
    let on_purpose = |line: &&&Value| line["text"].as_str().unwrap().contains("on purpose");
    let thrower = thrown.iter().find(on_purpose).unwrap();
    assert_eq!(thrower["stack"][0]["function"], "thrower");
    // The page's script begins in the first line of the document.
    assert_eq!(thrower["line"], 4);
}

#[test]
fn what_happens_to_a_page_is_told_beside_what_it_says() {
    let script = "
        history.pushState({}, '', '/pushed');
        location.hash = 'below';
        window.open('/elsewhere');
        console.log(confirm('sure?'), prompt('name?', 'nobody'));
        const worker = new Worker('/worker.js');
        await new Promise(done => worker.onmessage = done);
        const frame = document.createElement('iframe');
        frame.src = '/file'; document.body.append(frame);
        await new Promise(done => setTimeout(done, 300));";
    let more = "<iframe src=/frame></iframe><img src=/missing.png>";
    let (site, _) = site(vec![("/", page(script, more))]);
    let lines = console(&captured(&site.url("/"), &[PagePart::Console]));
    let told = |kind: &str, more: &str| -> Vec<(String, String)> {
        let lines = of_kind(&lines, kind).into_iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().replace(&site.url(""), "");
        lines.map(|line| (text(&line["text"]), text(&line[more]))).collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let navigation =
        [("/", "Navigation"), ("/pushed", "historyApi"), ("/pushed#below", "fragment")];
    assert_eq!(told("navigation", "type"), pairs(&navigation));
    assert_eq!(told("popup", "type"), pairs(&[("/elsewhere", "")]));
    let dialogs = [("sure?", "dismissed"), ("name?", "dismissed")];
    assert_eq!(told("dialog", "answer"), pairs(&dialogs));
    assert_eq!(told("download", "state"), pairs(&[("a.bin", "canceled")]));
    let said = told("console", "type");
    assert!(said.contains(&("false null".into(), "log".into())), "{said:?}");
    let in_frame = lines.iter().find(|line| line["text"] == "in a frame").unwrap();
    assert!(in_frame["frame"].is_string(), "{in_frame}");
    let from_worker: Vec<_> = lines
        .iter()
        .filter(|line| line["text"].as_str().unwrap().contains("in a worker"))
        .collect();
    assert_eq!(from_worker.len(), 1, "{from_worker:?}");
    let missing = lines.iter().find(|line| line["source"] == "network").unwrap();
    assert!(missing["request_id"].is_string() && missing["text"].as_str().unwrap().contains("404"));
}

#[test]
fn a_flood_is_told_in_part_and_counted_whole() {
    let script = "for (let i = 0; i < 100000; i++) console.log('line', i);";
    let (site, _) = site(vec![("/", page(script, ""))]);
    // A busy machine needs its time for so many.
    let browser = launch_patient(300_000);
    let mut page = browser.open(&site.url("/")).unwrap();
    let config = config(&[PagePart::Console, PagePart::Network]);
    let draft = draft_of(&mut page, Draft::new(), &config, &Redactor::new([7; 32])).unwrap();
    let lines = console(&draft);
    let dropped = of_kind(&lines, "dropped");
    assert_eq!(dropped.len(), 1);
    let said = of_kind(&lines, "console");
    let count = dropped[0]["count"].as_u64().unwrap();
    assert_eq!(said.len() as u64 + count, 100_000);
    assert!(text(&draft, "console.jsonl").len() < 1 << 20);
    assert_eq!(
        (&said[0]["text"], &said[said.len() - 1]["text"]),
        (&json!("line 0"), &json!("line 99999"))
    );
    // The gap is where it says.
    let at = lines.iter().position(|line| line["kind"] == "dropped").unwrap();
    let number = |line: &Value| -> u64 {
        line["text"].as_str().unwrap().trim_start_matches("line ").parse().unwrap()
    };
    assert_eq!(number(&lines[at + 1]) - number(&lines[at - 1]), count + 1);
    assert_eq!(entry(&har(&draft), "/release")["response"]["status"], 200);
    assert_eq!(facts(&draft)["events_dropped"], count);
}

// The network

const NETWORK: &[PagePart] = &[PagePart::Network];

#[test]
fn each_hop_has_its_own_headers_and_cookies_as_they_were_sent() {
    let script = "document.cookie = 'script=1'; await fetch('/one', {headers: {
        Authorization: 'Bearer t0ken', 'X-Own': 'yes'}});";
    let (site, _) = site(vec![("/", page(script, ""))]);
    let har = har(&captured(&site.url("/?q=a%20b&r=c+d"), NETWORK));
    let document = entry(&har, "/?q=a%20b&r=c+d");
    let query = json!([{ "name": "q", "value": "a b" }, { "name": "r", "value": "c d" }]);
    assert_eq!(document["request"]["queryString"], query);
    assert_eq!(document["serverIPAddress"], "127.0.0.1");
    assert!(document["connection"].is_string());
    assert_eq!(document["_resourceType"], "document");
    assert_eq!(document["request"]["httpVersion"], "HTTP/1.1");
    let set = &document["response"]["cookies"];
    assert_eq!((&set[0]["name"], &set[0]["httpOnly"]), (&json!("sess"), &json!(true)));
    assert_eq!((&set[1]["name"], &set[1]["sameSite"]), (&json!("vis"), &json!("Strict")));
    assert!(set[1]["expires"].as_str() > document["startedDateTime"].as_str());

    let one = entry(&har, "/one");
    assert_eq!(one["response"]["status"], 302);
    assert_eq!(one["response"]["redirectURL"], site.url("/two"));
    let two = entry(&har, "/two");
    assert_eq!(two["response"]["status"], 301);
    let data = entry(&har, "/data.json?from=two");
    assert_eq!(data["response"]["status"], 200);
    assert_eq!(data["response"]["content"]["size"], 7);
    assert_eq!(data["_requestId"], one["_requestId"]);
    for hop in [one, two, data] {
        assert_eq!(header(&hop["request"], "authorization"), Some("Bearer t0ken"));
        assert_eq!(header(&hop["request"], "x-own"), Some("yes"));
        assert!(header(&hop["request"], "host").is_some());
        assert!(hop["request"]["headersSize"].as_i64() > Some(0));
        assert!(hop["response"]["headersSize"].as_i64() > Some(0));
    }
    let names = |entry: &Value| -> Vec<String> {
        let cookies = entry["request"]["cookies"].as_array().unwrap().iter();
        cookies.map(|cookie| cookie["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(one), ["sess", "vis", "script"]);
    // What the first hop set is sent with the second.
    assert_eq!(names(two), ["sess", "vis", "script", "hop"]);
    assert_eq!(two["request"]["cookies"][0]["httpOnly"], true);
    assert_eq!(one["response"]["cookies"][0]["value"], "one");
    let started: Vec<_> =
        [one, two, data].map(|entry| entry["startedDateTime"].as_str().unwrap()).to_vec();
    assert!(started.is_sorted());
    let page = &har["log"]["pages"][0];
    assert_eq!(page["title"], "T");
    let timings = &page["pageTimings"];
    assert!(timings["onLoad"].as_f64() >= timings["onContentLoad"].as_f64());
    assert!(timings["onContentLoad"].as_f64() > Some(0.0));
    assert!(timings["_largestContentfulPaint"].as_f64().is_none_or(|at| at > 0.0));
}

#[test]
fn bodies_of_requests_are_told_in_their_forms() {
    let script = "
        const post = (url, body, headers) => fetch(url, {method: 'POST', body, headers});
        await post('/posted?form', new URLSearchParams({user: 'é y', password: 'hunter2'}));
        await post('/posted?json', JSON.stringify({a: 'ü'}), {'Content-Type': 'application/json'});
        const parts = new FormData();
        parts.append('user', 'me');
        parts.append('file', new Blob(['content'], {type: 'text/plain'}), 'n.txt');
        await post('/posted?parts', parts);
        await post('/posted?bytes', new Uint8Array([0, 1, 255]));
        await post('/posted?large', 'x'.repeat(100000));
        await post('/led', 'led=1');";
    let (site, _) = site(vec![("/", page(script, ""))]);
    let har = har(&captured(&site.url("/"), NETWORK));
    let posted = |end: &str| &entry(&har, end)["request"]["postData"];
    let form = posted("?form");
    assert_eq!(form["text"], "user=%C3%A9+y&password=hunter2");
    let params =
        json!([{ "name": "user", "value": "é y" }, { "name": "password", "value": "hunter2" }]);
    assert_eq!(form["params"], params);
    assert_eq!(posted("?json")["text"], "{\"a\":\"ü\"}");
    assert_eq!(posted("?json")["mimeType"], "application/json");
    // Only when it is asked for does the browser tell what is made of parts.
    let params = json!([
        { "name": "user", "value": "me" },
        { "name": "file", "value": "content", "fileName": "n.txt", "contentType": "text/plain" },
    ]);
    assert_eq!(posted("?parts")["params"], params);
    assert_eq!(posted("?bytes")["text"], "\0\u{1}ÿ");
    assert_eq!(entry(&har, "?bytes")["request"]["bodySize"], 3);
    assert_eq!(posted("?large")["text"], "");
    assert!(posted("?large")["comment"].as_str().unwrap().contains("too large"));
    assert_eq!(entry(&har, "?large")["request"]["bodySize"], 100_000);
    // Both hops post it.
    assert_eq!(
        (&posted("/led")["text"], &posted("?led")["text"]),
        (&json!("led=1"), &json!("led=1"))
    );
    let expires = &entry(&har, "?form")["response"]["cookies"][0]["expires"];
    assert_eq!(expires, "2031-01-01T00:00:00.000000Z");
}

#[test]
fn what_was_not_changed_and_what_was_kept_is_told_as_such() {
    let script = "
        for (let i = 0; i < 2; i++) {
            await fetch('/checked').then(it => it.text());
            await fetch('/kept').then(it => it.text());
        }
        for (let i = 0; i < 2; i++)
            await new Promise(done => { const image = new Image();
                image.onload = done; image.src = '/pixel.svg'; });";
    let (site, hits) = site(vec![("/", page(script, ""))]);
    let har = har(&captured(&site.url("/"), NETWORK));
    let checked = entries(&har, "/checked");
    let statuses: Vec<_> = checked.iter().map(|it| &it["response"]["status"]).collect();
    assert_eq!(statuses, [200, 304]);
    assert_eq!(header(&checked[1]["request"], "if-none-match"), Some("\"v1\""));
    assert_eq!(header(&checked[1]["response"], "x-fresh"), Some("yes"));
    assert_eq!(checked[1]["response"]["statusText"], "Not Modified");
    assert_eq!(
        (&checked[1]["response"]["bodySize"], &checked[1]["response"]["content"]["size"]),
        (&json!(0), &json!(12))
    );
    let kept = entries(&har, "/kept");
    assert_eq!((kept[0].get("_fromCache"), &kept[1]["_fromCache"]), (None, &json!("disk")));
    // It is not told that the server set a cookie again.
    assert_eq!(kept[1]["response"]["cookies"], json!([]));
    assert_eq!(kept[1]["response"]["_transferSize"], 0);
    assert_eq!(hits.lock().unwrap()["/kept"], 1);
}

#[test]
fn what_failed_or_was_blocked_says_why() {
    let closed = closed_address();
    let script = format!(
        "const other = location.origin.replace('127.0.0.1', 'localhost');
        await fetch(other + '/data.json?cors').catch(() => {{}});
        await fetch(other + '/data.json?preflight', {{method: 'PUT'}}).catch(() => {{}});
        await fetch('{closed}').catch(() => {{}});
        const stop = new AbortController();
        const stopped = fetch('/hold?stopped', {{signal: stop.signal}}).catch(() => {{}});
        await new Promise(done => setTimeout(done, 50));
        stop.abort(); await stopped;
        await new Promise(done => {{ const frame = document.createElement('iframe');
            frame.onload = done; frame.src = '/csp'; document.body.append(frame); }});"
    );
    let (site, _) = site(vec![("/", page(&script, ""))]);
    let har = har(&captured(&site.url("/"), NETWORK));
    let failed = |end: &str| -> (i64, String) {
        let found = entries(&har, end);
        let found = found.iter().find(|it| it["request"]["method"] != "OPTIONS").unwrap();
        let why = found["response"]["_error"].as_str().unwrap_or_default();
        (found["response"]["status"].as_i64().unwrap(), why.to_owned())
    };
    // It was answered, and the page may not know.
    let cors = "net::ERR_FAILED, MissingAllowOriginHeader".to_owned();
    assert_eq!(failed("?cors"), (200, cors));
    let preflight = entries(&har, "?preflight");
    assert!(preflight.iter().any(|it| it["request"]["method"] == "OPTIONS"
        && it["_initiator"]["type"] == "preflight"
        && it["response"]["status"] == 200));
    let why = "net::ERR_FAILED, PreflightMissingAllowOriginHeader".to_owned();
    assert_eq!(failed("?preflight"), (0, why));
    assert_eq!(failed(&closed), (0, "net::ERR_CONNECTION_REFUSED".to_owned()));
    assert_eq!(failed("?stopped"), (0, "net::ERR_ABORTED".to_owned()));
    assert_eq!(failed("/pixel.svg"), (0, "csp".to_owned()));
}

/// Answers over a WebSocket until the page closes it.
fn echo(asked: Asked) {
    let key = asked.header("sec-websocket-key").unwrap().as_bytes();
    let key = tungstenite::handshake::derive_accept_key(key);
    let stream = asked.upgrade(&[("Upgrade", "websocket"), ("Sec-WebSocket-Accept", &key)]);
    thread::spawn(move || {
        let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
        let said = socket.read().unwrap();
        socket.send(Message::text(format!("you said {said}"))).unwrap();
        socket.send(Message::binary(vec![0, 1, 255])).unwrap();
        while socket.read().is_ok() {}
    });
}

#[test]
fn what_goes_over_websockets_and_event_streams_is_told() {
    let script = "
        const socket = new WebSocket(location.origin.replace('http', 'ws') + '/socket?x=1');
        await new Promise(done => {
            let count = 0;
            socket.onopen = () => socket.send('hello');
            socket.onmessage = () => { if (++count == 2) socket.close(); };
            socket.onclose = done;
        });
        const stream = new EventSource('/events');
        await new Promise(done => { stream.onmessage = done; });
        stream.close();";
    let (site, _) = site(vec![("/", page(script, ""))]);
    let har = har(&captured(&site.url("/"), NETWORK));
    let socket = entry(&har, "/socket?x=1");
    assert_eq!(socket["response"]["status"], 101);
    assert_eq!(header(&socket["request"], "upgrade"), Some("websocket"));
    assert!(
        header(&socket["request"], "cookie").is_some_and(|it| it.contains("sess")),
        "{socket:#}"
    );
    assert_eq!(socket["_resourceType"], "websocket");
    assert!(socket["response"].get("_error").is_none());
    let messages: Vec<_> = socket["_webSocketMessages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["type"].as_str().unwrap(), it["opcode"].as_i64().unwrap(), &it["data"]))
        .collect();
    let wanted = [
        ("send", 1, &json!("hello")),
        ("receive", 1, &json!("you said hello")),
        ("receive", 2, &json!("AAH/")),
    ];
    assert_eq!(messages, wanted);
    let began = socket["_webSocketMessages"][0]["time"].as_f64().unwrap();
    assert!(began > 1.7e9 && began < 1e10, "seconds since 1970: {began}");
    let stream = entry(&har, "/events");
    assert_eq!(stream["_resourceType"], "eventsource");
    assert_eq!(stream["_eventSourceMessages"][0]["eventName"], "ping");
    assert_eq!(stream["_eventSourceMessages"][1]["data"], "two");
}

#[test]
fn a_page_that_leaves_is_two_pages() {
    // One that leaves sooner has not all come, and its body is told as such.
    let first = "<!DOCTYPE html><title>First</title><script>
        addEventListener('DOMContentLoaded', () => location.replace('/second'))</script>";
    let second = "<!DOCTYPE html><title>Second</title><img src=/pixel.svg>";
    let (site, _) = site(vec![("/", first.into()), ("/second", second.into())]);
    let parts = [PagePart::Network, PagePart::Bodies, PagePart::Source];
    let draft = captured(&site.url("/"), &parts);
    let har = har(&draft);
    let pages: Vec<_> =
        har["log"]["pages"].as_array().unwrap().iter().map(|it| &it["title"]).collect();
    assert_eq!(pages, [&json!(site.url("/")), &json!("Second")]);
    assert_eq!(entry(&har, "/second")["pageref"], "page_2");
    assert_eq!(entry(&har, "/pixel.svg")["pageref"], "page_2");
    // The first document's body outlived it.
    assert_eq!(text(&draft, "body-001.html"), first);
    assert_eq!(text(&draft, "body-002.html"), second);
    assert_eq!(text(&draft, "source.html"), second);
}

// Bodies

#[test]
fn bodies_are_taken_once_and_what_is_not_taken_says_why() {
    let script = "
        for (const url of ['/data.json', '/nothing', '/huge', '/missing', '/posted'])
            await fetch(url, {method: url == '/posted' ? 'POST' : 'GET'}).then(it => it.text());
        await fetch(closed).catch(() => {});";
    let script = format!("const closed = '{}';{script}", closed_address());
    let more = "<link rel=stylesheet href=/style.css><script src=/script.js></script>\
                <img src=/pixel.svg>";
    let page = page(&script, more);
    let (site, hits) = site(vec![("/", page.clone())]);
    let draft = captured(&site.url("/"), &[PagePart::Bodies, PagePart::Network]);
    let har = har(&draft);
    let content = |end: &str| &entry(&har, end)["response"]["content"];
    for (end, ending, body) in [
        ("/", "html", page.as_str()),
        ("/style.css", "css", "b{color:red}"),
        ("/script.js", "js", "'use strict'"),
        ("/data.json", "json", "{\"a\":1}"),
        ("/posted", "json", "{\"ok\":true}"),
        ("/missing", "html", "<!DOCTYPE html><h1>no"),
    ] {
        let end = if end == "/" { site.url("/") } else { end.to_owned() };
        let name = content(&end)["_artifact"].as_str().unwrap_or_else(|| panic!("{end}: {har:#}"));
        assert!(name.starts_with("body-0") && name.ends_with(ending), "{name}");
        assert_eq!(text(&draft, name), body);
        let ledger = facts(&draft)["ledger"].clone();
        let line = ledger.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap();
        assert_eq!(line["detail"]["request_id"], entry(&har, &end)["_requestId"]);
        assert_eq!(line["detail"]["url"], entry(&har, &end)["request"]["url"]);
    }
    assert_eq!(content("/nothing")["text"], "");
    let why = |end: &str| match content(end)["comment"].as_str() {
        Some(why) => why,
        None => panic!("{end}: {har:#}"),
    };
    assert_eq!(why("/huge"), "it is 6291456 bytes; at most 5242880 are taken");
    assert_eq!(why("/pixel.svg"), "bodies of image/svg+xml are not taken");
    assert_eq!(content("/huge")["size"], 6 << 20);
    for (path, times) in hits.lock().unwrap().iter() {
        assert_eq!(*times, 1, "{path} was asked for again");
    }
    assert!(draft.artifacts().iter().all(|artifact| artifact.status() == Stored));
}

#[test]
fn a_page_whose_pieces_are_pictures_has_one_body_and_one_that_did_not_come_has_none() {
    let (site, _) = site(vec![("/", "<!DOCTYPE html><img src=/pixel.svg>".into())]);
    let draft = captured(&site.url("/"), &[PagePart::Bodies]);
    let names: Vec<_> = draft.artifacts().iter().map(|artifact| artifact.name().as_str()).collect();
    assert_eq!(names, ["body-001.html", "facts.json"]);
    // What the browser shows instead is nobody's answer.
    for url in [closed_address(), site.url("/broken")] {
        let draft = captured(&url, &[PagePart::Bodies, PagePart::Source, PagePart::Network]);
        assert_eq!(part(&draft, "source.html").status(), Empty);
        let ledger = facts(&draft)["ledger"].clone();
        let told: Vec<_> = ledger
            .as_array()
            .unwrap()
            .iter()
            .map(|line| (line["name"].as_str().unwrap(), line["status"].as_str().unwrap()))
            .collect();
        let wanted = [("source.html", "empty"), ("bodies", "empty"), ("network.har", "stored")];
        assert_eq!(told, wanted, "{ledger:#}");
    }
}

#[test]
fn the_source_is_what_the_server_sent_and_an_error_has_one_too() {
    let page =
        "<!DOCTYPE html><title>T</title><p id=p>as sent<script>p.textContent='changed'</script>";
    let (site, hits) = site(vec![("/", page.into())]);
    let parts = [PagePart::Source, PagePart::Html];
    let draft = captured(&site.url("/"), &parts);
    assert_eq!(text(&draft, "source.html"), page);
    assert!(text(&draft, "page.html").contains("changed</p>"));
    assert_eq!(facts(&draft)["watched_from_start"], true);
    let draft = captured(&site.url("/nope"), &parts);
    assert_eq!(text(&draft, "source.html"), "<!DOCTYPE html><h1>no");
    assert_eq!(facts(&draft)["http_status"], 404);
    assert!(hits.lock().unwrap().values().all(|times| *times <= 2));
}

#[test]
fn a_browser_that_is_gone_leaves_what_was_recorded_and_says_what_bodies_lack() {
    let (site, _) = site(vec![("/", "<!DOCTYPE html><title>T</title>".into())]);
    let browser = launch_patient(30_000);
    let mut page = browser.open(&site.url("/")).unwrap();
    let process = browser.process_id().unwrap().to_string();
    let killed = std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap();
    assert!(killed.success());
    let parts = config(&[PagePart::Source, PagePart::Bodies, PagePart::Network]);
    let draft = draft_of(&mut page, Draft::new(), &parts, &Redactor::new([7; 32])).unwrap();
    for name in ["source.html", "bodies"] {
        assert_eq!(part(&draft, name).status(), Failed);
        assert!(part(&draft, name).reason().unwrap().contains("gone"));
    }
    let why = entry(&har(&draft), "/")["response"]["content"]["comment"].clone();
    assert!(why.as_str().unwrap().contains("gone"), "{why}");
}

#[test]
fn an_exported_har_has_its_bodies_inside() {
    let (site, _) = site(vec![("/", page("await fetch('/data.json').then(it => it.text())", ""))]);
    let folder = TempDir::new().unwrap();
    let repo = Repository::in_memory().unwrap();
    let browser = shared();
    let mut page = browser.open(&site.url("/")).unwrap();
    let config = config(&[PagePart::Bodies, PagePart::Network]);
    let recorder = Recorder::new(&repo);
    let context = "shop.example/login".parse().unwrap();
    let captured = recorder.capture(&mut page, &context, &config).unwrap();
    let version: Version = captured.wait().unwrap().unwrap().version;
    let path = folder.path().join("out.har");
    transfer::export_har(&repo, &version, &path).unwrap();
    let har: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    check_har(&har);
    assert_eq!(entry(&har, "/data.json")["response"]["content"]["text"], "{\"a\":1}");
    let all = har["log"]["entries"].as_array().unwrap();
    for content in all.iter().map(|entry| &entry["response"]["content"]) {
        assert!(content["text"].is_string() || content["comment"].is_string(), "{content}");
        assert!(content.get("_artifact").is_none());
    }
    let name: ArtifactName = "page.mhtml".parse().unwrap();
    let none = transfer::export_artifact(&repo, &version, &name, folder.path().join("x"));
    assert!(none.unwrap_err().to_string().contains("page.mhtml"));
}
