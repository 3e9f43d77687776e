//! Bodies: of answers, of requests, and the document as it was served.
//!
//! **Invariant:** nothing is asked of a server again. What the browser no longer has is told as
//! such.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::cdp::{Cdp, PAGE};
use super::world::{evaluate, frames};
use crate::capture::{Fault, Item, Taken};
use crate::format::har::{Answer, Body, Kept, Post, RequestId};
use crate::model::config::PagePart;
use crate::model::time::Stopwatch;

/// What the browser may keep of response bodies: in all, and of one.
const BUFFER_BYTES_MAX: u64 = 100 * 1024 * 1024;
const BUFFER_BODY_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// The largest body of a request that is told. One with a picture in it is larger.
const POST_BYTES_MAX: usize = 64 * 1024;
/// The most bodies of requests that are asked for one by one.
const POSTS_MAX: usize = 100;
/// The largest body of an answer that is taken. What a page works with is smaller; a larger one is
/// data of its own.
const BODY_BYTES_MAX: u64 = 5 * 1024 * 1024;
/// The most bytes of all bodies of one capture.
const BODIES_BYTES_MAX: u64 = 50 * 1024 * 1024;
/// The most bodies of one capture: as many as requests are told of, and some.
const BODIES_MAX: usize = 1_000;
/// The longest that is waited for one body, which the browser has at hand.
const BODY_CALL_MAX: Duration = Duration::from_secs(2);

/// What is said where there is no source.
const NO_DOCUMENT: &str = "the server sent no document";

/// How the network of a session is recorded.
pub(super) fn recording() -> Value {
    json!({
        "maxTotalBufferSize": BUFFER_BYTES_MAX,
        "maxResourceBufferSize": BUFFER_BODY_BYTES_MAX,
        "maxPostDataSize": POST_BYTES_MAX,
        "enableDurableMessages": true,
    })
}

/// Switches the recording of the network on in a session. With `enableDurableMessages` the browser
/// keeps bodies when the page goes elsewhere, also to another process (measured in Chromium 156:
/// all of them, where without it none is left); one that does not know it is asked without.
pub(super) fn record(cdp: &mut dyn Cdp, session: &str, within: Duration) -> Result<(), Fault> {
    let mut asked = recording();
    match cdp.call_in(session, "Network.enable", asked.clone(), within) {
        Err(Fault::Refused(_)) => {
            asked["enableDurableMessages"] = json!(false);
            cdp.call_in(session, "Network.enable", asked, within).map(drop)
        }
        answer => answer.map(drop),
    }
}

/// What came of taking bodies.
#[derive(Default)]
pub(super) struct Bodies {
    /// The artifacts.
    pub items: Vec<Item>,
    /// What became of each.
    pub told: Vec<Body>,
    /// Why it ended early.
    pub fault: Option<Fault>,
}

/// Takes the bodies of answers whose media types are worth it.
pub(super) fn take(cdp: &mut dyn Cdp, answers: Vec<Answer>, within: Duration) -> Bodies {
    let watch = Stopwatch::start();
    let mut bodies = Bodies::default();
    let mut bytes = 0;
    for answer in answers {
        let kept = match unwanted(&answer, bytes, bodies.items.len()) {
            Some(why) => Kept::Not(why),
            None if bodies.fault.is_some() || watch.left_of(within).is_zero() => {
                let fault = bodies.fault.get_or_insert(Fault::TimedOut { after: within });
                Kept::Not(fault.to_string())
            }
            None => {
                let left = watch.left_of(within).min(BODY_CALL_MAX);
                match body(cdp, &answer.request, left) {
                    Ok(content) if content.is_empty() => Kept::Empty,
                    Ok(content) if content.len() as u64 > BODY_BYTES_MAX => {
                        Kept::Not(too_large(content.len() as u64))
                    }
                    Ok(content) => {
                        bytes += content.len() as u64;
                        let item = item(&answer, bodies.items.len() + 1, content);
                        let (name, bytes) = (item.name.clone(), item.content.len() as u64);
                        bodies.items.push(item);
                        Kept::Artifact { name, bytes }
                    }
                    Err(Fault::Refused(why)) => {
                        Kept::Not(format!("the browser does not have it: {why}"))
                    }
                    Err(fault) => {
                        let why = fault.to_string();
                        bodies.fault = Some(fault);
                        Kept::Not(why)
                    }
                }
            }
        };
        bodies.told.push(Body { request: answer.request, kept });
    }
    bodies
}

/// Why the body of an answer is not asked for, if it is not.
fn unwanted(answer: &Answer, bytes: u64, count: usize) -> Option<String> {
    if extension(&answer.media_type).is_none() {
        let kind = match answer.media_type.as_str() {
            "" => "an unknown kind",
            kind => kind,
        };
        return Some(format!("bodies of {kind} are not taken"));
    }
    if !answer.finished {
        return Some("it had not all come".to_owned());
    }
    if answer.bytes > BODY_BYTES_MAX {
        return Some(too_large(answer.bytes));
    }
    if bytes + answer.bytes > BODIES_BYTES_MAX {
        return Some(format!("all bodies are more than {BODIES_BYTES_MAX} bytes"));
    }
    (count >= BODIES_MAX).then(|| format!("there are more than {BODIES_MAX} bodies"))
}

