//! Processes that are killed while they make backups or put them back, under four that write.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tintype::ops::backup::{self, Options, RestoreOptions};
use tintype::ops::progress::Progress;
use tintype::ops::verify::{self, Depth};
use tintype::ops::{forget, gc};
use tintype::{Draft, Keep, Query, Repository};

use crate::support::noise;
use crate::support::process::{Diary, kill, lines, orders, worker};
use crate::support::values::{context, document, version};

/// Processes that write at once.
const WRITERS: u64 = 4;
/// Processes that are killed, unless `TINTYPE_KILLS` says how many.
const KILLS: usize = 20;
/// How long a writer waits for those who put backups back.
const PATIENCE: Duration = Duration::from_secs(120);

fn open(store: &str) -> tintype::Result<Repository> {
    Repository::builder().busy_timeout(PATIENCE).open(store)
}

fn content(name: &str) -> Vec<u8> {
    let (writer, number) = name[1..].split_once('-').unwrap();
    let (writer, number): (u64, u64) = (writer.parse().unwrap(), number.parse().unwrap());
    match number % 5 {
        0 => noise(writer * 1_000_000 + number, 3_000),
        _ => [document(number as usize), name.as_bytes().to_vec()].concat(),
    }
}

/// What the writers do until there is a file that says that it is enough.
#[test]
fn a_writer_writes_on() {
    let Some(orders) = orders() else { return };
    let mut diary = Diary::open(Path::new(orders["diary"].as_str().unwrap()));
    if let Err(error) = write_on(&orders, &mut diary) {
        diary.note(&format!("error {error}"));
    }
    diary.note("done");
}

