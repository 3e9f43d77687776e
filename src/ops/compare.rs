//! `compare`: what differs between two snapshots.
//!
//! Artifacts are paired by name; where each snapshot holds just one, these are a pair whatever
//! they are called. Content of one hash is equal, and is not read. Content that is too large to be
//! read as one is compared by its hash and size alone. A page that had nothing to say is compared with
//! one that had as a console log without messages.

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Error, Result, What};
use crate::format::diff::{self, BytesDiff, Comparison, Form};
use crate::model::artifact::{Artifact, ArtifactStatus};
use crate::model::id::{ArtifactName, Version};
use crate::model::snapshot::Snapshot;
use crate::store::{CONTENT_BYTES_MAX, Repository};

/// What differs between two snapshots.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Compared {
    /// The one that was named first.
    pub before: Version,
    /// The one that was named second.
    pub after: Version,
    /// Whether no content differs.
    pub equal: bool,
    /// Seconds from the time of the first to that of the second.
    pub seconds: f64,
    /// What differs of what is known about them, other than version and time.
    pub fields: Vec<Field>,
    /// Each artifact of either, by name.
    pub artifacts: Vec<Pair>,
}

/// Something known about a snapshot that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// What it is: `context`, `status`, `tags`, `description`, or a field of the user info, as
    /// `user_info.KEY`.
    pub name: String,
    /// What the first says.
    pub before: Value,
    /// What the second says.
    pub after: Value,
}

/// How two artifacts stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Both hold the same bytes, or neither holds any.
    Same,
    /// They hold different bytes.
    Changed,
    /// Only the second holds it.
    Added,
    /// Only the first holds it.
    Removed,
}

/// An artifact of one snapshot and its counterpart in the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// Its name: the second's, where they differ.
    pub name: ArtifactName,
    /// How they stand to each other.
    pub standing: Standing,
    /// The bytes of the first, where it holds it.
    pub before_bytes: Option<u64>,
    /// The bytes of the second, where it holds it.
    pub after_bytes: Option<u64>,
    /// What differs in their content, where they hold different bytes, or where one page spoke on
    /// its console and the other had nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Comparison>,
}

/// Compares two snapshots, or one artifact of them, in the forms that tell most.
///
/// Fails with `NotFound` where a version is not there, or where neither holds the artifact, and
/// with `Corrupt` where content can't be proved intact.
pub fn compare(
    repo: &Repository,
    before: &Version,
    after: &Version,
    artifact: Option<&ArtifactName>,
) -> Result<Compared> {
    compare_as(repo, before, after, artifact, |form| form)
}

/// Does the same in forms of the caller's choice: `choose` is asked for each pair of artifacts that
/// differ, with the form that fits their media types.
///
/// With [`Form::plain`] all that is JSON or text gives what a program can apply.
pub fn compare_as(
    repo: &Repository,
    before: &Version,
    after: &Version,
    artifact: Option<&ArtifactName>,
    choose: impl Fn(Form) -> Form,
) -> Result<Compared> {
    let (first, second) = repo.read(|view| Ok((view.get(before)?, view.get(after)?)))?;
    let mut pairs = Vec::new();
    for both in pair_up(&first, &second) {
        let Some(name) = both.1.or(both.0).map(|artifact| artifact.name.clone()) else { continue };
        if artifact.is_some_and(|wanted| *wanted != name) {
            continue;
        }
        let standing = Standing::of(both);
        let (left, right) = (both.0.filter(holds), both.1.filter(holds));
        let both = both.0.zip(both.1);
        let content = match both.filter(|both| standing == Standing::Changed || was_silent(both)) {
            Some((left, right)) => Some(contents(repo, (before, left), (after, right), &choose)?),
            None => None,
        };
        pairs.push(Pair {
            name,
            standing,
            before_bytes: left.map(|artifact| artifact.bytes),
            after_bytes: right.map(|artifact| artifact.bytes),
            content,
        });
    }
    if let (Some(name), []) = (artifact, pairs.as_slice()) {
        return Err(Error::not_found(What::Artifact, format!("{name} in {before} or {after}")));
    }
    pairs.sort_by(|a, b| a.name.cmp(&b.name));
    let micros = second.created_at.micros() - first.created_at.micros();
    Ok(Compared {
        before: before.clone(),
        after: after.clone(),
        equal: pairs.iter().all(|pair| pair.standing == Standing::Same),
        seconds: micros as f64 / 1e6,
        fields: fields(&first, &second),
        artifacts: pairs,
    })
}

