//! Following some of the server's streams: which a pull asks for, and fetching the past of those that came to be followed.
//!
//! ```text
//!                    cursor of what is here
//!   followed  ──────────────────┤►  pages with new commits
//!   added     ──────┤►  pages with the past, until it meets ──┤
//! ```
//!
//! 1. What is here is here up to one cursor. A pull never asks for more, so that no stream gets a hole.
//! 2. Streams that came to be followed are fetched from the beginning, beside it, up to that cursor. The last page of that is asked for
//!    together with all others, so both end at one place. From then on there is one cursor again.
//! 3. What is fetched goes where the server has it, by its position, some pages in one write with the place up to which it was fetched.
//! 4. A stream with a pending commit is followed as long as it has one: a commit is confirmed, or decided again, by what is pulled.
//! 5. Where the rights of the client changed nobody can say which streams are new: all are fetched again, and what is here is passed over.

use super::{Engine, Inner, ReadError, driver::Message, news::News, pulling::Session};
use crate::{
    log::{
        Fetching, Followed, Head, LogError, Stretch,
        store::{Store, Table, Write},
    },
    mistake::{Mistake, made},
    snapshot::row::prefix,
    stream::StreamName,
    streams::Streams,
    sync::{
        follow::{Follow, fits},
        machine::{Failure, Input},
        protocol::Page,
        transport::Transport,
    },
};
use std::sync::Arc;

/// After so many pages what was fetched is written.
const PAGES: usize = 16;
/// After so many events what was fetched is written.
const EVENTS: usize = 8_000;
/// How many commits that are next to be pushed are looked at for their streams.
const NEXT: usize = 256;

/// What a pull asks for.
pub(super) struct Course {
    /// The streams of a page after the cursor.
    pub(super) asked: Streams,
    /// The streams that shall be followed, if the past of some has to be fetched.
    pub(super) fetches: Option<Streams>,
}

/// What was fetched of the past.
pub(super) struct Fetched {
    /// What was here when fetching began.
    base: Followed,
    /// What is here with it.
    here: Streams,
    scope: Option<Arc<str>>,
    fetching: Option<Fetching>,
    stretches: Vec<Stretch>,
}

impl<S: Store> Engine<S> {
    /// From now on these streams are followed, in all tabs: what is new among them is fetched from its beginning, what is no longer
    /// followed stops arriving. It is durable when this resolves; [`SyncStatus::fetching`](super::SyncStatus::fetching) tells when
    /// all is here. Without a server nothing changes.
    ///
    /// # Errors
    /// [`ReadError::Log`] if storage fails.
    pub async fn follow(&self, follow: Follow) -> Result<(), ReadError> {
        self.inner.check_open()?;
        if self.inner.log.follow(follow.streams().clone(), follow.forgets()).await? {
            self.inner.wrote(Some(vec![]));
            if !self.inner.driver.want() {
                self.inner.tell(Message::Wanted);
            }
        }
        Ok(())
    }
}

impl<S: Store> Inner<S> {
    /// What the app wants to follow, and the streams of its process managers, without whose notes a process would not know what it has
    /// done.
    pub(super) fn wanted_streams(&self, followed: &Followed) -> Streams {
        let names = self.processes.iter().map(|process| process.name());
        let own = Streams::of(names).unwrap_or_default();
        if self.processes.is_empty() { followed.wanted.clone() } else { followed.wanted.with(&own) }
    }

    /// What the next pull asks for.
    pub(super) async fn course(
        &self,
        head: &Head,
        followed: &Followed,
        rights_changed: bool,
    ) -> Result<Course, Failure> {
        let mut target = self.wanted_streams(followed);
        let wanted = target.clone();
        if head.pending_commits > 0 && !target.covers(&Streams::all()) {
            for pending in self.sendable(NEXT, usize::MAX).await? {
                target = with_room(target, &pending.commit.stream);
            }
            for stream in self.log.pending_streams() {
                target = with_room(target, &stream);
            }
        }
        if head.cursor.0.is_empty() || !rights_changed && followed.here.covers(&target) {
            return Ok(Course { asked: target, fetches: None });
        }
        if made(Mistake::PastNotFetched) {
            return Ok(Course { asked: target, fetches: None });
        }
        if let Some(fetching) = &followed.fetching
            && fetching.streams.covers(&wanted)
        {
            // what came to be wanted meanwhile waits: else it would begin again and again
            target.clone_from(&fetching.streams);
        }
        Ok(Course { asked: followed.here.clone(), fetches: Some(target) })
    }

