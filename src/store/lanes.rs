//! Where the next delta starts: the chain of the newest content of each artifact name in each
//! place, and the content of what was written or read lately.
//!
//! All of it is a hint. What is known here may not be committed yet, or may be gone when it is
//! used: a base is looked up by its hash in the transaction that writes a delta on it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::id::BlobHash;
use crate::store::blobs::Link;

/// The most bytes of content that are held to make deltas on.
const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most chains that are held.
const CHAINS_MAX: usize = 4_096;

/// A lane: the four parts of the place, and the name of the artifact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Lane(pub(crate) [String; 5]);

/// What is known of the end of a lane.
pub(crate) enum End {
    /// Nothing: the file tells.
    Unknown,
    /// What was thought is wrong: the file tells, once what is on its way is there.
    Forgotten,
    /// It ends with this chain.
    Chain(Arc<[Link]>),
}

/// What is known of lanes and contents, shared by all threads of a repository.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// None where what was to be the end of the lane was not written.
    chains: HashMap<Lane, Option<Arc<[Link]>>>,
    contents: HashMap<BlobHash, Arc<[u8]>>,
    /// The contents in the order in which they came, oldest first.
    order: VecDeque<BlobHash>,
    bytes: usize,
}

impl Lanes {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing here can be left half done by a panic that would matter to a hint.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chain at the end of a lane, where it is known.
    pub(crate) fn end(&self, lane: &Lane) -> End {
        match self.known().chains.get(lane) {
            Some(Some(chain)) => End::Chain(chain.clone()),
            Some(None) => End::Forgotten,
            None => End::Unknown,
        }
    }

    /// Keeps what the end of a lane is now.
    pub(crate) fn set_chain(&self, lane: Lane, chain: Arc<[Link]>) {
        let mut known = self.known();
        if known.chains.len() >= CHAINS_MAX && !known.chains.contains_key(&lane) {
            known.chains.clear();
        }
        known.chains.insert(lane, Some(chain));
    }

    /// Forgets what was known of a lane, as when what was to be its end was not written.
    pub(crate) fn forget(&self, lane: &Lane) {
        if let Some(chain) = self.known().chains.get_mut(lane) {
            *chain = None;
        }
    }

    /// Forgets all chains: they were laid anew.
    pub(crate) fn forget_chains(&self) {
        self.known().chains.clear();
    }

    /// Content by its hash, where it is at hand.
    pub(crate) fn content(&self, hash: &BlobHash) -> Option<Arc<[u8]>> {
        self.known().contents.get(hash).cloned()
    }

    /// Keeps content at hand, in the place of what came first.
    pub(crate) fn keep(&self, hash: BlobHash, content: Arc<[u8]>) {
        let mut known = self.known();
        if content.len() > CONTENT_BYTES_MAX || known.contents.contains_key(&hash) {
            return;
        }
        known.bytes += content.len();
        known.order.push_back(hash);
        known.contents.insert(hash, content);
        while known.bytes > CONTENT_BYTES_MAX {
            let Some(oldest) = known.order.pop_front() else { break };
            if let Some(content) = known.contents.remove(&oldest) {
                known.bytes -= content.len();
            }
        }
    }
}
