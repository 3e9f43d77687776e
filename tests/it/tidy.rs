//! The map of the house, executable: which floor may name which, which crate lives where, and
//! which lists must be complete.
//!
//! [`problems`] is a function of (path, text) pairs. The last tests here feed it bad examples, so
//! that a check that has stopped seeing is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The floors, from the ground up. A floor may name itself and what is below.
const FLOORS: [(&str, u8); 8] = [
    ("error", 0),
    ("model", 0),
    ("codec", 1),
    ("format", 2),
    ("store", 3),
    ("records", 4),
    ("ops", 5),
    ("capture", 6),
];

/// Where each external crate may be named. An empty list is everywhere.
const HOMES: [(&str, &[&str]); 45] = [
    ("serde", &[]),
    ("serde_json", &[]),
    ("log", &[]),
    ("thiserror", &[]),
    ("chrono", &["src/model/time.rs"]),
    ("chrono_tz", &["src/model/time.rs"]),
    ("flate2", &["src/codec/"]),
    ("blake3", &["src/codec/"]),
    ("zstd", &["src/codec/"]),
    ("bzip2", &["src/format/bsdiff.rs"]),
    ("image", &["src/format/image.rs"]),
    ("hdrhistogram", &["src/codec/histogram.rs"]),
    ("preflate_rs", &["src/codec/png.rs"]),
    ("crc32fast", &["src/codec/png.rs"]),
    ("json_patch", &["src/format/"]),
    ("sha2", &["src/format/hashes.rs", "src/format/pyjson.rs"]),
    ("md5", &["src/format/hashes.rs"]),
    ("similar", &["src/format/"]),
    ("rusqlite", &["src/store/", "src/records/"]),
    ("r2d2", &["src/store/"]),
    ("r2d2_sqlite", &["src/store/"]),
    ("rusqlite_migration", &["src/store/"]),
    ("rustix", &["src/store/sqlite.rs", "src/ops/legacy/files.rs", "src/ops/monitor/disk.rs"]),
    ("tempfile", &["src/store/", "src/capture/chrome/"]),
    ("headless_chrome", &["src/capture/chrome/"]),
    ("tungstenite", &["src/capture/chrome/"]),
    ("clap", &["src/bin/"]),
    ("clap_complete", &["src/bin/"]),
    ("clap_mangen", &["src/bin/tintype/man.rs"]),
    ("indicatif", &["src/bin/"]),
    ("signal_hook", &["src/bin/tintype/interrupt.rs"]),
    ("strsim", &["src/bin/tintype/suggest.rs"]),
    ("unicode_width", &["src/bin/tintype/table.rs"]),
    ("terminal_size", &["src/bin/"]),
    (
        "base64",
        &[
            "src/capture/",
            "src/format/har/",
            "src/format/mhtml.rs",
            "src/format/hashes.rs",
            "src/ops/report/picture.rs",
        ],
    ),
    ("maud", &["src/ops/report/"]),
    ("aho_corasick", &["src/capture/redact/"]),
    ("html5ever", &["src/format/document.rs"]),
    ("scraper", &["src/format/document.rs"]),
    ("html5gum", &["src/capture/redact/", "src/capture/structure.rs"]),
    ("regex_automata", &["src/capture/redact/"]),
    ("env_logger", &["src/bin/"]),
    ("tiny_http", &["src/bin/tintype/demo"]),
    // The binary's way to the library.
    ("tintype", &["src/bin/"]),
    // Theirs are the tests and benches alone.
    ("proptest", &["tests/", "benches/"]),
];

/// Where SQL may be written.
const SQL_HOMES: [&str; 2] = ["src/store/", "src/records/"];
/// Where the operating system may be asked for the time.
const CLOCK_HOME: &str = "src/model/time.rs";
/// The longest source file: longer ones hold two things.
const LINES_MAX: usize = 800;

/// A thing that is not where it belongs.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    line: usize,
    what: String,
}

