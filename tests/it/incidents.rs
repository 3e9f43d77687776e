//! Incidents in a store: which are captured, and that all are counted.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tintype::capture::trigger::Trigger;
use tintype::capture::{Load, Outcome, Taken};
use tintype::model::incident::breaker::OPEN_FOR;
use tintype::model::incident::budget::Rate;
use tintype::model::incident::schedule::COOLDOWN;
use tintype::model::incident::{Cause, FACTS_BYTES_MAX, Incident, Suppression};
use tintype::ops::good::last_good;
use tintype::ops::repair::{Options, repair};
use tintype::ops::verify::{self, Depth};
use tintype::records::incidents::{GROUPS_MAX, Group, GroupQuery, OTHERS, groups};
use tintype::{
    CaptureConfig, CaptureMode, Context, Draft, Error, PagePart, Query, Recorder, Repository,
    Status, Time,
};

use crate::support::full::full_store;
use crate::support::script::{Act, Script};
use crate::support::values::{Shared, Still, context};

/// More than what passes by itself: no two moments of a store are the same.
const MOMENT: Duration = Duration::from_millis(1);

fn store() -> (Repository, Arc<Still>) {
    let clock = Arc::new(Still::at("2026-11-22T10:00:00Z"));
    (Repository::builder().clock(Shared(Arc::clone(&clock))).temporary().unwrap(), clock)
}

fn all(repo: &Repository) -> Vec<Group> {
    groups(repo, &GroupQuery { limit: 10_000, ..GroupQuery::default() }).unwrap()
}

fn lone(repo: &Repository) -> Group {
    let mut all = all(repo);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn selector(site: &str) -> Incident {
    Incident::selector_failure(context(&format!("{site}/products/list")), ".price")
}

fn occurrences(repo: &Repository, site: &str) -> Vec<u64> {
    let query = Query::context(site.parse().unwrap()).oldest_first().limit(1_000);
    let found = repo.find(&query).unwrap();
    found.iter().map(|it| it.user_info["incident"]["occurrence"].as_u64().unwrap()).collect()
}

fn verified(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:?}", report.problems);
}

/// A page that gives nothing.
fn dead() -> Script {
    Script::new().load(Load::Failed)
}

#[test]
fn what_is_said_of_an_incident_is_bounded_however_much_it_is() {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let incident = Incident::failure(context("a"), "E".repeat(9_000), "m".repeat(9_000_000))
        .with("deep", deep)
        .with("wide", json!(vec![7; 100_000]))
        .with("k".repeat(50_000), 1);
    let facts = Value::Object(incident.facts()).to_string();
    assert!(facts.len() < 2 * FACTS_BYTES_MAX, "{}", facts.len());
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    let outcome = recorder.handle(&mut Script::new(), &incident).unwrap();
    assert!(matches!(outcome, Outcome::Captured(_)), "{outcome:?}");
    verified(&repo);
}

// What matches, and how it is captured

