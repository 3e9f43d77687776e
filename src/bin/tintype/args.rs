//! What can be typed.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::alert::AlertCommand;
pub use crate::backup::args::Backup;
#[cfg(feature = "chrome")]
pub use crate::capture::args::Capture;
pub use crate::context::ContextCommand;
pub use crate::doctor::Doctor;
pub use crate::flag::args::Flag;
pub use crate::incident::args::Incident;
pub use crate::legacy::args::Legacy;
pub use crate::monitor::Monitor;
pub use crate::report::Report;
pub use crate::sql::Sql;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use serde_json::Value;
use tintype::{
    ArtifactName, Context, EventKind, Keep, Pattern, Place, Selector, Status, Tag, Time, Version,
};

/// The memory of a scraper: every version of the pages it saw and of the data it made from them,
/// in one SQLite file.
#[derive(Parser)]
#[command(
    name = "tintype",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Examples:
  tintype init
  tintype put feed.json --context shop.example/prices/feed --tag nightly
  tintype capture https://shop.example/ --context shop.example/prices
  tintype list --context 'shop.example/*'
  tintype diff oldest latest
  tintype get latest -o feed.json
  tintype retention set --keep-last 1000"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The store [default: tintype.db]
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "TINTYPE_STORE",
        value_hint = ValueHint::FilePath
    )]
    pub store: Option<PathBuf>,
    /// Print JSON: one document, or one a line for lists
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but data and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell more on stderr; twice for even more, three times for each call of the browser
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: When,
    /// Wait so many seconds where another process holds the store
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub busy_timeout: Duration,
}

