//! Finding snapshots by description, through indexes, newest first.
//!
//! A query is answered from the narrowest index that fits: a tag's, each matching place's (whose
//! first rows are then merged), a session's, or the one on time. The statement is put together
//! from fixed texts; what a caller says is bound, never written into it.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value, json};

use crate::error::{Error, Result, What};
use crate::model::id::Version;
use crate::model::query::Query;
use crate::model::snapshot::{Snapshot, Status};
use crate::store::sqlite::Doing;
use crate::store::{contexts, snapshots, tags};

/// Up to so many places are asked one by one; with more, the index on time is read and filtered.
const PLACES_MAX: usize = 1_500;

/// The snapshots that a query describes, in its order.
pub(crate) fn find(conn: &Connection, query: &Query) -> Result<Vec<Snapshot>> {
    let ids = find_ids(conn, query)?;
    let records = snapshots::load(conn, &ids)?;
    records.into_iter().map(snapshots::believe).collect()
}

/// All versions that are not forgotten, the newest first, ties by insertion.
pub(crate) fn versions(conn: &Connection) -> Result<Vec<Version>> {
    let doing = "listing versions";
    let mut list = conn
        .prepare_cached(
            "SELECT version FROM snapshot WHERE forgotten_us IS NULL
             ORDER BY created_us DESC, id DESC",
        )
        .doing(doing)?;
    let rows = list
        .query_map([], |row| row.get(0))
        .doing(doing)?
        .collect::<rusqlite::Result<Vec<String>>>()
        .doing(doing)?;
    rows.into_iter().map(|version| snapshots::stored("version", version)).collect()
}

/// The numbers of the snapshots that a query describes, in its order.
pub(crate) fn find_ids(conn: &Connection, query: &Query) -> Result<Vec<i64>> {
    if query.limit == 0 {
        return Ok(Vec::new());
    }
    let places = contexts::matching_places(conn, &query.pattern)?;
    let mut filter = Filter::default();
    match query.forgotten {
        true => filter.add("snapshot.forgotten_us IS NOT NULL", []),
        false => filter.add("snapshot.forgotten_us IS NULL", []),
    }
    if let Some(session) = &query.pattern.parts()[3] {
        if session == crate::model::context::LEFT_OUT {
            filter.add("snapshot.session_id IS NULL", []);
        } else {
            let Some(session) = contexts::find_session(conn, session)? else {
                return Ok(Vec::new());
            };
            filter.add("snapshot.session_id = ?", [Sql::Integer(session)]);
        }
    }
    let mut tag_ids = Vec::new();
    for tag in &query.tags {
        match tags::find(conn, tag)? {
            Some(id) => tag_ids.push(id),
            None => return Ok(Vec::new()),
        }
    }
    for tag in tag_ids.iter().skip(1) {
        filter.add(
            "EXISTS (SELECT 1 FROM snapshot_tag WHERE tag_id = ?
                     AND created_us = snapshot.created_us AND snapshot_id = snapshot.id)",
            [Sql::Integer(*tag)],
        );
    }
    add_conditions(conn, query, &mut filter)?;
    match (tag_ids.first(), places) {
        (Some(tag), places) => {
            if let Some(places) = places {
                let list = json!(places).to_string();
                filter.add(
                    "snapshot.place_id IN (SELECT value FROM json_each(?))",
                    [Sql::Text(list)],
                );
            }
            filter.add("lead.tag_id = ?", [Sql::Integer(*tag)]);
            Ok(ids(run(conn, query, &filter, Lead::Tag)?))
        }
        (None, None) => Ok(ids(run(conn, query, &filter, Lead::Snapshot)?)),
        (None, Some(places)) if places.len() <= PLACES_MAX => {
            let mut found = Vec::new();
            for place in places {
                let mut filter = filter.clone();
                filter.add("snapshot.place_id = ?", [Sql::Integer(place)]);
                found.extend(run(conn, query, &filter, Lead::Snapshot)?);
            }
            found.sort_unstable();
            if !query.oldest_first {
                found.reverse();
            }
            found.truncate(query.limit);
            Ok(ids(found))
        }
        (None, Some(places)) => {
            let list = json!(places).to_string();
            filter.add("+snapshot.place_id IN (SELECT value FROM json_each(?))", [Sql::Text(list)]);
            Ok(ids(run(conn, query, &filter, Lead::Snapshot)?))
        }
    }
}

fn ids(found: Vec<(i64, i64)>) -> Vec<i64> {
    found.into_iter().map(|(_, id)| id).collect()
}

