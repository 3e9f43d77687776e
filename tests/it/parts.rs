//! The parts of a page, in Chromium: frames, elements, text, tree, archives; and what is done where
//! a page resists. Pictures are in `pictures`.

use serde_json::{Value, json};
use tintype::capture::chrome::ChromePage;
use tintype::model::artifact::ArtifactStatus::{Empty, Failed, Stored};
use tintype::{PagePart, Status};

use crate::support::chromium::{
    Shot, element, launch, only, open, patient, shared, take, take_page, take_when,
};
use crate::support::pages::{Pages, READER, READER_YAML};

// Frames

const FRAMED: &str = "<!DOCTYPE html><title>Framed</title><p>outermost</p>
<iframe name=first src='/inner?1'></iframe><div id=host></div>
<iframe name=away src='OTHER/middle'></iframe><iframe srcdoc='<p>from srcdoc'></iframe>
<iframe name=boxed sandbox src='/inner?2'></iframe><script>
host.attachShadow({ mode: 'closed' }).innerHTML = '<iframe name=shaded src=\"/inner?3\"></iframe>';
</script>";
const MIDDLE: &str = "<!DOCTYPE html><p>middle</p><iframe name=back src='OTHER/inner?4'></iframe>
<iframe name=near src='/inner?5'></iframe>";
const INNER: &str = "<!DOCTYPE html><p>inner</p><script>
document.body.append('number ' + location.search.slice(1));
console.log('said by ' + location.search.slice(1));</script>";

fn framed() -> Pages {
    Pages::of(&[("/", FRAMED), ("/middle", MIDDLE), ("/inner", INNER)])
}

#[test]
fn frames_of_this_process_and_of_others_are_taken_in_the_order_of_the_document() {
    let site = framed();
    let config = only(&[
        PagePart::Html,
        PagePart::Frames,
        PagePart::Text,
        PagePart::Aria,
        PagePart::Console,
    ]);
    let shot = take(&site, &config);
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts);
    let frames = shot.facts["frames"].as_array().unwrap();
    let told: Vec<(&str, u64, bool)> = frames
        .iter()
        .map(|frame| {
            let name = frame["name"].as_str().unwrap_or("-");
            (name, frame["parent"].as_u64().unwrap(), frame["same_process"].as_bool().unwrap())
        })
        .collect();
    let wanted = [
        ("-", 0, true),
        ("first", 0, true),
        ("shaded", 0, true),
        ("away", 0, false),
        ("back", 3, false),
        ("near", 3, false),
        ("-", 0, true),
        ("boxed", 0, false),
    ];
    assert_eq!(told, wanted, "{frames:#?}");
    assert!(frames[3]["url"].as_str().unwrap().starts_with("http://localhost:"));
    for (at, words) in [
        (1, "number 1"),
        (2, "number 3"),
        (3, "<p>middle"),
        (4, "number 4"),
        (5, "number 5"),
        (6, "from srcdoc"),
    ] {
        let name = format!("frame-{at}.html");
        assert!(shot.text(&name).contains(words), "{name}: {}", shot.text(&name));
        assert_eq!(shot.line(&name)["detail"], frames[at]);
    }
    // In the sandbox nothing runs.
    assert!(shot.text("frame-7.html").contains("<script>"));
    assert!(!shot.text("frame-7.html").contains("number 2"));
    assert!(shot.find("frame-8.html").is_none());
    // The page holds none of those of other processes.
    assert!(!shot.text("page.html").contains("middle</p>"));

    let text = shot.text("text.txt");
    let read: Vec<&str> = text.split("\n\n").map(str::trim).collect();
    assert_eq!(read[0], "outermost");
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} is not in {text}"));
    let order = ["number 1", "number 3", "middle", "number 4", "number 5", "from srcdoc"].map(at);
    assert!(order.is_sorted(), "{text}");

    let yaml = shot.text("aria.yml");
    let nested = "- iframe:\n  - paragraph: middle\n  - iframe:\n    - paragraph: inner\n    - text: number 4\n";
    assert!(yaml.contains(nested), "{yaml}");

    let console = shot.text("console.jsonl");
    for at in [1, 3, 4, 5] {
        assert_eq!(console.matches(&format!("said by {at}")).count(), 1, "{console}");
    }
}

#[test]
fn a_page_without_frames_has_none_and_nothing_is_amiss() {
    let shot = take_page("<!DOCTYPE html><p>alone", &only(&[PagePart::Html, PagePart::Frames]));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete));
    assert_eq!(shot.line("frames")["reason"], "the page has no frames");
    assert_eq!(shot.facts["frames"].as_array().unwrap().len(), 1);
}

