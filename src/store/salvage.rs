//! Reading what can still be read of a damaged file.
//!
//! All is done on a copy. What SQLite needs to open it is mended there: the header, which says the
//! same in every store, and the page with the schema, which is that of a fresh store. Then every
//! number that a snapshot could have is tried by itself, so that one page that can't be read costs
//! what stood on it and no more.
//!
//! **Invariant:** the damaged file is not changed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use tempfile::TempDir;

use crate::codec::digest::{Digest, Fields};
use crate::error::{Corruption, Error, Result};
use crate::model::artifact::{ArtifactStatus, Given};
use crate::model::id::{Tag, Version};
use crate::model::keep::Keep;
use crate::model::place::Place;
use crate::model::snapshot::{Draft, Status};
use crate::model::time::Time;
use crate::store::blobs::{self, PIECES, Row};
use crate::store::events::{self, Kind};
use crate::store::pieces::Parts;
use crate::store::schema::{self, Location};
use crate::store::snapshots::{self, ArtifactRecord, Record};
use crate::store::sqlite::Doing;
use crate::store::{contexts, copy, gc, retention, tags};

/// The bytes of SQLite's header.
const HEADER: usize = 100;

/// A copy of a damaged file, opened as well as can be.
pub(crate) struct Salvage {
    conn: Connection,
    /// What each event tells of, and whether it follows from the one before, where that can be read.
    events: HashMap<i64, (Option<Kind>, Digest, bool)>,
    purged: HashSet<i64>,
    /// What the log tells of tags, where all of it can be read.
    tags: Option<HashMap<i64, BTreeSet<Tag>>>,
    /// What it tells of what was forgotten.
    forgotten: HashSet<i64>,
    /// What it tells of what is kept where, where all of it can be read.
    retention: Option<HashMap<String, String>>,
    /// What the last event of the feature flags tells that can be believed.
    flags: Option<Value>,
    _copied: Copied,
}

/// What is left of a snapshot.
#[derive(Debug)]
pub(crate) enum Remains {
    /// There never was one of this number, or it was purged.
    Nothing,
    /// It was there, or may have been, and can't be read.
    Lost(Corruption),
    /// It can be read.
    Some(Box<Salvaged>),
}

/// A snapshot that could be read.
#[derive(Debug)]
pub(crate) struct Salvaged {
    pub(crate) draft: Draft,
    pub(crate) forgotten: bool,
    /// The artifacts, by their place in the draft, whose content is large.
    pub(crate) large: Vec<(usize, Row)>,
    /// Artifacts whose content is lost; the draft says so of each.
    pub(crate) damaged: Vec<Corruption>,
    /// Why it can't be proved to be what was stored, where it can't.
    pub(crate) doubt: Option<Corruption>,
}

/// A copy of a store, with its log and the note beside it.
pub(crate) struct Copied {
    folder: TempDir,
    /// Whether a log stood beside it that is not its own. It was not copied.
    pub(crate) log_of_another: bool,
}

impl Copied {
    /// Copies a store as it stands.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let folder = TempDir::with_prefix_in("tintype-", schema::folder_of(path))
            .map_err(|error| Error::temporary(path, &error))?;
        let mut copied = Copied { folder, log_of_another: false };
        for end in ["", "-wal", "-head"] {
            let part = schema::beside(path, end);
            if end.is_empty() || part.exists() {
                fs::copy(&part, schema::beside(&copied.path(), end))
                    .map_err(|source| Error::io(&part, source))?;
            }
        }
        if schema::has_log_of_another(&copied.path()) {
            copied.log_of_another = true;
            for end in ["-wal", "-shm"] {
                let part = schema::beside(&copied.path(), end);
                fs::remove_file(&part).map_err(|source| Error::io(&part, source))?;
            }
        }
        Ok(copied)
    }

    /// Where it is; gone with this value.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("tintype.db")
    }
}

impl Salvage {
    /// Opens a copy as well as can be. Errors name the file that it is a copy of.
    pub(crate) fn open(copied: Copied, of: &Path) -> Result<Self> {
        let copy = copied.path();
        let mut connected = connect(&copy);
        if connected.is_err() {
            mend(&copied, Head::Fresh)?;
            connected = connect(&copy);
        }
        if connected.is_err() {
            let mut best = (0, false);
            for vacuumed in [false, true] {
                mend(&copied, Head::FirstPage { vacuumed })?;
                best = best.max((connect(&copy).map_or(0, |conn| tables_right(&conn)), vacuumed));
            }
            mend(&copied, Head::FirstPage { vacuumed: best.1 })?;
            connected = connect(&copy);
        }
        let conn = connected.map_err(|error| Error::NotAStore {
            path: of.to_owned(),
            why: format!("nothing of it can be read: {error}"),
        })?;
        let mut salvage = Salvage {
            conn,
            events: HashMap::new(),
            purged: HashSet::new(),
            tags: None,
            forgotten: HashSet::new(),
            retention: None,
            flags: None,
            _copied: copied,
        };
        salvage.read_log();
        Ok(salvage)
    }

