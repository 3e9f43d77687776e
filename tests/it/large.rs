//! Content larger than what is held in memory: in as a stream, kept in pieces, out as a stream.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use tintype::codec::chunk::{PIECE_BYTES_AVERAGE, PIECE_BYTES_MAX};
use tintype::ops::verify::{self, Depth};
use tintype::store::{LEASE, UNCUT_BYTES_MAX};
use tintype::{
    ArtifactName, Clock, Context, DeltaPolicy, Draft, DraftArtifact, Error, Query, Repository,
    Staged, Time, Version, What,
};

use crate::support::noise;

fn data() -> ArtifactName {
    ArtifactName::data()
}

fn stage(repo: &Repository, content: &[u8]) -> Staged {
    repo.stage(&Context::default(), &data(), content).unwrap()
}

fn draft(staged: Staged) -> Draft {
    let artifact = DraftArtifact::staged(data(), "application/octet-stream", staged).unwrap();
    Draft::new().artifact(artifact)
}

fn store(repo: &Repository, content: &[u8]) -> Version {
    repo.create(draft(stage(repo, content))).unwrap()
}

/// Checks that content comes back in every way that it can.
fn check(repo: &Repository, version: &Version, content: &[u8]) {
    assert!(repo.content(version, "data").unwrap() == content);
    let mut copied = Vec::new();
    let bytes = repo.copy_to(version, "data", &mut copied).unwrap();
    assert!(copied == content && bytes == content.len() as u64);
    let mut reader = repo.reader(version, "data").unwrap();
    assert_eq!(reader.size_bytes(), content.len() as u64);
    assert_eq!(reader.hash(), tintype::codec::frame::hash(content));
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert!(read == content);
}

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:?}", report.problems);
}

/// A store in a file, closed, that holds one large content as `version`.
fn one(content: &[u8]) -> (tempfile::TempDir, PathBuf, Version) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let version = store(&repo, content);
    repo.close().unwrap();
    (folder, path, version)
}

fn count(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn change(path: &Path, sql: &str) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    conn.execute_batch(sql).unwrap();
}

#[test]
fn content_of_any_size_comes_back_streamed_or_not() {
    const LIMIT: usize = UNCUT_BYTES_MAX;
    for (repo, sizes) in [
        (Repository::temporary(), &[0, 1, LIMIT - 1, LIMIT, LIMIT + 1, 2 * LIMIT + 4_321][..]),
        (Repository::in_memory(), &[0, LIMIT + 1][..]),
    ] {
        let repo = repo.unwrap();
        for (seed, &bytes) in sizes.iter().enumerate() {
            let (streamed, given) = (noise(seed as u64, bytes), noise(99 - seed as u64, bytes));
            check(&repo, &store(&repo, &streamed), &streamed);
            let version = repo.create(Draft::bytes(given.clone())).unwrap();
            check(&repo, &version, &given);
            let artifact = &repo.get(&version).unwrap().artifacts[0];
            assert_eq!(artifact.bytes, bytes as u64);
            assert_eq!(artifact.pieces > 0, bytes > LIMIT, "{bytes}");
            assert!(artifact.stored >= artifact.bytes, "noise does not get smaller");
        }
        whole(&repo);
    }
}

#[test]
fn content_without_any_pattern_to_cut_at_is_a_few_pieces() {
    let repo = Repository::temporary().unwrap();
    let content = vec![0; 5 * PIECE_BYTES_MAX + 7];
    let version = store(&repo, &content);
    check(&repo, &version, &content);
    let artifact = &repo.get(&version).unwrap().artifacts[0];
    let stats = repo.stats().unwrap();
    assert!(artifact.pieces > stats.pieces, "equal pieces are kept once");
    assert!(stats.stored < 100_000, "{}", stats.stored);
}

