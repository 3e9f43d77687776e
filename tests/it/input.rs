//! Bad input of every kind: each is refused with words that say what, where and why, or taken for
//! what it is; none is changed in silence, and none ends the process.

use std::collections::BTreeMap;
use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct, SerializeTupleVariant};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tintype::format::diff::{Form, compare};
use tintype::model::json::DEPTH_MAX;
use tintype::{DeltaPolicy, Draft, Error, Repository, Result, Snapshot};

/// Checks that a value was refused as what it was meant to be, at this place, in these words.
#[track_caller]
fn refused(given: Result<Draft>, what: &str, place: &str, words: &str) {
    match given {
        Err(Error::Invalid { what: of, value, why }) => {
            assert_eq!((of, value.as_str()), (what, place), "{why}");
            assert!(why.contains(words), "{words} is not in: {why}");
            assert!(!why.ends_with('.'), "{why}");
        }
        other => panic!("{place}, {words}: {other:?}"),
    }
}

fn content(draft: &Draft) -> &[u8] {
    draft.artifacts()[0].content().unwrap()
}

// JSON values

/// A value that is what a function does with the serializer.
struct By<F>(F);

impl<F: Fn() -> Kind> Serialize for By<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0)() {
            Kind::Twice => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("a", &1)?;
                map.serialize_entry("b", &2)?;
                map.serialize_entry("a", &1)?;
                map.end()
            }
            Kind::NoName => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_value(&1)?;
                map.end()
            }
            Kind::NoValue => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_key("alone")?;
                map.end()
            }
            Kind::Token(name, text) => {
                let mut object = serializer.serialize_struct(name, 1)?;
                object.serialize_field(name, text)?;
                object.end()
            }
            Kind::BytesName => {
                struct Bytes;
                impl Serialize for Bytes {
                    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                        to.serialize_bytes(b"name")
                    }
                }
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry(&Bytes, &1)?;
                map.end()
            }
            Kind::Error => Err(serde::ser::Error::custom("the price is locked")),
        }
    }
}

enum Kind {
    Twice,
    NoName,
    NoValue,
    BytesName,
    Token(&'static str, &'static str),
    Error,
}

/// An object with these numbers for names.
struct FloatNames(Vec<f64>);

impl Serialize for FloatNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|name| (name, 1)))
    }
}

#[derive(Serialize, Clone)]
struct Product {
    name: &'static str,
    price: f64,
}

