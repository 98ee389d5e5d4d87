//! One history, from its script to its end.

use crate::{
    device::{Device, Seat},
    executor::Owner,
    judge,
    notation::Scribe,
    server::FRONTS,
    shrink,
    step::Beat,
    world::World,
};
use tidelog::commit::ConfirmedCommit;

/// How often time may go on to the next timer until everything has settled, once no fault comes any more.
const PATIENCE: usize = 3_000;

/// What a history came to, if it went well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Commands that were answered with a receipt.
    pub acknowledged: usize,
    /// Events in the server's log at the end.
    pub events: u64,
    /// Commits that were rejected, with a reason.
    pub rejected: usize,
    /// Requests to the server.
    pub requests: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, more: Self) {
        self.acknowledged += more.acknowledged;
        self.events += more.events;
        self.rejected += more.rejected;
        self.requests += more.requests;
    }
}

/// Plays a script with the schedule and the faults of a seed.
///
/// # Errors
/// What did not hold.
pub(crate) fn play(seed: u64, script: &[Beat]) -> Result<Tally, String> {
    let mut world = World::new(seed);
    let done = world.play(script, &mut |_, _| {});
    world.end();
    done
}

/// Plays a script once more and writes down how everybody stands after each step.
pub(crate) fn tell(seed: u64, script: &[Beat]) -> String {
    let mut world = World::new(seed);
    let mut scribe = Scribe::default();
    let done = world.play(script, &mut |world, beat| scribe.note(&shrink::show(beat), world));
    if let Err(reason) = done {
        scribe.note(&reason, &world);
    }
    world.end();
    scribe.lines.join("\n")
}

impl World {
    fn play(&mut self, script: &[Beat], told: &mut dyn FnMut(&Self, &Beat)) -> Result<Tally, String> {
        self.drain()?;
        for (number, beat) in script.iter().enumerate() {
            self.take(beat.step);
            for _ in 0..beat.polls {
                if !self.poll() {
                    break;
                }
            }
            for _ in 0..beat.timers {
                self.clock.advance();
                self.poll();
            }
            told(self, beat);
            judge::on_the_way(self, number).map_err(|error| format!("after step {number}: {error}"))?;
        }
        self.settle()?;
        let tally = judge::at_rest(self)?;
        self.tell_copies_apart()?;
        self.check_renamed()?;
        self.lose_what_everybody_has()?;
        self.check_renamed()?;
        Ok(tally)
    }

    /// Devices have all that the server has, if one follows it all, and nothing else is under way: what it loses now comes back as it was.
    fn lose_what_everybody_has(&self) -> Result<(), String> {
        // A copy of an old push that is still on its way would be judged on what the backup holds.
        self.executor.end(Owner::NETWORK);
        let before = self.server.commits();
        let has_all = |seat: &Seat| judge::holds_all(seat, &before);
        if !self.devices.iter().flat_map(Device::seats).any(|seat| has_all(&seat))
            || !self.server.restore()
            || self.server.position() == before.last().map_or(0, ConfirmedCommit::last_position)
        {
            return Ok(());
        }
        let late = |error: String| format!("after a backup was restored at the end: {error}");
        self.settle().map_err(late)?;
        judge::at_rest(self).map_err(late)?;
        judge::same_streams(&before, &self.server.commits()).map_err(late)
    }

    fn looks_settled(&self) -> bool {
        let (position, cursor) = (self.server.position(), self.server.cursor());
        let markers = self.server.archive_cursor();
        self.devices.iter().all(|device| {
            device.all_seats(|seat| {
                let status = seat.engine.status();
                let knows = if position == 0 { status.position == 0 } else { status.cursor == cursor };
                let log = seat.engine.log();
                let holds_markers = log.archive().cursor_of(&log.followed().wanted) == markers;
                status.pending_commits == 0 && knows && holds_markers && !status.sync.fetching
            })
        })
    }

    /// No fault comes any more, and everybody gets a fresh tab: all must settle.
    pub(crate) fn settle(&self) -> Result<(), String> {
        self.server.set_trouble(0);
        (0..FRONTS).for_each(|front| self.server.set_up(front, true));
        for (at, device) in self.devices.iter().enumerate() {
            self.thaw(at);
            for seat in device.seats() {
                device.kill_tab(seat.owner);
            }
            device.set_online(true);
            device.skew(0);
            device.open_tab();
        }
        self.drain()?;
        for _ in 0..PATIENCE {
            if self.looks_settled() {
                return Ok(());
            }
            if self.answer_all() {
                self.drain()?;
                if self.looks_settled() {
                    return Ok(());
                }
            }
            if !self.clock.advance() {
                return Err("everybody waits for something that nobody will do".into());
            }
            self.drain()?;
        }
        let pending: Vec<String> = self
            .devices
            .iter()
            .flat_map(Device::seats)
            .map(|seat| {
                let status = seat.engine.status();
                format!("{} pending at {} ({:?})", status.pending_commits, status.position, status.sync.error)
            })
            .collect();
        Err(format!(
            "it does not settle: the server is at {}; devices: {}",
            self.server.position(),
            pending.join("; ")
        ))
    }
}
