//! Secrets of all shapes, and everything that they may stand in.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tintype::format::mhtml::to_quoted_printable;

/// Letters and digits without a pattern, different for each number and of both kinds.
pub fn random(seed: u64, length: usize) -> String {
    const DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let noise = crate::support::noise(seed + 1, length);
    let digits = noise.iter().enumerate().map(|(at, byte)| match at % 12 {
        3 => b'0' + byte % 10,
        7 => b'a' + byte % 26,
        _ => DIGITS[usize::from(*byte) % DIGITS.len()],
    });
    String::from_utf8(digits.collect()).unwrap()
}

/// A card number that passes the check.
pub fn card(seed: u64) -> String {
    let mut digits = vec![4];
    digits.extend(crate::support::noise(seed + 1, 14).iter().map(|byte| u32::from(byte % 10)));
    let sum: u32 = (0..15)
        .map(|at| if at % 2 == 0 { digits[at] * 2 / 10 + digits[at] * 2 % 10 } else { digits[at] })
        .sum();
    digits.push((10 - sum % 10) % 10);
    digits.iter().map(|digit| char::from_digit(*digit, 10).unwrap()).collect()
}

/// A secret that is known by its shape: what is written, and what of it must not be found again.
#[derive(Debug, Clone)]
pub struct Secret {
    pub rule: &'static str,
    pub written: String,
    pub secret: String,
}

/// The shapes that are known, each of which comes in as many secrets as there are seeds.
pub const SHAPES: [&str; 15] = [
    "jwt", "bearer", "basic", "aws", "github", "gitlab", "google", "npm", "sk", "slack", "stripe",
    "pem", "card", "userinfo", "query",
];

pub fn shaped(rule: &'static str, seed: u64) -> Secret {
    let of = |length| random(seed, length);
    let upper = |length| of(length).to_uppercase();
    let (written, secret) = match rule {
        "jwt" => {
            let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
            let body = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{}"}}"#, of(12)));
            (format!("{head}.{body}.{}", of(43)), of(43))
        }
        "bearer" => (format!("Bearer {}", of(24)), of(24)),
        "basic" => {
            let pair = STANDARD.encode(format!("user:{}", of(18)));
            (format!("Basic {pair}"), pair)
        }
        "aws" => (format!("AKIA{}", upper(16)), upper(16)),
        "github" => (format!("ghp_{}", of(36)), of(36)),
        "gitlab" => (format!("glpat-{}", of(20)), of(20)),
        "google" => (format!("AIza{}", of(35)), of(35)),
        "npm" => (format!("npm_{}", of(36)), of(36)),
        "sk" => (format!("sk-proj-{}", of(48)), of(48)),
        "slack" => (format!("xoxb-123456789012-{}", of(24)), of(24)),
        "stripe" => (format!("sk_live_{}", of(24)), of(24)),
        "pem" => {
            let body = of(64);
            let key =
                format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----");
            (key, body)
        }
        "card" => (card(seed), card(seed)),
        "userinfo" => (format!("https://user:{}@host.example/path", of(16)), of(16)),
        "query" => (format!("https://host.example/?a=1&access_token={}", of(24)), of(24)),
        other => panic!("{other} is no shape"),
    };
    Secret { rule, written, secret }
}

// Where they stand

/// Ways to write a text within another.
pub fn json_text(text: &str) -> String {
    Value::from(text).to_string()
}

pub fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

pub fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub fn mhtml(html: &str, base64: bool) -> Vec<u8> {
    let (encoding, body) = match base64 {
        true => ("base64", STANDARD.encode(html).into_bytes()),
        false => ("quoted-printable", to_quoted_printable(html.as_bytes())),
    };
    let head = format!(
        "From: <Saved by Blink>\r\nSubject: A page\r\nContent-Type: multipart/related;\r\n\
         \tboundary=\"--B--\"\r\n\r\n\r\n----B--\r\nContent-Type: text/html\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n"
    );
    [head.as_bytes(), &body, b"\r\n----B----\r\n"].concat()
}

