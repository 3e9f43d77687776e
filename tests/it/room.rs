//! A disk that is full, as far as a limit on the size of files is one.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Output;

use serde_json::json;
use tintype::ops::verify::{self, Depth};
use tintype::ops::{gc, transfer};
use tintype::{Draft, DraftArtifact, Error, Keep, Query, Repository};

use crate::support::noise;
use crate::support::process::{Diary, lines, orders, worker};
use crate::support::shell::TINTYPE;
use crate::support::values::{context, document, version};

/// Runs a command of words with files limited to so many KiB.
fn limited(folder: &Path, limit_kib: usize, command: &str) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f {limit_kib}; exec {command}");
    let mut bash = std::process::Command::new("bash");
    let ended = bash.args(["-c", &script]).current_dir(folder).output().unwrap();
    assert_eq!(ended.status.signal(), None, "{ended:?}");
    ended
}

/// Checks that a command failed for want of room, and says so.
fn was_full(ended: &Output) {
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(17), "{told}");
    assert!(told.contains("no space left for"), "{told}");
}

fn files(folder: &Path, count: u64) {
    for n in 0..count {
        // Content that does not compress, so that it fills what there is.
        fs::write(folder.join(format!("{n:03}.bin")), noise(n, 19_000)).unwrap();
    }
}

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

/// All files of a folder but those of the store itself.
fn beside(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with("tintype.db"));
    names.sort();
    names
}

#[test]
fn a_disk_that_fills_up_keeps_what_was_told_and_nothing_half() {
    for limit_kib in [200, 400, 777, 1_500] {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), 120);
        drop(Repository::init(folder.path().join("tintype.db")).unwrap());
        let put =
            limited(folder.path(), limit_kib, &format!("{TINTYPE} put *.bin --context full/disk"));
        was_full(&put);
        let repo = Repository::open(folder.path().join("tintype.db")).unwrap();
        whole(&repo);
        // The last line may have been cut off.
        let told = String::from_utf8(put.stdout).unwrap();
        for line in told.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            repo.content(&version(line.trim_end()), "data").unwrap();
        }
        // There is room again.
        repo.create(Draft::text("room")).unwrap();
    }
}

#[test]
fn a_store_that_can_t_be_made_for_want_of_room_leaves_nothing() {
    for limit_kib in [0, 4, 20, 60, 100] {
        let folder = tempfile::tempdir().unwrap();
        was_full(&limited(folder.path(), limit_kib, &format!("{TINTYPE} init")));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

/// A store with content in it, some of it large.
fn stocked(folder: &Path) -> Repository {
    let repo = Repository::init(folder.join("tintype.db")).unwrap();
    for n in 0..60 {
        let data = DraftArtifact::stored("data".parse().unwrap(), "text/plain", noise(n, 20_000));
        repo.create(Draft::new().version(version(&format!("v{n}"))).artifact(data.unwrap()))
            .unwrap();
    }
    let large = DraftArtifact::stored("data".parse().unwrap(), "text/plain", noise(99, 9 << 20));
    repo.create(Draft::new().version(version("large")).artifact(large.unwrap())).unwrap();
    repo
}

#[test]
fn an_archive_that_has_no_room_is_no_archive() {
    let folder = tempfile::tempdir().unwrap();
    stocked(folder.path()).close().unwrap();
    let before = beside(folder.path());
    for limit_kib in [100, 300, 500, 5_000, 9_000] {
        let versions = if limit_kib > 500 { "large v1" } else { "v{1,2,3,4}{0,1,2,3,4,5}" };
        let export =
            limited(folder.path(), limit_kib, &format!("{TINTYPE} export {versions} -o out.db"));
        was_full(&export);
        assert_eq!(beside(folder.path()), before, "{limit_kib}");
    }
    let repo = Repository::open(folder.path().join("tintype.db")).unwrap();
    whole(&repo);
    let archive = folder.path().join("out.db");
    transfer::export(&repo, &[version("large")], &archive, &mut |_| {}).unwrap();
}

#[test]
fn an_import_that_has_no_room_can_be_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    stocked(&from).close().unwrap();
    let store = to.join("tintype.db");
    drop(Repository::init(&store).unwrap());
    for limit_kib in [150, 400, 900, 3_000, 9_000] {
        let import = limited(&to, limit_kib, &format!("{TINTYPE} import ../from/tintype.db"));
        was_full(&import);
        let repo = Repository::open(&store).unwrap();
        whole(&repo);
        for found in repo.find(&Query::all()).unwrap() {
            repo.copy_to(&found.version, "data", &mut std::io::sink()).unwrap();
        }
    }
    let repo = Repository::open(&store).unwrap();
    let imported =
        transfer::import(&repo, from.join("tintype.db"), &Default::default(), &mut |_| {});
    assert_eq!(imported.unwrap().len(), 61);
    assert_eq!(repo.stats().unwrap().snapshots, 61);
    whole(&repo);
}

#[test]
fn a_repair_that_has_no_room_leaves_the_store_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tintype.db");
    stocked(folder.path()).close().unwrap();
    let sql = rusqlite::Connection::open(&store).unwrap();
    sql.execute_batch("UPDATE blob SET data = x'00' WHERE id = 3").unwrap();
    drop(sql);
    let damaged = fs::read(&store).unwrap();
    for limit_kib in [100, 1_000, 5_000, 10_300] {
        was_full(&limited(folder.path(), limit_kib, &format!("{TINTYPE} repair")));
        assert!(fs::read(&store).unwrap() == damaged, "{limit_kib}");
        assert_eq!(beside(folder.path()), [""; 0], "{limit_kib}");
    }
    let repaired = limited(folder.path(), 1 << 20, &format!("{TINTYPE} repair"));
    assert_eq!(repaired.status.code(), Some(3), "{repaired:?}");
    let repo = Repository::open(&store).unwrap();
    whole(&repo);
    assert_eq!(repo.stats().unwrap().snapshots, 61);
}

