//! A web server that says what it is told to, to the letter.
//!
//! Each connection has a thread and is closed after one answer. (The pool of `tiny_http` can leave a
//! connection without a thread when several come at once, as those of a browser do.)

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What was asked.
pub struct Asked {
    /// The path, with the query.
    pub target: String,
    headers: Vec<(String, String)>,
    stream: TcpStream,
}

impl Asked {
    fn read(stream: TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        let mut next = || {
            line.clear();
            reader.read_line(&mut line).ok()?;
            Some(line.trim_end().to_owned())
        };
        let first = next()?;
        let target = first.split(' ').nth(1)?.to_owned();
        let mut headers = Vec::new();
        while let Some((name, value)) = next()?.split_once(": ") {
            headers.push((name.to_owned(), value.to_owned()));
        }
        let asked = Asked { target, headers, stream };
        // Read, so that closing does not reset the connection.
        let bytes = asked.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        reader.take(bytes).read_to_end(&mut Vec::new()).ok()?;
        Some(asked)
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn header(&self, wanted: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, it)| it.as_str())
    }

    /// Answers; the browser may have gone away in the meantime.
    pub fn respond(self, status: &str, body: &[u8], fields: &[(&str, &str)]) {
        let mut stream = self.head(status, fields);
        let head = format!("Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    }

    /// Answers that the protocol changes, and gives what it changes on.
    pub fn upgrade(self, fields: &[(&str, &str)]) -> TcpStream {
        let mut stream = self.head("101 Switching Protocols", fields);
        let _ = stream.write_all(b"Connection: Upgrade\r\n\r\n");
        stream
    }

    fn head(self, status: &str, fields: &[(&str, &str)]) -> TcpStream {
        let mut stream = self.stream;
        let fields: String = fields.iter().map(|(name, it)| format!("{name}: {it}\r\n")).collect();
        let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n{fields}").as_bytes());
        stream
    }
}

/// A server that answers until it is dropped.
pub struct Server {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server whose answers are the caller's.
    pub fn start(answer: impl FnMut(Asked) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ended = Arc::<AtomicBool>::default();
        let (answer, ending) = (Arc::new(Mutex::new(answer)), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                let answer = Arc::clone(&answer);
                thread::spawn(move || {
                    // One that is opened and not used says nothing.
                    if let Some(asked) = Asked::read(stream) {
                        answer.lock().unwrap_or_else(PoisonError::into_inner)(asked);
                    }
                });
            }
        });
        Server { address, ended, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
