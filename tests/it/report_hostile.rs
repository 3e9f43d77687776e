//! Reports of what means harm: nothing that is stored runs, and nobody is reached.
//!
//! The same pages are opened unguarded too, and then the canary sees them: so it would have seen
//! them in the report.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use std::io::{Read, Write};

use serde_json::json;
use tintype::ops::report::{self, Options};
use tintype::{Draft, DraftArtifact, Repository};

use crate::support::browsers::becomes;
use crate::support::shown::{Shower, Shown};

/// Who must not be reached: counts connections, whether or not anything is asked for over them.
struct Canary {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
    ended: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Canary {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, asked) =
            (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<Vec<String>>>::default());
        let ended = Arc::<std::sync::atomic::AtomicBool>::default();
        let (counted, heard, ending) =
            (Arc::clone(&connections), Arc::clone(&asked), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let heard = Arc::clone(&heard);
                thread::spawn(move || {
                    let mut head = [0; 2048];
                    let read = stream.read(&mut head).unwrap_or(0);
                    let line = String::from_utf8_lossy(&head[..read]);
                    let line = line.lines().next().unwrap_or_default().to_owned();
                    heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n\r\n");
                });
            }
        });
        Canary { address, connections, asked, ended, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a script does that runs: it says so in each way that can be seen.
fn harm(url: &str) -> String {
    format!(
        "top.harmed=1;document.title='harmed';new Image().src='{url}/script';fetch('{url}/fetch');alert(1)"
    )
}

/// Pieces of pages, each of which would run a script or reach somebody.
fn pieces(url: &str) -> Vec<String> {
    let run = harm(url);
    let quoted = run.replace('\'', "&#39;");
    let mut pieces = vec![
        format!("<script>{run}</script>"),
        format!("<script src='{url}/src.js'></script>"),
        format!(
            "<script type=speculationrules>{{\"prefetch\":[{{\"urls\":[\"{url}/rules\"]}}]}}</script>"
        ),
        format!("<script type=module>import '{url}/module.js'</script>"),
        format!("<img src=x onerror=\"{run}\">"),
        format!("<img src='{url}/img' srcset='{url}/set 2x'>"),
        format!("<picture><source srcset='{url}/source'><img src='{url}/in'></picture>"),
        format!(
            "<svg onload=\"{run}\"><image href='{url}/svg' xlink:href='{url}/xlink'/><use href='{url}/use#a'/></svg>"
        ),
        format!(
            "<svg><a><set attributeName='href' to='{url}/set-href'/><text y=20>press this</text></a></svg>"
        ),
        format!(
            "<svg><script>{run}</script><foreignObject><iframe srcdoc=\"<script>{quoted}</script>\"></iframe></foreignObject></svg>"
        ),
        format!("<math href='{url}/math'><mi>press this</mi></math>"),
        format!("<body onload=\"{run}\" background='{url}/background'>"),
        format!("<details open ontoggle=\"{run}\"><summary>s</summary></details>"),
        format!("<input autofocus onfocus=\"{run}\">"),
        format!("<a href='{url}/link' ping='{url}/ping'>press this</a>"),
        format!("<a href='javascript:{quoted}'>press this</a>"),
        format!("<a href=' java&#x73;cript:{quoted}'>press this</a>"),
        format!("<a target=_blank href='{url}/blank'>press this</a>"),
        format!("<a target=_top HREF = '{url}/top'>press this</a>"),
        format!("<a download href='{url}/download'>press this</a>"),
        format!(
            "<map name=m><area shape=default href='{url}/area'></map><img usemap='#m' width=90 height=20 alt=x>"
        ),
        format!("<form action='{url}/form'><button>press this</button></form>"),
        format!("<form method=post><button formaction='{url}/post'>press this</button></form>"),
        format!("<form action='javascript:{quoted}'><input type=submit></form>"),
        format!("<iframe src='{url}/frame'></iframe>"),
        format!("<iframe src='javascript:{quoted}'></iframe>"),
        format!("<iframe srcdoc=\"<img src='{url}/srcdoc'><script>{quoted}</script>\"></iframe>"),
        format!("<iframe/srcdoc=&lt;script&gt;{}&lt;/script&gt;>", quoted.replace(' ', "&#32;")),
        format!("<frameset><frame src='{url}/frameset'></frameset>"),
        format!("<object data='{url}/object'></object><embed src='{url}/embed'>"),
        format!("<applet code='{url}/applet'></applet><portal src='{url}/portal'></portal>"),
        format!(
            "<video src='{url}/video' poster='{url}/poster' autoplay></video><audio src='{url}/audio' autoplay></audio>"
        ),
        format!("<video><track default src='{url}/track'><source src='{url}/media'></video>"),
        format!("<meta http-equiv=refresh content='0;url={url}/refresh'>"),
        format!("<META\thttp-equiv=\"refresh\"content='0;{url}/refresh-too'>"),
        format!("<meta/http-equiv=refresh content='0;url={url}/slash'>"),
        "<meta http-equiv=Content-Security-Policy content=\"default-src * 'unsafe-inline'\">"
            .to_owned(),
        "<meta http-equiv=x-dns-prefetch-control content=on>".to_owned(),
        format!("<base href='{url}/base/'><img src=relative>"),
        format!("<link rel=preconnect href='{url}'><link rel=dns-prefetch href='{url}'>"),
        format!("<LINK REL=stylesheet HREF='{url}/style'><link rel=icon href='{url}/icon'>"),
        format!(
            "<link rel='prefetch preload modulepreload prerender manifest' as=script href='{url}/preload'>"
        ),
        format!("<li\u{0}nk rel=preconnect href='{url}'><link\nrel=preconnect\nhref={url}>"),
        format!(
            "<style>@import '{url}/import';body{{background:url({url}/css)}}@font-face{{font-family:f;src:url({url}/font)}}*{{font-family:f;cursor:url({url}/cursor),auto}}</style>"
        ),
        format!(
            "<p style=\"background:image-set('{url}/image-set' 1x);content:url({url}/content)\">styled</p>"
        ),
        format!(
            "<noscript><img src='{url}/noscript'><meta http-equiv=refresh content='0;url={url}/noscript-refresh'></noscript>"
        ),
        format!(
            "<template><img src='{url}/template'></template><template shadowrootmode=open><img src='{url}/shadow'><link rel=preconnect href='{url}'></template>"
        ),
        format!("<xmp></xmp><plaintext-not><img src='{url}/x' onerror=\"{run}\">"),
        format!(
            "<input type=image src='{url}/input'><table background='{url}/table'><td background='{url}/td'>"
        ),
        format!(
            "<button popovertarget=p onclick=\"{run}\">press this</button><dialog open oncancel=\"{run}\">d</dialog>"
        ),
    ];
    // What would break out of where a text stands.
    for end in [
        "</script>",
        "</style>",
        "</title>",
        "</iframe>",
        "\"></iframe>",
        "'></iframe>",
        "]]>",
        "-->",
        "--!>",
        "</textarea>",
        "</pre></code>",
        "\">",
        "'>",
        "\u{0}\">",
        "`>",
        "</svg>",
        "&quot;>",
        "&#34;>",
        "\\\">",
        "*/</style>",
    ] {
        pieces.push(format!("{end}<script>{run}</script><img src='{url}/out' onerror=\"{run}\">"));
    }
    pieces.push(format!(
        "\u{202e}\u{2066}\u{1b}]0;harmed\u{7}\r\n<script>{run}</script>\u{feff}\u{200b}"
    ));
    pieces.push(format!("\" onmouseover=\"{run}\" autofocus onfocus=\"{run}\" x=\""));
    pieces.push(format!("javascript:{run}"));
    pieces.push(format!("data:text/html,<script>{run}</script>"));
    pieces
}

fn stored(name: &str, media_type: &str, content: impl Into<Vec<u8>>) -> DraftArtifact {
    let content: Vec<u8> = content.into();
    DraftArtifact::stored(name.parse().unwrap(), media_type, content).unwrap()
}

/// A text without what a name can't have, not longer than it can be.
fn as_name(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() && !"/\\".contains(*c)).collect();
    let end = text.floor_char_boundary(text.len().min(120));
    text[..end].trim().to_owned()
}

