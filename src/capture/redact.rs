//! Secrets, taken out before anything is hashed or stored.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;
use serde_json::Value;

/// CSS selectors of fields whose content is secret: it is taken out of HTML, and painted over in
/// pictures.
pub const SECRET_FIELDS: &str = "input[type=password], input[autocomplete~=cc-number], \
     input[autocomplete~=cc-csc], input[autocomplete~=cc-exp], input[autocomplete~=one-time-code], \
     input[autocomplete~=current-password], input[autocomplete~=new-password]";

/// How many secrets each rule took out. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Redactions(BTreeMap<&'static str, u64>);

impl Redactions {
    /// Whether nothing was taken out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
    _key: [u8; 32],
}

impl Redactor {
    /// A redactor whose tokens are made with this key.
    pub fn new(key: [u8; 32]) -> Self {
        Redactor { _key: key }
    }

    /// Redacts content of a media type; the error says why nothing of it may be kept.
    pub fn content(
        &self,
        _media_type: &str,
        content: Vec<u8>,
        _redactions: &mut Redactions,
    ) -> Result<Vec<u8>, String> {
        Ok(content)
    }

    /// Redacts a text.
    pub fn text(&self, text: &str, _redactions: &mut Redactions) -> String {
        text.to_owned()
    }

    /// Redacts every text within a value, by what its name says and by what it looks like.
    pub fn value(&self, _value: &mut Value, _redactions: &mut Redactions) {}
}
