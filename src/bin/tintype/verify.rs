//! `verify`: looks for damage.

use serde_json::json;
use tintype::Repository;
use tintype::ops::verify::{self, Depth};

use crate::out::{Done, GREEN, Out, RED, Run, plain, size};

pub fn verify(repo: &Repository, quick: bool, read_data: bool, out: &Out) -> Run {
    let depth = match (quick, read_data) {
        (true, _) => Depth::Quick,
        (_, true) => Depth::Data,
        _ => Depth::Structure,
    };
    let bar = out.progress(0, "");
    let report = verify::verify(repo, depth, &mut |told| bar.show(told))?;
    bar.finish_and_clear();
    if out.json {
        out.object(json!(report))?;
    } else {
        for problem in &report.problems {
            let mut line = String::new();
            if let Some(version) = &problem.version {
                line += &format!("snapshot {version}: ");
            }
            if let Some(artifact) = &problem.artifact {
                line += &format!("artifact {artifact}: ");
            }
            if let Some(hash) = &problem.hash {
                line += &format!("blob {} ", hash.short());
            }
            out.line(out.paint(RED, &plain(&(line + &problem.detail))))?;
        }
        let looked = match depth {
            Depth::Quick => "looked at the pages".to_owned(),
            Depth::Structure => {
                format!(
                    "looked at {} events, {} snapshots; --read-data looks at content too",
                    report.events, report.snapshots
                )
            }
            Depth::Data => format!(
                "looked at {} events, {} snapshots, {} contents of {}",
                report.events,
                report.snapshots,
                report.blobs,
                size(report.bytes)
            ),
        };
        out.line(match report.ok {
            true => format!("{}: {looked}", out.paint(GREEN, "ok")),
            false => format!("{} problems: {looked}", report.problems.len()),
        })?;
    }
    Ok(if report.ok { Done::Ok } else { Done::Damage })
}
