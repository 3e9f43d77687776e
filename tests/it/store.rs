//! The engine through its door.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tintype::{
    ArtifactStatus, Context, DeltaPolicy, Draft, DraftArtifact, Error, Query, Repository, Selector,
    Status, Time, Version, What,
};

use crate::support::values::{Still, context, document, tag, version};

#[test]
fn what_is_stored_comes_back_as_it_was() {
    let repo = Repository::temporary().unwrap();
    let json = json!({"b": 1, "a": [1, 2.5, null, "é\u{1F600}"], "": {}});
    let v1 = repo.create(Draft::json(&json).unwrap()).unwrap();
    let v2 = repo.create(Draft::text("line\r\n\ttext\u{0}")).unwrap();
    let v3 = repo.create(Draft::bytes(vec![0, 255, 254])).unwrap();
    let v4 = repo.create(Draft::bytes(vec![])).unwrap();
    assert_eq!(repo.content(&v1, "data").unwrap(), json.to_string().as_bytes());
    assert_eq!(repo.content(&v2, "data").unwrap(), b"line\r\n\ttext\0");
    assert_eq!(repo.content(&v3, "data").unwrap(), [0, 255, 254]);
    assert_eq!(repo.content(&v4, "data").unwrap(), b"");
    let snapshot = repo.get(&v1).unwrap();
    assert_eq!(snapshot.artifacts[0].entries, Some(3));
    assert_eq!(snapshot.artifacts[0].media_type, "application/json");
    assert_eq!(snapshot.status, Status::Complete);
}

#[test]
fn everything_said_about_a_snapshot_is_kept() {
    let clock = Still::at("2026-01-29T06:43:41.714106Z");
    let repo = Repository::builder().clock(clock).in_memory().unwrap();
    let base = repo.create(Draft::text("one").version(version("base"))).unwrap();
    let missing = DraftArtifact::missing(
        "full.png".parse().unwrap(),
        "image/png",
        ArtifactStatus::Failed,
        Some("timed out after 10 ms".into()),
    );
    let draft = Draft::text("two")
        .artifact(missing.unwrap().took(Duration::from_millis(12)))
        .context(context("shop.example/cart/list/run-7/scrape"))
        .tag("b")
        .unwrap()
        .tag("a")
        .unwrap()
        .describe("two\nlines")
        .info("retries", 3)
        .based_on(&base)
        .status(Status::Partial);
    let snapshot = repo.get(&repo.create(draft).unwrap()).unwrap();
    assert_eq!(snapshot.created_at.to_string(), "2026-01-29T06:43:41.714108Z");
    assert_eq!(snapshot.context.to_string(), "shop.example/cart/list/run-7/scrape");
    assert_eq!(snapshot.tags, [tag("a"), tag("b")]);
    assert_eq!(snapshot.description.as_deref(), Some("two\nlines"));
    assert_eq!(snapshot.user_info["retries"], 3);
    assert_eq!(snapshot.based_on, Some(base));
    assert_eq!(snapshot.status, Status::Partial);
    let full = snapshot.artifact("full.png").unwrap();
    assert_eq!(full.status, ArtifactStatus::Failed);
    assert_eq!(full.reason.as_deref(), Some("timed out after 10 ms"));
    assert_eq!((full.took_ms, full.hash, full.bytes), (Some(12), None, 0));
}

#[test]
fn equal_content_is_kept_once() {
    let repo = Repository::temporary().unwrap();
    let first = repo.store(Draft::bytes(document(1))).unwrap();
    let second = repo.store(Draft::bytes(document(1)).context(context("elsewhere"))).unwrap();
    assert!(!first.artifacts[0].deduplicated);
    assert!(second.artifacts[0].deduplicated);
    let stats = repo.stats().unwrap();
    assert_eq!((stats.snapshots, stats.artifacts, stats.blobs), (2, 2, 1));
}

