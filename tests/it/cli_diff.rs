//! `diff` as people and scripts see it, where it tells of images, requests and messages.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::support::shell::Shell;

fn png(width: u32, height: u32, dots: &[(u32, u32)]) -> Vec<u8> {
    let mut image = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    dots.iter().for_each(|(x, y)| image.put_pixel(*x, *y, Rgb([0; 3])));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Two snapshots, `a` and `b`, of a file before and after.
fn two(name: &str, before: impl AsRef<[u8]>, after: impl AsRef<[u8]>) -> Shell {
    let shell = Shell::new();
    for (version, content) in [("a", before.as_ref()), ("b", after.as_ref())] {
        shell.file(name, content);
        shell.put(&format!("{name} --version {version} --name {name}"));
    }
    shell
}

/// What `diff` tells of the content, after its first line.
fn told(shell: &Shell) -> Vec<String> {
    shell.done("diff a b").lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn an_image_is_told_in_a_line_with_its_share_and_areas() {
    let shell = two("view.png", png(100, 50, &[]), png(100, 50, &[(10, 10), (11, 10), (80, 40)]));
    let lines = told(&shell);
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let end = ", 0.06 % of 100×50 pixels changed: 2×1 at 10,10, 1×1 at 80,40";
    assert!(line.starts_with("view.png: ") && line.ends_with(end), "{line}");
    let content = &shell.json("diff a b")[0]["artifacts"][0]["content"];
    assert_eq!((&content["form"], &content["changed_pixels"]), (&json!("image"), &json!(3)));
    assert_eq!(
        content["areas"][0],
        json!({"x": 10, "y": 10, "width": 2, "height": 1, "changed_pixels": 2})
    );
    shell.run("diff a b --format patch").failed(2, "view.png is neither JSON nor text");

    let many: Vec<_> = (0..9).map(|at| (at * 40, 0)).collect();
    let lines = told(&two("view.png", png(400, 100, &[]), png(400, 102, &many)));
    assert!(
        lines[0].contains(" % of 400×100 → 400×102 pixels changed: 400×2 at 0,100, "),
        "{lines:?}"
    );
    assert!(lines[0].ends_with("and 5 more"), "{lines:?}");
    let lines = told(&two("view.png", png(300, 300, &[]), png(300, 300, &[(0, 0)])));
    assert!(lines[0].contains(", under 0.01 % of 300×300 pixels"), "{lines:?}");
    // The same pixels in other bytes, and a picture that is none.
    let webp = {
        let mut bytes = Cursor::new(Vec::new());
        let image = image::load_from_memory(&png(20, 20, &[])).unwrap();
        image.write_to(&mut bytes, ImageFormat::WebP).unwrap();
        bytes.into_inner()
    };
    let lines = told(&two("view.png", png(20, 20, &[]), webp));
    assert!(lines[0].ends_with(", the same pixels"), "{lines:?}");
    let lines = told(&two("view.png", png(20, 20, &[]), "<h1>502"));
    assert!(lines[0].ends_with(" → 7 B"), "{lines:?}");
}

fn har(entries: &[(&str, i64, u64, Option<&str>)]) -> String {
    let entries = entries.iter().map(|(path, status, bytes, error)| {
        json!({
            "request": {"method": "GET", "url": format!("https://shop.example/{path}")},
            "response": {"status": status, "_error": error,
                         "content": {"size": bytes, "mimeType": "text/html"}},
        })
    });
    json!({"log": {"entries": entries.collect::<Vec<_>>()}}).to_string()
}

#[test]
fn requests_are_told_one_a_line_and_patched_as_json() {
    let before = har(&[
        ("", 200, 100, None),
        ("old", 200, 2_048, None),
        ("a.js", 200, 40, None),
        ("b.js", 200, 4_194_305, None),
    ]);
    let after = har(&[
        ("", 200, 100, None),
        ("a.js", 404, 12, None),
        ("b.js", 200, 4_194_306, None),
        ("\u{1b}[2J", 0, 0, Some("net::ERR")),
    ]);
    let shell = two("network.har", &before, &after);
    let lines = told(&shell);
    assert!(lines[0].ends_with(", 4 → 4 requests: 1 added, 1 gone, 2 changed"), "{lines:?}");
    assert_eq!(
        lines[1..],
        [
            "- GET https://shop.example/old: 200, text/html, 2.00 KiB",
            "~ GET https://shop.example/a.js: 200 → 404, 40 B → 12 B",
            "~ GET https://shop.example/b.js: 4194305 → 4194306 bytes",
            "+ GET https://shop.example/\\u{1b}[2J: no answer, text/html, 0 B, net::ERR",
        ]
    );
    let content = &shell.json("diff a b")[0]["artifacts"][0]["content"];
    assert_eq!((&content["form"], &content["changed"]), (&json!("requests"), &json!(2)));
    let patch: json_patch::Patch =
        serde_json::from_str(&shell.done("diff a b --format patch")).unwrap();
    let mut patched: Value = serde_json::from_str(&before).unwrap();
    json_patch::patch(&mut patched, &patch).unwrap();
    assert_eq!(patched, serde_json::from_str::<Value>(&after).unwrap());
    // As JSON, what is told does not depend on the format for people.
    assert_eq!(shell.json("diff a b --format patch")[0], shell.json("diff a b")[0]);
    let lines = told(&two("network.har", &before, before.replace("\"log\"", " \"log\"")));
    assert!(lines[0].ends_with(", the same requests"), "{lines:?}");
    let many: Vec<_> = (0..1_003).map(|_| ("poll", 200, 1, None)).collect();
    let lines = told(&two("network.har", har(&[]), har(&many)));
    assert_eq!((lines.len(), lines[1_001].as_str()), (1_002, "… and 3 more"));
}

#[test]
fn messages_are_told_one_a_line_and_patched_as_text() {
    let line = |level: &str, text: &str| {
        let message = json!({"time": "2026-01-26T06:00:00.000000Z", "kind": "console",
                             "level": level, "text": text, "url": "https://a/x.js"});
        format!("{message}\n")
    };
    let slow = line("warning", "slow");
    let before = format!("{slow}{}{slow}{slow}", line("info", "bye"));
    let broke = line("error", "it broke\n  at f (x.js:1)");
    let after = format!("{}{broke}{broke}", slow.repeat(5));
    let shell = two("console.jsonl", &before, &after);
    let lines = told(&shell);
    assert!(lines[0].ends_with(", 4 → 7 messages: 1 added, 1 gone, 1 changed"), "{lines:?}");
    assert_eq!(
        lines[1..],
        [
            "~ warning: slow (https://a/x.js): 3 → 5 times",
            "- info: bye (https://a/x.js)",
            "+ error: it broke\\n  at f (x.js:1) (https://a/x.js), 2 times",
        ]
    );
    let content = &shell.json("diff a b")[0]["artifacts"][0]["content"];
    assert_eq!((&content["form"], &content["added"]), (&json!("console"), &json!(1)));
    let unified = shell.done("diff a b --format patch");
    assert_eq!(crate::diff::apply(&before, &unified), after);
    // Data in lines is no console log.
    let shell = two("data.jsonl", "{\"price\": 1}\n", "{\"price\": 2}\n");
    assert!(told(&shell).contains(&"+{\"price\": 2}".to_owned()));
}
