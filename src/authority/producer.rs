//! Producers: a copied profile, or one from an old backup, finds out that it is not alone.
//!
//! Commits are told by their ids, and nothing of that depends on producers. What they are for is the device itself: two that take
//! themselves for one would write one `deviceId` into the log. A push counts on from the one before it; whoever is behind another
//! push of the same producer is not the only one.

use crate::{
    mistake::{Mistake, made},
    sync::protocol::Producer,
};

/// The last push of a producer that a log took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastPush {
    /// The producer's epoch.
    pub epoch: u64,
    /// Its sequence.
    pub sequence: u64,
    /// A digest of what it offered.
    pub digest: u64,
}

/// Somebody else has pushed as this producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the log has push {known_sequence} of epoch {known_epoch} of this producer, and this other one is push {sequence} of epoch {epoch}"
)]
pub struct Fenced {
    /// The epoch of the push that is refused.
    pub epoch: u64,
    /// Its sequence.
    pub sequence: u64,
    /// The epoch of the last push that was taken.
    pub known_epoch: u64,
    /// Its sequence.
    pub known_sequence: u64,
}

impl Producer {
    /// This push as the last one of its producer.
    ///
    /// Gaps are allowed: a push may never have arrived, and a log that was restored from a backup has forgotten the last ones.
    pub(super) fn follow(self, last: Option<LastPush>, digest: u64) -> Result<LastPush, Fenced> {
        let Self { epoch, sequence, .. } = self;
        let this = LastPush { epoch, sequence, digest };
        match last {
            Some(last)
                if (epoch, sequence) <= (last.epoch, last.sequence)
                    && this != last
                    && !made(Mistake::FenceIgnored) =>
            {
                let (known_epoch, known_sequence) = (last.epoch, last.sequence);
                Err(Fenced { epoch, sequence, known_epoch, known_sequence })
            }
            _ => Ok(this),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::DeviceId;
    use uuid::Uuid;

    #[track_caller]
    fn check(last: Option<(u64, u64, u64)>, (epoch, sequence, digest): (u64, u64, u64), is_taken: bool) {
        let last = last.map(|(epoch, sequence, digest)| LastPush { epoch, sequence, digest });
        let push = Producer { id: DeviceId(Uuid::from_u128(1)), epoch, sequence };
        let taken = LastPush { epoch, sequence, digest };
        assert_eq!(push.follow(last, digest).ok(), is_taken.then_some(taken), "{push:?} after {last:?}");
    }

    #[test]
    fn whoever_is_behind_is_not_alone() {
        check(None, (0, 1, 7), true);
        check(None, (3, 900, 7), true);
        check(Some((0, 4, 7)), (0, 5, 8), true);
        check(Some((0, 4, 7)), (0, 900, 8), true);
        check(Some((0, 4, 7)), (1, 1, 8), true);
        check(Some((0, 4, 7)), (0, 4, 7), true); // arrived again
        check(Some((0, 4, 7)), (0, 4, 8), false);
        check(Some((0, 4, 7)), (0, 3, 7), false);
        check(Some((1, 1, 7)), (0, 900, 8), false);
    }
}
