//! The connections that read, lent out one at a time.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use r2d2::ManageConnection;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::model::time::Stopwatch;
use crate::store::schema::{self, Location};
use crate::store::sqlite::Doing;

/// Connections that read at once; whoever needs more waits.
const READERS_MAX: u32 = 8;
/// How long a connection is waited for. Readers are short, so that one that takes longer has stopped.
const LENT_MAX: Duration = Duration::from_secs(60);
/// How long closing waits for the pool's own thread to let go of what it has in hand.
const LET_GO: Duration = Duration::from_secs(1);

/// The pool of connections that read; empty for good once it is closed.
pub(crate) struct Readers {
    pool: Mutex<Option<r2d2::Pool<Places>>>,
    sqlite: SqliteConnectionManager,
    /// Held by each connection too, so that it tells whether any is open.
    open: Arc<()>,
}

impl Readers {
    /// A pool for a store; connections are opened when they are first needed.
    pub(crate) fn new(location: &Location) -> Self {
        let (uri, flags) = location.reader();
        let open = Arc::new(());
        let sqlite =
            SqliteConnectionManager::file(uri).with_flags(flags).with_init(schema::set_up_reader);
        let pool = r2d2::Pool::builder()
            .max_size(READERS_MAX)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(LENT_MAX)
            .build_unchecked(Places { open: open.clone() });
        Readers { pool: Mutex::new(Some(pool)), sqlite, open }
    }

    /// Lends a connection, waiting while all are lent.
    ///
    /// It is opened here where it is not open yet, not by the pool: that tries again until nobody
    /// waits any longer, and then can't tell what was wrong.
    pub(crate) fn lend<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let fail =
            |source| Error::Database { doing: "waiting for a connection to read with", source };
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let pool = pool.ok_or_else(|| fail("the store is closed".into()))?;
        let mut place = pool.get().map_err(|source| fail(Box::new(source)))?;
        let conn = match &mut place.conn {
            Some(conn) => conn,
            none => none.insert(self.sqlite.connect().doing("opening the store")?),
        };
        read(conn)
    }

    /// Closes all connections.
    ///
    /// The pool has a thread of its own, which may hold it for a moment longer than we do. SQLite
    /// removes its write-ahead log when the last connection closes, so a process that ended before
    /// that thread let go would leave the log behind.
    pub(crate) fn close(&self) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).take();
        let watch = Stopwatch::start();
        while Arc::strong_count(&self.open) > 1 && watch.elapsed() < LET_GO {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// Makes places for connections for the pool.
pub(crate) struct Places {
    open: Arc<()>,
}

/// A connection of the pool, once it was opened. The fields are dropped in their order: closed, then
/// counted off.
pub(crate) struct Place {
    conn: Option<Connection>,
    _open: Arc<()>,
}

impl ManageConnection for Places {
    type Connection = Place;
    type Error = Infallible;

    fn connect(&self) -> Result<Place, Infallible> {
        Ok(Place { conn: None, _open: self.open.clone() })
    }

    fn is_valid(&self, _: &mut Place) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, place: &mut Place) -> bool {
        place.conn.is_none()
    }
}
