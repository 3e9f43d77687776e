//! Feature flags: what is switched on, how far, and for whom.
//!
//! A [`FlagSet`] holds all of them with what governs them together: a [`Stage`], percentages of sites,
//! the emergency switch, guard rails. Whether a flag is on follows from the set and from an
//! [`EvalContext`] alone; see [`evaluate`](FlagSet::evaluate).
//!
//! **Invariant:** asking never fails. What can't be decided is off, and says why.
//!
//! **Invariant:** who is in at some percentage is in at every higher one: a key has one place among a
//! hundred thousand, and the rollout says how many of those are on.
//!
//! **Invariant:** a set that went through [`check`](FlagSet::check) has no circle of dependencies, and
//! none that leads nowhere.

mod bucket;
mod change;
mod evaluate;
mod exchange;
mod guard;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use bucket::{BUCKETS, bucket, murmur3_x86_32};
pub use change::{Differences, Target, differences};
pub use evaluate::{EvalContext, Evaluation, FlagError, FlagReason, Step};
pub use guard::{Anomaly, GROUP_MIN, Group, anomaly};

use crate::error::{Error, Result, What};
use crate::model::time::Time;

/// Recorders store what they capture.
pub const CONTEXT_AWARE_BUNDLES: &str = "context_aware_bundles";
/// The mode `both` keeps the element beside the page.
pub const DUAL_HTML_CAPTURE: &str = "dual_html_capture";
/// Captures may be stored after they returned.
pub const ASYNC_PERFORMANCE: &str = "async_performance";
/// Incidents are captured, not only counted.
pub const EVENT_DRIVEN_SNAPSHOTS: &str = "event_driven_snapshots";
/// Metrics are written.
pub const PERFORMANCE_MONITORING: &str = "performance_monitoring";
/// Captures are written in the old flat layout too.
pub const LEGACY_COMPATIBILITY: &str = "legacy_compatibility";

/// The flags that this crate asks; every set has them.
const SHIPPED: [(&str, bool, &str); 6] = [
    (CONTEXT_AWARE_BUNDLES, true, "recorders store what they capture"),
    (DUAL_HTML_CAPTURE, true, "the mode both keeps the element beside the page"),
    (ASYNC_PERFORMANCE, true, "captures may be stored after they returned"),
    (EVENT_DRIVEN_SNAPSHOTS, true, "incidents are captured, not only counted"),
    (PERFORMANCE_MONITORING, true, "metrics are written"),
    (LEGACY_COMPATIBILITY, false, "captures are written in the old flat layout too"),
];

/// Other names of flags, by which older programs ask for them.
const ALIASES: [(&str, &str); 3] = [
    ("context_aware_snapshots", CONTEXT_AWARE_BUNDLES),
    ("dual_capture", DUAL_HTML_CAPTURE),
    ("event_driven", EVENT_DRIVEN_SNAPSHOTS),
];

/// Other names of environments, by which older programs know them.
const ENVIRONMENT_ALIASES: [(&str, &str); 2] = [("staging", "testing"), ("development", "debug")];
/// The environments in which a stage caps nothing but where it is `disabled`.
const TRYING_OUT: [&str; 2] = ["testing", "debug"];

/// The longest name of a flag, site or environment, and the longest salt, in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// The longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 4_096;
/// The largest set, in bytes of its JSON: it is written with each change.
pub const SET_BYTES_MAX: usize = 256 * 1024;
/// How many dependencies may follow each other: each evaluation goes down all of them.
pub const DEPENDENCY_DEPTH_MAX: usize = 8;

/// How far something is rolled out: thousandths of a percent.
///
/// As text and in JSON it is the percentage: `25`, `12.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rollout(u32);

impl Rollout {
    /// For nobody: 0 percent.
    pub const NONE: Rollout = Rollout(0);
    /// For everybody: 100 percent.
    pub const ALL: Rollout = Rollout(BUCKETS);

