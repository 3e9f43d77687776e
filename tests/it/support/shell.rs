//! The command, run in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::schema;

/// The command itself.
pub const TINTYPE: &str = env!("CARGO_BIN_EXE_tintype");

/// A folder in which the command is run, gone with this value.
pub struct Shell {
    folder: TempDir,
}

/// What a run of the command came to.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Shell {
    /// An empty folder.
    pub fn empty() -> Self {
        Shell { folder: TempDir::new().unwrap() }
    }

    /// A folder with a store.
    pub fn new() -> Self {
        let shell = Shell::empty();
        shell.done("init");
        shell
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn store(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("tintype.db")).unwrap()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(TINTYPE);
        command.current_dir(self.folder.path());
        for name in ["TINTYPE_STORE", "NO_COLOR", "TERM", "COLUMNS"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the command with the words of a line.
    pub fn run(&self, line: &str) -> Output {
        self.run_with(&line.split_whitespace().collect::<Vec<_>>(), b"")
    }

    /// Runs the command with arguments as they are, and with `input` coming in.
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input);
        let ended = child.wait_with_output().unwrap();
        let err = String::from_utf8(ended.stderr).unwrap();
        if args.contains(&"--json") {
            schema::check(args, &ended.stdout, &err);
        }
        let code = ended.status.code().unwrap_or_else(|| panic!("{args:?} was killed: {err}"));
        Output { code, out: ended.stdout, err }
    }

    /// Runs the command, which must end well, and gives what it printed.
    pub fn done(&self, line: &str) -> String {
        let run = self.run(line);
        assert_eq!(run.code, 0, "{line}: {}", run.err);
        run.text()
    }

    /// Runs the command with `--json`, which must end well, and gives its objects.
    pub fn json(&self, line: &str) -> Vec<Value> {
        objects(&self.done(&format!("{line} --json")))
    }

    /// Puts files, and gives the versions in order.
    pub fn put(&self, line: &str) -> Vec<String> {
        self.done(&format!("put {line}")).lines().map(str::to_owned).collect()
    }
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    /// Checks that the run failed so, with nothing but words on stderr; gives them.
    pub fn failed(self, code: i32, told: &str) -> String {
        assert_eq!(self.code, code, "{}", self.err);
        assert!(self.err.contains(told), "{told} is not in: {}", self.err);
        assert_eq!(self.text(), "");
        self.err
    }

    /// Checks that the run failed so under `--json`, with one object on stderr.
    pub fn failed_as_json(&self, code: i32, kind: &str) {
        let errors = objects(&self.err);
        let [error] = errors.as_slice() else { panic!("not one object: {}", self.err) };
        assert_eq!(self.code, code, "{error}");
        let told = &error["error"];
        assert_eq!((told["code"].as_i64(), told["kind"].as_str()), (Some(code.into()), Some(kind)));
        assert!(told["message"].as_str().is_some_and(|message| !message.is_empty()));
        assert_eq!(self.text(), "");
    }
}

/// The objects on the lines of a text, each of the present form.
pub fn objects(text: &str) -> Vec<Value> {
    let object = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| {
            panic!("not JSON: {error}: {line}");
        });
        assert_eq!(value["schema"], 1, "{line}");
        value
    };
    text.lines().map(object).collect()
}

/// Checks that each member that scripts may lean on is there, with the type of its example.
pub fn check_members(object: &Value, example: Value) {
    for (name, kind) in example.as_object().unwrap() {
        let found = &object[name];
        let fits = match kind {
            Value::Array(_) => found.is_array(),
            Value::Bool(_) => found.is_boolean(),
            Value::Number(_) => found.is_u64(),
            Value::Object(_) => found.is_object(),
            Value::String(_) => found.is_string(),
            // Told to be null, or a text.
            Value::Null => object.get(name).is_some() && (found.is_null() || found.is_string()),
        };
        assert!(fits, "{name} in {object}");
    }
}
