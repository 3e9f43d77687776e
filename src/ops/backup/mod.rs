//! `backup`: whole copies of a store, taken while others write, and put back.
//!
//! A backup is a folder, named by its id, with a store in it and a [note](Backup) of what that is:
//! when and of which store it was taken, how far the log had come, what it holds, and the hash of the
//! file. It is made under another name, read back and checked, and gets its name last.
//!
//! ```
//! use tintype::ops::backup::{self, Options, RestoreOptions};
//! use tintype::{Draft, Repository};
//!
//! let repo = Repository::temporary()?;
//! let made = backup::create(&repo, &Options::default().describe("empty"), &mut |_| {})?;
//! repo.create(Draft::text("wrong"))?;
//!
//! let path = backup::find(backup::folder_of(repo.path()), &made.id)?;
//! let restored = backup::restore(&repo, path, &RestoreOptions::forced(), &mut |_| {})?;
//! assert_eq!((restored.snapshots, restored.lost_snapshots), (0, Some(1)));
//! assert!(repo.versions()?.is_empty());
//! # Ok::<(), tintype::Error>(())
//! ```
//!
//! **Invariant:** what has the name of a backup is one, whole, and was proved intact when it was made.
//! A process that ends in between leaves nothing that counts.
//!
//! **Invariant:** a [restore](restore()) happens whole or not at all, and what the store held before
//! is kept as a backup of its own. It does not lose newer snapshots unless that is said.
//!
//! **Refused:** backups that hold what has changed only. Equal content is kept once within a store,
//! so that a whole one is small; and each stands alone.

mod note;
mod prune;
mod restore;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result, What};
use crate::model::id::{BlobHash, Version};
use crate::model::snapshot::DESCRIPTION_BYTES_MAX;
use crate::model::time::Time;
use crate::ops::progress::Progress;
use crate::ops::verify::{self, Depth, Problem, ProblemKind};
use crate::store::backup::{self, Making, State};
use crate::store::{Builder, Repository, SCHEMA, replace};

pub use note::Backup;
pub use prune::{Kept, Plan, Pruned, plan};
pub use restore::{Options as RestoreOptions, Restored, restore, restore_lost};

/// The store within a backup.
const STORE: &str = "tintype.db";
/// The note within a backup.
const NOTE: &str = "backup.json";

/// Names that are tried for a backup.
const SALTS_MAX: u32 = 100;

/// How a backup is made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// What is said of it in words.
    pub description: Option<String>,
    /// The folder that it is made in, which has to be there; [`folder_of`] the store unless told.
    pub to: Option<PathBuf>,
    /// How much of it is looked at before it counts: everything, unless told.
    pub depth: Depth,
}

impl Default for Options {
    fn default() -> Self {
        Options { description: None, to: None, depth: Depth::Data }
    }
}

impl Options {
    /// Describes it in words.
    pub fn describe(self, description: impl Into<String>) -> Self {
        Options { description: Some(description.into()), ..self }
    }

    /// Makes it in this folder.
    pub fn to(self, folder: impl Into<PathBuf>) -> Self {
        Options { to: Some(folder.into()), ..self }
    }

    /// Looks at so much of it.
    pub fn depth(self, depth: Depth) -> Self {
        Options { depth, ..self }
    }
}

/// The folder for backups of the store at `path`, unless told: beside it, with `.backups` behind its
/// name.
pub fn folder_of(path: impl AsRef<Path>) -> PathBuf {
    let mut folder = replace::real(path.as_ref()).into_os_string();
    folder.push(".backups");
    folder.into()
}

/// A folder of backups, which has to be there where it is told.
fn folder(repo: &Repository, told: Option<&Path>) -> Result<PathBuf> {
    match told {
        Some(folder) if folder.is_dir() => Ok(folder.to_owned()),
        Some(folder) if folder.exists() => {
            Err(Error::invalid("folder of backups", folder.display(), "it is no folder"))
        }
        Some(folder) => {
            Err(Error::invalid("folder of backups", folder.display(), "it is not there"))
        }
        None if repo.in_file() => {
            let folder = folder_of(repo.path());
            backup::make_folder(&folder)?;
            Ok(folder)
        }
        None => {
            let why = "a store in memory has nothing beside it; name a folder";
            Err(Error::invalid("folder of backups", repo.path().display(), why))
        }
    }
}

