//! Incidents as values: which are alike, what the breaker, the budget and the schedule say.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tintype::model::incident::Incident;
use tintype::model::incident::breaker::{
    Breaker, FAILURES_MAX, FAILURES_WITHIN, OPEN_FOR, PROBE_MAX, Pass,
};
use tintype::model::incident::budget::{Budget, Rate};
use tintype::model::incident::likeness::{normalized, normalized_selector};
use tintype::model::incident::schedule::{COOLDOWN, Due, due, next_due};
use tintype::{Error, Time};

use crate::support::values::context;

// What is alike

#[test]
fn what_differs_from_time_to_time_is_left_out_of_a_message() {
    for (message, told) in [
        ("Timeout 30000ms exceeded", "Timeout <n> exceeded"),
        ("got 1,234.50 of 7", "got <n> of <n>"),
        ("at 2026-01-29T06:43:41.714Z, 12:30:05", "at <n>, <n>"),
        ("order 550e8400-e29b-41d4-a716-446655440000 is gone", "order <uuid> is gone"),
        ("see https://shop.example/p/7?x=1#y now", "see <url> now"),
        ("object at 0x7f3a", "object at <hex>"),
        ("commit 3fa1b2c4d5", "commit <hex>"),
        ("facade is no number", "facade is no number"),
        ("session ab12cd34ef56gh is over", "session <id> is over"),
        ("item42 and h1", "item<n> and h<n>"),
        ("no element \"#a > .b\" in 'main'", "no element <text> in <text>"),
        ("can't find it, don't ask", "can't find it, don't ask"),
        ("“so” and ‘so’ and «so»", "<text> and <text> and <text>"),
        ("an \"open end", "an \"open end"),
        ("Bearer [redacted:bearer:deadbeef] refused", "Bearer <secret> refused"),
        ("  two\n\tlines  ", "two lines"),
        ("", ""),
    ] {
        assert_eq!(normalized(message), told, "{message}");
    }
    for (text, told) in [
        ("h1 > .col-2", "h1 > .col-2"),
        ("li:nth-child(17)", "li:nth-child(<n>)"),
        ("#item-12345", "#item-<n>"),
        (".css-1q2w3e4 a", ".css-<id> a"),
        ("[name=\"price\"]", "[name=\"price\"]"),
        (".a   .b", ".a .b"),
    ] {
        assert_eq!(normalized_selector(text), told, "{text}");
    }
}

