//! The frames in processes of their own and the workers of a page: who is there, and everything
//! recorded from their beginning.
//!
//! Chromium tells of each as a session of its own on the page's connection, and holds it until it
//! is told to run, so that nothing that it does at first is missed. A session tells of what it has
//! within itself, so a frame in a frame in a frame is found too.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::inbox::{Call, Reflex};
use crate::format::protocol::ProtocolEvent;
use crate::store::locked;

/// The most sessions of a page. What comes beyond them runs, and is not watched.
const SESSIONS_MAX: usize = 256;

/// A frame in a process of its own, or a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// Its name on the connection.
    pub id: String,
    /// The session that told of it.
    pub parent: String,
    /// Its target; of a frame that is the frame's id too.
    pub target: String,
    /// What it is: `iframe`, `worker`, `service_worker` …
    pub kind: String,
    /// The frame that it stands in, where it is a frame and that is known.
    pub parent_frame: Option<String>,
    /// Whether its process has crashed. It answers nothing any more.
    pub crashed: bool,
}

/// The sessions that a page has at this moment. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Sessions(Arc<Mutex<Vec<Session>>>);

/// What makes a session tell of those within it.
pub(super) fn auto_attach() -> Value {
    json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true })
}

impl Sessions {
    /// The frames among them, in the order in which they came.
    pub fn frames(&self) -> Vec<Session> {
        locked(&self.0).iter().filter(|session| session.kind == "iframe").cloned().collect()
    }

    /// What is done when one comes or goes; `network` is what the network is recorded with.
    pub fn reflex(&self, network: Value) -> Reflex {
        let sessions = self.clone();
        Box::new(move |event| match event.method.as_str() {
            "Target.attachedToTarget" => sessions.attached(event, &network),
            "Target.detachedFromTarget" => {
                sessions.forget(event.params["sessionId"].as_str().unwrap_or_default());
                Vec::new()
            }
            "Inspector.targetCrashed" => {
                let mut all = locked(&sessions.0);
                if let Some(crashed) = all.iter_mut().find(|one| one.id == event.session) {
                    crashed.crashed = true;
                }
                Vec::new()
            }
            _ => Vec::new(),
        })
    }

    fn attached(&self, event: &ProtocolEvent, network: &Value) -> Vec<Call> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let info = &event.params["targetInfo"];
        let session = Session {
            id: text(&event.params["sessionId"]),
            parent: event.session.clone(),
            target: text(&info["targetId"]),
            kind: text(&info["type"]),
            parent_frame: info["parentFrameId"].as_str().map(str::to_owned),
            crashed: false,
        };
        let call = |method, params| Call { session: session.id.clone(), method, params };
        let mut calls = Vec::new();
        let is_watched = {
            let mut all = locked(&self.0);
            let fits = all.len() < SESSIONS_MAX;
            if fits {
                all.push(session.clone());
            }
            fits
        };
        if is_watched {
            let domains: &[&'static str] = match session.kind.as_str() {
                "iframe" => &["Page.enable", "Inspector.enable", "Runtime.enable", "Log.enable"],
                "worker" | "service_worker" | "shared_worker" => &["Runtime.enable"],
                _ => &[],
            };
            calls.extend(domains.iter().map(|method| call(method, json!({}))));
            if !domains.is_empty() {
                calls.push(call("Network.enable", network.clone()));
                calls.push(call("Target.setAutoAttach", auto_attach()));
            }
        }
        // Whatever it is, it waits for this.
        calls.push(call("Runtime.runIfWaitingForDebugger", json!({})));
        calls
    }

    /// Forgets a session and those within it.
    fn forget(&self, id: &str) {
        let mut all = locked(&self.0);
        let mut gone = vec![id.to_owned()];
        while let Some(id) = gone.pop() {
            let (left, kept) = all.drain(..).partition(|one| one.id == id || one.parent == id);
            *all = kept;
            let left: Vec<Session> = left;
            gone.extend(left.into_iter().map(|one| one.id).filter(|other| *other != id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Time;

    fn event(session: &str, method: &str, params: Value) -> ProtocolEvent {
        ProtocolEvent { at: Time::MIN, session: session.into(), method: method.into(), params }
    }

    fn attach(id: &str, kind: &str) -> Value {
        json!({ "sessionId": id, "targetInfo": { "targetId": format!("T{id}"), "type": kind } })
    }

    #[test]
    fn what_comes_is_watched_and_runs_and_what_goes_takes_what_is_in_it_along() {
        let sessions = Sessions::default();
        let mut reflex = sessions.reflex(json!({ "maxPostDataSize": 0 }));
        for (session, id, kind) in
            [("", "A", "iframe"), ("A", "B", "iframe"), ("B", "C", "worker"), ("", "D", "iframe")]
        {
            let calls = reflex(&event(session, "Target.attachedToTarget", attach(id, kind)));
            assert!(calls.iter().all(|call| call.session == id));
            assert_eq!(calls[calls.len() - 1].method, "Runtime.runIfWaitingForDebugger");
            assert!(calls.iter().any(|call| call.method == "Target.setAutoAttach"));
            assert!(calls.iter().any(|call| call.method == "Runtime.enable"));
        }
        reflex(&event("D", "Inspector.targetCrashed", json!({})));
        let ids = || sessions.frames().into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(), ["A", "B", "D"]);
        assert!(sessions.frames()[2].crashed && !sessions.frames()[0].crashed);
        reflex(&event("", "Target.detachedFromTarget", json!({ "sessionId": "A" })));
        assert_eq!(ids(), ["D"]);
        assert_eq!(locked(&sessions.0).len(), 1);
    }

    #[test]
    fn what_is_of_no_known_kind_or_one_too_many_runs_all_the_same() {
        let sessions = Sessions::default();
        let mut reflex = sessions.reflex(json!({}));
        let calls = reflex(&event("", "Target.attachedToTarget", attach("X", "auction_worklet")));
        assert_eq!(calls.len(), 1);
        for at in 0..2 * SESSIONS_MAX {
            let attached = attach(&format!("S{at}"), "iframe");
            let calls = reflex(&event("", "Target.attachedToTarget", attached));
            assert_eq!(calls[calls.len() - 1].method, "Runtime.runIfWaitingForDebugger");
        }
        assert_eq!(locked(&sessions.0).len(), SESSIONS_MAX);
    }
}
