//! Secrets, taken out before anything is hashed or stored.
//!
//! A [`Redactor`] replaces each secret by a token, `[redacted:RULE:xxxxxxxx]`: the rule that found
//! it, and eight digits of a keyed hash (BLAKE3) of the secret. The same secret has the same digits
//! everywhere in a store, so that it can still be seen whether two captures had the same cookie.
//!
//! | rule | what it takes out |
//! |---|---|
//! | `authorization` | credentials in `Authorization` and `Proxy-Authorization`; the scheme stays |
//! | `cookie` | values of cookies in headers, in lists of cookies, in what is given to `document.cookie`; names and attributes stay |
//! | `header` | other headers that carry secrets: `X-Api-Key`, `X-CSRF-Token`, any whose name ends in `-Token`; nonces of challenges |
//! | `userinfo` | `user:password@` in an address of any scheme |
//! | `query` | values of `token`, `code`, `sig`, `X-Amz-Signature`, `password` … in queries, fragments and forms, encoded or not |
//! | `key` | members, assignments and parts of forms of such a name: JSON at any depth, in strings of JSON, broken JSON, scripts, log lines, XML elements, attributes |
//! | `field` | what is in fields for passwords, cards and one-time codes ([`SECRET_FIELDS`]), or of such a name |
//! | `hidden` | hidden fields and `meta` elements whose name has `csrf`, `token`, `session`, `nonce` … in it |
//! | `mask` | text within elements that have [`MASK_ATTRIBUTES`] or [`MASK_CLASSES`] |
//! | `jwt`, `bearer`, `basic` | JSON Web Tokens; `Bearer …`, `Basic …` wherever they stand |
//! | `aws`, `github`, `gitlab`, `google`, `npm`, `sk`, `slack`, `stripe` | keys that have a shape of their own |
//! | `pem` | private keys |
//! | `card` | card numbers: 13 to 19 digits, in groups or not, for which the check digit is right |
//! | `seen` | values that were secret elsewhere in the same capture: a cookie that the page wrote to the console |
//!
//! **Where they are looked for.** Everything textual is read as what it is: HTML and XML (with
//! declarative shadow roots, `srcdoc` and scripts), JSON, JSON Lines, HAR, MHTML (parts in
//! quoted-printable and base64 too), forms of both kinds, YAML, scripts, style sheets, any other
//! text. What holds no secret stays byte for byte; so do bytes that are no UTF-8.
//!
//! **What no rule finds:** a secret in prose ("my password is tulip"), in a path (`/reset/…`) unless
//! it has a shape of its own, under a name that says nothing, in pictures, fonts, archives and other
//! binary content, encrypted, compressed, or encoded in a way that is not named above; what a page
//! puts together from pieces. E-mail addresses, telephone numbers and names are no secrets here.
//! One number in ten that looks like a card's is none and is taken out all the same.
//!
//! **How much a token tells.** The key is derived from the store. Who holds the store can therefore
//! guess: a secret of little entropy (a PIN, a date, a common password) is found by trying all of
//! them. Who holds only what was exported can't. Eight digits are 32 bits: two tokens that are equal
//! mean two secrets that are equal but for chance.
//!
//! **Invariant:** redacting what is redacted changes nothing.
//!
//! **Invariant:** nothing here shows a secret or the key: not [`Redactions`], not `Debug`, not an
//! error, not a log line.

mod cards;
mod escape;
mod form;
mod har;
mod headers;
mod html;
mod json;
mod mhtml;
mod names;
mod text;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{AddAssign, Range};

use serde::Serialize;
use serde_json::Value;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::codec::digest;
use text::Mode;

/// CSS selectors of fields whose content is secret: it is taken out of HTML, and painted over in
/// pictures.
pub const SECRET_FIELDS: &str = "input[type=password], input[autocomplete~=cc-number], \
     input[autocomplete~=cc-csc], input[autocomplete~=cc-exp], input[autocomplete~=one-time-code], \
     input[autocomplete~=current-password], input[autocomplete~=new-password]";

/// Attributes that say that what is in an element is private: Tintype's own, and those that recorders
/// of sessions go by.
pub const MASK_ATTRIBUTES: [&str; 4] =
    ["data-tintype-mask", "data-private", "data-sentry-mask", "data-rr-mask"];
/// Classes that say the same.
pub const MASK_CLASSES: [&str; 4] = ["sentry-mask", "sentry-block", "rr-mask", "rr-block"];

