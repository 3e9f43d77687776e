//! Tintype: the memory of a scraper.

pub mod capture;
pub mod codec;
pub mod error;
pub mod format;
pub mod model;
pub mod ops;
pub mod store;

pub use error::{Corruption, Error, Result, What};
pub use model::artifact::{Artifact, ArtifactStatus, DraftArtifact, media_type_of};
pub use model::config::{CaptureConfig, PagePart};
pub use model::context::{Context, Pattern};
pub use model::id::{ArtifactName, BlobHash, Tag, Version};
pub use model::query::{Query, Selector};
pub use model::snapshot::{DeltaPolicy, Draft, Kept, Receipt, Snapshot, Status};
pub use model::time::{Clock, SystemClock, Time};
pub use store::{Builder, Prepared, Repository, Stats, Ticket, Transaction, View};
