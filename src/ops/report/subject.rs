//! What a report is about: a snapshot with what is understood of its artifacts.

use serde_json::{Map, Value};

use super::console::{self, LOG_BYTES_MAX, Message};
use super::evidence::{Evidence, Part};
use super::network::{self, Request};
use crate::error::Result;
use crate::model::config::{FACTS, PagePart};
use crate::model::id::Version;
use crate::model::snapshot::{INCIDENT, Snapshot};
use crate::model::time::Time;
use crate::store::Repository;

/// A snapshot with what is understood of its artifacts.
pub(super) struct Subject<'a> {
    /// Its artifacts, one by one.
    pub evidence: Evidence<'a>,
    /// What is known of the page and the capture; null where that is not there.
    pub facts: Value,
    /// What the page said.
    pub messages: Vec<Message>,
    /// Its console log as it was read.
    pub console: Part,
    /// Its requests, where there is a HAR.
    pub requests: Option<Vec<Request>>,
    /// Its HAR as it was read.
    pub network: Part,
    /// The artifacts that are damaged, as far as they were read, and what is wrong with each.
    pub damaged: Vec<(String, String)>,
}

impl<'a> Subject<'a> {
    /// Reads what a snapshot tells of itself.
    ///
    /// Fails with `NotFound` where it is not there, and where the store can't be read.
    pub(super) fn of(repo: &'a Repository, version: &Version) -> Result<Self> {
        let evidence = Evidence::of(repo, version)?;
        let facts = evidence.whole(FACTS)?;
        let console = evidence.head(PagePart::Console.artifact_name(), LOG_BYTES_MAX)?;
        let network = evidence.whole(PagePart::Network.artifact_name())?;
        let messages = console.content().map_or_else(Vec::new, |log| {
            console::messages(&log.bytes, log.whole_bytes > log.bytes.len() as u64)
        });
        let requests = network.json().and_then(|har| network::requests(&har));
        let mut subject = Subject {
            facts: facts.json().filter(Value::is_object).unwrap_or(Value::Null),
            messages,
            requests,
            damaged: Vec::new(),
            evidence,
            console,
            network,
        };
        subject.look_for_damage()?;
        Ok(subject)
    }

    /// Reads the beginning of each artifact, which tells where it is damaged there.
    fn look_for_damage(&mut self) -> Result<()> {
        for artifact in &self.evidence.snapshot.artifacts {
            let name = artifact.name.as_str();
            if let Part::Damaged(why) = self.evidence.head(name, 1)? {
                self.damaged.push((name.to_owned(), why));
            }
        }
        Ok(())
    }

    /// The snapshot.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.evidence.snapshot
    }

    /// The incident that it was taken of.
    pub(super) fn incident(&self) -> Option<&Map<String, Value>> {
        self.snapshot().user_info.get(INCIDENT)?.as_object()
    }

    /// The address of the page; empty where there is none.
    pub(super) fn url(&self) -> &str {
        let told = [&self.facts["final_url"], &self.facts["url"]].map(Value::as_str);
        let told = told.into_iter().flatten().find(|url| !url.is_empty());
        let noted = self.snapshot().user_info.get("url").and_then(Value::as_str);
        told.or(noted).unwrap_or_default()
    }

    /// The artifacts whose names begin and end so, in the order of their names.
    pub(super) fn named(&self, begin: &str, end: &str) -> Vec<&str> {
        let names = self.snapshot().artifacts.iter().map(|artifact| artifact.name.as_str());
        names.filter(|name| name.starts_with(begin) && name.ends_with(end)).collect()
    }

    /// When the page was asked for: the moment that times are told from.
    pub(super) fn began_at(&self) -> Option<Time> {
        let told = self.facts["navigated_at"].as_str().and_then(|time| time.parse().ok());
        let asked = self.requests.iter().flatten().filter_map(|request| request.sent_at).min();
        told.or(asked).or_else(|| self.messages.iter().filter_map(|message| message.at).min())
    }

    /// The artifacts that are no part of a capture: data, and what others put in.
    pub(super) fn others(&self) -> Vec<String> {
        let is_part = |name: &str| {
            name == FACTS
                || PagePart::ALL.iter().any(|part| part.artifact_name() == name)
                || is_one_of_several(name)
        };
        let names = self.snapshot().artifacts.iter().map(|artifact| artifact.name.as_str());
        names.filter(|name| !is_part(name)).map(str::to_owned).collect()
    }
}

/// Whether an artifact is one of several of a kind that a capture numbers: `frame-1.html`,
/// `full-2.png`, `body-003.json`.
pub(super) fn is_one_of_several(name: &str) -> bool {
    ["frame-", "full-", "body-"].iter().any(|begin| name.starts_with(begin))
}

/// Whether a media type is that of JSON, of any kind.
pub(super) fn is_json(media_type: &str) -> bool {
    media_type.contains("json")
}
