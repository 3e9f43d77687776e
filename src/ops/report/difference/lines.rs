//! What differs between two texts: lines that are new or gone, with the words that differ within
//! them, and what is unchanged folded between.

use maud::{Markup, html};

use super::super::text::{number, written_out};
use crate::format::hunks::{self, Line, Stretch};

/// The lines shown before and after a change that are the same.
const CONTEXT_LINES: usize = 3;
/// The most changed lines of one text that are shown.
pub(super) const CHANGED_LINES_MAX: usize = 4_000;
/// The most unchanged lines of one text that are kept folded, and of one stretch; of a longer one the
/// number is told.
const FOLDED_LINES_MAX: usize = 3_000;
const FOLD_LINES_MAX: usize = 400;
/// The most bytes of one line that are shown.
const LINE_BYTES_MAX: usize = 2_000;
/// The most bytes of all lines that are shown of one text.
const SHOWN_BYTES_MAX: usize = 512 * 1024;

/// How many lines differ, and which.
pub(super) struct Shown {
    /// The lines that only the second has.
    pub added: usize,
    /// The lines that only the first has.
    pub gone: usize,
    /// The lines themselves.
    pub body: Markup,
}

/// Compares two texts by their lines, markup by its tags too. Lines are numbered, and the pieces of
/// markup are not.
pub(super) fn compared(
    label: &str,
    before: &str,
    after: &str,
    is_markup: bool,
    room: &mut Room,
) -> Shown {
    let cut = if is_markup { hunks::markup } else { hunks::lines };
    let (old, new) = (cut(before), cut(after));
    let stretches = hunks::stretches(&old, &new);
    let (mut added_count, mut gone_count) = (0, 0);
    for stretch in &stretches {
        if let Stretch::Changed { gone, added, .. } = stretch {
            gone_count += gone.len();
            added_count += added.len();
        }
    }
    room.is_numbered = !is_markup;
    let last = stretches.len().saturating_sub(1);
    let shown: Vec<Markup> = stretches
        .iter()
        .enumerate()
        .map(|(at, stretch)| match stretch {
            Stretch::Same { after, lines, .. } => {
                let head = if at == 0 { 0 } else { CONTEXT_LINES };
                let tail = if at == last { 0 } else { CONTEXT_LINES };
                same(lines, *after, head, tail, room)
            }
            Stretch::Changed { before, after, gone, added } => {
                // Half of what may still be shown is for what is new.
                let for_gone = (room.changed / 2).max(room.changed.saturating_sub(added.len()));
                let gone = &gone[..room.take_lines(gone.len().min(for_gone))];
                let added = &added[..room.take_lines(added.len())];
                html! {
                    @for (at, line) in gone.iter().enumerate() {
                        del data-n=[room.number(before + at)] { (marked(line, room)) }
                    }
                    @for (at, line) in added.iter().enumerate() {
                        ins data-n=[room.number(after + at)] { (marked(line, room)) }
                    }
                }
            }
        })
        .collect();
    let body = html! {
        div.diff role="region" aria-label=(label) tabindex="0" {
            @for stretch in &shown { (stretch) }
        }
        @if room.changed == 0 || room.bytes == 0 {
            p.cut { "Not all of it is shown." }
        }
    };
    Shown { added: added_count, gone: gone_count, body }
}

/// What may still be shown.
pub(super) struct Room {
    changed: usize,
    folded: usize,
    bytes: usize,
    taken: usize,
    is_numbered: bool,
}

impl Room {
    /// Room for one text, of at most so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        Room {
            changed: CHANGED_LINES_MAX,
            folded: FOLDED_LINES_MAX,
            bytes: bytes.min(SHOWN_BYTES_MAX),
            taken: 0,
            is_numbered: true,
        }
    }

    /// The bytes that were shown.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// The number of a line that so many come before, where lines have numbers.
    fn number(&self, before: usize) -> Option<usize> {
        self.is_numbered.then_some(before + 1)
    }

    /// How many of so many changed lines are shown.
    fn take_lines(&mut self, wanted: usize) -> usize {
        let taken = if self.bytes == 0 { 0 } else { wanted.min(self.changed) };
        self.changed -= taken;
        taken
    }

    /// How much of a text is shown.
    fn take<'t>(&mut self, text: &'t str) -> (&'t str, bool) {
        let end = text.floor_char_boundary(text.len().min(LINE_BYTES_MAX).min(self.bytes));
        self.bytes = if end < text.len().min(LINE_BYTES_MAX) { 0 } else { self.bytes - end };
        self.taken += end;
        (&text[..end], end < text.len())
    }
}

/// Unchanged lines: some at the beginning and the end, and the rest folded.
fn same(lines: &[&str], number_before: usize, head: usize, tail: usize, room: &mut Room) -> Markup {
    let hidden = lines.len().saturating_sub(head + tail);
    if hidden < 2 {
        return html! { @for (at, line) in lines.iter().enumerate() { (plain_line(line, number_before + at, room)) } };
    }
    let (first, rest) = lines.split_at(head);
    let (folded, last) = rest.split_at(hidden);
    let unit = if room.is_numbered { "lines" } else { "pieces" };
    let words = format!("{} unchanged {unit}", number(hidden as u64));
    let keep = hidden <= FOLD_LINES_MAX.min(room.folded) && room.bytes > 0;
    if keep {
        room.folded -= hidden;
    }
    html! {
        @for (at, line) in first.iter().enumerate() { (plain_line(line, number_before + at, room)) }
        @if keep {
            details.same { summary { (words) }
                @for (at, line) in folded.iter().enumerate() {
                    (plain_line(line, number_before + head + at, room))
                }
            }
        } @else {
            p.same { (words) ", not shown" }
        }
        @for (at, line) in last.iter().enumerate() {
            (plain_line(line, number_before + head + hidden + at, room))
        }
    }
}

fn plain_line(line: &str, number_before: usize, room: &mut Room) -> Markup {
    let (shown, is_cut) = room.take(without_end(line));
    html! { span.l data-n=[room.number(number_before)] { (written_out(shown, &['\t'])) @if is_cut { "…" } } }
}

/// A changed line with what differs in it marked.
fn marked(line: &Line<'_>, room: &mut Room) -> Markup {
    let text = without_end(line.text);
    let (shown, is_cut) = room.take(text);
    let mut pieces: Vec<(bool, &str)> = Vec::new();
    let mut at = 0;
    for mark in &line.marks {
        let (start, end) = (mark.start.min(shown.len()), mark.end.min(shown.len()));
        // Within what was cut, a mark may end within a character.
        let (start, end) = (shown.floor_char_boundary(start), shown.floor_char_boundary(end));
        pieces.push((false, &shown[at..start]));
        pieces.push((true, &shown[start..end]));
        at = end;
    }
    pieces.push((false, &shown[at..]));
    html! {
        @for (is_marked, piece) in pieces {
            @if !piece.is_empty() {
                @if is_marked { b { (written_out(piece, &['\t'])) } } @else { (written_out(piece, &['\t'])) }
            }
        }
        @if is_cut { "…" }
        @if line.text.ends_with("\r\n") { span.end { "␍" } }
    }
}

/// A line without the line feed at its end.
fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}
