//! Scrapers that tell what they met: a recorder of a site, a line for a scraper, a tab of one's own.

use std::time::Duration;

use serde_json::json;
use tintype::capture::site::{Scraped, Scraper, SiteRecorder, Step};
use tintype::capture::{Load, Outcome};
use tintype::model::config::Environment;
use tintype::model::incident::{Incident, Suppression};
use tintype::ops::rollout::{self, By};
use tintype::records::incidents::{GroupQuery, groups};
use tintype::{Error, Query, Recorder, Repository, Snapshot};

use crate::support::script::Script;
use crate::support::values::context;

#[cfg(feature = "chrome")]
#[allow(dead_code, reason = "its main is not run here, but what that runs")]
#[path = "../../examples/scraper.rs"]
mod example;

fn site(environment: Environment) -> (Repository, SiteRecorder) {
    let repo = Repository::temporary().unwrap();
    let site = SiteRecorder::new(&Recorder::new(&repo), "shop.example").unwrap();
    (repo, site.environment(environment))
}

fn newest(repo: &Repository) -> Snapshot {
    repo.latest().unwrap()
}

fn by() -> By {
    By::new("ann")
}

#[test]
fn a_scraping_capture_is_stored_where_it_belongs_with_what_is_known() {
    let (repo, site) = site(Environment::Testing);
    let step = Step::of("products", "list", "read").selector(".price").with("page", 3);
    let Scraped::Captured(captured) = site.capture_scraping(&mut Script::new(), &step).unwrap()
    else {
        panic!("it was skipped")
    };
    let version = captured.wait().unwrap().unwrap().version;
    let snapshot = repo.get(&version).unwrap();
    assert_eq!(snapshot.context, context("shop.example/products/list/unknown/read"));
    assert_eq!(snapshot.user_info["page"], 3);
    assert!(snapshot.artifact("element.html").is_some() && snapshot.artifact("full.png").is_some());

    let run = site.session("run-7").unwrap();
    let scraped = run.capture_scraping(&mut Script::new(), &Step::default()).unwrap();
    let Scraped::Captured(captured) = scraped else { panic!("it was skipped") };
    let version = captured.wait().unwrap().unwrap().version;
    let told = repo.get(&version).unwrap().context;
    assert_eq!(told, context("shop.example/unknown/unknown/run-7/unknown"));
}

#[test]
fn in_production_failures_are_captured_and_nothing_else_is() {
    let (repo, site) = site(Environment::Production);
    let mut page = Script::new();
    let scraped = site.capture_scraping(&mut page, &Step::default()).unwrap();
    assert!(matches!(scraped, Scraped::Skipped(_)), "{scraped:?}");
    assert!(page.asked.is_empty());
    assert_eq!(repo.stats().unwrap().snapshots, 0);
    let step = Step::of("products", "list", "read").with("run", 7);
    let outcome = site.capture_failure(&mut page, "TypeError", "x is null", &step).unwrap();
    assert!(matches!(outcome, Outcome::Captured(_)), "{outcome:?}");
    let outcome = site.handle_selector_failure(&mut page, ".price", &step).unwrap();
    assert!(matches!(outcome, Outcome::Captured(_)), "{outcome:?}");
    let told = &newest(&repo).user_info["incident"];
    assert_eq!((&told["kind"], &told["run"]), (&json!("selector_failure"), &json!(7)));
    // The same once more is counted.
    let outcome = site.handle_selector_failure(&mut page, ".price", &step).unwrap();
    assert_eq!(outcome, Outcome::Suppressed(Suppression::Schedule));
}

#[test]
fn a_site_or_a_step_that_can_be_no_context_is_refused() {
    let recorder = Recorder::new(&Repository::in_memory().unwrap());
    for bad in ["", "*", "a\nb", &"x".repeat(256)] {
        assert!(matches!(SiteRecorder::new(&recorder, bad), Err(Error::Invalid { .. })), "{bad:?}");
        let site = SiteRecorder::new(&recorder, "shop.example").unwrap();
        assert!(matches!(site.clone().session(bad), Err(Error::Invalid { .. })), "{bad:?}");
        let step = Step { module: Some(bad), ..Step::default() };
        let refused = site.capture_failure(&mut Script::new(), "E", "e", &step);
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{bad:?}");
    }
}

struct Shop {
    snapshots: SiteRecorder,
}

impl Scraper for Shop {
    fn snapshots(&self) -> &SiteRecorder {
        &self.snapshots
    }
}

#[test]
fn a_scraper_has_the_verbs_with_one_line() {
    let (repo, snapshots) = site(Environment::Debug);
    let shop: Box<dyn Scraper> = Box::new(Shop { snapshots });
    let mut page = Script::new();
    let Scraped::Captured(captured) = shop.capture_page(&mut page, &Step::default()).unwrap()
    else {
        panic!("it was skipped")
    };
    captured.wait().unwrap();
    assert_eq!(newest(&repo).context, context("shop.example/unknown/unknown/unknown/page_load"));
    let step = Step::of("cart", "form", "submit");
    for outcome in [
        shop.handle_failure(&mut page, "E", "e", &step).unwrap(),
        shop.handle_selector_failure(&mut page, "h1", &step).unwrap(),
    ] {
        let version = outcome.version().unwrap();
        assert_eq!(repo.get(version).unwrap().context.parts()[1], "cart");
    }
}

// The flag

