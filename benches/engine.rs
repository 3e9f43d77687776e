//! What the engine costs, beside the least that it could cost on the same machine in the same run.
//!
//! `cargo bench --bench engine --no-default-features` measures everything; a word after `--`
//! chooses the groups whose names hold it: `ingest`, `durable`, `read`, `history`, `sizes`,
//! `metadata`. With `--test` everything runs once on a small generated history.
//!
//! Ratios and tails are printed as tables, since Criterion measures neither: what is compared
//! takes turns, and the figure is the median over the turns. `benches/README.md` holds the
//! targets and what was measured.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use criterion::{BenchmarkId, Criterion};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use tintype::codec::frame::{self, Codec, Frame};
use tintype::codec::level;
use tintype::model::time::Stopwatch;
use tintype::{Context, Draft, Pattern, Query, Repository, Tag, Ticket, Version};

/// Bytes of git's objects after `gc --aggressive`, for the histories that are not generated.
const GIT_BYTES: [(&str, u64); 2] = [("fires", 2_259_530), ("cdr", 682_570)];

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let chosen = words.iter().find(|word| !word.starts_with('-')).cloned();
    let run = |group: &str| chosen.as_ref().is_none_or(|word| group.contains(word.as_str()));
    let mut bench = Bench {
        quick: words.iter().any(|word| word == "--test"),
        histories: HashMap::new(),
        generated: Vec::new(),
    };
    if run("ingest") {
        bench.ingest();
    }
    if run("durable") {
        bench.durable_alone();
        bench.durable_together();
    }
    if run("read") {
        bench.read_large();
        bench.read_small();
    }
    if run("sizes") {
        bench.sizes();
    }
    if run("metadata") {
        bench.metadata();
    }
    if run("history") {
        // The word chose the group; what is in it is Criterion's to choose.
        let mut criterion = Criterion::default()
            .without_plots()
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2))
            .configure_from_args();
        bench.history(&mut criterion);
        criterion.final_summary();
    }
    if !bench.generated.is_empty() {
        println!(
            "\nGenerated, not real: {}. The real histories are looked for in $TINTYPE_SHARED/corpora \
             or ../shared/corpora{}.",
            bench.generated.join(", "),
            if bench.quick { ", but not with --test" } else { "" },
        );
    }
}

struct Bench {
    /// Whether everything is to run once, on little.
    quick: bool,
    histories: HashMap<&'static str, Vec<Vec<u8>>>,
    /// Which histories are not the real ones.
    generated: Vec<&'static str>,
}