    /// The id of the store, where it can be read.
    pub(crate) fn uuid(&self) -> Option<Digest> {
        self.conn.query_row("SELECT uuid FROM store", [], |row| row.get(0)).ok()
    }

    /// The largest number that a snapshot can have.
    pub(crate) fn last(&self) -> i64 {
        let ask = |sql: &str| -> i64 {
            let found: rusqlite::Result<Option<i64>> =
                self.conn.query_row(sql, [], |row| row.get(0));
            found.ok().flatten().unwrap_or(0)
        };
        let asked = ["SELECT max(id) FROM snapshot", "SELECT head_seq FROM store"].map(ask);
        let told = self.events.keys().copied().max().unwrap_or(0);
        // No row is smaller than this, so a number beyond is damage.
        let pages = ask("SELECT page_count FROM pragma_page_count");
        asked.into_iter().chain([told]).max().unwrap_or(0).min(pages.saturating_mul(4096 / 20))
    }

    /// Reads each event by itself.
    fn read_log(&mut self) {
        let last = self.last_event();
        let mut tags: HashMap<i64, BTreeSet<Tag>> = HashMap::new();
        let mut kept: HashMap<String, String> = HashMap::new();
        let (mut chain, mut unbroken) = (Some(Digest::default()), true);
        for seq in 1..=last {
            let Ok(Some(event)) = events::page(&self.conn, seq - 1, 1).map(|mut page| page.pop())
            else {
                (chain, unbroken) = (None, false);
                continue;
            };
            if event.seq != seq {
                (chain, unbroken) = (None, false);
                continue;
            }
            // Of one whose predecessor is lost nothing can be said.
            let fits = chain.is_none_or(|before| events::chain(&before, &event) == event.chain);
            unbroken &= fits;
            chain = Some(event.chain);
            let kind = Kind::from_code(event.kind);
            let detail: Value = event
                .detail
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default();
            match (kind, event.snapshot) {
                (Some(Kind::Purge), _) => {
                    let purged: Vec<(i64, String)> =
                        serde_json::from_value(detail["purged"].clone()).unwrap_or_default();
                    let told = gc::told(purged.iter().map(|(id, name)| (*id, name.as_str())));
                    if fits && told == event.digest {
                        self.purged.extend(purged.into_iter().map(|(id, _)| id));
                    }
                }
                (Some(Kind::Create), _) => {
                    let first = serde_json::from_value(detail["tags"].clone()).unwrap_or_default();
                    tags.insert(event.seq, first);
                }
                (Some(kind @ (Kind::Tag | Kind::Untag)), Some(id)) => {
                    let on = tags.entry(id).or_default();
                    match detail["tag"].as_str().map(str::parse) {
                        Some(Ok(tag)) if kind == Kind::Tag => drop(on.insert(tag)),
                        Some(Ok(tag)) => drop(on.remove(&tag)),
                        _ => unbroken = false,
                    }
                }
                (Some(Kind::Forget), Some(id)) => drop(self.forgotten.insert(id)),
                (Some(Kind::Undelete), Some(id)) => drop(self.forgotten.remove(&id)),
                (Some(Kind::Retention), _) => {
                    let place = detail["place"].as_str().unwrap_or_default().to_owned();
                    match detail["keep"].as_str() {
                        Some(keep) => drop(kept.insert(place, keep.to_owned())),
                        None => drop(kept.remove(&place)),
                    }
                }
                (Some(Kind::Flag), _) => {
                    let told = Fields::new().text_or_none(event.detail.as_deref()).digest();
                    if fits && told == event.digest {
                        self.flags = Some(detail["set"].clone());
                    }
                }
                _ => {}
            }
            self.events.insert(event.seq, (kind, event.digest, fits));
        }
        self.tags = Some(tags).filter(|_| unbroken);
        self.retention = Some(kept).filter(|_| unbroken);
    }

