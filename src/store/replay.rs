//! Replaying the log, and comparing what it tells with what stands in the file.
//!
//! The log is read a page at a time, each in a view of its own, so that checking a large store does
//! not keep the write-ahead log from being moved into the file. What may change is compared at the
//! end, in the view that saw the last event.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use crate::codec::digest::{Digest, Fields};
use crate::error::{Corruption, Error, Result};
use crate::store::events::{self, Event, Kind};
use crate::store::snapshots::{self, Record};
use crate::store::sqlite::Doing;
use crate::store::{contexts, forget, gc, retention};

/// Events that are read at once, and snapshots that are looked at together.
const BATCH: usize = 256;

/// What the log says that may change, as far as it was read.
#[derive(Default)]
pub(crate) struct Replay {
    /// Events that were read.
    pub(crate) events: u64,
    /// Snapshots that were compared with their events.
    pub(crate) snapshots: u64,
    seq: i64,
    chain: Digest,
    /// Which snapshot carries which tags.
    tags: HashMap<i64, BTreeSet<String>>,
    /// When a snapshot was forgotten.
    forgotten: HashMap<i64, i64>,
    /// What is kept where.
    retention: BTreeMap<String, String>,
    /// The versions of what was purged.
    purged: HashMap<i64, String>,
    /// Created snapshots that were not there when they were looked for.
    missing: Vec<i64>,
    /// Events on snapshots that were not there: the event, the snapshot, the tag if there is one.
    deferred: Vec<(i64, i64, Option<String>, Digest)>,
}

impl Replay {
    /// Replays some more of the log. Tells whether there may be more; where there is none, what was
    /// replayed has been compared with what stands in the file, and the replay is at its end.
    pub(crate) fn step(
        &mut self,
        conn: &Connection,
        found: &mut dyn FnMut(Corruption),
    ) -> Result<bool> {
        let page = events::page(conn, self.seq, BATCH)?;
        let more = page.len() == BATCH;
        let mut created = Vec::new();
        for event in page {
            self.follow(&event, found);
            match Kind::from_code(event.kind) {
                None => found(damaged(&event, "is of no known kind")),
                Some(Kind::Create) => {
                    self.tags.extend(initial_tags(&event).map(|tags| (event.seq, tags)));
                    created.push(event);
                }
                Some(Kind::Init) => check_store(conn, &event, found)?,
                Some(Kind::Purge) => self.purge(&event, found),
                Some(Kind::Retention) => self.retain(&event, found),
                // What they tell is compared on the floor of records.
                Some(Kind::Repair | Kind::Flag | Kind::Restore) => {
                    let told = Fields::new().text_or_none(event.detail.as_deref()).digest();
                    if told != event.digest {
                        found(damaged(&event, "does not tell what it told"));
                    }
                }
                Some(kind) => self.change(conn, kind, &event, found)?,
            }
        }
        self.compare_created(conn, &created, found)?;
        if !more {
            self.compare(conn, found)?;
        }
        Ok(more)
    }

    /// Checks that an event comes after the one before.
    fn follow(&mut self, event: &Event, found: &mut dyn FnMut(Corruption)) {
        self.events += 1;
        self.seq += 1;
        if event.seq != self.seq {
            found(Corruption::of_store(format!(
                "event {} should follow, but {} does",
                self.seq, event.seq
            )));
            self.seq = event.seq;
        } else if events::chain(&self.chain, event) != event.chain {
            found(damaged(event, "does not follow from the one before"));
        }
        self.chain = event.chain;
    }

    /// Compares created snapshots with their manifests.
    fn compare_created(
        &mut self,
        conn: &Connection,
        created: &[Event],
        found: &mut dyn FnMut(Corruption),
    ) -> Result<()> {
        let ids: Vec<i64> = created.iter().map(|event| event.seq).collect();
        let records = match snapshots::load(conn, &ids) {
            Ok(records) => records,
            // One that can't be read must not hide the others.
            Err(Error::Corrupt(damage)) if ids.len() == 1 => {
                found(damage);
                return Ok(());
            }
            Err(Error::Corrupt(_)) => {
                return created.iter().try_for_each(|event| {
                    self.compare_created(conn, std::slice::from_ref(event), found)
                });
            }
            Err(error) => return Err(error),
        };
        let records: HashMap<i64, Record> =
            records.into_iter().map(|record| (record.id, record)).collect();
        for event in created {
            let Some(record) = records.get(&event.seq) else {
                self.missing.push(event.seq);
                continue;
            };
            self.snapshots += 1;
            if snapshots::manifest(record) != event.digest {
                found(of_record(record, "is not what was stored: a row of it was changed"));
            } else if let Err(Error::Corrupt(damage)) = snapshots::believe(record.clone()) {
                found(damage);
            } else if record.version.parse().is_ok_and(|version| {
                snapshots::is_chosen(&version, record.created) != record.chosen
            }) {
                found(of_record(record, "can't be found by its version: chosen is wrong"));
            }
        }
        Ok(())
    }