impl Bench {
    /// `full` when measuring, `quick` when only trying whether everything runs.
    fn times(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// The versions of a history, oldest first: the real one where it is here.
    fn versions(&mut self, name: &'static str) -> Vec<Vec<u8>> {
        if let Some(versions) = self.histories.get(name) {
            return versions.clone();
        }
        let real = if self.quick { None } else { unpacked(name) };
        let versions = real.unwrap_or_else(|| {
            self.generated.push(name);
            match name {
                "fires" => documents(self.times(2_575, 60), self.times(200, 20)),
                _ => pages(self.times(637, 60), 40),
            }
        });
        self.histories.insert(name, versions.clone());
        versions
    }

    /// Ingest through the library against its bare limit: hash, encode on the same base, decode
    /// what was encoded and compare, in one thread.
    fn ingest(&mut self) {
        title("ingest: a whole history through the library, durable in large transactions");
        for name in ["fires", "cdr"] {
            let versions = self.versions(name);
            let mut turns = Turns::new(["bare limit", "library"]);
            let mut closing = Vec::new();
            for _ in 0..self.times(5, 1) {
                turns.take(0, || black_box(Chain::of(&versions)));
                let repo = Repository::temporary().unwrap();
                turns.take(1, || ingest(&repo, &versions));
                let watch = Stopwatch::start();
                repo.close().unwrap();
                closing.push(watch.elapsed());
            }
            let bytes: usize = versions.iter().map(Vec::len).sum();
            turns.print(&format!("{name}, {} versions, {bytes} bytes", versions.len()));
            line("closing (the log moves into the file)", millis(median(&mut closing)));
        }
    }

    /// One durable snapshot after another against a bare insert of the same bytes.
    fn durable_alone(&mut self) {
        title("durable: one snapshot of 10 KB of JSON, alone");
        let folder = TempDir::new().unwrap();
        let bare = Connection::open(folder.path().join("bare.db")).unwrap();
        for (pragma, value) in
            [("page_size", "4096"), ("journal_mode", "WAL"), ("synchronous", "FULL")]
        {
            bare.pragma_update(None, pragma, value).unwrap();
        }
        bare.execute_batch("CREATE TABLE content (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
            .unwrap();
        let mut insert = bare.prepare("INSERT INTO content (data) VALUES (?1)").unwrap();
        let repo = Repository::init(folder.path().join("tintype.db")).unwrap();
        let mut turns = Turns::new(["bare insert", "library"]);
        for content in documents(self.times(500, 5), 15) {
            let draft = Draft::bytes(content.clone());
            turns.take(0, || insert.execute([&content]).unwrap());
            turns.take(1, || repo.create(draft).unwrap());
        }
        turns.print("a snapshot");
        line("p99 of the bare insert", millis(turns.at(0, 0.99)));
        line("p99 of the library", millis(turns.at(1, 0.99)));
    }

    /// Eight threads that store durably against one.
    fn durable_together(&mut self) {
        title("durable: 8 threads, a place each, against one");
        let each = self.times(100, 3);
        let contents = documents(each, 15);
        let mut rates = [Vec::new(), Vec::new()];
        let mut commits = Vec::new();
        for _ in 0..self.times(5, 1) {
            for (threads, rates) in [1, 8].into_iter().zip(&mut rates) {
                let repo = Repository::temporary().unwrap();
                // The first commit opens the connection that writes.
                repo.create(Draft::text("first")).unwrap();
                let before = repo.commits();
                let watch = Stopwatch::start();
                thread::scope(|scope| {
                    for thread in 0..threads {
                        let (repo, contents) = (&repo, &contents);
                        let context = Context::site(format!("{thread}.example")).unwrap();
                        scope.spawn(move || {
                            for (at, content) in contents.iter().enumerate() {
                                // So that no two threads bring the same content.
                                let own = format!("[{thread},{at},{}]", text(content));
                                let draft = Draft::bytes(own).context(context.clone());
                                repo.create(draft).unwrap();
                            }
                        });
                    }
                });
                let snapshots = (threads * each) as f64;
                rates.push(snapshots / watch.elapsed().as_secs_f64());
                if threads == 8 {
                    commits.push((repo.commits() - before) as f64 / snapshots);
                }
            }
        }
        let [one, eight] = rates.map(|mut rates| median(&mut rates));
        line("snapshots a second, 1 thread", format!("{one:.0}"));
        line("snapshots a second, 8 threads", format!("{eight:.0}"));
        line("ratio", format!("{:.2}", eight / one));
        line("commits a snapshot, 8 threads", format!("{:.3}", median(&mut commits)));
    }

    /// Reading any version of a long history against decoding its chain in memory.
    fn read_large(&mut self) {
        let versions = self.versions("fires");
        title("read: any version of fires, warm, against decoding its chain in memory");
        let repo = Repository::temporary().unwrap();
        let names = ingest(&repo, &versions);
        let chain = Chain::of(&versions);
        let mut turns = Turns::new(["in memory", "library"]);
        let mut random = Random(7);
        for _ in 0..self.times(1_000, 20) {
            let at = random.below(versions.len());
            // What else runs on the machine is not to make the tail: the median of three.
            let mut three = Turns::new(["", ""]);
            for _ in 0..3 {
                let memory = three.take(0, || chain.read(at));
                let library = three.take(1, || repo.content(&names[at], "data").unwrap());
                assert!(memory == versions[at] && library == versions[at]);
            }
            for which in [0, 1] {
                turns.times[which].push(three.at(which, 0.5));
            }
        }
        turns.print("a version");
        line("p99 in memory", millis(turns.at(0, 0.99)));
        line("p99 of the library", millis(turns.at(1, 0.99)));
        line("deltas to a version, mean", format!("{:.1}", chain.depth_mean()));
    }

    /// Reading small snapshots.
    fn read_small(&mut self) {
        title("read: a snapshot of 1 KB");
        let repo = Repository::temporary().unwrap();
        let names = ingest(&repo, &documents(self.times(1_000, 30), 1));
        let mut turns = Turns::new(["content", "get"]);
        let mut random = Random(8);
        for _ in 0..self.times(3_000, 20) {
            let version = &names[random.below(names.len())];
            turns.take(0, || repo.content(version, "data").unwrap());
            turns.take(1, || repo.get(version).unwrap());
        }
        for (which, name) in ["content", "get"].into_iter().enumerate() {
            line(&format!("{name}, p50"), micros(turns.at(which, 0.5)));
            line(&format!("{name}, p99"), micros(turns.at(which, 0.99)));
        }
    }

    /// What the file weighs after a whole history.
    fn sizes(&mut self) {
        title("sizes: the whole file, checkpointed");
        for name in ["fires", "cdr"] {
            let versions = self.versions(name);
            let real = !self.generated.contains(&name);
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("tintype.db");
            let repo = Repository::init(&path).unwrap();
            ingest(&repo, &versions);
            let stats = repo.stats().unwrap();
            repo.close().unwrap();
            let whole: usize = versions.iter().map(|v| frame::encode(v, None).data.len()).sum();
            let file = fs::metadata(&path).unwrap().len();
            line(&format!("{name}, as given"), stats.bytes.to_string());
            line("  each version alone, zstd 3", whole.to_string());
            let measured = env::var_os("TINTYPE_BENCH_GIT").and_then(|_| git(&versions));
            let known = GIT_BYTES.iter().find(|(git, _)| real && *git == name);
            let git = measured.or(known.map(|(_, bytes)| *bytes));
            if let Some(git) = git {
                line("  git's objects after gc --aggressive", git.to_string());
            }
            line("  the file", file.to_string());
            line("    its deltas and wholes", stats.stored.to_string());
            if let Some(git) = git {
                line("  the file to git's objects", format!("{:.3}", file as f64 / git as f64));
            }
        }
    }

    /// What the file holds beside content, for many snapshots of one small artifact.
    fn metadata(&mut self) {
        title("metadata: bytes a snapshot of one small artifact, content taken off");
        let count = self.times(10_000, 200);
        for sessions in [false, true] {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("tintype.db");
            let repo = Repository::init(&path).unwrap();
            repo.bulk(|| {
                let tickets: Vec<Ticket> = (0..count)
                    .map(|at| {
                        let run = sessions.then(|| format!("run-{}", at / 100));
                        let parts = ["shop.example", "prices", "list"].map(|p| Some(p.to_owned()));
                        let [site, module, component] = parts;
                        let parts = [site, module, component, run, None];
                        let context = Context::from_parts(parts).unwrap();
                        let price = json!({"name": "a small thing", "price": at});
                        let draft = Draft::json(&price).unwrap().context(context);
                        repo.submit(repo.prepare(draft).unwrap())
                    })
                    .collect();
                tickets.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
            });
            let stored = repo.stats().unwrap().stored;
            repo.close().unwrap();
            let a_snapshot = |bytes: u64| format!("{:.1}", bytes as f64 / count as f64);
            let file = fs::metadata(&path).unwrap().len();
            let what = if sessions { "a session for each 100" } else { "no session" };
            line(&format!("{what}: all but content"), a_snapshot(file - stored));
            for (name, bytes) in weights(&path) {
                if bytes * 2 > count as u64 {
                    line(&format!("  {name}"), a_snapshot(bytes));
                }
            }
            line("  of which content in blob", a_snapshot(stored));
        }
    }

    /// What must not grow with the number of snapshots.
    fn history(&mut self, criterion: &mut Criterion) {
        let sizes: &[usize] = match (self.quick, env::var_os("TINTYPE_BENCH_MILLION")) {
            (true, _) => &[200],
            (false, None) => &[1_000, 100_000],
            (false, Some(_)) => &[1_000, 100_000, 1_000_000],
        };
        let mut group = criterion.benchmark_group("history");
        group.sample_size(50);
        for &size in sizes {
            let repo = Repository::temporary().unwrap();
            let names = populate(&repo, size);
            let id = |what: &str| BenchmarkId::new(what, size);
            let mut random = Random(9);
            let mut some = || &names[random.below(size)];
            let tag: Tag = "checked".parse().unwrap();
            group.bench_function(id("get"), |b| b.iter(|| repo.get(some()).unwrap()));
            group.bench_function(id("content"), |b| {
                b.iter(|| repo.content(some(), "data").unwrap());
            });
            let place: Pattern = "3.example/m/c-3".parse().unwrap();
            let scattered: Pattern = "*/*/c-3".parse().unwrap();
            let session: Pattern = "*/*/*/run-3".parse().unwrap();
            let tagged = Query::all().tag("nightly".parse().unwrap());
            for (name, query) in [
                ("list 50 of a place", Query::context(place)),
                ("list 50 by pattern", Query::context(scattered)),
                ("list of a session", Query::context(session)),
                ("list 50 by tag", tagged),
            ] {
                group.bench_function(id(name), |b| b.iter(|| repo.find(&query).unwrap()));
            }
            group.bench_function(id("tag and untag"), |b| {
                b.iter(|| {
                    let version = some();
                    repo.tag(version, &tag).unwrap();
                    repo.untag(version, &tag).unwrap();
                });
            });
            let mut count = size;
            group.bench_function(id("create"), |b| {
                b.iter(|| {
                    count += 1;
                    repo.create(small(count)).unwrap()
                });
            });
        }
        group.finish();
    }
}

// Histories

/// The versions of a real history, or nothing where its archive is not here.
fn unpacked(name: &str) -> Option<Vec<Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = env::var_os("TINTYPE_SHARED").map_or(root.join("../shared"), PathBuf::from);
    let archive = shared.join("corpora").join(name).with_extension("tar.zst");
    let folder = TempDir::new().unwrap();
    let tar = archive.is_file().then(|| {
        let mut tar = Command::new("tar");
        tar.args(["-I", "zstd -d --long=27", "-xf"]).arg(&archive).arg("-C").arg(folder.path());
        tar.status()
    });
    if !tar?.is_ok_and(|status| status.success()) {
        eprintln!("{} can't be unpacked", archive.display());
        return None;
    }
    // File names sort in time.
    let mut files: Vec<PathBuf> = fs::read_dir(folder.path().join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    Some(files.iter().map(|file| fs::read(file).unwrap()).collect())
}

/// A generator of numbers that are the same in each run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// A few words that do not compress to nothing.
    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| format!("{:x} ", self.below(1 << 24))).collect()
    }
}

