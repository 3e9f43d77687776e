//! Processes that are killed while they make backups or put them back, under four that write.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tintype::ops::backup::{self, Options, RestoreOptions};
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
            match orders["verb"].as_str() {
                Some("create") => {
                    let made = backup::create(&repo, &Options::default(), &mut |_| {})?;
                    diary.note(&format!("made {}", made.id));
                }
                _ => {
                    let from = backup::find(&folder, orders["from"].as_str().unwrap())?;
                    let forced = RestoreOptions::forced();
                    let restored = backup::restore(&repo, &from, &forced, &mut |_| {})?;
                    diary.note(&format!("kept {}", restored.kept.unwrap().id));
                }
            }
        }
    };
    if let Err(error) = work(&mut diary) {
        diary.note(&format!("error {error}"));
    }
}

/// What was told so far, and what of it needs not be there.
#[derive(Default)]
struct Told {
    put: BTreeSet<String>,
    forgetting: BTreeSet<String>,
}

impl Told {
    fn hear(diaries: &[PathBuf]) -> Told {
        let mut told = Told::default();
        for line in diaries.iter().flat_map(|diary| lines(diary)) {
            match line.split_once(' ') {
                Some(("put", name)) => drop(told.put.insert(name.to_owned())),
                Some(("forgetting", name)) => drop(told.forgetting.insert(name.to_owned())),
                _ => panic!("{line}"),
            }
        }
        told
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
    backup::create(&repo, &Options::default(), &mut |_| {}).unwrap();
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
    let (mut made, mut kept, mut looked_at) = (0, 0, 0);
    for round in 0..kills {
        // The oldest that is left, so that the log does not only grow.
        let from = backup::list(&backups).unwrap().pop().unwrap().id;
        let diary = scene.folder.path().join("diary-of-the-killed");
        let verb = ["create", "restore"][round % 2];
        let orders = json!({"store": scene.store, "diary": diary, "verb": verb, "from": from});
        let test = "backup_crash::backups_are_made_and_put_back_until_the_end";
        let mut command = worker(test, &orders);
        let mut killed = command.stderr(Stdio::null()).process_group(0).spawn().unwrap();
        while lines(&diary).is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis((round * 149 + round * round * 31) as u64 % 400));
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
        let told = Told::hear(&scene.diaries());
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
        // What a writer forgets since may be gone.
        let later = Told::hear(&scene.diaries());
        for name in &told.put {
            let is_there = there.contains(name) || seen.contains(name);
            assert!(is_there || later.forgetting.contains(name), "{name} is lost");
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
        "{kills} kills; {made} backups and {kept} restores told; {looked_at} backups looked at, \
         {} snapshots in them",
        seen.len()
    );
}
