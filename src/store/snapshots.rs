//! Snapshots in the file: found by their names, read whole, known by their manifest.

use std::collections::HashMap;
use std::str::FromStr;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde_json::{Map, json};

use crate::codec::digest::{Digest, Fields};
use crate::error::{Corruption, Error, Result, What};
use crate::model::artifact::{Artifact, ArtifactStatus};
use crate::model::context::Context;
use crate::model::id::{ArtifactName, BlobHash, Tag, Version};
use crate::model::query::Selector;
use crate::model::snapshot::{DeltaPolicy, Draft, Snapshot, Status};
use crate::model::time::Time;
use crate::store::blobs::{self, PIECES, Row};
use crate::store::sqlite::{self, Doing};
use crate::store::{contexts, pieces, tags};

/// A snapshot as its rows say it, before anything is believed.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: i64,
    pub(crate) version: String,
    pub(crate) chosen: bool,
    pub(crate) created: i64,
    pub(crate) context: Context,
    pub(crate) status: i64,
    pub(crate) forgotten: Option<i64>,
    pub(crate) based_on: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) user_info: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) artifacts: Vec<ArtifactRecord>,
}

/// An artifact as its rows say it.
#[derive(Debug, Clone)]
pub(crate) struct ArtifactRecord {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) status: i64,
    pub(crate) entries: Option<i64>,
    pub(crate) took: Option<i64>,
    pub(crate) reason: Option<String>,
    pub(crate) blob: Option<Row>,
    pub(crate) base: Option<BlobHash>,
    pub(crate) pieces: u64,
}

/// The digest of all that never changes about a snapshot.
pub(crate) fn manifest(record: &Record) -> Digest {
    let mut fields = Fields::new();
    fields
        .text(&record.version)
        .number(record.created)
        .text(&record.context.to_string())
        .number(record.status)
        .text_or_none(record.based_on.as_deref())
        .text_or_none(record.description.as_deref())
        .text_or_none(record.user_info.as_deref())
        .number(record.artifacts.len() as i64);
    let mut artifacts: Vec<_> = record.artifacts.iter().collect();
    artifacts.sort_by(|a, b| a.name.cmp(&b.name));
    for artifact in artifacts {
        fields
            .text(&artifact.name)
            .text(&artifact.media_type)
            .number(artifact.status)
            .number_or_none(artifact.entries)
            .number_or_none(artifact.took)
            .text_or_none(artifact.reason.as_deref());
        if let Some(blob) = &artifact.blob {
            fields.bytes(&blob.hash.0).number(blob.bytes as i64);
        }
    }
    fields.digest()
}

/// The blob that the content of a draft's artifact goes on from: that of the version that it is
/// based on, else that of its lane.
pub(crate) fn before(conn: &Connection, draft: &Draft, name: &ArtifactName) -> Result<Option<i64>> {
    let here = |base: &Version| -> Result<bool> {
        Ok(!draft.base_elsewhere || matches!(find(conn, base)?, Some((_, false))))
    };
    match &draft.based_on {
        _ if draft.delta == DeltaPolicy::Never => return Ok(None),
        Some(base) if here(base)? => return counterpart(conn, base, name),
        _ => {}
    }
    let newest = newest_in_lane(conn, &draft.context, name)?;
    if newest.is_some() || !draft.based_on_latest {
        return Ok(newest);
    }
    // Its only artifact may have another name than that of the snapshot before.
    let Some(place) = contexts::find_place(conn, &draft.context)? else { return Ok(None) };
    match newest_in_place(conn, place)? {
        Some(latest) => counterpart(conn, &latest, name),
        None => Ok(None),
    }
}

/// The blob at the end of a lane, if there is one.
fn newest_in_lane(
    conn: &Connection,
    context: &Context,
    name: &ArtifactName,
) -> Result<Option<i64>> {
    let Some(place) = contexts::find_place(conn, context)? else { return Ok(None) };
    let Some(name) = contexts::find_name(conn, name.as_str())? else { return Ok(None) };
    conn.prepare_cached(
        "SELECT blob.id FROM lane JOIN blob ON blob.id = blob_id
         WHERE place_id = ?1 AND name_id = ?2",
    )
    .and_then(|mut find| find.query_row(params![place, name], |row| row.get(0)).optional())
    .doing("looking for the newest content")
}