/// The deepest that content within content is looked at.
const DEPTH_MAX: usize = 6;
/// The shortest value that is looked for where nothing but its having been secret elsewhere speaks for
/// it.
const SEEN_BYTES_MIN: usize = 8;
/// The longest such value.
const SEEN_BYTES_MAX: usize = 4096;
/// The most such values of a capture, and their bytes together.
const SEEN_MAX: usize = 4096;
const SEEN_ALL_BYTES_MAX: usize = 256 * 1024;
/// Rules of what stands in a document and is not shown.
const NOT_SHOWN: [&str; 1] = ["hidden"];

/// How often what had secrets is looked at again, until there is nothing new: what stands beside a
/// token can make sense that it did not make before.
const ROUNDS_MAX: usize = 6;

const TOKEN_BEGIN: &[u8] = b"[redacted:";
const TOKEN_DIGITS: usize = 8;

/// How many secrets each rule took out. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Redactions(BTreeMap<&'static str, u64>);

impl Redactions {
    /// Whether nothing was taken out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something was taken out that a person could see.
    pub(super) fn show(&self) -> bool {
        self.0.keys().any(|rule| !NOT_SHOWN.contains(rule))
    }

    /// The rules that took something out, and how many secrets.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(rule, count)| (*rule, *count))
    }

    /// How many secrets were taken out.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

impl AddAssign for Redactions {
    fn add_assign(&mut self, other: Self) {
        for (rule, count) in other.0 {
            *self.0.entry(rule).or_default() += count;
        }
    }
}

/// Replaces secrets by tokens.
#[derive(Clone)]
pub struct Redactor {
    key: [u8; 32],
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// A redactor whose tokens are made with this key.
    pub fn new(key: [u8; 32]) -> Self {
        Redactor { key }
    }

    /// Redacts content of a media type; the error says why nothing of it may be kept.
    ///
    /// Pictures, sound, fonts, PDF and other binary content are given back as they are.
    pub fn content(
        &self,
        media_type: &str,
        content: Vec<u8>,
        redactions: &mut Redactions,
    ) -> Result<Vec<u8>, String> {
        self.rounds(content, |content| Pass::new(self, redactions).content(media_type, content))
    }

    /// Redacts content, and notes what was secret in it; from the second time on also by what was
    /// secret elsewhere.
    pub(super) fn content_of(
        &self,
        media_type: &str,
        content: Vec<u8>,
        redactions: &mut Redactions,
        seen: &mut Seen,
        looked: &mut Looked,
    ) -> Result<Vec<u8>, String> {
        self.rounds(content, |content| {
            let known = looked.next(seen);
            let noted = Some(&mut *seen);
            Pass { noted, known, ..Pass::new(self, redactions) }.content(media_type, content)
        })
    }

    /// Redacts until there is nothing new.
    fn rounds(
        &self,
        mut content: Vec<u8>,
        mut redact: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, String>,
    ) -> Result<Vec<u8>, String> {
        for _ in 0..ROUNDS_MAX {
            match redact(&content)? {
                Some(redacted) => content = redacted,
                None => break,
            }
        }
        Ok(content)
    }

    /// Redacts a text.
    pub fn text(&self, text: &str, redactions: &mut Redactions) -> String {
        told(text, Pass::new(self, redactions), |pass, text| pass.string(text))
    }

    /// Redacts a text, also by all that was seen to be secret.
    pub(super) fn text_of(
        &self,
        text: &str,
        redactions: &mut Redactions,
        seen: &mut Seen,
    ) -> String {
        let pass = Pass { known: seen.search(), ..Pass::new(self, redactions) };
        told(text, pass, |pass, text| pass.string(text))
    }

    /// Redacts an address.
    pub fn url(&self, url: &str, redactions: &mut Redactions) -> String {
        told(url, Pass::new(self, redactions), |pass, url| pass.address(url))
    }

    /// Redacts the value of a header.
    pub fn header(&self, name: &str, value: &str, redactions: &mut Redactions) -> String {
        let header = |pass: &mut Pass, value: &[u8]| pass.header(name.as_bytes(), value);
        told(value, Pass::new(self, redactions), header)
    }

    /// Redacts every text within a value, by what its name says and by what it looks like.
    pub fn value(&self, value: &mut Value, redactions: &mut Redactions) {
        Pass::new(self, redactions).value(value);
    }

