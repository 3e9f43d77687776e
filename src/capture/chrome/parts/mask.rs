//! What is painted over while a picture is taken: fields of passwords and cards, and whatever the
//! configuration names, in all frames and shadow roots.
//!
//! The paint is put into the page and not into the picture: only the page knows where a thing
//! stands at the moment of the picture, since a picture of a page that is taller than the window
//! has it laid out anew. It is a style sheet in each document or shadow root that has something to
//! hide (`adoptedStyleSheets`), made in a world of ours. No mutation is fired and nothing moves;
//! a page could see it only by looking at that list in this tenth of a second. Overlay boxes would
//! be mutations, and would stay behind when the layout moves.
//!
//! **Invariant:** a picture is given out only where everything that is to be hidden was painted
//! over before it and still after it, and no new such thing had come.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Value, json};

use super::frames::{self, Order};
use super::subject::{Frame, Subject, told};
use crate::capture::chrome::world::answer_of;
use crate::capture::redact::SECRET_FIELDS;
use crate::capture::taken::guarded;
use crate::capture::{Fault, Taken};
use crate::model::config::CaptureConfig;

/// Paints, or takes the paint off.
const MASK: &str = include_str!("mask.js");
/// The most frames of a page of which pictures are given out. Each takes some milliseconds.
const MASKED_FRAMES_MAX: usize = 400;
/// What is kept of the time for a picture, to take the paint off again.
const CLEAR_RESERVE: Duration = Duration::from_millis(300);
/// How often a picture is taken of a page that changes while it is taken.
const TRIES: usize = 3;
/// Matches every element there is. A page that has this text in it is asked the long way.
const EVERY_ELEMENT: &str = ":not(tintype-nothing)";
/// The most elements whose values are left out of the tree, for each frame; beyond it all are.
const HIDDEN_NODES_MAX: usize = 300;

/// The CSS selectors of what is painted over.
pub(super) fn selectors(config: &CaptureConfig) -> Vec<&str> {
    let fields = config.redact.then_some(SECRET_FIELDS);
    fields.into_iter().chain(config.mask.iter().map(String::as_str)).collect()
}

/// The closed shadow roots of each frame, by the frame's id and their `backendNodeId`s, as objects in the
/// world of ours.
pub(super) type Roots = HashMap<String, BTreeMap<u64, String>>;

/// What painting came to.
#[derive(Default)]
struct Paint {
    /// What has a selector, and is painted.
    count: u64,
    /// What has one, and is not.
    bare: u64,
    closed: Roots,
}

