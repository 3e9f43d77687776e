//! Alerts as they are kept: those that are open, and those that are over as history.
//!
//! **Invariant:** there is one open alert for a cause, which an index sees to. What comes again while it
//! is open is counted there.
//!
//! **Invariant:** what was pending only is no alert and leaves nothing behind.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};

use crate::codec::digest::{Digest, Fields};
use crate::error::{Corruption, Error, Result, What};
use crate::model::alert::{
    Alert, AlertId, AlertState, BY_HAND, Condition, Life, Looked, NewAlert, Phase, Rule,
};
use crate::model::time::Time;
use crate::store::sqlite::Doing;
use crate::store::{Records, View};

/// The most alerts that are open at a time.
pub const OPEN_MAX: usize = 1_000;
/// The most alerts that are kept when they are over; the oldest go first.
pub const HISTORY_MAX: usize = 10_000;

/// A row as it stands in the file.
#[derive(Debug, Clone)]
struct Row {
    id: i64,
    cause: String,
    name: String,
    kind: String,
    severity: String,
    labels: String,
    message: String,
    metadata: String,
    value: Option<f64>,
    occurrences: i64,
    active_us: i64,
    seen_us: i64,
    fired_us: Option<i64>,
    quiet_us: Option<i64>,
    acknowledged_us: Option<i64>,
    resolved_us: Option<i64>,
    seal: Vec<u8>,
}

