//! Feature flags of a store: what a change comes to, what is refused, that what was can be had back, and who
//! sees it when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::model::flag::{self, DEPENDENCY_DEPTH_MAX, Flag, SET_BYTES_MAX};
use tintype::ops::repair::{self, Options};
use tintype::ops::rollout::{self, Back, By};
use tintype::ops::verify::{self, Depth};
use tintype::{
    Draft, Error, EvalContext, EventKind, EventQuery, FlagSet, Flags, Repository, Rollout, Stage,
    Time,
};

#[cfg(all(unix, any(feature = "cli", feature = "chrome")))]
use crate::support::process;
use crate::support::values::{Shared, Still};

fn percent(percent: f64) -> Rollout {
    Rollout::percent(percent).unwrap()
}

fn key(key: &str) -> EvalContext<'_> {
    EvalContext { key: Some(key), ..EvalContext::default() }
}

fn ann() -> By {
    By::new("ann")
}

/// The file of a Python program, of the shape that such files have.
fn foreign() -> Value {
    let flag = |name: &str, needs: &[&str]| {
        json!({"name": name, "enabled": true, "description": format!("about {name}"),
               "rollout_percentage": 100.0, "dependencies": needs,
               "environments": ["development", "staging", "production"],
               "last_modified": "2026-02-13T14:30:00"})
    };
    let base = ["context_aware_bundles"];
    json!({
        "current_stage": "full_rollout",
        "enabled_features": {
            "context_aware_bundles": flag("context_aware_bundles", &[]),
            "dual_html_capture": flag("dual_html_capture", &base),
            "async_performance": flag("async_performance", &base),
            "event_driven_snapshots": flag("event_driven_snapshots", &base),
            "performance_monitoring": flag("performance_monitoring", &base),
        },
        "site_rollout": {"scores": 100.0, "odds": 40.0},
        "global_settings": {
            "default_environment": "development", "graceful_degradation": true,
            "enable_telemetry": true, "max_rollout_percentage_per_day": 20.0,
            "rollback_threshold": 5.0, "feature_flag_cache_ttl": 300,
        },
    })
}

// In a store

fn store() -> Repository {
    Repository::temporary().unwrap()
}

/// A store whose clock is set by hand.
fn timed() -> (Repository, Arc<Still>) {
    let clock = Arc::new(Still::at("2026-11-22T09:00:00Z"));
    let repo = Repository::builder().clock(Shared(clock.clone())).temporary().unwrap();
    (repo, clock)
}

fn changes(repo: &Repository) -> usize {
    rollout::history(repo, None, 1_000).unwrap().len()
}

fn is_whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Structure, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

/// Runs what must be refused so, and change nothing.
fn refused<T: std::fmt::Debug>(
    repo: &Repository,
    told: &str,
    change: impl FnOnce(&Repository) -> tintype::Result<T>,
) {
    let before = (rollout::all(repo).unwrap(), changes(repo));
    let error = change(repo).unwrap_err();
    assert!(error.to_string().contains(told), "{told} is not in: {error}");
    assert_eq!((rollout::all(repo).unwrap(), changes(repo)), before);
}

#[test]
fn a_new_store_has_the_flags_that_are_asked_here() {
    let repo = store();
    let set = rollout::all(&repo).unwrap();
    assert_eq!(set, FlagSet::default());
    set.check().unwrap();
    let on: Vec<_> = set.flags.iter().map(|(name, flag)| (name.as_str(), flag.enabled)).collect();
    let expected = [
        ("async_performance", true),
        ("context_aware_bundles", true),
        ("dual_html_capture", true),
        ("event_driven_snapshots", true),
        ("legacy_compatibility", false),
        ("performance_monitoring", true),
    ];
    assert_eq!(on, expected);
    assert_eq!(set.stage, Stage::FullRollout);
    let flags = Flags::of(&repo);
    for (alias, name) in [
        ("context_aware_snapshots", flag::CONTEXT_AWARE_BUNDLES),
        ("dual_capture", flag::DUAL_HTML_CAPTURE),
        ("event_driven", flag::EVENT_DRIVEN_SNAPSHOTS),
    ] {
        assert!(flags.is_enabled(alias, &EvalContext::default()));
        rollout::disable(&repo, alias, &ann()).unwrap();
        assert!(!flags.is_enabled(name, &EvalContext::default()));
        assert!(!flags.is_enabled(alias, &EvalContext::default()));
    }
    is_whole(&repo);
}

