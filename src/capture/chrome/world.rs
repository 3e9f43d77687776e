//! Scripts of our own, in a world of their own: the page's scripts neither see nor change it.

use std::time::Duration;

use serde_json::{Value, json};

use super::cdp::Cdp;
use crate::capture::Fault;
use crate::model::time::Stopwatch;

/// The name of the world in which our scripts run, out of reach of the page's.
const WORLD: &str = "tintype";
/// The most of an error's text that is kept, in characters.
const ERROR_CHARS_MAX: usize = 500;

/// Takes a member out of what the browser answered; `null` where there is none, be it that the answer
/// is no object.
pub(super) fn member(mut answer: Value, name: &str) -> Value {
    answer.get_mut(name).map(Value::take).unwrap_or_default()
}

/// What is asked for the world of ours in a frame, which is made where there is none yet; the answer
/// tells its `executionContextId`.
pub(super) fn world_of(frame: &str) -> Value {
    json!({ "frameId": frame, "worldName": WORLD })
}

/// What is asked to have a script's value as JSON; a promise is waited for.
pub(super) fn value_of(script: &str) -> Value {
    json!({ "expression": script, "awaitPromise": true, "returnByValue": true })
}

/// What a script came to, a remote object; [`Fault::Refused`] with the first line of the error where
/// it threw.
pub(super) fn answer_of(answer: Value) -> Result<Value, Fault> {
    let thrown = &answer["exceptionDetails"];
    if !thrown.is_object() {
        return Ok(member(answer, "result"));
    }
    let text = thrown["exception"]["description"].as_str().or(thrown["text"].as_str());
    let line = text.unwrap_or_default().lines().next().unwrap_or_default();
    Err(Fault::Refused(line.chars().take(ERROR_CHARS_MAX).collect()))
}

/// Runs a script in a frame and gives what the browser answers, be it that the script threw.
pub(super) fn run(
    cdp: &mut dyn Cdp,
    session: &str,
    frame: &str,
    script: &str,
    within: Duration,
) -> Result<Value, Fault> {
    let watch = Stopwatch::start();
    let world = cdp.call_in(session, "Page.createIsolatedWorld", world_of(frame), within)?;
    let mut asked = value_of(script);
    asked["contextId"] = member(world, "executionContextId");
    cdp.call_in(session, "Runtime.evaluate", asked, watch.left_of(within))
}

/// Runs a script in a frame and gives its value.
pub(super) fn evaluate(
    cdp: &mut dyn Cdp,
    session: &str,
    frame: &str,
    script: &str,
    within: Duration,
) -> Result<Value, Fault> {
    Ok(member(answer_of(run(cdp, session, frame, script, within)?)?, "value"))
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
