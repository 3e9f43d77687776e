//! `backup`: whole copies of the store, made, listed, looked at, put back and removed.

pub mod args;

use std::path::{Path, PathBuf};

use serde_json::json;
use tintype::ops::backup::{self, Found, Options, Plan, Report, RestoreOptions, Restored};
use tintype::{Error, Keep, Repository};

use crate::args::{Backup, Global};
use crate::ask::agreed;
use crate::out::{BOLD, DIM, Done, Failure, GREEN, Out, RED, Run, count, plain, size, table};
use crate::read::moment;

/// How a store is opened.
type Open<'a> = &'a dyn Fn() -> tintype::Result<Repository>;

pub fn backup(
    open: impl Fn() -> tintype::Result<Repository>,
    global: &Global,
    what: Backup,
    out: &Out,
) -> Run {
    let beside =
        |folder: Option<PathBuf>| folder.unwrap_or_else(|| backup::folder_of(global.store()));
    match what {
        Backup::Create { description, to } => {
            let mut options = Options::default();
            (options.description, options.to) = (description, to);
            create(&open()?, &options, out)
        }
        Backup::List { folder } => list(&beside(folder), out),
        Backup::Verify { backups, folder } => verify(&backups, &beside(folder), out),
        Backup::Restore { backup, force, dry_run, folder, keep_in } => {
            let mut options = RestoreOptions::default();
            (options.force, options.dry_run, options.keep_in) = (force, dry_run, keep_in);
            let found = backup::find(beside(folder), &backup).map_err(Failure::Error)?;
            restore(&open, global.store(), &found, &options, out)
        }
        Backup::Prune { keep, folder, dry_run, yes } => {
            let keep = Keep::from(keep);
            if keep.keeps_all() {
                let why = "say what is kept, as with --keep-last N".to_owned();
                return Err(Failure::Usage(why));
            }
            let repo = open()?;
            let plan = backup::plan(&repo, beside(folder), &keep)?;
            prune(&plan, yes, dry_run, out)
        }
    }
}

fn create(repo: &Repository, options: &Options, out: &Out) -> Run {
    let bar = out.progress(0, "");
    let _unfinished = out.stop.unfinished();
    let made = backup::create(repo, options, &mut |told| bar.show(told))?;
    bar.finish_and_clear();
    let folder = match &options.to {
        Some(folder) => folder.clone(),
        None => backup::folder_of(repo.path()),
    };
    let path = folder.join(&made.id);
    if out.json {
        let mut object = json!(made);
        object["path"] = json!(path);
        out.object(object)?;
        return Ok(Done::Ok);
    }
    out.line(&made.id)?;
    let (snapshots, bytes) = (count(made.snapshots, "snapshot"), size(made.bytes));
    let path = path.display();
    out.note(plain(&format!("{snapshots} up to event {}, {bytes}, in {path}", made.event)));
    Ok(Done::Ok)
}

fn list(folder: &Path, out: &Out) -> Run {
    let found = backup::list(folder)?;
    if out.json {
        found.iter().try_for_each(|one| out.object(json!(one)))?;
        return Ok(Done::Ok);
    }
    if found.is_empty() {
        out.note(plain(&format!("there is no backup in {}", folder.display())));
        return Ok(Done::Ok);
    }
    let mut rows = vec![
        ["ID", "TAKEN", "EVENT", "SNAPSHOTS", "SIZE", "DESCRIPTION"].map(str::to_owned).to_vec(),
    ];
    rows.extend(found.iter().map(row));
    for (at, line) in table(&rows).into_iter().enumerate() {
        let damaged = at > 0 && found[at - 1].problem.is_some();
        out.line(match at {
            0 => out.paint(BOLD, &line),
            _ if damaged => out.paint(RED, &line),
            _ => line,
        })?;
    }
    Ok(Done::Ok)
}

fn row(found: &Found) -> Vec<String> {
    let mut row = vec![found.id.clone()];
    match &found.backup {
        Some(backup) => row.extend([
            moment(backup.created_at),
            backup.event.to_string(),
            backup.snapshots.to_string(),
            size(backup.bytes),
        ]),
        None => row.extend([(); 4].map(|()| "-".to_owned())),
    }
    let described = found.backup.as_ref().and_then(|backup| backup.description.clone());
    row.push(match &found.problem {
        Some(problem) => format!("damaged: {problem}"),
        None => described.unwrap_or_default(),
    });
    row
}

/// Looks at each; what is damaged or not there does not keep the others from being looked at.
fn verify(words: &[String], folder: &Path, out: &Out) -> Run {
    let mut done = Done::Ok;
    let mut missing = None;
    for word in words {
        let bar = out.progress(0, "");
        let looked = backup::find(folder, word)
            .and_then(|path| backup::verify(path, &mut |told| bar.show(told)));
        bar.finish_and_clear();
        match looked {
            Ok(report) => {
                if !report.ok {
                    done = Done::Damage;
                }
                tell(&report, out)?;
            }
            // One alone has its own exit code.
            Err(error) if words.len() == 1 => return Err(error.into()),
            Err(error) => {
                out.warn(word, &error);
                missing = Some(Done::InPart);
            }
        }
    }
    Ok(if done == Done::Ok { missing.unwrap_or(done) } else { done })
}

