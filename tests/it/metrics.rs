//! What is counted while pages are captured: that it adds up, lasts, costs nothing and stays bounded.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tintype::codec::histogram::{Histogram, MICROS_MAX};
use tintype::model::metric::{COUNTERS_MAX, Counter, Counters, Family, OTHER, SITES_MAX, Thinning};
use tintype::ops::monitor::{self, Window, summary};
use tintype::ops::repair::{Options, repair};
use tintype::ops::rollout;
use tintype::ops::verify::{Depth, ProblemKind, verify};
use tintype::records::metrics::Collector;
use tintype::{CaptureConfig, Context, Draft, Error, Recorder, Repository, Status};

use crate::support::full::full_store;
use crate::support::promtool::promtool;
use crate::support::script::Script;
use crate::support::values::{Shared, Still, context, still};

const MINUTE: Duration = Duration::from_secs(60);

/// Another handle of the same file, on the same clock.
fn another(repo: &Repository, clock: &Arc<Still>) -> Repository {
    Repository::builder().clock(Shared(clock.clone())).open(repo.path()).unwrap()
}

fn config() -> CaptureConfig {
    let mut config = CaptureConfig::debug();
    config.async_save = false;
    config
}

fn capture(repo: &Repository, place: &Context) {
    Recorder::new(repo).capture(&mut Script::new(), place, &config()).unwrap().wait().unwrap();
}

fn counter(family: Family, words: &[&str]) -> Counter {
    Counter::new(family, words).unwrap()
}

fn everything() -> Window {
    Window::default()
}

