//! What the flags of a store govern, row by row: each is switched off, and the thing is seen to stop.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tintype::capture::{Facts, Fault, Page, Taken};
use tintype::ops::legacy;
use tintype::ops::rollout::{self, By};
use tintype::{
    ArtifactStatus, CaptureConfig, CaptureMode, Context, Draft, Error, PagePart, Query, Recorder,
    RecorderOptions, Repository, Rollout, Stage, Status,
};

use crate::support::script::Script;

fn place() -> Context {
    "shop.example/products/list/run-7".parse().unwrap()
}

fn ann() -> By {
    By::new("ann")
}

fn at_once() -> CaptureConfig {
    let mut config = CaptureConfig::default();
    config.async_save = false;
    config
}

struct Shop {
    folder: TempDir,
    repo: Repository,
    recorder: Recorder,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repository::init(folder.path().join("shop.db")).unwrap();
        let recorder = Recorder::new(&repo);
        Shop { folder, repo, recorder }
    }

    fn snapshots(&self) -> usize {
        self.repo.find(&Query::all().limit(1_000)).unwrap().len()
    }

    /// Where the old layout is written, unless told.
    fn beside(&self) -> PathBuf {
        self.folder.path().join("shop.db.legacy")
    }

    fn capture(&self) -> (tintype::Captured, Script) {
        let mut page = Script::new();
        let captured = self.recorder.capture(&mut page, &place(), &at_once()).unwrap();
        (captured, page)
    }
}

/// The documents of a flat folder.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = found.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
}

/// Takes in what was written in the old layout.
fn take_in(repo: &Repository, folder: &Path) -> legacy::Counts {
    let plan = legacy::plan(repo, folder, &mut |_| {}).unwrap();
    legacy::apply(repo, plan, &legacy::Options::default(), &mut |_| {}).unwrap().snapshots
}

// context_aware_bundles

#[test]
fn without_context_aware_bundles_nothing_new_is_stored_and_nobody_fails() {
    let shop = Shop::new();
    shop.capture().0.wait().unwrap().unwrap();
    rollout::disable(&shop.repo, "context_aware_snapshots", &ann()).unwrap();
    for config in [at_once(), CaptureConfig::default()] {
        let mut page = Script::new();
        let captured = shop.recorder.capture(&mut page, &place(), &config).unwrap();
        assert_eq!(captured.off, Some("context_aware_bundles"));
        assert_eq!(captured.status, Status::Minimal);
        assert!(captured.failures.is_empty() && captured.facts.is_null());
        assert_eq!(captured.wait().unwrap(), None);
        assert!(page.asked.is_empty(), "the page is left alone");
    }
    shop.recorder.flush().unwrap();
    assert_eq!(shop.snapshots(), 1);
    assert!(documents(&shop.beside()).is_empty());
    // What is kept by other means than a recorder is.
    shop.repo.create(Draft::text("data")).unwrap();
    assert_eq!(shop.snapshots(), 2);
    rollout::enable(&shop.repo, "context_aware_bundles", None, &ann()).unwrap();
    let captured = shop.capture().0;
    assert_eq!(captured.off, None);
    captured.wait().unwrap().unwrap();
    assert_eq!(shop.snapshots(), 3);
}

#[test]
fn with_the_legacy_flag_on_the_flat_writer_works_instead() {
    let shop = Shop::new();
    let by = &ann();
    rollout::emergency_legacy(&shop.repo, by).unwrap();
    let (captured, page) = shop.capture();
    assert_eq!(captured.off, Some("context_aware_bundles"));
    assert_eq!(captured.status, Status::Complete);
    assert_eq!(captured.wait().unwrap(), None);
    assert!(!page.asked.is_empty());
    assert_eq!(shop.snapshots(), 0);
    assert_eq!(documents(&shop.beside()).len(), 1);
    // With what a draft may say, which means nothing elsewhere.
    let other = shop.repo.create(Draft::text("base").context(place())).unwrap();
    let draft =
        || Draft::new().context(place()).tag("broken").unwrap().describe("the price is gone");
    let drafts = [
        draft().based_on(&other).at("2026-01-02T03:04:05Z".parse().unwrap()),
        draft().based_on_latest(),
    ];
    for draft in drafts {
        let captured = shop.recorder.capture_as(&mut Script::new(), draft, &at_once()).unwrap();
        assert_eq!(captured.wait().unwrap(), None);
    }
    assert_eq!(documents(&shop.beside()).len(), 3);
    rollout::emergency_release(&shop.repo, by).unwrap();
    shop.capture().0.wait().unwrap().unwrap();
    assert_eq!((shop.snapshots(), documents(&shop.beside()).len()), (2, 3));
    // What was written meanwhile is taken in again.
    let taken = take_in(&shop.repo, &shop.beside());
    assert_eq!((taken.imported, taken.duplicates), (3, 0));
    let found = shop.repo.find(&Query::all().tag("broken".parse().unwrap())).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|one| one.context == place()));
}

