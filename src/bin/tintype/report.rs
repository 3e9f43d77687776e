//! `report`: what a snapshot tells, as an HTML page for people.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde_json::json;
use tintype::ops::report::{self, Options};
use tintype::{Repository, Selector, Version};

use crate::args::size as bytes_of;
use crate::out::{Done, Failure, Out, Run, plain, size};

#[derive(Args)]
#[command(after_help = "\
The page is one file: it opens from a disk, in mail, among the results of a build, and loads nothing.
What is stored is shown where it can run nothing and reach nobody.

Examples:
  tintype report latest -o page.html
  tintype report latest:broken -o broken.html --force
  tintype report latest --pictures 0 -o - | gzip > page.html.gz")]
pub struct Report {
    /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
    #[arg(value_name = "VERSION")]
    pub version: Selector,
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
    let to_stdout = args.output.as_os_str() == "-";
    if to_stdout && out.json {
        return Err(Failure::Usage("--json tells of a file, and -o - writes none".to_owned()));
    }
    let version = repo.resolve(&args.version)?;
    let options = Options { picture_bytes_max: args.pictures };
    let page = report::snapshot(repo, &version, &options)?;
    if to_stdout {
        out.bytes(page.as_bytes())?;
        return Ok(Done::Ok);
    }
    save(repo, &page, &[version], &args.output, args.force, out)
}

/// Writes a page into a file, and tells of it.
fn save(
    repo: &Repository,
    page: &str,
    versions: &[Version],
    path: &Path,
    force: bool,
    out: &Out,
) -> Run {
    let bytes = report::write(repo, page, path, force)?;
    match out.json {
        true => out.object(json!({ "path": path, "bytes": bytes, "versions": versions }))?,
        false => out.note(format!("{} ({})", plain(&path.display().to_string()), size(bytes))),
    }
    Ok(Done::Ok)
}