/// A snapshot in which a piece stands wherever a text can.
fn draft_of(piece: &str, html: &str) -> Draft {
    let facts = json!({
        "url": piece, "final_url": piece, "title": piece, "load": "failed", "load_error": piece,
        "browser": piece, "user_agent": piece, "media_type": piece, "channel": piece, "language": piece,
        "headers_set": [piece], "cookies_set": [piece], "rescues": [piece],
        "waits": [{"what": piece, "met": false, "took_ms": 1, "why": piece}],
        "config": {"selector": piece, "mode": piece, "redact": true}, "redacted": {piece: 3},
        "ledger": [
            {"name": piece, "status": piece, "reason": piece},
            {"name": "text.txt", "status": "stored", "redacted": {piece: 1}, "detail": {piece: piece}},
        ],
    });
    let line = json!({
        "time": "2026-03-01T12:00:00Z", "kind": piece, "level": "error", "text": piece, "url": piece,
        "line": 1, "column": 2, "stack": [{"function": piece, "url": piece, "line": 1, "column": 2}],
    });
    let exception =
        json!({"kind": "exception", "level": "error", "text": format!("{piece}\n{piece}")});
    let headers = json!([{"name": piece, "value": piece}]);
    let entry = json!({
        "startedDateTime": "2026-03-01T12:00:00Z", "time": 5,
        "request": {"method": piece, "url": piece, "headers": headers},
        "response": {"status": 500, "_error": piece, "headers": headers,
            "content": {"mimeType": piece, "size": 1, "_artifact": piece}},
        "_resourceType": piece,
    });
    let har = json!({"log": {"entries": [entry]}});
    let data = json!([{piece: piece, "n": 1}]);
    let name = as_name(piece);
    let missing = DraftArtifact::missing(
        "element.html".parse().unwrap(),
        "text/html",
        tintype::ArtifactStatus::Empty,
        Some(piece.to_owned()),
    );
    let mut draft = Draft::new()
        .describe(piece)
        .info(piece, piece)
        .info(
            "incident",
            json!({
                "kind": "selector_failure", "selector": piece, "fingerprint": piece, piece: piece,
                "validation_errors": [piece], "more": {piece: [piece, piece, piece]},
            }),
        )
        .artifact(stored("facts.json", "application/json", facts.to_string()))
        .artifact(stored(
            "console.jsonl",
            "application/x-ndjson",
            format!("{line}\n{exception}\n{piece}\n"),
        ))
        .artifact(stored("network.har", "application/har+json", har.to_string()))
        .artifact(stored("page.html", "text/html", html))
        .artifact(stored("source.html", "text/html", html))
        .artifact(stored("frame-1.html", "text/html", html))
        .artifact(stored("text.txt", "text/plain", piece))
        .artifact(stored("aria.yml", "application/yaml", piece))
        .artifact(stored("view.png", "image/png", piece))
        .artifact(stored("pic.svg", "image/svg+xml", html))
        .artifact(stored("other.html", "text/html", html))
        .artifact(stored("rows.json", "application/json", data.to_string()))
        .artifact(missing.unwrap());
    if let Ok(name) = name.parse() {
        draft = draft.artifact(
            DraftArtifact::stored(name, "text/x-'\"><script>", piece.as_bytes()).unwrap(),
        );
    }
    if let Ok(context) = format!("{name}/{name}").parse() {
        draft = draft.context(context);
    }
    if let Ok(tagged) = draft.clone().tag(name.as_str()) {
        draft = tagged;
    }
    draft
}