pub fn har(entry: Value) -> Vec<u8> {
    json!({ "log": { "version": "1.2", "entries": [entry] } }).to_string().into_bytes()
}

/// A way for a text to stand in a content, with the content's media type.
pub type Container = (&'static str, &'static str, fn(&str) -> Vec<u8>);

/// Where a text may stand.
pub const CONTAINERS: &[Container] = &[
    ("a log", "text/plain", |t| format!("GET failed: {t}, again").into()),
    ("a line of a console", "application/x-ndjson", |t| {
        format!("{{\"text\":\"a\"}}\n{{\"text\":{},\"line\":1}}\n", json_text(&format!("x {t}")))
            .into()
    }),
    ("JSON", "application/json", |t| format!("{{\"a\": [1, {{\"b\": {}}}]}}", json_text(t)).into()),
    ("JSON in a text of JSON", "application/json", |t| {
        json!({ "body": json!({ "deep": json!([t]).to_string() }).to_string() }).to_string().into()
    }),
    ("JSON that ends early", "application/json", |t| {
        let text = format!("{{\"a\":{{\"b\":{}", json_text(t));
        text.strip_suffix('"').unwrap().into()
    }),
    ("JSON that nobody says is JSON", "application/octet-stream", |t| {
        json!({ "a": t }).to_string().into()
    }),
    ("an answer in JSONP", "text/javascript", |t| format!("cb({});", json!({ "a": t })).into()),
    ("a script", "text/javascript", |t| format!("var a = {};", json_text(t)).into()),
    ("a source map", "application/json", |t| {
        json!({ "version": 3, "mappings": "AAAA", "sourcesContent": [format!("a('{t}')")] })
            .to_string()
            .into()
    }),
    ("a style sheet", "text/css", |t| format!("a {{ b: url(\"{t}\") }} /* {t} */").into()),
    ("HTML", "text/html", |t| format!("<p>see <b>{}</b>", attribute(t)).into()),
    ("an attribute", "text/html", |t| format!("<p title=\"{}\" data-x>x", attribute(t)).into()),
    ("an attribute in single quotes", "text/html", |t| {
        format!("<p title='{}'>x", attribute(t)).into()
    }),
    ("a comment", "text/html", |t| format!("<!-- {t} --><p>x").into()),
    ("a script in HTML", "text/html", |t| format!("<script>f({})</script>", json_text(t)).into()),
    ("data in HTML", "text/html", |t| {
        format!("<script type=application/json>{}</script>", json!({ "a": t })).into()
    }),
    ("a shadow root", "text/html", |t| {
        format!("<x-a><template shadowrootmode=\"closed\"><i>{}</i></template></x-a>", attribute(t))
            .into()
    }),
    ("a frame in an attribute", "text/html", |t| {
        format!("<iframe srcdoc=\"{}\"></iframe>", attribute(&format!("<p>{}</p>", attribute(t))))
            .into()
    }),
    ("a part without scripts", "text/html", |t| {
        format!("<noscript><i>{}</i></noscript>", attribute(t)).into()
    }),
    ("a text field", "text/html", |t| format!("<textarea>{}</textarea>", attribute(t)).into()),
    ("HTML that ends early", "text/html", |t| format!("<p title=\"{}", attribute(t)).into()),
    ("a picture's title", "image/svg+xml", |t| {
        format!("<svg><title>{}</title></svg>", attribute(t)).into()
    }),
    ("XML", "application/xml", |t| {
        format!("<?xml version=\"1.0\"?><a><b c=\"1\">{}</b></a>", attribute(t)).into()
    }),
    ("a form", "application/x-www-form-urlencoded", |t| format!("a=1&b={}&c=2", percent(t)).into()),
    ("a form of parts", "multipart/form-data; boundary=XX", |t| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{t}\r\n--XX--\r\n")
            .into()
    }),
    ("an address in a text", "text/plain", |t| {
        format!("to http://a.example/?next={} now", percent(t)).into()
    }),
    ("an address in an attribute", "text/html", |t| {
        format!("<a href=\"http://a.example/?b=1&amp;next={}\">x</a>", percent(t)).into()
    }),
    ("an address in an address", "text/html", |t| {
        let inner = format!("http://b.example/?c={}", percent(t));
        format!("<a href=\"http://a.example/?next={}\">x</a>", percent(&inner)).into()
    }),
    ("an address that is a page", "text/html", |t| {
        let page = STANDARD.encode(format!("<p>{}</p>", attribute(t)));
        format!("<iframe src=\"data:text/html;base64,{page}\"></iframe>").into()
    }),
    ("YAML", "application/yaml", |t| format!("- text: {}\n- b: c\n", t.replace('\n', " ")).into()),
    ("MHTML, quoted-printable", "multipart/related", |t| {
        mhtml(&format!("<p>{}</p>", attribute(t)), false)
    }),
    ("MHTML, base64", "multipart/related", |t| mhtml(&format!("<p>{}</p>", attribute(t)), true)),
    ("a header in a HAR", "application/har+json", |t| {
        har(json!({ "response": { "headers": [{ "name": "X-Note", "value": t }] } }))
    }),
    ("an address in a HAR", "application/har+json", |t| {
        har(json!({ "request": { "url": format!("http://a.example/?q={}", percent(t)),
            "queryString": [{ "name": "q", "value": t }] } }))
    }),
    ("a body that was sent", "application/har+json", |t| {
        har(json!({ "request": { "postData": { "mimeType": "application/json", "params": [],
            "text": json!({ "a": t }).to_string() } } }))
    }),
    ("a body that came", "application/har+json", |t| {
        har(json!({ "response": { "content": { "mimeType": "text/html", "encoding": "base64",
            "text": STANDARD.encode(format!("<p>{}</p>", attribute(t))) } } }))
    }),
    ("a message of a socket", "application/har+json", |t| {
        har(
            json!({ "_webSocketMessages": [{ "type": "send", "opcode": 1, "data": json!({ "a": t }).to_string() }] }),
        )
    }),
    ("who asked", "application/har+json", |t| {
        har(json!({ "_initiator": { "url": format!("http://a.example/?x={}", percent(t)) } }))
    }),
];