#[test]
fn a_long_history_is_deltas_and_every_version_is_readable() {
    let repo = Repository::temporary().unwrap();
    let versions: Vec<Version> = repo.bulk(|| {
        let tickets: Vec<_> = (0..500)
            .map(|n| repo.submit(repo.prepare(Draft::bytes(document(n))).unwrap()))
            .collect();
        tickets.into_iter().map(|ticket| ticket.wait().unwrap().version).collect()
    });
    let stats = repo.stats().unwrap();
    assert_eq!(stats.blobs, 500);
    assert_eq!(stats.deltas, 499);
    assert!(stats.max_depth <= 53);
    assert!(stats.stored * 20 < stats.bytes, "{} of {}", stats.stored, stats.bytes);
    assert!(repo.commits() < 250, "{} commits for a bulk import", repo.commits());
    for (n, version) in versions.iter().enumerate() {
        assert_eq!(repo.content(version, "data").unwrap(), document(n), "version {n}");
    }
}

/// Within the import nothing else is submitted: what is written waits for its turn, not for that.
#[test]
fn who_writes_while_an_import_brings_more_gets_a_turn() {
    let repo = Repository::temporary().unwrap();
    let first = repo.create(Draft::text("first")).unwrap();
    let tickets: Vec<_> = repo.bulk(|| {
        let submit = |n: usize| repo.submit(repo.prepare(Draft::bytes(document(n))).unwrap());
        (0..20)
            .map(|n| {
                let ticket = submit(n);
                let tag = tag(&format!("after-{n}"));
                repo.write(|tx| tx.tag(&first, &tag)).unwrap();
                ticket
            })
            .collect()
    });
    for (n, ticket) in tickets.into_iter().enumerate() {
        let version = ticket.wait().unwrap().version;
        assert_eq!(repo.content(&version, "data").unwrap(), document(n));
    }
    assert_eq!(repo.tags().unwrap().len(), 20);
}

