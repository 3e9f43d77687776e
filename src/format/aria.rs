//! The accessibility tree of a page as the YAML that Playwright calls an ARIA snapshot.
//!
//! ```yaml
//! - navigation "Main":
//!   - list:
//!     - listitem:
//!       - link "Sale":
//!         - /url: /sale
//! - heading "Kettles" [level=1]
//! - checkbox "Agree" [checked]
//! - textbox "Name": Ada
//! ```
//!
//! Layout leaves no trace in it, so it shows what changed on a page where HTML and pictures show
//! too much. It is made from what `Accessibility.getFullAXTree` answers; roles, folding and quoting
//! follow Playwright 1.65 (`injected/src/ariaSnapshot.ts`, `isomorphic/ariaSnapshotRenderer.ts`,
//! `isomorphic/yaml.ts`), which makes its own from the DOM. It differs on purpose in four things:
//! frames are opened, an address of the page's own origin stands without the origin, passwords are
//! dots as on the page, and values that are masked are `[masked]`.
//!
//! **Invariant:** the same trees give the same text, and no JSON does harm: the depth that is
//! followed, the depth and the size of what is written have limits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use serde_json::Value;

/// The deepest nesting of nodes that is followed, which is done by calls within calls. Pages have
/// some tens; a script can make any.
const WALK_DEPTH_MAX: usize = 400;
/// The deepest nesting that is written: each level indents what is in it by two more.
const WRITTEN_DEPTH_MAX: usize = 120;
/// The most bytes that are written.
const YAML_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longer names say nothing that the text does not say: as in Playwright, in UTF-16 units.
const NAME_UNITS_MAX: usize = 900;
/// The longest address that is written, in bytes.
const URL_BYTES_MAX: usize = 2_000;
/// What stands for a value that is masked.
const MASKED: &str = "[masked]";
/// A masked value that is shorter can't be told from other text, and is not looked for in names.
const MASKED_CHARS_MIN: usize = 4;

/// The tree of one document.
#[derive(Debug, Clone, Default)]
pub struct AxDocument {
    /// What `Accessibility.getFullAXTree` answered.
    pub tree: Value,
    /// The document's address.
    pub url: String,
    /// The documents in its frames: from the `backendDOMNodeId` of the frame's element to the
    /// place in the list of documents.
    pub frames: BTreeMap<u64, usize>,
    /// The `backendDOMNodeId`s of what has a value that is not to be shown.
    pub masked: BTreeSet<u64>,
    /// Whether no value is to be shown.
    pub all_masked: bool,
}

/// A tree as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AriaSnapshot {
    /// The YAML; empty where the page has nothing to say.
    pub yaml: String,
    /// Whether there was more than the limits let through.
    pub truncated: bool,
}

/// Writes the tree of a page: of the first document, with the others where its frames are.
pub fn snapshot(documents: &[AxDocument]) -> AriaSnapshot {
    let mut reader = Reader { documents, read: BTreeSet::new(), truncated: false };
    let mut children = Vec::new();
    reader.document(0, 0, &mut children);
    let mut writer = Writer { yaml: String::new(), truncated: reader.truncated, full: false };
    for piece in merged(children, "") {
        writer.piece(&piece, 0);
    }
    AriaSnapshot { yaml: writer.yaml, truncated: writer.truncated }
}

/// A thing within a node.
enum Piece {
    Text(String),
    Node(Node),
}

