//! What becomes of each commit of a push: a pure function over what the log holds.
//!
//! Every storage reads the [`Facts`] under the log's write lock, asks [`judge`], and writes what it accepted in the same
//! transaction. So the rules stand here once, whatever the database.
//!
//! Invariant: a commit is told by its id and an event by its id, never by what they say.
//!
//! Invariant: what the log holds of streams that the client may neither read nor write has no influence on an answer, but for one
//! thing: an id that is taken there can't be given once more. Neither answer to that says where it is taken, or by whom.

use super::{
    Rights,
    candidate::Candidate,
    domain::{Overtaken, Rulings},
};
use crate::{
    commit::{Commit, ConfirmedCommit},
    event::Event,
    id::{CommitId, EventId},
    mistake::{Mistake, made},
    stream::StreamName,
    sync::protocol::{Archived, Problem, PushOutcome, PushResult, problem},
    time::Timestamp,
    version::{ExpectedVersion, MAX_SAFE_INTEGER, Position, Version},
};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Where a commit stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its stream.
    pub stream: StreamName,
    /// The version of its first event.
    pub first_version: Version,
    /// The position of its first event.
    pub first_position: Position,
}

/// What the log holds, as far as a push asks.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The position of the last event; 0 if there is none.
    pub position: Position,
    /// The pushed commits that stand in the log already.
    pub commits: HashMap<CommitId, Standing>,
    /// The pushed events that stand in the log already; those of commits that may not be written need not be looked up.
    pub events: HashSet<EventId>,
    /// The versions of the streams pushed to, of those that may be written to; a missing one is 0.
    pub versions: HashMap<StreamName, Version>,
    /// The markers of those that were archived.
    pub archived: HashMap<StreamName, Archived>,
}

/// What becomes of a push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// One outcome per commit, in the same order, with nothing in `missing` yet.
    pub outcomes: Vec<PushOutcome>,
    /// The commits to write, in the order of their positions, which follow the log's last one without a gap.
    pub accepted: Vec<ConfirmedCommit>,
    /// The outcomes that `missing` has to be read for.
    pub conflicts: Vec<Behind>,
}

/// A commit that was decided on too low a version of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Its place among the outcomes.
    pub outcome: usize,
    /// Its stream.
    pub stream: StreamName,
    /// The version that it was decided on.
    pub version: Version,
}

/// Judges the commits of a push in order, each one on top of those accepted before it, as pushed by whoever has these rights, and
/// as the rules of the domain say.
///
/// # Errors
/// [`Overtaken`] if a commit would land where the rules were not asked about it: nothing may be written then.
pub fn judge(
    facts: Facts,
    candidates: Vec<Candidate>,
    rights: &Rights,
    rulings: &Rulings,
    recorded_at: Timestamp,
) -> Result<Judgement, Overtaken> {
    let mut bench = Bench {
        facts,
        rights,
        rulings,
        recorded_at,
        refused: Refused::default(),
        unforeseen: HashSet::new(),
        judgement: Judgement::default(),
    };
    for candidate in candidates {
        let (id, generation) = (candidate.id(), candidate.generation());
        let result = bench.try_one(candidate)?;
        bench.judgement.outcomes.push(PushOutcome { id, generation, result, missing: Vec::new() });
    }
    Ok(bench.judgement)
}

struct Bench<'a> {
    facts: Facts,
    rights: &'a Rights,
    rulings: &'a Rulings,
    recorded_at: Timestamp,
    refused: Refused,
    /// Streams of commits that the rules took for new and that stand in the log by now: what comes after them was looked at on something else.
    unforeseen: HashSet<StreamName>,
    judgement: Judgement,
}

