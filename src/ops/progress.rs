//! How far long work has come, told to whoever waits for it.

/// How far long work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done: a word for what is counted, such as `snapshots`, `contents`, `pages`.
    pub stage: &'static str,
    /// How many were.
    pub done: u64,
    /// How many there are; 0 where that is not known.
    pub total: u64,
}