const COLUMNS: &str = "id, cause, name, type, severity, labels, message, metadata, value,
    occurrences, active_us, seen_us, fired_us, quiet_us, acknowledged_us, resolved_us, seal";

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Row {
            id: row.get(0)?,
            cause: row.get(1)?,
            name: row.get(2)?,
            kind: row.get(3)?,
            severity: row.get(4)?,
            labels: row.get(5)?,
            message: row.get(6)?,
            metadata: row.get(7)?,
            value: row.get(8)?,
            occurrences: row.get(9)?,
            active_us: row.get(10)?,
            seen_us: row.get(11)?,
            fired_us: row.get(12)?,
            quiet_us: row.get(13)?,
            acknowledged_us: row.get(14)?,
            resolved_us: row.get(15)?,
            seal: row.get(16)?,
        })
    }

    fn digest(&self) -> Digest {
        let mut fields = Fields::new();
        fields.number(self.id);
        for text in [
            &self.cause,
            &self.name,
            &self.kind,
            &self.severity,
            &self.labels,
            &self.message,
            &self.metadata,
        ] {
            fields.text(text);
        }
        // The bits of the number, as a number.
        fields.number_or_none(self.value.map(|value| value.to_bits().cast_signed()));
        fields.number(self.occurrences).number(self.active_us).number(self.seen_us);
        for time in [self.fired_us, self.quiet_us, self.acknowledged_us, self.resolved_us] {
            fields.number_or_none(time);
        }
        fields.digest()
    }

    fn write(&mut self, conn: &Connection) -> Result<()> {
        self.seal = self.digest().to_vec();
        let write = format!(
            "INSERT INTO alert ({COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
             ON CONFLICT (id) DO UPDATE SET
               type = excluded.type, severity = excluded.severity, message = excluded.message,
               metadata = excluded.metadata, value = excluded.value,
               occurrences = excluded.occurrences, active_us = excluded.active_us,
               seen_us = excluded.seen_us, fired_us = excluded.fired_us,
               quiet_us = excluded.quiet_us, acknowledged_us = excluded.acknowledged_us,
               resolved_us = excluded.resolved_us, seal = excluded.seal"
        );
        conn.prepare_cached(&write)
            .and_then(|mut write| {
                write.execute(params![
                    self.id,
                    self.cause,
                    self.name,
                    self.kind,
                    self.severity,
                    self.labels,
                    self.message,
                    self.metadata,
                    self.value,
                    self.occurrences,
                    self.active_us,
                    self.seen_us,
                    self.fired_us,
                    self.quiet_us,
                    self.acknowledged_us,
                    self.resolved_us,
                    self.seal,
                ])
            })
            .doing("writing an alert")?;
        Ok(())
    }

    /// What the row tells of, where it can be believed.
    fn alert(&self) -> Result<Alert> {
        let damaged = |what: &str| {
            Error::from(Corruption::of_store(format!(
                "alert {} ({}): {what}",
                self.cause, self.name
            )))
        };
        if self.digest().as_slice() != self.seal {
            return Err(damaged("it does not match its seal"));
        }
        let refused = |error: Error| damaged(&error.to_string());
        let time = |micros: Option<i64>| micros.map(Time::from_micros).transpose().map_err(refused);
        let labels: BTreeMap<String, String> =
            serde_json::from_str(&self.labels).map_err(|error| damaged(&error.to_string()))?;
        let id: AlertId = self.cause.parse().map_err(refused)?;
        if AlertId::of(&labels) != id {
            return Err(damaged("its labels are of another cause"));
        }
        let state = match (self.fired_us, self.acknowledged_us, self.resolved_us) {
            (_, _, Some(_)) => AlertState::Resolved,
            (_, Some(_), None) => AlertState::Acknowledged,
            (Some(_), None, None) => AlertState::Firing,
            (None, None, None) => AlertState::Pending,
        };
        Ok(Alert {
            id,
            name: self.name.clone(),
            kind: self.kind.parse().map_err(refused)?,
            severity: self.severity.parse().map_err(refused)?,
            state,
            labels,
            message: self.message.clone(),
            metadata: serde_json::from_str(&self.metadata)
                .map_err(|error| damaged(&error.to_string()))?,
            value: self.value,
            occurrences: u64::try_from(self.occurrences).unwrap_or_default(),
            active_at: Time::from_micros(self.active_us).map_err(refused)?,
            seen_at: Time::from_micros(self.seen_us).map_err(refused)?,
            fired_at: time(self.fired_us)?,
            acknowledged_at: time(self.acknowledged_us)?,
            resolved_at: time(self.resolved_us)?,
        })
    }

    fn life(&self) -> Result<Life> {
        let time = |micros: i64| Time::from_micros(micros);
        let phase = match (self.fired_us, self.resolved_us) {
            (None, _) => Phase::Pending,
            (Some(fired), Some(at)) => Phase::Resolved { fired: time(fired)?, at: time(at)? },
            (Some(since), None) => Phase::Firing {
                since: time(since)?,
                quiet_since: self.quiet_us.map(time).transpose()?,
            },
        };
        Ok(Life { active_since: time(self.active_us)?, phase })
    }

    fn set(&mut self, life: Life) {
        self.active_us = life.active_since.micros();
        let (fired, quiet, resolved) = match life.phase {
            Phase::Pending => (None, None, None),
            Phase::Firing { since, quiet_since } => (Some(since), quiet_since, None),
            Phase::Resolved { fired, at } => (Some(fired), None, Some(at)),
        };
        self.fired_us = fired.map(Time::micros);
        self.quiet_us = quiet.map(Time::micros);
        self.resolved_us = resolved.map(Time::micros);
    }
}

/// What changed about an alert that people want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It began to fire.
    Fired,
    /// It is over.
    Resolved,
}

/// Those that are open: the worst first, then the latest.
pub(crate) fn open(view: &View<'_>) -> Result<Vec<Alert>> {
    let mut alerts = told(&rows(view.conn, "WHERE resolved_us IS NULL", [])?)?;
    alerts.sort_by_key(|alert| (alert.severity, alert.active_at, alert.id));
    alerts.reverse();
    Ok(alerts)
}

/// Those that are over: what ended last comes first.
pub(crate) fn history(view: &View<'_>, since: Option<Time>, limit: usize) -> Result<Vec<Alert>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let since = since.map_or(i64::MIN, Time::micros);
    let end = "WHERE resolved_us >= ?1 ORDER BY resolved_us DESC, id DESC LIMIT ?2";
    told(&rows(view.conn, end, [since, limit])?)
}

/// What rows tell of. Those that can't be believed are left out, for `verify` to find.
fn told(rows: &[Row]) -> Result<Vec<Alert>> {
    let mut alerts = Vec::with_capacity(rows.len());
    for row in rows {
        match row.alert() {
            Ok(alert) => alerts.push(alert),
            Err(Error::Corrupt(damage)) => log::warn!("left out: {damage}"),
            Err(error) => return Err(error),
        }
    }
    Ok(alerts)
}

