//! The document around a report: its head, its policy, its style and script, header, navigation and
//! footer.
//!
//! **Invariant:** this is the only file that writes markup which is not escaped, and that is the style
//! and the script of this folder, nothing from a store.
//!
//! **Invariant:** nothing is loaded: the policy lets a page show what is in it, and run the one script
//! that it names by its hash. A style can't be named so: stored HTML inherits the policy, and has its
//! own.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::text::{moment, plain};
use crate::format::hashes;
use crate::model::time::Time;

const STYLE: &str = concat!(include_str!("style.css"), include_str!("compare.css"));
const SCRIPT: &str = concat!(include_str!("script.js"), include_str!("compare.js"));

/// A report, ready to be written.
pub(super) struct Document {
    /// What it is called in the browser's window. A text of unknown origin.
    pub title: String,
    /// What kind of report it is, over the heading.
    pub kind: &'static str,
    /// What it is about: what stands in the heading.
    pub heading: Markup,
    /// What is said below the heading.
    pub lead: Markup,
    /// Its sections, in order; the navigation is made from them.
    pub sections: Vec<Section>,
    /// When it was made.
    pub made_at: Time,
}

/// A part of a report with a heading of its own.
pub(super) struct Section {
    /// Its id, that of nothing else in the document.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it shows. Headings in it begin at the third level.
    pub body: Markup,
}

impl Section {
    /// A section.
    pub(super) fn new(id: &'static str, title: &'static str, body: Markup) -> Self {
        Section { id, title, body }
    }
}

impl Document {
    /// The whole page.
    pub(super) fn page(&self) -> String {
        let policy = format!(
            "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; \
             script-src '{}'; frame-src 'none'; base-uri 'none'; form-action 'none'",
            hashes::source_expression(SCRIPT.as_bytes())
        );
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta http-equiv="x-dns-prefetch-control" content="off";
                    meta name="referrer" content="no-referrer";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content={ "Tintype " (env!("CARGO_PKG_VERSION")) };
                    title { (plain(&self.title)) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#content" { "To the content" }
                    header.top {
                        p.kind { span.brand { "Tintype" } " " (self.kind) }
                        h1 { (self.heading) }
                        (self.lead)
                    }
                    nav.sections aria-label="Sections" {
                        ul {
                            @for section in &self.sections {
                                li { a href={ "#" (section.id) } { (section.title) } }
                            }
                        }
                    }
                    main id="content" tabindex="-1" {
                        @for section in &self.sections {
                            @let name = format!("{}-title", section.id);
                            section.part id=(section.id) aria-labelledby=(name) {
                                h2 id=(name) { (section.title) }
                                (section.body)
                            }
                        }
                    }
                    footer.end {
                        p {
                            "Made by Tintype " (env!("CARGO_PKG_VERSION")) " at "
                            (moment(self.made_at)) " UTC. Times are in UTC. "
                            "This page loads nothing from elsewhere."
                        }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
        .into_string()
    }
}
