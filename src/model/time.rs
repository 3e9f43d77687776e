//! Time: UTC in microseconds, one text form, and the clock as an argument.
//!
//! **Invariant:** nothing else in this crate asks the operating system what time it is.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{
    DateTime, Duration as Span, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime,
    SecondsFormat, TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A moment: microseconds since 1970-01-01T00:00:00Z, between the years 0 and 9999.
///
/// As text it is RFC 3339 in UTC with six digits of fraction, `2026-01-29T06:43:41.714106Z`, so
/// that text sorts as time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(i64);

/// 0000-01-01T00:00:00Z.
const MICROS_MIN: i64 = -62_167_219_200_000_000;
/// 9999-12-31T23:59:59.999999Z.
const MICROS_MAX: i64 = 253_402_300_799_999_999;

impl Time {
    /// The earliest moment that can be told.
    pub const MIN: Time = Time(MICROS_MIN);
    /// The latest moment that can be told.
    pub const MAX: Time = Time(MICROS_MAX);

    /// The moment so many microseconds after 1970 (or before, where negative), or an error
    /// outside the years 0 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self> {
        if (MICROS_MIN..=MICROS_MAX).contains(&micros) {
            return Ok(Time(micros));
        }
        Err(Error::invalid("time", micros, "microseconds outside the years 0 to 9999"))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this, zero where it is the other way round.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// This moment and a duration, not beyond [`Time::MAX`].
    pub fn plus(self, duration: Duration) -> Time {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Time(self.0.saturating_add(micros).min(MICROS_MAX))
    }

    /// This moment less a duration, not before [`Time::MIN`].
    pub fn minus(self, duration: Duration) -> Time {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Time(self.0.saturating_sub(micros).max(MICROS_MIN))
    }
}

/// A stretch of the calendar in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week as ISO 8601 counts it: from Monday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Time {
    /// The name of the period that this moment lies in: `2026-01-29T06`, `2026-01-29`,
    /// `2026-W05`, `2026-01`, `2026`.
    pub fn within(self, period: Period) -> String {
        let moment = DateTime::<Utc>::from_timestamp_micros(self.0).unwrap_or_default();
        let form = match period {
            Period::Hour => "%Y-%m-%dT%H",
            Period::Day => "%Y-%m-%d",
            Period::Week => "%G-W%V",
            Period::Month => "%Y-%m",
            Period::Year => "%Y",
        };
        moment.format(form).to_string()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Within the range of `Time` chrono can tell every moment.
        let moment = DateTime::<Utc>::from_timestamp_micros(self.0).unwrap_or_default();
        f.pad(&moment.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl FromStr for Time {
    type Err = Error;

    /// Reads RFC 3339 with any offset, and without one as UTC: `2026-01-29T06:43:41Z`,
    /// `2026-01-29 06:43:41.5`, `2026-01-29`.
    fn from_str(text: &str) -> Result<Self> {
        let micros = if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            moment.timestamp_micros()
        } else if let Some(naive) =
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
                .iter()
                .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        {
            naive.and_utc().timestamp_micros()
        } else if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()
        } else {
            let why = "RFC 3339 is needed, as 2026-01-29T06:43:41Z or 2026-01-29";
            return Err(Error::invalid("time", text, why));
        };
        Time::from_micros(micros)
    }
}

impl TryFrom<String> for Time {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> String {
        time.to_string()
    }
}

