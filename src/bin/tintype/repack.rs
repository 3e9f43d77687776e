//! `repack`: keeps what is cold in less.

use serde_json::json;
use tintype::Repository;
use tintype::ops::repack;

use crate::out::{DIM, Done, Out, Run, count, size};

pub fn repack(repo: &Repository, dry_run: bool, out: &Out) -> Run {
    let bar = out.progress(0, "");
    let work = if dry_run { repack::rehearse } else { repack::run };
    let report = work(repo, &mut |told| bar.show(told))?;
    bar.finish_and_clear();
    if out.json {
        let mut told = json!(report);
        told["dry_run"] = json!(dry_run);
        out.object(told)?;
        return Ok(Done::Ok);
    }
    let mut facts = vec![
        ("chains", format!("{} laid anew", report.chains)),
        ("contents", format!("{} kept in less", report.blobs)),
        ("pictures", format!("{} opened up", report.pictures)),
        ("freed", size(report.bytes)),
        ("file", format!("{} → {}", size(report.file_bytes_before), size(report.file_bytes))),
    ];
    if report.left > 0 {
        facts.push((
            "left",
            format!("{}, changed meanwhile or damaged", count(report.left, "content")),
        ));
    }
    for (name, value) in facts {
        out.line(format!("{} {value}", out.paint(DIM, &format!("{name:<9}"))))?;
    }
    if dry_run {
        out.note("that was a copy; nothing was changed");
    }
    Ok(Done::Ok)
}
