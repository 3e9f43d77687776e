//! The DevTools protocol over a WebSocket of our own.
//!
//! **Invariant:** one thread, no lock: what comes is read while something is waited for, and
//! stands in the operating system's buffers and the browser's until then.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::protocol::{Message, WebSocket, WebSocketConfig};

use super::cdp::{Cdp, Event, EventLog};
use crate::capture::Fault;
use crate::model::time::{Clock, Stopwatch, SystemClock};

/// The largest message that is read. A picture of a page of the largest size that is taken is
/// well below, in base64.
const MESSAGE_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The longest that a connection, or writing one message, may take. It is loopback.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The shortest time to set on a socket: zero would mean for ever.
const READ_MIN: Duration = Duration::from_millis(1);

/// A WebSocket to a browser or to a page.
pub(super) struct Socket {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    events: EventLog,
    reflexes: Vec<(&'static str, &'static str, Value)>,
    crashed: bool,
}

/// What a message from the browser was.
enum Incoming {
    Answer { id: u64, answer: Result<Value, Fault> },
    Event { recorded: bool },
    Other,
}

impl Socket {
    /// Connects to an address like `ws://127.0.0.1:9222/devtools/page/8A1F…`.
    pub fn connect(url: &str) -> Result<Self, Fault> {
        let gone = |why: &dyn std::fmt::Display| Fault::Gone(why.to_string());
        let host = url
            .strip_prefix("ws://")
            .and_then(|rest| rest.split('/').next())
            .ok_or_else(|| Fault::Gone(format!("{url} is no ws:// address")))?;
        let stream = TcpStream::connect(host).map_err(|e| gone(&e))?;
        stream.set_nodelay(true).map_err(|e| gone(&e))?;
        stream.set_read_timeout(Some(CONNECT_MAX)).map_err(|e| gone(&e))?;
        stream.set_write_timeout(Some(CONNECT_MAX)).map_err(|e| gone(&e))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let (socket, _) = tungstenite::client::client_with_config(url, stream, Some(config))
            .map_err(|e| gone(&e))?;
        Ok(Socket {
            socket,
            last_id: 0,
            events: EventLog::default(),
            reflexes: Vec::new(),
            crashed: false,
        })
    }

    fn write(&mut self, method: &str, params: &Value) -> Result<u64, Fault> {
        self.last_id += 1;
        let call = json!({ "id": self.last_id, "method": method, "params": params });
        self.socket
            .send(Message::text(call.to_string()))
            .map_err(|why| Fault::Gone(why.to_string()))?;
        Ok(self.last_id)
    }

    /// Reads one message, or nothing where none comes in time.
    fn read(&mut self, within: Duration) -> Result<Option<Incoming>, Fault> {
        let gone = |why: &dyn std::fmt::Display| Fault::Gone(why.to_string());
        let timeout = Some(within.max(READ_MIN));
        self.socket.get_ref().set_read_timeout(timeout).map_err(|e| gone(&e))?;
        let text = match self.socket.read() {
            Ok(Message::Text(text)) => text,
            Ok(Message::Close(_)) => return Err(Fault::Gone("it closed the connection".into())),
            Ok(_) => return Ok(Some(Incoming::Other)),
            Err(tungstenite::Error::Io(why))
                if matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                return Ok(None);
            }
            // A signal came; nothing was read, and nothing is lost.
            Err(tungstenite::Error::Io(why)) if why.kind() == io::ErrorKind::Interrupted => {
                return Ok(Some(Incoming::Other));
            }
            Err(why) => return Err(gone(&why)),
        };
        let mut message: Value = serde_json::from_str(&text)
            .map_err(|why| Fault::Unfit(format!("a message that is no JSON: {why}")))?;
        if let Some(id) = message["id"].as_u64() {
            let answer = match message["error"]["message"].as_str() {
                Some(why) => Err(Fault::Refused(why.to_owned())),
                None => Ok(message["result"].take()),
            };
            return Ok(Some(Incoming::Answer { id, answer }));
        }
        let Some(method) = message["method"].as_str().map(str::to_owned) else {
            return Ok(Some(Incoming::Other));
        };
        let reflex = self.reflexes.iter().find(|(event, ..)| *event == method).cloned();
        if let Some((_, call, params)) = reflex {
            self.write(call, &params)?;
        }
        self.crashed |= method == "Inspector.targetCrashed";
        let event = Event { at: SystemClock.now(), method, params: message["params"].take() };
        Ok(Some(Incoming::Event { recorded: self.events.record(event, text.len()) }))
    }
}

impl Cdp for Socket {
    fn call(&mut self, method: &str, params: Value, within: Duration) -> Result<Value, Fault> {
        let watch = Stopwatch::start();
        let asked = self.write(method, &params)?;
        loop {
            // A crashed page answers nothing any more.
            if self.crashed {
                return Err(Fault::Crashed);
            }
            // Looked at once more when the time is up: the answer may be here already.
            let left = watch.left_of(within);
            match self.read(left)? {
                Some(Incoming::Answer { id, answer }) if id == asked => return answer,
                Some(_) if !left.is_zero() => {}
                None if !left.is_zero() => {}
                _ => return Err(Fault::TimedOut { after: within }),
            }
        }
    }

    fn send(&mut self, method: &str, params: Value) -> Result<(), Fault> {
        self.write(method, &params).map(drop)
    }

    fn wait(&mut self, within: Duration) -> Result<bool, Fault> {
        let watch = Stopwatch::start();
        loop {
            let left = watch.left_of(within);
            match self.read(left)? {
                _ if self.crashed => return Err(Fault::Crashed),
                Some(Incoming::Event { recorded: true }) => return Ok(true),
                _ if left.is_zero() => return Ok(false),
                _ => {}
            }
        }
    }

    fn events(&self) -> &EventLog {
        &self.events
    }

    fn on(&mut self, event: &'static str, method: &'static str, params: Value) {
        self.reflexes.push((event, method, params));
    }
}
