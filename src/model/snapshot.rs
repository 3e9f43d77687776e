//! The snapshot, before ([`Draft`]) and after ([`Snapshot`]) it is stored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::artifact::{
    Artifact, ArtifactStatus, DraftArtifact, Given, MEDIA_BYTES, MEDIA_JSON, MEDIA_TEXT,
};
use crate::model::context::Context;
use crate::model::id::{ArtifactName, BlobHash, Tag, Version};
use crate::model::json;
use crate::model::time::Time;

/// The longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 64 * 1024;
/// The most bytes that user info may take as JSON.
pub const USER_INFO_BYTES_MAX: usize = 1024 * 1024;
/// The most artifacts of one snapshot.
pub const ARTIFACTS_MAX: usize = 10_000;
/// The most tags given at once.
pub const TAGS_MAX: usize = 1_000;
/// The member of the user info of a snapshot that was taken of an incident, which tells of that; and the
/// tag that it carries.
pub const INCIDENT: &str = "incident";

/// How much of what was asked for a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All of it. Every data snapshot is complete.
    Complete,
    /// A part of it; each artifact that lacks says why.
    Partial,
    /// Facts and events only: the page itself could not be read.
    Minimal,
    /// Facts only: the page did not load.
    Failed,
}

impl Status {
    /// All of them, in the order of their codes in the file.
    pub const ALL: [Status; 4] =
        [Status::Complete, Status::Partial, Status::Minimal, Status::Failed];

    /// The word for it, in the file's views and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Complete => "complete",
            Status::Partial => "partial",
            Status::Minimal => "minimal",
            Status::Failed => "failed",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Error::invalid("status", text, "complete, partial, minimal or failed"))
    }
}

/// Whether content may be kept as a delta on other content.
///
/// As text `auto` or `never`. Read are also words that tell how deltas are made, where something
/// else than the content decides it: `binary`, `dict` and `compress` mean `auto`, `none` means
/// `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum DeltaPolicy {
    /// As a delta wherever that is smaller and reading stays within its limits.
    #[default]
    Auto,
    /// Always whole. Equal content is still kept once.
    Never,
}

impl DeltaPolicy {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            DeltaPolicy::Auto => "auto",
            DeltaPolicy::Never => "never",
        }
    }
}

impl std::fmt::Display for DeltaPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for DeltaPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" | "binary" | "dict" | "compress" => Ok(DeltaPolicy::Auto),
            "never" | "none" => Ok(DeltaPolicy::Never),
            _ => {
                let known = "auto, binary, dict, compress, never or none";
                Err(Error::invalid("delta policy", text, known))
            }
        }
    }
}

impl TryFrom<String> for DeltaPolicy {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<DeltaPolicy> for &'static str {
    fn from(policy: DeltaPolicy) -> &'static str {
        policy.as_str()
    }
}

/// A snapshot to be stored.
///
/// ```
/// use tintype::Draft;
/// let draft = Draft::json(&serde_json::json!({"price": 12}))?
///     .context("shop.example/prices".parse()?)
///     .tag("nightly")?
///     .describe("after the sale");
/// # Ok::<(), tintype::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    pub(crate) version: Option<Version>,
    pub(crate) time: Option<Time>,
    pub(crate) context: Context,
    pub(crate) tags: BTreeSet<Tag>,
    pub(crate) description: Option<String>,
    pub(crate) user_info: Map<String, Value>,
    pub(crate) based_on: Option<Version>,
    /// Whether the version that it is based on need not be here: it was taken over.
    pub(crate) base_elsewhere: bool,
    pub(crate) based_on_latest: bool,
    pub(crate) delta: DeltaPolicy,
    pub(crate) status: Option<Status>,
    pub(crate) artifacts: Vec<DraftArtifact>,
}

impl Draft {
    /// A draft without artifacts, to which some are [added](Draft::artifact).
    pub fn new() -> Self {
        Draft::default()
    }

