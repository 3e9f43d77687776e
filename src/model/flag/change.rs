//! Changing a set: what is said of rollouts, what a change raises, and what it comes to.

use std::fmt;

use serde_json::{Map, Value};

use super::{Flag, FlagSet, Rollout, Stage, check_flag_name, environment_name, flag_name};
use crate::error::{Error, Result, What};

/// What a rollout is said of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A flag, where nothing is said of the site.
    Flag(String),
    /// A site, for all flags of which nothing is said there.
    Site(String),
    /// A flag on a site.
    FlagOnSite(String, String),
}

impl Target {
    /// A flag on a site, or all flags there.
    pub fn on_site(site: &str, flag: Option<&str>) -> Self {
        match flag {
            Some(flag) => Target::FlagOnSite(flag.to_owned(), site.to_owned()),
            None => Target::Site(site.to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Flag(flag) => f.pad(flag),
            Target::Site(site) => write!(f, "all flags on {site}"),
            Target::FlagOnSite(flag, site) => write!(f, "{flag} on {site}"),
        }
    }
}

impl FlagSet {
    /// Adds a flag.
    ///
    /// Fails with `Invalid` where the name is none, or is that of a flag already.
    pub fn add(&mut self, name: &str, flag: Flag) -> Result<()> {
        check_flag_name(name)?;
        if self.find(name).is_some() {
            return Err(Error::invalid("flag", name, "it is there already"));
        }
        self.flags.insert(name.to_owned(), flag);
        Ok(())
    }

    /// Switches a flag on, as far as it was rolled out, or as far as told.
    ///
    /// One that was rolled out for nobody is rolled out for everybody, unless told. Fails with
    /// `NotFound`.
    pub fn enable(&mut self, name: &str, rollout: Option<Rollout>) -> Result<()> {
        let flag = self.flag_mut(name)?;
        let before = Some(flag.rollout).filter(|rollout| *rollout > Rollout::NONE);
        flag.enabled = true;
        flag.rollout = rollout.or(before).unwrap_or(Rollout::ALL);
        Ok(())
    }

    /// Says how far something is rolled out. Of a site nothing more is said with nothing.
    ///
    /// Fails with `NotFound` for a flag that is not there, and with `Invalid` where nothing is said of a
    /// flag: it is rolled out as far as it is.
    pub fn roll_out(&mut self, target: &Target, rollout: Option<Rollout>) -> Result<()> {
        let sites = match target {
            Target::Flag(name) => {
                let flag = self.flag_mut(name)?;
                flag.rollout = rollout
                    .ok_or_else(|| Error::invalid("flag", name, "a percentage is needed"))?;
                return Ok(());
            }
            Target::Site(site) => (&mut self.sites, site),
            Target::FlagOnSite(name, site) => (&mut self.flag_mut(name)?.sites, site),
        };
        let (sites, site) = sites;
        super::check_text("site", site)?;
        match rollout {
            Some(rollout) => sites.insert(site.clone(), rollout),
            None => sites.remove(site),
        };
        Ok(())
    }

    /// Says on what a flag depends.
    ///
    /// Fails with `NotFound` where one of the flags is not there.
    pub fn depend<'n>(&mut self, name: &str, on: impl IntoIterator<Item = &'n str>) -> Result<()> {
        let mut needed = std::collections::BTreeSet::new();
        for other in on {
            let (other, _) = self.find(other).ok_or_else(|| Error::not_found(What::Flag, other))?;
            needed.insert(other.to_owned());
        }
        self.flag_mut(name)?.dependencies = needed;
        Ok(())
    }