#[test]
fn a_change_is_an_event_that_tells_who_when_before_and_after() {
    let (repo, clock) = timed();
    let by = ann().because("slow disks");
    let told =
        rollout::enable(&repo, "async_performance", Some(percent(10.0)), &by).unwrap().unwrap();
    assert_eq!((told.by.as_str(), told.what.as_str()), ("ann", "enable"));
    assert_eq!(
        (told.flag.as_deref(), told.why.as_deref()),
        (Some("async_performance"), Some("slow disks"))
    );
    let path = "/flags/async_performance/rollout";
    assert_eq!((&told.before[path], &told.after[path]), (&json!(100), &json!(10)));
    clock.pass(Duration::from_secs(60));
    rollout::set_site_rollout(&repo, "shop.example", None, Some(percent(12.5)), &ann()).unwrap();
    rollout::set_stage(&repo, Stage::BetaTesting, &ann()).unwrap();
    let history = rollout::history(&repo, None, 100).unwrap();
    let words: Vec<_> = history.iter().map(|change| change.what.as_str()).collect();
    assert_eq!(words, ["stage", "site", "enable"]);
    assert_eq!(history[2], told);
    assert_eq!(history[1].after["/sites/shop.example"], json!(12.5));
    assert!(history[1].at.since(told.at) >= Duration::from_secs(60));
    // The history of a flag has what touched it.
    assert_eq!(rollout::history(&repo, Some("async_performance"), 100).unwrap(), [told]);
    assert!(rollout::history(&repo, Some("async"), 100).unwrap().is_empty());
    assert_eq!(rollout::history(&repo, None, 1).unwrap().len(), 1);
    // The log tells of the same events.
    let query = EventQuery { kind: Some(EventKind::Flag), ..EventQuery::default() };
    let events = repo.events(&query).unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(events[0].seq, history[0].event);
    assert_eq!(events[0].detail.as_ref().unwrap()["by"], "ann");
    // What changes nothing leaves none.
    assert_eq!(rollout::set_stage(&repo, Stage::BetaTesting, &ann()).unwrap(), None);
    assert_eq!(changes(&repo), 3);
    is_whole(&repo);
}

#[test]
fn what_can_not_be_is_refused_and_nothing_changes() {
    let repo = store();
    let by = &ann();
    refused(&repo, "there is no flag nope", |repo| rollout::enable(repo, "nope", None, by));
    refused(&repo, "there is no flag nope", |repo| rollout::disable(repo, "nope", by));
    refused(&repo, "there is no flag nope", |repo| {
        rollout::set_site_rollout(repo, "a", Some("nope"), Some(Rollout::ALL), by)
    });
    refused(&repo, "there is no flag nope", |repo| {
        rollout::set_dependencies(repo, "async_performance", &["nope"], by)
    });
    refused(&repo, "site", |repo| {
        rollout::set_site_rollout(repo, " ", None, Some(Rollout::ALL), by)
    });
    refused(&repo, "environment", |repo| {
        rollout::set_environments(repo, "async_performance", &["a\nb"], by)
    });
    refused(&repo, "it is there already", |repo| {
        rollout::add(repo, "dual_capture", Flag::new(true, ""), by)
    });
    for name in ["", "a b", "a/b", "ä", &"x".repeat(256)] {
        refused(&repo, "flag", |repo| rollout::add(repo, name, Flag::new(true, ""), by));
    }
    refused(&repo, "who changes flags", |repo| {
        rollout::disable(repo, "async_performance", &By::new(""))
    });
    // Circles, of any length.
    rollout::set_dependencies(&repo, "async_performance", &["dual_capture"], by).unwrap();
    rollout::set_dependencies(&repo, "dual_html_capture", &["event_driven"], by).unwrap();
    for needed in ["async_performance", "dual_capture", "event_driven"] {
        refused(&repo, "it goes in a circle", |repo| {
            rollout::set_dependencies(repo, "event_driven_snapshots", &[needed], by)
        });
    }
    // Depth.
    for n in 0..=DEPENDENCY_DEPTH_MAX + 1 {
        let mut flag = Flag::new(true, "");
        flag.dependencies.extend((n > 0).then(|| format!("f{}", n - 1)));
        let add = |repo: &Repository| rollout::add(repo, &format!("f{n}"), flag, by);
        match n <= DEPENDENCY_DEPTH_MAX {
            true => drop(add(&repo).unwrap()),
            false => refused(&repo, "may follow each other", add),
        }
    }
    let deepest = format!("f{DEPENDENCY_DEPTH_MAX}");
    assert!(Flags::of(&repo).is_enabled(&deepest, &EvalContext::default()));
    // Size.
    let long = "x".repeat(4_000);
    refused(&repo, "limit", |repo| {
        let mut text = foreign();
        for n in 0..SET_BYTES_MAX / 4_000 {
            text["enabled_features"][format!("flag{n}")] =
                json!({"enabled": true, "rollout_percentage": 1, "description": long});
        }
        rollout::import(repo, &text.to_string(), by)
    });
    is_whole(&repo);
}

