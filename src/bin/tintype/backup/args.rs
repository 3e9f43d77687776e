//! What can be typed after `backup`.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use crate::args::KeepRules;

#[derive(Subcommand)]
#[command(after_help = "Examples:
  tintype backup create
  tintype backup list
  tintype backup restore latest --dry-run")]
pub enum Backup {
    /// Make a backup, and print its id once it is read back and durable
    #[command(after_help = "\
Nobody waits for it. It lies beside the store, in a folder named like it with .backups behind.

Examples:
  tintype backup create --description 'before the new parser'
  tintype backup create --to /mnt/other-disk")]
    Create {
        /// Describe it in words
        #[arg(long, value_name = "D")]
        description: Option<String>,
        /// Make it in this folder, which has to be there
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        to: Option<PathBuf>,
    },
    /// List backups, the newest first
    #[command(after_help = "Examples:
  tintype backup list
  tintype backup list --in /mnt/other-disk --json")]
    List {
        /// Those in this folder
        #[arg(long = "in", value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
    /// Look for damage to backups
    #[command(after_help = "Examples:
  tintype backup verify latest
  tintype backup verify 1k0ter 1k0tez")]
    Verify {
        /// latest, ids or the beginning of them, or paths
        #[arg(required = true, value_name = "BACKUP")]
        backups: Vec<String>,
        /// Look for ids in this folder
        #[arg(long = "in", value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
    /// Put a backup in the place of what the store holds
    #[command(after_help = "\
Whoever holds the store goes on with what was put back. What it held before is kept as a backup, so
that this can be undone the same way. A store that is gone, or that can't be opened any more, is made
anew; the latter stays beside it under another name.

Examples:
  tintype backup restore latest --dry-run
  tintype backup restore 1k0ter --force")]
    Restore {
        /// latest, an id or the beginning of one, or a path to a backup or any copy of the store;
        /// latest is none that a restore kept
        #[arg(value_name = "BACKUP")]
        backup: String,
        /// Lose snapshots that came after it
        #[arg(long)]
        force: bool,
        /// Tell what would be lost, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Look for the id in this folder
        #[arg(long = "in", value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
        /// Keep what the store held before in this folder, which has to be there
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        keep_in: Option<PathBuf>,
    },
    /// Remove backups of this store that no rule keeps
    #[command(
        override_usage = "tintype backup prune [OPTIONS] --keep-last N …",
        after_help = "\
The rules are those of forget; the newest backup stays whatever they say. What is damaged and what is
of other stores is neither counted nor removed.

Examples:
  tintype backup prune --keep-last 3 --keep-weekly 8 --dry-run"
    )]
    Prune {
        #[command(flatten)]
        keep: KeepRules,
        /// Those in this folder
        #[arg(long = "in", value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
        /// Tell what would be removed and what stays, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}
