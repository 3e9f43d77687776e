//! The document as it stands.

use serde_json::{Value, json};

use super::subject::Subject;
use crate::capture::chrome::cdp::PAGE;
use crate::capture::chrome::world::member;
use crate::capture::{Fault, Taken};

/// Takes the document as it stands: doctype, and shadow roots, open and closed, as declarative
/// `<template shadowrootmode>`.
///
/// It is asked for over the DOM domain and not by a script, so that the page can't answer with
/// something else.
pub(super) fn take(page: &mut Subject<'_>) -> Result<Taken, Fault> {
    let document = page.call(PAGE, "DOM.getDocument", json!({ "depth": 0 }))?;
    let node = json!({ "nodeId": document["root"]["nodeId"] });
    let html = outer(page, PAGE, node);
    // From here on the page's changes are of no interest; each would be an event.
    page.cdp.send(PAGE, "DOM.disable", json!({}))?;
    Ok(Taken::Content(html?.into_bytes()))
}

/// Asks for the HTML of a node, which is named by one of its ids, with shadow roots.
pub(super) fn outer(
    page: &mut Subject<'_>,
    session: &str,
    mut node: Value,
) -> Result<String, Fault> {
    node["includeShadowDOM"] = true.into();
    match member(page.call(session, "DOM.getOuterHTML", node)?, "outerHTML") {
        Value::String(html) if !html.is_empty() => Ok(html),
        _ => Err(Fault::Empty),
    }
}
