//! Many at work on one file: threads, handles and processes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tintype::ops::verify::{self, Depth};
use tintype::ops::{gc, transfer};
use tintype::{Draft, DraftArtifact, Error, Query, Repository, Snapshot, Version};

use crate::support::noise;
use crate::support::process::{Diary, lines, orders, worker};
use crate::support::shell::Shell;
use crate::support::values::{context, document, tag, version};

/// Steps of each of those who are at work.
const STEPS: u64 = 120;
/// Threads of the process that runs the tests, and other processes with as many threads each.
const THREADS: u64 = 8;
const PROCESSES: u64 = 4;
const THREADS_EACH: u64 = 2;

/// Numbers that look as if nothing chose them, each seed its own.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) as usize % sides
    }
}

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

/// What stands in a version's artifact, told by its name.
fn content(name: &str, artifact: &str) -> Vec<u8> {
    let (actor, number) = name[1..].split_once('-').unwrap();
    let (actor, number): (u64, u64) = (actor.parse().unwrap(), number.parse().unwrap());
    match artifact {
        // Some of them are equal to others'.
        "page" => document(number as usize % 40),
        "own" => [document(number as usize), name.as_bytes().to_vec()].concat(),
        _ => {
            let mut large = noise(9, 1 << 16).repeat(144);
            large[4_096 * actor as usize] ^= 1;
            large
        }
    }
}

fn draft(name: &str, with_large: bool) -> Draft {
    let (actor, _) = name.split_once('-').unwrap();
    // Two of them share a place, so that each has the other's for bases.
    let place = actor[1..].parse::<u64>().unwrap() / 2;
    let draft = Draft::new().version(version(name)).context(context(&format!("many/p{place}")));
    let names = ["page", "own", "large"].into_iter().take(if with_large { 3 } else { 2 });
    names.fold(draft.describe(name), |draft, artifact| {
        let content = content(name, artifact);
        let stored = DraftArtifact::stored(artifact.parse().unwrap(), "text/plain", content);
        draft.artifact(stored.unwrap())
    })
}

