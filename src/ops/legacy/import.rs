//! Taking a folder in.
//!
//! Each old snapshot has an [identity](crate::ops::legacy::found::Identity), which stands in the
//! user info of the snapshot that it became; so it is found again, whoever imports it, from
//! wherever, and however often. Ended early and done again, an import goes on.
//!
//! Snapshots are committed in large groups, and what waits for its commit is bounded. What is held
//! of a snapshot is what it will be stored as, and is dropped when it is.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::codec::frame::Effort;
use crate::error::{Error, Result};
use crate::model::artifact::{Given, Staged};
use crate::model::id::{BlobHash, Version};
use crate::model::snapshot::{Draft, Receipt};
use crate::model::time::Zone;
use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::found::{Identity, Kind};
use crate::ops::legacy::names::{self, Bases};
use crate::ops::legacy::plan::Plan;
use crate::ops::legacy::report::{Outcome, Report, Taken};
use crate::ops::legacy::settle::{self, Settled};
use crate::ops::progress::Progress;
use crate::store::{Repository, Ticket, copy};

/// The most snapshots that wait for their commit.
const WAITING_MAX: usize = 8_192;

/// How a folder is taken in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The zone in which clocks are read that told none; UTC is assumed where none is given, and
    /// the report says how often.
    pub zone: Option<Zone>,
    /// Whether all is done but the storing.
    pub dry_run: bool,
}

/// Takes in what a plan found, telling how many files were dealt with.
///
/// Fails where the store can't be written. What can't be read of the folder is in the report.
pub fn apply(
    repo: &Repository,
    mut plan: Plan,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    let total = plan.tree.len() as u64;
    let zone = options.zone.map(|zone| zone.to_string());
    let mut import = Import {
        repo,
        options: *options,
        report: Report::new(plan.tree.clone(), options.dry_run, zone),
        known: HashMap::new(),
        contents: HashSet::new(),
        assigned: HashSet::new(),
        bases: Bases::default(),
        waiting: VecDeque::new(),
    };
    let mut done = 0;
    let mut work = || -> Result<()> {
        plan.each_settled(&mut |settled, files| {
            done += files;
            import.take(settled)?;
            progress(Progress { stage: "files", done, total });
            Ok(())
        })
    };
    match options.dry_run {
        true => work()?,
        false => repo.bulk(work)?,
    }
    // Within the bulk, the last group would wait for more.
    import.wait(0)?;
    let mut report = import.report;
    report.lost = plan.lost().to_vec();
    report.count();
    Ok(report)
}

struct Import<'r> {
    repo: &'r Repository,
    options: Options,
    report: Report,
    /// What this import has seen, and its place among what was taken.
    known: HashMap<Identity, u32>,
    /// The content that it has seen.
    contents: HashSet<BlobHash>,
    /// The versions that it has given.
    assigned: HashSet<Version>,
    /// The versions of what had a name.
    bases: Bases,
    /// What waits for its commit.
    waiting: VecDeque<(u32, Identity, Ticket)>,
}

