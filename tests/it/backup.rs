//! Whole copies of a store: made while others write, looked at, put back, removed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tintype::codec::frame::{self, Codec};
use tintype::ops::backup::{self, Options, RestoreOptions};
use tintype::ops::verify::{self, Depth};
use tintype::ops::{gc, repack};
use tintype::{Draft, DraftArtifact, Error, EventKind, EventQuery, Keep, Query, Repository, What};

use crate::support::full::full_store;
use crate::support::noise;
use crate::support::values::{Shared, Still, context, document, tag, version};

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

/// All that a store answers but the last events of its log, which is told by their number.
fn told(repo: &Repository, events_less: usize) -> String {
    let all = |query: Query| repo.find(&query.limit(10_000)).unwrap();
    let mut told = String::new();
    for one in all(Query::all()) {
        told += &json!(one).to_string();
        for artifact in one.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
            let mut content = Vec::new();
            repo.copy_to(&one.version, artifact.name.as_str(), &mut content).unwrap();
            told += &frame::hash(&content).to_string();
        }
    }
    let forgotten: Vec<_> =
        all(Query::all().forgotten()).into_iter().map(|it| it.version).collect();
    let limit = usize::MAX;
    let events = repo.events(&EventQuery { limit, ..EventQuery::default() }).unwrap();
    let tags = repo.tags().unwrap();
    told + &json!([forgotten, tags, repo.retention().unwrap(), events[events_less..]]).to_string()
}

fn create(repo: &Repository) -> backup::Backup {
    backup::create(repo, &Options::default(), &mut |_| {}).unwrap()
}

/// The store of a backup beside this one.
fn path_of(repo: &Repository, id: &str) -> PathBuf {
    backup::find(backup::folder_of(repo.path()), id).unwrap()
}

fn put_back(repo: &Repository, id: &str) -> tintype::Result<backup::Restored> {
    backup::restore(repo, path_of(repo, id), &RestoreOptions::forced(), &mut |_| {})
}

/// A store of some versions, in a folder of its own.
fn store(count: usize) -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repo = Repository::init(folder.path().join("tintype.db")).unwrap();
    put(&repo, 0..count);
    (folder, repo)
}

fn put(repo: &Repository, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let draft = Draft::bytes(document(n)).context(context("shop/prices"));
        repo.create(draft.version(version(&format!("v{n}")))).unwrap();
    }
}

