//! What content larger than memory costs: the speed, and the most memory that the command has had.
//!
//! `cargo bench --bench large --no-default-features --features cli` puts a generated stream of
//! 1 GiB, and the same with an edit in each 64 MiB, gets both and verifies all; another number of
//! MiB may follow after `--`. It takes some three times that on the disk.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fs, thread};

use tempfile::TempDir;
use tintype::codec::frame::Hasher;
use tintype::model::time::Stopwatch;

const TINTYPE: &str = env!("CARGO_BIN_EXE_tintype");
/// Bytes that are generated at once.
const PART: usize = 1 << 20;
/// The most memory that a command may take more than one that does nothing, in MiB.
const MORE_MIB: f64 = 64.0;

fn main() {
    let mib = env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_024);
    let folder = TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let mut child = Command::new(TINTYPE);
        child.current_dir(folder.path()).args(args);
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    assert!(run(&["init", "--quiet"]).wait().unwrap().success());
    println!("{mib} MiB             MB/s    peak MiB   above the base");
    let base = measure("base", run(&["stats"]), 0, None, |_, mut output| drain(&mut output).0);
    let mut hashes = Vec::new();
    for (what, every) in [("put", usize::MAX), ("put, edited", 64)] {
        let mut hash = Hasher::new();
        measure(what, run(&["put", "-"]), mib, Some(base), |input, mut output| {
            let mut input = input.unwrap();
            let mut noise = Noise(1);
            for at in 0..mib {
                let mut part = noise.part();
                if at % every == every / 2 {
                    part.splice(1_000..1_000, *b"edited");
                }
                hash.update(&part);
                input.write_all(&part).unwrap();
            }
            drop(input);
            drain(&mut output).0
        });
        hashes.push(hash.hash());
    }
    for (what, version, hash) in [("get", "oldest", 0), ("get, edited", "latest", 1)] {
        measure(what, run(&["get", version]), mib, Some(base), |_, mut output| {
            let (bytes, found) = drain(&mut output);
            assert_eq!(found.hash(), hashes[hash]);
            bytes
        });
    }
    measure("get to a file", run(&["get", "latest", "-o", "out"]), mib, Some(base), |_, _| 0);
    fs::remove_file(folder.path().join("out")).unwrap();
    let verify = run(&["verify", "--read-data"]);
    measure("verify, both", verify, 2 * mib, Some(base), |_, mut output| drain(&mut output).0);
    let bytes = fs::metadata(folder.path().join("tintype.db")).unwrap().len();
    println!("the store has {:.1} MiB", bytes as f64 / f64::from(1 << 20));
}

/// Numbers without pattern, the same in each run.
struct Noise(u64);

impl Noise {
    fn part(&mut self) -> Vec<u8> {
        let mut part = Vec::with_capacity(PART + 8);
        while part.len() < PART {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            part.extend(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
        }
        part
    }
}

/// Reads all that comes; gives its length and hash.
fn drain(output: &mut ChildStdout) -> (u64, Hasher) {
    let (mut bytes, mut hasher, mut buffer) = (0, Hasher::new(), vec![0; PART]);
    loop {
        match output.read(&mut buffer).unwrap() {
            0 => return (bytes, hasher),
            count => {
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

/// Prints what a command took, and gives the most memory that it had, in MiB.
fn measure(
    what: &str,
    mut child: Child,
    mib: usize,
    base: Option<f64>,
    feed: impl FnOnce(Option<ChildStdin>, ChildStdout) -> u64,
) -> f64 {
    let status = format!("/proc/{}/status", child.id());
    let watch = Stopwatch::start();
    let peak = thread::spawn(move || {
        let mut peak = 0.0_f64;
        // What a process had at most only grows, until it ends.
        while let Some(now) = fs::read_to_string(&status).ok().and_then(|text| peak_of(&text)) {
            peak = peak.max(now);
            thread::sleep(std::time::Duration::from_millis(1));
        }
        peak
    });
    let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
    feed(input, output);
    assert!(child.wait().unwrap().success(), "{what}");
    let seconds = watch.elapsed().as_secs_f64();
    let peak = peak.join().unwrap();
    let more = base.map_or(0.0, |base| peak - base);
    let speed = mib as f64 * f64::from(1 << 20) / 1e6 / seconds;
    println!("{what:16} {speed:8.0} {peak:11.1} {more:16.1}");
    assert!(more < MORE_MIB, "{what} took {more} MiB");
    peak
}

fn peak_of(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}
