//! Two pictures of the same thing: beside each other, over each other, one swiped over the other, and
//! where they differ.
//!
//! Each picture stands in the file once; how they are laid is a matter of style. Without a script, and
//! on paper, they stand beside each other, with the changed areas drawn on the second.

use std::fmt::Write;

use maud::{Markup, html};

use super::super::picture::Picture;
use super::super::text::{count, number, plain};
use crate::format::image::{Area, ImageDiff};

/// The ways to look at two pictures: the word for the style, and the name.
const WAYS: [(&str, &str); 4] = [
    ("side", "Side by side"),
    ("mix", "Overlaid"),
    ("swipe", "Swiped"),
    ("areas", "Changed areas"),
];

/// Shows two pictures. `id` is that of nothing else in the document, `name` is the artifact's.
pub(super) fn compared(
    id: &str,
    name: &str,
    diff: &ImageDiff,
    (first, second): (&Picture, &Picture),
) -> Markup {
    let name = plain(name);
    let width = diff.before.width.max(diff.after.width).max(1);
    let height = diff.before.height.max(diff.after.height).max(1);
    let share = |part: u32| format!("{:.4}", f64::from(part) / f64::from(width) * 100.0);
    html! {
        div.compare #(id) data-compare data-mode="side" {
            div.ways hidden {
                fieldset {
                    legend { "How to look at it" }
                    @for (at, (way, label)) in WAYS.iter().enumerate() {
                        label {
                            input type="radio" name={ (id) "-way" } value=(way) checked[at == 0];
                            " " (label)
                        }
                    }
                }
                p.slide hidden {
                    label for={ (id) "-slide" } { "How much of the second" }
                    input id={ (id) "-slide" } type="range" min="0" max="100" step="1" value="50";
                    output for={ (id) "-slide" } { "50 %" }
                }
            }
            div.stage tabindex="0" role="region" aria-label={ "Pictures of " (name) } {
                figure.first {
                    figcaption { "Before · " (diff.before.width) "×" (diff.before.height) }
                    div.canvas style=(at_most(width)) {
                        div.shot style={ "width:" (share(diff.before.width)) "%" } {
                            (first.img(&format!("{name} before")))
                        }
                    }
                }
                figure.second {
                    figcaption { "After · " (diff.after.width) "×" (diff.after.height) }
                    div.canvas style=(at_most(width)) {
                        div.shot style={ "width:" (share(diff.after.width)) "%" } {
                            (second.img(&format!("{name} after")))
                        }
                        (areas(id, diff, width, height))
                    }
                }
            }
            (list(id, diff))
        }
    }
}

/// A picture that only one of both has.
pub(super) fn alone(name: &str, side: &str, picture: &Picture) -> Markup {
    html! {
        div.compare {
            div.stage tabindex="0" role="region" aria-label={ "Picture of " (plain(name)) } {
                figure {
                    figcaption { (side) " · " (picture.size.width) "×" (picture.size.height) }
                    div.shot style=(at_most(picture.size.width)) {
                        (picture.img(&format!("{} {}", plain(name), side.to_lowercase())))
                    }
                }
            }
        }
    }
}

/// No wider than it is.
fn at_most(width: u32) -> String {
    format!("max-width:{width}px")
}

/// The areas drawn over the second picture, in its pixels.
fn areas(id: &str, diff: &ImageDiff, width: u32, height: u32) -> Markup {
    // All that has not changed, as one shape with holes in it.
    let mut rest = format!("M0 0H{width}V{height}H0Z");
    for area in &diff.areas {
        // Writing to a String can't fail.
        let _ =
            write!(rest, "M{} {}h{}v{}h-{}Z", area.x, area.y, area.width, area.height, area.width);
    }
    let label = (width / 48).max(12);
    html! {
        @if !diff.areas.is_empty() {
            svg.areas role="img" aria-labelledby={ (id) "-title " (id) "-desc" }
                viewBox={ "0 0 " (width) " " (height) } {
                title id={ (id) "-title" } { (count(diff.areas.len() as u64, "changed area")) }
                desc id={ (id) "-desc" } { "A box around each. The list below tells where they are." }
                path.rest fill-rule="evenodd" d=(rest) {}
                @for (at, area) in diff.areas.iter().enumerate() {
                    g id={ (id) "-area-" (at + 1) } {
                        rect x=(area.x) y=(area.y) width=(area.width) height=(area.height)
                            data-pixels=(area.changed_pixels) {}
                        text x=(area.x) y=(area.y.max(label)) font-size=(label) { (at + 1) }
                    }
                }
            }
        }
    }
}

/// The areas in words, each a link to where it is drawn.
fn list(id: &str, diff: &ImageDiff) -> Markup {
    let words =
        |area: &Area| format!("{}×{} px at {}, {}", area.width, area.height, area.x, area.y);
    html! {
        p.sum {
            @if diff.equal {
                "The same pixels, written differently."
            } @else {
                (share(diff.share)) " of the pixels changed, in "
                (count(diff.areas.len() as u64, "area")) "."
            }
        }
        @if !diff.areas.is_empty() {
            ol.areas {
                @for (at, area) in diff.areas.iter().enumerate() {
                    li {
                        a href={ "#" (id) "-area-" (at + 1) } data-area { (words(area)) }
                        " " span.aside { (number(area.changed_pixels)) " pixels" }
                    }
                }
            }
        }
    }
}

/// A share as people read it.
pub(super) fn share(share: f64) -> String {
    match share * 100.0 {
        none if none <= 0.0 => "0 %".to_owned(),
        little if little < 0.01 => "under 0.01 %".to_owned(),
        some => format!("{some:.2} %"),
    }
}
