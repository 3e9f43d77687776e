//! `put`: files into the store.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tintype::{
    ArtifactName, DeltaPolicy, Draft, DraftArtifact, Error, Receipt, Repository, Ticket, Version,
    media_type_of,
};

use crate::args::{About, Put};
use crate::bar::Reading;
use crate::out::{Bar, Done, Failure, Out, Run};

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
    let bar = out.progress_bytes(args.files.iter().map(|file| size_of(file)).sum());
    let draft = draft(&args, base.as_ref())?;
    if args.together {
        together(repo, &args, draft, &mut tally, &bar, out)?;
    } else {
        repo.bulk(|| -> Result<(), Failure> {
            for file in &args.files {
                bar.check();
                match one(repo, &args, draft.clone(), file, &bar) {
                    Ok(ticket) => tally.waiting.push_back((file.clone(), ticket)),
                    Err(error) => tally.tell(file, Err(error), out)?,
                }
                bar.suspend(|| tally.tell_ready(out))?;
            }
            Ok(())
        })?;
    }
    bar.finish_and_clear();
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
    if receipt.forgotten && !out.json {
        out.note(format!(
            "{}: what is kept in its place does not keep it, so it is forgotten; tintype undelete \
             takes it back",
            receipt.version
        ));
    }
    if out.json { out.object(json!(receipt)) } else { out.line(receipt.version.as_str()) }
}

/// What the command line says of each snapshot.
fn draft(args: &Put, base: Option<&Version>) -> tintype::Result<Draft> {
    let mut draft = about(Draft::new(), &args.about)?;
    if let Some(version) = &args.version {
        draft = draft.version(version.clone());
    }
    if let Some(base) = base {
        draft = draft.based_on(base);
    }
    if args.full {
        draft = draft.delta(DeltaPolicy::Never);
    }
    Ok(draft)
}

fn one(
    repo: &Repository,
    args: &Put,
    draft: Draft,
    file: &Path,
    bar: &Bar,
) -> tintype::Result<Ticket> {
    let name = args.name.clone().unwrap_or_else(ArtifactName::data);
    let artifact = artifact(repo, args, &draft, name, file, bar)?;
    Ok(repo.submit(repo.prepare(draft.artifact(artifact))?))
}

fn together(
    repo: &Repository,
    args: &Put,
    mut draft: Draft,
    tally: &mut Tally,
    bar: &Bar,
    out: &Out,
) -> Result<(), Failure> {
    for file in &args.files {
        // A snapshot that lacks one of the files is not what was asked for.
        let name = match is_stdin(file) {
            true => ArtifactName::data(),
            false => {
                file.file_name().unwrap_or_default().to_string_lossy().into_owned().try_into()?
            }
        };
        let artifact = artifact(repo, args, &draft, name, file, bar)?;
        draft = draft.artifact(artifact);
    }
    let receipt = repo.store(draft)?;
    bar.finish_and_clear();
    tally.stored += 1;
    tell(&receipt, out)
}

/// Reads a file into the store, as the artifact of this name of a draft.
fn artifact(
    repo: &Repository,
    args: &Put,
    draft: &Draft,
    name: ArtifactName,
    file: &Path,
    bar: &Bar,
) -> tintype::Result<DraftArtifact> {
    let staged = match is_stdin(file) {
        true => repo.stage_for(draft, &name, bar.reading_of_others(io::stdin().lock())),
        false => refuse_own(repo, file)
            .and_then(|()| open(file, bar).map_err(|source| Error::io(file, source)))
            .and_then(|file| repo.stage_for(draft, &name, file)),
    };
    let staged = staged.map_err(|error| match error {
        Error::Io { source, .. } if is_stdin(file) => Error::io("stdin", source),
        Error::Io { source, .. } => Error::io(file, source),
        error => error,
    })?;
    let known = || media_type_of(&file.to_string_lossy()).to_owned();
    DraftArtifact::staged(name, args.media_type.clone().unwrap_or_else(known), staged)
}

/// Opens a file. One that is no regular file, as a pipe with a name, is written by somebody who may
/// take his time.
fn open<'b>(file: &Path, bar: &'b Bar) -> io::Result<Reading<'b, File>> {
    match fs::metadata(file)?.is_file() {
        true => Ok(bar.reading(File::open(file)?)),
        false => Ok(bar.reading_of_others(bar.waiting(|| File::open(file))?)),
    }
}

/// Fails for a file of the store itself. To read it would be to close it again, which ends the locks
/// that this process has on it.
fn refuse_own(repo: &Repository, file: &Path) -> tintype::Result<()> {
    let (Ok(file), Ok(store)) = (fs::canonicalize(file), fs::canonicalize(repo.path())) else {
        return Ok(());
    };
    let is_own = ["", "-wal", "-shm"].iter().any(|end| {
        let mut own = store.clone().into_os_string();
        own.push(end);
        file.as_os_str() == own
    });
    match is_own {
        true => Err(Error::invalid("file", file.display(), "it belongs to the store itself")),
        false => Ok(()),
    }
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == STDIN
}

/// The bytes that are to come from a file, where that is known; of one that can't be read, none.
fn size_of(file: &Path) -> Option<u64> {
    match fs::metadata(file) {
        _ if is_stdin(file) => None,
        Ok(found) => found.is_file().then_some(found.len()),
        Err(_) => Some(0),
    }
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
