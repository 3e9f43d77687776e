//! Finding registry stores in a folder, and what belongs to each.

use std::collections::{BTreeMap, HashMap};

use super::{EntryAt, Job, RegistryReader, Slot};
use crate::format::pyjson::Value;
use crate::format::registry::{self, JSON_BYTES_MAX};
use crate::ops::legacy::files::{FileId, FolderId, Tree};
use crate::ops::legacy::look::{Candidates, Look};

/// What a delta is whose version nothing tells of.
pub(super) const ORPHANED_DELTA: &str = "orphaned delta";
/// The longest entry that stands in a registry alone and is surely not more than a store takes of a
/// snapshot, so that all of it is told, in bytes.
const TOLD_BYTES_MAX: usize = 8 * 1024;
/// Names that end so were being written.
const UNFINISHED: [&str; 4] = [".data.tmp", ".delta.tmp", ".data.tmp.npy", ".delta.tmp.npy"];

/// A store, as far as its files tell.
#[derive(Default)]
struct Store {
    registries: Vec<FileId>,
    entries: Vec<FileId>,
}

/// Finds all stores, and takes their files.
pub(super) fn scan(reader: &mut RegistryReader, tree: &Tree, files: &mut Candidates) {
    let mut stores: BTreeMap<FolderId, Store> = BTreeMap::new();
    for file in files.like(tree, Look::Registry) {
        stores.entry(tree.folder(file)).or_default().registries.push(file);
    }
    for file in files.like(tree, Look::RegistryEntry) {
        let folder = tree.folder(file);
        let root = match tree.parent(folder) {
            Some(parent)
                if tree.folder_name(folder) == "metadata"
                    || stores.contains_key(&parent)
                    || tree.find_folder(parent, "data").is_some() =>
            {
                parent
            }
            _ => folder,
        };
        stores.entry(root).or_default().entries.push(file);
    }
    for (root, mut store) in stores {
        if store.registries.is_empty() {
            // What is left of it may look like nothing.
            let damaged = tree.find(root, "registry.json").filter(|file| !files.is_taken(*file));
            store.registries.extend(damaged);
        }
        Plan::new(tree, root).fill(reader, &store, files);
    }
}

/// The versions of a store, in their order.
struct Plan<'t> {
    tree: &'t Tree,
    root: FolderId,
    number: u32,
    slots: Vec<Slot>,
    places: HashMap<String, usize>,
    jobs: Vec<Job>,
    /// Whether every byte of the registry follows from what is told of the versions.
    is_retold: bool,
}

impl<'t> Plan<'t> {
    fn new(tree: &'t Tree, root: FolderId) -> Self {
        let (slots, places, jobs) = (Vec::new(), HashMap::new(), Vec::new());
        Plan { tree, root, number: 0, slots, places, jobs, is_retold: false }
    }

    fn fill(mut self, reader: &mut RegistryReader, store: &Store, files: &mut Candidates) {
        self.number = reader.versions.len() as u32;
        let registry = self.registry(store);
        for file in &store.entries {
            self.entry(*file);
        }
        self.values();
        self.beside(files);
        // The first version accounts for a registry of which nothing is lost.
        let is_told = |slot: &Slot| match &slot.entry {
            EntryAt::Registry(text) => text.len() <= TOLD_BYTES_MAX,
            _ => true,
        };
        let is_retold = self.is_retold && self.slots.iter().all(is_told);
        match (registry, self.slots.first_mut()) {
            (Some(registry), Some(first)) if is_retold => first.registry = Some(registry),
            (Some(file), _) => self.jobs.push(Job::Beside { file, variant: "registry" }),
            (None, _) => {}
        }
        let before = reader.jobs.len();
        let mut versions = HashMap::new();
        for slot in bases_first(self.slots, &self.places) {
            versions.insert(slot.version.clone(), reader.jobs.len() as u32);
            reader.jobs.push(Job::Version(slot));
        }
        reader.versions.push(versions);
        reader.jobs.extend(self.jobs);
        for job in reader.jobs.iter().skip(before) {
            match job {
                Job::Version(slot) => {
                    let all = [slot.metadata, slot.data, slot.delta, slot.registry];
                    all.into_iter().flatten().for_each(|file| files.take(file));
                }
                Job::Aside { file, .. } | Job::Beside { file, .. } => files.take(*file),
            }
        }
    }

