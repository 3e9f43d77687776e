//! Rolling features out and back: every change of the flags is a verb here.
//!
//! **Invariant:** a change is one transaction and one event, which tells who made it, what was there before
//! and what after. A change that is refused changes nothing; one that would change nothing leaves no
//! event.
//!
//! **Invariant:** a rollout is raised by no more than [`Settings::raise_per_day_max`] within 24 hours,
//! reckoned from the log, unless by [force](By::force). Switching on what was off, an import and a
//! rollback are no raises.
//!
//! [`Settings::raise_per_day_max`]: crate::model::flag::Settings::raise_per_day_max

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::model::flag::{Emergency, Flag, Rollout, Stage, Target};
use crate::model::time::Time;
use crate::records::flags::{self, Order, Past};
use crate::store::Repository;

pub use crate::records::flags::{FlagChange, all, history};

/// Who changes flags, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The name of who does.
    pub who: String,
    /// Why, for those who read the log.
    pub why: Option<String>,
    /// Whether the guard rails are passed.
    pub force: bool,
}

impl By {
    /// Somebody, for no stated reason, within the guard rails.
    pub fn new(who: impl Into<String>) -> Self {
        By { who: who.into(), why: None, force: false }
    }

    /// The same, for this reason.
    pub fn because(self, why: impl Into<String>) -> Self {
        By { why: Some(why.into()), ..self }
    }

    /// The same, beyond the guard rails.
    pub fn force(self) -> Self {
        By { force: true, ..self }
    }
}

fn order<'o>(by: &'o By, what: &'static str) -> Result<Order<'o>> {
    flags::check_by(&by.who)?;
    Ok(Order {
        by: &by.who,
        why: by.why.as_deref(),
        forced: by.force,
        what,
        flag: None,
        site: None,
        raises: None,
    })
}

/// A verb on one flag, which may raise its rollout.
fn on_flag(
    repo: &Repository,
    name: &str,
    by: &By,
    what: &'static str,
    edit: impl FnOnce(&mut crate::model::flag::FlagSet, &str) -> Result<()>,
) -> Result<Option<FlagChange>> {
    let name = flags::filed(&flags::all(repo)?, name)?;
    let raises = Some(Target::Flag(name.clone()));
    let order = Order { flag: Some(&name), raises, ..order(by, what)? };
    flags::change(repo, &order, |set, _| edit(set, &name))
}

/// Switches a flag on: as far as it was rolled out, or as far as told. One that was rolled out for nobody
/// is rolled out for everybody, unless told.
///
/// Fails with `NotFound`, and with `Invalid` where it is on already and would be raised by more than a
/// day allows.
pub fn enable(
    repo: &Repository,
    name: &str,
    rollout: Option<Rollout>,
    by: &By,
) -> Result<Option<FlagChange>> {
    on_flag(repo, name, by, "enable", |set, name| set.enable(name, rollout))
}

/// Switches a flag off. How far it was rolled out is remembered.
///
/// Fails with `NotFound`.
pub fn disable(repo: &Repository, name: &str, by: &By) -> Result<Option<FlagChange>> {
    on_flag(repo, name, by, "disable", |set, name| {
        set.flag_mut(name)?.enabled = false;
        Ok(())
    })
}

/// Says how far a flag is rolled out; whether it is on stays as it is.
///
/// Fails as [`enable`] does.
pub fn set_rollout(
    repo: &Repository,
    name: &str,
    rollout: Rollout,
    by: &By,
) -> Result<Option<FlagChange>> {
    on_flag(repo, name, by, "rollout", |set, name| {
        set.roll_out(&Target::Flag(name.to_owned()), Some(rollout))
    })
}

/// Says how far all flags, or one, are rolled out on a site; with nothing, what is said of the flags holds
/// there again.
///
/// Fails with `NotFound`, and with `Invalid` where the site is no name, or what is on there would be raised
/// by more than a day allows.
pub fn set_site_rollout(
    repo: &Repository,
    site: &str,
    flag: Option<&str>,
    rollout: Option<Rollout>,
    by: &By,
) -> Result<Option<FlagChange>> {
    let flag = flag.map(|name| flags::filed(&flags::all(repo)?, name)).transpose()?;
    let target = Target::on_site(site, flag.as_deref());
    let order = Order {
        flag: flag.as_deref(),
        site: Some(site),
        raises: Some(target.clone()),
        ..order(by, "site")?
    };
    flags::change(repo, &order, |set, _| set.roll_out(&target, rollout))
}

/// Sets the stage, and nothing else.
pub fn set_stage(repo: &Repository, stage: Stage, by: &By) -> Result<Option<FlagChange>> {
    flags::change(repo, &order(by, "stage")?, |set, _| {
        set.stage = stage;
        Ok(())
    })
}

