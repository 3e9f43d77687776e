//! How Python's `json.dump(value, file, indent=2)` lays JSON out, in ASCII or not: to tell whether a file
//! is what its value alone comes to, so that with the value every byte of it is known.

use serde::Serialize;

use crate::format::pyjson;

/// Whether a text is what a value comes to, laid out so many levels deep in something else.
pub fn is_laid_out(text: &[u8], value: &impl Serialize, level: usize) -> bool {
    let Ok(plain) = serde_json::to_string_pretty(value) else { return false };
    // Within texts a line feed is escaped.
    let plain = plain.replace('\n', &format!("\n{}", "  ".repeat(level)));
    plain.as_bytes() == text || (!plain.is_ascii() && ascii(&plain).as_bytes() == text)
}

/// JSON with each character that is not ASCII escaped, as Python escapes it.
pub fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character.is_ascii() {
            true => escaped.push(character),
            // It stands in a text.
            false => escaped
                .push_str(pyjson::quoted(character.encode_utf8(&mut [0; 4])).trim_matches('"')),
        }
    }
    escaped
}