    /// Reads the registry; gives it where it is whole and tells of a version.
    fn registry(&mut self, store: &Store) -> Option<FileId> {
        let named = |file: &&FileId| self.tree.name(**file) == "registry.json";
        let chosen = store.registries.iter().find(named).or(store.registries.first());
        let mut intact = None;
        for file in &store.registries {
            let (variant, why) = match Some(file) == chosen {
                false => ("registry", "another registry than the one of its store".to_owned()),
                true => match self.read_registry(*file) {
                    Ok(0) => ("registry", "a registry of no version".to_owned()),
                    Ok(_) => {
                        intact = Some(*file);
                        continue;
                    }
                    Err(why) => ("damaged registry", why),
                },
            };
            self.jobs.push(Job::Aside { file: *file, variant, why });
        }
        intact
    }

    /// Adds the versions that a registry tells of. An error says why it is not whole; the versions that
    /// are whole in it are added even so.
    fn read_registry(&mut self, file: FileId) -> Result<usize, String> {
        let bytes = self.tree.read(file, JSON_BYTES_MAX as u64).map_err(|why| why.to_string())?;
        let salvaged;
        let (json, damage) = match registry::parse(&bytes) {
            Ok(json) => (json, None),
            Err(why) => {
                salvaged = registry::salvaged(&bytes).unwrap_or_default();
                let why = format!("{why}; its versions were taken from their own metadata");
                match registry::parse(&salvaged) {
                    Ok(json) => (json, Some(why)),
                    Err(_) => return Err(why),
                }
            }
        };
        let entries = registry::entries(&json)?;
        let count = entries.len();
        self.is_retold = damage.is_none() && registry::is_plain(&bytes, &json);
        let text = json.root().text();
        let begin = json.root().span().start;
        for (version, span) in entries {
            let entry = text.get(span.start - begin..span.end - begin).unwrap_or_default();
            let slot = self.slot(version);
            (slot.entry, slot.told_by) = (EntryAt::Registry(entry.into()), Some(file));
        }
        for (name, entry) in json.root().get("snapshots").into_iter().flat_map(Value::members) {
            if let (Some(version), Some(base)) = (name.string(), registry::base_of(entry)) {
                self.slot(version).base = Some(base);
            }
        }
        match damage {
            None => Ok(count),
            Some(why) => Err(format!("{why}, {count} of them from what is whole of it")),
        }
    }

    /// Adds what a file of metadata tells. It is written before the registry, so where the two differ
    /// it is the newer.
    fn entry(&mut self, file: FileId) {
        let path = self.tree.path(file);
        let bytes = self.tree.read(file, JSON_BYTES_MAX as u64).map_err(|why| why.to_string());
        let parsed = bytes.as_ref().map_err(Clone::clone).and_then(|it| registry::parse(it));
        let is_entry = |json: &Value<'_, '_>| registry::is_entry(*json);
        let entry = match &parsed {
            Ok(json) => Some(json.root()).filter(is_entry),
            Err(_) => None,
        };
        let stem = self.tree.name(file);
        let stem = stem.strip_suffix(".json").unwrap_or(&stem).to_owned();
        let version = entry.and_then(|entry| entry.get("version")?.string());
        let slot = self.slot(version.unwrap_or(stem));
        if slot.metadata.is_some() {
            let why = format!("another file tells of the version {} too", slot.version);
            self.jobs.push(Job::Aside { file, variant: "metadata", why });
            return;
        }
        slot.metadata = Some(file);
        if let Some(entry) = entry {
            slot.base = registry::base_of(entry);
        }
        match (entry, &slot.entry) {
            (Some(entry), EntryAt::Registry(text)) => {
                let registered = registry::parse(text.as_bytes());
                let is_same = registered
                    .is_ok_and(|registered| registered.root().laid_out() == entry.laid_out());
                if !is_same {
                    slot.notes.push(format!(
                        "{path} and the registry differ; it was written before, and is taken"
                    ));
                }
                slot.entry = EntryAt::File;
                self.is_retold &= is_same;
            }
            (Some(_), _) => {
                slot.notes.push("the registry does not tell of it".to_owned());
                slot.entry = EntryAt::File;
            }
            (None, _) => {
                let why = parsed.err().unwrap_or_else(|| "no entry of a registry".to_owned());
                slot.notes.push(format!("{path} can't be read: {why}"));
            }
        }
    }

