//! Comparisons: what they say is applied again, and must give the other content.

use json_patch::PatchOperation;
use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::format::diff::{
    self, BytesDiff, Change, Comparison, Form, JsonDiff, TextDiff, compare, compare_json,
    compare_text, json_changes,
};

const LABELS: (&str, &str) = ("before", "after");

// JSON

/// Compares two values, checks that the patch leads from one to the other and that equal and empty
/// mean the same, and gives the result.
fn check_json(before: &Value, after: &Value) -> JsonDiff {
    let (old, new) = (before.to_string(), after.to_string());
    let diff = compare_json(old.as_bytes(), new.as_bytes()).unwrap();
    let mut patched = before.clone();
    json_patch::patch(&mut patched, &diff.patch).unwrap();
    assert_eq!(&patched, after, "by {}", diff.patch);
    assert_eq!(diff.equal, before == after);
    assert_eq!(diff.equal, diff.changes.is_empty());
    assert_eq!(diff.identical, old == new);
    assert_eq!(diff.changes.len(), diff.patch.len());
    for change in &diff.changes {
        match change {
            Change::Added { path, after: value } => assert_eq!(after.pointer(path), Some(value)),
            Change::Removed { path, before: value } => {
                assert_eq!(before.pointer(path), Some(value));
            }
            Change::Changed { path, before: old, after: new } => {
                assert_eq!(after.pointer(path), Some(new));
                assert_ne!(old, new);
            }
        }
    }
    let told = serde_json::to_value(&diff).unwrap();
    assert_eq!(serde_json::from_value::<JsonDiff>(told).unwrap(), diff);
    diff
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        Just(json!(1.5)),
        "[a~/é\"]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            // Few names, so that the same ones are there on both sides.
            prop::collection::vec(("[ab~/0]{0,2}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_patch_leads_from_any_json_to_any_other(before in any_json(), after in any_json()) {
        check_json(&before, &after);
        check_json(&before, &before);
    }

    #[test]
    fn the_patch_leads_from_a_list_to_another(
        before in prop::collection::vec(0u8..6, 0..40),
        after in prop::collection::vec(0u8..6, 0..40),
    ) {
        check_json(&json!(before), &json!(after));
    }
}

#[test]
fn an_element_put_in_front_is_one_change() {
    let products: Vec<_> = (0..40).map(|at| json!({"id": at, "price": at * 10})).collect();
    let mut more = products.clone();
    more.insert(0, json!({"id": 99, "price": 5}));
    let diff = check_json(&json!({"products": products}), &json!({"products": more}));
    let path = "/products/0".to_owned();
    assert_eq!(diff.changes, [Change::Added { path, after: json!({"id": 99, "price": 5}) }]);
}

#[test]
fn paths_are_those_of_the_side_that_has_the_value() {
    let before = json!([{"a": 1}, {"gone": true}, {"a": 2}, {"price": 10}, {"a": 3}]);
    let after = json!([{"a": 1}, {"a": 2}, {"price": 12}, {"a": 3}, {"new": true}]);
    let diff = check_json(&before, &after);
    assert_eq!(
        serde_json::to_value(&diff.changes).unwrap(),
        json!([
            {"change": "removed", "path": "/1", "before": {"gone": true}},
            {"change": "changed", "path": "/2/price", "before": 10, "after": 12},
            {"change": "added", "path": "/4", "after": {"new": true}},
        ])
    );
}

#[test]
fn the_patch_is_one_of_rfc_6902() {
    let diff = check_json(&json!({"a/b": 1, "m~n": 2, "": 3}), &json!({"a/b": 4, "": 3, "c": []}));
    assert_eq!(
        serde_json::to_value(&diff.patch).unwrap(),
        json!([
            {"op": "remove", "path": "/m~0n"},
            {"op": "replace", "path": "/a~1b", "value": 4},
            {"op": "add", "path": "/c", "value": []},
        ])
    );
    let whole = check_json(&json!([1]), &json!({"a": 1}));
    assert!(matches!(&whole.patch[..], [PatchOperation::Replace(all)] if all.path.is_root()));
}

#[test]
fn the_order_of_members_and_white_space_do_not_count() {
    let diff = compare_json(b"{\"a\": 1, \"b\": [2]}", b"{\"b\":[2],\"a\":1}\n").unwrap();
    assert!(diff.equal && !diff.identical && diff.patch.is_empty());
    let diff = compare_json(b"[1]", b"[1.0]").unwrap();
    assert!(!diff.equal);
}

#[test]
fn integers_that_64_bits_cannot_hold_are_compared_as_text() {
    let form = |before: &str, after: &str| {
        compare(before.as_bytes(), after.as_bytes(), LABELS, Form::Json)
    };
    // As floating-point numbers these are the same.
    let wide = form("{\"id\": 10000000000000000000001}", "{\"id\": 10000000000000000000002}");
    assert!(matches!(&wide, Comparison::Text(diff) if !diff.equal), "{wide:?}");
    let negative = form("[-9223372036854775809]", "[-9223372036854775810]");
    assert!(matches!(&negative, Comparison::Text(diff) if !diff.equal), "{negative:?}");
    for held in [
        "[18446744073709551615, -9223372036854775808]",
        "[0.10000000000000000000001, 1e5, 10000000000000000000001e2]",
        "[\"10000000000000000000001\", \"\\\"10000000000000000000001\"]",
    ] {
        assert!(matches!(form(held, "[]"), Comparison::Json(_)), "{held}");
    }
}

#[test]
fn a_document_of_endless_paths_is_told_as_one_change() {
    let name = "n".repeat(1 << 20);
    let document = |value: i32| json!({ name.clone(): vec![value; 100] });
    let (before, after) = (document(1), document(2));
    let (changes, patch) = json_changes(&before, &after);
    assert!(matches!(&changes[..], [Change::Changed { path, .. }] if path.is_empty()));
    assert_eq!(patch.len(), 1);
    check_json(&before, &after);
}

#[test]
fn lists_too_large_to_search_are_compared_by_position() {
    let list = |from: usize| json!((from..from + diff::SEARCHED_MAX / 2 + 1).collect::<Vec<_>>());
    let (changes, _) = json_changes(&list(0), &list(1));
    assert_eq!(changes.len(), diff::SEARCHED_MAX / 2 + 1);
    // What is equal is not searched.
    let (changes, _) = json_changes(&json!([[0, 1], list(0)]), &json!([[1], list(0)]));
    assert_eq!(changes.len(), 1);
}

#[test]
fn what_lacks_a_form_is_compared_in_the_next() {
    let form = |before: &[u8], after: &[u8], form| match compare(before, after, LABELS, form) {
        Comparison::Json(_) => Form::Json,
        Comparison::Text(_) => Form::Text,
        Comparison::Bytes(_) => Form::Bytes,
        other => panic!("{other:?}"),
    };
    assert_eq!(form(b"[1]", b"[2]", Form::Json), Form::Json);
    assert_eq!(form(b"[1]", b"[2]", Form::Text), Form::Text);
    assert_eq!(form(b"[1]", b"[2]", Form::Bytes), Form::Bytes);
    assert_eq!(form(b"[1]", b"[2", Form::Json), Form::Text);
    assert_eq!(form(b"[1]", b"", Form::Json), Form::Text);
    assert_eq!(form(b"[1]", b"\xff", Form::Json), Form::Bytes);
    assert_eq!(form(b"a", b"\xff", Form::Text), Form::Bytes);
    let deep = "[".repeat(128) + &"]".repeat(128);
    assert_eq!(form(deep.as_bytes(), b"[]", Form::Json), Form::Text);
    // Not a document twice over, even where both are the same.
    assert_eq!(form(b"<p>", b"<p>", Form::Json), Form::Text);
}

#[test]
fn media_types_choose_a_form() {
    for (media_type, form) in [
        ("application/json", Form::Json),
        ("Application/JSON; charset=utf-8", Form::Json),
        ("application/ld+json", Form::Json),
        ("application/har+json", Form::Requests),
        ("application/x-ndjson", Form::Console),
        ("text/html", Form::Text),
        ("image/svg+xml", Form::Text),
        ("application/octet-stream", Form::Text),
        ("image/png", Form::Image),
        ("image/JPEG", Form::Image),
        ("image/webp", Form::Image),
        ("image/gif", Form::Bytes),
        ("application/pdf", Form::Bytes),
    ] {
        assert_eq!(Form::of(media_type), form, "{media_type}");
    }
    assert_eq!(Form::Json.max(Form::Text), Form::Text);
    assert_eq!(Form::Requests.max(Form::Json), Form::Json);
    for form in [Form::Image, Form::Requests, Form::Console, Form::Json, Form::Text, Form::Bytes] {
        assert_eq!(form.plain().plain(), form.plain());
        assert!(form <= form.plain());
    }
}

// Text

/// Applies a unified diff as `patch` does, with every line of context checked.
pub fn apply(before: &str, unified: &str) -> String {
    let old: Vec<_> = before.split_inclusive('\n').collect();
    let mut made = Vec::new();
    let mut at = 0;
    let mut lines = unified.split_inclusive('\n').peekable();
    if let Some(head) = lines.next() {
        assert!(head.starts_with("--- "), "{head}");
        assert!(lines.next().unwrap().starts_with("+++ "));
    }
    while let Some(head) = lines.next() {
        let ranges = head.strip_prefix("@@ -").unwrap().strip_suffix(" @@\n").unwrap();
        let (from, to) = ranges.split_once(" +").unwrap();
        let range = |text: &str| -> (usize, usize) {
            let (start, len) = text.split_once(',').unwrap_or((text, "1"));
            let (start, len) = (start.parse().unwrap(), len.parse().unwrap());
            (if len == 0 { start } else { start - 1 }, len)
        };
        let ((start, mut old_left), (new_start, mut new_left)) = (range(from), range(to));
        made.extend(old[at..start].iter().map(|line| (*line).to_owned()));
        at = start;
        assert_eq!(made.len(), new_start);
        while old_left + new_left > 0 {
            let line = lines.next().unwrap();
            let (sign, mut line) = line.split_at(1);
            if lines.peek().is_some_and(|next| next.starts_with('\\')) {
                lines.next();
                line = line.strip_suffix('\n').unwrap();
            }
            if sign != "+" {
                assert_eq!(old[at], line);
                at += 1;
                old_left -= 1;
            }
            if sign != "-" {
                made.push(line.to_owned());
                new_left -= 1;
            }
        }
    }
    made.extend(old[at..].iter().map(|line| (*line).to_owned()));
    made.concat()
}

fn check_text(before: &str, after: &str) -> TextDiff {
    let diff = compare_text(before, after, LABELS);
    assert_eq!(apply(before, &diff.unified), after, "by\n{}", diff.unified);
    assert_eq!(diff.equal, before == after);
    assert_eq!(diff.unified.is_empty(), before == after);
    let count = |sign: char| {
        let body = diff.unified.split_inclusive('\n').skip(2);
        body.filter(|line| line.starts_with(sign)).count()
    };
    assert_eq!((diff.added, diff.removed), (count('+'), count('-')));
    diff
}

proptest! {
    #[test]
    fn the_unified_diff_leads_from_any_text_to_any_other(
        before in "([ab+@\\\\ -]{0,2}\r?\n?){0,30}",
        after in "([ab+@\\\\ -]{0,2}\r?\n?){0,30}",
    ) {
        check_text(&before, &after);
        check_text(&before, &before);
    }

    #[test]
    fn the_unified_diff_leads_to_an_edited_text(
        lines in prop::collection::vec(0u8..20, 0..80),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..20), 0..4),
    ) {
        let text = |lines: &[u8]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let mut edited = lines.clone();
        for (at, line) in edits {
            if edited.is_empty() || line % 3 == 0 {
                edited.insert(at.index(edited.len() + 1), line);
            } else if line % 3 == 1 {
                edited.remove(at.index(edited.len()));
            } else {
                let at = at.index(edited.len());
                edited[at] = line;
            }
        }
        let diff = check_text(&text(&lines), &text(&edited));
        prop_assert!(diff.added + diff.removed <= 8, "{}", diff.unified);
    }
}

