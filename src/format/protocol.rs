//! What a browser tells of itself: events of the DevTools protocol.

use serde_json::Value;

use crate::model::time::Time;

/// Reads what a browser tells, which is JSON with one difference: a page's texts may have half a
/// surrogate pair in them (`"\ud800"`), which no text here can. Each becomes U+FFFD.
///
/// Fails where it is no JSON, and where it has more levels than [`serde_json`] reads.
pub fn read(text: &str) -> serde_json::Result<Value> {
    match serde_json::from_str(text) {
        Err(_) if text.contains("\\u") => serde_json::from_str(&without_lone_surrogates(text)),
        read => read,
    }
}

fn without_lone_surrogates(text: &str) -> String {
    /// `\uXXXX` at the beginning of a text.
    fn unit(text: &[u8]) -> Option<u16> {
        let digits = text.strip_prefix(b"\\u")?.get(..4)?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
    const UNIT_BYTES: usize = 6;
    let bytes = text.as_bytes();
    let mut mended = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let here = &bytes[at..];
        let taken = match unit(here) {
            Some(0xd800..=0xdbff) => match unit(here.get(UNIT_BYTES..).unwrap_or_default()) {
                Some(0xdc00..=0xdfff) => 2 * UNIT_BYTES,
                _ => 0,
            },
            Some(0xdc00..=0xdfff) => 0,
            Some(_) => UNIT_BYTES,
            // A backslash and what it stands before belong together: `\\ud800` is no escape of one.
            None if here[0] == b'\\' && here.len() > 1 => 2,
            None => 1,
        };
        match taken {
            0 => {
                mended.extend_from_slice(b"\\ufffd");
                at += UNIT_BYTES;
            }
            taken => {
                mended.extend_from_slice(&here[..taken]);
                at += taken;
            }
        }
    }
    // Only ASCII was replaced, by ASCII.
    String::from_utf8(mended).unwrap_or_default()
}

/// The name of an event that no browser tells: that others stood here and were not kept, since
/// there were too many. Its parameters are their `kind` (`said`, `network`, `messages`, `steering`)
/// and their `count`.
pub const EVENTS_DROPPED: &str = "Tintype.eventsDropped";

/// Something that happened, as the browser told it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtocolEvent {
    /// When it was received.
    pub at: Time,
    /// The session that told it: empty for the page itself, an id for a frame in a process of its
    /// own or a worker.
    pub session: String,
    /// Its name: `Page.loadEventFired`.
    pub method: String,
    /// What it says.
    pub params: Value,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_a_pair_is_no_reason_to_lose_the_rest() {
        for (text, wanted) in [
            (r#""a\ud800b""#, json!("a\u{fffd}b")),
            (r#""\udc00\ud800""#, json!("\u{fffd}\u{fffd}")),
            (r#""\ud800\ud83d\ude00""#, json!("\u{fffd}😀")),
            (
                r#"{"x\udfff":"\\ud800","y":"\\\ud800"}"#,
                json!({"x\u{fffd}": "\\ud800", "y": "\\\u{fffd}"}),
            ),
            (r#"["é\ud800é","\u0041"]"#, json!(["é\u{fffd}é", "A"])),
        ] {
            assert_eq!(read(text).unwrap(), wanted, "{text}");
        }
        for bad in ["", "{", r#""\ud8""#, r#""\ud800"#, "nul", r#""\u""#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
