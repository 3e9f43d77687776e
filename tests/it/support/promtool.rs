//! Prometheus's own tool, which judges what is said in its language.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where it is: what `PROMTOOL` names, or the one on the path.
pub fn program() -> PathBuf {
    std::env::var_os("PROMTOOL").map_or_else(|| "promtool".into(), PathBuf::from)
}

/// Runs it with these arguments and this on its stdin. It must end well and have nothing to say
/// against it; what it prints is given.
pub fn promtool(args: &[&str], input: &str) -> String {
    let mut child = Command::new(program())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool: {error}; `make test` installs it"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "promtool {args:?}: {said}{printed}");
    assert_eq!(said, "", "promtool {args:?}");
    printed
}