/// Adds a flag.
///
/// Fails with `Invalid` where its name is none or is taken, and as [`set_dependencies`] does.
pub fn add(repo: &Repository, name: &str, flag: Flag, by: &By) -> Result<Option<FlagChange>> {
    let order = Order { flag: Some(name), ..order(by, "add")? };
    flags::change(repo, &order, |set, _| set.add(name, flag))
}

/// Changes a flag in several things at once.
///
/// Fails with `NotFound`, with `Invalid` where what comes of it can't be, and as [`set_rollout`] does.
pub fn edit(
    repo: &Repository,
    name: &str,
    by: &By,
    edit: impl FnOnce(&mut Flag),
) -> Result<Option<FlagChange>> {
    on_flag(repo, name, by, "set", |set, name| {
        edit(set.flag_mut(name)?);
        Ok(())
    })
}

/// Says on what a flag depends, all of it.
///
/// Fails with `NotFound`, and with `Invalid` where it would go in a circle or too deep.
pub fn set_dependencies(
    repo: &Repository,
    name: &str,
    on: &[&str],
    by: &By,
) -> Result<Option<FlagChange>> {
    on_flag(repo, name, by, "dependencies", |set, name| set.depend(name, on.iter().copied()))
}

/// Says in which environments a flag may be on; in none means in all.
///
/// Fails with `NotFound`, and with `Invalid` where one is no name.
pub fn set_environments(
    repo: &Repository,
    name: &str,
    environments: &[&str],
    by: &By,
) -> Result<Option<FlagChange>> {
    on_flag(repo, name, by, "environments", |set, name| {
        set.restrict(name, environments.iter().copied())
    })
}

/// Switches all off but the old layout, whatever else is said, until [released](emergency_release).
pub fn emergency_disable(repo: &Repository, by: &By) -> Result<Option<FlagChange>> {
    emergency(repo, by, "emergency-disable", false)
}

/// Switches all off and the old layout on, whatever else is said, until [released](emergency_release).
pub fn emergency_legacy(repo: &Repository, by: &By) -> Result<Option<FlagChange>> {
    emergency(repo, by, "emergency-legacy", true)
}

fn emergency(
    repo: &Repository,
    by: &By,
    what: &'static str,
    legacy: bool,
) -> Result<Option<FlagChange>> {
    flags::change(repo, &order(by, what)?, |set, past| {
        let same = set.emergency.as_ref().is_some_and(|thrown| thrown.legacy == legacy);
        if !same {
            set.emergency = Some(Emergency { at: past.now, by: by.who.clone(), legacy });
        }
        Ok(())
    })
}

/// Ends an emergency: the flags are what they were, with what was changed meanwhile.
pub fn emergency_release(repo: &Repository, by: &By) -> Result<Option<FlagChange>> {
    flags::change(repo, &order(by, "emergency-release")?, |set, _| {
        set.emergency = None;
        Ok(())
    })
}

/// What the flags are brought back to.
///
/// As text `stage:beta_testing`, `event:17`, `time:2026-11-22T13:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// A stage and its preset.
    Stage(Stage),
    /// As they were after this event of the log.
    Event(u64),
    /// As they were at this time.
    Time(Time),
}

impl FromStr for Back {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::invalid("rollback", text, "stage:STAGE, event:NUMBER or time:TIME is needed");
        let (kind, to) = text.split_once(':').ok_or_else(wrong)?;
        match kind {
            "stage" => to.parse().map(Back::Stage),
            "event" => to.parse().map(Back::Event).map_err(|_| wrong()),
            "time" => to.parse().map(Back::Time),
            _ => Err(wrong()),
        }
    }
}

/// Brings the flags back to what they were, as a new change. The emergency switch stays as it is.
///
/// Fails with `Invalid` where there was no such event or time, and with `Corrupt` where the log does not
/// tell what was.
pub fn roll_back(repo: &Repository, to: &Back, by: &By) -> Result<Option<FlagChange>> {
    flags::change(repo, &order(by, "rollback")?, |set, past| {
        let was = |past: &Past<'_>| match to {
            Back::Stage(stage) => {
                let mut was = set.clone();
                was.roll_back_to(*stage);
                Ok(was)
            }
            Back::Event(seq) => past.at_event(*seq),
            Back::Time(time) => past.at_time(*time),
        };
        let mut was = was(past)?;
        was.emergency = set.emergency.take();
        *set = was;
        Ok(())
    })
}

/// Takes flags from a file: what [`export`] gave, or the file in which the Python program kept them; see
/// [`FlagSet::import`](crate::model::flag::FlagSet::import).
///
/// Fails with `Invalid` where it is neither or says what can't be; then nothing changes.
pub fn import(repo: &Repository, text: &str, by: &By) -> Result<Option<FlagChange>> {
    flags::change(repo, &order(by, "import")?, |set, _| {
        *set = set.import(text)?;
        Ok(())
    })
}

/// The flags as JSON; see [`FlagSet::to_json`](crate::model::flag::FlagSet::to_json).
pub fn export(repo: &Repository) -> Result<String> {
    flags::all(repo).map(|set| set.to_json())
}