    /// A data snapshot of a JSON value: one artifact, `data`, of compact JSON with the members in
    /// the order of the value.
    ///
    /// Fails with `Invalid`, which tells as a JSON pointer where, for what JSON can't hold or nobody
    /// could read back: numbers that are not finite, integers beyond 64 bits, two members of one
    /// name, names that are no text, more than [`DEPTH_MAX`](crate::model::json::DEPTH_MAX) levels.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self> {
        let value = json::value_of(value)?;
        let refuse = |why: serde_json::Error| Error::invalid("JSON value", "", why.to_string());
        let content = serde_json::to_vec(&value).map_err(refuse)?;
        Ok(Draft::lone(MEDIA_JSON, content, json::entries_of(&value)))
    }

    /// A data snapshot of JSON that is there as a text already: one artifact, `data`, of this text
    /// byte for byte. Numbers keep all their digits, and members their order, also those of one name.
    ///
    /// Fails with `Invalid` where the text is not JSON, has half a surrogate pair (`\ud800` alone),
    /// or more than [`DEPTH_MAX`](crate::model::json::DEPTH_MAX) levels.
    pub fn json_text(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let entries = json::check_text(&text)?;
        Ok(Draft::lone(MEDIA_JSON, text.into_bytes(), entries))
    }

    /// A draft without artifacts that says of itself what this snapshot says: context, tags,
    /// description, user info, the version it is based on, status and time. Its version is made
    /// unless told.
    pub fn like(snapshot: &Snapshot) -> Self {
        Draft {
            time: Some(snapshot.created_at),
            context: snapshot.context.clone(),
            tags: snapshot.tags.iter().cloned().collect(),
            description: snapshot.description.clone(),
            user_info: snapshot.user_info.clone(),
            based_on: snapshot.based_on.clone(),
            status: Some(snapshot.status),
            ..Draft::default()
        }
    }

    /// A data snapshot of a text: one artifact, `data`, of its UTF-8 bytes.
    pub fn text(text: impl Into<String>) -> Self {
        Draft::lone(MEDIA_TEXT, text.into().into_bytes(), None)
    }

    /// A data snapshot of bytes: one artifact, `data`.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Draft::lone(MEDIA_BYTES, bytes.into(), None)
    }

    fn lone(media_type: &str, content: Vec<u8>, entries: Option<u64>) -> Self {
        Draft::new().artifact(DraftArtifact {
            name: ArtifactName::data(),
            media_type: media_type.to_owned(),
            status: ArtifactStatus::Stored,
            reason: None,
            took: None,
            content: Some(Given::Held(content.into())),
            entries,
        })
    }

    /// Adds an artifact.
    pub fn artifact(mut self, artifact: DraftArtifact) -> Self {
        self.artifacts.push(artifact);
        self
    }

    /// Says where it belongs; nowhere in particular unless told.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Puts a tag on it.
    pub fn tag<T>(mut self, tag: T) -> Result<Self>
    where
        T: TryInto<Tag>,
        Error: From<T::Error>,
    {
        self.tags.insert(tag.try_into()?);
        Ok(self)
    }

    /// Describes it in words.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets a field of its user info. A `Value` made of a number that is not finite is null before
    /// it comes here.
    pub fn info(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.user_info.insert(key.into(), value.into());
        self
    }

    /// Chooses its version; one is made unless told.
    pub fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Chooses its time; the store's clock tells it otherwise.
    pub fn at(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }

    /// Names the version that this one comes from. Its content is the base of deltas; otherwise
    /// the newest content of the same place is.
    pub fn based_on(mut self, version: impl Into<Version>) -> Self {
        self.based_on = Some(version.into());
        self.based_on_latest = false;
        self
    }

    /// Says that it comes from the snapshot of its place that was stored last before it, whatever
    /// their times; where there is none yet, it comes from nothing.
    pub fn based_on_latest(mut self) -> Self {
        self.based_on = None;
        self.based_on_latest = true;
        self
    }

    /// Chooses whether its content may be kept as deltas.
    pub fn delta(mut self, policy: DeltaPolicy) -> Self {
        self.delta = policy;
        self
    }

    /// Says how much of what was asked for it holds; complete unless told.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// The artifacts that were added, in their order.
    pub fn artifacts(&self) -> &[DraftArtifact] {
        &self.artifacts
    }

    /// The status that was chosen, where one was.
    pub fn chosen_status(&self) -> Option<Status> {
        self.status
    }

    /// Checks what spans several fields: names, counts and sizes.
    pub(crate) fn check(&self) -> Result<()> {
        let too_large = |what: String, bytes: usize, limit: usize| {
            Err(Error::TooLarge { what, bytes: bytes as u64, limit: limit as u64 })
        };
        if self.artifacts.is_empty() {
            return Err(Error::invalid("snapshot", "", "it has no artifact"));
        }
        if self.artifacts.len() > ARTIFACTS_MAX {
            let why = format!("it has {} artifacts; at most {ARTIFACTS_MAX}", self.artifacts.len());
            return Err(Error::invalid("snapshot", "", why));
        }
        if self.tags.len() > TAGS_MAX {
            let why = format!("it has {} tags; at most {TAGS_MAX}", self.tags.len());
            return Err(Error::invalid("snapshot", "", why));
        }
        let mut names = BTreeSet::new();
        for artifact in &self.artifacts {
            if !names.insert(&artifact.name) {
                return Err(Error::invalid("artifact name", &artifact.name, "it is there twice"));
            }
        }
        let described = self.description.as_ref().map_or(0, String::len);
        if described > DESCRIPTION_BYTES_MAX {
            return too_large("the description".into(), described, DESCRIPTION_BYTES_MAX);
        }
        for artifact in &self.artifacts {
            let reason = artifact.reason.as_ref().map_or(0, String::len);
            if reason > DESCRIPTION_BYTES_MAX {
                let what = format!("the reason of artifact {}", artifact.name);
                return too_large(what, reason, DESCRIPTION_BYTES_MAX);
            }
        }
        if self.user_info.is_empty() {
            return Ok(());
        }
        let refuse = |why: serde_json::Error| Error::invalid("user info", "", why.to_string());
        let info = serde_json::to_vec(&self.user_info).map_err(refuse)?;
        if info.len() > USER_INFO_BYTES_MAX {
            return too_large("the user info".into(), info.len(), USER_INFO_BYTES_MAX);
        }
        // What can be written can be nested deeper than what can be read.
        serde_json::from_slice::<Map<String, Value>>(&info).map(drop).map_err(refuse)
    }

    /// Whether its content goes on where the newest of its place ends.
    pub(crate) fn goes_on_in_lane(&self) -> bool {
        self.based_on.is_none() && self.delta == DeltaPolicy::Auto
    }

    /// About the bytes of what is said about it.
    pub(crate) fn about_bytes(&self) -> usize {
        let described = self.description.as_ref().map_or(0, String::len);
        let info = self.user_info.iter().map(|(key, value)| key.len() + value.to_string().len());
        described + info.sum::<usize>()
    }
}

