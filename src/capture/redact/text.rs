//! Free text: one pass over it finds where a secret may begin; what is there is then looked at closely.
//!
//! **Invariant:** the time is linear in the text. What the pass looks for is bounded; what is read
//! beyond it is either taken out and never read again, or bounded, or remembered.

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Input, PatternID};

use super::escape::{is_word, starts_word};
use super::names::{HeaderKind, Place, Secrecy, header_kind, looks_made, secrecy};
use super::{Pass, Patches, cards, escape};

/// What kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What people and programs write to be read: logs, pages.
    Text,
    /// A program or a style sheet. What stands after a name is an expression, unless it is in quotes.
    Code,
    /// One address, whole.
    Url,
    /// Only what is a secret by its shape, whatever stands before it.
    Shapes,
}

/// The longest name that is looked for before a `=`.
const NAME_BYTES_MAX: usize = 64;
/// How much of a secret is read before it is known to be one.
const LOOK_BYTES: usize = 256;
/// The longest secret that has an end of its own, which may be missing.
const SECRET_BYTES_MAX: usize = 64 * 1024;
/// How much of a value is read before it is known to be secret by its name: where it is not, its end
/// may be looked for again at each name that stands in it.
const NAMED_LOOK_BYTES: usize = 4 * 1024;
/// The least of a private key that is one, and not a text about keys.
const PEM_BYTES_MIN: usize = 16;

/// Defines the patterns, each with the constant that names it.
macro_rules! patterns {
    ($($name:ident = $pattern:expr,)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[derive(Clone, Copy, PartialEq, Eq)]
        enum Start { $($name),* }
        const STARTS: &[(Start, &str)] = &[$((Start::$name, $pattern)),*];
    };
}

patterns! {
    Token = r"\[redacted:[a-z0-9-]{1,16}:[0-9a-f]{8}\]",
    Pem = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY",
    Jwt = r"eyJ[A-Za-z0-9_-]{7}",
    Scheme = r"(?i:bearer|basic)(?:[ \t]|%20)",
    Aws = r"A(?:KIA|SIA)[A-Z0-9]{16}",
    GitHub = r"gh[pousr]_[A-Za-z0-9]{20}|github_pat_[A-Za-z0-9_]{20}",
    Slack = r"xox[abeoprs]-[A-Za-z0-9-]{10}|xapp-[0-9]-[A-Za-z0-9-]{10}",
    SlackHook = r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9]",
    Sk = r"sk-[A-Za-z0-9_-]{16}",
    Stripe = r"[sr]k_(?:live|test)_[A-Za-z0-9]{10}|whsec_[A-Za-z0-9]{16}",
    Google = r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20}|GOCSPX-[A-Za-z0-9_-]{20}",
    GitLab = r"glpat-[A-Za-z0-9_-]{20}",
    Npm = r"npm_[A-Za-z0-9]{36}",
    Card = r"[0-9](?:(?:[ -]|\xC2\xA0)?[0-9]){12}",
    Userinfo = r":\\?/\\?/",
    Query = r"[?&#;][A-Za-z0-9_.%~\[\]:+$-]+=",
    Key = concat!(
        r"(?i:passw|pwd|pass[_-]?(?:phrase|code)|secret|token|credential|cookie|signature|bearer",
        r"|auth|jwt|csrf|xsrf|assertion|verifier|nonce|session|sess_?id|sid",
        r"|(?:api|access|private|signing|encryption|master)[_-]?key|key[_-]?id",
        r"|saml(?:request|response)|otp|pin|cvv|cvc|csc|card|cc[_-]?(?:num|csc|exp)",
        r"|(?:verification|security|mfa|device|one[_-]?time)[_-]?code)",
        r#"[A-Za-z0-9_\[\]$-]{0,24}(?:%5[Dd])?(?:\\{0,7}["'`]|&quot;)?[ \t]{0,4}(?:=>|:=|[:=,])"#,
    ),
}

static REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let patterns: Vec<&str> = STARTS.iter().map(|(_, pattern)| *pattern).collect();
    let bytes = syntax::Config::new().unicode(false).utf8(false);
    let config = Regex::config().utf8_empty(false).hybrid_cache_capacity(8 << 20);
    Regex::builder().syntax(bytes).configure(config).build_many(&patterns).ok()
});

impl Pass<'_> {
    /// Redacts a text; nothing where there is nothing to redact.
    pub(super) fn scan(&mut self, text: &[u8], mode: Mode) -> Option<Vec<u8>> {
        let redacted = self.scan_for_shapes(text, mode);
        self.scan_for_known(redacted.as_deref().unwrap_or(text)).or(redacted)
    }

    /// Takes out what was secret elsewhere in the same capture.
    fn scan_for_known(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let search = self.known.clone()?;
        let mut patches = Patches::default();
        for found in search.find_iter(text) {
            if let Some(token) = self.secret("seen", &text[found.range()]) {
                patches.add(found.range(), token);
            }
        }
        patches.apply(text)
    }

    fn scan_for_shapes(&mut self, text: &[u8], mode: Mode) -> Option<Vec<u8>> {
        // That the patterns are correct is tested.
        let regex = REGEX.as_ref()?;
        let mut scan = Scan { text, mode, patches: Patches::default(), no_jwt_before: 0 };
        let mut at = 0;
        while let Some(found) = regex.find(Input::new(text).span(at..text.len())) {
            let next = scan.look(self, found.pattern(), found.range());
            // A start is longer than nothing, so that this goes on in any case.
            at = next.max(found.start() + 1);
            if at >= text.len() {
                break;
            }
        }
        scan.patches.apply(text)
    }

    /// Redacts the value of a parameter of an address: by its name, or by what is encoded in it.
    pub(super) fn parameter(&mut self, name: &[u8], value: &[u8], place: Place) -> Option<Vec<u8>> {
        let plain = escape::decode(value);
        let secret = match secrecy(&escape::decode(name), place) {
            Some(Secrecy::Always) => true,
            Some(Secrecy::IfMade) => looks_made(&plain),
            None => false,
        };
        if secret {
            return self.secret("query", &plain);
        }
        if plain == value {
            return None;
        }
        let inner = self.deeper(|pass| pass.string(&plain))?;
        Some(escape::encode(&inner))
    }
}

struct Scan<'t> {
    text: &'t [u8],
    mode: Mode,
    patches: Patches,
    /// Up to here it is known that no JWT begins.
    no_jwt_before: usize,
}

