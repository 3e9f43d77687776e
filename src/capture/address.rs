//! Where a browser may be led: a policy as a value, and what it says of an address.
//!
//! The address that a caller gives is taken as meant, one on loopback too. A page of a public address
//! may not lead the browser from there to a private one: by a redirect, by what it loads, by going
//! there. What is private is said by [`reach_of`]: everything that is not routed on the Internet, and
//! addresses of IPv6 that stand for such a one of IPv4.
//!
//! Nothing here asks anybody: names are [`Host::Name`], and whoever has their addresses judges each.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What may be opened, and where pages may lead. Everything is off by default.
///
/// ```
/// use tintype::capture::address::AddressPolicy;
/// let policy = AddressPolicy::default();
/// assert!(policy.check("http://127.0.0.1:8080/").is_ok());
/// assert!(policy.check("file:///etc/passwd").is_err());
/// assert!(AddressPolicy { allow_file: true, ..policy }.check("file:///tmp/a.html").is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddressPolicy {
    /// Whether a page of a public address may lead to private ones.
    ///
    /// Chromium has a check of its own (Local Network Access), which this does not lift.
    pub allow_private: bool,
    /// Whether `file:` addresses can be opened.
    pub allow_file: bool,
    /// Whether `data:` addresses can be opened.
    pub allow_data: bool,
    /// Whether addresses of the browser itself can be opened: `about:`, `chrome:`, `devtools:`,
    /// `view-source:`, and its debugging port.
    pub allow_browser: bool,
}

/// The words for what is allowed: `allow private, file`; `allow nothing more` where that is nothing.
impl fmt::Display for AddressPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.allow_private, "private"),
            (self.allow_file, "file"),
            (self.allow_data, "data"),
            (self.allow_browser, "browser"),
        ];
        let words: Vec<&str> =
            words.into_iter().filter(|(allowed, _)| *allowed).map(|(_, word)| word).collect();
        match words.is_empty() {
            true => f.pad("allow nothing more"),
            false => write!(f, "allow {}", words.join(", ")),
        }
    }
}

/// Schemes that name a thing of the browser itself.
const OF_THE_BROWSER: [&str; 7] = [
    "about",
    "chrome",
    "chrome-error",
    "chrome-extension",
    "chrome-untrusted",
    "devtools",
    "view-source",
];

impl AddressPolicy {
    /// Says whether an address may be opened, and what host it names.
    ///
    /// Addresses of `http` and `https` are taken, others where they are allowed by name; those of
    /// `javascript` and `blob` mean nothing without a page and are never.
    pub fn check(&self, address: &str) -> Result<Given> {
        let refuse = |why: &str| Err(Error::invalid("address", address, why));
        if address.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return refuse("it has a space or a control character");
        }
        let scheme = match address.split_once(':') {
            Some((scheme, _)) if is_scheme(scheme) => scheme.to_ascii_lowercase(),
            _ => return refuse("http:// or https:// is needed"),
        };
        let plain = |allowed: bool, how: &str| match allowed {
            true => Ok(Given { host: None, port: None }),
            false => refuse(&format!("{scheme}: addresses are refused unless {how}")),
        };
        match scheme.as_str() {
            "http" | "https" => {}
            "file" => return plain(self.allow_file, "files are allowed"),
            "data" => return plain(self.allow_data, "data is allowed"),
            other if OF_THE_BROWSER.contains(&other) => {
                return plain(self.allow_browser, "the browser's own are allowed");
            }
            "javascript" | "blob" => return refuse("it means nothing without a page"),
            _ => return refuse("only http and https can be captured"),
        }
        if address.split_once("://").is_none() {
            return refuse("http:// or https:// is needed");
        }
        match place_of(address) {
            Some(Place { host: Host::Unfit, .. }) => refuse("its host is no address and no name"),
            Some(Place { host, port }) => Ok(Given { host: Some(host), port }),
            None => refuse("it names no host"),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// An address that may be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The host that it names; nothing for addresses that name none.
    pub host: Option<Host>,
    /// Its port.
    pub port: Option<u16>,
}

/// Where an address of `http`, `https`, `ws` or `wss` leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The host.
    pub host: Host,
    /// The port, that of the scheme where none is written.
    pub port: Option<u16>,
}