    /// So many percent, rounded to a thousandth of one.
    ///
    /// Fails with `Invalid` outside 0 to 100, and where it is no number.
    pub fn percent(percent: f64) -> Result<Self> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(Error::invalid("percentage", percent, "0 to 100 is needed"));
        }
        Ok(Rollout((percent * 1000.0).round() as u32))
    }

    /// So many thousandths of a percent, at most [`Rollout::ALL`].
    pub const fn thousandths(thousandths: u32) -> Self {
        Rollout(if thousandths < BUCKETS { thousandths } else { BUCKETS })
    }

    /// Thousandths of a percent: how many of [`BUCKETS`] are on.
    pub const fn buckets(self) -> u32 {
        self.0
    }

    /// Percent.
    pub fn as_percent(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_percent().to_string())
    }
}

impl FromStr for Rollout {
    type Err = Error;

    /// Reads a percentage, with or without its sign: `25`, `12.5`, `25%`.
    fn from_str(text: &str) -> Result<Self> {
        let number = text.strip_suffix('%').unwrap_or(text).trim();
        let percent: f64 = number
            .parse()
            .map_err(|_| Error::invalid("percentage", text, "a number from 0 to 100 is needed"))?;
        Rollout::percent(percent)
    }
}

impl Serialize for Rollout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1000 {
            0 => serializer.serialize_u32(self.0 / 1000),
            _ => serializer.serialize_f64(self.as_percent()),
        }
    }
}

impl<'de> Deserialize<'de> for Rollout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Rollout::percent(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// How far the whole is rolled out. It caps what flags may be.
///
/// | stage | cap where things are tried out | cap elsewhere | preset of a [rollback](FlagSet::roll_back_to) |
/// |---|---|---|---|
/// | `disabled` | 0 | 0 | 0 |
/// | `internal_testing` | none | 0 | 100 |
/// | `beta_testing` | none | 10 | 10 |
/// | `gradual_rollout` | none | none | 50 |
/// | `full_rollout` | none | none | 100 |
///
/// Things are tried out in the environments `testing` and `debug`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Stage {
    /// Nothing is on.
    Disabled,
    /// What is on is on where things are tried out.
    InternalTesting,
    /// As internal testing, and elsewhere for a tenth.
    BetaTesting,
    /// As the percentages say.
    GradualRollout,
    /// As the percentages say, which are full unless something was said since.
    FullRollout,
}

impl Stage {
    /// All of them, from the least to the most.
    pub const ALL: [Stage; 5] = [
        Stage::Disabled,
        Stage::InternalTesting,
        Stage::BetaTesting,
        Stage::GradualRollout,
        Stage::FullRollout,
    ];

    /// The word for it: `disabled`, `internal_testing`, `beta_testing`, `gradual_rollout`,
    /// `full_rollout`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Disabled => "disabled",
            Stage::InternalTesting => "internal_testing",
            Stage::BetaTesting => "beta_testing",
            Stage::GradualRollout => "gradual_rollout",
            Stage::FullRollout => "full_rollout",
        }
    }

    /// The most that anything may be rolled out in an environment.
    pub fn cap(self, environment: Option<&str>) -> Rollout {
        let is = |known: &&str| {
            environment.is_some_and(|here| environment_name(here).eq_ignore_ascii_case(known))
        };
        let tried_out = TRYING_OUT.iter().any(is);
        match self {
            Stage::Disabled => Rollout::NONE,
            _ if tried_out => Rollout::ALL,
            Stage::InternalTesting => Rollout::NONE,
            Stage::BetaTesting => Rollout::thousandths(10_000),
            Stage::GradualRollout | Stage::FullRollout => Rollout::ALL,
        }
    }

    /// How far each flag is rolled out by a rollback to this stage.
    pub fn preset(self) -> Rollout {
        match self {
            Stage::Disabled => Rollout::NONE,
            Stage::BetaTesting => Rollout::thousandths(10_000),
            Stage::GradualRollout => Rollout::thousandths(50_000),
            Stage::InternalTesting | Stage::FullRollout => Rollout::ALL,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads the word in any case, with `-` or `_`.
impl FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let word = text.to_ascii_lowercase().replace('-', "_");
        Stage::ALL.into_iter().find(|stage| stage.as_str() == word).ok_or_else(|| {
            let known: Vec<_> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
            Error::invalid("stage", text, format!("known are {}", known.join(", ")))
        })
    }
}