impl Scan<'_> {
    /// Looks at what stands at a start, and tells where to go on.
    fn look(&mut self, pass: &mut Pass, pattern: PatternID, found: Range<usize>) -> usize {
        let start = STARTS[pattern.as_usize()].0;
        let everything = self.mode != Mode::Shapes;
        match start {
            Start::Token => found.end,
            Start::Pem => self.pem(pass, found),
            Start::Jwt => self.jwt(pass, found.start),
            Start::Scheme => self.scheme(pass, found),
            Start::Card => self.card(pass, found.start),
            Start::Userinfo if everything => self.userinfo(pass, found),
            Start::Query if everything => self.query(pass, found),
            Start::Key if everything && self.mode != Mode::Url => self.key(pass, found),
            Start::Userinfo | Start::Query | Start::Key => found.start + 1,
            Start::Aws => self.exact(pass, "aws", found),
            Start::Sk => self.sk(pass, found),
            Start::SlackHook => {
                let end = self.run(found.end, |byte| is_word(byte) || b"/-".contains(&byte));
                self.take(pass, "slack", found.end - 1..end)
            }
            Start::GitHub => self.keyed(pass, "github", found),
            Start::Slack => self.keyed(pass, "slack", found),
            Start::Stripe => self.keyed(pass, "stripe", found),
            Start::Google => self.keyed(pass, "google", found),
            Start::GitLab => self.keyed(pass, "gitlab", found),
            Start::Npm => self.keyed(pass, "npm", found),
        }
    }

    /// Takes a secret out.
    fn take(&mut self, pass: &mut Pass, rule: &'static str, span: Range<usize>) -> usize {
        let end = span.end;
        if let Some(token) = pass.secret(rule, &self.text[span.clone()]) {
            self.patches.add(span, token);
        }
        end
    }

    fn run(&self, at: usize, class: impl Fn(u8) -> bool) -> usize {
        at + self.text[at..].iter().take_while(|byte| class(**byte)).count()
    }

    /// The same, which ends after so many bytes.
    fn run_within(&self, at: usize, most: usize, class: impl Fn(u8) -> bool) -> usize {
        at + self.text[at..].iter().take(most).take_while(|byte| class(**byte)).count()
    }

    /// A key of an exact length.
    fn exact(&mut self, pass: &mut Pass, rule: &'static str, found: Range<usize>) -> usize {
        let ends = self.text.get(found.end).is_none_or(|byte| !is_word(*byte));
        match starts_word(self.text, found.start) && ends {
            true => self.take(pass, rule, found),
            false => found.start + 1,
        }
    }

    /// A key that goes on as long as it can.
    fn keyed(&mut self, pass: &mut Pass, rule: &'static str, found: Range<usize>) -> usize {
        if !starts_word(self.text, found.start) {
            return found.start + 1;
        }
        let end = self.run(found.end, is_base64url);
        self.take(pass, rule, found.start..end)
    }

    /// `sk-…`, which may be the name of a style too: a key has a stretch of letters and digits.
    fn sk(&mut self, pass: &mut Pass, found: Range<usize>) -> usize {
        let end = self.text.len().min(found.start + LOOK_BYTES);
        let seen = &self.text[found.start + 3..end];
        let seen = &seen[..seen.iter().take_while(|byte| is_base64url(**byte)).count()];
        let is_key = seen.split(|byte| b"-_".contains(byte)).any(|stretch| {
            let digits = stretch.iter().filter(|byte| byte.is_ascii_digit()).count();
            stretch.len() >= 16 && digits > 0 && digits < stretch.len()
        });
        match is_key && starts_word(self.text, found.start) {
            true => self.keyed(pass, "sk", found),
            false => found.start + 1,
        }
    }

    /// A private key from its first line to its last, or as far as there is something of it.
    fn pem(&mut self, pass: &mut Pass, found: Range<usize>) -> usize {
        let is_body = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || byte.is_ascii_whitespace()
                || b"+/=\\:,-".contains(&byte)
        };
        let label = &self.text[found.end..];
        let label = label.strip_prefix(b" BLOCK").unwrap_or(label);
        let Some(body) = label.strip_prefix(b"-----") else { return found.end };
        let mut end = self.text.len() - body.len();
        let mut bytes = 0;
        while let Some(byte) = self.text.get(end).copied().filter(|byte| is_body(*byte))
            && bytes < SECRET_BYTES_MAX
        {
            let rest = &self.text[end..];
            if rest.starts_with(b"-----END ") {
                end += b"-----END ".len();
                end = self.run(end, |byte| byte.is_ascii_uppercase() || byte == b' ');
                end = self.run(end, |byte| byte == b'-');
                break;
            }
            if rest.starts_with(b"-----BEGIN ") {
                break;
            }
            bytes += usize::from(!byte.is_ascii_whitespace());
            end += 1;
        }
        match bytes >= PEM_BYTES_MIN {
            true => self.take(pass, "pem", found.start..end),
            false => end,
        }
    }

    /// Three or five parts of base64url with dots between them (RFC 7519, RFC 7516).
    fn jwt(&mut self, pass: &mut Pass, start: usize) -> usize {
        if start < self.no_jwt_before || !starts_word(self.text, start) {
            return start + 1;
        }
        let head = self.run(start, is_base64url);
        let body = match self.text.get(head) {
            Some(b'.') => self.run(head + 1, is_base64url),
            _ => head,
        };
        if body <= head + 4 || self.text.get(body) != Some(&b'.') {
            // What begins further on in the first part ends as this does.
            self.no_jwt_before = head;
            return start + 1;
        }
        let mut end = self.run(body + 1, is_base64url);
        for _ in 0..2 {
            if self.text.get(end) == Some(&b'.')
                && self.text.get(end + 1).is_some_and(|byte| is_base64url(*byte))
            {
                end = self.run(end + 1, is_base64url);
            }
        }
        self.take(pass, "jwt", start..end)
    }

    /// `Bearer …`, `Basic …` (RFC 6750, RFC 7617): the scheme stays.
    fn scheme(&mut self, pass: &mut Pass, found: Range<usize>) -> usize {
        if !starts_word(self.text, found.start) {
            return found.start + 1;
        }
        let start = self.run(found.end, |byte| byte == b' ');
        let is_token68 = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let end = self.run(start, is_token68);
        let seen = &self.text[start..end];
        let basic = self.text[found.start + 1].eq_ignore_ascii_case(&b'a');
        let is_secret = match basic {
            true => escape::is_basic(seen),
            false => {
                seen.len() >= 32 || seen.len() >= 8 && seen.iter().any(|byte| byte.is_ascii_digit())
            }
        };
        match is_secret {
            true => self.take(pass, if basic { "basic" } else { "bearer" }, start..end),
            false => found.end,
        }
    }

    fn card(&mut self, pass: &mut Pass, start: usize) -> usize {
        let mut cards = Vec::new();
        let end = cards::in_run(self.text, start, |card| cards.push(card));
        for card in cards {
            // The same number has the same token however it is written.
            let digits: Vec<u8> =
                self.text[card.clone()].iter().copied().filter(u8::is_ascii_digit).collect();
            if let Some(token) = pass.secret("card", &digits) {
                self.patches.add(card, token);
            }
        }
        end
    }

    /// `scheme://user:password@host`.
    fn userinfo(&mut self, pass: &mut Pass, found: Range<usize>) -> usize {
        let scheme = found.start.checked_sub(1).and_then(|at| self.text.get(at));
        if !scheme.is_some_and(u8::is_ascii_alphanumeric) {
            return found.end;
        }
        let whole = self.mode == Mode::Url;
        let end = self.run(found.end, |byte| match byte {
            b'/' | b'\\' | b'?' | b'#' => false,
            b'"' | b'\'' | b'<' | b'>' | b'`' | b'{' | b'}' => whole,
            _ => whole || !byte.is_ascii_whitespace(),
        });
        match self.text[found.end..end].iter().rposition(|byte| *byte == b'@') {
            Some(at) => self.take(pass, "userinfo", found.end..found.end + at),
            None => found.end,
        }
    }

    /// `?name=value`, and so with `&`, `#` and `;`.
    fn query(&mut self, pass: &mut Pass, found: Range<usize>) -> usize {
        let (opens, start) = (self.text[found.start], found.end);
        if found.len() > 2 + 4 * NAME_BYTES_MAX {
            return found.end;
        }
        let whole = self.mode == Mode::Url;
        let class = |byte: u8| match byte {
            b'&' => false,
            b'#' => opens == b'#',
            b'?' => matches!(opens, b'?' | b'&'),
            b'/' | b';' if opens == b';' => false,
            b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'{' | b'}' | b'|' => whole,
            _ => whole || !byte.is_ascii_whitespace(),
        };
        let mut end = self.run_within(start, NAMED_LOOK_BYTES, class);
        let name = &self.text[found.start + 1..found.end - 1];
        if end == start + NAMED_LOOK_BYTES && secrecy(name, Place::Query).is_some() {
            end = self.run(end, class);
        }
        // A token stands there as it was written, and nothing after it is of its value.
        if let Some(token) = super::token_at(self.text, start) {
            end = token;
        } else if !whole {
            let said = &self.text[start..end];
            let trimmed = said.iter().rposition(|byte| !b".,;:!)]".contains(byte));
            end = start + trimmed.map_or(0, |at| at + 1);
        }
        let value = &self.text[start..end];
        if self.mode == Mode::Code {
            let digits = value.iter().any(u8::is_ascii_digit);
            if opens == b';' || value.len() < 6 || !digits {
                return found.start + 1;
            }
        }
        if value.is_empty() {
            return found.start + 1;
        }
        if super::is_token(value) {
            return end;
        }
        match pass.parameter(name, value, Place::Query) {
            Some(redacted) => {
                self.patches.add(start..end, redacted);
                end
            }
            // What was encoded in it was looked at.
            None if value.contains(&b'%') => end,
            // Its name may be longer than it seems here, and there may be something in its value.
            None => found.start + 1,
        }
    }

    /// `name: value`, `name=value`, `"name": "value"`.
    fn key(&mut self, pass: &mut Pass, found: Range<usize>) -> usize {
        let text = self.text;
        let is_name = |byte: u8| is_word(byte) || b"-$".contains(&byte);
        let before = &text[found.start.saturating_sub(NAME_BYTES_MAX)..found.start];
        let start = found.start - before.iter().rev().take_while(|b| is_name(**b)).count();
        let name_end = self.run(found.start, |byte| is_name(byte) || b"[]".contains(&byte));
        let name = &text[start..name_end];
        // The separator may begin something itself: `token://…`.
        let go_on = found.end - 1;
        let Some(secrecy) = secrecy(name, Place::Data) else { return go_on };
        let after_name = &text[name_end..found.end];
        let name_quoted = after_name.iter().any(|byte| b"\"'`&".contains(byte));
        let separator = text[found.end - 1];
        let tight = after_name == b"=" || after_name == b"%5D=" || after_name == b"%5d=";

        let mut at = self.run(found.end, |byte| byte == b' ' || byte == b'\t');
        if name_quoted || self.mode == Mode::Code {
            at = self.run(at, |byte| byte.is_ascii_whitespace());
        }
        if super::token_at(text, at).is_some() {
            return at;
        }
        let kind = header_kind(name);
        if let Some((span, end)) = self.quoted(at) {
            let raw = &text[span.clone()];
            let value = escape::unescape(raw);
            let secret = match separator {
                // A list of words has names beside names.
                b',' => name_quoted && looks_made(&value),
                _ if secrecy == Secrecy::IfMade => looks_made(&value),
                _ => self.mode != Mode::Code || !is_label(name, &value),
            };
            if !secret {
                return span.start;
            }
            let cookies = matches!(kind, HeaderKind::Cookie | HeaderKind::SetCookie);
            // What is left of cookies must stay escaped as it is.
            let value = if cookies { raw } else { &value };
            if let Some(redacted) = pass.named("key", kind, value) {
                self.patches.add(span, redacted);
            }
            return end;
        }
        if separator == b',' {
            return go_on;
        }
        let is_header = !matches!(kind, HeaderKind::Secret | HeaderKind::Other);
        if is_header && self.mode == Mode::Text {
            let end = match kind {
                HeaderKind::Credentials => self.credentials(at),
                _ => self.run(at, |byte| !b"\r\n\"'`<>".contains(&byte)),
            };
            let value = &text[at..end];
            let is_secret = match kind {
                HeaderKind::Credentials => {
                    value.len() >= 16 || value.iter().any(u8::is_ascii_digit)
                }
                _ => value.contains(&b'='),
            };
            if is_secret && let Some(redacted) = pass.named("key", kind, value) {
                self.patches.add(at..end, redacted);
            }
            return end.max(go_on);
        }
        let mut end = self.run_within(at, NAMED_LOOK_BYTES, is_bare);
        if end == at + NAMED_LOOK_BYTES && secrecy == Secrecy::Always {
            // So long a word is no label; what is left of it is no word of its own.
            end = self.run(end, is_bare);
            return self.take(pass, "key", at..end);
        }
        let trimmed = text[at..end].iter().rposition(|byte| !b".:!?".contains(byte));
        end = at + trimmed.map_or(0, |last| last + 1);
        let value = &text[at..end];
        let digits = value.iter().any(u8::is_ascii_digit);
        let letters = value.iter().any(u8::is_ascii_alphabetic);
        let is_word = matches!(value, b"null" | b"undefined" | b"true" | b"false" | b"none");
        let secret = match (secrecy, self.mode) {
            _ if value.is_empty() || is_word => false,
            (Secrecy::IfMade, _) => looks_made(value),
            (Secrecy::Always, Mode::Code) => looks_made(value) && !value.contains(&b'.'),
            (Secrecy::Always, _) if tight => !is_path_of_names(value),
            (Secrecy::Always, _) => value.len() >= 6 && digits && letters,
        };
        match secret {
            true => self.take(pass, "key", at..end),
            false => at.max(go_on),
        }
    }

    /// What stands within the quotes that open here, and where the quotes end. Where they do not
    /// close they end with the line.
    fn quoted(&self, at: usize) -> Option<(Range<usize>, usize)> {
        let escapes = self.text[at..].iter().take_while(|byte| **byte == b'\\').count();
        let open = self.text.get(at + escapes..)?;
        if escapes == 0 && open.starts_with(b"&quot;") {
            let start = at + b"&quot;".len();
            let end = self.run(start, |byte| !b"&\r\n<>".contains(&byte));
            return Some((start..end, end));
        }
        let quote = *open.first().filter(|byte| b"\"'`".contains(byte))?;
        let start = at + escapes + 1;
        let mut backslashes = 0;
        let mut line_end = None;
        for (offset, byte) in self.text[start..].iter().take(NAMED_LOOK_BYTES).enumerate() {
            let end = start + offset;
            match byte {
                b'\\' => backslashes += 1,
                byte if *byte == quote && escapes == 0 && backslashes % 2 == 0 => {
                    return Some((start..end, end + 1));
                }
                // The backslashes before the closing quote belong to it.
                byte if *byte == quote && escapes > 0 && backslashes <= escapes => {
                    return Some((start..end - backslashes, end + 1));
                }
                b'\n' | b'\r' if quote != b'`' => return Some((start..end, end)),
                b'\n' => {
                    line_end.get_or_insert(end);
                    backslashes = 0;
                }
                _ => backslashes = 0,
            }
        }
        let end = line_end.unwrap_or(self.text.len().min(start + NAMED_LOOK_BYTES));
        Some((start..end, end))
    }

    /// Where credentials end that stand in a line: after a scheme and a token, or a list of
    /// parameters.
    fn credentials(&self, at: usize) -> usize {
        let word = self.run(at, is_bare);
        let next = self.run(word, |byte| byte == b' ');
        if !super::headers::is_scheme(&self.text[at..word]) || next == word {
            return word;
        }
        let end = self.run(next, is_bare);
        // Parameters have signs in them that end a token.
        match self.text[next..end].contains(&b'=') && !looks_made(&self.text[next..end]) {
            true => self.run(next, |byte| !b"\r\n'`<>".contains(&byte)),
            false => end,
        }
    }
}