    fn last_event(&self) -> i64 {
        let ask = |sql: &str| -> i64 {
            let found: rusqlite::Result<Option<i64>> =
                self.conn.query_row(sql, [], |row| row.get(0));
            found.ok().flatten().unwrap_or(0)
        };
        let pages = ask("SELECT page_count FROM pragma_page_count");
        let last = ["SELECT max(seq) FROM event", "SELECT head_seq FROM store"].map(ask);
        // Where neither can be read, as many as fit.
        match last.into_iter().max() {
            Some(last) if last > 0 => last.min(pages.saturating_mul(4096 / 20)),
            _ => pages.saturating_mul(4096 / 60),
        }
    }

    /// What is left of the snapshot of this number.
    pub(crate) fn snapshot(&self, id: i64) -> Remains {
        if self.purged.contains(&id) {
            return Remains::Nothing;
        }
        let created = matches!(self.events.get(&id), Some((Some(Kind::Create), ..)));
        let lost = |why: String| Corruption::of_store(format!("snapshot number {id}: {why}"));
        // A row that is there is looked at whatever the log says of its number.
        match self.read(id) {
            Ok(None) if created => Remains::Lost(lost("its row is gone".into())),
            Ok(None) => Remains::Nothing,
            Ok(Some(salvaged)) => Remains::Some(Box::new(salvaged)),
            Err(error) if created => Remains::Lost(lost(error.to_string())),
            // Neither the row nor the event: there may have been none.
            Err(_) => Remains::Nothing,
        }
    }

    fn read(&self, id: i64) -> Result<Option<Salvaged>> {
        let conn = &self.conn;
        let doing = "reading what is left of a snapshot";
        let row = conn
            .prepare_cached(
                "SELECT version, created_us, place_id, session_id, status, forgotten_us, based_on,
                        description, user_info FROM snapshot WHERE id = ?1",
            )
            .and_then(|mut find| {
                find.query_row([id], |row| {
                    let record = Record {
                        id,
                        version: row.get(0)?,
                        chosen: false,
                        created: row.get(1)?,
                        context: Default::default(),
                        status: row.get(4)?,
                        forgotten: row.get(5)?,
                        based_on: row.get(6)?,
                        description: row.get(7)?,
                        user_info: row.get(8)?,
                        tags: Vec::new(),
                        artifacts: Vec::new(),
                    };
                    Ok((record, row.get(2)?, row.get(3)?))
                })
                .optional()
            })
            .doing(doing)?;
        let Some((mut record, place, session)) = row else { return Ok(None) };
        let version: Version = snapshots::stored("version", record.version.clone())?;
        record.context = contexts::context_of(conn, place, session)?;
        let mut doubt = None;
        let tags = match (&self.tags, tags::of(conn, id)) {
            (Some(told), _) => told.get(&id).cloned().unwrap_or_default(),
            (None, Ok(tags)) => tags.into_iter().collect(),
            (None, Err(error)) => {
                doubt = Some(Corruption::of_snapshot(&version, format!("its tags: {error}")));
                BTreeSet::new()
            }
        };
        let mut damaged = Vec::new();
        let mut large = Vec::new();
        let numbers = self.artifacts(id, &mut record)?;
        for (artifact, number) in record.artifacts.iter_mut().zip(&numbers) {
            // The row tells the hash that the manifest has, also where the content is lost.
            artifact.blob = number.and_then(|number| blobs::by_id(conn, number).ok().flatten());
        }
        let mut draft = copy::said(&record)?.draft;
        draft.tags = tags;
        for (at, (artifact, number)) in record.artifacts.iter().zip(numbers).enumerate() {
            let lost = match &artifact.blob {
                Some(row) if row.codec == PIECES => {
                    large.push((at, row.clone()));
                    continue;
                }
                Some(row) => match blobs::read(conn, row) {
                    Ok(content) => {
                        draft.artifacts[at].content = Some(Given::Held(content.into()));
                        continue;
                    }
                    Err(error) => error,
                },
                None if number.is_some() => Corruption::of_store("its content is missing").into(),
                None => continue,
            };
            let hash = artifact.blob.as_ref().map(|row| row.hash.to_string());
            damaged.push(lose(&mut draft, at, hash.as_deref(), lost));
        }
        let doubtful = |why: &str| Some(Corruption::of_snapshot(&version, why));
        doubt = match self.events.get(&id) {
            Some((_, digest, _)) if snapshots::manifest(&record) != *digest => {
                doubtful("it is not what the log tells of")
            }
            Some((_, _, false)) => doubtful("what the log tells of it was changed"),
            Some(_) => doubt,
            None => doubtful("what the log told of it is lost"),
        };
        // Nothing is forgotten of which the log does not tell; where it is broken, both must.
        let told = self.forgotten.contains(&id);
        let forgotten = told && (self.tags.is_some() || record.forgotten.is_some());
        Ok(Some(Salvaged { draft, forgotten, large, damaged, doubt }))
    }

