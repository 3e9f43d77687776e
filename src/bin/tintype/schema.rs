//! `schema`: the form of what `--json` prints.

use serde_json::{Value, json};
use tintype::Error;

use crate::out::{Done, Failure, Out, Run};
use crate::suggest;

/// The JSON Schema of all commands.
const SCHEMAS: &str = include_str!("../../../docs/json-schema.json");

/// Prints the schema of a command, or of all.
pub fn schema(command: &str, out: &Out) -> Run {
    if command.is_empty() {
        out.bytes(SCHEMAS.as_bytes())?;
        return Ok(Done::Ok);
    }
    let mut all: Value = serde_json::from_str(SCHEMAS)
        .map_err(|error| Failure::Output(std::io::Error::from(error)))?;
    let known = all["$defs"].as_object().into_iter().flat_map(|defs| defs.keys());
    // A capital begins the name of what is part of several.
    let names: Vec<&str> =
        known.map(String::as_str).filter(|name| name.starts_with(char::is_lowercase)).collect();
    if !names.contains(&command) {
        let near = suggest::nearest(command, names.iter().copied());
        let near = if near.is_empty() { names.join(", ") } else { near.join(", ") };
        let why = format!("it prints no JSON, or is none; did you mean {near}?");
        return Err(Error::invalid("command", command, why).into());
    }
    if let Some(document) = all.as_object_mut() {
        document.insert("title".to_owned(), json!(format!("tintype {command} --json")));
        document
            .insert("$ref".to_owned(), json!(format!("#/$defs/{}", command.replace(' ', "%20"))));
    }
    out.line(format!("{all:#}"))?;
    Ok(Done::Ok)
}