/// The names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn a_backup_goes_back_as_it_was_taken_and_so_does_what_it_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    full_store(&path);
    let repo = Repository::open(&path).unwrap();
    let first = told(&repo, 0);
    let mut stages = BTreeSet::new();
    let options = Options::default().describe("before the change");
    let made = backup::create(&repo, &options, &mut |told| {
        stages.insert(told.stage);
    })
    .unwrap();
    assert!(stages.is_superset(&BTreeSet::from(["bytes", "contents", "pages"])), "{stages:?}");
    assert!(made.checked);
    assert_eq!(made.snapshots, repo.stats().unwrap().snapshots);
    assert_eq!(made.event, repo.stats().unwrap().events);
    let list = backup::list(backup::folder_of(&path)).unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].backup.as_ref(), Some(&made));
    assert_eq!(list[0].backup.as_ref().unwrap().description.as_deref(), Some("before the change"));
    let report = backup::verify(&list[0].path, &mut |_| {}).unwrap();
    assert!(report.ok, "{:?}", report.problems);
    // It can be opened by itself, and tells the same.
    assert_eq!(told(&Repository::open(&list[0].path).unwrap(), 0), first);

    put(&repo, 0..3);
    repo.forget(&version("v1")).unwrap();
    repo.untag(&version("version-3"), &tag("later")).unwrap();
    let second = told(&repo, 0);
    let from = path_of(&repo, &made.id);
    let refused = backup::restore(&repo, &from, &RestoreOptions::default(), &mut |_| {});
    assert!(matches!(refused, Err(Error::NewerSnapshots { snapshots: 3, .. })), "{refused:?}");
    let dry = RestoreOptions::default().dry_run();
    let dry = backup::restore(&repo, &from, &dry, &mut |_| {}).unwrap();
    assert_eq!((dry.lost_snapshots, dry.lost_events), (Some(3), Some(5)));
    assert_eq!(told(&repo, 0), second);
    assert_eq!(backup::list(backup::folder_of(&path)).unwrap().len(), 1);

    let restored = put_back(&repo, &made.id).unwrap();
    assert_eq!(told(&repo, 1), first);
    whole(&repo);
    assert_eq!((restored.lost_snapshots, restored.lost_events), (Some(3), Some(5)));
    let event = &repo.events(&EventQuery::default()).unwrap()[0];
    let kept = restored.kept.unwrap();
    assert_eq!(event.kind, EventKind::Restore);
    let detail = event.detail.as_ref().unwrap();
    assert_eq!((&detail["backup"], &detail["kept"]), (&json!(made.id), &json!(kept.id)));
    assert_eq!(detail["replaced"]["event"], json!(made.event + 5));

    // And back: what it replaced is a backup as good as any. Just the event of the restore is lost.
    assert_eq!((kept.replaced_by.as_ref(), kept.checked), (Some(&made.id), false));
    assert_eq!(kept.description, Some(format!("before {} was restored", made.id)));
    let back =
        backup::restore(&repo, path_of(&repo, &kept.id), &RestoreOptions::default(), &mut |_| {});
    assert_eq!(back.unwrap().lost_snapshots, Some(0));
    assert_eq!(told(&repo, 1), second);
    whole(&repo);
    // The log goes on from there, and whoever opens the file next finds it whole.
    put(&repo, 10..12);
    repo.close().unwrap();
    let repo = Repository::open(&path).unwrap();
    assert_eq!(repo.find(&Query::context("shop".parse().unwrap())).unwrap().len(), 4);
    whole(&repo);
    let names: Vec<String> = names(folder.path()).into_iter().collect();
    assert_eq!(names.len(), 5, "{names:?}");
}

#[test]
fn what_came_after_is_counted_from_what_both_have_in_common() {
    let (_folder, repo) = store(4);
    let old = create(&repo);
    put(&repo, 4..6);
    put_back(&repo, &old.id).unwrap();
    // Another history has these numbers now.
    put(&repo, 6..9);
    let kept = backup::list(backup::folder_of(repo.path())).unwrap().remove(0);
    let dry = RestoreOptions::default().dry_run();
    let told = backup::restore(&repo, &kept.path, &dry, &mut |_| {}).unwrap();
    // The event of the restore came after, too.
    assert_eq!((told.lost_snapshots, told.lost_events), (Some(3), Some(4)));
    let told = backup::restore(&repo, path_of(&repo, &old.id), &dry, &mut |_| {}).unwrap();
    assert_eq!((told.lost_snapshots, told.lost_events), (Some(3), Some(4)));
}

#[test]
fn whoever_holds_the_store_finds_what_was_put_back() {
    let (_folder, repo) = store(5);
    let made = create(&repo);
    let other = Repository::open(repo.path()).unwrap();
    put(&other, 5..30);
    let view_before = other.read(|view| {
        // A view that is open stays what it is.
        assert_eq!(view.versions()?.len(), 30);
        let restored = put_back(&repo, &made.id).unwrap();
        assert_eq!(restored.lost_snapshots, Some(25));
        Ok(view.versions()?.len())
    });
    assert_eq!(view_before.unwrap(), 30);
    assert_eq!(other.versions().unwrap().len(), 5);
    // It holds ends of chains that are gone.
    put(&other, 20..40);
    put(&repo, 40..45);
    for handle in [&repo, &other] {
        assert_eq!(handle.versions().unwrap().len(), 30);
        whole(handle);
        for n in (0..5).chain(20..45) {
            assert_eq!(handle.content(&version(&format!("v{n}")), "data").unwrap(), document(n));
        }
    }
    drop((repo, other));
}

