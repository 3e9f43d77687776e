//! A folder as it was found: every regular file below it, and reading them.
//!
//! **Invariant:** nothing outside the folder is read. Links are not followed, wherever in a path
//! they stand and whenever they came there; a name that something declares leads to a file that was
//! found, or nowhere.
//!
//! **Invariant:** nothing in the folder is changed.
//!
//! **Invariant:** a file is given as it was when the folder was walked, or an error says that it
//! has changed since (by its size or the time of its last change).
//!
//! Folders are walked with a list, not with a stack of calls. A file takes some 32 bytes and its
//! name; a folder's name is kept once.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::time::Time;

/// The most files of a folder.
pub const FILES_MAX: usize = 100_000_000;
/// The longest path within a folder that is walked, in bytes. What lies deeper is reported.
pub const PATH_BYTES_MAX: usize = 4_000;
/// The most bytes that the names of all files may take together.
const NAMES_BYTES_MAX: usize = u32::MAX as usize;

/// A file of a [`Tree`]: its place in the order of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// Its number, from 0 on.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A folder of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(u32);

/// Something in a folder that is no file to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Aside {
    /// Its path within the folder.
    pub path: String,
    /// Why it was not taken as a file.
    pub why: String,
    /// Whether it is a link, so that nothing is missing but where it leads.
    pub is_link: bool,
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// It is not as it was when the folder was walked.
    Changed(&'static str),
    /// It is larger than what is read.
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The operating system did not let it be read.
    Failed(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::Changed(how) => write!(f, "it changed while the folder was read: {how}"),
            Unread::TooLarge { bytes, limit } => {
                write!(f, "it is {bytes} bytes; at most {limit} are read of such a file")
            }
            Unread::Failed(why) => write!(f, "it can't be read: {why}"),
        }
    }
}

impl std::error::Error for Unread {}

/// A name within the arena of names.
#[derive(Debug, Clone, Copy)]
struct Name {
    start: u32,
    bytes: u16,
}

#[derive(Debug, Clone, Copy)]
struct Folder {
    parent: u32,
    name: Name,
    first_folder: u32,
    folders: u32,
    first_file: u32,
    files: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    folder: u32,
    name: Name,
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: i64,
}

/// A folder as it was found.
///
/// Its files are in order: those of a folder by name, then those of the folders in it, by name.
pub struct Tree {
    root: PathBuf,
    /// The folder itself, so that it stays the same one whatever its path leads to later.
    #[cfg(unix)]
    handle: File,
    names: Vec<u8>,
    folders: Vec<Folder>,
    files: Vec<Entry>,
    asides: Vec<Aside>,
    bytes: u64,
    /// The folder of the file that was opened last, which the next one is often in too.
    last: Mutex<Option<(FolderId, File)>>,
    /// What was read lately and may be asked for once more.
    recent: Mutex<Recent>,
}

/// The most files that are held because they may be asked for once more.
const RECENT_MAX: usize = 4;
/// The most bytes of such files.
const RECENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Files that were read lately, the oldest first.
#[derive(Default)]
struct Recent(VecDeque<(FileId, Arc<[u8]>)>);

impl Recent {
    /// Gives what was read of a file, and holds it no longer.
    fn take(&mut self, id: FileId) -> Option<Arc<[u8]>> {
        let at = self.0.iter().position(|(known, _)| *known == id)?;
        self.0.remove(at).map(|(_, content)| content)
    }

    /// Holds a file in the place of the oldest ones.
    fn keep(&mut self, id: FileId, content: Arc<[u8]>) {
        self.0.push_back((id, content));
        let mut bytes: usize = self.0.iter().map(|(_, content)| content.len()).sum();
        while bytes > RECENT_BYTES_MAX || self.0.len() > RECENT_MAX {
            let Some((_, oldest)) = self.0.pop_front() else { break };
            bytes -= oldest.len();
        }
    }
}

