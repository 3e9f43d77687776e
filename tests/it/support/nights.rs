//! Five nights of a scraper: the store that `docs/sqlite.md` looks into.
//!
//! On a clock that stands where it is put, so that what is told of it is the same each time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tintype::model::alert::{AlertType, NewAlert, Severity};
use tintype::model::incident::Incident;
use tintype::model::metric::{Counter, Counters, Family};
use tintype::ops::monitor::alerts;
use tintype::ops::rollout::{self, By};
use tintype::records::metrics::Collector;
use tintype::{ArtifactStatus, Draft, DraftArtifact, Keep, Recorder, Repository, Status};

use super::values::{Shared, Still, context, tag, version};

/// What the shop asks for its things in a night: the kettle is cheaper in the last two, the lamp is gone
/// and the toaster new in the last.
fn prices(night: u32) -> serde_json::Value {
    let mut prices = serde_json::Map::new();
    for thing in 1..=40 {
        let price = f64::from(thing * 7919 % 9000 + 100) / 100.0;
        prices
            .insert(format!("thing-{thing:02}"), json!({"price": price, "stock": thing * 31 % 17}));
    }
    let kettle = if night < 29 { 24.5 } else { 22.0 };
    prices.insert("kettle".into(), json!({"price": kettle, "stock": 31 - night}));
    if night < 30 {
        prices.insert("lamp".into(), json!({"price": 60, "stock": 2}));
    } else {
        prices.insert("toaster".into(), json!({"price": 35, "stock": 9}));
    }
    prices.into()
}

/// The front page of the news in a night; in the third it was that of the second.
fn front(night: u32) -> String {
    let night = if night == 28 { 27 } else { night };
    let mut page = String::from("<!doctype html>\n<title>News</title>\n");
    for line in 1..=60 {
        let news = if line % 20 == night % 20 { night * 104_729 } else { line * 7919 };
        page += &format!("<p>Item {line}: number {news} was drawn.</p>\n");
    }
    page
}

fn missing(name: &str, media_type: &str, reason: &str, seconds: u64) -> DraftArtifact {
    let name = name.parse().unwrap();
    DraftArtifact::missing(name, media_type, ArtifactStatus::Failed, Some(reason.into()))
        .unwrap()
        .took(Duration::from_secs(seconds))
}

/// Makes the store. All that is asked for works, and the file is closed when this returns.
pub fn nights(path: &Path) {
    let clock = Arc::new(Still::at("2026-01-25T18:00:00Z"));
    let repo = Repository::builder().clock(Shared(clock.clone())).init(path).unwrap();
    let recorder = Recorder::new(&repo);
    let ann = By::new("ann");
    repo.set_retention(&"shop.example/prices".parse().unwrap(), Some(&Keep::last(30))).unwrap();
    for night in 26..=30 {
        let at = |time: &str| clock.set(&format!("2026-01-{night}T{time}Z"));
        let named = |what: &str| version(&format!("{what}-{night}"));
        let run = |place: &str| context(&format!("{place}/-/night-{night}"));

        at("02:00:00");
        let shop = Draft::json(&prices(night)).unwrap().context(run("shop.example/prices"));
        let shop = shop.version(named("prices")).tag("good").unwrap();
        let shop = if night == 26 { shop } else { shop.based_on_latest() };
        let stage = if night < 29 { "test" } else { "live" };
        let shop =
            shop.info("stage", stage).info("build", json!({"commit": "4f1c", "number": night}));
        repo.create(shop).unwrap();

        at("02:05:00");
        // The cart does not load any more in the last two nights.
        let cart = Draft::new().context(run("shop.example/cart")).version(named("cart"));
        let fails = night >= 29;
        let cart = if fails {
            cart.artifact(missing("page.html", "text/html", "the page did not load", 30))
                .artifact(missing("view.png", "image/png", "the page did not load", 0))
                .status(Status::Failed)
        } else {
            let page = format!("<!doctype html>\n<title>Cart</title>\n<p>{} things\n", night % 3);
            let page =
                DraftArtifact::stored("page.html".parse().unwrap(), "text/html", page.into_bytes());
            cart.artifact(page.unwrap().took(Duration::from_millis(180))).tag("good").unwrap()
        };
        repo.create(cart).unwrap();
        if fails {
            let mut gone = Incident::selector_failure(run("shop.example/cart"), "#cart .total");
            gone = gone.at_url(format!("https://shop.example/cart?night={night}"));
            recorder.count_incident(&gone).unwrap();
        }

        at("02:10:00");
        let page = DraftArtifact::stored(
            "page.html".parse().unwrap(),
            "text/html",
            front(night).into_bytes(),
        );
        let news = Draft::new().context(run("news.example/front")).version(named("front"));
        let news = news.artifact(page.unwrap().took(Duration::from_millis(420)));
        let news = if night % 2 == 0 {
            news.tag("good").unwrap()
        } else {
            let reason = "timed out after 20 s";
            news.artifact(missing("full.png", "image/png", reason, 20)).status(Status::Partial)
        };
        repo.create(news).unwrap();

        for (site, statuses, seconds) in [
            ("shop.example", ["complete", if fails { "failed" } else { "complete" }].as_slice(), 2),
            ("news.example", &[if night % 2 == 0 { "complete" } else { "partial" }], 21),
        ] {
            for status in statuses {
                let mut counters = Counters::default();
                counters.add(&Counter::new(Family::Captures, &[*status]).unwrap(), 1);
                let took = Duration::from_secs(if *status == "failed" { 30 } else { seconds });
                Collector::of(&repo).count_all(site, &counters, Some(took));
            }
        }
        match night {
            27 => {
                at("09:12:00");
                let full = ann.clone().because("the disk is full");
                rollout::disable(&repo, "dual_html_capture", &full).unwrap();
            }
            28 => {
                at("10:30:00");
                let by = By::new("bob").because("there is room again");
                let half = Some("50".parse().unwrap());
                rollout::enable(&repo, "dual_html_capture", half, &by).unwrap();
                at("11:00:00");
                repo.tag(&version("prices-28"), &tag("pinned")).unwrap();
                repo.forget(&version("cart-26")).unwrap();
            }
            29 => {
                at("02:11:00");
                let lost = "the cart of shop.example does not load";
                let lost = NewAlert::new(AlertType::CaptureFailure, Severity::Critical, lost);
                alerts::raise(&repo, &lost.with("site", "shop.example")).unwrap();
                let slow = "news.example is slow";
                let slow =
                    NewAlert::new(AlertType::PerformanceDegradation, Severity::Warning, slow);
                let slow = alerts::raise(&repo, &slow.with("site", "news.example")).unwrap();
                at("09:00:00");
                alerts::acknowledge(&repo, slow.id).unwrap();
                alerts::resolve(&repo, slow.id).unwrap();
            }
            _ => {}
        }
    }
    drop(recorder);
    repo.close().unwrap();
}
