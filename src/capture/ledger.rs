//! The ledger of a capture: for each part that was asked for a line that says what became of it, and
//! the artifacts that come of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::redact::{Redactions, Redactor, Seen};
use super::taken::{Kept, Outcome};
use super::{Item, millis};
use crate::error::{Error, Result};
use crate::model::artifact::{ArtifactStatus, DraftArtifact, MEDIA_BYTES};
use crate::model::config::PagePart;
use crate::model::id::ArtifactName;
use crate::model::snapshot::Status;

/// The longest address, reason or description that is kept beside the artifacts, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Cuts a text that a page may have made as long as it likes.
pub(super) fn clipped(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push('…');
    }
    text
}

/// What became of each part that was asked for.
#[derive(Default)]
pub(super) struct Ledger {
    pub lines: Vec<Value>,
    names: BTreeSet<String>,
    page_parts_asked: usize,
    page_parts_had: usize,
    failures: usize,
    pub redactions: Redactions,
}

impl Ledger {
    /// A ledger in which this is told to be redacted already.
    pub fn new(redactions: Redactions) -> Self {
        Ledger { redactions, ..Ledger::default() }
    }

    /// Writes what became of a part, and gives its artifacts.
    pub fn enter(
        &mut self,
        part: PagePart,
        outcome: Outcome,
        took: Duration,
        redactor: Option<&Redactor>,
        seen: &mut Seen,
    ) -> Vec<DraftArtifact> {
        self.page_parts_asked += usize::from(part.is_of_the_page());
        match outcome {
            Outcome::Items(items) => {
                self.page_parts_had += usize::from(part.is_of_the_page());
                items.into_iter().filter_map(|kept| self.keep(kept, took)).collect()
            }
            Outcome::Missing(status, why) => {
                let why = match redactor {
                    Some(redactor) => redactor.text_of(&why, &mut self.redactions, seen),
                    None => why,
                };
                let (name, media_type) = (part.artifact_name(), part.media_type());
                if status == ArtifactStatus::Failed {
                    log::warn!("capture: {name}: {}", clipped(why.clone()));
                }
                let missing = self.missing(name, media_type, status, why, took);
                // That there was no frame and no body needs no artifact to say it.
                let several = matches!(part, PagePart::Frames | PagePart::Bodies);
                missing
                    .filter(|_| !several || status != ArtifactStatus::Empty)
                    .into_iter()
                    .collect()
            }
        }
    }

    /// Writes that an item was taken, and gives its artifact.
    fn keep(&mut self, kept: Kept, took: Duration) -> Option<DraftArtifact> {
        let Kept { mut item, redactions, withheld, .. } = kept;
        if let Some(why) = withheld {
            return self.missing(&item.name, MEDIA_BYTES, ArtifactStatus::Redacted, why, took);
        }
        let bytes = item.content.len();
        let artifact = match self.artifact(&mut item) {
            Ok(artifact) => artifact,
            Err(why) => {
                let failed = ArtifactStatus::Failed;
                return self.missing(&item.name, MEDIA_BYTES, failed, why.to_string(), took);
            }
        };
        let mut line = json!({
            "name": item.name,
            "status": ArtifactStatus::Stored.as_str(),
            "bytes": bytes,
            "took_ms": millis(took),
        });
        if !redactions.is_empty() {
            line["redacted"] = json!(redactions);
        }
        if !item.detail.is_null() {
            line["detail"] = item.detail;
        }
        self.lines.push(line);
        self.redactions += redactions;
        Some(artifact)
    }

    /// The artifact of an item; fails where its name is none or is taken.
    fn artifact(&mut self, item: &mut Item) -> Result<DraftArtifact> {
        let name = self.name(&item.name)?;
        let content: Arc<[u8]> = std::mem::take(&mut item.content).into();
        // A media type that a server made up is no reason to lose what it sent.
        DraftArtifact::stored(name.clone(), item.media_type.as_str(), Arc::clone(&content))
            .or_else(|_| DraftArtifact::stored(name, MEDIA_BYTES, content))
    }

    /// A name that no other artifact of this capture has.
    fn name(&mut self, name: &str) -> Result<ArtifactName> {
        let parsed = name.parse::<ArtifactName>()?;
        if !self.names.insert(name.to_owned()) {
            return Err(Error::invalid("artifact name", &parsed, "it is there twice"));
        }
        Ok(parsed)
    }

    /// Writes that there is nothing of this name, and why; gives the artifact that says so where the
    /// name can be one.
    fn missing(
        &mut self,
        name: &str,
        media_type: &str,
        status: ArtifactStatus,
        why: String,
        took: Duration,
    ) -> Option<DraftArtifact> {
        let why = clipped(why);
        self.failures += usize::from(status == ArtifactStatus::Failed);
        self.lines.push(json!({
            "name": clipped(name.to_owned()),
            "status": status.as_str(),
            "reason": why,
            "took_ms": millis(took),
        }));
        let name = self.name(name).ok()?;
        DraftArtifact::missing(name, media_type, status, Some(why)).ok()
    }

    pub fn status(&self, loaded: bool) -> Status {
        if !loaded {
            Status::Failed
        } else if self.page_parts_asked > 0 && self.page_parts_had == 0 {
            Status::Minimal
        } else if self.failures > 0 {
            Status::Partial
        } else {
            Status::Complete
        }
    }
}
