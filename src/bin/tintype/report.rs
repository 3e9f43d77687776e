//! `report`: what a snapshot tells, what differs between two, and how many went, as an HTML page for
//! people.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde_json::{Value, json};
use tintype::ops::good;
use tintype::ops::monitor::Window;
use tintype::ops::report::{self, Options};
use tintype::{Error, Pattern, Repository, Selector, Time, What};

use crate::args::size as bytes_of;
use crate::out::{Done, Failure, Out, Run, plain, size};

#[derive(Args)]
#[command(
    override_usage = "tintype report [OPTIONS] -o FILE <VERSION>
       tintype report [OPTIONS] -o FILE <VERSION> <VERSION>
       tintype report [OPTIONS] -o FILE <VERSION> --last-good
       tintype report [OPTIONS] -o FILE --context PATTERN [--since T] [--until T]",
    after_help = "\
The page is one file: it opens from a disk, in mail, among the results of a build, and loads nothing.
What is stored is shown where it can run nothing and reach nobody.

Examples:
  tintype report latest -o page.html
  tintype report latest --last-good -o difference.html
  tintype report --context 'shop.example/*' --since 2026-01-01 -o overview.html --force
  tintype report latest --pictures 0 -o - | gzip > page.html.gz"
)]
pub struct Report {
    /// One: what it tells. Two: what differs between them. latest, oldest, latest:TAG, oldest:TAG, or
    /// the beginning of a version
    #[arg(value_name = "VERSION", num_args = 1..=2, required_unless_present = "context")]
    pub versions: Vec<Selector>,
    /// Tell what differs from the last good snapshot of the same place before it
    #[arg(long, conflicts_with = "context")]
    pub last_good: bool,
    /// Tell how the snapshots in contexts like this went; * is any value of its part
    #[arg(long, value_name = "PATTERN", conflicts_with = "versions")]
    pub context: Option<Pattern>,
    /// With --context: only those taken then or later
    #[arg(long, value_name = "T", requires = "context")]
    pub since: Option<Time>,
    /// With --context: only those taken before
    #[arg(long, value_name = "T", requires = "context")]
    pub until: Option<Time>,
    /// The file; nothing may stand there. - is stdout
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
    /// The most that pictures may take in it, as 500k or 24M; 0 leaves them out
    #[arg(long, value_name = "SIZE", default_value = "24M", value_parser = bytes_of)]
    pub pictures: u64,
}

pub fn report(repo: &Repository, args: &Report, out: &Out) -> Run {
    if args.context.is_none() && (args.since.is_some() || args.until.is_some()) {
        return Err(Failure::Usage("--since and --until go with --context".to_owned()));
    }
    let options = Options { picture_bytes_max: args.pictures };
    let two = |before, after| {
        let page = report::difference(repo, &before, &after, None, &options)?;
        Ok::<_, Error>((page, json!({ "versions": [before, after] })))
    };
    let (page, about) = match (args.versions.as_slice(), &args.context) {
        (_, Some(context)) => {
            let window = Window { contexts: context.clone(), since: args.since, until: args.until };
            (report::overview(repo, &window)?, json!({ "context": context.to_string() }))
        }
        ([before, after], None) if !args.last_good => {
            let (before, after) =
                repo.read(|view| Ok((view.resolve(before)?, view.resolve(after)?)))?;
            two(before, after)?
        }
        ([after], None) if args.last_good => {
            let after = repo.resolve(after)?;
            let Some(before) = good::last_good(repo, &after)? else {
                let name = format!("before {after} that is good, of the same place");
                return Err(Error::NotFound { what: What::Snapshot, name }.into());
            };
            two(before, after)?
        }
        ([version], None) => {
            let version = repo.resolve(version)?;
            let page = report::snapshot(repo, &version, &options)?;
            (page, json!({ "versions": [version] }))
        }
        _ => {
            let why = "--last-good finds the first of the two; name one version";
            return Err(Failure::Usage(why.to_owned()));
        }
    };
    give(repo, &page, Some(&args.output), args.force, about, out)
}

/// Gives a page to who asked for it: in a file, or on stdout. `about` is what `--json` tells of it
/// beside path and size.
pub fn give(
    repo: &Repository,
    page: &str,
    path: Option<&Path>,
    force: bool,
    mut about: Value,
    out: &Out,
) -> Run {
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        if out.json {
            return Err(Failure::Usage("--json tells of a file, and stdout is none".to_owned()));
        }
        out.bytes(page.as_bytes())?;
        return Ok(Done::Ok);
    };
    let bytes = report::write(repo, page, path, force)?;
    match out.json {
        true => {
            about["path"] = json!(path);
            about["bytes"] = json!(bytes);
            out.object(about)?;
        }
        false => out.note(format!("{} ({})", plain(&path.display().to_string()), size(bytes))),
    }
    Ok(Done::Ok)
}
