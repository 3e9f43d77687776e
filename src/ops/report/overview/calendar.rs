//! A chart of places over time: what was taken, and what of it failed; and the same as tables.

use maud::{Markup, html};

use super::super::parts::{Column, Row, Tone, folded, table};
use super::super::text::{count, line, number, plain};
use super::name;
use super::tally::{Count, Place, Tally};
use crate::model::context::LEFT_OUT;

/// The most places that have a row of the chart; those beyond share one.
const ROWS_MAX: usize = 40;
/// The height of a row with the gap below it, and the room for the time above.
const ROW_PX: usize = 22;
const HEAD_PX: usize = 20;
/// The width that the cells share, and the least and most that one has.
const CELLS_PX: usize = 820;
const CELL_PX: [usize; 2] = [14, 44];
/// The gap between cells.
const GAP_PX: usize = 2;
/// How far apart labels of the time axis stand.
const LABEL_PX: usize = 110;
/// The least that a mark of failures is tall.
const MARK_PX: f64 = 5.0;

/// Places in the order in which they are shown: those with most failures first, then those with most
/// snapshots.
pub(super) fn by_weight(places: &[Place]) -> Vec<&Place> {
    let mut order: Vec<&Place> = places.iter().collect();
    order.sort_by_key(|place| {
        (std::cmp::Reverse((place.count.failed, place.count.all)), &place.site, &place.module)
    });
    order
}

/// The section's body.
pub(super) fn body(tally: &Tally) -> Markup {
    let order = by_weight(&tally.places);
    // A row of its own for one place more is no worse than a row for the rest.
    let own = if order.len() <= ROWS_MAX + 1 { order.len() } else { ROWS_MAX };
    let (shown, rest) = order.split_at(own);
    let others: Vec<Place> = rest.iter().map(|place| (*place).clone()).collect();
    let mut rows: Vec<(Vec<String>, &[Count])> =
        shown.iter().map(|place| (told(place), place.columns.as_slice())).collect();
    let others = Place::together(&others);
    if let Some(all) = &others {
        rows.push((vec![count(rest.len() as u64, "other place")], &all.columns));
    }
    html! {
        p { "A column for each " (tally.columns.width()) ", in UTC. The stronger its colour, the more snapshots." }
        (chart(tally, &rows))
        (folded(html! { "The same as a table" }, html! { (over_time(tally)) (cells(tally, shown)) }))
    }
}

/// The site, and the module where there is one.
fn told(place: &Place) -> Vec<String> {
    let told = [&place.site, &place.module].into_iter();
    told.enumerate()
        .filter(|(at, part)| *at == 0 || *part != LEFT_OUT)
        .map(|(_, part)| part.clone())
        .collect()
}

