//! Incidents: what a scraper met that it did not expect.
//!
//! An [`Incident`] says what happened ([`Cause`]), where, and more that a caller knows. Incidents that
//! are alike make a group ([`likeness`]). Not each of them is worth a capture: that a site may be tried
//! ([`breaker`]), that a trigger has something left for it ([`budget`]), and that it is the turn of this
//! occurrence ([`schedule`]) are decided here, as functions of values and a time.

pub mod breaker;
pub mod budget;
pub mod likeness;
pub mod schedule;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

use crate::error::{Error, Result};
use crate::model::context::Context;

/// The longest word for a kind, in bytes.
pub const KIND_BYTES_MAX: usize = 64;
/// The most bytes that are kept of what is said of an incident; more is cut off.
pub const FACTS_BYTES_MAX: usize = 16 * 1024;
/// The deepest level of what is said that is kept.
const FACTS_DEPTH_MAX: usize = 16;
/// Retries after which a retry is taken to be exhausted, where nobody says.
const RETRIES: u64 = 3;
/// What stands for what was cut off.
const CUT: &str = "…";

/// The words for the kinds that are known.
pub const KINDS: [&str; 5] =
    ["selector_failure", "retry_exhaustion", "timeout", "extraction_mismatch", "failure"];

/// What happened.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// A selector found nothing.
    SelectorFailure {
        /// The selector.
        selector: String,
        /// How many elements it found.
        matched_count: u64,
    },
    /// An operation was tried again until that had no end.
    RetryExhaustion {
        /// The operation.
        operation: String,
        /// How often it was tried again.
        retry_count: u64,
        /// How often it may be.
        max_retries: u64,
        /// Why it failed last.
        last_error: Option<String>,
    },
    /// An operation took too long.
    Timeout {
        /// The operation.
        operation: String,
        /// How long it was given.
        timeout_duration: Duration,
    },
    /// What was extracted is not what it should be.
    ExtractionMismatch {
        /// What was expected.
        expected_data: Value,
        /// What was extracted.
        actual_data: Value,
        /// What is wrong with it.
        validation_errors: Vec<String>,
    },
    /// Something else failed.
    Failure {
        /// The type of the error.
        error_type: String,
        /// What it said.
        error_message: String,
    },
    /// A kind of the caller's own; its fields are in [`Incident::more`].
    Custom {
        /// The word for it.
        kind: String,
    },
}

impl Cause {
    /// The word for the kind: one of [`KINDS`], or the caller's own.
    pub fn kind(&self) -> &str {
        match self {
            Cause::SelectorFailure { .. } => KINDS[0],
            Cause::RetryExhaustion { .. } => KINDS[1],
            Cause::Timeout { .. } => KINDS[2],
            Cause::ExtractionMismatch { .. } => KINDS[3],
            Cause::Failure { .. } => KINDS[4],
            Cause::Custom { kind } => kind,
        }
    }
}

/// Something that a scraper met and did not expect.
///
/// ```
/// use tintype::model::incident::Incident;
/// let incident = Incident::selector_failure("shop.example/products".parse()?, ".price")
///     .at_url("https://shop.example/kettle")
///     .with("run", 7);
/// assert!(incident.happened());
/// # Ok::<(), tintype::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// What happened.
    pub cause: Cause,
    /// Where. Parts that are left out are filled in by the trigger.
    pub context: Context,
    /// The address of the page.
    pub url: Option<String>,
    /// What else is known.
    pub more: Map<String, Value>,
    /// The group that it belongs to, where the caller knows better than the rules.
    pub group: Option<String>,
}

impl Incident {
    /// An incident of which nothing more is known.
    pub fn new(context: Context, cause: Cause) -> Self {
        Incident { cause, context, url: None, more: Map::new(), group: None }
    }

    /// A selector that found nothing.
    pub fn selector_failure(context: Context, selector: impl Into<String>) -> Self {
        let selector = selector.into();
        Incident::new(context, Cause::SelectorFailure { selector, matched_count: 0 })
    }

