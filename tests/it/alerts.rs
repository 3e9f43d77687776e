//! Alerts: that they live as Prometheus's do, that there is one for a cause, that who is to be told is
//! told once, and that nothing that listens does harm.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::model::alert::{
    AlertId, AlertState, AlertType, Condition, Life, NewAlert, Phase, Rule, Severity, Timing,
    flag_gap,
};
use tintype::model::flag::Group;
use tintype::model::metric::{Counter, Counters, Family};
use tintype::ops::monitor::{Monitor, Notice, alerts, evaluate, shipped_rules};
use tintype::ops::verify::{Depth, verify};
use tintype::records::alerts::Change;
use tintype::records::metrics::Collector;
use tintype::{Error, Repository, Time, What};

use crate::support::noise;
use crate::support::promtool::program;
use crate::support::values::{Shared, still};

const MINUTE: Duration = Duration::from_secs(60);

// The states

/// The series of the comparison with Prometheus; `TINTYPE_ALERT_SERIES` says how many.
const SERIES: usize = 1_000;
const STEPS: usize = 40;
/// Rules of a file, each with waits of its own.
const RULES: usize = 25;

/// Bytes that are the same each time.
struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    fn below(&mut self, limit: u8) -> u8 {
        self.0.next().unwrap() % limit
    }
}

/// The states that an alert goes through, a minute each, as Prometheus names them.
fn states(
    timeline: &[bool],
    timing: Timing,
    before: &mut Option<Life>,
) -> Vec<Option<&'static str>> {
    let mut states = Vec::new();
    for (minute, is_true) in timeline.iter().enumerate() {
        let condition = if *is_true { Condition::True } else { Condition::False };
        let now = Time::from_micros(minute as i64 * 60_000_000).unwrap();
        *before = Life::step(*before, condition, timing, now);
        states.push(before.and_then(|life| match life.phase {
            Phase::Pending => Some("pending"),
            Phase::Firing { .. } => Some("firing"),
            Phase::Resolved { .. } => None,
        }));
    }
    states
}

/// What Prometheus has to say of these timelines, each of the rule of its number modulo the rules, and
/// of the states that are claimed.
fn judge(
    timings: &[Timing],
    timelines: &[Vec<bool>],
    claimed: &[Vec<Option<&str>>],
) -> Result<(), String> {
    let folder = tempfile::TempDir::new().unwrap();
    let seconds = |duration: Duration| format!("{}s", duration.as_secs());
    let rules: Vec<Value> = timings
        .iter()
        .enumerate()
        .map(|(at, timing)| {
            json!({
                "alert": format!("rule{at}"),
                "expr": format!("seen{{rule=\"{at}\"}} == 1"),
                "for": seconds(timing.hold),
                "keep_firing_for": seconds(timing.keep_firing),
            })
        })
        .collect();
    let series: Vec<Value> = timelines
        .iter()
        .enumerate()
        .map(|(at, timeline)| {
            let values: Vec<&str> =
                timeline.iter().map(|is_true| if *is_true { "1" } else { "0" }).collect();
            let rule = at % timings.len();
            json!({
                "series": format!("seen{{rule=\"{rule}\",series=\"{at}\"}}"),
                "values": values.join(" "),
            })
        })
        .collect();
    let looks: Vec<Value> = (0..STEPS)
        .map(|minute| {
            let samples: Vec<Value> = claimed
                .iter()
                .enumerate()
                .filter_map(|(at, states)| {
                    let (rule, state) = (at % timings.len(), states[minute]?);
                    let labels = format!(
                        "ALERTS{{alertname=\"rule{rule}\",alertstate=\"{state}\",rule=\"{rule}\",series=\"{at}\"}}"
                    );
                    Some(json!({"labels": labels, "value": 1}))
                })
                .collect();
            json!({"expr": "ALERTS", "eval_time": format!("{minute}m"), "exp_samples": samples})
        })
        .collect();
    let test = json!({
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": looks}],
    });
    // What is JSON is YAML.
    let groups = json!({"groups": [{"name": "all", "rules": rules}]});
    fs::write(folder.path().join("rules.yml"), groups.to_string()).unwrap();
    fs::write(folder.path().join("test.yml"), test.to_string()).unwrap();
    let ended = Command::new(program())
        .args(["test", "rules", "test.yml"])
        .current_dir(folder.path())
        .output()
        .unwrap_or_else(|error| panic!("promtool: {error}; `make test` installs it"));
    let said = String::from_utf8([ended.stderr, ended.stdout].concat()).unwrap();
    if ended.status.success() { Ok(()) } else { Err(said.chars().take(2_000).collect()) }
}

