//! What taking in old folders costs: the rate over time, the memory, and the real flat folder
//! beside reading and hashing its files.
//!
//! `cargo bench --bench legacy --no-default-features --features cli` makes a folder of 2,000 flat
//! snapshots and imports it; another number of them may follow after `--` (100,000 is what the
//! design asks for: some 1.5 GB on the disk). The real folder is looked for in
//! `TINTYPE_SHARED/legacy/flat`, or in `../shared`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;
use tempfile::TempDir;
use tintype::Repository;
use tintype::codec::frame;
use tintype::format::hashes::sha256;
use tintype::model::time::Stopwatch;
use tintype::ops::legacy::{self, Options};

/// The most memory that an import may take more than the process had before, in MiB, but for what
/// each file is known by.
const MORE_MIB: f64 = 192.0;
/// How many bytes may be kept for a file until the report is told.
const FILE_BYTES_MAX: f64 = 512.0;
/// How much slower the last tenth may be than the first.
const SLOWER_MAX: f64 = 2.0;
/// How often the folder is read, and imported; the best counts.
const ROUNDS: usize = 5;

fn main() {
    let count = env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(2_000);
    many(count);
    real();
}

/// A generated folder: the rate in each tenth, and the memory at its end.
fn many(count: u64) {
    let folder = TempDir::new().unwrap();
    let watch = Stopwatch::start();
    let bytes = make(folder.path(), count);
    let mb = bytes as f64 / 1e6;
    println!("{count} flat snapshots, {mb:.0} MB, made in {:.1} s", watch.elapsed().as_secs_f64());
    let store = TempDir::new().unwrap();
    let repo = Repository::init(store.path().join("tintype.db")).unwrap();
    let before = resident();
    let watch = Stopwatch::start();
    let plan = legacy::plan(&repo, folder.path(), &mut |_| {}).unwrap();
    println!("planned in {:.2} s", watch.elapsed().as_secs_f64());
    println!("tenth   snapshots/s     MB/s   memory MiB");
    let watch = Stopwatch::start();
    let (mut last, mut tenth, mut rates) = (0.0, 0, Vec::new());
    let report = legacy::apply(&repo, plan, &Options::default(), &mut |told| {
        while told.done * 10 >= told.total * (tenth + 1) && tenth < 10 {
            let now = watch.elapsed().as_secs_f64();
            let rate = count as f64 / 10.0 / (now - last);
            tenth += 1;
            println!("{tenth:5} {rate:13.0} {:8.1} {:12.1}", mb / 10.0 / (now - last), resident());
            rates.push(rate);
            last = now;
        }
    })
    .unwrap();
    let all = watch.elapsed().as_secs_f64();
    assert_eq!((report.snapshots.imported, report.files.failed), (count, 0));
    let more = resident() - before;
    println!("all in {all:.1} s: {:.0} a second, {:.1} MB/s", count as f64 / all, mb / all);
    let limit = MORE_MIB + report.files.scanned as f64 * FILE_BYTES_MAX / f64::from(1 << 20);
    println!("memory above the start: {more:.1} MiB of {limit:.0}");
    assert!(more < limit, "{more} MiB");
    drop(report);
    let watch = Stopwatch::start();
    let plan = legacy::plan(&repo, folder.path(), &mut |_| {}).unwrap();
    let again = legacy::apply(&repo, plan, &Options::default(), &mut |_| {}).unwrap();
    assert_eq!((again.snapshots.imported, again.snapshots.duplicates), (0, count));
    println!("again, with nothing new: {:.1} s", watch.elapsed().as_secs_f64());
    let watch = Stopwatch::start();
    let proof = legacy::verify(&repo, Some(folder.path()), &mut |_| {}).unwrap();
    assert!(proof.ok);
    println!("verified in {:.1} s", watch.elapsed().as_secs_f64());
    let stats = repo.stats().unwrap();
    println!("the store has {:.1} MB", stats.file_bytes as f64 / 1e6);
    if count >= 10_000 {
        let (first, last) = (rates[0], rates[9]);
        assert!(last * SLOWER_MAX > first, "{first:.0} a second at first, {last:.0} at last");
    }
}

