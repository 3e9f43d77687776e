//! Stores that may be read, and not written.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tintype::{Draft, Repository};

use crate::support::noise;
use crate::support::shell::{Output, TINTYPE};
use crate::support::values::{document, version};

/// Who root becomes, for whom modes don't count.
const NOBODY: u32 = 65_534;

/// A folder with a store, and a person who may do what the modes of both say.
struct Place {
    folder: TempDir,
    command: PathBuf,
    is_root: bool,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        let command = match is_root {
            // Where it was built, others may not come.
            true => folder.path().join("tintype"),
            false => TINTYPE.into(),
        };
        // A copy can't be run as long as a process that was started meanwhile has it open.
        if is_root && fs::hard_link(TINTYPE, &command).is_err() {
            fs::copy(TINTYPE, &command).unwrap();
        }
        let place = Place { folder, command, is_root };
        fs::create_dir(place.path("")).unwrap();
        fs::create_dir(place.path("../out")).unwrap();
        place.set_mode("..", 0o755);
        for own in ["", "../out"] {
            place.give_away(&place.path(own));
        }
        place
    }

    /// A place with a store of some snapshots.
    fn with_store() -> Self {
        let place = Place::new();
        for n in 0..5 {
            fs::write(place.path(&format!("../{n}.txt")), document(n)).unwrap();
        }
        place.done("init");
        place.done("put ../0.txt ../1.txt ../2.txt ../3.txt ../4.txt --context read/only");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("store").join(name)
    }

    /// Lets the person own a file.
    fn give_away(&self, path: &Path) {
        if self.is_root {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.command);
        if self.is_root {
            command = Command::new("setpriv");
            command
                .args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")])
                .args(["--clear-groups", "--"])
                .arg(&self.command);
        }
        command.args(line.split_whitespace());
        command.current_dir(self.path("")).env_remove("TINTYPE_STORE");
        command
    }

    fn run(&self, line: &str) -> Output {
        let ended = self.command(line).output().unwrap();
        let err = String::from_utf8(ended.stderr).unwrap();
        Output { code: ended.status.code().unwrap(), out: ended.stdout, err }
    }

    fn done(&self, line: &str) -> String {
        let run = self.run(line);
        assert_eq!(run.code, 0, "{line}: {}", run.err);
        run.text()
    }

    /// Checks that everything can be read and nothing changed.
    fn reads_only(&self) {
        let before = fs::read(self.path("tintype.db")).unwrap();
        assert_eq!(self.done("list --json").lines().count(), 5);
        assert_eq!(self.done("get latest").into_bytes(), document(4));
        self.done("show oldest");
        self.done("stats");
        self.done("verify --read-data");
        self.done("diff oldest latest");
        self.done("export latest oldest -o ../out/out.db");
        fs::remove_file(self.path("../out/out.db")).unwrap();
        for line in ["put ../0.txt", "tag latest seen", "put ../1.txt --together"] {
            let told = self.run(line).failed(1, "can't be written");
            assert!(told.contains("tintype.db"), "{told}");
        }
        assert_eq!(self.done("list --json").lines().count(), 5);
        assert!(fs::read(self.path("tintype.db")).unwrap() == before);
    }

    /// Checks that it can be written to again.
    fn writes(&self) {
        self.done("put ../1.txt --version again");
        assert_eq!(self.done("get again").into_bytes(), document(1));
        self.done("verify --read-data");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // So that it can be removed.
        let _ = fs::set_permissions(self.path(""), fs::Permissions::from_mode(0o755));
    }
}

#[test]
fn a_file_that_may_not_be_written_is_read_and_can_be_written_later() {
    let place = Place::with_store();
    place.set_mode("tintype.db", 0o444);
    place.reads_only();
    place.set_mode("tintype.db", 0o600);
    place.writes();
}

/// The first makes the files of the log with the mode of the store, which shuts out the next.
#[test]
fn several_read_at_once_what_none_may_write() {
    let place = Place::with_store();
    fs::write(place.path("../large.bin"), noise(1, 9 << 20)).unwrap();
    let large = place.done("put ../large.bin");
    place.set_mode("tintype.db", 0o444);
    let mut get = place.command(&format!("get {large}"));
    let mut reading = get.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = reading.stdout.take().unwrap();
    let mut read = vec![0; 1_000];
    output.read_exact(&mut read).unwrap();
    // It waits now for somebody to take the rest.
    assert_eq!(place.done("list --json").lines().count(), 6);
    place.done("verify --read-data");
    output.read_to_end(&mut read).unwrap();
    assert!(read == noise(1, 9 << 20));
    assert!(reading.wait().unwrap().success());
}

#[test]
fn a_folder_that_may_not_be_written_is_read_and_can_be_written_later() {
    let place = Place::with_store();
    place.set_mode("", 0o555);
    place.reads_only();
    place.set_mode("", 0o755);
    place.writes();
}

#[test]
fn a_file_and_folder_that_may_not_be_written_are_read_and_can_be_written_later() {
    let place = Place::with_store();
    place.set_mode("tintype.db", 0o444);
    place.set_mode("", 0o555);
    place.reads_only();
    place.set_mode("", 0o755);
    place.set_mode("tintype.db", 0o600);
    place.writes();
}