struct Node {
    role: String,
    name: String,
    /// `[checked]`, `[level=2]`.
    marks: String,
    properties: Vec<(&'static str, String)>,
    children: Vec<Piece>,
}

/// How a role of Chromium's is written.
enum Form {
    /// As a node of this role.
    As(&'static str),
    /// As a node of the role that it has.
    Same,
    /// What is in it, as if it stood there by itself; `true` where a reader sees a gap around it.
    Folded(bool),
    /// Its text.
    Text,
    /// Not at all, nor what is in it.
    Left,
}

fn form(role: &str) -> Form {
    match role {
        "StaticText" => Form::Text,
        "ListMarker" | "InlineTextBox" | "Video" | "Audio" => Form::Left,
        "image" | "SvgRoot" => Form::As("img"),
        "Date" | "DateTime" | "InputTime" | "ColorWell" => Form::As("textbox"),
        "Iframe" | "IframePresentational" => Form::As("iframe"),
        "LayoutTable" => Form::As("table"),
        "LayoutTableRow" => Form::As("row"),
        "LayoutTableCell" => Form::As("cell"),
        "MathMLMath" => Form::As("math"),
        "LabelText" | "Abbr" | "RubyAnnotation" | "Ruby" => Form::Folded(false),
        "generic" | "none" | "presentation" | "sectionheader" | "sectionfooter" => {
            Form::Folded(true)
        }
        // Names of Chromium's own begin with a capital, and are no roles of ARIA.
        _ if role.starts_with(|first: char| first.is_ascii_uppercase()) => Form::Folded(true),
        _ if is_role(role) => Form::Same,
        _ => Form::Folded(true),
    }
}

fn is_role(role: &str) -> bool {
    !role.is_empty()
        && role.len() <= 40
        && role
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The roles that have each state, as in Playwright's `roleUtils.ts`.
const CHECKED: &[&str] =
    &["checkbox", "menuitemcheckbox", "option", "radio", "switch", "menuitemradio", "treeitem"];
const EXPANDED: &[&str] = &[
    "application",
    "button",
    "checkbox",
    "combobox",
    "gridcell",
    "link",
    "listbox",
    "menuitem",
    "row",
    "rowheader",
    "tab",
    "treeitem",
    "columnheader",
    "menuitemcheckbox",
    "menuitemradio",
    "switch",
];
const SELECTED: &[&str] =
    &["gridcell", "option", "row", "tab", "rowheader", "columnheader", "treeitem"];
const INVALID: &[&str] = &[
    "application",
    "checkbox",
    "columnheader",
    "combobox",
    "gridcell",
    "listbox",
    "radiogroup",
    "rowheader",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "textbox",
    "tree",
];
/// The roles that have no name (WAI-ARIA 1.2, 5.2.8.6), whatever Chromium computes.
const UNNAMED: &[&str] = &[
    "caption",
    "code",
    "definition",
    "deletion",
    "emphasis",
    "insertion",
    "mark",
    "paragraph",
    "strong",
    "subscript",
    "suggestion",
    "superscript",
    "term",
    "time",
];
/// The roles that are told by what stands in them, not by what they hold.
const VALUED: &[&str] = &["textbox", "searchbox", "spinbutton", "slider", "combobox"];

// Reading

struct Reader<'a> {
    documents: &'a [AxDocument],
    /// The documents that are read: each is read once.
    read: BTreeSet<usize>,
    truncated: bool,
}

/// One document, while it is read.
struct Reading<'a> {
    document: &'a AxDocument,
    nodes: HashMap<&'a str, &'a Value>,
    seen: BTreeSet<&'a str>,
    /// What the masked nodes have as values.
    secrets: Vec<String>,
}

impl<'a> Reader<'a> {
    fn document(&mut self, at: usize, depth: usize, out: &mut Vec<Piece>) {
        let Some(document) = self.documents.get(at).filter(|_| self.read.insert(at)) else {
            return;
        };
        let all = document.tree["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let nodes: HashMap<&str, &Value> =
            all.iter().rev().filter_map(|node| Some((node["nodeId"].as_str()?, node))).collect();
        let secrets = all
            .iter()
            .filter(|node| is_masked(document, node))
            .map(|node| text_of(&node["value"]))
            .filter(|value| value.chars().count() >= MASKED_CHARS_MIN)
            .collect();
        let mut reading = Reading { document, nodes, seen: BTreeSet::new(), secrets };
        // The root is the one that nobody holds; it comes first.
        if let Some(root) = all.first() {
            self.node(&mut reading, root, depth, out);
        }
    }

    /// Reads a node and what is in it.
    fn node(
        &mut self,
        reading: &mut Reading<'a>,
        node: &'a Value,
        depth: usize,
        out: &mut Vec<Piece>,
    ) {
        let Some(id) = node["nodeId"].as_str().filter(|id| reading.seen.insert(id)) else { return };
        if depth > WALK_DEPTH_MAX {
            self.truncated = true;
            return;
        }
        let mut children = Vec::new();
        if node["ignored"] == true {
            self.children(reading, id, depth, &mut children);
            return out.append(&mut children);
        }
        let own = node["role"]["value"].as_str().unwrap_or_default();
        let role = match form(own) {
            Form::As(role) => role,
            Form::Same => own,
            Form::Text => {
                return out.push(Piece::Text(reading.without_secrets(text_of(&node["name"]))));
            }
            Form::Left => return,
            Form::Folded(gap) => {
                let gap = if gap { " " } else { "" };
                out.push(Piece::Text(gap.to_owned()));
                if own == "LineBreak" {
                    return out.push(Piece::Text(" ".to_owned()));
                }
                self.children(reading, id, depth, out);
                return out.push(Piece::Text(gap.to_owned()));
            }
        };
        let mut name = reading.without_secrets(normalized(&text_of(&node["name"])));
        if UNNAMED.contains(&role) {
            name.clear();
        }
        if name.is_empty() && matches!(role, "form" | "region") {
            // A landmark only with a name.
            out.push(Piece::Text(" ".to_owned()));
            self.children(reading, id, depth, out);
            return out.push(Piece::Text(" ".to_owned()));
        }
        if role == "iframe" {
            name.clear();
            let owner = node["backendDOMNodeId"].as_u64();
            if let Some(inner) = owner.and_then(|owner| reading.document.frames.get(&owner)) {
                self.document(*inner, depth + 1, &mut children);
            }
        } else if VALUED.contains(&role) && !reading.has_options(node) {
            let value = match is_masked(reading.document, node) {
                true if text_of(&node["value"]).is_empty() => String::new(),
                true => MASKED.to_owned(),
                false => text_of(&node["value"]),
            };
            children.push(Piece::Text(value));
        } else {
            self.children(reading, id, depth, &mut children);
        }
        if matches!(role, "table" | "grid" | "treegrid") {
            children = with_row_groups(children);
        }
        if name.is_empty() && role == "figure" {
            name = reading.caption(node).unwrap_or_default();
        }
        let children = merged(children, &name);
        if name.is_empty() && role == "row" {
            name = name_from_cells(&children);
        }
        let properties = properties(reading.document, node, role, &name);
        let marks = marks(node, role);
        out.push(Piece::Node(Node { role: role.to_owned(), name, marks, properties, children }));
    }

    fn children(
        &mut self,
        reading: &mut Reading<'a>,
        id: &str,
        depth: usize,
        out: &mut Vec<Piece>,
    ) {
        let Some(node) = reading.nodes.get(id).copied() else { return };
        for child in node["childIds"].as_array().into_iter().flatten() {
            let Some(child) = child.as_str().and_then(|id| reading.nodes.get(id).copied()) else {
                continue;
            };
            self.node(reading, child, depth + 1, out);
        }
    }
}

impl<'a> Reading<'a> {
    fn children_of<'n>(&'n self, node: &'n Value) -> impl Iterator<Item = &'a Value> + 'n {
        let ids = node["childIds"].as_array().into_iter().flatten();
        ids.filter_map(|id| self.nodes.get(id.as_str()?).copied())
    }