/// A stored snapshot: everything that is known about it but the content.
///
/// Goes to JSON and back with serde. Members that this version does not know are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its name.
    pub version: Version,
    /// When it was taken.
    pub created_at: Time,
    /// Where it belongs.
    pub context: Context,
    /// How much of what was asked for it holds.
    pub status: Status,
    /// Its tags, sorted.
    pub tags: Vec<Tag>,
    /// What a person said about it.
    pub description: Option<String>,
    /// What a program said about it: a JSON object.
    pub user_info: Map<String, Value>,
    /// The version that it was said to come from.
    pub based_on: Option<Version>,
    /// When it was forgotten, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forgotten_at: Option<Time>,
    /// Its artifacts, by name.
    pub artifacts: Vec<Artifact>,
}

impl Snapshot {
    /// The artifact of this name, if there is one.
    pub fn artifact(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.name.as_str() == name)
    }

    /// The bytes of all its content, as given.
    pub fn bytes(&self) -> u64 {
        self.artifacts.iter().map(|artifact| artifact.bytes).sum()
    }
}

/// What storing a snapshot came to. It is durable when this is returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The snapshot's name.
    pub version: Version,
    /// What became of its content, in the order of the draft; artifacts without content are
    /// left out.
    pub artifacts: Vec<Kept>,
    /// Whether what is kept in its place does not keep it: it is older than what is, and was forgotten
    /// as soon as it was stored. It can be had back as others can.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
}

/// How the content of one artifact was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kept {
    /// The artifact.
    pub name: ArtifactName,
    /// The hash of its content.
    pub hash: BlobHash,
    /// The size of its content in bytes.
    pub bytes: u64,
    /// The bytes that the content takes in the file.
    pub stored: u64,
    /// The content that it is a delta on, if it is one.
    pub base: Option<BlobHash>,
    /// Whether the store had this content already, so that nothing was added for it.
    pub deduplicated: bool,
}
