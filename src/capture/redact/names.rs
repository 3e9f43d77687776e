//! Names that say that what they name is secret: of headers, of members, fields and parameters.
//!
//! A name is compared whole, without case, `-`, `_` and other marks, so that `access_token`,
//! `accessToken` and `Access-Token` are one. Of a path (`user[password]`, `login.password`) the last
//! name counts.

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// The value is secret, whatever it is.
    Always,
    /// The value is secret where a machine made it: the name means other things too.
    IfMade,
}

/// Where a name stands, which decides what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a query, a fragment or a form that is written like one.
    Query,
    /// In data, a script, a log line.
    Data,
}

/// The longest name that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Secret wherever they stand.
const ALWAYS: &[&str] = &[
    "accesskeyid",
    "accesstoken",
    "apikey",
    "authcode",
    "authenticitytoken",
    "authorization",
    "authorizationcode",
    "awsaccesskeyid",
    "cardcvc",
    "cardcvv",
    "cardexp",
    "cardexpiry",
    "cardno",
    "cardnum",
    "cardnumber",
    "ccexp",
    "cccsc",
    "ccnum",
    "ccnumber",
    "clientassertion",
    "codeverifier",
    "cookie",
    "cookie2",
    "cookies",
    "creditcard",
    "creditcardnumber",
    "csc",
    "csrf",
    "cvc",
    "cvc2",
    "cvv",
    "cvv2",
    "devicecode",
    "encryptionkey",
    "idtoken",
    "jsessionid",
    "jwt",
    "masterkey",
    "mfacode",
    "onetimecode",
    "otp",
    "otpcode",
    "pass",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "phpsessid",
    "pin",
    "pincode",
    "privatekey",
    "proxyauthorization",
    "pwd",
    "refreshtoken",
    "requestverificationtoken",
    "samlrequest",
    "samlresponse",
    "secret",
    "secretkey",
    "secrets",
    "securitycode",
    "sessionkey",
    "setcookie",
    "signingkey",
    "token",
    "tokens",
    "totp",
    "verificationcode",
    "xamzcredential",
    "xamzsignature",
    "xgoogcredential",
    "xgoogsignature",
    "xsrf",
];

/// Secret in addresses beside those.
const ALWAYS_IN_QUERY: &[&str] = &["auth", "code", "session", "sig", "signature", "ticket"];

/// Secret where a machine made the value.
const IF_MADE: &[&str] = &[
    "assertion",
    "auth",
    "code",
    "credential",
    "credentials",
    "hmac",
    "key",
    "nonce",
    "session",
    "sig",
    "signature",
    "state",
    "ticket",
    "verifier",
];

/// What is secret where the name ends so: `newPassword`, `csrfmiddlewaretoken`, `x-access-token`.
const ENDINGS: &[&str] = &[
    "accesskey",
    "apikey",
    "cardnumber",
    "csrf",
    "cvc",
    "cvv",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "secretkey",
    "token",
    "xsrf",
];

/// Names that end like secrets and only turn pages.
const HARMLESS: &[&str] = &[
    "continuationtoken",
    "nextpagetoken",
    "nexttoken",
    "pagetoken",
    "pagingtoken",
    "prevpagetoken",
    "synctoken",
];

/// What the name of a hidden field has in it that holds a secret for the server.
const HIDDEN: &[&str] = &[
    "apikey",
    "authkey",
    "captcha",
    "credential",
    "csrf",
    "jwt",
    "nonce",
    "oauth",
    "passw",
    "pwd",
    "secret",
    "session",
    "sessid",
    "signature",
    "token",
    "xsrf",
];

/// Headers whose value is secret, without marks. A header is secret too where its name is
/// secret as that of a member is.
const HEADERS: &[&str] = &[
    "apikey",
    "authenticationinfo",
    "authorization",
    "cookie",
    "cookie2",
    "proxyauthorization",
    "proxyauthenticationinfo",
    "setcookie",
    "setcookie2",
    "xamzsecuritytoken",
    "xapikey",
    "xauth",
    "xauthkey",
    "xauthtoken",
    "xcsrftoken",
    "xgoogapikey",
    "xsessionid",
    "xxsrftoken",
];