fn rows<P: rusqlite::Params>(conn: &Connection, end: &str, params: P) -> Result<Vec<Row>> {
    let doing = "reading alerts";
    let mut list =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM alert {end}")).doing(doing)?;
    let found = list.query_map(params, Row::read).doing(doing)?;
    found.collect::<rusqlite::Result<_>>().doing(doing)
}

fn find(conn: &Connection, id: AlertId) -> Result<Option<Row>> {
    let find = format!("SELECT {COLUMNS} FROM alert WHERE cause = ?1 AND resolved_us IS NULL");
    let row = conn
        .prepare_cached(&find)
        .and_then(|mut find| find.query_row([id.to_string()], Row::read).optional())
        .doing("looking for an alert")?;
    // What can't be believed is not built on.
    row.map(|row| row.alert().map(|_| row)).transpose()
}

fn require(conn: &Connection, id: AlertId) -> Result<Row> {
    find(conn, id)?.ok_or_else(|| Error::not_found(What::Alert, id))
}

/// Raises an alert by hand. Where it is open already it is raised once more: it has the severity and
/// the metadata that were given last.
pub(crate) fn raise(records: &mut Records<'_>, new: &NewAlert) -> Result<Alert> {
    new.check()?;
    let (conn, now) = (records.conn, records.now);
    let labels = new.labels();
    let id = AlertId::of(&labels);
    let mut row = match find(conn, id)? {
        Some(row) => Row { occurrences: row.occurrences.saturating_add(1), ..row },
        None => Row { fired_us: Some(now.micros()), ..fresh(conn, BY_HAND, id, &labels, now)? },
    };
    row.kind = new.kind.as_str().to_owned();
    row.severity = new.severity.as_str().to_owned();
    row.message = new.message.clone();
    row.metadata = serde_json::to_string(&new.metadata).unwrap_or_default();
    row.seen_us = now.micros();
    row.write(conn)?;
    row.alert()
}

/// Says that somebody knows of an alert. Once more changes nothing.
///
/// Fails with `NotFound` where none of this id is open, and with `Invalid` where it does not fire yet.
pub(crate) fn acknowledge(records: &mut Records<'_>, id: AlertId) -> Result<Alert> {
    let mut row = require(records.conn, id)?;
    if row.fired_us.is_none() {
        return Err(Error::invalid("alert", id, "it is pending; what does not fire needs nobody"));
    }
    if row.acknowledged_us.is_none() {
        row.acknowledged_us = Some(records.now.micros());
        row.write(records.conn)?;
    }
    row.alert()
}

/// Says that an alert is over. Where a rule raised it and still finds it true, another begins.
///
/// Fails with `NotFound` where none of this id is open, and with `Invalid` where it does not fire yet.
pub(crate) fn resolve(records: &mut Records<'_>, id: AlertId) -> Result<Alert> {
    let mut row = require(records.conn, id)?;
    if row.fired_us.is_none() {
        return Err(Error::invalid("alert", id, "it is pending; it goes away by itself"));
    }
    row.quiet_us = None;
    row.resolved_us = Some(records.now.micros());
    row.write(records.conn)?;
    drop_old(records.conn)?;
    row.alert()
}

