//! The resources of the server and who answers them.

use crate::{
    about::about,
    access::{Access, Pass, Rates},
    archived::archived,
    config::Config,
    config::Limits,
    cors::cors,
    deadline::Deadline,
    drain::drain,
    feed,
    hardening::{Embedding, harden},
    health::{health, ready},
    live::Places,
    log_name::LogName,
    metrics::Sources,
    pull::pull,
    push::push,
    refusal::Refusal,
    requests::watch,
    rules::Rules,
    storage::{Offer, PushError, Storage},
};
use axum::{
    Router,
    extract::{FromRef, FromRequestParts, RawPathParams},
    http::{Method, Uri, request::Parts},
    middleware::from_fn_with_state,
    routing::{get, post},
};
use std::sync::Arc;
use tidelog::{stream::StreamName, sync::protocol::Pushed};
use tokio::sync::Semaphore;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) limits: Limits,
    pub(crate) pushes: Arc<Semaphore>,
    pub(crate) places: Places,
    pub(crate) rates: Arc<Rates>,
    rules: Option<Rules>,
    access: Arc<Access>,
}

impl Shared {
    /// Pushes, past the rules if there are any.
    pub(crate) async fn take(&self, log: &LogName, offer: Offer) -> Result<Pushed, PushError> {
        match &self.rules {
            Some(rules) => rules.push(&*self.storage, log, offer).await,
            None => self.storage.push(log, offer).await,
        }
    }
}

/// The server as an axum router: to be served by [`serve`](crate::serve), to be called in a test, or to stand beside
/// routes of your own.
pub fn app(config: Config) -> Router {
    let Config { storage, access, origins, limits, metrics, rules } = config;
    let pushes = Arc::new(Semaphore::new(limits.max_pushes.max(1)));
    let places = Places::new(limits.max_live);
    if let Some(metrics) = &metrics {
        metrics.look_at(Sources { places: places.clone(), storage: Arc::clone(&storage) });
    }
    let rates = Arc::new(Rates::new(&limits));
    let shared = Shared { storage, limits, pushes, places, rates, rules, access: Arc::new(access) };
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/logs/{log}", get(about))
        .route("/logs/{log}/commits", post(push))
        .route("/logs/{log}/events", get(pull))
        .route("/logs/{log}/archived", get(archived))
        .route("/logs/{log}/feed", get(feed::read).head(feed::describe))
        .route("/logs/{log}/feed/{stream}", get(feed::read).head(feed::describe))
        .fallback(no_such_resource)
        .method_not_allowed_fallback(no_such_method)
        .with_state(shared)
        .layer(from_fn_with_state(limits.request_timeout, drain))
        .layer(cors(&origins))
        .layer(from_fn_with_state(Embedding::by(&origins), harden))
        .layer(from_fn_with_state(metrics, watch))
}

async fn no_such_resource(uri: Uri) -> Refusal {
    Refusal::not_found(format!("there is nothing at {}", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    Refusal::method_not_allowed(format!("{} has no method {method}", uri.path()))
}

/// What the address names, and what the client may do with the log.
pub(crate) struct Admitted {
    pub(crate) log: LogName,
    /// The stream, in addresses that name one.
    pub(crate) stream: Option<StreamName>,
    pub(crate) pass: Pass,
}

impl<S: Send + Sync> FromRequestParts<S> for Admitted
where
    Shared: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let shared = Shared::from_ref(state);
        // The keys of tokens may have to be fetched.
        let deadline = Deadline::after(shared.limits.request_timeout);
        let pass =
            deadline.bound(shared.access.admit(&parts.headers)).await.map_err(|_| Refusal::busy())??;
        shared.rates.request(pass.holder)?;
        let names = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| Refusal::not_found(error.body_text()))?;
        let named = |key| names.iter().find_map(|(name, value)| (name == key).then_some(value));
        let log = LogName::parse(named("log").unwrap_or_default())
            .map_err(|error| Refusal::not_found(error.to_string()))?;
        pass.check_log(&log)?;
        let stream = named("stream").map(StreamName::parse).transpose();
        let stream = stream.map_err(|error| Refusal::not_found(error.to_string()))?;
        Ok(Self { log, stream, pass })
    }
}
