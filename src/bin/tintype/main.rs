//! The command `tintype`: parses, calls the library, prints.

mod alert;
mod args;
mod ask;
mod backup;
mod bar;
#[cfg(feature = "chrome")]
mod capture;
mod context;
#[cfg(feature = "chrome")]
mod demo;
mod diff;
mod doctor;
mod flag;
mod forget;
mod gc;
mod help;
mod incident;
mod interrupt;
mod legacy;
mod man;
mod metrics;
mod monitor;
mod out;
mod put;
mod read;
mod repack;
mod report;
mod retention;
mod schema;
mod sql;
mod suggest;
mod table;
mod transfer;
mod verify;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgMatches, FromArgMatches};
use log::LevelFilter;
use serde_json::json;
use tintype::{Error, Repository, Selector, Tag, Transaction, Version, What};

use args::{Cli, Command, Global};
use interrupt::{Interrupted, Stop};
use out::{Done, Failure, Out, Run};

fn main() -> ExitCode {
    let (cli, name) = match parse() {
        Ok(parsed) => parsed,
        Err(error) => return refuse(&error),
    };
    let level = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => LevelFilter::Error,
        (_, 0) => LevelFilter::Warn,
        (_, 1) => LevelFilter::Info,
        (_, 2) => LevelFilter::Debug,
        (_, _) => LevelFilter::Trace,
    };
    env_logger::Builder::new()
        .filter_module("tintype", level)
        .format(|to, record| {
            use std::io::Write;
            writeln!(to, "tintype: {}", out::plain(&record.args().to_string()))
        })
        .init();
    let stop = Stop::listen(cli.global.json);
    let out = Out::new(&cli.global, Arc::clone(&stop));
    // What an interrupted command holds is given back on the way here.
    let ended = panic::catch_unwind(AssertUnwindSafe(|| run(cli.command, &cli.global, &out)));
    let failure = match ended {
        Err(thrown) if !thrown.is::<Interrupted>() => panic::resume_unwind(thrown),
        Ok(Ok(Done::Ok)) => return ExitCode::SUCCESS,
        _ if stop.is_raised() => return interrupted(&stop, out.json),
        Ok(Ok(Done::Failed)) => return ExitCode::from(1),
        Ok(Ok(Done::InPart)) => return ExitCode::from(3),
        Ok(Ok(Done::Damage)) => return ExitCode::from(13),
        Ok(Err(failure)) => failure,
        // It is thrown only where a signal has come.
        Err(_) => return ExitCode::FAILURE,
    };
    report(&failure, &cli.global, &name, out.json)
}

/// What was typed, and the name of the command: `flag list`.
fn parse() -> Result<(Cli, String), clap::Error> {
    let mut command = help::command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, name_of(&matches)))
}

fn name_of(matches: &ArgMatches) -> String {
    let mut name = String::new();
    let mut found = matches.subcommand();
    while let Some((word, inner)) = found {
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
        found = inner.subcommand();
    }
    name
}

/// Ends as one that was interrupted, once all that a signal does is done.
fn interrupted(stop: &Stop, json: bool) -> ExitCode {
    stop.settle();
    stop.tell(json);
    ExitCode::from(u8::try_from(stop.code()).unwrap_or(1))
}