#[test]
fn each_kind_matches_by_its_own_rule_and_is_captured_as_its_trigger_says() {
    let place = || context("shop.example/products/list");
    let mismatch = |data: Value| {
        Incident::extraction_mismatch(place(), json!({"price": 1}), data, vec!["no price".into()])
    };
    let second = Duration::from_secs(1);
    let count = |matched_count: u64| {
        let selector = ".price".to_owned();
        Incident::new(place(), Cause::SelectorFailure { selector, matched_count })
    };
    for (incident, mode) in [
        (count(0), Some(CaptureMode::Selector)),
        (count(2), None),
        (Incident::selector_failure(place(), " "), None),
        (Incident::retry_exhaustion(place(), "load", 3, 3, None), Some(CaptureMode::FullPage)),
        (Incident::retry_exhaustion(place(), "load", 2, 3, Some("x")), None),
        (Incident::timeout(place(), "load", second), Some(CaptureMode::FullPage)),
        (
            Incident::timeout(place(), "wait", second).with("selector", "h1"),
            Some(CaptureMode::Both),
        ),
        (Incident::timeout(place(), "load", second).with("timed_out", false), None),
        (mismatch(json!({"a": 1})), Some(CaptureMode::FullPage)),
        (mismatch(json!([1])).with("selector", "h1"), Some(CaptureMode::Selector)),
        (mismatch(json!({})), None),
        (mismatch(json!(0)), None),
        (mismatch(json!(1)).with("validation_passed", true), None),
        (Incident::failure(place(), "E", "e"), Some(CaptureMode::FullPage)),
        (Incident::custom(place(), "price_jump").unwrap(), None),
    ] {
        let (repo, _) = store();
        let recorder = Recorder::new(&repo);
        let mut page = Script::new();
        let outcome = recorder.handle(&mut page, &incident).unwrap();
        let Some(mode) = mode else {
            assert_eq!(outcome, Outcome::NotMatched, "{incident:?}");
            recorder.flush().unwrap();
            assert_eq!((all(&repo).len(), page.asked.len()), (0, 0));
            continue;
        };
        let Outcome::Captured(version) = outcome else { panic!("{incident:?}: {outcome:?}") };
        let facts: Value =
            serde_json::from_slice(&repo.content(&version, "facts.json").unwrap()).unwrap();
        assert_eq!(facts["config"]["mode"], mode.as_str(), "{incident:?}");
        let network = incident.cause.kind() != "selector_failure"
            && incident.cause.kind() != "extraction_mismatch";
        assert_eq!(facts["config"]["capture_network"], network, "{incident:?}");
        let snapshot = repo.get(&version).unwrap();
        assert_eq!(snapshot.tags[0].as_str(), "incident");
        let told = &snapshot.user_info["incident"];
        assert_eq!(told["kind"], incident.cause.kind());
        assert_eq!(told["trigger"], incident.cause.kind());
        assert_eq!((&told["occurrence"], &told["why"]), (&json!(1), &json!("occurrence")));
        let group = lone(&repo);
        assert_eq!(told["fingerprint"], group.fingerprint.to_string());
        assert_eq!(recorder.incident_group(&incident).unwrap(), Some(group.fingerprint));
        assert_eq!((group.count, group.captured, group.failed), (1, 1, 0));
        assert_eq!(group.first_version, Some(version));
        verified(&repo);
    }
}

#[test]
fn of_an_incident_of_which_only_the_site_is_told_the_trigger_says_the_place() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    for (given, filled) in [
        (
            "shop.example",
            "shop.example/selector_execution/element_selection/unknown/selector_execution",
        ),
        ("-", "unknown/selector_execution/element_selection/unknown/selector_execution"),
        ("shop.example/products", "shop.example/products/-/unknown"),
        ("shop.example/a/b/c/d", "shop.example/a/b/c/d"),
    ] {
        let incident = Incident::selector_failure(context(given), ".price");
        let outcome = recorder.handle(&mut Script::new(), &incident).unwrap();
        let version = outcome.version().unwrap();
        assert_eq!(repo.get(version).unwrap().context, context(filled), "{given}");
    }
}

struct Own {
    name: &'static str,
    kind: &'static str,
    limit: u32,
}

impl Trigger for Own {
    fn name(&self) -> &str {
        self.name
    }
    fn matches(&self, incident: &Incident) -> bool {
        incident.cause.kind() == self.kind
    }
    fn rate(&self) -> Rate {
        Rate::per_minute(self.limit).unwrap()
    }
    fn config(&self, _: &Incident) -> CaptureConfig {
        CaptureConfig::new(CaptureMode::Minimal, None).unwrap()
    }
}

#[test]
fn triggers_of_the_callers_own_are_asked_first_and_have_budgets_of_their_own() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    for bad in ["", &"x".repeat(65), "a\nb"] {
        let name: &'static str = bad.to_owned().leak();
        let own = Own { name, kind: "x", limit: 1 };
        assert!(matches!(recorder.register_trigger(own), Err(Error::Invalid { .. })));
    }
    recorder.register_trigger(Own { name: "jumps", kind: "price_jump", limit: 9 }).unwrap();
    recorder.register_trigger(Own { name: "mine", kind: "timeout", limit: 1 }).unwrap();
    // Of two of one name the later holds.
    recorder.register_trigger(Own { name: "jumps", kind: "price_jump", limit: 2 }).unwrap();
    let jump = |n: u64| {
        let incident = Incident::custom(context("shop.example/products"), "price_jump").unwrap();
        incident.grouped_as(format!("group {n}"))
    };
    let outcome = |incident: &Incident| {
        let outcome = recorder.handle(&mut Script::new(), incident).unwrap();
        outcome
            .version()
            .map(|version| repo.get(version).unwrap().user_info["incident"]["trigger"].clone())
    };
    assert_eq!(outcome(&jump(1)), Some(json!("jumps")));
    assert_eq!(outcome(&jump(2)), Some(json!("jumps")));
    assert_eq!(outcome(&jump(3)), None);
    let late = Incident::timeout(context("shop.example/products"), "load", Duration::ZERO);
    assert_eq!(outcome(&late), Some(json!("mine")));
    drop(recorder);
    let suppressed: Vec<_> = all(&repo).into_iter().map(|group| group.suppressed).collect();
    assert!(suppressed.iter().any(|it| it.get(&Suppression::Budget) == Some(&1)), "{suppressed:?}");
}

