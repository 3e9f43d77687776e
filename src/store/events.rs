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
use crate::error::{Corruption, Error, Result, What};
use crate::model::event::{self, EventKind, EventQuery};
use crate::model::time::Time;
use crate::store::snapshots;
use crate::store::sqlite::Doing;

pub(crate) use crate::model::event::EventKind as Kind;

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

/// The events that follow `after` in their order, at most `limit`.
pub(crate) fn page(conn: &Connection, after: i64, limit: usize) -> Result<Vec<Event>> {
    let doing = "reading the log";
    let mut list = conn
        .prepare_cached(
            "SELECT seq, at_us, kind, snapshot_id, detail, digest, chain FROM event
             WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )
        .doing(doing)?;
    let mut rows = list.query(params![after, limit as i64]).doing(doing)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().doing(doing)? {
        let read = || -> rusqlite::Result<Event> {
            Ok(Event {
                seq: row.get(0)?,
                at: row.get(1)?,
                kind: row.get(2)?,
                snapshot: row.get(3)?,
                detail: row.get(4)?,
                digest: row.get(5)?,
                chain: row.get(6)?,
            })
        };
        events.push(read().map_err(|error| {
            Corruption::of_store(format!("a row of the log can't be read: {error}"))
        })?);
    }
    Ok(events)
}

/// The events that a query describes, for people and programs.
pub(crate) fn find(conn: &Connection, query: &EventQuery) -> Result<Vec<event::Event>> {
    let doing = "reading the log";
    let snapshot = match &query.version {
        Some(version) => {
            let id = snapshots::id_of(conn, version)?;
            Some(id.ok_or_else(|| Error::not_found(What::Snapshot, version))?)
        }
        None => None,
    };
    let (after, order) = match query.oldest_first {
        true => ("seq > ?1", "ORDER BY event.seq"),
        false => ("seq < ?1", "ORDER BY event.seq DESC"),
    };
    let sql = [
        "SELECT seq, at_us, kind, version, detail FROM event
         LEFT JOIN snapshot ON snapshot.id = coalesce(snapshot_id, seq) WHERE ",
        after,
        " AND (?2 IS NULL OR snapshot_id = ?2 OR seq = ?2) AND (?3 IS NULL OR kind = ?3)
           AND (?5 IS NULL OR at_us >= ?5) ",
        order,
        " LIMIT ?4",
    ]
    .concat();
    let start = if query.oldest_first { 0 } else { i64::MAX };
    let after = query.after.map_or(start, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let kind = query.kind.map(|kind| kind as i64);
    let since = query.since.map(Time::micros);
    let mut list = conn.prepare_cached(&sql).doing(doing)?;
    let rows = list
        .query_map(params![after, snapshot, kind, limit, since], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<(u64, i64, i64, Option<String>, Option<String>)>>>()
        .doing(doing)?;
    let told =
        |(seq, at, kind, version, detail): (u64, i64, i64, Option<String>, Option<String>)| {
            let damaged =
                |what: &str| Error::from(Corruption::of_store(format!("event {seq}: {what}")));
            Ok(event::Event {
                seq,
                at: Time::from_micros(at)?,
                kind: EventKind::from_code(kind)
                    .ok_or_else(|| damaged("it is of no known kind"))?,
                version: version
                    .map(|version| snapshots::stored("version", version))
                    .transpose()?,
                detail: detail
                    .map(|text| serde_json::from_str(&text))
                    .transpose()
                    .map_err(|error| damaged(&error.to_string()))?,
            })
        };
    rows.into_iter().map(told).collect()
}
