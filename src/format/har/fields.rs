//! Headers, cookies, queries and bodies of requests, taken apart as HAR has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::model::time::Time;

/// The most parts of a body or a query that are told one by one.
const PARTS_MAX: usize = 1_000;

/// The headers of an object, one entry for each; several of one name come as one, a line each.
pub(super) fn headers(headers: &Value) -> Vec<(String, String)> {
    let mut list = Vec::new();
    for (name, value) in headers.as_object().into_iter().flatten() {
        for value in value.as_str().unwrap_or_default().split('\n') {
            list.push((name.clone(), value.to_owned()));
        }
    }
    list
}

pub(super) fn header<'a>(headers: &'a Value, wanted: &str) -> Option<&'a str> {
    let mut all = headers.as_object()?.iter();
    all.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).and_then(|(_, value)| value.as_str())
}

/// Names and values as HAR tells them.
pub(super) fn pairs(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// The query of an address, decoded.
pub(super) fn query(address: &str) -> Value {
    let address = address.split('#').next().unwrap_or_default();
    pairs(&form(address.split_once('?').map_or("", |(_, query)| query)))
}

/// The pairs of `application/x-www-form-urlencoded`, decoded.
fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(PARTS_MAX);
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// Decodes `%C3%A9` and `+` (<https://url.spec.whatwg.org/#urlencoded-parsing>). What is no UTF-8
/// is left as it is written.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => plain.push(b' '),
            (byte, ..) => plain.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned())
}

/// The cookies of a `Cookie` header, with what the browser tells of them.
pub(super) fn request_cookies(headers: &Value, associated: &Value) -> Value {
    let sent = header(headers, "cookie").unwrap_or_default();
    let cookies = sent.split([';', '\n']).filter(|pair| !pair.trim().is_empty());
    let known = |name: &str, value: &str| {
        let mut all = associated.as_array().into_iter().flatten();
        all.find(|one| {
            one["blockedReasons"].as_array().is_none_or(Vec::is_empty)
                && one["cookie"]["name"] == name
                && one["cookie"]["value"] == value
        })
        .map(|one| &one["cookie"])
    };
    cookies
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            let (name, value) = (name.trim(), value.trim());
            let mut cookie = json!({ "name": name, "value": value });
            let Some(known) = known(name, value) else { return cookie };
            for (field, from) in [
                ("path", "path"),
                ("domain", "domain"),
                ("httpOnly", "httpOnly"),
                ("secure", "secure"),
                ("sameSite", "sameSite"),
            ] {
                if !known[from].is_null() {
                    cookie[field] = known[from].clone();
                }
            }
            let expires = known["expires"].as_f64().filter(|at| *at > 0.0);
            if let Some(at) = expires.and_then(super::clock::wall) {
                cookie["expires"] = json!(at.to_string());
            }
            cookie
        })
        .collect()
}

/// The cookies that the browser kept back, by name, and why.
pub(super) fn kept_back(associated: &Value) -> Value {
    let blocked =
        associated.as_array().into_iter().flatten().filter(|one| {
            one["blockedReasons"].as_array().is_some_and(|reasons| !reasons.is_empty())
        });
    blocked
        .map(|one| json!({ "name": one["cookie"]["name"], "reasons": one["blockedReasons"] }))
        .collect()
}

/// The cookies of `Set-Cookie` headers (RFC 6265, 5.2), answered at this time; with why the browser
/// did not take them, where it did not.
pub(super) fn response_cookies(headers: &Value, blocked: &Value, answered: Time) -> Value {
    let lines = header(headers, "set-cookie").unwrap_or_default().split('\n');
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let mut cookie = set_cookie(line, answered);
            let mut refused = blocked.as_array().into_iter().flatten();
            if let Some(refused) = refused.find(|one| one["cookieLine"] == line) {
                cookie["_blockedReasons"] = refused["blockedReasons"].clone();
            }
            cookie
        })
        .collect()
}

fn set_cookie(line: &str, answered: Time) -> Value {
    let mut parts = line.split(';');
    let pair = parts.next().unwrap_or_default();
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let mut cookie = Map::new();
    cookie.insert("name".into(), json!(name.trim()));
    cookie.insert("value".into(), json!(value.trim()));
    let mut max_age = None;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match name.as_str() {
            "path" => cookie.insert("path".into(), json!(value)),
            "domain" => cookie.insert("domain".into(), json!(value)),
            "httponly" => cookie.insert("httpOnly".into(), json!(true)),
            "secure" => cookie.insert("secure".into(), json!(true)),
            "samesite" => cookie.insert("sameSite".into(), json!(value)),
            "partitioned" => cookie.insert("_partitioned".into(), json!(true)),
            "max-age" => {
                max_age = value.parse::<i64>().ok();
                None
            }
            "expires" => {
                cookie_date(value).map(|at| cookie.insert("expires".into(), json!(at.to_string())));
                None
            }
            _ => None,
        };
    }
    // It takes precedence, wherever it stands.
    if let Some(seconds) = max_age {
        let micros = answered.micros().saturating_add(seconds.saturating_mul(1_000_000));
        let at =
            Time::from_micros(micros).unwrap_or(if seconds > 0 { Time::MAX } else { Time::MIN });
        cookie.insert("expires".into(), json!(at.to_string()));
    }
    for flag in ["httpOnly", "secure"] {
        cookie.entry(flag).or_insert(json!(false));
    }
    cookie.into()
}