#[test]
fn a_rollout_is_raised_by_no_more_than_a_day_allows() {
    let (repo, clock) = timed();
    let by = &ann();
    let flag = "async_performance";
    let to = |percentage: f64| {
        move |repo: &Repository| rollout::set_rollout(repo, flag, percent(percentage), by)
    };
    let hours = |hours: u64| clock.pass(Duration::from_secs(3600 * hours));
    to(10.0)(&repo).unwrap();
    to(25.0)(&repo).unwrap();
    refused(&repo, "5 are left", to(31.0));
    to(30.0)(&repo).unwrap();
    refused(&repo, "20 are allowed a day", to(30.001));
    // Lowering is no raise, and gives nothing back.
    to(20.0)(&repo).unwrap();
    refused(&repo, "0 are left", to(21.0));
    hours(23);
    refused(&repo, "0 are left", to(21.0));
    hours(2);
    to(40.0)(&repo).unwrap();
    // Force goes beyond, and is told.
    let forced = rollout::set_rollout(&repo, flag, Rollout::ALL, &ann().force()).unwrap().unwrap();
    assert!(forced.forced);
    // Switching on what was off is no raise; nor is an import or a rollback.
    to(10.0)(&repo).unwrap();
    rollout::disable(&repo, flag, by).unwrap();
    rollout::enable(&repo, flag, Some(percent(90.0)), by).unwrap();
    refused(&repo, "rollout of", |repo| rollout::enable(repo, flag, Some(percent(99.0)), by));
    rollout::import(&repo, &foreign().to_string(), by).unwrap();
    assert_eq!(rollout::all(&repo).unwrap().flag(flag).unwrap().rollout, Rollout::ALL);
    rollout::roll_back(&repo, &Back::Stage(Stage::BetaTesting), by).unwrap();
    rollout::roll_back(&repo, &Back::Stage(Stage::FullRollout), by).unwrap();
    // Sites: what was in force there before counts, also where nothing was said.
    let on_site = |percentage: Option<f64>, flag: Option<&'static str>| {
        move |repo: &Repository| {
            rollout::set_site_rollout(repo, "shop.example", flag, percentage.map(percent), by)
        }
    };
    hours(25);
    on_site(Some(10.0), None)(&repo).unwrap();
    refused(&repo, "all flags on shop.example", on_site(Some(31.0), None));
    refused(&repo, "would be raised by 90 points", on_site(None, None));
    on_site(Some(30.0), None)(&repo).unwrap();
    refused(&repo, "async_performance on shop.example", on_site(Some(51.0), Some(flag)));
    on_site(Some(50.0), Some(flag))(&repo).unwrap();
    // Without a limit there is none.
    let mut file = foreign();
    file["global_settings"].as_object_mut().unwrap().remove("max_rollout_percentage_per_day");
    rollout::import(&repo, &file.to_string(), by).unwrap();
    on_site(Some(100.0), Some(flag))(&repo).unwrap();
    is_whole(&repo);
}

