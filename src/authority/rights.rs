//! What a client may do with a log: the streams that it may read and those that it may write to.

use crate::{stream::StreamName, streams::Streams};

/// What a client may do with a log. The default is everything.
///
/// ```
/// use tidelog::authority::{Rights, Streams};
///
/// let ada = Rights { read: Streams::of(["course", "exam-ada-*"])?, write: Streams::of(["exam-ada-*"])? };
/// assert!(ada.read.includes("course-algebra") && !ada.write.includes("course-algebra"));
/// assert!(!ada.read.includes("exam-bob-1"));
/// # Ok::<(), tidelog::authority::NotStreams>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The streams that it may read.
    pub read: Streams,
    /// The streams that it may write to.
    pub write: Streams,
}

impl Rights {
    /// Whether the client may know that the stream exists: whoever may write to it learns its version by writing.
    #[must_use]
    pub fn know(&self, stream: &StreamName) -> bool {
        self.read.includes(stream.as_str()) || self.write.includes(stream.as_str())
    }
}
