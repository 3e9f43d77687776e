//! HTML and pictures of a page.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::cdp::{Cdp, PAGE};
use crate::capture::{Fault, Viewport};
use crate::model::time::Stopwatch;

/// The tallest and widest page of which one picture is taken, in pixels. Beyond it the browser
/// needs more than 200 MB for the pixels alone.
const PICTURE_SIDE_MAX: u64 = 40_000;
/// The most pixels of a picture.
const PICTURE_PIXELS_MAX: u64 = 80_000_000;

/// Takes the document as it stands: doctype, and shadow roots, open and closed, as declarative
/// `<template shadowrootmode>`.
///
/// It is asked for over the DOM domain and not by a script, so that the page can't answer with
/// something else.
pub(super) fn html(cdp: &mut dyn Cdp, within: Duration) -> Result<Vec<u8>, Fault> {
    let watch = Stopwatch::start();
    let document = cdp.call("DOM.getDocument", json!({ "depth": 0 }), within)?;
    let node = &document["root"]["nodeId"];
    let asked = json!({ "nodeId": node, "includeShadowDOM": true });
    let mut answer = cdp.call("DOM.getOuterHTML", asked, watch.left_of(within))?;
    // From here on the page's changes are of no interest; each would be an event.
    cdp.send(PAGE, "DOM.disable", json!({}))?;
    match answer["outerHTML"].take() {
        Value::String(html) if !html.is_empty() => Ok(html.into_bytes()),
        _ => Err(Fault::Empty),
    }
}

/// Takes a picture of what the window shows.
pub(super) fn view_png(
    cdp: &mut dyn Cdp,
    viewport: Viewport,
    within: Duration,
) -> Result<Vec<u8>, Fault> {
    let size = (u64::from(viewport.width), u64::from(viewport.height));
    png(cdp, json!({ "format": "png", "optimizeForSpeed": true }), size, viewport, within)
}

/// Takes a picture of the page from top to bottom. Where that is larger than the window the page
/// is laid out anew for a moment, and can notice it: it gets a `resize` event.
pub(super) fn full_png(
    cdp: &mut dyn Cdp,
    viewport: Viewport,
    within: Duration,
) -> Result<Vec<u8>, Fault> {
    let watch = Stopwatch::start();
    let metrics = cdp.call("Page.getLayoutMetrics", json!({}), within)?;
    let side = |name: &str, least: u32| {
        // Whole pixels, as in the picture that comes back.
        let css = metrics["cssContentSize"][name].as_f64().unwrap_or(0.0).ceil();
        (css as u64).max(u64::from(least))
    };
    let (width, height) = (side("width", viewport.width), side("height", viewport.height));
    let left = watch.left_of(within);
    if (width, height) == (u64::from(viewport.width), u64::from(viewport.height)) {
        return view_png(cdp, viewport, left);
    }
    for (what, size, limit) in [
        ("the page's width in px", width, PICTURE_SIDE_MAX),
        ("the page's height in px", height, PICTURE_SIDE_MAX),
        ("the page's area in px", width * height, PICTURE_PIXELS_MAX),
    ] {
        if size > limit {
            return Err(Fault::TooLarge { what, size, limit });
        }
    }
    let asked = json!({
        "format": "png",
        "optimizeForSpeed": true,
        "captureBeyondViewport": true,
        "clip": { "x": 0, "y": 0, "width": width, "height": height, "scale": 1 },
    });
    png(cdp, asked, (width, height), viewport, left)
}

fn png(
    cdp: &mut dyn Cdp,
    asked: Value,
    size: (u64, u64),
    viewport: Viewport,
    within: Duration,
) -> Result<Vec<u8>, Fault> {
    let answer = cdp.call("Page.captureScreenshot", asked, within)?;
    let data = answer["data"].as_str().unwrap_or_default();
    if data.is_empty() {
        return Err(Fault::Empty);
    }
    let png = STANDARD
        .decode(data)
        .map_err(|why| Fault::Unfit(format!("a picture that is no base64: {why}")))?;
    let scaled = |css: u64| (css as f64 * viewport.device_scale).round() as u64;
    let wanted = (scaled(size.0), scaled(size.1));
    match png_size(&png) {
        Some(got) if got == wanted => Ok(png),
        Some((width, height)) => Err(Fault::Unfit(format!(
            "a picture of {width}x{height}, where {}x{} was asked for",
            wanted.0, wanted.1
        ))),
        None => Err(Fault::Unfit("a picture that is no PNG".into())),
    }
}

/// Reads width and height from the first chunk of a PNG (ISO/IEC 15948, 11.2.2).
fn png_size(png: &[u8]) -> Option<(u64, u64)> {
    let rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
    let side =
        |at: usize| Some(u64::from(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?)));
    Some((side(0)?, side(4)?))
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
}
