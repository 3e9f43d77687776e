//! Keeps a page of a public address from leading the browser to a private one.
//!
//! Every request of such a page, of its frames and workers, of a redirect and of going somewhere,
//! waits at the browser until it is judged here: a number or a well-known name at once, in the thread
//! that reads the connection; another name when its addresses are known, in a thread of [`Names`]. A
//! page of a private address is not watched at all, and loads as fast as ever.
//!
//! What gets past: a name whose address changes between here and there, WebSockets, workers that pages
//! share. Chromium judges those itself (Local Network Access; seen in 156), but where a proxy connects
//! for it. What came from a private address all the same is told in the facts.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::inbox::{Call, Reflex};
use super::socket::Voice;
use crate::capture::Blocked;
use crate::capture::address::{Host, Reach, place_of, reach_of, reach_of_name};
use crate::format::protocol::ProtocolEvent;
use crate::model::time::Stopwatch;
use crate::store::locked;

/// How many of the requests that were kept back are named in the facts.
const NAMED_MAX: usize = 50;
/// How long it is believed where a name leads.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// How many names are remembered, and how many are looked up at the same time. Looking up is waiting.
const NAMES_MAX: usize = 1_000;
const LOOKUPS_MAX: usize = 8;

/// Judges the requests of one page.
pub(super) struct Guard {
    voice: Voice,
    names: Arc<Names>,
    on: AtomicBool,
    kept_back: Mutex<KeptBack>,
}

#[derive(Default)]
struct KeptBack {
    first: Vec<Blocked>,
    count: u64,
}

/// What is to be done with a request.
enum Verdict {
    Pass,
    KeepBack(String),
    /// It is known when it is known where this name leads.
    Ask(String),
}

impl Guard {
    /// A guard that does nothing yet.
    pub fn new(voice: Voice, names: &Arc<Names>) -> Arc<Self> {
        Arc::new(Guard {
            voice,
            names: Arc::clone(names),
            on: AtomicBool::new(false),
            kept_back: Mutex::default(),
        })
    }

    /// From now on requests are judged. What the browser has to be told for that is in
    /// [`Guard::orders`].
    pub fn begin(&self) {
        self.on.store(true, Ordering::SeqCst);
    }

