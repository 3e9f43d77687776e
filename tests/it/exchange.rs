//! Single snapshots as JSON documents, ours and those of Python snapshot managers. Checksums are what
//! CPython 3.11 gave.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tintype::model::artifact::{ArtifactStatus, MEDIA_JSON, MEDIA_PYTHON_JSON, MEDIA_TEXT};
use tintype::ops::transfer::{self, Imported, Naming};
use tintype::ops::verify::{self, Depth};
use tintype::{Draft, DraftArtifact, Error, Repository, Snapshot};

use crate::support::values::{Shared, Still, context, version};

/// A document as those managers write it.
const FEED: &str = r#"{
  "data": {
    "price": 19.99,
    "stock": [
      1,
      2
    ],
    "name": "caf\u00e9"
  },
  "metadata": {
    "version": "feed-7",
    "created_at": "2026-01-26T06:00:00+00:00",
    "tags": [
      "nightly",
      "good"
    ],
    "description": "after the sale",
    "user_info": {
      "run": 12,
      "share": 1e+16
    },
    "checksum": "1e050f96d9abf7f7d4458b068c87b17c7a0df9dd899a471b48c032bbf3d15f94",
    "size_bytes": 300,
    "entry_count": 3
  },
  "exported_at": "2026-01-27T00:00:00.000001+00:00",
  "source_id": "feed-7"
}"#;

/// A folder for documents, and a store.
struct Desk {
    folder: TempDir,
    repo: Repository,
}

impl Desk {
    fn new() -> Self {
        let clock = Shared(Arc::new(Still::at("2026-02-01T12:00:00Z")));
        let repo = Repository::builder().clock(clock).temporary().unwrap();
        Desk { folder: tempfile::tempdir().unwrap(), repo }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("document.json");
        fs::write(&path, text).unwrap();
        path
    }

    fn import(&self, text: impl AsRef<[u8]>, naming: Naming) -> tintype::Result<Imported> {
        let imported = transfer::import(&self.repo, self.file(text), &naming, &mut |_| {})?;
        assert_eq!(imported.len(), 1);
        Ok(imported.into_iter().next().unwrap())
    }

    fn took(&self, text: impl AsRef<[u8]>) -> (Imported, Snapshot) {
        let imported = self.import(text, Naming::Keep).unwrap();
        let snapshot = self.repo.get(&imported.version).unwrap();
        (imported, snapshot)
    }

    fn content(&self, name: &str) -> String {
        String::from_utf8(self.repo.content(&version(name), "data").unwrap()).unwrap()
    }

    fn export(&self, name: &str) -> tintype::Result<String> {
        let path = self.path("out.json");
        let _ = fs::remove_file(&path);
        transfer::export_json(&self.repo, &version(name), &path)?;
        Ok(fs::read_to_string(path).unwrap())
    }
}

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

/// A document of a value.
fn document(data: &str, checksum: Value) -> String {
    let metadata = json!({
        "version": "v", "created_at": "2026-01-26T06:00:00.5+01:00", "tags": [], "description": "",
        "user_info": {}, "checksum": checksum, "size_bytes": 1, "entry_count": 0,
    });
    format!(
        "{{\"data\": {data}, \"metadata\": {metadata}, \"exported_at\": \"\", \"source_id\": \"v\"}}"
    )
}

