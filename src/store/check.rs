//! Looking for damage: does the file say what its log says, and is the content what its name says?
//!
//! What is found goes to `found`, and the looking goes on; only what keeps a whole check from
//! being made is an error.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::Connection;

use crate::error::{Corruption, Error, Result};
use crate::store::blobs::{self, PIECES, Row};
use crate::store::note::Note;
use crate::store::pieces::{self, Parts};
use crate::store::sqlite::Doing;
use crate::store::{events, schema};

/// Contents that are looked at in one view.
const BATCH: usize = 256;
/// Bytes of decoded content that are held while all of it is read, to decode deltas on.
const CACHE_BYTES: usize = 32 * 1024 * 1024;
/// Bytes that are decoded at once.
const STEP_BYTES: u64 = 128 * 1024 * 1024;

/// Tables that Litestream keeps in each file that it replicates. They hold nothing of ours.
const OF_OTHERS: [&str; 2] = ["_litestream_lock", "_litestream_seq"];

/// What SQLite's own check says about the file; nothing where it is whole.
pub(crate) fn file(conn: &Connection, quick: bool) -> Result<Vec<String>> {
    let doing = "checking the file";
    let sql = if quick { "PRAGMA quick_check" } else { "PRAGMA integrity_check" };
    let mut check = conn.prepare(sql).doing(doing)?;
    let rows = check.query_map([], |row| row.get::<_, String>(0)).doing(doing)?;
    let mut lines = rows.collect::<rusqlite::Result<Vec<_>>>().doing(doing)?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}

/// A number that is another one after a backup was put into the store. Events and rows that were
/// looked at before are none of what stands there then.
pub(crate) fn cookie(conn: &Connection) -> Result<i64> {
    conn.pragma_query_value(None, "schema_version", |row| row.get(0)).doing("checking the file")
}

/// References between rows that lead nowhere.
pub(crate) fn references(conn: &Connection, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    let doing = "checking references";
    let mut check = conn.prepare("PRAGMA foreign_key_check").doing(doing)?;
    let mut rows = check.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let (table, parent): (String, String) =
            (row.get(0).doing(doing)?, row.get(2).doing(doing)?);
        found(Corruption::of_store(format!("a row of {table} refers to no row of {parent}")));
    }
    Ok(())
}

/// Whether the log came as far as the note beside the file says.
pub(crate) fn note(conn: &Connection, note: &Note) -> Result<Option<Corruption>> {
    if events::passes(conn, &note.head)? {
        return Ok(None);
    }
    let (had, head) = (note.head.seq, events::head(conn)?.seq);
    Ok(Some(Corruption::of_store(match had > head {
        true => format!(
            "the log ends at event {head}, but had come to {had}: what was committed since is lost"
        ),
        false => format!(
            "event {had} is not the one that was committed: what followed some event before it was \
             lost, and other events were written since"
        ),
    })))
}

