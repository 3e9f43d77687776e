//! Alerts: what tells people that something is wrong, and for how long it has been.
//!
//! A [`Rule`] says what is wrong: a measure, a threshold, and for how long. What it sees in the
//! [`Readings`] is a [`Condition`] for each thing it looks at, a site say; from that and the time
//! [`Life::step`] makes the next state of the alert. All of it is pure: no clock, no store.
//!
//! The states are Prometheus's, so that who knows its alerts knows these: *pending* while it is not
//! known whether it lasts, *firing*, *resolved*. A person can acknowledge an alert that fires.
//!
//! An alert has one cause, which is what its labels say. Its id is the fingerprint of them, the same
//! that Alertmanager gives equal labels. There is one open alert for a cause.

mod life;
mod rule;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::time::Time;

pub use life::{Condition, Life, Phase, Timing};
pub use rule::{Comparison, Looked, Measure, OVER_MAX, Readings, Rule, Scope, Tally, flag_gap};

/// The name of alerts that were raised by hand.
pub const BY_HAND: &str = "by_hand";
/// The most bytes of a message.
pub const MESSAGE_BYTES_MAX: usize = 4096;
/// The most bytes of an alert's metadata as JSON.
pub const METADATA_BYTES_MAX: usize = 64 * 1024;

/// What kind of trouble an alert tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertType {
    /// Captures are slow.
    PerformanceDegradation,
    /// Many captures fail.
    ErrorRateHigh,
    /// The disk is filling up.
    StorageSpaceLow,
    /// A site can't be captured.
    CaptureFailure,
    /// Captures go worse with a feature flag than without.
    FeatureFlagAnomaly,
    /// Something of the store itself.
    SystemHealth,
}

impl AlertType {
    /// All of them.
    pub const ALL: [AlertType; 6] = [
        AlertType::PerformanceDegradation,
        AlertType::ErrorRateHigh,
        AlertType::StorageSpaceLow,
        AlertType::CaptureFailure,
        AlertType::FeatureFlagAnomaly,
        AlertType::SystemHealth,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertType::PerformanceDegradation => "performance_degradation",
            AlertType::ErrorRateHigh => "error_rate_high",
            AlertType::StorageSpaceLow => "storage_space_low",
            AlertType::CaptureFailure => "capture_failure",
            AlertType::FeatureFlagAnomaly => "feature_flag_anomaly",
            AlertType::SystemHealth => "system_health",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be looked at.
    Warning,
    /// Something is lost while it lasts.
    Error,
    /// To be seen to at once.
    Critical,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Severity; 4] =
        [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Critical => "critical",
        }
    }
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is true, and not for as long yet as its rule wants.
    Pending,
    /// It has been true for as long.
    Firing,
    /// It fires, and somebody knows.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl AlertState {
    /// All of them, in the order in which an alert goes through them.
    pub const ALL: [AlertState; 4] =
        [AlertState::Pending, AlertState::Firing, AlertState::Acknowledged, AlertState::Resolved];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
            AlertState::Acknowledged => "acknowledged",
            AlertState::Resolved => "resolved",
        }
    }
}

macro_rules! words {
    ($type:ty, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            /// Reads the word in small letters or in capitals.
            fn from_str(text: &str) -> Result<Self> {
                let small = text.to_ascii_lowercase();
                let is_one = text == small || text == text.to_ascii_uppercase();
                let mut all = <$type>::ALL.into_iter();
                all.find(|known| is_one && known.as_str() == small).ok_or_else(|| {
                    let known: Vec<_> = <$type>::ALL.iter().map(|known| known.as_str()).collect();
                    Error::invalid($what, text, format!("known are {}", known.join(", ")))
                })
            }
        }
    };
}

words!(AlertType, "type of alert");
words!(Severity, "severity");
words!(AlertState, "state of alert");

/// What an alert is known by: the fingerprint of its labels, in 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlertId(u64);

