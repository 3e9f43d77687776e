//! Folders that were made to do harm.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use serde_json::json;
use tintype::ops::legacy::files::{Tree, Unread};
use tintype::ops::legacy::{self, Options, Outcome, Report};
use tintype::ops::verify::{self, Depth};
use tintype::{Query, Repository};

use crate::support::old::{Old, dom, page, png};

const SECRET: &str = "<html>the secret</html>";

fn apply(repo: &Repository, plan: legacy::Plan) -> Report {
    legacy::apply(repo, plan, &Options::default(), &mut |_| {}).unwrap()
}

fn import(old: &Old) -> (Repository, Report) {
    let repo = Repository::temporary().unwrap();
    let plan = legacy::plan(&repo, old.path("in"), &mut |_| {}).unwrap();
    let report = apply(&repo, plan);
    (repo, report)
}

/// Nothing of the store is the secret, and nothing was written beside it.
fn no_secret(repo: &Repository) {
    for snapshot in repo.find(&Query::all().limit(10_000)).unwrap() {
        for artifact in &snapshot.artifacts {
            if artifact.hash.is_some() {
                let content = repo.content(&snapshot.version, artifact.name.as_str()).unwrap();
                assert!(!content.windows(10).any(|part| part == b"the secret"), "{snapshot:?}");
            }
        }
    }
    assert!(verify::verify(repo, Depth::Data, &mut |_| {}).unwrap().ok);
}

