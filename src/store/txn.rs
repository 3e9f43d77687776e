//! What can be done within a transaction: reading in [`View`], changing in [`Transaction`].

use std::ops::Deref;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::codec::digest::Fields;
use crate::error::{Error, Result};
use crate::model::event::{Event, EventQuery};
use crate::model::id::{Tag, Version};
use crate::model::keep::Keep;
use crate::model::place::Place;
use crate::model::query::{Query, Selector};
use crate::model::snapshot::{Receipt, Snapshot};
use crate::model::time::Time;
use crate::store::events::{self, Head, Kind, Log};
use crate::store::gc::{self, Freed};
use crate::store::lanes::Lanes;
use crate::store::prepare::Prepared;
use crate::store::schema;
use crate::store::sqlite::Doing;
use crate::store::stats::{self, Stats};
use crate::store::{blobs, create, forget, query, rebase, retention, snapshots, tags};

/// One stable view of the store.
pub struct View<'c> {
    pub(crate) conn: &'c Connection,
}

impl View<'_> {
    /// The version that a word for it means.
    ///
    /// Fails with `NotFound` where there is none, and with `Ambiguous` where a prefix fits
    /// several.
    pub fn resolve(&self, selector: &Selector) -> Result<Version> {
        snapshots::resolve(self.conn, selector)
    }

    /// The forgotten version that a word for it means: the version itself, or the beginning of one
    /// alone. One that is said in full is given where it is not forgotten, too.
    ///
    /// Fails with `NotFound` where there is none, with `Ambiguous` where a prefix fits several, and
    /// with `Invalid` where the word is `latest` or `oldest`.
    pub fn resolve_forgotten(&self, selector: &Selector) -> Result<Version> {
        snapshots::resolve_forgotten(self.conn, selector)
    }

    /// Everything that is known about a snapshot but its content.
    pub fn get(&self, version: &Version) -> Result<Snapshot> {
        snapshots::get(self.conn, version)
    }

    /// The content of an artifact, byte for byte as it was given, checked against its hash.
    ///
    /// Fails with `NotFound` where the snapshot or the artifact is not there or has no content,
    /// with `TooLarge` above [`CONTENT_BYTES_MAX`](crate::store::CONTENT_BYTES_MAX), which a
    /// [reader](crate::Repository::reader) reads, and with `Corrupt` where it can't be proved intact.
    pub fn content(&self, version: &Version, artifact: &str) -> Result<Vec<u8>> {
        snapshots::content(self.conn, version, artifact)
    }

    /// The snapshots that a query describes, in its order.
    pub fn find(&self, query: &Query) -> Result<Vec<Snapshot>> {
        query::find(self.conn, query)
    }

    /// All versions, the newest first, ties by insertion. Of many, [`find`](View::find) gives a part at
    /// a time.
    pub fn versions(&self) -> Result<Vec<Version>> {
        query::versions(self.conn)
    }

    /// All tags, by name, with how many snapshots carry each.
    pub fn tags(&self) -> Result<Vec<(Tag, u64)>> {
        tags::counts(self.conn)
    }

    /// The changes that were made, as the log tells of them.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<Event>> {
        events::find(self.conn, query)
    }

    /// What is said about keeping snapshots, place by place.
    pub fn retention(&self) -> Result<Vec<(Place, Keep)>> {
        retention::all(self.conn)
    }

    /// The content of a blob.
    pub(crate) fn content_of(&self, row: &blobs::Row) -> Result<Vec<u8>> {
        blobs::read(self.conn, row)
    }

    /// The bytes of the file.
    pub(crate) fn file_bytes(&self) -> Result<u64> {
        stats::file_bytes(self.conn)
    }

    /// Counts and sizes of the whole store.
    pub fn stats(&self) -> Result<Stats> {
        stats::stats(self.conn)
    }
}

/// What the floor of records changes the store with: within a transaction, and with its log.
pub(crate) struct Records<'a> {
    pub(crate) conn: &'a Connection,
    /// When the transaction happens.
    pub(crate) now: Time,
    log: &'a mut Log,
}

