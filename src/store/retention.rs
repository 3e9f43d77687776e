//! What is said about keeping snapshots, place by place.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::codec::digest::{Digest, Fields};
use crate::error::{Corruption, Result};
use crate::model::keep::Keep;
use crate::model::place::Place;
use crate::model::time::Time;
use crate::store::contexts;
use crate::store::events::{Kind, Log};
use crate::store::sqlite::Doing;

/// Says what is kept in a place and below it, or that nothing is said there any more.
pub(crate) fn set(
    conn: &Connection,
    log: &mut Log,
    now: Time,
    place: &Place,
    keep: Option<&Keep>,
) -> Result<()> {
    let doing = "saying what is kept";
    let node = match keep {
        Some(_) => Some(contexts::intern_node(conn, place)?),
        None => contexts::find_node(conn, place)?,
    };
    let Some(node) = node else { return Ok(()) };
    let before = said(conn, node)?;
    let text = keep.map(|keep| json!(keep).to_string());
    if before == text {
        return Ok(());
    }
    match &text {
        Some(text) => conn
            .prepare_cached(
                "INSERT INTO retention (place_id, keep) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET keep = excluded.keep",
            )
            .and_then(|mut set| set.execute(params![node, text])),
        None => conn
            .prepare_cached("DELETE FROM retention WHERE place_id = ?1")
            .and_then(|mut unset| unset.execute([node])),
    }
    .doing(doing)?;
    let place = place.to_string();
    let digest = told(&place, text.as_deref());
    let detail: Value = json!({"place": place, "keep": text});
    log.append(conn, now, Kind::Retention, None, Some(&detail), digest)
}

/// The digest of an event that tells what is kept where.
pub(crate) fn told(place: &str, keep: Option<&str>) -> Digest {
    Fields::new().text(place).text_or_none(keep).digest()
}

fn said(conn: &Connection, node: i64) -> Result<Option<String>> {
    conn.prepare_cached("SELECT keep FROM retention WHERE place_id = ?1")
        .and_then(|mut find| find.query_row([node], |row| row.get(0)).optional())
        .doing("looking for what is kept")
}

/// What holds in a place: what is said there, else in the nearest place above it.
pub(crate) fn of(conn: &Connection, place: i64) -> Result<Option<Keep>> {
    let doing = "looking for what is kept";
    let any = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM retention)")
        .and_then(|mut find| find.query_row([], |row| row.get::<_, bool>(0)))
        .doing(doing)?;
    let mut next = Some(place).filter(|_| any);
    while let Some(node) = next {
        if let Some(text) = said(conn, node)? {
            return read(&text).map(Some);
        }
        next = conn
            .prepare_cached("SELECT parent_id FROM place WHERE id = ?1")
            .and_then(|mut find| find.query_row([node], |row| row.get(0)).optional())
            .doing(doing)?
            .flatten();
    }
    Ok(None)
}

/// All that is said, by place.
pub(crate) fn all(conn: &Connection) -> Result<Vec<(Place, Keep)>> {
    let mut all = texts(conn)?
        .into_iter()
        .map(|(place, text)| Ok((contexts::place_of(conn, place)?, read(&text)?)))
        .collect::<Result<Vec<_>>>()?;
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(all)
}

/// The numbers of the places where something is said, with its text.
pub(crate) fn texts(conn: &Connection) -> Result<Vec<(i64, String)>> {
    let doing = "looking for what is kept";
    let mut list = conn.prepare_cached("SELECT place_id, keep FROM retention").doing(doing)?;
    let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

fn read(text: &str) -> Result<Keep> {
    serde_json::from_str(text).map_err(|error| {
        Corruption::of_store(format!("what is kept in a place can't be read: {error}")).into()
    })
}