    /// Redacts a value, and notes what was secret in it; from the second time on also by what was
    /// secret elsewhere.
    pub(super) fn value_of(
        &self,
        value: &mut Value,
        redactions: &mut Redactions,
        seen: &mut Seen,
        looked: &mut Looked,
    ) {
        let known = looked.next(seen);
        Pass { noted: Some(seen), known, ..Pass::new(self, redactions) }.value(value);
    }
}

/// How many of the secrets that were [seen](Seen) a content was searched for; nothing where it was not
/// looked at yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Looked(Option<usize>);

impl Looked {
    /// Whether there are some that it was not searched for.
    pub(super) fn lacks(self, seen: &Seen) -> bool {
        self.0.is_none_or(|looked| looked < seen.values.len())
    }

    /// What to search for next: nothing the first time, since what rules find has its rule's name.
    fn next(&mut self, seen: &mut Seen) -> Option<AhoCorasick> {
        let known = self.0.and_then(|_| seen.search());
        self.0 = Some(if known.is_some() { seen.values.len() } else { 0 });
        known
    }
}

/// What was secret in the parts of one capture, to find it where nothing else tells that it is.
#[derive(Default)]
pub(super) struct Seen {
    values: BTreeSet<Vec<u8>>,
    /// Bytes of them all.
    bytes: usize,
    /// Looks for all of them at once.
    search: Option<AhoCorasick>,
}

impl Seen {
    fn note(&mut self, rule: &str, secret: &[u8]) {
        let lengths = SEEN_BYTES_MIN..=SEEN_BYTES_MAX;
        if self.values.len() >= SEEN_MAX || !lengths.contains(&secret.len()) {
            return;
        }
        let telling = match rule {
            // What a person wrote; one word alone is any word.
            "mask" | "field" => secret.iter().any(|byte| !byte.is_ascii_alphabetic()),
            _ => secret.split(|byte| !byte.is_ascii_alphanumeric()).any(|stretch| {
                stretch.len() >= SEEN_BYTES_MIN
                    && stretch.iter().any(u8::is_ascii_digit)
                    && stretch.iter().any(u8::is_ascii_alphabetic)
            }),
        };
        if telling {
            self.add(secret);
            let plain = escape::decode(secret);
            if lengths.contains(&plain.len()) {
                self.add(&plain);
            }
        }
    }

    fn add(&mut self, secret: &[u8]) {
        let bytes = self.bytes + secret.len();
        if bytes <= SEEN_ALL_BYTES_MAX && self.values.insert(secret.to_vec()) {
            (self.bytes, self.search) = (bytes, None);
        }
    }

    /// A search for all of them; nothing where there are none.
    fn search(&mut self) -> Option<AhoCorasick> {
        if self.search.is_none() && !self.values.is_empty() {
            // What can't be built is too large, which the limits above rule out.
            self.search = AhoCorasick::builder()
                // Built anew when one more is seen: quickly, and in little memory.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .match_kind(MatchKind::LeftmostLongest)
                .build(&self.values)
                .ok();
        }
        self.search.clone()
    }
}

/// Redacts a text until there is nothing new.
fn told(
    text: &str,
    mut pass: Pass,
    redact: impl Fn(&mut Pass, &[u8]) -> Option<Vec<u8>>,
) -> String {
    let mut text = text.to_owned();
    for _ in 0..ROUNDS_MAX {
        match redact(&mut pass, text.as_bytes()) {
            Some(redacted) => text = String::from_utf8_lossy(&redacted).into_owned(),
            None => break,
        }
    }
    text
}

/// One walk through one content. Its functions give nothing where there is nothing to redact.
struct Pass<'a> {
    redactor: &'a Redactor,
    redactions: &'a mut Redactions,
    /// Takes down what is secret.
    noted: Option<&'a mut Seen>,
    /// Looks for what was secret elsewhere.
    known: Option<AhoCorasick>,
    depth: usize,
}

impl<'a> Pass<'a> {
    fn new(redactor: &'a Redactor, redactions: &'a mut Redactions) -> Self {
        Pass { redactor, redactions, noted: None, known: None, depth: 0 }
    }

