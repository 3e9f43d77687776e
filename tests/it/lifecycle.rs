//! What becomes of snapshots: forgotten, taken back, kept by rules, purged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tintype::ops::verify::Depth;
use tintype::ops::{forget, gc, repack, verify};
use tintype::{
    DeltaPolicy, Draft, Error, EventKind, EventQuery, Keep, Place, Query, Reason, Repository, Tag,
    Version,
};

use crate::support::values::{Shared, Still, context, document, tag, version};

fn store_at(text: &str) -> (Repository, Arc<Still>) {
    let clock = Arc::new(Still::at(text));
    let builder = Repository::builder().clock(Shared(clock.clone()));
    (builder.temporary().unwrap(), clock)
}

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

fn collect(repo: &Repository, options: &gc::Options) -> gc::Report {
    gc::run(repo, options, &mut |_| {}).unwrap()
}

fn missing<T: std::fmt::Debug>(result: tintype::Result<T>) -> bool {
    matches!(result, Err(Error::NotFound { .. }))
}

#[test]
fn a_forgotten_snapshot_is_not_found_and_can_be_had_back_until_it_is_purged() {
    let (repo, clock) = store_at("2026-01-01");
    let draft = || Draft::text("one").version(version("v1")).tag("good").unwrap();
    let v1 = repo.create(draft()).unwrap();
    let v2 = repo.create(Draft::text("two")).unwrap();
    repo.forget(&v1).unwrap();
    assert!(missing(repo.get(&v1)));
    assert!(missing(repo.content(&v1, "data")));
    assert!(missing(repo.forget(&v1)));
    assert!(missing(repo.tag(&v1, &tag("x"))));
    assert!(missing(repo.resolve(&"v1".parse().unwrap())));
    assert!(missing(repo.resolve(&"oldest:good".parse().unwrap())));
    assert_eq!(repo.tags().unwrap(), []);
    assert_eq!(repo.stats().unwrap().snapshots, 1);
    assert_eq!(repo.find(&Query::all()).unwrap().len(), 1);
    let forgotten = repo.find(&Query::all().forgotten()).unwrap();
    assert_eq!(forgotten.len(), 1);
    assert_eq!(forgotten[0].version, v1);
    assert!(forgotten[0].forgotten_at.is_some());
    // Its version is not free.
    assert!(matches!(repo.create(draft()), Err(Error::VersionExists { .. })));
    // Six days later it is still there, and is as it was.
    clock.pass(Duration::from_secs(6 * 86_400));
    assert_eq!(collect(&repo, &gc::Options::default()).snapshots, 0);
    repo.undelete(&v1).unwrap();
    repo.undelete(&v1).unwrap();
    assert_eq!(repo.content(&v1, "data").unwrap(), b"one");
    assert_eq!(repo.get(&v1).unwrap().tags, [tag("good")]);
    repo.forget(&v1).unwrap();
    clock.pass(gc::PURGE_AFTER + Duration::from_secs(1));
    let plan = gc::plan(&repo, &gc::Options::default()).unwrap();
    assert_eq!((plan.snapshots, plan.bytes), (1, 3));
    let report = collect(&repo, &gc::Options::default());
    assert_eq!((report.snapshots, report.blobs, report.bytes), (1, 1, 3));
    assert!(missing(repo.undelete(&v1)));
    assert!(missing(repo.undelete(&version("never"))));
    whole(&repo);
    // Now its version is free.
    repo.create(draft()).unwrap();
    assert_eq!(repo.content(&v2, "data").unwrap(), b"two");
    whole(&repo);
}

#[test]
fn a_pinned_snapshot_can_t_be_forgotten() {
    let repo = Repository::temporary().unwrap();
    let v1 = repo.create(Draft::text("one").tag(Tag::pinned()).unwrap()).unwrap();
    repo.create(Draft::text("two")).unwrap();
    match repo.forget(&v1) {
        Err(Error::Pinned { version }) => assert_eq!(version, v1),
        other => panic!("{other:?}"),
    }
    assert_eq!(repo.write(|tx| tx.clear()).unwrap(), 1);
    assert_eq!(repo.stats().unwrap().snapshots, 1);
    repo.untag(&v1, &Tag::pinned()).unwrap();
    repo.forget(&v1).unwrap();
    collect(&repo, &gc::Options::now());
    let stats = repo.stats().unwrap();
    assert_eq!((stats.snapshots, stats.blobs, stats.stored), (0, 0, 0));
    whole(&repo);
}