#[test]
fn alerts_have_the_states_that_prometheus_gives_them() {
    let wanted = std::env::var("TINTYPE_ALERT_SERIES").ok();
    let wanted = wanted.map_or(SERIES, |count| count.parse().unwrap());
    let (mut judged, mut fired) = (0, 0);
    for round in 0.. {
        let count = (wanted - judged).min(SERIES);
        if count == 0 {
            break;
        }
        let mut dice = Dice(noise(round, 2 * RULES + count * (STEPS + 1)).into_iter());
        let half_minutes = |dice: &mut Dice| Duration::from_secs(30 * u64::from(dice.below(14)));
        let timings: Vec<Timing> = (0..RULES)
            .map(|_| Timing { hold: half_minutes(&mut dice), keep_firing: half_minutes(&mut dice) })
            .collect();
        // From nearly always true to hardly ever, so that what is long and what is short comes up.
        let timelines: Vec<Vec<bool>> = (0..count)
            .map(|_| {
                let share = 20 + dice.below(210);
                (0..STEPS).map(|_| dice.below(250) < share).collect()
            })
            .collect();
        let mut claimed: Vec<_> = timelines
            .iter()
            .enumerate()
            .map(|(at, timeline)| states(timeline, timings[at % RULES], &mut None))
            .collect();
        fired += claimed.iter().flatten().filter(|state| **state == Some("firing")).count();
        judge(&timings, &timelines, &claimed)
            .unwrap_or_else(|said| panic!("round {round}: {said}"));
        judged += count;
        if round == 0 {
            // The judge judges: a state that is wrong by a minute is told.
            let wrong = claimed.iter_mut().find(|states| {
                states.windows(2).any(|two| two == [Some("pending"), Some("firing")])
            });
            let wrong = wrong.unwrap();
            let at = wrong.windows(2).position(|two| two == [Some("pending"), Some("firing")]);
            wrong[at.unwrap() + 1] = Some("pending");
            assert!(judge(&timings, &timelines, &claimed).is_err());
        }
    }
    println!(
        "{judged} series, {} states, {fired} of them firing: as Prometheus says",
        judged * STEPS
    );
    assert!(fired > wanted, "{fired}");
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![Just(Condition::True), Just(Condition::False), Just(Condition::Unknown)]
}

