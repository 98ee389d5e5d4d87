//! Event sourcing in the browser.
//!
//! Aggregates decide offline, their events are durable in IndexedDB before the promise resolves, and a sync with a server
//! brings them home: it pulls what others did, rebases what was decided here, and gives every command a typed outcome.
//!
//! The crate is the core of the npm package `tidelog`. Compiled natively, over a log in memory, it also serves the reference
//! server and the tests, and runs like this:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use std::{collections::BTreeSet, rc::Rc, time::SystemTime};
//! use tidelog::{
//!     aggregate::{Aggregate, Context, Registry},
//!     commit::Command,
//!     engine::{At, Engine, Parts, WriteOptions},
//!     environment::{Environment, Surroundings},
//!     json::Json,
//!     log::{Authority, MemoryStore},
//!     time::Timestamp,
//! };
//!
//! struct Course;
//!
//! #[derive(Deserialize)]
//! #[serde(tag = "type", content = "data")]
//! enum Ask { CompleteLesson { lesson: String } }
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(tag = "type", content = "data")]
//! enum Fact { LessonCompleted { lesson: String } }
//!
//! #[derive(Debug, thiserror::Error)]
//! #[error("lesson {0} is completed already")]
//! struct Already(String);
//!
//! impl Aggregate for Course {
//!     const NAME: &'static str = "course";
//!     type State = BTreeSet<String>;
//!     type Command = Ask;
//!     type Event = Fact;
//!     type Error = Already;
//!
//!     fn decide(done: &BTreeSet<String>, ask: Ask, _: &Context) -> Result<Vec<Fact>, Already> {
//!         let Ask::CompleteLesson { lesson } = ask;
//!         if done.contains(&lesson) { Err(Already(lesson)) } else { Ok(vec![Fact::LessonCompleted { lesson }]) }
//!     }
//!
//!     fn evolve(mut done: BTreeSet<String>, fact: &Fact) -> BTreeSet<String> {
//!         let Fact::LessonCompleted { lesson } = fact;
//!         done.insert(lesson.clone());
//!         done
//!     }
//! }
//!
//! struct Here;
//!
//! impl Environment for Here {
//!     fn now(&self) -> Timestamp {
//!         let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
//!         Timestamp(since.as_millis() as i64)
//!     }
//!     fn random(&self) -> [u8; 10] {
//!         *b"not random" // enough for one example, not for an app
//!     }
//! }
//!
//! # futures_executor::block_on(async {
//! let mut registry = Registry::default();
//! registry.add::<Course>()?;
//! let surroundings = Surroundings::new(Rc::new(Here));
//! let parts = Parts { registry, actor: Some("ada".into()), ..Parts::new(Authority::Device, surroundings) };
//! let tidelog = Engine::open(MemoryStore::new(), parts).await?;
//! let ask = Command { command_type: "CompleteLesson".into(), data: Json::parse(r#"{"lesson":"l1"}"#)? };
//! let receipt = tidelog.execute("course", "algebra-1", ask.clone(), WriteOptions::default()).await?;
//! assert_eq!(receipt.version, 1);
//! let refused = tidelog.execute("course", "algebra-1", ask, WriteOptions::default()).await.unwrap_err();
//! assert_eq!(refused.to_string(), "lesson l1 is completed already");
//! let (_state, version) = tidelog.load("course", "algebra-1", At::Now).await?;
//! assert_eq!(version, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

pub mod aggregate;
#[cfg(feature = "authority")]
pub mod authority;
pub mod command_id;
pub mod commit;
pub mod conflict;
pub mod difference;
pub mod engine;
pub mod environment;
pub mod event;
#[cfg(doctest)]
mod guide;
pub mod health;
pub mod id;
pub mod json;
pub mod log;
pub mod merge;
pub mod metadata;
pub mod metrics;
#[doc(hidden)] // for the simulator
pub mod mistake;
mod order;
pub mod process;
pub mod projection;
pub mod replay;
pub mod rules;
pub mod snapshot;
pub mod stream;
pub mod streams;
pub mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod transfer;
pub mod upcast;
mod variants;
pub mod version;
#[cfg(all(target_arch = "wasm32", feature = "web"))]
pub mod web;
