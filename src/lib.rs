//! Tintype keeps what a scraper saw and what it made of it, every version, in one SQLite file.
//!
//! ```
//! use serde_json::json;
//! use tintype::{Draft, Query, Repository};
//!
//! let repo = Repository::temporary()?; // or init("prices.db"), open("prices.db")
//! let monday = Draft::json(&json!({"kettle": 24.5}))?.context("shop.example/prices".parse()?);
//! let monday = repo.create(monday.tag("good")?)?;
//! let tuesday = repo.create(Draft::json(&json!({"kettle": 22.0}))?.based_on(&monday))?;
//!
//! assert_eq!(repo.resolve(&"latest:good".parse()?)?, monday);
//! assert_eq!(repo.content(&tuesday, "data")?, br#"{"kettle":22.0}"#);
//! assert_eq!(repo.find(&Query::context("shop.example/*".parse()?))?.len(), 1);
//! # Ok::<(), tintype::Error>(())
//! ```
//!
//! There are three doors. [`Repository`] is a store: drafts go in, snapshots come out. [`Recorder`]
//! makes drafts of pages, and is what a scraper tells of what it did not expect. [`ops`] has the
//! verbs on a whole store: compare, back up, forget, verify. Each is some calls wide, and says with
//! each what it promises, what it costs and what can go wrong.
//!
//! # The model
//!
//! - A [`Snapshot`] has a name, its [`Version`], and never changes. It was taken at a [`Time`], in a
//!   [`Context`]: a site and places within it, and the session that took it.
//! - It is a set of [`Artifact`]s: JSON has one, a page several. An artifact has a name and the hash
//!   of its content, or the reason why there is none.
//! - Content is a blob. The hash is its key, so it is kept once whatever holds it, whole or as a
//!   delta on another blob. How it is kept shows in sizes alone, never in what is read. Large content
//!   is cut into pieces, which are blobs too; it is [staged](Repository::stage) from a stream and read
//!   as [one](Repository::reader).
//! - A [`Tag`] is put on a snapshot and taken off it. A [`Query`] finds snapshots, a [`Selector`]
//!   one of them.
//! - An [incident](model::incident::Incident) is what a scraper met and did not expect. Those that are
//!   alike are one [group](records::incidents::Group); few of a group are captured. The
//!   [last good](ops::good::last_good) of a failing snapshot is the newest before it of its place that
//!   is complete and of which nothing was told.
//! - A [flag](FlagSet) says whether something is done, for whom and how far; [`Flags`] asks.
//! - A snapshot goes in two steps: it is forgotten, by name or by the rules of a [`Keep`], and can be
//!   had back; later it is purged. What carries the tag `pinned` is not forgotten.
//! - Each change is an event of the log, which ties it to all events before.
//!
//! A [`Draft`] is what a snapshot is made from. [`Repository::create`] prepares it (checks, hashes
//! and compresses it with no lock held), queues it, and returns when it is durable; what many
//! threads create at the same time is committed together. [`Repository::write`] makes several
//! changes at once, [`Repository::read`] looks at one state of the store.
//!
//! # What always holds
//!
//! **Invariant:** content is given back as it was stored, or an error says what is damaged. Each
//! read compares it with its hash.
//!
//! **Invariant:** a change happens whole or not at all. A version that was returned is on the disk.
//!
//! **Invariant:** what stands in the file is what replaying its log gives; [`ops::verify`] proves
//! it.
//!
//! **Invariant:** what reading costs is bounded when it is written: the depth of a chain of deltas
//! and the bytes decoded along it have limits. What is streamed is never held whole.
//!
//! **Invariant:** a capture leaves a draft that says what it has, what it lacks and why, also of a
//! page that did not load, hangs or crashed.
//!
//! **Invariant:** the file can be read without this crate: with SQLite and Zstandard, as
//! `migrations/README.md` describes. Pictures that [`ops::repack`] opened up need `preflate-rs` too.
//!
//! **Invariant:** what is taken in from an old folder is there byte for byte, as content or because it
//! follows from what is told, under a version that follows from what it is;
//! [`ops::legacy::verify()`] proves it.
//!
//! **Refused:** global state. A store, a clock, a browser are arguments. Two stores in one process
//! know nothing of each other.
//!
//! # The house, in reading order
//!
//! A folder is a floor, and names only floors below it. A test reads the sources and holds to that,
//! and to one home for each foreign crate.
//!
//! | floor | module | what it is |
//! |---|---|---|
//! | 0 | [`error`] | what can go wrong, in one enum |
//! | 0 | [`model`] | plain values; no I/O, no SQL. Start with [`model::snapshot`]; [`model::flag`] decides what is on, [`model::incident`] what is worth a capture |
//! | 1 | [`codec`] | bytes to bytes: [`codec::frame`] for content, [`codec::png`] for pictures in it, [`codec::chunk`] for large ones, [`codec::digest`] for the log, [`codec::gzip`] for old content |
//! | 2 | [`mod@format`] | what people exchange: differences of JSON, text, images, requests and messages; HAR; stored HTML as a tree; JSON documents of snapshots; what older programs wrote |
//! | 3 | [`store`] | the engine: the file, its transactions, its log; all SQL |
//! | 4 | [`records`] | what is kept beside snapshots: [`records::flags`], [`records::incidents`], [`records::metrics`], [`records::alerts`] |
//! | 5 | [`ops`] | verbs on a store: [`ops::backup`], [`ops::compare`], [`ops::doctor`], [`ops::forget`], [`ops::gc`], [`ops::verify`], [`ops::transfer`], [`ops::repack`], [`ops::repair`], [`ops::report`], [`ops::rollout`], [`ops::monitor`], [`ops::good`], [`ops::last_match`], [`ops::legacy`] |
//! | 6 | [`capture`] | pages to drafts, whatever shows the page; `capture::chrome` is Chromium; [`capture::site`] for who scrapes, [`capture::trigger`] for what he did not expect |
//!
//! The command `tintype` stands on top and uses what everybody can use. A snapshot's way down: a
//! page or a value becomes a [`Draft`] (`capture`, `model`), the draft a [`Prepared`] (`store`, with
//! `codec`), that a row for the snapshot, one for each artifact, a blob where the content is new,
//! and an event. The way up is a [`Snapshot`] and its content, and from two of them what differs
//! (`ops`, `format`).
//!
//! The folder `extension` is a package of its own, for `sqlite3` to load: what decodes content here, as SQL
//! functions there. `docs/sqlite.md` tells what the file says without any of this.
//!
//! # Threads, processes, and what is durable
//!
//! A [`Repository`] is one open store, [`Send`] and [`Sync`], cheap to clone; all clones share its
//! connections, caches and the thread that commits. Any number of processes may have the same file open.
//! One writes at a time, the others wait up to [`Builder::busy_timeout`]; readers wait for nobody. What
//! [`Repository::create`] returned is on the disk. What [`Repository::submit`] and a [`Recorder`] took in
//! is when their ticket says so, or after [`Repository::flush`] and [`Recorder::flush`]. There is no
//! `async` here: calls block, and may be called from `spawn_blocking`.
//!
//! # Units and shapes
//!
//! Sizes are bytes, and say so in their names where they could be something else; durations are
//! [`Duration`](std::time::Duration) in arguments and milliseconds (`…_ms`) in what is told. Times are
//! UTC with microseconds, as text in RFC 3339. Hashes are BLAKE3, 32 bytes, in hexadecimal. What is told
//! by an operation is a plain struct that `serde` writes.
//!
//! # Features
//!
//! - `chrome`: capturing from Chromium. Most of a clean build's time is its protocol.
//! - `cli`: the command. Both are on unless told.
//!
//! # Errors
//!
//! What a caller named and is not there is an [`Error`]; where absence is normal there is an
//! `Option`. What failed softly, such as a page that lacks a part or damage that `verify` finds, is
//! in the result. Nothing panics on what it is given.
//!
//! # Where to read on
//!
//! - [`Draft`], [`Query`], [`Keep`]: what goes in, how it is found, how long it stays.
//! - [`capture`]: what is taken of a page and how it is rescued; [`capture::site`] for a scraper.
//! - [`ops::compare`], [`ops::backup`], [`ops::legacy`], [`ops::monitor`]: each with an example.
//! - In the repository: `examples/`, a program for each kind of reader; `docs/fleet.md` for who runs many
//!   scrapers; `docs/seeds.md` for who comes from a Python `SnapshotManager`; `migrations/README.md`
//!   for who reads the file without this crate; `benches/README.md` for what it costs.

