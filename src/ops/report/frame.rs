//! HTML that was stored, shown where it can do nothing.
//!
//! It stands in a frame of its own: `sandbox` without any permission, so no script, no form, no
//! window, no download, no leaving; under a policy of its own that lets nothing be loaded, beside the
//! report's, which it inherits. What neither forbids is taken out of the text: [`disarmed`].
//!
//! A policy alone is not enough: a browser may connect to where a frame is to lead before it asks the
//! policy whether it may.
//!
//! **Invariant:** no tag that the HTML standard's tokenizer would find for `link`, `meta` and `base` is
//! left, and no attribute of [`ATTRIBUTES`] but `href` to a place in the same document and what is a
//! `data:` address. A tag begins with `<` and the name, an attribute with a value has its name before
//! `=`, and neither can be written in any other way, so this is a matter of text: nothing has to be
//! parsed as a browser would.

use maud::{Markup, html};

use super::text::{fitting, plain, shown_of};

/// The most bytes of HTML that are shown in a frame.
pub(super) const HTML_BYTES_MAX: usize = 512 * 1024;
/// The most bytes that it takes in the page, where it is escaped.
const ESCAPED_BYTES_MAX: usize = 640 * 1024;

/// Tags that would tell the browser to connect, to leave, or where addresses begin. In their place
/// stands one that is parsed in the same places in the same way, and means nothing any more.
const TAGS: [&str; 3] = ["link", "meta", "base"];
const NOTHING: &str = "basefont";
/// Attributes that lead elsewhere, hold a document of their own, or set such an attribute in time.
const ATTRIBUTES: [&str; 5] = ["href", "srcdoc", "src", "data", "attributename"];
const DISARMED: &str = "data-";

/// What stands before the document: its policy, and how it looks without what was taken out.
const HEAD: &str = "<!DOCTYPE html><meta http-equiv=\"Content-Security-Policy\" content=\"\
    default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; \
    form-action 'none'; base-uri 'none'\">\
    <meta name=\"referrer\" content=\"no-referrer\">\
    <meta http-equiv=\"x-dns-prefetch-control\" content=\"off\">\
    <style>noscript{display:none}\
    :where(a[data-href]){color:#00e;text-decoration:underline}</style>";

/// Shows a document in a frame. `title` names it, `whole_bytes` is how long it is where only its
/// beginning is given.
pub(super) fn frame(title: &str, html: &str, whole_bytes: u64) -> Markup {
    let end = fitting(html, HTML_BYTES_MAX, ESCAPED_BYTES_MAX);
    let document = format!("{HEAD}{}", disarmed(&html[..end]));
    html! {
        iframe.stored sandbox="" referrerpolicy="no-referrer" title=(plain(title)) srcdoc=(document) {}
        (shown_of(end as u64, whole_bytes.max(html.len() as u64)))
    }
}

/// HTML without what could connect, lead elsewhere or hold another document.
pub(super) fn disarmed(html: &str) -> String {
    let bytes = html.as_bytes();
    let mut safe = String::with_capacity(html.len() + html.len() / 16);
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest[0] == b'<' {
            if let Some(tag) = TAGS.iter().find(|tag| begins_tag(&rest[1..], tag)) {
                safe.push_str(&html[copied..=at]);
                safe.push_str(NOTHING);
                at += 1 + tag.len();
                copied = at;
                continue;
            }
        } else if ATTRIBUTES.iter().any(|name| begins_attribute(rest, name)) {
            safe.push_str(&html[copied..at]);
            safe.push_str(DISARMED);
            copied = at;
        }
        at += 1;
    }
    safe.push_str(&html[copied..]);
    safe
}

fn begins(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

fn begins_tag(text: &[u8], name: &str) -> bool {
    let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'/' | b'>');
    begins(text, name) && text.get(name.len()).is_none_or(ends)
}

/// Whether an attribute with a value stands here that could lead out of the document.
fn begins_attribute(text: &[u8], name: &str) -> bool {
    if !begins(text, name) {
        return false;
    }
    let value = text[name.len()..].trim_ascii_start();
    let Some(value) = value.strip_prefix(b"=") else { return false };
    let value = value.trim_ascii_start();
    let value = match value {
        [b'"' | b'\'', inner @ ..] => inner,
        bare => bare,
    };
    let is_here = match name {
        "href" => value.first() == Some(&b'#') || begins(value, "data:"),
        "src" => begins(value, "data:"),
        _ => false,
    };
    !is_here
}
