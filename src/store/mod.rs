//! Floor 3: the engine. A store is one SQLite file; [`Repository`] is the door to it.
//!
//! **Invariant:** every change is one transaction, whole or not at all, and leaves one event.
//!
//! **Invariant:** no row number leaves this module; outside, things have names and hashes.
//!
//! **Refused:** weaker durability for speed. Bulk work takes larger transactions instead.

mod blobs;
pub(crate) mod check;
mod contexts;
pub(crate) mod copy;
mod create;
mod events;
pub(crate) mod forget;
pub(crate) mod gc;
mod lanes;
mod note;
mod pieces;
mod pool;
mod prepare;
mod query;
mod reader;
pub(crate) mod rebase;
pub(crate) mod replace;
pub(crate) mod replay;
mod retention;
pub(crate) mod salvage;
mod schema;
mod snapshots;
mod sqlite;
mod stage;
mod stats;
mod tags;
mod txn;
mod writer;

use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tempfile::TempDir;

pub use blobs::{CHAIN_BYTES_MAX, CONTENT_BYTES_MAX};
pub use prepare::Prepared;
pub use reader::ContentReader;
pub use schema::{APPLICATION_ID, SCHEMA};
pub use sqlite::BUSY_TIMEOUT;
pub use stage::{LEASE, STAGED_BYTES_MAX, UNCUT_BYTES_MAX};
pub use stats::Stats;
pub use txn::{Transaction, View};
pub use writer::Ticket;

use crate::codec::digest::Digest;
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
use lanes::Lanes;
use note::Note;
use pool::Readers;
use schema::Location;
use sqlite::Doing;
use writer::Queue;

/// The longest that locks are waited for, however long a caller asks for.
const BUSY_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// How a store is opened, where the defaults don't do.
pub struct Builder {
    clock: Arc<dyn Clock>,
    busy_timeout: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Builder { clock: Arc::new(SystemClock), busy_timeout: BUSY_TIMEOUT }
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

    /// Opens the store at `path`, bringing an older one to the present schema.
    ///
    /// Fails with `NoStore`, `NotAStore` or `NewerStore`, and then changes nothing.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Repository> {
        schema::find(path.as_ref())?;
        self.start(Location::File(path.as_ref().to_owned()), None, None)
    }

    /// Opens the store at `path` for reading and leaves it as it is: an older one is brought to the
    /// present schema in a copy.
    pub(crate) fn open_untouched(self, path: impl AsRef<Path>) -> Result<Repository> {
        sqlite::be_patient(self.busy_timeout);
        let path = path.as_ref();
        schema::find(path)?;
        let (location, found) = schema::look(Location::File(path.to_owned()))?;
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
        sqlite::be_patient(self.busy_timeout);
        let name = format!("tintype-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let location = Location::Memory(name);
        let keeper = schema::create(&location, self.clock.now())?;
        self.start(location, keeper, None)
    }

    /// Makes a store in a new folder for temporary files, gone with its last handle.
    pub fn temporary(self) -> Result<Repository> {
        sqlite::be_patient(self.busy_timeout);
        let folder = temporary_folder(&std::env::temp_dir())?;
        let location = Location::File(folder.path().join("tintype.db"));
        schema::create(&location, self.clock.now())?;
        self.start(location, None, Some(folder))
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
            writing: Mutex::new(None),
            uuid: OnceLock::new(),
            lanes: Lanes::default(),
            queue: Queue::default(),
            last: Mutex::new(Time::MIN),
            salt: AtomicU32::new(0),
            commits: AtomicU64::new(0),
        });
        shared.begin()?;
        Ok(Repository {
            handle: Arc::new(Handle { shared, thread: Mutex::new(None), _folder: folder }),
        })
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

