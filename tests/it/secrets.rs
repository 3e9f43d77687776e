//! A thousand secrets on a real page, none of which comes into the store.
//!
//! The same page is captured without redaction too, and then they are found: so the search sees.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tintype::capture::chrome::{Browser, BrowserOptions, PageOptions, WaitFor};
use tintype::{CaptureConfig, Context, PagePart, Recorder, Repository, Status};

use crate::support::server::{Asked, Server};

/// How many secrets there are.
const SECRETS: usize = 1_000;

/// What is planted: what is looked for, and how it is written.
struct Planted {
    core: String,
    kind: Kind,
}

/// Where a secret stands. Each is a class of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// `Authorization` of a request.
    Authorization,
    /// Another header of a request.
    ApiKey,
    /// A cookie that a script sets, so that it is sent with what follows.
    Cookie,
    /// A cookie that an answer sets.
    SetCookie,
    /// A field of a query that is asked for.
    Query,
    /// A field of a query of a link.
    Link,
    /// A member of JSON that is sent.
    JsonBody,
    /// A field of a form that is sent.
    FormBody,
    /// A part of a multipart form that is sent.
    Multipart,
    /// A member of JSON that comes back.
    JsonAnswer,
    /// A bearer token on the console.
    ConsoleBearer,
    /// A JWT on the console.
    ConsoleJwt,
    /// A token of a forge, in an exception.
    Exception,
    /// A password in the HTML.
    Password,
    /// A hidden field with a token.
    Hidden,
    /// A member of an object in a script in the page.
    Script,
    /// A JWT that everybody can read.
    Text,
    /// A card number that everybody can read.
    Card,
    /// A password in a frame.
    Frame,
    /// A card number that was typed in.
    Typed,
}

const KINDS: [Kind; 20] = [
    Kind::Authorization,
    Kind::ApiKey,
    Kind::Cookie,
    Kind::SetCookie,
    Kind::Query,
    Kind::Link,
    Kind::JsonBody,
    Kind::FormBody,
    Kind::Multipart,
    Kind::JsonAnswer,
    Kind::ConsoleBearer,
    Kind::ConsoleJwt,
    Kind::Exception,
    Kind::Password,
    Kind::Hidden,
    Kind::Script,
    Kind::Text,
    Kind::Card,
    Kind::Frame,
    Kind::Typed,
];

/// Letters and digits, different for each number.
fn random(seed: u64, length: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let noise = crate::support::noise(seed * 31 + 7, length);
    let letters = noise.iter().enumerate().map(|(at, byte)| match at % 6 {
        3 => b'2' + byte % 8,
        _ => LETTERS[usize::from(*byte) % LETTERS.len()],
    });
    String::from_utf8(letters.collect()).unwrap()
}

/// A card number that passes Luhn's check.
fn card(seed: u64) -> String {
    let mut digits = vec![4_u32];
    digits.extend(crate::support::noise(seed * 37 + 5, 14).iter().map(|byte| u32::from(byte % 10)));
    let sum: u32 = (0..15)
        .map(|at| if at % 2 == 0 { digits[at] * 2 / 10 + digits[at] * 2 % 10 } else { digits[at] })
        .sum();
    digits.push((10 - sum % 10) % 10);
    digits.into_iter().filter_map(|digit| char::from_digit(digit, 10)).collect()
}

fn jwt(core: &str) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let body = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{}"}}"#, &core[..8]));
    format!("{head}.{body}.{core}")
}

fn planted() -> Vec<Planted> {
    let all: Vec<Planted> = (0..SECRETS)
        .map(|number| {
            let kind = KINDS[number % KINDS.len()];
            let core = match kind {
                Kind::Card | Kind::Typed => card(number as u64),
                _ => random(number as u64, 32),
            };
            Planted { core, kind }
        })
        .collect();
    let different: BTreeSet<&str> = all.iter().map(|planted| planted.core.as_str()).collect();
    assert_eq!(different.len(), SECRETS);
    all
}

