//! Is a flag on? The first check that decides gives the reason, in the words of OpenFeature
//! (specification, types: evaluation details).
//!
//! The checks, in their order: the flag is there; the emergency switch; the flag is enabled; the
//! environment; the dependencies; the stage; the most specific rollout (of the flag on the site, of the
//! site, of the flag), never above what the stage lets through; the bucket of the key.

use std::fmt;

use serde::Serialize;

use super::{
    DEPENDENCY_DEPTH_MAX, FlagSet, LEGACY_COMPATIBILITY, Rollout, bucket, environment_name,
};
use crate::model::context::{Context, LEFT_OUT};

/// For whom a flag is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EvalContext<'c> {
    /// The site.
    pub site: Option<&'c str>,
    /// The environment; the set's own where none is told.
    pub environment: Option<&'c str>,
    /// The session.
    pub session: Option<&'c str>,
    /// What is hashed; the session where none is told, and the site where there is none either.
    pub key: Option<&'c str>,
}

impl<'c> EvalContext<'c> {
    /// What a place of snapshots tells: its site and session.
    pub fn of(context: &'c Context) -> Self {
        let site = Some(context.site_name()).filter(|site| *site != LEFT_OUT);
        EvalContext { site, session: context.session(), ..EvalContext::default() }
    }

    /// The same in an environment.
    pub fn in_environment(self, environment: Option<&'c str>) -> Self {
        EvalContext { environment, ..self }
    }

    fn bucketing_key(&self) -> Option<&'c str> {
        [self.key, self.session, self.site].into_iter().flatten().find(|key| !key.is_empty())
    }
}

/// Why a flag is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FlagReason {
    /// It is rolled out for everybody, or for nobody.
    Static,
    /// What is said of the site decides.
    TargetingMatch,
    /// The bucket of the key decides.
    Split,
    /// It is off: the flag, what it depends on, its environment, the stage, or everything.
    Disabled,
    /// It could not be decided.
    Error,
}

impl FlagReason {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            FlagReason::Static => "STATIC",
            FlagReason::TargetingMatch => "TARGETING_MATCH",
            FlagReason::Split => "SPLIT",
            FlagReason::Disabled => "DISABLED",
            FlagReason::Error => "ERROR",
        }
    }
}

impl fmt::Display for FlagReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why it could not be decided whether a flag is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FlagError {
    /// There is no flag of this name.
    FlagNotFound,
    /// It is rolled out for some, and nothing says who is asked for.
    TargetingKeyMissing,
}

/// A check on the way to the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was looked at: `flag`, `emergency`, `enabled`, `environment`, `dependency`, `stage`,
    /// `rollout`, `bucket`.
    pub check: &'static str,
    /// What was seen.
    pub detail: String,
    /// Whether this decided; the last step does.
    pub decides: bool,
}

/// The answer, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// Whether it is on.
    pub value: bool,
    /// Why.
    pub reason: FlagReason,
    /// Why it could not be decided, where it could not.
    pub error: Option<FlagError>,
    /// How far it is rolled out for who was asked for, where that was looked at.
    pub rollout: Option<Rollout>,
    /// The bucket of the key, where that decided.
    pub bucket: Option<u32>,
    /// The checks that were made; none where only the answer was asked for.
    pub steps: Vec<Step>,
}

impl Evaluation {
    fn new(value: bool, reason: FlagReason) -> Self {
        Evaluation { value, reason, error: None, rollout: None, bucket: None, steps: Vec::new() }
    }

    fn off() -> Self {
        Evaluation::new(false, FlagReason::Disabled)
    }

    fn failed(error: FlagError) -> Self {
        Evaluation { error: Some(error), ..Evaluation::new(false, FlagReason::Error) }
    }
}

/// Where steps are told, if anybody listens.
struct Steps(Option<Vec<Step>>);

impl Steps {
    fn pass(&mut self, check: &'static str, detail: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.0 {
            steps.push(Step { check, detail: detail(), decides: false });
        }
    }

    fn decide(&mut self, check: &'static str, detail: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.0 {
            steps.push(Step { check, detail: detail(), decides: true });
        }
    }
}

/// What is the same for a flag and for all that it depends on.
struct Asked<'a> {
    site: Option<&'a str>,
    /// The name of the environment, not another name of it.
    environment: Option<&'a str>,
    /// What is hashed.
    key: Option<&'a str>,
    /// What the stage lets through there.
    cap: Rollout,
    /// What is said of the site for all flags.
    of_site: Option<Rollout>,
}

impl<'a> Asked<'a> {
    fn of(set: &'a FlagSet, asked: &EvalContext<'a>) -> Self {
        let environment = asked.environment.or(set.settings.default_environment.as_deref());
        Asked {
            site: asked.site,
            environment: environment.map(environment_name),
            key: asked.bucketing_key(),
            cap: set.stage.cap(environment),
            of_site: asked.site.and_then(|site| set.sites.get(site)).copied(),
        }
    }
}

