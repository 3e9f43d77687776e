//! The log as others read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::id::Version;
use crate::model::time::Time;

/// What kinds of change there are. The numbers stand in the file.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The store was made.
    Init = 0,
    /// A snapshot was stored.
    Create = 1,
    /// A tag was put on a snapshot.
    Tag = 2,
    /// A tag was taken off a snapshot.
    Untag = 3,
    /// A snapshot was forgotten.
    Forget = 4,
    /// A forgotten snapshot was taken back.
    Undelete = 5,
    /// Forgotten snapshots were purged: their content is gone.
    Purge = 6,
    /// It was said what is kept in a place.
    Retention = 7,
    /// The store was made of what could be read of a damaged one.
    Repair = 8,
    /// Feature flags were changed.
    Flag = 9,
    /// A backup was put in the place of what the store held.
    Restore = 10,
}

impl EventKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [EventKind; 11] = [
        EventKind::Init,
        EventKind::Create,
        EventKind::Tag,
        EventKind::Untag,
        EventKind::Forget,
        EventKind::Undelete,
        EventKind::Purge,
        EventKind::Retention,
        EventKind::Repair,
        EventKind::Flag,
        EventKind::Restore,
    ];

    /// The word for it, in the file's views and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Init => "init",
            EventKind::Create => "create",
            EventKind::Tag => "tag",
            EventKind::Untag => "untag",
            EventKind::Forget => "forget",
            EventKind::Undelete => "undelete",
            EventKind::Purge => "purge",
            EventKind::Retention => "retention",
            EventKind::Repair => "repair",
            EventKind::Flag => "flag",
            EventKind::Restore => "restore",
        }
    }

    /// The kind of a number in the file.
    pub(crate) fn from_code(code: i64) -> Option<EventKind> {
        usize::try_from(code).ok().and_then(|code| EventKind::ALL.get(code)).copied()
    }
}

impl std::str::FromStr for EventKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        EventKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            Error::invalid("kind of event", text, format!("known are {}", known.join(", ")))
        })
    }
}

/// A change, as the log tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Its number: events count from 1 without gaps.
    pub seq: u64,
    /// When it was written down.
    pub at: Time,
    /// What kind of change it was.
    pub kind: EventKind,
    /// The snapshot that it changed, where it was one and is still there.
    pub version: Option<Version>,
    /// What changed, where the kind alone does not say it.
    pub detail: Option<Value>,
}

/// Asks for events: the newest first, unless told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Only those that come after this one in the order of the list.
    pub after: Option<u64>,
    /// Only those of this snapshot, which may be forgotten.
    pub version: Option<Version>,
    /// Only those of this kind.
    pub kind: Option<EventKind>,
    /// Only those that were written down at this time or later.
    pub since: Option<Time>,
    /// At most so many.
    pub limit: usize,
    /// The oldest first.
    pub oldest_first: bool,
}

impl Default for EventQuery {
    fn default() -> Self {
        let limit = crate::model::query::LIMIT_DEFAULT;
        EventQuery {
            after: None,
            version: None,
            kind: None,
            since: None,
            limit,
            oldest_first: false,
        }
    }
}
