//! How long each phase of a request took.

use serde_json::{Value, json};

use super::book::Hop;
use super::clock::micros;

/// How long each phase took, in milliseconds; -1 where it did not happen or is not known.
pub(super) struct Phases {
    /// From the event that told of the request to the request, in seconds.
    pub began: f64,
    pub blocked: f64,
    pub dns: f64,
    pub connect: f64,
    pub ssl: f64,
    pub send: f64,
    pub wait: f64,
    pub receive: f64,
}

impl Phases {
    pub fn of(hop: &Hop) -> Self {
        let timing = &hop.response["timing"];
        let ended = hop.ended_at.unwrap_or(hop.sent_at);
        let Some(requested) = timing["requestTime"].as_f64() else {
            // Cached, failed, not answered yet: all of it was waiting; of a WebSocket, until it
            // was open.
            let answered = timing["answered"].as_f64().unwrap_or(ended);
            let millis = |from: f64, to: f64| ((to - from) * 1000.0).max(0.0);
            return Phases {
                began: 0.0,
                blocked: -1.0,
                dns: -1.0,
                connect: -1.0,
                ssl: -1.0,
                send: 0.0,
                wait: millis(hop.sent_at, answered),
                receive: millis(answered, ended),
            };
        };
        let of = |name: &str| timing[name].as_f64().unwrap_or(-1.0);
        let span = |start: &str, end: &str| match (of(start), of(end)) {
            (start, end) if start >= 0.0 && end >= start => end - start,
            _ => -1.0,
        };
        let first = ["dnsStart", "connectStart", "sendStart"].map(of);
        let headers_at = of("receiveHeadersEnd").max(0.0);
        Phases {
            began: requested - hop.sent_at,
            blocked: first.into_iter().find(|at| *at >= 0.0).unwrap_or(-1.0),
            dns: span("dnsStart", "dnsEnd"),
            connect: span("connectStart", "connectEnd"),
            ssl: span("sslStart", "sslEnd"),
            send: span("sendStart", "sendEnd").max(0.0),
            wait: span("sendEnd", "receiveHeadersEnd").max(0.0),
            receive: ((ended - requested) * 1000.0 - headers_at).max(0.0),
        }
    }

    /// The sum of what is known; `ssl` is within `connect`.
    pub fn total(&self) -> f64 {
        let phases = [self.blocked, self.dns, self.connect, self.send, self.wait, self.receive];
        micros(phases.into_iter().map(|phase| phase.max(0.0)).sum())
    }

    pub fn shown(&self) -> Value {
        json!({
            "blocked": micros(self.blocked),
            "dns": micros(self.dns),
            "connect": micros(self.connect),
            "ssl": micros(self.ssl),
            "send": micros(self.send),
            "wait": micros(self.wait),
            "receive": micros(self.receive),
        })
    }
}