/// The blob of a version's artifact of this name, or of its only artifact.
fn counterpart(conn: &Connection, version: &Version, name: &ArtifactName) -> Result<Option<i64>> {
    let id = require(conn, version)?;
    let doing = "looking for the artifact that this one comes from";
    let mut list = conn
        .prepare_cached(
            "SELECT name.text, blob_id FROM artifact JOIN name ON name.id = name_id
             WHERE snapshot_id = ?1 AND blob_id IS NOT NULL",
        )
        .doing(doing)?;
    let found = list
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<(String, i64)>>>()
        .doing(doing)?;
    let same = found.iter().find(|(text, _)| text == name.as_str());
    let lone = found.first().filter(|_| found.len() == 1);
    Ok(same.or(lone).map(|(_, blob)| *blob))
}

/// So many of the last changes are looked at one by one for the newest snapshot of a place, before all
/// snapshots of the place are.
const RECENT: i64 = 1_000;

/// The version that was stored last in a place, of those that are not forgotten.
pub(crate) fn newest_in_place(conn: &Connection, place: i64) -> Result<Option<Version>> {
    let doing = "looking for the newest snapshot of a place";
    // In a place where much is stored it is among the last ones; elsewhere there are few.
    let recent: Option<String> = conn
        .prepare_cached(
            "SELECT version FROM snapshot
             WHERE id > (SELECT max(seq) FROM event) - ?2 AND +place_id = ?1
               AND forgotten_us IS NULL
             ORDER BY id DESC LIMIT 1",
        )
        .and_then(|mut find| find.query_row([place, RECENT], |row| row.get(0)).optional())
        .doing(doing)?;
    let newest = match recent {
        Some(version) => Some(version),
        None => conn
            .prepare_cached(
                "SELECT version FROM snapshot WHERE id =
                   (SELECT max(id) FROM snapshot WHERE place_id = ?1 AND forgotten_us IS NULL)",
            )
            .and_then(|mut find| find.query_row([place], |row| row.get(0)).optional())
            .doing(doing)?,
    };
    newest.map(|version| stored("version", version)).transpose()
}

/// Whether a version is found by itself, rather than by the time that it tells.
pub(crate) fn is_chosen(version: &Version, created: i64) -> bool {
    version.made_time().map(Time::micros) != Some(created)
}

/// The number of a version, and whether it is forgotten.
pub(crate) fn find(conn: &Connection, version: &Version) -> Result<Option<(i64, bool)>> {
    let doing = "looking for a snapshot";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    if let Some(time) = version.made_time() {
        let made = conn
            .prepare_cached(
                "SELECT id, forgotten_us IS NOT NULL FROM snapshot
                 WHERE created_us = ?1 AND version = ?2 AND chosen = 0",
            )
            .and_then(|mut find| {
                find.query_row(params![time.micros(), version.as_str()], row).optional()
            })
            .doing(doing)?;
        if made.is_some() {
            return Ok(made);
        }
    }
    conn.prepare_cached(
        "SELECT id, forgotten_us IS NOT NULL FROM snapshot WHERE version = ?1 AND chosen = 1",
    )
    .and_then(|mut find| find.query_row([version.as_str()], row).optional())
    .doing(doing)
}

/// The number of a version, forgotten or not.
pub(crate) fn id_of(conn: &Connection, version: &Version) -> Result<Option<i64>> {
    Ok(find(conn, version)?.map(|(id, _)| id))
}

/// The number of a version that is there and not forgotten, or an error that names it.
pub(crate) fn require(conn: &Connection, version: &Version) -> Result<i64> {
    match find(conn, version)? {
        Some((id, false)) => Ok(id),
        _ => Err(Error::not_found(What::Snapshot, version)),
    }
}

