//! Pages to drafts: by a script, and in Chromium.

use std::time::Duration;

use serde_json::Value;
use tintype::capture::redact::Redactor;
use tintype::capture::{Fault, Load, Taken, draft_of};
use tintype::model::artifact::ArtifactStatus::{self, Empty, Failed, Skipped, Stored};
use tintype::{CaptureConfig, Draft, DraftArtifact, PagePart, Status};

use crate::support::script::{Act, Script};

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

/// Five parts that stand for all: pictures, HTML, and what is recorded.
const FIVE: [PagePart; 5] =
    [PagePart::ViewPng, PagePart::Html, PagePart::FullPng, PagePart::Console, PagePart::Network];

fn five() -> CaptureConfig {
    CaptureConfig::default().only(FIVE)
}

/// Checks names, order and what became of each, in the draft and in the ledger.
fn check(draft: &Draft, status: Status, parts: [ArtifactStatus; 5]) {
    let mut wanted: Vec<(&str, ArtifactStatus)> =
        FIVE.map(PagePart::artifact_name).into_iter().zip(parts).collect();
    let facts = facts(draft);
    let ledger: Vec<(&str, &str)> = facts["ledger"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["name"].as_str().unwrap(), line["status"].as_str().unwrap()))
        .collect();
    let in_words: Vec<(&str, &str)> = wanted.iter().map(|(n, s)| (*n, s.as_str())).collect();
    assert_eq!(ledger, in_words, "{facts:#}");
    wanted.push(("facts.json", Stored));
    let got: Vec<(&str, ArtifactStatus)> =
        draft.artifacts().iter().map(|a| (a.name().as_str(), a.status())).collect();
    assert_eq!(got, wanted);
    assert_eq!(draft.chosen_status(), Some(status));
    assert_eq!(facts["status"], status.as_str());
}

fn drafted(page: &mut Script, config: &CaptureConfig) -> Draft {
    draft_of(page, Draft::new(), config, &Redactor::new([7; 32])).unwrap()
}

#[test]
fn a_page_that_gives_all_its_parts_is_complete_and_its_parts_stand_in_order() {
    let mut page = Script::new();
    let draft = drafted(&mut page, &five());
    check(&draft, Status::Complete, [Stored; 5]);
    assert_eq!(text(&draft, "page.html"), "page.html");
    let asked: Vec<PagePart> = page.asked.iter().map(|(part, _)| *part).collect();
    assert_eq!(asked, FIVE);
}

#[test]
fn a_silent_page_is_complete_all_the_same() {
    let silent = Act::Give(Ok(Taken::Nothing("the page said nothing".into())));
    let mut page = Script::new().on(PagePart::Console, silent);
    let draft = drafted(&mut page, &five());
    check(&draft, Status::Complete, [Stored, Stored, Stored, Empty, Stored]);
    assert_eq!(part(&draft, "console.jsonl").reason(), Some("the page said nothing"));
}

#[test]
fn one_failure_never_costs_another_part_whichever_part_it_is() {
    for at in 0..5 {
        for act in [
            Act::Give(Err(Fault::Crashed)),
            Act::Give(Err(Fault::Refused("no".into()))),
            Act::Give(Ok(Taken::Content(Vec::new()))),
            Act::Panic,
        ] {
            let mut page = Script::new().on(FIVE[at], act);
            let mut wanted = [Stored; 5];
            wanted[at] = Failed;
            let draft = drafted(&mut page, &five());
            check(&draft, Status::Partial, wanted);
            assert!(draft.artifacts()[at].reason().is_some());
        }
    }
}

#[test]
fn a_page_that_gives_neither_html_nor_pictures_is_minimal() {
    let crashed = || Act::Give(Err(Fault::Crashed));
    let mut page = Script::new()
        .on(PagePart::ViewPng, crashed())
        .on(PagePart::Html, crashed())
        .on(PagePart::FullPng, crashed());
    let draft = drafted(&mut page, &five());
    check(&draft, Status::Minimal, [Failed, Failed, Failed, Stored, Stored]);
    assert_eq!(part(&draft, "page.html").reason(), Some("the page crashed"));
}

#[test]
fn a_page_that_did_not_load_gives_its_evidence_and_is_not_asked_for_more() {
    let mut page = Script::new().load(Load::Failed);
    let draft = drafted(&mut page, &five());
    check(&draft, Status::Failed, [Skipped, Skipped, Skipped, Stored, Stored]);
    assert_eq!(page.asked.len(), 2);
    assert_eq!(facts(&draft)["load_error"], "net::ERR_SCRIPTED");
}

