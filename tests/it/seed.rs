//! What `SnapshotManager` of the Python module `snapshot` offered, by its documented calls, through
//! the public API. Exporting and importing are told of elsewhere.

use std::time::Duration;

use serde_json::{Value, json};
use tintype::format::diff::{Change, Comparison};
use tintype::ops::{compare, forget, gc};
use tintype::{
    ArtifactName, DeltaPolicy, Draft, DraftArtifact, Error, EventKind, EventQuery, Keep, Place,
    Query, Reason, Repository, Snapshot, Tag, Version, What,
};

use crate::support::values::{context, document, tag, version};

fn missing<T: std::fmt::Debug>(result: tintype::Result<T>) -> (What, String) {
    match result {
        Err(Error::NotFound { what, name }) => (what, name),
        other => panic!("{other:?}"),
    }
}

fn json_of(repo: &Repository, version: &Version) -> Value {
    serde_json::from_slice(&repo.content(version, "data").unwrap()).unwrap()
}

fn names(versions: &[Version]) -> Vec<&str> {
    versions.iter().map(Version::as_str).collect()
}

/// What was said about retention, as the log tells.
fn retentions(repo: &Repository) -> usize {
    let query = EventQuery { kind: Some(EventKind::Retention), ..EventQuery::default() };
    repo.events(&query).unwrap().len()
}

// create_snapshot_manager, SnapshotManager

#[test]
fn a_store_is_in_a_file_or_in_memory_or_for_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.db");
    let stores = [
        Repository::init(&path).unwrap(),
        Repository::in_memory().unwrap(),
        Repository::temporary().unwrap(),
    ];
    for repo in stores {
        let version = repo.create(Draft::json(&json!({"price": 1})).unwrap()).unwrap();
        assert_eq!(json_of(&repo, &version), json!({"price": 1}));
        repo.close().unwrap();
    }
    // What is in a file is there again; what was for the moment left nothing.
    assert_eq!(Repository::open(&path).unwrap().versions().unwrap().len(), 1);
    let temporary = Repository::temporary().unwrap();
    let path = temporary.path().to_owned();
    assert!(path.exists());
    drop(temporary);
    assert!(!path.exists());
}

#[test]
fn as_many_snapshots_are_kept_as_the_store_was_opened_with_and_zero_is_unlimited() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.db");
    let put = |repo: &Repository, place: &str, count: usize| {
        for n in 0..count {
            repo.create(Draft::text(n.to_string()).context(context(place))).unwrap();
        }
        let pattern = format!("{place}/*").parse().unwrap();
        repo.find(&Query::context(pattern)).unwrap().len()
    };
    let repo = Repository::builder().max_snapshots(0).init(&path).unwrap();
    assert_eq!((put(&repo, "a", 5), retentions(&repo)), (5, 0));
    repo.close().unwrap();
    // It is said in the file, once, and applied in each place by itself as something is stored there.
    for opened in 0..2 {
        let repo = Repository::builder().max_snapshots(3).open(&path).unwrap();
        assert_eq!(retentions(&repo), 1, "opened for the {opened}th time");
        assert_eq!(repo.retention().unwrap(), [(Place::whole(), Keep::last(3))]);
        repo.close().unwrap();
    }
    let repo = Repository::open(&path).unwrap();
    assert_eq!(repo.find(&Query::all()).unwrap().len(), 5);
    assert_eq!((put(&repo, "b", 5), put(&repo, "a", 1)), (3, 3));
    repo.close().unwrap();
    // What is said of a place below stays said.
    let repo = Repository::builder().retention(Keep::last(2).daily(7)).open(&path).unwrap();
    repo.set_retention(&"a".parse().unwrap(), Some(&Keep::last(9))).unwrap();
    repo.close().unwrap();
    let repo = Repository::builder().max_snapshots(0).open(&path).unwrap();
    assert_eq!(repo.retention().unwrap(), [("a".parse().unwrap(), Keep::last(9))]);
    assert_eq!(put(&repo, "b", 5), 8);
    // Rules that keep nothing are refused before anything is made.
    let other = folder.path().join("other.db");
    let refused = Repository::builder().retention(Keep::last(0)).init(&other);
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    assert!(!other.exists());
}

// _initialize_storage, _load_registry, _save_registry, _save_data_to_file, _load_data_from_file

