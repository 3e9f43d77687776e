//! Processes that are killed while they change a store, and a log that is cut off or damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tintype::codec::frame;
use tintype::ops::verify::{self, Depth};
use tintype::ops::{forget, gc};
use tintype::{BlobHash, Draft, DraftArtifact, EventQuery, Keep, Query, Repository, Snapshot};

use crate::support::noise;
use crate::support::process::{Diary, kill, lines, orders, worker};
use crate::support::shell::TINTYPE;
use crate::support::values::{context, document, tag, version};

/// Processes that are killed in all.
const KILLS: usize = 500;
/// Processes that write at once: three that use the library, and a shell that runs the command.
const WRITERS: usize = 4;
/// The one of them whose snapshots are kept by rules, and how many.
const RULED: u64 = 2;
const RULED_KEEP: u32 = 7;
/// How many the command's are kept.
const COMMAND_KEEP: u32 = 20;
/// How many of its own a writer leaves before it forgets.
const LEFT: usize = 8;

/// The artifacts of a snapshot, told by its name: the writer's number and one of its own.
fn contents(name: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (writer, number) = name[1..].split_once('-').unwrap();
    let (writer, number): (u64, u64) = (writer.parse().unwrap(), number.parse().unwrap());
    let mut page = document((number + writer) as usize);
    page.extend(name.bytes());
    let mut contents = vec![("page", page)];
    if number.is_multiple_of(3) {
        // The same for several, and without a pattern.
        contents.push(("picture", noise(number / 9, 6_000)));
    }
    if number % 1_000 == 17 {
        contents.push(("large", large(number)));
    }
    contents
}

/// Large content: most of it is that of the one before.
fn large(number: u64) -> Vec<u8> {
    let mut content = noise(1, 1 << 16).repeat(144);
    let at = (number as usize * 4_099) % (content.len() - 8);
    content[at..at + 8].copy_from_slice(&number.to_le_bytes());
    content
}

fn draft(name: &str) -> Draft {
    let (writer, _) = name.split_once('-').unwrap();
    let mut draft = Draft::new().version(version(name)).context(context(&format!("kill/{writer}")));
    for (artifact, content) in contents(name) {
        let name = artifact.parse().unwrap();
        draft = draft.artifact(DraftArtifact::stored(name, "text/plain", content).unwrap());
    }
    draft.tag("whole").unwrap()
}

/// What the writers do until they are killed.
#[test]
fn a_writer_writes_until_it_is_killed() {
    let Some(orders) = orders() else { return };
    let mut diary = Diary::open(Path::new(orders["diary"].as_str().unwrap()));
    if let Err(error) = write_on(&orders, &mut diary) {
        diary.note(&format!("error {error}"));
    }
}

fn write_on(orders: &Value, diary: &mut Diary) -> tintype::Result<()> {
    let repo = Repository::open(orders["store"].as_str().unwrap())?;
    let (writer, first) = (orders["writer"].as_u64().unwrap(), orders["first"].as_u64().unwrap());
    let own = Query::context(format!("kill/w{writer}").parse()?);
    let put = |diary: &mut Diary, numbers: std::ops::Range<u64>| {
        let names = numbers.map(|number| format!("w{writer}-{number:06}"));
        let tickets = names.map(|name| {
            diary.note(&format!("putting {name}"));
            Ok((repo.submit(repo.prepare(draft(&name))?), name))
        });
        for (ticket, name) in tickets.collect::<tintype::Result<Vec<_>>>()? {
            ticket.wait()?;
            diary.note(&format!("put {name}"));
        }
        Ok::<_, tintype::Error>(())
    };
    let mut number = first;
    loop {
        match (number / 2) % 6 {
            0 => {
                put(diary, number..number + 4)?;
                number += 4;
                continue;
            }
            2 => {
                let newest = repo.find(&own.clone().limit(1))?;
                for found in &newest {
                    repo.tag(&found.version, &tag("seen"))?;
                    diary.note(&format!("tagged {}", found.version));
                }
            }
            3 if writer != RULED => {
                let plan = forget::plan(&repo, &Keep::last(LEFT as u32), &own)?;
                for gone in plan.groups.iter().flat_map(|group| &group.forgotten) {
                    diary.note(&format!("forgetting {}", gone.version));
                }
                plan.apply(&repo, &mut |_| {})?;
                for gone in plan.groups.iter().flat_map(|group| &group.forgotten) {
                    diary.note(&format!("forgot {}", gone.version));
                }
            }
            5 => gc::run(&repo, &gc::Options::now(), &mut |_| {}).map(|_| ())?,
            _ => {}
        }
        put(diary, number..number + 1)?;
        number += 1;
    }
}

