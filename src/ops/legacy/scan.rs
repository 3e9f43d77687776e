//! What a folder holds, before anything is done with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Result;
use crate::ops::legacy::files::Aside;
use crate::ops::legacy::found::Kind;
use crate::ops::legacy::look::Look;
use crate::ops::legacy::plan::Plan;
use crate::ops::progress::Progress;

/// Old snapshots of one kind and variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kinds {
    /// The word for the kind.
    pub kind: &'static str,
    /// Which writer or generation.
    pub variant: String,
    /// How many snapshots there are.
    pub snapshots: u64,
    /// How many files belong to them.
    pub files: u64,
    /// Bytes of those.
    pub bytes: u64,
}

/// A file, and what it was recognised as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Seen {
    /// Its path within the folder.
    pub path: String,
    /// What it belongs to.
    pub kind: &'static str,
    /// Which writer or generation of that.
    pub variant: String,
    /// Its size.
    pub bytes: u64,
    /// Why it would be kept as bytes, or that it can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Scan {
    /// The folder, as it was given.
    pub folder: PathBuf,
    /// Files in it.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Old snapshots in it.
    pub snapshots: u64,
    /// Files that can't be read, and old snapshots that can't be read in files that can.
    pub unread: u64,
    /// What is in it, kind by kind.
    pub kinds: Vec<Kinds>,
    /// What is no file that could be read: links, folders that can't be listed.
    pub passed_over: Vec<Aside>,
}

impl Scan {
    /// Whether everything could be looked at.
    pub fn is_whole(&self) -> bool {
        self.unread == 0 && self.passed_over.iter().all(|aside| aside.is_link)
    }
}

/// Tells what a folder holds, and gives each file to `seen`, once. Nothing is changed; `own` are
/// files of ours that are passed over, such as a [store's](super::files_of).
///
/// Fails with `Io` where the folder can't be read.
pub fn scan(
    folder: impl AsRef<Path>,
    own: &[PathBuf],
    seen: &mut dyn FnMut(Seen),
    progress: &mut dyn FnMut(Progress),
) -> Result<Scan> {
    let mut plan = Plan::of(folder.as_ref(), own, progress)?;
    let tree = plan.tree.clone();
    let (total, mut done) = (tree.len() as u64, 0);
    let mut snapshots = 0;
    let mut kinds: BTreeMap<(Kind, String), (u64, u64, u64)> = BTreeMap::new();
    let unread: Vec<bool> = tree.ids().map(|file| plan.look(file) == Look::Unread).collect();
    plan.each(&mut |item| {
        let found = item.found;
        snapshots += 1;
        let counts = kinds.entry((found.kind, found.variant.clone())).or_default();
        counts.0 += 1;
        let reason = match found.kind {
            Kind::Bytes => Some(found.problems.join("; ")),
            _ => None,
        };
        for file in item.files {
            done += 1;
            let bytes = tree.size(file);
            counts.1 += 1;
            counts.2 += bytes;
            seen(Seen {
                path: tree.path(file),
                kind: found.kind.as_str(),
                variant: found.variant.clone(),
                bytes,
                reason: reason.clone(),
            });
        }
        progress(Progress { stage: "files", done, total });
        Ok(())
    })?;
    let told = |((kind, variant), (snapshots, files, bytes)): ((Kind, String), _)| Kinds {
        kind: kind.as_str(),
        variant,
        snapshots,
        files,
        bytes,
    };
    Ok(Scan {
        folder: folder.as_ref().to_owned(),
        files: total,
        bytes: tree.bytes(),
        snapshots,
        unread: unread.iter().filter(|unread| **unread).count() as u64
            + plan.lost().iter().map(|lost| lost.count).sum::<u64>(),
        kinds: kinds.into_iter().map(told).collect(),
        passed_over: tree.asides().to_vec(),
    })
}