impl Bench<'_> {
    fn try_one(&mut self, candidate: Candidate) -> Result<PushResult, Overtaken> {
        let id = candidate.id();
        if let Some(&Standing { ref stream, first_version, first_position }) = self.facts.commits.get(&id)
            && self.rights.know(stream)
            && !made(Mistake::NoDedupe)
        {
            if let Candidate::Commit(commit) = &candidate
                && self.rulings.found.contains_key(&id)
                && !self.judgement.accepted.iter().any(|accepted| accepted.commit.id == id)
            {
                self.unforeseen.insert(commit.stream.clone());
            }
            return Ok(PushResult::Duplicate { first_version, first_position });
        }
        if let Some(by) = self.refused.root_of(&candidate)
            && !made(Mistake::NothingBlocked)
        {
            self.refused.add(&candidate, by);
            return Ok(PushResult::Blocked { by });
        }
        let (candidate, refusal) = match candidate {
            Candidate::Commit(commit) => match self.objection_to(&commit)? {
                None => return Ok(self.accept(*commit)),
                Some(refusal) => (Candidate::Commit(commit), refusal),
            },
            Candidate::Malformed(malformed) => {
                let refusal = rejected(problem::INVALID_COMMIT, malformed.detail.clone());
                (Candidate::Malformed(malformed), refusal)
            }
        };
        self.refused.add(&candidate, id);
        Ok(refusal)
    }

    /// Why the commit can't be accepted; none if it can.
    fn objection_to(&mut self, commit: &Commit) -> Result<Option<PushResult>, Overtaken> {
        if let Some(refusal) = self.formal_objection_to(commit) {
            return Ok(Some(refusal));
        }
        if made(Mistake::RulesNotAsked) {
            return Ok(None);
        }
        // what the rules were not asked about would make up for these
        if made(Mistake::NoDedupe) || made(Mistake::NoVersionCheck) {
            let ruling = self.rulings.found.get(&commit.id);
            let problem = ruling.and_then(|ruling| ruling.objection.clone());
            return Ok(problem.map(|problem| PushResult::Rejected { problem }));
        }
        if self.unforeseen.contains(&commit.stream) {
            return Err(Overtaken);
        }
        let problem = self.rulings.on(commit, self.version_of(&commit.stream))?;
        Ok(problem.map(|problem| PushResult::Rejected { problem }))
    }

    fn formal_objection_to(&mut self, commit: &Commit) -> Option<PushResult> {
        if !self.rights.write.includes(commit.stream.as_str()) {
            let detail = format!("the token does not allow writing to stream {}", commit.stream);
            return Some(rejected(problem::FORBIDDEN, detail));
        }
        if let Err(error) = commit.check() {
            return Some(rejected(problem::INVALID_COMMIT, error.to_string()));
        }
        // Where it stands is not for this client to know.
        if self.facts.commits.contains_key(&commit.id) && !made(Mistake::NoDedupe) {
            let detail = format!("the id {} of the commit can't be used", commit.id);
            return Some(rejected(problem::FORBIDDEN, detail));
        }
        let is_known = |event: &&Event| self.facts.events.contains(&event.id) && !made(Mistake::NoDedupe);
        if let Some(event) = commit.events.iter().find(is_known) {
            let detail = format!("event {} stands in the log already, in another commit", event.id);
            return Some(rejected(problem::DUPLICATE_EVENT, detail));
        }
        let marker = self.facts.archived.get(&commit.stream);
        if let Some(marker) = marker.filter(|_| !made(Mistake::ArchivedTakesMore)) {
            let may_read = self.rights.read.includes(commit.stream.as_str());
            return Some(archived(marker, may_read));
        }
        let actual = self.version_of(&commit.stream);
        let expected = commit.expected_version;
        let is_met = expected.is_met_by(actual) || made(Mistake::NoVersionCheck);
        if !is_met && !self.rights.read.includes(commit.stream.as_str()) {
            let detail = format!(
                "stream {} is at version {actual} and not as expected ({expected}), and the token does not allow reading what the \
                 commit would have to be decided on",
                commit.stream
            );
            return Some(rejected(problem::FORBIDDEN, detail));
        }
        if !is_met {
            self.note_missing(commit, actual);
            return Some(PushResult::Conflict { expected, actual });
        }
        // The log's last position bounds the version of every stream in it.
        if self.facts.position + commit.count() > MAX_SAFE_INTEGER {
            let detail = format!("the log is full: a position above {MAX_SAFE_INTEGER} is not safe in JSON");
            return Some(rejected(problem::INVALID_COMMIT, detail));
        }
        None
    }

    fn note_missing(&mut self, commit: &Commit, actual: Version) {
        let version = match commit.expected_version {
            ExpectedVersion::Exact(version) => version,
            ExpectedVersion::None => 0,
            ExpectedVersion::Any | ExpectedVersion::Exists => return,
        };
        if version < actual {
            let (outcome, stream) = (self.judgement.outcomes.len(), commit.stream.clone());
            self.judgement.conflicts.push(Behind { outcome, stream, version });
        }
    }

    fn accept(&mut self, commit: Commit) -> PushResult {
        let version = self.version_of(&commit.stream);
        let (first_version, first_position) = (version + 1, self.facts.position + 1);
        self.facts.position += commit.count();
        self.facts.versions.insert(commit.stream.clone(), version + commit.count());
        let stream = commit.stream.clone();
        self.facts.commits.insert(commit.id, Standing { stream, first_version, first_position });
        self.facts.events.extend(commit.events.iter().map(|event| event.id));
        let recorded_at = self.recorded_at;
        self.judgement.accepted.push(ConfirmedCommit { first_version, first_position, recorded_at, commit });
        PushResult::Committed { first_version, first_position }
    }

    fn version_of(&self, stream: &StreamName) -> Version {
        self.facts.versions.get(stream).copied().unwrap_or(0)
    }
}

