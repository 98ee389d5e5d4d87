//! A push as it comes before the log.

use super::{Candidate, Fenced, LastPush, Rights, domain::Rulings};
use crate::{
    id::DeviceId,
    sync::protocol::{Cursor, Producer},
};

/// What a push offers, and what it says about the one who offers it.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The commits, in the order of the device's queue.
    pub commits: Vec<Candidate>,
    /// The cursor that the device had reached. A log checks it as it does that of a pull, in the transaction of the push, before it
    /// looks at anything else: what was decided on another history must not be judged by numbers that mean something else now.
    pub cursor: Option<Cursor>,
    /// Whose push it is.
    pub producer: Option<Producer>,
    /// The device that says that it pushes; none if nobody said so.
    pub device: Option<DeviceId>,
    /// What whoever offers it may do. The authority gives it, never the request.
    pub rights: Rights,
    /// Whose token it is; none if nobody is told apart. The authority gives it.
    pub subject: Option<Box<str>>,
    /// What the rules of the domain say about the commits, where the authority has any.
    pub rulings: Rulings,
}

impl From<Vec<Candidate>> for Offer {
    fn from(commits: Vec<Candidate>) -> Self {
        Self { commits, ..Self::default() }
    }
}

impl Offer {
    /// Whether the producer may push, where its last push to this log is known; what to remember then, in the same transaction.
    ///
    /// # Errors
    /// [`Fenced`]: nothing may be written for the push.
    pub fn admit(&self, last: Option<LastPush>) -> Result<Option<LastPush>, Fenced> {
        self.producer.map(|producer| producer.follow(last, self.digest())).transpose()
    }

    /// What tells a push that arrives again from another one: the ids and generations of its commits, in order, by FNV-1a.
    fn digest(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for commit in &self.commits {
            take(commit.id().0.as_bytes());
            take(&commit.generation().to_le_bytes());
        }
        hash
    }
}
