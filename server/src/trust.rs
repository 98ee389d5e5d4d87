//! Whom the server believes when it opens an encrypted connection itself: to its database, and to whoever publishes keys.

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::sync::Arc;

/// The root certificates of the system, or of the file that `SSL_CERT_FILE` names; perhaps none.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("root certificates of the system: {error}");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

/// What encrypts, and believes these.
pub(crate) fn encryption(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}