impl Global {
    /// The store that is named, or the one of this name in the current folder.
    pub fn store(&self) -> &Path {
        self.store.as_deref().unwrap_or(Path::new("tintype.db"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make a store
    #[command(after_help = "Examples:
  tintype init
  tintype init --store /var/lib/shop/pages.db")]
    Init,
    /// Store files: a snapshot for each, in the order given
    Put(Put),
    /// Give back an artifact, byte for byte
    Get(Get),
    /// List snapshots, the newest first
    List(List),
    /// Tell everything known about a snapshot
    #[command(after_help = "Examples:
  tintype show latest
  tintype show latest:good --json")]
    Show {
        /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
        version: Selector,
    },
    /// Put tags on a snapshot
    #[command(after_help = "Examples:
  tintype tag latest good
  tintype tag 1k0ter2meg good reviewed")]
    Tag {
        /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
        version: Selector,
        /// The tags
        #[arg(required = true)]
        tags: Vec<Tag>,
    },
    /// Take tags off a snapshot
    #[command(after_help = "Examples:
  tintype untag latest good")]
    Untag {
        /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
        version: Selector,
        /// The tags
        #[arg(required = true)]
        tags: Vec<Tag>,
    },
    /// List tags with how many snapshots carry each
    #[command(after_help = "Examples:
  tintype tags
  tintype tags --json")]
    Tags,
    /// Put the tag `pinned` on snapshots, which keeps them from being forgotten
    #[command(after_help = "Examples:
  tintype pin latest
  tintype pin latest:good oldest")]
    Pin {
        /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
        #[arg(required = true, value_name = "VERSION")]
        versions: Vec<Selector>,
    },
    /// Take the tag `pinned` off snapshots
    #[command(after_help = "Examples:
  tintype unpin latest")]
    Unpin {
        /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
        #[arg(required = true, value_name = "VERSION")]
        versions: Vec<Selector>,
    },
    /// Tell what differs between two snapshots
    Diff(Diff),
    /// Write a page for people of what a snapshot tells: one HTML file
    Report(Report),
    /// Capture web pages: a snapshot for each, in the order given
    #[cfg(feature = "chrome")]
    Capture(Box<Capture>),
    /// Tell of what a scraper met and did not expect: it is counted, and captured where that is due
    Incident(Box<Incident>),
    /// Look for damage
    #[command(after_help = "Examples:
  tintype verify
  tintype verify --read-data --json")]
    Verify {
        /// Look at the pages of the file only
        #[arg(long, conflicts_with = "read_data")]
        quick: bool,
        /// Decode all content and compare it with its hash
        #[arg(long)]
        read_data: bool,
    },
    /// Keep what is cold in less: takes time, and is read as fast as before
    #[command(after_help = "Examples:
  tintype repack --dry-run
  tintype repack")]
    Repack {
        /// Do it on a copy and tell what it would win; takes as long, and the room of the copy
        #[arg(long)]
        dry_run: bool,
    },
    /// Write snapshots into an archive: a store with just those
    Export(Export),
    /// Store all snapshots of an archive
    Import(Import),
    /// Take in old snapshot folders of Python programs, with proof
    #[command(subcommand)]
    Legacy(Legacy),
    /// Make a new store of what can be read of a damaged one
    Repair(Repair),
    /// Make whole copies of the store while others write, and put them back
    #[command(subcommand)]
    Backup(Backup),
    /// Count what the store holds and what that costs
    #[command(after_help = "Examples:
  tintype stats
  tintype stats --json")]
    Stats,
    /// Tell how captures went: how many, how fast, how whole, and what keeping them costs
    Metrics(Metrics),
    /// Look at rules, and tell of alerts that fire and that are over
    Monitor(Monitor),
    /// List alerts, acknowledge, end and raise them
    #[command(subcommand)]
    Alert(AlertCommand),
    /// List changes as the log tells of them, the newest first
    Events(Events),
    /// Forget snapshots: those named, or those that rules don't keep
    Forget(Forget),
    /// Take forgotten snapshots back, which can be done until they are purged
    #[command(after_help = "Examples:
  tintype list --forgotten
  tintype undelete 1k0ter2meg")]
    Undelete {
        /// Versions, or the beginning of them
        #[arg(required = true, value_name = "VERSION")]
        versions: Vec<Selector>,
    },
    /// Switch features on and off, for some or for all
    #[command(subcommand)]
    Flag(Flag),
    /// Say what is kept in a place whenever a snapshot is stored there
    #[command(subcommand)]
    Retention(Retention),
    /// Purge snapshots that were forgotten seven days ago, and free what nothing needs
    #[command(
        after_help = "What is purged can't be had back. Until then, undelete takes a snapshot back.

Examples:
  tintype gc --dry-run
  tintype gc --now"
    )]
    Gc {
        /// Tell what would be purged, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Purge all that is forgotten, however lately
        #[arg(long)]
        now: bool,
        /// Don't ask whether --now is meant
        #[arg(long, requires = "now")]
        yes: bool,
    },
    /// Forget all snapshots that are not pinned
    #[command(after_help = "Examples:
  tintype clear --dry-run
  tintype clear --yes")]
    Clear {
        /// Don't ask
        #[arg(long)]
        yes: bool,
        /// Tell how many would be forgotten, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Tell what is where
    #[command(subcommand)]
    Context(ContextCommand),
    /// Ask the store a question in SQL
    Sql(Sql),
    /// Look whether this machine gives what is needed
    Doctor(Doctor),
    /// The five-minute tour, on real parts
    #[cfg(feature = "chrome")]
    Demo(Demo),
    /// Print a completion script for a shell
    #[command(after_help = "Examples:
  tintype completions bash > ~/.local/share/bash-completion/completions/tintype
  tintype completions zsh > ~/.zfunc/_tintype")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a page of the manual for each command
    #[command(after_help = "Examples:
  tintype man ~/.local/share/man/man1
  tintype man pages --json")]
    Man {
        /// The folder; it is made where it is not there
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Print the JSON Schema of what --json prints, of all commands or of one
    #[command(after_help = "Examples:
  tintype schema > tintype.schema.json
  tintype schema flag explain")]
    Schema {
        /// The command, as it is typed
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype put feed.json --context shop.example/prices/feed --tag nightly
  tintype put page.html page.png --together --context shop.example
  curl -s https://shop.example/feed.json | tintype put - --media-type application/json")]
pub struct Put {
    /// The files; - is what comes in on stdin
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Store one snapshot of all files, each an artifact with the file's name
    #[arg(long)]
    pub together: bool,
    #[command(flatten)]
    pub about: About,
    /// Choose the version; one is made unless told
    #[arg(long)]
    pub version: Option<Version>,
    /// Name the artifact; `data` unless told
    #[arg(long, value_name = "ARTIFACT", conflicts_with = "together")]
    pub name: Option<ArtifactName>,
    /// Say what kind of content it is; told from the file's name otherwise
    #[arg(long, value_name = "M")]
    pub media_type: Option<String>,
    /// Say which version it comes from; its content is the base of deltas
    #[arg(long, value_name = "VERSION")]
    pub base: Option<Selector>,
    /// Keep the content whole
    #[arg(long, conflicts_with = "base")]
    pub full: bool,
}

/// What is said about new snapshots.
#[derive(Args)]
pub struct About {
    /// Where it belongs: site/module/component/session/function
    #[arg(long, value_name = "C", default_value_t)]
    pub context: Context,
    /// Put a tag on it; may be given several times
    #[arg(long = "tag", value_name = "T")]
    pub tags: Vec<Tag>,
    /// Describe it in words
    #[arg(long, value_name = "D")]
    pub description: Option<String>,
    /// Set a field of its user info: KEY=TEXT or KEY:=JSON; may be given several times
    #[arg(long, value_name = "K=V", value_parser = field)]
    pub info: Vec<(String, Value)>,
    /// Choose its time, as 2026-01-29T06:43:41Z
    #[arg(long, value_name = "TIME")]
    pub at: Option<Time>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype get latest -o feed.json
  tintype get latest:good --artifact page.html
  tintype get 1k0ter2meg -o folder/")]
pub struct Get {
    /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
    pub version: Selector,
    /// The artifact, where there are several
    #[arg(long, value_name = "NAME")]
    pub artifact: Option<ArtifactName>,
    /// Write to this file, or to files in this folder; - is stdout
    #[arg(long, short, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype list --context 'shop.example/*/checkout' --status failed
  tintype list --tag nightly --since 2026-01-01 --json
  tintype list --where stage=live --where retries:=3")]
pub struct List {
    /// Only in contexts like this; * is any value of its part, parts left out match anything
    #[arg(long, value_name = "PATTERN", default_value_t)]
    pub context: Pattern,
    /// Only with this tag; may be given several times
    #[arg(long = "tag", value_name = "T")]
    pub tags: Vec<Tag>,
    /// Only taken then or later
    #[arg(long, value_name = "T")]
    pub since: Option<Time>,
    /// Only taken before
    #[arg(long, value_name = "T")]
    pub until: Option<Time>,
    /// Only of this status: complete, partial, minimal or failed
    #[arg(long, value_name = "S")]
    pub status: Option<Status>,
    /// Only where this field of the user info has this value: KEY=TEXT or KEY:=JSON
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = field)]
    pub fields: Vec<(String, Value)>,
    /// Only where the description has all these words
    #[arg(long, value_name = "WORDS")]
    pub text: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = count)]
    pub limit: usize,
    /// Go on after this version, the last of the list before
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<Version>,
    /// The oldest first
    #[arg(long)]
    pub oldest: bool,
    /// List forgotten ones, which can be had back, instead
    #[arg(long)]
    pub forgotten: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype metrics --since 2026-01-01
  tintype metrics --context 'shop.example/*/login' --json
  tintype metrics --prometheus > /var/lib/node_exporter/tintype.prom")]
pub struct Metrics {
    /// Only captures in contexts like this; * is any value of its part
    #[arg(long, value_name = "PATTERN", default_value_t)]
    pub context: Pattern,
    /// Only taken then or later
    #[arg(long, value_name = "T")]
    pub since: Option<Time>,
    /// Only taken before
    #[arg(long, value_name = "T")]
    pub until: Option<Time>,
    /// Print all that was ever counted, as Prometheus reads it
    #[arg(long, conflicts_with_all = ["context", "since", "until", "json"])]
    pub prometheus: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype events --version latest
  tintype events --kind forget --since 2026-01-01
  tintype events --oldest --after 100 --limit 1000 --json")]
pub struct Events {
    /// Only those of this snapshot, which may be forgotten
    #[arg(long, value_name = "V")]
    pub version: Option<Selector>,
    /// Only those of this kind: init, create, tag, untag, forget, undelete, purge, retention, repair, flag,
    /// restore
    #[arg(long, value_name = "K")]
    pub kind: Option<EventKind>,
    /// Only those written down then or later
    #[arg(long, value_name = "T")]
    pub since: Option<Time>,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = count)]
    pub limit: usize,
    /// Go on after this one, the last of the list before
    #[arg(long, value_name = "SEQ")]
    pub after: Option<u64>,
    /// The oldest first
    #[arg(long)]
    pub oldest: bool,
}

#[derive(Args)]
#[command(
    override_usage = "tintype forget [OPTIONS] <VERSION>...
       tintype forget [OPTIONS] --keep-last N … [--context PATTERN] [--tag T]...",
    after_help = "\
Rules are applied to each place by itself. A snapshot stays where one of them keeps it, where it is
pinned, and where it is the newest of its place. What is forgotten can be had back with undelete
until gc purges it.

Examples:
  tintype forget latest
  tintype forget --keep-last 30 --keep-daily 7 --context shop.example --dry-run
  tintype forget --keep-within 30d --keep-tag good"
)]
pub struct Forget {
    /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
    #[arg(
        value_name = "VERSION",
        required_unless_present = "KeepRules",
        conflicts_with = "KeepRules"
    )]
    pub versions: Vec<Selector>,
    #[command(flatten)]
    pub keep: KeepRules,
    /// Only in contexts like this
    #[arg(long, value_name = "PATTERN", requires = "KeepRules")]
    pub context: Option<Pattern>,
    /// Only with this tag; may be given several times
    #[arg(long = "tag", value_name = "T", requires = "KeepRules")]
    pub tags: Vec<Tag>,
    /// Tell what would be forgotten and what stays, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What is kept.