    /// Reads the artifacts of a snapshot into its record; gives the number of the content of each.
    fn artifacts(&self, id: i64, record: &mut Record) -> Result<Vec<Option<i64>>> {
        let doing = "reading what is left of an artifact";
        let mut list = self
            .conn
            .prepare_cached(
                "SELECT name.text, media.text, artifact.status, entries, took_us, reason, blob_id
                 FROM artifact JOIN name ON name.id = name_id
                 JOIN name AS media ON media.id = media_id
                 WHERE snapshot_id = ?1 ORDER BY name.text",
            )
            .doing(doing)?;
        let rows = list
            .query_map(params![id], |row| {
                let artifact = ArtifactRecord {
                    name: row.get(0)?,
                    media_type: row.get(1)?,
                    status: row.get(2)?,
                    entries: row.get(3)?,
                    took: row.get(4)?,
                    reason: row.get(5)?,
                    blob: None,
                    base: None,
                    pieces: 0,
                };
                Ok((artifact, row.get::<_, Option<i64>>(6)?))
            })
            .doing(doing)?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>().doing(doing)?;
        let (artifacts, numbers) = rows.into_iter().unzip();
        record.artifacts = artifacts;
        Ok(numbers)
    }

    /// Large content as a stream, checked as it comes.
    pub(crate) fn stream(&self, row: Row) -> impl Read + '_ {
        Stream { conn: &self.conn, parts: Parts::of(row), part: Vec::new(), given: 0 }
    }

    /// The copy itself, for what is kept beside snapshots.
    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }

    /// The feature flags as the log tells of them, where it does.
    pub(crate) fn flags(&self) -> Option<&Value> {
        self.flags.as_ref()
    }

    /// What was said about keeping snapshots, as the log tells; where that is broken, as the rows do.
    pub(crate) fn retention(&self) -> Vec<(Place, Keep)> {
        let Some(told) = &self.retention else {
            return retention::all(&self.conn).unwrap_or_default();
        };
        let read = |(place, keep): (&String, &String)| {
            Some((place.parse().ok()?, serde_json::from_str(keep).ok()?))
        };
        told.iter().filter_map(read).collect()
    }
}

struct Stream<'s> {
    conn: &'s Connection,
    parts: Parts,
    part: Vec<u8>,
    given: usize,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.part.len() {
            match self.parts.next(self.conn, &|_| None).map_err(std::io::Error::other)? {
                Some(part) => (self.part, self.given) = (part, 0),
                None => return Ok(0),
            }
        }
        let count = (&self.part[self.given..]).read(buffer)?;
        self.given += count;
        Ok(count)
    }
}

/// Says of an artifact of a draft that its content, which had this hash, is lost.
pub(crate) fn lose(draft: &mut Draft, at: usize, hash: Option<&str>, error: Error) -> Corruption {
    let hash = hash.unwrap_or("lost too");
    let one = &mut draft.artifacts[at];
    one.content = None;
    one.status = ArtifactStatus::Failed;
    one.reason = Some(format!("its content was lost to damage; its hash was {hash}"));
    let name = one.name.to_string();
    draft.status = draft.status.map(|status| status.max(Status::Partial));
    let damage = match error {
        Error::Corrupt(damage) => damage,
        error => Corruption::of_store(error.to_string()),
    };
    match &draft.version {
        Some(version) => damage.within(version, &name),
        None => damage,
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let conn = Location::File(path.to_owned()).open_writer()?;
    // Reads the schema, and with it the first page.
    conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'snapshot'", [], |row| {
        row.get::<_, i64>(0)
    })
    .doing("opening what is left")
    .and_then(|found| match found {
        1 => Ok(()),
        _ => Err(Corruption::of_store("there is no table of snapshots").into()),
    })?;
    Ok(conn)
}

/// How many tables hold what they should: where they begin elsewhere than the schema says, they
/// don't.
fn tables_right(conn: &Connection) -> usize {
    let first = |sql: &str| conn.query_row(sql, [], |row| row.get(0)).unwrap_or(false);
    let right = [
        "SELECT typeof(version) = 'text' AND typeof(created_us) = 'integer' FROM snapshot LIMIT 1",
        "SELECT typeof(hash) = 'blob' AND typeof(bytes) = 'integer' FROM blob LIMIT 1",
        "SELECT typeof(chain) = 'blob' AND length(chain) = 16 FROM event LIMIT 1",
        "SELECT typeof(name) = 'text' AND typeof(level) = 'integer' FROM place LIMIT 1",
        "SELECT typeof(text) = 'text' FROM name LIMIT 1",
        "SELECT typeof(media_id) = 'integer' AND typeof(snapshot_id) = 'integer' FROM artifact LIMIT 1",
    ];
    right.into_iter().filter(|sql| first(sql)).count()
}

