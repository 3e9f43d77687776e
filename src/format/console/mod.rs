//! What a page said, as JSON Lines: console calls, exceptions, log entries, dialogs, and what
//! happened to it meanwhile: navigation, downloads, windows that it opened, crashes.
//!
//! Each line is an object with `time`, `kind`, `level` and `text`, and where they are known
//! `url`, `line`, `column` (from 1, as people count) and `stack`. Lines are in the order in which
//! the browser told them. A line that comes again and again is one, with `repeat`, how many times,
//! and `until`, the last. What a frame said has `frame`, its id; what was said in a process of its
//! own (a frame of another site, a worker) also `session` and `target`, what it is.
//!
//! | kind | text | more |
//! |---|---|---|
//! | `console` | what was logged | `type`: the call: `log`, `error`, `table`, `startGroup` … |
//! | `exception` | `Uncaught …`, with its stack | `revoked`: a rejected promise was handled after all, and how the browser calls that |
//! | `log` | the browser's own message | `source`, `category`, `request_id` |
//! | `dialog` | what it asked | `type`, `answer`: `dismissed`, `accepted`, `none` |
//! | `navigation` | the address | `type`: `Navigation`, `historyApi`, `fragment` … |
//! | `download` | the name of the file | `state`: `canceled`, `completed`, `inProgress` |
//! | `popup` | the address | `user_gesture`: without one the browser blocks it |
//! | `crash` | what crashed | `status` |
//! | `dropped` | that messages were left out here | `count` |
//!
//! Where nothing is to be told but that the page was gone to, there is no line.

mod values;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use values::{arguments, shown};

use crate::format::protocol::{EVENTS_DROPPED, ProtocolEvent};
use crate::model::time::Time;

/// The longest text of one line, in bytes. A page may log a document; its beginning will do.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The most frames of a stack.
const STACK_FRAMES_MAX: usize = 50;

/// Whether events of this method are looked at.
pub fn reads(method: &str) -> bool {
    !method.starts_with("Network.")
}

/// Makes JSON Lines of the events that have something to say; nothing where none has.
pub fn lines(events: &[ProtocolEvent]) -> Vec<u8> {
    let mut transcript = Transcript::default();
    for event in events {
        transcript.enter(event);
    }
    let mut text = Vec::new();
    for line in transcript.lines() {
        text.extend_from_slice(Value::Object(line).to_string().as_bytes());
        text.push(b'\n');
    }
    text
}

/// Something other than the page itself that talks over the page's connection.
struct Target {
    id: String,
    kind: String,
}

/// The lines so far, and what is needed to know whose they are.
#[derive(Default)]
struct Transcript {
    lines: Vec<Line>,
    targets: HashMap<String, Target>,
    /// The frames of scripts, by session and context.
    contexts: HashMap<(String, i64), String>,
    main_frame: Option<String>,
    /// Frames within the page.
    children: HashSet<String>,
    /// The lines of exceptions, by session and number.
    exceptions: HashMap<(String, i64), usize>,
    /// The lines of downloads, by their ids.
    downloads: HashMap<String, usize>,
    /// The lines of dialogs that are open, by session.
    dialogs: HashMap<String, usize>,
    crashed: HashSet<String>,
    /// Who said something itself.
    talkers: HashSet<String>,
}