    /// An operation that was tried as often as it may be.
    pub fn retry_exhaustion(
        context: Context,
        operation: impl Into<String>,
        retry_count: u64,
        max_retries: u64,
        last_error: Option<&str>,
    ) -> Self {
        let last_error = last_error.map(str::to_owned);
        let operation = operation.into();
        let cause = Cause::RetryExhaustion { operation, retry_count, max_retries, last_error };
        Incident::new(context, cause)
    }

    /// An operation that took too long.
    pub fn timeout(
        context: Context,
        operation: impl Into<String>,
        timeout_duration: Duration,
    ) -> Self {
        Incident::new(context, Cause::Timeout { operation: operation.into(), timeout_duration })
    }

    /// Data that is not what it should be.
    pub fn extraction_mismatch(
        context: Context,
        expected_data: Value,
        actual_data: Value,
        validation_errors: Vec<String>,
    ) -> Self {
        let cause = Cause::ExtractionMismatch { expected_data, actual_data, validation_errors };
        Incident::new(context, cause)
    }

    /// Anything else that failed.
    pub fn failure(
        context: Context,
        error_type: impl Into<String>,
        error_message: impl Into<String>,
    ) -> Self {
        let (error_type, error_message) = (error_type.into(), error_message.into());
        Incident::new(context, Cause::Failure { error_type, error_message })
    }

    /// A kind of the caller's own, for a trigger of his own.
    ///
    /// Fails with `Invalid` where the word is none: a lower-case letter, then letters, digits, `_`, `-`
    /// and `.`, at most [`KIND_BYTES_MAX`] bytes, and none of [`KINDS`].
    pub fn custom(context: Context, kind: &str) -> Result<Self> {
        if KINDS.contains(&kind) {
            let why = "it is a known kind, which has fields of its own";
            return Err(Error::invalid("kind of incident", kind, why));
        }
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-.".contains(&c);
        let word = kind.starts_with(|c: char| c.is_ascii_lowercase()) && kind.bytes().all(fits);
        if !word || kind.len() > KIND_BYTES_MAX {
            let why = format!(
                "known are {}; one of your own is a lower-case word of at most {KIND_BYTES_MAX} bytes",
                KINDS.join(", ")
            );
            return Err(Error::invalid("kind of incident", kind, why));
        }
        Ok(Incident::new(context, Cause::Custom { kind: kind.to_owned() }))
    }

    /// An incident of a kind by its word, with its fields by their names: those of [`Cause`], `url`, and
    /// any other, which goes into [`more`](Incident::more). Of what is left out, `matched_count` and
    /// `retry_count` are 0, `max_retries` is 3, texts are empty.
    ///
    /// Fails with `Invalid`, which names the field, where one is not what it must be or is needed and not
    /// there.
    pub fn from_fields(kind: &str, context: Context, fields: Map<String, Value>) -> Result<Self> {
        let mut fields = Fields(fields);
        let cause = match kind {
            "selector_failure" => Cause::SelectorFailure {
                selector: fields.needed("selector")?,
                matched_count: fields.count("matched_count", 0)?,
            },
            "retry_exhaustion" => Cause::RetryExhaustion {
                operation: fields.text("operation")?.unwrap_or_default(),
                retry_count: fields.count("retry_count", 0)?,
                max_retries: fields.count("max_retries", RETRIES)?,
                last_error: fields.text("last_error")?,
            },
            "timeout" => Cause::Timeout {
                operation: fields.text("operation")?.unwrap_or_default(),
                timeout_duration: fields.seconds("timeout_duration")?,
            },
            "extraction_mismatch" => Cause::ExtractionMismatch {
                expected_data: fields.0.shift_remove("expected_data").unwrap_or_default(),
                actual_data: fields.0.shift_remove("actual_data").unwrap_or_default(),
                validation_errors: fields.texts("validation_errors")?,
            },
            "failure" => Cause::Failure {
                error_type: fields.needed("error_type")?,
                error_message: fields.text("error_message")?.unwrap_or_default(),
            },
            _ => Incident::custom(context.clone(), kind)?.cause,
        };
        let url = fields.text("url")?;
        Ok(Incident { url, more: fields.0, ..Incident::new(context, cause) })
    }

