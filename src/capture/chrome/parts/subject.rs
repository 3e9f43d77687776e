//! What the parts of a page are asked for with: the connection, the time that is left, and scripts
//! in a world of our own.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::capture::chrome::cdp::{Cdp, PAGE};
use crate::capture::chrome::sessions::Sessions;
use crate::capture::chrome::world::{answer_of, member, value_of, world_of};
use crate::capture::{Fault, FrameFacts, Viewport};
use crate::model::time::Stopwatch;

/// A frame in a process of its own that does not answer for so long is taken to hang in a script.
pub(super) const FRAME_HANGS_AFTER: Duration = Duration::from_millis(700);
/// The longest that it is waited for a frame whose scripts were stopped.
const FRAME_RESCUE_MAX: Duration = Duration::from_millis(300);
/// A frame that does not answer is given so many times what the page itself takes to answer: a machine
/// with more to do than it can looks like a frame that hangs.
const FRAME_TO_PAGE: u32 = 40;

/// A document of the page.
#[derive(Debug, Clone)]
pub(in crate::capture::chrome) struct Frame {
    pub id: String,
    /// The session in which it is asked.
    pub session: String,
    /// The place of the frame that it stands in; none for the page itself.
    pub parent: Option<usize>,
    pub url: String,
    pub name: String,
    /// Why nothing can be had of it, where nothing can.
    pub fault: Option<Fault>,
}

/// The frames as they were seen last.
#[derive(Default)]
pub(in crate::capture::chrome) struct Seen(pub(super) Vec<Frame>);

impl Seen {
    /// What is told of them.
    pub fn facts(&self) -> Vec<FrameFacts> {
        self.0.iter().map(Frame::facts).collect()
    }
}

impl Frame {
    pub fn facts(&self) -> FrameFacts {
        FrameFacts {
            url: self.url.clone(),
            name: Some(self.name.clone()).filter(|name| !name.is_empty()),
            parent: self.parent.unwrap_or(0),
            same_process: self.session == PAGE,
            missing: self.fault.as_ref().map(told),
        }
    }
}

/// Why nothing could be had of a frame, in words.
pub(super) fn told(fault: &Fault) -> String {
    match fault {
        Fault::Crashed => "its process crashed".to_owned(),
        fault => fault.to_string(),
    }
}

/// A page of which a part is taken, within a deadline.
pub(in crate::capture::chrome) struct Subject<'a> {
    pub cdp: &'a mut dyn Cdp,
    pub sessions: &'a Sessions,
    pub viewport: Viewport,
    /// Whether the browser's own search is asked for closed shadow roots.
    pub searches: bool,
    /// Where it is told what was done to get at what did not answer.
    pub rescues: &'a mut Vec<String>,
    /// Where the frames are kept, as they were seen last.
    pub seen: &'a mut Seen,
    /// The worlds of ours, by the frame's id.
    pub worlds: HashMap<String, Value>,
    pub watch: Stopwatch,
    pub within: Duration,
}