#[derive(Args)]
pub struct KeepRules {
    /// Keep the newest so many
    #[arg(long, value_name = "N", value_parser = rule)]
    pub keep_last: Option<u32>,
    /// Keep the newest of each of the last N hours that have one
    #[arg(long, value_name = "N", value_parser = rule)]
    pub keep_hourly: Option<u32>,
    /// Keep the newest of each of the last N days that have one
    #[arg(long, value_name = "N", value_parser = rule)]
    pub keep_daily: Option<u32>,
    /// Keep the newest of each of the last N weeks that have one
    #[arg(long, value_name = "N", value_parser = rule)]
    pub keep_weekly: Option<u32>,
    /// Keep the newest of each of the last N months that have one
    #[arg(long, value_name = "N", value_parser = rule)]
    pub keep_monthly: Option<u32>,
    /// Keep the newest of each of the last N years that have one
    #[arg(long, value_name = "N", value_parser = rule)]
    pub keep_yearly: Option<u32>,
    /// Keep those taken so long before the newest, as 30d, 12h, 90m or 2w
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub keep_within: Option<Duration>,
    /// Keep those with this tag; may be given several times
    #[arg(long, value_name = "T")]
    pub keep_tag: Vec<Tag>,
}

impl From<KeepRules> for Keep {
    fn from(rules: KeepRules) -> Keep {
        let keep = Keep {
            last: rules.keep_last,
            hourly: rules.keep_hourly,
            daily: rules.keep_daily,
            weekly: rules.keep_weekly,
            monthly: rules.keep_monthly,
            yearly: rules.keep_yearly,
            ..Keep::all()
        };
        let keep = rules.keep_within.into_iter().fold(keep, Keep::within);
        rules.keep_tag.into_iter().fold(keep, Keep::tag)
    }
}