    /// Says which page it was.
    pub fn at_url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Says more of it.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.more.insert(key.into(), value.into());
        self
    }

    /// Says which group it belongs to, whatever its selector, operation and message are.
    pub fn grouped_as(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// What else is known by this name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.more.get(name)
    }

    /// The selector, where the kind has one or one is known.
    pub fn selector(&self) -> Option<&str> {
        let told = match &self.cause {
            Cause::SelectorFailure { selector, .. } => Some(selector.as_str()),
            _ => self.field("selector").and_then(Value::as_str),
        };
        told.filter(|selector| !selector.trim().is_empty())
    }

    /// Whether it is what its kind says, rather than something that went well:
    ///
    /// - a selector failure has a selector, and that found nothing,
    /// - a retry exhaustion has as many retries as there may be,
    /// - a timeout is not said to have `timed_out` false,
    /// - an extraction mismatch has data, and that is not said to have `validation_passed`. Data are not:
    ///   null, false, 0, and what is empty.
    pub fn happened(&self) -> bool {
        let said = |name: &str| self.field(name).and_then(Value::as_bool);
        match &self.cause {
            Cause::SelectorFailure { selector, matched_count } => {
                *matched_count == 0 && !selector.trim().is_empty()
            }
            Cause::RetryExhaustion { retry_count, max_retries, .. } => retry_count >= max_retries,
            Cause::Timeout { .. } => said("timed_out") != Some(false),
            Cause::ExtractionMismatch { actual_data, .. } => {
                said("validation_passed") != Some(true) && is_something(actual_data)
            }
            Cause::Failure { .. } | Cause::Custom { .. } => true,
        }
    }

    /// All that is known of it as a JSON object, in at most [`FACTS_BYTES_MAX`] bytes or little more:
    /// `kind`, the fields of the kind, `url`, `group` where the caller named it, and what else is known.
    pub fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        let mut say = |name: &str, value: Value| {
            facts.insert(name.to_owned(), value);
        };
        say("kind", json!(self.cause.kind()));
        match &self.cause {
            Cause::SelectorFailure { selector, matched_count } => {
                say("selector", json!(selector));
                say("matched_count", json!(matched_count));
            }
            Cause::RetryExhaustion { operation, retry_count, max_retries, last_error } => {
                say("operation", json!(operation));
                say("retry_count", json!(retry_count));
                say("max_retries", json!(max_retries));
                say("last_error", json!(last_error));
            }
            Cause::Timeout { operation, timeout_duration } => {
                say("operation", json!(operation));
                say("timeout_duration", json!(timeout_duration.as_secs_f64()));
            }
            Cause::ExtractionMismatch { expected_data, actual_data, validation_errors } => {
                say("validation_errors", json!(validation_errors));
                say("expected_data", expected_data.clone());
                say("actual_data", actual_data.clone());
            }
            Cause::Failure { error_type, error_message } => {
                say("error_type", json!(error_type));
                say("error_message", json!(error_message));
            }
            Cause::Custom { .. } => {}
        }
        if let Some(url) = &self.url {
            say("url", json!(url));
        }
        if let Some(group) = &self.group {
            say("group", json!(group));
        }
        for (name, value) in &self.more {
            if !facts.contains_key(name) {
                facts.insert(name.clone(), value.clone());
            }
        }
        let mut room = FACTS_BYTES_MAX;
        match cut(Value::Object(facts), &mut room, 0) {
            Value::Object(facts) => facts,
            _ => Map::new(),
        }
    }

    /// The incident that [`facts`](Incident::facts) tells of.
    ///
    /// Fails with `Invalid` where it tells of none.
    pub fn from_facts(context: Context, mut facts: Map<String, Value>) -> Result<Self> {
        let kind = facts.shift_remove("kind").unwrap_or_default();
        let group = facts.shift_remove("group");
        let group = group.and_then(|group| group.as_str().map(str::to_owned));
        let kind = kind.as_str().unwrap_or_default();
        Ok(Incident { group, ..Incident::from_fields(kind, context, facts)? })
    }
}

