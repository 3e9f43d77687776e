//! Floor 3: the engine. A store is one SQLite file; [`Repository`] is the door to it.
//!
//! **Invariant:** every change is one transaction, whole or not at all, and leaves one event.
//!
//! **Invariant:** no row number leaves this module; outside, things have names and hashes.
//!
//! **Refused:** weaker durability for speed. Bulk work takes larger transactions instead.

pub(crate) mod backup;
mod blobs;
pub(crate) mod check;
mod contexts;
pub(crate) mod copy;
mod create;
mod events;
pub(crate) mod file;
pub(crate) mod foreign;
pub(crate) mod forget;
pub(crate) mod gather;
pub(crate) mod gc;
mod lanes;
mod note;
mod pieces;
mod places;
mod pool;
mod prepare;
mod query;
mod reader;
pub(crate) mod rebase;
pub(crate) mod repack;
pub(crate) mod replace;
pub(crate) mod replay;
mod retention;
pub(crate) mod salvage;
mod schema;
mod shared;
mod snapshots;
mod sql;
pub(crate) mod sqlite;
mod stage;
mod stats;
mod tags;
mod txn;
mod writer;

use std::io::{BufRead, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

pub use blobs::{CHAIN_BYTES_MAX, CONTENT_BYTES_MAX};
pub use places::PlaceSummary;
pub use prepare::Prepared;
pub use reader::ContentReader;
pub use schema::{APPLICATION_ID, SCHEMA};
pub use sql::{SQL_BYTES_MAX, SQL_VALUE_BYTES_MAX, SqlAnswer, SqlOptions, SqlValue};
pub use sqlite::{BUSY_TIMEOUT, sqlite_version};
pub use stage::{LEASE, STAGED_BYTES_MAX, UNCUT_BYTES_MAX};
pub use stats::Stats;
pub(crate) use txn::Records;
pub use txn::{Transaction, View};
pub use writer::Ticket;

use crate::codec::digest;
use crate::codec::frame::Effort;
use crate::error::{Error, Result};
use crate::model::artifact::Staged;
use crate::model::context::Context;
use crate::model::event::{Event, EventQuery};
use crate::model::id::{ArtifactName, Tag, Version};
use crate::model::keep::Keep;
use crate::model::place::Place;
use crate::model::query::{Query, Selector};
use crate::model::snapshot::{Draft, Receipt, Snapshot};
use crate::model::time::{Clock, SystemClock, Time};
use gather::{Gathered, Gathers};
use lanes::Lanes;
use note::Note;
use pool::Readers;
use schema::Location;
pub(crate) use shared::{Shared, locked};
use sqlite::Doing;
use writer::Queue;

/// The longest that locks are waited for, however long a caller asks for.
const BUSY_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// How a store is opened, where the defaults don't do.
pub struct Builder {
    clock: Arc<dyn Clock>,
    busy_timeout: Duration,
    retention: Option<Keep>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder { clock: Arc::new(SystemClock), busy_timeout: BUSY_TIMEOUT, retention: None }
    }
}