/// Checks that a snapshot is what its name says, as far as it is still there.
fn read(repo: &Repository, found: &Snapshot) -> Result<bool, Error> {
    let name = found.version.as_str();
    assert_eq!(found.description.as_deref(), Some(name));
    for artifact in &found.artifacts {
        let mut read = Vec::new();
        match repo.copy_to(&found.version, artifact.name.as_str(), &mut read) {
            Ok(_) => assert!(read == content(name, artifact.name.as_str()), "{name}"),
            Err(Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// One of many: stores, tags, forgets and takes back what is its own, and reads what is anybody's.
struct Actor<'a> {
    repo: Repository,
    number: u64,
    dice: Dice,
    /// Its own versions, and whether each was forgotten, as it was told.
    own: BTreeMap<String, bool>,
    folder: &'a Path,
    read: u64,
}

impl Actor<'_> {
    fn step(&mut self, step: u64) -> Result<(), Error> {
        let some = |own: &BTreeMap<String, bool>, forgotten: bool, dice: &mut Dice| {
            let fit: Vec<_> = own.iter().filter(|(_, was)| **was == forgotten).collect();
            (!fit.is_empty()).then(|| version(fit[dice.roll(fit.len())].0))
        };
        let repo = &self.repo;
        match self.dice.roll(20) {
            0..6 => {
                let name = format!("a{}-{step}", self.number);
                repo.create(draft(&name, step == 60 && self.number.is_multiple_of(4)))?;
                // What was told is there, for everybody.
                assert_eq!(repo.get(&version(&name))?.description, Some(name.clone()));
                self.own.insert(name, false);
            }
            6..8 => {
                let Some(one) = some(&self.own, false, &mut self.dice) else { return Ok(()) };
                repo.tag(&one, &tag("seen"))?;
                assert!(repo.get(&one)?.tags.contains(&tag("seen")));
            }
            8..11 => {
                let Some(one) = some(&self.own, false, &mut self.dice) else { return Ok(()) };
                repo.forget(&one)?;
                assert!(matches!(repo.get(&one), Err(Error::NotFound { .. })));
                self.own.insert(one.to_string(), true);
            }
            11..13 => {
                let Some(one) = some(&self.own, true, &mut self.dice) else { return Ok(()) };
                match repo.undelete(&one) {
                    Ok(()) => {
                        assert!(read(repo, &repo.get(&one)?)?, "{one} was taken back");
                        self.own.insert(one.to_string(), false);
                    }
                    // It was purged.
                    Err(Error::NotFound { .. }) => drop(self.own.remove(one.as_str())),
                    Err(error) => return Err(error),
                }
            }
            13..17 => {
                let all = repo.find(&Query::all().limit(50))?;
                for _ in 0..3.min(all.len()) {
                    let one = &all[self.dice.roll(all.len())];
                    self.read += u64::from(read(repo, one)?);
                }
            }
            17 => gc::run(repo, &gc::Options::now(), &mut |_| {}).map(|_| ())?,
            18 if self.number.is_multiple_of(2) => {
                let report = verify::verify(repo, Depth::Data, &mut |_| {})?;
                assert!(report.ok, "{:#?}", report.problems);
            }
            18 => {
                let all = repo.find(&Query::all().limit(5))?;
                let versions: Vec<Version> = all.into_iter().map(|one| one.version).collect();
                let archive = self.folder.join(format!("archive-{}-{step}.db", self.number));
                match transfer::export(repo, &versions, &archive, &mut |_| {}) {
                    Ok(exported) => {
                        let archive = Repository::open(&archive)?;
                        whole(&archive);
                        let held = archive.find(&Query::all())?;
                        assert_eq!(held.len() as u64, exported.snapshots);
                        for one in &held {
                            assert!(read(&archive, one)?);
                        }
                    }
                    // Forgotten meanwhile, or none is there yet.
                    Err(Error::NotFound { .. } | Error::Invalid { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            _ => {
                let stats = repo.stats()?;
                assert!(stats.stored <= stats.unique_bytes && stats.pieces <= stats.blobs);
            }
        }
        Ok(())
    }
}

/// Lets one of many work, and gives what it was told and how much of others' it read.
fn act(repo: Repository, number: u64, folder: &Path) -> (BTreeMap<String, bool>, u64) {
    let (dice, own) = (Dice(number + 1), BTreeMap::new());
    let mut actor = Actor { repo, number, dice, own, folder, read: 0 };
    for step in 0..STEPS {
        actor.step(step).unwrap_or_else(|error| panic!("{number}, step {step}: {error}"));
    }
    (actor.own, actor.read)
}

#[test]
fn a_process_does_as_the_threads_do() {
    let Some(orders) = orders() else { return };
    let path = |name: &str| Path::new(orders[name].as_str().unwrap()).to_owned();
    let (store, folder, mut diary) = (path("store"), path("folder"), Diary::open(&path("diary")));
    let first = orders["first"].as_u64().unwrap();
    let repo = Repository::open(store).unwrap();
    let told = std::thread::scope(|scope| {
        let threads: Vec<_> = (first..first + THREADS_EACH)
            .map(|number| {
                let (repo, folder) = (repo.clone(), &folder);
                scope.spawn(move || act(repo, number, folder))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    repo.close().unwrap();
    diary.note(&json!(told).to_string());
}

#[test]
fn everybody_is_told_the_truth_while_many_change_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    let repo = Repository::init(&store).unwrap();
    let diary = |process: u64| folder.path().join(format!("diary-{process}"));
    let processes: Vec<_> = (0..PROCESSES)
        .map(|process| {
            let orders = json!({
                "store": store,
                "folder": folder.path(),
                "diary": diary(process),
                "first": THREADS + process * THREADS_EACH,
            });
            let mut command = worker("concurrency::a_process_does_as_the_threads_do", &orders);
            command.stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut told: BTreeMap<String, bool> = BTreeMap::new();
    let mut reads = 0;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                // Half of them share a handle, the others have one each.
                let own = || Repository::open(&store).unwrap();
                let repo = if number % 2 == 0 { repo.clone() } else { own() };
                let folder = folder.path();
                scope.spawn(move || act(repo, number, folder))
            })
            .collect();
        for thread in threads {
            let (own, read) = thread.join().unwrap();
            told.extend(own);
            reads += read;
        }
    });
    for (at, process) in processes.into_iter().enumerate() {
        let ended = process.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let line = lines(&diary(at as u64)).pop().unwrap();
        for (own, read) in
            serde_json::from_str::<Vec<(BTreeMap<String, bool>, u64)>>(&line).unwrap()
        {
            told.extend(own);
            reads += read;
        }
    }
    whole(&repo);
    let found = repo.find(&Query::all().limit(100_000)).unwrap();
    let there: Vec<_> = found.iter().map(|one| one.version.to_string()).collect();
    let mut sorted = there.clone();
    sorted.sort();
    let live: Vec<_> = told.iter().filter(|(_, gone)| !**gone).map(|(name, _)| name).collect();
    assert!(live.iter().copied().eq(&sorted), "{live:?}, but {sorted:?}");
    for one in &found {
        assert!(read(&repo, one).unwrap());
    }
    assert_eq!(repo.stats().unwrap().snapshots, live.len() as u64);
    println!("{} are there, {} forgotten, {reads} read", live.len(), told.len() - live.len());
}

/// A process that closes a file ends all locks that it has on it, whoever set them. An older SQLite
/// that comes and goes takes itself for the last then, and removes the log that others write to.
#[test]
fn a_store_opened_twice_keeps_the_locks_of_the_first_handle() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    let first = Repository::init(&store).unwrap();
    let ask = |sql: &str| {
        let asked = Command::new("sqlite3").arg(&store).arg(sql).output().unwrap();
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8(asked.stdout).unwrap()
    };
    for n in 1..4 {
        first.create(Draft::text(format!("number {n}"))).unwrap();
        let second = Repository::open(&store).unwrap();
        assert_eq!(ask("SELECT count(*) FROM snapshot").trim(), n.to_string());
        assert_eq!(second.find(&Query::all()).unwrap().len(), n);
    }
    whole(&first);
}

/// As in `put *` where the store is.
#[test]
fn the_files_of_a_store_are_not_put_into_it() {
    let shell = Shell::new();
    shell.file("a.txt", "a");
    let run = shell.run("put a.txt tintype.db ./tintype.db-wal tintype.db-shm");
    assert_eq!(run.code, 3, "{}", run.err);
    assert_eq!(run.err.matches("it belongs to the store itself").count(), 3, "{}", run.err);
    assert_eq!(shell.json("list").len(), 1);
    shell.run("put tintype.db --together").failed(2, "it belongs to the store itself");
}

/// What a handle holds of the ends of lanes is what another lets go of, over and over.
#[test]
fn no_base_is_taken_for_another_while_two_handles_store_and_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    drop(Repository::init(&store).unwrap());
    let handles = [Repository::open(&store).unwrap(), Repository::open(&store).unwrap()];
    let mut dice = Dice(7);
    let mut live: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    let mut let_go: Vec<String> = Vec::new();
    let text = |n: usize| match n {
        // Larger, so that the chain comes to its bounds, and without a pattern.
        n if n % 11 == 0 => noise(n as u64, 40_000),
        n => document(n),
    };
    for step in 0..400 {
        let repo = &handles[dice.roll(2)];
        match dice.roll(10) {
            0..5 => {
                // New content, or what was stored and perhaps purged before.
                let n = if dice.roll(3) == 0 { dice.roll(step + 1) } else { step };
                let name = format!("v{step}");
                let data = DraftArtifact::stored("data".parse().unwrap(), "text/plain", text(n));
                let mut draft = Draft::new()
                    .version(version(&name))
                    .context(context(&format!("bases/{}", dice.roll(2))))
                    .artifact(data.unwrap());
                let names: Vec<_> = live.iter().filter(|(_, (_, gone))| !gone).collect();
                if dice.roll(4) == 0 && !names.is_empty() {
                    draft = draft.based_on(version(names[dice.roll(names.len())].0));
                }
                // Made ready here, and what it is a delta on may be gone when it is stored.
                let prepared = repo.prepare(draft).unwrap();
                if dice.roll(3) == 0 {
                    for (name, (_, gone)) in &mut live {
                        if !*gone && dice.roll(2) == 0 {
                            handles[0].forget(&version(name)).unwrap();
                            *gone = true;
                        }
                    }
                    gc::run(&handles[1], &gc::Options::now(), &mut |_| {}).unwrap();
                    let_go.extend(live.extract_if(.., |_, (_, gone)| *gone).map(|(name, _)| name));
                }
                repo.submit(prepared).wait().unwrap();
                live.insert(name, (n, false));
            }
            5..8 => {
                let names: Vec<_> = live.keys().cloned().collect();
                if let Some(name) = names.get(dice.roll(names.len().max(1))) {
                    let gone = &mut live.get_mut(name).unwrap().1;
                    match *gone {
                        true => repo.undelete(&version(name)).unwrap(),
                        false => repo.forget(&version(name)).unwrap(),
                    }
                    *gone = !*gone;
                }
            }
            _ => {
                gc::run(repo, &gc::Options::now(), &mut |_| {}).unwrap();
                let_go.extend(live.extract_if(.., |_, (_, gone)| *gone).map(|(name, _)| name));
            }
        }
        for (name, (n, gone)) in &live {
            let read = handles[step % 2].content(&version(name), "data");
            match gone {
                true => assert!(matches!(read, Err(Error::NotFound { .. })), "{name}"),
                false => assert!(read.unwrap() == text(*n), "{name} is not what was stored"),
            }
        }
    }
    for handle in &handles {
        whole(handle);
        for name in &let_go {
            assert!(matches!(handle.undelete(&version(name)), Err(Error::NotFound { .. })));
        }
    }
    assert!(let_go.len() > 100, "{}", let_go.len());
}

#[test]
fn what_is_taken_back_while_it_is_purged_is_there_whole_or_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    drop(Repository::init(&store).unwrap());
    let (one, two) = (Repository::open(&store).unwrap(), Repository::open(&store).unwrap());
    let (back, purged) = (AtomicU64::new(0), AtomicU64::new(0));
    for round in 0..120 {
        let name = version(&format!("v{round}"));
        let draft = Draft::text(String::from_utf8(document(round)).unwrap()).version(name.clone());
        one.create(draft).unwrap();
        one.forget(&name).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| gc::run(&one, &gc::Options::now(), &mut |_| {}).unwrap());
            scope.spawn(|| match two.undelete(&name) {
                Ok(()) => {
                    assert!(two.content(&name, "data").unwrap() == document(round));
                    back.fetch_add(1, Ordering::Relaxed);
                }
                Err(Error::NotFound { .. }) => drop(purged.fetch_add(1, Ordering::Relaxed)),
                Err(error) => panic!("{error}"),
            });
        });
    }
    whole(&one);
    let back = back.into_inner();
    assert_eq!(one.stats().unwrap().snapshots, back);
    println!("{back} were taken back, {} were purged first", purged.into_inner());
}

#[test]
fn content_that_comes_in_while_everything_is_let_go_of_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    drop(Repository::init(&store).unwrap());
    let (one, two) = (Repository::open(&store).unwrap(), Repository::open(&store).unwrap());
    let large = |round: u64| {
        let mut content = noise(3, 1 << 16).repeat(140);
        let at = content.len() / 2 + round as usize;
        content[at..at + 8].copy_from_slice(&noise(round, 8));
        content
    };
    for round in 0..4 {
        let content = large(round % 3);
        let stored = std::thread::scope(|scope| {
            let storing = scope.spawn(|| {
                let name = "data".parse().unwrap();
                let staged = one.stage(&context("large"), &name, &content[..]).unwrap();
                let data = DraftArtifact::staged(name, "text/plain", staged).unwrap();
                one.create(Draft::new().context(context("large")).artifact(data)).unwrap()
            });
            while !storing.is_finished() {
                // What it shares pieces with goes under its hands.
                for found in two.find(&Query::all()).unwrap().iter().skip(1) {
                    let forgotten = two.forget(&found.version);
                    assert!(matches!(forgotten, Ok(()) | Err(Error::NotFound { .. })));
                }
                gc::run(&two, &gc::Options::now(), &mut |_| {}).unwrap();
            }
            storing.join().unwrap()
        });
        let mut read = Vec::new();
        two.copy_to(&stored, "data", &mut read).unwrap();
        assert!(read == content, "round {round}");
        whole(&two);
    }
}

/// A lock that comes while a store is open is told like one that was there, and as soon.
#[test]
fn a_lock_that_comes_later_is_told_after_the_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    let repo = Repository::init(&store).unwrap();
    let one = repo.create(Draft::text("one")).unwrap();
    repo.close().unwrap();
    let waits = std::time::Duration::from_millis(50);
    let repo = Repository::builder().busy_timeout(waits).open(&store).unwrap();
    let hold = rusqlite::Connection::open(&store).unwrap();
    drop(repo.get(&one).unwrap());
    hold.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(repo.create(Draft::text("two")), Err(Error::Locked { .. })));
    assert!(repo.get(&one).is_ok());
    hold.execute_batch("ROLLBACK").unwrap();
    repo.create(Draft::text("two")).unwrap();
}
