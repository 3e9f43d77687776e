//! Putting a backup back.
//!
//! The backup is checked, and copied to where the store is; the copy gets an event that tells of it.
//! Then, while nobody else can write, the store is compared with it and copied as it stands, and all
//! pages of the copy become those of the store in one transaction. So whoever holds the store goes on
//! with what it holds now, as after any other change.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::{Backup, Examined, STORE, Taken};
use crate::error::{Corruption, Error, Result};
use crate::model::time::{Clock, SystemClock};
use crate::ops::progress::Progress;
use crate::ops::verify::Depth;
use crate::store::backup::{self, Making, State};
use crate::store::{Builder, Repository, View, replace};

/// Why a store that is damaged is not replaced unless that is said to be meant.
const UNTOLD: &str = "what restoring would lose can't be told, so it has to be forced";

/// What is done with what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Options {
    /// Whether snapshots that came after the backup may be lost to the store. They are in the copy of
    /// it that is kept.
    pub force: bool,
    /// Whether nothing is written: the report tells what would be lost.
    pub dry_run: bool,
    /// The folder for the copy of the store as it was, which has to be there; that of its backups
    /// unless told.
    pub keep_in: Option<PathBuf>,
}

impl Options {
    /// Lets newer snapshots be lost to the store.
    pub fn forced() -> Self {
        Options { force: true, ..Options::default() }
    }

    /// Tells what would be lost, and does nothing.
    pub fn dry_run(self) -> Self {
        Options { dry_run: true, ..self }
    }

    /// Keeps the copy of the store as it was in this folder.
    pub fn keep_in(self, folder: impl Into<PathBuf>) -> Self {
        Options { keep_in: Some(folder.into()), ..self }
    }
}

/// What a restore came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Restored {
    /// The backup, where a note tells of it.
    pub backup: Option<Backup>,
    /// Where it is.
    pub from: PathBuf,
    /// Snapshots that the store holds now, without the forgotten ones.
    pub snapshots: u64,
    /// Snapshots that came after the backup, forgotten ones too; nothing where that can't be told.
    pub lost_snapshots: Option<u64>,
    /// Changes that came after the backup.
    pub lost_events: Option<u64>,
    /// The backup of the store as it was.
    pub kept: Option<Backup>,
    /// Where the store as it was is now.
    pub kept_at: Option<PathBuf>,
}

