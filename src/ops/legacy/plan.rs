//! A folder looked through: what is in it, and one old snapshot of it after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use serde_json::json;

use crate::error::{Error, Result};
use crate::model::artifact::media_type_of;
use crate::model::id::ArtifactName;
use crate::ops::legacy::adaptive::AdaptiveReader;
use crate::ops::legacy::bundles::BundleReader;
use crate::ops::legacy::exports::ExportReader;
use crate::ops::legacy::files::{FileId, Tree};
use crate::ops::legacy::flat::{self, FlatReader};
use crate::ops::legacy::found::{Content, Found, Kind, Part, When};
use crate::ops::legacy::look::{Candidates, Look};
use crate::ops::legacy::registry::RegistryReader;
use crate::ops::legacy::selector_engine::SelectorReader;
use crate::ops::legacy::session::SessionReader;
use crate::ops::legacy::settle::{self, Settled};
use crate::ops::legacy::{Reader, Unit, limits};
use crate::ops::progress::Progress;

/// The most snapshots that are read before they are dealt with.
const READY_MAX: usize = 4;

/// How much of the reasons is told where many things in one file can't be read.
const REASON_BYTES: usize = 1_000;

/// A folder looked through, ready to be taken in.
pub struct Plan {
    pub(crate) tree: Arc<Tree>,
    looks: Candidates,
    units: Vec<(u8, Unit)>,
    readers: Vec<Box<dyn Reader + Send>>,
    lost: Vec<Lost>,
}

/// Old snapshots in a file that can't be read.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    /// The file.
    pub(crate) source: FileId,
    pub(crate) kind: Kind,
    /// How many they are.
    pub(crate) count: u64,
    /// Why; of very many what the first say.
    pub(crate) why: String,
}

impl Lost {
    fn add(&mut self, why: &str) {
        self.count += 1;
        if self.why.len() < REASON_BYTES {
            let between = if self.why.is_empty() { "" } else { "; " };
            let why: String = why.chars().take(REASON_BYTES).collect();
            self.why = format!("{}{between}{why}", self.why);
        }
    }
}

/// Something that was found, as [`Plan::each`] gives it.
pub(crate) struct Item {
    pub(crate) found: Found,
    /// The files that it is the first to account for.
    pub(crate) files: Vec<FileId>,
}

impl Plan {
    /// Looks through a folder; nothing is changed. `own` are files of ours that may lie in it and
    /// are passed over, such as the store.
    ///
    /// Fails with `Io` where the folder can't be read.
    pub fn of(root: &Path, own: &[PathBuf], progress: &mut dyn FnMut(Progress)) -> Result<Plan> {
        let mut told = |stage, done, total| progress(Progress { stage, done, total });
        let tree = Tree::walk(root, own, &mut |files| told("files found", files, 0))?;
        let total = tree.len() as u64;
        let mut looks = Candidates::of(&tree, &mut |done| {
            // Each look is a read; to tell of it costs as much.
            if done % 64 == 0 || done == total {
                told("files looked at", done, total);
            }
        });
        let mut readers = readers();
        let mut units = Vec::new();
        for (at, reader) in readers.iter_mut().enumerate() {
            let found = reader.scan(&tree, &mut looks);
            units.extend(found.into_iter().map(|unit| (at as u8, unit)));
        }
        Ok(Plan { tree: Arc::new(tree), looks, units, readers, lost: Vec::new() })
    }

    /// The folder.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What a file looks like.
    pub fn look(&self, file: FileId) -> Look {
        self.looks.look(file)
    }

