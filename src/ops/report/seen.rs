//! What a page was: pictures beside its text, its accessibility tree and its HTML.

use maud::{Markup, html};

use super::evidence::Part;
use super::frame::{HTML_BYTES_MAX, frame};
use super::lacking::lacking;
use super::parts::{Tab, folded, tabs};
use super::picture::Pictures;
use super::subject::Subject;
use super::text::{BLOCK_BYTES_MAX, block, line, shown_of};
use crate::error::Result;

/// The most tiles of one page, and the most frames, that are shown.
const SEVERAL_MAX: usize = 24;

/// The section's body; nothing where there is nothing of a page.
///
/// Fails where the store itself can't be read.
pub(super) fn body(subject: &Subject<'_>, pictures: &mut Pictures) -> Result<Option<Markup>> {
    let looks = looks(subject, pictures)?;
    let reads = reads(subject)?;
    if looks.is_empty() && reads.is_empty() {
        return Ok(None);
    }
    Ok(Some(html! {
        div.beside[!looks.is_empty() && !reads.is_empty()] {
            @if !looks.is_empty() { (tabs("look", "Pictures", &looks)) }
            @if !reads.is_empty() { (tabs("read", "What the page says", &reads)) }
        }
    }))
}

/// The pictures.
fn looks(subject: &Subject<'_>, pictures: &mut Pictures) -> Result<Vec<Tab>> {
    let of = match subject.facts["title"].as_str().filter(|title| !title.trim().is_empty()) {
        Some(title) => format!("the page “{title}”"),
        None => format!("the page of {}", subject.snapshot().context),
    };
    let hash_of = |name: &str| subject.snapshot().artifact(name).and_then(|it| it.hash);
    let mut looks = Vec::new();
    for (name, tab, alt) in [
        ("element.png", "Element", "The element of the selector on"),
        ("view.png", "Window", "What the window showed of"),
        ("full.png", "Whole page", "From top to bottom,"),
    ] {
        let Some(_) = subject.snapshot().artifact(name) else { continue };
        let twice =
            name == "full.png" && hash_of(name).is_some_and(|it| Some(it) == hash_of("view.png"));
        let body = match twice {
            true => html! { p.soft { "The same picture as that of the window." } },
            false => pictures.show(&subject.evidence, name, &format!("{alt} {of}"))?,
        };
        looks.push(Tab { name: tab, body });
    }
    let tiles = subject.named("full-", ".png");
    if !tiles.is_empty() {
        let mut shown = Vec::new();
        for (at, name) in tiles.iter().take(SEVERAL_MAX).enumerate() {
            let alt = format!("Tile {} of {} of {of}", at + 1, tiles.len());
            shown.push(pictures.show(&subject.evidence, name, &alt)?);
        }
        let body = html! {
            @for tile in &shown { (tile) }
            @if tiles.len() > shown.len() {
                p.cut { "Shown are the first " (shown.len()) " tiles of " (tiles.len()) "." }
            }
        };
        looks.push(Tab { name: "Whole page, in tiles", body });
    }
    // The window first, for whoever reads from the top; the element where it is what failed.
    if looks.len() > 1 && looks[0].name == "Element" {
        looks.swap(0, 1);
    }
    Ok(looks)
}

/// What can be read.
fn reads(subject: &Subject<'_>) -> Result<Vec<Tab>> {
    let mut reads = Vec::new();
    for (name, tab) in [
        ("text.txt", "Text"),
        ("aria.yml", "Accessibility tree"),
        ("element.html", "Element"),
        ("page.html", "HTML"),
        ("source.html", "As it was sent"),
    ] {
        if subject.snapshot().artifact(name).is_none() {
            continue;
        }
        reads.push(Tab { name: tab, body: text_of(subject, name, tab)? });
    }
    if let Part::Here(page) = subject.evidence.head("page.html", HTML_BYTES_MAX)? {
        let body = html! {
            p.soft {
                "The stored document, without scripts, and without what it would load: styles, "
                "pictures and fonts from elsewhere are missing."
            }
            (frame("The stored document", &page.text(), page.whole_bytes))
        };
        reads.push(Tab { name: "Document", body });
    }
    let frames = subject.named("frame-", ".html");
    if !frames.is_empty() {
        let mut shown = Vec::new();
        for name in frames.iter().take(SEVERAL_MAX) {
            shown.push((name, text_of(subject, name, name)?));
        }
        let body = html! {
            @for (name, text) in &shown { (folded(line(name), text.clone())) }
            @if frames.len() > shown.len() {
                p.cut { "Shown are the first " (shown.len()) " frames of " (frames.len()) "." }
            }
        };
        reads.push(Tab { name: "Frames", body });
    }
    Ok(reads)
}

/// An artifact as text, or why it is not there.
fn text_of(subject: &Subject<'_>, name: &str, label: &str) -> Result<Markup> {
    let part = subject.evidence.head(name, BLOCK_BYTES_MAX)?;
    let Part::Here(content) = &part else {
        return Ok(lacking(&subject.snapshot().version, name, &part).unwrap_or_default());
    };
    Ok(html! {
        (block(label, &content.text()))
        (shown_of(content.bytes.len() as u64, content.whole_bytes))
    })
}
