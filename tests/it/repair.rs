//! What is left of a damaged store, and what is made of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tintype::ops::repair::{self, Options, Report};
use tintype::ops::verify::{self, Depth};
use tintype::{Draft, Error, EventKind, EventQuery, Query, Repository, Version};

use crate::support::full::full_store;
use crate::support::values::{document, version};

const PAGE: usize = 4096;

fn store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    full_store(&path);
    (folder, path)
}

fn mend(path: &Path, options: Options) -> tintype::Result<Report> {
    repair::repair(path, &options, &mut |_| {})
}

/// What each snapshot says, content included.
fn told(path: &Path) -> BTreeMap<Version, String> {
    let repo = Repository::open(path).unwrap();
    let mut all = BTreeMap::new();
    for found in repo.find(&Query::all().limit(10_000)).unwrap() {
        let mut text = format!(
            "{} {} {:?} {:?} {:?}",
            found.created_at, found.context, found.tags, found.description, found.user_info
        );
        for artifact in &found.artifacts {
            text += &format!("\n{} {} {:?}", artifact.name, artifact.media_type, artifact.hash);
            if artifact.hash.is_some() {
                let content = repo.content(&found.version, artifact.name.as_str()).unwrap();
                text += &String::from_utf8_lossy(&content);
            }
        }
        all.insert(found.version, text);
    }
    let report = verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
    all
}

/// Damages a store, repairs it, and checks that nothing wrong is in what comes out; gives how many
/// snapshots came through and the report.
fn survivors(
    good: &[u8],
    before: &BTreeMap<Version, String>,
    damage: impl FnOnce(&mut Vec<u8>),
) -> (usize, Report) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let mut bytes = good.to_vec();
    damage(&mut bytes);
    fs::write(&path, &bytes).unwrap();
    let report = match mend(&path, Options::default()) {
        Ok(report) => report,
        Err(error @ Error::NotAStore { .. }) => panic!("nothing was saved: {error}"),
        Err(error) => panic!("{error}"),
    };
    let after = told(&path);
    for (name, text) in &after {
        let partly = report.kept_in_part.iter().any(|lost| lost.version.as_ref() == Some(name));
        assert!(partly || before.get(name) == Some(text), "{name} is not what it was");
    }
    if report.damaged {
        // The damaged file stands beside it, as it was.
        assert_eq!(fs::read(report.damaged_file.as_ref().unwrap()).unwrap(), bytes);
    }
    (after.len(), report)
}

#[test]
fn a_whole_store_is_left_as_it_is() {
    let (folder, path) = store();
    let before = fs::read(&path).unwrap();
    let files = fs::read_dir(folder.path()).unwrap().count();
    let report = mend(&path, Options::default()).unwrap();
    assert!(!report.damaged);
    assert_eq!(report.damaged_file, None);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files);
    assert!(matches!(
        mend(&folder.path().join("none"), Options::default()),
        Err(Error::NoStore { .. })
    ));
}

#[test]
fn a_store_that_is_in_use_is_not_repaired() {
    let (_folder, path) = store();
    let user = Repository::open(&path).unwrap();
    user.find(&Query::all()).unwrap();
    assert!(matches!(mend(&path, Options::default()), Err(Error::Locked { .. })));
    drop(user);
    mend(&path, Options::default()).unwrap();
}

#[test]
fn each_page_that_is_lost_costs_what_stood_on_it_and_no_more() {
    let (_folder, path) = store();
    let good = fs::read(&path).unwrap();
    let before = told(&path);
    let mut share = Vec::new();
    for page in 0..good.len() / PAGE {
        let (kept, _) = survivors(&good, &before, |bytes| bytes[page * PAGE..][..PAGE].fill(0));
        share.push((kept, page + 1));
    }
    let all = before.len();
    let whole = share.iter().filter(|(kept, _)| *kept == all).count();
    let mean = share.iter().map(|(kept, _)| *kept).sum::<usize>() as f64 / share.len() as f64;
    println!(
        "{} pages: {whole} cost nothing; of {all} snapshots {mean:.1} came through",
        share.len()
    );
    assert!(whole * 2 > share.len(), "{share:?}");
    assert!(mean > all as f64 * 0.7, "{mean}: {share:?}");
}

#[test]
fn a_first_page_that_is_lost_is_no_loss_in_a_file_that_was_written_anew_either() {
    let (_folder, path) = store();
    rusqlite::Connection::open(&path).unwrap().execute_batch("VACUUM").unwrap();
    let good = fs::read(&path).unwrap();
    let before = told(&path);
    let (kept, report) = survivors(&good, &before, |bytes| bytes[..PAGE].fill(0));
    assert!(report.damaged);
    assert_eq!(kept, before.len());
}