/// A host as an address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A number, in whichever of the notations that browsers take.
    Ip(IpAddr),
    /// A name, in lower case.
    Name(String),
    /// Neither: `1.2.3.4.5`, `256.0.0.1`, `[::`.
    Unfit,
}

/// Reads where an address leads; nothing where it has no host.
pub fn place_of(address: &str) -> Option<Place> {
    let (scheme, rest) = address.split_once(':')?;
    let standard = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        _ => return None,
    };
    // Browsers take \ for /.
    let rest = rest.strip_prefix("//")?;
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (host, ""),
    };
    if host.is_empty() {
        return None;
    }
    let port = match port {
        "" => Some(standard),
        port => match port.parse() {
            Ok(port) => Some(port),
            Err(_) => return Some(Place { host: Host::Unfit, port: None }),
        },
    };
    Some(Place { host: host_of(host), port })
}

/// Reads a host as the URL standard does: numbers in decimal, octal and hex, in one to four parts.
pub fn host_of(text: &str) -> Host {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or_default();
        return inner.parse::<Ipv6Addr>().map_or(Host::Unfit, |ip| Host::Ip(ip.into()));
    }
    let name = text.to_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let last = name.rsplit('.').next().unwrap_or_default();
    let ends_in_a_number = !last.is_empty()
        && (last.bytes().all(|byte| byte.is_ascii_digit()) || number(last).is_some());
    match ends_in_a_number {
        true => ipv4(name).map_or(Host::Unfit, |ip| Host::Ip(ip.into())),
        false if name.is_empty() => Host::Unfit,
        false => Host::Name(name.to_owned()),
    }
}

/// WHATWG URL, 3.5, "IPv4 parser".
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    // The last part fills what is left.
    if *last >= 1 << (8 * (4 - first.len())) {
        return None;
    }
    let whole = first.iter().enumerate().map(|(at, part)| part << (8 * (3 - at))).sum::<u64>();
    u32::try_from(whole + last).ok().map(Ipv4Addr::from)
}

fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if digits.is_empty() {
        return (radix == 16).then_some(0);
    }
    // No sign: from_str_radix would take one.
    let all = digits.chars().all(|c| c.is_digit(radix));
    all.then(|| u64::from_str_radix(digits, radix).unwrap_or(u64::MAX >> 8))
}

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// The Internet.
    Public,
    /// Only this machine, or the networks around it; the words say what it is.
    Private(&'static str),
}

impl Reach {
    /// Whether it is not the Internet.
    pub fn is_private(self) -> bool {
        self != Reach::Public
    }
}

/// Says how far an address reaches, by the registries of special-purpose addresses of IANA
/// (RFC 6890). One of IPv6 that stands for one of IPv4 reaches as far as that.
pub fn reach_of(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_of_v4(ip),
        IpAddr::V6(ip) => reach_of_v6(ip),
    }
}

fn reach_of_v4(ip: Ipv4Addr) -> Reach {
    let [a, b, c, _] = ip.octets();
    Reach::Private(match (a, b, c) {
        (0, ..) => "an address of this host",
        (127, ..) => "a loopback address",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "a private address",
        (169, 254, _) => "a link-local address",
        (100, 64..=127, _) => "an address shared behind a provider",
        (192, 0, 0) => "an address for protocols",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "an address for documentation",
        (192, 88, 99) => "an address of 6to4 relays",
        (198, 18..=19, _) => "an address for benchmarks",
        (224..=239, ..) => "a multicast address",
        (240.., ..) => "a reserved address",
        _ => return Reach::Public,
    })
}

fn reach_of_v6(ip: Ipv6Addr) -> Reach {
    let parts = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_of_v4(Ipv4Addr::new(a, b, c, d))
    };
    Reach::Private(match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an address of this host",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        // Mapped, compatible (RFC 4291), translated (RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => return v4(high, low),
        [0x64, 0xff9b, ..] => "an address of a translator",
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => return v4(high, low),
        // Teredo (RFC 4380): the client's address stands inverted at the end.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            return match v4(!high, !low) {
                Reach::Public => v4(server_high, server_low),
                private => private,
            };
        }
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => "an address for documentation",
        [0x2001, 0..=0x01ff, ..] => "an address for protocols",
        [0x0100, 0, 0, 0, ..] => "an address that swallows what it is sent",
        [0x5f00, ..] => "an address of segment routing",
        [0xfc00..=0xfdff, ..] => "a unique local address",
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xfec0..=0xfeff, ..] => "a site-local address",
        [0xff00..=0xffff, ..] => "a multicast address",
        // All that is given out lies in 2000::/3.
        [0x2000..=0x3fff, ..] => return Reach::Public,
        _ => "a reserved address",
    })
}