#[derive(Serialize)]
struct Page {
    url: &'static str,
    #[serde(flatten)]
    more: BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
enum Shape {
    Unit,
    Newtype(f64),
    Tuple(u8, f32),
    Struct { width: f64 },
}

#[test]
fn a_value_that_json_cannot_hold_is_refused_with_the_place_where_it_stands() {
    let kettle = Product { name: "kettle", price: 24.5 };
    let bad = |price| Product { price, ..kettle.clone() };
    let named = |name: &'static str, price| BTreeMap::from([(name, vec![price])]);
    let page = Page { url: "https://a/", more: BTreeMap::from([("url", json!(1))]) };
    for (given, place, words) in [
        (Draft::json(&f64::NAN), "", "JSON has no number NaN"),
        (Draft::json(&[kettle.clone(), bad(f64::NAN)]), "/1/price", "JSON has no number NaN"),
        (Draft::json(&Some(bad(f64::INFINITY))), "/price", "no number inf"),
        (Draft::json(&[1.0, f64::NEG_INFINITY]), "/1", "no number -inf"),
        (Draft::json(&(1, [f32::NAN])), "/1/0", "NaN"),
        (Draft::json(&named("a/b~c", f64::NAN)), "/a~1b~0c/0", "NaN"),
        (Draft::json(&Shape::Newtype(f64::NAN)), "/Newtype", "NaN"),
        (Draft::json(&[Shape::Tuple(1, f32::INFINITY)]), "/0/Tuple/1", "inf"),
        (Draft::json(&Shape::Struct { width: f64::NAN }), "/Struct/width", "NaN"),
        (Draft::json(&[i128::from(i64::MIN) - 1]), "/0", "-9223372036854775809 is beyond 64 bits"),
        (Draft::json(&[0, u128::from(u64::MAX) + 1]), "/1", "18446744073709551616 is beyond"),
        (Draft::json(&page), "/url", "two members of this name"),
        (Draft::json(&[By(|| Kind::Twice)]), "/0/a", "two members of this name"),
        (Draft::json(&By(|| Kind::NoName)), "", "without a name"),
        (Draft::json(&By(|| Kind::NoValue)), "/alone", "without a value"),
        (Draft::json(&[By(|| Kind::BytesName)]), "/0", "name of a member is bytes, not a text"),
        (Draft::json(&BTreeMap::from([([1, 2], 3)])), "", "name of a member is a list, not"),
        (Draft::json(&BTreeMap::from([((), 3)])), "", "name of a member is nothing, not"),
        (Draft::json(&BTreeMap::from([(Some(1), 3)])), "", "name of a member is an option, not"),
        (Draft::json(&[FloatNames(vec![f64::NAN])]), "/0", "name of a member is NaN, not a text"),
        (Draft::json(&[By(|| Kind::Error)]), "/0", "the price is locked"),
        (
            Draft::json(&[By(|| Kind::Token("$serde_json::private::RawValue", "[1]"))]),
            "/0",
            "raw JSON within a value",
        ),
        (
            Draft::json(&[By(|| Kind::Token("$serde_json::private::Number", "1e999"))]),
            "/0",
            "1e999 is a number that is not kept exactly",
        ),
        #[cfg(unix)]
        (
            Draft::json(&[<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff")
                .as_ref() as &std::path::Path]),
            "/0",
            "invalid UTF-8",
        ),
    ] {
        refused(given, "JSON value", place, words);
    }
    let error = Draft::json(&[f64::NAN]).unwrap_err().to_string();
    assert_eq!(error, "JSON value \"/0\": JSON has no number NaN");
}

/// The ways for a value to be in another; some leave a trace in JSON, some don't.
#[derive(Clone, Copy, Debug)]
enum Way {
    List,
    Member,
    Variant,
    TupleVariant,
    Some,
    Newtype,
    Name,
}

/// A value in a value, so many times.
struct Nested(Way, usize);

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Nested(way, left) = *self;
        if left == 0 {
            return serializer.serialize_str("the end");
        }
        let inner = Nested(way, left - 1);
        match way {
            Way::List => {
                let mut list = serializer.serialize_seq(None)?;
                list.serialize_element(&inner)?;
                list.end()
            }
            Way::Member => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("in", &inner)?;
                map.end()
            }
            Way::Variant => serializer.serialize_newtype_variant("E", 0, "in", &inner),
            Way::TupleVariant => {
                let mut tuple = serializer.serialize_tuple_variant("E", 0, "in", 1)?;
                tuple.serialize_field(&inner)?;
                tuple.end()
            }
            Way::Some => serializer.serialize_some(&inner),
            Way::Newtype => serializer.serialize_newtype_struct("N", &inner),
            Way::Name => {
                struct Name(usize);
                impl Serialize for Name {
                    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                        match self.0 {
                            0 => to.serialize_str("name"),
                            left => to.serialize_newtype_struct("N", &Name(left - 1)),
                        }
                    }
                }
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry(&Name(left), &1)?;
                map.end()
            }
        }
    }
}

#[test]
fn a_value_of_a_million_levels_is_refused_and_the_stack_holds() {
    let ways = [
        Way::List,
        Way::Member,
        Way::Variant,
        Way::TupleVariant,
        Way::Some,
        Way::Newtype,
        Way::Name,
    ];
    for way in ways {
        match Draft::json(&Nested(way, 1_000_000)) {
            Err(Error::Invalid { what: "JSON value", why, .. }) => {
                let words = ["levels of lists and objects", "values within each other"];
                assert!(words.iter().any(|words| why.contains(words)), "{way:?}: {why}");
            }
            other => panic!("{way:?}: {other:?}"),
        }
        assert!(Draft::json(&Nested(way, 60)).is_ok(), "{way:?}");
    }
    let mut value = Value::Null;
    for _ in 0..1_000_000 {
        value = Value::Array(vec![value]);
    }
    assert!(matches!(Draft::json(&value), Err(Error::Invalid { .. })));
    // To drop it would overflow the stack.
    std::mem::forget(value);
}

#[test]
fn what_is_taken_reads_back_up_to_the_last_level() {
    for way in [Way::List, Way::Member, Way::Variant] {
        let deepest = Draft::json(&Nested(way, DEPTH_MAX)).unwrap();
        let value: Value = serde_json::from_slice(content(&deepest)).unwrap();
        assert_eq!(value, serde_json::to_value(Nested(way, DEPTH_MAX)).unwrap());
        let deeper = serde_json::to_vec(&Nested(way, DEPTH_MAX + 1)).unwrap();
        assert!(serde_json::from_slice::<Value>(&deeper).is_err());
        assert!(Draft::json(&Nested(way, DEPTH_MAX + 1)).is_err());
        let text = |levels| serde_json::to_string(&Nested(way, levels)).unwrap();
        assert!(Draft::json_text(text(DEPTH_MAX)).is_ok());
        assert!(Draft::json_text(text(DEPTH_MAX + 1)).is_err());
    }
    // Bytes are a list of numbers.
    struct Bytes(&'static [u8]);
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }
    assert_eq!(content(&Draft::json(&Bytes(b"\x00\xff")).unwrap()), b"[0,255]");
}