pub mod error;
pub mod model;

pub mod codec;

pub mod format;

pub mod store;

pub mod records;

pub mod ops;

pub mod capture;

pub use capture::{Captured, Recorder, RecorderOptions};
pub use error::{Corruption, Error, Result, What};
pub use model::artifact::{Artifact, ArtifactStatus, DraftArtifact, Staged, media_type_of};
pub use model::config::{CaptureConfig, CaptureMode, Environment, PagePart};
pub use model::context::{Context, Pattern};
pub use model::event::{Event, EventKind, EventQuery};
pub use model::flag::{EvalContext, FlagSet, Rollout, Stage};
pub use model::id::{ArtifactName, BlobHash, Tag, Version};
pub use model::keep::{Keep, Reason};
pub use model::place::Place;
pub use model::query::{Query, Selector};
pub use model::snapshot::{DeltaPolicy, Draft, Kept, Receipt, Snapshot, Status};
pub use model::time::{Clock, SystemClock, Time, Zone};
pub use records::flags::Flags;
pub use store::{Builder, ContentReader, Prepared, Repository, Stats, Ticket, Transaction, View};

/// The examples of the README, as tests.
#[cfg(all(doctest, feature = "chrome"))]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The code for who comes from the Python systems, as tests.
#[cfg(all(doctest, feature = "chrome"))]
#[doc = include_str!("../docs/seeds.md")]
pub struct Seeds;
