//! Values of a page as its console shows them, without asking the page anything: what is not in the
//! event is not told.

use serde_json::Value;

/// The most properties and entries of one value that are shown. A browser tells five of an object
/// and a hundred of a list.
const MEMBERS_MAX: usize = 100;

/// Shows the arguments of a console call: the first may be a format
/// (<https://console.spec.whatwg.org/#formatter>).
pub(super) fn arguments(arguments: &[Value]) -> String {
    let mut rest = arguments.iter();
    let mut told = Vec::new();
    match arguments.first().and_then(|first| first["value"].as_str()) {
        Some(format) if format.contains('%') && arguments.len() > 1 => {
            rest.next();
            told.push(formatted(format, &mut rest));
        }
        _ => {}
    }
    told.extend(rest.map(shown));
    told.join(" ")
}

fn formatted<'a>(format: &str, rest: &mut impl Iterator<Item = &'a Value>) -> String {
    let mut text = String::with_capacity(format.len());
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        let directive = letters.peek().copied().filter(|_| letter == '%');
        match directive {
            Some('%') => text.push('%'),
            Some('s' | 'd' | 'i' | 'f' | 'o' | 'O' | 'c') => match rest.next() {
                // A style.
                Some(_) if directive == Some('c') => {}
                Some(value) => text.push_str(&shown(value)),
                None => {
                    text.push('%');
                    continue;
                }
            },
            _ => {
                text.push(letter);
                continue;
            }
        }
        letters.next();
    }
    text
}

/// Shows one value: a text as it is, an object by its preview, anything else by its description.
pub(super) fn shown(value: &Value) -> String {
    if let Some(text) = value["value"].as_str() {
        return text.to_owned();
    }
    if value["preview"].is_object() {
        return preview(&value["preview"]);
    }
    for field in ["unserializableValue", "description"] {
        if let Some(text) = value[field].as_str() {
            return text.to_owned();
        }
    }
    match value.get("value") {
        Some(value) => value.to_string(),
        None => value["type"].as_str().unwrap_or("?").to_owned(),
    }
}

fn preview(preview: &Value) -> String {
    let description = preview["description"].as_str().unwrap_or_default();
    let is_list = match preview["subtype"].as_str() {
        // What they are stands in their description; their properties are the class's.
        Some(
            "error" | "node" | "regexp" | "date" | "proxy" | "trustedtype" | "weakmap" | "weakset"
            | "arraybuffer" | "dataview" | "generator" | "iterator" | "webassemblymemory"
            | "wasmvalue" | "null",
        ) => return description.to_owned(),
        Some("array" | "typedarray") => true,
        _ => false,
    };
    let mut members: Vec<String> = Vec::new();
    let entries = preview["entries"].as_array();
    for entry in entries.into_iter().flatten().take(MEMBERS_MAX) {
        let value = inner(&entry["value"]);
        members.push(match entry.get("key") {
            Some(key) => format!("{} => {value}", inner(key)),
            None => value,
        });
    }
    let properties = preview["properties"].as_array().filter(|_| entries.is_none());
    for property in properties.into_iter().flatten().take(MEMBERS_MAX) {
        let name = property["name"].as_str().unwrap_or("?");
        let is_index = name.bytes().all(|byte| byte.is_ascii_digit());
        if is_list && !is_index {
            continue;
        }
        let value = match (property["type"].as_str(), property["value"].as_str()) {
            _ if property["valuePreview"].is_object() => inner(&property["valuePreview"]),
            (Some("string"), Some(text)) => Value::from(text).to_string(),
            (_, Some(text)) => text.to_owned(),
            (kind, None) => kind.unwrap_or("?").to_owned(),
        };
        members.push(match is_list {
            true => value,
            false => format!("{name}: {value}"),
        });
    }
    if preview["overflow"] == true {
        members.push("…".to_owned());
    }
    let inside = members.join(", ");
    match (preview["subtype"].as_str(), description) {
        (Some("array"), _) => format!("[{inside}]"),
        (Some("typedarray"), class) => format!("{class} [{inside}]"),
        (_, "" | "Object") => format!("{{{inside}}}"),
        (_, class) => format!("{class} {{{inside}}}"),
    }
}