#[test]
fn a_small_edit_costs_a_delta_on_the_piece_before() {
    let repo = Repository::temporary().unwrap();
    let mut content = noise(1, 16 << 20);
    store(&repo, &content);
    let mut before = repo.stats().unwrap();
    for (at, inserted) in [(0, 0), (5 << 20, 3), (9 << 20, 0), (10 << 20, 1_000), (1, 5)] {
        content[at] ^= 0xFF;
        content.splice(at..at, noise(at as u64, inserted));
        let version = store(&repo, &content);
        let stats = repo.stats().unwrap();
        assert!(stats.pieces <= before.pieces + 2, "{before:?} {stats:?}");
        assert!(stats.stored < before.stored + 3_000, "{before:?} {stats:?}");
        assert!(stats.deltas > before.deltas);
        check(&repo, &version, &content);
        before = stats;
    }
    assert!(before.unique_bytes < 40 << 20);
    let artifact = &repo.get(&repo.resolve(&"latest".parse().unwrap()).unwrap()).unwrap().artifacts;
    assert!(artifact[0].depth > 0 && artifact[0].base.is_none());
    whole(&repo);
}

#[test]
fn pieces_go_on_from_the_version_named_or_stand_alone() {
    let repo = Repository::temporary().unwrap();
    let content = noise(2, 9 << 20);
    let base = store(&repo, &content);
    let elsewhere = || Draft::new().context("else/where".parse().unwrap());
    let mut deltas = 0;
    for (draft, more) in [
        (elsewhere().based_on(&base), true),
        (elsewhere().delta(DeltaPolicy::Never), false),
        (elsewhere().based_on(&base).delta(DeltaPolicy::Never), false),
    ] {
        let mut edited = content.clone();
        edited[4_000_000] = deltas as u8;
        edited[4_000_001] ^= more as u8 + 1;
        let staged = repo.stage_for(&draft, &data(), &edited[..]).unwrap();
        let artifact = DraftArtifact::staged(data(), "a/b", staged).unwrap();
        let version = repo.create(draft.artifact(artifact)).unwrap();
        check(&repo, &version, &edited);
        let stats = repo.stats().unwrap();
        assert_eq!(stats.deltas > deltas, more);
        deltas = stats.deltas;
    }
    whole(&repo);
    let unknown: Version = "no-such".parse().unwrap();
    let draft = elsewhere().based_on(&unknown);
    let staged = repo.stage_for(&draft, &data(), &noise(3, 9 << 20)[..]);
    assert!(matches!(staged, Err(Error::NotFound { what: What::Snapshot, .. })));
}

#[test]
fn large_content_is_no_base_of_small_content_nor_the_other_way_round() {
    let repo = Repository::temporary().unwrap();
    let large = noise(4, UNCUT_BYTES_MAX + 5);
    for content in [&large[..1_000_000], &large, &large[..1_000_001], &large[..1_000_002], &large] {
        let version = repo.create(Draft::bytes(content)).unwrap();
        check(&repo, &version, content);
    }
    // The last small one is a delta on the small one before; the others begin anew.
    assert_eq!(repo.stats().unwrap().deltas, 1);
    let based = repo.resolve(&"latest".parse().unwrap()).unwrap();
    let version = repo.create(Draft::bytes(&large[..999_999]).based_on(&based)).unwrap();
    check(&repo, &version, &large[..999_999]);
    whole(&repo);
    assert_eq!(repo.stats().unwrap().deltas, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn versions_of_large_content_all_come_back(
        megabytes in 8_usize..12,
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..300_000, 0_usize..300_000),
            1..4,
        ),
        reopened in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tintype.db");
        let mut repo = Repository::init(&path).unwrap();
        let mut content = noise(megabytes as u64, (megabytes << 20) + 1);
        let mut versions = vec![(store(&repo, &content), content.clone())];
        for (at, removed, inserted) in edits {
            let at = at.index(content.len());
            let end = content.len().min(at + removed);
            content.splice(at..end, noise(at as u64, inserted));
            let before = repo.stats().unwrap();
            if reopened {
                repo = Repository::open(&path).unwrap();
            }
            versions.push((store(&repo, &content), content.clone()));
            let stats = repo.stats().unwrap();
            // What was put in, the pieces that it is in, and what is cut otherwise until the cuts
            // meet again.
            prop_assert!(stats.pieces <= before.pieces + 8, "{:?} {:?}", before, stats);
            if content.len() > UNCUT_BYTES_MAX {
                let most = before.stored + (inserted + 5 * PIECE_BYTES_AVERAGE) as u64;
                prop_assert!(stats.stored <= most, "{:?} {:?}", before, stats);
            }
        }
        for (version, content) in &versions {
            prop_assert!(&repo.content(version, "data").unwrap() == content);
        }
        whole(&repo);
    }
}