    /// The slot of a version, which is added where there is none.
    fn slot(&mut self, version: String) -> &mut Slot {
        let at = *self.places.entry(version.clone()).or_insert(self.slots.len());
        if at == self.slots.len() {
            self.slots.push(Slot {
                store: self.number,
                root: self.root,
                version,
                entry: EntryAt::Nowhere,
                base: None,
                metadata: None,
                data: None,
                delta: None,
                registry: None,
                told_by: None,
                notes: Vec::new(),
            });
        }
        &mut self.slots[at]
    }

    /// Adds the files of values. What is in folders below belongs to versions with a `/` in their
    /// names.
    fn values(&mut self) {
        let Some(data) = self.tree.find_folder(self.root, "data") else {
            return self.values_in(self.root, "");
        };
        let mut open = vec![(data, String::new())];
        while let Some((folder, prefix)) = open.pop() {
            self.values_in(folder, &prefix);
            for below in self.tree.folders_in(folder) {
                open.push((below, format!("{prefix}{}/", self.tree.folder_name(below))));
            }
        }
    }

    fn values_in(&mut self, folder: FolderId, prefix: &str) {
        for file in self.tree.files_in(folder) {
            let name = self.tree.name(file);
            if let Some(stem) = name.strip_suffix(".data") {
                self.slot(format!("{prefix}{stem}")).data = Some(file);
            } else if let Some(stem) = name.strip_suffix(".delta") {
                let version = format!("{prefix}{stem}");
                let has_entry = self.places.get(&version).is_some_and(|at| {
                    let slot = &self.slots[*at];
                    slot.data.is_some() || !matches!(slot.entry, EntryAt::Nowhere)
                });
                match has_entry {
                    true => self.slot(version).delta = Some(file),
                    false => {
                        let why = format!("a delta of {version}, of which nothing else is left");
                        self.jobs.push(Job::Aside { file, variant: ORPHANED_DELTA, why });
                    }
                }
            } else if UNFINISHED.iter().any(|end| name.ends_with(end)) {
                let why = "it was being written when its program ended".to_owned();
                self.jobs.push(Job::Aside { file, variant: "unfinished", why });
            }
        }
    }

    /// Adds what a program keeps beside its store, where the store lies in its folder `snapshots`.
    fn beside(&mut self, files: &Candidates) {
        let tree = self.tree;
        let Some(parent) = tree.parent(self.root) else { return };
        if tree.folder_name(self.root) != "snapshots" {
            return;
        }
        for (path, variant) in
            [("data/current_data.json", "current data"), ("cache/cache.json", "cache")]
        {
            let found = tree.find(parent, path);
            if let Some(file) = found.filter(|file| !files.is_taken(*file)) {
                self.jobs.push(Job::Beside { file, variant });
            }
        }
    }
}

/// The versions of a store, each after the one that it is a delta on, so that what this became is known
/// by then. Otherwise they stay in their order. `places` are theirs, by their names.
fn bases_first(slots: Vec<Slot>, places: &HashMap<String, usize>) -> Vec<Slot> {
    let base_of = |slot: &Slot| slot.base.as_ref().and_then(|base| places.get(base)).copied();
    let bases: Vec<Option<usize>> = slots.iter().map(base_of).collect();
    let mut slots: Vec<Option<Slot>> = slots.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(slots.len());
    for start in 0..slots.len() {
        let (mut chain, mut at) = (Vec::new(), Some(start));
        // What was taken is in order already, or is a delta on itself.
        while let Some(slot) = at.and_then(|at| slots.get_mut(at)?.take()) {
            chain.push(slot);
            at = at.and_then(|at| *bases.get(at)?);
        }
        ordered.extend(chain.into_iter().rev());
    }
    ordered
}
