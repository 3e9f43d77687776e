//! A folder of old snapshots, taken in whole, with proof.
//!
//! Run it with `cargo run --example old_folder`, or with the path of a folder of your own, which is not
//! changed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tintype::ops::legacy::{self, Options, Plan};
use tintype::{Query, Repository, Zone};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let repo = Repository::temporary()?;
    match std::env::args_os().nth(1) {
        Some(folder) => take_in(&repo, &PathBuf::from(folder), &mut std::io::stdout()),
        None => {
            let folder = tempfile::tempdir()?;
            make_old(folder.path())?;
            take_in(&repo, folder.path(), &mut std::io::stdout())
        }
    }
}

/// Looks, takes in, and proves it; done again, it adds nothing.
pub fn take_in(
    repo: &Repository,
    folder: &Path,
    out: &mut dyn Write,
) -> Result<(), Box<dyn std::error::Error>> {
    // What is there, by kind of writer. Nothing is changed.
    let scan = legacy::scan(folder, &[], &mut |_| {}, &mut |_| {})?;
    writeln!(out, "{} files of {} bytes, {} snapshots", scan.files, scan.bytes, scan.snapshots)?;
    for kind in &scan.kinds {
        writeln!(out, "  {} {}: {} snapshots", kind.kind, kind.variant, kind.snapshots)?;
    }

    // The clocks of these programs told no zone. What they meant has to be said, or UTC is assumed.
    let options = Options { zone: Some("Europe/Paris".parse::<Zone>()?), ..Options::default() };
    for run in 1..=2 {
        let plan = Plan::of(folder, &[], &mut |_| {})?;
        let report = legacy::apply(repo, plan, &options, &mut |_| {})?;
        let files = &report.files;
        writeln!(
            out,
            "run {run}: {} files: {} imported, {} there already, {} kept as bytes, {} failed",
            files.scanned, files.imported, files.duplicates, files.kept_as_bytes, files.failed
        )?;
    }

    // Every file beside what the store has of it, byte for byte, and every declared hash made again.
    let proof = legacy::verify(repo, Some(folder), &mut |_| {})?;
    let hashes = &proof.hashes;
    writeln!(
        out,
        "proof: {}; {} files, {} artifacts of {} bytes; hashes: {} agree, {} differ, {} can't be checked",
        if proof.ok { "all is there" } else { "something differs" },
        proof.files,
        proof.artifacts,
        proof.bytes,
        hashes.agree,
        hashes.differ,
        hashes.unknowable
    )?;
    for difference in &proof.problems {
        writeln!(out, "  {}: {}", difference.path, difference.detail)?;
    }

    for snapshot in repo.find(&Query::all().oldest_first())? {
        writeln!(out, "{} {} {}", snapshot.version, snapshot.created_at, snapshot.context)?;
        for artifact in &snapshot.artifacts {
            writeln!(out, "  {} {} bytes", artifact.name, artifact.bytes)?;
        }
    }
    Ok(())
}

/// A folder as Python scrapers left it: a JSON file for a snapshot, its HTML beside, and something that
/// somebody put there.
pub fn make_old(folder: &Path) -> std::io::Result<()> {
    fs::create_dir(folder.join("html"))?;
    fs::write(folder.join("html/shop.html"), "<html>kettles</html>")?;
    fs::write(
        folder.join("shop_1769683048.json"),
        r#"{"page_id": "shop", "url": "https://shop.example/", "timestamp": 1769683048.5,
            "title": "Kettles", "content": "<html>kettles</html>",
            "html_metadata": {"filepath": "html/shop.html", "content_hash":
            "2dcba4196a6adaf17392b5a3df81cc86dc28d98300a782cec28ca2ed9788a716"}}"#,
    )?;
    fs::write(folder.join("note"), "milk")
}