/// The base of the last one lies 384 versions, 77 MB, back: no longer at hand, and perhaps not
/// committed either when it is needed.
#[test]
fn a_bulk_import_waits_for_a_base_rather_than_do_without() {
    let repo = Repository::temporary().unwrap();
    let mut content: Vec<u8> =
        (0..50_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    repo.bulk(|| {
        let tickets: Vec<_> = (0..390)
            .map(|n| {
                content[n * 500] ^= 0x55;
                repo.submit(repo.prepare(Draft::bytes(content.clone())).unwrap())
            })
            .collect();
        tickets.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
    });
    let stats = repo.stats().unwrap();
    assert_eq!((stats.blobs, stats.deltas), (390, 389));
}

#[test]
fn history_goes_on_as_deltas_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    drop(Repository::init(&path).unwrap());
    for n in 0..5 {
        let repo = Repository::open(&path).unwrap();
        let receipt = repo.store(Draft::bytes(document(n))).unwrap();
        assert_eq!(receipt.artifacts[0].base.is_some(), n > 0);
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn the_base_is_the_version_named_else_the_newest_of_the_place_else_none() {
    let repo = Repository::temporary().unwrap();
    let here = || context("site/here");
    let a = repo.store(Draft::bytes(document(1)).context(here())).unwrap();
    let b = repo.store(Draft::bytes(document(2)).context(here())).unwrap();
    assert_eq!(b.artifacts[0].base, Some(a.artifacts[0].hash));
    let other = repo.store(Draft::bytes(document(3)).context(context("site/there"))).unwrap();
    assert_eq!(other.artifacts[0].base, None, "nothing was there yet");
    let named = Draft::bytes(document(4)).context(context("site/there")).based_on(&a.version);
    assert_eq!(repo.store(named).unwrap().artifacts[0].base, Some(a.artifacts[0].hash));
    let whole = Draft::bytes(document(5)).context(here()).delta(DeltaPolicy::Never);
    assert_eq!(repo.store(whole).unwrap().artifacts[0].base, None);
    let unknown = repo.create(Draft::text("x").based_on(version("no-such")));
    assert!(matches!(unknown, Err(Error::NotFound { what: What::Snapshot, .. })));
}

#[test]
fn a_version_is_never_overwritten() {
    let repo = Repository::temporary().unwrap();
    repo.create(Draft::text("one").version(version("v"))).unwrap();
    let again = repo.create(Draft::text("two").version(version("v")));
    assert!(matches!(again, Err(Error::VersionExists { .. })));
    assert_eq!(repo.content(&version("v"), "data").unwrap(), b"one");
    let stats = repo.stats().unwrap();
    assert_eq!((stats.snapshots, stats.blobs, stats.events), (1, 1, 2));
    // One that fails costs none of those that it was committed with.
    let results: Vec<_> = repo.bulk(|| {
        let drafts = ["a", "v", "b"].map(|name| Draft::text(name).version(version(name)));
        let tickets = drafts.map(|draft| repo.submit(repo.prepare(draft).unwrap()));
        tickets.into_iter().map(|ticket| ticket.wait().is_ok()).collect()
    });
    assert_eq!(results, [true, false, true]);
}

#[test]
fn a_transaction_happens_whole_or_not_at_all() {
    let repo = Repository::temporary().unwrap();
    let v = repo.create(Draft::text("one")).unwrap();
    let before = repo.stats().unwrap();
    let prepared = repo.prepare(Draft::text("two")).unwrap();
    let failed: tintype::Result<()> = repo.write(|tx| {
        tx.tag(&v, &tag("good"))?;
        tx.create(&prepared)?;
        assert_eq!(tx.tags()?.len(), 1, "it sees what it changed");
        tx.tag(&version("no-such"), &tag("good"))
    });
    assert!(matches!(failed, Err(Error::NotFound { .. })));
    assert_eq!(repo.stats().unwrap(), before);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        repo.write(|tx| -> tintype::Result<()> {
            tx.tag(&v, &tag("good"))?;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(repo.stats().unwrap(), before);
    repo.write(|tx| tx.create(&prepared)).unwrap();
    assert_eq!(repo.stats().unwrap().snapshots, 2);
}

#[test]
fn a_caller_who_swallows_an_error_commits_only_what_worked() {
    let repo = Repository::temporary().unwrap();
    repo.create(Draft::text("one").version(version("v"))).unwrap();
    let clash = repo.prepare(Draft::text("two").version(version("v"))).unwrap();
    let fine = repo.prepare(Draft::text("three")).unwrap();
    repo.write(|tx| {
        assert!(tx.create(&clash).is_err());
        tx.create(&fine)
    })
    .unwrap();
    let report =
        tintype::ops::verify::verify(&repo, tintype::ops::verify::Depth::Data, &mut |_| {});
    assert!(report.unwrap().ok);
    assert_eq!(repo.stats().unwrap().snapshots, 2);
}

#[test]
fn words_for_versions_mean_what_they_say() {
    let repo = Repository::temporary().unwrap();
    let at = |second: u32| format!("2026-01-01T00:00:{second:02}Z").parse::<Time>().unwrap();
    for (name, second) in [("aa1", 5), ("aa2", 1), ("bb", 9), ("aa", 3)] {
        let draft = Draft::text(name).version(version(name)).at(at(second));
        repo.create(if name.starts_with('a') { draft.tag("a").unwrap() } else { draft }).unwrap();
    }
    let resolve = |word: &str| repo.resolve(&word.parse::<Selector>().unwrap());
    for (word, expected) in [
        ("latest", "bb"),
        ("oldest", "aa2"),
        ("latest:a", "aa1"),
        ("oldest:a", "aa2"),
        ("b", "bb"),
        ("aa", "aa"),
        ("aa1", "aa1"),
    ] {
        assert_eq!(resolve(word).unwrap(), version(expected), "{word}");
    }
    assert!(matches!(resolve("a"), Err(Error::Ambiguous { count: 3, .. })));
    assert!(matches!(resolve("x"), Err(Error::NotFound { what: What::Snapshot, .. })));
    assert!(matches!(resolve("latest:x"), Err(Error::NotFound { what: What::Tag, .. })));
    let empty = Repository::temporary().unwrap();
    assert!(empty.resolve(&Selector::Latest(None)).is_err());
}

#[test]
fn a_version_is_found_whether_it_tells_its_time_or_not() {
    let repo = Repository::temporary().unwrap();
    let at = |text: &str| text.parse::<Time>().unwrap();
    let made = repo.create(Draft::text("made").at(at("2026-01-01"))).unwrap();
    let early = repo.create(Draft::text("early").at(at("1950-01-01"))).unwrap();
    let first = repo.create(Draft::text("first").at(at("1970-01-01"))).unwrap();
    // One that tells another time than its snapshot has, and one that tells that by chance.
    let other = Version::made_at(at("2030-01-01"), 1);
    repo.create(Draft::text("other").version(other.clone()).at(at("2026-01-01"))).unwrap();
    let same = Version::made_at(at("2026-01-01"), 12_345_678);
    repo.create(Draft::text("same").version(same.clone()).at(at("2026-01-01"))).unwrap();
    for (version, text) in
        [(&made, "made"), (&early, "early"), (&first, "first"), (&other, "other"), (&same, "same")]
    {
        assert_eq!(repo.content(version, "data").unwrap(), text.as_bytes());
        let again = repo.create(Draft::text("again").version(version.clone()));
        assert!(matches!(again, Err(Error::VersionExists { .. })), "{text}");
        assert_eq!(repo.resolve(&Selector::from(version)).unwrap(), *version);
    }
    let shorter: Selector = other.as_str()[..15].parse().unwrap();
    assert_eq!(repo.resolve(&shorter).unwrap(), other);
    // The eleven characters of the time are common to two of them.
    let common: Selector = made.as_str()[..11].parse().unwrap();
    assert!(matches!(repo.resolve(&common), Err(Error::Ambiguous { count: 2, .. })));
    let all: Selector = "0".parse().unwrap();
    assert!(matches!(repo.resolve(&all), Err(Error::Ambiguous { count: 2, .. })));
    let none: Selector = "zzzzzzzzzzzzzzzz".parse().unwrap();
    assert!(matches!(repo.resolve(&none), Err(Error::NotFound { .. })));
}

#[test]
fn tags_come_and_go_and_are_counted() {
    let repo = Repository::temporary().unwrap();
    let (a, b) = (repo.create(Draft::text("a")).unwrap(), repo.create(Draft::text("b")).unwrap());
    for version in [&a, &b, &a] {
        repo.tag(version, &tag("good")).unwrap();
    }
    repo.tag(&b, &tag("new")).unwrap();
    assert_eq!(repo.tags().unwrap(), [(tag("good"), 2), (tag("new"), 1)]);
    repo.untag(&a, &tag("good")).unwrap();
    repo.untag(&a, &tag("never")).unwrap();
    repo.untag(&b, &tag("new")).unwrap();
    assert_eq!(repo.tags().unwrap(), [(tag("good"), 1)]);
    assert!(repo.tag(&version("no-such"), &tag("good")).is_err());
    assert_eq!(repo.stats().unwrap().events, 1 + 2 + 3 + 2, "what changed nothing leaves no event");
}

#[test]
fn a_list_goes_on_where_it_ended() {
    let repo = Repository::temporary().unwrap();
    let same: Time = "2026-01-01".parse().unwrap();
    for n in 0..25 {
        repo.create(Draft::text(n.to_string()).at(same)).unwrap();
    }
    for oldest in [false, true] {
        let mut seen = Vec::new();
        let mut query = Query::all().limit(10);
        if oldest {
            query = query.oldest_first();
        }
        loop {
            let page = repo.find(&query).unwrap();
            let Some(last) = page.last() else { break };
            query = query.after(last.version.clone());
            seen.extend(
                page.into_iter().map(|found| repo.content(&found.version, "data").unwrap()),
            );
        }
        let mut expected: Vec<_> = (0..25).map(|n| n.to_string().into_bytes()).collect();
        if !oldest {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
}

/// A snapshot as the model of the query knows it.
#[derive(Debug, Clone)]
struct Known {
    context: [usize; 5],
    tags: [bool; 2],
    second: i64,
    status: usize,
    field: usize,
}

fn known() -> impl Strategy<Value = Known> {
    (
        prop::array::uniform5(0_usize..3),
        prop::array::uniform2(any::<bool>()),
        0_i64..6,
        0_usize..4,
        0_usize..4,
    )
        .prop_map(|(context, tags, second, status, field)| Known {
            context,
            tags,
            second,
            status,
            field,
        })
}

const FIELDS: [&str; 4] = ["null", "\"1\"", "1", "{\"a\":[true]}"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_query_finds_what_a_scan_would(
        all in prop::collection::vec(known(), 0..40),
        pattern in prop::array::uniform5(prop::option::weighted(0.4, 0_usize..3)),
        tags in prop::array::uniform2(prop::bool::weighted(0.3)),
        since in prop::option::weighted(0.3, 0_i64..6),
        until in prop::option::weighted(0.3, 0_i64..6),
        status in prop::option::weighted(0.3, 0_usize..4),
        field in prop::option::weighted(0.3, 0_usize..4),
        oldest in any::<bool>(),
        limit in 1_usize..20,
    ) {
        let repo = Repository::in_memory().unwrap();
        let part = |value: usize| ["-", "x", "y"][value].to_owned();
        let time = |second: i64| Time::from_micros(second * 1_000_000).unwrap();
        let json = |field: usize| serde_json::from_str::<serde_json::Value>(FIELDS[field]).unwrap();
        let names = ["t0", "t1"];
        for (number, known) in all.iter().enumerate() {
            let mut draft = Draft::text(number.to_string())
                .version(version(&format!("n{number}")))
                .context(Context::from_parts(known.context.map(|value| Some(part(value)))).unwrap())
                .at(time(known.second))
                .status(Status::ALL[known.status])
                .info("field", json(known.field));
            for (name, _) in names.iter().zip(known.tags).filter(|(_, carried)| *carried) {
                draft = draft.tag(*name).unwrap();
            }
            repo.create(draft).unwrap();
        }
        let text = pattern.map(|part_| part_.map_or("*".to_owned(), part)).join("/");
        let mut query = Query::context(text.parse().unwrap()).limit(limit);
        for (name, _) in names.iter().zip(tags).filter(|(_, wanted)| *wanted) {
            query = query.tag(tag(name));
        }
        if let Some(second) = since { query = query.since(time(second)); }
        if let Some(second) = until { query = query.until(time(second)); }
        if let Some(code) = status { query = query.status(Status::ALL[code]); }
        if let Some(at) = field { query = query.field("field", json(at)); }
        if oldest { query = query.oldest_first(); }

        let mut expected: Vec<(i64, usize)> = all
            .iter()
            .enumerate()
            .filter(|(_, known)| {
                pattern.iter().zip(known.context).all(|(want, have)| want.is_none_or(|want| want == have))
                    && tags.iter().zip(known.tags).all(|(want, have)| !want || have)
                    && since.is_none_or(|since| known.second >= since)
                    && until.is_none_or(|until| known.second < until)
                    && status.is_none_or(|status| known.status == status)
                    && field.is_none_or(|field| known.field == field)
            })
            .map(|(number, known)| (known.second, number))
            .collect();
        expected.sort_unstable();
        if !oldest { expected.reverse(); }
        let expected: Vec<_> = expected.iter().take(limit).map(|(_, number)| format!("n{number}")).collect();
        let found: Vec<_> = repo.find(&query).unwrap().iter().map(|found| found.version.to_string()).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn many_threads_and_handles_write_and_read_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    drop(Repository::init(&path).unwrap());
    let stored: Vec<(Version, Vec<u8>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let path = &path;
                scope.spawn(move || {
                    // Two handles of the file, as two processes have them.
                    let repo = Repository::open(path).unwrap();
                    (0..25)
                        .map(|n| {
                            let content = document(worker * 1_000 + n);
                            let draft = Draft::bytes(content.clone()).context(context("one/place"));
                            let version = repo.create(draft).unwrap();
                            assert_eq!(repo.content(&version, "data").unwrap(), content);
                            (version, content)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let repo = Repository::open(&path).unwrap();
    for (version, content) in &stored {
        assert_eq!(&repo.content(version, "data").unwrap(), content);
    }
    assert_eq!(repo.stats().unwrap().snapshots, 200);
    let report =
        tintype::ops::verify::verify(&repo, tintype::ops::verify::Depth::Data, &mut |_| {});
    assert!(report.unwrap().ok);
}

#[test]
fn threads_that_store_at_once_share_commits() {
    let repo = Repository::temporary().unwrap();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let repo = repo.clone();
            scope.spawn(move || {
                for n in 0..50 {
                    repo.create(Draft::text(format!("{worker} {n}"))).unwrap();
                }
            });
        }
    });
    assert_eq!(repo.stats().unwrap().snapshots, 400);
    assert!(repo.commits() < 400, "{} commits for 400 snapshots of 8 threads", repo.commits());
}

#[test]
fn what_is_no_store_is_told_from_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert!(matches!(Repository::open(path("none")), Err(Error::NoStore { .. })));
    assert!(!path("none").exists());
    std::fs::write(path("text"), "x".repeat(5_000)).unwrap();
    std::fs::write(path("empty"), "").unwrap();
    rusqlite::Connection::open(path("other")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    for name in ["text", "empty", "other", "."] {
        let opened = Repository::open(path(name));
        assert!(matches!(opened, Err(Error::NotAStore { .. })), "{name}: {:?}", opened.err());
    }
    for name in ["text", "."] {
        assert!(matches!(Repository::init(path(name)), Err(Error::StoreExists { .. })));
    }
    assert_eq!(std::fs::read_to_string(path("text")).unwrap().len(), 5_000);
}

#[test]
fn a_newer_store_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    drop(Repository::init(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    match Repository::open(&path) {
        Err(Error::NewerStore { found: 99, .. }) => {}
        other => panic!("{:?}", other.err()),
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_lock_that_another_holds_is_told_after_the_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    drop(Repository::init(&path).unwrap());
    let holder = rusqlite::Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let repo = Repository::builder().busy_timeout(Duration::from_millis(50)).open(&path).unwrap();
    match repo.create(Draft::text("x")) {
        Err(Error::Locked { path: named, .. }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    }
    holder.execute_batch("ROLLBACK").unwrap();
    repo.create(Draft::text("x")).unwrap();
}

#[test]
fn a_draft_that_makes_no_sense_is_refused() {
    let repo = Repository::in_memory().unwrap();
    let name = || "a".parse().unwrap();
    let artifact = || DraftArtifact::stored(name(), "text/plain", *b"x").unwrap();
    let twice = Draft::new().artifact(artifact()).artifact(artifact());
    let wordy = Draft::text("x").describe("x".repeat(1 << 20));
    let chatty = Draft::text("x").info("k", "x".repeat(2 << 20));
    for draft in [Draft::new(), twice, wordy, chatty] {
        let refused = repo.create(draft);
        assert!(
            matches!(refused, Err(Error::Invalid { .. } | Error::TooLarge { .. })),
            "{refused:?}"
        );
    }
    assert!(DraftArtifact::stored(name(), "nonsense", *b"x").is_err());
    assert!(DraftArtifact::missing(name(), "a/b", ArtifactStatus::Stored, None).is_err());
    assert_eq!(repo.stats().unwrap().snapshots, 0);
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    repo.create(Draft::text("x")).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o77, 0, "{:?}", entry.path());
    }
}