#[test]
fn damage_to_one_snapshot_leaves_all_others_readable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.db");
    let repo = Repository::init(&path).unwrap();
    let put = |text: &str| {
        repo.create(Draft::text(text).version(version(text)).delta(DeltaPolicy::Never)).unwrap()
    };
    let [one, two, three] = ["one", "two", "three"].map(put);
    repo.close().unwrap();
    let sql = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(sql.execute("UPDATE blob SET data = x'62' WHERE id = 2", []).unwrap(), 1);
    drop(sql);
    let repo = Repository::open(&path).unwrap();
    assert_eq!(names(&repo.versions().unwrap()), ["three", "two", "one"]);
    assert_eq!(repo.content(&one, "data").unwrap(), b"one");
    assert_eq!(repo.content(&three, "data").unwrap(), b"three");
    match repo.content(&two, "data") {
        Err(Error::Corrupt(damage)) => assert_eq!(damage.version, Some(two)),
        other => panic!("{other:?}"),
    }
}

// SnapshotMetadata: __init__, to_dict, from_dict

#[test]
fn what_is_known_about_a_snapshot_goes_to_json_and_back() {
    let repo = Repository::temporary().unwrap();
    let mut tags = vec![tag("nightly"), tag("good")];
    let mut draft = Draft::json(&json!([1, 2])).unwrap().describe("as it was").info("run", 7);
    for tag in &tags {
        draft = draft.tag(tag).unwrap();
    }
    let base = repo.create(draft.clone()).unwrap();
    let made = repo.create(draft.clone().based_on(&base)).unwrap();
    let chosen = repo.create(draft.version(version("v1"))).unwrap();
    // What the caller does with a list afterwards changes no snapshot.
    tags.clear();
    for version in [&base, &made, &chosen] {
        let snapshot = repo.get(version).unwrap();
        assert_eq!(snapshot.tags, [tag("good"), tag("nightly")]);
        let text = serde_json::to_string(&snapshot).unwrap();
        assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), snapshot);
    }
    // A version is made where none is chosen.
    assert_eq!(made.made_time(), Some(repo.get(&made).unwrap().created_at));
    assert_ne!(base, made);
    assert_eq!(chosen.as_str(), "v1");
}

// SnapshotMetadata.update_integrity_info

#[test]
fn hash_size_and_entries_are_told_from_the_first_moment() {
    let repo = Repository::temporary().unwrap();
    for (value, entries) in
        [(json!({"a": 1, "b": [2]}), Some(2)), (json!([1, 2, 3]), Some(3)), (json!("text"), None)]
    {
        let receipt = repo.store(Draft::json(&value).unwrap()).unwrap();
        let snapshot = repo.get(&receipt.version).unwrap();
        let artifact = snapshot.artifact("data").unwrap();
        let content = value.to_string().into_bytes();
        assert_eq!((artifact.hash, artifact.entries), (Some(receipt.artifacts[0].hash), entries));
        assert_eq!(artifact.bytes, content.len() as u64);
        assert_eq!(repo.content(&receipt.version, "data").unwrap(), content);
    }
    // The same content has the same hash, whatever was said about it.
    let hash = |draft: Draft| repo.store(draft).unwrap().artifacts[0].hash;
    assert_eq!(hash(Draft::text("[1]").describe("a")), hash(Draft::json(&json!([1])).unwrap()));
}

// create_snapshot

#[test]
fn json_text_bytes_and_arrays_come_back_as_they_were() {
    let repo = Repository::temporary().unwrap();
    let deep = json!({"b": [null, true, -1.5, 9_007_199_254_740_993_u64], "a": {"": "ü\u{0}"}});
    for value in [deep, json!([]), json!(null), json!(0.1), json!("text"), json!(false)] {
        let version = repo.create(Draft::json(&value).unwrap()).unwrap();
        assert_eq!(json_of(&repo, &version), value);
    }
    let text = "first\r\nsecond \u{feff}ü";
    let version = repo.create(Draft::text(text)).unwrap();
    assert_eq!(repo.content(&version, "data").unwrap(), text.as_bytes());
    assert_eq!(repo.get(&version).unwrap().artifacts[0].media_type, "text/plain");
    let bytes: Vec<u8> = (0..=255).collect();
    let version = repo.create(Draft::bytes(bytes.clone())).unwrap();
    assert_eq!(repo.content(&version, "data").unwrap(), bytes);
    // An array of NumPy, as numpy.save writes it.
    let mut npy =
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }"
            .to_vec();
    npy.resize(128, b' ');
    npy.extend([1, 0, 0, 0, 2, 0, 0, 0]);
    let array = DraftArtifact::stored(ArtifactName::data(), "application/x-npy", npy.clone());
    let version = repo.create(Draft::new().artifact(array.unwrap())).unwrap();
    assert_eq!(repo.content(&version, "data").unwrap(), npy);
    assert_eq!(repo.get(&version).unwrap().artifacts[0].media_type, "application/x-npy");
}

