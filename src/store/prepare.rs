//! Drafts made ready: hashed, encoded and checked, with no lock held and no connection kept.

use std::sync::Arc;

use rusqlite::Connection;

use crate::codec::frame::{self, Form};
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
    mut draft: Draft,
    version: Version,
    time: Time,
) -> Result<Prepared> {
    draft.check()?;
    if let Some(base) = draft.based_on.as_ref().filter(|_| !draft.base_elsewhere) {
        shared.reading(|conn| snapshots::require(conn, base))?;
    }
    let lanes = &shared.lanes;
    let mut contents: Vec<PreparedContent> = Vec::with_capacity(draft.artifacts.len());
    for at in 0..draft.artifacts.len() {
        if let Some(Given::Held(content)) = &draft.artifacts[at].content
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
        };
        let lane = lane(&draft.context, artifact);
        let mut known = content.is_none() || contents.iter().any(|earlier| earlier.hash == hash);
        let mut prepared =
            PreparedContent { hash, bytes, content, lane, encoded: None, chain: Arc::new([]) };
        if !known {
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
                known = blobs::find(conn, &hash)?.is_some() || lanes.content(&hash).is_some();
                if known {
                    return Ok(Base::None);
                }
                prepared.chain = match end {
                    End::Chain(chain) => chain,
                    End::Unknown | End::Forgotten => chain_for(conn, &draft, artifact)?,
                };
                base_for(conn, lanes, &prepared)
            })?;
            if !known {
                let base = match base {
                    Base::Here(slot, content) => Some((slot, content)),
                    Base::None => None,
                    Base::OnItsWay => {
                        shared.queue.drain();
                        shared.reading(|conn| base_for(conn, lanes, &prepared))?.here()
                    }
                };
                let content = prepared.content.as_deref().unwrap_or_default();
                prepared.encoded = Some(blobs::encode(content, base)?);
            }
        }
        contents.push(prepared);
    }
    let made = draft.version.is_none();
    Ok(Prepared { draft, version, made, time, contents })
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
