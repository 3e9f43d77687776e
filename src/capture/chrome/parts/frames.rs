//! The frames of a page, of its own process and of others, and their HTML.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::html;
use super::subject::{Frame, Subject, told};
use crate::capture::chrome::cdp::PAGE;
use crate::capture::{Fault, Item, Taken};
use crate::model::config::PagePart;

/// The most frames that are looked at.
pub(super) const FRAMES_MAX: usize = 100;
/// How often frames are asked for that move while they are asked.
const TRIES: usize = 3;
/// The most bytes of all frames' HTML together.
const FRAMES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Puts the elements that are its arguments into the order in which they stand in the document,
/// through shadow roots, and gives their places.
const ORDER: &str = include_str!("order.js");

/// In which order frames are listed. Each comes after the one that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they stand in the document. It takes two calls for each frame to tell.
    OfDocument,
    /// As they come.
    Any,
}

/// The page itself.
pub(super) fn root(page: &mut Subject<'_>) -> Result<Frame, Fault> {
    found_in_page(page).map(|(_, root)| root)
}

fn found_in_page(page: &mut Subject<'_>) -> Result<(Found, Frame), Fault> {
    let mut found = Found::default();
    let tree = page.call(PAGE, "Page.getFrameTree", json!({}))?;
    found.add(PAGE, &tree["frameTree"], None);
    match found.frames.first().cloned() {
        Some(root) => Ok((found, root)),
        None => Err(Fault::Unfit("a page without a frame".to_owned())),
    }
}

/// Lists the page's frames, the page itself first, up to a limit.
///
/// A frame that does not answer, or whose process has crashed, is in the list and says so.
pub(super) fn list(
    page: &mut Subject<'_>,
    order: Order,
    limit: usize,
) -> Result<Vec<Frame>, Fault> {
    let (mut found, Frame { id: root, .. }) = found_in_page(page)?;
    for session in page.sessions.frames() {
        let answer = match session.crashed {
            true => Err(Fault::Crashed),
            false => page.call_frame(&session.id, "Page.getFrameTree", json!({})),
        };
        let parent = session.parent_frame.clone().unwrap_or_else(|| root.clone());
        match answer {
            Ok(tree) => found.add(&session.id, &tree["frameTree"], Some(&parent)),
            Err(Fault::Gone(why)) => return Err(Fault::Gone(why)),
            // It went in the meantime.
            Err(Fault::Refused(_)) => {}
            Err(fault) => found.enter(
                Frame {
                    id: session.target,
                    session: session.id,
                    parent: None,
                    url: String::new(),
                    name: String::new(),
                    fault: Some(fault),
                },
                Some(&parent),
            ),
        }
    }
    let mut frames = Vec::new();
    // What is still to be entered, the last first.
    let mut ahead = vec![(root, None)];
    while let Some((id, parent)) = ahead.pop() {
        if frames.len() >= limit {
            break;
        }
        let Some(mut frame) = found.take(&id) else { continue };
        frame.parent = parent;
        let here = frames.len();
        let children = found.children.remove(&id).unwrap_or_default();
        let children = match order {
            Order::OfDocument => in_order(page, &frame, children),
            Order::Any => children,
        };
        ahead.extend(children.into_iter().rev().map(|child| (child, Some(here))));
        frames.push(frame);
    }
    if order == Order::OfDocument || page.seen.0.is_empty() {
        let before = std::mem::replace(&mut page.seen.0, frames.clone());
        // What could not be had of one for another part is told all the same.
        for frame in page.seen.0.iter_mut().filter(|frame| frame.fault.is_none()) {
            let known = before.iter().find(|known| known.id == frame.id);
            frame.fault = known.and_then(|known| known.fault.clone());
        }
        page.seen.0.extend(before.into_iter().skip(frames.len()));
    }
    Ok(frames)
}

/// What the sessions told of their frames.
#[derive(Default)]
struct Found {
    frames: Vec<Frame>,
    children: HashMap<String, Vec<String>>,
}

impl Found {
    fn add(&mut self, session: &str, tree: &Value, parent: Option<&str>) {
        let frame = &tree["frame"];
        let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        let fragment = text("urlFragment");
        self.enter(
            Frame {
                id: id.clone(),
                session: session.to_owned(),
                parent: None,
                url: text("url") + &fragment,
                name: text("name"),
                fault: None,
            },
            parent,
        );
        for child in tree["childFrames"].as_array().into_iter().flatten() {
            self.add(session, child, Some(&id));
        }
    }

    fn enter(&mut self, frame: Frame, parent: Option<&str>) {
        // A frame that has just moved to another process is told of by both.
        if self.frames.iter().any(|known| known.id == frame.id) {
            return;
        }
        if let Some(parent) = parent {
            self.children.entry(parent.to_owned()).or_default().push(frame.id.clone());
        }
        self.frames.push(frame);
    }

