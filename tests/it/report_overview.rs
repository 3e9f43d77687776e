//! Many snapshots as a page to look at: its figures are those of the store, for one as for thousands,
//! and what is left out is counted.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tintype::format::document::{Document, Query as Css};
use tintype::model::alert::{AlertType, NewAlert, Severity};
use tintype::model::incident::Incident;
use tintype::ops::monitor::{Window, alerts};
use tintype::ops::report::overview;
use tintype::{Context, Draft, Recorder, Repository, Status, Time};

use crate::support::script::Script;
use crate::support::values::{Shared, Still, context};

fn store() -> (Repository, Arc<Still>) {
    let clock = Arc::new(Still::at("2026-11-22T10:00:00Z"));
    (Repository::builder().clock(Shared(Arc::clone(&clock))).temporary().unwrap(), clock)
}

fn all(repo: &Repository) -> String {
    overview(repo, &Window::default()).unwrap()
}

fn of(repo: &Repository, contexts: &str, since: Option<&str>, until: Option<&str>) -> String {
    let time = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    let contexts = contexts.parse().unwrap();
    overview(repo, &Window { contexts, since: time(since), until: time(until) }).unwrap()
}

fn texts(page: &str, selector: &str) -> Vec<String> {
    let document = Document::parse(page).unwrap();
    let found = document.find_all(&Css::parse(selector).unwrap(), 100_000);
    found.into_iter().map(|element| element.portrait.text).collect()
}

/// The figures at the top: snapshots, failed, partial, sites, open alerts, content, saved.
fn figures(page: &str) -> Vec<String> {
    texts(page, "#summary dd")
}

fn draft(place: &str, at: &str) -> Draft {
    Draft::text(format!("{place} {at}")).context(context(place)).at(at.parse().unwrap())
}

#[test]
fn an_empty_window_says_so_and_one_snapshot_is_all_of_it() {
    let (repo, _) = store();
    assert!(texts(&all(&repo), "#summary .notice")[0].starts_with("There is no snapshot here."));
    repo.create(draft("shop.example/prices", "2026-11-20T09:00:00Z")).unwrap();
    let page = all(&repo);
    let text = format!("{} B", "shop.example/prices 2026-11-20T09:00:00Z".len());
    assert_eq!(figures(&page)[..6], ["1", "0", "0", "1", "0", text.as_str()]);
    assert_eq!(texts(&page, "#time g title"), ["2026-11-20 09:00: 1 snapshot"]);
    assert_eq!(texts(&page, "#places tbody th"), ["shop.example / prices"]);
    assert!(texts(&page, "#failures .notice")[0].starts_with("None failed"));
    // Another window, and a window that is none.
    let page = of(&repo, "shop.example", Some("2026-11-21T00:00:00Z"), None);
    assert!(texts(&page, "#summary .notice")[0].starts_with("There is no snapshot here."));
    let window = Window {
        since: Some("2026-11-21T00:00:00Z".parse().unwrap()),
        until: Some("2026-11-20T00:00:00Z".parse().unwrap()),
        ..Window::default()
    };
    assert!(overview(&repo, &window).unwrap_err().to_string().contains("ends before it begins"));
}

#[test]
fn failures_are_counted_listed_and_lead_to_the_commands_that_show_them() {
    let (repo, _) = store();
    let days = ["2026-11-18", "2026-11-19", "2026-11-20"].map(|day| format!("{day}T09:00:00Z"));
    let place = "shop.example/prices";
    repo.create(draft(place, &days[0]).version("good".parse().unwrap())).unwrap();
    let failed = draft(place, &days[1]).status(Status::Failed).describe("did not load");
    repo.create(failed.version("lost".parse().unwrap())).unwrap();
    let incident = json!({"kind": "selector_failure", "selector": ".price"});
    let of_incident = draft(place, &days[2]).status(Status::Partial).info("incident", incident);
    repo.create(of_incident.version("inc".parse().unwrap())).unwrap();
    repo.create(draft("shop.example/login", &days[2]).status(Status::Partial)).unwrap();
    repo.create(draft("other.example", &days[2])).unwrap();
    repo.create(draft(place, &days[2]).version("forgotten".parse().unwrap())).unwrap();
    repo.write(|tx| tx.forget(&"forgotten".parse().unwrap())).unwrap();

    let page = all(&repo);
    assert_eq!(figures(&page)[..5], ["5", "2", "1", "2", "0"]);
    let rows = texts(&page, "#failures tbody tr");
    assert!(
        rows[0].starts_with("inc 2026-11-20 09:00:00 selector failure shop.example/prices"),
        "{rows:?}"
    );
    assert!(
        rows[1].starts_with("lost 2026-11-19 09:00:00 failed shop.example/prices did not load"),
        "{rows:?}"
    );
    let commands = texts(&page, "#failures tbody code bdi");
    assert!(
        commands.contains(&"tintype report inc --last-good -o difference.html".to_owned()),
        "{commands:?}"
    );
    assert!(commands.contains(&"tintype report lost -o report.html".to_owned()), "{commands:?}");
    let places = texts(&page, "#places tbody tr");
    assert!(
        places[0].starts_with("shop.example / prices 3 2 0 2026-11-20 09:00:00 good 2026-11-18"),
        "{places:?}"
    );
    assert_eq!(places.len(), 3);
    // One site alone.
    assert_eq!(figures(&of(&repo, "other.example", None, None))[..4], ["1", "0", "0", "1"]);
    let page = of(&repo, "shop.example/prices", Some(&days[1]), Some(&days[2]));
    assert_eq!(figures(&page)[..2], ["1", "1"]);
}

