//! `docs/sqlite.md` is so: its questions are asked with `sqlite3`, and the answers are those that it shows.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tintype::{Draft, Query, Repository};

use crate::readme::check;
use crate::support::extension::extension;
use crate::support::nights::nights;
use crate::support::shell::Shell;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sqlite.md");
    fs::read_to_string(path).unwrap()
}

/// A line as it is: on a clock that stands, nothing differs from run to run.
fn exact(line: &str) -> String {
    line.trim_end().to_owned()
}

#[test]
fn the_page_shows_what_is_printed() {
    let shell = Shell::empty();
    nights(&shell.path("tintype.db"));
    let library = extension();
    fs::copy(library, shell.path("").join(library.file_name().unwrap())).unwrap();
    check("docs/sqlite.md", &page(), &shell, 35, exact);
    assert!(page().lines().filter(|line| line.ends_with('?')).count() >= 20);
}

#[test]
fn the_page_names_every_view() {
    let shell = Shell::new();
    let store = shell.store();
    let mut views = store.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'").unwrap();
    let views = views.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let page = page();
    for view in views.map(Result::unwrap) {
        assert!(page.contains(&format!("`{view}`")), "docs/sqlite.md lacks {view}");
    }
}

#[test]
fn the_file_is_read_with_sqlite3_while_it_is_written() {
    let shell = Shell::new();
    let path = shell.path("tintype.db");
    let repo = Repository::open(&path).unwrap();
    let enough = AtomicBool::new(false);
    let count = || -> usize {
        let found = Command::new("sqlite3")
            .arg("-readonly")
            .arg(&path)
            .arg("SELECT count(*) FROM v_snapshot")
            .output()
            .unwrap();
        let told = String::from_utf8(found.stderr).unwrap();
        assert!(found.status.success() && told.is_empty(), "{told}");
        String::from_utf8(found.stdout).unwrap().trim().parse().unwrap()
    };
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0;
            while !enough.load(Ordering::Relaxed) || written == 0 {
                repo.create(Draft::text(format!("number {written}"))).unwrap();
                written += 1;
            }
            written
        });
        let mut seen = 0;
        for _ in 0..10 {
            let now = count();
            assert!(now >= seen, "{now} after {seen}");
            seen = now;
        }
        enough.store(true, Ordering::Relaxed);
        let written = writer.join().unwrap();
        assert!(seen <= written);
        assert_eq!(count(), written);
    });
    assert!(!repo.find(&Query::all().limit(1)).unwrap().is_empty());
    repo.close().unwrap();
}
