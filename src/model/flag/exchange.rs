//! Flags as JSON: our own form, and the file that a Python program kept (`snapshot_feature_flags.json`).
//!
//! **Invariant:** what is exported and imported again is exported as the same bytes.
//!
//! **Invariant:** a file that can't be read whole changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Flag, FlagSet, Rollout, SET_BYTES_MAX, Settings, Stage, environment_name, flag_name};
use crate::error::{Error, Result};
use crate::model::time::Time;

/// What an exported document says that it is.
const FORM: &str = "tintype flags 1";

/// Our own form. The emergency switch is no part of it: what is imported neither throws nor releases
/// it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    flags: BTreeMap<String, Flag>,
    form: String,
    settings: Settings,
    #[serde(default)]
    sites: BTreeMap<String, Rollout>,
    stage: Stage,
}

/// The file of the Python program.
#[derive(Deserialize)]
struct Foreign {
    current_stage: Stage,
    enabled_features: BTreeMap<String, ForeignFlag>,
    #[serde(default)]
    site_rollout: BTreeMap<String, Rollout>,
    #[serde(default)]
    global_settings: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct ForeignFlag {
    name: Option<String>,
    enabled: bool,
    #[serde(default)]
    description: String,
    rollout_percentage: Rollout,
    #[serde(default)]
    dependencies: BTreeSet<String>,
    #[serde(default)]
    environments: BTreeSet<String>,
    last_modified: Option<String>,
}

impl FlagSet {
    /// The set as JSON, its names in order: the same set is always the same text.
    pub fn to_json(&self) -> String {
        let own = Own {
            flags: self.flags.clone(),
            form: FORM.to_owned(),
            settings: self.settings.clone(),
            sites: self.sites.clone(),
            stage: self.stage,
        };
        let text = serde_json::to_string_pretty(&own).unwrap_or_default();
        text + "\n"
    }

    /// The set that a file makes of this one: what [`to_json`](FlagSet::to_json) wrote, or the file of the
    /// Python program.
    ///
    /// Our own form takes the place of all that was said; flags that this crate asks and that it lacks
    /// stay as they are. The Python program's file takes the place of the stage, of what is said of sites,
    /// and of the flags that it names; others stay. Its settings that are not asked for here are kept in
    /// [`Settings::other`]. In both the emergency switch stays as it is.
    ///
    /// Fails with `Invalid` where the file is neither, or says what can't be.
    pub fn import(&self, text: &str) -> Result<FlagSet> {
        if text.len() > SET_BYTES_MAX {
            return Err(Error::TooLarge {
                what: "the flag file".into(),
                bytes: text.len() as u64,
                limit: SET_BYTES_MAX as u64,
            });
        }
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let document: Value = serde_json::from_str(text)
            .map_err(|error| wrong(format!("it is not JSON: {error}")))?;
        let is_foreign = document.get("enabled_features").is_some();
        let set = match is_foreign {
            true => self.with_foreign(read(document)?)?,
            false => self.with_own(read(document)?)?,
        };
        set.check()?;
        Ok(set)
    }

    fn with_own(&self, own: Own) -> Result<FlagSet> {
        if own.form != FORM {
            return Err(wrong(format!("its form is {:?} instead of {FORM:?}", own.form)));
        }
        let Own { mut flags, settings, sites, stage, .. } = own;
        for (name, ..) in super::SHIPPED {
            if let (false, Some(flag)) = (flags.contains_key(name), self.flags.get(name)) {
                flags.insert(name.to_owned(), flag.clone());
            }
        }
        let emergency = self.emergency.clone();
        Ok(FlagSet { emergency, flags, settings, sites, stage }.with_known_names())
    }

    fn with_foreign(&self, file: Foreign) -> Result<FlagSet> {
        let mut set = self.clone();
        set.stage = file.current_stage;
        set.sites = file.site_rollout;
        for (key, told) in file.enabled_features {
            if told.name.as_ref().is_some_and(|name| *name != key) {
                let why = format!("it is filed as {key}, and says that it is another");
                return Err(Error::invalid("flag", told.name.unwrap_or_default(), why));
            }
            let modified_at = told.last_modified.as_deref().map(|text| {
                let read = Time::read_iso(text).map(|(time, _)| time);
                read.ok_or_else(|| Error::invalid("time", text, format!("{key} was changed then")))
            });
            let name = flag_name(&key).to_owned();
            let (salt, sites) = match set.flags.get(&name) {
                Some(known) => (known.salt.clone(), known.sites.clone()),
                None => (None, BTreeMap::new()),
            };
            let flag = Flag {
                dependencies: told.dependencies.iter().map(|it| flag_name(it).to_owned()).collect(),
                description: told.description,
                enabled: told.enabled,
                environments: told
                    .environments
                    .iter()
                    .map(|it| environment_name(it).to_owned())
                    .collect(),
                modified_at: modified_at.transpose()?,
                rollout: told.rollout_percentage,
                salt,
                sites,
            };
            set.flags.insert(name, flag);
        }
        let mut told = file.global_settings;
        let settings = &mut set.settings;
        if let Some(environment) = take(&mut told, "default_environment")? {
            let environment: String = environment;
            settings.default_environment = Some(environment_name(&environment).to_owned());
        }
        settings.raise_per_day_max = take(&mut told, "max_rollout_percentage_per_day")?;
        if let Some(points) = take(&mut told, "rollback_threshold")? {
            settings.anomaly_points_max = points;
        }
        settings.other = told;
        Ok(set)
    }
}

/// Takes a setting out of those that a file tells.
fn take<T: serde::de::DeserializeOwned>(
    told: &mut BTreeMap<String, Value>,
    name: &'static str,
) -> Result<Option<T>> {
    let Some(value) = told.remove(name) else { return Ok(None) };
    serde_json::from_value(value).map_err(|error| wrong(format!("{name}: {error}")))
}

fn read<T: serde::de::DeserializeOwned>(document: Value) -> Result<T> {
    serde_json::from_value(document).map_err(|error| wrong(error.to_string()))
}

fn wrong(why: String) -> Error {
    Error::invalid("flag file", "as given", why)
}
