//! Floor 5: the verbs that work on a whole store.

pub mod verify;