impl Builder {
    /// Takes the time from this clock.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Waits so long for locks of other processes; [`BUSY_TIMEOUT`] unless told.
    pub fn busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout.min(BUSY_TIMEOUT_MAX);
        self
    }

    /// Says what is kept in each place of the store, where nothing else is said of the place: it is
    /// said in the file when the store is made or opened, unless it is said there already. As with
    /// [`Transaction::set_retention`] it is applied to a place when a snapshot is stored there.
    ///
    /// Opening and making the store fail with `Invalid` where a rule would keep nothing.
    pub fn retention(mut self, keep: Keep) -> Self {
        self.retention = Some(keep);
        self
    }

    /// Keeps the newest so many snapshots of each place, or all of them with 0: a short form of
    /// [`retention`](Builder::retention).
    pub fn max_snapshots(self, count: u32) -> Self {
        self.retention(match count {
            0 => Keep::all(),
            count => Keep::last(count),
        })
    }

    /// Opens the store at `path`, bringing an older one to the present schema.
    ///
    /// Fails with `NoStore`, `NotAStore` or `NewerStore`, and then changes nothing.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Repository> {
        self.check()?;
        let path = schema::real(path.as_ref());
        schema::find(&path)?;
        self.start(Location::File(path), None, None)
    }

    /// Opens the store at `path` for reading and leaves it as it is: an older one is brought to the
    /// present schema in a copy.
    pub(crate) fn open_untouched(self, path: impl AsRef<Path>) -> Result<Repository> {
        self.open_copied(Location::File(schema::real(path.as_ref())))
    }

    /// Opens a store where it is, and one of an older schema in a copy.
    fn open_copied(self, location: Location) -> Result<Repository> {
        sqlite::be_patient(self.busy_timeout);
        let path = &location.path();
        schema::find(path)?;
        let (location, found) = schema::look(location)?;
        if found == SCHEMA {
            return self.start(location, None, None);
        }
        let folder = temporary_folder(&std::env::temp_dir())?;
        let copy = folder.path().join("tintype.db");
        schema::copy(&location, &copy).map_err(|error| sqlite::at(path, error))?;
        self.start(Location::File(copy), None, Some(folder))
    }

    /// Makes a store at `path`, whole or not at all, readable for its owner alone.
    ///
    /// Fails with `StoreExists` where anything stands there.
    pub fn init(self, path: impl AsRef<Path>) -> Result<Repository> {
        self.check()?;
        sqlite::be_patient(self.busy_timeout);
        let location = Location::File(path.as_ref().to_owned());
        schema::create(&location, self.clock.now())
            .map_err(|error| sqlite::at(path.as_ref(), error))?;
        self.start(location, None, None)
    }

    /// Makes a store in memory, gone with its last handle.
    ///
    /// There is no write-ahead log in memory: a transaction that writes waits until no view is
    /// open, so a thread must not write from within a view of its own.
    pub fn in_memory(self) -> Result<Repository> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        self.check()?;
        sqlite::be_patient(self.busy_timeout);
        let name = format!("tintype-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let location = Location::Memory(name);
        let keeper = schema::create(&location, self.clock.now())?;
        self.start(location, keeper, None)
    }

    /// Makes a store in a new folder for temporary files, gone with its last handle.
    pub fn temporary(self) -> Result<Repository> {
        self.check()?;
        sqlite::be_patient(self.busy_timeout);
        let folder = temporary_folder(&std::env::temp_dir())?;
        let location = Location::File(folder.path().join("tintype.db"));
        schema::create(&location, self.clock.now())?;
        self.start(location, None, Some(folder))
    }

    /// Refuses what can't be, before anything is made.
    fn check(&self) -> Result<()> {
        self.retention.as_ref().map_or(Ok(()), Keep::check)
    }

    fn start(
        self,
        location: Location,
        writer: Option<Connection>,
        folder: Option<TempDir>,
    ) -> Result<Repository> {
        let path = location.path();
        sqlite::be_patient(self.busy_timeout);
        let (location, found) = schema::look(location)?;
        if found < SCHEMA {
            schema::upgrade(&location).map_err(|error| sqlite::at(&path, error))?;
        }
        let readers = Readers::new(&location);
        let shared = Arc::new(Shared {
            location,
            path,
            clock: self.clock,
            busy_timeout: self.busy_timeout,
            readers,
            writer: Mutex::new(writer),
            noted: Mutex::default(),
            writing: Mutex::new(None),
            uuid: OnceLock::new(),
            lanes: Lanes::default(),
            queue: Queue::default(),
            last: Mutex::new(Time::MIN),
            salt: AtomicU32::new(0),
            commits: AtomicU64::new(0),
            gathered: Gathered::default(),
            beside: AtomicU64::new(0),
        });
        shared.begin()?;
        let repo = Repository {
            handle: Arc::new(Handle { shared, thread: Mutex::new(None), _folder: folder }),
        };
        if let Some(keep) = &self.retention {
            let whole = Place::whole();
            let said = repo.retention()?.into_iter().find(|(place, _)| *place == whole);
            // All is kept where nothing is said.
            let said = said.map_or_else(Keep::all, |(_, keep)| keep);
            if said != *keep {
                repo.set_retention(&whole, Some(keep).filter(|keep| !keep.keeps_all()))?;
            }
        }
        Ok(repo)
    }
}

/// A store: the versions of pages and data that one file holds.
///
/// It can be cloned and shared between threads; many processes may hold the same file.
///
/// A process that holds a store must not open its files by other means, not to copy them either:
/// POSIX ends all locks that a process has on a file when it closes that, so that others would take
/// the store for one that nobody uses.
///
/// ```
/// use tintype::{Draft, Repository};
/// let repo = Repository::temporary()?;
/// let first = repo.create(Draft::json(&serde_json::json!({"price": 12}))?.tag("good")?)?;
/// let second = repo.create(Draft::json(&serde_json::json!({"price": 13}))?.based_on(&first))?;
/// assert_eq!(repo.content(&second, "data")?, br#"{"price":13}"#);
/// # Ok::<(), tintype::Error>(())
/// ```
#[derive(Clone)]
pub struct Repository {
    handle: Arc<Handle>,
}

