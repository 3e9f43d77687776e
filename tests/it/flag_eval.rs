//! Is a flag on? The hash, who is in and who is not, what decides; and whether a flag does harm.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;
use tintype::model::flag::{
    Anomaly, BUCKETS, Evaluation, Flag, FlagError, FlagReason, Group, anomaly, bucket,
    murmur3_x86_32,
};
use tintype::{Error, EvalContext, FlagSet, Rollout, Stage};

fn percent(percent: f64) -> Rollout {
    Rollout::percent(percent).unwrap()
}

fn key(key: &str) -> EvalContext<'_> {
    EvalContext { key: Some(key), ..EvalContext::default() }
}

/// A set of one more flag, which is on for so many percent.
fn set_with(name: &str, rollout: Rollout) -> FlagSet {
    let mut set = FlagSet::default();
    set.add(name, Flag { rollout, ..Flag::new(true, "") }).unwrap();
    set
}

// The hash

#[test]
fn the_hash_gives_the_published_values() {
    // SMHasher's own, as collected in the answers to "MurmurHash3 test vectors" (Ian Boyd).
    for (bytes, seed, hash) in [
        (&b""[..], 0, 0),
        (b"", 1, 0x514E_28B7),
        (b"", 0xFFFF_FFFF, 0x81F1_6F39),
        (b"\xFF\xFF\xFF\xFF", 0, 0x7629_3B50),
        (b"\x21\x43\x65\x87", 0, 0xF55B_516B),
        (b"\x21\x43\x65\x87", 0x5082_EDEE, 0x2362_F9DE),
        (b"\x21\x43\x65", 0, 0x7E4A_8634),
        (b"\x21\x43", 0, 0xA0F7_B07A),
        (b"\x21", 0, 0x7266_1CF4),
        (b"\0\0\0\0", 0, 0x2362_F9DE),
        (b"\0\0\0", 0, 0x85F0_B427),
        (b"\0\0", 0, 0x30F4_C306),
        (b"\0", 0, 0x514E_28B7),
        (b"aaaa", 0x9747_B28C, 0x5A97_808A),
        (b"Hello, world!", 0x9747_B28C, 0x2488_4CBA),
        (b"The quick brown fox jumps over the lazy dog", 0x9747_B28C, 0x2FA8_26CD),
        // flagd's keys at the edges of the hash (flagd-testbed, fractional.feature).
        (b"ejOoVL", 0, 0),
        (b"bY9fO-", 0, 1),
        (b"SI7p-", 0, 0x7FFF_FFFF),
        (b"6LvT0", 0, 0x8000_0000),
        (b"ceQdGm", 0, 0xFFFF_FFFF),
    ] {
        assert_eq!(murmur3_x86_32(&[bytes], seed), hash, "{bytes:?} {seed:#x}");
        // However it is cut.
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(murmur3_x86_32(&[head, b"", tail], seed), hash, "{bytes:?} at {at}");
        }
    }
    // Unleash's specification: group and value with a colon between them, as here.
    for (group, value, normal) in [("gr1", "123", 73), ("groupX", "999", 25)] {
        let hash = murmur3_x86_32(&[group.as_bytes(), b":", value.as_bytes()], 0);
        assert_eq!(hash % 100 + 1, normal, "{group} {value}");
    }
}

#[test]
fn a_bucket_is_the_upper_part_of_a_product() {
    for (salt, key) in [("gr1", "123"), ("groupX", "999"), ("", ""), ("a:b", "c"), ("a", "b:c")] {
        let hash = murmur3_x86_32(&[format!("{salt}:{key}").as_bytes()], 0);
        let exact = u128::from(hash) * u128::from(BUCKETS) / (1 << 32);
        assert_eq!(u128::from(bucket(salt, key)), exact);
    }
}

// Who is in

/// The percentages at which all keys are looked at.
fn percentages() -> Vec<Rollout> {
    (0..=20).map(|step| percent(f64::from(step) * 5.0)).collect()
}

