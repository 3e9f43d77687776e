//! `diff`: tells what differs between two snapshots.

use serde_json::{Value, json};
use tintype::Repository;
use tintype::format::diff::{Change, Comparison, Form};
use tintype::format::entries::{EntriesDiff, Message, MessageChange, Request, RequestChange};
use tintype::format::image::{Area, ImageDiff, Size};
use tintype::ops::compare::{self, Compared, Pair, Standing};
use tintype::ops::report;

use crate::args::{Diff, DiffFormat};
use crate::out::{BOLD, CYAN, Done, Failure, GREEN, Out, RED, Run, plain, size};
use crate::report::give;

/// The most characters of a value that are shown on a line for people.
const VALUE_CHARS_MAX: usize = 120;
/// The most areas of an image that are shown.
const AREAS_SHOWN_MAX: usize = 5;

pub fn diff(repo: &Repository, args: &Diff, out: &Out) -> Run {
    let (before, after) =
        repo.read(|view| Ok((view.resolve(&args.before)?, view.resolve(&args.after)?)))?;
    if args.format == DiffFormat::Html {
        let page = report::difference(
            repo,
            &before,
            &after,
            args.artifact.as_ref(),
            &report::Options::default(),
        )?;
        let about = json!({"versions": [before, after]});
        return give(repo, &page, args.output.as_deref(), args.force, about, out);
    }
    if args.output.is_some() {
        return Err(Failure::Usage("-o goes with --format html".to_owned()));
    }
    let is_patch = args.format == DiffFormat::Patch && !out.json;
    let choose = |form: Form| if is_patch { form.plain() } else { form };
    let compared = compare::compare_as(repo, &before, &after, args.artifact.as_ref(), choose)?;
    match args.format {
        DiffFormat::Json => out.object(json!(compared))?,
        _ if out.json => out.object(json!(compared))?,
        DiffFormat::Patch => patch(&compared, out)?,
        DiffFormat::Text | DiffFormat::Html => text(&compared, out)?,
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
        let told = count(pair);
        let line = match pair.standing {
            Standing::Same => format!("{name}: the same"),
            Standing::Changed => format!("{name}: {before} → {after}{told}"),
            Standing::Added => format!("{name}: added, {after}{told}"),
            Standing::Removed => format!("{name}: gone, was {before}{told}"),
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
            Some(Comparison::Requests(requests)) => entries(requests, request_line, out)?,
            Some(Comparison::Console(console)) => entries(console, message_line, out)?,
            _ => {}
        }
    }
    Ok(())
}

/// A line for each entry that differs, as far as they are told.
fn entries<C>(
    diff: &EntriesDiff<C>,
    line: impl Fn(&C) -> (char, String),
    out: &Out,
) -> Result<(), Failure> {
    for change in &diff.changes {
        let (sign, told) = line(change);
        let line = format!("{sign} {told}");
        out.line(match sign {
            '+' => out.paint(GREEN, &line),
            '-' => out.paint(RED, &line),
            _ => line,
        })?;
    }
    let all = diff.added + diff.gone + diff.changed;
    match all - (diff.changes.len() as u64).min(all) {
        0 => Ok(()),
        more => out.line(format!("… and {more} more")),
    }
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
        Some(Comparison::Requests(requests)) => entries_count(requests, "requests"),
        Some(Comparison::Console(console)) => entries_count(console, "messages"),
        Some(Comparison::Json(json)) if json.equal => ", written differently".to_owned(),
        Some(Comparison::Json(json)) => format!(", {} changes", json.changes.len()),
        Some(Comparison::Text(text)) => {
            format!(", {} lines added, {} removed", text.added, text.removed)
        }
        _ => String::new(),
    }
}

fn entries_count<C>(diff: &EntriesDiff<C>, what: &str) -> String {
    let EntriesDiff { before, after, added, gone, changed, .. } = diff;
    if diff.equal {
        return format!(", the same {what}");
    }
    format!(", {before} → {after} {what}: {added} added, {gone} gone, {changed} changed")
}

fn request_line(change: &RequestChange) -> (char, String) {
    let status = |request: &Request| match request.status {
        Some(status) => status.to_string(),
        None => "no answer".to_owned(),
    };
    let kind = |request: &Request| request.mime_type.clone().unwrap_or_else(|| "-".to_owned());
    let bytes = |request: &Request| request.bytes.map_or_else(|| "-".to_owned(), size);
    let error = |request: &Request| request.error.clone().unwrap_or_else(|| "no error".to_owned());
    let whole = |request: &Request| {
        let mut facts = vec![status(request)];
        facts.extend(request.mime_type.clone());
        facts.extend(request.bytes.map(size));
        facts.extend(request.error.clone());
        facts.join(", ")
    };
    let (sign, request, facts) = match change {
        RequestChange::Added { after } => ('+', after, whole(after)),
        RequestChange::Gone { before } => ('-', before, whole(before)),
        RequestChange::Changed { before, after } => {
            let facts: Vec<String> = [
                (status(before), status(after)),
                (kind(before), kind(after)),
                (bytes(before), bytes(after)),
                (error(before), error(after)),
            ]
            .into_iter()
            .filter(|(before, after)| before != after)
            .map(|(before, after)| format!("{before} → {after}"))
            .collect();
            let facts = match facts.is_empty() {
                // Sizes that read the same.
                true => format!(
                    "{} → {} bytes",
                    before.bytes.unwrap_or_default(),
                    after.bytes.unwrap_or_default()
                ),
                false => facts.join(", "),
            };
            ('~', after, facts)
        }
    };
    (sign, format!("{} {}: {}", plain(&request.method), short(&request.url), short(&facts)))
}

fn message_line(change: &MessageChange) -> (char, String) {
    let said = |message: &Message| {
        let place = message.url.as_deref().map(|url| format!(" ({})", short(url)));
        let text = short(&message.text);
        format!("{}: {text}{}", plain(&message.level), place.unwrap_or_default())
    };
    let times = |count: u64| match count {
        1 => String::new(),
        many => format!(", {many} times"),
    };
    match change {
        MessageChange::Added { message, after } => ('+', said(message) + &times(*after)),
        MessageChange::Gone { message, before } => ('-', said(message) + &times(*before)),
        MessageChange::Changed { message, before, after } => {
            ('~', format!("{}: {before} → {after} times", said(message)))
        }
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
    short(&value.to_string())
}

/// A text of unknown origin as it fits a line.
fn short(text: &str) -> String {
    let text = plain(text);
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
