//! The folder of a browser that we start, and clearing away after those that nobody looks after.
//!
//! ```text
//! tintype-chromium-XXXXXX/     made for each browser, in the folder for temporary files
//!   owner                      locked as long as whoever started the browser lives
//!   profile/                   unless the caller gave one
//!   tmp/                       what Chromium would leave behind in the folder for temporary files
//!   crashes/
//! ```
//!
//! **Invariant:** a folder with an `owner` that nobody has locked is of a process that died, be it of
//! `kill -9`: the lock goes with its process, is seen from other containers too, and unlike the number
//! of a process can't come to belong to another. Such a folder is removed when the next browser is
//! started, with the processes that were started on it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::launch::kill;
use crate::error::{Error, Result};
use crate::model::time::Stopwatch;

/// The beginning of the name of each folder.
const PREFIX: &str = "tintype-chromium-";
/// The file that is locked.
const OWNER: &str = "owner";
/// The longest path of a folder for temporary files in which Chromium can make its socket: such a
/// path may have 104 bytes on some systems, and Chromium adds 45.
const TEMPORARY_BYTES_MAX: usize = 104 - 46;
/// How long processes that were killed may take to be gone, and how often it is looked.
const GONE_MAX: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);
/// Chromium's settings for a new profile: it fetches nothing before a page asks for it, which would
/// go past the check of addresses.
const PREFERENCES: &str = r#"{"net":{"network_prediction_options":2}}"#;

/// The folder of a browser, gone with this value.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    profile: PathBuf,
    _owner: File,
    /// The lock on a profile that was given.
    given: Option<File>,
}

impl Home {
    /// Makes the folder, and the profile in it where none is given.
    ///
    /// Fails where the given one is in use.
    pub fn make(given: Option<&Path>) -> Result<Self> {
        let base = std::env::temp_dir();
        let fail = |source: io::Error| Error::temporary(&base, &source);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o700));
        }
        let folder = builder.tempdir_in(&base).map_err(fail)?;
        let owner = owner_of(folder.path()).map_err(fail)?;
        let (profile, lock) = match given {
            Some(given) => (given.to_owned(), Some(take(given)?)),
            None => (folder.path().join("profile"), None),
        };
        for path in [folder.path(), &profile] {
            if path.to_str().is_none() {
                return Err(Error::invalid("path", path.display(), "it is not UTF-8"));
            }
        }
        fs::create_dir(folder.path().join("tmp")).map_err(fail)?;
        if given.is_none() {
            let first = profile.join("Default");
            fs::create_dir_all(&first)
                .and_then(|()| fs::write(first.join("Preferences"), PREFERENCES))
                .map_err(fail)?;
        }
        Ok(Home { folder: folder.keep(), profile, _owner: owner, given: lock })
    }

    /// The folder of the profile.
    pub fn profile(&self) -> &Path {
        &self.profile
    }

    /// An argument that lies in this folder, by which the browser is known also where its profile
    /// does not.
    pub fn argument(&self) -> String {
        format!("--crash-dumps-dir={}", self.folder.join("crashes").display())
    }

    /// The variables that the browser is started with.
    pub fn environment(&self) -> HashMap<String, String> {
        let folder = self.folder.join("tmp");
        let text = folder.to_str().unwrap_or_default();
        match text.len() <= TEMPORARY_BYTES_MAX {
            true => HashMap::from([("TMPDIR".to_owned(), text.to_owned())]),
            false => HashMap::new(),
        }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.given.is_some() {
            // What helpers write on their way out is kept.
            end_all(&self.profile, GONE_MAX);
        }
        end_all(&self.folder, Duration::ZERO);
        remove(&self.folder);
    }
}

/// Makes the file that says that a folder has an owner. It appears when it is locked.
fn owner_of(folder: &Path) -> io::Result<File> {
    let new = folder.join("owner.new");
    let file = File::create_new(&new)?;
    file.lock()?;
    fs::rename(&new, folder.join(OWNER))?;
    Ok(file)
}

/// Takes a profile that was given, unless another browser has it.
fn take(profile: &Path) -> Result<File> {
    fs::create_dir_all(profile).map_err(|source| Error::io(profile, source))?;
    let in_use = |by: &str| Error::NoBrowser {
        why: format!("the profile {} is in use by {by}", profile.display()),
    };
    let path = profile.join("tintype.lock");
    let file = File::create(&path).map_err(|source| Error::io(&path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            return Err(in_use("another browser that was started here"));
        }
        Err(fs::TryLockError::Error(source)) => return Err(Error::io(&path, source)),
    }
    // A link of Chromium's own, to HOST-PROCESS.
    let link = fs::read_link(profile.join("SingletonLock"));
    let link = link.unwrap_or_default().to_string_lossy().into_owned();
    if let Some((host, process)) = link.rsplit_once('-') {
        if this_host().is_some_and(|name| name != host) {
            return Err(in_use(&format!("process {process} of the host {host}")));
        }
        if process.parse().is_ok_and(lives) {
            return Err(in_use(&format!("process {process}")));
        }
    }
    Ok(file)
}

fn this_host() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned())
}

/// Whether a process of this number lives.
fn lives(process: u32) -> bool {
    match Path::new("/proc/self").exists() {
        // One that has ended and was not collected yet has no arguments.
        true => fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty()),
        // What can't be told is left to Chromium.
        false => false,
    }
}

/// Removes the folders of browsers whose starter died, and ends their processes.
pub(super) fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    let of_ours = |entry: &fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
    };
    for entry in entries.flatten().filter(of_ours) {
        let folder = entry.path();
        // Of another user, or just being made, or of a living process: let be.
        let Ok(owner) = File::options().write(true).open(folder.join(OWNER)) else { continue };
        if owner.try_lock().is_err() {
            continue;
        }
        log::info!("browser: nobody looks after {} any more; it is removed", folder.display());
        end_all(&folder, Duration::ZERO);
        remove(&folder);
    }
}

/// Waits until the processes that use a folder are gone, and kills those that are there after a
/// while: a helper that loses its browser ends by itself, but writes down first what it has.
fn end_all(folder: &Path, grace: Duration) {
    let watch = Stopwatch::start();
    loop {
        let processes = processes_of(folder);
        if processes.is_empty() {
            return;
        }
        if watch.left_of(grace + GONE_MAX).is_zero() {
            log::warn!("browser: {} processes of it could not be ended", processes.len());
            return;
        }
        if watch.left_of(grace).is_zero() {
            processes.into_iter().for_each(kill);
        }
        thread::sleep(PAUSE);
    }
}

/// The processes that were started with an argument that names a folder or something in it, where the
/// operating system tells. One that has ended and was not collected yet has no arguments.
fn processes_of(folder: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let folder = folder.as_os_str().as_encoded_bytes();
    let names_it = |word: &[u8]| {
        let at = word.iter().position(|byte| *byte == b'=').map_or(word.len(), |at| at + 1);
        let rest = word[at..].strip_prefix(folder);
        word.starts_with(b"--") && rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_it = |process: &u32| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        // A process that was forked shows its arguments with spaces between them.
        line.split(|byte| matches!(byte, 0 | b' ')).any(names_it)
    };
    numbers.filter(has_it).collect()
}

/// Removes a folder. A helper process that is on its way out may still write into it.
fn remove(path: &Path) {
    const TRIES: u32 = 20;
    for _ in 0..TRIES {
        match fs::remove_dir_all(path) {
            Ok(()) => return,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return,
            Err(_) => thread::sleep(PAUSE),
        }
    }
    log::warn!("browser: its folder could not be removed: {}", path.display());
}
