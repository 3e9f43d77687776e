//! What the callers' threads and the writing thread share: connections, hints, the clock; how reading
//! and writing begin and end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::ThreadId;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::codec::digest::Digest;
use crate::error::{Error, Result};
use crate::model::snapshot::Receipt;
use crate::model::time::{Clock, Time};
use crate::store::events::Head;
use crate::store::gather::{Gathered, InHand};
use crate::store::lanes::Lanes;
use crate::store::note::{self, Note};
use crate::store::pool::Readers;
use crate::store::schema::Location;
use crate::store::sqlite::{self, Doing};
use crate::store::writer::Queue;
use crate::store::{Prepared, Transaction, check, events};

/// What the callers' threads and the writing thread share.
pub(crate) struct Shared {
    pub(crate) location: Location,
    pub(crate) path: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) busy_timeout: Duration,
    pub(crate) readers: Readers,
    /// The connection that writes, opened when something is first written.
    pub(crate) writer: Mutex<Option<Connection>>,
    /// The note beside the file, kept open.
    pub(crate) noted: Mutex<note::Raised>,
    /// The thread that is within a transaction that writes.
    pub(crate) writing: Mutex<Option<ThreadId>>,
    /// The store's own id, once it was read.
    pub(crate) uuid: OnceLock<Digest>,
    pub(crate) lanes: Lanes,
    pub(crate) queue: Queue,
    /// The last time that was told, so that no two are the same.
    pub(crate) last: Mutex<Time>,
    pub(crate) salt: AtomicU32,
    pub(crate) commits: AtomicU64,
    /// What gathers beside the store and is written with what others change.
    pub(crate) gathered: Gathered,
    /// How often this process changed what is kept beside snapshots.
    pub(crate) beside: AtomicU64,
}

impl Shared {
    /// Seeds what makes versions differ, and looks whether the log lost its end.
    pub(crate) fn begin(&self) -> Result<()> {
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
    pub(crate) fn note(&self) -> Option<Note> {
        let (Location::File(path) | Location::Frozen(path)) = &self.location else { return None };
        note::read(path).filter(|note| Some(&note.store) == self.uuid.get())
    }

    /// Lets the note beside the file say this, or nothing, whatever it said before.
    pub(crate) fn say(&self, head: Option<Head>) {
        let (Location::File(path), Some(store)) = (&self.location, self.uuid.get()) else { return };
        if let Err(error) = note::say(path, head.map(|head| Note { store: *store, head })) {
            log::warn!("the note beside {} was not written: {error}", path.display());
        }
    }

    /// Fails where this thread is within a transaction that writes: it would wait for itself.
    pub(crate) fn refuse_nested(&self) -> Result<()> {
        if *locked(&self.writing) == Some(std::thread::current().id()) {
            let source = "this thread is within a transaction; write through that".into();
            return Err(Error::Database { doing: "beginning to write", source });
        }
        Ok(())
    }

    /// The present moment, later than any that was told before.
    pub(crate) fn now(&self) -> Time {
        let now = self.clock.now();
        let mut last = locked(&self.last);
        *last = now.max(last.plus(Duration::from_micros(1)));
        *last
    }

    /// Lends a connection that reads.
    pub(crate) fn reading<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        sqlite::be_patient(self.busy_timeout);
        self.readers.lend(read).map_err(|error| sqlite::at(&self.path, error))
    }

