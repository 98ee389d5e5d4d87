//! Blocks: the rows of the log, from one commit to a few hundred events in a compact binary form.
//!
//! ```text
//! block      = head directory body
//! head       = "TdLg" format:u8 flags:u8 directory-length:u32 crc:u32    (14 bytes; integers little-endian)
//! directory  = what the index needs: keys, streams with versions or the queue's commits, length and checksum of the body
//! body       = strings ids record*       event types and actors, devices and sessions once each; a record is a commit
//! ```
//!
//! `crc` covers the ten bytes before it and the directory. Bit 0 of `flags` says that the block is of the pending region;
//! the other bits are 0. A reader refuses a format above its own. Head and directory alone are a directory row.
//!
//! Format 2 adds to the directory when its events occurred and of which types they are, so that a reader who looks for a time
//! or a type passes over the blocks that can't hold it. Blocks of format 1 may hold anything; merging writes them anew.
//!
//! Format 3 adds to the records of rebased commits what they were decided on before.
//!
//! Every record carries its own key and version, so that the order of records within a block is free: a later version may
//! cluster them by stream. `data` is the JSON text as it was given.

mod crc;
mod decode;
mod directory;
mod encode;
mod extent;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod properties;
pub(crate) mod wire;

pub(crate) use crc::crc32;
pub(crate) use decode::{Block, Heading, Record};
pub(crate) use directory::{Contents, Directory, is_large};
pub(crate) use encode::{Encoded, Packer, size_hint};
pub(crate) use extent::Extent;

use super::store::Table;
use crate::{
    commit::{Commit, Policy},
    time::Timestamp,
    version::Version,
};

/// The newest format of blocks that this version reads, and the one that it writes.
pub(crate) const FORMAT: u8 = 3;

/// The size that blocks are filled up to, in bytes: rows of 60 to 130 KiB are the quickest in IndexedDB per event.
pub(crate) const TARGET: usize = 100 << 10;

/// The two regions of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Region {
    /// Keyed by the position of a block's first event.
    Confirmed,
    /// Keyed by the sequence of a block's first commit.
    Pending,
}

impl Region {
    pub(crate) const BOTH: [Self; 2] = [Self::Confirmed, Self::Pending];

    /// The table of its blocks.
    pub(crate) fn table(self) -> Table {
        match self {
            Self::Confirmed => Table::Confirmed,
            Self::Pending => Table::Pending,
        }
    }

    /// The table of the directories of its large blocks.
    pub(crate) fn directories(self) -> Table {
        match self {
            Self::Confirmed => Table::ConfirmedDirectory,
            Self::Pending => Table::PendingDirectory,
        }
    }
}

/// What a region knows about a commit beside the commit itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Confirmed { first_version: Version, recorded_at: Timestamp },
    Pending { policy: Policy, reoffered: bool },
}

/// A commit as a block holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The position of its first event, or its sequence.
    pub(crate) key: u64,
    pub(crate) standing: Standing,
    pub(crate) commit: Commit,
}

/// Some bytes are not a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlockError {
    #[error("it does not begin as a block does")]
    Foreign,
    #[error("its format is {found}, newer than {FORMAT}, the newest this version reads: update the app")]
    Newer { found: u8 },
    #[error("it belongs to another table")]
    OtherRegion,
    #[error("the checksum of its {part} does not match")]
    Checksum { part: &'static str },
    #[error("it ends too early")]
    CutShort,
    #[error("{0}")]
    Malformed(&'static str),
}
