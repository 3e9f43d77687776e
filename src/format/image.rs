//! What differs between two images: how many pixels, and where.
//!
//! PNG, JPEG and WebP are told by their first bytes, and one may be compared with another. Pixels
//! are compared by the values that stand in the image, alpha among them: neither colour profiles
//! nor a turn that the image's metadata asks for is looked at. Images of different sizes are laid
//! on each other at their upper left corners; what only one of them covers has changed.
//!
//! **Invariant:** each changed pixel lies in one of the areas, no area overlaps another, and what
//! they hold adds up to the number of changed pixels.
//!
//! **Invariant:** an image takes no memory before its size is known to be within
//! [`DECODED_BYTES_MAX`].
//!
//! **Refused:** animations. The first frames of two may be the same.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder};
use image::codecs::webp::WebPDecoder;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, Limits, RgbImage,
};
use serde::{Deserialize, Serialize};

/// The most bytes that an image may take decoded, with four channels to a pixel, and that a canvas
/// which holds both images may take. That is 67 million pixels of the usual depth: a screenshot of
/// a page 52,000 pixels long.
pub const DECODED_BYTES_MAX: u64 = 256 << 20;
/// The most areas that a difference is told in. Where more stand apart, near ones are one area.
pub const AREAS_MAX: usize = 32;
/// The width and height of the tiles in which changed pixels are gathered: those in tiles that
/// touch are one area. About a line of text.
pub const TILE: u32 = 16;

/// The channels of a pixel as it is compared: red, green, blue, alpha.
const CHANNELS: usize = 4;
/// The colour that marks what has changed in a [picture](ImageDiff::picture).
const MARK: [u8; 3] = [225, 20, 60];
/// The width of the line around an area in a picture, in pixels.
const OUTLINE: u32 = 2;

/// What differs between two images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageDiff {
    /// Whether both have the same size and the same pixels.
    pub equal: bool,
    /// Whether both are the same bytes. Equal pixels may be written differently.
    pub identical: bool,
    /// The size of the first.
    pub before: Size,
    /// The size of the second.
    pub after: Size,
    /// The pixels that differ, with those that only one image has.
    pub changed_pixels: u64,
    /// Their share of the pixels that either image has, from 0 to 1.
    pub share: f64,
    /// Where they are, the largest area first; at most [`AREAS_MAX`].
    pub areas: Vec<Area>,
}

/// The size of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// The smallest rectangle around changed pixels that lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Area {
    /// The first column, from 0 at the left.
    pub x: u32,
    /// The first row, from 0 at the top.
    pub y: u32,
    /// The columns.
    pub width: u32,
    /// The rows.
    pub height: u32,
    /// The pixels in it that differ.
    pub changed_pixels: u64,
}

