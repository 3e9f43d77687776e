//! `forget`, `undelete`, `clear`: the mark on a snapshot, and the way back.

use serde_json::json;
use tintype::ops::forget::{self, Applied, Group, Plan};
use tintype::{Error, Query, Repository, Selector, Tag, Transaction, Version, View};

use crate::args::Forget;
use crate::ask::agreed;
use crate::out::{BOLD, DIM, Done, Failure, Out, RED, Run, count, plain, table};
use crate::read::{moment, tags_text};

/// Where what was forgotten can be had back from.
const WAY_BACK: &str = "take one back with: tintype undelete VERSION";

pub fn forget(repo: &Repository, args: Forget, out: &Out) -> Run {
    if !args.versions.is_empty() {
        return named(repo, &args.versions, args.dry_run, out);
    }
    let query = Query::context(args.context.unwrap_or_default());
    let query = args.tags.into_iter().fold(query, Query::tag);
    let plan = forget::plan(repo, &args.keep.into(), &query)?;
    carry_out(repo, &plan, args.dry_run, "no snapshot fits", out)
}

/// The versions that words mean, each once.
pub fn resolve(view: &View<'_>, words: &[Selector]) -> tintype::Result<Vec<Version>> {
    let mut versions = Vec::new();
    for word in words {
        let version = view.resolve(word)?;
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    Ok(versions)
}

/// Forgets the snapshots that are named, all or none.
fn named(repo: &Repository, words: &[Selector], dry_run: bool, out: &Out) -> Run {
    let forgotten = match dry_run {
        true => repo.read(|view| {
            let versions = resolve(view, words)?;
            for version in &versions {
                if view.get(version)?.tags.iter().any(Tag::is_pinned) {
                    return Err(Error::Pinned { version: version.clone() });
                }
            }
            Ok(versions)
        })?,
        false => repo.write(|tx| {
            let versions = resolve(tx, words)?;
            versions.iter().try_for_each(|version| tx.forget(version))?;
            Ok(versions)
        })?,
    };
    if out.json {
        out.object(json!({"dry_run": dry_run, "versions": forgotten}))?;
        return Ok(Done::Ok);
    }
    for version in &forgotten {
        out.line(version.as_str())?;
    }
    let told = count(forgotten.len() as u64, "snapshot");
    out.note(match dry_run {
        true => format!("would forget {told}; nothing was changed"),
        false => format!("forgot {told}; {WAY_BACK}"),
    });
    Ok(Done::Ok)
}

/// Prints a plan, or that it is empty, and carries it out unless it is only to be looked at.
pub fn carry_out(repo: &Repository, plan: &Plan, dry_run: bool, empty: &str, out: &Out) -> Run {
    if !out.json {
        if plan.groups.is_empty() {
            out.note(empty);
            return Ok(Done::Ok);
        }
        let all = dry_run || out.verbose;
        let groups = plan.groups.iter().filter(|group| all || !group.forgotten.is_empty());
        groups.into_iter().try_for_each(|group| print(group, all, out))?;
    }
    let applied = match dry_run {
        true => None,
        false => {
            let bar = out.progress(plan.forgotten() as u64, "snapshots");
            let applied = plan.apply(repo, &mut |done| bar.at(done))?;
            bar.finish_and_clear();
            Some(applied)
        }
    };
    if out.json {
        out.object(json!({"dry_run": dry_run, "groups": plan.groups, "applied": applied}))?;
        return Ok(Done::Ok);
    }
    tell(plan, applied.as_ref(), out);
    Ok(Done::Ok)
}

fn tell(plan: &Plan, applied: Option<&Applied>, out: &Out) {
    let (go, stay) = (plan.forgotten() as u64, plan.kept());
    let going = |go: u64| count(go, "snapshot");
    match applied {
        None => out.note(format!("would forget {}, {stay} stay; nothing was changed", going(go))),
        Some(_) if go == 0 => out.note(format!("nothing to forget, {stay} stay")),
        Some(applied) => {
            for version in &applied.changed {
                out.note(plain(&format!("{version} has changed meanwhile and was left alone")));
            }
            out.note(format!("forgot {}, {stay} stay; {WAY_BACK}", going(applied.forgotten)));
        }
    }
}

/// Prints what becomes of the snapshots of a place, the newest first; of those that stay only where
/// `all` is asked for.
fn print(group: &Group, all: bool, out: &Out) -> Result<(), Failure> {
    let (go, stay) = (group.forgotten.len(), group.kept.len());
    let head = format!("{}: keep {}; forget {go} of {}", group.place, group.keep, go + stay);
    out.line(out.paint(BOLD, &plain(&head)))?;
    let mut rows = Vec::new();
    let cells = |what: &str, version: &Version, time, why: String| {
        vec![format!("  {what}"), version.to_string(), moment(time), why]
    };
    for gone in &group.forgotten {
        let tags = tags_text(&gone.tags);
        rows.push((gone.created_at, cells("forget", &gone.version, gone.created_at, tags), true));
    }
    for kept in group.kept.iter().filter(|_| all) {
        let reasons: Vec<_> = kept.reasons.iter().map(|reason| reason.to_string()).collect();
        let row = cells("keep", &kept.version, kept.created_at, reasons.join(", "));
        rows.push((kept.created_at, row, false));
    }
    rows.sort_by(|(a, ..), (b, ..)| b.cmp(a));
    let (lines, goes): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|(_, row, goes)| (row, goes)).unzip();
    for (line, goes) in table(&lines).into_iter().zip(goes) {
        out.line(out.paint(if goes { RED } else { DIM }, &line))?;
    }
    Ok(())
}