    /// Whether the past of streams is being fetched.
    pub(super) fn is_fetching(&self) -> bool {
        let followed = self.log.followed();
        !self.log.head().cursor.0.is_empty() && !followed.here.covers(&self.wanted_streams(&followed))
    }

    /// The streams of which news are to be told as they come: without those that are followed for what is pending alone, so that the
    /// connection outlasts them.
    pub(super) fn listened_streams(&self) -> Streams {
        let followed = self.log.followed();
        let wanted = self.wanted_streams(&followed);
        if followed.here.covers(&wanted) { wanted } else { followed.here }
    }

    /// Fetches some pages of the past of streams that shall be followed, and takes them in.
    pub(super) async fn fetch_past(
        &self,
        transport: &impl Transport,
        session: &Session,
        target: Streams,
    ) -> Result<Input, Failure> {
        let (head, base) = (self.log.head(), self.log.followed());
        let rights = session.rights.borrow().clone();
        // with other rights, only what was begun with the same ones goes on
        let goes_on = |it: &&Fetching| {
            it.streams == target
                && rights.as_ref().is_none_or(|rights| it.added == target && it.scope == *rights)
        };
        let mut fetching = match (base.fetching.as_ref().filter(goes_on), &rights) {
            (Some(fetching), _) => fetching.clone(),
            (None, Some(_)) => {
                Fetching { streams: target.clone(), added: target.clone(), ..Fetching::default() }
            }
            (None, None) => {
                let added = target.without(&base.here);
                let cursor = self.log.cursor_before(&added);
                Fetching { streams: target.clone(), added, scope: None, cursor }
            }
        };
        // where none is known yet, that of the first page counts
        let mut is_first = base.fetching.as_ref() != Some(&fetching);
        let mut asked = fetching.added.clone();
        if !self.log.archive().cursor.0.is_empty() {
            // those of streams that were not followed were left out
            self.learn_archived(transport, &target, true).await?;
        }
        let (mut stretches, mut commits, mut events) = (Vec::new(), Vec::new(), 0);
        let mut is_met = false;
        while !is_met && stretches.len() < PAGES && events < EVENTS {
            let page = match self.pull_page(transport, &fetching.cursor, &asked).await {
                // the next pull finds out what is left
                Err(failure) if failure.is_of_lost_history() || failure.is_of_archived() => {
                    return Ok(self.again(session));
                }
                page => page?,
            };
            self.check_log(&page.log_id)?;
            let scope: Option<Arc<str>> = page.scope.as_deref().map(Into::into);
            let expected = match (is_first, &rights) {
                (true, Some(rights)) => rights,
                (true, None) => &base.scope,
                (false, _) => &fetching.scope,
            };
            if scope != *expected {
                *session.rights.borrow_mut() = Some(scope);
                return Ok(self.again(session));
            }
            is_first = false;
            fetching.scope = scope;
            if page.cursor > head.cursor && asked != target {
                // beyond what is here: from here on together with all others
                asked.clone_from(&target);
                continue;
            }
            is_met = page.cursor >= head.cursor || made(Mistake::PastCutShort);
            if !is_met && (page.up_to_date || page.cursor == fetching.cursor) {
                // the server ends before what is here: the next pull finds out
                return Ok(self.again(session));
            }
            let (after, until) = (fetching.cursor, page.cursor.clone());
            fetching.cursor = page.cursor;
            let of_asked = page.commits.into_iter().filter(|it| asked.includes(it.commit.stream.as_str()));
            let from = commits.len();
            commits.extend(of_asked);
            let fresh = &commits[from..];
            events += fresh.iter().map(|it| it.commit.events.len()).sum::<usize>();
            stretches.push(Stretch {
                after,
                until,
                ends: fresh.iter().map(|it| it.last_position()).collect(),
            });
        }
        if is_met && fetching.cursor != head.cursor && !self.is_known(transport, &head.cursor).await? {
            // it met the server's log, but not what is here: that is no longer a part of it
            return Ok(self.again(session));
        }
        let cursor =
            if is_met { fetching.cursor.clone().max(head.cursor.clone()) } else { head.cursor.clone() };
        let scope = fetching.scope.clone();
        let fetched = if is_met {
            Fetched { base, here: target, scope, fetching: None, stretches }
        } else {
            Fetched {
                here: base.here.clone(),
                scope: base.scope.clone(),
                base,
                fetching: Some(fetching),
                stretches,
            }
        };
        let log_id = head.log_id.as_deref().unwrap_or_default().to_owned();
        let page = Page { log_id, commits, cursor, up_to_date: false, scope: None, archived: None };
        let news = News { page: Some(page), after: head.cursor, fetched: Some(fetched), ..News::default() };
        let changed = self.take_in(&news).await?;
        if changed && is_met {
            *session.rights.borrow_mut() = None;
        }
        session.agreed.set(changed);
        Ok(Input::Pulled { up_to_date: false, pending: self.log.head().pending_commits, news: changed })
    }