#[test]
fn staged_content_is_not_seen_and_no_event_until_a_snapshot_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let content = noise(5, 20 << 20);
    let before = repo.stats().unwrap();
    drop(stage(&repo, &content));
    let staged = stage(&repo, &content);
    assert_eq!(staged.bytes(), content.len() as u64);
    let after = repo.stats().unwrap();
    assert_eq!((after.snapshots, after.events), (before.snapshots, before.events));
    assert!(repo.find(&Query::all()).unwrap().is_empty());
    assert!(after.pieces > 4);
    whole(&repo);
    // All of it is on its way in.
    assert_eq!(count(&path, "SELECT count(*) FROM loose WHERE until_us > 0"), after.blobs as i64);
    let receipt = repo.store(draft(staged.clone())).unwrap();
    assert!(!receipt.artifacts[0].deduplicated);
    assert_eq!(receipt.artifacts[0].stored, content.len() as u64);
    assert_eq!(count(&path, "SELECT count(*) FROM loose"), 0);
    check(&repo, &receipt.version, &content);
    whole(&repo);
    // What is stored once can be stored again.
    let again = repo.store(draft(staged)).unwrap();
    assert!(again.artifacts[0].deduplicated);
    assert_eq!(repo.stats().unwrap().blobs, after.blobs);
}

#[test]
fn a_stream_that_fails_leaves_nothing_that_is_seen() {
    struct Broken(usize);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("the line was cut"));
            }
            let count = buffer.len().min(self.0).min(100_000);
            buffer[..count].copy_from_slice(&noise(self.0 as u64, count));
            self.0 -= count;
            Ok(count)
        }
    }
    let repo = Repository::temporary().unwrap();
    for bytes in [0, 1_000, UNCUT_BYTES_MAX + 1, 40 << 20] {
        match repo.stage(&Context::default(), &data(), Broken(bytes)) {
            Err(Error::Io { source, .. }) => assert!(source.to_string().contains("line was cut")),
            other => panic!("{other:?}"),
        }
        whole(&repo);
    }
    let stats = repo.stats().unwrap();
    assert_eq!((stats.snapshots, stats.events), (0, 1));
    assert!(stats.blobs > 0, "what came before the end was written");
}

#[test]
fn staged_content_that_was_removed_meanwhile_is_told_and_nothing_is_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let staged = stage(&repo, &noise(6, 9 << 20));
    change(&path, "DELETE FROM piece; DELETE FROM loose; DELETE FROM blob;");
    let other = DraftArtifact::stored("a".parse().unwrap(), "text/plain", *b"small").unwrap();
    let draft = Draft::new().artifact(other).artifact(draft(staged).artifacts()[0].clone());
    match repo.create(draft) {
        Err(error @ Error::NotFound { what: What::Staged, .. }) => {
            assert!(error.to_string().contains("artifact data"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    let stats = repo.stats().unwrap();
    assert_eq!((stats.snapshots, stats.blobs, stats.events), (0, 0, 1));
    whole(&repo);
}

#[test]
fn pieces_that_are_removed_while_they_are_used_again_are_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let content = noise(7, 10 << 20);
    drop(stage(&repo, &content));
    /// Removes everything before its last bytes are read.
    struct Thief<'c>(&'c [u8], PathBuf);
    impl Read for Thief<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if (1..300_000).contains(&self.0.len()) {
                change(&self.1, "DELETE FROM piece; DELETE FROM loose; DELETE FROM blob;");
            }
            self.0.read(buffer)
        }
    }
    let staged = repo.stage(&Context::default(), &data(), Thief(&content, path)).unwrap();
    check(&repo, &repo.create(draft(staged)).unwrap(), &content);
    whole(&repo);
}

