//! Finding again what a bundle lacks.
//!
//! Where a page had been seen before, older writers left its file out, and named it in the metadata by
//! its whole MD5, `fullpage_<32 digits>.html`. The file that has this content lies in another bundle, and
//! is named there by the first eight digits.

use std::collections::HashMap;

use crate::format::hashes;
use crate::ops::legacy::files::{FileId, Tree};

/// The largest file that is hashed to be found again, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many digits of a hash stand in the name of a file.
const DIGITS: usize = 8;

/// The whole MD5 in the name of a declared file.
pub(super) fn full_hash(path: &str) -> Option<&str> {
    let file = path.rsplit(['/', '\\']).next()?;
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let hash = stem.rsplit('_').next()?;
    (hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

/// Files of bundles, by what of their hash is known. Each is hashed twice at most, however often one is
/// looked for.
#[derive(Debug, Default)]
pub(super) struct Stems {
    /// By the digits in their names, those that were not hashed yet.
    named: HashMap<[u8; DIGITS], Vec<FileId>>,
    /// Those that were, by their whole hash, in order.
    found: HashMap<String, Vec<FileId>>,
    /// Pages whose names don't have such digits, or others.
    pages: Vec<FileId>,
    /// All pages by their whole hash, once that had to be made.
    hashed: Option<HashMap<String, FileId>>,
}

impl Stems {
    /// Notes a file of a bundle.
    pub(super) fn add(&mut self, tree: &Tree, file: FileId) {
        let name = tree.name(file);
        let Some((stem, extension)) = name.rsplit_once('.') else { return };
        if !matches!(extension.to_ascii_lowercase().as_str(), "html" | "htm") {
            return;
        }
        self.pages.push(file);
        let digits = stem.rsplit('_').next().unwrap_or_default().to_ascii_lowercase();
        if let Ok(digits) = <[u8; DIGITS]>::try_from(digits.as_bytes()) {
            self.named.entry(digits).or_default().push(file);
        }
    }

    /// The file of this MD5: of those that are named after it the one that lies nearest to another
    /// file, else any.
    pub(super) fn find(&mut self, tree: &Tree, hash: &str, near: FileId) -> Option<FileId> {
        let hash = hash.to_ascii_lowercase();
        let digits = <[u8; DIGITS]>::try_from(hash.as_bytes().get(..DIGITS)?).ok()?;
        for file in self.named.remove(&digits).unwrap_or_default() {
            for hash in hashes_of(tree, file) {
                let files = self.found.entry(hash).or_default();
                let place = files.partition_point(|other| *other < file);
                files.insert(place, file);
            }
        }
        if let Some(files) = self.found.get(&hash) {
            return nearest(tree, files, near);
        }
        let pages = &self.pages;
        let hashed = self.hashed.get_or_insert_with(|| {
            let mut hashed = HashMap::new();
            for file in pages {
                for hash in hashes_of(tree, *file) {
                    hashed.entry(hash).or_insert(*file);
                }
            }
            hashed
        });
        hashed.get(&hash).copied()
    }
}

/// Of files in the order of a tree the one that shares most folders with another file; of several the
/// first.
fn nearest(tree: &Tree, files: &[FileId], near: FileId) -> Option<FileId> {
    let near_path = tree.path(near);
    let shared = |file: &FileId| {
        let path = tree.path(*file);
        path.split('/').zip(near_path.split('/')).take_while(|(one, other)| one == other).count()
    };
    // What a folder holds stands together in the order of the tree, so the nearest are beside the place
    // where the other file stands, and what is further away shares less and less.
    let place = files.partition_point(|file| *file < near);
    let before = place.checked_sub(1).and_then(|at| files.get(at));
    let most = before.map_or(0, shared).max(files.get(place).map_or(0, shared));
    let is_further = |file: &FileId| *file < near && shared(file) < most;
    files.get(files.partition_point(is_further)).copied()
}

/// The MD5 of a file, and of what it was before Windows wrote it.
fn hashes_of(tree: &Tree, file: FileId) -> Vec<String> {
    let Ok(bytes) = tree.read(file, FILE_BYTES_MAX) else { return Vec::new() };
    let plain = hashes::line_feeds(&bytes).map(|plain| hashes::md5(&plain));
    std::iter::once(hashes::md5(&bytes)).chain(plain).collect()
}
