//! Cursors: which log, how far, and which commit stood there.
//!
//! Written as `<log>-<position>-<commit>`, in 16, 14 and 8 hexadecimal digits. The log part makes a cursor of another log
//! visible, the commit part one of another history of the same log: a server that was restored from a backup and has gone
//! on since gives the same positions to other commits.
//!
//! The commit part is made of the commit's id and of the moment when it was recorded. The id alone would not do: after a restore,
//! devices bring back what was lost, and the same commit may come to stand at the same position with others before it.

use crate::{
    id::CommitId,
    sync::protocol::Cursor,
    time::Timestamp,
    version::{MAX_SAFE_INTEGER, Position},
};
use uuid::Uuid;

/// What a cursor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    log: u64,
    /// The position of the last event before the cursor; 0 before the first.
    pub position: Position,
    commit: u32,
}

impl Mark {
    /// Before the first event of a log.
    #[must_use]
    pub fn start(log: Uuid) -> Self {
        Self { log: log.as_u64_pair().0, position: 0, commit: 0 }
    }

    /// After the commit whose last event has this position, and which was recorded at this moment.
    #[must_use]
    pub fn after(log: Uuid, position: Position, commit: CommitId, recorded_at: Timestamp) -> Self {
        Self { position, commit: digest(commit, recorded_at), ..Self::start(log) }
    }

    /// Where a log ends: after its last commit, whose id and moment these are; before its first event if there is none.
    #[must_use]
    pub fn at(log: Uuid, position: Position, last: Option<(CommitId, Timestamp)>) -> Self {
        last.map_or_else(|| Self::start(log), |(commit, at)| Self::after(log, position, commit, at))
    }

    /// What a client's cursor says, as far as that can be told without looking into the log that ends at `end`; then
    /// [`Mark::check`] it.
    ///
    /// # Errors
    /// [`InvalidCursor`], but not yet [`InvalidCursor::OtherHistory`].
    pub fn of(after: &Cursor, log: Uuid, end: Position) -> Result<Self, InvalidCursor> {
        if after.0.is_empty() {
            return Ok(Self::start(log));
        }
        let mark = Self::read(after).ok_or(InvalidCursor::Unreadable)?;
        if mark.log != log.as_u64_pair().0 {
            return Err(InvalidCursor::OtherLog);
        }
        if mark.position > end {
            return Err(InvalidCursor::Ahead { position: mark.position, end });
        }
        Ok(mark)
    }

    /// Whether it names the commit whose last event stands at its position, and when that was recorded; none if no commit ends
    /// there.
    ///
    /// # Errors
    /// [`InvalidCursor::OtherHistory`] if not.
    pub fn check(self, there: Option<(CommitId, Timestamp)>) -> Result<Self, InvalidCursor> {
        let Self { position, commit, .. } = self;
        let same =
            if position == 0 { commit == 0 } else { there.map(|(id, at)| digest(id, at)) == Some(commit) };
        if same { Ok(self) } else { Err(InvalidCursor::OtherHistory { position }) }
    }

    /// Reads a cursor; none if the text isn't one.
    #[must_use]
    pub fn read(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.0.split('-');
        let mut part = |digits: usize| {
            let text = parts.next()?;
            let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if text.len() != digits || !text.bytes().all(plain) {
                return None;
            }
            u64::from_str_radix(text, 16).ok()
        };
        let (log, position, commit) = (part(16)?, part(14)?, part(8)?);
        if parts.next().is_some() || position > MAX_SAFE_INTEGER {
            return None;
        }
        Some(Self { log, position, commit: u32::try_from(commit).ok()? })
    }

    /// The cursor as text.
    #[must_use]
    pub fn write(&self) -> Cursor {
        Cursor(format!("{:016x}-{:014x}-{:08x}", self.log, self.position, self.commit))
    }
}

/// Why a cursor is of no use for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCursor {
    /// It is not a cursor at all.
    #[error("the text is not a cursor of this server")]
    Unreadable,
    /// Another log made it.
    #[error("the cursor was made by another log")]
    OtherLog,
    /// It stands beyond the end: the log was restored from a backup.
    #[error("the cursor stands at position {position}, beyond the end of the log at {end}")]
    Ahead {
        /// Where it stands.
        position: Position,
        /// The last position of the log.
        end: Position,
    },
    /// Another commit, or the middle of one, stands where it points: the log was restored from a backup and went on.
    #[error("the log has another history at position {position} than the cursor was made by")]
    OtherHistory {
        /// Where it stands.
        position: Position,
    },
    /// Of markers: the log has not archived what it stands for, or not in that order.
    #[error("the log has other markers of archived streams than the cursor stands for")]
    OtherMarkers,
}

/// FNV-1a over the id and the moment: any of their bytes may be the one that tells two commits apart.
fn digest(commit: CommitId, recorded_at: Timestamp) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    let moment = recorded_at.0.to_le_bytes();
    commit.0.as_bytes().iter().chain(&moment).fold(0x811c_9dc5, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Uuid = Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);

    fn mark(position: Position) -> Mark {
        Mark::after(LOG, position, CommitId(Uuid::from_u128(0xfedc_ba98)), Timestamp(1_790_000_000_000))
    }

    #[test]
    fn a_cursor_reads_back_and_sorts_as_text() {
        let marks = [0, 1, 9, 10, 255, 256, 99_999, MAX_SAFE_INTEGER].map(mark);
        for pair in marks.windows(2) {
            assert!(pair[0].write() < pair[1].write());
            assert_eq!(pair[0].write().0.len(), pair[1].write().0.len());
        }
        for mark in marks {
            assert_eq!(Mark::read(&mark.write()), Some(mark));
        }
        assert_eq!(mark(17).write().0, "0123456789ab4def-00000000000011-e89ecc3a");
    }

    #[test]
    fn other_text_is_no_cursor() {
        let good = mark(17).write().0;
        let more = format!("{good}-");
        let upper = good.to_uppercase();
        let far = good.replace("-00000000000011-", "-20000000000000-");
        let sign = good.replace("-00000000000011-", "-+0000000000011-");
        for bad in ["", "0", "17", "--", &good[1..], &more, &upper, &far, &sign, "ä"] {
            assert_eq!(Mark::read(&Cursor(bad.to_owned())), None, "{bad:?}");
        }
    }
}
