//! Folders that this crate wrote: the snapshots that they were written from.
//!
//! What is written tells all that is known of a snapshot, so the file that tells it need not be kept:
//! it follows from the snapshot. Where it is not what would be written, somebody changed it, and it
//! is kept as an artifact.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::format::bundle::{Own, OwnArtifact};
use crate::ops::legacy::declared::{Algorithm, Declared, Over};
use crate::ops::legacy::files::FileId;
use crate::ops::legacy::found::{Content, Found, Part, When};

/// What such a snapshot is called, of whatever kind of folder it is.
pub(crate) const VARIANT: &str = "tintype";

/// Makes of what was found the snapshot that it was written from. `content_of` finds the content of
/// an artifact. What was told by other means of the parts is forgotten.
pub(crate) fn tell(
    own: Own,
    user_info: Map<String, Value>,
    found: &mut Found,
    mut content_of: impl FnMut(&OwnArtifact, &mut Found) -> Content,
) -> Result<()> {
    found.variant = VARIANT.to_owned();
    found.key = own.version.to_string();
    found.version = Some(own.version.into());
    found.based_on = own.based_on.map(String::from);
    found.context = own.context;
    found.when = When::At(own.created_at);
    found.tags = own.tags;
    found.description = own.description;
    found.info = user_info;
    found.metadata = Value::Null;
    found.status = own.status;
    let mut parts = Vec::with_capacity(own.artifacts.len());
    for artifact in own.artifacts {
        let content = content_of(&artifact, found);
        let name = artifact.name.as_str();
        if let (Content::File(_) | Content::Held(_), Some(hash)) = (&content, artifact.blake3) {
            found.declared.push(Declared {
                artifact: name.to_owned(),
                algorithm: Algorithm::Blake3,
                hash: hash.to_string(),
                over: vec![Over::Bytes],
            });
        }
        let part = Part::new(name, &artifact.media_type, content)?;
        let took = artifact.took_us.map(Duration::from_micros);
        parts.push(Part { entries: artifact.entries, took, ..part });
    }
    found.parts = parts;
    Ok(())
}

/// Accounts for the file that tells of the snapshot: it need not be kept where it is as it was
/// written, else it is an artifact.
pub(crate) fn account(
    file: FileId,
    is_as_written: bool,
    name: &str,
    media_type: &str,
    found: &mut Found,
) -> Result<()> {
    if is_as_written {
        found.retold.push(file);
        return Ok(());
    }
    let taken: BTreeSet<&str> = found.parts.iter().map(|part| part.name.as_str()).collect();
    let mut free = name.to_owned();
    while taken.contains(free.as_str()) {
        free.insert(0, '~');
    }
    found.parts.push(Part::new(&free, media_type, Content::File(file))?);
    Ok(())
}
