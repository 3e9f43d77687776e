//! `context`: the places that snapshots belong to.

use clap::{Args, Subcommand};
use serde_json::json;
use tintype::store::PlaceSummary;
use tintype::{Pattern, Repository};

use crate::out::{BOLD, Done, Out, RED, Run, YELLOW, plain, table};
use crate::read::moment;
use crate::suggest;

#[derive(Subcommand)]
#[command(after_help = "Examples:
  tintype context tree
  tintype context tree 'shop.example/*' --depth 2")]
pub enum ContextCommand {
    /// Show sites, their modules, components and functions, with what is stored in each
    Tree(Tree),
}

#[derive(Args)]
#[command(after_help = "\
Snapshots that are forgotten are not counted. A place is counted with all that is below it.

Examples:
  tintype context tree
  tintype context tree 'shop.example/*/login' --depth 3
  tintype context tree --json")]
pub struct Tree {
    /// Only contexts like this; * is any value of its part, parts left out match anything
    #[arg(value_name = "PATTERN", default_value_t)]
    pub pattern: Pattern,
    /// Go so deep: 1 sites, 2 modules, 3 components, 4 functions
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub depth: u8,
}

pub fn context(repo: &Repository, what: &ContextCommand, out: &Out) -> Run {
    let ContextCommand::Tree(args) = what;
    let mut places = repo.places(&args.pattern)?;
    places.retain(|place| place.level <= args.depth);
    if out.json {
        places.iter().try_for_each(|place| out.object(json!(place)))?;
        return Ok(Done::Ok);
    }
    if places.is_empty() {
        out.note("no snapshot fits");
        suggest::context(repo, &args.pattern, out);
        return Ok(Done::Ok);
    }
    let heads = ["PLACE", "SNAPSHOTS", "FAILED", "INCOMPLETE", "NEWEST", "VERSION"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(places.iter().map(cells));
    for (at, line) in table(&rows).into_iter().enumerate() {
        out.line(match at.checked_sub(1).and_then(|at| places.get(at)) {
            None => out.paint(BOLD, &line),
            Some(place) if place.failed > 0 => out.paint(RED, &line),
            Some(place) if place.incomplete > 0 => out.paint(YELLOW, &line),
            Some(_) => line,
        })?;
    }
    Ok(Done::Ok)
}

fn cells(place: &PlaceSummary) -> Vec<String> {
    let name = place.place.parts().last().map(String::as_str).unwrap_or_default();
    let indent = "  ".repeat(usize::from(place.level.saturating_sub(1)));
    let some = |count: u64| if count > 0 { count.to_string() } else { String::new() };
    vec![
        format!("{indent}{}", plain(name)),
        place.snapshots.to_string(),
        some(place.failed),
        some(place.incomplete),
        moment(place.newest_at),
        place.newest.to_string(),
    ]
}