fn written(folder: &Path, name: &str, draft: Draft) -> PathBuf {
    let repo = Repository::temporary().unwrap();
    repo.create(draft.clone()).unwrap();
    let version = repo.create(draft).unwrap();
    let page = report::snapshot(&repo, &version, &Options::default()).unwrap();
    let path = folder.join(name);
    report::write(&repo, &page, &path, false).unwrap();
    path
}

/// Opens all, presses all, and points at all that is stored.
fn provoke(shown: &Shown) {
    shown.look(1200, "light");
    shown.value("document.querySelectorAll('details').forEach((it) => { it.open = true })");
    shown.value("document.querySelectorAll('button[data-copy], [role=tab], input').forEach((it) => it.click())");
    let tabs = shown.value("document.querySelectorAll('[role=tab]').length").as_u64().unwrap();
    for tab in 0..tabs {
        shown.value(&format!("document.querySelectorAll('[role=tab]')[{tab}].click()"));
        let frame = "[...document.querySelectorAll('iframe')].filter((it) => it.getClientRects().length)[0]";
        let there = shown.value(&format!("!!{frame}"));
        if there != json!(true) {
            continue;
        }
        shown.value(&format!("{frame}.scrollIntoView({{block: 'start', behavior: 'instant'}})"));
        shown.settle();
        let place = shown.value(&format!(
            "(({{left, top, width}}) => [left, top, width])({frame}.getBoundingClientRect())"
        ));
        let [left, top, width] = [0, 1, 2].map(|at| place[at].as_f64().unwrap());
        for row in 0..10 {
            for x in [14.0, width / 2.0] {
                shown.click(left + x, top + 8.0 + f64::from(row) * 26.0);
            }
        }
    }
    shown.settle();
}

