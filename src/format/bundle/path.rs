//! The path of a folder within its tree: `site/module/component/YYYYMMDD/HHMMSS_session`.
//!
//! The function is not in it. Times are UTC here; older writers used the local time.
//!
//! **Invariant:** a path stays within its tree, is a name on every file system, and two contexts that
//! differ in site, module, component or session never have the same.

use crate::codec::frame;
use crate::model::context::{Context, LEFT_OUT};
use crate::model::time::Time;

/// The longest part as it is written, in bytes. File systems take 255, of which the last part needs
/// some for the time.
const PART_BYTES_MAX: usize = 180;
/// How much of a longer part is written, before its hash.
const HEAD_BYTES: usize = 120;
/// What stands between the two: a `%` that escapes nothing.
const CUT: &str = "%-";
/// Names that Windows keeps for devices, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// How folders are called that stand between, for no other reason than that there are many.
const PARTITION: &str = "partition_";

/// How exactly the time stands in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `154054_session`.
    Seconds,
    /// `154054.123456_session`: where the first is taken.
    Micros,
}

/// The path of what was taken in this context at this time, with `/` between its parts.
///
/// In each part ASCII letters, digits, `-`, `_` and `.` stand for themselves, all else is written as
/// `%XX` for each byte of its UTF-8; so are a dot at an end and the first letter of a name that Windows
/// keeps for a device, or that begins as a partition does. What is then longer than 180 bytes is cut and ends with its hash.
pub fn bundle_path(context: &Context, time: Time, precision: Precision) -> String {
    let [site, module, component, session, _] = context.parts();
    // 2026-01-29T06:43:41.714106Z
    let digits: String = time.to_string().chars().filter(char::is_ascii_digit).collect();
    let (date, clock) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    let (seconds, micros) = clock.split_at_checked(6).unwrap_or((clock, ""));
    let clock = match precision {
        Precision::Seconds => seconds.to_owned(),
        Precision::Micros => format!("{seconds}.{micros}"),
    };
    let [site, module, component, session] = [site, module, component, session].map(|it| part(it));
    format!("{site}/{module}/{component}/{date}/{clock}_{session}")
}

/// A part of a context, or any other name, as a part of a path.
pub fn part(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    let is_kept = is_device(name) || name.starts_with(PARTITION);
    for (at, byte) in name.bytes().enumerate() {
        let is_at_end = at == 0 || at + 1 == name.len();
        let stands = match byte {
            b'.' => !is_at_end,
            b'-' | b'_' => true,
            _ => byte.is_ascii_alphanumeric() && !(is_kept && at == 0),
        };
        match stands {
            true => written.push(char::from(byte)),
            false => written += &format!("%{byte:02X}"),
        }
    }
    if written.len() > PART_BYTES_MAX {
        // ASCII by now, so it can be cut anywhere.
        written.truncate(HEAD_BYTES);
        let hash = frame::hash(name.as_bytes()).to_string();
        written += &format!("{CUT}{}", &hash[..32]);
    }
    written
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().filter_map(|device| stem.strip_prefix(device));
    DEVICES.contains(&stem.as_str())
        || numbered.into_iter().any(|number| matches!(number.as_bytes(), [b'0'..=b'9']))
}

/// What a path tells of a folder whose `metadata.json` is gone. Parts that it does not have are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PathParts {
    /// The site.
    pub site: Option<String>,
    /// The module.
    pub module: Option<String>,
    /// The component.
    pub component: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The time, as `2026-02-14T15:40:54` with the microseconds where it has them. It has no zone.
    pub timestamp: String,
}

/// Reads a path, with `/` or `\` between its parts: up to three parts, a date, and a time with a
/// session. Nothing where it has another form.
///
/// Folders `partition_…` between are passed over. What was cut when it was written is none.
pub fn parse(path: &str) -> Option<PathParts> {
    let parts: Vec<_> = path
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && !part.starts_with(PARTITION))
        .collect();
    let [places @ .., date, last] = parts.as_slice() else { return None };
    let (clock, session) = last.split_once('_')?;
    let (seconds, micros) = match clock.split_once('.') {
        Some((seconds, micros)) => (seconds, Some(micros)),
        None => (clock, None),
    };
    let are_digits =
        |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(date, 8)
        || !are_digits(seconds, 6)
        || !micros.is_none_or(|micros| are_digits(micros, 6))
    {
        return None;
    }
    let mut timestamp = format!(
        "{}-{}-{}T{}:{}:{}",
        &date[..4],
        &date[4..6],
        &date[6..],
        &seconds[..2],
        &seconds[2..4],
        &seconds[4..]
    );
    if let Some(micros) = micros {
        timestamp += &format!(".{micros}");
    }
    timestamp.parse::<Time>().ok()?;
    let read = |part: Option<&&str>| part.and_then(|part| name(part)).filter(|it| it != LEFT_OUT);
    let places = &places[places.len().saturating_sub(3)..];
    Some(PathParts {
        site: read(places.first()),
        module: read(places.get(1)),
        component: read(places.get(2)),
        session: read(Some(&session)),
        timestamp,
    })
}

/// Undoes [`part`]. A `%` that escapes nothing stands for itself: older writers escaped nothing.
/// Nothing where it was cut.
pub fn name(part: &str) -> Option<String> {
    if let Some((head, hash)) = part.rsplit_once(CUT)
        && head.len() == HEAD_BYTES
        && hash.len() == 32
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return None;
    }
    let bytes = part.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high << 4 | low) as u8);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    // What is not UTF-8 then was never escaped.
    Some(String::from_utf8(plain).unwrap_or_else(|_| part.to_owned()))
}
