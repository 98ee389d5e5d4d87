//! Keys that an issuer publishes at an address, as a JSON Web Key Set (RFC 7517): fetched when they are needed, and kept.

use super::key::Key;
use crate::trust;
use axum::{
    body::Bytes,
    http::{StatusCode, Uri},
};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::RootCertStore;
use std::{
    fmt, mem,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// The least time between two requests for the keys.
pub const KEYS_PAUSE: Duration = Duration::from_secs(60);
/// The age at which keys are asked for anew while they are in use: for so long a key that was withdrawn counts still.
pub const KEYS_AGE: Duration = Duration::from_secs(600);
/// The longest time for one request, from the connection to the last byte.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a set.
const MAX_SET: usize = 256 << 10;

/// The keys at an address. They are asked for when a token names one that is not known, at most once in [`KEYS_PAUSE`], and behind the
/// requests when they are older than [`KEYS_AGE`]. If that fails those that were known stay.
pub struct PublishedKeys {
    address: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    pause: Duration,
    keys: RwLock<Arc<[Key]>>,
    /// When they were last asked for. Held by whoever asks.
    asked: Mutex<Option<Instant>>,
}

/// Keys can't be fetched from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysAddressError {
    /// It is no address, or one whose answers anybody on the way could change.
    #[error("{0:?} is no address of keys: give https://…, or http://… on this machine")]
    Form(String),
    /// The system has no certificates to check the other's against.
    #[error("the system has no root certificates: install them, or name a file of them in SSL_CERT_FILE")]
    NoRoots,
    /// Encryption can't be set up.
    #[error("encryption can't be set up: {0}")]
    Encryption(#[from] rustls::Error),
}

impl PublishedKeys {
    /// Keys at an address: `https`, or `http` on this machine itself. Nothing is fetched yet. Redirects are not followed.
    ///
    /// # Errors
    /// [`KeysAddressError`].
    pub fn at(address: &str) -> Result<Self, KeysAddressError> {
        let wrong = || KeysAddressError::Form(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        let is_here = uri.scheme_str() == Some("http")
            && uri.host().is_some_and(|host| {
                let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
                host == "localhost" || ip.is_ok_and(|ip: IpAddr| ip.is_loopback())
            });
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_here => {}
            _ => return Err(wrong()),
        }
        let roots = if is_here { RootCertStore::empty() } else { trust::system_roots() };
        if roots.is_empty() && !is_here {
            return Err(KeysAddressError::NoRoots);
        }
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust::encryption(roots)?)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            address: uri,
            client: Client::builder(TokioExecutor::new()).build(connector),
            pause: KEYS_PAUSE,
            keys: RwLock::default(),
            asked: Mutex::default(),
        })
    }

    /// Asks more often than every [`KEYS_PAUSE`]: for tests.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Those that are known.
    pub(super) fn known(&self) -> Arc<[Key]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for them because one is missing. Whoever comes meanwhile waits for the same answer. It goes on when the future is dropped:
    /// a client that hangs up must not keep others from the keys.
    pub(super) async fn renew(self: &Arc<Self>) {
        let this = Arc::clone(self);
        let renewing = tokio::spawn(async move {
            let mut asked = this.asked.lock().await;
            if asked.is_none_or(|at| at.elapsed() >= this.pause) {
                this.fetch().await;
                *asked = Some(Instant::now());
            }
        });
        if let Err(error) = renewing.await {
            tracing::error!("fetching keys failed: {error}");
        }
    }

    /// Asks for them in the background if they are old.
    pub(super) fn look_after(self: &Arc<Self>) {
        let is_old = |asked: &Option<Instant>| asked.is_some_and(|at| at.elapsed() >= KEYS_AGE);
        if self.asked.try_lock().is_ok_and(|asked| is_old(&asked)) {
            let this = Arc::clone(self);
            tokio::spawn(async move { this.renew().await });
        }
    }

    async fn fetch(&self) {
        match timeout(PATIENCE, self.get()).await.unwrap_or_else(|_| Err("no answer in time".into())) {
            Ok(keys) => {
                let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
                drop(mem::replace(&mut *known, keys.into()));
            }
            Err(reason) => tracing::warn!("the keys at {} could not be fetched: {reason}", self.address),
        }
    }

    async fn get(&self) -> Result<Vec<Key>, String> {
        let answer = self.client.get(self.address.clone()).await.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the answer was {}", answer.status()));
        }
        let body =
            Limited::new(answer.into_body(), MAX_SET).collect().await.map_err(|error| error.to_string())?;
        let keys = Key::set(&body.to_bytes()).map_err(|error| error.to_string())?;
        // Whatever is published is no secret.
        Ok(keys.into_iter().filter(|key| !key.is_secret()).collect())
    }
}

impl fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishedKeys({})", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_anybody_could_change_are_not_asked_for() {
        for bad in [
            "",
            "keys.json",
            "ftp://localhost/",
            "http://academy.example/keys",
            "http://localhost.example/",
            "/keys",
        ] {
            assert!(matches!(PublishedKeys::at(bad), Err(KeysAddressError::Form(_))), "{bad:?}");
        }
        let there = PublishedKeys::at("https://academy.example/keys");
        assert!(matches!(there, Ok(_) | Err(KeysAddressError::NoRoots)), "{there:?}");
        for here in ["http://localhost:1/", "http://127.0.0.1/keys", "http://[::1]:8/keys"] {
            assert!(PublishedKeys::at(here).is_ok(), "{here}");
        }
    }
}