// dual_html_capture

#[test]
fn without_dual_html_capture_the_mode_both_keeps_the_page_only() {
    let shop = Shop::new();
    let of_element = |mode: CaptureMode| {
        let mut config = CaptureConfig::new(mode, Some(".price")).unwrap();
        config.async_save = false;
        let mut page = Script::new();
        let captured = shop.recorder.capture(&mut page, &place(), &config).unwrap();
        assert_eq!(captured.status, Status::Complete);
        let snapshot = shop.repo.get(&captured.wait().unwrap().unwrap().version).unwrap();
        assert_eq!(snapshot.artifact("page.html").unwrap().status, ArtifactStatus::Stored);
        let asked = page.asked.iter().any(|(part, _)| part.is_of_the_element());
        let kept = ["element.html", "element.png"].map(|name| snapshot.artifact(name).is_some());
        assert_eq!(kept, [asked; 2]);
        asked
    };
    assert!(of_element(CaptureMode::Both));
    rollout::disable(&shop.repo, "dual_capture", &ann()).unwrap();
    assert!(!of_element(CaptureMode::Both));
    assert!(of_element(CaptureMode::Selector), "it says nothing of other modes");
    rollout::enable(&shop.repo, "dual_html_capture", None, &ann()).unwrap();
    assert!(of_element(CaptureMode::Both));
}

// async_performance

#[test]
fn without_async_performance_every_capture_stores_before_it_returns() {
    let shop = Shop::new();
    rollout::disable(&shop.repo, "async_performance", &ann()).unwrap();
    let config = CaptureConfig::default();
    assert!(config.async_save);
    let capture = || shop.recorder.capture(&mut Script::new(), &place(), &config);
    let captured = capture().unwrap();
    assert_eq!(shop.snapshots(), 1);
    captured.wait().unwrap().unwrap();
    // Within a transaction of its own a thread can't store; one that saves in the background can be
    // given to all the same, and stores when the transaction has ended.
    assert!(shop.repo.write(|_| Ok(capture().is_err())).unwrap());
    rollout::enable(&shop.repo, "async_performance", None, &ann()).unwrap();
    let captured = shop.repo.write(|_| capture()).unwrap();
    captured.wait().unwrap().unwrap();
    assert_eq!(shop.snapshots(), 2);
}

// legacy_compatibility

#[test]
fn with_legacy_compatibility_each_capture_is_written_in_the_old_layout_too() {
    let shop = Shop::new();
    shop.capture().0.wait().unwrap().unwrap();
    assert!(!shop.beside().exists());
    rollout::enable(&shop.repo, "legacy_compatibility", None, &ann()).unwrap();
    shop.capture().0.wait().unwrap().unwrap();
    let soon =
        shop.recorder.capture(&mut Script::new(), &place(), &CaptureConfig::default()).unwrap();
    soon.wait().unwrap().unwrap();
    shop.recorder.flush().unwrap();
    assert_eq!((shop.snapshots(), documents(&shop.beside()).len()), (3, 2));
    // What is written there says which snapshots it is of.
    let other = Repository::temporary().unwrap();
    assert_eq!(take_in(&other, &shop.beside()).imported, 2);
    for version in other.versions().unwrap() {
        let page = |repo: &Repository| repo.content(&version, "page.html").unwrap();
        assert_eq!(page(&other), page(&shop.repo));
    }
    // Into a folder that is told.
    let told = shop.folder.path().join("old/layout");
    let options = RecorderOptions { legacy_folder: Some(told.clone()), ..Default::default() };
    let recorder = Recorder::with(&shop.repo, options);
    recorder.capture(&mut Script::new(), &place(), &at_once()).unwrap().wait().unwrap().unwrap();
    assert_eq!(documents(&told).len(), 1);
    rollout::disable(&shop.repo, "legacy_compatibility", &ann()).unwrap();
    shop.capture().0.wait().unwrap().unwrap();
    assert_eq!(documents(&shop.beside()).len(), 2);
}

