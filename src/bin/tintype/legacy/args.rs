//! What can be typed after `legacy`.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueHint};
use tintype::Zone;

#[derive(Subcommand)]
#[command(after_help = "Examples:
  tintype legacy scan old/data
  tintype legacy import old/data --dry-run
  tintype legacy verify old/data")]
pub enum Legacy {
    /// Tell what a folder holds; no store is needed, and nothing is changed
    #[command(after_help = "\
Files are recognised by what is in them. Exit codes: 0 ok, 3 something could not be read.

Examples:
  tintype legacy scan old/data
  tintype legacy scan old/data --json > files.json")]
    Scan {
        /// The folder
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Store all that a folder holds
    #[command(after_help = "\
Done again, it adds nothing; ended early and done again, it goes on. The folder is not changed. What is
not understood is kept as the bytes that it is. The site of a snapshot is the host of its address,
`local` for a file and `unknown` where there is none.

Times without an offset are read in --time-zone: UTC, local (the zone of this machine), an offset, or a
name as Africa/Nairobi. Where programs are known to have written UTC, they are read as that.

Exit codes: 0 ok, 1 the store or the folder can't be used, 3 something could not be read or stored.

Examples:
  tintype legacy import old/data --dry-run
  tintype legacy import old/data --time-zone +03:00 --json > report.json")]
    Import {
        /// The folder
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// Read times that tell no offset in this zone: a name, an offset, or `local` for that of this
        /// machine [default: UTC, and the report says so]
        #[arg(long, value_name = "TZ", value_parser = zone)]
        time_zone: Option<Zone>,
        /// Tell what would be stored, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare what was imported with the folder, or with the hashes that it declared
    #[command(after_help = "\
With DIR, the folder and the store are read again and compared, artifact for artifact, byte for byte.
Without, every imported snapshot is compared with the hashes that were declared for it.

Exit codes: 0 all is as it was, 3 something of the folder could not be read, 13 something differs.

Examples:
  tintype legacy verify old/data
  tintype legacy verify --json")]
    Verify {
        /// The folder
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
}

/// A time zone by its name, or that of this machine.
fn zone(text: &str) -> Result<Zone, String> {
    if !text.eq_ignore_ascii_case("local") {
        return text.parse().map_err(|error: tintype::Error| error.to_string());
    }
    let tz = std::env::var("TZ").ok();
    let localtime = std::fs::read_link("/etc/localtime").ok();
    let timezone = std::fs::read_to_string("/etc/timezone").ok();
    let localtime = localtime.as_deref().and_then(Path::to_str);
    Zone::of_machine(tz.as_deref(), localtime, timezone.as_deref())
        .map_err(|error| error.to_string())
}