    /// Whether it is a box to choose from, which is told by its options.
    fn has_options(&self, node: &Value) -> bool {
        self.children_of(node).any(|child| child["role"]["value"] == "MenuListPopup")
    }

    /// The text of a figure's caption.
    fn caption(&self, figure: &Value) -> Option<String> {
        let mut children = self.children_of(figure);
        let caption = children.find(|child| child["role"]["value"] == "Figcaption")?;
        let texts = self.children_of(caption).map(|child| text_of(&child["name"]));
        let text = texts.collect::<Vec<_>>().join("");
        Some(self.without_secrets(normalized(&text)))
    }

    fn without_secrets(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASKED);
            }
        }
        text
    }
}

fn is_masked(document: &AxDocument, node: &Value) -> bool {
    let is_named =
        || node["backendDOMNodeId"].as_u64().is_some_and(|id| document.masked.contains(&id));
    document.all_masked || is_named()
}

/// The text of a value of the protocol, which may be a number.
fn text_of(value: &Value) -> String {
    match &value["value"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn property<'a>(node: &'a Value, name: &str) -> &'a Value {
    let all = node["properties"].as_array();
    let found = all.and_then(|all| all.iter().find(|property| property["name"] == name));
    found.map_or(&Value::Null, |property| &property["value"]["value"])
}

