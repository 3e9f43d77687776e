//! Loading: what a page is told, what it is waited for with, pages that go wrong, and where a page may
//! not lead.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tintype::capture::address::AddressPolicy;
use tintype::capture::chrome::{
    Browser, BrowserOptions, ChromePage, Cookie, Header as Extra, PageOptions, WaitFor,
};
use tintype::capture::redact::Redactor;
use tintype::capture::{Facts, Load, Page, Taken, draft_of};
use tintype::model::time::Stopwatch;
use tintype::{CaptureConfig, Draft, Error, PagePart, Status};
use tiny_http::{Header, Request, Response};

use crate::support::browsers::{launch, shared};
use crate::support::chromium::patient;
use crate::support::site::{Site, closed_address};

/// What a page of these tests has beside its body.
const HEAD: &str = "<!DOCTYPE html><title>Page</title>";

fn respond(request: Request, status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) {
    let mut response = Response::from_data(body).with_status_code(status);
    for (name, value) in headers {
        response.add_header(Header::from_bytes(*name, *value).unwrap());
    }
    // The browser may have gone away in the meantime.
    let _ = request.respond(response);
}

fn html(request: Request, body: &str) {
    respond(request, 200, &[("Content-Type", "text/html")], format!("{HEAD}{body}"));
}

/// A site with one page; requests to `/stuck` are never answered, others are empty.
fn page_of(body: &'static str) -> Site {
    let mut stuck = Vec::new();
    Site::serve(move |request| match request.url() {
        "/" => html(request, body),
        "/stuck" => stuck.push(request),
        _ => respond(request, 200, &[], ""),
    })
}

fn waits(waits: &[&str], wait_ms: u64) -> PageOptions {
    PageOptions {
        waits: waits.iter().map(|text| text.parse().unwrap()).collect(),
        wait_timeout: Duration::from_millis(wait_ms),
        load_timeout: Some(Duration::from_secs(20)),
        ..PageOptions::default()
    }
}

/// Opens the only page of a site; gives the facts, and whether the last wait was met.
fn waited(
    browser: &Browser,
    body: &'static str,
    options: &PageOptions,
) -> (ChromePage, Facts, bool) {
    let site = page_of(body);
    let mut page = browser.open_with(&site.url("/"), options).unwrap();
    let facts = page.facts();
    let met = facts.waits.last().unwrap().met;
    (page, facts, met)
}

fn taken(page: &mut ChromePage, part: PagePart) -> String {
    let config = CaptureConfig::default();
    match page.take(part, &config, Duration::from_secs(10)).unwrap() {
        Taken::Content(content) => String::from_utf8(content).unwrap(),
        Taken::Several(mut items) => String::from_utf8(items.remove(0).content).unwrap(),
        other => panic!("{other:?}"),
    }
}

// What a page is told

#[test]
fn a_page_sees_what_was_chosen_for_it_and_the_facts_tell_it_without_values() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let site = Site::serve(move |request| {
        let headers = request.headers().iter().map(|h| format!("{}: {}", h.field, h.value));
        heard.lock().unwrap().extend(headers);
        html(
            request,
            "<script>document.title = [navigator.userAgent, navigator.languages, \
             (1.5).toLocaleString(), innerWidth, innerHeight, devicePixelRatio, \
             document.cookie].join('|')</script>",
        );
    });
    let options = PageOptions {
        window: Some((640, 480)),
        device_scale: 2.0,
        user_agent: Some("Tester/1.0".into()),
        language: Some("de-DE,de,en".into()),
        headers: vec![Extra { name: "X-Key".into(), value: "s3cr3t".into() }],
        cookies: vec![
            Cookie::new("seen", "yes"),
            Cookie { http_only: true, ..Cookie::new("hidden", "h1dd3n") },
        ],
        ..PageOptions::default()
    };
    let browser = shared();
    let mut page = browser.open_with(&site.url("/"), &options).unwrap();
    let facts = page.facts();
    assert_eq!(
        facts.title.as_deref(),
        Some("Tester/1.0|de-DE,de,en|1,5|640|480|2|seen=yes"),
        "{facts:?}"
    );
    let asked = seen.lock().unwrap().join("\n");
    for line in ["User-Agent: Tester/1.0", "X-Key: s3cr3t", "hidden=h1dd3n", "de-DE,de;q=0.9"] {
        assert!(asked.contains(line), "{line} is not in {asked}");
    }
    assert_eq!(facts.user_agent.as_deref(), Some("Tester/1.0"));
    assert_eq!(facts.language.as_deref(), Some("de-DE,de,en"));
    assert_eq!(facts.headers_set, ["X-Key"]);
    assert_eq!(facts.cookies_set, ["seen", "hidden"]);
    let viewport = facts.viewport.unwrap();
    assert_eq!((viewport.width, viewport.height, viewport.device_scale), (640, 480, 2.0));
    let told = serde_json::to_string(&facts).unwrap();
    assert!(!told.contains("s3cr3t") && !told.contains("h1dd3n"), "{told}");
    // A picture of the window has its device pixels.
    let config = CaptureConfig::default();
    let picture = page.take(PagePart::ViewPng, &config, Duration::from_secs(10)).unwrap();
    let Taken::Content(png) = picture else { panic!("{picture:?}") };
    assert_eq!(&png[16..24], [0, 0, 5, 0, 0, 0, 3, 0xc0]);

    // The next page has nothing of it.
    let mut next = browser.open(&site.url("/")).unwrap();
    let title = next.facts().title.unwrap();
    assert!(title.ends_with("|1280|800|1|") && !title.contains("Tester"), "{title}");
}