impl Transcript {
    fn enter(&mut self, event: &ProtocolEvent) {
        let ProtocolEvent { at, session, method, params } = event;
        let text = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
        match method.as_str() {
            "Runtime.consoleAPICalled" => {
                let call = params["type"].as_str().unwrap_or("log");
                let said = params["args"].as_array().map_or(&[][..], Vec::as_slice);
                let line = Line::new("console", console_level(call), arguments(said))
                    .at(millis(&params["timestamp"]).unwrap_or(*at))
                    .with("type", call.into())
                    .stack(&params["stackTrace"]);
                self.talk(session, &params["executionContextId"], line);
            }
            "Runtime.exceptionThrown" => {
                let details = &params["exceptionDetails"];
                let line = Line::new("exception", "error", exception_text(details))
                    .at(millis(&params["timestamp"]).unwrap_or(*at))
                    .place(details)
                    .stack(&details["stackTrace"]);
                self.talk(session, &details["executionContextId"], line);
                if let Some(id) = details["exceptionId"].as_i64() {
                    self.exceptions.insert((session.clone(), id), self.lines.len() - 1);
                }
            }
            "Runtime.exceptionRevoked" => {
                let id = params["exceptionId"].as_i64().unwrap_or(-1);
                if let Some(at) = self.exceptions.remove(&(session.clone(), id)) {
                    self.lines[at].set("revoked", params["reason"].clone());
                }
            }
            "Runtime.executionContextCreated" => {
                let context = &params["context"];
                let frame = context["auxData"]["frameId"].as_str();
                if let (Some(id), Some(frame)) = (context["id"].as_i64(), frame) {
                    self.contexts.insert((session.clone(), id), frame.to_owned());
                }
            }
            "Log.entryAdded" => {
                let entry = &params["entry"];
                let said = entry["text"].as_str().unwrap_or_default().to_owned();
                let mut line = Line::new("log", entry["level"].as_str().unwrap_or("info"), said)
                    .at(millis(&entry["timestamp"]).unwrap_or(*at))
                    .with("source", entry["source"].clone())
                    .with("category", entry["category"].clone())
                    .with("request_id", entry["networkRequestId"].clone())
                    .place(entry)
                    .stack(&entry["stackTrace"]);
                line.of_worker = entry["workerId"].as_str().map(str::to_owned);
                self.add(session, line);
            }
            "Page.javascriptDialogOpening" => {
                let line = Line::new("dialog", "warning", text("message"))
                    .at(*at)
                    .with("type", params["type"].clone())
                    .with("answer", "none".into())
                    .with("url", filled(&params["url"]));
                self.add(session, line);
                self.dialogs.insert(session.clone(), self.lines.len() - 1);
            }
            "Page.javascriptDialogClosed" => {
                if let Some(at) = self.dialogs.remove(session) {
                    let answer = if params["result"] == true { "accepted" } else { "dismissed" };
                    self.lines[at].set("answer", answer.into());
                }
            }
            "Page.frameAttached" => {
                self.children.insert(text("frameId"));
            }
            "Page.frameNavigated" => self.navigated(*at, session, params),
            "Page.navigatedWithinDocument" => {
                let frame = text("frameId");
                if session.is_empty() && !self.is_inner(&frame) {
                    let kind = params["navigationType"].clone();
                    let line = Line::new("navigation", "info", text("url")).at(*at);
                    self.add(session, line.with("type", kind));
                }
            }
            "Page.windowOpen" => {
                let line = Line::new("popup", "info", text("url"))
                    .at(*at)
                    .with("user_gesture", params["userGesture"].clone());
                self.add(session, line);
            }
            "Page.downloadWillBegin" | "Browser.downloadWillBegin" => {
                // Both tell of the same.
                if self.downloads.contains_key(&text("guid")) {
                    return;
                }
                let line = Line::new("download", "warning", text("suggestedFilename"))
                    .at(*at)
                    .with("state", "inProgress".into())
                    .with("url", filled(&params["url"]));
                self.add(session, line);
                self.downloads.insert(text("guid"), self.lines.len() - 1);
            }
            "Page.downloadProgress" | "Browser.downloadProgress" => {
                if let Some(at) = self.downloads.get(&text("guid")) {
                    self.lines[*at].set("state", params["state"].clone());
                }
            }
            "Inspector.targetCrashed" => self.crash(*at, session, &Value::Null),
            "Target.targetCrashed" => {
                let id = text("targetId");
                let of = self.targets.iter().find(|(_, target)| target.id == id);
                let whose = of.map(|(session, _)| session.clone()).unwrap_or_default();
                self.crash(*at, &whose, &params["status"]);
            }
            "Target.attachedToTarget" => {
                let info = &params["targetInfo"];
                let part = |name: &str| info[name].as_str().unwrap_or_default().to_owned();
                let target = Target { id: part("targetId"), kind: part("type") };
                self.targets.insert(text("sessionId"), target);
            }
            EVENTS_DROPPED if params["kind"] == "said" => {
                let what = "messages were left out here; there were too many";
                let line = Line::new("dropped", "warning", what.to_owned())
                    .at(*at)
                    .with("count", params["count"].clone());
                self.add(session, line);
            }
            _ => {}
        }
    }