/// The states of a node, in Playwright's order.
fn marks(node: &Value, role: &str) -> String {
    let mut marks = String::new();
    let mut mark = |name: &str, words: &[&str]| match property(node, name) {
        Value::Bool(true) => marks.push_str(&format!(" [{name}]")),
        Value::String(word) if word == "true" => marks.push_str(&format!(" [{name}]")),
        Value::String(word) if words.contains(&word.as_str()) => {
            marks.push_str(&format!(" [{name}={word}]"));
        }
        Value::Number(level) if name == "level" => marks.push_str(&format!(" [level={level}]")),
        _ => {}
    };
    if CHECKED.contains(&role) {
        mark("checked", &["mixed"]);
    }
    mark("disabled", &[]);
    if EXPANDED.contains(&role) {
        mark("expanded", &[]);
    }
    if INVALID.contains(&role) {
        mark("invalid", &["grammar", "spelling"]);
    }
    if matches!(role, "heading" | "treeitem") {
        mark("level", &[]);
    }
    if role == "button" {
        mark("pressed", &["mixed"]);
    }
    if SELECTED.contains(&role) {
        mark("selected", &[]);
    }
    marks
}

fn properties(
    document: &AxDocument,
    node: &Value,
    role: &str,
    name: &str,
) -> Vec<(&'static str, String)> {
    let mut properties = Vec::new();
    if role == "link"
        && let Some(url) = property(node, "url").as_str()
    {
        properties.push(("url", clipped(relative(url, &document.url), URL_BYTES_MAX)));
    }
    if role == "textbox" {
        let sources = node["name"]["sources"].as_array();
        let placeholder = sources.into_iter().flatten().find_map(|source| {
            (source["attribute"] == "placeholder")
                .then(|| source["attributeValue"]["value"].as_str())?
        });
        if let Some(placeholder) = placeholder.filter(|text| *text != name) {
            properties.push(("placeholder", placeholder.to_owned()));
        }
    }
    properties
}

/// An address as it is most likely written in a page at `base`: without what both have in common,
/// where that is the origin, or all but the fragment.
fn relative<'a>(url: &'a str, base: &str) -> &'a str {
    let page = base.split('#').next().unwrap_or_default();
    if !page.is_empty()
        && let Some(fragment) = url.strip_prefix(page).filter(|rest| rest.starts_with('#'))
    {
        return fragment;
    }
    let origin_end = |url: &str| {
        let host = url.find("://")? + 3;
        Some(url[host..].find(['/', '?', '#']).map_or(url.len(), |end| host + end))
    };
    match (origin_end(url), origin_end(base)) {
        (Some(end), Some(base_end))
            if url[..end] == base[..base_end] && url[end..].starts_with('/') =>
        {
            &url[end..]
        }
        _ => url,
    }
}