    /// Changes the store in one transaction.
    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.refuse_nested()?;
        self.write_with(locked(&self.writer), change)
    }

    pub(crate) fn write_with<T>(
        &self,
        mut writer: MutexGuard<'_, Option<Connection>>,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        /// Says that nobody writes any more, however the writing ended.
        struct Writing<'s>(&'s Mutex<Option<ThreadId>>);
        impl Drop for Writing<'_> {
            fn drop(&mut self) {
                *locked(self.0) = None;
            }
        }
        let written = || -> Result<T> {
            sqlite::be_patient(self.busy_timeout);
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
            let begun = tx.head();
            let value = change(&mut tx)?;
            let in_hand = self.gathered.write(&mut tx, false)?;
            let head = tx.end()?;
            sql.commit().doing("committing")?;
            in_hand.committed();
            self.commits.fetch_add(1, Ordering::Relaxed);
            if let (Location::File(path), Some(head), Some(store)) =
                (&self.location, head, self.uuid.get())
            {
                locked(&self.noted).raise(path, Note { store: *store, head }, |noted| {
                    // A backup that was put back since has ended the log that this was written to.
                    let is_past = |head| events::passes(conn, head).unwrap_or(false);
                    *noted == begun || is_past(noted) && is_past(&head)
                });
            }
            Ok(value)
        };
        written().map_err(|error| sqlite::at(&self.path, error))
    }

    /// Writes what has gathered beside the store, in a transaction of its own.
    pub(crate) fn settle(&self) -> Result<()> {
        if !self.gathered.is_waiting() {
            return Ok(());
        }
        let mut in_hand = None;
        self.write(|tx| {
            in_hand = Some(self.gathered.write(tx, true)?);
            Ok(())
        })?;
        in_hand.into_iter().for_each(InHand::committed);
        Ok(())
    }

    /// Takes it that a prepared snapshot will be stored: the next of its lanes goes on from it.
    pub(crate) fn expect(&self, prepared: &Prepared) {
        for content in &prepared.contents {
            let Some(held) = &content.content else {
                // Whether it becomes the end of its lane shows when it is stored.
                self.lanes.forget(&content.lane);
                continue;
            };
            if let Some(chain) = content.chain_after() {
                self.lanes.keep(content.hash, held.clone());
                self.lanes.set_chain(content.lane.clone(), chain);
            }
        }
    }

    /// Stores a snapshot on the caller's own thread where nobody else writes: to hand it to another
    /// and be told takes longer than to write it. Nothing where somebody does.
    pub(crate) fn store_alone(&self, prepared: &Prepared) -> Option<Result<Receipt>> {
        if self.refuse_nested().is_err() || !self.queue.is_idle() {
            return None;
        }
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.expect(prepared);
        let mut stored = None;
        let written = self.write_with(writer, |tx| {
            stored = Some(tx.create_queued(prepared));
            tx.alive()
        });
        if written.is_err() {
            prepared.contents.iter().for_each(|content| self.lanes.forget(&content.lane));
        }
        Some(written.and_then(|()| {
            let gone = || Error::Database { doing: "storing", source: "it came to no end".into() };
            let stored = stored.unwrap_or_else(|| Err(gone()));
            stored.map_err(|error| sqlite::at(&self.path, error))
        }))
    }

    /// Moves the write-ahead log into the file. Who reads from it is waited for where `patient`, else
    /// it is done as far as that allows.
    pub(crate) fn empty_log(&self, patient: bool) -> Result<()> {
        self.alone(|conn| {
            if !patient {
                sqlite::be_patient(Duration::ZERO);
            }
            // It is not cut off: where the disk is full, others would take the room.
            let emptied = conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
            emptied.doing("moving the log into the file")
        })
    }

    pub(crate) fn give_back(&self, pages: u32) -> Result<Option<u32>> {
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

    pub(crate) fn close_gaps(&self) -> Result<bool> {
        let closed = self.alone(|conn| {
            conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").doing("closing gaps")
        });
        match closed {
            Ok(()) => Ok(true),
            Err(Error::Locked { .. } | Error::NoSpace { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Does what needs the connection that writes, and no transaction.
    pub(crate) fn alone<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.refuse_nested()?;
        sqlite::be_patient(self.busy_timeout);
        let mut writer = locked(&self.writer);
        let done = match &mut *writer {
            Some(conn) => work(conn),
            none => self.location.open_writer().and_then(|conn| work(none.insert(conn))),
        };
        done.map_err(|error| sqlite::at(&self.path, error))
    }

    /// Moves the write-ahead log into the file and closes the connection that writes.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        // SQLite removes the log when its last connection closes, so ours are closed first.
        self.readers.close();
        let Some(conn) = locked(&self.writer).take() else { return Ok(()) };
        // Whoever reads just now keeps the log from being emptied; it is done at the next close.
        sqlite::be_patient(Duration::ZERO);
        let emptied = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        emptied.doing("moving the log into the file").map_err(|error| sqlite::at(&self.path, error))
    }
}

fn uuid(conn: &Connection) -> Result<[u8; 16]> {
    conn.prepare_cached("SELECT uuid FROM store")
        .and_then(|mut find| find.query_row([], |row| row.get(0)))
        .doing("reading the store's own row")
}

/// Locks what a panic can't leave half done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
