//! The help of each command: what it does, how it is typed, examples, then the options.

use clap::builder::StyledStr;
use clap::{Command, CommandFactory};

use crate::args::Cli;

/// Exit codes and what they mean.
pub const EXIT_CODES: [(u8, &str); 14] = [
    (0, "all went well"),
    (1, "failed"),
    (2, "what was typed makes no sense"),
    (3, "done in part: some items failed, and each is named"),
    (10, "there is no store"),
    (11, "another process holds the store"),
    (12, "not a store, or one of a newer tintype"),
    (13, "damage was found"),
    (14, "there is no such version, tag, artifact, flag, alert or backup"),
    (15, "it exists already"),
    (16, "there is no browser"),
    (17, "no space is left"),
    (130, "interrupted by SIGINT"),
    (143, "ended by SIGTERM"),
];

/// Examples stand before the options: they are what is looked for.
const TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";

/// What stands above examples, here and in the source.
const EXAMPLES: &str = "Examples:";

/// What can be typed, with the help of each command in order.
pub fn command() -> Command {
    let mut codes = "Exit codes:\n".to_owned();
    for (code, meaning) in EXIT_CODES {
        codes += &format!("  {code:>3}  {meaning}\n");
    }
    arrange(Cli::command()).after_long_help(codes)
}

fn arrange(command: Command) -> Command {
    let text = command.get_after_help().map(StyledStr::to_string).unwrap_or_default();
    let (examples, notes) = split(&text);
    let notes = match notes.contains("Exit codes") {
        true => notes,
        false => format!("{notes}\n\nExit codes are told by: tintype --help"),
    };
    command
        .help_template(TEMPLATE)
        .before_help(examples)
        .after_help(None::<&'static str>)
        .after_long_help(notes.trim().to_owned())
        .mut_subcommands(arrange)
}

/// The examples of a text, with their heading, and what else it says.
fn split(text: &str) -> (String, String) {
    let (examples, notes): (Vec<&str>, Vec<&str>) =
        text.split("\n\n").partition(|part| part.starts_with(EXAMPLES));
    (examples.join("\n"), notes.join("\n\n"))
}

/// The examples of a command, a line each.
pub fn examples_of(command: &Command) -> Option<String> {
    let text = command.get_before_help()?.to_string();
    let lines: Vec<&str> = text.strip_prefix(EXAMPLES)?.lines().map(str::trim).collect();
    Some(lines.join("\n").trim().to_owned())
}
