//! What is said where an artifact can't be shown, and how it is got.

use maud::{Markup, html};

use super::evidence::Part;
use super::parts::{Tone, command, notice};
use super::text::line;
use crate::model::artifact::ArtifactStatus;
use crate::model::id::Version;

/// Says why a part is not there, in the place where it would stand. Nothing where it is there, or where
/// nobody asked for it.
pub(super) fn lacking(version: &Version, name: &str, part: &Part) -> Option<Markup> {
    let why = part.lack()?;
    let tone = match part {
        Part::Damaged(_) => Tone::Bad,
        Part::Missing(ArtifactStatus::Failed | ArtifactStatus::Redacted, _) => Tone::Warn,
        _ => Tone::Plain,
    };
    let can_be_got = matches!(part, Part::TooLarge(_));
    Some(notice(
        tone,
        html! {
            p { (line(name)) ": " (line(&why)) }
            @if can_be_got { p { (get(version, name)) } }
        },
    ))
}

/// The command that gets an artifact, byte for byte.
pub(super) fn get(version: &Version, name: &str) -> Markup {
    // A name that begins like an option stands behind `=`.
    let joined = format!("--artifact={name}");
    match name.starts_with('-') {
        true => command(&["tintype", "get", version.as_str(), &joined, "-o", &format!("./{name}")]),
        false => command(&["tintype", "get", version.as_str(), "--artifact", name, "-o", name]),
    }
}