/// Whether the file is made as a fresh one is: its schema word for word, and its settings.
pub(crate) fn shape(
    conn: &Connection,
    in_file: bool,
    with_log: bool,
    found: &mut dyn FnMut(Corruption),
) -> Result<()> {
    let doing = "checking the schema";
    let (here, fresh) = (schema::statements(conn)?, schema::fresh_statements()?);
    for [kind, name, ..] in fresh.iter().filter(|statement| !here.contains(statement)) {
        found(Corruption::of_store(format!("{kind} {name} is missing or was changed")));
    }
    let known = |name: &String| fresh.iter().any(|[_, known, ..]| known == name);
    let of_others = |kind: &str, name: &str| kind == "table" && OF_OTHERS.contains(&name);
    let strange = here.iter().filter(|[kind, name, ..]| !known(name) && !of_others(kind, name));
    for [kind, name, ..] in strange {
        found(Corruption::of_store(format!("{kind} {name} does not belong to a store")));
    }
    for (setting, value) in schema::SETTINGS {
        let is: i64 = conn.pragma_query_value(None, setting, |row| row.get(0)).doing(doing)?;
        if is != value && in_file {
            found(Corruption::of_store(format!("{setting} is {is} instead of {value}")));
        }
    }
    let mode: String =
        conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).doing(doing)?;
    if with_log && mode != "wal" {
        found(Corruption::of_store(format!("journal_mode is {mode} instead of wal")));
    }
    let odd: i64 = conn
        .query_row(
            "SELECT (SELECT count(*) FROM place LEFT JOIN place AS parent ON parent.id = place.parent_id
                      WHERE place.level <> coalesce(parent.level + 1, 0))
                  + (SELECT count(*) FROM lane
                      WHERE NOT EXISTS (SELECT 1 FROM place WHERE id = place_id AND level = 4)
                         OR NOT EXISTS (SELECT 1 FROM name WHERE id = name_id)
                         OR blob_id > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'blob'), 0))
                  + (SELECT count(*) FROM sqlite_sequence WHERE name <> 'blob')
                  + (SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'blob'), 0)
                            < coalesce(max(id), 0) FROM blob)",
            [],
            |row| row.get(0),
        )
        .doing(doing)?;
    if odd > 0 {
        found(Corruption::of_store(format!(
            "{odd} rows of place, lane or sqlite_sequence are damaged"
        )));
    }
    Ok(())
}

/// How many events there are, as the store's row says.
pub(crate) fn events(conn: &Connection) -> Result<u64> {
    Ok(events::head(conn)?.seq.max(0) as u64)
}

/// How many contents there are.
pub(crate) fn blobs(conn: &Connection) -> Result<u64> {
    conn.query_row("SELECT count(*) FROM blob", [], |row| row.get(0)).doing("counting contents")
}

/// Checks what the rows of contents say of each other.
pub(crate) fn chains(conn: &Connection, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    let doing = "checking chains of deltas";
    let mut list = conn
        .prepare(
            "SELECT blob.id FROM blob LEFT JOIN blob AS base ON base.id = blob.base_id
             WHERE blob.base_id IS NOT NULL AND coalesce(blob.depth <= base.depth, 1)
                OR blob.base_id IS NULL AND blob.depth <> 0
             UNION
             SELECT max(id) FROM blob GROUP BY hash HAVING count(*) > 1",
        )
        .doing(doing)?;
    let ids = list
        .query_map([], |row| row.get(0))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<i64>>>()
        .doing(doing)?;
    let odd = pieces::odd(conn)?.into_iter().map(|id| (id, "pieces"));
    for (id, what) in ids.into_iter().map(|id| (id, "chain")).chain(odd) {
        if let Some(row) = blobs::by_id(conn, id)? {
            let detail = format!("has a row that does not fit its {what}");
            let damage = Corruption::of_blob(row.hash, detail);
            for damage in holders(conn, id, damage)? {
                found(damage);
            }
        }
    }
    Ok(())
}

/// Checks that content which no snapshot holds is listed as such, and no other.
pub(crate) fn loose(conn: &Connection, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    let (unlisted, held): (u64, u64) = conn
        .query_row(
            "SELECT (SELECT count(*) FROM blob
                      WHERE NOT EXISTS (SELECT 1 FROM artifact WHERE blob_id = blob.id)
                        AND NOT EXISTS (SELECT 1 FROM piece WHERE piece_id = blob.id)
                        AND NOT EXISTS (SELECT 1 FROM loose WHERE blob_id = blob.id)),
                    (SELECT count(*) FROM loose
                      WHERE until_us IS NULL
                        AND EXISTS (SELECT 1 FROM artifact WHERE blob_id = loose.blob_id))",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .doing("checking content that no snapshot holds")?;
    if unlisted > 0 {
        found(Corruption::of_store(format!("{unlisted} contents belong to nothing")));
    }
    if held > 0 {
        found(Corruption::of_store(format!(
            "{held} contents are held by snapshots, but listed as if they were not"
        )));
    }
    Ok(())
}

