//! Where a running browser listens.
//!
//! A caller knows `ws://host:port/devtools/browser/<id>`, or `http://host:port`, where the browser
//! tells the former at `/json/version`. Whatever else stands there, within [`ANSWER_MAX`] it is an
//! error that says what.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::time::Stopwatch;

/// The longest that finding out may take, connecting included.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// The longest answer that is read. A browser's has some 400 bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// What the address of a browser has behind host and port.
const PATH: &str = "/devtools/browser/";

/// A browser that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Connected {
    /// The address of its WebSocket, with a number for its host: Chromium answers to no other names
    /// than `localhost`.
    pub url: String,
}

/// Finds the WebSocket of a browser.
pub(super) fn find(address: &str) -> Result<Connected> {
    let refuse = |why: &str| Err(Error::invalid("browser's address", address, why));
    let wanted = "ws://host:port/devtools/browser/… or http://host:port is needed";
    let Some((scheme, rest)) = address.split_once("://") else { return refuse(wanted) };
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    if host.is_empty() || host.contains(|c: char| c.is_control() || c.is_whitespace() || c == '@') {
        return refuse(wanted);
    }
    let path = match (scheme, path) {
        ("ws", path) if format!("/{path}").starts_with(PATH) => Some(format!("/{path}")),
        ("http", "") => None,
        ("wss" | "https", _) => return refuse("a browser speaks no TLS; give it a tunnel"),
        _ => return refuse(wanted),
    };
    let fail = |why: String| Error::Browser {
        doing: "connecting to a browser",
        why: format!("{address}: {why}"),
    };
    let watch = Stopwatch::start();
    let (at, mut stream) = reach(host, watch).map_err(fail)?;
    let path = match path {
        Some(path) => path,
        None => ask(&mut stream, at, watch).map_err(fail)?,
    };
    Ok(Connected { url: format!("ws://{at}{path}") })
}

/// Connects to the first of a host's addresses that takes the connection.
fn reach(host: &str, watch: Stopwatch) -> Result<(SocketAddr, TcpStream), String> {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let host = if has_port { host.to_owned() } else { format!("{host}:80") };
    let addresses = host.to_socket_addrs().map_err(|why| why.to_string())?;
    let mut last = "its name has no address".to_owned();
    for at in addresses {
        let left = watch.left_of(ANSWER_MAX);
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&at, left) {
            Ok(stream) => return Ok((at, stream)),
            Err(why) => last = why.to_string(),
        }
    }
    Err(last)
}

/// Asks for `/json/version` and gives the path of the WebSocket that it names.
fn ask(stream: &mut TcpStream, at: SocketAddr, watch: Stopwatch) -> Result<String, String> {
    let request = format!("GET /json/version HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    let said = |why: std::io::Error| match why.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => silent(),
        _ => why.to_string(),
    };
    stream.set_write_timeout(Some(ANSWER_MAX)).map_err(said)?;
    stream.write_all(request.as_bytes()).map_err(said)?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(path) = read_answer(&answer)? {
            return Ok(path);
        }
        if answer.len() as u64 > ANSWER_BYTES_MAX {
            return Err("what listens there is no browser: it answers at too great length".into());
        }
        let left = watch.left_of(ANSWER_MAX);
        if left.is_zero() {
            return Err(silent());
        }
        stream.set_read_timeout(Some(left)).map_err(said)?;
        match stream.read(&mut piece).map_err(said)? {
            0 => return Err("what listens there is no browser: it hung up".into()),
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
}

fn silent() -> String {
    format!("what listens there did not answer within {} s", ANSWER_MAX.as_secs())
}

/// Reads an answer as far as it has come; nothing where more must come.
fn read_answer(answer: &[u8]) -> Result<Option<String>, String> {
    let no_browser = |why: &str| Err(format!("what listens there is no browser: {why}"));
    const BEGINNING: &[u8] = b"HTTP/1.";
    let compared = answer.len().min(BEGINNING.len());
    if answer[..compared] != BEGINNING[..compared] {
        return no_browser("it does not speak HTTP");
    }
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        let shown: String = status.chars().take(10).collect();
        return no_browser(&format!("it answers {shown} to /json/version"));
    }
    let body = &answer[end + 4..];
    // The body is one object; its end is where it can be read.
    let version: Value = match serde_json::from_slice(body) {
        Ok(version) => version,
        Err(why) if why.is_eof() => return Ok(None),
        Err(_) => return no_browser("it answers something else to /json/version"),
    };
    let url = version["webSocketDebuggerUrl"].as_str().unwrap_or_default();
    match url.find(PATH) {
        Some(at) => Ok(Some(url[at..].to_owned())),
        None => no_browser("it names no webSocketDebuggerUrl"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_of_a_browser_are_refused_before_anybody_is_asked() {
        for bad in [
            "",
            "127.0.0.1:9222",
            "ftp://a",
            "ws://a:1/devtools/page/X",
            "ws://a:1/",
            "http://a:1/json",
            "http://",
            "http://u@a:1",
            "wss://a/devtools/browser/x",
            "https://a",
        ] {
            let refused = find(bad);
            assert!(matches!(refused, Err(Error::Invalid { .. })), "{bad}: {refused:?}");
        }
    }

    #[test]
    fn an_answer_is_read_as_it_comes() {
        let answer =
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"Browser\": \"Chrome/156\",\n \
            \"webSocketDebuggerUrl\": \"ws://localhost:9222/devtools/browser/8a\"}";
        for end in 0..answer.len() {
            assert_eq!(read_answer(&answer[..end]), Ok(None), "{end}");
        }
        assert_eq!(read_answer(answer), Ok(Some("/devtools/browser/8a".to_owned())));
        for (bad, why) in [
            (&b"SSH-2.0-OpenSSH"[..], "does not speak HTTP"),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", "404"),
            (b"HTTP/1.1 200 OK\r\n\r\n<html>", "something else"),
            (b"HTTP/1.1 200 OK\r\n\r\n{}", "webSocketDebuggerUrl"),
        ] {
            assert!(read_answer(bad).unwrap_err().contains(why), "{why}");
        }
    }
}
