//! Stored HTML as a tree, to ask what a CSS selector finds in it, and what resembles an element that
//! it does not find any more.
//!
//! A browser's `querySelectorAll` finds nothing within a `<template>`, where a stored page keeps shadow
//! roots, and so nothing is found there. Pseudo-classes that depend on what a person or a script did,
//! as `:hover` and `:checked`, are refused rather than answered.
//!
//! **Invariant:** what a parse costs is bounded: by [`HTML_BYTES_MAX`], [`NODES_MAX`] and [`DEPTH_MAX`],
//! the last two looked at again and again while the tree grows, since few bytes can make many nodes.
//!
//! **Invariant:** the [path](Element::path) of an element is a selector that finds it and no other.

use std::fmt::Write;

use html5ever::driver::{ParseOpts, parse_document};
use html5ever::tendril::{StrTendril, TendrilSink};
use scraper::{ElementRef, Html, HtmlTreeSink, Node, Selector};
use serde::Serialize;

use super::resemblance::{self, Portrait};

/// The largest document that is parsed, in bytes.
pub const HTML_BYTES_MAX: usize = 8 << 20;
/// The most nodes of a document.
pub const NODES_MAX: usize = 400_000;
/// The deepest nesting. Chromium's own parser stops at 512.
pub const DEPTH_MAX: usize = 1_024;
/// The longest selector that is looked for, in bytes.
pub const SELECTOR_BYTES_MAX: usize = 4_096;
/// The deepest brackets of a selector that is looked for.
const BRACKETS_MAX: usize = 16;
/// The most bytes of the HTML of an element that are told.
pub const ELEMENT_BYTES_MAX: usize = 4_000;
/// The most characters of an element's text that are told, and looked at.
pub const TEXT_CHARS_MAX: usize = 300;
/// The most attributes of an element that are told, and the most characters of one.
const ATTRIBUTES_MAX: usize = 40;
const ATTRIBUTE_CHARS_MAX: usize = 300;
/// The bytes that are parsed between two looks at how large the tree is. A tag can make a node for
/// each element that is open.
const CHUNK_BYTES: usize = 256;
/// The most nodes that are looked at for the text of one element.
const TEXT_NODES_MAX: usize = 200;
/// Elements that hold no content of their own, and so resemble nothing.
const NO_CONTENT: [&str; 10] =
    ["html", "head", "body", "script", "style", "meta", "link", "title", "base", "template"];

/// A parsed document.
pub struct Document {
    html: Html,
}

/// An element of a document, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Element {
    /// A selector for it and no other: `html > body > main#list > ul > li:nth-of-type(3)`.
    pub path: String,
    /// Its HTML, at most [`ELEMENT_BYTES_MAX`] bytes of it.
    pub html: String,
    /// The bytes of its HTML.
    pub html_bytes: usize,
    /// What it looks like.
    #[serde(skip)]
    pub portrait: Portrait,
}

/// What a selector finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// How many elements.
    pub count: usize,
    /// The first of them, in the order of the document.
    pub first: Element,
}

/// A selector that can be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Selector);

impl Query {
    /// Reads a selector. Fails with the reason where it is none that can be looked for in a stored
    /// page.
    pub fn parse(selector: &str) -> Result<Self, String> {
        if selector.len() > SELECTOR_BYTES_MAX {
            return Err(format!("it is {} bytes; at most {SELECTOR_BYTES_MAX}", selector.len()));
        }
        let mut depth = 0_usize;
        for c in selector.chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > BRACKETS_MAX {
                return Err(format!("its brackets are deeper than {BRACKETS_MAX}"));
            }
        }
        // One within another is looked for anew at each element below each element.
        if selector.to_ascii_lowercase().matches(":has(").count() > 1 {
            return Err("it has :has() more than once".to_owned());
        }
        let refused = |_| "it is no CSS selector, or one that only a browser can answer".to_owned();
        Selector::parse(selector).map(Query).map_err(refused)
    }
}