/// Checks that nothing ran and that no frame has gone anywhere.
fn check(shown: &Shown, title: &str, what: &str) {
    assert_eq!(
        shown.value("[typeof window.harmed, document.title]"),
        json!(["undefined", title]),
        "{what}"
    );
    assert_eq!(shown.dialogs(), 0, "{what}");
    assert!(shown.tab.get_url().starts_with("file:"), "{what}: {}", shown.tab.get_url());
    // What the browser itself makes of each document that is shown in a frame.
    let left = shown.value(
        "[...document.querySelectorAll('iframe')].flatMap((frame) => {
           if (frame.getAttribute('sandbox') !== '' || frame.src) return ['a frame that is open'];
           const inner = Document.parseHTMLUnsafe(frame.srcdoc);
           const all = (root) => [...root.querySelectorAll('*')].flatMap((it) => [
             it, ...(it.localName === 'template' ? all(it.content) : []),
             ...(it.shadowRoot ? all(it.shadowRoot) : [])]);
           const metas = all(inner).filter((it) => it.localName === 'meta');
           if (metas.length !== 3) return ['a meta of its own'];
           return all(inner).filter((it) =>
             ['link', 'base'].includes(it.localName) || it.hasAttribute('srcdoc')
             || [...it.attributes].some(({ localName, value }) => localName === 'href' && value[0] !== '#'),
           ).map((it) => it.outerHTML.slice(0, 120));
         })",
    );
    assert_eq!(left, json!([]), "{what}");
}

#[test]
fn nothing_that_is_stored_runs_or_reaches_anybody() {
    let canary = Canary::start();
    let url = canary.url();
    let folder = tempfile::tempdir().unwrap();
    let shower = Shower::start();
    let pieces = pieces(&url);
    let all = pieces.concat();
    let mut opened = 0;
    // All pieces in one document, and a dozen at a time where texts stand, so that one can't hide another.
    let batches = pieces.chunks(8).map(|chunk| chunk.concat());
    for (at, batch) in std::iter::once(all.clone()).chain(batches).enumerate() {
        let piece = &pieces[at % pieces.len()];
        let path = written(folder.path(), &format!("{at}.html"), draft_of(piece, &batch));
        let shown = shower.open(&path);
        let title = shown.value("document.title");
        let title = title.as_str().unwrap();
        assert!(title.ends_with("· Tintype"), "{title}");
        provoke(&shown);
        check(&shown, title, piece);
        opened += 1;
        let _ = shown.tab.close(true);
    }
    // Each piece as the text of everything.
    for (at, some) in pieces.chunks(4).enumerate() {
        let piece = some.concat();
        let path = written(folder.path(), &format!("text-{at}.html"), draft_of(&piece, &piece));
        let shown = shower.open(&path);
        let title = shown.value("document.title");
        shown.value("document.querySelectorAll('details').forEach((it) => { it.open = true })");
        shown.settle();
        check(&shown, title.as_str().unwrap(), &piece);
        opened += 1;
        let _ = shown.tab.close(true);
    }
    assert!(opened > 25, "{opened}");
    assert_eq!(canary.connections(), 0, "{:?}", canary.asked());
    // What was on its way has come by the time that this has.
    let shown = shower.go(&format!("{url}/last"));
    assert!(becomes(|| canary.asked().iter().any(|line| line.contains("/last"))));
    let strangers: Vec<String> = canary
        .asked()
        .into_iter()
        .filter(|line| !line.is_empty() && !line.contains("/last") && !line.contains("/favicon"))
        .collect();
    assert_eq!(strangers, Vec::<String>::new());
    drop(shown);
}