#[test]
fn a_document_comes_in_with_all_that_it_says() {
    let desk = Desk::new();
    let (imported, snapshot) = desk.took(FEED);
    assert!(!imported.present && imported.notes.is_empty(), "{imported:?}");
    assert_eq!(imported.version, version("feed-7"));
    assert_eq!(snapshot.created_at.to_string(), "2026-01-26T06:00:00.000000Z");
    let tags: Vec<_> = snapshot.tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["good", "nightly"]);
    assert_eq!(snapshot.description.as_deref(), Some("after the sale"));
    assert_eq!(json!(snapshot.user_info), json!({"run": 12, "share": 1e16}));
    let [artifact] = &snapshot.artifacts[..] else { panic!("{snapshot:?}") };
    assert_eq!((artifact.media_type.as_str(), artifact.entries), (MEDIA_JSON, Some(3)));
    // As those managers keep it themselves.
    assert_eq!(desk.content("feed-7"), r#"{"price": 19.99, "stock": [1, 2], "name": "caf\u00e9"}"#);
    let before = desk.repo.stats().unwrap();
    assert!(desk.import(FEED, Naming::Keep).unwrap().present);
    assert!(desk.import(FEED, Naming::NewWhereTaken).unwrap().present);
    assert_eq!(desk.repo.stats().unwrap(), before);
    whole(&desk.repo);
}

#[test]
fn a_value_that_does_not_fit_its_checksum_is_refused() {
    let desk = Desk::new();
    for (from, to) in [
        ("19.99", "19.98"),
        ("\"price\"", "\"prize\""),
        ("caf\\u00e9", "cafe"),
        ("1e050f", "2e050f"),
        ("      2\n", "      2, 3\n"),
    ] {
        match desk.import(FEED.replacen(from, to, 1), Naming::Keep) {
            Err(Error::Corrupt(damage)) => {
                assert_eq!(damage.version, Some(version("feed-7")));
                assert!(
                    damage.detail.contains("document.json: its data has the SHA-256"),
                    "{damage}"
                );
            }
            other => panic!("{from}: {other:?}"),
        }
    }
    assert_eq!(desk.repo.stats().unwrap().snapshots, 0);
    // White space and the order of members are no part of the value.
    desk.took(FEED.split_whitespace().collect::<Vec<_>>().join(" ").replace("after the sale", "x"));
}

#[test]
fn a_document_that_is_cut_is_refused_with_the_place() {
    let desk = Desk::new();
    for cut in 1..FEED.len() {
        match desk.import(&FEED[..cut], Naming::Keep) {
            Err(Error::Corrupt(damage)) => {
                let line = FEED[..cut].matches('\n').count() + 1;
                let told = damage.to_string();
                assert!(told.contains(&format!("it ends early at line {line} column ")), "{told}");
            }
            other => panic!("{cut}: {other:?}"),
        }
    }
    assert_eq!(desk.repo.stats().unwrap().snapshots, 0);
}

#[test]
fn other_files_are_told_apart_by_what_is_in_them() {
    let desk = Desk::new();
    for (bytes, told) in [
        (&b"{\"name\": \"x\", \"data\": 1}"[..], "no export of a snapshot: it lacks"),
        (b"\n {\"metadata\": 1, \"data\": 1}", "`metadata` is no object"),
        (b"\x80\x04\x95:\x02\0\0\0\0\0\0}\x94.", "a pickle of Python"),
        (b"[1, 2]", "not an SQLite database"),
        (b"", "it is empty"),
        (b"   ", "not an SQLite database"),
    ] {
        match desk.import(bytes, Naming::Keep) {
            Err(Error::NotAStore { why, .. }) => assert!(why.contains(told), "{told}: {why}"),
            other => panic!("{told}: {other:?}"),
        }
    }
    assert!(matches!(
        transfer::import(&desk.repo, desk.folder.path(), &Naming::Keep, &mut |_| {}),
        Err(Error::NotAStore { .. })
    ));
}

