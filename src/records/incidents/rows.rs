//! The rows of groups and gates: read, believed, written.

use rusqlite::{Connection, OptionalExtension, Params, Row as SqlRow, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::digest::{Digest, Fields};
use crate::error::{Corruption, Error, Result};
use crate::model::incident::Suppression;
use crate::model::incident::breaker::Breaker;
use crate::model::incident::budget::Budget;
use crate::store::sqlite::Doing;

/// The trigger whose gate is the breaker of its site.
const BREAKER: &str = "";

/// What stays the same of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub fingerprint: Digest,
    pub kind: String,
    /// Site, module, component, function.
    pub place: [String; 4],
    pub message: String,
    /// The first of them, a JSON object.
    pub exemplar: String,
}

/// A group as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub head: Head,
    pub first: i64,
    pub last: i64,
    pub counts: Counts,
    pub due: u64,
    pub captured_at: Option<i64>,
    pub first_version: Option<String>,
    pub last_version: Option<String>,
    pub structures: Vec<u8>,
}

/// How many incidents of a group there were, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub captured: u64,
    pub failed: u64,
    /// In the order of [`Suppression::ALL`].
    pub suppressed: [u64; Suppression::ALL.len()],
}

impl Counts {
    pub fn all(&self) -> u64 {
        self.suppressed.iter().fold(self.captured.saturating_add(self.failed), |sum, count| {
            sum.saturating_add(*count)
        })
    }
}

impl Row {
    pub fn new(head: Head, at: i64) -> Self {
        Row {
            head,
            first: at,
            last: at,
            counts: Counts::default(),
            due: 1,
            captured_at: None,
            first_version: None,
            last_version: None,
            structures: Vec::new(),
        }
    }

    fn seal(&self) -> Digest {
        let mut fields = Fields::new();
        let [site, module, component, function] = &self.head.place;
        fields.text(site).bytes(&self.head.fingerprint).text(&self.head.kind);
        fields.text(module).text(component).text(function);
        fields.text(&self.head.message).text(&self.head.exemplar);
        fields.number(self.first).number(self.last).number(self.counts.all() as i64);
        fields.number(self.counts.captured as i64).number(self.counts.failed as i64);
        for count in self.counts.suppressed {
            fields.number(count as i64);
        }
        fields.number(self.due as i64).number_or_none(self.captured_at);
        fields.text_or_none(self.first_version.as_deref());
        fields.text_or_none(self.last_version.as_deref());
        fields.bytes(&self.structures).digest()
    }
}

const READ: &str = "SELECT site, fingerprint, kind, module, component, function, message, exemplar,
    first_us, last_us, count, captured, failed, by_flag, by_breaker, by_budget, by_schedule, no_page,
    due, captured_us, first_version, last_version, structures, seal FROM incident ";

/// A row, and whether it is what was written.
fn read(row: &SqlRow<'_>) -> rusqlite::Result<(Row, bool)> {
    let head = Head {
        fingerprint: row.get(1)?,
        kind: row.get(2)?,
        place: [row.get(0)?, row.get(3)?, row.get(4)?, row.get(5)?],
        message: row.get(6)?,
        exemplar: row.get(7)?,
    };
    let counts = Counts {
        captured: row.get(11)?,
        failed: row.get(12)?,
        suppressed: [row.get(13)?, row.get(14)?, row.get(15)?, row.get(16)?, row.get(17)?],
    };
    let found = Row {
        head,
        first: row.get(8)?,
        last: row.get(9)?,
        counts,
        due: row.get(18)?,
        captured_at: row.get(19)?,
        first_version: row.get(20)?,
        last_version: row.get(21)?,
        structures: row.get(22)?,
    };
    let (count, seal): (u64, Digest) = (row.get(10)?, row.get(23)?);
    let holds = count == found.counts.all() && seal == found.seal();
    Ok((found, holds))
}

fn believe((row, holds): (Row, bool)) -> Result<Row> {
    match holds {
        true => Ok(row),
        false => Err(damaged(&row.head.place[0], &row.head.fingerprint).into()),
    }
}

fn damaged(site: &str, fingerprint: &Digest) -> Corruption {
    let hex: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    Corruption::of_store(format!("the group {hex} of incidents of {site} is not as it was written"))
}

