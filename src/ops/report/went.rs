//! How a snapshot went, in the one way in which all reports tell it.

use super::parts::Tone;
use crate::model::snapshot::{INCIDENT, Snapshot, Status};

/// How a snapshot went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    /// It is complete, and of no incident.
    Good,
    /// It lacks a part, and is of no incident.
    Partial,
    /// It was taken of an incident, or the page could not be read or did not load.
    Failed,
}

impl Went {
    /// How a snapshot went.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        match snapshot.status {
            _ if snapshot.user_info.contains_key(INCIDENT) => Went::Failed,
            Status::Complete => Went::Good,
            Status::Partial => Went::Partial,
            Status::Minimal | Status::Failed => Went::Failed,
        }
    }

    /// The colour that says so.
    pub(super) fn tone(self) -> Tone {
        match self {
            Went::Good => Tone::Good,
            Went::Partial => Tone::Warn,
            Went::Failed => Tone::Bad,
        }
    }
}
