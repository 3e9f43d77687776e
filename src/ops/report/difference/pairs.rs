//! The artifacts of two snapshots, pair by pair.

use maud::{Markup, html};

use super::super::evidence::{Part, softly};
use super::super::parts::{Tab, Tone, notice, tabs};
use super::super::picture::Picture;
use super::super::subject::{Subject, is_one_of_several};
use super::super::text::{code, count, line, number, size};
use super::super::{Options, network};
use super::lines::{self, Room};
use super::{Glance, PairRow, entries, pictures, values};
use crate::error::{Error, Result};
use crate::format::diff::{Comparison, Form};
use crate::format::image::ImageDiff;
use crate::model::artifact::Artifact;
use crate::model::config::{FACTS, PagePart};
use crate::model::id::ArtifactName;
use crate::ops::compare::{self, Standing, Two};
use crate::store::Repository;

/// The most pairs of pictures that are shown, of texts, and of JSON documents; of others what differs
/// is told in a line.
const PICTURES_MAX: usize = 16;
const TEXTS_MAX: usize = 40;
const DOCUMENTS_MAX: usize = 20;
/// The largest text that is compared by line, in bytes, and the most lines of one: what is compared is
/// held as lines, of which few bytes can make many.
const COMPARED_BYTES_MAX: u64 = 8 << 20;
const COMPARED_LINES_MAX: usize = 1 << 19;
/// The most bytes of all texts that are shown.
const TEXT_BYTES_MAX: usize = 3 << 20;

/// The texts of a page that have a name for people, in the order in which they are shown.
const TEXTS: [(PagePart, &str); 5] = [
    (PagePart::Text, "Text"),
    (PagePart::Aria, "Accessibility tree"),
    (PagePart::ElementHtml, "Element"),
    (PagePart::Html, "HTML"),
    (PagePart::Source, "Source"),
];

/// The two snapshots.
pub(super) struct Sides<'a> {
    /// The one that was named first.
    pub before: Subject<'a>,
    /// The one that was named second.
    pub after: Subject<'a>,
}

/// What differs, ready to be shown; a part of which there is nothing on either side is none.
#[derive(Default)]
pub(super) struct Told {
    /// Each pair in a line.
    pub rows: Vec<PairRow>,
    /// Each part in a few words.
    pub glance: Vec<Glance>,
    /// Pictures.
    pub pictures: Option<Markup>,
    /// Texts.
    pub texts: Option<Markup>,
    /// What the page said.
    pub console: Option<Markup>,
    /// What it asked for.
    pub requests: Option<Markup>,
    /// JSON.
    pub data: Option<Markup>,
    /// What is known of the page and the capture.
    pub facts: Option<Markup>,
}

/// Compares the artifacts of two snapshots, or those of one name.
///
/// Fails where the store itself can't be read; damage to an artifact is told in its place.
pub(super) fn compared(
    repo: &Repository,
    sides: &Sides<'_>,
    only: Option<&ArtifactName>,
    options: &Options,
) -> Result<Told> {
    let mut book = Book {
        repo,
        sides,
        picture_bytes: options.picture_bytes_max,
        text_bytes: TEXT_BYTES_MAX,
        told: Told::default(),
        pictures: Shelf::default(),
        texts: Vec::new(),
        text_words: Vec::new(),
        data: Shelf::default(),
        left_out: 0,
    };
    let mut pairs: Vec<Two<'_>> = compare::pair_up(sides.before.snapshot(), sides.after.snapshot());
    pairs.retain(|both| only.is_none_or(|only| name_of(*both) == only.as_str()));
    pairs.sort_by_key(|both| (rank(name_of(*both)), name_of(*both).to_owned()));
    for both in pairs {
        book.enter(both)?;
    }
    Ok(book.close())
}

/// The name of a pair: the second's, where they differ.
fn name_of<'s>((before, after): Two<'s>) -> &'s str {
    after.or(before).map_or("", |artifact| artifact.name.as_str())
}

/// Where an artifact stands among others: what people look at first comes first.
fn rank(name: &str) -> usize {
    let first =
        [PagePart::FullPng, PagePart::ViewPng, PagePart::ElementPng].map(PagePart::artifact_name);
    let texts = TEXTS.map(|(part, _)| part.artifact_name());
    let last = [FACTS, PagePart::Mhtml.artifact_name(), PagePart::Pdf.artifact_name()];
    let place = |names: &[&str]| names.iter().position(|known| *known == name);
    match (place(&first), place(&texts), place(&last)) {
        (Some(at), _, _) => at,
        (_, Some(at), _) => first.len() + at,
        (_, _, Some(at)) => 100 + at,
        _ if is_one_of_several(name) => 90,
        _ => 50,
    }
}

