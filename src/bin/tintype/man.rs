//! `man`: a page of the manual for each command.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use serde_json::json;
use tintype::Error;

use crate::help::{EXIT_CODES, command, examples_of};
use crate::out::{Done, Failure, Out, Run, count, plain};

/// Writes the pages into a folder, which is made where it is not there.
pub fn man(folder: &Path, out: &Out) -> Run {
    fs::create_dir_all(folder).map_err(|source| Error::io(folder, source))?;
    let mut root = command();
    root.build();
    let mut written = Vec::new();
    pages(&root, folder, &mut written)?;
    match out.json {
        true => out.object(json!({"folder": folder, "pages": written}))?,
        false => out.note(plain(&format!(
            "wrote {} into {}; read one with: man -l {}/tintype.1",
            count(written.len() as u64, "page"),
            folder.display(),
            folder.display()
        ))),
    }
    Ok(Done::Ok)
}

fn pages(command: &Command, folder: &Path, written: &mut Vec<String>) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let file = format!("{name}.1");
    let path = folder.join(&file);
    let mut page = Vec::new();
    render(command, &mut page).map_err(Failure::Output)?;
    fs::write(&path, page).map_err(|source| Error::io(&path, source))?;
    written.push(file);
    command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
        .try_for_each(|sub| pages(sub, folder, written))
}

fn render(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone()).source(format!("tintype {}", env!("CARGO_PKG_VERSION")));
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    if let Some(examples) = examples_of(command) {
        writeln!(page, ".SH EXAMPLES\n.nf")?;
        examples.lines().try_for_each(|line| writeln!(page, "{}", roff(line)))?;
        writeln!(page, ".fi")?;
    }
    man.render_options_section(page)?;
    if command.get_subcommands().any(|sub| sub.get_name() != "help") {
        man.render_subcommands_section(page)?;
    }
    if let Some(more) = command.get_after_long_help() {
        writeln!(page, ".SH NOTES\n.nf")?;
        more.to_string().lines().try_for_each(|line| writeln!(page, "{}", roff(line)))?;
        writeln!(page, ".fi")?;
    }
    writeln!(page, ".SH \"EXIT STATUS\"")?;
    for (code, meaning) in EXIT_CODES {
        writeln!(page, ".TP\n{code}\n{}", roff(meaning))?;
    }
    Ok(())
}

/// A line of text as roff takes it.
fn roff(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}
