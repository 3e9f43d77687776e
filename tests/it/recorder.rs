//! Captures into a store: at once or soon, from pages by a script, from recordings, and from tabs
//! that the caller drives.

use std::time::Duration;

use tintype::capture::{Fault, Item, Load, Taken};
use tintype::model::config::Environment;
use tintype::ops::monitor::{Window, metrics};
use tintype::{
    ArtifactStatus, CaptureConfig, CaptureMode, Context, Draft, Error, PagePart, Recorder,
    Repository, Status, Time,
};

use crate::support::script::{Act, Script};

fn place() -> Context {
    "shop.example/products/list".parse().unwrap()
}

fn at_once() -> CaptureConfig {
    let mut config = CaptureConfig::default();
    config.async_save = false;
    config
}

fn parts(config: &CaptureConfig) -> Vec<&'static str> {
    config.parts().into_iter().map(PagePart::artifact_name).collect()
}

// What is taken

#[test]
fn the_default_is_the_whole_page_with_all_four_switches_on() {
    let config = CaptureConfig::default();
    assert_eq!(config.mode(), CaptureMode::FullPage);
    assert_eq!(config.selector(), None);
    assert!(config.capture_html && config.capture_screenshot);
    assert!(config.capture_console && config.capture_network);
    assert!(config.deduplication_enabled && config.async_save && config.redact);
    assert_eq!(config.time_box, Duration::from_secs(10));
    let all = [
        "view.png",
        "page.html",
        "frames",
        "text.txt",
        "aria.yml",
        "source.html",
        "full.png",
        "console.jsonl",
        "network.har",
    ];
    assert_eq!(parts(&config), all);
}

#[test]
fn a_mode_that_needs_a_selector_is_refused_without_one_when_the_configuration_is_made() {
    for mode in [CaptureMode::Selector, CaptureMode::Both] {
        let refused = CaptureConfig::new(mode, None).unwrap_err();
        assert!(matches!(refused, Error::Invalid { what: "capture mode", .. }), "{refused}");
        assert!(CaptureConfig::new(mode, Some(".price")).is_ok());
        let json = format!(r#"{{"mode":"{mode}"}}"#);
        assert!(serde_json::from_str::<CaptureConfig>(&json).is_err());
    }
    for selector in ["", "  ", &"a".repeat(100_000)] {
        assert!(CaptureConfig::new(CaptureMode::FullPage, Some(selector)).is_err());
    }
}

#[test]
fn each_switch_takes_what_belongs_to_it() {
    let without = |change: fn(&mut CaptureConfig)| {
        let mut config = CaptureConfig::new(CaptureMode::Both, Some("h1")).unwrap();
        change(&mut config);
        parts(&config)
    };
    let html = ["page.html", "frames", "element.html", "text.txt", "aria.yml", "source.html"];
    let pictures = ["view.png", "element.png", "full.png"];
    for name in html {
        assert!(!without(|config| config.capture_html = false).contains(&name), "{name}");
        assert!(without(|config| config.capture_screenshot = false).contains(&name), "{name}");
    }
    for name in pictures {
        assert!(!without(|config| config.capture_screenshot = false).contains(&name), "{name}");
        assert!(without(|config| config.capture_html = false).contains(&name), "{name}");
    }
    assert!(!without(|config| config.capture_console = false).contains(&"console.jsonl"));
    assert!(!without(|config| config.capture_network = false).contains(&"network.har"));
}

#[test]
fn the_modes_and_presets_take_what_their_table_says() {
    let of =
        |mode: &str, selector| parts(&CaptureConfig::new(mode.parse().unwrap(), selector).unwrap());
    assert_eq!(of("MINIMAL", None), ["page.html", "frames", "console.jsonl"]);
    assert_eq!(of("minimal", Some("h1")), ["page.html", "frames", "console.jsonl"]);
    assert!(!of("selector", Some("h1")).contains(&"full.png"));
    assert!(of("selector", Some("h1")).contains(&"element.png"));
    assert_eq!(of("full", None), of("FULL_PAGE", None));
    assert!(of("both", Some("h1")).contains(&"full.png"));

    let production = parts(&CaptureConfig::for_environment(Environment::Production));
    assert!(!production.contains(&"full.png") && !production.contains(&"source.html"));
    assert!(production.contains(&"view.png") && production.contains(&"network.har"));
    let debug = parts(&CaptureConfig::for_environment("development".parse().unwrap()));
    assert!(debug.contains(&"page.mhtml") && debug.contains(&"bodies"));
    let testing = CaptureConfig::for_environment("staging".parse().unwrap());
    assert_eq!(testing, CaptureConfig::testing());
    let only = CaptureConfig::debug().only([PagePart::Pdf, PagePart::ElementPng]);
    assert_eq!(parts(&only), ["page.pdf"], "there is no selector");
}

#[test]
fn a_configuration_goes_to_json_and_back() {
    let mut config = CaptureConfig::debug()
        .of(CaptureMode::Both, Some("#a > .b"))
        .unwrap()
        .with(PagePart::Pdf)
        .without(PagePart::Aria);
    config.mask = vec![".name".into()];
    config.time_box = Duration::from_millis(1234);
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<CaptureConfig>(&json).unwrap(), config, "{json}");
    assert_eq!(serde_json::from_str::<CaptureConfig>("{}").unwrap(), CaptureConfig::default());
    for bad in [r#"{"mode":"some"}"#, r#"{"sellector":"a"}"#, r#"{"with":["page.gif"]}"#] {
        assert!(serde_json::from_str::<CaptureConfig>(bad).is_err(), "{bad}");
    }
}