/// What the callers' threads and the writing thread share.
pub(crate) struct Shared {
    location: Location,
    path: PathBuf,
    clock: Arc<dyn Clock>,
    busy_timeout: Duration,
    readers: Readers,
    /// The connection that writes, opened when something is first written.
    writer: Mutex<Option<Connection>>,
    /// The thread that is within a transaction that writes.
    writing: Mutex<Option<ThreadId>>,
    /// The store's own id, once it was read.
    uuid: OnceLock<Digest>,
    lanes: Lanes,
    queue: Queue,
    /// The last time that was told, so that no two are the same.
    last: Mutex<Time>,
    salt: AtomicU32,
    commits: AtomicU64,
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

    /// Makes a draft ready: checks it, hashes and encodes its content, with no lock held.
    ///
    /// Content above [`UNCUT_BYTES_MAX`] is [staged](Repository::stage), so that it is in the store
    /// before the snapshot is.
    ///
    /// Fails with `Invalid` or `TooLarge` where the draft can't be stored, and with `NotFound`
    /// where the version that it is based on is not there.
    pub fn prepare(&self, draft: Draft) -> Result<Prepared> {
        let shared = &self.handle.shared;
        let time = draft.time.unwrap_or_else(|| shared.now());
        let version = draft
            .version
            .clone()
            .unwrap_or_else(|| Version::made_at(time, shared.salt.fetch_add(1, Ordering::Relaxed)));
        prepare::prepare(shared, draft, version, time)
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
        for content in &prepared.contents {
            let Some(held) = &content.content else {
                // Whether it becomes the end of its lane shows when it is stored.
                shared.lanes.forget(&content.lane);
                continue;
            };
            if let Some(chain) = content.chain_after() {
                shared.lanes.keep(content.hash, held.clone());
                shared.lanes.set_chain(content.lane.clone(), chain);
            }
        }
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

    /// Stores a snapshot and gives its version. It is durable then.
    pub fn create(&self, draft: Draft) -> Result<Version> {
        Ok(self.store(draft)?.version)
    }

    /// Stores a snapshot and tells what that came to. It is durable then.
    pub fn store(&self, draft: Draft) -> Result<Receipt> {
        let prepared = self.prepare(draft)?;
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
        let builder = Builder { clock: shared.clock.clone(), busy_timeout: shared.busy_timeout };
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

    /// Gives free pages of the file back, at most so many; tells how many, nothing where there was
    /// none.
    pub(crate) fn give_back(&self, pages: u32) -> Result<Option<u32>> {
        self.handle.shared.give_back(pages)
    }

    /// Moves the write-ahead log into the file, so that what is written next takes its place.
    pub(crate) fn empty_log(&self) -> Result<()> {
        self.handle.shared.empty_log()
    }

    /// How often this handle and its clones committed: each commit waited once for the disk.
    pub fn commits(&self) -> u64 {
        self.handle.shared.commits.load(Ordering::Relaxed)
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
        self.shared.checkpoint()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            log::warn!("closing {}: {error}", self.shared.path.display());
        }
    }
}

impl Shared {
    /// Seeds what makes versions differ, and looks whether the log lost its end.
    fn begin(&self) -> Result<()> {
        self.reading(|conn| {
            let seed: u32 = conn
                .query_row("SELECT random() & 0x1ffffff", [], |row| row.get(0))
                .doing("opening the store")?;
            self.salt.store(seed, Ordering::Relaxed);
            // Another handle of the same file can't have set it: this is the first to look.
            let _ = self.uuid.set(uuid(conn)?);
            if let Some(note) = self.note()
                && let Some(damage) = check::note(conn, &note)?
            {
                log::warn!("{}: {damage}", self.path.display());
            }
            Ok(())
        })
    }

    /// The note beside the file, if there is one and it is of this store.
    fn note(&self) -> Option<Note> {
        let (Location::File(path) | Location::Frozen(path)) = &self.location else { return None };
        note::read(path).filter(|note| Some(&note.store) == self.uuid.get())
    }

    /// Fails where this thread is within a transaction that writes: it would wait for itself.
    fn refuse_nested(&self) -> Result<()> {
        if *locked(&self.writing) == Some(std::thread::current().id()) {
            let source = "this thread is within a transaction; write through that".into();
            return Err(Error::Database { doing: "beginning to write", source });
        }
        Ok(())
    }

