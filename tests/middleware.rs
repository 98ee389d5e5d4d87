//! Middleware around commands, appends and queries: order, refusals, what it may add, what it sees, and where it does not run.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use futures_util::future::LocalBoxFuture;
use std::{cell::RefCell, rc::Rc};
use support::*;
use tidelog::{
    engine::{
        AppendContext, At, CommandContext, Engine, Imported, Middleware, NextAppend, NextCommand, NextQuery,
        QueryContext, ReadError, Receipt, WriteError, WriteOptions,
    },
    event::NewEvent,
    log::{Authority, MemoryStore, Place, Query},
    stream::StreamName,
    testing::ManualEnvironment,
};

type Diary = Rc<RefCell<Vec<String>>>;

/// Writes down what passes, in and out.
struct Logging {
    name: &'static str,
    diary: Diary,
}

impl Logging {
    fn note(&self, what: String) {
        self.diary.borrow_mut().push(format!("{} {what}", self.name));
    }
}

impl Middleware for Logging {
    fn command<'a>(
        &'a self,
        context: CommandContext,
        next: NextCommand<'a>,
    ) -> LocalBoxFuture<'a, Result<Receipt, WriteError>> {
        Box::pin(async move {
            self.note(format!("{} {}", context.command.command_type, context.id));
            let done = next.run(context).await;
            self.note(done.as_ref().map_or_else(|error| error.code().into(), |it| it.version.to_string()));
            done
        })
    }

    fn query<'a>(
        &'a self,
        context: QueryContext,
        next: NextQuery<'a>,
    ) -> LocalBoxFuture<'a, Result<(), ReadError>> {
        Box::pin(async move {
            let key = context.key.clone().unwrap_or_default();
            self.note(format!("{:?} {} {key}", context.kind, context.of));
            let done = next.run(context).await;
            self.note(done.as_ref().map_or_else(|error| error.code().into(), |()| "answered".into()));
            done
        })
    }
}

/// Everybody acts in their own name, and only ada may look.
struct Person(&'static str);

impl Middleware for Person {
    fn command<'a>(
        &'a self,
        mut context: CommandContext,
        next: NextCommand<'a>,
    ) -> LocalBoxFuture<'a, Result<Receipt, WriteError>> {
        if context.id == "closed" {
            return Box::pin(async { Err(WriteError::refused("closed", "this course is closed")) });
        }
        context.options.actor = Some(self.0.into());
        next.run(context)
    }

    fn query<'a>(
        &'a self,
        context: QueryContext,
        next: NextQuery<'a>,
    ) -> LocalBoxFuture<'a, Result<(), ReadError>> {
        if self.0 != "ada" {
            return Box::pin(async { Err(ReadError::refused("forbidden", "only ada may look")) });
        }
        next.run(context)
    }
}

async fn open(middleware: Vec<Rc<dyn Middleware>>) -> Engine<MemoryStore> {
    let environment = ManualEnvironment::new(1);
    let parts = tidelog::engine::Parts { middleware, ..parts(Authority::Device, &environment) };
    Engine::open(MemoryStore::new(), parts).await.unwrap()
}

async fn run(engine: &Engine<MemoryStore>, id: &str, lesson: &str) -> Result<Receipt, WriteError> {
    engine.execute("course", id, complete(lesson), WriteOptions::default()).await
}

#[test]
fn the_first_is_the_outermost_and_sees_how_it_ended() {
    block_on(async {
        let diary = Diary::default();
        let logging = |name| Rc::new(Logging { name, diary: Rc::clone(&diary) }) as Rc<dyn Middleware>;
        let engine = open(vec![logging("outer"), Rc::new(Person("ada")), logging("inner")]).await;
        let receipt = run(&engine, "a", "l1").await.unwrap();
        assert_eq!(receipt.events[0].metadata.actor.as_deref(), Some("ada"));
        assert_eq!(run(&engine, "a", "l1").await.unwrap_err().code(), "refused");
        engine.row("progress", "a").await.unwrap();
        engine.load("nothing", "a", At::Now).await.unwrap_err();
        let expected = [
            "outer CompleteLesson a",
            "inner CompleteLesson a",
            "inner 1",
            "outer 1",
            "outer CompleteLesson a",
            "inner CompleteLesson a",
            "inner refused",
            "outer refused",
            "outer Row progress a",
            "inner Row progress a",
            "inner answered",
            "outer answered",
            "outer Load nothing a",
            "inner Load nothing a",
            "inner unknown-aggregate",
            "outer unknown-aggregate",
        ];
        assert_eq!(*diary.borrow(), expected);
    });
}

#[test]
fn a_refusal_is_the_callers_and_leaves_nothing_behind() {
    block_on(async {
        let engine = open(vec![Rc::new(Person("ben"))]).await;
        let refused = run(&engine, "closed", "l1").await.unwrap_err();
        assert_eq!((refused.code(), refused.to_string().as_str()), ("refused", "this course is closed"));
        assert_eq!(engine.log().head().position, 0);
        run(&engine, "open", "l1").await.unwrap();
        let forbidden = ReadError::refused("forbidden", "only ada may look");
        assert_eq!(engine.load("course", "open", At::Now).await.err(), Some(forbidden.clone()));
        assert_eq!(engine.rows("progress").await.err(), Some(forbidden.clone()));
        let read = engine.read(&Query::default(), Place::START, 10).await;
        assert_eq!((read.as_ref().err(), read.as_ref().unwrap_err().code()), (Some(&forbidden), "refused"));
        let counters = engine.metrics().counters;
        assert_eq!(counters.of(tidelog::metrics::Counter::Refused), 4);
    });
}