/// The tables that snapshots are read from, as short as they can be said: all of it fits on a page.
const TABLES: [(&str, &str); 12] = [
    ("store", "id INTEGER PRIMARY KEY, uuid, created_us, head_seq, head_chain"),
    ("event", "seq INTEGER PRIMARY KEY, at_us, kind, snapshot_id, detail, digest, chain"),
    ("place", "id INTEGER PRIMARY KEY, parent_id, level, name"),
    ("session", "id INTEGER PRIMARY KEY, name"),
    ("blob", "id INTEGER PRIMARY KEY, hash, codec, bytes, base_id, depth, position, data"),
    ("name", "id INTEGER PRIMARY KEY, text"),
    (
        "snapshot",
        "id INTEGER PRIMARY KEY, version, chosen, created_us, place_id, session_id, status,
         forgotten_us, based_on, description, user_info",
    ),
    ("tag", "id INTEGER PRIMARY KEY, name"),
    ("retention", "place_id INTEGER PRIMARY KEY, keep"),
    ("piece", "blob_id, number, piece_id, PRIMARY KEY (blob_id, number)"),
    (
        "artifact",
        "snapshot_id, name_id, media_id, blob_id, status, entries, took_us, reason,
         PRIMARY KEY (snapshot_id, name_id)",
    ),
    (
        "snapshot_tag",
        "tag_id, created_us, snapshot_id, PRIMARY KEY (tag_id, created_us, snapshot_id)",
    ),
];

/// What a copy is given to be opened with.
#[derive(Debug, Clone, Copy)]
enum Head {
    /// The header of a fresh store.
    Fresh,
    /// A first page with all of the schema that is needed to read. Tables begin on the same pages in
    /// every store, since they were made in the same order; on others where the file was written
    /// anew since, and again on the same in each of those.
    FirstPage { vacuumed: bool },
}

/// Gives a copy a head that it can be opened with.
fn mend(copied: &Copied, head: Head) -> Result<()> {
    let folder = copied.folder.path();
    let io = |source| Error::io(folder, source);
    let made = TempDir::with_prefix_in("fresh-", folder)
        .map_err(|error| io(std::io::Error::from(error.kind())))?;
    let fresh = made.path().join("fresh.db");
    schema::create(&Location::File(fresh.clone()), Time::MIN)?;
    let length = fs::metadata(copied.path()).map_err(io)?.len();
    let pages = (length / schema::PAGE_BYTES as u64) as u32;
    let mut bytes = HEADER;
    if let Head::FirstPage { vacuumed } = head {
        bytes = schema::PAGE_BYTES as usize;
        let conn = Location::File(fresh.clone()).open_writer()?;
        if vacuumed {
            conn.execute_batch("VACUUM").doing("making a schema to read with")?;
        }
        shorten(&conn, pages).doing("making a schema to read with")?;
    }
    let mut page = vec![0; bytes];
    fs::File::open(fresh).map_err(io)?.read_exact(&mut page).map_err(io)?;
    let mut file = OpenOptions::new().write(true).open(copied.path()).map_err(io)?;
    // The length in pages; no free pages, since nothing will be written.
    page[28..32].copy_from_slice(&pages.to_be_bytes());
    page[32..40].fill(0);
    file.write_all(&page).map_err(io)
}

/// Leaves just the tables in a schema that snapshots are read from, and that begin before the file
/// ends.
fn shorten(conn: &Connection, pages: u32) -> rusqlite::Result<()> {
    conn.pragma_update(None, "journal_mode", "DELETE")?;
    let mut short = Vec::new();
    for (name, columns) in TABLES {
        let root: i64 = conn.query_row(
            "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [name],
            |row| row.get(0),
        )?;
        let rowid = if columns.contains("PRIMARY KEY (") { " WITHOUT ROWID" } else { "" };
        short.push((name, root, format!("CREATE TABLE {name} ({columns}){rowid}")));
    }
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    conn.pragma_update(None, "writable_schema", true)?;
    conn.execute("DELETE FROM sqlite_schema", [])?;
    for (name, root, sql) in short.into_iter().filter(|(_, root, _)| *root <= i64::from(pages)) {
        conn.execute(
            "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)
             VALUES ('table', ?1, ?1, ?2, ?3)",
            params![name, root, sql],
        )?;
    }
    conn.pragma_update(None, "journal_mode", "WAL")
}
