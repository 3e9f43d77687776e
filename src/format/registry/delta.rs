//! What differs between two values of a registry store, and making one of the other with it.
//!
//! A delta is a pickled dict. One kind has `changes` and `removed_keys`, of a dict's own members alone;
//! the other has `binary_patch`, a patch of [`bsdiff`] between the dumps of both values,
//! `json.dumps(value, sort_keys=True)`. Beside that it tells what making it came to (`original_size`,
//! `compressed_size`, `computation_time`, …).

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::json;

use super::{JSON_BYTES_MAX, parse};
use crate::format::bsdiff;
use crate::format::pickle::{Id, Node, Pickle, Tagger, name_of};
use crate::format::pyjson::{Kind, NameOrder, Value};

/// A delta that was read.
#[derive(Debug, Clone)]
pub struct Delta {
    pickle: Pickle,
    kind: DeltaKind,
}

#[derive(Debug, Clone, Copy)]
enum DeltaKind {
    Dict { changes: Id, removed: Option<Id>, is_full: bool },
    Binary { patch: Id },
}

/// A value that a delta made.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebuilt {
    /// The value as Python's `json.dumps` writes it.
    pub json: String,
    /// The value with what JSON can't hold told by tags, where it holds such: tuples, names that are no
    /// texts.
    pub tagged: Option<String>,
    /// How many members it has.
    pub entries: Option<u64>,
    /// What is not as it should be.
    pub notes: Vec<String>,
}

