//! Hashes that an old snapshot says its content has, and what comes out when they are made again.

use serde::Serialize;
use serde_json::{Value, json};

use crate::codec::frame;
use crate::format::bundle::{self, HashCheck};
use crate::format::export;
use crate::format::hashes;
use crate::format::pickle::Pickle;
use crate::format::pyjson::{NameOrder, PyJson, Verdict};

/// How a hash was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// MD5: 32 hex digits.
    Md5,
    /// SHA-256: 64 hex digits.
    Sha256,
    /// BLAKE3, where it is known that it is: 64 hex digits too.
    Blake3,
}

impl Algorithm {
    /// The algorithm that makes so many hex digits.
    pub fn of(hash: &str) -> Option<Self> {
        match hash.len() {
            _ if !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => None,
            32 => Some(Algorithm::Md5),
            64 => Some(Algorithm::Sha256),
            _ => None,
        }
    }

    /// The hash of bytes, as lower-case hex digits.
    pub fn hash(self, bytes: &[u8]) -> String {
        match self {
            Algorithm::Md5 => hashes::md5(bytes),
            Algorithm::Sha256 => hashes::sha256(bytes),
            Algorithm::Blake3 => frame::hash(bytes).to_string(),
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha256 => "sha256",
            Algorithm::Blake3 => "blake3",
        }
    }
}

/// What of an artifact was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Its bytes.
    Bytes,
    /// Its bytes with each CR LF made LF: a text, hashed before Windows wrote it.
    LineFeeds,
    /// Its characters, read as Windows-1252, with each CR LF made LF, as UTF-8.
    Windows1252,
    /// The JSON value that it is, as Python's `json.dumps(value, sort_keys=True)` writes it.
    PythonValue,
    /// The value that a pickle is, or the value `data` of an exported one, as Python's `json.dumps`
    /// or `repr` writes it.
    PickleValue,
    /// The facts of a bundle's `metadata.json`, which has the hash in it.
    BundleFacts,
}

impl Over {
    /// All of them.
    pub const ALL: [Over; 6] = [
        Over::Bytes,
        Over::LineFeeds,
        Over::Windows1252,
        Over::PythonValue,
        Over::PickleValue,
        Over::BundleFacts,
    ];

    /// The word for it, in user info.
    pub fn as_str(self) -> &'static str {
        match self {
            Over::Bytes => "bytes",
            Over::LineFeeds => "line_feeds",
            Over::Windows1252 => "windows_1252",
            Over::PythonValue => "python_value",
            Over::PickleValue => "pickle_value",
            Over::BundleFacts => "bundle_facts",
        }
    }

    /// Makes the hash again and compares it.
    fn check(self, algorithm: Algorithm, declared: &str, content: &[u8]) -> Check {
        let compare = |hashed: &[u8]| {
            let hash = algorithm.hash(hashed);
            match hash.eq_ignore_ascii_case(declared) {
                true => Check::Agrees,
                false => Check::Differs(hash),
            }
        };
        match self {
            Over::Bytes => compare(content),
            Over::LineFeeds => match hashes::line_feeds(content) {
                Some(plain) => compare(&plain),
                None => Check::Unknowable,
            },
            Over::Windows1252 => compare(hashes::from_windows_1252(content).as_bytes()),
            Over::PythonValue => {
                let Ok(parsed) = PyJson::parse(content) else { return Check::Unknowable };
                let value = parsed.root();
                if algorithm == Algorithm::Md5 {
                    return compare(value.canonical(NameOrder::Texts).as_bytes());
                }
                match value.check(declared) {
                    Verdict::Matches => Check::Agrees,
                    Verdict::Differs => Check::Differs(value.checksum(NameOrder::Texts)),
                    Verdict::Unknowable => Check::Unknowable,
                }
            }
            Over::PickleValue => {
                let Ok(pickle) = Pickle::read(content) else { return Check::Unknowable };
                let value = export::in_pickle(&pickle).map_or(pickle.root(), |(data, _)| data);
                match pickle.check(value, declared) {
                    (Verdict::Matches, _) => Check::Agrees,
                    (Verdict::Differs, Some(found)) => Check::Differs(found),
                    _ => Check::Unknowable,
                }
            }
            Over::BundleFacts => {
                let Ok(file) = bundle::File::parse(content) else { return Check::Unknowable };
                match file.check_hash() {
                    HashCheck::Matches(_) => Check::Agrees,
                    HashCheck::Differs { found, .. } => Check::Differs(found),
                    HashCheck::Absent | HashCheck::Unknown => Check::Unknowable,
                }
            }
        }
    }
}

