//! What failed: the incident, the load, the selector, errors of scripts and requests, missing parts.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::history;
use super::network::{origin, short};
use super::parts::{Tone, facts, folded, notice};
use super::subject::Subject;
use super::text::{block, code, count, elided, line, number};
use crate::model::artifact::ArtifactStatus;
use crate::model::snapshot::Status;
use crate::records::incidents::Group;

/// The most errors of one kind that are shown here; the sections below have all.
const SHOWN_MAX: usize = 4;
/// The most messages that are told apart here.
const KINDS_MAX: usize = 64;
/// The most characters of a message or an address here.
const LONG_CHARS: usize = 200;

/// A thing that went wrong: its headline, and what more is known.
struct Wrong {
    tone: Tone,
    headline: Markup,
    more: Markup,
}

/// What went wrong, all in all.
pub(super) struct Problems {
    all: Vec<Wrong>,
}

impl Problems {
    /// What is known to have gone wrong, the worst causes first.
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let all = [
            load(subject),
            status(subject),
            selector(subject),
            exceptions(subject),
            requests(subject),
            missing(subject),
        ];
        Problems { all: all.into_iter().flatten().collect() }
    }

    /// How bad it is.
    pub(super) fn tone(&self) -> Tone {
        match () {
            () if self.all.iter().any(|wrong| wrong.tone == Tone::Bad) => Tone::Bad,
            () if !self.all.is_empty() => Tone::Warn,
            () => Tone::Good,
        }
    }
}

/// The section's body.
pub(super) fn body(
    subject: &Subject<'_>,
    problems: &Problems,
    group: &std::result::Result<Option<Group>, String>,
) -> Markup {
    let all = &problems.all;
    html! {
        @if let Some(incident) = subject.incident() { (told(incident)) }
        @for wrong in all {
            (notice(wrong.tone, html! { p.big { (wrong.headline) } (wrong.more) }))
        }
        @if let Some(incident) = subject.incident() { (known(incident)) }
        @if all.is_empty() && subject.incident().is_none() {
            (notice(Tone::Good, html! { p { "Nothing is known to have failed." } }))
        }
        @match group {
            Ok(Some(group)) => {
                h3 { "How often this was met" }
                (history::group(group))
            },
            Ok(None) => {},
            Err(damage) => (notice(Tone::Bad, html! {
                "How often it was met can't be told: " (line(damage))
            })),
        }
    }
}

/// The incident in the words of its kind.
fn told(incident: &Map<String, Value>) -> Markup {
    let text = |name: &str| incident.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    let count_of = |name: &str| incident.get(name).and_then(Value::as_u64);
    let kind = text("kind").unwrap_or("incident");
    let headline = match kind {
        "selector_failure" => html! {
            "The selector " (code(text("selector").unwrap_or("?"))) " matched nothing."
        },
        "retry_exhaustion" => html! {
            (line(text("operation").unwrap_or("An operation"))) " was tried again "
            (number(count_of("retry_count").unwrap_or(0))) " times and failed each time."
        },
        "timeout" => html! {
            (line(text("operation").unwrap_or("An operation"))) " took too long."
        },
        "extraction_mismatch" => html! { "What was extracted is not what it should be." },
        "failure" => html! {
            (line(text("error_type").unwrap_or("A failure")))
            @if let Some(message) = text("error_message") { ": " (line(message)) }
        },
        other => html! { (line(&other.replace('_', " "))) },
    };
    let errors = incident.get("validation_errors").and_then(Value::as_array);
    notice(
        Tone::Bad,
        html! {
            p.big { (headline) }
            @if let Some(errors) = errors {
                ul.bullets { @for error in errors.iter().take(20) {
                    li { (line(error.as_str().unwrap_or(&error.to_string()))) }
                } }
            }
        },
    )
}

/// Everything else that is known of an incident.
fn known(incident: &Map<String, Value>) -> Markup {
    const OWN: [&str; 3] = ["kind", "fingerprint", "validation_errors"];
    let known = incident.iter().filter(|(name, value)| {
        !OWN.contains(&name.as_str()) && !value.is_null() && !is_large(value)
    });
    let known: Vec<(String, Markup)> = known
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (super::text::plain(&name.replace('_', " ")), line(&text))
        })
        .collect();
    let large = incident.iter().filter(|(_, value)| is_large(value));
    html! {
        (facts(known.iter().map(|(name, value)| (name.as_str(), value.clone()))))
        @for (name, value) in large {
            (folded(line(name), block(name, &pretty(value))))
        }
    }
}