fn is_base64url(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// What a value has in it that stands in no quotes.
fn is_bare(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"\"'`,;&<>(){}[]|\\".contains(&byte)
}

/// Whether it reads as an expression does: `e.token`, `this.state.password`.
fn is_path_of_names(value: &[u8]) -> bool {
    let is_name = |part: &[u8]| {
        part.first().is_some_and(|first| first.is_ascii_alphabetic() || b"_$".contains(first))
            && part.iter().all(|byte| is_word(*byte) || *byte == b'$')
            && !part.iter().any(u8::is_ascii_digit)
    };
    value.contains(&b'.') && value.split(|byte| *byte == b'.').all(is_name)
}

/// Whether a value in a program is what a person reads, or the name again: `password: "Your
/// password"`, `token: "token"`, `secret: "#secret"`.
fn is_label(name: &[u8], value: &[u8]) -> bool {
    let plain = |text: &[u8]| -> Vec<u8> {
        let kept = text.iter().filter(|byte| byte.is_ascii_alphanumeric());
        kept.map(u8::to_ascii_lowercase).collect()
    };
    let digits = value.iter().any(u8::is_ascii_digit);
    let words = value.contains(&b' ') && !value.contains(&b'=') && !digits;
    let signs = !value.iter().any(u8::is_ascii_alphanumeric);
    signs
        || words
        || plain(name) == plain(value)
        || !digits && matches!(value, [b'#' | b'.' | b'[', ..])
}
