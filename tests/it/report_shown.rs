//! The report of a snapshot in Chromium: for the eye, for the keyboard, for a screen reader.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;
use tintype::ops::report::{self, Options};
use tintype::{ArtifactStatus, Draft, DraftArtifact, Repository, Status};

use crate::support::pictures::plain_png;
use crate::support::shown::{Shower, Shown};

fn stored(name: &str, media_type: &str, content: impl Into<Vec<u8>>) -> DraftArtifact {
    let content: Vec<u8> = content.into();
    DraftArtifact::stored(name.parse().unwrap(), media_type, content).unwrap()
}

/// A snapshot that has a bit of everything.
fn everything() -> Draft {
    let entry = |n: usize| {
        json!({
            "startedDateTime": format!("2026-03-01T12:00:00.{n:03}Z"), "time": 40.0,
            "request": {"method": "GET", "url": format!("https://shop.example/a/{n}?q={}", "x".repeat(90)),
                "headers": [{"name": "accept", "value": "*/*"}]},
            "response": {"status": if n % 7 == 3 { 500 } else { 200 },
                "content": {"size": 900 * n, "mimeType": "image/png"}, "headers": []},
            "timings": {"blocked": 5.0, "send": 1.0, "wait": 30.0, "receive": 4.0},
        })
    };
    let har = json!({"log": {"entries": (0..40).map(entry).collect::<Vec<_>>()}});
    let line = |n: usize| {
        let level = ["error", "warning", "info"][n % 3];
        json!({"time": format!("2026-03-01T12:00:00.{n:03}Z"), "kind": "console",
            "level": level,
            "text": format!("line {n} https://shop.example/{}\nsecond line", "y".repeat(120))})
        .to_string()
    };
    let facts = json!({
        "url": "https://shop.example/list", "title": "The shop", "load": "timed_out",
        "navigated_at": "2026-03-01T12:00:00Z", "http_status": 404,
        "config": {"selector": "#list .price", "redact": true}, "redacted": {"token": 1},
        "waits": [{"what": "load", "met": false, "took_ms": 3000, "why": "it did not come"}],
    });
    let html = "<!DOCTYPE html><title>T</title><h1 style='color:#ccc'>Faint</h1>\
                <a href='https://shop.example/'>a link</a><img src='x.png'>";
    let missing = |name: &str, status, why: &str| {
        DraftArtifact::missing(name.parse().unwrap(), "text/html", status, Some(why.into()))
            .unwrap()
    };
    Draft::new()
        .context("shop.example/products/list".parse().unwrap())
        .describe("the list of the shop")
        .status(Status::Partial)
        .tag("nightly")
        .unwrap()
        .info("visit", 5)
        .artifact(stored("facts.json", "application/json", facts.to_string()))
        .artifact(stored("view.png", "image/png", plain_png(1280, 800, [20, 90, 60])))
        .artifact(stored("full.png", "image/png", plain_png(1280, 2400, [20, 90, 60])))
        .artifact(stored("text.txt", "text/plain", "words ".repeat(900)))
        .artifact(stored("aria.yml", "application/yaml", "- heading \"T\" [level=1]\n"))
        .artifact(stored("page.html", "text/html", html))
        .artifact(stored("frame-1.html", "text/html", html))
        .artifact(stored(
            "console.jsonl",
            "application/x-ndjson",
            (0..30).map(line).collect::<Vec<_>>().join("\n"),
        ))
        .artifact(stored("network.har", "application/har+json", har.to_string()))
        .artifact(stored(
            "rows.json",
            "application/json",
            r#"[{"name":"a","price":1},{"name":"b","price":2}]"#,
        ))
        .artifact(stored("blob.bin", "application/octet-stream", vec![0, 1, 2, 255]))
        .artifact(missing("element.html", ArtifactStatus::Empty, "nothing matches"))
        .artifact(missing("page.pdf", ArtifactStatus::Failed, "timed out"))
        .artifact(missing("source.html", ArtifactStatus::Redacted, "a secret is in it"))
}

/// A page and a data snapshot, each with some of the same place before and after it.
fn reports() -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let repo = Repository::temporary().unwrap();
    let data = |n: usize| {
        let rows = json!({"day": n, "prices": [n, 2, 3], "note": "a\u{202e}b"});
        Draft::json(&rows).unwrap().context("shop.example/feed".parse().unwrap())
    };
    let mut paths = Vec::new();
    for (name, drafts) in [
        ("page.html", [everything(), everything(), everything()]),
        ("data.html", [data(1), data(2), data(3)]),
    ] {
        let versions: Vec<_> =
            drafts.into_iter().map(|draft| repo.create(draft).unwrap()).collect();
        let page = report::snapshot(&repo, &versions[1], &Options::default()).unwrap();
        let path = folder.path().join(name);
        report::write(&repo, &page, &path, false).unwrap();
        paths.push(path);
    }
    (folder, paths)
}