// Counting

#[test]
fn one_site_that_fails_a_thousand_times_a_minute_keeps_no_other_from_being_captured() {
    let (repo, clock) = store();
    let recorder = Recorder::new(&repo);
    let mut page = Script::new();
    let before = repo.commits();
    for n in 0..1_000_u32 {
        recorder.handle(&mut page, &selector("noisy.example")).unwrap();
        // The others fail for the first time while it fails.
        if n % 25 == 0 {
            let site = format!("site{}.example", n / 25);
            let outcome = recorder.handle(&mut page, &selector(&site)).unwrap();
            assert!(matches!(outcome, Outcome::Captured(_)), "{site}: {outcome:?}");
        }
        clock.pass(Duration::from_millis(60));
    }
    recorder.flush().unwrap();
    let commits = repo.commits() - before;
    let groups = all(&repo);
    assert_eq!(groups.len(), 41);
    let noisy = groups.iter().find(|it| it.context.site_name() == "noisy.example").unwrap();
    assert_eq!((noisy.count, noisy.captured, noisy.failed), (1_000, 4, 0));
    assert_eq!(noisy.suppressed[&Suppression::Schedule], 996);
    assert_eq!(occurrences(&repo, "noisy.example"), [1, 10, 100, 1_000]);
    assert_eq!(noisy.first_at.to_string(), "2026-11-22T10:00:00.000000Z");
    assert!(noisy.last_at.since(noisy.first_at) >= Duration::from_millis(999 * 60));
    // 44 captures, each with its decision, its snapshot and its end; and what was only counted.
    println!("{commits} commits for 1040 incidents, of which 44 were captured");
    assert!(commits < 44 * 3 + 100, "{commits}");
    verified(&repo);
}

#[test]
fn a_thousand_incidents_that_are_not_captured_are_a_handful_of_commits() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    let mut page = Script::new();
    recorder.handle(&mut page, &selector("noisy.example")).unwrap();
    let before = repo.commits();
    // None of these is the tenth.
    for n in 0..1_000 {
        let incident = selector("noisy.example");
        let outcome = if n < 8 {
            recorder.handle(&mut page, &incident).unwrap()
        } else {
            recorder.count_incident(&incident).unwrap()
        };
        let why = if n < 8 { Suppression::Schedule } else { Suppression::NoPage };
        assert_eq!(outcome, Outcome::Suppressed(why));
    }
    drop(recorder);
    let commits = repo.commits() - before;
    println!("{commits} commits for 1000 incidents that were not captured");
    assert!((1..100).contains(&commits), "{commits}");
    assert_eq!(lone(&repo).count, 1_001);
}

#[test]
fn what_is_only_counted_is_written_by_itself_before_long() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    recorder.count_incident(&selector("shop.example")).unwrap();
    while all(&repo).is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(lone(&repo).suppressed[&Suppression::NoPage], 1);
    drop(recorder);
    assert_eq!(lone(&repo).count, 1);
}

