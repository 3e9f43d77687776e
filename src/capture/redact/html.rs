//! HTML and XML: a tokenizer (WHATWG HTML, 13.2.5) tells what stands where; what is secret is
//! replaced there, and everything else stays byte for byte.
//!
//! There is no tree: an element that is masked ends with its own end tag, or not at all.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use super::headers::Cookies;
use super::names::{Place, Secrecy, header_kind, looks_made, names_hidden, secrecy};
use super::text::Mode;
use super::{MASK_ATTRIBUTES, MASK_CLASSES, Pass, Patches};

/// Ends whatever is open where a document was cut off, so that it is told too.
const END: &[u8] = b"\"'>";
/// The shortest value of an attribute that is secret by the attribute's name alone.
const ATTRIBUTE_BYTES_MIN: usize = 6;

/// Elements without content.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta", "param",
    "source", "track", "wbr",
];
/// Attributes whose value is an address.
const ADDRESSES: &[&str] = &[
    "action",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "xlink:href",
];
/// Attributes that a person reads.
const READ: &[&str] = &[
    "alt",
    "aria-description",
    "aria-label",
    "aria-valuetext",
    "content",
    "label",
    "placeholder",
    "srcdoc",
    "summary",
    "title",
    "value",
];
/// What `autocomplete` says of a field whose content is secret.
const SECRET_AUTOCOMPLETE: &[&str] = &[
    "cc-csc",
    "cc-exp",
    "cc-exp-month",
    "cc-exp-year",
    "cc-number",
    "current-password",
    "new-password",
    "one-time-code",
];

/// What kind of document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup {
    /// HTML.
    Html,
    /// XML, where elements have names like members.
    Xml,
}

/// Whether a text has elements in it that matter here.
pub(super) fn looks_like(text: &[u8]) -> bool {
    const TELLING: &[&[u8]] =
        &[b"!doctype", b"html", b"body", b"form", b"input", b"meta", b"script", b"textarea"];
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        rest = &rest[at + 1..];
        let begins = |name: &&[u8]| {
            let follows = rest.get(name.len()).copied();
            rest.get(..name.len()).is_some_and(|here| here.eq_ignore_ascii_case(name))
                && follows.is_none_or(|byte| !byte.is_ascii_alphanumeric())
        };
        if TELLING.iter().any(begins) {
            return true;
        }
    }
    false
}

impl Pass<'_> {
    /// Redacts a document or a piece of one.
    pub(super) fn html(&mut self, text: &[u8], markup: Markup) -> Result<Option<Vec<u8>>, String> {
        let whole = [text, END].concat();
        let mut reader = Reader {
            pass: self,
            text,
            markup,
            patches: Patches::default(),
            tag: Tag::default(),
            text_start: 0,
            plain: Vec::new(),
            inside: Inside::Text,
            mask: None,
            foreign: 0,
            is_torn: false,
        };
        let mut emitter = CallbackEmitter::<_, Infallible, usize>::new(
            |event: CallbackEvent<'_>, span: Span<usize>| {
                reader.event(&event, span);
                None
            },
        );
        emitter.naively_switch_states(true);
        // Nothing comes out: what is found goes to the emitter.
        Tokenizer::new_with_emitter(&whole[..], emitter).for_each(drop);
        reader.text(text.len());
        let Reader { patches, is_torn, .. } = reader;
        if is_torn {
            return Err("the HTML could not be told apart".into());
        }
        let redacted = patches.apply(text);
        // What is in names of tags and attributes, where nothing reads it.
        let rest = self.scan(redacted.as_deref().unwrap_or(text), Mode::Shapes);
        Ok(rest.or(redacted))
    }
}

#[derive(Debug, Default)]
struct Tag {
    name: Vec<u8>,
    attributes: Vec<Attribute>,
}

#[derive(Debug)]
struct Attribute {
    name: Vec<u8>,
    /// Its value, with references resolved, and where it begins.
    value: Vec<u8>,
    start: usize,
}

/// The value of an attribute as it stands there.
struct Raw<'a> {
    span: Range<usize>,
    quote: Option<u8>,
    /// With references resolved.
    value: &'a [u8],
}

