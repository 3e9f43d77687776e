//! What is cold is kept in less, and stays what it was.

use std::sync::atomic::{AtomicBool, Ordering};

use tintype::ops::verify::Depth;
use tintype::ops::{gc, repack, verify};
use tintype::{Draft, DraftArtifact, Query, Repository, Version};

use crate::support::values::{context, document};

fn whole(repo: &Repository) {
    let report = verify::verify(repo, Depth::Data, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
}

fn run(repo: &Repository) -> repack::Report {
    repack::run(repo, &mut |_| {}).unwrap()
}

/// A history of documents; gives their versions.
fn history(repo: &Repository, place: &str, numbers: std::ops::Range<usize>) -> Vec<Version> {
    repo.bulk(|| {
        let draft = |n: usize| Draft::bytes(document(n)).context(context(place));
        let tickets: Vec<_> =
            numbers.map(|n| repo.submit(repo.prepare(draft(n)).unwrap())).collect();
        tickets.into_iter().map(|ticket| ticket.wait().unwrap().version).collect()
    })
}

fn check(repo: &Repository, versions: &[Version], from: usize) {
    for (n, version) in (from..).zip(versions) {
        assert_eq!(repo.content(version, "data").unwrap(), document(n), "{n}");
    }
}

fn png_of(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Balanced);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    out
}

/// A PNG of a page on which a number changes: filtered rows, as a browser writes them.
pub fn picture(n: usize) -> Vec<u8> {
    let (width, height) = (320_u32, 240_u32);
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let text = (x * 7 + y * 13) % 11 < 3 && y % 16 < 9;
            let changed = (40..60).contains(&y) && (n * 20..n * 20 + 15).contains(&(x as usize));
            let shade = if changed {
                200
            } else if text {
                30
            } else {
                255 - (y / 8) as u8
            };
            pixels.extend([shade, shade.wrapping_sub((x / 40) as u8), shade]);
        }
    }
    png_of(width, height, &pixels)
}

#[test]
fn a_long_history_takes_less_and_goes_on() {
    let repo = Repository::temporary().unwrap();
    let mut versions = history(&repo, "a", 0..300);
    let before = repo.stats().unwrap();
    let report = run(&repo);
    assert_eq!(report.chains, 1);
    let after = repo.stats().unwrap();
    assert_eq!(before.stored - after.stored, report.bytes);
    assert!(after.stored * 10 < before.stored * 9, "{} {}", before.stored, after.stored);
    assert!(after.max_depth <= tintype::codec::level::DEPTH_MAX);
    check(&repo, &versions, 0);
    whole(&repo);
    // Once more finds nothing.
    let again = run(&repo);
    assert_eq!((again.chains, again.blobs, again.bytes, again.left), (0, 0, 0, 0));
    // The history goes on as deltas, and is laid anew when it has grown by a span.
    let more = history(&repo, "a", 300..420);
    let stats = repo.stats().unwrap();
    assert_eq!(stats.blobs - stats.deltas, 1, "{stats:?}");
    versions.extend(more);
    assert_eq!(run(&repo).chains, 1);
    check(&repo, &versions, 0);
    whole(&repo);
}

#[test]
fn a_store_in_memory_takes_less_too() {
    // A fifth of the lines changes each time, so that frames are most of the file.
    let page = |n: usize| -> Vec<u8> {
        let value = |line: usize| if line % 5 == n % 5 { n * 7_919 + line } else { line / 5 * 31 };
        let lines =
            (0..600).map(|line| format!("line {line}: {}\n", value(line) * 104_729 % 9_973));
        lines.collect::<String>().into_bytes()
    };
    let repo = Repository::in_memory().unwrap();
    let versions: Vec<_> = (0..200).map(|n| repo.create(Draft::bytes(page(n))).unwrap()).collect();
    let report = run(&repo);
    assert_eq!(report.chains, 1);
    assert!(report.file_bytes < report.file_bytes_before, "{report:?}");
    repo.forget(&versions[7]).unwrap();
    gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
    for (n, version) in versions.iter().enumerate().filter(|(n, _)| *n != 7) {
        assert_eq!(repo.content(version, "data").unwrap(), page(n));
    }
    whole(&repo);
}

#[test]
fn short_histories_take_less_too() {
    let repo = Repository::temporary().unwrap();
    let a = history(&repo, "a", 0..20);
    let b = history(&repo, "b", 100..130);
    let report = run(&repo);
    assert_eq!(report.chains, 0);
    assert!(report.blobs > 10, "{report:?}");
    check(&repo, &a, 0);
    check(&repo, &b, 100);
    whole(&repo);
    assert_eq!(run(&repo).blobs, 0);
}

#[test]
fn branches_stay_readable_when_their_chain_is_laid_anew() {
    let repo = Repository::temporary().unwrap();
    let line = history(&repo, "a", 0..140);
    let mut branches = Vec::new();
    for (n, at) in [3, 64, 65, 100, 139, 3, 20].into_iter().enumerate() {
        let draft = Draft::bytes(document(1_000 + n)).based_on(&line[at]).context(context("b"));
        branches.push(repo.create(draft).unwrap());
    }
    let on = Draft::bytes(document(1_007)).based_on(&branches[2]).context(context("c"));
    branches.push(repo.create(on).unwrap());
    assert_eq!(run(&repo).chains, 1);
    check(&repo, &line, 0);
    check(&repo, &branches, 1_000);
    whole(&repo);
    // Whatever goes of it, the rest stays.
    for at in [32, 0, 96, 63, 64, 31, 33, 139, 128] {
        repo.forget(&line[at]).unwrap();
        gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
        whole(&repo);
    }
    check(&repo, &branches, 1_000);
    for (n, version) in line.iter().enumerate() {
        if ![32, 0, 96, 63, 64, 31, 33, 139, 128].contains(&n) {
            assert_eq!(repo.content(version, "data").unwrap(), document(n));
        }
    }
}

