//! The parts that sections are put together from: badges, notices, lists of facts, tables, tabs,
//! commands.

use std::borrow::Cow;

use maud::{Markup, html};

use super::text::{line, plain, quoted};

/// What a mark or a notice says beside its words, by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing.
    Plain,
    /// It is as it should be.
    Good,
    /// It is worth a look.
    Warn,
    /// It is not as it should be.
    Bad,
    /// It is this one, among others.
    Here,
}

impl Tone {
    /// The class that gives the colour.
    pub(super) fn class(self) -> &'static str {
        match self {
            Tone::Plain => "plain",
            Tone::Good => "good",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
            Tone::Here => "here",
        }
    }
}

/// A word in a coloured shape.
pub(super) fn badge(tone: Tone, words: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { bdi { (plain(words)) } } }
}

/// A paragraph that stands out.
pub(super) fn notice(tone: Tone, words: Markup) -> Markup {
    html! { div class={ "notice " (tone.class()) } { (words) } }
}

/// A list of what is known, name by name.
pub(super) fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, Markup)>) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// Numbers in large digits, each with what it counts.
pub(super) fn figures<'a>(figures: impl IntoIterator<Item = (&'a str, String)>) -> Markup {
    html! {
        dl.figures {
            @for (name, value) in figures {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// The head of a column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    name: Cow<'static, str>,
    class: &'static str,
}

impl Column {
    /// A column of text.
    pub(super) fn text(name: impl Into<Cow<'static, str>>) -> Self {
        Column { name: name.into(), class: "" }
    }

    /// A column of long text, which takes the room that is left.
    pub(super) fn wide(name: impl Into<Cow<'static, str>>) -> Self {
        Column { name: name.into(), class: "wide" }
    }

    /// A column of numbers.
    pub(super) fn number(name: impl Into<Cow<'static, str>>) -> Self {
        Column { name: name.into(), class: "number" }
    }

    /// A column of bars.
    pub(super) fn bar(name: impl Into<Cow<'static, str>>) -> Self {
        Column { name: name.into(), class: "bars" }
    }
}

/// A row of a table.
pub(super) struct Row {
    /// The colour that it has.
    pub tone: Tone,
    /// What kinds it is of, for those who look for one kind alone; words without white space.
    pub kinds: Vec<&'static str>,
    /// A cell for each column; the first names the row.
    pub cells: Vec<Markup>,
}

impl Row {
    /// A row without a colour.
    pub(super) fn of(cells: Vec<Markup>) -> Self {
        Row { tone: Tone::Plain, kinds: Vec::new(), cells }
    }

    /// Gives it a colour.
    pub(super) fn toned(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// Says what kinds it is of.
    pub(super) fn kinds(mut self, kinds: Vec<&'static str>) -> Self {
        self.kinds = kinds;
        self
    }
}

/// A table in a box that scrolls by itself. The caption is read out, and shown to those who see.
pub(super) fn table(
    caption: &str,
    columns: &[Column],
    rows: impl IntoIterator<Item = Row>,
) -> Markup {
    let class = |at: usize| columns.get(at).map_or("", |column| column.class);
    html! {
        div.scroll tabindex="0" role="group" aria-label=(plain(caption)) {
            table {
                caption { (plain(caption)) }
                thead { tr {
                    @for column in columns {
                        th scope="col" class=[Some(column.class).filter(|it| !it.is_empty())] {
                            (line(&column.name))
                        }
                    }
                } }
                tbody {
                    @for row in rows {
                        tr class=[(row.tone != Tone::Plain).then(|| row.tone.class())]
                            data-kinds=[(!row.kinds.is_empty()).then(|| row.kinds.join(" "))] {
                            @for (at, cell) in row.cells.iter().enumerate() {
                                @let class = Some(class(at)).filter(|it| !it.is_empty());
                                @if at == 0 {
                                    th scope="row" class=[class] { (cell) }
                                } @else {
                                    td class=[class] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One of several things that are looked at one at a time.
pub(super) struct Tab {
    /// Its name on the tab.
    pub name: &'static str,
    /// What it shows.
    pub body: Markup,
}

/// Several things of which one is seen at a time. Without a script, and on paper, they stand below
/// each other. `id` is that of nothing else in the document, `label` names the set.
pub(super) fn tabs(id: &str, label: &str, tabs: &[Tab]) -> Markup {
    html! {
        div.tabs data-tabs=(label) {
            @for (at, tab) in tabs.iter().enumerate() {
                @let head = format!("{id}-{}-name", at + 1);
                section.tab id={ (id) "-" (at + 1) } aria-labelledby=(head) {
                    h3 id=(head) { (tab.name) }
                    (tab.body)
                }
            }
        }
    }
}

/// What stands folded until it is wanted.
pub(super) fn folded(summary: Markup, body: Markup) -> Markup {
    html! { details { summary { (summary) } div.folded { (body) } } }
}

/// A line for a shell: the words of a command, quoted where they must be, and a button that copies it.
pub(super) fn command(words: &[&str]) -> Markup {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let typed = words.join(" ");
    html! {
        span.command {
            code { bdi { (typed) } }
            button type="button" data-copy=(typed) aria-label={ "Copy the command " (typed) } hidden {
                "Copy"
            }
        }
    }
}

/// Boxes with which kinds of rows of the tables below are chosen: the kind and its name. They are seen
/// where a script can heed them.
pub(super) fn filter(label: &str, kinds: &[(&'static str, String)]) -> Markup {
    html! {
        fieldset.filter data-filter hidden {
            legend { (label) }
            @for (kind, name) in kinds {
                label { input type="checkbox" value=(kind) checked; " " (name) }
            }
        }
    }
}