/// Makes a backup of the store as it stands, while others write: nobody waits for it. It is read back
/// and checked before it counts.
///
/// As long as it is copied the write-ahead log of the store grows by what others write. A store in
/// memory can't be written meanwhile.
///
/// Fails with `Invalid` where the folder that is told is not there, with `NoSpace` where it is full,
/// and with `Corrupt` where the store turns out to be damaged; then nothing is left of it.
pub fn create(
    repo: &Repository,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Backup> {
    check_description(options.description.as_deref())?;
    let folder = folder(repo, options.to.as_deref())?;
    let making = Making::within(&folder)?;
    let file = making.path(STORE);
    let mut told = |done, total| progress(Progress { stage: "pages", done, total });
    repo.read(|view| backup::copy(view.conn, &file, &mut told))?;
    let copy = Builder::default().open_frozen(&file)?;
    let report = verify::verify(&copy, options.depth, progress)?;
    if let Some(first) = report.problems.into_iter().next() {
        let detail = format!("the store is damaged, so that no backup was made: {}", first.detail);
        return Err(Error::Corrupt(crate::Corruption {
            version: first.version,
            artifact: first.artifact,
            blob: first.hash,
            detail,
        }));
    }
    let state = copy.read(|view| backup::state(view.conn))?;
    drop(copy);
    let (description, checked) = (options.description.clone(), options.depth);
    let taken = Taken { description, replaced_by: None, checked, state };
    seal(repo.now(), making, taken, progress)
}

/// What is known of a copy that is to be a backup.
struct Taken {
    description: Option<String>,
    replaced_by: Option<String>,
    checked: Depth,
    state: State,
}

/// Writes the note of a copy and gives both their name.
fn seal(
    now: Time,
    making: Making,
    taken: Taken,
    progress: &mut dyn FnMut(Progress),
) -> Result<Backup> {
    let file = making.path(STORE);
    let (bytes, hash) = note::hash_of(&file, progress)?;
    let [a, b, c, d, ..] = hash.0;
    let salt = u32::from_le_bytes([a, b, c, d]);
    let made = |more| Version::made_at(now, salt.wrapping_add(more)).to_string();
    // The same store at the same time, where clocks are coarse.
    let free = (0..SALTS_MAX).map(made).find(|id| !making.beside(id).exists());
    let id = free.unwrap_or_else(|| made(0));
    let backup = Backup {
        id: id.clone(),
        created_at: now,
        description: taken.description,
        replaced_by: taken.replaced_by,
        store: backup::hex(&taken.state.store),
        store_schema: SCHEMA,
        event: taken.state.head.seq.max(0) as u64,
        chain: backup::hex(&taken.state.head.chain),
        snapshots: taken.state.snapshots,
        checked: taken.checked == Depth::Data,
        bytes,
        hash,
    };
    note::write(&making.path(NOTE), &backup)?;
    making.put_in_place(&id)?;
    Ok(backup)
}

fn check_description(description: Option<&str>) -> Result<()> {
    let bytes = description.map_or(0, str::len);
    if bytes > DESCRIPTION_BYTES_MAX {
        let (bytes, limit) = (bytes as u64, DESCRIPTION_BYTES_MAX as u64);
        return Err(Error::TooLarge { what: "the description".into(), bytes, limit });
    }
    Ok(())
}

/// What stands in a folder of backups under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Found {
    /// The name.
    pub id: String,
    /// The store within it.
    pub path: PathBuf,
    /// What its note tells, where that can be read.
    pub backup: Option<Backup>,
    /// What is wrong with it, as far as that is seen without reading all of it.
    pub problem: Option<String>,
}

/// Lists the backups in a folder, the newest first, those too that are damaged and those of other
/// stores. Nothing where the folder is not there.
pub fn list(folder: impl AsRef<Path>) -> Result<Vec<Found>> {
    let folder = folder.as_ref();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::io(folder, source)),
    };
    let mut list = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| Error::io(folder, source))?;
        let Ok(id) = entry.file_name().into_string() else { continue };
        let (path, note) = (entry.path().join(STORE), entry.path().join(NOTE));
        // What else people keep there is none of ours.
        if id.starts_with('.') || !(path.is_file() || note.is_file()) {
            continue;
        }
        let (backup, problem) = match note::read(&note) {
            Ok(backup) => {
                let problem = seen(&path, &id, &backup);
                (Some(backup), problem)
            }
            Err(why) => (None, Some(why)),
        };
        list.push(Found { id, path, backup, problem });
    }
    // Ids begin with the time.
    list.sort_by(|a, b| b.id.cmp(&a.id));
    Ok(list)
}

/// What is wrong with a backup, seen from its name and the length of its file.
fn seen(path: &Path, id: &str, backup: &Backup) -> Option<String> {
    if backup.id != id {
        return Some(format!("its note is of the backup {}", backup.id));
    }
    match fs::metadata(path) {
        Ok(found) if found.len() == backup.bytes => None,
        Ok(found) => {
            let (is, was) = (found.len(), backup.bytes);
            Some(format!("the file has {is} bytes instead of {was}"))
        }
        Err(error) => Some(format!("the file can't be read: {error}")),
    }
}

