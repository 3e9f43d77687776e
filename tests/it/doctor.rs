//! What a machine gives a store, told by the library.

use std::time::Duration;

use tintype::ops::doctor::{self, Finding, State};
use tintype::{Draft, Repository, SystemClock, Time};

const PATIENCE: Duration = Duration::from_millis(50);

fn state(found: &[Finding], check: &str) -> Option<State> {
    found.iter().find(|one| one.check == check).map(|one| one.state)
}

#[test]
fn a_clock_that_stands_wrong_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let at = |text: &str| text.parse::<Time>().unwrap();
    let repo = Repository::init(&path).unwrap();
    repo.create(Draft::text("one")).unwrap();
    repo.close().unwrap();
    let look = |now| state(&doctor::examine_at(&path, PATIENCE, now), "clock").unwrap();
    let now = tintype::Clock::now(&SystemClock);
    assert_eq!(look(at("1970-01-01T00:00:07Z")), State::Fail);
    assert_eq!(look(at("2026-01-01T00:00:00Z").min(now)), State::Warn);
    assert_eq!(look(now.plus(Duration::from_secs(3_600))), State::Ok);
}

#[test]
fn what_does_not_work_comes_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "no store at all, though it has the name of one").unwrap();
    for path in [text, folder.path().join("nowhere/store.db"), folder.path().to_owned()] {
        let found = doctor::examine(&path, PATIENCE);
        assert!(found.iter().any(|one| one.state == State::Fail), "{found:?}");
        for one in found {
            assert_eq!(one.state == State::Ok, one.advice.is_none(), "{one:?}");
        }
    }
    // Nothing of what was tried is left.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