#[test]
fn while_the_flag_is_off_incidents_are_counted_and_never_captured() {
    for flag in ["event_driven_snapshots", "context_aware_bundles"] {
        let (repo, site) = site(Environment::Testing);
        rollout::disable(&repo, flag, &by()).unwrap();
        let mut page = Script::new();
        let mut failed =
            || site.handle_selector_failure(&mut page, ".price", &Step::default()).unwrap();
        for _ in 0..12 {
            assert_eq!(failed(), Outcome::Suppressed(Suppression::Flag), "{flag}");
        }
        rollout::enable(&repo, flag, None, &by().force()).unwrap();
        // None was captured yet, so it is its turn.
        let outcome = failed();
        assert!(matches!(outcome, Outcome::Captured(_)), "{flag}: {outcome:?}");
        assert_eq!(page.asked.iter().filter(|(part, _)| part.is_of_the_element()).count(), 2);
        let group = groups(&repo, &GroupQuery::default()).unwrap().remove(0);
        assert_eq!((group.count, group.captured), (13, 1));
        assert_eq!(group.suppressed[&Suppression::Flag], 12);
        assert_eq!(repo.stats().unwrap().snapshots, 1);
    }
}

#[test]
fn after_an_emergency_nothing_more_is_captured() {
    let (repo, site) = site(Environment::Testing);
    let mut page = Script::new();
    let mut failed = |selector: &str| {
        site.handle_selector_failure(&mut page, selector, &Step::default()).unwrap()
    };
    assert!(matches!(failed("a"), Outcome::Captured(_)));
    rollout::emergency_disable(&repo, &by()).unwrap();
    assert_eq!(failed("b"), Outcome::Suppressed(Suppression::Flag));
    rollout::emergency_release(&repo, &by()).unwrap();
    assert!(matches!(failed("b"), Outcome::Captured(_)));
}

// Pages that are opened where they are needed

#[test]
fn a_page_is_opened_only_where_the_incident_is_to_be_captured() {
    let repo = Repository::temporary().unwrap();
    let recorder = Recorder::new(&repo);
    let incident = Incident::timeout(context("shop.example/cart"), "load", Duration::from_secs(3));
    let refused = || Error::invalid("address", "x", "it can't be opened");
    // What can't be opened is an error, and the next one has its turn.
    let failed = recorder.handle_opening(&incident, || Err(refused()));
    assert!(matches!(failed, Err(Error::Invalid { what: "address", .. })), "{failed:?}");
    let outcome = recorder.handle_opening(&incident, || Ok(Box::new(Script::new()))).unwrap();
    assert!(matches!(outcome, Outcome::Captured(_)), "{outcome:?}");
    for _ in 0..7 {
        let outcome = recorder.handle_opening(&incident, || panic!("it was opened")).unwrap();
        assert_eq!(outcome, Outcome::Suppressed(Suppression::Schedule));
    }
    let dead = || -> tintype::Result<Box<dyn tintype::capture::Page>> {
        Ok(Box::new(Script::new().load(Load::Failed)))
    };
    let outcome = recorder.handle_opening(&incident, dead).unwrap();
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    recorder.flush().unwrap();
    let group = groups(&repo, &GroupQuery::default()).unwrap().remove(0);
    assert_eq!((group.count, group.captured, group.failed), (10, 1, 1));
    assert_eq!(group.suppressed[&Suppression::NoPage], 1);
    assert_eq!(repo.find(&Query::all()).unwrap().len(), 2);
}

#[cfg(feature = "chrome")]
mod in_chromium {
    use tintype::capture::chrome::{capture_selector_failure, headless_chrome};

    use super::*;
    use crate::support::site::Site;

    #[test]
    fn a_selector_failure_in_a_tab_is_true_only_where_a_snapshot_was_stored() {
        let server = Site::start();
        let options = headless_chrome::LaunchOptions::default_builder()
            .sandbox(false)
            .port(Some(0))
            .build()
            .unwrap();
        let browser = headless_chrome::Browser::new(options).unwrap();
        let tab = browser.new_tab().unwrap();
        tab.navigate_to(&server.url("/plain")).unwrap().wait_until_navigated().unwrap();
        let repo = Repository::temporary().unwrap();
        let recorder = Recorder::new(&repo);
        let failed = |selector: &str, matched: u64| {
            let place = context("shop.example/products/list");
            capture_selector_failure(&recorder, &browser, &tab, place, selector, matched).unwrap()
        };
        assert!(!failed(".price", 2), "it matched");
        assert!(failed(".price", 0));
        let snapshot = newest(&repo);
        assert_eq!(snapshot.user_info["incident"]["selector"], ".price");
        assert_eq!(snapshot.user_info["incident"]["url"], server.url("/plain"));
        let html =
            String::from_utf8(repo.content(&snapshot.version, "page.html").unwrap()).unwrap();
        assert!(html.contains("Hello"), "{html}");
        assert!(!failed(".price", 0), "it is not its turn");
        rollout::disable(&repo, "event_driven_snapshots", &by()).unwrap();
        assert!(!failed(".other", 0), "the flag is off");
        assert_eq!(repo.stats().unwrap().snapshots, 1);
    }

    #[test]
    fn the_example_tells_of_a_site_that_breaks() {
        let repo = Repository::temporary().unwrap();
        example::scrape(&repo).unwrap();
        let told: Vec<_> = groups(&repo, &GroupQuery::default())
            .unwrap()
            .into_iter()
            .map(|it| (it.kind, it.message, it.count, it.captured))
            .collect();
        let row =
            |kind: &str, message: &str, count: u64| (kind.to_owned(), message.to_owned(), count, 1);
        assert_eq!(
            told,
            [
                row("failure", "NotANumber: <text> is no price", 2),
                row("selector_failure", ".price", 6),
            ]
        );
        // Four pages were good.
        assert_eq!(repo.stats().unwrap().snapshots, 4 + 2);
    }
}
