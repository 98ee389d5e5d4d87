//! Headers by which browsers keep answers from being taken for something else.

use crate::config::Origins;
use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header::X_CONTENT_TYPE_OPTIONS},
    middleware::Next,
    response::Response,
};

/// <https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header>
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Which pages may embed an answer (as an image or a script) without asking by CORS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Embedding(&'static str);

impl Embedding {
    /// Any page where any may talk to the server, else only those of the server's own origin.
    pub(crate) fn by(origins: &Origins) -> Self {
        Self(match origins {
            Origins::Any => "cross-origin",
            Origins::These(_) => "same-origin",
        })
    }
}

/// Every answer says that its media type is what it is, and who may embed it.
pub(crate) async fn harden(
    State(Embedding(policy)): State<Embedding>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static(policy));
    response
}
