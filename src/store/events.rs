//! The log: an event for each change, and the chain that ties them together.
//!
//! Each event carries a digest of what it changed and a chain: the digest of the chain before it
//! and of its own fields. The store's row keeps the last number and chain, so a row that is
//! changed, left out or added by anything but this module shows.
//!
//! **Invariant:** an event is written in the transaction of the change that it tells of.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::codec::digest::{Digest, Fields};
use crate::error::{Corruption, Error, Result};
use crate::model::time::Time;
use crate::store::sqlite::Doing;

/// What kinds of change there are. The numbers stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Init = 0,
    Create = 1,
    Tag = 2,
    Untag = 3,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Init, Kind::Create, Kind::Tag, Kind::Untag];

    pub(crate) fn from_code(code: i64) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as i64 == code)
    }
}

/// A row of the log.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) kind: i64,
    pub(crate) snapshot: Option<i64>,
    pub(crate) detail: Option<String>,
    pub(crate) digest: Digest,
    pub(crate) chain: Digest,
}

/// The last event: where the chain goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: i64,
    pub(crate) chain: Digest,
}

/// The chain of an event, from the chain of the one before it.
pub(crate) fn chain(before: &Digest, event: &Event) -> Digest {
    Fields::new()
        .bytes(before)
        .number(event.seq)
        .number(event.at)
        .number(event.kind)
        .number_or_none(event.snapshot)
        .text_or_none(event.detail.as_deref())
        .bytes(&event.digest)
        .digest()
}

/// The digest of what the first event tells: the store itself.
pub(crate) fn digest_of_store(uuid: &[u8], created: i64) -> Digest {
    Fields::new().bytes(uuid).number(created).digest()
}

/// Writes the store's row and the first event.
pub(crate) fn init(conn: &Connection, now: Time) -> Result<()> {
    let doing = "making the store";
    let uuid: [u8; 16] =
        conn.query_row("SELECT randomblob(16)", [], |row| row.get(0)).doing(doing)?;
    conn.execute(
        "INSERT INTO store (id, uuid, created_us, head_seq, head_chain) VALUES (1, ?1, ?2, 0, ?3)",
        params![uuid, now.micros(), [0_u8; 16]],
    )
    .doing(doing)?;
    let mut log = Log::begin(conn)?;
    let digest = digest_of_store(&uuid, now.micros());
    log.append(conn, now, Kind::Init, None, None, digest)?;
    log.end(conn).map(drop)
}

/// Reads where the chain stands.
pub(crate) fn head(conn: &Connection) -> Result<Head> {
    conn.prepare_cached("SELECT head_seq, head_chain FROM store")
        .and_then(|mut find| {
            find.query_row([], |row| Ok(Head { seq: row.get(0)?, chain: row.get(1)? })).optional()
        })
        .doing("reading the head of the log")?
        .ok_or_else(|| Corruption::of_store("the store's own row is missing").into())
}

/// Whether the log passes through a head that was noted.
pub(crate) fn passes(conn: &Connection, noted: &Head) -> Result<bool> {
    let chain: Option<Digest> = conn
        .prepare_cached("SELECT chain FROM event WHERE seq = ?1")
        .and_then(|mut find| find.query_row([noted.seq], |row| row.get(0)).optional())
        .doing("reading the log")?;
    Ok(chain == Some(noted.chain))
}

/// Events being written in one transaction.
pub(crate) struct Log {
    head: Head,
    begun: Head,
}

impl Log {
    /// Goes on where the chain stands.
    pub(crate) fn begin(conn: &Connection) -> Result<Self> {
        let head = head(conn)?;
        Ok(Log { head, begun: head })
    }

    /// The number that the next event will have.
    pub(crate) fn next_seq(&self) -> i64 {
        self.head.seq + 1
    }

    /// Where the chain stands now.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Forgets events that were rolled back.
    pub(crate) fn rewind(&mut self, head: Head) {
        self.head = head;
    }

    /// Writes an event.
    pub(crate) fn append(
        &mut self,
        conn: &Connection,
        at: Time,
        kind: Kind,
        snapshot: Option<i64>,
        detail: Option<&Value>,
        digest: Digest,
    ) -> Result<()> {
        let mut event = Event {
            seq: self.next_seq(),
            at: at.micros(),
            kind: kind as i64,
            snapshot,
            detail: detail.map(Value::to_string),
            digest,
            chain: [0; 16],
        };
        event.chain = chain(&self.head.chain, &event);
        conn.prepare_cached(
            "INSERT INTO event (seq, at_us, kind, snapshot_id, detail, digest, chain)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                event.seq,
                event.at,
                event.kind,
                event.snapshot,
                event.detail,
                event.digest,
                event.chain
            ])
        })
        .doing("writing an event")?;
        self.head = Head { seq: event.seq, chain: event.chain };
        Ok(())
    }

    /// Keeps the new head, and gives it, where there is one.
    pub(crate) fn end(self, conn: &Connection) -> Result<Option<Head>> {
        if self.head == self.begun {
            return Ok(None);
        }
        conn.prepare_cached("UPDATE store SET head_seq = ?1, head_chain = ?2")
            .and_then(|mut update| update.execute(params![self.head.seq, self.head.chain]))
            .doing("writing the head of the log")?;
        Ok(Some(self.head))
    }
}

/// Gives each event in order to `each`, which may end the reading with an error.
pub(crate) fn each(conn: &Connection, mut each: impl FnMut(Event) -> Result<()>) -> Result<()> {
    let doing = "reading the log";
    let mut all = conn
        .prepare(
            "SELECT seq, at_us, kind, snapshot_id, detail, digest, chain FROM event ORDER BY seq",
        )
        .doing(doing)?;
    let mut rows = all.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let event = (|| -> rusqlite::Result<Event> {
            Ok(Event {
                seq: row.get(0)?,
                at: row.get(1)?,
                kind: row.get(2)?,
                snapshot: row.get(3)?,
                detail: row.get(4)?,
                digest: row.get(5)?,
                chain: row.get(6)?,
            })
        })()
        .map_err(|error| {
            Error::from(Corruption::of_store(format!("a row of the log can't be read: {error}")))
        })?;
        each(event)?;
    }
    Ok(())
}