    /// The token of a secret; nothing where there is none: a token already, an empty text, stars.
    fn secret(&mut self, rule: &'static str, secret: &[u8]) -> Option<Vec<u8>> {
        let plain = secret.trim_ascii();
        let is_word = matches!(plain, b"" | b"null" | b"undefined" | b"true" | b"false");
        let is_hidden =
            || plain.iter().all(|byte| *byte == b'*') || plain.starts_with("•".as_bytes());
        if is_word || is_token(plain) || is_hidden() {
            return None;
        }
        *self.redactions.0.entry(rule).or_default() += 1;
        if let Some(seen) = &mut self.noted {
            seen.note(rule, plain);
        }
        let hash = digest::keyed(&self.redactor.key, plain);
        let digits: String = hash[..TOKEN_DIGITS / 2].iter().map(|b| format!("{b:02x}")).collect();
        Some(format!("[redacted:{rule}:{digits}]").into_bytes())
    }

    /// Looks at what is within something else, unless that is too deep.
    fn deeper<T>(&mut self, look: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        let seen = look(self);
        self.depth -= 1;
        seen
    }

    /// Redacts a text of which nothing is known.
    fn string(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let deep = self.depth >= DEPTH_MAX;
        match text.trim_ascii_start() {
            start if !deep && json::looks_like(start) => self.deeper(|pass| pass.json(text)),
            _ if !deep && html::looks_like(text) => {
                self.deeper(|pass| pass.html(text, html::Markup::Html).ok()?)
            }
            start if is_address(start) => self.address(text),
            _ => self.scan(text, Mode::Text),
        }
    }

    /// Redacts a whole address.
    fn address(&mut self, url: &[u8]) -> Option<Vec<u8>> {
        let scheme =
            |name: &[u8]| url.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name));
        if scheme(b"javascript:") {
            return self.scan(url, Mode::Code);
        }
        if scheme(b"data:") {
            return self.deeper(|pass| pass.data_url(url));
        }
        self.scan(url, Mode::Url)
    }

    /// `data:text/html;base64,…` (RFC 2397).
    fn data_url(&mut self, url: &[u8]) -> Option<Vec<u8>> {
        let comma = url.iter().position(|byte| *byte == b',')?;
        let (head, body) = (&url[b"data:".len()..comma], &url[comma + 1..]);
        let head_text = std::str::from_utf8(head).ok()?;
        let (media_type, encoded) = match head_text.strip_suffix(";base64") {
            Some(media_type) => (media_type, true),
            None => (head_text, false),
        };
        let media_type = if media_type.is_empty() { "text/plain" } else { media_type };
        if Kind::of(media_type) == Kind::Binary {
            return None;
        }
        let plain = match encoded {
            true => escape::base64(&escape::decode_percents(body))?,
            false => escape::decode_percents(body).into_owned(),
        };
        let redacted = self.content(media_type, &plain).ok()??;
        let body = match encoded {
            true => escape::to_base64(&redacted).into_bytes(),
            false => escape::encode(&redacted),
        };
        Some([&url[..=comma], &body].concat())
    }

    /// Redacts content of a media type.
    fn content(&mut self, media_type: &str, content: &[u8]) -> Result<Option<Vec<u8>>, String> {
        if let Some(text) = utf16(content) {
            let redacted = self.content(media_type, text.text.as_bytes())?;
            return Ok(redacted.map(|redacted| text.written(&redacted)));
        }
        Ok(match Kind::of(media_type) {
            Kind::Binary => None,
            Kind::Html => self.html(content, html::Markup::Html)?,
            Kind::Xml => self.html(content, html::Markup::Xml)?,
            Kind::Har => self.har(content),
            Kind::Json => self.json(content),
            Kind::JsonLines => self.json_lines(content),
            Kind::Mhtml => self.mhtml(content)?,
            Kind::Multipart => self.multipart(media_type, content)?,
            Kind::Form => self.form(content),
            Kind::Yaml => self.yaml(content),
            Kind::Code => self.scan(content, Mode::Code),
            Kind::Text => self.string(content),
            Kind::Unknown if is_text(content) => self.string(content),
            Kind::Unknown => None,
        })
    }
}

/// How content is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Html,
    Xml,
    Har,
    Json,
    JsonLines,
    Mhtml,
    Multipart,
    Form,
    Yaml,
    Code,
    Text,
    /// Not read.
    Binary,
    /// Read where it is text.
    Unknown,
}

