//! The command `tintype`: parses, calls the library, prints.

mod alert;
mod args;
mod backup;
#[cfg(feature = "chrome")]
mod capture;
#[cfg(feature = "chrome")]
mod demo;
mod diff;
mod flag;
mod forget;
mod gc;
mod incident;
mod legacy;
mod metrics;
mod monitor;
mod out;
mod put;
mod read;
mod repack;
mod report;
mod retention;
mod transfer;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use log::LevelFilter;
use serde_json::json;
use tintype::{Error, Repository, Selector, Tag, Transaction, Version};

use args::{Cli, Command, Global};
use out::{Done, Failure, Out, Run};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
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
    let out = Out::new(&cli.global);
    match run(cli.command, &cli.global, &out) {
        Ok(Done::Ok) | Err(Failure::Gone) => ExitCode::SUCCESS,
        Ok(Done::Failed) => ExitCode::from(1),
        Ok(Done::InPart) => ExitCode::from(3),
        Ok(Done::Damage) => ExitCode::from(13),
        Err(failure) => report(&failure, &cli.global, out.json),
    }
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
        Command::Repack => repack::repack(&open()?, out),
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
        Command::Gc { dry_run, now } => gc::gc(&open()?, now, dry_run, out),
        Command::Clear { yes, dry_run } => forget::clear(&open()?, yes, dry_run, out),
        #[cfg(feature = "chrome")]
        Command::Demo(args) => demo::demo(global, &args, out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tintype", &mut script);
            out.bytes(&script)?;
            Ok(Done::Ok)
        }
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
        eprintln!("{}", out::error_object(2, "usage", message, None));
    } else {
        // Whoever reads it may have gone.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

fn report(failure: &Failure, global: &Global, json: bool) -> ExitCode {
    let (code, kind, message, hint) = match failure {
        Failure::Gone => return ExitCode::SUCCESS,
        Failure::Usage(message) => (2, "usage", message.clone(), None),
        Failure::Output(error) => (1, "output", format!("writing the output: {error}"), None),
        Failure::Elsewhere(error) => (out::code(error), error.kind(), chain(error), None),
        Failure::Error(error) => {
            (out::code(error), error.kind(), chain(error), hint(error, global))
        }
    };
    if json {
        eprintln!("{}", out::error_object(code, kind, &message, hint.as_deref()));
    } else {
        eprintln!("tintype: {}", out::plain(&message));
        if let Some(hint) = hint {
            hint.lines().for_each(|line| eprintln!("  {}", out::plain(line.trim_start())));
        }
    }
    ExitCode::from(code)
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
fn hint(error: &Error, global: &Global) -> Option<String> {
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
            format!("make one with: tintype init --store {store}\n  or name yours with --store PATH or TINTYPE_STORE")
        }
        Error::StoreExists { .. } => "it was left as it is; put something into it, or choose another --store".into(),
        Error::NotAStore { .. } => "name your store with --store PATH or TINTYPE_STORE".into(),
        Error::NewerStore { .. } => "it was left as it is; use the newer tintype that wrote it".into(),
        Error::Locked { .. } => "try again, or wait longer with --busy-timeout SECONDS".into(),
        Error::ReadOnly { .. } => "check the permissions of the file and its folder".into(),
        Error::NoSpace { .. } => "nothing of the change was kept; make room and try again".into(),
        Error::NotFound { what: tintype::What::Artifact, .. } => {
            "see what it holds with: tintype show VERSION".into()
        }
        Error::NotFound { what: tintype::What::Tag, .. } => "see all tags with: tintype tags".into(),
        Error::NotFound { what: tintype::What::Staged, .. } => "store it again".into(),
        Error::NotFound { what: tintype::What::Forgotten, .. } => {
            "see what can be had back with: tintype list --forgotten".into()
        }
        Error::NotFound { what: tintype::What::Alert, .. } => {
            "see what is open with: tintype alert list".into()
        }
        Error::NotFound { what: tintype::What::Flag, .. } => {
            "see all flags with: tintype flag list".into()
        }
        Error::NotFound { what: tintype::What::Backup, .. } => {
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
        _ => return None,
    })
}
