//! Floor 5: the verbs that work on snapshots and on the whole store.

pub mod backup;
pub mod compare;
pub mod doctor;
pub mod forget;
pub mod gc;
pub mod good;
pub mod last_match;
pub mod legacy;
pub mod monitor;
pub mod progress;
pub mod repack;
pub mod repair;
pub mod report;
pub mod rollout;
pub mod transfer;
pub mod verify;