/// Everything that is wrong with these files, each given as its path from the root and its text.
fn problems(files: &[(&str, &str)]) -> Vec<Problem> {
    let mut found = Vec::new();
    let root_names = root_names(files, &mut found);
    for &(path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let mut say = |line, what: String| found.push(Problem { path: path.into(), line, what });
        if text.lines().count() > LINES_MAX {
            say(LINES_MAX + 1, format!("the file is longer than {LINES_MAX} lines"));
        }
        let Ok(tokens) = tokens(text) else {
            say(1, "the file is not Rust".into());
            continue;
        };
        check_unfinished(&tokens, &mut say);
        if path.starts_with("src/") {
            check_clock(path, &tokens, &mut say);
            check_sql(path, &tokens, &mut say);
            check_paths(path, &tokens, &root_names, &mut say);
        }
    }
    check_circles(files, &mut found);
    check_lists(files, &mut found);
    found.sort();
    found.dedup();
    found
}

// What the text says

/// A token of a file, flat; comments and doc comments are gone, a string is one token with quotes.
#[derive(Debug, Clone)]
struct Token {
    text: String,
    line: usize,
}

fn tokens(text: &str) -> Result<Vec<Token>, proc_macro2::LexError> {
    fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
        for tree in stream {
            let line = tree.span().start().line;
            match tree {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::None => ("", ""),
                    };
                    out.push(Token { text: open.into(), line });
                    let end = group.span_close().start().line;
                    flatten(group.stream(), out);
                    out.push(Token { text: close.into(), line: end });
                }
                TokenTree::Punct(punct) => match out.last_mut() {
                    // Two colons are one token.
                    Some(last) if punct.as_char() == ':' && last.text == ":" => {
                        last.text = "::".into();
                    }
                    _ => out.push(Token { text: punct.as_char().into(), line }),
                },
                other => out.push(Token { text: other.to_string(), line }),
            }
        }
    }
    let mut flat = Vec::new();
    flatten(TokenStream::from_str(text)?, &mut flat);
    // Doc comments come as attributes.
    let is_doc = |at: usize| {
        let word = |next: usize| flat.get(at + next).map_or("", |token: &Token| &token.text);
        let bracket = if word(1) == "!" { 2 } else { 1 };
        (word(0) == "#"
            && word(bracket) == "["
            && word(bracket + 1) == "doc"
            && word(bracket + 2) == "="
            && word(bracket + 4) == "]")
            .then_some(bracket + 5)
    };
    let mut kept = Vec::new();
    let mut at = 0;
    while at < flat.len() {
        match is_doc(at) {
            Some(length) => at += length,
            None => {
                kept.push(flat[at].clone());
                at += 1;
            }
        }
    }
    Ok(kept)
}