/// What is wrong with the contrast of texts, each told with its colours. What is in frames is not ours.
const CONTRAST: &str = r#"(() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a),
    b: top.b * top.a + below.b * (1 - top.a), a: 1,
  });
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a > 0) layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((it) => it / 255).map((it) =>
      it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const bad = [];
  let seen = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.getClientRects().length) continue;
    if (['SCRIPT', 'STYLE'].includes(element.tagName) || element.closest('.skip')) continue;
    seen += 1;
    const style = getComputedStyle(element);
    const below = ground(element);
    const colour = over(parse(element instanceof SVGElement ? style.fill : style.color), below);
    const [high, low] = [light(colour), light(below)].sort((x, y) => y - x);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) bad.push([texts.currentNode.data.slice(0, 40), ratio, style.color, below]);
  }
  return { seen, bad };
})()"#;

/// What is wrong with the structure: ids, headings, names, tables, landmarks.
const STRUCTURE: &str = r#"(() => {
  const bad = [];
  const ids = [...document.querySelectorAll('[id]')].map((it) => it.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => bad.push('id twice: ' + id));
  let last = 0;
  for (const heading of document.querySelectorAll('h1,h2,h3,h4,h5,h6')) {
    const level = Number(heading.tagName[1]);
    if (level > last + 1) bad.push('level skipped: ' + heading.textContent);
    last = level;
  }
  if (document.querySelectorAll('h1').length !== 1) bad.push('not one h1');
  for (const name of ['main', 'header', 'nav', 'footer'])
    if (document.querySelectorAll(name).length !== 1) bad.push('not one ' + name);
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption?.textContent) bad.push('a table without caption');
    for (const head of table.querySelectorAll('th')) if (!head.scope) bad.push('a head without scope');
    const widths = new Set([...table.rows].map((row) => row.cells.length));
    if (widths.size !== 1) bad.push('rows of different lengths');
  }
  const named = (it) => it.getAttribute('aria-label') || it.title || it.textContent.trim();
  for (const it of document.querySelectorAll('a, button, summary, iframe, [tabindex="0"]'))
    if (!named(it)) bad.push('no name: ' + it.outerHTML.slice(0, 90));
  for (const it of document.querySelectorAll('img'))
    if (!it.alt) bad.push('no text for a picture');
  for (const it of document.querySelectorAll('svg:not([aria-hidden])'))
    if (!it.querySelector('title')?.textContent || !it.querySelector('desc')) bad.push('a chart without title');
  for (const it of document.querySelectorAll('[aria-labelledby], [aria-controls], a[href]'))
    for (const id of [it.getAttribute('aria-labelledby'), it.getAttribute('aria-controls'),
      it.getAttribute('href')?.slice(1)].filter(Boolean).flatMap((ids) => ids.split(' ')))
      if (!document.getElementById(id)) bad.push('nothing has the id ' + id);
  return bad;
})()"#;

/// Checks that what is shown can be read: contrast, structure, names, and that it fits the window.
pub fn check(shown: &Shown, what: &str) {
    let found = shown.value(CONTRAST);
    assert!(found["seen"].as_u64().unwrap() > 40, "{what}: {found}");
    assert_eq!(found["bad"], json!([]), "{what}");
    assert_eq!(shown.value(STRUCTURE), json!([]), "{what}");
    let wide = shown.value("[document.documentElement.scrollWidth, innerWidth]");
    assert!(
        wide[0].as_f64() <= wide[1].as_f64(),
        "{what}: it is {} wide, the window {}",
        wide[0],
        wide[1]
    );
}

