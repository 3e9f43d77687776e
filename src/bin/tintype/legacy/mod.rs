//! `legacy`: old snapshot folders, taken in with proof.

pub mod args;

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use tintype::ops::legacy::report::Counts;
use tintype::ops::legacy::{self, Options, Outcome, Report};
use tintype::ops::progress::Progress;
use tintype::{Repository, Zone};

use crate::args::{Global, Legacy};
use crate::out::{self, Bar, DIM, Done, Failure, GREEN, Out, RED, Run, YELLOW, count, plain, size};

pub fn legacy(
    open: impl Fn() -> tintype::Result<Repository>,
    global: &Global,
    what: &Legacy,
    out: &Out,
) -> Run {
    let bar = out.progress(0, "");
    match what {
        Legacy::Scan { folder } => scan(folder, global, &bar, out),
        Legacy::Import { folder, time_zone, dry_run } => {
            import(&open()?, folder, *time_zone, *dry_run, &bar, out)
        }
        Legacy::Verify { folder } => verify(&open()?, folder.as_deref(), &bar, out),
    }
}

/// An error of the folder, which is not of the store.
fn elsewhere(error: tintype::Error) -> Failure {
    Failure::Elsewhere(error)
}

/// Shows how far work has come, with the time that is left.
fn shower(bar: &Bar) -> impl FnMut(Progress) + '_ {
    move |told| bar.show(told)
}

fn import(
    repo: &Repository,
    folder: &Path,
    zone: Option<Zone>,
    dry_run: bool,
    bar: &Bar,
    out: &Out,
) -> Run {
    let options = Options { zone, dry_run };
    let plan = legacy::plan(repo, folder, &mut shower(bar)).map_err(elsewhere)?;
    bar.reset_eta();
    let report = legacy::apply(repo, plan, &options, &mut shower(bar))?;
    bar.finish_and_clear();
    match out.json {
        true => document(&report)?,
        false => told(&report, out)?,
    }
    Ok(if report.is_whole() { Done::Ok } else { Done::InPart })
}

/// Prints a report of any length as one JSON document, as it is made.
fn document(report: &impl Serialize) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Numbered<'r, T> {
        schema: u32,
        #[serde(flatten)]
        report: &'r T,
    }
    let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
    serde_json::to_writer(&mut stdout, &Numbered { schema: out::SCHEMA, report })
        .map_err(std::io::Error::from)?;
    stdout.write_all(b"\n")?;
    Ok(stdout.flush()?)
}

fn told(report: &Report, out: &Out) -> Result<(), Failure> {
    for item in report.items() {
        let color = match item.outcome {
            Outcome::Failed => RED,
            Outcome::KeptAsBytes => YELLOW,
            // A thousand files that went well are not worth a thousand lines.
            _ if !out.verbose => continue,
            _ => DIM,
        };
        let word = out.paint(color, &format!("{:<13}", item.outcome.as_str()));
        let reason = item.reason.map_or(String::new(), |why| format!(": {why}"));
        let version = item.version.map_or(String::new(), |version| format!(" → {version}"));
        out.line(format!("{word} {}", plain(&format!("{}{version}{reason}", item.path))))?;
    }
    for aside in report.asides() {
        let word = out.paint(YELLOW, &format!("{:<13}", "passed over"));
        out.line(format!("{word} {}", plain(&format!("{}: {}", aside.path, aside.why))))?;
    }
    for note in report.notes() {
        let word = out.paint(DIM, &format!("{:<13}", "note"));
        let notes = note.notes.join("; ");
        out.line(format!("{word} {}", plain(&format!("{}: {notes}", note.path))))?;
    }
    let Counts { scanned, imported, duplicates, kept_as_bytes, failed, .. } = report.files;
    let snapshots = report.snapshots;
    let would = if report.dry_run { "would be " } else { "" };
    let line = |name: &str, text: String| {
        out.line(format!("{} {text}", out.paint(DIM, &format!("{name:<13}"))))
    };
    line(
        "files",
        format!(
            "{scanned}: {imported} {would}imported, {duplicates} there already, {kept_as_bytes} \
             {would}kept as bytes, {failed} failed"
        ),
    )?;
    line(
        "snapshots",
        format!(
            "{}: {} {would}imported, {} there already, {} {would}kept as bytes, {} failed",
            snapshots.scanned,
            snapshots.imported,
            snapshots.duplicates,
            snapshots.kept_as_bytes,
            snapshots.failed
        ),
    )?;
    for ((kind, variant), counts) in &report.kinds {
        line("", format!("{kind} {}: {}", plain(variant), counts.scanned))?;
    }
    let contents = report.contents;
    line(
        "content",
        format!(
            "{} of {}; {} of {} there already",
            count(contents.artifacts, "artifact"),
            size(contents.bytes),
            contents.deduplicated,
            size(contents.deduplicated_bytes)
        ),
    )?;
    let hashes = report.hashes;
    let differ = format!("{} differ", hashes.differ);
    let differ = if hashes.differ == 0 { differ } else { out.paint(RED, &differ) };
    line(
        "hashes",
        format!("{} agree, {differ}, {} can't be checked", hashes.agree, hashes.unknowable),
    )?;
    if report.zones_assumed > 0 {
        let times = count(report.zones_assumed, "time");
        line("time zone", format!("{times} told no zone; UTC was assumed (--time-zone)"))?;
    }
    if report.dry_run {
        out.note("nothing was changed");
    }
    if report.is_whole() && !out.quiet {
        let done = if report.dry_run { "all could be read" } else { "all is in the store" };
        out.note(out.paint(GREEN, done));
    }
    Ok(())
}

