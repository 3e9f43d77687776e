//! Pictures within the page, as `data:` addresses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::text::plain;
use crate::format::image::{self, Size};

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
        let (size, media_type) = image::look(content)?;
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