impl FlagSet {
    /// Whether a flag is on for who is asked for, and why. Never fails: what can't be decided is off.
    pub fn evaluate(&self, name: &str, asked: &EvalContext<'_>) -> Evaluation {
        self.decide(name, &Asked::of(self, asked), 0, &mut Steps(None))
    }

    /// As [`evaluate`](FlagSet::evaluate), with each step.
    pub fn explain(&self, name: &str, asked: &EvalContext<'_>) -> Evaluation {
        let mut steps = Steps(Some(Vec::new()));
        let evaluation = self.decide(name, &Asked::of(self, asked), 0, &mut steps);
        Evaluation { steps: steps.0.unwrap_or_default(), ..evaluation }
    }

    fn decide(&self, name: &str, asked: &Asked<'_>, depth: usize, steps: &mut Steps) -> Evaluation {
        let Some((name, flag)) = self.find(name) else {
            steps.decide("flag", || format!("there is no flag {name}"));
            return Evaluation::failed(FlagError::FlagNotFound);
        };
        steps.pass("flag", || name.to_owned());
        match (&self.emergency, name == LEGACY_COMPATIBILITY) {
            (Some(switch), true) if switch.legacy => {
                steps.decide("emergency", || format!("{} put it on at {}", switch.by, switch.at));
                return Evaluation::new(true, FlagReason::Static);
            }
            (Some(_), true) => steps.pass("emergency", || "it is not touched by it".into()),
            (Some(switch), false) => {
                steps.decide("emergency", || {
                    format!("{} switched all off at {}", switch.by, switch.at)
                });
                return Evaluation::off();
            }
            (None, _) => steps.pass("emergency", || "none".into()),
        }
        if !flag.enabled {
            steps.decide("enabled", || "it is disabled".into());
            return Evaluation::off();
        }
        steps.pass("enabled", || "it is enabled".into());
        let environment = asked.environment;
        if !flag.environments.is_empty() {
            let told = || flag.environments.iter().cloned().collect::<Vec<_>>().join(", ");
            let here = |one: &String| environment.is_some_and(|it| it.eq_ignore_ascii_case(one));
            if !flag.environments.iter().any(here) {
                steps.decide("environment", || match environment {
                    Some(environment) => format!("{environment} is not among {}", told()),
                    None => format!("none is told, and it is on in {} only", told()),
                });
                return Evaluation::off();
            }
            steps.pass("environment", || format!("one of {}", told()));
        } else {
            steps.pass("environment", || "any".into());
        }
        for needed in &flag.dependencies {
            // A checked set has no circles; one that was not must not hang its caller.
            let on = depth < DEPENDENCY_DEPTH_MAX
                && self.decide(needed, asked, depth + 1, &mut Steps(None)).value;
            if !on {
                steps.decide("dependency", || format!("{needed} is off"));
                return Evaluation::off();
            }
            steps.pass("dependency", || format!("{needed} is on"));
        }
        let cap = asked.cap;
        if cap == Rollout::NONE {
            steps.decide("stage", || match environment {
                Some(environment) => format!("{} lets nothing be on in {environment}", self.stage),
                None => format!("{} lets nothing be on", self.stage),
            });
            return Evaluation::off();
        }
        steps.pass("stage", || format!("{} lets {cap} percent be on", self.stage));
        let of_flag = asked.site.and_then(|site| flag.sites.get(site)).copied();
        let of_site = asked.of_site;
        let said = of_flag.or(of_site).unwrap_or(flag.rollout);
        let (rollout, by_site) = (said.min(cap), of_flag.or(of_site).is_some());
        let told = || {
            let of = match (asked.site, of_flag.is_some(), by_site) {
                (Some(site), true, _) => format!("of the flag on {site}"),
                (Some(site), _, true) => format!("of {site}"),
                _ => "of the flag".into(),
            };
            let capped = if rollout < said { ", capped by the stage" } else { "" };
            format!("{rollout} percent: the rollout {of}{capped}")
        };
        if rollout == Rollout::NONE || rollout == Rollout::ALL {
            steps.decide("rollout", told);
            let reason = if by_site { FlagReason::TargetingMatch } else { FlagReason::Static };
            let decided = Evaluation::new(rollout == Rollout::ALL, reason);
            return Evaluation { rollout: Some(rollout), ..decided };
        }
        steps.pass("rollout", told);
        let Some(key) = asked.key else {
            steps.decide("bucket", || "no key, no session and no site is told".into());
            let failed = Evaluation::failed(FlagError::TargetingKeyMissing);
            return Evaluation { rollout: Some(rollout), ..failed };
        };
        let bucket = bucket(flag.salt.as_deref().unwrap_or(name), key);
        let value = bucket < rollout.buckets();
        steps.decide("bucket", || {
            let side = if value { "below" } else { "not below" };
            format!("that of {key} is {bucket}, {side} {}", rollout.buckets())
        });
        let (rollout, bucket) = (Some(rollout), Some(bucket));
        Evaluation { rollout, bucket, ..Evaluation::new(value, FlagReason::Split) }
    }
}
