//! Images compared: how much has changed, where, and what is no image or too large a one.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use serde_json::json;
use tintype::format::diff::{Comparison, Form, compare};
use tintype::format::image::{AREAS_MAX, Area, ImageDiff, Size, compare_images};

const WHITE: Rgba<u8> = Rgba([255; 4]);
const INK: Rgba<u8> = Rgba([20, 30, 40, 255]);

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(image: &RgbaImage) -> Vec<u8> {
    encoded(image.clone(), ImageFormat::Png)
}

fn paper(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_pixel(width, height, WHITE)
}

fn with_box(mut image: RgbaImage, (x, y): (u32, u32), (width, height): (u32, u32)) -> RgbaImage {
    for at in y..y + height {
        (x..x + width).for_each(|x| image.put_pixel(x, at, INK));
    }
    image
}

/// Compares two images and checks what holds for any two: areas that don't overlap hold all that
/// differs, which is counted here once more, pixel by pixel.
fn check(before: &RgbaImage, after: &RgbaImage) -> ImageDiff {
    let diff = compare_images(&png(before), &png(after)).unwrap();
    let pixel = |image: &RgbaImage, x, y| image.get_pixel_checked(x, y).copied();
    let holds = |area: &Area, x, y| {
        (area.x..area.x + area.width).contains(&x) && (area.y..area.y + area.height).contains(&y)
    };
    let (mut changed, mut covered) = (vec![0; diff.areas.len()], 0_u64);
    for y in 0..before.height().max(after.height()) {
        for x in 0..before.width().max(after.width()) {
            let (first, second) = (pixel(before, x, y), pixel(after, x, y));
            covered += u64::from(first.is_some() || second.is_some());
            let within: Vec<_> =
                (0..diff.areas.len()).filter(|area| holds(&diff.areas[*area], x, y)).collect();
            assert!(within.len() <= 1, "areas overlap at {x},{y}: {:?}", diff.areas);
            if first != second {
                assert_eq!(within.len(), 1, "{x},{y} is in no area: {:?}", diff.areas);
                changed[within[0]] += 1;
            }
        }
    }
    assert_eq!(changed, diff.areas.iter().map(|area| area.changed_pixels).collect::<Vec<_>>());
    assert_eq!(diff.changed_pixels, changed.iter().sum::<u64>());
    assert_eq!(diff.share, diff.changed_pixels as f64 / covered as f64);
    assert_eq!(diff.equal, before == after);
    assert!(diff.areas.len() <= AREAS_MAX);
    let sizes = diff.areas.iter().map(|area| area.width * area.height);
    assert!(sizes.rev().is_sorted());
    let told = serde_json::to_value(&diff).unwrap();
    assert_eq!(serde_json::from_value::<ImageDiff>(told).unwrap(), diff);
    diff
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_areas_hold_all_that_differs_between_any_two_images(
        (before, after) in ((1u32..300, 1u32..120), (1u32..300, 1u32..120)),
        dots in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4), 0..120),
    ) {
        let first = paper(before.0, before.1);
        let mut second = paper(after.0, after.1);
        for (at, alpha) in dots {
            let at = at.index((after.0 * after.1) as usize) as u32;
            second.put_pixel(at % after.0, at / after.0, Rgba([255, 255, 255, alpha + 252]));
        }
        check(&first, &second);
        check(&second, &second);
    }
}

#[test]
fn a_changed_box_is_told_to_the_pixel() {
    let before = paper(200, 100);
    let after = with_box(with_box(before.clone(), (10, 20), (30, 5)), (150, 60), (2, 2));
    let diff = check(&before, &after);
    assert_eq!(
        serde_json::to_value(&diff).unwrap(),
        json!({
            "equal": false,
            "identical": false,
            "before": {"width": 200, "height": 100},
            "after": {"width": 200, "height": 100},
            "changed_pixels": 154,
            "share": 0.0077,
            "areas": [
                {"x": 10, "y": 20, "width": 30, "height": 5, "changed_pixels": 150},
                {"x": 150, "y": 60, "width": 2, "height": 2, "changed_pixels": 4},
            ],
        })
    );
    let told = compare(&png(&before), &png(&after), ("", ""), Form::Image);
    assert_eq!(serde_json::to_value(told).unwrap()["form"], "image");
}

#[test]
fn what_only_one_image_covers_has_changed() {
    let diff = check(&paper(100, 50), &paper(100, 80));
    assert_eq!((diff.changed_pixels, diff.share), (3_000, 0.375));
    assert_eq!(diff.areas, [Area { x: 0, y: 50, width: 100, height: 30, changed_pixels: 3_000 }]);
    assert_eq!(
        (diff.before, diff.after),
        (Size { width: 100, height: 50 }, Size { width: 100, height: 80 })
    );
    // The corner that neither covers is no part of it.
    assert_eq!(check(&paper(40, 10), &paper(10, 40)).share, 600.0 / 700.0);
    // A column of nothing but the other's paper is no equal image.
    assert!(!check(&paper(10, 10), &paper(11, 10)).equal);
}

#[test]
fn alpha_and_the_lower_bits_of_deep_images_count() {
    let clear = RgbaImage::from_pixel(8, 8, Rgba([255, 255, 255, 254]));
    assert_eq!(check(&paper(8, 8), &clear).share, 1.0);
    let deep = |low: u16| {
        let image = ImageBuffer::<Rgb<u16>, _>::from_pixel(8, 8, Rgb([0xff00, 0xff00, low]));
        encoded(image, ImageFormat::Png)
    };
    let diff = compare_images(&deep(0xff00), &deep(0xff01)).unwrap();
    assert!(!diff.equal && diff.changed_pixels == 64);
    // Sixteen bits that say no more than eight are the same.
    let shallow = encoded(RgbImage::from_pixel(8, 8, Rgb([255; 3])), ImageFormat::Png);
    let white = ImageBuffer::<Rgb<u16>, _>::from_pixel(8, 8, Rgb([u16::MAX; 3]));
    assert!(compare_images(&shallow, &encoded(white, ImageFormat::Png)).unwrap().equal);
}

