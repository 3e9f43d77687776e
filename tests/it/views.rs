//! What the views for people tell, where that is more than a row with its numbers as names.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value;
use tempfile::TempDir;
use tintype::{ArtifactStatus, Draft, DraftArtifact, Repository, Status};

use crate::support::values::{context, document, version};

struct Store {
    _folder: TempDir,
    repo: Repository,
    conn: Connection,
}

fn store() -> Store {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let conn = Connection::open(&path).unwrap();
    Store { _folder: folder, repo, conn }
}

impl Store {
    /// Stores a snapshot with these artifacts, of which those without text are missing.
    fn put(&self, place: &str, name: &str, artifacts: &[(&str, Option<&str>)], status: Status) {
        let mut draft = Draft::new().context(context(place)).version(version(name)).status(status);
        for (artifact, content) in artifacts {
            let artifact_name = artifact.parse().unwrap();
            draft = draft.artifact(match content {
                Some(content) => {
                    let content = content.as_bytes().to_vec();
                    DraftArtifact::stored(artifact_name, "text/plain", content).unwrap()
                }
                None => {
                    let why = Some("gone".to_owned());
                    let status = ArtifactStatus::Failed;
                    DraftArtifact::missing(artifact_name, "text/plain", status, why).unwrap()
                }
            });
        }
        self.repo.create(draft).unwrap();
    }

    /// The rows of a query, each as its values between bars.
    fn rows(&self, sql: &str) -> Vec<String> {
        let mut found = self.conn.prepare(sql).unwrap();
        let columns = found.column_count();
        let text = |value: ValueRef<'_>| match value {
            ValueRef::Null => "-".to_owned(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            ValueRef::Blob(blob) => format!("{} bytes", blob.len()),
        };
        let rows = found.query_map([], |row| {
            let values: Result<Vec<_>, _> =
                (0..columns).map(|at| row.get_ref(at).map(text)).collect();
            Ok(values?.join("|"))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }
}

#[test]
fn a_change_is_told_of_each_artifact_of_both_snapshots() {
    let store = store();
    let done = Status::Complete;
    store.put("a", "a1", &[("kept", Some("1")), ("lost", Some("2")), ("gone", Some("3"))], done);
    store.put("b", "b1", &[("kept", Some("other"))], done);
    store.put("a", "between", &[("kept", Some("5"))], done);
    store.put("a", "a2", &[("kept", Some("1")), ("lost", None), ("new", Some("4"))], done);
    store.put("a", "a3", &[("kept", Some("6")), ("lost", None), ("new", None)], done);
    // What is forgotten is not what came before.
    store.repo.forget(&version("between")).unwrap();
    assert_eq!(
        store.rows(
            "SELECT before, after, name, change, before_bytes, length(after_hash) FROM v_change"
        ),
        [
            "-|a1|gone|first|-|64",
            "-|a1|kept|first|-|64",
            "-|a1|lost|first|-|64",
            "-|b1|kept|first|-|64",
            "a1|a2|gone|lost|1|-",
            "a1|a2|kept|same|1|64",
            "a1|a2|lost|lost|1|-",
            "a1|a2|new|appeared|-|64",
            "a2|a3|kept|changed|1|64",
            "a2|a3|lost|same|-|-",
            "a2|a3|new|lost|1|-",
        ]
    );
}

#[test]
fn what_is_broken_is_told_place_by_place() {
    let store = store();
    for (place, name, status) in [
        ("well/x", "w1", Status::Failed),
        ("well/x", "w2", Status::Complete),
        ("shop/cart", "c1", Status::Complete),
        ("shop/cart", "c2", Status::Partial),
        ("shop/cart", "c3", Status::Failed),
        ("shop/list", "l1", Status::Complete),
        ("never/x", "n1", Status::Failed),
    ] {
        store.put(place, name, &[("data", Some(name))], status);
    }
    assert_eq!(
        store.rows("SELECT site, module, snapshots, failed, last_complete, newest FROM v_broken"),
        ["shop|cart|2|1|c1|c3", "never|x|1|1|-|n1"]
    );
    assert_eq!(
        store.rows(
            "SELECT v_broken.site, since = v_snapshot.created_at OR substr(since, 1, 19) = \
             substr(v_snapshot.created_at, 1, 19) FROM v_broken \
             JOIN v_snapshot ON version = iif(v_broken.site = 'shop', 'c2', 'n1')"
        ),
        ["shop|1", "never|1"]
    );
    assert_eq!(
        store.rows(
            "SELECT site, snapshots, complete, failed, incomplete_percent,
                           incomplete_since IS NOT NULL, last_complete_at IS NOT NULL FROM v_site"
        ),
        ["never|1|0|1|100|1|0", "shop|4|2|1|50|1|1", "well|2|1|1|50|0|1"]
    );
    assert_eq!(store.rows("SELECT version FROM v_latest"), ["w2", "c3", "l1", "n1"]);
    assert_eq!(store.rows("SELECT count(*) FROM v_failure"), ["4"]);
    // What a place has below it counts as its own.
    assert_eq!(
        store.rows("SELECT place, level, snapshots FROM v_place WHERE level IN ('store', 'site')"),
        ["*|store|7", "never|site|1", "shop|site|4", "well|site|2"]
    );
}

#[test]
fn a_chain_is_what_a_delta_is_read_through() {
    let store = store();
    for n in 0..9 {
        store.repo.create(Draft::bytes(document(n))).unwrap();
    }
    let deltas = store.rows("SELECT id, chain, depth, decoded_bytes, read_bytes FROM v_chain");
    assert!(deltas.len() >= 7, "{deltas:?}");
    for row in deltas {
        let fields: Vec<_> = row.split('|').collect();
        let chain: Vec<u64> = serde_json::from_str(fields[1]).unwrap();
        assert_eq!(chain.last().unwrap().to_string(), fields[0], "{row}");
        assert_eq!((chain.len() - 1).to_string(), fields[2], "{row}");
        let list = Value::from(chain.clone());
        let sums = "SELECT sum(bytes), sum(length(data)) FROM blob WHERE id IN";
        let sums = store.rows(&format!("{sums} (SELECT value FROM json_each('{list}'))"));
        assert_eq!(sums, [format!("{}|{}", fields[3], fields[4])], "{row}");
        let first = format!("SELECT base_id FROM blob WHERE id = {}", chain[0]);
        assert_eq!(store.rows(&first), ["-"], "{row}");
    }
}

#[test]
fn what_several_hold_is_told_once() {
    let store = store();
    for (place, name, text) in [("a", "a1", "same"), ("b", "b1", "same"), ("b", "b2", "other")] {
        store.put(place, name, &[("x", Some(text)), ("y", Some("same"))], Status::Complete);
    }
    assert_eq!(
        store.rows(
            "SELECT artifacts, snapshots, saved_bytes, first_version, last_version FROM v_duplicate"
        ),
        ["5|3|16|a1|b2"]
    );
    // An artifact without content has no hash.
    store.put("a", "a2", &[("x", None)], Status::Failed);
    assert_eq!(
        store.rows("SELECT hash, blob_id, reason FROM v_artifact WHERE version = 'a2'"),
        ["-|-|gone"]
    );
}