impl Kind {
    fn of(media_type: &str) -> Kind {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (top, sub) = essence.split_once('/').unwrap_or((&essence, ""));
        match (top, sub) {
            ("text", "html") | ("application", "xhtml+xml") => Kind::Html,
            ("application", "har+json") => Kind::Har,
            ("application", "x-ndjson" | "ndjson" | "jsonl" | "x-jsonlines" | "json-seq") => {
                Kind::JsonLines
            }
            ("text" | "application", "json" | "json5" | "x-json") => Kind::Json,
            ("multipart", "related") | ("message", "rfc822") => Kind::Mhtml,
            ("multipart", _) => Kind::Multipart,
            ("application", "x-www-form-urlencoded") => Kind::Form,
            ("text" | "application", "yaml" | "x-yaml" | "vnd.yaml") => Kind::Yaml,
            ("text" | "application", sub)
                if sub.contains("javascript") || sub.contains("ecmascript") || sub == "css" =>
            {
                Kind::Code
            }
            (_, "xml") => Kind::Xml,
            (_, sub) if sub.ends_with("+xml") => Kind::Xml,
            (_, sub) if sub.ends_with("+json") => Kind::Json,
            (_, sub) if sub.ends_with("+yaml") => Kind::Yaml,
            ("text", _) => Kind::Text,
            ("image" | "audio" | "video" | "font", _)
            | ("application", "pdf" | "wasm" | "zip" | "gzip") => Kind::Binary,
            _ => Kind::Unknown,
        }
    }
}

/// Replacements in a text, each where something stood.
#[derive(Debug, Default)]
struct Patches(Vec<(Range<usize>, Vec<u8>)>);

impl Patches {
    fn add(&mut self, span: Range<usize>, with: Vec<u8>) {
        self.0.push((span, with));
    }

    /// Makes the replacements; of those that overlap the first, and of those the longest.
    fn apply(mut self, text: &[u8]) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
        let added: usize = self.0.iter().map(|(_, with)| with.len()).sum();
        let mut redacted = Vec::with_capacity(text.len() + added);
        let mut at = 0;
        for (span, with) in self.0 {
            if span.start < at {
                continue;
            }
            redacted.extend_from_slice(&text[at..span.start]);
            redacted.extend_from_slice(&with);
            at = span.end;
        }
        redacted.extend_from_slice(&text[at..]);
        Some(redacted)
    }
}

/// Where the token ends that begins here, if one does.
fn token_at(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?.strip_prefix(TOKEN_BEGIN)?;
    let is_rule = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let rule = rest.iter().take_while(|byte| is_rule(byte)).count();
    let (colon, digits) = rest.get(rule..rule + TOKEN_DIGITS + 2)?.split_first()?;
    let (close, digits) = digits.split_last()?;
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let fits =
        (1..=16).contains(&rule) && (*colon, *close) == (b':', b']') && digits.iter().all(is_digit);
    fits.then_some(at + TOKEN_BEGIN.len() + rule + TOKEN_DIGITS + 2)
}

fn is_token(text: &[u8]) -> bool {
    token_at(text, 0) == Some(text.len())
}

/// Whether a text is an address and nothing else.
fn is_address(text: &[u8]) -> bool {
    let scheme = text.iter().take(32).position(|byte| *byte == b':');
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let absolute = scheme.is_some_and(|at| {
        at > 0
            && text[..at].iter().all(is_scheme)
            && (text[at..].starts_with(b"://") || text.starts_with(b"data:"))
    });
    (absolute || text.starts_with(b"/")) && !text.iter().any(u8::is_ascii_whitespace)
}

/// Whether bytes of which nothing is known are text: no zeros, hardly any control characters.
fn is_text(content: &[u8]) -> bool {
    const LOOK_BYTES: usize = 64 * 1024;
    let seen = &content[..content.len().min(LOOK_BYTES)];
    let controls =
        seen.iter().filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace());
    !seen.contains(&0) && controls.count() * 50 <= seen.len()
}

/// A text in UTF-16, which tells that by its first character.
struct Utf16 {
    text: String,
    big: bool,
}

fn utf16(content: &[u8]) -> Option<Utf16> {
    let big = match content {
        [0xFE, 0xFF, ..] => true,
        [0xFF, 0xFE, ..] => false,
        _ => return None,
    };
    let units = content.chunks_exact(2).map(|pair| match big {
        true => u16::from_be_bytes([pair[0], pair[1]]),
        false => u16::from_le_bytes([pair[0], pair[1]]),
    });
    let text =
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Some(Utf16 { text, big })
}

impl Utf16 {
    fn written(&self, redacted: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(redacted);
        text.encode_utf16()
            .flat_map(|unit| if self.big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }
}
