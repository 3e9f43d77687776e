//! The parts of a page: HTML, pictures, text, tree, frames.
//!
//! Whatever can be had without a script is asked for without one. Scripts of ours run in a world of
//! their own, where nothing that the page has changed can answer in its place; what they put into
//! the page (masks) is taken out again.
//!
//! ```text
//! html      the document                 element   what a selector finds, or what is left of it
//! frames    who is there; their HTML     picture   shots, whole and in tiles
//! text      what a reader sees           mask      what is painted over while a picture is taken
//! aria      the accessibility tree       archive   MHTML and PDF
//! subject   what they all ask with
//! ```

mod archive;
mod aria;
mod element;
mod frames;
mod html;
mod mask;
mod picture;
mod subject;
mod text;

pub(super) use subject::{Seen, Subject};

use crate::capture::{Fault, Taken};
use crate::model::config::{CaptureConfig, PagePart};

/// Takes one of the parts that are made by the page as it stands.
pub(super) fn take(
    page: &mut Subject<'_>,
    part: PagePart,
    config: &CaptureConfig,
) -> Result<Taken, Fault> {
    match part {
        PagePart::ViewPng => picture::view(page, config),
        PagePart::FullPng => picture::full(page, config),
        PagePart::Html => html::take(page),
        PagePart::Frames => frames::take(page),
        PagePart::ElementHtml => element::html(page, config),
        PagePart::ElementPng => element::png(page, config),
        PagePart::Text => text::take(page),
        PagePart::Aria => aria::take(page, config),
        PagePart::Mhtml => archive::mhtml(page),
        PagePart::Pdf => archive::pdf(page, config),
        PagePart::Source | PagePart::Bodies | PagePart::Console | PagePart::Network => {
            Err(Fault::Unfit("it is recorded, not taken of the page".to_owned()))
        }
    }
}