/// Bytes that do something when half of them were read.
struct Half<F: FnMut()> {
    bytes: Vec<u8>,
    at: usize,
    act: Option<F>,
}

impl<F: FnMut()> Read for Half<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at > self.bytes.len() / 2
            && let Some(mut act) = self.act.take()
        {
            act();
        }
        let count = (&self.bytes[self.at..]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

#[test]
fn what_is_on_its_way_in_or_out_is_right_or_an_error() {
    let (_folder, repo) = store(2);
    let place = context("large");
    let name = "large".parse().unwrap();
    let bytes = noise(1, 20 << 20);
    let keep = |repo: &Repository, name: &str, bytes: &[u8]| {
        let artifact = "large".parse().unwrap();
        let staged = repo.stage(&context("large"), &artifact, bytes).unwrap();
        let large = DraftArtifact::staged(artifact, "text/plain", staged).unwrap();
        repo.create(Draft::new().artifact(large).version(version(name))).unwrap();
    };
    keep(&repo, "kept", &bytes);
    let made = create(&repo);
    keep(&repo, "lost", &noise(2, 20 << 20));
    let other = Repository::open(repo.path()).unwrap();
    // Coming in: its first half goes with what it was put into. Others then take room there.
    let act = || {
        put_back(&other, &made.id).unwrap();
        keep(&other, "later", &noise(3, 20 << 20));
    };
    let half = Half { bytes: noise(4, 20 << 20), at: 0, act: Some(act) };
    let staged = repo.stage(&place, &name, half);
    let stored = staged.and_then(|staged| {
        let large = DraftArtifact::staged(name.clone(), "text/plain", staged)?;
        repo.create(Draft::new().artifact(large).version(version("half")))
    });
    match stored {
        Ok(half) => assert!(repo.content(&half, "large").unwrap() == noise(4, 20 << 20)),
        Err(Error::NotFound { what: What::Staged, .. } | Error::Invalid { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
    for (name, seed) in [("kept", 1), ("later", 3)] {
        assert!(repo.content(&version(name), "large").unwrap() == noise(seed, 20 << 20));
    }
    whole(&repo);
    // Going out: what stays is read on, what goes is told to be gone.
    let mut stays = repo.reader(&version("kept"), "large").unwrap();
    let mut goes = repo.reader(&version("later"), "large").unwrap();
    let mut begun = vec![0; 1_000];
    stays.read_exact(&mut begun).unwrap();
    goes.read_exact(&mut begun).unwrap();
    put_back(&other, &made.id).unwrap();
    keep(&other, "last", &noise(5, 20 << 20));
    let mut rest = Vec::new();
    stays.read_to_end(&mut rest).unwrap();
    assert!(rest == bytes[1_000..]);
    let error = goes.read_to_end(&mut Vec::new()).unwrap_err().downcast::<Error>().unwrap();
    assert!(matches!(error, Error::NotFound { what: What::Artifact, .. }), "{error:?}");
}

#[test]
fn a_backup_is_made_while_others_never_rest() {
    let (_folder, repo) = store(3);
    let done = Arc::new(AtomicBool::new(false));
    let writer = |number: usize| {
        let (path, done) = (repo.path().to_owned(), done.clone());
        std::thread::spawn(move || {
            let repo = Repository::open(path).unwrap();
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                let draft = Draft::bytes(noise(n, 5_000)).context(context(&format!("w{number}")));
                repo.create(draft.version(version(&format!("w{number}-{n:05}")))).unwrap();
                match n % 40 {
                    10 => drop(repo.forget(&version(&format!("w{number}-{:05}", n - 5)))),
                    20 => drop(gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap()),
                    30 if number == 0 => drop(repack::run(&repo, &mut |_| {}).unwrap()),
                    _ => {}
                }
                n += 1;
            }
        })
    };
    let writers: Vec<_> = (0..2).map(writer).collect();
    let mut before = 0;
    for _ in 0..4 {
        let known: BTreeSet<_> = repo.versions().unwrap().into_iter().collect();
        // Two at once, in one folder.
        let both = std::thread::scope(|scope| {
            let make = || scope.spawn(|| create(&Repository::open(repo.path()).unwrap()));
            [make(), make()].map(|made| made.join().unwrap())
        });
        assert_ne!(both[0].id, both[1].id);
        for made in &both {
            let report = backup::verify(path_of(&repo, &made.id), &mut |_| {}).unwrap();
            assert!(report.ok, "{:?}", report.problems);
            let copy = Repository::open(path_of(&repo, &made.id)).unwrap();
            let there: BTreeSet<_> = copy.versions().unwrap().into_iter().collect();
            let forgotten = copy.find(&Query::all().forgotten().limit(10_000)).unwrap();
            let lost = known.iter().filter(|it| !there.contains(*it)).count();
            // What was told before is in it, but what the writers let go of.
            assert!(lost <= forgotten.len() + known.len() / 20 + 2, "{lost} of {}", known.len());
            assert!(made.event >= before);
        }
        before = both[0].event.max(both[1].event).min(both[0].event);
    }
    done.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    whole(&repo);
}

#[test]
fn backups_go_back_at_once_and_under_whoever_lets_go_of_things() {
    let (_folder, repo) = store(30);
    let made = create(&repo);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let repo = Repository::open(repo.path()).unwrap();
            for n in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // What was there may be gone when it is come to: that is told, or left alone.
                drop(repo.create(Draft::bytes(document(n)).context(context("shop/prices"))));
                drop(repo.forget(&version(&format!("v{}", n % 30))));
                gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
                repack::run(&repo, &mut |_| {}).unwrap();
            }
        });
        let restore = || {
            let repo = Repository::open(repo.path()).unwrap();
            for _ in 0..4 {
                put_back(&repo, &made.id).unwrap();
                whole(&repo);
            }
        };
        let both = [scope.spawn(restore), scope.spawn(restore)].map(|one| one.join());
        done.store(true, Ordering::Relaxed);
        both.into_iter().for_each(|one| one.unwrap());
    });
    whole(&repo);
    let kept = backup::list(backup::folder_of(repo.path())).unwrap();
    assert_eq!(kept.len(), 9);
    for found in kept {
        let report = backup::verify(&found.path, &mut |_| {}).unwrap();
        assert!(report.ok, "{:?}", report.problems);
    }
    put_back(&repo, &made.id).unwrap();
    assert_eq!(repo.versions().unwrap().len(), 30);
}