/// When a snapshot of this number was taken, in microseconds.
pub(crate) fn created_of(conn: &Connection, id: i64) -> Result<i64> {
    conn.prepare_cached("SELECT created_us FROM snapshot WHERE id = ?1")
        .and_then(|mut find| find.query_row([id], |row| row.get(0)))
        .doing("looking for a snapshot")
}

/// The version that a person's word for it means.
pub(crate) fn resolve(conn: &Connection, selector: &Selector) -> Result<Version> {
    let doing = "looking for a snapshot";
    let (tag, newest) = match selector {
        Selector::Prefix(prefix) => return by_prefix(conn, prefix, Among::Live),
        Selector::Latest(tag) => (tag, true),
        Selector::Oldest(tag) => (tag, false),
    };
    let found: Option<String> = match tag {
        None => conn
            .prepare_cached(if newest {
                "SELECT version FROM snapshot WHERE forgotten_us IS NULL
                 ORDER BY created_us DESC, id DESC LIMIT 1"
            } else {
                "SELECT version FROM snapshot WHERE forgotten_us IS NULL
                 ORDER BY created_us, id LIMIT 1"
            })
            .and_then(|mut find| find.query_row([], |row| row.get(0)).optional())
            .doing(doing)?,
        Some(tag) => {
            let id = tags::find(conn, tag)?.ok_or_else(|| Error::not_found(What::Tag, tag))?;
            conn.prepare_cached(if newest {
                "SELECT version FROM snapshot_tag AS t JOIN snapshot ON id = snapshot_id
                 WHERE tag_id = ?1 AND forgotten_us IS NULL
                 ORDER BY t.created_us DESC, t.snapshot_id DESC LIMIT 1"
            } else {
                "SELECT version FROM snapshot_tag AS t JOIN snapshot ON id = snapshot_id
                 WHERE tag_id = ?1 AND forgotten_us IS NULL
                 ORDER BY t.created_us, t.snapshot_id LIMIT 1"
            })
            .and_then(|mut find| find.query_row([id], |row| row.get(0)).optional())
            .doing(doing)?
        }
    };
    stored("version", found.ok_or_else(|| Error::not_found(What::Snapshot, selector))?)
}

/// The version that a person's word for it means among those that are forgotten. One that is said in
/// full is given in any case where it is there.
pub(crate) fn resolve_forgotten(conn: &Connection, selector: &Selector) -> Result<Version> {
    match selector {
        Selector::Prefix(prefix) => by_prefix(conn, prefix, Among::Forgotten),
        Selector::Latest(_) | Selector::Oldest(_) => {
            let why = "a forgotten snapshot is named by its version, or the beginning of it";
            Err(Error::invalid("version", selector, why))
        }
    }
}

/// Which snapshots the beginning of a version is looked for among.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    Live,
    Forgotten,
}