#[test]
fn an_emergency_beats_everything_but_the_old_layout() {
    let repo = store();
    let flags = Flags::of(&repo);
    let by = &ann().because("prices are wrong");
    let on = || -> Vec<String> {
        let names = rollout::all(&repo).unwrap().flags.into_keys();
        names.filter(|name| flags.is_enabled(name, &key("k"))).collect()
    };
    let before = on();
    assert_eq!(before.len(), 5);
    rollout::set_stage(&repo, Stage::FullRollout, by).unwrap();
    rollout::emergency_disable(&repo, by).unwrap();
    assert_eq!(on(), [""; 0]);
    assert_eq!(
        flags.explain("async_performance", &key("k")).steps.last().unwrap().check,
        "emergency"
    );
    // What is changed meanwhile does not end it, nor does a rollback or an import.
    rollout::enable(&repo, "legacy_compatibility", None, by).unwrap();
    assert_eq!(on(), ["legacy_compatibility"]);
    rollout::disable(&repo, "legacy_compatibility", by).unwrap();
    rollout::roll_back(&repo, &Back::Event(1), by).unwrap();
    rollout::import(&repo, &foreign().to_string(), by).unwrap();
    assert_eq!(on(), [""; 0]);
    rollout::emergency_legacy(&repo, by).unwrap();
    assert_eq!(on(), ["legacy_compatibility"]);
    assert_eq!(
        rollout::emergency_legacy(&repo, &By::new("bob")).unwrap(),
        None,
        "it is so already"
    );
    rollout::emergency_release(&repo, by).unwrap();
    assert_eq!(on(), before);
    let words: Vec<_> =
        rollout::history(&repo, None, 3).unwrap().into_iter().map(|change| change.what).collect();
    assert_eq!(words, ["emergency-release", "emergency-legacy", "import"]);
    is_whole(&repo);
}

#[test]
fn what_the_flags_were_can_be_had_back() {
    let (repo, clock) = timed();
    let by = &ann();
    let mut was: Vec<(u64, Time, FlagSet)> = Vec::new();
    let note = |was: &mut Vec<_>, event: u64| {
        let set = rollout::all(&repo).unwrap();
        was.push((
            event,
            repo.events(&EventQuery { limit: 1, ..EventQuery::default() }).unwrap()[0].at,
            set,
        ));
        clock.pass(Duration::from_secs(60));
    };
    note(&mut was, 1);
    let seq = |told: Option<rollout::FlagChange>| told.unwrap().event;
    note(&mut was, seq(rollout::disable(&repo, "dual_capture", by).unwrap()));
    note(
        &mut was,
        seq(rollout::set_site_rollout(&repo, "a", None, Some(percent(5.0)), by).unwrap()),
    );
    // What is stored between changes does not disturb, and is an event to go back to as well.
    repo.create(Draft::text("between")).unwrap();
    let between = was[2].0 + 1;
    note(&mut was, between);
    note(&mut was, seq(rollout::set_stage(&repo, Stage::Disabled, by).unwrap()));
    for (event, at, set) in &was {
        for back in [Back::Event(*event), Back::Time(*at)] {
            let told = rollout::roll_back(&repo, &back, by).unwrap();
            assert_eq!(&rollout::all(&repo).unwrap(), set, "{back:?}");
            assert!(told.is_none_or(|told| told.what == "rollback"));
        }
    }
    for (text, wrong) in [
        ("event:0", "events of this store go from 1"),
        ("event:9999", "events of this store go from 1"),
        ("time:2026-11-22T08:59:59Z", "the store was made later"),
        ("time:2036-01-01", "it is still to come"),
    ] {
        refused(&repo, wrong, |repo| rollout::roll_back(repo, &text.parse()?, by));
    }
    for text in ["stage:beta", "event:x", "event", "later:1", "time:noon", ""] {
        assert!(matches!(text.parse::<Back>(), Err(Error::Invalid { .. })), "{text}");
    }
    // A stage comes with its preset, and with nothing said of sites.
    rollout::set_site_rollout(&repo, "a", Some("dual_capture"), Some(percent(5.0)), by).unwrap();
    for stage in Stage::ALL {
        rollout::roll_back(&repo, &Back::Stage(stage), by).unwrap();
        let set = rollout::all(&repo).unwrap();
        assert_eq!(set.stage, stage);
        assert!(set.sites.is_empty());
        for flag in set.flags.values() {
            assert_eq!((flag.rollout, flag.sites.len()), (stage.preset(), 0));
        }
        assert!(!set.flag("legacy_compatibility").unwrap().enabled);
    }
    is_whole(&repo);
}