impl Standing {
    /// How the artifacts of a pair stand to each other, of which at least one is there.
    pub(super) fn of((left, right): Two<'_>) -> Self {
        match (left.filter(holds), right.filter(holds)) {
            (Some(left), Some(right)) if left.hash != right.hash => Standing::Changed,
            (Some(_), None) => Standing::Removed,
            (None, Some(_)) => Standing::Added,
            _ => Standing::Same,
        }
    }
}

fn holds(artifact: &&Artifact) -> bool {
    artifact.hash.is_some()
}

/// An artifact of the first snapshot and its counterpart in the second.
pub(super) type Two<'a> = (Option<&'a Artifact>, Option<&'a Artifact>);

/// Pairs artifacts by name, or where each snapshot holds just one, those.
pub(super) fn pair_up<'a>(first: &'a Snapshot, second: &'a Snapshot) -> Vec<Two<'a>> {
    if let ([left], [right]) = (first.artifacts.as_slice(), second.artifacts.as_slice()) {
        return vec![(Some(left), Some(right))];
    }
    let only_second = |right: &&Artifact| first.artifact(right.name.as_str()).is_none();
    let here = first.artifacts.iter().map(|left| (Some(left), second.artifact(left.name.as_str())));
    here.chain(second.artifacts.iter().filter(only_second).map(|right| (None, Some(right))))
        .collect()
}

/// What differs in the content of a pair, in the form that the caller chooses.
pub(super) fn contents(
    repo: &Repository,
    (before, left): (&Version, &Artifact),
    (after, right): (&Version, &Artifact),
    choose: impl Fn(Form) -> Form,
) -> Result<Comparison> {
    if left.bytes.max(right.bytes) > CONTENT_BYTES_MAX as u64 {
        let (before_bytes, after_bytes) = (left.bytes, right.bytes);
        return Ok(Comparison::Bytes(BytesDiff { equal: false, before_bytes, after_bytes }));
    }
    let content = |version: &Version, artifact: &Artifact| match artifact.hash {
        Some(_) => repo.content(version, artifact.name.as_str()),
        None => Ok(Vec::new()),
    };
    let (first, second) = (content(before, left)?, content(after, right)?);
    let labels = (format!("{before}/{}", left.name), format!("{after}/{}", right.name));
    let form = choose(form_of(left, right));
    Ok(diff::compare(&first, &second, (&labels.0, &labels.1), form))
}

/// The form that fits both artifacts.
pub(super) fn form_of(left: &Artifact, right: &Artifact) -> Form {
    Form::of(&left.media_type).max(Form::of(&right.media_type))
}

/// Tells whether one of two console logs is there, and there was nothing to take for the other.
pub(super) fn was_silent((left, right): &(&Artifact, &Artifact)) -> bool {
    let is_empty = |artifact: &Artifact| artifact.status == ArtifactStatus::Empty;
    form_of(left, right) == Form::Console
        && (is_empty(left) && holds(right) || is_empty(right) && holds(left))
}

/// What differs of what is known about two snapshots, other than version and time.
pub(super) fn fields(first: &Snapshot, second: &Snapshot) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut compare = |name: &str, before: Value, after: Value| {
        if before != after {
            fields.push(Field { name: name.to_owned(), before, after });
        }
    };
    compare("context", json!(first.context), json!(second.context));
    compare("status", json!(first.status), json!(second.status));
    compare("tags", json!(first.tags), json!(second.tags));
    compare("description", json!(first.description), json!(second.description));
    let missing = Value::Null;
    for (key, before) in &first.user_info {
        let after = second.user_info.get(key).unwrap_or(&missing);
        compare(&format!("user_info.{key}"), before.clone(), after.clone());
    }
    for (key, after) in &second.user_info {
        if !first.user_info.contains_key(key) {
            compare(&format!("user_info.{key}"), missing.clone(), after.clone());
        }
    }
    fields
}
