//! Kinds of requests, as lines and numbers name them: few, whatever is asked.

use crate::{feed, live};
use axum::{
    extract::{MatchedPath, Request},
    http::Method,
};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `POST /logs/{log}/commits`.
    Push,
    /// `GET /logs/{log}/events`, answered at once.
    Pull,
    /// The same, answered when there is news.
    Wait,
    /// The same as a stream.
    Stream,
    /// `GET /logs/{log}`.
    About,
    /// `GET /logs/{log}/archived`.
    Archived,
    /// `GET /logs/{log}/feed`, or the feed of a stream, answered at once.
    Feed,
    /// The same, answered when there is news.
    FeedWait,
    /// The same as a stream.
    FeedStream,
    /// `GET /healthz` and `GET /readyz`.
    Probe,
    /// What a browser asks before it asks (CORS).
    Preflight,
    /// Anything else.
    Other,
}

impl Route {
    pub(crate) fn of(request: &Request) -> Self {
        let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        if request.method() == Method::OPTIONS {
            return Self::Preflight;
        }
        match path {
            "/logs/{log}/commits" => Self::Push,
            "/logs/{log}/events" if live::is_wanted(request.headers()) => Self::Stream,
            "/logs/{log}/events" if waits(request.uri().query()) => Self::Wait,
            "/logs/{log}/events" => Self::Pull,
            "/logs/{log}" => Self::About,
            "/logs/{log}/archived" => Self::Archived,
            "/logs/{log}/feed" | "/logs/{log}/feed/{stream}" => match feed::live(request.uri().query()) {
                Some("sse") => Self::FeedStream,
                Some("long-poll") => Self::FeedWait,
                _ => Self::Feed,
            },
            "/healthz" | "/readyz" => Self::Probe,
            _ => Self::Other,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Wait => "wait",
            Self::Stream => "stream",
            Self::About => "about",
            Self::Archived => "archived",
            Self::Feed => "feed",
            Self::FeedWait => "feed-wait",
            Self::FeedStream => "feed-stream",
            Self::Probe => "probe",
            Self::Preflight => "preflight",
            Self::Other => "other",
        }
    }

    /// Whether how long it takes says something about the server, rather than about when news came.
    pub(crate) const fn is_timed(self) -> bool {
        !matches!(self, Self::Wait | Self::Stream | Self::FeedWait | Self::FeedStream)
    }
}

fn waits(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|field| field.starts_with("wait=")))
}
