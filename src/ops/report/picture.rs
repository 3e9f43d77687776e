//! Pictures within the page, as `data:` addresses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::evidence::{Evidence, Part};
use super::lacking::{get, lacking};
use super::parts::{Tone, notice};
use super::text::{plain, size};
use crate::error::Result;
use crate::format::image::{Size, look};

/// A picture that can be shown.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// Its size in pixels.
    pub size: Size,
    /// Its address: the picture itself.
    pub url: String,
}

impl Picture {
    /// The picture of this content. Nothing where it is no PNG, JPEG or WebP, whatever its name says,
    /// or so large that a browser would choke on it.
    pub(super) fn of(content: &[u8]) -> Option<Self> {
        let (size, media_type) = look(content)?;
        let url = format!("data:{media_type};base64,{}", STANDARD.encode(content));
        Some(Picture { size, url })
    }

    /// The picture as wide as there is room; `alt` says what it shows.
    pub(super) fn img(&self, alt: &str) -> Markup {
        html! {
            img src=(self.url) alt=(plain(alt)) width=(self.size.width) height=(self.size.height);
        }
    }
}

/// What a report may still hold of pictures.
pub(super) struct Pictures {
    bytes_left: u64,
    bytes_max: u64,
}

impl Pictures {
    /// Room for so many bytes of pictures, counted as they are stored.
    pub(super) fn of_at_most(bytes: u64) -> Self {
        Pictures { bytes_left: bytes, bytes_max: bytes }
    }

    /// The picture that an artifact is, in a box that scrolls by itself; or why it is not shown.
    ///
    /// Fails where the store itself can't be read.
    pub(super) fn show(
        &mut self,
        evidence: &Evidence<'_>,
        name: &str,
        alt: &str,
    ) -> Result<Markup> {
        let version = &evidence.snapshot.version;
        let bytes = evidence.snapshot.artifact(name).map_or(0, |artifact| artifact.bytes);
        if bytes > self.bytes_left {
            let max = size(self.bytes_max);
            return Ok(notice(
                Tone::Plain,
                html! {
                    p { "Left out: it is " (size(bytes)) ", and a report holds " (max) " of pictures." }
                    p { (get(version, name)) }
                },
            ));
        }
        let part = evidence.whole(name)?;
        let Part::Here(content) = &part else {
            return Ok(lacking(version, name, &part).unwrap_or_default());
        };
        let Some(picture) = Picture::of(&content.bytes) else {
            return Ok(notice(
                Tone::Warn,
                html! {
                    p { "It is no picture that can be shown: no PNG, JPEG or WebP, or too large a one." }
                    p { (get(version, name)) }
                },
            ));
        };
        self.bytes_left -= bytes;
        let Size { width, height } = picture.size;
        Ok(html! {
            figure {
                div.sheet tabindex="0" role="group" aria-label=(plain(alt)) { (picture.img(alt)) }
                figcaption { (width) " × " (height) " px, " (size(bytes)) }
            }
        })
    }
}
