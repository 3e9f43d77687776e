//! Registry stores and exports, taken in and proved.

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::format::export::in_pickle;
use tintype::format::hashes::sha256;
use tintype::format::pickle::{INSTRUCTIONS_MAX, Pickle};
use tintype::format::pyjson::Verdict;
use tintype::{Repository, Snapshot, Status};

use crate::legacy::{notes, taken};
use crate::support::old::Old;

/// Pickles that CPython 3.11 made with `pickle.dumps(…, 4)`. The deltas are of the dict
/// `{"price": 24.5, "gone": true, "text": "x"}`: `DICT_DELTA` sets `price` and `new` and removes `gone`,
/// `TUPLE_DELTA` has names that are numbers and a tuple, `BINARY_DELTA` a patch of `bsdiff`,
/// `HUGE_DELTA` the same patch with a head that claims a terabyte. `EXPORT` holds an object of a class.
const PICKLES: &str = include_str!("../data/registry-pickles.txt");
const BASE: &str = r#"{"price": 24.5, "gone": true, "text": "x"}"#;
const BASE_SORTED: &str = r#"{"gone": true, "price": 24.5, "text": "x"}"#;

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn pickle(name: &str) -> Vec<u8> {
    let line = PICKLES.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    unhex(line.unwrap())
}

/// A store that is written as such managers do.
struct Store {
    old: Old,
    within: &'static str,
    entries: serde_json::Map<String, Value>,
}

impl Store {
    fn new(within: &'static str) -> Self {
        Store { old: Old::new(), within, entries: serde_json::Map::new() }
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.within)
    }

    /// An entry, in the folder of metadata and for the registry.
    fn entry(&mut self, version: &str, checksum: Option<&str>, more: Value) -> &mut Self {
        let mut entry = json!({
            "version": version, "created_at": "2026-02-14T12:40:54+00:00", "tags": ["good"],
            "description": "", "user_info": {}, "checksum": checksum, "size_bytes": 64,
            "entry_count": 3,
        });
        for (name, value) in more.as_object().unwrap() {
            entry[name] = value.clone();
        }
        self.old.json(&self.path(&format!("metadata/{version}.json")), &entry);
        self.entries.insert(version.to_owned(), entry);
        self
    }

    fn value(&mut self, version: &str, content: &[u8], hashed: &[u8], more: Value) -> &mut Self {
        self.old.file(&self.path(&format!("data/{version}.data")), content);
        self.entry(version, Some(&sha256(hashed)), more)
    }

    fn base(&mut self) -> &mut Self {
        self.value("base", BASE.as_bytes(), BASE_SORTED.as_bytes(), json!({}))
    }

    fn delta(&mut self, version: &str, delta: &str, base: &str, hashed: &str) -> &mut Self {
        self.old.file(&self.path(&format!("data/{version}.delta")), pickle(delta));
        let info = json!({"user_info": {"delta_base_version": base}});
        self.entry(version, Some(&sha256(hashed.as_bytes())), info)
    }

    fn registry(&self) -> String {
        serde_json::to_string_pretty(&json!({"snapshots": self.entries})).unwrap()
    }

    fn whole(&self) -> &Old {
        self.old.file(&self.path("registry.json"), self.registry());
        &self.old
    }
}

fn get(repo: &Repository, version: &str) -> Snapshot {
    repo.get(&version.parse().unwrap()).unwrap()
}

fn text(repo: &Repository, version: &str, artifact: &str) -> String {
    String::from_utf8(repo.content(&version.parse().unwrap(), artifact).unwrap()).unwrap()
}

fn agrees(repo: &Repository, version: &str) -> Value {
    get(repo, version).user_info["legacy"]["hashes"][0]["agrees"].clone()
}

fn media(repo: &Repository, version: &str) -> String {
    get(repo, version).artifact("data").unwrap().media_type.clone()
}

