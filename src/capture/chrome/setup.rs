//! What a caller chose for a page, told to the browser before the page is asked for.

use std::time::Duration;

use serde_json::{Value, json};

use super::guard::Guard;
use super::options::{Cookie, PageOptions};
use super::page::ChromePage;
use crate::capture::{Fault, Viewport};
use crate::error::{Error, Result};

/// The longest that each call may take.
const CALL_MAX: Duration = Duration::from_secs(10);

impl ChromePage {
    /// Makes an empty page what the options say. `guarded` keeps it from private addresses.
    pub(super) fn set_up(
        &mut self,
        url: &str,
        options: &PageOptions,
        window: (u32, u32),
        guarded: bool,
    ) -> Result<()> {
        let told =
            |fault: Fault| Error::Browser { doing: "setting a page up", why: fault.to_string() };
        let viewport =
            Viewport { width: window.0, height: window.1, device_scale: options.device_scale };
        if viewport != self.viewport {
            self.viewport = viewport;
            self.facts.viewport = Some(viewport);
            let metrics = json!({
                "width": viewport.width,
                "height": viewport.height,
                "deviceScaleFactor": viewport.device_scale,
                "mobile": false,
            });
            self.tell("Emulation.setDeviceMetricsOverride", metrics).map_err(told)?;
        }
        if options.user_agent.is_some() || options.language.is_some() {
            let agent = options.user_agent.clone().or_else(|| self.facts.user_agent.clone());
            let mut identity = json!({ "userAgent": agent.clone().unwrap_or_default() });
            if let Some(language) = &options.language {
                identity["acceptLanguage"] = language.as_str().into();
            }
            self.tell("Emulation.setUserAgentOverride", identity).map_err(told)?;
            self.facts.user_agent = agent;
        }
        if let Some(language) = &options.language {
            let first = language.split(',').next().unwrap_or_default().replace('-', "_");
            self.tell("Emulation.setLocaleOverride", json!({ "locale": first }))
                .map_err(|fault| Error::invalid("language", language, fault.to_string()))?;
            self.facts.language = Some(language.clone());
        }
        if !options.headers.is_empty() {
            let pair = |header: &super::options::Header| {
                (header.name.clone(), Value::from(header.value.as_str()))
            };
            let headers: serde_json::Map<String, Value> =
                options.headers.iter().map(pair).collect();
            self.facts.headers_set = headers.keys().cloned().collect();
            self.tell("Network.setExtraHTTPHeaders", json!({ "headers": headers }))
                .map_err(told)?;
        }
        for cookie in &options.cookies {
            let fields = fields_of(cookie, url);
            self.tell("Network.setCookies", json!({ "cookies": [fields] }))
                .map_err(|fault| Error::invalid("cookie", &cookie.name, fault.to_string()))?;
            self.facts.cookies_set.push(cookie.name.clone());
        }
        if let Some(guard) = self.guard.clone().filter(|_| guarded) {
            guard.begin();
            for (method, params) in Guard::orders() {
                self.tell(method, params).map_err(told)?;
            }
            self.facts.guarded = true;
        }
        Ok(())
    }

    fn tell(&mut self, method: &str, params: Value) -> Result<(), Fault> {
        self.cdp.call(method, params, CALL_MAX).map(drop)
    }
}

fn fields_of(cookie: &Cookie, url: &str) -> Value {
    let mut fields = json!({
        "name": cookie.name,
        "value": cookie.value,
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.http_only,
    });
    match &cookie.domain {
        Some(domain) => fields["domain"] = domain.as_str().into(),
        None => fields["url"] = url.into(),
    }
    fields
}
