//! Headers and cookies: what is left of them says what kind of secret there was.

use super::names::{HeaderKind, header_kind};
use super::{Pass, Patches};

/// Schemes of credentials, in lower case (IANA's registry, and those that are in use beside it).
const SCHEMES: &[&str] = &[
    "apikey",
    "aws4-hmac-sha256",
    "basic",
    "bearer",
    "digest",
    "dpop",
    "gnap",
    "googlelogin",
    "hawk",
    "hoba",
    "jwt",
    "key",
    "mutual",
    "negotiate",
    "ntlm",
    "oauth",
    "privatetoken",
    "scram-sha-1",
    "scram-sha-256",
    "sharedkey",
    "sso-key",
    "token",
    "vapid",
];
/// Attributes of a cookie (RFC 6265, 5.2, and those that came after it).
const ATTRIBUTES: &[&str] = &[
    "domain",
    "expires",
    "httponly",
    "max-age",
    "partitioned",
    "path",
    "priority",
    "samesite",
    "secure",
];
/// Parameters of a challenge that are secret.
const CHALLENGE_SECRETS: &[&str] = &["nextnonce", "nonce", "opaque", "rspauth"];

/// Whether a word names a scheme of credentials.
pub(super) fn is_scheme(word: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// Who wrote cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookies {
    /// A browser: each is one.
    Sent,
    /// A server: one on a line, with attributes.
    Set,
    /// A script or a log: with attributes or without.
    Written,
}