#[derive(Subcommand)]
#[command(after_help = "Examples:
  tintype retention show
  tintype retention set --context shop.example --keep-daily 30")]
pub enum Retention {
    /// List what is said, place by place
    #[command(after_help = "Examples:
  tintype retention show")]
    Show,
    /// Say what is kept in a place and below it, where nothing else is said
    #[command(
        override_usage = "tintype retention set [--context PLACE] --keep-last N …
       tintype retention set [--context PLACE] --keep-all",
        after_help = "\
A place is site/module/component/function, as far as one likes to say it. What is said of a place
holds instead of what is said above it. It is applied to a place when the next snapshot is stored
there, or at once by: tintype retention apply

Examples:
  tintype retention set --keep-last 100
  tintype retention set --context shop.example --keep-daily 30 --keep-tag good
  tintype retention set --context shop.example/orders --keep-all"
    )]
    Set {
        /// The place; * is the whole store
        #[arg(long, value_name = "PLACE", default_value_t)]
        context: Place,
        #[command(flatten)]
        keep: KeepRules,
        /// Keep all, whatever is said of the places above
        #[arg(long, conflicts_with = "KeepRules", required_unless_present = "KeepRules")]
        keep_all: bool,
    },
    /// Take back what was said of a place
    #[command(after_help = "Examples:
  tintype retention unset --context shop.example")]
    Unset {
        /// The place; * is the whole store
        #[arg(long, value_name = "PLACE", default_value_t)]
        context: Place,
    },
    /// Forget at once what is not kept
    #[command(after_help = "Examples:
  tintype retention apply --dry-run
  tintype retention apply --context 'shop.example/*'")]
    Apply {
        /// Only in contexts like this
        #[arg(long, value_name = "PATTERN", default_value_t)]
        context: Pattern,
        /// Tell what would be forgotten and what stays, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype export latest:good -o good.tintype
  tintype --store good.tintype list
  tintype export latest -o feed.json --as json
  tintype export latest -o page.har --as har
  tintype export latest -o data/snapshots --as bundle")]
pub struct Export {
    /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
    #[arg(required = true, value_name = "VERSION")]
    pub versions: Vec<Selector>,
    /// The file; nothing may stand there. For bundle and flat the folder, which may be there
    #[arg(long, short, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: PathBuf,
    /// What to write; json, har and mhtml are of one snapshot
    #[arg(long = "as", value_name = "FORM", default_value = "archive")]
    pub form: ExportForm,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// A store of these snapshots, with everything known of them
    Archive,
    /// A data snapshot as a JSON document: its value, and what is said of it
    Json,
    /// The requests of a page with what was answered: its network.har, with bodies inside
    Har,
    /// The page as one file: its page.mhtml
    Mhtml,
    /// A folder site/module/component/date/time_session in PATH for each, as Python scrapers keep them
    #[value(alias = "folder")]
    Bundle,
    /// A page and its picture in the flat folder PATH, as older Python scrapers keep them
    Flat,
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype import good.tintype
  tintype import feed.json --as-version feed-1

A file that begins with { is read as the JSON document of a snapshot, whoever wrote it; its value
is compared with its checksum. What is no standard JSON is kept as application/x-python-json.
A snapshot that is here already, the same in everything, is not stored again.")]
pub struct Import {
    /// The archive, any store, the JSON document of a snapshot, or a folder of exported bundles
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub archive: PathBuf,
    /// Choose the version, where the archive holds one snapshot
    #[arg(long, value_name = "V")]
    pub as_version: Option<Version>,
    /// Make a new version where its own is taken by another snapshot
    #[arg(long, conflicts_with = "as_version")]
    pub new_version: bool,
}

#[derive(Args)]
#[command(after_help = "The damaged store stays beside the new one, under another name.

Examples:
  tintype repair --dry-run
  tintype repair --accept")]
pub struct Repair {
    /// Take what can be read but not proved as it is
    #[arg(long)]
    pub accept: bool,
    /// Tell what would be kept, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype diff oldest latest
  tintype diff latest:good latest --artifact page.html
  tintype diff oldest latest --format patch")]
pub struct Diff {
    /// latest, oldest, latest:TAG, oldest:TAG, or the beginning of a version
    pub before: Selector,
    /// The other one
    pub after: Selector,
    /// Compare this artifact only
    #[arg(long, value_name = "NAME")]
    pub artifact: Option<ArtifactName>,
    /// How to tell it
    #[arg(long, value_name = "F", default_value = "text")]
    pub format: DiffFormat,
    /// With --format html: the file, where nothing may stand; - is stdout
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "output")]
    pub force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people: one line a change of JSON, a request or a message, texts as a unified diff
    Text,
    /// Everything, as JSON
    Json,
    /// What a program applies: an RFC 6902 patch for JSON (a HAR too), a unified diff for texts (a console log too)
    Patch,
    /// A page to look at, in one file: pictures over each other, texts with what is the same folded
    Html,
}

#[cfg(feature = "chrome")]
#[derive(Args)]
#[command(after_help = "Examples:
  tintype demo
  tintype demo --store shop.db")]
pub struct Demo {
    /// The browser
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub browser: Option<PathBuf>,
}

pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is needed".to_owned())?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("between 0 and 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A number of bytes: `500k`, `24M`, `1G`, in powers of 1024, or the bytes alone.
pub fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        Some((at, _)) => text.split_at(at),
        None => (text, ""),
    };
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err("a number of bytes is needed, as 500k, 24M or 1G".to_owned()),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "a number of bytes is needed, as 500k, 24M or 1G".to_owned())
}

pub fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| "a number from 1 on is needed".into())
}

fn rule(text: &str) -> Result<u32, String> {
    let wrong = || format!("a number from 1 to {} is needed", u32::MAX);
    text.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)
}

fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 7 * 86_400)];
    units
        .iter()
        .find_map(|(unit, seconds)| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(*seconds)
        })
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| {
            "a number and a unit are needed, as 30d, 12h, 90m or 2w; the units are s, m, h, d, w"
                .to_owned()
        })
}

pub fn field(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=TEXT or KEY:=JSON is needed")?;
    let (key, value) = match key.strip_suffix(':') {
        Some(key) => {
            (key, serde_json::from_str(value).map_err(|error| format!("not JSON: {error}"))?)
        }
        None => (key, Value::from(value)),
    };
    if key.is_empty() {
        return Err("the key is empty".to_owned());
    }
    Ok((key.to_owned(), value))
}