/// How many rows of metrics there are of each span.
fn spans(repo: &Repository) -> Vec<(i64, i64)> {
    let sql = rusqlite::Connection::open(repo.path()).unwrap();
    let mut list =
        sql.prepare("SELECT span_s, count(*) FROM metric GROUP BY span_s ORDER BY 1").unwrap();
    let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn counting_costs_no_commit_of_its_own() {
    let (_folder, clock, repo) = still();
    let recorder = Recorder::new(&repo);
    for _ in 0..10 {
        let place = context("shop.example/login");
        recorder.capture(&mut Script::new(), &place, &config()).unwrap().wait().unwrap();
        clock.pass(MINUTE / 2);
    }
    assert_eq!(repo.commits(), 10);
    // All minutes but the last went along.
    let rows: i64 = spans(&repo).into_iter().map(|(_, rows)| rows).sum();
    assert!((3..=5).contains(&rows), "{rows}");
    let counted = summary(&repo, &everything()).unwrap();
    assert_eq!(counted.captures, 10);
    assert_eq!(repo.commits(), 11);
    // Nothing is left to be written.
    summary(&repo, &everything()).unwrap();
    repo.flush().unwrap();
    assert_eq!(repo.commits(), 11);
}

#[test]
fn what_several_handles_count_adds_up_and_outlives_them() {
    let (_folder, clock, repo) = still();
    let other = another(&repo, &clock);
    for (handle, site) in [(&repo, "a.example"), (&other, "a.example"), (&other, "b.example")] {
        capture(handle, &context(site));
    }
    other.close().unwrap();
    let path = repo.path().to_owned();
    repo.close().unwrap();
    let repo = Repository::open(path).unwrap();
    let counted = summary(&repo, &everything()).unwrap();
    assert_eq!((counted.captures, counted.sites["a.example"].captures), (3, 2));
    assert_eq!(counted.statuses["complete"], 3);
    let took = counted.took.unwrap();
    assert!(took.p50_ms <= took.p95_ms && took.p95_ms <= took.p99_ms);
    assert!(took.p99_ms <= took.max_ms);
    // The second and third capture brought what was there.
    assert!(counted.contents["equal"] > counted.contents["new"], "{:?}", counted.contents);
    let sizes = counted.sizes;
    assert_eq!(
        sizes.bytes,
        sizes.stored
            + sizes.saved_by_deduplication
            + sizes.saved_by_deltas
            + sizes.saved_by_compression
    );
    let of_b = Window { contexts: "b.example".parse().unwrap(), ..everything() };
    assert_eq!(summary(&repo, &of_b).unwrap().captures, 1);
}

#[test]
fn captures_that_are_stored_later_are_counted_too_and_those_that_fail_by_kind() {
    let (_folder, _, repo) = still();
    let recorder = Recorder::new(&repo);
    let mut later = config();
    later.async_save = true;
    let place = context("shop.example");
    recorder.capture(&mut Script::new(), &place, &later).unwrap().wait().unwrap();
    let draft = || Draft::new().context(place.clone()).version("same".parse().unwrap());
    recorder.capture_as(&mut Script::new(), draft(), &config()).unwrap().wait().unwrap();
    for config in [config(), later] {
        let again = recorder.capture_as(&mut Script::new(), draft(), &config);
        let failed = again.and_then(|captured| captured.wait()).unwrap_err();
        assert!(matches!(failed, Error::VersionExists { .. }), "{failed}");
    }
    let counted = summary(&repo, &everything()).unwrap();
    assert_eq!((counted.captures, counted.errors["version_exists"]), (2, 2));
    assert_eq!(counted.success_rate, Some(0.5));
    assert_eq!(counted.sites["shop.example"].failed, 2);
}

#[test]
fn a_window_sees_its_minutes_alone() {
    let (_folder, clock, repo) = still();
    for _ in 0..5 {
        capture(&repo, &context("shop.example"));
        clock.pass(MINUTE);
    }
    let at = |text: &str| Some(text.parse().unwrap());
    let count =
        |since, until| summary(&repo, &Window { since, until, ..everything() }).unwrap().captures;
    assert_eq!(count(None, None), 5);
    assert_eq!(count(at("2026-11-22T12:01:59Z"), None), 4, "a minute that is begun counts");
    assert_eq!(count(at("2026-11-22T12:02:00Z"), None), 3);
    assert_eq!(count(None, at("2026-11-22T12:02:00Z")), 2);
    assert_eq!(count(at("2026-11-22T12:02:00Z"), at("2026-11-22T12:02:00Z")), 0);

    let window = Window { since: at("2026-11-23"), until: at("2026-11-22"), ..everything() };
    for error in
        [summary(&repo, &window).unwrap_err(), monitor::metrics(&repo, &window).unwrap_err()]
    {
        assert!(error.to_string().contains("ends before it begins"), "{error}");
    }
    let parts = Window { contexts: "shop.example/login".parse().unwrap(), ..everything() };
    assert!(matches!(summary(&repo, &parts), Err(Error::Invalid { what: "contexts", .. })));
}

#[test]
fn old_minutes_become_hours_and_old_hours_one_row_and_totals_stay() {
    let (_folder, clock, repo) = still();
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let thinning = Thinning { minutes: days(1), hours: days(3) };
    Collector::of(&repo).thin_as(thinning).unwrap();
    let mut captures = 0;
    let mut sum = None;
    for hour in 0..(6 * 24) {
        for minute in [1, 30] {
            capture(&repo, &context(if hour % 2 == 0 { "a.example" } else { "b.example" }));
            captures += 1;
            clock.pass(MINUTE * minute);
        }
        clock.pass(MINUTE * 29);
        if hour % 36 == 0 {
            let counted = summary(&repo, &everything()).unwrap();
            assert_eq!(counted.captures, captures, "in hour {hour}");
            assert!(Some(counted.sizes.bytes) > sum, "totals never fall");
            sum = Some(counted.sizes.bytes);
        }
    }
    repo.flush().unwrap();
    let spans = spans(&repo);
    let [(0, before), (60, minutes), (3600, hours)] = spans[..] else { panic!("{spans:?}") };
    assert_eq!(before, 2, "one for each site");
    assert!((48..=54).contains(&minutes), "{spans:?}");
    assert!((47..=50).contains(&hours), "{spans:?}");
    assert!(verify(&repo, Depth::Structure, &mut |_| {}).unwrap().ok);
    let backwards = Thinning { minutes: days(3), hours: days(1) };
    assert!(Collector::of(&repo).thin_as(backwards).is_err());
}

#[test]
fn nothing_is_written_where_the_flag_for_it_is_off() {
    let (_folder, _, repo) = still();
    let by = rollout::By::new("ann");
    rollout::disable(&repo, "performance_monitoring", &by).unwrap();
    capture(&repo, &context("shop.example"));
    assert_eq!(summary(&repo, &everything()).unwrap().captures, 0);
    assert_eq!(spans(&repo), []);
    // What is stored is told as before.
    assert_eq!(monitor::metrics(&repo, &everything()).unwrap().captures, 1);
    rollout::enable(&repo, "performance_monitoring", None, &by).unwrap();
    capture(&repo, &context("shop.example"));
    assert_eq!(summary(&repo, &everything()).unwrap().captures, 1);
}

#[test]
fn captures_are_compared_where_a_percentage_decides() {
    let (_folder, _, repo) = still();
    let by = rollout::By::new("ann");
    rollout::enable(&repo, "dual_html_capture", Some("50".parse().unwrap()), &by.force()).unwrap();
    for run in 0..20 {
        capture(&repo, &context(&format!("a.example/-/-/run-{run}")));
    }
    let text = monitor::exposition(&repo).unwrap();
    let count = |group: &str| -> u64 {
        let start = format!(
            "tintype_cohorts_total{{site=\"a.example\",flag=\"dual_html_capture\",group=\"{group}\",outcome=\"ok\"}} "
        );
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0, |count| count.parse().unwrap())
    };
    assert_eq!(count("on") + count("off"), 20, "{text}");
    assert!(count("on") > 0 && count("off") > 0, "{text}");
    // Of the flags that are on for all there is nothing to compare.
    assert!(!text.contains("async_performance"), "{text}");
}

