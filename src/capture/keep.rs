//! How a capture is kept: as the flags of the store say.
//!
//! **Invariant:** a flag that is off keeps a capture from being stored, and is no error: scrapers go on,
//! and are told what they can look at.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::config::{CaptureConfig, CaptureMode, PagePart};
use crate::model::context::Context;
use crate::model::flag::{self, EvalContext, FlagReason};
use crate::model::snapshot::{Draft, Receipt};
use crate::model::time::Stopwatch;
use crate::ops::transfer::export_flat;
use crate::records::flags::Flags;
use crate::records::metrics;
use crate::store::Repository;

/// What stands behind the name of a store where its old layout is written, unless told.
const BESIDE: &str = ".legacy";

/// How one capture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// Whether it is stored.
    pub stored: bool,
    /// Whether it is written in the old flat layout.
    pub flat: bool,
}

/// What the flags of a store say of captures.
pub(super) struct Ways {
    pub flags: Flags,
    pub environment: Option<String>,
    /// The folder of the old layout; none where the store is in memory and none was told.
    pub folder: Option<PathBuf>,
}

impl Ways {
    pub fn new(repo: &Repository, environment: Option<String>, folder: Option<PathBuf>) -> Self {
        let beside = || {
            let mut path = repo.path().as_os_str().to_owned();
            path.push(BESIDE);
            repo.in_file().then(|| path.into())
        };
        Ways { flags: Flags::of(repo), environment, folder: folder.or_else(beside) }
    }

    /// Whether a flag is on for captures of a place.
    pub fn is_on(&self, flag: &str, context: &Context) -> bool {
        let asked = EvalContext::of(context).in_environment(self.environment.as_deref());
        self.flags.is_enabled(flag, &asked)
    }

    /// How captures of a place are kept.
    pub fn of(&self, context: &Context) -> Way {
        Way {
            stored: self.is_on(flag::CONTEXT_AWARE_BUNDLES, context),
            flat: self.is_on(flag::LEGACY_COMPATIBILITY, context),
        }
    }

    /// What is left of a configuration in a place.
    pub fn allowed(&self, context: &Context, config: &CaptureConfig) -> CaptureConfig {
        let mut config = config.clone();
        let both = config.mode() == CaptureMode::Both;
        if both && !self.is_on(flag::DUAL_HTML_CAPTURE, context) {
            let of_element = |part: &PagePart| part.is_of_the_element();
            for part in PagePart::ALL.into_iter().filter(of_element) {
                config = config.without(part);
            }
        }
        config.async_save &= self.is_on(flag::ASYNC_PERFORMANCE, context);
        config
    }

    /// The flags of which only a percentage decides for captures of a place, and what they say: where
    /// both are to be had, they can be compared.
    fn split(&self, context: &Context) -> Vec<(&'static str, bool)> {
        let asked = EvalContext::of(context).in_environment(self.environment.as_deref());
        [flag::DUAL_HTML_CAPTURE, flag::ASYNC_PERFORMANCE, flag::LEGACY_COMPATIBILITY]
            .into_iter()
            .map(|name| (name, self.flags.evaluate(name, &asked)))
            .filter(|(_, told)| told.reason == FlagReason::Split)
            .map(|(name, told)| (name, told.value))
            .collect()
    }

    /// Keeps a draft of a capture that was begun then. What could be stored and not written in the old
    /// layout is told to `lacking`.
    pub fn keep(
        &self,
        repo: &Repository,
        draft: Draft,
        way: Way,
        begun: Stopwatch,
        lacking: impl FnOnce(Error),
    ) -> Result<Option<Receipt>> {
        if way.stored {
            let split = self.split(&draft.context);
            let receipt = metrics::store(repo, draft, &split, begun)?;
            if way.flat
                && let Err(error) = self
                    .folder()
                    .and_then(|folder| export_flat(repo, &receipt.version, folder).map(drop))
            {
                lacking(error);
            }
            return Ok(Some(receipt));
        }
        if way.flat {
            // What is written is a snapshot, so it is one for a moment, in a store of its own.
            let folder = self.folder()?;
            let aside = Repository::in_memory()?;
            let time = draft.time.unwrap_or_else(|| repo.now());
            let mut draft = draft.at(time);
            (draft.based_on, draft.based_on_latest) = (None, false);
            let version = aside.create(draft)?;
            export_flat(&aside, &version, folder)?;
        }
        Ok(None)
    }

    fn folder(&self) -> Result<&Path> {
        self.folder.as_deref().ok_or_else(|| {
            let why = "the store is in memory, so the folder for it must be told";
            Error::invalid("old layout", flag::LEGACY_COMPATIBILITY, why)
        })
    }
}
