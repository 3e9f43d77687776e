//! What `--json` prints, compared with `docs/json-schema.json`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// The schema as it is published.
pub const TEXT: &str = include_str!("../../../docs/json-schema.json");

/// The schemas of the commands, in which an object has no member that is not described. Whoever reads
/// the published one has to bear more, since members may be added.
struct Checker {
    schemas: Schemas,
    commands: BTreeMap<String, SchemaIndex>,
}

static CHECKER: LazyLock<Checker> = LazyLock::new(|| {
    let mut document: Value = serde_json::from_str(TEXT).unwrap();
    let names: Vec<String> = commands(&document);
    close(&mut document);
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("file:///tintype.json", document).unwrap();
    let mut schemas = Schemas::new();
    let mut compile = |name: String| {
        let place = format!("file:///tintype.json#/$defs/{}", name.replace(' ', "%20"));
        let index = compiler.compile(&place, &mut schemas).unwrap_or_else(|why| panic!("{why:#}"));
        (name, index)
    };
    let commands = names.into_iter().map(&mut compile).collect();
    Checker { schemas, commands }
});

/// The commands that a schema describes, and `error`.
pub fn commands(document: &Value) -> Vec<String> {
    let names = document["$defs"].as_object().unwrap().keys();
    names.filter(|name| name.starts_with(char::is_lowercase)).cloned().collect()
}

/// Lets no object have members that are not described, where some are.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("properties").is_some_and(Value::is_object)
                && members.get("type").is_some_and(Value::is_string)
            {
                members.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Checks everything that a run with `--json` printed.
pub fn check(args: &[&str], out: &[u8], err: &str) {
    for line in err.lines().filter(|line| line.starts_with('{')) {
        validate("error", line);
    }
    let text = String::from_utf8_lossy(out);
    // Help and completions are no JSON, whoever asks for it.
    if !text.starts_with('{') {
        return;
    }
    let name = command_of(args).unwrap_or_else(|| panic!("no schema describes {args:?}: {text}"));
    text.lines().for_each(|line| validate(&name, line));
}

/// The command that was typed: `flag list`.
fn command_of(args: &[&str]) -> Option<String> {
    let known = &CHECKER.commands;
    let begins = |word: &str| known.keys().any(|name| name.split(' ').next() == Some(word));
    let at = args.iter().position(|word| begins(word))?;
    let two = args.get(at + 1).map(|second| format!("{} {second}", args[at]));
    two.into_iter().chain([args[at].to_owned()]).find(|name| known.contains_key(name))
}

/// Checks a document of a command.
pub fn validate(name: &str, line: &str) {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
    let index = CHECKER.commands.get(name).unwrap_or_else(|| panic!("{name} is not described"));
    if let Err(why) = CHECKER.schemas.validate(&value, *index) {
        panic!("{name} prints what docs/json-schema.json does not describe: {why:#}\n{line}");
    }
}