/// Names the artifacts that damaged content belongs to, as a whole or a piece; the content alone
/// where none does.
fn holders(conn: &Connection, blob: i64, damage: Corruption) -> Result<Vec<Corruption>> {
    let doing = "looking for what holds damaged content";
    let mut list = conn
        .prepare_cached(
            "SELECT snapshot.version, name.text FROM artifact
             JOIN snapshot ON snapshot.id = snapshot_id JOIN name ON name.id = name_id
             WHERE blob_id IN (SELECT ?1 UNION SELECT blob_id FROM piece WHERE piece_id = ?1)
             ORDER BY snapshot_id",
        )
        .doing(doing)?;
    let rows = list
        .query_map([blob], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<(String, String)>>>()
        .doing(doing)?;
    let named: Vec<_> = rows
        .into_iter()
        .filter_map(|(version, name)| Some(damage.clone().within(&version.parse().ok()?, &name)))
        .collect();
    Ok(if named.is_empty() { vec![damage] } else { named })
}

/// Decodes all contents and checks each against its hash, a page of rows at a time.
#[derive(Default)]
pub(crate) struct DataCheck {
    after: i64,
    pub(crate) blobs: u64,
    pub(crate) bytes: u64,
    contents: HashMap<i64, Arc<[u8]>>,
    order: VecDeque<i64>,
    held: usize,
    /// Large content of which some pieces were read.
    large: Option<Parts>,
    decoded: u64,
}

impl DataCheck {
    /// Checks the next contents; tells whether there are more.
    pub(crate) fn step(
        &mut self,
        conn: &Connection,
        found: &mut dyn FnMut(Corruption),
    ) -> Result<bool> {
        let until = self.decoded + STEP_BYTES;
        self.go_on(conn, until, found)?;
        if self.large.is_some() {
            return Ok(true);
        }
        let page = blobs::ids(conn, self.after, BATCH)?;
        for id in &page {
            self.after = *id;
            self.blobs += 1;
            let row = blobs::by_id(conn, *id)?
                .ok_or_else(|| Corruption::of_store("content went while it was checked"))?;
            if row.codec == PIECES {
                self.large = Some(Parts::of(row));
                self.go_on(conn, until, found)?;
            } else {
                match self.decode(conn, &row) {
                    Ok(content) => {
                        self.bytes += content.len() as u64;
                        self.keep(*id, content);
                    }
                    Err(Error::Corrupt(damage)) => {
                        holders(conn, *id, damage)?.into_iter().for_each(&mut *found);
                    }
                    Err(error) => return Err(error),
                }
            }
            if self.large.is_some() || self.decoded >= until {
                return Ok(true);
            }
        }
        Ok(!page.is_empty())
    }

    /// Decodes on the base where that was checked already, else through the whole chain.
    fn decode(&mut self, conn: &Connection, row: &Row) -> Result<Arc<[u8]>> {
        self.decoded += row.bytes;
        Ok(blobs::read_on(conn, row, &|id| self.contents.get(&id).cloned())?.into())
    }

    /// Reads on in large content, so that all of it is compared with its hash. Each of its pieces
    /// is checked, and counted, when its own turn comes.
    fn go_on(
        &mut self,
        conn: &Connection,
        until: u64,
        found: &mut dyn FnMut(Corruption),
    ) -> Result<()> {
        let Some(mut parts) = self.large.take() else { return Ok(()) };
        while self.decoded < until {
            match parts.next(conn, &|id| self.contents.get(&id).cloned()) {
                Ok(Some(part)) => self.decoded += part.len() as u64,
                // At its end, or purged since its first piece was read.
                Ok(None) | Err(Error::NotFound { .. }) => return Ok(()),
                Err(Error::Corrupt(damage)) => {
                    if damage.blob == Some(parts.row().hash) {
                        holders(conn, parts.row().id, damage)?.into_iter().for_each(&mut *found);
                    }
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.large = Some(parts);
        Ok(())
    }

    fn keep(&mut self, id: i64, content: Arc<[u8]>) {
        self.held += content.len();
        self.order.push_back(id);
        self.contents.insert(id, content);
        while self.held > CACHE_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.held -= self.contents.remove(&oldest).map_or(0, |content| content.len());
        }
    }
}
