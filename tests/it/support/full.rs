//! A store in which all that can stand stands.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tintype::model::alert::{AlertType, NewAlert, Severity};
use tintype::model::incident::Incident;
use tintype::model::metric::{Counter, Counters, Family};
use tintype::ops::monitor::alerts;
use tintype::ops::{gc, rollout};
use tintype::records::metrics::Collector;
use tintype::{
    ArtifactName, ArtifactStatus, Context, Draft, DraftArtifact, Keep, Recorder, Repository, Status,
};

use super::script::Script;

/// A store in which every table holds rows.
pub fn full_store(path: &Path) {
    let repo = Repository::init(path).unwrap();
    for n in 0..12 {
        let lines: Vec<String> =
            (0..60).map(|line| format!("{line}: {}", line * (n % 7))).collect();
        let missing = DraftArtifact::missing(
            "full.png".parse().unwrap(),
            "image/png",
            ArtifactStatus::Failed,
            Some("timed out".into()),
        );
        let draft = Draft::text(lines.join("\n"))
            .context(format!("site{}/module/part/run-{}/scrape", n % 3, n % 4).parse().unwrap())
            .version(format!("version-{n}").parse().unwrap())
            .at(format!("2026-01-{:02}", n + 1).parse().unwrap())
            .tag(["a", "b", "c"][n % 3])
            .unwrap()
            .describe(format!("number {n}"))
            .info("n", n)
            .status(Status::Partial)
            .artifact(missing.unwrap().took(Duration::from_millis(n as u64)));
        repo.create(draft).unwrap();
    }
    let based = Draft::json(&json!({"a": [1, 2]})).unwrap();
    let base = "version-3".parse().unwrap();
    repo.create(
        based.based_on(&base).version("based".parse().unwrap()).at("2026-02-01".parse().unwrap()),
    )
    .unwrap();
    repo.tag(&base, &"later".parse().unwrap()).unwrap();
    repo.untag(&base, &"a".parse().unwrap()).unwrap();
    // What nothing holds but a delta needs; what is forgotten; what is kept.
    let context: Context = "site9".parse().unwrap();
    for n in 0..8 {
        let text: Vec<String> =
            (0..300).map(|line| format!("{}", line * 7919 % (n + 91))).collect();
        let draft = Draft::text(text.join("\n")).context(context.clone());
        repo.create(draft.version(format!("chain-{n}").parse().unwrap())).unwrap();
    }
    for n in 0..7 {
        repo.forget(&format!("chain-{n}").parse().unwrap()).unwrap();
    }
    gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
    // Large content, and some that is on its way in.
    let name: ArtifactName = "large".parse().unwrap();
    for (text, stored) in [("large ", true), ("on its way ", false)] {
        let content = text.repeat(9 * 1024 * 1024 / text.len());
        let staged = repo.stage(&context, &name, content.as_bytes()).unwrap();
        if stored {
            let large = DraftArtifact::staged(name.clone(), "text/plain", staged).unwrap();
            repo.create(Draft::new().artifact(large).version("large".parse().unwrap())).unwrap();
        }
    }
    repo.forget(&"version-11".parse().unwrap()).unwrap();
    repo.set_retention(&"site9".parse().unwrap(), Some(&Keep::last(9).daily(3))).unwrap();
    // What is observed beside.
    for (site, millis) in [("site0", 800), ("site2", 1200), ("site2", 90)] {
        let mut counters = Counters::default();
        counters.add(&Counter::new(Family::Captures, &["complete"]).unwrap(), 1);
        counters.add(&Counter::new(Family::Errors, &["no_space"]).unwrap(), 2);
        Collector::of(&repo).count_all(site, &counters, Some(Duration::from_millis(millis)));
    }
    for message in ["the login of site1 is gone", "it was gone before"] {
        let new = NewAlert::new(AlertType::CaptureFailure, Severity::Error, message);
        let raised = alerts::raise(&repo, &new.with("site", "site1")).unwrap();
        alerts::acknowledge(&repo, raised.id).unwrap();
        if message.ends_with("before") {
            alerts::resolve(&repo, raised.id).unwrap();
        }
    }
    let by = rollout::By::new("ann").because("it is tried out");
    rollout::set_site_rollout(&repo, "site1", None, Some("12.5".parse().unwrap()), &by).unwrap();
    // What scrapers met: a group that was captured, and one that was counted.
    let recorder = Recorder::new(&repo);
    let met = |selector: &str| Incident::selector_failure(context.clone(), selector);
    recorder.handle(&mut Script::new(), &met(".price")).unwrap();
    recorder.count_incident(&met(".name")).unwrap();
    drop(recorder);
    repo.close().unwrap();
}