impl Import<'_> {
    /// Takes in one old snapshot.
    fn take(&mut self, settled: Settled) -> Result<()> {
        let at = self.report.taken.len() as u32;
        for (file, why) in &settled.unread {
            self.report.failures.insert(*file, why.clone());
        }
        let dated = settle::date(&settled.found.when, self.options.zone);
        let found = &settled.found;
        let mut taken = Taken {
            kind: found.kind,
            variant: found.variant.as_str().into(),
            source: found.source,
            outcome: Outcome::Failed,
            version: None,
            notes: settled.notes(),
        };
        // Of a file by itself that can't be read there is nothing to keep.
        let is_nothing = settled.contents.iter().all(|(_, hash, _)| hash.is_none());
        let is_lost = is_nothing && !settled.unread.is_empty();
        if !is_lost {
            self.report.zones_assumed += u64::from(dated.assumed);
            self.report.hashes.add(&settled.checked);
            match self.place(&settled) {
                Err(error) if is_its_own(&error) => taken.notes.push(error.to_string()),
                Err(error) => return Err(error),
                Ok(names::Found::There(version, is_forgotten)) => {
                    if is_forgotten {
                        taken.notes.push("it is there, and forgotten".to_owned());
                    }
                    (taken.outcome, taken.version) = (Outcome::Duplicate, Some(version));
                }
                Ok(names::Found::Free(version)) => {
                    self.known.insert(settled.identity, at);
                    self.assigned.insert(version.clone());
                    self.count_contents(&settled)?;
                    taken.outcome = match found.kind {
                        Kind::Bytes => Outcome::KeptAsBytes,
                        _ => Outcome::Imported,
                    };
                    taken.version = Some(version.clone());
                    if !self.options.dry_run
                        && let Err(why) = self.store(&settled, &version, at)?
                    {
                        taken.outcome = Outcome::Failed;
                        taken.notes.push(why);
                    }
                }
            }
            if let Some(version) = &taken.version {
                self.bases.add(found, version);
            }
        }
        for file in &found.files {
            let owner = &mut self.report.owners[file.index()];
            let before = self.report.taken.get(*owner as usize).map(|taken| taken.outcome);
            // A list of many snapshots is new if one of them is.
            if before.is_none_or(|before| before > taken.outcome) {
                *owner = at;
            }
        }
        self.report.taken.push(taken);
        self.wait(WAITING_MAX)
    }

    /// Finds the snapshot that an old one became, or the version that it gets.
    fn place(&self, settled: &Settled) -> Result<names::Found> {
        let earlier = self.known.get(&settled.identity);
        let earlier = earlier.map(|earlier| &self.report.taken[*earlier as usize]);
        if let Some(version) = earlier.and_then(|earlier| earlier.version.clone()) {
            return Ok(names::Found::There(version, false));
        }
        let taken = |version: &Version| self.assigned.contains(version);
        self.repo.read(|view| names::look(view, settled, &taken))
    }

    fn count_contents(&mut self, settled: &Settled) -> Result<()> {
        let counts = &mut self.report.contents;
        self.repo.read(|view| {
            for (_, hash, bytes) in &settled.contents {
                let Some(hash) = hash else { continue };
                let is_known = !self.contents.insert(*hash) || copy::holds(view.conn, hash)?;
                counts.artifacts += 1;
                counts.bytes += bytes;
                counts.deduplicated += u64::from(is_known);
                counts.deduplicated_bytes += if is_known { *bytes } else { 0 };
            }
            Ok(())
        })
    }

    /// Puts a snapshot into the queue; gives why it can't be stored, where that is its own fault.
    fn store(
        &mut self,
        settled: &Settled,
        version: &Version,
        at: u32,
    ) -> Result<std::result::Result<(), String>> {
        let prepared = match self.prepare(settled, version) {
            Err(error) if is_its_own(&error) => return Ok(Err(error.to_string())),
            prepared => prepared?,
        };
        self.waiting.push_back((at, settled.identity, self.repo.submit(prepared)));
        Ok(Ok(()))
    }

    fn prepare(&self, settled: &Settled, version: &Version) -> Result<crate::store::Prepared> {
        let tree = &self.report.tree;
        let finish = |mut draft: Draft| {
            draft.based_on = self.bases.of(&settled.found);
            draft.base_elsewhere = true;
            let context = draft.context.clone();
            for (at, part) in settled.found.parts.iter().enumerate() {
                let mut stage =
                    |file, hash| staged(self.repo, tree, file, hash, &context, &part.name);
                draft = draft.artifact(settled.artifact(at, &mut stage)?);
            }
            // There is much of it, and `repack` makes it small when there is time.
            self.repo.prepare_with(Effort::Quick, draft.version(version.clone()))
        };
        match finish(settled.draft(tree, self.options.zone, true)) {
            // What it says of itself may be more than user info holds, or nested deeper.
            Err(Error::Invalid { what: "user info", .. } | Error::TooLarge { .. }) => {
                finish(settled.draft(tree, self.options.zone, false))
            }
            prepared => prepared,
        }
    }

    /// Waits until no more than so many snapshots wait for their commit.
    fn wait(&mut self, left: usize) -> Result<()> {
        while let Some((at, identity, mut ticket)) = self.waiting.pop_front() {
            let told = match self.waiting.len() >= left {
                true => Some(ticket.wait()),
                false => match ticket.poll() {
                    None => {
                        self.waiting.push_front((at, identity, ticket));
                        return Ok(());
                    }
                    told => told,
                },
            };
            if let Some(told) = told {
                self.ended(at, identity, told)?;
            }
        }
        Ok(())
    }

    fn ended(&mut self, at: u32, identity: Identity, told: Result<Receipt>) -> Result<()> {
        let taken = &mut self.report.taken[at as usize];
        match told {
            Ok(receipt) if receipt.forgotten => {
                let note = "what is kept in its place does not keep it: it was forgotten at once";
                taken.notes.push(note.to_owned());
            }
            Ok(_) => {}
            // Another import of the same folder was faster.
            Err(Error::VersionExists { version })
                if self.repo.read(|view| names::is(view, &version, identity))? =>
            {
                taken.outcome = Outcome::Duplicate;
            }
            Err(error) if is_its_own(&error) => {
                taken.outcome = Outcome::Failed;
                taken.notes.push(error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether an error is of one snapshot, so that others can be stored.
fn is_its_own(error: &Error) -> bool {
    matches!(
        error,
        Error::Invalid { .. }
            | Error::TooLarge { .. }
            | Error::VersionExists { .. }
            | Error::NotFound { .. }
            | Error::Io { .. }
    )
}

/// Stages a file that is not held, which must still be what it was when it was hashed.
pub(crate) fn staged(
    repo: &Repository,
    tree: &Tree,
    file: FileId,
    hash: BlobHash,
    context: &crate::model::context::Context,
    name: &crate::model::id::ArtifactName,
) -> Result<Staged> {
    let changed = |why: String| Error::Io {
        path: tree.path(file).into(),
        source: std::io::Error::other(why),
    };
    let mut stream = tree.stream(file).map_err(|why| changed(why.to_string()))?;
    let staged = repo.stage_apart(context, name, &mut stream)?;
    stream.end().map_err(|why| changed(why.to_string()))?;
    match &staged.0 {
        Given::Staged { hash: read, .. } if *read != hash => {
            Err(changed("it changed while it was read".to_owned()))
        }
        _ => Ok(staged),
    }
}