#[test]
fn values_of_all_kinds_are_written_as_ever() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct Newtype(u8);
    #[derive(Serialize)]
    struct Pair(i8, char);
    let numbers = (i64::MIN, u64::MAX, -0.0, 1e300, 0.1_f32, i128::from(u64::MAX), 7_u128);
    let names = (
        BTreeMap::from([(7, 1), (-7, 2)]),
        BTreeMap::from([(true, 1)]),
        BTreeMap::from([('c', 1)]),
        FloatNames(vec![1e30, 0.5, -0.0]),
        BTreeMap::from([(i128::MAX, 1)]),
    );
    let page = Page { url: "https://a/", more: BTreeMap::from([("title", json!(null))]) };
    let shapes =
        [Shape::Unit, Shape::Newtype(1.5), Shape::Tuple(1, 2.5), Shape::Struct { width: 3.0 }];
    let all = (numbers, names, page, shapes, Unit, Newtype(1), Pair(1, 'é'), Some("a"), None::<u8>);
    let draft = Draft::json(&all).unwrap();
    let expected = serde_json::to_vec(&serde_json::to_value(&all).unwrap()).unwrap();
    assert_eq!(String::from_utf8_lossy(content(&draft)), String::from_utf8_lossy(&expected));
    let number = By(|| Kind::Token("$serde_json::private::Number", "12.5"));
    assert_eq!(content(&Draft::json(&[number]).unwrap()), b"[12.5]");
}

proptest! {
    #[test]
    fn any_json_value_is_taken_as_serde_json_writes_it(text in "[\\[\\]{}\",:a0-9.\\\\ue\\-]{0,40}") {
        let read = serde_json::from_str::<Value>(&text);
        if let Ok(value) = &read {
            let draft = Draft::json(value).unwrap();
            prop_assert_eq!(content(&draft), &serde_json::to_vec(value).unwrap()[..]);
            prop_assert!(Draft::json_text(text.as_str()).is_ok(), "{}", text);
        } else if Draft::json_text(text.as_str()).is_ok() {
            // Kept as text, a number may be larger than any that is read.
            let why = read.unwrap_err().to_string();
            prop_assert!(why.contains("number out of range"), "{}: {}", text, why);
        }
    }
}

// JSON as text

#[test]
fn a_text_that_is_no_json_is_refused_with_the_place_where_it_breaks() {
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    for (text, words) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        (" \n", "EOF while parsing"),
        ("{", "EOF while parsing"),
        ("[1,]", "at line 1 column 4"),
        ("{\"a\":1,}", "at line 1 column 8"),
        ("{'a': 1}", "at line 1 column 2"),
        ("{a: 1}", "at line 1 column 2"),
        ("[\n  NaN]", "at line 2 column 3"),
        ("[Infinity]", "at line 1 column 2"),
        ("-", "invalid number"),
        ("[01]", "invalid number at line 1 column 3"),
        ("[1.]", "invalid number"),
        ("[+1]", "expected value"),
        ("[0x10]", "at line 1 column 3"),
        ("tru", "at line 1 column 3"),
        ("[1] [2]", "trailing characters at line 1 column 5"),
        ("{\"a\" 1}", "at line 1 column 6"),
        ("\"a\u{1}b\"", "control character"),
        ("\"a\nb\"", "control character"),
        ("\"\\x41\"", "invalid escape"),
        ("\"\\u12g4\"", "invalid escape"),
        ("[1] // note", "trailing characters"),
        ("\u{feff}{}", "byte order mark"),
        ("\"\\ud800\"", "half a surrogate pair, which is no character at line 1 column 2"),
        ("[\"a\",\n {\"b\": \"c\\udc00\"}]", "no character at line 2 column 10"),
        ("{\"\\ud800\\u0041\": 1}", "half a surrogate pair"),
        ("\"\\ud800\\ud800\\udc00\"", "half a surrogate pair"),
        ("\"\\ud800\\n\"", "half a surrogate pair"),
        ("\"\\ud800", "EOF while parsing a string"),
        (&deep, "it has more than 127 levels of lists and objects at line 1 column 128"),
    ] {
        let shown: String = match text.char_indices().nth(80) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text.to_owned(),
        };
        refused(Draft::json_text(text), "JSON text", &shown, words);
    }
}