/// The size of an image and its media type, from its first bytes and without decoding it.
///
/// Gives `None` where it is no PNG, JPEG or WebP, or larger than [`DECODED_BYTES_MAX`].
pub fn look(content: &[u8]) -> Option<(Size, &'static str)> {
    let reader = Cursor::new(content);
    let (decoder, media_type): (Box<dyn ImageDecoder + '_>, _) =
        match image::guess_format(content).ok()? {
            ImageFormat::Png => {
                (Box::new(PngDecoder::with_limits(reader, limits()).ok()?), "image/png")
            }
            ImageFormat::Jpeg => (Box::new(JpegDecoder::new(reader).ok()?), "image/jpeg"),
            ImageFormat::WebP => (Box::new(WebPDecoder::new(reader).ok()?), "image/webp"),
            _ => return None,
        };
    let (width, height) = decoder.dimensions();
    let size = Size { width, height };
    fits(size, channel_bytes(decoder.color_type())).then_some((size, media_type))
}

/// Compares two images by their pixels.
///
/// Gives `None` where one of them is no PNG, JPEG or WebP, is damaged, moves, or is larger than
/// [`DECODED_BYTES_MAX`].
pub fn compare_images(before: &[u8], after: &[u8]) -> Option<ImageDiff> {
    let layers = Layers::of(before, after)?;
    let mut tiles = Tiles::over(layers.canvas());
    layers.changed_spans(|y, from, to| tiles.mark(y, from, to));
    let areas = tiles.areas();
    let changed_pixels: u64 = areas.iter().map(|area| area.changed_pixels).sum();
    Some(ImageDiff {
        equal: changed_pixels == 0 && layers.before == layers.after,
        identical: before == after,
        before: layers.before,
        after: layers.after,
        changed_pixels,
        share: changed_pixels as f64 / layers.covered() as f64,
        areas,
    })
}

impl ImageDiff {
    /// Draws the difference as a PNG: the second image paled, what has changed tinted red, and a
    /// line around each area.
    ///
    /// Wants the two images that were compared; gives `None` where they can't be decoded.
    pub fn picture(&self, first: &[u8], second: &[u8]) -> Option<Vec<u8>> {
        let layers = Layers::of(first, second)?;
        let Size { width, height } = layers.canvas();
        let mut canvas = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
        let shown = layers.second_rgba8();
        for (x, y, pixel) in shown.enumerate_pixels() {
            let alpha = u16::from(pixel[3]);
            let paled = [0, 1, 2].map(|channel| {
                // On white paper, and two thirds of the way to white.
                let on_white = (u16::from(pixel[channel]) * alpha + 255 * (255 - alpha)) / 255;
                (255 - (255 - on_white) / 3) as u8
            });
            canvas.put_pixel(x, y, image::Rgb(paled));
        }
        layers.changed_spans(|y, from, to| {
            for x in from..to {
                let pixel = canvas.get_pixel_mut(x, y);
                for (channel, mark) in pixel.0.iter_mut().zip(MARK) {
                    *channel = ((u16::from(*channel) + u16::from(mark)) / 2) as u8;
                }
            }
        });
        for area in &self.areas {
            outline(&mut canvas, area);
        }
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
            .write_image(canvas.as_raw(), width, height, ExtendedColorType::Rgb8)
            .ok()?;
        Some(png)
    }
}

/// Draws a line around an area, outside of it and as far as the canvas goes.
fn outline(canvas: &mut RgbImage, area: &Area) {
    let (right, bottom) = (area.x.saturating_add(area.width), area.y.saturating_add(area.height));
    let columns = area.x.saturating_sub(OUTLINE)..right.saturating_add(OUTLINE).min(canvas.width());
    let rows = area.y.saturating_sub(OUTLINE)..bottom.saturating_add(OUTLINE).min(canvas.height());
    for y in rows {
        let sides = match (area.y..bottom).contains(&y) {
            true => [columns.start..area.x.min(columns.end), right..columns.end],
            false => [columns.clone(), 0..0],
        };
        for x in sides.into_iter().flatten() {
            canvas.put_pixel(x, y, image::Rgb(MARK));
        }
    }
}

/// Two images laid on each other.
struct Layers {
    before: Size,
    after: Size,
    pixels: Pixels,
}

/// The channels of both images, row by row, in the depth of the deeper one.
enum Pixels {
    Depth8(Vec<u8>, Vec<u8>),
    Depth16(Vec<u16>, Vec<u16>),
}

impl Layers {
    fn of(before: &[u8], after: &[u8]) -> Option<Self> {
        let (before, after) = (decode(before)?, decode(after)?);
        let size = |image: &DynamicImage| Size { width: image.width(), height: image.height() };
        let is_deep = |image: &DynamicImage| channel_bytes(image.color()) > 1;
        let is_deep = is_deep(&before) || is_deep(&after);
        let mut layers = Layers {
            before: size(&before),
            after: size(&after),
            pixels: Pixels::Depth8(Vec::new(), Vec::new()),
        };
        for size in [layers.before, layers.after, layers.canvas()] {
            if !fits(size, if is_deep { 2 } else { 1 }) {
                return None;
            }
        }
        layers.pixels = match is_deep {
            true => {
                Pixels::Depth16(before.into_rgba16().into_raw(), after.into_rgba16().into_raw())
            }
            false => Pixels::Depth8(before.into_rgba8().into_raw(), after.into_rgba8().into_raw()),
        };
        Some(layers)
    }

    /// The smallest canvas that holds both.
    fn canvas(&self) -> Size {
        Size {
            width: self.before.width.max(self.after.width),
            height: self.before.height.max(self.after.height),
        }
    }

    /// The part of the canvas that both cover.
    fn overlap(&self) -> Size {
        Size {
            width: self.before.width.min(self.after.width),
            height: self.before.height.min(self.after.height),
        }
    }

    /// The pixels that at least one of them covers.
    fn covered(&self) -> u64 {
        self.before.pixels() + self.after.pixels() - self.overlap().pixels()
    }

    /// Tells of all that differs, in runs within a row: the row, the first column, and that after
    /// the last.
    fn changed_spans(&self, mut tell: impl FnMut(u32, u32, u32)) {
        let overlap = self.overlap();
        match &self.pixels {
            Pixels::Depth8(before, after) => self.compare(before, after, &mut tell),
            Pixels::Depth16(before, after) => self.compare(before, after, &mut tell),
        }
        for size in [self.before, self.after] {
            for y in 0..size.height {
                let covered = if y < overlap.height { overlap.width } else { 0 };
                if covered < size.width {
                    tell(y, covered, size.width);
                }
            }
        }
    }

    fn compare<C: PartialEq>(
        &self,
        before: &[C],
        after: &[C],
        tell: &mut impl FnMut(u32, u32, u32),
    ) {
        let overlap = self.overlap();
        let row_of = |size: Size| size.width as usize * CHANNELS;
        let rows =
            before.chunks_exact(row_of(self.before)).zip(after.chunks_exact(row_of(self.after)));
        for (y, (before, after)) in (0..overlap.height).zip(rows) {
            let length = row_of(overlap);
            let (before, after) = (&before[..length], &after[..length]);
            if before == after {
                continue;
            }
            let mut run: Option<u32> = None;
            let pixels = before.chunks_exact(CHANNELS).zip(after.chunks_exact(CHANNELS));
            for (x, (before, after)) in (0..).zip(pixels) {
                match (before == after, run) {
                    (false, None) => run = Some(x),
                    (true, Some(from)) => {
                        tell(y, from, x);
                        run = None;
                    }
                    _ => {}
                }
            }
            if let Some(from) = run {
                tell(y, from, overlap.width);
            }
        }
    }

    /// The second image in eight bits.
    fn second_rgba8(&self) -> image::RgbaImage {
        let Size { width, height } = self.after;
        let raw = match &self.pixels {
            Pixels::Depth8(_, after) => after.clone(),
            Pixels::Depth16(_, after) => after.iter().map(|value| (value >> 8) as u8).collect(),
        };
        image::RgbaImage::from_raw(width, height, raw).unwrap_or_default()
    }
}

impl Size {
    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

fn fits(size: Size, channel_bytes: u64) -> bool {
    let bytes = size.pixels().saturating_mul(CHANNELS as u64 * channel_bytes);
    (1..=DECODED_BYTES_MAX).contains(&bytes)
}

fn channel_bytes(color: image::ColorType) -> u64 {
    u64::from(color.bytes_per_pixel()) / u64::from(color.channel_count()).max(1)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    limits
}

fn decode(content: &[u8]) -> Option<DynamicImage> {
    let reader = Cursor::new(content);
    match image::guess_format(content).ok()? {
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(reader, limits()).ok()?;
            if decoder.is_apng().ok()? { None } else { pixels_of(decoder) }
        }
        ImageFormat::Jpeg => pixels_of(JpegDecoder::new(reader).ok()?),
        ImageFormat::WebP => {
            let decoder = WebPDecoder::new(reader).ok()?;
            if decoder.has_animation() { None } else { pixels_of(decoder) }
        }
        _ => None,
    }
}

/// Decodes an image of which the size is known, unless that is too large.
fn pixels_of(mut decoder: impl ImageDecoder) -> Option<DynamicImage> {
    let (width, height) = decoder.dimensions();
    if !fits(Size { width, height }, channel_bytes(decoder.color_type())) {
        return None;
    }
    decoder.set_limits(limits()).ok()?;
    DynamicImage::from_decoder(decoder).ok()
}

/// A canvas in tiles, each with what has changed in it.
struct Tiles {
    /// The width and height of a tile.
    side: u32,
    across: usize,
    /// Row by row.
    tiles: Vec<Option<Found>>,
}

/// Changed pixels and the edges of the rectangle around them: the last two lie outside.
#[derive(Clone, Copy)]
struct Found {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
    pixels: u64,
}

impl Found {
    fn with(self, other: Option<Found>) -> Found {
        let Some(other) = other else { return self };
        Found {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
            pixels: self.pixels + other.pixels,
        }
    }

    fn overlaps(&self, other: &Found) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

impl Tiles {
    fn over(canvas: Size) -> Self {
        let count = |pixels: u32| pixels.div_ceil(TILE) as usize;
        let across = count(canvas.width);
        Tiles { side: TILE, across, tiles: vec![None; across * count(canvas.height)] }
    }

    /// Marks the pixels of a row from a column to that before another.
    fn mark(&mut self, y: u32, from: u32, to: u32) {
        let mut left = from;
        while left < to {
            let column = left / self.side;
            let right = to.min((column + 1).saturating_mul(self.side));
            let found =
                Found { left, top: y, right, bottom: y + 1, pixels: u64::from(right - left) };
            let at = (y / self.side) as usize * self.across + column as usize;
            if let Some(tile) = self.tiles.get_mut(at) {
                *tile = Some(found.with(*tile));
            }
            left = right;
        }
    }

    /// What lies together, with tiles as large as it takes to tell it in few areas.
    fn areas(mut self) -> Vec<Area> {
        let mut found = self.together();
        while found.len() > AREAS_MAX {
            self = self.coarser();
            found = self.together();
        }
        // A rectangle may reach into another that its pixels don't touch.
        let mut at = 0;
        while at < found.len() {
            match (at + 1..found.len()).find(|other| found[at].overlaps(&found[*other])) {
                Some(other) => {
                    let other = found.swap_remove(other);
                    found[at] = found[at].with(Some(other));
                    at = 0;
                }
                None => at += 1,
            }
        }
        let mut areas: Vec<Area> = found
            .into_iter()
            .map(|found| Area {
                x: found.left,
                y: found.top,
                width: found.right - found.left,
                height: found.bottom - found.top,
                changed_pixels: found.pixels,
            })
            .collect();
        let size = |area: &Area| u64::from(area.width) * u64::from(area.height);
        areas.sort_by_key(|area| (std::cmp::Reverse(size(area)), area.y, area.x));
        areas
    }

    /// What has changed in tiles that touch, be it at a corner, together.
    fn together(&self) -> Vec<Found> {
        let mut all = Vec::new();
        let mut seen = vec![false; self.tiles.len()];
        let mut open = Vec::new();
        for (start, tile) in self.tiles.iter().enumerate() {
            let Some(mut found) = *tile else { continue };
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            open.push(start);
            while let Some(at) = open.pop() {
                let (row, column) = (at / self.across, at % self.across);
                for row in row.saturating_sub(1)..=row + 1 {
                    for column in column.saturating_sub(1)..=(column + 1).min(self.across - 1) {
                        let next = row * self.across + column;
                        let Some(Some(tile)) = self.tiles.get(next) else { continue };
                        if !std::mem::replace(&mut seen[next], true) {
                            found = found.with(Some(*tile));
                            open.push(next);
                        }
                    }
                }
            }
            all.push(found);
        }
        all
    }

    /// The same in tiles of twice the side.
    fn coarser(&self) -> Tiles {
        let across = self.across.div_ceil(2);
        let down = self.tiles.len().div_ceil(self.across).div_ceil(2);
        let mut coarser =
            Tiles { side: self.side.saturating_mul(2), across, tiles: vec![None; across * down] };
        for (at, tile) in self.tiles.iter().enumerate() {
            if let Some(found) = tile {
                let at = at / self.across / 2 * across + at % self.across / 2;
                coarser.tiles[at] = Some(found.with(coarser.tiles[at]));
            }
        }
        coarser
    }
}