    fn navigated(&mut self, at: Time, session: &str, params: &Value) {
        let frame = &params["frame"];
        let id = frame["id"].as_str().unwrap_or_default();
        if frame["parentId"].is_string() {
            self.children.insert(id.to_owned());
            return;
        }
        if !session.is_empty() {
            return;
        }
        self.main_frame = Some(id.to_owned());
        let (level, url) = match frame["unreachableUrl"].as_str() {
            Some(url) => ("error", url.to_owned()),
            None => {
                let part = |name: &str| frame[name].as_str().unwrap_or_default();
                ("info", format!("{}{}", part("url"), part("urlFragment")))
            }
        };
        let unreachable = (level == "error").then_some(true);
        let line = Line::new("navigation", level, url)
            .at(at)
            .with("type", params["type"].clone())
            .with("unreachable", json!(unreachable));
        self.add(session, line);
    }

    fn crash(&mut self, at: Time, session: &str, status: &Value) {
        if !self.crashed.insert(session.to_owned()) {
            return;
        }
        let what = match self.targets.get(session).map(|target| target.kind.as_str()) {
            None if session.is_empty() => "the page crashed",
            Some("iframe") => "a frame crashed",
            Some(kind) if kind.ends_with("worker") => "a worker crashed",
            _ => "a part of the page crashed",
        };
        let line = Line::new("crash", "error", what.to_owned()).at(at);
        self.add(session, line.with("status", status.clone()));
    }

    fn is_inner(&self, frame: &str) -> bool {
        match &self.main_frame {
            Some(main) => main != frame,
            None => self.children.contains(frame),
        }
    }

    /// Adds what a script said.
    fn talk(&mut self, session: &str, context: &Value, line: Line) {
        if let Some(target) = self.targets.get(session) {
            self.talkers.insert(target.id.clone());
        }
        let key = (session.to_owned(), context.as_i64().unwrap_or(-1));
        let frame = self.contexts.get(&key).filter(|frame| self.is_inner(frame)).cloned();
        self.add(session, line.with("frame", json!(frame)));
    }

    fn add(&mut self, session: &str, mut line: Line) {
        if !session.is_empty() {
            line.set("session", session.into());
            if let Some(target) = self.targets.get(session) {
                line.set("target", json!(target.kind));
            }
        }
        self.lines.push(line);
    }

    /// The lines as they are told.
    fn lines(self) -> Vec<Map<String, Value>> {
        // A worker's messages are told by the page too, with less.
        let told_better =
            |line: &Line| line.of_worker.as_ref().is_some_and(|id| self.talkers.contains(id));
        let mut told: Vec<Map<String, Value>> = Vec::new();
        for Line { fields, .. } in self.lines.into_iter().filter(|line| !told_better(line)) {
            match told.last_mut() {
                Some(last) if is_same(last, &fields) => {
                    let times = last.get("repeat").and_then(Value::as_u64).unwrap_or(1) + 1;
                    last.insert("repeat".to_owned(), times.into());
                    last.insert("until".to_owned(), fields["time"].clone());
                }
                _ => told.push(fields),
            }
        }
        match told.as_slice() {
            [only] if only["kind"] == "navigation" => Vec::new(),
            _ => told,
        }
    }
}

/// Whether a line says what another said, at another time.
fn is_same(before: &Map<String, Value>, line: &Map<String, Value>) -> bool {
    let own = |name: &str| !matches!(name, "time" | "repeat" | "until");
    let repeats = usize::from(before.contains_key("repeat")) * 2;
    before.len() - repeats == line.len()
        && line.iter().filter(|(name, _)| own(name)).all(|(name, it)| before.get(name) == Some(it))
}

/// A line in the making; what is null is left out.
struct Line {
    fields: Map<String, Value>,
    /// The worker that said it, where the page tells of it.
    of_worker: Option<String>,
}

impl Line {
    fn new(kind: &str, level: &str, text: String) -> Self {
        let mut fields = Map::new();
        // First in the line, filled in by `at`.
        fields.insert("time".into(), Value::Null);
        fields.insert("kind".into(), kind.into());
        fields.insert("level".into(), level.into());
        fields.insert("text".into(), clipped(text).into());
        Line { fields, of_worker: None }
    }

    fn at(self, time: Time) -> Self {
        self.with("time", time.to_string().into())
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.set(name, value);
        self
    }

    fn set(&mut self, name: &str, value: Value) {
        if !value.is_null() {
            self.fields.insert(name.to_owned(), value);
        }
    }