/// Something of each kind that is left out.
fn varying() -> impl Strategy<Value = (String, String)> {
    let number = |_| any::<u32>().prop_map(|it| it.to_string());
    let hex = |_| any::<u64>().prop_map(|it| format!("1{it:015x}a"));
    let uuid = |_| {
        any::<[u32; 4]>().prop_map(|[a, b, c, d]| {
            let (b, e) = (b & 0xffff, b >> 16);
            format!("{a:08x}-{b:04x}-{e:04x}-{:04x}-{:04x}{d:08x}", c & 0xffff, c >> 16)
        })
    };
    let url = |_| "[a-z]{1,8}".prop_map(|it| format!("https://{it}.example/{it}?q={it}"));
    let quoted = |_| "[a-z ]{0,12}".prop_map(|it| format!("\"{it}\""));
    prop_oneof![
        (number(()), number(())),
        (hex(()), hex(())),
        (uuid(()), uuid(())),
        (url(()), url(())),
        (quoted(()), quoted(())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_that_differ_in_what_varies_are_alike(
        parts in prop::collection::vec(("[a-z]{1,10}", varying()), 1..8),
    ) {
        let line = |pick: fn(&(String, String)) -> &String| {
            let words = parts.iter().map(|(word, pair)| format!("{word} {}", pick(pair)));
            words.collect::<Vec<_>>().join(" ")
        };
        let told = normalized(&line(|pair| &pair.0));
        prop_assert_eq!(&told, &normalized(&line(|pair| &pair.1)));
        for (word, _) in &parts {
            prop_assert!(told.contains(word.as_str()), "{}", told);
        }
    }

    #[test]
    fn any_text_can_be_normalized_and_stays_short(text in any::<String>(), times in 1_usize..400) {
        for text in [text.clone(), text.repeat(times)] {
            // A quotation mark or a digit becomes seven bytes at most.
            prop_assert!(normalized(&text).len() <= 7 * 2048);
            prop_assert!(normalized_selector(&text).len() <= 7 * 2048);
        }
    }

    // The budget: a bucket that is kept as one moment is a bucket.

    #[test]
    fn a_budget_gives_what_a_bucket_of_tokens_gives(
        per_minute in 1_u32..200,
        steps in prop::collection::vec((0_u64..90_000_000, any::<bool>()), 1..200),
    ) {
        let rate = Rate::per_minute(per_minute).unwrap();
        // Tokens in microseconds of waiting, so that no fraction is lost.
        let interval = 60_000_000 / u64::from(per_minute);
        let whole = interval * u64::from(per_minute);
        let mut tokens = whole;
        let mut budget = Budget::default();
        let mut now: Time = "2026-11-22T10:00:00Z".parse().unwrap();
        for (wait, in_vain) in steps {
            // Short and long waits alike.
            let wait = if wait % 3 == 0 { wait } else { wait % (2 * interval) };
            now = now.plus(Duration::from_micros(wait));
            tokens = (tokens + wait).min(whole);
            let has = tokens >= interval;
            prop_assert_eq!(budget.has(rate, now), has);
            prop_assert_eq!(budget.take(rate, now), has);
            if has {
                tokens -= interval;
            }
            if has && in_vain {
                budget.give_back(rate);
                tokens += interval;
            }
        }
    }

    #[test]
    fn a_clock_that_is_put_back_keeps_a_budget_empty_for_two_minutes_at_most(
        per_minute in 1_u32..200, back_s in 0_u64..1_000_000,
    ) {
        let rate = Rate::per_minute(per_minute).unwrap();
        let then: Time = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut budget = Budget::default();
        while budget.take(rate, then) {}
        let now = then.minus(Duration::from_secs(back_s));
        // What another process took a moment later is taken.
        prop_assert!(back_s > 60 || !budget.has(rate, now));
        prop_assert!(budget.has(rate, now.plus(Duration::from_secs(120))));
    }

    // The breaker, against a list of failures and two moments.

    #[test]
    fn a_breaker_does_what_its_picture_shows(
        steps in prop::collection::vec((0_u64..120, 0_u8..4), 1..300),
    ) {
        #[derive(Debug)]
        struct Model { failures: Vec<Time>, open: Option<Time>, probe: Option<Time> }
        let mut model = Model { failures: vec![], open: None, probe: None };
        let mut breaker = Breaker::default();
        let mut now: Time = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut passes: Vec<Pass> = Vec::new();
        for (wait, act) in steps {
            now = now.plus(Duration::from_secs(if act == 3 { wait * 4 } else { wait / 4 }));
            match act {
                // Somebody asks.
                0 | 3 => {
                    let expected = match (model.open, model.probe) {
                        (None, None) => Some(Pass::Usual),
                        (_, Some(at)) => (now.since(at) >= PROBE_MAX).then_some(Pass::Probe),
                        (Some(at), None) => (now.since(at) >= OPEN_FOR).then_some(Pass::Probe),
                    };
                    prop_assert_eq!(breaker.would_admit(now), expected);
                    prop_assert_eq!(breaker.admit(now), expected);
                    if expected == Some(Pass::Probe) {
                        model.probe = Some(now);
                        // There is one, and no other.
                        prop_assert_eq!(breaker.admit(now), None);
                    }
                    passes.extend(expected);
                }
                // A capture ends well, or not.
                _ => {
                    let Some(pass) = passes.pop() else { continue };
                    let closed = model.open.is_none() && model.probe.is_none();
                    if act == 1 {
                        breaker.succeeded(pass);
                        if pass == Pass::Probe {
                            model = Model { failures: vec![], open: None, probe: None };
                        }
                    } else {
                        breaker.failed(pass, now);
                        if closed {
                            model.failures.push(now);
                            let lately = model.failures.iter()
                                .filter(|at| now.since(**at) < FAILURES_WITHIN).count();
                            if lately >= FAILURES_MAX {
                                model = Model { failures: vec![], open: Some(now), probe: None };
                            }
                        } else if pass == Pass::Probe {
                            model.open = Some(now);
                            model.probe = None;
                        }
                    }
                }
            }
            let state = serde_json::to_string(&breaker).unwrap();
            prop_assert_eq!(serde_json::from_str::<Breaker>(&state).unwrap(), breaker.clone());
        }
    }

    #[test]
    fn powers_of_ten_are_due_and_nothing_between(count in 0_u64..10_000_000) {
        let next = next_due(count);
        prop_assert!(next > count);
        prop_assert_eq!(10_u64.pow(next.ilog10()), next);
        prop_assert!(next == 1 || next / 10 <= count);
        let now: Time = "2026-11-22T10:00:00Z".parse().unwrap();
        let occurrence = count + 1;
        let is_due = due(occurrence, next, Some(now), now).is_some();
        prop_assert_eq!(is_due, occurrence == next);
        let later = now.plus(COOLDOWN);
        let why = if occurrence == next { Due::Occurrence } else { Due::Cooldown };
        prop_assert_eq!(due(occurrence, next, Some(now), later), Some(why));
    }
}

#[test]
fn the_last_power_of_ten_has_no_next() {
    assert_eq!(next_due(0), 1);
    assert_eq!(next_due(9), 10);
    assert_eq!(next_due(10), 100);
    assert_eq!(next_due(u64::MAX), u64::MAX);
    for bad in [0, 60_000_001] {
        assert!(matches!(Rate::per_minute(bad), Err(Error::Invalid { .. })));
    }
}

// What an incident is

#[test]
fn an_incident_is_read_from_fields_and_tells_them() {
    let place = || context("shop.example/products");
    for (kind, fields, told) in [
        ("selector_failure", json!({"selector": ".a"}), json!({"matched_count": 0})),
        (
            "selector_failure",
            json!({"selector": ".a", "matched_count": "2"}),
            json!({"matched_count": 2}),
        ),
        (
            "retry_exhaustion",
            json!({"operation": "load", "retry_count": 3}),
            json!({"max_retries": 3}),
        ),
        (
            "timeout",
            json!({"operation": "load", "timeout_duration": 1.5}),
            json!({"timeout_duration": 1.5}),
        ),
        (
            "extraction_mismatch",
            json!({"actual_data": {"a": 1}, "validation_errors": ["no b"]}),
            json!({"expected_data": null, "actual_data": {"a": 1}, "validation_errors": ["no b"]}),
        ),
        (
            "failure",
            json!({"error_type": "E", "url": "http://a/"}),
            json!({"error_message": "", "url": "http://a/"}),
        ),
        ("price_jump", json!({"by": 40}), json!({"by": 40})),
    ] {
        let given = fields.as_object().unwrap().clone();
        let incident = Incident::from_fields(kind, place(), given).unwrap();
        assert_eq!(incident.cause.kind(), kind);
        let facts = incident.facts();
        assert_eq!(facts["kind"], kind);
        for (name, value) in told.as_object().unwrap() {
            assert_eq!(facts[name], *value, "{kind}: {name}");
        }
        assert_eq!(Incident::from_facts(place(), facts).unwrap(), incident);
    }
    for (kind, fields, named) in [
        ("selector_failure", json!({}), "selector"),
        ("selector_failure", json!({"selector": 3}), "selector"),
        ("selector_failure", json!({"selector": "a", "matched_count": -1}), "matched_count"),
        ("selector_failure", json!({"selector": "a", "matched_count": "x"}), "matched_count"),
        ("timeout", json!({"timeout_duration": -1}), "timeout_duration"),
        ("timeout", json!({"timeout_duration": 1e300}), "timeout_duration"),
        ("failure", json!({"error_message": "x"}), "error_type"),
        ("failure", json!({"error_type": "x", "url": 7}), "url"),
        ("extraction_mismatch", json!({"validation_errors": [1]}), "validation_errors"),
        ("Shouting", json!({}), "kind of incident"),
        ("", json!({}), "kind of incident"),
    ] {
        let refused = Incident::from_fields(kind, place(), fields.as_object().unwrap().clone());
        match refused {
            Err(Error::Invalid { what, .. }) => assert_eq!(what, named, "{kind} {fields}"),
            other => panic!("{kind} {fields}: {other:?}"),
        }
    }
    assert!(Incident::custom(place(), "timeout").is_err());
}
