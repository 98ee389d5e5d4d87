//! Archived streams: which of their markers a reader holds, what is left of them in a log, and what a storage is asked to archive.
//!
//! The markers of a log are numbered as they come, and written as a cursor: `<number>-<mark>`, in 14 and 8 hexadecimal digits. The mark is that of
//! the last of them, made of it and of the mark before: a server that was restored from a backup, and has archived others since, gives
//! other marks.

use super::{InvalidCursor, Refusal};
use crate::{
    stream::StreamName,
    sync::protocol::{Archived, Cursor, Gone, problem},
    version::{MAX_SAFE_INTEGER, Position, Version},
};
use std::sync::Arc;

/// What stands for the markers of a log, up to one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveMark {
    /// The number of the last of them; 0 before the first.
    pub number: u64,
    /// What it is told by.
    pub mark: u32,
}

impl ArchiveMark {
    /// Reads a cursor of markers; the empty one stands before the first.
    ///
    /// # Errors
    /// [`InvalidCursor::Unreadable`].
    pub fn read(cursor: &Cursor) -> Result<Self, InvalidCursor> {
        if cursor.0.is_empty() {
            return Ok(Self::default());
        }
        let read = || {
            let (number, mark) = cursor.0.split_once('-')?;
            let plain = |text: &str, digits| {
                text.len() == digits
                    && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            };
            if !plain(number, 14) || !plain(mark, 8) {
                return None;
            }
            let (number, mark) = (u64::from_str_radix(number, 16).ok()?, u32::from_str_radix(mark, 16).ok()?);
            (number <= MAX_SAFE_INTEGER).then_some(Self { number, mark })
        };
        read().ok_or(InvalidCursor::Unreadable)
    }

    /// The cursor as text: empty before the first marker.
    #[must_use]
    pub fn write(self) -> Cursor {
        if self.number == 0 {
            return Cursor::default();
        }
        Cursor(format!("{:014x}-{:08x}", self.number, self.mark))
    }

    /// As a page says it.
    #[must_use]
    pub fn told(self) -> Option<Cursor> {
        (self.number > 0).then(|| self.write())
    }

    /// With one more marker: FNV-1a over the mark before, and what tells markers apart.
    #[must_use]
    pub fn with(self, marker: &Archived) -> Self {
        let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        let numbers = [marker.version, marker.commits, marker.position, marker.archived_at.0.cast_unsigned()];
        let texts = [marker.stream.as_str(), "\0", &marker.digest, "\0", &marker.archive];
        let mark = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .fold(self.mark, |hash, byte| step(hash, &byte));
        let mark = texts.iter().flat_map(|text| text.as_bytes()).fold(mark ^ 0x811c_9dc5, step);
        Self { number: self.number + 1, mark }
    }
}

/// Which gaps in a page its reader knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gaps {
    /// Those that these markers stand in.
    Held(ArchiveMark),
    /// It takes any: who only looks for the history of a log, or wants what is left.
    Any,
}

impl Default for Gaps {
    fn default() -> Self {
        Self::Held(ArchiveMark::default())
    }
}

impl Gaps {
    /// What a request says: a cursor of markers, or `any`. Markers that this log never made stand for none.
    #[must_use]
    pub fn asked(text: &str) -> Self {
        if text == "any" {
            return Self::Any;
        }
        Self::Held(ArchiveMark::read(&Cursor(text.to_owned())).unwrap_or_default())
    }

    /// Whether a reader may be led past what a log with these markers has archived.
    #[must_use]
    pub fn are_known(self, now: ArchiveMark) -> bool {
        match self {
            Self::Held(held) => held == now,
            Self::Any => true,
        }
    }
}

/// What a page would have held is gone, and its reader does not say that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} events of {} streams, up to position {}, were archived: ask for their markers, and again with what these end at as `archived`",
    .0.events, .0.streams, .0.position
)]
pub struct Gap(pub Gone);

/// 410.
impl From<Gap> for Refusal {
    fn from(gap: Gap) -> Self {
        let title = "Some of the events were archived";
        let plain =
            Self { status: 410, problem_type: problem::ARCHIVED, title, detail: gap.to_string(), gone: None };
        Self { gone: Some(gap.0), ..plain }
    }
}

/// A stream that is to be archived, as it was copied to an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// The stream.
    pub stream: StreamName,
    /// The version of its last event.
    pub version: Version,
    /// The number of its commits.
    pub commits: u64,
    /// The position of its last event.
    pub position: Position,
    /// What its commits are, as bytes.
    pub digest: Arc<str>,
    /// The name of the archive.
    pub archive: Arc<str>,
}
