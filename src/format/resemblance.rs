//! How much an element of one page resembles an element of another: what a person means who says that
//! the price is still there, and is called something else now.
//!
//! The properties and their weights are those of Similo (Nass, Alégroth, Feldt, Leotta and Ricca,
//! *Similarity-based Web Element Localization for Robust Test Automation*, ACM TOSEM 32(3), 2023), as far
//! as HTML alone tells them: 1.5 for what seldom changes (tag, `id`, `name`, the text, the text
//! around), 0.5 for the rest. Texts are compared by their words here, and once more with all digits
//! alike, so that a price resembles another price.

use std::collections::BTreeMap;

/// The score from which on one element is said to resemble another.
pub const SCORE_MIN: f64 = 0.4;
/// The most ancestors that are looked at.
pub const ANCESTORS_MAX: usize = 12;

/// The weight of what seldom changes.
const HEAVY: f64 = 1.5;
/// The weight of the rest.
const LIGHT: f64 = 0.5;
/// What texts count that are the same but for their digits.
const SAME_BUT_DIGITS: f64 = 0.8;

/// What an element looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Portrait {
    /// The name of its tag, in lower case in HTML.
    pub name: String,
    /// Its attributes, in their order.
    pub attributes: Vec<(String, String)>,
    /// The beginning of its text.
    pub text: String,
    /// The beginning of its parent's text.
    pub around: String,
    /// The names of the tags around it, the nearest first; at most [`ANCESTORS_MAX`].
    pub ancestors: Vec<String>,
}

impl Portrait {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// How much one element resembles another, from 0 to 1: the mean of how much each property that the
/// wanted one has is the same, by weight. An element resembles itself with 1.
pub fn score(wanted: &Portrait, other: &Portrait) -> f64 {
    let mut sum = 0.0;
    let mut weights = 0.0;
    let mut add = |weight: f64, alike: f64| {
        sum += weight * alike;
        weights += weight;
    };
    let same = |equal: bool| if equal { 1.0 } else { 0.0 };
    add(HEAVY, same(wanted.name == other.name));
    for (name, value) in &wanted.attributes {
        let found = other.attribute(name);
        match name.as_str() {
            "id" | "name" => add(HEAVY, same(found == Some(value))),
            "class" => add(LIGHT, found.map_or(0.0, |found| in_common(value, found))),
            // How an element is drawn says little of what it is.
            "style" => {}
            _ => add(LIGHT, found.map_or(0.0, |found| of_texts(value, found))),
        }
    }
    if !wanted.text.is_empty() {
        add(HEAVY, of_texts(&wanted.text, &other.text));
    }
    if !wanted.around.is_empty() {
        add(HEAVY, of_texts(&wanted.around, &other.around));
    }
    if !wanted.ancestors.is_empty() {
        let (these, those) = (wanted.ancestors.join(" "), other.ancestors.join(" "));
        add(LIGHT, in_common(&these, &those));
    }
    sum / weights
}

/// How much two texts are alike: by the words that they have in common, or a little less with all
/// digits alike.
fn of_texts(one: &str, other: &str) -> f64 {
    let digits = |text: &str| -> String {
        text.chars().map(|c| if c.is_numeric() { '0' } else { c }).collect()
    };
    in_common(one, other).max(SAME_BUT_DIGITS * in_common(&digits(one), &digits(other)))
}

/// How much two texts have in common, by their words.
fn in_common(one: &str, other: &str) -> f64 {
    dice(one.split_whitespace(), other.split_whitespace())
}

/// Twice the words in common by all words, from 0 to 1 (Dice's coefficient of the bags of words); 1
/// where there are none.
pub(super) fn dice<'t>(
    one: impl Iterator<Item = &'t str>,
    other: impl Iterator<Item = &'t str>,
) -> f64 {
    let mut bag: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    one.for_each(|word| bag.entry(word).or_default().0 += 1);
    other.for_each(|word| bag.entry(word).or_default().1 += 1);
    let all: usize = bag.values().map(|(these, those)| these + those).sum();
    let common: usize = bag.values().map(|(these, those)| these.min(those)).sum();
    if all == 0 { 1.0 } else { 2.0 * common as f64 / all as f64 }
}
