//! CSS selectors, as far as it takes to shorten them.
//!
//! Where `main > ul.list li.price` finds nothing, the page may still have `main > ul.list`. That
//! is what a person looks at next, so [`shortened`] says what to look for, one step after the
//! other. Only the parts are found here; what is a valid selector the browser decides.

/// The most selectors that are made of one.
pub const SHORTENED_MAX: usize = 64;

/// Gives the selector, and what is left of it when its last compound is dropped, and the next, down
/// to the first one. Each branch of a list is shortened for itself, and goes when nothing is left.
///
/// ```
/// use tintype::format::selector::shortened;
/// assert_eq!(shortened("main > ul:is(.a, .b) li"), ["main > ul:is(.a, .b) li", "main > ul:is(.a, .b)", "main"]);
/// assert_eq!(shortened("#a .b, h1"), ["#a .b, h1", "#a"]);
/// ```
pub fn shortened(selector: &str) -> Vec<String> {
    let mut branches: Vec<Vec<&str>> = branches(selector).into_iter().map(prefixes).collect();
    let whole = selector.trim().to_owned();
    let mut all = vec![whole];
    while all.len() < SHORTENED_MAX {
        for prefixes in &mut branches {
            prefixes.pop();
        }
        branches.retain(|prefixes| !prefixes.is_empty());
        let left: Vec<&str> =
            branches.iter().filter_map(|prefixes| prefixes.last().copied()).collect();
        if left.is_empty() {
            break;
        }
        all.push(left.join(", "));
    }
    all
}

/// The branches of a selector list.
fn branches(selector: &str) -> Vec<&str> {
    let mut branches = Vec::new();
    let mut start = 0;
    for token in Tokens::of(selector) {
        if token.kind == Kind::Comma {
            branches.push(&selector[start..token.at]);
            start = token.at + 1;
        }
    }
    branches.push(&selector[start..]);
    branches
}

/// The beginnings of a complex selector that end with a compound, the shortest first.
fn prefixes(complex: &str) -> Vec<&str> {
    let mut prefixes = Vec::new();
    let begin = complex.len() - complex.trim_start_matches(is_space).len();
    // Where the compound ends that is being read.
    let mut end = None;
    for token in Tokens::of(complex) {
        match token.kind {
            Kind::Compound => {
                if let Some(end) = end.take() {
                    prefixes.push(&complex[begin..end]);
                }
                end = Some(token.end);
            }
            Kind::Part => end = Some(token.end),
            Kind::Gap | Kind::Comma => {}
        }
    }
    if let Some(end) = end {
        prefixes.push(&complex[begin..end]);
    }
    prefixes
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The first part of a compound: it follows a combinator, a comma, or nothing.
    Compound,
    /// Another part of the compound.
    Part,
    /// White space, a comment, `>`, `+`, `~`.
    Gap,
    Comma,
}

struct Token {
    kind: Kind,
    at: usize,
    end: usize,
}

/// Cuts a selector into parts that are not to be cut: strings, brackets with what is in them,
/// escapes, comments (CSS Syntax Level 3, 4.3). What is not closed ends with the selector.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
    in_compound: bool,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        Tokens { text, at: 0, in_compound: false }
    }

    /// Where the thing ends that begins here.
    fn end_of(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else { return at };
        let after = at + first.len_utf8();
        match first {
            '\\' => after + self.text[after..].chars().next().map_or(0, char::len_utf8),
            '"' | '\'' => self.end_of_string(after, first),
            '/' if rest.starts_with("/*") => {
                rest[2..].find("*/").map_or(self.text.len(), |end| at + 2 + end + 2)
            }
            '(' | '[' | '{' => self.end_of_bracket(at),
            _ => after,
        }
    }

    fn end_of_string(&self, mut at: usize, quote: char) -> usize {
        while let Some(c) = self.text[at..].chars().next() {
            match c {
                '\\' => at = self.end_of(at),
                _ => at += c.len_utf8(),
            }
            if c == quote {
                return at;
            }
        }
        self.text.len()
    }

    /// Finds the end of a bracket and of all brackets in it, without calling itself: there may be
    /// thousands.
    fn end_of_bracket(&self, mut at: usize) -> usize {
        let mut open = Vec::new();
        while let Some(c) = self.text[at..].chars().next() {
            match c {
                '(' => open.push(')'),
                '[' => open.push(']'),
                '{' => open.push('}'),
                _ => {}
            }
            if open.last() == Some(&c) {
                open.pop();
            }
            at = match c {
                '(' | '[' | '{' => at + 1,
                _ => self.end_of(at),
            };
            if open.is_empty() {
                return at;
            }
        }
        self.text.len()
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let at = self.at;
        let first = self.text[at..].chars().next()?;
        let end = self.end_of(at);
        self.at = end;
        let is_comment = self.text[at..].starts_with("/*");
        let kind = match first {
            ',' => Kind::Comma,
            '>' | '+' | '~' => Kind::Gap,
            // Between two parts of one compound a comment is nothing.
            _ if is_comment => return Some(Token { kind: Kind::Gap, at, end }),
            c if is_space(c) => Kind::Gap,
            _ if self.in_compound => Kind::Part,
            _ => Kind::Compound,
        };
        self.in_compound = matches!(kind, Kind::Compound | Kind::Part);
        Some(Token { kind, at, end })
    }
}

/// White space as CSS sees it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_combinator_in_a_string_or_a_bracket_is_none() {
        for (selector, wanted) in [
            ("a", &["a"][..]),
            (" a  b ", &["a  b", "a"]),
            ("a>b", &["a>b", "a"]),
            ("a > b + c ~ d", &["a > b + c ~ d", "a > b + c", "a > b", "a"]),
            ("a[title='x > y'] b", &["a[title='x > y'] b", "a[title='x > y']"]),
            (r#"a[t="\" >"] b"#, &[r#"a[t="\" >"] b"#, r#"a[t="\" >"]"#]),
            (":is(a b, c > d) e", &[":is(a b, c > d) e", ":is(a b, c > d)"]),
            (r"a\ b\, c", &[r"a\ b\, c", r"a\ b\,"]),
            ("a/* > */b c", &["a/* > */b c", "a/* > */b"]),
            ("a /* x */ b", &["a /* x */ b", "a"]),
            ("li:nth-child(2n + 1) a", &["li:nth-child(2n + 1) a", "li:nth-child(2n + 1)"]),
            ("a b, c d e", &["a b, c d e", "a, c d", "c"]),
            ("a[b='c d", &["a[b='c d"]),
            ("a:not(b c", &["a:not(b c"]),
            ("> a", &["> a"]),
            ("a\\", &["a\\"]),
            ("ü ö", &["ü ö", "ü"]),
        ] {
            assert_eq!(shortened(selector), wanted, "{selector}");
        }
    }
}