#[test]
fn a_damaged_row_is_found_left_out_and_left_as_it_is() {
    let (_folder, clock, repo) = still();
    capture(&repo, &context("a.example"));
    capture(&repo, &context("b.example"));
    repo.flush().unwrap();
    let sql = rusqlite::Connection::open(repo.path()).unwrap();
    let change = "UPDATE metric SET counts = replace(counts, '1', '2') WHERE site = 'a.example'";
    assert_eq!(sql.execute(change, []).unwrap(), 1);
    drop(sql);
    let repo = another(&repo, &clock);
    let report = verify(&repo, Depth::Structure, &mut |_| {}).unwrap();
    let found: Vec<_> = report.problems.iter().map(|found| (found.kind, &found.detail)).collect();
    assert!(
        matches!(&found[..], [(ProblemKind::Record, detail)] if detail.contains("a.example")),
        "{found:?}"
    );
    let counted = summary(&repo, &everything()).unwrap();
    assert_eq!((counted.captures, counted.damaged), (1, 1));
    capture(&repo, &context("a.example"));
    let counted = summary(&repo, &everything()).unwrap();
    assert_eq!((counted.captures, counted.damaged), (1, 1), "what came to it is lost with it");
}

#[test]
fn what_can_be_believed_is_carried_into_a_repaired_store() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("tintype.db");
    full_store(&path);
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch(
        "UPDATE snapshot SET description = 'other' WHERE version = 'version-5';
         UPDATE metric SET p50_us = 1 WHERE site = 'site0';
         UPDATE alert SET severity = 'info' WHERE resolved_us IS NULL;",
    )
    .unwrap();
    drop(sql);
    assert!(repair(&path, &Options::default(), &mut |_| {}).unwrap().damaged);
    let repo = Repository::open(&path).unwrap();
    assert!(verify(&repo, Depth::Data, &mut |_| {}).unwrap().ok);
    let counted = summary(&repo, &everything()).unwrap();
    // Two of site2, and the incident of site9 that was captured; the row of site0 is lost.
    assert_eq!((counted.captures, counted.errors["no_space"], counted.damaged), (3, 4, 0));
    assert_eq!(counted.sites.keys().collect::<Vec<_>>(), ["site2", "site9"]);
    assert_eq!(monitor::alerts::open(&repo).unwrap(), []);
    let history = monitor::alerts::history(&repo, None, 10).unwrap();
    assert_eq!((history.len(), history[0].message.as_str()), (1, "it was gone before"));
}

#[test]
fn a_row_that_can_not_be_written_keeps_no_snapshot_from_being_stored() {
    let (_folder, clock, repo) = still();
    capture(&repo, &context("a.example"));
    let sql = rusqlite::Connection::open(repo.path()).unwrap();
    sql.execute_batch("ALTER TABLE metric RENAME TO gone").unwrap();
    clock.pass(MINUTE);
    capture(&repo, &context("a.example"));
    assert_eq!(repo.stats().unwrap().snapshots, 2);
    sql.execute_batch("ALTER TABLE gone RENAME TO metric").unwrap();
    drop(sql);
    // What could not be written then is written now.
    assert_eq!(summary(&repo, &everything()).unwrap().captures, 2);
}

