//! `put`: files into the store.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tintype::{
    ArtifactName, DeltaPolicy, Draft, DraftArtifact, Error, Receipt, Repository, Ticket, Version,
    media_type_of,
};

use crate::args::{About, Put};
use crate::out::{Done, Failure, Out, Run};

/// The name of a file that is what comes in on stdin.
const STDIN: &str = "-";

pub fn put(repo: &Repository, args: Put, out: &Out) -> Run {
    if args.version.is_some() && args.files.len() > 1 && !args.together {
        return Err(Failure::Usage(format!(
            "--version names one snapshot, but {} files make as many; store them --together, or \
             let versions be made",
            args.files.len()
        )));
    }
    if args.files.iter().filter(|file| is_stdin(file)).count() > 1 {
        return Err(Failure::Usage("stdin can be read once only".to_owned()));
    }
    if let Some(media_type) = &args.media_type {
        // What fits no file is an error of the command line, not one of each file.
        DraftArtifact::stored(ArtifactName::data(), media_type.clone(), [])?;
    }
    let base = args.base.as_ref().map(|base| repo.resolve(base)).transpose()?;
    let mut tally = Tally { stored: 0, failed: 0, waiting: VecDeque::new() };
    if args.together {
        together(repo, &args, base, &mut tally, out)?;
    } else {
        let bar = out.progress(args.files.len() as u64, "files");
        repo.bulk(|| -> Result<(), Failure> {
            for file in &args.files {
                match one(repo, &args, base.as_ref(), file) {
                    Ok(ticket) => tally.waiting.push_back((file.clone(), ticket)),
                    Err(error) => tally.failed(file, &error, out),
                }
                bar.inc(1);
                tally.tell_ready(out)?;
            }
            Ok(())
        })?;
        bar.finish_and_clear();
    }
    tally.tell_all(out)?;
    Ok(match (tally.stored, tally.failed) {
        (_, 0) => Done::Ok,
        (0, _) => Done::Failed,
        _ => Done::InPart,
    })
}

/// Snapshots on their way, told of in the order of the files.
struct Tally {
    stored: usize,
    failed: usize,
    waiting: VecDeque<(PathBuf, Ticket)>,
}

impl Tally {
    fn tell_ready(&mut self, out: &Out) -> Result<(), Failure> {
        while let Some(result) = self.waiting.front_mut().and_then(|(_, ticket)| ticket.poll()) {
            if let Some((file, _)) = self.waiting.pop_front() {
                self.tell(&file, result, out)?;
            }
        }
        Ok(())
    }

    fn tell_all(&mut self, out: &Out) -> Result<(), Failure> {
        while let Some((file, ticket)) = self.waiting.pop_front() {
            self.tell(&file, ticket.wait(), out)?;
        }
        Ok(())
    }

    fn tell(
        &mut self,
        file: &Path,
        result: tintype::Result<Receipt>,
        out: &Out,
    ) -> Result<(), Failure> {
        match result {
            Ok(receipt) => {
                self.stored += 1;
                tell(&receipt, out)
            }
            // These befall all that follow as well, and the first says it best.
            Err(
                error @ (Error::NoSpace { .. } | Error::Locked { .. } | Error::ReadOnly { .. }),
            ) => Err(error.into()),
            Err(error @ Error::VersionExists { .. }) => Err(error.into()),
            Err(error) => {
                self.failed(file, &error, out);
                Ok(())
            }
        }
    }

    fn failed(&mut self, file: &Path, error: &Error, out: &Out) {
        self.failed += 1;
        out.warn(&file.to_string_lossy(), error);
    }
}

fn tell(receipt: &Receipt, out: &Out) -> Result<(), Failure> {
    if out.json { out.object(json!(receipt)) } else { out.line(receipt.version.as_str()) }
}

fn one(
    repo: &Repository,
    args: &Put,
    base: Option<&Version>,
    file: &Path,
) -> tintype::Result<Ticket> {
    let name = args.name.clone().unwrap_or_else(ArtifactName::data);
    let artifact = artifact(args, name, file)?;
    let draft = about(Draft::new(), &args.about)?.artifact(artifact);
    Ok(repo.submit(repo.prepare(finish(draft, args, base))?))
}

fn together(
    repo: &Repository,
    args: &Put,
    base: Option<Version>,
    tally: &mut Tally,
    out: &Out,
) -> Result<(), Failure> {
    let mut draft = about(Draft::new(), &args.about)?;
    for file in &args.files {
        // A snapshot that lacks one of the files is not what was asked for.
        let name = match is_stdin(file) {
            true => ArtifactName::data(),
            false => {
                file.file_name().unwrap_or_default().to_string_lossy().into_owned().try_into()?
            }
        };
        draft = draft.artifact(artifact(args, name, file)?);
    }
    let receipt = repo.store(finish(draft, args, base.as_ref()))?;
    tally.stored += 1;
    tell(&receipt, out)
}

fn artifact(args: &Put, name: ArtifactName, file: &Path) -> tintype::Result<DraftArtifact> {
    let content = read(file)?;
    let known = || media_type_of(&file.to_string_lossy()).to_owned();
    DraftArtifact::stored(name, args.media_type.clone().unwrap_or_else(known), content)
}

fn read(file: &Path) -> tintype::Result<Vec<u8>> {
    if !is_stdin(file) {
        return std::fs::read(file).map_err(|source| Error::io(file, source));
    }
    let mut content = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut content)
        .map_err(|source| Error::io("stdin", source))?;
    Ok(content)
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == STDIN
}

fn finish(mut draft: Draft, args: &Put, base: Option<&Version>) -> Draft {
    if let Some(version) = &args.version {
        draft = draft.version(version.clone());
    }
    if let Some(base) = base {
        draft = draft.based_on(base);
    }
    if args.full {
        draft = draft.delta(DeltaPolicy::Never);
    }
    draft
}

/// Says of a draft what the command line says of it.
pub fn about(draft: Draft, about: &About) -> tintype::Result<Draft> {
    let mut draft = draft.context(about.context.clone());
    for tag in &about.tags {
        draft = draft.tag(tag.clone())?;
    }
    if let Some(description) = &about.description {
        draft = draft.describe(description);
    }
    for (key, value) in &about.info {
        draft = draft.info(key, Value::clone(value));
    }
    if let Some(time) = about.at {
        draft = draft.at(time);
    }
    Ok(draft)
}