fn clipped(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Puts rows that stand by themselves into a group, as the HTML parser does; Chromium's tree has
/// not all of these groups.
fn with_row_groups(children: Vec<Piece>) -> Vec<Piece> {
    let is_row = |piece: &Piece| matches!(piece, Piece::Node(node) if node.role == "row");
    let mut out: Vec<Piece> = Vec::new();
    let mut rows = Vec::new();
    let group = |rows: &mut Vec<Piece>| {
        Piece::Node(Node {
            role: "rowgroup".to_owned(),
            name: String::new(),
            marks: String::new(),
            properties: Vec::new(),
            children: std::mem::take(rows),
        })
    };
    for piece in children {
        if is_row(&piece) {
            rows.push(piece);
            continue;
        }
        if !rows.is_empty() {
            out.push(group(&mut rows));
        }
        out.push(piece);
    }
    if !rows.is_empty() {
        out.push(group(&mut rows));
    }
    out
}

/// The name that a row has from its cells.
fn name_from_cells(children: &[Piece]) -> String {
    fn words(piece: &Piece, out: &mut Vec<String>) {
        match piece {
            Piece::Text(text) => out.push(text.clone()),
            Piece::Node(node) if !node.name.is_empty() => out.push(node.name.clone()),
            Piece::Node(node) => node.children.iter().for_each(|child| words(child, out)),
        }
    }
    let mut all = Vec::new();
    children.iter().for_each(|child| words(child, &mut all));
    normalized(&all.join(" "))
}

/// Makes one text of texts that stand side by side, and leaves out what only repeats the name.
fn merged(children: Vec<Piece>, name: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut text = String::new();
    let flush = |text: &mut String, out: &mut Vec<Piece>| {
        let whole = normalized(text);
        if !whole.is_empty() {
            out.push(Piece::Text(whole));
        }
        text.clear();
    };
    for child in children {
        match child {
            Piece::Text(more) => text.push_str(&more),
            node => {
                flush(&mut text, &mut out);
                out.push(node);
            }
        }
    }
    flush(&mut text, &mut out);
    match out.as_slice() {
        [Piece::Text(only)] if only == name => Vec::new(),
        _ => out,
    }
}

/// White space as JavaScript's `\s` sees it.
fn is_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

fn normalized(text: &str) -> String {
    let text = text.replace(['\u{200b}', '\u{ad}'], "");
    let words = text.split(is_space).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

// Writing

struct Writer {
    yaml: String,
    truncated: bool,
    /// Whether nothing more is written.
    full: bool,
}

impl Writer {
    fn piece(&mut self, piece: &Piece, depth: usize) {
        if self.full || depth > WRITTEN_DEPTH_MAX {
            self.truncated = true;
            return;
        }
        let node = match piece {
            Piece::Text(text) => return self.line(depth, &format!("text: {}", value(text))),
            Piece::Node(node) => node,
        };
        let mut key = node.role.clone();
        if !node.name.is_empty() && node.name.encode_utf16().count() <= NAME_UNITS_MAX {
            let _ = write!(key, " {}", Value::from(node.name.as_str()));
        }
        key.push_str(&node.marks);
        let key = self::key(&key);
        match (node.children.as_slice(), node.properties.is_empty()) {
            ([], true) => self.line(depth, &key),
            ([Piece::Text(text)], true) => self.line(depth, &format!("{key}: {}", value(text))),
            (children, _) => {
                self.line(depth, &format!("{key}:"));
                for (name, text) in &node.properties {
                    self.line(depth + 1, &format!("/{name}: {}", value(text)));
                }
                for child in children {
                    self.piece(child, depth + 1);
                }
            }
        }
    }

    fn line(&mut self, depth: usize, text: &str) {
        let bytes = 2 * depth + "- \n".len() + text.len();
        if self.full || self.yaml.len() + bytes > YAML_BYTES_MAX {
            (self.full, self.truncated) = (true, true);
            return;
        }
        let _ = writeln!(self.yaml, "{:1$}- {text}", "", 2 * depth);
    }
}

fn key(text: &str) -> String {
    match needs_quotes(text) {
        true => format!("'{}'", text.replace('\'', "''")),
        false => text.to_owned(),
    }
}

fn value(text: &str) -> String {
    if !needs_quotes(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c < '\u{20}' || ('\u{7f}'..='\u{9f}').contains(&c) => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether YAML would take a plain text for something else; the rules of Playwright's `yaml.ts`.
fn needs_quotes(text: &str) -> bool {
    let is_control = |c: char| {
        (c < '\u{20}' && !matches!(c, '\t' | '\n' | '\r')) || ('\u{7f}'..='\u{9f}').contains(&c)
    };
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        return true;
    };
    let follows = |find: fn(char) -> bool, then: fn(char) -> bool| {
        text.chars().zip(text.chars().skip(1)).any(|(a, b)| find(a) && then(b))
    };
    is_space(first)
        || is_space(last)
        || text.contains(is_control)
        || "-&*],?!>|@\"'#%[".contains(first)
        || last == ':'
        || follows(|c| c == ':', is_space)
        || follows(is_space, |c| c == '#')
        || text.contains(['\n', '\r', '{', '}', '`'])
        || is_number(text)
        || ["y", "n", "yes", "no", "true", "false", "on", "off", "null", "~"]
            .contains(&text.to_lowercase().as_str())
        || [".inf", ".nan"]
            .contains(&text.trim_start_matches(['-', '+']).to_ascii_lowercase().as_str())
}

/// Whether JavaScript's `Number` reads it.
fn is_number(text: &str) -> bool {
    let digits = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    let of_radix = |marks: [&str; 2], radix| {
        marks.iter().any(|mark| text.strip_prefix(mark).is_some_and(|rest| digits(rest, radix)))
    };
    if of_radix(["0x", "0X"], 16) || of_radix(["0o", "0O"], 8) || of_radix(["0b", "0B"], 2) {
        return true;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "Infinity" {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_fits = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), 10));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    exponent_fits && all_digits(whole) && all_digits(part) && !(whole.is_empty() && part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_where_yaml_would_take_it_for_something_else_and_nowhere_else() {
        for (text, wanted) in [
            ("plain", "plain"),
            ("#", "\"#\""),
            ("- dash", "\"- dash\""),
            ("true", "\"true\""),
            ("Off", "\"Off\""),
            ("12", "\"12\""),
            ("-1.5e3", "\"-1.5e3\""),
            ("0x1F", "\"0x1F\""),
            ("1.2.3", "1.2.3"),
            (".", "."),
            ("key: value", "\"key: value\""),
            ("a:b", "a:b"),
            ("colon:", "\"colon:\""),
            ("quote \"q\" 'x'", "quote \"q\" 'x'"),
            ("{brace}", "\"{brace}\""),
            ("a #b", "\"a #b\""),
            ("a#b", "a#b"),
            ("", "\"\""),
            ("a\u{7}b", "\"a\\x07b\""),
            ("it's [x]", "it's [x]"),
            ("[x]", "\"[x]\""),
            (".NaN", "\".NaN\""),
        ] {
            assert_eq!(value(text), wanted);
        }
        assert_eq!(key("link \"Sale: now\""), "'link \"Sale: now\"'");
        assert_eq!(key("link \"it's: now\""), "'link \"it''s: now\"'");
    }

    #[test]
    fn addresses_lose_what_the_page_has_too() {
        let base = "http://a.example/x/y?q=1#part";
        for (url, wanted) in [
            ("http://a.example/b?x=1", "/b?x=1"),
            ("http://a.example/x/y?q=1#top", "#top"),
            ("http://a.example/x/y?q=1#", "#"),
            ("http://a.example", "http://a.example"),
            ("http://a.example.evil/b", "http://a.example.evil/b"),
            ("https://a.example/b", "https://a.example/b"),
            ("mailto:x@y", "mailto:x@y"),
        ] {
            assert_eq!(relative(url, base), wanted);
        }
        assert_eq!(relative("#x", ""), "#x");
    }
}
