//! Captures by the parameters that older scrapers call with: site, module and component with defaults, a
//! session that is made where none is given, and `full` for the whole page.
//!
//! Thin, for the time in which a scraper is moved over; new code calls [`Recorder::capture`].

use std::hash::{BuildHasher, RandomState};

use serde_json::{Map, Value};

use super::Page;
use super::recorder::{Captured, Recorder};
use crate::error::{Error, Result};
use crate::model::config::{CaptureConfig, CaptureMode};
use crate::model::context::Context;
use crate::model::id::Version;
use crate::model::snapshot::Draft;
use crate::model::time::{Clock, Time};
use crate::store::Repository;

/// What is said of a place that is not named.
pub const UNKNOWN: &str = "unknown";

/// The parameters of an older call. What is left out is as it was there.
///
/// ```
/// use tintype::capture::legacy::LegacyParams;
/// let params = LegacyParams { site: "shop.example", ..LegacyParams::default() };
/// assert_eq!((params.module, params.capture_mode), ("unknown", "full"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LegacyParams<'p> {
    /// The site; `unknown` unless told, as module and component are.
    pub site: &'p str,
    /// The module.
    pub module: &'p str,
    /// The component.
    pub component: &'p str,
    /// The session; one is made unless told.
    pub session_id: Option<&'p str>,
    /// How much is captured: `full` unless told, or a word of [`CaptureMode`].
    pub capture_mode: &'p str,
    /// Parameters by name. `function` is a part of the context, `selector` and the four switches
    /// `capture_html`, `capture_screenshot`, `capture_console` and `capture_network` of the
    /// configuration; all others become user info.
    pub more: Map<String, Value>,
}

impl Default for LegacyParams<'_> {
    fn default() -> Self {
        LegacyParams {
            site: UNKNOWN,
            module: UNKNOWN,
            component: UNKNOWN,
            session_id: None,
            capture_mode: "full",
            more: Map::new(),
        }
    }
}

/// Captures as an older snapshot manager does.
#[deprecated(
    note = "captures are made by `Recorder::capture` with a `Context` and a `CaptureConfig`"
)]
#[derive(Debug, Clone)]
pub struct LegacySnapshotManager {
    recorder: Recorder,
}

#[expect(deprecated, reason = "it is what is deprecated")]
impl LegacySnapshotManager {
    /// A manager that stores in this store.
    pub fn new(repo: &Repository) -> Self {
        LegacySnapshotManager { recorder: Recorder::new(repo) }
    }

    /// Captures a page by the parameters of an older call. It is stored when this returns.
    ///
    /// Fails with `Invalid` where a parameter can't be what it was there: a place that is no part of a
    /// context, a mode that is none, a mode that needs a selector without one.
    pub fn capture_snapshot(
        &self,
        page: &mut dyn Page,
        params: &LegacyParams<'_>,
    ) -> Result<Captured> {
        capture_snapshot(&self.recorder, page, params)
    }
}

/// Captures a page by the parameters of an older call. It is stored when this returns.
///
/// Fails with `Invalid` where a parameter can't be what it was there.
#[deprecated(note = "`Recorder::capture` takes a `Context` and a `CaptureConfig`")]
pub fn capture_snapshot(
    recorder: &Recorder,
    page: &mut dyn Page,
    params: &LegacyParams<'_>,
) -> Result<Captured> {
    let context = context_of(params, || recorder.repository().now())?;
    let mut config = config_of(params)?;
    // Older callers have no way to wait.
    config.async_save = false;
    let mut draft = Draft::new().context(context);
    let is_known = |name: &str| name == FUNCTION || name == SELECTOR || SWITCHES.contains(&name);
    for (name, value) in params.more.iter().filter(|(name, _)| !is_known(name)) {
        draft = draft.info(name, value.clone());
    }
    recorder.capture_as(page, draft, &config)
}

/// The context that older parameters mean; a session is made where none is given, by the clock.
///
/// Fails with `Invalid` where one can't be a part of a context.
#[deprecated(note = "`Context::from_parts` takes the five parts")]
pub fn create_context_from_legacy_params(
    params: &LegacyParams<'_>,
    clock: &dyn Clock,
) -> Result<Context> {
    context_of(params, || clock.now())
}

const FUNCTION: &str = "function";
const SELECTOR: &str = "selector";
const SWITCHES: [&str; 4] =
    ["capture_html", "capture_screenshot", "capture_console", "capture_network"];

fn context_of(params: &LegacyParams<'_>, now: impl FnOnce() -> Time) -> Result<Context> {
    let session = params.session_id.map_or_else(
        || {
            // The seed of a hash table differs each time, which tells apart what begins at once.
            let salt = RandomState::new().hash_one(()) as u32;
            Version::made_at(now(), salt).to_string()
        },
        str::to_owned,
    );
    Context::from_parts([
        Some(params.site.to_owned()),
        Some(params.module.to_owned()),
        Some(params.component.to_owned()),
        Some(session),
        text(params, FUNCTION)?.map(str::to_owned),
    ])
}

fn config_of(params: &LegacyParams<'_>) -> Result<CaptureConfig> {
    let mode: CaptureMode = params.capture_mode.parse()?;
    let mut config = CaptureConfig::new(mode, text(params, SELECTOR)?)?;
    let switches = [
        &mut config.capture_html,
        &mut config.capture_screenshot,
        &mut config.capture_console,
        &mut config.capture_network,
    ];
    for (name, switch) in SWITCHES.into_iter().zip(switches) {
        match params.more.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Bool(told)) => *switch = *told,
            Some(other) => return Err(Error::invalid(name, other, "true or false is needed")),
        }
    }
    Ok(config)
}

/// A parameter by name that is a text, where it is there.
fn text<'p>(params: &'p LegacyParams<'_>, name: &'static str) -> Result<Option<&'p str>> {
    match params.more.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Error::invalid(name, other, "a text is needed")),
    }
}