#[test]
fn unguarded_the_same_pages_run_and_reach_the_canary() {
    let canary = Canary::start();
    let url = canary.url();
    let folder = tempfile::tempdir().unwrap();
    let shower = Shower::start();
    let path = folder.path().join("open.html");
    std::fs::write(&path, format!("<title>x</title>{}", pieces(&url)[0])).unwrap();
    let shown = shower.send_to(&path);
    assert!(becomes(|| shown.dialogs() > 0), "no dialog was seen");
    assert!(becomes(|| canary.asked().iter().any(|line| line.contains("/script"))));
    assert_eq!(shown.value("[top.harmed, document.title]"), json!([1, "harmed"]));
    // One of each way to reach somebody.
    for wanted in [
        "/src.js",
        "/img",
        "/style",
        "/import",
        "/frame",
        "/object",
        "/poster",
        "/source",
        "/image-set",
        "/shadow",
        "/svg",
        "/srcdoc",
        "/input",
        "/preload",
    ] {
        let pieces = pieces(&url);
        let of = format!("{url}{wanted}");
        let piece = pieces.iter().find(|piece| piece.contains(&of)).unwrap();
        std::fs::write(&path, format!("<!DOCTYPE html>{piece}")).unwrap();
        let shown = shower.send_to(&path);
        let seen = || canary.asked().iter().any(|line| line.contains(wanted));
        assert!(becomes(seen), "{wanted}: {:?}", canary.asked());
        let _ = shown.tab.close(true);
    }
    drop(shown);
    // A connection alone is seen too, without anything asked for.
    let canary = Canary::start();
    let path = folder.path().join("preconnect.html");
    std::fs::write(&path, format!("<link rel=preconnect href='{}'>", canary.url())).unwrap();
    let _shown = shower.send_to(&path);
    assert!(becomes(|| canary.connections() > 0), "a connection without a request is not seen");
    // And a page that leads away.
    let path = folder.path().join("refresh.html");
    std::fs::write(
        &path,
        format!("<meta http-equiv=refresh content='0;url={}/away'>", canary.url()),
    )
    .unwrap();
    let _away = shower.send_to(&path);
    assert!(becomes(|| canary.asked().iter().any(|line| line.contains("/away"))));
}

#[test]
fn the_policy_names_the_one_script_and_lets_nothing_be_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "page.html", draft_of("text", "<p>a page"));
    let page = std::fs::read_to_string(&path).unwrap();
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    for wanted in [
        "default-src 'none'",
        "img-src data:",
        "frame-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(wanted), "{wanted}: {policy}");
    }
    assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
    assert_eq!(page.matches("<script").count(), 1);
    // The policy comes before all that it is to hold for.
    assert!(page.find("Content-Security-Policy") < page.find("<style"));
    // The script that it names is the one that runs.
    let shown = Shower::start().open(&path);
    assert_eq!(shown.value("document.querySelectorAll('[role=tablist]').length > 0"), json!(true));
    // And the document in its frame is shown.
    let shot = shown.captured();
    let frames = shot.facts["frames"].as_array().unwrap();
    assert!(frames.len() > 1, "{frames:?}");
    assert!(frames[1..].iter().all(|frame| frame["url"] == "about:srcdoc"), "{frames:?}");
    assert!(shot.text("frame-1.html").contains("a page"));
}