/// Lets the alert of a rule live on with what was seen; tells what changed.
pub(crate) fn advance(
    records: &mut Records<'_>,
    rule: &Rule,
    looked: &Looked,
    message: &str,
) -> Result<Option<(Change, Alert)>> {
    let (conn, now) = (records.conn, records.now);
    let id = AlertId::of(&looked.labels);
    let known = find(conn, id)?;
    let before = known.as_ref().map(Row::life).transpose()?;
    let after = Life::step(before, looked.condition, rule.timing(), now);
    let was_firing = before.is_some_and(|life| life.phase != Phase::Pending);
    let (mut row, life) = match (known, after) {
        (None, None) => return Ok(None),
        (Some(row), None) => {
            conn.prepare_cached("DELETE FROM alert WHERE id = ?1")
                .and_then(|mut delete| delete.execute([row.id]))
                .doing("dropping an alert that was pending")?;
            return Ok(None);
        }
        (Some(row), Some(life)) => (row, life),
        (None, Some(life)) => {
            (Row { occurrences: 0, ..fresh(conn, &rule.name, id, &looked.labels, now)? }, life)
        }
    };
    let is_true = looked.condition == Condition::True;
    if !is_true && before == Some(life) {
        // Nothing is known of it, or it is quiet as before.
        return Ok(None);
    }
    row.set(life);
    if is_true {
        row.kind = rule.kind.as_str().to_owned();
        row.severity = rule.severity.as_str().to_owned();
        row.message = message.to_owned();
        row.value = looked.value;
        row.seen_us = now.micros();
        row.occurrences = row.occurrences.saturating_add(1);
    }
    row.write(conn)?;
    let change = match (was_firing, life.phase) {
        (false, Phase::Firing { .. }) => Some(Change::Fired),
        (_, Phase::Resolved { .. }) => Some(Change::Resolved),
        _ => None,
    };
    if change == Some(Change::Resolved) {
        drop_old(conn)?;
    }
    change.map(|change| Ok((change, row.alert()?))).transpose()
}

/// A row of an alert that begins now. Fails with `Invalid` where too many are open.
fn fresh(
    conn: &Connection,
    name: &str,
    id: AlertId,
    labels: &BTreeMap<String, String>,
    now: Time,
) -> Result<Row> {
    let count = "SELECT count(*), (SELECT coalesce(max(id), 0) + 1 FROM alert)
                 FROM alert WHERE resolved_us IS NULL";
    let (open, next): (usize, i64) = conn
        .prepare_cached(count)
        .and_then(|mut count| count.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .doing("counting alerts")?;
    if open >= OPEN_MAX {
        let why = format!("{OPEN_MAX} alerts are open already; resolve those that are over");
        return Err(Error::invalid("alert", name, why));
    }
    Ok(Row {
        id: next,
        cause: id.to_string(),
        name: name.to_owned(),
        kind: String::new(),
        severity: String::new(),
        labels: serde_json::to_string(labels).unwrap_or_default(),
        message: String::new(),
        metadata: Value::Object(Map::new()).to_string(),
        value: None,
        occurrences: 1,
        active_us: now.micros(),
        seen_us: now.micros(),
        fired_us: None,
        quiet_us: None,
        acknowledged_us: None,
        resolved_us: None,
        seal: Vec::new(),
    })
}

/// Drops the oldest of those that are over where there are too many.
fn drop_old(conn: &Connection) -> Result<()> {
    let drop = "DELETE FROM alert WHERE resolved_us IS NOT NULL AND id <= (
                  SELECT id FROM alert WHERE resolved_us IS NOT NULL
                  ORDER BY id DESC LIMIT 1 OFFSET ?1)";
    let limit = i64::try_from(HISTORY_MAX).unwrap_or(i64::MAX);
    conn.prepare_cached(drop)
        .and_then(|mut drop| drop.execute([limit]))
        .doing("dropping old alerts")?;
    Ok(())
}

/// Looks for rows that are not what was written.
pub(super) fn check(view: &View<'_>, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    each(view.conn, |row| match row.alert() {
        Err(Error::Corrupt(damage)) => {
            found(damage);
            Ok(())
        }
        other => other.map(drop),
    })
}

/// Takes the rows of a damaged store over that can be believed. An error of writing is put into
/// `failed`.
pub(super) fn carry(from: &Connection, to: &Connection, failed: &mut Option<Error>) -> Result<()> {
    each(from, |mut row| {
        if row.alert().is_ok() {
            return row.write(to).inspect_err(|error| *failed = Some(error.again()));
        }
        Ok(())
    })
}

fn each(conn: &Connection, mut see: impl FnMut(Row) -> Result<()>) -> Result<()> {
    let doing = "reading alerts";
    let mut list =
        conn.prepare(&format!("SELECT {COLUMNS} FROM alert ORDER BY id")).doing(doing)?;
    let mut rows = list.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        see(Row::read(row).doing(doing)?)?;
    }
    Ok(())
}
