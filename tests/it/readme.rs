//! What the READMEs show is what is printed: their `console` blocks are run, in order, in a folder.
//!
//! A line that begins with `$ ` is a command for `sh`, `> ` goes on with it, and what follows is
//! what it prints, errors included. The command must end well, so one that is meant to fail is
//! followed by `; echo "exit $?"`. `[..]` stands for anything within a line, a line `...` for any
//! lines. What differs from run to run may be shown as it was once: a made version fits any made
//! version, and a time any time.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::support::noise;
use crate::support::shell::{Shell, TINTYPE};

/// A command of a block, and what is shown of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    line: usize,
    command: String,
    shown: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { line: number, command: command.to_owned(), shown: Vec::new() });
        } else if let Some(step) = steps.last_mut() {
            match line.strip_prefix("> ") {
                Some(more) if step.shown.is_empty() => {
                    step.command.push('\n');
                    step.command.push_str(more);
                }
                _ => step.shown.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Runs a step and gives what it printed.
fn run(shell: &Shell, step: &Step) -> String {
    let program = Path::new(TINTYPE).parent().unwrap();
    let paths = env::var_os("PATH").unwrap_or_default();
    let paths = [program.to_owned()].into_iter().chain(env::split_paths(&paths));
    let ended = Command::new("sh")
        .arg("-c")
        .arg(format!("exec 2>&1\n{}", step.command))
        .current_dir(shell.path(""))
        .env("PATH", env::join_paths(paths).unwrap())
        .env_remove("TINTYPE_STORE")
        .output()
        .unwrap();
    let printed = String::from_utf8(ended.stdout).unwrap();
    for program in ["sqlite3", "zstd"] {
        assert!(
            !printed.contains(&format!("{program}: not found")),
            "{program} is not installed; `make test` installs it"
        );
    }
    assert!(ended.status.success(), "line {}: {}:\n{printed}", step.line, step.command);
    printed
}

/// A text with what differs from run to run made equal.
fn settled(line: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let mut settled = String::new();
    let mut rest = line.trim_end();
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at(length);
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let date = || rest.get(..10).filter(|_| digits == 4 && length == 4 && is_date(rest));
        if word.len() == 16 && word.starts_with('1') && digits >= 2 {
            settled.push_str("<version>");
            rest = after;
        } else if date().is_some() {
            let after = &rest[10..];
            let end = after.find(|c: char| !matches!(c, '0'..='9' | ':' | '.' | 'T' | 'Z' | ' '));
            // The next column begins after two spaces.
            let end = end.into_iter().chain(after.find("  ")).min();
            settled.push_str("<time> ");
            rest = after[end.unwrap_or(after.len())..].trim_start();
        } else {
            settled.push_str(word);
            rest = after;
        }
    }
    settled.trim_end().to_owned()
}

fn is_date(text: &str) -> bool {
    text.bytes()
        .zip(b"0000-00-00".iter())
        .filter(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            like => byte == *like,
        })
        .count()
        == 10
}

/// Whether a line is what is shown, with `[..]` for anything.
fn fits(shown: &str, line: &str) -> bool {
    match shown.split_once("[..]") {
        None => shown == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|at| rest.is_char_boundary(*at))
                .any(|at| fits(after, &rest[at..]))
        }),
    }
}

/// Whether lines are what is shown, with a line `...` for any lines.
fn all_fit(shown: &[String], lines: &[String]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=lines.len()).any(|at| all_fit(rest, &lines[at..]))
        }
        Some((first, rest)) => {
            lines.first().is_some_and(|line| fits(first, line)) && all_fit(rest, &lines[1..])
        }
    }
}

/// Runs the commands of a text, and compares what they print with what is shown, each line as `settle` has it.
pub fn check(name: &str, text: &str, shell: &Shell, steps_min: usize, settle: fn(&str) -> String) {
    let steps = steps(text);
    assert!(steps.len() >= steps_min, "{name} has {} commands", steps.len());
    for step in steps {
        let printed = run(shell, &step);
        // Empty lines may stand before the next command, and are not asked for.
        let lines: Vec<_> = printed.trim_end().lines().map(settle).collect();
        let shown: Vec<_> = step.shown.iter().map(|line| settle(line)).collect();
        let end = shown.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        assert!(
            all_fit(&shown[..end], &lines),
            "{name}:{}: {}\nprints\n{printed}\ninstead of\n{}\n",
            step.line,
            step.command,
            step.shown.join("\n")
        );
    }
}

