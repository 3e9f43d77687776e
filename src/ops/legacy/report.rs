//! What became of a folder, file by file.
//!
//! **Invariant:** each file is counted once, so that `imported`, `duplicates`, `kept_as_bytes` and
//! `failed` add up to `scanned`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::model::id::Version;
use crate::ops::legacy::declared::Checked;
use crate::ops::legacy::files::{Aside, FileId, Tree};
use crate::ops::legacy::found::Kind;
use crate::ops::legacy::plan::Lost;

/// What became of a file or of an old snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is in the store now.
    Imported,
    /// It was in the store already, or is there once for several that are equal.
    Duplicate,
    /// It was not understood, and is in the store as the bytes that it is.
    KeptAsBytes,
    /// It is not in the store.
    Failed,
}

impl Outcome {
    /// The word for it, in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Imported => "imported",
            Outcome::Duplicate => "duplicate",
            Outcome::KeptAsBytes => "kept_as_bytes",
            Outcome::Failed => "failed",
        }
    }
}

/// How many there are of each outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// All.
    pub scanned: u64,
    /// Those that are in the store now.
    pub imported: u64,
    /// Those that were there already.
    pub duplicates: u64,
    /// Those that are there as bytes now.
    pub kept_as_bytes: u64,
    /// Those that are not.
    pub failed: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.scanned += 1;
        *match outcome {
            Outcome::Imported => &mut self.imported,
            Outcome::Duplicate => &mut self.duplicates,
            Outcome::KeptAsBytes => &mut self.kept_as_bytes,
            Outcome::Failed => &mut self.failed,
        } += 1;
    }
}

/// How many declared hashes came out how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Hashes {
    /// Those that are the true ones.
    pub agree: u64,
    /// Those that are not.
    pub differ: u64,
    /// Those that can't be made again.
    pub unknowable: u64,
}

impl Hashes {
    pub(crate) fn add(&mut self, checked: &[Checked]) {
        for one in checked {
            *match one.agrees {
                Some(true) => &mut self.agree,
                Some(false) => &mut self.differ,
                None => &mut self.unknowable,
            } += 1;
        }
    }
}

/// How much content there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Contents {
    /// Artifacts with content.
    pub artifacts: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Those whose content was there already, so that nothing was added for it.
    pub deduplicated: u64,
    /// Bytes of those.
    pub deduplicated_bytes: u64,
}

/// An old snapshot, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) kind: Kind,
    pub(crate) variant: Box<str>,
    pub(crate) source: FileId,
    pub(crate) outcome: Outcome,
    /// Its version; in a dry run the one that it would have got.
    pub(crate) version: Option<Version>,
    pub(crate) notes: Vec<String>,
}

/// What became of a folder.
///
/// As JSON it tells `items`, an object for each file with `path`, `outcome`, `kind`, `version` and
/// `reason`, and `notes`, an object for each snapshot that has some.
#[derive(Debug)]
pub struct Report {
    pub(crate) tree: Arc<Tree>,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The zone in which clocks were read that told none, where one was given.
    pub zone: Option<String>,
    /// Snapshots whose time told no zone, so that UTC was assumed.
    pub zones_assumed: u64,
    /// The files.
    pub files: Counts,
    /// The snapshots that were found.
    pub snapshots: Counts,
    /// The snapshots of each kind and variant.
    pub kinds: BTreeMap<(&'static str, String), Counts>,
    /// Their content.
    pub contents: Contents,
    /// The hashes that were declared.
    pub hashes: Hashes,
    pub(crate) taken: Vec<Taken>,
    /// The snapshot that a file belongs to, by its place in `taken`.
    pub(crate) owners: Vec<u32>,
    pub(crate) failures: BTreeMap<FileId, String>,
    /// What could not be read of files that are kept for what else is in them.
    pub(crate) lost: Vec<Lost>,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Item {
    /// Its path within the folder.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What it was found as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The snapshot that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Why it failed, or is kept as bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is to be said of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Note {
    /// The file that stands for it.
    pub path: String,
    /// What it was found as.
    pub kind: &'static str,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// What is not as it should be, in words.
    pub notes: Vec<String>,
}

/// The variant of old snapshots that can't be read, in a file that is kept for what else is in it.
const UNREADABLE: &str = "unreadable";

/// The owner of a file that belongs to no snapshot.
pub(crate) const NOBODY: u32 = u32::MAX;

impl Report {
    pub(crate) fn new(tree: Arc<Tree>, dry_run: bool, zone: Option<String>) -> Self {
        Report {
            dry_run,
            zone,
            zones_assumed: 0,
            files: Counts::default(),
            snapshots: Counts::default(),
            kinds: BTreeMap::new(),
            contents: Contents::default(),
            hashes: Hashes::default(),
            taken: Vec::new(),
            owners: vec![NOBODY; tree.len()],
            failures: BTreeMap::new(),
            lost: Vec::new(),
            tree,
        }
    }

    /// Whether everything is in the store: no file and no snapshot failed, and nothing could not be
    /// looked at.
    pub fn is_whole(&self) -> bool {
        let failed = self.files.failed + self.snapshots.failed;
        failed == 0 && self.asides().iter().all(|aside| aside.is_link)
    }

    /// The folder, as it was given.
    pub fn folder(&self) -> &std::path::Path {
        self.tree.root()
    }

    /// What is in the folder and is no file that could be read: links, folders that can't be
    /// listed.
    pub fn asides(&self) -> &[Aside] {
        self.tree.asides()
    }

    /// What became of each file, in the order of the folder.
    pub fn items(&self) -> impl Iterator<Item = Item> + '_ {
        self.tree.ids().map(|file| self.item(file))
    }

    fn item(&self, file: FileId) -> Item {
        let path = self.tree.path(file);
        let taken = self.taken.get(self.owners[file.index()] as usize);
        let outcome = self.outcome(file);
        let reason = self.failures.get(&file).cloned().or_else(|| {
            taken
                .filter(|taken| taken.kind == Kind::Bytes || taken.outcome == Outcome::Failed)
                .map(|taken| taken.notes.join("; "))
        });
        let kind = taken.map(|taken| taken.kind.as_str());
        let version = taken.filter(|_| outcome != Outcome::Failed);
        Item { path, outcome, kind, version: version.and_then(|t| t.version.clone()), reason }
    }

    pub(crate) fn outcome(&self, file: FileId) -> Outcome {
        match self.taken.get(self.owners[file.index()] as usize) {
            _ if self.failures.contains_key(&file) => Outcome::Failed,
            None => Outcome::Failed,
            Some(taken) => taken.outcome,
        }
    }

    /// What is to be said of snapshots; those that are kept as bytes say it with their file.
    pub fn notes(&self) -> impl Iterator<Item = Note> + '_ {
        let said = |taken: &&Taken| taken.kind != Kind::Bytes && !taken.notes.is_empty();
        let taken = self.taken.iter().filter(said).map(|taken| Note {
            path: self.tree.path(taken.source),
            kind: taken.kind.as_str(),
            version: taken.version.clone(),
            notes: taken.notes.clone(),
        });
        taken.chain(self.lost.iter().map(|lost| Note {
            path: self.tree.path(lost.source),
            kind: lost.kind.as_str(),
            version: None,
            notes: vec![format!("{} in it can't be read: {}", lost.count, lost.why)],
        }))
    }

