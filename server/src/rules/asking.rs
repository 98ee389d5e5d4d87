//! Asking the rules about a push: what they have to know of the log is read, as far as they don't know it yet.

use super::{Rules, TRIES};
use crate::{
    log_name::LogName,
    storage::{Offer, Storage, StorageError},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tidelog::{
    authority::{
        Candidate,
        domain::{Foot, Lost, MAX_LOOK_BACK, Past, Ruling, View},
    },
    commit::{Commit, ConfirmedCommit},
    id::CommitId,
    stream::StreamName,
    version::Version,
};

/// About how many bytes of a stream are read and folded at once: 1 MiB.
const AT_ONCE: usize = 1 << 20;

/// Where a stream is read.
struct Place<'a> {
    storage: &'a dyn Storage,
    name: &'a LogName,
    /// What the rules know the log by.
    log: Arc<str>,
}

impl Rules {
    /// What the rules say about the commits of a push; none if states that they had reached were gone before they were asked.
    pub(super) async fn ask(
        &self,
        storage: &dyn Storage,
        name: &LogName,
        offer: &Arc<Offer>,
    ) -> Result<Option<HashMap<CommitId, Ruling>>, StorageError> {
        let place = Place { storage, name, log: name.as_str().into() };
        let commits: Vec<&Commit> =
            offer.commits.iter().filter_map(|it| self.of_interest(offer, it)).collect();
        let ids: Vec<CommitId> = commits.iter().map(|commit| commit.id).collect();
        let mut view = View { known: storage.standing(name, &ids).await?, ..View::default() };
        let new = commits.iter().filter(|commit| !view.known.contains(&commit.id));
        let streams: BTreeSet<&StreamName> = new.map(|commit| &commit.stream).collect();
        for stream in streams {
            let Some(head) = self.reach(&place, stream, Version::MAX).await? else { return Ok(None) };
            view.heads.insert(stream.clone(), head);
        }
        loop {
            let (log, asked, now) = (Arc::clone(&place.log), Arc::clone(offer), self.clock.now());
            let (examined, seen) =
                self.thread.ask(move |counsel| (counsel.examine(&log, &asked, &view, now), view)).await?;
            view = seen;
            let Ok(examined) = examined else { return Ok(None) };
            if examined.wants.is_empty() {
                return Ok(Some(examined.found));
            }
            for (stream, since) in examined.wants {
                let head = view.heads.get(&stream).map_or(0, |head| head.version);
                let past = view.past.entry(stream.clone()).or_default();
                if self.look_back(&place, &stream, (since, head), past).await?.is_err() {
                    return Ok(None);
                }
            }
        }
    }

    /// What the rules have a say in; the judge sees to what may not be written.
    fn of_interest<'o>(&self, offer: &Offer, candidate: &'o Candidate) -> Option<&'o Commit> {
        match candidate {
            Candidate::Commit(commit) => {
                let is_ours = offer.rulings.concern(commit);
                (is_ours && offer.rights.write.includes(commit.stream.as_str())).then_some(&**commit)
            }
            Candidate::Malformed(_) => None,
        }
    }

    /// Lets the rules get to a version of a stream, or to its end: where they are then.
    async fn reach(
        &self,
        place: &Place<'_>,
        stream: &StreamName,
        to: Version,
    ) -> Result<Option<Foot>, StorageError> {
        if to == 0 {
            return Ok(Some(Foot::default()));
        }
        for _ in 0..TRIES {
            let (log, its) = (Arc::clone(&place.log), stream.clone());
            let mut foot = self.thread.ask(move |counsel| counsel.nearest(&log, &its, to)).await?;
            loop {
                let read = place.storage.history(place.name, stream, foot.after(), AT_ONCE).await?;
                let (log, its) = (Arc::clone(&place.log), stream.clone());
                let commits = read.commits;
                let is_beyond = commits.iter().any(|it| it.first_version + it.commit.count() > to);
                let next =
                    self.thread.ask(move |counsel| counsel.fold(&log, &its, foot, &commits, to)).await?;
                match next {
                    Ok(next) if read.is_end || is_beyond || next.version >= to => return Ok(Some(next)),
                    Ok(next) => foot = next,
                    Err(Lost) => break,
                }
            }
        }
        Ok(None)
    }

    /// Reads what stood at a version of a stream, and what came after it.
    async fn look_back(
        &self,
        place: &Place<'_>,
        stream: &StreamName,
        (since, head): (Version, Version),
        past: &mut Past,
    ) -> Result<Result<(), Lost>, StorageError> {
        if head.saturating_sub(since) > MAX_LOOK_BACK {
            return Ok(Ok(()));
        }
        let Some(foot) = self.reach(place, stream, since).await? else { return Ok(Err(Lost)) };
        if foot.version != since {
            return Ok(Ok(()));
        }
        past.feet.insert(since, foot);
        if past.feet.keys().all(|known| since <= *known) {
            past.later = place.later(stream, since, head).await?;
        }
        Ok(Ok(()))
    }
}

impl Place<'_> {
    /// The commits of a stream beyond a version, to another one.
    async fn later(
        &self,
        stream: &StreamName,
        since: Version,
        to: Version,
    ) -> Result<Vec<ConfirmedCommit>, StorageError> {
        let (mut later, mut after) = (Vec::new(), since);
        loop {
            let read = self.storage.history(self.name, stream, after, AT_ONCE).await?;
            after = read.commits.last().map_or(after, |it| it.first_version);
            later.extend(read.commits.into_iter().filter(|it| it.first_version <= to));
            if read.is_end || after >= to {
                return Ok(later);
            }
        }
    }
}
