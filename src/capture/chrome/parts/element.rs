//! What a selector finds; where it finds nothing, what is left of the way to it.

use serde_json::{Value, json};

use super::frames;
use super::picture::{self, Area};
use super::subject::{Frame, Subject};
use super::{html as document, mask};
use crate::capture::chrome::cdp::PAGE;
use crate::capture::chrome::world::member;
use crate::capture::{Fault, Item, Taken};
use crate::format::selector::shortened;
use crate::model::config::{CaptureConfig, PagePart};

/// Looks for selectors, the first one first.
const FIND: &str = include_str!("element.js");
/// Says where the element that was found stands.
const PLACE: &str = include_str!("place.js");
/// The longest selector that is told whole, in characters; a page's own are shorter.
const SELECTOR_CHARS_MAX: usize = 500;

/// An element, and the way to it.
struct Found {
    /// The page itself, which holds it.
    root: Frame,
    /// What is told: the selector, how many it matched, what was taken instead.
    detail: Value,
}

enum Search {
    Found(Found),
    /// There is nothing, not even of the beginning of the selector; the text says so.
    Nothing(String),
}

/// Takes the HTML of the first element that the selector finds, or of the nearest that is there.
pub(super) fn html(page: &mut Subject<'_>, config: &CaptureConfig) -> Result<Taken, Fault> {
    let Found { root, detail } = match find(page, config)? {
        Search::Found(found) => found,
        Search::Nothing(why) => return Ok(Taken::Nothing(why)),
    };
    let element = page.object(&root, "globalThis.tintypeElement")?;
    let element = element.ok_or_else(|| Fault::Unfit("an element that is gone".to_owned()))?;
    let html = document::outer(page, PAGE, json!({ "objectId": element }))?;
    Ok(one(PagePart::ElementHtml, html.into_bytes(), detail))
}

/// Takes a picture of the same element, where it stands; nothing is scrolled.
pub(super) fn png(page: &mut Subject<'_>, config: &CaptureConfig) -> Result<Taken, Fault> {
    mask::masked(page, config, |page| {
        let Found { root, mut detail } = match find(page, config)? {
            Search::Found(found) => found,
            Search::Nothing(why) => return Ok(Taken::Nothing(why)),
        };
        let place = page.run(&root, &format!("({PLACE})()"))?;
        if place.is_null() {
            return Err(Fault::Unfit("an element that is gone".to_owned()));
        }
        let taken = detail["taken"].as_str().unwrap_or_default().to_owned();
        let none = |why: &str| Ok(Taken::Nothing(format!("{taken} can't be seen: {why}")));
        if let Some(why) = place["hidden"].as_str() {
            return none(why);
        }
        let all = area_of(&place);
        if all.width <= 0.0 || all.height <= 0.0 {
            return none(&format!("its size is {}x{} px", all.width, all.height));
        }
        let page_area = Area { x: 0.0, y: 0.0, ..area_of(&place["page"]) };
        let Some(area) = pixels(all, page_area) else {
            return none("it stands outside of the page");
        };
        let in_window = pixels(area, area_of(&place["window"])) == Some(area);
        let (png, got) = if in_window {
            (picture::region_in_window(page, area)?, area)
        } else {
            let (mut shots, why) = picture::shots(page, area, 1)?;
            let shot = shots.pop().ok_or(Fault::Empty)?;
            if let Some(why) = why {
                detail["truncated"] =
                    json!({ "width": area.width, "height": area.height, "why": why });
            }
            (shot.png, shot.area)
        };
        for (name, side) in
            [("x", got.x), ("y", got.y), ("width", got.width), ("height", got.height)]
        {
            detail[name] = side.into();
        }
        Ok(one(PagePart::ElementPng, png, detail))
    })
}

/// Looks for what the configuration's selector finds, and else for what is left of the way to it.
fn find(page: &mut Subject<'_>, config: &CaptureConfig) -> Result<Search, Fault> {
    let Some(selector) = config.selector() else {
        return Ok(Search::Nothing("no selector was given".to_owned()));
    };
    let root = frames::root(page)?;
    let answer = page.run(&root, &format!("({FIND})({})", json!(shortened(selector))))?;
    if let Some(why) = answer["refused"].as_str() {
        return Err(Fault::Refused(clipped(why)));
    }
    let Value::Array(mut path) = member(answer, "path") else {
        return Err(Fault::Unfit("no list of what was found".to_owned()));
    };
    for step in &mut path {
        let selector = clipped(step["selector"].as_str().unwrap_or_default());
        match step.as_object_mut() {
            Some(step) => step.insert("selector".to_owned(), selector.into()),
            None => return Err(Fault::Unfit("no list of what was found".to_owned())),
        };
    }
    let matched = path.first().map_or(Value::Null, |step| step["matched"].clone());
    let last = path.last().cloned().unwrap_or_default();
    if last["matched"].as_u64().unwrap_or(0) == 0 {
        let selector = clipped(selector);
        return Ok(Search::Nothing(match path.len() {
            0 | 1 => format!("nothing matches {selector}"),
            _ => format!("nothing matches {selector}, nor {}", text_of(&last["selector"])),
        }));
    }
    let detail = json!({
        "selector": clipped(selector),
        "matched": matched,
        "path": path,
        "taken": last["selector"],
    });
    Ok(Search::Found(Found { root, detail }))
}

fn one(part: PagePart, content: Vec<u8>, detail: Value) -> Taken {
    Taken::Several(vec![Item {
        name: part.artifact_name().to_owned(),
        media_type: part.media_type().to_owned(),
        content,
        detail,
    }])
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(SELECTOR_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn area_of(of: &Value) -> Area {
    let side = |name: &str| of[name].as_f64().unwrap_or(0.0);
    Area { x: side("x"), y: side("y"), width: side("width"), height: side("height") }
}

/// The whole pixels that an area touches, as far as they are within another.
fn pixels(area: Area, within: Area) -> Option<Area> {
    let (left, top) = (area.x.floor().max(within.x), area.y.floor().max(within.y));
    let right = (area.x + area.width).ceil().min(within.x + within.width);
    let bottom = (area.y + area.height).ceil().min(within.y + within.height);
    let area = Area { x: left, y: top, width: right - left, height: bottom - top };
    (area.width > 0.0 && area.height > 0.0).then_some(area)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_widened_to_whole_pixels_and_cut_to_what_is_there() {
        let area = |x, y, width, height| Area { x, y, width, height };
        let page = area(0.0, 0.0, 100.0, 50.0);
        assert_eq!(pixels(area(1.4, 2.6, 10.2, 3.0), page), Some(area(1.0, 2.0, 11.0, 4.0)));
        assert_eq!(pixels(area(-5.0, 40.0, 200.0, 20.0), page), Some(area(0.0, 40.0, 100.0, 10.0)));
        assert_eq!(pixels(area(-5.0, 0.0, 4.0, 4.0), page), None);
        assert_eq!(pixels(area(0.0, 50.0, 4.0, 4.0), page), None);
    }
}