// How it is stored

#[test]
fn a_capture_is_a_snapshot_of_its_place_with_its_facts_and_its_configuration() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    let config = at_once();
    let captured = recorder.capture(&mut Script::new(), &place(), &config).unwrap();
    assert_eq!(captured.status, Status::Complete);
    assert!(captured.failures.is_empty());
    let receipt = captured.wait().unwrap().unwrap();
    let snapshot = repo.get(&receipt.version).unwrap();
    assert_eq!(snapshot.context, place());
    assert_eq!(snapshot.status, Status::Complete);
    assert_eq!(snapshot.user_info["url"], "http://scripted.example/");
    let facts: serde_json::Value =
        serde_json::from_slice(&repo.content(&receipt.version, "facts.json").unwrap()).unwrap();
    let kept: CaptureConfig = serde_json::from_value(facts["config"].clone()).unwrap();
    assert_eq!(kept, config);
}

#[test]
fn a_capture_may_say_when_it_was_taken_and_what_is_known_of_it() {
    let repo = Repository::temporary().unwrap();
    let draft = Draft::new()
        .context(place())
        .at("2020-02-02T02:02:02Z".parse().unwrap())
        .tag("broken")
        .unwrap()
        .describe("the price is gone")
        .info("run", 7);
    let mut page = Script::new();
    let captured = Recorder::new(&repo).capture_as(&mut page, draft, &at_once()).unwrap();
    let snapshot = repo.get(&captured.wait().unwrap().unwrap().version).unwrap();
    assert_eq!(snapshot.created_at.to_string(), "2020-02-02T02:02:02.000000Z");
    assert_eq!(snapshot.tags[0].as_str(), "broken");
    assert_eq!(snapshot.description.as_deref(), Some("the price is gone"));
    assert_eq!(snapshot.user_info["run"], 7);
}

#[test]
fn saved_soon_a_ticket_tells_the_version_and_flush_waits_for_all() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    let config = CaptureConfig::default();
    let captured: Vec<_> =
        (0..20).map(|_| recorder.capture(&mut Script::new(), &place(), &config).unwrap()).collect();
    recorder.flush().unwrap();
    assert_eq!(repo.stats().unwrap().snapshots, 20);
    let versions: Vec<_> =
        captured.into_iter().map(|captured| captured.wait().unwrap().unwrap().version).collect();
    let mut stored = repo.versions().unwrap();
    stored.sort();
    assert!(versions.iter().all(|version| stored.contains(version)));
}