#[test]
fn a_snapshot_comes_with_all_that_its_entry_says() {
    let mut store = Store::new("");
    let more = json!({
        "created_at": "2026-02-14T12:40:54.000120+00:00", "tags": ["a b", "ü", "a b"],
        "description": "first", "user_info": {"n": {"k": [1, null]}},
    });
    store.value("v1", BASE.as_bytes(), BASE_SORTED.as_bytes(), more);
    store.value("v2", b"[1, 2]", b"[1, 2]", json!({"entry_count": 2}));
    let (repo, report) = taken(store.whole());
    assert_eq!((report.snapshots.imported, report.files.imported), (2, 5));
    let snapshot = get(&repo, "v1");
    assert_eq!(snapshot.created_at.to_string(), "2026-02-14T12:40:54.000120Z");
    assert_eq!(get(&repo, "v2").created_at.to_string(), "2026-02-14T12:40:54.000000Z");
    let tags: Vec<_> = snapshot.tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["a b", "ü"]);
    assert_eq!(snapshot.description.as_deref(), Some("first"));
    assert_eq!(snapshot.user_info["n"], json!({"k": [1, null]}));
    assert_eq!(snapshot.user_info["python_type"], "dict");
    assert_eq!(get(&repo, "v2").user_info["python_type"], "list");
    assert_eq!(snapshot.artifact("data").unwrap().entries, Some(3));
    assert_eq!(text(&repo, "v1", "data"), BASE);
    assert_eq!((agrees(&repo, "v1"), agrees(&repo, "v2")), (json!(true), json!(true)));
    assert_eq!(report.hashes.agree, 2);
}

#[test]
fn texts_and_bytes_are_told_from_json_by_their_checksums() {
    let mut store = Store::new("");
    for (version, content, size) in [
        ("plain", &b"a text"[..], 6 + 49),
        ("like-json", b"{\"a\": 1}", 8 + 49),
        ("number", b"123", 3 + 49),
        ("empty", b"", 49),
        ("braces", b"{}", 51),
        ("pickle-like", b"\x80\x04K\x05.", 5 + 33),
        ("bytes-json", b"{\"a\": 1}", 8 + 33),
        ("bytes-braces", b"[]", 35),
    ] {
        store.value(version, content, content, json!({"size_bytes": size, "entry_count": 0}));
    }
    store.value("dict", b"{}", b"{}", json!({"size_bytes": 64, "entry_count": 0}));
    store.value("list", b"[]", b"[]", json!({"size_bytes": 56, "entry_count": 0}));
    let other = json!({"entry_count": 0, "size_bytes": 70});
    store.value("windows", b"one\r\ntwo", b"one\ntwo", other.clone());
    store.value("cp1252", b"caf\xe9 \x80", "café €".as_bytes(), other);
    let latin = "é".repeat(40);
    let size = json!({"size_bytes": 73 + 40, "entry_count": 0});
    store.value("latin", latin.as_bytes(), latin.as_bytes(), size);
    let (repo, report) = taken(store.whole());
    for (version, python_type, media_type) in [
        ("plain", "str", "text/plain"),
        ("like-json", "str", "text/plain"),
        ("number", "str", "text/plain"),
        ("empty", "str", "text/plain"),
        ("braces", "str", "text/plain"),
        ("pickle-like", "bytes", "application/octet-stream"),
        ("bytes-json", "bytes", "application/octet-stream"),
        ("bytes-braces", "bytes", "application/octet-stream"),
        ("dict", "dict", "application/json"),
        ("list", "list", "application/json"),
        ("windows", "str", "text/plain"),
        ("cp1252", "str", "text/plain"),
        ("latin", "str", "text/plain"),
    ] {
        assert_eq!(get(&repo, version).user_info["python_type"], python_type, "{version}");
        assert_eq!(media(&repo, version), media_type, "{version}");
        assert_eq!(agrees(&repo, version), true, "{version}");
    }
    assert_eq!(repo.content(&"windows".parse().unwrap(), "data").unwrap(), b"one\r\ntwo");
    assert_eq!((report.hashes.differ, report.hashes.unknowable), (0, 0));
}