fn by_prefix(conn: &Connection, prefix: &str, among: Among) -> Result<Version> {
    let doing = "looking for a snapshot";
    let exact: Version = prefix.parse()?;
    if id_of(conn, &exact)?.is_some() {
        // One that is forgotten must not become another that begins so.
        return match among {
            Among::Live => require(conn, &exact).map(|_| exact),
            Among::Forgotten => Ok(exact),
        };
    }
    let forgotten = Sql::Integer((among == Among::Forgotten).into());
    // Every text that begins so lies between the prefix and the prefix with the last character
    // of Unicode after it.
    let last = format!("{prefix}\u{10FFFF}");
    let mut ask: Vec<(&str, &str, Vec<Sql>)> = vec![(
        "SELECT version FROM snapshot
         WHERE version >= ?1 AND version <= ?2 AND chosen = 1
           AND (forgotten_us IS NOT NULL) = ?3
         ORDER BY version LIMIT 2",
        "SELECT count(*) FROM snapshot
         WHERE version >= ?1 AND version <= ?2 AND chosen = 1
           AND (forgotten_us IS NOT NULL) = ?3",
        vec![Sql::Text(prefix.to_owned()), Sql::Text(last.clone()), forgotten.clone()],
    )];
    if let Some((first, until)) = Version::made_times(prefix) {
        ask.push((
            "SELECT version FROM snapshot
             WHERE created_us BETWEEN ?4 AND ?5 AND chosen = 0
               AND version >= ?1 AND version <= ?2 AND (forgotten_us IS NOT NULL) = ?3
             ORDER BY created_us, version LIMIT 2",
            "SELECT count(*) FROM snapshot
             WHERE created_us BETWEEN ?4 AND ?5 AND chosen = 0
               AND version >= ?1 AND version <= ?2 AND (forgotten_us IS NOT NULL) = ?3",
            vec![
                Sql::Text(prefix.to_owned()),
                Sql::Text(last),
                forgotten,
                Sql::Integer(first.micros()),
                Sql::Integer(until.micros()),
            ],
        ));
    }
    let mut found: Vec<String> = Vec::new();
    for (list, _, values) in &ask {
        let mut list = conn.prepare_cached(list).doing(doing)?;
        let rows = list.query_map(params_from_iter(values), |row| row.get(0)).doing(doing)?;
        found.extend(rows.collect::<rusqlite::Result<Vec<_>>>().doing(doing)?);
    }
    found.sort();
    match found.as_slice() {
        [] => Err(Error::not_found(
            match among {
                Among::Live => What::Snapshot,
                Among::Forgotten => What::Forgotten,
            },
            prefix,
        )),
        [version] => stored("version", version.clone()),
        [first, second, ..] => {
            let mut count: u64 = 0;
            for (_, sql, values) in &ask {
                let counted: u64 =
                    conn.query_row(sql, params_from_iter(values), |row| row.get(0)).doing(doing)?;
                count += counted;
            }
            let examples = (stored("version", first.clone())?, stored("version", second.clone())?);
            Err(Error::Ambiguous { prefix: prefix.to_owned(), count, examples })
        }
    }
}

