//! Checkpoints: cursors on the way here, for the day when the server does not know the last one any more.

use super::Stretch;
use crate::{sync::protocol::Cursor, version::Position};

/// The most checkpoints that are kept.
pub(super) const MOST: usize = 64;

/// A cursor that the log has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The position of the last confirmed event before it.
    pub position: Position,
    /// What the server calls that place.
    pub cursor: Cursor,
}

impl Checkpoint {
    /// Before the first event: every log knows it.
    #[must_use]
    pub fn beginning() -> Self {
        Self { position: 0, cursor: Cursor::default() }
    }
}

/// At most [`MOST`] checkpoints by rising position, the newest close together, older ones further and further apart: what has to be
/// given up for want of one in between is a bounded part of what was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoints(Vec<Checkpoint>);

impl Checkpoints {
    pub(super) fn entries(&self) -> &[Checkpoint] {
        &self.0
    }

    /// The cursor of a position was reached. None is kept for the beginning: every server knows the empty cursor.
    pub(super) fn note(&mut self, position: Position, cursor: &Cursor) {
        self.0.retain(|known| known.position < position);
        if position == 0 || cursor.0.is_empty() {
            return;
        }
        self.0.push(Checkpoint { position, cursor: cursor.clone() });
        if self.0.len() > MOST {
            self.thin();
        }
    }

    /// Commits came in between, fetched from these stretches: whatever stood before a checkpoint still does, and one of which nobody
    /// can tell is given up. Cursors sort as texts.
    pub(super) fn filled(&mut self, stretches: &[Stretch]) {
        let next: Vec<Position> =
            self.0.iter().skip(1).map(|it| it.position).chain([Position::MAX]).collect();
        let mut kept = Vec::with_capacity(self.0.len());
        for (mut checkpoint, next) in std::mem::take(&mut self.0).into_iter().zip(next) {
            let mut is_certain = true;
            let own = checkpoint.position;
            for Stretch { after, until, ends } in stretches {
                if checkpoint.cursor >= *until {
                    checkpoint.position = checkpoint.position.max(ends.last().copied().unwrap_or_default());
                } else if checkpoint.cursor > *after {
                    is_certain &= !ends.iter().any(|end| (own..next).contains(end));
                    let before = ends.iter().rfind(|end| **end < own);
                    checkpoint.position = checkpoint.position.max(before.copied().unwrap_or_default());
                }
            }
            if is_certain {
                kept.push(checkpoint);
            }
        }
        self.0 = kept;
    }

    /// Gives up what lies beyond a position.
    pub(super) fn cut(&mut self, position: Position) {
        self.0.retain(|known| known.position <= position);
    }

    /// Gives up the one, neither the first nor the last, that leaves the smallest gap for its age.
    fn thin(&mut self) {
        let Some(last) = self.0.last().map(|last| last.position) else { return };
        let loss = |at: &usize| {
            let (before, after) = (self.0[at - 1].position, self.0[at + 1].position);
            (after - before) as f64 / (last - before) as f64
        };
        let mut least: Option<(usize, f64)> = None;
        for at in 1..self.0.len() - 1 {
            let loss = loss(&at);
            if least.is_none_or(|(_, known)| loss < known) {
                least = Some((at, loss));
            }
        }
        if let Some((at, _)) = least {
            self.0.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(position: Position) -> Cursor {
        Cursor(format!("c{position}"))
    }

    #[test]
    fn old_checkpoints_stand_further_apart_than_new_ones() {
        let mut checkpoints = Checkpoints::default();
        for page in 1..=10_000 {
            checkpoints.note(page * 1_000, &cursor(page * 1_000));
            assert!(checkpoints.entries().len() <= MOST);
        }
        let positions: Vec<Position> = checkpoints.entries().iter().map(|it| it.position).collect();
        assert!(positions.is_sorted());
        assert_eq!(positions[MOST - 4..], [9_997_000, 9_998_000, 9_999_000, 10_000_000]);
        // however much is lost, what is given up beyond it is less than a third of it, and the page it began in
        for lost in (1..10_000).map(|pages| pages * 1_000) {
            let kept = 10_000_000 - lost;
            let found = positions.iter().rfind(|position| **position <= kept).copied().unwrap_or(0);
            assert!(kept - found <= lost / 3 + 1_000, "{lost} lost, back to {found} instead of {kept}");
        }
    }

    #[test]
    fn commits_that_come_in_between_stand_before_the_checkpoints_behind_them() {
        let mut checkpoints = Checkpoints::default();
        // the cursors stand at 4, 9, 12 and 20, at the end of what is followed or behind it
        for (position, at) in [(3, "04"), (8, "09"), (12, "12"), (18, "20")] {
            checkpoints.note(position, &Cursor(at.into()));
        }
        let stretch = |after: &str, until: &str, ends: &[Position]| Stretch {
            after: Cursor(after.into()),
            until: Cursor(until.into()),
            ends: ends.to_vec(),
        };
        checkpoints.filled(&[
            stretch("", "07", &[1, 5, 7]),
            stretch("07", "16", &[10, 14]),
            stretch("16", "20", &[19, 20]),
        ]);
        // of 04 nobody knows whether it stands before 5, and of 12 whether before 14; 09 stands before 10 or after it
        let kept = [(20, "20")].map(|(position, at)| Checkpoint { position, cursor: Cursor(at.into()) });
        assert_eq!(checkpoints.entries(), kept);
        let mut checkpoints = Checkpoints::default();
        for (position, at) in [(3, "04"), (8, "09"), (12, "12")] {
            checkpoints.note(position, &Cursor(at.into()));
        }
        checkpoints.filled(&[
            stretch("", "02", &[1]),
            stretch("02", "09", &[2, 9]),
            stretch("09", "12", &[]),
        ]);
        let kept = [(3, "04"), (9, "09"), (12, "12")];
        let kept = kept.map(|(position, at)| Checkpoint { position, cursor: Cursor(at.into()) });
        assert_eq!(checkpoints.entries(), kept);
    }

    #[test]
    fn the_beginning_needs_none_and_a_place_has_one() {
        let mut checkpoints = Checkpoints::default();
        checkpoints.note(0, &cursor(0));
        checkpoints.note(7, &Cursor::default());
        assert_eq!(checkpoints.entries(), []);
        for (position, name) in [(3, 1), (5, 2), (5, 3), (9, 4)] {
            checkpoints.note(position, &cursor(name));
        }
        checkpoints.cut(6);
        let kept = [(3, 1), (5, 3)].map(|(position, name)| Checkpoint { position, cursor: cursor(name) });
        assert_eq!(checkpoints.entries(), kept);
    }
}