impl Document {
    /// Parses HTML as a browser does. Fails with the reason where it is beyond the limits.
    pub fn parse(html: &str) -> Result<Self, String> {
        if html.len() > HTML_BYTES_MAX {
            return Err(format!(
                "its HTML is {} bytes; at most {HTML_BYTES_MAX} are looked at",
                html.len()
            ));
        }
        let sink = HtmlTreeSink::new(Html::new_document());
        let mut parser = parse_document(sink, ParseOpts::default());
        let mut rest = html;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rest.ceil_char_boundary(CHUNK_BYTES));
            parser.process(StrTendril::from_slice(chunk));
            let html = parser.tokenizer.sink.sink.0.borrow();
            let mut nodes = html.tree.nodes();
            if nodes.len() > NODES_MAX {
                return Err(format!("its HTML has more than {NODES_MAX} nodes"));
            }
            // What was put in last stands where the parser is.
            let deep =
                nodes.next_back().is_some_and(|last| last.ancestors().nth(DEPTH_MAX).is_some());
            if deep {
                return Err(format!("its HTML nests deeper than {DEPTH_MAX}"));
            }
            rest = after;
        }
        Ok(Document { html: parser.finish() })
    }

    /// What a selector finds, in the order of the document; nothing where it finds nothing.
    pub fn find(&self, query: &Query) -> Option<Found> {
        let mut all = self.matches(self.root()?, query);
        let first = all.next()?;
        Some(Found { count: 1 + all.count(), first: Element::of(&first) })
    }

    /// The elements that a selector finds, in the order of the document, at most so many.
    pub fn find_all(&self, query: &Query, count_max: usize) -> Vec<Element> {
        let Some(root) = self.root() else { return Vec::new() };
        self.matches(root, query).take(count_max).map(|found| Element::of(&found)).collect()
    }

    /// The elements that resemble one of another document most, the best first, with how much from 0
    /// to 1; at most so many, and none that does so less than [`resemblance::SCORE_MIN`].
    pub fn resembling(&self, wanted: &Portrait, count_max: usize) -> Vec<(f64, Element)> {
        let Some(root) = self.root() else { return Vec::new() };
        let mut best: Vec<(f64, ElementRef<'_>)> = Vec::new();
        for element in root.descendent_elements() {
            if NO_CONTENT.contains(&element.value().name()) || is_inert(&element) {
                continue;
            }
            let score = resemblance::score(wanted, &portrait(&element));
            if score < resemblance::SCORE_MIN {
                continue;
            }
            // Of equals the first stays first.
            let place = best.partition_point(|(other, _)| *other >= score);
            if place < count_max {
                best.insert(place, (score, element));
                best.truncate(count_max);
            }
        }
        best.into_iter().map(|(score, element)| (score, Element::of(&element))).collect()
    }

    fn matches<'d>(
        &'d self,
        root: ElementRef<'d>,
        query: &'d Query,
    ) -> impl Iterator<Item = ElementRef<'d>> {
        let own = query.0.matches(&root).then_some(root);
        own.into_iter().chain(root.select(&query.0)).filter(|found| !is_inert(found))
    }

    fn root(&self) -> Option<ElementRef<'_>> {
        self.html.tree.root().children().find_map(ElementRef::wrap)
    }
}

/// Whether an element stands in a template, where it is no part of the page.
fn is_inert(element: &ElementRef<'_>) -> bool {
    element.ancestors().any(|node| matches!(node.value(), Node::Fragment))
}

impl Element {
    fn of(element: &ElementRef<'_>) -> Self {
        let mut html = element.html();
        let html_bytes = html.len();
        html.truncate(html.floor_char_boundary(ELEMENT_BYTES_MAX));
        Element { path: path(element), html, html_bytes, portrait: portrait(element) }
    }
}

/// The steps from the root to an element.
fn path(element: &ElementRef<'_>) -> String {
    let mut steps: Vec<String> =
        element.ancestors().filter_map(ElementRef::wrap).map(|element| step(&element)).collect();
    steps.reverse();
    steps.push(step(element));
    steps.join(" > ")
}

/// An element among its siblings.
fn step(element: &ElementRef<'_>) -> String {
    let mut step = element.value().name().to_owned();
    if !is_identifier(&step) {
        // A name that can't be written plainly; its place says which it is.
        step = "*".to_owned();
    }
    if let Some(id) = element.value().attr("id").filter(|id| is_identifier(id)) {
        step = format!("{step}#{id}");
    }
    let is_like = |other: &ElementRef<'_>| {
        step.starts_with('*') || other.value().name == element.value().name
    };
    let before = element.prev_siblings().filter_map(ElementRef::wrap).filter(is_like).count();
    let after = element.next_siblings().filter_map(ElementRef::wrap).any(|other| is_like(&other));
    if before > 0 || after {
        let kind = if step.starts_with('*') { "nth-child" } else { "nth-of-type" };
        // Writing to a String can't fail.
        let _ = write!(step, ":{kind}({})", before + 1);
    }
    step
}

/// Whether a text can stand in a selector as it is.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn portrait(element: &ElementRef<'_>) -> Portrait {
    let clipped = |text: &str| text.chars().take(ATTRIBUTE_CHARS_MAX).collect::<String>();
    let attributes = element.value().attrs().take(ATTRIBUTES_MAX);
    let parent = element.parent().and_then(ElementRef::wrap);
    let ancestors = element.ancestors().filter_map(ElementRef::wrap);
    Portrait {
        name: element.value().name().to_owned(),
        attributes: attributes.map(|(name, value)| (clipped(name), clipped(value))).collect(),
        text: text(element),
        around: parent.map(|parent| text(&parent)).unwrap_or_default(),
        ancestors: ancestors
            .take(resemblance::ANCESTORS_MAX)
            .map(|ancestor| ancestor.value().name().to_owned())
            .collect(),
    }
}

/// The beginning of an element's text, with white space as one space.
fn text(element: &ElementRef<'_>) -> String {
    let mut out = String::new();
    let mut left = TEXT_CHARS_MAX;
    let texts =
        element.descendants().take(TEXT_NODES_MAX).filter_map(|node| node.value().as_text());
    for word in texts.flat_map(|text| text.split_whitespace()) {
        if left == 0 {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().take(left));
        left = left.saturating_sub(word.chars().count() + 1);
    }
    out
}