impl Tree {
    /// Walks a folder. `own` are files of ours that may lie in it and are passed over: they are not
    /// opened. `told` is told from time to time how many files were found.
    ///
    /// Fails with `Io` where the folder itself can't be read, and with `TooLarge` where it holds
    /// more than [`FILES_MAX`] files.
    pub fn walk(root: &Path, own: &[PathBuf], told: &mut dyn FnMut(u64)) -> Result<Tree> {
        let failed = |source| Error::io(root, source);
        let found = std::fs::metadata(root).map_err(failed)?;
        if !found.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::NotADirectory)));
        }
        let own: Vec<Own> = own.iter().filter_map(|path| Own::of(path)).collect();
        let mut tree = Tree {
            root: root.to_owned(),
            #[cfg(unix)]
            handle: File::open(root).map_err(failed)?,
            names: Vec::new(),
            folders: Vec::new(),
            files: Vec::new(),
            asides: Vec::new(),
            bytes: 0,
            last: Mutex::new(None),
            recent: Mutex::default(),
        };
        let nameless = Name { start: 0, bytes: 0 };
        let top = Folder {
            parent: 0,
            name: nameless,
            first_folder: 0,
            folders: 0,
            first_file: 0,
            files: 0,
        };
        tree.folders.push(top);
        let mut at = 0;
        while at < tree.folders.len() {
            if let Err(source) = tree.list(at, &own) {
                // Of the folder itself nothing else can be said.
                if at == 0 && source.kind() != io::ErrorKind::OutOfMemory {
                    return Err(failed(source));
                }
                let path = tree.folder_path(FolderId(at as u32));
                let why = format!("a folder that can't be read: {source}");
                tree.asides.push(Aside { path, why, is_link: false });
            }
            if tree.files.len() > FILES_MAX || tree.names.len() > NAMES_BYTES_MAX {
                return Err(Error::TooLarge {
                    what: format!("the number of files in {}", root.display()),
                    bytes: tree.files.len() as u64,
                    limit: FILES_MAX as u64,
                });
            }
            told(tree.files.len() as u64);
            at += 1;
        }
        tree.put_in_order();
        tree.asides.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(tree)
    }

    /// Adds what stands in a folder: its files and folders, each by name.
    fn list(&mut self, at: usize, own: &[Own]) -> io::Result<()> {
        let within = self.os_path(FolderId(at as u32));
        let room = PATH_BYTES_MAX.saturating_sub(within.as_os_str().len() + 1);
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let mut asides = Vec::new();
        let mut listing = || -> io::Result<()> {
            for entry in std::fs::read_dir(self.root.join(&within))? {
                let name = entry?.file_name();
                let mut aside = |why: String, is_link: bool| {
                    let path = text_of(within.join(&name).as_os_str());
                    asides.push(Aside { path, why, is_link });
                };
                let found = std::fs::symlink_metadata(self.root.join(&within).join(&name));
                match found {
                    Err(error) => aside(format!("it can't be looked at: {error}"), false),
                    Ok(found) if own.iter().any(|own| own.is(&found)) => {}
                    Ok(_) if name.len() > room => {
                        aside(format!("its path is longer than {PATH_BYTES_MAX} bytes"), false);
                    }
                    Ok(found) if found.is_symlink() => {
                        aside("a link, which is not followed".to_owned(), true);
                    }
                    Ok(found) if found.is_dir() => folders.push(name),
                    Ok(found) if found.is_file() => {
                        files.push((name, found.len(), modified(&found)));
                    }
                    Ok(_) => aside("neither a file nor a folder".to_owned(), false),
                }
            }
            Ok(())
        };
        let listed = listing();
        self.asides.extend(asides);
        files.sort_unstable();
        folders.sort_unstable();
        let (first_file, first_folder) = (self.files.len() as u32, self.folders.len() as u32);
        (self.folders[at].first_file, self.folders[at].files) = (first_file, files.len() as u32);
        (self.folders[at].first_folder, self.folders[at].folders) =
            (first_folder, folders.len() as u32);
        for (name, bytes, modified) in files {
            let name = self.keep(&name);
            self.bytes += bytes;
            self.files.push(Entry { folder: at as u32, name, bytes, modified });
        }
        for name in folders {
            let name = self.keep(&name);
            self.folders.push(Folder {
                parent: at as u32,
                name,
                first_folder: 0,
                folders: 0,
                first_file: 0,
                files: 0,
            });
        }
        listed
    }

    fn keep(&mut self, name: &OsStr) -> Name {
        let start = self.names.len() as u32;
        self.names.extend_from_slice(name.as_encoded_bytes());
        Name { start, bytes: name.len() as u16 }
    }

    /// Puts the files of a folder before those of the folders in it, and these in order.
    fn put_in_order(&mut self) {
        let found = std::mem::take(&mut self.files);
        self.files.reserve_exact(found.len());
        let mut open = vec![0_u32];
        while let Some(at) = open.pop() {
            let folder = self.folders[at as usize];
            let first = self.files.len() as u32;
            let here = folder.first_file as usize..(folder.first_file + folder.files) as usize;
            self.files.extend_from_slice(&found[here]);
            self.folders[at as usize].first_file = first;
            open.extend((folder.first_folder..folder.first_folder + folder.folders).rev());
        }
    }

    /// The path of the folder, as it was given.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All files, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = FileId> + use<> {
        (0..self.files.len() as u32).map(FileId)
    }

    /// What is in the folder and is no file to be read: links, sockets, folders that can't be
    /// listed.
    pub fn asides(&self) -> &[Aside] {
        &self.asides
    }

    /// The path of a file within the folder, with `/` between its parts. A name that is not UTF-8
    /// is shown with marks in place of what is not.
    pub fn path(&self, id: FileId) -> String {
        let mut path = self.folder_path(self.folder(id));
        if !path.is_empty() {
            path.push('/');
        }
        path + &self.name(id)
    }

    /// The name of a file, without the path to it.
    pub fn name(&self, id: FileId) -> String {
        String::from_utf8_lossy(self.bytes_of(self.files[id.index()].name)).into_owned()
    }

    /// The folder that a file is in.
    pub fn folder(&self, id: FileId) -> FolderId {
        FolderId(self.files[id.index()].folder)
    }

    /// The folder that all is in.
    pub fn top(&self) -> FolderId {
        FolderId(0)
    }

    /// The folder that a folder is in; none for the top.
    pub fn parent(&self, folder: FolderId) -> Option<FolderId> {
        (folder.0 > 0).then(|| FolderId(self.folders[folder.0 as usize].parent))
    }

    /// All folders, each after the one that it is in.
    pub fn folders(&self) -> impl ExactSizeIterator<Item = FolderId> + use<> {
        (0..self.folders.len() as u32).map(FolderId)
    }

    /// The folders in a folder, by name.
    pub fn folders_in(&self, folder: FolderId) -> impl ExactSizeIterator<Item = FolderId> + use<> {
        let folder = self.folders[folder.0 as usize];
        (folder.first_folder..folder.first_folder + folder.folders).map(FolderId)
    }

    /// The files in a folder, by name; not those in folders of it.
    pub fn files_in(&self, folder: FolderId) -> impl ExactSizeIterator<Item = FileId> + use<> {
        let folder = self.folders[folder.0 as usize];
        (folder.first_file..folder.first_file + folder.files).map(FileId)
    }

    /// The name of a folder, without the path to it; empty for the top.
    pub fn folder_name(&self, folder: FolderId) -> String {
        let name = self.folders[folder.0 as usize].name;
        String::from_utf8_lossy(self.bytes_of(name)).into_owned()
    }

    /// The path of a folder within the top, with `/` between its parts; empty for the top.
    pub fn folder_path(&self, folder: FolderId) -> String {
        let mut parts = Vec::new();
        let mut at = folder.0 as usize;
        while at > 0 {
            parts.push(String::from_utf8_lossy(self.bytes_of(self.folders[at].name)));
            at = self.folders[at].parent as usize;
        }
        parts.reverse();
        parts.join("/")
    }

    /// The size of a file when the folder was walked, in bytes.
    pub fn size(&self, id: FileId) -> u64 {
        self.files[id.index()].bytes
    }

    /// When a file was last changed.
    pub fn modified(&self, id: FileId) -> Time {
        Time::from_micros(self.files[id.index()].modified / 1_000).unwrap_or(Time::MIN)
    }

    /// The file of this path within a folder: parts with `/` between them, each a name. `.`, `..`
    /// and empty parts name nothing.
    pub fn find(&self, within: FolderId, path: &str) -> Option<FileId> {
        let (folders, name) = path.rsplit_once('/').map_or((None, path), |(f, n)| (Some(f), n));
        let mut at = within;
        for part in folders.into_iter().flat_map(|folders| folders.split('/')) {
            at = self.find_folder(at, part)?;
        }
        let folder = self.folders[at.0 as usize];
        let files = folder.first_file as usize..(folder.first_file + folder.files) as usize;
        let found = self.files[files]
            .binary_search_by(|file| self.bytes_of(file.name).cmp(name.as_bytes()))
            .ok()?;
        Some(FileId(folder.first_file + found as u32))
    }

    /// The folder of this name in a folder.
    pub fn find_folder(&self, within: FolderId, name: &str) -> Option<FolderId> {
        let folder = self.folders[within.0 as usize];
        let folders = folder.first_folder as usize..(folder.first_folder + folder.folders) as usize;
        let found = self.folders[folders]
            .binary_search_by(|folder| self.bytes_of(folder.name).cmp(name.as_bytes()))
            .ok()?;
        Some(FolderId(folder.first_folder + found as u32))
    }

    /// The file that a declared path means, seen from a folder.
    ///
    /// `\` counts as `/`, and `.` as nothing. A path that would lead out of the folder is refused:
    /// one with `..`, one from the root of a file system, one with a drive or a scheme. So is one
    /// that leads to no file that was found. The refusal says why.
    pub fn resolve(&self, within: FolderId, declared: &str) -> Result<FileId, String> {
        let parts = parts(declared)?;
        if is_from_root(declared) {
            return Err(format!("{} does not lie in the folder", shown(declared)));
        }
        let path = parts.join("/");
        self.find(within, &path).ok_or_else(|| format!("there is no file {}", shown(declared)))
    }

    /// The file that a declared path means where it was written down by somebody who stood
    /// elsewhere: the one that the longest end of it leads to, seen from a folder. What `..` stands
    /// in is refused.
    pub fn resolve_end(&self, within: FolderId, declared: &str) -> Result<FileId, String> {
        let parts = parts(declared)?;
        (0..parts.len())
            .find_map(|from| self.find(within, &parts[from..].join("/")))
            .ok_or_else(|| format!("there is no file {}, nor one at an end of it", shown(declared)))
    }

    /// Reads a file of at most `limit` bytes that will be asked for once more: a small one is held until
    /// [`content`](Tree::content) takes it, or others take its place.
    pub fn peek(&self, id: FileId, limit: u64) -> Result<Arc<[u8]>, Unread> {
        let content = self.content(id, limit)?;
        self.recent().keep(id, content.clone());
        Ok(content)
    }

    /// Reads a file of at most `limit` bytes, to be shared.
    pub fn content(&self, id: FileId, limit: u64) -> Result<Arc<[u8]>, Unread> {
        let bytes = self.size(id);
        if bytes > limit {
            return Err(Unread::TooLarge { bytes, limit });
        }
        if let Some(content) = self.recent().take(id) {
            return Ok(content);
        }
        let size = usize::try_from(bytes).map_err(|error| Unread::Failed(error.to_string()))?;
        let mut stream = self.stream(id)?;
        // Made in its place: to move it there would cost as much as to read it.
        let mut content: Arc<[u8]> = std::iter::repeat_n(0, size).collect();
        if let Some(room) = Arc::get_mut(&mut content) {
            let read = stream.file.read_exact(room);
            read.map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => Unread::Changed("it has another size"),
                _ => Unread::Failed(error.to_string()),
            })?;
        }
        stream.count = bytes;
        stream.end()?;
        Ok(content)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // What is here was read whole.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a file of at most `limit` bytes.
    pub fn read(&self, id: FileId, limit: u64) -> Result<Vec<u8>, Unread> {
        let bytes = self.size(id);
        if bytes > limit {
            return Err(Unread::TooLarge { bytes, limit });
        }
        let mut stream = self.stream(id)?;
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        // A byte more than there should be shows that it grew.
        let read = (&mut stream.file).take(bytes + 1).read_to_end(&mut content);
        read.map_err(|error| Unread::Failed(error.to_string()))?;
        stream.count = content.len() as u64;
        stream.end()?;
        Ok(content)
    }

    /// Reads the beginning of a file: at most `limit` bytes.
    pub fn head(&self, id: FileId, limit: u64) -> Result<Vec<u8>, Unread> {
        let mut stream = self.stream(id)?;
        let mut content = Vec::new();
        let read = (&mut stream.file).take(limit).read_to_end(&mut content);
        read.map_err(|error| Unread::Failed(error.to_string()))?;
        Ok(content)
    }

    /// Opens a file for reading piece by piece.
    pub fn stream(&self, id: FileId) -> Result<Stream, Unread> {
        let failed = |error: io::Error| Unread::Failed(error.to_string());
        let file = self.open(id).map_err(failed)?;
        let entry = self.files[id.index()];
        let stream = Stream { file, bytes: entry.bytes, modified: entry.modified, count: 0 };
        stream.check(entry.bytes)?;
        Ok(stream)
    }

    #[cfg(unix)]
    fn open(&self, id: FileId) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, openat};
        let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // What became a pipe meanwhile must not be waited for.
        let file_flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let folder = self.folder(id);
        let name = self.os_name(self.files[id.index()].name);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(&*last, Some((known, _)) if *known == folder) {
            let mut at = self.handle.try_clone()?;
            for part in self.os_path(folder).components() {
                at = openat(&at, part.as_os_str(), folder_flags, Mode::empty())?.into();
            }
            *last = Some((folder, at));
        }
        let Some((_, within)) = &*last else { return Err(io::ErrorKind::NotFound.into()) };
        Ok(openat(within, name, file_flags, Mode::empty())?.into())
    }

    #[cfg(not(unix))]
    fn open(&self, id: FileId) -> io::Result<File> {
        drop(self.last.lock().unwrap_or_else(PoisonError::into_inner));
        let mut path = self.root.clone();
        let name = self.os_name(self.files[id.index()].name);
        for part in self.os_path(self.folder(id)).join(name).components() {
            path.push(part);
            if std::fs::symlink_metadata(&path)?.is_symlink() {
                return Err(io::Error::other("a link on the way to it, which is not followed"));
            }
        }
        File::open(path)
    }

    fn bytes_of(&self, name: Name) -> &[u8] {
        let start = name.start as usize;
        &self.names[start..start + usize::from(name.bytes)]
    }

    #[cfg(unix)]
    fn os_name(&self, name: Name) -> OsString {
        use std::os::unix::ffi::OsStringExt;
        OsString::from_vec(self.bytes_of(name).to_vec())
    }

    #[cfg(not(unix))]
    fn os_name(&self, name: Name) -> OsString {
        String::from_utf8_lossy(self.bytes_of(name)).into_owned().into()
    }

    fn os_path(&self, folder: FolderId) -> PathBuf {
        let mut parts = Vec::new();
        let mut at = folder.0 as usize;
        while at > 0 {
            parts.push(self.os_name(self.folders[at].name));
            at = self.folders[at].parent as usize;
        }
        parts.iter().rev().collect()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("root", &self.root).field("files", &self.len()).finish()
    }
}

