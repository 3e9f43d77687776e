//! Two snapshots as a page to look at: what is told new, gone and changed is that; nothing is told
//! twice, hidden by damage, or run.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use tintype::format::document::{Document, HTML_BYTES_MAX, NODES_MAX, Query as Css};
use tintype::format::hunks::{Stretch, lines, markup, stretches};
use tintype::ops::last_match::last_match;
use tintype::ops::report::{Options, difference};
use tintype::{ArtifactStatus, Draft, DraftArtifact, Repository, Status};

use crate::support::values::{context, version};

fn artifact(name: &str, media_type: &str, content: impl AsRef<[u8]>) -> DraftArtifact {
    DraftArtifact::stored(name.parse().unwrap(), media_type, content.as_ref()).unwrap()
}

fn draft(version: &str, artifacts: impl IntoIterator<Item = DraftArtifact>) -> Draft {
    let draft =
        Draft::new().context(context("shop.example/prices")).version(version.parse().unwrap());
    artifacts.into_iter().fold(draft, Draft::artifact)
}

fn html(content: &str) -> DraftArtifact {
    artifact("page.html", "text/html", content)
}

fn png(width: u32, height: u32, boxes: &[(u32, u32, u32, u32)]) -> Vec<u8> {
    let mut image = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    for (left, top, wide, tall) in boxes {
        for y in *top..top + tall {
            (*left..left + wide).for_each(|x| image.put_pixel(x, y, Rgb([20, 90, 160])));
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn har(entries: &[(&str, i64)]) -> DraftArtifact {
    let entries = entries.iter().map(|(url, status)| {
        json!({
            "startedDateTime": "2026-01-26T06:00:00Z", "time": 12,
            "request": {"method": "GET", "url": url, "headers": []},
            "response": {"status": status, "headers": [],
                         "content": {"size": 100, "mimeType": "text/html"}},
        })
    });
    let har = json!({"log": {"version": "1.2", "entries": entries.collect::<Vec<_>>()}});
    artifact("network.har", "application/har+json", har.to_string())
}

fn console(lines: &[(&str, &str)]) -> DraftArtifact {
    let lines = lines.iter().map(|(level, text)| {
        json!({"time": "2026-01-26T06:00:00Z", "kind": "console", "level": level, "text": text})
            .to_string()
            + "\n"
    });
    artifact("console.jsonl", "application/x-ndjson", lines.collect::<String>())
}

/// A store with two snapshots, `a` and `b`.
fn two(
    before: impl IntoIterator<Item = DraftArtifact>,
    after: impl IntoIterator<Item = DraftArtifact>,
) -> Repository {
    let repo = Repository::temporary().unwrap();
    repo.create(draft("a", before)).unwrap();
    repo.create(draft("b", after)).unwrap();
    repo
}

fn page_of(repo: &Repository) -> String {
    difference(repo, &version("a"), &version("b"), None, &Options::default()).unwrap()
}

/// The texts of all that a selector finds in a page, which is taken apart as a browser does it.
fn texts(page: &str, selector: &str) -> Vec<String> {
    let document = Document::parse(page).unwrap();
    let found = document.find_all(&Css::parse(selector).unwrap(), 1_000);
    found.into_iter().map(|element| element.portrait.text).collect()
}

fn count(page: &str, selector: &str) -> usize {
    let document = Document::parse(page).unwrap();
    document.find(&Css::parse(selector).unwrap()).map_or(0, |found| found.count)
}

#[test]
fn what_is_new_gone_and_changed_is_told_and_another_order_is_no_change() {
    let repo = two(
        [
            html("<p>Kettle</p><p>24.50 EUR</p><p>In stock</p>"),
            console(&[("log", "ready"), ("warning", "slow"), ("log", "tick"), ("log", "tick")]),
            har(&[
                ("https://a.example/", 200),
                ("https://a.example/x.js", 200),
                ("https://a.example/old", 200),
            ]),
            artifact("data.json", "application/json", r#"{"kettle":24.5,"pot":9,"pans":[1,2]}"#),
        ],
        [
            html("<p>Kettle</p><p>22.00 EUR</p><p>In stock</p>"),
            console(&[("log", "tick"), ("error", "no price"), ("log", "ready")]),
            har(&[
                ("https://a.example/new", 404),
                ("https://a.example/x.js", 500),
                ("https://a.example/", 200),
            ]),
            artifact("data.json", "application/json", r#"{"kettle":22.0,"lid":3,"pans":[1,2]}"#),
        ],
    );
    let page = page_of(&repo);
    let rows = |section: &str| texts(&page, &format!("#{section} tbody tr"));
    let mut asked = rows("requests");
    asked.sort();
    assert_eq!(
        asked,
        [
            "GET https://a.example/new new – 404, text/html, 100 B",
            "GET https://a.example/old gone 200, text/html, 100 B –",
            "GET https://a.example/x.js changed 200, text/html, 100 B 500, text/html, 100 B",
        ]
    );
    let said = rows("console");
    assert_eq!(said.len(), 3, "{said:?}");
    for wanted in ["no price new error 0× 1×", "slow gone warning 1× 0×", "tick changed log 2× 1×"]
    {
        assert!(said.iter().any(|row| row == wanted), "{wanted}: {said:?}");
    }
    let values = rows("data");
    for wanted in ["/kettle changed 24.5 22.0", "/pot gone 9 –", "/lid new – 3"] {
        assert!(values.iter().any(|row| row == wanted), "{wanted}: {values:?}");
    }
    assert_eq!(values.len(), 3, "{values:?}");
    // Of the page's text the line that changed, with the words that did.
    assert_eq!(texts(&page, "#texts del"), ["<p> 24 . 50 EUR"]);
    assert_eq!(texts(&page, "#texts ins"), ["<p> 22 . 00 EUR"]);
    assert_eq!(texts(&page, "#texts del b, #texts ins b"), ["24", "50", "22", "00"]);
    let same = texts(&page, "#texts .l");
    assert!(same.contains(&"<p>Kettle".to_owned()), "{same:?}");
}

#[test]
fn two_of_the_same_are_told_to_be_that() {
    let all = || {
        [
            html("<p>Kettle"),
            artifact("view.png", "image/png", png(40, 30, &[(1, 1, 3, 3)])),
            console(&[("log", "ready"), ("log", "steady")]),
        ]
    };
    let repo = two(all(), all());
    let page = page_of(&repo);
    assert_eq!(texts(&page, "#summary .notice"), ["No content differs."]);
    assert_eq!(count(&page, "ins, del, .differs"), 0);
    assert_eq!(count(&page, "#pictures img"), 1);
    // The same messages in another order.
    let other = || console(&[("log", "steady"), ("log", "ready")]);
    let page = page_of(&two([console(&[("log", "ready"), ("log", "steady")])], [other()]));
    assert_eq!(count(&page, "#console tbody tr"), 0);
    assert!(page.contains("the same 2 messages"), "{}", texts(&page, "#console")[0]);
}

#[test]
fn what_only_one_side_has_is_shown_with_the_reason_why_the_other_has_none() {
    let why = Some("the page crashed".to_owned());
    let none = DraftArtifact::missing(
        "view.png".parse().unwrap(),
        "image/png",
        ArtifactStatus::Failed,
        why,
    );
    let repo =
        two([artifact("view.png", "image/png", png(40, 30, &[]))], [none.unwrap(), html("x")]);
    let page = page_of(&repo);
    assert_eq!(count(&page, "#pictures img"), 1);
    let rows = texts(&page, "#artifacts tbody tr");
    assert!(
        rows.iter().any(|row| row.starts_with("view.png gone") && row.contains("the page crashed")),
        "{rows:?}"
    );
    assert!(rows.iter().any(|row| row.starts_with("page.html new")), "{rows:?}");
}

#[test]
fn damage_to_one_artifact_is_told_by_name_and_hides_nothing_else() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("damaged.db");
    let secret = "kettle 24.50 eur";
    {
        let repo = Repository::init(&path).unwrap();
        let data = |text: &str| artifact("text.txt", "text/plain", text);
        repo.create(draft("a", [data(secret), html("<p>one")])).unwrap();
        repo.create(draft("b", [data("kettle 22.00 eur!"), html("<p>two")])).unwrap();
    }
    let mut bytes = std::fs::read(&path).unwrap();
    let mut flipped = 0;
    for at in 0..bytes.len() - secret.len() {
        if bytes[at..].starts_with(secret.as_bytes()) {
            bytes[at] = b'K';
            flipped += 1;
        }
    }
    assert!(flipped > 0);
    std::fs::write(&path, bytes).unwrap();
    let page = page_of(&Repository::open(&path).unwrap());
    let damaged = texts(&page, "#artifacts tr.bad");
    let [row] = &damaged[..] else { panic!("{damaged:?}") };
    assert!(row.starts_with("text.txt changed") && row.contains("damaged"), "{row}");
    assert_eq!(texts(&page, "#texts ins"), ["<p> two"]);
    assert!(texts(&page, "#summary .glance")[0].contains("1 damaged"));
}

#[test]
fn a_version_or_an_artifact_that_is_not_there_is_named() {
    let repo = two([html("a")], [html("b"), artifact("text.txt", "text/plain", "b")]);
    let ask = |before: &str, after: &str, name: Option<&str>| {
        let name = name.map(|name| name.parse().unwrap());
        difference(&repo, &version(before), &version(after), name.as_ref(), &Options::default())
    };
    assert_eq!(ask("a", "none", None).unwrap_err().to_string(), "there is no snapshot none");
    let error = ask("a", "b", Some("view.png")).unwrap_err().to_string();
    assert_eq!(error, "there is no artifact view.png in a or b");
    let page = ask("a", "b", Some("page.html")).unwrap();
    assert_eq!(texts(&page, "#artifacts tbody tr th"), ["page.html"]);
}

// The selector

/// A snapshot of an incident: a selector found nothing.
fn failure(version: &str, selector: &str, page: &str) -> Draft {
    let incident = json!({"kind": "selector_failure", "selector": selector});
    draft(version, [html(page)]).info("incident", incident).status(Status::Partial)
}

const GOOD: &str = "<main><h1>Kettle</h1><div class=offer><span class=price id=p>24.50 EUR</span> \
                    <b>In stock</b></div></main>";
const BROKEN: &str = "<main><h1>Kettle</h1><div class=offer><em class=amount>22.00 EUR</em> \
                      <b>In stock</b></div></main>";

#[test]
fn a_selector_is_told_where_it_matched_last_what_it_found_and_what_stands_there_now() {
    let repo = Repository::temporary().unwrap();
    repo.create(draft("first", [html(GOOD)])).unwrap();
    repo.create(draft("a", [html(&GOOD.replace("24.50", "23.00"))])).unwrap();
    repo.create(draft("between", [html("<p>Back soon")])).unwrap();
    let elsewhere = Draft::new().context(context("other.example/prices")).artifact(html(GOOD));
    repo.create(elsewhere).unwrap();
    repo.create(failure("b", ".offer .price", BROKEN)).unwrap();

    let told = last_match(&repo, &version("b"), ".offer .price").unwrap();
    let found = told.found.as_ref().unwrap();
    assert_eq!((found.version.as_str(), found.count, found.by_browser), ("a", 1, false));
    assert_eq!((told.looked_at, told.silent, told.limited), (2, 0, false));
    let element = found.element.as_ref().unwrap();
    assert_eq!(element.path, "html > body > main > div > span#p");
    assert!(element.html.contains("23.00 EUR"), "{}", element.html);

    let page = page_of(&repo);
    let section = "#selector";
    let told = texts(&page, &format!("{section} p")).join("\n");
    assert!(told.contains("In a , taken"), "{told}");
    assert!(told.contains("The place is gone."), "{told}");
    let blocks = texts(&page, &format!("{section} pre"));
    assert!(blocks[0].contains("23.00 EUR") && blocks[0].starts_with("<span"), "{blocks:?}");
    // What was around it, and what resembles it most.
    assert!(blocks[1].starts_with("<div class=\"offer\">"), "{blocks:?}");
    assert!(blocks[2].starts_with("<em class=\"amount\">22.00 EUR"), "{blocks:?}");
    // Where nothing failed nothing is told.
    let page = difference(&repo, &version("first"), &version("a"), None, &Options::default());
    assert_eq!(count(&page.unwrap(), section), 0);
}

#[test]
fn a_selector_that_never_matched_or_is_none_is_told_to_be_that() {
    let repo = Repository::temporary().unwrap();
    repo.create(draft("a", [html(GOOD)])).unwrap();
    repo.create(draft("data", [artifact("data.json", "application/json", "{}")])).unwrap();
    repo.create(failure("b", ".never", BROKEN)).unwrap();
    let told = last_match(&repo, &version("b"), ".never").unwrap();
    assert_eq!((told.found.is_none(), told.looked_at, told.silent), (true, 2, 1));
    assert!(texts(&page_of(&repo), "#selector p").join("\n").contains("It matched in none"));

    for selector in ["", "p:hover(", "::part(x)", ":has(a):has(b)", &"a".repeat(5_000)] {
        let told = last_match(&repo, &version("b"), selector).unwrap();
        assert!(told.refused.is_some() && told.found.is_none(), "{selector}");
    }
}

#[test]
fn a_page_beyond_the_limits_is_refused_and_named() {
    let refused = |html: &str| Document::parse(html).err().unwrap_or_default();
    assert!(refused(&"x".repeat(HTML_BYTES_MAX + 1)).contains("at most"));
    assert!(
        refused(&"<b>".repeat(3_000)).contains("nests deeper"),
        "{}",
        refused(&"<b>".repeat(3_000))
    );
    assert!(refused(&"<br>".repeat(NODES_MAX + 1_000)).contains("nodes"));
}

// Laws

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[ab]{1,2}",
        Just("<p>".to_owned()),
        Just("é".to_owned()),
        Just(" ".to_owned())
    ];
    let line = (prop::collection::vec(word, 0..5), prop_oneof![Just("\n"), Just("\r\n"), Just("")]);
    prop::collection::vec(line.prop_map(|(words, end)| words.concat() + end), 0..12)
        .prop_map(|lines| lines.concat())
}

/// What is left of a line where its marks are taken out.
fn unmarked(line: &tintype::format::hunks::Line<'_>) -> String {
    let mut left = String::new();
    let mut at = 0;
    for mark in &line.marks {
        left.push_str(&line.text[at..mark.start]);
        at = mark.end;
    }
    left + &line.text[at..]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_unchanged_is_unchanged_and_nothing_is_left_out(
        before in text(), after in text(), by_tags in any::<bool>()
    ) {
        let cut = if by_tags { markup } else { lines };
        let (old, new) = (cut(&before), cut(&after));
        prop_assert_eq!(old.concat(), before.as_str());
        prop_assert_eq!(new.concat(), after.as_str());
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let all = stretches(&old, &new);
        for stretch in &all {
            match stretch {
                Stretch::Same { before, after, lines } => {
                    prop_assert_eq!((*before, *after), (first.len(), second.len()));
                    first.extend(lines.iter().copied());
                    second.extend(lines.iter().copied());
                }
                Stretch::Changed { before, after, gone, added } => {
                    prop_assert_eq!((*before, *after), (first.len(), second.len()));
                    first.extend(gone.iter().map(|line| line.text));
                    second.extend(added.iter().map(|line| line.text));
                    // A line that is told as what became of another is the same but for the marks.
                    if let ([gone], [added]) = (&gone[..], &added[..])
                        && !(gone.marks.is_empty() && added.marks.is_empty())
                    {
                        prop_assert_eq!(unmarked(gone), unmarked(added));
                    }
                }
            }
        }
        prop_assert_eq!(first, old);
        prop_assert_eq!(second, new);
        prop_assert_eq!(before == after, !all.iter().any(|one| matches!(one, Stretch::Changed { .. })));
    }

    #[test]
    fn the_lines_of_a_page_are_both_texts_in_order(
        before in prop::collection::vec("[ab]{1,2}( [ab]{1,2}){0,3}", 1..30),
        after in prop::collection::vec("[ab]{1,2}( [ab]{1,2}){0,3}", 1..30),
    ) {
        prop_assume!(before != after);
        let text = |lines: &[String]| artifact("text.txt", "text/plain", lines.join("\n"));
        let repo = Repository::in_memory().unwrap();
        repo.create(draft("a", [text(&before)])).unwrap();
        repo.create(draft("b", [text(&after)])).unwrap();
        let page = Document::parse(&page_of(&repo)).unwrap();
        let lines = page.find_all(&Css::parse(".diff del, .diff ins, .diff .l").unwrap(), 1_000);
        let of = |tags: [&str; 2]| -> Vec<String> {
            let of_them = lines.iter().filter(|line| tags.contains(&line.portrait.name.as_str()));
            of_them.map(|line| line.portrait.text.clone()).collect()
        };
        prop_assert_eq!(of(["span", "del"]), before);
        prop_assert_eq!(of(["span", "ins"]), after);
    }

    #[test]
    fn the_path_of_an_element_finds_it_and_no_other(shape in prop::collection::vec(0usize..9, 1..40)) {
        // A tree of a few tags, some of which have the same id.
        let mut html = String::from("<body>");
        let mut open = Vec::new();
        for step in shape {
            let tag = ["div", "p", "ul", "li", "x-y", "div id=a", "span id='1 b'", "b", ""][step];
            match tag {
                "" => if let Some(tag) = open.pop() { html += &format!("</{tag}>"); },
                tag => {
                    html += &format!("<{tag}>");
                    open.push(tag.split(' ').next().unwrap().to_owned());
                }
            }
        }
        let page = Document::parse(&html).unwrap();
        for element in page.find_all(&Css::parse("*").unwrap(), 1_000) {
            let found = page.find(&Css::parse(&element.path).unwrap());
            let found = found.unwrap_or_else(|| panic!("{} finds nothing in {html}", element.path));
            prop_assert_eq!((found.count, &found.first.path), (1, &element.path));
        }
    }
}

// In a browser

#[cfg(feature = "chrome")]
mod seen {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::Value;

    use super::*;
    use crate::report_shown::check;
    use crate::support::browsers::becomes;
    use crate::support::shown::{Shower, Shown};
    use crate::support::site::Site;

    /// A page that is open in a browser of its own.
    struct Viewer {
        shown: Shown,
        _folder: TempDir,
    }

    impl Viewer {
        fn open(html: &str) -> Self {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("page.html");
            std::fs::write(&path, html).unwrap();
            let shown = Shower::start().send_to(&path);
            let is_there = || {
                let state = shown.tab.evaluate("location.protocol + document.readyState", false);
                // While it is gone to, there may be nobody to answer.
                state.is_ok_and(|state| state.value == Some("file:complete".into()))
            };
            assert!(becomes(is_there), "the page does not load");
            Viewer { shown, _folder: folder }
        }

        fn ask(&self, expression: &str) -> Value {
            self.shown.value(expression)
        }

        /// Asks until the answer is this.
        fn answers(&self, expression: &str, wanted: impl Into<Value>) {
            let wanted = wanted.into();
            let so = becomes(|| self.ask(expression) == wanted);
            assert!(so, "{expression} is {}, not {wanted}", self.ask(expression));
        }

        /// Gives the focus to what a selector finds first.
        fn focus(&self, selector: &str) {
            let it = format!("document.querySelector({})", Value::from(selector));
            let has_it = self.ask(&format!("({it}.focus(), document.activeElement === {it})"));
            assert_eq!(has_it, true, "{selector} can't have the focus");
        }

        fn press(&self, key: &str) {
            self.shown.tab.press_key(key).unwrap();
        }

        /// The rectangle of what a selector finds first: left, top, width, height.
        fn place(&self, selector: &str) -> [f64; 4] {
            let script = format!(
                "(({{x, y, width, height}}) => [x, y, width, height])\
                 (document.querySelector({}).getBoundingClientRect())",
                Value::from(selector)
            );
            let place = self.ask(&script);
            [0, 1, 2, 3]
                .map(|at| place[at].as_f64().unwrap_or_else(|| panic!("{selector}: {place}")))
        }
    }

    #[test]
    fn it_can_be_read_in_each_width_scheme_and_way_to_look_and_by_a_screen_reader() {
        let side = |version: &str, n: usize| {
            let lines: Vec<String> =
                (0..60).map(|at| format!("line {} of {at}", at * at % (7 + n))).collect();
            draft(
                version,
                [
                    artifact(
                        "view.png",
                        "image/png",
                        png(900, 500, &[(20 + 90 * n as u32, 20, 300, 200)]),
                    ),
                    artifact(
                        "full.png",
                        "image/png",
                        png(900, 1500 + 40 * n as u32, &[(5, 5, 9, 9)]),
                    ),
                    artifact("element.png", "image/png", png(60, 20, &[(n as u32, 2, 20, 9)])),
                    html(if n == 0 { GOOD } else { BROKEN }),
                    artifact("text.txt", "text/plain", lines.join("\n")),
                    artifact(
                        "aria.yml",
                        "application/yaml",
                        format!("- heading \"{n}\" [level=1]\n"),
                    ),
                    artifact("notes.txt", "text/plain", format!("{}{n}", "long".repeat(200))),
                    console(
                        &[
                            ("error", format!("no price {n}").as_str()),
                            ("warning", "slow"),
                            ("log", "y".repeat(200).as_str()),
                        ][n..],
                    ),
                    har(&[
                        ("https://shop.example/x.js", 200 + 300 * n as i64),
                        (&format!("https://shop.example/{}{n}", "z".repeat(150)), 200),
                    ]),
                    artifact(
                        "data.json",
                        "application/json",
                        json!({"price": n, "a/very/long/name/of/a/member": "v".repeat(300 + n)})
                            .to_string(),
                    ),
                    artifact(
                        "facts.json",
                        "application/json",
                        json!({"title": "The shop", "url": "https://shop.example/", "n": n})
                            .to_string(),
                    ),
                ],
            )
        };
        let repo = Repository::temporary().unwrap();
        repo.create(side("a", 0)).unwrap();
        let incident = json!({"kind": "selector_failure", "selector": ".offer .price"});
        repo.create(side("b", 1).info("incident", incident)).unwrap();
        let viewer = Viewer::open(&page_of(&repo));
        viewer.ask("document.querySelectorAll('details').forEach((it) => { it.open = true })");
        for scheme in ["light", "dark"] {
            for width in [360, 820, 1440] {
                viewer.shown.look(width, scheme);
                check(&viewer.shown, &format!("{scheme} {width}"));
            }
            for way in ["mix", "swipe", "areas"] {
                let choose = format!(
                    "document.querySelectorAll('input[value={way}]').forEach((it) => it.click())"
                );
                viewer.ask(&choose);
                check(&viewer.shown, &format!("{scheme} {way}"));
            }
            let tabs =
                viewer.ask("document.querySelectorAll('[role=tab]').length").as_u64().unwrap();
            assert_eq!(tabs, 3);
            for tab in 0..tabs {
                viewer.ask(&format!("document.querySelectorAll('[role=tab]')[{tab}].click()"));
                check(&viewer.shown, &format!("{scheme} tab {tab}"));
            }
        }
    }

    /// Two pictures of 400×300 that differ in two places.
    fn pictures() -> Repository {
        two(
            [artifact("view.png", "image/png", png(400, 300, &[(20, 20, 40, 20)]))],
            [artifact(
                "view.png",
                "image/png",
                png(400, 300, &[(20, 20, 40, 20), (200, 100, 60, 30), (350, 250, 10, 10)]),
            )],
        )
    }

    #[test]
    fn pictures_are_laid_by_keyboard_and_the_areas_stand_where_they_differ() {
        let viewer = Viewer::open(&page_of(&pictures()));
        let mode = "document.querySelector('[data-compare]').dataset.mode";
        assert_eq!(viewer.ask(mode), "side");
        // Beside each other, as wide as each other.
        let [first, second] = ["first", "second"].map(|side| viewer.place(&format!(".{side} img")));
        assert!(
            second[0] >= first[0] + first[2] && (first[1] - second[1]).abs() < 1.0,
            "{first:?} {second:?}"
        );
        // The areas, in pixels of the picture, wherever it stands.
        let check = || {
            let image = viewer.place(".second img");
            let scale = image[2] / 400.0;
            for (area, wanted) in [(1, [200.0, 100.0, 60.0, 30.0]), (2, [350.0, 250.0, 10.0, 10.0])]
            {
                let found = viewer.place(&format!("#compare-1-area-{area} rect"));
                let told = [
                    (found[0] - image[0]) / scale,
                    (found[1] - image[1]) / scale,
                    found[2] / scale,
                    found[3] / scale,
                ];
                for (told, wanted) in told.iter().zip(wanted) {
                    assert!((told - wanted).abs() < 4.0, "area {area}: {told} is not {wanted}");
                }
            }
        };
        check();
        // The arrow keys go through the ways to look.
        viewer.focus("input[value=side]");
        viewer.press("ArrowRight");
        viewer.answers(mode, "mix");
        let opacity = "getComputedStyle(document.querySelector('.second .canvas')).opacity";
        viewer.answers(opacity, "0.5");
        let [first, second] = ["first", "second"].map(|side| viewer.place(&format!(".{side} img")));
        assert_eq!(first, second);
        viewer.press("Tab");
        viewer.answers("document.activeElement.type", "range");
        viewer.press("ArrowRight");
        viewer.answers(opacity, "0.51");
        viewer.answers("document.querySelector('.slide output').textContent", "51 %");
        viewer.press("End");
        viewer.answers(opacity, "1");
        viewer.press("Home");
        viewer.answers(opacity, "0");
        viewer.focus("input[value=mix]");
        viewer.press("ArrowRight");
        viewer.answers(mode, "swipe");
        let clip = "getComputedStyle(document.querySelector('.second .canvas')).clipPath";
        viewer.answers(clip, "inset(0px 0px 0px 100%)");
        viewer.press("Tab");
        viewer.press("End");
        viewer.answers(clip, "inset(0px 0px 0px 0%)");
        viewer.focus("input[value=swipe]");
        viewer.press("ArrowRight");
        viewer.answers(mode, "areas");
        check();
        // A link of the list leads to its area.
        viewer.focus("ol.areas a");
        viewer.press("Enter");
        viewer.answers("document.querySelector(':target').id", "compare-1-area-1");
    }

    #[test]
    fn without_a_script_pictures_stand_beside_each_other_with_their_areas() {
        let page = page_of(&pictures());
        let viewer = Viewer::open(&page[..page.find("<script>").unwrap()]);
        let hidden = "getComputedStyle(document.querySelector('.ways')).display";
        assert_eq!(viewer.ask(hidden), "none");
        let [first, second] = ["first", "second"].map(|side| viewer.place(&format!(".{side} img")));
        assert!(first[2] > 100.0 && second[0] >= first[0] + first[2], "{first:?} {second:?}");
        assert!(viewer.place("#compare-1-area-1 rect")[2] > 1.0);
    }

    /// Texts that would do something, were they anything but text. `HERE` is a site that counts.
    const HOSTILE: [&str; 8] = [
        "<script>document.title='run'</script>",
        "<img src='HERE/img' onerror=\"document.title='run'\">",
        "</pre></table></div><link rel=stylesheet href='HERE/css'>",
        "\"><iframe src='HERE/frame'></iframe>",
        "' onfocus=document.title='run' autofocus='",
        "]]><svg onload=document.title='run'><use href='HERE/use'></svg>",
        "<meta http-equiv=refresh content='0;url=HERE/away'><base href='HERE/'>",
        "\u{202e}javascript:document.title='run'\u{0}<style>@import 'HERE/import'</style>",
    ];

    #[test]
    fn what_is_stored_runs_nothing_and_reaches_nobody_wherever_it_stands() {
        let reached = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&reached);
        let site = Site::serve(move |request| {
            counting.fetch_add(1, Ordering::SeqCst);
            let _ = request.respond(tiny_http::Response::from_string("found"));
        });
        let here = site.url("").trim_end_matches('/').to_owned();
        let hostile: Vec<String> = HOSTILE.iter().map(|text| text.replace("HERE", &here)).collect();
        let side = |name: &str, at: usize| {
            let text = &hostile[at];
            let said: Vec<(&str, &str)> =
                hostile.iter().skip(at).map(|it| (it.as_str(), it.as_str())).collect();
            let asked: Vec<(&str, i64)> =
                hostile.iter().skip(at).map(|it| (it.as_str(), 200)).collect();
            let value: Value =
                hostile.iter().skip(at).map(|it| (it.clone(), Value::from(it.as_str()))).collect();
            let all = [
                html(&hostile[at..].concat()),
                artifact("text.txt", "text/plain", hostile[at..].join("\n")),
                artifact("data.json", "application/json", value.to_string()),
                artifact("<b>&'.txt", "text/plain", text.clone()),
                artifact("view.png", "image/png", text.clone()),
                console(&said),
                har(&asked),
            ];
            let incident = json!({"kind": text, "selector": text, "fingerprint": text});
            draft(name, all)
                .describe(text.clone())
                .info(text.clone(), text.clone())
                .info("incident", incident)
        };
        let repo = Repository::temporary().unwrap();
        repo.create(side("a", 0)).unwrap();
        repo.create(side("b", 1)).unwrap();
        let page = page_of(&repo);
        let viewer = Viewer::open(&page);
        // It is all there to read.
        for text in ["document.title='run'", "@import"] {
            let there = format!("document.body.textContent.includes({})", json!(text));
            assert_eq!(viewer.ask(&there), true, "{text}");
        }
        assert_eq!(viewer.ask("document.title"), "a → b · Tintype");
        let own = "[...document.querySelectorAll('script, link, base, iframe, style')].map(it => it.localName)";
        assert_eq!(viewer.ask(own), json!(["style", "script"]));
        let ids = "(ids => ids.length - new Set(ids).size)([...document.querySelectorAll('[id]')].map(it => it.id))";
        assert_eq!(viewer.ask(ids), 0);
        assert_eq!(reached.load(Ordering::SeqCst), 0);
        // Without the report's care the same would have been seen.
        let careless = format!("<title>careless</title>{}", hostile[1]);
        let viewer = Viewer::open(&careless);
        viewer.answers("document.title", "run");
        assert!(reached.load(Ordering::SeqCst) > 0);
    }
}

// Sizes

#[test]
fn what_is_long_is_cut_and_how_much_is_told() {
    let many = |begin: usize| {
        (begin..begin + 12_000).map(|at| format!("line {at} of many\n")).collect::<String>()
    };
    let texts_of = |begin: usize| {
        (0..3).map(move |at| artifact(&format!("notes-{at}.txt"), "text/plain", many(begin + at)))
    };
    let repo = two(texts_of(0), texts_of(1_000_000));
    let page = page_of(&repo);
    assert!(page.len() < 8 << 20, "{}", page.len());
    assert!(page.contains("Not all of it is shown."));
    let glance = &texts(&page, "#summary .glance")[0];
    assert!(glance.contains("notes-0.txt: 12,000 lines new, 12,000 gone"), "{glance}");
    // As much of what is new as of what is gone.
    let shown = ["ins", "del"].map(|tag| count(&page, &format!("#texts {tag}")));
    assert!(shown[0] == shown[1] && shown[0] >= 2_000, "{shown:?}");
    // What is too long to be compared by line is named, in bytes and in lines.
    for (before, after) in
        [("a".repeat(9 << 20), "b".repeat(9 << 20)), ("\n".repeat(600_000), "x".into())]
    {
        let notes = |text: &str| [artifact("notes.txt", "text/plain", text), html(&text[..1])];
        let page = page_of(&two(notes(&before), notes(&after)));
        let rows = texts(&page, "#artifacts tbody tr");
        assert!(rows[1].ends_with("too long to be compared by line here"), "{rows:?}");
        assert_eq!(count(&page, "#texts ins"), 1);
    }
    // One line of a megabyte.
    let long = |c: &str| artifact("notes.txt", "text/plain", c.repeat(1 << 20));
    let page = page_of(&two([long("a")], [long("b")]));
    assert!(page.len() < 200_000, "{}", page.len());
}