fn tell(report: &Report, out: &Out) -> Result<(), Failure> {
    if out.json {
        return out.object(json!(report));
    }
    let name = match &report.backup {
        Some(backup) => backup.id.clone(),
        None => plain(&report.path.display().to_string()),
    };
    for problem in &report.problems {
        out.line(out.paint(RED, &plain(&format!("{name}: {}", problem.detail))))?;
    }
    if report.ok {
        let note = if report.backup.is_some() { "" } else { "; no note tells what it was" };
        out.line(format!("{name}: {}{note}", out.paint(GREEN, "ok")))?;
    }
    Ok(())
}

fn restore(open: Open<'_>, store: &Path, found: &Path, options: &RestoreOptions, out: &Out) -> Run {
    let bar = out.progress(0, "");
    let mut told = |told| bar.show(told);
    let restored = match open() {
        Ok(repo) => backup::restore(&repo, found, options, &mut told),
        Err(Error::NoStore { .. } | Error::Corrupt(_) | Error::NotAStore { .. }) => {
            backup::restore_lost(store, found, options, &mut told)
        }
        Err(error) => return Err(error.into()),
    };
    // What is wrong with a backup is not found by looking at the store.
    let restored = restored.map_err(|error| match error {
        Error::Corrupt(_) | Error::NewerStore { .. } => Failure::Elsewhere(error),
        error => Failure::Error(error),
    })?;
    bar.finish_and_clear();
    if out.json {
        let mut object = json!(restored);
        object["dry_run"] = json!(options.dry_run);
        out.object(object)?;
        return Ok(Done::Ok);
    }
    let lost = lost(&restored);
    if options.dry_run {
        out.note(format!("would lose {lost}; nothing was changed"));
        return Ok(Done::Ok);
    }
    out.note(format!("restored {}, and lost {lost}", count(restored.snapshots, "snapshot")));
    if let Some(kept) = &restored.kept {
        out.note(format!("  undo it with: tintype backup restore {} --force", kept.id));
    }
    if let Some(path) = &restored.kept_at {
        out.note(plain(&format!("  what the store held before is kept in {}", path.display())));
    }
    Ok(Done::Ok)
}

fn lost(restored: &Restored) -> String {
    match (restored.lost_snapshots, restored.lost_events) {
        (Some(snapshots), Some(events)) => format!(
            "{} and {} that came after the backup",
            count(snapshots, "snapshot"),
            count(events, "change")
        ),
        _ => "what can't be told, since the store is damaged".to_owned(),
    }
}

fn prune(plan: &Plan, yes: bool, dry_run: bool, out: &Out) -> Run {
    if !yes && !dry_run && !plan.removed.is_empty() {
        let going = count(plan.removed.len() as u64, "backup");
        if !agreed(&format!("Remove {going}?"), "this removes backups", out)? {
            return Ok(Done::Failed);
        }
    }
    let pruned = match dry_run {
        true => None,
        false => {
            let bar = out.progress(plan.removed.len() as u64, "backups");
            let pruned = plan.apply(&mut |done| bar.at(done))?;
            bar.finish_and_clear();
            Some(pruned)
        }
    };
    if out.json {
        let mut object = json!(plan);
        (object["dry_run"], object["applied"]) = (json!(dry_run), json!(pruned));
        out.object(object)?;
        return Ok(Done::Ok);
    }
    let mut rows: Vec<(String, Vec<String>, u8)> = Vec::new();
    for kept in &plan.kept {
        let reasons: Vec<_> = kept.reasons.iter().map(|reason| reason.to_string()).collect();
        let time = moment(kept.backup.created_at);
        let cells = vec!["keep".to_owned(), kept.backup.id.clone(), time, reasons.join(", ")];
        rows.push((kept.backup.id.clone(), cells, DIM));
    }
    for gone in &plan.removed {
        let time = moment(gone.created_at);
        let described = gone.description.clone().unwrap_or_default();
        let cells = vec!["remove".to_owned(), gone.id.clone(), time, described];
        rows.push((gone.id.clone(), cells, RED));
    }
    rows.sort_by(|(a, ..), (b, ..)| b.cmp(a));
    let colors: Vec<u8> = rows.iter().map(|(.., color)| *color).collect();
    let cells: Vec<_> = rows.into_iter().map(|(_, cells, _)| cells).collect();
    for (line, color) in table(&cells).into_iter().zip(colors) {
        out.line(out.paint(color, &line))?;
    }
    for left in &plan.left {
        let why = left.problem.as_deref().unwrap_or("it is of another store");
        out.note(plain(&format!("{} is left alone: {why}", left.id)));
    }
    let stay = plan.kept.len();
    match pruned {
        None => {
            let going = count(plan.removed.len() as u64, "backup");
            out.note(format!("would remove {going}, {stay} stay; nothing was changed"));
        }
        Some(pruned) => {
            let (going, freed) = (count(pruned.removed, "backup"), size(pruned.bytes));
            out.note(format!("removed {going} of {freed}, {stay} stay"));
        }
    }
    Ok(Done::Ok)
}