    /// Takes `url`, `lineNumber` and `columnNumber` of an event, which count from 0.
    fn place(self, place: &Value) -> Self {
        self.with("url", filled(&place["url"]))
            .with("line", from_one(&place["lineNumber"]))
            .with("column", from_one(&place["columnNumber"]))
    }

    /// Takes a stack, and its uppermost frame as the place unless there is one already.
    fn stack(self, stack: &Value) -> Self {
        let Some(frames) = stack["callFrames"].as_array().filter(|frames| !frames.is_empty())
        else {
            return self;
        };
        let shown: Vec<Value> = frames
            .iter()
            .take(STACK_FRAMES_MAX)
            .map(|frame| {
                json!({
                    "function": frame["functionName"],
                    "url": frame["url"],
                    "line": from_one(&frame["lineNumber"]),
                    "column": from_one(&frame["columnNumber"]),
                })
            })
            .collect();
        let line = match self.fields.contains_key("line") {
            true => self,
            false => self.place(&frames[0]),
        };
        line.with("stack", shown.into())
    }
}

fn console_level(call: &str) -> &'static str {
    match call {
        "error" | "assert" => "error",
        "warning" => "warning",
        "debug" => "debug",
        _ => "info",
    }
}

/// The message of an exception, with the stack as the browser writes it where there is one.
fn exception_text(details: &Value) -> String {
    let said = details["text"].as_str().unwrap_or("Uncaught");
    match details.get("exception").filter(|exception| exception.is_object()) {
        Some(exception) => format!("{said} {}", shown(exception)),
        None => said.to_owned(),
    }
}

/// A text, or null where there is none in it.
fn filled(text: &Value) -> Value {
    match text.as_str() {
        Some("") | None => Value::Null,
        Some(text) => text.into(),
    }
}

fn from_one(number: &Value) -> Value {
    number.as_i64().map_or(Value::Null, |number| number.saturating_add(1).into())
}

/// A moment in milliseconds since 1970, with a fraction.
fn millis(value: &Value) -> Option<Time> {
    Time::from_micros((value.as_f64()? * 1000.0).round() as i64).ok()
}