#[test]
fn leases_are_renewed_while_a_stream_takes_its_time() {
    #[derive(Clone)]
    struct Slow(Arc<Mutex<Time>>);
    impl Clock for Slow {
        fn now(&self) -> Time {
            *self.0.lock().unwrap()
        }
    }
    /// The clock goes on twenty minutes with each mebibyte that is read.
    struct Source<'c> {
        content: &'c [u8],
        clock: Slow,
        path: &'c Path,
        read: usize,
        least: &'c mut i64,
    }
    impl Read for Source<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.content.read(buffer)?;
            let before = self.read >> 20;
            self.read += bytes;
            for _ in before..self.read >> 20 {
                let mut now = self.clock.0.lock().unwrap();
                *now = now.plus(Duration::from_secs(20 * 60));
                // Far off where there is none yet.
                let until = "SELECT coalesce(min(until_us), 1 << 62) FROM loose";
                *self.least = (*self.least).min(count(self.path, until) - now.micros());
            }
            Ok(bytes)
        }
    }
    let clock = Slow(Arc::new(Mutex::new("2026-01-01".parse().unwrap())));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::builder().clock(clock.clone()).init(&path).unwrap();
    let content = noise(8, 60 << 20);
    let mut least = i64::MAX;
    let source =
        Source { content: &content, clock: clock.clone(), path: &path, read: 0, least: &mut least };
    let staged = repo.stage(&Context::default(), &data(), source).unwrap();
    assert!(least > LEASE.as_micros() as i64 / 2, "{least} microseconds are left of a lease");
    let until = count(&path, "SELECT min(until_us) FROM loose");
    assert!(until >= clock.now().plus(LEASE).micros(), "all leases begin anew at the end");
    repo.create(draft(staged)).unwrap();
}

#[test]
fn the_same_content_staged_at_once_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    drop(Repository::init(&path).unwrap());
    let content = noise(9, 20 << 20);
    let versions: Vec<Version> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let repo = Repository::open(&path).unwrap();
                    store(&repo, &content)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let repo = Repository::open(&path).unwrap();
    for version in &versions {
        check(&repo, version, &content);
    }
    whole(&repo);
    let stats = repo.stats().unwrap();
    assert_eq!((stats.snapshots, stats.unique_bytes), (3, content.len() as u64));
    assert_eq!(stats.blobs, stats.pieces + 1);
    assert_eq!(count(&path, "SELECT count(*) FROM loose"), 0);
}

#[test]
fn a_batch_is_small_and_others_write_meanwhile() {
    struct Busy<'c>(&'c [u8], Repository, usize);
    impl Read for Busy<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.2 += 1;
            if self.2.is_multiple_of(20) {
                self.1.create(Draft::text(format!("meanwhile {}", self.2))).unwrap();
            }
            self.0.read(buffer)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let content = noise(10, 50 << 20);
    let source = Busy(&content, repo.clone(), 0);
    let staged = repo.stage(&Context::default(), &data(), source).unwrap();
    let log = std::fs::metadata(folder.path().join("tintype.db-wal")).unwrap().len();
    assert!(log < 40 << 20, "{log}");
    repo.create(draft(staged)).unwrap();
    assert!(repo.stats().unwrap().snapshots > 5);
}