/// Ways to give a value a name that says that it is secret.
pub const NAMED: &[Container] = &[
    ("a member", "application/json", |t| json!({ "user": { "password": t } }).to_string().into()),
    ("members beneath", "application/json", |t| {
        json!({ "clientSecret": { "v": [t] } }).to_string().into()
    }),
    ("a name beside", "application/json", |t| {
        json!([{ "value": t, "name": "csrf_token" }]).to_string().into()
    }),
    ("a member in a text", "application/json", |t| {
        json!({ "body": json!({ "refresh_token": t }).to_string() }).to_string().into()
    }),
    ("a member that ends early", "application/json", |t| {
        let text = json!({ "password": t }).to_string();
        text.strip_suffix("\"}").unwrap().into()
    }),
    ("a member in broken JSON", "application/json", |t| {
        format!("{{a: 1, \"password\": {}}}", json_text(t)).into()
    }),
    ("a member in JSON in a log", "text/plain", |t| {
        format!("sent {} ok", json!({ "password": t })).into()
    }),
    ("an escaped member", "text/javascript", |t| {
        format!("var a = {};", json_text(&json!({ "password": t }).to_string())).into()
    }),
    ("a query", "text/plain", |t| format!("http://a.example/?password={}&b=1", percent(t)).into()),
    ("a query with an encoded name", "text/plain", |t| {
        format!("http://a.example/?%70assword={}#x", percent(t)).into()
    }),
    ("a fragment", "text/plain", |t| format!("http://a.example/#id_token={}", percent(t)).into()),
    ("a path without a host", "text/html", |t| {
        format!("<img src='/a?b=1&amp;sig={}'>", percent(t)).into()
    }),
    ("a form", "application/x-www-form-urlencoded", |t| {
        format!("user=a&password={}", percent(t)).into()
    }),
    ("a form with a path", "application/x-www-form-urlencoded", |t| {
        format!("user%5Bpassword%5D={}&b=1", percent(t)).into()
    }),
    ("a form of parts", "multipart/form-data", |t| {
        format!(
            "--XX\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{t}\r\n--XX--\r\n"
        )
        .into()
    }),
    ("a password field", "text/html", |t| {
        format!("<input value=\"{}\" type=PASSWORD>", attribute(t)).into()
    }),
    ("a card field", "text/html", |t| {
        format!(
            "<input autocomplete=\"section-a cc-number\" value='{}'>",
            attribute(t).replace('\'', "&#39;")
        )
        .into()
    }),
    ("a field named so", "text/html", |t| {
        format!("<input name=api_key value=\"{}\">", attribute(t)).into()
    }),
    ("a hidden field", "text/html", |t| {
        format!("<input type=hidden name=_wpnonce value=\"{}\">", attribute(t)).into()
    }),
    ("a meta", "text/html", |t| {
        format!("<meta name=csrf-token content=\"{}\">", attribute(t)).into()
    }),
    ("an attribute named so", "text/html", |t| {
        format!("<div data-api-key=\"{}\"></div>", attribute(t)).into()
    }),
    ("an attribute of JSON", "text/html", |t| {
        format!("<div data-props=\"{}\"></div>", attribute(&json!({ "password": t }).to_string()))
            .into()
    }),
    ("a text field named so", "text/html", |t| {
        format!("<textarea name=secret>{}</textarea>", attribute(t)).into()
    }),
    ("masked text", "text/html", |t| {
        format!("<div data-private><p>{}<p>x</div>y", attribute(t)).into()
    }),
    ("a masked field", "text/html", |t| {
        format!("<p class=\"a sentry-mask\">a<input value=\"{}\"></p>", attribute(t)).into()
    }),
    ("data in HTML", "text/html", |t| {
        format!("<script id=x type=\"application/json\">{}</script>", json!({ "token": t })).into()
    }),
    ("an element", "application/xml", |t| {
        format!("<s:Password Type=\"a\">{}</s:Password>", attribute(t)).into()
    }),
    ("a property", "application/xml", |t| {
        format!("<property name=\"password\" value=\"{}\"/>", attribute(t)).into()
    }),
    ("YAML", "application/yaml", |t| format!("user: a\npassword: '{t}'\n").into()),
    ("the tree of a field", "application/yaml", |t| {
        format!("- textbox \"Password\": \"{t}\"\n").into()
    }),
    ("a header in a HAR", "application/har+json", |t| {
        har(json!({ "request": { "headers": [{ "name": "X-API-KEY", "value": t }] } }))
    }),
    ("credentials in a HAR", "application/har+json", |t| {
        har(
            json!({ "request": { "headers": [{ "name": "authorization", "value": format!("Bearer {t}") }] } }),
        )
    }),
    ("a cookie in a HAR", "application/har+json", |t| {
        har(json!({ "request": { "headers": [{ "name": "Cookie", "value": format!("a=1; b={t}") }],
            "cookies": [{ "name": "b", "value": t }] } }))
    }),
    ("a cookie that was set", "application/har+json", |t| {
        har(
            json!({ "response": { "headers": [{ "name": "set-cookie", "value": format!("a=1\nb={t}; Path=/") }],
            "cookies": [{ "name": "b", "value": t, "path": "/" }] } }),
        )
    }),
    ("a body that was sent", "application/har+json", |t| {
        har(json!({ "request": { "postData": { "mimeType": "application/x-www-form-urlencoded",
            "params": [{ "name": "password", "value": t }], "text": format!("password={}", percent(t)) } } }))
    }),
    ("a message of a socket", "application/har+json", |t| {
        har(
            json!({ "_webSocketMessages": [{ "opcode": 2, "data": STANDARD.encode(json!({ "password": t }).to_string()) }] }),
        )
    }),
    ("MHTML", "multipart/related", |t| {
        mhtml(&format!("<input type=hidden name=token value=\"{}\">", attribute(t)), false)
    }),
    ("MHTML in base64", "multipart/related", |t| {
        mhtml(&format!("<input type=hidden name=token value=\"{}\">", attribute(t)), true)
    }),
];
