//! What two databases hold of a log, in one number.

use crate::storage::{
    leaving::StoredMarker,
    stored::{StoredLog, StoredProducer, WholeRow},
};
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};
use tidelog::sync::protocol::Archived;

/// SHA-256 over everything that is copied of a log, in order, each text with its length before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

/// A digest in the making.
#[derive(Default)]
pub(super) struct Digesting(Sha256);

impl Digesting {
    pub(super) fn of(log: &StoredLog) -> Self {
        let mut this = Self::default();
        this.text(log.name.as_str());
        this.0.update(log.id.as_bytes());
        this.number(log.position);
        this
    }

    pub(super) fn row(&mut self, WholeRow { stored, id, stream }: &WholeRow) {
        self.number(stored.position);
        self.number(stored.events.into());
        self.number(stored.first_version);
        self.0.update(stored.recorded_at.to_be_bytes());
        self.0.update(id.as_bytes());
        self.text(stream);
        self.text(&stored.body);
    }

    pub(super) fn producer(&mut self, StoredProducer { id, last }: &StoredProducer) {
        self.0.update(id.as_bytes());
        for number in [last.epoch, last.sequence, last.digest] {
            self.number(number);
        }
    }

    pub(super) fn marker(&mut self, StoredMarker { mark, archived }: &StoredMarker) {
        let Archived { stream, version, commits, position, digest, archived_at, archive } = archived;
        for number in [mark.number, mark.mark.into(), *version, *commits, *position] {
            self.number(number);
        }
        self.number(archived_at.millis().cast_unsigned());
        for text in [stream.as_str(), digest, archive] {
            self.text(text);
        }
    }

    pub(super) fn end(self) -> Digest {
        Digest(self.0.finalize().into())
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a text can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        f.write_str(&hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