impl AlertId {
    /// The fingerprint of labels: 64 bits of FNV-1a over each name and each value, in the order of the
    /// names, with a byte 255 after each (Prometheus, `common/model/signature.go`).
    pub fn of(labels: &BTreeMap<String, String>) -> Self {
        const OFFSET: u64 = 14_695_981_039_346_656_037;
        const PRIME: u64 = 1_099_511_628_211;
        let add = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(PRIME);
        let texts = labels.iter().flat_map(|(name, value)| [name, value]);
        AlertId(texts.fold(OFFSET, |sum, text| add(text.bytes().fold(sum, add), 255)))
    }

    /// The fingerprint as a number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:016x}", self.0))
    }
}

impl FromStr for AlertId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        let why = "16 hexadecimal digits are needed, as `alert list` shows them";
        number.map(AlertId).ok_or_else(|| Error::invalid("id of an alert", text, why))
    }
}

impl TryFrom<String> for AlertId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<AlertId> for String {
    fn from(id: AlertId) -> String {
        id.to_string()
    }
}

/// An alert, open or over.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// What it is known by while it is open. A later alert for the same cause has the same.
    pub id: AlertId,
    /// The rule that raised it, or [`BY_HAND`].
    pub name: String,
    /// What kind of trouble it tells of.
    #[serde(rename = "type")]
    pub kind: AlertType,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: AlertState,
    /// What it is about: `alertname`, and what the rule looks at, as `site`.
    pub labels: BTreeMap<String, String>,
    /// What is wrong, in words.
    pub message: String,
    /// What else was said of it.
    pub metadata: Map<String, Value>,
    /// The measure's value when it was last looked at; nothing for what was raised by hand.
    pub value: Option<f64>,
    /// How often it was seen to be true, or raised.
    pub occurrences: u64,
    /// Since when it is true.
    pub active_at: Time,
    /// When it was last seen to be true.
    pub seen_at: Time,
    /// Since when it fires.
    pub fired_at: Option<Time>,
    /// When somebody acknowledged it.
    pub acknowledged_at: Option<Time>,
    /// When it was over.
    pub resolved_at: Option<Time>,
}

/// An alert that is raised by hand.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewAlert {
    /// What kind of trouble it tells of.
    pub kind: AlertType,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in words.
    pub message: String,
    /// What else is said of it; a text `site` becomes one of its labels.
    pub metadata: Map<String, Value>,
}

impl NewAlert {
    /// An alert of a type, a severity and a message. The message is part of what tells one cause from
    /// another.
    pub fn new(kind: AlertType, severity: Severity, message: impl Into<String>) -> Self {
        NewAlert { kind, severity, message: message.into(), metadata: Map::new() }
    }

    /// Says something else of it.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// What it is about.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            ("alertname".to_owned(), BY_HAND.to_owned()),
            ("message".to_owned(), self.message.clone()),
            ("type".to_owned(), self.kind.as_str().to_owned()),
        ]);
        if let Some(site) = self.metadata.get("site").and_then(Value::as_str) {
            labels.insert("site".to_owned(), site.to_owned());
        }
        labels
    }

    /// Fails with `Invalid` where the message is empty or too long, or there is too much metadata.
    pub fn check(&self) -> Result<()> {
        check_message(&self.message)?;
        let metadata = serde_json::to_string(&self.metadata).unwrap_or_default();
        if metadata.len() > METADATA_BYTES_MAX {
            let why =
                format!("it takes {} bytes; the limit is {METADATA_BYTES_MAX}", metadata.len());
            return Err(Error::invalid("metadata", metadata, why));
        }
        // What could not be read again is not written.
        let read: Result<Value, _> = serde_json::from_str(&metadata);
        read.map_err(|error| Error::invalid("metadata", &metadata, error.to_string()))?;
        Ok(())
    }
}

fn check_message(message: &str) -> Result<()> {
    if message.trim().is_empty() {
        return Err(Error::invalid("message", message, "it says nothing"));
    }
    if message.len() > MESSAGE_BYTES_MAX {
        let why = format!("it takes {} bytes; the limit is {MESSAGE_BYTES_MAX}", message.len());
        return Err(Error::invalid("message", message, why));
    }
    Ok(())
}
