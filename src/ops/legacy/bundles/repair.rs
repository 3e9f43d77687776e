//! Finding again what a bundle lacks.
//!
//! Where a page had been seen before, older writers left its file out, and named it in the metadata by
//! its whole MD5, `fullpage_<32 digits>.html`. The file that has this content lies in another bundle, and
//! is named there by the first eight digits.

use std::collections::HashMap;

use crate::format::hashes;
use crate::ops::legacy::files::{FileId, FolderId, Tree};

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

/// Files of bundles, by what of their hash is known.
#[derive(Debug, Default)]
pub(super) struct Stems {
    /// By the digits in their names.
    named: HashMap<[u8; DIGITS], Vec<FileId>>,
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

    /// The file of this MD5: of those that are named after it the one that lies nearest to a folder, else
    /// any.
    pub(super) fn find(&mut self, tree: &Tree, hash: &str, near: FolderId) -> Option<FileId> {
        let hash = hash.to_ascii_lowercase();
        let digits = <[u8; DIGITS]>::try_from(hash.as_bytes().get(..DIGITS)?).ok()?;
        let named = self.named.get(&digits);
        let is_it = |file: &&FileId| hashes_of(tree, **file).contains(&hash);
        let near = tree.folder_path(near);
        let shared = |file: &&FileId| {
            let path = tree.path(**file);
            path.split('/').zip(near.split('/')).take_while(|(one, other)| one == other).count()
        };
        let found = named.into_iter().flatten().filter(is_it);
        // Of several that lie equally near the first.
        if let Some(file) = found.rev().max_by_key(shared) {
            return Some(*file);
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

/// The MD5 of a file, and of what it was before Windows wrote it.
fn hashes_of(tree: &Tree, file: FileId) -> Vec<String> {
    let Ok(bytes) = tree.read(file, FILE_BYTES_MAX) else { return Vec::new() };
    let plain = hashes::line_feeds(&bytes).map(|plain| hashes::md5(&plain));
    std::iter::once(hashes::md5(&bytes)).chain(plain).collect()
}