#[test]
fn sites_and_counters_beyond_the_limit_are_counted_together() {
    let (_folder, clock, repo) = still();
    let collector = Collector::of(&repo);
    let captures = counter(Family::Captures, &["complete"]);
    for round in 0..3 {
        for site in 0..(SITES_MAX + 50) {
            collector.count(&format!("site-{site}.example"), &captures, 1);
        }
        if round == 1 {
            repo.flush().unwrap();
        }
        clock.pass(MINUTE);
    }
    let counted = summary(&repo, &everything()).unwrap();
    assert_eq!(counted.sites.len(), SITES_MAX + 1);
    assert_eq!(counted.captures, 3 * (SITES_MAX as u64 + 50));
    assert_eq!(counted.sites[OTHER].captures, 150);
    collector.count(&"x".repeat(256), &captures, 1);
    collector.count("", &captures, 1);
    assert_eq!(summary(&repo, &everything()).unwrap().sites[OTHER].captures, 152);

    let mut counters = Counters::default();
    for kind in 0..1000 {
        counters.add(&counter(Family::Incidents, &[&format!("kind {kind}"), "captured"]), 1);
    }
    assert_eq!(counters.iter().count(), COUNTERS_MAX + 1);
    assert_eq!(counters.sum(Family::Incidents, &[]), 1000);
}

#[test]
fn a_counter_says_why_it_is_none() {
    for (family, words, why) in [
        (Family::Captures, vec![], "a word for each of: status"),
        (Family::GivenBytes, vec!["x"], "it has no labels"),
        (Family::Incidents, vec!["", "captured"], "1 to 100"),
        (Family::Incidents, vec!["a\nb", "captured"], "1 to 100"),
    ] {
        let error = Counter::new(family, &words).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let odd = counter(Family::Incidents, &["50% of a.b", "captured"]);
    assert_eq!(odd.to_string(), "incidents.50%25 of a%2Eb.captured");
    assert_eq!(odd.to_string().parse::<Counter>().unwrap(), odd);
    assert!("nothing.known".parse::<Counter>().unwrap_err().to_string().contains("captures, "));
}

#[test]
fn prometheus_accepts_what_it_is_told() {
    let (_folder, _, repo) = still();
    let empty = monitor::exposition(&repo).unwrap();
    promtool(&["check", "metrics"], &empty);
    capture(&repo, &context("shop.example/login"));
    let collector = Collector::of(&repo);
    for site in ["quo\"ted", "back\\slash", "new\nline", "ünïcode", "{label=\"x\"} 1"] {
        let mut counters = Counters::default();
        counters.add(&counter(Family::Errors, &["no_space"]), 7);
        counters.add(&counter(Family::Incidents, &["odd \"kind\" \\", "captured"]), 1);
        collector.count_all(site, &counters, Some(Duration::from_secs(3)));
    }
    for n in 0..(2 * SITES_MAX) {
        collector.count(&format!("site-{n}"), &counter(Family::Captures, &["failed"]), 1);
    }
    let new = tintype::model::alert::NewAlert::new(
        "error_rate_high".parse().unwrap(),
        "critical".parse().unwrap(),
        "all is lost",
    );
    monitor::alerts::raise(&repo, &new).unwrap();
    let text = monitor::exposition(&repo).unwrap();
    promtool(&["check", "metrics"], &text);
    let site = |line: &str| {
        let rest = line.split_once("site=\"")?.1;
        let is_end = |(at, _): &(usize, &str)| !rest[..*at].ends_with('\\');
        let (end, _) = rest.match_indices('"').find(is_end)?;
        Some(rest[..end].to_owned())
    };
    let sites: std::collections::BTreeSet<String> = text.lines().filter_map(site).collect();
    assert!(sites.len() <= SITES_MAX + 1, "{}", sites.len());
    assert!(sites.contains(OTHER) && sites.contains("quo\\\"ted"), "{sites:?}");
    let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line} in {text}");
    has("tintype_alerts{type=\"error_rate_high\",severity=\"critical\",state=\"firing\"} 1");
    has("tintype_snapshots 1");
    has("tintype_errors_total{site=\"new\\nline\",kind=\"no_space\"} 7");
    has("tintype_capture_duration_seconds_bucket{site=\"ünïcode\",le=\"2.5\"} 0");
    has("tintype_capture_duration_seconds_bucket{site=\"ünïcode\",le=\"5\"} 1");
    has("tintype_capture_duration_seconds_bucket{site=\"ünïcode\",le=\"+Inf\"} 1");
    has("tintype_capture_duration_seconds_sum{site=\"ünïcode\"} 3");
    has("tintype_capture_duration_seconds_count{site=\"ünïcode\"} 1");
}

