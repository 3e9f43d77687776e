//! Places, sessions and other names: each kept once, told apart by a number inside the file.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Corruption, Result};
use crate::model::context::{Context, LEFT_OUT, Pattern};
use crate::model::place::Place;
use crate::store::sqlite::Doing;

const ROOT: i64 = 1;

/// The place of a context, made where it is new.
pub(crate) fn intern_place(conn: &Connection, context: &Context) -> Result<i64> {
    intern(conn, context.place())
}

/// The node of a place, made where it is new.
pub(crate) fn intern_node(conn: &Connection, place: &Place) -> Result<i64> {
    intern(conn, place.parts().iter().map(String::as_str))
}

fn intern<'n>(conn: &Connection, names: impl IntoIterator<Item = &'n str>) -> Result<i64> {
    let mut parent = ROOT;
    for (level, name) in (1..).zip(names) {
        parent = match child(conn, parent, name)? {
            Some(place) => place,
            None => conn
                .prepare_cached("INSERT INTO place (parent_id, level, name) VALUES (?1, ?2, ?3)")
                .and_then(|mut insert| insert.insert(params![parent, level, name]))
                .doing("writing a place")?,
        };
    }
    Ok(parent)
}

/// The place of a context, if something was ever stored there.
pub(crate) fn find_place(conn: &Connection, context: &Context) -> Result<Option<i64>> {
    walk(conn, context.place())
}

/// The node of a place, if it is there.
pub(crate) fn find_node(conn: &Connection, place: &Place) -> Result<Option<i64>> {
    walk(conn, place.parts().iter().map(String::as_str))
}

fn walk<'n>(conn: &Connection, names: impl IntoIterator<Item = &'n str>) -> Result<Option<i64>> {
    let mut place = ROOT;
    for name in names {
        match child(conn, place, name)? {
            Some(found) => place = found,
            None => return Ok(None),
        }
    }
    Ok(Some(place))
}

fn child(conn: &Connection, parent: i64, name: &str) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM place WHERE parent_id = ?1 AND name = ?2")
        .and_then(|mut find| find.query_row(params![parent, name], |row| row.get(0)).optional())
        .doing("looking for a place")
}

/// The place that a node stands for.
pub(crate) fn place_of(conn: &Connection, node: i64) -> Result<Place> {
    let mut parts: Vec<String> = Vec::new();
    let mut next = node;
    while next != ROOT {
        let found: Option<(String, Option<i64>)> = conn
            .prepare_cached("SELECT name, parent_id FROM place WHERE id = ?1")
            .and_then(|mut find| {
                find.query_row([next], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .doing("reading a place")?;
        let (name, parent) = found
            .and_then(|(name, parent)| Some((name, parent.filter(|_| parts.len() < 4)?)))
            .ok_or_else(|| Corruption::of_store("a place does not hang together"))?;
        parts.push(name);
        next = parent;
    }
    parts.reverse();
    Place::from_parts(parts).map_err(|error| Corruption::of_store(error.to_string()).into())
}

/// The place and session of a stored snapshot, as a context.
pub(crate) fn context_of(conn: &Connection, place: i64, session: Option<i64>) -> Result<Context> {
    let damaged =
        |what: &str| Corruption::of_store(format!("{what} that a snapshot belongs to is missing"));
    let names: Option<[String; 4]> = conn
        .prepare_cached(
            "SELECT s.name, m.name, c.name, f.name FROM place AS f
             JOIN place AS c ON c.id = f.parent_id
             JOIN place AS m ON m.id = c.parent_id
             JOIN place AS s ON s.id = m.parent_id
             WHERE f.id = ?1",
        )
        .and_then(|mut find| {
            find.query_row([place], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
                .optional()
        })
        .doing("reading a place")?;
    let [site, module, component, function] = names.ok_or_else(|| damaged("a place"))?;
    let session = match session {
        None => LEFT_OUT.to_owned(),
        Some(id) => conn
            .prepare_cached("SELECT name FROM session WHERE id = ?1")
            .and_then(|mut find| find.query_row([id], |row| row.get(0)).optional())
            .doing("reading a session")?
            .ok_or_else(|| damaged("a session"))?,
    };
    Context::from_parts([site, module, component, session, function].map(Some))
        .map_err(|error| Corruption::of_store(error.to_string()).into())
}

/// The number of a session, made where it is new; none for the part left out.
pub(crate) fn intern_session(conn: &Connection, context: &Context) -> Result<Option<i64>> {
    let Some(name) = context.session() else { return Ok(None) };
    if let Some(found) = find_session(conn, name)? {
        return Ok(Some(found));
    }
    conn.prepare_cached("INSERT INTO session (name) VALUES (?1)")
        .and_then(|mut insert| insert.insert([name]))
        .map(Some)
        .doing("writing a session")
}

/// The number of a session, if something was ever stored under it.
pub(crate) fn find_session(conn: &Connection, name: &str) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM session WHERE name = ?1")
        .and_then(|mut find| find.query_row([name], |row| row.get(0)).optional())
        .doing("looking for a session")
}

/// The number of a name of an artifact or a media type, made where it is new.
pub(crate) fn intern_name(conn: &Connection, text: &str) -> Result<i64> {
    if let Some(found) = find_name(conn, text)? {
        return Ok(found);
    }
    conn.prepare_cached("INSERT INTO name (text) VALUES (?1)")
        .and_then(|mut insert| insert.insert([text]))
        .doing("writing a name")
}

/// The number of a name, if anything was ever called so.
pub(crate) fn find_name(conn: &Connection, text: &str) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM name WHERE text = ?1")
        .and_then(|mut find| find.query_row([text], |row| row.get(0)).optional())
        .doing("looking for a name")
}

/// The places that a pattern means; `None` where it means all of them.
pub(crate) fn matching_places(conn: &Connection, pattern: &Pattern) -> Result<Option<Vec<i64>>> {
    let [site, module, component, _, function] = pattern.parts();
    let wanted = [site, module, component, function];
    if wanted.iter().all(|part| part.is_none()) {
        return Ok(None);
    }
    // Level by level through the index on (parent, name), or on the parent alone.
    let mut places = vec![ROOT];
    for name in wanted {
        let mut next = Vec::new();
        for place in places {
            match name {
                Some(name) => next.extend(child(conn, place, name)?),
                None => {
                    let doing = "listing places";
                    let mut children = conn
                        .prepare_cached("SELECT id FROM place WHERE parent_id = ?1")
                        .doing(doing)?;
                    let rows = children.query_map([place], |row| row.get(0)).doing(doing)?;
                    next.extend(rows.collect::<rusqlite::Result<Vec<i64>>>().doing(doing)?);
                }
            }
        }
        places = next;
    }
    Ok(Some(places))
}