/// Reads snapshots by their numbers, in that order. What is not there is left out.
pub(crate) fn load(conn: &Connection, ids: &[i64]) -> Result<Vec<Record>> {
    let wanted = json!(ids).to_string();
    let doing = "reading snapshots";
    let mut records: HashMap<i64, (Record, i64, Option<i64>)> = HashMap::with_capacity(ids.len());
    let mut list = conn
        .prepare_cached(
            "SELECT id, version, created_us, place_id, session_id, status, forgotten_us, based_on,
                    description, user_info, chosen
             FROM snapshot WHERE id IN (SELECT value FROM json_each(?1))",
        )
        .doing(doing)?;
    let mut rows = list.query([&wanted]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let read = || -> rusqlite::Result<_> {
            let record = Record {
                id: row.get(0)?,
                version: row.get(1)?,
                chosen: row.get(10)?,
                created: row.get(2)?,
                context: Context::default(),
                status: row.get(5)?,
                forgotten: row.get(6)?,
                based_on: row.get(7)?,
                description: row.get(8)?,
                user_info: row.get(9)?,
                tags: Vec::new(),
                artifacts: Vec::new(),
            };
            Ok((record, row.get(3)?, row.get(4)?))
        };
        let (record, place, session) = read().map_err(unreadable)?;
        records.insert(record.id, (record, place, session));
    }
    let mut known: HashMap<(i64, Option<i64>), Context> = HashMap::new();
    for (record, place, session) in records.values_mut() {
        record.context = match known.get(&(*place, *session)) {
            Some(context) => context.clone(),
            None => contexts::context_of(conn, *place, *session).map_err(|error| match error {
                Error::Corrupt(damage) => damage_of(&record.version, damage.detail).into(),
                error => error,
            })?,
        };
        known.insert((*place, *session), record.context.clone());
    }

    let mut list = conn
        .prepare_cached(
            "SELECT artifact.snapshot_id, name.text, media.text, artifact.status, artifact.entries,
                    artifact.took_us, artifact.reason, artifact.blob_id, blob.hash, blob.codec,
                    blob.bytes, blob.base_id,
                    CASE blob.codec WHEN ?2
                      THEN (SELECT max(part.depth) FROM piece JOIN blob AS part ON part.id = piece_id
                             WHERE piece.blob_id = blob.id)
                      ELSE blob.depth END,
                    blob.position,
                    CASE blob.codec WHEN ?2
                      THEN (SELECT sum(length(part.data)) FROM piece
                            JOIN blob AS part ON part.id = piece_id WHERE piece.blob_id = blob.id)
                      ELSE length(blob.data) END,
                    base.hash,
                    CASE blob.codec WHEN ?2
                      THEN (SELECT count(*) FROM piece WHERE piece.blob_id = blob.id)
                      ELSE 0 END
             FROM artifact
             LEFT JOIN name ON name.id = name_id
             LEFT JOIN name AS media ON media.id = media_id
             LEFT JOIN blob ON blob.id = artifact.blob_id
             LEFT JOIN blob AS base ON base.id = blob.base_id
             WHERE artifact.snapshot_id IN (SELECT value FROM json_each(?1))
             ORDER BY artifact.snapshot_id, name.text",
        )
        .doing(doing)?;
    let mut rows = list.query(params![wanted, PIECES]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let id: i64 = row.get(0).map_err(unreadable)?;
        let Some((record, ..)) = records.get_mut(&id) else { continue };
        let read = || -> rusqlite::Result<ArtifactRecord> {
            let blob = match row.get::<_, Option<i64>>(7)? {
                None => None,
                Some(id) => Some(Row {
                    id,
                    hash: BlobHash(row.get(8)?),
                    codec: row.get(9)?,
                    bytes: row.get(10)?,
                    base: row.get(11)?,
                    depth: row.get(12)?,
                    position: row.get(13)?,
                    stored: row.get(14)?,
                }),
            };
            Ok(ArtifactRecord {
                name: row.get(1)?,
                media_type: row.get(2)?,
                status: row.get(3)?,
                entries: row.get(4)?,
                took: row.get(5)?,
                reason: row.get(6)?,
                blob,
                base: row.get::<_, Option<[u8; 32]>>(15)?.map(BlobHash),
                pieces: row.get(16)?,
            })
        };
        let artifact = read().map_err(|error| damage_of(&record.version, error.to_string()))?;
        record.artifacts.push(artifact);
    }

    let mut list = conn
        .prepare_cached(
            "SELECT snapshot_id, tag.name FROM snapshot_tag JOIN tag ON tag.id = tag_id
             WHERE snapshot_id IN (SELECT value FROM json_each(?1)) ORDER BY tag.name",
        )
        .doing(doing)?;
    let mut rows = list.query([&wanted]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        if let Some((record, ..)) = records.get_mut(&row.get(0).map_err(unreadable)?) {
            record.tags.push(row.get(1).map_err(unreadable)?);
        }
    }
    Ok(ids.iter().filter_map(|id| records.remove(id)).map(|(record, ..)| record).collect())
}

fn unreadable(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(_) => sqlite::from_sqlite("reading snapshots", error),
        None => Corruption::of_store(format!("a row of a snapshot can't be read: {error}")).into(),
    }
}

fn damage_of(version: &str, detail: String) -> Corruption {
    match version.parse() {
        Ok(version) => Corruption::of_snapshot(&version, detail),
        Err(_) => Corruption::of_store(detail),
    }
}

/// Parses what was checked when it was stored.
pub(crate) fn stored<T: FromStr<Err = Error>>(what: &str, text: String) -> Result<T> {
    text.parse().map_err(|error| {
        Corruption::of_store(format!("a stored {what} can't be read: {error}")).into()
    })
}

/// The code of a value in the file.
pub(crate) fn code<T: PartialEq + Copy>(all: &[T], value: T) -> i64 {
    // `all` lists every value, in the order of the codes.
    all.iter().position(|known| *known == value).unwrap_or_default() as i64
}