/// The page that does something with each of them.
fn page(planted: &[Planted]) -> String {
    let (mut html, mut script) = (String::new(), String::new());
    for (number, Planted { core, kind }) in planted.iter().enumerate() {
        match kind {
            Kind::Authorization => {
                script += &format!(
                    "ask('/auth/{number}', {{headers: {{Authorization: 'Bearer {core}'}}}});\n"
                );
            }
            Kind::ApiKey => {
                script +=
                    &format!("ask('/key/{number}', {{headers: {{'X-Api-Key': '{core}'}}}});\n");
            }
            Kind::Cookie => {
                script +=
                    &format!("document.cookie = 's{number}={core}; path=/c/{}';\n", number % 5)
            }
            Kind::SetCookie => script += &format!("ask('/set/{number}');\n"),
            Kind::Query => script += &format!("ask('/q?a=1&access_token={core}&b=2');\n"),
            Kind::Link => {
                html += &format!("<a href='https://cdn.example/x?api_key={core}&v=1'>a link</a>\n");
            }
            Kind::JsonBody => {
                script += &format!(
                    "ask('/json/{number}', {{method: 'POST', headers: {{'Content-Type': \
                     'application/json'}}, body: JSON.stringify({{user: {{password: '{core}'}}}})}});\n"
                );
            }
            Kind::FormBody => {
                script += &format!(
                    "ask('/form/{number}', {{method: 'POST', body: new URLSearchParams({{user: 'me', \
                     password: '{core}'}})}});\n"
                );
            }
            Kind::Multipart => {
                script += &format!(
                    "{{ const form = new FormData(); form.append('name', 'me'); \
                     form.append('secret', '{core}'); ask('/multi/{number}', {{method: 'POST', body: form}}); }}\n"
                );
            }
            Kind::JsonAnswer => script += &format!("ask('/answer/{number}');\n"),
            Kind::ConsoleBearer => {
                script += &format!("console.log('sent', 'Authorization: Bearer {core}');\n");
            }
            Kind::ConsoleJwt => {
                script += &format!("console.warn({{token: '{}'}});\n", jwt(core));
            }
            Kind::Exception => {
                script += &format!(
                    "setTimeout(() => {{ throw new Error('refused: ghp_{core}abcd'); }}, 0);\n"
                );
            }
            Kind::Password => html += &format!("<input type=password name=p value='{core}'>\n"),
            Kind::Hidden => {
                html += &format!("<input type=hidden name=csrf_token value='{core}'>\n");
            }
            Kind::Script => {
                html +=
                    &format!("<script>window.c{number} = {{\"apiKey\": \"{core}\"}};</script>\n");
            }
            Kind::Text => html += &format!("<p>Your token is {}</p>\n", jwt(core)),
            Kind::Card => html += &format!("<p>Card {core}</p>\n"),
            Kind::Frame => {}
            Kind::Typed => {
                html += &format!("<input id=t{number} autocomplete=cc-number>\n");
                script += &format!("document.getElementById('t{number}').value = '{core}';\n");
            }
        }
    }
    format!(
        "<!DOCTYPE html><title>Secrets</title><body>{html}<iframe src=/frame></iframe><script>\n\
         let open = 0; const ask = async (url, how) => {{ open++; try {{ await (await fetch(url, how)).text(); \
         }} catch (e) {{}} if (--open === 0 && sealed) document.body.append(done); }};\n\
         let sealed = false; const done = document.createElement('i'); done.id = 'done';\n\
         {script}\nask('/c/0'); ask('/c/1'); ask('/c/2'); ask('/c/3'); ask('/c/4'); sealed = true;</script>"
    )
}

/// What the server saw.
#[derive(Default)]
struct Wire {
    seen: String,
}