fn run(command: Command, global: &Global, out: &Out) -> Run {
    let open = || Repository::builder().busy_timeout(global.busy_timeout).open(global.store());
    match command {
        Command::Init => {
            Repository::builder().busy_timeout(global.busy_timeout).init(global.store())?;
            if out.json {
                out.object(json!({"store": global.store()}))?;
            } else {
                out.note(format!("made {}", global.store().display()));
            }
            Ok(Done::Ok)
        }
        Command::Put(args) => put::put(&open()?, args, out),
        Command::Get(args) => read::get(&open()?, &args, out),
        Command::List(args) => read::list(&open()?, args, out),
        Command::Show { version } => read::show(&open()?, &version, out),
        Command::Tag { version, tags } => put_on(&open()?, &[version], &tags, out),
        Command::Untag { version, tags } => take_off(&open()?, &[version], &tags, out),
        Command::Pin { versions } => put_on(&open()?, &versions, &[Tag::pinned()], out),
        Command::Unpin { versions } => take_off(&open()?, &versions, &[Tag::pinned()], out),
        Command::Tags => read::tags(&open()?, out),
        Command::Diff(args) => diff::diff(&open()?, &args, out),
        Command::Report(args) => report::report(&open()?, &args, out),
        #[cfg(feature = "chrome")]
        Command::Capture(args) => capture::capture(&open()?, *args, out),
        Command::Incident(args) => incident::incident(&open()?, *args, out),
        Command::Verify { quick, read_data } => verify::verify(&open()?, quick, read_data, out),
        Command::Repack { dry_run } => repack::repack(&open()?, dry_run, out),
        Command::Export(args) => transfer::export(&open()?, &args, out),
        Command::Import(args) => transfer::import(&open()?, &args, out),
        Command::Legacy(what) => legacy::legacy(open, global, &what, out),
        Command::Repair(args) => transfer::repair(global.store(), &args, out),
        Command::Backup(what) => backup::backup(open, global, what, out),
        Command::Stats => read::stats(&open()?, out),
        Command::Metrics(args) => metrics::metrics(&open()?, args, out),
        Command::Monitor(args) => monitor::monitor(open, &args, out),
        Command::Alert(what) => alert::alert(&open()?, what, out),
        Command::Events(args) => read::events(&open()?, args, out),
        Command::Forget(args) => forget::forget(&open()?, args, out),
        Command::Undelete { versions } => forget::undelete(&open()?, &versions, out),
        Command::Retention(what) => retention::retention(&open()?, what, out),
        Command::Flag(what) => flag::flag(&open()?, what, out),
        Command::Gc { dry_run, now, yes } => gc::gc(&open()?, now, yes, dry_run, out),
        Command::Clear { yes, dry_run } => forget::clear(&open()?, yes, dry_run, out),
        #[cfg(feature = "chrome")]
        Command::Demo(args) => demo::demo(global, &args, out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut help::command(), "tintype", &mut script);
            out.bytes(&script)?;
            Ok(Done::Ok)
        }
        Command::Context(what) => context::context(&open()?, &what, out),
        Command::Sql(args) => sql::sql(&open()?, &args, out),
        Command::Doctor(args) => doctor::doctor(global, &args, out),
        Command::Man { folder } => man::man(&folder, out),
        Command::Schema { command } => schema::schema(&command.join(" "), out),
    }
}

fn put_on(repo: &Repository, words: &[Selector], tags: &[Tag], out: &Out) -> Run {
    retag(repo, words, tags, |tx, version, tag| tx.tag(version, tag), out)
}

fn take_off(repo: &Repository, words: &[Selector], tags: &[Tag], out: &Out) -> Run {
    retag(repo, words, tags, |tx, version, tag| tx.untag(version, tag), out)
}

