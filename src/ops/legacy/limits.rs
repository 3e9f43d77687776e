//! What a store can take of an old snapshot. One that is more than that is not cut: its files are kept
//! as the bytes that they are, with the reason.

use std::collections::BTreeSet;

use crate::model::artifact::check_media_type;
use crate::model::snapshot::{ARTIFACTS_MAX, DESCRIPTION_BYTES_MAX, TAGS_MAX, USER_INFO_BYTES_MAX};
use crate::ops::legacy::found::{Content, Found};
use crate::ops::legacy::settle::{HASHES_MAX, NOTE_CHARACTERS_MAX, NOTES_MAX};

/// The longest note on an old snapshot, in characters. Notes quote what was read, which has any length.
const PROBLEM_CHARACTERS_MAX: usize = 500;
/// What a declared hash takes in user info beside the true one, in bytes.
const HASH_BYTES: usize = 800;
/// What user info says of the import beside names, hashes and notes, in bytes.
const FRAME_BYTES: usize = 12 * 1024;

/// Cuts the notes on an old snapshot to what can be told.
pub(crate) fn clip(found: &mut Found) {
    for problem in &mut found.problems {
        if let Some((end, _)) = problem.char_indices().nth(PROBLEM_CHARACTERS_MAX) {
            problem.truncate(end);
            problem.push('…');
        }
    }
}

/// Whether a store can take an old snapshot; why not. It is told by what the snapshot says, before any
/// content is read, so it comes out the same each time.
pub(crate) fn check(found: &Found) -> Result<(), String> {
    if found.parts.is_empty() {
        return Err("it has no artifact".to_owned());
    }
    if found.parts.len() > ARTIFACTS_MAX {
        let count = found.parts.len();
        return Err(format!("it has {count} artifacts; a snapshot has at most {ARTIFACTS_MAX}"));
    }
    if found.tags.len() > TAGS_MAX {
        let count = found.tags.len();
        return Err(format!("it has {count} tags; a snapshot has at most {TAGS_MAX}"));
    }
    let described = found.description.as_ref().map_or(0, String::len);
    if described > DESCRIPTION_BYTES_MAX {
        return Err(format!(
            "its description has {described} bytes; a snapshot's has at most {DESCRIPTION_BYTES_MAX}"
        ));
    }
    let mut names = BTreeSet::new();
    for part in &found.parts {
        let name = part.name.as_str();
        if !names.insert(name) {
            return Err(format!("it has two artifacts {name}"));
        }
        check_media_type(&part.media_type)
            .map_err(|why| format!("the media type of its artifact {name}: {why}"))?;
        let took = part.took.map_or(0, |took| took.as_micros());
        if part.entries.is_some_and(|entries| i64::try_from(entries).is_err())
            || i64::try_from(took).is_err()
        {
            return Err(format!("its artifact {name} tells of numbers that are none"));
        }
        if let Content::Missing(_, why) = &part.content
            && why.len() > DESCRIPTION_BYTES_MAX
        {
            return Err(format!("the reason that its artifact {name} lacks content is too long"));
        }
    }
    let said = said(found);
    let noted = found.declared.len().min(HASHES_MAX) * HASH_BYTES
        + (found.declared.len() + found.problems.len()).min(NOTES_MAX) * 2 * NOTE_CHARACTERS_MAX;
    if said + noted + FRAME_BYTES > USER_INFO_BYTES_MAX {
        return Err(format!(
            "{said} bytes are said of it beside what it is; user info holds at most \
             {USER_INFO_BYTES_MAX}, with what is to be told of its origin"
        ));
    }
    Ok(())
}

/// The bytes that what is said of it takes in user info, in any case.
fn said(found: &Found) -> usize {
    let bytes =
        |value: serde_json::Result<Vec<u8>>| value.map_or(usize::MAX / 8, |text| text.len());
    let texts = [&found.key, &found.variant];
    let names = [&found.version, &found.based_on, &found.written];
    let texts = texts.into_iter().chain(names.into_iter().flatten());
    bytes(serde_json::to_vec(&found.info))
        + texts.map(|text| bytes(serde_json::to_vec(text))).sum::<usize>()
}