impl Records<'_> {
    /// Notes a change in the log, and gives the number of the event. What it tells is all that
    /// replaying has.
    pub(crate) fn note(&mut self, kind: Kind, detail: &Value) -> Result<i64> {
        let seq = self.log.next_seq();
        let digest = Fields::new().text(&detail.to_string()).digest();
        self.log.append(self.conn, self.now, kind, None, Some(detail), digest).map(|()| seq)
    }
}

/// A transaction that changes the store: all of it happens, or nothing.
///
/// It reads what it has changed, through [`View`].
pub struct Transaction<'c> {
    view: View<'c>,
    lanes: &'c Lanes,
    log: Log,
    now: Time,
    /// What made SQLite give the whole transaction up.
    dead: Option<Error>,
}

impl<'c> Deref for Transaction<'c> {
    type Target = View<'c>;

    fn deref(&self) -> &View<'c> {
        &self.view
    }
}

impl<'c> Transaction<'c> {
    pub(crate) fn begin(conn: &'c Connection, lanes: &'c Lanes, now: Time) -> Result<Self> {
        schema::refuse_newer(conn)?;
        let log = Log::begin(conn)?;
        Ok(Transaction { view: View { conn }, lanes, log, now, dead: None })
    }

    /// Stores a prepared snapshot.
    ///
    /// Fails with `VersionExists` where its version is there already; then nothing of it is
    /// written, and the transaction can go on.
    pub fn create(&mut self, prepared: &Prepared) -> Result<Receipt> {
        // Whether this transaction commits is not known yet; what lanes end with is read anew.
        for content in &prepared.contents {
            self.lanes.forget(&content.lane);
        }
        self.create_queued(prepared)
    }

    /// Stores a snapshot of the queue, whose lanes are known to end with it.
    pub(crate) fn create_queued(&mut self, prepared: &Prepared) -> Result<Receipt> {
        let created = self.whole(|tx| {
            let conn = tx.view.conn;
            create::create(conn, tx.lanes, &mut tx.log, tx.now, prepared)
        });
        if created.is_err() {
            for content in &prepared.contents {
                self.lanes.forget(&content.lane);
            }
        }
        created
    }

    /// Puts tags on a snapshot. Those that it carries already stay as they are.
    pub fn tag(&mut self, version: &Version, tag: &Tag) -> Result<()> {
        self.whole(|tx| tx.change_tag(version, tag, Kind::Tag))
    }

    /// Takes a tag off a snapshot. One that it does not carry is no error.
    pub fn untag(&mut self, version: &Version, tag: &Tag) -> Result<()> {
        self.whole(|tx| tx.change_tag(version, tag, Kind::Untag))
    }

    /// Forgets a snapshot: queries and words for versions don't find it any more. It can be had back
    /// until it is purged, and its version is not free before that.
    ///
    /// Deltas on its content stay readable. Fails with `NotFound` where it is not there or forgotten
    /// already, and with `Pinned` where it carries the tag `pinned`.
    pub fn forget(&mut self, version: &Version) -> Result<()> {
        self.whole(|tx| forget::forget(tx.view.conn, &mut tx.log, tx.now, version))
    }

    /// Takes a forgotten snapshot back, with its tags. One that is not forgotten stays as it is.
    ///
    /// Fails with `NotFound` where there is none of this version, or it was purged.
    pub fn undelete(&mut self, version: &Version) -> Result<()> {
        self.whole(|tx| forget::undelete(tx.view.conn, &mut tx.log, tx.now, version))
    }

    /// Forgets every snapshot that is not pinned, and tells how many. They can be had back until they
    /// are purged.
    pub fn clear(&mut self) -> Result<u64> {
        self.whole(|tx| forget::clear(tx.view.conn, &mut tx.log, tx.now))
    }

    /// Says what is kept in a place and below it, where nothing else is said; with nothing, what is
    /// said above it holds again. It is applied to a place whenever a snapshot is stored there, in
    /// the transaction that stores it.
    ///
    /// Fails with `Invalid` where a rule would keep nothing.
    pub fn set_retention(&mut self, place: &Place, keep: Option<&Keep>) -> Result<()> {
        keep.map_or(Ok(()), Keep::check)?;
        self.whole(|tx| retention::set(tx.view.conn, &mut tx.log, tx.now, place, keep))
    }