/// A file that is read piece by piece.
#[derive(Debug)]
pub struct Stream {
    file: File,
    bytes: u64,
    modified: i64,
    count: u64,
}

impl Stream {
    /// Looks once more, after the last byte, whether the file is still the one that was found.
    pub fn end(self) -> Result<(), Unread> {
        self.check(self.count)
    }

    fn check(&self, count: u64) -> Result<(), Unread> {
        let found = self.file.metadata().map_err(|error| Unread::Failed(error.to_string()))?;
        if !found.is_file() {
            return Err(Unread::Changed("it is no file any more"));
        }
        if found.len() != self.bytes || count != self.bytes {
            return Err(Unread::Changed("it has another size"));
        }
        if modified(&found) != self.modified {
            return Err(Unread::Changed("it was written to"));
        }
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.count += count as u64;
        if self.count > self.bytes {
            return Err(io::Error::other("it grew while it was read"));
        }
        Ok(count)
    }
}

/// A file of ours, known by where it lies.
struct Own {
    #[cfg(unix)]
    place: (u64, u64),
    #[cfg(not(unix))]
    found: (u64, i64),
}

impl Own {
    fn of(path: &Path) -> Option<Own> {
        // Not opened: to close a store's file would end the locks on it.
        let found = std::fs::metadata(path).ok()?;
        Some(Own::from(&found))
    }