#[test]
fn open_alerts_and_groups_of_incidents_are_told_for_the_site_that_is_looked_at() {
    let (repo, clock) = store();
    let slow = NewAlert::new(AlertType::PerformanceDegradation, Severity::Warning, "login is slow");
    let alert = alerts::raise(&repo, &slow.clone().with("site", "shop.example")).unwrap();
    let recorder = Recorder::new(&repo);
    for site in ["shop.example", "other.example"] {
        let incident = Incident::selector_failure(context(&format!("{site}/prices")), ".price");
        recorder.handle(&mut Script::new(), &incident).unwrap();
        clock.pass(Duration::from_secs(1));
    }
    let page = all(&repo);
    assert_eq!(figures(&page)[4], "1");
    let rows = texts(&page, "#alerts tbody tr");
    assert!(rows[0].contains("login is slow"), "{rows:?}");
    assert!(rows[0].contains(&format!("tintype alert ack {}", alert.id)), "{rows:?}");
    assert_eq!(texts(&page, "#incidents tbody tr").len(), 2);
    let page = of(&repo, "other.example", None, None);
    assert_eq!(figures(&page)[4], "0");
    let groups = texts(&page, "#incidents tbody th");
    assert!(groups.len() == 1 && groups[0].starts_with(".price tintype report "), "{groups:?}");
}

#[test]
fn thousands_of_snapshots_and_places_make_a_page_of_bounded_size_that_counts_all() {
    let (repo, _) = store();
    let first: Time = "2025-01-01T00:00:00Z".parse().unwrap();
    repo.write(|tx| {
        for at in 0..3_000_u64 {
            let parts = [
                Some(format!("s{}.example", at % 300)),
                Some(format!("m{}", at % 7)),
                None,
                None,
                None,
            ];
            let draft = Draft::text(if at % 2 == 0 { "same".to_owned() } else { at.to_string() })
                .context(Context::from_parts(parts)?)
                .at(first.plus(Duration::from_secs(at * 10_000)))
                .info("capture_ms", 100 + at % 900)
                .status(if at % 10 == 0 { Status::Failed } else { Status::Complete });
            tx.create(&repo.prepare(draft)?)?;
        }
        Ok(())
    })
    .unwrap();
    let page = all(&repo);
    assert!(page.len() < 2 << 20, "{}", page.len());
    assert_eq!(figures(&page)[..4], ["3,000", "300", "0", "300"]);
    // What has a row of its own and what shares one is all of it.
    let number = |text: &str| text.replace(',', "").parse::<u64>().unwrap();
    let sum = |column: usize| -> u64 {
        texts(&page, &format!("#places tbody td:nth-child({column})"))
            .iter()
            .map(|it| number(it))
            .sum()
    };
    // Of the 2,100 places there are, those of the newest 2,000 snapshots are told apart.
    let elsewhere = texts(&page, "#places .cut");
    assert!(elsewhere[0].starts_with("100 snapshots of places beyond"), "{elsewhere:?}");
    assert_eq!((sum(2), sum(3)), (2_900, 290));
    assert_eq!(texts(&page, "#places tbody tr").len(), 201);
    assert_eq!(texts(&page, "#time .heat .names li").len(), 41);
    assert_eq!(texts(&page, "#failures tbody tr").len(), 25);
    // By time, and in the cells of the chart.
    let by_time: u64 = texts(&page, "#time .folded > div:first-child tbody td:nth-child(2)")
        .iter()
        .map(|it| number(it))
        .sum();
    assert_eq!(by_time, 3_000);
    let in_cells =
        |title: &String| number(title.split(": ").nth(1).unwrap().split(' ').next().unwrap());
    assert_eq!(texts(&page, "#time g title").iter().map(in_cells).sum::<u64>(), 2_900);
    // Equal content is kept once, and that is told.
    let sizes = texts(&page, "#sizes dd");
    assert!(sizes[2].starts_with("5.86 KiB") || sizes[2].starts_with("5.8"), "{sizes:?}");
    assert!(texts(&page, "#durations p")[0].contains("3,000 captures"));
}

