//! A small site on loopback.

use std::sync::Arc;
use std::thread::JoinHandle;

use tiny_http::{Header, Request, Response, Server};

/// A site that answers until it is dropped.
pub struct Site {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    pub fn start() -> Self {
        // Requests that are never answered are kept, so that they stay open.
        let mut stuck = Vec::new();
        Site::serve(move |request| {
            if request.url().starts_with("/stuck") {
                stuck.push(request);
            } else {
                answer(request);
            }
        })
    }

    /// A site whose answers are the caller's.
    pub fn serve(mut answer: impl FnMut(Request) + Send + 'static) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let answering = Arc::clone(&server);
        let thread = std::thread::spawn(move || {
            for request in answering.incoming_requests() {
                answer(request);
            }
        });
        Site { server, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.server_addr())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An address where nobody listens.
pub fn closed_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    format!("http://{address}/")
}

fn answer(request: Request) {
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    let header = |name: &str, value: &str| Header::from_bytes(name, value).unwrap();
    let (status, body) = match path.as_str() {
        "/full" => (200, FULL),
        "/plain" => (200, "<!DOCTYPE html><title>Plain</title><p>Hello"),
        "/tall" => (200, TALL),
        "/alert" => (200, ALERT),
        "/hang" => (200, HANG),
        "/unfinished" => (200, "<!DOCTYPE html><title>Unfinished</title><p>here<img src=/stuck>"),
        "/leave" => (200, "<!DOCTYPE html><script>location.replace('/plain')</script>leaving"),
        "/error" => (500, "<!DOCTYPE html><title>Broken</title><h1>It broke"),
        "/empty-error" => (500, ""),
        "/cookie" => (
            200,
            "<!DOCTYPE html><script>document.title = document.cookie || 'none'; \
                            document.cookie = 'a=1'</script>",
        ),
        "/pixel.svg" | "/favicon.ico" => {
            let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>";
            let image =
                Response::from_string(svg).with_header(header("Content-Type", "image/svg+xml"));
            return request.respond(image).unwrap_or_default();
        }
        _ => (404, "<!DOCTYPE html><title>Not here</title><h1>No such page"),
    };
    let page = Response::from_string(body)
        .with_status_code(status)
        .with_header(header("Content-Type", "text/html; charset=utf-8"))
        .with_header(header("Set-Cookie", "session=s3cr3t; HttpOnly"));
    // The browser may have gone away in the meantime.
    let _ = request.respond(page);
}

const FULL: &str = r#"<!DOCTYPE html>
<html lang="en"><head><title>Full</title></head><body>
<p id="p">before</p><div id="open"></div><div id="closed"></div>
<script>
document.getElementById('p').textContent = 'changed by a script';
document.getElementById('open').attachShadow({mode: 'open'}).innerHTML = '<b>in the open</b>';
document.getElementById('closed').attachShadow({mode: 'closed'}).innerHTML = '<b>behind closed doors</b>';
console.log('a log', 1, {a: 1});
console.info('an info');
console.warn('a warning');
console.error('an error');
console.debug('a debug');
console.table([1, 2]);
console.assert(false, 'an assertion');
function thrower() { throw new Error('thrown on purpose'); }
setTimeout(thrower, 0);
</script></body></html>"#;

const TALL: &str = r#"<!DOCTYPE html><title>Tall</title>
<style>body { margin: 0 } div { height: 4900px; background: linear-gradient(red, blue) }
footer { height: 100px; background: lime }</style><div></div><footer>the end</footer>"#;

const ALERT: &str = r#"<!DOCTYPE html><title>Alert</title><script>
alert('look out'); document.title = 'Alert was dismissed';</script><p>after"#;

const HANG: &str = r#"<!DOCTYPE html><title>Hang</title><p>still here</p><script>
addEventListener('load', () => setTimeout(() => { for (;;); }, 0));</script>"#;