#[test]
fn deltas_of_all_kinds_make_the_value_that_was_stored() {
    let mut store = Store::new("");
    let new = r#"{"price": 22.5, "text": "caf\u00e9, longer than before"}"#;
    store.base();
    store.delta("dict", "DICT_DELTA", "base", r#"{"new": [1, null], "price": 22.5, "text": "x"}"#);
    store.delta("tuple", "TUPLE_DELTA", "base", r#"{"2": ["a"], "10": "ten"}"#);
    store.delta("binary", "BINARY_DELTA", "base", new);
    let (repo, _) = taken(store.whole());
    assert_eq!(text(&repo, "dict", "data"), r#"{"price": 22.5, "text": "x", "new": [1, null]}"#);
    assert_eq!(text(&repo, "tuple", "data"), r#"{"10": "ten", "2": ["a"]}"#);
    assert_eq!(
        serde_json::from_str::<Value>(&text(&repo, "tuple", "data.json")).unwrap(),
        json!({"$dict": [[10, "ten"], [2, {"$tuple": ["a"]}]]})
    );
    assert_eq!(text(&repo, "binary", "data"), new);
    for (version, delta) in
        [("dict", "DICT_DELTA"), ("tuple", "TUPLE_DELTA"), ("binary", "BINARY_DELTA")]
    {
        let snapshot = get(&repo, version);
        assert_eq!(agrees(&repo, version), true, "{version}");
        assert_eq!(snapshot.status, Status::Complete);
        assert_eq!(snapshot.based_on.as_ref().unwrap().as_str(), "base");
        let kept = repo.content(&snapshot.version, "data.delta").unwrap();
        assert!(kept == pickle(delta), "{version}");
    }
}

#[test]
fn a_delta_that_makes_another_value_is_flagged_and_one_without_a_base_is_kept() {
    let mut store = Store::new("");
    store.base();
    store.delta("wrong", "DICT_DELTA", "base", r#"{"another": "value"}"#);
    store.delta("lost", "DICT_DELTA", "no-such", "{}");
    store.delta("huge", "HUGE_DELTA", "base", "{}");
    store.delta("on-itself", "DICT_DELTA", "on-itself", "{}");
    store.old.file("data/none.delta", b"\x80\x04K\x05.");
    store.entry("none", None, json!({"user_info": {"delta_base_version": "base"}}));
    store.entry("nowhere", None, json!({}));
    store.old.file("data/deleted.delta", pickle("DICT_DELTA"));
    store.old.file("data/crashed.data.tmp", "{");
    let (repo, report) = taken(store.whole());
    assert_eq!(agrees(&repo, "wrong"), false);
    assert_eq!(report.hashes.differ, 1);
    assert!(notes(&report).contains("is not the one that was stored"), "{}", notes(&report));
    for version in ["lost", "huge", "on-itself", "none", "nowhere"] {
        let snapshot = get(&repo, version);
        assert_eq!(snapshot.status, Status::Partial, "{version}");
        assert!(snapshot.artifact("data").unwrap().reason.is_some(), "{version}");
    }
    let tagged: Value = serde_json::from_str(&text(&repo, "lost", "delta.json")).unwrap();
    assert_eq!(tagged["changes"], json!({"price": 22.5, "new": [1, null]}));
    assert_eq!(report.snapshots.kept_as_bytes, 2);
}

#[test]
fn of_two_files_of_one_name_the_one_that_its_entry_means_is_the_value() {
    let mut store = Store::new("");
    store.base();
    let sum = r#"{"new": [1, null], "price": 22.5, "text": "x"}"#;
    store.delta("later-delta", "DICT_DELTA", "base", sum);
    store.old.file("data/later-delta.data", r#"{"as": "full"}"#);
    store.value("later-full", b"{\"as\": 1}", b"{\"as\": 1}", json!({}));
    store.old.file("data/later-full.delta", pickle("DICT_DELTA"));
    store.delta("says-delta", "DICT_DELTA", "base", r#"{"as": "full"}"#);
    store.old.file("data/says-delta.data", r#"{"as": "full"}"#);
    let (repo, _) = taken(store.whole());
    for version in ["later-delta", "later-full", "says-delta"] {
        assert_eq!(agrees(&repo, version), true, "{version}");
        assert!(get(&repo, version).artifact("data.delta").is_some(), "{version}");
    }
    assert_eq!(text(&repo, "later-delta", "replaced.data"), r#"{"as": "full"}"#);
    assert_eq!(text(&repo, "says-delta", "data"), r#"{"as": "full"}"#);
}

#[test]
fn what_json_cannot_hold_stays_a_pickle_with_its_rendering_beside_it() {
    let mut store = Store::new("");
    let written = include_str!("../data/pickle-checksums.jsonl");
    let lines: Vec<Value> =
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let name = line["name"].as_str().unwrap();
        let content = unhex(line["hex"].as_str().unwrap());
        store.old.file(&format!("data/{name}.data"), content);
        store.entry(name, line["sha256"].as_str(), json!({"entry_count": 0}));
    }
    let (repo, _) = taken(store.whole());
    for line in &lines {
        let name = line["name"].as_str().unwrap();
        // An object that shows where it lies has another checksum each time.
        let wanted = if name == "slots" { Value::Null } else { json!(true) };
        assert_eq!(agrees(&repo, name), wanted, "{name}: {}", line["hashed"]);
        let snapshot = get(&repo, name);
        let original = match name {
            "int" | "bigint" => "data.pickle",
            _ => "data",
        };
        let kept = repo.content(&snapshot.version, original).unwrap();
        assert!(kept == unhex(line["hex"].as_str().unwrap()), "{name}");
        if original == "data" {
            let tagged = text(&repo, name, "data.json");
            assert!(serde_json::from_str::<Value>(&tagged).is_ok(), "{name}");
        }
    }
    assert_eq!(text(&repo, "int", "data"), "42");
    assert_eq!(text(&repo, "bigint", "data"), "1000000000000000000000000000000");
    assert_eq!(text(&repo, "tuple", "data.json"), r#"{"$tuple":[1,"two",null]}"#);
    assert_eq!(get(&repo, "decimal").user_info["python_type"], "decimal.Decimal");
    assert_eq!(get(&repo, "set").user_info["python_type"], "set");
}

#[test]
fn a_damaged_registry_is_made_again_of_the_metadata_and_kept() {
    for cut in [0, 1, 60, 700, 1_500] {
        let mut store = Store::new("");
        store.base();
        store.value("v2", b"[1]", b"[1]", json!({"entry_count": 1}));
        store.value("v3", b"[2]", b"[2]", json!({"entry_count": 1}));
        let registry = store.registry();
        store.old.file("registry.json", &registry.as_bytes()[..cut.min(registry.len() - 5)]);
        let (repo, report) = taken(&store.old);
        assert_eq!(report.snapshots.imported, 3, "cut at {cut}");
        assert_eq!(report.files.kept_as_bytes, 1, "cut at {cut}");
        let kept = report.items().find(|item| item.path == "registry.json").unwrap();
        assert!(kept.reason.unwrap().contains("its versions were taken"), "cut at {cut}");
        assert_eq!(report.hashes.agree, 3);
        assert_eq!(get(&repo, "base").tags.len(), 1);
    }
}

#[test]
fn what_is_whole_of_a_cut_registry_is_used_where_the_metadata_is_gone_too() {
    let mut store = Store::new("deep/er/");
    store.value("v1", b"[1]", b"[1]", json!({"entry_count": 1}));
    store.value("v2", b"[2]", b"[2]", json!({"entry_count": 1}));
    let registry = store.registry();
    store.old.file("deep/er/registry.json", &registry.as_bytes()[..registry.len() - 40]);
    std::fs::remove_dir_all(store.old.path("deep/er/metadata")).unwrap();
    let (repo, report) = taken(&store.old);
    assert_eq!(report.hashes.agree, 1);
    assert_eq!(get(&repo, "v1").tags.len(), 1);
    let unknown = get(&repo, "v2");
    assert!(unknown.tags.is_empty());
    assert!(notes(&report).contains("nothing but its value is known"), "{}", notes(&report));
}

#[test]
fn metadata_is_newer_than_the_registry_where_they_differ() {
    let mut store = Store::new("");
    store.value("v1", b"[1]", b"[1]", json!({"entry_count": 1}));
    store.value("v2", b"[2]", b"[2]", json!({"entry_count": 1}));
    store.whole();
    let mut newer = store.entries["v1"].clone();
    newer["tags"] = json!(["newer"]);
    store.old.json("metadata/v1.json", &newer);
    store.old.file("metadata/v2.json", &serde_json::to_vec(&newer).unwrap()[..60]);
    let (repo, report) = taken(&store.old);
    assert_eq!(get(&repo, "v1").tags[0].as_str(), "newer");
    assert!(notes(&report).contains("the registry differ"), "{}", notes(&report));
    assert_eq!(get(&repo, "v2").tags[0].as_str(), "good");
    assert_eq!(report.hashes.agree, 2);
}

#[test]
fn odd_stores_come_in_without_harm() {
    let mut store = Store::new("");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    store.value("deep", deep.as_bytes(), deep.as_bytes(), json!({"entry_count": 1}));
    let numbers = r#"[NaN, Infinity, 123456789012345678901234567890, "\ud83d"]"#;
    store.value("numbers", numbers.as_bytes(), numbers.as_bytes(), json!({"entry_count": 4}));
    store.value("names", br#"{"10": 1, "9": 2}"#, br#"{"9": 2, "10": 1}"#, json!({}));
    store.value("mixed", br#"{"1": 1, "a": 2}"#, b"{1: 1, 'a': 2}", json!({}));
    store.value("../up", b"[1]", b"[1]", json!({"entry_count": 1}));
    store.old.file("data/sub/dir.data", "{\"a\": 1}");
    store.old.file("data/million.data", [b"\x80\x04".to_vec(), vec![b'('; 1_000_000]].concat());
    store.entry("million", None, json!({"entry_count": 0}));
    let many = [b"\x80\x04N".to_vec(), vec![b'2'; INSTRUCTIONS_MAX], vec![b'.']].concat();
    store.old.file("data/many.data", &many);
    store.entry("many", Some("no hash"), json!({"tags": ["", "x\ny", 3], "size_bytes": "?"}));
    let (repo, report) = taken(store.whole());
    assert_eq!(media(&repo, "deep"), "application/x-python-json");
    assert_eq!(media(&repo, "numbers"), "application/x-python-json");
    for version in ["deep", "numbers", "names"] {
        assert_eq!(agrees(&repo, version), true, "{version}");
    }
    assert_eq!(agrees(&repo, "mixed"), Value::Null);
    assert_eq!(media(&repo, "million"), "application/octet-stream");
    assert_eq!(media(&repo, "many"), "application/octet-stream");
    assert!(get(&repo, "many").tags.is_empty());
    let notes = notes(&report);
    for words in ["its checksum is none", "a tag that can't be one", "kept as bytes"] {
        assert!(notes.contains(words), "{words} is not in {notes}");
    }
    assert!(!store.old.root().parent().unwrap().join("up.data").exists());
}

#[test]
fn a_tree_of_a_program_brings_its_present_state_and_its_store() {
    let mut store = Store::new("app/snapshots/");
    store.value("v1", b"[1]", b"[1]", json!({"entry_count": 1}));
    store.old.file("app/data/current_data.json", "{\"user\": {\"name\": \"Ana\"}}");
    store.old.file("app/cache/cache.json", "{\"metadata\": {\"version\": 1}, \"entries\": {}}");
    let (_, report) = taken(store.whole());
    assert_eq!((report.snapshots.imported, report.files.kept_as_bytes), (3, 0));
}

#[test]
fn exports_come_in_from_json_and_from_pickles() {
    let old = Old::new();
    let metadata = json!({
        "version": "e-1", "created_at": "2026-02-14T12:00:00+00:00", "tags": ["t"],
        "description": "d", "user_info": {"n": 1}, "checksum": sha256(BASE_SORTED.as_bytes()),
        "size_bytes": 64, "entry_count": 3,
    });
    let text = format!(r#"{{"data": {BASE}, "metadata": {metadata}, "source_id": "e-1"}}"#);
    old.file("e-1.JSON", &text);
    old.file("wrong.json", text.replace("24.5", "25.5").replace("e-1", "e-2"));
    old.file("cut.json", &text[..60]);
    old.file("object.snap", pickle("EXPORT"));
    let kept = json!({"data": {"a": 1}, "metadata": {"exported_at": "2026-02-14T12:00:00+00:00"}});
    old.json("program.json", &kept);
    let (repo, report) = taken(&old);
    assert_eq!((report.snapshots.imported, report.snapshots.kept_as_bytes), (4, 1));
    let snapshot = get(&repo, "e-1");
    assert_eq!(snapshot.description.as_deref(), Some("d"));
    assert_eq!(snapshot.created_at.to_string(), "2026-02-14T12:00:00.000000Z");
    assert_eq!(crate::legacy_registry::text(&repo, "e-1", "data"), BASE);
    assert_eq!((agrees(&repo, "e-1"), agrees(&repo, "e-2")), (json!(true), json!(false)));
    let object = get(&repo, "p-1");
    assert_eq!(agrees(&repo, "p-1"), true);
    assert_eq!(object.user_info["python_type"], "snapshots.store.Price");
    assert!(repo.content(&object.version, "data").unwrap() == pickle("EXPORT"));
    assert!(notes(&report).contains("its time is when it was exported"));
}

#[test]
fn a_checksum_of_a_pickle_is_proved_differs_or_cannot_be_known() {
    let check = |bytes: &[u8], checksum: &str| {
        let read = Pickle::read(bytes).unwrap();
        let value = in_pickle(&read).map_or(read.root(), |(data, _)| data);
        read.check(value, checksum).0
    };
    let int = b"\x80\x04K\x05.";
    assert_eq!(check(int, &sha256(b"5")), Verdict::Matches);
    assert_eq!(check(int, &sha256(b"6")), Verdict::Differs);
    assert_eq!(check(b"\x80\x04C\x02ab.", &sha256(b"ab")), Verdict::Matches);
    assert_eq!(check(b"\x80\x04\x8f.", &sha256(b"set()")), Verdict::Matches);
    assert_eq!(check(b"\x80\x04\x8f.", &sha256(b"{}")), Verdict::Unknowable);
    // A scalar of NumPy that is -2, and one without its bytes; put together by hand.
    let scalar = |kind: &str, value: &str| {
        unhex(&format!(
            "8004636e756d70792e636f72652e6d756c746961727261790a7363616c61720a636e756d70790a64747970650a\
             8c02{kind}89888752284b038c013c4e4e4e4affffffff4affffffff4b00746243{value}86522e"
        ))
    };
    let number = scalar("6934", "04feffffff");
    for shown in ["-2", "np.int32(-2)"] {
        assert_eq!(check(&number, &sha256(shown.as_bytes())), Verdict::Matches);
    }
    let read = Pickle::read(&number).unwrap();
    assert_eq!(read.type_of(read.root()), "numpy.int32");
    assert_eq!(check(&scalar("6938", "00"), &sha256(b"-2")), Verdict::Unknowable);
    assert_eq!(check(&pickle("EXPORT"), &sha256(b"Price(amount=2.5, tags=('x',))")), {
        Verdict::Matches
    });
}

#[test]
fn what_is_said_at_length_and_what_is_said_alone_is_kept() {
    let mut store = Store::new("");
    store.value("long", b"[1]", b"[1]", json!({"user_info": {"x": "y".repeat(2_000_000)}}));
    store.entry("alone", None, json!({}));
    store.entry("told", None, json!({}));
    std::fs::remove_file(store.old.path("metadata/told.json")).unwrap();
    let (repo, report) = taken(store.whole());
    assert_eq!((report.snapshots.imported, report.files.failed), (3, 0));
    for version in ["long", "alone", "told"] {
        let kept: Value = serde_json::from_str(&text(&repo, version, "metadata.json")).unwrap();
        assert_eq!(kept, store.entries[version]);
    }
    assert_eq!(text(&repo, "long", "data"), "[1]");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn damaged_stores_are_taken_in_with_every_file(
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any::<u16>()), 1..6),
    ) {
        let mut store = Store::new("");
        store.base();
        store.value("text", b"a text", b"a text", json!({"size_bytes": 55, "entry_count": 0}));
        store.delta("dict", "DICT_DELTA", "base", "{}");
        store.delta("binary", "BINARY_DELTA", "base", "{}");
        store.old.file("export/object.snap", pickle("EXPORT"));
        store.whole();
        crate::support::old::damage(&store.old, &damages);
        let (_, report) = taken(&store.old);
        prop_assert_eq!(report.files.failed, 0);
    }

    #[test]
    fn no_bytes_make_a_delta_or_a_value_fail_otherwise_than_by_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        use tintype::format::registry::{Entry, delta::Delta, value};
        for name in ["DICT_DELTA", "TUPLE_DELTA", "BINARY_DELTA", "HUGE_DELTA", "EXPORT"] {
            let mut damaged = pickle(name);
            let at = at.index(damaged.len());
            damaged[at] = byte;
            if let Ok(delta) = Delta::read(&damaged) {
                let _ = (delta.apply(BASE.as_bytes()), delta.apply(&bytes), delta.tagged());
            }
            if let Ok(read) = Pickle::read(&damaged) {
                let _ = (read.check(read.root(), "x"), read.repr(true), read.tagged());
            }
        }
        let _ = (Delta::read(&bytes).is_ok(), value::shape(&bytes, None));
        let pickled = [b"\x80\x04".as_slice(), &bytes].concat();
        let _ = (value::shape(&pickled, None), Entry::parse(&bytes).is_ok());
    }
}
