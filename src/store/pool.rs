//! The connections that read, lent out one at a time.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use r2d2::{ManageConnection, PooledConnection};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::model::time::Stopwatch;
use crate::store::schema::{self, Location};

/// Connections that read at once; whoever needs more waits.
const READERS_MAX: u32 = 8;
/// How long a connection is waited for. Readers are short, so that this is a store whose file can
/// no longer be opened.
const LENT_MAX: Duration = Duration::from_secs(60);
/// How long closing waits for the pool's own thread to let go of what it has just opened.
const LET_GO: Duration = Duration::from_secs(1);

/// The pool of connections that read; empty for good once it is closed.
pub(crate) struct Readers {
    pool: Mutex<Option<r2d2::Pool<Manager>>>,
    /// Held by each connection too, so that it tells whether any is open.
    open: Arc<()>,
}

impl Readers {
    /// A pool for a store; connections are opened when they are first needed.
    pub(crate) fn new(location: &Location) -> Self {
        let (uri, flags) = location.reader();
        let open = Arc::new(());
        let manager = Manager {
            sqlite: SqliteConnectionManager::file(uri)
                .with_flags(flags)
                .with_init(schema::set_up_reader),
            open: open.clone(),
        };
        let pool = r2d2::Pool::builder()
            .max_size(READERS_MAX)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(LENT_MAX)
            .build_unchecked(manager);
        Readers { pool: Mutex::new(Some(pool)), open }
    }

    /// Lends a connection, waiting while all are lent.
    pub(crate) fn get(&self) -> Result<PooledConnection<Manager>> {
        let fail =
            |source| Error::Database { doing: "waiting for a connection to read with", source };
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let pool = pool.ok_or_else(|| fail("the store is closed".into()))?;
        pool.get().map_err(|source| fail(Box::new(source)))
    }

    /// Closes all connections.
    ///
    /// The pool opens connections on a thread of its own, which may hold the pool for a moment
    /// longer than we do. SQLite removes its write-ahead log when the last connection closes, so
    /// a process that ended before that thread let go would leave the log behind.
    pub(crate) fn close(&self) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).take();
        let watch = Stopwatch::start();
        while Arc::strong_count(&self.open) > 1 && watch.elapsed() < LET_GO {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// Opens connections for the pool.
pub(crate) struct Manager {
    sqlite: SqliteConnectionManager,
    open: Arc<()>,
}

/// A connection of the pool. Its fields are dropped in their order: closed, then counted off.
pub(crate) struct Reader {
    conn: Connection,
    _open: Arc<()>,
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.conn
    }
}

impl ManageConnection for Manager {
    type Connection = Reader;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Reader> {
        Ok(Reader { conn: self.sqlite.connect()?, _open: self.open.clone() })
    }

    fn is_valid(&self, reader: &mut Reader) -> rusqlite::Result<()> {
        self.sqlite.is_valid(&mut reader.conn)
    }

    fn has_broken(&self, reader: &mut Reader) -> bool {
        self.sqlite.has_broken(&mut reader.conn)
    }
}
