//! A place and all below it: what policies are said of.
//!
//! Site, module, component and function are a tree. A [`Place`] is a node of it: the whole store, a
//! site, a module of a site, and so on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::context::{Context, check_part, escape, unescape};

/// The names of the parts, in the order in which they are written.
const PARTS: [&str; 4] = ["site", "module", "component", "function"];

/// A node of the tree of places, and everything below it.
///
/// As text up to four parts joined with `/`, as in a [`Context`] but without the session:
/// `shop.example/prices` is the module `prices` of the site `shop.example` with all its components.
/// The whole store is `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    parts: Vec<String>,
}

impl Place {
    /// The whole store.
    pub fn whole() -> Self {
        Place::default()
    }

    /// The place that a context belongs to, with all four parts.
    pub fn of(context: &Context) -> Self {
        Place { parts: context.place().map(str::to_owned).into() }
    }

    /// The place of these parts, the site first; those left out at the end mean all below.
    pub(crate) fn from_parts(parts: Vec<String>) -> Result<Self> {
        if parts.len() > PARTS.len() {
            let why = format!("{} parts; at most four, {}", parts.len(), PARTS.join("/"));
            return Err(Error::invalid("place", parts.join("/"), why));
        }
        parts.iter().zip(PARTS).try_for_each(|(part, name)| check_part(name, part))?;
        Ok(Place { parts })
    }

    /// Its parts, the site first.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Whether a context belongs to it.
    pub fn holds(&self, context: &Context) -> bool {
        self.parts.iter().zip(context.place()).all(|(part, of)| part == of)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return f.pad("*");
        }
        let text: Vec<_> = self.parts.iter().map(|part| escape(part)).collect();
        f.pad(&text.join("/"))
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "*" {
            return Ok(Place::whole());
        }
        let parts: Result<Vec<_>> = text.split('/').map(|part| unescape("place", part)).collect();
        Place::from_parts(parts?)
    }
}

impl TryFrom<String> for Place {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> String {
        place.to_string()
    }
}