#[test]
fn values_become_what_they_are() {
    let desk = Desk::new();
    for (data, checksum, media_type, content) in [
        (
            r#""a text\n\u00e9""#,
            "053a916f2d880f314af3f9a6dabfd4854779c89b28e24318922daaac3ce6f915",
            MEDIA_TEXT,
            "a text\né",
        ),
        (
            r#"{"low":-Infinity,"half":"\ud83d"}"#,
            "83f91226ed11ad4aebb5848e22830a8d34ccb0786afde44c1f1b20f0d086c4f9",
            MEDIA_PYTHON_JSON,
            r#"{"low": -Infinity, "half": "\ud83d"}"#,
        ),
        (
            "[\n[1]]",
            "043f347c2cdc0d8ce70c38775d24e556c0290acf6d0c87a3a52aa85471cb8d02",
            MEDIA_JSON,
            "[[1]]",
        ),
        (
            "null",
            "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
            MEDIA_JSON,
            "null",
        ),
    ] {
        let (imported, snapshot) = desk.took(document(data, json!(checksum)));
        assert!(imported.notes.is_empty(), "{imported:?}");
        assert_eq!(snapshot.artifacts[0].media_type, media_type);
        assert_eq!(snapshot.created_at.to_string(), "2026-01-26T05:00:00.500000Z");
        assert_eq!((snapshot.description, snapshot.user_info.len()), (None, 0));
        assert_eq!(desk.content("v"), content);
        // They go out and come in again as the same.
        let out = desk.export("v").unwrap();
        assert!(desk.import(out, Naming::Keep).unwrap().present);
        desk.repo.forget(&version("v")).unwrap();
        tintype::ops::gc::run(&desk.repo, &tintype::ops::gc::Options::now(), &mut |_| {}).unwrap();
    }
    // More levels than others read are kept, and said to be Python's.
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let (_, snapshot) = desk.took(document(&deep, Value::Null));
    assert_eq!(snapshot.artifacts[0].media_type, MEDIA_PYTHON_JSON);
    assert_eq!(desk.content("v"), deep);
    whole(&desk.repo);
}

#[test]
fn what_can_t_be_kept_or_checked_stands_in_a_note() {
    let desk = Desk::new();
    let text = r#"{
      "data": {"a": 1, "2": "b"},
      "metadata": {
        "tags": ["good", "", 7], "description": 5, "more": [1],
        "user_info": {"big": 1180591620717411303424, "low": -Infinity, "fine": [1, {"a": null}],
                      "\ud83d": 1},
        "checksum": "3710cb2b725dc30836666a5119a958a3dbe687bdcf43abf1893aa46a428e9de2"
      },
      "exported_at": "2026-01-27T00:00:00.000001", "extra": true
    }"#;
    let (imported, snapshot) = desk.took(text);
    let notes = imported.notes.join("\n");
    for told in [
        "could not be checked",
        "does not tell when it was taken; its time is when it was exported",
        "a tag that can't be one here: \"\"",
        "a tag that can't be one here: 7",
        "a description that can't be one here: 5",
        "\"big\" of its user info is kept as a text: an integer is not kept exactly",
        "\"low\" of its user info is kept as a text: a number is not finite",
        "user info had \"\\ud83d\": 1",
        "metadata had \"more\": [1]",
        "the document had \"extra\": true",
    ] {
        assert!(notes.contains(told), "{told} is not in:\n{notes}");
    }
    assert_eq!(imported.notes.len(), 10, "{notes}");
    assert_eq!(snapshot.created_at.to_string(), "2026-01-27T00:00:00.000001Z");
    assert_eq!(snapshot.user_info["import_notes"], json!(imported.notes));
    assert_eq!(snapshot.user_info["big"], "1180591620717411303424");
    assert_eq!(snapshot.user_info["fine"], json!([1, {"a": null}]));
    // It had no name, and is found again under the one that it got.
    assert_eq!(snapshot.version.made_time(), Some(snapshot.created_at));
    assert!(desk.import(text, Naming::Keep).unwrap().present);
    assert!(desk.import(text, Naming::NewWhereTaken).unwrap().present);
    // Our own document of it says the same, and no note is added.
    let name = snapshot.version.to_string();
    let again = desk.import(desk.export(&name).unwrap(), Naming::Keep).unwrap();
    assert!(again.present && again.notes.is_empty(), "{again:?}");
    whole(&desk.repo);
}