impl Pass<'_> {
    /// Redacts the value of a header.
    pub(super) fn header(&mut self, name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        match header_kind(name) {
            HeaderKind::Other => self.string(value),
            HeaderKind::Address => self.address(value),
            HeaderKind::Credentials => self.named("authorization", HeaderKind::Credentials, value),
            HeaderKind::Cookie => self.cookies(value, Cookies::Sent),
            kind => self.named("header", kind, value),
        }
    }

    /// Redacts what is secret by its name, as such a header is written.
    pub(super) fn named(
        &mut self,
        rule: &'static str,
        kind: HeaderKind,
        value: &[u8],
    ) -> Option<Vec<u8>> {
        match kind {
            HeaderKind::Credentials => self.credentials(rule, value),
            HeaderKind::Challenge => self.challenge(value),
            HeaderKind::Cookie => self.cookies(value, Cookies::Written),
            HeaderKind::SetCookie => self.cookies(value, Cookies::Set),
            HeaderKind::Secret | HeaderKind::Address | HeaderKind::Other => {
                self.secret(rule, value)
            }
        }
    }

    /// `Bearer …`: the scheme stays.
    fn credentials(&mut self, rule: &'static str, value: &[u8]) -> Option<Vec<u8>> {
        let scheme =
            value.iter().position(|byte| *byte == b' ').filter(|at| is_scheme(&value[..*at]));
        let secret = match scheme {
            Some(at) => value[at..].iter().position(|byte| *byte != b' ').map(|on| at + on)?,
            None => 0,
        };
        let token = self.secret(rule, &value[secret..])?;
        Some([&value[..secret], &token].concat())
    }

    /// `Digest realm="…", nonce="…"`; `Negotiate …`: the scheme and the realm stay.
    fn challenge(&mut self, value: &[u8]) -> Option<Vec<u8>> {
        let mut patches = Patches::default();
        let mut start = 0;
        for piece in value.split(|byte| matches!(byte, b',' | b'\n')) {
            let end = start + piece.len();
            let equals = piece.iter().position(|byte| *byte == b'=');
            let words = piece.trim_ascii();
            match equals {
                Some(at)
                    if at + 1 < piece.len() && !piece[at..].iter().all(|byte| *byte == b'=') =>
                {
                    let name = piece[..at].trim_ascii();
                    let name = name.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
                    let secret = CHALLENGE_SECRETS
                        .iter()
                        .any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()));
                    let quoted = |byte: &u8| *byte == b'"' || byte.is_ascii_whitespace();
                    let said = &piece[at + 1..];
                    let from = said.iter().take_while(|byte| quoted(byte)).count();
                    let to = said.iter().rposition(|byte| !quoted(byte)).map_or(from, |at| at + 1);
                    if secret && let Some(token) = self.secret("header", &said[from..to.max(from)])
                    {
                        patches.add(start + at + 1 + from..start + at + 1 + to, token);
                    }
                }
                // A scheme and what goes on from the last answer.
                _ => {
                    let word = words.iter().position(|byte| *byte == b' ');
                    if let Some(at) = word.filter(|at| is_scheme(&words[..*at])) {
                        let secret = words[at..].trim_ascii();
                        if let Some(token) = self.secret("header", secret) {
                            let to = start + piece.trim_ascii_end().len();
                            patches.add(to - secret.len()..to, token);
                        }
                    }
                }
            }
            start = end + 1;
        }
        patches.apply(value)
    }

    /// `name=value; name=value`, on each line: the values go, and attributes stay.
    pub(super) fn cookies(&mut self, value: &[u8], kind: Cookies) -> Option<Vec<u8>> {
        let mut patches = Patches::default();
        let mut line_start = 0;
        for line in value.split(|byte| *byte == b'\n') {
            let mut start = line_start;
            for (at, pair) in line.split(|byte| *byte == b';').enumerate() {
                let end = start + pair.len();
                let equals = pair.iter().position(|byte| *byte == b'=');
                let name = pair[..equals.unwrap_or(pair.len())].trim_ascii();
                let is_attribute = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
                let value_of_cookie = match kind {
                    Cookies::Sent => true,
                    Cookies::Set => at == 0,
                    Cookies::Written => equals.is_some() && !ATTRIBUTES.iter().any(is_attribute),
                };
                if value_of_cookie {
                    let from = start + equals.map_or(0, |equals| equals + 1);
                    let secret = value[from..end].trim_ascii();
                    let from =
                        from + value[from..end].len() - value[from..end].trim_ascii_start().len();
                    if let Some(token) = self.secret("cookie", secret) {
                        patches.add(from..from + secret.len(), token);
                    }
                }
                start = end + 1;
            }
            line_start += line.len() + 1;
        }
        patches.apply(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Redactions, Redactor};

    fn header(name: &str, value: &str) -> String {
        let redactor = Redactor::new([1; 32]);
        let redacted = redactor.header(name, value, &mut Redactions::default());
        assert_eq!(redactor.header(name, &redacted, &mut Redactions::default()), redacted);
        // What the tokens end with is of no interest here.
        let mut shown = String::new();
        let mut rest = redacted.as_str();
        while let Some((before, after)) = rest.split_once("[redacted:") {
            let (rule, after) = after.split_once(':').unwrap();
            shown += &format!("{before}<{rule}>");
            rest = &after[9..];
        }
        shown + rest
    }

    #[test]
    fn what_is_no_secret_stays() {
        for (name, value, wanted) in [
            ("Authorization", "Bearer abc", "Bearer <authorization>"),
            ("authorization", "abc def", "<authorization>"),
            ("authorization", "Digest username=\"u\", response=\"r\"", "Digest <authorization>"),
            ("Cookie", "a=1; b=2=3;c", "a=<cookie>; b=<cookie>;<cookie>"),
            ("Set-Cookie", "a=1; Path=/; Secure", "a=<cookie>; Path=/; Secure"),
            (
                "set-cookie",
                "a=1; Max-Age=5\nb=2; HttpOnly",
                "a=<cookie>; Max-Age=5\nb=<cookie>; HttpOnly",
            ),
            ("set-cookie", "a=; Path=/", "a=; Path=/"),
            ("X-API-Key", "abc", "<header>"),
            (
                "WWW-Authenticate",
                "Digest realm=\"r\", nonce=\"n\"",
                "Digest realm=\"r\", nonce=\"<header>\"",
            ),
            ("WWW-Authenticate", "Negotiate YIIabc==", "Negotiate <header>"),
            ("WWW-Authenticate", "Basic realm=\"a b\"", "Basic realm=\"a b\""),
            ("Location", "/next?token=abc&x=1", "/next?token=<query>&x=1"),
            ("ETag", "\"abc\"", "\"abc\""),
        ] {
            assert_eq!(header(name, value), wanted);
        }
    }
}