impl Tag {
    fn get(&self, name: &str) -> &[u8] {
        let found = self.attributes.iter().find(|attribute| attribute.name == name.as_bytes());
        found.map_or(b"", |attribute| &attribute.value)
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == name.as_bytes())
    }

    fn is(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }

    fn is_masked(&self) -> bool {
        let mut classes = self.get("class").split(u8::is_ascii_whitespace);
        MASK_ATTRIBUTES.iter().any(|name| self.has(name))
            || classes.any(|class| MASK_CLASSES.iter().any(|mask| class == mask.as_bytes()))
    }

    /// The rule by which what is in this field is secret.
    fn field_rule(&self, value: &[u8]) -> Option<&'static str> {
        let kind = self.get("type").to_ascii_lowercase();
        let mut completes = self.get("autocomplete").split(u8::is_ascii_whitespace);
        let is_secret = |word: &[u8]| {
            SECRET_AUTOCOMPLETE.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
        };
        if kind == b"password" || completes.any(is_secret) {
            return Some("field");
        }
        let names =
            ["name", "id", "property", "itemprop", "http-equiv", "key"].map(|n| self.get(n));
        let hidden = (self.is("input") && kind == b"hidden") || self.is("meta");
        if hidden && names.iter().any(|name| names_hidden(name)) {
            return Some("hidden");
        }
        // What a person reads on a button.
        if matches!(&*kind, b"submit" | b"button" | b"reset" | b"image") || self.is("button") {
            return None;
        }
        names.iter().find_map(|name| match secrecy(name, Place::Query)? {
            Secrecy::Always => Some("field"),
            Secrecy::IfMade => looks_made(value).then_some("field"),
        })
    }
}

/// What a text stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Inside {
    /// An element like most.
    Text,
    /// One whose text is secret, by this rule.
    Secret(&'static str),
    /// One whose text has references and no elements.
    Plain,
    /// A style sheet.
    Style,
    /// A script that runs.
    Script,
    /// A script that is JSON.
    Json,
    /// One whose text is HTML that is not shown, or not yet.
    Html,
}

struct Mask {
    name: Vec<u8>,
    depth: usize,
}

struct Reader<'r, 'p, 't> {
    pass: &'r mut Pass<'p>,
    text: &'t [u8],
    markup: Markup,
    patches: Patches,
    tag: Tag,
    /// Where the last tag ended.
    text_start: usize,
    /// The text since then, with references resolved.
    plain: Vec<u8>,
    inside: Inside,
    mask: Option<Mask>,
    /// How many `svg` and `math` elements are open.
    foreign: usize,
    /// Whether the tokenizer told something else than what stands there.
    is_torn: bool,
}

