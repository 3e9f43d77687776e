//! All tests that go through the public API, in one binary; a file an area.
//!
//! Those in `browser`, `capture`, `loading`, `network`, `parts`, `pictures`, `recorder`, `redact`,
//! `report_hostile`, `report_shown` and some in `cli` want a Chromium, `readme`, `schema`, `concurrency`,
//! `extension` and `sqlite_page` the programs `sqlite3` and `zstd`, `locks` a C compiler, `metrics`,
//! `alerts` and `cli_monitor` Prometheus's `promtool`; `make test` installs what is missing.
#![allow(clippy::unwrap_used, clippy::panic)]

mod address;
mod alerts;
mod aria;
mod backup;
#[cfg(all(unix, feature = "cli"))]
mod backup_crash;
#[cfg(all(target_os = "linux", feature = "chrome"))]
mod browser;
mod bsdiff;
mod capture;
mod chunk;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod cli_backup;
#[cfg(all(feature = "cli", feature = "chrome"))]
mod cli_capture;
#[cfg(feature = "cli")]
mod cli_diff;
#[cfg(feature = "cli")]
mod cli_exit;
#[cfg(feature = "cli")]
mod cli_flag;
#[cfg(feature = "cli")]
mod cli_incident;
#[cfg(feature = "cli")]
mod cli_legacy;
#[cfg(feature = "cli")]
mod cli_lifecycle;
#[cfg(feature = "cli")]
mod cli_look;
#[cfg(feature = "cli")]
mod cli_monitor;
#[cfg(feature = "cli")]
mod cli_report;
#[cfg(feature = "cli")]
mod cli_report_compare;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod cli_signal;
#[cfg(feature = "cli")]
mod cli_transfer;
mod codec;
#[cfg(all(unix, feature = "cli"))]
mod concurrency;
#[cfg(all(unix, feature = "cli"))]
mod crash;
mod diff;
mod doctor;
mod entries;
mod examples;
mod exchange;
mod extension;
mod faults;
mod flag_capture;
mod flag_eval;
mod flags;
mod image;
mod incident;
mod incidents;
mod input;
mod large;
mod legacy;
mod legacy_bundle;
mod legacy_capture;
#[cfg(unix)]
mod legacy_hostile;
mod legacy_kept;
mod legacy_kinds;
mod legacy_registry;
mod legacy_write;
mod lifecycle;
#[cfg(feature = "chrome")]
mod loading;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod locks;
mod metrics;
mod mhtml;
mod model;
#[cfg(feature = "chrome")]
mod network;
#[cfg(feature = "chrome")]
mod parts;
mod pickle;
#[cfg(feature = "chrome")]
mod pictures;
mod places;
mod png;
mod protocol;
mod pyjson;
#[cfg(feature = "cli")]
mod readme;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod readonly;
mod recorder;
mod redact;
mod repack;
mod repair;
mod report;
mod report_compare;
#[cfg(feature = "chrome")]
mod report_hostile;
mod report_overview;
#[cfg(feature = "chrome")]
mod report_shown;
#[cfg(all(unix, feature = "cli"))]
mod room;
mod schema;
mod scraper;
#[cfg(feature = "chrome")]
mod secrets;
mod seed;
mod selector;
mod sql;
#[cfg(feature = "cli")]
mod sqlite_page;
mod store;
mod stranger;
#[cfg(all(unix, feature = "cli"))]
mod stream;
mod support;
mod tidy;
mod transfer;
mod views;
