//! Projections at work: rows kept up with the log, stored with their checkpoint, made anew beside the old ones, asked.
//!
//! Rows live in memory from the first look on, about their JSON and 100 bytes each; what is stored follows behind, and a crash
//! between two writes costs folding the events since the last one again. `follow` folds, `keep` loads and stores, `rebuild` makes a
//! new generation beside the one that is read, `dead_letters` takes in what was parked, `status` tells.

mod dead_letters;
mod follow;
mod keep;
mod rebuild;
mod status;

pub use dead_letters::{DeadLetter, Replayed};
pub use rebuild::RebuildProgress;
pub use status::{ProjectionError, ProjectionState, ProjectionStatus};

use super::{Engine, Inner, QueryContext, QueryKind, ReadError, error::unknown_projection};
use crate::{
    json::Json,
    log::{
        Head, Place, crc32,
        store::{Bytes, Store},
    },
    mistake::{Mistake, made},
    projection::{Checkpoint, Definition, Generation, Kind, MAX_TESTS, Projector, RowPage, RowQuery, Rows},
    time::Timestamp,
    upcast::Decoder,
    version::Position,
};
use futures_util::lock::Mutex;
use std::{cell::RefCell, rc::Rc, sync::Arc};

/// The events folded in one go.
const BATCH: usize = 1_000;
/// What is unsaved after so many events is stored at once, not only when there is time.
const UNSAVED: u64 = 4_000;

/// One projection: its function, its rows and how far they are.
pub(super) struct View {
    projector: Rc<dyn Projector>,
    /// That of the projector, with what the upcasters are that its events come through.
    definition: Definition,
    /// None before the first look.
    state: RefCell<Option<State>>,
    turn: Mutex<()>,
}

/// What is known of a projection's rows.
struct State {
    /// The checkpoint as this holder last saw or wrote it: its row, and what that says if it can be read.
    stored: Option<Bytes>,
    checkpoint: Option<Checkpoint>,
    next_generation: u64,
    /// Generations that nobody will go on with: their rows go with the next write.
    dropped: Vec<u64>,
    /// What is stored can't be read: it goes with the next write.
    sweeps: bool,
    /// Rows of an app that is newer, or of other code, are stored: what this one makes stays in memory.
    detached: bool,
    live: Generation,
    shadow: Option<Generation>,
    rows: Rows,
    pending: Option<Pending>,
    error: Option<ProjectionError>,
    /// A rebuild that the app drives, or has given up, goes on when it is asked for, or at the next opening.
    is_held: bool,
    /// Whether this holder wrote to the log since it last stored rows: then it stores them when there is time.
    is_writer: bool,
}

/// How far the upper layer is.
struct Pending {
    /// The last place folded into it.
    place: Option<Place>,
    /// The revision that it belongs to.
    revision: u64,
}

impl View {
    pub(super) fn new(projector: Rc<dyn Projector>, decoder: &Decoder) -> Self {
        let mut definition = projector.definition().clone();
        let upcasters = decoder.signature_for(&definition.types);
        if !upcasters.is_empty() && !made(Mistake::RowsOfOlderApp) {
            definition.fingerprint = crc32(&[&definition.fingerprint.to_le_bytes(), upcasters.as_bytes()]);
        }
        Self { projector, definition, state: RefCell::default(), turn: Mutex::new(()) }
    }

    pub(super) fn projector(&self) -> &Rc<dyn Projector> {
        &self.projector
    }

    fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Does something with the state; none before the first look.
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> Option<T> {
        self.state.borrow_mut().as_mut().map(look)
    }
}

impl State {
    /// Whether the rows that are read can be continued by this function.
    fn is_current(&self, definition: &Definition, head: &Head) -> bool {
        self.live.is_of(definition, head.history().as_ref(), head.position)
    }
}

impl<S: Store> Engine<S> {
    /// A row of a projection. Unless it is one that follows in batches, or is being made anew, it is brought up to the log's end
    /// first.
    ///
    /// # Errors
    /// [`ReadError`]: an unknown projection, or a log that fails.
    pub async fn row(&self, projection: &str, key: &str) -> Result<Option<Json>, ReadError> {
        let look = |state: &mut State| state.rows.get(&state.live.layer, key).cloned();
        let context = QueryContext::new(QueryKind::Row, projection, Some(key));
        Ok(self.inner.look(projection, context, look).await?.flatten())
    }

