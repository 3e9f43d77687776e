//! Sessions with a browser, written down and played again.
//!
//! A recording is JSON Lines. The first says what was known before ([`Facts`], the address, the time
//! that loading was given); each further one is an event or a call with its answer, in the order in
//! which they came:
//!
//! ```text
//! {"recording":1,"facts":{…},"url":"http://…","load_timeout_ms":30000}
//! {"event":"Page.loadEventFired","session":"","at":"2026-…Z","params":{…}}
//! {"call":"DOM.getDocument","session":"","params":{"depth":0},"answer":{…}}
//! {"call":"Page.captureScreenshot","session":"","params":{…},"fault":"timed_out"}
//! ```
//!
//! Played again, a page gives what it gave then, without a browser and at once. Lines can be edited:
//! an answer taken out and a fault put in is a page that failed there.
//!
//! A recording holds what the browser said as it said it: cookies, passwords, all of it. It is for
//! those who look for mistakes, and is never stored.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cdp::Cdp;
use super::events::{Numbered, UNDER_WAY, every};
use super::inbox::{Inbox, Reflex};
use crate::capture::{Facts, Fault};
use crate::error::{Error, Result};
use crate::model::time::Time;
use crate::store::locked;

/// The form of recordings that is written and read.
const FORM: u64 = 1;
/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    recording: u64,
    /// What was known before the page was asked anything.
    pub facts: Facts,
    /// The address that was gone to; nothing for a page that stood already.
    pub url: Option<String>,
    /// How long loading was given.
    pub load_timeout_ms: u64,
}

impl Head {
    pub fn new(facts: Facts, url: Option<String>, load_timeout: Duration) -> Self {
        let load_timeout_ms = u64::try_from(load_timeout.as_millis()).unwrap_or(u64::MAX);
        Head { recording: FORM, facts, url, load_timeout_ms }
    }
}

/// What is written down, shared with who asks for it.
pub(super) type Lines = Arc<Mutex<String>>;

/// A connection that is written down.
pub(super) struct Recorded {
    inner: Box<dyn Cdp>,
    lines: Lines,
    seen: u64,
}

impl Recorded {
    /// Writes down what goes over a connection from now on, and the events that came before.
    pub fn new(inner: Box<dyn Cdp>, head: &Head) -> (Self, Lines) {
        let lines: Lines = Arc::default();
        let recorded = Recorded { inner, lines: Arc::clone(&lines), seen: 0 };
        recorded.write(&serde_json::to_value(head).unwrap_or_default());
        (recorded, lines)
    }

    fn write(&self, line: &Value) {
        let mut lines = locked(&self.lines);
        lines.push_str(&line.to_string());
        lines.push('\n');
    }

    /// Writes down the events that came since it was last called.
    fn catch_up(&mut self) {
        for Numbered { seq, event } in self.inner.events(self.seen, &every) {
            self.seen = seq;
            if event.params[UNDER_WAY] == true {
                continue;
            }
            self.write(&json!({
                "event": event.method,
                "session": event.session,
                "at": event.at,
                "params": event.params,
            }));
        }
    }
}

impl Cdp for Recorded {
    fn channel(&self) -> &'static str {
        self.inner.channel()
    }

    fn inbox(&self) -> &Inbox {
        self.inner.inbox()
    }

    fn call_in(
        &mut self,
        session: &str,
        method: &str,
        params: Value,
        within: Duration,
    ) -> Result<Value, Fault> {
        let answer = self.inner.call_in(session, method, params.clone(), within);
        self.catch_up();
        let mut line = json!({ "call": method, "session": session, "params": params });
        match &answer {
            Ok(answer) => line["answer"] = answer.clone(),
            Err(Fault::TimedOut { .. }) => line["fault"] = "timed_out".into(),
            Err(Fault::Crashed) => line["fault"] = "crashed".into(),
            Err(Fault::Gone(why)) => line["gone"] = why.as_str().into(),
            Err(fault) => line["refused"] = fault.to_string().into(),
        }
        self.write(&line);
        answer
    }

    fn send(&mut self, session: &str, method: &str, params: Value) -> Result<(), Fault> {
        self.inner.send(session, method, params)
    }

    fn wait(&mut self, after: u64, within: Duration) -> Result<bool, Fault> {
        let waited = self.inner.wait(after, within);
        self.catch_up();
        waited
    }

    fn events(&mut self, after: u64, wanted: &dyn Fn(&str) -> bool) -> Vec<Numbered> {
        self.catch_up();
        self.inner.events(after, wanted)
    }

    fn on(&mut self, reflex: Reflex) {
        self.inner.on(reflex);
    }
}

/// A line of a recording.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Event {
        event: String,
        #[serde(default)]
        session: String,
        at: Time,
        #[serde(default)]
        params: Value,
    },
    Call {
        call: String,
        #[serde(default)]
        session: String,
        #[serde(default)]
        params: Value,
        answer: Option<Value>,
        refused: Option<String>,
        fault: Option<String>,
        gone: Option<String>,
    },
}

