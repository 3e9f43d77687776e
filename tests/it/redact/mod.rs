//! Secrets in everything that a capture can hold: found, replaced, and nothing else changed.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tintype::capture::redact::{
    MASK_ATTRIBUTES, MASK_CLASSES, Redactions, Redactor, SECRET_FIELDS,
};
use tintype::capture::{Taken, draft_of};
use tintype::format::mhtml::Mhtml;
use tintype::model::artifact::ArtifactStatus;
use tintype::{CaptureConfig, Draft, PagePart};

use crate::support::script::{Act, Script};

mod planted;

use planted::*;

fn redactor() -> Redactor {
    Redactor::new([7; 32])
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Redacts content, and checks what holds for any: redacting it again changes nothing and counts
/// nothing.
fn redacted(media_type: &str, content: &[u8]) -> (Vec<u8>, Redactions) {
    let mut redactions = Redactions::default();
    let once = redactor().content(media_type, content.to_vec(), &mut redactions);
    let once = once.unwrap_or_else(|why| panic!("{why}: {:?}", shown(content)));
    assert_eq!(redactions.is_empty(), once == content, "{:?}", shown(&once));
    let mut again = Redactions::default();
    let twice = redactor().content(media_type, once.clone(), &mut again).unwrap();
    assert_eq!(shown(&twice), shown(&once), "of {:?}", shown(content));
    assert!(again.is_empty(), "{again:?} of {:?}", shown(content));
    (once, redactions)
}

/// A text with `<rule>` for each token.
fn outline(text: &str) -> String {
    let mut outline = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[redacted:") {
        let (rule, after) = after.split_once(':').unwrap();
        assert!(after[..8].bytes().all(|byte| byte.is_ascii_hexdigit()) && &after[8..9] == "]");
        outline += &format!("{before}<{rule}>");
        rest = &after[9..];
    }
    outline + rest
}

fn outlined(media_type: &str, content: &str) -> String {
    outline(&shown(&redacted(media_type, content.as_bytes()).0))
}

/// Everything that can be read in content: itself, and what is encoded in it.
fn readable(media_type: &str, content: &[u8]) -> String {
    let mut text = shown(content);
    if media_type == "multipart/related" {
        for part in Mhtml::parse(content).unwrap().parts {
            text += &shown(&part.content());
        }
    }
    // Words that are base64.
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    for word in shown(content).split(|c: char| !c.is_ascii() || !is_base64(c as u8)) {
        if let Ok(plain) = STANDARD.decode(word) {
            text += &shown(&plain);
        }
    }
    text
}

fn check_gone(container: &Container, written: &str, secret: &str) {
    let (place, media_type, put) = container;
    let content = put(written);
    let before = readable(media_type, &content).replace("\\n", "\n");
    let (after, redactions) = redacted(media_type, &content);
    let at = format!("{place} as {media_type}: {} became {}", shown(&content), shown(&after));
    let encoded = [secret.to_owned(), percent(secret), percent(&percent(secret))];
    assert!(encoded.iter().any(|secret| before.contains(secret)), "not planted in {at}");
    assert!(!redactions.is_empty(), "{at}");
    for secret in encoded {
        assert!(!readable(media_type, &after).contains(&secret), "{secret} in {at}");
    }
    if media_type.ends_with("json") && serde_json::from_slice::<Value>(&content).is_ok() {
        assert!(serde_json::from_slice::<Value>(&after).is_ok(), "{at}");
    }
}

#[test]
fn a_secret_of_any_shape_is_found_wherever_text_can_stand() {
    for (seed, rule) in SHAPES.into_iter().enumerate() {
        for container in CONTAINERS {
            let Secret { rule, written, secret } = shaped(rule, seed as u64);
            // A line of YAML and a body of a form end where a line ends.
            if rule == "pem" && container.0 == "YAML" {
                continue;
            }
            check_gone(container, &written, &secret);
        }
    }
}

#[test]
fn a_value_with_a_name_that_says_so_is_found_wherever_names_can_stand() {
    for (seed, container) in NAMED.iter().enumerate() {
        for length in [8, 24] {
            let secret = random(seed as u64, length);
            check_gone(container, &secret, &secret);
        }
    }
}

#[test]
fn the_rule_that_found_it_stands_in_the_token_and_in_the_counts() {
    for rule in SHAPES {
        let secret = shaped(rule, 3);
        let text = format!("see {} there", secret.written);
        let mut redactions = Redactions::default();
        let redacted = redactor().text(&text, &mut redactions);
        assert_eq!(redactions.iter().collect::<Vec<_>>(), [(rule, 1)], "{redacted}");
        assert_eq!(redactions.total(), 1);
        assert!(outline(&redacted).contains(&format!("<{rule}>")), "{redacted}");
        assert!(redacted.starts_with("see ") && redacted.ends_with(" there"));
        let counted = serde_json::to_string(&redactions).unwrap();
        assert_eq!(counted, format!("{{\"{rule}\":1}}"));
        assert!(!format!("{redactions:?}{:?}", redactor()).contains(&secret.secret));
    }
}

#[test]
fn the_same_secret_is_the_same_token_everywhere_and_another_store_has_another() {
    let secret = random(1, 24);
    let digits = |redactor: &Redactor, media_type: &str, content: &str| {
        let mut redactions = Redactions::default();
        let redacted =
            redactor.content(media_type, content.as_bytes().to_vec(), &mut redactions).unwrap();
        let redacted = shown(&redacted);
        let (_, token) = redacted.split_once("[redacted:").unwrap_or_else(|| panic!("{redacted}"));
        token.split_once(':').unwrap().1[..8].to_owned()
    };
    let mut seen = BTreeSet::new();
    for (media_type, content) in [
        ("text/plain", format!("Bearer {secret}")),
        ("text/plain", format!("http://a/?token={secret}")),
        ("application/json", format!("{{\"password\":\"{secret}\"}}")),
        ("text/html", format!("<input type=password value='{secret}'>")),
        (
            "application/har+json",
            shown(&har(json!({ "request": {
            "headers": [{ "name": "Cookie", "value": format!("sid={secret}") }] } }))),
        ),
    ] {
        seen.insert(digits(&redactor(), media_type, &content));
        assert_ne!(
            digits(&redactor(), media_type, &content),
            digits(&Redactor::new([8; 32]), media_type, &content)
        );
    }
    assert_eq!(seen.len(), 1);
    // However it is written.
    let spaced = digits(&redactor(), "text/plain", "4111 1111 1111 1111");
    assert_eq!(spaced, digits(&redactor(), "text/plain", "4111-1111-1111-1111"));
    let encoded = digits(&redactor(), "text/plain", "http://a/?password=%61b%2Fc");
    assert_eq!(encoded, digits(&redactor(), "application/json", r#"{"password":"ab\/c"}"#));
}

#[test]
fn what_is_no_secret_in_what_holds_one_stays_byte_for_byte() {
    for (media_type, content, wanted) in [
        (
            "application/json",
            "{ \"b\" : 1.50,\r\n\t\"password\":\"x\\\"y\", \"é\": [ 1e3, null ], \"a\":\"\\u00e9\" }",
            "{ \"b\" : 1.50,\r\n\t\"password\":\"<key>\", \"é\": [ 1e3, null ], \"a\":\"\\u00e9\" }",
        ),
        (
            "application/json",
            r#"{"cookies":[{"name":"sid","value":"abc","path":"/"}],"cvv":123,"tokens":500,"has_password":true}"#,
            r#"{"cookies":[{"name":"sid","value":"<cookie>","path":"/"}],"cvv":"<key>","tokens":500,"has_password":true}"#,
        ),
        (
            "application/json",
            r#"{"headers":{"Authorization":"Bearer abc","Cookie":"a=b; c=d","Accept":"*/*"}}"#,
            r#"{"headers":{"Authorization":"Bearer <key>","Cookie":"a=<cookie>; c=<cookie>","Accept":"*/*"}}"#,
        ),
        (
            "text/html",
            "<!DOCTYPE html>\r\n<P  Class=a>caf\u{e9} &eacute; <INPUT TYPE=Password VALUE=abc CHECKED><br/>",
            "<!DOCTYPE html>\r\n<P  Class=a>caf\u{e9} &eacute; <INPUT TYPE=Password VALUE=<field> CHECKED><br/>",
        ),
        (
            "text/html",
            "<a href='http://u:p@h/?b=1&amp;token=x&c#d'>t &amp; u</a><script>if (a<b && c>d) f({token: \"abc123\"})</script>",
            "<a href='http://<userinfo>@h/?b=1&amp;token=<query>&amp;c#d'>t &amp; u</a><script>if (a<b && c>d) f({token: \"<key>\"})</script>",
        ),
        (
            "text/html",
            "<div data-tintype-mask title='a b'><p>one <b>two</b></div><p>three</p><meta http-equiv=refresh content='0; url=/?code=x'>",
            "<div data-tintype-mask title='<mask>'><p><mask> <b><mask></b></div><p>three</p><meta http-equiv=refresh content='0; url=/?code=<query>'>",
        ),
        (
            "text/html",
            "<script>document.cookie = \"sid=abc; path=/; secure\"</script>",
            "<script>document.cookie = \"sid=<cookie>; path=/; secure\"</script>",
        ),
        (
            "application/x-www-form-urlencoded",
            "user=anna+b&password=x%20y&user%5Bpin%5D=1&remember=on",
            "user=anna+b&password=<query>&user%5Bpin%5D=<query>&remember=on",
        ),
        (
            "multipart/form-data; boundary=\"b\"",
            "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nabc\r\n--b\r\n\
             Content-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n\0token=1\r\n--b--\r\n",
            "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n<key>\r\n--b\r\n\
             Content-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n\0token=1\r\n--b--\r\n",
        ),
        (
            "text/plain",
            "Set-Cookie: a=b; Path=/\r\nAuthorization: Bearer abcdef1234\r\nX-Api-Key: k-1234567\r\nETag: \"x\"",
            "Set-Cookie: a=<cookie>; Path=/\r\nAuthorization: Bearer <key>\r\nX-Api-Key: <key>\r\nETag: \"x\"",
        ),
        (
            "text/plain",
            "postgres://app:pw@db:5432/x password=hunter2 next=/a?sid=9;x (see https://a/?token=abc).",
            "postgres://<userinfo>@db:5432/x password=<key> next=/a?sid=<query> (see https://a/?token=<query>).",
        ),
        (
            "application/yaml",
            "- text: 4111 1111 1111 1111\n- textbox \"Card number\": 4111 1111\n- link \"a\":\n  - /url: /?token=x\n",
            "- text: \"<card>\"\n- textbox \"Card number\": \"<key>\"\n- link \"a\":\n  - /url: /?token=<query>\n",
        ),
        (
            "text/css",
            "a { color: red; b: url(/x?sig=0123abcd) }",
            "a { color: red; b: url(/x?sig=<query>) }",
        ),
    ] {
        assert_eq!(outlined(media_type, content), wanted, "{media_type}");
    }
    // Bytes that are no UTF-8.
    let latin = b"<p>caf\xe9 <input type=password value='s\xe9cret'>\xff</p>";
    let (after, _) = redacted("text/html", latin);
    assert!(after.starts_with(b"<p>caf\xe9 <input type=password value='[redacted:field:"));
    assert!(after.ends_with(b"]'>\xff</p>"));
}

/// Texts that are about secrets, or look as if they were.
const HARMLESS: &[(&str, &str)] = &[
    (
        "text/plain",
        "Forgot your password? Password: enter it. The token is required; a cookie: no.",
    ),
    ("text/plain", "Basic instructions for bearer authentication, Basic realm"),
    (
        "text/plain",
        "order 4006381333931 at 1700000000000, 2026-01-29 06 43 41, 20260129064341, id 4111111111111112",
    ),
    ("text/plain", "https://a.example/b?page=2&q=shoes#top and ftp://a.example, mail me@a.example"),
    (
        "text/plain",
        "sk-folding-cube-animation-container eyJust.a.name AKIA ghp_ xoxb- -----BEGIN PRIVATE KEY-----",
    ),
    ("text/plain", "a: b; c=d, e => f; [1] {x} \"q\": 'r'"),
    (
        "text/javascript",
        "function f(e){this.token=e.token;var password=null,t=n(1);return{password:!0,secret:t,type:\"password\"}}",
    ),
    (
        "text/javascript",
        "fetch(u,{credentials:\"same-origin\"});x={password:\"Your password\",token:\"token\",pin:\"#pin\"}",
    ),
    ("text/css", ".password{color:red}#token:hover{}.sid::after{content:\"key: 1\"}"),
    (
        "application/json",
        r#"{"max_tokens":4096,"nextPageToken":"abc123","author":"b","password":null,"hasPin":false,"code":404}"#,
    ),
    (
        "application/json",
        r#"[ {"key":"color","value":"red"} , 4111111111111112, 1700000000000, "e.token" ]"#,
    ),
    (
        "application/har+json",
        r#"{"log":{"entries":[{"request":{"headers":[{"name":"Accept","value":"*/*"}],"cookies":[],"url":"http://a/"}}]}}"#,
    ),
    (
        "text/html",
        "<label for=password>Password</label><input type=password name=password placeholder='Password'><button name=token value=go>Go</button>",
    ),
    (
        "text/html",
        "<p class='password-field' id=token data-toggle-password='#pw'>Your session: <b>10 minutes</b> &amp; more",
    ),
    (
        "text/html",
        "<a href='/a?b=1&amp;c=2#d'>x</a><script>var a = b < c, d = '</p>';</script><style>a > b {}</style>",
    ),
    (
        "application/yaml",
        "- heading \"Sign in\" [level=1]\n- textbox \"Password\"\n- text: Forgot it?\n",
    ),
    ("application/x-www-form-urlencoded", "q=shoes&page=2&utm_source=a%20b"),
    (
        "multipart/related",
        "From: <Saved by Blink>\r\nContent-Type: multipart/related; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p id=3Da>caf=C3=A9=\r\n</p>\r\n--b--\r\n",
    ),
];

#[test]
fn what_is_about_secrets_and_holds_none_stays_byte_for_byte() {
    for (media_type, content) in HARMLESS {
        let (after, redactions) = redacted(media_type, content.as_bytes());
        assert_eq!(shown(&after), *content, "{media_type}: {redactions:?}");
    }
}

#[test]
fn every_kind_of_field_that_is_painted_over_in_pictures_is_taken_out_of_html() {
    for selector in SECRET_FIELDS.split(", ") {
        let (name, value) = selector
            .trim()
            .strip_prefix("input[")
            .and_then(|rest| rest.strip_suffix(']'))
            .and_then(|rest| rest.split_once(['~', '=']))
            .unwrap_or_else(|| panic!("{selector}"));
        let value = value.trim_start_matches('=');
        let html = format!("<input {name}=\"{value}\" value=\"abc\">");
        assert_eq!(outlined("text/html", &html), html.replace("abc", "<field>"), "{selector}");
    }
    for attribute in MASK_ATTRIBUTES {
        let html = format!("<p {attribute}>abc</p>d");
        assert_eq!(outlined("text/html", &html), html.replace("abc", "<mask>"));
    }
    for class in MASK_CLASSES {
        let html = format!("<p class=\"a {class}\"><i>abc</i></p>d");
        assert_eq!(outlined("text/html", &html), html.replace("abc", "<mask>"));
    }
}

#[test]
fn pictures_and_what_is_no_text_come_back_as_they_are() {
    let secret = shaped("jwt", 1).written;
    let bytes = [b"\0\x01\x02".as_slice(), secret.as_bytes()].concat();
    for media_type in
        ["image/png", "font/woff2", "application/pdf", "application/octet-stream", "x/y"]
    {
        assert_eq!(redacted(media_type, &bytes).0, bytes);
    }
    let utf16: Vec<u8> =
        format!("\u{feff}a {secret}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (after, _) = redacted("text/plain", &utf16);
    let after = String::from_utf16(
        &after.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect::<Vec<_>>(),
    );
    assert_eq!(outline(&after.unwrap()), "\u{feff}a <jwt>");
}

#[test]
fn what_is_encoded_and_can_not_be_told_apart_is_withheld() {
    let broken =
        b"Content-Type: multipart/related\r\n\r\nContent-Transfer-Encoding: base64\r\n\r\nc2VjcmV0"
            .to_vec();
    let refused = redactor().content("multipart/related", broken, &mut Redactions::default());
    assert!(refused.unwrap_err().contains("parts"));
}

// Any text

/// Pieces of which secrets and what stands around them are made.
const PIECES: &[&str] = &[
    "token",
    "password",
    "=",
    ":",
    ": ",
    "\"",
    "'",
    "`",
    "\\",
    "\\\"",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ";",
    "&",
    "?",
    "#",
    "/",
    "://",
    "@",
    ".",
    "-",
    "_",
    "%",
    "%22",
    "%3D",
    "+",
    " ",
    "\n",
    "\r\n",
    "\t",
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "<input type=password value=",
    "<input type=hidden name=csrf value=\"",
    "<p data-private>",
    "</p>",
    "<script>",
    "</script>",
    "<style>",
    "<textarea name=pin>",
    "<svg>",
    "<title>",
    "<![CDATA[",
    "]]>",
    "&amp;",
    "&quot;",
    "&#61;",
    "srcdoc='",
    "href=\"",
    "eyJ",
    "eyJhbGciOiJIUzI1NiJ9",
    ".eyJzdWIiOiIxIn0.",
    "Bearer ",
    "Basic ",
    "dXNlcjpwYXNz",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghij0123456789abcdef",
    "sk-",
    "0123456789abcdefghijklmn",
    "AIza",
    "xoxb-1234567890-abc",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----END RSA PRIVATE KEY-----",
    "4111111111111111",
    "4111 ",
    "1111",
    "http",
    "Cookie: ",
    "Set-Cookie",
    "authorization",
    "a=b; ",
    "[redacted:jwt:01234567]",
    "[redacted:",
    "redacted:key:",
    "01234567]",
    "--b",
    "--b--",
    "Content-Disposition: form-data; name=\"token\"",
    "Content-Type: text/html; boundary=b",
    "Content-Transfer-Encoding: quoted-printable",
    "base64",
    "=3D",
    "=\r\n",
    "data:text/html,",
    "javascript:",
    "\u{e9}",
    "\u{2022}",
    "null",
    "true",
    "1",
    "0",
    "x",
    "\"name\":\"token\",\"value\":",
    "cookies",
];

/// The media types that are read in ways of their own.
const KINDS: [&str; 14] = [
    "text/html",
    "application/xml",
    "application/json",
    "application/x-ndjson",
    "application/har+json",
    "multipart/related",
    "multipart/form-data; boundary=b",
    "application/x-www-form-urlencoded",
    "application/yaml",
    "text/javascript",
    "text/css",
    "text/plain",
    "application/octet-stream",
    "image/png",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => "[a-z0-9]{1,24}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Ways to write a text within another that can be repeated.
const WRAPPINGS: &[fn(&str) -> String] = &[
    |t| json!({ "a": t }).to_string(),
    |t| format!("[{}, 1]", json_text(t)),
    |t| format!("http://a.example/b?c={}&d=1", percent(t)),
    |t| format!("<p title=\"{}\">x</p><input value=1>", attribute(t)),
    |t| format!("<form><i>{}</i></form>", attribute(t)),
    |t| format!("a=1&b={}", percent(t)),
    |t| format!("x {t} y"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_of_any_kind_are_redacted_without_harm_and_once_is_enough(
        kind in select(&KINDS[..]),
        content in soup(),
    ) {
        let apart = redactor().content(kind, content.clone(), &mut Redactions::default());
        match apart {
            Ok(_) => drop(redacted(kind, &content)),
            Err(why) => prop_assert!(why.contains("parts"), "{}: {:?}", why, shown(&content)),
        }
    }

    #[test]
    fn any_text_is_redacted_without_harm_and_once_is_enough(content in soup(), name in "[A-Za-z-]{0,12}") {
        let content = shown(&content);
        let count = |redact: &dyn Fn(&mut Redactions) -> String| {
            let mut redactions = Redactions::default();
            (redact(&mut redactions), redactions.total())
        };
        let (once, _) = count(&|redactions| redactor().text(&content, redactions));
        prop_assert_eq!(count(&|redactions| redactor().text(&once, redactions)), (once.clone(), 0));
        let (once, _) = count(&|redactions| redactor().url(&content, redactions));
        prop_assert_eq!(count(&|redactions| redactor().url(&once, redactions)), (once.clone(), 0));
        for name in [&name, "Cookie", "set-cookie", "authorization", "www-authenticate", "x-api-key"] {
            let (once, _) = count(&|redactions| redactor().header(name, &content, redactions));
            let (twice, more) = count(&|redactions| redactor().header(name, &once, redactions));
            prop_assert_eq!((twice, more), (once, 0));
        }
        let mut value = json!({ "a": [content], "token": { "b": content }, "value": content, "name": "pin" });
        redactor().value(&mut value, &mut Redactions::default());
        let mut again = Redactions::default();
        let once = value.clone();
        redactor().value(&mut value, &mut again);
        prop_assert_eq!(value, once);
        prop_assert!(again.is_empty());
    }

    #[test]
    fn a_secret_is_found_however_what_holds_it_is_written(
        rule in select(&SHAPES[..]),
        seed in any::<u64>(),
        wrappings in proptest::collection::vec(select(WRAPPINGS), 0..4),
        container in select(CONTAINERS),
    ) {
        let Secret { written, secret, .. } = shaped(rule, seed / 2);
        let lines = ["YAML", "an answer in JSONP", "a script in HTML", "a script", "a style sheet", "a comment", "a source map"];
        // There it stands in a program, and what is encoded in a program's text is not looked at.
        let wrappings = if lines.contains(&container.0) { &[][..] } else { &wrappings };
        if rule == "pem" && container.0 == "YAML" {
            return Ok(());
        }
        let text = wrappings.iter().fold(written, |text, wrap| wrap(&text));
        let (_, media_type, put) = container;
        let (after, redactions) = redacted(media_type, &put(&text));
        prop_assert!(!redactions.is_empty(), "{} in {}", text, shown(&after));
        prop_assert!(!shown(&after).contains(&secret));
    }

    #[test]
    fn a_value_of_any_characters_is_found_by_its_name(
        container in select(NAMED),
        seed in any::<u64>(),
        tail in "[ -~é€]{0,8}",
    ) {
        let secret = random(seed / 2, 12);
        // These are written without the quotes that any character could stand in.
        let bare = ["YAML", "the tree of a field", "a cookie in a HAR", "a cookie that was set", "credentials in a HAR"];
        let tail = if bare.contains(&container.0) { String::new() } else { tail };
        check_gone(&container, &format!("{secret}{tail}"), &secret);
    }

    #[test]
    fn words_are_no_secrets(
        kind in select(&KINDS[..]),
        words in proptest::collection::vec(select(&["the", "password", "of", "a", "session", "token", "is", "Basic",
            "12", "2026-01-29", "1700000000000", "x-api-key", "\u{e9}t\u{e9}", ".", ",", "(", ")", "!", "\n"][..]), 0..40),
    ) {
        let text = words.join(" ");
        prop_assert_eq!(shown(&redacted(kind, text.as_bytes()).0), text);
    }
}

// Long texts

/// Texts in which a search that begins anew at each place would never end.
const HOSTILE: &[&str] = &[
    "eyJ",
    "eyJhbGciOiJIUzI1NiJ9.",
    "eyJaaaaaaaaaaAKIAIOSFODNN7EXAMPLE",
    "password",
    "token=",
    "\"token\":\"",
    "'token':\\\"",
    "`pin`:`",
    "://",
    "http://a:b",
    "?a",
    "&token=%2",
    ";",
    "%25",
    "4111 ",
    "4",
    "4111-",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY----- -----END ",
    "Basic ",
    "Bearer a",
    "sk-",
    "[redacted:",
    "{\"a\":",
    "[",
    "{\"name\":\"token\",\"value\":[",
    "\"\\",
    "<p",
    "<p data-private>",
    "<svg>",
    "<!--",
    "</",
    "<input value=\"",
    "&amp;",
    "<a b='",
    "<![CDATA[",
    "cookie:a=",
    "a\n",
    "--b\r\n",
    "=\r\n",
    "Authorization: ",
    "document.cookie=\"a=b;",
];

#[test]
fn a_long_hostile_text_ends() {
    // All of them in turn, and long stretches of each.
    let bytes = 20 << 20;
    let mut text = String::with_capacity(bytes + (1 << 16));
    while text.len() < bytes {
        for piece in HOSTILE {
            text.push_str(&piece.repeat(bytes / 4 / HOSTILE.len() / piece.len()));
        }
    }
    let mut redactions = Redactions::default();
    let after = redactor().content("text/plain", text.into_bytes(), &mut redactions).unwrap();
    assert!(!redactions.is_empty() && !after.is_empty());
}

#[test]
fn a_long_stretch_of_anything_ends_in_every_kind_of_content() {
    for piece in HOSTILE {
        let text = piece.repeat((200 << 10) / piece.len()).into_bytes();
        for kind in KINDS {
            let redacted = redactor().content(kind, text.clone(), &mut Redactions::default());
            assert!(redacted.is_ok() || redacted.unwrap_err().contains("parts"));
        }
    }
}

// In a capture

fn drafted(mut page: Script, config: &CaptureConfig) -> Draft {
    draft_of(&mut page, Draft::new(), config, &redactor()).unwrap()
}

fn giving(part: PagePart, content: &str) -> Script {
    Script::new().on(part, Act::Give(Ok(Taken::Content(content.into()))))
}

#[test]
fn a_page_is_printed_only_where_nothing_on_it_had_to_be_taken_out() {
    let token = random(3, 40);
    for (text, redact, wanted) in [
        ("a price, a name".to_owned(), true, ArtifactStatus::Stored),
        (format!("your key: Bearer {token}"), true, ArtifactStatus::Redacted),
        (format!("your key: Bearer {token}"), false, ArtifactStatus::Stored),
    ] {
        for look in [PagePart::Text, PagePart::Html] {
            // What is looked at is looked at also where only the print is asked for.
            for parts in [vec![PagePart::Pdf], vec![PagePart::Pdf, look]] {
                let mut config = CaptureConfig::default().only(parts);
                config.redact = redact;
                let draft = drafted(giving(look, &text), &config);
                let names: Vec<&str> =
                    draft.artifacts().iter().map(|a| a.name().as_str()).collect();
                let print = draft.artifacts().iter().find(|a| a.name().as_str() == "page.pdf");
                assert_eq!(print.unwrap().status(), wanted, "{text} in {look:?}, {names:?}");
            }
        }
    }
}

#[test]
fn what_is_secret_in_one_part_is_taken_out_of_all_others() {
    let cookie = random(11, 24);
    let har = json!({"log": {"version": "1.2", "entries": [{"request": {
        "url": "http://a.example/", "method": "GET",
        "headers": [{"name": "Cookie", "value": format!("sid={cookie}")}],
        "cookies": [{"name": "sid", "value": cookie}] }, "response": {"headers": []}}]}});
    let page = giving(PagePart::Network, &har.to_string())
        .on(PagePart::Text, Act::Give(Ok(Taken::Content(format!("you are {cookie}").into()))));
    let config = CaptureConfig::default().only([PagePart::Text, PagePart::Network]);
    let draft = drafted(page, &config);
    for artifact in draft.artifacts() {
        let content = shown(artifact.content().unwrap());
        assert!(!content.contains(&cookie), "{}: {content}", artifact.name());
    }
}

#[test]
fn reasons_and_what_the_caller_says_are_redacted_too() {
    let token = random(5, 40);
    let said = format!("refused: Authorization: Bearer {token}");
    let fault = tintype::capture::Fault::Refused(said.clone());
    let mut page = Script::new().on(PagePart::Html, Act::Give(Err(fault)));
    let draft = Draft::new().describe(said.clone()).info("why", said);
    let config = CaptureConfig::default().only([PagePart::Html]);
    let draft = draft_of(&mut page, draft, &config, &redactor()).unwrap();
    assert!(!format!("{draft:?}").contains(&token), "{draft:?}");
    for artifact in draft.artifacts() {
        assert!(!shown(artifact.content().unwrap_or_default()).contains(&token));
    }
}