#[test]
fn a_place_keeps_what_its_rules_say_as_soon_as_a_snapshot_is_stored() {
    let repo = Repository::temporary().unwrap();
    repo.set_retention(&Place::whole(), Some(&Keep::last(3))).unwrap();
    repo.set_retention(&"a/keeps".parse().unwrap(), Some(&Keep::all())).unwrap();
    repo.set_retention(&"a/good".parse().unwrap(), Some(&Keep::last(1).tag(tag("good")))).unwrap();
    for n in 0..6 {
        for place in ["a", "a/keeps/part", "a/good"] {
            let mut draft = Draft::text(format!("{place} {n}")).context(context(place));
            if n == 1 {
                draft = draft.tag("good").unwrap();
            }
            repo.create(draft).unwrap();
        }
    }
    let texts = |pattern: &str| -> Vec<String> {
        let found = repo.find(&Query::context(pattern.parse().unwrap()).oldest_first()).unwrap();
        let content = |found: &tintype::Snapshot| repo.content(&found.version, "data").unwrap();
        found.iter().map(|found| String::from_utf8(content(found)).unwrap()).collect()
    };
    assert_eq!(texts("a/-"), ["a 3", "a 4", "a 5"]);
    assert_eq!(texts("a/keeps").len(), 6);
    assert_eq!(texts("a/good"), ["a/good 1", "a/good 5"]);
    // A session is not a place: runs share what is kept.
    for session in ["s1", "s2", "s3", "s4"] {
        repo.create(Draft::text(session).context(context(&format!("b/-/-/{session}")))).unwrap();
    }
    assert_eq!(texts("b"), ["s2", "s3", "s4"]);
    let said = repo.retention().unwrap();
    assert_eq!(said[0], (Place::whole(), Keep::last(3)));
    assert_eq!(said.len(), 3);
    // Taken back, the rule of the place above holds again.
    repo.set_retention(&"a/keeps".parse().unwrap(), None).unwrap();
    repo.create(Draft::text("a/keeps/part 6").context(context("a/keeps/part"))).unwrap();
    assert_eq!(texts("a/keeps").len(), 3);
    whole(&repo);
    collect(&repo, &gc::Options::now());
    whole(&repo);
    assert_eq!(texts("a/keeps").len(), 3);
    assert!(repo.set_retention(&Place::whole(), Some(&Keep::last(0))).is_err());
}

#[test]
fn flushing_writes_what_was_submitted_and_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let mut tickets: Vec<_> =
        (0..20).map(|n| repo.submit(repo.prepare(Draft::bytes(document(n))).unwrap())).collect();
    repo.flush().unwrap();
    assert!(tickets.iter_mut().all(|ticket| ticket.poll().is_some_and(|stored| stored.is_ok())));
    assert_eq!(repo.stats().unwrap().snapshots, 20);
    // The file alone holds it all.
    let copy = folder.path().join("copy.db");
    // By another process: this one must not open the file of a store that it holds.
    assert!(std::process::Command::new("cp").args([&path, &copy]).status().unwrap().success());
    assert_eq!(Repository::open(&copy).unwrap().stats().unwrap().snapshots, 20);
    repo.create(Draft::text("more")).unwrap();
}

#[test]
fn an_old_snapshot_that_is_stored_late_is_judged_by_its_time() {
    let repo = Repository::temporary().unwrap();
    repo.set_retention(&Place::whole(), Some(&Keep::last(2))).unwrap();
    for (day, forgotten) in [(5, false), (3, false), (4, false), (1, true), (2, true)] {
        let at = format!("2026-01-{day:02}");
        let stored = repo.store(Draft::text(at.clone()).at(at.parse().unwrap())).unwrap();
        // Whoever stores it is told.
        assert_eq!(stored.forgotten, forgotten, "{day}");
        assert_eq!(repo.get(&stored.version).is_err(), forgotten);
    }
    let found = repo.find(&Query::all()).unwrap();
    let days: Vec<_> =
        found.iter().map(|one| one.created_at.to_string()[..10].to_owned()).collect();
    assert_eq!(days, ["2026-01-05", "2026-01-04"]);
    // The newest of a place stays, whatever the rules.
    let repo = Repository::temporary().unwrap();
    repo.set_retention(&Place::whole(), Some(&Keep::all().tag(tag("good")))).unwrap();
    repo.create(Draft::text("one")).unwrap();
    repo.create(Draft::text("two")).unwrap();
    assert_eq!(repo.find(&Query::all()).unwrap().len(), 1);
}