fn too_large(bytes: u64) -> String {
    format!("it is {bytes} bytes; at most {BODY_BYTES_MAX} are taken")
}

fn item(answer: &Answer, number: usize, content: Vec<u8>) -> Item {
    let extension = extension(&answer.media_type).unwrap_or("bin");
    let mut detail = json!({
        "url": answer.url,
        "request_id": answer.request.id,
        "media_type": answer.media_type,
    });
    if !answer.request.session.is_empty() {
        detail["session"] = json!(answer.request.session);
    }
    Item {
        name: format!("body-{number:03}.{extension}"),
        media_type: essence(&answer.media_type),
        content,
        detail,
    }
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What the name of a body ends with; none for media types whose bodies are not taken: those of
/// pictures, fonts, films and programs are large and seldom what went wrong.
fn extension(media_type: &str) -> Option<&'static str> {
    let essence = essence(media_type);
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |text: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c);
        !text.is_empty() && text.chars().all(letter)
    };
    if !is_token(kind) || !is_token(subtype) {
        return None;
    }
    match (kind, subtype) {
        ("image" | "audio" | "video" | "font", _) | ("text", "event-stream") => None,
        ("text", "html") | ("application", "xhtml+xml") => Some("html"),
        (_, "json") => Some("json"),
        (_, subtype) if subtype.ends_with("+json") => Some("json"),
        (_, "xml") => Some("xml"),
        (_, subtype) if subtype.ends_with("+xml") => Some("xml"),
        (_, "javascript" | "ecmascript" | "x-javascript" | "x-ecmascript") => Some("js"),
        ("text", "css") => Some("css"),
        ("text", _) => Some("txt"),
        (
            "application",
            "x-www-form-urlencoded"
            | "x-ndjson"
            | "jsonl"
            | "json-seq"
            | "graphql"
            | "yaml"
            | "x-yaml"
            | "toml",
        )
        | ("multipart", "form-data") => Some("txt"),
        _ => None,
    }
}

/// Asks for the body of an answer.
fn body(cdp: &mut dyn Cdp, request: &RequestId, within: Duration) -> Result<Vec<u8>, Fault> {
    let watch = Stopwatch::start();
    let asked = json!({ "requestId": request.id });
    let answer = cdp.call_in(&request.session, "Network.getResponseBody", asked.clone(), within);
    let answer = match answer {
        // The session may have ended with its frame; the page knows of it too.
        Err(Fault::Refused(_)) if !request.session.is_empty() => {
            cdp.call("Network.getResponseBody", asked, watch.left_of(within))
        }
        answer => answer,
    };
    content(&answer?, "body")
}

/// What stands in this field of an answer, which says whether it is base64.
fn content(answer: &Value, name: &str) -> Result<Vec<u8>, Fault> {
    let text = answer[name].as_str().unwrap_or_default();
    match answer["base64Encoded"].as_bool() {
        Some(true) => STANDARD
            .decode(text)
            .map_err(|why| Fault::Unfit(format!("a body that is no base64: {why}"))),
        _ => Ok(text.as_bytes().to_vec()),
    }
}

/// Asks for bodies of requests that no event told: those that the page made of parts.
pub(super) fn posts(cdp: &mut dyn Cdp, wanted: Vec<RequestId>, within: Duration) -> Vec<Post> {
    let watch = Stopwatch::start();
    let mut posts = Vec::new();
    for request in wanted.into_iter().take(POSTS_MAX) {
        let left = watch.left_of(within).min(BODY_CALL_MAX);
        if left.is_zero() {
            break;
        }
        let asked = json!({ "requestId": request.id });
        match cdp.call_in(&request.session, "Network.getRequestPostData", asked, left) {
            Ok(answer) => {
                let content = content(&answer, "postData").unwrap_or_default();
                if (1..=POST_BYTES_MAX).contains(&content.len()) {
                    posts.push(Post { request, content });
                }
            }
            // It went with its document.
            Err(Fault::Refused(_)) => {}
            Err(_) => break,
        }
    }
    posts
}

/// Takes the document of the window as the server sent it.
///
/// Where nobody watched it come (`watched`), the browser is asked for what it has of it in its
/// cache; requests that are made for that are the browser's, not the page's, and their ids are
/// added to `ours`.
pub(super) fn source(
    cdp: &mut dyn Cdp,
    loader: &str,
    watched: bool,
    ours: &mut BTreeSet<String>,
    within: Duration,
) -> Result<Taken, Fault> {
    let watch = Stopwatch::start();
    let tree = match cdp.call("Page.getFrameTree", json!({}), within) {
        Err(Fault::Refused(_)) => Value::Null,
        tree => tree?,
    };
    let frame = &tree["frameTree"]["frame"];
    // What is shown then is the browser's own page.
    if frame["unreachableUrl"].is_string() {
        return Ok(Taken::Nothing(NO_DOCUMENT.to_owned()));
    }
    let loader = frame["loaderId"].as_str().unwrap_or(loader);
    let request = RequestId { session: PAGE.to_owned(), id: loader.to_owned() };
    let left = watch.left_of(within);
    let (content, from) = match body(cdp, &request, left) {
        Ok(content) => (content, Value::Null),
        Err(Fault::Refused(_)) if !watched => {
            let content = cached(cdp, frame, ours, watch.left_of(within))?;
            (content, json!({ "from": "the browser's cache" }))
        }
        Err(fault) => return Err(fault),
    };
    if content.is_empty() {
        return Ok(Taken::Nothing(NO_DOCUMENT.to_owned()));
    }
    Ok(Taken::Several(vec![Item {
        name: PagePart::Source.artifact_name().to_owned(),
        media_type: PagePart::Source.media_type().to_owned(),
        content,
        detail: from,
    }]))
}