/// The zone of a clock that was read without telling its offset.
///
/// As text `UTC` or `Z`, an offset (`+03:00`, `-0530`, `+3`), or a name of the IANA database
/// (`Africa/Nairobi`), as the version of it knows that this crate was built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Rule);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Offset(FixedOffset),
    Named(Tz),
}

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone(Rule::Named(Tz::UTC));

    /// The zone of a machine, by what a system of the kind of Unix says of it: the variable `TZ`, where
    /// `/etc/localtime` leads, and what `/etc/timezone` says. The first that says something counts.
    ///
    /// Each is a name of the IANA database, or the path of a file of it; `TZ` may have a `:` before it,
    /// and where it is empty it is UTC (`tzset(3)`, `localtime(5)`). Rules spelt out, as
    /// `<-03>3<-02>,M3.5.0`, are refused. Fails with `Invalid` where nothing tells a zone that is known.
    pub fn of_machine(
        tz: Option<&str>,
        localtime: Option<&str>,
        timezone: Option<&str>,
    ) -> Result<Zone> {
        let named = |told: &str| {
            let name = told.rsplit_once("zoneinfo/").map_or(told, |(_, name)| name);
            // The database has all names once more below these.
            let plain = ["posix/", "right/"].iter().find_map(|it| name.strip_prefix(it));
            plain.unwrap_or(name).parse::<Tz>().ok().map(|zone| Zone(Rule::Named(zone)))
        };
        if let Some(tz) = tz {
            let name = tz.strip_prefix(':').unwrap_or(tz).trim();
            if name.is_empty() {
                return Ok(Zone::UTC);
            }
            let why = "the variable TZ names no zone that is known";
            return named(name).ok_or_else(|| Error::invalid("time zone", tz, why));
        }
        let told = [localtime, timezone].into_iter().flatten();
        told.map(str::trim).find_map(named).ok_or_else(|| {
            let why = "nothing tells the zone of this machine; name it, as Africa/Nairobi";
            Error::invalid("time zone", "local", why)
        })
    }

    /// The moment at which a clock of this zone showed a reading, which is told as if it were UTC.
    ///
    /// What a clock showed twice, as it was put back, is the first of the two. What it never
    /// showed, as it was put forward, is read by the offset before. Fails with `Invalid` outside
    /// the years 0 to 9999.
    pub fn moment(self, reading: Time) -> Result<Time> {
        let naive = DateTime::<Utc>::from_timestamp_micros(reading.0).unwrap_or_default();
        let naive = naive.naive_utc();
        let micros = match self.0 {
            Rule::Offset(offset) => first(offset.from_local_datetime(&naive)),
            Rule::Named(zone) => first(zone.from_local_datetime(&naive)).or_else(|| {
                let before = naive.checked_sub_signed(Span::hours(3))?;
                let moment = first(zone.from_local_datetime(&before))?;
                moment.checked_add(Span::hours(3).num_microseconds()?)
            }),
        };
        Time::from_micros(micros.unwrap_or(reading.0))
    }
}

/// The earlier of what a reading can mean, in microseconds since 1970.
fn first<Z: TimeZone>(meant: MappedLocalTime<DateTime<Z>>) -> Option<i64> {
    meant.earliest().map(|moment| moment.timestamp_micros())
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Rule::Offset(offset) => f.pad(&offset.to_string()),
            Rule::Named(zone) => f.pad(zone.name()),
        }
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if matches!(text, "Z" | "z" | "UTC" | "utc") {
            return Ok(Zone::UTC);
        }
        if let Some(offset) = offset_of(text) {
            return Ok(Zone(Rule::Offset(offset)));
        }
        let named = text.parse::<Tz>().map(|zone| Zone(Rule::Named(zone)));
        named.map_err(|_| {
            let why = "UTC, an offset as +03:00, or a name as Africa/Nairobi is needed";
            Error::invalid("time zone", text, why)
        })
    }
}

/// Reads `+03:00`, `+0300`, `+03` and `+3`.
fn offset_of(text: &str) -> Option<FixedOffset> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    if !rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        None if rest.len() == 4 => rest.split_at(2),
        None => (rest, "0"),
        Some(_) => return None,
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let fits = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    fits.then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)))?
}

impl Time {
    /// Reads a time as Python's `isoformat` writes it, and whether an offset stands beside it;
    /// without one the reading is told as if it were UTC.
    pub fn read_iso(text: &str) -> Option<(Time, bool)> {
        let text = text.trim();
        let told = DateTime::parse_from_rfc3339(text).is_ok();
        Some((text.parse().ok()?, told))
    }

    /// The moment so many seconds after 1970, to the microsecond as Python's `round(seconds * 1e6)`
    /// gives it; none for what is no moment.
    pub fn from_seconds(seconds: f64) -> Option<Time> {
        let micros = (seconds * 1e6).round_ties_even();
        let fits = micros >= MICROS_MIN as f64 && micros <= MICROS_MAX as f64;
        fits.then_some(Time(micros as i64))
    }
}

/// Tells the time. A store asks the one that it was opened with.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Time;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Time {
        let now = SystemTime::now();
        let micros = match now.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(MICROS_MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(-MICROS_MIN),
        };
        Time(micros.clamp(MICROS_MIN, MICROS_MAX))
    }
}

/// Measures how long something takes, on a clock that never goes back.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "durations are measured here and nowhere else")]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// What is left of `limit`, counted from the start; zero when it has run out.
    pub fn left_of(self, limit: Duration) -> Duration {
        limit.saturating_sub(self.elapsed())
    }
}