#[test]
fn a_plan_says_why_each_snapshot_stays_and_is_applied_as_it_was_shown() {
    let repo = Repository::temporary().unwrap();
    let mut versions = Vec::new();
    for (n, at) in [
        "2024-05-01T10:00:00Z",
        "2025-12-30T10:00:00Z",
        "2026-01-01T08:00:00Z",
        "2026-01-01T08:30:00Z",
        "2026-01-02T09:00:00Z",
        "2026-01-02T09:10:00Z",
        "2026-01-02T10:00:00Z",
    ]
    .iter()
    .enumerate()
    {
        let mut draft = Draft::text(format!("{n}")).at(at.parse().unwrap());
        if n == 2 {
            draft = draft.tag("good").unwrap();
        }
        versions.push(repo.create(draft).unwrap());
    }
    let keep = Keep::last(1).hourly(2).daily(2).yearly(2).tag(tag("good"));
    let plan = forget::plan(&repo, &keep, &Query::all()).unwrap();
    let reasons = |at: usize| -> Vec<String> {
        let kept = plan.groups[0].kept.iter().find(|kept| kept.version == versions[at]);
        kept.map(|kept| kept.reasons.iter().map(Reason::to_string).collect()).unwrap_or_default()
    };
    assert_eq!(reasons(6), ["last 1", "hourly 2026-01-02T10", "daily 2026-01-02", "yearly 2026"]);
    assert_eq!(reasons(5), ["hourly 2026-01-02T09"]);
    assert_eq!(reasons(4), [""; 0]);
    assert_eq!(reasons(3), ["daily 2026-01-01"]);
    assert_eq!(reasons(2), ["tag good"]);
    assert_eq!(reasons(1), ["yearly 2025"]);
    assert_eq!(reasons(0), [""; 0]);
    assert_eq!((plan.kept(), plan.forgotten()), (5, 2));
    // What changes between looking and applying is left alone.
    repo.tag(&versions[4], &tag("late")).unwrap();
    let applied = plan.apply(&repo, &mut |_| {}).unwrap();
    assert_eq!((applied.forgotten, applied.changed), (1, vec![versions[4].clone()]));
    assert!(missing(repo.get(&versions[0])));
    assert!(repo.get(&versions[4]).is_ok());
    // No rule at all forgets nothing, and says so.
    assert!(matches!(forget::plan(&repo, &Keep::all(), &Query::all()), Err(Error::Invalid { .. })));
    whole(&repo);
}

#[test]
fn within_counts_from_the_newest_of_the_place() {
    let keep = Keep::all().within(Duration::from_secs(86_400));
    let times = ["2026-01-10T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-08T23:59:59Z"];
    let none: &[Tag] = &[];
    let decided = keep.decide(times.iter().map(|time| (time.parse().unwrap(), none)));
    assert_eq!(decided, [vec![Reason::Within], vec![Reason::Within], vec![]]);
}