    /// A look at the server's end comes first.
    fn again(&self, session: &Session) -> Input {
        session.agreed.set(false);
        Input::Pulled { up_to_date: false, pending: self.log.head().pending_commits, news: false }
    }

    /// Whether what is here is still what the news were asked on.
    pub(super) fn fits(&self, news: &News) -> bool {
        if made(Mistake::LatePageTaken) {
            return true;
        }
        let (head, now) = (self.log.head(), self.log.followed());
        let is_known = match &news.fetched {
            Some(Fetched { base, .. }) => {
                (&base.here, &base.scope, &base.fetching) == (&now.here, &now.scope, &now.fetching)
            }
            None => {
                head.cursor.0.is_empty() || now.here.covers(&news.follow) || made(Mistake::PastNotFetched)
            }
        };
        news.page.is_none() || head.cursor == news.after && is_known
    }

    /// What is followed and here once the news are taken in, if that changes.
    pub(super) fn followed_with(&self, news: &News) -> Option<Followed> {
        let page = news.page.as_ref()?;
        let now = self.log.followed();
        let after = match &news.fetched {
            Some(Fetched { here, scope, fetching, .. }) => Followed {
                here: here.clone(),
                scope: scope.clone(),
                fetching: fetching.clone(),
                ..now.clone()
            },
            None => {
                let scope = page.scope.as_deref().map(Into::into);
                let fetching = now.fetching.clone().filter(|it| !news.follow.covers(&it.streams));
                Followed { here: news.follow.clone(), scope, fetching, ..now.clone() }
            }
        };
        (after != now).then_some(after)
    }

    /// Forgets what is no longer followed, if the app wants that; whether there was something.
    pub(super) async fn forget_unfollowed(&self) -> Result<bool, LogError> {
        let keeps = self.wanted_streams(&self.log.followed());
        let mut streams = self.log.forgettable();
        streams.retain(|stream| !keeps.includes(stream.as_str()));
        if streams.is_empty() {
            return Ok(false);
        }
        let names = streams.iter().map(|stream| stream.as_str().to_owned()).collect();
        let forgotten =
            self.log.forget(streams, |stream| Write::DeletePrefix(Table::Snapshots, prefix(stream))).await?;
        if forgotten {
            self.wrote(Some(names));
        }
        Ok(forgotten)
    }
}

impl Fetched {
    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }
}

/// The streams and one more, if that still fits.
fn with_room(streams: Streams, one: &StreamName) -> Streams {
    if streams.includes(one.as_str()) {
        return streams;
    }
    let more = streams.with(&Streams::only(one));
    if fits(&more) { more } else { streams }
}

/// The page of a server that was asked for no more than some streams, and does not know how to leave others out.
pub(super) fn only(page: Page, asked: &Streams) -> Page {
    let mut page = page;
    page.commits.retain(|it| asked.includes(it.commit.stream.as_str()));
    page
}