#[test]
fn names_follow_the_rules_of_archives_and_may_be_no_versions() {
    let desk = Desk::new();
    desk.repo.create(Draft::text("mine").version(version("feed-7"))).unwrap();
    assert!(matches!(
        desk.import(FEED, Naming::Keep),
        Err(Error::VersionExists { version }) if version.as_str() == "feed-7"
    ));
    assert_eq!(desk.import(FEED, Naming::NewWhereTaken).unwrap().version.as_str().len(), 16);
    let named = desk.import(FEED, Naming::As(version("mine"))).unwrap();
    assert_eq!(named.version, version("mine"));
    let odd = FEED.replace("\"version\": \"feed-7\"", "\"version\": \"../feed\"");
    assert!(matches!(desk.import(&odd, Naming::Keep), Err(Error::Invalid { what: "version", .. })));
    let named = desk.import(&odd, Naming::As(version("plain"))).unwrap();
    assert_eq!(named.version, version("plain"));
    assert!(named.notes[0].contains("../feed"), "{named:?}");
    let made = desk.import(&odd, Naming::NewWhereTaken).unwrap();
    assert_eq!(made.version.made_time().unwrap().to_string(), "2026-01-26T06:00:00.000000Z");
    assert!(desk.import(&odd, Naming::NewWhereTaken).unwrap().present);
    assert_eq!(desk.content("feed-7"), "mine");
    whole(&desk.repo);
}

#[test]
fn what_goes_out_comes_in_byte_for_byte() {
    let desk = Desk::new();
    let other = Repository::temporary().unwrap();
    let text = |media_type: &str, content: &str| {
        let artifact =
            DraftArtifact::stored("page.txt".parse().unwrap(), media_type, content.as_bytes());
        Draft::new().artifact(artifact.unwrap())
    };
    let drafts = [
        Draft::json(&json!({"b": [1, 2.5, "é😀"], "a": null})).unwrap(),
        Draft::json_text(" \n{\"price\":\t1.50, \"price\": 12345678901234567890123}\r\n").unwrap(),
        Draft::json_text("\"{\\\"a\\\": 1}\"").unwrap(),
        Draft::json_text("1E3").unwrap(),
        Draft::text(""),
        Draft::text("line\r\n\u{0}\u{7f}\"é😀\" "),
        text("text/html; charset=utf-8", "<p>é</p>\n"),
        text("application/ld+json", "[ ]"),
        text(MEDIA_PYTHON_JSON, "[NaN,  1]\n"),
        Draft::json(&json!({"large": "x".repeat(9 * 1024 * 1024)})).unwrap(),
    ];
    let based = desk.repo.create(Draft::text("before")).unwrap();
    for (n, draft) in drafts.into_iter().enumerate() {
        let name = version(&format!("n{n}"));
        let draft = draft
            .version(name.clone())
            .at("1969-12-31T23:59:59.999999Z".parse().unwrap())
            .context(context("shop.example/a%2Fb/-/run-1/scrape"))
            .describe(if n % 2 == 0 { "" } else { "é\n" })
            .info("nested", json!({"b": [1, null, "é"], "a": u64::MAX, "f": 5e-324}))
            .tag("good")
            .unwrap()
            .based_on(&based);
        desk.repo.create(draft).unwrap();
        let out = desk.export(name.as_str()).unwrap();
        // Those managers read it, and find the checksum that they know.
        let path = desk.file(&out);
        let imported = transfer::import(&other, &path, &Naming::Keep, &mut |_| {}).unwrap();
        assert!(imported[0].notes.is_empty() && !imported[0].present, "{imported:?}");
        let strip = |mut snapshot: Snapshot| {
            snapshot
                .artifacts
                .iter_mut()
                .for_each(|it| (it.stored, it.base, it.depth) = (0, None, 0));
            json!(snapshot)
        };
        let (one, two) = (desk.repo.get(&name).unwrap(), other.get(&name).unwrap());
        let artifact = one.artifacts[0].name.clone();
        assert_eq!(strip(one), strip(two));
        assert_eq!(
            desk.repo.content(&name, artifact.as_str()).unwrap(),
            other.content(&name, artifact.as_str()).unwrap()
        );
        assert!(
            transfer::import(&desk.repo, &path, &Naming::Keep, &mut |_| {}).unwrap()[0].present
        );
        if !out.contains("NaN") {
            let read: Value = serde_json::from_str(&out).unwrap();
            assert_eq!(read["source_id"], name.as_str());
            assert_eq!(read["exported_at"].as_str().map(str::len), Some(32));
            assert_eq!(read["metadata"]["created_at"], "1969-12-31T23:59:59.999999+00:00");
        }
    }
    whole(&other);
}

