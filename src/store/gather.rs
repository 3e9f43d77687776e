//! What gathers in memory and is written along with the changes of others.
//!
//! Counting what happens must not cost a wait for the disk each time. So counts gather beside the
//! store's connections, and a transaction that commits anyway takes them along when they are due;
//! flushing and closing the store write what is left.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use crate::error::Result;
use crate::store::Transaction;

/// Something that gathers. One store handle with its clones has one.
pub(crate) trait Gathers: Any + Send + Sync {
    /// Writes what is due, or all of it, and holds it until it hears how the transaction ended.
    /// It must not fail the transaction for reasons of its own.
    fn write(&self, tx: &mut Transaction<'_>, all: bool) -> Result<()>;

    /// Hears how the transaction ended that it wrote in: what did not commit is due again.
    fn ended(&self, committed: bool);

    /// Whether there is nothing to write.
    fn is_empty(&self) -> bool;
}

/// The place for the one that gathers.
#[derive(Default)]
pub(crate) struct Gathered(OnceLock<Arc<dyn Gathers>>);

impl Gathered {
    /// The one that is there, or that is made now; nothing where it is of another type.
    pub(crate) fn get_or_make<T: Gathers + Default>(&self) -> Option<Arc<T>> {
        let gathers: Arc<dyn Any + Send + Sync> =
            self.0.get_or_init(|| Arc::new(T::default())).clone();
        gathers.downcast().ok()
    }

    /// Whether anything waits to be written.
    pub(crate) fn is_waiting(&self) -> bool {
        self.0.get().is_some_and(|gathers| !gathers.is_empty())
    }

    /// Lets it write within a transaction. What comes back must be told how that ended; dropped
    /// untold, it did not commit.
    pub(crate) fn write(&self, tx: &mut Transaction<'_>, all: bool) -> Result<InHand<'_>> {
        let in_hand = InHand(self.0.get().map(Arc::as_ref));
        if let Some(gathers) = in_hand.0 {
            gathers.write(tx, all)?;
        }
        Ok(in_hand)
    }
}

/// What was written in a transaction whose end is not known yet.
pub(crate) struct InHand<'g>(Option<&'g dyn Gathers>);

impl InHand<'_> {
    pub(crate) fn committed(mut self) {
        if let Some(gathers) = self.0.take() {
            gathers.ended(true);
        }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        if let Some(gathers) = self.0.take() {
            gathers.ended(false);
        }
    }
}