#[test]
fn a_frame_that_is_gone_is_forgotten_and_one_that_comes_is_found() {
    let outer = "<!DOCTYPE html><p>outer<iframe name=old src='OTHER/inner'></iframe><script>
        addEventListener('load', () => {
            document.querySelector('iframe').remove();
            const frame = document.createElement('iframe');
            frame.name = 'new';
            frame.src = 'OTHER/inner?9';
            frame.onload = () => document.title = 'replaced';
            document.body.append(frame);
        });</script>";
    let site = Pages::of(&[("/", outer), ("/inner", INNER)]);
    // It comes after the page's own load event.
    let shot = take_when("replaced", &site, &only(&[PagePart::Frames]));
    let names: Vec<&Value> =
        shot.facts["frames"].as_array().unwrap().iter().map(|frame| &frame["name"]).collect();
    assert_eq!(names, [&Value::Null, &json!("new")]);
    assert!(shot.text("frame-1.html").contains("number 9"));
}

#[test]
fn more_frames_than_are_taken_are_told_of() {
    let html = format!("<!DOCTYPE html>{}", "<iframe srcdoc=x></iframe>".repeat(105));
    let shot = take_page(&html, &only(&[PagePart::Frames, PagePart::ViewPng]));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts["ledger"]);
    assert!(shot.text("frame-100.html").contains('x'));
    assert!(shot.find("frame-101.html").is_none());
    let frames = shot.facts["frames"].as_array().unwrap();
    let missing = frames[101]["missing"].as_str().unwrap();
    assert!(missing.contains("the limit is 100"), "{missing}");
}

#[test]
fn a_frame_that_hangs_is_woken_and_costs_no_other_part() {
    let hanging = "<!DOCTYPE html><p>hangs<script>
        addEventListener('load', () => setInterval(() => { for (;;); }, 20));</script>";
    let outer = "<!DOCTYPE html><p>outer<iframe src='OTHER/hang'></iframe>";
    let site = Pages::of(&[("/", outer), ("/hang", hanging)]);
    let config = only(&[
        PagePart::ViewPng,
        PagePart::Html,
        PagePart::Frames,
        PagePart::Text,
        PagePart::Aria,
        PagePart::Mhtml,
        PagePart::FullPng,
        PagePart::Pdf,
    ]);
    let shot = take(&site, &config);
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts["ledger"]);
    assert!(shot.text("frame-1.html").contains("hangs"));
    assert!(shot.text("text.txt").contains("hangs"));
    let rescues = shot.facts["rescues"].as_array().unwrap();
    assert_eq!(rescues, &[json!("the scripts of a frame that did not answer were switched off")]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_frame_whose_process_dies_is_told_of_and_costs_no_other_part() {
    // The process that holds so much is the frame's.
    let large =
        "<!DOCTYPE html><p>large<script>window.held = new Uint8Array(300 << 20).fill(1);</script>";
    let outer = "<!DOCTYPE html><p>outer<iframe name=large src='OTHER/large'></iframe>";
    let site = Pages::of(&[("/", outer), ("/large", large)]);
    let browser = launch();
    let mut page = browser.open(&site.url("/")).unwrap();
    let pages_held = |process: &String| -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
    };
    let frame = renderers_of(browser.process_id().unwrap()).into_iter().max_by_key(pages_held);
    let killed = std::process::Command::new("kill").args(["-KILL", &frame.unwrap()]).status();
    assert!(killed.unwrap().success());
    let config = only(&[
        PagePart::ViewPng,
        PagePart::Html,
        PagePart::Frames,
        PagePart::Text,
        PagePart::Aria,
        PagePart::FullPng,
        PagePart::Console,
    ]);
    let shot = Shot::of(&mut page, &config);
    let why = "refused by the browser: no frame could be had: its process crashed";
    assert_eq!(shot.reason("frames"), why);
    assert_eq!(shot.facts["frames"][1]["missing"], "its process crashed");
    assert_eq!(shot.text("text.txt"), "outer\n");
    for name in ["view.png", "page.html", "aria.yml", "full.png"] {
        assert_eq!(shot.part(name).status(), Stored);
    }
    assert!(shot.text("console.jsonl").contains("a frame crashed"));
}