#[test]
fn json_text_is_kept_byte_for_byte_and_counted() {
    let repo = Repository::temporary().unwrap();
    for (text, entries) in [
        ("null", None),
        (" -0.10E+5 ", None),
        ("\"[1,2]\"", None),
        ("[]", Some(0)),
        ("[ \n ]", Some(0)),
        ("{\t}", Some(0)),
        ("[[1, 2, 3]]", Some(1)),
        ("[{}, [], \"a,b]\", 7]\n", Some(4)),
        ("{ \"b\": [1, 2], \"a\": {\"c\": 1, \"d\": 2} }", Some(2)),
        // What a parser would round, drop or not read at all.
        ("[10000000000000000000001, 0.1000000000000000000001, 1e999, -1E-999]", Some(4)),
        ("{\"a\": 1, \"a\": 2}", Some(2)),
        ("[\"\\ud83d\\ude00\\u00e9\\/\", \"\\\\ud800\", \"\\\"\"]", Some(3)),
        ("[\"é\u{1F600}\u{2028}\u{7f}\"]", Some(1)),
    ] {
        let version = repo.create(Draft::json_text(text).unwrap()).unwrap();
        assert_eq!(repo.content(&version, "data").unwrap(), text.as_bytes(), "{text}");
        let snapshot = repo.get(&version).unwrap();
        let artifact = snapshot.artifact("data").unwrap();
        assert_eq!(artifact.entries, entries, "{text}");
        assert_eq!(artifact.media_type, "application/json");
    }
    for value in [json!([1, [2]]), json!({"a": {"b": 1, "c": 2}}), json!(7), json!({})] {
        let entries = |draft: Draft| {
            let version = repo.create(draft).unwrap();
            repo.get(&version).unwrap().artifacts[0].entries
        };
        let text = serde_json::to_string_pretty(&value).unwrap();
        let of_text = entries(Draft::json_text(text).unwrap());
        assert_eq!(entries(Draft::json(&value).unwrap()), of_text, "{value}");
    }
}

// Words and snapshots

#[test]
fn words_for_the_delta_policy_are_those_that_are_known() {
    for (word, policy) in [
        ("auto", DeltaPolicy::Auto),
        ("binary", DeltaPolicy::Auto),
        ("dict", DeltaPolicy::Auto),
        ("compress", DeltaPolicy::Auto),
        ("never", DeltaPolicy::Never),
        ("none", DeltaPolicy::Never),
    ] {
        assert_eq!(word.parse::<DeltaPolicy>().unwrap(), policy, "{word}");
        assert_eq!(serde_json::from_value::<DeltaPolicy>(json!(word)).unwrap(), policy, "{word}");
        let told = policy.to_string();
        assert_eq!(told.parse::<DeltaPolicy>().unwrap(), policy);
        assert_eq!(json!(policy), json!(told));
    }
    for word in ["", "Auto", "auto ", "delta", "zstd", "true", "None", "auto,dict"] {
        let error = word.parse::<DeltaPolicy>().unwrap_err().to_string();
        assert!(error.starts_with("delta policy \""), "{error}");
        for known in ["auto", "binary", "dict", "compress", "never", "none"] {
            assert!(error.contains(known), "{known} is not in: {error}");
        }
    }
    for value in [json!(null), json!(1), json!(true), json!(["auto"]), json!("gzip")] {
        assert!(serde_json::from_value::<DeltaPolicy>(value.clone()).is_err(), "{value}");
    }
}

/// A snapshot with everything that one can say, as JSON.
fn told() -> (Snapshot, Value) {
    let repo = Repository::temporary().unwrap();
    let base = repo.create(Draft::text("base")).unwrap();
    let draft = Draft::json(&json!({"price": 12}))
        .unwrap()
        .context("shop.example/prices".parse().unwrap())
        .tag("good")
        .unwrap()
        .describe("after the sale")
        .info("retries", 3)
        .based_on(&base)
        .at("2026-01-29T06:43:41.714106Z".parse().unwrap());
    let snapshot = repo.get(&repo.create(draft).unwrap()).unwrap();
    let told = serde_json::to_value(&snapshot).unwrap();
    (snapshot, told)
}

#[test]
fn a_snapshot_goes_to_json_and_back_also_with_members_of_the_future() {
    let (snapshot, mut told) = told();
    assert_eq!(serde_json::from_value::<Snapshot>(told.clone()).unwrap(), snapshot);
    told["mood"] = json!({"new": [1]});
    told["artifacts"][0]["lane"] = json!("future");
    assert_eq!(serde_json::from_value::<Snapshot>(told.clone()).unwrap(), snapshot);
    let text = told.to_string();
    assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), snapshot);
}

