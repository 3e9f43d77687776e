//! The accessibility tree of the page, with its frames.

use std::collections::HashMap;

use serde_json::json;

use super::frames::{self, FRAMES_MAX, Order};
use super::mask::{self, Hidden, Roots};
use super::subject::Subject;
use crate::capture::{Fault, Item, Taken};
use crate::format::aria::{self, AxDocument};
use crate::model::config::{CaptureConfig, PagePart};

/// Takes the tree of the page and of its frames; values of fields that are masked in pictures are
/// masked here.
pub(super) fn take(page: &mut Subject<'_>, config: &CaptureConfig) -> Result<Taken, Fault> {
    let selectors = mask::selectors(config);
    let frames = frames::list(page, Order::OfDocument, FRAMES_MAX)?;
    let mut closed: HashMap<&str, Result<Roots, Fault>> = HashMap::new();
    let mut documents: Vec<AxDocument> = Vec::new();
    // The place of each frame among the documents; not every frame has a tree.
    let mut places: Vec<Option<usize>> = vec![None; frames.len()];
    for (at, frame) in frames.iter().enumerate() {
        if frame.fault.is_some() {
            continue;
        }
        let tree = page
            .call(&frame.session, "Accessibility.getFullAXTree", json!({ "frameId": frame.id }))
            .and_then(|tree| {
                let closed = closed.entry(&frame.session).or_insert_with(|| {
                    if selectors.is_empty() {
                        return Ok(Roots::new());
                    }
                    mask::closed_roots_of(page, &frame.session, &frames, &HashMap::new())
                });
                let closed = closed.as_ref().map_err(Fault::clone)?;
                Ok((tree, mask::hidden(page, frame, &selectors, closed)?))
            });
        let (tree, hidden) = match tree {
            Ok(got) => got,
            Err(fault @ Fault::Gone(_)) => return Err(fault),
            Err(fault) if at == 0 => return Err(fault),
            Err(fault) => {
                log::debug!("capture: the tree of frame {at}: {fault}");
                continue;
            }
        };
        let mut document = AxDocument { tree, url: frame.url.clone(), ..AxDocument::default() };
        match hidden {
            Hidden::Nodes(nodes) => document.masked.extend(nodes),
            Hidden::All => document.all_masked = true,
        }
        if let Some(parent) = frame.parent
            && let Some(place) = places[parent]
        {
            let owner = frames::owner(page, &frames[parent], &frame.id);
            let here = documents.len();
            if let Ok(owner) = owner {
                documents[place].frames.insert(owner, here);
            }
        }
        places[at] = Some(documents.len());
        documents.push(document);
    }
    let snapshot = aria::snapshot(&documents);
    if snapshot.yaml.is_empty() {
        return Ok(Taken::Nothing("the page has nothing to tell to a reader".to_owned()));
    }
    Ok(Taken::Several(vec![Item {
        name: PagePart::Aria.artifact_name().to_owned(),
        media_type: PagePart::Aria.media_type().to_owned(),
        content: snapshot.yaml.into_bytes(),
        detail: match snapshot.truncated {
            true => json!({ "truncated": true }),
            false => serde_json::Value::Null,
        },
    }]))
}
