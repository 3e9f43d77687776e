//! What the snapshots of a window take, what they save, and how long taking them took.

use maud::{Markup, html};

use super::super::parts::{Tone, facts, figures, notice};
use super::super::text::{count, millis, number, size};
use super::tally::{CONTENTS_MAX, Tally};

/// What was given, what is kept of it, and what saves the rest.
pub(super) fn sizes(tally: &Tally) -> Markup {
    let sizes = &tally.sizes;
    let kinds = [
        ("s-stored", "kept in the file", sizes.stored),
        ("s-dedup", "saved, since equal content is kept once", sizes.saved_by_deduplication),
        ("s-delta", "saved by deltas", sizes.saved_by_deltas),
        ("s-press", "saved by compression", sizes.saved_by_compression),
    ];
    let share = |part: u64| match sizes.bytes {
        0 => 0.0,
        all => 100.0 * part as f64 / all as f64,
    };
    html! {
        @if sizes.bytes == 0 {
            p { "They hold no content." }
        } @else {
            figure {
                div.split aria-hidden="true" {
                    @for (class, _, bytes) in kinds {
                        @if bytes > 0 { i class=(class) style={ "width:" (format!("{:.3}", share(bytes))) "%" } {} }
                    }
                }
                figcaption.key {
                    @for (class, name, _) in kinds { span { i class=(class) {} (name) } }
                }
            }
            (facts(
                [("Given", html! { (size(sizes.bytes)) })]
                    .into_iter()
                    .chain(kinds.map(|(_, name, bytes)| {
                        (name, html! { (size(bytes)) " " span.soft { (format!("{:.1} %", share(bytes))) } })
                    }))
            ))
        }
        @if tally.sizes_limited {
            (notice(Tone::Warn, html! {
                p { "Only the first " (number(CONTENTS_MAX as u64)) " contents are told apart; more is saved than is told here." }
            }))
        }
        p.soft { "Content that snapshots outside of this window hold too is counted as kept by these." }
    }
}

/// How long taking them took.
pub(super) fn durations(tally: &Tally) -> Markup {
    let took = &tally.took;
    let at = |share: f64| took.at_share(share).map_or(f64::NAN, |micros| micros as f64 / 1e3);
    if took.count() == 0 {
        return html! { p { "Of none of them is it known how long taking it took." } };
    }
    let mean = took.sum_us() as f64 / took.count() as f64 / 1e3;
    html! {
        p { "Of " (count(took.count(), "capture")) ", from the first look at the page until all was collected." }
        (figures([
            ("mean", millis(mean)),
            ("median", millis(at(0.5))),
            ("p95", millis(at(0.95))),
            ("p99", millis(at(0.99))),
            ("longest", millis(at(1.0))),
        ]))
    }
}