impl Reader<'_, '_, '_> {
    fn event(&mut self, event: &CallbackEvent<'_>, span: Span<usize>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.text(span.start);
                self.tag = Tag { name: name.to_vec(), attributes: Vec::new() };
            }
            CallbackEvent::AttributeName { name } => self.tag.attributes.push(Attribute {
                name: name.to_vec(),
                value: Vec::new(),
                start: self.text.len(),
            }),
            CallbackEvent::AttributeValue { value } => {
                if let Some(attribute) = self.tag.attributes.last_mut() {
                    attribute.value = value.to_vec();
                    attribute.start = span.start;
                }
            }
            CallbackEvent::CloseStartTag { self_closing } => {
                self.text_start = span.end;
                self.start_tag(*self_closing);
            }
            CallbackEvent::EndTag { name } => {
                self.text(span.start);
                self.text_start = span.end;
                self.end_tag(name);
            }
            CallbackEvent::Comment { .. } => {
                self.text(span.start);
                self.comment(span.start..span.end.min(self.text.len()));
                self.text_start = span.end;
            }
            CallbackEvent::Doctype { .. } => {
                self.text(span.start);
                self.text_start = span.end;
            }
            CallbackEvent::String { value } => {
                self.plain.clear();
                self.plain.extend_from_slice(value);
            }
            CallbackEvent::Error(_) => {}
        }
    }

    fn start_tag(&mut self, self_closing: bool) {
        let tag = std::mem::take(&mut self.tag);
        let is_void =
            tag.is_one_of(VOID) || self_closing && (self.markup == Markup::Xml || self.foreign > 0);
        if tag.is_one_of(&["svg", "math"]) && !self_closing {
            self.foreign += 1;
        }
        let masked_before = match &mut self.mask {
            // A paragraph ends where the next begins.
            Some(mask) if mask.name == tag.name && tag.is("p") => {
                self.mask = None;
                false
            }
            Some(mask) if mask.name == tag.name && !is_void => {
                mask.depth += 1;
                true
            }
            mask => mask.is_some(),
        };
        let masked = masked_before || tag.is_masked();
        if masked && !masked_before && !is_void {
            self.mask = Some(Mask { name: tag.name.clone(), depth: 0 });
        }
        self.attributes(&tag, masked);
        self.inside = if is_void { Inside::Text } else { self.inside_of(&tag) };
    }

    fn inside_of(&self, tag: &Tag) -> Inside {
        let kind = tag.get("type").to_ascii_lowercase();
        let has = |word: &[u8]| kind.windows(word.len()).any(|part| part == word);
        if self.markup == Markup::Xml {
            let local = tag.name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
            let names = [local, tag.get("name"), tag.get("key")];
            let is_secret = |name: &&[u8]| secrecy(name, Place::Data) == Some(Secrecy::Always);
            if names.iter().any(is_secret) {
                return Inside::Secret("key");
            }
        }
        match &*tag.name {
            b"textarea" => match tag.field_rule(b"") {
                Some(rule) => Inside::Secret(rule),
                None => Inside::Plain,
            },
            b"title" => Inside::Plain,
            b"style" => Inside::Style,
            b"script" if has(b"json") || kind == b"importmap" || kind == b"speculationrules" => {
                Inside::Json
            }
            b"script" if has(b"html") || has(b"template") || has(b"tmpl") => Inside::Html,
            b"script" => Inside::Script,
            b"iframe" | b"xmp" | b"noembed" | b"noframe" | b"noscript" => Inside::Html,
            _ => Inside::Text,
        }
    }

    fn end_tag(&mut self, name: &[u8]) {
        // An end tag has no attributes; where it has, they are read too.
        let tag = std::mem::take(&mut self.tag);
        self.attributes(&tag, self.mask.is_some());
        if matches!(name, b"svg" | b"math") {
            self.foreign = self.foreign.saturating_sub(1);
        }
        if let Some(mask) = self.mask.as_mut().filter(|mask| mask.name == name) {
            match mask.depth.checked_sub(1) {
                Some(depth) => mask.depth = depth,
                None => self.mask = None,
            }
        }
        self.inside = Inside::Text;
    }

    fn attributes(&mut self, tag: &Tag, masked: bool) {
        for attribute in tag.attributes.iter().filter(|attribute| !attribute.value.is_empty()) {
            let Some(Raw { span, quote, value }) = self.raw_value(attribute) else { continue };
            let Some(redacted) = self.attribute(tag, &attribute.name, value, masked) else {
                continue;
            };
            let raw = &self.text[span.clone()];
            let written = match raw == value && fits(raw, &redacted, quote) {
                true => redacted,
                false => escaped(&redacted, Some(quote)),
            };
            self.patches.add(span, written);
        }
    }

    /// Where the value of an attribute stands, and in which quotes. The tokenizer tells where it
    /// begins; where it ends follows from that.
    fn raw_value<'a>(&mut self, attribute: &'a Attribute) -> Option<Raw<'a>> {
        let start = attribute.start;
        let rest = self.text.get(start..)?;
        let before = start.checked_sub(1).map(|at| self.text[at]);
        let quote = before.filter(|byte| matches!(byte, b'"' | b'\''));
        let ends = |byte: &u8| match quote {
            Some(quote) => *byte == quote,
            None => byte.is_ascii_whitespace() || *byte == b'>',
        };
        let bytes = rest.iter().position(ends).unwrap_or(rest.len());
        let raw = &rest[..bytes];
        let mut value = &attribute.value[..];
        if bytes == rest.len() {
            // The document was cut off here, and what ends it is in the value.
            let end: &[u8] = match quote {
                Some(b'"') => b"",
                Some(_) => b"\"",
                None => b"\"'",
            };
            value = value.strip_suffix(end).unwrap_or(value);
        }
        let resolved = raw.iter().any(|byte| matches!(byte, b'&' | b'\r' | 0));
        self.is_torn |= !resolved && raw != value;
        Some(Raw { span: start..start + bytes, quote, value })
    }

    fn attribute(&mut self, tag: &Tag, name: &[u8], value: &[u8], masked: bool) -> Option<Vec<u8>> {
        let Ok(name) = std::str::from_utf8(name) else { return self.plain(value) };
        if masked && READ.contains(&name) {
            return self.pass.secret("mask", value);
        }
        if matches!(name, "value" | "content")
            && let Some(rule) = tag.field_rule(value)
        {
            if tag.get("http-equiv").eq_ignore_ascii_case(b"set-cookie") {
                return self.pass.cookies(value, Cookies::Set);
            }
            return self.pass.secret(rule, value);
        }
        let named = secrecy(name.as_bytes(), Place::Data) == Some(Secrecy::Always);
        if named && value.len() >= ATTRIBUTE_BYTES_MIN && !value.starts_with(b"#") {
            return self.pass.named("key", header_kind(name.as_bytes()), value);
        }
        match name {
            "srcdoc" => self.pass.deeper(|pass| pass.html(value, Markup::Html).ok()?),
            "style" => self.pass.scan(value, Mode::Code),
            _ if name.starts_with("on") => self.pass.scan(value, Mode::Code),
            _ if ADDRESSES.contains(&name) => self.pass.address(value.trim_ascii()),
            "content" if tag.get("http-equiv").eq_ignore_ascii_case(b"set-cookie") => {
                self.pass.cookies(value, Cookies::Set)
            }
            _ if super::is_address(value) => self.pass.address(value),
            _ => self.plain(value),
        }
    }

    /// Redacts a text in which there are no elements.
    fn plain(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        match super::json::looks_like(text) {
            true => self.pass.deeper(|pass| pass.json(text)),
            false => self.pass.scan(text, Mode::Text),
        }
    }

    /// Redacts the text between the last tag and here.
    fn text(&mut self, end: usize) {
        let span = self.text_start..end.min(self.text.len());
        let plain = std::mem::take(&mut self.plain);
        let Some(raw) = self.text.get(span.clone()).filter(|raw| !raw.trim_ascii().is_empty())
        else {
            return;
        };
        let has_references = raw.iter().any(|byte| matches!(byte, b'&' | b'\r' | 0));
        let resolved = match has_references && !plain.is_empty() {
            true => Cow::Owned(plain.strip_suffix(END).unwrap_or(&plain).to_vec()),
            false => Cow::Borrowed(raw),
        };
        let rule = match (&self.mask, &self.inside) {
            (Some(_), Inside::Style) => None,
            (Some(_), _) => Some("mask"),
            (None, Inside::Secret(rule)) => Some(*rule),
            (None, _) => None,
        };
        if let Some(rule) = rule {
            if let Some(token) = self.pass.secret(rule, &resolved) {
                let lead = raw.len() - raw.trim_ascii_start().len();
                let start = span.start + lead;
                self.patches.add(start..start + raw.trim_ascii().len(), token);
            }
            return;
        }
        let has_tags =
            || raw.windows(2).any(|pair| pair[0] == b'<' && pair[1].is_ascii_alphabetic());
        let is_html = match self.inside {
            Inside::Html => true,
            Inside::Plain | Inside::Style => has_tags(),
            // There a script is an element like others.
            Inside::Script => self.foreign > 0 && has_tags(),
            Inside::Text | Inside::Secret(_) | Inside::Json => false,
        };
        let redacted = match self.inside {
            _ if is_html => self.pass.deeper(|pass| pass.html(raw, Markup::Html).ok()?),
            Inside::Script | Inside::Style => self.pass.scan(raw, Mode::Code),
            Inside::Json => self.pass.deeper(|pass| pass.json(raw)),
            Inside::Text | Inside::Plain | Inside::Secret(_) | Inside::Html => {
                let redacted = self.plain(&resolved);
                match resolved {
                    Cow::Borrowed(_) => redacted,
                    Cow::Owned(_) => redacted.map(|redacted| escaped(&redacted, None)),
                }
            }
        };
        if let Some(redacted) = redacted {
            self.patches.add(span, redacted);
        }
    }

    fn comment(&mut self, span: Range<usize>) {
        let Some(raw) = self.text.get(span.clone()) else { return };
        let open = if raw.starts_with(b"<!--") { 4 } else { 2.min(raw.len()) };
        let rest = &raw[open..];
        let inner = rest.strip_suffix(b"-->").or_else(|| rest.strip_suffix(b">")).unwrap_or(rest);
        let start = span.start + open;
        let redacted = match self.mask {
            Some(_) => self.pass.secret("mask", inner),
            None if inner.contains(&b'<') => {
                self.pass.deeper(|pass| pass.html(inner, Markup::Html).ok()?)
            }
            None => self.plain(inner),
        };
        if let Some(redacted) = redacted {
            self.patches.add(start..start + inner.len(), redacted);
        }
    }
}

/// Whether a value that stood there unescaped can stand there so again.
fn fits(raw: &[u8], redacted: &[u8], quote: Option<u8>) -> bool {
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote,
        None => byte.is_ascii_whitespace() || *byte == b'>',
    };
    !redacted.iter().any(ends) && (raw.contains(&b'&') || !redacted.contains(&b'&'))
}

/// Writes a text as HTML; for the value of an attribute, in these quotes or in none.
fn escaped(plain: &[u8], attribute: Option<Option<u8>>) -> Vec<u8> {
    let mut text = Vec::with_capacity(plain.len() + 16);
    for byte in plain {
        let ends = match attribute {
            None => false,
            Some(Some(quote)) => *byte == quote,
            Some(None) => byte.is_ascii_whitespace() || b"\"'`=".contains(byte),
        };
        match byte {
            b'&' => text.extend(b"&amp;"),
            b'<' => text.extend(b"&lt;"),
            b'>' => text.extend(b"&gt;"),
            b'"' if ends => text.extend(b"&quot;"),
            byte if ends => text.extend(format!("&#{byte};").into_bytes()),
            byte => text.push(*byte),
        }
    }
    text
}
