//! Pushing: pending commits go to the server, and its outcomes are taken in.

use super::{
    Inner,
    news::{News, taken},
    pulling::Session,
};
use crate::{
    commit::{Commit, PendingCommit, Reason},
    log::{Log, store::Store},
    mistake::{Mistake, made},
    sync::{
        machine::{Failure, Input},
        protocol::{MAX_PUSH_BYTES, MAX_PUSH_COMMITS, PROTOCOL, Problem, Push, PushResult, problem},
        transport::{self, Transport},
    },
    version::Position,
};
use std::collections::HashMap;

/// The most bytes of commits in one push: what the server takes, less room for the envelope.
const PUSH_BYTES: usize = MAX_PUSH_BYTES / 4 * 3;

impl<S: Store> Inner<S> {
    pub(super) async fn push(&self, transport: &impl Transport, session: &Session) -> Result<Input, Failure> {
        // what is pushed was decided on what had been confirmed up to this cursor
        let (pending, cursor) = loop {
            let head = self.log.head();
            let mut pending = self.sendable(session.batch.get(), PUSH_BYTES).await?;
            // a commit whose stream is not followed yet waits for the next pull, and what comes after it too
            let here = self.log.followed().here;
            let is_here = |it: &PendingCommit| here.includes(it.commit.stream.as_str());
            let ready = pending.iter().take_while(|it| is_here(it)).count();
            if ready == 0 && !pending.is_empty() {
                return Ok(Input::Pushed { accepted: true });
            }
            pending.truncate(ready);
            if self.log.head().epoch == head.epoch {
                break (pending, head.cursor);
            }
        };
        if pending.is_empty() {
            return Ok(Input::Pushed { accepted: false });
        }
        let (commits, refused) = self.to_send(pending);
        if !refused.is_empty() {
            // what builds on them is decided again before it is sent
            let accepted = self.take_in(&News { refused, ..News::default() }).await?;
            return Ok(Input::Pushed { accepted });
        }
        let producer = self.count(&session.fence, &commits).await?;
        let push = Push {
            protocol: PROTOCOL,
            device_id: producer.id,
            producer: Some(producer),
            cursor: Some(cursor),
            commits,
        };
        let pushed = match transport::push(transport, &push).await {
            Ok(pushed) => pushed,
            Err(failure) if failure.problem.as_deref() == Some(problem::FENCED) => {
                return self.fenced(&session.fence, producer, failure).await;
            }
            Err(failure) if matches!(failure.code, "too-large" | "invalid") => {
                return self.shrink(session, &push, failure).await;
            }
            // the pull that follows finds out where both sides agree
            Err(failure) if failure.is_of_lost_history() => return Ok(Input::Pushed { accepted: false }),
            Err(failure) => return Err(failure),
        };
        self.check_log(&pushed.log_id)?;
        session.fence.passed();
        session.batch.set(MAX_PUSH_COMMITS.min(session.batch.get() * 2));
        let mut news = News::default();
        let (mut accepted, mut closed) = (false, HashMap::new());
        for (outcome, commit) in pushed.outcomes.into_iter().zip(&push.commits) {
            if outcome.generation != commit.generation {
                continue;
            }
            match outcome.result {
                PushResult::Committed { .. } => {
                    accepted = true;
                    if made(Mistake::SettledByPush) {
                        news.superseded.insert(commit.id);
                    }
                }
                PushResult::Duplicate { first_position, .. } => {
                    accepted = true;
                    match self.log.archive().marker(&commit.stream) {
                        // it is in the archive: no pull will ever bring it
                        Some(marker)
                            if first_position <= marker.position && !made(Mistake::ArchivedNotSettled) =>
                        {
                            news.superseded.insert(commit.id);
                        }
                        _ => self.look_back(commit, first_position, &mut news).await?,
                    }
                }
                PushResult::Conflict { .. } => {
                    session.conflicts.borrow_mut().insert(commit.stream.clone());
                }
                PushResult::Rejected { problem } => {
                    if *problem.problem_type == *problem::STREAM_ARCHIVED {
                        closed.insert(&commit.stream, reason(problem.clone()));
                    }
                    news.refused.insert(commit.id, reason(problem));
                }
                // nothing that stands behind it in its stream can ever be taken
                PushResult::Blocked { .. } => {
                    if let Some(reason) = closed.get(&commit.stream) {
                        news.refused.insert(commit.id, reason.clone());
                    }
                }
            }
        }
        if !(news.refused.is_empty() && news.superseded.is_empty()) {
            accepted |= self.take_in(&news).await?;
        }
        Ok(Input::Pushed { accepted })
    }

    /// What the server calls a duplicate will be brought by a pull, unless a pull has brought it already: then its id was given to
    /// a command here although it stood in the log, in another stream, and no pull would ever settle it.
    async fn look_back(&self, own: &Commit, position: Position, news: &mut News) -> Result<(), Failure> {
        let is_here =
            |log: &Log<S>| position <= log.head().position && log.pending_sequence(own.id).is_some();
        if !is_here(&self.log) {
            return Ok(());
        }
        let there = self.log.confirmed_commits(position.saturating_sub(1), 1).await?;
        match there.into_iter().find(|there| there.commit.id == own.id) {
            Some(there) if !self.stands_for(own, &there.commit) => {
                news.refused.insert(own.id, taken(&there.commit));
            }
            Some(_) => {
                news.superseded.insert(own.id);
            }
            None => {}
        }
        Ok(())
    }

    /// The push could not be taken as a whole: try with fewer commits. If one alone is too much and the server says so in the words
    /// of the protocol, it is that one. Whatever stands between and says so may be wrong about every commit: that is waited out.
    async fn shrink(&self, session: &Session, push: &Push, failure: Failure) -> Result<Input, Failure> {
        let count = push.commits.len();
        if count > 1 {
            session.batch.set(count / 2);
            return Ok(Input::Pushed { accepted: true });
        }
        if !matches!(failure.problem.as_deref(), Some(problem::TOO_LARGE | problem::INVALID_REQUEST)) {
            return Err(failure);
        }
        let mut news = News::default();
        for commit in &push.commits {
            let detail = Some(failure.code.into());
            let reason =
                Reason { code: "server".into(), message: failure.message.clone(), detail, builds_on: None };
            news.refused.insert(commit.id, reason);
        }
        session.batch.set(MAX_PUSH_COMMITS);
        let accepted = self.take_in(&news).await?;
        Ok(Input::Pushed { accepted })
    }
}

/// Why the server refused a commit: a rule of the domain counts as if it had refused here.
fn reason(problem: Problem) -> Reason {
    let Problem { problem_type, title, detail, code, .. } = problem;
    let is_rule = *problem_type == *problem::RULE;
    let is_archived = *problem_type == *problem::STREAM_ARCHIVED;
    Reason {
        code: match (is_rule, is_archived) {
            (true, _) => "domain",
            (_, true) => "stream-archived",
            _ => "server",
        }
        .into(),
        message: detail.unwrap_or(title),
        detail: if is_rule { code } else { Some(problem_type.as_ref().into()) },
        builds_on: None,
    }
}
