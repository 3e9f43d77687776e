//! Asking: which snapshot is meant by a word, and which by a description.

use std::str::FromStr;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::context::Pattern;
use crate::model::id::{Tag, Version};
use crate::model::snapshot::Status;
use crate::model::time::Time;

/// Names one snapshot, as a person does.
///
/// `latest`, `oldest`, `latest:TAG`, `oldest:TAG`, a version, or the beginning of one. By time,
/// ties by insertion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The newest snapshot, of those with the tag where one is given.
    Latest(Option<Tag>),
    /// The oldest snapshot, of those with the tag where one is given.
    Oldest(Option<Tag>),
    /// The snapshot of this version, or the only one whose version begins so.
    Prefix(String),
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (word, tag) = match text.split_once(':') {
            Some((word, tag)) => (word, Some(tag)),
            None => (text, None),
        };
        match word {
            "latest" => Ok(Selector::Latest(tag.map(str::parse).transpose()?)),
            "oldest" => Ok(Selector::Oldest(tag.map(str::parse).transpose()?)),
            // The beginning of a version obeys the rules of a version.
            _ => Ok(Selector::Prefix(text.parse::<Version>()?.into())),
        }
    }
}

impl From<&Version> for Selector {
    fn from(version: &Version) -> Self {
        Selector::Prefix(version.to_string())
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Selector::Latest(None) => f.write_str("latest"),
            Selector::Oldest(None) => f.write_str("oldest"),
            Selector::Latest(Some(tag)) => write!(f, "latest:{tag}"),
            Selector::Oldest(Some(tag)) => write!(f, "oldest:{tag}"),
            Selector::Prefix(prefix) => f.write_str(prefix),
        }
    }
}

/// How many snapshots a query gives unless told.
pub const LIMIT_DEFAULT: usize = 50;

/// Describes snapshots: all conditions hold for each one found.
///
/// The newest come first, ties by insertion, unless [`Query::oldest_first`]. Forgotten snapshots
/// are not found, unless [`Query::forgotten`] asks for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(crate) pattern: Pattern,
    pub(crate) tags: Vec<Tag>,
    pub(crate) since: Option<Time>,
    pub(crate) until: Option<Time>,
    pub(crate) status: Option<Status>,
    pub(crate) fields: Vec<(String, Value)>,
    pub(crate) without: Vec<String>,
    pub(crate) text: Option<String>,
    pub(crate) limit: usize,
    pub(crate) after: Option<Version>,
    pub(crate) oldest_first: bool,
    pub(crate) forgotten: bool,
}

impl Default for Query {
    fn default() -> Self {
        Query {
            pattern: Pattern::default(),
            tags: Vec::new(),
            since: None,
            until: None,
            status: None,
            fields: Vec::new(),
            without: Vec::new(),
            text: None,
            limit: LIMIT_DEFAULT,
            after: None,
            oldest_first: false,
            forgotten: false,
        }
    }
}

impl Query {
    /// All snapshots, [`LIMIT_DEFAULT`] at a time.
    pub fn all() -> Self {
        Query::default()
    }

    /// Snapshots in the contexts that a pattern means.
    pub fn context(pattern: Pattern) -> Self {
        Query { pattern, ..Query::default() }
    }

    /// Only with this tag; may be said of several.
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tags.push(tag);
        self
    }

    /// Only taken at this time or later.
    pub fn since(mut self, time: Time) -> Self {
        self.since = Some(time);
        self
    }

    /// Only taken before this time.
    pub fn until(mut self, time: Time) -> Self {
        self.until = Some(time);
        self
    }

    /// Only of this status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Only where this member of the user info has this value; may be said of several.
    pub fn field(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.push((key.into(), value.into()));
        self
    }

    /// Only where the user info has no member of this name; may be said of several.
    pub fn without_field(mut self, key: impl Into<String>) -> Self {
        self.without.push(key.into());
        self
    }

    /// Only where the description has all these words, in any order and any ASCII case.
    pub fn text(mut self, words: impl Into<String>) -> Self {
        self.text = Some(words.into());
        self
    }

    /// At most so many.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Only those that come after this one in the order of the list: goes on where a list ended.
    pub fn after(mut self, version: Version) -> Self {
        self.after = Some(version);
        self
    }

    /// Only forgotten ones, instead of those that are not.
    pub fn forgotten(mut self) -> Self {
        self.forgotten = true;
        self
    }

    /// The oldest first.
    pub fn oldest_first(mut self) -> Self {
        self.oldest_first = true;
        self
    }
}