/// Makes a folder of snapshots as scrapers make them: pages that differ a little, each with its
/// document and, every fourth, a picture. Gives the bytes of all files.
fn make(folder: &Path, count: u64) -> u64 {
    for name in ["html", "screenshots"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let row = |at: u64, row: u64| {
        let price = (at / 7 * 31 + row * 97) % 10_000;
        format!("<tr><td>kettle {row}</td><td>{price}</td><td>in stock</td></tr>\n")
    };
    let mut bytes = 0;
    let mut write = |path: PathBuf, content: &[u8]| {
        bytes += content.len() as u64;
        fs::write(path, content).unwrap();
    };
    for at in 0..count {
        let seconds = 1_769_000_000 + at * 60;
        let rows: String = (0..120).map(|number| row(at, number)).collect();
        let page = format!("<!DOCTYPE html>\n<html><body><table>\n{rows}</table></body></html>\n");
        let html = format!("html/shop_{seconds}.html");
        let png = (at % 4 == 0).then(|| format!("screenshots/shop_{seconds}.png"));
        write(folder.join(&html), page.as_bytes());
        if let Some(png) = &png {
            let noise = blake3_noise(at, 4_000);
            write(folder.join(png), &[b"\x89PNG\r\n\x1a\n".as_slice(), &noise].concat());
        }
        let document = json!({
            "schema_version": "1.2", "captured_at": format!("{}", micros(seconds)),
            "page": {
                "title": "Kettles", "url": "https://shop.example/kettles",
                "html": {
                    "filepath": html, "content_hash": sha256(page.as_bytes()), "format": "html",
                    "content_length": page.len(),
                },
                "screenshot": png.map(|png| json!({"filepath": png, "capture_mode": "fullpage"})),
            },
            "session": {"session_id": format!("{:08x}", at / 500), "status": "active"},
            "timing": {"total_ms": 17_396 + at % 1_000},
        });
        let document = serde_json::to_vec_pretty(&document).unwrap();
        write(folder.join(format!("shop_{seconds}.json")), &document);
    }
    bytes
}

fn micros(seconds: u64) -> tintype::Time {
    tintype::Time::from_micros(seconds as i64 * 1_000_000).unwrap()
}

/// Bytes without pattern: each number has its own.
fn blake3_noise(number: u64, bytes: usize) -> Vec<u8> {
    let mut noise = Vec::with_capacity(bytes + 32);
    let mut hash = frame::hash(&number.to_le_bytes());
    while noise.len() < bytes {
        noise.extend_from_slice(&hash.0);
        hash = frame::hash(&hash.0);
    }
    noise
}

/// The real folder: how long it takes, beside reading its files and hashing them with SHA-256, as
/// its documents did.
fn real() {
    let shared = env::var_os("TINTYPE_SHARED").map_or("../shared".into(), PathBuf::from);
    let folder = shared.join("legacy/flat");
    if !folder.is_dir() {
        println!("the real folder was not there: {}", folder.display());
        return;
    }
    let best =
        |work: &mut dyn FnMut() -> f64| (0..ROUNDS).map(|_| work()).fold(f64::INFINITY, f64::min);
    let mut hashes = BTreeMap::new();
    let read = best(&mut || {
        let watch = Stopwatch::start();
        let mut open = vec![folder.clone()];
        while let Some(at) = open.pop() {
            for entry in fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => open.push(path),
                    false => {
                        let hash = sha256(&fs::read(&path).unwrap());
                        hashes.insert(path, hash);
                    }
                }
            }
        }
        watch.elapsed().as_secs_f64()
    });
    let store = TempDir::new().unwrap();
    let mut round = 0;
    let import = best(&mut || {
        round += 1;
        let repo = Repository::init(store.path().join(format!("{round}.db"))).unwrap();
        // Making the store is not importing; until all is durable is.
        let watch = Stopwatch::start();
        let plan = legacy::plan(&repo, &folder, &mut |_| {}).unwrap();
        let planned = watch.elapsed().as_secs_f64();
        let report = legacy::apply(&repo, plan, &Options::default(), &mut |_| {}).unwrap();
        let seconds = watch.elapsed().as_secs_f64();
        assert_eq!(report.files.scanned, hashes.len() as u64);
        println!(
            "round {round}: planned in {:.1} ms, all in {:.1} ms, {} commits",
            planned * 1e3,
            seconds * 1e3,
            repo.commits()
        );
        repo.close().unwrap();
        seconds
    });
    let times = import / read;
    println!(
        "the real folder, {} files: read and hashed in {:.1} ms, imported in {:.1} ms, {times:.2} times",
        hashes.len(),
        read * 1e3,
        import * 1e3
    );
}

/// The memory of this process, in MiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|word| word.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