/// Reads a date as browsers read those of cookies, in whatever form (RFC 6265, 5.1.1).
fn cookie_date(text: &str) -> Option<Time> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| !(c.is_ascii_alphanumeric() || c == ':');
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        let digits: String = token.chars().take_while(char::is_ascii_digit).collect();
        let number = digits.parse::<u32>().ok();
        let clock: Vec<u32> = token.split(':').map_while(|part| part.parse().ok()).collect();
        let word = token.to_ascii_lowercase();
        let named = MONTHS.iter().position(|name| word.starts_with(name));
        match (clock.as_slice(), number, named) {
            ([hour, minute, second], ..) if time.is_none() => {
                time = Some((*hour, *minute, *second))
            }
            (_, Some(number), _) if day.is_none() && digits.len() <= 2 => day = Some(number),
            (_, _, Some(at)) if month.is_none() => month = Some(at + 1),
            (_, Some(number), _) if year.is_none() && matches!(digits.len(), 2 | 4) => {
                year = Some(match number {
                    70..=99 => number + 1900,
                    0..=69 => number + 2000,
                    _ => number,
                });
            }
            _ => {}
        }
    }
    let (hour, minute, second) = time?;
    let (day, month, year) = (day?, month?, year?);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z").parse().ok()
}

/// The body of a request.
pub(super) struct Posted {
    pub text: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// Whether it is UTF-8; else each character of the text is a byte.
    pub is_text: bool,
}

impl Posted {
    /// Reads what the event of a request tells of its body.
    pub fn of(request: &Value) -> Option<Self> {
        let entries = request["postDataEntries"].as_array();
        let pieces: Option<Vec<_>> = entries.map(|entries| {
            entries.iter().filter_map(|one| STANDARD.decode(one["bytes"].as_str()?).ok()).collect()
        });
        match (pieces, request["postData"].as_str()) {
            // A file that is sent along is an entry without bytes.
            (Some(pieces), _) if entries.is_some_and(|all| all.len() == pieces.len()) => {
                Some(Posted::of_bytes(pieces.concat()))
            }
            (_, Some(text)) => Some(Posted::of_text(text.to_owned())),
            _ => None,
        }
    }

    pub fn of_text(text: String) -> Self {
        Posted { bytes: text.len(), text, is_text: true }
    }

    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Posted::of_text(text),
            Err(no_text) => {
                let bytes = no_text.into_bytes();
                let text = bytes.iter().map(|byte| char::from(*byte)).collect();
                Posted { text, bytes: bytes.len(), is_text: false }
            }
        }
    }

    /// The `postData` of a HAR.
    pub fn shown(&self, media_type: &str) -> Value {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let params = match essence.to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => pairs(&form(&self.text)),
            "multipart/form-data" => multipart(&self.text, media_type),
            _ => json!([]),
        };
        let mut shown = json!({ "mimeType": media_type, "params": params, "text": self.text });
        if !self.is_text {
            shown["comment"] = json!("it is no text; each character stands for a byte");
        }
        shown
    }
}

/// The parts of `multipart/form-data` (RFC 7578).
fn multipart(text: &str, media_type: &str) -> Value {
    let Some(boundary) = parameter(media_type, "boundary") else { return json!([]) };
    let divider = format!("--{boundary}");
    let parts = text.split(&divider).skip(1).take(PARTS_MAX);
    parts
        .filter_map(|part| {
            let part = part.strip_prefix("\r\n")?;
            let (head, value) = part.split_once("\r\n\r\n")?;
            let value = value.strip_suffix("\r\n").unwrap_or(value);
            let field = |wanted: &str| {
                head.split("\r\n").find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
                })
            };
            let disposition = field("content-disposition")?;
            let mut param = json!({ "name": parameter(disposition, "name")?, "value": value });
            if let Some(file) = parameter(disposition, "filename") {
                param["fileName"] = json!(file);
            }
            if let Some(kind) = field("content-type") {
                param["contentType"] = json!(kind);
            }
            Some(param)
        })
        .collect()
}

