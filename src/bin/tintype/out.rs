//! What is printed: data to stdout, all else to stderr.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use indicatif::HumanBytes;
use serde_json::{Value, json};
use tintype::Error;

use crate::args::{Global, When};
pub use crate::bar::Bar;
use crate::interrupt::Stop;
pub use crate::table::{plain, table};

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
    pub stop: Arc<Stop>,
    /// Whether stdout, and whether stderr, is coloured.
    colors: [bool; 2],
}

impl Out {
    pub fn new(global: &Global, stop: Arc<Stop>) -> Self {
        let terminals = [io::stdout().is_terminal(), io::stderr().is_terminal()];
        Out {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose > 0,
            stop,
            colors: terminals.map(|terminal| is_colored(global.color, terminal)),
        }
    }

    /// Prints a line of data.
    pub fn line(&self, line: impl AsRef<str>) -> Result<(), Failure> {
        let mut line = line.as_ref().to_owned();
        line.push('\n');
        self.bytes(line.as_bytes())
    }

    /// Prints lines of stored text: as they are, and on a terminal without what could disturb it.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        if !io::stdout().is_terminal() {
            return self.bytes(text.as_bytes());
        }
        let tame: String = text.split_inclusive('\n').map(tame).collect();
        self.bytes(tame.as_bytes())
    }

    /// Prints data as it is.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.stop.check();
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
            say(line.as_ref());
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
            true => say(&error_object(code(error), error.kind(), &message, None).to_string()),
            false => say(&format!("{} {}", self.paint_note(RED, "tintype:"), plain(&message))),
        }
    }

    /// Paints a text for stdout in a colour of the terminal's palette, where colours are wanted there.
    pub fn paint(&self, color: u8, text: &str) -> String {
        painted(self.colors[0], color, text)
    }

    /// Paints a text for stderr.
    pub fn paint_note(&self, color: u8, text: &str) -> String {
        painted(self.colors[1], color, text)
    }

    /// A bar for long work, on a terminal only.
    pub fn progress(&self, total: u64, unit: &'static str) -> Bar {
        Bar::of_things(total, unit, self.shows_progress(), &self.stop)
    }

    /// A bar for content on its way, of which so many bytes are to come where that is known.
    pub fn progress_bytes(&self, total: Option<u64>) -> Bar {
        Bar::of_bytes(total, self.shows_progress(), &self.stop)
    }

    fn shows_progress(&self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }
}

/// A line with everything escaped that could disturb a terminal, its end left as it is.
fn tame(line: &str) -> String {
    match line.strip_suffix('\n') {
        Some(line) => plain(line) + "\n",
        None => plain(line),
    }
}

fn painted(wanted: bool, color: u8, text: &str) -> String {
    if wanted { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Whether a stream is coloured: as the option says, else as the environment does, else where it is a
/// terminal that has colours.
fn is_colored(when: When, terminal: bool) -> bool {
    let said = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if said("NO_COLOR").is_some() => false,
        When::Auto if said("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        When::Auto if said("CLICOLOR").is_some_and(|value| value == "0") => false,
        When::Auto => terminal && said("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Says something on stderr. Whoever reads it may have gone, which is no failure.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
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
