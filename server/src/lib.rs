//! The reference sync server of Tidelog, as a library.
//!
//! It keeps logs of commits, judges what clients push, and hands out what others pushed; `docs/protocol.md` says how to
//! talk to it. The binary `tidelog-server` is this library with arguments.
//!
//! ```
//! use std::sync::Arc;
//! use tidelog_server::{Access, Config, Limits, Sqlite, Token, app, serve};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let storage = Sqlite::in_memory()?;
//! let access = Access::Tokens(vec![Token::parse("only-for-this-example")?]);
//! let router = app(Config::new(Arc::new(storage), access));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! serve(listener, router, Limits::default(), async { /* resolves when the server shall stop */ }).await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

// so that the program names things as an app does
extern crate self as tidelog_server;

mod about;
mod access;
mod app;
pub mod archive;
mod archived;
mod args;
pub mod backup;
pub mod clock;
mod commands;
mod config;
pub mod contents;
pub mod copy;
mod cors;
mod deadline;
mod drain;
mod feed;
mod hardening;
mod health;
mod live;
mod log_name;
mod metrics;
mod openapi;
mod program;
mod pull;
mod push;
mod refusal;
mod requests;
mod rules;
mod serve;
pub mod storage;
mod trust;
pub mod verify;

pub use tidelog::authority::{candidate, cursor, domain::Domain, judge};

pub use access::{
    Access, KEYS_AGE, KEYS_PAUSE, Key, KeyError, KeysAddressError, LEEWAY, MAX_KEYS, MIN_SECRET, NotAToken,
    PublishedKeys, Token, Verifier,
};
pub use app::app;
pub use config::{Config, Limits, Origins};
pub use log_name::{LogName, MAX_LOG_NAME, NotALogName};
pub use metrics::{Metrics, MetricsError, metrics_app};
pub use openapi::openapi;
pub use program::Program;
pub use rules::{Rules, RulesError};
pub use serve::{Stopped, serve};
pub use storage::{Storage, postgres::Postgres, sqlite::Sqlite};
