//! What several areas' tests need.

pub mod script;
#[cfg(feature = "chrome")]
pub mod site;
