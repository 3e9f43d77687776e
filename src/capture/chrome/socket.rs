//! The DevTools protocol over a WebSocket of our own.
//!
//! A thread reads all that comes into an [`Inbox`], so that a page is watched also while nobody asks
//! it anything.
//!
//! **Invariant:** when a [`Socket`] is dropped its thread has ended.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::{Message, Role, WebSocket, WebSocketConfig};

use super::cdp::Cdp;
use super::inbox::Inbox;
use crate::capture::Fault;
use crate::format::protocol;
use crate::model::time::{Clock, Stopwatch, SystemClock};
use crate::store::locked;

/// The largest message that is read. A picture of a page of the largest size that is taken is
/// well below, in base64.
const MESSAGE_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The longest that a connection, or writing one message, may take. It is loopback.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A WebSocket to a browser or to a page.
pub(super) struct Socket {
    writer: Arc<Mutex<Writer>>,
    stream: TcpStream,
    inbox: Arc<Inbox>,
    reader: Option<JoinHandle<()>>,
}

/// The half that is written to.
struct Writer {
    socket: WebSocket<TcpStream>,
    last_id: u64,
}

impl Writer {
    fn write(&mut self, session: &str, method: &str, params: &Value) -> Result<u64, Fault> {
        self.last_id += 1;
        let mut call = json!({ "id": self.last_id, "method": method, "params": params });
        if !session.is_empty() {
            call["sessionId"] = session.into();
        }
        self.socket
            .send(Message::text(call.to_string()))
            .map_err(|why| Fault::Gone(why.to_string()))?;
        Ok(self.last_id)
    }
}

/// The half that is read from. What the protocol would answer by itself (pong, close) is not sent:
/// the other half writes, and Chromium asks for neither.
struct ReadHalf(TcpStream);

impl Read for ReadHalf {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for ReadHalf {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A message from the browser.
#[derive(Deserialize)]
struct Incoming<'a> {
    id: Option<u64>,
    method: Option<String>,
    #[serde(rename = "sessionId")]
    session: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
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
        let ours = stream.try_clone().map_err(|e| gone(&e))?;
        let (socket, _) = tungstenite::client::client_with_config(url, ours, Some(config))
            .map_err(|why| match why {
                HandshakeError::Interrupted(_) => Fault::TimedOut { after: CONNECT_MAX },
                HandshakeError::Failure(why) => gone(&why),
            })?;
        // Nothing comes before the first call, so nothing was read beyond the handshake.
        let read = ReadHalf(stream.try_clone().map_err(|e| gone(&e))?);
        let read = WebSocket::from_raw_socket(read, Role::Client, Some(config));
        stream.set_read_timeout(None).map_err(|e| gone(&e))?;
        let writer = Arc::new(Mutex::new(Writer { socket, last_id: 0 }));
        let inbox = Arc::new(Inbox::default());
        let reader = thread::Builder::new().name("tintype-cdp".into()).spawn({
            let (inbox, writer) = (Arc::clone(&inbox), Arc::clone(&writer));
            move || read_all(read, &inbox, &writer)
        });
        let reader = Some(reader.map_err(|e| gone(&e))?);
        Ok(Socket { writer, stream, inbox, reader })
    }

    /// Calls a method and waits for its answer.
    pub fn ask(
        &self,
        session: &str,
        method: &str,
        params: &Value,
        within: Duration,
    ) -> Result<Value, Fault> {
        let id = {
            let mut writer = locked(&self.writer);
            // Entered before it is sent, so that no answer is too early.
            self.inbox.expect(writer.last_id + 1);
            writer.write(session, method, params)
        };
        let watch = Stopwatch::start();
        match id {
            Ok(id) => {
                let answer = self.inbox.await_answer(id, within);
                log::trace!("capture: {method} took {} µs", watch.elapsed().as_micros());
                answer
            }
            Err(fault) => Err(self.inbox.ended().unwrap_or(fault)),
        }
    }

    /// Calls a method whose answer nobody waits for.
    pub fn tell(&self, session: &str, method: &str, params: &Value) -> Result<(), Fault> {
        locked(&self.writer).write(session, method, params).map(drop)
    }

    /// A voice of this connection for another thread.
    pub fn voice(&self) -> Voice {
        Voice(Arc::clone(&self.writer))
    }

    /// Waits until the connection has ended; false where it has not in time.
    pub fn wait_for_end(&self, within: Duration) -> bool {
        self.inbox.wait_for_end(within)
    }
}

/// Calls methods whose answers nobody waits for. Does not keep the connection open.
#[derive(Clone)]
pub(super) struct Voice(Arc<Mutex<Writer>>);

impl Voice {
    /// Calls a method.
    pub fn tell(&self, session: &str, method: &str, params: &Value) -> Result<(), Fault> {
        locked(&self.0).write(session, method, params).map(drop)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Ends the thread's reading.
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Reads until the connection ends.
fn read_all(mut socket: WebSocket<ReadHalf>, inbox: &Inbox, writer: &Mutex<Writer>) {
    let why = loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                if let Err(fault) = take_in(&text, inbox, writer) {
                    log::debug!("capture: a message of the browser: {fault}");
                }
            }
            Ok(Message::Close(_)) => break "it closed the connection".to_owned(),
            Ok(_) => {}
            // A signal came; nothing was read, and nothing is lost.
            Err(tungstenite::Error::Io(why)) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => break why.to_string(),
        }
    };
    inbox.end(why);
}

fn take_in(text: &str, inbox: &Inbox, writer: &Mutex<Writer>) -> Result<(), Fault> {
    let unfit = |why: serde_json::Error| Fault::Unfit(format!("no message of the protocol: {why}"));
    let message: Incoming<'_> = serde_json::from_str(text).map_err(unfit)?;
    if let Some(id) = message.id {
        // What nobody waits for is not even read.
        if !inbox.is_awaited(id) {
            return Ok(());
        }
        let answer = match (message.error, message.result) {
            (Some(error), _) => Err(refusal(error.get())),
            (None, Some(result)) => protocol::read(result.get()).map_err(unfit),
            (None, None) => Ok(Value::Null),
        };
        inbox.answer(id, answer);
        return Ok(());
    }
    let Some(method) = message.method else { return Ok(()) };
    let session = message.session.unwrap_or_default();
    let params = message.params.map_or("{}", RawValue::get);
    for call in inbox.record(SystemClock.now(), session, method, params) {
        locked(writer).write(&call.session, call.method, &call.params)?;
    }
    Ok(())
}

fn refusal(error: &str) -> Fault {
    let error = protocol::read(error).unwrap_or_default();
    Fault::Refused(error["message"].as_str().unwrap_or("it does not say why").to_owned())
}

impl Cdp for Socket {
    fn channel(&self) -> &'static str {
        "direct"
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
        self.ask(session, method, &params, within)
    }

    fn send(&mut self, session: &str, method: &str, params: Value) -> Result<(), Fault> {
        self.tell(session, method, &params)
    }
}