#[test]
fn dropping_the_recorder_stores_what_is_queued() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    for _ in 0..5 {
        drop(recorder.clone().capture(&mut Script::new(), &place(), &CaptureConfig::default()));
    }
    drop(recorder);
    assert_eq!(repo.stats().unwrap().snapshots, 5);
}

#[test]
fn what_could_not_be_stored_is_told_by_the_ticket_and_by_flush() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    let draft = || Draft::new().version("taken".parse().unwrap());
    let config = CaptureConfig::default();
    recorder.capture_as(&mut Script::new(), draft(), &config).unwrap().wait().unwrap();
    let captured = recorder.capture_as(&mut Script::new(), draft(), &config).unwrap();
    assert!(matches!(captured.wait(), Err(Error::VersionExists { .. })));
    assert!(recorder.flush().is_err());
    recorder.flush().unwrap();
    assert_eq!(repo.stats().unwrap().snapshots, 1);
}

#[test]
fn without_deduplication_each_capture_stands_alone() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    let mut config = at_once().only([PagePart::Html]);
    let page = |number: u32| {
        let html = format!("<p>{}</p>{number}", "a price, a name, a picture ".repeat(300));
        Script::new().on(PagePart::Html, Act::Give(Ok(Taken::Content(html.into()))))
    };
    let mut depth_of = |number: u32, dedup: bool| {
        config.deduplication_enabled = dedup;
        let captured = recorder.capture(&mut page(number), &place(), &config).unwrap();
        let snapshot = repo.get(&captured.wait().unwrap().unwrap().version).unwrap();
        snapshot.artifact("page.html").unwrap().depth
    };
    assert_eq!(depth_of(1, true), 0);
    assert_eq!(depth_of(2, true), 1);
    assert_eq!(depth_of(3, false), 0);
}

#[test]
fn what_failed_is_listed_and_the_rest_is_stored() {
    let repo = Repository::temporary().unwrap();
    let mut page = Script::new()
        .on(PagePart::FullPng, Act::Give(Err(Fault::Crashed)))
        .on(PagePart::Aria, Act::Give(Ok(Taken::Withheld("it shows a secret".into()))));
    let captured = Recorder::new(&repo).capture(&mut page, &place(), &at_once()).unwrap();
    assert_eq!(captured.status, Status::Partial);
    let wanted = [
        ("aria.yml".to_owned(), "it shows a secret".to_owned()),
        ("full.png".to_owned(), "the page crashed".to_owned()),
    ];
    assert_eq!(captured.failures, wanted);
    let snapshot = repo.get(&captured.wait().unwrap().unwrap().version).unwrap();
    assert_eq!(snapshot.artifact("aria.yml").unwrap().status, ArtifactStatus::Redacted);
    assert_eq!(snapshot.artifact("page.html").unwrap().status, ArtifactStatus::Stored);
}

#[test]
fn what_a_page_makes_up_costs_nothing_else() {
    let item = |name: &str, media_type: &str| Item {
        name: name.into(),
        media_type: media_type.into(),
        content: b"x".to_vec(),
        detail: serde_json::Value::Null,
    };
    let long = "x".repeat(10_000_000);
    let items = vec![
        item("body-1", "text/plain\u{7}; charset=\u{0}"),
        item("body-1", "text/plain"),
        item("../../etc/passwd\n", "text/plain"),
        item(&long, &long),
    ];
    let repo = Repository::temporary().unwrap();
    let mut page = Script::new()
        .on(PagePart::Bodies, Act::Give(Ok(Taken::Several(items))))
        .on(PagePart::Html, Act::Give(Err(Fault::Refused(long.clone()))))
        .url(&format!("http://long.example/{long}"));
    let config = CaptureConfig::debug();
    let captured = Recorder::new(&repo).capture(&mut page, &place(), &config).unwrap();
    assert_eq!(captured.status, Status::Partial);
    let snapshot = repo.get(&captured.wait().unwrap().unwrap().version).unwrap();
    let body = snapshot.artifact("body-1").unwrap();
    assert_eq!((body.media_type.as_str(), body.bytes), ("application/octet-stream", 1));
    assert!(snapshot.artifact("text.txt").unwrap().hash.is_some());
    assert!(snapshot.user_info["url"].as_str().unwrap().len() < 10_000);
    assert!(snapshot.artifact("page.html").unwrap().reason.as_ref().unwrap().len() < 10_000);
}