#[test]
fn what_can_not_be_written_in_the_old_layout_is_stored_and_told_by_flush() {
    let shop = Shop::new();
    rollout::enable(&shop.repo, "legacy_compatibility", None, &ann()).unwrap();
    // A file stands where the folder should.
    std::fs::write(shop.beside(), "").unwrap();
    shop.capture().0.wait().unwrap().unwrap();
    assert!(shop.recorder.flush().is_err());
    shop.recorder.flush().unwrap();
    let soon =
        shop.recorder.capture(&mut Script::new(), &place(), &CaptureConfig::default()).unwrap();
    soon.wait().unwrap().unwrap();
    assert!(shop.recorder.flush().is_err());
    assert_eq!(shop.snapshots(), 2);
    // Where it would be all that is kept, whoever captures is told.
    rollout::disable(&shop.repo, "context_aware_bundles", &ann()).unwrap();
    assert!(shop.recorder.capture(&mut Script::new(), &place(), &at_once()).is_err());
    // A store in memory has no place beside it.
    let repo = Repository::in_memory().unwrap();
    rollout::emergency_legacy(&repo, &ann()).unwrap();
    let refused =
        Recorder::new(&repo).capture(&mut Script::new(), &place(), &at_once()).unwrap_err();
    assert!(matches!(refused, Error::Invalid { what: "old layout", .. }), "{refused}");
}

// For whom

#[test]
fn a_flag_is_asked_for_the_site_the_session_and_the_environment_of_each_capture() {
    let folder = tempfile::tempdir().unwrap();
    let repo = Repository::init(folder.path().join("shop.db")).unwrap();
    let in_environment = |environment: &str| {
        let environment = Some(environment.to_owned());
        Recorder::with(&repo, RecorderOptions { environment, ..RecorderOptions::default() })
    };
    let (production, testing) = (in_environment("production"), in_environment("staging"));
    let stores = |recorder: &Recorder, place: &str| {
        let context: Context = place.parse().unwrap();
        let captured = recorder.capture(&mut Script::new(), &context, &at_once()).unwrap();
        captured.wait().unwrap().is_some()
    };
    let by = &ann();
    rollout::set_site_rollout(
        &repo,
        "b.example",
        Some("context_aware_bundles"),
        Some(Rollout::NONE),
        by,
    )
    .unwrap();
    assert!(stores(&production, "a.example"));
    assert!(!stores(&production, "b.example"));
    rollout::set_stage(&repo, Stage::InternalTesting, by).unwrap();
    assert!(!stores(&production, "a.example"));
    assert!(stores(&testing, "a.example"));
    rollout::set_stage(&repo, Stage::FullRollout, by).unwrap();
    // Half of the sessions, each of them always the same.
    let half = Rollout::percent(50.0).unwrap();
    rollout::set_rollout(&repo, "context_aware_bundles", half, by).unwrap();
    let sessions: Vec<bool> =
        (0..40).map(|run| stores(&production, &format!("a.example/-/-/run-{run}"))).collect();
    let again: Vec<bool> =
        (0..40).map(|run| stores(&testing, &format!("a.example/-/-/run-{run}"))).collect();
    assert_eq!(sessions, again);
    let on = sessions.iter().filter(|stored| **stored).count();
    assert!((8..=32).contains(&on), "{on}");
}

/// A page during whose capture somebody switches all off.
struct SwitchedOff<'p>(Script, &'p Repository);

impl Page for SwitchedOff<'_> {
    fn facts(&mut self) -> Facts {
        self.0.facts()
    }

    fn take(
        &mut self,
        part: PagePart,
        config: &CaptureConfig,
        within: Duration,
    ) -> Result<Taken, Fault> {
        rollout::emergency_disable(self.1, &By::new("bob")).unwrap();
        self.0.take(part, config, within)
    }
}

#[test]
fn what_was_begun_before_an_emergency_is_kept_and_nothing_after_it() {
    let shop = Shop::new();
    let mut page = SwitchedOff(Script::new(), &shop.repo);
    let captured = shop.recorder.capture(&mut page, &place(), &at_once()).unwrap();
    captured.wait().unwrap().unwrap();
    assert_eq!(shop.capture().0.wait().unwrap(), None);
    assert_eq!(shop.snapshots(), 1);
}