#[test]
fn pictures_become_deltas_and_come_back_to_the_byte() {
    let repo = Repository::temporary().unwrap();
    let pictures: Vec<Vec<u8>> = (0..12).map(picture).collect();
    let mut versions = Vec::new();
    for picture in &pictures {
        let artifact =
            DraftArtifact::stored("view.png".parse().unwrap(), "image/png", picture.clone());
        versions.push(repo.create(Draft::new().artifact(artifact.unwrap())).unwrap());
    }
    let before = repo.stats().unwrap();
    assert_eq!(before.deltas, 0);
    let report = run(&repo);
    assert_eq!(report.pictures, 12);
    let after = repo.stats().unwrap();
    assert_eq!(after.deltas, 11);
    assert!(after.stored * 3 < before.stored, "{} {}", before.stored, after.stored);
    let all = |repo: &Repository, skip: &[usize]| {
        for (n, version) in versions.iter().enumerate().filter(|(n, _)| !skip.contains(n)) {
            assert_eq!(repo.content(version, "view.png").unwrap(), pictures[n], "{n}");
        }
    };
    all(&repo, &[]);
    whole(&repo);
    assert_eq!(run(&repo).pictures, 0);
    // A new one is kept as it is, and joins them at the next run.
    let artifact = DraftArtifact::stored("view.png".parse().unwrap(), "image/png", picture(13));
    let next = repo.create(Draft::new().artifact(artifact.unwrap())).unwrap();
    assert_eq!(repo.get(&next).unwrap().artifacts[0].base, None);
    assert_eq!(run(&repo).pictures, 1);
    assert!(repo.get(&next).unwrap().artifacts[0].base.is_some());
    // What goes takes no other with it.
    let gone = [0, 5, 6, 11];
    for n in gone {
        repo.forget(&versions[n]).unwrap();
    }
    gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
    all(&repo, &gone);
    whole(&repo);
    let stats = repo.stats().unwrap();
    assert!(stats.stored * 3 < before.stored, "{stats:?}");
}

/// A PNG of noise: opened up and kept whole it is no smaller.
fn noise(seed: u64, changed: usize) -> Vec<u8> {
    let (width, height) = (200_u32, 100_u32);
    let mut pixels = crate::support::noise(seed, (width * height * 3) as usize);
    for pixel in &mut pixels[changed * 300..changed * 300 + 300] {
        *pixel = pixel.wrapping_add(1 + changed as u8);
    }
    png_of(width, height, &pixels)
}

#[test]
fn pictures_that_are_opened_up_for_others_stay_so_when_what_they_lie_on_goes() {
    let repo = Repository::temporary().unwrap();
    // The first can be kept opened up and whole; those on it only as deltas, so that none of them
    // could take its place.
    let pictures: Vec<_> =
        [picture(1), picture(2)].into_iter().chain((0..4).map(|n| noise(7, n * 5))).collect();
    let versions: Vec<_> = pictures
        .iter()
        .map(|picture| {
            let name = "view.png".parse().unwrap();
            let one = DraftArtifact::stored(name, "image/png", picture.clone()).unwrap();
            repo.create(Draft::new().artifact(one)).unwrap()
        })
        .collect();
    run(&repo);
    for gone in 0..versions.len() - 1 {
        repo.forget(&versions[gone]).unwrap();
        gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
        whole(&repo);
        for (n, version) in versions.iter().enumerate().skip(gone + 1) {
            assert_eq!(repo.content(version, "view.png").unwrap(), pictures[n], "{gone} {n}");
        }
        run(&repo);
    }
}

#[test]
fn what_is_damaged_is_left_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    history(&repo, "a", 0..70);
    let b = history(&repo, "b", 500..640);
    repo.close().unwrap();
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute("UPDATE blob SET data = zeroblob(length(data)) WHERE id = 30", []).unwrap();
    drop(sql);
    let repo = Repository::open(&path).unwrap();
    let report = run(&repo);
    assert_eq!(report.chains, 1);
    assert!(report.left > 0);
    check(&repo, &b, 500);
}

#[test]
fn others_read_and_write_while_all_is_repacked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.db");
    let repo = Repository::init(&path).unwrap();
    let versions = history(&repo, "a", 0..200);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (path, versions, done) = (&path, &versions, &done);
            scope.spawn(move || {
                let repo = Repository::open(path).unwrap();
                let mut n = worker;
                while !done.load(Ordering::Relaxed) {
                    let at = n * 7919 % versions.len();
                    assert_eq!(repo.content(&versions[at], "data").unwrap(), document(at));
                    if worker == 0 {
                        let draft = Draft::bytes(document(10_000 + n)).context(context("a"));
                        repo.create(draft).unwrap();
                    }
                    n += 3;
                }
            });
        }
        for _ in 0..3 {
            run(&repo);
            gc::run(&repo, &gc::Options::now(), &mut |_| {}).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    check(&repo, &versions, 0);
    whole(&repo);
    assert!(repo.find(&Query::all().limit(10_000)).unwrap().len() > 200);
}
