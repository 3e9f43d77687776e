//! Lines in columns, with nothing in them that could disturb a terminal.

use std::fmt::Write as _;
use std::io;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands between two columns.
const GAP: &str = "  ";
/// A column is made no narrower than this to let the others fit.
const NARROW: usize = 8;

/// A text of unknown origin with everything that could disturb a terminal escaped.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Marks that turn the direction of text can make it read as something else; two that
            // some terminals take for the end of a line.
            '\u{61C}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}' => {
                let _ = write!(plain, "{}", character.escape_unicode());
            }
            control if control.is_control() => {
                let _ = write!(plain, "{}", control.escape_default());
            }
            other => plain.push(other),
        }
    }
    plain
}

/// Lines in columns that fit the terminal, with nothing in them that could disturb it. The first column
/// is what one goes on with, and stays whole; the widest of the others are cut.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    Columns::of(rows, width()).lines(rows)
}

/// How wide the columns of a table are.
pub struct Columns {
    widths: Vec<usize>,
    limit: usize,
}

impl Columns {
    /// The widths that these rows need, as far as a line may be so wide.
    pub fn of(rows: &[Vec<String>], limit: Option<usize>) -> Columns {
        let limit = limit.unwrap_or(usize::MAX);
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; count];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(plain(cell).width().min(limit));
            }
        }
        let gaps = GAP.len() * count.saturating_sub(1);
        // Times and numbers are cut only where nothing else is left to be cut.
        let worded = |column: usize| {
            let cells = rows.iter().skip(1).filter_map(|row| row.get(column));
            cells.flat_map(|cell| cell.chars()).any(char::is_alphabetic)
        };
        let worded: Vec<bool> = (0..count).map(worded).collect();
        while widths.iter().sum::<usize>() + gaps > limit {
            let wide = || (1..count).filter(|at| widths[*at] > NARROW);
            // The last of the widest: what describes stands at the end.
            let widest = wide().filter(|at| worded[*at]).max_by_key(|at| widths[*at]);
            match widest.or_else(|| wide().max_by_key(|at| widths[*at])) {
                Some(at) => widths[at] -= 1,
                None => break,
            }
        }
        Columns { widths, limit }
    }

    /// Rows as lines of these widths.
    pub fn lines(&self, rows: &[Vec<String>]) -> Vec<String> {
        rows.iter().map(|row| self.line(row)).collect()
    }

    /// A row as a line of these widths.
    pub fn line(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            if at > 0 {
                line += GAP;
            }
            let cell = cut(&plain(cell), *width);
            let missing = width.saturating_sub(cell.width());
            line += &cell;
            if at + 1 < row.len() {
                line.extend(std::iter::repeat_n(' ', missing));
            }
        }
        cut(line.trim_end(), self.limit)
    }
}

/// The beginning of a text that takes no more columns than these, with a mark where it was cut.
pub fn cut(text: &str, limit: usize) -> String {
    if text.width() <= limit {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut taken = 0;
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        // The mark takes one.
        if taken + 1 > limit {
            break;
        }
        short.push(character);
    }
    short + "…"
}

/// How wide lines may be: as COLUMNS says, else as the terminal is. A file or a pipe has no width.
pub fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let found =
        || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    said.or_else(found).filter(|width| *width > 0)
}
