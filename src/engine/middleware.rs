//! Middleware: what stands around commands, appends and queries, the first given outermost.
//!
//! It runs where the app asks: around [`Engine::execute`](super::Engine::execute), [`Engine::retry`](super::Engine::retry), appends and
//! the reads. It does not run when a rebase decides a pending command again: that has been allowed already, the person may not even be
//! there any more, and a rebase is pure. Whether an actor may still do it is for the server to judge, which refuses the commit.

use super::{Imported, Inner, ReadError, Receipt, WriteError, WriteOptions};
use crate::{
    commit::Command,
    id::CommitId,
    log::store::Store,
    metrics::{Counter, Timing},
};
use futures_util::future::LocalBoxFuture;
use std::{cell::RefCell, rc::Rc};

/// What stands around commands, appends and queries: validation, authorisation, logging, measuring.
///
/// ```
/// use futures_util::future::LocalBoxFuture;
/// use tidelog::engine::{CommandContext, Middleware, NextCommand, Receipt, WriteError};
///
/// /// Only a teacher may annul, and everybody acts in their own name.
/// struct Desk { person: &'static str, teacher: bool }
///
/// impl Middleware for Desk {
///     fn command<'a>(
///         &'a self,
///         mut context: CommandContext,
///         next: NextCommand<'a>,
///     ) -> LocalBoxFuture<'a, Result<Receipt, WriteError>> {
///         Box::pin(async move {
///             if &*context.command.command_type == "Annul" && !self.teacher {
///                 return Err(WriteError::refused("forbidden", "only a teacher may annul an exam"));
///             }
///             context.options.actor = Some(self.person.into());
///             next.run(context).await
///         })
///     }
/// }
/// ```
pub trait Middleware {
    /// A command on its way. Whatever the context holds goes on to the next; the last one decides.
    fn command<'a>(
        &'a self,
        context: CommandContext,
        next: NextCommand<'a>,
    ) -> LocalBoxFuture<'a, Result<Receipt, WriteError>> {
        next.run(context)
    }

    /// Events on their way without a command: [`Engine::append`](super::Engine::append), one transaction of
    /// [`Engine::append_many`](super::Engine::append_many), a rejected append that is given again. It sees whether they were written, and
    /// can refuse them.
    fn append<'a>(
        &'a self,
        context: AppendContext,
        next: NextAppend<'a>,
    ) -> LocalBoxFuture<'a, Result<(), WriteError>> {
        next.run(context)
    }

    /// A query on its way. It sees whether it was answered, not the answer.
    fn query<'a>(
        &'a self,
        context: QueryContext,
        next: NextQuery<'a>,
    ) -> LocalBoxFuture<'a, Result<(), ReadError>> {
        next.run(context)
    }
}

/// A command and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandContext {
    /// The aggregate.
    pub aggregate: String,
    /// The instance of it.
    pub id: String,
    /// The command.
    pub command: Command,
    /// What was said with it: actor, chain, trace context, expected version.
    pub options: WriteOptions,
}

/// What is appended without a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendContext {
    /// The commits, in order: one, or those of a bulk append.
    pub commits: Vec<Imported>,
    /// On whose behalf, if it was said.
    pub actor: Option<String>,
}

/// What a query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryContext {
    /// How it asks.
    pub kind: QueryKind,
    /// The aggregate or projection that it asks for; for events the one that they are restricted to, or empty.
    pub of: String,
    /// The id of the instance, or the key of the row, if it asks for one; for events the name of the stream.
    pub key: Option<String>,
}

/// How a query asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKind {
    /// For the state of an aggregate's instance.
    Load,
    /// For events.
    Read,
    /// For a row of a projection.
    Row,
    /// For rows of a projection.
    Rows,
}

type Executed<'a> = LocalBoxFuture<'a, Result<Receipt, WriteError>>;
type Appending<'a> = LocalBoxFuture<'a, Result<(), WriteError>>;
type Answered<'a> = LocalBoxFuture<'a, Result<(), ReadError>>;

/// The rest of the way of a command. It may be run more than once: each run is an execution of its own.
#[derive(Clone, Copy)]
pub struct NextCommand<'a> {
    rest: &'a [Rc<dyn Middleware>],
    end: &'a dyn Fn(CommandContext) -> Executed<'a>,
}

impl<'a> NextCommand<'a> {
    /// Goes on with the command.
    #[must_use]
    pub fn run(self, context: CommandContext) -> Executed<'a> {
        match self.rest.split_first() {
            Some((first, rest)) => first.command(context, Self { rest, ..self }),
            None => (self.end)(context),
        }
    }
}

/// The rest of the way of an append.
pub struct NextAppend<'a> {
    rest: &'a [Rc<dyn Middleware>],
    write: Appending<'a>,
}

