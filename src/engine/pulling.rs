//! Pulling: the loop's memory of its exchanges, and the one that asks for what is new.

use super::{
    Inner, ReadError,
    fencing::Fence,
    following::{Course, only},
    news::News,
};
use crate::{
    log::{
        LogError,
        store::{Store, StoreError},
    },
    mistake::{Mistake, made},
    stream::StreamName,
    streams::Streams,
    sync::{
        live,
        machine::{Failure, Input, QUOTA_EXCEEDED},
        protocol::MAX_PUSH_COMMITS,
        transport::Transport,
    },
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    sync::Arc,
};

/// What the loop remembers from one exchange to the next. All of it may be lost.
pub(super) struct Session {
    /// Streams in which the server saw a conflict that no pull has explained yet.
    pub(super) conflicts: RefCell<BTreeSet<StreamName>>,
    /// How many commits a push may hold; halved when the server finds a push too large or unreadable.
    pub(super) batch: Cell<usize>,
    /// What was heard, and the next pull need not ask for.
    pub(super) news: RefCell<Option<Box<live::News>>>,
    /// How pushes are told from those of a copy.
    pub(super) fence: Fence,
    /// The streams that the listening is about.
    pub(super) listened: RefCell<Streams>,
    /// Whether the server still had the history that is here, the last time it was asked: only then the past of other streams is fetched.
    pub(super) agreed: Cell<bool>,
    /// What stands for the streams that the server lets this client read by now, if they are not those that it could read before.
    pub(super) rights: RefCell<Option<Option<Arc<str>>>>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            conflicts: RefCell::default(),
            batch: Cell::new(MAX_PUSH_COMMITS),
            news: RefCell::default(),
            fence: Fence::default(),
            listened: RefCell::default(),
            agreed: Cell::new(false),
            rights: RefCell::default(),
        }
    }
}

pub(super) fn failure(code: &'static str, message: String) -> Failure {
    Failure { code, message, retry_after: None, problem: None }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Log(error) => error.into(),
            error => failure("app", error.to_string()),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let code = match error {
            LogError::Store(StoreError::QuotaExceeded) => QUOTA_EXCEEDED,
            _ => "storage",
        };
        failure(code, error.to_string())
    }
}

impl<S: Store> Inner<S> {
    pub(super) async fn pull(&self, transport: &impl Transport, session: &Session) -> Result<Input, Failure> {
        self.log.catch_up().await?;
        let (head, followed) = (self.log.head(), self.log.followed());
        let rights_changed = session.rights.borrow().is_some();
        let Course { asked, fetches } = self.course(&head, &followed, rights_changed).await?;
        if let Some(target) = &fetches
            && session.agreed.take()
        {
            return self.fetch_past(transport, session, target.clone()).await;
        }
        let cursor = head.cursor;
        let heard = session.news.take();
        let fits = |news: &live::News| news.after == cursor && *session.listened.borrow() == asked;
        let heard = heard.filter(|news| fits(news) || made(Mistake::NewsTakenAnywhere));
        let page = match heard {
            Some(news) => news.page,
            None => match self.pull_page(transport, &cursor, &asked).await {
                Err(failure) if failure.is_of_archived() => {
                    let held = self.log.archive().cursor_of(&asked);
                    self.learn_archived(transport, &asked, false).await?;
                    // a server that has no others than are here would be asked for ever
                    if self.log.archive().cursor_of(&asked) == held {
                        return Err(failure);
                    }
                    let pending = self.log.head().pending_commits;
                    return Ok(Input::Pulled { up_to_date: false, pending, news: true });
                }
                Err(failure) if failure.is_of_lost_history() && !cursor.0.is_empty() => {
                    return self.go_back(transport).await;
                }
                page => page?,
            },
        };
        if page.scope.as_deref() != followed.scope.as_deref() && !cursor.0.is_empty() {
            // of streams that may be read only now, this page would be the middle
            self.check_log(&page.log_id)?;
            *session.rights.borrow_mut() = Some(page.scope.as_deref().map(Into::into));
            session.agreed.set(true);
            let pending = self.log.head().pending_commits;
            return Ok(Input::Pulled { up_to_date: false, pending, news: false });
        }
        *session.rights.borrow_mut() = None;
        let page = only(page, &asked);
        let archived = page.archived.clone().unwrap_or_default();
        let held = self.log.archive();
        if archived != held.cursor_of(&asked) || archived.0.is_empty() && held.count() > 0 {
            self.check_log(&page.log_id)?;
            self.learn_archived(transport, &asked, false).await?;
            // after a restore, the page may go on with what is here by a marker only
            if archived == self.log.archive().cursor {
                let pending = self.log.head().pending_commits;
                return Ok(Input::Pulled { up_to_date: false, pending, news: true });
            }
        }
        let up_to_date = page.up_to_date && fetches.is_none();
        session.agreed.set(fetches.is_some());
        let arrived = page.commits.iter().map(|commit| &commit.commit.stream);
        {
            let mut conflicts = session.conflicts.borrow_mut();
            for stream in arrived {
                conflicts.remove(stream);
            }
        }
        let mut news = News { page: Some(page), after: cursor, follow: asked, ..News::default() };
        if up_to_date {
            news.conflicts.clone_from(&session.conflicts.borrow());
        }
        let changed = self.take_in(&news).await?;
        if !changed && !self.fits(&news) {
            // another tab was faster
            return Ok(Input::Pulled {
                up_to_date: false,
                pending: self.log.head().pending_commits,
                news: false,
            });
        }
        if up_to_date {
            session.conflicts.borrow_mut().clear();
        }
        Ok(Input::Pulled { up_to_date, pending: self.waiting().await?, news: changed })
    }
}