/// The group of a fingerprint.
pub(super) fn find(conn: &Connection, site: &str, fingerprint: &Digest) -> Result<Option<Row>> {
    conn.prepare_cached(&[READ, "WHERE site = ?1 AND fingerprint = ?2"].concat())
        .and_then(|mut find| find.query_row(params![site, fingerprint], read).optional())
        .doing("looking for a group of incidents")?
        .map(believe)
        .transpose()
}

/// The groups of these conditions, the one met last first.
pub(super) fn list(
    conn: &Connection,
    parts: [Option<&str>; 4],
    kind: Option<&str>,
    since: Option<i64>,
    limit: u64,
) -> Result<Vec<Row>> {
    let doing = "listing groups of incidents";
    let sql = [
        READ,
        "WHERE (?1 IS NULL OR site = ?1) AND (?2 IS NULL OR module = ?2)
           AND (?3 IS NULL OR component = ?3) AND (?4 IS NULL OR function = ?4)
           AND (?5 IS NULL OR kind = ?5) AND (?6 IS NULL OR last_us >= ?6)
         ORDER BY last_us DESC, site, fingerprint LIMIT ?7",
    ]
    .concat();
    let [site, module, component, function] = parts;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut list = conn.prepare_cached(&sql).doing(doing)?;
    let rows = list
        .query_map(params![site, module, component, function, kind, since, limit], read)
        .doing(doing)?;
    rows.map(|row| believe(row.doing(doing)?)).collect()
}

/// How many groups a site has.
pub(super) fn count(conn: &Connection, site: &str) -> Result<u64> {
    conn.prepare_cached("SELECT count(*) FROM incident WHERE site = ?1")
        .and_then(|mut count| count.query_row([site], |row| row.get(0)))
        .doing("counting groups of incidents")
}

/// Writes a group, in place of what was known of it.
pub(super) fn write(conn: &Connection, row: &Row) -> Result<()> {
    let [site, module, component, function] = &row.head.place;
    let [by_flag, by_breaker, by_budget, by_schedule, no_page] = row.counts.suppressed;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO incident
           (site, fingerprint, kind, module, component, function, message, exemplar, first_us,
            last_us, count, captured, failed, by_flag, by_breaker, by_budget, by_schedule, no_page,
            due, captured_us, first_version, last_version, structures, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                 ?19, ?20, ?21, ?22, ?23, ?24)",
    )
    .and_then(|mut write| {
        write.execute(params![
            site,
            row.head.fingerprint,
            row.head.kind,
            module,
            component,
            function,
            row.head.message,
            row.head.exemplar,
            row.first,
            row.last,
            row.counts.all(),
            row.counts.captured,
            row.counts.failed,
            by_flag,
            by_breaker,
            by_budget,
            by_schedule,
            no_page,
            row.due,
            row.captured_at,
            row.first_version,
            row.last_version,
            row.structures,
            row.seal()
        ])
    })
    .doing("writing a group of incidents")
    .map(drop)
}

/// What lets incidents of a site and trigger through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Gates {
    pub breaker: Breaker,
    pub budget: Budget,
}

/// The gates of a site and trigger, open where nothing is written.
pub(super) fn gates(conn: &Connection, site: &str, trigger: &str) -> Result<Gates> {
    Ok(Gates {
        breaker: gate(conn, site, BREAKER)?.unwrap_or_default(),
        budget: gate(conn, site, trigger)?.unwrap_or_default(),
    })
}

/// Writes the gates that have changed.
pub(super) fn write_gates(
    conn: &Connection,
    site: &str,
    trigger: &str,
    before: &Gates,
    after: &Gates,
) -> Result<()> {
    if before.breaker != after.breaker {
        write_gate(conn, site, BREAKER, &after.breaker)?;
    }
    if before.budget != after.budget {
        write_gate(conn, site, trigger, &after.budget)?;
    }
    Ok(())
}

fn gate_seal(site: &str, trigger: &str, state: &str) -> Digest {
    Fields::new().text(site).text(trigger).text(state).digest()
}