    /// Reads one old snapshot after the other, then what is left over, each file of which is one. What
    /// can't be read of a file that is accounted for otherwise is [lost](Plan::lost) afterwards.
    pub(crate) fn each(&mut self, visit: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
        let mut claimed = vec![false; self.tree.len()];
        let mut refused: BTreeMap<FileId, Lost> = BTreeMap::new();
        self.lost.clear();
        for (reader, unit) in &self.units {
            let Some(reader) = self.readers.get_mut(usize::from(*reader)) else { continue };
            let read = reader.read(&self.tree, *unit);
            let (files, why) = match read.map(|found| (limits::check(&found), found)) {
                Ok((Ok(()), mut found)) => {
                    limits::clip(&mut found);
                    found.account();
                    let files = claim(&mut claimed, &found);
                    visit(Item { found, files })?;
                    continue;
                }
                Ok((Err(why), found)) => (found.files, why),
                Err(why) => (vec![unit.source], why),
            };
            for file in files {
                let new = || Lost { source: file, kind: unit.kind, count: 0, why: String::new() };
                refused.entry(file).or_insert_with(new).add(&why);
            }
        }
        for file in self.tree.ids() {
            if claimed[file.index()] {
                continue;
            }
            let look = self.looks.look(file);
            let found = match (refused.remove(&file), look) {
                (None, Look::Html | Look::Png) => flat::orphan(&self.tree, file, look)?,
                (Some(lost), _) => bytes(&self.tree, file, lost.why)?,
                (None, look) => bytes(&self.tree, file, unknown(look))?,
            };
            let files = claim(&mut claimed, &found);
            visit(Item { found, files })?;
        }
        self.lost.extend(refused.into_values());
        Ok(())
    }

    /// What could not be read of files that are kept for what else is in them: known once
    /// [all was read](Plan::each).
    pub(crate) fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// Reads one old snapshot after the other with its content, on a thread of its own: while one
    /// is dealt with here, the next are read there. With each comes how many files it is the first
    /// to account for.
    pub(crate) fn each_settled(
        &mut self,
        visit: &mut dyn FnMut(Settled, u64) -> Result<()>,
    ) -> Result<()> {
        let tree = self.tree.clone();
        std::thread::scope(|scope| {
            let (send, ready) = sync_channel(READY_MAX);
            let read = move || {
                self.each(&mut |item| {
                    let files = item.files.len() as u64;
                    let settled = settle::settle(&tree, item.found);
                    // Whoever takes no more has told why.
                    send.send((settled, files)).map_err(|_| stopped())
                })
            };
            let name = "tintype-legacy".to_owned();
            let reading = std::thread::Builder::new().name(name).spawn_scoped(scope, read);
            let reading = reading.map_err(|source| Error::Database {
                doing: "starting the thread that reads",
                source: Box::new(source),
            })?;
            for (settled, files) in ready {
                visit(settled, files)?;
            }
            match reading.join() {
                Ok(read) => read,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

fn stopped() -> Error {
    Error::Database { doing: "reading a folder", source: "what was read is not taken".into() }
}

/// All readers. Who comes first takes first: what belongs together by where it lies comes before
/// what stands by itself.
fn readers() -> Vec<Box<dyn Reader + Send>> {
    vec![
        Box::new(RegistryReader::default()),
        Box::new(BundleReader::default()),
        Box::new(FlatReader),
        Box::new(SelectorReader),
        Box::new(SessionReader),
        Box::new(AdaptiveReader::default()),
        Box::new(ExportReader),
    ]
}

/// Notes that the files of a snapshot are accounted for; gives those that were not before.
fn claim(claimed: &mut [bool], found: &Found) -> Vec<FileId> {
    let mut new = Vec::with_capacity(found.files.len());
    for file in &found.files {
        if !std::mem::replace(&mut claimed[file.index()], true) {
            new.push(*file);
        }
    }
    new
}

/// Why a file that looks so is kept as bytes.
fn unknown(look: Look) -> String {
    match look {
        Look::Empty => "nothing is in it",
        Look::Unread => "it can't be read",
        Look::Json => "JSON of no form that is known",
        Look::Gzip => "in gzip there is nothing that is known",
        Look::Sqlite => "an SQLite file of no form that is known",
        Look::Pickle => "a pickle by itself",
        Look::SelectorIndex | Look::Registry | Look::RegistryEntry => {
            "a list of snapshots that are not there"
        }
        _ => "of no form that is known",
    }
    .to_owned()
}

/// A file that is kept as the bytes that it is.
fn bytes(tree: &Tree, source: FileId, why: String) -> Result<Found> {
    let name = tree.name(source);
    let mut found = Found::new(Kind::Bytes, source, When::Changed(tree.modified(source)));
    found.variant = "file".to_owned();
    found.metadata = json!({"name": name});
    let artifact = ArtifactName::data();
    found.parts.push(Part::new(artifact.as_str(), media_type_of(&name), Content::File(source))?);
    found.key = name;
    found.problems.push(why);
    Ok(found)
}