/// The store of the backup that a word means: `latest`, an id or the beginning of one alone in this
/// folder, or a path to a backup or to any store. `latest` is none that was kept when another was
/// restored, so that it means the same before and after.
///
/// Fails with `NotFound` where there is none, and with `Invalid` where the word fits several.
pub fn find(folder: impl AsRef<Path>, word: &str) -> Result<PathBuf> {
    let list = list(folder)?;
    let not_found = || Error::not_found(What::Backup, word);
    if word == "latest" {
        let made = |found: &Found| {
            let is_made = |backup: &Backup| backup.replaced_by.is_none();
            found.problem.is_none() && found.backup.as_ref().is_some_and(is_made)
        };
        let newest = list.into_iter().find(made);
        return newest.map(|found| found.path).ok_or_else(not_found);
    }
    let fits = |found: &&Found| !word.is_empty() && found.id.starts_with(word);
    let fitting: Vec<&Found> = list.iter().filter(fits).collect();
    match fitting.as_slice() {
        [one] => return Ok(one.path.clone()),
        [] => {}
        [.., second, first] => match fitting.iter().find(|found| found.id == word) {
            Some(same) => return Ok(same.path.clone()),
            None => {
                let (count, first, second) = (fitting.len(), &first.id, &second.id);
                let why =
                    format!("it is the beginning of {count}, {first} and {second} among them");
                return Err(Error::invalid("backup", word, why));
            }
        },
    }
    let path = Path::new(word);
    match path.is_dir() {
        true if path.join(STORE).is_file() || path.join(NOTE).is_file() => Ok(path.join(STORE)),
        false if path.is_file() => Ok(path.to_owned()),
        _ => Err(not_found()),
    }
}

/// What looking at a backup came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The store that was looked at.
    pub path: PathBuf,
    /// Whether nothing was found.
    pub ok: bool,
    /// What its note tells. A store that is no backup of ours has none.
    pub backup: Option<Backup>,
    /// What was found.
    pub problems: Vec<Problem>,
}

/// Looks for damage to the store of a backup: whether the file is byte for byte what it was, is what
/// the note tells of, and whether all content can be proved intact.
///
/// Fails with `NotFound` where nothing is there, with `NewerStore` where a newer version wrote it, and
/// with `NotAStore` where it is no store and no note says that it was.
pub fn verify(path: impl AsRef<Path>, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    examine(path.as_ref(), true, progress).map(|examined| examined.report)
}

/// What is known of a backup that was looked at.
struct Examined {
    report: Report,
    /// The store, open, where it could be opened.
    store: Option<Repository>,
}

/// Looks at a backup. Where the file is byte for byte what it was, its content needs not be decoded to
/// be proved; that is done then where `all` is asked for.
fn examine(path: &Path, all: bool, progress: &mut dyn FnMut(Progress)) -> Result<Examined> {
    let mut report = Report { path: path.to_owned(), ok: true, backup: None, problems: Vec::new() };
    let noted = path.with_file_name(NOTE);
    let has_note = path.file_name().is_some_and(|name| name == STORE) && noted.is_file();
    if !path.is_file() && !has_note {
        return Err(Error::not_found(What::Backup, path.display()));
    }
    let mut found = |detail: String| {
        let damage = backup::damaged(path, detail);
        report.problems.push(verify::problem(ProblemKind::File, damage));
    };
    let mut proved = false;
    if has_note {
        match note::read(&noted) {
            Err(why) => found(why),
            Ok(backup) => {
                match note::hash_of(path, progress) {
                    Ok(is) if is == (backup.bytes, backup.hash) => proved = backup.checked,
                    Ok((bytes, hash)) => found(differs((bytes, hash), &backup)),
                    Err(error @ Error::Io { .. }) => found(error.to_string()),
                    Err(error) => return Err(error),
                }
                report.backup = Some(backup);
            }
        }
    }
    // A backup is the file alone; to any other store its log belongs.
    let opened = match !has_note && replace::has_log(path) {
        true => Builder::default().open_untouched(path),
        false => Builder::default().open_frozen(path),
    };
    let store = match opened {
        Ok(store) => Some(store),
        Err(error @ Error::NewerStore { .. }) => return Err(error),
        Err(error) if has_note => {
            let damage = backup::damaged(path, format!("it can't be opened: {error}"));
            report.problems.push(verify::problem(ProblemKind::File, damage));
            None
        }
        Err(Error::NoStore { path }) => {
            return Err(Error::not_found(What::Backup, path.display()));
        }
        Err(error) => return Err(error),
    };
    if let Some(store) = &store {
        if let Some(backup) = &report.backup {
            let state = store.read(|view| backup::state(view.conn))?;
            if !backup.is_of(&state) {
                let damage =
                    backup::damaged(path, "its note is of another store, or another state");
                report.problems.push(verify::problem(ProblemKind::File, damage));
            }
        }
        let depth = if proved && !all { Depth::Structure } else { Depth::Data };
        report.problems.extend(verify::verify(store, depth, progress)?.problems);
    }
    report.ok = report.problems.is_empty();
    Ok(Examined { report, store })
}

fn differs((bytes, hash): (u64, BlobHash), backup: &Backup) -> String {
    match bytes == backup.bytes {
        true => {
            let (is, was) = (hash.short(), backup.hash.short());
            format!("the file was changed: its hash is {is} instead of {was}")
        }
        false => format!("the file has {bytes} bytes instead of {}", backup.bytes),
    }
}