impl Subject<'_> {
    /// How much time is left.
    pub fn left(&self) -> Duration {
        self.watch.left_of(self.within)
    }

    /// Calls a method in a session, within what is left; of that, a frame in a process of its own
    /// has half.
    pub fn call(&mut self, session: &str, method: &str, params: Value) -> Result<Value, Fault> {
        let within = match session {
            PAGE => self.left(),
            _ => self.left() / 2,
        };
        self.call_within(session, method, params, within)
    }

    /// Calls a method in a session, within a time of its own where that is shorter.
    pub fn call_within(
        &mut self,
        session: &str,
        method: &str,
        params: Value,
        within: Duration,
    ) -> Result<Value, Fault> {
        let within = within.min(self.left());
        let answer = self.cdp.call_in(session, method, params, within);
        if matches!(answer, Err(Fault::TimedOut { .. })) {
            log::debug!("capture: {method} timed out after {} ms", within.as_millis());
        }
        answer
    }

    /// Runs a script in a frame and gives what it comes to, which is JSON; a promise is waited for.
    pub fn run(&mut self, frame: &Frame, script: &str) -> Result<Value, Fault> {
        Ok(member(self.evaluate(frame, value_of(script))?, "value"))
    }

    /// Runs a script in a frame and gives the id of the object that it comes to; none where that is
    /// null.
    pub fn object(&mut self, frame: &Frame, script: &str) -> Result<Option<String>, Fault> {
        let object = self.evaluate(frame, json!({ "expression": script }))?;
        Ok(object["objectId"].as_str().map(str::to_owned))
    }

    fn evaluate(&mut self, frame: &Frame, mut asked: Value) -> Result<Value, Fault> {
        let was_there = self.worlds.contains_key(&frame.id);
        asked["contextId"] = self.world(frame)?;
        match self.call(&frame.session, "Runtime.evaluate", asked.clone()) {
            // The frame has gone to another page in the meantime, and the world with it.
            Err(Fault::Refused(_)) if was_there => {
                self.worlds.remove(&frame.id);
                asked["contextId"] = self.world(frame)?;
                answer_of(self.call(&frame.session, "Runtime.evaluate", asked)?)
            }
            answer => answer_of(answer?),
        }
    }

    /// Calls a function on an object: `function` is its declaration, and what it gives is JSON.
    pub fn call_on(&mut self, session: &str, object: &str, function: &str) -> Result<Value, Fault> {
        let asked = json!({
            "objectId": object,
            "functionDeclaration": function,
            "returnByValue": true,
        });
        Ok(member(answer_of(self.call(session, "Runtime.callFunctionOn", asked)?)?, "value"))
    }

    /// The world of ours in a frame; it is made where there is none yet.
    pub fn world(&mut self, frame: &Frame) -> Result<Value, Fault> {
        if let Some(world) = self.worlds.get(&frame.id) {
            return Ok(world.clone());
        }
        let asked = world_of(&frame.id);
        let made = self.call(&frame.session, "Page.createIsolatedWorld", asked)?;
        let world = member(made, "executionContextId");
        self.worlds.insert(frame.id.clone(), world.clone());
        Ok(world)
    }

    /// Calls a method of a frame in a process of its own. Where it hangs in a script its scripts
    /// are stopped, and it is asked again. A frame that is only slow, as the page is, is waited for.
    pub fn call_frame(
        &mut self,
        session: &str,
        method: &str,
        params: Value,
    ) -> Result<Value, Fault> {
        let answer = self.call_within(session, method, params.clone(), FRAME_HANGS_AFTER);
        if !matches!(answer, Err(Fault::TimedOut { .. })) {
            return answer;
        }
        let slow = (self.page_takes() * FRAME_TO_PAGE).min(self.left() / 3);
        if slow > FRAME_HANGS_AFTER {
            let answer = self.call_within(session, method, params.clone(), slow);
            if !matches!(answer, Err(Fault::TimedOut { .. })) {
                return answer;
            }
        }
        // In this order: a script that begins anew at once would not let the second one through.
        let disable = json!({ "value": true });
        self.cdp.send(session, "Emulation.setScriptExecutionDisabled", disable)?;
        self.cdp.send(session, "Runtime.terminateExecution", json!({}))?;
        let answer = self.call_within(session, method, params, FRAME_RESCUE_MAX.max(slow / 2));
        self.rescues.push(match &answer {
            Ok(_) => "the scripts of a frame that did not answer were switched off".to_owned(),
            Err(fault) => format!("a frame does not answer: {fault}"),
        });
        answer
    }
    /// How long the page itself takes now for next to nothing.
    fn page_takes(&mut self) -> Duration {
        let watch = Stopwatch::start();
        let nothing = json!({ "expression": "0", "silent": true });
        let _ = self.call_within(PAGE, "Runtime.evaluate", nothing, FRAME_HANGS_AFTER);
        watch.elapsed()
    }
}