#[test]
fn what_several_handles_count_is_added_and_each_power_of_ten_is_captured_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    Repository::init(&path).unwrap().close().unwrap();
    let captured: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let path = &path;
                scope.spawn(move || {
                    let repo = Repository::open(path).unwrap();
                    let recorder = Recorder::new(&repo);
                    recorder
                        .register_trigger(Own { name: "own", kind: "x", limit: 1_000 })
                        .unwrap();
                    let incident = Incident::custom(context("shop.example"), "x").unwrap();
                    let mut page = Script::new();
                    let outcomes = (0..400).map(|_| recorder.handle(&mut page, &incident).unwrap());
                    outcomes.filter(|it| matches!(it, Outcome::Captured(_))).count()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let repo = Repository::open(&path).unwrap();
    let group = lone(&repo);
    assert_eq!((group.count, group.captured, group.failed), (1_600, 4, 0));
    assert_eq!(captured, 4);
    let occurrences = occurrences(&repo, "shop.example");
    assert_eq!(occurrences.len(), 4);
    // Never before its turn, and before the next but for what the other handles hold.
    for (occurrence, power) in occurrences.into_iter().zip([1, 10, 100, 1_000]) {
        let held = 3 * (16 + power);
        assert!((power..power * 10 + held).contains(&occurrence), "{occurrence} for {power}");
    }
    verified(&repo);
}

#[cfg(all(unix, feature = "cli"))]
#[test]
fn processes_share_one_schedule_and_one_budget() {
    use crate::support::process::{orders, worker};

    if let Some(orders) = orders() {
        let repo = Repository::open(orders["store"].as_str().unwrap()).unwrap();
        let recorder = Recorder::new(&repo);
        let mut page = Script::new();
        for _ in 0..400 {
            let _ = recorder.handle(&mut page, &selector("noisy.example")).unwrap();
        }
        let own = orders["site"].as_str().unwrap();
        let outcome = recorder.handle(&mut page, &selector(own)).unwrap();
        assert!(matches!(outcome, Outcome::Captured(_)), "{outcome:?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    Repository::init(&path).unwrap().close().unwrap();
    let name = "incidents::processes_share_one_schedule_and_one_budget";
    let mut workers: Vec<_> = (0..4)
        .map(|n| {
            let orders = json!({"store": path, "site": format!("site{n}.example")});
            worker(name, &orders).spawn().unwrap()
        })
        .collect();
    for worker in &mut workers {
        assert!(worker.wait().unwrap().success());
    }
    let repo = Repository::open(&path).unwrap();
    let groups = all(&repo);
    assert_eq!(groups.len(), 5);
    let noisy = groups.iter().find(|it| it.context.site_name() == "noisy.example").unwrap();
    // Four powers of ten, and five captures a minute.
    assert_eq!((noisy.count, noisy.captured, noisy.failed), (1_600, 4, 0), "{noisy:?}");
    let told = occurrences(&repo, "noisy.example");
    for (occurrence, power) in told.into_iter().zip([1, 10, 100, 1_000]) {
        let held = 3 * (16 + power);
        assert!((power..power * 10 + held).contains(&occurrence), "{occurrence} for {power}");
    }
    verified(&repo);
}

#[test]
fn another_handle_goes_on_where_one_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    Repository::init(&path).unwrap().close().unwrap();
    let mut captured = Vec::new();
    for n in 1..=30 {
        let repo = Repository::open(&path).unwrap();
        let recorder = Recorder::new(&repo);
        let outcome = recorder.handle(&mut Script::new(), &selector("shop.example")).unwrap();
        captured.extend(matches!(outcome, Outcome::Captured(_)).then_some(n));
    }
    assert_eq!(captured, [1, 10]);
    assert_eq!(lone(&Repository::open(&path).unwrap()).count, 30);
}

// Budget, breaker, schedule

#[test]
fn what_the_budget_does_not_let_through_is_captured_when_there_is_some_again() {
    let (repo, clock) = store();
    let recorder = Recorder::new(&repo);
    let error = |n: usize| {
        let word = ["one", "two", "three", "four", "five", "six"][n];
        Incident::failure(context("shop.example/cart"), "E", word)
    };
    let handle = |n: usize| recorder.handle(&mut Script::new(), &error(n)).unwrap();
    for n in 0..5 {
        assert!(matches!(handle(n), Outcome::Captured(_)), "{n}");
    }
    assert_eq!(handle(5), Outcome::Suppressed(Suppression::Budget));
    // Another kind has a budget of its own, and so has another site.
    let other = recorder.handle(&mut Script::new(), &selector("shop.example")).unwrap();
    assert!(matches!(other, Outcome::Captured(_)));
    clock.pass(Duration::from_secs(11));
    assert_eq!(handle(5), Outcome::Suppressed(Suppression::Budget));
    clock.pass(Duration::from_secs(1));
    let Outcome::Captured(version) = handle(5) else { panic!("its turn is not over") };
    assert_eq!(repo.get(&version).unwrap().user_info["incident"]["occurrence"], 3);
    assert_eq!(handle(5), Outcome::Suppressed(Suppression::Budget));
}

#[test]
fn a_failed_capture_costs_no_token_and_five_of_them_open_the_breaker() {
    let (repo, clock) = store();
    let recorder = Recorder::new(&repo);
    let incident = selector("shop.example");
    let mut versions = Vec::new();
    for _ in 0..5 {
        let Outcome::Failed(version) = recorder.handle(&mut dead(), &incident).unwrap() else {
            panic!("a page that did not load was captured")
        };
        assert_eq!(repo.get(&version).unwrap().status, Status::Failed);
        versions.push(version);
    }
    let breaker = Outcome::Suppressed(Suppression::Breaker);
    assert_eq!(recorder.handle(&mut Script::new(), &incident).unwrap(), breaker);
    // It is of the site, and kept in the store: another recorder sees it, another site does not.
    let other = Recorder::new(&repo);
    let late = Incident::timeout(context("shop.example/cart"), "load", Duration::ZERO);
    assert_eq!(other.handle(&mut Script::new(), &late).unwrap(), breaker);
    let elsewhere = other.handle(&mut Script::new(), &selector("book.example")).unwrap();
    assert!(matches!(elsewhere, Outcome::Captured(_)));

    // One probe; it fails, so that it stays open.
    clock.pass(OPEN_FOR + MOMENT);
    assert!(matches!(recorder.handle(&mut dead(), &incident).unwrap(), Outcome::Failed(_)));
    assert_eq!(recorder.handle(&mut Script::new(), &incident).unwrap(), breaker);
    clock.pass(OPEN_FOR + MOMENT);
    // None of the tokens is gone: five are captured, one after the other.
    let probe = recorder.handle(&mut Script::new(), &incident).unwrap();
    assert!(matches!(probe, Outcome::Captured(_)), "{probe:?}");
    recorder.flush().unwrap();
    let groups = all(&repo);
    let is_it =
        |it: &&Group| it.context.site_name() == "shop.example" && it.kind == "selector_failure";
    let of_site = groups.iter().find(is_it).unwrap();
    assert_eq!((of_site.count, of_site.captured, of_site.failed), (9, 1, 6), "{of_site:?}");
    assert_eq!(of_site.suppressed[&Suppression::Breaker], 2);
    for (selector, has_token) in [("a", true), ("b", true), ("c", true), ("d", true), ("e", false)]
    {
        let incident = Incident::selector_failure(context("shop.example/products"), selector);
        let outcome = recorder.handle(&mut Script::new(), &incident).unwrap();
        assert_eq!(matches!(outcome, Outcome::Captured(_)), has_token, "{outcome:?}");
    }
    verified(&repo);
}

#[test]
fn only_one_of_many_has_the_probe() {
    let (repo, clock) = store();
    let recorder = Recorder::new(&repo);
    for _ in 0..5 {
        let _ = recorder.handle(&mut dead(), &selector("shop.example")).unwrap();
    }
    clock.pass(OPEN_FOR + MOMENT);
    // Whoever asks while the probe is under way is refused: the page asks, from within its capture.
    struct Nosy<'a>(&'a Recorder, Vec<Outcome>);
    impl tintype::capture::Page for Nosy<'_> {
        fn facts(&mut self) -> tintype::capture::Facts {
            Default::default()
        }
        fn take(
            &mut self,
            _: PagePart,
            _: &CaptureConfig,
            _: Duration,
        ) -> Result<Taken, tintype::capture::Fault> {
            let outcome = self.0.handle(&mut Script::new(), &selector("shop.example")).unwrap();
            self.1.push(outcome);
            Ok(Taken::Content(b"part".to_vec()))
        }
    }
    let mut nosy = Nosy(&recorder, Vec::new());
    let probe = recorder.handle(&mut nosy, &selector("shop.example")).unwrap();
    assert!(matches!(probe, Outcome::Captured(_)), "{probe:?}");
    assert!(nosy.1.len() > 3);
    let refused = Outcome::Suppressed(Suppression::Breaker);
    assert!(nosy.1.iter().all(|it| *it == refused), "{:?}", nosy.1);
}

