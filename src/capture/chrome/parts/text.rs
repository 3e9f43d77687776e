//! The text that a reader sees.

use serde_json::{Value, json};

use super::frames::{self, FRAMES_MAX, Order};
use super::subject::Subject;
use crate::capture::chrome::cdp::PAGE;
use crate::capture::chrome::world::member;
use crate::capture::{Fault, Item, Taken};
use crate::model::config::PagePart;

/// Gives the text of a document, up to a limit, and how long it is.
const TEXT: &str = include_str!("text.js");
/// The longest text of all frames together, in UTF-16 units, as scripts count.
const TEXT_UNITS_MAX: u64 = 8 * 1024 * 1024;

/// Takes the text of the page and of its frames, in the order in which they stand.
///
/// Where no script of ours runs it is put together from where the browser has drawn text.
pub(super) fn take(page: &mut Subject<'_>) -> Result<Taken, Fault> {
    let frames = frames::list(page, Order::OfDocument, FRAMES_MAX)?;
    let mut texts: Vec<String> = Vec::new();
    let mut detail = Value::Null;
    let (mut left, mut length) = (TEXT_UNITS_MAX, 0);
    for (at, frame) in frames.iter().enumerate() {
        if frame.fault.is_some() {
            continue;
        }
        match page.run(frame, &format!("({TEXT})({left})")) {
            Ok(answer) => {
                let units = answer["length"].as_u64().unwrap_or(0);
                length = u64::saturating_add(length, units);
                left = left.saturating_sub(units);
                if let Value::String(text) = member(answer, "text") {
                    texts.push(text);
                }
            }
            Err(fault @ (Fault::Crashed | Fault::Gone(_) | Fault::TimedOut { .. })) if at == 0 => {
                return Err(fault);
            }
            Err(Fault::Gone(why)) => return Err(Fault::Gone(why)),
            Err(fault) if at == 0 => {
                let asked = json!({ "computedStyles": [] });
                let snapshot = page.call(PAGE, "DOMSnapshot.captureSnapshot", asked)?;
                detail = json!({ "from": "layout", "why": fault.to_string() });
                texts.push(drawn(&snapshot));
                break;
            }
            Err(fault) => log::debug!("capture: the text of frame {at}: {fault}"),
        }
    }
    let text = texts.iter().filter(|text| !text.is_empty()).map(String::as_str);
    let mut text = text.collect::<Vec<_>>().join("\n\n");
    if text.is_empty() {
        return Ok(Taken::Nothing("the page shows no text".to_owned()));
    }
    text.push('\n');
    if length > TEXT_UNITS_MAX {
        detail = json!({ "truncated": { "length": length, "limit": TEXT_UNITS_MAX } });
    }
    Ok(Taken::Several(vec![Item {
        name: PagePart::Text.artifact_name().to_owned(),
        media_type: PagePart::Text.media_type().to_owned(),
        content: text.into_bytes(),
        detail,
    }]))
}

/// The text that the browser has drawn, line by line, as `DOMSnapshot` tells it.
fn drawn(snapshot: &Value) -> String {
    let word = |index: &Value| {
        let at = usize::try_from(index.as_u64()?).ok()?;
        snapshot["strings"].get(at)?.as_str()
    };
    let mut text = String::new();
    for document in snapshot["documents"].as_array().into_iter().flatten() {
        let layout = &document["layout"];
        let texts = layout["text"].as_array().into_iter().flatten();
        let bounds = layout["bounds"].as_array().into_iter().flatten();
        let mut line = None;
        for (piece, bounds) in texts.zip(bounds) {
            let Some(piece) = word(piece) else { continue };
            let (top, height) =
                (bounds[1].as_f64().unwrap_or(0.0), bounds[3].as_f64().unwrap_or(0.0));
            let middle = top + height / 2.0;
            let goes_on = line.is_some_and(|(top, bottom)| middle > top && middle < bottom);
            if !goes_on && !text.is_empty() {
                text.push('\n');
            }
            line = Some((top, top + height));
            text.push_str(piece);
        }
    }
    let end = text.char_indices().nth(TEXT_UNITS_MAX as usize).map_or(text.len(), |(end, _)| end);
    text[..end].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_text_is_read_line_by_line_and_no_json_does_harm() {
        let snapshot = json!({
            "strings": ["Hello ", "world", "below", "in a frame"],
            "documents": [
                { "layout": {
                    "text": [-1, 0, 1, 2, 77],
                    "bounds": [[0, 0, 800, 600], [0, 10, 50, 20], [50, 12, 50, 16], [0, 40, 50, 20], []],
                } },
                { "layout": { "text": [3], "bounds": [[0, 0, 10, 10]] } },
            ],
        });
        assert_eq!(drawn(&snapshot), "Hello world\nbelow\nin a frame");
        for none in [json!(null), json!({ "documents": [1, {}] }), json!({ "documents": {} })] {
            assert_eq!(drawn(&none), "");
        }
    }
}
