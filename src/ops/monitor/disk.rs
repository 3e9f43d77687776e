//! What the store takes of its disk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::store::Repository;

/// Bytes that are free on the disk of a store for who may not use the reserve, and bytes of the disk;
/// nothing where that can't be told.
pub(super) fn space(repo: &Repository) -> Option<(u64, u64)> {
    let path = path(repo)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    space_of(folder.unwrap_or(Path::new(".")))
}

/// The same of the disk of a folder.
#[cfg(unix)]
pub(crate) fn space_of(folder: &Path) -> Option<(u64, u64)> {
    let told = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
    Some((bytes(told.f_bavail), bytes(told.f_blocks)))
}

#[cfg(not(unix))]
pub(crate) fn space_of(_: &Path) -> Option<(u64, u64)> {
    None
}

/// Bytes of the write-ahead log beside a store, none where there is none; nothing where that can't be
/// told.
pub(super) fn wal_bytes(repo: &Repository) -> Option<u64> {
    let mut wal = path(repo)?.as_os_str().to_owned();
    wal.push("-wal");
    // It is asked for, not opened: that would end the locks of this process.
    match fs::metadata(PathBuf::from(wal)) {
        Ok(found) => Some(found.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(0),
        Err(_) => None,
    }
}

/// The file of a store that has one.
fn path(repo: &Repository) -> Option<&Path> {
    repo.in_file().then(|| repo.path())
}
