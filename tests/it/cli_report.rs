//! `report`, as scripts see it.

use serde_json::json;

use crate::support::shell::{Shell, check_members};

fn store() -> Shell {
    let shell = Shell::new();
    shell.file("feed.json", r#"{"kettle": 24.5}"#);
    shell.put("feed.json --version monday --context shop.example/prices");
    shell
}

#[test]
fn a_report_is_one_file_and_is_told_of() {
    let shell = store();
    let run = shell.run("report latest -o page.html");
    assert_eq!((run.code, run.text().as_str()), (0, ""), "{}", run.err);
    assert!(run.err.starts_with("page.html ("), "{}", run.err);
    let page = String::from_utf8(shell.read("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("kettle"), "{page}");
    let told = &shell.json("report monday -o other.html")[0];
    check_members(told, json!({"path": "", "bytes": 1, "versions": []}));
    assert_eq!(told["versions"], json!(["monday"]));
    assert_eq!(told["bytes"], shell.read("other.html").len());
}

#[test]
fn a_report_goes_to_stdout_where_that_is_said() {
    let shell = store();
    let page = shell.done("report latest -o - --pictures 1k");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    shell.run("report latest -o - --json").failed_as_json(2, "usage");
}

#[test]
fn nothing_is_written_over_unless_that_is_meant() {
    let shell = store();
    shell.file("page.html", "mine");
    shell.run("report latest -o page.html").failed(15, "page.html exists already");
    shell.run("report latest -o page.html --json").failed_as_json(15, "store_exists");
    assert_eq!(shell.read("page.html"), b"mine");
    shell.done("report latest -o page.html --force");
    assert!(shell.read("page.html").starts_with(b"<!DOCTYPE html>"));
    let before = shell.read("tintype.db");
    shell.run("report latest -o tintype.db --force").failed(2, "it is the store");
    shell.run("report latest -o . --force").failed(2, "no file");
    assert_eq!(shell.read("tintype.db"), before);
}

#[test]
fn what_can_not_be_reported_has_its_exit_code() {
    let shell = store();
    shell.run("report tuesday -o page.html").failed(14, "there is no snapshot tuesday");
    shell.run("report tuesday -o page.html --json").failed_as_json(14, "not_found");
    shell.run("report latest").failed(2, "--output");
    shell.run("report latest -o page.html --pictures much").failed(2, "a number of bytes");
    shell.run("report latest -o page.html --pictures 99999999999999999999").failed(2, "a number");
    Shell::empty().run("report latest -o page.html").failed(10, "there is no store");
    assert!(!shell.path("page.html").exists());
}