/// Ends the writing thread and tidies up when the last [`Repository`] of it is dropped.
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    _folder: Option<TempDir>,
}

impl Repository {
    /// Options for opening or making a store.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Opens the store at `path`; see [`Builder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Builder::default().open(path)
    }

    /// Makes a store at `path`; see [`Builder::init`].
    pub fn init(path: impl AsRef<Path>) -> Result<Self> {
        Builder::default().init(path)
    }

    /// Makes a store in memory; see [`Builder::in_memory`].
    pub fn in_memory() -> Result<Self> {
        Builder::default().in_memory()
    }

    /// Makes a store that is gone with its last handle; see [`Builder::temporary`].
    pub fn temporary() -> Result<Self> {
        Builder::default().temporary()
    }

    /// A copy of the store as it stands, to try things on: in a folder beside it that goes with the
    /// copy. `told` hears how many pages were copied, and of how many.
    pub(crate) fn copy_to_try(&self, told: &mut dyn FnMut(u64, u64)) -> Result<Repository> {
        let above = match self.path().parent().filter(|_| self.in_file()) {
            Some(above) if above.as_os_str().is_empty() => Path::new(".").to_owned(),
            Some(above) => above.to_owned(),
            None => std::env::temp_dir(),
        };
        let folder = temporary_folder(&above)?;
        let file = folder.path().join("tintype.db");
        self.read(|view| backup::copy(view.conn, &file, told))?;
        Builder::default().start(Location::File(file), None, Some(folder))
    }

    /// The file of the store, or `:memory:`.
    pub fn path(&self) -> &Path {
        &self.handle.shared.path
    }

    /// Reads content from a stream, once, to its end, to be put into a draft of this context as an
    /// artifact of this name, with [`DraftArtifact::staged`](crate::DraftArtifact::staged).
    ///
    /// Up to [`UNCUT_BYTES_MAX`] it is held in memory. Larger content is cut into pieces and written
    /// as it comes, in memory that does not grow with it; what was written is kept for [`LEASE`], and
    /// removed where no snapshot with it was stored by then. Nothing is seen of it before one is.
    ///
    /// Fails with `TooLarge` above [`STAGED_BYTES_MAX`], and with `Io` where the stream fails. Within
    /// [`write`](Repository::write) large content can't be staged.
    pub fn stage(
        &self,
        context: &Context,
        artifact: &ArtifactName,
        input: impl Read,
    ) -> Result<Staged> {
        self.stage_for(&Draft::new().context(context.clone()), artifact, input)
    }

    /// Reads content from a stream as [`stage`](Repository::stage) does, for an artifact of this
    /// draft: what the draft says of versions that it is based on holds for the pieces.
    pub fn stage_for(
        &self,
        draft: &Draft,
        artifact: &ArtifactName,
        mut input: impl Read,
    ) -> Result<Staged> {
        let shared = &self.handle.shared;
        stage::stage(shared, draft, artifact, &mut input)
    }

    /// Reads content from a stream as [`stage`](Repository::stage) does, and holds none of it: small
    /// content is written before the snapshot is, too.
    pub(crate) fn stage_apart(
        &self,
        context: &Context,
        artifact: &ArtifactName,
        input: &mut dyn Read,
    ) -> Result<Staged> {
        let draft = Draft::new().context(context.clone());
        stage::stage_beyond(&self.handle.shared, &draft, artifact, input, 0)
    }

    /// Makes a draft ready: checks it, hashes and encodes its content, with no lock held.
    ///
    /// Content above [`UNCUT_BYTES_MAX`] is [staged](Repository::stage), so that it is in the store
    /// before the snapshot is.
    ///
    /// Fails with `Invalid` or `TooLarge` where the draft can't be stored, and with `NotFound`
    /// where the version that it is based on is not there.
    pub fn prepare(&self, draft: Draft) -> Result<Prepared> {
        self.prepare_with(Effort::Usual, draft)
    }

    /// Makes a draft ready as [`prepare`](Repository::prepare) does, with this effort to make its
    /// content small.
    pub(crate) fn prepare_with(&self, effort: Effort, draft: Draft) -> Result<Prepared> {
        let shared = &self.handle.shared;
        let time = draft.time.unwrap_or_else(|| shared.now());
        let version = draft
            .version
            .clone()
            .unwrap_or_else(|| Version::made_at(time, shared.salt.fetch_add(1, Ordering::Relaxed)));
        prepare::prepare(shared, effort, draft, version, time)
    }

    /// Puts a prepared snapshot into the queue of the writing thread, and does not wait.
    ///
    /// Snapshots are written in the order in which one thread submits them.
    pub fn submit(&self, prepared: Prepared) -> Ticket {
        self.enqueue(prepared, false)
    }

    fn enqueue(&self, prepared: Prepared, awaited: bool) -> Ticket {
        let shared = &self.handle.shared;
        if let Err(error) = shared.refuse_nested() {
            return Ticket::refused(error);
        }
        shared.expect(&prepared);
        let mut thread = locked(&self.handle.thread);
        if thread.is_none() {
            let shared = shared.clone();
            let name = "tintype-writer".to_owned();
            let spawned = std::thread::Builder::new().name(name).spawn(move || writer::run(shared));
            match spawned {
                Ok(spawned) => *thread = Some(spawned),
                Err(source) => {
                    return Ticket::refused(Error::Database {
                        doing: "starting the writing thread",
                        source: Box::new(source),
                    });
                }
            }
        }
        drop(thread);
        self.handle.shared.queue.push(prepared, awaited)
    }

    /// A key of this store for one purpose. It is the same each time that the store is opened, and
    /// goes into no archive.
    pub(crate) fn derived_key(&self, purpose: &str) -> [u8; 32] {
        let uuid = self.handle.shared.uuid.get().copied().unwrap_or_default();
        digest::derived_key(purpose, &uuid)
    }

    /// Stores a snapshot and gives its version. It is durable then.
    pub fn create(&self, draft: Draft) -> Result<Version> {
        Ok(self.store(draft)?.version)
    }

    /// Stores a snapshot and tells what that came to. It is durable then.
    pub fn store(&self, draft: Draft) -> Result<Receipt> {
        let prepared = self.prepare(draft)?;
        if let Some(stored) = self.handle.shared.store_alone(&prepared) {
            return stored;
        }
        self.enqueue(prepared, true).wait()
    }

    /// Does work that stores many snapshots with [`submit`](Repository::submit): until it ends,
    /// they are gathered into large transactions.
    pub fn bulk<T>(&self, work: impl FnOnce() -> T) -> T {
        self.handle.shared.queue.during_bulk(work)
    }

    /// Changes the store in one transaction, committed where `change` returns `Ok` and undone
    /// where it returns an error or panics.
    ///
    /// Within `change` the transaction is the only way to write; writing through the repository
    /// on the same thread is an error. Others wait meanwhile.
    pub fn write<T>(&self, change: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.handle.shared.write(change)
    }

    /// Reads in one stable view. It is meant to be short: while a view is open, the write-ahead
    /// log can't be moved into the file. Within `read`, ask the view, not the repository: that
    /// would take another of the few connections.
    pub fn read<T>(&self, read: impl FnOnce(&View<'_>) -> Result<T>) -> Result<T> {
        let shared = &self.handle.shared;
        shared.reading(|conn| {
            let tx = conn.unchecked_transaction().doing("beginning to read")?;
            read(&View { conn: &tx })
        })
    }

    /// The version that a word for it means; see [`View::resolve`].
    pub fn resolve(&self, selector: &Selector) -> Result<Version> {
        self.read(|view| view.resolve(selector))
    }

    /// Everything that is known about a snapshot but its content; see [`View::get`].
    pub fn get(&self, version: &Version) -> Result<Snapshot> {
        self.read(|view| view.get(version))
    }

    /// The content of an artifact; see [`View::content`].
    pub fn content(&self, version: &Version, artifact: &str) -> Result<Vec<u8>> {
        self.read(|view| view.content(version, artifact))
    }

    /// The content of an artifact as a stream, in memory that does not grow with it. It reads small
    /// content as well as large.
    ///
    /// Fails with `NotFound` where the snapshot or the artifact is not there or has no content.
    pub fn reader(&self, version: &Version, artifact: &str) -> Result<ContentReader> {
        ContentReader::open(self, version, artifact)
    }

    /// Writes the content of an artifact to `output`, in memory that does not grow with it, and gives
    /// its size. Where it fails, a beginning of the content may have been written.
    ///
    /// Fails as [`reader`](Repository::reader) does, with `Corrupt` where the content can't be proved
    /// intact, and with `Io` where it can't be written.
    pub fn copy_to(
        &self,
        version: &Version,
        artifact: &str,
        output: &mut impl Write,
    ) -> Result<u64> {
        let mut reader = self.reader(version, artifact)?;
        loop {
            let part = reader.fill()?;
            let count = part.len();
            let written = output.write_all(part).and_then(|()| output.flush());
            written.map_err(|source| Error::io("output", source))?;
            if count == 0 {
                return Ok(reader.size_bytes());
            }
            reader.consume(count);
        }
    }

    /// The snapshots that a query describes; see [`View::find`].
    pub fn find(&self, query: &Query) -> Result<Vec<Snapshot>> {
        self.read(|view| view.find(query))
    }

    /// The newest snapshot of the store, by time, ties by insertion.
    ///
    /// Fails with `NotFound` where there is none.
    pub fn latest(&self) -> Result<Snapshot> {
        self.select(&Selector::Latest(None))
    }

    /// The oldest snapshot of the store, by time, ties by insertion.
    ///
    /// Fails with `NotFound` where there is none.
    pub fn oldest(&self) -> Result<Snapshot> {
        self.select(&Selector::Oldest(None))
    }

    /// The newest snapshot that carries a tag.
    ///
    /// Fails with `NotFound`, which names the tag, where none does.
    pub fn latest_tagged(&self, tag: &Tag) -> Result<Snapshot> {
        self.select(&Selector::Latest(Some(tag.clone())))
    }

    /// The oldest snapshot that carries a tag.
    ///
    /// Fails with `NotFound`, which names the tag, where none does.
    pub fn oldest_tagged(&self, tag: &Tag) -> Result<Snapshot> {
        self.select(&Selector::Oldest(Some(tag.clone())))
    }

    fn select(&self, selector: &Selector) -> Result<Snapshot> {
        self.read(|view| view.get(&view.resolve(selector)?))
    }

    /// All versions, the newest first; see [`View::versions`].
    pub fn versions(&self) -> Result<Vec<Version>> {
        self.read(|view| view.versions())
    }

    /// Puts a tag on a snapshot, in a transaction of its own.
    pub fn tag(&self, version: &Version, tag: &Tag) -> Result<()> {
        self.write(|tx| tx.tag(version, tag))
    }

    /// Takes a tag off a snapshot, in a transaction of its own.
    pub fn untag(&self, version: &Version, tag: &Tag) -> Result<()> {
        self.write(|tx| tx.untag(version, tag))
    }

    /// Forgets a snapshot, in a transaction of its own; see [`Transaction::forget`].
    pub fn forget(&self, version: &Version) -> Result<()> {
        self.write(|tx| tx.forget(version))
    }

    /// Takes a forgotten snapshot back, in a transaction of its own; see [`Transaction::undelete`].
    pub fn undelete(&self, version: &Version) -> Result<()> {
        self.write(|tx| tx.undelete(version))
    }

    /// Says what is kept in a place, in a transaction of its own; see
    /// [`Transaction::set_retention`].
    pub fn set_retention(&self, place: &Place, keep: Option<&Keep>) -> Result<()> {
        self.write(|tx| tx.set_retention(place, keep))
    }

    /// What is said about keeping snapshots; see [`View::retention`].
    pub fn retention(&self) -> Result<Vec<(Place, Keep)>> {
        self.read(|view| view.retention())
    }

    /// The changes that were made; see [`View::events`].
    pub fn events(&self, query: &EventQuery) -> Result<Vec<Event>> {
        self.read(|view| view.events(query))
    }

    /// All tags with how many snapshots carry each; see [`View::tags`].
    pub fn tags(&self) -> Result<Vec<(Tag, u64)>> {
        self.read(|view| view.tags())
    }

    /// Counts and sizes of the whole store; see [`View::stats`].
    pub fn stats(&self) -> Result<Stats> {
        self.read(|view| view.stats())
    }

    /// How far the log had come, as the note beside the file says, if it is there and is of this
    /// store.
    pub(crate) fn note(&self) -> Option<Note> {
        self.handle.shared.note()
    }

    /// Whether the store is in a file, rather than in memory.
    pub(crate) fn in_file(&self) -> bool {
        !matches!(self.handle.shared.location, Location::Memory(_))
    }

    /// Whether the file is taken as one that does not change, so that SQLite does not say how it
    /// would be changed.
    pub(crate) fn is_frozen(&self) -> bool {
        matches!(self.handle.shared.location, Location::Frozen(_))
    }

    /// Makes another store at `path` with the same clock, filled by `fill`: all of it is there when
    /// this returns, or nothing.
    pub(crate) fn build<T>(
        &self,
        path: &Path,
        fill: impl FnOnce(&Repository) -> Result<T>,
    ) -> Result<T> {
        let shared = &self.handle.shared;
        schema::refuse_existing(path)?;
        let folder = temporary_folder(schema::folder_of(path))?;
        let beside = folder.path().join("tintype.db");
        let builder = Builder {
            clock: shared.clock.clone(),
            busy_timeout: shared.busy_timeout,
            retention: None,
        };
        let repo = builder.init(&beside)?;
        let value = fill(&repo).map_err(|error| sqlite::at(path, error))?;
        repo.close().map_err(|error| sqlite::at(path, error))?;
        schema::put_in_place(&beside, path)?;
        Ok(value)
    }

    /// The present moment, as the store's clock tells it.
    pub(crate) fn now(&self) -> Time {
        self.handle.shared.now()
    }

    /// Whether this thread is within a transaction that writes.
    pub(crate) fn is_writing_here(&self) -> bool {
        self.handle.shared.refuse_nested().is_err()
    }

    /// How often what is kept beside snapshots was changed through this handle and its clones.
    pub(crate) fn beside(&self) -> u64 {
        self.handle.shared.beside.load(Ordering::Acquire)
    }

    /// Says that what is kept beside snapshots was changed.
    pub(crate) fn changed_beside(&self) {
        self.handle.shared.beside.fetch_add(1, Ordering::Release);
    }

    /// Forgets what is known of chains that were laid anew: the file tells.
    pub(crate) fn forget_chains(&self) {
        self.handle.shared.queue.drain();
        self.handle.shared.lanes.forget_chains();
    }

    /// Gives free pages of the file back, at most so many; tells how many, nothing where there was
    /// none.
    pub(crate) fn give_back(&self, pages: u32) -> Result<Option<u32>> {
        self.handle.shared.give_back(pages)
    }

    /// Writes the file anew, without gaps; tells whether it could: not where others hold it.
    pub(crate) fn close_gaps(&self) -> Result<bool> {
        self.handle.shared.close_gaps()
    }

    /// Moves the write-ahead log into the file, so that what is written next takes its place.
    pub(crate) fn empty_log(&self) -> Result<()> {
        self.handle.shared.empty_log(true)
    }

    /// How often this handle and its clones committed: each commit waited once for the disk.
    pub fn commits(&self) -> u64 {
        self.handle.shared.commits.load(Ordering::Relaxed)
    }

    /// What gathers beside this store, for this handle and its clones; it is made when it is first
    /// asked for.
    pub(crate) fn gathers<T: Gathers + Default>(&self) -> Option<Arc<T>> {
        self.handle.shared.gathered.get_or_make()
    }

    /// Writes what has gathered beside the store.
    pub(crate) fn settle(&self) -> Result<()> {
        self.handle.shared.settle()
    }

    /// Waits until all that was submitted is written, well or not, with what was counted meanwhile, and
    /// moves the write-ahead log into the file, as far as nobody reads from it. Nothing is deleted.
    pub fn flush(&self) -> Result<()> {
        self.handle.shared.queue.drain();
        self.handle.shared.settle()?;
        // A program that replicates the file reads from the log all the time.
        self.handle.shared.empty_log(false)
    }

    /// Waits for what was submitted, moves the write-ahead log into the file and lets go of it,
    /// where this is the last handle; with others it does nothing.
    ///
    /// Dropping the last handle does the same, but can't tell of an error.
    pub fn close(self) -> Result<()> {
        match Arc::try_unwrap(self.handle) {
            Ok(handle) => handle.end(),
            Err(_) => Ok(()),
        }
    }
}

impl Handle {
    fn end(&self) -> Result<()> {
        self.shared.queue.close();
        if let Some(thread) = locked(&self.thread).take()
            && thread.join().is_err()
        {
            log::error!("the writing thread panicked");
        }
        // What is in memory is gone with this handle.
        let settled = match self.shared.location {
            Location::Memory(_) => Ok(()),
            _ => self.shared.settle(),
        };
        self.shared.checkpoint().and(settled)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            log::warn!("closing {}: {error}", self.shared.path.display());
        }
    }
}

fn temporary_folder(within: &Path) -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix("tintype-").tempdir_in(within);
    made.map_err(|error| Error::temporary(within, &error))
}
