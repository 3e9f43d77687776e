//! `report` of two snapshots and of many, and `diff --format html`, as people and scripts use them.

use serde_json::json;

use crate::support::shell::Shell;

/// A good snapshot, another, and one of something that failed.
fn three() -> Shell {
    let shell = Shell::new();
    for (version, text) in [("a", "kettle 24.50\n"), ("b", "kettle 23.00\n"), ("c", "sold out\n")] {
        shell.file("page.txt", text);
        let info = if version == "c" { "--info incident:={\"kind\":\"failure\"}" } else { "" };
        shell.put(&format!("page.txt --version {version} --context shop.example/prices {info}"));
    }
    shell
}

fn page(shell: &Shell, name: &str) -> String {
    String::from_utf8(shell.read(name)).unwrap()
}

#[test]
fn two_versions_make_a_page_of_what_differs() {
    let shell = three();
    assert_eq!(shell.done("report a b -o two.html"), "");
    let told = page(&shell, "two.html");
    assert!(told.starts_with("<!DOCTYPE html>"));
    assert!(told.contains("<title>a → b · Tintype</title>"));
    // The same page by another name, on stdout, and of one artifact.
    let same = shell.done("diff a b --format html");
    let without_time = |page: &str| page.split("<footer").next().unwrap().to_owned();
    assert_eq!(without_time(&same), without_time(&told));
    shell.done("diff a b --format html --artifact data -o one.html");
    assert!(page(&shell, "one.html").contains("Only of"));
    let told = &shell.json("report latest b -o json.html")[0];
    assert_eq!(told["versions"], json!(["c", "b"]));
    assert_eq!(told["bytes"], json!(shell.read("json.html").len()));
    assert_eq!(told["path"], json!("json.html"));
    // Nothing is written over, unless that is wanted.
    shell.run("report a b -o two.html").failed(15, "two.html");
    shell.run("diff a b --format html -o two.html").failed(15, "two.html");
    shell.done("report a c -o two.html --force");
    assert!(page(&shell, "two.html").contains("<title>a → c"));
}

#[test]
fn the_last_good_one_is_found_and_named() {
    let shell = three();
    let told = &shell.json("report c --last-good -o good.html")[0];
    assert_eq!(told["versions"], json!(["b", "c"]));
    let error = shell.run("report a --last-good -o none.html").failed(14, "before a that is good");
    assert!(error.contains("tintype list"), "{error}");
    assert!(!shell.path("none.html").exists());
}

#[test]
fn a_context_makes_a_page_of_how_many_went() {
    let shell = three();
    shell.done("report --context shop.example/* -o many.html");
    let told = page(&shell, "many.html");
    assert!(told.contains("<dt>snapshots</dt><dd>3</dd>"), "{told}");
    assert!(told.contains("tintype report c --last-good -o difference.html"));
    let told = &shell.json("report --context none.example --since 2026-01-01 -o none.html")[0];
    assert_eq!(told["context"], "none.example");
    assert!(page(&shell, "none.html").contains("There is no snapshot here."));
}

#[test]
fn what_makes_no_sense_together_is_refused_and_nothing_is_written() {
    let shell = three();
    for (line, code, told) in [
        ("report -o x.html", 2, "--context"),
        ("report a b c -o x.html", 2, "c"),
        ("report a b --last-good -o x.html", 2, "--last-good"),
        ("report a --context shop.example -o x.html", 2, "--context"),
        ("report a --since 2026-01-01 -o x.html", 2, "--context"),
        ("report --context shop.example --last-good -o x.html", 2, "--last-good"),
        (
            "report --context shop.example --since 2026-02-01 --until 2026-01-01 -o x.html",
            2,
            "ends before",
        ),
        ("report a none -o x.html", 14, "none"),
        ("diff a b -o x.html", 2, "--format html"),
        ("diff a b --format html --artifact none -o x.html", 14, "none"),
        ("diff a b --format html --json", 2, "--json"),
        ("report a b -o no/such/folder/x.html", 1, "x.html"),
    ] {
        shell.run(line).failed(code, told);
    }
    assert!(!shell.path("x.html").exists());
}