#[test]
fn large_content_within_a_transaction_is_an_error_not_a_hang() {
    let repo = Repository::temporary().unwrap();
    let content = noise(11, UNCUT_BYTES_MAX + 1);
    let prepared = repo.prepare(Draft::bytes(content.clone())).unwrap();
    repo.write(|tx| {
        assert!(repo.stage(&Context::default(), &data(), &content[..]).is_err());
        assert!(repo.prepare(Draft::bytes(content.clone())).is_err());
        tx.create(&prepared)
    })
    .unwrap();
    assert_eq!(repo.stats().unwrap().snapshots, 1);
}

#[test]
fn content_too_large_to_be_given_as_one_says_so_and_is_compared_by_its_hash() {
    let (_folder, path, version) = one(&noise(12, 9 << 20));
    change(&path, "UPDATE blob SET bytes = 600000000 WHERE codec = 5");
    let repo = Repository::open(&path).unwrap();
    match repo.content(&version, "data") {
        Err(error @ Error::TooLarge { bytes: 600_000_000, .. }) => {
            assert!(error.to_string().contains("as a stream"), "{error}");
        }
        other => panic!("{:?}", other.map(|content| content.len())),
    }
    let small = repo.create(Draft::text("small")).unwrap();
    let compared = tintype::ops::compare::compare(&repo, &small, &version, None).unwrap();
    assert!(!compared.equal);
    let found = serde_json::json!(compared.artifacts[0].content);
    assert_eq!(
        found,
        serde_json::json!({"form": "bytes", "equal": false, "before_bytes": 5,
                           "after_bytes": 600_000_000})
    );
}

#[test]
fn damage_of_a_piece_is_named_with_its_snapshot_and_nothing_wrong_is_read() {
    let content = noise(13, 12 << 20);
    let (_folder, path, version) = one(&content);
    change(
        &path,
        "UPDATE blob SET data = CAST(x'00' || substr(data, 2) AS BLOB)
         WHERE id = (SELECT piece_id FROM piece WHERE number = 2)",
    );
    let repo = Repository::open(&path).unwrap();
    let report = verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap();
    let [problem] = &report.problems[..] else { panic!("{:?}", report.problems) };
    assert_eq!(problem.version.as_ref(), Some(&version));
    assert_eq!(problem.artifact.as_deref(), Some("data"));
    match repo.content(&version, "data") {
        Err(Error::Corrupt(damage)) => assert_eq!(damage.version.as_ref(), Some(&version)),
        other => panic!("{:?}", other.map(|content| content.len())),
    }
    let mut read = Vec::new();
    let error = repo.reader(&version, "data").unwrap().read_to_end(&mut read).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    match error.downcast::<Error>() {
        Ok(Error::Corrupt(damage)) => assert_eq!(damage.artifact.as_deref(), Some("data")),
        other => panic!("{other:?}"),
    }
    assert!(!read.is_empty() && content.starts_with(&read));
    let copied = repo.copy_to(&version, "data", &mut io::sink());
    assert!(matches!(copied, Err(Error::Corrupt(_))), "{copied:?}");
}