impl Line {
    fn is_call(&self, name: &str, of: &str) -> bool {
        matches!(self, Line::Call { call, session, .. } if call == name && session == of)
    }

    fn has_params(&self, wanted: &Value) -> bool {
        matches!(self, Line::Call { params, .. } if params == wanted)
    }

    fn outcome(self, within: Duration) -> Result<Value, Fault> {
        let Line::Call { answer, refused, fault, gone, .. } = self else { return Ok(Value::Null) };
        match (answer, refused, fault.as_deref(), gone) {
            (_, _, Some("timed_out"), _) => Err(Fault::TimedOut { after: within }),
            (_, _, Some("crashed"), _) => Err(Fault::Crashed),
            (_, _, Some("panic"), _) => Err(Fault::Panicked),
            (_, _, Some("empty"), _) => Err(Fault::Empty),
            (_, _, Some(other), _) => Err(Fault::Refused(other.to_owned())),
            (_, _, None, Some(why)) => Err(Fault::Gone(why)),
            (_, Some(why), None, None) => Err(Fault::Refused(why)),
            (answer, None, None, None) => Ok(answer.unwrap_or_default()),
        }
    }
}

/// A recording that is played.
#[derive(Default)]
pub(super) struct Replay {
    /// What is still to come; a call that was answered is taken out.
    lines: Vec<Option<Line>>,
    /// Events before this line have come.
    at: usize,
    inbox: Inbox,
}

impl Replay {
    /// Reads a recording.
    pub fn read(text: &str) -> Result<(Head, Self)> {
        let refuse =
            |line: usize, why: String| Error::invalid("recording", format!("line {line}"), why);
        let mut texts = text.lines().enumerate();
        let Some((_, head)) = texts.next() else {
            return Err(refuse(1, "it is empty".into()));
        };
        let head: Head = serde_json::from_str(head).map_err(|why| refuse(1, why.to_string()))?;
        if head.recording != FORM {
            let why = format!("it has form {}; known is {FORM}", head.recording);
            return Err(refuse(1, why));
        }
        let mut lines = Vec::new();
        for (at, text) in texts.filter(|(_, text)| !text.trim().is_empty()) {
            let line = serde_json::from_str(text)
                .map_err(|_| refuse(at + 1, "it is neither an event nor a call".into()))?;
            lines.push(Some(line));
        }
        Ok((head, Replay { lines, at: 0, inbox: Inbox::default() }))
    }

    /// Lets the events before this line come.
    fn play_to(&mut self, end: usize) {
        for line in self.lines.iter_mut().take(end).skip(self.at) {
            if matches!(line, Some(Line::Event { .. }))
                && let Some(Line::Event { event, session, at, params }) = line.take()
            {
                // What a reflex calls was called then, and is not in the recording.
                self.inbox.record(at, session, event, &params.to_string());
            }
        }
        self.at = self.at.max(end);
    }

    /// The line that answers a call: the first with the same parameters, or else the first of its
    /// name. A capture that asks in another order than the recorded one is answered all the same.
    fn find(&self, session: &str, method: &str, params: &Value) -> Option<usize> {
        let calls = || {
            let lines = self.lines.iter().enumerate();
            lines
                .filter(|(_, line)| line.as_ref().is_some_and(|line| line.is_call(method, session)))
        };
        let same =
            calls().find(|(_, line)| line.as_ref().is_some_and(|line| line.has_params(params)));
        same.or_else(|| calls().next()).map(|(at, _)| at)
    }
}

impl Cdp for Replay {
    fn channel(&self) -> &'static str {
        "replay"
    }

    fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    fn call_in(
        &mut self,
        session: &str,
        method: &str,
        params: Value,
        within: Duration,
    ) -> Result<Value, Fault> {
        let Some(at) = self.find(session, method, &params) else {
            if let Some(fault) = self.inbox.ended() {
                return Err(fault);
            }
            return Err(Fault::Refused(format!("the recording has no answer to {method}")));
        };
        self.play_to(at);
        let outcome = self.lines[at].take().map_or(Ok(Value::Null), |line| line.outcome(within));
        if let Err(Fault::Gone(why)) = &outcome {
            self.inbox.end(why.clone());
        }
        outcome
    }

    fn send(&mut self, _: &str, _: &str, _: Value) -> Result<(), Fault> {
        Ok(())
    }

    fn wait(&mut self, after: u64, _: Duration) -> Result<bool, Fault> {
        // The next event is there as soon as it is waited for.
        let is_event = |line: &Option<Line>| matches!(line, Some(Line::Event { .. }));
        if let Some(next) = self.lines.iter().skip(self.at).position(is_event) {
            self.play_to(self.at + next + 1);
        }
        self.inbox.wait_for_event(after, Duration::ZERO)
    }
}
