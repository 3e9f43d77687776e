//! What can be typed after `incident`.

use clap::{Args, Subcommand};
use serde_json::Value;
use tintype::{Context, Pattern, Time};

use crate::args::{count, field};
#[cfg(feature = "chrome")]
use crate::capture::args::{BrowserArgs, PageArgs};

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Kinds and their fields; any other field is kept too:
  selector_failure      selector, matched_count (0)
  retry_exhaustion      operation, retry_count, max_retries (3), last_error
  timeout               operation, timeout_duration (seconds), selector
  extraction_mismatch   actual_data, expected_data, validation_errors, selector
  failure               error_type, error_message
A word of your own is a kind, too.

Incidents that are alike are counted together. The first, the tenth, the hundredth … is captured where a
page is named, and one each hour, as far as its site's budget allows. A page that can't be captured
makes the exit code 3.

Examples:
  tintype incident selector_failure --context shop.example/prices --set selector=.price
  tintype incident timeout --context shop.example/cart --url https://shop.example/cart
  tintype incident list --context shop.example --json"
)]
pub struct Incident {
    #[command(subcommand)]
    pub what: Option<What>,
    /// What happened
    #[arg(value_name = "KIND", required = true)]
    pub kind: Option<String>,
    /// Where it happened: site/module/component/session/function
    #[arg(long, value_name = "C")]
    pub context: Option<Context>,
    /// Say more: FIELD=TEXT or FIELD:=JSON; may be given several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    pub set: Vec<(String, Value)>,
    /// Capture this page, where that is due
    #[cfg(feature = "chrome")]
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub url: Option<String>,
    #[cfg(feature = "chrome")]
    #[command(flatten)]
    pub page: PageArgs,
    #[cfg(feature = "chrome")]
    #[command(flatten)]
    pub browser: BrowserArgs,
}

#[derive(Subcommand)]
pub enum What {
    /// List groups of incidents, the one met last first
    List(List),
}

#[derive(Args)]
#[command(after_help = "Examples:
  tintype incident list --context shop.example
  tintype incident list --kind timeout --since 2026-11-01 --json")]
pub struct List {
    /// Only in contexts like this; * is any value of its part
    #[arg(long, value_name = "PATTERN", default_value_t)]
    pub context: Pattern,
    /// Only of this kind
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only those met then or later
    #[arg(long, value_name = "T")]
    pub since: Option<Time>,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = count)]
    pub limit: usize,
}