#[test]
fn a_capture_that_can_not_be_stored_gives_back_what_it_took() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    struct Unstorable;
    impl Trigger for Unstorable {
        fn name(&self) -> &str {
            "unstorable"
        }
        fn matches(&self, incident: &Incident) -> bool {
            incident.cause.kind() == "x"
        }
        fn rate(&self) -> Rate {
            Rate::ONE
        }
        fn config(&self, _: &Incident) -> CaptureConfig {
            CaptureConfig::new(CaptureMode::Minimal, None).unwrap()
        }
        fn place(&self) -> [&str; 3] {
            ["", "", ""]
        }
    }
    recorder.register_trigger(Unstorable).unwrap();
    // A place that is none is an error, and nothing is counted.
    let incident = Incident::custom(context("shop.example"), "x").unwrap();
    let refused = recorder.handle(&mut Script::new(), &incident).unwrap_err();
    assert!(matches!(refused, Error::Invalid { what: "module", .. }), "{refused}");
    recorder.flush().unwrap();
    assert_eq!(all(&repo), []);
}

#[test]
fn after_an_hour_and_for_a_page_that_is_made_another_way_one_more_is_captured() {
    let (repo, clock) = store();
    let recorder = Recorder::new(&repo);
    let page =
        |html: &str| Script::new().on(PagePart::Html, Act::Give(Ok(Taken::Content(html.into()))));
    let first = "<p class=price>1</p><ul><li id=item-1>a</ul>";
    let same = "<ul><li id=item-2>x<li id=item-34>y</ul><p class=price>2</p><p class=price>3</p>";
    let other = "<p class=amount>1</p>";
    let handle = |html: &str| {
        let outcome = recorder.handle(&mut page(html), &selector("shop.example")).unwrap();
        let version = outcome.version()?.clone();
        Some(repo.get(&version).unwrap().user_info["incident"]["why"].as_str()?.to_owned())
    };
    assert_eq!(handle(first).as_deref(), Some("occurrence"));
    assert_eq!(handle(same), None);
    // The page was looked at lately.
    assert_eq!(handle(other), None);
    clock.pass(Duration::from_secs(60) + MOMENT);
    assert_eq!(handle(other).as_deref(), Some("structure"));
    clock.pass(Duration::from_secs(60) + MOMENT);
    assert_eq!(handle(other), None);
    clock.pass(Duration::from_secs(60) + MOMENT);
    assert_eq!(handle(first), None);
    clock.pass(COOLDOWN + MOMENT);
    assert_eq!(handle(first).as_deref(), Some("cooldown"));
    assert_eq!(handle(first), None);
}