#[test]
fn the_unified_diff_looks_as_diff_writes_it() {
    let numbers = |skipped: u32| {
        (1..=20).filter(|at| *at != skipped).map(|at| format!("{at}\n")).collect::<String>()
    };
    assert_eq!(
        check_text(&numbers(0), &numbers(10)).unified,
        "--- before\n+++ after\n@@ -7,7 +7,6 @@\n 7\n 8\n 9\n-10\n 11\n 12\n 13\n"
    );
    assert_eq!(check_text("", "a\n").unified, "--- before\n+++ after\n@@ -0,0 +1 @@\n+a\n");
    assert_eq!(
        check_text("a\nb", "a\nb\n").unified,
        "--- before\n+++ after\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"
    );
    // A carriage return alone ends no line.
    assert_eq!(
        check_text("a\rb\r\n", "a\rc\r\n").unified,
        "--- before\n+++ after\n@@ -1 +1 @@\n-a\rb\r\n+a\rc\r\n"
    );
}

#[test]
fn a_label_cannot_forge_a_line() {
    let diff = compare_text("a\n", "b\n", ("x\n@@ -1 +1 @@", "y\u{1b}[2J"));
    assert!(
        diff.unified.starts_with("--- x\\n@@ -1 +1 @@\n+++ y\\u{1b}[2J\n@@"),
        "{}",
        diff.unified
    );
}

#[test]
fn texts_too_large_to_search_are_replaced_as_a_whole() {
    let text = |from: usize| {
        let middle: String =
            (from..from + diff::SEARCHED_MAX).map(|at| format!("{at}\n")).collect();
        format!("head\n{middle}tail\n")
    };
    let told = check_text(&text(0), &text(1));
    assert_eq!((told.added, told.removed), (diff::SEARCHED_MAX, diff::SEARCHED_MAX));
}

#[test]
fn bytes_are_told_by_their_size() {
    let told = compare(b"\xff\x00", b"\xff", LABELS, Form::Json);
    let Comparison::Bytes(BytesDiff { equal: false, before_bytes: 2, after_bytes: 1, .. }) = told
    else {
        panic!("{told:?}");
    };
    assert!(compare(b"\xff", b"\xff", LABELS, Form::Json).is_equal());
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(json, json!({"form": "bytes", "equal": false, "before_bytes": 2, "after_bytes": 1}));
}