#[test]
fn a_snapshot_that_breaks_a_rule_is_not_read() {
    let (_, told) = told();
    for (pointer, value, words) in [
        ("/version", json!("a/b"), "version"),
        ("/version", json!("latest"), "reserved"),
        ("/version", json!(7), "expected a string"),
        ("/created_at", json!("yesterday"), "time"),
        ("/context", json!("a/*"), "wildcard"),
        ("/context", json!(""), "empty"),
        ("/status", json!("great"), "unknown variant"),
        ("/tags", json!(["a\nb"]), "control character"),
        ("/tags", json!("good"), "expected a sequence"),
        ("/user_info", json!([1]), "expected a map"),
        ("/based_on", json!("-v"), "option"),
        ("/artifacts/0/name", json!("../etc"), "path"),
        ("/artifacts/0/hash", json!("00"), "64 hex digits"),
        ("/artifacts/0/bytes", json!(-1), "expected u64"),
        ("/artifacts/0/status", json!(null), "expected"),
    ] {
        let mut broken = told.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        let error = serde_json::from_value::<Snapshot>(broken).unwrap_err().to_string();
        assert!(error.contains(words), "{pointer}: {words} is not in: {error}");
    }
    for member in ["version", "created_at", "context", "status", "tags", "user_info", "artifacts"] {
        let mut broken = told.clone();
        broken.as_object_mut().unwrap().remove(member);
        let error = serde_json::from_value::<Snapshot>(broken).unwrap_err().to_string();
        assert!(error.contains(member), "{error}");
    }
}

#[test]
fn a_draft_like_a_snapshot_says_the_same_under_another_name() {
    let repo = Repository::temporary().unwrap();
    let base = repo.create(Draft::text("base")).unwrap();
    let draft = Draft::text("one")
        .context("shop.example/prices/feed/run-7".parse().unwrap())
        .tag("a")
        .unwrap()
        .tag("b")
        .unwrap()
        .describe("one")
        .info("stage", "live")
        .based_on(&base)
        .status(tintype::Status::Partial)
        .at("2026-01-29T06:43:41Z".parse().unwrap());
    let first = repo.get(&repo.create(draft).unwrap()).unwrap();
    let like = Draft::like(&first);
    assert!(like.artifacts().is_empty());
    assert!(matches!(repo.create(like.clone()), Err(Error::Invalid { what: "snapshot", .. })));
    let artifact = Draft::text("two").artifacts()[0].clone();
    let second = repo.get(&repo.create(like.artifact(artifact)).unwrap()).unwrap();
    assert_ne!(first.version, second.version);
    let mut same = second.clone();
    (same.version, same.artifacts) = (first.version.clone(), first.artifacts.clone());
    assert_eq!(same, first);
}

// Content that is compared

/// Content of each form, good as it is.
fn good() -> Vec<(Form, Vec<u8>)> {
    let picture = |format| {
        let mut image = RgbImage::from_pixel(24, 20, Rgb([255; 3]));
        (0..20).for_each(|at| image.put_pixel(at, at, Rgb([at as u8 * 9, 7, 200])));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(image).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let har = json!({"log": {"entries": [
        {"request": {"method": "GET", "url": "https://a/"},
         "response": {"status": 200, "content": {"size": 1, "mimeType": "text/html"}}},
    ]}});
    let message = json!({"time": "2026-01-26T06:00:00Z", "kind": "log", "level": "error",
                         "text": "it broke"});
    vec![
        (Form::Image, picture(ImageFormat::Png)),
        (Form::Image, picture(ImageFormat::Jpeg)),
        (Form::Image, picture(ImageFormat::WebP)),
        (Form::Requests, har.to_string().into_bytes()),
        (Form::Console, format!("{message}\n{message}\n").into_bytes()),
        (Form::Json, b"{\"a\": [1, 2.5, null], \"b\": \"c\"}".to_vec()),
    ]
}

proptest! {
    #[test]
    fn damaged_content_of_any_form_is_compared_in_some_form(
        which in 0usize..6,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (form, good) = good().swap_remove(which);
        let mut bad = good.clone();
        for (at, byte) in edits {
            let at = at.index(bad.len());
            bad[at] = byte;
        }
        if let Some(cut) = cut {
            bad.truncate(cut.index(bad.len()));
        }
        for (before, after) in [(&good, &bad), (&bad, &good), (&bad, &bad)] {
            let compared = compare(before, after, ("a", "b"), form);
            if before == after {
                prop_assert!(compared.is_equal(), "{:?}", compared);
            }
            prop_assert!(serde_json::to_value(&compared).is_ok());
        }
    }
}