#[test]
fn a_store_cannot_be_made_or_repaired_where_nothing_may_be_written() {
    let place = Place::new();
    place.set_mode("", 0o555);
    let told = place.run("init").failed(1, "tintype.db");
    assert!(told.contains("ermission denied"), "{told}");
    let place = Place::with_store();
    place.set_mode("", 0o555);
    place.done("repair");
}

#[test]
fn a_file_that_may_not_be_read_is_told_as_such() {
    let place = Place::with_store();
    place.set_mode("tintype.db", 0o000);
    let told = place.run("list").failed(1, "tintype.db");
    assert!(told.contains("ermission denied"), "{told}");
}

/// What stands in the log is told, or that it can't be: rows are not left out.
#[test]
fn a_log_beside_a_store_that_may_not_be_written_is_read_or_refused() {
    for (mode, with_shared) in [(0o444, false), (0o644, false), (0o444, true), (0o644, true)] {
        let place = Place::new();
        let folder = TempDir::new().unwrap();
        let repo = Repository::init(folder.path().join("tintype.db")).unwrap();
        for n in 0..3 {
            repo.create(Draft::text("x").version(version(&format!("v{n}")))).unwrap();
        }
        let ends = if with_shared { &["", "-wal", "-head", "-shm"][..] } else { &["", "-wal"] };
        for end in ends {
            let name = format!("tintype.db{end}");
            fs::copy(folder.path().join(&name), place.path(&name)).unwrap();
            place.set_mode(&name, mode);
            place.give_away(&place.path(&name));
        }
        assert!(fs::metadata(place.path("tintype.db-wal")).unwrap().len() > 0);
        place.set_mode("", 0o555);
        for line in ["list --json", "verify --read-data", "get v2"] {
            let run = place.run(line);
            match run.code {
                0 if line.starts_with("list") => assert_eq!(run.text().lines().count(), 3),
                0 => {}
                _ => {
                    let told = run.failed(1, "can't be written");
                    assert!(told.contains("tintype.db-wal"), "{mode:o}, {with_shared}: {told}");
                }
            }
        }
        place.set_mode("", 0o755);
        place.set_mode("tintype.db", 0o600);
        assert_eq!(place.done("list --json").lines().count(), 3);
    }
}

#[test]
fn damage_of_a_store_that_may_not_be_written_is_found() {
    let damage = |sql: &str, told: &str| {
        let place = Place::with_store();
        let store = rusqlite::Connection::open(place.path("tintype.db")).unwrap();
        store.execute_batch(sql).unwrap();
        drop(store);
        place.set_mode("", 0o555);
        place.set_mode("tintype.db", 0o444);
        let verified = place.run("verify --read-data");
        assert_eq!(verified.code, 13, "{}", verified.err);
        assert!(verified.text().contains(told), "{}", verified.text());
    };
    damage("UPDATE blob SET data = x'00' WHERE id = 2", "artifact data");
    damage("UPDATE snapshot SET description = 'other'", "is not what was stored");
    damage("CREATE TABLE extra (x)", "table extra does not belong to a store");
    damage("UPDATE event SET at_us = 5", "does not follow from the one before");
    // The end of the log is lost.
    let place = Place::with_store();
    let before = fs::read(place.path("tintype.db")).unwrap();
    place.done("tag latest seen");
    fs::write(place.path("tintype.db"), before).unwrap();
    place.set_mode("", 0o555);
    let verified = place.run("verify");
    assert_eq!(verified.code, 13, "{}", verified.err);
    assert!(verified.text().contains("what was committed since is lost"), "{}", verified.text());
    assert!(verified.err.contains("what was committed since is lost"), "{}", verified.err);
}

#[test]
fn a_store_that_may_not_be_written_has_backups_elsewhere_and_stays_as_it_is() {
    let place = Place::with_store();
    let id = place.done("backup create --to ../out");
    place.set_mode("", 0o555);
    let told = place.run("backup create").failed(1, "tintype.db.backups");
    assert!(told.contains("ermission denied"), "{told}");
    place.set_mode("tintype.db", 0o444);
    let other = place.done("backup create --to ../out");
    place.done(&format!("backup verify --in ../out {} {}", id.trim(), other.trim()));
    let words = format!("backup restore --in ../out --keep-in ../out {}", id.trim());
    place.run(&words).failed(1, "can't be written");
    assert_eq!(place.done("backup list --in ../out").lines().count(), 3);
    place.reads_only();
    // A folder of backups that may only be read.
    place.set_mode("../out", 0o555);
    let told = place.run("backup create --to ../out").failed(1, "../out");
    assert!(told.contains("ermission denied"), "{told}");
    let told = place.run("backup prune --keep-last 1 --in ../out --yes").failed(1, "../out");
    assert!(told.contains("ermission denied"), "{told}");
    place.done(&format!("backup verify --in ../out {} {}", id.trim(), other.trim()));
    place.set_mode("../out", 0o755);
}