fn chart(tally: &Tally, rows: &[(Vec<String>, &[Count])]) -> Markup {
    let columns = tally.columns.count;
    let cell = (CELLS_PX / columns.max(1)).clamp(CELL_PX[0], CELL_PX[1]);
    let (width, height) = (columns * cell, HEAD_PX + rows.len() * ROW_PX);
    let most =
        rows.iter().flat_map(|(_, cells)| cells.iter()).map(|cell| cell.all).max().unwrap_or(1);
    let every = LABEL_PX.div_ceil(cell);
    let tall = (ROW_PX - GAP_PX) as f64;
    html! {
        figure {
            div.heat tabindex="0" role="region" aria-label="Chart of places over time" {
                // They stay where they are while the chart scrolls.
                ul.names {
                    @for (name, _) in rows {
                        li title=(plain(&name.join(" / "))) { @for part in name { span { (line(part)) } } }
                    }
                }
                svg width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } role="img"
                    aria-labelledby="heat-title heat-desc" {
                    title id="heat-title" { "Snapshots and failures by place over time" }
                    desc id="heat-desc" {
                        (count(rows.len() as u64, "row")) " and " (count(columns as u64, "column"))
                        ", at most " (count(most, "snapshot")) " in one cell. The table below tells each."
                    }
                    @for at in (0..columns).step_by(every).filter(|at| *at == 0 || at * cell + LABEL_PX <= width + cell) {
                        text x=(at * cell) y="13" { (tally.columns.name(at)) }
                    }
                    @for (row, (_, cells)) in rows.iter().enumerate() {
                        @let top = HEAD_PX + row * ROW_PX;
                        // What is empty, in one shape.
                        rect.none x="0" y=(top) width=(columns * cell - GAP_PX) height=(ROW_PX - GAP_PX) rx="3" {}
                        @for (at, count) in cells.iter().enumerate().filter(|(_, count)| count.all > 0) {
                            @let left = at * cell;
                            g {
                                title { (tally.columns.name(at)) ": " (words(count)) }
                                rect.some x=(left) y=(top) width=(cell - GAP_PX) height=(ROW_PX - GAP_PX) rx="2"
                                    fill-opacity=(format!("{:.2}", shade(count.all, most))) {}
                                @let bad = mark(count.failed, count.all, tall);
                                @let warn = mark(count.partial, count.all, tall - bad);
                                @if bad > 0.0 {
                                    rect.bad x=(left) y=(format!("{:.1}", top as f64 + tall - bad))
                                        width=(cell - GAP_PX) height=(format!("{bad:.1}")) rx="2" {}
                                }
                                @if warn > 0.0 {
                                    rect.warn x=(left) y=(format!("{:.1}", top as f64 + tall - bad - warn))
                                        width=(cell - GAP_PX) height=(format!("{warn:.1}")) rx="2" {}
                                }
                            }
                        }
                    }
                }
            }
            figcaption.key {
                span { i.some {} "snapshots" } span { i.bad {} "failed or of an incident" } span { i.warn {} "partial" }
            }
        }
    }
}

/// How dark a cell is: by the logarithm of the count, so that one is seen beside a thousand.
fn shade(all: u64, most: u64) -> f64 {
    let share = ((all + 1) as f64).ln() / ((most.max(1) + 1) as f64).ln();
    0.18 + 0.62 * share.min(1.0)
}

/// How tall the mark of some of all is.
fn mark(some: u64, all: u64, room: f64) -> f64 {
    match some {
        0 => 0.0,
        some => (some as f64 / all.max(1) as f64 * room).max(MARK_PX.min(room)),
    }
}

fn words(cell: &Count) -> String {
    let mut words = count(cell.all, "snapshot");
    for (many, word) in [(cell.failed, "failed"), (cell.partial, "partial")] {
        if many > 0 {
            words.push_str(&format!(", {} {word}", number(many)));
        }
    }
    words
}

fn over_time(tally: &Tally) -> Markup {
    let columns = [
        Column::text("Begin"),
        Column::number("Snapshots"),
        Column::number("Failed"),
        Column::number("Partial"),
    ];
    let row = |(at, count): (usize, &Count)| {
        let row = Row::of(vec![
            html! { time datetime=(tally.columns.begin(at)) { (tally.columns.name(at)) } },
            html! { (number(count.all)) },
            html! { (number(count.failed)) },
            html! { (number(count.partial)) },
        ]);
        if count.failed > 0 { row.toned(Tone::Bad) } else { row }
    };
    table("All of them by time", &columns, tally.over_time.iter().enumerate().map(row))
}

/// A table of places by time.
fn cells(tally: &Tally, shown: &[&Place]) -> Markup {
    let columns = tally.columns.count;
    let of = |cell: &Count| match (cell.all, cell.failed) {
        (0, _) => String::new(),
        (all, 0) => number(all),
        (all, failed) => format!("{}, {} failed", number(all), number(failed)),
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Places by time" {
            table {
                caption { "Places by time: snapshots, and how many of them failed or are of an incident" }
                thead { tr {
                    th scope="col" { "Site / module" }
                    @for at in 0..columns { th scope="col" { (tally.columns.name(at)) } }
                } }
                tbody {
                    @for place in shown {
                        tr {
                            th scope="row" { (name(place)) }
                            @for cell in &place.columns { td { (of(cell)) } }
                        }
                    }
                }
            }
        }
    }
}
