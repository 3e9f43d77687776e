//! Pictures of pages, in Chromium: whole, in tiles, of an element; and what can be read in none.

use serde_json::json;
use tintype::capture::chrome::ChromePage;
use tintype::model::artifact::ArtifactStatus::{Redacted, Stored};
use tintype::{PagePart, Status};

use crate::support::chromium::{Picture, Shot, element, only, open, shared, take, take_page};
use crate::support::pages::{Pages, colour_of_row, rows};

/// Whether each row of [`rows`] has its colour, as far as there are rows in this picture.
fn check_rows(picture: &Picture, first: usize) {
    for y in (50..picture.height).step_by(100) {
        let (got, wanted) = (picture.at(700, y), colour_of_row(first + y / 100));
        // Layers of hardly any colour change it by a hair.
        let differs = got.iter().zip(wanted).any(|(a, b)| a.abs_diff(b) > 12);
        assert!(!differs, "row {}: {got:?}, not {wanted:?}", first + y / 100);
    }
}

const BLACK: [u8; 3] = [0, 0, 0];

// Pictures

#[test]
fn a_page_of_40_000_px_is_one_picture_with_every_row_in_its_place() {
    let shot = take_page(&rows(400, 0), &only(&[PagePart::FullPng]));
    let picture = shot.picture("full.png");
    assert_eq!((picture.width, picture.height), (1280, 40_000));
    check_rows(&picture, 0);
}

#[test]
fn a_page_of_many_layers_that_the_browser_would_leave_white_is_taken_in_tiles() {
    let shot = take_page(&rows(300, 4), &only(&[PagePart::FullPng]));
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts["ledger"]);
    let mut row = 0;
    for at in 1.. {
        let name = format!("full-{at:03}.png");
        if shot.find(&name).is_none() {
            break;
        }
        let picture = shot.picture(&name);
        check_rows(&picture, row);
        let detail = &shot.line(&name)["detail"];
        assert_eq!(detail["y"].as_f64(), Some(row as f64 * 100.0));
        assert_eq!(detail["height"].as_f64(), Some(picture.height as f64));
        row += picture.height / 100;
    }
    assert_eq!(row, 300);
    assert!(shot.find("full.png").is_none());
}

#[test]
fn a_page_without_end_is_taken_as_far_as_the_tiles_go_and_it_is_told() {
    let html = "<!DOCTYPE html><style>body { margin: 0; height: 9000000px; background: linear-gradient(90deg, red, blue) }</style>";
    let mut config = only(&[PagePart::FullPng]);
    config.time_box = std::time::Duration::from_secs(120);
    let shot = take_page(html, &config);
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts["ledger"]);
    assert!(shot.find("full-025.png").is_some() && shot.find("full-026.png").is_none());
    let detail = &shot.line("full-025.png")["detail"];
    assert_eq!(detail["y"], 192_000.0);
    assert_eq!(detail["truncated"]["height"], 9_000_000.0);
    assert!(shot.line("full-024.png")["detail"]["truncated"].is_null());
}

#[test]
fn pictures_that_the_page_holds_back_until_they_are_seen_are_in_the_picture_of_all_of_it() {
    let html = "<!DOCTYPE html><style>body { margin: 0 } img { display: block; margin-top: 9000px; width: 100px; height: 100px }</style>
        <img loading=lazy src='/green.svg'><img loading=lazy src='/missing.svg'>";
    let green = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9' fill='lime'/></svg>";
    let site = Pages::of(&[("/", html), ("/green.svg", green)]);
    let shot = take(&site, &only(&[PagePart::FullPng]));
    let picture = shot.picture("full.png");
    assert_eq!(picture.at(50, 9_050), [0, 255, 0]);
    let detail = &shot.line("full.png")["detail"];
    assert_eq!(detail["lazy_images"], json!({ "held_back": 2, "loaded": 1 }));
}

#[test]
fn pages_that_were_opened_first_and_stand_behind_others_have_pictures() {
    let site = Pages::of(&[
        ("/", &rows(20, 0)),
        ("/1", &rows(21, 0)),
        ("/2", &rows(22, 0)),
        ("/3", &rows(23, 0)),
    ]);
    let browser = shared();
    let mut pages: Vec<ChromePage> =
        ["/", "/1", "/2", "/3"].map(|path| browser.open(&site.url(path)).unwrap()).into();
    for (at, page) in pages.iter_mut().enumerate() {
        let shot = Shot::of(page, &only(&[PagePart::ViewPng, PagePart::FullPng]));
        assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts);
        check_rows(&shot.picture("view.png"), 0);
        let full = shot.picture("full.png");
        assert_eq!(full.height, 2_000 + 100 * at);
        check_rows(&full, 0);
    }
}