// Groups

#[test]
fn incidents_that_are_alike_are_one_group_and_others_are_not() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    let failed = |place: &str, message: &str| {
        recorder.count_incident(&Incident::failure(context(place), "E", message)).unwrap()
    };
    for n in 0..20 {
        let _ = failed("shop.example/cart", &format!("item {n} of https://shop.example/{n}"));
        // Another run of the same.
        let _ = failed(&format!("shop.example/cart/-/run-{n}"), "item 3 of https://a.example/");
    }
    let _ = failed("shop.example/cart", "another error");
    let _ = failed("shop.example/home", "item 3 of https://a.example/");
    let timeout = Incident::timeout(context("shop.example/cart"), "load", Duration::ZERO);
    let _ = recorder.count_incident(&timeout).unwrap();
    recorder.flush().unwrap();
    let mut told: Vec<_> = all(&repo)
        .into_iter()
        .map(|it| (it.count, it.context.to_string(), it.kind, it.message))
        .collect();
    told.sort();
    let row = |count: u64, place: &str, kind: &str, message: &str| {
        (count, place.to_owned(), kind.to_owned(), message.to_owned())
    };
    assert_eq!(
        told,
        [
            row(1, "shop.example/cart", "failure", "E: another error"),
            row(1, "shop.example/cart", "timeout", "load"),
            row(1, "shop.example/home", "failure", "E: item <n> of <url>"),
            row(40, "shop.example/cart", "failure", "E: item <n> of <url>"),
        ]
    );
    let asked = |query: GroupQuery| groups(&repo, &query).unwrap().len();
    let of = |pattern: &str| GroupQuery { context: pattern.parse().unwrap(), ..Default::default() };
    assert_eq!(asked(of("shop.example/cart")), 3);
    assert_eq!(asked(of("*/home")), 1);
    assert_eq!(asked(GroupQuery { kind: Some("timeout".into()), ..Default::default() }), 1);
    assert_eq!(asked(GroupQuery { limit: 2, ..Default::default() }), 2);
    assert_eq!(asked(GroupQuery { since: Some(Time::MAX), ..Default::default() }), 0);
}