#[test]
fn what_can_not_be_chosen_is_refused_by_its_value_before_anything_is_asked_for() {
    let browser = shared();
    for (options, value) in [
        (PageOptions { window: Some((0, 600)), ..PageOptions::default() }, "0x600"),
        (PageOptions { device_scale: f64::NAN, ..PageOptions::default() }, "NaN"),
        (
            PageOptions {
                headers: vec![Extra { name: "X-A".into(), value: "b\r\nX-C: d".into() }],
                ..PageOptions::default()
            },
            "X-A",
        ),
        (
            PageOptions { cookies: vec![Cookie::new("__Secure-a", "b")], ..PageOptions::default() },
            "__Secure-a",
        ),
    ] {
        let refused = browser.open_with(&closed_address(), &options).unwrap_err();
        assert!(matches!(refused, Error::Invalid { .. }), "{refused}");
        assert!(refused.to_string().contains(value), "{refused}");
    }
}

// What a page is waited for with

#[test]
fn an_element_that_comes_late_is_waited_for_and_so_is_one_that_goes() {
    let browser = shared();
    let (mut page, facts, met) = waited(
        &browser,
        "<p class=spinner>wait<script>setTimeout(() => { \
         document.querySelector('.spinner').outerHTML = '<b class=price>12</b>' }, 300)</script>",
        &waits(&["load", "selector:b.price", "gone:.spinner"], 10_000),
    );
    assert!(met, "{facts:?}");
    let what: Vec<&str> = facts.waits.iter().map(|wait| wait.what.as_str()).collect();
    assert_eq!(what, ["response", "load", "selector:b.price", "gone:.spinner"]);
    assert!(facts.waits[2].met && facts.waits[2].took_ms >= 200, "{facts:?}");
    assert!(taken(&mut page, PagePart::Html).contains("class=\"price\""));
}

#[test]
fn a_selector_is_looked_for_on_in_the_page_that_takes_the_place_of_the_first() {
    let site = Site::serve(|request| match request.url() {
        "/" => html(request, "<script>setTimeout(() => location = '/next', 200)</script>"),
        _ => html(request, "<b class=price>12</b>"),
    });
    let options = waits(&["load", "selector:.price"], 10_000);
    let facts = shared().open_with(&site.url("/"), &options).unwrap().facts();
    assert!(facts.waits[2].met && facts.load == Load::Loaded, "{facts:?}");
    assert!(facts.final_url.unwrap().ends_with("/next"));
}

#[test]
fn the_network_is_quiet_when_requests_have_ended_and_streams_do_not_count() {
    let (_, facts, met) = waited(
        &shared(),
        "<script>new EventSource('/stuck'); new WebSocket('ws://127.0.0.1:1/'); \
         navigator.sendBeacon('/stuck'); \
         let n = 0; (async () => { while (n < 5) { await fetch('/' + ++n); \
         await new Promise(go => setTimeout(go, 100)) } document.title = 'Done' })()</script>",
        &waits(&["load", "network"], 15_000),
    );
    assert!(met, "{facts:?}");
    assert_eq!(facts.title.as_deref(), Some("Done"));
    assert!(facts.waits[2].took_ms >= 500);
}