    /// Counts what became of the files and the snapshots.
    pub(crate) fn count(&mut self) {
        self.files = Counts::default();
        for file in self.tree.ids() {
            let outcome = self.outcome(file);
            self.files.add(outcome);
        }
        self.snapshots = Counts::default();
        self.kinds.clear();
        for taken in &self.taken {
            self.snapshots.add(taken.outcome);
            let kind = (taken.kind.as_str(), taken.variant.to_string());
            self.kinds.entry(kind).or_default().add(taken.outcome);
        }
        for lost in &self.lost {
            let kind = (lost.kind.as_str(), UNREADABLE.to_owned());
            for counts in [&mut self.snapshots, self.kinds.entry(kind).or_default()] {
                counts.scanned += lost.count;
                counts.failed += lost.count;
            }
        }
    }
}

/// A list that is written as it is made.
struct Listed<F>(F);

impl<T: Serialize, I: Iterator<Item = T>, F: Fn() -> I> Serialize for Listed<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for item in (self.0)() {
            list.serialize_element(&item)?;
        }
        list.end()
    }
}

#[derive(Serialize)]
struct KindTold<'r> {
    kind: &'static str,
    variant: &'r str,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize)]
struct AsideTold<'r> {
    path: &'r str,
    why: &'r str,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut told = serializer.serialize_map(None)?;
        told.serialize_entry("folder", &self.tree.root().to_string_lossy())?;
        told.serialize_entry("dry_run", &self.dry_run)?;
        told.serialize_entry("scanned", &self.files.scanned)?;
        told.serialize_entry("imported", &self.files.imported)?;
        told.serialize_entry("duplicates", &self.files.duplicates)?;
        told.serialize_entry("kept_as_bytes", &self.files.kept_as_bytes)?;
        told.serialize_entry("failed", &self.files.failed)?;
        told.serialize_entry("snapshots", &self.snapshots)?;
        let kinds = || {
            self.kinds.iter().map(|((kind, variant), counts)| KindTold {
                kind,
                variant,
                counts: *counts,
            })
        };
        told.serialize_entry("kinds", &Listed(kinds))?;
        told.serialize_entry("contents", &self.contents)?;
        told.serialize_entry("hashes", &self.hashes)?;
        told.serialize_entry("zone", &self.zone)?;
        told.serialize_entry("zones_assumed", &self.zones_assumed)?;
        let asides =
            || self.asides().iter().map(|aside| AsideTold { path: &aside.path, why: &aside.why });
        told.serialize_entry("passed_over", &Listed(asides))?;
        told.serialize_entry("items", &Listed(|| self.items()))?;
        told.serialize_entry("notes", &Listed(|| self.notes()))?;
        told.end()
    }
}
