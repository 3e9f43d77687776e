//! `gc`: purges what is forgotten, and tells honestly what that freed.

use serde_json::{Value, json};
use tintype::ops::gc::{self, Options, Plan, Report};
use tintype::{Query, Repository};

use crate::ask::agreed;
use crate::out::{DIM, Done, Failure, Out, Run, count, size};

pub fn gc(repo: &Repository, now: bool, yes: bool, dry_run: bool, out: &Out) -> Run {
    let options = if now { Options::now() } else { Options::default() };
    if now && !yes && !dry_run {
        let going = gc::plan(repo, &options)?.snapshots;
        let question = format!("Purge {} for good?", count(going, "forgotten snapshot"));
        let warning = "this purges what was forgotten lately too, for good";
        if going > 0 && !agreed(&question, warning, out)? {
            return Ok(Done::Failed);
        }
    }
    let told = match dry_run {
        true => planned(&gc::plan(repo, &options)?, out)?,
        false => {
            let bar = out.progress(0, "");
            let report = gc::run(repo, &options, &mut |told| bar.show(told))?;
            bar.finish_and_clear();
            done(&report, out)?
        }
    };
    if let Some(mut told) = told {
        told["dry_run"] = json!(dry_run);
        out.object(told)?;
        return Ok(Done::Ok);
    }
    match dry_run {
        true => out.note("nothing was changed"),
        // After a run without --now what is still forgotten is not due.
        false if !now && !repo.find(&Query::all().forgotten().limit(1))?.is_empty() => out.note(
            "what was forgotten in the last seven days stays until then; purge it too with: \
             tintype gc --now",
        ),
        false => {}
    }
    Ok(Done::Ok)
}

/// Tells what would be purged: as an object, or in lines.
fn planned(plan: &Plan, out: &Out) -> Result<Option<Value>, Failure> {
    if out.json {
        return Ok(Some(json!(plan)));
    }
    lines(
        &[
            ("would purge", count(plan.snapshots, "snapshot")),
            ("would free", format!("up to {} of content", bytes(plan.bytes))),
            ("kept now", kept(plan.kept_for_deltas, plan.kept_for_deltas_bytes)),
        ],
        out,
    )
}

fn done(report: &Report, out: &Out) -> Result<Option<Value>, Failure> {
    if out.json {
        return Ok(Some(json!(report)));
    }
    let anew = match report.rebased {
        0 => String::new(),
        number => format!(", {number} of them after the deltas on them were made anew"),
    };
    lines(
        &[
            ("purged", count(report.snapshots, "snapshot")),
            ("deleted", count(report.blobs, "content") + &anew),
            ("freed", format!("{} of content", bytes(report.bytes))),
            ("kept", kept(report.kept_for_deltas, report.kept_for_deltas_bytes)),
            ("file", format!("{} → {}", bytes(report.file_bytes_before), bytes(report.file_bytes))),
        ],
        out,
    )
}

fn lines(facts: &[(&str, String)], out: &Out) -> Result<Option<Value>, Failure> {
    for (name, value) in facts {
        out.line(format!("{} {value}", out.paint(DIM, &format!("{name:<11}"))))?;
    }
    Ok(None)
}

fn kept(number: u64, of: u64) -> String {
    match number {
        0 => "nothing for deltas alone".to_owned(),
        _ => format!("{} of {} for the deltas on them", count(number, "content"), bytes(of)),
    }
}

fn bytes(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", size(bytes))
}