#[test]
fn each_wait_that_fails_costs_its_time_and_never_the_capture() {
    let options = waits(
        &["load", "network", "frames", "selector:.nowhere", "gone:p", "selector:p[", "fonts"],
        400,
    );
    let site = page_of(
        "<p>here</p><script>fetch('/stuck'); let n = 0; \
         setInterval(() => document.body.style.background = `rgb(${n++ % 256} 0 0)`, 5)</script>",
    );
    let watch = Stopwatch::start();
    let browser = shared();
    let mut page = browser.open_with(&site.url("/"), &options).unwrap();
    let facts = page.facts();
    let met: Vec<bool> = facts.waits.iter().map(|wait| wait.met).collect();
    assert_eq!(met, [true, true, false, false, false, false, false, true], "{:?}", facts.waits);
    // What is no selector is told, with why.
    let told = facts.waits[6].why.as_deref().unwrap();
    assert!(told.contains("not a valid selector"), "{told}");
    assert!(watch.elapsed() < Duration::from_secs(15));
    assert_eq!(facts.load, Load::Loaded);
    let config = patient().only([PagePart::Html, PagePart::ViewPng]);
    let draft = draft_of(&mut page, Draft::new(), &config, &Redactor::new([1; 32])).unwrap();
    assert_eq!(draft.chosen_status(), Some(Status::Complete));
}

#[test]
fn a_page_that_moves_for_a_while_is_waited_for_until_it_is_still() {
    let (_, facts, met) = waited(
        &shared(),
        "<p>0</p><script>let n = 0; const t = setInterval(() => { \
         document.querySelector('p').textContent = ++n; if (n == 40) clearInterval(t) }, 10)\
         </script>",
        &waits(&["load", "frames"], 15_000),
    );
    assert!(met, "{facts:?}");
}

#[test]
fn who_waits_for_the_html_alone_does_not_wait_for_what_it_names() {
    let options = waits(&["dom", "100ms"], 5_000);
    let watch = Stopwatch::start();
    let (_, facts, met) = waited(&shared(), "<p>here<img src=/stuck>", &options);
    assert!(met && facts.waits[1].met, "{facts:?}");
    assert!(facts.waits[2].took_ms >= 100);
    assert_eq!(facts.load, Load::Loaded);
    assert!(watch.elapsed() < Duration::from_secs(15));
    // And nobody at all is waited for where that is wanted.
    let (_, facts, met) = waited(&shared(), "<p>here<img src=/stuck>", &waits(&[], 1));
    assert!(met && facts.waits.len() == 1 && facts.load == Load::Loaded, "{facts:?}");
}

#[test]
fn a_script_that_never_ends_keeps_no_wait_from_ending() {
    let (_, facts, _) = waited(
        &shared(),
        "<p>here<script>onload = () => setTimeout(() => { for (;;); }, 0)</script>",
        &waits(&["load", "selector:.nowhere", "frames"], 300),
    );
    assert!(facts.waits[1].met && !facts.waits[2].met, "{facts:?}");
    assert!(!facts.rescues.is_empty());
}

// Pages that go wrong

/// Takes all that a page can give; the status, the facts, and the HAR.
fn captured(page: &mut ChromePage) -> (Status, Facts, Value) {
    let config =
        patient().only([PagePart::ViewPng, PagePart::Html, PagePart::Console, PagePart::Network]);
    let draft = draft_of(page, Draft::new(), &config, &Redactor::new([1; 32])).unwrap();
    let har = draft.artifacts().iter().find(|part| part.name().as_str() == "network.har").unwrap();
    let har = har.content().map_or(Value::Null, |har| serde_json::from_slice(har).unwrap());
    for part in draft.artifacts() {
        println!("{}: {}", part.name(), part.reason().unwrap_or("taken"));
    }
    (draft.chosen_status().unwrap(), page.facts(), har)
}

/// A server that answers every connection with these bytes and hangs up.
fn says(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(bytes);
        }
    });
    port
}

