//! Names and hashes: a type for each, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::time::Time;

/// The longest version, in bytes.
pub const VERSION_BYTES_MAX: usize = 200;
/// The longest tag, in bytes.
pub const TAG_BYTES_MAX: usize = 255;

/// The name of a snapshot, unique in its store.
///
/// A made version is 16 characters of Crockford's base 32 in lower case (digits, and letters
/// without i, l, o, u): eleven for the time in microseconds, five to tell apart what was made in
/// the same one. So made versions sort by time.
///
/// A chosen version is any text of 1 to [`VERSION_BYTES_MAX`] bytes.
///
/// **Refused:** control characters, white space at an end, `/` and `\`, `.` and `..`, a leading
/// `-`, and the words that select: `latest`, `oldest`, `latest:…`, `oldest:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

/// The length of a made version.
const MADE_BYTES: usize = 16;
/// How many digits of a made version tell the time.
const TIME_DIGITS: usize = 11;
const BASE_32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Version {
    /// Makes the version for a snapshot taken at `time`; `salt` tells apart what was made in the
    /// same microsecond (its low 25 bits are used).
    ///
    /// Times before 1970 count as 1970.
    pub fn made_at(time: Time, salt: u32) -> Self {
        let micros = time.micros().max(0) as u64;
        let mut text = String::with_capacity(MADE_BYTES);
        for digit in (0..TIME_DIGITS).rev() {
            text.push(BASE_32[(micros >> (5 * digit)) as usize & 31] as char);
        }
        for digit in (0..MADE_BYTES - TIME_DIGITS).rev() {
            text.push(BASE_32[(salt >> (5 * digit)) as usize & 31] as char);
        }
        Version(text)
    }

    /// The time that a made version tells; none for a version of another form.
    pub fn made_time(&self) -> Option<Time> {
        let (low, high) = Version::made_times(&self.0)?;
        (self.0.len() == MADE_BYTES && low == high).then_some(low)
    }

    /// The first and the last time that made versions tell which begin so; none where none do.
    pub(crate) fn made_times(prefix: &str) -> Option<(Time, Time)> {
        let digit = |byte: u8| BASE_32.iter().position(|known| *known == byte);
        let digits: Option<Vec<usize>> = prefix.bytes().map(digit).collect();
        let digits = digits.filter(|digits| digits.len() <= MADE_BYTES)?;
        let time = |rest: usize| {
            let digits = digits.iter().copied().chain(std::iter::repeat(rest)).take(TIME_DIGITS);
            let micros = digits.fold(0_u64, |micros, digit| micros << 5 | digit as u64);
            i64::try_from(micros).unwrap_or(i64::MAX).min(Time::MAX.micros())
        };
        Some((Time::from_micros(time(0)).ok()?, Time::from_micros(time(31)).ok()?))
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid("version", text, why));
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > VERSION_BYTES_MAX {
            return refuse(&format!("it is {} bytes; at most {VERSION_BYTES_MAX}", text.len()));
        }
        if let Some(why) = unprintable(text) {
            return refuse(why);
        }
        if text.contains(['/', '\\']) || text == "." || text == ".." {
            return refuse("it looks like a path");
        }
        if text.starts_with('-') {
            return refuse("it begins with -, so it would be taken for an option");
        }
        if ["latest", "oldest"].contains(&text.split(':').next().unwrap_or_default()) {
            return refuse("latest and oldest are reserved words");
        }
        Ok(Version(text.to_owned()))
    }
}

/// The tag that keeps a snapshot from being forgotten.
const PINNED: &str = "pinned";

/// A word that a person puts on snapshots; many snapshots may carry one.
///
/// Any text of 1 to [`TAG_BYTES_MAX`] bytes without control characters and without white space
/// at an end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// The tag `pinned`: what carries it can't be forgotten.
    pub fn pinned() -> Self {
        Tag(PINNED.to_owned())
    }

    /// Whether it is the tag `pinned`.
    pub fn is_pinned(&self) -> bool {
        self.0 == PINNED
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid("tag", text, "it is empty"));
        }
        if text.len() > TAG_BYTES_MAX {
            let why = format!("it is {} bytes; at most {TAG_BYTES_MAX}", text.len());
            return Err(Error::invalid("tag", text, why));
        }
        if let Some(why) = unprintable(text) {
            return Err(Error::invalid("tag", text, why));
        }
        Ok(Tag(text.to_owned()))
    }
}

/// The name of an artifact within its snapshot: `data`, `page.html`, `view.png`.
///
/// Any text of 1 to [`TAG_BYTES_MAX`] bytes that can be a file name everywhere: no control
/// characters, no white space at an end, no `/` or `\`, not `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactName(String);

impl ArtifactName {
    /// The name of the one artifact of a data snapshot, unless told.
    pub fn data() -> Self {
        ArtifactName("data".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ArtifactName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid("artifact name", text, why));
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > TAG_BYTES_MAX {
            return refuse(&format!("it is {} bytes; at most {TAG_BYTES_MAX}", text.len()));
        }
        if let Some(why) = unprintable(text) {
            return refuse(why);
        }
        if text.contains(['/', '\\']) || text == "." || text == ".." {
            return refuse("it looks like a path");
        }
        Ok(ArtifactName(text.to_owned()))
    }
}

/// Says why a text can't stand in a line of a list, if it can't.
pub(crate) fn unprintable(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_control) {
        return Some("it has a control character");
    }
    if text.trim() != text {
        return Some("it begins or ends with white space");
    }
    None
}

macro_rules! text_id {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }
        impl TryFrom<&str> for $type {
            type Error = Error;
            fn try_from(text: &str) -> Result<Self> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(id: $type) -> String {
                id.0
            }
        }
        impl From<&$type> for $type {
            fn from(id: &$type) -> $type {
                id.clone()
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
text_id!(Version);
text_id!(Tag);
text_id!(ArtifactName);

/// The BLAKE3 hash of content as it was given: the identity of a blob.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobHash(pub [u8; 32]);

impl BlobHash {
    /// The first twelve hex digits, for messages and tables.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobHash({self})")
    }
}

impl FromStr for BlobHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || Error::invalid("hash", text, "64 hex digits are needed");
        if text.len() != 64 || !text.is_ascii() {
            return Err(refuse());
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digit = |at: usize| (digits[at] as char).to_digit(16).ok_or_else(refuse);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Ok(BlobHash(hash))
    }
}

impl TryFrom<String> for BlobHash {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<BlobHash> for String {
    fn from(hash: BlobHash) -> String {
        hash.to_string()
    }
}