#[test]
fn a_file_that_was_cut_gives_what_is_before_the_cut() {
    let (_folder, path) = store();
    let good = fs::read(&path).unwrap();
    let before = told(&path);
    for cut in [good.len() - 1, good.len() - PAGE, good.len() / 4 * 3] {
        let (kept, report) = survivors(&good, &before, |bytes| bytes.truncate(cut));
        println!("cut at {cut} of {}: {kept} of {} kept", good.len(), before.len());
        assert!(report.damaged);
    }
}

#[test]
fn a_header_that_is_gone_is_no_loss() {
    let (_folder, path) = store();
    let good = fs::read(&path).unwrap();
    let before = told(&path);
    for range in [0..16, 0..100, 16..18, 60..64, 68..72] {
        let (kept, report) = survivors(&good, &before, |bytes| bytes[range.clone()].fill(0xAA));
        assert!(report.damaged, "{range:?}");
        assert_eq!(kept, before.len(), "{range:?}");
    }
}

#[test]
fn lost_content_is_told_and_the_rest_of_its_snapshot_is_kept() {
    let (_folder, path) = store();
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch(
        "UPDATE blob SET data = zeroblob(length(data)) WHERE id =
           (SELECT blob_id FROM artifact JOIN snapshot ON id = snapshot_id WHERE version = 'version-10')",
    )
    .unwrap();
    drop(sql);
    let dry = mend(&path, Options::default().dry_run()).unwrap();
    assert_eq!(dry.damaged_file, None);
    let report = mend(&path, Options::default()).unwrap();
    assert_eq!((report.kept, &report.kept_in_part), (dry.kept, &dry.kept_in_part));
    assert!(!report.kept_in_part.is_empty());
    assert_eq!((report.doubtful.len(), report.lost.len()), (0, 0));
    let repo = Repository::open(&path).unwrap();
    let found = repo.get(&version("version-10")).unwrap();
    let reason = found.artifact("data").unwrap().reason.clone().unwrap();
    assert!(reason.contains("was lost to damage; its hash was"), "{reason}");
    let events =
        repo.events(&EventQuery { kind: Some(EventKind::Repair), ..EventQuery::default() });
    let events = events.unwrap();
    let detail = events[0].detail.as_ref().unwrap();
    assert!(detail["kept_in_part"].as_array().unwrap().contains(&"version-10".into()));
    assert_eq!(repo.find(&Query::all().forgotten()).unwrap().len(), 1);
    assert_eq!(repo.retention().unwrap().len(), 1);
}

#[test]
fn a_row_that_was_changed_by_hand_is_left_out_unless_it_is_accepted() {
    let change = "UPDATE snapshot SET description = 'other' WHERE version = 'version-5'";
    for accept in [false, true] {
        let (_folder, path) = store();
        rusqlite::Connection::open(&path).unwrap().execute(change, []).unwrap();
        let options = if accept { Options::accepting() } else { Options::default() };
        let report = mend(&path, options).unwrap();
        assert_eq!(report.doubtful.len(), 1);
        assert_eq!(report.doubtful[0].version, Some(version("version-5")));
        let repo = Repository::open(&path).unwrap();
        match (accept, repo.get(&version("version-5"))) {
            (true, Ok(found)) => assert_eq!(found.description.as_deref(), Some("other")),
            (false, Err(Error::NotFound { .. })) => {}
            other => panic!("{other:?}"),
        }
        assert!(verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap().ok);
        // Had back from the file beside it, what was left out can still be looked at.
        let aside = rusqlite::Connection::open(report.damaged_file.unwrap()).unwrap();
        let told: String = aside
            .query_row("SELECT description FROM snapshot WHERE version = 'version-5'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(told, "other");
    }
}

#[test]
fn the_log_of_another_store_is_refused_and_does_no_harm() {
    let (folder, path) = store();
    let before = told(&path);
    // A log that another store has not yet moved into its file.
    let other = folder.path().join("other.db");
    let repo = Repository::init(&other).unwrap();
    for n in 0..20 {
        repo.create(Draft::bytes(document(n))).unwrap();
    }
    let log = folder.path().join("tintype.db-wal");
    fs::copy(folder.path().join("other.db-wal"), &log).unwrap();
    drop(repo);
    match Repository::open(&path) {
        Err(Error::Corrupt(damage)) => {
            assert!(damage.detail.contains("is not the log of this store"), "{damage}");
        }
        other => panic!("{:?}", other.err()),
    }
    let report = mend(&path, Options::default()).unwrap();
    assert!(report.damaged);
    assert_eq!(told(&path), before);
    assert!(!log.exists() || fs::metadata(&log).unwrap().len() == 0);
}
