//! JSON in Python's dialect. What is expected of dumps and checksums is what CPython 3.11 gave.

use proptest::prelude::*;
use tintype::format::pyjson::{self, Kind, NameOrder, PyJson, Verdict};

/// Texts, what `json.dumps(json.loads(text), sort_keys=True)` gives, and the SHA-256 of that; of a text
/// that of its characters.
const DUMPS: [(&str, &str, &str); 15] = [
    (
        r#"{"b": 1, "a": [true, false, null, "x"], "": {}}"#,
        r#"{"": {}, "a": [true, false, null, "x"], "b": 1}"#,
        "f7ffc7cc12d1fadc6cd72284e3ab961174f1995000c206d585455271cf8080dc",
    ),
    (
        "  [ 1 , 2.50 ,\t-0 , -0.0, 1E5,\r\n1e-7, 123456789012345678901234567890 , 0.1e1 ]  ",
        "[1, 2.5, 0, -0.0, 100000.0, 1e-07, 123456789012345678901234567890, 1.0]",
        "93cf5d9beda33e3d9602bc5bda10e51e7a1016aeef1f3f586becc221baf4a197",
    ),
    (
        "[NaN, Infinity, -Infinity, 1e999, -1e999]",
        "[NaN, Infinity, -Infinity, Infinity, -Infinity]",
        "cc99d246238fdd5056ab65fd0c6a4b52a79c5456596905e20be9e3de9c743e88",
    ),
    (
        r#""é😀\u00e9\ud83d\ude00\u007f\u0000\/\"\\\b\f\n\r\t""#,
        r#""\u00e9\ud83d\ude00\u00e9\ud83d\ude00\u007f\u0000/\"\\\b\f\n\r\t""#,
        "b9aad79710fca41907223b8e4fffd73057cfe8c6cae11b0473e504f1b7f9276b",
    ),
    (
        r#"["\ud83d", "\ude00\ud83d", "\ud83dx", "\ud83d\u0041", "\udfff\ud800"]"#,
        r#"["\ud83d", "\ude00\ud83d", "\ud83dx", "\ud83dA", "\udfff\ud800"]"#,
        "d44ff706b9ff00ba493bc4b5f7b729d9351812105d81081782cc0459ca625811",
    ),
    (
        r#"{"a": 1, "b": 2, "a": 3}"#,
        r#"{"a": 3, "b": 2}"#,
        "34600dd287a7fe5153d2ee3752ccdc970a90166cb940849bc3bfa7c1733d07a6",
    ),
    (
        r#"{"é": 1, "z": 2, "\ud83d": 3, "😀": 4, "\uffff": 5, "Z": 6}"#,
        r#"{"Z": 6, "z": 2, "\u00e9": 1, "\ud83d": 3, "\uffff": 5, "\ud83d\ude00": 4}"#,
        "920ef5cd6da9d922adb4c00bca7dc21545ee263ff0674358d794a2c9d4371265",
    ),
    (
        r#"{"10": 1, "9": 2, "-1": 3}"#,
        r#"{"-1": 3, "10": 1, "9": 2}"#,
        "1d39ec2fc06ededdaf8bed094404ba8982f4d9d4dee2fefd0bacbbd3aacb1a25",
    ),
    (
        r#"[[],{},[[[]]],{"a":{"b":{}}}]"#,
        r#"[[], {}, [[[]]], {"a": {"b": {}}}]"#,
        "5e5a79ca89838f7a8d4386cda1e991f29f0a82aa2d9ead317df58d733ff6d175",
    ),
    (
        r#"{"k\u0065y": 1, "key": 2}"#,
        r#"{"key": 2}"#,
        "1ad6bb4677806c2088873a52601c489b616c64d9cc638d928f8560a4a683948a",
    ),
    ("12", "12", "6b51d431df5d7f141cbececcf79edf3dd861c3b4069f0b11661a3eefacbba918"),
    ("true", "true", "b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b"),
    ("null", "null", "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"),
    (r#""text""#, r#""text""#, "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"),
    ("1.0", "1.0", "d0ff5974b6aa52cf562bea5921840c032a860a91a3512f7fe8f768f6bbe005f6"),
];

fn parse(text: &str) -> PyJson<'_> {
    PyJson::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn canonical(text: &str) -> String {
    parse(text).root().canonical(NameOrder::Texts)
}

#[test]
fn a_value_is_dumped_and_hashed_as_python_does() {
    for (text, dumped, checksum) in DUMPS {
        let parsed = parse(text);
        assert_eq!(parsed.root().canonical(NameOrder::Texts), dumped, "{text}");
        assert_eq!(parsed.root().checksum(NameOrder::Texts), checksum, "{text}");
        assert_eq!(parsed.root().check(&checksum.to_uppercase()), Verdict::Matches, "{text}");
        assert_eq!(canonical(dumped), dumped);
    }
}

#[test]
fn floats_have_the_text_that_python_gives_them() {
    for (text, told) in [
        ("1.0", "1.0"),
        ("0.1", "0.1"),
        ("1e16", "1e+16"),
        ("1e15", "1000000000000000.0"),
        ("123456789012345680.0", "1.2345678901234568e+17"),
        ("1e-5", "1e-05"),
        ("0.0001", "0.0001"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("-0.0", "-0.0"),
        ("1e22", "1e+22"),
        ("1e23", "1e+23"),
        ("9007199254740993.0", "9007199254740992.0"),
        ("100.0", "100.0"),
        ("1.5e300", "1.5e+300"),
        ("2.5e-7", "2.5e-07"),
        ("12345.678", "12345.678"),
        ("1E400", "Infinity"),
        ("0.00001234", "1.234e-05"),
        ("9999999999999998.0", "9999999999999998.0"),
        ("0e5", "0.0"),
        ("123e-2", "1.23"),
        ("1e-4", "0.0001"),
        ("1e+2", "100.0"),
    ] {
        assert_eq!(canonical(text), told, "{text}");
    }
}

/// Dictionaries whose names were numbers, as they are in JSON, and their checksums.
#[test]
fn a_checksum_that_was_made_while_names_were_numbers_is_known() {
    for (text, checksum) in [
        (
            r#"{"10": "a", "9": "b", "-1": "c", "-20": "d", "100": "e"}"#,
            "8e4c52fe8c4dbd6f5348af25fd533504041989f075540cbd3d97076b1e4c7d68",
        ),
        (
            r#"{"1.5": 1, "10.0": 2, "2.25": 3, "1e+16": 4, "-0.5": 5}"#,
            "be50772272bcc4c4630bf794c25b8ec57ee86e04374d7ed360eacb0379a7e4f0",
        ),
        (
            r#"{"Infinity": 1, "-3": 2, "true": 3, "false": 4, "2": 5, "-Infinity": 6}"#,
            "145aec211fafc86eadcf8ff86d16b8a949ada7f7b2a947598ea79c53b3af77c3",
        ),
        (
            r#"{"2": {"10": 1, "x": 2}, "10": {}}"#,
            "d38c46a5135b46d701fbeb19c58925dc379f5f6c740cea25022bfc2ce0869326",
        ),
    ] {
        let parsed = parse(text);
        assert_ne!(parsed.root().checksum(NameOrder::Texts), checksum, "{text}");
        assert_eq!(parsed.root().check(checksum), Verdict::Matches, "{text}");
    }
}

#[test]
fn a_checksum_that_does_not_fit_is_unknowable_only_where_a_name_may_have_been_no_text() {
    let none = "0".repeat(64);
    for text in
        [r#"{"a": {"b": 1}}"#, "[1, 2]", r#""1""#, "{}", r#"{"01": 1, "True": 2, "1.50": 3}"#]
    {
        assert_eq!(parse(text).root().check(&none), Verdict::Differs, "{text}");
    }
    for text in
        [r#"{"a": 1, "2": "b"}"#, r#"[{"x": {"null": 1}}]"#, r#"{"true": 1}"#, r#"{"1.5": 1}"#]
    {
        assert_eq!(parse(text).root().check(&none), Verdict::Unknowable, "{text}");
    }
}

#[test]
fn what_is_no_json_to_python_either_is_refused_with_its_place() {
    for text in [
        "",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{1:2}",
        "01",
        "1.",
        "-",
        ".5",
        "+1",
        "nan",
        "tru",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\t\"",
        "[1 2]",
        "1 2",
        "\u{feff}1",
        "'a'",
        "[1}",
        "{\"a\" 1}",
        "-NaN",
        "Infinit",
        "1e",
        "1e+",
        "]",
    ] {
        assert!(PyJson::parse(text.as_bytes()).is_err(), "{text}");
    }
    let place = |text: &[u8]| PyJson::parse(text).unwrap_err().to_string();
    assert_eq!(place(b"{\n  \"data\": "), "it ends early at line 2 column 11");
    assert_eq!(place(b"[1,\n 2,\n  tru"), "it ends early at line 3 column 6");
    assert_eq!(place(b"[1,\n oops]"), "a value is missing at line 2 column 2");
    assert_eq!(place(b"{\"a\": 1} x"), "more after the end of the value at line 1 column 10");
    assert_eq!(place(b"[\"\xff\"]"), "a byte that is not UTF-8 at line 1 column 3");
}

#[test]
fn a_million_levels_are_read_and_are_not_standard() {
    let depth = 1_000_000;
    for (open, inner, close) in [("[", "1", "]"), ("{\"a\":", "null", "}")] {
        let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
        let parsed = parse(&text);
        assert_eq!(parsed.root().text().len(), text.len());
        assert!(parsed.root().standard().is_err());
        let dumped = parsed.root().canonical(NameOrder::Texts);
        assert!(dumped.ends_with(&format!("{inner}{}", close.repeat(depth))));
        assert_eq!(parsed.root().check(""), Verdict::Differs);
        // Cut anywhere, it is refused.
        assert!(PyJson::parse(&text.as_bytes()[..depth]).is_err());
    }
}

#[test]
fn what_others_than_python_refuse_is_not_standard_wherever_it_stands() {
    let levels = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
    let standard = [
        r#"["\ud83d\ude00", "\uD83D\uDE00", "\\ud800", "\u00e9", "\ud7ff", "\ue000"]"#.to_owned(),
        " \n{\"a\": [1e999, -0.0, 1E-5], \"\u{7f}\": \"Infinity NaN\"}\t".to_owned(),
        levels(127),
    ];
    for text in &standard {
        assert_eq!(parse(text).root().standard().unwrap(), text.trim(), "{text}");
    }
    let other = [
        r#""\ud800""#,
        r#""\uDfff""#,
        r#""\ud83dx\ude00""#,
        r#""\ude00\ud83d""#,
        r#""\ud83d\ud83d\ude00""#,
        r#"{"\udbff": 1}"#,
        "NaN",
        "-Infinity",
    ];
    for text in other.map(str::to_owned).into_iter().chain([levels(127)]) {
        let text = format!("[{text}, 1]");
        let parsed = parse(&text);
        assert!(parsed.root().standard().is_err(), "{text}");
        // What stands beside it is what it is.
        assert_eq!(parsed.root().items().last().unwrap().standard().unwrap(), "1");
    }
}

#[test]
fn parts_are_found_and_given_back_as_they_are_written() {
    let text = "{ \"a\" : [ 1.50, \"x\\u0041\" ],\n\t\"b\": {\"c\": 1, \"c\": [NaN]} , \"half\": \"\\ud800\" }";
    let parsed = parse(text);
    let root = parsed.root();
    assert_eq!((root.kind(), root.entries(), root.text()), (Kind::Object, Some(3), text));
    let a = root.get("a").unwrap();
    assert_eq!((a.text(), a.entries()), ("[ 1.50, \"x\\u0041\" ]", Some(2)));
    assert_eq!(&text[a.span()], a.text());
    let items: Vec<_> = a.items().map(|item| (item.kind(), item.string())).collect();
    assert_eq!(items, [(Kind::Float, None), (Kind::Text, Some("xA".to_owned()))]);
    let b = root.get("b").unwrap();
    assert_eq!((b.entries(), b.get("c").map(|it| it.text())), (Some(1), Some("[NaN]")));
    assert_eq!(root.get("half").map(|half| half.string()), Some(None));
    assert!(root.get("d").is_none() && a.get("a").is_none() && root.items().next().is_none());
    let names: Vec<_> = root.members().map(|(name, _)| name.text()).collect();
    assert_eq!(names, ["\"a\"", "\"b\"", "\"half\""]);
    let laid_out =
        "{\"a\": [1.50, \"x\\u0041\"], \"b\": {\"c\": 1, \"c\": [NaN]}, \"half\": \"\\ud800\"}";
    assert_eq!(root.laid_out(), laid_out);
    assert!(root.standard().is_err() && a.standard().is_ok() && b.standard().is_err());
    assert_eq!(pyjson::quoted("é\u{7f}\"😀"), r#""\u00e9\u007f\"\ud83d\ude00""#);
}

/// Any value that is standard JSON.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PyJson::parse(&bytes).map(|parsed| parsed.root().check(""));
    }

    #[test]
    fn nothing_like_json_makes_it_panic(
        text in r#"([\[\]{}:, ]|"[a\\"]?|"k":|\\u(d83d|DE00|00e9)|-?[0-9]|[.eE]|NaN|-?Infinity|null|tru|é){0,30}"#
    ) {
        for text in [text.clone(), format!("[{text}]"), format!("\"{text}\"")] {
            if let Ok(parsed) = PyJson::parse(text.as_bytes()) {
                let root = parsed.root();
                let dumped = root.canonical(NameOrder::Texts);
                prop_assert_eq!(&canonical(&dumped), &dumped);
                prop_assert_eq!(canonical(&root.laid_out()), dumped);
                prop_assert_eq!(root.check(&root.checksum(NameOrder::Numbers)), Verdict::Matches);
            }
        }
    }

    #[test]
    fn standard_json_stays_what_it_is(value in any_json(), is_pretty in any::<bool>()) {
        let text = match is_pretty {
            true => serde_json::to_string_pretty(&value).unwrap(),
            false => value.to_string(),
        };
        let parsed = parse(&text);
        let root = parsed.root();
        prop_assert_eq!(root.standard().unwrap(), &text);
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        prop_assert_eq!(&read(&root.laid_out()), &value);
        let dumped = root.canonical(NameOrder::Texts);
        prop_assert!(dumped.is_ascii());
        prop_assert_eq!(&read(&dumped), &value);
        let count = value.as_array().map(Vec::len).or(value.as_object().map(serde_json::Map::len));
        prop_assert_eq!(root.entries(), count.map(|count| count as u64));
    }

    #[test]
    fn a_text_that_is_cut_is_refused(value in any_json(), share in 0.0..1.0_f64) {
        let text = serde_json::json!([value]).to_string();
        let mut at = (text.len() as f64 * share) as usize;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        prop_assert!(PyJson::parse(&text.as_bytes()[..at]).is_err());
    }
}
