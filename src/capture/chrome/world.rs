//! Scripts of our own, in a world of their own: the page's scripts neither see nor change it.

use std::time::Duration;

use serde_json::{Value, json};

use super::cdp::Cdp;
use crate::capture::Fault;
use crate::model::time::Stopwatch;

/// The name of the world in which our scripts run, out of reach of the page's.
pub(super) const WORLD: &str = "tintype";

/// Evaluates an expression in a frame, waits for what it promises, and gives its value as JSON.
pub(super) fn evaluate(
    cdp: &mut dyn Cdp,
    session: &str,
    frame: &str,
    expression: &str,
    within: Duration,
) -> Result<Value, Fault> {
    let watch = Stopwatch::start();
    let asked = json!({ "frameId": frame, "worldName": WORLD });
    let world = cdp.call_in(session, "Page.createIsolatedWorld", asked, within)?;
    let asked = json!({
        "expression": expression,
        "contextId": world["executionContextId"],
        "awaitPromise": true,
        "returnByValue": true,
    });
    let mut answer = cdp.call_in(session, "Runtime.evaluate", asked, watch.left_of(within))?;
    if answer["exceptionDetails"].is_object() {
        let text = answer["exceptionDetails"]["exception"]["description"].as_str();
        return Err(Fault::Unfit(format!("an exception: {}", text.unwrap_or("?"))));
    }
    Ok(answer["result"]["value"].take())
}

/// The frames of a tree of frames, each before those within it.
pub(super) fn frames(tree: &Value) -> Vec<&Value> {
    let mut frames = vec![tree];
    let mut at = 0;
    while let Some(frame) = frames.get(at).copied() {
        frames.extend(frame["childFrames"].as_array().into_iter().flatten());
        at += 1;
    }
    frames
}