/// How many keys: a million where `TINTYPE_ALL_KEYS` is set.
fn keys() -> usize {
    if std::env::var_os("TINTYPE_ALL_KEYS").is_some() { 1_000_000 } else { 5_000 }
}

#[test]
fn who_is_in_stays_in_at_every_higher_percentage() {
    let sets: Vec<FlagSet> =
        percentages().into_iter().map(|rollout| set_with("x", rollout)).collect();
    let (mut asked, mut exceptions, mut in_at_half) = (0_u64, 0_u64, 0_u64);
    for n in 0..keys() {
        let name = format!("session-{n}");
        let values: Vec<bool> =
            sets.iter().map(|set| set.evaluate("x", &key(&name)).value).collect();
        asked += values.len() as u64;
        exceptions += values.windows(2).filter(|pair| pair[0] && !pair[1]).count() as u64;
        assert!(!values[0] && values[20], "0 and 100 percent are exact: {name}");
        in_at_half += u64::from(values[10]);
    }
    println!("{} keys, {asked} evaluations, {exceptions} exceptions", keys());
    assert_eq!(exceptions, 0);
    let half = keys() as u64 / 2;
    assert!(in_at_half.abs_diff(half) < half / 10, "{in_at_half} of {}", keys());
}

proptest! {
    #[test]
    fn a_rollout_is_a_threshold_that_no_context_crosses(
        low in 0_u32..=BUCKETS, more in 0_u32..=BUCKETS, name in ".{0,12}", site in "[a-z]{0,6}",
    ) {
        let high = Rollout::thousandths(low.saturating_add(more));
        let asked = EvalContext { site: Some(&site), key: Some(&name), ..EvalContext::default() };
        let at = |rollout| set_with("x", rollout).evaluate("x", &asked).value;
        prop_assert!(!at(Rollout::thousandths(low)) || at(high));
        // Again the same, and by the bucket where there is one.
        let once = set_with("x", high).evaluate("x", &asked);
        prop_assert_eq!(&once, &set_with("x", high).evaluate("x", &asked));
        if let Some(bucket) = once.bucket {
            prop_assert_eq!(once.value, bucket < high.buckets());
        }
    }

    #[test]
    fn asking_never_fails(name in ".{0,40}", site in ".{0,40}", rollout in 0_u32..=BUCKETS) {
        let set = set_with("x", Rollout::thousandths(rollout));
        let asked = EvalContext { site: Some(&site), session: Some(&name), environment: Some(&site), key: None };
        for flag in [name.as_str(), "x", "dual_capture"] {
            let told = set.explain(flag, &asked);
            prop_assert_eq!(told.value, set.evaluate(flag, &asked).value);
            prop_assert_eq!(told.steps.iter().filter(|step| step.decides).count(), 1);
            prop_assert!(told.steps.last().is_some_and(|step| step.decides));
        }
    }
}

/// The sum of squared deviations, each by what was expected.
fn chi_squared(counts: &[u64], expected: f64) -> f64 {
    counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
}

#[test]
fn buckets_are_uniform_and_flags_independent() {
    let keys = 100_000;
    let names: Vec<String> = (0..keys).map(|n| format!("run-{n}")).collect();
    let (mut counts, mut pairs) = (vec![0_u64; 100], [0_u64; 100]);
    for name in &names {
        let (one, two) = (bucket("one", name), bucket("two", name));
        counts[one as usize / 1_000] += 1;
        pairs[(one / 10_000 * 10 + two / 10_000) as usize] += 1;
    }
    // 99 degrees of freedom: 148.2 is passed by one in a thousand. These are always the same keys.
    let (uniform, independent) = (chi_squared(&counts, 1_000.0), chi_squared(&pairs, 1_000.0));
    println!(
        "chi squared, 99 degrees of freedom: uniform {uniform:.1}, independent {independent:.1}"
    );
    assert!(uniform < 148.2 && independent < 148.2, "{uniform} {independent}");
    // Flags of one salt are on for the same keys.
    let mut set = set_with("one", percent(30.0));
    set.add("two", Flag { rollout: percent(30.0), ..Flag::new(true, "") }).unwrap();
    let both = |set: &FlagSet| {
        let on = |name: &str, by: &str| set.evaluate(name, &key(by)).value;
        names[..2_000].iter().filter(|by| on("one", by) == on("two", by)).count()
    };
    assert!(both(&set) < 1_600, "{}", both(&set));
    set.flag_mut("two").unwrap().salt = Some("one".into());
    assert_eq!(both(&set), 2_000);
}

