//! Pictures: of the window, of the whole page, of a part of it.
//!
//! Chromium gives a picture of any size without an error, and leaves white what did not fit into
//! its memory for pixels: measured with Chromium 156 without a GPU, beyond some 110 million pixels
//! over all layers that are drawn. So a large picture is taken while the layers are watched, and
//! taken again in tiles where they are too large in all.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::subject::Subject;
use super::{frames, mask};
use crate::capture::chrome::cdp::PAGE;
use crate::capture::{Fault, Item, Taken};
use crate::model::config::{CaptureConfig, PagePart};
use crate::model::time::Stopwatch;

/// The tallest and widest picture that is taken at once, in device pixels.
const PICTURE_SIDE_MAX: f64 = 40_000.0;
/// The most device pixels of a picture, over all layers.
const PICTURE_PIXELS_MAX: f64 = 80e6;
/// A picture of fewer device pixels is taken without a look at the layers: for it to be too large
/// the page would have to have twenty that cover all of it.
const SMALL_PIXELS: f64 = 4e6;
/// The tallest tile, in device pixels, and the lowest.
const TILE_HEIGHT_MAX: f64 = 8_000.0;
const TILE_HEIGHT_MIN: f64 = 500.0;
/// The most tiles: 200,000 pixels of height, mostly. What is below is left out, and told.
const TILES_MAX: usize = 25;
/// The longest that pictures which the page loads only when they are seen are waited for, and the
/// part of the time that is left.
const LAZY_WAIT_MAX: Duration = Duration::from_millis(1_500);
const LAZY_SHARE: u32 = 4;
/// Lets a page load the pictures that it holds back until they are seen.
const LAZY: &str = include_str!("lazy.js");

/// A part of the page, in CSS pixels from its top left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A picture of a part of the page.
pub(super) struct Shot {
    pub png: Vec<u8>,
    pub area: Area,
}

/// Takes a picture of what the window shows.
pub(super) fn view(page: &mut Subject<'_>, config: &CaptureConfig) -> Result<Taken, Fault> {
    mask::masked(page, config, |page| window(page).map(Taken::Content))
}

fn window(page: &mut Subject<'_>) -> Result<Vec<u8>, Fault> {
    let (width, height) = (page.viewport.width, page.viewport.height);
    let asked = json!({ "format": "png", "optimizeForSpeed": true });
    shot(page, asked, f64::from(width), f64::from(height))
}

/// Takes a picture of the page from top to bottom. Where that is larger than the window the page
/// is laid out anew for a moment, and can notice it: it gets a `resize` event.
pub(super) fn full(page: &mut Subject<'_>, config: &CaptureConfig) -> Result<Taken, Fault> {
    let lazy = load_lazy(page)?;
    mask::masked(page, config, |page| {
        let metrics = page.call(PAGE, "Page.getLayoutMetrics", json!({}))?;
        let side = |name: &str, least: u32| {
            // Whole pixels, as in the picture that comes back.
            let css = metrics["cssContentSize"][name].as_f64().unwrap_or(0.0).ceil();
            css.max(f64::from(least))
        };
        let (width, height) = (page.viewport.width, page.viewport.height);
        let all =
            Area { x: 0.0, y: 0.0, width: side("width", width), height: side("height", height) };
        if (all.width, all.height) == (f64::from(width), f64::from(height)) {
            let png = window(page)?;
            return Ok(several(vec![Shot { png, area: all }], all, &lazy, None));
        }
        let (shots, why) = shots(page, all, TILES_MAX)?;
        Ok(several(shots, all, &lazy, why))
    })
}

