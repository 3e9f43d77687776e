//! What somebody may have meant by a name that is not there.

use std::path::Path;
use std::time::Duration;

use tintype::ops::{backup, rollout};
use tintype::{Error, Pattern, Query, Repository, Result, What};

use crate::out::{Out, plain};

/// How like two names are at least, from 0 to 1, to be taken for one mistyped.
const LIKE_MIN: f64 = 0.7;
/// The most names that are told.
const NAMES_MAX: usize = 3;
/// The most versions that are looked at, the newest first.
const VERSIONS_MAX: usize = 2_000;
/// A store that others hold is not waited for, as the error is told already.
const PATIENCE: Duration = Duration::from_millis(200);

/// The names that are most like one, the most alike first.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let name = name.to_lowercase();
    let mut alike: Vec<(f64, &str)> = known
        .into_iter()
        .filter_map(|known| {
            let other = known.to_lowercase();
            let likeness = strsim::jaro_winkler(&name, &other);
            (likeness > LIKE_MIN && known != name).then_some((likeness, known))
        })
        .collect();
    alike.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    alike.truncate(NAMES_MAX);
    alike.into_iter().map(|(_, known)| known.to_owned()).collect()
}

/// What may have been meant by what an error says is not there; nothing where that can't be told.
pub fn instead_of(error: &Error, store: &Path) -> Option<String> {
    let Error::NotFound { what, name } = error else { return None };
    let found = match what {
        What::Backup => backup::list(backup::folder_of(store))
            .map(|found| found.into_iter().map(|found| found.id).collect())
            .map(|ids: Vec<String>| nearest(name, ids.iter().map(String::as_str))),
        _ => of_the_store(*what, name, store),
    };
    asked(&found.ok()?)
}

/// The stores that lie where one is not, by the files that stand beside each.
pub fn stores_beside(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix("-head")?.to_owned()))
        .filter(|name| folder.join(name).is_file())
        .collect();
    names.sort();
    names.truncate(NAMES_MAX);
    (!names.is_empty()).then(|| format!("here are: {}", plain(&names.join(", "))))
}

fn of_the_store(what: What, name: &str, store: &Path) -> Result<Vec<String>> {
    let open = || Repository::builder().busy_timeout(PATIENCE).open(store);
    let versions = |query: Query| -> Result<Vec<String>> {
        let found = open()?.find(&query.limit(VERSIONS_MAX))?;
        // Somebody who types the beginning of a version mistypes that.
        let length = name.chars().count();
        let alike = found.iter().map(|found| found.version.as_str());
        let beginnings: Vec<(String, &str)> =
            alike.map(|version| (version.chars().take(length).collect(), version)).collect();
        let near = nearest(name, beginnings.iter().map(|(beginning, _)| beginning.as_str()));
        let whole = |beginning: &String| {
            beginnings.iter().find(|(known, _)| known == beginning).map(|(_, whole)| *whole)
        };
        Ok(near.iter().filter_map(whole).map(str::to_owned).collect())
    };
    Ok(match what {
        What::Snapshot => {
            let words = nearest(name, ["latest", "oldest"]);
            if words.is_empty() { versions(Query::all())? } else { words }
        }
        What::Forgotten => versions(Query::all().forgotten())?,
        What::Tag => {
            let tags = open()?.tags()?;
            nearest(name, tags.iter().map(|(tag, _)| tag.as_str()))
        }
        What::Flag => {
            let flags = rollout::all(&open()?)?;
            nearest(name, flags.flags.keys().map(String::as_str))
        }
        What::Artifact => match name.split_once(" in snapshot ") {
            Some((name, rest)) => {
                let held = rest.split_once("which holds: ").map_or("", |(_, held)| held);
                nearest(name, held.split(", "))
            }
            None => Vec::new(),
        },
        _ => Vec::new(),
    })
}

fn asked(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("did you mean {}?", plain(&names.join(", "))))
}

/// Says which contexts there are that are like a pattern that fits none.
pub fn context(repo: &Repository, pattern: &Pattern, out: &Out) {
    let [site, module, component, _, function] = pattern.parts();
    let parts = [site, module, component, function];
    let Some(deepest) = parts.iter().rposition(|part| part.is_some()) else { return };
    let written = parts[..=deepest]
        .iter()
        .map(|part| part.as_deref().unwrap_or("*"))
        .collect::<Vec<_>>()
        .join("/");
    let Ok(places) = repo.places(&Pattern::default()) else { return };
    // Those that would fit are no mistake.
    let known: Vec<String> = places
        .iter()
        .filter(|place| usize::from(place.level) == deepest + 1)
        .map(|place| place.place.to_string())
        .collect();
    if known.contains(&written) {
        return;
    }
    if let Some(hint) = asked(&nearest(&written, known.iter().map(String::as_str))) {
        out.note(format!("  {hint}"));
    }
}

/// Says which tags there are that are like one that nothing carries.
pub fn tag(repo: &Repository, tag: &str, out: &Out) {
    let Ok(tags) = repo.tags() else { return };
    if tags.iter().any(|(known, _)| known.as_str() == tag) {
        return;
    }
    if let Some(hint) = asked(&nearest(tag, tags.iter().map(|(tag, _)| tag.as_str()))) {
        out.note(format!("  {hint}"));
    }
}
