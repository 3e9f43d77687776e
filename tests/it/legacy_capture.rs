//! Captures by the parameters of older calls.
#![expect(deprecated, reason = "they are what is tested")]

use serde_json::{Value, json};
use tintype::capture::legacy::{
    LegacyParams, LegacySnapshotManager, capture_snapshot, create_context_from_legacy_params,
};
use tintype::{Error, Recorder, Repository, SystemClock};

use crate::support::script::Script;

fn more(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn a_call_without_parameters_captures_the_whole_page_of_an_unknown_place() {
    let repo = Repository::temporary().unwrap();
    let manager = LegacySnapshotManager::new(&repo);
    let take = || {
        let captured = manager.capture_snapshot(&mut Script::new(), &LegacyParams::default());
        repo.get(&captured.unwrap().wait().unwrap().unwrap().version).unwrap()
    };
    let (one, other) = (take(), take());
    assert_eq!(one.context.place(), ["unknown", "unknown", "unknown", "-"]);
    assert_ne!(one.context.session(), other.context.session());
    assert!(one.context.session().is_some());
    let facts = repo.content(&one.version, "facts.json").unwrap();
    let facts: Value = serde_json::from_slice(&facts).unwrap();
    assert_eq!(facts["config"]["mode"], "full_page");
    assert!(one.artifact("page.html").is_some() && one.artifact("full.png").is_some());
}

#[test]
fn parameters_by_name_mean_what_they_did() {
    let repo = Repository::temporary().unwrap();
    let params = LegacyParams {
        site: "shop.example",
        session_id: Some("s 1"),
        capture_mode: "SELECTOR",
        more: more(json!({
            "selector": ".price",
            "function": "extract",
            "capture_screenshot": false,
            "capture_console": null,
            "ticket": 7,
        })),
        ..LegacyParams::default()
    };
    let recorder = Recorder::new(&repo);
    let captured = capture_snapshot(&recorder, &mut Script::new(), &params).unwrap();
    let snapshot = repo.get(&captured.wait().unwrap().unwrap().version).unwrap();
    assert_eq!(snapshot.context.to_string(), "shop.example/unknown/unknown/s 1/extract");
    assert_eq!(snapshot.user_info["ticket"], 7);
    assert!(!snapshot.user_info.contains_key("selector"));
    assert!(snapshot.artifact("element.html").is_some());
    assert!(snapshot.artifact("view.png").is_none() && snapshot.artifact("full.png").is_none());
}

#[test]
fn a_context_is_made_of_old_parameters_and_a_bad_one_is_refused() {
    let params = LegacyParams { module: "m", component: "c", ..LegacyParams::default() };
    let context = create_context_from_legacy_params(&params, &SystemClock).unwrap();
    assert_eq!(context.place(), ["unknown", "m", "c", "-"]);
    for bad in [
        LegacyParams { site: "", ..LegacyParams::default() },
        LegacyParams { site: "*", ..LegacyParams::default() },
        LegacyParams { more: more(json!({"function": 1})), ..LegacyParams::default() },
    ] {
        let refused = create_context_from_legacy_params(&bad, &SystemClock).unwrap_err();
        assert!(matches!(refused, Error::Invalid { .. }), "{refused}");
    }
    let recorder = Recorder::new(&Repository::temporary().unwrap());
    for bad in [
        LegacyParams { capture_mode: "some", ..LegacyParams::default() },
        LegacyParams { capture_mode: "selector", ..LegacyParams::default() },
        LegacyParams { more: more(json!({"capture_html": "yes"})), ..LegacyParams::default() },
    ] {
        assert!(capture_snapshot(&recorder, &mut Script::new(), &bad).is_err());
    }
    assert_eq!(recorder.repository().stats().unwrap().snapshots, 0);
}