/// What a full picture became: `full.png`, or tiles.
fn several(shots: Vec<Shot>, all: Area, lazy: &Value, why: Option<String>) -> Taken {
    let (count, last) = (shots.len(), shots.len().saturating_sub(1));
    let mut items = Vec::new();
    for (at, shot) in shots.into_iter().enumerate() {
        let mut detail = json!({});
        if count > 1 || why.is_some() {
            let Area { x, y, width, height } = shot.area;
            detail = json!({ "x": x, "y": y, "width": width, "height": height });
        }
        if at == 0 && !lazy.is_null() {
            detail["lazy_images"] = lazy.clone();
        }
        if at == last
            && let Some(why) = &why
        {
            detail["truncated"] = json!({ "width": all.width, "height": all.height, "why": why });
        }
        items.push(Item {
            name: match count {
                1 => PagePart::FullPng.artifact_name().to_owned(),
                _ => format!("full-{:03}.png", at + 1),
            },
            media_type: PagePart::FullPng.media_type().to_owned(),
            content: shot.png,
            detail: if detail == json!({}) { Value::Null } else { detail },
        });
    }
    Taken::Several(items)
}

/// Takes a picture of a part of the page, in tiles where it is too large for one; says why there
/// is less than was asked for, where there is.
pub(super) fn shots(
    page: &mut Subject<'_>,
    area: Area,
    tiles_max: usize,
) -> Result<(Vec<Shot>, Option<String>), Fault> {
    let scale = page.viewport.device_scale;
    let mut why = None;
    let mut area = area;
    let side_max = (PICTURE_SIDE_MAX / scale).floor();
    if area.width > side_max {
        area.width = side_max;
        why = Some(format!("a picture has at most {PICTURE_SIDE_MAX} px of width"));
    }
    let pixels = area.width * area.height * scale * scale;
    let mut layers = 1.0;
    if area.height <= side_max && pixels <= PICTURE_PIXELS_MAX {
        if pixels <= SMALL_PIXELS {
            return Ok((vec![Shot { png: region(page, area)?, area }], why));
        }
        let (png, drawn) = with_layers(page, area)?;
        if drawn <= PICTURE_PIXELS_MAX {
            return Ok((vec![Shot { png, area }], why));
        }
        layers = drawn / pixels;
    }
    let height = (PICTURE_PIXELS_MAX / (area.width * scale * scale * layers))
        .clamp(TILE_HEIGHT_MIN / scale, TILE_HEIGHT_MAX / scale)
        .floor()
        .max(1.0);
    let (mut shots, end) = (Vec::new(), area.y + area.height);
    let mut slowest = Duration::ZERO;
    let mut y = area.y;
    while y < end {
        if shots.len() == tiles_max {
            why = Some(format!("it is too large for {tiles_max} of at most {height} px of height"));
            break;
        }
        if !shots.is_empty() && page.left() < slowest * 2 {
            why = Some("the time was up".to_owned());
            break;
        }
        let watch = Stopwatch::start();
        let tile = Area { y, height: height.min(end - y), ..area };
        match region(page, tile) {
            Ok(png) => shots.push(Shot { png, area: tile }),
            Err(Fault::TimedOut { .. }) if !shots.is_empty() => {
                why = Some("the time was up".to_owned());
                break;
            }
            Err(fault) => return Err(fault),
        }
        slowest = slowest.max(watch.elapsed());
        y += height;
    }
    Ok((shots, why))
}

/// Takes a picture and watches the layers that are drawn for it; gives their device pixels in all.
fn with_layers(page: &mut Subject<'_>, area: Area) -> Result<(Vec<u8>, f64), Fault> {
    let before = page.cdp.last();
    page.call(PAGE, "LayerTree.enable", json!({}))?;
    let png = region(page, area);
    page.cdp.send(PAGE, "LayerTree.disable", json!({}))?;
    let trees = page.cdp.events(before, &|method| method == "LayerTree.layerTreeDidChange");
    let drawn = trees.iter().map(|one| drawn(&one.event.params)).fold(0.0, f64::max);
    Ok((png?, drawn * page.viewport.device_scale.powi(2)))
}