    /// The present moment, later than any that was told before.
    fn now(&self) -> Time {
        let now = self.clock.now();
        let mut last = locked(&self.last);
        *last = now.max(last.plus(Duration::from_micros(1)));
        *last
    }

    /// Lends a connection that reads.
    fn reading<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        sqlite::be_patient(self.busy_timeout);
        self.readers.lend(read).map_err(|error| sqlite::at(&self.path, error))
    }

    /// Changes the store in one transaction.
    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        /// Says that nobody writes any more, however the writing ended.
        struct Writing<'s>(&'s Mutex<Option<ThreadId>>);
        impl Drop for Writing<'_> {
            fn drop(&mut self) {
                *locked(self.0) = None;
            }
        }
        self.refuse_nested()?;
        let written = || -> Result<T> {
            sqlite::be_patient(self.busy_timeout);
            let mut writer = locked(&self.writer);
            *locked(&self.writing) = Some(std::thread::current().id());
            let _writing = Writing(&self.writing);
            let conn = match &mut *writer {
                Some(conn) => conn,
                none => none.insert(self.location.open_writer()?),
            };
            let sql = conn
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .doing("beginning to write")?;
            let mut tx = Transaction::begin(&sql, &self.lanes, self.now())?;
            let value = change(&mut tx)?;
            let head = tx.end()?;
            sql.commit().doing("committing")?;
            self.commits.fetch_add(1, Ordering::Relaxed);
            if let (Location::File(path), Some(head), Some(store)) =
                (&self.location, head, self.uuid.get())
            {
                note::raise(path, Note { store: *store, head }, |noted| {
                    events::passes(conn, noted).unwrap_or(false)
                });
            }
            Ok(value)
        };
        written().map_err(|error| sqlite::at(&self.path, error))
    }

    /// Lends the connection that writes, outside of a transaction.
    fn alone<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.refuse_nested()?;
        let worked = || -> Result<T> {
            sqlite::be_patient(self.busy_timeout);
            let mut writer = locked(&self.writer);
            let conn = match &mut *writer {
                Some(conn) => conn,
                none => none.insert(self.location.open_writer()?),
            };
            work(conn)
        };
        worked().map_err(|error| sqlite::at(&self.path, error))
    }

    fn empty_log(&self) -> Result<()> {
        self.alone(|conn| {
            // It is not cut off: where the disk is full, others would take the room.
            let emptied = conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
            emptied.doing("moving the log into the file")
        })
    }

    fn give_back(&self, pages: u32) -> Result<Option<u32>> {
        self.alone(|conn| {
            let doing = "giving free pages back";
            let free = |conn: &Connection| -> Result<u32> {
                conn.pragma_query_value(None, "freelist_count", |row| row.get(0)).doing(doing)
            };
            let before = free(conn)?;
            conn.execute_batch(&format!("PRAGMA incremental_vacuum({pages})")).doing(doing)?;
            Ok(Some(before.saturating_sub(free(conn)?)).filter(|given| *given > 0))
        })
    }

    /// Moves the write-ahead log into the file and closes the connection that writes.
    fn checkpoint(&self) -> Result<()> {
        // SQLite removes the log when its last connection closes, so ours are closed first.
        self.readers.close();
        let Some(conn) = locked(&self.writer).take() else { return Ok(()) };
        // Whoever reads just now keeps the log from being emptied; it is done at the next close.
        sqlite::be_patient(Duration::ZERO);
        let emptied = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        emptied.doing("moving the log into the file").map_err(|error| sqlite::at(&self.path, error))
    }
}

fn temporary_folder(within: &Path) -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix("tintype-").tempdir_in(within);
    made.map_err(|error| Error::temporary(within, &error))
}

fn uuid(conn: &Connection) -> Result<[u8; 16]> {
    conn.prepare_cached("SELECT uuid FROM store")
        .and_then(|mut find| find.query_row([], |row| row.get(0)))
        .doing("reading the store's own row")
}

/// Locks what a panic can't leave half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
