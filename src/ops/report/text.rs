//! Text of unknown origin, and numbers, as they stand in a report.
//!
//! **Invariant:** what comes from a page or a store goes through here or through maud's escaping,
//! never around both. Characters that are not seen, or that turn the direction of what is around
//! them, are written out: `\u{202e}`.

use std::fmt::Write;

use maud::{Markup, html};

use crate::model::time::Time;

/// The most characters of a text that stands on a line; a longer one is cut, and says so.
pub(super) const LINE_CHARS_MAX: usize = 600;
/// The most bytes of a text that stands as a block.
pub(super) const BLOCK_BYTES_MAX: usize = 128 * 1024;
/// The most bytes that such a text takes in the page, where much of it is escaped.
const BLOCK_ESCAPED_MAX: usize = 192 * 1024;

/// Tells whether a character is not seen, or changes how others are read.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
        || character.is_control()
}

/// A text with what can't be seen written out, but for those that are kept.
pub(super) fn written_out(text: &str, keep: &[char]) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) && !keep.contains(&character) {
            let _ = write!(plain, "{}", character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// A text on one line, with what can't be seen written out.
pub(super) fn plain(text: &str) -> String {
    let (head, left) = cut(text, LINE_CHARS_MAX);
    let mut plain = written_out(head, &[]);
    if left > 0 {
        let _ = write!(plain, "… ({left} more characters)");
    }
    plain
}

/// The beginning of a text, and how many characters were left out.
fn cut(text: &str, chars: usize) -> (&str, usize) {
    match text.char_indices().nth(chars) {
        Some((at, _)) => (&text[..at], text[at..].chars().count()),
        None => (text, 0),
    }
}

/// The beginning of a text and its end, with what is between them left out where it is longer than
/// so many characters: an address tells most at its ends.
pub(super) fn elided(text: &str, chars: usize) -> String {
    let long = text.chars().count();
    if long <= chars {
        return text.to_owned();
    }
    let tail = chars / 4;
    let head: String = text.chars().take(chars - tail).collect();
    let end: String = text.chars().skip(long - tail).collect();
    format!("{head} … {end}")
}

/// A text of unknown origin within a line: it can't turn the direction of what is around it.
pub(super) fn line(text: &str) -> Markup {
    html! { bdi { (plain(text)) } }
}

/// The same as code.
pub(super) fn code(text: &str) -> Markup {
    html! { code { bdi { (plain(text)) } } }
}

/// Where a text ends that takes at most so many bytes, and no more than `escaped_max` once it is escaped.
pub(super) fn fitting(text: &str, bytes_max: usize, escaped_max: usize) -> usize {
    let end = text.floor_char_boundary(bytes_max.min(text.len()));
    let mut escaped = 0;
    for (at, byte) in text[..end].bytes().enumerate() {
        escaped += match byte {
            b'"' => "&quot;".len(),
            b'&' => "&amp;".len(),
            b'<' | b'>' => "&lt;".len(),
            _ => 1,
        };
        if escaped > escaped_max {
            return text.floor_char_boundary(at);
        }
    }
    end
}

/// A text of several lines as it stands, in a box that scrolls by itself; what is over
/// [`BLOCK_BYTES_MAX`] is cut, and how much that is stands below. `label` names it.
pub(super) fn block(label: &str, text: &str) -> Markup {
    let end = fitting(text, BLOCK_BYTES_MAX, BLOCK_ESCAPED_MAX);
    let shown = written_out(&text[..end], &['\n', '\t']);
    html! {
        pre.block tabindex="0" role="group" aria-label=(plain(label)) dir="auto" { (shown) }
        (shown_of(end as u64, text.len() as u64))
    }
}

/// Says how much of something is shown where that is not all; bytes.
pub(super) fn shown_of(shown: u64, whole: u64) -> Markup {
    html! {
        @if shown < whole {
            p.cut { "Shown are the first " (size(shown)) " of " (size(whole)) "." }
        }
    }
}

/// A size as people read it.
pub(super) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    match unit {
        0 => format!("{bytes} B"),
        _ if value < 10.0 => format!("{value:.2} {}", units[unit]),
        _ if value < 100.0 => format!("{value:.1} {}", units[unit]),
        _ => format!("{value:.0} {}", units[unit]),
    }
}

/// A number with its thousands apart.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut apart = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

/// How many of a thing there are.
pub(super) fn count(many: u64, thing: &str) -> String {
    match many {
        1 => format!("1 {thing}"),
        _ => format!("{} {thing}s", number(many)),
    }
}

/// A duration in milliseconds as people read it.
pub(super) fn millis(millis: f64) -> String {
    match millis {
        none if !none.is_finite() || none < 0.0 => "–".to_owned(),
        short if short < 10.0 => format!("{short:.1} ms"),
        short if short < 1_000.0 => format!("{short:.0} ms"),
        seconds if seconds < 120_000.0 => format!("{:.2} s", seconds / 1e3),
        minutes if minutes < 7_200_000.0 => format!("{:.0} min", minutes / 60e3),
        hours if hours < 172_800_000.0 => format!("{:.1} h", hours / 3_600e3),
        days => format!("{:.1} days", days / 86_400e3),
    }
}

/// A moment to the second, in UTC, for eyes and for programs.
pub(super) fn moment(time: Time) -> Markup {
    let whole = time.to_string();
    html! { time datetime=(whole) title=(whole) { (&whole[..10]) " " (&whole[11..19]) } }
}

/// A word as a shell reads it: as it is where it can be, in quotes otherwise.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if !word.chars().any(is_hidden) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // The quotes in which what can't be seen can be written out.
    let mut quoted = "$'".to_owned();
    for character in word.chars() {
        match character {
            '\'' | '\\' => quoted.extend(['\\', character]),
            hidden if is_hidden(hidden) => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(hidden));
            }
            other => quoted.push(other),
        }
    }
    quoted + "'"
}