#[test]
fn a_failed_page_is_counted_as_one() {
    let (_folder, _, repo) = still();
    let mut page = Script::new().load(tintype::capture::Load::Failed);
    let captured = Recorder::new(&repo).capture(&mut page, &context("a.example"), &config());
    assert_eq!(captured.unwrap().status, Status::Failed);
    let counted = summary(&repo, &everything()).unwrap();
    assert_eq!(counted.statuses["failed"], 1);
    assert_eq!((counted.success_rate, counted.sites["a.example"].failed), (Some(0.0), 1));
}

/// The value at a share of all: the least that no less than this share is at most.
fn exact(sorted: &[u64], share: f64) -> u64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.max(1) - 1]
}

proptest! {
    #[test]
    fn percentiles_are_right_to_within_a_thousandth(
        mut values in prop::collection::vec(
            prop_oneof![0_u64..10_000, 0_u64..100_000_000, 0_u64..=MICROS_MAX],
            1..400,
        ),
        cut in 0_usize..400,
    ) {
        let mut parts = [Histogram::default(), Histogram::default()];
        for (at, value) in values.iter().enumerate() {
            parts[usize::from(at < cut)].record(*value);
        }
        // However it was put together, and written and read in between.
        let mut whole = Histogram::default();
        whole.merge(&parts[0]);
        whole.merge_encoded(&parts[1].encode()).unwrap();
        let mut other = Histogram::default();
        other.merge_encoded(&parts[1].encode()).unwrap();
        other.merge_encoded(&parts[0].encode()).unwrap();
        prop_assert_eq!(whole.encode(), other.encode());

        prop_assert_eq!(whole.count(), values.len() as u64);
        prop_assert_eq!(whole.sum_us(), values.iter().sum::<u64>());
        values.sort_unstable();
        for share in [0.0, 0.5, 0.9, 0.95, 0.99, 1.0] {
            let (told, right) = (whole.at_share(share).unwrap(), exact(&values, share));
            prop_assert!(told.abs_diff(right) as f64 <= right as f64 / 1000.0, "{told} for {right}");
        }
        let mut before = 0;
        for bound in [0, 999, 50_000, 2_500_000, 60_000_000, MICROS_MAX] {
            let told = whole.count_to(bound);
            let within = |slack: f64| {
                let bound = bound as f64 * slack;
                values.iter().filter(|value| **value as f64 <= bound).count() as u64
            };
            prop_assert!(within(0.999) <= told && told <= within(1.001), "{told} to {bound}");
            prop_assert!(before <= told);
            before = told;
        }
    }

    #[test]
    fn bytes_that_are_no_histogram_are_refused_or_harmless(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        form in any::<bool>(),
    ) {
        let bytes = if form { [&[1][..], &bytes].concat() } else { bytes };
        let mut whole = Histogram::default();
        if whole.merge_encoded(&bytes).is_err() {
            prop_assert_eq!(whole.count(), 0);
        }
        prop_assert!(whole.at_share(0.5).is_none_or(|value| value <= MICROS_MAX));
    }

    #[test]
    fn counters_are_read_as_they_were_written(
        counts in prop::collection::vec(("[^\\x00-\\x1f\\x7f-\\u{9f}]{1,20}", 0_usize..3, any::<u32>()), 0..40),
    ) {
        let mut counters = Counters::default();
        let mut sum = 0;
        for (word, family, count) in &counts {
            let family = [Family::Captures, Family::Errors, Family::SavedBytes][*family];
            if let Ok(counter) = Counter::new(family, &[word]) {
                counters.add(&counter, u64::from(*count));
                sum += u64::from(*count);
            }
        }
        prop_assert_eq!(&Counters::from_json(&counters.to_json()).unwrap(), &counters);
        prop_assert_eq!(counters.iter().map(|(_, count)| count).sum::<u64>(), sum);
    }
}
