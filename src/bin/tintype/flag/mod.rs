//! `flag`: what is switched on, how far, and for whom.

pub mod args;

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use tintype::model::flag::{Flag as One, SET_BYTES_MAX};
use tintype::ops::rollout;
use tintype::records::flags::FlagChange;
use tintype::{Error, EvalContext, FlagSet, Repository};

use crate::out::{BOLD, DIM, Done, Failure, GREEN, Out, RED, Run, YELLOW, plain, table};
use args::{By, Explain, Flag, Set};

pub fn flag(repo: &Repository, what: Flag, out: &Out) -> Run {
    let changed = match what {
        Flag::List => return list(&rollout::all(repo)?, out),
        Flag::Show { name } => return show(&rollout::all(repo)?, &name, out),
        Flag::History { name, limit } => return history(repo, name.as_deref(), limit, out),
        Flag::Export { output } => return export(repo, output.as_deref(), out),
        Flag::Explain(args) => return explain(&rollout::all(repo)?, &args, out),
        Flag::Set(args) => set(repo, args)?,
        Flag::Import { file, by } => {
            let text = read(&file)?;
            rollout::import(repo, &text, &by.into()).map_err(|error| match error {
                Error::Invalid { what: "flag file", why, .. } => {
                    Error::invalid("flag file", file.display(), why)
                }
                error => error,
            })?
        }
        Flag::Enable { name, rollout, force, by } => {
            rollout::enable(repo, &name, rollout, &by.forced(force))?
        }
        Flag::Disable { name, by } => rollout::disable(repo, &name, &by.into())?,
        Flag::Site { site, percent, flag, unset: _, force, by } => {
            let by = by.forced(force);
            rollout::set_site_rollout(repo, &site, flag.as_deref(), percent, &by)?
        }
        Flag::Stage { stage, by } => rollout::set_stage(repo, stage, &by.into())?,
        Flag::EmergencyDisable { by } => rollout::emergency_disable(repo, &by.into())?,
        Flag::EmergencyLegacy { by } => rollout::emergency_legacy(repo, &by.into())?,
        Flag::EmergencyRelease { by } => rollout::emergency_release(repo, &by.into())?,
        Flag::Rollback { to, force, by } => rollout::roll_back(repo, &to, &by.forced(force))?,
    };
    tell(changed.as_ref(), out)
}

impl From<By> for rollout::By {
    fn from(by: By) -> rollout::By {
        let user =
            || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        let who = by.who.or_else(user).filter(|who| !who.trim().is_empty());
        rollout::By { why: by.why, ..rollout::By::new(who.unwrap_or_else(|| "unknown".to_owned())) }
    }
}

impl By {
    fn forced(self, force: bool) -> rollout::By {
        rollout::By { force, ..self.into() }
    }
}

fn set(repo: &Repository, args: Set) -> Result<Option<FlagChange>, Failure> {
    let by = args.by.forced(args.force);
    let present = rollout::all(repo)?;
    // Other names of flags and environments are known by those of a set.
    let mut known = present.clone();
    if args.new {
        known.add(&args.name, One::new(false, ""))?;
    }
    if !args.depends_on.is_empty() || args.independent {
        known.depend(&args.name, args.depends_on.iter().map(String::as_str))?;
    }
    if !args.environment.is_empty() || args.any_environment {
        known.restrict(&args.name, args.environment.iter().map(String::as_str))?;
    }
    let flag = known.flag_mut(&args.name)?;
    flag.rollout = args.rollout.unwrap_or(flag.rollout);
    flag.description = args.description.unwrap_or_else(|| flag.description.clone());
    flag.salt = args.salt.or_else(|| flag.salt.clone());
    let wanted = flag.clone();
    Ok(match args.new {
        true => rollout::add(repo, &args.name, wanted, &by)?,
        false => rollout::edit(repo, &args.name, &by, |flag| *flag = wanted)?,
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    let limit = SET_BYTES_MAX as u64 + 1;
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(limit).read_to_string(&mut text),
        false => {
            std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text))
        }
    };
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            Failure::from(Error::invalid("flag file", path.display(), "it is not UTF-8"))
        }
        _ => Failure::Elsewhere(Error::io(path, error)),
    })?;
    Ok(text)
}

/// A flag as scripts read it.
fn object(set: &FlagSet, name: &str, flag: &One) -> Value {
    let mut object = json!({"name": name, "stage": set.stage, "emergency": set.emergency});
    if let (Some(object), Value::Object(members)) = (object.as_object_mut(), json!(flag)) {
        object.extend(members);
        object.insert("all_on_sites".to_owned(), json!(set.sites));
    }
    object
}

fn state(flag: &One, out: &Out) -> String {
    let color = if flag.enabled { GREEN } else { RED };
    out.paint(color, if flag.enabled { "on" } else { "off" })
}

fn list(set: &FlagSet, out: &Out) -> Run {
    if out.json {
        set.flags.iter().try_for_each(|(name, flag)| out.object(object(set, name, flag)))?;
        return Ok(Done::Ok);
    }
    let mut rows =
        vec![["FLAG", "", "PERCENT", "SITES", "DESCRIPTION"].map(str::to_owned).to_vec()];
    rows.extend(set.flags.iter().map(|(name, flag)| {
        let sites = flag.sites.iter().map(|(site, rollout)| format!("{site} {rollout}"));
        vec![
            name.clone(),
            if flag.enabled { "on" } else { "off" }.to_owned(),
            flag.rollout.to_string(),
            sites.collect::<Vec<_>>().join(", "),
            flag.description.clone(),
        ]
    }));
    for (at, line) in table(&rows).into_iter().enumerate() {
        out.line(if at == 0 { out.paint(BOLD, &line) } else { line })?;
    }
    out.note(format!("stage {}", set.stage));
    for (site, rollout) in &set.sites {
        out.note(plain(&format!("all flags on {site}: {rollout} percent")));
    }
    tell_emergency(set, out);
    Ok(Done::Ok)
}

