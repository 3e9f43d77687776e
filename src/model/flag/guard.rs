//! The guard that looks at what a flag does: do those who have it fail more than those who have not?

use serde::Serialize;

use super::{BUCKETS, Rollout};

/// How many of each group are needed before anything is said: below that, chance speaks.
pub const GROUP_MIN: u64 = 50;

/// How those fared for whom a flag is on, or for whom it is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Group {
    /// How many there were.
    pub total: u64,
    /// How many of them failed.
    pub failed: u64,
}

impl Group {
    /// The part of it that failed, from 0 to 1; nothing of an empty group.
    pub fn failure_rate(&self) -> Option<f64> {
        (self.total > 0).then(|| self.failed.min(self.total) as f64 / self.total as f64)
    }
}

/// That those with a flag fail more than those without.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Anomaly {
    /// The part of the on-group that failed, from 0 to 1.
    pub on_rate: f64,
    /// The part of the off-group that failed, from 0 to 1.
    pub off_rate: f64,
    /// By how many percentage points more the on-group failed.
    pub points: f64,
}

/// Compares the group that has a flag with the one that has not: an anomaly where it fails by at least
/// `points_max` percentage points more, and both have [`GROUP_MIN`] or more. It is reckoned in whole
/// numbers, so a difference of just `points_max` is one.
pub fn anomaly(on: Group, off: Group, points_max: Rollout) -> Option<Anomaly> {
    let (on_rate, off_rate) = (on.failure_rate()?, off.failure_rate()?);
    if on.total < GROUP_MIN || off.total < GROUP_MIN {
        return None;
    }
    // on/m - off/n >= t/B, with all denominators taken to the other side. Counts above 2^48 saturate.
    let wide = |number: u64| u128::from(number.min(1 << 48));
    let (m, n) = (wide(on.total), wide(off.total));
    let (x, y) = (wide(on.failed).min(m), wide(off.failed).min(n));
    let all = u128::from(BUCKETS);
    let exceeds =
        x * n > y * m && x * n * all >= y * m * all + u128::from(points_max.buckets()) * m * n;
    exceeds.then_some(Anomaly { on_rate, off_rate, points: (on_rate - off_rate) * 100.0 })
}
