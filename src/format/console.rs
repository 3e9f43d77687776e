//! What a page said, as JSON Lines: console calls, exceptions, log entries, dialogs, crashes.
//!
//! Each line is an object with `time`, `kind`, `level` and `text`, and where they are known
//! `url`, `line`, `column` (from 1, as people count) and `stack`. Lines are in the order in which
//! the browser told them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::format::protocol::ProtocolEvent;
use crate::model::time::Time;

/// The longest text of one line, in bytes. A page may log a document; its beginning will do.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The most frames of a stack.
const STACK_FRAMES_MAX: usize = 50;

/// Makes JSON Lines of the events that have something to say; nothing where none has.
pub fn lines(events: &[ProtocolEvent]) -> Vec<u8> {
    let mut text = Vec::new();
    // The workers that tell themselves what they say.
    let heard: BTreeSet<&str> = events
        .iter()
        .filter(|event| event.method == "Target.attachedToTarget")
        .filter_map(|event| event.params["targetInfo"]["targetId"].as_str())
        .collect();
    let is_said_again = |event: &&ProtocolEvent| {
        let entry = &event.params["entry"];
        event.method == "Log.entryAdded"
            && entry["source"] == "worker"
            && entry["workerId"].as_str().is_some_and(|worker| heard.contains(worker))
    };
    let events = events.iter().filter(|event| !is_said_again(event));
    for line in events.filter_map(line) {
        text.extend_from_slice(line.to_string().as_bytes());
        text.push(b'\n');
    }
    text
}

fn line(event: &ProtocolEvent) -> Option<Value> {
    let params = &event.params;
    let line = match event.method.as_str() {
        "Runtime.consoleAPICalled" => {
            let call = params["type"].as_str().unwrap_or("log");
            let arguments = params["args"].as_array().map_or(&[][..], Vec::as_slice);
            let text: Vec<String> = arguments.iter().map(shown).collect();
            Line::new("console", console_level(call), text.join(" "))
                .at(millis(&params["timestamp"]).unwrap_or(event.at))
                .with("type", call.into())
                .stack(&params["stackTrace"])
        }
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            Line::new("exception", "error", exception_text(details))
                .at(millis(&params["timestamp"]).unwrap_or(event.at))
                .place(details)
                .stack(&details["stackTrace"])
        }
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let text = entry["text"].as_str().unwrap_or_default().to_owned();
            Line::new("log", entry["level"].as_str().unwrap_or("info"), text)
                .at(millis(&entry["timestamp"]).unwrap_or(event.at))
                .with("source", entry["source"].clone())
                .with("request_id", entry["networkRequestId"].clone())
                .place(entry)
                .stack(&entry["stackTrace"])
        }
        "Page.javascriptDialogOpening" => {
            let text = params["message"].as_str().unwrap_or_default().to_owned();
            Line::new("dialog", "warning", text)
                .at(event.at)
                .with("type", params["type"].clone())
                .with("answer", "dismissed".into())
                .with("url", params["url"].clone())
        }
        "Inspector.targetCrashed" => {
            let what = if event.session.is_empty() { "the page" } else { "a frame of the page" };
            Line::new("crash", "error", format!("{what} crashed")).at(event.at)
        }
        _ => return None,
    };
    Some(Value::Object(line.0))
}

/// A line in the making; what is null is left out.
struct Line(Map<String, Value>);

impl Line {
    fn new(kind: &str, level: &str, text: String) -> Self {
        let mut line = Map::new();
        // First in the line, filled in by `at`.
        line.insert("time".into(), Value::Null);
        line.insert("kind".into(), kind.into());
        line.insert("level".into(), level.into());
        line.insert("text".into(), clipped(text).into());
        Line(line)
    }

