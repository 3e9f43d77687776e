//! JSON laid out to be read, from its text: numbers keep their digits, members their order, also those
//! of one name.

use serde::de::IgnoredAny;

/// What a level is set in by.
const STEP: &str = "  ";
/// The most levels that are set in; deeper ones stand below each other.
const STEPS_MAX: usize = 32;

/// The text of a JSON document with a line for each member; nothing where it is none. At most
/// about `bytes_max` bytes are made: what is shown is cut anyway.
pub(super) fn laid_out(text: &str, bytes_max: usize) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len().min(bytes_max) * 5 / 4);
    let mut level = 0usize;
    let mut rest = text.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        if out.len() > bytes_max {
            break;
        }
        match character {
            '"' => {
                let mut escaped = false;
                let end = text[at + 1..].char_indices().find_map(|(end, c)| {
                    let closes = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    closes.then_some(at + 1 + end)
                })?;
                out.push_str(&text[at..=end]);
                while rest.next_if(|(next, _)| *next <= end).is_some() {}
            }
            '{' | '[' => {
                out.push(character);
                let close = if character == '{' { '}' } else { ']' };
                while rest.next_if(|(_, c)| c.is_ascii_whitespace()).is_some() {}
                if rest.next_if(|(_, c)| *c == close).is_some() {
                    out.push(close);
                } else {
                    level += 1;
                    new_line(&mut out, level);
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                new_line(&mut out, level);
                out.push(character);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, level);
            }
            ':' => out.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    Some(out)
}

fn new_line(out: &mut String, level: usize) {
    out.push('\n');
    (0..level.min(STEPS_MAX)).for_each(|_| out.push_str(STEP));
}