// Files

#[test]
fn the_file_of_the_python_program_is_taken_as_it_is() {
    let repo = store();
    rollout::import(&repo, &foreign().to_string(), &ann()).unwrap();
    let set = rollout::all(&repo).unwrap();
    assert_eq!(set.flags.len(), 6, "those that it does not name stay");
    let flag = set.flag("dual_html_capture").unwrap();
    assert_eq!(flag.dependencies, BTreeSet::from(["context_aware_bundles".to_owned()]));
    assert_eq!(
        flag.environments,
        ["debug", "production", "testing"].map(str::to_owned).into_iter().collect()
    );
    assert_eq!(flag.modified_at.unwrap().to_string(), "2026-02-13T14:30:00.000000Z");
    assert_eq!(set.sites["odds"], percent(40.0));
    assert_eq!(set.settings.default_environment.as_deref(), Some("debug"));
    assert_eq!(set.settings.raise_per_day_max, Some(percent(20.0)));
    assert_eq!(set.settings.anomaly_points_max, percent(5.0));
    let kept: Vec<_> = set.settings.other.keys().map(String::as_str).collect();
    assert_eq!(kept, ["enable_telemetry", "feature_flag_cache_ttl", "graceful_degradation"]);
    // Where no environment is told it is the file's own, in which all are on.
    let flags = Flags::of(&repo);
    assert!(flags.is_enabled("dual_capture", &EvalContext::default()));
    // All depend on the first.
    rollout::disable(&repo, "context_aware_snapshots", &ann()).unwrap();
    for name in rollout::all(&repo).unwrap().flags.keys() {
        assert!(!flags.is_enabled(name, &EvalContext::default()), "{name}");
    }
    is_whole(&repo);
}

#[test]
fn what_is_exported_and_imported_is_exported_as_the_same_bytes() {
    let repo = store();
    rollout::import(&repo, &foreign().to_string(), &ann()).unwrap();
    rollout::set_site_rollout(&repo, "a/b", Some("dual_capture"), Some(percent(33.333)), &ann())
        .unwrap();
    rollout::add(&repo, "mine", Flag::new(false, "žluťoučký\n\"kůň\""), &ann()).unwrap();
    let text = rollout::export(&repo).unwrap();
    let other = store();
    // What is there already goes, but for the emergency.
    rollout::add(&other, "theirs", Flag::new(true, ""), &ann()).unwrap();
    rollout::emergency_disable(&other, &ann()).unwrap();
    rollout::import(&other, &text, &ann()).unwrap();
    assert_eq!(rollout::export(&other).unwrap(), text);
    assert!(rollout::all(&other).unwrap().emergency.is_some());
    assert!(rollout::all(&other).unwrap().flag("theirs").is_err());
    assert_eq!(rollout::import(&other, &text, &ann()).unwrap(), None);
    // Names are in order throughout.
    fn sorted(value: &Value) -> bool {
        match value {
            Value::Object(map) => map.keys().is_sorted() && map.values().all(sorted),
            Value::Array(items) => items.iter().all(sorted),
            _ => true,
        }
    }
    let mut document: Value = serde_json::from_str(&text).unwrap();
    assert!(sorted(&document));
    // Flags that are asked here stay where a file lacks them.
    document["flags"].as_object_mut().unwrap().remove("async_performance");
    rollout::import(&other, &document.to_string(), &ann()).unwrap();
    assert!(rollout::all(&other).unwrap().flag("async_performance").is_ok());
}