/// Answers every query with nothing.
struct Silent;

impl Middleware for Silent {
    fn query<'a>(&'a self, _: QueryContext, _: NextQuery<'a>) -> LocalBoxFuture<'a, Result<(), ReadError>> {
        Box::pin(async { Ok(()) })
    }
}

#[test]
fn a_middleware_that_swallows_a_query_is_found_out() {
    block_on(async {
        let engine = open(vec![Rc::new(Silent)]).await;
        let error = engine.load("course", "a", At::Now).await.err().unwrap();
        assert!(matches!(error, ReadError::Refused { ref code, .. } if code == "no-answer"), "{error}");
    });
}

/// Runs a command again if it met a version conflict.
struct Again;

impl Middleware for Again {
    fn command<'a>(
        &'a self,
        context: CommandContext,
        next: NextCommand<'a>,
    ) -> LocalBoxFuture<'a, Result<Receipt, WriteError>> {
        Box::pin(async move {
            match next.run(context.clone()).await {
                Err(error) if error.code() == "version-conflict" => {
                    let options = WriteOptions { expected_version: None, ..context.options };
                    next.run(CommandContext { options, ..context }).await
                }
                done => done,
            }
        })
    }
}

#[test]
fn the_rest_may_be_run_again() {
    block_on(async {
        let engine = open(vec![Rc::new(Again)]).await;
        run(&engine, "a", "l1").await.unwrap();
        let expected_version = Some(tidelog::version::ExpectedVersion::Exact(0));
        let options = WriteOptions { expected_version, ..WriteOptions::default() };
        let receipt = engine.execute("course", "a", complete("l2"), options).await.unwrap();
        assert_eq!(receipt.version, 2);
    });
}

fn event() -> NewEvent {
    serde_json::from_str(r#"{ "type": "LessonCompleted", "data": { "lesson": "l1" } }"#).unwrap()
}

/// Writes down what is appended, and refuses what goes to a frozen stream.
struct Frozen(Diary);

impl Middleware for Frozen {
    fn append<'a>(
        &'a self,
        context: AppendContext,
        next: NextAppend<'a>,
    ) -> LocalBoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async move {
            for commit in &context.commits {
                let actor = context.actor.as_deref().unwrap_or("nobody");
                self.0.borrow_mut().push(format!("{} {} {actor}", commit.stream, commit.events.len()));
            }
            if context.commits.iter().any(|commit| commit.stream.id() == "frozen") {
                return Err(WriteError::refused("frozen", "nothing more is written to it"));
            }
            next.run(context).await?;
            self.0.borrow_mut().push("written".into());
            Ok(())
        })
    }
}

#[test]
fn appends_pass_through_and_may_be_refused() {
    block_on(async {
        let diary = Diary::default();
        let engine = open(vec![Rc::new(Frozen(Rc::clone(&diary)))]).await;
        let options = WriteOptions { actor: Some("ada".into()), ..WriteOptions::default() };
        let receipt = engine.append("course-a", vec![event()], options).await.unwrap();
        assert_eq!(receipt.version, 1);
        let commit = |id: &str, count| Imported {
            stream: StreamName::of("course", id).unwrap(),
            expected_version: None,
            events: (0..count).map(|_| event()).collect(),
        };
        assert_eq!(engine.append_many(vec![commit("b", 2), commit("c", 1)]).await.unwrap(), 3);
        let refused = engine.append("course-frozen", vec![event()], WriteOptions::default()).await;
        assert_eq!(refused.unwrap_err().code(), "refused");
        let refused = engine.append_many(vec![commit("d", 1), commit("frozen", 1)]).await;
        assert_eq!(refused.unwrap_err().code(), "refused");
        let expected = [
            "course-a 1 ada",
            "written",
            "course-b 2 nobody",
            "course-c 1 nobody",
            "written",
            "course-frozen 1 nobody",
            "course-d 1 nobody",
            "course-frozen 1 nobody",
        ];
        assert_eq!(*diary.borrow(), expected);
        let streams = engine.log().streams(None);
        assert_eq!(
            streams.iter().map(|it| it.as_str()).collect::<Vec<_>>(),
            ["course-a", "course-b", "course-c"]
        );
    });
}

/// Goes on with no append, and says nothing about it.
struct Swallowing;

impl Middleware for Swallowing {
    fn append<'a>(
        &'a self,
        _: AppendContext,
        _: NextAppend<'a>,
    ) -> LocalBoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async { Ok(()) })
    }
}

#[test]
fn a_middleware_that_swallows_an_append_is_found_out() {
    block_on(async {
        let engine = open(vec![Rc::new(Swallowing)]).await;
        let error = engine.append("course-a", vec![event()], WriteOptions::default()).await.unwrap_err();
        assert_eq!(error.code(), "refused");
        assert!(!engine.log().streams(None).iter().any(|it| it.as_str() == "course-a"));
    });
}
