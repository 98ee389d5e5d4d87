//! The row that says how far a projection's stored rows are, and of which segments they consist.
//!
//! It is written in the same batch as the rows, and only over the row that the writer saw: the fence between tabs.

use super::{
    generation::Parked,
    segment::{Damaged, sealed, unsealed},
};
use crate::{
    log::{
        store::Bytes,
        wire::{Reader, put_bytes, put_number, put_signed},
    },
    time::Timestamp,
    version::Position,
};
use std::sync::Arc;

/// The form of checkpoints and dead letters that this version reads and writes. Another one counts as damage.
const FORMAT: u64 = 1;

/// How far the stored rows of a generation are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) generation: u64,
    pub(crate) version: u32,
    pub(crate) fingerprint: u32,
    pub(crate) history: Option<Arc<str>>,
    pub(crate) position: Position,
    pub(crate) events: u64,
    pub(crate) skipped: u64,
    pub(crate) replays: u64,
    pub(crate) next_segment: u32,
    pub(crate) segments: Vec<u32>,
}

/// The checkpoint of a projection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Rises with every write, so that no two are alike.
    pub(crate) number: u64,
    /// The number that the next generation gets; none is ever used twice.
    pub(crate) next_generation: u64,
    /// The rows that are read.
    pub(crate) live: Mark,
    /// The rows that are being made to take their place.
    pub(crate) shadow: Option<Mark>,
}

impl Checkpoint {
    /// Its row.
    pub(crate) fn row(&self) -> Bytes {
        let mut body = Vec::new();
        for number in [FORMAT, self.number, self.next_generation] {
            put_number(&mut body, number);
        }
        self.live.put(&mut body);
        if let Some(shadow) = &self.shadow {
            shadow.put(&mut body);
        }
        sealed(&body)
    }

    /// Reads its row.
    pub(crate) fn of_row(row: &[u8]) -> Result<Self, Damaged> {
        let mut reader = unsealed(row)?;
        Self::read(&mut reader).filter(|_| reader.is_empty()).ok_or(Damaged)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.number().ok()? != FORMAT {
            return None;
        }
        let (number, next_generation) = (reader.number().ok()?, reader.number().ok()?);
        let live = Mark::read(reader)?;
        let shadow = if reader.is_empty() { None } else { Some(Mark::read(reader)?) };
        Some(Self { number, next_generation, live, shadow })
    }
}

impl Mark {
    fn put(&self, body: &mut Vec<u8>) {
        for number in [
            self.generation,
            self.version.into(),
            self.fingerprint.into(),
            self.position,
            self.events,
            self.skipped,
            self.replays,
            self.next_segment.into(),
        ] {
            put_number(body, number);
        }
        put_number(body, u64::from(self.history.is_some()));
        put_bytes(body, self.history.as_deref().unwrap_or_default().as_bytes());
        put_number(body, self.segments.len() as u64);
        for number in &self.segments {
            put_number(body, (*number).into());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut number = || reader.number().ok();
        let mut mark = Self {
            generation: number()?,
            version: u32::try_from(number()?).ok()?,
            fingerprint: u32::try_from(number()?).ok()?,
            history: None,
            position: number()?,
            events: number()?,
            skipped: number()?,
            replays: number()?,
            next_segment: u32::try_from(number()?).ok()?,
            segments: Vec::new(),
        };
        let is_known = number()? == 1;
        let history = reader.text().ok()?;
        mark.history = is_known.then(|| history.into());
        for _ in 0..reader.count(1).ok()? {
            mark.segments.push(reader.small().ok()?);
        }
        Some(mark)
    }
}

impl Parked {
    /// Its row in the dead-letter table.
    pub(crate) fn row(&self) -> Bytes {
        let mut body = Vec::new();
        for number in [FORMAT, self.version, self.position] {
            put_number(&mut body, number);
        }
        put_signed(&mut body, self.at.millis());
        put_bytes(&mut body, self.event_type.as_bytes());
        put_bytes(&mut body, self.reason.as_bytes());
        sealed(&body)
    }

    /// Reads its row.
    pub(crate) fn of_row(row: &[u8]) -> Result<Self, Damaged> {
        Self::read(&mut unsealed(row)?).ok_or(Damaged)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.number().ok()? != FORMAT {
            return None;
        }
        Some(Self {
            version: reader.number().ok()?,
            position: reader.number().ok()?,
            at: Timestamp(reader.signed().ok()?),
            event_type: reader.text().ok()?.into(),
            reason: reader.text().ok()?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(generation: u64, history: Option<&str>) -> Mark {
        Mark {
            generation,
            version: 3,
            fingerprint: u32::MAX,
            history: history.map(Into::into),
            position: 1 << 52,
            events: 100_000,
            skipped: 1,
            replays: 2,
            next_segment: 9,
            segments: vec![1, 5, 8],
        }
    }

    #[test]
    fn checkpoints_read_back_what_was_written_and_damage_is_noticed() {
        for (live, shadow) in
            [(mark(1, None), None), (mark(1, Some("log")), Some(mark(2, None))), (mark(7, Some("")), None)]
        {
            let checkpoint = Checkpoint { number: 17, next_generation: 3, live, shadow };
            let row = checkpoint.row();
            assert_eq!(Checkpoint::of_row(&row), Ok(checkpoint));
            for at in 0..row.len() {
                assert_eq!(Checkpoint::of_row(&row[..at]), Err(Damaged));
            }
        }
        assert_eq!(Checkpoint::of_row(&sealed(&[2, 1, 1])), Err(Damaged));
    }

    #[test]
    fn dead_letters_read_back_what_was_written() {
        let parked = Parked {
            version: 5,
            position: 70,
            event_type: "LessonCompleted".into(),
            reason: "boom".into(),
            at: Timestamp(-3),
        };
        assert_eq!(Parked::of_row(&parked.row()), Ok(parked.clone()));
        assert_eq!(Parked::of_row(b""), Err(Damaged));
    }
}