#[test]
fn creating_an_existing_version_is_an_error() {
    let repo = Repository::temporary().unwrap();
    let v1 = repo.create(Draft::text("one").version(version("v1"))).unwrap();
    for draft in [Draft::text("two"), Draft::text("one")] {
        match repo.create(draft.version(v1.clone())) {
            Err(Error::VersionExists { version }) => assert_eq!(version, v1),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(repo.content(&v1, "data").unwrap(), b"one");
    assert_eq!(repo.versions().unwrap(), [v1]);
}

// create_delta_snapshot, get_delta_snapshot

#[test]
fn a_chain_of_any_length_is_read_like_a_full_snapshot() {
    let repo = Repository::temporary().unwrap();
    let mut versions: Vec<Version> = Vec::new();
    for n in 0..300 {
        let draft = Draft::bytes(document(n));
        let draft = match versions.last() {
            Some(last) if n % 2 == 0 => draft.based_on(last),
            _ => draft.based_on_latest(),
        };
        versions.push(repo.create(draft).unwrap());
    }
    let stats = repo.stats().unwrap();
    assert!(stats.deltas > 250 && stats.stored * 10 < stats.bytes, "{stats:?}");
    assert_eq!(repo.get(&versions[0]).unwrap().based_on, None);
    for (n, version) in versions.iter().enumerate() {
        assert_eq!(repo.content(version, "data").unwrap(), document(n));
        let base = n.checked_sub(1).map(|before| versions[before].clone());
        assert_eq!(repo.get(version).unwrap().based_on, base, "{n}");
    }
}

#[test]
fn a_delta_without_a_base_is_on_what_was_stored_last_in_its_place() {
    let repo = Repository::temporary().unwrap();
    let put = |place: &str, at: &str, value: Value| {
        let draft = Draft::json(&value).unwrap().context(context(place)).at(at.parse().unwrap());
        repo.create(draft.based_on_latest()).unwrap()
    };
    let base = |version: &Version| repo.get(version).unwrap().based_on;
    let first = put("shop.example", "2026-01-05", json!([1, 2, 3]));
    let elsewhere = put("book.example", "2026-01-06", json!([1, 2, 3]));
    // Nothing is there yet: it comes from nothing, and is whole.
    assert_eq!((base(&first), base(&elsewhere)), (None, None));
    assert_eq!(repo.get(&first).unwrap().artifacts[0].depth, 0);
    // By insertion, not by the time that is told; a run of its own does not make another place.
    let early = put("shop.example/-/-/run-1", "2026-01-01", json!([1, 2, 3, 4]));
    let next = put("shop.example", "2026-01-02", json!(4.5));
    assert_eq!((base(&early), base(&next)), (Some(first.clone()), Some(early.clone())));
    // What is forgotten is no base, and what lies on it stays as it is.
    repo.forget(&next).unwrap();
    let last = put("shop.example", "2026-01-03", json!("text"));
    assert_eq!(base(&last), Some(early.clone()));
    assert_eq!(json_of(&repo, &early), json!([1, 2, 3, 4]));
    assert_eq!(json_of(&repo, &last), json!("text"));
    // Of several in one transaction each comes from the one before; the last word counts.
    let ready = |draft: Draft| repo.prepare(draft.context(context("one.example"))).unwrap();
    let [a, b, c] = [
        ready(Draft::text("a").based_on(&first).based_on_latest()),
        ready(Draft::text("b").based_on_latest()),
        ready(Draft::text("c").based_on_latest().based_on(&first)),
    ];
    repo.write(|tx| [&a, &b, &c].into_iter().try_for_each(|one| tx.create(one).map(drop))).unwrap();
    let bases = [&a, &b, &c].map(|one| base(one.version()));
    assert_eq!(bases, [None, Some(a.version().clone()), Some(first)]);
    // Also where it was stored long ago.
    for n in 0..1_200 {
        let _ = repo.submit(repo.prepare(Draft::text(n.to_string())).unwrap());
    }
    assert_eq!(base(&put("book.example", "2026-01-01", json!(1))), Some(elsewhere));
}

#[test]
fn the_only_artifact_goes_on_from_the_last_one_whatever_its_name() {
    let repo = Repository::temporary().unwrap();
    let put = |name: &str, n: usize, draft: Draft| {
        let name = name.parse().unwrap();
        let artifact = DraftArtifact::stored(name, "text/plain", document(n)).unwrap();
        repo.store(draft.artifact(artifact)).unwrap().artifacts.remove(0)
    };
    let monday = put("monday", 1, Draft::new());
    assert_eq!(put("tuesday", 2, Draft::new().based_on_latest()).base, Some(monday.hash));
}

#[test]
fn an_unknown_base_is_not_found() {
    let repo = Repository::temporary().unwrap();
    let draft = Draft::text("two").based_on(version("v1"));
    assert_eq!(missing(repo.create(draft)), (What::Snapshot, "v1".to_owned()));
    assert_eq!(repo.versions().unwrap(), []);
}

// delta_strategy

#[test]
fn content_is_kept_whole_where_deltas_are_not_wanted() {
    let repo = Repository::temporary().unwrap();
    let put = |n: usize, policy: DeltaPolicy| {
        let draft = Draft::bytes(document(n)).delta(policy).based_on_latest();
        let receipt = repo.store(draft).unwrap();
        assert_eq!(repo.content(&receipt.version, "data").unwrap(), document(n));
        receipt.artifacts[0].base
    };
    assert_eq!(put(1, DeltaPolicy::Never), None);
    assert_eq!(put(2, DeltaPolicy::Never), None);
    assert!(put(3, DeltaPolicy::Auto).is_some());
}

// get_snapshot, get_latest_snapshot, get_snapshot_by_tag

#[test]
fn the_newest_and_the_oldest_are_found_in_all_and_by_tag() {
    let repo = Repository::temporary().unwrap();
    let asked = |snapshot: tintype::Result<Snapshot>| snapshot.unwrap().version.to_string();
    assert_eq!(missing(repo.latest()), (What::Snapshot, "latest".to_owned()));
    assert_eq!(missing(repo.oldest()), (What::Snapshot, "oldest".to_owned()));
    assert_eq!(missing(repo.latest_tagged(&tag("good"))), (What::Tag, "good".to_owned()));
    assert_eq!(missing(repo.get(&version("v1"))), (What::Snapshot, "v1".to_owned()));
    for (name, at, tags) in [
        ("v2", "2026-01-02", vec!["good"]),
        ("v1", "2026-01-01", vec!["good", "first"]),
        ("v4", "2026-01-04", vec![]),
        // Of the same time the one that was stored later is the newer.
        ("v3", "2026-01-04", vec![]),
    ] {
        let draft = Draft::text(name).version(version(name)).at(at.parse().unwrap());
        let draft = tags.into_iter().fold(draft, |draft, tag| draft.tag(tag).unwrap());
        repo.create(draft.based_on_latest()).unwrap();
    }
    assert_eq!(asked(repo.latest()), "v3");
    assert_eq!(asked(repo.oldest()), "v1");
    assert_eq!(asked(repo.latest_tagged(&tag("good"))), "v2");
    assert_eq!(asked(repo.oldest_tagged(&tag("good"))), "v1");
    assert_eq!(asked(repo.latest_tagged(&tag("first"))), "v1");
    assert_eq!(missing(repo.oldest_tagged(&tag("bad"))), (What::Tag, "bad".to_owned()));
    // What is forgotten is not found, and may be had back.
    for name in ["v3", "v2", "v1"] {
        repo.forget(&version(name)).unwrap();
    }
    assert_eq!(asked(repo.latest()), "v4");
    let gone = missing(repo.latest_tagged(&tag("good")));
    assert_eq!(gone, (What::Snapshot, "latest:good".to_owned()));
    repo.undelete(&version("v1")).unwrap();
    assert_eq!(asked(repo.latest_tagged(&tag("good"))), "v1");
}

// list_snapshots, list_versions, list_tags

#[test]
fn lists_are_the_newest_first_and_a_part_at_a_time() {
    let repo = Repository::temporary().unwrap();
    for (name, at) in [("v2", "2026-01-02"), ("v1", "2026-01-01"), ("v3", "2026-01-02")] {
        let draft = Draft::text(name).version(version(name)).at(at.parse().unwrap());
        repo.create(draft.tag("all").unwrap().tag(name).unwrap()).unwrap();
    }
    assert_eq!(names(&repo.versions().unwrap()), ["v3", "v2", "v1"]);
    let found = |query: &Query| {
        let found = repo.find(query).unwrap();
        found.iter().map(|one| one.version.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(&Query::all()), ["v3", "v2", "v1"]);
    assert_eq!(found(&Query::all().limit(2)), ["v3", "v2"]);
    assert_eq!(found(&Query::all().limit(2).after(version("v2"))), ["v1"]);
    assert_eq!(found(&Query::all().oldest_first()), ["v1", "v2", "v3"]);
    let tags = |counts: &[(&str, u64)]| {
        counts.iter().map(|(name, count)| (tag(name), *count)).collect::<Vec<_>>()
    };
    assert_eq!(repo.tags().unwrap(), tags(&[("all", 3), ("v1", 1), ("v2", 1), ("v3", 1)]));
    // What is forgotten is in none of the lists.
    repo.forget(&version("v2")).unwrap();
    assert_eq!(names(&repo.versions().unwrap()), ["v3", "v1"]);
    assert_eq!(repo.tags().unwrap(), tags(&[("all", 2), ("v1", 1), ("v3", 1)]));
    assert_eq!(found(&Query::all().forgotten()), ["v2"]);
    // More than a list gives unless told.
    for n in 0..60 {
        let _ = repo.submit(repo.prepare(Draft::text(n.to_string())).unwrap());
    }
    repo.create(Draft::text("last")).unwrap();
    assert_eq!((found(&Query::all()).len(), repo.versions().unwrap().len()), (50, 63));
}

// tag_snapshot, untag_snapshot, delete_snapshot

#[test]
fn deleting_a_base_hurts_nobody_and_an_unknown_version_is_an_error() {
    let repo = Repository::temporary().unwrap();
    let v1 = repo.create(Draft::bytes(document(1)).version(version("v1"))).unwrap();
    let v2 = repo.create(Draft::bytes(document(2)).based_on(&v1)).unwrap();
    assert!(repo.get(&v2).unwrap().artifacts[0].base.is_some());
    repo.tag(&v1, &tag("good")).unwrap();
    repo.tag(&v1, &tag("good")).unwrap();
    assert_eq!(repo.get(&v1).unwrap().tags, [tag("good")]);
    repo.untag(&v1, &tag("good")).unwrap();
    repo.untag(&v1, &tag("good")).unwrap();
    assert_eq!(repo.get(&v1).unwrap().tags, []);
    repo.forget(&v1).unwrap();
    gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
    assert_eq!(repo.content(&v2, "data").unwrap(), document(2));
    assert_eq!(repo.get(&v2).unwrap().based_on, Some(v1.clone()));
    let unknown = (What::Snapshot, "v1".to_owned());
    assert_eq!(missing(repo.tag(&v1, &tag("good"))), unknown);
    assert_eq!(missing(repo.untag(&v1, &tag("good"))), unknown);
    assert_eq!(missing(repo.forget(&v1)), unknown);
    assert_eq!(missing(repo.get(&v1)), unknown);
}

#[test]
fn a_forgotten_snapshot_is_meant_by_its_version_or_the_beginning_of_it() {
    let repo = Repository::temporary().unwrap();
    for name in ["run-a", "run-b", "walk", "walker"] {
        repo.create(Draft::text(name).version(version(name))).unwrap();
    }
    let made = repo.create(Draft::text("made")).unwrap();
    for name in ["run-a", "run-b", "walker", made.as_str()] {
        repo.forget(&version(name)).unwrap();
    }
    let meant = |word: &str| {
        let word = word.parse().unwrap();
        repo.read(|view| view.resolve_forgotten(&word)).map(|version| version.to_string())
    };
    assert_eq!(meant("run-a").unwrap(), "run-a");
    assert_eq!(meant("walke").unwrap(), "walker");
    assert_eq!(meant(&made.as_str()[..10]).unwrap(), made.as_str());
    match meant("run") {
        Err(Error::Ambiguous { count, examples, .. }) => {
            assert_eq!((count, examples), (2, (version("run-a"), version("run-b"))));
        }
        other => panic!("{other:?}"),
    }
    // One that is not forgotten is meant by its whole version alone, and is not another.
    assert_eq!(meant("walk").unwrap(), "walk");
    assert_eq!(meant("wa").unwrap(), "walker");
    assert_eq!(missing(meant("fly")), (What::Forgotten, "fly".to_owned()));
    assert!(matches!(meant("latest"), Err(Error::Invalid { .. })));
    assert!(matches!(meant("oldest:good"), Err(Error::Invalid { .. })));
    // Its events can be asked for all the same.
    let query = EventQuery { version: Some(version("run-a")), ..EventQuery::default() };
    let kinds: Vec<_> =
        repo.events(&query).unwrap().iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["forget", "create"]);
}

// _enforce_snapshot_limit, max_snapshots

#[test]
fn what_is_kept_says_why_and_no_rule_empties_a_place() {
    let repo = Repository::temporary().unwrap();
    let put = |name: &str, place: &str, at: &str| {
        let draft = Draft::text(name).version(version(name)).context(context(place));
        repo.create(draft.at(at.parse().unwrap())).unwrap()
    };
    let old = put("old", "a", "2025-12-31T10:00:00Z");
    let early = put("early", "a", "2026-01-02T08:00:00Z");
    put("dull", "a", "2026-01-02T09:00:00Z");
    put("late", "a", "2026-01-02T10:00:00Z");
    put("lone", "b", "2020-01-01");
    repo.tag(&old, &Tag::pinned()).unwrap();
    repo.tag(&early, &tag("good")).unwrap();
    let keep = Keep::last(1)
        .hourly(1)
        .daily(1)
        .weekly(1)
        .monthly(1)
        .yearly(1)
        .within(Duration::from_secs(60))
        .tag(tag("good"));
    let plan = forget::plan(&repo, &keep, &Query::all()).unwrap();
    let kept: Vec<(&str, Vec<String>)> = plan.groups[0]
        .kept
        .iter()
        .map(|kept| (kept.version.as_str(), kept.reasons.iter().map(Reason::to_string).collect()))
        .collect();
    let reasons =
        |reasons: &[&str]| reasons.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let newest = reasons(&[
        "last 1",
        "hourly 2026-01-02T10",
        "daily 2026-01-02",
        "weekly 2026-W01",
        "monthly 2026-01",
        "yearly 2026",
        "within",
    ]);
    let rest = [("early", reasons(&["tag good"])), ("old", reasons(&["pinned"]))];
    assert_eq!(kept[0], ("late", newest));
    assert_eq!(kept[1..], rest);
    assert_eq!((plan.groups[1].kept.len(), plan.forgotten()), (1, 1));
    // Nothing is forgotten by looking.
    assert_eq!(repo.versions().unwrap().len(), 5);
    plan.apply(&repo, &mut |_| {}).unwrap();
    assert_eq!(names(&repo.versions().unwrap()), ["late", "early", "old", "lone"]);
    // A rule that fits nothing leaves the newest of each place; one that keeps nothing is refused.
    let plan = forget::plan(&repo, &Keep::all().tag(tag("none")), &Query::all()).unwrap();
    assert_eq!(plan.groups[1].kept[0].reasons, [Reason::Newest]);
    plan.apply(&repo, &mut |_| {}).unwrap();
    assert_eq!(names(&repo.versions().unwrap()), ["late", "old", "lone"]);
    for keep in [Keep::last(0), Keep::all(), Keep::last(1).within(Duration::ZERO)] {
        assert!(matches!(forget::plan(&repo, &keep, &Query::all()), Err(Error::Invalid { .. })));
    }
}

// compare_snapshots

#[test]
fn comparing_tells_what_is_said_and_what_is_held() {
    let repo = Repository::temporary().unwrap();
    let put = |draft: Draft, at: &str| repo.create(draft.at(at.parse().unwrap())).unwrap();
    let compared = |a: &Version, b: &Version| compare::compare(&repo, a, b, None).unwrap();
    let json = |value: Value| Draft::json(&value).unwrap();
    let a = put(json(json!({"price": 1, "gone": 2})).tag("good").unwrap(), "2026-01-01T00:00:00Z");
    let b = put(json(json!({"price": 3})).describe("sale"), "2026-01-01T01:00:00Z");
    let told = compared(&a, &b);
    assert_eq!((told.equal, told.seconds), (false, 3_600.0));
    let fields: Vec<_> = told.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(fields, ["tags", "description"]);
    let pair = &told.artifacts[0];
    assert_eq!((pair.before_bytes, pair.after_bytes), (Some(20), Some(11)));
    let Some(Comparison::Json(found)) = &pair.content else { panic!("{pair:?}") };
    assert_eq!(
        serde_json::to_value(&found.patch).unwrap(),
        json!([{"op": "remove", "path": "/gone"}, {"op": "replace", "path": "/price", "value": 3}])
    );
    let paths: Vec<_> = found
        .changes
        .iter()
        .map(|change| match change {
            Change::Added { path, .. }
            | Change::Removed { path, .. }
            | Change::Changed { path, .. } => path.as_str(),
        })
        .collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    let c = put(Draft::text("one\ntwo\n"), "2026-01-02");
    let d = put(Draft::text("one\n2\n"), "2026-01-03");
    let told = compared(&c, &d);
    let Some(Comparison::Text(found)) = &told.artifacts[0].content else { panic!("{told:?}") };
    assert_eq!((found.added, found.removed), (1, 1));
    assert!(found.unified.contains("-two\n+2\n"), "{}", found.unified);
    // Equal is told to be equal, also of what was stored at other times.
    let e = put(Draft::text("one\n2\n"), "2026-01-04");
    assert!(compared(&d, &e).equal && compared(&d, &d).equal);
    assert!(!compared(&e, &a).equal);
    let unknown = version("v9");
    let told = missing(compare::compare(&repo, &a, &unknown, None));
    assert_eq!(told, (What::Snapshot, "v9".to_owned()));
}

// cleanup, clear_all, __del__

#[test]
fn closing_deletes_nothing_and_clearing_leaves_the_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.db");
    let repo = Repository::init(&path).unwrap();
    let v1 = repo.create(Draft::text("one").tag(Tag::pinned()).unwrap()).unwrap();
    let waiting = repo.submit(repo.prepare(Draft::text("two")).unwrap());
    repo.close().unwrap();
    let v2 = waiting.wait().unwrap().version;
    // Only the store is left: its log has been moved into it.
    assert!(!folder.path().join("prices.db-wal").exists());
    let repo = Repository::open(&path).unwrap();
    assert_eq!(repo.versions().unwrap(), [v2.clone(), v1.clone()]);
    assert_eq!(repo.write(|tx| tx.clear()).unwrap(), 1);
    assert_eq!(repo.versions().unwrap(), std::slice::from_ref(&v1));
    let stats = repo.stats().unwrap();
    assert_eq!((stats.snapshots, stats.forgotten, stats.forgotten_bytes), (1, 1, 3));
    // It can be had back until it is purged.
    repo.undelete(&v2).unwrap();
    assert_eq!(repo.content(&v2, "data").unwrap(), b"two");
    repo.write(|tx| tx.clear()).unwrap();
    gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
    assert_eq!(missing(repo.undelete(&v2)).1, v2.as_str());
    let stats = repo.stats().unwrap();
    assert_eq!((stats.forgotten, stats.forgotten_bytes, stats.blobs), (0, 0, 1));
    drop(repo);
    assert_eq!(Repository::open(&path).unwrap().content(&v1, "data").unwrap(), b"one");
}

// SnapshotError, VersioningError, SnapshotNotFoundError

#[test]
fn each_kind_of_failure_is_told_apart_and_says_what_was_asked() {
    let repo = Repository::temporary().unwrap();
    let v1 = repo.create(Draft::text("one").version(version("v1"))).unwrap();
    repo.tag(&v1, &Tag::pinned()).unwrap();
    let told = |error: Option<Error>| {
        let error = error.unwrap();
        (error.kind(), error.to_string())
    };
    for (error, kind, words) in [
        (repo.get(&version("v2")).err(), "not_found", "there is no snapshot v2"),
        (repo.content(&v1, "page").err(), "not_found", "there is no artifact page in snapshot v1"),
        (repo.latest_tagged(&tag("x")).err(), "not_found", "there is no tag x"),
        (
            repo.create(Draft::text("").version(v1.clone())).err(),
            "version_exists",
            "version v1 exists already",
        ),
        (repo.forget(&v1).err(), "pinned", "snapshot v1 is pinned"),
        ("latest".parse::<Version>().err(), "invalid", "latest and oldest are reserved words"),
        (Repository::open("/nowhere/store.db").err(), "no_store", "/nowhere/store.db"),
    ] {
        let told = told(error);
        assert_eq!(told.0, kind);
        assert!(told.1.contains(words) && !told.1.ends_with('.'), "{}", told.1);
    }
}
