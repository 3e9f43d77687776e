//! Two texts beside each other, for people to look at: stretches that both have, stretches that differ,
//! and within lines that resemble each other the words that differ.
//!
//! A [`TextDiff`](super::diff::TextDiff) is what a program applies. This is the same comparison with
//! nothing left out, so that what is unchanged can be folded and opened again.
//!
//! **Invariant:** the lines that are told as [`Stretch::Same`] and those told as gone are the first
//! text, in order and whole; with those told as added they are the second. What is not marked in two
//! lines that are told as one changed line is the same text in both.

use std::ops::Range;

use similar::DiffOp;

use super::diff::align;
use super::resemblance::dice;

/// The most words of changed lines that are looked at for what differs within them; of the lines
/// beyond that all is told as changed.
pub const WORDS_MAX: usize = 1 << 16;
/// The most pairs of lines of one change that are tried for whether they resemble each other. In a
/// larger change lines are not paired.
pub const PAIRS_MAX: usize = 1_024;
/// The share of words, white space left out, that two lines have in common where one is told as what
/// became of the other.
pub const RESEMBLANCE_MIN: f64 = 0.5;

/// A line of one text. Its end, where it has one, is a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'t> {
    /// The line.
    pub text: &'t str,
    /// For a line that is told with its counterpart, the byte ranges that the other does not have; for
    /// one by itself nothing, since all of it is new or gone.
    pub marks: Vec<Range<usize>>,
}

/// A stretch of two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stretch<'t> {
    /// Lines that both have.
    Same {
        /// How many lines of the first text come before them.
        before: usize,
        /// How many lines of the second text come before them.
        after: usize,
        /// The lines.
        lines: Vec<&'t str>,
    },
    /// Lines of the first text, and what stands there in the second.
    Changed {
        /// How many lines of the first text come before them.
        before: usize,
        /// How many lines of the second text come before them.
        after: usize,
        /// The lines that only the first text has.
        gone: Vec<Line<'t>>,
        /// The lines that only the second text has.
        added: Vec<Line<'t>>,
    },
}

/// The lines of a text, each with its end.
pub fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The pieces of a markup text: its lines, cut again before each tag, comment and declaration. A page
/// that stands on one line has as many pieces as tags, so that what changed in it can be told.
///
/// ```
/// use tintype::format::hunks::markup;
/// assert_eq!(markup("<p>a <b>b</b>\n1 < 2"), ["<p>a ", "<b>b", "</b>\n", "1 < 2"]);
/// ```
pub fn markup(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    for line in lines(text) {
        let mut start = 0;
        for (at, _) in line.match_indices('<') {
            let begins =
                line[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
            // What only indents a tag belongs to it.
            if begins && !line[start..at].trim().is_empty() {
                pieces.push(&line[start..at]);
                start = at;
            }
        }
        pieces.push(&line[start..]);
    }
    pieces
}

/// Compares two texts by their lines, or by the pieces that they were cut into.
pub fn stretches<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<Stretch<'t>> {
    let mut stretches: Vec<Stretch<'t>> = Vec::new();
    for op in align(before, after, &mut 0) {
        let (old, new) = (op.old_range(), op.new_range());
        if old.is_empty() && new.is_empty() {
            continue;
        }
        if matches!(op, DiffOp::Equal { .. }) {
            let lines = before[old.clone()].to_vec();
            stretches.push(Stretch::Same { before: old.start, after: new.start, lines });
            continue;
        }
        let whole = |text: &&'t str| Line { text, marks: Vec::new() };
        let (gone_here, added_here) =
            (before[old.clone()].iter().map(whole), after[new.clone()].iter().map(whole));
        match stretches.last_mut() {
            Some(Stretch::Changed { gone, added, .. }) => {
                gone.extend(gone_here);
                added.extend(added_here);
            }
            _ => stretches.push(Stretch::Changed {
                before: old.start,
                after: new.start,
                gone: gone_here.collect(),
                added: added_here.collect(),
            }),
        }
    }
    let mut words_left = WORDS_MAX;
    for stretch in &mut stretches {
        if let Stretch::Changed { gone, added, .. } = stretch {
            mark(gone, added, &mut words_left);
        }
    }
    stretches
}

/// Pairs lines of a change that resemble each other, in order, and marks what differs in them.
fn mark(gone: &mut [Line<'_>], added: &mut [Line<'_>], words_left: &mut usize) {
    if gone.len().saturating_mul(added.len()) > PAIRS_MAX {
        return;
    }
    // Lines are cut into words as far as the limit allows, the two sides in turn.
    let mut cut = |lines: &[Line<'_>]| -> Option<Vec<Vec<Range<usize>>>> {
        let mut all = Vec::with_capacity(lines.len());
        for line in lines {
            let words = words(line.text, *words_left)?;
            *words_left -= words.len();
            all.push(words);
        }
        Some(all)
    };
    let (Some(old), Some(new)) = (cut(gone), cut(added)) else {
        *words_left = 0;
        return;
    };
    let mut from = 0;
    for (old_at, old_words) in old.iter().enumerate() {
        let text = gone[old_at].text;
        let resembles = |at: &usize| {
            resemblance((text, old_words), (added[*at].text, &new[*at])) >= RESEMBLANCE_MIN
        };
        let Some(new_at) = (from..new.len()).find(resembles) else { continue };
        from = new_at + 1;
        let other = added[new_at].text;
        let (these, those): (Vec<&str>, Vec<&str>) = (
            old_words.iter().map(|word| &text[word.clone()]).collect(),
            new[new_at].iter().map(|word| &other[word.clone()]).collect(),
        );
        for op in align(&these, &those, &mut 0) {
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            put(&mut gone[old_at].marks, &old_words[op.old_range()]);
            put(&mut added[new_at].marks, &new[new_at][op.new_range()]);
        }
    }
}

/// Adds the range of words that stand together to the marks of a line.
fn put(marks: &mut Vec<Range<usize>>, words: &[Range<usize>]) {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
    match marks.last_mut() {
        Some(mark) if mark.end == first.start => mark.end = last.end,
        _ => marks.push(first.start..last.end),
    }
}

/// Cuts a line into words, white space, and single other characters; nothing where there are more
/// than so many.
fn words(line: &str, words_max: usize) -> Option<Vec<Range<usize>>> {
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        c if c.is_whitespace() => 1,
        _ => 2,
    };
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut last = 2;
    for (at, c) in line.char_indices() {
        let (this, end) = (kind(c), at + c.len_utf8());
        if this == last && this != 2 {
            words.last_mut().into_iter().for_each(|word| word.end = end);
        } else if words.len() == words_max {
            return None;
        } else {
            words.push(at..end);
        }
        last = this;
    }
    Some(words)
}

/// The share of words that two lines have in common, from 0 to 1. White space is no word.
fn resemblance(old: (&str, &[Range<usize>]), new: (&str, &[Range<usize>])) -> f64 {
    fn words<'t>((text, words): (&'t str, &'t [Range<usize>])) -> impl Iterator<Item = &'t str> {
        words.iter().map(move |word| text[word.clone()].trim()).filter(|word| !word.is_empty())
    }
    dice(words(old), words(new))
}