#[test]
fn rules_are_read_back_from_json_and_unknown_ones_are_refused() {
    let keep = Keep::last(3).weekly(4).within(Duration::from_secs(7_200)).tag(tag("a"));
    let text = json!(keep).to_string();
    assert_eq!(text, r#"{"last":3,"weekly":4,"within_s":7200,"tags":["a"]}"#);
    assert_eq!(serde_json::from_str::<Keep>(&text).unwrap(), keep);
    assert!(serde_json::from_str::<Keep>(r#"{"lst":3}"#).is_err());
    assert_eq!(keep.to_string(), "last 3, weekly 4, within 2h, tag a");
    assert_eq!("a%2Fb/c".parse::<Place>().unwrap().parts(), ["a/b", "c"]);
    for bad in ["", "a//b", "a/*", "a/b/c/d/e", "a\nb"] {
        assert!(bad.parse::<Place>().is_err(), "{bad:?}");
    }
}

#[test]
fn thinning_a_history_frees_what_it_no_longer_needs() {
    let repo = Repository::temporary().unwrap();
    let (mut versions, count) = (Vec::new(), 500);
    repo.bulk(|| {
        let tickets: Vec<_> = (0..count)
            .map(|n| repo.submit(repo.prepare(Draft::bytes(document(n))).unwrap()))
            .collect();
        versions.extend(tickets.into_iter().map(|ticket| ticket.wait().unwrap().version));
    });
    let before = repo.stats().unwrap();
    repo.write(|tx| {
        versions
            .iter()
            .enumerate()
            .filter(|(n, _)| n % 50 != 7)
            .try_for_each(|(_, version)| tx.forget(version))
    })
    .unwrap();
    let report = collect(&repo, &gc::Options::now());
    assert_eq!(report.snapshots, 490);
    let after = repo.stats().unwrap();
    assert_eq!(after.snapshots, 10);
    // Ten versions, each as a delta or whole, and hardly anything beside them.
    assert!(after.blobs <= 11, "{after:?}");
    assert!(after.stored * 10 < before.stored, "{before:?} {after:?}");
    // What is left in the file is the log, mostly.
    assert!(report.file_bytes < report.file_bytes_before / 3 * 2, "{report:?}");
    for n in (7..count).step_by(50) {
        assert_eq!(repo.content(&versions[n], "data").unwrap(), document(n));
    }
    whole(&repo);
    // The history goes on as deltas.
    let next = repo.store(Draft::bytes(document(count))).unwrap();
    assert!(next.artifacts[0].base.is_some());
    // A second run finds nothing to do.
    let again = collect(&repo, &gc::Options::now());
    assert_eq!((again.snapshots, again.blobs, again.rebased), (0, 0, 0));
    whole(&repo);
}

#[test]
fn the_log_tells_of_every_change() {
    let (repo, clock) = store_at("2026-01-01");
    let v1 = repo.create(Draft::text("one").version(version("v1")).tag("a").unwrap()).unwrap();
    repo.tag(&v1, &tag("b")).unwrap();
    repo.untag(&v1, &tag("a")).unwrap();
    repo.set_retention(&"shop.example".parse().unwrap(), Some(&Keep::last(2))).unwrap();
    repo.forget(&v1).unwrap();
    repo.undelete(&v1).unwrap();
    repo.forget(&v1).unwrap();
    clock.pass(Duration::from_secs(1));
    collect(&repo, &gc::Options::now());
    let all = repo.events(&EventQuery { oldest_first: true, ..EventQuery::default() }).unwrap();
    let kinds: Vec<_> = all.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["init", "create", "tag", "untag", "retention", "forget", "undelete", "forget", "purge"]
    );
    assert_eq!(all[1].detail, Some(json!({"tags": ["a"]})));
    assert_eq!(all[4].detail.as_ref().unwrap()["place"], "shop.example");
    assert_eq!(all[8].detail, Some(json!({"purged": [[2, "v1"]]})));
    let query = EventQuery { kind: Some(EventKind::Forget), limit: 1, ..EventQuery::default() };
    let newest = repo.events(&query).unwrap();
    assert_eq!(newest[0].seq, 8);
    let next = repo.events(&EventQuery { after: Some(8), ..query }).unwrap();
    assert_eq!(next[0].seq, 6);
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Vec<tintype::Event>>(&text).unwrap(), all);
    // What the log says and what stands there is the same, and a hand on either is seen.
    whole(&repo);
}

#[test]
fn a_hand_on_what_is_forgotten_or_kept_is_seen() {
    for change in [
        "UPDATE snapshot SET forgotten_us = NULL WHERE version = 'v1'",
        "UPDATE snapshot SET forgotten_us = 5 WHERE version = 'v2'",
        "UPDATE snapshot SET forgotten_us = forgotten_us + 1 WHERE version = 'v1'",
        "UPDATE retention SET keep = '{\"last\":9}'",
        "DELETE FROM retention",
        "INSERT INTO loose SELECT id, NULL, 0 FROM blob",
        "DELETE FROM event WHERE kind = 4",
        "UPDATE event SET detail = json_set(detail, '$.purged[0][1]', 'v9') WHERE kind = 6",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tintype.db");
        let repo = Repository::init(&path).unwrap();
        for (name, text) in [("v0", "nought"), ("v1", "one"), ("v2", "two")] {
            repo.create(Draft::text(text).version(version(name))).unwrap();
        }
        repo.set_retention(&Place::whole(), Some(&Keep::last(5))).unwrap();
        repo.forget(&version("v0")).unwrap();
        collect(&repo, &gc::Options::now());
        repo.forget(&version("v1")).unwrap();
        whole(&repo);
        repo.close().unwrap();
        let sql = rusqlite::Connection::open(&path).unwrap();
        assert!(sql.execute(change, []).unwrap() > 0, "{change}");
        drop(sql);
        let repo = Repository::open(&path).unwrap();
        let report = verify::verify(&repo, Depth::Structure, &mut |_| {}).unwrap();
        assert!(!report.ok, "{change}");
    }
}

#[test]
fn only_places_with_snapshots_are_counted() {
    let repo = Repository::temporary().unwrap();
    repo.set_retention(&"a/b/c/d".parse().unwrap(), Some(&Keep::last(2))).unwrap();
    assert_eq!(repo.stats().unwrap().places, 0);
    let version = repo.create(Draft::text("one").context(context("a"))).unwrap();
    repo.create(Draft::text("two").context(context("b"))).unwrap();
    assert_eq!(repo.stats().unwrap().places, 2);
    repo.forget(&version).unwrap();
    assert_eq!(repo.stats().unwrap().places, 1);
}

#[test]
fn storing_forgetting_and_collecting_at_once_leave_a_whole_store() {
    const EACH: usize = 150;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let other = Repository::open(&path).unwrap();
    repo.set_retention(&"kept".parse().unwrap(), Some(&Keep::last(5))).unwrap();
    let stored = std::thread::scope(|scope| {
        let store = |place: &'static str, repo: &Repository| {
            let repo = repo.clone();
            scope.spawn(move || {
                let draft = |n| Draft::bytes(document(n)).context(context(place));
                let versions = (0..EACH).map(|n| repo.create(draft(n).based_on_latest()).unwrap());
                versions.collect::<Vec<_>>()
            })
        };
        let writers = [store("a", &repo), store("a", &other), store("kept", &repo)];
        scope.spawn(|| {
            for _ in 0..30 {
                // Others forget too, so what was found may be gone.
                for found in other.find(&Query::all().oldest_first().limit(3)).unwrap() {
                    let _ = other.forget(&found.version);
                }
                collect(&other, &gc::Options::now());
            }
        });
        writers.map(|writer| writer.join().unwrap())
    });
    collect(&repo, &gc::Options::now());
    let left: BTreeSet<Version> = repo.versions().unwrap().into_iter().collect();
    assert!(left.len() > 5, "{}", left.len());
    for versions in stored {
        for (n, version) in versions.iter().enumerate().filter(|(_, one)| left.contains(one)) {
            assert_eq!(repo.content(version, "data").unwrap(), document(n));
        }
    }
    assert!(repo.find(&Query::context("kept".parse().unwrap())).unwrap().len() <= 5);
    whole(&repo);
}