/// What the commits of this push that were not accepted leave behind: whatever builds on them has to wait.
/// Each entry leads to the commit at the root, which was refused for itself.
#[derive(Default)]
struct Refused {
    streams: HashMap<Box<str>, CommitId>,
    messages: HashMap<Uuid, CommitId>,
}

impl Refused {
    /// The refused commit that this one builds on: by its stream, by what caused it, or as another copy of the same.
    fn root_of(&self, candidate: &Candidate) -> Option<CommitId> {
        let by_stream = candidate.stream().and_then(|stream| self.streams.get(stream));
        let by_cause = candidate.causation_id().and_then(|cause| self.messages.get(&cause));
        by_stream.or(by_cause).or_else(|| self.messages.get(&candidate.id().0)).copied()
    }

    fn add(&mut self, candidate: &Candidate, root: CommitId) {
        if let Some(stream) = candidate.stream() {
            self.streams.entry(stream.into()).or_insert(root);
        }
        for message in std::iter::once(candidate.id().0).chain(candidate.event_ids()) {
            self.messages.entry(message).or_insert(root);
        }
    }
}

/// A stream that was archived is closed.
fn archived(marker: &Archived, may_read: bool) -> PushResult {
    let detail = format!(
        "stream {} was archived at version {}, and takes no more events",
        marker.stream, marker.version
    );
    let mut problem = problem_of(problem::STREAM_ARCHIVED, detail);
    problem.marker = may_read.then(|| Box::new(marker.clone()));
    PushResult::Rejected { problem }
}

fn rejected(problem_type: &str, detail: String) -> PushResult {
    PushResult::Rejected { problem: problem_of(problem_type, detail) }
}