fn write_on(orders: &Value, diary: &mut Diary) -> tintype::Result<()> {
    let repo = open(orders["store"].as_str().unwrap())?;
    let (writer, enough) = (&orders["writer"], Path::new(orders["enough"].as_str().unwrap()));
    let place = format!("kill/w{writer}");
    for number in 0_u64.. {
        if enough.exists() {
            break;
        }
        let name = format!("w{writer}-{number:06}");
        let draft = Draft::bytes(content(&name)).context(context(&place));
        repo.create(draft.version(version(&name)).based_on_latest())?;
        diary.note(&format!("put {name}"));
        if number % 40 == 39 {
            // The oldest go, so that what all have to read stays little.
            let own = Query::context(place.parse()?);
            let plan = forget::plan(&repo, &Keep::last(30), &own)?;
            for gone in plan.groups.iter().flat_map(|group| &group.forgotten) {
                diary.note(&format!("forgetting {}", gone.version));
            }
            plan.apply(&repo, &mut |_| {})?;
            gc::run(&repo, &gc::Options::now(), &mut |_| {})?;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// What is killed: makes backups, or puts them back, over and over.
#[test]
fn backups_are_made_and_put_back_until_the_end() {
    let Some(orders) = orders() else { return };
    let mut diary = Diary::open(Path::new(orders["diary"].as_str().unwrap()));
    let work = |diary: &mut Diary| -> tintype::Result<()> {
        let repo = open(orders["store"].as_str().unwrap())?;
        let folder = backup::folder_of(repo.path());
        loop {
            diary.note("begun");
            let mut stage = "";
            let mut told = |told: Progress| {
                if std::mem::replace(&mut stage, told.stage) != told.stage {
                    diary.note(told.stage);
                }
            };
            match orders["verb"].as_str() {
                Some("create") => {
                    let made = backup::create(&repo, &Options::default(), &mut told)?;
                    diary.note(&format!("made {}", made.id));
                }
                _ => {
                    let from = backup::find(&folder, orders["from"].as_str().unwrap())?;
                    let forced = RestoreOptions::forced();
                    let restored = backup::restore(&repo, &from, &forced, &mut told)?;
                    diary.note(&format!("kept {}", restored.kept.unwrap().id));
                }
            }
        }
    };
    if let Err(error) = work(&mut diary) {
        diary.note(&format!("error {error}"));
    }
}

/// What the writers were told, as far as it has to be looked for.
#[derive(Default)]
struct Told {
    /// The lines that were read of each diary.
    heard: [usize; WRITERS as usize],
    /// What was put and is not known to be in a backup, and not to be forgotten.
    put: BTreeSet<String>,
    forgetting: BTreeSet<String>,
    count: usize,
}

impl Told {
    fn hear(&mut self, diaries: &[PathBuf]) {
        for (heard, diary) in self.heard.iter_mut().zip(diaries) {
            let lines = lines(diary);
            for line in &lines[*heard..] {
                match line.split_once(' ') {
                    Some(("put", name)) => {
                        self.count += 1;
                        self.put.insert(name.to_owned());
                    }
                    Some(("forgetting", name)) => drop(self.forgetting.insert(name.to_owned())),
                    _ => panic!("{line}"),
                }
            }
            *heard = lines.len();
        }
    }
}

/// The names of all that a store holds, after looking at what some of it is: in one view, since the
/// writers go on.
fn held(repo: &Repository) -> BTreeSet<String> {
    let held = repo.read(|view| {
        let versions = view.versions()?;
        for version in versions.iter().step_by(7) {
            assert!(view.content(version, "data")? == content(version.as_str()), "{version}");
        }
        Ok(versions.iter().map(|version| version.to_string()).collect())
    });
    held.unwrap()
}

struct Scene {
    folder: tempfile::TempDir,
    store: PathBuf,
    writers: Vec<Child>,
}

impl Scene {
    fn diaries(&self) -> Vec<PathBuf> {
        (0..WRITERS).map(|writer| self.folder.path().join(format!("diary-{writer}"))).collect()
    }
}

/// Where the test fails, nobody goes on writing.
impl Drop for Scene {
    fn drop(&mut self) {
        self.writers.iter_mut().for_each(kill);
    }
}

/// Writers write all the while; one process after another is killed while it makes a backup, or while
/// it puts one back. Each time the store is whole, and all that was ever told is in it or in a backup.
#[test]
fn killed_in_backup_or_restore_loses_nothing_that_was_told() {
    let kills = std::env::var("TINTYPE_KILLS").ok();
    let kills: usize = kills.map_or(KILLS, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    let repo = Repository::init(&store).unwrap();
    let first = folder.path().join("first");
    fs::create_dir(&first).unwrap();
    let options = Options::default().to(&first);
    let made = backup::create(&repo, &options, &mut |_| {}).unwrap();
    let first = backup::find(&first, &made.id).unwrap();
    repo.close().unwrap();
    let mut scene = Scene { folder, store, writers: Vec::new() };
    let enough = scene.folder.path().join("enough");
    for (writer, diary) in (0..).zip(scene.diaries()) {
        let orders = json!({
            "store": scene.store, "diary": diary, "writer": writer, "enough": enough,
        });
        let mut command = worker("backup_crash::a_writer_writes_on", &orders);
        scene.writers.push(command.stderr(Stdio::null()).process_group(0).spawn().unwrap());
    }
    let backups = backup::folder_of(&scene.store);
    // What was seen in a backup that was removed since, so that their number stays small.
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut told = Told::default();
    let (mut made, mut kept, mut looked_at) = (0, 0, 0);
    for round in 0..kills {
        // Mostly the first, so that the log does not only grow.
        let newest = backup::list(&backups).unwrap().into_iter().map(|found| found.path).next();
        let from = newest.filter(|_| round % 8 == 7).unwrap_or_else(|| first.clone());
        let diary = scene.folder.path().join("diary-of-the-killed");
        let verb = ["create", "restore"][round % 2];
        let orders = json!({"store": scene.store, "diary": diary, "verb": verb, "from": from});
        let test = "backup_crash::backups_are_made_and_put_back_until_the_end";
        let mut command = worker(test, &orders);
        let mut killed = command.stderr(Stdio::null()).process_group(0).spawn().unwrap();
        // After so many words of how far it has come, and a little more.
        let words = 1 + round * 7 % 12;
        while lines(&diary).len() < words && killed.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros((round * 1_493) as u64 % 9_000));
        kill(&mut killed);
        for line in lines(&diary) {
            let (word, id) = line.split_once(' ').unwrap_or((&line, ""));
            assert_ne!(word, "error", "{line}");
            // What it was told is there, and whole.
            if !id.is_empty() {
                let path = backup::find(&backups, id).unwrap();
                assert!(path.is_file(), "{line}");
            }
            (made, kept) = (made + usize::from(word == "made"), kept + usize::from(word == "kept"));
        }
        fs::remove_file(&diary).unwrap();
        // Nobody puts anything back now, so what was told by now stays where it is.
        told.hear(&scene.diaries());
        let repo = open(scene.store.to_str().unwrap()).unwrap();
        let report = verify::verify(&repo, Depth::Data, &mut |_| {}).unwrap();
        assert!(report.ok, "{:#?}", report.problems);
        for found in backup::list(&backups).unwrap() {
            assert_eq!(found.problem, None, "{found:?}");
            let report = backup::verify(&found.path, &mut |_| {}).unwrap();
            assert!(report.ok, "{:#?}", report.problems);
            seen.extend(held(&Repository::open(&found.path).unwrap()));
            looked_at += 1;
        }
        let there = held(&repo);
        told.put.retain(|name| !seen.contains(name));
        let missing: Vec<_> = told.put.difference(&there).cloned().collect();
        // What a writer forgets since may be gone.
        told.hear(&scene.diaries());
        for name in missing {
            assert!(told.forgetting.contains(&name), "{name} is lost");
            told.put.remove(&name);
        }
        let plan = backup::plan(&repo, &backups, &Keep::last(2)).unwrap();
        plan.apply(&mut |_| {}).unwrap();
    }
    fs::write(&enough, "").unwrap();
    for writer in &mut scene.writers {
        assert!(writer.wait().unwrap().success());
    }
    let ends: Vec<String> = scene.diaries().iter().flat_map(|diary| lines(diary).pop()).collect();
    assert_eq!(ends, vec!["done"; WRITERS as usize]);
    // Who comes next clears away what was left behind.
    let repo = open(scene.store.to_str().unwrap()).unwrap();
    backup::create(&repo, &Options::default(), &mut |_| {}).unwrap();
    let left = fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("making")).collect();
    assert!(left.is_empty(), "{left:?}");
    println!(
        "{kills} kills; {made} backups and {kept} restores told; {looked_at} backups looked at; \
         {} snapshots told, {} of them in backups",
        told.count,
        seen.len()
    );
    assert!(kept > 0 && made > 0 && told.count > kills, "{kept}, {made}, {}", told.count);
}
