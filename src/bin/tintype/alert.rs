//! `alert`: what is wrong, who knows, what is over.

use clap::Subcommand;
use serde_json::{Value, json};
use tintype::model::alert::{Alert, AlertId, AlertState, AlertType, NewAlert, Severity};
use tintype::ops::monitor::alerts;
use tintype::{Repository, Time};

use crate::args::{count, field};
use crate::out::{BOLD, CYAN, DIM, Done, Failure, GREEN, Out, RED, Run, YELLOW, plain, table};

#[derive(Subcommand)]
#[command(after_help = "Examples:
  tintype alert list
  tintype alert ack 5799056148416392
  tintype alert raise capture_failure error 'login is down' --info site=shop.example")]
pub enum AlertCommand {
    /// List the alerts that are open, the worst first
    #[command(after_help = "Examples:
  tintype alert list")]
    List,
    /// Say that somebody knows of alerts
    #[command(after_help = "Examples:
  tintype alert ack 5799056148416392")]
    Ack {
        /// The ids, as `alert list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<AlertId>,
    },
    /// Say that alerts are over
    #[command(after_help = "Examples:
  tintype alert resolve 5799056148416392")]
    Resolve {
        /// The ids, as `alert list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<AlertId>,
    },
    /// List alerts that are over, the latest first
    #[command(after_help = "Examples:
  tintype alert history --since 2026-11-01")]
    History {
        /// Only those that were over then or later
        #[arg(long, value_name = "T")]
        since: Option<Time>,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "50", value_parser = count)]
        limit: usize,
    },
    /// Raise an alert by hand
    #[command(after_help = "Types: performance_degradation, error_rate_high, storage_space_low, \
                            capture_failure, feature_flag_anomaly, system_health.\n\
                            Severities: info, warning, error, critical.\n\n\
                            Examples:\n  \
                            tintype alert raise capture_failure error 'login is down' --info site=shop.example")]
    Raise {
        /// What kind of trouble it is
        #[arg(value_name = "TYPE")]
        kind: AlertType,
        /// How bad it is
        severity: Severity,
        /// What is wrong
        message: String,
        /// Say more of it: KEY=TEXT or KEY:=JSON; may be given several times
        #[arg(long, value_name = "K=V", value_parser = field)]
        info: Vec<(String, Value)>,
    },
}

pub fn alert(repo: &Repository, what: AlertCommand, out: &Out) -> Run {
    match what {
        AlertCommand::List => {
            let open = alerts::open(repo)?;
            if open.is_empty() && !out.json {
                out.note("no alert is open");
            }
            list(&open, out)
        }
        AlertCommand::History { since, limit } => list(&alerts::history(repo, since, limit)?, out),
        AlertCommand::Ack { ids } => each(&ids, |id| alerts::acknowledge(repo, id), out),
        AlertCommand::Resolve { ids } => each(&ids, |id| alerts::resolve(repo, id), out),
        AlertCommand::Raise { kind, severity, message, info } => {
            let mut new = NewAlert::new(kind, severity, message);
            for (name, value) in info {
                new = new.with(name, value);
            }
            tell(&alerts::raise(repo, &new)?, out)?;
            Ok(Done::Ok)
        }
    }
}

/// Does something with each alert; those that can't be are named, and the others go on.
fn each(ids: &[AlertId], change: impl Fn(AlertId) -> tintype::Result<Alert>, out: &Out) -> Run {
    let mut failed = 0;
    for id in ids {
        match change(*id) {
            Ok(alert) => tell(&alert, out)?,
            Err(error) if ids.len() == 1 => return Err(error.into()),
            Err(error) => {
                out.warn(&id.to_string(), &error);
                failed += 1;
            }
        }
    }
    Ok(if failed > 0 { Done::InPart } else { Done::Ok })
}

/// Prints an alert that was changed.
fn tell(alert: &Alert, out: &Out) -> Result<(), Failure> {
    match out.json {
        true => out.object(json!(alert)),
        false => {
            out.note(format!("{}: {}", alert.state, plain(&alert.message)));
            out.line(alert.id.to_string())
        }
    }
}

fn list(alerts: &[Alert], out: &Out) -> Run {
    if out.json {
        for alert in alerts {
            out.object(json!(alert))?;
        }
        return Ok(Done::Ok);
    }
    if alerts.is_empty() {
        return Ok(Done::Ok);
    }
    let mut rows =
        vec![["ID", "STATE", "SEVERITY", "RULE", "SINCE", "MESSAGE"].map(str::to_owned).to_vec()];
    rows.extend(alerts.iter().map(cells));
    for (at, line) in table(&rows).into_iter().enumerate() {
        let line = match at.checked_sub(1).and_then(|at| alerts.get(at)) {
            None => out.paint(BOLD, &line),
            Some(alert) => out.paint(color(alert), &line),
        };
        out.line(line)?;
    }
    Ok(Done::Ok)
}

fn cells(alert: &Alert) -> Vec<String> {
    let since = alert.active_at.to_string();
    vec![
        alert.id.to_string(),
        alert.state.to_string(),
        alert.severity.to_string(),
        alert.name.clone(),
        since.get(..19).unwrap_or(&since).to_owned() + "Z",
        alert.message.clone(),
    ]
}

/// The colour of what is open by how bad it is, and of what is over.
pub fn color(alert: &Alert) -> u8 {
    match (alert.state, alert.severity) {
        (AlertState::Resolved, _) => GREEN,
        (AlertState::Pending | AlertState::Acknowledged, _) => DIM,
        (_, Severity::Critical | Severity::Error) => RED,
        (_, Severity::Warning) => YELLOW,
        (_, Severity::Info) => CYAN,
    }
}