    /// When it happens.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Changes what is kept beside snapshots.
    pub(crate) fn records<T>(
        &mut self,
        change: impl FnOnce(&mut Records<'_>) -> Result<T>,
    ) -> Result<T> {
        self.whole(|tx| change(&mut Records { conn: tx.view.conn, now: tx.now, log: &mut tx.log }))
    }

    /// Notes in the log that the store was made of what could be read of another.
    pub(crate) fn note_repair(&mut self, detail: &Value) -> Result<()> {
        self.records(|records| records.note(Kind::Repair, detail).map(drop))
    }

    /// Notes in the log that a backup was put in the place of what the store held.
    pub(crate) fn note_restore(&mut self, detail: &Value) -> Result<()> {
        self.records(|records| records.note(Kind::Restore, detail).map(drop))
    }

    /// Purges some of what was forgotten until then; tells what that freed.
    pub(crate) fn purge(&mut self, until: Time, limit: usize) -> Result<Freed> {
        self.whole(|tx| gc::purge(tx.view.conn, &mut tx.log, tx.now, until, limit))
    }

    /// Lets go of content that did not come in.
    pub(crate) fn end_leases(&mut self) -> Result<Freed> {
        self.whole(|tx| {
            let mut freed = Freed::default();
            gc::end_leases(tx.view.conn, tx.now, &mut freed).map(|()| freed)
        })
    }

    /// Puts deltas that were made anew into place; tells what that freed, or nothing where things
    /// have changed since they were made.
    pub(crate) fn replace(&mut self, plan: &rebase::Plan) -> Result<Option<Freed>> {
        self.whole(|tx| {
            let mut freed = Freed::default();
            Ok(gc::replace(tx.view.conn, plan, &mut freed)?.then_some(freed))
        })
    }

    fn change_tag(&mut self, version: &Version, tag: &Tag, kind: Kind) -> Result<()> {
        let id = snapshots::require(self.conn, version)?;
        let created = snapshots::created_of(self.conn, id)?;
        let changed = match kind {
            Kind::Untag => tags::take(self.conn, id, created, tag)?,
            _ => tags::put(self.conn, id, created, tag)?,
        };
        if !changed {
            return Ok(());
        }
        let digest = Fields::new().text(version.as_str()).text(tag.as_str()).digest();
        let detail = json!({"tag": tag});
        self.log.append(self.view.conn, self.now, kind, Some(id), Some(&detail), digest)
    }

    /// Does one change whole or not at all, whatever the caller makes of its error.
    ///
    /// A full disk, an I/O error or a lack of memory makes SQLite undo the whole transaction and
    /// leave it. What came after would be committed by itself, so nothing may: the transaction is
    /// dead, and ends with the error that killed it.
    fn whole<T>(&mut self, change: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.alive()?;
        let before = self.log.head();
        self.conn.execute_batch("SAVEPOINT change").doing("beginning a change")?;
        let result = change(self);
        let end = match result {
            Ok(_) => "RELEASE change",
            Err(_) => {
                self.log.rewind(before);
                "ROLLBACK TO change; RELEASE change"
            }
        };
        let ended = match self.conn.is_autocommit() {
            true => Err(left()),
            false => self.conn.execute_batch(end).doing("ending a change"),
        };
        if let Err(error) = &ended {
            self.dead = Some(result.as_ref().err().unwrap_or(error).again());
        }
        let value = result?;
        ended.map(|()| value)
    }

    /// Fails with what killed the transaction, if anything has.
    pub(crate) fn alive(&self) -> Result<()> {
        match &self.dead {
            Some(error) => Err(error.again()),
            None if self.conn.is_autocommit() => Err(left()),
            None => Ok(()),
        }
    }

    /// Where the log stands.
    pub(crate) fn head(&self) -> Head {
        self.log.head()
    }

    /// Writes the head of the log; the caller commits. Gives the head where it has moved.
    pub(crate) fn end(self) -> Result<Option<Head>> {
        self.alive()?;
        self.log.end(self.view.conn)
    }
}

fn left() -> Error {
    Error::Database { doing: "writing", source: "SQLite gave up the transaction".into() }
}
