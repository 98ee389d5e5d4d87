//! Whoever is asked about pushes: the rules, and the states that they need to know.

use super::{
    Domain, Foot, Lost, MAX_STATES, Ruling,
    account::{Before, Ground, fold},
    ruling::Objection,
    states::{Folded, States},
};
use crate::{
    aggregate::Decider,
    authority::{Candidate, Offer},
    commit::{Commit, ConfirmedCommit},
    event::RecordedEvent,
    id::CommitId,
    stream::StreamName,
    sync::protocol::MAX_PUSH_COMMITS,
    time::Timestamp,
    upcast::Decoder,
    version::Version,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

/// The rules of a domain, with a bounded memory of states. It belongs to one thread.
///
/// It reads no log itself. For each stream that a push touches, go from the [nearest](Self::nearest) state that it knows to the end of the
/// stream, [folding](Self::fold) what comes; then have the push [examined](Self::examine).
pub struct Counsel {
    domain: Domain,
    decoder: Decoder,
    strict: Decoder,
    states: States,
}

/// What is known of a log about a push.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Which of its commits stand in the log.
    pub known: HashSet<CommitId>,
    /// Where each of its streams ends.
    pub heads: HashMap<StreamName, Foot>,
    /// What was asked for by an earlier examination of the same push.
    pub past: HashMap<StreamName, Past>,
}

/// What stood in a stream before.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Where the versions that were asked for stand; those are left out at which no commit ends, or which are too far back.
    pub feet: HashMap<Version, Foot>,
    /// The commits after the lowest of them, to the end of the stream.
    pub later: Vec<ConfirmedCommit>,
}

/// What came of an examination.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// What the rules say.
    pub found: HashMap<CommitId, Ruling>,
    /// What the past has to be known of first; if there is any, examine again with it.
    pub wants: BTreeSet<(StreamName, Version)>,
}

/// A stream while a push is looked at.
struct Course {
    decider: Rc<dyn Decider>,
    /// The version that the log has.
    head: Version,
    version: Version,
    state: Folded,
    /// Commits of this push that would stand there, with the versions of their first events.
    taken: Vec<(Version, usize)>,
    /// What comes after can't land, or waits.
    is_closed: bool,
    /// The past has to be known first.
    waits: bool,
}

impl Counsel {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(domain: Domain) -> Self {
        let (decoder, strict) = domain.decoders();
        // one push may touch so many streams, and look at one earlier state of each
        let states = States::new(domain.states.unwrap_or(MAX_STATES).max(2 * MAX_PUSH_COMMITS));
        Self { domain, decoder, strict, states }
    }

    /// The aggregates that there are rules for.
    #[must_use]
    pub fn names(&self) -> Arc<[Arc<str>]> {
        self.domain.names().into()
    }

    /// Whether there are rules for a stream.
    #[must_use]
    pub fn knows(&self, stream: &StreamName) -> bool {
        self.domain.registry.get(stream.aggregate()).is_some()
    }

    /// Where the nearest state at or below a version stands that is known of a stream.
    pub fn nearest(&mut self, log: &Arc<str>, stream: &StreamName, to: Version) -> Foot {
        self.states.nearest(log, stream, to).unwrap_or_default()
    }

    /// Takes in what was read of a stream [after](Foot::after) a foot, up to a version: where it stands then. A commit that goes beyond that
    /// version ends it.
    ///
    /// # Errors
    /// [`Lost`] if the state that the foot names is not there any more.
    pub fn fold(
        &mut self,
        log: &Arc<str>,
        stream: &StreamName,
        mut foot: Foot,
        read: &[ConfirmedCommit],
        to: Version,
    ) -> Result<Foot, Lost> {
        let Some(decider) = self.domain.registry.get(stream.aggregate()).cloned() else { return Err(Lost) };
        let Ok(new) = foot.check(read) else {
            self.states.forget(log, stream);
            return Err(Lost);
        };
        let mut state = self.state(log, stream, &decider, &foot)?;
        let mut next = foot;
        for it in new.iter().take_while(|it| it.first_version + it.commit.count() - 1 <= to) {
            let Some(behind) = next.step(it) else {
                self.states.forget(log, stream);
                return Err(Lost);
            };
            let recorded = Some((it.first_position, it.recorded_at));
            let events = RecordedEvent::of_commit(it.commit.clone(), it.first_version, recorded).collect();
            state = state.and_then(|state| fold(&*decider, &self.decoder, state, events));
            next = behind;
        }
        if next.version > foot.version {
            if to == Version::MAX {
                self.states.drop_one(log, stream, foot.version);
            }
            self.states.put(log, stream, &next, state);
        }
        Ok(next)
    }

    fn state(
        &mut self,
        log: &Arc<str>,
        stream: &StreamName,
        decider: &Rc<dyn Decider>,
        foot: &Foot,
    ) -> Result<Folded, Lost> {
        if foot.version == 0 {
            return Ok(decider.initial().map_err(|error| error.to_string()));
        }
        self.states.get(log, stream, foot).ok_or(Lost)
    }