fn tell_emergency(set: &FlagSet, out: &Out) {
    if let Some(thrown) = &set.emergency {
        let what = if thrown.legacy { "all off, the old layout on" } else { "all off" };
        let text = format!("emergency: {what}, by {} at {}", thrown.by, thrown.at);
        out.note(out.paint_note(RED, &plain(&text)));
        out.note("  end it with: tintype flag emergency-release");
    }
}

fn show(set: &FlagSet, name: &str, out: &Out) -> Run {
    let flag = set.flag(name)?;
    let name = tintype::model::flag::flag_name(name);
    if out.json {
        out.object(object(set, name, flag))?;
        return Ok(Done::Ok);
    }
    let words = |words: &std::collections::BTreeSet<String>, none: &str| match words.is_empty() {
        true => none.to_owned(),
        false => words.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    let sites: Vec<_> =
        flag.sites.iter().map(|(site, it)| format!("{site} {it} percent")).collect();
    for (word, value) in [
        ("flag", plain(name)),
        ("state", state(flag, out)),
        ("rollout", format!("{} percent", flag.rollout)),
        ("sites", plain(&sites.join(", "))),
        ("where", plain(&words(&flag.environments, "in all environments"))),
        ("needs", plain(&words(&flag.dependencies, "no other flag"))),
        ("salt", plain(flag.salt.as_deref().unwrap_or(name))),
        ("changed", flag.modified_at.map_or("never".to_owned(), |at| at.to_string())),
        ("for", plain(&flag.description)),
    ] {
        if !value.is_empty() {
            out.line(format!("{} {value}", out.paint(DIM, &format!("{word:<8}"))))?;
        }
    }
    tell_emergency(set, out);
    Ok(Done::Ok)
}

fn history(repo: &Repository, name: Option<&str>, limit: usize, out: &Out) -> Run {
    if let Some(name) = name {
        rollout::all(repo)?.flag(name)?;
    }
    let changes = rollout::history(repo, name, limit)?;
    if out.json {
        changes.iter().try_for_each(|change| out.object(json!(change)))?;
        return Ok(Done::Ok);
    }
    if changes.is_empty() {
        out.note("nothing was changed");
    }
    for change in &changes {
        let forced = if change.forced { ", forced" } else { "" };
        out.line(plain(&format!(
            "{} {} {} by {}{forced}",
            change.event, change.at, change.what, change.by
        )))?;
        for line in differences(change) {
            out.line(format!("  {line}"))?;
        }
        if let Some(why) = &change.why {
            out.line(plain(&format!("  because: {why}")))?;
        }
    }
    Ok(Done::Ok)
}

/// What a change changed, a line each.
fn differences(change: &FlagChange) -> Vec<String> {
    let told = |(path, before): (&String, &Value)| {
        let after = change.after.get(path).cloned().unwrap_or_default();
        plain(&format!("{}: {before} → {after}", path.trim_start_matches('/')))
    };
    change.before.iter().filter(|(path, _)| !path.ends_with("/modified_at")).map(told).collect()
}

fn tell(change: Option<&FlagChange>, out: &Out) -> Run {
    match (change, out.json) {
        (Some(change), true) => {
            let mut object = json!(change);
            object["changed"] = json!(true);
            out.object(object)?;
        }
        (None, true) => out.object(json!({"changed": false, "event": null}))?,
        (Some(change), false) => {
            out.note(format!("changed, event {}:", change.event));
            differences(change).iter().for_each(|line| out.note(format!("  {line}")));
        }
        (None, false) => out.note("it is so already; nothing was changed"),
    }
    Ok(Done::Ok)
}

fn export(repo: &Repository, output: Option<&Path>, out: &Out) -> Run {
    let text = rollout::export(repo)?;
    match output.filter(|path| *path != Path::new("-")) {
        None => out.bytes(text.as_bytes())?,
        Some(path) => {
            std::fs::write(path, text)
                .map_err(|error| Failure::Elsewhere(Error::io(path, error)))?;
            out.note(plain(&format!("wrote {}", path.display())));
        }
    }
    Ok(Done::Ok)
}

fn explain(set: &FlagSet, args: &Explain, out: &Out) -> Run {
    let asked = EvalContext {
        site: args.site.as_deref(),
        environment: args.environment.as_deref(),
        session: args.session.as_deref(),
        key: args.key.as_deref(),
    };
    let told = set.explain(&args.name, &asked);
    if out.json {
        let mut object = json!({"flag": tintype::model::flag::flag_name(&args.name)});
        if let (Some(object), Value::Object(members)) = (object.as_object_mut(), json!(told)) {
            object.extend(members);
        }
        out.object(object)?;
        return Ok(Done::Ok);
    }
    let color = if told.value { GREEN } else { YELLOW };
    let word = out.paint(color, if told.value { "on" } else { "off" });
    out.line(format!("{word} {}", told.reason))?;
    let rows: Vec<Vec<String>> = told
        .steps
        .iter()
        .map(|step| {
            let mark = if step.decides { "→" } else { " " };
            vec![mark.to_owned(), step.check.to_owned(), step.detail.clone()]
        })
        .collect();
    table(&rows).iter().try_for_each(|line| out.line(line))?;
    Ok(Done::Ok)
}