#[test]
fn what_a_worker_says_is_heard_once() {
    let page = "<!DOCTYPE html><p>with a worker<script>
        const worker = new Worker('/worker.js');
        worker.onmessage = () => document.title = 'answered';</script>";
    let worker = "console.log('said by a worker'); postMessage(1);";
    let site = Pages::of(&[("/", page), ("/worker.js", worker)]);
    let times = |shot: &Shot| {
        let console = shot.part("console.jsonl").content().unwrap_or_default();
        String::from_utf8_lossy(console).matches("said by a worker").count()
    };
    let (browser, config) = (shared(), only(&[PagePart::Console]));
    let mut page = open(&browser, &site);
    // A worker's words come their own way, and may come after what they made the page do.
    let mut shots = (0..1_000).map(|_| Shot::of(&mut page, &config));
    assert!(shots.any(|shot| times(&shot) > 0), "never heard");
    assert_eq!(times(&Shot::of(&mut page, &config)), 1);
}

// Elements

const LIST: &str = "<!DOCTYPE html><title>List</title><style>body { margin: 0 }
li { height: 40px; list-style: none } ul { margin: 0; padding: 0 } .b { background: #00f }
#far { margin-top: 3000px; height: 30px; width: 200px; background: #0f0 }</style>
<main><ul class=list><li>a<li class=b>b<li class=b>c</ul></main><div id=none style='display: none'>x</div>
<div id=flat></div><div id=ghost style='visibility: hidden'>x</div><div id=away style='position: absolute; left: -500px; width: 9px; height: 9px'></div>
<div id=host></div><div id=far></div><script>
host.attachShadow({ mode: 'closed' }).innerHTML = '<b>shaded</b>';
let n = 0; for (const kind of ['scroll', 'resize']) addEventListener(kind, () => document.title = kind + ++n);
</script>";

#[test]
fn the_first_that_a_selector_finds_is_taken_as_html_and_as_a_picture_of_where_it_stands() {
    let shot = take_page(LIST, &element("li.b", &[]));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts["ledger"]);
    assert_eq!(shot.text("element.html"), "<li class=\"b\">b</li>");
    let detail = &shot.line("element.html")["detail"];
    let path = json!([{ "selector": "li.b", "matched": 2 }]);
    assert_eq!(detail, &json!({ "selector": "li.b", "matched": 2, "path": path, "taken": "li.b" }));
    let picture = shot.picture("element.png");
    assert_eq!((picture.width, picture.height), (1280, 40));
    assert_eq!(picture.at(700, 20), [0, 0, 255]);
    assert_eq!(shot.line("element.png")["detail"]["y"], 40.0);
}

#[test]
fn an_element_far_below_is_taken_without_scrolling() {
    let shot = take_page(LIST, &element("#far", &[]));
    let picture = shot.picture("element.png");
    assert_eq!((picture.width, picture.height), (200, 30));
    assert_eq!(picture.only_colour(), Some([0, 255, 0]));
    // The page may notice that it was laid out anew, and nothing else.
    assert!(!shot.facts["title"].as_str().unwrap().starts_with("scroll"), "{:#}", shot.facts);
}

#[test]
fn an_element_has_its_shadow_roots() {
    let shot = take_page(LIST, &element("#host", &[]));
    let wanted =
        "<div id=\"host\"><template shadowrootmode=\"closed\"><b>shaded</b></template></div>";
    assert_eq!(shot.text("element.html"), wanted);
}

#[test]
fn where_a_selector_finds_nothing_the_nearest_that_is_there_is_taken_and_the_way_is_told() {
    let shot = take_page(LIST, &element("main > ul.list > li .price, #gone b", &[]));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts["ledger"]);
    assert_eq!(shot.text("element.html"), "<li>a</li>");
    let detail = &shot.line("element.html")["detail"];
    assert_eq!(detail["matched"], 0);
    assert_eq!(detail["taken"], "main > ul.list > li, #gone");
    let path = json!([
        { "selector": "main > ul.list > li .price, #gone b", "matched": 0 },
        { "selector": "main > ul.list > li, #gone", "matched": 3 },
    ]);
    assert_eq!(detail["path"], path);
    assert_eq!(shot.picture("element.png").height, 40);
}

#[test]
fn where_nothing_is_left_of_a_selector_that_is_told_and_is_no_failure() {
    let shot = take_page(LIST, &element("article > h2 b", &[PagePart::Html]));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete));
    for name in ["element.html", "element.png"] {
        assert_eq!(shot.part(name).status(), Empty);
        assert_eq!(shot.reason(name), "nothing matches article > h2 b, nor article");
    }
}

