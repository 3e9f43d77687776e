//! What is printed: data to stdout, all else to stderr.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tintype::Error;
use tintype::ops::progress::Progress;

use crate::args::{Global, When};

/// The number of the JSON forms; fields are only ever added to them.
pub const SCHEMA: u32 = 1;

/// Why a command ended before its end.
pub enum Failure {
    /// An error of the library.
    Error(tintype::Error),
    /// An error that is of another file than the store.
    Elsewhere(tintype::Error),
    /// What was asked for makes no sense together.
    Usage(String),
    /// Whoever reads our output has gone, as `head` does: no failure of ours.
    Gone,
    /// Output could not be written.
    Output(io::Error),
}

impl From<tintype::Error> for Failure {
    fn from(error: tintype::Error) -> Self {
        Failure::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Gone,
            _ => Failure::Output(error),
        }
    }
}

/// How a command that came to its end ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Ok,
    Failed,
    InPart,
    Damage,
}

pub type Run = Result<Done, Failure>;

/// Where and how to print.
pub struct Out {
    pub json: bool,
    pub quiet: bool,
    pub verbose: bool,
    color: bool,
}

impl Out {
    pub fn new(global: &Global) -> Self {
        let color = match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                let asked_not = std::env::var_os("NO_COLOR").is_some_and(|no| !no.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                io::stdout().is_terminal() && !asked_not && !dumb
            }
        };
        Out { json: global.json, quiet: global.quiet, verbose: global.verbose > 0, color }
    }

    /// Prints a line of data.
    pub fn line(&self, line: impl AsRef<str>) -> Result<(), Failure> {
        let mut line = line.as_ref().to_owned();
        line.push('\n');
        self.bytes(line.as_bytes())
    }

    /// Prints data as it is.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Prints a JSON object on a line, with the number of its form.
    pub fn object(&self, mut object: Value) -> Result<(), Failure> {
        if let Some(members) = object.as_object_mut() {
            members.shift_insert(0, "schema".to_owned(), json!(SCHEMA));
        }
        self.line(object.to_string())
    }

    /// Tells something that is no data, unless told to be quiet.
    pub fn note(&self, line: impl AsRef<str>) {
        if !self.quiet {
            eprintln!("{}", line.as_ref());
        }
    }

    /// Tells of something that failed while the rest goes on, and names it.
    pub fn warn(&self, item: &str, error: &Error) {
        let error_text = error.to_string();
        let message = match error_text.contains(item) {
            true => error_text,
            false => format!("{item}: {error_text}"),
        };
        match self.json {
            true => eprintln!("{}", error_object(code(error), error.kind(), &message, None)),
            false => eprintln!("tintype: {}", plain(&message)),
        }
    }

    /// Paints a text in a colour of the terminal's palette, where colours are wanted.
    pub fn paint(&self, color: u8, text: &str) -> String {
        if self.color { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A bar for long work, on a terminal only.
    pub fn progress(&self, total: u64, unit: &'static str) -> ProgressBar {
        let template =
            "{bar:30} {human_pos}/{human_len} {prefix}, {per_sec}, {eta} left {wide_msg}";
        let bar = self.bar(Some(total), template);
        bar.set_prefix(unit);
        bar
    }

    /// A bar for content on its way, of which so many bytes are to come where that is known.
    pub fn progress_bytes(&self, total: Option<u64>) -> ProgressBar {
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left {wide_msg}",
            None => "{spinner} {bytes}, {bytes_per_sec} {wide_msg}",
        };
        self.bar(total, template)
    }

    fn bar(&self, total: Option<u64>, template: &str) -> ProgressBar {
        let target = match self.quiet || self.json || !io::stderr().is_terminal() {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(total, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

/// Shows how far work has come.
pub fn show(bar: &ProgressBar, told: Progress) {
    bar.set_prefix(told.stage);
    bar.set_length(told.total.max(told.done));
    bar.set_position(told.done);
}

/// An error as programs read it.
pub fn error_object(code: u8, kind: &str, message: &str, hint: Option<&str>) -> Value {
    json!({
        "schema": SCHEMA,
        "error": {"code": code, "kind": kind, "message": message, "hint": hint},
    })
}

/// The exit code of an error.
pub fn code(error: &Error) -> u8 {
    match error {
        Error::NoStore { .. } => 10,
        Error::Locked { .. } => 11,
        Error::NotAStore { .. } | Error::NewerStore { .. } => 12,
        Error::Corrupt(_) => 13,
        Error::NotFound { .. } | Error::Ambiguous { .. } => 14,
        Error::StoreExists { .. } | Error::VersionExists { .. } => 15,
        Error::NoBrowser { .. } => 16,
        Error::NoSpace { .. } => 17,
        Error::Invalid { .. } => 2,
        _ => 1,
    }
}

pub const RED: u8 = 31;
pub const GREEN: u8 = 32;
pub const YELLOW: u8 = 33;
pub const CYAN: u8 = 36;
pub const BOLD: u8 = 1;
pub const DIM: u8 = 2;

/// A size as people read it.
pub fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// How many of a thing there are.
pub fn count(number: u64, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

/// A text of unknown origin with everything that could disturb a terminal escaped.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Marks that turn the direction of text can make it read as something else.
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
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

/// Lines in columns that fit the terminal, with nothing in them that could disturb it. The last column
/// takes what is left.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max())
        .map(Option::unwrap_or_default)
        .collect();
    // Only a terminal has a width; None is a file or a pipe.
    let limit = terminal_size::terminal_size_of(io::stdout())
        .map_or(usize::MAX, |(width, _)| usize::from(width.0));
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                if column > 0 {
                    line += "  ";
                }
                line += cell;
                if column + 1 < row.len() {
                    line.extend(std::iter::repeat_n(' ', widths[column] - width(cell)));
                }
            }
            match line.char_indices().nth(limit.saturating_sub(1)) {
                Some((at, _)) if width(&line) > limit => format!("{}…", &line[..at]),
                _ => line.trim_end().to_owned(),
            }
        })
        .collect()
}
