//! `sql`: a question in SQL, answered as a table, as JSON or as CSV.

use std::io::Read;
use std::ops::ControlFlow;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use tintype::store::{SQL_BYTES_MAX, SqlAnswer, SqlOptions, SqlValue};
use tintype::{Error, Repository};

use crate::args::seconds;
use crate::out::{BOLD, Done, Failure, Out, Run};
use crate::table::{Columns, cut, width};

/// So many rows of a table say how wide its columns are; those that follow have to fit.
const ROWS_MEASURED: usize = 200;
/// The longest cell of a table, where nothing else says how wide a line may be.
const CELL_MAX: usize = 200;
/// How many rows a table has unless told.
const ROWS_OF_A_TABLE: u64 = 1000;

#[derive(Args)]
#[command(after_help = "\
The store is only read. The views are made for people: v_snapshot, v_artifact, v_tag, v_event, v_storage,
v_forgotten, v_retention, v_flag, v_incident, v_metric, v_alert. Bytes are told as hex digits. With --json
each row is an object {\"row\": {COLUMN: VALUE}} on a line; of columns of one name the second is NAME:1.

Examples:
  tintype sql 'select version, created_at, bytes from v_snapshot limit 5'
  tintype sql 'select site, count(*) from v_snapshot group by site' --format csv
  tintype sql - --json < question.sql")]
pub struct Sql {
    /// The statement; - reads it from standard input
    #[arg(value_name = "STATEMENT")]
    pub statement: String,
    /// How rows are printed
    #[arg(
        long,
        value_name = "F",
        default_value = "table",
        default_value_if("json", "true", "json")
    )]
    pub format: SqlFormat,
    /// At most so many rows [default: 1000 in a table, all otherwise]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Give it so many seconds; 0 is no limit
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    pub timeout: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SqlFormat {
    /// Columns for people
    Table,
    /// A JSON object a line
    Json,
    /// Comma-separated values as RFC 4180 has them, the names of the columns first
    Csv,
}

pub fn sql(repo: &Repository, args: &Sql, out: &Out) -> Run {
    if out.json && args.format != SqlFormat::Json {
        return Err(Failure::Usage("--json prints JSON; leave --format out".to_owned()));
    }
    let statement = match args.statement.as_str() {
        "-" => read(out)?,
        statement => statement.to_owned(),
    };
    let options = SqlOptions {
        time_max: Some(args.timeout).filter(|limit| !limit.is_zero()),
        stop: Some(out.stop.flag()),
    };
    let shown = args.limit.or((args.format == SqlFormat::Table).then_some(ROWS_OF_A_TABLE));
    let mut answer = Answer {
        format: args.format,
        out,
        left: shown,
        more: false,
        heads: Vec::new(),
        waiting: Vec::new(),
        columns: None,
    };
    let _working = out.stop.working();
    let asked = repo.sql(&statement, &options, |part| answer.take(part));
    out.stop.check();
    let rows = asked?;
    answer.flush()?;
    if answer.more {
        out.note(format!("there are more than {} rows; raise it with --limit N", rows - 1));
    }
    Ok(Done::Ok)
}

fn read(out: &Out) -> Result<String, Failure> {
    let mut text = String::new();
    let limit = SQL_BYTES_MAX as u64 + 1;
    out.stop
        .waiting(|| std::io::stdin().lock().take(limit).read_to_string(&mut text))
        .map_err(|error| Error::io("stdin", error))?;
    Ok(text)
}

/// Rows on their way to stdout.
struct Answer<'o> {
    format: SqlFormat,
    out: &'o Out,
    /// How many more rows are printed, where that is limited.
    left: Option<u64>,
    /// Whether there were more.
    more: bool,
    heads: Vec<String>,
    /// Rows of a table whose columns are not measured yet.
    waiting: Vec<Vec<String>>,
    columns: Option<Columns>,
}

impl Answer<'_> {
    fn take(&mut self, part: SqlAnswer<'_>) -> Result<ControlFlow<()>, Failure> {
        let row = match part {
            SqlAnswer::Columns(columns) => {
                self.heads = unlike(columns);
                match self.format {
                    SqlFormat::Csv => self.out.text(&csv(columns.iter().cloned()))?,
                    SqlFormat::Table => self.waiting.push(columns.to_vec()),
                    SqlFormat::Json => {}
                }
                return Ok(ControlFlow::Continue(()));
            }
            SqlAnswer::Row(row) => row,
        };
        match &mut self.left {
            Some(0) => {
                self.more = true;
                return Ok(ControlFlow::Break(()));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        match self.format {
            SqlFormat::Json => {
                let members = self.heads.iter().cloned().zip(row.iter().map(value));
                self.out.object(json!({"row": members.collect::<Map<_, _>>()}))?;
            }
            SqlFormat::Csv => self.out.text(&csv(row.iter().map(text)))?,
            SqlFormat::Table => {
                let limit = width().unwrap_or(CELL_MAX);
                // What comes after it is not seen, and not worth to be escaped.
                let cell = |value| cut(&text(value), limit);
                self.waiting.push(row.iter().map(cell).collect());
                if self.waiting.len() > ROWS_MEASURED {
                    self.flush()?;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Prints the rows of a table that wait.
    fn flush(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.waiting);
        let is_first = self.columns.is_none();
        let columns = self.columns.get_or_insert_with(|| Columns::of(&rows, width()));
        for (at, line) in columns.lines(&rows).into_iter().enumerate() {
            self.out.line(match at == 0 && is_first {
                true => self.out.paint(BOLD, &line),
                false => line,
            })?;
        }
        Ok(())
    }
}

/// Names of columns, made unlike where two are the same.
fn unlike(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let numbered = (1..).map(|number| format!("{column}:{number}"));
        let mut names_of_it = std::iter::once(column.clone()).chain(numbered);
        names.extend(names_of_it.find(|name| !names.contains(name)));
    }
    names
}

fn value(value: &SqlValue<'_>) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Integer(number) => json!(number),
        // JSON has no infinity.
        SqlValue::Real(number) if number.is_finite() => json!(number),
        other => Value::String(text(other)),
    }
}

fn text(value: &SqlValue<'_>) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Integer(number) => number.to_string(),
        SqlValue::Real(number) => format!("{number:?}"),
        SqlValue::Text(text) => String::from_utf8_lossy(text).into_owned(),
        SqlValue::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// A line of comma-separated values.
fn csv(cells: impl Iterator<Item = String>) -> String {
    let quoted = |cell: String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    };
    cells.map(quoted).collect::<Vec<_>>().join(",") + "\n"
}