// What decides

fn told(set: &FlagSet, name: &str, asked: &EvalContext<'_>) -> (bool, FlagReason, &'static str) {
    let Evaluation { value, reason, steps, .. } = set.explain(name, asked);
    (value, reason, steps.last().unwrap().check)
}

#[test]
fn the_first_check_that_decides_gives_the_reason() {
    let shop =
        EvalContext { site: Some("shop.example"), session: Some("run-7"), ..Default::default() };
    let mut set = set_with("x", Rollout::ALL);
    assert_eq!(told(&set, "x", &shop), (true, FlagReason::Static, "rollout"));
    assert_eq!(told(&set, "y", &shop), (false, FlagReason::Error, "flag"));
    assert_eq!(set.evaluate("y", &shop).error, Some(FlagError::FlagNotFound));

    // The most specific percentage holds: of the flag on the site, of the site, of the flag.
    set.flag_mut("x").unwrap().rollout = Rollout::NONE;
    assert_eq!(told(&set, "x", &shop), (false, FlagReason::Static, "rollout"));
    set.sites.insert("shop.example".into(), Rollout::ALL);
    assert_eq!(told(&set, "x", &shop), (true, FlagReason::TargetingMatch, "rollout"));
    assert!(!set.evaluate("x", &key("run-7")).value, "elsewhere nothing is said");
    set.flag_mut("x").unwrap().sites.insert("shop.example".into(), Rollout::NONE);
    assert_eq!(told(&set, "x", &shop), (false, FlagReason::TargetingMatch, "rollout"));
    set.flag_mut("x").unwrap().sites.insert("shop.example".into(), percent(50.0));
    let split = set.evaluate("x", &shop);
    assert_eq!(split.reason, FlagReason::Split);
    assert_eq!(split.bucket, Some(bucket("x", "run-7")), "the session is the key");
    assert_eq!(split.value, bucket("x", "run-7") < 50_000);

    // The key: the given one, the session, the site.
    let of = |asked: EvalContext<'_>| set.evaluate("x", &asked).bucket;
    assert_eq!(of(EvalContext { key: Some("k"), ..shop }), Some(bucket("x", "k")));
    assert_eq!(of(EvalContext { session: None, ..shop }), Some(bucket("x", "shop.example")));
    set.flag_mut("x").unwrap().rollout = percent(50.0);
    let nobody = set.evaluate("x", &EvalContext::default());
    assert_eq!((nobody.value, nobody.reason), (false, FlagReason::Error));
    assert_eq!(nobody.error, Some(FlagError::TargetingKeyMissing));

    // Environments, under any of their names.
    set.flag_mut("x").unwrap().sites.clear();
    set.restrict("x", ["production", "staging"]).unwrap();
    for (environment, on) in [
        ("production", true),
        ("testing", true),
        ("Staging", true),
        ("debug", false),
        ("qa", false),
    ] {
        let there = shop.in_environment(Some(environment));
        let (value, _, check) = told(&set, "x", &there);
        assert_eq!(
            (value, check),
            (on, if on { "rollout" } else { "environment" }),
            "{environment}"
        );
    }
    assert_eq!(told(&set, "x", &shop), (false, FlagReason::Disabled, "environment"));
    set.settings.default_environment = Some("production".into());
    assert_eq!(told(&set, "x", &shop).2, "rollout");

    // What it depends on.
    set.depend("x", ["dual_capture"]).unwrap();
    assert!(set.evaluate("x", &shop).value);
    set.flag_mut("dual_html_capture").unwrap().enabled = false;
    assert_eq!(told(&set, "x", &shop), (false, FlagReason::Disabled, "dependency"));
    set.flag_mut("x").unwrap().enabled = false;
    assert_eq!(told(&set, "x", &shop), (false, FlagReason::Disabled, "enabled"));
}