#[cfg(feature = "chrome")]
#[test]
fn the_readme_shows_what_is_printed() {
    check("README.md", include_str!("../../README.md"), &Shell::empty(), 15, settled);
}

#[test]
fn many_scrapers_are_run_as_the_page_shows() {
    check("docs/fleet.md", include_str!("../../docs/fleet.md"), &Shell::empty(), 25, settled);
}

#[test]
fn an_old_folder_is_taken_in_as_the_page_shows() {
    check("docs/seeds.md", include_str!("../../docs/seeds.md"), &Shell::empty(), 8, settled);
}

/// Each documented call of the two Python systems, without what only their own code calls.
const CALLS: &[&str] = &[
    // Versions of data
    "create_snapshot_manager",
    "SnapshotManager",
    "SnapshotMetadata",
    "storage_backend",
    "delta_strategy",
    "max_snapshots",
    "to_dict",
    "from_dict",
    "update_integrity_info",
    "_initialize_storage",
    "_load_registry",
    "_save_registry",
    "create_snapshot",
    "_save_data_to_file",
    "_load_data_from_file",
    "get_snapshot",
    "get_latest_snapshot",
    "get_snapshot_by_tag",
    "list_snapshots",
    "list_versions",
    "list_tags",
    "tag_snapshot",
    "untag_snapshot",
    "delete_snapshot",
    "_enforce_snapshot_limit",
    "create_delta_snapshot",
    "get_delta_snapshot",
    "compare_snapshots",
    "export_snapshot",
    "import_snapshot",
    "cleanup",
    "clear_all",
    "__del__",
    "SnapshotError",
    "VersioningError",
    "SnapshotNotFoundError",
    // Pages
    "capture_snapshot",
    "get_snapshots_by_context",
    "get_performance_metrics",
    "SnapshotContext",
    "SnapshotConfig",
    "SnapshotBundle",
    "SiteSnapshotManager",
    "capture_scraping_snapshot",
    "capture_failure_snapshot",
    "handle_selector_failure",
    "ScraperSnapshotMixin",
    "initialize_snapshots",
    "capture_page_snapshot",
    "handle_failure",
    "SnapshotConfigPresets",
    "get_production_config",
    "get_debug_config",
    "get_testing_config",
    "get_config_for_environment",
    "CaptureEnvironment",
    "EventDrivenSnapshotManager",
    "handle_event",
    "register_trigger",
    "SnapshotTriggerType",
    "handle_retry_exhaustion",
    "handle_timeout",
    "handle_extraction_mismatch",
    "SnapshotMigrator",
    "scan_existing_snapshots",
    "migrate_snapshots",
    "MigrationValidator",
    "validate_migration",
    "FeatureFlagManager",
    "is_feature_enabled",
    "enable_feature",
    "set_rollout_stage",
    "set_site_rollout",
    "is_context_aware_snapshots_enabled",
    "is_dual_capture_enabled",
    "is_async_performance_enabled",
    "is_event_driven_enabled",
    "is_legacy_compatibility_enabled",
    "SnapshotSystemMonitor",
    "start_monitoring",
    "stop_monitoring",
    "get_monitoring_status",
    "AlertManager",
    "create_alert",
    "get_active_alerts",
    "RollbackManager",
    "create_backup",
    "rollback_to_backup",
    "rollback_feature_flags",
    "EmergencyRollback",
    "emergency_disable_all_features",
    "emergency_restore_legacy_system",
    "BrowserSnapshotIntegration",
    "capture_snapshot_on_selector_failure",
    "LegacySnapshotManager",
    "CompatibilityLayer",
    "create_context_from_legacy_params",
    "BundleCorruptionError",
    "ArtifactCaptureError",
    "DirectoryManager",
    "create_bundle_directory",
    "get_bundle_path",
    "PerformanceMonitor",
    "get_performance_summary",
    "SnapshotMode",
    "AlertSeverity",
    "AlertType",
];