    /// What makes requests wait, in a session, and frames and workers of it be told of.
    pub fn orders() -> [(&'static str, Value); 2] {
        let attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true });
        [
            ("Fetch.enable", json!({ "patterns": [{ "urlPattern": "*" }] })),
            ("Target.setAutoAttach", attach),
        ]
    }

    /// What was kept back: the first of it, and how much.
    pub fn kept_back(&self) -> (Vec<Blocked>, u64) {
        let kept = locked(&self.kept_back);
        (kept.first.clone(), kept.count)
    }

    /// What is done when the browser tells of a request, or of a frame or a worker.
    pub fn reflex(self: &Arc<Self>) -> Reflex {
        let guard = Arc::clone(self);
        Box::new(move |event| match event.method.as_str() {
            _ if !guard.on.load(Ordering::SeqCst) => Vec::new(),
            "Fetch.requestPaused" => guard.judge(event),
            "Target.attachedToTarget" => {
                let session = event.params["sessionId"].as_str().unwrap_or_default();
                let call = |(method, params)| Call { session: session.to_owned(), method, params };
                // Whoever watches the session lets it go on, after this.
                Guard::orders().into_iter().map(call).collect()
            }
            _ => Vec::new(),
        })
    }

    fn judge(self: &Arc<Self>, event: &ProtocolEvent) -> Vec<Call> {
        let url = event.params["request"]["url"].as_str().unwrap_or_default();
        let request = event.params["requestId"].clone();
        let session = event.session.clone();
        match self.verdict(url) {
            Verdict::Pass => vec![answer(session, &request, true)],
            Verdict::KeepBack(why) => {
                self.keep_back(url, why);
                vec![answer(session, &request, false)]
            }
            Verdict::Ask(name) => {
                let (guard, url_asked) = (Arc::clone(self), url.to_owned());
                let (of, id) = (session.clone(), request.clone());
                let then = move |name: &str, reach: Reach| {
                    let passes = guard.lets_pass(&url_asked, name, reach);
                    let call = answer(of, &id, passes);
                    // Where the page is gone, so is the request.
                    let _ = guard.voice.tell(&call.session, call.method, &call.params);
                };
                match self.names.ask(&name, Box::new(then)) {
                    Some(reach) => {
                        vec![answer(session, &request, self.lets_pass(url, &name, reach))]
                    }
                    None => Vec::new(),
                }
            }
        }
    }

    fn lets_pass(&self, url: &str, name: &str, reach: Reach) -> bool {
        if let Reach::Private(words) = reach {
            self.keep_back(url, format!("{name} has {words}"));
        }
        !reach.is_private()
    }

    fn verdict(&self, url: &str) -> Verdict {
        let scheme = url.split(':').next().unwrap_or_default();
        if matches!(scheme, "data" | "blob" | "about") {
            return Verdict::Pass;
        }
        let Some(place) = place_of(url) else {
            return Verdict::KeepBack(format!("{scheme}: leads into this machine"));
        };
        match place.host {
            Host::Ip(ip) => match reach_of(ip) {
                Reach::Public => Verdict::Pass,
                Reach::Private(words) => Verdict::KeepBack(format!("{ip} is {words}")),
            },
            Host::Name(name) => match reach_of_name(&name) {
                Some(Reach::Private(words)) => Verdict::KeepBack(format!("{name} is {words}")),
                Some(Reach::Public) => Verdict::Pass,
                None if self.names.looks_up => Verdict::Ask(name),
                None => Verdict::Pass,
            },
            Host::Unfit => Verdict::KeepBack("its host is no address and no name".to_owned()),
        }
    }

    fn keep_back(&self, url: &str, why: String) {
        log::debug!("capture: a request was kept back: {why}");
        let mut kept = locked(&self.kept_back);
        kept.count += 1;
        if kept.first.len() < NAMED_MAX {
            kept.first.push(Blocked { url: url.to_owned(), why });
        }
    }

    /// What came from a private address all the same, by what the browser says of its responses.
    pub fn unexpected(&self, events: &[ProtocolEvent]) -> Vec<Blocked> {
        let mut found: Vec<Blocked> = Vec::new();
        for ProtocolEvent { method, params, .. } in events {
            let (url, why) = match method.as_str() {
                // A proxy answers for whomever it likes.
                "Network.responseReceived" if self.names.looks_up => {
                    let response = &params["response"];
                    let ip = response["remoteIPAddress"].as_str().unwrap_or_default();
                    let ip = ip.trim_matches(['[', ']']).parse::<IpAddr>();
                    let Ok(Reach::Private(words)) = ip.as_ref().map(|ip| reach_of(*ip)) else {
                        continue;
                    };
                    let ip = ip.map(|ip| ip.to_string()).unwrap_or_default();
                    (&response["url"], format!("it was answered by {ip}, {words}"))
                }
                "Network.webSocketCreated" => {
                    match self.verdict(params["url"].as_str().unwrap_or_default()) {
                        Verdict::KeepBack(why) => {
                            (&params["url"], format!("a WebSocket can't be kept back: {why}"))
                        }
                        _ => continue,
                    }
                }
                _ => continue,
            };
            if found.len() < NAMED_MAX {
                found.push(Blocked { url: url.as_str().unwrap_or_default().to_owned(), why });
            }
        }
        found
    }
}

fn answer(session: String, request: &Value, passes: bool) -> Call {
    match passes {
        true => Call {
            session,
            method: "Fetch.continueRequest",
            params: json!({ "requestId": request }),
        },
        false => Call {
            session,
            method: "Fetch.failRequest",
            params: json!({ "requestId": request, "errorReason": "BlockedByClient" }),
        },
    }
}

/// Who wants to know where a name leads.
type Then = Box<dyn FnOnce(&str, Reach) + Send>;