#[test]
fn a_stage_caps_what_may_be_on() {
    let mut set = set_with("x", Rollout::ALL);
    let rate = |set: &FlagSet, environment: Option<&str>| {
        let on = |n: &usize| {
            let name = format!("k{n}");
            set.evaluate("x", &key(&name).in_environment(environment)).value
        };
        (0..1_000).filter(on).count()
    };
    for (stage, elsewhere, tried_out) in [
        (Stage::Disabled, 0..=0, 0),
        (Stage::InternalTesting, 0..=0, 1_000),
        (Stage::BetaTesting, 70..=130, 1_000),
        (Stage::GradualRollout, 1_000..=1_000, 1_000),
        (Stage::FullRollout, 1_000..=1_000, 1_000),
    ] {
        set.stage = stage;
        for environment in [None, Some("production"), Some("qa")] {
            assert!(elsewhere.contains(&rate(&set, environment)), "{stage} {environment:?}");
        }
        for environment in ["testing", "staging", "debug", "development", "TESTING"] {
            assert_eq!(rate(&set, Some(environment)), tried_out, "{stage} {environment}");
        }
    }
    assert!("beta".parse::<Stage>().is_err());
    assert_eq!("Beta-Testing".parse::<Stage>().unwrap(), Stage::BetaTesting);
}

#[test]
fn a_circle_that_was_never_checked_does_not_hang_who_asks() {
    let mut set = set_with("x", Rollout::ALL);
    set.flag_mut("x").unwrap().dependencies = BTreeSet::from(["x".to_owned()]);
    assert!(!set.evaluate("x", &key("k")).value);
    assert!(set.check().is_err());
}

#[test]
fn percentages_are_exact_or_refused() {
    for (text, told) in
        [("0", "0"), ("100", "100"), ("12.5", "12.5"), ("25%", "25"), ("0.001", "0.001")]
    {
        let rollout: Rollout = text.parse().unwrap();
        assert_eq!(rollout.to_string(), told);
        assert_eq!(serde_json::from_value::<Rollout>(json!(rollout)).unwrap(), rollout);
    }
    for text in ["101", "-1", "NaN", "inf", "-inf", "", "x", "100.0001", "1e9"] {
        let refused = text.parse::<Rollout>().unwrap_err();
        assert!(matches!(refused, Error::Invalid { what: "percentage", .. }), "{text}: {refused}");
    }
    for number in [101.0, -0.5, f64::NAN, f64::INFINITY] {
        assert!(Rollout::percent(number).is_err());
    }
}

// The guard that looks at failures

#[test]
fn an_on_group_that_fails_more_than_the_off_group_is_an_anomaly() {
    let group = |failed, total| Group { total, failed };
    let five = percent(5.0);
    let found = anomaly(group(20, 100), group(5, 100), five).unwrap();
    assert_eq!((found.on_rate, found.off_rate), (0.2, 0.05));
    assert!((found.points - 15.0).abs() < 1e-9);
    for (on, off, is) in [
        ((10, 100), (5, 100), true),
        ((1_000, 10_000), (501, 10_000), false),
        ((5, 100), (20, 100), false),
        ((49, 49), (0, 1_000), false),
        ((50, 50), (0, 49), false),
        ((50, 50), (0, 50), true),
        ((0, 0), (0, 0), false),
        ((u64::MAX, u64::MAX), (0, u64::MAX), true),
    ] {
        let found: Option<Anomaly> = anomaly(group(on.0, on.1), group(off.0, off.1), five);
        assert_eq!(found.is_some(), is, "{on:?} {off:?}");
    }
    // Equal groups are none, whatever is allowed.
    assert!(anomaly(group(50, 100), group(50, 100), Rollout::NONE).is_none());
}
