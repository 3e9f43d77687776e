//! Functions with which `sqlite3`, or any program that loads extensions of SQLite, reads what is in a
//! Tintype store.
//!
//! ```sql
//! .load ./libtintype
//! SELECT tintype_text('latest/page.html');
//! SELECT tintype_diff('latest:good/data', 'latest/data');
//! SELECT path, op, old, new FROM tintype_changes('latest:good/data', 'latest/data');
//! ```
//!
//! | function | gives |
//! |---|---|
//! | `tintype_bytes(artifact)` | the content, as a blob |
//! | `tintype_text(artifact)` | the content as text; null where it is not UTF-8 |
//! | `tintype_diff(a, b)` | what differs: of texts a unified diff, of all else a JSON object; empty where nothing does |
//! | `tintype_changes(a, b)` | a table of what differs in two JSON documents: `path`, `op`, `old`, `new` |
//!
//! An artifact is a hash, as the views show it or as its 32 bytes, or `VERSION/NAME`, where the version may
//! be `latest`, `oldest`, `latest:TAG`, `oldest:TAG`, or the beginning of one. Null gives null. What is
//! named and is not there is an error, and so is content that can't be proved intact.
//!
//! **Invariant:** content is decoded and compared with its hash by the code of Tintype itself, whose floors
//! are modules here. None of it is written a second time.
//!
//! **Invariant:** nothing is written. What is read is read on the connection that asks, in its transaction.

// The floors of Tintype that read content, as they are. They are made for more than is used here.
#[allow(dead_code, missing_docs)]
#[path = "../../src/error.rs"]
mod error;
#[allow(dead_code, missing_docs, unused_imports)]
#[path = "../../src/model/mod.rs"]
mod model;

#[allow(dead_code, missing_docs)]
#[path = "../../src/codec/mod.rs"]
mod codec;

mod format;
mod store;

mod changes;
mod content;
mod functions;
mod host;