fn odd(request: Request) {
    let path = request.url().to_owned();
    match path.as_str() {
        "/json" => respond(request, 200, &[("Content-Type", "application/json")], "{\"a\": 1}"),
        "/png" => {
            let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\
                        \x55\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01\x48\xaf\xa4\x71\0\0\0\0IEND\xaeB`\x82";
            respond(request, 200, &[("Content-Type", "image/png")], &png[..]);
        }
        "/pdf" => {
            let pdf = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
                       2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
                       3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\n\
                       trailer<</Root 1 0 R>>";
            respond(request, 200, &[("Content-Type", "application/pdf")], pdf);
        }
        "/text" => respond(request, 200, &[("Content-Type", "text/plain")], "just text"),
        "/download" => respond(
            request,
            200,
            &[("Content-Type", "application/octet-stream"), ("Content-Disposition", "attachment")],
            "x",
        ),
        "/empty" => respond(request, 204, &[], ""),
        "/round" => respond(request, 302, &[("Location", "/round")], ""),
        "/away" => respond(request, 302, &[("Location", "http://nowhere.invalid/")], ""),
        "/huge" => respond(request, 200, &[("X", &"x".repeat(400_000))], "x"),
        "/blank" => html(request, "<script>location = 'about:blank'</script>"),
        "/close" => html(request, "here<script>window.close()</script>"),
        "/popups" => {
            html(request, "here<script>for (let i = 0; i < 30; i++) window.open('/popup')</script>")
        }
        "/again" => html(request, "here<script>location.reload()</script>"),
        "/again-later" => html(request, "here<script>onload = () => location.reload()</script>"),
        "/lost" => html(request, "<meta http-equiv=refresh content='0; url=http://127.0.0.1:1/'>"),
        "/nobody" => respond(request, 404, &[("Content-Type", "text/html")], "<h1>Nobody"),
        _ => respond(request, 404, &[], ""),
    }
}

#[test]
fn a_page_that_is_not_there_is_a_reason_in_the_facts_and_no_picture_of_an_error() {
    let site = Site::serve(odd);
    let browser = shared();
    let (garbage, silence) = (says(b"garbage\r\n\r\n"), says(b""));
    for (url, why) in [
        (site.url("/download"), "net::ERR_ABORTED, a download"),
        (site.url("/empty"), "net::ERR_ABORTED"),
        (site.url("/round"), "net::ERR_TOO_MANY_REDIRECTS"),
        (site.url("/away"), "net::ERR_NAME_NOT_RESOLVED"),
        (site.url("/huge"), "net::ERR_RESPONSE_HEADERS_TOO_BIG"),
        (format!("https://127.0.0.1:{garbage}/"), "net::ERR_SSL_PROTOCOL_ERROR"),
        (format!("http://127.0.0.1:{garbage}/"), "net::ERR_INVALID_HTTP_RESPONSE"),
        (format!("http://127.0.0.1:{silence}/"), "net::ERR_EMPTY_RESPONSE"),
        ("http://nowhere.invalid/".to_owned(), "net::ERR_NAME_NOT_RESOLVED"),
        ("http://127.0.0.1:1/".to_owned(), "net::ERR_UNSAFE_PORT"),
        (closed_address(), "net::ERR_CONNECTION_REFUSED"),
    ] {
        let watch = Stopwatch::start();
        let mut page = browser.open(&url).unwrap();
        let (status, facts, har) = captured(&mut page);
        assert_eq!((status, facts.load), (Status::Failed, Load::Failed), "{url}: {facts:?}");
        assert_eq!(facts.load_error.as_deref(), Some(why), "{url}");
        assert!(har["log"]["entries"].is_array());
        assert!(watch.elapsed() < Duration::from_secs(30), "{url}");
    }
    let mut lost = browser.open_with(&site.url("/lost"), &waits(&["load", "2000ms"], 1)).unwrap();
    let facts = lost.facts();
    let why = facts.load_error.as_deref().unwrap_or_default();
    assert!(facts.load == Load::Failed && why.contains("net::ERR_UNSAFE_PORT"), "{facts:?}");
}

#[test]
fn a_page_that_is_something_else_than_html_is_a_page_and_the_facts_say_what_it_is() {
    let site = Site::serve(odd);
    let browser = shared();
    for (path, media_type) in [
        ("/json", "application/json"),
        ("/png", "image/png"),
        ("/pdf", "application/pdf"),
        ("/text", "text/plain"),
        ("/nobody", "text/html"),
    ] {
        let mut page = browser.open(&site.url(path)).unwrap();
        let (status, facts, _) = captured(&mut page);
        assert_eq!((status, facts.load), (Status::Complete, Load::Loaded), "{path}: {facts:?}");
        assert_eq!(facts.media_type.as_deref(), Some(media_type), "{path}");
        assert_eq!(facts.http_status, Some(if path == "/nobody" { 404 } else { 200 }));
    }
}

#[test]
fn pages_that_do_what_they_like_are_taken_all_the_same() {
    let site = Site::serve(odd);
    let browser = shared();
    let options =
        PageOptions { load_timeout: Some(Duration::from_millis(1_500)), ..PageOptions::default() };
    for path in ["/blank", "/close", "/popups", "/again", "/again-later"] {
        let watch = Stopwatch::start();
        let mut page = browser.open_with(&site.url(path), &options).unwrap();
        let (status, facts, _) = captured(&mut page);
        assert_ne!(facts.load, Load::Failed, "{path}: {facts:?}");
        // One that never stops reloading may be caught without a document.
        let whole = status == Status::Complete;
        assert!(whole || path.starts_with("/again"), "{path}: {status:?} {facts:?}");
        assert!(watch.elapsed() < Duration::from_secs(20), "{path}");
        match path {
            "/blank" => assert_eq!(facts.final_url.as_deref(), Some("about:blank")),
            "/popups" => assert_eq!(facts.popups, 30),
            _ => {}
        }
    }
}

// Where a page may not lead

#[test]
fn addresses_that_are_not_of_the_web_are_refused_unless_they_are_allowed_by_name() {
    let browser = shared();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, format!("{HEAD}<p>from disk")).unwrap();
    let file = format!("file://{}", file.display());
    for url in [
        file.as_str(),
        "file:///etc/hostname",
        "chrome://version",
        "data:text/html,x",
        "about:blank",
        "devtools://devtools/bundled/inspector.html",
        "view-source:http://127.0.0.1/",
        "javascript:1",
        "blob:http://127.0.0.1/1",
    ] {
        let refused = browser.open(url).unwrap_err();
        assert!(matches!(refused, Error::Invalid { what: "address", .. }), "{refused}");
    }
    let allowed = |addresses| PageOptions { addresses, ..PageOptions::default() };
    let files = AddressPolicy { allow_file: true, ..AddressPolicy::default() };
    let mut page = browser.open_with(&file, &allowed(files)).unwrap();
    assert!(taken(&mut page, PagePart::Html).contains("from disk"));
    assert!(browser.open_with("data:text/html,x", &allowed(files)).is_err());
    let data = AddressPolicy { allow_data: true, ..AddressPolicy::default() };
    let mut page = browser.open_with("data:text/html,<p>inline", &allowed(data)).unwrap();
    assert!(taken(&mut page, PagePart::Html).contains("inline"));
    let own = AddressPolicy { allow_browser: true, ..AddressPolicy::default() };
    let mut page = browser.open_with("chrome://version", &allowed(own)).unwrap();
    assert!(taken(&mut page, PagePart::Html).contains("Chromium"));
}

#[test]
fn a_browser_does_not_look_into_its_own_debugging_port() {
    let browser = shared();
    let told = browser.profile().unwrap().join("DevToolsActivePort");
    let port = std::fs::read_to_string(told).unwrap().lines().next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost", "0x7f.1", "[::1]", "a.localhost"] {
        let refused = browser.open(&format!("http://{host}:{port}/json")).unwrap_err();
        assert!(refused.to_string().contains("debugging port"), "{refused}");
    }
}

/// Requests that came where none should.
type Hits = Arc<Mutex<Vec<String>>>;

/// A site on loopback that notes who comes.
fn canary() -> (Site, Hits) {
    let hits = Hits::default();
    let noted = Arc::clone(&hits);
    let site = Site::serve(move |request| {
        noted.lock().unwrap().push(request.url().to_owned());
        respond(request, 200, &[("Access-Control-Allow-Origin", "*")], "the canary");
    });
    (site, hits)
}

/// A proxy on which the whole Internet is: pages at public addresses, which lead to the canary.
fn internet(canary: &Site) -> Site {
    let private = canary.url("");
    let port = private.rsplit(':').next().unwrap().to_owned();
    Site::serve(move |request| {
        let url = request.url().to_owned();
        let path = url.strip_prefix("http://").and_then(|url| url.find('/').map(|at| &url[at..]));
        match path.unwrap_or_default() {
            "/" => html(
                request,
                &format!(
                    "<link rel=stylesheet href=/style.css><link rel=icon href={private}/icon>\
                     <link rel=prefetch href={private}/prefetch>\
                     <script type=speculationrules>{{\"prefetch\": [{{\"source\": \"list\", \
                     \"urls\": [\"{private}/speculation\"]}}]}}</script>\
                     <img src={private}/image><img src=/redirect>\
                     <img src=http://localhost:{port}/localhost>\
                     <img src=http://0x7f.1:{port}/hex><img src=http://2130706433:{port}/number>\
                     <img src=http://[::ffff:127.0.0.1]:{port}/mapped>\
                     <iframe src={private}/frame></iframe>\
                     <iframe src=http://93.184.216.35/inner></iframe>\
                     <video src={private}/video></video><object data={private}/object></object>\
                     <iframe name=target></iframe>\
                     <form action={private}/form method=post target=target></form>\
                     <script>\
                     fetch('{private}/fetch', {{mode: 'no-cors'}}).catch(() => 0);\
                     fetch('{private}/preflight', {{method: 'PUT', headers: {{'X-A': 'b'}}}})\
                     .catch(() => 0);\
                     navigator.sendBeacon('{private}/beacon', 'x'); new EventSource('{private}/events');\
                     new Worker('/worker.js'); document.forms[0].submit();\
                     </script>"
                ),
            ),
            "/style.css" => respond(
                request,
                200,
                &[("Content-Type", "text/css")],
                format!("@import '{private}/style'; p {{ background: url({private}/background) }}"),
            ),
            "/inner" => html(
                request,
                &format!(
                    "<img src={private}/inner-image>\
                     <script>fetch('{private}/inner-fetch').catch(() => 0)</script>"
                ),
            ),
            "/worker.js" => respond(
                request,
                200,
                &[("Content-Type", "text/javascript")],
                format!(
                    "fetch('{private}/worker-fetch').catch(() => 0); \
                     try {{ importScripts('{private}/worker-import') }} catch (e) {{}}"
                ),
            ),
            "/redirect" => {
                respond(request, 302, &[("Location", format!("{private}/redirect").as_str())], "")
            }
            "/leaves" => html(request, &format!("<script>location = '{private}/leaves'</script>")),
            "/socket" => html(
                request,
                &format!("<script>new WebSocket('ws://127.0.0.1:{port}/socket')</script>"),
            ),
            "/public" => html(request, "<p>public<img src=/pixel>"),
            _ => respond(request, 200, &[], ""),
        }
    })
}

fn behind(proxy: &Site) -> Browser {
    let proxy = proxy.url("").trim_start_matches("http://").to_owned();
    launch(BrowserOptions { proxy: Some(proxy), ..BrowserOptions::default() })
}

#[test]
fn a_public_page_leads_nowhere_private_by_whatever_it_tries() {
    let (canary, hits) = canary();
    let internet = internet(&canary);
    let browser = behind(&internet);
    let options = waits(&["load", "network", "500ms"], 5_000);

    let mut page = browser.open_with("http://93.184.216.34/", &options).unwrap();
    let (status, facts, har) = captured(&mut page);
    assert_eq!(*hits.lock().unwrap(), Vec::<String>::new());
    assert_eq!((status, facts.load), (Status::Complete, Load::Loaded), "{facts:?}");
    assert!(facts.guarded);
    for tried in [
        "/image",
        "/redirect",
        "/localhost",
        "/hex",
        "/number",
        "/mapped",
        "/frame",
        "/inner-image",
        "/inner-fetch",
        "/fetch",
        "/preflight",
        "/video",
        "/object",
        "/form",
        "/beacon",
        "/events",
        "/style",
        "/worker-fetch",
        "/worker-import",
    ] {
        let told = facts.blocked.iter().find(|blocked| blocked.url.ends_with(tried));
        let told = told.unwrap_or_else(|| panic!("{tried} is not in {:#?}", facts.blocked));
        assert!(told.why.contains(" is a"), "{told:?}");
    }
    assert!(facts.blocked_count >= facts.blocked.len() as u64);
    // The record of the network and the console say it too.
    let entries = har["log"]["entries"].as_array().unwrap();
    let image =
        entries.iter().find(|entry| entry["request"]["url"].as_str().unwrap().ends_with("/image"));
    let told = image.unwrap()["response"]["_error"].as_str().unwrap();
    assert!(told.contains("BLOCKED_BY_CLIENT"), "{told}");
    assert!(taken(&mut page, PagePart::Console).contains("BLOCKED_BY_CLIENT"));

    // As the page itself: by a redirect of the server, and by a script.
    for path in ["redirect", "leaves"] {
        let url = format!("http://93.184.216.34/{path}");
        let mut page = browser.open_with(&url, &options).unwrap();
        let (status, facts, _) = captured(&mut page);
        assert_eq!(status, Status::Failed, "{facts:?}");
        let why = facts.load_error.unwrap();
        assert!(why.contains("BLOCKED_BY_CLIENT: 127.0.0.1 is a loopback address"), "{why}");
    }
    assert_eq!(*hits.lock().unwrap(), Vec::<String>::new());

    // A public page that does nothing of the kind loads as always.
    let (status, facts, _) = captured(&mut browser.open("http://93.184.216.34/public").unwrap());
    assert_eq!((status, facts.blocked_count), (Status::Complete, 0), "{facts:?}");

    // A socket can't be kept back behind a proxy, and is told.
    let facts = browser.open("http://93.184.216.34/socket").unwrap().facts();
    let told = &facts.unexpected[0];
    assert!(told.url.ends_with("/socket") && told.why.contains("a loopback address"), "{told:?}");

    // What is allowed by name is not kept back.
    let addresses = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
    let allowed = PageOptions { addresses, ..options };
    let facts = browser.open_with("http://93.184.216.34/redirect", &allowed).unwrap().facts();
    assert!(!facts.guarded && facts.load == Load::Loaded, "{facts:?}");
    assert!(hits.lock().unwrap().contains(&"/redirect".to_owned()));
}

#[test]
fn a_private_page_that_the_caller_gives_is_not_watched_and_may_load_what_it_likes() {
    let (canary, hits) = canary();
    let url = canary.url("/other");
    let site = Site::serve(move |request| match request.url() {
        "/" => html(request, &format!("<img src={url}>")),
        _ => respond(request, 200, &[], ""),
    });
    for url in [site.url("/"), site.url("/").replace("127.0.0.1", "localhost")] {
        let facts = shared().open(&url).unwrap().facts();
        assert!(!facts.guarded && facts.blocked_count == 0 && facts.load == Load::Loaded);
    }
    assert_eq!(*hits.lock().unwrap(), ["/other", "/other"]);
}

#[test]
fn a_name_that_turns_out_to_be_private_is_told_by_what_answers() {
    let site = page_of("<p>public?");
    let at = site.url("").trim_start_matches("http://").to_owned();
    let rules = format!("--host-resolver-rules=MAP public.invalid:80 {at}");
    let browser = launch(BrowserOptions { arguments: vec![rules], ..BrowserOptions::default() });
    // This machine has no address for the name; the browser does.
    let facts = browser.open("http://public.invalid/").unwrap().facts();
    assert!(facts.guarded && facts.load == Load::Loaded, "{facts:?}");
    assert!(facts.unexpected[0].why.contains("127.0.0.1, a loopback address"), "{facts:?}");
    assert!(facts.arguments.iter().any(|argument| argument.contains("public.invalid")));
}

#[test]
fn a_wait_is_known_by_the_word_in_the_facts() {
    for text in ["load", "dom", "network", "fonts", "frames", "selector:.a", "gone:.b", "5ms"] {
        let wait: WaitFor = text.parse().unwrap();
        assert_eq!(serde_json::to_value(&wait).unwrap(), text);
        assert_eq!(serde_json::from_value::<WaitFor>(text.into()).unwrap(), wait);
    }
}