#[test]
fn a_page_whose_load_timed_out_is_taken_as_it_stands() {
    let draft = drafted(&mut Script::new().load(Load::TimedOut), &five());
    check(&draft, Status::Complete, [Stored; 5]);
    assert_eq!(facts(&draft)["load"], "timed_out");
}

#[test]
fn a_part_that_hangs_leaves_time_for_the_others() {
    for hanging in [PagePart::ViewPng, PagePart::Html, PagePart::FullPng] {
        let mut page = Script::new().on(hanging, Act::Hang);
        let time_box = Duration::from_millis(400);
        let mut config = five();
        config.time_box = time_box;
        let draft = drafted(&mut page, &config);
        let wanted = FIVE.map(|part| if part == hanging { Failed } else { Stored });
        check(&draft, Status::Partial, wanted);
        assert!(page.asked.iter().all(|(_, within)| *within <= time_box));
    }
}

#[test]
fn when_the_time_box_has_run_out_nothing_more_is_asked_for_and_each_part_says_so() {
    let mut page = Script::new();
    let mut config = five();
    config.time_box = Duration::ZERO;
    let draft = drafted(&mut page, &config);
    check(&draft, Status::Minimal, [Failed; 5]);
    assert!(page.asked.is_empty());
    assert!(part(&draft, "page.html").reason().unwrap().contains("time box"));
}

#[test]
fn only_what_was_asked_for_is_taken() {
    let mut page = Script::new();
    let config = CaptureConfig::default().only([PagePart::Console]);
    let draft = drafted(&mut page, &config);
    assert_eq!(draft.artifacts().len(), 2);
    assert_eq!(draft.chosen_status(), Some(Status::Complete));
}

#[cfg(feature = "chrome")]
mod chromium {

    use serde_json::Value;
    use tintype::capture::chrome::Browser;
    use tintype::capture::{Page, draft_of};
    use tintype::model::artifact::ArtifactStatus::{Empty, Skipped, Stored};
    use tintype::{Draft, Status};

    use super::*;
    use crate::support::chromium::{launch, shared};
    use crate::support::site::{Site, closed_address};

    fn captured(path: &str) -> Draft {
        let site = Site::start();
        capture(&shared(), &site.url(path))
    }

    fn captured_within(path: &str, load_timeout_ms: u64) -> Draft {
        let site = Site::start();
        let browser = launch(load_timeout_ms);
        capture(&browser, &site.url(path))
    }

    fn capture(browser: &Browser, url: &str) -> Draft {
        drafted_of(&mut browser.open(url).unwrap())
    }

    fn drafted_of(page: &mut dyn Page) -> Draft {
        draft_of(page, Draft::new(), &five(), &Redactor::new([7; 32])).unwrap()
    }