#[test]
fn it_can_be_read_in_each_width_and_scheme_and_by_a_screen_reader() {
    let (_folder, paths) = reports();
    let shower = Shower::start();
    for path in paths {
        let shown = shower.open(&path);
        shown.value("document.querySelectorAll('details').forEach((it) => { it.open = true })");
        for scheme in ["light", "dark"] {
            for width in [360, 820, 1440] {
                shown.look(width, scheme);
                let what = format!("{} {scheme} {width}", path.display());
                check(&shown, &what);
                // Each tab in turn.
                let tabs = shown.value("document.querySelectorAll('[role=tab]').length").as_u64();
                for tab in 0..tabs.unwrap() {
                    shown.value(&format!("document.querySelectorAll('[role=tab]')[{tab}].click()"));
                    check(&shown, &format!("{what}, tab {tab}"));
                }
            }
        }
        // The tree that Chromium gives to who can't see.
        let shot = shown.captured();
        let tree = shot.text("aria.yml");
        for role in ["img", "button", "link", "iframe", "checkbox", "tab", "tabpanel", "table"] {
            for line in tree.lines().map(|line| line.trim_start().trim_start_matches("- ")) {
                let nameless = line == role || line.starts_with(&format!("{role}:"));
                assert!(!nameless || role == "iframe", "{role} without a name: {line}\n{tree}");
            }
        }
        for wanted in
            ["- banner", "- navigation \"Sections\"", "- main", "- contentinfo", "heading"]
        {
            assert!(tree.contains(wanted), "{wanted}: {tree}");
        }
    }
}

#[test]
fn the_checks_see_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.html");
    std::fs::write(
        &path,
        "<body style='background:#fff'><h1>A</h1><h3 id=a style='color:#bbb'>B</h3><p id=a>text</p>\
         <img src='data:,'><button></button><table><tr><th>x</table><svg></svg><a href='#gone'>y</a>",
    )
    .unwrap();
    let shown = Shower::start().open(&path);
    let contrast = shown.value(CONTRAST);
    assert_eq!(contrast["bad"][0][0], "B", "{contrast}");
    let structure = shown.value(STRUCTURE).to_string();
    for wanted in [
        "id twice",
        "level skipped",
        "not one main",
        "without caption",
        "without scope",
        "no name",
        "no text for a picture",
        "without title",
        "nothing has the id gone",
    ] {
        assert!(structure.contains(wanted), "{wanted}: {structure}");
    }
}

#[test]
fn tabs_are_moved_with_arrow_keys_and_rows_chosen_by_kind() {
    let (_folder, paths) = reports();
    let shower = Shower::start();
    let shown = shower.open(&paths[0]);
    shown.look(1440, "light");
    let chosen = || {
        shown.value("[document.activeElement.textContent, document.querySelectorAll('#read-1:not([hidden]), #read-2:not([hidden])').length]")
    };
    shown.value("document.querySelector('#read-1-tab').focus()");
    assert_eq!(chosen(), json!(["Text", 1]));
    shown.tab.press_key("ArrowRight").unwrap();
    assert_eq!(chosen(), json!(["Accessibility tree", 1]));
    shown.tab.press_key("Home").unwrap();
    shown.tab.press_key("ArrowLeft").unwrap();
    assert_eq!(chosen()[0], "Frames");
    assert_eq!(shown.value("document.activeElement.getAttribute('aria-selected')"), "true");
    let rows = || {
        shown.value("[...document.querySelectorAll('#timeline tbody tr')].filter((it) => !it.hidden).length")
    };
    assert_eq!(rows(), 70);
    shown.value("document.querySelector('#timeline input[value=fine]').click()");
    assert_eq!(rows(), 6 + 20);
    shown.value("document.querySelector('#timeline input[value=console]').click()");
    assert_eq!(rows(), 6);
    // The first that the keyboard comes to leads past the head of the page.
    let shown = shower.open(&paths[1]);
    shown.tab.press_key("Tab").unwrap();
    assert_eq!(shown.value("document.activeElement.className"), "skip");
}

#[test]
fn on_paper_all_is_open_and_without_a_script_all_is_there() {
    let (folder, paths) = reports();
    let shower = Shower::start();
    let shown = shower.open(&paths[0]);
    shown.value("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(shown.value("document.querySelectorAll('details:not([open])').length"), 0);
    let pdf = shown.tab.print_to_pdf(None).unwrap();
    assert!(pdf.starts_with(b"%PDF"));
    shown.value("dispatchEvent(new Event('afterprint'))");
    assert_ne!(shown.value("document.querySelectorAll('details:not([open])').length"), 0);
    // Without the script nothing is hidden but what needs it.
    let page = std::fs::read_to_string(&paths[0]).unwrap();
    let still = folder.path().join("still.html");
    std::fs::write(&still, &page[..page.find("<script>").unwrap()]).unwrap();
    let shown = shower.open(&still);
    assert_eq!(
        shown
            .value("document.querySelectorAll('.tab[hidden], tr[hidden], section[hidden]').length"),
        0
    );
    let hidden = shown.value(
        "[...new Set([...document.querySelectorAll('[hidden]')].map((it) => it.tagName))].sort()",
    );
    assert_eq!(hidden, json!(["BUTTON", "FIELDSET"]));
}