#[test]
fn damage_of_the_list_of_pieces_is_found_and_never_read_past() {
    let content = noise(14, 9 << 20);
    let (folder, made, version) = one(&content);
    for (at, (sql, structure)) in [
        ("DELETE FROM piece WHERE number = 1", true),
        ("DELETE FROM piece WHERE number = (SELECT max(number) FROM piece)", true),
        ("DELETE FROM piece", true),
        ("INSERT INTO piece SELECT blob_id, 99, piece_id FROM piece WHERE number = 1", true),
        (
            "UPDATE piece SET number = number + 1 WHERE number = (SELECT max(number) FROM piece)",
            true,
        ),
        ("UPDATE piece SET piece_id = blob_id WHERE number = 1", true),
        ("UPDATE piece SET piece_id = 12345 WHERE number = 1", true),
        (
            "UPDATE piece SET piece_id = (SELECT piece_id FROM piece WHERE number = 1) WHERE number = 2",
            true,
        ),
        (
            "UPDATE piece SET number = -1 - number WHERE number IN (1, 2);
          UPDATE piece SET number = CASE number WHEN -2 THEN 2 ELSE 1 END WHERE number < 0",
            false,
        ),
        ("UPDATE blob SET bytes = bytes + 1 WHERE codec = 5", true),
        ("UPDATE blob SET codec = 0 WHERE codec = 5", true),
        ("UPDATE blob SET codec = 5 WHERE id = 1", true),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{at}.db"));
        std::fs::copy(&made, &path).unwrap();
        change(&path, &format!("PRAGMA ignore_check_constraints = ON; {sql}"));
        let repo = Repository::open(&path).unwrap();
        let ok = |depth| verify::verify(&repo, depth, &mut |_| {}).unwrap().ok;
        assert_eq!(ok(Depth::Structure), !structure, "{sql}");
        assert!(!ok(Depth::Data), "{sql}");
        let mut read = Vec::new();
        let ended = repo.reader(&version, "data").unwrap().read_to_end(&mut read);
        if ended.is_ok() {
            // More than its pieces say nothing of it.
            assert!(read == content, "{sql}");
        } else {
            assert!(read.len() <= content.len(), "{sql}");
        }
    }
}

#[test]
fn a_reader_goes_on_when_what_it_reads_is_kept_in_another_way_or_place() {
    let content = noise(15, 20 << 20);
    let mut edited = content.clone();
    (0..edited.len()).step_by(500_000).for_each(|at| edited[at] ^= 1);
    let (_folder, path, _) = one(&content);
    let repo = Repository::open(&path).unwrap();
    let version = store(&repo, &edited);
    assert!(repo.stats().unwrap().deltas > 5);
    let mut reader = repo.reader(&version, "data").unwrap();
    let mut read = reader.fill_buf().unwrap().to_vec();
    reader.consume(read.len());
    // Kept whole, each piece, as after a change of bases.
    let conn = Connection::open(&path).unwrap();
    let mut at = 0;
    let mut pieces = conn
        .prepare(
            "SELECT piece_id, bytes FROM piece JOIN blob ON id = piece_id
             WHERE blob_id = (SELECT max(blob_id) FROM piece) ORDER BY number",
        )
        .unwrap();
    let pieces: Vec<(i64, usize)> = pieces
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (id, bytes) in pieces {
        conn.execute(
            "UPDATE blob SET codec = 0, base_id = NULL, depth = 0, position = 0, data = ?2
             WHERE id = ?1",
            rusqlite::params![id, &edited[at..at + bytes]],
        )
        .unwrap();
        at += bytes;
    }
    let more = reader.fill_buf().unwrap().to_vec();
    reader.consume(more.len());
    read.extend(more);
    // Gone, and stored again.
    change(
        &path,
        "UPDATE piece SET blob_id = blob_id + 1000; UPDATE artifact SET blob_id = blob_id + 1000;
         UPDATE blob SET id = id + 1000 WHERE codec = 5; DELETE FROM lane;",
    );
    reader.read_to_end(&mut read).unwrap();
    assert!(read == edited);
    // Gone for good.
    let mut reader = repo.reader(&version, "data").unwrap();
    let mut some = [0; 10];
    reader.read_exact(&mut some).unwrap();
    change(&path, "DELETE FROM piece; DELETE FROM artifact; DELETE FROM blob;");
    let error = reader.read_to_end(&mut read).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("purged"), "{error}");
}

#[test]
fn readers_of_large_content_keep_no_view_open() {
    let content = noise(16, 20 << 20);
    let repo = Repository::in_memory().unwrap();
    let version = store(&repo, &content);
    let mut reader = repo.reader(&version, "data").unwrap();
    let mut read = vec![0; 5 << 20];
    reader.read_exact(&mut read).unwrap();
    // In memory, whoever writes waits until no view is open.
    repo.create(Draft::text("between")).unwrap();
    reader.read_to_end(&mut read).unwrap();
    assert!(read == content);
}
