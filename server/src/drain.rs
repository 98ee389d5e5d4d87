//! Reads the rest of a request's body that nobody wanted, so that the answer arrives.
//!
//! A connection that is closed while the client still sends is reset, and a client that only reads once it has sent all
//! never sees the 401 or 413 that was meant for it.

use crate::deadline::Deadline;
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::oneshot;

/// The most bytes read in vain: 16 MiB. Beyond that the connection is reset after all.
const MOST: usize = 16 << 20;

/// Calls the handler, and drains what it left of the body before its answer goes out.
pub(crate) async fn drain(State(time): State<Duration>, request: Request, next: Next) -> Response {
    let deadline = Deadline::after(time);
    let (parts, body) = request.into_parts();
    let (give_back, mut given_back) = oneshot::channel();
    let lent = Body::new(Lent { body, give_back: Some(give_back) });
    let response = next.run(Request::from_parts(parts, lent)).await;
    if let Ok(rest) = given_back.try_recv() {
        // Whatever goes wrong here, the answer is the same.
        let _ = deadline.bound(discard(rest)).await;
    }
    response
}

async fn discard(mut rest: Body) {
    let mut left = MOST;
    while let Some(Ok(frame)) = rest.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => return,
        }
    }
}

/// A body that comes back when it is dropped before its end.
struct Lent {
    body: Body,
    give_back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take()
            && !self.body.is_end_stream()
        {
            // Nobody takes it if the request was given up.
            let _ = give_back.send(std::mem::take(&mut self.body));
        }
    }
}