#[test]
fn a_selector_that_is_no_css_is_refused_in_the_browsers_words() {
    for selector in ["li >", "li[", ":nope(", "//li", "a:has("] {
        let shot = take_page(LIST, &element(selector, &[PagePart::Html]));
        if shot.part("element.html").status() != Failed {
            // What is not closed is closed by the end, says CSS.
            assert!(selector.ends_with(['[', '(']), "{selector}");
            continue;
        }
        let reason = shot.reason("element.html");
        assert!(reason.starts_with("refused by the browser: "), "{reason}");
        assert!(reason.contains("is not a valid selector"), "{reason}");
        assert_eq!(shot.part("page.html").status(), Stored);
    }
}

#[test]
fn of_very_many_the_number_is_told_and_the_first_is_taken() {
    let html = format!("<!DOCTYPE html><p>{}", "<b>x</b>".repeat(10_000));
    let shot = take_page(&html, &element("b", &[]));
    assert_eq!(shot.line("element.html")["detail"]["matched"], 10_000);
    assert_eq!(shot.text("element.html"), "<b>x</b>");
}

#[test]
fn of_an_element_that_can_not_be_seen_there_is_html_and_a_reason() {
    for (selector, why) in [
        ("#none", "it is not rendered (display: none)"),
        ("#flat", "its size is 1280x0 px"),
        ("#ghost", "it is not visible (visibility: hidden)"),
        ("#away", "it stands outside of the page"),
    ] {
        let shot = take_page(LIST, &element(selector, &[]));
        assert_eq!(shot.draft.chosen_status(), Some(Status::Complete));
        assert_eq!(shot.part("element.html").status(), Stored);
        assert_eq!(shot.reason("element.png"), format!("{selector} can't be seen: {why}"));
    }
}

#[test]
fn an_element_larger_than_any_picture_is_taken_as_far_as_a_picture_goes() {
    let html = "<!DOCTYPE html><style>body { margin: 0 } div { height: 100000px; background: red }</style><div></div>";
    let shot = take_page(html, &element("div", &[]));
    let picture = shot.picture("element.png");
    assert_eq!((picture.width, picture.height), (1280, 8_000));
    assert_eq!(picture.at(5, 7_999), [255, 0, 0]);
    let detail = &shot.line("element.png")["detail"];
    assert_eq!(detail["truncated"]["height"], 100_000.0);
    assert_eq!(detail["height"], 8_000.0);
}

// Text and tree

#[test]
fn the_text_is_what_a_reader_sees() {
    let html = "<!DOCTYPE html><style>.up { text-transform: uppercase }</style><h1 class=up>Title</h1>
        <p>one <b>two</b>\n   three</p><p hidden>no</p><div style='display:none'>no</div><script>'no'</script>
        <div id=host><span>slotted</span><i>not slotted</i></div><ul><li>a<li>b</ul>
        <table><tr><td>c1<td>c2</table><pre>k  e\n  pt</pre><input value=no><textarea>no</textarea>
        <script>host.attachShadow({ mode: 'open' }).innerHTML =
        '<style>no</style><p>before <slot></slot></p><div><x-y></x-y> after</div>';
        host.shadowRoot.querySelector('slot').after(' end');</script>";
    let with_slot =
        html.replace("<slot></slot>", "<slot name=s></slot>").replace("<span>", "<span slot=s>");
    let shot = take_page(&with_slot, &only(&[PagePart::Text]));
    let wanted =
        "TITLE\n\none two three\n\nbefore slotted end\n\nafter\na\nb\nc1\tc2\nk  e\n  pt\n";
    assert_eq!(shot.text("text.txt"), wanted);
    let nothing = take_page("<!DOCTYPE html><body>", &only(&[PagePart::Text]));
    assert_eq!(nothing.reason("text.txt"), "the page shows no text");
}

#[test]
fn the_tree_is_as_playwright_writes_it() {
    let shot = take_page(READER, &only(&[PagePart::Aria]));
    assert_eq!(shot.text("aria.yml"), READER_YAML);
}

// Archives

