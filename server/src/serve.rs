//! Connections: accepted within a bound, ended when idle, finished before the server stops.

use crate::{config::Limits, live::Stopper};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time};
use tokio_io_timeout::TimeoutStream;

/// How long to wait before accepting again when the system has no file descriptor or memory left for a connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// About the most bytes that a connection buffers: 64 KiB. The head of a request has to fit, else it is answered with 431.
const BUFFER: usize = 64 << 10;

/// How the server stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every request under way was answered.
    Clean,
    /// Some connections were cut, because they went on beyond [`Limits::shutdown_timeout`].
    Cut,
}

/// Serves the router on the listener until `stop` resolves. Then `/readyz` answers 503 at once; after
/// [`Limits::shutdown_delay`] it accepts no more, ends idle connections and streams of news, and lets requests under way finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Stopped {
    let places = Arc::new(Semaphore::new(limits.max_connections.max(1)));
    let stopper = Stopper::new();
    let router = router.layer(Extension(stopper.stopping()));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout).max_buf_size(BUFFER);
    let stop = async {
        stop.await;
        stopper.leave();
        time::sleep(limits.shutdown_delay).await;
    };
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            // Never closed, so that the place is always given.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        match stream {
            Ok((stream, _)) => {
                // Answers are small and whole: waiting to fill a packet would only delay them.
                let _ = stream.set_nodelay(true);
                let service = TowerToHyperService::new(router.clone());
                let mut stream = TimeoutStream::new(stream);
                stream.set_write_timeout(Some(limits.stall_timeout));
                let stream = TokioIo::new(Box::pin(stream));
                let connection = graceful.watch(http.serve_connection(stream, service));
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!("a connection ended: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("no connection could be accepted: {error}");
                time::sleep(EXHAUSTED).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    stopper.stop();
    match time::timeout(limits.shutdown_timeout, graceful.shutdown()).await {
        Ok(()) => Stopped::Clean,
        Err(_) => Stopped::Cut,
    }
}