fn serve(planted: &Arc<Vec<Planted>>, wire: &Arc<Mutex<Wire>>) -> Server {
    let (planted, wire) = (Arc::clone(planted), Arc::clone(wire));
    Server::start(move |asked: Asked| {
        let mut fields = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
        {
            let mut wire = wire.lock().unwrap();
            wire.seen += &asked.target;
            for name in ["authorization", "cookie", "x-api-key"] {
                wire.seen += asked.header(name).unwrap_or_default();
                wire.seen.push('\n');
            }
        }
        let number = asked.path().rsplit('/').next().and_then(|it| it.parse::<usize>().ok());
        let core = number.and_then(|at| planted.get(at)).map_or("", |planted| &planted.core);
        let body = match asked.path().split('/').nth(1).unwrap_or_default() {
            "" => {
                fields[0].1 = "text/html".into();
                page(&planted)
            }
            "frame" => {
                fields[0].1 = "text/html".into();
                let fields = planted.iter().filter(|planted| planted.kind == Kind::Frame);
                let fields: String = fields
                    .map(|planted| format!("<input type=password value='{}'>", planted.core))
                    .collect();
                format!("<!DOCTYPE html><form>{fields}</form>")
            }
            "set" => {
                fields.push((
                    "Set-Cookie".into(),
                    format!("sid{}={core}; HttpOnly", number.unwrap_or(0)),
                ));
                "set".into()
            }
            "answer" => {
                fields[0].1 = "application/json".into();
                format!(r#"{{"user":"me","access_token":"{core}","list":[1,2]}}"#)
            }
            _ => "ok".into(),
        };
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        asked.respond("200 OK", body.as_bytes(), &fields);
    })
}

/// Captures the page into a new store, and gives which secrets stand where.
fn found(path: &Path, redact: bool, planted: &[Planted], url: &str) -> Vec<(Kind, String, String)> {
    let browser = match Browser::launch(BrowserOptions::default()) {
        Ok(browser) => browser,
        Err(why) => panic!("these tests need Chromium, which `make test` installs: {why}"),
    };
    let mut options =
        PageOptions { wait_timeout: Duration::from_secs(60), ..PageOptions::default() };
    options.waits.push(WaitFor::Selector("#done".into()));
    let mut page = browser.open_with(url, &options).unwrap();

    let repo = Repository::init(path).unwrap();
    let mut config = CaptureConfig::debug().with(PagePart::Pdf);
    config.redact = redact;
    config.time_box = Duration::from_secs(120);
    let context: Context = "shop.example/secrets".parse().unwrap();
    let captured = Recorder::new(&repo).capture(&mut page, &context, &config).unwrap();
    assert_ne!(captured.status, Status::Failed, "{:#}", captured.facts);
    let waits = captured.facts["waits"].as_array().unwrap();
    assert_eq!(waits.last().unwrap()["met"], true, "{:#}", captured.facts);
    let version = captured.wait().unwrap().unwrap().version;

    let mut texts: Vec<(String, String)> = Vec::new();
    let snapshot = repo.get(&version).unwrap();
    texts.push(("what is said of it".into(), serde_json::to_string(&snapshot).unwrap()));
    for artifact in snapshot.artifacts.iter().filter(|artifact| artifact.hash.is_some()) {
        let name = artifact.name.as_str();
        let content = repo.content(&version, name).unwrap();
        let text = String::from_utf8_lossy(&content).into_owned();
        if name == "page.mhtml" {
            // Long lines are broken there: put together again.
            texts.push((format!("{name}, unfolded"), text.replace("=\r\n", "").replace("=\n", "")));
        }
        texts.push((name.to_owned(), text));
    }
    let events = repo.events(&tintype::EventQuery { limit: 1_000, ..Default::default() }).unwrap();
    texts.push(("the log".into(), serde_json::to_string(&events).unwrap()));
    // While it is open, so that there is a log beside it.
    for end in ["", "-wal"] {
        let file = std::fs::read(format!("{}{end}", path.display())).unwrap_or_default();
        texts.push((format!("the file{end}"), String::from_utf8_lossy(&file).into_owned()));
    }
    let mut found = Vec::new();
    for Planted { core, kind } in planted {
        // The second half of a secret is a secret too.
        let half = &core[core.len() / 2..];
        for (place, text) in &texts {
            if text.contains(core.as_str()) || (core.len() > 20 && text.contains(half)) {
                found.push((*kind, core.clone(), place.clone()));
            }
        }
    }
    found
}

#[test]
fn of_a_thousand_secrets_on_a_page_none_comes_into_the_store() {
    let (planted, wire) = (Arc::new(planted()), Arc::<Mutex<Wire>>::default());
    let server = serve(&planted, &wire);
    let folder = tempfile::tempdir().unwrap();

    let found_raw = found(&folder.path().join("raw.db"), false, &planted, &server.url("/"));
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Typed) {
        let seen = found_raw.iter().filter(|(of, ..)| *of == kind).map(|(_, core, _)| core);
        let seen: BTreeSet<&String> = seen.collect();
        // Not all: Chromium keeps some 180 cookies of a site, and of so many requests only the first and
        // the last are kept.
        assert!(seen.len() >= 10, "{kind:?}: {} without redaction", seen.len());
    }
    let on_the_wire = {
        let wire = wire.lock().unwrap();
        let kinds = [Kind::Authorization, Kind::ApiKey, Kind::Cookie, Kind::Query];
        planted.iter().filter(|it| kinds.contains(&it.kind) && wire.seen.contains(&it.core)).count()
    };
    assert_eq!(on_the_wire, 4 * SECRETS / KINDS.len());

    let found = found(&folder.path().join("redacted.db"), true, &planted, &server.url("/"));
    assert!(found.is_empty(), "{} places: {:#?}", found.len(), &found[..found.len().min(20)]);
}