fn problem_of(problem_type: &str, detail: String) -> Problem {
    let title = match problem_type {
        problem::DUPLICATE_EVENT => "An event of the commit stands in the log already",
        problem::FORBIDDEN => "The token does not allow this",
        problem::STREAM_ARCHIVED => "The stream was archived",
        _ => "The commit breaks a rule of the protocol",
    };
    Problem {
        problem_type: problem_type.into(),
        title: title.to_owned(),
        status: None,
        detail: Some(detail),
        code: None,
        supported: None,
        gone: None,
        marker: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn commit(id: u128, stream: &str, expected: ExpectedVersion, events: u128) -> Commit {
        let event = |n| {
            let id = Uuid::from_u128((id << 32) + n);
            format!(r#"{{"id":"{id}","type":"LessonCompleted","data":null}}"#)
        };
        let events: Vec<_> = (0..events).map(event).collect();
        let (id, zero, expected) = (Uuid::from_u128(id), Uuid::nil(), Json::of(&expected).unwrap());
        let text = format!(
            r#"{{"id":"{id}","stream":"{stream}","expectedVersion":{},"events":[{}],"metadata":
               {{"correlationId":"{zero}","deviceId":"{zero}","sessionId":"{zero}","occurredAt":0}}}}"#,
            expected.as_str(),
            events.join(",")
        );
        serde_json::from_str(&text).unwrap()
    }

    fn judged(facts: Facts, commits: &[Commit]) -> Judgement {
        let candidates = commits.iter().cloned().map(|commit| Candidate::Commit(Box::new(commit)));
        judge(facts, candidates.collect(), &Rights::default(), &Rulings::default(), NOW).unwrap()
    }

    #[test]
    fn positions_end_where_json_ends() {
        let facts = Facts { position: MAX_SAFE_INTEGER - 2, ..Facts::default() };
        let commits = [
            commit(1, "course-1", ExpectedVersion::Any, 3),
            commit(2, "course-2", ExpectedVersion::Any, 2),
            commit(3, "course-3", ExpectedVersion::Any, 1),
        ];
        let Judgement { outcomes, accepted, .. } = judged(facts, &commits);
        assert!(matches!(&outcomes[0].result, PushResult::Rejected { problem }
            if *problem.problem_type == *problem::INVALID_COMMIT
            && problem.detail.as_ref().is_some_and(|detail| detail.contains("log is full"))));
        assert_eq!(accepted.len(), 1);
        assert_eq!(accepted[0].last_position(), MAX_SAFE_INTEGER);
        assert!(matches!(outcomes[2].result, PushResult::Rejected { .. }));
    }

    #[test]
    fn only_a_writer_behind_is_missing_something() {
        let course: StreamName = StreamName::parse("course-1").unwrap();
        let cases = [
            (ExpectedVersion::Exact(2), 5, Some(2)),
            (ExpectedVersion::None, 5, Some(0)),
            (ExpectedVersion::Exact(7), 5, None), // it knows more than the log: the server lost something
            (ExpectedVersion::Exists, 0, None),
        ];
        for (expected, actual, missing_after) in cases {
            let versions = HashMap::from([(course.clone(), actual)]);
            let judgement =
                judged(Facts { versions, ..Facts::default() }, &[commit(1, "course-1", expected, 1)]);
            assert_eq!(judgement.outcomes[0].result, PushResult::Conflict { expected, actual });
            let behind = missing_after.map(|version| Behind { outcome: 0, stream: course.clone(), version });
            assert_eq!(judgement.conflicts, behind.into_iter().collect::<Vec<_>>(), "{expected}");
            assert_eq!(judgement.accepted, []);
        }
    }

    #[test]
    fn what_the_rules_have_not_seen_where_it_lands_is_not_judged() {
        use crate::authority::domain::Ruling;
        let course: StreamName = StreamName::parse("course-1").unwrap();
        let commits = [
            commit(1, "course-1", ExpectedVersion::Any, 1),
            commit(2, "course-1", ExpectedVersion::Exact(4), 1),
        ];
        let candidates: Vec<_> =
            commits.iter().map(|commit| Candidate::Commit(Box::new(commit.clone()))).collect();
        let seen = |versions: [Version; 2]| {
            let found = commits.iter().zip(versions);
            let found = found.map(|(commit, version)| (commit.id, Ruling { version, objection: None }));
            Rulings { aggregates: ["course".into()].into(), found: found.collect() }
        };
        let facts = || Facts { versions: HashMap::from([(course.clone(), 3)]), ..Facts::default() };
        let judged =
            |facts, rulings: &Rulings| judge(facts, candidates.clone(), &Rights::default(), rulings, NOW);
        assert_eq!(judged(facts(), &seen([3, 4])).unwrap().accepted.len(), 2);
        assert_eq!(judged(facts(), &seen([2, 3])), Err(Overtaken), "the stream has grown meanwhile");
        let unseen = Rulings { found: HashMap::new(), ..seen([3, 4]) };
        assert_eq!(judged(facts(), &unseen), Err(Overtaken));
        assert_eq!(
            judged(facts(), &Rulings { aggregates: ["exam".into()].into(), ..unseen })
                .unwrap()
                .accepted
                .len(),
            2
        );
        // the first one stands there by now: the second one fits by its number, and was not looked at on that
        let mut moved = facts();
        moved.versions.insert(course.clone(), 4);
        let standing = Standing { stream: course.clone(), first_version: 4, first_position: 4 };
        moved.commits.insert(commits[0].id, standing);
        assert_eq!(judged(moved.clone(), &seen([3, 4])), Err(Overtaken));
        let told = Rulings {
            found: seen([3, 4]).found.into_iter().filter(|(id, _)| *id == commits[1].id).collect(),
            ..seen([3, 4])
        };
        assert_eq!(judged(moved, &told).unwrap().accepted.len(), 1);
    }
}