/// What a process does under a limit: forgets half of what there is, and collects.
#[test]
fn a_process_lets_go_of_what_it_can() {
    let Some(orders) = orders() else { return };
    let mut diary = Diary::open(Path::new(orders["diary"].as_str().unwrap()));
    let repo = Repository::open(orders["store"].as_str().unwrap()).unwrap();
    let work = || match orders["verb"].as_str().unwrap() {
        "forget" => repo.write(|tx| {
            let all = tx.find(&Query::all().limit(10_000))?;
            all.iter().step_by(2).try_for_each(|one| tx.forget(&one.version))
        }),
        _ => gc::run(&repo, &gc::Options::now(), &mut |_| {}).map(drop),
    };
    diary.note(work().as_ref().map_or_else(Error::kind, |()| "done"));
}

/// Lets a process do so, with files limited to as many KiB as the store has and some more; gives
/// what it said.
fn let_go(folder: &Path, verb: &str, more_kib: u64) -> String {
    let store = folder.join("tintype.db");
    let diary = folder.join("diary");
    let _ = fs::remove_file(&diary);
    let orders = json!({ "store": store, "diary": diary, "verb": verb });
    let worker = worker("room::a_process_lets_go_of_what_it_can", &orders);
    let limit_kib = fs::metadata(&store).unwrap().len() / 1024 + more_kib;
    let script = format!("trap '' XFSZ; ulimit -f {limit_kib}; exec \"$0\" \"$@\"");
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &script]).arg(worker.get_program()).args(worker.get_args());
    bash.envs(worker.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = bash.output().unwrap();
    let said = lines(&diary).pop();
    said.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&ended.stderr)))
}

/// A store of many small snapshots, so that forgetting and letting go of them touches many pages.
fn many(folder: &Path) -> Repository {
    let repo = Repository::init(folder.join("tintype.db")).unwrap();
    repo.bulk(|| {
        let tickets: Vec<_> = (0..3_000)
            .map(|n| {
                let text = String::from_utf8(document(n)).unwrap();
                let draft = Draft::text(format!("{n}{}", &text[..300]));
                let draft = draft.context(context(&format!("many/p{}", n % 40)));
                repo.submit(repo.prepare(draft.describe("x".repeat(200))).unwrap())
            })
            .collect();
        tickets.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
    });
    repo
}

#[test]
fn what_is_let_go_of_while_the_disk_is_full_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let repo = many(folder.path());
    repo.close().unwrap();
    // Where there is no room for the log, nothing happens.
    let store = folder.path().join("tintype.db");
    let full = let_go(folder.path(), "forget", 0);
    let open = || Repository::open(&store).unwrap();
    whole(&open());
    let left = open().stats().unwrap().snapshots;
    assert!(full == "done" && left == 1_500 || full == "no_space" && left == 3_000, "{full}");
    if left == 3_000 {
        assert_eq!(let_go(folder.path(), "forget", 1 << 20), "done");
    }
    let before = open().stats().unwrap();
    // As large as it is, and no page more.
    assert_eq!(let_go(folder.path(), "gc", 0), "done");
    whole(&open());
    let after = open().stats().unwrap();
    assert_eq!(after.snapshots, 1_500);
    assert!(after.file_bytes < before.file_bytes, "{before:?}, {after:?}");
    let keep = Keep::last(5);
    open().set_retention(&"many".parse().unwrap(), Some(&keep)).unwrap();
    open().create(Draft::text("room")).unwrap();
}