#[test]
fn a_damaged_file_is_refused_with_a_reason_and_changes_nothing() {
    let repo = store();
    let by = &ann();
    let with = |pointer: &str, value: Value| {
        let mut file = foreign();
        *file.pointer_mut(pointer).unwrap() = value;
        file.to_string()
    };
    let one = "/enabled_features/async_performance";
    let at = |end: &str| format!("{one}/{end}");
    for (text, told) in [
        (String::new(), "it is not JSON"),
        ("null".into(), "flag file"),
        ("{}".into(), "missing field"),
        (foreign().to_string()[..400].to_owned(), "it is not JSON"),
        (with("/current_stage", json!("nearly")), "known are disabled"),
        (with("/current_stage", json!(null)), "flag file"),
        (with("/site_rollout/odds", json!(101)), "0 to 100"),
        (with("/site_rollout/odds", json!("half")), "flag file"),
        (with("/enabled_features", json!([])), "flag file"),
        (with(&at("rollout_percentage"), json!(-1)), "0 to 100"),
        (with(&at("rollout_percentage"), json!(null)), "flag file"),
        (with(&at("enabled"), json!("yes")), "flag file"),
        (with(&at("name"), json!("other")), "it is filed as async_performance"),
        (with(&at("dependencies"), json!(["nope"])), "there is no flag nope"),
        (with(&at("dependencies"), json!(["async_performance"])), "in a circle"),
        (with(&at("last_modified"), json!("yesterday")), "async_performance was changed then"),
        (with("/global_settings/rollback_threshold", json!(500)), "rollback_threshold"),
        (with("/global_settings/default_environment", json!("")), "environment"),
        ("x".repeat(SET_BYTES_MAX + 1), "the flag file"),
        (json!({"form": "tintype flags 9", "flags": {}, "settings": {"anomaly_points_max": 1}, "stage": "disabled"}).to_string(), "its form is"),
    ] {
        refused(&repo, told, |repo| rollout::import(repo, &text, by));
    }
    // A byte that came in front of it is no damage.
    rollout::import(&repo, &format!("\u{FEFF}{}", foreign()), by).unwrap();
}

// Damage

#[test]
fn damage_to_the_flags_is_found_and_repaired_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    rollout::disable(&repo, "dual_capture", &ann()).unwrap();
    rollout::set_stage(&repo, Stage::BetaTesting, &ann()).unwrap();
    let set = rollout::all(&repo).unwrap();
    repo.close().unwrap();
    let good = std::fs::read(&path).unwrap();
    for (damage, readable) in [
        ("UPDATE flag_set SET document = replace(document, 'beta_testing', 'full_rollout')", true),
        ("UPDATE flag_set SET document = replace(document, 'beta_testing', 'x')", false),
        ("UPDATE flag_set SET document = '{}'", false),
        ("UPDATE flag_set SET event_seq = NULL", true),
        ("UPDATE flag_set SET event_seq = 2", true),
        ("UPDATE flag_set SET event_seq = 1", true),
        ("DELETE FROM flag_set", false),
    ] {
        std::fs::write(&path, &good).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let repo = Repository::open(&path).unwrap();
        let report = verify::verify(&repo, Depth::Structure, &mut |_| {}).unwrap();
        assert!(!report.ok, "{damage}");
        assert_eq!(rollout::all(&repo).is_ok(), readable, "{damage}");
        // Asking goes on: as in a new store where nothing can be read.
        let flags = Flags::of(&repo);
        flags.is_enabled("dual_capture", &key("k"));
        assert!(flags.is_enabled("async_performance", &key("k").in_environment(Some("debug"))));
        drop(flags);
        repo.close().unwrap();
        let report = repair::repair(&path, &Options::default(), &mut |_| {}).unwrap();
        assert!(report.damaged, "{damage}");
        let repo = Repository::open(&path).unwrap();
        is_whole(&repo);
        assert_eq!(rollout::all(&repo).unwrap(), set, "{damage}");
        repo.close().unwrap();
        for beside in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::remove_file(beside.unwrap().path()).unwrap();
        }
    }
}

// Who sees what when

#[test]
fn what_was_changed_through_the_same_store_is_seen_at_once() {
    for repo in [Repository::temporary().unwrap(), Repository::in_memory().unwrap()] {
        let flags = Flags::of(&repo);
        let clone = flags.clone();
        for n in 0..50 {
            let on = n % 2 == 0;
            let change = if on { rollout::emergency_disable } else { rollout::emergency_release };
            change(&repo, &ann()).unwrap();
            assert_eq!(clone.is_enabled("dual_capture", &key("k")), !on);
            assert_eq!(flags.is_enabled("dual_capture", &key("k")), !on);
        }
        // Also from within a transaction, where it is as it was.
        repo.write(|_| {
            assert!(flags.is_enabled("dual_capture", &key("k")));
            Ok(())
        })
        .unwrap();
    }
}