    /// Looks at the commits of a push, in order, each on top of those before it.
    ///
    /// # Errors
    /// [`Lost`] if a state that was reached is not there any more: reach it again.
    pub fn examine(
        &mut self,
        log: &Arc<str>,
        offer: &Offer,
        view: &View,
        now: Timestamp,
    ) -> Result<Examined, Lost> {
        let (mut examined, mut courses) = (Examined::default(), HashMap::new());
        let mut seen = HashSet::new();
        for (index, candidate) in offer.commits.iter().enumerate() {
            let Candidate::Commit(commit) = candidate else { continue };
            let stream = &commit.stream;
            // what the judge says no to without the rules
            let is_of_interest = self.knows(stream) && offer.rights.write.includes(stream.as_str());
            if !seen.insert(commit.id) || !is_of_interest || view.known.contains(&commit.id) {
                continue;
            }
            if !courses.contains_key(stream) {
                courses.insert(stream.clone(), self.course(log, stream, view)?);
            }
            let Some(course) = courses.get_mut(stream) else { continue };
            if let Some(since) = course.since(commit).filter(|_| course.waits) {
                examined.wants.insert((stream.clone(), since));
            }
            if course.is_closed {
                continue;
            }
            if !commit.expected_version.is_met_by(course.version) || commit.check().is_err() {
                course.is_closed = true;
                continue;
            }
            let version = course.version;
            match self.rule(log, commit, course, offer, view, now)? {
                Verdict::Wants(since) => {
                    examined.wants.insert((stream.clone(), since));
                    (course.is_closed, course.waits) = (true, true);
                }
                Verdict::Ruled(objection) => {
                    let objection = objection.or_else(|| self.take(commit, index, course));
                    course.is_closed = objection.is_some();
                    let objection = objection.map(Into::into);
                    examined.found.insert(commit.id, Ruling { version, objection });
                }
            }
        }
        Ok(examined)
    }

    /// Lets a stream go on by a commit. One that leaves it without a state would leave everybody without.
    fn take(&self, commit: &Commit, index: usize, course: &mut Course) -> Option<Objection> {
        if let Ok(state) = course.state.clone() {
            let events = RecordedEvent::of_commit(commit.clone(), course.version + 1, None).collect();
            match fold(&*course.decider, &self.decoder, state, events) {
                Ok(state) => course.state = Ok(state),
                Err(why) => return Some(Objection::NotDecided(why)),
            }
        }
        course.taken.push((course.version + 1, index));
        course.version += commit.count();
        None
    }

    fn course(&mut self, log: &Arc<str>, stream: &StreamName, view: &View) -> Result<Course, Lost> {
        let decider = self.domain.registry.get(stream.aggregate()).cloned().ok_or(Lost)?;
        let head = *view.heads.get(stream).ok_or(Lost)?;
        let state = self.state(log, stream, &decider, &head)?;
        let (head, taken) = (head.version, vec![]);
        Ok(Course { decider, head, version: head, state, taken, is_closed: false, waits: false })
    }

    fn rule(
        &mut self,
        log: &Arc<str>,
        commit: &Commit,
        course: &Course,
        offer: &Offer,
        view: &View,
        now: Timestamp,
    ) -> Result<Verdict, Lost> {
        let Some(command) = &commit.command else {
            let why = || Objection::NotDecided("it was appended without a command".into());
            return Ok(Verdict::Ruled((!self.domain.takes_appends).then(why)));
        };
        let objection = self.too_late(commit, now).or_else(|| self.of_another(commit, offer));
        if let Some(objection) = objection {
            return Ok(Verdict::Ruled(Some(objection)));
        }
        let since = course.since(commit);
        let past = since.and_then(|since| Some((since, view.past.get(&commit.stream)?)));
        let state = match past.and_then(|(since, past)| Some((since, past.feet.get(&since)?))) {
            Some((0, _)) => Some(course.decider.initial().map_err(|error| error.to_string())),
            Some((_, foot)) => Some(self.states.get(log, &commit.stream, foot).ok_or(Lost)?),
            None => None,
        };
        let before = past.zip(state).map(|((since, past), state)| {
            let stood = past.later.iter().map(|it| (it.first_version, &it.commit));
            let taken = course.taken.iter().filter_map(|(version, index)| match offer.commits.get(*index) {
                Some(Candidate::Commit(commit)) => Some((*version, &**commit)),
                _ => None,
            });
            let later = stood.chain(taken).filter(|(version, _)| *version > since).collect();
            Before { state, later }
        });
        let ground = Ground {
            decider: &*course.decider,
            decoder: &self.decoder,
            strict: &self.strict,
            version: course.version,
            state: &course.state,
        };
        Ok(match (ground.account(commit, command, before.as_ref()), since) {
            (Ok(()), _) => Verdict::Ruled(None),
            // it may come out the same with what it knew
            (Err(_), Some(since)) if past.is_none() => Verdict::Wants(since),
            (Err(objection), _) => Verdict::Ruled(Some(objection)),
        })
    }

    /// Whether somebody else is named than whoever pushes it.
    fn of_another(&self, commit: &Commit, offer: &Offer) -> Option<Objection> {
        let is_own = commit.metadata.actor.as_deref() == offer.subject.as_deref();
        (self.domain.binds_actors && !is_own).then(|| {
            Objection::NotDecided(
                "it was decided on behalf of another than the one whose token it comes with".into(),
            )
        })
    }

    /// Whether it says that it was decided later than can be.
    fn too_late(&self, commit: &Commit, now: Timestamp) -> Option<Objection> {
        let ahead = commit.metadata.occurred_at.millis().saturating_sub(now.millis());
        let most = self.domain.clock_ahead?;
        (i128::from(ahead) > i128::try_from(most.as_millis()).unwrap_or(i128::MAX)).then(|| {
            let most = most.as_millis();
            let why =
                format!("it was decided {ahead} ms after the server's clock, and {most} ms are allowed");
            Objection::NotDecided(why)
        })
    }
}

impl Course {
    /// What a rebased commit was decided on before, if the log has it.
    fn since(&self, commit: &Commit) -> Option<Version> {
        commit.since.filter(|since| commit.generation > 0 && *since <= self.head)
    }
}

enum Verdict {
    Ruled(Option<Objection>),
    Wants(Version),
}
