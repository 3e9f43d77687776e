//! `monitor`: rules, looked at once or again and again; who is to be told is told.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueHint};
use serde_json::json;
use tintype::model::alert::Rule;
use tintype::model::time::Stopwatch;
use tintype::ops::monitor::{self, Notice};
use tintype::{Error, Repository};

use crate::alert::color;
use crate::args::seconds;
use crate::out::{Done, Failure, Out, Run, plain};

/// How long a command may take that is told of an alert.
const EXEC_MAX: Duration = Duration::from_secs(30);
/// How often is looked whether it has ended.
const EXEC_LOOK: Duration = Duration::from_millis(10);
/// The most bytes of a file of rules.
const RULES_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Args)]
#[command(after_help = "\
Prints a line for each alert that begins to fire and for each that is over, with --json an object.
Where several watch one store, one of them tells. The rules that ship: capture_failures,
slow_captures, error_rate, error_rate_critical, low_disk_space, low_disk_bytes, no_disk_space,
wal_growth, flag_anomaly; --show-rules prints them as a file of rules is written.

Examples:
  tintype monitor --once
  tintype monitor --every 60 --exec 'curl -s -d @- https://hooks.example/alerts'
  tintype monitor --show-rules > rules.json
  tintype monitor --rules rules.json")]
pub struct Monitor {
    /// Look once
    #[arg(long)]
    pub once: bool,
    /// Look every so many seconds
    #[arg(long, value_name = "S", default_value = "30", value_parser = interval, conflicts_with = "once")]
    pub every: Duration,
    /// Run this command for each line, with the object on its stdin
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub exec: Option<String>,
    /// Take the rules from this file, a JSON list, instead of those that ship
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub rules: Option<PathBuf>,
    /// Print the rules, and look at nothing
    #[arg(long, conflicts_with_all = ["once", "every", "exec"])]
    pub show_rules: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|every| match every.is_zero() {
        true => Err("more than nothing is needed".to_owned()),
        false => Ok(every),
    })
}

pub fn monitor(open: impl Fn() -> tintype::Result<Repository>, args: &Monitor, out: &Out) -> Run {
    let rules = match &args.rules {
        Some(path) => read(path)?,
        None => monitor::shipped_rules(),
    };
    if args.show_rules {
        let text = serde_json::to_string_pretty(&rules).unwrap_or_default();
        out.line(text)?;
        return Ok(Done::Ok);
    }
    let repo = open()?;
    let _working = out.stop.working();
    loop {
        let watch = Stopwatch::start();
        let looked = monitor::evaluate(&repo, &rules);
        let mut failed = false;
        match looked {
            Ok(notices) => {
                for notice in &notices {
                    tell(notice, out)?;
                    failed |= !notify(notice, args.exec.as_deref(), out);
                }
            }
            // Whoever holds it will let go of it.
            Err(error @ Error::Locked { .. }) if !args.once => out.warn("monitor", &error),
            Err(error) => return Err(error.into()),
        }
        if args.once {
            return Ok(if failed { Done::InPart } else { Done::Ok });
        }
        out.stop.sleep(watch.left_of(args.every));
    }
}

fn read(path: &PathBuf) -> Result<Vec<Rule>, Failure> {
    let failed = |source: io::Error| Error::Io { path: path.clone(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    BufReader::new(file).take(RULES_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    let rules: Vec<Rule> = serde_json::from_str(&text)
        .map_err(|error| Error::invalid("file of rules", path.display(), error.to_string()))?;
    rules.iter().try_for_each(Rule::check)?;
    Ok(rules)
}

fn tell(notice: &Notice, out: &Out) -> Result<(), Failure> {
    if out.json {
        return out.object(json!(notice));
    }
    let alert = &notice.alert;
    let line = format!("{} {} {} {}", alert.state, alert.severity, alert.id, plain(&alert.message));
    out.line(out.paint(color(alert), &line))
}

/// Runs the command that is to be told; tells whether it ended well.
fn notify(notice: &Notice, command: Option<&str>, out: &Out) -> bool {
    let Some(command) = command else { return true };
    let mut object = json!(notice);
    object["schema"] = json!(1);
    let wrong = match run(command, format!("{object}\n").into_bytes(), out) {
        Ok(None) => return true,
        Ok(Some(why)) => why,
        Err(error) => error.to_string(),
    };
    out.note(plain(&format!("tintype: --exec: {command}: {wrong}")));
    false
}

/// Runs a command with what comes in on its stdin; tells how it failed.
fn run(command: &str, input: Vec<u8>, out: &Out) -> io::Result<Option<String>> {
    let mut child = shell(command)
        .stdin(Stdio::piped())
        // Our own output is data for others.
        .stdout(io::stderr())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It need not read, nor read at once.
        thread::spawn(move || stdin.write_all(&input));
    }
    let ended = wait(&mut child, out)?;
    Ok(match ended {
        None => Some(format!("it took longer than {} s and was ended", EXEC_MAX.as_secs())),
        Some(status) if status.success() => None,
        Some(status) => Some(status.to_string()),
    })
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.args(["/C", command]);
    shell
}

/// Waits until it has ended; ends it where that takes too long, and tells nothing then.
fn wait(child: &mut Child, out: &Out) -> io::Result<Option<std::process::ExitStatus>> {
    let watch = Stopwatch::start();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if out.stop.is_raised() || watch.left_of(EXEC_MAX).is_zero() {
            child.kill()?;
            child.wait()?;
            out.stop.check();
            return Ok(None);
        }
        thread::sleep(EXEC_LOOK);
    }
}