fn is_large(value: &Value) -> bool {
    (value.is_array() || value.is_object()) && value.to_string().len() > 80
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn load(subject: &Subject<'_>) -> Option<Wrong> {
    let facts = &subject.facts;
    match facts["load"].as_str()? {
        "failed" => Some(Wrong {
            tone: Tone::Bad,
            headline: html! { "The page did not load." },
            more: html! { p { (line(facts["load_error"].as_str().unwrap_or("no reason is told"))) } },
        }),
        "timed_out" => Some(Wrong {
            tone: Tone::Warn,
            headline: html! { "The page had not loaded in time; it was captured as it stood." },
            more: html! {},
        }),
        _ => None,
    }
}

fn selector(subject: &Subject<'_>) -> Option<Wrong> {
    let selector = subject.facts["config"]["selector"].as_str()?;
    if subject.incident().is_some_and(|incident| incident.get("selector").is_some()) {
        return None;
    }
    let element = subject.snapshot().artifact("element.html")?;
    let reason = element.reason.as_deref()?;
    (element.status != ArtifactStatus::Stored).then(|| Wrong {
        tone: Tone::Bad,
        headline: html! { "There is no element for the selector " (code(selector)) "." },
        more: html! { p { (line(reason)) } },
    })
}

fn exceptions(subject: &Subject<'_>) -> Option<Wrong> {
    let told_below = subject.requests.is_some();
    let failed = subject.messages.iter().filter(|message| message.failed());
    let failed: Vec<_> = failed.filter(|message| !(told_below && message.of_request)).collect();
    let first = failed.first()?;
    let thrown = failed.iter().filter(|message| message.kind == "exception").count() as u64;
    let errors = failed.len() as u64 - thrown;
    let tone = if first.kind == "crash" { Tone::Bad } else { Tone::Warn };
    let headline = match (thrown, errors) {
        (0, errors) => html! { (count(errors, "error")) " on the console." },
        (thrown, 0) => html! { (count(thrown, "uncaught exception")) "." },
        (thrown, errors) => html! {
            (count(thrown, "uncaught exception")) " and " (count(errors, "error")) " on the console."
        },
    };
    // Those that say the same are one line.
    let mut alike: Vec<(&str, u64)> = Vec::new();
    for message in &failed {
        let text = message.text.lines().next().unwrap_or_default();
        let known = alike.iter().position(|(known, _)| *known == text);
        match known {
            Some(at) => alike[at].1 = alike[at].1.saturating_add(message.times),
            None if alike.len() <= KINDS_MAX => alike.push((text, message.times)),
            None => {}
        }
    }
    Some(Wrong {
        tone,
        headline,
        more: html! { ul.bullets {
            @for (text, times) in alike.iter().take(SHOWN_MAX) {
                li {
                    (line(&elided(text, LONG_CHARS)))
                    @if *times > 1 { ", " (number(*times)) " times" }
                }
            }
            @if alike.len() > SHOWN_MAX { li { "and others, which the timeline has" } }
        } },
    })
}

fn requests(subject: &Subject<'_>) -> Option<Wrong> {
    let requests = subject.requests.as_deref()?;
    let failed: Vec<_> = requests.iter().filter(|request| request.failed()).collect();
    if failed.is_empty() {
        return None;
    }
    let own = origin(subject.url());
    Some(Wrong {
        tone: Tone::Warn,
        headline: html! {
            (count(failed.len() as u64, "request")) " of " (number(requests.len() as u64)) " failed."
        },
        more: html! { ul.bullets {
            @for request in failed.iter().take(SHOWN_MAX) {
                li {
                    (code(&format!("{} {}", request.method, elided(&short(&request.url, own), LONG_CHARS)))) ": "
                    (line(&request.outcome()))
                }
            }
            @if failed.len() > SHOWN_MAX { li { "and " (failed.len() - SHOWN_MAX) " more" } }
        } },
    })
}

fn missing(subject: &Subject<'_>) -> Option<Wrong> {
    let failed = subject.snapshot().artifacts.iter();
    let failed: Vec<_> = failed
        .filter(|artifact| {
            matches!(artifact.status, ArtifactStatus::Failed | ArtifactStatus::Redacted)
        })
        .collect();
    if failed.is_empty() && subject.damaged.is_empty() {
        return None;
    }
    let lost = (failed.len() + subject.damaged.len()) as u64;
    Some(Wrong {
        tone: if subject.damaged.is_empty() { Tone::Warn } else { Tone::Bad },
        headline: html! { (count(lost, "artifact")) " can't be shown." },
        more: html! { ul.bullets {
            @for (name, why) in &subject.damaged { li { (code(name)) ": " (line(why)) } }
            @for artifact in failed.iter().take(SHOWN_MAX) {
                li {
                    (code(artifact.name.as_str())) ": " (artifact.status.as_str())
                    @if let Some(reason) = &artifact.reason { ", " (line(reason)) }
                }
            }
            @if failed.len() > SHOWN_MAX { li { "and " (failed.len() - SHOWN_MAX) " more, in the ledger" } }
        } },
    })
}

fn status(subject: &Subject<'_>) -> Option<Wrong> {
    let http = subject.facts["http_status"].as_u64().filter(|status| *status >= 400);
    let short_of = subject.snapshot().status == Status::Minimal;
    match (http, short_of) {
        (Some(http), _) => Some(Wrong {
            tone: Tone::Bad,
            headline: html! { "The page answered " (http) "." },
            more: html! {},
        }),
        (None, true) => Some(Wrong {
            tone: Tone::Bad,
            headline: html! { "The page itself could not be read; there are facts and events only." },
            more: html! {},
        }),
        (None, false) => None,
    }
}