#[test]
fn a_page_that_did_not_load_is_stored_as_evidence() {
    let repo = Repository::temporary().unwrap();
    let mut page = Script::new().load(Load::Failed);
    let captured = Recorder::new(&repo).capture(&mut page, &place(), &at_once()).unwrap();
    assert_eq!(captured.status, Status::Failed);
    let snapshot = repo.get(&captured.wait().unwrap().unwrap().version).unwrap();
    assert_eq!(snapshot.status, Status::Failed);
    assert_eq!(snapshot.description.as_deref(), Some("net::ERR_SCRIPTED"));
}

#[test]
fn metrics_tell_how_captures_went_also_to_another_handle() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    repo.create(Draft::text("no capture")).unwrap();
    let empty = metrics(&repo, &Window::default()).unwrap();
    assert_eq!((empty.captures, empty.success_rate, empty.collecting), (0, None, None));

    let html = |change: &str| {
        let html = format!("<p>{}</p>{change}", "a price, a name, a picture ".repeat(300));
        Act::Give(Ok(Taken::Content(html.into())))
    };
    let config = at_once().only([PagePart::Html, PagePart::Console]);
    for (number, page) in [
        Script::new().on(PagePart::Html, html("")),
        Script::new().on(PagePart::Html, html("")),
        Script::new().on(PagePart::Html, html("changed")),
        Script::new().on(PagePart::Html, Act::Give(Err(Fault::Crashed))),
        Script::new().load(Load::Failed),
    ]
    .iter_mut()
    .enumerate()
    {
        let draft = Draft::new().context(place()).at(day(number));
        recorder.capture_as(page, draft, &config).unwrap().wait().unwrap();
    }
    let again = Repository::open(repo.path()).unwrap();
    let all = metrics(&again, &Window::default()).unwrap();
    assert_eq!(all.captures, 5);
    assert_eq!(all.statuses["complete"], 3);
    assert_eq!(all.statuses["minimal"], 1);
    assert_eq!(all.statuses["failed"], 1);
    assert_eq!(all.success_rate, Some(0.6));
    assert_eq!(all.failures["page.html"], 1);
    assert_eq!(all.artifacts["skipped"], 1);
    let times = all.collecting.unwrap();
    assert!(times.p50_ms <= times.p95_ms && times.p95_ms <= times.p99_ms);
    assert!(times.p99_ms <= times.max_ms);
    let sizes = all.sizes;
    let saved = sizes.saved_by_deduplication + sizes.saved_by_deltas + sizes.saved_by_compression;
    assert!(sizes.saved_by_deduplication > 8_000, "{sizes:?}");
    assert!(sizes.saved_by_deltas > 8_000, "{sizes:?}");
    // What is larger compressed than not is counted as it is.
    assert!(sizes.bytes - sizes.stored.min(sizes.bytes) <= saved, "{sizes:?}");

    let window = Window { since: Some(day(1)), until: Some(day(3)), ..Window::default() };
    assert_eq!(metrics(&repo, &window).unwrap().captures, 2);
    let elsewhere = Window { contexts: "other.example".parse().unwrap(), ..Window::default() };
    assert_eq!(metrics(&repo, &elsewhere).unwrap().captures, 0);
}

fn day(number: usize) -> Time {
    format!("2026-01-{:02}", number + 1).parse().unwrap()
}

#[test]
fn many_threads_capture_with_one_recorder() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let recorder = recorder.clone();
            scope.spawn(move || {
                for _ in 0..5 {
                    let config = CaptureConfig::default();
                    let captured = recorder.capture(&mut Script::new(), &place(), &config);
                    captured.unwrap().wait().unwrap();
                }
            });
        }
    });
    assert_eq!(repo.stats().unwrap().snapshots, 20);
}

