//! What to type to get on.

use maud::{Markup, html};

use super::history::History;
use super::parts::command;
use super::subject::Subject;

/// The section's body.
pub(super) fn body(subject: &Subject<'_>, history: &History) -> Markup {
    let snapshot = subject.snapshot();
    let version = snapshot.version.as_str();
    let folder = format!("{version}/");
    let place = crate::model::context::Pattern::place_of(&snapshot.context).to_string();
    let mut known = vec![
        ("Everything known", command(&["tintype", "show", version])),
        ("All artifacts", command(&["tintype", "get", version, "-o", &folder])),
        ("This place", command(&["tintype", "list", "--context", &place])),
    ];
    if let Some(good) = history.last_good() {
        known.push((
            "Against the last good",
            command(&["tintype", "diff", good.version.as_str(), version]),
        ));
    }
    if let Some(before) = history.before().filter(|it| Some(*it) != history.last_good()) {
        known.push((
            "Against the one before",
            command(&["tintype", "diff", before.version.as_str(), version]),
        ));
    }
    known.push(("Keep it", command(&["tintype", "pin", version])));
    html! {
        dl.facts.wide {
            @for (name, command) in known { div { dt { (name) } dd { (command) } } }
        }
        p.soft { "Where the store is not tintype.db in the current folder, add --store PATH." }
    }
}