/// The value of a code in the file.
pub(crate) fn value<T: Copy>(all: &[T], what: &str, code: i64) -> Result<T> {
    usize::try_from(code)
        .ok()
        .and_then(|code| all.get(code))
        .copied()
        .ok_or_else(|| Corruption::of_store(format!("{what} {code} is not known")).into())
}

/// Believes a record, where everything in it can be.
pub(crate) fn believe(record: Record) -> Result<Snapshot> {
    let version: Version = stored("version", record.version.clone())?;
    let here = version.clone();
    let read = move || -> Result<Snapshot> {
        let user_info = match &record.user_info {
            None => Map::new(),
            Some(text) => serde_json::from_str(text).map_err(|error| {
                Corruption::of_store(format!("its user info can't be read: {error}"))
            })?,
        };
        Ok(Snapshot {
            version,
            created_at: Time::from_micros(record.created)?,
            context: record.context,
            status: value(&Status::ALL, "status", record.status)?,
            tags: record
                .tags
                .into_iter()
                .map(|tag| stored::<Tag>("tag", tag))
                .collect::<Result<_>>()?,
            description: record.description,
            user_info,
            based_on: record.based_on.map(|base| stored("version", base)).transpose()?,
            forgotten_at: record.forgotten.map(Time::from_micros).transpose()?,
            artifacts: record
                .artifacts
                .into_iter()
                .map(|artifact| {
                    let blob = artifact.blob.as_ref();
                    Ok(Artifact {
                        name: stored("artifact name", artifact.name)?,
                        media_type: artifact.media_type,
                        status: value(&ArtifactStatus::ALL, "artifact status", artifact.status)?,
                        reason: artifact.reason,
                        took_ms: artifact.took.map(|took| took as u64 / 1000),
                        hash: blob.map(|blob| blob.hash),
                        bytes: blob.map_or(0, |blob| blob.bytes),
                        entries: artifact.entries.map(|entries| entries as u64),
                        stored: blob.map_or(0, |blob| blob.stored),
                        base: artifact.base,
                        depth: blob.map_or(0, |blob| blob.depth),
                        pieces: artifact.pieces,
                    })
                })
                .collect::<Result<_>>()?,
        })
    };
    read().map_err(|error| match error {
        Error::Corrupt(mut damage) if damage.version.is_none() => {
            damage.version = Some(here);
            damage.into()
        }
        Error::Invalid { .. } => Corruption::of_snapshot(&here, error.to_string()).into(),
        error => error,
    })
}

/// The snapshot of a version.
pub(crate) fn get(conn: &Connection, version: &Version) -> Result<Snapshot> {
    let id = require(conn, version)?;
    let record = load(conn, &[id])?.pop();
    believe(record.ok_or_else(|| Error::not_found(What::Snapshot, version))?)
}

/// The row of the content of a version's artifact.
pub(crate) fn held(conn: &Connection, version: &Version, name: &str) -> Result<Row> {
    let id = require(conn, version)?;
    let blob: Option<Option<i64>> = conn
        .prepare_cached(
            "SELECT blob_id FROM artifact
             WHERE snapshot_id = ?1 AND name_id = (SELECT id FROM name WHERE text = ?2)",
        )
        .and_then(|mut find| find.query_row(params![id, name], |row| row.get(0)).optional())
        .doing("looking for an artifact")?;
    let missing = || Error::not_found(What::Artifact, format!("{name} in snapshot {version}"));
    let blob = blob.flatten().ok_or_else(missing)?;
    blobs::by_id(conn, blob)?
        .ok_or_else(|| Corruption::of_store("its content is missing").within(version, name).into())
}

/// The content of a version's artifact, checked.
pub(crate) fn content(conn: &Connection, version: &Version, name: &str) -> Result<Vec<u8>> {
    let row = held(conn, version, name)?;
    let what = || format!("artifact {name} of snapshot {version}");
    pieces::read(conn, &row, &what).map_err(|error| match error {
        Error::Corrupt(damage) => damage.within(version, name).into(),
        error => error,
    })
}
