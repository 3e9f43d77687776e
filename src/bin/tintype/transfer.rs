//! `export`, `import` and `repair`: what makes a store of another.

use std::path::Path;

use serde_json::json;
use tintype::ops::repair;
use tintype::ops::transfer::{self, Naming};
use tintype::ops::verify::Problem;
use tintype::{ArtifactName, Repository, Version};

use crate::args::{Export, ExportForm, Import, Repair};
use crate::out::{Done, Failure, GREEN, Out, RED, Run, plain, size};

pub fn export(repo: &Repository, args: &Export, out: &Out) -> Run {
    let _unfinished = out.stop.unfinished();
    let versions: Vec<Version> = args
        .versions
        .iter()
        .map(|selector| repo.resolve(selector))
        .collect::<tintype::Result<_>>()?;
    match args.form {
        ExportForm::Archive => archive(repo, &versions, args, out),
        ExportForm::Bundle | ExportForm::Flat => folders(repo, &versions, args, out),
        _ => one(repo, &versions, args, out),
    }
}

/// Writes one snapshot: an artifact of it, or the JSON document.
fn one(repo: &Repository, versions: &[Version], args: &Export, out: &Out) -> Run {
    let [version] = versions else {
        return Err(Failure::Usage(format!(
            "{} snapshots are named; but for an archive it has to be one",
            versions.len()
        )));
    };
    let (artifact, exported) = match args.form {
        ExportForm::Har => {
            (Some("network.har"), transfer::export_har(repo, version, &args.output)?)
        }
        ExportForm::Mhtml => {
            let name: ArtifactName = "page.mhtml".parse()?;
            let exported = transfer::export_artifact(repo, version, &name, &args.output)?;
            (Some("page.mhtml"), exported)
        }
        _ => (None, transfer::export_json(repo, version, &args.output)?),
    };
    match out.json {
        true => out.object(json!({
            "path": args.output,
            "version": version,
            "artifact": artifact,
            "bytes": exported.bytes,
            "file_bytes": exported.file_bytes,
        }))?,
        false => out.note(format!(
            "{version} in {} ({})",
            plain(&args.output.display().to_string()),
            size(exported.file_bytes)
        )),
    }
    Ok(Done::Ok)
}

/// Writes each snapshot into a folder of the form.
fn folders(repo: &Repository, versions: &[Version], args: &Export, out: &Out) -> Run {
    for version in versions {
        let written = match args.form {
            ExportForm::Flat => transfer::export_flat(repo, version, &args.output)?,
            _ => transfer::export_bundle(repo, version, &args.output)?,
        };
        match out.json {
            true => out.object(json!({
                "version": version,
                "path": written.path,
                "files": written.files,
                "bytes": written.bytes,
                "left_out": written.left_out,
            }))?,
            false => {
                out.line(plain(&written.path.display().to_string()))?;
                if !written.left_out.is_empty() {
                    out.note(format!("  left out: {}", written.left_out.join(", ")));
                }
            }
        }
    }
    Ok(Done::Ok)
}

fn archive(repo: &Repository, versions: &[Version], args: &Export, out: &Out) -> Run {
    let bar = out.progress(versions.len() as u64, "snapshots");
    let exported = transfer::export(repo, versions, &args.output, &mut |progress| {
        bar.at(progress.done);
    })?;
    bar.finish_and_clear();
    match out.json {
        true => out.object(json!({
            "archive": args.output,
            "snapshots": exported.snapshots,
            "bytes": exported.bytes,
            "file_bytes": exported.file_bytes,
        }))?,
        false => out.note(format!(
            "{} snapshots, {} of content, in {} ({}); `tintype import` takes them in, and it can be \
             opened as a store",
            exported.snapshots,
            size(exported.bytes),
            args.output.display(),
            size(exported.file_bytes)
        )),
    }
    Ok(Done::Ok)
}

pub fn import(repo: &Repository, args: &Import, out: &Out) -> Run {
    let naming = match (&args.as_version, args.new_version) {
        (Some(version), _) => Naming::As(version.clone()),
        (None, true) => Naming::NewWhereTaken,
        (None, false) => Naming::Keep,
    };
    let bar = out.progress(0, "");
    let imported = transfer::import(repo, &args.archive, &naming, &mut |told| bar.show(told))
        .map_err(|error| match error {
            tintype::Error::Corrupt(_) => Failure::Elsewhere(error),
            error => Failure::Error(error),
        })?;
    bar.finish_and_clear();
    for one in &imported {
        match out.json {
            true => out.object(json!(one))?,
            false => {
                out.line(one.version.as_str())?;
                for note in &one.notes {
                    out.note(format!("  {}", plain(note)));
                }
            }
        }
    }
    let present = imported.iter().filter(|one| one.present).count();
    if !out.json {
        out.note(format!("{} imported, {present} were here already", imported.len() - present));
    }
    Ok(Done::Ok)
}

pub fn repair(path: &Path, args: &Repair, out: &Out) -> Run {
    let mut options = if args.accept { repair::Options::accepting() } else { Default::default() };
    if args.dry_run {
        options = options.dry_run();
    }
    let bar = out.progress(0, "");
    let report = repair::repair(path, &options, &mut |told| bar.show(told))?;
    bar.finish_and_clear();
    let missing = !report.lost.is_empty()
        || !report.kept_in_part.is_empty()
        || (!report.doubtful.is_empty() && !args.accept);
    if out.json {
        out.object(json!(report))?;
    } else if !report.damaged {
        out.line(format!("{}: there is nothing to repair", out.paint(GREEN, "ok")))?;
    } else {
        told("lost", &report.lost, out)?;
        told("kept in part", &report.kept_in_part, out)?;
        let doubtful = match args.accept {
            true => "accepted as it is",
            false => "left out, since it can't be proved (--accept takes it as it is)",
        };
        told(doubtful, &report.doubtful, out)?;
        let would = if args.dry_run { "would be" } else { "are" };
        out.line(format!("{} snapshots {would} kept", report.kept))?;
        if let Some(file) = &report.damaged_file {
            out.note(format!("the damaged store is {}", file.display()));
        }
    }
    Ok(if missing { Done::InPart } else { Done::Ok })
}

fn told(what: &str, problems: &[Problem], out: &Out) -> Result<(), Failure> {
    for problem in problems {
        let version =
            problem.version.as_ref().map_or(String::new(), |version| format!("{version}: "));
        let artifact = problem.artifact.as_ref().map_or(String::new(), |name| format!("{name}: "));
        let line = plain(&format!("{version}{artifact}{}", problem.detail));
        out.line(format!("{}: {line}", out.paint(RED, what)))?;
    }
    Ok(())
}