/// Takes a picture with everything painted over that is to be hidden.
pub(super) fn masked(
    page: &mut Subject<'_>,
    config: &CaptureConfig,
    mut shoot: impl FnMut(&mut Subject<'_>) -> Result<Taken, Fault>,
) -> Result<Taken, Fault> {
    let selectors = selectors(config);
    if selectors.is_empty() {
        return shoot(page);
    }
    let mut why = "the page did not stand still while it was masked".to_owned();
    for _ in 0..TRIES {
        let before = everywhere(page, &selectors, None);
        let taken = match &before {
            Ok(paint) if paint.bare == 0 => {
                let within = page.within;
                page.within = within.saturating_sub(CLEAR_RESERVE.min(page.left() / 5));
                // In any case the paint goes.
                let taken = guarded(|| shoot(page));
                let taken = taken.unwrap_or(Err(Fault::Panicked));
                page.within = within;
                Some(taken)
            }
            _ => None,
        };
        // In any case, so that no paint is left.
        let nothing = Paint::default();
        let after = everywhere(page, &selectors, Some(before.as_ref().unwrap_or(&nothing)));
        match (before, taken, after) {
            (Ok(_), Some(taken), Ok(after)) if after.bare == 0 => return taken,
            (Ok(_), Some(Err(fault)), _) => return Err(fault),
            (Err(fault @ (Fault::Crashed | Fault::Gone(_) | Fault::TimedOut { .. })), ..)
            | (_, _, Err(fault @ (Fault::Crashed | Fault::Gone(_)))) => return Err(fault),
            (Err(fault), ..) | (.., Err(fault)) => why = fault.to_string(),
            (Ok(before), None, _) if before.bare > 0 => {
                why = format!("{} of {} can't be painted over", before.bare, before.count);
            }
            _ => {}
        }
    }
    Ok(Taken::Withheld(format!("what is secret in it could not be painted over: {why}")))
}

/// Paints in all frames; or takes the paint off in all, and in these closed shadow roots.
fn everywhere(
    page: &mut Subject<'_>,
    selectors: &[&str],
    clear: Option<&Paint>,
) -> Result<Paint, Fault> {
    let frames = frames::list(page, Order::Any, MASKED_FRAMES_MAX + 1)?;
    if frames.len() > MASKED_FRAMES_MAX {
        let (size, limit) = (frames.len() as u64, MASKED_FRAMES_MAX as u64);
        return Err(Fault::TooLarge { what: "the number of frames", size, limit });
    }
    let verb = if clear.is_some() { "clear" } else { "paint" };
    let arguments = format!("{}, {}", json!(selectors), json!(verb));
    let mut tally = Tally::default();
    let mut reached = Reached::new();
    let mut failed = None;
    for frame in &frames {
        match &frame.fault {
            None => {}
            // It paints nothing either.
            Some(Fault::Crashed) => continue,
            Some(fault) => {
                failed.get_or_insert(Fault::Unfit(format!("a frame: {}", told(fault))));
                continue;
            }
        }
        match page.run(frame, &format!("({MASK})(document, {arguments})")) {
            Ok(answer) => {
                tally.add(&answer);
                reached.extend(answer["elements"].as_u64().map(|all| (frame.id.clone(), all)));
            }
            Err(fault) => {
                failed.get_or_insert(fault);
            }
        }
    }
    // Also when the paint goes: one may have come while the picture was taken.
    let mut closed = closed_roots(page, &frames, &reached).unwrap_or_else(|fault| {
        failed.get_or_insert(fault);
        Roots::new()
    });
    for (frame, roots) in clear.into_iter().flat_map(|clear| &clear.closed) {
        closed.entry(frame.clone()).or_default().extend(roots.clone());
    }
    let function = format!("function () {{ return ({MASK})(this, {arguments}) }}");
    for frame in &frames {
        for root in closed.get(&frame.id).into_iter().flat_map(BTreeMap::values) {
            match page.call_on(&frame.session, root, &function) {
                Ok(answer) => tally.add(&answer),
                Err(fault) => {
                    failed.get_or_insert(fault);
                }
            }
        }
    }
    let others = frames.len() as u64 - 1;
    if tally.frames > others {
        let why = format!("{} frames are in it, and only {others} can be reached", tally.frames);
        failed.get_or_insert(Fault::Unfit(why));
    }
    match failed {
        Some(fault) => Err(fault),
        None => Ok(Paint { count: tally.count, bare: tally.bare, closed }),
    }
}

/// What scripts saw.
#[derive(Default)]
struct Tally {
    /// How many there are that have a selector.
    count: u64,
    /// How many of them are not painted.
    bare: u64,
    /// How many frames stand among them.
    frames: u64,
}

impl Tally {
    fn add(&mut self, answer: &Value) {
        let told = |name: &str, untold: u64| answer[name].as_u64().unwrap_or(untold);
        // What says nothing is not painted.
        self.count = self.count.saturating_add(told("count", 1));
        self.bare = self.bare.saturating_add(told("bare", 1));
        self.frames = self.frames.saturating_add(told("frames", 0));
    }
}

/// How many elements scripts reach in frames, by the frame's id, where that is known.
type Reached = HashMap<String, u64>;

/// Finds the closed shadow roots of frames, as objects in the worlds of ours: no script can.
fn closed_roots(
    page: &mut Subject<'_>,
    frames: &[Frame],
    reached: &Reached,
) -> Result<Roots, Fault> {
    let sessions: BTreeSet<&str> = frames.iter().map(|frame| frame.session.as_str()).collect();
    let mut roots = Roots::new();
    for session in sessions {
        roots.extend(closed_roots_of(page, session, frames, reached)?);
    }
    Ok(roots)
}

/// Finds the closed shadow roots of those frames that are of a session.
pub(super) fn closed_roots_of(
    page: &mut Subject<'_>,
    session: &str,
    frames: &[Frame],
    reached: &Reached,
) -> Result<Roots, Fault> {
    let mut roots = Roots::new();
    let all: Vec<&Frame> = frames.iter().filter(|frame| frame.session == session).collect();
    let awake: Vec<&Frame> = all.iter().copied().filter(|frame| frame.fault.is_none()).collect();
    if awake.is_empty()
        || awake.len() == all.len() && !has_closed_roots(page, session, &awake, reached)?
    {
        return Ok(roots);
    }
    // A flat list of all nodes of the session's documents; the tree could be nested too deep.
    let asked = json!({ "computedStyles": [] });
    let snapshot = page.call(session, "DOMSnapshot.captureSnapshot", asked)?;
    for frame in awake {
        for node in in_closed_roots(&snapshot, &frame.id) {
            let node = resolved(page, frame, node)?;
            let asked = json!({
                "objectId": node,
                "functionDeclaration": "function () { return this.getRootNode() }",
            });
            let answer = page.call(session, "Runtime.callFunctionOn", asked)?;
            let root = answer["result"]["objectId"].as_str().unwrap_or_default().to_owned();
            let asked = json!({ "objectId": root, "depth": -1, "pierce": true });
            let described = page.call(session, "DOM.describeNode", asked)?;
            let mut inner = Vec::new();
            closed_within(&described["node"], &mut inner);
            let found = roots.entry(frame.id.clone()).or_default();
            found.insert(described["node"]["backendNodeId"].as_u64().unwrap_or(0), root);
            for node in inner {
                found.insert(node, resolved(page, frame, node)?);
            }
        }
    }
    Ok(roots)
}

fn resolved(page: &mut Subject<'_>, frame: &Frame, node: u64) -> Result<String, Fault> {
    let world = page.world(frame)?;
    let asked = json!({ "backendNodeId": node, "executionContextId": world });
    let answer = page.call(&frame.session, "DOM.resolveNode", asked)?;
    let object = answer["object"]["objectId"].as_str();
    object.map(str::to_owned).ok_or_else(|| Fault::Unfit("a node that is gone".to_owned()))
}

/// Whether there are elements in closed shadow roots of all the documents of a session: the browser's
/// own search finds them, and scripts don't. Both count in a fraction of the time that a list of the
/// nodes takes.
fn has_closed_roots(
    page: &mut Subject<'_>,
    session: &str,
    frames: &[&Frame],
    reached: &Reached,
) -> Result<bool, Fault> {
    if !page.searches {
        return Ok(true);
    }
    let mut all = 0_u64;
    for frame in frames {
        if let Some(elements) = reached.get(&frame.id) {
            all = all.saturating_add(*elements);
            continue;
        }
        match page.run(frame, &format!("({MASK})(document, [], \"count\")")) {
            Ok(count) => all = all.saturating_add(count.as_u64().unwrap_or(0)),
            // Of a frame that no script runs in nothing is known.
            Err(Fault::Refused(_)) => return Ok(true),
            Err(fault) => return Err(fault),
        }
    }
    page.cdp.send(session, "DOM.enable", json!({}))?;
    let found = page.call(session, "DOM.performSearch", json!({ "query": EVERY_ELEMENT }));
    let found = match found {
        Err(Fault::Refused(_)) => return Ok(true),
        found => found?,
    };
    let search = json!({ "searchId": found["searchId"] });
    page.cdp.send(session, "DOM.discardSearchResults", search)?;
    // From here on no change of the page is an event.
    page.cdp.send(session, "DOM.disable", json!({}))?;
    Ok(found["resultCount"] != all)
}

/// A node of each outermost closed shadow root of a frame, in what `DOMSnapshot` answered: it tells
/// of each node in which kind of root it is, and not of the roots.
fn in_closed_roots(snapshot: &Value, frame: &str) -> Vec<u64> {
    let place = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let word = |index: &Value| snapshot["strings"].get(place(index)?)?.as_str();
    let mut documents = snapshot["documents"].as_array().into_iter().flatten();
    let Some(document) = documents.find(|one| word(&one["frameId"]) == Some(frame)) else {
        return Vec::new();
    };
    let nodes = &document["nodes"];
    let kinds = nodes["shadowRootType"]["value"].as_array().into_iter().flatten();
    let places = nodes["shadowRootType"]["index"].as_array().into_iter().flatten();
    let closed: BTreeSet<usize> = places
        .zip(kinds)
        .filter(|(_, kind)| word(kind) == Some("closed"))
        .filter_map(|(at, _)| place(at))
        .collect();
    let mut hosts = BTreeSet::new();
    let mut found = Vec::new();
    for at in &closed {
        let host = nodes["parentIndex"].get(*at).and_then(place);
        if let Some(host) = host
            && !closed.contains(&host)
            && hosts.insert(host)
        {
            found.extend(nodes["backendNodeId"].get(*at).and_then(Value::as_u64));
        }
    }
    found
}

/// The closed shadow roots within a node, as `DOM.describeNode` tells of them.
fn closed_within(node: &Value, found: &mut Vec<u64>) {
    for root in node["shadowRoots"].as_array().into_iter().flatten() {
        if root["shadowRootType"] == "closed" {
            found.extend(root["backendNodeId"].as_u64());
        }
        closed_within(root, found);
    }
    for child in node["children"].as_array().into_iter().flatten() {
        closed_within(child, found);
    }
}

/// What of a frame is not to be shown in its tree.
pub(super) enum Hidden {
    /// The `backendNodeId`s of elements.
    Nodes(Vec<u64>),
    /// More than can be told one by one.
    All,
}

/// Finds what is not to be shown of a frame.
pub(super) fn hidden(
    page: &mut Subject<'_>,
    frame: &Frame,
    selectors: &[&str],
    closed: &Roots,
) -> Result<Hidden, Fault> {
    if selectors.is_empty() {
        return Ok(Hidden::Nodes(Vec::new()));
    }
    let arguments = format!("{}, \"find\"", json!(selectors));
    let mut lists = Vec::new();
    lists.extend(page.object(frame, &format!("({MASK})(document, {arguments})"))?);
    for root in closed.get(&frame.id).into_iter().flat_map(BTreeMap::values) {
        let asked = json!({
            "objectId": root,
            "functionDeclaration": format!("function () {{ return ({MASK})(this, {arguments}) }}"),
        });
        let list = answer_of(page.call(&frame.session, "Runtime.callFunctionOn", asked)?)?;
        lists.extend(list["objectId"].as_str().map(str::to_owned));
    }
    let mut nodes = Vec::new();
    for list in lists {
        let asked = json!({ "objectId": list, "ownProperties": true });
        let properties = page.call(&frame.session, "Runtime.getProperties", asked)?;
        for property in properties["result"].as_array().into_iter().flatten() {
            let Some(element) = property["value"]["objectId"].as_str() else { continue };
            if property["value"]["subtype"] != "node" {
                continue;
            }
            if nodes.len() == HIDDEN_NODES_MAX {
                return Ok(Hidden::All);
            }
            let asked = json!({ "objectId": element, "depth": 0 });
            let described = page.call(&frame.session, "DOM.describeNode", asked)?;
            nodes.extend(described["node"]["backendNodeId"].as_u64());
        }
    }
    Ok(Hidden::Nodes(nodes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_closed_root_one_node_is_found_and_nothing_in_what_is_no_snapshot() {
        // As Chromium 156 tells of <div><i>light</i></div> with a closed root of
        // <b></b><slot></slot><p></p>, where the <p> has one too.
        let snapshot = json!({
            "strings": ["F1", "open", "closed", "F2"],
            "documents": [
                { "frameId": 3, "nodes": {
                    "shadowRootType": { "index": [1], "value": [1] },
                    "parentIndex": [-1, 0],
                    "backendNodeId": [20, 21],
                } },
                { "frameId": 0, "nodes": {
                    "shadowRootType": { "index": [2, 3, 4, 5, 6, 99], "value": [2, 2, 2, 2, 2, 2] },
                    "parentIndex": [-1, 0, 1, 1, 3, 1, 5],
                    "backendNodeId": [10, 11, 12, 13, 14, 15, 16],
                } },
            ],
        });
        assert_eq!(in_closed_roots(&snapshot, "F1"), [12]);
        assert!(in_closed_roots(&snapshot, "F2").is_empty());
        assert!(in_closed_roots(&snapshot, "F3").is_empty());
        assert!(in_closed_roots(&json!({ "documents": 7 }), "F1").is_empty());
        let root = json!({ "children": [{ "shadowRoots": [
            { "shadowRootType": "open", "backendNodeId": 1, "children": [
                { "shadowRoots": [{ "shadowRootType": "closed", "backendNodeId": 2 }] },
            ] },
        ] }] });
        let mut found = Vec::new();
        closed_within(&root, &mut found);
        assert_eq!(found, [2]);
    }
}
