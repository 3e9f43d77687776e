//! `metrics`: how captures went, and what keeping them costs.

use serde_json::json;
use tintype::Repository;
use tintype::ops::monitor::{self, Times, Window};

use crate::args::Metrics;
use crate::out::{DIM, Done, Out, Run, plain, size};

pub fn metrics(repo: &Repository, args: Metrics, out: &Out) -> Run {
    if args.prometheus {
        out.bytes(monitor::exposition(repo)?.as_bytes())?;
        return Ok(Done::Ok);
    }
    let window = Window { contexts: args.context, since: args.since, until: args.until };
    let metrics = monitor::metrics(repo, &window)?;
    // What was counted is known for whole sites only.
    let is_of_sites = window.contexts.parts().iter().skip(1).all(Option::is_none);
    let counted = is_of_sites.then(|| monitor::summary(repo, &window)).transpose()?;
    if out.json {
        let mut object = json!(metrics);
        object["counted"] = json!(counted);
        out.object(object)?;
        return Ok(Done::Ok);
    }
    let words = |counts: &mut dyn Iterator<Item = (String, u64)>| {
        let words: Vec<String> = counts.map(|(word, count)| format!("{count} {word}")).collect();
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    };
    let named = |(word, count): (&&'static str, &u64)| ((*word).to_owned(), *count);
    let rate = metrics
        .success_rate
        .map_or("none".to_owned(), |rate| format!("{:.1} % complete or partial", rate * 100.0));
    let told = |times: Option<Times>| {
        times.map_or("not measured".to_owned(), |times| {
            format!(
                "mean {:.0} ms, p50 {:.0}, p95 {:.0}, p99 {:.0}, max {:.0}",
                times.mean_ms, times.p50_ms, times.p95_ms, times.p99_ms, times.max_ms
            )
        })
    };
    let times = told(metrics.collecting);
    let counted = counted.filter(|counted| counted.captures > 0 || !counted.errors.is_empty());
    let sizes = metrics.sizes;
    for (name, value) in [
        ("captures", metrics.captures.to_string()),
        ("statuses", words(&mut metrics.statuses.iter().map(named))),
        ("success", rate),
        ("collecting", times),
        ("artifacts", words(&mut metrics.artifacts.iter().map(named))),
        ("failed", words(&mut metrics.failures.iter().map(|(name, count)| (plain(name), *count)))),
        ("given", size(sizes.bytes)),
        ("kept", size(sizes.stored)),
        (
            "saved",
            format!(
                "{} as equal, {} as deltas, {} by compression",
                size(sizes.saved_by_deduplication),
                size(sizes.saved_by_deltas),
                size(sizes.saved_by_compression)
            ),
        ),
    ] {
        out.line(format!("{} {value}", out.paint(DIM, &format!("{name:<10}"))))?;
    }
    if let Some(counted) = counted {
        let errors = counted.errors.iter().map(|(kind, count)| (plain(kind), *count));
        for (name, value) in [
            ("stored", told(counted.took)),
            ("errors", words(&mut errors.into_iter())),
            ("incidents", {
                let incidents = counted.incidents.iter();
                words(&mut incidents.map(|(outcome, count)| (plain(outcome), *count)))
            }),
        ] {
            out.line(format!("{} {value}", out.paint(DIM, &format!("{name:<10}"))))?;
        }
    }
    Ok(Done::Ok)
}