#[test]
fn a_document_of_ours_that_was_changed_is_refused() {
    let desk = Desk::new();
    let text = "{\"price\": 24, \"note\": [1]}\n";
    desk.repo.create(Draft::json_text(text).unwrap().version(version("v"))).unwrap();
    let out = desk.export("v").unwrap();
    let other = Desk::new();
    for (from, to) in [("24", "25"), ("[1]", "[ 1]"), ("\"blake3\": \"", "\"blake3\": \"0")] {
        let changed = out.replacen(from, to, 1);
        match other.import(&changed, Naming::Keep) {
            Err(Error::Corrupt(damage)) => assert_eq!(damage.version, Some(version("v"))),
            other => panic!("{from}: {other:?}"),
        }
    }
    other.took(&out);
    assert_eq!(other.content("v"), text);
}

#[test]
fn what_json_can_t_hold_is_refused_and_leaves_no_file() {
    let desk = Desk::new();
    let lone = |media_type: &str, content: &[u8]| {
        let artifact = DraftArtifact::stored("data".parse().unwrap(), media_type, content);
        Draft::new().artifact(artifact.unwrap()).version(version("v"))
    };
    let two = lone(MEDIA_TEXT, b"a")
        .artifact(DraftArtifact::stored("b".parse().unwrap(), MEDIA_TEXT, &b"b"[..]).unwrap());
    for (draft, told) in [
        (Draft::bytes(vec![1, 2]).version(version("v")), "application/octet-stream"),
        (lone("application/json", b"{\"a\": NaN}"), "not what application/json is"),
        (lone("application/json", b"{"), "it ends early at line 1 column 2"),
        (lone("text/plain", b"\xff"), "not what text/plain is"),
        (two, "it has 2 artifacts"),
    ] {
        desk.repo.create(draft).unwrap();
        match desk.export("v") {
            Err(Error::Invalid { why, .. }) => {
                assert!(why.contains(told) && why.contains("archive"), "{told}: {why}");
            }
            other => panic!("{told}: {other:?}"),
        }
        desk.repo.forget(&version("v")).unwrap();
        tintype::ops::gc::run(&desk.repo, &tintype::ops::gc::Options::now(), &mut |_| {}).unwrap();
    }
    assert!(matches!(desk.export("v"), Err(Error::NotFound { .. })));
    desk.repo.create(Draft::text("t").version(version("t"))).unwrap();
    let taken = desk.file("mine");
    let export = |path: &Path| transfer::export_json(&desk.repo, &version("t"), path);
    assert!(matches!(export(&taken), Err(Error::StoreExists { .. })));
    assert!(matches!(export(&desk.path("no/such.json")), Err(Error::Io { .. })));
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 1);
}

