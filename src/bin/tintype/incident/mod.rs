//! `incident`: what a scraper met and did not expect.

pub mod args;

use serde_json::{Map, json};
use tintype::capture::Outcome;
use tintype::capture::trigger::Trigger;
use tintype::model::incident::budget::Rate;
use tintype::model::incident::{Cause, Incident, Suppression};
use tintype::records::incidents::{Group, GroupQuery, groups};
use tintype::{CaptureConfig, Recorder, Repository};

use crate::args::Incident as Args;
use crate::out::{BOLD, Done, Failure, Out, Run, plain, table};
use crate::read::moment;
use args::{List, What};

/// How many incidents of a kind of the caller's own are captured of a site in a minute.
const BY_HAND: u32 = 100;

pub fn incident(repo: &Repository, args: Args, out: &Out) -> Run {
    match (&args.what, &args.kind) {
        (Some(What::List(asked)), _) => list(repo, asked, out),
        (None, Some(kind)) => tell(repo, kind, &args, out),
        (None, None) => Err(Failure::Usage("a kind of incident is needed".to_owned())),
    }
}

fn tell(repo: &Repository, kind: &str, args: &Args, out: &Out) -> Run {
    let fields: Map<_, _> = args.set.iter().cloned().collect();
    let is_bare = args.context.is_none() && fields.is_empty() && !has_page(args);
    let incident = Incident::from_fields(kind, args.context.clone().unwrap_or_default(), fields)?;
    if is_bare {
        // Somebody who wants to see incidents types such a thing, and must not make one.
        return Err(Failure::Usage(format!(
            "to tell of an incident {kind}, say where with --context, what with --set, or which page \
             with --url; incidents are listed by: tintype incident list"
        )));
    }
    let recorder = Recorder::new(repo);
    if let Cause::Custom { kind } = &incident.cause {
        recorder.register_trigger(ByHand { kind: kind.clone() })?;
    }
    #[cfg(feature = "chrome")]
    let incident = match &args.url {
        Some(url) => incident.at_url(url),
        None => incident,
    };
    let group = recorder.incident_group(&incident)?;
    let _working = out.stop.working();
    let outcome = handle(&recorder, &incident, args, out)?;
    recorder.flush()?;
    let query = GroupQuery { kind: Some(kind.to_owned()), limit: usize::MAX, ..Default::default() };
    let known = groups(repo, &query)?.into_iter().find(|it| Some(it.fingerprint) == group);
    if out.json {
        let reason = match &outcome {
            Outcome::Suppressed(why) => Some(why.as_str()),
            _ => None,
        };
        out.object(json!({
            "outcome": outcome.as_str(),
            "reason": reason,
            "version": outcome.version(),
            "kind": kind,
            "fingerprint": group,
            "count": known.map_or(0, |known| known.count),
        }))?;
    } else {
        if let Some(version) = outcome.version() {
            out.line(version.as_str())?;
        }
        let count = known.map_or(0, |known| known.count);
        out.note(match &outcome {
            Outcome::Captured(_) => format!("  captured: {count} of its group"),
            Outcome::Failed(_) => {
                format!("  nothing of the page could be had: {count} of its group")
            }
            Outcome::Suppressed(why) => {
                format!("  counted, {count} of its group, and not captured: {}", words(*why))
            }
            Outcome::NotMatched => "  not counted: that is no incident, as it went well".to_owned(),
        });
    }
    Ok(match outcome {
        Outcome::Failed(_) => Done::InPart,
        _ => Done::Ok,
    })
}

/// Whether a page is named.
fn has_page(args: &Args) -> bool {
    #[cfg(feature = "chrome")]
    return args.url.is_some() || args.browser.connect.is_some();
    #[cfg(not(feature = "chrome"))]
    {
        let _ = args;
        false
    }
}