#[test]
fn a_site_whose_messages_are_all_different_has_so_many_groups_and_one_for_the_rest() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    let word = |n: u64| -> String {
        format!("{n}").bytes().map(|digit| (digit - b'0' + b'a') as char).collect()
    };
    let total = GROUPS_MAX + 500;
    for n in 0..total {
        let incident = Incident::failure(context("shop.example/cart"), "E", word(n));
        let _ = recorder.count_incident(&incident).unwrap();
    }
    let _ = recorder.count_incident(&selector("book.example")).unwrap();
    recorder.flush().unwrap();
    let (of_site, elsewhere): (Vec<_>, Vec<_>) =
        all(&repo).into_iter().partition(|it| it.context.site_name() == "shop.example");
    assert_eq!(of_site.len() as u64, GROUPS_MAX + 1);
    assert_eq!(elsewhere.len(), 1);
    assert_eq!(of_site.iter().map(|it| it.count).sum::<u64>(), total);
    let others = of_site.iter().find(|it| it.kind == OTHERS).unwrap();
    assert_eq!(others.count, 500);
    verified(&repo);
}

#[test]
fn nothing_secret_is_kept_of_an_incident() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    let secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";
    let incident = Incident::failure(
        context("shop.example/login"),
        "Refused",
        format!("Authorization: Bearer {secret}"),
    )
    .at_url(format!("https://shop.example/?token={secret}"))
    .with("password", secret);
    let outcome = recorder.handle(&mut Script::new(), &incident).unwrap();
    let _ = recorder.count_incident(&incident).unwrap();
    let version = outcome.version().unwrap().clone();
    let snapshot = repo.get(&version).unwrap();
    let path = repo.path().to_owned();
    drop(recorder);
    let told = json!([snapshot, lone(&repo)]).to_string();
    assert!(!told.contains(secret), "{told}");
    assert!(told.contains("[redacted:"), "{told}");
    repo.flush().unwrap();
    let wal = path.with_file_name("tintype.db-wal");
    for file in [&path, &wal] {
        let bytes = std::fs::read(file).unwrap_or_default();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{}", file.display());
    }
}

// The last good one

#[test]
fn the_last_good_is_the_newest_before_that_is_complete_and_of_no_incident() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    let put = |place: &str, day: u32, status: Status| {
        let at = format!("2026-11-{day:02}").parse().unwrap();
        let draft = Draft::text("x").context(context(place)).at(at).status(status);
        repo.create(draft).unwrap()
    };
    let place = "shop.example/products/list/run-1/read";
    let first = put(place, 1, Status::Complete);
    let good = put("shop.example/products/list/run-2/read", 2, Status::Complete);
    put("shop.example/products/list/run-2/write", 3, Status::Complete);
    put("book.example/products/list/run-2/read", 3, Status::Complete);
    put(place, 4, Status::Partial);
    for _ in 0..10 {
        let incident = Incident::selector_failure(place.parse().unwrap(), ".price");
        let _ = recorder.handle(&mut Script::new(), &incident).unwrap();
    }
    let incidents = repo.find(&Query::all().tag("incident".parse().unwrap())).unwrap();
    assert_eq!(incidents.len(), 2);
    put(place, 30, Status::Complete);
    for incident in &incidents {
        assert_eq!(last_good(&repo, &incident.version).unwrap(), Some(good.clone()));
    }
    assert_eq!(last_good(&repo, &good).unwrap(), Some(first.clone()));
    assert_eq!(last_good(&repo, &first).unwrap(), None);
    repo.forget(&good).unwrap();
    assert_eq!(last_good(&repo, &incidents[0].version).unwrap(), Some(first.clone()));
    assert!(matches!(last_good(&repo, &good), Err(Error::NotFound { .. })));
}

