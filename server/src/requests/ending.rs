//! The end of a request: when the last of its answer is handed to the connection, or the client has gone.

use super::{
    route::Route,
    tally::{Outcome, Tally},
};
use crate::refusal::Why;
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{Method, StatusCode},
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};
use tracing::{Level, Span};

/// Tells of the request when it is dropped.
pub(super) struct Ending {
    began: Instant,
    method: Method,
    route: Route,
    tally: Tally,
    span: Span,
    /// None until there is an answer: the client may have gone before.
    status: Option<StatusCode>,
    why: Option<Why>,
    bytes: u64,
}

impl Ending {
    pub(super) fn new(request: &Request, tally: Tally, span: Span) -> Self {
        if let Some(metrics) = tally.metrics() {
            metrics.begin();
        }
        Self {
            began: Instant::now(),
            method: request.method().clone(),
            route: Route::of(request),
            tally,
            span,
            status: None,
            why: None,
            bytes: 0,
        }
    }

    /// The answer, whose end is that of the request.
    pub(super) fn after(mut self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        self.status = Some(parts.status);
        self.why = parts.extensions.get::<Why>().cloned();
        Response::from_parts(parts, Body::new(Watched { body, ending: self }))
    }

    fn write(&self) {
        let Self { method, route, tally, status, bytes, .. } = self;
        let route = route.name();
        let status = status.map(|status| status.as_u16());
        let seconds = self.began.elapsed().as_secs_f64();
        let problem = self.why.as_ref().map(|why| why.problem);
        let why = self.why.as_ref().and_then(|why| why.detail.as_deref());
        let [committed, duplicate, conflict, rejected, blocked] =
            Outcome::ALL.map(|outcome| tally.commits(outcome));
        let events = tally.events();
        macro_rules! line {
            ($level:expr, $message:literal) => {
                tracing::event!(
                    $level,
                    %method, route, status, seconds, bytes, events,
                    committed, duplicate, conflict, rejected, blocked, problem, why,
                    $message
                )
            };
        }
        match (status, self.route) {
            (None, _) => line!(Level::INFO, "the client went away"),
            (Some(500..), _) => line!(Level::WARN, "answered"),
            // Somebody asks every few seconds.
            (Some(_), Route::Probe) => line!(Level::DEBUG, "answered"),
            (Some(_), _) => line!(Level::INFO, "answered"),
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.span.in_scope(|| self.write());
        if let Some(metrics) = self.tally.metrics() {
            metrics.end(self.route, self.status, self.began.elapsed());
        }
    }
}

/// A body that knows when it ends, and is read as a part of its request.
struct Watched {
    body: Body,
    ending: Ending,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, ending } = &mut *self;
        let frame = ending.span.in_scope(|| Pin::new(body).poll_frame(context));
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            ending.bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