    /// Says in which environments a flag may be on; in none means in all.
    ///
    /// Fails with `NotFound` for a flag that is not there.
    pub fn restrict<'n>(
        &mut self,
        name: &str,
        environments: impl IntoIterator<Item = &'n str>,
    ) -> Result<()> {
        let known = |name: &str| environment_name(name).to_owned();
        self.flag_mut(name)?.environments = environments.into_iter().map(known).collect();
        Ok(())
    }

    /// Sets a stage and its preset: each flag is rolled out as far as [`Stage::preset`] says, and nothing
    /// is said of sites any more. Which flags are enabled stays as it is.
    pub fn roll_back_to(&mut self, stage: Stage) {
        self.stage = stage;
        self.sites.clear();
        for flag in self.flags.values_mut() {
            flag.rollout = stage.preset();
            flag.sites.clear();
        }
    }

    /// How far something is rolled out; nothing where it is not on. Of a site of which nothing is said
    /// that is as far as the flag which is rolled out least.
    fn in_force(&self, target: &Target) -> Option<Rollout> {
        let of_flag =
            |name: &str| self.find(name).map(|(_, flag)| flag).filter(|flag| flag.enabled);
        let rollout = match target {
            Target::Flag(name) => of_flag(name)?.rollout,
            Target::FlagOnSite(name, site) => {
                let flag = of_flag(name)?;
                *flag.sites.get(site).or(self.sites.get(site)).unwrap_or(&flag.rollout)
            }
            Target::Site(site) => match self.sites.get(site) {
                Some(rollout) => *rollout,
                None => {
                    let flags = self.flags.values();
                    let on = flags.filter(|flag| flag.enabled && !flag.sites.contains_key(site));
                    on.map(|flag| flag.rollout).filter(|rollout| *rollout > Rollout::NONE).min()?
                }
            },
        };
        Some(rollout).filter(|rollout| *rollout > Rollout::NONE)
    }

    /// By how much a change raises what was on already: zero where it does not, or was off.
    pub fn raised_by(&self, after: &FlagSet, target: &Target) -> Rollout {
        match (self.in_force(target), after.in_force(target)) {
            (Some(before), Some(after)) => {
                Rollout::thousandths(after.buckets().saturating_sub(before.buckets()))
            }
            _ => Rollout::NONE,
        }
    }

    /// Refuses to raise something by more than a day allows, of which some was used already.
    pub fn allow_raise(&self, target: &Target, used: Rollout, raise: Rollout) -> Result<()> {
        let Some(limit) = self.settings.raise_per_day_max else { return Ok(()) };
        let wanted = u64::from(used.buckets()) + u64::from(raise.buckets());
        if raise > Rollout::NONE && wanted > u64::from(limit.buckets()) {
            let left = limit.buckets().saturating_sub(used.buckets());
            let why = format!(
                "it would be raised by {raise} points; {limit} are allowed a day, of which {} are \
                 left; force it to go beyond",
                Rollout::thousandths(left)
            );
            return Err(Error::invalid("rollout of", target, why));
        }
        Ok(())
    }

    /// The same with the names that flags are known by here.
    pub(super) fn with_known_names(mut self) -> Self {
        let known = |name: String| flag_name(&name).to_owned();
        self.flags = std::mem::take(&mut self.flags)
            .into_iter()
            .map(|(name, mut flag)| {
                flag.dependencies = flag.dependencies.into_iter().map(known).collect();
                flag.environments =
                    flag.environments.iter().map(|it| environment_name(it).to_owned()).collect();
                (known(name), flag)
            })
            .collect();
        let environment = self.settings.default_environment.take();
        self.settings.default_environment = environment.map(|it| environment_name(&it).to_owned());
        self
    }
}

/// What two documents say of the paths at which they differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// What the first says, by path; null where it says nothing.
    pub before: Map<String, Value>,
    /// What the second says.
    pub after: Map<String, Value>,
}

/// Where two documents differ. A path is a JSON pointer (RFC 6901).
pub fn differences(before: &Value, after: &Value) -> Differences {
    let mut found = Differences::default();
    collect(String::new(), before, after, &mut found);
    found
}

fn collect(path: String, before: &Value, after: &Value, found: &mut Differences) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        found.before.insert(path.clone(), before.clone());
        found.after.insert(path, after.clone());
        return;
    };
    let added = new.keys().filter(|key| !old.contains_key(*key));
    for key in old.keys().chain(added) {
        let step = key.replace('~', "~0").replace('/', "~1");
        let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
        collect(format!("{path}/{step}"), &of(old), &of(new), found);
    }
}
