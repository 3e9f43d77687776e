//! A file or a folder that is not part of a store, made whole or not at all.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};
use crate::store::schema;

/// Makes a file at `path`, filled by `fill`, and gives its size. It is readable for its owner alone,
/// as a store is.
///
/// Fails with `StoreExists` where anything stands there.
pub(crate) fn create(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<u64> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::StoreExists { path: path.to_owned() });
    }
    make(path, false, fill)
}

/// Does the same where a file may stand there, which it takes the place of.
pub(crate) fn replace(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<u64> {
    make(path, true, fill)
}

fn make(path: &Path, over: bool, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<u64> {
    let at = |source: std::io::Error| match source.kind() {
        ErrorKind::StorageFull => Error::NoSpace { path: path.to_owned() },
        ErrorKind::AlreadyExists => Error::StoreExists { path: path.to_owned() },
        _ => Error::io(path, source),
    };
    let folder = schema::folder_of(path);
    let mut made = tempfile::Builder::new()
        .prefix(".tintype-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(|error| at(error.kind().into()))?;
    fill(made.as_file_mut()).map_err(|error| match error {
        Error::Io { source, .. } => at(source),
        error => error,
    })?;
    made.as_file().sync_all().map_err(at)?;
    let bytes = made.as_file().metadata().map_err(at)?.len();
    let persisted = if over { made.persist(path) } else { made.persist_noclobber(path) };
    persisted.map_err(|failed| at(failed.error))?;
    schema::sync_folder(folder).map_err(at)?;
    Ok(bytes)
}

/// Makes a folder at `path`, filled by `fill`, which is given where it lies while it is made. It is
/// readable for its owner alone.
///
/// Fails with `StoreExists` where anything stands there.
pub(crate) fn create_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let at = |source: std::io::Error| match source.kind() {
        ErrorKind::StorageFull => Error::NoSpace { path: path.to_owned() },
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => {
            Error::StoreExists { path: path.to_owned() }
        }
        _ => Error::io(path, source),
    };
    let above = schema::folder_of(path);
    let made = tempfile::Builder::new().prefix(".tmp_").tempdir_in(above).map_err(at)?;
    fill(made.path()).map_err(|error| match error {
        Error::Io { source, .. } => at(source),
        error => error,
    })?;
    schema::sync_folder(made.path()).map_err(at)?;
    // An empty folder would be replaced.
    if path.symlink_metadata().is_ok() {
        return Err(Error::StoreExists { path: path.to_owned() });
    }
    std::fs::rename(made.path(), path).map_err(at)?;
    // It is not there any more, so that nothing is removed.
    let _ = made.keep();
    schema::sync_folder(above).map_err(at)
}