#[test]
fn a_har_goes_out_with_the_bodies_that_the_snapshot_has() {
    let desk = Desk::new();
    let content = |artifact: &str| json!({ "size": 2, "_artifact": artifact });
    let entry = |content: Value| json!({ "response": { "content": content } });
    let har = json!({ "log": { "creator": { "name": "Tintype" }, "entries": [
        entry(content("body-001.json")),
        entry(content("body-002.js")),
        entry(content("body-003.css")),
        entry(json!({ "size": 9 })),
    ] } });
    let stored = |name: &str, content: &[u8]| {
        DraftArtifact::stored(name.parse().unwrap(), "text/plain", content).unwrap()
    };
    let why = "a secret in it can't be taken out".to_owned();
    let name = "body-003.css".parse().unwrap();
    let withheld = DraftArtifact::missing(name, "text/css", ArtifactStatus::Redacted, Some(why));
    let draft = Draft::new()
        .artifact(stored("network.har", har.to_string().as_bytes()))
        .artifact(stored("body-001.json", b"{}"))
        .artifact(withheld.unwrap())
        .version(version("v"));
    desk.repo.create(draft).unwrap();
    let path = desk.path("out.har");
    let exported = transfer::export_har(&desk.repo, &version("v"), &path).unwrap();
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let contents: Vec<_> = written["log"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["content"].clone())
        .collect();
    assert_eq!(
        contents,
        [
            json!({ "size": 2, "text": "{}" }),
            json!({ "size": 2, "comment": "there is no body-002.js in the snapshot" }),
            json!({ "size": 2, "comment": "a secret in it can't be taken out" }),
            json!({ "size": 9, "comment": "its body was not taken" }),
        ]
    );
    assert_eq!(exported.bytes, har.to_string().len() as u64 + 2);
    assert_eq!(exported.file_bytes, fs::metadata(&path).unwrap().len());
    let again = transfer::export_har(&desk.repo, &version("v"), &path).unwrap_err();
    assert!(matches!(again, Error::StoreExists { .. }));

    // One that another program made is its own business.
    let other = br#"{ "log": {"entries": [{"response": {"content": {"_artifact": "data"}}}]}}"#;
    let draft = Draft::new().artifact(stored("network.har", other)).version(version("w"));
    desk.repo.create(draft).unwrap();
    let path = desk.path("other.har");
    transfer::export_har(&desk.repo, &version("w"), &path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), other);

    // What was asked for and could not be had says why.
    let why = Some("the browser is gone".to_owned());
    let name = "network.har".parse().unwrap();
    let failed = DraftArtifact::missing(name, "application/har+json", ArtifactStatus::Failed, why);
    let draft = Draft::text("t").artifact(failed.unwrap()).version(version("x"));
    desk.repo.create(draft).unwrap();
    let told = transfer::export_har(&desk.repo, &version("x"), desk.path("no")).unwrap_err();
    assert_eq!(
        told.to_string(),
        "there is no artifact network.har in snapshot x (failed: the browser is gone), which holds \
         data"
    );
    assert!(!desk.path("no").exists());
}

#[test]
fn an_artifact_goes_out_as_it_is() {
    let desk = Desk::new();
    let content = vec![7; 9 * 1024 * 1024];
    let artifact =
        DraftArtifact::stored("page.mhtml".parse().unwrap(), "multipart/related", content.clone());
    let draft = Draft::text("t").artifact(artifact.unwrap()).version(version("v"));
    desk.repo.create(draft).unwrap();
    let export = |name: &str, path: &Path| {
        transfer::export_artifact(&desk.repo, &version("v"), &name.parse().unwrap(), path)
    };
    let path = desk.path("page.mhtml");
    let exported = export("page.mhtml", &path).unwrap();
    assert_eq!(exported.file_bytes, content.len() as u64);
    assert!(fs::read(&path).unwrap() == content);
    assert!(matches!(export("page.mhtml", &path), Err(Error::StoreExists { .. })));
    let told = export("network.har", &desk.path("x")).unwrap_err().to_string();
    assert_eq!(
        told,
        "there is no artifact network.har in snapshot v, which holds data, page.mhtml"
    );
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 1);
}