/// Versions of a JSON document of some 660 bytes a record, of which a few change each time.
fn documents(versions: usize, records: usize) -> Vec<Vec<u8>> {
    let mut random = Random(1);
    let mut list: Vec<Value> = (0..records)
        .map(
            |id| json!({"id": id, "name": random.words(3), "acres": 1, "report": random.words(88)}),
        )
        .collect();
    (0..versions)
        .map(|version| {
            for _ in 0..2 {
                let acres = random.below(1_000_000);
                list[random.below(records)]["acres"] = acres.into();
            }
            if version % 8 == 7 {
                let report = random.words(88);
                list[random.below(records)]["report"] = report.into();
            }
            serde_json::to_vec(&json!({"version": version, "records": list})).unwrap()
        })
        .collect()
}

/// Versions of an HTML page of some 250 bytes a row: the newest row comes first.
fn pages(versions: usize, rows: usize) -> Vec<Vec<u8>> {
    let mut random = Random(2);
    let mut row = || {
        format!(
            "<tr><td class=\"name\">{}</td><td>{}</td></tr>\n",
            random.words(3),
            random.words(25)
        )
    };
    let mut list: Vec<String> = (0..rows).map(|_| row()).collect();
    (0..versions)
        .map(|version| {
            list.pop();
            list.insert(0, row());
            format!("<!doctype html><title>{version}</title><table>\n{}</table>", list.concat())
                .into_bytes()
        })
        .collect()
}