    /// Follows a change to one snapshot.
    fn change(
        &mut self,
        conn: &Connection,
        kind: Kind,
        event: &Event,
        found: &mut dyn FnMut(Corruption),
    ) -> Result<()> {
        let detail = detail(event);
        let tag = detail["tag"].as_str().map(str::to_owned);
        let on_tag = matches!(kind, Kind::Tag | Kind::Untag);
        let (Some(id), true) = (event.snapshot, tag.is_some() == on_tag) else {
            found(damaged(event, "does not name what it changed"));
            return Ok(());
        };
        let version: Option<String> = conn
            .prepare_cached("SELECT version FROM snapshot WHERE id = ?1")
            .and_then(|mut find| find.query_row([id], |row| row.get(0)).optional())
            .doing("checking the log")?;
        match version {
            Some(version) if told(&version, tag.as_deref()) == event.digest => {}
            Some(_) => found(damaged(event, "tells of another snapshot or tag")),
            None => self.deferred.push((event.seq, id, tag.clone(), event.digest)),
        }
        match (kind, tag) {
            (Kind::Untag, Some(tag)) => {
                self.tags.entry(id).or_default().remove(&tag);
            }
            (_, Some(tag)) => {
                self.tags.entry(id).or_default().insert(tag);
            }
            (Kind::Undelete, None) => {
                self.forgotten.remove(&id);
            }
            (_, None) => {
                self.forgotten.insert(id, event.at);
            }
        }
        Ok(())
    }

    fn purge(&mut self, event: &Event, found: &mut dyn FnMut(Corruption)) {
        let purged: Vec<(i64, String)> =
            serde_json::from_value(detail(event)["purged"].clone()).unwrap_or_default();
        let told = gc::told(purged.iter().map(|(id, version)| (*id, version.as_str())));
        if told != event.digest {
            found(damaged(event, "does not tell what it told"));
        }
        for (id, version) in purged {
            self.tags.remove(&id);
            if self.forgotten.remove(&id).is_none() {
                found(damaged(event, &format!("purges {version}, which was not forgotten")));
            }
            self.purged.insert(id, version);
        }
    }

    fn retain(&mut self, event: &Event, found: &mut dyn FnMut(Corruption)) {
        let detail = detail(event);
        let (place, keep) = (detail["place"].as_str().unwrap_or_default(), detail["keep"].as_str());
        if retention::told(place, keep) != event.digest {
            found(damaged(event, "does not tell what it told"));
        }
        match keep {
            Some(keep) => self.retention.insert(place.to_owned(), keep.to_owned()),
            None => self.retention.remove(place),
        };
    }

    /// Compares what the log tells with what stands in the file.
    fn compare(&mut self, conn: &Connection, found: &mut dyn FnMut(Corruption)) -> Result<()> {
        let head = events::head(conn)?;
        if (head.seq, head.chain) != (self.seq, self.chain) {
            found(Corruption::of_store(format!(
                "the log ends at event {}; the store's row says {}, or another chain",
                self.seq, head.seq
            )));
        }
        for id in &self.missing {
            if !self.purged.contains_key(id) {
                found(Corruption::of_store(format!(
                    "the snapshot that event {id} created is missing"
                )));
            }
        }
        for (seq, id, tag, digest) in &self.deferred {
            let known = self.purged.get(id);
            if known.is_none_or(|version| told(version, tag.as_deref()) != *digest) {
                found(Corruption::of_store(format!(
                    "event {seq} tells of a snapshot or tag that is not there"
                )));
            }
        }
        self.compare_snapshots(conn, found)?;
        self.compare_tags(conn, found)?;
        let mut stand = BTreeMap::new();
        for (place, keep) in retention::texts(conn)? {
            stand.insert(contexts::place_of(conn, place)?.to_string(), keep);
        }
        if stand != self.retention {
            found(Corruption::of_store("what is kept in places is not what the log tells of"));
        }
        Ok(())
    }