/// What a header says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderKind {
    /// A scheme and credentials.
    Credentials,
    /// A challenge: a scheme and parameters, of which some are secret.
    Challenge,
    /// Cookies as a browser sends them.
    Cookie,
    /// Cookies as a server sets them, one on a line.
    SetCookie,
    /// A secret, whole.
    Secret,
    /// An address.
    Address,
    /// Anything else.
    Other,
}

/// Tells what a header's name says of its value.
pub(super) fn header_kind(name: &[u8]) -> HeaderKind {
    match plain(name).as_str() {
        "authorization" | "proxyauthorization" => HeaderKind::Credentials,
        "wwwauthenticate" | "proxyauthenticate" => HeaderKind::Challenge,
        "cookie" | "cookie2" => HeaderKind::Cookie,
        "setcookie" | "setcookie2" => HeaderKind::SetCookie,
        "contentlocation" | "location" | "origin" | "path" | "referer" | "referrer" => {
            HeaderKind::Address
        }
        plain if HEADERS.contains(&plain) || ends_secret(plain) => HeaderKind::Secret,
        _ => HeaderKind::Other,
    }
}

/// Tells what the name of a member, field or parameter says of its value.
pub(super) fn secrecy(name: &[u8], place: Place) -> Option<Secrecy> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let plain = plain(last_of_path(name));
    let plain = plain.as_str();
    let in_query = || ALWAYS_IN_QUERY.contains(&plain) || is_session(plain);
    if ALWAYS.contains(&plain) || ends_secret(plain) || place == Place::Query && in_query() {
        Some(Secrecy::Always)
    } else if IF_MADE.contains(&plain) || is_session(plain) {
        Some(Secrecy::IfMade)
    } else {
        None
    }
}

/// Whether the name of a hidden field, or of a `meta`, says that it holds a secret.
pub(super) fn names_hidden(name: &[u8]) -> bool {
    if name.len() > NAME_BYTES_MAX {
        return false;
    }
    let plain = plain(name);
    let harmless = HARMLESS.contains(&plain.as_str());
    !harmless
        && (HIDDEN.iter().any(|part| plain.contains(part))
            || secrecy(name, Place::Query) == Some(Secrecy::Always))
}

/// Whether the name that a person reads beside a field says that what is in it is secret.
pub(super) fn labels_secret(label: &[u8]) -> bool {
    const LABELS: &[&str] = &[
        "apikey",
        "cardnumber",
        "cvc",
        "cvv",
        "onetimecode",
        "onetimepassword",
        "passcode",
        "passphrase",
        "password",
        "secret",
        "securitycode",
        "token",
        "verificationcode",
    ];
    let plain = plain(label);
    LABELS.iter().any(|part| plain.contains(part)) || matches!(plain.as_str(), "pin" | "otp")
}

/// Whether a number of this name is a secret, and not a count of them.
pub(super) fn names_number(name: &[u8]) -> bool {
    const NUMBERS: &[&str] = &[
        "cardno",
        "cardnum",
        "cardnumber",
        "ccnum",
        "ccnumber",
        "csc",
        "cvc",
        "cvc2",
        "cvv",
        "cvv2",
        "mfacode",
        "onetimecode",
        "otp",
        "otpcode",
        "passcode",
        "passwd",
        "password",
        "pin",
        "pincode",
        "pwd",
        "secret",
        "securitycode",
        "token",
        "totp",
        "verificationcode",
    ];
    let plain = plain(last_of_path(name));
    secrecy(name, Place::Data) == Some(Secrecy::Always)
        && (NUMBERS.contains(&plain.as_str())
            || ["password", "cvv", "cvc", "cardnumber"].iter().any(|end| plain.ends_with(end)))
}

