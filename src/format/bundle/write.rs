//! Writing `metadata.json` so that the older system reads it, and finds its hash right.

use serde_json::{Map, Value, json};

use super::{OWN, Own, md5_of};
use crate::error::{Error, Result};
use crate::format::pyjson::{NameOrder, PyJson};
use crate::model::config::CaptureMode;

/// How the capture was taken, as the older system tells it. It takes no other members.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How much of the page was taken.
    pub mode: CaptureMode,
    /// The CSS selector, where there was one.
    pub selector: Option<String>,
    /// Whether HTML was.
    pub html: bool,
    /// Whether pictures were.
    pub screenshot: bool,
    /// Whether messages of the console were.
    pub console: bool,
    /// Whether requests were.
    pub network: bool,
}

/// The whole page, with nothing taken of it.
impl Default for Config {
    fn default() -> Self {
        Config {
            mode: CaptureMode::FullPage,
            selector: None,
            html: false,
            screenshot: false,
            console: false,
            network: false,
        }
    }
}

impl Config {
    /// What a file tells of it; what it does not tell is as in the default.
    pub fn of(told: &Map<String, Value>) -> Self {
        let is_on = |name: &str| told.get(name).and_then(Value::as_bool).unwrap_or(false);
        let text = |name: &str| told.get(name).and_then(Value::as_str);
        Config {
            mode: text("mode").and_then(|mode| mode.parse().ok()).unwrap_or_default(),
            selector: text("selector").map(str::to_owned),
            html: is_on("capture_html"),
            screenshot: is_on("capture_screenshot"),
            console: is_on("capture_console"),
            network: is_on("capture_network"),
        }
    }
}

/// Writes the file of a folder that lies at `bundle_path`, as its readers would find it.
///
/// The hash is of the [older generation](super::Generation::Md5), the only one whose readers find
/// right what its writers wrote. `user_info` becomes `additional_metadata`.
pub fn write(
    own: &Own,
    user_info: &Map<String, Value>,
    config: &Config,
    bundle_path: &str,
) -> Result<Vec<u8>> {
    let [site, module, component, session, function] = own.context.parts();
    let function = Some(function).filter(|_| own.context.has_function());
    let artifacts: Vec<_> = own.artifacts.iter().filter_map(|it| it.path.as_ref()).collect();
    // The older system knows no zones, and can't sort times with one among those without. It writes no
    // fraction that is zero, also when it makes the hash again.
    let timestamp = own.created_at.to_string();
    let timestamp = timestamp.trim_end_matches('Z');
    let timestamp = timestamp.strip_suffix(".000000").unwrap_or(timestamp);
    let mut file = json!({
        "context": {
            "site": site,
            "module": module,
            "component": component,
            "session_id": session,
            "function": function,
            "additional_metadata": user_info,
        },
        "timestamp": timestamp,
        "config": {
            "mode": config.mode,
            "capture_html": config.html,
            "capture_screenshot": config.screenshot,
            "capture_network": config.network,
            "capture_console": config.console,
            "selector": config.selector,
            "capture_full_page": config.mode == CaptureMode::FullPage,
            "deduplication_enabled": false,
            "async_save": false,
        },
        "bundle_path": bundle_path,
        "artifacts": artifacts,
        "metadata": {
            "capture_mode": config.mode,
            OWN: own,
        },
        "content_hash": null,
        "bundle_version": "1.0",
    });
    let refuse = |why: String| Error::invalid("metadata of snapshot", &own.version, why);
    let text = serde_json::to_vec(&file).map_err(|why| refuse(why.to_string()))?;
    let read = PyJson::parse(&text).map_err(|why| refuse(why.to_string()))?;
    if let Some(hash) = file.get_mut("content_hash") {
        *hash = md5_of(read.root(), NameOrder::Texts).into();
    }
    serde_json::to_vec_pretty(&file).map_err(|why| refuse(why.to_string()))
}