fn text(content: &[u8]) -> &str {
    std::str::from_utf8(content).unwrap()
}

// Work that is measured

/// Stores all versions in order as one lane and waits until they are durable.
fn ingest(repo: &Repository, versions: &[Vec<u8>]) -> Vec<Version> {
    let tickets = repo.bulk(|| {
        let submit = |content: &Vec<u8>| {
            let draft = Draft::bytes(content.as_slice());
            repo.submit(repo.prepare(draft).unwrap())
        };
        versions.iter().map(submit).collect::<Vec<Ticket>>()
    });
    tickets.into_iter().map(|ticket| ticket.wait().unwrap().version).collect()
}

/// A history in memory, coded as the store codes it: equal contents once, each on the base that
/// the store would choose.
struct Chain {
    links: Vec<ChainLink>,
    /// The link of each version.
    of_version: Vec<usize>,
}

struct ChainLink {
    frame: Frame,
    base: Option<usize>,
    bytes: usize,
}

impl Chain {
    /// Hashes each version, encodes what is new and checks that it can be decoded.
    fn of(versions: &[Vec<u8>]) -> Chain {
        let mut chain = Chain { links: Vec::new(), of_version: Vec::new() };
        let mut known = HashMap::new();
        let mut contents: Vec<&[u8]> = Vec::new();
        // Positions count from the last content that was kept whole.
        let mut start = 0;
        for content in versions {
            let next = contents.len();
            let link = *known.entry(frame::hash(content)).or_insert(next);
            chain.of_version.push(link);
            if link < next {
                continue;
            }
            let base = level::base_position((next - start) as u64)
                .map(|position| start + position as usize)
                .filter(|base| *base < next);
            let base_content = base.map(|base| contents[base]);
            let frame = frame::encode(content, base_content);
            assert!(decoded(&frame, base_content, content.len()) == *content);
            let base = base.filter(|_| frame.codec == Codec::Delta);
            start = if base.is_none() { next } else { start };
            chain.links.push(ChainLink { frame, base, bytes: content.len() });
            contents.push(content);
        }
        chain
    }