/// Takes forgotten snapshots back, all or none.
pub fn undelete(repo: &Repository, words: &[Selector], out: &Out) -> Run {
    let (there, back) = repo.write(|tx| {
        // What a word means does not depend on the words before it.
        let mut versions = Vec::new();
        for word in words {
            let version = tx.resolve_forgotten(word)?;
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        let (mut there, mut back) = (Vec::new(), Vec::new());
        for version in versions {
            if is_live(tx, &version)? {
                there.push(version);
            } else {
                tx.undelete(&version)?;
                back.push(version);
            }
        }
        Ok((there, back))
    })?;
    if out.json {
        out.object(json!({"versions": back}))?;
        return Ok(Done::Ok);
    }
    back.iter().try_for_each(|version| out.line(version.as_str()))?;
    there.iter().for_each(|version| out.note(plain(&format!("{version} is not forgotten"))));
    out.note(format!("took {} back", count(back.len() as u64, "snapshot")));
    Ok(Done::Ok)
}

fn is_live(tx: &Transaction<'_>, version: &Version) -> tintype::Result<bool> {
    match tx.get(version) {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Forgets all that is not pinned.
pub fn clear(repo: &Repository, yes: bool, dry_run: bool, out: &Out) -> Run {
    let (all, pinned) = repo.read(|view| {
        let pinned = view.tags()?.into_iter().find(|(tag, _)| tag.is_pinned());
        Ok((view.versions()?.len() as u64, pinned.map_or(0, |(_, count)| count)))
    })?;
    let going = count(all - pinned, "snapshot");
    let warning = "this forgets every snapshot that is not pinned";
    if !dry_run && !yes && !agreed(&format!("Forget {going}?"), warning, out)? {
        return Ok(Done::Failed);
    }
    let forgotten = if dry_run { all - pinned } else { repo.write(|tx| tx.clear())? };
    if out.json {
        out.object(json!({"dry_run": dry_run, "forgotten": forgotten, "pinned": pinned}))?;
        return Ok(Done::Ok);
    }
    if dry_run {
        out.note(format!("would forget {going}, not the {pinned} pinned; nothing was changed"));
        return Ok(Done::Ok);
    }
    out.note(format!(
        "forgot {}, not the {pinned} pinned; see them with: tintype list --forgotten\n  {WAY_BACK}\n  \
         free the space with: tintype gc --now",
        count(forgotten, "snapshot")
    ));
    Ok(Done::Ok)
}