/// What the writers were told, by the lines that they left.
#[derive(Default)]
struct Told {
    putting: BTreeSet<String>,
    put: Vec<String>,
    tagged: BTreeSet<String>,
    forgetting: BTreeSet<String>,
    forgot: BTreeSet<String>,
}

impl Told {
    fn hear(&mut self, diary: &Path) {
        for line in lines(diary) {
            let (word, name) = line.split_once(' ').unwrap();
            let name = name.to_owned();
            match word {
                "putting" => drop(self.putting.insert(name)),
                "put" => self.put.push(name),
                "tagged" => drop(self.tagged.insert(name)),
                "forgetting" => drop(self.forgetting.insert(name)),
                "forgot" => drop(self.forgot.insert(name)),
                _ => panic!("{line}"),
            }
        }
        fs::remove_file(diary).unwrap();
    }
}

fn hashes(name: &str) -> BTreeMap<String, BlobHash> {
    let contents = contents(name).into_iter();
    contents.map(|(artifact, content)| (artifact.to_owned(), frame::hash(&content))).collect()
}

fn held(found: &Snapshot) -> BTreeMap<String, BlobHash> {
    let held = found.artifacts.iter();
    held.map(|artifact| (artifact.name.to_string(), artifact.hash.unwrap())).collect()
}

/// Checks one writer's part of the store, and makes what it was told what is there: whatever was on
/// its way when it was killed has happened or not.
fn check_writer(repo: &Repository, writer: u64, told: &mut Told) {
    let own = Query::context(format!("kill/w{writer}").parse().unwrap()).limit(10_000);
    let found = repo.find(&own).unwrap();
    let mut live: BTreeMap<&str, &Snapshot> = BTreeMap::new();
    for one in &found {
        let name = one.version.as_str();
        assert!(told.putting.contains(name), "{name} was never put");
        assert!(!told.forgot.contains(name), "{name} was forgotten");
        assert_eq!(held(one), hashes(name), "{name} is not what was put");
        assert!(one.tags.contains(&tag("whole")), "{name} lacks its tag");
        if told.tagged.contains(name) {
            assert!(one.tags.contains(&tag("seen")), "{name} lacks the tag that it was given");
        }
        live.insert(name, one);
    }
    // What rules have forgotten is what came before all that is there.
    let oldest = live.keys().next().copied().unwrap_or_default();
    let is_full = live.len() == RULED_KEEP as usize;
    for name in &told.put {
        let may_be_gone = match writer {
            RULED => is_full && name.as_str() < oldest,
            _ => told.forgetting.contains(name),
        };
        assert!(live.contains_key(name.as_str()) || may_be_gone, "{name} is lost");
    }
    assert!(writer != RULED || live.len() <= RULED_KEEP as usize, "{live:?}");
    let names: Vec<String> = live.keys().map(|name| (*name).to_owned()).collect();
    *told = Told {
        putting: names.iter().cloned().collect(),
        put: names,
        tagged: std::mem::take(&mut told.tagged),
        ..Told::default()
    };
}