    fn path(&self, version: usize) -> Vec<usize> {
        let mut path = vec![self.of_version[version]];
        while let Some(base) = self.links[path[path.len() - 1]].base {
            path.push(base);
        }
        path
    }

    fn read(&self, version: usize) -> Vec<u8> {
        let mut content: Option<Vec<u8>> = None;
        for link in self.path(version).into_iter().rev().map(|link| &self.links[link]) {
            content = Some(decoded(&link.frame, content.as_deref(), link.bytes));
        }
        content.unwrap()
    }

    fn depth_mean(&self) -> f64 {
        let versions = self.of_version.len();
        (0..versions).map(|at| self.path(at).len() - 1).sum::<usize>() as f64 / versions as f64
    }
}

fn decoded(frame: &Frame, base: Option<&[u8]>, bytes: usize) -> Vec<u8> {
    frame::decode(frame.codec, &frame.data, base, bytes).unwrap()
}

/// Fills a store: 4 sites of 5 components, a session for each 10 snapshots, a tag on each fifth.
fn populate(repo: &Repository, size: usize) -> Vec<Version> {
    let tickets = repo.bulk(|| {
        let submit = |at| repo.submit(repo.prepare(small(at)).unwrap());
        (0..size).map(submit).collect::<Vec<Ticket>>()
    });
    tickets.into_iter().map(|ticket| ticket.wait().unwrap().version).collect()
}