// Damage

#[test]
fn a_row_that_was_changed_by_hand_is_found_and_not_believed() {
    for change in [
        "UPDATE incident SET message = 'x'",
        "UPDATE incident SET count = count + 1, by_flag = by_flag + 1",
        "UPDATE incident SET due = 7",
        "UPDATE incident SET exemplar = '{}'",
        "UPDATE gate SET state = '{\"full_at\":\"2026-01-01T00:00:00.000000Z\"}'",
    ] {
        let (repo, _) = store();
        let recorder = Recorder::new(&repo);
        let _ = recorder.handle(&mut Script::new(), &selector("shop.example")).unwrap();
        drop(recorder);
        let sql = rusqlite::Connection::open(repo.path()).unwrap();
        assert_eq!(sql.execute(change, []).unwrap(), 1, "{change}");
        let report = verify::verify(&repo, Depth::Structure, &mut |_| {}).unwrap();
        let kinds: Vec<_> = report.problems.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [verify::ProblemKind::Record], "{change}");
        assert!(report.problems[0].detail.contains("shop.example"), "{:?}", report.problems);
        let incident = selector("shop.example");
        let refused = Recorder::new(&repo).handle(&mut Script::new(), &incident);
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{change}: {refused:?}");
    }
}

#[test]
fn a_damaged_group_keeps_no_other_from_being_counted() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    let count = || {
        for site in ["shop.example", "book.example"] {
            let _ = recorder.count_incident(&selector(site)).unwrap();
        }
        recorder.flush().unwrap();
    };
    count();
    let sql = rusqlite::Connection::open(repo.path()).unwrap();
    sql.execute("UPDATE incident SET message = 'x' WHERE site = 'shop.example'", []).unwrap();
    count();
    let of = |site: &str| {
        groups(&repo, &GroupQuery { context: site.parse().unwrap(), ..Default::default() })
    };
    assert_eq!(of("book.example").unwrap()[0].count, 2);
    assert!(matches!(of("shop.example"), Err(Error::Corrupt(_))));
}

#[test]
fn the_rules_of_the_table_hold_whoever_writes() {
    let (repo, _) = store();
    let _ = Recorder::new(&repo).handle(&mut Script::new(), &selector("shop.example")).unwrap();
    let sql = rusqlite::Connection::open(repo.path()).unwrap();
    for change in [
        "UPDATE incident SET count = 7",
        "UPDATE incident SET last_us = first_us - 1",
        "UPDATE incident SET structures = x'00'",
        "UPDATE incident SET exemplar = 'no JSON'",
        "UPDATE gate SET seal = x''",
    ] {
        assert!(sql.execute(change, []).is_err(), "{change}");
    }
}

#[test]
fn what_was_counted_comes_through_a_repair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    full_store(&path);
    let before = {
        let repo = Repository::open(&path).unwrap();
        all(&repo)
    };
    assert_eq!(before.len(), 2);
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute("UPDATE snapshot SET description = 'x' WHERE version = 'version-5'", []).unwrap();
    // One row that can't be believed is left behind.
    sql.execute("UPDATE incident SET message = 'x' WHERE message = '.name'", []).unwrap();
    drop(sql);
    let report = repair(&path, &Options::default(), &mut |_| {}).unwrap();
    assert!(report.damaged);
    let repo = Repository::open(&path).unwrap();
    let kept: Vec<_> = before.into_iter().filter(|it| it.message == ".price").collect();
    assert_eq!(all(&repo), kept);
    verified(&repo);
    // It goes on where it was.
    let incident = Incident::selector_failure(kept[0].context.clone(), ".price");
    let outcome = Recorder::new(&repo).handle(&mut Script::new(), &incident).unwrap();
    assert_eq!(outcome, Outcome::Suppressed(Suppression::Schedule));
}

/// The context of nothing in particular is one, too.
#[test]
fn an_incident_without_a_place_is_counted_under_unknown() {
    let (repo, _) = store();
    let recorder = Recorder::new(&repo);
    let incident = Incident::failure(Context::default(), "E", "");
    let _ = recorder.handle(&mut Script::new(), &incident).unwrap();
    assert_eq!(lone(&repo).context.site_name(), "unknown");
}
