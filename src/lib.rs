//! Tintype: the memory of a scraper.

pub mod error;
pub mod format;
pub mod model;

pub use error::{Corruption, Error, Result, What};
pub use model::artifact::{Artifact, ArtifactStatus, DraftArtifact};
pub use model::config::{CaptureConfig, PagePart};
pub use model::context::{Context, Pattern};
pub use model::id::{ArtifactName, BlobHash, Tag, Version};
pub use model::query::{Query, Selector};
pub use model::snapshot::{DeltaPolicy, Draft, Kept, Receipt, Snapshot, Status};
pub use model::time::{Clock, SystemClock, Time};
