//! Which incidents are captured, how, and how many.
//!
//! | trigger | matches | a minute and site | takes |
//! |---|---|---|---|
//! | `selector_failure` | a selector that found nothing | 5 | the element's surroundings, HTML, the window, console |
//! | `retry_exhaustion` | as many retries as there may be | 3 | the whole page, everything |
//! | `timeout` | an operation that took too long | 3 | the page and, where a selector is known, the element; everything |
//! | `extraction_mismatch` | data that is there and not valid | 5 | the element's surroundings where a selector is known, else the page; HTML and pictures |
//! | `failure` | any other error | 5 | what a failure in production needs |
//!
//! One incident is captured once: the first trigger that matches decides, the caller's before these.

use std::sync::{Arc, PoisonError, RwLock};

use crate::error::{Error, Result};
use crate::model::config::{CaptureConfig, CaptureMode};
use crate::model::context::{Context, LEFT_OUT, PARTS};
use crate::model::incident::budget::Rate;
use crate::model::incident::{Cause, Incident, KINDS};

/// What stands for a site and a session that nobody told.
pub const UNKNOWN: &str = "unknown";
/// The longest name of a trigger, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The most triggers of a recorder.
const TRIGGERS_MAX: usize = 1_000;

/// A rule that says of incidents whether and how they are captured.
///
/// ```
/// use tintype::capture::trigger::Trigger;
/// use tintype::model::incident::{Incident, budget::Rate};
/// use tintype::{CaptureConfig, Recorder, Repository};
///
/// struct PriceJump;
///
/// impl Trigger for PriceJump {
///     fn name(&self) -> &str {
///         "price_jump"
///     }
///     fn matches(&self, incident: &Incident) -> bool {
///         incident.cause.kind() == "price_jump"
///     }
///     fn rate(&self) -> Rate {
///         Rate::per_minute(2).unwrap()
///     }
///     fn config(&self, _: &Incident) -> CaptureConfig {
///         CaptureConfig::testing()
///     }
/// }
///
/// let recorder = Recorder::new(&Repository::temporary()?);
/// recorder.register_trigger(PriceJump)?;
/// # Ok::<(), tintype::Error>(())
/// ```
pub trait Trigger: Send + Sync {
    /// Its name, which its budget is kept under.
    fn name(&self) -> &str;

    /// Whether it is for this incident.
    fn matches(&self, incident: &Incident) -> bool;

    /// How many captures it may take of a site in a minute.
    fn rate(&self) -> Rate;

    /// How such an incident is captured. It is stored before the call returns, whatever is said here.
    fn config(&self, incident: &Incident) -> CaptureConfig;

    /// Module, component and function of an incident of which nothing but the site is told.
    fn place(&self) -> [&str; 3] {
        [UNKNOWN; 3]
    }
}

/// A trigger for one known kind.
struct Known {
    kind: &'static str,
    per_minute: u32,
    place: [&'static str; 3],
}

/// The rules of the table above, with the places of what nobody told.
const KNOWN: [Known; 5] = [
    Known {
        kind: KINDS[0],
        per_minute: 5,
        place: ["selector_execution", "element_selection", "selector_execution"],
    },
    Known {
        kind: KINDS[1],
        per_minute: 3,
        place: ["retry_logic", "operation_retry", "retry_operation"],
    },
    Known {
        kind: KINDS[2],
        per_minute: 3,
        place: ["timeout_handling", "operation_timeout", "timeout_operation"],
    },
    Known {
        kind: KINDS[3],
        per_minute: 5,
        place: ["data_extraction", "validation", "extract_and_validate"],
    },
    Known {
        kind: KINDS[4],
        per_minute: 5,
        place: ["failure_handling", "failure", "handle_failure"],
    },
];

impl Trigger for Known {
    fn name(&self) -> &str {
        self.kind
    }

    fn matches(&self, incident: &Incident) -> bool {
        // By its kind alone: a timeout that names a selector is no selector failure.
        incident.cause.kind() == self.kind && incident.happened()
    }

    fn rate(&self) -> Rate {
        rate(self.per_minute)
    }

    fn config(&self, incident: &Incident) -> CaptureConfig {
        let selector = incident.selector();
        let of = |mode: CaptureMode| {
            let mode = if selector.is_some() { mode } else { CaptureMode::FullPage };
            let config = CaptureConfig::new(mode, selector);
            // A selector that is too long to be one.
            config.unwrap_or_default()
        };
        let mut config = match &incident.cause {
            Cause::SelectorFailure { .. } | Cause::ExtractionMismatch { .. } => {
                of(CaptureMode::Selector)
            }
            Cause::Timeout { .. } => of(CaptureMode::Both),
            Cause::Failure { .. } => CaptureConfig::production(),
            _ => CaptureConfig::default(),
        };
        match &incident.cause {
            Cause::SelectorFailure { .. } => config.capture_network = false,
            Cause::ExtractionMismatch { .. } => {
                (config.capture_network, config.capture_console) = (false, false);
            }
            _ => {}
        }
        config
    }

    fn place(&self) -> [&str; 3] {
        self.place
    }
}

/// So many a minute, of numbers that are known to be right.
fn rate(per_minute: u32) -> Rate {
    Rate::per_minute(per_minute.max(1)).unwrap_or(Rate::ONE)
}

/// The triggers of a recorder: the caller's, then those that are known.
pub(super) struct Triggers {
    own: RwLock<Vec<Arc<dyn Trigger>>>,
    known: Vec<Arc<dyn Trigger>>,
}

impl Default for Triggers {
    fn default() -> Self {
        let known = KNOWN.into_iter().map(|known| Arc::new(known) as Arc<dyn Trigger>).collect();
        Triggers { own: RwLock::default(), known }
    }
}

impl Triggers {
    /// Adds one; of two of one name the later holds.
    pub fn add(&self, trigger: Arc<dyn Trigger>) -> Result<()> {
        let name = trigger.name().to_owned();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
            let why = format!("1 to {NAME_BYTES_MAX} bytes without control characters are needed");
            return Err(Error::invalid("name of a trigger", name, why));
        }
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        match own.iter().position(|known| known.name() == name) {
            Some(at) => own[at] = trigger,
            None if own.len() < TRIGGERS_MAX => own.push(trigger),
            None => {
                let why = format!("there are {TRIGGERS_MAX} already");
                return Err(Error::invalid("trigger", name, why));
            }
        }
        Ok(())
    }

    /// The first that is for this incident.
    pub fn find(&self, incident: &Incident) -> Option<Arc<dyn Trigger>> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner).clone();
        own.into_iter().chain(self.known.iter().cloned()).find(|it| it.matches(incident))
    }
}

/// A context with what was left out filled in: `unknown` for the site and the session, and the trigger's
/// own words for module, component and function where none of them was told.
pub(super) fn filled(context: &Context, trigger: &dyn Trigger) -> Result<Context> {
    let [site, module, component, session, function] = context.parts();
    let told = |part: &String| Some(part.clone()).filter(|part| part != LEFT_OUT);
    let unknown = |part: &String| told(part).or(Some(UNKNOWN.to_owned()));
    let mut place = [module, component, function].map(|part| Some(part.clone()));
    if [module, component, function].iter().all(|part| *part == LEFT_OUT) {
        place = trigger.place().map(|part| Some(part.to_owned()));
    }
    let [module, component, function] = place;
    let parts: [Option<String>; PARTS.len()] =
        [unknown(site), module, component, unknown(session), function];
    Context::from_parts(parts)
}
