//! Incidents in groups: counted, all of them; and which of them are captured.
//!
//! [`Incidents`] counts for one handle of a store. What is only counted is held in memory and written
//! together: with the next write, after a second or when it is an eighth of what is known, at
//! [`Incidents::flush`], when the last clone is dropped. What is to be captured is decided in a transaction, so that any number of processes share
//! one schedule, one budget and one breaker.
//!
//! **Invariant:** what is counted here is added to what others counted, never put in its place. A
//! process that is killed loses what it counted in its last second.
//!
//! **Invariant:** each occurrence that is due (the first, the tenth …) is captured once, by whoever
//! comes first. In one process it is exactly that one; where several count, it is the first of which
//! one of them knows that it is due, and no power of ten is passed over.
//!
//! **Invariant:** while a capture is being made its incident counts as failed, so that a process that
//! dies over it leaves the truth.

mod rows;
mod tally;

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::Connection;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::codec::digest::{Digest, Fields};
use crate::error::{Corruption, Error, Result};
use crate::model::context::{Context, Pattern};
use crate::model::id::Version;
use crate::model::incident::likeness::{Likeness, RULES};
use crate::model::incident::{Incident, Suppression};
use crate::model::query::LIMIT_DEFAULT;
use crate::model::time::Time;
use crate::store::{Repository, View};

pub use tally::Incidents;
pub(crate) use tally::{Claim, Decision, Question};

/// The most groups of a site. What is not like any of them is counted in one more, of the kind
/// [`OTHERS`].
pub const GROUPS_MAX: u64 = 1_000;
/// The kind of the group that takes what is one too many.
pub const OTHERS: &str = "other";

/// What tells groups apart: the digest of what their incidents have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The fingerprint of what incidents have in common, by the present rules.
    pub fn of(likeness: &Likeness) -> Self {
        let mut fields = Fields::new();
        fields.number(RULES.into()).text(&likeness.kind);
        for part in &likeness.place {
            fields.text(part);
        }
        fields.text(&likeness.subject).text(&likeness.message);
        Fingerprint(fields.text_or_none(likeness.named.as_deref()).digest())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        f.pad(&hex)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A group of incidents.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Group {
    /// What tells it from others.
    pub fingerprint: Fingerprint,
    /// The word for the kind.
    pub kind: String,
    /// Where: all of them have this site, module, component and function.
    pub context: Context,
    /// What their messages have in common.
    pub message: String,
    /// How many there were.
    pub count: u64,
    /// Of them, those of which there is a snapshot.
    pub captured: u64,
    /// Those whose capture failed, or is being made.
    pub failed: u64,
    /// Those that were not to be captured, by the reason. What is not named is 0.
    pub suppressed: BTreeMap<Suppression, u64>,
    /// When the first was met.
    pub first_at: Time,
    /// When the last was.
    pub last_at: Time,
    /// When one was captured last.
    pub captured_at: Option<Time>,
    /// The first snapshot of one. It may be gone.
    pub first_version: Option<Version>,
    /// The last one.
    pub last_version: Option<Version>,
    /// The first of them, with what was secret taken out.
    pub exemplar: Map<String, Value>,
}

/// Asks for groups, the one that was met last first.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupQuery {
    /// Only of places like this; the session says nothing.
    pub context: Pattern,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only those met then or later.
    pub since: Option<Time>,
    /// At most so many.
    pub limit: usize,
}

impl Default for GroupQuery {
    fn default() -> Self {
        GroupQuery { context: Pattern::default(), kind: None, since: None, limit: LIMIT_DEFAULT }
    }
}

/// The groups that a query describes, as they stand in the store: what was counted in the last second
/// may not be there yet.
///
/// Fails with `Corrupt` where one of them is damaged.
pub fn groups(repo: &Repository, query: &GroupQuery) -> Result<Vec<Group>> {
    let [site, module, component, _, function] = query.context.parts();
    let parts = [site, module, component, function].map(|part| part.as_deref());
    let since = query.since.map(Time::micros);
    let found = repo.read(|view| {
        rows::list(view.conn, parts, query.kind.as_deref(), since, query.limit as u64)
    })?;
    found.into_iter().map(group).collect()
}

/// A row as others see it.
fn group(row: rows::Row) -> Result<Group> {
    let refuse = |why: String| -> Error {
        Corruption::of_store(format!("a group of incidents can't be read: {why}")).into()
    };
    let version = |text: Option<String>| -> Result<Option<Version>> {
        text.map(|text| text.parse()).transpose().map_err(|error: Error| refuse(error.to_string()))
    };
    let time = |micros: i64| Time::from_micros(micros).map_err(|error| refuse(error.to_string()));
    let [site, module, component, function] = row.head.place;
    let parts = [Some(site), Some(module), Some(component), None, Some(function)];
    let suppressed = Suppression::ALL.into_iter().zip(row.counts.suppressed);
    Ok(Group {
        fingerprint: Fingerprint(row.head.fingerprint),
        kind: row.head.kind,
        context: Context::from_parts(parts).map_err(|error| refuse(error.to_string()))?,
        message: row.head.message,
        count: row.counts.all(),
        captured: row.counts.captured,
        failed: row.counts.failed,
        suppressed: suppressed.filter(|(_, count)| *count > 0).collect(),
        first_at: time(row.first)?,
        last_at: time(row.last)?,
        captured_at: row.captured_at.map(time).transpose()?,
        first_version: version(row.first_version)?,
        last_version: version(row.last_version)?,
        exemplar: serde_json::from_str(&row.head.exemplar)
            .map_err(|error| refuse(error.to_string()))?,
    })
}

/// What is written down of an incident when it is the first of its group.
fn head(likeness: Likeness, incident: &Incident) -> rows::Head {
    rows::Head {
        fingerprint: Fingerprint::of(&likeness).0,
        message: likeness.title(),
        kind: likeness.kind,
        place: likeness.place,
        exemplar: Value::Object(incident.facts()).to_string(),
    }
}

/// What stands for all groups of a site that are one too many.
fn others(site: &str) -> rows::Head {
    let left_out = || crate::model::context::LEFT_OUT.to_owned();
    rows::Head {
        fingerprint: others_fingerprint(site),
        kind: OTHERS.to_owned(),
        place: [site.to_owned(), left_out(), left_out(), left_out()],
        message: format!("what is not like the first {GROUPS_MAX} groups"),
        exemplar: "{}".to_owned(),
    }
}

fn others_fingerprint(site: &str) -> Digest {
    Fields::new().number(RULES.into()).text(OTHERS).text(site).digest()
}

/// Looks for damage to groups and gates.
pub(super) fn check(view: &View<'_>, found: &mut dyn FnMut(Corruption)) -> Result<()> {
    rows::check(view.conn, found)
}

/// Takes what can be believed of a damaged store over.
pub(super) fn take_over(
    from: &Connection,
    to: &Connection,
    failed: &mut Option<Error>,
) -> Result<()> {
    rows::take_over(from, to).inspect_err(|error| *failed = Some(error.again()))
}