// Masks

/// A page with a card's number in its own document, in shadow roots of both kinds, in a frame of its
/// process and in one of another; each field is the only yellow thing around.
const CARD: &str = "<!DOCTYPE html><title>untouched</title><style>body { margin: 0; background: #ff0 }</style>
<input id=card autocomplete=cc-number style='font-size: 30px'><div id=open></div><div id=closed></div>
<iframe width=400 height=60 src='/field'></iframe><iframe width=400 height=60 src='OTHER/field'></iframe>
<p style='height: 2000px'>below</p><input class=stubborn type=password value=hunter2 style='background: white !important;
  color: red !important; -webkit-text-fill-color: red !important; filter: none !important; clip-path: none !important'>
<script>
const field = '<input autocomplete=\"section-a cc-number\" style=\"font-size: 30px\">';
const type = root => root.querySelectorAll('input:not([type])').forEach(input => input.value = '4111 1111 1111 1111');
for (const mode of ['open', 'closed']) {
  const root = document.getElementById(mode).attachShadow({ mode });
  root.innerHTML = field;
  type(root);
}
type(document);
card.focus();
new MutationObserver((all, observer) => {
  // Its own change would be one more.
  observer.disconnect();
  document.title = 'mutated ' + all.map(one => one.attributeName ?? one.type);
}).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
</script>";
const FIELD: &str = "<!DOCTYPE html><style>body { margin: 0; background: #ff0 }</style>
<input autocomplete=cc-csc style='font-size: 30px'><script>document.querySelector('input').value = '4111 1111'</script>";

fn card() -> Pages {
    Pages::of(&[("/", CARD), ("/field", FIELD)])
}

/// How many pixels are neither of the paint nor of the page: what one could read.
fn readable(picture: &Picture, rows: std::ops::Range<usize>) -> usize {
    let (mut other, mut black) = (0, 0);
    for y in rows {
        for x in 0..picture.width {
            match picture.at(x, y) {
                [0, 0, 0] => black += 1,
                [255, 255, 0] => {}
                _ => other += 1,
            }
        }
    }
    assert!(black > 1_000, "nothing is painted");
    other
}

#[test]
fn a_cards_number_can_be_read_in_no_picture_of_any_kind() {
    let site = card();
    let config = element("#card", &[PagePart::ViewPng, PagePart::FullPng, PagePart::Pdf]);
    let shot = take(&site, &config);
    assert_eq!(shot.draft.chosen_status(), Some(Status::Complete), "{:#}", shot.facts["ledger"]);
    // The element is the field: all of its picture is paint.
    assert_eq!(shot.picture("element.png").only_colour(), Some(BLACK));
    let view = shot.picture("view.png");
    let frames_border = 4 * 2 * (400 + 60) * 2;
    let fields = readable(&view, 0..120);
    assert!(fields < frames_border, "{fields} pixels could be read");
    let full = shot.picture("full.png");
    assert!(readable(&full, 0..120) < frames_border);
    // The one whose own styles win over others is painted over too.
    assert_eq!(readable(&full, full.height - 24..full.height), 0);
    // What is printed is text, which can't be painted over for good.
    assert_eq!(shot.part("page.pdf").status(), Redacted);
}

#[test]
fn without_redaction_the_number_is_there() {
    let mut config = element("#card", &[]);
    config.redact = false;
    let shot = take(&card(), &config);
    assert_eq!(shot.picture("element.png").only_colour(), None);
}

#[test]
fn masking_fires_no_mutation_and_leaves_nothing_behind() {
    let page = CARD.replace("class=stubborn", "hidden class=stubborn").replace(
        "card.focus();",
        "card.focus(); addEventListener('resize', () => console.log(document.adoptedStyleSheets.length));",
    );
    let site = Pages::of(&[("/", &page), ("/field", FIELD)]);
    let browser = shared();
    let mut taken = open(&browser, &site);
    let config = element("#card", &[PagePart::ViewPng, PagePart::FullPng, PagePart::Console]);
    let shot = Shot::of(&mut taken, &config);
    assert_eq!(shot.facts["title"], "untouched");
    // At the next resize nothing of it is left; during the picture there was.
    let mut config = config;
    config.redact = false;
    let shot = Shot::of(&mut taken, &config);
    let console = shot.text("console.jsonl");
    let last = console.lines().rfind(|line| line.contains("\"console\"")).unwrap();
    assert!(last.contains("\"text\":\"0\""), "{console}");
}