/// A value within another: a text in quotes, an object by its own preview.
fn inner(value: &Value) -> String {
    match value["type"].as_str() {
        Some("string") => {
            Value::from(value["description"].as_str().unwrap_or_default()).to_string()
        }
        Some("object") => preview(value),
        _ => shown(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &str) -> Value {
        json!({ "type": "string", "value": value })
    }

    #[test]
    fn arguments_are_shown_as_a_console_shows_them() {
        let of = |subtype: &str, description: &str, members: Value| {
            let mut preview = json!({ "type": "object", "subtype": subtype,
                "description": description, "overflow": false, "properties": [] });
            for (name, value) in members.as_object().unwrap() {
                preview[name] = value.clone();
            }
            json!({ "type": "object", "subtype": subtype, "description": description,
                "preview": preview })
        };
        let number = |value: &str| json!({ "type": "number", "description": value });
        let members = json!([
            { "name": "a", "type": "number", "value": "1" },
            { "name": "b", "type": "string", "value": "x" } ]);
        for (argument, wanted) in [
            (text("a \"word\""), "a \"word\""),
            (json!({ "type": "number", "value": 1.5, "description": "1.5" }), "1.5"),
            (
                json!({ "type": "number", "unserializableValue": "NaN", "description": "NaN" }),
                "NaN",
            ),
            (json!({ "type": "bigint", "unserializableValue": "10n" }), "10n"),
            (json!({ "type": "undefined" }), "undefined"),
            (json!({ "type": "boolean", "value": false }), "false"),
            (json!({ "type": "object", "subtype": "null", "value": null }), "null"),
            (json!({ "type": "symbol", "description": "Symbol(q)" }), "Symbol(q)"),
            (json!({ "type": "function", "description": "function f(){}" }), "function f(){}"),
            (
                json!({ "type": "object", "description": "Object", "preview": {
                    "type": "object", "description": "Object", "overflow": true,
                    "properties": members } }),
                "{a: 1, b: \"x\", …}",
            ),
            (
                of(
                    "array",
                    "Array(1)",
                    json!({ "properties": [
                    { "name": "0", "type": "boolean", "value": "true" },
                    { "name": "extra", "type": "number", "value": "1" } ] }),
                ),
                "[true]",
            ),
            (
                of(
                    "typedarray",
                    "Uint8Array(1)",
                    json!({ "properties": [
                    { "name": "0", "type": "number", "value": "7" },
                    { "name": "length", "type": "number", "value": "1" } ] }),
                ),
                "Uint8Array(1) [7]",
            ),
            (
                of(
                    "map",
                    "Map(1)",
                    json!({ "properties": [
                    { "name": "size", "type": "number", "value": "1" } ], "entries": [
                    { "key": { "type": "string", "description": "k" }, "value": number("2") } ] }),
                ),
                "Map(1) {\"k\" => 2}",
            ),
            (of("set", "Set(1)", json!({ "entries": [{ "value": number("3") }] })), "Set(1) {3}"),
            (
                of(
                    "array",
                    "Array(1)",
                    json!({ "properties": [
                    { "name": "0", "type": "object", "value": "Object", "valuePreview": {
                        "type": "object", "description": "Object", "properties": members } } ] }),
                ),
                "[{a: 1, b: \"x\"}]",
            ),
            (of("trustedtype", "<b>t</b>", json!({})), "<b>t</b>"),
            (of("regexp", "/re/g", json!({ "overflow": true })), "/re/g"),
            (of("error", "Error: x\n    at f", json!({})), "Error: x\n    at f"),
            (
                of("promise", "Promise", json!({ "properties": members })),
                "Promise {a: 1, b: \"x\"}",
            ),
        ] {
            assert_eq!(arguments(&[argument]), wanted);
        }
        assert_eq!(arguments(&[text("a"), text("b")]), "a b");
        assert_eq!(arguments(&[]), "");
    }

    #[test]
    fn a_format_is_filled_in() {
        let one = json!({ "type": "number", "value": 1, "description": "1" });
        let told = |args: &[Value]| arguments(args);
        let format = text("%cred %s and %d%% of %o %x %");
        let args = [format, text("color: red"), text("str"), one.clone(), one, text("more")];
        assert_eq!(told(&args), "red str and 1% of 1 %x % more");
        assert_eq!(told(&[text("%s %s"), text("only one")]), "only one %s");
        // Without arguments it is a text.
        assert_eq!(told(&[text("100%% %s")]), "100%% %s");
    }
}
