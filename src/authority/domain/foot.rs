//! Where a state stands in a stream, and how one gets on from there.

use crate::{commit::ConfirmedCommit, id::CommitId, time::Timestamp, version::Version};

/// Where a known state of a stream stands: behind this commit. The commit proves that the state belongs to the log: after a restore, another
/// one stands there, or the same one recorded at another moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Foot {
    /// The version of the state; 0 is the beginning.
    pub version: Version,
    last: Option<Last>,
    is_checked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    id: CommitId,
    first_version: Version,
    recorded_at: Timestamp,
}

/// The state that a foot names is not there any more, or the log has another history: begin at the [nearest](super::Counsel::nearest) again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state is not that of the log any more")]
pub struct Lost;

impl Foot {
    /// The version after which to read the stream: before its own commit, as long as that was not seen.
    #[must_use]
    pub fn after(&self) -> Version {
        match &self.last {
            Some(last) if !self.is_checked => last.first_version.saturating_sub(1),
            _ => self.version,
        }
    }

    /// Behind the next commit of the stream; none if the two don't follow each other.
    pub(super) fn step(self, next: &ConfirmedCommit) -> Option<Self> {
        let last =
            Last { id: next.commit.id, first_version: next.first_version, recorded_at: next.recorded_at };
        let is_next = next.first_version == self.version + 1;
        is_next.then(|| Self {
            version: self.version + next.commit.count(),
            last: Some(last),
            is_checked: true,
        })
    }

    /// Checks what was read after [`after`](Self::after), and leaves what is new.
    pub(super) fn check<'c>(&mut self, read: &'c [ConfirmedCommit]) -> Result<&'c [ConfirmedCommit], Lost> {
        let Some(last) = self.last.filter(|_| !self.is_checked) else { return Ok(read) };
        let is_it = |it: &ConfirmedCommit| {
            it.commit.id == last.id
                && it.first_version == last.first_version
                && it.recorded_at == last.recorded_at
        };
        match read.split_first() {
            Some((first, rest)) if is_it(first) => {
                self.is_checked = true;
                Ok(rest)
            }
            _ => Err(Lost),
        }
    }

    #[cfg(test)]
    pub(super) fn at(version: Version) -> Self {
        Self { version, ..Self::default() }
    }

    /// To be checked again before somebody goes on from it.
    pub(super) fn unchecked(self) -> Self {
        Self { is_checked: false, ..self }
    }
}