#[test]
fn what_the_configuration_names_is_painted_over_with_all_that_is_in_it() {
    let html = "<!DOCTYPE html><style>body { margin: 0; background: #ff0 } .s { display: block; margin: 4px; width: 300px }</style>
        <div class=s style='height: 20px'>text that flows over<br>and over<br>and over</div>
        <div class=s style='margin-top: 60px; display: contents'>no box</div>
        <svg class=s width=300 height=40><text y=20>4111 1111</text></svg>
        <span class=s><b style='font-size: 40px'>large</b></span><iframe class=s srcdoc='4111'></iframe>
        <table><tr class=s><td>4111</table><svg width=90 height=30><text class=s y=20>4111</text></svg>
        <ol><li class=s style='display: list-item'>4111</ol><div class=s><div id=top popover>4111</div></div>
        <button class=s>4111</button><details class=s open><summary>4111</summary>4222</details>
        <script>document.getElementById('top').showPopover()</script>";
    let mut config = only(&[PagePart::ViewPng]);
    config.mask = vec![".s".to_owned()];
    for redact in [true, false] {
        config.redact = redact;
        let shot = take_page(html, &config);
        assert_eq!(readable(&shot.picture("view.png"), 0..800), 0);
    }
}

#[test]
fn a_mask_that_is_no_css_costs_the_pictures_and_nothing_else() {
    let mut config = only(&[PagePart::ViewPng, PagePart::Html, PagePart::FullPng]);
    config.mask = vec!["p >".to_owned()];
    let shot = take_page("<!DOCTYPE html><p>x", &config);
    for name in ["view.png", "full.png"] {
        assert_eq!(shot.part(name).status(), Redacted);
        assert!(shot.reason(name).contains("is not a valid selector"), "{}", shot.reason(name));
    }
    assert_eq!(shot.part("page.html").status(), Stored);
}

#[test]
fn of_a_page_that_takes_the_paint_off_at_once_no_picture_is_given_out() {
    let html = "<!DOCTYPE html><input type=password value=hunter2><script>
        (function strip() { document.adoptedStyleSheets = []; requestAnimationFrame(strip); })();</script>";
    let shot = take_page(html, &only(&[PagePart::ViewPng, PagePart::Html]));
    assert_eq!(shot.part("view.png").status(), Redacted);
    let reason = shot.reason("view.png");
    assert!(reason.contains("could not be painted over"), "{reason}");
    assert_eq!(shot.part("page.html").status(), Stored);
}

#[test]
fn a_field_in_a_closed_root_within_a_closed_root_is_painted_over() {
    let html = "<!DOCTYPE html><body style='margin: 0; background: #ff0'><div id=host><i>light</i></div><script>
        const outer = host.attachShadow({ mode: 'closed' });
        outer.innerHTML = '<b></b><slot></slot><div></div>';
        outer.querySelector('slot').remove();
        outer.querySelector('div').attachShadow({ mode: 'closed' }).innerHTML =
          '<input autocomplete=cc-number value=4111 style=\"font-size: 40px\">';</script>";
    let shot = take_page(html, &only(&[PagePart::ViewPng, PagePart::FullPng]));
    for name in ["view.png", "full.png"] {
        assert_eq!(readable(&shot.picture(name), 0..800), 0);
    }
}

#[test]
fn a_page_that_lets_no_style_in_is_masked_all_the_same() {
    let html =
        "<!DOCTYPE html><meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">
        <body bgcolor='#ffff00'><input type=password value=hunter2>";
    let shot = take_page(html, &element("input", &[]));
    assert_eq!(shot.picture("element.png").only_colour(), Some(BLACK));
}

#[test]
fn values_that_are_masked_in_pictures_are_masked_in_the_tree() {
    let config = only(&[PagePart::Aria]);
    let shot = take(&card(), &config);
    let yaml = shot.text("aria.yml");
    assert!(!yaml.contains("4111"), "{yaml}");
    assert_eq!(yaml.matches("- textbox: \"[masked]\"").count(), 6, "{yaml}");
    let mut config = config;
    config.redact = false;
    assert_eq!(take(&card(), &config).text("aria.yml").matches("4111").count(), 5);
}