/// A parameter of a header: of `form-data; name="a"`, `a`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_told_decoded_and_what_is_no_utf_8_as_it_is_written() {
        let shown = query("http://a/?q=a%20b&c=d+e&f=%E4&%C3%A9=1=2&g&&h=%4&i=%zz#x=y");
        let pair = |name: &str, value: &str| json!({ "name": name, "value": value });
        let wanted = [
            ("q", "a b"),
            ("c", "d e"),
            ("f", "%E4"),
            ("é", "1=2"),
            ("g", ""),
            ("h", "%4"),
            ("i", "%zz"),
        ];
        assert_eq!(shown, Value::from(wanted.map(|(name, value)| pair(name, value)).to_vec()));
        assert_eq!(query("http://a/#?x"), json!([]));
    }

    #[test]
    fn cookies_that_are_set_are_told_with_their_attributes() {
        let at: Time = "2026-11-22T00:00:00Z".parse().unwrap();
        let lines = "p=1; Path=/; HttpOnly; SameSite=Lax; Expires=Wed, 01 Jan 2031 00:00:00 GMT\n\
                     q=\"a b\"; Secure; expires=Wed, 01-Jan-31 00:00:00 GMT; Max-Age=60\nr\n\
                     s=x=y; domain=.a.example; Expires=never; Partitioned";
        let headers = json!({ "set-cookie": lines });
        let blocked = json!([{ "cookieLine": "r", "blockedReasons": ["SyntaxError"] }]);
        let no = false;
        assert_eq!(
            response_cookies(&headers, &blocked, at),
            json!([
                { "name": "p", "value": "1", "path": "/", "httpOnly": true, "sameSite": "Lax",
                  "expires": "2031-01-01T00:00:00.000000Z", "secure": no },
                { "name": "q", "value": "\"a b\"", "secure": true,
                  "expires": "2026-11-22T00:01:00.000000Z", "httpOnly": no },
                { "name": "", "value": "r", "httpOnly": no, "secure": no,
                  "_blockedReasons": ["SyntaxError"] },
                { "name": "s", "value": "x=y", "domain": ".a.example", "_partitioned": true,
                  "httpOnly": no, "secure": no },
            ])
        );
        for far in ["99999999999999999", "-99999999999999999"] {
            let cookie = set_cookie(&format!("a=b; Max-Age={far}"), at);
            assert!(cookie["expires"].as_str().unwrap().parse::<Time>().is_ok());
        }
    }

    #[test]
    fn dates_of_cookies_are_read_in_any_form() {
        let wanted: Time = "1994-11-06T08:49:37Z".parse().unwrap();
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 november 1994 8:49:37",
        ] {
            assert_eq!(cookie_date(text), Some(wanted), "{text}");
        }
        for text in ["", "Thu", "32 Nov 1994 08:49:37", "6 Nov 1994 08:49", "6 Nov 1994 99:00:00"] {
            assert_eq!(cookie_date(text), None, "{text}");
        }
    }

    #[test]
    fn cookies_that_are_sent_are_told_with_what_the_browser_knows_of_them() {
        let headers = json!({ "Cookie": "a=1; b=x=y; c" });
        let associated = json!([
            { "cookie": { "name": "a", "value": "1", "path": "/", "httpOnly": true,
              "secure": false, "expires": 1_924_992_000.0 }, "blockedReasons": [] },
            { "cookie": { "name": "d", "value": "s3cr3t" }, "blockedReasons": ["SameSiteLax"] },
        ]);
        assert_eq!(
            request_cookies(&headers, &associated),
            json!([
                { "name": "a", "value": "1", "path": "/", "httpOnly": true, "secure": false,
                  "expires": "2031-01-01T00:00:00.000000Z" },
                { "name": "b", "value": "x=y" },
                { "name": "", "value": "c" },
            ])
        );
        let blocked = json!([{ "name": "d", "reasons": ["SameSiteLax"] }]);
        assert_eq!(kept_back(&associated), blocked);
    }

    #[test]
    fn bodies_of_forms_are_taken_apart_and_bytes_stay_bytes() {
        let posted = Posted::of_text("password=hunter2&x=%C3%A9+y".into());
        let shown = posted.shown("application/x-www-form-urlencoded; charset=UTF-8");
        assert_eq!(shown["params"][1], json!({ "name": "x", "value": "é y" }));

        let body = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\n\
                    Content-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\n\
                    content-type: text/plain\r\n\r\nline\r\nline\r\n--B--\r\n";
        let shown = Posted::of_text(body.into()).shown("multipart/form-data; boundary=B");
        assert_eq!(
            shown["params"],
            json!([
                { "name": "a", "value": "1" },
                { "name": "f", "value": "line\r\nline", "fileName": "n.txt",
                  "contentType": "text/plain" },
            ])
        );
        assert_eq!(shown["text"], body);

        let request = json!({ "postData": "?", "postDataEntries": [
            { "bytes": "AAH/" }, { "bytes": "/g==" }] });
        let posted = Posted::of(&request).unwrap();
        assert_eq!((posted.text.as_str(), posted.bytes, posted.is_text), ("\0\u{1}ÿþ", 4, false));
        let with_a_file = json!({ "postDataEntries": [{ "bytes": "AAH/" }, {}] });
        assert!(Posted::of(&with_a_file).is_none());
        assert!(Posted::of(&json!({ "hasPostData": true })).is_none());
    }
}