fn damaged_gate(site: &str, trigger: &str) -> Corruption {
    let which = match trigger {
        BREAKER => "the breaker".to_owned(),
        trigger => format!("the budget of {trigger}"),
    };
    Corruption::of_store(format!("{which} for incidents of {site} is not as it was written"))
}

fn gate<T: DeserializeOwned>(conn: &Connection, site: &str, trigger: &str) -> Result<Option<T>> {
    let found: Option<(String, Digest)> = conn
        .prepare_cached("SELECT state, seal FROM gate WHERE site = ?1 AND trigger = ?2")
        .and_then(|mut find| {
            find.query_row([site, trigger], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .doing("looking for what lets incidents through")?;
    let Some((state, seal)) = found else { return Ok(None) };
    let read = || -> Error { damaged_gate(site, trigger).into() };
    if seal != gate_seal(site, trigger, &state) {
        return Err(read());
    }
    serde_json::from_str(&state).map(Some).map_err(|_| read())
}

fn write_gate(conn: &Connection, site: &str, trigger: &str, state: &impl Serialize) -> Result<()> {
    let refuse = |why: serde_json::Error| Error::invalid("gate", trigger, why.to_string());
    let state = serde_json::to_string(state).map_err(refuse)?;
    write_gate_text(conn, site, trigger, &state)
}

fn write_gate_text(conn: &Connection, site: &str, trigger: &str, state: &str) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO gate (site, trigger, state, seal) VALUES (?1, ?2, ?3, ?4)",
    )
    .and_then(|mut write| {
        write.execute(params![site, trigger, state, gate_seal(site, trigger, state)])
    })
    .doing("writing what lets incidents through")
    .map(drop)
}

/// Looks for rows that are not as they were written.
pub(super) fn check(conn: &Connection, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    let doing = "checking groups of incidents";
    each(conn, READ, [], doing, |row| {
        let (row, holds) = read(row)?;
        if !holds {
            found(damaged(&row.head.place[0], &row.head.fingerprint));
        }
        Ok(())
    })?;
    each(conn, GATES, [], doing, |row| {
        let (site, trigger, state, holds) = read_gate(row)?;
        let reads = match trigger.as_str() {
            BREAKER => serde_json::from_str::<Breaker>(&state).is_ok(),
            _ => serde_json::from_str::<Budget>(&state).is_ok(),
        };
        if !(holds && reads) {
            found(damaged_gate(&site, &trigger));
        }
        Ok(())
    })
}

const GATES: &str = "SELECT site, trigger, state, seal FROM gate ";

fn read_gate(row: &SqlRow<'_>) -> rusqlite::Result<(String, String, String, bool)> {
    let (site, trigger, state): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let holds = row.get::<_, Digest>(3)? == gate_seal(&site, &trigger, &state);
    Ok((site, trigger, state, holds))
}

fn each(
    conn: &Connection,
    sql: &str,
    values: impl Params,
    doing: &'static str,
    mut look: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<()>,
) -> Result<()> {
    let mut list = conn.prepare(sql).doing(doing)?;
    let mut rows = list.query(values).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        look(row).doing(doing)?;
    }
    Ok(())
}

/// Takes what can be believed out of a damaged store into another.
///
/// What can't be read ends the reading, so it is read from both ends.
pub(super) fn take_over(from: &Connection, into: &Connection) -> Result<()> {
    let doing = "taking over groups of incidents";
    for order in ["ORDER BY site, fingerprint", "ORDER BY site DESC, fingerprint DESC"] {
        let mut kept = Vec::new();
        // Nothing more can be had of what ends in an error.
        let _ = each(from, &[READ, order].concat(), [], doing, |row| {
            kept.extend(Some(read(row)?).filter(|(_, holds)| *holds).map(|(row, _)| row));
            Ok(())
        });
        kept.iter().try_for_each(|row| write(into, row))?;
    }
    for order in ["ORDER BY site, trigger", "ORDER BY site DESC, trigger DESC"] {
        let mut kept = Vec::new();
        let _ = each(from, &[GATES, order].concat(), [], doing, |row| {
            kept.extend(Some(read_gate(row)?).filter(|(.., holds)| *holds));
            Ok(())
        });
        for (site, trigger, state, _) in kept {
            write_gate_text(into, &site, &trigger, &state)?;
        }
    }
    Ok(())
}
