//! The numbers in which a browser tells times.

use crate::model::time::Time;

/// A moment given in seconds since 1970.
pub(super) fn wall(seconds: f64) -> Option<Time> {
    Time::from_micros((seconds * 1e6).round() as i64).ok()
}

/// Rounded to what is worth telling: the browser's clock has no more than that.
pub(super) fn micros(millis: f64) -> f64 {
    if millis < 0.0 { -1.0 } else { (millis * 1000.0).round() / 1000.0 }
}
