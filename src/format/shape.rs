//! What a file is, by how it begins: bytes that stand at the beginning of a kind of file, and the
//! names of the members of a JSON object.

/// What the beginning of a file shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Nothing is in it, or white space alone.
    Empty,
    /// A JSON object.
    Object(Members),
    /// A JSON list, by its bracket.
    List,
    /// HTML: a document, or a part of one.
    Html,
    /// A PNG.
    Png,
    /// Something compressed with gzip.
    Gzip,
    /// An SQLite database.
    Sqlite,
    /// A pickle of protocol 2 or later.
    Pickle,
    /// Something else.
    Other,
}

/// Names of members of a JSON object, as far as its beginning tells them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// The names, in the order in which they stand, each as it is written between its quotes.
    pub names: Vec<String>,
    /// The names within the first member that is an object.
    pub inner: Vec<String>,
    /// Whether the object ended within what was seen, so that these are all names.
    pub whole: bool,
}

impl Members {
    /// Whether all of these names are there.
    pub fn have(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.names.iter().any(|known| known == name))
    }

    /// Whether the first member that is an object has all of these names.
    pub fn inner_have(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.inner.iter().any(|known| known == name))
    }
}

/// The most names that are taken down.
const NAMES_MAX: usize = 256;

/// Tells what a file is, by its beginning.
pub fn of(head: &[u8]) -> Shape {
    match head {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => return Shape::Png,
        [0x1f, 0x8b, ..] => return Shape::Gzip,
        [0x80, 2..=5, ..] => return Shape::Pickle,
        _ if head.starts_with(b"SQLite format 3\0") => return Shape::Sqlite,
        _ => {}
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match text.trim_ascii_start() {
        [] => Shape::Empty,
        [b'{', rest @ ..] => Shape::Object(members(rest)),
        [b'[', ..] => Shape::List,
        [b'<', b'?', ..] => Shape::Other,
        [b'<', next, ..] if next.is_ascii_alphabetic() || *next == b'!' => Shape::Html,
        _ => Shape::Other,
    }
}

/// Reads the names of members after the bracket that opens an object. What is no JSON ends it.
fn members(text: &[u8]) -> Members {
    let mut found = Members::default();
    let mut depth = 1_usize;
    // Whether the next string is a name, at the first level and in the first object at the second.
    let mut expects_name = true;
    let (mut within_first, mut had_first) = (false, false);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                let Some(length) = string_bytes(&text[at + 1..]) else { break };
                let name = &text[at + 1..at + 1 + length];
                at += length + 2;
                if expects_name {
                    let name = String::from_utf8_lossy(name).into_owned();
                    match depth {
                        1 if found.names.len() < NAMES_MAX => found.names.push(name),
                        2 if within_first && found.inner.len() < NAMES_MAX => {
                            found.inner.push(name);
                        }
                        _ => {}
                    }
                    expects_name = false;
                }
                continue;
            }
            b'{' => {
                depth += 1;
                if depth == 2 && !had_first {
                    (within_first, had_first) = (true, true);
                }
                expects_name = depth == 2 && within_first;
            }
            b'[' => {
                depth += 1;
                expects_name = false;
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    found.whole = true;
                    break;
                }
                if depth == 1 {
                    within_first = false;
                }
                expects_name = false;
            }
            b',' => expects_name = depth == 1 || (depth == 2 && within_first),
            _ => {}
        }
        at += 1;
    }
    found
}

/// The bytes of a string before the quote that ends it.
fn string_bytes(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