#[test]
fn the_same_pixels_in_another_form_are_equal() {
    let image = with_box(paper(50, 40), (3, 3), (20, 20));
    let webp = encoded(image.clone(), ImageFormat::WebP);
    let diff = compare_images(&png(&image), &webp).unwrap();
    assert!(diff.equal && !diff.identical && diff.areas.is_empty() && diff.share == 0.0);
    assert!(compare_images(&webp, &webp).unwrap().identical);
    let opaque = DynamicImage::from(image).into_rgb8();
    let jpeg = encoded(opaque.clone(), ImageFormat::Jpeg);
    assert!(compare_images(&jpeg, &jpeg).unwrap().equal);
    assert_eq!(compare_images(&jpeg, &webp).unwrap().before, Size { width: 50, height: 40 });
    assert!(compare_images(&encoded(opaque, ImageFormat::Png), &webp).unwrap().equal);
}

/// A PNG of these chunks.
fn png_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        let named = [&name[..], data].concat();
        bytes.extend(&named);
        let sum = named.iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
            })
        });
        bytes.extend((!sum).to_be_bytes());
    }
    bytes
}

/// The head of a PNG with four channels of eight bits.
fn head(width: u32, height: u32) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat()
}

#[test]
fn what_cannot_be_decoded_or_is_too_large_is_compared_as_bytes() {
    let good = png(&paper(20, 20));
    let huge = |width, height| {
        // The data goes on as far as a real one would to begin with.
        png_of(&[(b"IHDR", &head(width, height)), (b"IDAT", &good[41..good.len() - 16])])
    };
    let animated = png_of(&[
        (b"IHDR", &head(1, 1)),
        (b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        (b"IDAT", b"\x78\x01\x63\x60\x60\x60\x60\x00\x00\x00\x05\x00\x01"),
        (b"IEND", b""),
    ]);
    let jpeg = encoded(RgbImage::new(8, 8), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|mark| mark == [0xff, 0xc0]).unwrap();
    let mut huge_jpeg = jpeg.clone();
    huge_jpeg[frame + 5..frame + 9].fill(0xff);
    let mut huge_webp = encoded(paper(8, 8), ImageFormat::WebP);
    // Fourteen bits each: 16,384 by 16,384.
    huge_webp[21..24].fill(0xff);
    huge_webp[24] |= 0x0f;
    let mut damaged = good.clone();
    damaged[45] ^= 0xff;
    for (name, content) in [
        ("a PNG of terabytes", huge(1 << 20, 1 << 20)),
        ("a PNG of the largest size", huge(u32::MAX >> 1, u32::MAX >> 1)),
        ("a PNG as wide as it goes", huge(u32::MAX >> 1, 1)),
        ("a PNG just above the limit", huge(8_193, 8_192)),
        ("a PNG without pixels", huge(0, 0)),
        ("a JPEG of gigabytes", huge_jpeg),
        ("a WebP of a gigabyte", huge_webp),
        ("an animation", animated),
        ("a PNG that is cut off", good[..good.len() / 2].to_vec()),
        ("a PNG with a flipped byte", damaged),
        ("the signature of a PNG alone", good[..8].to_vec()),
        ("a GIF", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec()),
        ("a text", b"404 not found".to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert_eq!(compare_images(&content, &good), None, "{name}");
        assert_eq!(compare_images(&good, &content), None, "{name}");
        let told = compare(&content, &good, ("", ""), Form::Image);
        let Comparison::Bytes(diff) = told else { panic!("{name}: {told:?}") };
        assert_eq!((diff.equal, diff.before_bytes), (false, content.len() as u64), "{name}");
    }
    // Each fits, and a canvas for both does not.
    let (wide, tall) = (png(&paper(40_000, 1)), png(&paper(1, 40_000)));
    assert_eq!(compare_images(&wide, &tall), None);
    assert!(compare_images(&wide, &wide).unwrap().equal);
}

#[test]
fn the_picture_shows_the_second_image_paled_and_what_changed_marked() {
    let before = with_box(paper(120, 60), (100, 50), (4, 4));
    let after = with_box(with_box(paper(100, 60), (20, 20), (10, 10)), (60, 5), (8, 8));
    let before = with_box(before, (60, 5), (8, 8));
    let diff = check(&before, &after);
    let picture = diff.picture(&png(&before), &png(&after)).unwrap();
    let picture = image::load_from_memory(&picture).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (120, 60));
    let is_red = |x, y| {
        let [red, green, blue] = picture.get_pixel(x, y).0;
        red > green.saturating_add(60) && red > blue.saturating_add(60)
    };
    assert!(is_red(25, 25), "the changed box");
    assert!(is_red(110, 30), "what only the first has");
    assert!(is_red(19, 19) && is_red(18, 30), "the line around the box");
    assert_eq!(picture.get_pixel(2, 2).0, [255; 3]);
    // What has not changed is there, paled.
    let [red, green, blue] = picture.get_pixel(63, 8).0;
    assert!(red == 177 && green < 190 && blue < 190, "{red} {green} {blue}");
    assert_eq!(diff.picture(b"no image", &png(&after)), None);
    // Areas that lie outside of the images given are no harm.
    let small = png(&paper(9, 9));
    assert!(diff.picture(&small, &small).is_some());
}