/// Says of a name how far it reaches, where that is known without asking anybody: browsers take
/// `localhost` and what ends with it for loopback (RFC 6761).
pub fn reach_of_name(name: &str) -> Option<Reach> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is = |known: &str| {
        name.len() >= known.len()
            && name.is_char_boundary(name.len() - known.len())
            && name[name.len() - known.len()..].eq_ignore_ascii_case(known)
            && (name.len() == known.len() || name[..name.len() - known.len()].ends_with('.'))
    };
    let known = [
        ("localhost", "a name of this host"),
        ("local", "a name of the local network"),
        ("internal", "a name of a private network"),
        ("home.arpa", "a name of a home network"),
    ];
    known.into_iter().find(|(known, _)| is(known)).map(|(_, words)| Reach::Private(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_opened_and_others_where_they_are_allowed_by_name() {
        let policy = AddressPolicy::default();
        for good in ["http://a", "HTTPS://a.example:8080/x?y#z", "http://[::1]:80/", "http://1"] {
            assert!(policy.check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "http:a.example",
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "chrome://version",
            "about:blank",
            "data:text/html,x",
            "devtools://devtools/bundled/inspector.html",
            "view-source:http://a",
            "javascript://x",
            "blob:http://a/1",
            "ftp://a/",
            "http://",
            "http:///x",
            "http://?x",
            "http://:80/",
            "http://a b",
            "http://a\n",
            "http://a:99999/",
            "http://1.2.3.4.5/",
            "http://[::1/",
        ] {
            let refused = policy.check(bad);
            assert!(matches!(refused, Err(Error::Invalid { what: "address", .. })), "{bad}");
        }
        let all = AddressPolicy {
            allow_private: true,
            allow_file: true,
            allow_data: true,
            allow_browser: true,
        };
        for allowed in ["file:///a", "data:text/html,x", "chrome://version", "about:blank"] {
            assert_eq!(all.check(allowed).unwrap(), Given { host: None, port: None });
        }
        for never in ["javascript:1", "blob:http://a/1", "ftp://a/"] {
            assert!(all.check(never).is_err(), "{never}");
        }
        assert_eq!(all.to_string(), "allow private, file, data, browser");
        assert_eq!(policy.to_string(), "allow nothing more");
    }

    #[test]
    fn a_host_is_read_in_every_notation_that_browsers_take() {
        let loopback = Host::Ip(Ipv4Addr::LOCALHOST.into());
        for text in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "017700000001",
            "0x7f000001",
            "0x7F.1",
            "0177.0x0.1",
            "127.0.0.1.",
        ] {
            assert_eq!(host_of(text), loopback, "{text}");
        }
        assert_eq!(host_of("0x"), Host::Ip(Ipv4Addr::UNSPECIFIED.into()));
        for text in ["256.0.0.1", "1.2.3.4.5", "4294967296", "1.2.3.08", "a.0x1", "[1]", "", "."] {
            assert_eq!(host_of(text), Host::Unfit, "{text}");
        }
        for name in ["a", "a1", "1a", "0x7f.example", "1.2.3.4.example", "-1", "1.+2"] {
            assert_eq!(host_of(name), Host::Name(name.to_owned()), "{name}");
        }
        let place = place_of("http://user@[::ffff:127.0.0.1]:81\\x@y").unwrap();
        assert_eq!(place.port, Some(81));
        assert_eq!(place.host, Host::Ip("::ffff:127.0.0.1".parse().unwrap()));
        assert_eq!(place_of("wss://A.example").unwrap().port, Some(443));
        assert_eq!(place_of("data:x"), None);
    }

    #[test]
    fn names_that_mean_this_machine_or_this_network_are_known() {
        for private in ["localhost", "LOCALHOST.", "a.localhost", "printer.local", "x.internal"] {
            assert!(reach_of_name(private).is_some(), "{private}");
        }
        for unknown in ["notlocalhost", "localhost.example", "example", "ölocal", "locale"] {
            assert_eq!(reach_of_name(unknown), None, "{unknown}");
        }
    }
}
