//! Values: what is taken, what is refused, and that text and value go both ways.

use proptest::prelude::*;
use tintype::{ArtifactName, BlobHash, Context, Pattern, Selector, Tag, Time, Version};

fn refused<T: std::str::FromStr<Err = tintype::Error>>(texts: &[&str]) {
    for text in texts {
        match text.parse::<T>() {
            Err(tintype::Error::Invalid { .. }) => {}
            Err(other) => panic!("{text:?}: {other}"),
            Ok(_) => panic!("{text:?} was taken"),
        }
    }
}

#[test]
fn absurd_names_are_refused() {
    let long = "x".repeat(300);
    let mega = "x".repeat(1 << 20);
    let common = ["", " a", "a ", "a\nb", "a\0b", "\u{7f}", &long, &mega];
    refused::<Version>(&common);
    refused::<Version>(&[
        "latest", "oldest", "latest:a", "oldest:", "-v", "a/b", "a\\b", ".", "..",
    ]);
    refused::<Tag>(&common);
    refused::<ArtifactName>(&common);
    refused::<ArtifactName>(&["a/b", "..", "a\\b", "."]);
    refused::<Context>(&["", "a//b", "*", "a/*", "a/b/c/d/e/f", "a\nb", &long]);
    refused::<Pattern>(&["", "a//b", "a*", "*b/c", "a/b/c/d/e/f", &long]);
    refused::<BlobHash>(&["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)]);
    refused::<Time>(&["", "yesterday", "2026-13-01", "2026-01-01T25:00:00Z"]);
    refused::<Selector>(&["", "latest:", "a/b", &long]);
}

#[test]
fn an_error_shows_no_raw_control_character_and_little_of_a_long_value() {
    let error = "x\u{1b}[31m".repeat(100_000).parse::<Version>().unwrap_err().to_string();
    assert!(error.len() < 1_000, "{} bytes", error.len());
    assert!(!error.chars().any(char::is_control));
}

#[test]
fn times_are_read_in_the_usual_forms_and_written_in_one() {
    for (text, canonical) in [
        ("2026-01-29T06:43:41.714106Z", "2026-01-29T06:43:41.714106Z"),
        ("2026-01-29T07:43:41.714106+01:00", "2026-01-29T06:43:41.714106Z"),
        ("2026-01-29 06:43:41.5", "2026-01-29T06:43:41.500000Z"),
        ("2026-01-29T06:43", "2026-01-29T06:43:00.000000Z"),
        ("2026-01-29", "2026-01-29T00:00:00.000000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ] {
        assert_eq!(text.parse::<Time>().unwrap().to_string(), canonical);
    }
}

#[test]
fn made_versions_are_16_characters_and_sort_by_time() {
    let at = |micros| Version::made_at(Time::from_micros(micros).unwrap(), 7);
    let versions: Vec<_> =
        [0, 1, 31, 32, 1_700_000_000_000_000, 1_700_000_000_000_001].map(at).into();
    assert!(versions.iter().all(|version| version.as_str().len() == 16));
    assert!(versions.is_sorted());
    assert!(versions.iter().all(|version| version.as_str().parse::<Version>().is_ok()));
}

#[test]
fn contexts_leave_out_what_is_left_out() {
    for (text, canonical) in [
        ("a", "a"),
        ("a/-/-/-/-", "a"),
        ("a/b", "a/b"),
        ("a/-/c", "a/-/c"),
        ("a/b/c/d/e", "a/b/c/d/e"),
        ("-", "-"),
        ("a%2Fb/c%", "a%2Fb/c%25"),
    ] {
        assert_eq!(text.parse::<Context>().unwrap().to_string(), canonical);
    }
    let context: Context = "a%2Fb/c*d".parse().unwrap();
    assert_eq!(context.parts()[0], "a/b");
    assert_eq!(context.parts()[1], "c*d");
    assert_eq!(context.to_string(), "a%2Fb/c%2Ad");
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,3}",
        "[%/*a2F. -]{1,6}",
        "\\PC{1,8}",
        Just("-".to_owned()),
        Just("%2F".to_owned()),
    ]
    .prop_filter("a part", |part| part != "*" && !part.is_empty())
}

fn context() -> impl Strategy<Value = Context> {
    prop::array::uniform5(part()).prop_map(|parts| Context::from_parts(parts.map(Some)).unwrap())
}

proptest! {
    #[test]
    fn a_context_is_read_back_from_its_text(context in context()) {
        let text = context.to_string();
        prop_assert_eq!(text.parse::<Context>().unwrap(), context);
    }

    #[test]
    fn two_contexts_never_have_one_text(a in context(), b in context()) {
        prop_assert_eq!(a == b, a.to_string() == b.to_string());
    }

    #[test]
    fn a_pattern_matches_as_its_parts_say(
        context in context(),
        other in context(),
        any in prop::array::uniform5(any::<bool>()),
    ) {
        let parts = std::array::from_fn::<_, 5, _>(|at| (!any[at]).then(|| other.parts()[at].clone()));
        let text = parts
            .iter()
            .map(|part| match part {
                None => "*".to_owned(),
                Some(part) => part.replace('%', "%25").replace('/', "%2F").replace('*', "%2A"),
            })
            .collect::<Vec<_>>()
            .join("/");
        let pattern: Pattern = text.parse().unwrap();
        let expected = parts.iter().zip(context.parts()).all(|(want, have)| {
            want.as_ref().is_none_or(|want| want == have)
        });
        prop_assert_eq!(pattern.matches(&context), expected);
        prop_assert_eq!(pattern.to_string().parse::<Pattern>().unwrap(), pattern);
    }

    #[test]
    fn a_time_is_read_back_from_its_text_and_text_sorts_as_time(
        a in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
        b in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
    ) {
        let (a, b) = (Time::from_micros(a).unwrap(), Time::from_micros(b).unwrap());
        prop_assert_eq!(a.to_string().parse::<Time>().unwrap(), a);
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in "\\PC*") {
        let _ = text.parse::<Version>();
        let _ = text.parse::<Tag>();
        let _ = text.parse::<ArtifactName>();
        let _ = text.parse::<Context>();
        let _ = text.parse::<Pattern>();
        let _ = text.parse::<Time>();
        let _ = text.parse::<Selector>();
        let _ = text.parse::<BlobHash>();
    }
}