/// Starts a shell that puts three files at a time with the command, over and over.
fn command_writer(folder: &Path, round: usize) -> Child {
    let script = format!(
        "for n in $(seq {round} 999); do
           {TINTYPE} put $((n % 9)).bin $((n % 7)).bin page-$((n % 5)).txt --context kill/command \\
             >> told.txt 2>> errors.txt || exit
         done"
    );
    Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

/// Checks that what the command told is there, and that all there is are files that it was given.
fn check_command(repo: &Repository, folder: &Path, files: &BTreeSet<BlobHash>) -> usize {
    assert_eq!(fs::read_to_string(folder.join("errors.txt")).unwrap_or_default(), "");
    let query = Query::context("kill/command".parse().unwrap()).limit(10_000);
    let found = repo.find(&query).unwrap();
    assert!(found.len() <= COMMAND_KEEP as usize);
    let versions: BTreeSet<&str> = found.iter().map(|one| one.version.as_str()).collect();
    for one in &found {
        assert!(held(one).values().all(|hash| files.contains(hash)), "{one:?}");
    }
    let told = lines(&folder.join("told.txt"));
    // Rules forget what came before all that is there. The names tell the time.
    let oldest = versions.first().copied().unwrap_or_default();
    let is_full = versions.len() == COMMAND_KEEP as usize;
    for name in &told {
        let is_there = versions.contains(name.as_str());
        assert!(is_there || is_full && name.as_str() < oldest, "{name} is lost");
    }
    told.len()
}

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

/// 500 processes are killed at moments that nothing chooses, one after another while the others go on,
/// and the store is the same from the first to the last.
#[test]
fn killed_at_any_moment_loses_nothing_that_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    let repo = Repository::init(&store).unwrap();
    let keep = |place: &str, last| {
        repo.set_retention(&place.parse().unwrap(), Some(&Keep::last(last))).unwrap();
    };
    keep(&format!("kill/w{RULED}"), RULED_KEEP);
    keep("kill/command", COMMAND_KEEP);
    repo.close().unwrap();
    let mut files = BTreeSet::new();
    for n in 0..9 {
        let (bin, page) = (noise(n + 50, 19_000), document(n as usize));
        fs::write(folder.path().join(format!("{n}.bin")), &bin).unwrap();
        fs::write(folder.path().join(format!("page-{n}.txt")), &page).unwrap();
        files.extend([frame::hash(&bin), frame::hash(&page)]);
    }
    let diary = |writer: u64| folder.path().join(format!("diary-{writer}"));
    let mut told: Vec<Told> = (0..WRITERS as u64 - 1).map(|_| Told::default()).collect();
    let (mut by_command, mut snapshots) = (0, 0);
    for round in 0..KILLS / WRITERS {
        let mut writers: Vec<Child> = (0..WRITERS as u64 - 1)
            .map(|writer| {
                let orders = json!({
                    "store": store,
                    "diary": diary(writer),
                    "writer": writer,
                    "first": round as u64 * 500 + 12,
                });
                let mut command = worker("crash::a_writer_writes_until_it_is_killed", &orders);
                command.stderr(Stdio::null()).process_group(0).spawn().unwrap()
            })
            .collect();
        writers.push(command_writer(folder.path(), round));
        // Until one of them has come to write, there is nothing to be killed in.
        while !(0..WRITERS as u64 - 1).any(|writer| lines(&diary(writer)).len() > 2) {
            std::thread::sleep(Duration::from_millis(1));
        }
        writers.rotate_left(round % WRITERS);
        for (at, writer) in writers.iter_mut().enumerate() {
            std::thread::sleep(Duration::from_millis((round * 37 + at * 11) as u64 % 60));
            kill(writer);
        }
        let repo = Repository::open(&store).unwrap();
        whole(&repo);
        for (writer, told) in told.iter_mut().enumerate() {
            if diary(writer as u64).exists() {
                told.hear(&diary(writer as u64));
            }
            snapshots += told.put.len();
            check_writer(&repo, writer as u64, told);
        }
        by_command = check_command(&repo, folder.path(), &files);
    }
    let repo = Repository::open(&store).unwrap();
    let events = repo.events(&EventQuery { limit: usize::MAX, ..EventQuery::default() }).unwrap();
    println!(
        "{KILLS} kills, {by_command} snapshots told by the command, {snapshots} looked for, {} events",
        events.len()
    );
    assert!(by_command > KILLS / WRITERS && snapshots > KILLS, "{by_command}, {snapshots}");
}

// A log that was cut off, or has a byte that is not what was written

/// The bytes of the head of a write-ahead log, and of each of its frames: a head and a page.
const LOG_HEAD: usize = 32;
const FRAME: usize = 24 + 4096;

/// All that a store answers, but what it costs.
fn state(repo: &Repository) -> String {
    let found = repo.find(&Query::all().limit(1_000)).unwrap();
    let mut all = String::new();
    for one in &found {
        for artifact in &one.artifacts {
            let content = repo.content(&one.version, artifact.name.as_str()).unwrap();
            all += &frame::hash(&content).to_string();
        }
        // How it is kept is not what it is.
        all += &json!([one.version, one.tags, one.description, held(one)]).to_string();
    }
    let forgotten = repo.find(&Query::all().forgotten()).unwrap();
    let forgotten: Vec<_> = forgotten.iter().map(|one| &one.version).collect();
    let events = repo.events(&EventQuery { limit: 1_000, ..EventQuery::default() }).unwrap();
    all + &json!([forgotten, events, repo.tags().unwrap()]).to_string()
}