    #[cfg(unix)]
    fn from(found: &Metadata) -> Own {
        use std::os::unix::fs::MetadataExt;
        Own { place: (found.dev(), found.ino()) }
    }

    #[cfg(not(unix))]
    fn from(found: &Metadata) -> Own {
        Own { found: (found.len(), modified(found)) }
    }

    #[cfg(unix)]
    fn is(&self, found: &Metadata) -> bool {
        Own::from(found).place == self.place
    }

    #[cfg(not(unix))]
    fn is(&self, found: &Metadata) -> bool {
        Own::from(found).found == self.found
    }
}

/// When a file was last changed, in nanoseconds since 1970.
fn modified(found: &Metadata) -> i64 {
    let Ok(modified) = found.modified() else { return 0 };
    match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
    }
}

fn text_of(name: &OsStr) -> String {
    name.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

/// The names in a declared path, or why it is not followed.
fn parts(declared: &str) -> Result<Vec<&str>, String> {
    if declared.contains('\0') {
        return Err("a path with a null character".to_owned());
    }
    if declared.len() > PATH_BYTES_MAX {
        return Err(format!("a path longer than {PATH_BYTES_MAX} bytes"));
    }
    let parts: Vec<&str> =
        declared.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
    // Windows takes a name with spaces or dots behind it for the name without them.
    if parts.iter().any(|part| part.trim_end_matches([' ', '.']).is_empty()) {
        return Err(format!("{} leads out of the folder", shown(declared)));
    }
    Ok(parts)
}

/// Whether a path begins at a root, a drive, a share or a scheme.
fn is_from_root(declared: &str) -> bool {
    let is_drive =
        matches!(declared.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    declared.starts_with(['/', '\\']) || is_drive || declared.contains("://")
}

/// A path of unknown origin, cut to what fits a message.
fn shown(declared: &str) -> String {
    let clipped: String = declared.chars().take(120).collect();
    format!("\"{}\"", clipped.escape_debug())
}