/// Why an incident was counted and not captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// The flag `event_driven_snapshots` is off.
    Flag,
    /// Too many captures of the site failed lately.
    Breaker,
    /// The trigger has captured as much of the site as it may.
    Budget,
    /// It is not the turn of this occurrence.
    Schedule,
    /// There was no page to capture.
    NoPage,
}

impl Suppression {
    /// All of them, in the order of their columns in the file.
    pub const ALL: [Suppression; 5] = [
        Suppression::Flag,
        Suppression::Breaker,
        Suppression::Budget,
        Suppression::Schedule,
        Suppression::NoPage,
    ];

    /// The word for it: `flag`, `breaker`, `budget`, `schedule`, `no_page`.
    pub fn as_str(self) -> &'static str {
        match self {
            Suppression::Flag => "flag",
            Suppression::Breaker => "breaker",
            Suppression::Budget => "budget",
            Suppression::Schedule => "schedule",
            Suppression::NoPage => "no_page",
        }
    }
}

/// Whether there is something in a value, as Python sees it.
fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// A value with what goes beyond `room`, or is too deep, cut off.
fn cut(value: Value, room: &mut usize, depth: usize) -> Value {
    match value {
        Value::String(mut text) => {
            let left = *room;
            if text.len() > left {
                text.truncate(text.floor_char_boundary(left));
                text.push_str(CUT);
            }
            *room -= text.len().min(*room);
            Value::String(text)
        }
        Value::Array(_) | Value::Object(_) if depth >= FACTS_DEPTH_MAX || *room == 0 => {
            *room = room.saturating_sub(CUT.len());
            json!(CUT)
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items {
                if *room == 0 {
                    kept.push(json!(CUT));
                    break;
                }
                *room = room.saturating_sub(2);
                kept.push(cut(item, room, depth + 1));
            }
            Value::Array(kept)
        }
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                if *room < name.len() {
                    kept.insert(CUT.to_owned(), json!(CUT));
                    *room = 0;
                    break;
                }
                *room = room.saturating_sub(name.len() + 4);
                let value = cut(value, room, depth + 1);
                kept.insert(name, value);
            }
            Value::Object(kept)
        }
        Value::Number(number) => {
            *room = room.saturating_sub(number.to_string().len());
            Value::Number(number)
        }
        Value::Null | Value::Bool(_) => {
            *room = room.saturating_sub(5);
            value
        }
    }
}

/// Fields by name, each of which is taken out once.
struct Fields(Map<String, Value>);

impl Fields {
    fn text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.0.shift_remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Error::invalid(name, other, "a text is needed")),
        }
    }

    fn needed(&mut self, name: &'static str) -> Result<String> {
        self.text(name)?.ok_or_else(|| Error::invalid(name, "", "this kind of incident needs it"))
    }

    fn texts(&mut self, name: &'static str) -> Result<Vec<String>> {
        let list = match self.0.shift_remove(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::String(text)) => return Ok(vec![text]),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(Error::invalid(name, other, "a list of texts is needed")),
        };
        list.into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                other => Err(Error::invalid(name, other, "a list of texts is needed")),
            })
            .collect()
    }

    fn number(&mut self, name: &'static str) -> Result<Option<Number>> {
        match self.0.shift_remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            // As it comes from a command line.
            Some(Value::String(text)) => match serde_json::from_str(&text) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Error::invalid(name, text, "a number is needed")),
            },
            Some(other) => Err(Error::invalid(name, other, "a number is needed")),
        }
    }

    fn count(&mut self, name: &'static str, unless: u64) -> Result<u64> {
        let Some(number) = self.number(name)? else { return Ok(unless) };
        let fits = number.as_u64().filter(|count| *count <= i64::MAX as u64);
        fits.ok_or_else(|| Error::invalid(name, number, "a whole number from 0 on is needed"))
    }

    fn seconds(&mut self, name: &'static str) -> Result<Duration> {
        let Some(number) = self.number(name)? else { return Ok(Duration::ZERO) };
        let seconds = number.as_f64().and_then(|it| Duration::try_from_secs_f64(it).ok());
        seconds.ok_or_else(|| Error::invalid(name, number, "a number of seconds is needed"))
    }
}