fn small(at: usize) -> Draft {
    let context = format!("{}.example/m/c-{}/run-{}", at % 4, at / 4 % 5, at / 10);
    let value = json!({"name": "a small thing", "price": at, "stock": at % 7});
    let draft = Draft::json(&value).unwrap().context(context.parse().unwrap());
    if at.is_multiple_of(5) { draft.tag("nightly").unwrap() } else { draft }
}

/// Bytes of each table and index of a file, the largest first.
fn weights(path: &Path) -> Vec<(String, u64)> {
    let conn = Connection::open(path).unwrap();
    let sql = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC";
    let mut list = conn.prepare(sql).unwrap();
    let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Bytes of git's objects for a history of one file, or nothing where there is no git.
fn git(versions: &[Vec<u8>]) -> Option<u64> {
    let folder = TempDir::new().unwrap();
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder.path()).args(words).stdout(Stdio::null()).stderr(Stdio::null());
        git
    };
    git(&["init", "--bare"]).status().ok().filter(|status| status.success())?;
    let mut stream = Vec::new();
    for (at, content) in versions.iter().enumerate() {
        let head = format!(
            "commit refs/heads/main\ncommitter bench <> {} +0000\ndata 1\n.\nM 644 inline data\n\
             data {}\n",
            1_500_000_000 + at,
            content.len()
        );
        stream.extend_from_slice(head.as_bytes());
        stream.extend_from_slice(content);
        stream.push(b'\n');
    }
    let input = folder.path().join("stream");
    fs::write(&input, stream).unwrap();
    let import = git(&["fast-import"]).stdin(fs::File::open(&input).unwrap()).status();
    let packed = git(&["gc", "--aggressive", "--prune=now"]).status();
    assert!(import.unwrap().success() && packed.unwrap().success());
    let pack = fs::read_dir(folder.path().join("objects/pack")).unwrap();
    Some(pack.map(|entry| entry.unwrap().metadata().unwrap().len()).sum())
}

// Tables

/// The times of two things that take turns.
struct Turns {
    names: [&'static str; 2],
    times: [Vec<Duration>; 2],
}

impl Turns {
    fn new(names: [&'static str; 2]) -> Self {
        Turns { names, times: [Vec::new(), Vec::new()] }
    }

    fn take<T>(&mut self, which: usize, work: impl FnOnce() -> T) -> T {
        let watch = Stopwatch::start();
        let value = work();
        self.times[which].push(watch.elapsed());
        value
    }

    /// The time that this share of the turns stayed within.
    fn at(&mut self, which: usize, share: f64) -> Duration {
        quantile(&mut self.times[which], share)
    }

    /// Prints the medians, and the second as a multiple of the first.
    fn print(&mut self, what: &str) {
        println!("  {what}");
        let [one, other] = [self.at(0, 0.5), self.at(1, 0.5)];
        line(self.names[0], millis(one));
        line(self.names[1], millis(other));
        line("ratio", format!("{:.2}", other.as_secs_f64() / one.as_secs_f64()));
    }
}

fn quantile<T: PartialOrd + Copy>(all: &mut [T], share: f64) -> T {
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all[((all.len() as f64 * share) as usize).min(all.len() - 1)]
}

fn median<T: PartialOrd + Copy>(all: &mut [T]) -> T {
    quantile(all, 0.5)
}

fn title(text: &str) {
    println!("\n{text}");
}

fn line(what: &str, figure: String) {
    println!("    {what:<44} {figure:>14}");
}

fn millis(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

fn micros(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}