    /// All rows of a projection, sorted by key, as [`Engine::row`] sees them.
    ///
    /// # Errors
    /// As [`Engine::row`].
    pub async fn rows(&self, projection: &str) -> Result<Vec<(String, Json)>, ReadError> {
        let look = |state: &mut State| state.rows.all(&state.live.layer);
        let context = QueryContext::new(QueryKind::Rows, projection, None);
        let rows = self.inner.look(projection, context, look).await?.unwrap_or_default();
        Ok(rows.into_iter().map(|(key, row)| (key.as_ref().to_owned(), row)).collect())
    }

    /// The rows of a projection that a query finds, as [`Engine::row`] sees them, and how many there are in all. The answer is kept
    /// until a row changes that the query finds or found; then its stamp is another.
    ///
    /// # Errors
    /// [`ReadError::InvalidQuery`], and as [`Engine::row`].
    pub async fn query(&self, projection: &str, query: &RowQuery) -> Result<Rc<RowPage>, ReadError> {
        let tests = query.tests();
        if tests > MAX_TESTS {
            return Err(ReadError::InvalidQuery(format!("{tests} tests, over the limit of {MAX_TESTS}")));
        }
        let context = QueryContext::new(QueryKind::Rows, projection, None);
        let look = |state: &mut State| state.rows.query(&state.live.layer, query);
        let page = self.inner.look(projection, context, look).await?;
        Ok(page.unwrap_or_else(|| Rc::new(RowPage { rows: Vec::new(), count: 0, stamp: 0 })))
    }

    /// Waits until a projection has taken in the confirmed events up to a position: the end of the log now, if none is given. It
    /// is waiting, nothing else: an event that was confirmed elsewhere has to arrive first. Whoever wants to wait for a limited time
    /// drops the future. A projection that follows in batches follows now.
    ///
    /// # Errors
    /// [`ReadError::Project`] if the projection has stopped, [`ReadError::Log`] if the engine is closed meanwhile, and as
    /// [`Engine::row`].
    pub async fn wait_for(
        &self,
        projection: &str,
        position: Option<Position>,
    ) -> Result<Position, ReadError> {
        let inner = &self.inner;
        let position = position.unwrap_or(inner.log.head().position);
        loop {
            inner.check_open()?;
            let changed = inner.signal.next();
            let view = inner.view(projection)?;
            {
                let _turn = view.turn.lock().await;
                while inner.bring_up(view, usize::MAX).await? {}
            }
            let head = inner.log.head();
            let reached = view.with(|state| {
                let stopped = state.live.halted.as_ref().is_some_and(|halted| halted.retry_at.is_none());
                match (&state.error, stopped) {
                    (Some(error), true) => Err(error.failure(view.projector.name())),
                    _ => Ok((state.is_current(view.definition(), &head), state.live.position)),
                }
            });
            match reached.transpose()? {
                Some((true, reached)) if reached >= position => return Ok(reached),
                _ => changed.await,
            }
        }
    }
}

impl<S: Store> Inner<S> {
    fn view(&self, projection: &str) -> Result<&View, ReadError> {
        let named = |view: &&View| **view.projector.name() == *projection;
        self.views.iter().find(named).ok_or_else(|| unknown_projection(projection))
    }

    /// Looks at the rows as a reader sees them.
    async fn look<T>(
        &self,
        projection: &str,
        context: QueryContext,
        look: impl FnOnce(&mut State) -> T,
    ) -> Result<Option<T>, ReadError> {
        let seen = async {
            let view = self.view(projection)?;
            let _turn = view.turn.lock().await;
            self.ready(view).await?;
            Ok(view.with(look))
        };
        self.ask(context, seen).await
    }

    /// Gets a projection ready for being read.
    async fn ready(&self, view: &View) -> Result<(), ReadError> {
        self.check_open()?;
        match view.definition().kind {
            Kind::Batch { .. } => self.load(view).await,
            // of rows that are being made anew each look makes a part
            _ => self.bring_up(view, usize::MAX).await.map(|_| ()),
        }
    }

    /// Lets the projections that have to be current before a write resolves take it in, and notes for the others that there is
    /// something to store.
    pub(super) async fn project_at_once(&self) {
        for view in &self.views {
            view.with(|state| state.is_writer = true);
            if view.definition().kind == Kind::Immediate {
                let _turn = view.turn.lock().await;
                self.follow(view, usize::MAX).await;
            }
        }
    }
}

/// Names of projections and streams in keys of the derived tables.
fn key(parts: &[&str]) -> Rc<str> {
    parts.join("\0").into()
}

/// The error of a failed read, for the status and the host.
fn noted(error: &ReadError, at: Option<Timestamp>) -> ProjectionError {
    ProjectionError {
        code: error.code(),
        message: Arc::from(error.to_string()),
        stream: None,
        version: None,
        position: None,
        at,
        failures: 0,
        retry_at: None,
    }
}