/// Puts a backup, or any other copy of the store, in the place of what the store holds. Whoever holds
/// the store, here or in other processes, finds that in the next view or transaction. Writers wait
/// meanwhile, and get `Locked` where they don't wait as long as it takes. The log goes on from that of the backup, with an event that tells of the restore.
///
/// Room is needed for the store as it was, for a copy of the backup, and for one in the log.
///
/// Fails with `NewerSnapshots` where snapshots would be lost and that is not said to be meant, with
/// `Corrupt` where the backup is damaged, with `Invalid` where it is of another store, with
/// `NewerStore` where a newer version wrote it. Then the store is as it was.
pub fn restore(
    repo: &Repository,
    backup: impl AsRef<Path>,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored> {
    let path = backup.as_ref();
    if repo.in_file() && replace::real(path) == repo.path() {
        return Err(Error::invalid("backup", path.display(), "it is the store itself"));
    }
    if repo.is_frozen() {
        let why = "the file, or the folder that it is in, may not be written".to_owned();
        return Err(Error::ReadOnly { path: repo.path().to_owned(), why });
    }
    let (mut restored, from) = checked(path, progress)?;
    let there = from.read(|view| backup::state(view.conn))?;
    let here = repo.read(|view| backup::state(view.conn));
    match here {
        Ok(here) => backup::same_store(&here.store, &there.store, path)?,
        // What its own id is can't be read, so nobody can tell that it is another.
        Err(Error::Corrupt(_)) if options.force => {}
        Err(error) => return Err(error),
    }
    repo.read(|view| restored.compare(view, &from, options))?;
    if options.dry_run {
        return Ok(restored);
    }
    let told_to = options.keep_in.as_deref();
    let beside = path.parent().and_then(Path::parent).filter(|_| !repo.in_file());
    let folder = super::folder(repo, told_to.or(beside))?;
    let making = Making::within(&folder)?;
    let copy = making.path(STORE);
    let mut pages = |done, total| progress(Progress { stage: "pages", done, total });
    from.read(|view| backup::copy(view.conn, &copy, &mut pages))?;
    let mut kept = None;
    let prepared = repo.open_copy(&copy)?;
    let mut pages = |done, total| progress(Progress { stage: "pages", done, total });
    let mut ignored = |_: Progress| {};
    repo.put_back(
        &copy,
        |view| {
            restored.compare(view, &from, options)?;
            let aside = keep(repo, view, &folder, &restored.name(), &mut ignored)?;
            let state = backup::state(view.conn).ok();
            let last = state.as_ref().map_or(there.last_blob, |state| state.last_blob);
            restored.note(&prepared, state.as_ref(), last, Some(&aside))?;
            kept = Some(aside);
            prepared.flush()
        },
        &mut pages,
    )?;
    drop(prepared);
    restored.kept_at = kept.as_ref().map(|kept| folder.join(&kept.id).join(STORE));
    restored.kept = kept;
    Ok(restored)
}

/// Puts a backup where a store was lost: where nothing is, or what can't be opened any more, which
/// stays beside it under another name.
///
/// What is lost of the latter can't be told, so that it has to be [said](Options::force) that it may
/// be. Fails with `Locked` where somebody has it open, and with `StoreExists` where it can be opened
/// after all: then [`restore()`] is for it.
pub fn restore_lost(
    path: impl AsRef<Path>,
    backup: impl AsRef<Path>,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored> {
    let (path, backup) = (&replace::real(path.as_ref()), backup.as_ref());
    let is_there = match Builder::default().open_untouched(path) {
        Ok(_) => return Err(Error::StoreExists { path: path.clone() }),
        Err(Error::NoStore { .. }) => false,
        Err(Error::Corrupt(_) | Error::NotAStore { .. }) if options.force => true,
        Err(Error::Corrupt(damage)) => {
            let detail = format!("{damage}; {UNTOLD}");
            return Err(Error::Corrupt(Corruption { detail, ..damage }));
        }
        Err(Error::NotAStore { path, why }) => {
            return Err(Error::NotAStore { path, why: format!("{why}; {UNTOLD}") });
        }
        Err(error) => return Err(error),
    };
    let (mut restored, from) = checked(backup, progress)?;
    restored.lost_snapshots = (!is_there).then_some(0);
    restored.lost_events = (!is_there).then_some(0);
    if options.dry_run {
        return Ok(restored);
    }
    let mut pages = |done, total| progress(Progress { stage: "pages", done, total });
    let mut make = |made: &Path| {
        from.read(|view| backup::copy(view.conn, made, &mut pages))?;
        backup::set_journal(made, "WAL")?;
        let repo = Builder::default().open(made)?;
        // Numbers of content that was lost are in nobody's hands any more.
        restored.note(&repo, None, 0, None)?;
        repo.close()
    };
    if is_there {
        let stamp = replace::Stamp::of(path);
        let aside = replace::replace(path, &stamp, SystemClock.now(), true, make)?;
        restored.kept_at = Some(aside);
    } else {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let making = Making::within(folder.unwrap_or(Path::new(".")))?;
        let made = making.path(STORE);
        make(&made)?;
        backup::found(&made, path)?;
    }
    Ok(restored)
}

/// Looks at a backup, and opens it where it is whole.
fn checked(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(Restored, Repository)> {
    let Examined { report, store } = super::examine(path, false, progress)?;
    if let Some(first) = report.problems.into_iter().next() {
        let place = path.display().to_string();
        let detail = match first.detail.contains(&place) {
            true => first.detail,
            false => format!("{place}: {}", first.detail),
        };
        return Err(Error::Corrupt(Corruption {
            version: first.version,
            artifact: first.artifact,
            blob: first.hash,
            detail,
        }));
    }
    let store = store.ok_or_else(|| backup::damaged(path, "it can't be opened"))?;
    let restored = Restored {
        backup: report.backup,
        from: path.to_owned(),
        snapshots: store.read(|view| backup::state(view.conn))?.snapshots,
        lost_snapshots: None,
        lost_events: None,
        kept: None,
        kept_at: None,
    };
    Ok((restored, store))
}

impl Restored {
    /// What it is called.
    fn name(&self) -> String {
        match &self.backup {
            Some(backup) => backup.id.clone(),
            None => self.from.display().to_string(),
        }
    }

    /// Compares the store with the backup, and fails where more would be lost than may be.
    fn compare(&mut self, view: &View<'_>, from: &Repository, options: &Options) -> Result<()> {
        let compared = from.read(|there| {
            let common = backup::common(view.conn, there.conn)?;
            backup::since(view.conn, common)
        });
        match compared {
            Ok((snapshots, events)) => {
                (self.lost_snapshots, self.lost_events) = (Some(snapshots), Some(events));
            }
            Err(Error::Corrupt(_)) if options.force => {}
            Err(Error::Corrupt(damage)) => {
                let detail = format!("{damage}; {UNTOLD}");
                return Err(Error::Corrupt(Corruption { detail, ..damage }));
            }
            Err(error) => return Err(error),
        }
        match self.lost_snapshots {
            Some(snapshots) if snapshots > 0 && !options.force && !options.dry_run => {
                Err(Error::NewerSnapshots { backup: self.from.clone(), snapshots })
            }
            _ => Ok(()),
        }
    }

    /// Notes in the log of the copy that it takes the place of a store in this state, where that is
    /// known, of which another copy is kept.
    fn note(
        &self,
        copy: &Repository,
        replaced: Option<&State>,
        last_blob: i64,
        kept: Option<&Backup>,
    ) -> Result<()> {
        let taken = self.backup.as_ref();
        let detail = json!({
            "backup": taken.map(|backup| &backup.id),
            "created_at": taken.map(|backup| backup.created_at),
            "from": self.from.display().to_string(),
            "replaced": replaced.map(|state| json!({
                "event": state.head.seq,
                "chain": backup::hex(&state.head.chain),
            })),
            "lost_snapshots": self.lost_snapshots,
            "lost_events": self.lost_events,
            "kept": kept.map(|backup| &backup.id),
        });
        copy.write(|tx| {
            backup::skip_numbers(tx.conn, last_blob)?;
            tx.note_restore(&detail)
        })
    }
}

/// Copies the store as it stands, for who wants it back. It is not checked: it may be damaged, and
/// others wait.
fn keep(
    repo: &Repository,
    view: &View<'_>,
    folder: &Path,
    name: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<Backup> {
    let making = Making::within(folder)?;
    backup::copy(view.conn, &making.path(STORE), &mut |_, _| {})?;
    let state = backup::state(view.conn)?;
    let description = Some(format!("before {name} was restored"));
    let replaced_by = Some(name.to_owned());
    let taken = Taken { description, replaced_by, checked: Depth::Quick, state };
    super::seal(repo.now(), making, taken, progress)
}