impl<'a> NextAppend<'a> {
    /// Goes on with the append. A context that was changed is what the next middleware sees; what is written stays what it is.
    #[must_use]
    pub fn run(self, context: AppendContext) -> Appending<'a> {
        match self.rest.split_first() {
            Some((first, rest)) => first.append(context, Self { rest, ..self }),
            None => self.write,
        }
    }
}

/// The rest of the way of a query.
pub struct NextQuery<'a> {
    rest: &'a [Rc<dyn Middleware>],
    answer: Answered<'a>,
}

impl<'a> NextQuery<'a> {
    /// Goes on with the query. A context that was changed is what the next middleware sees; it asks for nothing else.
    #[must_use]
    pub fn run(self, context: QueryContext) -> Answered<'a> {
        match self.rest.split_first() {
            Some((first, rest)) => first.query(context, Self { rest, ..self }),
            None => self.answer,
        }
    }
}

impl QueryContext {
    pub(super) fn new(kind: QueryKind, of: &str, key: Option<&str>) -> Self {
        Self { kind, of: of.to_owned(), key: key.map(str::to_owned) }
    }
}

impl WriteError {
    /// A refusal by a middleware, like that of an aggregate: a stable word of the app's own, and a message for a person.
    #[must_use]
    pub fn refused(code: &str, message: &str) -> Self {
        crate::aggregate::DecideError::Refused { code: Some(code.into()), message: message.into() }.into()
    }
}

impl ReadError {
    /// A refusal by a middleware: a stable word of the app's own, and a message for a person.
    #[must_use]
    pub fn refused(code: &str, message: &str) -> Self {
        Self::Refused { code: code.into(), message: message.into() }
    }
}

impl<S: Store> Inner<S> {
    /// A command of the app, through the middleware.
    pub(super) async fn command(
        &self,
        context: CommandContext,
        resolves: Option<CommitId>,
    ) -> Result<Receipt, WriteError> {
        let end = |context: CommandContext| -> Executed<'_> {
            Box::pin(async move {
                let CommandContext { aggregate, id, command, options } = context;
                self.execute(&aggregate, &id, command, options, resolves).await
            })
        };
        let done = NextCommand { rest: &self.middleware, end: &end }.run(context).await;
        match &done {
            Ok(receipt) if receipt.events.is_empty() => self.meter.count(Counter::Silent, 1),
            Ok(_) => {}
            Err(error) => self.note("execute", error.code()),
        }
        done
    }

    /// An append of the app, through the middleware. Where there is none, nobody looks at `commits`.
    pub(super) async fn appended<T>(
        &self,
        commits: Vec<Imported>,
        actor: Option<String>,
        write: impl Future<Output = Result<T, WriteError>>,
    ) -> Result<T, WriteError> {
        let done = if self.middleware.is_empty() {
            write.await
        } else {
            let kept = RefCell::new(None);
            let write = async {
                *kept.borrow_mut() = Some(write.await?);
                Ok(())
            };
            let context = AppendContext { commits, actor };
            let passed = NextAppend { rest: &self.middleware, write: Box::pin(write) }.run(context).await;
            passed.and_then(|()| {
                kept.into_inner().ok_or_else(|| {
                    WriteError::refused(
                        "no-answer",
                        "a middleware did not go on with the append, and gave no reason",
                    )
                })
            })
        };
        done.inspect_err(|error| self.note("append", error.code()))
    }

    /// A query of the app, through the middleware.
    pub(super) async fn ask<T>(
        &self,
        context: QueryContext,
        answer: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let kept = RefCell::new(None);
        let answer = async {
            *kept.borrow_mut() = Some(answer.await?);
            Ok(())
        };
        self.answered(context, Box::pin(answer)).await?;
        kept.into_inner().ok_or_else(|| {
            ReadError::refused("no-answer", "a middleware did not go on with the query, and gave no reason")
        })
    }

    async fn answered(&self, context: QueryContext, answer: Answered<'_>) -> Result<(), ReadError> {
        let timing = match context.kind {
            QueryKind::Load => Timing::Load,
            QueryKind::Read => Timing::Read,
            QueryKind::Row | QueryKind::Rows => Timing::Query,
        };
        let began = self.meter.begin();
        let done = NextQuery { rest: &self.middleware, answer }.run(context).await;
        match &done {
            Ok(()) => self.meter.end(timing, began),
            Err(error) => self.note(timing.name(), error.code()),
        }
        done
    }

    /// Counts a call of the app that failed.
    pub(super) fn note(&self, doing: &'static str, code: &'static str) {
        let counter = match code {
            "refused" => Counter::Refused,
            "version-conflict" => Counter::Conflicts,
            _ => Counter::Failed,
        };
        self.meter.count(counter, 1);
        if counter == Counter::Failed {
            self.meter.failed(doing, code);
        }
    }
}