/// Where names lead, for all pages of a browser. It has no thread where nothing is looked up.
pub(super) struct Names {
    /// Whether names are looked up at all: behind a proxy it is the proxy's addresses that count.
    looks_up: bool,
    state: Mutex<Lookups>,
}

#[derive(Default)]
struct Lookups {
    known: HashMap<String, (Reach, Stopwatch)>,
    waiting: HashMap<String, Vec<Then>>,
    queue: VecDeque<String>,
    threads: usize,
}

impl Names {
    pub fn new(looks_up: bool) -> Arc<Self> {
        Arc::new(Names { looks_up, state: Mutex::default() })
    }

    /// Tells where a name leads, where that is known; else finds it out and then tells it, from
    /// another thread: that it is private where one of its addresses is. A name without an address
    /// leads nowhere, and is left to the browser.
    pub fn ask(self: &Arc<Self>, name: &str, then: Then) -> Option<Reach> {
        let mut state = locked(&self.state);
        if let Some((reach, since)) = state.known.get(name)
            && !since.left_of(KNOWN_FOR).is_zero()
        {
            return Some(*reach);
        }
        let waiting = state.waiting.entry(name.to_owned()).or_default();
        waiting.push(then);
        if waiting.len() > 1 {
            return None;
        }
        state.queue.push_back(name.to_owned());
        if state.threads >= LOOKUPS_MAX {
            return None;
        }
        let names = Arc::clone(self);
        let lookups = move || names.look_up_all();
        match thread::Builder::new().name("tintype-names".into()).spawn(lookups) {
            Ok(_) => {
                state.threads += 1;
                None
            }
            Err(_) => {
                state.queue.pop_back();
                state.waiting.remove(name);
                Some(Reach::Private("an address that can't be looked up now"))
            }
        }
    }

    /// Tells where a name leads; nothing where finding it out takes longer.
    pub fn ask_within(self: &Arc<Self>, name: &str, within: Duration) -> Option<Reach> {
        let (tell, told) = mpsc::channel();
        let then = move |_: &str, reach| {
            let _ = tell.send(reach);
        };
        self.ask(name, Box::new(then)).or_else(|| told.recv_timeout(within).ok())
    }

    /// Whether names are looked up.
    pub fn looks_up(&self) -> bool {
        self.looks_up
    }

    fn look_up_all(&self) {
        loop {
            let name = {
                let mut state = locked(&self.state);
                match state.queue.pop_front() {
                    Some(name) => name,
                    None => {
                        state.threads -= 1;
                        return;
                    }
                }
            };
            let reach = look_up(&name);
            let waiting = {
                let mut state = locked(&self.state);
                if state.known.len() >= NAMES_MAX {
                    state.known.clear();
                }
                state.known.insert(name.clone(), (reach, Stopwatch::start()));
                state.waiting.remove(&name).unwrap_or_default()
            };
            for then in waiting {
                then(&name, reach);
            }
        }
    }
}

fn look_up(name: &str) -> Reach {
    let Ok(addresses) = (name, 0).to_socket_addrs() else { return Reach::Public };
    let mut reaches = addresses.map(|address| reach_of(address.ip()));
    reaches.find(|reach| reach.is_private()).unwrap_or(Reach::Public)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_once_for_all_who_ask() {
        let names = Names::new(true);
        // No name: the system takes the number as it is.
        let within = Duration::from_secs(10);
        let reach = names.ask_within("127.0.0.1", within);
        assert_eq!(reach.map(Reach::is_private), Some(true));
        assert_eq!(names.ask_within("127.0.0.1", Duration::ZERO), reach);
        let (tell, told) = mpsc::channel();
        let mut at_once = 0;
        for _ in 0..20 {
            let tell = tell.clone();
            let then = move |_: &str, reach| tell.send(reach).unwrap();
            at_once += usize::from(names.ask("93.184.216.34", Box::new(then)).is_some());
        }
        for _ in at_once..20 {
            assert_eq!(told.recv_timeout(within), Ok(Reach::Public));
        }
        let state = locked(&names.state);
        assert_eq!(state.known.len(), 2);
        assert!(state.queue.is_empty() && state.waiting.is_empty());
    }
}