/// A snapshot as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    version: Version,
    content: Vec<u8>,
    place: usize,
    day: i64,
    tags: BTreeSet<Tag>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Forgotten,
    Purged,
}

/// What happens to a store, for comparison with a map.
#[derive(Debug, Clone)]
enum Step {
    Create { place: usize, document: usize, day: i64, based: Option<usize>, whole: bool },
    Tag(usize, usize),
    Untag(usize, usize),
    Forget(usize),
    Undelete(usize),
    Retention(usize, Option<u32>),
    Collect,
    Repack,
    Clear,
    Reopen,
}

const PLACES: [&str; 4] = ["a", "a/b", "c", "c/d"];
const TAGS: [&str; 3] = ["x", "y", "pinned"];

fn step() -> impl Strategy<Value = Step> {
    let create = (
        0..PLACES.len(),
        0_usize..60,
        0_i64..20,
        prop::option::weighted(0.2, any::<usize>()),
        prop::bool::weighted(0.1),
    );
    prop_oneof![
        12 => create.prop_map(|(place, document, day, based, whole)| Step::Create { place, document, day, based, whole }),
        2 => (any::<usize>(), 0..TAGS.len()).prop_map(|(at, tag)| Step::Tag(at, tag)),
        2 => (any::<usize>(), 0..TAGS.len()).prop_map(|(at, tag)| Step::Untag(at, tag)),
        4 => any::<usize>().prop_map(Step::Forget),
        1 => any::<usize>().prop_map(Step::Undelete),
        1 => (0..PLACES.len(), prop::option::of(1_u32..6)).prop_map(|(place, last)| Step::Retention(place, last)),
        2 => Just(Step::Collect),
        1 => Just(Step::Repack),
        1 => Just(Step::Reopen),
        1 => prop::bool::weighted(0.1).prop_map(|clear| if clear { Step::Clear } else { Step::Reopen }),
    ]
}