/// The CSS pixels of the layers that are drawn.
fn drawn(tree: &Value) -> f64 {
    let layers = tree["layers"].as_array().into_iter().flatten();
    let layers = layers.filter(|layer| layer["drawsContent"] == true);
    let side = |layer: &Value, name: &str| layer[name].as_f64().unwrap_or(0.0);
    layers.map(|layer| side(layer, "width") * side(layer, "height")).sum()
}

/// Takes one picture of a part of the page, which need not be in the window.
pub(super) fn region(page: &mut Subject<'_>, area: Area) -> Result<Vec<u8>, Fault> {
    let Area { x, y, width, height } = area;
    let asked = json!({
        "format": "png",
        "optimizeForSpeed": true,
        "captureBeyondViewport": true,
        "clip": { "x": x, "y": y, "width": width, "height": height, "scale": 1 },
    });
    shot(page, asked, width, height)
}

/// Takes one picture of a part of the page that is in the window; the page can't notice it.
pub(super) fn region_in_window(page: &mut Subject<'_>, area: Area) -> Result<Vec<u8>, Fault> {
    let Area { x, y, width, height } = area;
    let asked = json!({
        "format": "png",
        "optimizeForSpeed": true,
        "clip": { "x": x, "y": y, "width": width, "height": height, "scale": 1 },
    });
    shot(page, asked, width, height)
}

fn shot(page: &mut Subject<'_>, asked: Value, width: f64, height: f64) -> Result<Vec<u8>, Fault> {
    let answer = page.call(PAGE, "Page.captureScreenshot", asked)?;
    let data = answer["data"].as_str().unwrap_or_default();
    if data.is_empty() {
        return Err(Fault::Empty);
    }
    let png = STANDARD
        .decode(data)
        .map_err(|why| Fault::Unfit(format!("a picture that is no base64: {why}")))?;
    let scale = page.viewport.device_scale;
    // Half a pixel is rounded to either side.
    let fits = |got: u64, css: f64| (got as f64 - css * scale).abs() < 1.0;
    match png_size(&png) {
        Some(got) if fits(got.0, width) && fits(got.1, height) => Ok(png),
        Some(got) => Err(Fault::Unfit(format!(
            "a picture of {}x{}, where {}x{} was asked for",
            got.0,
            got.1,
            width * scale,
            height * scale
        ))),
        None => Err(Fault::Unfit("a picture that is no PNG".to_owned())),
    }
}

/// Reads width and height from the first chunk of a PNG (ISO/IEC 15948, 11.2.2).
fn png_size(png: &[u8]) -> Option<(u64, u64)> {
    let rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
    let side =
        |at: usize| Some(u64::from(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?)));
    Some((side(0)?, side(4)?))
}

/// Lets the page load the pictures that it holds back until they are seen, and waits for them a
/// moment; says how many there were and how many are there now, or nothing.
fn load_lazy(page: &mut Subject<'_>) -> Result<Value, Fault> {
    let root = frames::root(page)?;
    let wait = LAZY_WAIT_MAX.min(page.left() / LAZY_SHARE);
    match page.run(&root, &format!("({LAZY})({})", wait.as_millis())) {
        Ok(told) => Ok(told),
        // The picture is taken as it is then.
        Err(fault @ (Fault::Refused(_) | Fault::Unfit(_))) => {
            Ok(json!({ "why": fault.to_string() }))
        }
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_png_is_read_from_its_header_and_from_nothing_shorter() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x05\0\0\0\x03\x20";
        assert_eq!(png_size(png), Some((1280, 800)));
        for end in 0..png.len() {
            assert_eq!(png_size(&png[..end]), None);
        }
    }

    #[test]
    fn layers_that_draw_nothing_take_nothing() {
        let tree = json!({ "layers": [
            { "width": 100, "height": 20, "drawsContent": true },
            { "width": 100, "height": 20, "drawsContent": false },
            { "width": 10, "height": 20, "drawsContent": true },
        ] });
        assert_eq!(drawn(&tree), 2_200.0);
        assert_eq!(drawn(&json!({})), 0.0);
    }
}