fn scan(folder: &Path, global: &Global, bar: &Bar, out: &Out) -> Run {
    let mut items = Vec::new();
    // The list of files is asked for by those who want to know more, and by programs.
    let listed = out.json || out.verbose;
    let own = legacy::files_of(global.store());
    let mut seen = |file| {
        if listed {
            items.push(file)
        }
    };
    let scan = legacy::scan(folder, &own, &mut seen, &mut shower(bar)).map_err(elsewhere)?;
    bar.finish_and_clear();
    if out.json {
        #[derive(Serialize)]
        struct Told<'s> {
            #[serde(flatten)]
            scan: &'s legacy::Scan,
            items: &'s [legacy::scan::Seen],
        }
        document(&Told { scan: &scan, items: &items })?;
    } else {
        for file in &items {
            let what = format!("{:<25}", format!("{} {}", file.kind, file.variant));
            let reason = file.reason.as_ref().map_or(String::new(), |why| format!(": {why}"));
            let path = plain(&format!("{}{reason}", file.path));
            out.line(format!("{} {path}", out.paint(DIM, &plain(&what))))?;
        }
        for aside in &scan.passed_over {
            let word = out.paint(YELLOW, "passed over");
            out.line(format!("{word} {}", plain(&format!("{}: {}", aside.path, aside.why))))?;
        }
        let mut rows: Vec<Vec<String>> =
            vec![["KIND", "VARIANT", "SNAPSHOTS", "FILES", "SIZE"].map(str::to_owned).to_vec()];
        rows.extend(scan.kinds.iter().map(|kind| {
            vec![
                kind.kind.to_owned(),
                kind.variant.clone(),
                kind.snapshots.to_string(),
                kind.files.to_string(),
                size(kind.bytes),
            ]
        }));
        for line in out::table(&rows) {
            out.line(line)?;
        }
        out.line(format!(
            "{} in {} of {}; {} can't be read",
            count(scan.snapshots, "snapshot"),
            count(scan.files, "file"),
            size(scan.bytes),
            scan.unread
        ))?;
    }
    Ok(if scan.is_whole() { Done::Ok } else { Done::InPart })
}

fn verify(repo: &Repository, folder: Option<&Path>, bar: &Bar, out: &Out) -> Run {
    let verified = match folder {
        Some(folder) => legacy::verify(repo, Some(folder), &mut shower(bar)).map_err(elsewhere)?,
        None => legacy::verify(repo, None, &mut shower(bar))?,
    };
    bar.finish_and_clear();
    if out.json {
        document(&verified)?;
    } else {
        let lines = [(RED, "differs", &verified.problems), (DIM, "known", &verified.known)];
        for (color, word, differences) in lines {
            for one in differences {
                let version =
                    one.version.as_ref().map_or(String::new(), |version| format!(" ({version})"));
                let artifact =
                    one.artifact.as_ref().map_or(String::new(), |name| format!(": {name}"));
                let artifact = if one.detail.contains("was said to") { "" } else { &artifact };
                let line = format!("{}{version}{artifact}: {}", one.path, one.detail);
                out.line(format!("{} {}", out.paint(color, word), plain(&line)))?;
            }
        }
        for (path, why) in &verified.unread {
            out.line(format!(
                "{} {}",
                out.paint(YELLOW, "unread"),
                plain(&format!("{path}: {why}"))
            ))?;
        }
        let hashes = verified.hashes;
        let looked = format!(
            "looked at {}, {}, {} of {}; of the declared hashes {} agree, {} differ, {} can't be \
             checked",
            count(verified.files, "file"),
            count(verified.snapshots, "snapshot"),
            count(verified.artifacts, "artifact"),
            size(verified.bytes),
            hashes.agree,
            hashes.differ,
            hashes.unknowable
        );
        let (differences, unread) = (verified.problems.len() as u64, verified.unread.len() as u64);
        out.line(match (differences, unread) {
            (0, 0) => format!("{}: {looked}", out.paint(GREEN, "ok")),
            (0, unread) => format!("{unread} could not be read: {looked}"),
            (differences, _) => format!("{}: {looked}", count(differences, "difference")),
        })?;
    }
    Ok(match (verified.problems.is_empty(), verified.unread.is_empty()) {
        (false, _) => Done::Damage,
        (true, false) => Done::InPart,
        (true, true) => Done::Ok,
    })
}