/// The store, and what a map would say of it.
struct Model {
    known: Vec<Known>,
    /// What is kept in places, by their text.
    last: BTreeMap<usize, u32>,
}

impl Model {
    fn pick(&self, at: usize) -> Option<usize> {
        (!self.known.is_empty()).then(|| at % self.known.len().max(1))
    }

    /// How many are kept in a place: as is said there, or above it.
    fn kept_in(&self, place: usize) -> Option<u32> {
        // "a" is itself a place below the site, so that of the site is at the even number before.
        self.last.get(&place).or_else(|| self.last.get(&(place / 2 * 2))).copied()
    }

    /// What stands in a place, the newest first.
    fn live_in(&self, place: usize) -> Vec<usize> {
        let mut live: Vec<_> = (0..self.known.len())
            .filter(|at| self.known[*at].place == place && self.known[*at].state == State::Live)
            .collect();
        live.sort_by_key(|at| std::cmp::Reverse((self.known[*at].day, *at)));
        live
    }

    fn pinned(&self, at: usize) -> bool {
        self.known[at].tags.contains(&Tag::pinned())
    }

    fn retain(&mut self, place: usize) {
        let Some(last) = self.kept_in(place) else { return };
        for at in self.live_in(place).into_iter().skip(last as usize) {
            if !self.pinned(at) {
                self.known[at].state = State::Forgotten;
            }
        }
    }