#[test]
fn the_mhtml_opens_in_the_browser_and_shows_the_page_and_its_frames() {
    let site = framed();
    let shot = take(&site, &only(&[PagePart::Mhtml]));
    let mhtml = shot.text("page.mhtml");
    assert!(mhtml.contains("Content-Type: multipart/related;"), "{}", &mhtml[..500]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.mhtml");
    std::fs::write(&path, mhtml).unwrap();
    let browser = std::env::var("CHROME").unwrap_or_else(|_| "chromium".to_owned());
    let dumped = std::process::Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let dumped = String::from_utf8_lossy(&dumped.stdout);
    assert!(dumped.contains("<p>outermost</p>"), "{dumped}");
    assert!(dumped.contains("<iframe"), "{dumped}");
    for words in ["number 1", "number 4", "from srcdoc"] {
        assert!(mhtml.contains(words), "{words}");
    }
}

#[test]
fn the_pdf_is_one_and_has_the_pages_own_size() {
    let html = "<!DOCTYPE html><style>@page { size: 4in 2in } </style><p>printed";
    let shot = take_page(html, &only(&[PagePart::Pdf]));
    let pdf = shot.content("page.pdf");
    assert!(pdf.starts_with(b"%PDF-") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
    let text = String::from_utf8_lossy(pdf);
    // In points, of which 72 are an inch.
    let at = text.find("/MediaBox").unwrap();
    assert!(text[at..].starts_with("/MediaBox [0 0 288 144]"), "{}", &text[at..at + 60]);
}

// Rescue

#[test]
fn a_page_that_hangs_again_and_again_is_taken_whole_with_its_scripts_switched_off() {
    let html = "<!DOCTYPE html><title>Again</title><p>still here<script>
        addEventListener('load', () => setInterval(() => { for (;;); }, 1));</script>";
    let shot = take_page(html, &patient().without(PagePart::Source));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts["ledger"]);
    assert_eq!(shot.text("text.txt"), "still here\n");
    let rescues = shot.facts["rescues"].as_array().unwrap();
    let last = rescues.last().unwrap();
    assert_eq!(last, "the page hung again and again, and its scripts were switched off");
}

#[test]
fn a_page_that_hangs_while_its_picture_is_taken_is_woken_and_asked_again() {
    let html = "<!DOCTYPE html><body style='margin: 0; height: 3000px; background: #0f0'><script>
        let first = true;
        addEventListener('resize', () => { if (first) { first = false; for (;;); } });</script>";
    let shot = take_page(html, &only(&[PagePart::FullPng]));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts);
    let picture = shot.picture("full.png");
    assert_eq!((picture.height, picture.at(9, 2_999)), (3_000, [0, 255, 0]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_whose_process_dies_leaves_what_was_recorded_at_once() {
    let site = Pages::one(
        "<!DOCTYPE html><title>Doomed</title><script>console.log('last words')</script>",
    );
    let browser = launch();
    let mut page = browser.open(&site.url("/")).unwrap();
    for process in renderers_of(browser.process_id().unwrap()) {
        let status = std::process::Command::new("kill").args(["-KILL", &process]).status();
        assert!(status.unwrap().success());
    }
    let shot = Shot::of(&mut page, &patient().without(PagePart::Source));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Minimal));
    for name in ["view.png", "page.html", "full.png", "text.txt", "aria.yml"] {
        assert_eq!(shot.reason(name), "the page crashed");
    }
    let console = shot.text("console.jsonl");
    assert!(console.contains("last words") && console.contains("\"crash\""), "{console}");
    assert_eq!(shot.part("network.har").status(), Stored);
    assert_eq!(shot.facts["title"], "Doomed");
    // Nothing was waited for.
    assert!(shot.facts["took_ms"].as_u64().unwrap() < 2_000, "{}", shot.facts["took_ms"]);
}

/// The processes below this one that draw pages.
#[cfg(target_os = "linux")]
fn renderers_of(browser: u32) -> Vec<String> {
    let mut parents = std::collections::HashMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in brackets may hold anything.
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let parent = rest.split(' ').nth(1).unwrap_or_default().to_owned();
        parents.insert(entry.file_name().into_string().unwrap(), parent);
    }
    let is_below = |process: &str| {
        let mut at = process;
        while let Some(parent) = parents.get(at) {
            if *parent == browser.to_string() {
                return true;
            }
            at = parent;
        }
        false
    };
    let draws = |process: &&String| {
        let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("--type=renderer")
    };
    parents.keys().filter(draws).filter(|process| is_below(process)).cloned().collect()
}

#[test]
fn requests_of_frames_that_nobody_watched_are_told_whichever_process_they_are_of() {
    let site = framed();
    let browser = launch();
    let open = browser.open(&site.url("/")).unwrap();
    let mut late = ChromePage::watch_at(&open.address().unwrap()).unwrap();
    let shot = Shot::of(&mut late, &only(&[PagePart::Network]));
    let har: Value = serde_json::from_str(shot.text("network.har")).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    let told: Vec<&str> =
        entries.iter().map(|entry| entry["request"]["url"].as_str().unwrap()).collect();
    // `/inner` is within the frame of another site alone.
    for path in ["/middle", "/inner?4"] {
        assert!(told.iter().any(|url| url.contains(path)), "{path} in {told:?}");
    }
    assert!(entries.iter().all(|entry| entry["_backfilled"] == true), "{told:?}");
}
