//! Drafts made ready: hashed, encoded and checked, with no lock held and no connection kept.

use std::cmp::Reverse;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use crate::codec::frame::{self, Effort, Form};
use crate::error::{Error, Result};
use crate::model::artifact::{DraftArtifact, Given};
use crate::model::context::Context;
use crate::model::id::{BlobHash, Version};
use crate::model::snapshot::Draft;
use crate::model::time::Time;
use crate::store::blobs::{self, Encoded, Link, Slot};
use crate::store::lanes::{End, Lane, Lanes};
use crate::store::stage::{self, UNCUT_BYTES_MAX};
use crate::store::{Shared, snapshots};

/// A draft made ready to be stored. Plain data: it can be held, and dropped without a trace.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) draft: Draft,
    pub(crate) version: Version,
    /// Whether the version was made, not chosen.
    pub(crate) made: bool,
    pub(crate) time: Time,
    /// One for each artifact of the draft that has content, in its order.
    pub(crate) contents: Vec<PreparedContent>,
}

impl Prepared {
    /// The version that the snapshot will have. One that was made, and that another process has
    /// made too, is made anew when the snapshot is stored: the receipt tells.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The time that the snapshot will have.
    pub fn time(&self) -> Time {
        self.time
    }

    /// About the bytes that it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        /// What a prepared snapshot takes beside its contents, its user info aside.
        const ITSELF: usize = 4 * 1024;
        let frame = |content: &PreparedContent| {
            content.encoded.as_ref().map_or(0, |encoded| encoded.frame.data.len())
        };
        let held =
            |content: &PreparedContent| content.content.as_ref().map_or(0, |held| held.len());
        let contents = self.contents.iter().map(|content| held(content) + frame(content));
        ITSELF + self.draft.about_bytes() + contents.sum::<usize>()
    }
}

/// Content made ready.
#[derive(Debug)]
pub(crate) struct PreparedContent {
    pub(crate) hash: BlobHash,
    pub(crate) bytes: u64,
    /// The content itself; none where it was staged, and is in the store.
    pub(crate) content: Option<Arc<[u8]>>,
    pub(crate) lane: Lane,
    /// How it is to be kept; none where the store had it already when this was looked up.
    pub(crate) encoded: Option<Encoded>,
    /// The chain that it goes on; empty where it begins one.
    pub(crate) chain: Arc<[Link]>,
}

impl PreparedContent {
    /// The chain that ends with this content, where that is known before it is written.
    pub(crate) fn chain_after(&self) -> Option<Arc<[Link]>> {
        let encoded = self.encoded.as_ref()?;
        let (hash, bytes) = (self.hash, self.bytes);
        let Some(slot) = encoded.slot else {
            return Some([Link { hash, position: 0, depth: 0, chain_bytes: bytes }].into());
        };
        let own = Link {
            hash,
            position: slot.position,
            depth: slot.base.depth + 1,
            chain_bytes: slot.base.chain_bytes + bytes,
        };
        let upto = self.chain.iter().position(|link| link.hash == slot.base.hash)? + 1;
        Some(self.chain[..upto].iter().copied().chain([own]).collect())
    }
}

/// The lane of an artifact of a snapshot.
pub(crate) fn lane(context: &Context, artifact: &DraftArtifact) -> Lane {
    let [site, module, component, function] = context.place().map(str::to_owned);
    Lane([site, module, component, function, artifact.name.to_string()])
}

/// Makes a draft ready. `version` and `time` are those that it will have.
pub(crate) fn prepare(
    shared: &Shared,
    effort: Effort,
    mut draft: Draft,
    version: Version,
    time: Time,
) -> Result<Prepared> {
    draft.check()?;
    if let Some(base) = draft.based_on.as_ref().filter(|_| !draft.base_elsewhere) {
        shared.reading(|conn| snapshots::require(conn, base))?;
    }
    let mut contents: Vec<PreparedContent> = Vec::with_capacity(draft.artifacts.len());
    let mut work = Work::default();
    for at in 0..draft.artifacts.len() {
        if let Some(Given::Held(content) | Given::Hashed(content, _)) = &draft.artifacts[at].content
            && content.len() > UNCUT_BYTES_MAX
        {
            let name = &draft.artifacts[at].name;
            let staged = stage::stage(shared, &draft, name, &mut &content[..])?;
            draft.artifacts[at].content = Some(staged.0);
        }
        let artifact = &draft.artifacts[at];
        let (hash, bytes, content) = match &artifact.content {
            None => continue,
            Some(Given::Staged { hash, bytes }) => (*hash, *bytes, None),
            Some(Given::Held(held)) => (frame::hash(held), held.len() as u64, Some(held.clone())),
            Some(Given::Hashed(held, hash)) => (*hash, held.len() as u64, Some(held.clone())),
        };
        let lane = lane(&draft.context, artifact);
        let mut prepared =
            PreparedContent { hash, bytes, content, lane, encoded: None, chain: Arc::new([]) };
        if prepared.content.is_some()
            && !contents.iter().any(|earlier| earlier.hash == hash)
            && let Some(base) = look(shared, &draft, artifact, &mut prepared)?
        {
            work.add(contents.len(), &prepared, base);
        }
        contents.push(prepared);
        if work.bytes >= WORK_BYTES_MAX {
            work.done(effort, &mut contents)?;
        }
    }
    work.done(effort, &mut contents)?;
    let made = draft.version.is_none();
    Ok(Prepared { draft, version, made, time, contents })
}