#[test]
fn names_that_would_be_markup_are_text() {
    let (repo, _) = store();
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let parts = [Some(hostile.to_owned()), Some(hostile.to_owned()), None, None, None];
    let draft = Draft::text("x").context(Context::from_parts(parts).unwrap()).describe(hostile);
    repo.create(draft.status(Status::Failed)).unwrap();
    let alert = NewAlert::new(AlertType::SystemHealth, Severity::Error, hostile);
    alerts::raise(&repo, &alert).unwrap();
    let page = all(&repo);
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(texts(&page, "img").len(), 0);
    assert!(texts(&page, "#places tbody th")[0].contains("alert(1)"));
    assert!(texts(&page, "#alerts tbody tr")[0].contains("onerror"));
}

#[cfg(feature = "chrome")]
#[test]
fn it_can_be_read_in_each_width_and_scheme_and_by_a_screen_reader() {
    use crate::report_shown::check;
    use crate::support::shown::Shower;

    let (repo, _) = store();
    for at in 0..40_u64 {
        let place = format!("site-{}.example/{}module", at % 9, "long-".repeat(at as usize % 12));
        let day = format!("2026-{:02}-{:02}T09:00:00Z", 1 + at % 11, 1 + at % 27);
        let draft = draft(&place, &day).status(Status::ALL[at as usize % 4]).info("capture_ms", at);
        repo.create(draft.describe("what it said ".repeat(at as usize))).unwrap();
    }
    for severity in Severity::ALL {
        let alert = NewAlert::new(AlertType::SystemHealth, severity, severity.as_str());
        alerts::raise(&repo, &alert).unwrap();
    }
    let incident = Incident::selector_failure(context("site-1.example/prices"), ".price");
    Recorder::new(&repo).handle(&mut Script::new(), &incident).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("overview.html");
    std::fs::write(&path, all(&repo)).unwrap();
    let shown = Shower::start().open(&path);
    shown.value("document.querySelectorAll('details').forEach((it) => { it.open = true })");
    for scheme in ["light", "dark"] {
        for width in [360, 820, 1440] {
            shown.look(width, scheme);
            check(&shown, &format!("{scheme} {width}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn each_snapshot_is_counted_once_in_time_and_place(
        taken in prop::collection::vec((0u8..4, 0u8..3, 0i64..4_000_000, 0u8..4), 1..40)
    ) {
        let (repo, _) = store();
        let first: Time = "2026-01-01T00:00:00Z".parse().unwrap();
        for (site, module, minute, status) in &taken {
            let status = Status::ALL[usize::from(*status)];
            let draft = Draft::text("x")
                .context(context(&format!("s{site}.example/m{module}")))
                .at(first.plus(Duration::from_secs(*minute as u64 * 60)))
                .status(status);
            repo.create(draft).unwrap();
        }
        let page = all(&repo);
        let sum_of = |texts: Vec<String>| -> u64 {
            texts.iter().map(|it| it.replace(',', "").parse::<u64>().unwrap()).sum()
        };
        let failed = taken.iter().filter(|(.., status)| *status >= 2).count() as u64;
        let partial = taken.iter().filter(|(.., status)| *status == 1).count() as u64;
        for (column, wanted) in [(2, taken.len() as u64), (3, failed), (4, partial)] {
            for table in ["#places", "#time .folded > div:first-child"] {
                let cells = texts(&page, &format!("{table} tbody td:nth-child({column})"));
                prop_assert_eq!(sum_of(cells), wanted, "{} {}", table, column);
            }
        }
    }
}
