//! How many captures a trigger may take of a site: a token bucket, kept as one moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::time::Time;

/// The stretch that limits are told for.
const MINUTE_US: u64 = 60_000_000;

/// So many a minute, all of which may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_minute: u32,
}

impl Rate {
    /// One a minute.
    pub const ONE: Rate = Rate { per_minute: 1 };

    /// So many a minute.
    ///
    /// Fails with `Invalid` for 0, and for more than one a microsecond.
    pub fn per_minute(count: u32) -> Result<Self> {
        if count == 0 || u64::from(count) > MINUTE_US {
            return Err(Error::invalid("limit a minute", count, "from 1 to 60000000 are needed"));
        }
        Ok(Rate { per_minute: count })
    }

    /// How many a minute.
    pub fn count(self) -> u32 {
        self.per_minute
    }

    /// The time in which one token comes back, in whole microseconds, rounded down.
    fn interval(self) -> Duration {
        Duration::from_micros(MINUTE_US / u64::from(self.per_minute))
    }

    /// The time in which an empty bucket fills.
    fn whole(self) -> Duration {
        self.interval() * self.per_minute
    }
}

/// What is left of a rate: a token bucket as the moment at which it will be full again.
///
/// That is the generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling) with a burst of
/// the whole rate: a token may be taken at `now` where `max(now, full) + interval` is no later than
/// `now + burst`, and that sum is the next `full`. A clock that was put back keeps it empty for two
/// minutes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    full_at: Time,
}

impl Default for Budget {
    /// A full bucket.
    fn default() -> Self {
        Budget { full_at: Time::MIN }
    }
}

impl Budget {
    /// Whether there is a token.
    pub fn has(&self, rate: Rate, now: Time) -> bool {
        self.after(rate, now) <= now.plus(rate.whole())
    }

    /// Takes a token, if there is one; tells whether there was.
    pub fn take(&mut self, rate: Rate, now: Time) -> bool {
        let has = self.has(rate, now);
        if has {
            self.full_at = self.after(rate, now);
        }
        has
    }

    /// Gives a token back that was taken in vain.
    pub fn give_back(&mut self, rate: Rate) {
        self.full_at = self.full_at.minus(rate.interval());
    }

    fn after(&self, rate: Rate, now: Time) -> Time {
        // It can't be that long until it is full: the clock was put back. Less than that is a clock of
        // another process that is a little ahead.
        let is_wrong = self.full_at > now.plus(rate.whole() * 2);
        let full_at = if is_wrong { now } else { self.full_at.max(now) };
        full_at.plus(rate.interval())
    }
}