/// Looks up whether content is known, and if it is not, the chain that it goes on and what it is to be
/// a delta on. Nothing where it is known.
fn look(
    shared: &Shared,
    draft: &Draft,
    artifact: &DraftArtifact,
    prepared: &mut PreparedContent,
) -> Result<Option<Base>> {
    let lanes = &shared.lanes;
    let end = match draft.goes_on_in_lane() {
        true => lanes.end(&prepared.lane),
        false => End::Unknown,
    };
    if matches!(end, End::Forgotten) {
        shared.queue.drain();
    }
    // A connection is lent for the looking up only: encoding takes much longer.
    let base = shared.reading(|conn| {
        // Content that is at hand but not in the file is on its way there.
        let hash = &prepared.hash;
        if blobs::find(conn, hash)?.is_some() || lanes.content(hash).is_some() {
            return Ok(None);
        }
        prepared.chain = match end {
            End::Chain(chain) => chain,
            End::Unknown | End::Forgotten => chain_for(conn, draft, artifact)?,
        };
        base_for(conn, lanes, prepared).map(Some)
    })?;
    match base {
        Some(Base::OnItsWay) => {
            shared.queue.drain();
            shared.reading(|conn| base_for(conn, lanes, prepared)).map(Some)
        }
        base => Ok(base),
    }
}

/// The most bytes of content of one draft that are encoded together: what each is a delta on is held
/// meanwhile.
const WORK_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Content of less than this is encoded sooner than a thread is started.
const SHARED_BYTES_MIN: u64 = 64 * 1024;

/// Contents of one draft that are to be encoded. Each goes on in a lane of its own, so none of them
/// waits for how another comes out.
#[derive(Default)]
struct Work {
    tasks: Vec<Task>,
    bytes: u64,
}

struct Task {
    at: usize,
    content: Arc<[u8]>,
    base: Option<(Slot, Arc<[u8]>)>,
}

impl Work {
    /// Adds the content that will stand at `at`.
    fn add(&mut self, at: usize, prepared: &PreparedContent, base: Base) {
        if let Some(content) = prepared.content.clone() {
            self.bytes += prepared.bytes;
            self.tasks.push(Task { at, content, base: base.here() });
        }
    }

    /// Encodes what was added, large contents on several cores at once.
    fn done(&mut self, effort: Effort, contents: &mut [PreparedContent]) -> Result<()> {
        let Work { mut tasks, .. } = std::mem::take(self);
        // The largest first, so that none is left alone to the end.
        tasks.sort_by_key(|task| Reverse(task.content.len()));
        let large =
            tasks.iter().filter(|task| task.content.len() as u64 >= SHARED_BYTES_MIN).count();
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let next = AtomicUsize::new(0);
        let encode = || -> Vec<(usize, Result<Encoded>)> {
            let taken = || tasks.get(next.fetch_add(1, Ordering::Relaxed));
            let encode = |task: &Task| {
                (task.at, blobs::encode_with(effort, &task.content, task.base.clone()))
            };
            std::iter::from_fn(taken).map(encode).collect()
        };
        let encoded = std::thread::scope(|scope| {
            let others: Vec<_> = (1..large.min(cores))
                .filter_map(|_| {
                    let name = "tintype-encoder".to_owned();
                    // Without help it takes longer.
                    std::thread::Builder::new().name(name).spawn_scoped(scope, encode).ok()
                })
                .collect();
            let mut encoded = encode();
            for other in others {
                match other.join() {
                    Ok(more) => encoded.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            encoded
        });
        for (at, encoded) in encoded {
            contents[at].encoded = Some(encoded?);
        }
        Ok(())
    }
}

/// The chain that content goes on, as the file says it: that of the version it is based on, else
/// that of its lane. A damaged one is none: the content is kept whole.
pub(crate) fn chain_for(
    conn: &Connection,
    draft: &Draft,
    artifact: &DraftArtifact,
) -> Result<Arc<[Link]>> {
    match snapshots::before(conn, draft, &artifact.name)?.map(|blob| blobs::chain(conn, blob)) {
        None => Ok(Arc::new([])),
        Some(Ok(chain)) => Ok(chain.into()),
        Some(Err(Error::Corrupt(damage))) => {
            log::warn!("{damage}; what comes after it is kept whole");
            Ok(Arc::new([]))
        }
        Some(Err(error)) => Err(error),
    }
}

/// What content is to be a delta on.
pub(crate) enum Base {
    /// Nothing: it is kept whole.
    None,
    /// This content, in this slot.
    Here(Slot, Arc<[u8]>),
    /// Content that is neither at hand nor in the file: on its way there, or gone.
    OnItsWay,
}

impl Base {
    /// The slot and content, if it is here.
    pub(crate) fn here(self) -> Option<(Slot, Arc<[u8]>)> {
        match self {
            Base::Here(slot, content) => Some((slot, content)),
            Base::None | Base::OnItsWay => None,
        }
    }
}

/// Finds what content is to be a delta on. A damaged base is none.
pub(crate) fn base_for(
    conn: &Connection,
    lanes: &Lanes,
    content: &PreparedContent,
) -> Result<Base> {
    let Some(slot) = blobs::slot_after(&content.chain, content.bytes) else {
        return Ok(Base::None);
    };
    if let Some(base) = lanes.content(&slot.base.hash) {
        return Ok(Base::Here(slot, base));
    }
    let Some(row) = blobs::find(conn, &slot.base.hash)? else { return Ok(Base::OnItsWay) };
    if row.form() == Form::Opened {
        // To close a picture takes long, and compressed pixels have nothing in common.
        return Ok(Base::None);
    }
    match blobs::read(conn, &row) {
        Ok(base) => {
            let base: Arc<[u8]> = base.into();
            lanes.keep(row.hash, base.clone());
            Ok(Base::Here(slot, base))
        }
        Err(Error::Corrupt(damage)) => {
            log::warn!("{damage}; what comes after it is kept whole");
            Ok(Base::None)
        }
        Err(error) => Err(error),
    }
}