#[cfg(all(unix, any(feature = "cli", feature = "chrome")))]
#[test]
fn what_another_process_changes_is_seen() {
    const TEST: &str = "flags::what_another_process_changes_is_seen";
    if let Some(orders) = process::orders() {
        let repo = Repository::open(orders["path"].as_str().unwrap()).unwrap();
        rollout::emergency_disable(&repo, &By::new("another")).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let flags = Flags::of(&repo);
    assert!(flags.is_enabled("dual_capture", &key("k")));
    let mut other = process::worker(TEST, &json!({"path": path})).spawn().unwrap();
    // It is asked until it is seen; a test that never sees it is stopped by who runs it.
    while flags.is_enabled("dual_capture", &key("k")) {
        std::thread::yield_now();
    }
    assert!(other.wait().unwrap().success());
    assert_eq!(flags.set().emergency.as_ref().unwrap().by, "another");
}

#[test]
fn many_threads_ask_while_one_changes() {
    let repo = store();
    let flags = Flags::of(&repo);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..40 {
                rollout::set_rollout(
                    &repo,
                    "dual_capture",
                    percent(f64::from(n % 2) * 100.0),
                    &ann().force(),
                )
                .unwrap();
            }
            ended.store(true, Ordering::Release);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                while !ended.load(Ordering::Acquire) {
                    assert!(flags.is_enabled("async_performance", &key("k")));
                }
            });
        }
    });
    assert!(flags.is_enabled("dual_capture", &key("k")));
    assert_eq!(changes(&repo), 40);
    is_whole(&repo);
}

// Any history

/// One of the verbs, by number, on one of some flags.
fn step(repo: &Repository, verb: u8, flag: usize, rollout: Rollout) -> tintype::Result<()> {
    const NAMES: [&str; 4] = ["dual_capture", "async_performance", "mine", "nope"];
    let (name, other, by) = (NAMES[flag % 4], NAMES[(flag + 1) % 4], &ann());
    match verb % 12 {
        0 => rollout::enable(repo, name, Some(rollout), by),
        1 => rollout::disable(repo, name, by),
        2 => rollout::set_rollout(repo, name, rollout, &ann().force()),
        3 => rollout::set_site_rollout(repo, "a", Some(name), Some(rollout), by),
        4 => rollout::set_site_rollout(repo, "b", None, (flag > 1).then_some(rollout), by),
        5 => rollout::set_stage(repo, Stage::ALL[flag], by),
        6 => rollout::add(repo, name, Flag { rollout, ..Flag::new(true, "") }, by),
        7 => rollout::set_dependencies(repo, name, &[other], by),
        8 => rollout::set_environments(repo, name, &["staging"][..flag % 2], by),
        9 => rollout::emergency_legacy(repo, by),
        10 => rollout::emergency_release(repo, by),
        _ => rollout::roll_back(repo, &Back::Stage(Stage::ALL[flag]), by),
    }
    .map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_history_is_replayed_and_had_back(
        steps in prop::collection::vec((any::<u8>(), 0..4_usize, 0..=flag::BUCKETS), 1..16),
    ) {
        let repo = Repository::in_memory().unwrap();
        let (flags, mut was) = (Flags::of(&repo), vec![(1, FlagSet::default())]);
        for (verb, flag, rollout) in steps {
            let before = changes(&repo);
            let done = step(&repo, verb, flag, Rollout::thousandths(rollout));
            let set = rollout::all(&repo).unwrap();
            // What is refused leaves nothing, and what is there can be asked.
            if done.is_err() {
                prop_assert_eq!((changes(&repo), &set), (before, &was.last().unwrap().1));
            }
            set.check().unwrap();
            prop_assert_eq!(&*flags.set(), &set);
            let last = repo.events(&EventQuery { limit: 1, ..EventQuery::default() }).unwrap();
            was.push((last[0].seq, set));
        }
        is_whole(&repo);
        for (event, set) in was {
            rollout::roll_back(&repo, &Back::Event(event), &ann()).unwrap();
            let mut back = rollout::all(&repo).unwrap();
            // The switch is as it is now.
            back.emergency = set.emergency.clone();
            prop_assert_eq!(back, set);
        }
        is_whole(&repo);
    }
}