fn count(repo: &Repository) -> u64 {
    repo.stats().unwrap().events
}

/// A store whose history is in its log: its files, and each state that somebody was told of, by the
/// number of its last event.
struct Logged {
    file: Vec<u8>,
    log: Vec<u8>,
    note: Vec<u8>,
    states: BTreeMap<u64, String>,
}

fn logged() -> Logged {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let mut states = BTreeMap::from([(count(&repo), state(&repo))]);
    let name = |n: u64| format!("w{}-{n}", n % 2);
    for n in 0..24 {
        match n % 6 {
            2 => repo.forget(&version(&name(n - 1))).unwrap(),
            4 => drop(gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap()),
            // Three changes that are one.
            5 => repo
                .write(|tx| {
                    let last = version(&name(n - 5));
                    tx.tag(&last, &tag("a"))?;
                    tx.tag(&last, &tag("b"))?;
                    tx.untag(&last, &tag("whole"))
                })
                .unwrap(),
            _ => drop(repo.create(draft(&name(n))).unwrap()),
        }
        states.insert(count(&repo), state(&repo));
    }
    let read = |end: &str| fs::read(folder.path().join(format!("tintype.db{end}"))).unwrap();
    Logged { file: read(""), log: read("-wal"), note: read("-head"), states }
}

impl Logged {
    fn frames(&self) -> usize {
        (self.log.len() - LOG_HEAD) / FRAME
    }

    /// Checks a store whose log is this one: it is as somebody was told, and says so where that is
    /// not the last that was told. Gives the number of the last event.
    fn check(&self, folder: &Path, log: &[u8]) -> u64 {
        let path = folder.join("tintype.db");
        fs::write(&path, &self.file).unwrap();
        fs::write(folder.join("tintype.db-wal"), log).unwrap();
        fs::write(folder.join("tintype.db-head"), &self.note).unwrap();
        let _ = fs::remove_file(folder.join("tintype.db-shm"));
        let repo = Repository::open(&path).unwrap();
        let events = count(&repo);
        assert_eq!(self.states.get(&events), Some(&state(&repo)), "after event {events}");
        let report = verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap();
        let (last, _) = self.states.last_key_value().unwrap();
        match events == *last {
            true => assert!(report.ok, "{:?}", report.problems),
            false => {
                assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
                assert!(report.problems[0].detail.contains("is lost"), "{:?}", report.problems);
            }
        }
        events
    }
}

#[test]
fn a_log_cut_off_anywhere_opens_as_what_was_told_up_to_there() {
    let logged = logged();
    let folder = tempfile::tempdir().unwrap();
    let (mut states, mut before, mut seen) = (0, 0, BTreeSet::new());
    for frame in 0..=logged.frames() {
        let end = LOG_HEAD + frame * FRAME;
        for cut in [end, end + 1 + frame * 1_237 % (FRAME - 1)] {
            let events = logged.check(folder.path(), &logged.log[..cut.min(logged.log.len())]);
            assert!(events >= before, "{events} after {before}");
            before = events;
            seen.insert(events);
            states += 1;
        }
    }
    println!("{states} states, {} of them told", seen.len());
    assert_eq!(seen.len(), logged.states.len());
    assert!(states > 300, "{states}");
}

#[test]
fn a_flipped_byte_of_the_log_is_told_and_what_was_before_it_is_there() {
    let logged = logged();
    let folder = tempfile::tempdir().unwrap();
    let in_frames = (0..logged.frames()).map(|at| LOG_HEAD + at * FRAME + at * 911 % FRAME);
    let (last, _) = logged.states.last_key_value().unwrap();
    let mut lost = 0;
    for at in (0..LOG_HEAD).chain(in_frames) {
        let mut log = logged.log.clone();
        log[at] ^= 1 << (at % 8);
        lost += usize::from(logged.check(folder.path(), &log) < *last);
        if at % 16 == 0 {
            fs::write(folder.path().join("tintype.db-wal"), &log).unwrap();
            let told = Command::new(TINTYPE)
                .args(["stats", "--store"])
                .arg(folder.path().join("tintype.db"))
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&told.stderr).into_owned();
            assert!(told.contains("what was committed since is lost"), "{told}");
        }
    }
    println!("{} flips, {lost} of which lost what was told", LOG_HEAD + logged.frames());
    assert!(lost >= logged.frames(), "{lost}");
}
