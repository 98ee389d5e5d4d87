//! Streams that leave a log: what they are as bytes, and the row that stays for each.

use super::{
    StorageError,
    stored::{StoredCommit, WholeRow},
};
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, sync::Arc};
use tidelog::{
    authority::{ArchiveMark, Leaving},
    commit::ConfirmedCommit,
    id::CommitId,
    stream::StreamName,
    sync::protocol::Archived,
    version::{Position, Version},
};

/// The marker of an archived stream as databases keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMarker {
    /// What stands for it and all before it.
    pub(crate) mark: ArchiveMark,
    /// What it says.
    pub(crate) archived: Archived,
}

/// A stream, read commit by commit.
#[derive(Default)]
pub(crate) struct Reading {
    digest: Sha256,
    version: Version,
    commits: u64,
    position: Position,
}

impl Reading {
    /// Takes the next of its commits: position, version, moment, id, and the body with its length, each number in eight bytes.
    pub(crate) fn take(&mut self, stored: &StoredCommit, id: CommitId) {
        let StoredCommit { position, events, first_version, recorded_at, body } = stored;
        for number in [*position, *first_version, recorded_at.cast_unsigned()] {
            self.digest.update(number.to_be_bytes());
        }
        self.digest.update(id.0.as_bytes());
        self.digest.update((body.len() as u64).to_be_bytes());
        self.digest.update(body);
        self.version = (first_version + u64::from(*events)).saturating_sub(1);
        self.position = (position + u64::from(*events)).saturating_sub(1);
        self.commits += 1;
    }

    /// As [`take`](Self::take), of a row with all its columns.
    pub(crate) fn take_row(&mut self, row: &WholeRow) {
        self.take(&row.stored, CommitId(row.id));
    }

    /// What was read, under the name of the archive that it goes to.
    pub(crate) fn end(self, stream: StreamName, archive: Arc<str>) -> Leaving {
        let Self { digest, version, commits, position } = self;
        let hex = digest.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a text can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Leaving { stream, version, commits, position, digest: hex.into(), archive }
    }
}

/// A whole stream, from its first commit to its last, as something to [archive](super::Storage::archive) under the name of whatever it was copied
/// to; none if there is no commit, or one that can't be written as JSON.
#[must_use]
pub fn leaving(commits: &[ConfirmedCommit], archive: &str) -> Option<Leaving> {
    let stream = commits.first()?.commit.stream.clone();
    let mut reading = Reading::default();
    for confirmed in commits {
        let stored = StoredCommit {
            position: confirmed.first_position,
            events: u32::try_from(confirmed.commit.count()).ok()?,
            first_version: confirmed.first_version,
            recorded_at: confirmed.recorded_at.millis(),
            body: serde_json::to_string(&confirmed.commit).ok()?,
        };
        reading.take(&stored, confirmed.commit.id);
    }
    Some(reading.end(stream, archive.into()))
}

/// The name of a stream, as a row has it.
pub(crate) fn stream_name(name: &str) -> Result<StreamName, StorageError> {
    StreamName::parse(name).map_err(|error| StorageError::Failed(error.into()))
}