#[test]
fn each_call_of_the_python_systems_is_told_of() {
    let page = include_str!("../../docs/seeds.md");
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: std::collections::BTreeSet<&str> = page.split(|c| !is_word(c)).collect();
    let lost: Vec<_> = CALLS.iter().filter(|call| !words.contains(*call)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn a_version_comes_out_of_the_file_without_tintype() {
    let shell = Shell::new();
    let page = |version: usize| -> String {
        (1..=60)
            .map(|line| match line {
                30 if version > 1 => "line 30 changed\n".to_owned(),
                50 if version > 2 => "line 50 changed\n".to_owned(),
                _ => format!("line {line} of a page {}\n", line * 7919),
            })
            .collect()
    };
    for (number, name) in (1..).zip(["first", "second", "third"]) {
        shell.file(name, page(number));
        shell.put(&format!("{name} --version {name}"));
    }
    assert_eq!(shell.json("show third")[0]["artifacts"][0]["depth"], 2);
    let mut large = noise(1, 9_000_000);
    for name in ["before", "large"] {
        (0..large.len()).step_by(2_500_000).for_each(|at| large[at] ^= 1);
        shell.file(name, &large);
        shell.put(&format!("{name} --version {name} --context large"));
    }
    assert_eq!(shell.json("show large")[0]["artifacts"][0]["depth"], 1);
    let text = include_str!("../../migrations/README.md");
    check("migrations/README.md", text, &shell, 9, settled);
    assert!(shell.read("content") == large);
    assert_eq!(String::from_utf8(shell.read("content-2")).unwrap(), page(3));
    // Each step below is a version as well.
    assert_eq!(shell.read("content-0"), shell.read("first"));
}

/// The anchor that a heading has where pages are shown: in lower case, without marks, `-` for spaces.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The lines of a page that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

#[test]
fn each_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<_> =
        ["README.md", "CHANGELOG.md", "benches/README.md", "migrations/README.md"]
            .map(|page| root.join(page))
            .into();
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        pages.extend(path.extension().is_some_and(|end| end == "md").then_some(path));
    }
    let mut links = 0;
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        for line in prose(&text) {
            for rest in line.split("](").skip(1) {
                let link = rest.split(')').next().unwrap();
                if link.starts_with("http") {
                    continue;
                }
                let (path, heading) = link.split_once('#').unwrap_or((link, ""));
                let target =
                    if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
                assert!(target.exists(), "{}: {link} leads nowhere", page.display());
                if !heading.is_empty() {
                    let there = std::fs::read_to_string(&target).unwrap();
                    let mut headings = prose(&there).filter(|line| line.starts_with('#'));
                    assert!(
                        headings.any(|line| anchor(line) == heading),
                        "{}: {link} is no heading of it",
                        page.display()
                    );
                }
                links += 1;
            }
        }
    }
    assert!(links > 20, "{links} links were found");
    assert_eq!(anchor("## With `sqlite3` alone, 2nd"), "with-sqlite3-alone-2nd");
}

#[test]
fn what_is_not_shown_is_seen() {
    let text = "```console\n$ one\n> more\nout\n\n$ two\n```\n$ three\n```sh\n$ four\n```\n";
    let found: Vec<_> =
        steps(text).into_iter().map(|step| (step.line, step.command, step.shown)).collect();
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found,
        [(2, "one\nmore".to_owned(), strings(&["out", ""])), (6, "two".to_owned(), strings(&[]))]
    );
    for (shown, printed, fit) in [
        ("a [..] c", "a b c", true),
        ("a [..] c", "a b d", false),
        ("1j98gvswy0017gbt x", "1k0ter2meg03995t x", true),
        ("1j98gvswy0017gbt x", "1k0ter2meg03995t y", false),
        ("2026-01-26T06:00:00.000000Z|x", "2027-11-22T01:49:30.187264Z|x", true),
        ("at 2026-01-26 06:00:00  x", "at 2027-11-22 01:49:30  x", true),
        ("24.5 → 22.0", "24.5 → 22.1", false),
    ] {
        assert_eq!(fits(&settled(shown), &settled(printed)), fit, "{shown} {printed}");
    }
    assert!(all_fit(&strings(&["a", "...", "d"]), &strings(&["a", "b", "c", "d"])));
    assert!(!all_fit(&strings(&["a", "..."]), &strings(&["b"])));
    assert!(!all_fit(&strings(&["a"]), &strings(&["a", "b"])));
}
