//! `retention`: what is kept in a place, and applying it at once.

use serde_json::json;
use tintype::ops::forget;
use tintype::{Keep, Place, Query, Repository};

use crate::args::Retention;
use crate::forget::carry_out;
use crate::out::{BOLD, Done, Out, Run, plain, table};

pub fn retention(repo: &Repository, what: Retention, out: &Out) -> Run {
    match what {
        Retention::Show => show(repo, out),
        Retention::Set { context, keep, keep_all: _ } => set(repo, &context, &keep.into(), out),
        Retention::Unset { context } => unset(repo, &context, out),
        Retention::Apply { context, dry_run } => {
            let plan = forget::plan_retention(repo, &Query::context(context))?;
            let empty = "nothing is said of what is kept there; say it with: tintype retention set";
            carry_out(repo, &plan, dry_run, empty, out)
        }
    }
}

fn show(repo: &Repository, out: &Out) -> Run {
    let said = repo.retention()?;
    if out.json {
        for (place, keep) in &said {
            out.object(json!({"place": place, "keep": keep}))?;
        }
        return Ok(Done::Ok);
    }
    if said.is_empty() {
        out.note("nothing is said, so all is kept; say what is with: tintype retention set");
        return Ok(Done::Ok);
    }
    let mut rows = vec![["PLACE", "KEEP"].map(str::to_owned).to_vec()];
    let cells = |(place, keep): &(Place, Keep)| vec![place.to_string(), keep.to_string()];
    rows.extend(said.iter().map(cells));
    for (at, line) in table(&rows).into_iter().enumerate() {
        out.line(if at == 0 { out.paint(BOLD, &line) } else { line })?;
    }
    Ok(Done::Ok)
}

fn set(repo: &Repository, place: &Place, keep: &Keep, out: &Out) -> Run {
    repo.set_retention(place, Some(keep))?;
    if out.json {
        out.object(json!({"place": place, "keep": keep}))?;
        return Ok(Done::Ok);
    }
    out.note(plain(&format!("kept in {place}: {keep}")));
    out.note("  from the next snapshot in a place on, or at once with: tintype retention apply");
    Ok(Done::Ok)
}

fn unset(repo: &Repository, place: &Place, out: &Out) -> Run {
    let said = repo.retention()?.iter().any(|(of, _)| of == place);
    repo.set_retention(place, None)?;

    match (out.json, said) {
        (true, _) => out.object(json!({"place": place, "keep": null}))?,
        (_, true) => out.note(plain(&format!("nothing is said of {place} any more"))),
        (_, false) => out.note(plain(&format!("nothing was said of {place}"))),
    }
    Ok(Done::Ok)
}