    fn take(&mut self, id: &str) -> Option<Frame> {
        let at = self.frames.iter().position(|frame| frame.id == id)?;
        Some(self.frames.swap_remove(at))
    }
}

/// Puts frames into the order in which their elements stand in the document. Where that can't be
/// told they stay in the order in which they came.
fn in_order(page: &mut Subject<'_>, parent: &Frame, frames: Vec<String>) -> Vec<String> {
    if frames.len() < 2 || parent.fault.is_some() || frames.len() > FRAMES_MAX {
        return frames;
    }
    let ordered = (|| {
        let world = page.world(parent)?;
        let mut owners = Vec::new();
        for frame in &frames {
            let node = owner(page, parent, frame)?;
            let asked = json!({ "backendNodeId": node, "executionContextId": world });
            let resolved = page.call(&parent.session, "DOM.resolveNode", asked)?;
            owners.push(json!({ "objectId": resolved["object"]["objectId"] }));
        }
        let asked = json!({
            "functionDeclaration": ORDER,
            "executionContextId": world,
            "arguments": owners,
            "returnByValue": true,
        });
        page.call(&parent.session, "Runtime.callFunctionOn", asked)
    })();
    let Ok(answer) = ordered else { return frames };
    let places = answer["result"]["value"].as_array().into_iter().flatten();
    let places: Vec<usize> =
        places.filter_map(|place| usize::try_from(place.as_u64()?).ok()).collect();
    let mut wanted: Vec<usize> = places.clone();
    wanted.sort_unstable();
    match wanted.into_iter().eq(0..frames.len()) {
        true => places.into_iter().map(|place| frames[place].clone()).collect(),
        false => frames,
    }
}

/// The `backendNodeId` of the element that a frame stands in.
pub(super) fn owner(page: &mut Subject<'_>, parent: &Frame, id: &str) -> Result<u64, Fault> {
    let answer = page.call(&parent.session, "DOM.getFrameOwner", json!({ "frameId": id }))?;
    let node = answer["backendNodeId"].as_u64();
    node.ok_or_else(|| Fault::Unfit("a frame without an element".to_owned()))
}

/// Takes the HTML of all frames.
pub(super) fn take(page: &mut Subject<'_>) -> Result<Taken, Fault> {
    let mut tries = 0;
    loop {
        tries += 1;
        // One more than is taken, so that it is seen where there are more.
        let mut frames = list(page, Order::OfDocument, FRAMES_MAX + 2)?;
        if frames.len() == 1 {
            return Ok(Taken::Nothing("the page has no frames".to_owned()));
        }
        let items = documents(page, &mut frames)?;
        // Some go to another process in between, or for good.
        let moved = frames.iter().any(|frame| matches!(frame.fault, Some(Fault::Refused(_))));
        if moved && tries < TRIES {
            continue;
        }
        let why = frames.iter().find_map(|frame| frame.fault.as_ref()).map(told);
        page.seen.0 = frames;
        return match why {
            Some(why) if items.is_empty() => {
                Err(Fault::Refused(format!("no frame could be had: {why}")))
            }
            _ => Ok(Taken::Several(items)),
        };
    }
}

/// The HTML of these frames, as far as it can be had; where it can't, the frame says so.
fn documents(page: &mut Subject<'_>, frames: &mut [Frame]) -> Result<Vec<Item>, Fault> {
    let (mut items, mut bytes) = (Vec::new(), 0);
    for (at, frame) in frames.iter_mut().enumerate().skip(1) {
        let html = match &frame.fault {
            Some(fault) => Err(fault.clone()),
            None if at > FRAMES_MAX => {
                let (what, limit) = ("the number of frames", FRAMES_MAX as u64);
                Err(Fault::TooLarge { what, size: at as u64, limit })
            }
            None => document(page, frame),
        };
        let html = html.and_then(|html| match bytes + html.len() > FRAMES_BYTES_MAX {
            true => Err(Fault::TooLarge {
                what: "the frames' HTML in bytes",
                size: (bytes + html.len()) as u64,
                limit: FRAMES_BYTES_MAX as u64,
            }),
            false => Ok(html),
        });
        match html {
            Ok(html) => {
                bytes += html.len();
                items.push(Item {
                    name: format!("frame-{at}.html"),
                    media_type: PagePart::Frames.media_type().to_owned(),
                    content: html.into_bytes(),
                    detail: serde_json::to_value(frame.facts()).unwrap_or_default(),
                });
            }
            Err(fault @ Fault::Gone(_)) => return Err(fault),
            Err(fault) => {
                log::debug!("capture: frame {at}: {fault}");
                frame.fault = Some(fault);
            }
        }
    }
    Ok(items)
}

/// The document of a frame as it stands.
fn document(page: &mut Subject<'_>, frame: &Frame) -> Result<String, Fault> {
    let object = page.object(frame, "document")?.ok_or(Fault::Empty)?;
    html::outer(page, &frame.session, json!({ "objectId": object }))
}
