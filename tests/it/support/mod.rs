//! What several areas' tests need.

pub mod full;
pub mod script;
#[cfg(feature = "cli")]
pub mod shell;
#[cfg(feature = "chrome")]
pub mod site;
pub mod values;