/// Names that try to lead out of the folder.
fn names(outside: &str) -> Vec<String> {
    let ups = [
        "..",
        "../",
        "..\\",
        "....//",
        "..;/",
        ".. /",
        "..\u{0}/",
        "%2e%2e/",
        "..%2f",
        "..%5c",
        "\u{ff0e}\u{ff0e}/",
        "..\u{2215}",
        ".../",
        "./../",
        "a/../../",
        "a\\..\\..\\",
        "../..//",
        "//../",
        "\\..\\",
        "...\\",
        "html/../../",
        "html\\..\\..\\",
        "..//..//",
        "./.././../",
    ];
    let mut names: Vec<String> = Vec::new();
    for up in ups {
        names.push(format!("{up}secret.html"));
        names.push(format!("{up}{up}secret.html"));
    }
    for root in ["", "file://", "file:", "C:", "c:\\", "\\\\?\\", "\\\\host\\share", "//host/share"]
    {
        names.push(format!("{root}{outside}/secret.html"));
        names.push(format!("{root}{}", outside.replace('/', "\\")));
    }
    names.extend(
        [
            "/etc/passwd",
            "\\etc\\passwd",
            "~/secret.html",
            "$HOME/secret.html",
            "/proc/self/environ",
            "/dev/zero",
            "/dev/stdin",
            "CON",
            "NUL",
            "aux.html",
            "C:\\Windows\\win.ini",
            "..",
            ".",
            "",
            "/",
            "\\",
            "secret.html\u{0}.html",
            "\u{202e}lmth.terces/..",
            "link/secret.html",
            "linked.html",
            "html/link/secret.html",
            "//?/C:/secret.html",
        ]
        .map(str::to_owned),
    );
    names.push("../".repeat(5_000) + "secret.html");
    names
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let old = Old::new();
    old.file("secret.html", SECRET);
    let outside = old.root().canonicalize().unwrap().to_str().unwrap().to_owned();
    let names = names(&outside);
    assert!(names.len() >= 80, "{}", names.len());
    for (at, name) in names.iter().enumerate() {
        let mut document = dom(1_769_683_000 + at as u64, &page(1), Some(name), Some((name, 3)));
        document["content"] = json!(null);
        old.json(&format!("in/doc_{at}.json"), &document);
    }
    symlink(old.root(), old.path("in/link")).unwrap();
    symlink(old.path("secret.html"), old.path("in/linked.html")).unwrap();
    let (repo, report) = import(&old);
    assert_eq!(report.snapshots.imported, names.len() as u64);
    for snapshot in repo.find(&Query::all().limit(1_000)).unwrap() {
        let html = snapshot.artifact("page.html").unwrap();
        assert!(html.hash.is_none() && html.reason.is_some(), "{snapshot:?}");
    }
    no_secret(&repo);
    let mut above: Vec<_> =
        fs::read_dir(old.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    above.sort();
    assert_eq!(above, ["in", "secret.html"]);
}

#[test]
fn links_and_what_is_no_file_are_named_and_not_followed() {
    let old = Old::new();
    old.file("secret.html", SECRET);
    old.file("in/page.html", page(1));
    symlink("../secret.html", old.path("in/a.html")).unwrap();
    symlink("..", old.path("in/up")).unwrap();
    symlink(".", old.path("in/round")).unwrap();
    symlink("nowhere", old.path("in/dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(old.path("in/socket")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(old.path("in/pipe")).status().unwrap();
    assert!(made.success());
    let (repo, report) = import(&old);
    assert_eq!(report.files.scanned, 1);
    let asides: Vec<(&str, bool)> =
        report.asides().iter().map(|aside| (aside.path.as_str(), aside.is_link)).collect();
    let expected = [
        ("a.html", true),
        ("dangling", true),
        ("pipe", false),
        ("round", true),
        ("socket", false),
        ("up", true),
    ];
    assert_eq!(asides, expected);
    assert!(!report.is_whole());
    no_secret(&repo);
}

#[test]
fn a_link_that_comes_later_is_not_followed_either() {
    let old = Old::new();
    old.file("secret.html", SECRET);
    for folder in ["first", "second"] {
        old.file(&format!("in/{folder}/page.html"), SECRET.to_uppercase());
        old.file(&format!("away/{folder}/page.html"), SECRET);
    }
    let repo = Repository::temporary().unwrap();
    let plan = legacy::plan(&repo, old.path("in"), &mut |_| {}).unwrap();
    // The file becomes a link, and the folder of another does.
    fs::remove_file(old.path("in/first/page.html")).unwrap();
    symlink(old.path("secret.html"), old.path("in/first/page.html")).unwrap();
    fs::rename(old.path("in/second"), old.path("gone")).unwrap();
    symlink(old.path("away/second"), old.path("in/second")).unwrap();
    let report = apply(&repo, plan);
    assert_eq!((report.files.scanned, report.files.failed), (2, 2));
    no_secret(&repo);
}

#[test]
fn what_changes_meanwhile_is_named_and_the_rest_is_imported() {
    let old = Old::new();
    for at in 0..6 {
        old.flat("in/", 1_769_683_000 + at, &page(at), &png(at));
    }
    let repo = Repository::temporary().unwrap();
    let plan = legacy::plan(&repo, old.path("in"), &mut |_| {}).unwrap();
    let file = |at: u64| old.path(&format!("in/html/shop_{}.html", 1_769_683_000 + at));
    fs::write(file(0), "longer or shorter").unwrap();
    fs::remove_file(file(1)).unwrap();
    fs::remove_file(file(2)).unwrap();
    fs::create_dir(file(2)).unwrap();
    // The same size, written later.
    let later =
        fs::metadata(file(3)).unwrap().modified().unwrap() + std::time::Duration::from_secs(9);
    File::options().write(true).open(file(3)).unwrap().set_modified(later).unwrap();
    fs::remove_file(old.path("in/shop_1769683004.json")).unwrap();
    let report = apply(&repo, plan);
    let failed: Vec<String> = report
        .items()
        .filter(|item| item.outcome == Outcome::Failed)
        .map(|item| format!("{}: {}", item.path, item.reason.unwrap()))
        .collect();
    assert_eq!(failed.len(), 5, "{failed:#?}");
    assert!(failed.iter().any(|line| line.contains("another size")), "{failed:#?}");
    assert!(failed.iter().any(|line| line.contains("written to")), "{failed:#?}");
    assert_eq!(report.files.scanned, 18);
    assert_eq!(report.files.imported, 13);
    // The page and the picture of the document that went away come by themselves.
    assert_eq!(report.kinds[&("orphan", "page".to_owned())].imported, 1);
    let again = {
        let plan = legacy::plan(&repo, old.path("in"), &mut |_| {}).unwrap();
        apply(&repo, plan)
    };
    assert_eq!(again.files.failed, 0);
}

#[test]
fn what_is_a_million_deep_does_no_harm() {
    let old = Old::new();
    let deep = 1_000_000;
    old.file("in/lists.json", "[".repeat(deep) + &"]".repeat(deep));
    old.file("in/objects.json", "{\"a\":".repeat(deep) + "1" + &"}".repeat(deep));
    old.file("in/open.json", "{\"a\":".repeat(deep));
    let document = serde_json::to_string(&dom(1_769_683_048, &page(1), None, None)).unwrap();
    let lists = "[".repeat(deep) + &"]".repeat(deep);
    let document =
        document.replace("\"selector_results\":{}", &format!("\"selector_results\":{lists}"));
    old.file("in/shop_1769683048.json", document);
    old.file("in/bundle/metadata.json", format!("{{\"context\":{lists},\"timestamp\":1,\"artifacts\":{lists},\"content_hash\":\"x\",\"bundle_path\":{lists}}}"));
    old.file("in/registry.json", format!("{{\"snapshots\":{{\"v\":{lists}}}}}"));
    let (repo, report) = import(&old);
    assert_eq!(report.files.failed, 0);
    assert!(report.files.imported >= 1);
    assert!(legacy::verify(&repo, Some(&old.path("in")), &mut |_| {}).unwrap().ok);
    assert!(legacy::verify(&repo, None, &mut |_| {}).unwrap().ok);
    no_secret(&repo);
}

#[test]
fn a_folder_ten_thousand_deep_does_no_harm() {
    let old = Old::new();
    old.file("in/page.html", page(1));
    let (deep, spare) = (old.path("in/d"), old.path("spare"));
    fs::create_dir(&deep).unwrap();
    // From its end to its beginning: no path of the whole is short enough to be named.
    for _ in 1..10_000 {
        fs::create_dir(&spare).unwrap();
        fs::rename(&deep, spare.join("d")).unwrap();
        fs::rename(&spare, &deep).unwrap();
    }
    let (_, report) = import(&old);
    assert_eq!(report.files.imported, 1);
    let [aside] = report.asides() else { panic!("{:?}", report.asides().len()) };
    assert!(aside.why.contains("longer than 4000 bytes"), "{aside:?}");
    while fs::rename(deep.join("d"), &spare).is_ok() {
        fs::remove_dir(&deep).unwrap();
        fs::rename(&spare, &deep).unwrap();
    }
}

#[test]
fn a_large_file_is_streamed_and_not_held() {
    let old = Old::new();
    old.file("in/page.html", page(1));
    let bytes = 96 * 1024 * 1024;
    File::create(old.path("in/hole.bin")).unwrap().set_len(bytes).unwrap();
    let (repo, report) = import(&old);
    assert_eq!((report.files.imported, report.files.kept_as_bytes), (1, 1));
    let item = report.items().find(|item| item.path == "hole.bin").unwrap();
    let snapshot = repo.get(item.version.as_ref().unwrap()).unwrap();
    assert_eq!(snapshot.artifacts[0].bytes, bytes);
    assert!(snapshot.artifacts[0].pieces > 0);
    assert!(legacy::verify(&repo, Some(&old.path("in")), &mut |_| {}).unwrap().ok);
}

#[test]
fn two_gibibytes_are_looked_at_without_being_held() {
    let old = Old::new();
    let bytes = 2 * 1024 * 1024 * 1024;
    old.file("in/page.json", "");
    File::create(old.path("in/page.json")).unwrap().set_len(bytes).unwrap();
    let tree = Tree::walk(&old.path("in"), &[], &mut |_| {}).unwrap();
    let file = tree.find(tree.top(), "page.json").unwrap();
    assert_eq!(tree.read(file, 1_000), Err(Unread::TooLarge { bytes, limit: 1_000 }));
    assert_eq!(tree.head(file, 10).unwrap(), [0; 10]);
    let mut told = 0;
    let scan = legacy::scan(old.path("in"), &[], &mut |_| told += 1, &mut |_| {}).unwrap();
    assert_eq!((scan.files, scan.bytes, told), (1, bytes, 1));
}

#[test]
fn names_that_are_no_text_are_kept_apart() {
    use std::os::unix::ffi::OsStrExt;
    let old = Old::new();
    fs::create_dir(old.path("in")).unwrap();
    for (at, name) in
        [&b"a\xff"[..], b"a\xfe", b"a\nb", b"\x1b[31m", b"-rf", b" "].iter().enumerate()
    {
        let path = old.path("in").join(std::ffi::OsStr::from_bytes(name));
        fs::write(path, format!("content {at}")).unwrap();
    }
    let (repo, report) = import(&old);
    assert_eq!((report.files.kept_as_bytes, report.files.scanned), (6, 6));
    assert_eq!(repo.versions().unwrap().len(), 6);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_it() {
    let repo = Repository::temporary().unwrap();
    let old = Old::new();
    old.file("file", "x");
    for name in ["nowhere", "file"] {
        let error = legacy::plan(&repo, old.path(name), &mut |_| {}).err().unwrap();
        assert!(error.to_string().contains(name), "{error}");
    }
}
