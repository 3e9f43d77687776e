//! This test binary once more, as a process of its own that can be killed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The variable that tells a process what it is to do.
const ORDERS: &str = "TINTYPE_TEST_ORDERS";

/// A command that runs the test of this name alone, with these orders.
pub fn worker(test: &str, orders: &Value) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ORDERS, orders.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// What this process is to do; nothing where it is the one that runs all tests.
pub fn orders() -> Option<Value> {
    Some(std::env::var(ORDERS).ok()?.parse().unwrap())
}

/// Kills a process and what it has started, if it was made the first of a group.
pub fn kill(child: &mut Child) {
    let group = format!("-{}", child.id());
    let killed = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
    killed.unwrap();
    // One that is not the first of a group.
    let _ = child.kill();
    child.wait().unwrap();
}

/// Lines that a process leaves behind however it ends.
pub struct Diary(File);

impl Diary {
    pub fn open(path: &Path) -> Self {
        Diary(OpenOptions::new().create(true).append(true).open(path).unwrap())
    }

    pub fn note(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// The whole lines of a diary that was kept so far.
pub fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| line.trim_end().to_owned()).collect()
}
