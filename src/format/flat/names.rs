//! What the names of files tell.
//!
//! Names of pages come from documents too, and may be as long as these. Each function looks at a
//! character a few times at most.

use crate::model::time::Time;

/// How long a session is as it stands in a name: 32 hex digits in five groups.
const SESSION_BYTES: usize = 36;

/// The session that a file's name tells, where it has the form `<page>_<8_4_4_4_12 hex>_<seconds>`.
pub fn session_in_name(stem: &str) -> Option<String> {
    let (rest, seconds) = stem.rsplit_once('_')?;
    if seconds.is_empty() || !seconds.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    session_at_end(rest).map(|session| session.replace('_', "-"))
}

/// The session that a text ends with.
fn session_at_end(text: &str) -> Option<&str> {
    let (before, session) = text.split_at_checked(text.len().checked_sub(SESSION_BYTES)?)?;
    let is_session = session.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'_',
        _ => byte.is_ascii_hexdigit(),
    });
    let is_apart = before.is_empty() || before.ends_with('_');
    (is_session && is_apart).then_some(session)
}

/// The seconds since 1970 that a file's name ends with, and what stands before them.
pub fn seconds_in_name(stem: &str) -> Option<(&str, u64)> {
    let (rest, seconds) = stem.rsplit_once('_')?;
    let is_stamp = (9..=11).contains(&seconds.len());
    let seconds = seconds.parse().ok().filter(|_| is_stamp)?;
    Some((rest, seconds))
}

/// The moment that a file's name tells as `<YYYYMMDD>_<HHMMSS>`, in UTC, and what stands before it.
pub fn stamp_in_name(stem: &str) -> Option<(&str, Time)> {
    for start in 0..stem.len() {
        let Some(stamp) = stem.get(start..start + 15) else { continue };
        let (Some(day), Some(clock)) = (stamp.get(..8), stamp.get(9..)) else { continue };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_apart = start == 0 || stem[..start].ends_with('_');
        let ends = stem[start + 15..].chars().next().is_none_or(|next| !next.is_ascii_digit());
        if !(digits(day) && digits(clock) && stamp.as_bytes()[8] == b'_' && is_apart && ends) {
            continue;
        }
        let iso = format!(
            "{}-{}-{}T{}:{}:{}Z",
            &day[..4],
            &day[4..6],
            &day[6..],
            &clock[..2],
            &clock[2..4],
            &clock[4..]
        );
        if let Ok(time) = iso.parse() {
            return Some((stem[..start].trim_end_matches('_'), time));
        }
    }
    None
}

/// What a file's name says of the page: without stamps and session.
pub fn prefix_in_name(stem: &str) -> &str {
    let mut rest = stem;
    if let Some((before, _)) = stamp_in_name(rest) {
        rest = before;
    }
    while let Some((before, last)) = rest.rsplit_once('_') {
        let is_number = last.len() >= 9 && last.bytes().all(|byte| byte.is_ascii_digit());
        match session_at_end(rest) {
            Some(session) => rest = rest[..rest.len() - session.len()].trim_end_matches('_'),
            None if is_number => rest = before,
            None => break,
        }
    }
    rest
}
