//! Projections at work: rows kept up with the log, in two layers.

use super::{Engine, Inner, QueryContext, QueryKind, ReadError, error::unknown_projection};
use crate::{
    event::RecordedEvent,
    json::Json,
    log::{Place, Query, store::Store},
    projection::{Projector, Rows},
    version::Position,
};
use futures_util::lock::Mutex;
use std::{cell::RefCell, rc::Rc};

/// The events folded in one go.
const BATCH: usize = 1_000;

/// One projection: its function, its rows and how far they are.
pub(super) struct View {
    projector: Rc<dyn Projector>,
    rows: RefCell<Rows>,
    reached: RefCell<Reached>,
    turn: Mutex<()>,
}

#[derive(Clone, Copy, Default)]
struct Reached {
    /// The position of the last confirmed event folded into the lower layer.
    position: Position,
    /// The last place folded into the upper layer.
    pending: Option<Place>,
    /// The revision that the upper layer belongs to.
    revision: u64,
}

impl View {
    pub(super) fn new(projector: Rc<dyn Projector>) -> Self {
        Self { projector, rows: RefCell::default(), reached: RefCell::default(), turn: Mutex::new(()) }
    }

    pub(super) fn projector(&self) -> &Rc<dyn Projector> {
        &self.projector
    }
}

impl<S: Store> Engine<S> {
    /// A row of a projection, after bringing it up to the log's end.
    ///
    /// # Errors
    /// [`ReadError`]: an unknown projection, or a log, upcaster or projection that fails.
    pub async fn row(&self, projection: &str, key: &str) -> Result<Option<Json>, ReadError> {
        let context = QueryContext::new(QueryKind::Row, projection, Some(key));
        let row = async {
            let view = self.inner.view(projection).await?;
            let row = view.rows.borrow().get(key).cloned();
            Ok(row)
        };
        self.inner.ask(context, row).await
    }

    /// All rows of a projection, sorted by key, after bringing it up to the log's end.
    ///
    /// # Errors
    /// As [`Engine::row`].
    pub async fn rows(&self, projection: &str) -> Result<Vec<(String, Json)>, ReadError> {
        let context = QueryContext::new(QueryKind::Rows, projection, None);
        let rows = async {
            let view = self.inner.view(projection).await?;
            let rows = view.rows.borrow();
            Ok(rows.all().into_iter().map(|(key, row)| (key.to_owned(), row.clone())).collect())
        };
        self.inner.ask(context, rows).await
    }
}

impl<S: Store> Inner<S> {
    async fn view(&self, projection: &str) -> Result<&View, ReadError> {
        let named = |view: &&View| **view.projector.name() == *projection;
        let view = self.views.iter().find(named).ok_or_else(|| unknown_projection(projection))?;
        let _turn = view.turn.lock().await;
        self.bring_up(view).await?;
        Ok(view)
    }

    /// Folds what the log holds beyond what the view has reached. Confirmed events never change, so each batch of them goes in
    /// as it comes; pending ones go in only if nothing moved while they were read.
    async fn bring_up(&self, view: &View) -> Result<(), ReadError> {
        let query = |confirmed_only| Query {
            types: if self.decoder.is_empty() { view.projector.types().to_vec() } else { vec![] },
            confirmed_only,
            ..Query::default()
        };
        loop {
            let head = self.log.head();
            let mut reached = *view.reached.borrow();
            if reached.position < head.position {
                let from = Place::Confirmed(reached.position);
                let mut page = self.log.read(&query(true), from, BATCH).await?;
                reached.position = match page.next {
                    Some(Place::Confirmed(position)) => position,
                    _ => {
                        // what came in while reading is for the next round
                        page.events.retain(|event| event.position <= Some(head.position));
                        head.position
                    }
                };
                let events = self.wanted(view, page.events)?;
                view.rows.borrow_mut().confirm(&*view.projector, &events)?;
                *view.reached.borrow_mut() = reached;
                continue;
            }
            let afresh = reached.revision != head.revision || head.pending_commits == 0;
            let start = Place::Confirmed(head.position);
            let mut from = reached.pending.filter(|_| !afresh).unwrap_or(start).max(start);
            let mut events = Vec::new();
            let mut more = head.pending_commits > 0;
            while more {
                let page = self.log.read(&query(false), from, BATCH).await?;
                events.extend(page.events);
                more = page.next.is_some();
                from = page.next.unwrap_or(from);
            }
            let now = self.log.head();
            if (now.epoch, now.position, now.next_sequence) != (head.epoch, head.position, head.next_sequence)
            {
                continue;
            }
            let events = self.wanted(view, events)?;
            view.rows.borrow_mut().pend(&*view.projector, &events, afresh)?;
            let pending = (head.pending_commits > 0).then_some(Place::Pending(head.next_sequence, 0));
            *view.reached.borrow_mut() = Reached { pending, revision: head.revision, ..reached };
            return Ok(());
        }
    }

    fn wanted(&self, view: &View, events: Vec<RecordedEvent>) -> Result<Vec<RecordedEvent>, ReadError> {
        let mut events = self.decoder.decode(events)?;
        let types = view.projector.types();
        if !types.is_empty() {
            events.retain(|event| types.contains(&event.event.event_type));
        }
        Ok(events)
    }
}