    fn console(draft: &Draft) -> Vec<Value> {
        let text = text(draft, "console.jsonl");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn png_size(draft: &Draft, name: &str) -> (u32, u32) {
        let png = part(draft, name).content().unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        (side(16), side(20))
    }

    #[test]
    fn the_html_has_the_doctype_what_scripts_did_and_shadow_roots_of_both_kinds() {
        let draft = captured("/full");
        check(&draft, Status::Complete, [Stored; 5]);
        let html = text(&draft, "page.html");
        assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
        assert!(html.contains("changed by a script"));
        assert!(html.contains("<template shadowrootmode=\"open\"><b>in the open</b>"));
        assert!(html.contains("<template shadowrootmode=\"closed\"><b>behind closed doors</b>"));
        assert!(html.trim_end().ends_with("</html>"));
        let facts = facts(&draft);
        assert_eq!(facts["title"], "Full");
        assert_eq!(facts["http_status"], 200);
        assert_eq!(facts["load"], "loaded");
        assert_eq!(facts["viewport"]["height"], 800);
        assert!(facts["browser"].as_str().unwrap().contains('/'));
    }

    #[test]
    fn a_picture_of_the_window_is_the_window_and_one_of_the_page_is_the_page() {
        let draft = captured("/tall");
        check(&draft, Status::Complete, [Stored, Stored, Stored, Empty, Stored]);
        assert_eq!(png_size(&draft, "view.png"), (1280, 800));
        assert_eq!(png_size(&draft, "full.png"), (1280, 5000));
    }

    #[test]
    fn pages_that_are_errors_are_pages() {
        let site = Site::start();
        let browser = shared();
        for (path, status, words) in [("/nope", 404, "No such page"), ("/error", 500, "It broke")] {
            let draft = capture(&browser, &site.url(path));
            // The browser logs the status as an error.
            check(&draft, Status::Complete, [Stored; 5]);
            assert_eq!(facts(&draft)["http_status"], status);
            assert!(text(&draft, "page.html").contains(words));
        }
    }

    #[test]
    fn an_address_where_nobody_answers_gives_facts_and_network_and_no_picture_of_an_error_page() {
        let site = Site::start();
        let browser = shared();
        for (url, why) in [
            (closed_address(), "net::ERR_CONNECTION_REFUSED"),
            (site.url("/empty-error"), "net::ERR_HTTP_RESPONSE_CODE_FAILURE"),
        ] {
            let draft = capture(&browser, &url);
            let facts = facts(&draft);
            assert_eq!(facts["load_error"], why);
            assert_eq!(draft.chosen_status(), Some(Status::Failed));
            for name in ["view.png", "page.html", "full.png"] {
                assert_eq!(part(&draft, name).status(), Skipped);
            }
            let har: Value = serde_json::from_str(&text(&draft, "network.har")).unwrap();
            assert_eq!(har["log"]["entries"][0]["request"]["url"], url);
        }
    }

    #[test]
    fn a_dialog_is_dismissed_and_told() {
        let draft = captured("/alert");
        check(&draft, Status::Complete, [Stored; 5]);
        let lines = console(&draft);
        let dialog = lines.iter().find(|line| line["kind"] == "dialog").unwrap();
        assert_eq!((&dialog["text"], &dialog["type"]), (&"look out".into(), &"alert".into()));
        assert_eq!(facts(&draft)["title"], "Alert was dismissed");
    }

    #[test]
    fn a_script_that_never_ends_is_stopped_and_the_page_is_taken() {
        let draft = captured("/hang");
        check(&draft, Status::Complete, [Stored, Stored, Stored, Empty, Stored]);
        assert!(text(&draft, "page.html").contains("still here"));
        assert_eq!(facts(&draft)["rescues"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_page_that_never_finishes_is_taken_as_it_stands_when_its_time_is_up() {
        let draft = captured_within("/unfinished", 700);
        assert_eq!(draft.chosen_status(), Some(Status::Complete));
        let facts = facts(&draft);
        assert_eq!(facts["load"], "timed_out");
        assert_eq!(facts["waits"][1]["met"], false);
        assert!(text(&draft, "page.html").contains("here"));
        assert!(text(&draft, "network.har").contains("not finished when it was captured"));
    }

    #[test]
    fn an_address_that_never_answers_is_a_page_that_did_not_load() {
        let draft = captured_within("/stuck", 500);
        assert_eq!(draft.chosen_status(), Some(Status::Failed));
        assert_eq!(facts(&draft)["load_error"], "no response within 500 ms");
    }

    #[test]
    fn a_page_that_leaves_while_it_loads_is_followed() {
        let draft = captured("/leave");
        let facts = facts(&draft);
        assert!(facts["url"].as_str().unwrap().ends_with("/leave"));
        assert!(facts["final_url"].as_str().unwrap().ends_with("/plain"));
        assert!(text(&draft, "page.html").contains("Hello"));
    }

    #[test]
    fn pages_that_are_captured_at_the_same_time_do_not_mix() {
        let site = Site::start();
        let browser = shared();
        std::thread::scope(|scope| {
            for (path, title) in [("/full", "Full"), ("/plain", "Plain"), ("/tall", "Tall")] {
                let (browser, url) = (&browser, site.url(path));
                scope.spawn(move || {
                    let draft = capture(browser, &url);
                    assert_eq!(draft.chosen_status(), Some(Status::Complete));
                    assert_eq!(facts(&draft)["title"], title);
                    let har: Value = serde_json::from_str(&text(&draft, "network.har")).unwrap();
                    assert_eq!(har["log"]["entries"][0]["request"]["url"], url);
                });
            }
        });
    }

    #[test]
    fn no_cookie_goes_from_one_capture_to_the_next() {
        let site = Site::start();
        let browser = shared();
        for _ in 0..2 {
            let draft = capture(&browser, &site.url("/cookie"));
            assert_eq!(facts(&draft)["title"], "none");
        }
    }
}
