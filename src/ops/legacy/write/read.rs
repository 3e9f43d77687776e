//! Reading back the folders that were written here.

use std::path::Path;

use crate::error::{Corruption, Error, Result};
use crate::model::id::Version;
use crate::model::snapshot::Draft;
use crate::ops::legacy::declared::Checked;
use crate::ops::legacy::found::{Content, Kind, When};
use crate::ops::legacy::plan::Plan;
use crate::ops::legacy::{import, ours, settle};
use crate::ops::progress::Progress;
use crate::store::Repository;

/// A store of the snapshots whose folders lie in a folder, each the same in everything as the one that
/// was written. It is gone with its last handle.
///
/// Fails with `NotAStore` where there are none, and with `Corrupt` where one is not as it was written.
pub(crate) fn archive_of(folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Repository> {
    let mut plan = Plan::of(folder, &[], progress)?;
    let tree = plan.tree.clone();
    let archive = Repository::temporary()?;
    let mut count = 0;
    plan.each(&mut |item| {
        let found = item.found;
        if found.kind != Kind::Bundle || found.variant != ours::VARIANT {
            return Ok(());
        }
        count += 1;
        let path = tree.path(found.source);
        let version = found.version.as_deref().unwrap_or_default().parse::<Version>()?;
        let problem = found.problems.first().cloned();
        let settled = settle::settle(&tree, found);
        let unread =
            settled.unread.first().map(|(file, why)| format!("{}: {why}", tree.path(*file)));
        let differs = settled.checked.iter().find(|it| it.agrees != Some(true));
        let detail = problem.or(unread).or_else(|| differs.and_then(Checked::problem));
        if let Some(detail) = detail {
            return Err(Error::Corrupt(Corruption {
                version: Some(version),
                artifact: None,
                blob: None,
                detail: format!("{path}: {detail}"),
            }));
        }
        let found = &settled.found;
        let mut draft =
            Draft::new().version(version).context(found.context.clone()).status(found.status);
        if let When::At(time) = found.when {
            draft = draft.at(time);
        }
        draft.tags.extend(found.tags.iter().cloned());
        draft.description.clone_from(&found.description);
        draft.user_info.clone_from(&found.info);
        draft.based_on = found.based_on.as_deref().map(str::parse).transpose()?;
        draft.base_elsewhere = true;
        for at in 0..found.parts.len() {
            // The file that tells of it is no part of it.
            if found.parts[at].content == Content::File(found.source) {
                continue;
            }
            let context = &draft.context;
            let name = &found.parts[at].name;
            let artifact = settled.artifact(at, &mut |file, hash| {
                import::staged(&archive, &tree, file, hash, context, name)
            })?;
            draft = draft.artifact(artifact);
        }
        archive.create(draft).map(drop)
    })?;
    if count == 0 {
        let why = "a folder without a snapshot that was exported as one; `tintype legacy import` \
                   takes in folders of other programs";
        return Err(Error::NotAStore { path: folder.to_owned(), why: why.to_owned() });
    }
    Ok(archive)
}