/// What is shown of one kind, and what differs in it in words.
#[derive(Default)]
struct Shelf {
    shown: Vec<Markup>,
    words: Vec<String>,
    differs: bool,
}

struct Book<'b> {
    repo: &'b Repository,
    sides: &'b Sides<'b>,
    /// The bytes of pictures and texts that may still be shown.
    picture_bytes: u64,
    text_bytes: usize,
    told: Told,
    pictures: Shelf,
    texts: Vec<(String, Markup)>,
    text_words: Vec<String>,
    data: Shelf,
    /// How many differ and are told in a line only, since there are too many.
    left_out: u64,
}

impl Book<'_> {
    fn enter(&mut self, both: Two<'_>) -> Result<()> {
        let standing = Standing::of(both);
        let words = softly(self.contents(both, standing))?.map_err(|damage| damage.to_string());
        let side = |artifact: Option<&Artifact>| match artifact {
            Some(artifact) if artifact.hash.is_some() => Ok(artifact.bytes),
            Some(artifact) => Err(artifact.status.as_str().to_owned()),
            None => Err("–".to_owned()),
        };
        self.told.rows.push(PairRow {
            name: name_of(both).to_owned(),
            standing,
            sides: [side(both.0), side(both.1)],
            words,
        });
        Ok(())
    }

    /// Shows what differs in a pair, and tells it in words.
    fn contents(&mut self, both: Two<'_>, standing: Standing) -> Result<String> {
        let name = name_of(both);
        let form = match both {
            (Some(left), Some(right)) => compare::form_of(left, right),
            (left, right) => left.or(right).map_or(Form::Bytes, |one| Form::of(&one.media_type)),
        };
        let is_silent = both.0.zip(both.1).is_some_and(|both| compare::was_silent(&both));
        let (Some(left), Some(right)) = both else {
            return self.alone(name, form, both, standing);
        };
        if standing != Standing::Changed && !is_silent {
            return match standing {
                Standing::Same => self.same(name, form, right),
                _ => self.alone(name, form, both, standing),
            };
        }
        if form == Form::Text {
            return self.text(name, (left, right));
        }
        let (before, after) = (self.sides.before.snapshot(), self.sides.after.snapshot());
        let found = compare::contents(
            self.repo,
            (&before.version, left),
            (&after.version, right),
            |form| form,
        )?;
        match found {
            Comparison::Image(diff) => self.picture(name, (left, right), &diff),
            Comparison::Requests(diff) => {
                let (words, shown) =
                    entries::requests(&diff, network::origin(self.sides.after.url()));
                self.glance("requests", "Requests", &words, !diff.equal);
                self.told.requests = Some(shown);
                Ok(words)
            }
            Comparison::Console(diff) => {
                let (words, shown) = entries::console(&diff);
                self.glance("console", "Console", &words, !diff.equal);
                self.told.console = Some(shown);
                Ok(words)
            }
            Comparison::Json(diff) => {
                let words = match diff.changes.len() {
                    0 => "the same values, written differently".to_owned(),
                    many => count(many as u64, "change"),
                };
                if self.data.shown.len() == DOCUMENTS_MAX {
                    self.left_out += 1;
                    return Ok(words);
                }
                let shown = values::document(name, &diff);
                if name == FACTS {
                    self.told.facts = Some(shown);
                    return Ok(words);
                }
                self.data.shown.push(shown);
                self.data.words.push(format!("{name}: {words}"));
                self.data.differs |= !diff.equal;
                Ok(words)
            }
            Comparison::Text(_) => self.text(name, (left, right)),
            Comparison::Bytes(_) => Ok("other bytes".to_owned()),
        }
    }

    fn glance(&mut self, section: &'static str, title: &'static str, words: &str, differs: bool) {
        self.told.glance.push(Glance { section, title, words: words.to_owned(), differs });
    }

    /// A pair that is the same: the first picture is shown, of the rest it is said.
    fn same(&mut self, name: &str, form: Form, one: &Artifact) -> Result<String> {
        if one.hash.is_none() {
            return Ok("on neither side".to_owned());
        }
        match form {
            Form::Image
                if self.pictures.shown.is_empty()
                    && name != PagePart::ElementPng.artifact_name() =>
            {
                if let Some(picture) = self.picture_of(&self.sides.after, one)? {
                    self.pictures.shown.push(html! {
                        h3 { (code(name)) }
                        (pictures::alone(name, "The same on both sides", &picture))
                    });
                }
                self.pictures.words.push(format!("{name}: the same"));
            }
            Form::Requests => self.glance("artifacts", "Requests", "the same", false),
            Form::Console => self.glance("artifacts", "Console", "the same", false),
            _ => {}
        }
        Ok("nothing".to_owned())
    }

    /// What only one of them holds.
    fn alone(
        &mut self,
        name: &str,
        form: Form,
        both: Two<'_>,
        standing: Standing,
    ) -> Result<String> {
        let (subject, artifact, word) = match (standing, both) {
            (Standing::Removed, (Some(left), _)) => (&self.sides.before, left, "Gone: only before"),
            (Standing::Added, (_, Some(right))) => (&self.sides.after, right, "New: only after"),
            _ => return Ok("on neither side".to_owned()),
        };
        let other = if standing == Standing::Removed { both.1 } else { both.0 };
        let why = other.and_then(|other| other.reason.clone());
        let words = match standing {
            Standing::Removed => "gone",
            _ => "new",
        };
        let told = match why {
            Some(why) => format!("{words}; the other side has none: {why}"),
            None => words.to_owned(),
        };
        match form {
            Form::Image if self.pictures.shown.len() < PICTURES_MAX => {
                if let Some(picture) = self.picture_of(subject, artifact)? {
                    self.pictures.shown.push(html! {
                        h3 { (code(name)) }
                        (pictures::alone(name, word, &picture))
                    });
                }
                self.pictures.words.push(format!("{name}: {words}"));
                self.pictures.differs = true;
            }
            Form::Text if is_for_people(name) => {
                self.text_words.push(format!("{name}: {words}"));
            }
            _ => {}
        }
        Ok(told)
    }

    /// A picture that may still be shown.
    fn picture_of(
        &mut self,
        subject: &Subject<'_>,
        artifact: &Artifact,
    ) -> Result<Option<Picture>> {
        if artifact.bytes > self.picture_bytes {
            return Ok(None);
        }
        let part = subject.evidence.whole(artifact.name.as_str())?;
        let picture = part.content().and_then(|content| Picture::of(&content.bytes));
        if picture.is_some() {
            self.picture_bytes -= artifact.bytes;
        }
        Ok(picture)
    }

    fn picture(
        &mut self,
        name: &str,
        (left, right): (&Artifact, &Artifact),
        diff: &ImageDiff,
    ) -> Result<String> {
        let words = match diff.equal {
            true => "the same pixels".to_owned(),
            false => format!("{} of the pixels", pictures::share(diff.share)),
        };
        self.pictures.words.push(format!("{name}: {words}"));
        self.pictures.differs |= !diff.equal;
        if self.pictures.shown.len() == PICTURES_MAX {
            self.left_out += 1;
            return Ok(words);
        }
        let fits = left.bytes.saturating_add(right.bytes) <= self.picture_bytes;
        let both = match fits {
            true => {
                let first = self.picture_of(&self.sides.before, left)?;
                first.zip(self.picture_of(&self.sides.after, right)?)
            }
            false => None,
        };
        let id = format!("compare-{}", self.pictures.shown.len() + 1);
        self.pictures.shown.push(html! {
            h3 { (code(name)) }
            @match &both {
                Some((first, second)) => (pictures::compared(&id, name, diff, (first, second))),
                None => (notice(Tone::Warn, html! {
                    p { "The pictures are left out: together they are "
                        (size(left.bytes.saturating_add(right.bytes))) ", and "
                        (size(self.picture_bytes)) " are left for pictures. "
                        (words) " changed." }
                })),
            }
        });
        Ok(words)
    }

    fn text(&mut self, name: &str, (left, right): (&Artifact, &Artifact)) -> Result<String> {
        // It repeats the page and its pictures, in a form for browsers.
        if name == PagePart::Mhtml.artifact_name() {
            return Ok("other bytes".to_owned());
        }
        let too_long = || Ok("another text, too long to be compared by line here".to_owned());
        if left.bytes.max(right.bytes) > COMPARED_BYTES_MAX {
            return too_long();
        }
        let [before, after] = [(&self.sides.before, left), (&self.sides.after, right)]
            .map(|(subject, artifact)| subject.evidence.whole(artifact.name.as_str()));
        let (before, after) = (before?, after?);
        for part in [&before, &after] {
            if let Part::Damaged(why) = part {
                return Err(Error::Corrupt(crate::error::Corruption::of_store(why.clone())));
            }
        }
        let (Some(old), Some(new)) = (before.content(), after.content()) else {
            return Ok(before.lack().or(after.lack()).unwrap_or_default());
        };
        let is_text =
            std::str::from_utf8(&old.bytes).is_ok() && std::str::from_utf8(&new.bytes).is_ok();
        if !is_text && !left.media_type.starts_with("text/") {
            return Ok("other bytes, which are no text".to_owned());
        }
        let (old, new) = (old.text(), new.text());
        if [&old, &new].iter().any(|text| text.lines().count() > COMPARED_LINES_MAX) {
            return too_long();
        }
        let is_markup = [left, right].iter().all(|one| {
            one.media_type.contains("html")
                || one.media_type.contains("xml")
                || one.media_type.contains("svg")
        });
        let mut room = Room::of(self.text_bytes);
        let label = format!("What differs in {name}");
        let shown = lines::compared(&label, &old, &new, is_markup, &mut room);
        let unit = if is_markup { "piece" } else { "line" };
        let words = match (shown.added, shown.gone) {
            // Bytes that are no text are shown alike.
            (0, 0) => "other bytes, which look the same".to_owned(),
            (added, gone) => {
                format!("{} new, {} gone", count(added as u64, unit), number(gone as u64))
            }
        };
        if is_for_people(name) {
            self.text_words.push(format!("{name}: {words}"));
        }
        if self.texts.len() == TEXTS_MAX || self.text_bytes == 0 {
            self.left_out += 1;
            return Ok(words);
        }
        self.text_bytes -= room.taken().min(self.text_bytes);
        let body = html! {
            p.sum { (line(&words)) @if !is_text { "; what is no UTF-8 is shown as �" } "." }
            (shown.body)
        };
        self.texts.push((name.to_owned(), body));
        Ok(words)
    }

    fn close(self) -> Told {
        let Book { mut told, pictures, mut texts, text_words, data, left_out, .. } = self;
        let mut glance = Vec::new();
        if !pictures.words.is_empty() {
            glance.push(Glance {
                section: if pictures.shown.is_empty() { "artifacts" } else { "pictures" },
                title: "Pictures",
                words: summed(&pictures.words),
                differs: pictures.differs,
            });
        }
        if !text_words.is_empty() {
            glance.push(Glance {
                section: if texts.is_empty() { "artifacts" } else { "texts" },
                title: "Text and HTML",
                words: summed(&text_words),
                differs: true,
            });
        }
        glance.append(&mut told.glance);
        if !data.words.is_empty() {
            glance.push(Glance {
                section: "data",
                title: "Data",
                words: summed(&data.words),
                differs: data.differs,
            });
        }
        let differing =
            told.rows.iter().filter(|row| row.standing != Standing::Same).count() as u64;
        let damaged = told.rows.iter().filter(|row| row.words.is_err()).count() as u64;
        glance.push(Glance {
            section: "artifacts",
            title: "Artifacts",
            words: match damaged {
                0 => format!("{} of {} differ", number(differing), number(told.rows.len() as u64)),
                damaged => format!(
                    "{} of {} differ, {} damaged",
                    number(differing),
                    number(told.rows.len() as u64),
                    number(damaged)
                ),
            },
            differs: differing > 0,
        });
        told.glance = glance;
        let more = html! {
            @if left_out > 0 {
                p.cut { (count(left_out, "more artifact")) " that differ are told in the list of artifacts only." }
            }
        };
        told.pictures = joined(pictures.shown);
        told.data = joined(data.shown);
        told.texts = (!texts.is_empty()).then(|| {
            let named: Vec<Tab> = TEXTS
                .iter()
                .filter_map(|(part, name)| {
                    let at = texts.iter().position(|(known, _)| known == part.artifact_name())?;
                    let (_, body) = texts.remove(at);
                    Some(Tab { name, body })
                })
                .collect();
            html! {
                @match named.len() {
                    0 => {},
                    1 => @for tab in &named { h3 { (tab.name) } (tab.body) },
                    _ => (tabs("texts-tab", "Texts of the page", &named)),
                }
                @for (name, body) in &texts {
                    h3 { (code(name)) }
                    (body)
                }
                (more)
            }
        });
        told
    }
}

/// Whether an artifact is told at a glance: one that a capture takes of a page, or data, and not a
/// body or a frame.
fn is_for_people(name: &str) -> bool {
    rank(name) < 90
}

fn summed(words: &[String]) -> String {
    /// The most that is told of one part at a glance.
    const SHOWN: usize = 3;
    let mut sum = words.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if words.len() > SHOWN {
        sum.push_str(&format!("; and {} more", words.len() - SHOWN));
    }
    sum
}

fn joined(shown: Vec<Markup>) -> Option<Markup> {
    (!shown.is_empty()).then(|| html! { @for one in &shown { (one) } })
}