impl TryFrom<String> for Stage {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Stage> for &'static str {
    fn from(stage: Stage) -> &'static str {
        stage.as_str()
    }
}

/// A flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// Flags that must be on for this one to be, by name.
    #[serde(default)]
    pub dependencies: BTreeSet<String>,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether it is on at all.
    pub enabled: bool,
    /// Where it may be on, by name; empty is everywhere.
    #[serde(default)]
    pub environments: BTreeSet<String>,
    /// When it was last changed, where it ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Time>,
    /// How far it is rolled out, where nothing is said of the site.
    pub rollout: Rollout,
    /// What is hashed with the key; the flag's name unless told. Flags of one salt are on for the same
    /// keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// How far it is rolled out on a site.
    #[serde(default)]
    pub sites: BTreeMap<String, Rollout>,
}

impl Flag {
    /// A flag that is on or off for everybody, with nothing else said of it.
    pub fn new(enabled: bool, description: impl Into<String>) -> Self {
        Flag {
            dependencies: BTreeSet::new(),
            description: description.into(),
            enabled,
            environments: BTreeSet::new(),
            modified_at: None,
            rollout: Rollout::ALL,
            salt: None,
            sites: BTreeMap::new(),
        }
    }
}

/// That the emergency switch is thrown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// Since when.
    pub at: Time,
    /// Who threw it.
    pub by: String,
    /// Whether the old layout is written meanwhile, whatever its flag says.
    pub legacy: bool,
}

/// What holds for all flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// By how many percentage points more the on-group may fail than the off-group.
    pub anomaly_points_max: Rollout,
    /// The environment of who tells none.
    #[serde(default)]
    pub default_environment: Option<String>,
    /// What an imported file said and nothing here asks for.
    #[serde(default)]
    pub other: BTreeMap<String, Value>,
    /// By how many percentage points a rollout may be raised within a day; nothing is any number.
    #[serde(default)]
    pub raise_per_day_max: Option<Rollout>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            anomaly_points_max: Rollout::thousandths(5_000),
            default_environment: None,
            other: BTreeMap::new(),
            raise_per_day_max: Some(Rollout::thousandths(20_000)),
        }
    }
}

/// All flags of a store, and what governs them together.
///
/// ```
/// use tintype::model::flag::{EvalContext, FlagSet};
/// let set = FlagSet::default();
/// let asked = EvalContext { site: Some("shop.example"), ..EvalContext::default() };
/// assert!(set.evaluate("async_performance", &asked).value);
/// assert!(!set.evaluate("legacy_compatibility", &asked).value);
/// assert!(!set.evaluate("no_such_flag", &asked).value);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagSet {
    /// The emergency switch, where it is thrown.
    #[serde(default)]
    pub emergency: Option<Emergency>,
    /// The flags, by name.
    pub flags: BTreeMap<String, Flag>,
    /// What holds for all of them.
    pub settings: Settings,
    /// How far all flags are rolled out on a site, where nothing is said of the flag there.
    #[serde(default)]
    pub sites: BTreeMap<String, Rollout>,
    /// The stage.
    pub stage: Stage,
}

/// The flags of a new store: those that this crate asks, all on but the old layout.
impl Default for FlagSet {
    fn default() -> Self {
        let flags = SHIPPED.iter().map(|(name, enabled, description)| {
            ((*name).to_owned(), Flag::new(*enabled, *description))
        });
        FlagSet {
            emergency: None,
            flags: flags.collect(),
            settings: Settings::default(),
            sites: BTreeMap::new(),
            stage: Stage::FullRollout,
        }
    }
}

/// The name of a flag, for any of its names.
pub fn flag_name(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name)
}

/// The name of an environment, for any of its names.
pub fn environment_name(name: &str) -> &str {
    let known = ENVIRONMENT_ALIASES.iter().find(|(alias, _)| name.eq_ignore_ascii_case(alias));
    known.map_or(name, |(_, name)| name)
}

impl FlagSet {
    /// The flag of a name, or of another name of it.
    ///
    /// Fails with `NotFound`.
    pub fn flag(&self, name: &str) -> Result<&Flag> {
        self.find(name).map(|(_, flag)| flag).ok_or_else(|| Error::not_found(What::Flag, name))
    }