/// Whether a value looks as if a machine had made it: letters and digits in one stretch of twelve at
/// least, and nothing that a person would write in between.
pub(super) fn looks_made(value: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+/=.~%:|".contains(byte);
    if value.len() < 16 || !value.iter().all(allowed) {
        return false;
    }
    value.split(|byte| !byte.is_ascii_alphanumeric()).any(|stretch| {
        stretch.len() >= 12
            && stretch.iter().any(u8::is_ascii_digit)
            && stretch.iter().any(u8::is_ascii_alphabetic)
    })
}

/// Whether it names a session, by which scrapers call their own runs too.
fn is_session(plain: &str) -> bool {
    plain == "sid" || plain.ends_with("sessionid") || plain.ends_with("sessid")
}

fn ends_secret(plain: &str) -> bool {
    ENDINGS.iter().any(|ending| plain.ends_with(ending)) && !HARMLESS.contains(&plain)
}

/// The letters and digits of a name, in lower case.
fn plain(name: &[u8]) -> String {
    let kept = name.iter().take(4 * NAME_BYTES_MAX).filter(|byte| byte.is_ascii_alphanumeric());
    kept.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

/// The last name of `a[b]`, `a.b`, `a:b` that is no number.
fn last_of_path(name: &[u8]) -> &[u8] {
    let is_name = |part: &&[u8]| !part.is_empty() && !part.iter().all(|byte| byte.is_ascii_digit());
    name.split(|byte| b"[].:/".contains(byte)).rfind(is_name).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole_without_marks_and_by_the_last_of_a_path() {
        for name in [
            "password",
            "Password",
            "user[password]",
            "login.password",
            "passwords[0]",
            "newPassword",
            "access_token",
            "accessToken",
            "X-Access-Token",
            "client-secret",
            "csrfmiddlewaretoken",
            "__RequestVerificationToken",
            "SAMLResponse",
            "PHPSESSID",
            "api key",
            "card-number",
        ] {
            let got = secrecy(name.as_bytes(), Place::Data);
            assert_eq!(got, Some(Secrecy::Always), "{name}");
        }
        for name in [
            "username",
            "tokenizer",
            "passenger",
            "max_tokens",
            "nextPageToken",
            "spinner",
            "id",
            "author",
            "password_changed_at",
            "compass",
            "sidebar",
            "",
        ] {
            assert_eq!(secrecy(name.as_bytes(), Place::Data), None, "{name}");
        }
        assert_eq!(secrecy(b"code", Place::Query), Some(Secrecy::Always));
        assert_eq!(secrecy(b"code", Place::Data), Some(Secrecy::IfMade));
        assert_eq!(secrecy(b"key", Place::Query), Some(Secrecy::IfMade));
    }

    #[test]
    fn what_a_machine_made_has_letters_and_digits_in_one_stretch() {
        for made in ["0123456789abcdef", "a1b2c3d4e5f6g7h8", "3f2a9c1e-aaaa-bbbb-cccc-0123456789ab"]
        {
            assert!(looks_made(made.as_bytes()), "{made}");
        }
        for not in
            ["", "short1", "nike-air-max-2024-blue", "NOT_FOUND_IN_STORE", "two words 123456"]
        {
            assert!(!looks_made(not.as_bytes()), "{not}");
        }
    }

    #[test]
    fn headers_are_known_in_any_case() {
        assert_eq!(header_kind(b"AUTHORIZATION"), HeaderKind::Credentials);
        assert_eq!(header_kind(b"set-cookie"), HeaderKind::SetCookie);
        assert_eq!(header_kind(b"X-Api-Key"), HeaderKind::Secret);
        assert_eq!(header_kind(b"X-Vault-Token"), HeaderKind::Secret);
        assert_eq!(header_kind(b":path"), HeaderKind::Address);
        assert_eq!(header_kind(b"ETag"), HeaderKind::Other);
    }
}