#[cfg(feature = "chrome")]
mod chromium {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tintype::capture::chrome::{Browser, BrowserOptions, ChromePage, headless_chrome};
    use tintype::capture::redact::Redactor;
    use tintype::capture::{Page, draft_of};

    use super::*;
    use crate::support::chromium::patient;
    use crate::support::site::Site;

    fn launch() -> Browser {
        match Browser::launch(BrowserOptions::default()) {
            Ok(browser) => browser,
            Err(why) => panic!("these tests need Chromium, which `make test` installs: {why}"),
        }
    }

    /// A browser of the caller's own, which has nothing of ours.
    fn foreign() -> headless_chrome::Browser {
        let options = headless_chrome::LaunchOptions::default_builder()
            .sandbox(false)
            .port(Some(0))
            .build()
            .unwrap();
        headless_chrome::Browser::new(options).unwrap()
    }

    fn drafted(page: &mut dyn Page, config: &CaptureConfig) -> Draft {
        let repo = Repository::in_memory().unwrap();
        Recorder::new(&repo).draft(page, Draft::new(), config).unwrap()
    }

    fn content<'a>(draft: &'a Draft, name: &str) -> &'a [u8] {
        let artifact = draft.artifacts().iter().find(|artifact| artifact.name().as_str() == name);
        let artifact = artifact.unwrap_or_else(|| panic!("there is no {name}"));
        artifact.content().unwrap_or_else(|| panic!("{name}: {:?}", artifact.reason()))
    }

    fn text(draft: &Draft, name: &str) -> String {
        String::from_utf8(content(draft, name).to_vec()).unwrap()
    }

    fn facts(draft: &Draft) -> Value {
        serde_json::from_slice(content(draft, "facts.json")).unwrap()
    }

    /// The parts that every way of speaking to a page gives.
    fn common() -> CaptureConfig {
        patient().only([
            PagePart::ViewPng,
            PagePart::Html,
            PagePart::FullPng,
            PagePart::Console,
            PagePart::Network,
        ])
    }

    #[test]
    fn a_tab_that_the_caller_drives_is_captured_where_it_stands_and_left_as_it_was() {
        let site = Site::start();
        let browser = foreign();
        let tab = browser.new_tab().unwrap();
        let mut page = ChromePage::watch(&browser, &tab).unwrap();
        tab.navigate_to(&site.url("/full")).unwrap().wait_until_navigated().unwrap();
        let script = "document.body.append('the caller was here'); \
                      document.body.style.height = '3000px'; scrollTo(0, 7)";
        tab.evaluate(script, false).unwrap();
        let inside =
            || tab.evaluate("[innerWidth, innerHeight, scrollY] + ''", false).unwrap().value;
        let before = inside();
        let draft = drafted(&mut page, &common());
        assert_eq!(draft.chosen_status(), Some(Status::Complete), "{:#}", facts(&draft));
        assert!(text(&draft, "page.html").contains("the caller was here"));
        assert!(text(&draft, "console.jsonl").contains("thrown on purpose"));
        assert!(text(&draft, "network.har").contains("/full"));
        let facts = facts(&draft);
        assert_eq!(facts["channel"], "direct");
        assert_eq!(facts["url"], site.url("/full"));
        assert_eq!(facts["title"], "Full");
        drop(page);
        assert_eq!(inside(), before);
        tab.navigate_to(&site.url("/plain")).unwrap().wait_until_navigated().unwrap();
    }

    #[test]
    fn a_tab_that_is_watched_late_tells_what_was_said_before() {
        let site = Site::start();
        let browser = foreign();
        let tab = browser.new_tab().unwrap();
        tab.navigate_to(&site.url("/full")).unwrap().wait_until_navigated().unwrap();
        let mut page = ChromePage::watch(&browser, &tab).unwrap();
        let draft = drafted(&mut page, &common());
        let said = text(&draft, "console.jsonl");
        // Of what an object held the browser remembers nothing.
        for wanted in ["a log 1 Object", "an info", "a warning", "an error", "an assertion"] {
            assert!(said.contains(wanted), "{wanted} in {said}");
        }
        assert!(said.contains("thrown on purpose"));
    }

    #[test]
    fn through_the_crate_alone_a_tab_gives_the_same_parts_and_the_facts_say_so() {
        let site = Site::start();
        let browser = foreign();
        let tab = browser.new_tab().unwrap();
        let mut page = ChromePage::watch_tab(&tab).unwrap();
        tab.navigate_to(&site.url("/full")).unwrap().wait_until_navigated().unwrap();
        let draft = drafted(&mut page, &common());
        assert_eq!(draft.chosen_status(), Some(Status::Complete), "{:#}", facts(&draft));
        assert_eq!(facts(&draft)["channel"], "crate");
        let html = text(&draft, "page.html");
        assert!(html.contains("<template shadowrootmode=\"closed\">"), "{html}");
        assert!(content(&draft, "view.png").starts_with(b"\x89PNG"));
        assert!(text(&draft, "console.jsonl").contains("thrown on purpose"));
        assert!(text(&draft, "network.har").contains("/full"));
        drop(page);
        tab.navigate_to(&site.url("/plain")).unwrap().wait_until_navigated().unwrap();
        assert!(tab.find_element("p").unwrap().get_inner_text().unwrap().contains("Hello"));
    }

    #[test]
    fn both_ways_to_a_page_tell_the_same_of_it() {
        let site = Site::start();
        let browser = foreign();
        for path in ["/full", "/tall", "/net", "/plain"] {
            let tab = browser.new_tab().unwrap();
            let mut direct = ChromePage::watch(&browser, &tab).unwrap();
            let mut through = ChromePage::watch_tab(&tab).unwrap();
            tab.navigate_to(&site.url(path)).unwrap().wait_until_navigated().unwrap();
            let said = |draft: &Draft| -> Vec<Value> {
                let artifact =
                    draft.artifacts().iter().find(|a| a.name().as_str() == "console.jsonl");
                let content = artifact.and_then(|artifact| artifact.content()).unwrap_or_default();
                let lines = std::str::from_utf8(content).unwrap().lines();
                lines
                    .map(|line| serde_json::from_str::<Value>(line).unwrap())
                    .map(|line| json!([line["kind"], line["level"], line["text"]]))
                    .collect()
            };
            let asked = |draft: &Draft| -> Vec<Value> {
                let har: Value = serde_json::from_slice(content(draft, "network.har")).unwrap();
                let entries = har["log"]["entries"].as_array().unwrap().clone();
                let told =
                    |entry: Value| json!([entry["request"]["url"], entry["response"]["status"]]);
                entries.into_iter().map(told).collect()
            };
            let mut draw = || [&mut direct, &mut through].map(|page| drafted(page, &common()));
            let mut drafts = draw();
            // What the page says between the first and the second is told by the second alone.
            for _ in 0..50 {
                let [direct, through] = &drafts;
                if said(direct) == said(through) && asked(direct) == asked(through) {
                    break;
                }
                drafts = draw();
            }
            let [direct, through] = &drafts;
            assert_eq!(said(direct), said(through), "{path}");
            assert_eq!(asked(direct), asked(through), "{path}");
            for name in ["page.html", "view.png", "full.png"] {
                let same = content(direct, name) == content(through, name);
                assert!(same, "{path}: {name} differs");
            }
        }
    }

    #[test]
    fn half_a_surrogate_pair_hides_nothing() {
        let site = Site::serve(|request| {
            let page = "<!DOCTYPE html><title>x</title><p id=p>before</p><script>\
                        document.title = 'T\\ud800';\
                        document.body.append('after \\ud83d');\
                        console.log('said \\udc00', {['\\ud800']: '\\udfff'});\
                        setTimeout(() => { throw new Error('thrown \\ud800') }, 0);</script>";
            let html = tiny_http::Header::from_bytes("Content-Type", "text/html").unwrap();
            let _ = request.respond(tiny_http::Response::from_string(page).with_header(html));
        });
        let browser = launch();
        let mut page = browser.open(&site.url("/")).unwrap();
        let draft = drafted(&mut page, &common());
        assert_eq!(draft.chosen_status(), Some(Status::Complete), "{:#}", facts(&draft));
        assert!(text(&draft, "page.html").contains("after \u{fffd}"));
        assert_eq!(facts(&draft)["title"], "T\u{fffd}");
        let said = text(&draft, "console.jsonl");
        for wanted in ["said \u{fffd}", "thrown \u{fffd}"] {
            assert!(said.contains(wanted), "{said}");
        }
    }

    #[test]
    fn what_is_no_page_of_a_browser_is_refused() {
        for address in ["", "http://127.0.0.1:1/", "ws://127.0.0.1:1/devtools/browser/x"] {
            let refused = ChromePage::watch_at(address).unwrap_err();
            assert!(matches!(refused, Error::Invalid { .. }), "{refused}");
        }
        let site = Site::start();
        let address = site.url("/devtools/page/x").replace("http://", "ws://");
        let refused = ChromePage::watch_at(&address).unwrap_err();
        assert!(matches!(refused, Error::Browser { .. }), "{refused}");
        let refused = ChromePage::watch_at("ws://127.0.0.1:1/devtools/page/x").unwrap_err();
        assert!(matches!(refused, Error::Browser { .. }), "{refused}");
    }

    /// Tokens are of a store, and each draft here is of another.
    fn unredacted() -> CaptureConfig {
        let mut config = patient();
        config.redact = false;
        config
    }

    /// A session with the page at this path, written down while it was captured.
    fn recording(path: &str) -> (String, Draft) {
        let site = Site::start();
        let browser = launch();
        let mut page = browser.open_recorded(&site.url(path)).unwrap();
        let draft = drafted(&mut page, &unredacted());
        (page.recording().unwrap(), draft)
    }

    #[test]
    fn a_recording_played_again_gives_the_same_bytes_without_a_browser() {
        let (recording, live) = recording("/full");
        let mut page = ChromePage::replay(&recording).unwrap();
        let again = drafted(&mut page, &unredacted());
        assert_eq!(facts(&again)["channel"], "replay");
        for artifact in live.artifacts() {
            let name = artifact.name().as_str();
            if name != "facts.json" && artifact.content().is_some() {
                assert!(content(&again, name) == content(&live, name), "{name} differs");
            }
        }
        let statuses = |draft: &Draft| -> Vec<(String, String)> {
            let ledger = facts(draft)["ledger"].as_array().unwrap().clone();
            let word = |line: &Value, name: &str| line[name].as_str().unwrap_or("").to_owned();
            ledger.iter().map(|line| (word(line, "name"), word(line, "status"))).collect()
        };
        assert_eq!(statuses(&again), statuses(&live));
    }

    /// A page of a shop with a field for a password, a closed shadow root, a cookie, a request that is
    /// answered and one that is not, and a promise that nobody waits for; recorded with
    /// `Browser::open_recorded` in Chromium 156.
    #[test]
    fn a_session_that_was_recorded_once_is_captured_as_it_was_then() {
        let recording = include_str!("../data/kettles-session.jsonl");
        assert!(recording.contains("tulip-1234") && recording.contains("s3cr3t-c00kie-value"));
        let mut page = ChromePage::replay(recording).unwrap();
        let redactor = Redactor::new([1; 32]);
        let draft =
            draft_of(&mut page, Draft::new(), &CaptureConfig::default(), &redactor).unwrap();
        let facts = facts(&draft);
        assert_eq!(draft.chosen_status(), Some(Status::Complete), "{facts:#}");
        assert_eq!((&facts["title"], &facts["http_status"]), (&json!("Kettles"), &json!(200)));
        let html = text(&draft, "page.html");
        assert!(html.contains("<template shadowrootmode=\"closed\"><b>closed</b>"), "{html}");
        assert!(html.contains("value=\"[redacted:field:"), "{html}");
        assert!(text(&draft, "aria.yml").contains("heading \"Kettles\" [level=1]"));
        let said = text(&draft, "console.jsonl");
        assert!(said.contains("prices 24.5") && said.contains("thrown on purpose"), "{said}");
        let har: Value = serde_json::from_str(&text(&draft, "network.har")).unwrap();
        let entries = har["log"]["entries"].as_array().unwrap();
        let answers: Vec<(&str, u64)> = entries
            .iter()
            .map(|entry| {
                let url = entry["request"]["url"].as_str().unwrap();
                let status = entry["response"]["status"].as_u64().unwrap();
                (&url[url.rfind('/').unwrap()..], status)
            })
            .collect();
        for answer in [("/", 200), ("/stock", 200), ("/gone", 404)] {
            assert!(answers.contains(&answer), "{answers:?}");
        }
        for artifact in draft.artifacts() {
            let content = artifact.content().unwrap_or_default();
            let shown = String::from_utf8_lossy(content);
            for secret in ["tulip-1234", "s3cr3t-c00kie-value"] {
                assert!(!shown.contains(secret), "{secret} in {}", artifact.name());
            }
        }
    }

    #[test]
    fn every_call_of_a_recording_may_fail_in_every_way_and_there_is_always_a_snapshot() {
        let (recording, _) = recording("/full");
        let lines: Vec<&str> = recording.lines().collect();
        let calls: Vec<usize> =
            (0..lines.len()).filter(|at| lines[*at].starts_with(r#"{"call""#)).collect();
        assert!(calls.len() > 10, "{} calls", calls.len());
        for at in calls {
            for fault in [
                json!({"fault": "timed_out"}),
                json!({"fault": "crashed"}),
                json!({"gone": "it closed the connection"}),
                json!({"refused": "Internal error"}),
                json!({"answer": null}),
                json!({"answer": {}}),
                json!({"answer": [1, "x", {"data": 7}]}),
            ] {
                let call: Value = serde_json::from_str(lines[at]).unwrap();
                let mut line = json!({"call": call["call"], "session": call["session"],
                    "params": call["params"]});
                line.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
                let edited = line.to_string();
                let mut edited_lines = lines.clone();
                edited_lines[at] = &edited;
                let mut page = ChromePage::replay(&edited_lines.join("\n")).unwrap();
                let repo = Repository::in_memory().unwrap();
                let captured =
                    Recorder::new(&repo).capture(&mut page, &place(), &at_once()).unwrap();
                assert_eq!(
                    repo.get(&captured.wait().unwrap().unwrap().version).unwrap().context,
                    place()
                );
            }
        }
    }

    #[test]
    fn a_file_that_is_no_recording_is_refused_by_line() {
        let head = r#"{"recording":1,"facts":{},"url":null,"load_timeout_ms":1}"#;
        for (text, wanted) in [
            (String::new(), "line 1"),
            ("{}".into(), "line 1"),
            (head.replace(":1,", ":9,"), "known is 1"),
            (format!("{head}\n\n{{\"x\":1}}"), "line 3"),
            (format!("{head}\nnothing"), "line 2"),
        ] {
            let refused = ChromePage::replay(&text).unwrap_err();
            assert!(refused.to_string().contains(wanted), "{refused}");
        }
        let mut page = ChromePage::replay(head).unwrap();
        let draft = drafted(&mut page, &CaptureConfig::default());
        assert_eq!(draft.chosen_status(), Some(Status::Minimal));
    }

    #[test]
    fn pages_and_recorders_go_from_thread_to_thread() {
        fn goes<T: Send>(value: T) -> T {
            value
        }
        let repo = Arc::new(Repository::in_memory().unwrap());
        let head = r#"{"recording":1,"facts":{},"url":null,"load_timeout_ms":1}"#;
        let (page, recorder) = goes((ChromePage::replay(head).unwrap(), Recorder::new(&repo)));
        let thread = std::thread::spawn(move || {
            let mut page = page;
            recorder.capture(&mut page, &place(), &CaptureConfig::default()).unwrap().wait()
        });
        thread.join().unwrap().unwrap();
    }
}
