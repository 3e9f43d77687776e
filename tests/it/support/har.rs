//! The form that HAR 1.2 asks for.

use serde_json::Value;

/// Checks every field that HAR 1.2 asks for, and the type of those that it knows.
pub fn check_har(har: &Value) {
    const STRING: fn(&Value) -> bool = Value::is_string;
    const ARRAY: fn(&Value) -> bool = Value::is_array;
    const OBJECT: fn(&Value) -> bool = Value::is_object;
    const BOOL: fn(&Value) -> bool = Value::is_boolean;
    // A number, and -1 where it is not known.
    let number = |it: &Value| it.as_f64().is_some_and(|it| it >= -1.0);
    let whole = |it: &Value| it.as_i64().is_some_and(|it| it >= -1);
    let time = |it: &Value| {
        let text = it.as_str().unwrap_or_default();
        text.parse::<tintype::Time>().is_ok() && text.contains('T') && text.ends_with('Z')
    };
    type Fits<'a> = &'a dyn Fn(&Value) -> bool;
    let check = |object: &Value, needed: &[(&str, Fits<'_>)], known: &[(&str, Fits<'_>)]| {
        assert!(object.is_object(), "{object:#}");
        for (name, fits) in needed {
            let found = object.get(*name).unwrap_or_else(|| panic!("no {name} in {object:#}"));
            assert!(fits(found), "{name} in {object:#}");
        }
        for (name, fits) in known {
            assert!(object.get(*name).is_none_or(fits), "{name} in {object:#}");
        }
        let named = |name: &str| needed.iter().chain(known).any(|(known, _)| *known == name);
        for name in object.as_object().unwrap().keys() {
            let foreign = name.starts_with('_') || matches!(name.as_str(), "comment" | "sameSite");
            assert!(foreign || named(name), "{name} in {object:#}");
        }
    };
    let pair: [(&str, Fits<'_>); 2] = [("name", &STRING), ("value", &STRING)];
    let list = |value: &Value| value.as_array().unwrap().clone();
    let log = &har["log"];
    check(har, &[("log", &OBJECT)], &[]);
    check(
        log,
        &[("version", &STRING), ("creator", &OBJECT), ("entries", &ARRAY)],
        &[("browser", &OBJECT), ("pages", &ARRAY)],
    );
    assert_eq!(log["version"], "1.2");
    for program in [&log["creator"], &log["browser"]] {
        check(program, &[("name", &STRING), ("version", &STRING)], &[]);
    }
    let mut ids = Vec::new();
    for page in list(&log["pages"]) {
        let needed: [(&str, Fits<'_>); 4] = [
            ("startedDateTime", &time),
            ("id", &STRING),
            ("title", &STRING),
            ("pageTimings", &OBJECT),
        ];
        check(&page, &needed, &[]);
        check(&page["pageTimings"], &[], &[("onContentLoad", &number), ("onLoad", &number)]);
        ids.push(page["id"].clone());
    }
    for entry in list(&log["entries"]) {
        let needed: [(&str, Fits<'_>); 6] = [
            ("startedDateTime", &time),
            ("time", &number),
            ("request", &OBJECT),
            ("response", &OBJECT),
            ("cache", &OBJECT),
            ("timings", &OBJECT),
        ];
        let known: [(&str, Fits<'_>); 3] =
            [("pageref", &STRING), ("serverIPAddress", &STRING), ("connection", &STRING)];
        check(&entry, &needed, &known);
        assert!(ids.contains(&entry["pageref"]), "{entry:#}");
        let (request, response) = (&entry["request"], &entry["response"]);
        let both: [(&str, Fits<'_>); 5] = [
            ("httpVersion", &STRING),
            ("cookies", &ARRAY),
            ("headers", &ARRAY),
            ("headersSize", &whole),
            ("bodySize", &whole),
        ];
        let mut needed = both.to_vec();
        needed.extend::<[(&str, Fits<'_>); 3]>([
            ("method", &STRING),
            ("url", &STRING),
            ("queryString", &ARRAY),
        ]);
        check(request, &needed, &[("postData", &OBJECT)]);
        let mut needed = both.to_vec();
        needed.extend::<[(&str, Fits<'_>); 4]>([
            ("status", &whole),
            ("statusText", &STRING),
            ("content", &OBJECT),
            ("redirectURL", &STRING),
        ]);
        check(response, &needed, &[]);
        for it in [&request["headers"], &request["queryString"], &response["headers"]] {
            list(it).iter().for_each(|it| check(it, &pair, &[]));
        }
        for it in [&request["cookies"], &response["cookies"]] {
            let known: [(&str, Fits<'_>); 5] = [
                ("path", &STRING),
                ("domain", &STRING),
                ("expires", &time),
                ("httpOnly", &BOOL),
                ("secure", &BOOL),
            ];
            list(it).iter().for_each(|it| check(it, &pair, &known));
        }
        if let Some(posted) = request.get("postData") {
            let needed: [(&str, Fits<'_>); 3] =
                [("mimeType", &STRING), ("params", &ARRAY), ("text", &STRING)];
            check(posted, &needed, &[]);
            let known: [(&str, Fits<'_>); 3] =
                [("value", &STRING), ("fileName", &STRING), ("contentType", &STRING)];
            list(&posted["params"]).iter().for_each(|it| check(it, &[("name", &STRING)], &known));
        }
        let known: [(&str, Fits<'_>); 3] =
            [("compression", &whole), ("text", &STRING), ("encoding", &STRING)];
        check(&response["content"], &[("size", &whole), ("mimeType", &STRING)], &known);
        let timings = &entry["timings"];
        let known: [(&str, Fits<'_>); 4] =
            [("blocked", &number), ("dns", &number), ("connect", &number), ("ssl", &number)];
        check(timings, &[("send", &number), ("wait", &number), ("receive", &number)], &known);
        let phases = ["blocked", "dns", "connect", "send", "wait", "receive"];
        let sum: f64 = phases.iter().map(|it| timings[*it].as_f64().unwrap().max(0.0)).sum();
        assert!((sum - entry["time"].as_f64().unwrap()).abs() < 0.01, "{entry:#}");
    }
}