    /// The flag of a name, to be changed; fails as [`flag`](FlagSet::flag) does.
    pub fn flag_mut(&mut self, name: &str) -> Result<&mut Flag> {
        let found = match self.flags.contains_key(name) {
            true => self.flags.get_mut(name),
            false => self.flags.get_mut(flag_name(name)),
        };
        found.ok_or_else(|| Error::not_found(What::Flag, name))
    }

    pub(crate) fn find(&self, name: &str) -> Option<(&str, &Flag)> {
        let found = self.flags.get_key_value(name);
        let found = found.or_else(|| self.flags.get_key_value(flag_name(name)));
        found.map(|(name, flag)| (name.as_str(), flag))
    }

    /// Refuses what can't be: names that are none, dependencies that lead nowhere, in a circle or
    /// deeper than [`DEPENDENCY_DEPTH_MAX`], texts that are too long, a set that lacks a flag which
    /// this crate asks.
    pub fn check(&self) -> Result<()> {
        for (name, _, _) in SHIPPED {
            self.flag(name)?;
        }
        let mut sites: Vec<&String> = self.sites.keys().collect();
        let mut environments: Vec<&String> = self.settings.default_environment.iter().collect();
        for (name, flag) in &self.flags {
            check_flag_name(name)?;
            if flag.description.len() > DESCRIPTION_BYTES_MAX {
                let why = format!("its description is longer than {DESCRIPTION_BYTES_MAX} bytes");
                return Err(Error::invalid("flag", name, why));
            }
            if let Some(salt) = &flag.salt {
                check_text("salt", salt)?;
            }
            sites.extend(flag.sites.keys());
            environments.extend(&flag.environments);
            self.check_dependencies(name, &mut vec![name])?;
        }
        sites.into_iter().try_for_each(|site| check_text("site", site))?;
        environments.into_iter().try_for_each(|name| check_text("environment", name))?;
        let bytes = serde_json::to_string(self).map_or(usize::MAX, |text| text.len());
        if bytes > SET_BYTES_MAX {
            return Err(Error::TooLarge {
                what: "the set of flags".into(),
                bytes: bytes as u64,
                limit: SET_BYTES_MAX as u64,
            });
        }
        Ok(())
    }

    /// Follows the dependencies of the last flag of a path.
    fn check_dependencies<'s>(&'s self, name: &str, path: &mut Vec<&'s str>) -> Result<()> {
        let Some(flag) = self.flags.get(name) else { return Ok(()) };
        for next in &flag.dependencies {
            let told = || format!("{} → {next}", path.join(" → "));
            if path.contains(&next.as_str()) {
                return Err(Error::invalid("dependency", told(), "it goes in a circle"));
            }
            if !self.flags.contains_key(next) {
                let why = format!("there is no flag {next}");
                return Err(Error::invalid("dependency", told(), why));
            }
            if path.len() > DEPENDENCY_DEPTH_MAX {
                let why = format!("at most {DEPENDENCY_DEPTH_MAX} may follow each other");
                return Err(Error::invalid("dependency", told(), why));
            }
            path.push(next);
            self.check_dependencies(next, path)?;
            path.pop();
        }
        Ok(())
    }
}

/// Refuses what is no name of a flag: letters, digits, `_`, `-` and `.` make one.
pub fn check_flag_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
        let why = format!("1 to {NAME_BYTES_MAX} letters, digits, _, - and . are needed");
        return Err(Error::invalid("flag", name, why));
    }
    Ok(())
}

pub(crate) fn check_text(what: &'static str, text: &str) -> Result<()> {
    match () {
        () if text.trim().is_empty() => Err(Error::invalid(what, text, "it is empty")),
        () if text.len() > NAME_BYTES_MAX => {
            let why = format!("it is {} bytes; at most {NAME_BYTES_MAX}", text.len());
            Err(Error::invalid(what, text, why))
        }
        () if text.chars().any(char::is_control) => {
            Err(Error::invalid(what, text, "it holds control characters"))
        }
        () => Ok(()),
    }
}