    /// Compares which snapshots there are, and which are forgotten.
    fn compare_snapshots(
        &self,
        conn: &Connection,
        found: &mut dyn FnMut(Corruption),
    ) -> Result<()> {
        let doing = "checking snapshots";
        let mut list = conn.prepare("SELECT id, forgotten_us FROM snapshot").doing(doing)?;
        let mut rows = list.query([]).doing(doing)?;
        let mut forgotten: HashSet<i64> = HashSet::new();
        while let Some(row) = rows.next().doing(doing)? {
            let (id, at): (i64, Option<i64>) = (row.get(0).doing(doing)?, row.get(1).doing(doing)?);
            if self.purged.contains_key(&id) {
                found(of_id(conn, id, "is there, but the log tells that it was purged"));
            }
            forgotten.extend(at.map(|_| id));
            match (at, self.forgotten.get(&id).copied()) {
                (at, told) if at == told => {}
                (Some(_), None) => {
                    found(of_id(conn, id, "is marked forgotten, but no event tells of it"));
                }
                _ => found(of_id(conn, id, "was forgotten, but is not marked so as the log tells")),
            }
        }
        let mut list = conn
            .prepare(
                "SELECT id FROM snapshot
                 WHERE NOT EXISTS (SELECT 1 FROM event WHERE seq = snapshot.id AND kind = 1)",
            )
            .doing(doing)?;
        let mut rows = list.query([]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let id = row.get(0).doing(doing)?;
            found(of_id(conn, id, "is there, but no event tells that it was created"));
        }
        Ok(())
    }

    /// Compares which snapshots carry which tags.
    fn compare_tags(&mut self, conn: &Connection, found: &mut dyn FnMut(Corruption)) -> Result<()> {
        let doing = "checking tags";
        let mut stand: HashMap<i64, BTreeSet<String>> = HashMap::new();
        let mut list = conn
            .prepare(
                "SELECT snapshot_id, tag.name, snapshot_tag.created_us = snapshot.created_us
                 FROM snapshot_tag
                 LEFT JOIN tag ON tag.id = tag_id
                 LEFT JOIN snapshot ON snapshot.id = snapshot_id",
            )
            .doing(doing)?;
        let mut rows = list.query([]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let id: i64 = row.get(0).doing(doing)?;
            match (row.get::<_, Option<String>>(1), row.get::<_, Option<bool>>(2)) {
                (Ok(Some(tag)), Ok(Some(true))) => {
                    stand.entry(id).or_default().insert(tag);
                }
                _ => found(of_id(conn, id, "has a tag whose row is damaged")),
            }
        }
        self.tags.retain(|_, tags| !tags.is_empty());
        let ids: BTreeSet<i64> = self.tags.keys().chain(stand.keys()).copied().collect();
        for id in ids {
            if self.tags.get(&id) != stand.get(&id) {
                found(of_id(conn, id, "carries other tags than the log tells of"));
            }
        }
        Ok(())
    }
}

fn told(version: &str, tag: Option<&str>) -> Digest {
    match tag {
        Some(tag) => Fields::new().text(version).text(tag).digest(),
        None => forget::told(version),
    }
}

fn check_store(conn: &Connection, event: &Event, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    let (uuid, created): (Vec<u8>, i64) = conn
        .query_row("SELECT uuid, created_us FROM store", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing("checking the store's own row")?;
    if events::digest_of_store(&uuid, created) != event.digest {
        found(Corruption::of_store("the store's own row is not what event 1 tells"));
    }
    Ok(())
}

fn detail(event: &Event) -> Value {
    let text = event.detail.as_deref();
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn initial_tags(event: &Event) -> Option<BTreeSet<String>> {
    let detail = detail(event);
    let tags = detail["tags"].as_array()?;
    Some(tags.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn damaged(event: &Event, detail: &str) -> Corruption {
    Corruption::of_store(format!("event {} {detail}", event.seq))
}

fn of_record(record: &Record, detail: &str) -> Corruption {
    match record.version.parse() {
        Ok(version) => Corruption::of_snapshot(&version, detail),
        Err(_) => Corruption::of_store(format!("snapshot number {} {detail}", record.id)),
    }
}

fn of_id(conn: &Connection, id: i64, detail: &str) -> Corruption {
    let version: Option<String> =
        conn.query_row("SELECT version FROM snapshot WHERE id = ?1", [id], |row| row.get(0)).ok();
    match version.and_then(|version| version.parse().ok()) {
        Some(version) => Corruption::of_snapshot(&version, detail),
        None => Corruption::of_store(format!("snapshot number {id} {detail}")),
    }
}