#[cfg(feature = "chrome")]
fn handle(
    recorder: &Recorder,
    incident: &Incident,
    args: &Args,
    out: &Out,
) -> Result<Outcome, Failure> {
    use crate::capture::{PAGE_PATH, browser, closed_by_signal, page_options};
    use tintype::capture::chrome::ChromePage;

    let options = page_options(&args.page);
    options.check()?;
    let standing = args.browser.connect.as_deref().filter(|it| it.contains(PAGE_PATH));
    Ok(match (&args.url, standing) {
        (Some(_), Some(_)) => {
            let why = "--connect names a page, which is captured as it stands: no --url can be given \
                       with it";
            return Err(Failure::Usage(why.to_owned()));
        }
        (None, Some(address)) => {
            recorder.handle_opening(incident, || Ok(Box::new(ChromePage::watch_at(address)?)))?
        }
        (None, None) => recorder.count_incident(incident)?,
        (Some(url), None) => {
            // The page can't outlive its browser, which is started only where it is needed.
            let mut browser_of_page = None;
            recorder.handle_opening(incident, || {
                let started = closed_by_signal(|| browser(&args.browser), &out.stop)?;
                let (browser, _) = browser_of_page.insert(started);
                let page = browser.open_with(url, &options)?;
                out.stop.check();
                Ok(Box::new(page))
            })?
        }
    })
}

#[cfg(not(feature = "chrome"))]
fn handle(recorder: &Recorder, incident: &Incident, _: &Args, _: &Out) -> Result<Outcome, Failure> {
    Ok(recorder.count_incident(incident)?)
}

/// Why an incident was not captured.
fn words(why: Suppression) -> &'static str {
    match why {
        Suppression::Flag => {
            "a flag is off; see why with: tintype flag explain event_driven_snapshots"
        }
        Suppression::Breaker => "too many captures of its site failed lately",
        Suppression::Budget => "there were too many of its site lately",
        Suppression::Schedule => "it is not its turn",
        Suppression::NoPage => "there is no page",
    }
}

/// Captures incidents of a kind of the caller's own as he says: he is asked by nobody else.
struct ByHand {
    kind: String,
}

impl Trigger for ByHand {
    fn name(&self) -> &str {
        "manual"
    }

    fn matches(&self, incident: &Incident) -> bool {
        incident.cause.kind() == self.kind
    }

    fn rate(&self) -> Rate {
        Rate::per_minute(BY_HAND).unwrap_or(Rate::ONE)
    }

    fn config(&self, _: &Incident) -> CaptureConfig {
        CaptureConfig::default()
    }

    fn place(&self) -> [&str; 3] {
        ["manual_capture", "user_initiated", "manual_snapshot"]
    }
}

fn list(repo: &Repository, asked: &List, out: &Out) -> Run {
    let query = GroupQuery {
        context: asked.context.clone(),
        kind: asked.kind.clone(),
        since: asked.since,
        limit: asked.limit,
    };
    let found = groups(repo, &query)?;
    if out.json {
        for group in &found {
            out.object(json!(group))?;
        }
        return Ok(Done::Ok);
    }
    if found.is_empty() {
        out.note("no incidents");
        return Ok(Done::Ok);
    }
    let header = ["COUNT", "CAPTURED", "FIRST", "LAST", "KIND", "PLACE", "NEWEST", "MESSAGE"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let cells = |group: &Group| {
        let newest = group.last_version.as_ref().map_or("-", |version| version.as_str());
        vec![
            group.count.to_string(),
            group.captured.to_string(),
            moment(group.first_at),
            moment(group.last_at),
            group.kind.clone(),
            group.context.to_string(),
            newest.to_owned(),
            plain(&group.message),
        ]
    };
    rows.extend(found.iter().map(cells));
    for (at, line) in table(&rows).into_iter().enumerate() {
        out.line(if at == 0 { out.paint(BOLD, &line) } else { line })?;
    }
    Ok(Done::Ok)
}