enum Check {
    Agrees,
    Differs(String),
    Unknowable,
}

/// A hash that an old snapshot says an artifact has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The name of the artifact.
    pub artifact: String,
    /// How the hash was made.
    pub algorithm: Algorithm,
    /// The hash, as it was written down.
    pub hash: String,
    /// What may have been hashed, the likeliest first; at least one.
    pub over: Vec<Over>,
}

impl Declared {
    /// A hash of the bytes of an artifact, or of the text that it was before Windows wrote it. The
    /// algorithm follows from the number of digits; none where it is no hash.
    pub fn of_text(artifact: &str, hash: &str) -> Option<Self> {
        let algorithm = Algorithm::of(hash)?;
        let over = vec![Over::Bytes, Over::LineFeeds];
        Some(Declared { artifact: artifact.to_owned(), algorithm, hash: hash.to_owned(), over })
    }

    /// Whether it can be made again only of content that is held whole.
    pub(crate) fn needs_whole(&self) -> bool {
        self.algorithm == Algorithm::Md5 || self.over != [Over::Bytes]
    }

    /// Makes the hash again from the content of the artifact; none where there is no content.
    pub fn check(&self, content: Option<&[u8]>) -> Checked {
        let mut checked =
            Checked { declared: self.clone(), over: None, actual: None, agrees: None };
        let Some(content) = content else { return checked };
        for over in &self.over {
            match over.check(self.algorithm, &self.hash, content) {
                Check::Agrees => {
                    let actual = Some(self.hash.to_ascii_lowercase());
                    return Checked { over: Some(*over), actual, agrees: Some(true), ..checked };
                }
                // Where several could have been, the first tells what it is.
                Check::Differs(actual) => {
                    if checked.actual.is_none() {
                        (checked.over, checked.actual) = (Some(*over), Some(actual));
                        checked.agrees = Some(false);
                    }
                }
                Check::Unknowable => {}
            }
        }
        checked
    }
}

/// A declared hash beside the true one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What was declared.
    pub declared: Declared,
    /// What the true hash is over, where one was made.
    pub over: Option<Over>,
    /// The true hash, as lower-case hex digits.
    pub actual: Option<String>,
    /// Whether the two are equal; none where that can't be known.
    pub agrees: Option<bool>,
}

impl Checked {
    /// As it stands in user info, from which [`Checked::read`] reads it.
    pub fn told(&self) -> Value {
        json!({
            "artifact": self.declared.artifact,
            "algorithm": self.declared.algorithm.as_str(),
            "declared": self.declared.hash,
            "over": self.over.map(Over::as_str),
            "actual": self.actual,
            "agrees": self.agrees,
        })
    }

    /// Reads what stands in user info; none where it is not of this form.
    pub fn read(told: &Value) -> Option<Self> {
        let text = |name: &str| told[name].as_str().map(str::to_owned);
        let word = text("over");
        let over = Over::ALL.into_iter().find(|over| Some(over.as_str()) == word.as_deref());
        let algorithm = [Algorithm::Md5, Algorithm::Sha256, Algorithm::Blake3]
            .into_iter()
            .find(|algorithm| told["algorithm"] == algorithm.as_str())?;
        let declared = Declared {
            artifact: text("artifact")?,
            algorithm,
            hash: text("declared")?,
            over: over.into_iter().collect(),
        };
        Some(Checked { declared, over, actual: text("actual"), agrees: told["agrees"].as_bool() })
    }

    /// What differs, in words; nothing where nothing does.
    pub fn problem(&self) -> Option<String> {
        let Declared { artifact, algorithm, hash, .. } = &self.declared;
        let hash: String = hash.chars().take(64).collect();
        let algorithm = algorithm.as_str();
        match (&self.actual, self.agrees) {
            (_, Some(true)) => None,
            (Some(actual), Some(false)) => Some(format!(
                "{artifact} was said to have the {algorithm} {hash}, and has {actual}"
            )),
            _ => Some(format!(
                "{artifact} was said to have the {algorithm} {hash}, which can't be checked"
            )),
        }
    }
}