fn word(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Reads the path, or the tree of paths of a `use`, that begins at `at`; adds every full path and
/// returns where it ends.
fn read_tree(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    paths: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut path = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    loop {
        let here = word(tokens, at);
        if here == "{" {
            at += 1;
            while !matches!(word(tokens, at), "}" | "") {
                at = read_tree(tokens, at, &path, paths);
                while !matches!(word(tokens, at), "," | "}" | "") {
                    at += 1;
                }
                if word(tokens, at) == "," {
                    at += 1;
                }
            }
            return at + 1;
        }
        if here == "*" || is_name(here) {
            path.push(here.to_owned());
            at += 1;
        }
        if word(tokens, at) != "::" {
            break;
        }
        let next = word(tokens, at + 1);
        // A turbofish or a qualified path ends what names a module.
        if !(is_name(next) || next == "*" || next == "{") {
            break;
        }
        at += 1;
    }
    paths.push((path, line));
    at
}

/// The names at the root of the library: modules, and what `lib.rs` makes visible, with floors.
fn root_names(files: &[(&str, &str)], found: &mut Vec<Problem>) -> BTreeMap<String, u8> {
    let mut names: BTreeMap<_, _> =
        FLOORS.iter().map(|(name, floor)| ((*name).to_owned(), *floor)).collect();
    let Some((path, text)) = files.iter().find(|(path, _)| *path == "src/lib.rs") else {
        return names;
    };
    let tokens = tokens(text).unwrap_or_default();
    for at in 0..tokens.len() {
        let line = tokens[at].line;
        if word(&tokens, at) == "mod" && !names.contains_key(word(&tokens, at + 1)) {
            let what = format!("module {} has no floor in tidy.rs", word(&tokens, at + 1));
            found.push(Problem { path: (*path).into(), line, what });
        }
        if word(&tokens, at) != "use" {
            continue;
        }
        let mut paths = Vec::new();
        read_tree(&tokens, at + 1, &[], &mut paths);
        for (path, _) in paths {
            let path: Vec<_> = path.iter().filter(|part| *part != "crate").collect();
            let floor = path.first().and_then(|first| names.get(*first)).copied();
            if let (Some(floor), Some(last)) = (floor, path.last()) {
                names.insert((*last).clone(), floor);
            }
        }
    }
    names
}

// What may not be

fn check_unfinished(tokens: &[Token], say: &mut impl FnMut(usize, String)) {
    for at in 0..tokens.len() {
        let line = tokens[at].line;
        match (word(tokens, at), word(tokens, at + 1), word(tokens, at + 2)) {
            ("#", "[", "ignore") => say(line, "a test is ignored".into()),
            // In #[cfg_attr(condition, ignore)] too.
            (",", "ignore", ")" | "=") => say(line, "a test is ignored".into()),
            (name @ ("todo" | "unimplemented"), "!", _) => say(line, format!("{name}! is left")),
            _ => {}
        }
    }
}

fn check_clock(path: &str, tokens: &[Token], say: &mut impl FnMut(usize, String)) {
    if path == CLOCK_HOME {
        return;
    }
    for at in 0..tokens.len() {
        let here = [word(tokens, at), word(tokens, at + 1), word(tokens, at + 2)];
        if let [clock @ ("SystemTime" | "Instant" | "Utc" | "Local"), "::", "now"] = here {
            say(tokens[at].line, format!("{clock}::now outside {CLOCK_HOME}"));
        }
    }
}

fn check_sql(path: &str, tokens: &[Token], say: &mut impl FnMut(usize, String)) {
    if SQL_HOMES.iter().any(|home| path.starts_with(home)) {
        return;
    }
    for token in tokens.iter().filter(|token| token.text.ends_with(['"', '#'])) {
        // Within a literal, \n stands for white space.
        let text = token.text.replace("\\n", " ");
        let text = text.trim_start_matches(['b', 'c', 'r', '#', '"']);
        let words: Vec<_> = text.split_whitespace().collect();
        let is_sql = |at: usize, strict: bool| {
            let fold = |at: usize| {
                let word = words.get(at).copied().unwrap_or_default();
                if strict { word.to_owned() } else { word.to_ascii_uppercase() }
            };
            let made = ["TABLE", "INDEX", "UNIQUE", "VIEW", "TRIGGER", "TEMP", "VIRTUAL"];
            match fold(at).trim_start_matches(|c: char| !c.is_ascii_alphabetic()) {
                "SELECT" | "PRAGMA" => {
                    strict && at + 1 < words.len() || {
                        !strict && (at + 1..words.len()).any(|at| fold(at) == "FROM")
                    }
                }
                "INSERT" | "REPLACE" => matches!(&*fold(at + 1), "INTO" | "OR"),
                "UPDATE" => fold(at + 2) == "SET" || fold(at + 1) == "OR",
                "DELETE" => fold(at + 1) == "FROM",
                "CREATE" => made.contains(&&*fold(at + 1)),
                _ => false,
            }
        };
        if is_sql(0, false) || (0..words.len()).any(|at| is_sql(at, true)) {
            say(token.line, format!("SQL outside {}", SQL_HOMES.join(" and ")));
        }
    }
}

/// Checks that no files above floor 0 use each other in a circle. A folder's `mod.rs` is its door,
/// through which its files may see each other.
fn check_circles(files: &[(&str, &str)], found: &mut Vec<Problem>) {
    let is_door = |path: &str| path.ends_with("/mod.rs");
    let own = |path: &str| {
        path.starts_with("src/")
            && path[4..].contains('/')
            && !path.starts_with("src/model/")
            && !path.starts_with("src/bin/")
            && !is_door(path)
    };
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for &(path, text) in files.iter().filter(|(path, _)| own(path)) {
        let module = path.trim_end_matches(".rs");
        let tokens = tokens(text).unwrap_or_default();
        for at in 0..tokens.len() {
            let root = match word(&tokens, at) {
                "crate" => "src",
                "super" => module.rsplit_once('/').map_or("src", |(folder, _)| folder),
                _ => continue,
            };
            let mut paths = Vec::new();
            read_tree(&tokens, at, &[], &mut paths);
            for (named, _) in paths {
                // The file is the longest beginning of the path that is one.
                let file = (2..=named.len()).rev().find_map(|length| {
                    let file = format!("{root}/{}.rs", named[1..length].join("/"));
                    files.iter().map(|(known, _)| *known).find(|known| *known == file)
                });
                uses.entry(path)
                    .or_default()
                    .extend(file.filter(|file| *file != path && own(file)));
            }
        }
    }
    for start in uses.keys() {
        let mut reached: Vec<&str> = vec![start];
        let mut at = 0;
        while at < reached.len() {
            for next in uses.get(reached[at]).into_iter().flatten() {
                if next == start {
                    let what = format!("it and {} use each other in a circle", reached[at]);
                    found.push(Problem { path: (*start).into(), line: 1, what });
                } else if !reached.contains(next) {
                    reached.push(next);
                }
            }
            at += 1;
        }
    }
}

/// Checks every path in a file of `src/`: none leads to a floor above, none to a crate that lives
/// elsewhere.
fn check_paths(
    path: &str,
    tokens: &[Token],
    root_names: &BTreeMap<String, u8>,
    say: &mut impl FnMut(usize, String),
) {
    let in_bin = path.starts_with("src/bin/");
    let mut module: Vec<String> = path
        .trim_start_matches("src/")
        .trim_end_matches(".rs")
        .split('/')
        .filter(|part| !matches!(*part, "mod" | "lib"))
        .map(str::to_owned)
        .collect();
    let floor = match module.first() {
        None => u8::MAX,
        Some(_) if in_bin => u8::MAX,
        Some(first) => match FLOORS.iter().find(|(name, _)| name == first) {
            Some((_, floor)) => *floor,
            None => return say(1, "the file is on no floor that tidy.rs knows".into()),
        },
    };
    // Modules within the file, with the depth of their braces.
    let mut inner: Vec<usize> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < tokens.len() {
        let (here, next) = (word(tokens, at), word(tokens, at + 1));
        match here {
            "{" => {
                depth += 1;
                let opens = at >= 2 && word(tokens, at - 2) == "mod";
                if opens {
                    module.push(word(tokens, at - 1).to_owned());
                    inner.push(depth);
                }
            }
            "}" => {
                if inner.last() == Some(&depth) {
                    inner.pop();
                    module.pop();
                }
                depth -= 1;
            }
            "path" if next == "=" && at >= 1 && word(tokens, at - 1) == "[" => {
                say(tokens[at].line, "#[path] leads around the floors".into());
            }
            "include" if next == "!" => {
                say(tokens[at].line, "include! leads around the floors".into());
            }
            _ => {}
        }
        let before = if at == 0 { "" } else { word(tokens, at - 1) };
        // `::zstd` begins a path, `codec::zstd` goes on with one.
        let begins = before != "::" || at < 2 || !is_path_end(word(tokens, at - 2));
        let is_use = here == "use" || (here == "crate" && before == "extern");
        let is_path = is_name(here) && next == "::" && begins && before != ".";
        if !is_use && !is_path {
            at += 1;
            continue;
        }
        let mut start = at + usize::from(is_use);
        if word(tokens, start) == "::" {
            start += 1;
        }
        let mut paths = Vec::new();
        let end = read_tree(tokens, start, &[], &mut paths);
        for (parts, line) in paths {
            check_path(path, floor, in_bin, &module, &parts, root_names, &mut |what| {
                say(line, what)
            });
        }
        at = end.max(at + 1);
    }
}

fn is_path_end(text: &str) -> bool {
    const KEYWORDS: [&str; 7] = ["use", "in", "return", "as", "mut", "dyn", "impl"];
    (is_name(text) && !KEYWORDS.contains(&text)) || text == ">"
}

fn check_path(
    path: &str,
    floor: u8,
    in_bin: bool,
    module: &[String],
    parts: &[String],
    root_names: &BTreeMap<String, u8>,
    say: &mut impl FnMut(String),
) {
    let written = parts.join("::");
    let mut absolute = Vec::new();
    match parts.first().map(String::as_str) {
        Some("crate") => absolute.extend(&parts[1..]),
        Some("self" | "super") => {
            absolute.extend(module);
            for part in parts {
                match part.as_str() {
                    "self" => {}
                    "super" if absolute.pop().is_none() => {
                        return say(format!("{written} leads out of the crate"));
                    }
                    "super" => {}
                    _ => absolute.push(part),
                }
            }
        }
        Some(name) => {
            let home = HOMES.iter().find(|(known, _)| *known == name);
            if let Some((_, homes)) = home
                && !homes.is_empty()
                && !homes.iter().any(|home| path.starts_with(home))
            {
                say(format!("crate {name} belongs to {}", homes.join(", ")));
            }
            return;
        }
        None => return,
    }
    if in_bin || module.is_empty() {
        return;
    }
    match absolute.first().map(|first| first.as_str()) {
        None | Some("*" | "self") => say(format!("{written} names every floor")),
        Some(first) => match root_names.get(first) {
            Some(other) if *other > floor => {
                say(format!("{written} is on floor {other}, this file on floor {floor}"));
            }
            Some(_) => {}
            None => say(format!("{written} is on no floor that tidy.rs knows")),
        },
    }
}

/// Checks that what is there is named by the list that makes it count.
fn check_lists(files: &[(&str, &str)], found: &mut Vec<Problem>) {
    let text_of =
        |wanted: &str| files.iter().find(|(path, _)| *path == wanted).map_or("", |(_, text)| *text);
    let main = tokens(text_of("tests/it/main.rs")).unwrap_or_default();
    let listed: BTreeSet<_> = (0..main.len())
        .filter(|at| word(&main, *at) == "mod")
        .map(|at| word(&main, at + 1))
        .collect();
    // A comment in these lists does not name a file.
    let schema = tokens(text_of("src/store/schema.rs")).unwrap_or_default();
    let uncommented = |line: &&str| !line.trim_start().starts_with('#');
    let manifest: Vec<_> = text_of("Cargo.toml").lines().filter(uncommented).collect();
    for (path, _) in files {
        let mut say = |what: &str| {
            found.push(Problem { path: (*path).into(), line: 1, what: what.into() });
        };
        let in_manifest =
            || manifest.iter().any(|line| line.starts_with("path") && line.contains(path));
        if let Some(rest) = path.strip_prefix("tests/it/") {
            let name = rest.split('/').next().unwrap_or_default().trim_end_matches(".rs");
            let is_module = !rest.contains('/') || rest.ends_with("/mod.rs");
            if rest.ends_with(".rs") && is_module && name != "main" && !listed.contains(name) {
                say("tests/it/main.rs does not list this file");
            }
        } else if path.ends_with(".rs") && path.matches('/').count() == 1 {
            let kind = path.split('/').next().unwrap_or_default();
            if matches!(kind, "tests" | "benches") && !in_manifest() {
                say("Cargo.toml does not name this file");
            }
        } else if let Some(name) = path.strip_prefix("migrations/")
            && name.ends_with(".sql")
            && !schema.iter().any(|token| token.text.contains(&format!("/{name}\"")))
        {
            say("src/store/schema.rs does not name this file");
        }
    }
    let mut in_dependencies = false;
    for (at, line) in text_of("Cargo.toml").lines().enumerate() {
        if line.starts_with('[') {
            in_dependencies = line == "[dependencies]";
        } else if let Some((name, _)) = line.split_once('=')
            && in_dependencies
            && !line.starts_with('#')
        {
            let name = name.trim().replace('-', "_");
            if !HOMES.iter().any(|(known, _)| *known == name) {
                let what = format!("crate {name} has no home in tidy.rs");
                found.push(Problem { path: "Cargo.toml".into(), line: at + 1, what });
            }
        }
    }
}

// The house as it is

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![("Cargo.toml".to_owned(), read(&root.join("Cargo.toml")))];
    for folder in ["src", "tests", "benches", "migrations", "extension/src"] {
        gather(root, Path::new(folder), &mut files);
    }
    assert!(files.len() > 10, "only {} files found", files.len());
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let told: Vec<_> = problems(&files)
        .into_iter()
        .map(|problem| format!("{}:{}: {}", problem.path, problem.line, problem.what))
        .collect();
    assert!(told.is_empty(), "\n{}\n", told.join("\n"));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn gather(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries {
        let path = folder.join(entry.unwrap().file_name());
        let extension = path.extension().and_then(|extension| extension.to_str());
        if root.join(&path).is_dir() {
            gather(root, &path, files);
        } else if matches!(extension, Some("rs" | "sql")) {
            files.push((path.to_str().unwrap().replace('\\', "/"), read(&root.join(&path))));
        }
    }
}

// The checker itself

/// Asserts that a file is found wanting at these lines, each in these words.
fn told(path: &str, text: &str, wanted: &[(usize, &str)]) {
    let lib = "pub mod model;\npub use crate::store::{Repository, blobs::Blob as Content};\n\
               pub use error::Error;";
    let main = ("tests/it/main.rs", "mod tidy; mod support;");
    let found = problems(&[("src/lib.rs", lib), main, (path, text)]);
    let seen: Vec<_> = found.iter().map(|problem| problem.line).collect();
    let lines: Vec<_> = wanted.iter().map(|(line, _)| *line).collect();
    assert_eq!(seen, lines, "in {text}: {found:#?}");
    for (problem, (_, words)) in found.iter().zip(wanted) {
        assert_eq!(problem.path, path);
        assert!(problem.what.contains(words), "{} does not say {words}", problem.what);
    }
}

#[test]
fn upward_paths_are_found() {
    told("src/model/id.rs", "use crate::store::blobs;", &[(1, "floor 3, this file on floor 0")]);
    told("src/codec/png.rs", "fn f() {\n  crate::ops::gc::run();\n}", &[(2, "floor 5")]);
    told("src/codec/png.rs", "use crate::{error::Error,\n  format::diff};", &[(2, "floor 2")]);
    told("src/codec/png.rs", "use {std::fmt,\n crate::{model::{id, time},\n ops}};", &[(3, "ops")]);
    told("src/store/mod.rs", "use super::records::flags;", &[(1, "floor 4")]);
    told("src/store/blobs.rs", "use super::super::ops;", &[(1, "floor 5")]);
    told("src/store/blobs.rs", "mod tests { use super::super::super::ops; }", &[(1, "floor 5")]);
    told("src/store/blobs.rs", "mod a { mod b {} }\nuse super::super::ops;", &[(2, "floor 5")]);
    told("src/codec/png.rs", "fn f(r: &crate::Repository) {}", &[(1, "floor 3")]);
    told("src/codec/png.rs", "use crate::Blob;", &[(1, "floor 3")]);
    told("src/codec/png.rs", "pub(in crate::capture) fn f() {}", &[(1, "floor 6")]);
    told("src/codec/png.rs", "macro_rules! m { () => { crate::ops::x } }", &[(1, "floor 5")]);
    told("src/codec/png.rs", "use crate::*;", &[(1, "names every floor")]);
    told("src/codec/png.rs", "use crate as house;", &[(1, "names every floor")]);
    told("src/codec/png.rs", "use super::super::*;", &[(1, "names every floor")]);
    told("src/codec/png.rs", "use super::super::super::x;", &[(1, "out of the crate")]);
    told("src/codec/png.rs", "use crate::elsewhere::x;", &[(1, "no floor")]);
    told("src/elsewhere.rs", "", &[(1, "no floor")]);
    told("src/codec/png.rs", "#[path = \"../ops/gc.rs\"] mod gc;", &[(1, "#[path]")]);
    told("src/codec/png.rs", "include!(\"../ops/gc.rs\");", &[(1, "include!")]);
}

#[test]
fn downward_paths_are_fine() {
    told("src/capture/mod.rs", "use crate::{error::Error, ops::gc, store::{self, blobs}};", &[]);
    told("src/store/blobs.rs", "use super::txn; use self::x::y; use super::super::codec;", &[]);
    told("src/store/blobs.rs", "mod tests { use super::*; use super::super::txn; }", &[]);
    told(
        "src/store/blobs.rs",
        "pub(crate) fn f() -> crate::Error { crate::error::f::<u8>() }",
        &[],
    );
    told("src/bin/tintype/put.rs", "use crate::output::Printer; use tintype::Repository;", &[]);
    told("src/codec/png.rs", "//! crate::ops\n/// [`crate::ops`]\n// crate::ops\nfn f() {}", &[]);
    told("src/codec/png.rs", "/* crate::ops /* zstd::x */ todo!() */ fn f<'a>() {}", &[]);
    told("src/codec/png.rs", "const A: &str = \"crate::ops::gc, rusqlite::x, todo!()\";", &[]);
}

#[test]
fn crates_away_from_home_are_found() {
    told("src/ops/gc.rs", "use rusqlite::Connection;", &[(1, "crate rusqlite")]);
    told("src/ops/gc.rs", "fn f(c: &rusqlite::Connection) {}", &[(1, "crate rusqlite")]);
    told("src/ops/gc.rs", "fn f(c: &::rusqlite::Connection) {}", &[(1, "crate rusqlite")]);
    told("src/ops/gc.rs", "use ::rusqlite::Connection;", &[(1, "crate rusqlite")]);
    told("src/records/flags.rs", "use r2d2_sqlite as pool;", &[(1, "crate r2d2_sqlite")]);
    told("src/records/flags.rs", "extern crate r2d2;", &[(1, "crate r2d2")]);
    told(
        "src/model/id.rs",
        "use {std::fmt,\n blake3::Hash,\n chrono};",
        &[(2, "blake3"), (3, "chrono")],
    );
    told("src/model/id.rs", "#[derive(clap::Args)] struct A;", &[(1, "crate clap")]);
    told("src/capture/mod.rs", "use headless_chrome::Tab;", &[(1, "src/capture/chrome/")]);
    told("src/bin/tintype/put.rs", "use tiny_http::Server;", &[(1, "tiny_http")]);
    told("src/bin/tintype/put.rs", "use rusqlite::Connection;", &[(1, "rusqlite")]);
    told("src/store/mod.rs", "use tintype::Error;", &[(1, "crate tintype")]);
    told("src/codec/frame.rs", "use proptest::prelude;", &[(1, "crate proptest")]);
    told("Cargo.toml", "[dependencies]\nserde = \"1\"\nleft-pad = \"1\"", &[(3, "left_pad")]);

    told("src/store/blobs.rs", "use rusqlite::Connection; use serde::Serialize;", &[]);
    told(
        "src/ops/gc.rs",
        "use crate::codec::zstd; fn f() { self.zstd.x(); codec::zstd::f() }",
        &[],
    );
}

#[test]
fn sql_away_from_home_is_found() {
    let sql = [
        "SELECT version FROM snapshot",
        "select version from snapshot",
        "WITH a AS (SELECT 1)",
        "\\n  INSERT OR IGNORE INTO tag VALUES (1)",
        "UPDATE blob SET bytes = 1",
        "delete from blob",
        "PRAGMA page_size",
        "CREATE TABLE blob (id INTEGER)",
    ];
    for statement in sql {
        let text = format!("\nconst A: &str = \"{statement}\";");
        told("src/ops/gc.rs", &text, &[(2, "SQL")]);
        told("src/ops/gc.rs", &format!("fn f() {{\ng(r#\"{statement}\"#) }}"), &[(2, "SQL")]);
        told("src/store/blobs.rs", &text, &[]);
        told("src/records/flags.rs", &text, &[]);
    }
    for prose in ["select one of them", "DELETE", "create the store", "update the tag", "SELECT"] {
        told("src/bin/tintype/main.rs", &format!("const A: &str = \"{prose}\";"), &[]);
    }
}

#[test]
fn reading_the_clock_is_found() {
    for call in ["SystemTime::now()", "std::time::Instant::now()", "Utc::now()", "Local::now()"] {
        told("src/bin/tintype/main.rs", &format!("fn f() {{\n {call}; }}"), &[(2, "::now")]);
        told("src/model/time.rs", &format!("fn f() {{ {call}; }}"), &[]);
    }
    told("src/store/txn.rs", "fn f() { self.clock.now(); }", &[]);
}

#[test]
fn what_no_list_names_is_found() {
    told("tests/it/lost.rs", "", &[(1, "main.rs does not list")]);
    told("tests/it/lost/mod.rs", "", &[(1, "main.rs does not list")]);
    told("tests/it/support/mod.rs", "", &[]);
    told("tests/it/support/page.rs", "", &[]);
    told("tests/lost.rs", "", &[(1, "Cargo.toml")]);
    told("benches/lost.rs", "", &[(1, "Cargo.toml")]);
    told("migrations/0001_snapshot.sql", "", &[(1, "schema.rs")]);
    let migration = ("migrations/0001_snapshot.sql", "CREATE TABLE a (b);");
    let schema = "const A: &str = include_str!(\"../../migrations/0001_snapshot.sql\");";
    let named = [migration, ("src/store/schema.rs", schema)];
    assert_eq!(problems(&named), []);
    let commented = format!("// {schema}");
    assert_eq!(problems(&[migration, ("src/store/schema.rs", &commented)]).len(), 1);
    let bench = ("benches/engine.rs", "");
    let manifest = "[[bench]]\npath = \"benches/engine.rs\"\n";
    assert_eq!(problems(&[bench, ("Cargo.toml", manifest)]), []);
    assert_eq!(problems(&[bench, ("Cargo.toml", "# path = \"benches/engine.rs\"")]).len(), 1);
}

#[test]
fn what_is_unfinished_is_found() {
    told("tests/it/support/mod.rs", "#[test]\n#[ignore]\nfn f() {}", &[(2, "ignored")]);
    told("src/model/id.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}", &[(2, "ignored")]);
    told("src/model/id.rs", "#[cfg_attr(unix, ignore)]\nfn f() {}", &[(1, "ignored")]);
    told("src/model/id.rs", "fn f() { todo!() }", &[(1, "todo!")]);
    told("src/model/id.rs", "fn f() {\n unimplemented!(\"later\") }", &[(2, "unimplemented!")]);
    told("src/model/id.rs", "fn f() {", &[(1, "not Rust")]);
    told("src/model/id.rs", &"\n".repeat(LINES_MAX), &[]);
    told("src/model/id.rs", &"\n".repeat(LINES_MAX + 1), &[(LINES_MAX + 1, "longer")]);
}

#[test]
fn files_that_use_each_other_are_found() {
    let door = ("src/store/mod.rs", "mod a; mod b; mod c; pub use a::A;");
    let chain = [
        door,
        ("src/store/a.rs", "use super::b::B; use crate::store::{Shared, c};"),
        ("src/store/b.rs", "use crate::store::c;"),
        ("src/store/c.rs", "use crate::store::Shared;"),
    ];
    let of = |files: &[(&str, &str)]| {
        let mut found = Vec::new();
        check_circles(files, &mut found);
        found.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
    };
    assert_eq!(of(&chain), Vec::<String>::new());
    let mut circle = chain;
    circle[3].1 = "fn f() { super::a::A }";
    assert_eq!(
        of(&circle),
        ["src/store/a.rs", "src/store/b.rs", "src/store/c.rs", "src/store/c.rs"]
    );
}