    fn at(self, time: Time) -> Self {
        self.with("time", time.to_string().into())
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        if !value.is_null() {
            self.0.insert(name.to_owned(), value);
        }
        self
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
        let line = match self.0.contains_key("line") {
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
    let exception = &details["exception"];
    let said = details["text"].as_str().unwrap_or("Uncaught");
    match exception["description"].as_str() {
        Some(description) => format!("{said} {description}"),
        None if exception.get("value").is_some() => format!("{said} {}", exception["value"]),
        None => said.to_owned(),
    }
}

/// Shows an argument of a console call as the browser's own console does, without asking the page
/// anything: what is not in the event is not told.
fn shown(argument: &Value) -> String {
    if let Some(text) = argument["value"].as_str() {
        return text.to_owned();
    }
    if argument["preview"].is_object() && argument["subtype"] != "error" {
        return preview(&argument["preview"]);
    }
    for field in ["unserializableValue", "description"] {
        if let Some(text) = argument[field].as_str() {
            return text.to_owned();
        }
    }
    match argument.get("value") {
        Some(value) => value.to_string(),
        None => argument["type"].as_str().unwrap_or("?").to_owned(),
    }
}

fn preview(preview: &Value) -> String {
    let is_array = preview["subtype"] == "array";
    let mut members: Vec<String> = Vec::new();
    for property in preview["properties"].as_array().into_iter().flatten() {
        let value = match (property["type"].as_str(), property["value"].as_str()) {
            (Some("string"), Some(text)) => Value::from(text).to_string(),
            (_, Some(text)) => text.to_owned(),
            (kind, None) => kind.unwrap_or("?").to_owned(),
        };
        members.push(match is_array {
            true => value,
            false => format!("{}: {value}", property["name"].as_str().unwrap_or("?")),
        });
    }
    if preview["overflow"] == true {
        members.push("…".to_owned());
    }
    let inside = members.join(", ");
    match (is_array, preview["description"].as_str()) {
        (true, _) => format!("[{inside}]"),
        (false, None | Some("Object")) => format!("{{{inside}}}"),
        (false, Some(class)) => format!("{class} {{{inside}}}"),
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
    number.as_i64().map_or(Value::Null, |number| (number + 1).into())
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

    fn of(method: &str, params: Value) -> ProtocolEvent {
        ProtocolEvent { at: Time::MIN, session: String::new(), method: method.into(), params }
    }

    fn told(method: &str, params: Value) -> Value {
        let event = of(method, params);
        line(&event).unwrap()
    }

    #[test]
    fn arguments_are_shown_as_a_console_shows_them() {
        let args = json!([
            { "type": "string", "value": "a \"word\"" },
            { "type": "number", "value": 1.5, "description": "1.5" },
            { "type": "number", "unserializableValue": "NaN", "description": "NaN" },
            { "type": "undefined" },
            { "type": "object", "subtype": "null", "value": null },
            { "type": "object", "className": "Object", "description": "Object", "preview": {
                "type": "object", "description": "Object", "overflow": true, "properties": [
                    { "name": "a", "type": "number", "value": "1" },
                    { "name": "b", "type": "string", "value": "x" } ] } },
            { "type": "object", "subtype": "array", "description": "Array(1)", "preview": {
                "type": "object", "subtype": "array", "description": "Array(1)",
                "properties": [{ "name": "0", "type": "boolean", "value": "true" }] } },
            { "type": "object", "subtype": "trustedtype", "description": "<b>" },
        ]);
        let params = json!({ "type": "log", "args": args, "timestamp": 1_700_000_000_123.456 });
        let line = told("Runtime.consoleAPICalled", params);
        let text = "a \"word\" 1.5 NaN undefined null {a: 1, b: \"x\", …} [true] <b>";
        assert_eq!(line["text"], text);
        assert_eq!(line["time"], "2023-11-14T22:13:20.123456Z");
        assert_eq!((&line["kind"], &line["level"]), (&json!("console"), &json!("info")));
    }

    #[test]
    fn places_count_from_one_and_come_from_the_stack_where_nothing_else_tells_them() {
        let stack = json!({ "callFrames": [
            { "functionName": "f", "url": "http://a/x.js", "lineNumber": 4, "columnNumber": 0 }] });
        let line = told(
            "Runtime.consoleAPICalled",
            json!({ "type": "warning", "args": [], "stackTrace": stack }),
        );
        assert_eq!(line["line"], 5);
        assert_eq!(line["column"], 1);
        assert_eq!(line["url"], "http://a/x.js");
        assert_eq!(line["stack"][0]["function"], "f");
    }

    #[test]
    fn a_thrown_value_that_is_no_error_is_told() {
        let details = json!({ "text": "Uncaught", "exception": { "type": "number", "value": 7 } });
        let line = told("Runtime.exceptionThrown", json!({ "exceptionDetails": details }));
        assert_eq!(line["text"], "Uncaught 7");
    }

    #[test]
    fn events_of_other_kinds_and_shapes_make_no_line_and_no_harm() {
        assert_eq!(lines(&[of("Network.requestWillBeSent", json!({}))]), b"");
        for method in ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"] {
            for params in [json!(null), json!([]), json!({ "args": 3, "entry": "x" })] {
                let text = lines(&[of(method, params)]);
                assert!(serde_json::from_slice::<Value>(&text).unwrap()["kind"].is_string());
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_on_a_character() {
        let text = "é".repeat(TEXT_BYTES_MAX);
        let args = json!([{ "type": "string", "value": format!("a{text}") }]);
        let line = told("Runtime.consoleAPICalled", json!({ "type": "log", "args": args }));
        assert!(line["text"].as_str().unwrap().len() <= TEXT_BYTES_MAX + "…".len());
    }
}
