//! `diff`: tells what differs between two snapshots.

use serde_json::{Value, json};
use tintype::Repository;
use tintype::format::diff::{Change, Comparison, Form};
use tintype::format::image::{Area, ImageDiff, Size};
use tintype::ops::compare::{self, Compared, Pair, Standing};

use crate::args::{Diff, DiffFormat};
use crate::out::{BOLD, CYAN, Done, Failure, GREEN, Out, RED, Run, plain, size};

/// The most characters of a value that are shown on a line for people.
const VALUE_CHARS_MAX: usize = 120;
/// The most areas of an image that are shown.
const AREAS_SHOWN_MAX: usize = 5;

pub fn diff(repo: &Repository, args: &Diff, out: &Out) -> Run {
    let (before, after) =
        repo.read(|view| Ok((view.resolve(&args.before)?, view.resolve(&args.after)?)))?;
    let is_patch = args.format == DiffFormat::Patch && !out.json;
    let choose = |form: Form| if is_patch { form.plain() } else { form };
    let compared = compare::compare_as(repo, &before, &after, args.artifact.as_ref(), choose)?;
    match args.format {
        DiffFormat::Json => out.object(json!(compared))?,
        _ if out.json => out.object(json!(compared))?,
        DiffFormat::Patch => patch(&compared, out)?,
        DiffFormat::Text => text(&compared, out)?,
    }
    Ok(Done::Ok)
}

/// What a program applies: of one artifact, since two patches in one output are none.
fn patch(compared: &Compared, out: &Out) -> Result<(), Failure> {
    let changed: Vec<&Pair> =
        compared.artifacts.iter().filter(|pair| pair.standing != Standing::Same).collect();
    match changed.as_slice() {
        [] => Ok(()),
        [one] => match &one.content {
            Some(Comparison::Json(json)) => {
                out.line(serde_json::to_string_pretty(&json.patch).unwrap_or_default())
            }
            Some(Comparison::Text(text)) => out.bytes(text.unified.as_bytes()),
            _ => {
                Err(Failure::Usage(format!("{} is neither JSON nor text on both sides", one.name)))
            }
        },
        several => {
            let names: Vec<_> = several.iter().map(|pair| pair.name.as_str()).collect();
            Err(Failure::Usage(format!(
                "several artifacts differ; choose one with --artifact: {}",
                names.join(", ")
            )))
        }
    }
}

pub fn text(compared: &Compared, out: &Out) -> Result<(), Failure> {
    let head =
        format!("{} → {}, {} later", compared.before, compared.after, span(compared.seconds));
    out.line(out.paint(BOLD, &head))?;
    for field in &compared.fields {
        let (before, after) = (value(&field.before), value(&field.after));
        out.line(format!("{}: {before} → {after}", plain(&field.name)))?;
    }
    for pair in &compared.artifacts {
        let name = plain(pair.name.as_str());
        let bytes = |bytes: Option<u64>| size(bytes.unwrap_or_default());
        let (before, after) = (bytes(pair.before_bytes), bytes(pair.after_bytes));
        let line = match pair.standing {
            Standing::Same => format!("{name}: the same"),
            Standing::Changed => format!("{name}: {before} → {after}{}", count(pair)),
            Standing::Added => format!("{name}: added, {after}"),
            Standing::Removed => format!("{name}: gone, was {before}"),
        };
        out.line(if pair.standing == Standing::Same { line } else { out.paint(CYAN, &line) })?;
        match &pair.content {
            Some(Comparison::Json(json)) => {
                json.changes.iter().try_for_each(|change| out.line(change_line(change, out)))?;
            }
            Some(Comparison::Text(text)) => {
                for line in text.unified.lines() {
                    let line = plain_line(line);
                    out.line(match line.as_bytes().first() {
                        Some(b'+') => out.paint(GREEN, &line),
                        Some(b'-') => out.paint(RED, &line),
                        _ => line,
                    })?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A line of content; tabs may stay.
fn plain_line(line: &str) -> String {
    line.split('\t').map(plain).collect::<Vec<_>>().join("\t")
}

/// What differs in the content of a pair, in a few words that go on with a line.
pub fn count(pair: &Pair) -> String {
    match &pair.content {
        Some(Comparison::Image(image)) if image.equal => ", the same pixels".to_owned(),
        Some(Comparison::Image(image)) => format!(", {}", image_line(image)),
        Some(Comparison::Json(json)) if json.equal => ", written differently".to_owned(),
        Some(Comparison::Json(json)) => format!(", {} changes", json.changes.len()),
        Some(Comparison::Text(text)) => {
            format!(", {} lines added, {} removed", text.added, text.removed)
        }
        _ => String::new(),
    }
}

fn image_line(image: &ImageDiff) -> String {
    let size = |size: Size| format!("{}×{}", size.width, size.height);
    let share = match image.share * 100.0 {
        little if little < 0.01 => "under 0.01 %".to_owned(),
        share => format!("{share:.2} %"),
    };
    let of = match image.before == image.after {
        true => size(image.before),
        false => format!("{} → {}", size(image.before), size(image.after)),
    };
    let area = |area: &Area| format!("{}×{} at {},{}", area.width, area.height, area.x, area.y);
    let mut areas: Vec<_> = image.areas.iter().take(AREAS_SHOWN_MAX).map(area).collect();
    if image.areas.len() > AREAS_SHOWN_MAX {
        areas.push(format!("and {} more", image.areas.len() - AREAS_SHOWN_MAX));
    }
    format!("{share} of {of} pixels changed: {}", areas.join(", "))
}

fn change_line(change: &Change, out: &Out) -> String {
    match change {
        Change::Added { path, after } => {
            out.paint(GREEN, &format!("+ {} {}", plain(path), value(after)))
        }
        Change::Removed { path, before } => {
            out.paint(RED, &format!("- {} {}", plain(path), value(before)))
        }
        Change::Changed { path, before, after } => {
            format!("~ {} {} → {}", plain(path), value(before), value(after))
        }
    }
}

fn value(value: &Value) -> String {
    let text = plain(&value.to_string());
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn span(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    match seconds.abs() {
        short if short < 120.0 => format!("{sign}{short:.1} s"),
        minutes if minutes < 7_200.0 => format!("{sign}{:.0} min", minutes / 60.0),
        hours if hours < 172_800.0 => format!("{sign}{:.1} h", hours / 3_600.0),
        days => format!("{sign}{:.1} days", days / 86_400.0),
    }
}
