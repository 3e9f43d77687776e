//! How an alert lives: the states that Prometheus gives alerts (`rules/alerting.go`, version 2.42), as a
//! function of the state before, what was seen, and the time.
//!
//! - What is true and was not becomes *pending*, from that moment on.
//! - What has been pending for the rule's `for` becomes *firing*; with none, at once.
//! - What is pending and not true any more was never an alert.
//! - What fires and is not true any more is *resolved*, but goes on firing for the rule's
//!   `keep_firing_for`. Where it is true again within that, it never ended.
//!
//! Prometheus takes what it knows nothing of for what is not true. Here that differs: what fires is not
//! resolved by silence. It stays as it is until something is known.

use std::time::Duration;

use serde::Serialize;

use crate::model::time::Time;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// There is too little to tell by.
    Unknown,
}

/// How long a rule waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// How long something must be true before it fires.
    pub hold: Duration,
    /// How long it goes on firing when it is not true any more.
    pub keep_firing: Duration,
}

/// How far an alert has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is true, and not for long enough yet.
    Pending,
    /// It has been true for long enough, at this moment.
    Firing {
        /// Since when it fires.
        since: Time,
        /// Since when it is not true any more, while it goes on firing.
        quiet_since: Option<Time>,
    },
    /// It was over, at this moment.
    Resolved {
        /// Since when it fired.
        fired: Time,
        /// When it was over.
        at: Time,
    },
}

/// The life of an alert so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Since when it is true.
    pub active_since: Time,
    /// How far it has come.
    pub phase: Phase,
}

impl Life {
    /// What becomes of an alert when its condition is looked at. `before` is nothing, or resolved, where
    /// there is no open alert; so is what this gives.
    ///
    /// Time may go back, as clocks do: what lasted less than nothing lasted no time.
    pub fn step(
        before: Option<Life>,
        condition: Condition,
        timing: Timing,
        now: Time,
    ) -> Option<Life> {
        let open = before.filter(|life| !matches!(life.phase, Phase::Resolved { .. }));
        let life = match (condition, open) {
            (Condition::True, open) => {
                let life = open.unwrap_or(Life { active_since: now, phase: Phase::Pending });
                Some(match life.phase {
                    Phase::Firing { since, .. } => {
                        Life { phase: Phase::Firing { since, quiet_since: None }, ..life }
                    }
                    _ => life,
                })
            }
            (_, None) => before,
            (_, Some(Life { phase: Phase::Pending, .. })) => None,
            (Condition::False, Some(life)) => Some(life.quieten(timing, now)),
            (Condition::Unknown, Some(life)) => Some(life),
        };
        life.map(|life| match life.phase {
            Phase::Pending if now.since(life.active_since) >= timing.hold => {
                Life { phase: Phase::Firing { since: now, quiet_since: None }, ..life }
            }
            _ => life,
        })
    }

    /// What fires and is not true any more.
    fn quieten(self, timing: Timing, now: Time) -> Life {
        let Phase::Firing { since, quiet_since } = self.phase else { return self };
        let quiet = quiet_since.unwrap_or(now);
        let keeps = !timing.keep_firing.is_zero() && now.since(quiet) < timing.keep_firing;
        let phase = match keeps {
            true => Phase::Firing { since, quiet_since: Some(quiet) },
            false => Phase::Resolved { fired: since, at: now },
        };
        Life { phase, ..self }
    }

    /// Whether it is pending or fires.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Resolved { .. })
    }
}