impl Delta {
    /// Reads a delta. Fails, saying why, where it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let pickle = Pickle::read(bytes).map_err(|error| error.to_string())?;
        let root = pickle.root();
        let get = |name: &str| pickle.get(root, name);
        let is_true =
            |name: &str| get(name).is_some_and(|id| matches!(pickle.node(id), Node::Bool(true)));
        let patch = get("binary_patch").filter(|id| matches!(pickle.node(*id), Node::Bytes(_)));
        let changes = get("changes").filter(|id| matches!(pickle.node(*id), Node::Dict(_)));
        let kind = match (patch, changes) {
            (Some(patch), _) => DeltaKind::Binary { patch },
            (None, Some(changes)) => DeltaKind::Dict {
                changes,
                removed: get("removed_keys"),
                is_full: is_true("is_full_snapshot"),
            },
            _ => {
                return Err("a pickle, but no delta: it has neither changes nor a patch".to_owned());
            }
        };
        Ok(Delta { pickle, kind })
    }

    /// Whether it is a patch of the dumps.
    pub fn is_binary(&self) -> bool {
        matches!(self.kind, DeltaKind::Binary { .. })
    }

    /// What it is, with what JSON can't hold told by tags.
    pub fn tagged(&self) -> String {
        self.pickle.tagged()
    }

    /// Makes a value of that which it is on, given as the JSON in its file. Fails, saying why not.
    pub fn apply(&self, base: &[u8]) -> Result<Rebuilt, String> {
        match self.kind {
            DeltaKind::Binary { patch } => self.patched(base, patch),
            DeltaKind::Dict { changes, removed, is_full } => {
                let base = if is_full { b"{}" } else { base };
                self.changed(base, changes, removed)
            }
        }
    }

    fn patched(&self, base: &[u8], patch: Id) -> Result<Rebuilt, String> {
        let Node::Bytes(patch) = self.pickle.node(patch) else {
            return Err("its patch is no bytes".to_owned());
        };
        let old = parse(base).map_err(|why| format!("the base is {why}"))?;
        let old = old.root().canonical(NameOrder::Texts);
        let new = bsdiff::apply(old.as_bytes(), patch, JSON_BYTES_MAX);
        let new = new.map_err(|error| error.to_string())?;
        drop(old);
        let mut notes = Vec::new();
        let size = self.pickle.get(self.pickle.root(), "original_size");
        if let Some(Node::Int(size)) = size.map(|size| self.pickle.node(size))
            && *size != new.len().to_string()
        {
            notes.push(format!("the patch makes {} bytes and says {size}", new.len()));
        }
        let entries = parse(&new).map_err(|why| format!("the patch makes {why}"))?.root().entries();
        let json = String::from_utf8(new).map_err(|_| "the patch makes no text".to_owned())?;
        Ok(Rebuilt { json, tagged: None, entries, notes })
    }

    fn changed(&self, base: &[u8], changes: Id, removed: Option<Id>) -> Result<Rebuilt, String> {
        let pickle = &self.pickle;
        let base = parse(base).map_err(|why| format!("the base is {why}"))?;
        if base.root().kind() != Kind::Object {
            return Err("the base is no dict".to_owned());
        }
        // As Python does: what is set anew keeps its place, what is new comes last, and then what was
        // removed is taken out.
        let mut members: Vec<Option<(Name<'_, '_>, Member<'_, '_>)>> = Vec::new();
        let mut places: HashMap<(bool, Vec<u8>), usize> = HashMap::new();
        let mut set = |key: (bool, Vec<u8>), name, member| match places.get(&key) {
            Some(place) => {
                if let Some(Some(slot)) = members.get_mut(*place) {
                    slot.1 = member;
                }
            }
            None => {
                places.insert(key, members.len());
                members.push(Some((name, member)));
            }
        };
        for (name, value) in base.root().members() {
            let key = (true, name.characters().into_owned());
            set(key, Name::Base(name), Member::Base(value));
        }
        if let Node::Dict(entries) = pickle.node(changes) {
            for (name, value) in entries {
                set(self.key(*name)?, Name::Changed(*name), Member::Changed(*value));
            }
        }
        if let Some(Node::List(names) | Node::Tuple(names)) = removed.map(|it| pickle.node(it)) {
            for name in names {
                if let Some(slot) =
                    places.get(&self.key(*name)?).and_then(|place| members.get_mut(*place))
                {
                    *slot = None;
                }
            }
        }
        let members: Vec<_> = members.into_iter().flatten().collect();
        self.written(&members)
    }

    /// What tells a name of the dict from others: whether it is a text, and its characters.
    fn key(&self, name: Id) -> Result<(bool, Vec<u8>), String> {
        match self.pickle.node(name) {
            Node::Text(text) => Ok((true, text.clone())),
            other => match name_of(other) {
                Some(name) => Ok((false, name.into_bytes())),
                None => Err("a name in it can't be one in JSON".to_owned()),
            },
        }
    }

    fn written(&self, members: &[(Name<'_, '_>, Member<'_, '_>)]) -> Result<Rebuilt, String> {
        let pickle = &self.pickle;
        let refused = || "a value in it can't be one in JSON".to_owned();
        let mut json = String::from("{");
        let mut is_exact = true;
        for (at, (name, member)) in members.iter().enumerate() {
            if at > 0 {
                json += ", ";
            }
            match name {
                Name::Base(name) => json += name.text(),
                Name::Changed(id) => match pickle.node(*id) {
                    Node::Text(_) => json += &pickle.dumped(*id).ok_or_else(refused)?.text,
                    other => {
                        is_exact = false;
                        json += &format!("\"{}\"", name_of(other).ok_or_else(refused)?);
                    }
                },
            }
            json += ": ";
            match member {
                Member::Base(value) => json += &value.laid_out(),
                Member::Changed(id) => {
                    let dumped = pickle.dumped(*id).ok_or_else(refused)?;
                    is_exact &= dumped.is_exact;
                    json += &dumped.text;
                }
            }
            if json.len() > JSON_BYTES_MAX {
                return Err(format!("it makes more than {JSON_BYTES_MAX} bytes"));
            }
        }
        json.push('}');
        let tagged = (!is_exact).then(|| self.tagged_of(members));
        Ok(Rebuilt { json, tagged, entries: Some(members.len() as u64), notes: Vec::new() })
    }

    /// The value as [`Pickle::tagged`] writes one, within the same limits.
    fn tagged_of(&self, members: &[(Name<'_, '_>, Member<'_, '_>)]) -> String {
        let pickle = &self.pickle;
        let is_plain = |name: Option<&str>| name.is_some_and(|name| !name.starts_with('$'));
        let is_plain = members.iter().all(|(name, _)| match name {
            Name::Base(name) => is_plain(name.string().as_deref()),
            Name::Changed(id) => is_plain(pickle.text(*id)),
        });
        let mut tagger = Tagger::new(pickle);
        tagger.raw(if is_plain { "{" } else { r#"{"$dict":["# });
        for (at, (name, member)) in members.iter().enumerate() {
            tagger.raw(if at > 0 { "," } else { "" });
            match (is_plain, name) {
                (true, Name::Base(name)) => tagger.name(&name.string().unwrap_or_default()),
                (true, Name::Changed(id)) => tagger.name(pickle.text(*id).unwrap_or_default()),
                (false, name) => {
                    tagger.raw("[");
                    match name {
                        Name::Base(name) => tagger.json(&tagged_json(*name)),
                        Name::Changed(id) => tagger.value(*id),
                    }
                    tagger.raw(",");
                }
            }
            match member {
                Member::Base(value) => tagger.json(&tagged_json(*value)),
                Member::Changed(id) => tagger.value(*id),
            }
            tagger.raw(if is_plain { "" } else { "]" });
            if tagger.is_full() {
                break;
            }
        }
        tagger.raw(if is_plain { "}" } else { "]}" });
        tagger.end()
    }
}

#[derive(Clone, Copy)]
enum Name<'j, 't> {
    Base(Value<'j, 't>),
    Changed(Id),
}

#[derive(Clone, Copy)]
enum Member<'j, 't> {
    Base(Value<'j, 't>),
    Changed(Id),
}

/// A value of JSON in Python's dialect as JSON: its text, or a tag with that where others don't read it.
fn tagged_json<'t>(value: Value<'_, 't>) -> Cow<'t, str> {
    match value.standard() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(json!({ "$json": value.text() }).to_string()),
    }
}
