//! Numbers of a server, in the text format 0.0.4 of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! Labels take few values: kinds of requests, status codes, outcomes. No name of a log is among them.

mod page;
mod sources;

pub use page::metrics_app;
pub(crate) use sources::Sources;

use crate::requests::{Outcome, Route};
use axum::http::StatusCode;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use std::{sync::OnceLock, time::Duration};

/// Bounds of the histogram of durations, in seconds.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Counts what a server does; see [`Config::metrics`](crate::Config::metrics) and [`metrics_app`].
///
/// ```
/// use tidelog_server::Metrics;
///
/// let text = Metrics::new()?.text()?;
/// assert!(text.contains("tidelog_live_clients 0"));
/// # Ok::<(), tidelog_server::MetricsError>(())
/// ```
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    under_way: IntGauge,
    durations: HistogramVec,
    commits: IntCounterVec,
    pushed: IntCounter,
    pulled: IntCounter,
    waiting: IntGauge,
    live: IntGauge,
    connections: IntGaugeVec,
    callers: IntGauge,
    sources: OnceLock<Sources>,
}

/// The numbers can't be kept or written: a mistake of this code.
#[derive(Debug, thiserror::Error)]
#[error("the numbers of the server: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

impl Metrics {
    /// Numbers of one server, all at zero.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn new() -> Result<Self, MetricsError> {
        let requests = Opts::new("tidelog_requests_total", "Requests that ended, by kind and status");
        let durations = HistogramOpts::new(
            "tidelog_request_duration_seconds",
            "From the head of a request to the end of its answer; not of those that wait for news",
        );
        let commits = Opts::new("tidelog_commits_total", "Commits that were pushed, by what became of them");
        let connections =
            Opts::new("tidelog_database_connections", "Connections to a PostgreSQL database, by state");
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(requests, &["route", "status"])?,
            under_way: IntGauge::new("tidelog_requests_under_way", "Requests that have not ended yet")?,
            durations: HistogramVec::new(durations.buckets(SECONDS.to_vec()), &["route"])?,
            commits: IntCounterVec::new(commits, &["outcome"])?,
            pushed: IntCounter::new("tidelog_pushed_events_total", "Events that were written")?,
            pulled: IntCounter::new("tidelog_pulled_events_total", "Events that were handed out")?,
            waiting: IntGauge::new("tidelog_pushes_waiting", "Pushes that wait for others to be done")?,
            live: IntGauge::new("tidelog_live_clients", "Clients that wait for news")?,
            connections: IntGaugeVec::new(connections, &["state"])?,
            callers: IntGauge::new(
                "tidelog_database_waiting",
                "Requests that wait for a connection to a PostgreSQL database",
            )?,
            sources: OnceLock::new(),
        };
        metrics.register()?;
        // A rate needs the zero before the first.
        for outcome in Outcome::ALL {
            metrics.commits.with_label_values(&[outcome.name()]).inc_by(0);
        }
        Ok(metrics)
    }

    fn register(&self) -> Result<(), MetricsError> {
        self.registry.register(Box::new(self.requests.clone()))?;
        self.registry.register(Box::new(self.under_way.clone()))?;
        self.registry.register(Box::new(self.durations.clone()))?;
        self.registry.register(Box::new(self.commits.clone()))?;
        self.registry.register(Box::new(self.pushed.clone()))?;
        self.registry.register(Box::new(self.pulled.clone()))?;
        self.registry.register(Box::new(self.waiting.clone()))?;
        self.registry.register(Box::new(self.live.clone()))?;
        self.registry.register(Box::new(self.connections.clone()))?;
        self.registry.register(Box::new(self.callers.clone()))?;
        #[cfg(target_os = "linux")]
        self.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(())
    }

    /// All numbers as text.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn text(&self) -> Result<String, MetricsError> {
        if let Some(sources) = self.sources.get() {
            self.live.set(sources.live());
            if let Some(connections) = sources.connections() {
                self.connections.with_label_values(&["in_use"]).set(connections.in_use);
                self.connections.with_label_values(&["idle"]).set(connections.idle);
                self.callers.set(connections.waiting);
            }
        }
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }

    /// Says where to look for what is not counted but seen. The first server that these numbers are given to is the one.
    pub(crate) fn look_at(&self, sources: Sources) {
        let _ = self.sources.set(sources);
    }

    pub(crate) fn begin(&self) {
        self.under_way.inc();
    }

    pub(crate) fn end(&self, route: Route, status: Option<StatusCode>, time: Duration) {
        let status = status.as_ref().map_or("gone", StatusCode::as_str);
        self.requests.with_label_values(&[route.name(), status]).inc();
        if route.is_timed() {
            self.durations.with_label_values(&[route.name()]).observe(time.as_secs_f64());
        }
        self.under_way.dec();
    }

    pub(crate) fn count_commit(&self, outcome: Outcome) {
        self.commits.with_label_values(&[outcome.name()]).inc();
    }

    pub(crate) fn count_pushed(&self, events: u64) {
        self.pushed.inc_by(events);
    }

    pub(crate) fn count_pulled(&self, events: u64) {
        self.pulled.inc_by(events);
    }

    pub(crate) fn waiting(&self) -> Waiting {
        self.waiting.inc();
        Waiting(self.waiting.clone())
    }
}

/// A push that waits; dropped when it goes on, or is given up.
pub(crate) struct Waiting(IntGauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}