/// The conditions on the snapshot's own row.
fn add_conditions(conn: &Connection, query: &Query, filter: &mut Filter) -> Result<()> {
    if let Some(since) = query.since {
        filter.add("snapshot.created_us >= ?", [Sql::Integer(since.micros())]);
    }
    if let Some(until) = query.until {
        filter.add("snapshot.created_us < ?", [Sql::Integer(until.micros())]);
    }
    if let Some(status) = query.status {
        let code = Status::ALL.iter().position(|known| *known == status).unwrap_or_default();
        filter.add("snapshot.status = ?", [Sql::Integer(code as i64)]);
    }
    if let Some(after) = &query.after {
        let id = match query.forgotten {
            true => snapshots::id_of(conn, after)?
                .ok_or_else(|| Error::not_found(What::Snapshot, after))?,
            false => snapshots::require(conn, after)?,
        };
        let created = snapshots::created_of(conn, id)?;
        let sql = if query.oldest_first {
            "(snapshot.created_us, snapshot.id) > (?, ?)"
        } else {
            "(snapshot.created_us, snapshot.id) < (?, ?)"
        };
        filter.add(sql, [Sql::Integer(created), Sql::Integer(id)]);
    }
    for word in query.text.iter().flat_map(|text| text.split_whitespace()) {
        filter
            .add("instr(lower(snapshot.description), lower(?)) > 0", [Sql::Text(word.to_owned())]);
    }
    for (key, value) in &query.fields {
        add_field(filter, key, value)?;
    }
    for key in &query.without {
        filter.add(
            "NOT EXISTS (SELECT 1 FROM json_each(snapshot.user_info) WHERE key = ?)",
            [Sql::Text(key.clone())],
        );
    }
    Ok(())
}

/// The condition that a member of the user info has a value.
fn add_field(filter: &mut Filter, key: &str, value: &Value) -> Result<()> {
    const FIELD: &str = "EXISTS (SELECT 1 FROM json_each(snapshot.user_info) AS field
                         WHERE field.key = ? AND field.type ";
    let key = Sql::Text(key.to_owned());
    match value {
        Value::Null => filter.add_parts([FIELD, "= 'null')"], [key]),
        Value::Bool(true) => filter.add_parts([FIELD, "= 'true')"], [key]),
        Value::Bool(false) => filter.add_parts([FIELD, "= 'false')"], [key]),
        Value::String(text) => {
            filter
                .add_parts([FIELD, "= 'text' AND field.atom = ?)"], [key, Sql::Text(text.clone())]);
        }
        Value::Number(number) => {
            let number = match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Sql::Integer(whole),
                (None, Some(real)) => Sql::Real(real),
                (None, None) => {
                    return Err(Error::invalid("number", number, "it is out of range"));
                }
            };
            filter.add_parts([FIELD, "IN ('integer', 'real') AND field.atom = ?)"], [key, number]);
        }
        Value::Array(_) | Value::Object(_) => filter.add_parts(
            [FIELD, "IN ('array', 'object') AND json(field.value) = json(?))"],
            [key, Sql::Text(value.to_string())],
        ),
    }
    Ok(())
}

/// Conditions that all hold, and the values that are bound to them, in one order.
#[derive(Default, Clone)]
struct Filter {
    sql: String,
    values: Vec<Sql>,
}

impl Filter {
    fn add<const N: usize>(&mut self, condition: &'static str, values: [Sql; N]) {
        self.add_parts([condition], values);
    }

    fn add_parts<const P: usize, const N: usize>(
        &mut self,
        condition: [&'static str; P],
        values: [Sql; N],
    ) {
        if !self.sql.is_empty() {
            self.sql += " AND ";
        }
        self.sql.extend(condition);
        self.values.extend(values);
    }
}

/// The table whose index gives the order.
enum Lead {
    Snapshot,
    Tag,
}

/// Times and numbers of snapshots, in the query's order.
fn run(conn: &Connection, query: &Query, filter: &Filter, lead: Lead) -> Result<Vec<(i64, i64)>> {
    let doing = "looking for snapshots";
    let (from, newest, oldest) = match lead {
        Lead::Snapshot => (
            "SELECT snapshot.created_us, snapshot.id FROM snapshot WHERE ",
            " ORDER BY snapshot.created_us DESC, snapshot.id DESC LIMIT ?",
            " ORDER BY snapshot.created_us, snapshot.id LIMIT ?",
        ),
        Lead::Tag => (
            "SELECT lead.created_us, lead.snapshot_id FROM snapshot_tag AS lead
             CROSS JOIN snapshot ON snapshot.id = lead.snapshot_id WHERE ",
            " ORDER BY lead.created_us DESC, lead.snapshot_id DESC LIMIT ?",
            " ORDER BY lead.created_us, lead.snapshot_id LIMIT ?",
        ),
    };
    let order = if query.oldest_first { oldest } else { newest };
    let sql = [from, &filter.sql, order].concat();
    let limit = Sql::Integer(i64::try_from(query.limit).unwrap_or(i64::MAX));
    let mut statement = conn.prepare_cached(&sql).doing(doing)?;
    let rows = statement
        .query_map(params_from_iter(filter.values.iter().chain([&limit])), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}
