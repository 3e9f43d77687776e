//! Which occurrences of a group are captured: the first, the tenth, the hundredth and so on; one after
//! a while; one where the page is made another way.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::time::Time;

/// After so long the next occurrence is captured, whichever it is.
pub const COOLDOWN: Duration = Duration::from_secs(3600);

/// Why an occurrence is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// It is the first, the tenth, the hundredth …, or the first after one of those that could not be
    /// captured.
    Occurrence,
    /// The last capture was [`COOLDOWN`] ago.
    Cooldown,
    /// The page has a structure that none of the group had that was captured.
    Structure,
}

/// Whether this occurrence, counted from 1, is due by count or by time. `due` is the occurrence that is
/// to be captured next.
pub fn due(occurrence: u64, due: u64, captured_at: Option<Time>, now: Time) -> Option<Due> {
    if occurrence >= due {
        return Some(Due::Occurrence);
    }
    captured_at.filter(|at| now.since(*at) >= COOLDOWN).map(|_| Due::Cooldown)
}

/// The first power of ten above a count.
pub fn next_due(count: u64) -> u64 {
    let mut next = 1_u64;
    while next <= count {
        match next.checked_mul(10) {
            Some(more) => next = more,
            None => return u64::MAX,
        }
    }
    next
}
