//! What a server is made of.

use crate::{access::Access, metrics::Metrics, rules::Rules, storage::Storage};
use axum::http::HeaderValue;
use std::{num::NonZeroU64, sync::Arc, time::Duration};
use tidelog::sync::protocol::MAX_PUSH_BYTES;

/// What a server is made of; see [`app`](crate::app).
#[derive(Clone)]
pub struct Config {
    /// Where the logs are kept.
    pub storage: Arc<dyn Storage>,
    /// Who may use them.
    pub access: Access,
    /// The pages that may talk to the server from a browser. Default: all, since a token is no cookie that a browser adds
    /// by itself.
    pub origins: Origins,
    /// Bounds on what a client can take up.
    pub limits: Limits,
    /// Where to count what the server does. Default: nowhere.
    pub metrics: Option<Arc<Metrics>>,
    /// The rules of the app. Default: none, then pushes are taken as the devices have decided them.
    pub rules: Option<Rules>,
}

impl Config {
    /// The defaults, over this storage, for these clients.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, access: Access) -> Self {
        Self { storage, access, origins: Origins::Any, limits: Limits::default(), metrics: None, rules: None }
    }
}

/// Origins of pages, as browsers send them (CORS).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// All pages.
    #[default]
    Any,
    /// Pages of these origins, such as `https://academy.example`.
    These(Vec<HeaderValue>),
}

/// Bounds on what a client can take up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body of a push, in bytes. Default 4 MiB.
    pub max_body: usize,
    /// The most connections at the same time; further ones wait to be accepted. At least 1. Default 1,024.
    pub max_connections: usize,
    /// The most pushes whose bodies are held at the same time; further ones wait. At least 1. Default 64.
    pub max_pushes: usize,
    /// How long a request may take, from its head to its answer. Default 30 s.
    pub request_timeout: Duration,
    /// How long a connection may take to send the head of a request, and so how long it may be idle. Default 60 s.
    pub idle_timeout: Duration,
    /// The most clients that wait for news at the same time, by a stream or by an answer that waits; further ones are refused with 503. Each
    /// takes up a connection, so keep it below [`max_connections`](Self::max_connections). Default 512.
    pub max_live: usize,
    /// How long a stream of news lasts; then the client connects again. Default 60 s.
    pub live_for: Duration,
    /// How long an answer of a [feed](https://github.com/durable-streams/durable-streams) waits for something new before it says that there is
    /// nothing. Default 20 s.
    pub feed_wait: Duration,
    /// The longest silence of a stream, and how long news can stay unnoticed that came by another way than this server's storage.
    /// Default 15 s.
    pub heartbeat: Duration,
    /// How long a client may take nothing of what it is sent before its connection is cut. Default 30 s.
    pub stall_timeout: Duration,
    /// The most requests per second of one token (of one subject, where tokens name one), over time; none: as many as there are. Each
    /// process counts by itself. Default none: a plain token may be that of all clients.
    pub rate: Option<NonZeroU64>,
    /// The most requests of one token at once, where [`rate`](Self::rate) bounds them. At least 1. Default 60.
    pub burst: u64,
    /// The most bytes per second that one token pushes, over time; none: as many as there are. At once it may push
    /// [`max_body`](Self::max_body), or the bytes of a second if that is more. Default none.
    pub byte_rate: Option<NonZeroU64>,
    /// How long the server goes on as before after it was told to stop, while `/readyz` says 503: time for a balancer to hear of it and
    /// send clients elsewhere. Default 0 s.
    pub shutdown_delay: Duration,
    /// How long requests under way may go on after that. Default 10 s.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: MAX_PUSH_BYTES,
            max_connections: 1_024,
            max_pushes: 64,
            request_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            max_live: 512,
            live_for: Duration::from_secs(60),
            feed_wait: Duration::from_secs(20),
            heartbeat: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            shutdown_delay: Duration::ZERO,
            rate: None,
            burst: 60,
            byte_rate: None,
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}