fn clipped(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(session: &str, method: &str, params: Value) -> ProtocolEvent {
        ProtocolEvent { at: Time::MIN, session: session.into(), method: method.into(), params }
    }

    fn told(events: &[ProtocolEvent]) -> Vec<Value> {
        let text = String::from_utf8(lines(events)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn one(method: &str, params: Value) -> Value {
        let mut told = told(&[of("", method, params)]);
        assert_eq!(told.len(), 1);
        told.remove(0)
    }

    fn said(session: &str, text: &str, timestamp: f64) -> ProtocolEvent {
        let args = json!([{ "type": "string", "value": text }]);
        let params = json!({ "type": "log", "args": args, "timestamp": timestamp,
            "executionContextId": 7 });
        of(session, "Runtime.consoleAPICalled", params)
    }

    #[test]
    fn each_call_has_its_type_and_its_level() {
        for (call, level) in [
            ("log", "info"),
            ("debug", "debug"),
            ("info", "info"),
            ("error", "error"),
            ("warning", "warning"),
            ("dir", "info"),
            ("dirxml", "info"),
            ("table", "info"),
            ("trace", "info"),
            ("clear", "info"),
            ("startGroup", "info"),
            ("startGroupCollapsed", "info"),
            ("endGroup", "info"),
            ("assert", "error"),
            ("profile", "info"),
            ("profileEnd", "info"),
            ("count", "info"),
            ("timeEnd", "info"),
        ] {
            let args = json!([{ "type": "string", "value": "x" }]);
            let params = json!({ "type": call, "args": args, "timestamp": 1_700_000_000_123.456 });
            let line = one("Runtime.consoleAPICalled", params);
            assert_eq!((&line["kind"], &line["type"]), (&json!("console"), &json!(call)));
            assert_eq!((&line["level"], &line["text"]), (&json!(level), &json!("x")));
            assert_eq!(line["time"], "2023-11-14T22:13:20.123456Z");
        }
    }

    #[test]
    fn places_count_from_one_and_come_from_the_stack_where_nothing_else_tells_them() {
        let stack = json!({ "callFrames": [
            { "functionName": "f", "url": "http://a/x.js", "lineNumber": 4, "columnNumber": 0 }] });
        let line = one(
            "Runtime.consoleAPICalled",
            json!({ "type": "warning", "args": [], "stackTrace": stack }),
        );
        assert_eq!(line["line"], 5);
        assert_eq!(line["column"], 1);
        assert_eq!(line["url"], "http://a/x.js");
        assert_eq!(line["stack"][0]["function"], "f");
    }

    #[test]
    fn what_was_thrown_is_told_and_a_rejection_that_was_handled_after_all_is_marked() {
        let thrown = |id: u32, exception: Value| {
            let details = json!({ "exceptionId": id, "text": "Uncaught (in promise)",
                "exception": exception });
            of("", "Runtime.exceptionThrown", json!({ "exceptionDetails": details }))
        };
        let preview = json!({ "type": "object", "description": "Object", "properties": [
            { "name": "code", "type": "number", "value": "7" }] });
        let revoked = json!({ "reason": "Handler added to rejected promise", "exceptionId": 2 });
        let lines = told(&[
            thrown(1, json!({ "type": "number", "value": 7 })),
            thrown(2, json!({ "type": "object", "description": "Error: x\n    at f" })),
            thrown(3, json!({ "type": "object", "description": "Object", "preview": preview })),
            of("S", "Runtime.exceptionRevoked", json!({ "exceptionId": 1 })),
            of("", "Runtime.exceptionRevoked", revoked),
        ]);
        let texts: Vec<_> = lines.iter().map(|line| &line["text"]).collect();
        let wanted = [
            "Uncaught (in promise) 7",
            "Uncaught (in promise) Error: x\n    at f",
            "Uncaught (in promise) {code: 7}",
        ];
        assert_eq!(texts, wanted);
        let marked: Vec<bool> = lines.iter().map(|line| line.get("revoked").is_some()).collect();
        assert_eq!(marked, [false, true, false]);
    }

    #[test]
    fn the_same_line_again_and_again_is_one_that_counts() {
        let mut events: Vec<_> =
            (0..5).map(|at| said("", "again", 1_700_000_000_000.0 + f64::from(at))).collect();
        events.push(said("", "else", 0.0));
        events.push(said("", "again", 0.0));
        let lines = told(&events);
        let repeats: Vec<_> = lines.iter().map(|line| line["repeat"].as_u64()).collect();
        assert_eq!(repeats, [Some(5), None, None]);
        assert_eq!(lines[0]["time"], "2023-11-14T22:13:20.000000Z");
        assert_eq!(lines[0]["until"], "2023-11-14T22:13:20.004000Z");
    }

    #[test]
    fn where_messages_were_left_out_a_line_says_how_many() {
        let dropped = json!({ "kind": "said", "count": 98_765 });
        let other = json!({ "kind": "network", "count": 3 });
        let lines = told(&[
            said("", "first", 0.0),
            of("", EVENTS_DROPPED, dropped),
            of("", EVENTS_DROPPED, other),
            said("", "last", 0.0),
        ]);
        let kinds: Vec<_> = lines.iter().map(|line| &line["kind"]).collect();
        assert_eq!(kinds, ["console", "dropped", "console"]);
        assert_eq!(lines[1]["count"], 98_765);
    }

    #[test]
    fn what_frames_and_workers_say_names_them_and_is_told_once() {
        let attached = |session: &str, id: &str, kind: &str| {
            let info = json!({ "targetId": id, "type": kind, "url": "http://a/w.js" });
            of("", "Target.attachedToTarget", json!({ "sessionId": session, "targetInfo": info }))
        };
        let context = |id: u32, frame: &str| {
            let context = json!({ "id": id, "auxData": { "frameId": frame } });
            of("", "Runtime.executionContextCreated", json!({ "context": context }))
        };
        let log = |worker: &str| {
            let entry = json!({ "source": "worker", "level": "info", "text": "less",
                "workerId": worker });
            of("", "Log.entryAdded", json!({ "entry": entry }))
        };
        let main = json!({ "frame": { "id": "F", "url": "http://a/" } });
        let lines = told(&[
            of("", "Page.frameNavigated", main),
            context(7, "G"),
            attached("S", "W", "worker"),
            attached("T", "H", "iframe"),
            log("W"),
            log("V"),
            said("S", "from a worker", 0.0),
            said("T", "from another site", 0.0),
            said("", "from a frame", 0.0),
            context(7, "F"),
            said("", "from the page", 0.0),
        ]);
        let fields: Vec<_> = lines
            .iter()
            .map(|line| (&line["text"], &line["session"], &line["target"], &line["frame"]))
            .collect();
        let null = &Value::Null;
        let wanted = [
            (&json!("http://a/"), null, null, null),
            // Of a worker that nobody listened to.
            (&json!("less"), null, null, null),
            (&json!("from a worker"), &json!("S"), &json!("worker"), null),
            (&json!("from another site"), &json!("T"), &json!("iframe"), null),
            (&json!("from a frame"), null, null, &json!("G")),
            (&json!("from the page"), null, null, null),
        ];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn what_happened_to_the_page_is_told_and_going_to_it_alone_is_not() {
        let main = |url: &str| {
            let frame = json!({ "id": "F", "url": url, "urlFragment": "#x" });
            of("", "Page.frameNavigated", json!({ "frame": frame, "type": "Navigation" }))
        };
        assert_eq!(told(&[main("http://a/")]), [Value::Null; 0]);
        let child = json!({ "frame": { "id": "G", "parentId": "F", "url": "http://a/frame" } });
        let within = |frame: &str, url: &str| {
            let params = json!({ "frameId": frame, "url": url, "navigationType": "historyApi" });
            of("", "Page.navigatedWithinDocument", params)
        };
        let download = json!({ "guid": "D", "url": "http://a/dl", "suggestedFilename": "a.bin" });
        let dialog = json!({ "type": "prompt", "message": "name?", "url": "http://a/" });
        let failed = json!({ "frame": { "id": "F", "url": "chrome-error://x/",
            "unreachableUrl": "http://b/" } });
        let lines = told(&[
            main("http://a/"),
            of("", "Page.frameNavigated", child),
            within("F", "http://a/2"),
            within("G", "http://a/frame#y"),
            of("", "Page.windowOpen", json!({ "url": "http://a/3", "userGesture": false })),
            of("", "Page.downloadWillBegin", download.clone()),
            of("", "Browser.downloadWillBegin", download),
            of("", "Page.downloadProgress", json!({ "guid": "D", "state": "canceled" })),
            of("", "Page.javascriptDialogOpening", dialog),
            of("", "Page.javascriptDialogClosed", json!({ "result": false })),
            of("", "Page.frameNavigated", failed),
            of("", "Inspector.targetCrashed", json!({})),
            of("", "Target.targetCrashed", json!({ "targetId": "X", "status": "oom" })),
        ]);
        let fields: Vec<[&str; 4]> = lines
            .iter()
            .map(|line| {
                let more = ["type", "state", "answer"].map(|name| line[name].as_str());
                let more = more.into_iter().flatten().last().unwrap_or("");
                let field = |name: &str| line[name].as_str().unwrap();
                [field("kind"), field("level"), field("text"), more]
            })
            .collect();
        let wanted = [
            ["navigation", "info", "http://a/#x", "Navigation"],
            ["navigation", "info", "http://a/2", "historyApi"],
            ["popup", "info", "http://a/3", ""],
            ["download", "warning", "a.bin", "canceled"],
            ["dialog", "warning", "name?", "dismissed"],
            ["navigation", "error", "http://b/", ""],
            ["crash", "error", "the page crashed", ""],
        ];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn events_of_other_kinds_and_shapes_make_no_line_and_no_harm() {
        assert_eq!(lines(&[of("", "Network.requestWillBeSent", json!({}))]), b"");
        for method in ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"] {
            for params in [json!(null), json!([]), json!({ "args": 3, "entry": "x" })] {
                assert!(one(method, params)["kind"].is_string());
            }
        }
        for method in [
            "Runtime.exceptionRevoked",
            "Runtime.executionContextCreated",
            "Page.javascriptDialogClosed",
            "Page.frameNavigated",
            "Page.downloadProgress",
            "Target.attachedToTarget",
            EVENTS_DROPPED,
        ] {
            for params in [json!(null), json!([]), json!({ "frame": 3, "context": [1] })] {
                assert!(told(&[of("", method, params)]).is_empty());
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_on_a_character() {
        let text = "é".repeat(TEXT_BYTES_MAX);
        let args = json!([{ "type": "string", "value": format!("a{text}") }]);
        let line = one("Runtime.consoleAPICalled", json!({ "type": "log", "args": args }));
        assert!(line["text"].as_str().unwrap().len() <= TEXT_BYTES_MAX + "…".len());
    }
}