    fn check(&self, repo: &Repository) -> Result<(), TestCaseError> {
        for known in &self.known {
            let content = repo.content(&known.version, "data");
            match known.state {
                State::Live => {
                    prop_assert_eq!(&content.unwrap(), &known.content);
                    let tags: Vec<_> = known.tags.iter().cloned().collect();
                    prop_assert_eq!(repo.get(&known.version).unwrap().tags, tags);
                }
                _ => prop_assert!(missing(content)),
            }
        }
        for (place, text) in PLACES.iter().enumerate() {
            let live: Vec<_> =
                self.live_in(place).iter().map(|at| self.known[*at].version.clone()).collect();
            let query = Query::context(
                format!("{text}{}", if place % 2 == 0 { "/-" } else { "" }).parse().unwrap(),
            );
            let found: Vec<_> = repo
                .find(&query.limit(1_000))
                .unwrap()
                .into_iter()
                .map(|one| one.version)
                .collect();
            prop_assert_eq!(found, live);
        }
        let count = |state| self.known.iter().filter(|known| known.state == state).count();
        prop_assert_eq!(repo.stats().unwrap().snapshots as usize, count(State::Live));
        let forgotten = repo.find(&Query::all().forgotten().limit(1_000)).unwrap().len();
        prop_assert_eq!(forgotten, count(State::Forgotten));
        let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
        prop_assert!(report.ok, "{:#?}", report.problems);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_store_holds_what_a_map_would(steps in prop::collection::vec(step(), 1..120)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tintype.db");
        let mut repo = Repository::init(&path).unwrap();
        let mut model = Model { known: Vec::new(), last: BTreeMap::new() };
        for step in steps {
            match step {
                Step::Create { place, document: n, day, based, whole } => {
                    let at = format!("2026-01-{:02}", day + 1).parse().unwrap();
                    let mut draft =
                        Draft::bytes(document(n)).context(context(PLACES[place])).at(at);
                    let live = |at: &usize| model.known[*at].state == State::Live;
                    if let Some(base) = based.and_then(|at| model.pick(at)).filter(live) {
                        draft = draft.based_on(&model.known[base].version);
                    }
                    if whole {
                        draft = draft.delta(DeltaPolicy::Never);
                    }
                    let version = repo.create(draft).unwrap();
                    model.known.push(Known {
                        version, content: document(n), place, day, tags: BTreeSet::new(), state: State::Live,
                    });
                    model.retain(place);
                }
                Step::Tag(at, name) => {
                    let Some(at) = model.pick(at) else { continue };
                    let done = repo.tag(&model.known[at].version, &tag(TAGS[name]));
                    prop_assert_eq!(done.is_ok(), model.known[at].state == State::Live);
                    if done.is_ok() {
                        model.known[at].tags.insert(tag(TAGS[name]));
                    }
                }
                Step::Untag(at, name) => {
                    let Some(at) = model.pick(at) else { continue };
                    if repo.untag(&model.known[at].version, &tag(TAGS[name])).is_ok() {
                        model.known[at].tags.remove(&tag(TAGS[name]));
                    }
                }
                Step::Forget(at) => {
                    let Some(at) = model.pick(at) else { continue };
                    let done = repo.forget(&model.known[at].version);
                    let may = model.known[at].state == State::Live && !model.pinned(at);
                    prop_assert_eq!(done.is_ok(), may);
                    if may {
                        model.known[at].state = State::Forgotten;
                    }
                }
                Step::Undelete(at) => {
                    let Some(at) = model.pick(at) else { continue };
                    let done = repo.undelete(&model.known[at].version);
                    prop_assert_eq!(done.is_ok(), model.known[at].state != State::Purged);
                    if done.is_ok() {
                        model.known[at].state = State::Live;
                    }
                }
                Step::Retention(place, last) => {
                    // "a" as a place is the site with all below, as the model has it.
                    let keep = last.map(Keep::last);
                    repo.set_retention(&PLACES[place].parse().unwrap(), keep.as_ref()).unwrap();
                    match last {
                        Some(last) => model.last.insert(place, last),
                        None => model.last.remove(&place),
                    };
                }
                Step::Collect => {
                    collect(&repo, &gc::Options::now());
                    for known in model.known.iter_mut().filter(|known| known.state == State::Forgotten) {
                        known.state = State::Purged;
                    }
                    model.check(&repo)?;
                }
                Step::Repack => {
                    repack::run(&repo, &mut |_| {}).unwrap();
                    model.check(&repo)?;
                }
                Step::Clear => {
                    repo.write(|tx| tx.clear()).unwrap();
                    for at in 0..model.known.len() {
                        if model.known[at].state == State::Live && !model.pinned(at) {
                            model.known[at].state = State::Forgotten;
                        }
                    }
                }
                Step::Reopen => {
                    repo.close().unwrap();
                    repo = Repository::open(&path).unwrap();
                }
            }
        }
        model.check(&repo)?;
        // All that is forgotten can be had back, as it was.
        for known in model.known.iter_mut().filter(|known| known.state == State::Forgotten) {
            repo.undelete(&known.version).unwrap();
            known.state = State::Live;
        }
        model.check(&repo)?;
        // In whatever order all of it goes, the rest stays readable; at last nothing is left.
        for at in 0..model.known.len() {
            let at = at * 7 % model.known.len();
            if model.known[at].state == State::Live {
                repo.untag(&model.known[at].version, &Tag::pinned()).unwrap();
                repo.forget(&model.known[at].version).unwrap();
                model.known[at].state = State::Purged;
                collect(&repo, &gc::Options::now());
                for known in model.known.iter().filter(|known| known.state == State::Live) {
                    prop_assert_eq!(&repo.content(&known.version, "data").unwrap(), &known.content);
                }
            }
        }
        let report = verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap();
        prop_assert!(report.ok, "{:#?}", report.problems);
    }
}