#[test]
fn a_copy_of_an_earlier_schema_goes_back_as_one_of_this() {
    let folder = tempfile::tempdir().unwrap();
    let packed = include_bytes!("../data/schema-07.db.zst");
    let earlier = frame::decode(Codec::Zstd, packed, None, 118_784).unwrap();
    let (path, copy) = (folder.path().join("tintype.db"), folder.path().join("copy.db"));
    fs::write(&path, &earlier).unwrap();
    fs::write(&copy, &earlier).unwrap();
    let repo = Repository::open(&path).unwrap();
    let before = told(&repo, 0);
    put(&repo, 100..103);
    let restored = backup::restore(&repo, &copy, &RestoreOptions::forced(), &mut |_| {}).unwrap();
    assert_eq!(restored.lost_snapshots, Some(3));
    assert_eq!(told(&repo, 1), before);
    assert_eq!(repo.stats().unwrap().schema, tintype::store::SCHEMA);
    whole(&repo);
    assert!(fs::read(&copy).unwrap() == earlier);
}

#[test]
fn a_store_in_memory_has_backups_too() {
    let folder = tempfile::tempdir().unwrap();
    let repo = Repository::in_memory().unwrap();
    put(&repo, 0..20);
    let refused = backup::create(&repo, &Options::default(), &mut |_| {});
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    let options = Options::default().to(folder.path());
    let made = backup::create(&repo, &options, &mut |_| {}).unwrap();
    let before = told(&repo, 0);
    put(&repo, 20..30);
    let path = backup::find(folder.path(), &made.id).unwrap();
    let refused = backup::restore(&repo, &path, &RestoreOptions::default(), &mut |_| {});
    assert!(matches!(refused, Err(Error::NewerSnapshots { snapshots: 10, .. })));
    backup::restore(&repo, &path, &RestoreOptions::forced(), &mut |_| {}).unwrap();
    assert_eq!(told(&repo, 1), before);
    whole(&repo);
    put(&repo, 20..25);
    whole(&repo);
    // It becomes a file where none is.
    let lost = folder.path().join("found.db");
    let restored =
        backup::restore_lost(&lost, &path, &RestoreOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((restored.snapshots, restored.lost_snapshots), (20, Some(0)));
    let found = Repository::open(&lost).unwrap();
    assert_eq!(told(&found, 1), before);
    put(&found, 20..30);
    whole(&found);
}

#[test]
fn damage_to_a_backup_is_told_and_nothing_of_it_goes_back() {
    let (_folder, repo) = store(6);
    let made = create(&repo);
    let path = path_of(&repo, &made.id);
    let note = path.with_file_name("backup.json");
    let before = told(&repo, 0);
    let (store, words) = (fs::read(&path).unwrap(), fs::read_to_string(&note).unwrap());
    let refuse = |what: &str| {
        let report = backup::verify(&path, &mut |_| {}).unwrap();
        assert!(!report.ok, "{what}");
        let refused = backup::restore(&repo, &path, &RestoreOptions::forced(), &mut |_| {});
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{what}: {refused:?}");
        assert_eq!(told(&repo, 0), before, "{what}");
        report
    };
    for at in (0..store.len()).step_by(store.len() / 23) {
        let mut flipped = store.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        refuse(&format!("byte {at}"));
    }
    for length in [0, 50, 4_096, store.len() - 1] {
        fs::write(&path, &store[..length]).unwrap();
        let report = refuse(&format!("{length} bytes"));
        assert!(report.problems[0].detail.contains(&format!("has {length} bytes instead of")));
    }
    fs::remove_file(&path).unwrap();
    assert!(refuse("gone").problems[0].detail.contains("No such file"));
    // Another store under this note.
    let (_other_folder, other) = store_of("other");
    let other_made = create(&other);
    fs::copy(path_of(&other, &other_made.id), &path).unwrap();
    let report = refuse("another");
    assert!(report.problems.iter().any(|it| it.detail.contains("of another store")), "{report:?}");
    fs::write(&path, &store).unwrap();
    for (word, other) in [("event", "events"), ("true", "false"), ("\"v", "\"w"), ("}", "")] {
        let changed = words.replacen(word, other, 1);
        if changed != words {
            fs::write(&note, changed).unwrap();
            let report = refuse(word);
            assert!(report.problems[0].detail.contains("note is damaged"), "{report:?}");
            let list = backup::list(backup::folder_of(repo.path())).unwrap();
            assert!(list[0].problem.is_some());
        }
    }
    // Laid out in another way it says the same.
    let plain: serde_json::Value = serde_json::from_str(&words).unwrap();
    fs::write(&note, plain.to_string()).unwrap();
    assert!(backup::verify(&path, &mut |_| {}).unwrap().ok);
    // Without a note it is a store like any other, which is proved by itself.
    fs::remove_file(&note).unwrap();
    put(&repo, 6..8);
    let restored = backup::restore(&repo, &path, &RestoreOptions::forced(), &mut |_| {}).unwrap();
    assert_eq!((restored.backup, restored.lost_snapshots), (None, Some(2)));
    assert_eq!(told(&repo, 1), before);
}

fn store_of(name: &str) -> (tempfile::TempDir, Repository) {
    let (folder, repo) = store(2);
    repo.create(Draft::text(name)).unwrap();
    (folder, repo)
}

#[test]
fn what_is_no_backup_of_this_store_is_refused() {
    let (folder, repo) = store(3);
    let before = told(&repo, 0);
    let refused = |path: &Path| {
        let refused = backup::restore(&repo, path, &RestoreOptions::forced(), &mut |_| {});
        assert_eq!(told(&repo, 0), before);
        refused.unwrap_err()
    };
    // Another store, as a backup and as it is.
    let (_other_folder, other) = store_of("other");
    let made = create(&other);
    for path in [path_of(&other, &made.id), other.path().to_owned()] {
        let error = refused(&path);
        assert!(error.to_string().contains("of another store"), "{error}");
    }
    assert!(refused(repo.path()).to_string().contains("it is the store itself"));
    let nothing = folder.path().join("nothing");
    assert!(matches!(refused(&nothing), Error::NotFound { what: What::Backup, .. }));
    let (text, foreign) = (folder.path().join("text"), folder.path().join("foreign.db"));
    fs::write(&text, "no store").unwrap();
    let sql = rusqlite::Connection::open(&foreign).unwrap();
    sql.execute_batch("CREATE TABLE a (b)").unwrap();
    for path in [&text, &foreign] {
        let error = refused(path);
        assert!(matches!(error, Error::NotAStore { .. }), "{error:?}");
    }
    // One that a newer program wrote.
    let newer = folder.path().join("newer.db");
    fs::copy(path_of(&repo, &create(&repo).id), &newer).unwrap();
    let sql = rusqlite::Connection::open(&newer).unwrap();
    sql.execute_batch("PRAGMA user_version = 9999; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(sql);
    let error = refused(&newer);
    assert!(matches!(error, Error::NewerStore { found: 9999, .. }), "{error:?}");
    // Folders that don't do.
    for (to, why) in [(&nothing, "it is not there"), (&text, "it is no folder")] {
        let options = Options::default().to(to);
        let error = backup::create(&repo, &options, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let told = Options::default().describe("x".repeat(100_000));
    let error = backup::create(&repo, &told, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

#[test]
fn a_damaged_store_has_no_backup_but_what_was_made_before_goes_back() {
    let (_folder, repo) = store(5);
    let path = repo.path().to_owned();
    let before = told(&repo, 0);
    let made = create(&repo);
    put(&repo, 5..7);
    repo.close().unwrap();
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch("UPDATE blob SET data = x'00' WHERE id = 2").unwrap();
    drop(sql);
    let repo = Repository::open(&path).unwrap();
    let refused = backup::create(&repo, &Options::default(), &mut |_| {});
    assert!(matches!(&refused, Err(Error::Corrupt(_))), "{refused:?}");
    let folder = backup::folder_of(&path);
    assert_eq!(backup::list(&folder).unwrap().len(), 1);
    assert!(!names(&folder).iter().any(|name| name.contains("making")));
    let restored = put_back(&repo, &made.id).unwrap();
    assert_eq!(told(&repo, 1), before);
    whole(&repo);
    // What is kept of it is as damaged as it was, and is told so.
    let kept = restored.kept_at.unwrap();
    assert!(!backup::verify(&kept, &mut |_| {}).unwrap().ok);
    let again = backup::restore(&repo, &kept, &RestoreOptions::forced(), &mut |_| {});
    assert!(matches!(again, Err(Error::Corrupt(_))));
}

#[test]
fn a_store_that_is_lost_is_made_anew() {
    let (folder, repo) = store(5);
    let path = repo.path().to_owned();
    let before = told(&repo, 0);
    let made = create(&repo);
    let from = path_of(&repo, &made.id);
    let lost = |options: &RestoreOptions| backup::restore_lost(&path, &from, options, &mut |_| {});
    let (plain, forced) = (RestoreOptions::default(), RestoreOptions::forced());
    // One that can be opened is not lost.
    assert!(matches!(lost(&forced), Err(Error::StoreExists { .. })));
    put(&repo, 5..8);
    // Ended without a word: its log stands beside it.
    let log = fs::read(folder.path().join("tintype.db-wal")).unwrap();
    repo.close().unwrap();
    fs::write(&path, noise(3, 50_000)).unwrap();
    fs::write(folder.path().join("tintype.db-wal"), &log).unwrap();
    assert!(lost(&plain).is_err());
    assert_eq!(fs::read(&path).unwrap(), noise(3, 50_000));
    let dry = lost(&forced.clone().dry_run()).unwrap();
    assert_eq!((dry.lost_snapshots, dry.kept_at), (None, None));
    assert_eq!(fs::read(&path).unwrap(), noise(3, 50_000));
    let restored = lost(&forced).unwrap();
    let repo = Repository::open(&path).unwrap();
    assert_eq!(told(&repo, 1), before);
    whole(&repo);
    let aside = restored.kept_at.unwrap();
    assert_eq!(fs::read(&aside).unwrap(), noise(3, 50_000));
    assert_eq!(fs::read(format!("{}-wal", aside.display())).unwrap(), log);
    repo.close().unwrap();
    // Gone altogether.
    fs::remove_file(&path).unwrap();
    let restored = lost(&plain).unwrap();
    assert_eq!((restored.snapshots, restored.lost_snapshots), (5, Some(0)));
    let repo = Repository::open(&path).unwrap();
    assert_eq!(told(&repo, 1), before);
    put(&repo, 5..8);
    whole(&repo);
}

#[test]
fn what_rules_don_t_keep_is_removed_and_what_is_damaged_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Still::at("2026-03-01T12:00:00Z"));
    let open = || Repository::builder().clock(Shared(clock.clone()));
    let repo = open().init(folder.path().join("tintype.db")).unwrap();
    let to = folder.path().join("all");
    fs::create_dir(&to).unwrap();
    let options = Options::default().to(&to);
    let mut ids = Vec::new();
    for n in 0..10 {
        put(&repo, n..n + 1);
        ids.push(backup::create(&repo, &options, &mut |_| {}).unwrap().id);
        clock.pass(Duration::from_secs(12 * 3_600));
    }
    let (_other_folder, other) = store_of("other");
    let others = backup::create(&other, &options, &mut |_| {}).unwrap().id;
    // The newest but one is cut off.
    fs::write(to.join(&ids[8]).join("tintype.db"), "x").unwrap();
    fs::create_dir(to.join("something else")).unwrap();
    let keep = Keep::last(2).daily(4);
    let plan = backup::plan(&repo, &to, &keep).unwrap();
    let kept: Vec<_> = plan.kept.iter().map(|kept| kept.backup.id.as_str()).collect();
    // The newest of the 6th, 5th, 4th and 3rd; those of the 5th and 6th are the last two as well.
    assert_eq!(kept, [&ids[9], &ids[7], &ids[6], &ids[4]].map(String::as_str));
    let left: BTreeSet<_> = plan.left.iter().map(|left| left.id.clone()).collect();
    assert_eq!(left, BTreeSet::from([ids[8].clone(), others.clone()]));
    assert_eq!(plan.removed.len(), 5);
    assert_eq!(backup::list(&to).unwrap().len(), 11);
    let pruned = plan.apply(&mut |_| {}).unwrap();
    assert_eq!(pruned.removed, 5);
    assert_eq!(plan.apply(&mut |_| {}).unwrap().removed, 0);
    let list: BTreeSet<_> = backup::list(&to).unwrap().into_iter().map(|it| it.id).collect();
    let wanted = [&ids[9], &ids[8], &ids[7], &ids[6], &ids[4], &others].map(String::clone);
    assert_eq!(list, BTreeSet::from(wanted));
    for id in [&ids[4], &ids[9]] {
        assert!(backup::verify(backup::find(&to, id).unwrap(), &mut |_| {}).unwrap().ok);
    }
    for (keep, why) in [
        (Keep::all(), "all would stay"),
        (Keep::last(0), "0 would keep nothing"),
        (Keep::last(1).tag(tag("good")), "carry no tags"),
    ] {
        let error = backup::plan(&repo, &to, &keep).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn what_killed_processes_left_goes_and_what_is_being_made_stays() {
    let (_folder, repo) = store(2);
    let first = create(&repo);
    let folder = backup::folder_of(repo.path());
    let left = folder.join(".tintype-making-left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("tintype.db"), "half").unwrap();
    // Somebody is at work in the folder: it could be theirs.
    let lock = fs::File::open(folder.join(".tintype-lock")).unwrap();
    lock.lock_shared().unwrap();
    create(&repo);
    assert!(left.exists());
    drop(lock);
    create(&repo);
    assert!(!left.exists());
    let list = backup::list(&folder).unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!(list[2].id, first.id);
    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
    };
    let (store, note) = (&list[0].path, list[0].path.with_file_name("backup.json"));
    assert_eq!([store, &note].map(|path| mode(path)), [0o600; 2]);
    assert_eq!([&folder, store.parent().unwrap()].map(mode), [0o700; 2]);
}

#[test]
fn words_for_backups_mean_one_or_are_refused() {
    let (_folder, repo) = store(1);
    let ids: Vec<String> = (0..3).map(|_| create(&repo).id).collect();
    let folder = backup::folder_of(repo.path());
    let find = |word: &str| backup::find(&folder, word);
    assert_eq!(find("latest").unwrap(), folder.join(&ids[2]).join("tintype.db"));
    put_back(&repo, &ids[0]).unwrap();
    assert_eq!(find("latest").unwrap(), folder.join(&ids[2]).join("tintype.db"));
    assert_eq!(find(&ids[0]).unwrap(), folder.join(&ids[0]).join("tintype.db"));
    let by_path = folder.join(&ids[1]);
    assert_eq!(find(by_path.to_str().unwrap()).unwrap(), by_path.join("tintype.db"));
    assert!(matches!(find(&ids[0][..3]), Err(Error::Invalid { .. })));
    for word in ["", "nothing", "../tintype.db.backups", "."] {
        assert!(matches!(find(word), Err(Error::NotFound { what: What::Backup, .. })), "{word}");
    }
    assert!(backup::list(folder.join("nowhere")).unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is done before and after, a backup gives back what was there when it was taken.
    #[test]
    fn a_backup_gives_back_any_state(
        before in proptest::collection::vec((0..5_u8, 0..12_usize), 0..20),
        after in proptest::collection::vec((0..5_u8, 0..12_usize), 0..20),
    ) {
        let repo = Repository::temporary().unwrap();
        let act = |(verb, n): (u8, usize)| {
            let name = version(&format!("v{n}"));
            match verb {
                0 | 1 => drop(repo.create(Draft::bytes(document(n)).version(name))),
                2 => drop(repo.tag(&name, &tag("seen"))),
                3 => drop(repo.forget(&name)),
                _ => drop(gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap()),
            }
        };
        before.into_iter().for_each(act);
        let was = told(&repo, 0);
        let made = create(&repo);
        after.into_iter().for_each(act);
        let last = told(&repo, 0);
        let kept = put_back(&repo, &made.id).unwrap().kept.unwrap();
        prop_assert_eq!(told(&repo, 1), was);
        whole(&repo);
        put_back(&repo, &kept.id).unwrap();
        prop_assert_eq!(told(&repo, 1), last);
        whole(&repo);
    }
}