proptest! {
    #[test]
    fn a_life_keeps_to_its_laws(
        hold in 0_u32..5, keep in 0_u32..5,
        seen in prop::collection::vec((condition(), 0_i64..4), 0..60),
    ) {
        let timing = Timing { hold: MINUTE * hold, keep_firing: MINUTE * keep };
        let mut life: Option<Life> = None;
        let mut now = 0;
        for (condition, minutes) in seen {
            now += minutes * 60_000_000;
            let time = Time::from_micros(now).unwrap();
            let after = Life::step(life, condition, timing, time);
            let open = |life: &Option<Life>| life.is_some_and(|life| life.is_open());
            match condition {
                Condition::True => prop_assert!(open(&after)),
                Condition::False if keep == 0 => prop_assert!(!open(&after)),
                Condition::False => {}
                // Silence resolves nothing, and begins nothing.
                Condition::Unknown => {
                    let fires = life.is_some_and(|life| matches!(life.phase, Phase::Firing { .. }));
                    prop_assert_eq!(open(&after), fires);
                    if fires {
                        prop_assert_eq!(after, life);
                    }
                }
            }
            if let Some(Life { active_since, phase: Phase::Firing { since, .. } }) = after {
                prop_assert!(since.since(active_since) >= timing.hold);
            }
            // To look twice at the same moment is to look once.
            prop_assert_eq!(Life::step(after, condition, timing, time), after);
            life = after;
        }
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm(
        seen in prop::collection::vec((condition(), any::<i32>()), 0..30),
    ) {
        let timing = Timing { hold: MINUTE, keep_firing: MINUTE };
        let mut life = None;
        for (condition, at) in seen {
            let now = Time::from_micros(i64::from(at) * 1_000_000).unwrap();
            life = Life::step(life, condition, timing, now);
        }
        let is_over = |life: Life| matches!(life.phase, Phase::Resolved { .. });
        prop_assert_eq!(life.map(is_over), life.map(|life| !life.is_open()));
    }
}

#[test]
fn ids_are_the_fingerprints_of_prometheus() {
    let id = |labels: &[(&str, &str)]| {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        AlertId::of(&labels.iter().map(own).collect::<BTreeMap<_, _>>())
    };
    // Of `common/model/signature_test.go`.
    assert_eq!(id(&[]).number(), 14_695_981_039_346_656_037);
    let two = id(&[("name", "garland, briggs"), ("fear", "love is not enough")]);
    assert_eq!(two.number(), 5_799_056_148_416_392_346);
    assert_eq!(two.to_string().parse::<AlertId>().unwrap(), two);
    assert!("xyz".parse::<AlertId>().is_err());
}

// In a store

fn rule(name: &str) -> Rule {
    shipped_rules().into_iter().find(|rule| rule.name == name).unwrap()
}

/// Counts captures of a site, so many of which came to nothing.
fn captured(repo: &Repository, site: &str, good: u64, failed: u64) {
    let mut counters = Counters::default();
    counters.add(&Counter::new(Family::Captures, &["complete"]).unwrap(), good);
    counters.add(&Counter::new(Family::Captures, &["failed"]).unwrap(), failed);
    Collector::of(repo).count_all(site, &counters, Some(Duration::from_millis(300)));
}

/// What is told: change, rule and site.
fn told(notices: &[Notice]) -> Vec<(Change, &str, Option<&str>)> {
    notices
        .iter()
        .map(|notice| {
            let site = notice.alert.labels.get("site").map(String::as_str);
            (notice.change, notice.alert.name.as_str(), site)
        })
        .collect()
}

#[test]
fn a_site_that_fails_raises_one_alert_and_silence_does_not_end_it() {
    let (_folder, clock, repo) = still();
    let rules = [rule("capture_failures")];
    captured(&repo, "good.example", 40, 0);
    captured(&repo, "bad.example", 0, 2);
    assert_eq!(evaluate(&repo, &rules).unwrap(), []);
    let commits = repo.commits();
    assert_eq!(evaluate(&repo, &rules).unwrap(), []);
    assert_eq!(repo.commits(), commits, "where nothing is wrong nothing is written");

    captured(&repo, "bad.example", 0, 1);
    // Another process looks at the same.
    let other = Repository::builder().clock(Shared(clock.clone())).open(repo.path()).unwrap();
    let notices = evaluate(&repo, &rules).unwrap();
    assert_eq!(told(&notices), [(Change::Fired, "capture_failures", Some("bad.example"))]);
    assert_eq!(notices[0].alert.severity, Severity::Error);
    assert_eq!(notices[0].alert.value, Some(3.0));
    assert!(notices[0].alert.message.contains("bad.example"), "{}", notices[0].alert.message);
    assert_eq!(evaluate(&other, &rules).unwrap(), []);
    let open = alerts::open(&other).unwrap();
    assert_eq!((open.len(), open[0].occurrences), (1, 2));

    // Nothing is heard of it for an hour.
    clock.pass(60 * MINUTE);
    captured(&repo, "good.example", 1, 0);
    assert_eq!(evaluate(&repo, &rules).unwrap(), []);
    assert_eq!(alerts::open(&repo).unwrap()[0].state, AlertState::Firing);
    // It works again.
    captured(&repo, "bad.example", 1, 0);
    let notices = evaluate(&repo, &rules).unwrap();
    assert_eq!(told(&notices), [(Change::Resolved, "capture_failures", Some("bad.example"))]);
    assert_eq!(alerts::open(&repo).unwrap(), []);
    let history = alerts::history(&repo, None, 10).unwrap();
    assert_eq!((history.len(), history[0].state), (1, AlertState::Resolved));
    // It breaks again: another alert, of the same cause.
    captured(&repo, "bad.example", 0, 5);
    assert_eq!(evaluate(&repo, &rules).unwrap()[0].alert.id, history[0].id);
    assert!(verify(&repo, Depth::Structure, &mut |_| {}).unwrap().ok);
}

#[test]
fn what_does_not_last_never_was_and_what_comes_back_soon_never_ended() {
    let (_folder, clock, repo) = still();
    let waits = |hold: u32, keep: u32| Rule {
        hold: hold * MINUTE,
        keep_firing: keep * MINUTE,
        over: MINUTE,
        ..rule("capture_failures")
    };
    let rules = [waits(3, 2)];
    let go = |failed: u64| {
        captured(&repo, "a.example", 1, failed);
        let notices = evaluate(&repo, &rules).unwrap();
        let changes: Vec<_> = notices.iter().map(|notice| notice.change).collect();
        // Beyond the minutes that a window of one minute sees.
        clock.pass(3 * MINUTE + Duration::from_secs(1));
        changes
    };
    assert_eq!(go(9), []);
    assert_eq!(alerts::open(&repo).unwrap()[0].state, AlertState::Pending);
    let id = alerts::open(&repo).unwrap()[0].id;
    for error in [alerts::acknowledge(&repo, id), alerts::resolve(&repo, id)] {
        assert!(matches!(error, Err(Error::Invalid { what: "alert", .. })));
    }
    assert_eq!(go(0), []);
    assert_eq!(alerts::open(&repo).unwrap(), []);
    assert_eq!(alerts::history(&repo, None, 10).unwrap(), []);
    assert_eq!(go(9), []);
    assert_eq!(go(9), [Change::Fired]);
    alerts::acknowledge(&repo, id).unwrap();
    assert_eq!(go(0), [], "it goes on firing for a while");
    assert_eq!(alerts::open(&repo).unwrap()[0].state, AlertState::Acknowledged);
    assert_eq!(go(9), []);
    assert_eq!(go(0), []);
    assert_eq!(go(0), [Change::Resolved]);
    let history = alerts::history(&repo, None, 10).unwrap();
    assert_eq!(history.len(), 1);
    assert!(history[0].acknowledged_at.is_some());
}

#[test]
fn slow_captures_error_rates_and_flags_are_seen() {
    let (_folder, clock, repo) = still();
    let collector = Collector::of(&repo);
    for seconds in [1, 1, 1, 1, 9, 9] {
        let took = Some(Duration::from_secs(seconds));
        let one = Counter::new(Family::Captures, &["complete"]).unwrap();
        let mut counters = Counters::default();
        counters.add(&one, 1);
        collector.count_all("slow.example", &counters, took);
    }
    captured(&repo, "half.example", 10, 10);
    for (group, failed) in [("on", 20), ("off", 3)] {
        for (outcome, count) in [("ok", 100 - failed), ("failed", failed)] {
            let counter = Counter::new(Family::Cohorts, &["dual_html_capture", group, outcome]);
            collector.count("half.example", &counter.unwrap(), count);
        }
    }
    let names = |rules: &[&str]| rules.iter().map(|name| rule(name)).collect::<Vec<_>>();
    let rules = names(&["slow_captures", "error_rate", "error_rate_critical", "flag_anomaly"]);
    let fired = |notices: &[Notice]| {
        let mut names: Vec<_> = notices.iter().map(|notice| notice.alert.name.clone()).collect();
        names.sort();
        names
    };
    let notices = evaluate(&repo, &rules).unwrap();
    assert_eq!(fired(&notices), ["error_rate", "error_rate_critical", "flag_anomaly"]);
    let anomaly = notices.iter().find(|notice| notice.alert.name == "flag_anomaly").unwrap();
    assert_eq!(anomaly.alert.labels["flag"], "dual_html_capture");
    assert_eq!(anomaly.alert.kind, AlertType::FeatureFlagAnomaly);
    assert!((anomaly.alert.value.unwrap() - 0.17).abs() < 1e-9);
    clock.pass(6 * MINUTE);
    let notices = evaluate(&repo, &rules).unwrap();
    assert_eq!(fired(&notices), ["slow_captures"]);
    assert_eq!(notices[0].alert.labels["site"], "slow.example");
}

#[test]
fn a_flag_is_judged_by_enough_captures_only() {
    let cohort = |total, failed| Group { total, failed };
    assert_eq!(flag_gap(cohort(50, 5), cohort(50, 0), 50), Some(0.1));
    assert_eq!(flag_gap(cohort(50, 0), cohort(100, 50), 50), Some(-0.5));
    assert_eq!(flag_gap(cohort(49, 49), cohort(50, 0), 50), None);
    assert_eq!(flag_gap(cohort(50, 50), cohort(0, 0), 0), None);
    assert_eq!(flag_gap(cohort(1, u64::MAX), cohort(1, 0), 0), Some(1.0));
}

#[test]
fn disk_and_log_are_measured() {
    let (_folder, _, repo) = still();
    captured(&repo, "a.example", 1, 0);
    repo.create(tintype::Draft::text("in the log")).unwrap();
    let all: Vec<Rule> = [("low_disk_space", 2.0), ("low_disk_bytes", 1e18), ("wal_growth", 100.0)]
        .into_iter()
        .map(|(name, threshold)| Rule { threshold, hold: Duration::ZERO, ..rule(name) })
        .collect();
    let notices = evaluate(&repo, &all).unwrap();
    assert_eq!(notices.len(), 3, "{notices:?}");
    for notice in &notices {
        let value = notice.alert.value.unwrap();
        assert!(value > 0.0, "{notice:?}");
        if notice.alert.name == "low_disk_space" {
            assert!(value <= 1.0, "{value}");
        }
    }
    // In memory there is neither.
    let memory = Repository::in_memory().unwrap();
    assert_eq!(evaluate(&memory, &all).unwrap(), []);
}

#[test]
fn a_rule_that_is_none_is_refused_with_a_reason() {
    let (_folder, _, repo) = still();
    let good = rule("slow_captures");
    let bad = |change: fn(&mut Rule)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    for (bad, why) in [
        (bad(|rule| rule.name.clear()), "1 to 100"),
        (bad(|rule| rule.name = "a b".into()), "letters"),
        (bad(|rule| rule.name = "by_hand".into()), "by hand"),
        (bad(|rule| rule.threshold = f64::NAN), "no number"),
        (bad(|rule| rule.over = Duration::from_secs(59)), "over_s"),
        (bad(|rule| rule.hold = Duration::MAX), "for_s"),
        (bad(|rule| rule.keep_firing = Duration::MAX), "keep_firing_for_s"),
        (
            bad(|rule| rule.metric = tintype::model::alert::Measure::WalBytes),
            "can't be told for each site",
        ),
    ] {
        let error = evaluate(&repo, &[rule("wal_growth"), bad.clone()]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(Monitor::new(&repo).rules(vec![bad]).is_err());
    }
    let twice = evaluate(&repo, &[good.clone(), good]).unwrap_err().to_string();
    assert!(twice.contains("two of this name"), "{twice}");
    // As JSON.
    for rule in shipped_rules() {
        rule.check().unwrap();
        let text = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule);
    }
}

#[test]
fn alerts_by_hand_are_counted_acknowledged_and_ended() {
    let (_folder, clock, repo) = still();
    let new = |severity, message: &str| {
        NewAlert::new(AlertType::PerformanceDegradation, severity, message)
            .with("site", "a.example")
    };
    let first = alerts::raise(&repo, &new(Severity::Info, "it is slow")).unwrap();
    clock.pass(MINUTE);
    let again = alerts::raise(&repo, &new(Severity::Critical, "it is slow").with("n", 2)).unwrap();
    assert_eq!((again.id, again.occurrences), (first.id, 2));
    assert_eq!((again.severity, again.metadata["n"].as_i64()), (Severity::Critical, Some(2)));
    assert_eq!(again.active_at, first.active_at);
    alerts::raise(&repo, &new(Severity::Warning, "it is slower")).unwrap();
    let open = alerts::open(&repo).unwrap();
    let severities: Vec<_> = open.iter().map(|alert| alert.severity).collect();
    assert_eq!(severities, [Severity::Critical, Severity::Warning], "the worst first");

    let known = alerts::acknowledge(&repo, first.id).unwrap();
    assert_eq!(known.state, AlertState::Acknowledged);
    clock.pass(MINUTE);
    let once_more = alerts::acknowledge(&repo, first.id).unwrap();
    assert_eq!(once_more.acknowledged_at, known.acknowledged_at);
    let over = alerts::resolve(&repo, first.id).unwrap();
    assert_eq!(over.state, AlertState::Resolved);
    for error in [alerts::resolve(&repo, first.id), alerts::acknowledge(&repo, first.id)] {
        assert!(matches!(error, Err(Error::NotFound { what: What::Alert, .. })), "{error:?}");
    }
    // By a rule's evaluation nothing of this changes.
    evaluate(&repo, &shipped_rules()).unwrap();
    assert_eq!(alerts::history(&repo, None, 10).unwrap(), std::slice::from_ref(&over));
    let after = over.resolved_at.unwrap().plus(Duration::from_micros(1));
    assert_eq!(alerts::history(&repo, Some(after), 10).unwrap(), []);

    for (bad, why) in [
        (new(Severity::Info, " "), "says nothing"),
        (new(Severity::Info, &"x".repeat(5_000)), "the limit is 4096"),
        (new(Severity::Info, "x").with("much", "x".repeat(70_000)), "the limit is 65536"),
    ] {
        let error = alerts::raise(&repo, &bad).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!("fatal".parse::<Severity>().unwrap_err().to_string().contains("info, warning"));
    assert!("sad".parse::<AlertType>().unwrap_err().to_string().contains("capture_failure"));
    assert_eq!("CAPTURE_FAILURE".parse::<AlertType>().unwrap(), AlertType::CaptureFailure);
    assert!(verify(&repo, Depth::Structure, &mut |_| {}).unwrap().ok);
}

#[test]
fn there_is_a_limit_to_what_is_open() {
    let repo = Repository::in_memory().unwrap();
    let raised = repo.clone();
    let raise = |n: usize| {
        let new = NewAlert::new(AlertType::SystemHealth, Severity::Info, format!("number {n}"));
        alerts::raise(&raised, &new)
    };
    let limit = tintype::records::alerts::OPEN_MAX;
    (0..limit).for_each(|n| drop(raise(n).unwrap()));
    assert!(raise(limit).unwrap_err().to_string().contains("are open already"));
    assert_eq!(raise(0).unwrap().occurrences, 2);
    assert_eq!(alerts::open(&repo).unwrap().len(), limit);
}

#[test]
fn a_damaged_alert_is_found_and_costs_no_other() {
    let (_folder, _, repo) = still();
    captured(&repo, "a.example", 0, 5);
    captured(&repo, "b.example", 0, 5);
    let rules = [rule("capture_failures")];
    assert_eq!(evaluate(&repo, &rules).unwrap().len(), 2);
    let sql = rusqlite::Connection::open(repo.path()).unwrap();
    let change = "UPDATE alert SET occurrences = 99 WHERE labels LIKE '%a.example%'";
    assert_eq!(sql.execute(change, []).unwrap(), 1);
    drop(sql);
    let report = verify(&repo, Depth::Structure, &mut |_| {}).unwrap();
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(report.problems[0].detail.contains("seal"), "{report:?}");
    evaluate(&repo, &rules).unwrap();
    let open = alerts::open(&repo).unwrap();
    assert_eq!((open.len(), open[0].occurrences), (1, 2));
}

// The thread

#[test]
fn a_monitor_looks_tells_stops_and_starts_again() {
    let (_folder, _, repo) = still();
    let (tell, hear) = mpsc::channel();
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = panics.clone();
    let monitor = Monitor::new(&repo)
        .rules(vec![rule("capture_failures")])
        .unwrap()
        .every(Duration::from_millis(1))
        .unwrap()
        .on_notice(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            panic!("this listener is broken");
        })
        .on_notice(move |notice| tell.send(notice.clone()).unwrap());
    assert!(!monitor.status().running);
    monitor.start().unwrap();
    monitor.start().unwrap();
    assert!(monitor.status().running);
    captured(&repo, "a.example", 0, 3);
    let notice = hear.recv().unwrap();
    assert_eq!((notice.change, notice.alert.state), (Change::Fired, AlertState::Firing));
    alerts::resolve(&repo, notice.alert.id).unwrap();
    assert_eq!(hear.recv().unwrap().change, Change::Fired, "it is true still");
    monitor.stop();
    monitor.stop();
    let status = monitor.status();
    assert!(!status.running && status.error.is_none(), "{status:?}");
    assert_eq!((status.notices, panics.load(Ordering::SeqCst)), (2, 2));
    assert!(status.evaluations >= 2 && status.evaluated_at >= status.started_at, "{status:?}");
    alerts::resolve(&repo, notice.alert.id).unwrap();
    assert_eq!(monitor.status(), status, "what has stopped does not look");
    monitor.start().unwrap();
    assert_eq!(hear.recv().unwrap().change, Change::Fired);
    drop(monitor);
    assert!(hear.recv().is_err(), "what was told is let go of");
    assert!(Monitor::new(&repo).every(Duration::ZERO).is_err());
}

#[test]
fn a_monitor_may_be_stopped_by_what_listens() {
    let (_folder, _, repo) = still();
    captured(&repo, "a.example", 0, 3);
    let held: Arc<std::sync::OnceLock<Monitor>> = Arc::default();
    let (own, (tell, hear)) = (held.clone(), mpsc::channel());
    let monitor = Monitor::new(&repo).on_notice(move |_| {
        // It was started from there.
        if let Some(monitor) = own.get() {
            monitor.stop();
            tell.send(monitor.status().running).unwrap();
        }
    });
    held.get_or_init(|| monitor).start().unwrap();
    assert!(!hear.recv().unwrap());
}
