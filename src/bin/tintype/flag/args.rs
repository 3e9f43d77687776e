//! What can be typed after `flag`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use tintype::ops::rollout::Back;
use tintype::{Rollout, Stage};

#[derive(Subcommand)]
#[command(after_help = "\
A flag is on where all of this lets it be: the emergency switch, the flag itself, its environments, what
it depends on, the stage, and the most specific percentage: of the flag on a site, of the site, of the
flag. Who is in at 10 percent is in at 25.

Examples:
  tintype flag list
  tintype flag enable async_performance --rollout 10 --why 'slow disks'
  tintype flag site shop.example 25 --flag async_performance
  tintype flag explain async_performance --site shop.example --session run-7
  tintype flag emergency-disable --why 'prices are wrong since noon'
  tintype flag rollback --to time:2026-11-22T09:00:00Z")]
pub enum Flag {
    /// List the flags
    #[command(after_help = "Examples:
  tintype flag list
  tintype flag list --json")]
    List,
    /// Tell everything known about a flag
    #[command(after_help = "Examples:
  tintype flag show async_performance")]
    Show {
        /// The flag
        name: String,
    },
    /// Change a flag in several things at once, or add one
    Set(Set),
    /// List changes of flags, the newest first
    #[command(after_help = "Examples:
  tintype flag history
  tintype flag history async_performance --limit 5")]
    History {
        /// Only those of this flag
        name: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Write the flags as JSON
    #[command(after_help = "Examples:
  tintype flag export
  tintype flag export -o flags.json")]
    Export {
        /// To this file; it is replaced
        #[arg(long, short, value_name = "PATH", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
    /// Take flags from a file: an export, or a `snapshot_feature_flags.json`
    #[command(after_help = "Examples:
  tintype flag import flags.json --why 'as in the office'")]
    Import {
        /// The file; - is standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        by: By,
    },
    /// Switch a flag on, as far as it was rolled out or as far as told
    #[command(after_help = "Examples:
  tintype flag enable async_performance
  tintype flag enable async_performance --rollout 10 --why 'slow disks'")]
    Enable {
        /// The flag
        name: String,
        /// For so many percent
        #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
        rollout: Option<Rollout>,
        /// Raise it by more than a day allows
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        by: By,
    },
    /// Switch a flag off
    #[command(after_help = "Examples:
  tintype flag disable async_performance --why 'slower'")]
    Disable {
        /// The flag
        name: String,
        #[command(flatten)]
        by: By,
    },
    /// Say how far all flags, or one, are rolled out on a site
    #[command(after_help = "Examples:
  tintype flag site shop.example 25
  tintype flag site shop.example 25 --flag async_performance
  tintype flag site shop.example --unset")]
    Site {
        /// The site
        site: String,
        /// Percent
        #[arg(
            allow_negative_numbers = true,
            required_unless_present = "unset",
            conflicts_with = "unset"
        )]
        percent: Option<Rollout>,
        /// Only this flag
        #[arg(long, value_name = "NAME")]
        flag: Option<String>,
        /// Take back what was said of the site
        #[arg(long)]
        unset: bool,
        /// Raise it by more than a day allows
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        by: By,
    },
    /// Set the stage: disabled, internal_testing, beta_testing, gradual_rollout, full_rollout
    #[command(after_help = "Examples:
  tintype flag stage beta_testing")]
    Stage {
        /// The stage
        stage: Stage,
        #[command(flatten)]
        by: By,
    },
    /// Tell whether a flag is on for somebody, and each step to the answer
    Explain(Explain),
    /// Switch all off but the old layout, until released
    #[command(after_help = "Examples:
  tintype flag emergency-disable --why 'prices are wrong since noon'")]
    EmergencyDisable {
        #[command(flatten)]
        by: By,
    },
    /// Switch all off and the old layout on, until released
    #[command(after_help = "Examples:
  tintype flag emergency-legacy --why 'only the old reports are right'")]
    EmergencyLegacy {
        #[command(flatten)]
        by: By,
    },
    /// End an emergency
    #[command(after_help = "Examples:
  tintype flag emergency-release --why 'mended'")]
    EmergencyRelease {
        #[command(flatten)]
        by: By,
    },
    /// Bring the flags back to a stage and its preset, or to what they were
    #[command(after_help = "Examples:
  tintype flag rollback --to stage:beta_testing
  tintype flag rollback --to event:812
  tintype flag rollback --to time:2026-11-22T09:00:00Z")]
    Rollback {
        /// stage:STAGE, event:NUMBER or time:TIME
        #[arg(long, value_name = "WHAT")]
        to: Back,
        /// Pass the guard rails
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        by: By,
    },
}

/// What the log tells of who changed flags.
#[derive(Args)]
pub struct By {
    /// Who does this [default: the name of the user]
    #[arg(long = "by", value_name = "NAME")]
    pub who: Option<String>,
    /// Why, for those who read the log
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype flag set async_performance --rollout 10 --environment production
  tintype flag set new_parser --new --description 'the parser of 2026'")]
pub struct Set {
    /// The flag
    pub name: String,
    /// Add it; it is off until it is enabled
    #[arg(long)]
    pub new: bool,
    /// For so many percent
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    pub rollout: Option<Rollout>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Only in these environments
    #[arg(long, value_name = "NAME", conflicts_with = "any_environment")]
    pub environment: Vec<String>,
    /// In all environments
    #[arg(long)]
    pub any_environment: bool,
    /// Only where these flags are on
    #[arg(long, value_name = "FLAG", conflicts_with = "independent")]
    pub depends_on: Vec<String>,
    /// Whatever other flags are
    #[arg(long)]
    pub independent: bool,
    /// What is hashed with the key; another one deals the keys anew
    #[arg(long, value_name = "TEXT")]
    pub salt: Option<String>,
    /// Raise it by more than a day allows
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub by: By,
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype flag explain async_performance --site shop.example --session run-7
  tintype flag explain async_performance --json")]
pub struct Explain {
    /// The flag
    pub name: String,
    /// On this site
    #[arg(long, value_name = "S")]
    pub site: Option<String>,
    /// In this session
    #[arg(long, value_name = "S")]
    pub session: Option<String>,
    /// In this environment
    #[arg(long, value_name = "E")]
    pub environment: Option<String>,
    /// For this key, instead of the session or the site
    #[arg(long, value_name = "K")]
    pub key: Option<String>,
}