/// Changes tags of snapshots, all or none.
fn retag(
    repo: &Repository,
    words: &[Selector],
    tags: &[Tag],
    change: impl Fn(&mut Transaction<'_>, &Version, &Tag) -> tintype::Result<()>,
    out: &Out,
) -> Run {
    let changed = repo.write(|tx| {
        let versions = forget::resolve(tx, words)?;
        for version in &versions {
            tags.iter().try_for_each(|tag| change(tx, version, tag))?;
        }
        versions.iter().map(|version| tx.get(version)).collect::<tintype::Result<Vec<_>>>()
    })?;
    read::tagged(&changed, out)
}

/// Tells what could not be parsed; help and version go to stdout.
fn refuse(error: &clap::Error) -> ExitCode {
    let asked_for_json = std::env::args_os().any(|arg| arg == "--json");
    if error.use_stderr() && asked_for_json {
        let message = error.render().to_string();
        let message = message.trim_start_matches("error: ").trim_end();
        out::say(&out::error_object(2, "usage", message, None).to_string());
    } else {
        // Whoever reads it may have gone.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

fn report(failure: &Failure, global: &Global, name: &str, json: bool) -> ExitCode {
    let (code, kind, message, hint) = match failure {
        Failure::Gone => return ExitCode::SUCCESS,
        Failure::Usage(message) => (2, "usage", message.clone(), Some(usage_of(name))),
        Failure::Output(error) => (1, "output", format!("writing the output: {error}"), None),
        Failure::Elsewhere(error) => (out::code(error), error.kind(), chain(error), None),
        Failure::Error(error) => {
            let next = hint(error, global, name);
            let meant = suggest::instead_of(error, global.store());
            let hints: Vec<String> = meant.into_iter().chain(next).collect();
            let hint = (!hints.is_empty()).then(|| hints.join("\n"));
            (out::code(error), error.kind(), chain(error), hint)
        }
    };
    if json {
        out::say(&out::error_object(code, kind, &message, hint.as_deref()).to_string());
    } else {
        out::say(&format!("tintype: {}", out::plain(&message)));
        for line in hint.iter().flat_map(|hint| hint.lines()) {
            out::say(&format!("  {}", out::plain(line.trim_start())));
        }
    }
    ExitCode::from(code)
}

fn usage_of(name: &str) -> String {
    format!("see how it is used with: tintype {name} --help")
}

/// The message of an error and of those that it comes from, each said once.
fn chain(error: &Error) -> String {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let cause = error.to_string();
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
        source = error.source();
    }
    message
}

/// What to do next.
fn hint(error: &Error, global: &Global, name: &str) -> Option<String> {
    let store = global.store().display();
    Some(match error {
        // Of another file than the store.
        Error::NoStore { path } | Error::NotAStore { path, .. } if path != global.store() => {
            return None;
        }
        Error::StoreExists { path } if path != global.store() => {
            "it was left as it is; choose another name".into()
        }
        Error::NoStore { .. } => {
            let others = suggest::stores_beside(global.store());
            format!(
                "make one with: tintype init --store {store}\n  or name yours with --store PATH or \
                 TINTYPE_STORE{}",
                others.map_or(String::new(), |others| format!("; {others}"))
            )
        }
        Error::StoreExists { .. } => "it was left as it is; put something into it, or choose another --store".into(),
        Error::NotAStore { .. } => "name your store with --store PATH or TINTYPE_STORE".into(),
        Error::NewerStore { .. } => "it was left as it is; use the newer tintype that wrote it".into(),
        Error::Locked { .. } => "try again, or wait longer with --busy-timeout SECONDS".into(),
        Error::ReadOnly { .. } => "check the permissions of the file and its folder".into(),
        Error::NoSpace { .. } => "nothing of the change was kept; make room and try again".into(),
        Error::NotFound { what: What::Artifact, .. } => {
            "see what it holds with: tintype show VERSION".into()
        }
        Error::NotFound { what: What::Tag, .. } => "see all tags with: tintype tags".into(),
        Error::NotFound { what: What::Staged, .. } => "store it again".into(),
        Error::NotFound { what: What::Forgotten, .. } => {
            "see what can be had back with: tintype list --forgotten".into()
        }
        Error::NotFound { what: What::Alert, .. } => {
            "see what is open with: tintype alert list".into()
        }
        Error::NotFound { what: What::Flag, .. } => {
            "see all flags with: tintype flag list".into()
        }
        Error::NotFound { what: What::Backup, .. } => {
            "see what there is with: tintype backup list, or name a path".into()
        }
        Error::NewerSnapshots { .. } => {
            "say that it is meant with --force; what the store holds now is kept as a backup".into()
        }
        Error::NotFound { .. } => {
            "see what there is with: tintype list, and what was forgotten with: tintype list --forgotten".into()
        }
        Error::Pinned { version } => format!("take the pin off with: tintype unpin {version}"),
        Error::Ambiguous { .. } => "give more of it".into(),
        Error::VersionExists { .. } => {
            "a version is never overwritten; choose another, or none to have one made".into()
        }
        Error::Corrupt(_) => "see all damage with: tintype verify --read-data".into(),
        Error::NoBrowser { .. } => {
            "install Chromium (Debian: apt-get install chromium), or name one with --browser PATH or CHROME".into()
        }
        Error::Browser { .. } => "see whether the browser works with: tintype doctor".into(),
        Error::Invalid { .. } => usage_of(name),
        Error::Database { .. } if name == "sql" => {
            "ask for less, or give it more time with --timeout SECONDS".into()
        }
        Error::Database { .. } => "look for damage with: tintype verify".into(),
        Error::Io { .. } => "check that it is there, and its permissions".into(),
        _ => return None,
    })
}
