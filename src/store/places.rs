//! The tree of places with what was stored in each.

use std::collections::BTreeMap;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;
use serde_json::json;

use crate::error::Result;
use crate::model::context::{LEFT_OUT, Pattern};
use crate::model::id::Version;
use crate::model::place::Place;
use crate::model::snapshot::Status;
use crate::model::time::Time;
use crate::store::sqlite::Doing;
use crate::store::{Repository, View, contexts, snapshots};

/// What is stored in a place and below it. What is forgotten is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlaceSummary {
    /// The place: a site, a module of it, and so on.
    pub place: Place,
    /// How deep it lies: 1 for a site, 2 for a module, 3 for a component, 4 for a function.
    pub level: u8,
    /// How many snapshots there are.
    pub snapshots: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many of them lack something: partial or minimal.
    pub incomplete: u64,
    /// When the oldest was taken.
    pub oldest_at: Time,
    /// When the newest was taken.
    pub newest_at: Time,
    /// The newest by time, ties by insertion.
    pub newest: Version,
}

impl Repository {
    /// What is stored in each place; see [`View::places`].
    pub fn places(&self, pattern: &Pattern) -> Result<Vec<PlaceSummary>> {
        self.read(|view| view.places(pattern))
    }
}

impl View<'_> {
    /// The places that a pattern means and those above them, each before what is below it, by name,
    /// with what is stored there. What is forgotten is not counted.
    pub fn places(&self, pattern: &Pattern) -> Result<Vec<PlaceSummary>> {
        summaries(self.conn, pattern)
    }
}

/// What is said of a place before its newest snapshot is looked up.
#[derive(Clone, Copy)]
struct Sum {
    snapshots: u64,
    failed: u64,
    incomplete: u64,
    oldest: i64,
    /// Time and number of the newest.
    newest: (i64, i64),
}

/// The places that a pattern means and those above them, each before what is below it, by name.
fn summaries(conn: &Connection, pattern: &Pattern) -> Result<Vec<PlaceSummary>> {
    let doing = "counting snapshots of places";
    let mut values: Vec<Sql> = Vec::new();
    let mut filter = String::new();
    if let Some(places) = contexts::matching_places(conn, pattern)? {
        values.push(Sql::Text(json!(places).to_string()));
        filter += " AND place_id IN (SELECT value FROM json_each(?))";
    }
    match pattern.parts()[3].as_deref() {
        None => {}
        Some(LEFT_OUT) => filter += " AND session_id IS NULL",
        Some(session) => {
            values.push(Sql::Text(session.to_owned()));
            filter += " AND session_id = (SELECT id FROM session WHERE name = ?)";
        }
    }
    let complete = snapshots::code(&Status::ALL, Status::Complete);
    let failed = snapshots::code(&Status::ALL, Status::Failed);
    let sql = format!(
        "SELECT place_id, count(*), sum(status = {failed}),
                sum(status NOT IN ({complete}, {failed})), min(created_us), max(created_us)
         FROM snapshot WHERE forgotten_us IS NULL{filter} GROUP BY place_id"
    );
    let mut statement = conn.prepare(&sql).doing(doing)?;
    let mut rows = statement.query(params_from_iter(values.iter())).doing(doing)?;
    let mut sums: BTreeMap<Place, Sum> = BTreeMap::new();
    let mut newest = conn
        .prepare_cached(&format!(
            "SELECT max(id) FROM snapshot
             WHERE forgotten_us IS NULL{filter} AND place_id = ? AND created_us = ?"
        ))
        .doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let place: i64 = row.get(0).doing(doing)?;
        let count = |at: usize| row.get::<_, u64>(at).doing(doing);
        let latest: i64 = row.get(5).doing(doing)?;
        let bound = values.iter().cloned().chain([Sql::Integer(place), Sql::Integer(latest)]);
        let id: i64 = newest.query_row(params_from_iter(bound), |row| row.get(0)).doing(doing)?;
        let sum = Sum {
            snapshots: count(1)?,
            failed: count(2)?,
            incomplete: count(3)?,
            oldest: row.get(4).doing(doing)?,
            newest: (latest, id),
        };
        let place = contexts::place_of(conn, place)?;
        for length in 1..=place.parts().len() {
            let above = Place::from_parts(place.parts()[..length].to_vec())?;
            sums.entry(above).and_modify(|known| known.add(sum)).or_insert(sum);
        }
    }
    sums.into_iter()
        .map(|(place, sum)| {
            Ok(PlaceSummary {
                level: place.parts().len() as u8,
                place,
                snapshots: sum.snapshots,
                failed: sum.failed,
                incomplete: sum.incomplete,
                oldest_at: Time::from_micros(sum.oldest)?,
                newest_at: Time::from_micros(sum.newest.0)?,
                newest: version_of(conn, sum.newest.1)?,
            })
        })
        .collect()
}

fn version_of(conn: &Connection, id: i64) -> Result<Version> {
    let version = conn
        .prepare_cached("SELECT version FROM snapshot WHERE id = ?1")
        .and_then(|mut find| find.query_row([id], |row| row.get(0)))
        .doing("looking for a snapshot")?;
    snapshots::stored("version", version)
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.snapshots += other.snapshots;
        self.failed += other.failed;
        self.incomplete += other.incomplete;
        self.oldest = self.oldest.min(other.oldest);
        self.newest = self.newest.max(other.newest);
    }
}
