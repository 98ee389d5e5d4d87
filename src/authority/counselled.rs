//! A log in memory whose pushes are decided again.

use super::{
    Candidate, MemoryLog, Offer,
    domain::{Counsel, Examined, Foot, Lost, MAX_LOOK_BACK, Past, Rulings, View},
};
use crate::{commit::ConfirmedCommit, stream::StreamName, time::Timestamp, version::Version};
use std::sync::Arc;

impl MemoryLog {
    /// What the rules say about a push to this log: what belongs into [`Offer::rulings`] when it is [pushed](Self::push) next.
    pub fn ask(&self, counsel: &mut Counsel, offer: &Offer, now: Timestamp) -> Rulings {
        let log: Arc<str> = self.id().to_string().into();
        let mut rulings = Rulings { aggregates: counsel.names(), ..Rulings::default() };
        // only what was kept of another history of the log is lost, and only once
        while let Err(Lost) = self.try_ask(counsel, &log, offer, now).map(|found| rulings.found = found.found)
        {
        }
        rulings
    }

    fn try_ask(
        &self,
        counsel: &mut Counsel,
        log: &Arc<str>,
        offer: &Offer,
        now: Timestamp,
    ) -> Result<Examined, Lost> {
        let mut view = View::default();
        for candidate in &offer.commits {
            let Candidate::Commit(commit) = candidate else { continue };
            if self.has(commit.id) {
                view.known.insert(commit.id);
            } else if counsel.knows(&commit.stream) && !view.heads.contains_key(&commit.stream) {
                let head = self.reach(counsel, log, &commit.stream, Version::MAX)?;
                view.heads.insert(commit.stream.clone(), head);
            }
        }
        loop {
            let examined = counsel.examine(log, offer, &view, now)?;
            if examined.wants.is_empty() {
                return Ok(examined);
            }
            for (stream, since) in examined.wants {
                let head = view.heads.get(&stream).map_or(0, |head| head.version);
                let past: &mut Past = view.past.entry(stream.clone()).or_default();
                if head - since > MAX_LOOK_BACK {
                    continue;
                }
                let foot = self.reach(counsel, log, &stream, since)?;
                if foot.version == since {
                    past.feet.insert(since, foot);
                    if past.feet.keys().all(|known| since <= *known) {
                        past.later = self.history(&stream, since).cloned().collect();
                    }
                }
            }
        }
    }

    fn reach(
        &self,
        counsel: &mut Counsel,
        log: &Arc<str>,
        stream: &StreamName,
        to: Version,
    ) -> Result<Foot, Lost> {
        let foot = counsel.nearest(log, stream, to);
        let read: Vec<ConfirmedCommit> = self.history(stream, foot.after()).cloned().collect();
        counsel.fold(log, stream, foot, &read, to)
    }
}