/// What the browser has of a document in its cache.
///
/// `Page.getResourceContent` makes the browser load the style sheets and the manifest of the page
/// again, all of them, from the server (measured in Chromium 156; they are not told as the page's
/// requests). They are blocked for that moment, by their addresses, so that nothing else is.
fn cached(
    cdp: &mut dyn Cdp,
    document: &Value,
    ours: &mut BTreeSet<String>,
    within: Duration,
) -> Result<Vec<u8>, Fault> {
    const MANIFEST: &str =
        "[...document.querySelectorAll('link[rel~=manifest]')].map(it => it.href)";
    let watch = Stopwatch::start();
    let tree = cdp.call("Page.getResourceTree", json!({}), within)?;
    let mut blocked = BTreeSet::new();
    for frame in frames(&tree["frameTree"]) {
        let resources = frame["resources"].as_array().into_iter().flatten();
        let again = resources.filter(|it| it["type"] == "Stylesheet" || it["type"] == "Manifest");
        blocked.extend(again.filter_map(|it| it["url"].as_str().map(str::to_owned)));
        let id = frame["frame"]["id"].as_str().unwrap_or_default();
        let manifests = evaluate(cdp, PAGE, id, MANIFEST, watch.left_of(within))?;
        let manifests = manifests.as_array().into_iter().flatten();
        blocked.extend(manifests.filter_map(|it| it.as_str().map(str::to_owned)));
    }
    let urls: Vec<&String> = blocked.iter().collect();
    let last = cdp.last();
    cdp.call("Network.setBlockedURLs", json!({ "urls": urls }), watch.left_of(within))?;
    let asked = json!({ "frameId": document["id"], "url": document["url"] });
    let answer = cdp.call("Page.getResourceContent", asked, watch.left_of(within));
    cdp.call("Network.setBlockedURLs", json!({ "urls": [] }), BODY_CALL_MAX)?;
    for numbered in cdp.events(last, &|method| method == "Network.requestWillBeSent") {
        let params = &numbered.event.params;
        let url = params["request"]["url"].as_str().unwrap_or_default();
        if blocked.contains(url) {
            ours.extend(params["requestId"].as_str().map(str::to_owned));
        }
    }
    content(&answer?, "content")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_are_read_are_taken_and_pictures_are_not() {
        for (media_type, wanted) in [
            ("text/html", Some("html")),
            ("TEXT/HTML; charset=utf-8", Some("html")),
            ("application/json", Some("json")),
            ("application/ld+json", Some("json")),
            ("application/manifest+json", Some("json")),
            ("text/xml", Some("xml")),
            ("application/rss+xml", Some("xml")),
            ("application/xhtml+xml", Some("html")),
            ("text/javascript", Some("js")),
            ("application/javascript", Some("js")),
            ("text/css", Some("css")),
            ("text/plain", Some("txt")),
            ("text/csv", Some("txt")),
            ("application/x-www-form-urlencoded", Some("txt")),
            ("image/png", None),
            ("image/svg+xml", None),
            ("font/woff2", None),
            ("video/mp4", None),
            ("text/event-stream", None),
            ("application/wasm", None),
            ("application/octet-stream", None),
            ("text/ü", None),
            ("text/", None),
            ("text", None),
            ("", None),
        ] {
            assert_eq!(extension(media_type), wanted, "{media_type}");
        }
    }

    #[test]
    fn what_is_too_much_is_told_with_its_size() {
        let answer = |bytes: u64| Answer {
            request: RequestId { session: String::new(), id: "1".into() },
            url: String::new(),
            media_type: "text/plain".into(),
            bytes,
            finished: true,
        };
        assert_eq!(unwanted(&answer(BODY_BYTES_MAX), 0, 0), None);
        let why = unwanted(&answer(BODY_BYTES_MAX + 1), 0, 0).unwrap();
        assert!(why.contains("5242881 bytes"), "{why}");
        let why = unwanted(&answer(1), BODIES_BYTES_MAX, 0).unwrap();
        assert!(why.contains("52428800"), "{why}");
        assert!(unwanted(&answer(1), 0, BODIES_MAX).is_some());
        let unfinished = Answer { finished: false, ..answer(1) };
        assert!(unwanted(&unfinished, 0, 0).is_some());
    }
}
