//! What asking a flag costs, and how soon another process sees a change.
//!
//!     cargo bench --bench flags --no-default-features [-- WORD]
//!
//! `visible` starts this program once more as a process that changes a flag when told, and asks without
//! a pause until the change is seen. It prints how long that took from the commit on, by the clock that
//! both processes share.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use criterion::Criterion;
use tintype::model::flag::Flag;
use tintype::ops::rollout::{self, By};
use tintype::{Clock, EvalContext, FlagSet, Flags, Repository, Rollout, SystemClock};

/// The variable that tells the other process which store it changes.
const STORE: &str = "TINTYPE_BENCH_FLAGS";
/// How often a change is waited for.
const CHANGES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(path) = std::env::var_os(STORE) {
        return change_when_told(&Repository::open(path)?);
    }
    let mut criterion = Criterion::default().configure_from_args();
    evaluate(&mut criterion)?;
    criterion.final_summary();
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = words.is_empty() || words.iter().any(|word| "visible".contains(word.as_str()));
    if is_wanted && !std::env::args().any(|word| word == "--test") {
        visible()?;
    }
    Ok(())
}

fn evaluate(criterion: &mut Criterion) -> tintype::Result<()> {
    let half = Rollout::percent(50.0)?;
    let mut set = FlagSet::default();
    set.add("split", Flag { rollout: half, ..Flag::new(true, "") })?;
    set.add("deep", Flag { rollout: half, ..Flag::new(true, "") })?;
    set.depend("deep", ["context_aware_bundles", "dual_html_capture"])?;
    set.restrict("deep", ["production", "testing"])?;
    for site in 0..40 {
        set.sites.insert(format!("site{site}.example"), half);
    }
    let asked = EvalContext {
        site: Some("shop.example"),
        session: Some("01hf7yat00m2n8"),
        environment: Some("production"),
        key: None,
    };
    let mut group = criterion.benchmark_group("evaluate");
    for (what, name) in [
        ("static", "performance_monitoring"),
        ("split", "split"),
        ("deep", "deep"),
        ("alias", "event_driven"),
    ] {
        group.bench_function(what, |bencher| {
            bencher.iter(|| set.evaluate(black_box(name), black_box(&asked)).value);
        });
    }
    let repo = Repository::temporary()?;
    rollout::add(&repo, "split", Flag { rollout: half, ..Flag::new(true, "") }, &By::new("bench"))?;
    let flags = Flags::of(&repo);
    for (what, name) in [("store static", "performance_monitoring"), ("store split", "split")] {
        group.bench_function(what, |bencher| {
            bencher.iter(|| flags.is_enabled(black_box(name), black_box(&asked)));
        });
    }
    group.bench_function("store look", |bencher| bencher.iter(|| flags.look()));
    group.finish();
    Ok(())
}

/// Changes a flag for each line that comes in, and tells when that was committed.
fn change_when_told(repo: &Repository) -> Result<(), Box<dyn Error>> {
    let by = By::new("bench");
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    for (n, line) in std::io::stdin().lock().lines().enumerate() {
        line?;
        match n % 2 {
            0 => rollout::emergency_disable(repo, &by)?,
            _ => rollout::emergency_release(repo, &by)?,
        };
        writeln!(out, "{}", SystemClock.now().micros())?;
        out.flush()?;
    }
    Ok(())
}

fn visible() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path)?;
    let flags = Flags::of(&repo);
    let asked = EvalContext::default();
    let mut other = Command::new(std::env::current_exe()?)
        .env(STORE, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut tell = other.stdin.take().ok_or("no stdin")?;
    let mut told = BufReader::new(other.stdout.take().ok_or("no stdout")?).lines();
    told.next().ok_or("the other process has ended")??;
    let mut took_us = Vec::with_capacity(CHANGES);
    for n in 0..CHANGES {
        let wanted = n % 2 == 1;
        writeln!(tell, "change")?;
        while flags.is_enabled("async_performance", &asked) != wanted {
            std::hint::spin_loop();
        }
        let seen = SystemClock.now().micros();
        let committed: i64 = told.next().ok_or("the other process has ended")??.parse()?;
        // It may be seen before the other process has read the clock.
        took_us.push((seen - committed).max(0));
    }
    drop(tell);
    other.wait()?;
    took_us.sort_unstable();
    println!(
        "visible: {CHANGES} changes of another process, seen after {:.1} ms at the median, {:.1} at p99, {:.1} at most",
        took_us[CHANGES / 2] as f64 / 1000.0,
        took_us[CHANGES * 99 / 100] as f64 / 1000.0,
        took_us[CHANGES - 1] as f64 / 1000.0
    );
    Ok(())
}
