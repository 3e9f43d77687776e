//! Tags on snapshots.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Result;
use crate::model::id::Tag;
use crate::store::sqlite::Doing;

/// Puts a tag on a snapshot; tells whether it was new there.
pub(crate) fn put(conn: &Connection, snapshot: i64, created: i64, tag: &Tag) -> Result<bool> {
    let id = match find(conn, tag)? {
        Some(id) => id,
        None => conn
            .prepare_cached("INSERT INTO tag (name) VALUES (?1)")
            .and_then(|mut insert| insert.insert([tag.as_str()]))
            .doing("writing a tag")?,
    };
    conn.prepare_cached(
        "INSERT INTO snapshot_tag (tag_id, created_us, snapshot_id) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
    )
    .and_then(|mut insert| insert.execute(params![id, created, snapshot]))
    .map(|rows| rows > 0)
    .doing("writing a tag")
}

/// Takes a tag off a snapshot; tells whether it was there.
pub(crate) fn take(conn: &Connection, snapshot: i64, created: i64, tag: &Tag) -> Result<bool> {
    let Some(id) = find(conn, tag)? else { return Ok(false) };
    let gone = conn
        .prepare_cached(
            "DELETE FROM snapshot_tag WHERE tag_id = ?1 AND created_us = ?2 AND snapshot_id = ?3",
        )
        .and_then(|mut delete| delete.execute(params![id, created, snapshot]))
        .doing("taking off a tag")?;
    conn.prepare_cached(
        "DELETE FROM tag WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM snapshot_tag WHERE tag_id = ?1)",
    )
    .and_then(|mut delete| delete.execute([id]))
    .doing("taking off a tag")?;
    Ok(gone > 0)
}

/// The number of a tag, if anything carries it.
pub(crate) fn find(conn: &Connection, tag: &Tag) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM tag WHERE name = ?1")
        .and_then(|mut find| find.query_row([tag.as_str()], |row| row.get(0)).optional())
        .doing("looking for a tag")
}

/// Whether a snapshot carries a tag.
pub(crate) fn carries(conn: &Connection, snapshot: i64, created: i64, tag: &Tag) -> Result<bool> {
    let Some(id) = find(conn, tag)? else { return Ok(false) };
    conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM snapshot_tag
                        WHERE tag_id = ?1 AND created_us = ?2 AND snapshot_id = ?3)",
    )
    .and_then(|mut find| find.query_row(params![id, created, snapshot], |row| row.get(0)))
    .doing("looking for a tag")
}

/// The tags of a snapshot, by name.
pub(crate) fn of(conn: &Connection, snapshot: i64) -> Result<Vec<Tag>> {
    let doing = "reading tags";
    let mut list = conn
        .prepare_cached(
            "SELECT name FROM snapshot_tag JOIN tag ON tag.id = tag_id
             WHERE snapshot_id = ?1 ORDER BY name",
        )
        .doing(doing)?;
    let rows = list
        .query_map([snapshot], |row| row.get(0))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<String>>>()
        .doing(doing)?;
    rows.into_iter().map(|name| name.parse()).collect()
}

/// Takes all tags off a snapshot that is purged.
pub(crate) fn clear(conn: &Connection, snapshot: i64, created: i64) -> Result<()> {
    of(conn, snapshot)?.iter().try_for_each(|tag| take(conn, snapshot, created, tag).map(drop))
}

/// All tags that snapshots carry which are not forgotten, with how many carry each, by name.
pub(crate) fn counts(conn: &Connection) -> Result<Vec<(Tag, u64)>> {
    let doing = "counting tags";
    let mut list = conn
        .prepare_cached(
            "SELECT tag.name, count(*) FROM tag
             JOIN snapshot_tag ON tag_id = tag.id
             JOIN snapshot ON snapshot.id = snapshot_id AND forgotten_us IS NULL
             GROUP BY tag.id ORDER BY tag.name",
        )
        .doing(doing)?;
    let rows = list
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<_>>>()
        .doing(doing)?;
    rows.into_iter().map(|(name, count)| Ok((name.parse()?, count))).collect()
}
